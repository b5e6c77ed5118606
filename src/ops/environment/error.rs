//! What is wrong with the environment a service asks for.

use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// Why a service's environment cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two files say different things about a variable.
    #[error("`{name}` is {one}, and {other}")]
    Disagreement {
        /// The variable.
        name: String,
        /// What one says, with its place.
        one: String,
        /// What the other says, with its place.
        other: String,
    },
    /// A required variable is of a source that has nothing for it.
    #[error("`{name}` is required as {says} in {place}, and {why}")]
    Nothing {
        /// The variable.
        name: String,
        /// Its source, in words.
        says: String,
        /// Where it is declared.
        place: String,
        /// What is not there.
        why: String,
    },
    /// A secret would stand among the arguments of a program.
    #[error(
        "`{command}` of `{service}` in cgo.yaml puts the secret `{name}` into its arguments, where every account of the machine can read it"
    )]
    InArguments {
        /// The variable.
        name: String,
        /// The service.
        service: String,
        /// `command` or `migrate`.
        command: &'static str,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        Kind::User
    }

    fn advice(&self) -> Option<Advice> {
        Some(Advice::Do(match self {
            Self::Disagreement { name, .. } => format!("take `{name}` out of one of them, or make them say the same"),
            Self::Nothing { name, .. } => {
                format!("give `{name}` a value under `env` in cgo.yaml, or make it a `literal` or `user_secret`")
            }
            Self::InArguments { name, .. } => format!("let the service read `{name}` from its environment"),
        }))
    }
}
