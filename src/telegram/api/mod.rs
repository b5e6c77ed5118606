//! Telegram's Bot API as cgo speaks it: sixteen methods over the shared HTTP client, at any address.
//!
//! It is a client of our own. frankenstein brings every type there is (nine more crates, one of them unmaintained, and 35
//! seconds of a build), decodes a batch of updates as a whole, so that one of a new kind loses the others, and shows the
//! token in its `Debug`; what is left of it after working around that is less than what stands here. Updates are decoded
//! one at a time, and a token is in no error.

mod client;
mod error;
mod types;

pub use client::{Client, Keyboard, Me, Timers};
pub use error::Error;
pub use types::{Callback, Chat, ChatKind, Document, Incoming, Message, Received, User};
