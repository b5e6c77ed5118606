//! What people are told without asking: that a run has ended or needs them, that something broke or works again.
//!
//! A [`Notice`] is owed: it is written in the transaction of the change it is about, and holds ids only. Who is told, how
//! and in which words is decided when it is delivered.

use serde::{Deserialize, Serialize};

use super::ids::{AskId, IncidentId, ProjectId, RunId};
use super::run::{RunStatus, Wait};
use super::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A run, which may have deployed something, is done.
    RunSucceeded,
    /// A run came to nothing.
    RunFailed,
    /// Somebody ended a run.
    RunCancelled,
    /// A run asks a question.
    Question,
    /// A run needs an approval.
    Approval,
    /// A run needs a secret.
    Secret,
    /// A run waits for room on a server.
    Capacity,
    /// A run cannot go on for a reason outside, and cgo has stopped trying.
    RunStuck,
    /// Something broke.
    IncidentOpened,
    /// What was broken works again.
    IncidentClosed,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::RunSucceeded,
        Self::RunFailed,
        Self::RunCancelled,
        Self::Question,
        Self::Approval,
        Self::Secret,
        Self::Capacity,
        Self::RunStuck,
        Self::IncidentOpened,
        Self::IncidentClosed,
    ];

    /// The kind as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunSucceeded => "run_succeeded",
            Self::RunFailed => "run_failed",
            Self::RunCancelled => "run_cancelled",
            Self::Question => "question",
            Self::Approval => "approval",
            Self::Secret => "secret",
            Self::Capacity => "capacity",
            Self::RunStuck => "run_stuck",
            Self::IncidentOpened => "incident_opened",
            Self::IncidentClosed => "incident_closed",
        }
    }

    /// The kind for where a run has come to stand, if anybody is to be told.
    #[must_use]
    pub fn of_status(status: RunStatus) -> Option<Self> {
        match status {
            RunStatus::Succeeded => Some(Self::RunSucceeded),
            RunStatus::Failed => Some(Self::RunFailed),
            RunStatus::Cancelled => Some(Self::RunCancelled),
            RunStatus::WaitingInput => Some(Self::of_wait(Wait::Input)),
            RunStatus::WaitingApproval => Some(Self::of_wait(Wait::Approval)),
            RunStatus::WaitingSecret => Some(Self::of_wait(Wait::Secret)),
            RunStatus::WaitingCapacity => Some(Self::of_wait(Wait::Capacity)),
            RunStatus::Queued | RunStatus::Running => None,
        }
    }

    /// The kind for what a run waits for.
    #[must_use]
    pub fn of_wait(wait: Wait) -> Self {
        match wait {
            Wait::Input => Self::Question,
            Wait::Approval => Self::Approval,
            Wait::Secret => Self::Secret,
            Wait::Capacity => Self::Capacity,
        }
    }

    /// How much it matters.
    #[must_use]
    pub fn urgency(self) -> Urgency {
        match self {
            Self::IncidentOpened => Urgency::Critical,
            _ => Urgency::Normal,
        }
    }
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It waits for the end of quiet hours, and is given up when it cannot be delivered for long.
    Normal,
    /// It waits for nothing and is never given up.
    Critical,
}

impl Urgency {
    /// The urgency as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Critical => "critical",
        }
    }
}

/// Something people are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Made of what it is about, so that the same change owes one notice however often it is written.
    pub id: String,
    /// What happened.
    pub kind: NoticeKind,
    /// How much it matters.
    pub urgency: Urgency,
    /// What it is about: notices of one subject that come close together are one message.
    pub subject: String,
    /// The run.
    pub run: Option<RunId>,
    /// The question.
    pub ask: Option<AskId>,
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The project.
    pub project: Option<ProjectId>,
    /// When it happened.
    pub at: Timestamp,
}

impl Notice {
    /// That a run has come to stand somewhere with its newest event.
    #[must_use]
    pub fn of_run(kind: NoticeKind, run: &RunId, seq: u64, at: Timestamp) -> Self {
        Self {
            id: format!("{run}:{seq}"),
            kind,
            urgency: kind.urgency(),
            subject: run.to_string(),
            run: Some(run.clone()),
            ask: None,
            incident: None,
            project: None,
            at,
        }
    }

    /// That an incident was opened or is over. Incidents of one cause have one subject.
    #[must_use]
    pub fn of_incident(
        kind: NoticeKind,
        incident: &IncidentId,
        cause: &str,
        project: Option<ProjectId>,
        at: Timestamp,
    ) -> Self {
        Self {
            id: format!("{incident}:{}", kind.as_str()),
            kind,
            urgency: kind.urgency(),
            subject: format!("incident {cause}"),
            run: None,
            ask: None,
            incident: Some(incident.clone()),
            project,
            at,
        }
    }
}
