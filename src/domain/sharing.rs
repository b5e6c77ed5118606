//! Where a project is shared with others, and what came of it.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{InvalidName, OwnerName, RepositoryName};

/// Who sees a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Whom its owner lets.
    #[default]
    Private,
    /// Everybody.
    Public,
}

/// The repository at GitHub a project is to be in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A person or an organization; none for the token's own account.
    #[serde(default)]
    pub owner: Option<OwnerName>,
    /// Its name; none for the project's.
    #[serde(default)]
    pub name: Option<RepositoryName>,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Visibility,
}

impl FromStr for Place {
    type Err = InvalidName;

    /// `OWNER/NAME` or `NAME`; nothing at all leaves both open.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (owner, name) = text.split_once('/').map_or((None, text), |(owner, name)| (Some(owner), name));
        let owner = owner.map(OwnerName::parse).transpose()?;
        let name = if text.is_empty() { None } else { Some(RepositoryName::parse(name)?) };
        Ok(Self { owner, name, visibility: Visibility::default() })
    }
}

/// That a project is to be shared, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// Where.
    pub place: Place,
    /// What came of it; none while nothing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Shared>,
}

/// What came of sharing a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shared {
    /// That commit, in full, is there.
    Pushed(String),
    /// It is not there, for that reason.
    Failed(String),
}

/// How sharing stands, as a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// The person wants it, whatever came of it so far.
    Wanted,
    /// It was tried and came to nothing.
    Failed,
}

impl Stands {
    /// Whether it stands so.
    #[must_use]
    pub fn holds(self, sharing: Option<&Sharing>) -> bool {
        match self {
            Self::Wanted => sharing.is_some(),
            Self::Failed => sharing.is_some_and(|sharing| matches!(sharing.outcome, Some(Shared::Failed(_)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_owner_and_a_name_or_a_name_or_nothing() {
        let both: Place = "octo-org/notes".parse().unwrap();
        assert_eq!((both.owner.unwrap().as_str(), both.name.unwrap().as_str()), ("octo-org", "notes"));
        let name: Place = "notes".parse().unwrap();
        assert_eq!((name.owner, name.name.unwrap().as_str()), (None, "notes"));
        assert_eq!("".parse::<Place>().unwrap(), Place::default());
        for bad in ["/notes", "octo/", "octo/notes/x", "a notes API", "../x", "-x"] {
            assert!(bad.parse::<Place>().is_err(), "{bad:?} was accepted");
        }
    }
}
