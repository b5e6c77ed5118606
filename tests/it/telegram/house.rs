//! A bot at work on a store of its own, in a thread: it can be cut off at any moment, as by a kill, and begun again.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use cgo::app::App;
use cgo::config::{Flags, Settings};
use cgo::domain::chat::{About, BotId, Noted};
use cgo::domain::ids::RunId;
use cgo::domain::user::{Identity, Person, Role, UserName};
use cgo::ops::chats::Chats;
use cgo::ops::{Context, runs, users};
use cgo::telegram::api::Timers;
use cgo::telegram::{Around, Bot, Patience, Token};
use sqlx::ConnectOptions as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::conversation::progress;
use super::server::{BOT, TOKEN, Telegram};
use crate::support::env::until;

/// The settings of a bot that talks to a server of a test.
pub fn settings(telegram: &Telegram, projects: PathBuf) -> cgo::telegram::Settings {
    let token = Token::parse(TOKEN, "the test").unwrap();
    cgo::telegram::Settings {
        api: telegram.api(),
        timers: Timers { poll: Duration::from_secs(20), ..Timers::default() },
        patience: Patience {
            competitors: 3,
            between_competitors: Duration::from_millis(20),
            between_edits: Duration::from_millis(100),
            between_group_edits: Duration::from_millis(100),
            between_looks: Duration::from_millis(20),
            ..Patience::default()
        },
        ..cgo::telegram::Settings::new(token, projects)
    }
}

/// A store, a folder, and whoever works there.
pub struct House {
    pub folder: TempDir,
    pub telegram: Telegram,
    pub notes: Arc<Mutex<Vec<(About, Noted)>>>,
    /// Where the page is that takes secrets.
    pub page: Option<&'static str>,
    /// Where the store is, when it is not in the folder.
    pub store: Option<String>,
}

/// A bot at work.
pub struct AtWork {
    cut: CancellationToken,
    done: Option<JoinHandle<Result<(), String>>>,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.cut.cancel();
        if let Some(done) = self.done.take() {
            let _ = done.join();
        }
    }
}

impl AtWork {
    /// Ends it at once, wherever it is: everything that is not in the store is lost.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits until it ends by itself; what it says.
    pub fn end(mut self) -> Result<(), String> {
        self.done.take().map_or(Ok(()), |done| done.join().expect("it does not panic"))
    }
}

impl House {
    pub fn new() -> Self {
        let house = Self {
            folder: tempfile::tempdir().expect("a folder"),
            telegram: Telegram::start(),
            notes: Arc::default(),
            page: None,
            store: None,
        };
        std::fs::create_dir_all(house.folder.path().join("data")).expect("a folder");
        house
    }

    /// A house with Bo in it, who is 8, and the bot at work.
    pub fn of_bo(role: Role) -> (Self, Telegram, AtWork) {
        let house = Self::new();
        house.admit(8, "Bo", role);
        let (telegram, bot) = (house.telegram.clone(), house.open());
        (house, telegram, bot)
    }

    /// Says something that begins the first run, and waits until that is shown.
    pub fn begin(&self, chat: i64, person: i64, text: &str) -> RunId {
        if chat == person {
            self.telegram.say(person, text);
        } else {
            self.telegram.say_in(chat, person, text);
        }
        progress(self, chat);
        self.only_run()
    }

    fn resolved(&self) -> Settings {
        let home = self.folder.path().display().to_string();
        let data = self.folder.path().join("data").display().to_string();
        let env = |name: &str| match name {
            "CGO_STORE" => self.store.clone(),
            "HOME" => Some(home.clone()),
            "CGO_DATA" => Some(data.clone()),
            _ => None,
        };
        Settings::resolve(&Flags::default(), &env).expect("settings of a test")
    }

    /// Changes the store behind everybody's back.
    pub fn sql(&self, statement: &'static str) {
        let url = format!("sqlite:{}", self.folder.path().join("data/cgo.db").display());
        self.with(async |_| {
            let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
            let mut connection = options.connect().await.expect("the store opens");
            sqlx::query(statement).execute(&mut connection).await.expect("it is written");
        });
    }

    /// Does something with the store, in a runtime of its own.
    pub fn with<T>(&self, work: impl AsyncFnOnce(&App) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = self.resolved();
        runtime.block_on(async {
            let app = App::open(&settings).await.expect("a store");
            let done = work(&app).await;
            app.context.store.clone().close().await;
            done
        })
    }

    /// Lets somebody in.
    pub fn admit(&self, person: i64, name: &str, role: Role) {
        self.with(async |app| {
            let name = UserName::parse(name).unwrap();
            users::add(&app.context, name, role, vec![Identity::Telegram(person)], None).await.expect("a new user");
        });
    }

    /// Somebody who has been let in, for what is asked of the store in their name.
    pub async fn person(context: &Context, person: i64) -> Context {
        let actor = cgo::domain::user::Actor::Somebody { identity: Identity::Telegram(person), called: String::new() };
        let person: Person = users::identify(context, &actor).await.expect("a known person");
        context.acting_as(person)
    }

    /// Begins the bot.
    pub fn open(&self) -> AtWork {
        self.open_with(|_| {})
    }

    /// Begins the bot with other settings.
    pub fn open_with(&self, change: impl FnOnce(&mut cgo::telegram::Settings)) -> AtWork {
        let mut bot_settings = settings(&self.telegram, self.folder.path().join("projects"));
        change(&mut bot_settings);
        let (settings, notes, page) = (self.resolved(), Arc::clone(&self.notes), self.page);
        let cut = CancellationToken::new();
        let inner = cut.clone();
        let (begun, begins) = mpsc::channel();
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let note = |about, noted| notes.lock().expect("no panic here").push((about, noted));
            let ended = runtime.block_on(async {
                let app = App::open(&settings).await.expect("a store");
                let _ = begun.send(());
                let work = async {
                    let never = CancellationToken::new();
                    let bot = Bot::new(&app.context, bot_settings).map_err(|error| error.to_string())?;
                    let around = Around { note: &note, ready: &|_| {}, wake: &|| {}, page };
                    bot.run(&app, &around, &never).await.map_err(|error| error.to_string())
                };
                tokio::select! {
                    // Dropped in the middle of whatever it does.
                    () = inner.cancelled() => Ok(()),
                    ended = work => ended,
                }
            });
            runtime.shutdown_background();
            ended
        });
        begins.recv().expect("the store is opened");
        AtWork { cut, done: Some(done) }
    }

    /// Waits until everything that was said is dealt with, and all that is told of runs is noted: a kill then loses nothing
    /// that would be told twice.
    pub fn settled(&self) {
        until("all to be dealt with and noted", || {
            self.with(async |app| {
                let chats = Chats::of(&app.context, BotId(BOT));
                if chats.waiting().await.unwrap() > 0 {
                    return false;
                }
                for followed in chats.followed().await.unwrap() {
                    let run = runs::find(&app.context, followed.run.as_str()).await.unwrap();
                    let ask = runs::waits_for(&app.context, &run).await.unwrap().map(|ask| ask.id);
                    let cards = chats.open_cards(followed.chat).await.unwrap();
                    let put = ask
                        .as_ref()
                        .is_none_or(|ask| cards.iter().any(|card| card.ask == *ask && card.message.is_some()));
                    if followed.message.is_none() || (ask.is_some() && followed.asked != ask) || !put {
                        return false;
                    }
                }
                true
            })
        });
    }

    /// What was noted, all of it in words.
    pub fn noted(&self) -> Vec<String> {
        self.notes.lock().expect("no panic here").iter().map(|note| format!("{note:?}")).collect()
    }
}
