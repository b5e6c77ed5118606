//! One attempt of an agent at a task: start, listen, stop, ask for a report, gather evidence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rand::Rng as _;
use tokio_util::sync::CancellationToken;

use super::adapters::{Adapter, Session, Setup};
use super::event::{CoderEvent, Line, Reader};
use super::evidence::{self, Held};
use super::fault;
use super::meter::{Grant, Outcome, Standing};
use super::places::{Places, Raw};
use super::sandbox::{self, Job, Network, Ran, Sandbox, Stopped, Taken};
use super::verdict::{Evidence, Limit, Verdict, verdict};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::redact::Secrets;
use crate::exec::{self, Stream};

/// The longest task that fits among the arguments of a program, in bytes; a longer one becomes a file.
const ARGUMENT: usize = 100_000;

/// A task for an agent.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// A git worktree or clone on the branch.
    pub workspace: PathBuf,
    /// The branch, like `cgo/RUN/TASK`.
    pub branch: String,
    /// The commit it is at.
    pub base: String,
    /// What is to be done. How to commit and report is added.
    pub prompt: String,
    /// The model, as the upstream names it.
    pub model: String,
    /// The most turns, where the agent counts them.
    pub turns: u32,
    /// The task may be done without a change.
    pub may_change_nothing: bool,
    /// An empty folder for the agent's home, the raw stream and what cgo needs; kept for the reader.
    pub folder: PathBuf,
    /// What the agent's program needs beside the system, read-only.
    pub read_only: Vec<PathBuf>,
    /// What of the workspace it may read and not write.
    pub sealed: Vec<PathBuf>,
    /// What of it is empty to the agent.
    pub hidden: sandbox::Hidden,
    /// Where its program is found.
    pub path: Vec<PathBuf>,
    /// The limits.
    pub limits: sandbox::Limits,
    /// What is kept out of the raw stream.
    pub secrets: Secrets,
}

/// What an attempt came to.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What is known.
    pub evidence: Evidence,
    /// What follows from it, before cgo's own checks.
    pub verdict: Verdict,
    /// What the model cost.
    pub standing: Standing,
    /// The agent's own words at the end.
    pub last_words: String,
    /// Everything it wrote, without the attempt's key.
    pub raw: PathBuf,
    /// It was asked again for its report.
    pub resumed: bool,
}

/// Why there was no attempt.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent speaks to models in another way than the endpoint.
    #[error("coding agent `{agent}` cannot use this endpoint: it speaks another protocol")]
    Wire {
        /// The agent.
        agent: &'static str,
    },
    /// The attempt has nothing to stand on.
    #[error(transparent)]
    Fault(fault::Error),
}

impl<T: Into<fault::Error>> From<T> for Error {
    fn from(error: T) -> Self {
        Self::Fault(error.into())
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Wire { .. } => Kind::User,
            Self::Fault(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Wire { .. } => {
                Some(Advice::Do("choose a provider of the agent's protocol, or another agent".to_owned()))
            }
            Self::Fault(error) => error.advice(),
        }
    }
}

/// What was heard in one start.
#[derive(Default)]
struct Heard {
    session: Option<String>,
    denied: Vec<String>,
    failed: Option<String>,
    own_limit: Option<Limit>,
    last_words: String,
}

impl Heard {
    fn hear(&mut self, event: &CoderEvent) {
        match event {
            CoderEvent::Session { id } => self.session = Some(id.clone()),
            CoderEvent::Text { text } => self.last_words.clone_from(text),
            CoderEvent::Denied { what } => self.denied.push(what.clone()),
            CoderEvent::Failed { message } => self.failed = Some(message.clone()),
            CoderEvent::TurnLimit => self.own_limit = Some(Limit::Turns),
            CoderEvent::Budget => self.own_limit = Some(Limit::Budget),
            CoderEvent::Tool { .. } | CoderEvent::Retry | CoderEvent::Problem { .. } | CoderEvent::Finished => {}
        }
    }
}

/// Gets every event.
pub type OnEvent<'a> = &'a mut (dyn FnMut(&CoderEvent) + Send);

/// Makes one attempt. Nothing of the agent is left running when this returns.
///
/// May be cancelled, which is a verdict, or dropped. What the branch holds afterwards is in the evidence either way. An
/// agent that ends well without a report is asked for one, once.
///
/// # Errors
/// When there was no attempt.
pub async fn run(
    adapter: &dyn Adapter,
    attempt: &Attempt,
    sandbox: &Sandbox,
    grant: &Grant,
    cancel: &CancellationToken,
    on_event: OnEvent<'_>,
) -> Result<Finished, Error> {
    if adapter.wire() != grant.wire() {
        return Err(Error::Wire { agent: adapter.name() });
    }
    let nonce = format!("{:032x}", rand::rng().random::<u128>());
    let places = Places::make(attempt)?;
    let prompt = if adapter.can_report() { with_terms(&attempt.prompt, &nonce) } else { attempt.prompt.clone() };
    let mut raw = places.raw(grant.key().reveal(), &attempt.secrets)?;
    let start = Start { adapter, attempt, sandbox, grant, places: &places };
    let (mut ran, mut heard) = start.start(&prompt, &Session::New(uuid()), cancel, &mut raw, on_event).await?;
    let mut report = evidence::report(&attempt.workspace, &nonce);
    let before = grant.standing();
    // Whose model does not answer will not answer now.
    let answered = before.cap.is_none() && !matches!(before.last, Some((Outcome::Failed | Outcome::Cut, _)));
    let ended_well = ran.exit.is_some_and(exec::Exit::success) && heard.failed.is_none();
    let mut resumed = false;
    if adapter.can_report()
        && report.is_none()
        && ended_well
        && answered
        && let Some(session) = heard.session.clone()
    {
        resumed = true;
        let ask = format!("Report now: commit what is not committed, then {}", report_terms(&nonce));
        let (again, more) = start.start(&ask, &Session::Resume(session), cancel, &mut raw, on_event).await?;
        ran = again;
        heard = Heard { denied: [heard.denied, more.denied].concat(), ..more };
        report = evidence::report(&attempt.workspace, &nonce);
    }
    let Held { branch, clean, objection } = match sandbox.take_in(&start.ground(), &attempt.base, &places.own).await? {
        Taken::Whole => {
            let Attempt { workspace, branch, base, .. } = attempt;
            evidence::repository(workspace, branch, base, adapter.litter(), &places.own).await?
        }
        Taken::Not => Held::nothing(),
    };
    let standing = grant.standing();
    // The run was stopped for the cap, unless someone was faster.
    let cap = standing.cap.filter(|_| !cancel.is_cancelled());
    let evidence = Evidence {
        exit: ran.exit,
        stopped: if cancel.is_cancelled() { Some(Stopped::Cancelled) } else { ran.stopped },
        cap,
        last_request: standing.last,
        can_report: adapter.can_report(),
        report,
        branch,
        clean,
        may_change_nothing: attempt.may_change_nothing,
        denied: heard.denied,
        failed: heard.failed,
        own_limit: heard.own_limit,
        checks: None,
        objection,
    };
    let verdict = verdict(&evidence);
    Ok(Finished { evidence, verdict, standing, last_words: heard.last_words, raw: places.raw_file(), resumed })
}

fn with_terms(prompt: &str, nonce: &str) -> String {
    format!(
        "{prompt}\n\nCommit your work on the current branch of this git repository; do not switch branches, leave nothing \
         uncommitted. When you are finished, {}",
        report_terms(nonce)
    )
}

fn report_terms(nonce: &str) -> String {
    format!(
        "write the file {} with exactly this JSON: {{\"nonce\": \"{nonce}\", \"status\": \"done\" or \"blocked\", \
         \"summary\": \"what you did, or what stops you\"}}. git ignores that file.",
        evidence::REPORT
    )
}

fn uuid() -> String {
    let [a, b]: [u64; 2] = rand::rng().random();
    let (a, b) = (a & !0xf000 | 0x4000, b & !(3 << 62) | 2 << 62);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", a >> 32, a >> 16 & 0xffff, a & 0xffff, b >> 48, b & 0xffff_ffff_ffff)
}

struct Start<'a> {
    adapter: &'a dyn Adapter,
    attempt: &'a Attempt,
    sandbox: &'a Sandbox,
    grant: &'a Grant,
    places: &'a Places,
}

impl Start<'_> {
    async fn start(
        &self,
        prompt: &str,
        session: &Session,
        cancel: &CancellationToken,
        raw: &mut Raw,
        on_event: OnEvent<'_>,
    ) -> Result<(Ran, Heard), Error> {
        let job = self.job(prompt, session)?;
        let mut heard = Heard::default();
        // An agent that names its session after the caller's word may die before it says so.
        if let (Session::New(id), "claude" | "goose") = (session, self.adapter.name()) {
            heard.session = Some(id.clone());
        }
        let mut reader = Reader::default();
        let stop = cancel.child_token();
        let ran = {
            let mut on_line = |line: Line| {
                let mut say = |event: CoderEvent| {
                    heard.hear(&event);
                    on_event(&event);
                };
                match line {
                    Line::Json(event) => self.adapter.json(&event, &mut say),
                    Line::Plain(line) => self.adapter.plain(&line, &mut say),
                    Line::TooLong => {}
                }
            };
            let mut on_bytes = |stream: Stream, bytes: &[u8]| {
                raw.push(stream, bytes);
                if stream == Stream::Stdout {
                    reader.push(bytes, &mut on_line);
                }
            };
            let ran = {
                let run = self.sandbox.run(&job, &stop, &mut on_bytes);
                tokio::pin!(run);
                tokio::select! {
                    ran = &mut run => ran,
                    // The agent may go on asking for ever.
                    _ = self.grant.tripped() => { stop.cancel(); run.await }
                }?
            };
            reader.end(&mut on_line);
            ran
        };
        raw.flush();
        Ok((ran, heard))
    }

    fn job(&self, prompt: &str, session: &Session) -> Result<Job, Error> {
        let home = self.sandbox.home_of(&self.places.home);
        let long = format!("Do the task that is described in the file {}.", home.join("task.md").display());
        let write = |path: &Path, text: &str| {
            let path = self.places.home.join(path);
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            folder.and_then(|()| std::fs::write(&path, text)).map_err(|source| fault::Error::Folder { path, source })
        };
        let prompt = if prompt.len() > ARGUMENT {
            write(Path::new("task.md"), prompt)?;
            &long
        } else {
            prompt
        };
        let base = self.grant.base();
        let launch = self.adapter.launch(&Setup {
            prompt,
            model: &self.attempt.model,
            home,
            workspace: &self.attempt.workspace,
            base: &base,
            key: self.grant.key().reveal(),
            turns: self.attempt.turns,
            session,
        });
        // An agent that has run may have put links in their places, and has them anyway.
        if matches!(session, Session::New(_)) {
            for (path, text) in &launch.files {
                write(path, text)?;
            }
            // Some look here and, when they find nobody, write into the repository's settings.
            write(Path::new(".gitconfig"), "[user]\n\tname = cgo\n\temail = cgo@localhost\n")?;
        }
        let mut env: BTreeMap<_, _> = launch.env.into_iter().map(|(name, value)| (name.into(), value)).collect();
        for role in ["AUTHOR", "COMMITTER"] {
            env.insert(format!("GIT_{role}_NAME").into(), "cgo".into());
            env.insert(format!("GIT_{role}_EMAIL").into(), "cgo@localhost".into());
        }
        Ok(Job { program: self.adapter.program().into(), args: launch.args, env, ..self.ground() })
    }

    /// Where its programs run, without a program.
    fn ground(&self) -> Job {
        Job {
            program: OsString::new(),
            args: Vec::new(),
            workspace: self.attempt.workspace.clone(),
            home: self.places.home.clone(),
            git: Some(self.places.git.clone()),
            read_only: self.attempt.read_only.clone(),
            sealed: self.attempt.sealed.clone(),
            hidden: self.attempt.hidden.clone(),
            path: self.attempt.path.clone(),
            env: BTreeMap::new(),
            network: Network::Only(self.grant.address()),
            limits: self.attempt.limits.clone(),
        }
    }
}
