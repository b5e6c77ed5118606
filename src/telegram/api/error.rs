//! What can go wrong with Telegram, by who acts next.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::ops;
use crate::ops::chats::Unread;
use crate::pipeline::runner;

/// Why Telegram was not asked, did not answer, or refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no token.
    #[error("the bot has no token: CGO_TELEGRAM_TOKEN is not set, no file is named, and none is kept")]
    NoToken,
    /// The file with the token cannot be read.
    #[error("cannot read the bot's token from `{}`", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token cannot be one.
    #[error("what {from} holds is no token of a bot: {why}")]
    BadToken {
        /// Where it came from.
        from: String,
        /// What is wrong with it; nothing of it is shown.
        why: &'static str,
    },
    /// The address of the API makes no sense.
    #[error("the address of Telegram's API `{address}` {why}")]
    BadAddress {
        /// The address, without a password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Telegram does not know the token.
    #[error("Telegram refuses the bot's token from {from}: {said}")]
    TokenRefused {
        /// Where it came from.
        from: String,
        /// Telegram's words.
        said: String,
    },
    /// Updates go to a webhook.
    #[error("the bot's updates go to a webhook{}", host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default())]
    WebhookSet {
        /// The machine they go to.
        host: Option<String>,
    },
    /// Another program asks for the same bot's updates.
    #[error("another program asks for the updates of this bot")]
    OtherPoller,
    /// What answers is no Bot API.
    #[error("this is no answer of Telegram's: {said}")]
    NotTelegram {
        /// What came instead.
        said: String,
    },
    /// Too many messages.
    #[error("Telegram wants to be left alone for {} s", after.as_secs())]
    Flood {
        /// For how long.
        after: Duration,
    },
    /// The person does not want to hear from the bot, or it was sent out of the group.
    #[error("the chat takes no messages: {said}")]
    Blocked {
        /// Telegram's words.
        said: String,
    },
    /// There is no such chat, or the bot never met it.
    #[error("the chat is not there: {said}")]
    NoChat {
        /// Telegram's words.
        said: String,
    },
    /// The group has become another one.
    #[error("the group has become the chat {to}")]
    Moved {
        /// Its new number.
        to: i64,
    },
    /// The text's marks make no sense.
    #[error("Telegram cannot read the text's marks: {said}")]
    Entities {
        /// Telegram's words.
        said: String,
    },
    /// The message says that already.
    #[error("the message says that already")]
    Same,
    /// The message that was to be changed or replied to, or the button that was pressed, is gone.
    #[error("it is gone: {said}")]
    Gone {
        /// Telegram's words.
        said: String,
    },
    /// Telegram refuses for another reason.
    #[error("Telegram refuses `{method}` with {code}: {said}")]
    Refused {
        /// What was asked for.
        method: String,
        /// The code.
        code: u64,
        /// Telegram's words.
        said: String,
    },
    /// Telegram failed.
    #[error("Telegram failed with {code}: {said}")]
    Upstream {
        /// The status.
        code: u64,
        /// Its words.
        said: String,
    },
    /// No connection, or one that broke.
    #[error("no connection to Telegram: {said}")]
    Network {
        /// What happened.
        said: String,
        /// The request may have arrived.
        sent: bool,
    },
    /// A file is larger than is taken.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The most that is taken.
        limit: usize,
    },
    /// A file that a Bot API server of one's own has put on this machine cannot be read.
    #[error("cannot read `{path}`, where the Bot API server says the file is")]
    LocalFile {
        /// Where, without the token.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file was to be sent, which cgo never does.
    #[error("`{method}` is to send a file, and cgo sends none")]
    SendsNoFiles {
        /// What was asked for.
        method: String,
    },
    /// Something that was said cannot be read.
    #[error(transparent)]
    Unread(#[from] Unread),
    /// A use case failed.
    #[error(transparent)]
    Ops(#[from] ops::Error),
    /// A run could not be made or answered.
    #[error(transparent)]
    Run(#[from] runner::Error),
}

impl Error {
    /// The same may do well a little later, without anything being changed. Where a group has gone is noted when it is
    /// found out.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Moved { .. } | Self::Flood { .. } | Self::Upstream { .. } | Self::Network { .. } => true,
            Self::Unread(error) => error.may_pass(),
            Self::Ops(error) | Self::Run(runner::Error::Ops(error)) => error.may_pass(),
            _ => false,
        }
    }

    /// The chat cannot be written to, now or later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Blocked { .. } | Self::NoChat { .. })
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::BadAddress { .. } => Kind::Usage,
            Self::OtherPoller => Kind::Locked,
            // Something between here and Telegram, which may be gone soon; or how its own server was set up.
            Self::NotTelegram { .. } | Self::LocalFile { .. } => Kind::Preflight,
            Self::Unread(error) => error.kind(),
            Self::Ops(error) => error.kind(),
            Self::Run(error) => error.kind(),
            Self::Entities { .. } | Self::Same | Self::SendsNoFiles { .. } => Kind::Internal,
            _ => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let run = |command: &str| Some(Advice::Run(command.to_owned()));
        let say = |text: &str| Some(Advice::Do(text.to_owned()));
        match self {
            Self::NoToken => {
                say("ask @BotFather for a bot with /newbot, and set CGO_TELEGRAM_TOKEN or CGO_TELEGRAM_TOKEN_FILE")
            }
            Self::TokenFile { .. } => say("name a file with the token alone in CGO_TELEGRAM_TOKEN_FILE"),
            Self::BadToken { .. } => {
                say("copy the whole token from @BotFather: digits, a colon, and 35 letters and digits")
            }
            Self::BadAddress { .. } | Self::NotTelegram { .. } => {
                say("set CGO_TELEGRAM_API to the address of a Bot API server, or unset it for https://api.telegram.org")
            }
            Self::TokenRefused { .. } => say("ask @BotFather for the token with /token, or for a new one with /revoke"),
            Self::WebhookSet { .. } => run("cgo serve --telegram --drop-webhook"),
            Self::OtherPoller => say(
                "stop the other program (another `cgo serve`, on another machine too), or give this one a bot of its own",
            ),
            Self::Flood { .. } | Self::Upstream { .. } | Self::Network { .. } => {
                say("see whether this machine reaches Telegram, and start `cgo serve` again")
            }
            Self::Unread(error) => error.advice(),
            Self::Ops(error) => error.advice(),
            Self::Run(error) => error.advice(),
            Self::TooLarge { .. } => say("send a shorter file"),
            Self::LocalFile { .. } => say(
                "let cgo's account read the Bot API server's files on this machine, or start that server without --local",
            ),
            Self::Blocked { .. }
            | Self::NoChat { .. }
            | Self::Moved { .. }
            | Self::Entities { .. }
            | Self::Same
            | Self::Gone { .. }
            | Self::SendsNoFiles { .. }
            | Self::Refused { .. } => None,
        }
    }
}
