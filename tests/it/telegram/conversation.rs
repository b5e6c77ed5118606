//! Whole conversations: what a person says, what a run asks, what is answered, and what is told of it.

use std::path::Path;
use std::time::{Duration, Instant};

use cgo::domain::ids::RunId;
use cgo::domain::names::AgentName;
use cgo::domain::project::Project;
use cgo::domain::run::{Ask, Batch, EventRow, Question, RunStatus, Wait};
use cgo::domain::user::Role;
use cgo::graph::progress::Event;
use cgo::ops::leases::{Leases, run_resource};
use cgo::ops::{Context, runs};
use cgo::pipeline::activity::Activity;
use cgo::pipeline::runner::Watch;
use cgo::pipeline::{Ended, NodeEnd, Observer};
use cgo::store::{Projects as _, Runs as _};
use tokio_util::sync::CancellationToken;

use super::house::House;
use super::server::Sent;
use crate::support::projects::built;

/// Interrupts a run when it comes to a node.
struct Until {
    node: &'static str,
    cancel: CancellationToken,
}

impl Observer for Until {
    fn node_started(&self, _: u32, node: &AgentName, _: &str) {
        if node.as_str() == self.node {
            self.cancel.cancel();
        }
    }

    fn node_finished(&self, _: u32, _: &AgentName, _: NodeEnd) {}
}

impl Watch for Until {
    fn note(&self, _: &AgentName, _: &str) {}

    fn activity(&self, _: u32, _: &AgentName, _: &AgentName, _: &Activity<'_>) {}
}

impl House {
    /// Works on a run as `cgo serve` does, until it waits, is over, or comes to a node.
    pub fn drive(&self, run: &RunId, node: &'static str) -> Ended {
        self.with(async |app| {
            let until = Until { node, cancel: CancellationToken::new() };
            app.drive(run, &until, &until.cancel).await.0.expect("the run goes on")
        })
    }

    pub fn only_run(&self) -> RunId {
        let all = self.with(async |app| runs::list(&app.context, 10).await.unwrap());
        assert_eq!(all.len(), 1);
        all[0].run.id.clone()
    }

    pub fn status(&self, run: &RunId) -> RunStatus {
        self.with(async |app| runs::find(&app.context, run.as_str()).await.unwrap().status)
    }

    /// Has a queued run wait for something, as if an agent had asked for it.
    pub fn wait_for(&self, run: &RunId, wait: Wait, text: &str) {
        self.with(async |app| {
            let context = &app.context;
            let leases = Leases::new(context);
            leases.take_run(run).await.unwrap();
            let lease = leases.find(&run_resource(run)).unwrap();
            let at = context.now();
            let seq = context.store.run(run).await.unwrap().unwrap().seq;
            let question =
                Question { id: "TOKEN".to_owned(), text: text.to_owned(), choices: Vec::new(), assumption: None };
            let ask = Ask {
                id: cgo::domain::ids::AskId::new(at, u32::try_from(seq).unwrap()),
                run: run.clone(),
                wait,
                questions: vec![question.clone()],
                answer: None,
                created_at: at,
                deadline: None,
            };
            let held = Event::Held { ask: ask.id.clone(), questions: vec![question] };
            let events = [Event::TakenUp { by: "a test".to_owned() }, held];
            let rows = (seq + 1..).zip(&events).map(|(seq, event)| EventRow {
                seq,
                at,
                kind: event.kind().to_owned(),
                body: serde_json::to_string(event).unwrap(),
            });
            let status = match wait {
                Wait::Secret => RunStatus::WaitingSecret,
                _ => RunStatus::WaitingApproval,
            };
            let batch = Batch {
                events: rows.collect(),
                status: Some((status, Some(text.to_owned()))),
                ask: Some(ask),
                ..Batch::default()
            };
            context.store.append(&lease, run, &batch, at).await.unwrap();
            leases.release().await.unwrap();
        });
    }

    pub fn project(&self, owner: i64, name: &str) {
        let folder = self.folder.path().join(name);
        self.with(async |app| {
            let context = House::person(&app.context, owner).await;
            Self::own(&context, name, "*bold* _[x](http://evil.example)", &folder).await;
        });
    }

    /// Gives somebody a project that is on record alone.
    pub async fn own(context: &Context, name: &str, title: &str, folder: &Path) {
        let project = Project { owner: context.person.user.clone(), ..built(name, title, folder) };
        context.store.create_project(&project).await.unwrap();
    }
}

/// The message that shows how far a run is.
pub fn progress(house: &House, chat: i64) -> Sent {
    house.telegram.wait("the message that shows how far it is", |world| {
        world.messages.iter().find(|sent| sent.chat == chat && sent.text.starts_with("🛠")).cloned()
    })
}

/// A project in Russian with two questions, one answered in words and one by a button; the bot is killed between all steps.
#[test]
fn two_questions_are_answered_in_words_and_by_a_button_and_the_run_goes_on_across_kills() {
    let house = House::new();
    house.admit(7, "Анна", Role::Member);
    let telegram = house.telegram.clone();
    let mut bot = house.open();
    telegram.say(7, "сделай мне сервис");
    assert!(progress(&house, 7).text.contains("ждёт очереди"));
    let again = |bot: super::house::AtWork| {
        house.settled();
        bot.kill();
        house.open()
    };
    bot = again(bot);
    let run = house.only_run();
    assert!(matches!(house.drive(&run, "never"), Ended::Waiting(Ask { wait: Wait::Input, .. })));
    let first = telegram.hear(7, "Вопрос 1 из 2");
    assert!(first.text.contains("Что в нём хранить?"), "{}", first.text);
    bot = again(bot);
    telegram.say(7, "книги с названием и автором");
    let second = telegram.hear(7, "Вопрос 2 из 2");
    assert_eq!(&second.labels()[..3], ["HTTP API", "бот в Telegram", "веб-страница"]);
    telegram.hear(7, "ждёт вашего ответа");
    bot = again(bot);
    let press = telegram.press(7, &second, "HTTP API");
    assert_eq!(telegram.shown(&press).text.as_deref(), Some("HTTP API"));
    telegram.wait("the buttons are gone", |world| {
        world.messages.iter().find(|sent| sent.id == second.id && sent.labels().is_empty()).map(drop)
    });
    let late = telegram.forge(7, &second, &second.data("веб-страница"));
    assert_eq!(telegram.shown(&late).text.as_deref(), Some("На это уже ответили."));
    bot = again(bot);
    assert_eq!(house.status(&run), RunStatus::Queued);
    assert!(matches!(house.drive(&run, "architect"), Ended::Interrupted));
    telegram.wait("the stages tick", |world| {
        world.messages.iter().find(|sent| sent.chat == 7 && sent.text.contains("✅ Написать спецификацию")).map(drop)
    });
    telegram.say(7, "/cancel");
    let sure = telegram.hear(7, "Отменить");
    assert!(sure.text.contains(run.as_str()), "{}", sure.text);
    assert_eq!(house.status(&run), RunStatus::Queued, "it is asked for twice");
    telegram.press(7, &sure, "Да");
    telegram.hear(7, "отменён");
    let result = telegram.hear(7, "🚫");
    assert!(result.text.contains("Отменено"), "{}", result.text);
    bot.kill();
    assert_eq!(house.status(&run), RunStatus::Cancelled);
    let answer = house.with(async |app| {
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        let answered = events.iter().find(|event| event.kind == "answered").unwrap();
        serde_json::from_str::<serde_json::Value>(&answered.body).unwrap()
    });
    assert_eq!(answer["answered"]["texts"], serde_json::json!(["книги с названием и автором", "HTTP API"]));
    assert_eq!(answer["answered"]["by"], "Анна");
    let shown = telegram.chat(7).into_iter().filter(|sent| sent.text.starts_with("🛠")).count();
    assert_eq!(shown, 1, "there is one message that shows how far it is");
    telegram.assert_content();
}

#[test]
fn a_question_is_answered_and_begins_nothing() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    house.project(10, "secret-plans");
    let telegram = house.telegram.clone();
    let _bot = house.open();
    let run = house.begin(8, 8, "How are things?");
    assert!(matches!(house.drive(&run, "never"), Ended::Succeeded));
    telegram.hear(8, "There are no projects yet");
    assert!(telegram.chat(8).iter().all(|sent| !sent.text.contains("secret-plans")), "another's project is told of");
    telegram.say(10, "status");
    let seen = telegram.wait("the run of the other", |_| {
        let all = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
        all.into_iter().map(|view| view.run.id).find(|id| *id != run)
    });
    assert!(matches!(house.drive(&seen, "never"), Ended::Succeeded));
    telegram.hear(10, "secret-plans");
    telegram.assert_content();
}

#[test]
fn of_several_open_questions_a_reply_says_which_one_is_answered() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    telegram.say(8, "/new make me a service");
    telegram.say(8, "/new build an app");
    telegram.wait("both are begun", |world| {
        (world.messages.iter().filter(|sent| sent.text.starts_with("🛠")).count() == 2).then_some(())
    });
    let all = house.with(async |app| runs::list(&app.context, 10).await.unwrap());
    for view in &all {
        house.drive(&view.run.id, "never");
    }
    let asked = telegram.wait("both ask", |world| {
        let asked: Vec<Sent> = world.messages.iter().filter(|sent| sent.text.contains("Question 1")).cloned().collect();
        (asked.len() == 2).then_some(asked)
    });
    telegram.say(8, "notes with title");
    telegram.hear(8, "Reply to the one you answer");
    telegram.reply(8, &asked[1], "notes with title");
    telegram.hear(8, "Question 2 of 2");
    telegram.assert_content();
}

#[test]
fn an_approval_is_given_once_by_those_who_may_and_by_nobody_else() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    let telegram = house.telegram.clone();
    let mut bot = house.open();
    let again = |bot: super::house::AtWork| {
        house.settled();
        bot.kill();
        house.open()
    };
    let run = house.begin(-77, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "spend $5?");
    let asked = telegram.hear(-77, "spend $5?");
    let data = asked.data("Approve");
    bot = again(bot);
    for (person, words) in [
        (10, "You may not do that"),
        (98, "I do not know you. Your id is 98. Ask an admin for an invitation: cgo users invite"),
    ] {
        let press = telegram.forge(person, &asked, &data);
        let shown = telegram.shown(&press);
        assert_eq!((shown.text.as_deref(), shown.window), (Some(words), true), "{person}");
    }
    let (id, _) = data.rsplit_once(':').unwrap();
    let (id, nonce) = id.rsplit_once(':').unwrap();
    let other: String = nonce.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    for forged in [format!("{id}:{other}:y"), data.replace("v:", "w:").replace(":y", ""), "v:x:y".to_owned()] {
        let press = telegram.forge(8, &asked, &forged);
        assert!(telegram.shown(&press).text.unwrap().starts_with("That button is not one of mine"), "{forged}");
    }
    assert_eq!(house.status(&run), RunStatus::WaitingApproval);
    bot = again(bot);
    let press = telegram.press(8, &asked, "Approve");
    assert_eq!(telegram.shown(&press).text.as_deref(), Some("Approved"));
    bot = again(bot);
    let replayed = telegram.forge(8, &asked, &data);
    assert_eq!(telegram.shown(&replayed).text.as_deref(), Some("That was answered already."));
    bot.kill();
    assert_eq!(house.status(&run), RunStatus::Queued);
    telegram.assert_content();
}

#[test]
fn a_rejection_in_words_ends_the_run_and_says_so() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Approval, "go on?");
    telegram.hear(8, "go on?");
    telegram.say(8, "hm, what about a shop instead");
    telegram.hear(8, "Press a button");
    telegram.say(8, "/reject");
    telegram.hear(8, "Rejected");
    telegram.hear(8, "Cancelled");
    assert_eq!(house.status(&run), RunStatus::Cancelled);
    house.only_run();
    telegram.assert_content();
}

#[test]
fn what_may_be_a_secret_is_deleted_at_once_and_kept_nowhere() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    house.wait_for(&run, Wait::Secret, "the token of the bot");
    telegram.hear(8, "Never send it here");
    let said = telegram.say(8, "123456:canary-canary-canary");
    telegram.hear(8, "take it as exposed");
    assert!(telegram.world().deleted.contains(&(8, said)));
    assert_eq!(house.status(&run), RunStatus::WaitingSecret);
    house.never_wrote("canary");
    bot.kill();
    house.never_wrote("canary");
    let events = house.with(async |app| runs::events(&app.context, &run, 0).await.unwrap());
    assert!(!events.iter().any(|event| event.body.contains("canary")), "it stands in the journal");
    assert!(!house.noted().iter().any(|line| line.contains("canary")), "it stands in the log");
    telegram.assert_content();
}

#[test]
fn what_destroys_is_asked_for_twice_by_name_and_a_press_works_once_for_one_person() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Admin);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say_in(-77, 8, "/stop notes");
    let sure = telegram.hear(-77, "Stop notes?");
    assert_eq!(sure.labels(), ["Yes: notes", "No"]);
    let foreign = telegram.press(10, &sure, "Yes");
    assert_eq!(telegram.shown(&foreign).text.as_deref(), Some("That is for somebody else to press."));
    let forged = telegram.forge(8, &sure, "x:0123456789abcdefghjkmnpqrs");
    assert!(telegram.shown(&forged).text.unwrap().starts_with("That button is not one of mine"));
    let elsewhere = Sent { chat: 8, ..sure.clone() };
    let moved = telegram.press(8, &elsewhere, "Yes");
    assert!(telegram.shown(&moved).text.unwrap().starts_with("That button is not one of mine"));
    let no = telegram.press(8, &sure, "No");
    telegram.shown(&no);
    telegram.hear(-77, "Nothing was changed.");
    let replayed = telegram.forge(8, &sure, &sure.data("Yes"));
    assert_eq!(telegram.shown(&replayed).text.as_deref(), Some("That was pressed already."));
    telegram.say(8, "/stop notes");
    let sure = telegram.hear(8, "Stop notes?");
    telegram.press(8, &sure, "Yes");
    // It was never deployed: the use case says so, in its words.
    telegram.hear_after(8, sure.id, "notes");
    telegram.assert_content();
}

#[test]
fn a_list_is_paged_in_its_place_and_what_people_wrote_stays_text() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    for number in 0..19 {
        house.project(8, &format!("shelf-{number:02}"));
    }
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(8, "/projects");
    let list = telegram.hear(8, "Projects");
    assert!(list.text.contains("shelf-00 — *bold* _[x](http://evil.example)"), "{}", list.text);
    assert!(list.labels().contains(&"1 of 3".to_owned()));
    let press = telegram.press(8, &list, "›");
    telegram.shown(&press);
    telegram.wait("the second page in its place", |world| {
        world.messages.iter().find(|sent| sent.id == list.id && sent.text.contains("shelf-08")).map(drop)
    });
    let press = telegram.press(8, &list, "shelf-03");
    telegram.shown(&press);
    let shown = telegram.hear_after(8, list.id, "shelf-03");
    for label in ["Logs", "Change", "Redeploy", "Go back", "Stop"] {
        assert!(shown.labels().iter().any(|known| known == label), "{label} in {:?}", shown.labels());
    }
    let press = telegram.press(8, &shown, "Change");
    telegram.shown(&press);
    let asks = telegram.hear(8, "What should change in shelf-03?");
    telegram.reply(8, &asks, "add a colour");
    telegram.hear(8, "the project's folder");
    telegram.assert_content();
}

#[test]
fn files_are_descriptions_and_specs_and_what_is_wrong_with_one_is_told_by_its_line() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    telegram.send_file(8, "idea.md", b"a recipes API with title and text");
    telegram.hear(8, "a recipes API with title and text");
    telegram.send_file(8, "broken.yaml", b"project:\n  name: 5notes\n");
    telegram.hear(8, "spec:");
    telegram.send_file(8, "latin.txt", b"caf\xe9");
    telegram.hear(8, "not text in UTF-8");
    telegram.send_file(8, "long.txt", &vec![b'x'; 100_000]);
    telegram.hear(8, "That is too long");
    telegram.send_file(8, "run.sh", b"rm -rf /");
    telegram.hear(8, "not run.sh");
    house.only_run();
    telegram.assert_content();
}

#[test]
fn something_is_seen_to_happen_in_each_of_fifty_chats_before_its_answer() {
    let house = House::new();
    for person in 1..=50 {
        house.admit(person * 2, &format!("P{person}"), Role::Member);
    }
    let telegram = house.telegram.clone();
    let _bot = house.open();
    for person in 1..=50 {
        telegram.say(person * 2, "make me a shelf of books with title");
    }
    for person in 1..=50 {
        progress(&house, person * 2);
    }
    let world = telegram.world();
    for person in 1..=50_i64 {
        let first = world.asked.iter().find(|asked| asked.body["chat_id"] == person * 2).unwrap();
        assert_eq!(first.method, "sendChatAction", "chat {}", person * 2);
    }
    drop(world);
    let all = house.with(async |app| runs::list(&app.context, 100).await.unwrap());
    assert_eq!(all.len(), 50);
    telegram.assert_content();
}

#[test]
fn a_message_is_changed_no_more_often_than_a_person_can_read() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    let every = Duration::from_millis(700);
    let _bot = house.open_with(|settings| settings.patience.between_edits = every);
    telegram.say(8, "make me a service");
    let first = progress(&house, 8);
    let run = house.only_run();
    let changes =
        || telegram.world().messages.iter().find(|sent| sent.id == first.id).map_or(0, |sent| sent.edits.len());
    // A machine may go through several of these between two changes.
    let end = Instant::now() + Duration::from_mins(1);
    while changes() < 3 && Instant::now() < end {
        house.wait_for(&run, Wait::Approval, "again?");
        let asked = telegram.hear_after(8, first.id, "again?");
        telegram.press(8, &asked, "Approve");
        telegram.wait("it is approved", |world| {
            world.messages.iter().find(|sent| sent.id == asked.id && sent.labels().is_empty()).map(drop)
        });
        telegram.change(|world| {
            world.messages.iter_mut().filter(|sent| sent.text.contains("again?")).for_each(|sent| sent.deleted = true);
        });
    }
    let edited = telegram.wait("it was changed", |world| {
        world.messages.iter().find(|sent| sent.id == first.id && sent.edits.len() >= 3).cloned()
    });
    for pair in edited.edits.windows(2) {
        assert!(pair[1] - pair[0] + Duration::from_millis(50) >= every, "{:?}", pair[1] - pair[0]);
    }
    let own: Vec<&String> = edited.before.iter().chain([&edited.text]).collect();
    assert!(own.windows(2).all(|pair| pair[0] != pair[1]), "it was changed to what it said: {own:?}");
    telegram.assert_content();
}
