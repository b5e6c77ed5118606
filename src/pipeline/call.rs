//! One call of a tool, under control: whatever is wrong with it, or with the tool, becomes a result the agent hears.
//!
//! A tool that panics or takes too long is contained and journaled. When an effect of it was begun and nobody knows
//! whether it happened, the visit stops instead: resuming it probes that effect.
//!
//! What came of a call is told to those who watch and kept in the journal, for those who look from elsewhere.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::activity::Activity;
use super::executor::Visit;
use super::tools::{Context, Fault, Output, Tool, ToolError};
use crate::domain::diagnose::Kind;
use crate::domain::names::AgentName;
use crate::domain::state::{Patch, ProjectState};
use crate::domain::suggest::nearest;
use crate::graph::engine::{NodeError, Outcome};
use crate::graph::progress::{Event, Failure};
use crate::graph::recorder::{Effect, JournalError, Place};
use crate::llm::ToolCall;
use crate::ops;

const _: () = assert!(cfg!(panic = "unwind"), "a panic of a tool has to be contained");

/// The kind of what is kept of a call that is over, a [`CallEnd`].
pub const TOOL_CALL: &str = "tool_call";

/// How long a tool that took too long may take to stop in an orderly way.
const GRACE: Duration = Duration::from_secs(5);
/// How many characters of a name that a model wrote are kept.
const NAME: usize = 60;
/// How many characters of a reason are kept.
const REASON: usize = 300;

/// A call that was lost: kept, so that a resumed visit hears the same.
#[derive(Serialize, Deserialize)]
struct Lost {
    fault: Fault,
    reason: String,
}

/// What the journal knows a call by.
#[derive(Serialize)]
struct Called<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a AgentName>,
    tool: &'a str,
}

/// What came of a call that is over.
#[derive(Debug, Serialize, Deserialize)]
pub struct CallEnd {
    /// `done`, `asks`, `hands_over`, or what was wrong.
    pub outcome: String,
    /// Why it came to nothing, in one line; none when it came to something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What was wrong with a call, in one word.
fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::UnknownTool => "unknown_tool",
        Fault::NotGranted => "not_granted",
        Fault::BadArguments => "bad_arguments",
        Fault::Refused => "refused",
        Fault::BadPatch => "bad_patch",
        Fault::Timeout => "timeout",
        Fault::Panicked => "panicked",
    }
}

/// A tool's name as a model wrote it, so that it can be shown.
fn shown(name: &str) -> String {
    name.chars().take(NAME).flat_map(char::escape_debug).collect()
}

fn journal(error: JournalError) -> ToolError {
    ToolError::Node(NodeError::Journal(error))
}

impl Visit<'_> {
    /// Runs one call and puts what it does into `state` and `outcome`; the result is for the agent.
    pub(super) async fn call(
        &self,
        place: &Place,
        call: &ToolCall,
        state: &mut ProjectState,
        outcome: &mut Outcome,
    ) -> Result<Value, ToolError> {
        let own = place.part();
        let tool = self.registry.find(&call.name).map(|tool| tool.name.as_str());
        (self.activity)(&Activity::Called { tool });
        let result = self.carry_out(&own, call, state, outcome).await;
        let (ended, reason, is_over) = match &result {
            Ok(_) if outcome.ask.is_some() => ("asks", None, true),
            Ok(_) if outcome.handoff.is_some() => ("hands_over", None, true),
            Ok(_) => ("done", None, true),
            Err(ToolError::Refused(fault, failure)) => (word(*fault), Some(&failure.reason), true),
            Err(ToolError::Node(NodeError::Failed(failure))) => ("failed", Some(&failure.reason), true),
            // The same call is made again when the run goes on.
            Err(ToolError::Node(NodeError::Interrupted)) => ("interrupted", None, false),
            Err(ToolError::Node(NodeError::Held(_) | NodeError::Guarded(_))) => ("held", None, false),
            Err(ToolError::Node(NodeError::Blocked(_))) => ("blocked", None, false),
            Err(ToolError::Node(NodeError::Journal(_))) => ("failed", None, false),
        };
        (self.activity)(&Activity::Returned { outcome: ended, good: result.is_ok() });
        if is_over {
            self.keep_end(&own, &call.name, ended, reason.map(String::as_str));
        }
        result
    }

    /// Keeps what came of a call. It is on disk with what follows: nobody waits for it.
    fn keep_end(&self, own: &Place, name: &str, outcome: &str, reason: Option<&str>) {
        let what = Effect::new(TOOL_CALL, &Called { agent: Some(&self.agent.id), tool: &shown(name) });
        let line = |reason: &str| -> String {
            let clean = self.ops.secrets.clean(reason);
            clean.lines().next().unwrap_or_default().chars().take(REASON).collect()
        };
        self.recorder.keep(own, &what, &CallEnd { outcome: outcome.to_owned(), reason: reason.map(line) });
    }

    async fn carry_out(
        &self,
        own: &Place,
        call: &ToolCall,
        state: &mut ProjectState,
        outcome: &mut Outcome,
    ) -> Result<Value, ToolError> {
        let tool = self.granted(&call.name)?;
        let arguments = call.parsed().map_err(|error| {
            let reason = format!("the arguments of `{}` are not JSON: {error}", call.name);
            ToolError::fault(Fault::BadArguments, reason)
        })?;
        let patch: RefCell<Patch> = RefCell::default();
        let output = self.run(tool, arguments, own, state, &patch).await?;
        let patch = patch.into_inner();
        let refused = |refused: crate::domain::state::Refused| ToolError::fault(Fault::BadPatch, refused.to_string());
        ProjectState::check_owner(&self.agent.id, &self.agent.writes, &patch).map_err(refused)?;
        *state = state.apply(&self.agent.id, &patch).map_err(refused)?;
        self.recorder.source().learn(state);
        ops::known_secrets::learn(self.ops, state.current_project.as_ref()).await;
        outcome.patch.extend(patch);
        outcome.ask = output.ask;
        outcome.handoff = output.handoff;
        Ok(output.content)
    }

    /// The tool of that name, if the agent's file grants it.
    fn granted(&self, name: &str) -> Result<&Tool, ToolError> {
        let own = self.agent.tools.iter().map(AgentName::as_str);
        let listed = || match own.clone().collect::<Vec<_>>().join(", ") {
            names if names.is_empty() => "you have none".to_owned(),
            names => format!("yours are {names}"),
        };
        match self.registry.find(name) {
            Some(tool) if self.agent.tools.contains(&tool.name) => Ok(tool),
            Some(tool) => {
                let reason = format!("tool `{}` is not for agent `{}`; {}", tool.name, self.agent.id, listed());
                Err(ToolError::fault(Fault::NotGranted, reason))
            }
            None => {
                let near = nearest(name, own.clone()).map(|near| format!(", {near}")).unwrap_or_default();
                let reason = format!("there is no tool `{}`{near}; {}", shown(name), listed());
                Err(ToolError::fault(Fault::UnknownTool, reason))
            }
        }
    }

    async fn run(
        &self,
        tool: &Tool,
        arguments: Value,
        place: &Place,
        state: &ProjectState,
        patch: &RefCell<Patch>,
    ) -> Result<Output, ToolError> {
        let kept = Effect::new("tool_lost", &Called { agent: None, tool: tool.name.as_str() });
        if let Some(lost) = self.recorder.kept::<Lost>(place, &kept).map_err(journal)? {
            return Err(ToolError::fault(lost.fault, lost.reason));
        }
        let cancel = self.cancel.child_token();
        let context = Context {
            visit: self,
            ops: self.ops,
            run: self.run,
            leases: self.leases,
            recorder: self.recorder,
            place,
            agent: self.agent,
            graph: self.graph,
            node: self.node,
            state,
            patch,
            cancel: &cancel,
            notes: self.notes,
            activity: self.activity,
        };
        let work = AssertUnwindSafe(async { (tool.call)(&context, arguments).await }).catch_unwind();
        tokio::pin!(work);
        let (ended, late) = tokio::select! {
            ended = &mut work => (Some(ended), false),
            () = tokio::time::sleep(tool.limit) => {
                cancel.cancel();
                (tokio::time::timeout(GRACE, &mut work).await.ok(), true)
            }
        };
        let lost = match ended {
            Some(Ok(Err(ToolError::Node(NodeError::Interrupted)))) | None if late && !self.cancel.is_cancelled() => {
                let reason = format!("`{}` took longer than {} s and was stopped", tool.name, tool.limit.as_secs());
                Lost { fault: Fault::Timeout, reason }
            }
            None => return Err(ToolError::Node(NodeError::Interrupted)),
            Some(Ok(done)) => return done,
            Some(Err(panic)) => {
                let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                let said: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
                let reason = format!("`{}` has a bug and did not finish: {said}", tool.name);
                Lost { fault: Fault::Panicked, reason }
            }
        };
        (self.notes)(&lost.reason);
        if self.recorder.is_open(place) {
            let reason = format!("{}; whether its last step happened is looked at when the run goes on", lost.reason);
            return Err(ToolError::Node(NodeError::Blocked(Failure::new(reason, Kind::Unknown.exit_code()))));
        }
        let (visit, tool, reason) = (self.number, tool.name.clone(), lost.reason.clone());
        self.recorder.record(&Event::ToolLost { visit, tool, reason }).map_err(journal)?;
        self.recorder.keep(place, &kept, &lost);
        Err(ToolError::fault(lost.fault, lost.reason))
    }
}
