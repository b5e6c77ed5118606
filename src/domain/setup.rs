//! What setting up a server consists of, and how each part of it stands on a machine.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The account that deploys on a server that cgo has set up.
pub const ACCOUNT: &str = "cgo";

/// One step of setting up a server. Each can be done any number of times and comes to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupStep {
    /// Programs that everything else needs.
    Packages,
    /// The account that deploys, its key and its rights.
    User,
    /// Where deployments live.
    Folders,
    /// A clock that is right.
    Time,
    /// A container engine.
    Engine,
    /// The web server.
    Caddy,
    /// Addresses that try passwords are kept out.
    Fail2ban,
    /// Security updates.
    Upgrades,
    /// What may come in.
    Firewall,
    /// The SSH server takes keys only.
    Ssh,
}

impl SetupStep {
    /// Every step, in the order in which they are done.
    pub const ALL: [Self; 10] = [
        Self::Packages,
        Self::User,
        Self::Folders,
        Self::Time,
        Self::Engine,
        Self::Caddy,
        Self::Fail2ban,
        Self::Upgrades,
        Self::Firewall,
        Self::Ssh,
    ];

    /// The step as JSON and the command line spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::User => "user",
            Self::Folders => "folders",
            Self::Time => "time",
            Self::Engine => "engine",
            Self::Caddy => "caddy",
            Self::Fail2ban => "fail2ban",
            Self::Upgrades => "upgrades",
            Self::Firewall => "firewall",
            Self::Ssh => "ssh",
        }
    }

    /// What it brings about, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Packages => "Programs",
            Self::User => "Deploy account",
            Self::Folders => "Folders",
            Self::Time => "Clock",
            Self::Engine => "Container engine",
            Self::Caddy => "Caddy",
            Self::Fail2ban => "fail2ban",
            Self::Upgrades => "Security updates",
            Self::Firewall => "Firewall",
            Self::Ssh => "SSH server",
        }
    }

    /// It could lock everybody out: it is put back unless a new connection proves that we still get in.
    #[must_use]
    pub fn is_guarded(self) -> bool {
        matches!(self, Self::Firewall | Self::Ssh)
    }
}

impl fmt::Display for SetupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is none of those that are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is one of {0}")]
pub struct UnknownWord(String);

impl FromStr for SetupStep {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| UnknownWord(Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// Which container engine a server is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The one there is, else Docker.
    #[default]
    Present,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// None.
    None,
}

impl EngineChoice {
    const ALL: [Self; 4] = [Self::Present, Self::Docker, Self::Podman, Self::None];

    /// The choice as scripts and the command line spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::None => "none",
        }
    }
}

impl FromStr for EngineChoice {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.as_str() == text)
            .ok_or_else(|| UnknownWord("docker, podman, none".to_owned()))
    }
}

/// How a step stands on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// It is so.
    Done,
    /// It is not so, and can be brought about.
    Needed,
    /// It does not apply to this machine. That is not the same as done.
    Skipped,
    /// It is not so, and cannot be brought about.
    Blocked,
}

impl Stand {
    /// The word scripts say.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "done" => Self::Done,
            "needed" => Self::Needed,
            "skipped" => Self::Skipped,
            "blocked" => Self::Blocked,
            _ => return None,
        })
    }

    /// In a word.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Needed => "needed",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
        }
    }
}

/// How one step stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The step.
    pub step: SetupStep,
    /// How it stands.
    pub state: Stand,
    /// Why, in one line.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_by_name_and_what_locks_out_comes_last() {
        for step in SetupStep::ALL {
            assert_eq!(step.as_str().parse::<SetupStep>().unwrap(), step);
        }
        assert!("shh".parse::<SetupStep>().unwrap_err().to_string().contains("firewall, ssh"));
        let guarded: Vec<bool> = SetupStep::ALL.iter().map(|step| step.is_guarded()).collect();
        assert!(guarded.is_sorted(), "a guarded step stands before one that is not");
    }
}
