//! A bare Debian machine, set up for real over SSH: packages from its mirrors, accounts, firewall, SSH server.

use std::process::Command;
use std::time::Duration;

use cgo::domain::host::{Destination, HostKey};
use cgo::domain::setup::{EngineChoice, SetupStep};
use cgo::remote::host::Host;
use cgo::remote::host::ssh::{self, Login, Ssh};
use cgo::remote::host::steps;
use cgo::remote::provision::{self, Setup};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::{added, incidents, status, valid};
use crate::support::env::{TestEnv, get, tools_are_here, until};
use crate::support::machine::Machine;
use crate::support::service::serve_less;
use crate::support::sshd::client_key;

/// How the machine lets an account in, as its SSH server tells a client that offers nothing.
fn ways_in(machine: &Machine, user: &str) -> String {
    let mut client = Command::new("ssh");
    client.args(["-F", "/dev/null", "-o", "PreferredAuthentications=none", "-o", "StrictHostKeyChecking=no"]);
    client.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "--", &machine.at(user)]);
    let said = client.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    said.rsplit_once('(').map_or(said.clone(), |(_, ways)| ways.trim().trim_end_matches(").").to_owned())
}

/// What a second run must not touch.
const STATE: &str = "find /etc /home /root /var/lib -newer /stamp -type f -not -path '/var/lib/fail2ban/*'";

#[test]
fn a_bare_machine_is_set_up_for_real_and_the_second_time_nothing_changes() {
    if !tools_are_here() {
        return;
    }
    let Some(machine) = Machine::start() else { return };
    let env = TestEnv::deploying();
    added(&env, "web", &machine.at("root"), &machine.host_key());
    assert_eq!(ways_in(&machine, "root"), "publickey,password");

    // Looking changes nothing, and nobody is changed who did not say yes.
    let planned = env.run(["servers", "provision", "web", "--dry-run", "--detailed-exit-code", "--json"]);
    assert_eq!(planned.code, Some(3), "{}", planned.stderr);
    let plan = valid("servers.provision.plan", &planned);
    let states: Vec<(&str, &str)> = plan["plan"].as_array().unwrap().iter().map(super::standing).collect();
    assert_eq!((states[0], states[1]), (("packages", "needed"), ("user", "needed")));
    assert_eq!(states.last(), Some(&("access", "needed")));
    let unasked = env.run(["servers", "provision", "web"]);
    assert_eq!(unasked.code, Some(4), "{}", unasked.stderr);
    assert!(unasked.stderr.contains("hint: run `cgo servers provision web --yes`"), "{}", unasked.stderr);
    machine.root("! id cgo 2>/dev/null && test ! -e /root/.cgo && test ! -e /var/lib/cgo");
    assert_eq!(status(&env, "web"), "pending_setup");

    // One that is killed in a step is gone on with: the step runs to its end, once.
    let killed = env.start(["servers", "provision", "web", "--yes", "--engine", "podman"]);
    until("a step that runs", || machine.try_root("test -e /root/.cgo/provision/*/packages/pid").0 == "done 0");
    killed.signal(Signal::KILL);
    killed.end();
    assert_eq!(status(&env, "web"), "provisioning");
    let first = ["servers", "provision", "web", "--yes", "--json", "--step", "packages", "--step", "user"];
    let some = valid("servers.provision", &env.ok(first));
    assert_eq!((&some["status"], status(&env, "web").as_str()), (&"pending_setup".into(), "pending_setup"));
    machine.root("grep -c 'apt-get.* install' /var/log/apt/history.log | grep -qx 1");

    // The new way in does not work: the old one comes back.
    machine.root("chmod 777 /home/cgo");
    let back = env.run(["servers", "provision", "web", "--yes", "--step", "ssh", "--json"]);
    assert_eq!(back.code, Some(7), "{}{}", back.stdout, back.stderr);
    let error: serde_json::Value = serde_json::from_str(&back.stdout).unwrap();
    assert_eq!((&error["error"]["step"], &error["error"]["host"]), (&"ssh".into(), &"web".into()));
    assert!(error["error"]["message"].as_str().unwrap().contains("login of `cgo` was refused"), "{error}");
    // It listens to nobody for a moment while it reads its configuration anew.
    until("the old configuration", || ways_in(&machine, "root") == "publickey,password");
    machine.root("test ! -e /etc/ssh/sshd_config.d/00-cgo.conf");
    assert_eq!(status(&env, "web"), "error");
    let shown = env.ok(["servers", "show", "web"]).stdout;
    assert!(shown.contains("set-up      failed 1×: `ssh` was taken back on `web`"), "{shown}");
    let open = incidents(&env);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].details.contains("`ssh` was taken back on `web`"), "{}", open[0].details);
    machine.root("chmod 755 /home/cgo");

    // All of it.
    let done = env.ok(["servers", "provision", "web", "--yes", "--engine", "podman", "--json"]);
    for words in ["✓ Container engine", "✓ fail2ban", "✓ SSH server", "- Caddy", "no systemd"] {
        assert!(done.stderr.contains(words), "{words}: {}", done.stderr);
    }
    let done = valid("servers.provision", &done);
    assert_eq!((&done["status"], &done["destination"]), (&"ready".into(), &machine.at("cgo").into()));
    let skipped: Vec<(&str, &str)> = done["skipped"].as_array().unwrap().iter().map(super::standing).collect();
    assert!(skipped.contains(&("time", "skipped")) && !skipped.iter().any(|(step, _)| *step == "ssh"), "{skipped:?}");
    assert!(incidents(&env).is_empty(), "it was mended");
    for account in ["root", "cgo"] {
        until("an SSH server that takes keys only", || ways_in(&machine, account) == "publickey");
    }
    machine.root("visudo -c && nft list table inet cgo | grep -q 'policy drop' && fail2ban-client status sshd");
    machine.root("stat -c %a%U /var/lib/cgo | grep -qx 750cgo && id -Gn caddy | grep -qw cgo");
    machine.root("curl -V | grep -qi unix && zstd --version && flock -V && sha256sum /dev/null && python3 -m venv -h");
    let server = env.json(["servers", "show", "web"]);
    assert_eq!(server["server"]["access"]["destination"], machine.at("cgo"));
    assert_eq!(server["server"]["check"]["facts"]["user"], "cgo");
    assert_eq!(server["server"]["check"]["facts"]["engines"][0]["name"], "podman");
    env.ok(["servers", "check", "web"]);

    // A second time nothing is done, and nothing is written there.
    machine.root("touch /stamp");
    let again = env.ok(["servers", "provision", "web"]);
    assert!(again.stdout.starts_with("✓ nothing to do: web is ready\n"), "{}", again.stdout);
    assert!(again.stdout.contains("- time was skipped: no systemd"), "{}", again.stdout);
    env.ok(["servers", "provision", "web", "--dry-run", "--detailed-exit-code"]);
    assert_eq!(machine.root(STATE), "");

    a_project_lives_there(&env, &machine);
    the_guard_needs_nobody(&machine);
    // What somebody changed since is put right again, and nothing else is touched.
    machine.root(
        "rm /etc/sudoers.d/cgo; echo 'cgo ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz; nft delete table inet cgo",
    );
    let mended = valid("servers.provision", &env.ok(["servers", "provision", "web", "--yes", "--json"]));
    let steps: Vec<&str> =
        mended["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["user", "firewall"]);
}

/// A project without a domain is brought there by the account that deploys, and its visitors come in; the machine is as it
/// was set up all the while.
fn a_project_lives_there(env: &TestEnv, machine: &Machine) {
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    serve_less(&env.work().join("notes-api"));
    let made = env.json(["deploy", "notes-api", "--server", "web", "--bake", "0"]);
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("http://{}:", machine.address)), "{url}");
    let serves = |release: &serde_json::Value| {
        let said = get(&format!("{url}/ready")).1;
        assert!(said.contains(release.as_str().unwrap()), "{said}");
    };
    serves(&made["release"]);
    machine.root("pgrep -u cgo -f serve.py && test -s /etc/nftables.d/cgo.ports");
    // Caddy says how many requests the old one still answers, and nobody has to guess.
    let again = env.ok(["deploy", "notes-api", "--bake", "0"]);
    assert!(!again.stderr.contains("nobody can say"), "{}", again.stderr);
    env.ok(["servers", "provision", "web", "--dry-run", "--detailed-exit-code"]);
    env.ok(["incidents", "check"]);
    let back = env.json(["deploy", "notes-api", "--rollback"]);
    assert_eq!(back["release"], made["release"]);
    serves(&back["release"]);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert_eq!(machine.root("pgrep -u cgo -af serve.py || true"), "");
    assert_eq!(machine.root("cat /etc/nftables.d/cgo.ports; ls /var/lib/cgo/caddy/sites.d"), "");
    env.ok(["servers", "provision", "web", "--dry-run", "--detailed-exit-code"]);
}

/// Nobody tells the guard anything, as when cgo and the network are gone: what was there comes back by itself.
fn the_guard_needs_nobody(machine: &Machine) {
    let id = format!("test-{:08x}", rand::random::<u32>());
    let destination = Destination::parse(&machine.at("cgo")).unwrap();
    let login = Login { destination, key: Some(client_key().to_owned()), configuration: None };
    let ssh = Ssh::new("web", &id, login, HostKey::parse(&machine.host_key()).unwrap());
    let host: &dyn Host = &ssh;
    let cancel = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let setup = Setup { engine: EngineChoice::Present, keys: Vec::new() };
        let folder = provision::survey(host, &cancel).await.unwrap().folder("set-test", "ssh-guard");
        let guard = setup.guard(SetupStep::Ssh, folder, 3);
        machine.root("rm -rf /run/cgo-guard-ssh");
        steps::start(host, &guard, Duration::ZERO, &cancel).await.unwrap();
        until("a guard", || machine.try_root("test -e /run/cgo-guard-ssh/armed").0 == "done 0");
        machine.root(
            "echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-cgo.conf; kill -HUP $(cat /run/sshd.pid)",
        );
        let mut nothing = |_: &[u8]| ();
        let ended = steps::follow(host, &guard, Duration::from_secs(30), &mut nothing, &cancel).await.unwrap();
        assert!(provision::is_reverted(ended.code), "{ended:?}");
    });
    ssh::forget(&id);
    machine.root("sshd -T | grep -qx 'passwordauthentication no'");
    until("the old configuration", || ways_in(machine, "root") == "publickey");
}
