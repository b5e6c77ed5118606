//! The runtime with small graphs: joins, bounds, failures, and a journal that is slow, fails or is read back.

mod effects;
mod guards;
mod limits;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::definition::Graph;
use super::engine::{Ended, Engine, NodeEnd, NodeError, NodeFuture, Nodes, Observer, Outcome};
use super::loaded::Loaded;
use super::progress::{Event, Failure, Progress};
use super::recorder::{Effect, Failed, Journal, JournalError, Place, Recorder, Written};
use crate::domain::guard::Guard;
use crate::domain::ids::RunId;
use crate::domain::names::AgentName;
use crate::domain::run::{Batch, EffectMark, EffectRow, EventRow, Question, RequestKind, RunStatus, Wait};
use crate::domain::source::Real;
use crate::domain::state::{Change, Field, ProjectState};
use crate::domain::time::Timestamp;

fn name(text: &str) -> AgentName {
    AgentName::parse(text).unwrap()
}

fn clock() -> Timestamp {
    Timestamp(1_800_000_000_000)
}

/// Two branches that join: `left` and `right`, then `both`.
const DIAMOND: &str = "
bounds: {steps_per_run: 9, visits_per_edge: 3}
start: [{to: [left, right]}]
nodes:
  left: {agent: left, label: x, next: [{to: [both]}]}
  right: {agent: right, label: x, next: [{to: [more]}]}
  more: {agent: right, label: x, next: [{to: [both]}]}
  both: {agent: both, label: x, join: true}
";

/// One node that comes back to itself for ever.
const LOOP: &str = "
bounds: {steps_per_run: 9, visits_per_edge: 3}
start: [{to: [left]}]
nodes:
  left: {agent: left, label: x, next: [{to: [left]}]}
";

fn graph(text: &str) -> Graph {
    Graph::parse(text, &["left", "right", "both"].map(name).into()).unwrap()
}

/// A journal in memory. Slow, as a disk is: every write lets others run in between.
#[derive(Clone, Default)]
struct Memory {
    events: Rc<RefCell<Vec<EventRow>>>,
    effects: Rc<RefCell<BTreeMap<String, EffectRow>>>,
    writes: Rc<Cell<u32>>,
    fail: Rc<Cell<bool>>,
    cancel: Rc<Cell<bool>>,
    /// No write ends while this is set.
    stuck: Rc<Cell<bool>>,
    written: Rc<tokio::sync::Notify>,
}

impl Journal for Memory {
    async fn write(&self, batch: &Batch) -> Result<Written, JournalError> {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        while self.stuck.get() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        if self.fail.get() {
            return Err(JournalError::Lost("somebody".to_owned()));
        }
        let newest = self.events.borrow().last().map_or(0, |event| event.seq);
        assert!(
            batch.events.iter().map(|event| event.seq).eq((newest + 1..).take(batch.events.len())),
            "a gap after {newest}"
        );
        self.events.borrow_mut().extend(batch.events.iter().cloned());
        for effect in &batch.effects {
            self.effects.borrow_mut().insert(effect.key.clone(), effect.clone());
        }
        self.writes.set(self.writes.get() + 1);
        self.written.notify_waiters();
        Ok(Written { cancel_wanted_by: self.cancel.get().then(|| "Anna".to_owned()) })
    }
}

impl Memory {
    fn begun() -> Self {
        let memory = Self::default();
        let created = Event::Created { state: Box::default() };
        memory.events.borrow_mut().push(EventRow {
            seq: 1,
            at: clock(),
            kind: created.kind().to_owned(),
            body: serde_json::to_string(&created).unwrap(),
        });
        memory
    }

    /// A recorder on what is durable, as another process would make it.
    fn recorder(&self) -> Recorder<Self> {
        let effects = self.effects.borrow().values().cloned().collect();
        let loaded = Loaded::fold(None, &self.events.borrow(), effects).unwrap();
        Recorder::new(RunId::new(clock(), 1), self.clone(), Arc::new(Real { clock, chance: || 7 }), loaded)
    }

    fn kinds(&self) -> Vec<String> {
        self.events.borrow().iter().map(|event| event.kind.clone()).collect()
    }
}

/// Nodes that do what a function says.
struct Script<'a>(&'a dyn Fn(u32, &AgentName) -> NodeFuture<'a>);

impl Nodes for Script<'_> {
    fn visit<'a>(&'a self, visit: u32, node: &'a AgentName, _: ProjectState, _: CancellationToken) -> NodeFuture<'a> {
        (self.0)(visit, node)
    }
}

#[derive(Default)]
struct Seen(RefCell<Vec<String>>);

impl Observer for Seen {
    fn node_started(&self, _: u32, node: &AgentName, _: &str) {
        self.0.borrow_mut().push(format!("+{node}"));
    }
    fn node_finished(&self, _: u32, node: &AgentName, _: NodeEnd) {
        self.0.borrow_mut().push(format!("-{node}"));
    }
}

async fn drive(
    graph: &Graph,
    recorder: &Recorder<Memory>,
    nodes: &Script<'_>,
    seen: &Seen,
) -> Result<Ended, super::engine::Error> {
    drive_until(graph, recorder, nodes, seen, None).await
}

async fn drive_until(
    graph: &Graph,
    recorder: &Recorder<Memory>,
    nodes: &Script<'_>,
    seen: &Seen,
    until: Option<AgentName>,
) -> Result<Ended, super::engine::Error> {
    let writes = ["left", "right", "both"]
        .map(|agent| (name(agent), BTreeSet::from([Field::Errors, Field::DeployedUrl, Field::NeedsHumanApproval])))
        .into();
    let engine = Engine {
        graph,
        nodes,
        recorder,
        observer: seen,
        cancel: CancellationToken::new(),
        request: RequestKind::NewProject,
        until,
        writes,
        handoffs: BTreeMap::from([
            (name("left"), BTreeSet::from([name("both"), name("right")])),
            (name("right"), BTreeSet::from([name("left")])),
        ]),
        answer_within: None,
        by: "a test".to_owned(),
    };
    let limit = std::time::Duration::from_secs(10);
    tokio::time::timeout(limit, engine.run()).await.expect("the run is stuck")
}

fn done<'a>(_: u32, _: &AgentName) -> NodeFuture<'a> {
    Box::pin(async { Ok(Outcome::default()) })
}

#[tokio::test]
async fn a_join_waits_for_the_longer_branch() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let ended = drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap();
    assert_eq!(ended, Ended::Succeeded);
    let order = seen.0.borrow();
    let at = |what: &str| order.iter().position(|seen| seen == what).unwrap();
    assert!(at("+both") > at("-left") && at("+both") > at("-more"), "{order:?}");
    assert_eq!(order.iter().filter(|seen| *seen == "+both").count(), 1, "{order:?}");
}

#[tokio::test]
async fn a_branch_that_fails_ends_the_run_while_another_writes_to_the_journal() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let (recorder, fails) = (&recorder, node.as_str() == "right");
        Box::pin(async move {
            if fails {
                return Err(NodeError::Failed(Failure::new("it broke", 1)));
            }
            let place = Place::new(visit);
            let effect = Effect::new("write", &json!({}));
            let done: Result<u32, Failed<Broken>> =
                recorder.effect(&place, effect, async |_| Ok(None), async |_| Ok(1)).await;
            assert!(done.is_ok());
            Ok(Outcome::default())
        })
    };
    let ended = drive(&graph, &recorder, &Script(&script), &seen).await.unwrap();
    assert_eq!(ended, Ended::Failed(Failure::new("it broke", 1)));
    assert_eq!(memory.recorder().progress().status, RunStatus::Failed);
}

#[tokio::test]
async fn a_branch_that_is_blocked_lets_the_other_finish_and_the_run_can_go_on() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let blocked = |_: u32, node: &AgentName| -> NodeFuture<'_> {
        let blocks = node.as_str() == "right";
        Box::pin(async move {
            if blocks { Err(NodeError::Blocked(Failure::new("no room", 9))) } else { Ok(Outcome::default()) }
        })
    };
    let ended = drive(&graph, &memory.recorder(), &Script(&blocked), &seen).await.unwrap();
    assert_eq!(ended, Ended::Blocked(Failure::new("no room", 9)));
    let progress = memory.recorder().progress();
    assert_eq!((progress.status, progress.reason.as_deref()), (RunStatus::Queued, Some("no room")));
    assert_eq!(progress.active.values().map(|visit| visit.node.as_str()).collect::<Vec<_>>(), ["right"]);
    assert_eq!(drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap(), Ended::Succeeded);
}

#[tokio::test]
async fn a_cancel_that_comes_with_a_question_ends_the_run_instead() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    memory.cancel.set(true);
    let ended = drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap();
    assert_eq!(ended, Ended::Cancelled { by: "Anna".to_owned() });
    assert_eq!(memory.recorder().progress().status, RunStatus::Cancelled);
}

/// Two agents that may hand over to each other.
const PAIR: &str = "
bounds: {steps_per_run: 30, visits_per_edge: 20}
start: [{to: [left]}]
nodes:
  left: {agent: left, label: x, next: [{to: [right]}]}
  right: {agent: right, label: x}
";

/// Notes something new at each visit.
#[tokio::test]
async fn a_change_of_a_field_the_agent_does_not_own_fails_its_node() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let script = |_: u32, node: &AgentName| -> NodeFuture<'_> {
        let steals = node.as_str() == "more";
        Box::pin(async move {
            let patch = if steals { vec![Change::ReviewFeedback(Some("x".to_owned()))] } else { Vec::new() };
            Ok(Outcome { patch, ..Outcome::default() })
        })
    };
    let Ended::Failed(failure) = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap() else {
        panic!("the change was taken");
    };
    assert!(failure.reason.contains("`more`") && failure.reason.contains("review_feedback"), "{failure:?}");
    assert_eq!(memory.recorder().progress().state.review_feedback, None);
}

#[tokio::test]
async fn a_hand_over_the_file_does_not_allow_is_refused_and_one_it_allows_is_taken() {
    for (from, allowed) in [("left", true), ("right", false)] {
        let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
        let script = |_: u32, node: &AgentName| -> NodeFuture<'_> {
            let handoff = (node.as_str() == from).then(|| (name("both"), "because".to_owned()));
            Box::pin(async move { Ok(Outcome { handoff, ..Outcome::default() }) })
        };
        let ended = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
        assert_eq!(matches!(ended, Ended::Succeeded), allowed, "{from}: {ended:?}");
    }
}

#[tokio::test]
async fn what_is_read_back_is_what_was() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let script = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        Box::pin(async move { Ok(Outcome { patch: vec![Change::Errors(visit.to_string())], ..Outcome::default() }) })
    };
    drive(&graph, &recorder, &Script(&script), &seen).await.unwrap();
    assert_eq!(memory.recorder().progress(), recorder.progress());
    assert_eq!(memory.kinds().last().unwrap(), "succeeded");
    let text = serde_json::to_string(&recorder.progress()).unwrap();
    assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), recorder.progress());
}

#[derive(Debug)]
struct Broken {
    nothing_happened: bool,
}
