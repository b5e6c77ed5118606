//! What a service outside said to a run on a cassette: kept when it is recorded, told again when it is replayed.

use serde::{Deserialize, Serialize};

use super::{Error, explain};
use crate::domain::diagnose::{Advice, Diagnose as _, Kind};

/// A failure as a cassette holds it: enough for the same to follow from it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// In words, with its causes.
    pub reason: String,
    /// The exit code of its kind.
    pub exit: u8,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// See [`Error::is_outside`].
    pub outside: bool,
    /// See [`Error::is_refusal`].
    pub refusal: bool,
}

impl Recorded {
    /// What is kept of an error; nothing when it is not known what happened, so that it is asked again.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        let kind = error.kind();
        (!matches!(kind, Kind::Interrupted | Kind::Unknown)).then(|| Self {
            reason: explain(error),
            exit: kind.exit_code(),
            evidence: error.evidence().to_vec(),
            hint: error.advice().map(Advice::words),
            outside: error.is_outside(),
            refusal: error.is_refusal(),
        })
    }

    /// That the cassette says nothing of it.
    #[must_use]
    pub fn missing(what: &str) -> Self {
        Self {
            reason: format!("the cassette does not say what came of `{what}`"),
            exit: Kind::User.exit_code(),
            evidence: Vec::new(),
            hint: Some("record it again with --record".to_owned()),
            outside: false,
            refusal: false,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.exit_code() == self.exit).unwrap_or(Kind::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_told_again_is_treated_as_it_was() {
        let error = Error::GitHub(crate::github::Error::NoToken);
        let kept = serde_json::to_string(&Recorded::of(&error).unwrap()).unwrap();
        let again = Error::Recorded(serde_json::from_str(&kept).unwrap());
        assert_eq!(explain(&again), explain(&error));
        assert_eq!((again.kind(), again.is_refusal(), again.is_outside()), (error.kind(), true, false));
        assert_eq!(again.advice().map(Advice::words), error.advice().map(Advice::words));
    }
}
