//! Telegram's Bot API: frankenstein's types and methods, over the HTTP client all of cgo shares.
//!
//! What is asked (methods, parameters, keyboards, commands) and what comes back (updates, refusals) is frankenstein's; the
//! way there is our own, for its client would be a second one, decodes a batch of updates as a whole, and shows the token.
//! Here updates are decoded one at a time, a token is in no error, and of an answer no more is read than is looked at: a
//! message that was sent stays sent when its answer holds something newer than this program.

mod client;
mod error;
mod transport;
mod types;

pub use client::{Client, Me, Sound};
pub use error::Error;
pub use transport::Timers;
pub use types::{Callback, Chat, ChatKind, Document, Incoming, Message, Received, User};
