//! People: who they are, what they may do, how they are told.
//!
//! A [`User`] has [`Identity`]s at the front ends; a [`Person`] is who acts right now. What somebody may do is decided by
//! [`Person::may`] alone, for every front end.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{InvitationId, UserId};
use super::spec::Language;
use super::time::Timestamp;

/// The most characters of a name.
const NAME_LENGTH: usize = 64;

/// Somebody who may use the store through a front end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they are called; unique in the store.
    pub name: UserName,
    /// What they may do.
    pub role: Role,
    /// The language they are answered in; none for that of what they write.
    pub language: Option<Language>,
    /// The chat they are told in; none when they are not told.
    pub chat: Option<i64>,
    /// When they are not disturbed.
    pub quiet: Option<QuietHours>,
    /// Who they are at the front ends.
    pub identities: Vec<Identity>,
    /// When they were added.
    pub created_at: Timestamp,
    /// When their record last changed.
    pub updated_at: Timestamp,
}

/// What somebody is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct UserName(String);

/// A text that cannot be the name of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not a name: {reason}")]
pub struct BadName {
    /// The text, shortened and escaped.
    pub shown: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

impl UserName {
    /// Reads a name: 1 to 64 characters that can be shown, on one line.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let name = text.trim();
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.chars().count() > NAME_LENGTH {
            "it has more than 64 characters"
        } else if name.chars().any(is_hidden) {
            "it has characters that cannot be shown"
        } else if name.starts_with('-') {
            "it begins with a dash"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(BadName { shown: text.chars().take(40).flat_map(char::escape_debug).collect(), reason })
    }

    /// The nearest name to what a foreign service says somebody is called; none when nothing of it can be shown.
    #[must_use]
    pub fn of_foreign(text: &str) -> Option<Self> {
        let shown: String = text.chars().filter(|c| !is_hidden(*c)).take(NAME_LENGTH).collect();
        Self::parse(shown.trim().trim_start_matches('-')).ok()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that turn the direction of a line or take no room.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for UserName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, people included.
    Admin,
    /// Their own projects.
    Member,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Member];

    /// The role as the store, JSON and people spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

/// Who somebody is at a front end. What a front end says of it is a claim until the front end's own service vouches for
/// it: Telegram for the sender of an update that came over its API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The id of a user of Telegram; never that of a chat.
    Telegram(i64),
}

impl Identity {
    /// The service and the id there, as the store keeps them.
    #[must_use]
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Telegram(id) => ("telegram", id.to_string()),
        }
    }

    /// Reads what [`Identity::parts`] gave.
    #[must_use]
    pub fn of_parts(provider: &str, subject: &str) -> Option<Self> {
        match provider {
            "telegram" => subject.parse().ok().filter(|id| *id > 0).map(Self::Telegram),
            _ => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (provider, subject) = self.parts();
        write!(f, "{provider}:{subject}")
    }
}

/// Who asks for something, before it is known who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Whoever works at a terminal and may open the store: an admin.
    Operator,
    /// Somebody at a front end.
    Somebody {
        /// Who, vouched for by the front end's service.
        identity: Identity,
        /// What they call themselves there; believed by nobody, shown to people.
        called: String,
    },
}

/// Who acts, as the store knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their record; none for the operator.
    pub user: Option<UserId>,
    /// What journals call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Begin a new project.
    Create,
    /// Look at a project, its runs, logs and costs.
    See,
    /// Change a project: update, deploy, go back, stop, start, answer its questions, cancel its runs, set its secrets.
    Operate,
    /// Approve or refuse what a run of a project asks.
    Approve,
    /// Remove a project.
    Destroy,
    /// What belongs to nobody alone: people, servers, agents, the incidents of servers, what everything costs.
    Administer,
}

impl Right {
    /// What somebody tried, after "may not".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Create => "begin projects",
            Self::See => "look at it",
            Self::Operate => "change it",
            Self::Approve => "approve or reject",
            Self::Destroy => "remove it",
            Self::Administer => "do what belongs to admins",
        }
    }
}

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Nobody's alone: what is asked for is about no project.
    Common,
    /// The operator's: every project from before there were people, and what is made at a terminal.
    Operator,
    /// A user's.
    User(&'a UserId),
}

impl<'a> Owner<'a> {
    /// The owner as records keep it: none for the operator.
    #[must_use]
    pub fn of(kept: Option<&'a UserId>) -> Self {
        kept.map_or(Self::Operator, Self::User)
    }
}

impl Person {
    /// Whoever works at the terminal, by the name of the system account.
    #[must_use]
    pub fn operator(account: &str) -> Self {
        Self { user: None, name: account.to_owned(), role: Role::Admin }
    }

    /// A user of the store.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self { user: Some(user.id.clone()), name: user.name.to_string(), role: user.role }
    }

    /// Whether they may do that with something of this owner.
    #[must_use]
    pub fn may(&self, right: Right, owner: Owner<'_>) -> bool {
        match (self.role, right, owner) {
            (Role::Admin, _, _) | (Role::Member, Right::Create, _) => true,
            (Role::Member, Right::See | Right::Operate | Right::Approve | Right::Destroy, Owner::User(owner)) => {
                self.user.as_ref() == Some(owner)
            }
            (Role::Member, _, _) => false,
        }
    }
}

/// The time of day in which somebody is only told what is critical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Minutes after midnight at which they begin.
    pub from: u16,
    /// Minutes after midnight at which they end; before `from` when they go over midnight.
    pub to: u16,
    /// The name of the time zone, as `Europe/Berlin`.
    pub zone: String,
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

impl QuietHours {
    /// Reads `22:00-08:00`; the time zone has to be one that the machine knows.
    #[must_use]
    pub fn parse(text: &str, zone: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from != to).then(|| Self { from, to, zone: zone.to_owned() })
    }

    /// How many minutes of quiet are left at a minute of the day; none when it is not quiet.
    #[must_use]
    pub fn left(&self, minute: u16) -> Option<u16> {
        let since = (minute + DAY - self.from) % DAY;
        let length = (self.to + DAY - self.from) % DAY;
        (since < length).then(|| length - since)
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, zone } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02} {zone}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// An invitation: whoever brings its code first becomes a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// What whoever comes may do.
    pub role: Role,
    /// What whoever comes is called; none for what the front end's service says.
    pub name: Option<UserName>,
    /// Who invited.
    pub by: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody unknown who was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stranger {
    /// Who.
    pub identity: Identity,
    /// What they call themselves.
    pub called: String,
    /// How often they came.
    pub attempts: u64,
    /// When they first came.
    pub created_at: Timestamp,
    /// When they last came.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_rights_on_what_is_theirs_and_an_admin_on_everything() {
        let (own, other) = (UserId::new(Timestamp(0), 1), UserId::new(Timestamp(0), 2));
        let member = Person { user: Some(own.clone()), name: "m".to_owned(), role: Role::Member };
        let admin = Person { user: Some(other.clone()), name: "a".to_owned(), role: Role::Admin };
        let rights = [Right::See, Right::Operate, Right::Approve, Right::Destroy];
        for right in rights {
            assert!(member.may(right, Owner::User(&own)) && admin.may(right, Owner::User(&own)), "{right:?}");
            for foreign in [Owner::User(&other), Owner::Operator, Owner::Common] {
                assert!(!member.may(right, foreign) && admin.may(right, foreign), "{right:?} {foreign:?}");
            }
        }
        assert!(member.may(Right::Create, Owner::Common));
        assert!(!member.may(Right::Administer, Owner::User(&own)), "not even on what is theirs");
        let nobody = Person { user: None, name: "n".to_owned(), role: Role::Member };
        assert!(!nobody.may(Right::See, Owner::Operator), "having no record makes nobody the operator");
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_tell_how_long_they_last() {
        let night = QuietHours::parse("22:00-08:30", "UTC").unwrap();
        assert_eq!(night.to_string(), "22:00-08:30 UTC");
        assert_eq!(night.left(22 * 60), Some(630));
        assert_eq!(night.left(8 * 60 + 29), Some(1));
        assert_eq!((night.left(8 * 60 + 30), night.left(21 * 60 + 59)), (None, None));
        let noon = QuietHours::parse("12-13", "UTC").unwrap();
        assert_eq!((noon.left(12 * 60), noon.left(13 * 60)), (Some(60), None));
        for bad in ["", "22:00", "24:00-1:00", "1:60-2:00", "a-b", "5:00-5:00"] {
            assert_eq!(QuietHours::parse(bad, "UTC"), None, "{bad}");
        }
    }

    #[test]
    fn a_name_can_be_shown_and_a_foreign_one_is_made_so() {
        assert_eq!(UserName::parse("  Анна К. ").unwrap().as_str(), "Анна К.");
        for bad in ["", " ", "a\nb", "\u{202e}evil", "-x", &"x".repeat(65)] {
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(UserName::of_foreign("--Bob\u{202e}\u{7}").unwrap().as_str(), "Bob");
        assert_eq!(UserName::of_foreign("\u{200b}\n"), None);
        assert_eq!(UserName::of_foreign(&"я".repeat(99)).unwrap().as_str().chars().count(), 64);
    }

    #[test]
    fn an_identity_is_that_of_a_person_never_of_a_chat() {
        assert_eq!(Identity::of_parts("telegram", "42"), Some(Identity::Telegram(42)));
        for (provider, subject) in [("telegram", "-100"), ("telegram", "0"), ("telegram", "x"), ("mail", "42")] {
            assert_eq!(Identity::of_parts(provider, subject), None);
        }
    }
}
