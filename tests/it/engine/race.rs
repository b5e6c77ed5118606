//! Two who deploy at once, one who is interrupted, and one who is killed: on the server one whole release serves in the
//! end. Each is a process of its own.

use rustix::process::Signal;
use serde_json::Value;

use super::kill::arm;
use super::shop::{BASE, Shop, run_out};
use crate::support::env::{Ran, Started, TestEnv, figure, get, until};
use crate::support::sshd::client_key;

/// A deployment of the same project from another machine, which has a store of its own: a job of continuous integration.
pub(super) struct Elsewhere<'a> {
    pub shop: &'a Shop,
    pub job: TestEnv,
}

impl Elsewhere<'_> {
    fn command(&self, more: &[&str]) -> std::process::Command {
        let at = self.shop.host.at("root");
        let words = ["deploy", "--ci", "--bake", "0", "--server", &at];
        let mut command = self.job.signalled(words.iter().chain(more));
        command.current_dir(&self.shop.folder).env("CGO_SSH_KEY", client_key());
        command.env("CGO_SSH_HOST_KEY", self.shop.host.host_key());
        command
    }

    pub fn run(&self, more: &[&str]) -> Ran {
        Ran::of(&self.command(more).output().unwrap())
    }
}

/// A deployment that has switched, and holds its application as long as its bake goes on.
fn baking(shop: &Shop, url: &str, seconds: &str) -> Started {
    let before = get(&format!("{url}/")).1;
    let started = shop.env.start(["deploy", "shop", "--bake", seconds]);
    until("the release after it", || {
        let (status, now) = get(&format!("{url}/"));
        status == 200 && now != before
    });
    started
}

/// A process that has ended, and was not asked how yet.
pub(super) fn is_over(started: &Started) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", started.pid()))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

#[test]
fn of_two_deployments_at_once_one_is_refused_or_waits_and_one_whole_release_serves() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    assert_eq!(shop.whole(&url), Ok(first.clone()));

    // It goes on for longer than all that is tried beside it, and is called back then.
    shop.commit("The second");
    let going = baking(&shop, &url, "120");
    let pid = going.pid();
    // From this machine, by the store; from another one, by the server itself.
    let here = shop.env.run(["deploy", "shop"]);
    assert_eq!(here.code, Some(5), "{}", here.stderr);
    assert!(here.stderr.contains(&format!("held by process {pid}")), "{}", here.stderr);
    let elsewhere = Elsewhere { shop: &shop, job: TestEnv::new() };
    let there = elsewhere.run(&["--json"]);
    assert_eq!(there.code, Some(5), "{}", there.stdout);
    let said: Value = serde_json::from_str(there.stdout.lines().last().unwrap()).unwrap();
    let owner = shop.env.json(["lock", "status", "shop"])["servers"][0]["held"]["owner"].clone();
    let message = said["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&format!("is taken: {} (", owner.as_str().unwrap())), "{said} {owner}");

    // Whoever waits is told for whom, and not for longer than they want.
    for words in [&["lock", "hold", "shop", "-m", "the fair", "--wait=1"][..], &["deploy", "shop", "--wait=1"]] {
        let over = shop.env.run(words);
        assert_eq!(over.code, Some(5), "{}", over.stderr);
        assert!(over.stderr.contains(&format!("waiting: `project:shop` is held by process {pid}")), "{}", over.stderr);
    }
    let runs = shop.env.json(["run", "list"])["runs"].as_array().unwrap().len();
    assert_eq!(runs, 3, "one that waited in vain left a run");
    let back = shop.env.json(["deploy", "shop", "--rollback"]);
    assert_eq!(back["release"], first.as_str());
    let ended = going.end();
    assert_eq!(ended.code, Some(7), "{}", ended.stderr);

    // Held at its gate until the other one waits for it: both come to their end, one after the other.
    shop.commit("The third");
    let wait = format!("{BASE}/shared/wait");
    shop.host.root(&format!(": >{wait}"));
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until("the lease", || !shop.env.json(["lock", "status", "shop"])["servers"][0]["held"].is_null());
    let said = elsewhere.job.home().join("said");
    let waits = elsewhere
        .command(&["--wait"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    until("one that waits", || std::fs::read_to_string(&said).is_ok_and(|said| said.contains("waiting: ")));
    shop.host.root(&format!("rm {wait}"));
    let waited = waits.wait_with_output().unwrap();
    let said = std::fs::read_to_string(&said).unwrap();
    let waited = Ran { stderr: said, ..Ran::of(&waited) };
    assert_eq!(waited.code, Some(0), "{}", waited.stderr);
    assert!(waited.stderr.contains("waiting: ") && waited.stderr.contains("is taken"), "{}", waited.stderr);
    let ended = going.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (_, answer) = get(&format!("{url}/"));
    assert!(waited.stdout.contains(&answer), "{answer} serves: {}", waited.stdout);
    assert_eq!(shop.host.root("pgrep -fc 'python -u app.py' || :").trim(), "1");

    // Who held it is asked to end, and who waits goes on.
    shop.env.ok(["lock", "hold", "shop", "-m", "the fair is on"]);
    let waiting = shop.env.start(["deploy", "shop", "--bake", "0", "--wait=120"]);
    let refused = shop.env.run(["deploy", "shop", "--wait=3"]);
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert!(refused.stderr.contains("the fair is on"), "{}", refused.stderr);
    shop.env.ok(["lock", "release", "shop"]);
    let ended = waiting.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("waiting: `web` is taken: ") && ended.stderr.contains("the fair is on"),
        "{}",
        ended.stderr
    );
    shop.whole(&url).unwrap();
}

#[test]
fn a_deployment_that_is_interrupted_says_how_to_go_on_and_does() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    let wait = format!("{BASE}/shared/wait");
    for (times, text) in [(1, "Interrupted once"), (2, "Interrupted twice")] {
        shop.commit(text);
        let before = shop.whole(&url).unwrap();
        shop.host.root(&format!(": >{wait}"));
        let last = shop.newest();
        let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
        until("the gate", || shop.newest() != last && shop.has_begun("gate"));
        going.signal(Signal::INT);
        if times == 2 {
            // Again and again, as somebody does who has had enough: it ends at once.
            until("its end", || {
                going.signal(Signal::INT);
                is_over(&going)
            });
        }
        let ended = going.end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(130), ""), "{ended:?}");
        assert_eq!(get(&format!("{url}/")).1, before, "the old release serves");
        if times == 1 {
            assert!(ended.stderr.contains("stopping after this step"), "{ended:?}");
            assert!(ended.stderr.contains("cgo run resume run-"), "{ended:?}");
            assert_eq!(shop.whole(&url).as_ref(), Ok(&before), "the candidate is gone and the lease is free");
        }
        shop.host.root(&format!("rm -f {wait}"));
        shop.env.ok(["run", "resume"]);
        assert_ne!(shop.whole(&url).unwrap(), before);
    }
    assert_ne!(shop.whole(&url).unwrap(), first);
}

/// The steps at which a process is killed: at least one of each phase, before the switch, at it and after it.
const STEPS: [&str; 6] = ["build", "prepare", "gate", "flip", "drain", "retire"];

/// Kills a deployment at a step; what is not as it should be after the next command.
fn killed_at(shop: &Shop, url: &str, step: &str, resumed: bool) -> Result<(), String> {
    let before = shop.whole(url)?;
    shop.commit(&format!("Killed at {step}"));
    shop.host.write("how", "none");
    shop.host.write("fault", &format!("\"step\":\"{step}\",\"mark\":\"intent\""));
    let struck = shop.host.folder().join("struck");
    let going = shop.env.start(["deploy", "shop", "--bake", "0"]);
    until(step, || struck.exists() || is_over(&going));
    going.signal(Signal::KILL);
    let ended = going.end();
    if ended.code.is_some() {
        return Err(format!("it ended before it was killed: {ended:?}"));
    }
    std::fs::remove_file(&struck).map_err(|error| format!("it was not struck: {error}"))?;
    // What was cut off before its switch has changed nothing for visitors; after it one of both serves.
    let (status, answer) = get(&format!("{url}/"));
    if status != 200 || (["build", "prepare", "gate"].contains(&step) && answer != before) {
        return Err(format!("after it was killed `{answer}` answered with {status}, not {before}"));
    }
    let ran = if resumed {
        let killed = shop.env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap_or_default().to_owned();
        shop.env.run(["run", "resume", &killed])
    } else {
        shop.commit(&format!("Another one after {step}"));
        let next = || {
            // What goes on there holds it all the same; what does not has had its minute.
            run_out(&shop.host, "shop");
            shop.env.run(["deploy", "shop", "--bake", "0"])
        };
        let since = std::time::Instant::now();
        let mut ran = next();
        while ran.code == Some(5) && since.elapsed() < std::time::Duration::from_mins(1) {
            ran = next();
        }
        ran
    };
    if ran.code != Some(0) {
        return Err(format!("exit {:?}: {}", ran.code, ran.stderr));
    }
    match shop.whole(url)? {
        now if now == before => Err(format!("{before} still serves")),
        _ => Ok(()),
    }
}

#[test]
fn a_process_that_is_killed_at_any_phase_is_gone_on_with_or_followed() {
    let Some(shop) = Shop::open() else { return };
    let (url, _) = shop.deploy();
    arm(&shop.host);
    let mut failed = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        if let Err(why) = killed_at(&shop, &url, step, number % 2 == 0) {
            failed.push(format!("{step}: {why}"));
            // The others are tried on a host that is as it was.
            shop.host.root(&format!("rm -f '{}/fault' {BASE}/lease", shop.host.folder().display()));
            shop.env.run(["deploy", "shop", "--bake", "0"]);
        }
    }
    figure(&format!("killed processes converged {}/{}", STEPS.len() - failed.len(), STEPS.len()));
    assert!(failed.is_empty(), "{failed:#?}");
}
