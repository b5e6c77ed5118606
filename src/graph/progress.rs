//! Where a run stands, as a fold over its events. Live runs and replay call the same [`Progress::apply`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{AskId, RunId};
use crate::domain::names::AgentName;
use crate::domain::run::{IllegalMove, Question, RunMove, RunStatus, Wait};
use crate::domain::state::{Message, Patch, ProjectState, Refused, Role};

/// One event of a run. Spelled compactly: a run keeps thousands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run was asked for; it begins with this state.
    Created {
        /// The state before the first node.
        state: Box<ProjectState>,
    },
    /// A process took it up.
    TakenUp {
        /// The process, for people.
        by: String,
    },
    /// The router chose the first nodes.
    Routed {
        /// They.
        to: Vec<AgentName>,
    },
    /// A node began.
    NodeStarted {
        /// Counts visits of the run from 1.
        visit: u32,
        /// The node.
        node: AgentName,
        /// The node whose end started it; none at the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<AgentName>,
    },
    /// A node ended.
    NodeFinished {
        /// The visit.
        visit: u32,
        /// The agent that worked.
        agent: AgentName,
        /// What it did to the state.
        patch: Patch,
        /// What follows.
        to: Vec<AgentName>,
        /// Why, when the node handed over by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A node asked a person; it is visited again after the answer.
    Asked {
        /// The visit.
        visit: u32,
        /// The agent that worked.
        agent: AgentName,
        /// What it did to the state before asking.
        patch: Patch,
        /// The ask.
        ask: AskId,
        /// What the run waits for.
        wait: Wait,
        /// What is asked.
        questions: Vec<Question>,
    },
    /// A visit met a limit of money and asks a person. It stays at work: after the answer it goes on where it was.
    Held {
        /// The ask.
        ask: AskId,
        /// What is asked.
        questions: Vec<Question>,
    },
    /// A person answered.
    Answered {
        /// The ask.
        ask: AskId,
        /// Given or refused.
        approved: bool,
        /// The texts, in the order of the questions.
        texts: Vec<String>,
        /// Who.
        by: String,
    },
    /// The run stopped between two steps and can go on.
    Stopped {
        /// Why.
        reason: String,
    },
    /// A limit was met; the ask that follows decides.
    LimitMet {
        /// Which.
        limit: String,
    },
    /// Done.
    Succeeded,
    /// Over without success.
    Failed(Failure),
    /// Ended by a person.
    Cancelled {
        /// Who.
        by: String,
    },
    /// Begins another run's continuation from one of its events.
    Forked {
        /// The other run.
        from: RunId,
        /// Its event.
        at: u64,
    },
}

impl Event {
    /// The sort of event, as the journal's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::TakenUp { .. } => "taken_up",
            Self::Routed { .. } => "routed",
            Self::NodeStarted { .. } => "node_started",
            Self::NodeFinished { .. } => "node_finished",
            Self::Asked { .. } => "asked",
            Self::Held { .. } => "held",
            Self::Answered { .. } => "answered",
            Self::Stopped { .. } => "stopped",
            Self::LimitMet { .. } => "limit_met",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Forked { .. } => "forked",
        }
    }
}

/// Why a run is over without success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// In one line.
    pub reason: String,
    /// The exit code of the command that ran it.
    pub exit: u8,
    /// Lines that show what happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Failure {
    /// A failure that its reason says all about.
    #[must_use]
    pub fn new(reason: impl Into<String>, exit: u8) -> Self {
        Self { reason: reason.into(), exit, ..Self::default() }
    }
}

/// Why an event does not fit where the run stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The status does not allow it.
    #[error(transparent)]
    Move(#[from] IllegalMove),
    /// The patch was refused.
    #[error(transparent)]
    Patch(#[from] Refused),
    /// It names a visit that is not at work.
    #[error("visit {0} is not at work")]
    NotAtWork(u32),
    /// It answers a question nobody asked.
    #[error("`{0}` is not the question this run waits for")]
    NotAsked(AskId),
    /// The first event is not the run's creation, or a later one is.
    #[error("the journal does not begin with the run's creation, or has it twice")]
    Creation,
}

/// A node at work, or about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The node.
    pub node: AgentName,
    /// The node whose end started it.
    pub from: Option<AgentName>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The run's status.
    pub status: RunStatus,
    /// What it knows.
    pub state: ProjectState,
    /// Visits begun so far.
    pub visits: u32,
    /// Nodes at work, by visit.
    pub active: BTreeMap<u32, Visit>,
    /// Nodes that are to be started, joins among them.
    pub pending: Vec<Visit>,
    /// How often each edge was passed, as `from>to`.
    pub edges: BTreeMap<String, u32>,
    /// What the run waits for, with the node that is visited again after it; none when visits are at work still.
    pub asked: Option<(AskId, Option<Visit>, Wait)>,
    /// How many more steps and passages a person has granted.
    pub granted: u32,
    /// How often a person has allowed as much money again.
    #[serde(default)]
    pub allowed: u32,
    /// Why it stands where it does.
    pub reason: Option<String>,
}

impl Progress {
    /// The progress after the run's creation.
    #[must_use]
    pub fn created(state: ProjectState) -> Self {
        Self {
            status: RunStatus::Queued,
            state,
            visits: 0,
            active: BTreeMap::new(),
            pending: Vec::new(),
            edges: BTreeMap::new(),
            asked: None,
            granted: 0,
            allowed: 0,
            reason: None,
        }
    }

    /// Moves on by one event. On an error nothing has changed.
    ///
    /// # Errors
    /// [`Error`] when the event does not fit.
    pub fn apply(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            Event::Created { .. } => return Err(Error::Creation),
            Event::Forked { .. } => self.status = RunStatus::Queued,
            Event::TakenUp { .. } => {
                self.status = self.status.next(RunMove::TakeUp)?;
                self.reason = None;
            }
            Event::Routed { to } => {
                self.pending.extend(to.iter().map(|node| Visit { node: node.clone(), from: None }));
            }
            Event::NodeStarted { visit, node, from } => {
                let started = Visit { node: node.clone(), from: from.clone() };
                self.pending.retain(|pending| pending.node != *node);
                self.visits = self.visits.max(*visit);
                let edge = edge(from.as_ref(), node);
                *self.edges.entry(edge).or_default() += 1;
                self.active.insert(*visit, started);
            }
            Event::NodeFinished { visit, agent, patch, to, why: _ } => {
                let at = self.active.get(visit).ok_or(Error::NotAtWork(*visit))?.clone();
                self.state = self.state.apply(agent, patch)?;
                self.active.remove(visit);
                self.pending.extend(to.iter().map(|node| Visit { node: node.clone(), from: Some(at.node.clone()) }));
            }
            Event::Asked { visit, agent, patch, ask, wait, questions } => {
                let at = self.active.get(visit).ok_or(Error::NotAtWork(*visit))?.clone();
                let status = self.status.next(RunMove::Wait(*wait))?;
                self.state = self.state.apply(agent, patch)?;
                self.state.messages.extend(questions.iter().map(|question| Message {
                    role: Role::Assistant,
                    agent: Some(agent.clone()),
                    content: question.text.clone(),
                }));
                self.active.remove(visit);
                self.reason = questions.first().map(|question| question.text.clone());
                self.asked = Some((ask.clone(), Some(at), *wait));
                self.status = status;
            }
            Event::Held { ask, questions } => {
                self.status = self.status.next(RunMove::Wait(Wait::Approval))?;
                self.reason = questions.first().map(|question| question.text.clone());
                self.asked = Some((ask.clone(), None, Wait::Approval));
            }
            Event::Answered { ask, approved, texts, by: _ } => {
                let Some((_, at, wait)) = self.asked.clone().filter(|(asked, _, _)| asked == ask) else {
                    return Err(Error::NotAsked(ask.clone()));
                };
                self.status = self.status.next(RunMove::Continue)?;
                self.state.messages.extend(texts.iter().map(|text| Message {
                    role: Role::User,
                    agent: None,
                    content: text.clone(),
                }));
                if wait == Wait::Approval && *approved {
                    self.state.needs_human_approval = false;
                    self.state.human_approval_reason = None;
                    *if at.is_some() { &mut self.granted } else { &mut self.allowed } += 1;
                }
                self.pending.extend(at);
                self.asked = None;
                self.reason = None;
            }
            Event::Stopped { reason } => {
                self.status = self.status.next(RunMove::Stop)?;
                self.reason = Some(reason.clone());
            }
            Event::LimitMet { limit } => self.reason = Some(limit.clone()),
            Event::Succeeded => {
                self.status = self.status.next(RunMove::Succeed)?;
                self.reason = None;
            }
            Event::Failed(failure) => {
                self.status = self.status.next(RunMove::Fail)?;
                self.reason = Some(failure.reason.clone());
            }
            Event::Cancelled { by } => {
                self.status = self.status.next(RunMove::Cancel)?;
                self.reason = Some(format!("cancelled by {by}"));
            }
        }
        Ok(())
    }
}

/// An edge's key in [`Progress::edges`].
#[must_use]
pub fn edge(from: Option<&AgentName>, to: &AgentName) -> String {
    format!("{}>{to}", from.map_or("start", AgentName::as_str))
}
