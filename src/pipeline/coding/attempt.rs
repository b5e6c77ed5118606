//! One task: a worktree, a coder at work in it, and cgo's own look at what came of it.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::external::{self, Done};
use super::walls::Walled;
use super::{mode, native};
use crate::coder::sandbox::{Hidden, Sandbox};
use crate::coder::verdict::{Class, Objection, Upstream, Verdict, verdict};
use crate::domain::coder::{Coder, Walls};
use crate::domain::diagnose::{Advice, Diagnose};
use crate::domain::manifest::Manifest;
use crate::domain::names::AgentName;
use crate::domain::project::Project;
use crate::domain::spec::Spec;
use crate::domain::state::TestResults;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::graph::engine::NodeError;
use crate::graph::progress::Failure;
use crate::graph::recorder::Place;
use crate::ops::checks::{self, Checked, Sharing};
use crate::ops::worktrees::{self, Place as Worktree};
use crate::ops::{self, specs};
use crate::pipeline::executor::Visit;

/// How much of the checks' output a coder gets, in bytes.
const OUTPUT: usize = 12_000;

/// What one attempt came to, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// The commit that passed cgo's own checks.
    pub commit: Option<String>,
    /// What the next attempt has to mend.
    pub feedback: Option<String>,
    /// No further attempt by an agent makes sense.
    pub over: bool,
    /// In one line, for people.
    pub line: String,
}

/// Where a coder works.
pub struct Site<'a> {
    /// The worktree.
    pub at: Worktree,
    /// The sandbox.
    pub sandbox: &'a Sandbox,
    /// The project's environment in the worktree.
    pub environment: PathBuf,
    /// What is read beside the worktree and the system.
    pub read_only: Vec<PathBuf>,
    /// Files of secrets that the project holds: empty to whoever works here.
    pub hidden: Hidden,
    /// The spec, as text.
    pub spec: Option<String>,
    /// Names it in the run, wherever that happens.
    key: String,
    /// How often it was examined.
    examined: Cell<u32>,
    /// The project, with the worktree as its folder.
    here: Project,
    context: &'a ops::Context,
    /// The checks, as the project lists them: what the worktree says of them is the coder's word.
    manifest: &'a Manifest,
}

impl Site<'_> {
    /// Runs the project's checks on the files as they are, behind the walls. Generated files must be what the spec
    /// makes of them.
    ///
    /// # Errors
    /// [`NodeError`] when the work was interrupted or a check cannot be prepared.
    pub async fn examine(
        &self,
        commit: &str,
        note: &dyn Fn(&str),
        cancel: &CancellationToken,
    ) -> Result<Checked, NodeError> {
        let edited = match specs::generate(&self.at.folder, true, true) {
            Ok(generated) => generated.changes,
            Err(error) => vec![ops::explain(&error)],
        };
        if !edited.is_empty() {
            let reason = format!(
                "generated files are not as the spec makes them ({}); change the spec or write beside them",
                edited.join(", ")
            );
            return Ok(Checked::CouldNotTest { reason, tail: Vec::new() });
        }
        // The coder may have changed what the project depends on; installers do what a lock file says.
        match checks::foreign_requirement(&self.at.folder) {
            Ok(None) => {}
            Ok(Some(line)) => {
                let reason = format!(
                    "a lock file may only pin published packages, each by its version and hash, and holds `{line}`"
                );
                return Ok(Checked::CouldNotTest { reason, tail: Vec::new() });
            }
            Err(error) => return Ok(Checked::CouldNotTest { reason: ops::explain(&error), tail: Vec::new() }),
        }
        let installed = checks::install(self.context, &self.here, Sharing::Nothing, note, cancel).await;
        installed.map_err(|error| failed(&error))?;
        let time = self.examined.replace(self.examined.get() + 1);
        let checked = self.look(commit, note, cancel).await?;
        Ok(checked.as_recorded(&*self.context.source, &format!("checks {time} of {}", self.key)))
    }

    /// Runs the project's checks on the files as they are, behind the walls.
    ///
    /// # Errors
    /// [`NodeError`] when the work was interrupted or a check cannot be prepared.
    pub async fn look(
        &self,
        commit: &str,
        note: &dyn Fn(&str),
        cancel: &CancellationToken,
    ) -> Result<Checked, NodeError> {
        let ground = Walled {
            sandbox: self.sandbox,
            workspace: &self.at.folder,
            read_only: &self.read_only,
            sealed: &self.environment,
            hidden: &self.hidden,
        };
        let looked = checks::look(self.manifest, &self.at.folder, commit, &ground, note, cancel).await;
        looked.map_err(|error| failed(&error))
    }
}

/// What an operation's error means for the visit.
#[must_use]
pub fn failed(error: &ops::Error) -> NodeError {
    match crate::pipeline::tools::ToolError::of(error) {
        crate::pipeline::tools::ToolError::Node(error) => error,
        crate::pipeline::tools::ToolError::Refused(_, failure) => NodeError::Failed(failure),
    }
}

/// What work on a project's code shares.
pub struct Work<'a> {
    pub(super) visit: &'a Visit<'a>,
    /// The backend of this run.
    pub coder: Coder,
    walls: Walls,
    pub(super) project: &'a Project,
    manifest: Manifest,
    spec: Option<&'a Spec>,
    pub(super) cancel: &'a CancellationToken,
    /// How many tasks of the visit have not ended.
    open: Cell<usize>,
}

impl<'a> Work<'a> {
    /// Work on a project in a visit, by the backend and behind the walls of its run.
    ///
    /// # Errors
    /// When the project's manifest cannot be read.
    pub fn new(
        visit: &'a Visit<'a>,
        project: &'a Project,
        spec: Option<&'a Spec>,
        cancel: &'a CancellationToken,
    ) -> Result<Self, ops::Error> {
        let (here, walls) = visit.coders.of(visit.run.request.coders());
        // Another machine may have another one in its settings.
        let coder = visit.ops.source.fact("who writes code", here.as_str()).parse().unwrap_or(here);
        let manifest = ops::deploy::manifest(Path::new(&project.folder))?;
        Ok(Self { visit, coder, walls, project, manifest, spec, cancel, open: Cell::new(1) })
    }

    /// So many tasks are to be done in this visit.
    pub fn begin(&self, tasks: usize) {
        self.open.set(tasks);
    }

    /// One of them has ended, however it did.
    pub fn end_one(&self) {
        self.open.update(|open| open.saturating_sub(1));
    }

    /// The run's walls.
    ///
    /// # Errors
    /// [`NodeError::Blocked`] where this machine has none.
    pub async fn sandbox(&self) -> Result<Sandbox, NodeError> {
        Sandbox::open(mode(self.walls), self.cancel).await.map_err(|error| {
            let hint = error.advice().map(Advice::words);
            NodeError::Blocked(Failure { hint, ..Failure::new(error.to_string(), error.kind().exit_code()) })
        })
    }

    /// A worktree with its dependencies, ready for work and checks. `key` names it in the run.
    ///
    /// # Errors
    /// [`NodeError`] when they cannot be had.
    pub async fn site<'s>(
        &'s self,
        at: Worktree,
        key: &str,
        sandbox: &'s Sandbox,
        note: &dyn Fn(&str),
    ) -> Result<Site<'s>, NodeError> {
        let here = Project { folder: at.folder.display().to_string(), ..self.project.clone() };
        let installed = checks::install(self.visit.ops, &here, Sharing::Nothing, note, self.cancel).await;
        let installed = installed.map_err(|error| failed(&error))?;
        let secrets = worktrees::veil(&at, self.cancel).await.map_err(|error| failed(&error))?;
        let spec = self.spec.map(|spec| {
            specs::texts(spec).into_iter().fold(String::new(), |mut all, (path, text)| {
                let _ = write!(all, "# {path}\n{text}");
                all
            })
        });
        Ok(Site {
            sandbox,
            environment: installed.environment,
            read_only: vec![installed.python],
            hidden: Hidden::of(&at.folder, &secrets),
            spec,
            key: key.to_owned(),
            examined: Cell::new(0),
            here,
            context: self.visit.ops,
            manifest: &self.manifest,
            at,
        })
    }

    /// Makes one attempt at a task, beginning at a commit.
    ///
    /// # Errors
    /// [`NodeError`] when the visit cannot go on.
    pub async fn attempt(
        &self,
        task: &Task,
        base: &str,
        place: &Place,
        key: &str,
        note: &dyn Fn(&str),
    ) -> Result<Came, NodeError> {
        let sandbox = self.sandbox().await?;
        let at = worktrees::make(self.visit.ops, self.project, &self.visit.run.id, &task.id, base, self.cancel).await;
        let at = at.map_err(|error| failed(&error))?;
        let site = self.site(at, key, &sandbox, note).await?;
        let came = self.code(task, &site, place, key, note).await;
        let removed = worktrees::remove(self.project, &site.at, &CancellationToken::new()).await;
        let came = came?;
        removed.map_err(|error| failed(&error))?;
        Ok(came)
    }

    /// Runs the project's checks on its newest commit, in a worktree of it and behind the run's walls: what a coder
    /// wrote is no more trusted for being merged.
    ///
    /// # Errors
    /// [`NodeError`] when it could not be tried.
    pub async fn check(&self, note: &dyn Fn(&str)) -> Result<Checked, NodeError> {
        let of = |error| failed(&error);
        let head = match checks::newest(self.project, self.cancel).await.map_err(of)? {
            Ok(head) => head,
            Err(untested) => return Ok(untested),
        };
        let sandbox = self.sandbox().await?;
        let name = AgentName::parse("check").expect("a constant name");
        let (context, run) = (self.visit.ops, &self.visit.run.id);
        let at = worktrees::make(context, self.project, run, &name, &head, self.cancel).await.map_err(of)?;
        let looked = async {
            let site = self.site(at.clone(), "check", &sandbox, note).await?;
            site.look(&head, note, self.cancel).await
        };
        let looked = looked.await;
        let discarded = worktrees::discard(self.project, &at, &CancellationToken::new()).await;
        let looked = looked?;
        discarded.map_err(of)?;
        Ok(looked)
    }

    async fn code(
        &self,
        task: &Task,
        site: &Site<'_>,
        place: &Place,
        key: &str,
        note: &dyn Fn(&str),
    ) -> Result<Came, NodeError> {
        let run = worktrees::folder(self.visit.ops, &self.visit.run.id);
        let folder = run.join(format!("{}.attempt-{}", task.id, &key[..key.len().min(12)]));
        match std::fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(&ops::Error::Path { action: "remove", path: folder, source }));
            }
            _ => {}
        }
        let done = if self.coder == Coder::Native {
            let job =
                native::Job { text: text_of(task), feedback: task.feedback.clone(), effect: key.to_owned(), folder };
            native::run(self.visit, place, site, job, self.cancel, note).await?
        } else {
            let job = external::Job {
                coder: self.coder,
                workspace: &site.at.folder,
                branch: &site.at.branch,
                base: &site.at.base,
                prompt: prompt_of(task, &site.at.folder),
                folder,
                read_only: &site.read_only,
                environment: site.environment.clone(),
                hidden: site.hidden.clone(),
                among: self.open.get().min(self.visit.coders.at_once).try_into().unwrap_or(1),
            };
            external::run(self.visit, site.sandbox, &site.at, job, key, self.cancel, note).await?
        };
        self.judge(done, site, note).await
    }

    /// Believes nothing of it: the evidence first, then the project's checks, then both together.
    async fn judge(&self, done: Done, site: &Site<'_>, note: &dyn Fn(&str)) -> Result<Came, NodeError> {
        let Done { mut evidence, last_words } = done;
        let mut output = String::new();
        let first = verdict(&evidence);
        if let Verdict::Unverified(commit) | Verdict::Success(commit) = &first {
            let looked = site.examine(commit, note, self.cancel).await?;
            evidence.checks = Some(matches!(looked, Checked::Verified(_)));
            if let Checked::Verified(results) = &looked {
                evidence.objection = self.fewer(&site.at.base, results).await?;
            }
            output = match looked {
                Checked::Verified(_) => String::new(),
                Checked::Wrong { results, what } => format!("{what}\n{}", results.output),
                Checked::CouldNotTest { reason, tail } => format!("{reason}\n{}", tail.join("\n")),
            };
        }
        let came = |feedback: String, over: bool| Came {
            commit: None,
            line: feedback.lines().next().unwrap_or_default().to_owned(),
            feedback: Some(feedback),
            over,
        };
        let who = self.coder;
        Ok(match verdict(&evidence) {
            Verdict::Success(commit) => {
                let line = format!("done at {}", &commit[..commit.len().min(10)]);
                Came { commit: Some(commit), feedback: None, over: false, line }
            }
            Verdict::Cancelled => return Err(NodeError::Interrupted),
            Verdict::Failed(Class::Checks) | Verdict::Unverified(_) => {
                came(format!("the project's checks do not pass: {}", tail(&output)), false)
            }
            Verdict::Failed(class @ (Class::Secrets | Class::Forbidden | Class::Tests)) => {
                let words = evidence.objection.map(|objection| objection.words).unwrap_or_default();
                let said = format!("`{who}` failed: {}: {words}", class.words());
                came(format!("{said}\nIts commits count for nothing, and the next attempt begins without them."), false)
            }
            Verdict::Blocked(why) => came(format!("`{who}` says it cannot be done: {why}"), true),
            Verdict::UpstreamError(Upstream::Unauthorized) => {
                let (provider, tariff) = (self.visit.chosen.provider.name(), self.visit.chosen.tariff.as_ref());
                let hint = match tariff.and_then(|tariff| tariff.endpoint.key_env.as_deref()) {
                    Some(variable) => format!("set `{variable}` to a key that `{provider}` takes, then resume the run"),
                    None => format!("give provider `{provider}` a key (`key_env`), then resume the run"),
                };
                return Err(blocked(format!("the model of `{who}` does not accept the key"), hint));
            }
            Verdict::UpstreamError(Upstream::RateLimited | Upstream::Broken | Upstream::Cut) => {
                return Err(blocked(
                    format!("the model of `{who}` did not answer it"),
                    "look whether the provider works, then resume the run",
                ));
            }
            Verdict::UpstreamError(Upstream::Rejected) => {
                came(format!("the model of `{who}` refused its request: {}", tail(&last_words)), false)
            }
            Verdict::UpstreamError(Upstream::NoReport) => {
                came(format!("`{who}` ended without saying that the task is done"), false)
            }
            Verdict::NoWork => came(format!("`{who}` ended without a change"), false),
            Verdict::Denied => {
                came(format!("`{who}` was not allowed what it needed: {}", evidence.denied.join(", ")), false)
            }
            Verdict::Limit(limit) => came(format!("`{who}` ran into a limit: {}", limit.words()), false),
            Verdict::Failed(class) => came(format!("`{who}` failed: {}; {}", class.words(), tail(&last_words)), false),
        })
    }
}

impl Work<'_> {
    /// What is wrong when fewer tests pass than at the base, as far as anybody knows how many passed there.
    async fn fewer(&self, base: &str, now: &TestResults) -> Result<Option<Objection>, NodeError> {
        let of_run = self.visit.recorder.look(|progress| progress.state.test_results.clone());
        let mut before = of_run.filter(|results| results.commit == base);
        // What other runs have found is not on a cassette.
        if before.is_none() && !self.visit.ops.source.is_taped() {
            let known = checks::known(self.visit.ops, self.project, base, Timestamp(0)).await;
            before = known.map_err(|error| failed(&error))?;
        }
        Ok(before.and_then(|before| fewer(&before, now)))
    }
}

fn fewer(before: &TestResults, now: &TestResults) -> Option<Objection> {
    (now.passed < before.passed).then(|| Objection {
        class: Class::Tests,
        words: format!("{} tests pass, and {} did before", now.passed, before.passed),
    })
}

fn blocked(reason: String, hint: impl Into<String>) -> NodeError {
    NodeError::Blocked(Failure { hint: Some(hint.into()), ..Failure::new(reason, 1) })
}

/// The end of an output, which says the most.
fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(OUTPUT);
    &text[text.ceil_char_boundary(start)..]
}

/// What is to be done and when it is done.
fn text_of(task: &Task) -> String {
    let detail = if task.detail.is_empty() { String::new() } else { format!("\n\n{}", task.detail) };
    format!("{}{detail}\n\nIt is done when: {}", task.title, task.done_when)
}

/// The whole task for an agent that reads the rest from the files. It begins with words of cgo's: a title that begins
/// with a dash would be an option to programs that take the task as an argument.
fn prompt_of(task: &Task, folder: &Path) -> String {
    let mut text = format!("Task: {}", text_of(task));
    if folder.join("AGENTS.md").is_file() {
        text.push_str("\n\nRead AGENTS.md first: it says which files are generated and must not be edited.");
    }
    text.push_str(" Add or change tests for what you write, and run the project's linter and tests before you commit.");
    if let Some(feedback) = &task.feedback {
        text.push_str("\n\nWhat came of the work before:\n");
        text.push_str(feedback);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_tests_that_pass_than_before_are_objected_to() {
        let results = |passed, skipped| TestResults {
            passed,
            failed: 0,
            skipped,
            output: String::new(),
            commit: "c0ffee".to_owned(),
        };
        let objection = fewer(&results(5, 0), &results(4, 1)).expect("one is skipped now");
        assert_eq!((objection.class, &*objection.words), (Class::Tests, "4 tests pass, and 5 did before"));
        assert_eq!(fewer(&results(5, 0), &results(5, 3)), None);
        assert_eq!(fewer(&results(5, 0), &results(6, 0)), None);
    }

    #[test]
    fn a_title_that_begins_with_a_dash_is_no_option() {
        let task = Task {
            id: AgentName::parse("one").expect("a name"),
            title: "--help for every command".to_owned(),
            detail: String::new(),
            done_when: "its test passes".to_owned(),
            after: Vec::new(),
            status: crate::domain::task::TaskStatus::Open,
            attempts: 0,
            commit: None,
            feedback: None,
        };
        let prompt = prompt_of(&task, Path::new("/nowhere"));
        assert!(prompt.starts_with("Task: --help for every command\n\nIt is done when: its test passes"), "{prompt}");
    }
}
