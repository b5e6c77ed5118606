//! What breaks on the way: answers that end in the middle, marks nobody can read, files of a server of one's own.

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::user::Role;
use cgo::ops::runs;
use cgo::telegram::api::{Client, Sound, Timers};
use cgo::telegram::{Error, Token};
use serde_json::json;

use super::conversation::progress;
use super::house::House;
use super::server::{FILE, Reply, TOKEN, Telegram, Turn};

fn client(telegram: &Telegram) -> Client {
    Client::new(&telegram.api(), Token::parse(TOKEN, "a test").unwrap(), Timers::default()).unwrap()
}

/// What names a file that is not there.
fn gone() -> Turn {
    let file = json!({ "file_id": "f", "file_unique_id": "f", "file_path": format!("/nonexistent/{TOKEN}/f.md") });
    Turn::Says(Reply::good(&file))
}

#[test]
fn an_answer_that_breaks_off_loses_nothing_of_what_was_done() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    telegram.turn("sendMessage", Turn::DoesAndBreaks);
    telegram.say(8, "/help");
    telegram.hear(8, "/projects");
    house.settled();
    // What was sent cannot be told from what was not: it is sent once more, and no more often.
    let told = telegram.chat(8);
    assert_eq!((told.len(), telegram.count("sendMessage")), (2, 2), "{told:?}");
    assert_eq!(told[0].text, told[1].text);

    for method in ["getFile", FILE, "sendMessage"] {
        telegram.turn(method, Turn::DoesAndBreaks);
    }
    telegram.send_file(8, "idea.txt", b"a recipes API with title and text");
    progress(&house, 8);
    house.settled();
    bot.kill();
    let run = house.only_run();
    let request = house.with(async |app| runs::find(&app.context, run.as_str()).await.unwrap().request);
    assert_eq!(request.text(), Some("a recipes API with title and text"), "to the byte");
    let shown: Vec<_> = telegram.chat(8).into_iter().filter(|sent| sent.text.starts_with("🛠")).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!((telegram.count("getFile"), telegram.count(FILE)), (3, 2), "the file is asked for until it is here");
    telegram.assert_content();
}

#[tokio::test]
async fn marks_that_make_no_sense_are_the_bots_fault_unless_they_are_expected() {
    let telegram = Telegram::start();
    telegram.change(|world| world.chats.insert(8));
    let client = client(&telegram);
    let send = async |words: &str| client.send(8, words, true, None, None, Sound::On).await;
    assert!(matches!(send("a.b").await, Err(Error::Entities { .. })));
    let told = telegram.change(|world| std::mem::take(&mut world.violations));
    assert!(told.len() == 1 && told[0].contains("can't parse entities"), "{told:?}");
    telegram.change(|world| world.wrong_marks = true);
    assert!(matches!(send("a.b").await, Err(Error::Entities { .. })));
    telegram.change(|world| world.wrong_marks = false);
    send("a\\.b").await.unwrap();
    telegram.assert_content();
}

#[test]
fn a_file_of_a_server_of_ones_own_is_read_where_it_lies() {
    let (house, telegram, bot) = House::of_bo(Role::Member);
    let folder = house.folder.path().join("bot-api");
    telegram.change(|world| world.local = Some(folder));
    telegram.turn("getFile", gone());
    telegram.send_file(8, "lost.md", b"it is not there");
    let told = telegram.hear(8, "cannot read `/nonexistent/");
    assert!(told.text.contains("--local") && !told.text.contains("canary"), "{}", told.text);
    telegram.send_file(8, "idea.md", b"a recipes API with title and text");
    telegram.hear(8, "a recipes API with title and text");
    house.settled();
    bot.kill();
    assert_eq!(telegram.count(FILE), 0, "nothing is asked of the server that lies here");
    telegram.assert_content();
}

#[tokio::test]
async fn a_file_that_lies_here_may_be_no_longer_than_any_and_one_that_is_gone_is_told_without_the_token() {
    let telegram = Telegram::start();
    let folder = tempfile::tempdir().unwrap();
    telegram.change(|world| {
        world.local = Some(folder.path().to_owned());
        world.files.insert("f".to_owned(), b"twelve bytes".to_vec());
    });
    let client = client(&telegram);
    assert_eq!(client.file("f", 12).await.unwrap(), b"twelve bytes");
    assert!(matches!(client.file("f", 11).await, Err(Error::TooLarge { limit: 11 })));
    telegram.turn("getFile", gone());
    let error = client.file("f", 12).await.unwrap_err();
    assert!(matches!(error, Error::LocalFile { .. }), "{error:?}");
    let told = format!("{error} {error:?} {}", error.advice().expect("there is a next step").words());
    assert!(told.contains("/nonexistent/") && !told.contains("canary"), "{told}");
    telegram.assert_content();
}
