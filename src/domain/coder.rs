//! Who writes code, and behind which walls.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A coding backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coder {
    /// cgo's own tool loop, with the developer's model.
    #[default]
    Native,
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// OpenCode.
    Opencode,
    /// Aider.
    Aider,
    /// Goose.
    Goose,
    /// Droid.
    Droid,
    /// Nobody: only what is generated, and what a person writes.
    None,
}

impl Coder {
    /// Every backend.
    pub const ALL: [Self; 8] =
        [Self::Native, Self::Claude, Self::Codex, Self::Opencode, Self::Aider, Self::Goose, Self::Droid, Self::None];

    /// Its name in settings, and the name of its program where it has one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Opencode => "opencode",
            Self::Aider => "aider",
            Self::Goose => "goose",
            Self::Droid => "droid",
            Self::None => "none",
        }
    }

    /// It is a program of its own.
    #[must_use]
    pub fn is_external(self) -> bool {
        !matches!(self, Self::Native | Self::None)
    }
}

impl fmt::Display for Coder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is behind a name there is no backend or no sandbox for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {known}")]
pub struct Unknown {
    text: String,
    known: String,
}

impl FromStr for Coder {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|coder| coder.as_str() == text);
        found.ok_or_else(|| Unknown { text: text.to_owned(), known: known() })
    }
}

/// What keeps a coder from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Walls {
    /// Bubblewrap.
    #[default]
    Bubblewrap,
    /// Nothing but limits and an environment by allow-list.
    Off,
}

impl Walls {
    /// Its name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Walls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Walls {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text {
            "bubblewrap" => Ok(Self::Bubblewrap),
            "off" => Ok(Self::Off),
            _ => Err(Unknown { text: text.to_owned(), known: "bubblewrap, off".to_owned() }),
        }
    }
}

/// Which backend writes the code, and how; what is absent is left to the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoderChoice {
    /// The backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coder: Option<Coder>,
    /// The sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Walls>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_a_stranger_is_told_the_known_ones() {
        for coder in Coder::ALL {
            assert_eq!(coder.as_str().parse(), Ok(coder));
        }
        let error = "copilot".parse::<Coder>().unwrap_err().to_string();
        assert!(error.contains("copilot") && error.contains("aider"), "{error}");
        assert!("on".parse::<Walls>().unwrap_err().to_string().contains("bubblewrap, off"));
    }
}
