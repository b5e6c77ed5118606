//! Why a value is not encrypted or decrypted. Nothing of a value or of an identity is told.

use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// Why the vault stays closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no identity.
    #[error("the identity file `{}` is not there{}", path.display(), key.as_ref().map(|key| format!(", and secrets are encrypted for `{key}`")).unwrap_or_default())]
    Missing {
        /// The file.
        path: PathBuf,
        /// A key that values are encrypted for.
        key: Option<String>,
    },
    /// A value is encrypted for another identity.
    #[error("`{what}` is encrypted for `{key}`; the identity in `{}` is that of `{own}`", path.display())]
    OtherKey {
        /// Which value.
        what: String,
        /// The key it is encrypted for.
        key: String,
        /// The key that is there.
        own: String,
        /// The file.
        path: PathBuf,
    },
    /// An encrypted value was changed, cut off, or put in the place of another one.
    #[error("what is kept as `{what}` is not what cgo encrypted there")]
    Damaged {
        /// Which value.
        what: String,
    },
    /// Others may read the identity.
    #[error("others may read `{}`, which opens all secrets", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The identity belongs to another account, which can change it.
    #[error("`{}` belongs to another account", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else than identities.
    #[error("line {line} of `{}` is not an age identity", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The file cannot be used.
    #[error("cannot {action} the identity file `{}`", path.display())]
    Path {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("the value cannot be encrypted")]
    Encrypt,
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } | Self::OtherKey { .. } => Kind::Person,
            Self::Damaged { .. }
            | Self::Open { .. }
            | Self::Foreign { .. }
            | Self::Invalid { .. }
            | Self::Path { .. }
            | Self::Encrypt => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::Missing { path, key: Some(_) } => Advice::Do(format!(
                "put the file back from a copy at `{0}` or name it in CGO_IDENTITY; if it is lost, take the values out \
                 with `cgo secrets rm` or make a new one with `age-keygen -o {0}`, and set them anew",
                path.display()
            )),
            Self::Missing { key: None, .. } => Advice::Run("cgo secrets set PROJECT NAME".to_owned()),
            Self::OtherKey { .. } => Advice::Do(
                "add that identity to the file as a line of its own, or set the value anew with `cgo secrets set`"
                    .to_owned(),
            ),
            Self::Damaged { .. } => Advice::Do("set the value anew with `cgo secrets set`".to_owned()),
            Self::Open { path } => Advice::Run(format!("chmod 600 {}", path.display())),
            Self::Foreign { path } => Advice::Do(format!("make yourself the owner of `{}`", path.display())),
            Self::Invalid { path, .. } => {
                Advice::Do(format!("put the identity back into `{}`; it begins with AGE-SECRET-KEY-1", path.display()))
            }
            Self::Path { path, .. } => {
                Advice::Do(format!("change the rights of `{}`, or name another file in CGO_IDENTITY", path.display()))
            }
            Self::Encrypt => return None,
        })
    }
}
