//! cgo's own tool loop with the developer's model: each question is recorded and paid for like those of the visit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::attempt::Site;
use super::external::Done;
use crate::coder::event::CoderEvent;
use crate::coder::native::{self, Ask, AskError, AskFuture, CheckFuture, CheckResult, Checks, Task};
use crate::coder::sandbox::Limits;
use crate::domain::diagnose::{Advice, Diagnose};
use crate::graph::engine::NodeError;
use crate::graph::progress::Failure;
use crate::graph::recorder::Place;
use crate::llm::Request;
use crate::ops;
use crate::ops::checks::Checked;
use crate::pipeline::executor::{Answer, Visit, Why};

/// The most answers of one attempt.
const TURNS: u32 = 80;
/// The most time one command of the model may take is that of the sandbox's wall, shortened to this.
const COMMAND: std::time::Duration = std::time::Duration::from_mins(10);

struct Model<'a> {
    visit: &'a Visit<'a>,
    place: &'a Place,
}

impl Ask<NodeError> for Model<'_> {
    fn ask<'a>(&'a self, turn: u32, request: &'a Request) -> AskFuture<'a, NodeError> {
        Box::pin(async move {
            match self.visit.ask(self.place, turn, request).await {
                Ok(Answer::Reply(reply)) => Ok(reply),
                Ok(Answer::Unusable { why: Why::TooLong, reason, .. }) => Err(AskError::TooLong { reason }),
                Ok(Answer::Unusable { why: Why::CutOff, reason, .. }) => Err(AskError::CutOff { reason }),
                Err(error) => Err(AskError::Stop(error)),
            }
        })
    }
}

struct Examine<'a, 'b> {
    site: &'a Site<'b>,
    note: &'a dyn Fn(&str),
    cancel: &'a CancellationToken,
}

impl Checks<NodeError> for Examine<'_, '_> {
    fn check(&self) -> CheckFuture<'_, NodeError> {
        Box::pin(async move {
            Ok(match self.site.examine("", self.note, self.cancel).await? {
                Checked::Verified(results) => CheckResult {
                    passed: true,
                    summary: format!("{} tests passed", results.passed),
                    output: String::new(),
                },
                Checked::Wrong { results, what } => {
                    CheckResult { passed: false, summary: what, output: results.output }
                }
                Checked::CouldNotTest { reason, tail } => {
                    CheckResult { passed: false, summary: reason, output: tail.join("\n") }
                }
            })
        })
    }
}

/// What cgo's own loop is told of a task.
pub struct Job {
    /// What is to be done.
    pub text: String,
    /// What came of the work before.
    pub feedback: Option<String>,
    /// The key of the attempt, for its commits.
    pub effect: String,
    /// A folder for the home of what is run.
    pub folder: PathBuf,
}

/// Lets the loop make one attempt.
///
/// # Errors
/// [`NodeError`] when there was none, or the model's answers stopped it.
pub async fn run(
    visit: &Visit<'_>,
    place: &Place,
    site: &Site<'_>,
    job: Job,
    cancel: &CancellationToken,
    note: &dyn Fn(&str),
) -> Result<Done, NodeError> {
    let source = visit.recorder.source();
    let task = Task {
        workspace: site.at.folder.clone(),
        branch: site.at.branch.clone(),
        base: site.at.base.clone(),
        text: job.text,
        spec: site.spec.clone(),
        feedback: job.feedback,
        agent: visit.agent.id.clone(),
        model: visit.chosen.model.clone(),
        temperature: visit.agent.temperature,
        max_tokens: visit.agent.max_tokens,
        max_turns: TURNS,
        may_change_nothing: false,
        at: source.is_taped().then(|| source.moment(format_args!("attempt {}", job.effect)).0.div_euclid(1000)),
        effect: Some(job.effect),
        folder: job.folder,
        read_only: site.read_only.clone(),
        sealed: vec![site.environment.clone()],
        hidden: site.hidden.clone(),
        path: vec![site.environment.join("bin")],
        env: BTreeMap::from([("VIRTUAL_ENV".into(), site.environment.clone().into())]),
        limits: Limits { wall: COMMAND, ..Limits::default() },
    };
    let (said, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let mut on_event = |event: &CoderEvent| {
        if let Some(line) = event.line() {
            let _ = said.send(line);
        }
    };
    let (model, examine) = (Model { visit, place }, Examine { site, note, cancel });
    let running = native::run(&task, &model, &examine, site.sandbox, cancel, &mut on_event);
    tokio::pin!(running);
    let finished = loop {
        tokio::select! {
            finished = &mut running => break finished,
            Some(line) = hear.recv() => note(&line),
        }
    };
    match finished {
        Ok(finished) => Ok(Done { evidence: finished.evidence, last_words: finished.last_words }),
        Err(native::Error::Stopped(error)) => Err(error),
        Err(error) => {
            let hint = error.advice().map(Advice::words);
            Err(NodeError::Failed(Failure { hint, ..Failure::new(ops::explain(&error), error.kind().exit_code()) }))
        }
    }
}
