//! Settings in layers: flag, `CGO_*` variable, user file, default. Each value keeps where it came from.
//!
//! Only reading is here; what the values mean is the business of who uses them. [`mod@env`] lists the variables.

mod certificates;
pub mod env;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::coder::{Coder, Walls};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::money::Usd;
use crate::domain::provider::{DEFAULT_BUDGET, Endpoint, OFFLINE};
use crate::domain::server::PortRange;
use crate::domain::time::Span;
pub use certificates::{AcmeFile, Certificates};

/// Tasks of a run that are worked on at once: each has a model, tests and a Python of its own.
const TASKS_AT_ONCE: u16 = 2;
/// GitHub's own API.
const GITHUB_API: &str = "https://api.github.com";
/// Telegram's own Bot API.
const TELEGRAM_API: &str = "https://api.telegram.org";

/// Where a value came from, strongest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A flag of this command.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// The user's file.
    File(PathBuf),
    /// Nobody set it.
    Default,
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// The settings of one invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The user's file, whether or not it exists.
    pub config: Sourced<PathBuf>,
    /// The store: a file's path, `sqlite:PATH` or `postgres://…`.
    pub store: Sourced<String>,
    /// Where releases, logs and the store live.
    pub data: Sourced<PathBuf>,
    /// Where dependencies are kept; may be deleted at any time.
    pub cache: Sourced<PathBuf>,
    /// The file with the identity that secrets are encrypted for. Away from the store: who copies one has not the other.
    pub identity: Sourced<PathBuf>,
    /// How long an agent's file is kept in memory by a process that stays, in seconds.
    pub agent_cache_seconds: Sourced<u64>,
    /// The provider of agents whose file names none.
    pub provider: Sourced<String>,
    /// The model of agents whose file names none; empty for the provider's own.
    pub model: Sourced<String>,
    /// What a run may spend on models before a person is asked.
    pub budget: Sourced<Usd>,
    /// The same for a project in all its runs; nothing for no such limit.
    pub budget_project: Sourced<Option<Usd>>,
    /// The same for all runs and trials of a day in UTC; nothing for no such limit.
    pub budget_day: Sourced<Option<Usd>>,
    /// How long a question or an approval stays open; nothing for as long as an answer takes.
    pub answer_within: Sourced<Option<Span>>,
    /// Who writes code that is not generated.
    pub coder: Sourced<Coder>,
    /// What keeps a coder from the rest of the machine.
    pub sandbox: Sourced<Walls>,
    /// How many tasks of a run are worked on at once.
    pub tasks_at_once: Sourced<u16>,
    /// The public ports that services get.
    pub ports: Sourced<PortRange>,
    /// The address of GitHub's API.
    pub github_api: Sourced<String>,
    /// The address of Telegram's Bot API.
    pub telegram_api: Sourced<String>,
    /// Who may approve and reject, by the names of system accounts; empty: whoever may open the store.
    pub approvers: Sourced<Vec<String>>,
    /// Whether a run fails when a secret would reach a model; else its handle goes in its place.
    pub strict_secrets: Sourced<bool>,
    /// How certificates are asked for.
    pub acme: Certificates,
    /// How `cgo serve` tells what happens.
    pub notify: Notify,
    /// Endpoints beside those cgo knows by name.
    pub providers: BTreeMap<String, Endpoint>,
}

/// How `cgo serve` tells what happens, beside chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notify {
    /// The address that gets every notice; empty for none.
    pub webhook: Sourced<String>,
    /// The variable with the secret that signs what is sent there.
    pub secret_env: Sourced<String>,
}

/// What the user's file says under `notify`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyFile {
    /// See [`Notify::webhook`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// See [`Notify::secret_env`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
}

/// The user's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserFile {
    /// See [`Settings::store`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// See [`Settings::data`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// See [`Settings::cache`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// See [`Settings::identity`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<PathBuf>,
    /// See [`Settings::agent_cache_seconds`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_cache_seconds: Option<u64>,
    /// See [`Settings::provider`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// See [`Settings::model`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// See [`Settings::budget`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// See [`Settings::budget_project`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_project: Option<Usd>,
    /// See [`Settings::budget_day`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_day: Option<Usd>,
    /// See [`Settings::answer_within`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_within: Option<Span>,
    /// See [`Settings::coder`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coder: Option<Coder>,
    /// See [`Settings::sandbox`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Walls>,
    /// See [`Settings::tasks_at_once`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_at_once: Option<u16>,
    /// See [`Settings::ports`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
    /// See [`Settings::github_api`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_api: Option<String>,
    /// See [`Settings::telegram_api`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telegram_api: Option<String>,
    /// See [`Settings::approvers`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// See [`Settings::strict_secrets`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict_secrets: Option<bool>,
    /// How certificates are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme: Option<AcmeFile>,
    /// See [`Settings::notify`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifyFile>,
    /// See [`Settings::providers`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, Endpoint>,
}

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--store`.
    pub store: Option<String>,
}

/// Why settings cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's file is there and cannot be read.
    #[error("cannot read the settings file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The user's file does not say what it should.
    #[error("the settings file `{path}` is wrong: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        reason: String,
    },
    /// A variable holds something else than it should.
    #[error("the variable {name} is `{value}`, which is not {wanted}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// There is no home folder to put anything in.
    #[error("no home folder: HOME is not set and neither is {0}")]
    NoHome(&'static str),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::Read { path, .. } | Self::Syntax { path, .. } => {
                Advice::Do(format!("mend `{}` or name another file with --config", path.display()))
            }
            Self::Variable { name, .. } => Advice::Do(format!("set {name} to another value or unset it")),
            Self::NoHome(name) => Advice::Do(format!("set HOME, or {name} to a folder cgo may write to")),
        })
    }
}

/// An environment, so that tests bring their own.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Resolves the settings of one invocation.
    ///
    /// # Errors
    /// [`Error`] naming the file or variable that is wrong.
    pub fn resolve(flags: &Flags, env: Env<'_>) -> Result<Self, Error> {
        let config = match (&flags.config, env(env::CONFIG)) {
            (Some(path), _) => Sourced { value: path.clone(), source: Source::Flag("--config") },
            (None, Some(path)) => Sourced { value: PathBuf::from(path), source: Source::Variable(env::CONFIG) },
            (None, None) => {
                Sourced { value: home(env, "XDG_CONFIG_HOME", ".config")?.join("config.yaml"), source: Source::Default }
            }
        };
        let file = read_user_file(&config.value, config.source != Source::Default)?;
        let from_file = Source::File(config.value.clone());
        let folder = |variable: &'static str, in_file: Option<PathBuf>, xdg: &'static str, fallback: &str| {
            Ok(match (env(variable), in_file) {
                (Some(path), _) => Sourced { value: PathBuf::from(path), source: Source::Variable(variable) },
                (None, Some(path)) => Sourced { value: path, source: from_file.clone() },
                (None, None) => Sourced { value: home(env, xdg, fallback)?, source: Source::Default },
            })
        };
        let data = folder(env::DATA, file.data, "XDG_DATA_HOME", ".local/share")?;
        let cache = folder(env::CACHE, file.cache, "XDG_CACHE_HOME", ".cache")?;
        let identity = match (env(env::IDENTITY), file.identity) {
            (Some(path), _) => Sourced { value: PathBuf::from(path), source: Source::Variable(env::IDENTITY) },
            (None, Some(path)) => Sourced { value: path, source: from_file.clone() },
            (None, None) => {
                let folder = home(env, "XDG_CONFIG_HOME", ".config")?;
                Sourced { value: folder.join("identity.txt"), source: Source::Default }
            }
        };
        let store = match (&flags.store, env(env::STORE), file.store) {
            (Some(url), _, _) => Sourced { value: url.clone(), source: Source::Flag("--store") },
            (None, Some(url), _) => Sourced { value: url, source: Source::Variable(env::STORE) },
            (None, None, Some(url)) => Sourced { value: url, source: from_file.clone() },
            (None, None, None) => {
                Sourced { value: format!("sqlite:{}", data.value.join("cgo.db").display()), source: Source::Default }
            }
        };
        let text = |variable: &'static str, in_file: Option<String>, default: &str| match (env(variable), in_file) {
            (Some(value), _) => Sourced { value, source: Source::Variable(variable) },
            (None, Some(value)) => Sourced { value, source: Source::File(config.value.clone()) },
            (None, None) => Sourced { value: default.to_owned(), source: Source::Default },
        };
        let provider = text(env::PROVIDER, file.provider, OFFLINE);
        let model = text(env::MODEL, file.model, "");
        let whole = "a whole number of seconds";
        let agent_cache_seconds =
            parsed(env, &config.value, env::AGENT_CACHE_SECONDS, file.agent_cache_seconds, 60, whole)?;
        let dollars = "an amount of US dollars";
        let budget = parsed(env, &config.value, env::BUDGET, file.budget, DEFAULT_BUDGET, dollars)?;
        let budget_project = optional(env, &config.value, env::BUDGET_PROJECT, file.budget_project, dollars)?;
        let budget_day = optional(env, &config.value, env::BUDGET_DAY, file.budget_day, dollars)?;
        let answer_within =
            optional(env, &config.value, env::ANSWER_WITHIN, file.answer_within, "a time such as 30m, 12h or 3d")?;
        let coder =
            parsed(env, &config.value, env::CODER, file.coder, Coder::default(), "one of the coders (see --help)")?;
        let sandbox = parsed(env, &config.value, env::SANDBOX, file.sandbox, Walls::default(), "bubblewrap or off")?;
        let tasks_at_once =
            parsed(env, &config.value, env::TASKS_AT_ONCE, file.tasks_at_once, TASKS_AT_ONCE, "a whole number")?;
        let ports = parsed(env, &config.value, env::PORTS, file.ports, PortRange::ALL, "a range such as 8000-8999")?;
        let github_api = text(env::GITHUB_API, file.github_api, GITHUB_API);
        let telegram_api = text(env::TELEGRAM_API, file.telegram_api, TELEGRAM_API);
        let approvers = match file.approvers {
            names if names.is_empty() => Sourced { value: names, source: Source::Default },
            names => Sourced { value: names, source: Source::File(config.value.clone()) },
        };
        let strict_secrets =
            parsed(env, &config.value, env::STRICT_SECRETS, file.strict_secrets, false, "true or false")?;
        let acme = Certificates::resolve(env, &config.value, file.acme.unwrap_or_default())?;
        let told = file.notify.unwrap_or_default();
        let secret_env = match told.secret_env {
            Some(name) => Sourced { value: name, source: Source::File(config.value.clone()) },
            None => Sourced { value: env::WEBHOOK_SECRET.to_owned(), source: Source::Default },
        };
        let notify = Notify { webhook: text(env::WEBHOOK, told.webhook, ""), secret_env };
        let providers = file.providers;
        Ok(Self {
            config,
            store,
            data,
            cache,
            identity,
            agent_cache_seconds,
            provider,
            model,
            budget,
            budget_project,
            budget_day,
            answer_within,
            coder,
            sandbox,
            tasks_at_once,
            ports,
            github_api,
            telegram_api,
            approvers,
            strict_secrets,
            acme,
            notify,
            providers,
        })
    }

    /// The settings as (name, value, source), in the order people read them.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String, &Source)> {
        let amount = |limit: Option<Usd>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let mut rows = vec![
            ("config", self.config.value.display().to_string(), &self.config.source),
            ("store", without_password(&self.store.value), &self.store.source),
            ("data", self.data.value.display().to_string(), &self.data.source),
            ("cache", self.cache.value.display().to_string(), &self.cache.source),
            ("identity", self.identity.value.display().to_string(), &self.identity.source),
            ("agent_cache_seconds", self.agent_cache_seconds.value.to_string(), &self.agent_cache_seconds.source),
            ("provider", self.provider.value.clone(), &self.provider.source),
            ("model", self.model.value.clone(), &self.model.source),
            ("budget", self.budget.value.to_string(), &self.budget.source),
            ("budget_project", amount(self.budget_project.value), &self.budget_project.source),
            ("budget_day", amount(self.budget_day.value), &self.budget_day.source),
            (
                "answer_within",
                self.answer_within.value.map(|span| span.to_string()).unwrap_or_default(),
                &self.answer_within.source,
            ),
            ("coder", self.coder.value.to_string(), &self.coder.source),
            ("sandbox", self.sandbox.value.to_string(), &self.sandbox.source),
            ("tasks_at_once", self.tasks_at_once.value.to_string(), &self.tasks_at_once.source),
            ("ports", self.ports.value.to_string(), &self.ports.source),
            ("github_api", without_password(&self.github_api.value), &self.github_api.source),
            ("telegram_api", without_password(&self.telegram_api.value), &self.telegram_api.source),
            ("approvers", self.approvers.value.join(" "), &self.approvers.source),
            ("strict_secrets", self.strict_secrets.value.to_string(), &self.strict_secrets.source),
            ("notify.webhook", shown_webhook(&self.notify.webhook.value), &self.notify.webhook.source),
        ];
        rows.extend(self.acme.rows(&self.config.source));
        if !self.providers.is_empty() {
            let names: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            rows.push(("providers", names.join(", "), &self.config.source));
        }
        rows
    }

    /// The settings by name, for JSON.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, Sourced<String>> {
        let rows = self.rows().into_iter();
        rows.map(|(name, value, source)| (name, Sourced { value, source: source.clone() })).collect()
    }
}

/// A webhook as people may see it: what follows its host is often a key.
fn shown_webhook(url: &str) -> String {
    let url = without_password(url);
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?))) {
        Some((scheme, (host, path))) if !path.is_empty() => format!("{scheme}://{host}/…"),
        _ => url,
    }
}

/// A value from a variable, the file or the default.
fn parsed<T: FromStr>(
    env: Env<'_>,
    config: &Path,
    name: &'static str,
    in_file: Option<T>,
    default: T,
    wanted: &'static str,
) -> Result<Sourced<T>, Error> {
    Ok(match (env(name), in_file) {
        (Some(text), _) => Sourced {
            value: text.parse().map_err(|_| Error::Variable { name, value: text, wanted })?,
            source: Source::Variable(name),
        },
        (None, Some(value)) => Sourced { value, source: Source::File(config.to_owned()) },
        (None, None) => Sourced { value: default, source: Source::Default },
    })
}

/// Like [`parsed`], where nothing is a value, too.
fn optional<T: FromStr>(
    env: Env<'_>,
    config: &Path,
    name: &'static str,
    in_file: Option<T>,
    wanted: &'static str,
) -> Result<Sourced<Option<T>>, Error> {
    Ok(match (env(name), in_file) {
        (Some(text), _) => {
            let value = text.parse().map_err(|_| Error::Variable { name, value: text, wanted })?;
            Sourced { value: Some(value), source: Source::Variable(name) }
        }
        (None, Some(value)) => Sourced { value: Some(value), source: Source::File(config.to_owned()) },
        (None, None) => Sourced { value: None, source: Source::Default },
    })
}

/// Where a value came from, for people.
#[must_use]
pub fn words(source: &Source) -> String {
    match source {
        Source::Flag(flag) => format!("flag {flag}"),
        Source::Variable(name) => format!("variable {name}"),
        Source::File(path) => format!("file {}", path.display()),
        Source::Default => "default".to_owned(),
    }
}

/// A URL with its password, if any, shown as stars.
#[must_use]
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:***@{host}{path}")
        }
        _ => url.to_owned(),
    }
}

fn home(env: Env<'_>, xdg: &'static str, fallback: &str) -> Result<PathBuf, Error> {
    let absolute = |path: &PathBuf| path.is_absolute();
    if let Some(folder) = env(xdg).map(PathBuf::from).filter(absolute) {
        return Ok(folder.join("cgo"));
    }
    env("HOME")
        .map(PathBuf::from)
        .filter(absolute)
        .map(|home| home.join(fallback).join("cgo"))
        .ok_or(Error::NoHome(xdg))
}

fn read_user_file(path: &Path, must_exist: bool) -> Result<UserFile, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => return Ok(UserFile::default()),
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    };
    if text.trim().is_empty() {
        return Ok(UserFile::default());
    }
    serde_yaml::from_str(&text)
        .map_err(|error| Error::Syntax { path: path.to_owned(), reason: error.without_snippet().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env_of<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_flag_beats_a_variable_and_both_are_named_as_the_source() {
        let env = env_of(&[("HOME", "/h"), ("CGO_STORE", "sqlite:/v.db")]);
        let flagged = Settings::resolve(&Flags { config: None, store: Some("sqlite:/f.db".to_owned()) }, &env).unwrap();
        assert_eq!(flagged.store, Sourced { value: "sqlite:/f.db".to_owned(), source: Source::Flag("--store") });
        let plain = Settings::resolve(&Flags::default(), &env).unwrap();
        assert_eq!(plain.store.source, Source::Variable("CGO_STORE"));
        assert_eq!(plain.data.value, Path::new("/h/.local/share/cgo"));
    }

    #[test]
    fn relative_xdg_folders_are_ignored_as_their_standard_says() {
        let env = env_of(&[("HOME", "/h"), ("XDG_DATA_HOME", "here")]);
        assert_eq!(Settings::resolve(&Flags::default(), &env).unwrap().data.value, Path::new("/h/.local/share/cgo"));
    }

    #[test]
    fn a_password_in_the_store_url_is_not_shown() {
        assert_eq!(without_password("postgres://u:p@ss@h:5432/db"), "postgres://u:***@h:5432/db");
        assert_eq!(without_password("sqlite:/a/b.db"), "sqlite:/a/b.db");
    }

    #[test]
    fn without_a_home_the_variable_that_helps_is_named() {
        let error = Settings::resolve(&Flags::default(), &env_of(&[])).unwrap_err();
        assert!(error.to_string().contains("HOME"), "{error}");
    }
}
