//! External coding agents: programs that write code by themselves, run under cgo's terms.
//!
//! [`sandbox`] is where they run, [`meter`] is their only way to a model. Whether an attempt succeeded is never for the agent to say.

pub mod meter;
pub mod sandbox;
