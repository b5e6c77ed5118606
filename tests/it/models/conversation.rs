//! The conversation with models behind the agents: asked and answered over the wire by a script, in any order the
//! agents' files allow, across processes.

use std::path::Path;
use std::process::Command;

use cgo::domain::provider::Wire;
use cgo::llm::{Reply, Request};
use serde_json::{Value, json};

use super::pipeline::{ANSWERED, ASKED, asked, files, home, offline, run, spoken};
use super::server::{Answer, Server};
use crate::support::env::{Ran, TestEnv, tools_are_here};

/// How many results of calls the conversation holds.
pub fn turn(request: &Request) -> usize {
    request.results().count()
}

/// The newest result of a call.
fn last(request: &Request) -> String {
    request.results().last().map(|(_, content)| content.to_owned()).unwrap_or_default()
}

/// An answer that makes one call.
pub fn call(name: &str, arguments: &Value) -> Reply {
    Reply::call(format!("call_{name}"), name, arguments)
}

/// A server that answers by a script, and as the offline provider where the script says nothing.
pub async fn scripted(script: impl Fn(&Value, &Request) -> Option<Reply> + Send + 'static) -> Server {
    Server::thinking(Wire::Openai, move |question: &Value| -> Answer {
        let (task, request) = asked(question);
        let mut reply = script(&task, &request).unwrap_or_else(|| offline(&request));
        for (at, call) in reply.tool_calls.iter_mut().enumerate() {
            call.id = format!("{}_{}_{at}", call.id, turn(&request));
        }
        spoken(&reply)
    })
    .await
}

fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub async fn new(env: &TestEnv, text: &str, more: &[&str]) -> Ran {
    let mut words = arguments(&["project", "new", text, "--provider", "mine"]);
    words.extend(arguments(more));
    run(env, &words).await
}

/// The only run there is, as `run show` tells it.
fn shown(env: &TestEnv) -> Value {
    env.json(["run", "show"])
}

fn id(shown: &Value) -> String {
    shown["run"]["id"].as_str().unwrap().to_owned()
}

fn question(text: &str) -> Value {
    json!({ "id": "q", "text": text, "choices": [], "assumption": "yes" })
}

fn spec() -> Value {
    json!({
        "project": { "name": "books", "title": "Books", "description": "books", "language": "en" },
        "modules": ["backend"],
        "models": [{ "name": "Book", "fields": [{ "name": "title", "type": "string" }] }]
    })
}

#[tokio::test]
async fn a_model_asks_three_rounds_each_answered_by_another_process_and_then_has_to_assume() {
    if !tools_are_here() {
        return;
    }
    let server = scripted(|task, request| {
        if task["node"] != "brainstorm" {
            return None;
        }
        if last(request).contains("nobody is asked again") {
            let proposal = json!({ "spec": spec(), "assumptions": ["no authors"], "not_built": [] });
            return Some(call("propose_spec", &proposal));
        }
        if turn(request) > 0 {
            return Some(Reply::text("done"));
        }
        let said = task["state"]["messages"].as_array().unwrap().len();
        let text = format!("What about {said}?");
        Some(call("ask_user", &json!({ "questions": [question(&text), question("And else?")] })))
    })
    .await;
    let env = home(&server, true);
    let mut ran = new(&env, "books", &["--until", "brainstorm"]).await;
    for round in 1..=3 {
        assert_eq!(ran.code, Some(4), "round {round}: {}", ran.stderr);
        let now = shown(&env);
        assert_eq!((&now["run"]["status"], &now["run"]["worked_on_by"]), (&json!("waiting_input"), &Value::Null));
        assert!(ran.stderr.contains(&format!("cgo run answer {}", id(&now))), "{}", ran.stderr);
        ran = run(&env, &arguments(&["run", "answer", &id(&now), "yes", "no"])).await;
    }
    assert_eq!(ran.code, Some(0), "the fourth question is refused and the spec proposed: {}", ran.stderr);
    let now = shown(&env);
    assert_eq!(now["run"]["status"], "succeeded");
    assert_eq!(now["state"]["project_intent"]["assumptions"], json!(["no authors"]));
    let answers = now["state"]["messages"].as_array().unwrap().iter().filter(|said| said["role"] == "user").count();
    assert_eq!(answers, 7, "the description and two answers of each round");
    server.requests();
}

#[tokio::test]
async fn agents_hand_over_as_their_files_allow_until_they_go_in_circles_and_a_person_ends_it() {
    let server = scripted(|task, request| {
        let by = task["handed_over"]["by"].as_str().unwrap_or("nobody");
        match (task["node"].as_str().unwrap(), turn(request)) {
            ("product_owner", 0) => {
                // What another agent said reached this one, in the person's language.
                assert_eq!(task["language"], "ru");
                assert_eq!(by == "brainstorm", task["handed_over"]["reason"] == "Это не новый проект?", "{task}");
                Some(call("set_intent", &json!({ "intent": "new_project", "summary": format!("после {by}") })))
            }
            ("brainstorm", 0) => Some(call("handoff", &json!({ "to": "developer", "reason": "Это не новый проект?" }))),
            ("brainstorm", _) => {
                assert!(last(request).contains("its file allows product_owner"), "{}", last(request));
                Some(call("handoff", &json!({ "to": "product_owner", "reason": "Это не новый проект?" })))
            }
            _ => Some(Reply::text("done")),
        }
    })
    .await;
    let env = home(&server, true);
    let ran = new(&env, "журнал обращений", &["--until", "brainstorm"]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("ничего не изменилось") && ran.stderr.contains("\"остановить\""), "{}", ran.stderr);
    let now = shown(&env);
    let guards: Vec<&Value> = now["events"].as_array().unwrap().iter().filter(|of| of["kind"] == "guarded").collect();
    assert_eq!((guards.len(), &now["run"]["status"]), (1, &json!("waiting_input")), "{guards:?}");
    let told = env.ok(["run", "show"]).stdout;
    assert!(
        told.contains("guarded        `product_owner` начинает снова")
            || told.contains("guarded        `brainstorm` начинает снова"),
        "{told}"
    );
    let unsaid = run(&env, &arguments(&["run", "answer", &id(&now), "изменить ввод"])).await;
    assert_eq!(unsaid.code, Some(2), "{}", unsaid.stderr);
    let again = run(&env, &arguments(&["run", "answer", &id(&now), "изменить ввод: это новый проект"])).await;
    assert_eq!(again.code, Some(4), "it goes on, and round again: {}", again.stderr);
    let said = shown(&env)["state"]["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&said["role"], &said["content"]), (&json!("user"), &json!("это новый проект")));
    let over = run(&env, &arguments(&["run", "answer", &id(&now), "остановить"])).await;
    assert_eq!(over.code, Some(0), "{}", over.stderr);
    assert_eq!(shown(&env)["run"]["status"], "cancelled");
    let late = run(&env, &arguments(&["run", "answer", &id(&now), "продолжить"])).await;
    assert_eq!(late.code, Some(1), "{}", late.stderr);
    server.requests();
}

#[tokio::test]
async fn a_model_that_calls_what_is_not_there_is_told_and_after_three_times_a_person_is() {
    let server = scripted(|task, request| {
        let told = request
            .messages
            .iter()
            .any(|message| matches!(message, cgo::llm::Message::User { content } if content == "use set_intent"));
        match (task["node"].as_str().unwrap(), turn(request)) {
            ("product_owner", _) if told && last(request).contains("\"ok\"") => Some(Reply::text("done")),
            ("product_owner", _) if told => Some(call("set_intent", &json!({ "intent": "status", "summary": "s" }))),
            ("product_owner", 0) => Some(call("set_intents", &json!({}))),
            ("product_owner", 1) => Some(call("deploy_service", &json!({}))),
            ("product_owner", _) => Some(call("set_intent", &json!({ "intent": "fly" }))),
            ("documenter", 0) => Some(call("write_report", &json!({ "text": "nothing runs" }))),
            _ => Some(Reply::text("done")),
        }
    })
    .await;
    let env = home(&server, true);
    let ran = new(&env, "how are things?", &[]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("3 calls of agent `product_owner` in a row were refused"), "{}", ran.stderr);
    let requests = server.requests();
    let results: Vec<Value> = requests.last().unwrap()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| serde_json::from_str(message["content"].as_str().unwrap()).unwrap())
        .collect();
    let faults: Vec<&Value> = results.iter().map(|result| &result["fault"]).collect();
    assert_eq!(faults, ["unknown_tool", "not_granted"], "{results:?}");
    assert!(results[0]["error"].as_str().unwrap().contains("did you mean `set_intent`?"), "{results:?}");
    let done = run(&env, &arguments(&["run", "answer", &id(&shown(&env)), "use set_intent"])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let now = shown(&env);
    assert_eq!(now["state"]["po_intent"], "status");
    assert_eq!(now["state"]["messages"].as_array().unwrap().last().unwrap()["content"], "nothing runs");
    let again = server.requests().len();
    assert_eq!(again, requests.len() + 4, "what was asked before is not asked again");
}

/// A project's folder with one service that wants a secret.
fn repository(folder: &Path) {
    let service = folder.join("services/backend");
    std::fs::create_dir_all(&service).unwrap();
    let manifest = "version: 1\nname: shop\nserver: local\nservices:\n  backend:\n    workdir: services/backend\n    python: { requires: \"3.10\", lock: requirements.lock, dev_lock: requirements-dev.lock }\n    command: [python, main.py]\n    port_env: PORT\n    health: /health\n    ready: /ready\n    stop_after: 5\n    env_contract: env.contract.yaml\n    checks: [{ name: tests, command: [python, -m, pytest] }]\n";
    let contract = "version: \"1\"\nowner: backend\nentries:\n  PAYMENT_KEY:\n    source: user_secret\n    environments: [production]\n    consumers: [backend]\n    required: true\n    description: The key of the payment provider.\n";
    std::fs::write(folder.join("cgo.yaml"), manifest).unwrap();
    std::fs::write(service.join("env.contract.yaml"), contract).unwrap();
    for words in
        [&["init", "-q"][..], &["add", "-A"], &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "Begin"]]
    {
        assert!(Command::new("git").args(words).current_dir(folder).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_folder_is_taken_over_and_a_secret_is_waited_for_that_no_model_and_no_journal_sees() {
    const CANARY: &str = "sk-canary-5c1e";
    if !tools_are_here() {
        return;
    }
    let server = scripted(|task, request| {
        if task["node"] == "documenter" {
            return (turn(request) > 0).then(|| Reply::text("done"));
        }
        let folder = task["state"]["messages"][0]["content"].as_str().unwrap().split('`').nth(1).unwrap().to_owned();
        let waited = task["state"]["messages"].as_array().unwrap().len() > 1;
        let format = json!({ "kind": "token", "prefix": "sk-" });
        let secret =
            |name: &str| call("save_project_secret", &json!({ "name": name, "purpose": "paying", "format": format }));
        Some(match (waited, turn(request)) {
            (false, 0) => call("inspect_repository", &json!({ "folder": "/etc" })),
            (false, 1) => {
                assert!(last(request).contains("only a folder that the person named"), "{}", last(request));
                call("inspect_repository", &json!({ "folder": folder }))
            }
            (false, 2) => {
                let seen: Value = serde_json::from_str(&last(request)).unwrap();
                assert_eq!(
                    (&seen["name"], &seen["missing_secrets"]),
                    (&json!("shop"), &json!(["PAYMENT_KEY"])),
                    "{seen}"
                );
                assert_eq!(seen["services"][0]["checks"], json!(["tests"]), "{seen}");
                call("activate_project", &json!({ "folder": folder }))
            }
            (false, 3) => secret("OTHER_KEY"),
            (false, _) => {
                assert!(last(request).contains("PAYMENT_KEY"), "what the contract names is told: {}", last(request));
                secret("PAYMENT_KEY")
            }
            (true, 0) => secret("PAYMENT_KEY"),
            (true, 1) => {
                assert!(last(request).contains("\"set\":true"), "{}", last(request));
                call("check_ready_to_deploy", &json!({}))
            }
            (true, 2) => {
                let ready: Value = serde_json::from_str(&last(request)).unwrap();
                assert_eq!(
                    (&ready["ready"], ready["tested"].as_str().unwrap().starts_with("not verified")),
                    (&json!(true), true),
                    "{ready}"
                );
                call("set_intent", &json!({ "intent": "status", "summary": "ready" }))
            }
            (true, _) => Reply::text("done"),
        })
    })
    .await;
    let env = home(&server, true);
    let folder = env.work().join("shop");
    repository(&folder);
    let ran = new(&env, &format!("take over `{}`", folder.display()), &[]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let now = shown(&env);
    assert_eq!(now["run"]["status"], "waiting_secret");
    let command = format!("cgo run resume {}", id(&now));
    for words in ["`PAYMENT_KEY` is needed: paying", "`cgo secrets set shop PAYMENT_KEY`", &command] {
        assert!(ran.stderr.contains(words), "`{words}` is missing in: {}", ran.stderr);
    }
    let early = run(&env, &arguments(&["run", "answer", &id(&now), "set"])).await;
    assert_eq!(early.code, Some(4), "{}", early.stderr);
    assert!(early.stderr.contains("needs `PAYMENT_KEY` set"), "{}", early.stderr);
    let said = run(&env, &arguments(&["run", "answer", &id(&now), CANARY])).await;
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(!said.stderr.contains(CANARY) && said.stderr.contains(&command), "{}", said.stderr);

    let set = ["secrets", "set", "shop", "PAYMENT_KEY"];
    assert_eq!(env.run_with_input(set, format!("{CANARY} $x \"#").as_bytes()).code, Some(0));
    let wrong = run(&env, &arguments(&["run", "answer", &id(&now), "set"])).await;
    assert_eq!(wrong.code, Some(4), "a value of another form is asked for again: {}", wrong.stderr);
    assert!(wrong.stderr.contains("it is not one word without spaces"), "{}", wrong.stderr);
    assert_eq!(env.run_with_input(set, CANARY.as_bytes()).code, Some(0));
    let done = run(&env, &arguments(&["run", "resume", &id(&now)])).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(shown(&env)["state"]["current_project"]["name"], "shop");
    let projects = env.json(["project", "list"]);
    assert_eq!(
        (&projects["projects"][0]["name"], &projects["projects"][0]["status"]),
        (&json!("shop"), &json!("built"))
    );

    for question in server.requests() {
        assert!(!question.to_string().contains(CANARY), "a model saw the secret: {question}");
    }
    for (path, bytes) in files(env.home()) {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "it stands in {}", path.display());
    }
}

#[tokio::test]
async fn failing_tests_go_round_three_times_and_then_a_person_is_asked_with_what_they_said() {
    if !tools_are_here() {
        return;
    }
    let server = scripted(|task, request| {
        let round = task["state"]["engineering_iterations"].as_u64().unwrap_or(0);
        match (task["node"].as_str().unwrap(), turn(request)) {
            ("developer", 0) => {
                // What the tests said reaches whoever is to mend it.
                let feedback = task["state"]["review_feedback"].as_str().unwrap_or_default();
                assert_eq!(feedback.contains("test_mine"), round > 0, "{feedback}");
                Some(call("generate_project", &json!({})))
            }
            ("developer", _) => {
                let folder = Path::new(task["state"]["current_project"]["folder"].as_str().unwrap());
                let test = folder.join("services/backend/tests/test_mine.py");
                if !test.exists() {
                    std::fs::write(&test, "def test_mine() -> None:\n    assert 1 == 2\n").unwrap();
                    commit(folder, "Break it");
                }
                Some(Reply::text("done"))
            }
            _ => None,
        }
    })
    .await;
    let env = home(&server, true);
    let ran = new(&env, "a notes API with title", &["--no-deploy"]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("after 3 rounds") && ran.stderr.contains("test_mine"), "{}", ran.stderr);
    let now = shown(&env);
    assert_eq!(
        (&now["run"]["status"], &now["state"]["engineering_iterations"]),
        (&json!("waiting_approval"), &json!(3))
    );
    assert_eq!(now["run"]["reason"].as_str().unwrap().lines().count(), 1, "{now}");
    let visits = |node: &str| {
        let started =
            |event: &&Value| event["kind"] == "node_started" && event["event"]["node_started"]["node"] == node;
        now["events"].as_array().unwrap().iter().filter(started).count()
    };
    assert_eq!((visits("developer"), visits("tester")), (3, 3));
    let folder = env.work().join("notes-api");
    std::fs::remove_file(folder.join("services/backend/tests/test_mine.py")).unwrap();
    commit(&folder, "Mend it");
    let made = run(&env, &arguments(&["run", "approve", &id(&now), "--json"])).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let answered = &shown(&env)["events"];
    let by = answered.as_array().unwrap().iter().find(|event| event["kind"] == "answered").unwrap()["event"]["answered"]["by"].clone();
    assert!(by.as_str().is_some_and(|by| !by.is_empty()), "who approved is on record: {by}");
    let late = run(&env, &arguments(&["run", "approve", &id(&now)])).await;
    assert_eq!(late.code, Some(1), "{}", late.stderr);
}

fn commit(folder: &Path, message: &str) {
    for words in [&["add", "-A"][..], &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message]] {
        assert!(Command::new("git").args(words).current_dir(folder).status().unwrap().success());
    }
}

#[tokio::test]
async fn an_approval_is_given_once_by_the_questions_id_and_by_somebody_who_may() {
    let server = scripted(|_, _| None).await;
    let env = home(&server, true);
    let ran = new(&env, "a notes API with title", &["--until", "brainstorm", "--budget", "0.02"]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let now = shown(&env);
    let ask = now["run"]["ask"]["id"].as_str().unwrap().to_owned();
    assert!(env.ok(["run", "show"]).stdout.contains(&ask));
    let settings = env.home().join(".config/cgo/config.yaml");
    let open = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("approvers: [somebody-else]\n{open}")).unwrap();
    for verb in ["approve", "reject"] {
        let stranger = run(&env, &arguments(&["run", verb, &ask])).await;
        assert_eq!(stranger.code, Some(1), "{verb}: {}", stranger.stderr);
        assert!(stranger.stderr.contains("may not approve or reject; somebody-else may"), "{}", stranger.stderr);
    }
    assert_eq!(shown(&env)["run"]["status"], "waiting_approval");
    assert_eq!(env.json(["--show-settings"])["settings"]["approvers"]["value"], "somebody-else");
    std::fs::write(&settings, open).unwrap();
    let given = run(&env, &arguments(&["run", "approve", &ask, "--no-resume"])).await;
    assert_eq!(given.code, Some(0), "{}", given.stderr);
    let twice = run(&env, &arguments(&["run", "approve", &ask])).await;
    assert_eq!(twice.code, Some(1), "{}", twice.stderr);
    assert!(twice.stderr.contains("answered"), "{}", twice.stderr);
    let never = run(&env, &arguments(&["run", "approve", "ask-000000000000"])).await;
    assert_eq!(never.code, Some(1), "{}", never.stderr);
    let events = shown(&env)["events"].clone();
    let answered: Vec<&Value> = events.as_array().unwrap().iter().filter(|of| of["kind"] == "answered").collect();
    assert_eq!(answered.len(), 1, "{answered:?}");
    assert!(answered[0]["event"]["answered"]["by"].as_str().is_some_and(|by| !by.is_empty()), "{answered:?}");
}

#[tokio::test]
async fn one_agent_is_tried_with_its_turns_calls_tokens_and_money() {
    let server = scripted(|_, request| match turn(request) {
        0 => Some(call("set_intent", &json!({ "intent": "new_project" }))),
        1 => Some(call("set_intent", &json!({ "intent": "new_project", "summary": "books" }))),
        _ => Some(Reply::text("done")),
    })
    .await;
    let env = home(&server, true);
    let tried = arguments(&["agent", "test", "product_owner", "--input", "books", "--provider", "mine", "--json"]);
    let ran = run(&env, &tried).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let data = &answer["data"];
    assert_eq!((&data["turns"], &data["provider"], &data["model"]), (&json!(3), &json!("mine"), &json!("m-1")));
    assert!(data["calls"][0]["refused"].as_str().unwrap().contains("summary"), "{data}");
    assert_eq!(data["calls"][1]["refused"], Value::Null);
    let spent = &data["spent"];
    assert_eq!((&spent["calls"], &spent["input_tokens"]), (&json!(3), &json!(3 * ASKED)), "{spent}");
    assert_eq!(spent["output_tokens"], json!(3 * ANSWERED));
    assert_eq!(data["by_turn"].as_array().unwrap().len(), 3);
    let text = run(&env, &tried[..tried.len() - 1]).await.stdout;
    assert!(text.contains("turn 1: 1000 tokens in, 100 out, $0.0045"), "{text}");
    assert!(text.contains("3 turns, 2 calls, asked of mine/m-1: 3000 tokens in, 300 out, $0.0135"), "{text}");
    assert_eq!(env.json(["run", "list"])["runs"], json!([]), "a trial is no run");

    let cost = |by: &str| env.json(["cost", "--by", by])["totals"].clone();
    let runs = cost("run");
    let trial = data["trial"].as_str().unwrap();
    assert!(runs.as_array().unwrap().iter().any(|run| run["of"] == trial), "{trial} is not in {runs}");
    assert_eq!((runs.as_array().unwrap().len(), &cost("agent")[0]["of"]), (2, &json!("product_owner")));
    let (model, spent) = (cost("model"), json!(0.027));
    assert_eq!((&model[0]["of"], &model[0]["calls"], &model[0]["cost"]), (&json!("mine/m-1"), &json!(6), &spent));
    assert_eq!(env.json(["cost", "--run", trial])["total"], json!(0.0135));

    let dear = [&tried[..], &arguments(&["--budget", "0.001"])].concat();
    let ran = run(&env, &dear).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let before = server.requests().len();
    let unpriced = home(&server, false);
    let ran = run(&unpriced, &tried).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.contains("--allow-unpriced") || ran.stderr.contains("--allow-unpriced"), "{}", ran.stderr);
    assert_eq!(server.requests().len(), before, "nobody was asked");
    let ran = run(&unpriced, &[&tried[..], &arguments(&["--allow-unpriced"])].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["data"]["spent"]["unpriced"], json!(true));
}

#[tokio::test]
async fn an_agent_that_is_tried_alone_sees_what_there_is_and_changes_nothing() {
    let server = scripted(|_, request| match turn(request) {
        0 => Some(call("list_managed_servers", &json!({}))),
        1 => Some(call("get_server_info", &json!({ "server": "nowhere" }))),
        2 => Some(call("allocate_port", &json!({ "service": "backend" }))),
        _ => Some(Reply::text(last(request))),
    })
    .await;
    let env = home(&server, true);
    env.ok(["agent", "set", "product_owner", "tools", "[list_managed_servers, get_server_info, allocate_port]"]);
    let tried =
        arguments(&["agent", "test", "product_owner", "--input", "where is room?", "--provider", "mine", "--json"]);
    let ran = run(&env, &tried).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let [servers, unknown, port] = answer["data"]["calls"].as_array().unwrap().as_slice() else {
        panic!("{answer}");
    };
    assert_eq!((&servers["found"]["servers"][0]["server"], &servers["effect"]), (&json!("local"), &json!("reads")));
    assert!(unknown["found"]["error"].as_str().unwrap().contains("nowhere"), "{unknown}");
    assert_eq!((&port["found"], &port["effect"]), (&Value::Null, &json!("changes")), "{port}");
    assert_eq!(answer["data"]["closing"], json!("{\"ok\":true}"), "what would change something is made up");
    assert_eq!(env.json(["servers", "show", "local"])["server"]["ports"], json!([]), "no port was reserved");
    let questions = server.requests();
    let seen = questions[1]["messages"].to_string();
    assert!(seen.contains("\\\"server\\\":\\\"local\\\""), "the model sees what was found: {seen}");
}
