//! A project from its description to a server that is reached over SSH, by the command line, with visitors at its door.

use std::path::Path;
use std::process::Command;

use cgo::domain::host::HostKey;
use cgo::domain::server::ServerStatus;
use cgo::domain::time::Timestamp;
use cgo::store::{Servers as _, Store};

use crate::support::env::{TestEnv, get, missing, request, tools_are_here, until};
use crate::support::sshd::{Sshd, client_key};

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = env.ok(["--show-settings", "--json"]).stdout;
        let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
        let url = settings["data"]["settings"]["store"]["value"].as_str().map(str::to_owned);
        let url = url.unwrap_or_else(|| format!("sqlite:{}", env.data().join("cgo.db").display()));
        let store = Store::open(&url).await.unwrap();
        let server = store.server_by_handle(name).await.unwrap().expect("it was added");
        store.set_server_status(&server.id, ServerStatus::Ready, Timestamp(server.updated_at.0 + 1)).await.unwrap();
    });
}

pub(super) fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
    assert!(Command::new("git").args(identity).args(arguments).current_dir(folder).status().unwrap().success());
}

#[test]
fn a_description_becomes_a_project_on_a_server_and_is_operated_there() {
    if !tools_are_here() {
        return;
    }
    if !Path::new("/usr/bin/caddy").exists() {
        missing("caddy (Debian: apt-get install caddy)");
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::deploying();
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
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Change something"]);
    let visitors = crate::deploys::Visitors::of(&format!("{url}/notes"));
    let second = env.json(["deploy", "notes-api", "--bake", "2"]);
    let (asked, lost) = visitors.leave();
    assert_eq!(lost, 0, "{lost} of {asked} requests were lost");
    assert!(get(&format!("{url}/notes")).1.contains("over releases"));
    assert!(get(&format!("{url}/ready")).1.contains(second["release"].as_str().unwrap()));

    // While the old release is kept warm, going back is one switch, and the deployment says what became of it.
    let third = env.start(["deploy", "notes-api", "--bake", "60"]);
    let second = second["release"].as_str().unwrap();
    until("the third release", || !get(&format!("{url}/ready")).1.contains(second));
    let back = env.json(["deploy", "notes-api", "--rollback"]);
    assert_eq!(back["release"], second);
    assert!(get(&format!("{url}/ready")).1.contains(second));
    let ended = third.end();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);
    assert!(ended.stderr.contains("called it back"), "{}", ended.stderr);

    // A domain that does not lead to the server: told before anything is changed there.
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), format!("{manifest}domain: notes.invalid\n")).unwrap();
    git(&folder, &["commit", "-qam", "Give it a name"]);
    let refused = env.run(["deploy", "notes-api"]);
    assert_eq!(refused.code, Some(9), "{}", refused.stderr);
    assert!(refused.stderr.contains("notes.invalid"), "{}", refused.stderr);
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
    env.ok(["project", "stop", "notes-api"]);
    assert_ne!(get(&format!("{url}/ready")).0, 200);
    assert_eq!(env.json(["deploy", "notes-api", "--status"])["words"], "stopped");
    env.ok(["project", "start", "notes-api"]);
    until("it answers again", || get(&format!("{url}/ready")).0 == 200);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert_eq!(sshd.root("ls /var/lib/cgo/apps"), "");
    assert_eq!(env.json(["servers", "show", "web"])["server"]["projects"], 0);
}
