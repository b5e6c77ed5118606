//! Running what a model wants run: in the sandbox, without network, bounded.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use regex_lite::Regex;
use tokio_util::sync::CancellationToken;

use super::super::sandbox::{self, Job, Limits, Network, Ran, Sandbox, Stopped};
use super::Task;
use super::calls::Run;
use super::tree::Moved;
use crate::exec::capture::lasting;

/// How long a command may take unless it asks for more, in seconds.
const PATIENCE: u64 = 120;
/// How much of its output is kept, in bytes: half from the beginning, half from the end.
const KEPT: usize = 16_000;
/// How much it may write, in bytes.
const WRITTEN: u64 = 32 << 20;
/// Says what is wrong with a file of Python.
const PYTHON: &str = "\
import ast, sys
try:
    ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])
except SyntaxError as error:
    print(f'line {error.lineno}: {error.msg}: {(error.text or str()).strip()}')
except ValueError as error:
    print(error)
";

/// A place to run commands.
pub(super) struct Shell<'a> {
    task: &'a Task,
    sandbox: &'a Sandbox,
    workspace: PathBuf,
    home: PathBuf,
}

impl<'a> Shell<'a> {
    pub(super) fn new(task: &'a Task, sandbox: &'a Sandbox, workspace: &Path, home: PathBuf) -> Self {
        Self { task, sandbox, workspace: workspace.to_owned(), home }
    }

    /// Runs a command, whatever comes of it, and tells it; and whether it moved the branch or left it, where only it
    /// saw that.
    pub(super) async fn run(&self, args: &Run, cancel: &CancellationToken) -> Result<(String, Moved), sandbox::Error> {
        let most = self.task.limits.wall;
        let wall = Duration::from_secs(args.timeout.unwrap_or(PATIENCE).max(1)).min(most);
        let shell = if Path::new("/bin/bash").exists() { "bash" } else { "sh" };
        // Both outputs in the order in which they were written.
        let script = format!("exec 2>&1\n{}", args.command);
        let ran = self.job(shell, vec!["-c".into(), script.into()], wall, cancel).await?;
        let moved = if ran.strayed { Moved::Yes } else { Moved::No };
        Ok((self.tell(&ran, wall), moved))
    }

    fn tell(&self, ran: &Ran, wall: Duration) -> String {
        let mut said = match (ran.exit, ran.stopped) {
            (Some(exit), _) => exit.to_string(),
            (None, stopped) => match stopped {
                Some(Stopped::Cancelled) | None => "cancelled".to_owned(),
                Some(Stopped::Wall) => format!("stopped after {} s: it takes too long", wall.as_secs()),
                Some(Stopped::Idle) => "stopped: it wrote nothing for too long".to_owned(),
                Some(Stopped::Output) => "stopped: it wrote too much".to_owned(),
                Some(Stopped::Processes) => "stopped: it had too many processes".to_owned(),
                Some(Stopped::Memory) => "stopped: it used too much memory".to_owned(),
                Some(Stopped::Disk) => "stopped: it put too much on the disk".to_owned(),
            },
        };
        let text = steady(&ran.stdout.text(), &self.workspace);
        if text.trim().is_empty() {
            said.push_str(", no output");
        } else {
            let _ = write!(said, "\n{}", text.trim_end());
        }
        said
    }

    /// What is wrong with the syntax of a file, where that can be found out.
    pub(super) async fn syntax(
        &self,
        path: &str,
        text: &str,
        cancel: &CancellationToken,
    ) -> Result<Option<String>, sandbox::Error> {
        let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
        match ending {
            Some("json") => {
                Ok(serde_json::from_str::<serde::de::IgnoredAny>(text).err().map(|error| error.to_string()))
            }
            Some("py" | "pyi") => {
                let args = vec!["-I".into(), "-c".into(), PYTHON.into(), path.into()];
                let ran = self.job("python3", args, Duration::from_secs(30), cancel).await?;
                let said = ran.stdout.text();
                let found = ran.exit.is_some_and(exec_ok) && !said.trim().is_empty();
                Ok(found.then(|| said.trim().to_owned()))
            }
            _ => Ok(None),
        }
    }

    async fn job(
        &self,
        program: &str,
        args: Vec<OsString>,
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<Ran, sandbox::Error> {
        let mut env: BTreeMap<OsString, OsString> = [
            ("CI", "1"),
            ("NO_COLOR", "1"),
            ("PAGER", "cat"),
            ("GIT_PAGER", "cat"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
            ("PYTEST_ADDOPTS", "-p no:cacheprovider --color=no"),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        env.extend(self.task.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let job = Job {
            program: program.into(),
            args,
            workspace: self.workspace.clone(),
            home: self.home.clone(),
            // Commits are made by cgo: what a command leaves in git lasts as long as the command.
            git: None,
            read_only: self.task.read_only.clone(),
            sealed: self.task.sealed.clone(),
            hidden: self.task.hidden.clone(),
            path: self.task.path.clone(),
            env,
            network: Network::None,
            limits: Limits { wall, idle: None, output: WRITTEN, keep: KEPT, ..self.task.limits.clone() },
        };
        self.sandbox.run(&job, cancel, &mut |_, _| ()).await
    }
}

fn exec_ok(exit: crate::exec::Exit) -> bool {
    exit.success()
}

/// Output without what differs from run to run and from machine to machine: the place of the workspace, colours, and
/// what [`lasting`] knows.
pub(super) fn steady(text: &str, workspace: &Path) -> String {
    static COLOURS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a constant that is tested"));
    let place = workspace.display().to_string();
    let text = text.replace(&format!("{place}/"), "").replace(&place, ".");
    lasting(&COLOURS.replace_all(&text, ""))
}

/// The beginning and the end of a text that is too long, in bytes.
pub(super) fn middle_out(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(limit / 3);
    let tail = text.ceil_char_boundary(text.len() - limit * 2 / 3);
    format!("{}\n… {} bytes left out …\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_the_same_wherever_and_however_fast_it_was_made() {
        let text =
            "\u{1b}[31mFAILED\u{1b}[0m /w/x/tests/test_a.py in /w/x\n2 failed in 0.31s\n3 passed in 62.10s (0:01:02)";
        assert_eq!(steady(text, Path::new("/w/x")), "FAILED tests/test_a.py in .\n2 failed in … s\n3 passed in … s");
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        let text = format!("first{}last", "я".repeat(500));
        let short = middle_out(&text, 100);
        assert!(short.starts_with("first") && short.ends_with("last") && short.len() < 150, "{short}");
        assert!(short.contains("bytes left out"));
        assert_eq!(middle_out("short", 100), "short");
    }
}
