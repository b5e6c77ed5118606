//! Changing a project that exists: from a wish to a release that serves, with the data that was there.

use std::path::Path;
use std::process::Command;

use crate::deploys::Visitors;
use crate::support::env::{TestEnv, get, request, tools_are_here};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_wish_becomes_a_release_and_records_are_lost_only_when_a_person_says_so() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let made = env.json(["project", "new", "a notes API with title and body"]);
    let url = made["url"].as_str().unwrap().to_owned();
    let folder = env.work().join("notes-api");
    let (status, note) = request("POST", &format!("{url}/notes"), Some(r#"{"title": "kept", "body": "from before"}"#));
    assert_eq!(status, 201, "{note}");

    // Looked at first: nothing changes.
    let head = git(&folder, &["rev-parse", "HEAD"]);
    let plan = env.json(["project", "update", "notes-api", "add a due date", "--dry-run"]);
    assert_eq!(plan["changes"], serde_json::json!(["`Note` gets `due_date`"]), "{plan}");
    assert_eq!(git(&folder, &["rev-parse", "HEAD"]), head);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");

    // Done: nobody notices, and what was there has the new field, too.
    let visitors = Visitors::of(&format!("{url}/notes"));
    let changed = env.json(["project", "update", "notes-api", "add a due date"]);
    let (asked, lost) = visitors.leave();
    assert_eq!(lost, 0, "{lost} of {asked} requests were lost");
    assert_eq!(changed["url"], made["url"], "{changed}");
    assert_eq!(changed["changes"], plan["changes"]);
    assert_eq!(changed["commits"].as_array().unwrap().len(), 2, "{changed}");
    assert!(changed["tests"]["passed"].as_u64().unwrap() >= made["tests"]["passed"].as_u64().unwrap(), "{changed}");
    let notes: serde_json::Value = serde_json::from_str(&get(&format!("{url}/notes")).1).unwrap();
    assert_eq!(notes["items"][0]["title"], "kept", "{notes}");
    assert!(notes["items"][0].as_object().unwrap().contains_key("due_date"), "{notes}");
    let dated =
        request("POST", &format!("{url}/notes"), Some(r#"{"title": "b", "body": "c", "due_date": "2027-01-02"}"#));
    assert_eq!(dated.0, 201, "{}", dated.1);

    // What loses data is asked for, and a no leaves everything as it is.
    let release = get(&format!("{url}/ready")).1;
    let asks = env.run(["project", "update", "notes-api", "remove body"]);
    assert_eq!(asks.code, Some(4), "{}\n{}", asks.stdout, asks.stderr);
    assert!(asks.stderr.contains("`body` of `Note` is removed with all its values"), "{}", asks.stderr);
    let no = env.run(["run", "answer", &run_of(&asks.stderr), "no"]);
    assert_eq!(no.code, Some(1), "{}\n{}", no.stdout, no.stderr);
    assert!(no.stderr.contains("said no"), "{}", no.stderr);
    assert_eq!(get(&format!("{url}/ready")).1, release);
    assert!(get(&format!("{url}/notes")).1.contains("from before"));
    let gone = env.json(["--yes", "project", "update", "notes-api", "remove body"]);
    assert!(gone["assumptions"].to_string().contains("removed with all its values"), "{gone}");
    assert!(!get(&format!("{url}/notes")).1.contains("from before"));
    assert!(get(&format!("{url}/notes")).1.contains("kept"));
    env.ok(["project", "remove", "notes-api", "--yes"]);
}

/// The id of the run a text names.
fn run_of(text: &str) -> String {
    let at = text.find("run-").unwrap_or_else(|| panic!("no run in: {text}"));
    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

#[test]
fn what_is_not_understood_is_asked_for_and_what_stands_in_the_way_is_told_first() {
    let env = TestEnv::new();
    env.json(["project", "new", "a notes API with title and body", "--until", "developer"]);
    let folder = env.work().join("notes-api");
    let unknown = env.run(["project", "update", "notes-apu", "add tags"]);
    assert!(unknown.stderr.contains("notes-apu") && unknown.stderr.contains("notes-api"), "{}", unknown.stderr);
    assert_eq!(unknown.code, Some(1));
    for (text, said) in [("", "is empty"), ("a\u{1b}b", "control character")] {
        let wrong = env.run(["project", "update", "notes-api", text]);
        assert!(wrong.stderr.contains(said), "{text:?}: {}", wrong.stderr);
        assert_eq!(wrong.code, Some(2));
    }
    let vague = env.run(["project", "update", "notes-api", "make it faster"]);
    assert_eq!(vague.code, Some(4), "{}", vague.stderr);
    assert!(vague.stderr.contains("\"make it faster\" was not understood"), "{}", vague.stderr);
    let run = run_of(&vague.stderr);
    let meant = env.run(["run", "answer", &run, "add a rating", "--no-resume"]);
    assert_eq!(meant.code, Some(0), "{}", meant.stderr);
    env.ok(["run", "cancel", &run]);

    std::fs::write(folder.join("mine.txt"), "not committed").unwrap();
    let dirty = env.run(["project", "update", "notes-api", "add tags"]);
    assert!(dirty.stderr.contains("mine.txt") && dirty.stderr.contains("commit"), "{}", dirty.stderr);
    assert_eq!(dirty.code, Some(1));
    std::fs::remove_file(folder.join("mine.txt")).unwrap();
    let payments = env.json(["project", "update", "notes-api", "add payments with stripe", "--dry-run"]);
    assert!(payments["not_built"][0]["what"].as_str().unwrap().contains("stripe"), "{payments}");
    let model = env.run(["project", "update", "notes-api", "add tags", "--provider", "nobody"]);
    assert!(model.stderr.contains("nobody"), "{}", model.stderr);
    assert_ne!(model.code, Some(0));
}

#[test]
fn a_change_that_was_recorded_makes_the_same_commits_again() {
    if !tools_are_here() {
        return;
    }
    let tapes = tempfile::tempdir().unwrap();
    let (first, second) = (tapes.path().join("new.tape"), tapes.path().join("update.tape"));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let one = TestEnv::new();
    one.json(["project", "new", "a notes API with title and body", "--no-deploy", "--record", first]);
    let changed = one.json(["project", "update", "notes-api", "add a rating", "--no-deploy", "--record", second]);
    let other = TestEnv::new();
    other.json(["project", "new", "--replay", first]);
    let wrong = other.run(["deploy", "notes-api", "--replay", second]);
    assert!(wrong.stderr.contains("was not recorded from a deployment"), "{}", wrong.stderr);
    let again = other.json(["project", "update", "notes-api", "--replay", second]);
    assert_eq!(again["commits"], changed["commits"]);
    assert_eq!(again["changes"], changed["changes"]);
}
