//! The graph runtime: nodes, routing, parallel branches with a join, bounds, and the journal that survives a kill.
//!
//! It knows nothing of agents, models or servers: a node is a name and an async call that returns a patch.
//! [`definition`] is the graph as data and its checks; [`progress`] folds events into where a run stands, for live
//! runs and replay alike; [`limit`] says whose money a question is about; [`recorder`] makes events and effects
//! durable, from where those [`loaded`] end; [`engine`] drives nodes; [`render`] draws.

mod crash;
pub mod definition;
pub mod engine;
pub mod limit;
pub mod loaded;
pub mod progress;
pub mod recorder;
pub mod render;
#[cfg(test)]
mod tests;
