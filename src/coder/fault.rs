//! What can fail about an attempt whatever the agent: its folders, the sandbox, git.

use std::io;
use std::path::PathBuf;

use super::sandbox;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec;

/// Why an attempt has nothing to stand on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder cannot be used.
    #[error("cannot use `{}` for the attempt", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The sandbox did not run it.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// git could not be asked.
    #[error(transparent)]
    Git(#[from] exec::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Folder { .. } => Kind::User,
            Self::Sandbox(error) => error.kind(),
            Self::Git(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Folder { .. } => None,
            Self::Sandbox(error) => error.advice(),
            Self::Git(error) => error.advice(),
        }
    }
}
