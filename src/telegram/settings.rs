//! What the front end is told from outside.

use std::path::PathBuf;
use std::time::Duration;

use super::api::Timers;
use super::token::Token;

/// Telegram's own API.
pub const API: &str = "https://api.telegram.org";

/// What the front end is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address of the Bot API: Telegram's own, or that of a server of one's own.
    pub api: String,
    /// The bot's token.
    pub token: Token,
    /// Has updates come here when they go to a webhook.
    pub drop_webhook: bool,
    /// The folder new projects are made in.
    pub projects: PathBuf,
    /// How long to wait for what.
    pub timers: Timers,
    /// How long to bear what.
    pub patience: Patience,
}

impl Settings {
    /// The usual ones.
    #[must_use]
    pub fn new(token: Token, projects: PathBuf) -> Self {
        Self {
            api: API.to_owned(),
            token,
            drop_webhook: false,
            projects,
            timers: Timers::default(),
            patience: Patience::default(),
        }
    }
}

/// How long to bear what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often another program may have asked for the updates, with no more than five minutes in between, before this
    /// one gives up.
    pub competitors: u32,
    /// How long to wait after that.
    pub between_competitors: Duration,
    /// The least time between two changes of a message that shows how far a run is.
    pub between_edits: Duration,
    /// The same in a group, of all such messages in it together: it takes no more than twenty messages a minute.
    pub between_group_edits: Duration,
    /// How often runs are looked at while something happens in one.
    pub between_looks: Duration,
    /// For how long in all Telegram may have something that was said dealt with later, before that is given up: beside
    /// what each message waits by itself.
    pub put_off: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            competitors: 12,
            between_competitors: Duration::from_secs(5),
            between_edits: Duration::from_millis(1500),
            between_group_edits: Duration::from_secs(4),
            between_looks: Duration::from_millis(400),
            put_off: Duration::from_hours(1),
        }
    }
}
