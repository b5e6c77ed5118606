//! One agent at work: asks its provider, runs the tools it calls, and collects what they do to the state.
//!
//! It is the same for a model, the offline provider and rules in code. A call that is unknown, malformed or refused
//! goes back as a tool result, bounded; the visit is as durable as the effects of its tools.

use std::cell::RefCell;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::journal::StoreJournal;
use super::tools::{Context as ToolContext, Registry, ToolError};
use crate::domain::agent::{Agent, Engine};
use crate::domain::names::AgentName;
use crate::domain::run::{Request as RunRequest, Run};
use crate::domain::state::{Patch, ProjectState};
use crate::graph::engine::{NodeError, Outcome};
use crate::graph::progress::Failure;
use crate::graph::recorder::{Effect, Failed, Place, Recorder};
use crate::llm::{self, Message, Provider, Reply, Request, ToolCall};
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
    /// Who decides for it.
    pub provider: &'a dyn Provider,
    /// All tools there are.
    pub registry: &'a Registry,
    /// The node.
    pub node: &'a AgentName,
    /// The visit's number.
    pub number: u32,
    /// Cancelled when the visit has to stop.
    pub cancel: CancellationToken,
    /// Told what happens within the visit.
    pub notes: &'a dyn Fn(&str),
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
        let mut refusals = 0_u32;
        let mut last_refusal: Option<Failure> = None;
        for turn in 0..self.agent.max_turns {
            if self.cancel.is_cancelled() {
                return Err(NodeError::Interrupted);
            }
            let request = Request {
                agent: self.agent.id.clone(),
                model: self.agent.model.clone(),
                temperature: self.agent.temperature,
                max_tokens: self.agent.max_tokens,
                messages: messages.clone(),
                tools: tools.clone(),
            };
            let reply = self.ask(&place, turn, &request).await?;
            messages.push(Message::Assistant { content: reply.content.clone(), tool_calls: reply.tool_calls.clone() });
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

    async fn ask(&self, place: &Place, turn: u32, request: &Request) -> Result<Reply, NodeError> {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(request).expect("a request has text keys only"));
        let digest = hash.finalize()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let effect = Effect {
            kind: "model_call",
            args: json!({ "agent": self.agent.id, "provider": self.provider.name(), "turn": turn, "request": format!("{digest:016x}") }),
        };
        let answered = self.recorder.remember(place, effect, async || self.provider.complete(request).await);
        tokio::select! {
            reply = answered => reply.map_err(|failed| match failed {
                Failed::Journal(error) => NodeError::Journal(error),
                Failed::Effect(llm::Error::Unanswerable { .. }) if self.agent.engine == Engine::Rules => {
                    let reason = format!("agent `{}` has no rules for `{}`", self.agent.id, self.node);
                    NodeError::Failed(Failure::new(reason, 70))
                }
                Failed::Effect(error) => NodeError::Failed(Failure::new(error.to_string(), 1)),
            }),
            () = self.cancel.cancelled() => Err(NodeError::Interrupted),
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
        let arguments: Value = serde_json::from_str(if call.arguments.is_empty() { "{}" } else { &call.arguments })
            .map_err(|error| ToolError::refused(format!("the arguments of `{}` are not JSON: {error}", call.name)))?;
        let patch: RefCell<Patch> = RefCell::default();
        let context = ToolContext {
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
