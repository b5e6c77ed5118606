//! cgo behind Telegram, against a strict Bot API server of our own.

mod client;
mod commands;
mod conversation;
mod fifty;
mod house;
mod marks;
mod odd;
mod operate;
mod owner;
mod server;
mod surely;
mod told;
mod whole;
