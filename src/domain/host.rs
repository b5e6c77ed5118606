//! How a machine is reached over SSH, who it proves to be, and what was found on it.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ids::ServerId;
use super::names::InvalidName;
use super::time::Timestamp;

/// Who logs in where: `user@host[:port]`, an IPv6 address in brackets. Nothing in it can become an option of a program
/// or a pattern of an SSH configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The account.
    pub user: String,
    /// A name, an alias of the SSH configuration, or an address, without brackets.
    pub host: String,
    /// The port; none for what the SSH configuration says, or 22.
    pub port: Option<u16>,
}

impl Destination {
    /// Parses `user@host[:port]`.
    ///
    /// # Errors
    /// [`InvalidName`] with the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let refused = |reason: String| InvalidName {
            shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
            sort: "address of a server",
            reason,
        };
        let Some((user, place)) = text.split_once('@') else {
            return Err(refused(
                "it names no user; it looks like `deploy@203.0.113.7` or `root@example.com:2222`".into(),
            ));
        };
        let word = |text: &str, others: &str| {
            let first = text.chars().next();
            first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
                && text.len() <= 253
                && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        if !word(user, "_.-") || user.len() > 64 {
            return Err(refused("the user is letters, digits and _.- and begins with a letter or a digit".to_owned()));
        }
        let (host, port) = if let Some(rest) = place.strip_prefix('[') {
            let Some((host, after)) = rest.split_once(']') else {
                return Err(refused("the bracket around the IPv6 address is not closed".to_owned()));
            };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(refused("there is no IPv6 address in the brackets".to_owned()));
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(refused("something follows the bracket that is no port".to_owned())),
            }
        } else if place.matches(':').count() > 1 {
            return Err(refused("an IPv6 address stands in brackets, like `root@[2001:db8::7]:22`".to_owned()));
        } else {
            match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            }
        };
        if !host.contains(':') && !word(host, "_.-") {
            return Err(refused("the host is a name or an address: letters, digits and _.-".to_owned()));
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(refused("the port is a number from 1 to 65535".to_owned())),
        };
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}@{open}{}{close}", self.user, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl std::str::FromStr for Destination {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

/// The public key a host proves itself with: its sort and its bytes in base64, as in `known_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    sort: String,
    blob: String,
}

impl HostKey {
    /// Parses `ssh-ed25519 AAAA…`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sort, blob) = text.split_once(' ')?;
        let named = !sort.is_empty() && sort.chars().all(|c| c.is_ascii_alphanumeric() || "-@._".contains(c));
        let bytes = decode(blob)?;
        // The bytes begin with the sort once more.
        let length = usize::try_from(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let inside = bytes.get(4..4_usize.checked_add(length)?)?;
        (named && inside == sort.as_bytes()).then(|| Self { sort: sort.to_owned(), blob: blob.to_owned() })
    }

    /// Its fingerprint, as `ssh-keygen -l` shows it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(format!("SHA256:{}", encode(&Sha256::digest(decode(&self.blob).unwrap_or_default()))))
    }

    /// What sort of key it is in words: `ED25519`.
    #[must_use]
    pub fn sort(&self) -> String {
        self.sort.trim_start_matches("ssh-").trim_start_matches("ecdsa-sha2-").to_uppercase()
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sort, self.blob)
    }
}

/// `SHA256:` and 43 characters of base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Parses one, with or without the `=` at its end.
    ///
    /// # Errors
    /// [`InvalidName`] when it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let coded = text.strip_prefix("SHA256:").map(|rest| rest.trim_end_matches('='));
        match coded {
            Some(coded) if coded.len() == 43 && decode(coded).is_some() => Ok(Self(format!("SHA256:{coded}"))),
            _ => Err(InvalidName {
                shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
                sort: "fingerprint",
                reason: "it is `SHA256:` and 43 characters, as `ssh-keygen -lf KEY.pub` prints it".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 without padding.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        out.extend((0..=chunk.len()).map(|place| char::from(ALPHABET[number >> (18 - 6 * place) & 63])));
    }
    out
}

/// The bytes of a text in base64, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let (mut out, mut kept, mut bits) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        kept = (kept << 6 | u32::try_from(value).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(kept >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

/// How a server is reached over SSH, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The server.
    pub server: ServerId,
    /// Who logs in where.
    pub destination: Destination,
    /// The file of the private key on the operator's machine; none for the keys of the agent and of the SSH
    /// configuration. Only the path is ever kept.
    pub key: Option<PathBuf>,
    /// The key the host has to prove itself with.
    pub host_key: HostKey,
    /// It takes projects without root's rights only.
    pub rootless: bool,
}

/// How the last look at a server ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// When it was looked at.
    pub at: Timestamp,
    /// Looks in a row that failed, this one included.
    pub failures: u32,
    /// Why this one failed; none when it did not.
    pub problem: Option<String>,
    /// What was found at the last look that succeeded.
    pub facts: Option<Facts>,
}

/// What was found on a machine, all of it in one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Its own name.
    pub hostname: String,
    /// The operating system: `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Its short name: `debian`, `ubuntu`; empty where the system does not say.
    pub os_id: String,
    /// Its version: `12`; empty where the system does not say.
    pub os_version: String,
    /// The kernel's release.
    pub kernel: String,
    /// The architecture as the kernel spells it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in all, in megabytes.
    pub memory_mb: u64,
    /// Memory that programs can still get, in megabytes.
    pub memory_available_mb: u64,
    /// Where projects are to live.
    pub data: String,
    /// The size of that disk, in megabytes.
    pub disk_mb: u64,
    /// What is left of it, in megabytes.
    pub disk_available_mb: u64,
    /// The TCP ports that are listened on, ascending.
    pub listening: Vec<u16>,
    /// The container engines there are.
    pub engines: Vec<Engine>,
    /// What the account may do.
    pub rights: Rights,
    /// systemd runs the machine.
    pub systemd: bool,
    /// How far its clock is ahead of this machine's, in milliseconds; negative when it is behind.
    pub skew_ms: i64,
    /// The account.
    pub user: String,
    /// Its home.
    pub home: String,
}

/// A container engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// `docker` or `podman`.
    pub name: String,
    /// Its version; none when it does not answer the account.
    pub version: Option<String>,
}

/// What an account may do on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// Everything: it is root.
    Root,
    /// Everything, through sudo without a password.
    Sudo,
    /// Only what any account may.
    Plain,
}

impl Rights {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sudo => "sudo",
            Self::Plain => "no root, no sudo",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_parsed_and_printed_alike() {
        for good in ["root@203.0.113.7", "deploy@example.com:2222", "a_b@web-1", "root@[2001:db8::7]:22", "x@[::1]"] {
            assert_eq!(Destination::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn what_could_become_an_option_a_pattern_or_a_second_line_is_no_destination() {
        for bad in [
            "",
            "host",
            "@host",
            "root@",
            "-oProxyCommand=x@h",
            "root@-oProxyCommand=x",
            "root@h*",
            "root@h?",
            "root@h;id",
            "root@h\nHost x",
            "ro ot@h",
            "root@$(id)",
            "root@'h'",
            "root@\"h\"",
            "root@h:0",
            "root@h:65536",
            "root@h:x",
            "root@2001:db8::7",
            "root@[2001:db8::7",
            "root@[x]",
            "root@[::1]x",
            "root@h:22:23",
            "a@b@c",
        ] {
            assert!(Destination::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        // Made with ssh-keygen 9.2.
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtXJaEtmyIHGLiyzPoBhnKsOzwKXtNSE1pLhqji6MDW";
        let key = HostKey::parse(line).unwrap();
        assert_eq!(key.to_string(), line);
        assert_eq!(key.sort(), "ED25519");
        let shown = key.fingerprint();
        assert_eq!(shown.to_string(), "SHA256:VhB39lj1+gaU6A5ZBhy4YQ5603sYbCu/HgdPT1V7E/4");
        assert_eq!(Fingerprint::parse(&shown.to_string()).unwrap(), shown);
        assert_eq!(Fingerprint::parse(&format!("{shown}=")).unwrap(), shown);
    }

    #[test]
    fn other_texts_are_neither_keys_nor_fingerprints() {
        for bad in ["", "ssh-ed25519", "ssh-ed25519 ?", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ9Q0kQ1", "a b c"] {
            assert!(HostKey::parse(bad).is_none(), "{bad:?} was accepted");
        }
        for bad in ["", "SHA256:", "MD5:aa:bb", "SHA256:not base64 at all, but as long as one is...."] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
