//! Work on a host that outlives the connection.
//!
//! A step is a script with a folder of its own on the host. It runs detached; its folder holds which process it is
//! (`pid`), what it wrote (`log`) and, once it ended, its exit code (`rc`), for which there is room from its beginning. That
//! file is the step's outcome, never how the connection ended. Starting a step whose folder has a process or an outcome starts nothing, so it may be repeated for as
//! long as it is not known whether it arrived.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::script::{RUNNER, nonce};
use super::{Error, Host, Payload, Script, Stream, failed};
use crate::exec::capture::Captured;

/// How long a host waits for something new before it answers that there is nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a single look is taken anew when the connection is lost under it.
const AGAIN: u32 = 2;
/// Bytes of a log in one answer.
const CHUNK: u64 = 256 * 1024;

/// `$1` the folder, `$2` what keeps the step, `$3` the size of its input, which follows. Says on a line of its own
/// whether it was begun now.
const START: &str = r#"
begin() {
    umask 077
    mkdir -p "$1" || return 1
    input=$1/input.$$
    cat >"$input" || { rm -f "$input"; return 1; }
    [ "$(wc -c <"$input")" = "$3" ] || { rm -f "$input"; return 77; }
    exec 9>"$1/lock" || return 1
    flock 9 || return 1
    # What was cut off while it was written may hold secrets.
    for left in "$1"/input.*; do [ -e "/proc/${left##*.}" ] || rm -f "$left"; done
    if [ -e "$1/pid" ] || [ -e "$1/rc" ]; then rm -f "$input"; exec 9>&-; echo present; return; fi
    mv -f "$input" "$1/input" || return 1
    setsid sh -c "$2" "$1" <"$1/input" >>"$1/log" 2>&1 &
    exec 9>&-
    exec 8>"$1/lock" || return 1
    flock 8 || return 1
    exec 8>&-
    if [ -e "$1/pid" ]; then echo started; return; fi
    # What has no room for its outcome is not begun; this says so where its own log has no room either.
    echo | cat >"$1/room"
    rm -f "$1/input" "$1/room"
    cat "$1/log" >&2
    return 1
}
begin "$1" "$2" "$3" || {
    code=$?
    # A disk that takes no more files has room all the same.
    place=$1
    while [ ! -d "$place" ]; do place=${place%/*}; [ -n "$place" ] || place=/; done
    df -Pi "$place" | awk 'NR > 1 && $2 > 0 && $4 == 0 { print "no inodes are left on " $6 }' >&2
    exit $code
}
set -- "$1" "$4" "$5" "$6"
"#;
/// Exit code of [`START`]: the input ended too early.
const SHORT: i32 = 77;

/// `$1` the folder, `$2` the offset in the log, `$3` how many bytes of it at most, `$4` how many tenths of a second to
/// watch a step that runs: an answer costs a round trip, so all that comes meanwhile is part of it. Says `log COUNT` and as
/// many bytes, as often as there are some, and at last `STATE CODE SIZE`.
const LOOK: &str = r#"
outcome() { read -r code <"$1/rc" && [ -n "$code" ] && said="ended $code"; }
state() {
    if outcome "$1"; then return; fi
    if ! read -r pid start boot <"$1/pid"; then said="absent 0"; return; fi
    read -r now </proc/sys/kernel/random/boot_id
    if [ "$boot" = "$now" ] && read -r line <"/proc/$pid/stat"; then
        folder=$1
        set -- ${line##*) }
        if [ "${20}" = "$start" ] && [ "$1" != Z ]; then said="running $pid"; return; fi
        set -- "$folder"
    fi
    outcome "$1" || said="lost 0"
} 2>/dev/null
# Waits a tenth of a second, less when the step ends meanwhile: it holds its file for as long as it runs. Where that says
# nothing, the time is waited out.
pause() {
    if [ -z "$free" ]; then
        flock -s -w 0.1 3 && { free=yes; return; }
        [ $? != 1 ] || return 0
    fi
    sleep 0.1 || { sleep 1; tenths=$((tenths-9)); }
} 2>/dev/null 3<"$1/pid"
size() { if [ -f "$1/log" ]; then wc -c <"$1/log"; else echo 0; fi; }
from=$2 most=$3 tenths=$4 free=
while :; do
    state "$1"
    size=$(size "$1")
    new=$((size-from))
    [ "$new" -le "$most" ] || new=$most
    if [ "$new" -gt 0 ]; then
        echo "log $new"
        tail -c "+$((from+1))" "$1/log" | head -c "$new"
        from=$((from+new)) most=$((most-new))
    fi
    case $said in running*) ;; *) break ;; esac
    [ "$most" -gt 0 ] && [ "$tenths" -gt 0 ] || break
    pause "$1"
    tenths=$((tenths-1))
done
echo "$said $size"
"#;

/// A script that runs detached.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its folder on the host, an absolute path that no other step ever has.
    pub folder: String,
    /// What it does. Its payload is kept in the folder until it is begun; its deadline does not count.
    pub script: Script,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It was never begun.
    Absent,
    /// It runs.
    Running {
        /// As this process.
        pid: u32,
    },
    /// It ran to its end.
    Ended {
        /// Its exit code; 128 and more for a signal.
        code: i32,
    },
    /// Its process is gone without an outcome: it was killed, or the host went down. What it did is for the caller to
    /// find out.
    Lost,
}

/// A look at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// How it stands.
    pub state: StepState,
    /// What it wrote from the offset on.
    pub log: Vec<u8>,
    /// Where the next look goes on.
    pub next: u64,
    /// There is more in the log.
    pub more: bool,
}

/// Whether a step was begun by this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Yes.
    Now,
    /// It had been before.
    Before,
}

/// Begins a step, unless it was begun before, and looks at it as [`look`] does, in one round trip. May be repeated.
///
/// # Errors
/// When it is not known to be begun.
pub async fn start(
    host: &dyn Host,
    step: &Step,
    patience: Duration,
    cancel: &CancellationToken,
) -> Result<(Begun, Look), Error> {
    let mut tried = 0;
    let (watched, log) = loop {
        let (mut watched, mut log) = (Watched::new(0), Vec::new());
        let mut keep = |bytes: &[u8]| log.extend_from_slice(bytes);
        match begin(host, step, patience, &mut watched, &mut keep, cancel).await {
            Ok(()) => break (watched, log),
            Err(Error::Lost { .. }) if tried < AGAIN => tried += 1,
            Err(error) => return Err(error),
        }
    };
    let begun = watched.begun.unwrap_or(Begun::Before);
    Ok((begun, watched.look(log).ok_or_else(|| strange(host, step.script.what, &watched.line))?))
}

async fn begin(
    host: &dyn Host,
    step: &Step,
    patience: Duration,
    watched: &mut Watched,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let mut input = step.script.document(&nonce())?;
    match &step.script.payload {
        Payload::None => {}
        Payload::Bytes(bytes) => input.extend_from_slice(bytes),
        other => {
            let path = match other {
                Payload::File { path, .. } => path.clone(),
                _ => "/dev/stdin".into(),
            };
            let source = std::io::Error::other("put it on the host first");
            return Err(Error::File { action: "hand to a step", path, source });
        }
    }
    let what = step.script.what;
    let script = looking(what, patience)
        .with(START)
        .arg(&step.folder)
        .arg(RUNNER)
        .arg(input.len().to_string())
        .arg("0")
        .arg(CHUNK.to_string())
        .arg((patience.as_millis() / 100).to_string())
        .payload(Payload::Bytes(input));
    match watched.by(host, &script, pass, cancel).await? {
        (0, _) if watched.begun.is_some() => Ok(()),
        (0, _) => Err(strange(host, what, &watched.line)),
        (SHORT, _) => Err(Error::Lost { host: host.name().to_owned(), what }),
        (code, stderr) => Err(failed(host.name(), what, code, &stderr)),
    }
}

/// What a look says, read as it comes.
struct Watched {
    /// The header that is being read; what makes no sense, when there is such.
    line: Vec<u8>,
    /// How many bytes of the log come before the next header.
    left: u64,
    /// How much of the log is known, from its beginning.
    offset: u64,
    begun: Option<Begun>,
    /// How it stands, and how long its log is.
    state: Option<(StepState, u64)>,
    wrong: bool,
}

impl Watched {
    fn new(offset: u64) -> Self {
        Self { line: Vec::new(), left: 0, offset, begun: None, state: None, wrong: false }
    }

    /// Has a script look, and reads what it says. What was read counts also when the connection is lost.
    async fn by(
        &mut self,
        host: &dyn Host,
        script: &Script,
        pass: &mut (dyn FnMut(&[u8]) + Send),
        cancel: &CancellationToken,
    ) -> Result<(i32, Captured), Error> {
        (self.line, self.left, self.state, self.wrong) = (Vec::new(), 0, None, false);
        let mut read = |stream: Stream, bytes: &[u8]| {
            if stream == Stream::Stdout {
                self.push(bytes, pass);
            }
        };
        let ended = host.exchange(script, &mut read, cancel).await?;
        Ok((ended.code, ended.stderr))
    }

    fn push(&mut self, mut bytes: &[u8], pass: &mut (dyn FnMut(&[u8]) + Send)) {
        while !bytes.is_empty() && !self.wrong {
            if self.left > 0 {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                pass(&bytes[..count]);
                self.left -= count as u64;
                self.offset += count as u64;
                bytes = &bytes[count..];
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            bytes = &bytes[end + 1..];
            if self.header().is_some() {
                self.line.clear();
            } else {
                self.wrong = true;
            }
        }
    }

    fn header(&mut self) -> Option<()> {
        let line = std::str::from_utf8(&self.line).ok()?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["started"] => self.begun = Some(Begun::Now),
            ["present"] => self.begun = Some(Begun::Before),
            ["log", count] => self.left = count.parse().ok()?,
            [state, code, size] => {
                let state = match state {
                    "absent" => StepState::Absent,
                    "running" => StepState::Running { pid: code.parse().ok()? },
                    "ended" => StepState::Ended { code: code.parse().ok()? },
                    "lost" => StepState::Lost,
                    _ => return None,
                };
                self.state = Some((state, size.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// The look, once it is whole.
    fn look(&self, log: Vec<u8>) -> Option<Look> {
        let (state, size) = self.state.filter(|_| !self.wrong && self.line.is_empty() && self.left == 0)?;
        Some(Look { state, log, next: self.offset, more: size > self.offset })
    }
}

/// The script that looks at a step.
fn looking(what: &'static str, patience: Duration) -> Script {
    Script::new(what, LOOK)
        .deadline(patience + Duration::from_secs(30))
        .keep(usize::try_from(2 * CHUNK).unwrap_or(usize::MAX) + 4096)
}

fn strange(host: &dyn Host, what: &'static str, said: &[u8]) -> Error {
    let reason = String::from_utf8_lossy(said).chars().take(200).collect();
    Error::Strange { host: host.name().to_owned(), what, reason }
}

/// Looks at a step, and at its log from an offset on; a step that runs is watched for as long as `patience`. Changes
/// nothing.
///
/// # Errors
/// When it cannot be found out.
pub async fn look(
    host: &dyn Host,
    folder: &str,
    offset: u64,
    patience: Duration,
    cancel: &CancellationToken,
) -> Result<Look, Error> {
    let mut tried = 0;
    let (watched, log) = loop {
        let (mut watched, mut log) = (Watched::new(offset), Vec::new());
        let mut keep = |bytes: &[u8]| log.extend_from_slice(bytes);
        match watch(host, folder, patience, &mut watched, &mut keep, cancel).await {
            Ok(()) => break (watched, log),
            Err(Error::Lost { .. }) if tried < AGAIN => tried += 1,
            Err(error) => return Err(error),
        }
    };
    watched.look(log).ok_or_else(|| strange(host, LOOKING, &watched.line))
}

const LOOKING: &str = "say how a step stands";

async fn watch(
    host: &dyn Host,
    folder: &str,
    patience: Duration,
    watched: &mut Watched,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let script = looking(LOOKING, patience)
        .arg(folder)
        .arg(watched.offset.to_string())
        .arg(CHUNK.to_string())
        .arg((patience.as_millis() / 100).to_string());
    match watched.by(host, &script, pass, cancel).await? {
        (0, _) => Ok(()),
        (code, stderr) => Err(failed(host.name(), LOOKING, code, &stderr)),
    }
}

/// How a step that was waited for ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it was begun by this call.
    pub begun: Begun,
    /// Its exit code; none when its process is gone without an outcome.
    pub code: Option<i32>,
    /// The last lines it wrote.
    pub evidence: Vec<String>,
}

/// Begins a step, unless it was begun before, and waits for its end, whatever becomes of the connection meanwhile, as
/// long as the host comes back within `patience`. Passes on its log as it grows. When this is cancelled, the step runs on.
///
/// # Errors
/// When the host is out of reach for longer; then the step may run on.
pub async fn run(
    host: &dyn Host,
    step: &Step,
    patience: Duration,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<Outcome, Error> {
    let mut away = Away::new(patience);
    let mut heard = Heard::new(pass);
    let mut watched = Watched::new(0);
    loop {
        // What was read before the connection was lost is not read again.
        let tried = begin(host, step, PATIENCE, &mut watched, &mut |bytes| heard.push(bytes), cancel).await;
        match tried {
            Ok(()) => break,
            Err(error) if watched.begun.is_some() => {
                away.bear(error, cancel).await?;
                break;
            }
            Err(error) => away.bear(error, cancel).await?,
        }
    }
    attend(host, step, watched, patience, heard, cancel).await
}

/// Waits for the end of a step that was begun, like [`run`].
///
/// # Errors
/// When the host is out of reach for longer than `patience`, or the step was never begun.
pub async fn follow(
    host: &dyn Host,
    step: &Step,
    patience: Duration,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<Outcome, Error> {
    let mut watched = Watched::new(0);
    watched.begun = Some(Begun::Before);
    attend(host, step, watched, patience, Heard::new(pass), cancel).await
}

/// What a step wrote, passed on, and the end of it kept.
struct Heard<'p> {
    pass: &'p mut (dyn FnMut(&[u8]) + Send),
    kept: Captured,
}

impl<'p> Heard<'p> {
    fn new(pass: &'p mut (dyn FnMut(&[u8]) + Send)) -> Self {
        Self { pass, kept: Captured::new(64 * 1024) }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.kept.push(bytes);
        (self.pass)(bytes);
    }
}

async fn attend(
    host: &dyn Host,
    step: &Step,
    mut watched: Watched,
    patience: Duration,
    mut heard: Heard<'_>,
    cancel: &CancellationToken,
) -> Result<Outcome, Error> {
    let mut away = Away::new(patience);
    loop {
        if let Some(look) = watched.look(Vec::new()) {
            away.back();
            let ended = match look.state {
                StepState::Running { .. } => None,
                _ if look.more => None,
                StepState::Ended { code } => Some(Some(code)),
                StepState::Lost => Some(None),
                StepState::Absent => {
                    let reason = format!("the step `{}` was never begun", step.folder);
                    return Err(Error::Strange { host: host.name().to_owned(), what: step.script.what, reason });
                }
            };
            if let Some(code) = ended {
                let begun = watched.begun.unwrap_or(Begun::Before);
                return Ok(Outcome { begun, code, evidence: heard.kept.last_lines(super::EVIDENCE_LINES) });
            }
        } else if watched.wrong {
            return Err(strange(host, step.script.what, &watched.line));
        }
        let told = watch(host, &step.folder, PATIENCE, &mut watched, &mut |bytes| heard.push(bytes), cancel).await;
        if let Err(error) = told {
            // What was seen last is old.
            watched.state = None;
            away.bear(error, cancel).await?;
        }
    }
}

/// How long a host has been out of reach.
struct Away {
    patience: Duration,
    since: Option<tokio::time::Instant>,
}

impl Away {
    fn new(patience: Duration) -> Self {
        Self { patience, since: None }
    }

    fn back(&mut self) {
        self.since = None;
    }

    /// Waits a moment; passes the error on when it is none of the connection, or it lasts too long.
    async fn bear(&mut self, error: Error, cancel: &CancellationToken) -> Result<(), Error> {
        let since = *self.since.get_or_insert_with(tokio::time::Instant::now);
        if !error.is_connection() || since.elapsed() >= self.patience {
            return Err(error);
        }
        let pause = Duration::from_millis(rand::random_range(200..600));
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = cancel.cancelled() => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(offset: u64, chunks: &[&[u8]]) -> (Watched, Vec<u8>) {
        let (mut watched, mut log) = (Watched::new(offset), Vec::new());
        for chunk in chunks {
            watched.push(chunk, &mut |bytes| log.extend_from_slice(bytes));
        }
        (watched, log)
    }

    #[test]
    fn a_log_is_passed_on_as_it_comes_and_answers_are_read_strictly() {
        let said = b"started\nlog 3\na\nblog 2\n\n\nrunning 42 9\n";
        let bytes: Vec<&[u8]> = said.chunks(1).collect();
        for chunks in [&[&said[..]][..], &bytes] {
            let (watched, log) = read(0, chunks);
            assert_eq!((watched.begun, &log[..]), (Some(Begun::Now), &b"a\nb\n\n"[..]));
            let look = watched.look(log.clone()).unwrap();
            assert_eq!(look, Look { state: StepState::Running { pid: 42 }, log, next: 5, more: true });
        }
        // Cut off, what came counts.
        let (watched, log) = read(7, &[b"log 5\nabc"]);
        assert_eq!((watched.offset, &log[..], watched.look(Vec::new())), (10, &b"abc"[..], None));
        assert_eq!(read(7, &[b"ended 3 7\n"]).0.look(Vec::new()).unwrap().state, StepState::Ended { code: 3 });
        for bad in [&b""[..], b"ended 3 7", b"ended x 7\n", b"ended 3\n", b"gone 3 7\n", b"log 3\nab"] {
            assert!(read(0, &[bad]).0.look(Vec::new()).is_none(), "{bad:?}");
        }
    }
}
