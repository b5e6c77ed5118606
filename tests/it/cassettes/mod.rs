//! Cassettes: recorded over the wire, replayed without a network into other folders, compared byte for byte.
//!
//! `CGO_UPDATE=1 cargo test --test it cassettes` records those in `fixtures/cassettes` anew, which is to be done
//! whenever what agents are told has changed.

mod coders;
mod deploys;
mod stories;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::models::pipeline::files;
use crate::support::env::{Ran, TestEnv, tools_are_here};
use crate::support::repo::coders_can_work;
use stories::{FAILING_TEST, QUESTION_AND_APPROVAL, RUSSIAN, Story};
pub use stories::{newest, project};

const AGAIN: &str = "if agents are told something new, run: CGO_UPDATE=1 cargo test --test it cassettes";

fn fixture(story: &Story) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cassettes").join(story.file)
}

/// Everything that has to be the same wherever a cassette is replayed.
struct Made {
    /// `git log --format=raw` of everything: ids of commits and trees, names, moments, messages.
    commits: String,
    /// Each file of the project, by path.
    files: BTreeMap<String, Vec<u8>>,
    /// The journal: number, moment, kind and body of each event.
    events: Vec<String>,
    /// The effects: key, kind and mark.
    effects: Vec<String>,
    /// What the run knows at the end.
    state: String,
    /// What models were asked and answered: calls, tokens in and out.
    calls: Vec<(u64, u64, u64)>,
}

impl Made {
    fn of(env: &TestEnv) -> Self {
        let folder = project(env);
        let log = Command::new("git")
            .arg("-C")
            .arg(&folder)
            .args(["log", "--all", "--format=raw", "--no-abbrev"])
            .output()
            .expect("git runs");
        let all = files(&folder).into_iter().filter_map(|(path, bytes)| {
            let path = path.strip_prefix(&folder).expect("below the project").display().to_string();
            // What git keeps for itself, and what Python and its linter leave behind, is not the project.
            let own =
                [".git/", "__pycache__/", ".ruff_cache/", ".pytest_cache/"].iter().any(|name| path.contains(name));
            (!own).then_some((path, bytes))
        });
        let shown = env.json(["run", "show", &newest(env)]);
        let list = |name: &str| shown[name].as_array().expect("a list").clone();
        let port = shown["state"]["allocated_resources"]["backend"]["port"].as_u64();
        let same = |text: String| {
            let text = text.replace(&folder.display().to_string(), "PROJECT");
            let text = text.replace(&env.home().display().to_string(), "HOME");
            port.map_or_else(|| text.clone(), |port| text.replace(&format!(":{port}"), ":PORT"))
        };
        let events = list("events").into_iter().map(|mut event| {
            if let Some(by) = event["event"].get_mut("taken_up") {
                *by = Value::Null;
            }
            same(event.to_string())
        });
        let number = |value: &Value| value.as_u64().expect("a number");
        let totals = env.json(["cost", "--by", "agent"])["totals"].as_array().expect("a list").clone();
        let mut calls: Vec<(u64, u64, u64)> = totals
            .iter()
            .map(|of| (number(&of["calls"]), number(&of["input_tokens"]), number(&of["output_tokens"])))
            .collect();
        calls.sort_unstable();
        Self {
            commits: String::from_utf8_lossy(&log.stdout).into_owned(),
            files: all.collect(),
            events: events.collect(),
            effects: list("effects").iter().map(Value::to_string).collect(),
            state: same(shown["state"].to_string()),
            calls,
        }
    }

    /// Fails with the first thing that differs.
    fn is(&self, other: &Self, which: &str) {
        assert_eq!(self.commits, other.commits, "the commits of {which} differ");
        assert_eq!(self.files.keys().collect::<Vec<_>>(), other.files.keys().collect::<Vec<_>>(), "files of {which}");
        for (path, bytes) in &self.files {
            assert!(*bytes == other.files[path], "`{path}` of {which} differs");
        }
        for (one, another) in [(&self.events, &other.events), (&self.effects, &other.effects)] {
            for (one, another) in one.iter().zip(another) {
                assert_eq!(one, another, "the journals of {which} differ");
            }
            assert_eq!(one.len(), another.len(), "a journal of {which} is longer");
        }
        assert_eq!(self.state, other.state, "the states of {which} differ");
        assert_eq!(self.calls, other.calls, "the calls of {which} differ");
    }
}

/// Ports are the machine's: somebody else may take one between its choice and the start.
fn has_lost_its_port(ran: &Ran) -> bool {
    let taken = ran.code == Some(9) && ran.stderr.contains(" is taken by ");
    taken || (ran.code == Some(6) && ran.stderr.contains("address already in use"))
}

/// Replays a cassette where there is no key, no settings and no model, again where a port was lost.
fn replay(story: &Story, cassette: &Path, folder: Option<&str>) -> Made {
    const TRIES: u32 = 5;
    (0..TRIES).find_map(|_| replay_once(story, cassette, folder)).expect("some port is free")
}

fn replay_once(story: &Story, cassette: &Path, folder: Option<&str>) -> Option<Made> {
    let mut env = story.home();
    env.set("USER", "somebody-else");
    let mut arguments = vec!["run".into(), "replay".into(), cassette.as_os_str().to_owned()];
    if let Some(folder) = folder {
        let folder = env.home().join(folder);
        arguments.extend(["--dir".into(), folder.into_os_string()]);
    }
    let ran = env.run(arguments);
    if has_lost_its_port(&ran) {
        return None;
    }
    assert_eq!(ran.code, Some(0), "{}\n{AGAIN}", ran.stderr);
    let cost = env.json(["cost"]);
    assert_eq!(cost["total"], 0.0, "a replay costs nothing: {cost}");
    for total in cost["totals"].as_array().expect("a list") {
        assert_eq!(total["replayed"], total["calls"], "{total}");
    }
    Some(Made::of(&env))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The shipped cassette of a story, recorded anew where that is wanted, replays twice to the same bytes.
fn replays(story: &Story) -> Option<Made> {
    if !tools_are_here() {
        return None;
    }
    let cassette = fixture(story);
    if std::env::var_os("CGO_UPDATE").is_some() {
        let _ = std::fs::remove_file(&cassette);
        std::fs::create_dir_all(cassette.parent().expect("it is in a folder")).expect("the folder can be made");
        let told = runtime().block_on(async {
            let env = story.record(&cassette).await;
            Made::of(&env)
        });
        told.is(&replay(story, &cassette, None), "the recording and its replay");
    }
    let one = replay(story, &cassette, None);
    one.is(&replay(story, &cassette, Some("another/place")), "two replays");
    Some(one)
}

#[test]
fn a_russian_project_is_replayed_from_its_description_to_its_deployment() {
    let Some(made) = replays(&RUSSIAN) else { return };
    assert!(made.state.contains("\"deployed_url\":\"http://127.0.0.1:PORT\""), "{}", made.state);
    assert!(made.state.contains("Журнал обращений"), "{}", made.state);
}

#[test]
fn a_question_and_an_approval_are_answered_as_they_were() {
    let Some(made) = replays(&QUESTION_AND_APPROVAL) else { return };
    let answers: Vec<_> = made.events.iter().filter(|event| event.contains("\"answered\"")).collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    // By whom they were given then, whoever replays them.
    let cassette = std::fs::read_to_string(fixture(&QUESTION_AND_APPROVAL)).expect("the cassette is there");
    let by = |event: &str| event.split("\"by\":").nth(1).and_then(|rest| rest.split('"').nth(1)).map(str::to_owned);
    let whose: Vec<_> = answers.iter().map(|event| by(event).expect("it says by whom")).collect();
    assert!(whose.iter().all(|name| cassette.contains(&format!("\"by\":\"{name}\""))), "{whose:?}");
}

#[test]
fn a_failing_test_fails_again_and_a_coder_mends_it_again() {
    if !coders_can_work() {
        return;
    }
    let Some(made) = replays(&FAILING_TEST) else { return };
    let failed = made.events.iter().filter(|event| event.contains("tests failed")).count();
    assert!(failed >= 1, "the test did not fail");
    assert!(made.state.contains("\"failed\":0"), "{}", made.state);
    assert!(made.state.contains("\"deployed_url\":\"http://127.0.0.1:PORT\""), "{}", made.state);
    // The person wrote the test, the coder what it asks for.
    assert_eq!(made.commits.matches("author Ada <ada@example.org>").count(), 1, "{}", made.commits);
    assert!(made.commits.contains("Refuse titles of more than 80 characters."), "{}", made.commits);
    let controller = &made.files["services/backend/app/controllers/notes.py"];
    assert!(String::from_utf8_lossy(controller).contains("LONGEST_TITLE = 80"));
    let kinds: Vec<&String> = made.effects.iter().filter(|effect| effect.contains("\"write_code\"")).collect();
    assert_eq!(kinds.len(), 1, "{kinds:?}");
}

#[test]
fn a_run_that_is_recorded_now_has_the_journal_of_its_replay() {
    if !tools_are_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let cassette = folder.path().join("one.cassette");
    let recorded = runtime().block_on(async { Made::of(&QUESTION_AND_APPROVAL.record(&cassette).await) });
    recorded.is(&replay(&QUESTION_AND_APPROVAL, &cassette, None), "the recording and its replay");
}

#[test]
fn an_agent_that_asks_otherwise_than_it_did_is_told_apart_and_may_be_let_pass() {
    if !tools_are_here() {
        return;
    }
    let cassette = fixture(&QUESTION_AND_APPROVAL).display().to_string();
    let told_to = |more: &[&str]| {
        let env = QUESTION_AND_APPROVAL.home();
        env.ok(["agent", "set", "brainstorm", "temperature", "0.75"]);
        env.run(["run", "replay", &cassette].into_iter().chain(more.iter().copied()))
    };
    let strict = told_to(&[]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(strict.stderr.contains("brainstorm") && strict.stderr.contains("0.75"), "{}", strict.stderr);
    let loose = told_to(&["--loose"]);
    assert_eq!(loose.code, Some(0), "{}", loose.stderr);
}
