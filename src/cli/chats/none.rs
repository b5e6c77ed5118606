//! No bot.

use std::future::{Ready, ready};

use super::Around;
use crate::app::App;
use crate::cli::Session;
use crate::cli::outcome::Failure;
use crate::domain::diagnose::Kind;
use crate::ops::Context;
use crate::ops::notify::Channel;

fn none() -> Failure {
    let hint = "install a cgo that was built with it: `cargo build --features telegram`";
    Failure::new(Kind::Usage, "this cgo is built without Telegram".to_owned(), Some(hint.to_owned()))
}

/// There is nobody whose token it would be.
pub(in crate::cli) async fn keep_token(_: &Context) -> Result<(), Failure> {
    ready(Err(none())).await
}

/// There is none.
pub(in crate::cli) enum Bot {}

impl Bot {
    pub async fn open(_: &Session<'_>, _: &App, _: bool) -> Result<Self, Failure> {
        ready(Err(none())).await
    }

    pub fn channel(&self) -> Box<dyn Channel> {
        match *self {}
    }

    pub fn run(&self, _: &Session<'_>, _: &App, _: Around<'_>) -> Ready<Result<(), Failure>> {
        match *self {}
    }
}
