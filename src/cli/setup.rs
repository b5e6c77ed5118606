//! cgo itself: first set-up, check-up, settings, completions, manual pages, exit codes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Tone, Ui, table};
use super::{Session, exit, grammar};
use crate::config::{Settings, words};
use crate::domain::diagnose::Kind;
use crate::ops::{agents, doctor, servers};
use crate::pipeline::coding;

/// The completions of a shell.
#[must_use]
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut grammar(), "cgo", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The manual page of cgo, or of one of its commands.
///
/// # Errors
/// When there is no such command.
pub fn man(path: &[String]) -> Result<String, Failure> {
    let mut root = grammar();
    root.build();
    let mut command = &root;
    for name in path {
        command = command.find_subcommand(name).ok_or_else(|| {
            Failure::usage(format!("there is no command `cgo {}`", path.join(" ")), "run `cgo --help` for the commands")
        })?;
    }
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command.clone().version(env!("CARGO_PKG_VERSION")))
        .render(&mut bytes)
        .map_err(|error| Failure::new(Kind::Internal, format!("the manual page cannot be written: {error}"), None))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What `cgo exit-codes` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExitCodes {
    codes: BTreeMap<u8, String>,
}

impl Default for ExitCodes {
    fn default() -> Self {
        Self { codes: exit::CODES.iter().map(|(code, meaning)| (*code, (*meaning).to_owned())).collect() }
    }
}

impl Answer for ExitCodes {
    const NAME: &'static str = "exit_codes";

    fn text(&self, _: &Ui) -> String {
        exit::listing()
    }
}

/// What `--show-settings` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SettingsListing {
    /// Each setting's value and source.
    settings: BTreeMap<String, Value>,
    /// The variables that are read, with their meaning.
    variables: BTreeMap<String, String>,
    #[serde(skip)]
    rows: Vec<(String, String, String)>,
}

impl SettingsListing {
    /// From the resolved settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            settings: settings.by_name().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect(),
            variables: crate::config::env::ALL
                .iter()
                .map(|(name, about)| ((*name).to_owned(), (*about).to_owned()))
                .collect(),
            rows: settings
                .rows()
                .into_iter()
                .map(|(name, value, source)| (name.to_owned(), value, words(source)))
                .collect(),
        }
    }
}

impl Answer for SettingsListing {
    const NAME: &'static str = "settings";

    fn text(&self, _: &Ui) -> String {
        let rows =
            self.rows.iter().map(|(name, value, source)| vec![name.clone(), value.clone(), source.clone()]).collect();
        let mut out = table(&["setting", "value", "source"], rows);
        out.push_str("\n\nVariables:\n");
        for (name, about) in crate::config::env::ALL {
            out.push_str(&format!("  {name:<26} {about}\n"));
        }
        out
    }
}

/// What `cgo init` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Initialised {
    store: String,
    data: String,
    cache: String,
    agents: usize,
    server: String,
    missing: Vec<String>,
}

impl Answer for Initialised {
    const NAME: &'static str = "init";

    fn text(&self, _: &Ui) -> String {
        let mut out = format!(
            "cgo is set up\n  store   {}\n  data    {}\n  cache   {}\n  agents  {}\n  server  {}\n",
            self.store, self.data, self.cache, self.agents, self.server
        );
        if self.missing.is_empty() {
            out.push_str("run `cgo project new \"a notes API with title and body\"`\n");
        } else {
            out.push_str(&format!("missing: {}; run `cgo doctor`\n", self.missing.join(", ")));
        }
        out
    }
}

/// `cgo init`: everything a first project needs, made now instead of on first use. May be repeated.
///
/// # Errors
/// When the store cannot be opened.
pub async fn init(session: &Session<'_>) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let agents = agents::list(&app.context).await?.len();
    let server = servers::local(&app.context).await?;
    let checks = doctor::check(&app.context, &session.cancel).await;
    Ok(Outcome::of(
        session.ui,
        &Initialised {
            store: app.context.store.url(),
            data: app.context.data.display().to_string(),
            cache: app.context.cache.display().to_string(),
            agents,
            server: server.handle,
            missing: checks.into_iter().filter(|check| check.needed && !check.ok).map(|check| check.name).collect(),
        },
    ))
}

/// What `cgo doctor` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Doctor {
    /// Each check.
    checks: Vec<doctor::Check>,
}

impl Answer for Doctor {
    const NAME: &'static str = "doctor";

    fn text(&self, ui: &Ui) -> String {
        let mut out = String::new();
        for check in &self.checks {
            let mark = match (check.ok, check.needed) {
                (true, _) => ui.tone(Tone::Good, "ok      "),
                (false, true) => ui.tone(Tone::Bad, "missing "),
                (false, false) => ui.tone(Tone::Notice, "optional"),
            };
            out.push_str(&format!("{mark}  {:<14} {}\n", check.name, check.found));
            if let Some(mend) = check.mend.as_ref().filter(|_| !check.ok) {
                out.push_str(&format!("                         → {mend}\n"));
            }
        }
        out
    }

    fn exit(&self) -> u8 {
        if self.checks.iter().any(|check| check.needed && !check.ok) { Kind::Preflight.exit_code() } else { 0 }
    }
}

/// `cgo doctor`: what cgo needs on this machine, and the command that mends what is missing. A store that cannot be
/// opened is one of the findings.
///
/// # Errors
/// Never; findings are an answer.
pub async fn doctor(session: &Session<'_>) -> Result<Outcome, Failure> {
    let mut checks = match session.app().await {
        Ok(app) => doctor::check(&app.context, &session.cancel).await,
        Err(failure) => {
            let app = crate::app::App::in_memory(session.settings).await?;
            let mut checks = doctor::check(&app.context, &session.cancel).await;
            if let Some(store) = checks.iter_mut().find(|check| check.name == doctor::STORE) {
                store.ok = false;
                store.found = failure.message;
                store.mend = failure.hint;
            }
            checks
        }
    };
    checks.extend(coding::look(&session.cancel).await);
    Ok(Outcome::of(session.ui, &Doctor { checks }))
}
