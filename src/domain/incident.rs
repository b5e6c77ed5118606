//! Incidents: something that broke, opened once for one cause and kept until it is resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{IncidentId, ProjectId, RunId, ServerId};
use super::spec::Language;
use super::time::Timestamp;

/// Something that broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// What makes two reports the same incident; see [`cause`].
    pub cause: String,
    /// What sort of thing broke.
    pub kind: IncidentKind,
    /// The project it is about.
    pub project: Option<ProjectId>,
    /// The server it is about.
    pub server: Option<ServerId>,
    /// The service of the project.
    pub service: Option<String>,
    /// In one line.
    pub title: String,
    /// What is known, from the newest report.
    pub details: String,
    /// Where it stands.
    pub status: IncidentStatus,
    /// How often it was reported.
    pub reports: u32,
    /// The run that reported it last.
    pub run: Option<RunId>,
    /// How it was resolved.
    pub resolution: Option<String>,
    /// When it was first reported.
    pub created_at: Timestamp,
    /// When it was last reported or resolved.
    pub updated_at: Timestamp,
}

impl Incident {
    /// The title as people read it: where it is not in their language, after the sort of thing that broke.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match language {
            Language::En => self.title.clone(),
            Language::Ru => format!("{} — {}", self.kind.in_russian(), self.title),
        }
    }
}

/// What sort of thing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// A server does not answer.
    ServerUnreachable,
    /// A server has no room left: disk, memory or ports.
    NoRoom,
    /// A service does not answer, or answers badly.
    ServiceDown,
    /// A release could not be deployed.
    DeploymentFailed,
    /// A certificate is invalid or about to be.
    Certificate,
    /// Something cgo depends on fails: a forge, a registry, a provider.
    Provider,
    /// Something else; its title tells one from another.
    Other,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::ServerUnreachable,
        Self::NoRoom,
        Self::ServiceDown,
        Self::DeploymentFailed,
        Self::Certificate,
        Self::Provider,
        Self::Other,
    ];

    /// The kind as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerUnreachable => "server_unreachable",
            Self::NoRoom => "no_room",
            Self::ServiceDown => "service_down",
            Self::DeploymentFailed => "deployment_failed",
            Self::Certificate => "certificate",
            Self::Provider => "provider",
            Self::Other => "other",
        }
    }

    /// The kind as Russian titles begin.
    fn in_russian(self) -> &'static str {
        match self {
            Self::ServerUnreachable => "Сервер не отвечает",
            Self::NoRoom => "Неполадка на сервере",
            Self::ServiceDown => "Служба не работает",
            Self::DeploymentFailed => "Развёртывание не удалось",
            Self::Certificate => "Непорядок с сертификатом",
            Self::Provider => "Подвела внешняя служба",
            Self::Other => "Неполадка",
        }
    }
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// It is not mended.
    Open,
    /// It is over; a new report of its cause is a new incident.
    Resolved,
}

impl IncidentStatus {
    /// Every status.
    pub const ALL: [Self; 2] = [Self::Open, Self::Resolved];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

/// Something that was seen or tried while an incident was open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentEvent {
    /// When.
    pub at: Timestamp,
    /// What sort of thing.
    pub kind: IncidentEventKind,
    /// In words.
    pub words: String,
}

/// A sort of thing that happens to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentEventKind {
    /// A look found it broken.
    Seen,
    /// Its service is about to be restarted.
    Restart,
    /// Its project is about to go back to the release before.
    Revert,
    /// What came of what was tried.
    Outcome,
    /// It is over.
    Closed,
}

impl IncidentEventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Seen, Self::Restart, Self::Revert, Self::Outcome, Self::Closed];

    /// The kind as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Restart => "restart",
            Self::Revert => "revert",
            Self::Outcome => "outcome",
            Self::Closed => "closed",
        }
    }
}

/// What makes two reports the same incident: the kind and what it is about, never the wording of details. The title
/// counts only where the kind says nothing, without its numbers.
#[must_use]
pub fn cause(
    kind: IncidentKind,
    project: Option<&ProjectId>,
    server: Option<&ServerId>,
    service: Option<&str>,
    title: &str,
) -> String {
    let mut cause = kind.as_str().to_owned();
    for (name, id) in
        [("project", project.map(ProjectId::as_str)), ("server", server.map(ServerId::as_str)), ("service", service)]
    {
        if let Some(id) = id {
            cause.push_str(&format!(" {name}={id}"));
        }
    }
    if kind == IncidentKind::Other {
        let letters = title.to_lowercase();
        let words: Vec<&str> = letters.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        cause.push_str(&format!(" title={}", words.join("-")));
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_told_in_russian_after_the_sort_of_thing_that_broke() {
        let at = Timestamp(1_800_000_000_000);
        let incident = |kind| Incident {
            id: IncidentId::new(at, 1),
            cause: String::new(),
            kind,
            project: None,
            server: None,
            service: None,
            title: "`notes` does not work".to_owned(),
            details: String::new(),
            status: IncidentStatus::Open,
            reports: 1,
            run: None,
            resolution: None,
            created_at: at,
            updated_at: at,
        };
        let down = incident(IncidentKind::ServiceDown);
        assert_eq!(down.told(Language::En), "`notes` does not work");
        assert_eq!(down.told(Language::Ru), "Служба не работает — `notes` does not work");
        let mut leads: Vec<String> = IncidentKind::ALL.map(|kind| incident(kind).told(Language::Ru)).to_vec();
        leads.sort();
        leads.dedup();
        assert_eq!(leads.len(), IncidentKind::ALL.len(), "{leads:?}");
    }

    #[test]
    fn the_cause_is_what_broke_and_not_how_it_is_told() {
        let project = ProjectId::new(Timestamp(1_800_000_000_000), 1);
        let of = |kind, title: &str| cause(kind, Some(&project), None, Some("backend"), title);
        assert_eq!(of(IncidentKind::ServiceDown, "a"), of(IncidentKind::ServiceDown, "b"));
        assert_ne!(of(IncidentKind::ServiceDown, "a"), of(IncidentKind::DeploymentFailed, "a"));
        assert_eq!(of(IncidentKind::Other, "Disk 91% full!"), of(IncidentKind::Other, "disk 95 % full"));
        assert_ne!(of(IncidentKind::Other, "disk full"), of(IncidentKind::Other, "queue full"));
        assert_ne!(cause(IncidentKind::ServiceDown, None, None, None, ""), of(IncidentKind::ServiceDown, ""));
    }
}
