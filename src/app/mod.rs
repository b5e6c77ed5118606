//! The composition root: the one place that knows which concrete parts the use cases work with.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::domain::coder::CoderChoice;
use crate::domain::ids::RunId;
use crate::domain::provider::ModelChoice;
use crate::domain::redact::{Handle, Mode, Secrets, dotenv};
use crate::domain::user::Person;
use crate::exec::identity;
use crate::github;
use crate::ops::agents::Cache;
use crate::ops::{self, Context};
use crate::pipeline::Ended;
use crate::pipeline::coding::Coders;
use crate::pipeline::meter::Budgets;
use crate::pipeline::models::{Models, Variable};
use crate::pipeline::runner::{self, Watch};
use crate::pipeline::traced::Traced;
use crate::remote;
use crate::store::Store;
use crate::telemetry::{self, Exporter};
use crate::vault::Vault;

/// Everything a front end needs.
pub struct App {
    /// What use cases work with.
    pub context: Context,
    /// Who answers for agents.
    pub models: Models,
    /// Who writes code.
    pub coders: Coders,
    /// Where spans go; none when nobody asked for them.
    pub telemetry: Option<telemetry::Settings>,
}

impl App {
    /// Opens the store the settings name.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(settings: &Settings) -> Result<Self, ops::Error> {
        let store = Store::open(&settings.store.value).await?;
        Ok(Self::with(store, settings))
    }

    /// The same parts around a store that forgets everything, for plans.
    ///
    /// # Errors
    /// When the store cannot be made.
    pub async fn in_memory(settings: &Settings) -> Result<Self, ops::Error> {
        let store = Store::open("sqlite::memory:").await?;
        Ok(Self::with(store, settings))
    }

    fn with(store: Store, settings: &Settings) -> Self {
        let secrets = secrets_of(settings);
        let program = std::env::current_exe().map_or_else(|_| OsString::from("cgo"), OsString::from);
        let user = user();
        let context = Context {
            store: store.without(secrets.clone()),
            data: settings.data.value.clone(),
            cache: settings.cache.value.clone(),
            holder: identity::me(),
            supervisor: vec![program, "supervise".into()],
            person: Person::operator(&user),
            user,
            github: github::Access::from_env(&settings.github_api.value, |name| std::env::var(name).ok()),
            approvers: settings.approvers.value.clone(),
            answer_within: settings.answer_within.value,
            source: ops::real(),
            secrets: secrets.clone(),
            vault: Vault::at(settings.identity.value.clone()),
            acme: settings.acme.authorities(),
            ports: settings.ports.value,
            agents: Arc::new(Cache::new(Duration::from_secs(settings.agent_cache_seconds.value))),
        };
        let choice = ModelChoice {
            provider: Some(settings.provider.value.clone()),
            model: Some(settings.model.value.clone()).filter(|model| !model.is_empty()),
            budget: Some(settings.budget.value),
            allow_unpriced: false,
        };
        let variable: Variable = |name| std::env::var(name).ok();
        let budgets = Budgets { project: settings.budget_project.value, day: settings.budget_day.value };
        let models = Models::new(&settings.providers, choice, variable, secrets).within(budgets);
        let coder = CoderChoice { coder: Some(settings.coder.value), sandbox: Some(settings.sandbox.value) };
        let coders = Coders::new(coder, settings.tasks_at_once.value.into(), variable);
        let telemetry = telemetry::Settings::read(|name| std::env::var(name).ok());
        Self { context, models, coders, telemetry }
    }

    /// Drives a run as [`runner::drive`] does, with spans where they are wanted. The text says what of them was lost;
    /// nothing about a run depends on them.
    pub async fn drive(
        &self,
        run: &RunId,
        watch: &dyn Watch,
        cancel: &CancellationToken,
    ) -> (Result<Ended, runner::Error>, Option<String>) {
        let exporter = match self.telemetry.as_ref().map(Exporter::start) {
            Some(Ok(exporter)) => exporter,
            refused => {
                let ended = runner::drive(&self.context, &self.models, &self.coders, run, watch, cancel).await;
                return (ended, refused.and_then(Result::err));
            }
        };
        let traced = Traced::begin(watch, &exporter, run);
        let ended = runner::drive(&self.context, &self.models, &self.coders, run, &traced, cancel).await;
        traced.end(&ended);
        (ended, exporter.finish().await)
    }
}

/// What this process knows to be secret from the start: the keys of providers, what in its environment has the name or
/// the looks of a secret, and the password of the store.
fn secrets_of(settings: &Settings) -> Secrets {
    let secrets = Secrets::new(if settings.strict_secrets.value { Mode::Strict } else { Mode::Replace });
    for (name, value) in std::env::vars() {
        // The public half of a server's key is called a key, and is no secret.
        if name == crate::config::env::SSH_HOST_KEY {
            continue;
        }
        let told = if dotenv::says_so(&name) { Some(value.as_str()) } else { dotenv::password(&value) };
        if let Some(secret) = told.filter(|secret| !secret.starts_with('/') && !dotenv::is_word(secret)) {
            // What is too short is not looked for, as `redact` says.
            let _ = secrets.add(&Handle::of_operator(&name), secret);
        }
    }
    if let Some(password) = dotenv::password(&settings.store.value) {
        let _ = secrets.add(&Handle::of_operator("store-password"), password);
    }
    secrets
}

/// The system account that works here, as the system knows it: a variable of the environment is only a claim.
#[must_use]
pub fn user() -> String {
    let id = rustix::process::geteuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(id.as_str())).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("account {id}"))
}

/// Keeps one application running until it is told to stop.
///
/// # Errors
/// When the folder is not an application's, or another supervisor has it.
pub fn supervise(folder: &Path) -> Result<(), ops::Error> {
    Ok(remote::process::supervise(folder)?)
}
