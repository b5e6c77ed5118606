//! Questions on a terminal that are not answered: the run waits on, it is said how to go on, and the terminal is as
//! it was.

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{PtySession, spawn_command};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::env::{TestEnv, tools_are_here};

/// A command on a terminal of its own.
struct OnTerminal(PtySession);

impl OnTerminal {
    fn start(env: &TestEnv, arguments: &[&str]) -> Self {
        let mut command = env.signalled(arguments);
        command.env("TERM", "xterm").stdin(std::process::Stdio::inherit());
        Self(spawn_command(command, Some(60_000)).unwrap())
    }

    /// Everything up to its end, and its exit code. The terminal must be as it was: with the cursor, and taking lines.
    fn end(mut self) -> (String, i32) {
        let rest = self.0.exp_eof().unwrap();
        let modes = tcgetattr(self.0.process().get_file_handle().unwrap()).unwrap().local_modes;
        let usual = LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes.contains(usual), "the terminal is left in {modes:?}");
        let (shown, hidden) = (rest.rfind("\u{1b}[?25h"), rest.rfind("\u{1b}[?25l"));
        assert!(shown.is_some() && shown > hidden, "the cursor is left hidden: {rest:?}");
        match self.0.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => (rest, code),
            other => panic!("it ended with {other:?}: {rest:?}"),
        }
    }
}

/// The one run waits for its answers, and its own command was told.
fn waits(env: &TestEnv, rest: &str) {
    let run = env.json(["run", "list"])["runs"][0].clone();
    assert_eq!((&run["status"], &run["worked_on_by"]), (&"waiting_input".into(), &serde_json::Value::Null), "{run}");
    let id = run["id"].as_str().unwrap();
    assert!(rest.contains(&format!("run `{id}` waits for an answer")), "{rest:?}");
    assert!(rest.contains(&format!("cgo run answer {id}")), "{rest:?}");
    let error = rest.find("error:").unwrap_or_else(|| panic!("no error in {rest:?}"));
    let before = rest[..error].trim_end_matches("\u{1b}[31m");
    let before = before.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches("\u{1b}[");
    assert!(
        before.ends_with('\n') || before.ends_with("\u{1b}[?25h"),
        "the error begins in the middle of a line: {rest:?}"
    );
    assert!(!rest.contains("stopping after this step"), "nothing was at work: {rest:?}");
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
}

const VAGUE: [&str; 3] = ["project", "new", "make me an app"];

#[test]
fn ctrl_c_at_a_question_leaves_the_run_waiting() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let mut session = OnTerminal::start(&env, &VAGUE);
    session.0.exp_string("Answer").unwrap();
    session.0.send_control('c').unwrap();
    let (rest, code) = session.end();
    assert_eq!(code, 130, "{rest:?}");
    waits(&env, &rest);

    // What the hint says works.
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().unwrap().to_owned();
    let made = env.json(["run", "answer", &id, "books with title", "an HTTP API", "--no-resume"]);
    assert_eq!(made["status"], "queued", "{made}");
}

#[test]
fn ctrl_c_at_a_choice_leaves_the_run_waiting() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let mut session = OnTerminal::start(&env, &VAGUE);
    session.0.exp_string("Answer").unwrap();
    session.0.send_line("it keeps books with title and author").unwrap();
    session.0.exp_string("> an HTTP API").unwrap();
    session.0.send_control('c').unwrap();
    let (rest, code) = session.end();
    assert_eq!(code, 130, "{rest:?}");
    waits(&env, &rest);
}

#[test]
fn escape_at_a_choice_leaves_the_run_waiting_for_a_person() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let mut session = OnTerminal::start(&env, &VAGUE);
    session.0.exp_string("Answer").unwrap();
    session.0.send_line("it keeps books with title and author").unwrap();
    session.0.exp_string("> an HTTP API").unwrap();
    session.0.send("\u{1b}").unwrap();
    session.0.flush().unwrap();
    let (rest, code) = session.end();
    assert_eq!(code, 4, "{rest:?}");
    waits(&env, &rest);
}

#[test]
fn a_signal_ends_a_question_too() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let mut session = OnTerminal::start(&env, &VAGUE);
        session.0.exp_string("Answer").unwrap();
        session.0.process_mut().signal(signal).unwrap();
        let (rest, code) = session.end();
        assert_eq!(code, 130, "{signal:?}: {rest:?}");
        waits(&env, &rest);
    }
}

#[test]
fn ctrl_c_before_the_description_makes_nothing() {
    let env = TestEnv::new();
    let mut session = OnTerminal::start(&env, &["project", "new"]);
    session.0.exp_string("What should the project do?").unwrap();
    session.0.send_control('c').unwrap();
    let (rest, code) = session.end();
    assert_eq!(code, 130, "{rest:?}");
    assert!(rest.contains("nothing was made") && rest.contains("hint:"), "{rest:?}");
    assert_eq!(env.json(["run", "list"])["runs"].as_array().unwrap().len(), 0);
}

#[test]
fn a_removal_that_is_not_confirmed_removes_nothing() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    env.json(["project", "new", "books with title", "--until", "brainstorm", "--name", "books"]);
    for (key, expected) in [("\u{3}", 130), ("\u{1b}", 1), ("n", 1)] {
        let mut session = OnTerminal::start(&env, &["project", "remove", "books"]);
        session.0.exp_string("Remove project `books`").unwrap();
        session.0.send(key).unwrap();
        session.0.flush().unwrap();
        let (rest, code) = session.end();
        assert_eq!(code, expected, "{key:?}: {rest:?}");
        assert!(rest.contains("nothing was removed") && rest.contains("cgo project remove books"), "{rest:?}");
        assert_eq!(env.json(["project", "list"])["projects"].as_array().unwrap().len(), 1);
    }
    let mut session = OnTerminal::start(&env, &["project", "remove", "books"]);
    session.0.exp_string("Remove project `books`").unwrap();
    session.0.send("y").unwrap();
    session.0.flush().unwrap();
    let (rest, code) = session.end();
    assert_eq!(code, 0, "{rest:?}");
    assert_eq!(env.json(["project", "list"])["projects"].as_array().unwrap().len(), 0);
}
