//! A project's secrets: a value nobody sees by accident, and how one is kept.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::ids::ProjectId;
use super::manifest::EnvName;
use super::time::Timestamp;

/// The longest value, in bytes: Linux takes no longer variable in a program's environment than 128 KiB.
pub const LONGEST: usize = 120 * 1024;

/// A value nobody may see by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text cannot be the value of a secret. Nothing of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It has a zero byte.
    #[error("it has a zero byte, which a program's environment cannot hold")]
    Zero,
    /// It is not UTF-8.
    #[error("it is not text in UTF-8; write it in base64 and let the service decode it")]
    NotText,
    /// It is longer than [`LONGEST`].
    #[error("it has {0} bytes; a program's environment holds up to {LONGEST}")]
    Long(usize),
}

impl Secret {
    /// A value as it is, from where only good ones come.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// A value that somebody gives.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn given(bytes: Vec<u8>) -> Result<Self, Unfit> {
        match bytes.len() {
            0 => return Err(Unfit::Empty),
            long if long > LONGEST => return Err(Unfit::Long(long)),
            _ if bytes.contains(&0) => return Err(Unfit::Zero),
            _ => {}
        }
        String::from_utf8(bytes).map(Self).map_err(|_| Unfit::NotText)
    }

    /// The value, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who a kept value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person gave it.
    Given,
    /// cgo made it up.
    Generated,
}

impl Origin {
    /// Every origin.
    pub const ALL: [Self; 2] = [Self::Given, Self::Generated];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Generated => "generated",
        }
    }
}

/// How a value was seen where it must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leak {
    /// A person sent it in a message of a chat.
    Message,
}

impl Leak {
    /// Every way.
    pub const ALL: [Self; 1] = [Self::Message];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
        }
    }
}

/// That a value was seen where it must not be: it has to be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exposure {
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: Leak,
}

/// A secret as it is kept: encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The project it belongs to.
    pub project: ProjectId,
    /// The variable.
    pub name: EnvName,
    /// Who it comes from.
    pub origin: Origin,
    /// The key it is encrypted for: the public half of an identity.
    pub key: String,
    /// The encrypted value: an age file in its text form.
    pub sealed: String,
    /// When and how the value was seen by others; none for one that nobody saw.
    pub exposed: Option<Exposure>,
    /// When there was a value first.
    pub created_at: Timestamp,
    /// When this value was given or made.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Some(Secret::new("canary".to_owned()))), "Some(***)");
    }

    #[test]
    fn what_no_environment_can_hold_is_refused() {
        assert_eq!(Secret::given(Vec::new()), Err(Unfit::Empty));
        assert_eq!(Secret::given(b"a\0b".to_vec()), Err(Unfit::Zero));
        assert_eq!(Secret::given(vec![0xff]), Err(Unfit::NotText));
        assert_eq!(Secret::given(vec![b'a'; LONGEST + 1]), Err(Unfit::Long(LONGEST + 1)));
        let odd = " $x \\ 'a\" #b \n\r\t\u{1} ёж 👩‍👧 ";
        assert_eq!(Secret::given(odd.as_bytes().to_vec()).unwrap().reveal(), odd);
    }
}
