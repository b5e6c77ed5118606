//! Plain types, states and their transitions: what cgo talks about.
//!
//! Nothing here does IO or reads a clock; every rule can be tested without a runtime. Text from a
//! person, a model or a file becomes one of these types at the edge, and only the type travels on.
//! Start with [`state`] (what a run knows), [`spec`] (what a project is) and [`run`] (how work moves).

pub mod acme;
pub mod agent;
pub mod approval;
pub mod chat;
pub mod coder;
pub mod deployment;
pub mod diagnose;
pub mod domain_name;
pub mod guard;
pub mod host;
pub mod ids;
pub mod incident;
pub mod inflect;
pub mod last_words;
pub mod ledger;
pub mod manifest;
pub mod money;
pub mod names;
pub mod notice;
pub mod patch;
pub mod placement;
pub mod project;
pub mod provider;
pub mod redact;
pub mod request;
pub mod run;
pub mod secret;
pub mod secret_files;
pub mod secret_shape;
pub mod server;
pub mod setup;
pub mod sharing;
pub mod source;
pub mod spec;
pub mod spec_change;
pub mod spec_edit;
pub mod standard;
pub mod standing;
pub mod state;
pub mod state_view;
pub mod suggest;
pub mod task;
pub mod time;
pub mod user;
