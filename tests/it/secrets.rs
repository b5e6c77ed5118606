//! Secrets a person gives: a deployment waits for them, the service gets them to the letter, nothing else sees them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::env::{TestEnv, get, tools_are_here};

/// What a shell, YAML or a format string would change.
const CANARY: &str = " canary-7d2f $HOME ${x} \\n 'a\" #b ";

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

/// Every file below a folder that holds a text.
fn holding(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() && !path.ends_with(".venv") && !path.ends_with("environment") {
            holding(&path, text, found);
        } else if kind.is_file()
            && std::fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
        {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "others may read {}", path.display());
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

#[test]
fn a_deployment_waits_for_a_secret_and_the_service_gets_it_to_the_letter() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.json(["project", "new", "a notes API with title", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    let contract = folder.join("services/backend/env.contract.yaml");
    let mut text = std::fs::read_to_string(&contract).unwrap();
    text.push_str("  MAIL_KEY:\n    source: user_secret\n    environments: [production]\n    consumers: [backend]\n    required: true\n    description: The key of the mail provider.\n");
    std::fs::write(&contract, text).unwrap();
    commit(&folder, "Send mail");

    let waits = env.run(["deploy", "notes-api"]);
    assert_eq!(waits.code, Some(4), "{}\n{}", waits.stdout, waits.stderr);
    let run = env.json(["run", "show"])["run"].clone();
    assert_eq!(run["status"], "waiting_secret");
    let id = run["id"].as_str().unwrap().to_owned();
    let file = env.data().join("secrets/notes-api.env");
    assert!(waits.stderr.contains("`MAIL_KEY` is needed: The key of the mail provider."), "{}", waits.stderr);
    assert!(waits.stderr.contains(&file.display().to_string()), "{}", waits.stderr);
    assert!(env.ok(["explain", &id]).stdout.contains(&format!("cgo run answer {id} set")));
    assert_eq!(env.run(["run", "resume", &id]).code, Some(4), "a run that waits does not go on by itself");

    let written = std::fs::read_to_string(&file).unwrap() + &format!("MAIL_KEY={CANARY}\nOTHER=not asked for\n");
    std::fs::write(&file, written).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = env.run(["run", "answer", &id, "set"]);
    assert_eq!(open.code, Some(1), "{}", open.stderr);
    assert!(open.stderr.contains("chmod 600"), "{}", open.stderr);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let made = env.json(["run", "answer", &id, "set"]);
    let url = made["url"].as_str().unwrap_or_else(|| panic!("{made}"));
    assert_eq!(get(&format!("{url}/health")).0, 200);
    let seen = seen_by_processes(&env, "MAIL_KEY");
    assert!(!seen.is_empty() && seen.iter().all(|value| value == CANARY), "{seen:?}");
    assert_eq!(seen_by_processes(&env, "OTHER"), Vec::<String>::new(), "what the contract does not name is not given");

    let mut found = Vec::new();
    holding(env.home(), "canary-7d2f", &mut found);
    found.retain(|name| name != "notes-api.env");
    assert!(found.iter().all(|name| name.contains("env")), "it stands in {found:?}");

    let plan = env.ok(["project", "remove", "notes-api", "--dry-run"]).stdout;
    assert!(plan.contains(&file.display().to_string()), "{plan}");
    env.ok(["project", "stop", "notes-api"]);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert!(!file.exists(), "the secrets outlived their project");
}
