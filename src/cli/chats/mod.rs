//! The bot that `cgo serve` talks over. A cgo built without the feature `telegram` has none, and says so.

#[cfg(not(feature = "telegram"))]
mod none;
#[cfg(feature = "telegram")]
mod telegram;

#[cfg(not(feature = "telegram"))]
pub(super) use none::{Bot, keep_token};
#[cfg(feature = "telegram")]
pub(super) use telegram::{Bot, keep_token};

use crate::domain::chat::{About, Noted};

/// What a bot stands in.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "telegram"), expect(dead_code, reason = "there is no bot that looks at it"))]
pub(super) struct Around<'a> {
    /// Told what is worth a line in a log, and what it is about.
    pub note: &'a dyn Fn(About, Noted),
    /// Told the name of the bot once it can be talked with.
    pub ready: &'a dyn Fn(&str),
    /// Has runs taken up that can go on.
    pub wake: &'a dyn Fn(),
    /// The beginning of the addresses of the page that takes secrets, where there is one.
    pub page: Option<&'a str>,
}
