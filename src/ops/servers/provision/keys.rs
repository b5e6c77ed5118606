//! The public keys that the deploy account is to take: those of the operator, and no others.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Error;
use crate::domain::host::{Access, HostKey};
use crate::exec::{self, Command};

/// How long a program of OpenSSH may take that reads a file or asks the agent.
const LIMIT: Duration = Duration::from_secs(10);
/// The public halves of the keys that OpenSSH takes by itself.
const USUAL: [&str; 4] = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub", "id_ed25519_sk.pub"];

/// What opens the server for us: the public half of the key that is named, or those of the agent and of the usual files
/// that open the account we log in to now.
pub(super) async fn public(
    name: &str,
    access: &Access,
    opens: &[String],
    cancel: &CancellationToken,
) -> Result<Vec<String>, Error> {
    let refused = |reason: String, mend: String| Error::NoPublicKey { name: name.to_owned(), reason, mend };
    if let Some(path) = &access.key {
        if let Some(key) = of_file(path, cancel).await {
            return Ok(vec![key]);
        }
        let public = path.with_added_extension("pub");
        return Err(refused(
            format!("`{}` is encrypted, and there is no `{}`", path.display(), public.display()),
            format!("run `ssh-keygen -yf {} > {}`", path.display(), public.display()),
        ));
    }
    let mut ours = of_agent(cancel).await;
    if let Some(home) = std::env::var_os("HOME") {
        for file in USUAL {
            ours.extend(
                std::fs::read_to_string(Path::new(&home).join(".ssh").join(file)).iter().filter_map(|t| plain(t)),
            );
        }
    }
    ours.retain(|key| opens.contains(key));
    ours.dedup();
    if ours.is_empty() {
        return Err(refused(
            format!("none of the agent's opens `{}`", access.destination),
            "remove the server, and add it again with --key".to_owned(),
        ));
    }
    Ok(ours)
}

/// The sort and the bytes, without what is written behind.
fn plain(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    HostKey::parse(&format!("{} {}", words.next()?, words.next()?)).map(|key| key.to_string())
}

/// What the private key stays between is the file and `ssh-keygen`; one with a passphrase has its public half beside it.
async fn of_file(path: &Path, cancel: &CancellationToken) -> Option<String> {
    let asked = Command::new("ssh-keygen").args(["-y", "-P", ""]).arg("-f").arg(path).deadline(LIMIT);
    if let Ok(output) = exec::run(&asked, cancel).await
        && output.exit.success()
    {
        return plain(&output.stdout.text());
    }
    plain(&std::fs::read_to_string(path.with_added_extension("pub")).ok()?)
}

async fn of_agent(cancel: &CancellationToken) -> Vec<String> {
    let Some(agent) = std::env::var_os("SSH_AUTH_SOCK") else { return Vec::new() };
    let asked = Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", agent).deadline(LIMIT);
    match exec::run(&asked, cancel).await {
        Ok(output) => output.stdout.text().lines().filter_map(plain).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_sort_and_its_bytes() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtXJaEtmyIHGLiyzPoBhnKsOzwKXtNSE1pLhqji6MDW";
        assert_eq!(plain(&format!("{key} me@home\n")).as_deref(), Some(key));
        for bad in ["", "ssh-ed25519", "The agent has no identities.", "command=\"x\" ssh-ed25519 AAAA"] {
            assert_eq!(plain(bad), None, "{bad}");
        }
    }
}
