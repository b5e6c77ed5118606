//! Tests of the whole: the program as people run it, and its parts against the real thing.
//!
//! One binary, so that it is linked once. [`support`] makes the surroundings; every other module is a subject.

mod bad_input;
mod cli;
mod deploys;
mod descriptions;
mod kill;
mod layers;
mod process_driver;
mod published;
mod rendered;
mod runs;
mod store_story;
mod stores;
mod support;
mod terminal;
mod workspace;
