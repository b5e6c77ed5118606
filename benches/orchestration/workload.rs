//! The workload of the kit, for cgo: the same graph, prompts, tools and results, through the pipeline that `cgo`
//! itself runs on. Nothing is left out: leases, journal, ledger with a price, budgets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cgo::domain::coder::CoderChoice;
use cgo::domain::ids::RunId;
use cgo::domain::names::AgentName;
use cgo::domain::provider::{AT_ONCE, Endpoint, ModelChoice, Price, Wire};
use cgo::domain::redact::Secrets;
use cgo::domain::run::{NewProject, Request};
use cgo::domain::state::{Allocation, Change, EngineeringStatus, ProjectState, TestResults};
use cgo::graph::definition::Graph;
use cgo::ops::Context;
use cgo::ops::agents::{self, Cache};
use cgo::pipeline::coding::Coders;
use cgo::pipeline::executor::Visit;
use cgo::pipeline::models::Models;
use cgo::pipeline::runner::{self, Pipeline, Watch};
use cgo::pipeline::tools::{Context as ToolContext, Output, Registry, Tool, ToolError, WorldEffect};
use cgo::pipeline::{Ended, NodeEnd, Observer};
use cgo::store::Store;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const GRAPH: &str = "
bounds: {steps_per_run: 60, visits_per_edge: 3}
start: [{to: [product_owner]}]
nodes:
  product_owner: {agent: product_owner, label: Owner, next: [{to: [zavhoz, architect]}]}
  zavhoz: {agent: zavhoz, label: Place, next: [{to: [devops]}]}
  architect: {agent: architect, label: Plan, next: [{to: [developer]}]}
  developer: {agent: developer, label: Code, next: [{to: [tester]}]}
  tester:
    agent: tester
    label: Test
    next: [{when: {engineering_status: done}, to: [devops]}, {to: [developer]}]
  devops: {agent: devops, label: Deploy, join: true, next: [{to: [documenter]}]}
  documenter: {agent: documenter, label: Report}
";

/// The agents and their tools; the model calls the first one.
const TOOLS: [(&str, [&str; 4]); 7] = [
    ("product_owner", ["create_project", "list_projects", "ask_user", "set_status"]),
    ("zavhoz", ["find_server", "allocate_port", "list_servers", "server_info"]),
    ("architect", ["write_spec", "select_modules", "create_repo", "read_repo"]),
    ("developer", ["write_file", "read_file", "run_shell", "git_commit"]),
    ("tester", ["run_tests", "read_log", "diff", "report"]),
    ("devops", ["ssh_exec", "compose_up", "dns_set", "healthcheck"]),
    ("documenter", ["write_doc", "read_doc", "list_docs", "link_check"]),
];
/// The agents whose tool changes the world outside: its intent is on disk before it acts.
const OUTSIDE: [&str; 4] = ["zavhoz", "developer", "devops", "documenter"];

/// Set in the process that is to kill itself when devops acts.
pub static KILL: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    target: String,
    note: String,
    #[serde(default = "one")]
    count: i64,
}

fn one() -> i64 {
    1
}

fn result(arguments: &Arguments) -> Value {
    assert!(!arguments.target.is_empty() && !arguments.note.is_empty() && arguments.count == 1);
    json!({ "ok": true, "detail": "x".repeat(270) })
}

async fn act(context: &ToolContext<'_>, arguments: Arguments) -> Result<Output, ToolError> {
    let agent = context.node.as_str();
    let args = json!({ "target": arguments.target });
    let content: Value = if OUTSIDE.contains(&agent) {
        let act = async |_: &str| {
            if agent == "devops" && KILL.load(Ordering::Relaxed) {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                    .expect("a process may kill itself");
            }
            Ok(result(&arguments))
        };
        context.effect("act", args, async |_| Ok(None), act).await?
    } else {
        context.remember("look", args, async || Ok(result(&arguments))).await?
    };
    match agent {
        "zavhoz" => context.change(Change::AllocatedResources {
            key: "srv1:8080".to_owned(),
            allocation: Allocation {
                server_handle: "srv1".to_owned(),
                server_ip: "192.0.2.1".to_owned(),
                port: 8080,
                service_name: "backend".to_owned(),
            },
        }),
        "tester" => {
            let failed = u32::from(context.state.engineering_iterations == 0);
            context.change(Change::EngineeringIterations(context.state.engineering_iterations + 1));
            context.change(Change::TestResults(TestResults {
                passed: 1 - failed,
                failed,
                skipped: 0,
                output: "x".repeat(200),
                commit: String::new(),
            }));
            let status = if failed == 0 { EngineeringStatus::Done } else { EngineeringStatus::Working };
            context.change(Change::EngineeringStatus(status));
        }
        "devops" => context.change(Change::DeployedUrl("https://todo.example".to_owned())),
        _ => {}
    }
    Ok(content.into())
}

/// The kit's prompt: its words, its length, and what the server is to answer.
fn briefing(visit: &Visit<'_>, state: &ProjectState) -> String {
    let project = json!({ "name": "todo-bot", "modules": ["api", "bot"], "detail": "y".repeat(600) });
    let resources: BTreeMap<&String, Value> = state
        .allocated_resources
        .iter()
        .map(|(key, place)| (key, json!({ "server": place.server_handle, "port": place.port })))
        .collect();
    let name = visit.agent.id.as_str();
    let reply = match (name, state.engineering_iterations) {
        ("tester", 0) => "VERDICT FAIL".to_owned(),
        ("tester", _) => "VERDICT PASS".to_owned(),
        _ => format!("{name} done"),
    };
    format!(
        "Project: {project}\nIteration: {}\nResources: {}\nTask for {name}. [[reply:{reply}]]",
        state.engineering_iterations,
        json!(resources)
    )
}

pub fn pipeline() -> Pipeline {
    let names = TOOLS.map(|(agent, _)| AgentName::parse(agent).expect("a name"));
    let tools = TOOLS.iter().flat_map(|(_, tools)| tools).map(|name| {
        let description: &'static str = format!("{name}: do it and return a JSON result. ").repeat(3).leak();
        Tool::new(name, description, WorldEffect::Changes, |context, arguments| Box::pin(act(context, arguments)))
    });
    Pipeline {
        graph: Graph::parse(GRAPH, &BTreeSet::from(names)).expect("the graph is sound"),
        registry: Registry::new(tools),
        briefing,
    }
}

/// Nobody watches.
pub struct Unseen;

impl Observer for Unseen {
    fn node_started(&self, _: u32, _: &AgentName, _: &str) {}
    fn node_finished(&self, _: u32, _: &AgentName, _: NodeEnd) {}
}

impl Watch for Unseen {
    fn note(&self, _: &AgentName, _: &str) {}
}

/// A process that takes runs up.
pub struct Party {
    context: Context,
    models: Models,
    coders: Coders,
    pipeline: Pipeline,
}

impl Party {
    /// On a store, made where it is missing, and a server that answers as a model.
    pub async fn open(stub: &str, store: &Path) -> Self {
        let fresh = !store.exists();
        let context = Context {
            store: Store::open(&store.display().to_string()).await.expect("the store opens"),
            data: store.with_extension("data"),
            cache: store.with_extension("cache"),
            holder: cgo::exec::identity::me(),
            supervisor: Vec::new(),
            user: "bench".to_owned(),
            person: cgo::domain::user::Person::operator("bench"),
            approvers: Vec::new(),
            answer_within: None,
            github: cgo::github::Access::from_env("http://127.0.0.1:9", |_| None),
            source: cgo::ops::real(),
            secrets: Secrets::default(),
            vault: cgo::vault::Vault::at(store.with_extension("identity")),
            ports: cgo::domain::server::PortRange::ALL,
            acme: cgo::domain::acme::Authorities::default(),
            agents: Arc::new(Cache::new(Duration::from_mins(10))),
        };
        if fresh {
            save_agents(&context).await;
        }
        let usd = |text: &str| text.parse().expect("an amount");
        let endpoint = Endpoint {
            wire: Wire::Openai,
            url: format!("http://{stub}/v1"),
            key_env: Some("KEY".to_owned()),
            model: "stub".to_owned(),
            fallback: None,
            stream: false,
            at_once: AT_ONCE,
            price: Some(Price { input: usd("0.15"), output: usd("0.60"), cached: None, cache_write: None }),
        };
        let choice = ModelChoice { provider: Some("stub".to_owned()), ..ModelChoice::default() };
        let models =
            Models::new(&[("stub".to_owned(), endpoint)].into(), choice, |_| Some("k".to_owned()), Secrets::default());
        let coders = Coders::new(CoderChoice::default(), 1, |_| None);
        Self { context, models, coders, pipeline: pipeline() }
    }

    pub async fn close(self) {
        self.context.store.close().await;
    }

    /// One run from its request to its end.
    pub async fn run(&self) {
        let request = Request::NewProject(Box::new(NewProject {
            text: "Build me a todo bot with an API, deploy it and document it.".to_owned(),
            name: None,
            folder: None,
            parent: "/nowhere".to_owned(),
            spec: None,
            until: None,
            deploy: true,
            server: None,
            github: None,
            assume: true,
            open: false,
            earlier: Vec::new(),
            models: ModelChoice::default(),
            coders: CoderChoice::default(),
            cassette: None,
        }));
        let run = runner::begin(&self.context, request).await.expect("the run is made");
        self.go_on(&run.id).await;
    }

    /// The run that a dead process left.
    pub async fn resume(&self) {
        let run = cgo::ops::runs::resumable(&self.context).await.expect("one run was left");
        self.go_on(&run.id).await;
    }

    async fn go_on(&self, run: &RunId) {
        let cancel = CancellationToken::new();
        let driven =
            runner::drive_in(&self.pipeline, &self.context, &self.models, &self.coders, run, &Unseen, &cancel).await;
        let ended = driven.expect("the run goes to its end");
        assert_eq!(ended, Ended::Succeeded);
    }
}

async fn save_agents(context: &Context) {
    for (name, tools) in TOOLS {
        let rules = "Follow the house rules, use the tools, answer briefly. ".repeat(60);
        let mut prompt = format!("You are the {name} agent of a software factory. {rules}");
        prompt.truncate(2000);
        let text = format!(
            "id: {name}\nname: {name}\ndescription: bench\nengine: model\ntools: [{}]\nreads: []\n\
             writes: [allocated_resources, engineering_iterations, test_results, engineering_status, deployed_url]\n\
             system_prompt: {}\n",
            tools.join(", "),
            json!(prompt)
        );
        let name = AgentName::parse(name).expect("a name");
        let seen = agents::newest(context, &name).await.expect("the built-in one").version;
        agents::save(context, &name, seen, &text, "edit").await.expect("the file is sound");
    }
}
