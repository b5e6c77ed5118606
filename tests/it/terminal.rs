//! On a terminal: questions are asked, progress lives, an interrupt stops between two steps.

use std::time::Duration;

use rexpect::session::{PtySession, spawn_command};

use crate::support::env::{TestEnv, tools_are_here, until};

fn on_terminal(env: &TestEnv, arguments: &[&str]) -> PtySession {
    let mut command = env.command(arguments);
    command.env("TERM", "xterm").stdin(std::process::Stdio::inherit());
    spawn_command(command, Some(120_000)).unwrap()
}

#[test]
fn a_vague_description_leads_to_questions_and_the_answers_to_a_project() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let mut session = on_terminal(&env, &["project", "new", "make me an app", "--no-deploy"]);
    session.exp_string("Answer").unwrap();
    session.send_line("it keeps books with title and author").unwrap();
    session.exp_string("> an HTTP API").unwrap();
    session.send_line("").unwrap();
    session.exp_string("Book").unwrap();
    let rest = session.exp_eof().unwrap();
    assert!(rest.contains("passed"), "{rest}");
}

#[test]
fn an_interrupt_stops_between_two_steps_and_says_how_to_go_on() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let child = env
        .command(["project", "new", "a notes API with title"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    until("the repository", || env.work().join("notes-api/services.yml").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let begun = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?} to stop", begun.elapsed());
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("cgo run resume run-"), "{stderr}");
    let run = env.json(["run", "list"])["runs"][0].clone();
    assert_eq!(run["status"], "queued", "{run}");
    let resumed = env.json(["run", "resume"]);
    assert!(resumed["url"].as_str().is_some(), "{resumed}");
    let again = env.run(["run", "resume", run["id"].as_str().unwrap()]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("is over"), "{}", again.stderr);
}

#[test]
fn colours_are_for_terminals_only() {
    let mut env = TestEnv::new();
    let piped = env.run(["doctor"]);
    assert!(!piped.stdout.contains('\u{1b}') && !piped.stderr.contains('\u{1b}'), "{piped:?}");
    let mut session = on_terminal(&env, &["doctor"]);
    assert!(session.exp_eof().unwrap().contains("\u{1b}[32m"), "no colours on a terminal");
    env.set("NO_COLOR", "1");
    let mut session = on_terminal(&env, &["doctor"]);
    assert!(!session.exp_eof().unwrap().contains("\u{1b}[32m"), "NO_COLOR is not respected");
}

#[test]
fn serving_shows_what_happens_in_colours_and_how_it_stands_in_the_last_line() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let vague = crate::serve::enqueue(&env, "make me an app", "brainstorm");
    let mut session = on_terminal(&env, &["serve", "--health", "off", "--check-every", "0"]);
    let before = session.exp_string("serving as process").unwrap();
    assert!(before.contains("\u{1b}[2m"), "the time is not faint: {before:?}");
    session.exp_string(&format!("{vague} waits for an answer: What should it keep?")).unwrap();
    session.exp_string("0 at work").unwrap();
    session.exp_string("1 waiting").unwrap();
    let clear = crate::serve::enqueue(&env, "a books API with title", "brainstorm");
    let before = session.exp_string(&format!("{clear} succeeded")).unwrap();
    assert!(before.contains("\u{1b}[32m"), "what went well is not green: {before:?}");
    session.send_control('c').unwrap();
    let rest = session.exp_eof().unwrap();
    assert!(rest.contains("stopped"), "{rest:?}");
}
