//! The command line front end: arguments in, answers and exit codes out.
//!
//! Each noun has its file; [`args`] is the grammar, [`outcome`] what a command comes to, [`ui`] how it is said,
//! [`exit`] the one list of exit codes. Nothing is decided here that another front end would have to decide too.

pub mod agent;
pub mod agent_answers;
pub mod args;
mod audit;
mod chats;
mod ci;
pub mod cost;
pub mod deploy;
pub mod exit;
pub mod explain;
mod given;
pub mod incidents;
mod lock;
mod operate;
pub mod outcome;
pub mod progress;
pub mod project;
pub mod project_new;
mod project_update;
pub mod prompt;
pub mod provision;
pub mod run;
pub mod run_answers;
pub mod schema;
pub mod secrets;
pub mod serve;
pub mod servers;
pub mod setup;
pub mod spec;
pub mod ui;
pub mod users;
pub mod watch;
mod work;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::{Flags, Settings};
use crate::domain::diagnose::Kind;
use args::{Cli, Command, Global, Project};
use outcome::{Failure, Outcome};
use ui::Ui;

/// What a command works with.
pub struct Session<'a> {
    /// How to talk.
    pub ui: &'a Ui,
    /// The resolved settings.
    pub settings: &'a Settings,
    /// Cancelled at the first interrupt.
    pub cancel: CancellationToken,
}

impl Session<'_> {
    /// Opens the store and everything behind it.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn app(&self) -> Result<App, Failure> {
        let app = App::open(self.settings).await?;
        self.ui.hide(&app.context.secrets);
        Ok(app)
    }
}

/// Runs the command line to its end.
#[must_use]
pub fn main() -> ExitCode {
    // Asked for by scripts before anything else, and answered without the grammar.
    if std::env::args_os().skip(1).eq(["--version"]) {
        let _ = writeln!(std::io::stdout(), "cgo {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let ui = Ui::new(&cli.global);
    let code = match run(cli, &ui) {
        Ok(outcome) => outcome.finish(&ui),
        Err(failure) => failure.finish(&ui),
    };
    ExitCode::from(code)
}

/// What clap has to say: help and version to standard output, wrong usage as an error.
fn refused(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if wants_json && error.use_stderr() {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let global = Global {
            json: true,
            quiet: false,
            no_color: true,
            yes: false,
            config: None,
            store: None,
            show_settings: false,
        };
        return ExitCode::from(Failure::usage(message, "run `cgo --help`").finish(&Ui::new(&global)));
    }
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Kind::Usage.exit_code() } else { 0 })
}

fn run(cli: Cli, ui: &Ui) -> Result<Outcome, Failure> {
    let flags = Flags { config: cli.global.config.clone(), store: cli.global.store.clone() };
    match cli.command {
        Some(Command::Completions { shell }) => return Ok(Outcome::raw(setup::completions(shell))),
        Some(Command::Man { command }) => return setup::man(&command).map(Outcome::raw),
        Some(Command::Supervise { folder }) => {
            crate::app::supervise(&folder)?;
            return Ok(Outcome::raw(String::new()));
        }
        Some(Command::ExitCodes) => return Ok(Outcome::of(ui, &setup::ExitCodes::default())),
        _ => {}
    }
    let settings = Settings::resolve(&flags, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
    if cli.global.show_settings {
        return Ok(Outcome::of(ui, &setup::SettingsListing::of(&settings)));
    }
    let Some(command) = cli.command else {
        return Err(Failure::usage("no command was given", "run `cgo --help`"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Internal, format!("cannot start: {error}"), None))?;
    let cancel = CancellationToken::new();
    let session = Session { ui, settings: &settings, cancel: cancel.clone() };
    let outcome = runtime.block_on(async {
        watch_interrupts(cancel);
        Box::pin(dispatch(&session, command)).await
    });
    runtime.shutdown_background();
    outcome
}

async fn dispatch(session: &Session<'_>, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Init => setup::init(session).await,
        Command::Doctor => setup::doctor(session).await,
        Command::Project(Project::New(new)) => Box::pin(project_new::new(session, *new)).await,
        Command::Project(Project::Update(update)) => Box::pin(project_update::update(session, *update)).await,
        Command::Project(project) => project::run(session, project).await,
        Command::Run(command) => Box::pin(run::run(session, command)).await,
        Command::Deploy(deploy) => Box::pin(deploy::run(session, deploy)).await,
        Command::Cost(cost) => cost::run(session, cost).await,
        Command::Servers(command) => servers::run(session, command).await,
        Command::Lock(command) => lock::run(session, command).await,
        Command::Audit { project } => audit::run(session, &project).await,
        Command::Incidents(command) => Box::pin(incidents::run(session, command)).await,
        Command::Secrets(command) => secrets::run(session, command).await,
        Command::Users(command) => users::run(session, command).await,
        Command::Serve(args) => Box::pin(serve::run(session, args)).await,
        Command::Work { run } => Box::pin(work::run(session, &run)).await,
        Command::Agent(agent) => agent::run(session, agent).await,
        Command::Spec(spec) => spec::run(session, spec),
        Command::Explain { id } => explain::run(session, &id).await,
        Command::Completions { .. } | Command::Man { .. } | Command::ExitCodes | Command::Supervise { .. } => {
            unreachable!("answered before the store is needed")
        }
    }
}

/// The first signal stops between two steps; a second one ends at once, and the run can be resumed. A terminal that
/// is closed stops between two steps too: it says so once itself and once more through the shell. Under `nohup`
/// nothing is stopped by that.
fn watch_interrupts(cancel: CancellationToken) {
    // Before anything is done: a command may be at work for a while before a task of its own has its turn.
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let mut hangup = if ignores_hangups() { None } else { signal(SignalKind::hangup()).ok() };
    tokio::spawn(async move {
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hung_up => {
                    cancel.cancel();
                    continue;
                }
            }
            if cancel.is_cancelled() {
                restore_cursor();
                std::process::exit(i32::from(Kind::Interrupted.exit_code()));
            }
            cancel.cancel();
        }
    });
}

/// Whether this process was started with SIGHUP ignored, as `nohup` does.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 << (SignalKind::hangup().as_raw_value() - 1) != 0)
}

/// Prompts hide the cursor; an interrupt must not leave it hidden.
pub fn restore_cursor() {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() {
        let _ = std::io::stderr().write_all(b"\x1b[?25h");
    }
}

/// The whole grammar, for completions and manual pages.
#[must_use]
pub fn grammar() -> clap::Command {
    Cli::command()
}
