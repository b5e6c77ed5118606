//! An agent that is a program of its own: it reaches its model only through the metering proxy, and what it may spend
//! is put aside before it starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{adapter, attempt, needs};
use crate::coder::event::CoderEvent;
use crate::coder::fault;
use crate::coder::meter::{self, Caps, Meter, Terms, Upstream};
use crate::coder::runner::{self, Attempt};
use crate::coder::sandbox::{Hidden, Limits, Sandbox};
use crate::coder::verdict::{Class, Evidence};
use crate::domain::coder::Coder;
use crate::domain::diagnose::{Advice, Diagnose};
use crate::domain::money::Usd;
use crate::domain::provider::Price;
use crate::graph::engine::NodeError;
use crate::graph::progress::Failure;
use crate::llm::Usage;
use crate::ops;
use crate::ops::recorded::Recorded;
use crate::ops::worktrees::{self, Place as Worktree};
use crate::pipeline::executor::{Visit, stopped_by};
use crate::pipeline::meter::Reserved;

/// What one attempt works with.
pub struct Job<'a> {
    /// The backend.
    pub coder: Coder,
    /// The worktree.
    pub workspace: &'a Path,
    /// Its branch.
    pub branch: &'a str,
    /// The commit it is at.
    pub base: &'a str,
    /// What is to be done.
    pub prompt: String,
    /// A folder that is not there yet, for the agent's home and stream.
    pub folder: PathBuf,
    /// What the project's programs need beside the system.
    pub read_only: &'a [PathBuf],
    /// The project's environment, in the worktree.
    pub environment: PathBuf,
    /// Files of the worktree that are empty to the agent.
    pub hidden: Hidden,
    /// How many tasks are worked on at once, this one included: they divide what is left of the money.
    pub among: u64,
}

/// What is known afterwards.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// The evidence, without cgo's checks.
    pub evidence: Evidence,
    /// The agent's own words at the end.
    pub last_words: String,
}

/// An attempt as a cassette holds it: the program is not started again, its commits are made again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    done: Done,
    /// The model it was given.
    model: String,
    /// What it used of it.
    usage: Usage,
    /// Its commits, as a stream for [`worktrees::commit_again`].
    commits: String,
}

fn failed(error: &impl Diagnose) -> NodeError {
    let hint = error.advice().map(Advice::words);
    NodeError::Failed(Failure { hint, ..Failure::new(ops::explain(error), error.kind().exit_code()) })
}

/// Lets the agent make one attempt. A run on a cassette writes down there what came of it, and takes it from there
/// when it is told again. `key` is the attempt's.
///
/// # Errors
/// [`NodeError`] when there was none.
pub async fn run(
    visit: &Visit<'_>,
    sandbox: &Sandbox,
    at: &Worktree,
    job: Job<'_>,
    key: &str,
    cancel: &CancellationToken,
    note: &dyn Fn(&str),
) -> Result<Done, NodeError> {
    let source = visit.recorder.source();
    if !source.is_taped() {
        return Ok(attempt(visit, sandbox, job, cancel, note).await?.0);
    }
    let of = |error: ops::Error| attempt::failed(&error);
    let what = format!("attempt {key}");
    if let Some(told) = source.recorded(&what) {
        let missing = |_| of(Recorded::missing("write_code").into());
        let Told { done, model, usage, commits } = serde_json::from_str(&told).map_err(missing)?;
        worktrees::commit_again(at, &commits, cancel).await.map_err(of)?;
        if let Some(metered) = visit.metered() {
            metered.replayed(&model, &usage);
        }
        return Ok(done);
    }
    if source.replays() {
        return Err(of(Recorded::missing("write_code").into()));
    }
    let (done, model, usage) = attempt(visit, sandbox, job, cancel, note).await?;
    // What is kept out for a secret is on no cassette either.
    let secret = done.evidence.objection.as_ref().is_some_and(|objection| objection.class == Class::Secrets);
    let commits = if secret { String::new() } else { worktrees::commits_of(at, cancel).await.map_err(of)? };
    let told = Told { done, model, usage, commits };
    let told_text = serde_json::to_string(&told).expect("an attempt has text keys only");
    if let Some(handle) = visit.ops.secrets.redactor().find(told.commits.as_bytes()) {
        return Err(of(ops::Error::Usage {
            what: format!("the value of `{handle}` is in what the coder committed, so the run cannot be recorded"),
            hint: "run it without --record, or keep the secret out of the files the coder reads".to_owned(),
        }));
    }
    source.fact(&what, &told_text);
    Ok(told.done)
}

/// One attempt; the model it was given, and what it used of it.
async fn attempt(
    visit: &Visit<'_>,
    sandbox: &Sandbox,
    job: Job<'_>,
    cancel: &CancellationToken,
    note: &dyn Fn(&str),
) -> Result<(Done, String, Usage), NodeError> {
    let missing = || super::Error::NoModel { coder: job.coder, provider: visit.chosen.provider.name().to_owned() };
    let adapter = adapter(job.coder).ok_or_else(|| failed(&missing()))?;
    let metered = visit.metered().ok_or_else(|| failed(&missing()))?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let program = adapter.program();
    let needs = needs::of(program, &search, home.as_deref())
        .ok_or_else(|| failed(&super::Error::NotInstalled { coder: job.coder, program }))?;
    let language = visit.recorder.look(|progress| progress.state.language());
    let reserved = metered.reserve(&visit.chosen.model, most(&Caps::default()), job.among);
    let reserved = reserved.map_err(|stopped| stopped_by(stopped, language))?;
    visit.recorder.flush().await.map_err(NodeError::Journal)?;
    let settle = |usage: &meter::Usage, cost: u64| {
        let usage = Usage {
            input_tokens: usage.input,
            output_tokens: usage.output,
            cached_tokens: usage.cached,
            estimated: usage.estimated,
            ..Usage::default()
        };
        metered.settle(&reserved, &usage, Usd::from_billionths(cost));
        usage
    };
    let unused = |error: NodeError| {
        settle(&meter::Usage::default(), 0);
        error
    };
    std::fs::create_dir_all(&job.folder)
        .map_err(|source| unused(failed(&fault::Error::Folder { path: job.folder.clone(), source })))?;
    let proxy = Meter::start().await.map_err(|error| unused(failed(&error)))?;
    let grant = proxy.open(terms(visit, &reserved));
    let given = Attempt {
        workspace: job.workspace.to_owned(),
        branch: job.branch.to_owned(),
        base: job.base.to_owned(),
        prompt: job.prompt,
        model: reserved.model.clone(),
        turns: visit.agent.max_turns,
        may_change_nothing: false,
        folder: job.folder,
        read_only: needs.read_only.iter().chain(job.read_only).cloned().collect(),
        sealed: vec![job.environment.clone()],
        hidden: job.hidden,
        path: std::iter::once(job.environment.join("bin")).chain(needs.path).collect(),
        limits: Limits::default(),
        secrets: visit.ops.secrets.clone(),
    };
    // What it says is told from the task that polls it, never from the one that reads.
    let (said, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let mut on_event = |event: &CoderEvent| {
        if let Some(line) = event.line() {
            let _ = said.send(line);
        }
    };
    let running = runner::run(adapter, &given, sandbox, &grant, cancel, &mut on_event);
    tokio::pin!(running);
    let finished = loop {
        tokio::select! {
            finished = &mut running => break finished,
            Some(line) = hear.recv() => note(&line),
        }
    };
    let standing = grant.standing();
    let usage = settle(&standing.usage, standing.cost);
    let finished = finished.map_err(|error| failed(&error))?;
    let done = Done { evidence: finished.evidence, last_words: finished.last_words };
    Ok((done, reserved.model.clone(), usage))
}

fn most(caps: &Caps) -> Usd {
    Usd::from_billionths(caps.cost)
}

fn terms(visit: &Visit<'_>, reserved: &Reserved) -> Terms {
    let endpoint = visit.chosen.tariff.as_ref().map(|tariff| tariff.endpoint.clone());
    let endpoint = endpoint.expect("who pays has an endpoint");
    let key = endpoint.key_env.as_deref().and_then(visit.coders.variable).unwrap_or_default();
    Terms {
        upstream: Upstream { wire: endpoint.wire, base: endpoint.url, key: meter::Key::new(key.trim()) },
        models: vec![(reserved.model.clone(), price(reserved.price.unwrap_or_default()))],
        caps: Caps { cost: reserved.amount.billionths(), ..Caps::default() },
        observer: Arc::new(|_| {}),
        filter: Some(meter::egress(&visit.ops.secrets)),
    }
}

/// The price as the meter counts it.
fn price(price: Price) -> meter::Price {
    let input = price.input.dollars();
    meter::Price {
        input,
        cached: price.cached.map_or(input, Usd::dollars),
        cache_write: price.cache_write.map_or(input, Usd::dollars),
        output: price.output.dollars(),
    }
}
