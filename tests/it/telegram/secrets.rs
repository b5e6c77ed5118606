//! Secrets in chats: one that is sent is taken, deleted and marked as exposed; none reaches a model, the journal or a file.

use cgo::domain::chat::{BotId, ChatId, Followed, PersonId};
use cgo::domain::ids::RunId;
use cgo::domain::run::{RunStatus, Wait};
use cgo::domain::secret::{Leak, Secret};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::secrets::SecretView;
use cgo::ops::{runs, secrets};

use super::house::House;
use super::server::{BOT, Telegram};
use super::told::deploy;
use super::whole::environment;
use crate::serve::{Serving, app, block, post};
use crate::support::env::{tools_are_here, until};
use crate::support::postgres::Postgres;
use crate::users::{new_project, waiting};

const CANARY: &str = "canary-4711-xyz";

impl House {
    /// Whether a text stands in a file of the store, also in what was written over or deleted.
    fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path().join("data")).expect("a folder");
        let mut held = files.filter_map(|file| std::fs::read(file.ok()?.path()).ok());
        held.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// A value stands in no file of the store, not even while it is being dealt with.
    pub fn never_wrote(&self, value: &str) {
        assert!(!self.holds(value), "it stands in a file of the store");
    }

    fn secret(&self) -> (SecretView, Option<String>) {
        self.with(async |app| {
            let (project, name) = ("notes".parse().unwrap(), "API_TOKEN".to_owned().try_into().unwrap());
            let (view, value) = secrets::get(&app.context, &project, &name, true).await.unwrap();
            (view, value.map(|value| value.reveal().to_owned()))
        })
    }

    fn has_no_secret(&self) -> bool {
        self.with(async |app| secrets::list(&app.context, None).await.unwrap().secrets.is_empty())
    }

    fn journal(&self, run: &RunId) -> String {
        let events = self.with(async |app| runs::events(&app.context, run, 0).await.unwrap());
        events.into_iter().map(|event| event.body).collect()
    }

    fn count_runs(&self) -> usize {
        self.with(async |app| runs::list(&app.context, 10).await.unwrap().len())
    }
}

/// A house in which a run of Bo's waits for the secret of a project.
fn waiting_house() -> (House, Telegram, RunId) {
    waiting_in(House::new())
}

fn waiting_in(mut house: House) -> (House, Telegram, RunId) {
    house.page = Some("https://cgo.example.com");
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([8, -77]));
    let run = house.needs_secret(8);
    (house, telegram, run)
}

#[test]
fn a_secret_in_a_message_is_taken_deleted_and_marked_as_exposed_until_it_is_set_anew() {
    let (house, telegram, run) = waiting_house();
    house.tell();
    let bot = house.open();
    let asked = telegram.hear(8, "cgo secrets set notes API_TOKEN");
    let words = telegram.say(8, "where do I get it?");
    telegram.hear_after(8, asked.id, "I took nothing");
    assert!(house.has_no_secret(), "a question is no value");
    assert_eq!(house.status(&run), RunStatus::WaitingSecret);
    let said = telegram.say(8, CANARY);
    let taken = telegram.hear(8, "I took API_TOKEN from your message");
    assert!(taken.text.contains("I deleted your message at once."), "{}", taken.text);
    assert!(taken.text.contains("marked as exposed") && taken.text.contains("cgo secrets set notes API_TOKEN"));
    let link = taken.text.split("https://cgo.example.com/secret/").nth(1).expect("a link for the new one").to_owned();
    assert!([words, said].iter().all(|number| telegram.world().deleted.contains(&(8, *number))));
    until("the run to go on", || house.status(&run) == RunStatus::Queued);
    telegram.say(8, "/project notes");
    telegram.hear_after(8, taken.id, "Exposed in a chat");
    house.never_wrote(CANARY);
    bot.kill();
    house.never_wrote(CANARY);
    assert!(!house.journal(&run).contains(CANARY), "it stands in the journal");
    assert!(!house.noted().iter().any(|line| line.contains(CANARY)), "it stands in the log");
    let (view, value) = house.secret();
    assert_eq!(value.as_deref(), Some(CANARY));
    assert_eq!(view.exposed.expect("it is marked").how, Leak::Message);
    // The link takes the new value, and the mark goes.
    house.with(async |app| {
        let token = link.split_whitespace().next().unwrap();
        let values = [("API_TOKEN".to_owned(), b"rotated".to_vec())].into();
        secrets::links::submit(&app.context, token, values).await.expect("the link is good");
    });
    let (view, value) = house.secret();
    assert_eq!((value.as_deref(), view.exposed), (Some("rotated"), None));
    telegram.assert_content();
}

#[test]
fn where_the_bot_may_not_delete_a_message_it_says_so() {
    let (house, telegram, run) = waiting_house();
    telegram.change(|world| world.undeletable.insert(-77));
    house.with(async |app| {
        let followed = Followed::begun(run.clone(), ChatId(-77), PersonId(8), Language::En);
        Chats::of(&app.context, BotId(BOT)).follow(&followed).await.unwrap();
    });
    let bot = house.open();
    let asked = telegram.hear(-77, "cgo secrets set notes API_TOKEN");
    telegram.say_in(-77, 8, &format!("@CgoTestBot {CANARY}"));
    let kept = telegram.hear(-77, "A secret is awaited");
    assert!(kept.text.contains("delete it yourself, now") && !kept.text.contains("I deleted"), "{}", kept.text);
    assert!(house.has_no_secret());
    telegram.reply_in(-77, 8, &asked, &format!("API_TOKEN={CANARY}"));
    let taken = telegram.hear(-77, "I took API_TOKEN from your message");
    assert!(taken.text.contains("delete it yourself, now") && !taken.text.contains("I deleted"), "{}", taken.text);
    assert!(!taken.text.contains("/secret/"), "others would use the link: {}", taken.text);
    until("the run to go on", || house.status(&run) == RunStatus::Queued);
    assert_eq!(house.count_runs(), 1, "a value began a run");
    bot.kill();
    assert!(house.secret().0.exposed.is_some());
    telegram.assert_content();
}

#[test]
fn of_several_open_questions_what_may_be_the_secret_is_deleted_and_taken_for_none() {
    let (house, telegram, run) = waiting_house();
    let other = house.with(async |app| {
        let theirs = House::person(&app.context, 8).await;
        waiting(&theirs, new_project(&theirs, "books"), Wait::Input, "What of books?").await.0.id
    });
    house.tell();
    let bot = house.open();
    telegram.hear(8, "cgo secrets set notes API_TOKEN");
    telegram.hear(8, "May it?");
    house.settled();
    let said = telegram.say(8, CANARY);
    let told = telegram.hear(8, "Several questions are open");
    assert!(told.text.contains("I deleted your message at once."), "{}", told.text);
    assert!(telegram.world().deleted.contains(&(8, said)));
    house.never_wrote(CANARY);
    bot.kill();
    assert!(house.has_no_secret());
    assert_eq!((house.status(&run), house.status(&other)), (RunStatus::WaitingSecret, RunStatus::WaitingInput));
    assert!(![&run, &other].iter().any(|run| house.journal(run).contains(CANARY)), "it stands in a journal");
    telegram.assert_content();
}

#[test]
fn while_a_secret_is_awaited_a_word_in_a_group_begins_nothing_and_files_are_refused() {
    let (house, telegram, run) = waiting_house();
    house.tell();
    let bot = house.open();
    telegram.hear(8, "cgo secrets set notes API_TOKEN");
    let words = [format!("@CgoTestBot {CANARY}"), format!("/new {CANARY}")].map(|text| telegram.say_in(-77, 8, &text));
    telegram.wait("both are refused", |world| {
        let refused =
            world.messages.iter().filter(|sent| sent.chat == -77 && sent.text.contains("A secret is awaited"));
        (refused.count() == 2).then_some(())
    });
    let file = telegram.send_file(8, "token.txt", CANARY.as_bytes());
    let refused = telegram.hear(8, "I take no files");
    assert!(refused.text.contains("I deleted your message at once."), "{}", refused.text);
    let deleted = telegram.world().deleted.clone();
    assert!(deleted.contains(&(8, file)) && words.iter().all(|number| deleted.contains(&(-77, *number))));
    assert_eq!(telegram.count("getFile"), 0, "the file was read");
    assert_eq!(house.count_runs(), 1);
    // What plainly is none begins what it asks for.
    telegram.say_in(-77, 8, "@CgoTestBot a notes API with title");
    telegram.hear(-77, "a notes API with title");
    house.never_wrote(CANARY);
    bot.kill();
    assert_eq!((house.count_runs(), house.status(&run)), (2, RunStatus::WaitingSecret));
    telegram.assert_content();
}

#[test]
fn what_plainly_is_a_token_is_deleted_wherever_it_stands_and_begins_nothing() {
    let house = House::new();
    house.admit(7, "Анна", Role::Member);
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    let bot = house.open();
    let token = format!("12345678:AA{}", "canary7_".repeat(4));
    let github = format!("ghp_{}", "canary77".repeat(5));
    let mut last = 0;
    for text in [
        format!("make a bot of my shop, here is its token: {token}"),
        format!("/new a bot\nTOKEN={token}"),
        format!("/update notes use {token}"),
    ] {
        let said = telegram.say(8, &text);
        let told = telegram.hear_after(8, last.max(said), "looks like a Telegram bot token");
        assert!(
            told.text.contains("I deleted your message at once.") && told.text.contains("cgo secrets set"),
            "{told:?}"
        );
        assert!(telegram.world().deleted.contains(&(8, said)), "{text}");
        last = told.id;
    }
    let file = telegram.send_file(8, "idea.md", format!("# A bot\nIts token is {token}\n").as_bytes());
    telegram.hear_after(8, file, "looks like a Telegram bot token");
    assert!(telegram.world().deleted.contains(&(8, file)));
    let russian = telegram.say(7, &format!("сделай бота, репозиторий: {github}"));
    let told = telegram.hear(7, "похожее на токен GitHub");
    assert!(told.text.contains("Я сразу удалил ваше сообщение."), "{}", told.text);
    assert!(telegram.world().deleted.contains(&(7, russian)));
    assert_eq!(house.count_runs(), 0, "it began a run");
    house.never_wrote("canary7");
    bot.kill();
    assert!(!house.noted().iter().any(|line| line.contains("canary7")), "it stands in the log");
    telegram.assert_content();
}

#[test]
fn an_answer_that_holds_a_token_is_deleted_and_the_question_stays_open() {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    let run = house.with(async |app| {
        let theirs = House::person(&app.context, 8).await;
        waiting(&theirs, new_project(&theirs, "books"), Wait::Input, "who").await.0.id
    });
    telegram.change(|world| world.chats.insert(8));
    house.tell();
    let bot = house.open();
    telegram.hear(8, "May it?");
    house.settled();
    let token = format!("glpat-{}", "canary77".repeat(3));
    let said = telegram.say(8, &format!("with {token}"));
    telegram.hear(8, "looks like a GitLab token");
    assert!(telegram.world().deleted.contains(&(8, said)));
    house.never_wrote("canary77");
    bot.kill();
    assert_eq!(house.status(&run), RunStatus::WaitingInput);
    assert!(!house.journal(&run).contains("canary77"), "it stands in the journal");
    telegram.assert_content();
}

/// What a database has written once it keeps, in its logs and in old versions of rows: nothing that may be a secret is
/// written in the first place, while what is none is found where it is looked for.
fn is_never_written(house: House, holds: impl Fn(&House, &str) -> bool) {
    // What other tests write to the same server is none of these.
    let mine = format!("{:016x}", rand::random::<u64>());
    let (title, word) = (format!("Shelves {mine}"), format!("no-secret-{mine}"));
    let (canary, other) = (format!("canary-4711-{mine}"), format!("canary79{mine}"));
    let (house, telegram, run) = waiting_in(house);
    house.with(async |app| {
        let theirs = House::person(&app.context, 8).await;
        House::own(&theirs, "shelves", &title, &house.folder.path().join("shelves")).await;
    });
    house.tell();
    let bot = house.open();
    telegram.hear(8, "cgo secrets set notes API_TOKEN");
    house.settled();
    telegram.say_in(-77, 8, &format!("@CgoTestBot a canaries API, it has {word}"));
    telegram.hear(-77, "🛠");
    telegram.say_in(-77, 8, &format!("@CgoTestBot mirror my shop with glpat-{other}"));
    telegram.hear(-77, "looks like a GitLab token");
    telegram.say(8, &canary);
    telegram.hear(8, "I took API_TOKEN from your message");
    house.settled();
    bot.kill();
    assert_ne!(house.status(&run), RunStatus::WaitingSecret);
    assert!(holds(&house, &title) && holds(&house, &word), "it is not looked where things are written");
    for value in [canary, other] {
        assert!(!holds(&house, &value), "{value} was written");
    }
    telegram.assert_content();
}

#[test]
fn what_may_be_a_secret_is_never_written_by_sqlite() {
    is_never_written(House::new(), House::holds);
}

#[test]
fn what_may_be_a_secret_is_never_written_by_postgresql() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = block(postgres.database());
    let house = House { store: Some(postgres.url(&database)), ..House::new() };
    is_never_written(house, |_, text| block(postgres.holds(&database, text)));
}

#[test]
fn a_word_that_says_it_is_set_is_no_value() {
    let (house, telegram, run) = waiting_house();
    house.tell();
    let bot = house.open();
    telegram.hear(8, "cgo secrets set notes API_TOKEN");
    house.with(async |app| {
        let anew = Secret::new("set elsewhere".to_owned());
        let (project, name) = ("notes".parse().unwrap(), "API_TOKEN".to_owned().try_into().unwrap());
        secrets::set(&app.context, &project, &name, &anew).await.unwrap();
    });
    telegram.say(8, "done");
    until("the run to go on", || house.status(&run) == RunStatus::Queued);
    bot.kill();
    let (view, value) = house.secret();
    assert_eq!((value.as_deref(), view.exposed), (Some("set elsewhere"), None), "a word is no value");
    telegram.assert_content();
}

#[test]
fn from_the_card_over_its_link_and_the_page_the_run_goes_on_and_the_chat_is_told() {
    if !tools_are_here() {
        return;
    }
    let telegram = Telegram::start();
    let env = environment(&telegram);
    env.ok(["users", "add", "Bo", "--identity", "telegram:8", "--role", "member"]);
    telegram.change(|world| world.chats.insert(8));
    let run = block(async {
        let app = app(&env).await;
        let theirs = House::person(&app.context, 8).await;
        House::own(&theirs, "notes", "Notes", &env.work().join("notes")).await;
        let run = waiting(&theirs, deploy("notes"), Wait::Secret, "API_TOKEN").await.0.id;
        app.context.store.clone().close().await;
        run
    });
    let serving = Serving::start(&env, &["--telegram"]);
    let card = telegram.hear(8, "A secret is needed");
    let link = card.text.split_whitespace().find(|word| word.contains("/secret/")).expect("a link").to_owned();
    let path = link.strip_prefix(&format!("http://{}", serving.address)).expect("it leads to the page");
    let (status, page) = post(&serving.address, path, "", &format!("API_TOKEN={CANARY}"));
    assert_eq!(status, 200, "{page}");
    assert!(!page.contains(CANARY), "{page}");
    telegram.wait("the chat is told that it waits for nothing any more", |world| {
        let goes_on = |text: &str| text.starts_with("🛠") && !text.contains("waits for a secret");
        world.messages.iter().any(|sent| goes_on(&sent.text) && !sent.before.is_empty()).then_some(())
    });
    let journal: String = block(async {
        let app = app(&env).await;
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        app.context.store.clone().close().await;
        events.into_iter().map(|event| event.body).collect()
    });
    assert!(journal.contains("`API_TOKEN`: set") && !journal.contains(CANARY), "{journal}");
    let listed = env.json(["secrets", "list"])["secrets"][0].clone();
    assert_eq!((&listed["set"], &listed["exposed"]), (&true.into(), &serde_json::Value::Null), "{listed}");
    let said = serving.stop();
    assert!(!said.contains(CANARY) && !said.contains(path), "{said}");
    assert!(!telegram.chat(8).iter().any(|sent| sent.text.contains(CANARY)));
    telegram.assert_content();
}
