//! Python environments: an interpreter, what a lock file pins, and a cache that makes the second one cheap.
//!
//! [`Toolchain::find`] looks for an interpreter and an installer (`uv` where it is there, else `venv` and `pip`).
//! [`Cache::provide`] puts an environment with exactly the pinned packages where it is wanted: installed once per
//! lock file and interpreter, then copied; one lock file may build upon another. [`failure`] reads from an installer's words what went wrong. Nothing here
//! resolves versions or writes lock files.

mod build;
mod cache;
mod clone;
pub mod error;
pub mod failure;
mod interpreter;
mod kept;
mod lock;
mod redact;
mod relocate;

pub use cache::{Cache, Limits, Provided, Pruned, Source};
pub use error::Error;
pub use interpreter::{Installer, Interpreter, Search, Toolchain, Version};
pub use redact::redact;
pub use relocate::Sharing;
