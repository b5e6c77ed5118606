//! Servers and the ports reserved on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, ServerId};
use super::spec::Language;
use super::time::Timestamp;

/// A machine projects are placed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its handle, unique in the store: `local` for this machine.
    pub handle: String,
    /// The address its services are reached at.
    pub address: String,
    /// Where it stands.
    pub status: ServerStatus,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
}

/// The handle of the machine cgo runs on.
pub const LOCAL: &str = "local";

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerStatus {
    /// Seen at a provider, not ours yet.
    Discovered,
    /// To be provisioned.
    PendingSetup,
    /// Being provisioned.
    Provisioning,
    /// Ready for its first project.
    Ready,
    /// Carries projects.
    InUse,
    /// Provisioning or a check failed.
    Error,
    /// Does not answer.
    Unreachable,
    /// Out of use for a while, on purpose.
    Maintenance,
    /// Kept free, on purpose.
    Reserved,
    /// Gone.
    Decommissioned,
}

impl ServerStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Discovered,
        Self::PendingSetup,
        Self::Provisioning,
        Self::Ready,
        Self::InUse,
        Self::Error,
        Self::Unreachable,
        Self::Maintenance,
        Self::Reserved,
        Self::Decommissioned,
    ];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::PendingSetup => "pending_setup",
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::InUse => "in_use",
            Self::Error => "error",
            Self::Unreachable => "unreachable",
            Self::Maintenance => "maintenance",
            Self::Reserved => "reserved",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// The status as it follows "it is".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::PendingSetup => "pending setup",
            Self::InUse => "in use",
            Self::Maintenance => "in maintenance",
            Self::Discovered
            | Self::Provisioning
            | Self::Ready
            | Self::Error
            | Self::Unreachable
            | Self::Reserved
            | Self::Decommissioned => self.as_str(),
        }
    }

    /// The status as people read it in a list.
    #[must_use]
    pub fn told(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, status) => status.words(),
            (Language::Ru, Self::Discovered) => "найден",
            (Language::Ru, Self::PendingSetup) => "ждёт настройки",
            (Language::Ru, Self::Provisioning) => "настраивается",
            (Language::Ru, Self::Ready) => "готов",
            (Language::Ru, Self::InUse) => "в работе",
            (Language::Ru, Self::Error) => "не настроен: ошибка",
            (Language::Ru, Self::Unreachable) => "недоступен",
            (Language::Ru, Self::Maintenance) => "на обслуживании",
            (Language::Ru, Self::Reserved) => "в резерве",
            (Language::Ru, Self::Decommissioned) => "выведен из работы",
        }
    }

    /// The command that puts a server that stands here into use, or shows more of it.
    #[must_use]
    pub fn next_command(self, name: &str) -> String {
        match self {
            Self::Maintenance => format!("cgo servers maintenance {name} off"),
            Self::Reserved => format!("cgo servers reserve {name} off"),
            Self::PendingSetup | Self::Provisioning | Self::Error => format!("cgo servers provision {name}"),
            Self::Discovered | Self::Ready | Self::InUse | Self::Unreachable | Self::Decommissioned => {
                format!("cgo servers show {name}")
            }
        }
    }

    /// Whether a new project may be placed there.
    #[must_use]
    pub fn takes_projects(self) -> bool {
        matches!(self, Self::Ready | Self::InUse)
    }

    /// Whether a server that stands here is still known to have been set up, if it was before.
    #[must_use]
    pub fn keeps_set_up(self) -> bool {
        matches!(self, Self::Provisioning | Self::Error | Self::Unreachable | Self::Maintenance | Self::Reserved)
    }
}

/// Looks in a row that a server has to leave unanswered before it is taken for unreachable.
pub const SILENT_AFTER: u32 = 3;
/// Milliseconds between the first and the last of them at least: a few within seconds are one short outage.
pub const SILENT_FOR_MS: i64 = 2 * 60 * 1000;

/// What decides where a server stands that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footing {
    /// It was set up.
    pub set_up: bool,
    /// It carries projects.
    pub carries: bool,
}

impl Footing {
    fn status(self) -> ServerStatus {
        match self {
            Self { set_up: false, .. } => ServerStatus::PendingSetup,
            Self { carries: true, .. } => ServerStatus::InUse,
            Self { carries: false, .. } => ServerStatus::Ready,
        }
    }
}

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEvent {
    /// One that a provider listed becomes ours.
    Adopted,
    /// It is begun to set it up, or gone on with after that was killed.
    SetupBegun,
    /// All that belongs to a server is there.
    SetupEnded {
        /// It carries projects.
        carries: bool,
    },
    /// Whoever deploys to it has set it up already.
    TakenAsReady,
    /// Setting it up was ended with some of it left out, on purpose.
    SetupLeft(Footing),
    /// Setting it up failed.
    SetupFailed,
    /// Its first project is put on it.
    Filled,
    /// Its last project is gone.
    Emptied,
    /// It has not answered for too long.
    Silent,
    /// It answers again.
    Answered(Footing),
    /// It is taken out of use for a while.
    Withdrawn,
    /// It is to be used again.
    Returned(Footing),
    /// It is kept free.
    Kept,
    /// It is kept free no longer.
    Freed,
    /// It is given up.
    GivenUp,
}

impl ServerEvent {
    /// One of each.
    const ALL: [Self; 15] = [
        Self::Adopted,
        Self::SetupBegun,
        Self::SetupEnded { carries: false },
        Self::TakenAsReady,
        Self::SetupLeft(Footing { set_up: false, carries: false }),
        Self::SetupFailed,
        Self::Filled,
        Self::Emptied,
        Self::Silent,
        Self::Answered(Footing { set_up: true, carries: false }),
        Self::Withdrawn,
        Self::Returned(Footing { set_up: true, carries: false }),
        Self::Kept,
        Self::Freed,
        Self::GivenUp,
    ];

    /// A person can ask for it; the others happen.
    fn is_asked_for(self) -> bool {
        matches!(
            self,
            Self::Adopted
                | Self::SetupBegun
                | Self::TakenAsReady
                | Self::Withdrawn
                | Self::Returned(_)
                | Self::Kept
                | Self::Freed
                | Self::GivenUp
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::Adopted => "be adopted",
            Self::SetupBegun => "be set up",
            Self::SetupEnded { .. } => "have been set up",
            Self::TakenAsReady => "be taken as set up",
            Self::SetupLeft(_) => "have been set up in part",
            Self::SetupFailed => "fail to be set up",
            Self::Filled => "take its first project",
            Self::Emptied => "lose its last project",
            Self::Silent => "be out of reach",
            Self::Answered(_) => "be back in reach",
            Self::Withdrawn => "be taken out of use",
            Self::Returned(_) => "be put into use again",
            Self::Kept => "be reserved",
            Self::Freed => "be freed",
            Self::GivenUp => "be given up",
        }
    }
}

/// A move that a server cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a server that is {} cannot {action}; it can {allowed}", status.words())]
pub struct IllegalMove {
    /// Where it stands.
    pub status: ServerStatus,
    /// What was tried.
    pub action: &'static str,
    /// What somebody may have it do instead, in words.
    pub allowed: String,
}

impl ServerStatus {
    /// Where it stands after an event.
    ///
    /// # Errors
    /// [`IllegalMove`] with the moves that are allowed.
    pub fn next(self, event: ServerEvent) -> Result<Self, IllegalMove> {
        self.after(event).ok_or_else(|| {
            let allowed = ServerEvent::ALL.into_iter().filter(|it| it.is_asked_for() && self.after(*it).is_some());
            let allowed: Vec<&str> = allowed.map(ServerEvent::words).collect();
            let allowed = if allowed.is_empty() { "do nothing any more".to_owned() } else { allowed.join(", ") };
            IllegalMove { status: self, action: event.words(), allowed }
        })
    }

    fn after(self, event: ServerEvent) -> Option<Self> {
        Some(match (self, event) {
            // What serves is in use whatever of its set-up was left out; what is empty takes no project before it is whole.
            (Self::Ready, ServerEvent::Filled)
            | (Self::Provisioning, ServerEvent::SetupLeft(Footing { set_up: true, carries: true })) => Self::InUse,
            (Self::Discovered, ServerEvent::Adopted) | (Self::Provisioning, ServerEvent::SetupLeft(_)) => {
                Self::PendingSetup
            }
            (
                Self::PendingSetup | Self::Provisioning | Self::Ready | Self::InUse | Self::Error | Self::Unreachable,
                ServerEvent::SetupBegun,
            ) => Self::Provisioning,
            (Self::Provisioning, ServerEvent::SetupEnded { carries }) => Footing { set_up: true, carries }.status(),
            (Self::Unreachable, ServerEvent::Answered(footing))
            | (Self::Maintenance, ServerEvent::Returned(footing)) => footing.status(),
            (Self::PendingSetup, ServerEvent::TakenAsReady)
            | (Self::InUse, ServerEvent::Emptied)
            | (Self::Reserved, ServerEvent::Freed) => Self::Ready,
            (Self::Ready, ServerEvent::Kept) => Self::Reserved,
            (Self::Provisioning, ServerEvent::SetupFailed) => Self::Error,
            (Self::PendingSetup | Self::Ready | Self::InUse | Self::Error, ServerEvent::Silent) => Self::Unreachable,
            (Self::Ready | Self::InUse | Self::Error | Self::Unreachable, ServerEvent::Withdrawn) => Self::Maintenance,
            (
                Self::Discovered
                | Self::PendingSetup
                | Self::Provisioning
                | Self::Ready
                | Self::Error
                | Self::Unreachable
                | Self::Maintenance
                | Self::Reserved,
                ServerEvent::GivenUp,
            ) => Self::Decommissioned,
            _ => return None,
        })
    }
}

/// What a port is reserved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortPurpose {
    /// The address people open.
    Public,
    /// The first of the two places a release runs in.
    Blue,
    /// The second.
    Green,
}

impl PortPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Public, Self::Blue, Self::Green];

    /// The purpose as the store spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// The public ports that services get on a server. The inner ones stand apart, four to each of them, below the range
/// from which systems hand out ports to outgoing connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// All there are.
    pub const ALL: Self = Self { first: 8000, last: 9999 };
    /// The first of all inner ports.
    const INNER: u16 = 21_000;

    /// The ports for a purpose, the first gap of which is taken.
    #[must_use]
    pub fn of(self, purpose: PortPurpose) -> std::ops::RangeInclusive<u16> {
        let inner = |port: u16| Self::INNER + (port - Self::ALL.first) * 4;
        match purpose {
            PortPurpose::Public => self.first..=self.last,
            PortPurpose::Blue | PortPurpose::Green => inner(self.first)..=inner(self.last) + 3,
        }
    }
}

impl Default for PortRange {
    fn default() -> Self {
        Self::ALL
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A text that is no range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of ports between 8000 and 9999, such as 8000-8999")]
pub struct InvalidRange(String);

impl std::str::FromStr for PortRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let bounds = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        bounds
            .map(|(first, last)| Self { first, last })
            .filter(|range| Self::ALL.first <= range.first && range.first <= range.last && range.last <= Self::ALL.last)
            .ok_or_else(|| InvalidRange(text.to_owned()))
    }
}

impl TryFrom<String> for PortRange {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        range.to_string()
    }
}

/// A port that is wanted: what for, and out of which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortWish {
    /// What for.
    pub purpose: PortPurpose,
    /// Out of which.
    pub range: PortRange,
}

impl From<PortPurpose> for PortWish {
    fn from(purpose: PortPurpose) -> Self {
        Self { purpose, range: PortRange::ALL }
    }
}

/// A port reserved on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortReservation {
    /// The server.
    pub server: ServerId,
    /// The port, unique on the server.
    pub port: u16,
    /// Whose it is.
    pub project: ProjectId,
    /// The service of the project.
    pub service: String,
    /// What it is for.
    pub purpose: PortPurpose,
    /// When it was reserved.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ports_keep_apart_inside_too() {
        let range = |text: &str| text.parse::<PortRange>().unwrap();
        assert_eq!(PortRange::ALL.of(PortPurpose::Blue), 21_000..=28_999);
        assert_eq!(range("8000-8019").of(PortPurpose::Public), 8000..=8019);
        assert_eq!(range("8000-8019").of(PortPurpose::Green), 21_000..=21_079);
        assert_eq!(range("8020-8039").of(PortPurpose::Green), 21_080..=21_159);
        for bad in ["", "8000", "8000-", "8100-8000", "80-90", "8000-10000", "a-b", "8000-8010-8020"] {
            assert!(bad.parse::<PortRange>().unwrap_err().to_string().contains("8000-8999"), "{bad}");
        }
    }

    #[test]
    fn a_server_is_set_up_used_and_given_up() {
        let mut status = ServerStatus::Discovered;
        for (event, wanted) in [
            (ServerEvent::Adopted, ServerStatus::PendingSetup),
            (ServerEvent::SetupBegun, ServerStatus::Provisioning),
            (ServerEvent::SetupFailed, ServerStatus::Error),
            (ServerEvent::SetupBegun, ServerStatus::Provisioning),
            (ServerEvent::SetupBegun, ServerStatus::Provisioning),
            (ServerEvent::SetupEnded { carries: false }, ServerStatus::Ready),
            (ServerEvent::Filled, ServerStatus::InUse),
            (ServerEvent::SetupBegun, ServerStatus::Provisioning),
            (ServerEvent::SetupEnded { carries: true }, ServerStatus::InUse),
            (ServerEvent::Silent, ServerStatus::Unreachable),
            (ServerEvent::Answered(Footing { set_up: true, carries: true }), ServerStatus::InUse),
            (ServerEvent::Withdrawn, ServerStatus::Maintenance),
            (ServerEvent::Returned(Footing { set_up: true, carries: true }), ServerStatus::InUse),
            (ServerEvent::Emptied, ServerStatus::Ready),
            (ServerEvent::Kept, ServerStatus::Reserved),
            (ServerEvent::Freed, ServerStatus::Ready),
            (ServerEvent::GivenUp, ServerStatus::Decommissioned),
        ] {
            status = status.next(event).unwrap();
            assert_eq!(status, wanted, "{event:?}");
        }
    }

    #[test]
    fn what_a_server_cannot_do_is_refused_with_what_it_can() {
        let refused = ServerStatus::InUse.next(ServerEvent::GivenUp).unwrap_err().to_string();
        assert!(refused.starts_with("a server that is in use cannot be given up; it can be set up"), "{refused}");
        for event in ServerEvent::ALL {
            let refused = ServerStatus::Decommissioned.next(event).unwrap_err();
            assert_eq!(refused.allowed, "do nothing any more");
        }
        assert!(ServerStatus::Reserved.next(ServerEvent::SetupBegun).is_err());
        assert!(ServerStatus::Ready.next(ServerEvent::SetupFailed).is_err(), "a late end of an old attempt");
        let refused = ServerStatus::Maintenance.next(ServerEvent::Filled).unwrap_err().to_string();
        assert_eq!(
            refused,
            "a server that is in maintenance cannot take its first project; it can be put into use again, be given up"
        );
    }

    #[test]
    fn one_that_serves_stays_in_use_when_a_part_of_it_is_set_up_anew() {
        let carries = Footing { set_up: true, carries: true };
        let status = ServerStatus::Provisioning.next(ServerEvent::SetupLeft(carries)).unwrap();
        assert_eq!(status, ServerStatus::InUse);
        let empty = Footing { set_up: true, carries: false };
        let status = ServerStatus::Provisioning.next(ServerEvent::SetupLeft(empty)).unwrap();
        assert_eq!(status, ServerStatus::PendingSetup);
        assert!(ServerStatus::Provisioning.keeps_set_up() && ServerStatus::Error.keeps_set_up());
        assert_eq!(ServerStatus::Provisioning.next(ServerEvent::GivenUp).unwrap(), ServerStatus::Decommissioned);
    }

    #[test]
    fn one_that_was_never_set_up_does_not_come_back_as_ready() {
        let raw = Footing { set_up: false, carries: true };
        for (status, event) in [
            (ServerStatus::Provisioning, ServerEvent::SetupLeft(raw)),
            (ServerStatus::Unreachable, ServerEvent::Answered(raw)),
            (ServerStatus::Maintenance, ServerEvent::Returned(raw)),
        ] {
            assert_eq!(status.next(event).unwrap(), ServerStatus::PendingSetup, "{event:?}");
        }
        assert_eq!(ServerStatus::PendingSetup.next(ServerEvent::TakenAsReady).unwrap(), ServerStatus::Ready);
        assert!(ServerStatus::Error.next(ServerEvent::TakenAsReady).is_err());
    }

    #[test]
    fn every_status_but_the_last_has_a_way_out() {
        for status in ServerStatus::ALL {
            let ways = ServerEvent::ALL.into_iter().filter(|event| status.next(*event).is_ok()).count();
            assert_eq!(ways == 0, status == ServerStatus::Decommissioned, "{status:?}");
        }
    }
}
