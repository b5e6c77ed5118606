//! Looking at a machine: everything in one script, with as few processes as that takes.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, Host, Script};
use crate::domain::host::{Engine, Facts, Rights};
use crate::domain::last_words::tell_full_disk;

/// Answers with lines `KEY VALUE`. Files are read by one `awk`: a shell may read them byte by byte.
const LOOK: &str = r#"
say() { printf '%s %s\n' "$1" "$2"; }
say now "$(date +%s%N)"
who=$(id)
uid=${who#uid=}; uid=${uid%%[!0-9]*}
case ${who%% *} in *\(*) user=${who#*\(}; user=${user%%\)*} ;; *) user=$uid ;; esac
say user "$user"
say home "$HOME"
set -- $(uname -n -r -m)
say hostname "$1"; say kernel "$2"; say arch "$3"
# The kernel goes through its whole table of sockets for whoever reads it; `ss` asks for those that listen, one a line
# that begins with LISTEN.
ss -Hltn 2>/dev/null && tables= || tables='/proc/net/tcp /proc/net/tcp6'
set --
for file in /proc/meminfo /proc/stat $tables /etc/os-release; do
    [ -r "$file" ] && set -- "$@" "$file"
done
awk '
FILENAME == "/proc/meminfo" { if ($1 == "MemTotal:") print "memory", $2; if ($1 == "MemAvailable:") print "available", $2; next }
FILENAME == "/proc/stat" { if ($1 ~ /^cpu[0-9]/) cpus++; next }
FILENAME == "/etc/os-release" {
    at = index($0, "="); key = substr($0, 1, at - 1); value = substr($0, at + 1); gsub(/["\047]/, "", value)
    if (key == "PRETTY_NAME") print "os", value
    if (key == "ID") print "os_id", value
    if (key == "VERSION_ID") print "os_version", value
    next
}
$4 == "0A" { sub(/.*:/, "", $2); print "listen", $2 }
END { print "cpus", cpus }
' "$@"
sudo=
if [ "$uid" = 0 ]; then say rights root; data=/var/lib
elif sudo -n true 2>/dev/null; then say rights sudo; data=/var/lib; sudo='sudo -n'
else say rights plain; data=$HOME; fi
say data "$data"
df -Pk "$data" | while read -r _ size _ free _; do say disk "$size $free"; done
try='set -C; umask 077; head -c 4096 /dev/zero >"$1"; code=$?; rm -f "$1"; exit $code'
file=$data/.cgo-look-$$
if [ -n "$sudo" ]; then why=$($sudo sh -c "$try" sh "$file" 2>&1); else why=$( (set -- "$file"; eval "$try") 2>&1 ); fi
if [ $? = 0 ]; then say writes yes; else say writes "$(printf '%s' "$why" | tr '\n' ' ')"; fi
for engine in docker podman; do
    command -v "$engine" >/dev/null || continue
    # `podman version` would open its storage, and leave traces there.
    case $engine in
        docker) said=$(timeout 5 $sudo docker version --format '{{.Server.Version}}' 2>/dev/null) ;;
        *) said=$(timeout 5 podman --version 2>/dev/null) ;;
    esac
    say engine "$engine ${said##* }"
done
if [ -d /run/systemd/system ]; then say systemd yes; fi
"#;

/// What a look at a machine came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What was found.
    pub facts: Facts,
    /// Why nothing can be written where projects are to live; none when it can.
    pub unwritable: Option<Unwritable>,
}

/// Why a disk takes no writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritable {
    /// There is no room.
    Full,
    /// It is mounted so.
    ReadOnly,
    /// Anything else, in the system's words.
    Other(String),
}

/// Looks at a machine in one round trip. Writes a few bytes where projects are to live, and takes them away again.
///
/// # Errors
/// When it cannot be asked, or answers in a way that makes no sense.
pub async fn look(host: &dyn Host, cancel: &CancellationToken) -> Result<Look, Error> {
    const WHAT: &str = "look at its system";
    let script = Script::new(WHAT, LOOK).deadline(Duration::from_secs(20)).harmless();
    let begun = jiff::Timestamp::now().as_millisecond();
    let answer = host.run_ok(&script, cancel).await?;
    let ended = jiff::Timestamp::now().as_millisecond();
    parse(&answer.stdout.text(), begun..=ended).map_err(|reason| Error::Strange {
        host: host.name().to_owned(),
        what: WHAT,
        reason,
    })
}

/// `asked` is when it was asked, by this machine's clock in milliseconds: a clock that stood anywhere in it is right.
fn parse(text: &str, asked: RangeInclusive<i64>) -> Result<Look, String> {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let all = |key: &'static str| lines.iter().filter(move |(name, _)| *name == key).map(|(_, value)| value.trim());
    let maybe = |key: &'static str| all(key).next().unwrap_or_default();
    let text = |key: &'static str| match maybe(key) {
        "" => Err(format!("it does not say its {key}")),
        value => Ok(value.to_owned()),
    };
    let number = |key: &'static str, value: &str| value.parse::<u64>().map_err(|_| format!("its {key} is `{value}`"));
    let (size, free) = all("disk")
        .filter_map(|value| value.split_once(' '))
        .find(|(size, _)| size.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or("it does not say how large its disk is")?;
    let sockets = all("LISTEN").filter_map(|row| row.split_whitespace().nth(2)?.rsplit(':').next()?.parse().ok());
    let mut listening: Vec<u16> =
        all("listen").filter_map(|port| u16::from_str_radix(port, 16).ok()).chain(sockets).collect();
    listening.sort_unstable();
    listening.dedup();
    let engines = all("engine").map(|line| {
        let (name, version) = line.split_once(' ').unwrap_or((line, ""));
        Engine { name: name.to_owned(), version: Some(version.trim().to_owned()).filter(|version| !version.is_empty()) }
    });
    // Nanoseconds are an extension; without it, seconds.
    let digits: String = maybe("now").chars().take_while(char::is_ascii_digit).collect();
    let theirs =
        digits.get(..13).map(str::to_owned).or_else(|| digits.get(..10).map(|seconds| format!("{seconds}000")));
    let theirs: i64 = theirs.and_then(|digits| digits.parse().ok()).ok_or("it does not say what time it is")?;
    let unwritable = match maybe("writes") {
        "yes" => None,
        said if tell_full_disk(&[said]) => Some(Unwritable::Full),
        said if said.contains("Read-only file system") => Some(Unwritable::ReadOnly),
        said => Some(Unwritable::Other(said.to_owned())),
    };
    let facts = Facts {
        hostname: text("hostname")?,
        os: Some(maybe("os")).filter(|name| !name.is_empty()).unwrap_or("Linux").to_owned(),
        os_id: maybe("os_id").to_owned(),
        os_version: maybe("os_version").to_owned(),
        kernel: text("kernel")?,
        arch: text("arch")?,
        cpus: u32::try_from(number("cpus", maybe("cpus"))?).unwrap_or(u32::MAX),
        memory_mb: number("memory", maybe("memory"))? / 1024,
        memory_available_mb: number("available memory", maybe("available"))? / 1024,
        data: text("data")?,
        disk_mb: number("disk", size)? / 1024,
        disk_available_mb: number("disk", free)? / 1024,
        listening,
        engines: engines.collect(),
        rights: match maybe("rights") {
            "root" => Rights::Root,
            "sudo" => Rights::Sudo,
            "plain" => Rights::Plain,
            other => return Err(format!("its rights are `{other}`")),
        },
        systemd: maybe("systemd") == "yes",
        skew_ms: (theirs - asked.end()).max(0) + (theirs - asked.start()).min(0),
        user: text("user")?,
        home: maybe("home").to_owned(),
    };
    Ok(Look { facts, unwritable })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "user root\nhome /root\nhostname web\nkernel 6.1\narch x86_64\nos Debian GNU/Linux 12\n\
        os_id debian\nos_version 12\ncpus 2\nmemory 2048000\navailable 1024000\nlisten 0016\nlisten 1F90\nlisten 0016\n\
        rights root\ndata /var/lib\ndisk 1024-blocks Available\ndisk 2048000 1024000\nwrites yes\nengine docker 28.1\n\
        engine podman \nnow 1767225600500000000\n";

    #[test]
    fn an_answer_becomes_facts() {
        let look = parse(TEXT, 1_767_225_599_000..=1_767_225_600_000).unwrap();
        assert_eq!(look.unwritable, None);
        let facts = look.facts;
        let ss = TEXT.replace(
            "listen 0016\nlisten 1F90\nlisten 0016\n",
            "LISTEN 0 128  [::]:8080  [::]:*\nLISTEN 0 5 *:22 *:*\n",
        );
        assert_eq!(parse(&ss, 0..=0).unwrap().facts.listening, facts.listening);
        assert_eq!((facts.listening, facts.disk_available_mb, facts.memory_mb), (vec![22, 8080], 1000, 2000));
        let skew = |asked| parse(TEXT, asked).unwrap().facts.skew_ms;
        let theirs = 1_767_225_600_500;
        assert_eq!((skew(theirs - 9..=theirs + 9), skew(theirs + 40..=theirs + 50)), (0, -40));
        assert_eq!((facts.skew_ms, facts.systemd, facts.rights), (500, false, Rights::Root));
        assert_eq!(facts.engines[0].version.as_deref(), Some("28.1"));
        assert_eq!(facts.engines[1].version, None);
    }

    #[test]
    fn a_disk_that_takes_nothing_says_why() {
        let with = |said: &str| parse(&TEXT.replace("writes yes", said), 0..=0).unwrap().unwritable;
        assert_eq!(with("writes tee: /x: No space left on device"), Some(Unwritable::Full));
        assert_eq!(with("writes mktemp: failed: Read-only file system"), Some(Unwritable::ReadOnly));
        assert_eq!(with("writes Permission denied"), Some(Unwritable::Other("Permission denied".to_owned())));
    }

    #[test]
    fn an_answer_that_lacks_something_is_none() {
        for key in ["arch", "cpus", "memory", "data", "now", "rights", "user"] {
            let lines: Vec<&str> = TEXT.lines().filter(|line| !line.starts_with(key)).collect();
            assert!(parse(&lines.join("\n"), 0..=0).is_err(), "{key}");
        }
    }
}
