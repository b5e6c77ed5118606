//! One agent at work: asks its provider, runs the tools it calls, and collects what they do to the state.
//!
//! It is the same for a model, the offline provider and rules in code. A call that is unknown, malformed or refused
//! goes back as a tool result, bounded; the visit is as durable as the effects of its tools.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::coding::Coders;
use super::journal::StoreJournal;
use super::meter::{Metered, Stopped};
use super::models::Chosen;
use super::tools::{Context as ToolContext, Registry, ToolError};
use crate::domain::agent::{Agent, Engine};
use crate::domain::diagnose::{Advice, Diagnose};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::run::{Question, Request as RunRequest, Run};
use crate::domain::state::{Patch, ProjectState};
use crate::graph::engine::{NodeError, Outcome};
use crate::graph::progress::Failure;
use crate::graph::recorder::{Effect, Failed, Place, Recorder};
use crate::llm::compact::compact;
use crate::llm::retry::{Attempt, Next, Owner, Policy, Real};
use crate::llm::{self, Message, Provider, Refusal, Reply, Request, ToolCall, Usage};
use crate::ops;
use crate::ops::leases::Leases;

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
    /// The node.
    pub node: &'a AgentName,
    /// The visit's number.
    pub number: u32,
    /// Cancelled when the visit has to stop.
    pub cancel: CancellationToken,
    /// Told what happens within the visit.
    pub notes: &'a dyn Fn(&str),
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
    fn mend(self, messages: &mut Vec<Message>, compacted: &mut bool, request: &Request) -> bool {
        match self {
            Self::TooLong => {
                let shorter = compact(messages).filter(|_| !std::mem::replace(compacted, true));
                shorter.map(|shorter| *messages = shorter).is_some()
            }
            Self::CutOff => {
                let content = format!(
                    "Your answer broke off at the limit of {} tokens, and nothing of it was used. Answer again with less at once, in several steps.",
                    request.max_tokens
                );
                messages.push(Message::User { content });
                true
            }
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

impl Visit<'_> {
    /// Lets the agent work until it says it is done.
    ///
    /// # Errors
    /// [`NodeError`] when the visit comes to nothing.
    pub async fn work(&self, mut state: ProjectState) -> Result<Outcome, NodeError> {
        let place = Place::new(self.number);
        let mut messages = vec![
            Message::System { content: self.agent.system_prompt.clone() },
            Message::User { content: self.task(&state).to_string() },
        ];
        let tools = self.registry.specs(&self.agent.tools);
        let mut outcome = Outcome::default();
        let mut compacted = false;
        let mut refusals = 0_u32;
        let mut last_refusal: Option<Failure> = None;
        for turn in 0..self.agent.max_turns {
            if self.cancel.is_cancelled() {
                return Err(NodeError::Interrupted);
            }
            let request = Request {
                agent: self.agent.id.clone(),
                model: self.chosen.model.clone(),
                temperature: self.agent.temperature,
                max_tokens: self.agent.max_tokens,
                messages: messages.clone(),
                tools: tools.clone(),
            };
            let reply = match self.ask(&place, turn, &request).await? {
                Answer::Reply(reply) => reply,
                Answer::Unusable { why, reason, .. } => {
                    let failure = Failure::new(reason, 1);
                    refusals += u32::from(why == Why::CutOff);
                    let mended = refusals < REFUSALS_IN_A_ROW && why.mend(&mut messages, &mut compacted, &request);
                    if !mended {
                        return Err(NodeError::Failed(failure));
                    }
                    (self.notes)(&failure.reason);
                    last_refusal = (why == Why::CutOff).then_some(failure).or(last_refusal);
                    continue;
                }
            };
            messages.push(reply.message());
            if reply.tool_calls.is_empty() {
                return match last_refusal {
                    Some(failure) => Err(NodeError::Failed(failure)),
                    None => Ok(outcome),
                };
            }
            for call in &reply.tool_calls {
                let result = self.call(&place, call, &mut state, &mut outcome).await;
                let content = match result {
                    Ok(content) => {
                        refusals = 0;
                        last_refusal = None;
                        content
                    }
                    Err(ToolError::Refused(failure)) => {
                        refusals += 1;
                        let content = json!({ "error": failure.reason });
                        last_refusal = Some(failure);
                        content
                    }
                    Err(ToolError::Node(error)) => return Err(error),
                };
                messages.push(Message::Tool {
                    call_id: call.id.clone(),
                    name: call.name.clone(),
                    content: content.to_string(),
                });
                if outcome.ask.is_some() || outcome.handoff.is_some() {
                    return Ok(outcome);
                }
            }
            if let Some(failure) = last_refusal.as_ref().filter(|_| refusals >= REFUSALS_IN_A_ROW) {
                return Err(NodeError::Failed(failure.clone()));
            }
        }
        let reason =
            format!("agent `{}` took its {} turns without coming to an end", self.agent.id, self.agent.max_turns);
        Err(NodeError::Failed(Failure::new(reason, 1)))
    }

    /// What the agent is told: its place in the pipeline and the part of the state it may see.
    fn task(&self, state: &ProjectState) -> Value {
        let mut projection = serde_json::to_value(state).expect("a state has text keys only");
        if let Some(fields) = projection.as_object_mut() {
            fields.retain(|name, _| self.agent.reads.iter().any(|field| field.as_str() == name));
        }
        let mut task = json!({ "node": self.node, "request": self.run.request.kind().as_str(), "state": projection });
        if let RunRequest::NewProject(new) = &self.run.request {
            task["assume"] = json!(new.assume);
            task["chosen_name"] = json!(new.name);
            if let Some(spec) = &new.spec {
                task["given_spec"] = serde_json::from_str(spec).unwrap_or(Value::Null);
            }
        }
        task
    }

    /// What the visit pays with; none where asking costs nothing.
    #[must_use]
    pub fn metered(&self) -> Option<Metered<'_>> {
        self.chosen.tariff.as_ref().map(|tariff| Metered {
            provider: &*self.chosen.provider,
            tariff,
            recorder: self.recorder,
            agent: &self.agent.id,
            visit_limit: self.agent.budget.and_then(Usd::from_dollars),
            visit: self.number,
            stopped: RefCell::default(),
        })
    }

    /// Asks the agent's model: once for a place and a request, whatever happens in between.
    ///
    /// # Errors
    /// [`NodeError`] when there is no answer.
    pub async fn ask(&self, place: &Place, turn: u32, request: &Request) -> Result<Answer, NodeError> {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(request).expect("a request has text keys only"));
        let digest = hash.finalize()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let effect = Effect {
            kind: "model_call",
            args: json!({ "agent": self.agent.id, "provider": self.chosen.provider.name(), "turn": turn, "request": format!("{digest:016x}") }),
        };
        let world = Real::default();
        let observer = |attempt: &Attempt<'_>| self.tell(attempt);
        let metered = self.metered();
        let provider: &dyn Provider = metered.as_ref().map_or(&*self.chosen.provider, |metered| metered);
        let owner =
            Owner { provider, policy: Policy::default(), world: &world, observer: &observer, cancel: &self.cancel };
        let answered = self.recorder.remember(place, effect, async || Answer::of(owner.ask(request, &|_| {}).await));
        let answered = answered.await;
        if let Some(stopped) = metered.as_ref().and_then(|metered| metered.stopped.take()) {
            return Err(stopped_by(stopped));
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
                NodeError::Failed(Failure { hint, ..Failure::new(error.to_string(), error.kind().exit_code()) })
            }
        })
    }

    /// Says that an attempt failed and what follows.
    fn tell(&self, attempt: &Attempt<'_>) {
        let error = attempt.error;
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

    async fn call(
        &self,
        place: &Place,
        call: &ToolCall,
        state: &mut ProjectState,
        outcome: &mut Outcome,
    ) -> Result<Value, ToolError> {
        let Some(tool) = self.registry.find(&call.name).filter(|tool| self.agent.tools.contains(&tool.name)) else {
            return Err(ToolError::refused(format!("there is no tool `{}` for this agent", call.name)));
        };
        let arguments = call
            .parsed()
            .map_err(|error| ToolError::refused(format!("the arguments of `{}` are not JSON: {error}", call.name)))?;
        let patch: RefCell<Patch> = RefCell::default();
        let context = ToolContext {
            visit: self,
            ops: self.ops,
            run: self.run,
            leases: self.leases,
            recorder: self.recorder,
            place,
            node: self.node,
            state,
            patch: &patch,
            cancel: &self.cancel,
            notes: self.notes,
        };
        let output = (tool.call)(&context, arguments).await?;
        let patch = patch.into_inner();
        ProjectState::check_owner(&self.agent.id, &self.agent.writes, &patch)
            .map_err(|refused| ToolError::refused(refused.to_string()))?;
        *state = state.apply(&self.agent.id, &patch).map_err(|refused| ToolError::refused(refused.to_string()))?;
        outcome.patch.extend(patch);
        outcome.ask = output.ask;
        outcome.handoff = output.handoff;
        Ok(output.content)
    }
}

/// What it means for the visit that a call was not made.
pub fn stopped_by(why: Stopped) -> NodeError {
    match why {
        Stopped::Journal(error) => NodeError::Journal(error),
        Stopped::Limit(over) => NodeError::Held(vec![Question {
            id: "budget".to_owned(),
            text: over.words(),
            choices: Vec::new(),
            assumption: None,
        }]),
        Stopped::Unpriced(model) => {
            let reason = format!("nobody knows what model `{model}` costs, so it was not asked");
            let hint = "name its price under `providers` in the settings file, or pass --allow-unpriced".to_owned();
            NodeError::Failed(Failure { hint: Some(hint), ..Failure::new(reason, 1) })
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
        let request = Request {
            agent: AgentName::parse("developer").unwrap(),
            model: String::new(),
            temperature: 0.0,
            max_tokens: 77,
            messages: messages.clone(),
            tools: Vec::new(),
        };
        let mut compacted = false;
        let before = messages.clone();
        assert!(Why::TooLong.mend(&mut messages, &mut compacted, &request));
        assert_ne!(messages, before);
        let shorter = messages.clone();
        assert!(!Why::TooLong.mend(&mut messages, &mut compacted, &request));
        assert_eq!(messages, shorter);
        assert!(Why::CutOff.mend(&mut messages, &mut compacted, &request));
        assert!(matches!(messages.last(), Some(Message::User { content }) if content.contains("limit of 77 tokens")));
    }
}
