//! What differs from agent to agent: command line, settings, environment, and the words of its stream.
//!
//! Each adapter names the version its command line and vocabulary were checked against. An unknown event is no error
//! anywhere. Retries are cgo's: each adapter sets its agent's own to the least there is.

mod aider;
mod claude;
mod codex;
mod droid;
mod goose;
mod opencode;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::event::CoderEvent;
use crate::domain::provider::Wire;
use crate::exec::{self, Command};

/// The variable that holds the attempt's key where an agent lets cgo choose the name.
const KEY: &str = "CGO_MODEL_KEY";

/// The session of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// A new one; agents that let the caller name it get this name.
    New(String),
    /// One that ended.
    Resume(String),
}

/// What a start depends on.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The task.
    pub prompt: &'a str,
    /// The model, as the upstream names it.
    pub model: &'a str,
    /// The home, as the agent sees it.
    pub home: &'a Path,
    /// The workspace.
    pub workspace: &'a Path,
    /// The meter, with `/v1` for the OpenAI wire.
    pub base: &'a str,
    /// The attempt's key.
    pub key: &'a str,
    /// The most turns, where the agent counts them.
    pub turns: u32,
    /// New or resumed.
    pub session: &'a Session,
}

/// How an agent is started.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Launch {
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its variables.
    pub env: Vec<(&'static str, OsString)>,
    /// Files in its home.
    pub files: Vec<(PathBuf, String)>,
}

impl Launch {
    fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    fn file(mut self, path: &str, content: &Value) -> Self {
        self.files.push((path.into(), format!("{content:#}\n")));
        self
    }
}

/// Gets events.
pub type Say<'a> = &'a mut dyn FnMut(CoderEvent);

/// One kind of agent.
pub trait Adapter: Send + Sync {
    /// Its name in settings.
    fn name(&self) -> &'static str;
    /// Its program.
    fn program(&self) -> &'static str {
        self.name()
    }
    /// The version this adapter was checked against.
    fn checked_against(&self) -> &'static str;
    /// How it speaks to models.
    fn wire(&self) -> Wire {
        Wire::Openai
    }
    /// It can write a report and be resumed to do so; otherwise its commits have to do.
    fn can_report(&self) -> bool {
        true
    }
    /// Files of its own that it leaves in the workspace, as options of `git ls-files`; they are no work.
    fn litter(&self) -> &'static [&'static str] {
        &[]
    }
    /// How it is started.
    fn launch(&self, setup: &Setup<'_>) -> Launch;
    /// One JSON object of its stream.
    fn json(&self, event: &Value, say: Say<'_>);
    /// One line of its stream that is no JSON object.
    fn plain(&self, line: &str, say: Say<'_>) {
        let _ = (line, say);
    }
}

/// Every adapter.
#[must_use]
pub fn all() -> [&'static dyn Adapter; 6] {
    [&claude::Claude, &codex::Codex, &opencode::Opencode, &aider::Aider, &goose::Goose, &droid::Droid]
}

/// The adapter of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Adapter> {
    all().into_iter().find(|adapter| adapter.name() == name)
}

/// An agent on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version, as it says.
    pub version: String,
    /// The version the adapter was checked against.
    pub checked_against: &'static str,
}

impl Installed {
    /// It is the version the adapter was checked against.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.version == self.checked_against
    }
}

/// Asks the installed agent for its version; for `cgo doctor` and before an attempt.
///
/// # Errors
/// When it is not installed or does not say.
pub async fn detect(adapter: &dyn Adapter, cancel: &CancellationToken) -> Result<Installed, exec::Error> {
    let ask = Command::new(adapter.program()).arg("--version").deadline(Duration::from_secs(30));
    let output = exec::run_ok(&ask, cancel).await?;
    let text = output.stdout.text();
    Ok(Installed {
        version: version_in(&text).unwrap_or_default().to_owned(),
        checked_against: adapter.checked_against(),
    })
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<&str> {
    text.split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()))
}

/// A string in an event.
fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_agents_print() {
        for (text, wanted) in [
            ("2.1.329 (Claude Code)", "2.1.329"),
            ("codex-cli 0.169.0", "0.169.0"),
            ("aider 0.86.2", "0.86.2"),
            (" v1.18.33\n", "1.18.33"),
        ] {
            assert_eq!(version_in(text), Some(wanted));
        }
        assert_eq!(version_in("usage: x"), None);
    }

    #[test]
    fn no_key_is_among_the_arguments() {
        let session = Session::New("s".to_owned());
        let (home, workspace) = (Path::new("/home/agent"), Path::new("/w"));
        for adapter in all() {
            let (base, key) = ("http://127.0.0.1:1/v1", "cgo-attempt-key");
            let setup = Setup { prompt: "p", model: "m", home, workspace, base, key, turns: 9, session: &session };
            let launch = adapter.launch(&setup);
            let line = launch.args.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
            assert!(!line.contains("cgo-attempt-key"), "{}: {line}", adapter.name());
            assert!(
                launch.env.iter().any(|(_, value)| value.to_string_lossy().contains("cgo-attempt-key"))
                    || launch.files.iter().any(|(_, text)| text.contains("cgo-attempt-key")),
                "{}",
                adapter.name()
            );
        }
    }
}
