//! cgo behind Telegram, against a strict Bot API server of our own.

mod approvals;
mod broken;
mod client;
mod commands;
mod conversation;
mod fifty;
mod groups;
mod house;
mod languages;
mod late;
mod live;
mod marks;
mod odd;
mod operate;
mod owner;
mod pages;
mod ready;
mod ruling;
mod secrets;
mod server;
mod stopping;
mod surely;
mod told;
mod vault;
mod whole;
