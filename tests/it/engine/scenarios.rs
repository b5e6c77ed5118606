//! What goes wrong around a deployment by command line: on the way to the server, with Caddy, with the rights of the
//! account. It is told by exit code and cause, and one whole release serves.

use cgo::domain::host::HostKey;
use rustix::process::Signal;

use super::race::{Elsewhere, is_over};
use super::shop::{BASE, MANIFEST, Shop, run_out};
use super::whole::{git, ground};
use crate::notify::{Does, Hook};
use crate::serve::Serving;
use crate::support::env::{Started, TestEnv, get, until};
use crate::support::sshd::{Sshd, client_key};

/// The line of the manifest before which others are put.
const STOP_AFTER: &str = "    stop_after: 2\n";

/// Receives a file as `cat` does, unless it is held after its first bytes, or spoilt.
const CAT: &str = r#"#!/bin/sh
case $#:$(readlink /proc/$$/fd/1) in
0:*.part)
    if [ -e HERE/held ]; then
        head -c 1000
        : >HERE/struck
        while [ -e HERE/held ]; do sleep 0.05; done
    fi
    if rm HERE/spoilt-once 2>/dev/null || [ -e HERE/spoilt ]; then exec tr '\000' '\001'; fi
    ;;
esac
exec HERE/cat.real "$@"
"#;

/// Caddy, which does not come up as long as it is held.
const CADDY: &str = r#"#!/bin/sh
case $1 in run) while [ -e HERE/held ]; do sleep 0.05; done ;; esac
exec HERE/caddy.real "$@"
"#;

/// Puts a program of ours in the place of one of the host, which it finds as `NAME.real`.
fn replace(host: &Sshd, name: &str, text: &str) {
    let here = host.folder().display().to_string();
    host.write("text", &text.replace("HERE", &here));
    // Copied there: what this process wrote cannot be run as long as another one that it starts has it.
    host.root(&format!(
        "at=$(command -v {name}) && cp '{here}/text' '{here}/{name}' && chmod 755 '{here}/{name}' && \
         touch '{here}/{name}.real' && mount --bind $at '{here}/{name}.real' && mount --bind '{here}/{name}' $at"
    ));
}

/// Makes a file of the host's folder that programs of ours look for, or takes it away.
fn flag(shop: &Shop, name: &str, on: bool) {
    let verb = if on { "touch" } else { "rm -f" };
    shop.host.root(&format!("{verb} '{}/{name}'", shop.host.folder().display()));
}

/// Commits files of the shop.
fn commit(shop: &Shop, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(shop.folder.join(name), text).unwrap();
    }
    git(&shop.folder, &["add", "-A"]);
    git(&shop.folder, &["commit", "-qm", "Change it"]);
}

/// A deployment that was begun, and is held at its gate; what lets it go on.
fn at_its_gate(shop: &Shop) -> (Started, String) {
    let wait = format!("{BASE}/shared/wait");
    shop.host.root(&format!(": >{wait}"));
    let last = shop.newest();
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until("the gate", || shop.newest() != last && shop.has_begun("gate"));
    (going, format!("rm {wait}"))
}

/// Kills Caddy, and waits for nobody.
fn kill_caddy(shop: &Shop) {
    shop.host.root("read -r pid rest </var/lib/cgo/caddy/caddy.pid && kill -9 $pid");
}

/// Once it is mended, the same command comes to its end.
#[test]
fn what_stops_a_deployment_is_told_by_exit_code_and_cause_and_what_served_serves_on() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    replace(&shop.host, "cat", CAT);
    let stops = |code, wanted: &[&str]| {
        let stopped = shop.env.run(["deploy", "shop", "--bake", "0"]);
        assert_eq!(stopped.code, Some(code), "{wanted:?}: {}", stopped.stderr);
        for words in wanted {
            assert!(stopped.stderr.contains(words), "{words}: {}", stopped.stderr);
        }
        assert_eq!(shop.whole(&url).as_ref(), Ok(&first), "{wanted:?}");
    };

    // Less room than a release needs, whatever is sent.
    shop.host.root(
        "mount -o remount,size=$(($(df -Pk /var/lib | awk 'NR > 1 { print $3 }') + 100000))k /var/lib && \
         ls /var/lib/cgo/blobs >/run/blobs",
    );
    shop.commit("The second");
    stops(9, &["its disk has ", " MB left and the release needs 300 MB; releases of `shop` take "]);
    shop.host.root("ls /var/lib/cgo/blobs | cmp - /run/blobs && mount -o remount,size=6g /var/lib");

    // What keeps it running is not changed under it.
    let other = MANIFEST.replace(STOP_AFTER, &format!("    driver: systemd\n{STOP_AFTER}"));
    commit(&shop, &[("cgo.yaml", &other)]);
    stops(9, &["`shop` runs there by the driver `process`, and `cgo.yaml` says `systemd`"]);
    git(&shop.folder, &["reset", "-q", "--hard", "HEAD~1"]);

    // What is spoilt on its way each time is given up; once, it is sent again.
    flag(&shop, "spoilt", true);
    stops(1, &["/var/lib/cgo/blobs/shop-", "does not arrive whole: its checksum is another each time"]);
    shop.host.root("ls /var/lib/cgo/blobs | cmp - /run/blobs");
    flag(&shop, "spoilt", false);

    let migrates = format!("    migrate: [sh, -c, 'echo no such table; exit 4']\n{STOP_AFTER}");
    commit(&shop, &[("cgo.yaml", &MANIFEST.replace(STOP_AFTER, &migrates))]);
    stops(1, &["on `web` its migration ended with exit code 4", "no such table"]);
    let broken = "print('the database is gone', flush=True)\nraise SystemExit(3)\n";
    commit(&shop, &[("cgo.yaml", MANIFEST), ("web/app.py", broken)]);
    stops(6, &["did not pass its health gate on `web`: its process ended with exit code 3", "the database is gone"]);

    // A value that nobody gave is asked for before anything is sent.
    git(&shop.folder, &["reset", "-q", "--hard", "HEAD~2"]);
    shop.host.root("ls /var/lib/cgo/blobs >/run/blobs");
    let contract = "version: \"1\"\nowner: web\nentries:\n  MAIL_KEY:\n    source: user_secret\n    environments: [production]\n    \
                    consumers: [web]\n    required: true\n    description: The key of the mail provider.\n";
    let named = format!("    env_contract: env.contract.yaml\n{STOP_AFTER}");
    commit(&shop, &[("cgo.yaml", &MANIFEST.replace(STOP_AFTER, &named)), ("web/env.contract.yaml", contract)]);
    stops(4, &["`MAIL_KEY` is needed", "`cgo secrets set shop MAIL_KEY`"]);
    shop.host.root("ls /var/lib/cgo/blobs | cmp - /run/blobs");

    git(&shop.folder, &["reset", "-q", "--hard", "HEAD~1"]);
    flag(&shop, "spoilt-once", true);
    let (_, second) = shop.deploy();
    assert!(!shop.host.folder().join("spoilt-once").exists(), "it was sent again");
    assert_eq!(shop.whole(&url), Ok(second));
}

/// Says that it was begun, waits as long as it is held, and writes down of which release it is.
const MIGRATES: &str = r#"
import os, time
at = lambda name: os.path.join(os.environ["SHARED"], name)
open(at("begun"), "w").close()
while os.path.exists(at("hold")): time.sleep(0.05)
open(at("migrations"), "a").write(os.environ["RELEASE"] + "\n")
"#;

#[test]
fn one_that_is_killed_while_it_sends_or_migrates_is_gone_on_with_and_does_neither_twice() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    let killed = |going: Started, before: &str| {
        going.signal(Signal::KILL);
        assert_eq!(going.end().code, None);
        assert_eq!(get(&format!("{url}/")), (200, before.to_owned()), "nothing is changed for visitors");
    };
    let goes_on = |before: &str| {
        shop.env.ok(["run", "resume", &shop.newest()]);
        let now = shop.whole(&url).unwrap();
        assert_ne!(now, before);
        now
    };

    // A part of its files is there, and no file.
    replace(&shop.host, "cat", CAT);
    flag(&shop, "held", true);
    shop.commit("The second");
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until("its first bytes", || shop.host.folder().join("struck").exists());
    killed(going, &first);
    assert_eq!(shop.host.root("stat -c %s /var/lib/cgo/blobs/*.part"), "1000\n");
    flag(&shop, "held", false);
    let second = goes_on(&first);
    assert_eq!(shop.host.root("ls /var/lib/cgo/blobs | grep -c 'part$' || :"), "0\n");

    // Its migration goes on there, and is not begun a second time.
    let migrates = format!("    migrate: [python, migrate.py]\n{STOP_AFTER}");
    commit(&shop, &[("cgo.yaml", &MANIFEST.replace(STOP_AFTER, &migrates)), ("web/migrate.py", MIGRATES)]);
    shop.host.root(&format!(": >{BASE}/shared/hold"));
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until("its migration", || shop.host.root(&format!("ls {BASE}/shared")).contains("begun"));
    killed(going, &second);
    shop.host.root(&format!("rm {BASE}/shared/hold"));
    let third = goes_on(&second);
    assert_eq!(shop.host.root(&format!("cat {BASE}/shared/migrations")), format!("{third}\n"), "once");
}

/// A laptop that sleeps between its gate and its switch, while somebody else deploys.
#[test]
fn one_that_slept_while_another_deployed_is_refused_and_the_newer_release_stays() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    shop.commit("The second");
    let (asleep, release) = at_its_gate(&shop);
    asleep.signal(Signal::STOP);
    shop.host.root(&release);
    let elsewhere = Elsewhere { shop: &shop, job: TestEnv::new() };
    let mut newer = None;
    until("the end of its lease", || {
        run_out(&shop.host, "shop");
        let ran = elsewhere.run(&[]);
        let has_it = ran.code != Some(5);
        newer = Some(ran);
        has_it
    });
    let newer = newer.unwrap();
    assert_eq!(newer.code, Some(0), "{}", newer.stderr);
    let serves = get(&format!("{url}/"));
    assert!(serves.0 == 200 && serves.1 != first && newer.stdout.contains(&serves.1), "{serves:?}: {}", newer.stdout);

    asleep.signal(Signal::CONT);
    let awake = asleep.end();
    assert_eq!(awake.code, Some(5), "{}", awake.stderr);
    assert!(awake.stderr.contains("has taken the application on `web` over"), "{}", awake.stderr);
    assert_eq!(get(&format!("{url}/")), serves, "the newer one stays");
    assert_eq!(shop.host.root("pgrep -fc 'python -u app.py' || :").trim(), "1");
    assert!(shop.env.json(["lock", "status", "shop"])["servers"][0]["held"].is_null());
}

/// The routes that Caddy has, in its own words.
fn routes(shop: &Shop) -> String {
    let socket = "/var/lib/cgo/caddy/run/admin.sock";
    shop.host.root(&format!("curl -fsS --unix-socket {socket} -H 'Host;' http://caddy/config/"))
}

/// Of a site that stays as it is, and of one that changes.
#[test]
fn a_deployment_waits_for_a_caddy_that_was_killed_and_goes_on() {
    let Some(shop) = Shop::open() else { return };
    replace(&shop.host, "caddy", CADDY);
    let (url, mut serves) = shop.deploy();
    let mut before = routes(&shop);
    for (text, more) in [("The second", ""), ("The third", "max_body_mb: 1\n")] {
        commit(&shop, &[("cgo.yaml", &format!("{MANIFEST}{more}")), ("NOTES.md", text)]);
        let (going, release) = at_its_gate(&shop);
        flag(&shop, "held", true);
        kill_caddy(&shop);
        assert_eq!(get(&format!("{url}/")).0, 0, "nobody listens");
        let asked = shop.host.commands();
        shop.host.root(&release);
        until("its way past the gate", || shop.host.commands() >= asked + 2 || is_over(&going));
        flag(&shop, "held", false);
        let ended = going.end();
        assert_eq!(ended.code, Some(0), "{text}: {}", ended.stderr);
        let now = shop.whole(&url).unwrap();
        assert_ne!(now, serves, "{text}");
        let after = routes(&shop);
        assert_eq!(after == before, more.is_empty(), "{after}");
        assert_eq!(after.contains("max_size"), !more.is_empty(), "{after}");
        (serves, before) = (now, after);
    }
}

/// The release serves by then: who asks it as visitors do has to wait for what lets them in.
#[test]
fn a_caddy_that_is_killed_right_before_its_release_is_probed_is_waited_for() {
    let Some(shop) = Shop::open() else { return };
    replace(&shop.host, "caddy", CADDY);
    let (url, first) = shop.deploy();
    shop.commit("The second");
    let (going, release) = at_its_gate(&shop);
    let switched = || shop.host.root(&format!("cat {BASE}/serving")).trim() != first;
    shop.host.root(&release);
    until("its switch", || switched() || is_over(&going));
    flag(&shop, "held", true);
    kill_caddy(&shop);
    until("its end there", || {
        is_over(&going) || shop.env.json(["lock", "status", "shop"])["servers"][0]["held"].is_null()
    });
    flag(&shop, "held", false);
    let ended = going.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    until("Caddy", || get(&format!("{url}/")).0 == 200);
    assert_ne!(shop.whole(&url).unwrap(), first);
}

/// As after a power cut, on a machine that starts nothing by itself.
#[test]
fn a_caddy_that_nobody_keeps_any_more_is_started_by_the_next_deployment() {
    let Some(shop) = Shop::open() else { return };
    let (url, _) = shop.deploy();
    shop.host.root(
        "for at in /proc/[0-9]*; do if grep -q caddy/supervise $at/cmdline; then kill -9 ${at#/proc/}; fi; done; true",
    );
    kill_caddy(&shop);
    assert_eq!(get(&format!("{url}/")).0, 0, "nobody listens");
    shop.commit("The second");
    let (_, second) = shop.deploy();
    assert_eq!(shop.whole(&url), Ok(second));
}

#[test]
fn without_caddys_admin_socket_visitors_are_switched_and_it_is_said_that_nobody_counts_them() {
    let Some(shop) = Shop::open() else { return };
    let (url, _) = shop.deploy();
    shop.host.root("rm /var/lib/cgo/caddy/run/admin.sock");
    shop.commit("The second");
    let made = shop.env.json(["deploy", "shop", "--bake", "0"]);
    let told = "nobody can say how many requests the old release still answers: it gets 10 s";
    assert!(made["warnings"].as_array().unwrap().iter().any(|warning| warning == told), "{made}");
    assert_eq!(shop.whole(&url).as_deref(), Ok(made["release"].as_str().unwrap()));
}

#[test]
fn an_address_that_takes_no_notices_changes_no_verdict() {
    let Some(mut shop) = Shop::open() else { return };
    let (url, _) = shop.deploy();
    let hook = Hook::new();
    hook.set(Does::Answers(500));
    shop.env.set("CGO_WEBHOOK", hook.url.as_str());
    let mut serving = Serving::start(&shop.env, &[]);
    let mut refused = || {
        let run = shop.newest();
        let about = |text: Option<&str>| text.is_some_and(|it| it.contains(&run) && it.contains("status 500"));
        serving.wait("trouble", |it| it["what"] == "telling people" && about(it["text"].as_str()));
    };
    shop.commit("The second");
    let (_, second) = shop.deploy();
    refused();
    commit(&shop, &[("web/app.py", "raise SystemExit(3)\n")]);
    let failed = shop.env.run(["deploy", "shop", "--bake", "0"]);
    assert_eq!(failed.code, Some(6), "{}", failed.stderr);
    assert!(failed.stderr.contains("its process ended with exit code 3"), "{}", failed.stderr);
    refused();
    assert_eq!(shop.whole(&url), Ok(second));
}

/// It is added and deployed to without being set up: what takes root cannot be set up there.
#[test]
fn an_account_without_root_carries_a_project_at_a_port_and_what_takes_root_is_refused_by_name() {
    let Some((host, mut env)) = ground() else { return };
    if !env.mount("names") {
        return;
    }
    let name = "shop.cgo-test.example";
    let names = env.home().join("hosts");
    std::fs::write(&names, format!("127.0.0.1 localhost\n{} {name} {name}.\n", host.address)).unwrap();
    env.disk().cover("/etc/hosts", &names);
    let fingerprint = HostKey::parse(&host.host_key()).unwrap().fingerprint().to_string();
    let key = client_key().to_str().unwrap();
    let at = host.at("deploy");
    env.ok(["servers", "add", "web", &at, "--key", key, "--fingerprint", &fingerprint, "--rootless"]);
    let shop = Shop::on(host, env);
    let home = shop.host.folder().join("deploy").display().to_string();
    let all = || shop.host.root(&format!("find '{home}' -path '*/cgo/caddy' -prune -o -print | sort"));
    let refused = |arguments: &[&str], wanted: &[&str]| {
        let before = all();
        let ran = shop.env.run(arguments);
        let said = ran.stdout + &ran.stderr;
        assert_eq!(ran.code, Some(9), "{arguments:?}: {said}");
        for words in wanted {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(all(), before, "nothing is changed");
    };

    let by_systemd = format!("    driver: systemd\n{STOP_AFTER}");
    commit(&shop, &[("cgo.yaml", &MANIFEST.replace(STOP_AFTER, &by_systemd))]);
    refused(&["deploy", "shop"], &["`web`: its account cannot become root"]);
    git(&shop.folder, &["reset", "-q", "--hard", "HEAD~1"]);

    let (url, first) = shop.deploy();
    shop.commit("The second");
    let (_, second) = shop.deploy();
    assert_eq!(shop.whole(&url), Ok(second));
    let back = shop.env.json(["deploy", "shop", "--rollback", "--bake", "0"]);
    assert_eq!(back["release"], first.as_str());
    assert_eq!(shop.whole(&url), Ok(first.clone()));
    assert_eq!(shop.host.root(&format!("ls -d /var/lib/cgo 2>/dev/null; find '{home}' ! -user deploy")), "");
    assert_eq!(shop.host.root("pgrep -u root -fc 'python -u app.py|caddy run' || :").trim(), "0");

    commit(&shop, &[("cgo.yaml", &format!("{MANIFEST}domain: {name}\n"))]);
    for arguments in [&["deploy", "shop", "--bake", "0"][..], &["deploy", "shop", "--dry-run"]] {
        refused(arguments, &["`web`", "cannot become root", "ports 80 and 443"]);
    }
    assert_eq!(shop.whole(&url), Ok(first));
    git(&shop.folder, &["reset", "-q", "--hard", "HEAD~1"]);
    shop.env.ok(["project", "remove", "shop", "--yes"]);
    assert_eq!(shop.host.root(&format!("ls '{home}/.local/share/cgo/apps'")), "");
}
