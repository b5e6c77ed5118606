//! Commands as people send them, and what is answered: each against a project, a run or a record that is there.

use cgo::domain::chat::{About, BotId, ChatId, Followed, Noted, PersonId};
use cgo::domain::ids::RunId;
use cgo::domain::money::Usd;
use cgo::domain::names::AgentName;

use cgo::domain::request::Rollout;
use cgo::domain::run::{Ask, Batch, EventRow, Request, RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::state::{Change, ProjectIntent, TestResults};
use cgo::domain::user::Role;
use cgo::graph::progress::Event;
use cgo::ops::chats::Chats;
use cgo::ops::leases::{Leases, run_resource};
use cgo::ops::{Context, runs};
use cgo::pipeline::{Ended, runner};
use cgo::store::{Incidents as _, Runs as _};
use serde_json::json;

use super::conversation::progress;
use super::house::House;
use super::lists::spent;
use super::server::{BOT, Sent, Telegram};
use crate::notify::incident;

/// A release of a project, asked for at a terminal by somebody.
pub async fn release(context: &Context, name: &str) -> RunId {
    let request = Request::Deploy {
        project: name.parse().unwrap(),
        sandbox: None,
        server: None,
        rollout: Rollout::default(),
        cassette: None,
    };
    runner::create(context, request).await.unwrap().id
}

/// Adds to a run what a worker would.
pub async fn append(context: &Context, run: &RunId, events: &[Event], more: Batch) {
    let leases = Leases::new(context);
    leases.take_run(run).await.unwrap();
    let lease = leases.find(&run_resource(run)).unwrap();
    let at = context.now();
    let seq = context.store.run(run).await.unwrap().unwrap().seq;
    let rows = (seq + 1..).zip(events).map(|(seq, event)| EventRow {
        seq,
        at,
        kind: event.kind().to_owned(),
        body: serde_json::to_string(event).unwrap(),
    });
    context.store.append(&lease, run, &Batch { events: rows.collect(), ..more }, at).await.unwrap();
    leases.release().await.unwrap();
}

#[test]
fn lists_and_costs_show_what_there_is_to_those_who_may_see_it() {
    let house = House::new();
    house.admit(8, "Bo", Role::Admin);
    house.admit(10, "Cy", Role::Member);
    house.project(8, "notes");
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        spent(&bo, Some("notes"), Usd::from_billionths(2_500_000_000)).await;
        app.context.store.open_incident(&incident(&app.context, "notes: down")).await.unwrap();
    });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/runs");
    let runs = telegram.hear(8, "Runs");
    assert!(runs.text.contains("• notes: waits for its turn"), "{}", runs.text);
    let press = telegram.press(8, &runs, "notes");
    telegram.shown(&press);
    telegram.hear_after(8, runs.id, "run-");
    telegram.say(8, "/cost");
    let costs = telegram.hear(8, "Costs of models");
    assert!(costs.text.contains("• notes: $2.50") && costs.text.contains("In all: $2.50"), "{}", costs.text);
    telegram.say(8, "/incidents");
    let broken = telegram.hear(8, "Incidents");
    assert!(broken.text.contains("does not work"), "{}", broken.text);
    let press = telegram.press(8, &broken, "`notes`");
    telegram.shown(&press);
    telegram.hear_after(8, broken.id, "status 500");
    telegram.say(8, "/servers");
    let servers = telegram.hear(8, "Servers");
    assert!(servers.text.contains("• local — "), "{}", servers.text);
    telegram.say(8, "/agents");
    let agents = telegram.hear(8, "Agents");
    assert!(agents.text.contains("• architect — ") && agents.text.contains("(v1)"), "{}", agents.text);
    // A member sees the servers, and nothing of what is another's or an admin's.
    telegram.say(10, "/servers");
    let servers = telegram.hear(10, "Servers");
    assert!(servers.text.contains("• local — ") && servers.text.contains("(0)"), "{}", servers.text);
    telegram.say(10, "/agents");
    telegram.hear(10, "You may not do that");
    telegram.say(10, "/incidents");
    telegram.hear(10, "Nothing is broken.");
    telegram.say(10, "/cost");
    telegram.hear(10, "Nothing was spent.");
    telegram.say(10, "/runs");
    telegram.hear(10, "There are no runs yet.");
    telegram.assert_content();
}

#[test]
fn an_approval_in_words_names_its_run_or_is_of_the_only_one_that_waits() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    telegram.say(8, "/approve");
    telegram.hear(8, "Nothing waits for an approval.");
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "spend $5?");
    let asked = telegram.hear(8, "spend $5?");
    telegram.say(8, "/approve");
    let first = telegram.hear(8, "Approved");
    telegram.wait("the buttons are gone", |world| {
        world.messages.iter().find(|sent| sent.id == asked.id && sent.labels().is_empty()).map(drop)
    });
    assert_eq!(house.status(&run), RunStatus::Queued);
    house.wait_for(&run, Wait::Approval, "spend $9?");
    telegram.hear(8, "spend $9?");
    telegram.say(8, &format!("/approve {run}"));
    telegram.hear_after(8, first.id + 1, "Approved");
    assert_eq!(house.status(&run), RunStatus::Queued);
    let answers = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        events.into_iter().filter(|event| event.kind == "answered").map(|event| event.body).collect::<Vec<_>>()
    });
    assert!(answers.len() == 2 && answers.iter().all(|body| body.contains("\"by\":\"Bo\"")), "{answers:?}");
    telegram.assert_content();
}

#[test]
fn a_spec_and_a_text_that_are_sent_as_files_begin_runs_from_what_is_in_them() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let spec = "project: {name: jam-shelf, title: Jam}\nmodels:\n  Jar:\n    fields: {label: string, opened: bool}\n";
    telegram.send_file(8, "shelf.yaml", spec.as_bytes());
    progress(&house, 8);
    let run = house.only_run();
    assert!(matches!(house.drive(&run, "architect"), Ended::Interrupted));
    let state = house.with(async |app| runner::progress(&app.context, &run).await.unwrap().state);
    let built = state.project_spec.expect("the spec that was sent");
    assert_eq!((built.project.name.as_str(), built.project.title.as_str()), ("jam-shelf", "Jam"));
    let fields: Vec<&str> = built.models[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((built.models[0].name.as_str(), fields), ("Jar", vec!["label", "opened"]));
    assert!(
        std::fs::read_dir(house.folder.path().join("data/telegram")).unwrap().next().is_none(),
        "it is kept nowhere"
    );

    telegram.send_file(8, "idea.txt", "\u{feff}a recipes API with title and text".as_bytes());
    telegram.hear(8, "a recipes API with title and text");
    let all = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
    let texts: Vec<Option<&str>> = all.iter().map(|view| view.run.request.text()).collect();
    assert!(all.len() == 2 && texts.contains(&Some("a recipes API with title and text")), "{texts:?}");
    let open = |view: &runs::RunView| matches!(&view.run.request, Request::NewProject(new) if new.open);
    assert_eq!(all.iter().filter(|view| open(view)).count(), 1, "what is in a text is found out as in a message");
    telegram.assert_content();
}

/// Somebody replies to a message of the bot with a text file.
fn reply_with_file(telegram: &Telegram, person: i64, to: &Sent, text: &str) -> i64 {
    let name = format!("reply{}", to.id);
    telegram.change(|world| world.files.insert(name.clone(), text.as_bytes().to_vec()));
    telegram.send(
        person,
        &json!({
            "document": { "file_id": name, "file_unique_id": "u", "file_name": "said.md", "file_size": text.len() },
            "reply_to_message": {
                "message_id": to.id, "date": 1, "chat": { "id": person, "type": "private" },
                "from": { "id": BOT, "is_bot": true, "first_name": "cgo" },
            },
        }),
    )
}

#[test]
fn a_text_file_that_replies_to_a_question_answers_it_and_begins_no_project() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/update notes");
    let asked = telegram.hear(8, "What should change in notes?");
    house.settled();
    // The project is on record alone: it cannot be changed, and that is what is said.
    let after = reply_with_file(&telegram, 8, &asked, "add a due date");
    let told = telegram.hear_after(8, after, "");
    assert!(house.with(async |app| runs::list(&app.context, 10).await.unwrap()).is_empty(), "{}", told.text);

    let run = house.begin(8, 8, "/new make me a service");
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    let asked = telegram.hear(8, "Question 1 of 2");
    house.settled();
    reply_with_file(&telegram, 8, &asked, "books with author");
    telegram.hear_after(8, asked.id, "Question 2 of 2");
    assert_eq!(house.only_run(), run);
    telegram.assert_content();
}

#[test]
fn a_result_tells_what_was_assumed_and_not_verified_and_has_its_address_and_the_way_back() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let run = house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        let run = release(&bo, "notes").await;
        let node = AgentName::parse("documenter").unwrap();
        let patch = vec![
            Change::ProjectIntent(ProjectIntent {
                summary: "notes".to_owned(),
                assumptions: (1..15).map(|number| format!("everybody may read *all* notes of {number}")).collect(),
                not_built: Vec::new(),
            }),
            Change::TestResults(TestResults {
                passed: 7,
                failed: 0,
                skipped: 2,
                output: String::new(),
                commit: "0".repeat(40),
            }),
            Change::DeployedUrl("https://notes.example.com".to_owned()),
        ];
        let events = [
            Event::TakenUp { by: "a test".to_owned() },
            Event::Routed { to: vec![node.clone()] },
            Event::NodeStarted { visit: 1, node: node.clone(), from: None },
            Event::NodeFinished { visit: 1, agent: node, patch, to: Vec::new(), why: None },
            Event::Succeeded,
        ];
        append(&bo, &run, &events, Batch { status: Some((RunStatus::Succeeded, None)), ..Batch::default() }).await;
        let followed = Followed::begun(run.clone(), ChatId(8), PersonId(8), Language::En);
        Chats::of(&app.context, BotId(BOT)).follow(&followed).await.unwrap();
        run
    });
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.insert(8));
    let _bot = house.open();
    let told = telegram.hear(8, "🎉");
    let rest = format!("notes of 12\nand 2 more: cgo run show {run}\n");
    for words in [
        "https://notes.example.com",
        "Tests: 7 passed",
        "Assumed\n• everybody may read *all* notes of 1\n",
        rest.as_str(),
        "Not verified\n• 2 tests were skipped",
    ] {
        assert!(told.text.contains(words), "{words} in {}", told.text);
    }
    assert_eq!(told.labels(), ["Open", "Logs", "Change", "Redeploy", "Go back"]);
    assert_eq!(told.keyboard["inline_keyboard"][0][0]["url"], "https://notes.example.com", "{}", told.keyboard);
    let press = telegram.press(8, &told, "Go back");
    telegram.shown(&press);
    // It is on record alone: there is nothing to go back to, and nobody is asked whether to.
    let answer = telegram.hear_after(8, told.id, "notes");
    assert!(answer.labels().is_empty(), "{answer:?}");
    telegram.assert_content();
}

#[test]
fn what_is_dealt_with_is_noted_by_ids_alone_and_a_run_with_what_asked_for_it() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.say(8, "/new a canary API with title");
    progress(&house, 8);
    telegram.say(99, "a canary of a stranger");
    telegram.hear(99, "99");
    house.settled();
    bot.kill();
    let run = house.only_run();
    let notes = house.notes.lock().unwrap().clone();
    let about = |update, chat, run| About { update: Some(update), chat: Some(chat), run };
    assert!(notes.contains(&(about(1000, 8, Some(run)), Noted::RunAsked)), "{notes:?}");
    for (update, chat) in [(1000, 8), (1001, 99)] {
        let dealt = notes.iter().filter(|note| **note == (about(update, chat, None), Noted::DealtWith)).count();
        assert_eq!(dealt, 1, "{notes:?}");
    }
    let refused = (about(1001, 99, None), Noted::Trouble("refused telegram:99".to_owned()));
    assert!(notes.contains(&refused), "{notes:?}");
    assert!(!house.noted().iter().any(|note| note.contains("canary")), "what was said is no one's but the chat's");
}
