//! Bringing an image that was built here to a host, without a registry: only the layers that the host lacks travel,
//! packed, in one file that is verified there before an engine sees it.
//!
//! A layer is left out when an image of the host begins with the same layers up to and including it; then the engine has
//! it, whichever image it came with. An engine that keeps images in containerd's store needs every layer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::archive::Saved;
use super::build::{Scratch, docker};
use super::{Engine, Error, Image, Sort, read_image};
use crate::exec::{self, Command};
use crate::remote::host::files::{self, Sending, Source, Then};

const LOOK: &str = include_str!("look.sh");
const RECEIVE: &str = include_str!("receive.sh");
/// How long an engine may take to unpack an image.
const LIMIT: Duration = Duration::from_mins(20);

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The image as the host has it.
    pub image: Image,
    /// How many bytes went over the connection.
    pub bytes: u64,
    /// How many layers the host had.
    pub had: usize,
}

/// What a host's engine has.
#[derive(Debug, Default, PartialEq, Eq)]
struct There {
    /// It takes whole images only.
    whole: bool,
    zstd: bool,
    /// The room on the fuller of the disks concerned, in kilobytes.
    free_kb: u64,
    freeable: u64,
    images: Vec<(String, Vec<String>)>,
    /// The image that is to come, as it is there already.
    own: String,
    /// Files that were sent, and parts of them: their names and sizes.
    sent: Vec<(String, u64)>,
}

impl There {
    fn read(text: &str) -> Self {
        let mut there = Self { free_kb: u64::MAX, ..Self::default() };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let number = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok());
            match words.next() {
                Some("whole") => there.whole = true,
                Some("zstd") => there.zstd = true,
                Some("free") => there.free_kb = there.free_kb.min(number(words.next()).unwrap_or(0)),
                Some("freeable") => there.freeable += number(words.next()).unwrap_or(0),
                Some("image") => {
                    let id = words.next().unwrap_or_default().trim_start_matches("sha256:").to_owned();
                    there.images.push((id, words.map(str::to_owned).collect()));
                }
                Some("own") => there.own = words.collect::<Vec<_>>().join(" "),
                Some("sent") => {
                    let size = number(words.next()).unwrap_or(0);
                    there.sent.push((words.next().unwrap_or_default().to_owned(), size));
                }
                _ => {}
            }
        }
        there
    }

    /// How many of these layers, from the lowest on, it has.
    fn has(&self, layers: &[String]) -> usize {
        let same = |theirs: &[String]| layers.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
        if self.whole { 0 } else { self.images.iter().map(|(_, theirs)| same(theirs)).max().unwrap_or(0) }
    }

    /// How many bytes it has of the file with this checksum, which is its name.
    fn has_of(&self, sum: &str) -> u64 {
        let part = format!("{sum}.{sum}.part");
        let size = |wanted: &str| self.sent.iter().find(|(name, _)| name == wanted).map(|(_, size)| *size);
        size(sum).or_else(|| size(&part)).unwrap_or(0)
    }
}

/// Sends an image of this machine's engine to a host, under the same name. `arch` is the host's architecture as its kernel
/// spells it, `blobs` the folder there that files are sent to, `old` the names of images that could go if there is no
/// room. May be repeated: what is there is not sent again.
///
/// # Errors
/// [`Error::Architecture`] and [`Error::NoRoom`] before anything is sent; [`Error::NoEngine`], [`Error::Rejected`],
/// [`Error::Different`], and what a host fails with.
pub async fn send(
    engine: &Engine<'_>,
    image: &Image,
    arch: &str,
    blobs: &str,
    old: &[String],
    cancel: &CancellationToken,
) -> Result<Sent, Error> {
    let host = engine.host.name();
    super::check_arch(&image.arch, arch, host)?;
    let there = look(engine, blobs, &image.reference, old, cancel).await?;
    if let Some(image) = read_image(&image.reference, &there.own).filter(|found| same(found, image, there.whole)) {
        return Ok(Sent { had: image.layers.len(), image, bytes: 0 });
    }
    let scratch = Scratch::new()?;
    let saved = scratch.0.join("saved.tar");
    let save = docker().args(["save", "--output"]).arg(&saved).arg(&image.reference).deadline(LIMIT);
    exec::run_ok(&save, cancel).await?;
    let had = there.has(&image.layers);
    let (had, (bytes, arrived)) = match part(engine, image, &there, had, &saved, blobs, &scratch.0, cancel).await {
        // The engine has them in another way than it looks.
        Err(Error::Rejected { .. }) if had > 0 => {
            (0, part(engine, image, &there, 0, &saved, blobs, &scratch.0, cancel).await?)
        }
        other => (had, other?),
    };
    match arrived {
        Some(arrived) if same(&arrived, image, there.whole) => Ok(Sent { image: arrived, bytes, had }),
        _ => Err(Error::Different { host: host.to_owned(), reference: image.reference.clone() }),
    }
}

/// An image's id is the checksum of its configuration; only containerd's store names it by another, and then its layers
/// and the name, which holds the release, have to do.
fn same(one: &Image, other: &Image, whole: bool) -> bool {
    one.id == other.id || whole && one.layers == other.layers && one.arch == other.arch
}

async fn look(
    engine: &Engine<'_>,
    blobs: &str,
    reference: &str,
    old: &[String],
    cancel: &CancellationToken,
) -> Result<There, Error> {
    const WHAT: &str = "say which layers it has";
    let script = engine.script(WHAT, LOOK).arg(blobs).arg(reference).args(old.iter().cloned());
    let script = script.keep(8 * 1024 * 1024).harmless();
    let answer = engine.host.run(&script, cancel).await?;
    if answer.code != 0 {
        return Err(engine.error(WHAT, &answer));
    }
    Ok(There::read(&answer.stdout.text()))
}

/// Sends the layers from one on, and has the engine take them; how many bytes went, and the image as it is there then.
#[expect(clippy::too_many_arguments, reason = "one call of one function, done a second time with another number")]
async fn part(
    engine: &Engine<'_>,
    image: &Image,
    there: &There,
    first: usize,
    saved: &Path,
    blobs: &str,
    scratch: &Path,
    cancel: &CancellationToken,
) -> Result<(u64, Option<Image>), Error> {
    const WHAT: &str = "take an image";
    let archive = scratch.join("archive.tar");
    let (from, to, reference) = (saved.to_owned(), archive.clone(), image.reference.clone());
    let written = tokio::task::spawn_blocking(move || {
        let mut saved = Saved::open(&from)?;
        saved.write(first, &reference, &to)?;
        Ok::<u64, std::io::Error>(saved.size_from(first))
    });
    let unpacked = written
        .await
        .unwrap_or_else(|lost| Err(std::io::Error::other(lost)))
        .map_err(|error| Error::Archive { reason: error.to_string() })?;
    let (packed, program) = pack(&archive, there.zstd, cancel).await?;
    let size = std::fs::metadata(&packed).map_err(|source| Error::File { path: packed.clone(), source })?.len();
    // Podman unpacks the archive beside it before it looks at the layers.
    let beside = if engine.sort == Sort::Podman { unpacked } else { 0 };
    let needed = (size + unpacked + beside) / 10 * 11 + 1_000_000;
    if there.free_kb.saturating_mul(1024) < needed {
        return Err(Error::NoRoom {
            host: engine.host.name().to_owned(),
            needed_mb: needed.div_ceil(1_000_000),
            available_mb: there.free_kb.saturating_mul(1024) / 1_000_000,
            freeable_mb: there.freeable / 1_000_000,
        });
    }
    let source = Source::File(packed);
    let (sum, _) = source.digest().await?;
    let file = format!("{blobs}/{sum}");
    let there = Some(there.has_of(&sum));
    let sending = Sending { source: &source, to: &file, mode: "0600", there, until: None };
    let args = [engine.sort.program(), file.as_str(), program, image.reference.as_str()].map(str::to_owned).to_vec();
    let then = Then { what: WHAT, rights: engine.rights, text: RECEIVE, args, limit: LIMIT };
    let (put, answer) = files::put_then(engine.host, &sending, &then, cancel).await?;
    if answer.code != 0 {
        return Err(engine.error(WHAT, &answer));
    }
    let text = answer.stdout.text();
    let line = text.lines().find_map(|line| line.strip_prefix("image "));
    Ok((put.sent, line.and_then(|line| read_image(&image.reference, line))))
}

/// Packs a file with what both machines have; the packed file, and the program that unpacks it.
async fn pack(file: &Path, zstd: bool, cancel: &CancellationToken) -> Result<(PathBuf, &'static str), Error> {
    let packed = file.with_extension("packed");
    if zstd {
        let command = Command::new("zstd").args(["--quiet", "--force", "-T0", "-3", "-o"]).arg(&packed).arg(file);
        match exec::run_ok(&command.deadline(LIMIT), cancel).await {
            Ok(_) => return Ok((packed, "zstd")),
            Err(exec::Error::NotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let text = r#"exec gzip -1 <"$1" >"$2""#;
    let command = Command::new("sh").args(["-c", text, "sh"]).arg(file).arg(&packed).deadline(LIMIT);
    exec::run_ok(&command, cancel).await?;
    Ok((packed, "gzip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_count_as_there_when_an_image_begins_with_them() {
        let text = "zstd yes\nfree 2000\nfree 1000\nfreeable 5\nfreeable 6\nimage sha256:x a b c \nimage y a d \n";
        let there = There::read(text);
        assert_eq!((there.zstd, there.whole, there.free_kb, there.freeable), (true, false, 1000, 11));
        let has = |layers: &[&str]| there.has(&layers.iter().map(|&layer| layer.to_owned()).collect::<Vec<_>>());
        assert_eq!((has(&["a", "b", "e"]), has(&["b"]), has(&["a", "d"]), has(&[])), (2, 0, 2, 0));
        assert_eq!(There::read("whole yes\nimage x a").has(&["a".to_owned()]), 0);
    }

    #[test]
    fn what_was_sent_before_counts_and_an_image_that_is_there_is_known() {
        let there =
            There::read("own sha256:x amd64 5 a b \nsent 7 cafe.cafe.part\nsent 3 beef\nsent 1 beef.beef.part\n");
        assert_eq!((there.has_of("cafe"), there.has_of("beef"), there.has_of("dead")), (7, 3, 0));
        let own = read_image("r", &there.own).unwrap();
        assert_eq!((own.id.as_str(), own.size, own.layers.len()), ("sha256:x", 5, 2));
        assert!(read_image("r", &There::read("zstd yes").own).is_none());
    }
}
