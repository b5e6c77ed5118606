//! The agents' tools and their one executor: an agent by a script at a desk with a store of its own. Whatever is wrong
//! with a call, or with a tool, becomes a result; what a tool does goes through the journal and happens once.

mod places;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cgo::domain::agent::Agent;
use cgo::domain::coder::CoderChoice;
use cgo::domain::guard::Guard;
use cgo::domain::names::{AgentName, ProjectName};
use cgo::domain::provider::ModelChoice;
use cgo::domain::redact::Secrets;
use cgo::domain::run::{NewProject, Request, Run};
use cgo::domain::state::{Field, Message as Said, ProjectState, Role};
use cgo::exec::identity;
use cgo::graph::engine::{NodeError, Outcome};
use cgo::graph::loaded::Loaded;
use cgo::graph::recorder::Recorder;
use cgo::llm::{Message, Provider, Reply, ReplyFuture, ToolCall};
use cgo::ops::leases::Leases;
use cgo::ops::{self, Context, agents, incidents, runs};
use cgo::pipeline::call::TOOL_CALL;
use cgo::pipeline::coding::Coders;
use cgo::pipeline::executor::{self, Visit};
use cgo::pipeline::journal::StoreJournal;
use cgo::pipeline::models::Chosen;
use cgo::pipeline::runner;
use cgo::pipeline::tools::{Output, Registry, Tool, ToolError, WorldEffect};
use cgo::store::Store;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::env::{shared_cache, tools_are_here};

/// A home with a store, and one run in it.
struct Desk {
    home: tempfile::TempDir,
    context: Context,
    run: Run,
}

impl Desk {
    async fn new() -> Self {
        Self::wishing(None).await
    }

    /// With a run that was asked for a server.
    async fn wishing(server: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let context = Context {
            store: Store::open("sqlite::memory:").await.unwrap(),
            data: home.path().join("data"),
            cache: shared_cache(),
            holder: identity::me(),
            supervisor: Vec::new(),
            user: "tester".to_owned(),
            person: cgo::domain::user::Person::operator("tester"),
            approvers: Vec::new(),
            answer_within: None,
            github: cgo::github::Access::from_env("http://127.0.0.1:9", |_| None),
            source: ops::real(),
            secrets: Secrets::default(),
            vault: cgo::vault::Vault::at(home.path().join("identity.txt")),
            ports: cgo::domain::server::PortRange::ALL,
            acme: cgo::domain::acme::Authorities::default(),
            agents: Arc::new(agents::Cache::new(Duration::ZERO)),
        };
        let parent = home.path().join("work");
        std::fs::create_dir(&parent).unwrap();
        let new = NewProject {
            text: "books".to_owned(),
            name: None,
            folder: None,
            parent: parent.display().to_string(),
            spec: None,
            until: None,
            deploy: false,
            server: server.map(|name| name.parse().unwrap()),
            github: None,
            assume: true,
            open: false,
            earlier: Vec::new(),
            models: ModelChoice::default(),
            coders: CoderChoice::default(),
            cassette: None,
        };
        let run = runner::create(&context, Request::NewProject(Box::new(new))).await.unwrap();
        Self { home, context, run }
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }
}

/// Answers in turn, and keeps what it was asked.
#[derive(Default)]
struct Script {
    replies: RefCell<VecDeque<Reply>>,
    asked: RefCell<Vec<cgo::llm::Request>>,
}

impl Provider for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn complete<'a>(&'a self, request: &'a cgo::llm::Request, _: cgo::llm::OnText<'a>) -> ReplyFuture<'a> {
        self.asked.borrow_mut().push(request.clone());
        let reply = self.replies.borrow_mut().pop_front().unwrap_or_else(|| Reply::text("done"));
        Box::pin(async move { Ok(reply) })
    }
}

/// What a visit came to: its outcome, and the results of its calls.
struct Came {
    outcome: Result<Outcome, NodeError>,
    results: Vec<Value>,
    /// How often the model was asked.
    asked: usize,
}

impl Came {
    /// The state after the visit.
    fn state(&self, before: &ProjectState) -> ProjectState {
        before.apply(&name("brainstorm"), &self.outcome.as_ref().unwrap().patch).unwrap()
    }

    fn error(&self, at: usize) -> &str {
        self.results[at]["error"].as_str().unwrap_or_else(|| panic!("{:?}", self.results))
    }
}

fn name(text: &str) -> AgentName {
    AgentName::parse(text).unwrap()
}

/// A call with arguments as JSON, or as they are when they are a text.
fn call(tool: &str, arguments: Value) -> Reply {
    let text = match arguments {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let call = ToolCall { id: "call".to_owned(), name: tool.to_owned(), arguments: text };
    Reply { tool_calls: vec![call], ..Reply::default() }
}

fn said(text: &str) -> ProjectState {
    let mut state = ProjectState::default();
    state.messages.push(Said { role: Role::User, agent: None, content: text.to_owned() });
    state
}

/// Lets `brainstorm`, granted every tool of the registry but `withheld`, work through the replies.
async fn visit(
    desk: &Desk,
    registry: &Registry,
    withheld: &str,
    number: u32,
    state: &ProjectState,
    replies: Vec<Reply>,
) -> Came {
    let (context, run) = (&desk.context, &desk.run);
    let leases = Leases::new(context);
    leases.take_run(&run.id).await.unwrap();
    let (snapshot, events, effects) = runs::journal(context, &run.id).await.unwrap();
    let loaded = Loaded::fold(snapshot, &events, effects).unwrap();
    let journal = StoreJournal::new(context, &leases, run.id.clone());
    let recorder = Recorder::new(run.id.clone(), journal, ops::real(), loaded);
    let tools: Vec<AgentName> =
        registry.iter().map(|tool| tool.name.clone()).filter(|tool| tool.as_str() != withheld).collect();
    let text = "id: brainstorm\nname: B\ndescription: d\nengine: model\nmax_turns: 12\nsystem_prompt: s\n";
    let fields: Vec<Field> = serde_json::from_value(json!([
        "messages",
        "current_project",
        "project_spec",
        "project_intent",
        "po_intent",
        "allocated_resources",
        "repo_info",
        "engineering_status",
        "needs_human_approval"
    ]))
    .unwrap();
    let agent = Agent {
        tools,
        handoffs: vec![name("product_owner"), name("reviewer")],
        writes: fields.iter().copied().collect(),
        reads: fields.into_iter().collect(),
        ..serde_yaml::from_str(text).unwrap()
    };
    let script = Rc::new(Script { replies: RefCell::new(replies.into()), asked: RefCell::default() });
    let chosen = Chosen { provider: script.clone(), model: String::new(), tariff: None };
    let graph = runner::graph().unwrap();
    let outcome = Visit {
        ops: context,
        run,
        leases: &leases,
        recorder: &recorder,
        agent: &agent,
        chosen: &chosen,
        registry,
        coders: &Coders::new(CoderChoice::default(), 1, |_| None),
        graph: &graph,
        handed_over: None,
        briefing: executor::briefing,
        activity: &|_| {},
        node: &agent.id,
        number,
        cancel: CancellationToken::new(),
        notes: &|_| {},
    }
    .work(state.clone())
    .await;
    recorder.flush().await.unwrap();
    leases.release().await.unwrap();
    let asked = script.asked.borrow();
    let messages = asked.last().map(|request| request.messages.clone()).unwrap_or_default();
    let results = messages.iter().filter_map(|message| match message {
        Message::Tool { content, .. } => serde_json::from_str(content).ok(),
        _ => None,
    });
    Came { outcome, results: results.collect(), asked: asked.len() }
}

/// Works through calls of the real tools, and goes on when each was answered.
async fn work(desk: &Desk, state: &ProjectState, calls: Vec<Reply>) -> Came {
    static VISITS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let number = VISITS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    visit(desk, &Registry::default(), "", number, state, calls).await
}

/// Takes no arguments.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Takes one.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape matters")]
struct One {
    number: u32,
}

/// Tools with every fault a tool can have. `acts` counts how often one of them has acted.
fn faulty(acts: &Rc<Cell<u32>>) -> Registry {
    let counted = Rc::clone(acts);
    let in_effect = Rc::clone(acts);
    Registry::new([
        Tool::new::<One, _>("fine", "", WorldEffect::Reads, |_, _| {
            Box::pin(std::future::ready(Ok(json!({ "ok": true }).into())))
        }),
        Tool::new::<Nothing, _>("withheld", "", WorldEffect::Reads, |_, _| {
            Box::pin(std::future::ready(Ok(Output::default())))
        }),
        Tool::new::<Nothing, _>("panics", "", WorldEffect::Changes, move |_, _| {
            counted.set(counted.get() + 1);
            panic!("index out of bounds\nsecond line")
        }),
        Tool::new::<Nothing, _>("sleeps", "", WorldEffect::Reads, |context, _| {
            Box::pin(async move {
                context.cancel.cancelled().await;
                Err(ToolError::Node(NodeError::Interrupted))
            })
        })
        .within(Duration::from_millis(30)),
        Tool::new::<Nothing, _>("breaks_off", "", WorldEffect::Changes, move |context, _| {
            let acts = Rc::clone(&in_effect);
            Box::pin(async move {
                let act = async |_: &str| -> Result<u32, ops::Error> {
                    acts.set(acts.get() + 1);
                    panic!("in the middle of an effect")
                };
                let found = async |_: &str| Ok(Some(7));
                let done = context.effect("strange", json!({}), found, act).await?;
                Ok(json!({ "found": done }).into())
            })
        }),
    ])
}

#[tokio::test]
async fn an_agent_that_is_stuck_asks_a_person_in_their_language() {
    let desk = Desk::new().await;
    let registry = Registry::default();
    for (number, text, asks) in [
        (1, "books", "no model fits; mend the project in its folder, commit, and approve to test it again"),
        (2, "журнал книг", "no model fits; исправьте проект в его папке, сделайте коммит и одобрите"),
    ] {
        let state = said(text);
        let replies = vec![call("report_blocked", json!({ "reason": "no model fits" }))];
        let came = visit(&desk, &registry, "", number, &state, replies).await;
        let reason = came.state(&state).human_approval_reason.unwrap_or_else(|| panic!("{:?}", came.results));
        assert!(reason.starts_with(asks), "{reason}");
    }
}

#[tokio::test]
async fn every_fault_of_a_call_or_a_tool_becomes_a_result_that_says_what_is_wrong() {
    let desk = Desk::new().await;
    let acts = Rc::new(Cell::new(0));
    let fine = || call("fine", json!({ "number": 1 }));
    let faults = [
        ("unknown_tool", "did you mean `fine`?", call("finn", json!({}))),
        ("not_granted", "is not for agent `brainstorm`", call("withheld", json!({}))),
        ("bad_arguments", "not JSON", call("fine", json!("{\"number\": 1"))),
        ("bad_arguments", "do not fit: missing field `number`", call("fine", json!({}))),
        ("bad_arguments", "unknown field `x`", call("fine", json!({ "number": 1, "x": 2 }))),
        ("panicked", "`panics` has a bug and did not finish: index out of bounds", call("panics", json!({}))),
        ("timeout", "`sleeps` took longer than 0 s", call("sleeps", json!({}))),
    ];
    let mut replies = Vec::new();
    for (_, _, wrong) in &faults {
        replies.extend([wrong.clone(), fine()]);
    }
    // The agent has twelve turns, so it takes two visits.
    let (first, second) = replies.split_at(8);
    let (one, two) = (
        visit(&desk, &faulty(&acts), "withheld", 1, &said("x"), first.to_vec()).await,
        visit(&desk, &faulty(&acts), "withheld", 2, &said("x"), second.to_vec()).await,
    );
    assert!(one.outcome.is_ok() && two.outcome.is_ok(), "{:?} {:?}", one.outcome, two.outcome);
    let results: Vec<&Value> = one.results.iter().chain(&two.results).step_by(2).collect();
    for ((fault, words, _), result) in faults.iter().zip(results) {
        assert_eq!(result["fault"], *fault, "{result}");
        assert!(result["error"].as_str().unwrap().contains(words), "{result}");
    }
    let lost: Vec<String> =
        runs::events(&desk.context, &desk.run.id, 0).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(lost.iter().filter(|kind| *kind == "tool_lost").count(), 2, "{lost:?}");

    // A resumed visit hears the same and does not act again.
    assert_eq!(acts.get(), 1);
    let again = visit(&desk, &faulty(&acts), "withheld", 2, &said("x"), Vec::new()).await;
    assert_eq!((again.asked, acts.get()), (0, 1), "nothing was asked or done again: {:?}", again.outcome);
    // What came of each call is kept, once: the wrong ones with why, and a fine one after each.
    let effects = runs::effects(&desk.context, &desk.run.id).await.unwrap();
    let ends = effects.iter().filter(|effect| effect.kind == TOOL_CALL).map(|effect| effect.result.as_deref().unwrap());
    let ends: Vec<Value> = ends.map(|end| serde_json::from_str(end).unwrap()).collect();
    assert_eq!(ends.len(), 2 * faults.len(), "{ends:?}");
    for ((fault, words, _), pair) in faults.iter().zip(ends.chunks(2)) {
        assert_eq!((&pair[0]["outcome"], &pair[1]), (&json!(fault), &json!({ "outcome": "done" })));
        assert!(pair[0]["reason"].as_str().unwrap().contains(words), "{pair:?}");
    }
}

#[tokio::test]
async fn a_tool_that_breaks_off_within_an_effect_stops_the_visit_and_resuming_probes_it() {
    let desk = Desk::new().await;
    let acts = Rc::new(Cell::new(0));
    let came = visit(&desk, &faulty(&acts), "", 1, &said("x"), vec![call("breaks_off", json!({}))]).await;
    let Err(NodeError::Blocked(failure)) = came.outcome else { panic!("{:?}", came.outcome) };
    assert_eq!(failure.exit, 10, "{failure:?}");
    assert!(failure.reason.contains("whether its last step happened"), "{failure:?}");
    let again = visit(&desk, &faulty(&acts), "", 1, &said("x"), Vec::new()).await;
    assert!(again.outcome.is_ok(), "{:?}", again.outcome);
    assert_eq!((&again.results[0], acts.get()), (&json!({ "found": 7 }), 1));
}

#[tokio::test]
async fn refused_calls_and_circles_end_at_a_guard_and_not_in_a_crash() {
    let desk = Desk::new().await;
    let acts = Rc::new(Cell::new(0));
    let wrong: Vec<Reply> = (0..4).map(|_| call("fine", json!({}))).collect();
    let came = visit(&desk, &faulty(&acts), "", 1, &said("x"), wrong).await;
    let Err(NodeError::Guarded(Guard::Refusals { times: 3, last, .. })) = came.outcome else {
        panic!("{:?}", came.outcome)
    };
    assert!(last.contains("missing field `number`"), "{last}");
    assert_eq!(came.asked, 3);
    let same: Vec<Reply> = (0..9).map(|_| call("fine", json!({ "number": 1 }))).collect();
    let came = visit(&desk, &faulty(&acts), "", 2, &said("x"), same).await;
    assert!(matches!(came.outcome, Err(NodeError::Guarded(Guard::Repeats { times: 4, .. }))), "{:?}", came.outcome);
    let endless: Vec<Reply> = (0..99).map(|number| call("fine", json!({ "number": number }))).chain([]).collect();
    let endless = endless.into_iter().enumerate().map(|(at, mut reply)| {
        reply.tool_calls[0].name = if at % 3 == 0 { "withheld" } else { "fine" }.to_owned();
        reply
    });
    let came = visit(&desk, &faulty(&acts), "withheld", 3, &said("x"), endless.collect()).await;
    assert!(
        matches!(came.outcome, Err(NodeError::Guarded(Guard::Turns { taken: 12, more: 12, .. }))),
        "{:?}",
        came.outcome
    );
}

#[tokio::test]
async fn an_agent_that_only_talks_is_reminded_once_of_its_tools() {
    let desk = Desk::new().await;
    let replies = vec![Reply::text("I would say …"), call("list_projects", json!({})), Reply::text("done")];
    let came = work(&desk, &said("x"), replies).await;
    assert!(came.outcome.is_ok());
    assert_eq!((came.asked, came.results.len()), (3, 1));
    let silent = work(&desk, &said("x"), vec![Reply::text("nothing is to be done"), Reply::text("nothing")]).await;
    assert!(silent.outcome.is_ok_and(|outcome| outcome.patch.is_empty()));
    assert_eq!(silent.asked, 2);
}

#[tokio::test]
async fn handing_over_goes_to_whom_the_file_allows_and_who_has_a_node() {
    let desk = Desk::new().await;
    let to = |to: &str, reason: &str| call("handoff", json!({ "to": to, "reason": reason }));
    let came =
        work(&desk, &said("x"), vec![to("tester", "y"), to("product_owner", " "), to("product_owner", "why")]).await;
    let outcome = came.outcome.unwrap();
    assert_eq!(outcome.handoff, Some((name("product_owner"), "why".to_owned())));
    let came = work(&desk, &said("x"), vec![to("product_ower", "y"), Reply::text("no"), Reply::text("no")]).await;
    assert!(came.error(0).contains("did you mean `product_owner`?"), "{}", came.error(0));
}

#[tokio::test]
async fn an_incident_reported_twice_is_one_and_is_resolved_by_its_id() {
    let desk = Desk::new().await;
    let report = |details: &str| {
        let arguments = json!({ "kind": "no_room", "server": "local", "title": "disk full", "details": details });
        call("create_incident", arguments)
    };
    let came =
        work(&desk, &said("x"), vec![report("91 %"), report("95 %"), call("list_active_incidents", json!({}))]).await;
    assert_eq!(
        (&came.results[0]["reports"], &came.results[1]["reports"]),
        (&json!(1), &json!(2)),
        "{:?}",
        came.results
    );
    assert_eq!(came.results[0]["incident"], came.results[1]["incident"]);
    let listed = came.results[2]["incidents"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["details"]), (1, &json!("95 %")));
    let end = json!({ "incident": listed[0]["incident"], "resolution": "logs were rotated" });
    let nobody = call("create_incident", json!({ "kind": "other", "server": "fra9", "title": "x" }));
    let calls = vec![call("resolve_incident", end), nobody, call("list_active_incidents", json!({}))];
    let came = work(&desk, &said("x"), calls).await;
    assert_eq!(came.results[0]["status"], "resolved");
    assert!(came.error(1).contains("no server `fra9`; the servers are local"), "{}", came.error(1));
    assert_eq!(came.results[2]["incidents"], json!([]));
    assert_eq!(incidents::active(&desk.context).await.unwrap(), []);
}

#[tokio::test]
async fn a_resumed_visit_reports_no_incident_twice() {
    let desk = Desk::new().await;
    let report = call("create_incident", json!({ "kind": "other", "title": "queue full" }));
    let registry = Registry::default();
    for _ in 0..2 {
        let came = visit(&desk, &registry, "", 900, &said("x"), vec![report.clone()]).await;
        assert_eq!(came.results.first().map(|result| result["reports"].clone()).unwrap_or(json!(1)), json!(1));
    }
    assert_eq!(incidents::active(&desk.context).await.unwrap()[0].reports, 1);
}

fn spec() -> Value {
    json!({
        "project": { "name": "books", "title": "Books", "description": "books" },
        "modules": ["backend", "telegram_bot"],
        "models": [{ "name": "Book", "fields": [{ "name": "title", "type": "string" }] }]
    })
}

#[tokio::test]
async fn a_project_is_made_once_asked_how_it_stands_and_taken_into_maintenance() {
    if !tools_are_here() {
        return;
    }
    let desk = Desk::new().await;
    let before = said("books");
    let created = json!({ "name": "books", "title": "B", "description": "" });
    let calls = vec![
        call("create_project", created.clone()),
        call("create_project", created),
        call("propose_spec", json!({ "spec": spec() })),
        call("get_project_status", json!({})),
        call("set_project_maintenance", json!({ "on": true, "reason": "a new field" })),
        call("list_projects", json!({})),
        call("get_project_status", json!({ "project": "book" })),
        call("set_project_maintenance", json!({ "on": false, "reason": "done" })),
    ];
    let came = work(&desk, &before, calls).await;
    assert!(came.error(1).contains("works on project `books` already"));
    assert_eq!(came.results[2]["project"], "books");
    assert_eq!((&came.results[3]["title"], &came.results[3]["serves"]), (&json!("Books"), &json!(false)));
    assert!(came.results[3]["missing_secrets"]["not_known"].is_string(), "not known is not none: {}", came.results[3]);
    assert_eq!(came.results[5]["projects"][0]["status"], "maintenance");
    assert_eq!(came.results[7]["status"], "built");
    assert!(came.error(6).contains("the projects are books"), "{}", came.error(6));
    let after = came.state(&before);
    assert_eq!(after.project_intent.unwrap().not_built.len(), 1, "the bot comes later");
    let project = ops::projects::by_name(&desk.context, &ProjectName::parse("books").unwrap()).await.unwrap();
    assert_eq!((project.title.as_str(), project.folder), ("Books", desk.work().join("books").display().to_string()));
}

#[tokio::test]
async fn the_spec_is_read_and_changed_in_checked_steps() {
    if !tools_are_here() {
        return;
    }
    let desk = Desk::new().await;
    let before = said("books");
    let proposed = work(&desk, &before, vec![call("propose_spec", json!({ "spec": spec() }))]).await;
    let state = proposed.state(&before);
    let author = json!({ "name": "author", "type": { "ref": { "model": "Author" } } });
    let add_model =
        json!({ "op": "add_model", "model": { "name": "Author", "fields": [{ "name": "name", "type": "string" }] } });
    let add_field = json!({ "op": "add_field", "model": "Book", "field": author });
    let calls = vec![
        call("edit_spec", json!({ "edits": [add_field] })),
        call("write_domains", json!({})),
        call("edit_spec", json!({ "edits": [add_model, add_field] })),
        call("read_spec", json!({ "model": "Author" })),
        call("edit_spec", json!({ "edits": [{ "op": "remove_field", "model": "Book", "field": "isbn" }] })),
        call("edit_spec", json!({ "edits": [{ "op": "set_project", "title": "Books" }] })),
    ];
    let came = work(&desk, &state, calls).await;
    assert!(came.error(0).contains("Author"), "a reference to nothing is refused: {}", came.error(0));
    assert_eq!(came.results[2]["operations"], 10, "{:?}", came.results[2]);
    assert_eq!(came.results[3]["pointed_to_by"], json!(["Book.author"]));
    assert!(came.error(4).contains("no field `isbn`; there are title, author"), "{}", came.error(4));
    assert_eq!(came.results[5], json!({ "changed": false }));
    assert_eq!(came.state(&state).project_spec.unwrap().models.len(), 2);
}

#[tokio::test]
async fn a_stored_agent_that_is_granted_a_tool_that_is_gone_is_refused_when_it_is_loaded() {
    let desk = Desk::new().await;
    let tester = name("tester");
    let newest = agents::newest(&desk.context, &tester).await.unwrap();
    let text = agents::with_value(&newest.text, "tools", "[run_tests, probe_servic]").unwrap();
    agents::save(&desk.context, &tester, newest.version, &text, "an older cgo").await.unwrap();
    let error = agents::ready(&desk.context, &tester, &Registry::default().names()).await.unwrap_err();
    let said = ops::explain(&error);
    assert!(said.contains("the file of agent `tester` is wrong at line"), "{said}");
    assert!(said.contains("no tool `probe_servic`; did you mean `probe_service`?"), "{said}");
    let models =
        cgo::pipeline::models::Models::new(&BTreeMap::new(), ModelChoice::default(), |_| None, Secrets::default());
    let coders = Coders::new(CoderChoice::default(), 1, |_| None);
    let (cancel, none) = (CancellationToken::new(), (&ModelChoice::default(), CoderChoice::default()));
    let refused = runner::check(&desk.context, &models, &coders, none, &cancel).await.unwrap_err();
    assert!(refused.to_string().contains("probe_servic"), "a run does not begin with it: {refused}");
}

#[test]
fn every_tool_says_what_it_does_and_takes_arguments_that_are_described() {
    for tool in Registry::default().iter() {
        assert!(tool.description.len() > 20, "{}", tool.name);
        assert!(tool.limit >= Duration::from_secs(1), "{}", tool.name);
        let schema = &*tool.parameters;
        jsonschema::validator_for(schema.value()).unwrap_or_else(|error| panic!("{}: {error}", tool.name));
        let properties = schema.value()["properties"].as_object().cloned().unwrap_or_default();
        for (argument, of) in properties {
            let described = of.get("description").is_some() || of.get("$ref").is_some() || of.get("anyOf").is_some();
            assert!(described, "`{argument}` of `{}` is not described: {of}", tool.name);
        }
        assert!((tool.check)(&json!({ "surely_not": 1 })).is_err(), "{} takes anything", tool.name);
    }
}
