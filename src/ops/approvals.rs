//! Answers by button: bound to one question, to those who were asked, and to one time.
//!
//! What a button carries is a [`Press`]: the id of the question and a number only those know who were shown the button.
//! [`check`] says whether it counts, and why it does not; the answer itself is the store's to take, once.

use std::fmt;

use super::{Context, runs, users};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::{AskId, RunId};
use crate::domain::run::{Ask, Run, RunStatus, Wait};
use crate::domain::time::Timestamp;
use crate::domain::user::{Actor, Person, Right};
use crate::store::{self, Runs as _};

/// Characters of the number on a button: 80 bits.
const NONCE_LENGTH: usize = 16;

/// What a button carries, at most 33 bytes: `ask-3k8d0xq7m2v1:` and the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The question.
    pub ask: AskId,
    nonce: String,
}

impl Press {
    /// Reads what a button carried; none when it is nothing that cgo puts on one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ask, nonce) = text.split_once(':')?;
        let plain = nonce.len() == NONCE_LENGTH && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then_some(())?;
        Some(Self { ask: AskId::parse(ask).ok()?, nonce: nonce.to_owned() })
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ask, self.nonce)
    }
}

/// A press that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// The run that waits.
    pub run: Run,
    /// Its open question.
    pub ask: Ask,
    /// Who pressed.
    pub person: Person,
}

/// Why a press does not count. Each front end words it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It comes from nobody who may answer: a stranger, or somebody without the right.
    #[error(transparent)]
    Stranger(#[from] users::Error),
    /// They may see it, but the settings name others who approve.
    #[error("`{user}` may not approve or reject; {} may", approvers.join(", "))]
    NotAllowed {
        /// Who pressed.
        user: String,
        /// Who may.
        approvers: Vec<String>,
    },
    /// No button of cgo carries that.
    #[error("no question was asked with that button")]
    Forged,
    /// The run does not wait for it any more.
    #[error("run `{run}` is {} and does not wait for that any more", status.as_str())]
    Late {
        /// The run.
        run: RunId,
        /// Where it stands.
        status: RunStatus,
    },
    /// Nobody answered before the deadline, and it is decided without an answer.
    #[error("run `{run}` waited for that until {} (UTC)", deadline.utc())]
    Overdue {
        /// The run.
        run: RunId,
        /// The deadline.
        deadline: Timestamp,
    },
    /// It was answered before.
    #[error("the question was answered already by {by}")]
    Repeated {
        /// By whom.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It is not known whether it counts.
    #[error(transparent)]
    Failed(super::Error),
}

impl From<super::Error> for Refusal {
    fn from(error: super::Error) -> Self {
        match error {
            super::Error::User(error) => Self::Stranger(error),
            super::Error::NotAllowed { user, approvers } => Self::NotAllowed { user, approvers },
            super::Error::TooLate { run, deadline } => Self::Overdue { run, deadline },
            super::Error::Store(store::Error::AlreadyAnswered { by, at }) => Self::Repeated { by, at },
            other => Self::Failed(other),
        }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        super::Error::from(error).into()
    }
}

impl Diagnose for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::Stranger(error) => error.kind(),
            Self::NotAllowed { .. }
            | Self::Forged
            | Self::Late { .. }
            | Self::Overdue { .. }
            | Self::Repeated { .. } => Kind::User,
            Self::Failed(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Stranger(error) => error.advice(),
            Self::Late { run, .. } | Self::Overdue { run, .. } => Some(Advice::Run(format!("cgo run show {run}"))),
            Self::NotAllowed { .. } | Self::Forged | Self::Repeated { .. } => None,
            Self::Failed(error) => error.advice(),
        }
    }
}

/// What the buttons of a question carry: the same for everybody who is asked.
///
/// # Errors
/// When there is no such question.
pub async fn press(context: &Context, ask: &AskId) -> Result<Press, super::Error> {
    let fresh: String = users::code().chars().take(NONCE_LENGTH).collect();
    match context.store.ask_nonce(ask, &fresh).await? {
        Some(nonce) => Ok(Press { ask: ask.clone(), nonce }),
        None => Err(super::Error::NoSuchAsk(ask.to_string())),
    }
}

/// Whether a press counts. Strangers are counted, and learn nothing of what they pressed.
///
/// # Errors
/// [`Refusal`].
pub async fn check(context: &Context, actor: &Actor, press: &Press) -> Result<Counts, Refusal> {
    users::identify(context, actor).await?;
    let known = context.store.nonce_of(&press.ask).await?;
    let ask = context.store.ask(&press.ask).await?;
    let (Some(ask), Some(nonce)) = (ask, known) else { return Err(Refusal::Forged) };
    // The time it takes tells nothing: hashes are compared.
    if users::hash(&nonce) != users::hash(&press.nonce) {
        return Err(Refusal::Forged);
    }
    let Some(run) = context.store.run(&ask.run).await? else { return Err(Refusal::Forged) };
    let right = if ask.wait == Wait::Approval { Right::Approve } else { Right::Operate };
    let person = users::authorize_run(context, actor, right, &run).await?;
    if ask.wait == Wait::Approval {
        runs::require_approver(context, &person.name)?;
    }
    if let Some(first) = ask.answer {
        return Err(Refusal::Repeated { by: first.by, at: first.at });
    }
    let open = runs::waits_for(context, &run).await?;
    if open.as_ref().is_none_or(|open| open.id != ask.id) {
        return Err(Refusal::Late { run: run.id, status: run.status });
    }
    super::runs::in_time(context, &ask)?;
    Ok(Counts { run, ask, person })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_carries_little_and_nothing_else_is_read() {
        let text = "ask-3k8d0xq7m2v1:0123456789abcdef";
        let press = Press::parse(text).unwrap();
        assert_eq!(press.to_string(), text);
        assert!(text.len() <= 64 - 8, "there is room for what a front end adds");
        for bad in [
            "",
            "ask-3k8d0xq7m2v1",
            "ask-3k8d0xq7m2v1:",
            "ask-3k8d0xq7m2v1:short",
            "run-3k8d0xq7m2v1:0123456789abcdef",
            "ask-3k8d0xq7m2v1:0123456789abcde'",
            "ask-3k8d0xq7m2v1:0123456789abcdef0",
        ] {
            assert_eq!(Press::parse(bad), None, "{bad}");
        }
    }
}
