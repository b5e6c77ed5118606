//! What `cgo serve` does: works on queued runs, tells people, looks for what is broken. One process serves a store.
//!
//! Each run is worked on by a process of its own ([`jobs`]), which a fault of the run, or the memory it takes, ends
//! alone; everything about it stands in the store, so any process can end at any moment. [`http`] tells how it stands and
//! has the page for secrets; [`mod@unit`] is for systemd. Front ends that stay, such as a bot, run beside it and wake it
//! with [`Wake`].

pub mod http;
pub mod jobs;
pub mod links;
mod rounds;
pub mod unit;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::chat::About;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::RunId;
use crate::domain::run::{Holder, Lease};
use crate::domain::time::Timestamp;
use crate::ops::leases::{Leases, SERVE};
use crate::ops::notify::Channel;
use crate::ops::{self, leases};
use jobs::Jobs;

/// How often is looked for something to do, unless somebody wakes it.
const BEAT: Duration = Duration::from_secs(1);
/// How long it may take to stop: a little more than the workers have, and less than the ten seconds that are promised.
const STOPPED_WITHIN: Duration = Duration::from_millis(8_500);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many runs are worked on at once.
    pub jobs: usize,
    /// Between two looks at servers and services; none for never.
    pub check_every: Option<Duration>,
    /// What there is to do now is done, and then it ends.
    pub once: bool,
    /// The program that works on a run, with its arguments; the run's id is added.
    pub worker: Vec<OsString>,
    /// Variables the worker gets beside those of this process.
    pub variables: Vec<(String, String)>,
}

/// Something that happened, for whoever watches: one line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It serves.
    Started {
        /// The process.
        pid: u32,
        /// Where health is told.
        health: Option<String>,
    },
    /// People can talk with it.
    Talking {
        /// The channel.
        channel: &'static str,
        /// The name it has there.
        name: String,
    },
    /// A run was taken up.
    RunTaken {
        /// The run.
        run: RunId,
        /// The project, where it is known.
        project: Option<String>,
        /// The how many-th attempt in a row it is.
        attempt: u32,
    },
    /// Something happened in a run, as its worker tells it.
    RunSays {
        /// The run.
        run: RunId,
        /// What it is: `node_started`, `node_finished`, `note`, `warning`.
        what: String,
        /// Where in the run.
        node: Option<String>,
        /// In words.
        text: Option<String>,
    },
    /// A run was put down.
    RunLeft {
        /// The run.
        run: RunId,
        /// Where it stands: a status.
        status: &'static str,
        /// Why, where that is known.
        text: Option<String>,
    },
    /// A run is not tried any more until a person wants it.
    RunStuck {
        /// The run.
        run: RunId,
        /// Why.
        text: Option<String>,
    },
    /// A run that waited for a secret or for room can go on.
    RunReady {
        /// The run.
        run: RunId,
    },
    /// Something broke.
    IncidentOpened {
        /// The incident.
        incident: String,
        /// In one line.
        title: String,
    },
    /// Something works again.
    IncidentClosed {
        /// The incident.
        incident: String,
        /// In one line.
        title: String,
    },
    /// People were told.
    Told {
        /// The channel.
        channel: &'static str,
        /// How many letters have arrived.
        letters: usize,
    },
    /// Something did not work and is tried again.
    Trouble {
        /// What was done.
        what: &'static str,
        /// Why it did not work.
        text: String,
        /// What it was about, where that is known.
        #[serde(flatten)]
        about: About,
    },
    /// Something that did not work works again.
    Mended {
        /// What was done.
        what: &'static str,
    },
    /// Something that was said to a bot was dealt with.
    Update {
        /// Its number, and the chat.
        #[serde(flatten)]
        about: About,
    },
    /// Somebody asked a bot for a run.
    RunAsked {
        /// The run, the chat, and what asked for it.
        #[serde(flatten)]
        about: About,
    },
    /// It was asked to stop.
    Stopping {
        /// Runs that are being put down.
        running: usize,
    },
    /// It has stopped.
    Stopped,
}

/// Told what happens. Nothing depends on it.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: &Event);
    /// How it stands has changed.
    fn standing(&self, standing: &Standing);
}

/// How it stands, as health tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The version of cgo.
    pub version: &'static str,
    /// The process.
    pub pid: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last looked for something to do.
    pub last_tick_at: Timestamp,
    /// Runs that are worked on.
    pub running: usize,
    /// Runs that could be worked on.
    pub queued: usize,
    /// Runs that wait for a person, a secret or room.
    pub waiting: usize,
    /// What did not work when it was last tried, by what was done.
    pub trouble: BTreeMap<&'static str, String>,
}

impl Standing {
    fn begun(at: Timestamp) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started_at: at,
            last_tick_at: at,
            running: 0,
            queued: 0,
            waiting: 0,
            trouble: BTreeMap::new(),
        }
    }
}

/// Has the scheduler look at once. Clones wake the same one.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is something to do.
    pub fn now(&self) {
        self.0.notify_one();
    }

    async fn woken(&self) {
        self.0.notified().await;
    }
}

/// Why nobody is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process serves the store.
    #[error("the store is served by process {} on {}, since {since}", holder.pid, holder.host)]
    Served {
        /// The process.
        holder: Holder,
        /// Since when.
        since: String,
    },
    /// It cannot listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A use case failed.
    #[error(transparent)]
    Ops(#[from] ops::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Served { .. } => Kind::Locked,
            Self::Listen { .. } => Kind::Preflight,
            Self::Ops(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Served { .. } => {
                Some(Advice::Do("one process serves a store: leave it, or stop it first".to_owned()))
            }
            Self::Listen { .. } => {
                Some(Advice::Do("choose another address with --health, or switch it off with --health off".to_owned()))
            }
            Self::Ops(error) => error.advice(),
        }
    }
}

/// What the lease says of when it was taken.
fn purpose(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    format!("cgo serve since {}", at.unwrap_or_default())
}

fn served(lease: &Lease) -> Error {
    let since = lease.purpose.strip_prefix("cgo serve since ").unwrap_or(&lease.purpose).to_owned();
    Error::Served { holder: lease.holder.clone(), since }
}

/// The right to serve the store, until it is dropped or given back.
pub struct Turn<'a> {
    leases: Leases<'a>,
    standing: Rc<RefCell<Standing>>,
}

/// What does not work in a front end that runs beside, for health to show.
#[derive(Debug, Clone)]
pub struct Troubles(Rc<RefCell<Standing>>);

impl Troubles {
    /// Something did not work when it was last tried.
    pub fn note(&self, what: &'static str, why: String) {
        self.0.borrow_mut().trouble.insert(what, why);
    }

    /// It works again.
    pub fn over(&self, what: &'static str) {
        self.0.borrow_mut().trouble.remove(what);
    }
}

impl<'a> Turn<'a> {
    /// Takes it.
    ///
    /// # Errors
    /// [`Error::Served`] by whom and since when.
    pub async fn take(app: &'a App) -> Result<Self, Error> {
        let started_at = app.context.now();
        let leases = Leases::new(&app.context);
        match leases.take_serve(&purpose(started_at)).await {
            Ok(()) => Ok(Self { leases, standing: Rc::new(RefCell::new(Standing::begun(started_at))) }),
            Err(error) => match leases::in_the_way(&error) {
                Some(lease) => Err(served(lease)),
                None => Err(error.into()),
            },
        }
    }

    /// Where a front end notes what does not work.
    #[must_use]
    pub fn troubles(&self) -> Troubles {
        Troubles(Rc::clone(&self.standing))
    }
}

/// Who serves the store now.
///
/// # Errors
/// When the store fails.
pub async fn who(app: &App) -> Result<Option<Lease>, Error> {
    Ok(leases::holder(&app.context, SERVE).await.map_err(ops::Error::from)?)
}

/// What is shared between the parts.
pub(crate) struct Shared<'a> {
    app: &'a App,
    options: &'a Options,
    observer: &'a dyn Observer,
    standing: Rc<RefCell<Standing>>,
}

impl Shared<'_> {
    fn trouble(&self, what: &'static str, error: &dyn std::error::Error) {
        self.say_once(what, self.app.context.secrets.clean(&crate::domain::diagnose::told(error)).into_owned());
    }

    fn say_once(&self, what: &'static str, text: String) {
        // Said once, not every second.
        let before = self.standing.borrow_mut().trouble.insert(what, text.clone());
        if before.as_ref() != Some(&text) {
            self.observer.event(&Event::Trouble { what, text, about: About::default() });
        }
    }

    /// What was tried has worked.
    fn fine(&self, what: &'static str) {
        self.standing.borrow_mut().trouble.remove(what);
    }
}

/// Serves until it is told to stop, with the parts a front end brings: channels that tell people, and the listener for
/// health and secrets.
///
/// # Errors
/// When another process took the store over; what was worked on goes on there. A store that does not answer is left as
/// it is: the leases in it end by themselves.
pub async fn serve(
    app: &App,
    turn: Turn<'_>,
    options: &Options,
    (channels, page): (&[&dyn Channel], Option<http::Page>),
    observer: &dyn Observer,
    wake: &Wake,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let (pid, standing) = (std::process::id(), Rc::clone(&turn.standing));
    standing.borrow_mut().last_tick_at = app.context.now();
    let shared = Shared { app, options, observer, standing: Rc::clone(&standing) };
    let health = page.as_ref().map(|page| page.address.to_string());
    observer.event(&Event::Started { pid, health });
    let answering = async {
        match page {
            Some(page) => http::serve(app, page, &standing, wake).await,
            None => std::future::pending().await,
        }
    };
    let working = work(&shared, channels, wake, cancel);
    let losing = keep(&turn.leases, &shared);
    let serving = async {
        let ended = tokio::select! {
            ended = working => ended,
            never = answering => match never {},
            lost = losing => Err(lost),
        };
        // Given back before it is said that it has stopped: the next one may begin at once.
        let released = turn.leases.release().await;
        ended?;
        Ok::<(), Error>(released?)
    };
    let late = async {
        cancel.cancelled().await;
        tokio::time::sleep(STOPPED_WITHIN).await;
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = late => {
            let text = "the store does not answer: what was worked on goes on with the next start".to_owned();
            observer.event(&Event::Trouble { what: "stopping", text, about: About::default() });
            Ok(())
        }
    };
    observer.event(&Event::Stopped);
    ended
}

/// Renews the lease; ends only when another process has taken it.
async fn keep(leases: &Leases<'_>, shared: &Shared<'_>) -> Error {
    loop {
        tokio::time::sleep(leases::RENEW_EVERY).await;
        match leases.renew().await {
            Ok(()) => {}
            Err(error) if error.is_lost() => {
                return match who(shared.app).await {
                    Ok(Some(lease)) => served(&lease),
                    _ => Error::Ops(error),
                };
            }
            Err(error) => shared.trouble("renewing the lease", &error),
        }
    }
}

async fn work(
    shared: &Shared<'_>,
    channels: &[&dyn Channel],
    wake: &Wake,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let jobs = Jobs::new(shared);
    // Each at its own pace: what takes long in one keeps no other waiting.
    let told = rounds::tell(shared, channels);
    let checked = rounds::check(shared, cancel);
    let ready = rounds::continue_waiting(shared, wake, cancel);
    if shared.options.once {
        rounds::decide_overdue(shared, cancel).await;
        jobs.until_done(wake, cancel).await;
        rounds::once(shared, channels, cancel).await;
        return Ok(());
    }
    tokio::select! {
        () = jobs.run(wake, cancel) => Ok(()),
        never = told => match never {},
        never = checked => match never {},
        never = ready => match never {},
    }
}
