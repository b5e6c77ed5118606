//! One attempt: the conversation, its bounds and its end.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::super::event::CoderEvent;
use super::super::evidence::{self, Held};
use super::super::fault;
use super::super::runner::OnEvent;
use super::super::sandbox::{Sandbox, Stopped};
use super::super::verdict::{Evidence, Limit, Report, verdict};
use super::progress::{Mood, Progress};
use super::root::Root;
use super::rules::Rules;
use super::shell::Shell;
use super::tree::{Tree, Trouble};
use super::{Ask, AskError, CheckResult, Checks, Error, Finished, Task, calls, prompt, spoken};
use crate::exec::Exit;
use crate::llm::compact::compact;
use crate::llm::wire::text::request_tokens;
use crate::llm::{Finish, Message, Reply, Request, ToolCall, ToolSpec};

/// How long a conversation may get, in tokens, before it is made shorter unasked.
const LONG: u64 = 100_000;
/// How many answers in a row may break off, or hold nothing but calls that make no sense.
const BAD_ANSWERS: u32 = 3;
/// cgo's own folder, in the one of the attempt.
const OWN: &str = "cgo";
/// How many answers are left when the model is told so.
const NEARLY_OVER: u32 = 5;

impl<E: Debug> From<Trouble> for Error<E> {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Git(error) => error.into(),
            Trouble::Disk(path, source) => fault::Error::Folder { path, source }.into(),
            Trouble::Branch { branch, workspace, reason } => Self::Branch { branch, workspace, reason },
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) report: Option<Report>,
    pub(super) failed: Option<String>,
    pub(super) own_limit: Option<Limit>,
    pub(super) cancelled: bool,
    pub(super) checks: Option<bool>,
}

/// What follows a call.
pub(super) enum Step {
    /// The model gets this.
    Said(String),
    /// The call made no sense; the model gets this.
    Malformed(String),
    /// That was the end.
    Over(End),
}

/// An attempt under way.
pub(super) struct Session<'a, E: Debug> {
    pub(super) task: &'a Task,
    ask: &'a dyn Ask<E>,
    pub(super) checks: &'a dyn Checks<E>,
    pub(super) cancel: &'a CancellationToken,
    pub(super) on_event: OnEvent<'a>,
    pub(super) shell: Shell<'a>,
    pub(super) tree: Tree,
    pub(super) root: Root,
    pub(super) rules: Rules,
    /// Files whose text the model has seen.
    pub(super) known: BTreeSet<String>,
    pub(super) progress: Progress,
    messages: Vec<Message>,
    tools: Vec<ToolSpec>,
    turns: u32,
    pub(super) checked: Option<CheckResult>,
    /// The tree that passed the checks.
    pub(super) passed: Option<String>,
    pub(super) commits: Vec<String>,
    pub(super) last_words: String,
    /// How often the model said that it is done and was not.
    pub(super) not_done: u32,
    own: PathBuf,
}

/// The folders of an attempt: a home for what is run, and cgo's own.
fn folders<E: Debug>(folder: &Path) -> Result<[PathBuf; 2], Error<E>> {
    let folders = [folder.join("home"), folder.join(OWN)];
    for path in &folders {
        std::fs::create_dir_all(path).map_err(|source| fault::Error::Folder { path: path.clone(), source })?;
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
        // What a killed attempt was about to do counts no more.
        let _ = std::fs::remove_dir_all(task.folder.join(OWN));
        let [home, own] = folders(&task.folder)?;
        let own = own.canonicalize().map_err(|source| fault::Error::Folder { path: own, source })?;
        let tree = Tree::open(&task.workspace, &task.branch, &task.base, &own).await?;
        tree.restore().await?;
        let root = Root::open(tree.workspace())
            .map_err(|errno| fault::Error::Folder { path: task.workspace.clone(), source: errno.into() })?;
        let rules = Rules::of(&root);
        let files = tree.files().await?;
        let (first, known) = prompt::first(task, &root, &rules, &files);
        let messages = vec![Message::System { content: prompt::SYSTEM.to_owned() }, Message::User { content: first }];
        Ok(Self {
            task,
            ask,
            checks,
            cancel,
            on_event,
            shell: Shell::new(task, sandbox, tree.workspace(), home),
            tree,
            root,
            rules,
            known,
            progress: Progress::default(),
            messages,
            tools: calls::specs(),
            turns: 0,
            checked: None,
            passed: None,
            commits: Vec::new(),
            last_words: String::new(),
            not_done: 0,
            own,
        })
    }

    /// Works to the end, whatever it is; the tree is clean then.
    pub(super) async fn work(mut self) -> Result<Finished, Error<E>> {
        let ended = match self.converse().await {
            Ok(end) if end.own_limit.is_some() => self.save().await.map(|()| end),
            other => other,
        };
        self.tree.restore().await?;
        self.finish(ended?).await
    }

    async fn converse(&mut self) -> Result<End, Error<E>> {
        let mut bad_answers = 0;
        let mut shortened = false;
        while self.turns < self.task.max_turns {
            if self.cancel.is_cancelled() {
                return Ok(End { cancelled: true, ..End::default() });
            }
            let request = self.request();
            let answer = self.ask.ask(self.turns, &request).await;
            self.turns += 1;
            let reply = match answer {
                Err(AskError::Stop(error)) => return Err(Error::Stopped(error)),
                Err(AskError::TooLong { reason }) => {
                    let shorter = compact(&self.messages).filter(|_| !std::mem::replace(&mut shortened, true));
                    let Some(shorter) = shorter else { return Ok(self.gave_up(reason)) };
                    self.messages = shorter;
                    continue;
                }
                Err(AskError::CutOff { reason }) => {
                    bad_answers += 1;
                    if bad_answers >= BAD_ANSWERS {
                        return Ok(self.gave_up(reason));
                    }
                    self.broke_off();
                    continue;
                }
                // What broke off within a call looks whole at times.
                Ok(reply) if reply.finish == Finish::Length && !reply.tool_calls.is_empty() => {
                    bad_answers += 1;
                    if bad_answers >= BAD_ANSWERS {
                        return Ok(self.gave_up("its answers break off at the limit of tokens".to_owned()));
                    }
                    self.broke_off();
                    continue;
                }
                Ok(reply) => reply,
            };
            shortened = false;
            match self.take(&reply).await? {
                Taken::Over(end) => return Ok(end),
                Taken::Sense => bad_answers = 0,
                Taken::Nonsense(reason) => {
                    bad_answers += 1;
                    if bad_answers >= BAD_ANSWERS {
                        return Ok(self.gave_up(reason));
                    }
                }
            }
            match self.progress.turn() {
                Mood::Fine => {}
                Mood::Tell(words) => self.add(&words),
                Mood::Over(reason) => {
                    (self.on_event)(&CoderEvent::failed(&reason));
                    return Ok(End { own_limit: Some(Limit::Progress), ..End::default() });
                }
            }
            if self.task.max_turns - self.turns == NEARLY_OVER {
                self.add(&format!("{NEARLY_OVER} answers are left: bring the work to an end and call `finish`."));
            }
        }
        (self.on_event)(&CoderEvent::TurnLimit);
        Ok(End { own_limit: Some(Limit::Turns), ..End::default() })
    }

    fn request(&mut self) -> Request {
        let mut request = Request {
            agent: self.task.agent.clone(),
            model: self.task.model.clone(),
            temperature: self.task.temperature,
            max_tokens: self.task.max_tokens,
            messages: self.messages.clone(),
            tools: self.tools.clone(),
        };
        if request_tokens(&request) > LONG
            && let Some(shorter) = compact(&self.messages)
        {
            self.messages.clone_from(&shorter);
            request.messages = shorter;
        }
        request
    }

    fn gave_up(&mut self, reason: String) -> End {
        (self.on_event)(&CoderEvent::failed(&reason));
        End { failed: Some(reason), ..End::default() }
    }

    fn broke_off(&mut self) {
        let content = format!(
            "Your answer broke off at the limit of {} tokens, and nothing of it was used. Answer again with less at once: \
             one call, and large files in several edits.",
            self.task.max_tokens
        );
        self.messages.push(Message::User { content });
    }

    /// Says something to the model with the last thing it was told.
    fn add(&mut self, words: &str) {
        match self.messages.last_mut() {
            Some(Message::Tool { content, .. } | Message::User { content }) => {
                content.push_str("\n\n[cgo] ");
                content.push_str(words);
            }
            _ => self.messages.push(Message::User { content: words.to_owned() }),
        }
    }

    /// Carries out what an answer calls for, in its order.
    async fn take(&mut self, reply: &Reply) -> Result<Taken, Error<E>> {
        if let Some(text) = reply.content.as_deref().filter(|text| !text.trim().is_empty()) {
            (self.on_event)(&CoderEvent::text(text));
            text.clone_into(&mut self.last_words);
        }
        self.messages.push(reply.message());
        if reply.tool_calls.is_empty() {
            let spoken = reply.content.as_deref().filter(|_| reply.finish != Finish::Length).map(spoken::calls);
            if let Some(calls) = spoken.filter(|calls| !calls.is_empty()) {
                return self.take_spoken(&calls).await;
            }
            let content = "Nobody reads this. Go on with a tool; when the task is done call `finish`, when it cannot be \
                           done call `blocked`.";
            self.messages.push(Message::User { content: content.to_owned() });
            return Ok(Taken::Sense);
        }
        let mut taken = Taken::Sense;
        for (index, call) in reply.tool_calls.iter().enumerate() {
            let content = match self.one(call).await? {
                Step::Over(end) => return Ok(Taken::Over(end)),
                Step::Said(content) => {
                    taken = Taken::Sense;
                    content
                }
                Step::Malformed(content) => {
                    if index == 0 || matches!(taken, Taken::Nonsense(_)) {
                        taken = Taken::Nonsense(content.clone());
                    }
                    content
                }
            };
            self.messages.push(Message::Tool { call_id: call.id.clone(), name: call.name.clone(), content });
        }
        Ok(taken)
    }

    /// Carries out what an answer calls for in its text.
    async fn take_spoken(&mut self, calls: &[ToolCall]) -> Result<Taken, Error<E>> {
        let mut told = "Your text was read as calls of tools:".to_owned();
        for call in calls {
            match self.one(call).await? {
                Step::Over(end) => return Ok(Taken::Over(end)),
                Step::Said(content) | Step::Malformed(content) => {
                    let _ = write!(told, "\n\n`{}`: {content}", call.name);
                }
            }
        }
        self.messages.push(Message::User { content: told });
        Ok(Taken::Sense)
    }

    async fn one(&mut self, call: &ToolCall) -> Result<Step, Error<E>> {
        if self.cancel.is_cancelled() {
            return Ok(Step::Over(End { cancelled: true, ..End::default() }));
        }
        (self.on_event)(&CoderEvent::Tool { name: call.name.chars().take(60).collect() });
        let step = self.guarded(call).await?;
        if let Step::Said(content) | Step::Malformed(content) = &step {
            self.progress.called(&call.name, &call.arguments, content);
        }
        Ok(step)
    }

    /// Carries out a call; a bug in a tool is its result.
    async fn guarded(&mut self, call: &ToolCall) -> Result<Step, Error<E>> {
        let name = call.name.clone();
        match AssertUnwindSafe(self.carry_out(call)).catch_unwind().await {
            Ok(step) => step,
            Err(_) => Ok(Step::Said(format!("error: `{name}` failed inside cgo; try another way"))),
        }
    }

    async fn finish(self, end: End) -> Result<Finished, Error<E>> {
        let Held { branch, clean, objection } =
            evidence::repository(self.tree.workspace(), &self.task.branch, &self.task.base, &[], &self.own).await?;
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
            checks: end.checks.or((!self.commits.is_empty()).then_some(true)),
            objection,
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

/// What an answer came to.
enum Taken {
    Sense,
    /// None of its calls made sense.
    Nonsense(String),
    Over(End),
}
