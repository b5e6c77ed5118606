//! `cgo project new --github`: the tested commit goes to GitHub beside the deployment, whatever happens on the way is
//! told, and nothing is made twice.

use std::process::Stdio;

use serde_json::{Value, json};

use super::pushing::assert_clean;
use super::server::{GitHub, Reply, TOKEN, Turn};
use crate::support::env::{TestEnv, get, tools_are_here, until};
use crate::support::git::git;

fn at_home(mut env: TestEnv, github: &GitHub) -> TestEnv {
    env.set("CGO_GITHUB_API", github.base());
    env.set("GITHUB_TOKEN", TOKEN);
    env
}

fn forbidden() -> Turn {
    Turn::Says(Reply::refusal(403, "Resource not accessible by personal access token"))
}

/// The commit that was tested is the only thing on the repository's branch, and the state says so.
fn assert_shared(env: &TestEnv, github: &GitHub, full_name: &str, private: bool) -> Value {
    let world = github.world();
    assert_eq!(world.repositories.keys().collect::<Vec<_>>(), [full_name]);
    let repository = world.repositories[full_name].clone();
    drop(world);
    assert_eq!(repository["private"], private);
    let run = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let shown = env.json(["run", "show", &run]);
    let state = &shown["state"];
    let tested = state["test_results"]["commit"].as_str().unwrap();
    assert_eq!(git(&github.bare(full_name), &["rev-parse", "main"]), tested);
    assert_eq!(state["sharing"]["outcome"], json!({ "pushed": tested }));
    assert_eq!(state["repo_info"]["html_url"], repository["html_url"]);
    assert_eq!(state["repo_info"]["commits"].as_array().unwrap().last().unwrap(), tested);
    assert_clean(env.home());
    github.assert_content();
    shown
}

#[test]
fn a_new_project_is_shared_beside_its_deployment_and_the_report_says_where() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let env = at_home(TestEnv::deploying(), &github);
    let made = env.ok(["project", "new", "a notes API with title and body", "--github", "--public"]);
    let url = format!("{}/mona/notes-api", github.base());
    assert!(made.stdout.contains(&format!("GitHub    {url} (public)")), "{}", made.stdout);
    assert!(!format!("{}{}", made.stdout, made.stderr).contains(TOKEN));
    let shown = assert_shared(&env, &github, "mona/notes-api", false);
    assert_eq!(get(&format!("{}/health", shown["state"]["deployed_url"].as_str().unwrap())).0, 200);
    let said = shown["state"]["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("It is on GitHub: {url}.")), "{said}");
    assert_eq!(github.count("POST /user/repos"), 1);
}

#[test]
fn what_github_refuses_leaves_the_deployment_alone_and_is_done_when_the_run_goes_on() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let env = at_home(TestEnv::deploying(), &github);
    for _ in 0..2 {
        github.turn("POST /user/repos", forbidden());
    }
    let made = env.run(["project", "new", "a notes API with title and body", "--github"]);
    assert_eq!(made.code, Some(1), "{}", made.stderr);
    assert!(
        made.stderr.contains("error: the token in GITHUB_TOKEN may not create repository `mona/notes-api`"),
        "{}",
        made.stderr
    );
    assert!(made.stderr.contains("`notes-api` works at http://"), "{}", made.stderr);
    let run = env.json(["run", "list"])["runs"][0].clone();
    assert_eq!(run["status"], "queued", "a project that is not shared passes for done");
    let id = run["id"].as_str().unwrap();
    assert!(made.stderr.contains(&format!("run `cgo run resume {id}`")), "{}", made.stderr);
    let state = env.json(["run", "show", id])["state"].clone();
    assert!(made.stderr.contains("not shared: the token in GITHUB_TOKEN may not"), "{}", made.stderr);
    let (url, said) = (state["deployed_url"].as_str().unwrap(), &state["messages"]);
    assert_eq!(get(&format!("{url}/health")).0, 200, "the deployment suffered");
    assert!(said.to_string().contains("It is not on GitHub: the token in GITHUB_TOKEN may not"), "{said}");
    assert!(state["sharing"]["outcome"]["failed"].is_string(), "{state}");

    let resumed = env.json(["run", "resume", id]);
    assert_eq!(resumed["github"]["full_name"], "mona/notes-api");
    assert_eq!(resumed["github"]["commit"], resumed["tests"]["commit"]);
    assert_shared(&env, &github, "mona/notes-api", true);
    let project = env.json(["project", "show", "notes-api"]);
    assert_eq!(project["releases"].as_array().unwrap().len(), 1, "it was deployed again");
}

#[test]
fn without_a_deployment_it_is_shared_too_and_a_killed_run_makes_one_repository() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let mut env = at_home(TestEnv::new(), &github);
    github.turn("POST /orgs/octo-org/repos", forbidden());
    let text = "a notes API with title and body";
    let made = env.run(["project", "new", text, "--no-deploy", "--github=octo-org/shelf"]);
    assert_eq!(made.code, Some(1), "{}", made.stderr);
    assert_eq!(env.json(["run", "list"])["runs"][0]["status"], "queued");
    let mut kills = 0;
    for at in 1.. {
        env.set("CGO_TEST_CRASH_AT", at.to_string());
        let resumed = env.command(["run", "resume", "--json"]).stderr(Stdio::piped()).output().unwrap();
        match resumed.status.code() {
            None => kills += 1,
            Some(0) => {
                let answer: Value = serde_json::from_slice(&resumed.stdout).unwrap();
                assert_eq!(answer["data"]["github"]["full_name"], "octo-org/shelf");
                assert_eq!(answer["data"]["url"], Value::Null);
                break;
            }
            Some(code) => panic!("crash {at}: exit {code}, {}", String::from_utf8_lossy(&resumed.stderr)),
        }
        // Killed after its last word it is done.
        env.unset("CGO_TEST_CRASH_AT");
        if env.json(["run", "list"])["runs"][0]["status"] == "succeeded" {
            break;
        }
    }
    env.unset("CGO_TEST_CRASH_AT");
    assert!(kills >= 4, "only {kills} processes were killed");
    // The refused one, and the one that was done.
    assert_eq!(github.count("POST /orgs/octo-org/repos"), 2);
    assert_shared(&env, &github, "octo-org/shelf", true);
}

#[test]
fn a_run_that_is_cancelled_while_github_is_asked_says_that_nobody_knows_whether_it_was_done() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let env = at_home(TestEnv::new(), &github);
    github.turn("POST /user/repos", forbidden());
    github.turn("POST /user/repos", Turn::Waits);
    let made = env.run(["project", "new", "a notes API with title and body", "--no-deploy", "--github"]);
    assert_eq!(made.code, Some(1), "{}", made.stderr);
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let working = env.start(["run", "resume", &id]);
    until("GitHub to be asked", || github.count("POST /user/repos") == 2);
    env.ok(["run", "cancel", &id]);
    let ended = working.end();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("was cancelled by {}", cgo::app::user())), "{}", ended.stderr);
    let shown = env.ok(["run", "show", &id]).stdout;
    assert!(shown.contains("  left unfinished: publish\n"), "{shown}");
    assert!(shown.contains("  github_repository_made begun, and nobody knows whether it was done\n"), "{shown}");
    assert!(shown.contains("  git_commit             done\n"), "{shown}");
}

#[test]
fn what_cannot_be_shared_is_refused_before_anything_is_done() {
    let github = GitHub::start();
    let mut env = at_home(TestEnv::new(), &github);
    let refused = |env: &TestEnv, more: &[&str], words: &[&str]| {
        for dry in [&[][..], &["--dry-run"]] {
            let arguments = [&["project", "new", "a notes API", "--name", "notes"], more, dry].concat();
            let ran = env.run(&arguments);
            assert_eq!(ran.code, Some(1), "{arguments:?}: {}", ran.stderr);
            for words in words {
                assert!(ran.stderr.contains(words), "{arguments:?} does not say {words:?}: {}", ran.stderr);
            }
        }
        assert_eq!(env.json(["run", "list"])["runs"], json!([]), "a run was begun");
        assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0, "something was made");
    };
    env.unset("GITHUB_TOKEN");
    let none = ["GH_TOKEN and GITHUB_TOKEN are not set", "hint: run `export GITHUB_TOKEN=$(gh auth token)`"];
    refused(&env, &["--github"], &none);
    assert_eq!(github.lines(), Vec::<String>::new());
    env.set("GH_TOKEN", "ghp_wrong0000000000");
    refused(&env, &["--github"], &["GitHub refuses the token in GH_TOKEN: Bad credentials"]);
    env.set("GH_TOKEN", TOKEN);
    github.world().scopes = Some("public_repo, workflow".to_owned());
    refused(&env, &["--github"], &["it has public_repo, workflow", "give the token in GH_TOKEN the scopes repo"]);
    github.add("mona/notes", "somebody's");
    refused(&env, &["--github", "--public"], &["the name `mona/notes` is taken at GitHub"]);
    github.world().scopes = None;
    refused(&env, &["--github=Mona/Notes"], &["the name `mona/notes` is taken at GitHub"]);
    assert_eq!(github.count("POST /user/repos"), 0);
    let wrong = env.run(["project", "new", "a notes API", "--github=octo/no/such"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    let alone = env.run(["project", "new", "a notes API", "--public"]);
    assert_eq!(alone.code, Some(2), "{}", alone.stderr);
    github.assert_content();
}

#[test]
fn a_dry_run_says_where_it_would_be_shared_and_asks_for_no_repository() {
    if !tools_are_here() {
        return;
    }
    let github = GitHub::start();
    let env = at_home(TestEnv::new(), &github);
    let plan = env.ok(["project", "new", "a notes API with title", "--github", "--dry-run"]).stdout;
    assert!(plan.contains("On GitHub: mona/notes-api (private)"), "{plan}");
    assert!(plan.contains("  publish: Share on GitHub\n"), "{plan}");
    let built = env.ok(["project", "new", "a notes API with title", "--github", "--no-deploy", "--dry-run"]).stdout;
    assert!(built.contains("  publish: Share on GitHub\n") && !built.contains("Deploy"), "{built}");
    let alone = env.ok(["project", "new", "a notes API with title", "--dry-run"]).stdout;
    assert!(!alone.contains("GitHub"), "{alone}");
    assert!(github.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", github.lines());
    github.assert_content();
}
