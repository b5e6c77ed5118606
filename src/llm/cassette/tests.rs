//! Tests of a tape by itself.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt as _;
use serde_json::json;

use super::provider::{Cast, Recorded, Replayed};
use super::*;
use crate::domain::names::AgentName;
use crate::domain::redact::Handle;
use crate::llm::{Message, OnText, Provider, ReplyFuture, Schema, ToolSpec, Trouble};

fn clock() -> Timestamp {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000_000);
    Timestamp(NOW.fetch_add(7, Ordering::SeqCst))
}

fn around(home: &str) -> Surroundings {
    Surroundings { portable: Portable::new([("home", home.to_owned())]), secrets: Secrets::default(), clock }
}

/// Says what it was asked last, and fails at first when it is told to.
struct Echo(std::cell::Cell<u32>);

impl Provider for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn complete<'a>(&'a self, request: &'a Request, _: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move {
            if self.0.get() > 0 {
                self.0.set(self.0.get() - 1);
                let reason = "busy".to_owned();
                return Err(Error::Retry {
                    trouble: Trouble::Overloaded,
                    after: None,
                    reason,
                    usage: Usage::default(),
                });
            }
            let Some(Message::User { content }) = request.messages.last() else { panic!("a question is expected") };
            Ok(Reply::call("c1", "look", &json!({ "at": content })))
        })
    }
}

fn question(text: &str) -> Request {
    Request {
        agent: AgentName::parse("tester").unwrap(),
        model: "m".to_owned(),
        temperature: 0.5,
        max_tokens: 100,
        messages: vec![Message::System { content: "be".to_owned() }, Message::User { content: text.to_owned() }],
        tools: vec![ToolSpec {
            name: "look".to_owned(),
            description: "d".to_owned(),
            parameters: Schema::new(json!({})),
        }],
    }
}

fn ask(provider: &dyn Provider, text: &str) -> Result<Reply, Error> {
    provider.complete(&question(text), &|_| {}).now_or_never().expect("it answers at once")
}

fn recorded(tape: Arc<Tape>, failures: u32) -> Recorded {
    Recorded { inner: Rc::new(Echo(failures.into())), tape }
}

fn replayed(path: &std::path::Path, home: &str, mode: Mode) -> Replayed {
    let cast = Cast { provider: "echo".to_owned(), model: "m".to_owned(), fallback: None, priced: false };
    Replayed { cast, tape: Arc::new(Tape::open(path, mode, around(home)).unwrap()) }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

#[test]
fn what_was_said_on_one_machine_is_said_on_another_with_its_own_folders() {
    let folder = folder();
    let path = folder.path().join("one.cassette");
    let tape = Arc::new(Tape::record(&path, &json!({ "text": "in /srv/a/x" }), 5, around("/srv/a")).unwrap());
    let provider = recorded(tape.clone(), 1);
    assert!(ask(&provider, "look at /srv/a/file").is_err());
    let said = ask(&provider, "look at /srv/a/file").unwrap();
    let (moment, chance) = (tape.moment(format_args!("x")), tape.chance(format_args!("x")));
    assert_eq!(tape.fact("name", "Ada at /srv/a"), "Ada at /srv/a");
    drop((provider, tape));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("/srv/a"), "{text}");

    let other = replayed(&path, "/srv/b", Mode::Strict);
    assert_eq!(other.tape.request(), json!({ "text": "in /srv/b/x" }));
    assert!(matches!(ask(&other, "look at /srv/b/file"), Err(Error::Retry { trouble: Trouble::Overloaded, .. })));
    let again = ask(&other, "look at /srv/b/file").unwrap();
    assert_eq!(again.tool_calls[0].arguments, said.tool_calls[0].arguments.replace("/srv/a", "/srv/b"));
    assert_eq!((other.tape.moment(format_args!("x")), other.tape.chance(format_args!("x"))), (moment, chance));
    assert_eq!(other.tape.fact("name", "Bob"), "Ada at /srv/b");
    let error = ask(&other, "look at /srv/b/file").unwrap_err();
    assert!(error.to_string().contains("for the 3 time"), "{error}");
}

#[test]
fn a_question_nobody_asked_is_told_with_its_difference_and_a_loose_replay_goes_on() {
    let folder = folder();
    let path = folder.path().join("one.cassette");
    let provider = recorded(Arc::new(Tape::record(&path, &json!({}), 5, around("/a")).unwrap()), 0);
    let first = ask(&provider, "line one\nline two").unwrap();
    ask(&provider, "another").unwrap();
    drop(provider);
    let error = ask(&replayed(&path, "/a", Mode::Strict), "line one\nline 2").unwrap_err();
    assert!(matches!(error, Error::Permanent { refusal: Refusal::Unrecorded, hint: Some(_), .. }));
    let text = error.to_string();
    assert!(text.contains("next to call 1") && text.contains("message 2 (the task) is another one"), "{text}");
    assert!(text.contains("-     \"line two\"") && text.contains("+     \"line 2\""), "{text}");
    let loose = replayed(&path, "/a", Mode::Loose);
    assert_eq!(ask(&loose, "line one\nline 2").unwrap(), first);
    // Another process goes on after what this one was told.
    let later = replayed(&path, "/a", Mode::Loose);
    later.tape.was_told("tester");
    assert_eq!(ask(&later, "line one\nline 2").unwrap(), ask(&loose, "something else").unwrap());
    assert!(ask(&later, "more").is_err(), "nothing is left");
}

#[test]
fn a_recording_goes_on_after_its_process_was_killed_in_the_middle_of_a_line() {
    let folder = folder();
    let path = folder.path().join("one.cassette");
    let provider = recorded(Arc::new(Tape::record(&path, &json!({}), 5, around("/a")).unwrap()), 1);
    // The process ends before its run could use the failure.
    assert!(ask(&provider, "x").is_err());
    drop(provider);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"call\":{\"ke").unwrap();
    let again = recorded(Arc::new(Tape::open(&path, Mode::Record, around("/a")).unwrap()), 0);
    ask(&again, "x").unwrap();
    drop(again);
    assert!(ask(&replayed(&path, "/a", Mode::Strict), "x").is_ok());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Tape::record(&path, &json!({}), 1, around("/a")), Err(CassetteError::There { .. })));
}

#[test]
fn a_file_that_is_no_cassette_is_told_with_its_line() {
    let folder = folder();
    let path = folder.path().join("bad");
    for (text, told) in [
        ("", "line 1 does not say"),
        ("hello\n", "line 1 does not say"),
        ("{\"cassette\":{\"version\":9,\"cgo\":\"9\",\"seed\":\"0\",\"request\":{}}}\n", "format 9"),
        (
            "{\"cassette\":{\"version\":1,\"cgo\":\"9\",\"seed\":\"0\",\"request\":{}}}\n{\"what\":1}\n",
            "line 2 cannot be read",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Tape::open(&path, Mode::Strict, around("/a")).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_cassette_holds_no_secret() {
    let folder = folder();
    let path = folder.path().join("one.cassette");
    let surroundings = around("/a");
    assert!(surroundings.secrets.add(&Handle::new("notes", "KEY"), "sk-canary-1"));
    let tape = Arc::new(Tape::record(&path, &json!({ "text": "sk-canary-1" }), 5, surroundings).unwrap());
    ask(&recorded(tape, 0), "say sk-canary-1").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("canary") && text.contains("secret://notes/KEY"), "{text}");
    assert!(Tape::open(&path, Mode::Strict, around("/a")).is_ok());
}
