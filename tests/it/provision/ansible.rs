//! Servers as Ansible sees them, and playbooks run by the real `ansible-playbook`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{added, incidents, status, valid};
use crate::support::canary;
use crate::support::env::{TestEnv, missing, until};
use crate::support::sshd::{Sshd, client_key};

/// A secret that stands in no output, and its beginning.
const SECRET: &str = "hunter2-correct-horse";

fn ansible_is_here() -> bool {
    let there = Command::new("ansible-playbook").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !there {
        missing("ansible-playbook (Debian: apt-get install ansible-core)");
    }
    there
}

/// A host in a home, and Ansible.
fn ready() -> Option<(Sshd, TestEnv)> {
    if !ansible_is_here() {
        return None;
    }
    let sshd = Sshd::start()?;
    let env = TestEnv::new();
    added(&env, "web", &sshd.at("root"), &sshd.host_key());
    Some((sshd, env))
}

fn playbook(env: &TestEnv, name: &str, tasks: &str) -> PathBuf {
    let path = env.work().join(name);
    let text = format!("- hosts: cgo\n  gather_facts: false\n  tasks:\n{tasks}");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_inventory_is_ansibles_and_pins_the_host_key() {
    let Some((sshd, env)) = ready() else { return };
    let listed: Value = serde_json::from_str(&env.ok(["servers", "inventory", "--list"]).stdout).unwrap();
    assert_eq!(listed["pending_setup"], json!({ "hosts": ["web"] }));
    assert_eq!(listed["cgo"], json!({ "hosts": ["web"] }));
    let host: Value = serde_json::from_str(&env.ok(["servers", "inventory", "--host", "web"]).stdout).unwrap();
    assert_eq!(host, listed["_meta"]["hostvars"]["web"]);
    assert_eq!((&host["ansible_host"], &host["ansible_port"]), (&json!(sshd.address), &json!(sshd.port)));
    assert_eq!(host["ansible_ssh_private_key_file"], client_key().to_str().unwrap());
    assert_eq!(env.ok(["servers", "inventory", "--host", "local"]).stdout.trim(), "{}");
    assert_eq!(env.run(["servers", "inventory", "--host", "nope"]).code, Some(1));
    assert_eq!(env.run(["servers", "inventory"]).code, Some(2));

    // As the README has it: a script of two lines.
    let script = env.work().join("inventory.sh");
    let text = format!("#!/bin/sh\nexec '{}' servers inventory \"$@\"\n", env!("CARGO_BIN_EXE_cgo"));
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ansible = |program: &str, arguments: &[&str]| {
        let inner = env.command(["--version"]);
        let mut command = Command::new(program);
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-i", script.to_str().unwrap()]).args(arguments).env("LC_ALL", "C.UTF-8");
        command.output().unwrap()
    };
    let read: Value = serde_json::from_slice(&ansible("ansible-inventory", &["--list"]).stdout).unwrap();
    assert_eq!(read["_meta"]["hostvars"]["web"], host);
    let reached = ansible("ansible", &["-m", "raw", "-a", "hostname", "web"]);
    assert!(reached.status.success() && String::from_utf8_lossy(&reached.stdout).contains("web"), "{reached:?}");
    // Another host at the address is none.
    sshd.change_key();
    let refused = ansible("ansible", &["-m", "raw", "-a", "hostname", "web"]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(!refused.status.success() && said.contains("UNREACHABLE"), "{refused:?}");
}

#[test]
fn a_playbook_sets_a_server_up_with_secrets_that_nobody_sees() {
    let Some((sshd, env)) = ready() else { return };
    let target = sshd.folder().join("made").display().to_string();
    let seen = sshd.folder().join("seen").display().to_string();
    let tasks = format!(
        "    - name: Write the file\n      copy: {{ dest: '{target}', content: '{{{{ token }}}}', mode: '0600' }}\n      \
         no_log: true\n    - name: Say it aloud\n      debug: {{ msg: 'it is {{{{ token }}}}' }}\n    \
         - name: List the programs of the controller\n      command: sh -c 'cat /proc/[0-9]*/cmdline >{seen}; true'\n      \
         delegate_to: localhost\n      vars: {{ ansible_connection: local }}\n      changed_when: false\n"
    );
    let book = playbook(&env, "site.yml", &tasks);
    let vars = env.work().join("vars.yml");
    std::fs::write(&vars, format!("token: {SECRET}\n")).unwrap();
    let (book, vars) = (book.to_str().unwrap(), vars.to_str().unwrap());
    let run = |more: &[&str]| {
        env.run([&["servers", "provision", "web", "--playbook", book, "--vars", vars, "--json"], more].concat())
    };
    std::fs::set_permissions(vars, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = run(&["--yes"]);
    assert_eq!(open.code, Some(1), "{}", open.stderr);
    assert!(open.stdout.contains("chmod 600"), "{}", open.stdout);
    std::fs::set_permissions(vars, std::fs::Permissions::from_mode(0o600)).unwrap();

    assert_eq!(run(&[]).code, Some(4), "nobody said yes");
    let looked = run(&["--dry-run", "--detailed-exit-code"]);
    assert_eq!(looked.code, Some(3), "{}{}", looked.stdout, looked.stderr);
    assert!(!sshd.folder().join("made").exists());
    assert_eq!(status(&env, "web"), "pending_setup");

    let first = run(&["--yes"]);
    assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
    let done = valid("servers.provision", &first);
    assert_eq!(
        (&done["changed"], &done["playbook"]["changed"], &done["status"]),
        (&json!(true), &json!(1), &json!("ready"))
    );
    assert!(first.stderr.contains("✓ Write the file"), "{}", first.stderr);
    assert_eq!(std::fs::read_to_string(sshd.folder().join("made")).unwrap(), SECRET);
    let again = valid("servers.provision", &run(&["--yes"]));
    assert_eq!((&again["changed"], &again["playbook"]["changed"]), (&json!(false), &json!(0)));

    let listed = std::fs::read(&seen).unwrap();
    assert!(String::from_utf8_lossy(&listed).contains("ansible-playbook"), "the programs were seen");
    for text in [&first.stdout, &first.stderr, &looked.stderr, &String::from_utf8_lossy(&listed).into_owned()] {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(canary::absent_below(&env.data(), &[SECRET], &[]) > 0);
}

#[test]
fn a_task_that_fails_is_named_counted_and_after_three_times_a_person_has_to_look() {
    let Some((sshd, env)) = ready() else { return };
    let tasks =
        "    - name: Go well\n      raw: 'true'\n    - name: Open the safe\n      raw: 'echo no key >&2; exit 3'\n";
    let book = playbook(&env, "bad.yml", tasks);
    let book = book.to_str().unwrap();
    let run = |more: &[&str]| env.run([&["servers", "provision", "web", "--playbook", book, "--yes"], more].concat());
    for count in 1..=3 {
        let failed = run(&[]);
        assert_eq!(failed.code, Some(1), "{}", failed.stderr);
        assert!(failed.stderr.contains("the playbook failed on `web` at `Open the safe`"), "{}", failed.stderr);
        assert!(failed.stderr.contains("no key") && failed.stderr.contains("✓ Go well"), "{}", failed.stderr);
        assert_eq!(status(&env, "web"), "error");
        let open = incidents(&env);
        assert_eq!((open.len(), open[0].reports), (1, count));
    }
    let bounded = run(&[]);
    assert_eq!(bounded.code, Some(4), "{}", bounded.stderr);
    assert!(bounded.stderr.contains("3 times in a row") && bounded.stderr.contains("--again"), "{}", bounded.stderr);
    let good = playbook(&env, "good.yml", "    - name: Go well\n      raw: 'true'\n      changed_when: false\n");
    env.ok(["servers", "provision", "web", "--playbook", good.to_str().unwrap(), "--yes", "--again"]);
    assert_eq!((status(&env, "web").as_str(), incidents(&env).len()), ("ready", 0));

    // Nothing was done, so nothing is said to be.
    let other = env.work().join("other.yml");
    std::fs::write(&other, "- hosts: databases\n  tasks: []\n").unwrap();
    let none = env.run(["servers", "provision", "web", "--playbook", other.to_str().unwrap(), "--yes"]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    assert!(none.stderr.contains("no play in it is for `web`"), "{}", none.stderr);
    std::fs::write(&other, "- hosts: [\n").unwrap();
    let broken = env.run(["servers", "provision", "web", "--playbook", other.to_str().unwrap(), "--yes"]);
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    // Another host at the address is none.
    sshd.change_key();
    let changed = env.run(["servers", "provision", "web", "--playbook", good.to_str().unwrap(), "--yes", "--again"]);
    assert_eq!(changed.code, Some(1), "{}", changed.stderr);
    assert!(changed.stderr.contains("failed on `web`"), "{}", changed.stderr);
}

#[test]
fn one_process_at_a_time_sets_a_server_up_and_without_ansible_nothing_is_counted() {
    let Some((sshd, env)) = ready() else { return };
    let fifo = sshd.folder().join("go");
    sshd.root(&format!("mkfifo {0} && chmod 666 {0}", fifo.display()));
    let tasks = format!("    - name: Wait\n      raw: 'cat {}'\n", fifo.display());
    let book = playbook(&env, "wait.yml", &tasks);
    let book = book.to_str().unwrap();
    let mut without = env.command(["servers", "provision", "web", "--playbook", book, "--yes"]);
    let ran = without.env("PATH", env.work()).output().unwrap();
    assert_eq!(ran.status.code(), Some(9), "{ran:?}");
    assert!(String::from_utf8_lossy(&ran.stderr).contains("apt-get install ansible-core"), "{ran:?}");
    assert_eq!(status(&env, "web"), "pending_setup");

    let first = env.start(["servers", "provision", "web", "--playbook", book, "--yes"]);
    until("a set-up", || status(&env, "web") == "provisioning");
    let second = env.run(["servers", "provision", "web", "--playbook", book, "--yes"]);
    assert_eq!(second.code, Some(5), "{}", second.stderr);
    // Opened by whoever reads; then the first one goes on.
    let mut go = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    go.write_all(b"done\n").unwrap();
    drop(go);
    let ended = first.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(status(&env, "web"), "ready");
}
