//! Questions with a deadline: what is decided when nobody answers, by whom it is done, and what a late answer hears.

use serde_json::{Value, json};

use super::conversation::{call, new, scripted, turn};
use super::pipeline::{home, run};
use super::server::Server;
use crate::support::env::{TestEnv, tools_are_here, until};

/// A home whose questions stay open for a second, and a model that asks one.
async fn asking(assumption: Option<&'static str>) -> (TestEnv, Server) {
    let server = scripted(move |task, request| match task["node"].as_str() {
        Some("brainstorm") if turn(request) == 0 && task["state"]["messages"].as_array()?.len() == 1 => {
            let question = json!({ "id": "q", "text": "With authors?", "choices": [], "assumption": assumption });
            Some(call("ask_user", &json!({ "questions": [question] })))
        }
        _ => None,
    })
    .await;
    let mut env = home(&server, true);
    env.set("CGO_ANSWER_WITHIN", "1s");
    (env, server)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The only run there is, once its question is over.
fn overdue(env: &TestEnv) -> Value {
    let shown = env.json(["run", "show"]);
    let ask = &shown["run"]["ask"];
    let deadline = ask["deadline"].as_i64().expect("a deadline");
    assert_eq!(deadline - ask["created_at"].as_i64().unwrap(), 1_000, "{ask}");
    until("the deadline", || cgo::ops::now().0 > deadline);
    shown
}

fn answered(env: &TestEnv) -> Vec<Value> {
    let shown = env.json(["run", "show"]);
    let events = shown["events"].as_array().unwrap().iter();
    events.filter(|event| event["kind"] == "answered").map(|event| event["event"]["answered"].clone()).collect()
}

#[tokio::test]
async fn what_nobody_answers_in_time_is_assumed_and_told_again_as_it_was() {
    if !tools_are_here() {
        return;
    }
    let (env, server) = asking(Some("no authors")).await;
    let file = env.work().join("told.jsonl").display().to_string();
    let ran = new(&env, "a notes API with title", &["--until", "brainstorm", "--record", &file]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("open until 20") && ran.stderr.contains("; then no authors is taken\n"),
        "{}",
        ran.stderr
    );
    let shown = overdue(&env);
    let id = shown["run"]["id"].as_str().unwrap();
    let text = env.ok(["run", "show"]).stdout;
    assert!(text.contains("  open until 20") && text.contains("; then no authors is taken\n"), "{text}");

    let late = run(&env, &words(&["run", "answer", id, "with authors"])).await;
    assert_eq!(late.code, Some(1), "{}", late.stderr);
    let hint = format!("cgo run resume {id}");
    assert!(late.stderr.contains("was open until 20") && late.stderr.contains(&hint), "{}", late.stderr);
    assert_eq!(env.json(["run", "show"])["run"]["status"], "waiting_input", "a late answer changes nothing");

    let gone_on = run(&env, &words(&["run", "resume", id])).await;
    assert_eq!(gone_on.code, Some(0), "{}", gone_on.stderr);
    let taken = answered(&env);
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!((&taken[0]["texts"], &taken[0]["by"]), (&json!(["no authors"]), &json!("nobody in time")));

    // Another machine, where a question would be over as soon.
    let asked = server.requests().len();
    let mut other = TestEnv::new();
    other.set("CGO_ANSWER_WITHIN", "1s");
    let again = run(&other, &words(&["run", "replay", &file])).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(answered(&other), taken);
    assert_eq!(server.requests().len(), asked, "no model is asked again");
}

#[tokio::test]
async fn an_approval_that_nobody_gives_in_time_ends_the_run() {
    let server = scripted(|_, _| None).await;
    let mut env = home(&server, true);
    env.set("CGO_ANSWER_WITHIN", "1s");
    let ran = new(&env, "a notes API with title", &["--until", "brainstorm", "--budget", "0.02"]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let shown = overdue(&env);
    let (id, ask) = (shown["run"]["id"].as_str().unwrap(), shown["run"]["ask"]["id"].as_str().unwrap());
    assert!(env.ok(["run", "show"]).stdout.contains("; then the run ends\n"));
    for verb in ["approve", "reject"] {
        let late = run(&env, &words(&["run", verb, ask])).await;
        assert_eq!(late.code, Some(1), "{verb}: {}", late.stderr);
        assert!(late.stderr.contains("was open until 20"), "{verb}: {}", late.stderr);
    }
    let ended = run(&env, &words(&["run", "resume", id])).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("was cancelled by nobody in time"), "{}", ended.stderr);
    let shown = env.json(["run", "show"]);
    assert_eq!(
        (&shown["run"]["status"], &shown["run"]["reason"]),
        (&json!("cancelled"), &json!("cancelled by nobody in time"))
    );
    assert_eq!(answered(&env), Vec::<Value>::new());
    let never = run(&env, &words(&["run", "approve", ask])).await;
    assert_eq!(never.code, Some(1), "{}", never.stderr);
}

#[tokio::test]
async fn who_serves_decides_in_time_what_nobody_answers() {
    if !tools_are_here() {
        return;
    }
    for (assumption, status) in [(Some("no authors"), "succeeded"), (None, "cancelled")] {
        let (env, _server) = asking(assumption).await;
        let ran = new(&env, "a notes API with title", &["--until", "brainstorm"]).await;
        assert_eq!(ran.code, Some(4), "{}", ran.stderr);
        overdue(&env);
        let served = run(&env, &words(&["serve", "--once", "--json"])).await;
        assert_eq!(served.code, Some(0), "{}", served.stderr);
        assert_eq!(env.json(["run", "show"])["run"]["status"], status, "{}", served.stdout);
    }
}

#[test]
fn how_long_questions_stay_open_is_a_setting_that_is_checked() {
    let mut env = TestEnv::new();
    let shown = |env: &TestEnv| env.json(["--show-settings"])["settings"]["answer_within"]["value"].clone();
    assert_eq!(shown(&env), "", "none unless it is set");
    let folder = env.home().join(".config/cgo");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.yaml"), "answer_within: 72h\n").unwrap();
    assert_eq!(shown(&env), "3d");
    env.set("CGO_ANSWER_WITHIN", "12h");
    assert_eq!(shown(&env), "12h");
    env.set("CGO_ANSWER_WITHIN", "soon");
    let refused = env.run(["run", "list"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let told = ["CGO_ANSWER_WITHIN", "soon", "30m, 12h or 3d"];
    assert!(told.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
    env.unset("CGO_ANSWER_WITHIN");
    std::fs::write(folder.join("config.yaml"), "answer_within: 72\n").unwrap();
    let refused = env.run(["run", "list"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("config.yaml"), "{}", refused.stderr);
}
