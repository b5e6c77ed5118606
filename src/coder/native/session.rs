//! One attempt: the conversation, its bounds and its end.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::event::CoderEvent;
use super::super::evidence;
use super::super::runner::OnEvent;
use super::super::sandbox::{Sandbox, Stopped};
use super::super::verdict::{Evidence, Limit, Report, verdict};
use super::tree::{Tree, Trouble};
use super::{Ask, AskError, CheckResult, Checks, Error, Finished, Task};
use crate::exec::Exit;
use crate::llm::{Message, Request};

impl<E: Debug> From<Trouble> for Error<E> {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Git(error) => Self::Git(error),
            Trouble::Disk(path, source) => Self::Folder { path, source },
            Trouble::Branch { branch, workspace, reason } => Self::Branch { branch, workspace, reason },
        }
    }
}

/// How an attempt ended.
#[derive(Default)]
struct End {
    report: Option<Report>,
    failed: Option<String>,
    own_limit: Option<Limit>,
    cancelled: bool,
    checks: Option<bool>,
}

/// An attempt under way.
pub(super) struct Session<'a, E: Debug> {
    task: &'a Task,
    ask: &'a dyn Ask<E>,
    checks: &'a dyn Checks<E>,
    sandbox: &'a Sandbox,
    cancel: &'a CancellationToken,
    on_event: OnEvent<'a>,
    tree: Tree,
    messages: Vec<Message>,
    turns: u32,
    checked: Option<CheckResult>,
    commits: Vec<String>,
    last_words: String,
}

/// The folders of an attempt: a home for what is run, and cgo's own.
fn folders<E: Debug>(folder: &Path) -> Result<[PathBuf; 2], Error<E>> {
    let folders = [folder.join("home"), folder.join("cgo")];
    for path in &folders {
        std::fs::create_dir_all(path).map_err(|source| Error::Folder { path: path.clone(), source })?;
    }
    Ok(folders)
}

impl<'a, E: Debug> Session<'a, E> {
    pub(super) async fn begin(
        task: &'a Task,
        ask: &'a dyn Ask<E>,
        checks: &'a dyn Checks<E>,
        sandbox: &'a Sandbox,
        cancel: &'a CancellationToken,
        on_event: OnEvent<'a>,
    ) -> Result<Self, Error<E>> {
        let [_, own] = folders(&task.folder)?;
        let tree = Tree::open(&task.workspace, &task.branch, &task.base, &own).await?;
        tree.restore().await?;
        let messages = vec![Message::User { content: task.text.clone() }];
        Ok(Self {
            task,
            ask,
            checks,
            sandbox,
            cancel,
            on_event,
            tree,
            messages,
            turns: 0,
            checked: None,
            commits: Vec::new(),
            last_words: String::new(),
        })
    }

    /// Works to the end, whatever it is; the tree is clean then.
    pub(super) async fn work(mut self) -> Result<Finished, Error<E>> {
        let ended = self.converse().await;
        self.tree.restore().await?;
        let end = ended?;
        self.finish(end).await
    }

    async fn converse(&mut self) -> Result<End, Error<E>> {
        while self.turns < self.task.max_turns {
            if self.cancel.is_cancelled() {
                return Ok(End { cancelled: true, ..End::default() });
            }
            let request = Request {
                agent: self.task.agent.clone(),
                model: self.task.model.clone(),
                temperature: self.task.temperature,
                max_tokens: self.task.max_tokens,
                messages: self.messages.clone(),
                tools: Vec::new(),
            };
            let answer = self.ask.ask(self.turns, &request).await;
            self.turns += 1;
            match answer {
                Ok(reply) => {
                    if let Some(text) = &reply.content {
                        (self.on_event)(&CoderEvent::text(text));
                        self.last_words.clone_from(text);
                    }
                    self.messages.push(reply.message());
                }
                Err(AskError::Stop(error)) => return Err(Error::Stopped(error)),
                Err(AskError::TooLong { reason } | AskError::CutOff { reason }) => {
                    return Ok(End { failed: Some(reason), ..End::default() });
                }
            }
        }
        (self.on_event)(&CoderEvent::TurnLimit);
        Ok(End { own_limit: Some(Limit::Turns), ..End::default() })
    }

    async fn finish(self, end: End) -> Result<Finished, Error<E>> {
        let scratch = self.task.folder.join("cgo");
        let (branch, clean) =
            evidence::repository(self.tree.workspace(), &self.task.branch, &self.task.base, &[], &scratch).await?;
        let evidence = Evidence {
            exit: Some(Exit::Code(0)),
            stopped: end.cancelled.then_some(Stopped::Cancelled),
            cap: None,
            last_request: None,
            can_report: true,
            report: end.report,
            branch,
            clean,
            may_change_nothing: self.task.may_change_nothing,
            denied: Vec::new(),
            failed: end.failed,
            own_limit: end.own_limit,
            checks: end.checks,
        };
        let verdict = verdict(&evidence);
        Ok(Finished {
            evidence,
            verdict,
            last_words: self.last_words,
            turns: self.turns,
            commits: self.commits,
            checks: self.checked,
        })
    }
}
