//! Telling people what happened, over the channels there are.
//!
//! A notice is owed in the store with the change it is about ([`crate::domain::notice`]). [`hand_out`] decides who is told;
//! [`deliver`] brings one channel's share to them: at least once, those of one subject that come close together as one
//! message, at their hours. Nothing here changes a run, an incident or a verdict: what cannot be delivered is tried again
//! and at last given up, but for what is critical. What goes wrong is worded for people in [`faults`].

mod dispatch;
pub mod faults;
pub mod webhook;
mod words;

use std::pin::Pin;
use std::time::Duration;

use crate::domain::incident::Incident;
use crate::domain::notice::{Notice, Urgency};
use crate::domain::project::Project;
use crate::domain::run::{Ask, Run};
use crate::domain::spec::Language;
use crate::domain::user::User;

pub use dispatch::{Delivered, HandedOut, deliver, forget_old, hand_out, is_quiet, stuck};

/// What somebody is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The newest notice it stands for.
    pub notice: Notice,
    /// How many notices it stands for.
    pub count: usize,
    /// How much it matters: as much as the most urgent of them.
    pub urgency: Urgency,
    /// How often it was tried before.
    pub tried: u32,
    /// Where to on the channel.
    pub address: String,
    /// To whom; none when it goes to nobody in particular.
    pub person: Option<User>,
    /// The language of the words.
    pub language: Language,
    /// What happened, in one line. It holds no secret and may hold anything else: escape it.
    pub title: String,
    /// What else is known, a line each. As the title.
    pub lines: Vec<String>,
    /// The run it is about.
    pub run: Option<Run>,
    /// The question that is open.
    pub ask: Option<Ask>,
    /// The project it is about.
    pub project: Option<Project>,
    /// The incident it is about.
    pub incident: Option<Incident>,
    /// The id of the message that told of the same subject a moment ago, to be edited in the place of a new one. What is
    /// critical is always a new one.
    pub previous: Option<String>,
}

/// A letter has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The message's id, by which it can be edited.
    pub message: Option<String>,
}

/// Why a letter has not arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may arrive later.
    #[error("{why}")]
    Later {
        /// Why, in one line, without a secret.
        why: String,
        /// How long the other side wants to be left alone; where it says so, that was no try.
        after: Option<Duration>,
    },
    /// It will not arrive there: the chat is gone, or they do not want to be told.
    #[error("{why}")]
    Never {
        /// Why, in one line, without a secret.
        why: String,
    },
    /// Another part of the channel is about to tell it, and has not yet. It is no failure: it is asked again soon, and the
    /// channel says for how long it waits.
    #[error("it is about to be told")]
    Elsewhere,
}

/// A delivery under way.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Receipt, Undelivered>> + 'a>>;

/// A way to tell people something.
pub trait Channel {
    /// Its name in the store; never changes.
    fn name(&self) -> &'static str;
    /// Where somebody is reached; none when they are not.
    fn reaches(&self, user: &User) -> Option<String>;
    /// Where everything goes beside; none for channels that only tell people.
    fn common(&self) -> Option<String> {
        None
    }
    /// A message can be changed after it was sent.
    fn edits(&self) -> bool;
    /// Delivers a letter: a new message, or the `previous` one edited. It is given a limited time and may be dropped;
    /// the letter then comes again.
    fn deliver<'a>(&'a self, letter: &'a Letter) -> Delivering<'a>;
}
