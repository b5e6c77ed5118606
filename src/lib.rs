//! `cgo` turns the description of a project into a running project and operates it.
//!
//! The layers, a module names only those to its right (a test checks it):
//! `cli → scheduler, telegram → app → pipeline → graph, coder, ops, telemetry → llm, github, store, remote, scaffold,
//! vault, workspace → exec, net → domain`; `config` stands beside the drivers. Start with [`domain`], then
//! [`pipeline::runner`] and [`ops::deploy`].

#![deny(unsafe_code)]

pub mod app;
pub mod cli;
pub mod coder;
pub mod config;
pub mod domain;
pub mod exec;
pub mod github;
pub mod graph;
pub mod llm;
pub mod net;
pub mod ops;
pub mod pipeline;
pub mod remote;
pub mod scaffold;
pub mod scheduler;
pub mod store;
#[cfg(feature = "telegram")]
pub mod telegram;
pub mod telemetry;
pub mod vault;
pub mod workspace;
