//! What both languages of model endpoints share: one HTTP exchange with its timers, server-sent events, what a
//! failure means, and a conversation in the shape strict endpoints take.
//!
//! It knows nothing of messages' JSON (see [`super::openai`], [`super::anthropic`]) and tries nothing twice.

pub mod fault;
pub mod http;
pub mod json;
pub mod receive;
pub mod sse;
pub mod text;
pub mod transcript;

pub use crate::net::{Key, wait};
pub use http::Timers;
