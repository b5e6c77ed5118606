//! What the SSH client says when a connection does not come to be, and what it means.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::super::Refusal;
use super::Login;
use crate::exec::capture::clean_line;
use crate::exec::{self, Command};

/// What kept a connection from coming to be, by the client's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The key of the host is not the one that is pinned.
    HostKey,
    /// Anything else.
    Refused(Refusal),
}

/// Reads the client's log. OpenSSH speaks English only.
pub(super) fn read(log: &str, login: &Login) -> Said {
    let lines: Vec<String> = log.lines().map(clean_line).filter(|line| !line.trim().is_empty()).collect();
    let having = |words: &str| lines.iter().find(|line| line.contains(words));
    let after = |line: &String| line.rsplit(": ").next().unwrap_or_default().trim().to_owned();
    if having("Host key verification failed").is_some() || having("HOST IDENTIFICATION HAS CHANGED").is_some() {
        return Said::HostKey;
    }
    let refusal = if let Some(line) = having("Could not resolve hostname") {
        Refusal::Name(after(line))
    } else if having("Connection refused").is_some() {
        Refusal::Port
    } else if let Some(line) = having("timed out") {
        Refusal::Silence(if line.contains("banner") {
            "something listens there and says nothing".to_owned()
        } else {
            "the connection timed out".to_owned()
        })
    } else if let Some(line) = having("No route to host").or_else(|| having("Network is unreachable")) {
        Refusal::Route(after(line))
    } else if let Some(line) = having("Permission denied (").or_else(|| having("Too many authentication failures")) {
        Refusal::Login {
            user: login.destination.user.clone(),
            key: login.key.clone(),
            port: login.destination.port,
            said: after(line),
        }
    } else if let Some(line) = having("closed by")
        .or_else(|| having("reset by peer"))
        .or_else(|| having("Broken pipe"))
        .or_else(|| having("banner"))
    {
        Refusal::Closed(line.trim_start_matches("ssh: ").to_owned())
    } else {
        let last: Vec<&str> = lines.iter().rev().take(3).rev().map(String::as_str).collect();
        Refusal::Other(if last.is_empty() { "the SSH client says nothing".to_owned() } else { last.join("; ") })
    };
    Said::Refused(refusal)
}

/// A login that was refused because the key could not be read says so.
pub(super) async fn explain(refusal: Refusal, cancel: &CancellationToken) -> Refusal {
    match refusal {
        Refusal::Login { key: Some(key), .. } if is_locked(&key, cancel).await => Refusal::Locked(key),
        other => other,
    }
}

/// Whether a key needs a passphrase. What it holds stays between the file and `ssh-keygen`.
async fn is_locked(key: &Path, cancel: &CancellationToken) -> bool {
    let asked = Command::new("ssh-keygen").args(["-y", "-P", ""]).arg("-f").arg(key).deadline(super::LOCAL_LIMIT);
    let ran = exec::run(&asked, cancel).await;
    ran.is_ok_and(|output| !output.exit.success() && output.stderr.text().contains("incorrect passphrase"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::host::Destination;

    fn said(log: &str) -> Said {
        let destination = Destination::parse("deploy@web:2222").unwrap();
        read(log, &Login { destination, key: None, configuration: None })
    }

    #[test]
    fn each_way_a_connection_fails_is_told_apart() {
        let refused = |refusal| Said::Refused(refusal);
        let cases = [
            (
                "ssh: Could not resolve hostname nope: Name or service not known\r\n",
                refused(Refusal::Name("Name or service not known".to_owned())),
            ),
            ("ssh: connect to host web port 2222: Connection refused\r\n", refused(Refusal::Port)),
            (
                "ssh: connect to host web port 2222: Connection timed out",
                refused(Refusal::Silence("the connection timed out".to_owned())),
            ),
            (
                "Connection timed out during banner exchange\nConnection to 1.2.3.4 port 22 timed out",
                refused(Refusal::Silence("something listens there and says nothing".to_owned())),
            ),
            (
                "ssh: connect to host web port 2222: No route to host",
                refused(Refusal::Route("No route to host".to_owned())),
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                refused(Refusal::Closed("kex_exchange_identification: Connection closed by remote host".to_owned())),
            ),
            (
                "deploy@web: Permission denied (publickey).\r\n",
                refused(Refusal::Login {
                    user: "deploy".to_owned(),
                    key: None,
                    port: Some(2222),
                    said: "Permission denied (publickey).".to_owned(),
                }),
            ),
            (
                "@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                Said::HostKey,
            ),
            (
                "config: line 3: Bad configuration option: x",
                refused(Refusal::Other("config: line 3: Bad configuration option: x".to_owned())),
            ),
        ];
        for (log, wanted) in cases {
            assert_eq!(said(log), wanted, "{log}");
        }
    }
}
