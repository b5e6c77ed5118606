//! Recorded runs whose code is written by a coder: told again without its program and without its model.

use std::path::Path;

use cgo::domain::provider::Wire;
use serde_json::{Value, json};

use super::Made;
use super::stories::coders_turn;
use crate::models::pipeline::{home, run};
use crate::models::server::{Answer, Server, one_call};
use crate::models::team::{FAILING, Team, passing, planning, task};
use crate::support::env::TestEnv;
use crate::support::repo::coders_can_work;

/// What a replay makes where there is neither the coder nor a model.
fn told_again(cassette: &Path) -> Made {
    let env = TestEnv::new();
    let ran = env.run(["run".as_ref(), "replay".as_ref(), cassette.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(env.json(["cost"])["total"], 0.0);
    Made::of(&env)
}

#[tokio::test]
async fn a_coder_that_is_a_program_is_not_started_again_and_its_commits_are_the_same() {
    let tasks = json!([task("one", &[]), task("two", &[])]);
    let plan = json!({
        "one": [{ "files": { "test_shared.py": passing("one") } }],
        "two": [
            { "files": { "test_shared.py": passing("two") } },
            { "files": { "test_shared.py": passing("one and two") } },
        ],
    });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let cassette = team.env.home().join("team.cassette");
    let ran = team.project(&["--record", cassette.to_str().expect("a path of text")]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let recorded = Made::of(&team.env);
    recorded.is(&told_again(&cassette), "the recording and its replay");
}

/// What cgo's own coder is told by a model: a test that fails, then one that passes, run once before the end.
fn thinking(question: &Value) -> Option<Answer> {
    const PATH: &str = "services/backend/tests/test_one.py";
    let results = coders_turn(question)?;
    let (name, arguments) = match results {
        0 => ("write", json!({ "path": PATH, "content": FAILING })),
        2 => ("write", json!({ "path": PATH, "content": passing("1") })),
        3 => ("run", json!({ "command": "cd services/backend && python -m pytest -q tests/test_one.py; pwd" })),
        _ => ("finish", json!({ "summary": "A test of one." })),
    };
    Some(one_call(&format!("n{results}"), name, &arguments))
}

#[tokio::test]
async fn cgos_own_coder_does_the_same_again_with_what_its_model_said() {
    if !coders_can_work() {
        return;
    }
    let mut plans = planning(json!([task("one", &[])]));
    let think = move |question: &Value| thinking(question).unwrap_or_else(|| plans(question));
    let server = Server::thinking(Wire::Openai, think).await;
    let env = home(&server, true);
    let cassette = env.home().join("native.cassette");
    let file = cassette.display().to_string();
    let words = ["project", "new", "a notes API with title and body", "--no-deploy", "--provider", "mine", "--record"];
    let words: Vec<String> = words.into_iter().chain([file.as_str()]).map(str::to_owned).collect();
    let ran = run(&env, &words).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("36 passed"), "{}", ran.stdout);
    let kept = std::fs::read_to_string(&cassette).expect("the cassette is there");
    assert!(kept.contains("assert (1 + 1) == 3"), "the coder was told what failed");
    Made::of(&env).is(&told_again(&cassette), "the recording and its replay");
}
