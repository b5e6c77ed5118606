//! cgo behind Telegram, against a strict Bot API server of our own.

mod approvals;
mod client;
mod conversation;
mod fifty;
mod house;
mod marks;
mod odd;
mod owner;
mod secrets;
mod server;
mod told;
mod whole;
