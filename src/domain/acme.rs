//! Of whom the certificates of projects' domains are asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The directory of Let's Encrypt's authority for trials: nobody trusts its certificates, and it refuses nobody for asking
/// too often.
pub const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// A text that is not what its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not {wanted}")]
pub struct Invalid {
    shown: String,
    wanted: &'static str,
}

fn refuse(text: &str, wanted: &'static str) -> Invalid {
    Invalid { shown: text.chars().take(80).flat_map(char::escape_debug).collect(), wanted }
}

/// Whether a text may stand between quotes in Caddy's configuration as it is.
fn is_plain(text: &str) -> bool {
    text.len() <= 500
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '{' | '}' | '`'))
}

/// An authority that signs certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Authority {
    /// Those that visitors trust, as Caddy chooses them.
    Production,
    /// [`STAGING`].
    Staging,
    /// The one with this directory.
    Directory(String),
}

/// What an authority is to be, for messages.
pub const AUTHORITY: &str = "production, staging, or the https address of an ACME directory";

impl Authority {
    /// The address of its directory; none for Caddy's own choice.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        match self {
            Self::Production => None,
            Self::Staging => Some(STAGING),
            Self::Directory(address) => Some(address),
        }
    }
}

impl FromStr for Authority {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            address if is_plain(address) && address.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) => {
                Ok(Self::Directory(address.to_owned()))
            }
            _ => Err(refuse(text, AUTHORITY)),
        }
    }
}

impl TryFrom<String> for Authority {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Directory(address) => address,
        })
    }
}

impl From<Authority> for String {
    fn from(authority: Authority) -> Self {
        authority.to_string()
    }
}

/// An authority that `--dry-run` asks for a certificate nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trial(String);

/// What such an authority is to be, for messages.
pub const TRIAL: &str = "staging, or the https address of an ACME directory for trials";

impl Trial {
    /// The address of its directory.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.0
    }
}

impl FromStr for Trial {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let authority: Option<Authority> = text.parse().ok();
        let directory = authority.as_ref().and_then(Authority::directory);
        directory.map(|directory| Self(directory.to_owned())).ok_or_else(|| refuse(text, TRIAL))
    }
}

impl TryFrom<String> for Trial {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Trial> for String {
    fn from(trial: Trial) -> Self {
        trial.0
    }
}

/// An address of electronic mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mail(String);

/// What such an address is to be, for messages.
pub const MAIL: &str = "an address of electronic mail";

impl Mail {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Mail {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('@') {
            Some((name, host)) if is_plain(text) && !name.is_empty() && host.contains('.') && !host.contains('@') => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(refuse(text, MAIL)),
        }
    }
}

impl TryFrom<String> for Mail {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Mail> for String {
    fn from(mail: Mail) -> Self {
        mail.0
    }
}

/// How certificates are asked for; what is not set is Caddy's own choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// Where the authority writes to when something is wrong with a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Mail>,
    /// Who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authority>,
    /// A file of this machine with the certificate (PEM) that the authority itself proves who it is with, where servers do
    /// not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_root: Option<PathBuf>,
    /// Who is asked by `--dry-run`; the other authority's certificate is trusted here, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

impl Acme {
    /// The directory that a trial is made with; none where an authority is asked of which it is not known that one may.
    #[must_use]
    pub fn for_trials(&self) -> Option<&str> {
        match (&self.trial, &self.ca) {
            (Some(trial), _) => Some(trial.directory()),
            (None, None | Some(Authority::Production | Authority::Staging)) => Some(STAGING),
            (None, Some(Authority::Directory(_))) => None,
        }
    }

    /// Whether visitors trust what the authority signs, as far as that is known.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.ca.as_ref().is_none_or(|ca| *ca == Authority::Production)
    }
}

/// How certificates are asked for, on each server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities {
    /// On every server.
    pub all: Acme,
    /// On servers by their names; what is set there comes first.
    pub servers: BTreeMap<String, Acme>,
}

impl Authorities {
    /// What holds for a server.
    #[must_use]
    pub fn of(&self, server: &str) -> Acme {
        let Acme { email, ca, ca_root, trial } = self.servers.get(server).cloned().unwrap_or_default();
        Acme {
            email: email.or_else(|| self.all.email.clone()),
            ca: ca.or_else(|| self.all.ca.clone()),
            ca_root: ca_root.or_else(|| self.all.ca_root.clone()),
            trial: trial.or_else(|| self.all.trial.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_and_addresses_are_told_from_other_words() {
        for good in ["production", "staging", "https://ca.example.com:14000/dir"] {
            assert_eq!(good.parse::<Authority>().unwrap().to_string(), good);
        }
        for bad in ["", "Staging", "http://ca.example.com/dir", "https://", "https://a b", "https://a\"\n}"] {
            assert!(bad.parse::<Authority>().is_err(), "{bad:?}");
        }
        for bad in ["production", "http://ca.example.com/dir"] {
            assert!(bad.parse::<Trial>().is_err(), "{bad:?}");
        }
        let own = Acme { ca: "https://ca.example.com/dir".parse().ok(), ..Acme::default() };
        assert_eq!((Acme::default().for_trials(), own.for_trials()), (Some(STAGING), None));
        let told = Acme { trial: "https://trial.example.com/dir".parse().ok(), ..own };
        assert_eq!(told.for_trials(), Some("https://trial.example.com/dir"));
        assert!("ops@example.com".parse::<Mail>().is_ok());
        for bad in ["", "ops", "@example.com", "ops@", "a@b@c.d", "ops@example.com\n}"] {
            assert!(bad.parse::<Mail>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_set_for_a_server_comes_before_what_holds_for_all() {
        let all = Acme { email: "a@example.com".parse().ok(), ca: Some(Authority::Production), ..Acme::default() };
        let one = Acme { ca: Some(Authority::Staging), ..Acme::default() };
        let both = Authorities { all: all.clone(), servers: BTreeMap::from([("web".to_owned(), one)]) };
        assert_eq!(both.of("web"), Acme { ca: Some(Authority::Staging), ..all.clone() });
        assert_eq!(both.of("other"), all);
        assert!(!both.of("web").is_trusted() && both.of("other").is_trusted() && Acme::default().is_trusted());
    }
}
