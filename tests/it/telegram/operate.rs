//! What is done with a project that runs, by commands, by buttons and in words, through `cgo serve --telegram`; and what
//! happens to a run that is cancelled while it is worked on.

use std::io::Read as _;

use serde_json::Value;

use super::server::{Sent, Telegram, Turn};
use super::whole::{Serving, environment, result};
use crate::support::env::{TestEnv, get, tools_are_here, until};

/// Says something that is asked for twice, and what is asked.
fn asks(telegram: &Telegram, text: &str, question: &str, labels: [&str; 2]) -> Sent {
    let after = telegram.say(8, text);
    let sure = telegram.hear_after(8, after, question);
    assert_eq!(sure.labels(), labels, "{}", sure.text);
    sure
}

fn press(telegram: &Telegram, under: &Sent, label: &str) {
    let press = telegram.press(8, under, label);
    telegram.shown(&press);
}

#[test]
fn a_project_is_deployed_changed_gone_back_stopped_and_started_by_commands_buttons_and_words() {
    if !tools_are_here() {
        return;
    }
    let telegram = Telegram::start();
    let env = environment(&telegram);
    env.ok(["users", "add", "Bo", "--identity", "telegram:8", "--role", "member"]);
    let serving = Serving::start(&env, "serve.log");
    telegram.say(8, "a notes API with title and body");
    let built = result(&telegram, 8, 0);
    let url = built.text.split_whitespace().find(|word| word.starts_with("http://")).expect("an address").to_owned();
    let serves = || get(&format!("{url}/health")).0 == 200;
    assert!(serves(), "{}", built.text);

    telegram.say(8, "/deploy notes-api");
    let again = result(&telegram, 8, built.id);
    telegram.say(8, "/update notes-api add a due date");
    let changed = result(&telegram, 8, again.id);
    assert!(changed.text.contains("due_date"), "{}", changed.text);
    assert!(get(&format!("{url}/openapi.json")).1.contains("due_date"));

    // Who changes the language is answered in it, until they write a sentence in another one.
    let releases = env.json(["project", "show", "notes-api"])["releases"].clone();
    let before = releases.as_array().expect("releases").iter().filter(|release| release["status"] == "retired");
    let before = before.max_by_key(|release| release["created_at"].to_string()).expect("one before")["release"].clone();
    let question = format!("Вернуть версию {} в notes-api?", before.as_str().expect("an id"));
    let sure = asks(&telegram, "верни прошлую версию notes-api", &question, ["Да: notes-api", "Нет"]);
    press(&telegram, &sure, "Нет");
    telegram.hear_after(8, sure.id, "Ничего не изменено.");
    assert!(get(&format!("{url}/openapi.json")).1.contains("due_date"), "it went back without a yes");
    press(&telegram, &changed, "Go back");
    let sure = telegram.hear_after(8, sure.id, &question);
    // What is deployed before the yes changes nothing about what was asked.
    telegram.say(8, "/deploy notes-api");
    let between = result(&telegram, 8, sure.id);
    press(&telegram, &sure, "Да");
    let back = result(&telegram, 8, between.id);
    assert!(!get(&format!("{url}/openapi.json")).1.contains("due_date"), "{}", back.text);

    let after = telegram.say(8, "show me the log of notes-api");
    telegram.hear_after(8, after, "startup complete");

    let russian = ["останови notes-api", "Остановить notes-api?", "Да: notes-api", "Нет", "notes-api остановлен"];
    let english = ["/stop notes-api", "Stop notes-api?", "Yes: notes-api", "No", "notes-api is stopped"];
    let starts = [("start notes-api again", "notes-api is started."), ("запусти notes-api", "notes-api запущен.")];
    for ([text, question, yes, no, stopped], (start, started)) in [english, russian].into_iter().zip(starts) {
        let sure = asks(&telegram, text, question, [yes, no]);
        assert!(serves(), "it was stopped before anybody said yes");
        press(&telegram, &sure, yes);
        telegram.hear_after(8, sure.id, stopped);
        assert!(!serves(), "it was said to be stopped");
        let after = telegram.say(8, start);
        telegram.hear_after(8, after, started);
        until("it to serve again", serves);
    }
    // A sentence that opens like an operation and describes something is a project all the same.
    let after = telegram.say(8, "stop words: word, language");
    let made = result(&telegram, 8, after);
    assert!(!made.text.contains("notes-api"), "{}", made.text);
    let projects = env.json(["project", "list"])["projects"].as_array().expect("projects").len();
    assert_eq!(projects, 2, "an operation began a project");
    serving.stop();

    let log = std::fs::read_to_string(env.home().join("serve.log")).expect("it is text");
    let events: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |event: &str| events.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    for line in of("update") {
        assert!(line["update"].is_i64() && line["chat"] == 8, "{line}");
        assert_eq!(line.as_object().expect("an event").len(), 4, "ids only: {line}");
    }
    assert!(of("update").len() >= 14, "{} updates", of("update").len());
    assert_eq!(of("run_asked").len(), env.json(["run", "list"])["runs"].as_array().expect("runs").len());
    assert_eq!(of("trouble"), Vec::<Value>::new());
    telegram.assert_content();
}

/// The processes that work on a run.
fn workers(run: &str) -> usize {
    let works = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&b"work".as_slice()) && words.contains(&run.as_bytes())
    };
    cgo::exec::identity::pids().iter().filter(|pid| works(pid)).count()
}

#[test]
fn a_cancelled_run_ends_with_the_worker_that_is_at_work_on_it() {
    let telegram = Telegram::start();
    let mut env = environment(&telegram);
    let silent = crate::serve::with_silent_model(&mut env);
    env.ok(["users", "add", "Bo", "--identity", "telegram:8", "--role", "member"]);
    let serving = Serving::start(&env, "serve.log");
    telegram.say(8, "/new a notes API with title and body");
    let (mut asked, _) = silent.accept().expect("the model is asked");
    asked.read_exact(&mut [0]).expect("it is asked something");
    let run = env.json(["run", "list"])["runs"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(workers(&run), 1);
    telegram.say(8, "/cancel");
    let sure = telegram.hear(8, "Cancel run-");
    assert_eq!(sure.labels(), [format!("Yes: {run}"), "No".to_owned()]);
    assert_eq!(workers(&run), 1, "it is asked for twice");
    press(&telegram, &sure, "Yes");
    telegram.hear_after(8, sure.id, "ends as soon as what is under way is done or cut off");
    let told = telegram.hear_after(8, sure.id, "🚫");
    assert!(told.text.contains("Cancelled"), "{}", told.text);
    until("its worker to be gone", || workers(&run) == 0);
    let shown = env.json(["run", "show", run.as_str()]);
    assert_eq!((&shown["run"]["status"], &shown["run"]["worked_on_by"]), (&"cancelled".into(), &Value::Null));
    serving.stop();
    telegram.assert_content();
}

#[test]
fn health_shows_that_telegram_cannot_be_reached_for_as_long_as_it_cannot() {
    let telegram = Telegram::start();
    for _ in 0..4 {
        telegram.turn("getMe", Turn::Breaks);
    }
    let env: TestEnv = environment(&telegram);
    let mut serving = crate::serve::Serving::start(&env, &["--telegram"]);
    let trouble = serving.wait("trouble", |line| line["what"] == "talking over Telegram");
    assert!(trouble["text"].as_str().is_some_and(|text| !text.contains("canary")), "{trouble}");
    let health = |address: &str| {
        let (status, body) = get(&format!("http://{address}/health"));
        (status, serde_json::from_str::<Value>(&body).expect("health is JSON"))
    };
    let (status, shown) = health(&serving.address);
    assert_eq!(status, 200, "runs are worked on all the same: {shown}");
    assert_eq!(shown["trouble"]["talking over Telegram"], trouble["text"], "{shown}");
    serving.wait("mended", |line| line["what"] == "talking over Telegram");
    let (_, shown) = health(&serving.address);
    assert_eq!(shown["trouble"], serde_json::json!({}), "{shown}");
    serving.stop();
    telegram.assert_content();
}
