//! The ways a machine can be that the bare one of [`super::bare`] is not: ufw, from its package, instead of
//! nftables, and Docker instead of Podman.

use serde_json::Value;

use super::{added, standing, valid};
use crate::support::env::{TestEnv, tools_are_here};
use crate::support::machine::Machine;

/// A client of Docker whose daemon runs while its service is on. It knows what is asked of it, and no more.
const DOCKER: &str = r#"#!/bin/sh
[ -e /run/docker.on ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case $* in
"version --format {{.Server.Version}}") echo 28.1 ;;
version) echo "Server: 28.1" ;;
*) echo "nobody should ask $*" >&2; exit 64 ;;
esac
"#;

/// Its service.
const SERVICE: &str = r#"#!/bin/sh
echo "$1" >>/var/log/docker.told
case $1 in
start) : >/run/docker.on ;;
stop) rm /run/docker.on ;;
status) test -e /run/docker.on ;;
*) exit 64 ;;
esac
"#;

/// What is done, or would be, and how it stands.
fn provision(env: &TestEnv, more: &[&str]) -> Value {
    let words = [&["servers", "provision", "web", "--json"], more].concat();
    let name = if more.contains(&"--dry-run") { "servers.provision.plan" } else { "servers.provision" };
    valid(name, &env.ok(words))
}

/// How a step stands: its state, and why.
fn stands(env: &TestEnv, name: &str, more: &[&str]) -> (String, String) {
    let plan = provision(env, &[&["--dry-run", "--step", name], more].concat());
    let step = plan["plan"].as_array().unwrap().iter().find(|step| step["step"] == name).unwrap().clone();
    (standing(&step).1.to_owned(), step["why"].as_str().unwrap_or_default().to_owned())
}

/// How the firewall stands.
fn firewall(env: &TestEnv) -> (String, String) {
    stands(env, "firewall", &[])
}

#[test]
fn ufw_is_used_where_it_is_installed_and_docker_where_it_is_wanted() {
    if !tools_are_here() {
        return;
    }
    let Some(machine) = Machine::start() else { return };
    let env = TestEnv::new();
    added(&env, "web", &machine.at("root"), &machine.host_key());
    provision(&env, &["--yes", "--step", "packages", "--step", "folders", "--step", "user"]);
    machine.root("DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install ufw >/dev/null");

    assert_eq!(firewall(&env), ("needed".to_owned(), "ufw is not active".to_owned()));
    provision(&env, &["--yes", "--step", "firewall"]);
    let status = machine.root("ufw status");
    assert!(status.starts_with("Status: active"), "{status}");
    let lets_in = |status: &str, port: &str| {
        status.lines().any(|line| line.starts_with(&format!("{port} ")) && line.contains("ALLOW"))
    };
    for port in ["22/tcp", "80/tcp", "443/tcp", "443/udp"] {
        assert!(lets_in(&status, port), "{port}: {status}");
    }
    // One firewall is enough, and the way in is still open.
    machine.root("test ! -e /etc/nftables.d/cgo.nft");
    env.ok(["servers", "check", "web"]);
    assert_eq!(firewall(&env).0, "done");
    let again = provision(&env, &["--yes", "--step", "firewall"]);
    assert_eq!(again["steps"].as_array().map(Vec::len), Some(0), "{again}");

    // A site with a port of its own has its door, as long as it is there; other people's stay.
    machine.root("ufw allow 9999/tcp >/dev/null");
    machine.root(
        "mkdir -p /var/lib/cgo/caddy/sites.d && echo '# probe 8123 /health' >/var/lib/cgo/caddy/sites.d/shop.caddy",
    );
    assert_eq!(firewall(&env), ("needed".to_owned(), "ufw keeps visitors of a project out".to_owned()));
    provision(&env, &["--yes", "--step", "firewall"]);
    assert!(lets_in(&machine.root("ufw status"), "8123/tcp"));
    machine.root("rm /var/lib/cgo/caddy/sites.d/shop.caddy");
    provision(&env, &["--yes", "--step", "firewall"]);
    let status = machine.root("ufw status");
    assert!(!lets_in(&status, "8123/tcp") && lets_in(&status, "9999/tcp"), "{status}");
    // A port that somebody closed is opened again.
    machine.root("ufw delete allow 80/tcp >/dev/null");
    assert_eq!(firewall(&env), ("needed".to_owned(), "ufw keeps port 80 out".to_owned()));
    provision(&env, &["--yes", "--step", "firewall"]);
    assert!(lets_in(&machine.root("ufw status"), "80/tcp"));

    // Docker where it is wanted: one that is installed and does not answer is started, one that answers is left alone. Its
    // daemon is more than this machine may run; what is asked of it, and of its service, is what counts here.
    for (at, text) in [("/usr/bin/docker", DOCKER), ("/etc/init.d/docker", SERVICE)] {
        machine.root(&format!("printf '{}' >{at} && chmod 755 {at}", text.replace('\n', "\\n")));
    }
    let engine = ["--engine", "docker", "--step", "engine"];
    let plan = || stands(&env, "engine", &["--engine", "docker"]).0;
    assert_eq!(plan(), "needed");
    provision(&env, &[&["--yes"][..], &engine].concat());
    machine.root("docker version && grep -qx start /var/log/docker.told");
    assert_eq!(plan(), "done");
    let again = provision(&env, &[&["--yes"][..], &engine].concat());
    assert_eq!(again["steps"].as_array().map(Vec::len), Some(0), "{again}");
    env.ok(["servers", "check", "web"]);
    let engines = env.json(["servers", "show", "web"])["server"]["check"]["facts"]["engines"].clone();
    assert_eq!(engines, serde_json::json!([{ "name": "docker", "version": "28.1" }]));
    machine.root("/etc/init.d/docker stop");
    assert_eq!(plan(), "needed");
}
