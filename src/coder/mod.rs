//! Coding agents: programs that write code by themselves, run under cgo's terms, and cgo's own.
//!
//! [`native::run`] is cgo's own. [`runner::run`] makes one attempt of another: it prepares a fresh home, starts the agent
//! in the [`sandbox`] with the [`meter`] as its only way to a model, reads its [`event`]s, and gathers the evidence that
//! [`verdict::verdict`] judges; every commit is looked at before it counts, whoever made it. What the agent says of its
//! own success is never part of that. [`adapters`] holds what
//! differs from agent to agent, each with the version it was checked against. Nothing here runs a project's tests or
//! merges a branch; [`native`] has its caller run the tests.

pub mod adapters;
mod committed;
pub mod event;
mod evidence;
pub mod fault;
pub mod meter;
pub mod native;
mod places;
pub mod runner;
pub mod sandbox;
pub mod verdict;
