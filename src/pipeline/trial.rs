//! One agent alone on one input: the calls it would make, and what asking it cost. Nothing is changed: tools that only
//! look at what there is do so, results of all others are made up as "done". What is spent stands in the ledger under the trial's own id, reserved before a call and settled after it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::executor::projection;
use super::meter::{Metered, OverLimit, Stopped};
use super::models::{self, Models};
use super::tools::{Registry, Tool, WorldEffect};
use crate::domain::agent::Agent;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::{RunId, TrialId};
use crate::domain::ledger::{Entry, Standing};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::provider::ModelChoice;
use crate::domain::run::Batch;
use crate::domain::state::{Message as Said, ProjectState, Role};
use crate::graph::limit::Whose;
use crate::graph::loaded::Loaded;
use crate::graph::progress::Progress;
use crate::graph::recorder::{Journal, JournalError, Recorder, Written};
use crate::llm::retry::{Owner, Policy, Real};
use crate::llm::{self, Message, Provider, Request, ToolCall};
use crate::ops::{self, Context, agents, costs};

/// Tools that end a visit: somebody else goes on.
const ENDING: [&str; 3] = ["ask_user", "handoff", "save_project_secret"];

/// Why an agent could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A use case failed.
    #[error(transparent)]
    Ops(#[from] ops::Error),
    /// Nobody can decide for the agent.
    #[error(transparent)]
    Models(#[from] models::Error),
    /// The model gave no answer.
    #[error(transparent)]
    Model(#[from] llm::Error),
    /// Nobody knows what the model costs.
    #[error("nobody knows what model `{0}` costs, so it was not asked")]
    Unpriced(String),
    /// The next call could cost more than is allowed.
    #[error("{}", .0.words(crate::domain::spec::Language::En))]
    Limit(OverLimit),
    /// What was spent cannot be written down.
    #[error("what asking costs cannot be written down")]
    Ledger(#[source] JournalError),
}

impl Error {
    fn stopped(why: Stopped) -> Self {
        match why {
            Stopped::Limit(over) => Self::Limit(over),
            Stopped::Unpriced(model) => Self::Unpriced(model),
            Stopped::Uncounted(error) => Self::Ops(*error),
        }
    }
}

/// The store's own error.
fn of_store(error: &JournalError) -> Option<&ops::Error> {
    let JournalError::Store(source) = error else { return None };
    source.downcast_ref()
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Ops(error) => error.kind(),
            Self::Models(error) => error.kind(),
            Self::Model(llm::Error::Unanswerable { .. }) => Kind::Usage,
            Self::Model(error) => error.kind(),
            Self::Unpriced(_) | Self::Limit(_) => Kind::User,
            Self::Ledger(error) => of_store(error).map_or(Kind::Internal, ops::Error::kind),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Ops(error) => error.advice(),
            Self::Models(error) => error.advice(),
            Self::Model(llm::Error::Unanswerable { .. }) => Some(Advice::Do(
                "give it an input it has a part in, or run the whole pipeline with `cgo project new`".to_owned(),
            )),
            Self::Model(error) => error.advice(),
            Self::Unpriced(_) => Some(Advice::Do(
                "name its price under `providers` in the settings file, or pass --allow-unpriced".to_owned(),
            )),
            Self::Limit(over) => Some(Advice::Do(match &over.whose {
                Whose::Run => "pass a higher --budget".to_owned(),
                Whose::Agent(agent) => format!("allow it more with `cgo agent set {agent} budget …`"),
                Whose::Project => "allow projects more with `budget_project` in the settings file".to_owned(),
                Whose::Day(_) => "allow more with `budget_day` in the settings file, or try it tomorrow".to_owned(),
            })),
            Self::Ledger(error) => of_store(error).and_then(ops::Error::advice),
        }
    }
}

/// One call an agent made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Call {
    /// The turn, from 1.
    pub turn: u32,
    /// The tool.
    pub tool: String,
    /// The arguments; text where they are no JSON.
    pub arguments: Value,
    /// What the tool does to the world; absent for one that there is not.
    pub effect: Option<WorldEffect>,
    /// Why the call would be refused before it acts.
    pub refused: Option<String>,
    /// What it found, where it only looks and needs no run to do so; every other result is made up.
    pub found: Option<Value>,
}

/// What asking used and cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Spent {
    /// How often a model was asked, repeated attempts included.
    pub calls: u64,
    /// Tokens of the questions.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens of the questions that came from the provider's cache.
    pub cached_tokens: u64,
    /// What it cost.
    pub cost: Usd,
    /// The provider did not count everything: some of it is estimated.
    pub estimated: bool,
    /// Nobody knows the price of some of it; that is not in the cost.
    pub unpriced: bool,
}

impl Spent {
    fn add(&mut self, entry: &Entry) {
        self.calls += 1;
        self.input_tokens += entry.input_tokens;
        self.output_tokens += entry.output_tokens;
        self.cached_tokens += entry.cached_tokens;
        self.cost += entry.cost;
        self.estimated |= matches!(entry.standing, Standing::Estimated | Standing::Reserved);
        self.unpriced |= entry.standing == Standing::Unpriced;
    }

    fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut spent = Self::default();
        entries.into_iter().for_each(|entry| spent.add(entry));
        spent
    }
}

/// What an agent did with an input.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trial {
    /// The name under which the ledger has what it cost.
    pub trial: TrialId,
    /// Who was asked.
    pub provider: String,
    /// The model; empty for the provider's own choice, or where there is none.
    pub model: String,
    /// How often it was asked.
    pub turns: u32,
    /// Its calls, in order.
    pub calls: Vec<Call>,
    /// What it said at the end.
    pub closing: Option<String>,
    /// What each turn used and cost.
    pub by_turn: Vec<Spent>,
    /// What all of it used and cost.
    pub spent: Spent,
}

/// The names of all tools.
#[must_use]
pub fn tool_names() -> BTreeSet<AgentName> {
    Registry::default().names()
}

/// Writes down what calls cost, and keeps it.
#[derive(Clone)]
struct Ledger<'a> {
    context: &'a Context,
    trial: TrialId,
    kept: Rc<RefCell<Vec<Entry>>>,
}

impl Journal for Ledger<'_> {
    async fn write(&self, batch: &Batch) -> Result<Written, JournalError> {
        let written = costs::charge_trial(self.context, &self.trial, &batch.calls).await;
        written.map_err(|error| JournalError::Store(Box::new(error)))?;
        let mut kept = self.kept.borrow_mut();
        for call in &batch.calls {
            match kept.iter_mut().find(|entry| entry.key == call.key) {
                Some(entry) => *entry = call.clone(),
                None => kept.push(call.clone()),
            }
        }
        Ok(Written { cancel_wanted_by: None })
    }
}

fn recorder<'a>(ledger: &Ledger<'a>) -> Recorder<Ledger<'a>> {
    let progress = Progress::created(ProjectState::default());
    let loaded = Loaded { progress, seq: 0, snapshot_at: 0, effects: Vec::new(), calls: Vec::new() };
    Recorder::new(RunId::new(ops::now(), ops::random()), ledger.clone(), ops::real(), loaded)
}

/// Lets an agent work on an input without a run.
///
/// # Errors
/// When there is no such agent, it cannot answer, or asking could cost more than is allowed.
pub async fn run(
    context: &Context,
    models: &Models,
    name: &AgentName,
    input: &str,
    choice: &ModelChoice,
    cancel: &CancellationToken,
) -> Result<Trial, Error> {
    let registry = Registry::default();
    let agent = agents::ready(context, name, &registry.names()).await?;
    let mut chosen = models.of(&agent, choice)?;
    let trial = TrialId::new(context.now(), ops::random());
    if let Some(tariff) = &mut chosen.tariff {
        // It is for no project.
        tariff.budgets.project = None;
        tariff.count(context, trial.as_str(), None).await.map_err(Error::stopped)?;
    }
    let ledger = Ledger { context, trial: trial.clone(), kept: Rc::default() };
    let recorder = recorder(&ledger);
    let metered = chosen.tariff.as_ref().map(|tariff| Metered {
        provider: &*chosen.provider,
        tariff,
        recorder: &recorder,
        agent: &agent.id,
        agent_limit: agent.budget.and_then(Usd::from_dollars),
        visit: 1,
        stopped: RefCell::default(),
        cost: Cell::default(),
    });
    let provider: &dyn Provider = metered.as_ref().map_or(&*chosen.provider, |metered| metered);
    let world = Real::default();
    let owner = Owner { provider, policy: Policy::default(), world: &world, observer: &|_| {}, cancel };
    let mut state = ProjectState::default();
    state.messages.push(Said { role: Role::User, agent: None, content: input.to_owned() });
    let task = json!({
        "node": agent.id, "request": "new_project", "language": state.language(),
        "state": projection(&agent, &state), "assume": true,
    });
    let mut messages =
        vec![Message::System { content: agent.system_prompt.clone() }, Message::User { content: task.to_string() }];
    let model = match &chosen.tariff {
        Some(tariff) if chosen.model.is_empty() => tariff.endpoint.model.clone(),
        _ => chosen.model.clone(),
    };
    let provider_name = chosen.provider.name().to_owned();
    let mut trial = Trial {
        trial,
        provider: provider_name,
        model,
        turns: 0,
        calls: Vec::new(),
        closing: None,
        by_turn: Vec::new(),
        spent: Spent::default(),
    };
    while trial.turns < agent.max_turns {
        trial.turns += 1;
        let request = Request {
            agent: agent.id.clone(),
            model: chosen.model.clone(),
            temperature: agent.temperature,
            max_tokens: agent.max_tokens,
            messages: messages.clone(),
            tools: registry.specs(&agent.tools),
        };
        let before = ledger.kept.borrow().len();
        // What the call may cost goes to disk while the model thinks.
        let answered = tokio::select! {
            biased;
            answered = owner.ask(&request, &|_| {}) => answered,
            failed = recorder.keep_up() => return Err(Error::Ledger(failed)),
        };
        recorder.flush().await.map_err(Error::Ledger)?;
        if let Some(stopped) = metered.as_ref().and_then(|metered| metered.stopped.take()) {
            return Err(Error::stopped(stopped));
        }
        trial.by_turn.push(Spent::of(&ledger.kept.borrow()[before..]));
        trial.spent = Spent::of(ledger.kept.borrow().iter());
        let reply = answered?;
        if reply.tool_calls.is_empty() {
            trial.closing = reply.content;
            break;
        }
        messages.push(reply.message());
        for call in reply.tool_calls {
            let (call_id, name) = (call.id.clone(), call.name.clone());
            let (call, result) = carry_out(context, &registry, &agent, trial.turns, call, cancel).await;
            messages.push(Message::Tool { call_id, name, content: result.to_string() });
            let ends = ENDING.contains(&call.tool.as_str()) && call.refused.is_none();
            trial.calls.push(call);
            if ends {
                return Ok(trial);
            }
        }
    }
    Ok(trial)
}

/// What becomes of a call: what is kept of it, and the result the agent is told.
async fn carry_out(
    context: &Context,
    registry: &Registry,
    agent: &Agent,
    turn: u32,
    call: ToolCall,
    cancel: &CancellationToken,
) -> (Call, Value) {
    let tool = registry.find(&call.name).filter(|tool| agent.tools.contains(&tool.name));
    let parsed = call.parsed();
    let refused = match (&parsed, tool) {
        (_, None) => Some(format!("there is no tool `{}` for this agent", call.name)),
        (Err(error), Some(_)) => Some(format!("the arguments are not JSON: {error}")),
        (Ok(arguments), Some(tool)) => (tool.check)(arguments).err(),
    };
    let arguments = parsed.unwrap_or(Value::String(call.arguments));
    let found = match tool.filter(|_| refused.is_none()) {
        Some(tool) => look(context, tool, &arguments, cancel).await,
        None => None,
    };
    let result = match (&refused, &found) {
        (Some(reason), _) => json!({ "error": reason }),
        (None, Some(found)) => found.clone(),
        (None, None) => json!({ "ok": true }),
    };
    let effect = tool.map(|tool| tool.effect);
    (Call { turn, tool: call.name, arguments, effect, refused, found }, result)
}

/// What a tool finds that only looks; none for all others.
async fn look(context: &Context, tool: &Tool, arguments: &Value, cancel: &CancellationToken) -> Option<Value> {
    let look = tool.look.as_ref()?;
    let failed = |reason: String| json!({ "error": reason });
    let looked = tokio::time::timeout(tool.limit, look(context, arguments.clone(), cancel)).await;
    Some(match looked {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            // As in a run: the model sees the reason alone, so what to do is part of it.
            let hint = error.advice().map(|advice| format!("; {}", advice.words())).unwrap_or_default();
            failed(format!("{}{hint}", ops::explain(&error)))
        }
        Err(_) => failed(format!("`{}` took longer than {} s", tool.name, tool.limit.as_secs())),
    })
}
