//! Building an image by a release's own Dockerfile, on a host or here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Engine, Error, Image, code, read_image};
use crate::domain::ids::ReleaseId;
use crate::domain::names::ProjectName;
use crate::exec::{self, Command};
use crate::remote::elevate::elevated;
use crate::remote::host::files::{self, Sending, Source};
use crate::remote::host::steps::{self, Step};
use crate::remote::host::{self, WITHIN};

const BUILD: &str = include_str!("build.sh");
/// How long a host may be out of reach while it builds.
const PATIENCE: Duration = Duration::from_mins(5);
/// What never belongs to a release's source: it would make the context another one each time.
const LEFT_OUT: [&str; 4] = [".git", ".venv", "node_modules", "__pycache__"];

/// What is built.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// The folder with the release's source on this machine.
    pub context: &'a Path,
    /// The Dockerfile, relative to it.
    pub dockerfile: &'a str,
    /// Build arguments, `BASE_IMAGE` among them where the base is another; no secrets: they stay in the image.
    pub args: BTreeMap<String, String>,
    /// The application.
    pub app: &'a ProjectName,
    /// Its environment.
    pub environment: &'a str,
    /// The release.
    pub release: &'a ReleaseId,
    /// How long it may take.
    pub within: Duration,
}

/// An image that was built on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// The images without a name that the build left there, newest first; for the release's manifest.
    pub made: Vec<String>,
    /// How many bytes of the context were sent.
    pub sent: u64,
}

impl Recipe<'_> {
    /// The image's name.
    #[must_use]
    pub fn reference(&self) -> String {
        super::reference(self.app, self.release)
    }

    fn too_slow(&self, host: &str, evidence: Vec<String>) -> Error {
        Error::Slow { host: host.to_owned(), seconds: self.within.as_secs(), evidence }
    }

    /// The options of the build.
    fn options(&self) -> Vec<String> {
        let labels = [
            ("cgo.app", self.app.to_string()),
            ("cgo.env", self.environment.to_owned()),
            ("cgo.release", self.release.to_string()),
        ];
        let labels = labels.into_iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
        let args = self.args.iter().flat_map(|(key, value)| ["--build-arg".to_owned(), format!("{key}={value}")]);
        labels.chain(args).collect()
    }

    /// Packs the context into a file; the same source comes to the same bytes.
    async fn pack(&self, to: &Path, cancel: &CancellationToken) -> Result<(), Error> {
        let mut tar = Command::new("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--format=gnu"])
            .args(["--mode=u+rw,go-w"]);
        for name in LEFT_OUT {
            tar = tar.arg(format!("--exclude={name}"));
        }
        exec::run_ok(&tar.arg("-cf").arg(to).arg("-C").arg(self.context).arg("."), cancel).await?;
        Ok(())
    }
}

/// Builds on a host: the context is sent where it is not there, and the build runs detached, in a folder of its own
/// (`…/ops/OP/steps/build`), whose step it is. May be repeated: a folder has one build, and one outcome. Passes on the log.
///
/// # Errors
/// [`Error::Build`] and [`Error::Slow`] with the last lines, [`Error::NoEngine`], [`Error::CutOff`], and what a host fails with.
pub async fn on_host(
    engine: &Engine<'_>,
    recipe: &Recipe<'_>,
    folder: &str,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<Built, Error> {
    const WHAT: &str = "build an image";
    let to = engine.host;
    let here = Scratch::new()?;
    let packed = here.0.join("context.tar");
    recipe.pack(&packed, cancel).await?;
    let context = format!("{folder}.context.tar");
    let reference = recipe.reference();
    let source = Source::File(packed);
    // Nobody else sends it there, so that hardly ever some of it is there.
    let sending = Sending { source: &source, to: &context, mode: "0600", there: Some(0), until: Some(folder) };
    let sent = files::put_at(to, &sending, cancel).await?.sent;
    let (program, dockerfile) = (engine.sort.program().to_owned(), recipe.dockerfile.to_owned());
    let script = elevated(engine.rights, WHAT, &[WITHIN, BUILD])
        .args([program, context, dockerfile, reference.clone(), folder.to_owned(), recipe.within.as_secs().to_string()])
        .args(recipe.options());
    let step = Step { folder: folder.to_owned(), script };
    let mut told = Told::default();
    let mut heard = |bytes: &[u8]| {
        told.push(bytes);
        pass(bytes);
    };
    let outcome = steps::run(to, &step, PATIENCE, &mut heard, cancel).await?;
    let (name, program) = (to.name().to_owned(), engine.sort.program());
    match outcome.code {
        Some(0) => {}
        None => return Err(Error::CutOff { host: name }),
        Some(code::NO_ENGINE) => return Err(Error::NoEngine { host: name, engine: program, evidence: Vec::new() }),
        Some(code::SILENT) => {
            return Err(Error::NoEngine { host: name, engine: program, evidence: outcome.evidence });
        }
        Some(_) if outcome.evidence.iter().any(|line| line.to_lowercase().contains("no space left on device")) => {
            return Err(host::Error::Full { host: name, what: WHAT, evidence: outcome.evidence }.into());
        }
        Some(code::NOT_IN_TIME) => return Err(recipe.too_slow(&name, outcome.evidence)),
        Some(code::NOT_BUILT) => return Err(Error::Build { host: name, evidence: outcome.evidence }),
        Some(code) => {
            return Err(host::Error::Failed { host: name, what: WHAT, code, evidence: outcome.evidence }.into());
        }
    }
    let image = match read_image(&reference, &told.image) {
        Some(image) => image,
        // Its log is not whole, or another version of cgo has begun it.
        None => engine.inspect(&reference, cancel).await?.ok_or(Error::NoImage { host: name, reference })?,
    };
    Ok(Built { image, made: told.made.split_whitespace().map(str::to_owned).collect(), sent })
}

/// What a build on a host says at the end of its log. Whatever a Dockerfile has it say before does not count.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    line: Vec<u8>,
    image: String,
    made: String,
}

impl Told {
    /// Longer lines are none of ours.
    const LONGEST: usize = 64 * 1024;

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < Self::LONGEST {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            if let Some(image) = line.strip_prefix("cgo:image ") {
                image.clone_into(&mut self.image);
            } else if let Some(made) = line.strip_prefix("cgo:made") {
                made.clone_into(&mut self.made);
            }
        }
    }
}

/// Builds with the engine of this machine; `on_line` sees what it says.
///
/// # Errors
/// [`Error::Build`] and [`Error::Slow`] with the last lines, and what a program fails with.
pub async fn here(recipe: &Recipe<'_>, on_line: exec::OnLine<'_>, cancel: &CancellationToken) -> Result<Image, Error> {
    let reference = recipe.reference();
    let command = docker()
        .args(["build", "--force-rm", "--file"])
        .arg(recipe.context.join(recipe.dockerfile))
        .args(["--tag", &reference])
        .args(recipe.options())
        .arg(recipe.context)
        .deadline(recipe.within);
    let output = match exec::run_with(&command, cancel, on_line).await {
        Err(exec::Error::Deadline { evidence, .. }) => {
            return Err(recipe.too_slow(crate::domain::server::LOCAL, evidence));
        }
        ended => ended?,
    };
    if !output.exit.success() {
        return Err(Error::Build { host: crate::domain::server::LOCAL.to_owned(), evidence: output.evidence() });
    }
    inspect_here(&reference, cancel).await
}

/// The architecture of images that the engine of this machine builds, as engines spell it.
///
/// # Errors
/// What a program fails with.
pub async fn arch_here(cancel: &CancellationToken) -> Result<String, Error> {
    let output = exec::run_ok(&docker().args(["version", "--format", "{{.Server.Arch}}"]), cancel).await?;
    Ok(output.stdout.text().trim().to_owned())
}

/// An image of this machine's engine.
///
/// # Errors
/// [`Error::NoImage`], and what a program fails with.
pub async fn inspect_here(reference: &str, cancel: &CancellationToken) -> Result<Image, Error> {
    let format = "{{.Id}} {{.Architecture}} {{.Size}} {{range .RootFS.Layers}}{{.}} {{end}}";
    let output = exec::run(&docker().args(["image", "inspect", "--format", format, reference]), cancel).await?;
    read_image(reference, &output.stdout.text()).ok_or_else(|| Error::NoImage {
        host: crate::domain::server::LOCAL.to_owned(),
        reference: reference.to_owned(),
    })
}

/// Removes older images of an application from the engine of this machine: of those that were built here, by their label
/// and name, the newest `keep` stay, as does one that something uses. The names of those that went.
///
/// # Errors
/// What a program fails with.
pub async fn forget_here(app: &ProjectName, keep: usize, cancel: &CancellationToken) -> Result<Vec<String>, Error> {
    let label = format!("label=cgo.app={app}");
    let list = docker().args(["image", "ls", "--filter", &label, "--format", "{{.Repository}}:{{.Tag}}"]);
    let listed = exec::run_ok(&list, cancel).await?.stdout.text();
    let release =
        |name: &&str| ReleaseId::parse(name.rsplit(':').next()?).ok().filter(|id| *name == super::reference(app, id));
    let mut releases: Vec<ReleaseId> = listed.lines().filter_map(|name| release(&name)).collect();
    releases.sort_unstable();
    let mut gone = Vec::new();
    for old in releases.iter().rev().skip(keep) {
        let name = super::reference(app, old);
        if exec::run(&docker().args(["image", "rm", &name]), cancel).await?.exit.success() {
            gone.push(name);
        }
    }
    Ok(gone)
}

/// The client of this machine, for whichever engine the user has chosen.
pub(super) fn docker() -> Command {
    let mut command = Command::new("docker");
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"] {
        if let Some(value) = std::env::var_os(name) {
            command = command.env(name, value);
        }
    }
    command
}

/// A folder of this machine that goes with its owner.
pub(super) struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("cgo-image-{:016x}", rand::random::<u64>()));
        let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path);
        made.map(|()| Self(path.clone())).map_err(|source| Error::File { path, source })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_says_last_is_its_image() {
        let log = b"Step 2/2 : RUN echo\ncgo:image sha256:forged amd64 1 x\ncgo:made y\n\ncgo:image sha256:own amd64 5 a b \ncgo:made\n";
        let mut told = Told::default();
        for chunk in log.chunks(7) {
            told.push(chunk);
        }
        let image = read_image("r", &told.image).unwrap();
        assert_eq!((image.id.as_str(), image.layers.len(), told.made.as_str()), ("sha256:own", 2, ""));
        assert!(read_image("r", &Told::default().image).is_none());
    }
}
