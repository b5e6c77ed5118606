//! A project from its description to a server that is reached over SSH, by the command line, with visitors at its door.

use std::path::Path;
use std::process::Command;

use cgo::domain::host::HostKey;
use cgo::domain::server::ServerEvent;
use cgo::domain::time::Timestamp;
use cgo::store::{Servers as _, Store};

use crate::support::env::{Ran, TestEnv, figure, get, missing, request, tools_are_here, until};
use crate::support::sshd::{Sshd, client_key};

/// Whether a deployment to a host can be tried here. Without what it takes a test is skipped, or fails where all must run.
pub(super) fn can_deploy() -> bool {
    if !tools_are_here() {
        return false;
    }
    let there = Path::new("/usr/bin/caddy").exists();
    if !there {
        missing("caddy (Debian: apt-get install caddy)");
    }
    there
}

/// A host, and who deploys to it; none where that cannot be had. In this order, so that who deploys goes first and can
/// still stop what runs there.
pub(super) fn ground() -> Option<(Sshd, TestEnv)> {
    if !can_deploy() {
        return None;
    }
    let env = TestEnv::deploying();
    Some((Sshd::start()?, env))
}

/// Has the host install the packages of a lock without a way to the network.
pub(super) fn packages(sshd: &Sshd, lock: &Path) {
    let wheels = sshd.folder().join("wheels");
    let made = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary"])
        .args([":all:", "-r"])
        .arg(lock)
        .arg("-d")
        .arg(&wheels)
        .status()
        .unwrap();
    assert!(made.success(), "the packages of {} can be fetched", lock.display());
    sshd.write("pip.conf", &format!("[global]\nno-index = true\nfind-links = {}\n", wheels.display()));
    sshd.root(&format!(
        "touch /etc/pip.conf 2>/dev/null; mount --bind '{}' /etc/pip.conf",
        sshd.folder().join("pip.conf").display()
    ));
}

/// A server that is set up: what it needs is on the machine whose file system it shares.
pub(super) fn server(env: &TestEnv, sshd: &Sshd, name: &str) {
    // A host of tests has room for little else than its logs.
    sshd.root("mount -o remount,size=6g /var/lib");
    let fingerprint = HostKey::parse(&sshd.host_key()).unwrap().fingerprint().to_string();
    let key = client_key().to_str().unwrap();
    env.ok(["servers", "add", name, &sshd.at("root"), "--key", key, "--fingerprint", &fingerprint]);
    taken_as_ready(env, name);
}

/// Has a server that was added be one that is set up.
pub fn taken_as_ready(env: &TestEnv, name: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = env.ok(["--show-settings", "--json"]).stdout;
        let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
        let url = settings["data"]["settings"]["store"]["value"].as_str().map(str::to_owned);
        let url = url.unwrap_or_else(|| format!("sqlite:{}", env.data().join("cgo.db").display()));
        let store = Store::open(&url).await.unwrap();
        let server = store.server_by_handle(name).await.unwrap().expect("it was added");
        let later = Timestamp(server.updated_at.0 + 1);
        store.move_server(&server.id, |_| ServerEvent::TakenAsReady, later).await.unwrap();
    });
}

pub(super) fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    assert!(Command::new("git").args(identity).args(arguments).current_dir(folder).status().unwrap().success());
}

/// Has the service ask for a variable.
pub(super) fn declare(folder: &Path, name: &str, source: &str) {
    let contract = folder.join("services/backend/env.contract.yaml");
    let text = std::fs::read_to_string(&contract).unwrap();
    let entry = format!(
        "  {name}:\n    source: {source}\n    environments: [production]\n    consumers: [backend]\n    required: true\n    \
         description: A key.\n"
    );
    std::fs::write(contract, text + &entry).unwrap();
}

/// How many incidents stand because a release was gone back from.
fn reverted(env: &TestEnv) -> usize {
    let open = env.json(["incidents", "list"])["incidents"].as_array().cloned().unwrap_or_default();
    open.iter().filter(|it| it["kind"] == "deployment_failed" && it["status"] == "open").count()
}

/// One that dies after the switch is gone back from, and is an incident until another one serves.
fn one_that_dies_after_the_switch(env: &TestEnv, sshd: &Sshd, url: &str, before: &str) {
    let serves = || get(&format!("{url}/ready")).1;
    let dying = env.start(["deploy", "notes-api", "--bake", "60"]);
    until("the release after it", || !serves().contains(before));
    sshd.root(
        "cd /var/lib/cgo/apps/notes-api/production && slot=blue && { [ ! -e active/green ] || slot=green; } && \
         read -r pid rest <slots/$slot/child && kill -9 $pid",
    );
    let ended = dying.end();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    let told = "was not well after the switch, and the one before serves again: it";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert!(serves().contains(before));
    assert_eq!(reverted(env), 1);
    let releases = env.json(["project", "show", "notes-api"])["releases"].clone();
    assert!(releases.as_array().unwrap().iter().any(|it| it["status"] == "failed"), "{releases}");
    env.ok(["deploy", "notes-api", "--bake", "0"]);
    assert!(!serves().contains(before));
    assert_eq!(reverted(env), 0, "another one serves");
}

/// A job of continuous integration takes over what runs there, with nothing but the repository and its environment.
fn from_the_repository_alone(env: &TestEnv, sshd: &Sshd, folder: &Path, url: &str) {
    let told = |name: &str| env.ok(["project", "exec", "notes-api", "printenv", name]).stdout;
    let made_up = told("SESSION_KEY");
    assert_eq!(made_up.trim_end().len(), 48, "{made_up}");
    declare(folder, "MAIL_KEY", "user_secret");
    git(folder, &["commit", "-qam", "Send mail"]);
    let job = TestEnv::new();
    let scratch = job.home().join("tmp");
    std::fs::create_dir(&scratch).unwrap();
    let deploy = |variables: &[(&str, &str)]| {
        let at = sshd.at("root");
        let mut command = job.command(["deploy", "--ci", "--json", "--bake", "0", "--server", &at]);
        command.current_dir(folder).env("TMPDIR", &scratch).envs(variables.iter().copied());
        let ran = Ran::of(&command.output().unwrap());
        let lines: Vec<serde_json::Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect();
        let left = std::fs::read_dir(&scratch)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("cgo-ci-"));
        assert_eq!(left.count(), 0, "nothing is kept");
        (ran, lines)
    };
    let key = std::fs::read_to_string(client_key()).unwrap();
    let (mail, host) = (("MAIL_KEY", "it's a key \\ $x"), sshd.host_key());
    let other = std::fs::read_to_string(client_key().with_extension("pub")).unwrap();
    for (variables, code, words) in [
        (&[][..], 4, "MAIL_KEY"),
        (&[mail, ("CGO_SSH_KEY", &key)], 2, "CGO_SSH_HOST_KEY"),
        (&[mail, ("CGO_SSH_KEY", &key), ("CGO_SSH_HOST_KEY", &other)], 1, "offers the host key"),
        (&[mail, ("CGO_SSH_KEY", "/no/key"), ("CGO_SSH_HOST_KEY", &host)], 1, "/no/key"),
    ] {
        let (ran, lines) = deploy(variables);
        assert_eq!(ran.code, Some(code), "{}", ran.stdout);
        let error = &lines.last().unwrap()["error"];
        assert!(format!("{} {}", error["message"], error["hint"]).contains(words), "{words}: {error}");
        assert!(!error["hint"].as_str().unwrap().contains("cgo run"), "{error}");
    }
    let (ran, lines) = deploy(&[mail, ("CGO_SSH_KEY", &key), ("CGO_SSH_HOST_KEY", &host)]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let answer = lines.last().unwrap();
    assert_eq!(
        (answer["schema"].as_str(), answer["data"]["url"].as_str()),
        (Some("cgo.deploy/1"), Some(url)),
        "{answer}"
    );
    assert!(lines.len() > 10 && lines.iter().any(|line| line["kind"] == "effect"), "its events come as lines");
    assert!(get(&format!("{url}/ready")).1.contains(answer["data"]["release"].as_str().unwrap()));
    assert!(get(&format!("{url}/notes")).1.contains("over releases"), "the data stays");
    assert_eq!(told("MAIL_KEY"), format!("{}\n", mail.1));
    assert_eq!(told("SESSION_KEY"), made_up, "what was made up once stays");
    for secret in [mail.1, made_up.trim_end(), key.lines().nth(2).unwrap()] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    }
}

/// In maintenance visitors are told so, and its owner sees whether it works.
fn visitors_are_told_to_come_back(env: &TestEnv, url: &str) {
    env.ok(["project", "maintenance", "notes-api", "on"]);
    let (status, body) = get(&format!("{url}/notes"));
    assert!(status == 503 && body.contains("Under maintenance"), "{status}: {body}");
    assert_eq!(get(&format!("{url}/ready")).0, 200, "it can be seen whether it works");
    assert!(env.ok(["project", "show", "notes-api"]).stdout.contains("in maintenance"));
    assert_eq!(env.json(["project", "maintenance", "notes-api"])["on"], true);
    assert_eq!(env.json(["project", "maintenance", "notes-api", "off"])["changed"], true);
    assert_eq!(get(&format!("{url}/notes")).0, 200);
}

/// Nothing is put in place on a server that somebody works on, whichever release it is.
fn a_server_in_maintenance_is_left_alone(env: &TestEnv, url: &str) {
    env.ok(["servers", "maintenance", "web", "on"]);
    for arguments in [&["deploy", "notes-api"][..], &["deploy", "notes-api", "--rollback"]] {
        for dry in [&[] as &[&str], &["--dry-run"]] {
            let refused = env.run([arguments, dry].concat());
            assert_eq!(refused.code, Some(9), "{refused:?}");
            assert!(refused.stderr.contains("`web` is in maintenance"), "{}", refused.stderr);
            assert!(refused.stderr.contains("cgo servers maintenance web off"), "{}", refused.stderr);
        }
    }
    assert_eq!(get(&format!("{url}/ready")).0, 200, "what serves there serves on");
    env.ok(["servers", "maintenance", "web", "off"]);
}

/// The server's own record says all that was done, and that somebody changed it.
fn what_was_written_down(env: &TestEnv, sshd: &Sshd) {
    let audit = env.json(["audit", "notes-api"]);
    let entries = audit["servers"][0]["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    for action in ["lease", "flip", "revert", "hold", "unhold", "maintain", "admit"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let forced = entries.iter().find(|entry| entry["action"] == "recall").expect("it was called back");
    assert!(forced["result"].as_str().unwrap().starts_with("forced: `services/backend/tidy.sql`"), "{forced}");
    sshd.root("sed -i 2d /var/lib/cgo/apps/notes-api/production/audit.jsonl");
    let broken = env.run(["audit", "notes-api"]);
    assert!(broken.code == Some(1) && broken.stdout.contains("broken at line 2"), "{}", broken.stdout);
}

#[test]
fn a_description_becomes_a_project_on_a_server_and_is_operated_there() {
    let Some((sshd, env)) = ground() else { return };
    server(&env, &sshd, "web");
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    packages(&sshd, &folder.join("services/backend/requirements.lock"));

    let planned = env.ok(["deploy", "notes-api", "--server", "web", "--dry-run"]);
    assert!(planned.stdout.contains("start it in slot blue"), "{}", planned.stdout);
    let made = env.json(["deploy", "notes-api", "--server", "web"]);
    let url = made["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("http://{}:", sshd.address)), "{url}");
    let (status, note) =
        request("POST", &format!("{url}/notes"), Some(r#"{"title": "kept", "body": "over releases"}"#));
    assert_eq!(status, 201, "{note}");
    let first = made["release"].as_str().unwrap().to_owned();

    std::fs::write(folder.join("NOTES.md"), "changed\n").unwrap();
    declare(&folder, "SESSION_KEY", "generated_secret");
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Change something"]);
    let visitors = crate::deploys::Visitors::of(&format!("{url}/notes"));
    let before = sshd.commands();
    let second = env.json(["deploy", "notes-api", "--bake", "2"]);
    let trips = sshd.commands() - before;
    figure(&format!("a deployment took {trips} round trips"));
    assert!(trips <= 8, "a deployment took {trips} round trips");
    let (asked, lost) = visitors.leave();
    assert_eq!(lost, 0, "{lost} of {asked} requests were lost");
    assert!(get(&format!("{url}/notes")).1.contains("over releases"));
    assert!(get(&format!("{url}/ready")).1.contains(second["release"].as_str().unwrap()));

    // While the old release is kept warm, going back is one switch, and the deployment says what became of it. Across
    // what cannot be undone only where that is wanted.
    std::fs::write(folder.join("services/backend/tidy.sql"), "-- cgo: irreversible: the moods are gone\n").unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Tidy up"]);
    let third = env.start(["deploy", "notes-api", "--bake", "60"]);
    let second = second["release"].as_str().unwrap();
    until("the third release", || !get(&format!("{url}/ready")).1.contains(second));
    let refused = env.run(["deploy", "notes-api", "--rollback"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("the moods are gone"), "{}", refused.stderr);
    assert!(!get(&format!("{url}/ready")).1.contains(second));
    let back = env.json(["deploy", "notes-api", "--rollback", "--force"]);
    assert_eq!(back["release"], second);
    git(&folder, &["reset", "-q", "--hard", "HEAD~1"]);
    assert!(get(&format!("{url}/ready")).1.contains(second));
    let ended = third.end();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("called it back"), "{}", ended.stderr);
    assert_eq!(reverted(&env), 0, "somebody wanted it so");

    // A domain that does not lead to the server: told before anything is changed there.
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), format!("{manifest}domain: notes.invalid\n")).unwrap();
    git(&folder, &["commit", "-qam", "Give it a name"]);
    let plan = env.run(["deploy", "notes-api", "--dry-run"]);
    let deploy = env.run(["deploy", "notes-api"]);
    for (ran, said) in [(&plan, &plan.stdout), (&deploy, &deploy.stderr)] {
        assert_eq!(ran.code, Some(9), "{ran:?}");
        assert!(said.contains("notes.invalid"), "{ran:?}");
    }
    assert!(get(&format!("{url}/ready")).1.contains(second));
    git(&folder, &["reset", "-q", "--hard", "HEAD~1"]);

    let checked = env.run(["incidents", "check", "--json"]);
    // The engine of the machine whose files it shares does not answer there; all else is well.
    let seen: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    let causes: Vec<&str> =
        seen["data"]["opened"].as_array().unwrap().iter().map(|it| it["cause"].as_str().unwrap()).collect();
    assert!(causes.iter().all(|cause| cause.ends_with("container-engine")), "{}", checked.stdout);

    let held = env.ok(["lock", "hold", "notes-api", "-m", "the fair is on"]);
    assert!(held.stdout.contains("the fair is on"), "{}", held.stdout);
    let refused = env.run(["deploy", "notes-api", "--rollback", "--bake", "0"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the fair is on") && refused.stderr.contains("cgo lock release"),
        "{}",
        refused.stderr
    );
    env.ok(["lock", "release", "notes-api"]);
    env.ok(["deploy", "notes-api", "--rollback", "--bake", "0"]);
    assert!(get(&format!("{url}/ready")).1.contains(&first));

    let shown = env.json(["deploy", "notes-api", "--status"]);
    assert_eq!((shown["serves"].as_bool(), shown["words"].as_str()), (Some(true), Some("running")), "{shown}");
    let logs = env.ok(["project", "logs", "notes-api"]).stdout;
    assert!(logs.contains("Uvicorn running"), "{logs}");
    let script = "import os, sys; print(sys.stdin.read(), os.environ['RELEASE']); sys.exit(7)";
    let asked = env.run_with_input(["project", "exec", "notes-api", "python", "-c", script], b"over the connection");
    assert_eq!((asked.stdout, asked.code), (format!("over the connection {first}\n"), Some(7)), "{}", asked.stderr);

    visitors_are_told_to_come_back(&env, &url);
    a_server_in_maintenance_is_left_alone(&env, &url);
    env.ok(["deploy", "notes-api", "--rollback", second, "--bake", "0"]);
    one_that_dies_after_the_switch(&env, &sshd, &url, second);
    from_the_repository_alone(&env, &sshd, &folder, &url);
    what_was_written_down(&env, &sshd);

    env.ok(["project", "stop", "notes-api"]);
    assert_ne!(get(&format!("{url}/ready")).0, 200);
    assert_eq!(env.json(["deploy", "notes-api", "--status"])["words"], "stopped");
    env.ok(["project", "start", "notes-api"]);
    until("it answers again", || get(&format!("{url}/ready")).0 == 200);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert_eq!(sshd.root("ls /var/lib/cgo/apps"), "");
    assert_eq!(env.json(["servers", "show", "web"])["server"]["projects"], 0);
}
