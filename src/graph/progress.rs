//! Where a run stands, as a fold over its events. Live runs and replay call the same [`Progress::apply`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::limit::Whose;
use crate::domain::guard::{Guard, Ruling};
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
    /// A guard against going round in circles tripped and asks a person. What was to begin is still to begin; a visit
    /// it tripped in stays at work.
    Guarded {
        /// The guard, with its figures.
        guard: Guard,
        /// The visit it tripped in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visit: Option<u32>,
        /// The ask.
        ask: AskId,
        /// What is asked.
        questions: Vec<Question>,
    },
    /// A call of a tool was lost: the tool took too long, or has a bug. The agent was told.
    ToolLost {
        /// The visit.
        visit: u32,
        /// The tool.
        tool: AgentName,
        /// Why, in one line.
        reason: String,
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
            Self::Guarded { .. } => "guarded",
            Self::ToolLost { .. } => "tool_lost",
            Self::Answered { .. } => "answered",
            Self::Stopped { .. } => "stopped",
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
    /// Why, when that node handed over by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// It goes on after a person has answered: nothing was handed over anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What the guards go by; forgotten when a person has answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trail {
    /// How often each hand-over was made for the same reason, by a hash of both.
    pub reasons: BTreeMap<u64, u32>,
    /// How often a node began by the same way with the same state, by a hash of all three.
    pub starts: BTreeMap<u64, u32>,
    /// How many steps in a row brought nothing new.
    pub idle: u32,
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
    /// How often a person has allowed as much money again, in answer to a question that did not say whose limit it was:
    /// the run's or an agent's, as no others were known then.
    #[serde(default)]
    pub allowed: u32,
    /// The same, by whose limit it was.
    #[serde(default)]
    pub raised: BTreeMap<Whose, u32>,
    /// Whose limit of money a person is asked about.
    #[serde(default)]
    pub held: Option<Whose>,
    /// The guard that tripped, with the visit it tripped in, while a person is asked about it.
    #[serde(default)]
    pub guarded: Option<(Guard, Option<u32>)>,
    /// What persons ruled about guards within a visit that is at work, in order: something new to go by, or none.
    #[serde(default)]
    pub rulings: BTreeMap<u32, Vec<Option<String>>>,
    /// Who ruled that the run ends.
    #[serde(default)]
    pub stopped_by: Option<String>,
    /// What the guards go by.
    #[serde(default)]
    pub trail: Trail,
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
            raised: BTreeMap::new(),
            held: None,
            guarded: None,
            rulings: BTreeMap::new(),
            stopped_by: None,
            trail: Trail::default(),
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
                self.pending.extend(to.iter().map(|node| Visit {
                    node: node.clone(),
                    from: None,
                    why: None,
                    again: false,
                }));
            }
            Event::NodeStarted { visit, node, from } => {
                let same = |pending: &&Visit| pending.node == *node && pending.from == *from;
                let plain = Visit { node: node.clone(), from: from.clone(), why: None, again: false };
                let started = self.pending.iter().find(same).cloned().unwrap_or(plain);
                *self.trail.starts.entry(self.start_of(&started)).or_default() += 1;
                self.pending.retain(|pending| pending.node != *node);
                self.visits = self.visits.max(*visit);
                if !started.again {
                    *self.edges.entry(edge(from.as_ref(), node)).or_default() += 1;
                }
                self.active.insert(*visit, started);
            }
            Event::NodeFinished { visit, agent, patch, to, why } => {
                let at = self.active.get(visit).ok_or(Error::NotAtWork(*visit))?.clone();
                let state = self.state.apply(agent, patch)?;
                self.trail.idle = if state.brings_more_than(&self.state) { 0 } else { self.trail.idle + 1 };
                self.state = state;
                self.active.remove(visit);
                self.rulings.remove(visit);
                for node in to {
                    let next =
                        Visit { node: node.clone(), from: Some(at.node.clone()), why: why.clone(), again: false };
                    if let Some(hash) = next.reason_hash() {
                        *self.trail.reasons.entry(hash).or_default() += 1;
                    }
                    self.pending.push(next);
                }
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
                self.rulings.remove(visit);
                self.reason = reason_of(questions);
                self.asked = Some((ask.clone(), Some(at), *wait));
                self.status = status;
            }
            Event::Held { ask, questions } => {
                self.status = self.status.next(RunMove::Wait(Wait::Approval))?;
                self.reason = reason_of(questions);
                self.asked = Some((ask.clone(), None, Wait::Approval));
                self.held = questions.first().and_then(|question| Whose::of_question(&question.id));
            }
            Event::Guarded { guard, visit, ask, questions } => {
                self.status = self.status.next(RunMove::Wait(Wait::Input))?;
                self.reason = reason_of(questions);
                self.asked = Some((ask.clone(), None, Wait::Input));
                self.guarded = Some((guard.clone(), *visit));
            }
            Event::ToolLost { .. } => {}
            Event::Answered { ask, approved, texts, by } => self.answered(ask, *approved, texts, by)?,
            Event::Stopped { reason } => {
                self.status = self.status.next(RunMove::Stop)?;
                self.reason = Some(reason.clone());
            }
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

    fn answered(&mut self, ask: &AskId, approved: bool, texts: &[String], by: &str) -> Result<(), Error> {
        let Some((_, at, wait)) = self.asked.clone().filter(|(asked, _, _)| asked == ask) else {
            return Err(Error::NotAsked(ask.clone()));
        };
        self.status = self.status.next(RunMove::Continue)?;
        self.trail = Trail::default();
        let held = self.held.take();
        if let Some((guard, visit)) = self.guarded.take() {
            self.rule(&guard, visit, texts, by);
        } else {
            self.state.messages.extend(texts.iter().map(|text| said(text.clone())));
        }
        if wait == Wait::Approval && approved {
            self.state.needs_human_approval = false;
            self.state.human_approval_reason = None;
            *match (&at, held) {
                (Some(_), _) => &mut self.granted,
                (None, Some(whose)) => self.raised.entry(whose).or_default(),
                (None, None) => &mut self.allowed,
            } += 1;
        }
        self.pending.extend(at.map(|at| Visit { again: true, ..at }));
        self.asked = None;
        self.reason = None;
        Ok(())
    }

    /// What a person ruled about a guard. Within a visit the state stays as it was: the visit goes on from what it
    /// was told at its beginning, and hears the rest itself.
    fn rule(&mut self, guard: &Guard, visit: Option<u32>, texts: &[String], by: &str) {
        let change = match texts.first().and_then(|text| Ruling::parse(text)) {
            Some(Ruling::Stop) => {
                self.stopped_by = Some(by.to_owned());
                return;
            }
            Some(Ruling::Change(text)) => Some(text),
            Some(Ruling::Continue) | None => None,
        };
        let Some(visit) = visit else {
            self.granted += 1;
            if let Some(text) = change {
                let content = guard.words(self.state.language());
                self.state.messages.extend([Message { role: Role::Assistant, agent: None, content }, said(text)]);
            }
            return;
        };
        self.rulings.entry(visit).or_default().push(change);
    }

    /// How often a person has allowed as much money again of a limit.
    #[must_use]
    pub fn times_allowed(&self, whose: &Whose) -> u32 {
        let unnamed = match whose {
            Whose::Run | Whose::Agent(_) => self.allowed,
            Whose::Project | Whose::Day(_) => 0,
        };
        unnamed + self.raised.get(whose).copied().unwrap_or(0)
    }

    /// A hash of a node's beginning: the way to it, and everything the run knows.
    #[must_use]
    pub fn start_of(&self, start: &Visit) -> u64 {
        let known = ProjectState { current_agent: None, ..self.state.clone() };
        hash_of(&[&edge(start.from.as_ref(), &start.node), &serde_json::to_string(&known).unwrap_or_default()])
    }
}

impl Visit {
    /// A hash of a hand-over and its reason, whatever its numbers, signs and spaces.
    #[must_use]
    pub fn reason_hash(&self) -> Option<u64> {
        let letters = self.why.as_ref()?.to_lowercase();
        let words: Vec<&str> = letters.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        Some(hash_of(&[&edge(self.from.as_ref(), &self.node), &words.join(" ")]))
    }
}

fn said(content: String) -> Message {
    Message { role: Role::User, agent: None, content }
}

/// The first line of the first question.
fn reason_of(questions: &[Question]) -> Option<String> {
    questions.first().and_then(|question| question.text.lines().next()).map(str::to_owned)
}

fn hash_of(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// An edge's key in [`Progress::edges`].
#[must_use]
pub fn edge(from: Option<&AgentName>, to: &AgentName) -> String {
    format!("{}>{to}", from.map_or("start", AgentName::as_str))
}
