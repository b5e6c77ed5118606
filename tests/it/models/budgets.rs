//! Limits of money through the program: the agent's, the run's, the project's and the day's, each counted and raised by
//! itself.

use cgo::domain::money::Usd;
use cgo::domain::provider::Wire;
use cgo::llm::Reply;
use serde_json::{Value, json};

use super::pipeline::{ANSWERED, ASKED, asked, counted, home, new, offline, run, thought, totals};
use super::server::{Answer, Server};
use crate::support::env::{Ran, TestEnv, tools_are_here};

/// Answers for twenty cents.
fn dear(reply: &Reply) -> Answer {
    counted(reply, &json!({ "prompt_tokens": ASKED, "completion_tokens": ANSWERED, "cost": 0.2 }))
}

/// Thinks as the offline provider does, for twenty cents an answer.
fn dear_thought(question: &Value) -> Answer {
    dear(&offline(&asked(question).1))
}

fn arguments(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Begins a project of that name and goes as far as that node.
async fn project(env: &TestEnv, name: &str, until: &str) -> Ran {
    let text = "a notes API with title and body";
    run(env, &arguments(&["project", "new", text, "--name", name, "--until", until, "--provider", "mine"])).await
}

/// The newest run.
fn newest(env: &TestEnv) -> Value {
    env.json(["run", "show"])["run"].take()
}

/// The approval the newest run waits for: its question's id and text.
fn waits(env: &TestEnv) -> (String, String) {
    let run = newest(env);
    assert_eq!(run["status"], "waiting_approval", "{run}");
    let text = |key: &str| run["ask"]["questions"][0][key].as_str().expect("a question has it").to_owned();
    (text("id"), text("text"))
}

/// Says that to the newest run, which goes on.
async fn say(env: &TestEnv, words: &[&str]) -> Ran {
    let id = newest(env)["id"].as_str().expect("a run has an id").to_owned();
    let mut all = vec!["run", words[0], id.as_str()];
    all.extend(&words[1..]);
    run(env, &arguments(&all)).await
}

/// Approves whatever the newest run waits for until it is done; what that was.
async fn approved(env: &TestEnv, mut ran: Ran) -> Vec<(String, String)> {
    let mut stops = Vec::new();
    while ran.code == Some(4) {
        stops.push(waits(env));
        assert!(stops.len() < 8, "{stops:?}");
        ran = say(env, &["approve"]).await;
    }
    assert_eq!(ran.code, Some(0), "{stops:?}: {}", ran.stderr);
    stops
}

/// So many dollars more, and as a variable has it.
fn more(spent: Usd, dollars: f64) -> (Usd, String) {
    let limit = spent + Usd::from_dollars(dollars).expect("an amount");
    (limit, limit.dollars().to_string())
}

#[tokio::test]
async fn an_approval_for_an_agent_leaves_the_limit_of_the_run_as_it_was() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, thought).await;
    let env = home(&server, true);
    env.ok(["agent", "set", "architect", "budget", "0.05"]);
    // The longest answer of the architect may cost $0.12, the developer's $0.25.
    let ran = run(&env, &new(&["--budget", "0.24"])).await;
    let stops = approved(&env, ran).await;
    let (of_run, of_agent) = stops.split_last().expect("it was stopped");
    assert_eq!(of_run.0, "budget:run", "{stops:?}");
    let (spent, limit) = ("the run has spent $", " of $0.24, and the next call may cost $");
    assert!(of_run.1.contains(spent) && of_run.1.contains(limit), "{stops:?}");
    let limits = ["$0.0500", "$0.10", "$0.15", "$0.20"];
    assert!((1..=limits.len()).contains(&of_agent.len()), "{stops:?}");
    for ((id, text), limit) in of_agent.iter().zip(limits) {
        assert_eq!(id, "budget:agent:architect", "{stops:?}");
        let figures = text.contains("agent `architect` has spent $") && text.contains(&format!(" of {limit}, and"));
        assert!(figures, "{limit}: {stops:?}");
    }
}

#[tokio::test]
async fn an_agent_that_is_visited_again_is_stopped_by_what_all_its_visits_have_cost() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, |question: &Value| {
        let (task, request) = asked(question);
        if task["node"] != "brainstorm" {
            return dear(&offline(&request));
        }
        let said = task["state"]["messages"].as_array().expect("it reads them").iter();
        let answers = said.filter(|message| message["role"] == "user").count() - 1;
        dear(&match (answers, request.results().count()) {
            (0 | 1, _) => {
                let question = json!({ "id": "q", "text": format!("What about {answers}?"), "assumption": "yes" });
                Reply::call("call_1", "ask_user", &json!({ "questions": [question] }))
            }
            (_, 0) => {
                let spec = json!({
                    "project": { "name": "books", "title": "Books", "description": "books", "language": "en" },
                    "modules": ["backend"],
                    "models": [{ "name": "Book", "fields": [{ "name": "title", "type": "string" }] }]
                });
                let proposal = json!({ "spec": spec, "assumptions": [], "not_built": [] });
                Reply::call("call_1", "propose_spec", &proposal)
            }
            _ => Reply::text("done"),
        })
    })
    .await;
    let env = home(&server, true);
    env.ok(["agent", "set", "brainstorm", "budget", "0.5"]);
    let mut ran = project(&env, "books", "brainstorm").await;
    for round in 1..=2 {
        assert_eq!(ran.code, Some(4), "round {round}: {}", ran.stderr);
        assert_eq!(newest(&env)["status"], "waiting_input", "round {round}: {}", ran.stderr);
        ran = say(&env, &["answer", "yes"]).await;
    }
    // Each visit has cost $0.20, and the longest answer may cost $0.12.
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let (id, text) = waits(&env);
    assert_eq!(id, "budget:agent:brainstorm", "{text}");
    let figures = "agent `brainstorm` has spent $0.40 of $0.50, and the next call may cost $";
    assert!(text.contains(figures), "{text}");
    assert_eq!(approved(&env, ran).await.len(), 1);
}

#[tokio::test]
async fn the_limit_of_a_project_counts_its_runs_before_and_is_no_other_projects() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, dear_thought).await;
    let mut env = home(&server, true);
    let ran = project(&env, "notes", "developer").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let spent: Usd = serde_json::from_value(totals(&env, "project")[0]["cost"].clone()).unwrap();
    // Less than the longest answer of the first agent may cost.
    let (limit, variable) = more(spent, 0.12);
    env.set("CGO_BUDGET_PROJECT", variable);
    let ran = project(&env, "other", "brainstorm").await;
    assert_eq!(ran.code, Some(0), "another project: {}", ran.stderr);

    let before = server.requests().len();
    let update = ["project", "update", "notes", "add a due date", "--no-deploy", "--provider", "mine"];
    let ran = run(&env, &arguments(&update)).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(server.requests().len(), before, "it is stopped before the limit");
    let (id, text) = waits(&env);
    assert_eq!(id, "budget:project", "{text}");
    let figures = format!("the project has spent {spent} of {limit}, and the next call may cost $");
    assert!(text.contains(&figures), "{figures}: {text}");
    let stops = approved(&env, ran).await;
    assert!(stops.iter().all(|(id, _)| id == "budget:project"), "{stops:?}");
    assert!(server.requests().len() > before);
}

#[tokio::test]
async fn the_limit_of_a_day_counts_every_project_and_an_approval_is_for_the_run_that_asked() {
    if !tools_are_here() {
        return;
    }
    let server = Server::thinking(Wire::Openai, dear_thought).await;
    let mut env = home(&server, true);
    let ran = project(&env, "first", "brainstorm").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let today = totals(&env, "day")[0].clone();
    let (day, spent) = (today["of"].as_str().unwrap(), serde_json::from_value::<Usd>(today["cost"].clone()).unwrap());
    // Less than the longest answer of the first agent may cost.
    let (limit, variable) = more(spent, 0.02);
    env.set("CGO_BUDGET_DAY", variable);

    let before = server.requests().len();
    let ran = project(&env, "second", "brainstorm").await;
    if totals(&env, "day").len() > 1 {
        println!("skipped: midnight in UTC has come in between");
        return;
    }
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let (id, text) = waits(&env);
    assert_eq!(id, format!("budget:day:{day}"), "{text}");
    let who = format!("all runs and trials of {day} (UTC) have");
    let figures = format!("{who} spent {spent} of {limit}, and the next call may cost $");
    assert!(text.contains(&figures), "{figures}: {text}");
    let tried = ["agent", "test", "product_owner", "--input", "books", "--provider", "mine"];
    let tried = run(&env, &arguments(&tried)).await;
    assert_eq!(tried.code, Some(1), "{}", tried.stderr);
    assert!(tried.stderr.contains("budget_day"), "{}", tried.stderr);
    assert_eq!(server.requests().len(), before, "it is stopped before the limit");
    assert_eq!(approved(&env, ran).await.len(), 1);

    // More than the limit is spent by now: the next run asks for itself, and one approval is enough.
    let ran = project(&env, "third", "brainstorm").await;
    if totals(&env, "day").len() > 1 {
        println!("skipped: midnight in UTC has come in between");
        return;
    }
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let stops = approved(&env, ran).await;
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!(stops[0].0, format!("budget:day:{day}"));
}

#[test]
fn limits_of_projects_and_days_are_settings_and_there_are_none_until_they_are_set() {
    let mut env = TestEnv::new();
    let shown = |env: &TestEnv, name: &str| env.json(["--show-settings"])["settings"][name].clone();
    for name in ["budget_project", "budget_day"] {
        assert_eq!(shown(&env, name), json!({ "value": "", "source": "default" }), "{name}");
    }
    let folder = env.home().join(".config/cgo");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.yaml"), "budget_project: 50\nbudget_day: 20.5\n").unwrap();
    env.set("CGO_BUDGET_DAY", "3");
    assert_eq!(shown(&env, "budget_project")["value"], "$50.00");
    assert_eq!(shown(&env, "budget_day"), json!({ "value": "$3.00", "source": { "variable": "CGO_BUDGET_DAY" } }));
    let listed = env.ok(["--show-settings"]).stdout;
    assert!(listed.contains("CGO_BUDGET_PROJECT") && listed.contains("CGO_BUDGET_DAY"), "{listed}");
    env.set("CGO_BUDGET_DAY", "much");
    let wrong = env.run(["--show-settings"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    let words = "the variable CGO_BUDGET_DAY is `much`, which is not an amount of US dollars";
    assert!(wrong.stderr.contains(words), "{}", wrong.stderr);
}
