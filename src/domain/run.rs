//! Runs: one passage through the pipeline, as a row, a journal of events, and effects on the world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{AskId, ProjectId, RunId, UserId};
use super::ledger::Entry;
pub use super::request::{Cassette, Earlier, NewProject, Request, RequestKind, TapeMode, Update};
use super::time::Timestamp;

/// A run in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The project it works on, once there is one.
    pub project: Option<ProjectId>,
    /// What was asked for; never changes.
    pub request: Request,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it stands there, in one line: the question, the failure, who interrupted it.
    pub reason: Option<String>,
    /// Who asked for it; none for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<UserId>,
    /// The run and event it was forked from.
    pub forked_from: Option<(RunId, u64)>,
    /// The number of its newest event.
    pub seq: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its row last changed.
    pub updated_at: Timestamp,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// To be worked on: new, answered, or stopped between two steps.
    Queued,
    /// Being worked on by the process that holds its lease.
    Running,
    /// Waits for an answer.
    WaitingInput,
    /// Waits for an approval.
    WaitingApproval,
    /// Waits for a secret.
    WaitingSecret,
    /// Waits for room on a server.
    WaitingCapacity,
    /// Done.
    Succeeded,
    /// Over without success.
    Failed,
    /// Ended by a person.
    Cancelled,
}

/// What moves a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMove {
    /// A process takes it up.
    TakeUp,
    /// It stops between two steps and can go on.
    Stop,
    /// It has to wait.
    Wait(Wait),
    /// What it waited for has come.
    Continue,
    /// It is done.
    Succeed,
    /// It failed.
    Fail,
    /// A person ends it.
    Cancel,
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// An answer.
    Input,
    /// An approval.
    Approval,
    /// A secret.
    Secret,
    /// Room on a server.
    Capacity,
}

/// A move the status does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} cannot {}; it can {allowed}", status.as_str(), action)]
pub struct IllegalMove {
    /// Where the run stands.
    pub status: RunStatus,
    /// What was tried.
    pub action: &'static str,
    /// What is allowed, in words.
    pub allowed: String,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::WaitingInput,
        Self::WaitingApproval,
        Self::WaitingSecret,
        Self::WaitingCapacity,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The status as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::WaitingInput => "waiting_input",
            Self::WaitingApproval => "waiting_approval",
            Self::WaitingSecret => "waiting_secret",
            Self::WaitingCapacity => "waiting_capacity",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing can move it any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// It waits and holds no process.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::WaitingInput | Self::WaitingApproval | Self::WaitingSecret | Self::WaitingCapacity)
    }

    /// The status after a move; live runs and replay both ask this one function.
    ///
    /// # Errors
    /// [`IllegalMove`] with the moves that are allowed.
    pub fn next(self, step: RunMove) -> Result<Self, IllegalMove> {
        let to = match (self, step) {
            (Self::Queued | Self::Running, RunMove::TakeUp) => Some(Self::Running),
            (Self::Queued | Self::Running, RunMove::Stop) => Some(Self::Queued),
            (Self::Running, RunMove::Wait(wait)) => Some(match wait {
                Wait::Input => Self::WaitingInput,
                Wait::Approval => Self::WaitingApproval,
                Wait::Secret => Self::WaitingSecret,
                Wait::Capacity => Self::WaitingCapacity,
            }),
            (Self::Running, RunMove::Succeed) => Some(Self::Succeeded),
            (Self::Running, RunMove::Fail) => Some(Self::Failed),
            (waiting, RunMove::Continue) if waiting.is_waiting() => Some(Self::Queued),
            (live, RunMove::Cancel) if !live.is_terminal() => Some(Self::Cancelled),
            _ => None,
        };
        to.ok_or_else(|| IllegalMove {
            status: self,
            action: match step {
                RunMove::TakeUp => "be taken up",
                RunMove::Stop => "be stopped",
                RunMove::Wait(_) => "begin to wait",
                RunMove::Continue => "be continued",
                RunMove::Succeed => "succeed",
                RunMove::Fail => "fail",
                RunMove::Cancel => "be cancelled",
            },
            allowed: match self {
                Self::Queued => "be taken up, be stopped or be cancelled".to_owned(),
                Self::Running => "be taken up, be stopped, begin to wait, succeed, fail or be cancelled".to_owned(),
                Self::WaitingInput | Self::WaitingApproval | Self::WaitingSecret | Self::WaitingCapacity => {
                    "be continued or be cancelled".to_owned()
                }
                Self::Succeeded | Self::Failed | Self::Cancelled => "only be read: it is over".to_owned(),
            },
        })
    }
}

/// One line of a run's journal. The body is the event as compact JSON; `graph` knows its types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Counts from 1 in each run, without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The sort of event, such as `node_finished`.
    pub kind: String,
    /// The event as JSON.
    pub body: String,
}

/// How far an effect got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectMark {
    /// About to be done. After a crash: unknown, to be probed.
    Intended,
    /// About to be done. After a crash it is done again: that changes nothing that was done already.
    Repeatable,
    /// Done; the result is known.
    Done,
    /// Tried, and known not to have happened.
    Failed,
}

impl EffectMark {
    /// Every mark.
    pub const ALL: [Self; 4] = [Self::Intended, Self::Repeatable, Self::Done, Self::Failed];

    /// The mark as the store and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Repeatable => "repeatable",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// One change of the outside world, with its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectRow {
    /// The idempotency key: a hash of the run, the place in the run, the kind and the arguments.
    pub key: String,
    /// The run.
    pub run: RunId,
    /// The kind, such as `git_commit`.
    pub kind: String,
    /// How far it got.
    pub mark: EffectMark,
    /// What it was done with, as JSON; shown by `cgo explain`.
    pub args: String,
    /// What came of it, as JSON, or the failure's text.
    pub result: Option<String>,
    /// When the mark was last set.
    pub at: Timestamp,
}

/// What a run writes at once: everything in it is on disk together, or nothing is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// New events, numbered without a gap after the run's newest.
    pub events: Vec<EventRow>,
    /// Effects that are new or whose mark moved.
    pub effects: Vec<EffectRow>,
    /// The whole progress after the event of that number, as JSON; replaces an older one.
    pub snapshot: Option<(u64, String)>,
    /// The run's new status and its reason.
    pub status: Option<(RunStatus, Option<String>)>,
    /// The project the run now works on.
    pub project: Option<ProjectId>,
    /// What the run begins to wait for.
    pub ask: Option<Ask>,
    /// Calls of models that are new, or settled now.
    pub calls: Vec<Entry>,
}

impl Batch {
    /// Nothing would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what came after; where both say something of the same thing, the later holds.
    pub fn add(&mut self, later: Self) {
        self.events.extend(later.events);
        self.effects.retain(|effect| later.effects.iter().all(|newer| newer.key != effect.key));
        self.effects.extend(later.effects);
        self.snapshot = later.snapshot.or_else(|| self.snapshot.take());
        self.status = later.status.or_else(|| self.status.take());
        self.project = later.project.or_else(|| self.project.take());
        self.ask = later.ask.or_else(|| self.ask.take());
        self.calls.retain(|call| later.calls.iter().all(|newer| newer.key != call.key));
        self.calls.extend(later.calls);
    }
}

/// A question or an approval a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ask {
    /// Its id.
    pub id: AskId,
    /// The run that waits.
    pub run: RunId,
    /// What it waits for.
    pub wait: Wait,
    /// The questions, as JSON of a list of [`Question`].
    pub questions: Vec<Question>,
    /// The answer, once given.
    pub answer: Option<Answer>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it is decided without an answer, see [`Ask::assumed`]; none for as long as an answer takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// Who answers when nobody does before the deadline.
pub const NOBODY: &str = "nobody in time";

impl Ask {
    /// The answers that are taken when nobody gives one before the deadline: what its questions assume. None where one of
    /// them assumes nothing, and for an approval: it is refused then, which ends the run.
    #[must_use]
    pub fn assumed(&self) -> Option<Vec<String>> {
        let questions = Some(&self.questions).filter(|_| self.wait == Wait::Input)?;
        questions.iter().map(|question| question.assumption.clone()).collect()
    }

    /// Whether its deadline has passed.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Names it in the answer.
    pub id: String,
    /// The question, in the person's language.
    pub text: String,
    /// The answers to choose from; empty for free text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What is taken when nobody answers; none when nothing can be assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
}

impl Question {
    /// Whether nothing can be seen of its text, or of an answer it offers: nobody could tell what is asked or chosen.
    #[must_use]
    pub fn has_blanks(&self) -> bool {
        std::iter::once(&self.text).chain(&self.choices).chain(&self.assumption).any(|text| is_blank(text))
    }
}

/// Whether nothing of a text can be seen.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        let takes_no_room = matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{feff}'
        );
        takes_no_room || c.is_whitespace() || c.is_control()
    })
}

/// The answer to an ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// For an approval: given or refused. For questions: always true.
    pub approved: bool,
    /// The texts, in the order of the questions.
    pub texts: Vec<String>,
    /// Who answered: the system account, or the chat's user.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The right to work on something for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is on: `run:ID`, `project:NAME`, `server:HANDLE`.
    pub resource: String,
    /// Who holds it; see [`Holder`].
    pub holder: Holder,
    /// Grows with each new holder. A write that carries an older number is refused.
    pub fence: u64,
    /// What it is held for, for people: the run's id.
    pub purpose: String,
    /// When it ends unless renewed.
    pub expires_at: Timestamp,
}

/// A process, identified so that another process on the same machine can tell whether it still lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The machine's name, for people.
    pub host: String,
    /// Names one boot of one machine.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in clock ticks since boot: tells a reused pid.
    pub started: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_terminal_outcome_wins() {
        for over in [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled] {
            for step in [
                RunMove::TakeUp,
                RunMove::Stop,
                RunMove::Wait(Wait::Input),
                RunMove::Continue,
                RunMove::Succeed,
                RunMove::Fail,
                RunMove::Cancel,
            ] {
                assert!(over.next(step).is_err(), "{} moved by {step:?}", over.as_str());
            }
        }
    }

    #[test]
    fn a_question_of_which_something_cannot_be_seen_has_blanks() {
        let question = |text: &str, choices: &[&str], assumption: Option<&str>| Question {
            id: "who".to_owned(),
            text: text.to_owned(),
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            assumption: assumption.map(str::to_owned),
        };
        assert!(!question("Who?", &["me", "👍"], Some("all")).has_blanks());
        assert!(!question("Who?", &[], None).has_blanks());
        for blank in ["", " \n", "\u{200b}", "\u{202e}\u{7}"] {
            assert!(question(blank, &[], None).has_blanks(), "{blank:?}");
            assert!(question("Who?", &["me", blank], None).has_blanks(), "{blank:?}");
            assert!(question("Who?", &["me"], Some(blank)).has_blanks(), "{blank:?}");
        }
    }

    #[test]
    fn an_illegal_move_names_the_legal_ones() {
        let error = RunStatus::WaitingInput.next(RunMove::Succeed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a run that is waiting_input cannot succeed; it can be continued or be cancelled"
        );
    }
}
