//! cgo behind Telegram: what a person writes in a chat is what they would type at a terminal, with their own rights.
//!
//! [`check`] finds out whether the bot can be used; [`Bot::run`] is the front end: `poll` takes what is said into
//! the store, `work` deals with it chat by chat at the `desk`, `follow` tells how runs go. Runs themselves are driven by
//! whoever looks after the store (`cgo serve`). Nothing is decided here that another front end would have to decide too:
//! who somebody is and what they may do is [`crate::ops::users`]'s.

pub mod api;
mod begin;
mod buttons;
mod cards;
mod commands;
mod desk;
mod faults;
mod follow;
mod lists;
pub mod markup;
mod notifier;
mod operations;
mod poll;
mod questions;
mod secrets;
pub mod sender;
mod settings;
mod token;
mod words;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use api::Error;
pub use notifier::Notifier;
pub use settings::{API, Patience, Settings};
pub use token::{FILE_VARIABLE, KEPT_AS, Token, VARIABLE};

use crate::app::App;
use crate::domain::chat::{About, BotId, Noted};
use crate::domain::diagnose::told;
use crate::domain::spec::Language;
use crate::ops::Context;
use crate::ops::chats::Chats;
use api::{Client, Me};
use desk::Desk;
use sender::Sender;

/// The longest wait between two attempts to begin, or to have the commands shown.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How much longer than cgo itself waits before it asks again another program is looked for.
const COMES_AGAIN: Duration = Duration::from_secs(3);

/// Told what is worth a line in a log, and what it is about.
pub type Note<'a> = &'a dyn Fn(About, Noted);

/// What the front end stands in.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Told what is worth a line in a log, and what it is about.
    pub note: Note<'a>,
    /// Told the name of the bot once it can be talked with.
    pub ready: &'a dyn Fn(&str),
    /// Has runs taken up that can go on; where nobody does at once, they are found a little later.
    pub wake: &'a dyn Fn(),
    /// The beginning of the addresses of the page that takes secrets (`https://cgo.example.com`), where there is one.
    pub page: Option<&'a str>,
}

/// A bot.
#[derive(Debug, Clone)]
pub struct Bot {
    id: i64,
    settings: Settings,
    sender: Arc<Sender>,
    chats: Chats,
    look: Arc<Notify>,
}

/// Finds out whether a bot can be used: who it is, whether its updates come here, and whether anybody else asks for them.
/// That takes some seconds. A webhook that is in the way is taken away, where that is wanted, once the token is accepted:
/// as long as it is there nobody gets updates, so that nobody can be seen to ask for them.
///
/// # Errors
/// Each reason has its own [`Error`], with what to do about it.
pub async fn check(settings: &Settings) -> Result<String, Error> {
    let client = Client::new(&settings.api, settings.token.clone(), settings.timers)?;
    let me = client.me().await?;
    own_updates(&client, settings).await?;
    nobody_else(&client, me.id, settings.patience.between_competitors + COMES_AGAIN).await?;
    Ok(me.username)
}

/// Looks for so long, in whole seconds, whether another program asks for the updates. Of two that ask Telegram refuses
/// the one that has asked first: that is this one, once the other comes again.
async fn nobody_else(client: &Client, bot: i64, look: Duration) -> Result<(), Error> {
    let mut left = look.as_secs();
    loop {
        let begun = Instant::now();
        // It confirms nothing: what waits goes on waiting.
        client.updates(0, bot, Duration::from_secs(left)).await?;
        // What waits is given at once, and nobody could come in between. Another program would take it.
        left = left.saturating_sub(begun.elapsed().as_secs() + 1);
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn own_updates(client: &Client, settings: &Settings) -> Result<(), Error> {
    match client.webhook().await? {
        Some(_) if settings.drop_webhook => client.delete_webhook().await,
        Some(url) => {
            let host = reqwest::Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
            Err(Error::WebhookSet { host })
        }
        None => Ok(()),
    }
}

impl Bot {
    /// The bot of a token; nobody is asked yet.
    ///
    /// # Errors
    /// [`Error::BadAddress`].
    pub fn new(context: &Context, settings: Settings) -> Result<Self, Error> {
        let client = Client::new(&settings.api, settings.token.clone(), settings.timers)?;
        let id = settings.token.bot();
        let chats = Chats::of(context, BotId(id));
        let sender = Arc::new(Sender::new(client, chats.clone()));
        Ok(Self { id, settings, sender, chats, look: Arc::default() })
    }

    /// Tells people of what happens over this bot.
    #[must_use]
    pub fn notifier(&self) -> Notifier {
        Notifier { sender: self.sender.clone(), chats: self.chats.clone(), look: self.look.clone() }
    }

    /// Gets to know the bot, however long Telegram cannot be reached.
    async fn connect(&self, note: Note<'_>) -> Result<Me, Error> {
        let client = self.sender.client();
        let mut tried = 0_u32;
        loop {
            let known = async {
                let me = client.me().await?;
                own_updates(client, &self.settings).await?;
                Ok(me)
            };
            match known.await {
                Ok(me) => {
                    if tried > 0 {
                        note(About::default(), Noted::InReach);
                    }
                    return Ok(me);
                }
                Err(Error::Flood { after }) => tokio::time::sleep(after).await,
                Err(error) if error.may_pass() => {
                    if tried == 0 {
                        note(About::default(), Noted::OutOfReach(told(&error)));
                    }
                    tried += 1;
                    tokio::time::sleep(wait_after(tried)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Talks with people until it is cancelled. What it does not finish then, or when the process is killed, is done the
    /// next time.
    ///
    /// # Errors
    /// What only a person can mend: see [`Error`]. Without the identity that what is said is encrypted for it does not
    /// begin; one that goes missing later ends nothing.
    pub async fn run(&self, app: &App, around: &Around<'_>, cancel: &CancellationToken) -> Result<(), Error> {
        let note = around.note;
        let known = async {
            // Whoever lost the identity hears of it now, not with the first word that somebody says.
            self.chats.prepare().await?;
            self.connect(note).await
        };
        let me = tokio::select! {
            me = known => me?,
            () = cancel.cancelled() => return Ok(()),
        };
        if let Err(error) = self.chats.note_name(&me.username).await {
            note(About::default(), Noted::Trouble(format!("what the bot is called is not kept: {}", told(&error))));
        }
        (around.ready)(&format!("@{}", me.username));
        let came = Notify::new();
        let desk = Desk {
            app,
            me,
            chats: self.chats.clone(),
            sender: self.sender.clone(),
            settings: &self.settings,
            look: self.look.clone(),
            cancel: cancel.clone(),
            told: note,
            wake: around.wake,
            page: around.page,
        };
        let polling = poll::poll(self.sender.client(), self.id, &self.chats, self.settings.patience, &came, note);
        let registering = async {
            self.register(note).await;
            std::future::pending::<()>().await;
        };
        let (working, following) = (work::work(&desk, &came), follow::follow(&desk));
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            polled = polling => polled.map(|never| match never {}),
            never = working => match never {},
            never = following => match never {},
            () = registering => Ok(()),
        }
    }

    /// Has the commands shown to people; those who know them need no list. They belong to no chat, so no chat waits with
    /// them.
    async fn register(&self, note: Note<'_>) {
        for (language, code) in [(Language::En, None), (Language::Ru, Some("ru"))] {
            let mut tried = 0_u32;
            while let Err(error) = self.sender.client().set_commands(words::of(language).commands, code).await {
                if let Error::Flood { after } = error {
                    tokio::time::sleep(after).await;
                    continue;
                }
                if tried == 0 {
                    let why = format!("the commands are not registered: {}", told(&error));
                    note(About::default(), Noted::Trouble(why));
                }
                if !error.may_pass() {
                    break;
                }
                tried += 1;
                tokio::time::sleep(wait_after(tried)).await;
            }
        }
    }
}

/// How long to wait after so many attempts in a row that came to nothing.
fn wait_after(tried: u32) -> Duration {
    Duration::from_millis(250 << tried.min(7)).min(LONGEST_WAIT)
}
