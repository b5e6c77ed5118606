//! A run at work in one process, looked at and ended from another.

use cgo::llm::Reply;
use insta::assert_snapshot;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::models::conversation::{call, new, scripted, turn};
use crate::models::pipeline::home;
use crate::support::env::{Started, TestEnv, tools_are_here, until};

const NEW: [&str; 4] = ["project", "new", "a notes API with title", "--no-deploy"];

/// The run, once it is at work in the process that was just started.
fn at_work(env: &TestEnv) -> String {
    let mut id = None;
    until("a run at work", || {
        let run = env.json(["run", "list"])["runs"][0].clone();
        id = (run["status"] == "running").then(|| run["id"].as_str().map(str::to_owned)).flatten();
        id.is_some()
    });
    id.unwrap()
}

/// A project under way: its code is written and its tests are next.
fn begun(env: &TestEnv) -> (Started, String) {
    let child = env.start(NEW);
    until("the folder", || env.work().join("notes-api/services.yml").exists());
    let id = at_work(env);
    (child, id)
}

#[test]
fn a_run_cancelled_from_another_process_stops_between_two_steps() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let (child, id) = begun(&env);
    let watching = env.start(["run", "watch", &id]);
    let cancel = env.run(["run", "cancel", &id]);
    assert_eq!((cancel.code, cancel.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(env.stable(&cancel.stdout), @r##"run run-ID is being cancelled: what is under way is stopped"##);

    let cancelled = child.end();
    assert_eq!((cancelled.code, cancelled.stdout.as_str()), (Some(1), ""), "{cancelled:?}");
    let error = &cancelled.stderr[cancelled.stderr.find("error: ").unwrap()..];
    let by = format!("cancelled by {}", cgo::app::user());
    let stable = |text: &str| env.stable(text).replace(&by, "cancelled by ME");
    assert_snapshot!(stable(error), @r##"
    error: run `run-ID` was cancelled by ME
    hint: run `cgo project remove notes-api` to remove what was made
    "##);
    let watched = watching.end();
    assert_eq!(watched.code, Some(1), "{watched:?}");
    assert!(watched.stdout.lines().last().unwrap().contains("cancelled"), "{watched:?}");
    assert_snapshot!(stable(&watched.stderr), @r##"
    error: run `run-ID` is over: cancelled by ME
    hint: run `cgo run show run-ID`
    "##);

    let shown = env.json(["run", "show", &id]);
    assert_eq!((&shown["run"]["status"], &shown["run"]["worked_on_by"]), (&"cancelled".into(), &Value::Null));
    let intended = shown["effects"].as_array().unwrap().iter().find(|effect| effect["mark"] == "intended");
    assert_eq!(intended, None, "an effect was left half done");
    assert_eq!(env.run(["run", "resume", &id]).code, Some(1), "what was cancelled goes on");
    let git = std::process::Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(env.work().join("notes-api"))
        .output()
        .unwrap();
    assert!(git.status.success() && git.stdout.is_empty(), "{git:?}");
    // What the hint says works.
    env.ok(["project", "remove", "notes-api", "--folder", "--yes"]);
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
}

#[test]
fn a_living_run_is_watched_to_its_end_and_watching_it_stops_nothing() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let (child, id) = begun(&env);
    let plain = env.start(["run", "watch", &id]);
    let json = env.start(["run", "watch", &id, "--json"]);
    let mut left = env.start(["run", "watch", &id]);
    assert!(left.line().contains("created"), "the watcher began elsewhere");
    left.signal(Signal::INT);
    let left = left.end();
    assert_eq!(left.code, Some(130), "{left:?}");
    assert_snapshot!(env.stable(&left.stderr), @r##"
    error: stopped watching run `run-ID`; the run itself was not stopped
    hint: run `cgo run watch run-ID` to go on, or `cgo run cancel run-ID` to end the run
    "##);
    assert_eq!(at_work(&env), id, "watching stopped the run");

    let made = child.end();
    assert_eq!(made.code, Some(0), "{made:?}");
    let plain = plain.end();
    assert_eq!(plain.code, Some(0), "{plain:?}");
    assert!(plain.stdout.lines().last().unwrap().contains("succeeded"), "{plain:?}");
    assert_eq!(env.stable(&plain.stderr), "run run-ID succeeded\n");
    let json = json.end();
    assert_eq!((json.code, json.stderr.as_str()), (Some(0), ""));
    let events: Vec<Value> = json.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "every event comes once, in order");
    assert_eq!(events.last().unwrap()["kind"], "succeeded");
    let work = |kind: &str| events.iter().filter(|event| event["kind"] == kind).collect::<Vec<_>>();
    assert!(work("turn").iter().any(|turn| turn["turn"]["tool_calls"][0] == "run_tests"), "{events:?}");
    let done = |effect: &Value| effect["effect"]["kind"] == "git_commit" && effect["effect"]["mark"] == "done";
    assert!(work("effect").into_iter().any(done), "{events:?}");
}

#[test]
fn watching_a_run_that_fails_ends_with_its_exit_code_and_reason() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let taken = env.work().join("mine");
    let id = {
        std::fs::create_dir(&taken).unwrap();
        std::fs::write(taken.join("diary.txt"), "mine").unwrap();
        let failed = env.run(["project", "new", "notes with title", "--dir", "mine"]);
        assert_eq!(failed.code, Some(1), "{failed:?}");
        env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned()
    };
    let watched = env.run(["run", "watch", &id]);
    assert_eq!(watched.code, Some(1), "{watched:?}");
    assert_snapshot!(env.stable(&watched.stderr), @r##"
    error: the folder `HOME/work/mine` is not empty
    hint: choose another folder with --dir, or another name with --name
    "##);
    let json = env.run(["run", "watch", &id, "--json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(1), ""));
    let last: Value = serde_json::from_str(json.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"]["failed"]["exit"], 1, "{last}");
}

#[test]
fn watching_a_living_run_that_fails_ends_with_it() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    env.ok(["agent", "set", "devops", "is_active", "false"]);
    let child = env.start(["project", "new", "a notes API with title"]);
    let mut watching = env.start(["run", "watch", &at_work(&env)]);
    assert!(watching.line().contains("created"), "the watcher began elsewhere");
    let failed = child.end();
    let watched = watching.end();
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(watched.code, failed.code, "{watched:?}\n{failed:?}");
    let error = &failed.stderr[failed.stderr.find("error: ").unwrap()..];
    assert_eq!(watched.stderr, error, "both say the same");
    assert!(error.contains("agent `devops` is switched off"), "{error}");
}

#[test]
fn watching_a_run_that_waits_or_was_left_says_what_to_do() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    assert_eq!(env.run(["project", "new", "make me an app"]).code, Some(4));
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let waits = env.run(["run", "watch", &id]);
    assert_eq!(waits.code, Some(4), "{waits:?}");
    assert!(waits.stderr.contains(&format!("cgo run answer {id}")), "{waits:?}");

    env.set("CGO_TEST_CRASH_AT", "4");
    assert_eq!(env.run(NEW).code, None);
    env.unset("CGO_TEST_CRASH_AT");
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let left = env.run(["run", "watch", &id]);
    assert_eq!(left.code, Some(10), "{left:?}");
    assert_snapshot!(env.stable(&left.stderr), @r##"
    error: the process that worked on run `run-ID` is gone
    hint: run `cgo run resume run-ID`
    "##);
}

#[tokio::test]
async fn what_came_of_each_call_is_shown_with_its_reason_and_what_each_turn_cost() {
    if !tools_are_here() {
        return;
    }
    let server = scripted(|task, request| {
        if task["node"] != "product_owner" {
            return None;
        }
        Some(match turn(request) {
            0 => call("set_intents", &json!({})),
            1 => call("list_projects", &json!({})),
            2 => call("set_intent", &json!({ "intent": "new_project" })),
            3 => call("get_project_status", &json!({ "project": "no-such-shop" })),
            4 => call("set_intent", &json!({ "intent": "new_project", "summary": "notes" })),
            _ => Reply::text("done"),
        })
    })
    .await;
    let env = home(&server, true);
    let made = new(&env, "a notes API with title and body", &["--until", "brainstorm"]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();

    let watched = env.run(["run", "watch", &id]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let lines: Vec<&str> = watched.stdout.lines().collect();
    let at = |wanted: &str| {
        let found = lines.iter().position(|line| line.contains(wanted));
        found.unwrap_or_else(|| panic!("no {wanted:?}: {}", watched.stdout))
    };
    for (called, reason) in [
        ("product_owner  ✗ set_intents: unknown tool", "no tool `set_intents`, did you mean `set_intent`?"),
        ("product_owner  ✗ set_intent: bad arguments", "do not fit: missing field `summary`"),
        ("product_owner  ✗ get_project_status: refused", "no-such-shop"),
    ] {
        let next = lines[at(called) + 1];
        assert!(next.starts_with("      ") && next.contains(reason), "{called}: {next}");
    }
    for called in ["✓ list_projects: done", "✓ set_intent: done", "brainstorm  ✓ propose_spec: done"] {
        at(called);
    }
    // Tokens and money of a question, the turn it led to, and what came of that, in this order.
    let bill = at("product_owner  m-1 answered: 1000 + 100 tokens, $0.0045; the run $0.0045");
    let calls = at("product_owner  turn 1: calls set_intents");
    assert!(bill < calls && calls < at("✗ set_intents"), "{}", watched.stdout);

    let watched = env.run(["run", "watch", &id, "--json"]);
    let told: Vec<Value> = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended = told.iter().map(|line| &line["tool_call"]).filter(|call| call["agent"] == "product_owner");
    let ended: Vec<&Value> = ended.collect();
    let outcomes: Vec<(&str, &str)> =
        ended.iter().map(|call| (call["tool"].as_str().unwrap(), call["outcome"].as_str().unwrap())).collect();
    let wanted = [
        ("set_intents", "unknown_tool"),
        ("list_projects", "done"),
        ("set_intent", "bad_arguments"),
        ("get_project_status", "refused"),
        ("set_intent", "done"),
    ];
    assert_eq!(outcomes, wanted);
    assert!(ended[3]["reason"].as_str().unwrap().contains("no-such-shop"), "{ended:?}");
    assert_eq!(ended[4]["reason"], Value::Null);
    let questions = told.iter().filter(|line| line["model_call"]["agent"] == "product_owner");
    let tokens: Vec<(&Value, &Value)> =
        questions.map(|line| (&line["model_call"]["input_tokens"], &line["model_call"]["cost"])).collect();
    assert_eq!(tokens, vec![(&json!(1000), &json!(0.0045)); 6], "a question for each turn");
    // What a call came to is no effect of the run on the world.
    assert!(!env.ok(["run", "show", &id]).stdout.contains("tool_call"));
}
