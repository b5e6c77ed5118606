//! What the bot says by itself: notices, questions of runs that were begun elsewhere, links for secrets; and how soon it
//! reacts.

use std::time::{Duration, Instant};

use cgo::domain::chat::{BotId, ChatId, Followed, PersonId};
use cgo::domain::ids::RunId;
use cgo::domain::request::Rollout;
use cgo::domain::run::{Request, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::Role;
use cgo::ops::chats::Chats;
use cgo::ops::notify::{self, Delivered};
use cgo::store::Incidents as _;
use cgo::telegram::Bot;

use super::house::{House, settings};
use super::server::BOT;
use crate::notify::incident;
use crate::users::waiting;

impl House {
    /// Tells people what is owed to them, as `cgo serve` does.
    pub fn tell(&self) -> Delivered {
        let settings = settings(&self.telegram, self.folder.path().join("projects"));
        self.with(async |app| {
            let notifier = Bot::new(&app.context, settings).unwrap().notifier();
            notify::hand_out(&app.context, &[&notifier]).await.unwrap();
            notify::deliver(&app.context, &notifier).await.unwrap()
        })
    }

    /// A run of a person, begun at a terminal, that waits for a secret.
    pub fn needs_secret(&self, person: i64) -> RunId {
        self.with(async |app| {
            let theirs = House::person(&app.context, person).await;
            waiting(&theirs, deploy("notes"), Wait::Secret, "API_TOKEN").await.0.id
        })
    }
}

/// A deployment of a project.
pub fn deploy(project: &str) -> Request {
    Request::Deploy {
        project: project.parse().unwrap(),
        sandbox: None,
        server: None,
        rollout: Rollout::default(),
        cassette: None,
    }
}

#[test]
fn an_incident_is_told_to_admins_edited_when_it_is_over_and_given_up_where_the_bot_is_blocked() {
    let house = House::new();
    house.admit(8, "Bo", Role::Admin);
    house.admit(10, "Cy", Role::Admin);
    house.admit(12, "Di", Role::Member);
    let telegram = house.telegram.clone();
    telegram.change(|world| {
        world.chats.extend([8, 10, 12]);
        world.blocked.insert(10);
    });
    let opened = house.with(async |app| {
        let opened = incident(&app.context, "notes: *down* _[x](http://evil.example)");
        app.context.store.open_incident(&opened).await.unwrap()
    });
    let told = house.tell();
    assert_eq!(told.arrived, 1, "{told:?}");
    assert!(told.problems.iter().any(|problem| problem.contains("takes no messages")), "{told:?}");
    let said = telegram.hear(8, "🚨");
    assert!(said.text.contains("does not work") && said.text.contains("status 500"), "{}", said.text);
    house.with(async |app| {
        let now = app.context.now();
        app.context.store.resolve_incident(&opened.id, "it answers again", now).await.unwrap();
    });
    house.tell();
    let over = telegram.hear(8, "💚");
    assert_eq!(over.id, said.id, "the message that told of it says that it is over");
    assert_eq!((telegram.chat(8).len(), telegram.chat(10).len(), telegram.chat(12).len()), (1, 0, 0));
    assert_eq!(house.tell(), Delivered::default(), "nothing is told twice");
    telegram.assert_content();
}

#[test]
fn who_began_a_run_at_a_terminal_gets_a_link_for_its_secret_in_a_chat_of_their_own_only() {
    let mut house = House::new();
    house.page = Some("https://cgo.example.com");
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([8]));
    house.needs_secret(8);
    house.tell();
    let bot = house.open();
    let asked = telegram.hear(8, "https://cgo.example.com/secret/");
    let token = asked.text.split("/secret/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(token.len() >= 20 && asked.text.contains("cgo secrets set notes API_TOKEN"), "{}", asked.text);
    bot.kill();
    // The link is good once, stands nowhere in the open, and a group never sees one.
    let kept = house.with(async |app| {
        let form = cgo::ops::secrets::links::look(&app.context, &token).await.unwrap();
        assert_eq!(form.project.as_str(), "notes");
        std::fs::read(app.context.data.join("cgo.db")).unwrap()
    });
    assert!(!kept.windows(token.len()).any(|window| window == token.as_bytes()), "the link stands in the store");
    assert!(!house.noted().iter().any(|line| line.contains(&token)), "the link stands in the log");
    telegram.assert_content();
}

#[test]
fn fifty_chats_at_once_see_soon_that_something_happens() {
    const CHATS: i64 = 50;
    let house = House::new();
    for chat in 1..=CHATS {
        house.admit(chat * 2, &format!("P{chat}"), Role::Member);
    }
    let telegram = house.telegram.clone();
    let _bot = house.open();
    telegram.say(2, "/help");
    telegram.hear(2, "/new");
    let said: Vec<(i64, Instant)> = (1..=CHATS)
        .map(|chat| {
            let at = Instant::now();
            telegram.say(chat * 2, "/projects");
            (chat * 2, at)
        })
        .collect();
    telegram.wait("an answer in each chat", |world| {
        let answered = |chat: &i64| world.messages.iter().any(|sent| sent.chat == *chat && sent.at >= said[0].1);
        said.iter().all(|(chat, _)| answered(chat)).then_some(())
    });
    let world = telegram.world();
    let mut reactions: Vec<Duration> = said
        .iter()
        .map(|(chat, at)| {
            let first = world.asked.iter().find(|asked| asked.at >= *at && asked.body["chat_id"] == *chat);
            first.expect("it reacts").at - *at
        })
        .collect();
    reactions.sort_unstable();
    let at = |share: usize| reactions[(reactions.len() - 1) * share / 100].as_millis();
    let (median, most, last) = (at(50), at(95), at(100));
    crate::support::env::figure(&format!(
        "first reaction in {CHATS} chats at once: median {median} ms, p95 {most} ms, last {last} ms"
    ));
    assert!(most < 2_000, "the first reaction takes too long: p95 {most} ms");
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn a_chat_of_several_gets_no_link() {
    let mut house = House::new();
    house.page = Some("https://cgo.example.com");
    house.admit(8, "Bo", Role::Member);
    house.project(8, "notes");
    let telegram = house.telegram.clone();
    telegram.change(|world| world.chats.extend([8, -77]));
    let run = house.needs_secret(8);
    house.with(async |app| {
        let followed = Followed::begun(run, ChatId(-77), PersonId(8), Language::En);
        Chats::of(&app.context, BotId(BOT)).follow(&followed).await.unwrap();
    });
    let _bot = house.open();
    let asked = telegram.hear(-77, "cgo secrets set notes API_TOKEN");
    assert!(!asked.text.contains("/secret/"), "{}", asked.text);
    telegram.assert_content();
}
