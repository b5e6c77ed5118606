//! No bot.

use std::future::{Ready, ready};

use super::Around;
use crate::app::App;
use crate::cli::Session;
use crate::cli::outcome::Failure;
use crate::domain::diagnose::Kind;
use crate::ops::notify::Channel;

fn none() -> Failure {
    let hint = "install a cgo that was built with it: `cargo build --features telegram`";
    Failure::new(Kind::Usage, "this cgo is built without Telegram".to_owned(), Some(hint.to_owned()))
}

/// There is nobody whose token it would be.
pub(in crate::cli) fn keep_token(_: &Session<'_>, _: &App, _: bool) -> Ready<Result<(), Failure>> {
    ready(Err(none()))
}

/// There is none.
pub(in crate::cli) enum Bot {}

impl Bot {
    pub fn open(_: &Session<'_>, _: &App, _: bool) -> Ready<Result<Self, Failure>> {
        ready(Err(none()))
    }

    pub fn channel(&self) -> Box<dyn Channel> {
        match *self {}
    }

    pub fn run(&self, _: &Session<'_>, _: &App, _: Around<'_>) -> Ready<Result<(), Failure>> {
        match *self {}
    }
}
