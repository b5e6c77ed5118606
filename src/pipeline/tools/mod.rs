//! What agents can do. A tool has a typed input, a description for the model and a declared effect; it calls `ops`.
//!
//! [`conversation`] asks and hands over, [`spec`] says what is to be built, [`projects`], [`servers`], [`ports`],
//! [`resources`], [`incidents`] and [`activation`] look after what there is, [`build`] makes the project, [`code`] has its
//! tasks done and [`merge`] brings them together, [`check`] tests it, [`github`] shares it, [`ship`] deploys and probes
//! it, [`report`] tells about it.

pub mod activation;
pub mod build;
pub mod check;
pub mod code;
pub mod conversation;
pub mod github;
pub mod incidents;
pub mod merge;
pub mod ports;
pub mod projects;
pub mod report;
pub mod resources;
pub mod servers;
pub mod ship;
pub mod spec;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::executor::Visit;
use super::journal::StoreJournal;
use crate::domain::agent::Agent;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::AgentName;
use crate::domain::run::{Question, Run, Wait};
use crate::domain::spec::Spec;
use crate::domain::state::{Change, CurrentProject, Patch, ProjectState};
use crate::graph::definition::Graph;
use crate::graph::engine::NodeError;
use crate::graph::progress::Failure;
use crate::graph::recorder::{Effect, Failed, Outcome, Place, Recorder};
use crate::llm::{Schema, ToolSpec};
use crate::ops;
use crate::ops::leases::Leases;
use crate::ops::recorded::Recorded;

/// What a tool works with.
pub struct Context<'a> {
    /// The visit the call belongs to.
    pub visit: &'a Visit<'a>,
    /// The use cases.
    pub ops: &'a ops::Context,
    /// The run.
    pub run: &'a Run,
    /// The leases this process holds.
    pub leases: &'a Leases<'a>,
    /// The run's durable side.
    pub recorder: &'a Recorder<StoreJournal<'a>>,
    /// The place of this visit's effects.
    pub place: &'a Place,
    /// The agent that calls.
    pub agent: &'a Agent,
    /// The graph it stands in.
    pub graph: &'a Graph,
    /// The node.
    pub node: &'a AgentName,
    /// The state with everything this visit has changed so far.
    pub state: &'a ProjectState,
    /// What this call changes.
    pub patch: &'a RefCell<Patch>,
    /// Cancelled when the visit has to stop.
    pub cancel: &'a CancellationToken,
    /// Told what happens, for people who watch.
    pub notes: &'a dyn Fn(&str),
    /// Told each thing that happens within the visit.
    pub activity: &'a dyn Fn(&Activity<'_>),
}

/// What a call came to.
#[derive(Debug, Default)]
pub struct Output {
    /// The result, for the model.
    pub content: Value,
    /// What a person is asked.
    pub ask: Option<(Wait, Vec<Question>)>,
    /// Whom the agent hands over to, and why.
    pub handoff: Option<(AgentName, String)>,
}

impl From<Value> for Output {
    fn from(content: Value) -> Self {
        Self { content, ..Self::default() }
    }
}

/// What was wrong with a call that came to nothing and left the world as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// There is no such tool.
    UnknownTool,
    /// There is, and the agent's file does not grant it.
    NotGranted,
    /// The arguments are no JSON, or not what the tool takes.
    BadArguments,
    /// The tool refused: what it was asked for makes no sense now.
    Refused,
    /// What the tool did to the state was refused.
    BadPatch,
    /// The tool took longer than it may.
    Timeout,
    /// The tool has a bug.
    Panicked,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub enum ToolError {
    /// The model is told and may mend it. When it does not, the visit fails with this.
    Refused(Fault, Failure),
    /// The visit is over.
    Node(NodeError),
}

impl ToolError {
    /// Refuses a call.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::fault(Fault::Refused, reason)
    }

    /// A call with that fault.
    #[must_use]
    pub fn fault(fault: Fault, reason: impl Into<String>) -> Self {
        let exit = if fault == Fault::Panicked { Kind::Internal.exit_code() } else { 1 };
        Self::Refused(fault, Failure::new(reason, exit))
    }

    /// Tells the model what an operation said about what it was asked for: a name nobody has, a folder that is not
    /// there. What is not the model's to mend ends the visit, as with [`ToolError::of`].
    #[must_use]
    pub fn told(error: &ops::Error) -> Self {
        let theirs = matches!(error.kind(), Kind::User | Kind::Usage | Kind::Person) && !error.is_outside();
        if theirs { Self::refused_by(error, 1) } else { Self::of(error) }
    }

    /// A refusal in an operation's words: the model sees its reason alone, so what to do is part of it.
    fn refused_by(error: &ops::Error, exit: u8) -> Self {
        let hint = error.advice().map(|advice| format!("; {}", advice.words())).unwrap_or_default();
        let reason = format!("{}{hint}", ops::explain(error));
        let evidence = error.evidence().to_vec();
        Self::Refused(Fault::Refused, Failure { reason, exit, evidence, hint: None })
    }

    /// Ends the run.
    #[must_use]
    pub fn failed(reason: impl Into<String>, exit: u8, evidence: Vec<String>) -> Self {
        Self::Node(NodeError::Failed(Failure { reason: reason.into(), exit, evidence, hint: None }))
    }

    /// What an operation's error means for the visit: interrupted and blocked work can go on later, the rest is
    /// over. Either way the command ends with the exit code of the error's kind.
    #[must_use]
    pub fn of(error: &ops::Error) -> Self {
        if error.is_refusal() {
            return Self::refused_by(error, error.kind().exit_code());
        }
        let failure = Failure {
            reason: ops::explain(error),
            exit: error.kind().exit_code(),
            evidence: error.evidence().to_vec(),
            hint: error.advice().map(Advice::words),
        };
        Self::Node(match error.kind() {
            Kind::Interrupted => NodeError::Interrupted,
            Kind::Unknown | Kind::Locked => NodeError::Blocked(failure),
            _ if error.is_outside() => NodeError::Blocked(failure),
            _ => NodeError::Failed(failure),
        })
    }
}

impl Outcome for ops::Error {
    fn nothing_happened(&self) -> bool {
        !matches!(self.kind(), Kind::Interrupted | Kind::Unknown)
    }
}

impl From<Failed<ops::Error>> for ToolError {
    fn from(failed: Failed<ops::Error>) -> Self {
        match failed {
            Failed::Journal(error) => Self::Node(NodeError::Journal(error)),
            Failed::Effect(error) => Self::of(&error),
        }
    }
}

/// As the `From` above, but what is wrong with what was asked for is told to the model.
fn told<T>(done: Result<T, Failed<ops::Error>>) -> Result<T, ToolError> {
    done.map_err(|failed| match failed {
        Failed::Journal(error) => ToolError::Node(NodeError::Journal(error)),
        Failed::Effect(error) => ToolError::told(&error),
    })
}

impl Context<'_> {
    /// Changes the state.
    pub fn change(&self, change: Change) {
        self.patch.borrow_mut().push(change);
    }

    /// The project the run works on.
    ///
    /// # Errors
    /// Refused when there is none yet.
    pub fn project(&self) -> Result<&CurrentProject, ToolError> {
        self.state.current_project.as_ref().ok_or_else(|| ToolError::refused("there is no project yet"))
    }

    /// Lets an effect happen unless the visit has to stop, and tells those who watch.
    async fn acting<T>(
        &self,
        kind: &str,
        effect: impl Future<Output = Result<T, Failed<ops::Error>>>,
    ) -> Result<Result<T, Failed<ops::Error>>, ToolError> {
        if self.cancel.is_cancelled() || self.recorder.cancel_wanted_by().is_some() {
            return Err(ToolError::Node(NodeError::Interrupted));
        }
        (self.activity)(&Activity::Acts { effect: kind });
        let done = effect.await;
        (self.activity)(&Activity::Acted { good: done.is_ok() });
        Ok(done)
    }

    /// Does something that takes moments, and whose middle nobody wants to find: when the visit has to stop it is given
    /// time to end by itself.
    pub async fn in_peace<T>(&self, act: impl AsyncFnOnce(&CancellationToken) -> T) -> T {
        let late = CancellationToken::new();
        let done = act(&late);
        tokio::pin!(done);
        let patience = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            done = &mut done => done,
            () = patience => {
                late.cancel();
                done.await
            }
        }
    }

    /// An effect at this place; see [`Recorder::effect`].
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn effect<T>(
        &self,
        kind: &str,
        args: Value,
        probe: impl AsyncFnOnce(&str) -> Result<Option<T>, ops::Error>,
        act: impl AsyncFnOnce(&str) -> Result<T, ops::Error>,
    ) -> Result<T, ToolError>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        Ok(self.acting(kind, self.recorder.effect(self.place, Effect::new(kind, &args), probe, act)).await??)
    }

    /// An effect at this place that may be done again; see [`Recorder::repeat`].
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn repeat<T>(
        &self,
        kind: &str,
        args: Value,
        act: impl AsyncFnOnce(&str) -> Result<T, ops::Error>,
    ) -> Result<T, ToolError>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        Ok(self.acting(kind, self.recorder.repeat(self.place, Effect::new(kind, &args), act)).await??)
    }

    /// Something looked at once at this place, so that a resumed visit sees the same. What is wrong with what was
    /// asked for is told to the model.
    ///
    /// # Errors
    /// [`ToolError`]; see [`ToolError::told`].
    pub async fn look(
        &self,
        kind: &str,
        args: Value,
        look: impl AsyncFnOnce() -> Result<Value, ops::Error>,
    ) -> Result<Value, ToolError> {
        told(
            self.recorder.remember(self.place, Effect::new(kind, &args), async || self.outside(kind, look).await).await,
        )
    }

    /// Asks somebody outside of the run: a service, or the machine as it is now. A run on a cassette writes the answer
    /// down there; told again, it takes it from there and asks nobody.
    ///
    /// # Errors
    /// What was answered, or [`Recorded::missing`].
    async fn outside<T>(&self, kind: &str, ask: impl AsyncFnOnce() -> Result<T, ops::Error>) -> Result<T, ops::Error>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        let source = self.recorder.source();
        let what = format!("{kind} at {}", self.place);
        if let Some(told) = source.recorded(&what) {
            let told: Option<Result<T, Recorded>> = serde_json::from_str(&told).ok();
            return told.ok_or_else(|| Recorded::missing(kind))?.map_err(ops::Error::from);
        }
        if source.replays() {
            return Err(Recorded::missing(kind).into());
        }
        let answered = ask().await;
        if source.is_taped() {
            let told = match &answered {
                Ok(answer) => Some(Ok(answer)),
                Err(error) => Recorded::of(error).map(Err),
            };
            if let Some(told) = told {
                source.fact(&what, &serde_json::to_string(&told).expect("an answer has text keys only"));
            }
        }
        answered
    }

    /// A service outside asked once at this place; see [`Recorder::remember`].
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn asked<T>(
        &self,
        kind: &str,
        args: Value,
        ask: impl AsyncFnOnce() -> Result<T, ops::Error>,
    ) -> Result<T, ToolError>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        self.remember(kind, args, async || self.outside(kind, ask).await).await
    }

    /// As [`Context::repeat`]; what is wrong with what was asked for is told to the model.
    ///
    /// # Errors
    /// [`ToolError`]; see [`ToolError::told`].
    pub async fn repeating<T>(
        &self,
        kind: &str,
        args: Value,
        act: impl AsyncFnOnce(&str) -> Result<T, ops::Error>,
    ) -> Result<T, ToolError>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        told(self.acting(kind, self.recorder.repeat(self.place, Effect::new(kind, &args), act)).await?)
    }

    /// A value computed once at this place; see [`Recorder::remember`].
    ///
    /// # Errors
    /// [`ToolError`].
    pub async fn remember<T>(
        &self,
        kind: &str,
        args: Value,
        compute: impl AsyncFnOnce() -> Result<T, ops::Error>,
    ) -> Result<T, ToolError>
    where
        T: serde::Serialize + DeserializeOwned,
    {
        Ok(self.recorder.remember(self.place, Effect::new(kind, &args), compute).await?)
    }
}

/// Takes no arguments.
#[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Refuses a spec that has problems, naming all of them.
fn check_spec(spec: &Spec) -> Result<(), ToolError> {
    let problems = ops::specs::problems(spec);
    if problems.is_empty() {
        return Ok(());
    }
    Err(ToolError::refused(format!("the spec has {} problems: {}", problems.len(), problems.join("; "))))
}

/// What a tool does to the world. Every tool says it; there is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorldEffect {
    /// Only looks.
    Reads,
    /// Makes or changes something.
    Changes,
    /// Removes something.
    Destroys,
}

/// A call under way.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Output, ToolError>> + 'a>>;

/// Takes a call: its arguments as the model wrote them.
type Take = Box<dyn for<'a> Fn(&'a Context<'a>, Value) -> CallFuture<'a>>;

/// A look under way.
pub type LookFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, ops::Error>> + 'a>>;

/// Looks at the world with arguments that were checked.
type Look = Box<dyn for<'a> Fn(&'a ops::Context, Value, &'a CancellationToken) -> LookFuture<'a>>;

/// Looks at arguments without acting.
type Check = Box<dyn Fn(&Value) -> Result<(), String>>;

/// How long a short effect may go on when its visit has to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest a call may take unless its tool says otherwise.
const LIMIT: Duration = Duration::from_mins(1);
/// The longest a call may take that installs, tests or builds: the limits of its steps come first.
const WORK_LIMIT: Duration = Duration::from_hours(1);
/// The longest a call may take that has code written: several tasks, each with its attempts and their own limits.
const CODE_LIMIT: Duration = Duration::from_hours(12);

/// One tool.
pub struct Tool {
    /// Its name.
    pub name: AgentName,
    /// What it does, for the model.
    pub description: &'static str,
    /// What it does to the world.
    pub effect: WorldEffect,
    /// The JSON Schema of its arguments, made when it is first asked for.
    pub parameters: LazyLock<Schema>,
    /// The longest a call may take.
    pub limit: Duration,
    /// Says what is wrong with arguments.
    pub check: Check,
    /// Runs it.
    pub call: Take,
    /// Looks without a run; none for tools that change something or only look at what the run has come to.
    pub look: Option<Look>,
}

impl Tool {
    /// A tool whose arguments are `A`.
    ///
    /// # Panics
    /// When the name is not a snake_case name: names are constants of the code.
    pub fn new<A, F>(name: &'static str, description: &'static str, effect: WorldEffect, call: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: for<'a> Fn(&'a Context<'a>, A) -> CallFuture<'a> + 'static,
    {
        let misfit = move |error: serde_json::Error| format!("the arguments of `{name}` do not fit: {error}");
        Self {
            name: AgentName::parse(name).expect("a tool's name is a constant"),
            description,
            effect,
            parameters: LazyLock::new(|| Schema::new(schemars::schema_for!(A).to_value())),
            limit: LIMIT,
            check: Box::new(move |arguments| A::deserialize(arguments).map(drop).map_err(misfit)),
            call: Box::new(move |context, arguments| match A::deserialize(&arguments) {
                Ok(arguments) => call(context, arguments),
                Err(error) => {
                    let refused = ToolError::fault(Fault::BadArguments, misfit(error));
                    Box::pin(async move { Err(refused) })
                }
            }),
            look: None,
        }
    }

    /// A tool that only looks, and that needs nothing of the run to do so: what it finds is remembered at its place.
    ///
    /// # Panics
    /// As [`Tool::new`].
    pub fn looking<A, F>(name: &'static str, description: &'static str, look: F) -> Self
    where
        A: serde::Serialize + DeserializeOwned + JsonSchema + 'static,
        F: for<'a> Fn(&'a ops::Context, A, &'a CancellationToken) -> LookFuture<'a> + Copy + 'static,
    {
        let tool = Self::new(name, description, WorldEffect::Reads, move |context, arguments: A| {
            Box::pin(async move {
                let asked = serde_json::to_value(&arguments).expect("arguments came as JSON");
                let found = context.look(name, asked, async || look(context.ops, arguments, context.cancel).await);
                Ok(found.await?.into())
            })
        });
        tool.looks(look)
    }

    /// The same tool, which looks without a run, too.
    #[must_use]
    pub fn looks<A, F>(self, look: F) -> Self
    where
        A: DeserializeOwned + 'static,
        F: for<'a> Fn(&'a ops::Context, A, &'a CancellationToken) -> LookFuture<'a> + 'static,
    {
        let name = self.name.clone();
        let look: Look = Box::new(move |ops, arguments, cancel| match A::deserialize(&arguments) {
            Ok(arguments) => look(ops, arguments, cancel),
            Err(error) => {
                let hint = format!("give `{name}` what its description says");
                Box::pin(async move { Err(ops::Error::Usage { what: error.to_string(), hint }) })
            }
        });
        Self { look: Some(look), ..self }
    }

    /// The same tool with another limit.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

/// All tools.
pub struct Registry {
    tools: Vec<Tool>,
}

impl Default for Registry {
    fn default() -> Self {
        let quick = [
            conversation::tools(),
            spec::tools(),
            projects::tools(),
            servers::tools(),
            ports::tools(),
            resources::tools(),
            incidents::tools(),
            activation::tools(),
            github::tools(),
            report::tools(),
        ];
        let working = [build::tools(), check::tools(), ship::tools()];
        let working = working.into_iter().flatten().map(|tool| tool.within(WORK_LIMIT));
        let coding = [code::tools(), merge::tools()].into_iter().flatten().map(|tool| tool.within(CODE_LIMIT));
        Self::new(quick.into_iter().flatten().chain(working).chain(coding))
    }
}

impl Registry {
    /// These tools.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { tools: tools.into_iter().collect() }
    }

    /// The tool of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name.as_str() == name)
    }

    /// What a model is told of these tools; names without a tool are left out.
    #[must_use]
    pub fn specs(&self, names: &[AgentName]) -> Vec<ToolSpec> {
        names
            .iter()
            .filter_map(|name| self.find(name.as_str()))
            .map(|tool| ToolSpec {
                name: tool.name.to_string(),
                description: tool.description.to_owned(),
                parameters: tool.parameters.clone(),
            })
            .collect()
    }

    /// The names of all tools.
    #[must_use]
    pub fn names(&self) -> BTreeSet<AgentName> {
        self.iter().map(|tool| tool.name.clone()).collect()
    }

    /// All tools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter()
    }
}
