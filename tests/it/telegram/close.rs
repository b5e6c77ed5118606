//! What comes close together: two changes of one project, and a kill between an answer and what follows from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cgo::domain::chat::{BotId, Card};
use cgo::domain::coder::CoderChoice;
use cgo::domain::ids::RunId;
use cgo::domain::names::AgentName;
use cgo::domain::provider::ModelChoice;
use cgo::domain::run::{Ask, NewProject, Request, RequestKind, RunStatus, Update, Wait};
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::runs::Reply;
use cgo::ops::{Context, queue, runs, specs};
use cgo::pipeline::{Ended, runner, tape};
use tokio_util::sync::CancellationToken;

use super::conversation::progress;
use super::house::House;
use super::server::{Asked, BOT, Sent, Telegram, Turn};
use crate::support::env::until;
use crate::users::new_project;

/// A house in which a run waits, and what it asked.
type Waiting = fn() -> (House, RunId, Sent);

fn developer() -> AgentName {
    AgentName::parse("developer").expect("a node")
}

/// A project of Bo's as far as its code: `notes-api`, in this folder.
fn notes(house: &House) -> PathBuf {
    let parent = house.folder.path().join("projects");
    let run = house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        let request = new_project(&bo, "a notes API with title and body");
        let Request::NewProject(new) = request else { unreachable!("it is one") };
        let new = NewProject { until: Some(developer()), parent: parent.display().to_string(), ..*new };
        runner::create(&bo, Request::NewProject(Box::new(new))).await.expect("a run").id
    });
    assert!(matches!(house.drive(&run, "never"), Ended::Succeeded));
    parent.join("notes-api")
}

/// A change of it, as far as the code.
fn change(text: &str) -> Request {
    Request::Update(Box::new(Update {
        project: "notes-api".parse().expect("a name"),
        text: text.to_owned(),
        until: Some(developer()),
        deploy: false,
        assume: false,
        models: ModelChoice::default(),
        coders: CoderChoice::default(),
        cassette: None,
    }))
}

/// A run of Bo's, as a terminal begins it.
fn begun(house: &House, text: &str) -> RunId {
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        runner::create(&bo, change(text)).await.expect("a run").id
    })
}

/// The fields of what the project's spec says is kept.
fn fields(folder: &Path) -> Vec<String> {
    let spec = specs::read(folder).expect("a spec");
    spec.models[0].fields.iter().map(|field| field.name.to_string()).collect()
}

/// The changes that were begun.
fn changes(house: &House) -> Vec<RunId> {
    let all = house.with(async |app| runs::list(&app.context, 10).await.expect("runs"));
    let runs = all.into_iter().map(|view| view.run);
    runs.filter(|run| run.request.kind() == RequestKind::Update).map(|run| run.id).collect()
}

#[test]
fn of_two_changes_of_a_project_that_are_said_at_once_the_second_is_told_which_run_is_at_work() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let folder = notes(&house);
    let telegram = house.telegram.clone();
    telegram.say(8, "/update notes-api add a due date");
    telegram.say(8, "/update notes-api add a rating");
    let bot = house.open();
    let told = telegram.hear(8, "at work on notes-api");
    house.settled();
    bot.kill();
    let begun = changes(&house);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(told.text, format!("{} is at work on notes-api already.", begun[0]));
    house.drive(&begun[0], "developer");
    let fields = fields(&folder);
    assert!(fields.contains(&"due_date".to_owned()) && !fields.contains(&"rating".to_owned()), "{fields:?}");
    telegram.assert_content();
}

#[test]
fn a_change_that_an_update_has_begun_before_a_kill_stands_in_its_own_way_no_more_than_once() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    notes(&house);
    // What was said first has begun this before the process was killed, which noted nothing else of it.
    let run = house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        let key = format!("telegram {BOT} 1000");
        runner::enqueue(&bo, change("add a due date"), Some(&key)).await.expect("a run").id
    });
    let telegram = house.telegram.clone();
    telegram.say(8, "/update notes-api add a due date");
    let _bot = house.open();
    progress(&house, 8);
    telegram.say(8, "/update notes-api add a rating");
    telegram.hear(8, &format!("{run} is at work on notes-api already."));
    house.settled();
    assert_eq!(changes(&house), [run]);
    let told = telegram.chat(8).into_iter().filter(|sent| sent.text.contains("at work on")).count();
    assert_eq!(told, 1, "its own run is no other's");
    telegram.assert_content();
}

#[test]
fn a_change_that_waited_while_another_one_was_made_undoes_nothing_and_says_so() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let folder = notes(&house);
    let first = begun(&house, "add a due date");
    let second = begun(&house, "add a rating");
    let third = begun(&house, "make it faster");
    assert!(matches!(house.drive(&third, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    // One that goes on in the middle has made its own change, which is nobody else's.
    assert!(matches!(house.drive(&first, "developer"), Ended::Interrupted));
    assert!(matches!(house.drive(&first, "never"), Ended::Succeeded));
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        answer(&bo, &third, Reply { approved: true, texts: vec!["add a rating".to_owned()], by: None }).await;
    });
    for run in [&second, &third] {
        let Ended::Failed(failure) = house.drive(run, "never") else { panic!("{run} undoes a change") };
        let reason = "`notes-api` has been changed since this was asked for, and going on would undo that";
        assert_eq!(failure.reason, reason);
        assert!(failure.exit == 1 && failure.hint.is_some_and(|hint| hint.contains("once more")));
        assert_eq!(house.status(run), RunStatus::Failed);
    }
    let has = |field: &str| fields(&folder).contains(&field.to_owned());
    assert!(has("due_date") && !has("rating"), "{:?}", fields(&folder));
    let again = begun(&house, "add a rating");
    assert!(matches!(house.drive(&again, "never"), Ended::Succeeded));
    assert!(has("due_date") && has("rating"), "{:?}", fields(&folder));
}

/// Answers what a run waits for.
async fn answer(context: &Context, run: &RunId, reply: Reply) {
    let run = runs::find(context, run.as_str()).await.expect("the run");
    let ask = runs::waits_for(context, &run).await.expect("the store answers").expect("it waits");
    tape::answer(context, &run, &ask, reply, &CancellationToken::new()).await.expect("it is answered");
}

/// Notes that an update is what has said this to what a run waits for.
async fn mark(context: &Context, run: &RunId, update: i64, text: &str) {
    let chats = Chats::of(context, BotId(BOT));
    let run = runs::find(context, run.as_str()).await.expect("the run");
    let ask = runs::waits_for(context, &run).await.expect("the store answers").expect("it waits");
    let card = chats.card_of(&ask.id).await.expect("the store answers").expect("it was put");
    let mut said: Vec<serde_json::Value> = serde_json::from_str(&card.said).expect("what was said");
    said.push(serde_json::json!({ "update": update, "text": text }));
    let said = serde_json::to_string(&said).expect("it is JSON");
    let marked = Card { said, ..card.clone() };
    assert!(chats.note_card(&marked, &card.said).await.expect("the store answers"));
}

/// Whether `cgo serve` goes on with a run.
fn is_queued(house: &House, run: &RunId) -> bool {
    let all = house.with(async |app| queue::list(&app.context).await.expect("the queue"));
    all.iter().any(|queued| queued.run.id == *run)
}

/// A run of Bo's that waits for an approval and was begun at a terminal, as far as the queue knows; the bot is killed.
fn approving() -> (House, RunId, Sent) {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "may it go on?");
    let asked = telegram.hear(8, "may it go on?");
    house.settled();
    bot.kill();
    house.sql("delete from run_queue");
    (house, run, asked)
}

/// A run of Bo's that waits for the second of two answers, else the same.
fn asking() -> (House, RunId, Sent) {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new make me a service");
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    telegram.hear(8, "Question 1 of 2");
    telegram.say(8, "books with author");
    let asked = telegram.hear(8, "Question 2 of 2");
    house.settled();
    bot.kill();
    house.sql("delete from run_queue");
    (house, run, asked)
}

/// The card of what a run waits for.
fn card(house: &House, run: &RunId) -> Option<Card> {
    house.with(async |app| {
        let run = runs::find(&app.context, run.as_str()).await.expect("the run");
        let ask = runs::waits_for(&app.context, &run).await.expect("the store answers")?;
        Chats::of(&app.context, BotId(BOT)).card_of(&ask.id).await.expect("the store answers")
    })
}

/// Long enough to do something while a message is on its way.
const ON_ITS_WAY: Turn = Turn::DoesAndAnswersAfter(Duration::from_secs(2));

#[test]
fn an_approval_that_is_about_to_be_given_while_it_is_asked_for_loses_its_buttons() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.settled();
    telegram.turn("sendMessage", ON_ITS_WAY);
    house.wait_for(&run, Wait::Approval, "may it go on?");
    let asked = telegram.hear(8, "may it go on?");
    house.with(async |app| mark(&House::person(&app.context, 8).await, &run, 1001, "").await);
    assert_eq!(card(&house, &run).expect("it was put").message, None, "its message is known already");
    until("its message is known", || card(&house, &run).is_some_and(|card| card.message == Some(asked.id)));
    telegram.say(8, "/approve");
    telegram.hear(8, "Approved");
    telegram.wait("the buttons are gone", |world| {
        world.messages.iter().find(|sent| sent.id == asked.id && sent.labels().is_empty()).map(drop)
    });
    telegram.assert_content();
}

#[test]
fn a_question_that_is_answered_while_it_is_asked_is_not_taken_for_the_next_one() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new make me a service");
    house.settled();
    telegram.turn("sendMessage", ON_ITS_WAY);
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    let first = telegram.hear(8, "Question 1 of 2");
    telegram.say(8, "books with author");
    let second = telegram.hear(8, "Question 2 of 2");
    assert!(first.at.elapsed() < Duration::from_secs(2), "the first one has arrived");
    telegram.wait("the buttons of the first are taken away", |world| {
        let gone = |asked: &&Asked| asked.method == "editMessageReplyMarkup" && asked.body["message_id"] == first.id;
        world.asked.iter().find(gone).map(drop)
    });
    assert_eq!(card(&house, &run).expect("it waits").message, Some(second.id));
    telegram.assert_content();
}

type Says = fn(&Telegram, &Sent);

const BY_BUTTON: Says = |telegram, asked| {
    telegram.press(8, asked, "Approve");
};
const BY_COMMAND: Says = |telegram, _| {
    telegram.say(8, "/approve");
};
const IN_WORDS: Says = |telegram, _| {
    telegram.say(8, "approve");
};
const REJECTS: Says = |telegram, asked| {
    telegram.press(8, asked, "Reject");
};
const REJECTS_BY_COMMAND: Says = |telegram, _| {
    telegram.say(8, "/reject");
};
const CHOOSES_IN_WORDS: Says = |telegram, _| {
    telegram.say(8, "an HTTP API");
};

#[test]
fn what_follows_from_an_approval_that_was_cut_off_is_done_by_the_next_process() {
    for (says, approved) in
        [(BY_BUTTON, true), (BY_COMMAND, true), (IN_WORDS, true), (REJECTS, false), (REJECTS_BY_COMMAND, false)]
    {
        let (house, run, asked) = approving();
        let telegram = house.telegram.clone();
        says(&telegram, &asked);
        // It is in the journal, and the process was killed before anything followed.
        house.with(async |app| {
            let bo = House::person(&app.context, 8).await;
            mark(&bo, &run, 1001, "").await;
            answer(&bo, &run, Reply { approved, texts: Vec::new(), by: None }).await;
        });
        let _bot = house.open();
        if approved {
            until("the run to be in the queue", || is_queued(&house, &run));
            telegram.hear_after(8, asked.id, "Approved");
            assert_eq!(house.status(&run), RunStatus::Queued);
        } else {
            until("the run to end", || house.status(&run) == RunStatus::Cancelled);
            telegram.hear_after(8, asked.id, "Rejected");
        }
        house.settled();
        telegram.assert_content();
    }
}

#[test]
fn what_follows_from_an_answer_that_was_cut_off_is_done_by_the_next_process() {
    let (house, run, asked) = asking();
    let telegram = house.telegram.clone();
    telegram.say(8, "an HTTP API");
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        mark(&bo, &run, 1002, "an HTTP API").await;
        let texts = vec!["books with author".to_owned(), "an HTTP API".to_owned()];
        answer(&bo, &run, Reply { approved: true, texts, by: None }).await;
    });
    let _bot = house.open();
    until("the run to be in the queue", || is_queued(&house, &run));
    house.settled();
    assert!(telegram.chat(8).iter().all(|sent| sent.id <= asked.id), "nothing is to be said to it");
    assert_eq!(house.only_run(), run, "the answer began a run");
    telegram.assert_content();
}

#[test]
fn a_run_is_in_the_queue_before_its_answer_is_in_the_journal() {
    let no_answer = "create trigger cut before update of answer on ask begin select raise(abort, 'cut off'); end";
    let of: [(Waiting, Says); 4] =
        [(approving, BY_BUTTON), (approving, BY_COMMAND), (approving, IN_WORDS), (asking, CHOOSES_IN_WORDS)];
    for (waiting, says) in of {
        let (house, run, asked) = waiting();
        let before = house.status(&run);
        house.sql(no_answer);
        let bot = house.open();
        says(&house.telegram, &asked);
        until("the run to be in the queue", || is_queued(&house, &run));
        assert_eq!(house.status(&run), before, "it waits as before");
        bot.kill();
    }
}

#[test]
fn an_answer_that_was_complete_and_given_up_is_handed_over_by_the_next_press() {
    let (house, run, asked) = asking();
    let telegram = house.telegram.clone();
    house.with(async |app| {
        let bo = House::person(&app.context, 8).await;
        mark(&bo, &run, 1, "a web page").await;
    });
    let _bot = house.open();
    let press = telegram.press(8, &asked, "an HTTP API");
    assert_eq!(telegram.shown(&press).text.as_deref(), Some("That was answered already."));
    until("the run to go on", || house.status(&run) == RunStatus::Queued && is_queued(&house, &run));
    let answered = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.expect("events");
        events.into_iter().find(|event| event.kind == "answered").expect("it was answered").body
    });
    assert!(answered.contains("books with author") && answered.contains("a web page"), "{answered}");
    assert!(!answered.contains("an HTTP API"), "{answered}");
    telegram.assert_content();
}
