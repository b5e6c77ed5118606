//! Putting files on a host and getting them from it. A file there is whole or not there.
//!
//! An upload goes to `NAME.SHA256.part` beside its name, is verified by its checksum there, written to the disk and
//! then renamed. One that broke off goes on where it was: the name of the part says what it is a part of. Two that send
//! the same do not meet: the part is locked while it is written.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Answer, Error, Host, Payload, Script, Stream, failed};
use crate::domain::host::Rights;
use crate::exec::capture::Captured;
use crate::remote::elevate::elevated_after;

/// What is sent without asking first what is there already.
const SMALL: u64 = 512 * 1024;
/// How often a file is sent when the connection is lost or its checksum differs.
const TRIES: u32 = 4;
/// How long is waited for another process that sends the same file.
const OTHERS: Duration = Duration::from_mins(2);
/// What a connection is expected to carry in a second, at the least.
const SLOWEST: u64 = 50_000;

/// `$1` the file, `$2` its checksum: `have`, or how many bytes of it are there.
const ASK: &str = r#"
if [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; then echo have
elif [ -f "$1.$2.part" ]; then wc -c <"$1.$2.part"
else echo 0; fi
"#;

/// `$1` the file, `$2` its checksum, `$3` its size, `$4` its mode, `$5` the offset from which on its bytes follow, `$6` the
/// folder of a step that has taken it once it was begun; empty for none. Its own shell, so that nothing of it lasts.
const PUT: &str = r#"
put_file() (
[ -z "$6" ] || { [ ! -e "$6/pid" ] && [ ! -e "$6/rc" ]; } || { echo have; exit; }
umask 077
part=$1.$2.part
mkdir -p "${1%/*}" || exit 1
exec 9>>"$part" || exit 1
flock -n 9
case $? in 0) ;; 1) exit 75 ;; *) exit 1 ;; esac
if [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; then rm -f "$part"; chmod "$4" "$1" || exit 1; echo have; exit; fi
[ "$(wc -c <"$part")" = "$5" ] || exit 76
cat >&9 || { rm -f "$part"; exit 1; }
[ "$(wc -c <"$part")" -ge "$3" ] || exit 77
if [ "$(wc -c <"$part")" != "$3" ] || [ "$(sha256sum <"$part")" != "$2  -" ]; then rm -f "$part"; exit 78; fi
{ chmod "$4" "$part" && { sync "$part" 2>/dev/null || sync; } && mv -f "$part" "$1"; } || { rm -f "$part"; exit 1; }
sync "${1%/*}" 2>/dev/null || sync
)
"#;
/// Puts a file, and goes on with what is left of the arguments.
const AND_THEN: &str = r#"put_file "$1" "$2" "$3" "$4" "$5" "$6" || exit; shift 6"#;
/// Exit codes of [`PUT`]: somebody else sends the same; as many bytes as that are not there; it ended too early; it is
/// another file.
const BUSY: i32 = 75;
const MOVED: i32 = 76;
const SHORT: i32 = 77;
const OTHER: i32 = 78;

/// `$1` the file: its checksum and then its bytes.
const GET: &str = r#"
[ -f "$1" ] || exit 66
sha256sum <"$1" && cat "$1"
"#;
/// Exit code of [`GET`]: there is no such file.
const NONE: i32 = 66;

/// What is to be put on a host.
#[derive(Debug, Clone)]
pub enum Source {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file of this machine.
    File(PathBuf),
}

/// A file that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its checksum (SHA-256, in hex).
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes were sent; 0 when it was there already.
    pub sent: u64,
}

impl Source {
    /// The checksum (SHA-256, in hex) and the size.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn digest(&self) -> Result<(String, u64), Error> {
        let path = match self {
            Self::Bytes(bytes) => return Ok((hex(&Sha256::digest(bytes)), bytes.len() as u64)),
            Self::File(path) => path.clone(),
        };
        let read = path.clone();
        let summed = tokio::task::spawn_blocking(move || {
            let (mut file, mut sum, mut size) = (File::open(&read)?, Sha256::new(), 0_u64);
            let mut buffer = vec![0_u8; 256 * 1024];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok((hex(&sum.finalize()), size)),
                    count => {
                        sum.update(&buffer[..count]);
                        size += count as u64;
                    }
                }
            }
        });
        let summed = summed.await.unwrap_or_else(|lost| Err(io::Error::other(lost)));
        summed.map_err(|source| Error::File { action: "read", path, source })
    }

    fn payload(&self, from: u64) -> Payload {
        match self {
            Self::Bytes(bytes) => {
                Payload::Bytes(bytes[usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len())..].to_vec())
            }
            Self::File(path) => Payload::File { path: path.clone(), from },
        }
    }
}

pub(in crate::remote) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

/// A file on its way to a host.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// What it is.
    pub source: &'a Source,
    /// Where it goes: an absolute path there, whose folder is made.
    pub to: &'a str,
    /// Its mode, such as `0644`.
    pub mode: &'static str,
    /// How many bytes of it are there, as far as that is known; else it is asked first, of one that is not small. To be
    /// wrong about it costs a round trip.
    pub there: Option<u64>,
    /// The folder of a [step](super::steps) that takes it: once that was begun nothing is sent.
    pub until: Option<&'a str>,
}

/// What is done with a file as soon as it is there, in the same round trip. May come to be done twice, one after the
/// other or at once, when a connection is lost.
#[derive(Debug, Clone)]
pub struct Then {
    /// What it does, for messages.
    pub what: &'static str,
    /// With the most rights that are to be had by these.
    pub rights: Rights,
    /// Its script, whose exit codes are others than 75 to 78.
    pub text: &'static str,
    /// What that is given.
    pub args: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

const TAKE: &str = "take a file";

/// What is to be done after a try that came to nothing.
enum Next {
    Ask,
    Wait,
    Anew,
}

/// Puts a file at an absolute path of a host, with a mode such as `0644`; its folder is made. May be repeated and
/// cancelled: what arrived is kept for the next time.
///
/// # Errors
/// [`Error::Full`], [`Error::ReadOnly`], [`Error::Mismatch`], [`Error::Busy`], and what a connection fails with.
pub async fn put(
    host: &dyn Host,
    source: &Source,
    to: &str,
    mode: &'static str,
    cancel: &CancellationToken,
) -> Result<Put, Error> {
    put_at(host, &Sending { source, to, mode, there: None, until: None }, cancel).await
}

/// Puts a file of which more is known. May be repeated and cancelled like [`put`].
///
/// # Errors
/// Those of [`put`].
pub async fn put_at(host: &dyn Host, sending: &Sending<'_>, cancel: &CancellationToken) -> Result<Put, Error> {
    let (put, answer) = bring(host, sending, None, cancel).await?;
    if answer.code == 0 { Ok(put) } else { Err(failed(host.name(), TAKE, answer.code, &answer.stderr)) }
}

/// Puts a file and has something done with it there, in one round trip where what is there of it is known. What that came
/// to: its exit code is no error, and may be that of a file that could not be put.
///
/// # Errors
/// [`Error::Mismatch`], [`Error::Busy`], and what a connection fails with.
pub async fn put_then(
    host: &dyn Host,
    sending: &Sending<'_>,
    then: &Then,
    cancel: &CancellationToken,
) -> Result<(Put, Answer), Error> {
    bring(host, sending, Some(then), cancel).await
}

async fn bring(
    host: &dyn Host,
    sending: &Sending<'_>,
    then: Option<&Then>,
    cancel: &CancellationToken,
) -> Result<(Put, Answer), Error> {
    let (sha256, size) = sending.source.digest().await?;
    let (what, more) = then.map_or((TAKE, Duration::ZERO), |then| (then.what, then.limit));
    let limit = Duration::from_secs(60 + size / SLOWEST) + more;
    let mut from = sending.there.or((size <= SMALL).then_some(0));
    let (mut tried, mut sent, mut late) = (0, 0, None);
    let waiting = tokio::time::Instant::now();
    loop {
        let at = match from {
            Some(at) => at,
            None => match (ask(host, sending.to, &sha256, cancel).await?, late.take()) {
                (Some(there), _) => there,
                // All of it is there: what took so long is what is done with it.
                (None, Some(error)) => return Err(error),
                (None, None) if then.is_some() => size,
                (None, None) => {
                    let none = || Captured::new(0);
                    return Ok((Put { sha256, size, sent }, Answer { code: 0, stdout: none(), stderr: none() }));
                }
            },
        };
        let given = [
            sending.to.to_owned(),
            sha256.clone(),
            size.to_string(),
            sending.mode.to_owned(),
            at.to_string(),
            sending.until.unwrap_or_default().to_owned(),
        ];
        let script = match then {
            None => Script::new(what, "put_file \"$@\"").with(PUT).args(given),
            Some(then) => {
                elevated_after(&[PUT, AND_THEN], given, then.rights, what, &[then.text]).args(then.args.clone())
            }
        };
        let script = script.payload(sending.source.payload(at)).deadline(limit);
        let next = match host.run(&script, cancel).await {
            Ok(answer) => match answer.code {
                BUSY if waiting.elapsed() < OTHERS => Next::Wait,
                BUSY => return Err(Error::Busy { host: host.name().to_owned(), path: sending.to.to_owned() }),
                MOVED | SHORT => Next::Ask,
                OTHER => Next::Anew,
                _ => {
                    let had = answer.stdout.text().lines().next() == Some("have");
                    sent += if had { 0 } else { size.saturating_sub(at) };
                    return Ok((Put { sha256, size, sent }, answer));
                }
            },
            Err(error @ (Error::Lost { .. } | Error::Deadline { .. })) if tried + 1 < TRIES => {
                late = Some(error).filter(|error| then.is_some() && matches!(error, Error::Deadline { .. }));
                Next::Ask
            }
            Err(error) => return Err(error),
        };
        match next {
            Next::Wait => {
                let pause = Duration::from_millis(rand::random_range(100..300));
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = cancel.cancelled() => return Err(Error::Cancelled { host: host.name().to_owned(), what }),
                }
                from = None;
                continue;
            }
            Next::Ask => from = None,
            Next::Anew => from = Some(0),
        }
        tried += 1;
        if tried >= TRIES {
            return Err(Error::Mismatch { path: sending.to.to_owned() });
        }
    }
}

/// How many bytes of a file are there; none when all of it is.
async fn ask(host: &dyn Host, to: &str, sha256: &str, cancel: &CancellationToken) -> Result<Option<u64>, Error> {
    const WHAT: &str = "say which part of a file is there";
    let script = Script::new(WHAT, ASK).arg(to).arg(sha256).deadline(Duration::from_mins(5)).harmless();
    let text = host.run_ok(&script, cancel).await?.text();
    if text == "have" {
        return Ok(None);
    }
    let strange = || Error::Strange { host: host.name().to_owned(), what: WHAT, reason: text.clone() };
    text.trim().parse().map(Some).map_err(|_| strange())
}

/// Gets a file of a host, verified by its checksum, into a file of this machine, which is whole or as it was before.
///
/// # Errors
/// [`Error::NoFile`], [`Error::Mismatch`] when it changes each time it is read, and what a connection fails with.
pub async fn get(host: &dyn Host, from: &str, to: &Path, cancel: &CancellationToken) -> Result<Put, Error> {
    const WHAT: &str = "send a file";
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let file_failed = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { action, path, source }
    };
    let script = Script::new(WHAT, GET).arg(from).deadline(Duration::from_hours(1));
    for tried in 1..=TRIES {
        let mut arriving = Arriving::begin(&part).map_err(file_failed("write", &part))?;
        let mut take = |stream: Stream, bytes: &[u8]| {
            if stream == Stream::Stdout {
                arriving.push(bytes);
            }
        };
        let ended = host.exchange(&script, &mut take, cancel).await;
        let arrived = match ended {
            Ok(ended) if ended.code == 0 => arriving.finish().map_err(file_failed("write", &part)),
            Ok(ended) if ended.code == NONE => {
                Err(Error::NoFile { host: host.name().to_owned(), path: from.to_owned() })
            }
            Ok(ended) => Err(failed(host.name(), WHAT, ended.code, &ended.stderr)),
            Err(Error::Lost { .. }) if tried < TRIES => continue,
            Err(error) => Err(error),
        };
        match arrived {
            Ok(Some((sha256, size))) => {
                std::fs::rename(&part, to).map_err(file_failed("write", to))?;
                return Ok(Put { sha256, size, sent: size });
            }
            Ok(None) => {}
            Err(error) => {
                let _ = std::fs::remove_file(&part);
                return Err(error);
            }
        }
    }
    let _ = std::fs::remove_file(&part);
    Err(Error::Mismatch { path: from.to_owned() })
}

/// A file that is being received: a line with its checksum, and then its bytes.
struct Arriving {
    file: File,
    line: Vec<u8>,
    whole_line: bool,
    sum: Sha256,
    size: u64,
    problem: Option<io::Error>,
}

impl Arriving {
    fn begin(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self { file, line: Vec::new(), whole_line: false, sum: Sha256::new(), size: 0, problem: None })
    }

    fn push(&mut self, mut bytes: &[u8]) {
        if !self.whole_line {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            self.whole_line = true;
            bytes = &bytes[end + 1..];
        }
        self.sum.update(bytes);
        self.size += bytes.len() as u64;
        if self.problem.is_none()
            && let Err(error) = self.file.write_all(bytes)
        {
            self.problem = Some(error);
        }
    }

    /// The checksum and the size; none when it is not what was announced.
    fn finish(self) -> io::Result<Option<(String, u64)>> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        self.file.sync_all()?;
        let sum = hex(&self.sum.finalize());
        let announced = String::from_utf8_lossy(&self.line);
        Ok((announced.split(' ').next() == Some(sum.as_str())).then_some((sum, self.size)))
    }
}
