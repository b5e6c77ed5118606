//! The pipeline: agents at the nodes of the graph, their tools, and the runs that drive them.
//!
//! [`runner`] takes a run up and drives it; [`executor`] lets one agent work: a model or [`rules`] decides, the
//! [`tools`] act through `ops`, [`coding`] has code written. Where the run stands and what is durable is the graph's business; how a person
//! sees it is the front end's.

pub use crate::graph::engine::{Ended, NodeEnd, Observer};
pub use crate::graph::progress::Failure;
pub use crate::graph::render as drawing;

pub mod activity;
mod beginning;
pub mod call;
pub mod circles;
pub mod coding;
pub mod executor;
pub mod journal;
pub mod meter;
pub mod models;
pub mod report;
pub mod rules;
pub mod runner;
pub mod tape;
pub mod tools;
pub mod traced;
pub mod trial;
