//! Work on a host that outlives the connection.
//!
//! A step is a script with a folder of its own on the host. It runs detached; its folder holds which process it is
//! (`pid`), what it wrote (`log`) and, once it ended, its exit code (`rc`), for which there is room from its beginning. That
//! file is the step's outcome, never how the connection ended. Starting a step whose folder has a process or an outcome starts nothing, so it may be repeated for as
//! long as it is not known whether it arrived.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::script::{RUNNER, nonce};
use super::{Error, Host, Payload, Script, failed};
use crate::exec::capture::Captured;

/// How long a host waits for something new before it answers that there is nothing.
const PATIENCE: Duration = Duration::from_secs(20);
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
/// wait for something new. Where there is, it waits a little for more: an answer costs a round trip. Answers with a
/// line, `STATE CODE SIZE`, and bytes of the log.
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
size() { if [ -f "$1/log" ]; then wc -c <"$1/log"; else echo 0; fi; }
tenths=$4
while :; do
    state "$1"
    size=$(size "$1")
    case $said in running*) ;; *) break ;; esac
    if [ "$size" -gt "$2" ] && [ "$tenths" -gt 15 ]; then tenths=15; fi
    [ "$size" -le "$(($2 + $3))" ] && [ "$tenths" -gt 0 ] || break
    sleep 0.1 2>/dev/null || { sleep 1; tenths=$((tenths-9)); }
    tenths=$((tenths-1))
done
echo "$said $size"
[ "$size" -le "$2" ] || tail -c "+$(($2+1))" "$1/log" | head -c "$3"
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
        .payload(Payload::Bytes(input))
        .harmless();
    let answer = host.run(&script, cancel).await?;
    match answer.code {
        0 => {}
        SHORT => return Err(Error::Lost { host: host.name().to_owned(), what }),
        code => return Err(failed(host.name(), what, code, &answer.stderr)),
    }
    let bytes = answer.stdout.bytes();
    let (begun, rest) = match bytes.iter().position(|byte| *byte == b'\n').map(|end| bytes.split_at(end + 1)) {
        Some((b"started\n", rest)) => (Begun::Now, rest),
        Some((b"present\n", rest)) => (Begun::Before, rest),
        _ => return Err(strange(host, what, &bytes)),
    };
    Ok((begun, parse(rest, 0).ok_or_else(|| strange(host, what, rest))?))
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

/// Looks at a step, and at its log from an offset on; a step that runs and has written nothing since is waited for, but
/// no longer than `patience`. Changes nothing.
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
    const WHAT: &str = "say how a step stands";
    let script = looking(WHAT, patience)
        .arg(folder)
        .arg(offset.to_string())
        .arg(CHUNK.to_string())
        .arg((patience.as_millis() / 100).to_string())
        .harmless();
    let bytes = host.run_ok(&script, cancel).await?.stdout.bytes();
    parse(&bytes, offset).ok_or_else(|| strange(host, WHAT, &bytes))
}

fn parse(bytes: &[u8], offset: u64) -> Option<Look> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [state, code, size] = words[..] else { return None };
    let state = match state {
        "absent" => StepState::Absent,
        "running" => StepState::Running { pid: code.parse().ok()? },
        "ended" => StepState::Ended { code: code.parse().ok()? },
        "lost" => StepState::Lost,
        _ => return None,
    };
    let log = bytes[end + 1..].to_vec();
    let next = offset + log.len() as u64;
    Some(Look { state, log, next, more: size.parse::<u64>().ok()? > next })
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
    let first = loop {
        match start(host, step, PATIENCE, cancel).await {
            Ok(first) => break first,
            Err(error) => away.bear(error, cancel).await?,
        }
    };
    attend(host, step, (first.0, Some(first.1)), patience, pass, cancel).await
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
    attend(host, step, (Begun::Before, None), patience, pass, cancel).await
}

async fn attend(
    host: &dyn Host,
    step: &Step,
    (begun, mut seen): (Begun, Option<Look>),
    patience: Duration,
    pass: &mut (dyn FnMut(&[u8]) + Send),
    cancel: &CancellationToken,
) -> Result<Outcome, Error> {
    let mut away = Away::new(patience);
    let (mut offset, mut kept) = (0, Captured::new(64 * 1024));
    loop {
        let look = match seen.take() {
            Some(look) => look,
            None => match look(host, &step.folder, offset, PATIENCE, cancel).await {
                Ok(look) => look,
                Err(error) => {
                    away.bear(error, cancel).await?;
                    continue;
                }
            },
        };
        away.back();
        kept.push(&look.log);
        pass(&look.log);
        offset = look.next;
        let code = match look.state {
            StepState::Running { .. } => continue,
            _ if look.more => continue,
            StepState::Ended { code } => Some(code),
            StepState::Lost => None,
            StepState::Absent => {
                let reason = format!("the step `{}` was never begun", step.folder);
                return Err(Error::Strange { host: host.name().to_owned(), what: step.script.what, reason });
            }
        };
        return Ok(Outcome { begun, code, evidence: kept.last_lines(super::EVIDENCE_LINES) });
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

    #[test]
    fn answers_are_read_strictly() {
        let look = parse(b"running 42 7\nabc", 0).unwrap();
        assert_eq!(look, Look { state: StepState::Running { pid: 42 }, log: b"abc".to_vec(), next: 3, more: true });
        assert_eq!(parse(b"ended 3 7\n", 7).unwrap().state, StepState::Ended { code: 3 });
        for bad in [&b""[..], b"ended 3 7", b"ended x 7\n", b"ended 3\n", b"gone 3 7\n"] {
            assert!(parse(bad, 0).is_none(), "{bad:?}");
        }
    }
}
