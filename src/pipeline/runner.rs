//! Takes a run up and drives it: lease, journal, graph, agents. One process at a time works on a run; what it leaves
//! behind, killed or not, another goes on with.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::beginning::{self, first_state};
use super::coding::{self, Coders};
use super::executor::{self, Briefing, Visit};
use super::journal::StoreJournal;
use super::models::{self, Models};
use super::tape::Setting;
use super::tools::Registry;
use crate::domain::agent::Agent;
use crate::domain::coder::CoderChoice;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::{AskId, ProjectId, RunId};
use crate::domain::names::AgentName;
use crate::domain::provider::ModelChoice;
use crate::domain::redact::Leak;
use crate::domain::run::{Answer, EventRow, Request, Run, RunStatus};
use crate::domain::source::Source as _;
use crate::domain::state::ProjectState;
pub use crate::graph::definition::Definition;
use crate::graph::definition::{self, Graph};
use crate::graph::engine::{self, Ended, Engine, NodeError, NodeFuture, Nodes, Observer};
use crate::graph::loaded::Loaded;
use crate::graph::progress::{Event, Failure, Progress};
use crate::graph::recorder::{Journal, JournalError, Recorder};
use crate::llm::cassette::CassetteError;
use crate::ops::leases::{Leases, RENEW_EVERY};
use crate::ops::runs::Worker;
use crate::ops::{self, Context, agents, costs, known_secrets, runs, users, worktrees};

/// Why a run could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A use case failed.
    #[error(transparent)]
    Ops(#[from] ops::Error),
    /// The journal or the graph failed.
    #[error("run `{run}` cannot go on")]
    Engine {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The graph's file is wrong.
    #[error("the graph is wrong")]
    Graph(#[from] definition::Error),
    /// Nobody can decide for an agent.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// The coder cannot work here.
    #[error(transparent)]
    Coders(#[from] coding::Error),
    /// A cassette cannot be used.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    /// A secret stands in what was said, and in strict mode that is refused.
    #[error(transparent)]
    Leak(#[from] Leak),
    /// A replay repeats the ids of what was recorded, and they are here already.
    #[error("run `{run}` is in this store already, and a replay would repeat its ids")]
    There {
        /// The run.
        run: RunId,
    },
    /// The run is over.
    #[error("run `{run}` is over: it {}{}", if *status == RunStatus::Cancelled { "was " } else { "" }, status.as_str())]
    Over {
        /// The run.
        run: RunId,
        /// How it ended.
        status: RunStatus,
    },
    /// The run waits for a person.
    #[error("run `{run}` is {}{}", status.as_str(), reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Waits {
        /// The run.
        run: RunId,
        /// What it waits for.
        status: RunStatus,
        /// The question.
        reason: Option<String>,
    },
}

/// The store had no room left for the journal.
fn is_full_disk(error: &engine::Error) -> bool {
    let engine::Error::Journal(JournalError::Store(source)) = error else { return false };
    source.downcast_ref().is_some_and(ops::Error::is_full_disk)
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Ops(error) => error.kind(),
            Self::Engine { source: engine::Error::Journal(JournalError::Lost(_)), .. } => Kind::Locked,
            Self::Engine { source, .. } if is_full_disk(source) => Kind::Preflight,
            Self::Engine { .. } => Kind::Unknown,
            Self::Graph(_) => Kind::Internal,
            Self::Models(error) => error.kind(),
            Self::Coders(error) => error.kind(),
            Self::Cassette(error) => error.kind(),
            Self::Over { .. } | Self::There { .. } | Self::Leak(_) => Kind::User,
            Self::Waits { .. } => Kind::Person,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Ops(error) => error.advice(),
            Self::Engine { run, source } if is_full_disk(source) => {
                Some(Advice::Do(format!("free some room there, then run `cgo run resume {run}`")))
            }
            Self::Engine { run, .. } => Some(Advice::Run(format!("cgo run resume {run}"))),
            Self::Graph(_) => None,
            Self::Models(error) => error.advice(),
            Self::Coders(error) => error.advice(),
            Self::Cassette(error) => error.advice(),
            Self::Leak(_) => {
                Some(Advice::Do("say it without the value, and set that with `cgo secrets set`".to_owned()))
            }
            Self::There { .. } => {
                Some(Advice::Do("replay it into another store, for instance with --store replay.db".to_owned()))
            }
            Self::Over { run, .. } => Some(Advice::Run(format!("cgo run show {run}"))),
            Self::Waits { run, status: RunStatus::WaitingApproval, .. } => {
                Some(Advice::Run(format!("cgo run approve {run}")))
            }
            Self::Waits { run, status: RunStatus::WaitingSecret, .. } => {
                Some(Advice::Run(format!("cgo run resume {run}")))
            }
            Self::Waits { run, .. } => Some(Advice::Run(format!("cgo run answer {run} \"…\""))),
        }
    }
}

/// Told what happens in a run, for people who watch.
pub trait Watch: Observer {
    /// Something worth a line happened within a node.
    fn note(&self, node: &AgentName, text: &str);
    /// Something happens within a visit of a node by an agent.
    fn activity(&self, _visit: u32, _node: &AgentName, _agent: &AgentName, _activity: &Activity<'_>) {}
}

/// Refuses a choice of models that could not be asked, or of a coder that could not work on this machine.
///
/// # Errors
/// [`Error::Models`] and [`Error::Coders`], naming what is missing and what mends it.
pub async fn check(
    context: &Context,
    models: &Models,
    coders: &Coders,
    (model, coder): (&ModelChoice, CoderChoice),
    cancel: &CancellationToken,
) -> Result<(), Error> {
    for agent in Team::load(context, &graph()?, &Registry::default()).await?.agents.values() {
        let chosen = models.of(agent, model)?;
        if agent.tools.iter().any(|tool| tool.as_str() == "write_code") {
            let wire = chosen.tariff.as_ref().map(|tariff| tariff.endpoint.wire);
            coders.check(coder, chosen.provider.name(), wire, cancel).await?;
        }
    }
    Ok(())
}

/// The checked graph with the agents that exist.
///
/// # Errors
/// [`definition::Error`] naming what is wrong.
pub fn graph() -> Result<Graph, definition::Error> {
    let agents: BTreeSet<AgentName> = agents::built_in().into_keys().collect();
    Graph::parse(&agents::graph_text(), &agents)
}

/// The nodes of the graph, for `--until`.
///
/// # Errors
/// [`definition::Error`].
pub fn nodes() -> Result<Vec<AgentName>, definition::Error> {
    Ok(graph()?.definition().nodes.keys().cloned().collect())
}

/// The last node a request leads to; none for the whole graph.
#[must_use]
pub fn last(request: &Request) -> Option<AgentName> {
    let (until, deploy, built) = match request {
        Request::NewProject(new) => {
            (new.until.clone(), new.deploy, if new.github.is_some() { "publish" } else { "tester" })
        }
        Request::Update(update) => (update.until.clone(), update.deploy, "tester"),
        Request::Deploy { .. } | Request::Rollback { .. } => return None,
    };
    until.or_else(|| (!deploy).then(|| AgentName::parse(built).expect("a constant name")))
}

/// What runs are made of: the graph, the tools its agents may call, and what an agent is told of its visit.
pub struct Pipeline {
    /// The checked graph.
    pub graph: Graph,
    /// All tools there are.
    pub registry: Registry,
    /// The first message of a visit.
    pub briefing: Briefing,
}

impl Pipeline {
    /// The pipeline of the program.
    ///
    /// # Errors
    /// [`definition::Error`] when its graph is wrong.
    pub fn built_in() -> Result<Self, definition::Error> {
        Ok(Self { graph: graph()?, registry: Registry::default(), briefing: executor::briefing })
    }
}

/// Makes a run for a request and has it on disk; nothing is done yet.
///
/// # Errors
/// When the project is not there or the store fails.
pub async fn create(context: &Context, request: Request) -> Result<Run, Error> {
    Box::pin(create_for(context, request, Worker::Caller)).await
}

/// The same for who drives it at once: it is on disk before anything is done outside.
///
/// # Errors
/// As [`create`].
pub async fn begin(context: &Context, request: Request) -> Result<Run, Error> {
    Box::pin(create_for(context, request, Worker::AtOnce)).await
}

/// Makes a run for `cgo serve`, which works on it as soon as it can. Asked for again with the same key, such as the id of
/// a message that is read twice, it is the same run.
///
/// # Errors
/// As [`create`].
pub async fn enqueue(context: &Context, request: Request, key: Option<&str>) -> Result<Run, Error> {
    Box::pin(create_for(context, request, Worker::Serve { key })).await
}

async fn create_for(context: &Context, request: Request, worker: Worker<'_>) -> Result<Run, Error> {
    let asked = serde_json::to_string(&request).expect("a request has text keys only");
    context.secrets.check("what is asked for", &asked)?;
    let (state, project) = first_state(context, &request).await?;
    let setting = Setting::begin(context, &request)?;
    if setting.tape.as_ref().is_some_and(|tape| tape.replays()) {
        let run = runs::next_id(&setting.context);
        if runs::is_there(context, &run).await? {
            return Err(Error::There { run });
        }
    }
    let run = runs::create(&setting.context, request, project, worker, |_| {
        row(1, &setting.context, &Event::Created { state: Box::new(state.clone()) })
    })
    .await?;
    setting.check()?;
    Ok(run)
}

fn row(seq: u64, context: &Context, event: &Event) -> EventRow {
    let (kind, body) = spelled(event);
    EventRow { seq, at: context.source.moment(format_args!("event {seq}")), kind, body }
}

fn spelled(event: &Event) -> (String, String) {
    (event.kind().to_owned(), serde_json::to_string(event).expect("an event has text keys only"))
}

/// The journal's event for an answer.
#[must_use]
pub fn answered(ask: &AskId, answer: &Answer) -> (String, String) {
    spelled(&Event::Answered {
        ask: ask.clone(),
        approved: answer.approved,
        texts: answer.texts.clone(),
        by: answer.by.clone(),
    })
}

/// The journal's event for a cancellation.
#[must_use]
pub fn cancelled(by: &str) -> (String, String) {
    spelled(&Event::Cancelled { by: by.to_owned() })
}

/// Where a run stands, folded from its journal.
///
/// # Errors
/// When the journal cannot be read.
pub async fn progress(context: &Context, run: &RunId) -> Result<Progress, Error> {
    let (snapshot, events, effects) = runs::journal(context, run).await?;
    Loaded::fold(snapshot, &events, effects)
        .map(|loaded| loaded.progress)
        .map_err(|error| Error::Engine { run: run.clone(), source: error.into() })
}

/// Drives a run until it is over, waits or stops. Interrupted through `cancel` it stops between two steps.
///
/// # Errors
/// [`Error`]; the run can be resumed unless it is over.
pub async fn drive(
    context: &Context,
    models: &Models,
    coders: &Coders,
    run: &RunId,
    watch: &dyn Watch,
    cancel: &CancellationToken,
) -> Result<Ended, Error> {
    drive_in(&Pipeline::built_in()?, context, models, coders, run, watch, cancel).await
}

/// The same in a pipeline of one's own.
///
/// # Errors
/// [`Error`]; the run can be resumed unless it is over.
pub async fn drive_in(
    pipeline: &Pipeline,
    context: &Context,
    models: &Models,
    coders: &Coders,
    run: &RunId,
    watch: &dyn Watch,
    cancel: &CancellationToken,
) -> Result<Ended, Error> {
    let leases = Leases::new(context);
    // Here and below, what takes moments is on the heap for these moments: a run that waits for its model is small, and
    // a process may have hundreds of them.
    Box::pin(leases.take_run(run)).await?;
    let driven = Box::pin(drive_leased(pipeline, context, (models, coders), run, &leases, watch, cancel)).await;
    let released = Box::pin(leases.release()).await;
    let ended = driven?;
    released?;
    Ok(ended)
}

async fn drive_leased(
    pipeline: &Pipeline,
    context: &Context,
    (models, coders): (&Models, &Coders),
    run: &RunId,
    leases: &Leases<'_>,
    watch: &dyn Watch,
    cancel: &CancellationToken,
) -> Result<Ended, Error> {
    let graph = &pipeline.graph;
    let run = Box::pin(runs::find(context, run.as_str())).await?;
    if run.status.is_terminal() {
        return Err(Error::Over { run: run.id, status: run.status });
    }
    if run.status.is_waiting() {
        return Err(Error::Waits { run: run.id, status: run.status, reason: run.reason });
    }
    // With the rights of whoever asked: agents see and do no more than that person may.
    let theirs = users::worker(context, &run).await?;
    let setting = Setting::of(&theirs, Some(models), &run)?;
    let (context, models) = (&*setting.context, setting.models.as_ref().unwrap_or(models));
    let engine_failed = |source: engine::Error| Error::Engine { run: run.id.clone(), source };
    let loaded = Box::pin(load(context, leases, &run)).await?;
    setting.go_on(&loaded);
    let overtaken = Box::pin(beginning::overtaken(context, &run, &loaded)).await?;
    let recorder = Recorder::new(
        run.id.clone(),
        StoreJournal::new(context, leases, run.id.clone()),
        context.source.clone(),
        loaded,
    );
    recorder.look(|progress| context.source.learn(&progress.state));
    let team = Box::pin(Team::load(context, graph, &pipeline.registry)).await?;
    let stop = cancel.child_token();
    let crew = Crew { context, models, coders, run: &run, leases, recorder: &recorder, pipeline, team: &team, watch };
    let engine = Engine {
        graph,
        nodes: &crew,
        recorder: &recorder,
        observer: watch,
        cancel: stop.clone(),
        request: run.request.kind(),
        until: last(&run.request),
        writes: team.agents.iter().map(|(name, agent)| (name.clone(), agent.writes.clone())).collect(),
        handoffs: team
            .agents
            .iter()
            .map(|(name, agent)| (name.clone(), agent.handoffs.iter().cloned().collect()))
            .collect(),
        // What is told again was answered when it was recorded.
        answer_within: context.answer_within.filter(|_| !setting.tape.as_ref().is_some_and(|tape| tape.replays())),
        by: format!("process {} on {}", context.holder.pid, context.holder.host),
    };
    // All are polled together: a renewal may have to wait for the connection a node is using.
    let working = async {
        match overtaken {
            Some(failure) => Box::pin(beginning::refuse(&recorder, &engine.by, failure)).await,
            None => engine.run().await,
        }
    };
    let losing = keep_leases(leases, watch);
    let noticing = notice_cancel(context, &recorder, &stop);
    tokio::pin!(working, losing, noticing);
    let ended = tokio::select! {
        ended = &mut working => ended.map_err(engine_failed),
        lost = &mut losing => Err(lost.into()),
        never = &mut noticing => match never {},
    };
    let ended = ended.and_then(|ended| setting.check().map(|()| ended))?;
    let project = recorder.look(|progress| progress.state.current_project.as_ref().map(|project| project.id.clone()));
    if let Err(error) = Box::pin(tidy(context, project.as_ref(), &run.id, &ended)).await {
        let node = AgentName::parse("run").expect("a constant name");
        watch.note(&node, &format!("what it left beside the project stays: {}", ops::explain(&error)));
    }
    Ok(ended)
}

/// What a run's journal holds; with a project, its lease is taken.
async fn load(context: &Context, leases: &Leases<'_>, run: &Run) -> Result<Loaded, Error> {
    // Nothing is done, and no model asked, before the second event.
    let is_fresh = run.seq <= 1;
    let (snapshot, events, effects) = if is_fresh {
        (None, runs::events(context, &run.id, 0).await?, Vec::new())
    } else {
        runs::journal(context, &run.id).await?
    };
    let mut loaded = Loaded::fold(snapshot, &events, effects)
        .map_err(|error| Error::Engine { run: run.id.clone(), source: error.into() })?;
    if !is_fresh {
        loaded.calls = costs::of_run(context, &run.id).await?;
    }
    if let Some(project) = &loaded.progress.state.current_project {
        leases.take_project(&project.name, run.id.as_str()).await?;
    }
    Ok(loaded)
}

/// Takes away what a run left beside its project, when nobody will go on with it. What a failed one left is there to be
/// looked at until the project is removed; work that was cancelled stays on its branches.
async fn tidy(context: &Context, project: Option<&ProjectId>, run: &RunId, ended: &Ended) -> Result<(), ops::Error> {
    let over = matches!(ended, Ended::Succeeded | Ended::Cancelled { .. });
    if !over || !worktrees::folder(context, run).exists() {
        return Ok(());
    }
    let project = match project {
        Some(project) => Some(ops::projects::by_id(context, project).await?),
        None => None,
    };
    let never = CancellationToken::new();
    match (ended, &project) {
        (Ended::Succeeded, Some(project)) => worktrees::clear(context, project, run, &never).await,
        _ => worktrees::forget(context, project.as_ref(), run, &never).await,
    }
}

/// Renews the leases for as long as it is polled; ends only when another process has taken one.
async fn keep_leases(leases: &Leases<'_>, watch: &dyn Watch) -> ops::Error {
    let run = AgentName::parse("run").expect("a constant name");
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match Box::pin(leases.renew()).await {
            Ok(()) => {}
            Err(error) if error.is_lost() => return error,
            Err(error) => watch.note(&run, &format!("the lease could not be renewed: {error}")),
        }
    }
}

/// How often the store is asked whether the run is to be cancelled, while nothing is written that would tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what is under way may go on in a run that is to be cancelled. Most effects are done by then, and what is
/// done is known.
const GRACE: Duration = Duration::from_secs(1);

/// Has a run end once somebody asks for it: nothing new begins, and what takes too long is cut off.
async fn notice_cancel<J: Journal>(context: &Context, recorder: &Recorder<J>, stop: &CancellationToken) -> Infallible {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A store that does not answer now is asked again; what the journal needs it for says so itself.
        let wanted = match recorder.cancel_wanted_by() {
            Some(by) => Some(by),
            None => Box::pin(runs::cancel_wanted_by(context, recorder.run())).await.unwrap_or(None),
        };
        if let Some(by) = wanted {
            recorder.request_cancel(by);
            tokio::time::sleep(GRACE).await;
            stop.cancel();
            return std::future::pending().await;
        }
    }
}

/// The agents of a graph.
struct Team {
    agents: BTreeMap<AgentName, Arc<Agent>>,
}

impl Team {
    async fn load(context: &Context, graph: &Graph, registry: &Registry) -> Result<Self, ops::Error> {
        let names = graph.definition().nodes.values().filter_map(|node| node.agent.as_ref());
        Ok(Self { agents: agents::team(context, names, &registry.names()).await? })
    }
}

/// The nodes' work: the agent of the node, at this run.
struct Crew<'a> {
    context: &'a Context,
    models: &'a Models,
    coders: &'a Coders,
    run: &'a Run,
    leases: &'a Leases<'a>,
    recorder: &'a Recorder<StoreJournal<'a>>,
    pipeline: &'a Pipeline,
    team: &'a Team,
    watch: &'a dyn Watch,
}

impl Nodes for Crew<'_> {
    fn visit<'a>(
        &'a self,
        visit: u32,
        node: &'a AgentName,
        state: ProjectState,
        cancel: CancellationToken,
    ) -> NodeFuture<'a> {
        Box::pin(async move {
            let agent = self.pipeline.graph.node(node).and_then(|node| node.agent.as_ref());
            let agent = agent.and_then(|name| self.team.agents.get(name));
            let Some(agent) = agent else {
                return Err(NodeError::Failed(Failure::new(format!("node `{node}` has no agent"), 70)));
            };
            if !agent.is_active {
                let mut failure = Failure::new(format!("agent `{}` is switched off", agent.id), 1);
                failure.hint = Some(format!("run `cgo agent set {} is_active true`", agent.id));
                return Err(NodeError::Failed(failure));
            }
            let chosen = self.models.of(agent, &self.run.request.models()).map_err(|error| {
                let hint = error.advice().map(Advice::words);
                NodeError::Blocked(Failure { hint, ..Failure::new(ops::explain(&error), error.kind().exit_code()) })
            })?;
            let handed_over = self.recorder.look(|progress| {
                let started = progress.active.get(&visit)?;
                started.from.clone().zip(started.why.clone())
            });
            known_secrets::learn(self.context, state.current_project.as_ref()).await;
            Visit {
                ops: self.context,
                run: self.run,
                leases: self.leases,
                recorder: self.recorder,
                agent,
                chosen: &chosen,
                registry: &self.pipeline.registry,
                coders: self.coders,
                graph: &self.pipeline.graph,
                handed_over,
                briefing: self.pipeline.briefing,
                node,
                number: visit,
                cancel,
                notes: &|text| self.watch.note(node, &self.context.secrets.clean(text)),
                activity: &|activity| self.watch.activity(visit, node, &agent.id, activity),
            }
            .work(state)
            .await
        })
    }
}
