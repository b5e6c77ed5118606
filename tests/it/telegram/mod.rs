//! cgo behind Telegram, against a strict Bot API server of our own.

mod client;
mod conversation;
mod house;
mod marks;
mod odd;
mod server;
mod told;
mod whole;
