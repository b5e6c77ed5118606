//! Setting up a server with a playbook of Ansible's instead of our own steps.
//!
//! The installed `ansible-playbook` gets an inventory with the pinned host key, an allow-listed environment, and variables
//! in a file for us alone, which is gone when it ends. A callback of ours tells what happens, a line of JSON each; what
//! `no_log` keeps back never reaches it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::apply::{Attempt, exclusively};
use super::{Error, Progress, Watch, reached, refused};
use crate::domain::names::ServerName;
use crate::domain::redact::Handle;
use crate::domain::server::{Server, ServerStatus};
use crate::domain::setup::Stand;
use crate::domain::user::Right;
use crate::exec::{self, Command, Stream};
use crate::ops::servers::inventory;
use crate::ops::{self, Context, users};

/// The callback.
const EVENTS: &str = include_str!("cgo_events.py");
/// An inventory script: what `cgo servers inventory` answers, asked once.
const INVENTORY: &str = "#!/bin/sh\ncase $1 in --list) exec cat \"${0%/*}/inventory.json\" ;; *) echo '{}' ;; esac\n";
/// How long a playbook may take.
const LIMIT: Duration = Duration::from_hours(2);
/// How long Ansible has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Play {
    /// The server.
    pub name: ServerName,
    /// The playbook.
    pub playbook: PathBuf,
    /// A file with its variables, as YAML or JSON: they are secrets.
    pub variables: Option<PathBuf>,
    /// Change nothing, only say what would change.
    pub check: bool,
    /// A person has looked: attempts are counted anew.
    pub again: bool,
}

/// What a playbook came to on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Played {
    /// Tasks that ran well, those that changed something included.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that did not apply.
    pub skipped: u32,
}

/// Runs a playbook on a server; returns what it came to, and where the server stands.
///
/// # Errors
/// [`Error`]: no Ansible, a playbook or variables that cannot be read, a task that failed, or none that was for the server.
pub async fn play(
    context: &Context,
    play: &Play,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<(Played, ServerStatus), ops::Error> {
    users::require(context, Right::Administer, None)?;
    let (server, _) = reached(context, &play.name).await?;
    let playbook = readable(&play.playbook)?;
    let variables = play.variables.as_deref().map(|path| variables(context, &server, path)).transpose()?;
    let work = async {
        if play.check {
            let played = run(context, &server, play, &playbook, variables.as_ref(), watch, cancel).await?;
            return Ok((played, server.status));
        }
        present(cancel).await?;
        let attempt = Attempt::of(context, &server.id, play.again).await?;
        match run(context, &server, play, &playbook, variables.as_ref(), watch, cancel).await {
            Ok(played) => Ok((played, attempt.succeeded(context, &server).await?)),
            Err(error) => Err(attempt.failed(context, &server, error).await?),
        }
    };
    exclusively(context, &server.handle, "a set-up", Box::pin(work)).await
}

fn unusable(path: &Path, reason: &dyn ToString) -> ops::Error {
    refused(Error::File { path: path.to_owned(), reason: reason.to_string() })
}

/// The playbook's whole path.
fn readable(path: &Path) -> Result<PathBuf, ops::Error> {
    let whole = fs::canonicalize(path).map_err(|error| unusable(path, &error))?;
    if whole.is_file() { Ok(whole) } else { Err(unusable(path, &"it is no file")) }
}

/// Whether Ansible is there, before an attempt is counted.
async fn present(cancel: &CancellationToken) -> Result<(), ops::Error> {
    let asked = Command::new("ansible-playbook").arg("--version").deadline(Duration::from_mins(1));
    match exec::run(&asked, cancel).await {
        Ok(_) => Ok(()),
        Err(exec::Error::NotFound { .. }) => Err(refused(Error::NoAnsible)),
        Err(other) => Err(other.into()),
    }
}

/// Reads variables, which are secrets from then on, wherever in them they stand.
fn variables(context: &Context, server: &Server, path: &Path) -> Result<Value, ops::Error> {
    let found = fs::metadata(path).map_err(|error| unusable(path, &error))?;
    if found.is_file() && found.mode() & 0o077 != 0 {
        return Err(crate::vault::Error::Open { path: path.to_owned() }.into());
    }
    let text = fs::read_to_string(path).map_err(|error| unusable(path, &error.kind()))?;
    // What the reader says may quote a value.
    let value: Value = serde_yaml::from_str(&text).map_err(|_| unusable(path, &"it is neither YAML nor JSON"))?;
    if !value.is_object() {
        return Err(unusable(path, &"it holds no names with values"));
    }
    hide(context, &server.handle, &value);
    Ok(value)
}

fn hide(context: &Context, server: &str, value: &Value) {
    match value {
        // One that is too short to be looked for is no secret that a line could betray by itself.
        Value::String(text) => _ = context.secrets.add(&Handle::new(server, "variable"), text),
        Value::Array(values) => values.iter().for_each(|value| hide(context, server, value)),
        Value::Object(values) => {
            for (name, value) in values {
                if let Value::String(text) = value {
                    _ = context.secrets.add(&Handle::new(server, name), text);
                }
                hide(context, server, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A folder for us alone, which is gone with its owner.
struct Private(PathBuf);

impl Private {
    /// Only one process sets up a server, so what is there was left by one that was killed.
    fn new(context: &Context, server: &Server) -> Result<Self, ops::Error> {
        let path = context.data.join("ansible").join(server.id.as_str());
        let made = match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::DirBuilder::new().recursive(true).mode(0o700).create(&path),
        };
        made.map_err(|source| ops::Error::Path { action: "make", path: path.clone(), source })?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf, ops::Error> {
        let path = self.0.join(name);
        let written = (|| {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(text.as_bytes())
        })();
        written.map_err(|source| ops::Error::Path { action: "write", path: path.clone(), source })?;
        Ok(path)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn run(
    context: &Context,
    server: &Server,
    play: &Play,
    playbook: &Path,
    variables: Option<&Value>,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Played, ops::Error> {
    let folder = Private::new(context, server)?;
    folder.write("inventory.json", &inventory::list(context).await?.to_string(), 0o600)?;
    let script = folder.write("inventory", INVENTORY, 0o700)?;
    folder.write("cgo_events.py", EVENTS, 0o600)?;
    let mut command = Command::new("ansible-playbook")
        .arg("-i")
        .arg(&script)
        .args(["--limit", &server.handle])
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_CALLBACK_PLUGINS", &folder.0)
        .env("ANSIBLE_STDOUT_CALLBACK", "cgo_events")
        .env("ANSIBLE_HOST_KEY_CHECKING", "True")
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_RETRY_FILES_ENABLED", "False")
        .env("ANSIBLE_INVENTORY_ENABLED", "script")
        .deadline(LIMIT)
        .grace(GRACE);
    if let Some(parent) = playbook.parent() {
        // Its roles and its ansible.cfg are found from there.
        command = command.directory(parent);
    }
    if let Some(agent) = std::env::var_os("SSH_AUTH_SOCK") {
        command = command.env("SSH_AUTH_SOCK", agent);
    }
    if let Some(variables) = variables {
        let path = folder.write("variables.json", &variables.to_string(), 0o600)?;
        command = command.arg("-e").arg(format!("@{}", path.display()));
    }
    if play.check {
        command = command.arg("--check");
    }
    command = command.arg("--").arg(playbook);

    let mut seen = Seen { server: &server.handle, open: false, failure: None, played: None, watch };
    let ran = exec::run_with(&command, cancel, &mut |stream, line| seen.line(stream, line)).await;
    let Seen { failure, played, open, watch, .. } = seen;
    if open {
        watch(Progress::Ended { state: None, why: String::new() });
    }
    let output = match ran {
        Ok(output) => output,
        Err(exec::Error::NotFound { .. }) => return Err(refused(Error::NoAnsible)),
        Err(other) => return Err(other.into()),
    };
    let name = server.handle.clone();
    let evidence: Vec<String> = output.stderr.last_lines(20);
    if let Some(Failure { host, task, message }) = failure {
        return Err(refused(Error::Playbook { name, host, task, message, evidence }));
    }
    if !output.exit.success() {
        return Err(refused(Error::Ansible { name, how: output.exit.to_string(), evidence }));
    }
    played.ok_or_else(|| {
        let how = format!("no play in it is for `{name}`");
        refused(Error::Ansible { name, how, evidence })
    })
}

struct Failure {
    host: String,
    task: String,
    message: String,
}

/// A line of the callback.
#[derive(Debug, Deserialize)]
struct Event {
    cgo: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    task: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    hosts: std::collections::BTreeMap<String, Played>,
}

/// What was told so far.
struct Seen<'a> {
    server: &'a str,
    /// A task was begun and has not ended.
    open: bool,
    /// The first failure that counts.
    failure: Option<Failure>,
    played: Option<Played>,
    watch: Watch<'a>,
}

impl Seen<'_> {
    fn line(&mut self, stream: Stream, line: &str) {
        if stream == Stream::Stderr {
            return;
        }
        let Ok(event) = serde_json::from_str::<Event>(line) else { return };
        match event.cgo.as_str() {
            "task" => {
                self.end(Some(Stand::Done), String::new());
                self.open = true;
                (self.watch)(Progress::Began { words: event.name });
            }
            "ok" => self.end(Some(Stand::Done), "as it was".to_owned()),
            "changed" => self.end(Some(Stand::Done), "changed".to_owned()),
            "skipped" => self.end(Some(Stand::Skipped), "does not apply".to_owned()),
            "ignored" => self.end(Some(Stand::Done), format!("failed, which does not matter: {}", event.message)),
            "failed" | "unreachable" => {
                self.end(None, event.message.clone());
                self.failure.get_or_insert(Failure { host: event.host, task: event.task, message: event.message });
            }
            "stats" => self.played = event.hosts.get(self.server).copied(),
            _ => {}
        }
    }

    fn end(&mut self, state: Option<Stand>, why: String) {
        if std::mem::take(&mut self.open) {
            (self.watch)(Progress::Ended { state, why });
        }
    }
}
