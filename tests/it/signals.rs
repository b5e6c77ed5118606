//! Signals from outside: one asks a run to stop between two steps, whichever it is; what was kept off by `nohup`
//! stays off.

use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::env::{TestEnv, tools_are_here, until};

#[test]
fn being_told_to_end_or_losing_the_terminal_stops_as_one_interrupt_does() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    for (name, signal, times) in
        [("ended", Signal::TERM, 1), ("hung-up", Signal::HUP, 1), ("hung-up-twice", Signal::HUP, 2)]
    {
        let child = env.start(["project", "new", "a notes API with title", "--no-deploy", "--name", name]);
        until("the repository", || env.work().join(name).join("services.yml").exists());
        let begun = Instant::now();
        for _ in 0..times {
            child.signal(signal);
        }
        let ran = child.end();
        assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?} to stop", begun.elapsed());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{name}: {ran:?}");
        assert!(ran.stderr.contains("stopping after this step"), "{name}: {ran:?}");
        assert!(
            ran.stderr.contains("was stopped between two steps\nhint: run `cgo run resume run-"),
            "{name}: {ran:?}"
        );
        let run = env.json(["run", "list"])["runs"][0].clone();
        assert_eq!((&run["status"], &run["worked_on_by"]), (&"queued".into(), &Value::Null), "{name}: {run}");
        let made = env.json(["run", "resume"]);
        assert_eq!((&made["status"], &made["project"]), (&"succeeded".into(), &name.into()), "{made}");
    }
}

#[test]
fn under_nohup_a_lost_terminal_stops_nothing() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let mut command = std::process::Command::new("nohup");
    let inner = env.command(["project", "new", "a notes API with title", "--no-deploy"]);
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(env.work()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).process_group(0);
    let output = std::process::Stdio::piped;
    let child = command.stdin(std::process::Stdio::null()).stdout(output()).stderr(output()).spawn().unwrap();
    until("the repository", || env.work().join("notes-api/services.yml").exists());
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::HUP).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
