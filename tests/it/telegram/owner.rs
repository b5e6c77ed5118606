//! A model as the product owner of a chat: it decides with the real tools what a message is, from what this person has
//! and said there, and is told nothing of what is another's.

use std::sync::mpsc;

use cgo::domain::provider::Wire;
use cgo::domain::user::{Identity, Role, UserName};
use cgo::llm::Message;
use cgo::ops::users;
use serde_json::{Value, json};

use super::house::House;
use super::server::Telegram;
use super::whole::{Serving, environment, result};
use crate::models::pipeline::{asked, at_home, thought};
use crate::models::server::{Answer, Server, one_call, words};
use crate::serve::{app, block};
use crate::support::env::{get, tools_are_here};

/// What the messages of the test are to the one who decides.
const DECISIONS: [(&str, &str); 5] = [
    ("a notes API with title and body", "new_project"),
    ("add a due date", "update_project"),
    ("is it well, what do you think", "status"),
    ("once more, onto the machine with it", "deploy"),
    ("what of the plans of the other one", "status"),
];

/// Decides what is wanted by the meaning of the words, and what "it" is by what was said before; the other agents think as
/// the offline provider does.
fn deciding(question: &Value) -> Answer {
    let (task, request) = asked(question);
    if task["node"] != "product_owner" {
        return thought(question);
    }
    assert_eq!(task["open"], true, "a message of a chat may be anything: {task}");
    let said = task["state"]["messages"][0]["content"].as_str().expect("somebody said something");
    let (_, intent) =
        DECISIONS.iter().find(|(words, _)| *words == said).unwrap_or_else(|| panic!("who said `{said}`?"));
    let results = request.messages.iter().filter(|message| matches!(message, Message::Tool { .. })).count();
    let earlier = task["earlier"].as_array().into_iter().flatten();
    let last = earlier.filter_map(|one| one["project"].as_str()).next_back();
    let about = if said.contains("the other one") { Some("others-plans") } else { last };
    let mut calls = vec![("list_projects", json!({}))];
    if let Some(project) = about.filter(|_| *intent != "new_project") {
        calls.push(("activate_project", json!({ "project": project })));
    }
    if *intent == "deploy" {
        calls.push(("check_ready_to_deploy", json!({})));
    }
    calls.push(("set_intent", json!({ "intent": intent, "summary": said })));
    match calls.get(results) {
        Some((name, arguments)) => one_call(&format!("c{results}"), name, arguments),
        None => words("It is said."),
    }
}

/// The server of the model, in a thread that ends with the process.
fn model() -> Server {
    let (gives, takes) = mpsc::channel();
    std::thread::spawn(move || {
        block(async {
            gives.send(Server::thinking(Wire::Openai, deciding).await).expect("the test is there");
            std::future::pending::<()>().await;
        });
    });
    takes.recv().expect("it starts")
}

/// The questions about what one message said.
fn about<'q>(requests: &'q [Value], said: &str) -> Vec<&'q Value> {
    requests.iter().filter(|request| asked(request).0["state"]["messages"][0]["content"] == said).collect()
}

/// The answers of a tool in a conversation.
fn answers(request: &Value, tool: &str) -> Vec<String> {
    let messages = request["messages"].as_array().expect("the question was checked");
    let calls = messages.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
    let ids: Vec<&Value> = calls.filter(|call| call["function"]["name"] == tool).map(|call| &call["id"]).collect();
    let result = |message: &&Value| message["role"] == "tool" && ids.contains(&&message["tool_call_id"]);
    messages.iter().filter(result).filter_map(|message| Some(message["content"].as_str()?.to_owned())).collect()
}

#[test]
fn a_model_tells_a_new_project_a_change_a_question_and_an_operation_apart_and_sees_nothing_of_anothers() {
    if !tools_are_here() {
        return;
    }
    let (telegram, server) = (Telegram::start(), model());
    let env = at_home(environment(&telegram), &server, true);
    let settings = env.home().join(".config/cgo/config.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("provider: mine\n{text}")).unwrap();
    block(async {
        let app = app(&env).await;
        for (person, name) in [(8, "Bo"), (10, "Cy")] {
            let name = UserName::parse(name).unwrap();
            users::add(&app.context, name, Role::Member, vec![Identity::Telegram(person)], None).await.unwrap();
        }
        let cy = House::person(&app.context, 10).await;
        House::own(&cy, "others-plans", "Canary of Cy", &env.work().join("canary-folder")).await;
        app.context.store.clone().close().await;
    });
    let serving = Serving::start(&env, "serve.log");
    let [new, change, question, operation, curious] = DECISIONS.map(|(said, _)| said);
    telegram.say(8, new);
    let built = result(&telegram, 8, 0);
    let url = built.text.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned();
    telegram.say(8, change);
    let changed = result(&telegram, 8, built.id);
    assert!(changed.text.contains("due_date"), "{}", changed.text);
    assert!(get(&format!("{url}/openapi.json")).1.contains("due_date"));
    telegram.say(8, question);
    let told = telegram.hear_after(8, changed.id, "Unfinished runs");
    assert!(told.text.contains("notes-api"), "{}", told.text);
    telegram.say(8, operation);
    let again = result(&telegram, 8, told.id);
    assert!(again.text.contains("notes-api"), "{}", again.text);
    // Two who talk at once: one asks for what is the other's.
    telegram.say(8, curious);
    telegram.say(10, question);
    telegram.hear(10, "others-plans");
    let refused = telegram.hear_after(8, again.id, "notes-api");
    assert!(!refused.text.contains("Canary"), "{}", refused.text);
    serving.stop();

    let requests = server.requests();
    let mut seen = 0;
    for said in [new, change, question, operation, curious] {
        for request in about(&requests, said) {
            let text = request.to_string();
            let is_cys = said == question && text.contains("others-plans");
            assert!(is_cys || !text.contains("anary"), "`{said}` shows a model what is another's: {text}");
            assert!(!is_cys || !text.contains("notes-api"), "Cy's model sees what is Bo's: {text}");
            seen += usize::from(!answers(request, "list_projects").is_empty());
        }
    }
    assert!(seen >= 5, "the models looked at what there is");
    let told = about(&requests, change);
    let earlier = &asked(told.first().expect("it was asked")).0["earlier"];
    assert_eq!((&earlier[0]["said"], &earlier[0]["project"]), (&json!(new), &json!("notes-api")), "{earlier}");
    // By its name it is not there: the same words as for one that is nobody's.
    let tried = about(&requests, curious).iter().find_map(|request| answers(request, "activate_project").pop());
    let tried = tried.expect("the model tried");
    assert!(tried.contains("others-plans") && tried.contains("notes-api"), "{tried}");
    let runs = env.json(["run", "list"])["runs"].as_array().expect("runs").len();
    assert_eq!(runs, 6, "each message is one run");
    telegram.assert_content();
}
