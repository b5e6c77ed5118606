//! The runtime with small graphs: joins, bounds, failures, and a journal that is slow, fails or is read back.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::definition::Graph;
use super::engine::{Ended, Engine, NodeEnd, NodeError, NodeFuture, Nodes, Observer, Outcome};
use super::progress::{Event, Failure, Progress};
use super::recorder::{Effect, Failed, Journal, JournalError, Loaded, Place, Recorder, Written};
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
        Ok(Written { cancel_requested: self.cancel.get() })
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
            let effect = Effect { kind: "write", args: json!({}) };
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
    assert_eq!(ended, Ended::Cancelled { by: "a person".to_owned() });
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
fn learns<'a>(visit: u32, _: &AgentName) -> NodeFuture<'a> {
    Box::pin(async move {
        Ok(Outcome { patch: vec![Change::DeployedUrl(format!("http://x/{visit}"))], ..Outcome::default() })
    })
}

/// Answers what a run waits for, as another process would.
async fn answer(memory: &Memory, text: &str) {
    let recorder = memory.recorder();
    let (ask, _, _) = recorder.progress().asked.unwrap();
    let texts = vec![text.to_owned()];
    recorder.record(&Event::Answered { ask, approved: true, texts, by: "me".to_owned() }).unwrap();
    recorder.flush().await.unwrap();
}

fn tripped(ended: &Ended) -> &str {
    let Ended::Waiting { wait: Wait::Input, questions, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(questions[0].choices.len(), 3, "{questions:?}");
    &questions[0].text
}

#[tokio::test]
async fn a_loop_meets_its_bound_and_a_person_is_asked() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let ended = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` has handed over to `left` 3 times"), "{ended:?}");
    assert!(tripped(&ended).contains("`continue` allows 3 more times"), "{ended:?}");
    let progress = memory.recorder().progress();
    assert_eq!((progress.status, progress.visits), (RunStatus::WaitingInput, 4));
    assert_eq!(memory.kinds().last().unwrap(), "guarded");
    answer(&memory, "continue").await;
    let again = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert!(tripped(&again).contains("6 times"), "a grant is for a while, not for ever: {again:?}");
    assert_eq!(memory.recorder().progress().visits, 7);
    answer(&memory, "stop").await;
    let over = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert_eq!(over, Ended::Cancelled { by: "me".to_owned() });
    assert_eq!(memory.recorder().progress().status, RunStatus::Cancelled);
}

#[tokio::test]
async fn agents_that_hand_over_to_each_other_for_the_same_reason_are_stopped_the_third_time() {
    let (graph, memory, seen) = (graph(PAIR), Memory::begun(), Seen::default());
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let to = if node.as_str() == "left" { "right" } else { "left" };
        // The words differ in numbers and signs only.
        let handoff = Some((name(to), format!("Yours,  no. {visit}: the tests fail!")));
        let patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        Box::pin(async move { Ok(Outcome { patch, handoff, ..Outcome::default() }) })
    };
    let ended = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` has handed over to `right` 3 times for the same reason"), "{ended:?}");
    let progress = memory.recorder().progress();
    assert_eq!(progress.visits, 5, "left, right, left, right, left");
    assert_eq!(progress.pending[0].node, name("right"), "what was to begin is still to begin");
    answer(&memory, "change input: share the file").await;
    let said = memory.recorder().progress().state.messages;
    assert_eq!(said.last().unwrap().content, "share the file");
    let again = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert!(tripped(&again).contains("same reason"), "{again:?}");
}

#[tokio::test]
async fn a_cycle_that_leaves_everything_as_it_was_is_stopped_at_once() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let ended = drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` is to begin again, and nothing has changed"), "{ended:?}");
    assert_eq!(memory.recorder().progress().visits, 2);
}

#[tokio::test]
async fn steps_that_bring_nothing_new_are_stopped_and_talk_is_nothing_new() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let mut graph = graph.definition().clone();
    graph.bounds.visits_per_edge = 20;
    let graph = Graph::check(graph, &["left", "right", "both"].map(name).into()).unwrap();
    let talks = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let patch = vec![Change::Errors(format!("try {visit}"))];
        Box::pin(async move { Ok(Outcome { patch, ..Outcome::default() }) })
    };
    let ended = drive(&graph, &memory.recorder(), &Script(&talks), &seen).await.unwrap();
    assert!(tripped(&ended).contains("5 steps in a row have brought nothing new"), "{ended:?}");
    assert_eq!(memory.recorder().progress().visits, 5);
}

#[tokio::test]
async fn an_answered_question_passes_no_edge_and_does_not_look_like_a_circle() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let asks = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let question = Question { id: "q".to_owned(), text: "?".to_owned(), choices: Vec::new(), assumption: None };
        let ask = (visit <= 4).then(|| (Wait::Input, vec![question]));
        let patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        Box::pin(async move { Ok(Outcome { patch, ask, ..Outcome::default() }) })
    };
    for _ in 0..4 {
        let ended = drive(&graph, &memory.recorder(), &Script(&asks), &seen).await.unwrap();
        assert!(matches!(&ended, Ended::Waiting { questions, .. } if questions[0].id == "q"), "{ended:?}");
        answer(&memory, "yes").await;
    }
    assert_eq!(memory.recorder().progress().edges[&"start>left".to_owned()], 1);
    let ended = drive(&graph, &memory.recorder(), &Script(&asks), &seen).await.unwrap();
    assert!(tripped(&ended).contains("3 times"), "{ended:?}");
}

/// A maker and a checker; the checker sends work back once.
const CHECKED: &str = "
bounds: {steps_per_run: 9, visits_per_edge: 3}
start: [{to: [left]}]
nodes:
  left: {agent: left, label: x, next: [{to: [right]}]}
  right: {agent: right, label: x, next: [{when: {needs_human_approval: false}, to: [left]}, {to: [both]}]}
  both: {agent: both, label: x}
";

#[tokio::test]
async fn a_run_that_ends_at_a_node_goes_back_from_it_until_the_node_is_done() {
    let (graph, memory, seen) = (graph(CHECKED), Memory::begun(), Seen::default());
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let mut patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        if node.as_str() == "right" && visit > 2 {
            patch.push(Change::NeedsHumanApproval(Some("enough".to_owned())));
        }
        Box::pin(async move { Ok(Outcome { patch, ..Outcome::default() }) })
    };
    for (until, order) in [("left", "+left -left"), ("right", "+left -left +right -right +left -left +right -right")] {
        let (memory, seen) = (Memory::begun(), Seen::default());
        let ended = drive_until(&graph, &memory.recorder(), &Script(&script), &seen, Some(name(until))).await.unwrap();
        assert_eq!((ended, seen.0.borrow().join(" ").as_str()), (Ended::Succeeded, order));
    }
    let ended = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert_eq!((ended, seen.0.borrow().last().unwrap().as_str()), (Ended::Succeeded, "-both"));
}

#[tokio::test]
async fn a_guard_within_a_visit_leaves_it_at_work_and_tells_it_what_was_ruled() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let stuck = |_: u32, node: &AgentName| -> NodeFuture<'_> {
        let stuck = node.as_str() == "right";
        let guard = Guard::Refusals { agent: node.clone(), times: 3, last: "no".to_owned() };
        Box::pin(async move { if stuck { Err(NodeError::Guarded(guard)) } else { Ok(Outcome::default()) } })
    };
    let ended = drive(&graph, &recorder, &Script(&stuck), &seen).await.unwrap();
    assert!(tripped(&ended).contains("3 calls of agent `right`"), "{ended:?}");
    let state = memory.recorder().progress().state;
    answer(&memory, "take the other one").await;
    let progress = memory.recorder().progress();
    let visit = *progress.active.keys().next().unwrap();
    assert_eq!(progress.rulings[&visit], [Some("take the other one".to_owned())]);
    assert_eq!(progress.state, state, "what the visit was told at its beginning has changed");
    assert_eq!(drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap(), Ended::Succeeded);
    assert!(memory.recorder().progress().rulings.is_empty());
}

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

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl super::recorder::Outcome for Broken {
    fn nothing_happened(&self) -> bool {
        self.nothing_happened
    }
}

/// One effect at the first place of visit 1: whether it was probed, whether it acted, and what came of it.
async fn once(
    memory: &Memory,
    found: Option<u32>,
    act: Result<u32, Broken>,
) -> (bool, bool, Result<u32, Failed<Broken>>) {
    let (probed, acted) = (Cell::new(false), Cell::new(false));
    let recorder = memory.recorder();
    let effect = Effect { kind: "write", args: json!({ "a": 1 }) };
    let result = recorder
        .effect(
            &Place::new(1),
            effect,
            async |_| {
                probed.set(true);
                Ok(found)
            },
            async |_| {
                acted.set(true);
                assert!(
                    memory.effects.borrow().values().any(|row| row.mark == EffectMark::Intended),
                    "no intent on disk"
                );
                act
            },
        )
        .await;
    if recorder.flush().await.is_err() {
        assert!(memory.fail.get());
    }
    (probed.get(), acted.get(), result)
}

#[tokio::test]
async fn an_effect_that_is_done_is_neither_probed_nor_repeated() {
    let memory = Memory::begun();
    let (probed, acted, result) = once(&memory, None, Ok(5)).await;
    assert!(!probed && acted && matches!(result, Ok(5)));
    let (probed, acted, result) = once(&memory, Some(9), Ok(9)).await;
    assert!(!probed && !acted && matches!(result, Ok(5)));
}

#[tokio::test]
async fn an_effect_of_unknown_outcome_is_probed_before_it_is_repeated() {
    for (found, repeats) in [(Some(3), false), (None, true)] {
        let memory = Memory::begun();
        let unknown = Err(Broken { nothing_happened: false });
        assert!(once(&memory, None, unknown).await.2.is_err());
        let (probed, acted, result) = once(&memory, found, Ok(4)).await;
        assert!(probed);
        assert_eq!(acted, repeats);
        assert!(matches!(result, Ok(3 | 4)));
    }
}

#[tokio::test]
async fn an_effect_known_not_to_have_happened_is_tried_anew_without_a_probe() {
    let memory = Memory::begun();
    assert!(once(&memory, None, Err(Broken { nothing_happened: true })).await.2.is_err());
    let (probed, acted, _) = once(&memory, Some(1), Ok(2)).await;
    assert!(!probed && acted);
}

#[tokio::test]
async fn nothing_is_done_when_the_intent_cannot_be_recorded() {
    let memory = Memory::begun();
    memory.fail.set(true);
    let (probed, acted, result) = once(&memory, None, Ok(1)).await;
    assert!(!probed && !acted && matches!(result, Err(Failed::Journal(JournalError::Lost(_)))));
}

#[tokio::test]
async fn events_between_two_effects_share_one_write() {
    let memory = Memory::begun();
    let recorder = memory.recorder();
    for _ in 0..50 {
        recorder.record(&Event::Routed { to: Vec::new() }).unwrap();
    }
    recorder.flush().await.unwrap();
    assert_eq!((memory.writes.get(), memory.events.borrow().len()), (1, 51));
}

/// Keeps a value without changing the world, as the answer of a model is kept.
async fn answered(recorder: &Recorder<Memory>, place: &Place, answer: u32) -> u32 {
    let effect = Effect { kind: "model_call", args: json!({ "answer": answer }) };
    recorder.remember(place, effect, async || Ok::<u32, Broken>(answer)).await.unwrap_or_default()
}

#[tokio::test]
async fn what_should_be_written_soon_is_on_disk_while_the_work_goes_on() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let script = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let (recorder, memory) = (&recorder, &memory);
        Box::pin(async move {
            answered(recorder, &Place::new(visit), 1).await;
            let written = memory.written.notified();
            recorder.write_soon();
            // The next answer takes as long as the disk: nothing here waits for the disk itself.
            written.await;
            assert!(memory.effects.borrow().values().any(|row| row.mark == EffectMark::Done));
            Ok(Outcome { handoff: Some((name("both"), "enough".to_owned())), ..Outcome::default() })
        })
    };
    let Ended::Failed(failure) = drive(&graph, &recorder, &Script(&script), &seen).await.unwrap() else {
        panic!("`both` is no node of this graph");
    };
    assert!(failure.reason.contains("may not hand over"), "{failure:?}");
}

#[tokio::test]
async fn nobody_waits_for_the_disk_but_effects_and_the_end() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    memory.stuck.set(true);
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let (recorder, memory, last) = (&recorder, &memory, node.as_str() == "both");
        Box::pin(async move {
            let place = Place::new(visit);
            recorder.write_soon();
            answered(recorder, &place, 1).await;
            // Long enough for the write to have begun.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            if last {
                assert_eq!(memory.writes.get(), 0, "four visits without a write");
                memory.stuck.set(false);
            }
            Ok(Outcome::default())
        })
    };
    assert_eq!(drive(&graph, &recorder, &Script(&script), &seen).await.unwrap(), Ended::Succeeded);
    assert_eq!(memory.recorder().progress(), recorder.progress());
}

#[tokio::test]
async fn everything_before_an_effect_is_on_disk_when_it_acts() {
    for behind in [false, true] {
        let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
        let recorder = memory.recorder();
        let acted = Cell::new(0);
        let script = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
            let (recorder, memory, acted) = (&recorder, &memory, &acted);
            Box::pin(async move {
                let place = Place::new(visit);
                if behind {
                    // An earlier write is under way, without what comes now.
                    recorder.write_soon();
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
                answered(recorder, &place, visit).await;
                let effect = Effect { kind: "write", args: json!({}) };
                let done: Result<u32, Failed<Broken>> = recorder
                    .effect(
                        &place,
                        effect,
                        async |_| Ok(None),
                        async |key| {
                            let effects = memory.effects.borrow();
                            assert_eq!(effects[key].mark, EffectMark::Intended);
                            let answer = json!({ "answer": visit }).to_string();
                            assert!(
                                effects.values().any(|row| row.args == answer),
                                "the answer that asked for it is lost"
                            );
                            let begun = memory.events.borrow().iter().filter(|row| row.kind == "node_started").count();
                            assert!(begun >= visit as usize, "the visit that does it is not on record");
                            acted.set(acted.get() + 1);
                            Ok(1)
                        },
                    )
                    .await;
                assert!(done.is_ok());
                Ok(Outcome::default())
            })
        };
        assert_eq!(drive(&graph, &recorder, &Script(&script), &seen).await.unwrap(), Ended::Succeeded);
        assert_eq!(acted.get(), 4);
    }
}

#[tokio::test]
async fn a_journal_that_fails_beside_the_work_ends_it() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    memory.fail.set(true);
    let script = |_: u32, _: &AgentName| -> NodeFuture<'_> {
        recorder.write_soon();
        Box::pin(std::future::pending())
    };
    let failed = drive(&graph, &recorder, &Script(&script), &seen).await.unwrap_err();
    assert!(matches!(failed, super::engine::Error::Journal(JournalError::Lost(_))), "{failed}");
}
