//! Tests of the whole: the program as people run it, and its parts against the real thing.
//!
//! One binary, so that it is linked once. [`support`] makes the surroundings; every other module is a subject.

mod bad_input;
mod caddy;
mod cassettes;
mod cli;
mod coders;
mod container;
mod deploys;
mod descriptions;
mod egress;
mod engine;
mod full;
mod github;
mod hosts;
mod images;
mod incidents;
mod inherited;
mod kill;
mod layers;
mod meter;
mod models;
mod native;
mod notify;
mod placement;
mod process_driver;
mod prompts;
mod provision;
mod published;
mod rendered;
mod runs;
mod sandbox;
mod secrets;
mod serve;
mod serve_stop;
mod signals;
mod store_story;
mod stores;
mod support;
#[cfg(feature = "telegram")]
mod telegram;
mod telemetry;
mod terminal;
mod tools;
mod two_at_once;
mod updates;
mod users;
mod watching;
mod workspace;
