//! `cgo serve`: stays, and works on what front ends ask for. Lines of talk, or one JSON line an event with `--json`.

use std::cell::RefCell;
use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Session;
use super::args::{Listen, Serve};
use super::chats::{Around, Bot, keep_token};
use super::outcome::{Failure, Outcome};
use super::ui::{Tone, Ui};
use crate::app::App;
use crate::config::env;
use crate::config::{Settings, Source};
use crate::domain::chat::{About, Noted};
use crate::domain::diagnose::Kind;
use crate::domain::secret::Secret;
use crate::ops::notify::Channel;
use crate::ops::notify::webhook::Webhook;
use crate::scheduler::http::Page;
use crate::scheduler::unit::{Unit, notify};
use crate::scheduler::{self, Event, Observer, Options, Standing, Troubles, Turn, Wake};

/// How long systemd waits at most until the bot's token is accepted: no longer than a start may seem to hang.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(10);
/// The variable that names a file with the bot's token.
const TOKEN_FILE: &str = "CGO_TELEGRAM_TOKEN_FILE";

/// `cgo serve`.
///
/// # Errors
/// [`Failure`] when another process serves the store, or took it over.
pub async fn run(session: &Session<'_>, args: Serve) -> Result<Outcome, Failure> {
    if args.systemd {
        return unit(session, &args).map(|unit| Outcome::raw(unit.text()));
    }
    let app = session.app().await?;
    if args.keep_token {
        keep_token(session, &app, args.drop_webhook).await?;
        return Ok(Outcome::raw("The bot's token is kept in the store, encrypted.\n".to_owned()));
    }
    let turn = Turn::take(&app).await?;
    let page = match args.health {
        _ if args.once => None,
        Listen::Off => None,
        Listen::At(address) => Some(Page::listen(address, args.public_url.as_deref()).await?),
    };
    let webhook = webhook(session, &app)?;
    let bot = if args.telegram { Some(Bot::open(session, &app, args.drop_webhook).await?) } else { None };
    let notifier = bot.as_ref().map(Bot::channel);
    let mut channels: Vec<&dyn Channel> = webhook.iter().map(|webhook| webhook as &dyn Channel).collect();
    channels.extend(notifier.as_deref());
    let base = page.as_ref().map(|page| page.base.clone());
    let options = Options {
        jobs: args.jobs.into(),
        check_every: (args.check_every > 0).then(|| Duration::from_secs(args.check_every.into())),
        once: args.once,
        worker: worker(&app),
        variables: variables(session),
    };
    let (lines, wake) = (Lines::new(session.ui), Wake::default());
    let troubles = turn.troubles();
    let note = |about, noted| noted_by_bot(&lines, &troubles, about, noted);
    let accepted = Notify::new();
    let ready = |name: &str| {
        accepted.notify_one();
        lines.event(&Event::Talking { channel: "telegram", name: name.to_owned() });
    };
    let around = Around { note: &note, ready: &ready, wake: &|| wake.now(), page: base.as_deref() };
    let mut refused = None;
    let served = {
        let talking = async {
            match &bot {
                Some(bot) => bot.run(session, &app, around).await,
                None => std::future::pending().await,
            }
        };
        let announcing = async {
            if bot.is_some() {
                // A bot that is refused is not ready. Runs and health do without one that nobody can be asked about.
                let _ = tokio::time::timeout(ACCEPTED_WITHIN, accepted.notified()).await;
            }
            notify("READY=1");
            std::future::pending::<Infallible>().await
        };
        let serving = scheduler::serve(&app, turn, &options, (&channels, page), &lines, &wake, &session.cancel);
        tokio::pin!(serving);
        tokio::select! {
            // What ends because it is told to is not done with before systemd knows.
            biased;
            () = session.cancel.cancelled() => {
                notify("STOPPING=1");
                serving.await
            }
            ended = talking => {
                // Without the bot that was asked for it is not what was asked for.
                refused = ended.err();
                session.cancel.cancel();
                notify("STOPPING=1");
                serving.await
            }
            served = &mut serving => served,
            never = announcing => match never {},
        }
    };
    lines.clear();
    served?;
    refused.map_or_else(|| Ok(Outcome::streamed(0)), Err)
}

/// Says what a bot notes, and has health show what it cannot do.
fn noted_by_bot(lines: &Lines<'_>, troubles: &Troubles, about: About, noted: Noted) {
    const WHAT: &str = "talking over Telegram";
    lines.event(&match noted {
        Noted::DealtWith => Event::Update { about },
        Noted::RunAsked => Event::RunAsked { about },
        Noted::Trouble(text) => Event::Trouble { what: WHAT, text, about },
        Noted::OutOfReach(text) => {
            troubles.note(WHAT, text.clone());
            Event::Trouble { what: WHAT, text, about }
        }
        Noted::InReach => {
            troubles.over(WHAT);
            Event::Mended { what: WHAT }
        }
    });
}

/// The webhook the settings name.
fn webhook(session: &Session<'_>, app: &App) -> Result<Option<Webhook>, Failure> {
    let settings = &session.settings.notify;
    if settings.webhook.value.is_empty() {
        return Ok(None);
    }
    let secret = std::env::var(&settings.secret_env.value).ok().filter(|secret| !secret.is_empty());
    if let Some(secret) = &secret {
        let handle = crate::domain::redact::Handle::of_operator(&settings.secret_env.value);
        let _ = app.context.secrets.add(&handle, secret);
    }
    Ok(Some(Webhook::new(&settings.webhook.value, secret.map(Secret::new))?))
}

/// The program that works on one run: this one.
fn worker(app: &App) -> Vec<OsString> {
    let program = app.context.supervisor.first().cloned().unwrap_or_else(|| OsString::from("cgo"));
    vec![program, "work".into(), "--json".into()]
}

/// What of the command line a worker has to know: where store and settings are. Not as arguments, which others see.
fn variables(session: &Session<'_>) -> Vec<(String, String)> {
    let settings = session.settings;
    let mut variables = vec![(env::STORE.to_owned(), settings.store.value.clone())];
    if settings.config.source != Source::Default {
        variables.push((env::CONFIG.to_owned(), settings.config.value.display().to_string()));
    }
    variables
}

/// The unit that serves this store with these flags.
fn unit(session: &Session<'_>, args: &Serve) -> Result<Unit, Failure> {
    let settings = session.settings;
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Kind::Internal, format!("cannot tell where cgo is: {error}"), None))?;
    let mut arguments = vec!["serve".to_owned(), "--json".to_owned()];
    let defaults = (2, 60, Listen::At(SocketAddr::from(([127, 0, 0, 1], 7717))));
    if args.jobs != defaults.0 {
        arguments.extend(["--jobs".to_owned(), args.jobs.to_string()]);
    }
    if args.check_every != defaults.1 {
        arguments.extend(["--check-every".to_owned(), args.check_every.to_string()]);
    }
    match args.health {
        health if health == defaults.2 => {}
        Listen::Off => arguments.extend(["--health".to_owned(), "off".to_owned()]),
        Listen::At(address) => arguments.extend(["--health".to_owned(), address.to_string()]),
    }
    if let Some(url) = &args.public_url {
        arguments.extend(["--public-url".to_owned(), url.clone()]);
    }
    if args.telegram {
        arguments.push("--telegram".to_owned());
    }
    let mut variables = Vec::new();
    if settings.config.source != Source::Default {
        variables.push((env::CONFIG.to_owned(), settings.config.value.display().to_string()));
    }
    // A password has no place in a unit that everybody may read: it goes into the file of the environment.
    let store = &settings.store.value;
    if settings.store.source != Source::Default && crate::config::without_password(store) == *store {
        variables.push((env::STORE.to_owned(), store.clone()));
    }
    for (name, folder) in [(env::DATA, &settings.data), (env::CACHE, &settings.cache)] {
        if folder.source != Source::Default {
            variables.push((name.to_owned(), folder.value.display().to_string()));
        }
    }
    variables.extend(given(settings));
    // Projects that are made over a chat are below the data.
    let mut writes: Vec<PathBuf> = vec![settings.data.value.clone(), settings.cache.value.clone()];
    writes.extend(settings.config.value.parent().map(PathBuf::from));
    writes.extend(settings.identity.value.parent().map(PathBuf::from));
    // A file that was put into the home itself opens none of the rest of it.
    let home = std::env::var_os("HOME").map(PathBuf::from);
    writes.retain(|folder| home.as_ref().is_none_or(|home| !home.starts_with(folder)));
    writes.extend(store.strip_prefix("sqlite:").and_then(|path| PathBuf::from(path).parent().map(PathBuf::from)));
    writes.sort();
    writes.dedup();
    Ok(Unit { program, arguments, variables, account: crate::app::user(), writes })
}

/// The variables that say where the identity, the bot's token and the Bot API are, as far as they are set and hold no
/// secret. The address of a webhook often is one.
fn given(settings: &Settings) -> Vec<(String, String)> {
    // The unit has no folder of its own that a path could begin in.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let mut given = Vec::new();
    if matches!(settings.identity.source, Source::Variable(_)) {
        given.push((env::IDENTITY.to_owned(), whole(&settings.identity.value)));
    }
    if let Some(file) = std::env::var_os(TOKEN_FILE).filter(|file| !file.is_empty()) {
        given.push((TOKEN_FILE.to_owned(), whole(Path::new(&file))));
    }
    let api = &settings.telegram_api;
    if matches!(api.source, Source::Variable(_)) && crate::config::without_password(&api.value) == api.value {
        given.push((env::TELEGRAM_API.to_owned(), api.value.clone()));
    }
    given
}

/// Says what happens.
struct Lines<'a> {
    ui: &'a Ui,
    /// On a terminal: how it stands, in the last line.
    bar: Option<ProgressBar>,
    last: RefCell<String>,
}

impl<'a> Lines<'a> {
    fn new(ui: &'a Ui) -> Self {
        let bar = (ui.live && !ui.json).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            bar.with_style(ProgressStyle::with_template("{msg}").expect("a constant template"))
        });
        Self { ui, bar, last: RefCell::default() }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Says something on a line of its own. The mark has its colour already; what others wrote brings none.
    fn say(&self, mark: &str, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let line = format!("{} {mark} {text}", self.ui.tone_err(Tone::Faint, &clock()));
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.say(&line)),
            None => self.ui.say(&line),
        }
    }
}

/// The time of day, for lines that people read.
fn clock() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

fn with(text: Option<&String>) -> String {
    text.map(|text| format!(": {}", text.lines().next().unwrap_or_default())).unwrap_or_default()
}

/// What something is about, in words.
fn ids(about: &About) -> String {
    let named = [
        about.update.map(|update| format!("update {update}")),
        about.chat.map(|chat| format!("chat {chat}")),
        about.run.as_ref().map(|run| format!("run {run}")),
    ];
    let named: Vec<String> = named.into_iter().flatten().collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}

/// How a run stands that is not over well or badly, in words.
fn stands(status: &str) -> String {
    let what = match status {
        "waiting_input" => "an answer",
        "waiting_approval" => "an approval",
        "waiting_secret" => "a secret",
        "waiting_capacity" => "room on a server",
        other => return format!("is {other}"),
    };
    format!("waits for {what}")
}

impl Observer for Lines<'_> {
    fn event(&self, event: &Event) {
        if self.ui.json {
            let mut line = json!({ "at": jiff::Timestamp::now().to_string() });
            if let (Value::Object(line), Ok(Value::Object(fields))) = (&mut line, serde_json::to_value(event)) {
                line.extend(fields);
            }
            self.ui.answer(&line.to_string());
            return;
        }
        let (good, bad) = (self.ui.tone_err(Tone::Good, "✓"), self.ui.tone_err(Tone::Bad, "✗"));
        let (mark, said) = match event {
            Event::Started { pid, health: Some(at) } => (" ", format!("serving as process {pid}; http://{at}/health")),
            Event::Started { pid, health: None } => (" ", format!("serving as process {pid}")),
            Event::Talking { name, .. } => (good.as_str(), format!("talking as {name}")),
            Event::RunTaken { run, project, attempt } => {
                let project = project.as_ref().map(|project| format!(" {project}")).unwrap_or_default();
                let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                ("▸", format!("{run}{project}{again}"))
            }
            // Stages are what a person wants to see; the rest is in the JSON lines.
            Event::RunSays { run, what, text: Some(text), .. } if what == "node_started" => {
                (" ", format!("{run}  {text}"))
            }
            Event::RunSays { .. } | Event::Told { .. } | Event::Update { .. } | Event::RunAsked { .. } => return,
            Event::RunLeft { run, status: "succeeded", .. } => (good.as_str(), format!("{run} succeeded")),
            Event::RunLeft { run, status: "failed", text } => {
                (bad.as_str(), format!("{run} failed{}", with(text.as_ref())))
            }
            Event::RunLeft { run, status, text } => (" ", format!("{run} {}{}", stands(status), with(text.as_ref()))),
            Event::RunStuck { run, text } => {
                let why = with(text.as_ref());
                (bad.as_str(), format!("{run} is left to a person after several attempts{why}"))
            }
            Event::RunReady { run } => (" ", format!("{run} goes on")),
            Event::IncidentOpened { incident, title } => (bad.as_str(), format!("{title}  {incident}")),
            Event::IncidentClosed { incident, title } => (good.as_str(), format!("over: {title}  {incident}")),
            Event::Trouble { what, text, about } => (bad.as_str(), format!("{what}{}: {text}", ids(about))),
            Event::Mended { what } => (good.as_str(), format!("{what} works again")),
            Event::Stopping { running: 0 } => (" ", "stopping".to_owned()),
            Event::Stopping { running } => (" ", format!("stopping; {running} runs are put down")),
            Event::Stopped => (" ", "stopped".to_owned()),
        };
        self.say(mark, &said);
    }

    fn standing(&self, standing: &Standing) {
        let Some(bar) = &self.bar else { return };
        let Standing { running, queued, waiting, .. } = standing;
        let line = format!("{running} at work · {queued} queued · {waiting} waiting");
        if *self.last.borrow() != line {
            bar.set_message(self.ui.tone_err(Tone::Faint, &line));
            *self.last.borrow_mut() = line;
        }
    }
}

impl From<scheduler::Error> for Failure {
    fn from(error: scheduler::Error) -> Self {
        match error {
            scheduler::Error::Ops(error) => error.into(),
            other => Self::from_error(&other, std::error::Error::source(&other)),
        }
    }
}
