//! GitHub, through its REST API: who a token belongs to, repositories, their files, branches and workflow runs.
//!
//! The address of the API is a setting, so an Enterprise Server is reached the same way. A question is asked by
//! [`exchange`] once; trying again is decided in one place, [`retry`]; what a refusal means in `fault`. The token
//! travels in a header to that one address and nowhere else. Nothing is ever removed or overwritten here, and nothing
//! is pushed: that is git's, see [`crate::workspace::git`].

pub mod access;
mod answer;
pub mod contents;
pub mod error;
pub mod exchange;
mod fault;
pub mod repositories;
pub mod retry;
pub mod runs;

pub use access::{Access, Token};
pub use error::Error;
pub use exchange::{Client, Timers};
pub use repositories::{FullName, Me, Repository};
