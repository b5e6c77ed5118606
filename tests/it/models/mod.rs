//! Providers of models against a server that checks every question as the real one would.

mod anthropic;
mod budgets;
pub mod conversation;
mod deadlines;
mod languages;
mod live;
mod messages;
mod openai;
pub mod pipeline;
mod retry;
pub mod server;
mod strict;
pub mod team;
mod tls;
mod wire;
