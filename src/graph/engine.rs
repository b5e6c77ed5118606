//! Drives a run: starts nodes that are ready, side by side where the graph says so, records what came of them,
//! routes, joins, asks, and stops cleanly between two steps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio_util::sync::CancellationToken;

use super::definition::{self, Graph};
use super::progress::{self, Event, Failure, Progress, Visit, edge};
use super::recorder::{Journal, JournalError, Recorder};
use crate::domain::guard::Guard;
use crate::domain::ids::AskId;
use crate::domain::names::AgentName;
use crate::domain::run::{Ask, Question, RequestKind, RunStatus, Wait};
use crate::domain::state::{Field, Patch, ProjectState, Refused};
use crate::domain::time::Span;

/// The nodes at work: side by side, or in turn where the same has to happen in the same order again.
enum Work<'a> {
    /// A few, each looked at whenever one is woken: a set that keeps count of wakes wakes itself once more each time.
    Together(Vec<AtWork<'a>>),
    InTurn(VecDeque<AtWork<'a>>),
}

impl<'a> Work<'a> {
    fn new(in_turn: bool) -> Self {
        if in_turn { Self::InTurn(VecDeque::new()) } else { Self::Together(Vec::new()) }
    }

    fn push(&mut self, work: AtWork<'a>) {
        match self {
            Self::Together(all) => all.push(work),
            Self::InTurn(all) => all.push_back(work),
        }
    }

    /// The next one that has ended. May be dropped.
    async fn next(&mut self) -> Option<(u32, AgentName, Result<Outcome, NodeError>)> {
        match self {
            Self::Together(all) if all.is_empty() => None,
            Self::Together(all) => {
                let (at, ended) = poll_fn(|context| {
                    for (at, work) in all.iter_mut().enumerate() {
                        if let Poll::Ready(ended) = work.as_mut().poll(context) {
                            return Poll::Ready((at, ended));
                        }
                    }
                    Poll::Pending
                })
                .await;
                drop(all.remove(at));
                Some(ended)
            }
            Self::InTurn(all) => {
                let ended = all.front_mut()?.await;
                all.pop_front();
                Some(ended)
            }
        }
    }
}

/// The most lines of the tests' output that go into a question.
const OUTPUT_LINES: usize = 30;

/// A node at work, by the number of its visit.
type AtWork<'a> = Pin<Box<dyn Future<Output = (u32, AgentName, Result<Outcome, NodeError>)> + 'a>>;

/// What a node came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What it does to the state.
    pub patch: Patch,
    /// Where it hands over to by itself, and why.
    pub handoff: Option<(AgentName, String)>,
    /// What it asks; it is visited again after the answer.
    pub ask: Option<(Wait, Vec<Question>)>,
}

/// Why a node came to nothing.
#[derive(Debug)]
pub enum NodeError {
    /// The work was interrupted; the visit goes on when the run is resumed.
    Interrupted,
    /// A limit of money was met: a person decides, and the visit goes on where it was.
    Held(Vec<Question>),
    /// The agent goes round in circles: a person decides, and the visit goes on where it was.
    Guarded(Guard),
    /// Something outside the project is in the way; the run can go on once it is gone.
    Blocked(Failure),
    /// The run is over.
    Failed(Failure),
    /// The journal failed; nothing more may be written.
    Journal(JournalError),
}

/// The nodes' work.
pub trait Nodes {
    /// One visit of a node.
    fn visit<'a>(
        &'a self,
        visit: u32,
        node: &'a AgentName,
        state: ProjectState,
        cancel: CancellationToken,
    ) -> NodeFuture<'a>;
}

/// A visit at work.
pub type NodeFuture<'a> = Pin<Box<dyn Future<Output = Result<Outcome, NodeError>> + 'a>>;

/// Told what happens, for people who watch. Nothing depends on it.
pub trait Observer {
    /// A node begins.
    fn node_started(&self, visit: u32, node: &AgentName, label: &str);
    /// A node has ended.
    fn node_finished(&self, visit: u32, node: &AgentName, ended: NodeEnd);
}

/// How a visit ended, for people who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEnd {
    /// It did its work.
    Done,
    /// It asks a person.
    Asks,
    /// It came to nothing.
    Failed,
}

/// How a passage through [`Engine::run`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The run is done.
    Succeeded,
    /// The run is over without success.
    Failed(Failure),
    /// The run waits; no process is needed until the answer.
    Waiting(Ask),
    /// Something outside the project is in the way; resuming goes on once it is gone.
    Blocked(Failure),
    /// The user stopped the run between two steps; resuming goes on.
    Interrupted,
    /// The run was cancelled.
    Cancelled {
        /// Who.
        by: String,
    },
}

/// Why a run cannot be driven at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The graph cannot lead on.
    #[error(transparent)]
    Graph(#[from] definition::Error),
}

/// Everything one passage needs.
pub struct Engine<'a, J, N> {
    /// The checked graph.
    pub graph: &'a Graph,
    /// The nodes' work.
    pub nodes: &'a N,
    /// The durable side.
    pub recorder: &'a Recorder<J>,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Cancelled when the user interrupts.
    pub cancel: CancellationToken,
    /// The command that asked for the run.
    pub request: RequestKind,
    /// The last node to visit; none for the whole graph.
    pub until: Option<AgentName>,
    /// The fields each agent may write.
    pub writes: BTreeMap<AgentName, BTreeSet<Field>>,
    /// The agents each agent may hand over to.
    pub handoffs: BTreeMap<AgentName, BTreeSet<AgentName>>,
    /// How long a question or an approval stays open; none for as long as an answer takes.
    pub answer_within: Option<Span>,
    /// Who drives, for the journal.
    pub by: String,
}

/// What ends the passage once the branches at work have come to rest, worst last.
enum Ending {
    Asks(u32, AgentName, Patch, Wait, Vec<Question>),
    Held(Vec<Question>),
    Guarded(Guard, Option<u32>),
    Blocked(Failure),
    Interrupted,
    Failed(Failure),
}

impl Ending {
    fn rank(&self) -> u8 {
        match self {
            Self::Asks(..) | Self::Held(_) | Self::Guarded(..) => 0,
            Self::Blocked(_) => 1,
            Self::Interrupted => 2,
            Self::Failed(..) => 3,
        }
    }
}

impl<J: Journal, N: Nodes> Engine<'_, J, N> {
    /// Drives the run until it is over, waits or stops. May be dropped at any point; another call goes on from
    /// what is on disk.
    ///
    /// # Errors
    /// [`Error`] when the journal or the graph fails; nothing is written after that.
    pub async fn run(&self) -> Result<Ended, Error> {
        tokio::select! {
            biased;
            ended = Box::pin(self.drive()) => ended,
            failed = self.recorder.keep_up() => Err(failed.into()),
        }
    }

    async fn drive(&self) -> Result<Ended, Error> {
        if let Some(by) = self.recorder.look(|progress| progress.stopped_by.clone()) {
            return self.cancelled(by).await;
        }
        self.recorder.record(&Event::TakenUp { by: self.by.clone() })?;
        let progress = self.recorder.progress();
        if progress.visits == 0 && progress.pending.is_empty() && progress.active.is_empty() {
            let to = self.wanted(self.graph.route(None, self.request, &progress.state)?);
            self.recorder.record(&Event::Routed { to })?;
        }
        let stop = self.cancel.child_token();
        let mut at_work = Work::new(self.recorder.source().is_taped());
        for (visit, active) in progress.active {
            at_work.push(self.begin(visit, &active.node, progress.state.clone(), &stop));
        }
        let mut ending: Option<Ending> = None;
        loop {
            if ending.is_none() {
                for ready in self.recorder.look(|progress| self.ready(progress)) {
                    if let Some(guard) = self.recorder.look(|progress| self.guard(progress, &ready)) {
                        ending = Some(Ending::Guarded(guard, None));
                        break;
                    }
                    let visit = self.recorder.look(|progress| progress.visits) + 1;
                    self.recorder.record(&Event::NodeStarted {
                        visit,
                        node: ready.node.clone(),
                        from: ready.from.clone(),
                    })?;
                    let state = self.recorder.look(|progress| progress.state.clone());
                    at_work.push(self.begin(visit, &ready.node, state, &stop));
                }
            }
            let Some((visit, node, result)) = at_work.next().await else { break };
            if let Some(new) = self.settle(visit, &node, result)? {
                // What a cancelled run has begun ends by itself; whoever drives it cuts off what takes too long.
                if matches!(new, Ending::Failed(..) | Ending::Interrupted) && self.recorder.cancel_wanted_by().is_none()
                {
                    stop.cancel();
                }
                if ending.as_ref().is_none_or(|old| old.rank() < new.rank()) {
                    ending = Some(new);
                }
            }
            if ending.is_none() && self.cancel.is_cancelled() {
                stop.cancel();
                ending = Some(Ending::Interrupted);
            }
            if let Some(by) = self.recorder.cancel_wanted_by() {
                while let Some((visit, node, result)) = at_work.next().await {
                    self.settle(visit, &node, result)?;
                }
                return self.cancelled(by).await;
            }
        }
        self.conclude(ending).await
    }

    fn begin<'s>(&'s self, visit: u32, node: &AgentName, state: ProjectState, stop: &CancellationToken) -> AtWork<'s> {
        let node = node.clone();
        let stop = stop.clone();
        let label = self.graph.node(&node).map_or("", |node| node.label.as_str());
        self.observer.node_started(visit, &node, label);
        Box::pin(async move {
            let result = if self.graph.node(&node).is_some_and(|node| node.agent.is_none()) {
                Ok(person_decides(&state))
            } else {
                self.nodes.visit(visit, &node, state, stop).await
            };
            (visit, node, result)
        })
    }

    /// The pending nodes that may start: all but joins that a branch at work, or another pending node, can reach.
    fn ready(&self, progress: &Progress) -> Vec<Visit> {
        let mut seen = BTreeSet::new();
        progress
            .pending
            .iter()
            .filter(|pending| {
                let join = self.graph.node(&pending.node).is_some_and(|node| node.join);
                let awaited = join
                    && progress
                        .active
                        .values()
                        .chain(&progress.pending)
                        .any(|other| other.node != pending.node && self.graph.reaches(&other.node, &pending.node));
                !awaited && seen.insert(pending.node.clone())
            })
            .cloned()
            .collect()
    }

    /// The guard that does not let a node begin.
    fn guard(&self, progress: &Progress, next: &Visit) -> Option<Guard> {
        let bounds = self.graph.definition().bounds;
        let factor = progress.granted + 1;
        if progress.visits >= bounds.steps_per_run.saturating_mul(factor) {
            return Some(Guard::Steps { taken: progress.visits, more: bounds.steps_per_run });
        }
        if next.again {
            return None;
        }
        let times = next.reason_hash().and_then(|hash| progress.trail.reasons.get(&hash)).copied().unwrap_or(0);
        if let (Some(from), Some(reason)) = (&next.from, &next.why)
            && times >= bounds.same_reason
        {
            let (from, to, reason) = (from.clone(), next.node.clone(), reason.clone());
            return Some(Guard::SameReason { from, to, reason, times });
        }
        let passed = progress.edges.get(&edge(next.from.as_ref(), &next.node)).copied().unwrap_or(0);
        let bound = self.graph.bound(next.from.as_ref(), &next.node);
        if passed >= bound.saturating_mul(factor) {
            let (from, to) = (next.from.clone(), next.node.clone());
            return Some(Guard::Edge { from, to, passed, more: bound });
        }
        let begun = || progress.trail.starts.get(&progress.start_of(next)).copied().unwrap_or(0);
        if passed > 0 && begun() + 1 >= bounds.same_state {
            return Some(Guard::SameState { node: next.node.clone() });
        }
        let steps = progress.trail.idle;
        (steps >= bounds.without_evidence).then_some(Guard::NoEvidence { steps })
    }

    /// Records what a visit came to. Returns what ends the passage, if it does.
    fn settle(
        &self,
        visit: u32,
        node: &AgentName,
        result: Result<Outcome, NodeError>,
    ) -> Result<Option<Ending>, Error> {
        let agent = self.agent_of(node);
        let end = |ended| self.observer.node_finished(visit, node, ended);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(NodeError::Journal(error)) => return Err(error.into()),
            Err(other) => {
                let asks = matches!(other, NodeError::Held(_) | NodeError::Guarded(_));
                end(if asks { NodeEnd::Asks } else { NodeEnd::Failed });
                return Ok(Some(match other {
                    NodeError::Held(questions) => Ending::Held(questions),
                    NodeError::Guarded(guard) => Ending::Guarded(guard, Some(visit)),
                    NodeError::Interrupted => Ending::Interrupted,
                    NodeError::Blocked(failure) => Ending::Blocked(failure),
                    NodeError::Failed(failure) => Ending::Failed(failure),
                    NodeError::Journal(_) => unreachable!("handled above"),
                }));
            }
        };
        if let Some(writes) = self.writes.get(&agent)
            && let Err(refused) = ProjectState::check_owner(&agent, writes, &outcome.patch)
        {
            end(NodeEnd::Failed);
            return Ok(Some(refusal(node, &refused)));
        }
        let state = match self.recorder.look(|progress| progress.state.apply(&agent, &outcome.patch)) {
            Ok(state) => state,
            Err(refused) => {
                end(NodeEnd::Failed);
                return Ok(Some(refusal(node, &refused)));
            }
        };
        if let Some((wait, questions)) = outcome.ask {
            end(NodeEnd::Asks);
            return Ok(Some(Ending::Asks(visit, agent, outcome.patch, wait, questions)));
        }
        let (to, why) = match outcome.handoff {
            Some((to, why)) => {
                let allowed = self.handoffs.get(&agent).is_some_and(|agents| agents.contains(&to));
                if !allowed || self.graph.node(&to).is_none() {
                    end(NodeEnd::Failed);
                    let reason = format!("agent `{agent}` may not hand over to `{to}`");
                    return Ok(Some(Ending::Failed(Failure::new(reason, 70))));
                }
                (vec![to], Some(why))
            }
            None => (self.graph.route(Some(node), self.request, &state)?, None),
        };
        let to = if self.until.as_ref() == Some(node) { self.back(to) } else { self.wanted(to) };
        match self.recorder.record(&Event::NodeFinished { visit, agent, patch: outcome.patch, to, why }) {
            Ok(()) => end(NodeEnd::Done),
            Err(JournalError::Event(progress::Error::Patch(refused))) => {
                end(NodeEnd::Failed);
                return Ok(Some(refusal(node, &refused)));
            }
            Err(other) => return Err(other.into()),
        }
        Ok(None)
    }

    /// The nodes among these that lie on a way to the last wanted one.
    fn wanted(&self, nodes: Vec<AgentName>) -> Vec<AgentName> {
        match &self.until {
            None => nodes,
            Some(last) => nodes.into_iter().filter(|node| node == last || self.graph.reaches(node, last)).collect(),
        }
    }

    /// The nodes among these that lead back to the last wanted one, which is not done yet: those it came from, and
    /// those where a person decides.
    fn back(&self, nodes: Vec<AgentName>) -> Vec<AgentName> {
        let decides = |node: &AgentName| self.graph.node(node).is_some_and(|node| node.agent.is_none());
        self.recorder.look(|progress| {
            let edges = progress.edges.keys();
            let visited =
                |node: &AgentName| edges.clone().any(|edge| edge.split('>').next_back() == Some(node.as_str()));
            self.wanted(nodes).into_iter().filter(|node| visited(node) || decides(node)).collect()
        })
    }

    fn agent_of(&self, node: &AgentName) -> AgentName {
        self.graph.node(node).and_then(|found| found.agent.clone()).unwrap_or_else(|| node.clone())
    }

    async fn conclude(&self, ending: Option<Ending>) -> Result<Ended, Error> {
        let ended = match ending {
            None => {
                self.recorder.record(&Event::Succeeded)?;
                Ended::Succeeded
            }
            Some(Ending::Asks(visit, agent, patch, wait, questions)) => {
                let id = self.new_ask();
                let event = Event::Asked { visit, agent, patch, ask: id.clone(), wait, questions: questions.clone() };
                self.wait(id, &event, wait, questions).await?
            }
            Some(Ending::Held(questions)) => {
                let id = self.new_ask();
                let event = Event::Held { ask: id.clone(), questions: questions.clone() };
                self.wait(id, &event, Wait::Approval, questions).await?
            }
            Some(Ending::Guarded(guard, visit)) => {
                let id = self.new_ask();
                let questions = vec![guard.question(self.recorder.look(|progress| progress.state.language()))];
                let event = Event::Guarded { guard, visit, ask: id.clone(), questions: questions.clone() };
                self.wait(id, &event, Wait::Input, questions).await?
            }
            Some(Ending::Blocked(failure)) => {
                self.recorder.record(&Event::Stopped { reason: failure.reason.clone() })?;
                Ended::Blocked(failure)
            }
            Some(Ending::Interrupted) => {
                self.recorder.record(&Event::Stopped { reason: "interrupted".to_owned() })?;
                Ended::Interrupted
            }
            Some(Ending::Failed(failure)) => {
                self.recorder.record(&Event::Failed(failure.clone()))?;
                Ended::Failed(failure)
            }
        };
        self.recorder.flush().await?;
        let status = self.recorder.look(|progress| progress.status);
        debug_assert_ne!(status, RunStatus::Running);
        if let Some(by) = self.recorder.cancel_wanted_by().filter(|_| !status.is_terminal()) {
            return self.cancelled(by).await;
        }
        Ok(ended)
    }

    async fn wait(&self, id: AskId, event: &Event, wait: Wait, questions: Vec<Question>) -> Result<Ended, Error> {
        let created_at = self.recorder.source().moment(format_args!("question {id}"));
        // A secret or room on a server comes from elsewhere, whoever is asked.
        let lasts = self.answer_within.filter(|_| matches!(wait, Wait::Input | Wait::Approval));
        let ask = Ask {
            id,
            run: self.recorder.run().clone(),
            wait,
            questions,
            answer: None,
            created_at,
            deadline: lasts.map(|lasts| created_at.plus_ms(lasts.milliseconds())),
        };
        self.recorder.record_ask(event, ask.clone()).await?;
        Ok(Ended::Waiting(ask))
    }

    fn new_ask(&self) -> AskId {
        let (source, seq) = (self.recorder.source(), self.recorder.seq());
        let at = source.moment(format_args!("question after event {seq}"));
        AskId::new(at, source.chance(format_args!("question after event {seq}")))
    }

    async fn cancelled(&self, by: String) -> Result<Ended, Error> {
        self.recorder.record(&Event::Cancelled { by: by.clone() })?;
        self.recorder.flush().await?;
        Ok(Ended::Cancelled { by })
    }
}

fn refusal(node: &AgentName, refused: &Refused) -> Ending {
    Ending::Failed(Failure::new(format!("node `{node}` made a change that was refused: {refused}"), 70))
}

/// A node without an agent: goes on once the approval was given, asks for it before, with what the tests said.
fn person_decides(state: &ProjectState) -> Outcome {
    let Some(reason) = &state.human_approval_reason else { return Outcome::default() };
    let output = state.test_results.as_ref().filter(|results| results.failed > 0 || results.passed == 0);
    let lines: Vec<&str> = output.map(|results| results.output.lines().collect()).unwrap_or_default();
    let last = lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n");
    let text = if last.is_empty() { reason.clone() } else { format!("{reason}\n{last}") };
    let question = Question { id: "approve".to_owned(), text, choices: Vec::new(), assumption: None };
    Outcome { ask: Some((Wait::Approval, vec![question])), ..Outcome::default() }
}
