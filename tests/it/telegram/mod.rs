//! cgo behind Telegram, against a strict Bot API server of our own.

mod approvals;
mod client;
mod commands;
mod conversation;
mod fifty;
mod house;
mod marks;
mod odd;
mod operate;
mod owner;
mod secrets;
mod server;
mod surely;
mod told;
mod whole;
