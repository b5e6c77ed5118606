//! The program as people run it: an agent that brings a project to GitHub, killed on the way, one that is tried alone,
//! and the check of a token.

use cgo::domain::provider::Wire;
use serde_json::{Value, json};

use super::pushing::{Folder, assert_clean};
use super::server::{GitHub, TOKEN};
use crate::models::pipeline::thought;
use crate::models::server::{Answer, KEY, Server, one_call, stream, words};
use crate::support::env::{Ran, TestEnv, tools_are_here};
use crate::support::git::git;

/// Thinks as the offline provider does; the architect brings the project to GitHub when its own part is done.
fn thinks_of_github(question: &Value) -> Answer {
    let messages = question["messages"].as_array().expect("the question was checked");
    let tools = question["tools"].as_array().expect("the question was checked");
    let has = tools.iter().any(|tool| tool["function"]["name"] == "create_github_repository");
    let results = messages.iter().filter(|message| message["role"] == "tool").count();
    if !has || results != 3 {
        return thought(question);
    }
    let function = json!({ "name": "create_github_repository", "arguments": "{}" });
    let call = json!([{ "index": 0, "id": "call_9", "type": "function", "function": function }]);
    stream(&[
        json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "tool_calls": call } }] }),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
        json!({ "choices": [], "usage": { "prompt_tokens": 10, "completion_tokens": 10 } }),
    ])
}

fn home(server: &Server, github: &GitHub) -> TestEnv {
    let mut env = TestEnv::new();
    let settings = format!(
        "github_api: {}\nproviders:\n  mine:\n    wire: openai\n    url: http://{}/v1\n    key_env: MINE_KEY\n    model: m-1\n    price: {{ input: 3, output: 15 }}\n",
        github.base(),
        server.address
    );
    std::fs::create_dir_all(env.home().join(".config/cgo")).unwrap();
    std::fs::write(env.home().join(".config/cgo/config.yaml"), settings).unwrap();
    env.set("MINE_KEY", KEY);
    env.set("GITHUB_TOKEN", TOKEN);
    env
}

const NEW: [&str; 7] =
    ["project", "new", "a notes API with title and body", "--until", "architect", "--provider", "mine"];

/// Runs the program beside the server of the model, which lives in this runtime.
async fn run(env: &TestEnv, arguments: &[&str]) -> Ran {
    let mut command = env.command(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("the program starts"));
    Ran::of(&output.await.expect("it does not panic"))
}

/// One repository is there, of this project, with its newest commit, and the state says so.
fn assert_there(env: &TestEnv, github: &GitHub) {
    let world = github.world();
    let names: Vec<&String> = world.repositories.keys().collect();
    assert_eq!(names, ["mona/notes-api"]);
    let repository = world.repositories["mona/notes-api"].clone();
    drop(world);
    assert_eq!(repository["private"], true);
    let head = git(&env.work().join("notes-api"), &["rev-parse", "HEAD"]);
    assert_eq!(git(&github.bare("mona/notes-api"), &["rev-parse", "main"]), head);
    let run = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let state = env.json(["run", "show", &run])["state"].clone();
    let info = json!({ "full_name": "mona/notes-api", "html_url": repository["html_url"], "clone_url": repository["clone_url"], "commits": [head] });
    assert_eq!(state["repo_info"], info);
    let description = repository["description"].as_str().unwrap();
    assert!(description.contains(state["current_project"]["id"].as_str().unwrap()), "{description}");
    assert_clean(env.home());
    assert!(github.world().gits > 0, "no git was seen at work");
    github.assert_content();
}

#[tokio::test]
async fn an_agent_brings_a_project_to_github_and_the_state_says_where_it_is() {
    if !tools_are_here() {
        return;
    }
    let (server, github) = (Server::thinking(Wire::Openai, thinks_of_github).await, GitHub::start());
    let env = home(&server, &github);
    let ran = run(&env, &NEW).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(TOKEN));
    assert_eq!(github.count("POST /user/repos"), 1);
    assert_there(&env, &github);
    for question in server.requests() {
        assert!(!question.to_string().contains(TOKEN), "a model was told the token");
    }
}

#[tokio::test]
async fn a_run_that_is_killed_on_its_way_to_github_makes_one_repository_when_it_goes_on() {
    if !tools_are_here() {
        return;
    }
    let (server, github) = (Server::thinking(Wire::Openai, thinks_of_github).await, GitHub::start());
    let mut env = home(&server, &github);
    let counted = env.home().join("count").display().to_string();
    env.set("CGO_TEST_CRASH_COUNT", counted.clone());
    assert_eq!(run(&env, &NEW).await.code, Some(0));
    let all: u64 = std::fs::read_to_string(&counted).unwrap().parse().unwrap();
    // What is before has nothing to do with GitHub, and is killed elsewhere. What is written beside the work may share
    // a commit or not, so that a run may have one boundary more or less.
    let mut kills = 0;
    for at in all.saturating_sub(8)..=all {
        let github = GitHub::start();
        let mut env = home(&server, &github);
        env.set("CGO_TEST_CRASH_AT", at.to_string());
        let killed = run(&env, &NEW).await;
        assert!(matches!(killed.code, None | Some(0)), "crash {at} of {all}: {}", killed.stderr);
        kills += u32::from(killed.code.is_none());
        env.unset("CGO_TEST_CRASH_AT");
        let status = env.json(["run", "list"])["runs"][0]["status"].as_str().unwrap().to_owned();
        if status != "succeeded" {
            let resumed = run(&env, &["run", "resume"]).await;
            assert_eq!(resumed.code, Some(0), "crash {at} of {all}: {}", resumed.stderr);
        }
        assert_eq!(github.count("POST /user/repos"), 1, "crash {at} of {all}");
        assert_there(&env, &github);
    }
    assert!(kills >= 4, "only {kills} of the runs were killed");
}

#[tokio::test]
async fn without_a_token_an_agent_is_told_the_variable_and_the_rest_goes_on() {
    if !tools_are_here() {
        return;
    }
    let (server, github) = (Server::thinking(Wire::Openai, thinks_of_github).await, GitHub::start());
    let mut env = home(&server, &github);
    env.unset("GITHUB_TOKEN");
    run(&env, &NEW).await;
    assert_eq!(github.lines(), Vec::<String>::new());
    let told = server.requests().iter().any(|question| {
        let messages = question["messages"].as_array().unwrap();
        messages.iter().any(|message| {
            let content = message["content"].as_str().unwrap_or_default();
            message["role"] == "tool"
                && content.contains("GH_TOKEN and GITHUB_TOKEN are not set")
                && content.contains("gh auth token")
        })
    });
    assert!(told, "{:#?}", server.requests().last());
}

#[tokio::test]
async fn an_agent_that_is_tried_alone_reads_what_is_on_github_and_makes_nothing_there() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let bare = github.add("mona/notes-api", "");
    let folder = Folder::new().await;
    folder.write("app/main.py", "print('hi')\n");
    let sha = folder.commit("begin").await;
    git(folder.path(), &["push", "--quiet", &bare.display().to_string(), "HEAD:main"]);
    let page = github.base() + "/runs";
    github.world().runs = vec![json!({
        "id": 1, "workflow_id": 7, "name": "CI", "event": "push", "status": "completed", "conclusion": "success",
        "html_url": page, "head_sha": sha.as_str(),
    })];
    let repository = "mona/notes-api";
    let calls = [
        ("list_github_repositories", json!({})),
        ("get_github_repository", json!({ "repository": repository })),
        ("read_github_file", json!({ "repository": repository, "path": "app/main.py" })),
        ("get_github_checks", json!({ "repository": repository, "commit": sha.as_str() })),
        ("get_github_repository", json!({})),
        ("create_github_repository", json!({ "name": "other" })),
    ];
    let script = calls.clone();
    let server = Server::thinking(Wire::Openai, move |question: &Value| {
        let messages = question["messages"].as_array().expect("the question was checked");
        let results = messages.iter().filter(|message| message["role"] == "tool").count();
        match script.get(results) {
            Some((name, arguments)) => one_call(&format!("call_{results}"), name, arguments),
            None => words("done"),
        }
    })
    .await;
    let mut env = home(&server, &github);
    let mut names: Vec<&str> = calls.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    env.ok(["agent", "set", "product_owner", "tools", &format!("[{}]", names.join(", "))]);
    let tried = ["agent", "test", "product_owner", "--input", "look", "--provider", "mine", "--json"];

    let ran = run(&env, &tried).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(TOKEN));
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let [listed, looked, read, checked, unnamed, made] = answer["data"]["calls"].as_array().unwrap().as_slice() else {
        panic!("{answer}");
    };
    assert_eq!(listed["found"]["repositories"][0]["full_name"], repository, "{listed}");
    assert_eq!(looked["found"]["repository"]["full_name"], repository, "{looked}");
    assert_eq!(looked["found"]["branches"]["items"][0]["sha"], sha.as_str(), "{looked}");
    assert_eq!(read["found"]["text"], "print('hi')\n", "{read}");
    assert_eq!(checked["found"]["verdict"], "passed", "{checked}");
    let error = unnamed["found"]["error"].as_str().unwrap();
    assert!(error.contains("there is no run here") && error.contains("name it: `repository`"), "{error}");
    assert_eq!((&made["found"], &made["effect"]), (&Value::Null, &json!("changes")), "{made}");
    let asked = github.lines();
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "something was changed: {asked:?}");

    env.unset("GITHUB_TOKEN");
    let ran = run(&env, &tried).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    for call in &answer["data"]["calls"].as_array().unwrap()[..4] {
        let error = call["found"]["error"].as_str().unwrap_or_else(|| panic!("{call}"));
        assert!(error.contains("GH_TOKEN and GITHUB_TOKEN are not set") && error.contains("gh auth token"), "{error}");
    }
    assert_eq!(github.lines().len(), asked.len(), "GitHub was asked without a token");
    github.assert_content();
}

#[tokio::test]
async fn doctor_says_whose_token_it_is_and_minds_no_missing_network() {
    let github = GitHub::start();
    let mut env = TestEnv::new();
    let check = |env: &TestEnv| {
        let ran = env.run(["doctor", "--json"]);
        let answer: Value = serde_json::from_str(&ran.stdout).expect("an answer is JSON");
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(TOKEN));
        let checks = answer["data"]["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "github")
    };
    env.set("CGO_GITHUB_API", github.base());
    assert_eq!(check(&env), None, "without a token there is nothing to check");
    env.set("GH_TOKEN", TOKEN);
    let good = check(&env).unwrap();
    assert_eq!(good["found"], "mona by GH_TOKEN, with repo, workflow");
    assert_eq!((&good["ok"], &good["needed"]), (&json!(true), &json!(false)));
    github.world().scopes = Some("repo".to_owned());
    let lacking = check(&env).unwrap();
    assert_eq!((&lacking["ok"], &lacking["mend"]), (&json!(false), &json!("give the token the scopes workflow")));
    env.set("GH_TOKEN", "ghp_wrong0000000000");
    let wrong = check(&env).unwrap();
    assert!(wrong["found"].as_str().unwrap().contains("GH_TOKEN: Bad credentials"), "{wrong}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    env.set("CGO_GITHUB_API", format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let gone = check(&env).unwrap();
    assert_eq!((&gone["ok"], &gone["needed"]), (&json!(false), &json!(false)), "{gone}");
    github.assert_content();
}
