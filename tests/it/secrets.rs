//! Secrets: a deployment waits for what a person has to give, the service gets it to the byte, nothing else sees it, and
//! what is made up is made once.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cgo::domain::request::Rollout;
use cgo::domain::run::{Request, Wait};
use cgo::ops::secrets::message;

use crate::serve::{app, block};
use crate::support::canary::{absent, absent_below};
use crate::support::env::{Ran, TestEnv, get, tools_are_here};
use crate::support::projects::on_record;
use crate::users::waiting;

/// What a shell, YAML or a format string would change.
const CANARY: &str = " canary-7d2f $HOME ${x} \\n\\ 'a\" `b` #c %s \n\n\tёж 👩‍👧 = \n";

fn commit(folder: &Path, message: &str) {
    for words in [&["add", "-A"][..], &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message]] {
        assert!(Command::new("git").args(words).current_dir(folder).status().unwrap().success());
    }
}

/// The values of a variable in the environments of the processes that serve a project.
fn seen_by_processes(env: &TestEnv, variable: &str) -> Vec<String> {
    let apps = env.data().join("servers").display().to_string();
    let mut values = Vec::new();
    for pid in cgo::exec::identity::pids() {
        let Ok(bytes) = std::fs::read(format!("/proc/{pid}/environ")) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains(&apps) {
            values.extend(
                text.split('\0').filter_map(|pair| pair.strip_prefix(variable)?.strip_prefix('=')).map(str::to_owned),
            );
        }
    }
    values
}

/// A project whose service wants a secret of a person and one that is made up.
fn project(env: &TestEnv) -> PathBuf {
    env.json(["project", "new", "a notes API with title", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    let contract = folder.join("services/backend/env.contract.yaml");
    let mut text = std::fs::read_to_string(&contract).unwrap();
    for (name, source) in [("MAIL_KEY", "user_secret"), ("SESSION_KEY", "generated_secret")] {
        text.push_str(&format!(
            "  {name}:\n    source: {source}\n    environments: [production]\n    consumers: [backend]\n    required: true\n    description: The key of the mail provider.\n"
        ));
    }
    std::fs::write(&contract, text).unwrap();
    commit(&folder, "Send mail");
    folder
}

/// One that only the store knows, for what needs no deployment.
fn bare(env: &TestEnv) {
    on_record(env, "notes-api", "", &env.work().join("notes-api"));
}

fn identity(env: &TestEnv) -> PathBuf {
    env.home().join(".config/cgo/identity.txt")
}

fn set(env: &TestEnv, value: &str) -> Ran {
    let ran = env.run_with_input(["secrets", "set", "notes-api", "MAIL_KEY"], value.as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

#[test]
fn a_deployment_waits_for_a_secret_and_the_service_gets_it_to_the_byte() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    project(&env);
    let mut said = vec![env.run(["deploy", "notes-api"])];
    let waits = &said[0];
    assert_eq!(waits.code, Some(4), "{}\n{}", waits.stdout, waits.stderr);
    let run = env.json(["run", "show"])["run"].clone();
    assert_eq!(run["status"], "waiting_secret");
    let id = run["id"].as_str().unwrap().to_owned();
    for words in [
        "`MAIL_KEY` is needed: The key of the mail provider.",
        "`cgo secrets set notes-api MAIL_KEY`",
        &format!("cgo run resume {id}"),
    ] {
        assert!(waits.stderr.contains(words), "`{words}` is missing in: {}", waits.stderr);
    }
    assert!(!waits.stderr.contains("SESSION_KEY"), "a person is asked for what cgo makes: {}", waits.stderr);
    assert!(env.ok(["explain", &id]).stdout.contains(&format!("cgo run resume {id}")));
    let early = env.run(["run", "resume", &id]);
    assert_eq!(early.code, Some(4), "{}", early.stderr);
    assert!(early.stderr.contains("`cgo secrets set notes-api MAIL_KEY`"), "{}", early.stderr);

    let file = env.home().join("value");
    std::fs::write(&file, CANARY).unwrap();
    let done = env.ok(["secrets", "set", "notes-api", "MAIL_KEY", "--file", &file.display().to_string()]);
    std::fs::remove_file(&file).unwrap();
    assert!(done.stdout.contains(&format!("cgo run resume {id}")), "{}", done.stdout);
    said.push(done);
    let made = env.json(["run", "resume", &id]);
    let url = made["url"].as_str().unwrap_or_else(|| panic!("{made}"));
    assert_eq!(get(&format!("{url}/health")).0, 200);
    let seen = seen_by_processes(&env, "MAIL_KEY");
    assert!(!seen.is_empty() && seen.iter().all(|value| value == CANARY), "{seen:?}");
    let session = seen_by_processes(&env, "SESSION_KEY");
    assert!(session.iter().all(|value| value.len() >= 32), "{session:?}");
    assert_eq!(seen_by_processes(&env, "LOG_LEVEL").first().map(String::as_str), Some("info"), "a literal is given");

    said.push(env.ok(["deploy", "notes-api"]));
    assert_eq!(seen_by_processes(&env, "SESSION_KEY").first(), session.first(), "a redeploy made a new one");
    said.push(env.ok(["secrets", "rotate", "notes-api", "SESSION_KEY"]));
    assert_eq!(seen_by_processes(&env, "SESSION_KEY").first(), session.first(), "what runs keeps its value");
    said.push(env.ok(["deploy", "notes-api"]));
    let rotated = seen_by_processes(&env, "SESSION_KEY");
    assert!(rotated.first().is_some_and(|value| Some(value) != session.first()), "{rotated:?}");

    let canaries = [CANARY.trim(), "canary-7d2f", session[0].as_str(), rotated[0].as_str()];
    for command in [
        &["secrets", "list"][..],
        &["secrets", "get", "notes-api", "MAIL_KEY"],
        &["run", "show", &id],
        &["project", "logs", "notes-api"],
    ] {
        said.push(env.run(command));
        said.push(env.run(command.iter().chain(&["--json"])));
    }
    for ran in &said {
        absent("standard output", ran.stdout.as_bytes(), &canaries);
        absent("standard error", ran.stderr.as_bytes(), &canaries);
    }
    for pid in cgo::exec::identity::pids() {
        absent("arguments", &std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default(), &canaries);
    }
    // What keeps the service running has its environment on the disk, for the account alone; nothing else has.
    let mut kept = Vec::new();
    holding(env.home(), &canaries, &mut kept);
    let kept: Vec<&str> = kept.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert!(kept.iter().all(|name| name.contains("launch") || name.contains("env")), "it stands in {kept:?}");
    for name in ["cgo.db", "cgo.db-wal"] {
        absent(name, &std::fs::read(env.data().join(name)).unwrap_or_default(), &canaries);
    }

    let plan = env.ok(["project", "remove", "notes-api", "--dry-run"]).stdout;
    assert!(plan.contains("the secrets MAIL_KEY, SESSION_KEY"), "{plan}");
    env.ok(["project", "stop", "notes-api"]);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert!(env.ok(["secrets", "list"]).stdout.contains("no secrets"), "the secrets outlived their project");
}

/// The files below a folder that hold one of some texts, but for what was installed and the store; others may not read
/// them.
fn holding(folder: &Path, texts: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() && !path.ends_with("environment") && !path.ends_with(".venv") {
            holding(&path, texts, found);
        } else if kind.is_file()
            && std::fs::read(&path).is_ok_and(|bytes| {
                let content = String::from_utf8_lossy(&bytes);
                texts.iter().any(|text| content.contains(text))
            })
        {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "others may read {}", path.display());
            found.push(path);
        }
    }
}

#[test]
fn a_value_comes_from_input_or_a_file_and_is_shown_only_when_asked_for() {
    let env = TestEnv::new();
    bare(&env);
    let done = set(&env, &format!("{CANARY}\n"));
    let shown = env.ok(["secrets", "get", "notes-api", "MAIL_KEY", "--reveal"]).stdout;
    assert_eq!(shown, CANARY, "one newline at the end is left out");
    let data = env.json(["secrets", "get", "notes-api", "MAIL_KEY", "--reveal"]);
    assert_eq!(data["value"], CANARY);
    let data = env.json(["secrets", "get", "notes-api", "MAIL_KEY"]);
    assert_eq!(
        (&data["set"], &data["origin"], &data["value"]),
        (&true.into(), &"given".into(), &serde_json::Value::Null)
    );
    assert!(data["key"].as_str().unwrap().starts_with("age1"), "{data}");
    absent("what it says", done.stdout.as_bytes(), &["canary-7d2f"]);
    absent_below(env.home(), &["canary-7d2f"], &[]);
    assert_eq!(std::fs::metadata(identity(&env)).unwrap().permissions().mode() & 0o777, 0o600);

    let listed = env.json(["secrets", "list", "notes-api"]);
    assert_eq!((&listed["secrets"][0]["name"], &listed["secrets"][0]["set"]), (&"MAIL_KEY".into(), &true.into()));
    assert_eq!(env.run(["secrets", "rm", "notes-api", "MAIL_KEY"]).code, Some(4), "nobody was asked");
    env.ok(["secrets", "rm", "notes-api", "MAIL_KEY", "--yes"]);
    let gone = env.run(["secrets", "get", "notes-api", "MAIL_KEY"]);
    assert_eq!(gone.code, Some(1), "{}", gone.stderr);
}

#[test]
fn what_cannot_be_a_value_or_a_place_is_refused_and_never_repeated() {
    let env = TestEnv::new();
    bare(&env);
    let words = ["secrets", "set", "notes-api", "MAIL_KEY"];
    let argued = env.run(words.iter().chain(&["canary-7d2f"]));
    assert_eq!(argued.code, Some(2), "{}", argued.stderr);
    absent("the refusal", argued.stderr.as_bytes(), &["canary-7d2f"]);
    for (input, why) in
        [(&b""[..], "it is empty"), (b"canary-7d2f\0", "zero byte"), (b"canary-7d2f\xff", "not text in UTF-8")]
    {
        let ran = env.run_with_input(words, input);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && !ran.stderr.contains("canary"), "{}", ran.stderr);
    }
    let long = env.run_with_input(words, &vec![b'a'; 130_000]);
    assert!(long.stderr.contains("bytes; a program's environment"), "{}", long.stderr);
    for (name, project) in [("mail-key", "notes-api"), ("A=B", "notes-api"), ("MAIL_KEY", "no-such")] {
        let ran = env.run_with_input(["secrets", "set", project, name], b"canary-7d2f");
        assert!(matches!(ran.code, Some(1 | 2)) && !ran.stderr.contains("canary"), "{name}: {}", ran.stderr);
    }
    assert!(!identity(&env).exists(), "an identity was made for nothing");
    let generated = env.run(["secrets", "rotate", "notes-api", "MAIL_KEY"]);
    assert_eq!(generated.code, Some(1), "{}", generated.stderr);
}

#[test]
fn an_identity_that_is_missing_foreign_or_open_is_told_and_opens_nothing() {
    let env = TestEnv::new();
    bare(&env);
    set(&env, "canary-7d2f");
    let file = identity(&env);
    let own = std::fs::read_to_string(&file).unwrap();
    let key = own.lines().last().unwrap();
    let reveal = ["secrets", "get", "notes-api", "MAIL_KEY", "--reveal"];
    let refused = |code: i32, words: &[&str], arguments: &[&str]| {
        let ran = env.run_with_input(arguments, b"canary-other");
        assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "`{word}` is missing in: {}", ran.stderr);
        }
        absent("what it says", format!("{}{}", ran.stdout, ran.stderr).as_bytes(), &["canary", key, "BEGIN AGE"]);
    };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(1, &["others may read", "chmod 600"], &reveal);
    refused(1, &["others may read"], &["secrets", "set", "notes-api", "OTHER"]);

    let other = TestEnv::new();
    bare(&other);
    set(&other, "x");
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(identity(&other), &file).unwrap();
    refused(4, &["MAIL_KEY of notes-api", "is encrypted for `age1"], &reveal);
    std::fs::remove_file(&file).unwrap();
    refused(4, &["is not there", "put the file back", "CGO_IDENTITY"], &reveal);
    refused(4, &["is not there"], &["secrets", "set", "notes-api", "OTHER"]);
    assert!(!file.exists(), "a new identity hides that the old one is lost");
    assert!(env.ok(["secrets", "get", "notes-api", "MAIL_KEY"]).stdout.contains("set"));
    std::fs::write(&file, "not one\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(1, &["line 1 of", "is not an age identity"], &reveal);
    std::fs::write(&file, &own).unwrap();
    assert_eq!(env.ok(reveal).stdout, "canary-7d2f");

    // Lost for good: it can be given up, and everything begins anew.
    std::fs::remove_file(&file).unwrap();
    env.ok(["secrets", "rm", "notes-api", "MAIL_KEY", "--yes"]);
    set(&env, "canary-7d2f");
    assert_eq!(env.ok(reveal).stdout, "canary-7d2f");
}

#[test]
fn one_that_was_sent_in_a_message_is_listed_as_exposed_until_it_is_set_anew() {
    let env = TestEnv::new();
    bare(&env);
    block(async {
        let app = app(&env).await;
        let request = Request::Deploy {
            project: "notes-api".parse().unwrap(),
            sandbox: None,
            server: None,
            rollout: Rollout::default(),
            cassette: None,
        };
        let (run, ask) = waiting(&app.context, request, Wait::Secret, "MAIL_KEY").await;
        let taken = message::take(&app.context, &run, &ask, "canary-4711").await.unwrap().expect("it is a value");
        assert_eq!(taken.names[0].as_str(), "MAIL_KEY");
        app.context.store.clone().close().await;
    });
    let listed = env.json(["secrets", "list"])["secrets"][0].clone();
    assert_eq!((&listed["name"], &listed["exposed"]["how"]), (&"MAIL_KEY".into(), &"message".into()), "{listed}");
    assert!(listed["exposed"]["at"].is_i64(), "{listed}");
    let shown = env.ok(["secrets", "list"]).stdout;
    assert!(shown.contains("exposed in a message, set it anew") && !shown.contains("canary"), "{shown}");
    let value = env.home().join("value");
    std::fs::write(&value, "new").unwrap();
    env.ok(["secrets", "set", "notes-api", "MAIL_KEY", "--file", &value.display().to_string()]);
    assert_eq!(env.json(["secrets", "list"])["secrets"][0]["exposed"], serde_json::Value::Null);
}
