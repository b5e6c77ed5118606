//! Whether this machine has a sandbox, found out by entering it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, cgroup, limits, walls};
use crate::exec::{self, Command};

/// The program.
pub(super) const PROGRAM: &str = "bwrap";
/// How long it may take to enter an empty sandbox.
const DEADLINE: Duration = Duration::from_secs(20);

/// What holds a limit for the processes of a run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The kernel, by a control group.
    Cgroup,
    /// The kernel, by a limit of the user.
    Rlimit,
    /// cgo looks several times a second and ends the run.
    Watched,
}

/// A sandbox that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What bubblewrap says of itself.
    pub version: String,
    /// It can forbid further namespaces inside.
    pub disables_namespaces: bool,
    /// What holds the number of processes.
    pub processes: Holder,
    /// What holds memory.
    pub memory: Holder,
}

/// Enters an empty sandbox; for `cgo doctor` and before the first run.
///
/// # Errors
/// [`Error::Refused`] when bubblewrap is missing or may not work, with what mends it.
pub async fn check(cancel: &CancellationToken) -> Result<Found, Error> {
    enter(PROGRAM, cancel).await
}

async fn enter(program: &str, cancel: &CancellationToken) -> Result<Found, Error> {
    let ask = |command: Command| async move { exec::run_ok(&command.deadline(DEADLINE), cancel).await };
    let version = match ask(Command::new(program).arg("--version")).await {
        Ok(output) => output.stdout.text().trim().to_owned(),
        Err(exec::Error::NotFound { .. }) => {
            return Err(Error::Refused {
                reason: "bubblewrap is not installed".to_owned(),
                mend: "install bubblewrap (Debian: `apt-get install bubblewrap`, Fedora: `dnf install bubblewrap`, \
                       Alpine: `apk add bubblewrap`)"
                    .to_owned(),
            });
        }
        Err(other) => return Err(Error::Exec(other)),
    };
    let disables_namespaces = at_least(&version, [0, 8]);
    let trial = Command::new(program).args(walls::empty(disables_namespaces)).args(["--", "true"]);
    match ask(trial).await {
        Ok(_) => {
            let (processes, memory) = limits::holders(&cgroup::Group::probe());
            Ok(Found { version, disables_namespaces, processes, memory })
        }
        Err(exec::Error::Failed { evidence, .. }) => Err(forbidden(evidence.last().map_or("", String::as_str))),
        Err(other) => Err(Error::Exec(other)),
    }
}

/// Bubblewrap is there and may not make what it is made of.
fn forbidden(said: &str) -> Error {
    let one = |file: &str, value: &str| std::fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    let mend = if one("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "allow user namespaces (`sysctl kernel.unprivileged_userns_clone=1`)"
    } else if one("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "let AppArmor allow bubblewrap (`sysctl kernel.apparmor_restrict_unprivileged_userns=0`)"
    } else if one("/proc/sys/user/max_user_namespaces", "0") {
        "allow user namespaces (`sysctl user.max_user_namespaces=10000`)"
    } else {
        "run cgo where it may make namespaces (a container needs `--privileged`, or one that allows them)"
    };
    Error::Refused { reason: format!("bubblewrap may not work here ({said})"), mend: mend.to_owned() }
}

/// Whether `bubblewrap 0.8.0` is at least some version.
fn at_least(version: &str, wanted: [u32; 2]) -> bool {
    let numbers = version.rsplit(' ').next().unwrap_or_default();
    let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
    [parts.next().unwrap_or(0), parts.next().unwrap_or(0)] >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnose::Diagnose as _;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(at_least("bubblewrap 0.8.0", [0, 8]));
        assert!(at_least("bubblewrap 0.11.0", [0, 8]));
        assert!(at_least("bubblewrap 1.0", [0, 8]));
        assert!(!at_least("bubblewrap 0.4.1", [0, 8]));
        assert!(!at_least("", [0, 8]));
    }

    #[test]
    fn a_machine_without_bubblewrap_is_told_how_to_get_it_or_do_without() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(enter("no-such-bubblewrap", &CancellationToken::new())).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        let advice = error.advice().unwrap().words();
        assert!(advice.contains("apt-get install bubblewrap") && advice.contains("`--sandbox off`"), "{advice}");
        // A program of that name that does not work is as good as none.
        let error = runtime.block_on(enter("false", &CancellationToken::new())).unwrap_err();
        assert!(matches!(error, Error::Exec(exec::Error::Failed { .. })), "{error}");
    }

    #[test]
    fn a_refusal_names_what_was_said_and_the_way_without_walls() {
        let error = forbidden("bwrap: No permissions to create new namespace");
        assert!(error.to_string().contains("No permissions to create"), "{error}");
        assert!(error.advice().unwrap().words().contains("`--sandbox off`"));
    }
}
