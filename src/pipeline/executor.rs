//! One agent at work: asks its provider, runs the tools it calls, and collects what they do to the state.
//!
//! It is the same for a model, the offline provider and rules in code. A call that is unknown, malformed or refused
//! goes back as a tool result, bounded; the visit is as durable as the effects of its tools.

use std::cell::{Cell, RefCell};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3Default;

use super::activity::{self, Activity};
use super::circles::Circles;
use super::coding::Coders;
use super::journal::StoreJournal;
use super::meter::{Metered, Stopped};
use super::models::Chosen;
use super::tools::{Registry, ToolError};
use crate::domain::agent::{Agent, Engine};
use crate::domain::diagnose::{Advice, Diagnose};
use crate::domain::guard::Guard;
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::run::{Question, Request as RunRequest, RequestKind, Run};
use crate::domain::source::Source;
use crate::domain::spec::Language;
use crate::domain::state::{Field, ProjectState};
use crate::graph::definition::Graph;
use crate::graph::engine::{NodeError, Outcome};
use crate::graph::limit::Whose;
use crate::graph::progress::Failure;
use crate::graph::recorder::{Effect, Failed, Place, Recorder};
use crate::llm::compact::compact;
use crate::llm::retry::{Attempt, Next, Owner, Policy, Real, Told, World};
use crate::llm::{self, Message, Provider, Refusal, Reply, Request, ToolCall, ToolSpec, Usage};
use crate::ops;
use crate::ops::leases::Leases;

/// The kind of effect that a question to a model is.
pub const MODEL_CALL: &str = "model_call";

/// How many calls in a row may be refused before the visit is given up.
const REFUSALS_IN_A_ROW: u32 = 3;

/// What one visit works with.
pub struct Visit<'a> {
    /// The use cases.
    pub ops: &'a ops::Context,
    /// The run.
    pub run: &'a Run,
    /// The leases this process holds.
    pub leases: &'a Leases<'a>,
    /// The run's durable side.
    pub recorder: &'a Recorder<StoreJournal<'a>>,
    /// The agent.
    pub agent: &'a Agent,
    /// Who decides for it, and what that costs.
    pub chosen: &'a Chosen,
    /// All tools there are.
    pub registry: &'a Registry,
    /// Who writes code.
    pub coders: &'a Coders,
    /// The graph.
    pub graph: &'a Graph,
    /// Who handed over by itself, and why.
    pub handed_over: Option<(AgentName, String)>,
    /// What the agent is told first.
    pub briefing: Briefing,
    /// The node.
    pub node: &'a AgentName,
    /// The visit's number.
    pub number: u32,
    /// Cancelled when the visit has to stop.
    pub cancel: CancellationToken,
    /// Told what happens within the visit.
    pub notes: &'a dyn Fn(&str),
    /// Told each thing that happens within it.
    pub activity: &'a dyn Fn(&Activity<'_>),
}

/// What the journal knows a question by.
#[derive(Serialize)]
struct Asked<'a> {
    agent: &'a AgentName,
    provider: &'a str,
    turn: u32,
    request: &'a str,
}

/// What is remembered of a question: the answer, or what about it the conversation has to change for. Asking again
/// after a crash would cost again and could end otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// There is none that counts.
    Unusable {
        /// Why.
        why: Why,
        /// In words.
        reason: String,
        /// What it used all the same.
        usage: Usage,
    },
    /// The answer.
    Reply(Reply),
}

/// Why an answer does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The model takes no conversation as long.
    TooLong,
    /// It broke off.
    CutOff,
}

impl Why {
    /// Changes the conversation so that asking again makes sense; whether it could. A conversation is made shorter
    /// once in a visit.
    fn mend(self, messages: &mut Vec<Message>, compacted: &mut bool, max_tokens: u32) -> bool {
        match self {
            Self::TooLong => {
                let shorter = compact(messages).filter(|_| !std::mem::replace(compacted, true));
                shorter.map(|shorter| *messages = shorter).is_some()
            }
            Self::CutOff => {
                let content = format!(
                    "Your answer broke off at the limit of {max_tokens} tokens, and nothing of it was used. Answer again with less at once, in several steps."
                );
                messages.push(Message::User { content });
                true
            }
        }
    }
}

/// How a visit goes.
#[derive(Debug, Default)]
struct Standing {
    /// The conversation was made shorter.
    compacted: bool,
    /// Calls in a row that came to nothing.
    refusals: u32,
    /// The last of them.
    last_refusal: Option<Failure>,
    /// Some call came to something.
    acted: bool,
    /// The agent was reminded of its tools.
    reminded: bool,
    /// How many rulings of persons were taken.
    rulings: usize,
    /// Notices repetitions.
    circles: Circles,
}

impl Standing {
    fn accepted(&mut self) {
        self.refusals = 0;
        self.last_refusal = None;
        self.acted = true;
    }

    fn refused(&mut self, failure: Failure) {
        self.refusals += 1;
        self.last_refusal = Some(failure);
    }

    fn ruled(&mut self) {
        self.rulings += 1;
        self.refusals = 0;
        self.circles.clear();
    }

    /// Whether the agent ended with nothing done, or with a call that it did not mend; it is reminded once.
    fn wants_reminder(&mut self) -> bool {
        (!self.acted || self.last_refusal.is_some()) && !std::mem::replace(&mut self.reminded, true)
    }

    fn reminder(&self) -> String {
        match &self.last_refusal {
            Some(failure) => format!(
                "Your last call was refused: {}. Mend it and call again; if that cannot be done, say so and end.",
                failure.reason
            ),
            None => "Nothing was done: only calls of your tools count, and text alone changes nothing. Do your part with your tools now; if nothing is to be done, say so and end.".to_owned(),
        }
    }
}

impl Answer {
    fn of(answered: Result<Reply, llm::Error>) -> Result<Self, llm::Error> {
        match answered {
            Ok(reply) => Ok(Self::Reply(reply)),
            Err(error) => {
                let why = match &error {
                    llm::Error::Permanent { refusal: Refusal::Context, .. } => Why::TooLong,
                    llm::Error::Incomplete { .. } => Why::CutOff,
                    _ => return Err(error),
                };
                Ok(Self::Unusable { why, reason: error.to_string(), usage: error.usage() })
            }
        }
    }
}

/// Makes the first message of a visit.
pub type Briefing = fn(&Visit<'_>, &ProjectState) -> String;

/// What an agent is told: its place in the pipeline and the part of the state it may see.
#[must_use]
pub fn briefing(visit: &Visit<'_>, state: &ProjectState) -> String {
    let mut task = json!({
        "node": visit.node,
        "request": visit.run.request.kind().as_str(),
        "language": state.language(),
        "state": projection(visit.agent, state),
    });
    if let Some((by, why)) = &visit.handed_over {
        task["handed_over"] = json!({ "by": by, "reason": why });
    }
    if matches!(visit.run.request.kind(), RequestKind::NewProject | RequestKind::Update) {
        task["assume"] = json!(visit.run.request.assumes());
    }
    if !visit.run.request.earlier().is_empty() && visit.agent.reads.contains(&Field::Messages) {
        task["earlier"] = json!(visit.run.request.earlier());
    }
    if let RunRequest::NewProject(new) = &visit.run.request {
        task["chosen_name"] = json!(new.name);
        if new.open {
            task["open"] = json!(true);
        }
        if let Some(spec) = &new.spec {
            task["given_spec"] = serde_json::from_str(spec).unwrap_or(Value::Null);
        }
    }
    task.to_string()
}

impl Visit<'_> {
    /// Lets the agent work until it says it is done.
    ///
    /// # Errors
    /// [`NodeError`] when the visit comes to nothing.
    pub async fn work(&self, mut state: ProjectState) -> Result<Outcome, NodeError> {
        Box::pin(self.count()).await.map_err(|stopped| self.stopped(stopped))?;
        let place = Place::new(self.number);
        let mut request = Request {
            agent: self.agent.id.clone(),
            model: self.chosen.model.clone(),
            temperature: self.agent.temperature,
            max_tokens: self.agent.max_tokens,
            messages: vec![
                Message::System { content: self.agent.system_prompt.clone() },
                Message::User { content: (self.briefing)(self, &state) },
            ],
            tools: self.registry.specs(&self.agent.tools),
        };
        let mut outcome = Outcome::default();
        let mut standing = Standing::default();
        let mut turns = self.agent.max_turns;
        let mut turn = 0;
        loop {
            if self.cancel.is_cancelled() || self.recorder.cancel_wanted_by().is_some() {
                return Err(NodeError::Interrupted);
            }
            if turn >= turns {
                let guard = Guard::Turns { agent: self.agent.id.clone(), taken: turn, more: self.agent.max_turns };
                self.ruled(guard, &mut standing, &mut request.messages)?;
                turns += self.agent.max_turns;
            }
            let answer = self.ask(&place, turn, &request).await?;
            turn += 1;
            let reply = match answer {
                Answer::Reply(reply) => reply,
                Answer::Unusable { why, reason, .. } => {
                    let failure = Failure::new(reason, 1);
                    if !why.mend(&mut request.messages, &mut standing.compacted, self.agent.max_tokens) {
                        return Err(NodeError::Failed(failure));
                    }
                    (self.notes)(&failure.reason);
                    if why == Why::CutOff {
                        standing.refused(failure);
                        self.check_refusals(&mut standing, &mut request.messages)?;
                    }
                    continue;
                }
            };
            request.messages.push(reply.message());
            if reply.tool_calls.is_empty() {
                if standing.wants_reminder() && turn < turns {
                    request.messages.push(Message::User { content: standing.reminder() });
                    continue;
                }
                return match standing.last_refusal {
                    Some(failure) => Err(NodeError::Failed(failure)),
                    None => Ok(outcome),
                };
            }
            let mut circle = None;
            for call in &reply.tool_calls {
                // On the heap for as long as it takes: a visit that waits for its model has no call.
                let result = Box::pin(self.call(&place, call, &mut state, &mut outcome)).await;
                let content = match result {
                    Ok(content) => {
                        standing.accepted();
                        content
                    }
                    Err(ToolError::Refused(fault, failure)) => {
                        let content = json!({ "error": failure.reason, "fault": fault });
                        standing.refused(failure);
                        content
                    }
                    Err(ToolError::Node(error)) => return Err(error),
                };
                let content = serde_json::to_string(&content).expect("a result has text keys only");
                circle = standing.circles.note(&call.name, &call.arguments, &content).map(|times| (call, times));
                request.messages.push(Message::Tool { call_id: call.id.clone(), name: call.name.clone(), content });
                if outcome.ask.is_some() || outcome.handoff.is_some() {
                    return Ok(outcome);
                }
            }
            self.check_refusals(&mut standing, &mut request.messages)?;
            if let Some((call, times)) = circle {
                let guard = Guard::Repeats { agent: self.agent.id.clone(), tool: call.name.clone(), times };
                self.ruled(guard, &mut standing, &mut request.messages)?;
            }
        }
    }

    /// Asks a person when too many calls in a row were refused.
    fn check_refusals(&self, standing: &mut Standing, messages: &mut Vec<Message>) -> Result<(), NodeError> {
        let Some(last) = standing.last_refusal.as_ref().filter(|_| standing.refusals >= REFUSALS_IN_A_ROW) else {
            return Ok(());
        };
        let (agent, times, last) = (self.agent.id.clone(), standing.refusals, last.reason.clone());
        self.ruled(Guard::Refusals { agent, times, last }, standing, messages)
    }

    /// What a person ruled the last time this visit came to this point; a person is asked when none did yet.
    fn ruled(&self, guard: Guard, standing: &mut Standing, messages: &mut Vec<Message>) -> Result<(), NodeError> {
        let ruling = self.recorder.look(|progress| {
            progress.rulings.get(&self.number).and_then(|rulings| rulings.get(standing.rulings)).cloned()
        });
        let Some(change) = ruling else { return Err(NodeError::Guarded(guard)) };
        standing.ruled();
        messages.extend(change.map(|content| Message::User { content }));
        Ok(())
    }

    /// What the visit pays with; none where asking costs nothing.
    #[must_use]
    pub fn metered(&self) -> Option<Metered<'_, StoreJournal<'_>>> {
        self.chosen.tariff.as_ref().map(|tariff| Metered {
            provider: &*self.chosen.provider,
            tariff,
            recorder: self.recorder,
            agent: &self.agent.id,
            agent_limit: self.agent.budget.and_then(Usd::from_dollars),
            visit: self.number,
            stopped: RefCell::default(),
            cost: Cell::default(),
        })
    }

    /// Reads what others have spent of the limits that the visit shares with them.
    async fn count(&self) -> Result<(), Stopped> {
        let Some(tariff) = &self.chosen.tariff else { return Ok(()) };
        let project = self.recorder.look(|progress| Some(progress.state.current_project.as_ref()?.id.clone()));
        tariff.count(self.ops, self.run.id.as_str(), project.as_ref()).await
    }

    fn stopped(&self, why: Stopped) -> NodeError {
        stopped_by(why, self.recorder.look(|progress| progress.state.language()))
    }

    /// Asks the agent's model: once for a place and a request, whatever happens in between.
    ///
    /// # Errors
    /// [`NodeError`] when there is no answer.
    pub async fn ask(&self, place: &Place, turn: u32, request: &Request) -> Result<Answer, NodeError> {
        let digest = digest(request, self.recorder.source());
        let asked = Asked {
            agent: &self.agent.id,
            provider: self.chosen.provider.name(),
            turn,
            request: &format!("{digest:016x}"),
        };
        let effect = Effect::new(MODEL_CALL, &asked);
        let (real, told) = (Real::default(), Told);
        let world: &dyn World = if self.chosen.provider.replays() { &told } else { &real };
        let observer = |attempt: &Attempt<'_>| self.tell(attempt);
        let metered = self.metered();
        let provider: &dyn Provider = metered.as_ref().map_or(&*self.chosen.provider, |metered| metered);
        let owner = Owner { provider, policy: Policy::default(), world, observer: &observer, cancel: &self.cancel };
        let answered = self.recorder.remember(place, effect, async || {
            if let (Some(metered), Err(stopped)) = (&metered, Box::pin(self.count()).await) {
                return Err(metered.stop(stopped));
            }
            let (provider, model) = (self.chosen.provider.name(), request.model.as_str());
            (self.activity)(&Activity::Asked { turn: turn + 1, provider, model });
            let answered = owner.ask(request, &|piece| (self.activity)(&Activity::Said(piece))).await;
            (self.activity)(&Activity::Answered {
                usage: answered.as_ref().map_or_else(llm::Error::usage, |reply| reply.usage),
                cost: metered.as_ref().map_or(Usd::ZERO, |metered| metered.cost.get()),
                spent: self.recorder.spent(&Whose::Run).0,
                outcome: answered.as_ref().map_or_else(activity::class, |_| "answered"),
            });
            Answer::of(answered)
        });
        let answered = answered.await;
        if let Some(stopped) = metered.as_ref().and_then(|metered| metered.stopped.take()) {
            return Err(self.stopped(stopped));
        }
        answered.map_err(|failed| match failed {
            Failed::Journal(error) => NodeError::Journal(error),
            Failed::Effect(llm::Error::Cancelled) => NodeError::Interrupted,
            Failed::Effect(llm::Error::Unanswerable { .. }) if self.agent.engine == Engine::Rules => {
                let reason = format!("agent `{}` has no rules for `{}`", self.agent.id, self.node);
                NodeError::Failed(Failure::new(reason, 70))
            }
            // The run goes on where it was once the provider answers, or the key, the account or the url is put right.
            Failed::Effect(
                error @ (llm::Error::Retry { .. }
                | llm::Error::Permanent {
                    refusal: Refusal::Key | Refusal::Money | Refusal::Model | Refusal::Endpoint,
                    ..
                }),
            ) => {
                let hint = error.advice().map(Advice::words);
                NodeError::Blocked(Failure { hint, ..Failure::new(error.to_string(), error.kind().exit_code()) })
            }
            Failed::Effect(error) => {
                let hint = error.advice().map(Advice::words);
                let text = error.to_string();
                // A difference to a cassette takes lines of its own.
                let (reason, rest) = text.split_once('\n').unwrap_or((&text, ""));
                let evidence = rest.lines().map(str::to_owned).collect();
                NodeError::Failed(Failure { evidence, hint, ..Failure::new(reason, error.kind().exit_code()) })
            }
        })
    }

    /// Says that an attempt failed and what follows.
    fn tell(&self, attempt: &Attempt<'_>) {
        let error = attempt.error;
        (self.activity)(&Activity::Failed {
            attempt: attempt.number,
            reason: &error.to_string(),
            class: activity::class(error),
            again: if let Next::Again(wait) = attempt.next { Some(wait) } else { None },
        });
        match attempt.next {
            Next::Again(wait) => {
                (self.notes)(&format!("attempt {}: {error}; asking again in {} ms", attempt.number, wait.as_millis()));
            }
            Next::Fallback(model) => {
                (self.notes)(&format!("attempt {}: {error}; asking model `{model}`", attempt.number));
            }
            Next::GivenUp => {}
        }
    }
}

/// What a question says, as a number: the same question has the same one on any machine. A conversation goes through it
/// again with every turn, and nobody gains by two questions that look alike: a hash that is quick, not one that is safe.
fn digest(request: &Request, source: &dyn Source) -> u64 {
    let mut hash = Xxh3Default::new();
    let mut add = |parts: &[&str]| {
        for part in parts {
            hash.update(source.portable(part).as_bytes());
            // No text has such a byte.
            hash.update(&[0xff]);
        }
    };
    let Request { agent, model, temperature, max_tokens, messages, tools } = request;
    add(&[agent.as_str(), model, &format!("{temperature} {max_tokens} {}", tools.len())]);
    for ToolSpec { name, description, parameters } in tools {
        add(&[name, description, parameters.text()]);
    }
    for message in messages {
        match message {
            Message::System { content } => add(&["system", content]),
            Message::User { content } => add(&["user", content]),
            Message::Tool { call_id, name, content } => add(&["tool", call_id, name, content]),
            Message::Assistant { content, tool_calls, replay } => {
                let replay = replay.as_ref().map(Value::to_string).unwrap_or_default();
                add(&["assistant", content.as_deref().unwrap_or_default(), &replay]);
                for ToolCall { id, name, arguments } in tool_calls {
                    add(&["call", id, name, arguments]);
                }
            }
        }
    }
    hash.digest()
}

/// The part of the state an agent may see.
pub(super) fn projection(agent: &Agent, state: &ProjectState) -> Value {
    let mut projection = serde_json::to_value(state).expect("a state has text keys only");
    if let Some(fields) = projection.as_object_mut() {
        fields.retain(|name, _| agent.reads.iter().any(|field| field.as_str() == name));
    }
    projection
}

/// What it means for the visit that a call was not made.
#[must_use]
pub fn stopped_by(why: Stopped, language: Language) -> NodeError {
    match why {
        Stopped::Limit(over) => NodeError::Held(vec![Question {
            id: over.whose.question(),
            text: over.words(language),
            choices: Vec::new(),
            assumption: None,
        }]),
        Stopped::Unpriced(model) => {
            let reason = format!("nobody knows what model `{model}` costs, so it was not asked");
            let hint = "name its price under `providers` in the settings file, or pass --allow-unpriced".to_owned();
            NodeError::Failed(Failure { hint: Some(hint), ..Failure::new(reason, 1) })
        }
        Stopped::Uncounted(error) => {
            let hint = error.advice().map(Advice::words);
            let reason = format!("what was spent before cannot be read: {}", ops::explain(&*error));
            NodeError::Blocked(Failure { hint, ..Failure::new(reason, error.kind().exit_code()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_question_reads_back_as_it_was() {
        let reply = Reply::call("call_1", "look", &json!({ "why": "too_long", "reason": "x" }));
        let cut = llm::Error::Incomplete { reason: "it broke off".to_owned(), usage: Usage::default() };
        for answer in [Answer::of(Ok(reply.clone())).unwrap(), Answer::of(Err(cut)).unwrap()] {
            let kept = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&kept).unwrap(), answer);
        }
        let plain = serde_json::to_string(&reply).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&plain).unwrap(), Answer::Reply(reply));
        assert!(Answer::of(Err(llm::Error::Cancelled)).is_err());
    }

    #[test]
    fn a_conversation_is_made_shorter_once_and_a_model_is_told_that_its_answer_broke_off() {
        let mut messages = vec![Message::User { content: "do".to_owned() }];
        for turn in 0..9 {
            messages.push(Reply::call(format!("call_{turn}"), "look", &json!({})).message());
            let content = "long ".repeat(2000);
            messages.push(Message::Tool { call_id: format!("call_{turn}"), name: "look".to_owned(), content });
        }
        let mut compacted = false;
        let before = messages.clone();
        assert!(Why::TooLong.mend(&mut messages, &mut compacted, 77));
        assert_ne!(messages, before);
        let shorter = messages.clone();
        assert!(!Why::TooLong.mend(&mut messages, &mut compacted, 77));
        assert_eq!(messages, shorter);
        assert!(Why::CutOff.mend(&mut messages, &mut compacted, 77));
        assert!(matches!(messages.last(), Some(Message::User { content }) if content.contains("limit of 77 tokens")));
    }
}
