//! `cgo servers` as people run it, against real SSH servers.

use std::path::Path;

use cgo::domain::host::HostKey;
use serde_json::Value;

use crate::support::env::{Ran, TestEnv};
use crate::support::sshd::{Sshd, client_key, make_key};

fn fingerprint(sshd: &Sshd) -> String {
    HostKey::parse(&sshd.host_key()).unwrap().fingerprint().to_string()
}

/// Adds a server, with more arguments.
fn add(env: &TestEnv, name: &str, destination: &str, key: &Path, more: &[&str]) -> Ran {
    let key = key.to_str().unwrap();
    env.run([&["servers", "add", name, destination, "--key", key], more].concat())
}

fn added(env: &TestEnv, sshd: &Sshd, name: &str) {
    let ran = add(env, name, &sshd.at("root"), client_key(), &["--fingerprint", &fingerprint(sshd)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// Nothing was kept: neither a server nor a connection.
fn untouched(env: &TestEnv, what: &str) {
    let listed = env.json(["servers", "list"]);
    assert_eq!(listed["servers"].as_array().unwrap().len(), 1, "{what}: {listed}");
    let left = std::fs::read_dir(env.home().join("run/cgo")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{what}: a connection was left");
}

fn valid(name: &str, answer: &str) -> Value {
    let value: Value = serde_json::from_str(answer).unwrap();
    let (_, schema) = cgo::cli::schema::all().into_iter().find(|(file, _)| *file == format!("{name}.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{name}: {problems:?}\n{answer}");
    value
}

#[test]
fn a_server_is_added_looked_at_listed_and_removed() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    // Without a terminal nobody can say that the key is the right one: the error says what to run.
    let asked = add(&env, "web", &sshd.at("root"), client_key(), &[]);
    assert_eq!(asked.code, Some(4), "{}", asked.stderr);
    let command = asked.stderr.split("run `cgo ").nth(1).unwrap().split('`').next().unwrap();
    assert!(command.ends_with(&fingerprint(&sshd)), "{command}");
    untouched(&env, "no terminal");
    assert_eq!(sshd.logins(), 0);

    let ran = env.ok(command.split(' '));
    for wanted in ["added web", &fingerprint(&sshd), "root: root", "Linux", "pending setup"] {
        assert!(ran.stdout.contains(wanted), "{wanted}: {}", ran.stdout);
    }
    let shown = valid("servers.show", &env.ok(["servers", "show", "web", "--json"]).stdout);
    let server = &shown["data"]["server"];
    assert_eq!(server["access"]["destination"], sshd.at("root"));
    assert_eq!(server["check"]["facts"]["hostname"], "web");
    assert_eq!(server["check"]["facts"]["listening"], serde_json::json!([2222]));
    valid("servers.list", &env.ok(["servers", "list", "--json"]).stdout);
    let checked = valid("servers.check", &env.ok(["servers", "check", "--json"]).stdout);
    let names: Vec<&str> =
        checked["data"]["servers"].as_array().unwrap().iter().map(|s| s["server"].as_str().unwrap()).collect();
    assert_eq!(names, ["local", "web"]);
    // All of it over one login.
    assert_eq!(sshd.logins(), 1);

    let twice = add(&env, "web", &sshd.at("root"), client_key(), &["--yes"]);
    assert_eq!(twice.code, Some(1), "{}", twice.stderr);
    assert!(twice.stderr.contains("exists already"), "{}", twice.stderr);
    let secret = std::fs::read_to_string(client_key()).unwrap();
    let line = secret.lines().nth(2).unwrap();
    assert!(crate::support::canary::absent_below(&env.data(), &[line], &[]) > 0);

    let removed = valid("servers.remove", &env.ok(["servers", "remove", "web", "--json"]).stdout);
    assert_eq!(removed["data"]["server"], "web");
    untouched(&env, "removed");
    let gone = env.run(["servers", "show", "web"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("the servers are local"), "{}", gone.stderr);
}

#[test]
fn what_keeps_a_server_from_being_added_is_told_by_name_and_changes_nothing() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    let folder = tempfile::tempdir().unwrap();
    let (other, locked) = (folder.path().join("other"), folder.path().join("locked"));
    make_key(&other, "");
    make_key(&locked, "a passphrase");
    let good = client_key();
    let refused = |destination: &str, key: &Path, more: &[&str], code, wanted: &[&str]| {
        let ran = add(&env, "web", destination, key, more);
        let what = format!("{destination} {more:?}\n{}", ran.stderr);
        assert_eq!(ran.code, Some(code), "{what}");
        for words in wanted {
            assert!(ran.stderr.contains(words), "{words:?} is missing: {what}");
        }
        untouched(&env, &what);
    };
    let yes = &["--yes"];
    let (root, deploy) = (sshd.at("root"), sshd.at("deploy"));
    let port = format!("root@{}:2223", sshd.address);
    refused(&port, good, yes, 1, &["connection refused", "hint: see that sshd listens there"]);
    refused("root@no-such-host.invalid", good, yes, 1, &["cannot be resolved", "hint: check the name"]);
    refused(&root, &other, yes, 1, &["the login of `root` was refused with the key", "ssh-copy-id -i"]);
    refused(&sshd.at("nobody-here"), good, yes, 1, &["the login of `nobody-here` was refused", "hint: check the user"]);
    refused(&root, &locked, yes, 1, &["is encrypted, and no SSH agent holds it", "hint: run `ssh-add "]);
    refused(&root, &folder.path().join("none"), yes, 1, &["cannot be used: No such file", "hint: name the file"]);
    refused(&root, &folder.path().join("other.pub"), yes, 1, &["it is the public half", "hint: name the private one"]);
    refused(&sshd.at("closed"), good, yes, 1, &["login shell ended instead", "not available", "hint: give `closed`"]);
    refused(&deploy, good, yes, 9, &["may not become root", "hint: let it", "--rootless"]);
    let wrong = format!("SHA256:{}", "A".repeat(43));
    refused(&root, good, &["--fingerprint", &wrong], 1, &["offers the host key", &wrong, "hint: ask whoever"]);
    refused(&root, good, &["--fingerprint", "MD5:aa"], 2, &["is not a fingerprint"]);
    for destination in ["web", "root@we'b", "root@h;id", "-oProxyCommand=id@h", "root@h\nHost x"] {
        refused(destination, good, yes, 2, &[]);
    }
    for name in ["we'b", "\"web\"", "$(id)", "-web", "local"] {
        let ran = env.run(["servers", "add", "--yes", "--", name, &root]);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
    }

    sshd.root("mount -o remount,size=4k /var/lib && head -c 4096 /dev/zero >/var/lib/full; true");
    refused(&root, good, yes, 9, &["nothing can be written to `/var/lib`", "the disk is full", "hint: free some room"]);
    sshd.root("rm -f /var/lib/full; mount -o remount,size=64m,ro /var/lib");
    refused(&root, good, yes, 9, &["mounted read-only", "hint: free some room there or mend the disk"]);
    sshd.root("mount -o remount,rw /var/lib");
    sshd.root("ip link set eth0 down");
    refused(&root, good, yes, 1, &["cannot reach `web`", "caused by: no ", "hint: see that"]);
    sshd.root("ip link set eth0 up");

    let mut without = env.command(["servers", "add", "web", &root, "--yes"]);
    let ran = Ran::of(&without.env("PATH", folder.path()).output().unwrap());
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert!(ran.stderr.contains("no SSH client") && ran.stderr.contains("hint: install the OpenSSH client"));
    untouched(&env, "no client");

    // Noise is no obstacle, and an account without root is one only until it is said to be meant.
    sshd.write("deploy/.bashrc", "echo welcome; printf noise; echo more >&2\n");
    let ran = add(&env, "web", &deploy, good, &["--yes", "--rootless"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("deploy: no root, no sudo"), "{}", ran.stdout);
}

#[test]
fn an_account_with_sudo_is_as_good_as_root_and_its_disk_is_tried_as_root() {
    let Some(sshd) = Sshd::start() else { return };
    if !sshd.allow_sudo("deploy") {
        return;
    }
    let env = TestEnv::new();
    sshd.root("mount -o remount,ro /var/lib");
    let ran = add(&env, "web", &sshd.at("deploy"), client_key(), &["--yes"]);
    assert_eq!(ran.code, Some(9), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("mounted read-only"), "{}", ran.stderr);
    sshd.root("mount -o remount,rw /var/lib");
    let ran = add(&env, "web", &sshd.at("deploy"), client_key(), &["--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("deploy: sudo"), "{}", ran.stdout);
    assert_eq!(sshd.root("ls -A /var/lib"), "", "a look leaves nothing");
}

#[test]
fn a_changed_host_key_is_refused_until_it_is_trusted() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    added(&env, &sshd, "web");
    let old = fingerprint(&sshd);
    sshd.change_key();
    let new = fingerprint(&sshd);
    let refused = env.run(["servers", "check", "web", "--json"]);
    assert_eq!(refused.code, Some(4), "{}{}", refused.stdout, refused.stderr);
    let answer = valid("servers.check", &refused.stdout);
    let looked = &answer["data"]["servers"][0];
    let problem = looked["problem"].as_str().unwrap();
    assert!(problem.contains(&old) && problem.contains(&new), "{problem}");
    let command = looked["hint"].as_str().unwrap().split("run `cgo ").nth(1).unwrap().split('`').next().unwrap();
    // What says yes to everything does not say yes to this.
    let unsaid = env.run(["servers", "trust", "web", "--yes"]);
    assert_eq!(unsaid.code, Some(4), "{}", unsaid.stderr);
    let wrong = env.run(["servers", "trust", "web", "--fingerprint", &old]);
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    assert_eq!(env.run(["servers", "check", "web"]).code, Some(4));
    env.ok(command.split(' '));
    env.ok(["servers", "check", "web"]);
    let again = valid("servers.trust", &env.ok(["servers", "trust", "web", "--json"]).stdout);
    assert_eq!((&again["data"]["fingerprint"], &again["data"]["was"]), (&Value::from(new.clone()), &Value::from(new)));
}

#[test]
fn several_servers_are_looked_at_side_by_side_and_one_that_fails_is_counted_not_condemned() {
    let (Some(first), Some(second)) = (Sshd::start(), Sshd::start()) else { return };
    let env = TestEnv::new();
    added(&env, &first, "web-1");
    added(&env, &second, "web-2");
    second.root("ip link set eth0 down");
    for count in 1..=2 {
        let checked = env.run(["servers", "check", "--json"]);
        assert_eq!(checked.code, Some(8), "{}", checked.stderr);
        let answer = valid("servers.check", &checked.stdout);
        let ok: Vec<bool> =
            answer["data"]["servers"].as_array().unwrap().iter().map(|s| s["ok"].as_bool().unwrap()).collect();
        assert_eq!(ok, [true, true, false]);
        let shown = env.json(["servers", "show", "web-2"]);
        let server = &shown["server"];
        assert_eq!(
            (&server["check"]["failures"], &server["status"]),
            (&Value::from(count), &Value::from("pending_setup"))
        );
        assert_eq!(server["check"]["facts"]["hostname"], "web", "what was found before stays");
    }
    second.root("ip link set eth0 up");
    env.ok(["servers", "check"]);
    assert_eq!(env.json(["servers", "show", "web-2"])["server"]["check"]["failures"], 0);
    let unknown = env.run(["servers", "check", "web-1", "web-3"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("there is no server `web-3`"), "{}", unknown.stderr);
}

#[test]
fn on_a_terminal_the_fingerprint_is_shown_and_asked_about() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    for (said, code) in [("n", 1), ("y", 0)] {
        let (at, key) = (sshd.at("root"), client_key().to_str().unwrap().to_owned());
        let mut command = env.command(["servers", "add", "web", &at, "--key", &key]);
        command.env("TERM", "xterm").stdin(std::process::Stdio::inherit());
        let mut session = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
        session.exp_string(&fingerprint(&sshd)).unwrap();
        session.exp_string("server's own?").unwrap();
        session.send(said).unwrap();
        session.flush().unwrap();
        session.exp_eof().unwrap();
        let status = session.process().wait().unwrap();
        assert!(format!("{status:?}").contains(&format!(", {code})")), "{status:?}");
        if code == 1 {
            untouched(&env, "declined");
        }
    }
    env.ok(["servers", "show", "web"]);
}

#[test]
fn this_machine_is_neither_added_nor_removed_and_is_looked_at_like_any_other() {
    let env = TestEnv::new();
    let refused = env.run(["servers", "remove", "local"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let checked = valid("servers.check", &env.run(["servers", "check", "local", "--json"]).stdout);
    assert_eq!(checked["data"]["servers"][0]["facts"]["arch"], std::env::consts::ARCH);
}

/// An engine that is there and would run nothing is an incident that names it, with its own words, until it works again.
#[test]
fn a_container_engine_that_does_not_work_is_an_incident_of_its_own() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    // Where one is missing there is a folder for it, once: a second one would hide what is put into the first.
    sshd.root("{ command -v docker && command -v podman; } >/dev/null || mount -t tmpfs none /usr/local/bin");
    // Each says its version to whoever asks for no more; one works, the other does not.
    let place = |name: &str, info: &str| {
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in --version | version) echo 'version 4.3.1' ;; info) {info} ;; *) exit 64 ;; esac\n"
        );
        sshd.write(name, &script);
        let at = sshd.folder().join(name).display().to_string();
        sshd.root(&format!(
            "chmod 755 {at}; to=$(command -v {name}) || {{ to=/usr/local/bin/{name}; : >$to; }}; \
             mount --bind {at} $(readlink -f $to)"
        ));
    };
    place("docker", "echo 28.1");
    place(
        "podman",
        "[ ! -e /run/broken ] || { echo 'more words' >&2; echo 'cannot open its storage' >&2; exit 125; }; echo 4.3.1",
    );
    added(&env, &sshd, "web");
    // It is looked at when it is meant to work.
    crate::engine::taken_as_ready(&env, "web");
    let check = || {
        let ran = env.run(["incidents", "check", "--json"]);
        let answer = valid("incidents.check", &ran.stdout);
        (ran.code, answer["data"].clone())
    };
    let (code, seen) = check();
    assert_eq!((code, seen["opened"].as_array().map(Vec::len)), (Some(0), Some(0)), "{seen}");

    sshd.root(": >/run/broken");
    assert_eq!(env.ok(["servers", "check", "web"]).code, Some(0), "what it is called, it still says");
    let (code, seen) = check();
    assert_eq!(code, Some(8), "{seen}");
    let incident = &seen["opened"][0];
    assert_eq!(incident["title"], "the container engine `podman` of `web` cannot be worked with");
    assert_eq!(incident["details"], "podman: cannot open its storage");
    // One that says nothing good and ends well does not work either.
    place("docker", "echo");
    let (_, seen) = check();
    assert_eq!((seen["opened"].as_array().map(Vec::len), seen["standing"][0]["reports"].as_u64()), (Some(0), Some(2)));
    assert!(seen["standing"][0]["title"].as_str().unwrap().contains("`docker`, `podman`"), "{seen}");
    place("docker", "echo 28.1");
    sshd.root("rm /run/broken");
    let (code, seen) = check();
    assert_eq!((code, seen["closed"].as_array().map(Vec::len)), (Some(0), Some(1)), "{seen}");
}
