//! Conversations: what was said is taken with the number to ask for next, dealt with in order, and buttons work once.

use cgo::domain::chat::{BotId, Button, Card, ChatId, Followed, PersonId, Queued};
use cgo::domain::manifest::EnvName;
use cgo::domain::secret::{Kept, Origin};
use cgo::domain::spec::Language;
use cgo::domain::user::{Role, User};
use cgo::store::{
    Conversations as _, OperatorSecrets as _, ProjectSecrets as _, Runs as _, Store, Updates as _, Users as _,
};

use super::people::person;
use super::{ODD, Place, ask_id, at, on_both, placed_project, run, run_id};

on_both!(
    what_was_said_is_taken_once_with_the_number_to_ask_for_next,
    the_oldest_of_each_chat_comes_first_and_what_is_dealt_with_leaves_no_text,
    of_two_who_press_a_button_one_does,
    an_answer_is_put_together_by_one_at_a_time,
    what_is_told_of_a_run_stands_until_it_is_over,
    the_language_of_the_newest_run_of_a_person_in_a_chat_is_that_of_their_talk,
    the_bot_that_was_talked_over_last_is_known_by_its_newest_name,
    a_chat_that_cannot_be_written_to_is_told_from_one_that_can,
    a_group_that_becomes_another_takes_what_it_follows_and_is_asked_with_it_but_no_message,
    a_secret_of_cgo_itself_is_put_over_the_one_before,
    whatever_is_encrypted_has_a_key_that_is_known,
);

const BOT: BotId = BotId(7);

fn said(id: i64, chat: i64) -> Queued {
    Queued { id, chat: ChatId(chat), body: format!("{id} {ODD}"), at: at(0) }
}

async fn what_was_said_is_taken_once_with_the_number_to_ask_for_next(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.next_update(BOT).await.unwrap(), None);
    store.receive(BOT, 12, &[said(10, 1), said(11, 2)], at(1)).await.unwrap();
    store.dealt_with(BOT, 10, at(2)).await.unwrap();
    // The same again, and one more: after a connection that broke.
    store.receive(BOT, 13, &[said(10, 1), said(11, 2), said(12, 1)], at(3)).await.unwrap();
    assert_eq!(store.next_update(BOT).await.unwrap(), Some((13, at(3))));
    assert_eq!(store.waiting(BOT).await.unwrap(), 2, "what was dealt with does not come back");
    assert_eq!(store.waiting(BotId(8)).await.unwrap(), 0, "another bot has its own");
    store.forget_updates(BOT, at(3)).await.unwrap();
    assert_eq!(store.waiting(BOT).await.unwrap(), 2, "what waits is not forgotten");
}

async fn the_oldest_of_each_chat_comes_first_and_what_is_dealt_with_leaves_no_text(place: &Place) {
    let store = place.open().await;
    let all = [said(5, -2), said(6, 1), said(7, -2), said(8, 1), said(9, 3)];
    store.receive(BOT, 10, &all, at(1)).await.unwrap();
    let ids = |heads: Vec<Queued>| heads.into_iter().map(|head| head.id).collect::<Vec<_>>();
    assert_eq!(ids(store.heads(BOT).await.unwrap()), [5, 6, 9]);
    let head = store.head(BOT, ChatId(-2)).await.unwrap().unwrap();
    assert_eq!(head, Queued { at: at(1), ..said(5, -2) });
    store.dealt_with(BOT, 5, at(2)).await.unwrap();
    assert_eq!(ids(store.heads(BOT).await.unwrap()), [6, 7, 9]);
    assert_eq!(store.head(BOT, ChatId(99)).await.unwrap(), None);
}

async fn of_two_who_press_a_button_one_does(place: &Place) {
    let store = place.open().await;
    let button = |nonce: &str, ends: i64| Button {
        nonce: nonce.to_owned(),
        chat: ChatId(1),
        person: PersonId(2),
        action: ODD.to_owned(),
        used_by: None,
        expires_at: at(ends),
    };
    store.put_button(BOT, &button("once", 100), at(0)).await.unwrap();
    let press = async |store: &Store, nonce: &str, chat, person, update, now| {
        let found = store.press(BOT, nonce, ChatId(chat), PersonId(person), update, at(now)).await.unwrap();
        found.map(|button| button.used_by)
    };
    assert_eq!(press(&store, "never", 1, 2, 5, 1).await, None);
    for (chat, person, now) in [(9, 2, 1), (1, 9, 1), (1, 2, 100)] {
        assert_eq!(press(&store, "once", chat, person, 5, now).await, Some(None));
    }
    let (one, other) = (place.open().await, place.open().await);
    let (first, second) = tokio::join!(press(&one, "once", 1, 2, 6, 1), press(&other, "once", 1, 2, 7, 1));
    let unused = [first, second].into_iter().filter(|used| *used == Some(None)).count();
    assert_eq!(unused, 1, "{first:?} {second:?}");
    let kept = store.press(BOT, "once", ChatId(1), PersonId(2), 8, at(1)).await.unwrap().unwrap();
    assert!(matches!(kept.used_by, Some(6 | 7)), "{kept:?}");
    store.free_button(BOT, 8, at(2)).await.unwrap();
    assert_eq!(press(&store, "once", 1, 2, 9, 2).await, Some(kept.used_by), "another one's press frees nothing");
    store.free_button(BOT, kept.used_by.unwrap(), at(2)).await.unwrap();
    assert_eq!(press(&store, "once", 1, 2, 9, 2).await, Some(None));
    store.put_prompt(BOT, ChatId(1), 3, "x", at(1)).await.unwrap();
    store.put_prompt(BOT, ChatId(1), 3, ODD, at(1)).await.unwrap();
    assert_eq!(store.prompt(BOT, ChatId(1), 3).await.unwrap().as_deref(), Some(ODD));
    assert_eq!(store.prompt(BOT, ChatId(2), 3).await.unwrap(), None);
}

async fn an_answer_is_put_together_by_one_at_a_time(place: &Place) {
    let store = place.open().await;
    store.create_run(&run(1)).await.unwrap();
    let card =
        Card { ask: ask_id(1), run: run_id(1), chat: ChatId(1), message: None, said: "[]".to_owned(), closed: false };
    store.put_card(BOT, &card, at(0)).await.unwrap();
    store.put_card(BOT, &Card { said: "other".to_owned(), ..card.clone() }, at(0)).await.unwrap();
    assert_eq!(store.card(BOT, &ask_id(1)).await.unwrap(), Some(card.clone()));
    let (one, other) = (place.open().await, place.open().await);
    let with = |said: &str| Card { said: said.to_owned(), message: Some(4), ..card.clone() };
    let (a, b) = (with("[1]"), with("[2]"));
    let (first, second) = tokio::join!(one.note_card(BOT, &a, "[]", at(1)), other.note_card(BOT, &b, "[]", at(1)));
    assert_ne!(first.unwrap(), second.unwrap(), "both were first");
    let open = store.open_cards(BOT, ChatId(1)).await.unwrap();
    assert_eq!((open.len(), open[0].message), (1, Some(4)));
    let said = r#"[{"update":12,"text":"of {\"update\":7,"}]"#.to_owned();
    let closed = Card { closed: true, said, ..open[0].clone() };
    // It was read before its message was sent.
    let stale = Card { message: None, ..closed.clone() };
    assert!(store.note_card(BOT, &stale, &open[0].said, at(2)).await.unwrap());
    assert_eq!(store.open_cards(BOT, ChatId(1)).await.unwrap(), []);
    assert_eq!(store.card_answered_by(BOT, ChatId(1), 12).await.unwrap(), Some(closed));
    for (chat, update) in [(1, 1), (1, 2), (1, 7), (1, 112), (2, 12)] {
        assert_eq!(store.card_answered_by(BOT, ChatId(chat), update).await.unwrap(), None, "{update} in {chat}");
    }
}

async fn what_is_told_of_a_run_stands_until_it_is_over(place: &Place) {
    let store = place.open().await;
    store.create_run(&run(1)).await.unwrap();
    let followed = Followed::begun(run_id(1), ChatId(-1), PersonId(2), Language::Ru);
    store.follow(BOT, &followed, at(0)).await.unwrap();
    store.follow(BOT, &Followed { chat: ChatId(5), ..followed.clone() }, at(1)).await.unwrap();
    let missing = Followed { run: run_id(2), ..followed.clone() };
    assert!(store.follow(BOT, &missing, at(0)).await.is_err());
    let told = Followed { message: Some(9), shown: Some(ODD.to_owned()), asked: Some(ask_id(3)), ..followed };
    store.note_followed(BOT, &told, at(2)).await.unwrap();
    assert_eq!(store.followed(BOT).await.unwrap(), std::slice::from_ref(&told));
    let over = Followed { over: true, ..told };
    store.note_followed(BOT, &over, at(3)).await.unwrap();
    store.note_followed(BOT, &Followed { over: false, ..over.clone() }, at(4)).await.unwrap();
    assert_eq!(store.followed(BOT).await.unwrap(), []);
    assert_eq!(store.follower(BOT, &run_id(1)).await.unwrap(), Some(over));
}

async fn the_language_of_the_newest_run_of_a_person_in_a_chat_is_that_of_their_talk(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.last_language(BOT, ChatId(-1), PersonId(2)).await.unwrap(), None);
    let all = [(1, -1, 2, Language::Ru), (2, -1, 3, Language::En), (3, 5, 2, Language::En), (4, -1, 2, Language::En)];
    for (number, chat, person, language) in all {
        store.create_run(&run(number)).await.unwrap();
        let followed = Followed::begun(run_id(number), ChatId(chat), PersonId(person), language);
        store.follow(BOT, &followed, at(i64::from(number))).await.unwrap();
        let language = store.last_language(BOT, ChatId(chat), PersonId(person)).await.unwrap();
        assert_eq!(language, Some(followed.language), "{number}");
    }
    assert_eq!(store.last_language(BotId(8), ChatId(-1), PersonId(2)).await.unwrap(), None, "another bot has its own");
}

async fn the_bot_that_was_talked_over_last_is_known_by_its_newest_name(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.last_bot().await.unwrap(), None);
    store.name_bot(BOT, "FirstBot", at(1)).await.unwrap();
    store.name_bot(BotId(8), "OtherBot", at(2)).await.unwrap();
    assert_eq!(store.last_bot().await.unwrap().as_deref(), Some("OtherBot"));
    store.name_bot(BOT, "RenamedBot", at(3)).await.unwrap();
    assert_eq!(store.last_bot().await.unwrap().as_deref(), Some("RenamedBot"));
    store.forget_other_names(BotId(8)).await.unwrap();
    assert_eq!(store.last_bot().await.unwrap().as_deref(), Some("OtherBot"));
    store.forget_other_names(BOT).await.unwrap();
    assert_eq!(store.last_bot().await.unwrap(), None);
}

async fn a_chat_that_cannot_be_written_to_is_told_from_one_that_can(place: &Place) {
    let store = place.open().await;
    let chat = ChatId(-100_123);
    assert_eq!(store.unreachable(BOT, chat).await.unwrap(), None);
    store.set_unreachable(BOT, chat, Some(ODD), at(1)).await.unwrap();
    assert_eq!(store.unreachable(BOT, chat).await.unwrap().as_deref(), Some(ODD));
    store.set_unreachable(BOT, chat, None, at(2)).await.unwrap();
    assert_eq!(store.unreachable(BOT, chat).await.unwrap(), None);
}

async fn a_group_that_becomes_another_takes_what_it_follows_and_is_asked_with_it_but_no_message(place: &Place) {
    let store = place.open().await;
    let (old, new) = (ChatId(-1), ChatId(-1_001));
    let begun = |number: u32, chat: ChatId| Followed {
        run: run_id(number),
        chat,
        person: PersonId(2),
        language: Language::En,
        message: Some(9),
        shown: Some(ODD.to_owned()),
        asked: Some(ask_id(1)),
        over: false,
    };
    let over = Followed { over: true, ..begun(2, old) };
    for number in 1..=3 {
        store.create_run(&run(number)).await.unwrap();
    }
    for followed in [begun(1, old), over.clone(), begun(3, ChatId(5))] {
        store.follow(BOT, &followed, at(0)).await.unwrap();
    }
    let said = "[1]".to_owned();
    let card = Card { ask: ask_id(1), run: run_id(1), chat: old, message: Some(4), said, closed: false };
    store.put_card(BOT, &card, at(0)).await.unwrap();
    let told = User { chat: Some(old.0), ..person(1, "Ann", Role::Admin) };
    store.create_user(&told).await.unwrap();
    for _ in 0..2 {
        store.move_chat(BOT, old, new, at(1)).await.unwrap();
        let moved = Followed { chat: new, message: None, shown: None, asked: None, ..begun(1, old) };
        assert_eq!(store.followed(BOT).await.unwrap(), [moved, begun(3, ChatId(5))]);
        let kept = store.follower(BOT, &run_id(2)).await.unwrap();
        assert_eq!(kept, Some(Followed { chat: new, ..over.clone() }), "its result was told");
        assert_eq!(store.open_cards(BOT, old).await.unwrap(), []);
        let open = store.open_cards(BOT, new).await.unwrap();
        assert_eq!(open, [Card { chat: new, message: None, ..card.clone() }], "what was said to it stays");
        assert_eq!(store.user(&told.id).await.unwrap().unwrap().chat, Some(new.0));
    }
    store.move_chat(BotId(8), new, old, at(2)).await.unwrap();
    assert_eq!(store.open_cards(BOT, new).await.unwrap().len(), 1, "another bot's are its own");
}

async fn a_secret_of_cgo_itself_is_put_over_the_one_before(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.operator_secret("TELEGRAM_TOKEN").await.unwrap(), None);
    for sealed in ["first", ODD] {
        store.put_operator_secret("TELEGRAM_TOKEN", "age1x", sealed, at(1)).await.unwrap();
    }
    let kept = store.operator_secret("TELEGRAM_TOKEN").await.unwrap();
    assert_eq!(kept, Some(("age1x".to_owned(), ODD.to_owned())));
}

async fn whatever_is_encrypted_has_a_key_that_is_known(place: &Place) {
    let store = place.open().await;
    let key = async || store.sealed_for().await.unwrap();
    assert_eq!(key().await, None);
    store.receive(BOT, 11, &[said(10, 1)], at(1)).await.unwrap();
    assert_eq!(key().await, None, "what an older cgo took is in plain");
    let sealed = Queued { body: format!("age1said\n{ODD}"), ..said(11, 1) };
    store.receive(BOT, 12, &[sealed], at(1)).await.unwrap();
    assert_eq!(key().await.as_deref(), Some("age1said"));
    store.dealt_with(BOT, 11, at(2)).await.unwrap();
    assert_eq!(key().await, None, "nothing is left of it");
    store.put_operator_secret("TELEGRAM_TOKEN", "age1cgo", ODD, at(1)).await.unwrap();
    assert_eq!(key().await.as_deref(), Some("age1cgo"));
    place.meddle("delete from operator_secret").await;
    assert_eq!(key().await, None);
    let (project, _) = placed_project(&store, 1, "notes").await;
    let kept = Kept {
        project: project.id,
        name: EnvName::try_from("MAIL_KEY".to_owned()).unwrap(),
        origin: Origin::Given,
        key: "age1project".to_owned(),
        sealed: ODD.to_owned(),
        exposed: None,
        created_at: at(1),
        updated_at: at(1),
    };
    assert!(store.put_secret(&kept).await.unwrap());
    assert_eq!(key().await.as_deref(), Some("age1project"));
}
