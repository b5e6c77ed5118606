//! The one message of a run: what it shows at each stage, how often it is changed, and what it says in the end.

use std::time::Duration;

use cgo::domain::ids::RunId;
use cgo::domain::names::AgentName;
use cgo::domain::run::{Batch, RunStatus, Wait};
use cgo::domain::user::Role;
use cgo::graph::progress::Event;
use cgo::ops::runs;
use cgo::telegram::Patience;

use super::commands::append;
use super::conversation::progress;
use super::house::House;
use super::server::Sent;

fn node(name: &str) -> AgentName {
    AgentName::parse(name).expect("a node")
}

fn begins(visit: u32, name: &str, from: Option<&str>) -> Event {
    Event::NodeStarted { visit, node: node(name), from: from.map(node) }
}

fn ends(visit: u32, name: &str, to: &[&str]) -> Event {
    let to = to.iter().map(|name| node(name)).collect();
    Event::NodeFinished { visit, agent: node(name), patch: Vec::new(), to, why: None }
}

impl House {
    /// What a worker writes of a run.
    fn works(&self, run: &RunId, events: &[Event], status: RunStatus) {
        self.with(async |app| {
            let batch = Batch { status: Some((status, None)), ..Batch::default() };
            append(&app.context, run, events, batch).await;
        });
    }

    /// Waits until a message shows exactly that.
    fn shows(&self, message: &Sent, text: &str, labels: &[&str]) {
        let texts = |sent: &Sent| sent.text == text && sent.labels() == labels;
        self.telegram
            .wait(text, |world| world.messages.iter().find(|sent| sent.id == message.id && texts(sent)).map(drop));
    }
}

#[test]
fn a_run_is_one_message_that_ticks_through_its_stages_to_the_end() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    let shown = progress(&house, 8);
    let title = "🛠 a notes API with title";
    let (first, second) = ("Understand what is wanted", "Write the spec");
    let mut expected = Vec::new();
    let mut next = |text: String, labels: &[&str]| {
        house.shows(&shown, &text, labels);
        expected.push(text);
    };
    next(format!("{title}\nwaits for its turn"), &["Cancel"]);
    let taken = Event::TakenUp { by: "a test".to_owned() };
    let routed = Event::Routed { to: vec![node("product_owner")] };
    house.works(&run, &[taken.clone(), routed, begins(1, "product_owner", None)], RunStatus::Running);
    next(format!("{title}\n⏳ {first}\nat work"), &["Cancel"]);
    let on = [ends(1, "product_owner", &["brainstorm"]), begins(2, "brainstorm", Some("product_owner"))];
    house.works(&run, &on, RunStatus::Running);
    next(format!("{title}\n✅ {first}\n⏳ {second}\nat work"), &["Cancel"]);
    house.wait_for(&run, Wait::Approval, "may it go on?");
    next(format!("{title}\n✅ {first}\n❓ {second}\nwaits for an approval"), &["Cancel"]);
    let asked = telegram.hear(8, "may it go on?");
    let press = telegram.press(8, &asked, "Approve");
    telegram.shown(&press);
    next(format!("{title}\n✅ {first}\n⏳ {second}\nwaits for its turn"), &["Cancel"]);
    house.works(&run, &[taken, ends(2, "brainstorm", &[]), Event::Succeeded], RunStatus::Succeeded);
    next(format!("{title}\n✅ {first}\n✅ {second}\ndone"), &[]);
    telegram.hear_after(8, asked.id, "a notes API with title — Done");
    let told = telegram.chat(8).into_iter().find(|sent| sent.id == shown.id).expect("it stays");
    let seen: Vec<String> = told.before.iter().chain([&told.text]).cloned().collect();
    assert_eq!(seen, expected, "it is changed once for each stage and shows nothing else");
    assert_eq!(telegram.chat(8).iter().filter(|sent| sent.text.starts_with("🛠")).count(), 1);
    telegram.assert_content();
}

#[test]
fn a_run_that_fails_shows_where() {
    let (house, telegram, _bot) = House::of_bo(Role::Member);
    let run = house.begin(8, 8, "/new a notes API with title");
    let shown = progress(&house, 8);
    let taken = Event::TakenUp { by: "a test".to_owned() };
    let routed = Event::Routed { to: vec![node("product_owner")] };
    house.works(&run, &[taken, routed, begins(1, "product_owner", None)], RunStatus::Running);
    house.shows(&shown, "🛠 a notes API with title\n⏳ Understand what is wanted\nat work", &["Cancel"]);
    house.with(async |app| {
        let run = cgo::ops::runs::find(&app.context, run.as_str()).await.unwrap();
        cgo::ops::runs::cancel(&app.context, &run, cgo::pipeline::runner::cancelled("root")).await.unwrap();
    });
    house.shows(&shown, "🛠 a notes API with title\n❌ Understand what is wanted\ncancelled", &[]);
    telegram.hear_after(8, shown.id, "🚫");
    telegram.assert_content();
}

/// Much happens at once in a run of Bo's, who began it in that chat, whose message may be changed so often.
fn is_told_in_few_changes(chat: i64, every: Duration, patience: Patience) {
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open_with(|settings| {
        let Patience { between_edits, between_group_edits, .. } = patience;
        settings.patience = Patience { between_edits, between_group_edits, ..settings.patience };
    });
    let run = house.begin(chat, 8, "/new a notes API with title");
    let shown = progress(&house, chat);
    let stages = ["product_owner", "brainstorm", "zavhoz", "architect", "developer", "reviewer", "tester", "approval"];
    house.with(async |app| {
        let works = async |events: &[Event], status| {
            let batch = Batch { status: Some((status, None)), ..Batch::default() };
            append(&app.context, &run, events, batch).await;
        };
        let taken = Event::TakenUp { by: "a test".to_owned() };
        works(&[taken, Event::Routed { to: vec![node(stages[0])] }], RunStatus::Running).await;
        for (visit, pair) in (1..).zip(stages.windows(2)) {
            works(&[begins(visit, pair[0], None), ends(visit, pair[0], &[pair[1]])], RunStatus::Running).await;
        }
        let last = [begins(8, "approval", None), ends(8, "approval", &[]), Event::Succeeded];
        works(&last, RunStatus::Succeeded).await;
    });
    let told = telegram.wait("the end", |world| {
        world.messages.iter().find(|sent| sent.id == shown.id && sent.text.ends_with("\ndone")).cloned()
    });
    assert_eq!(told.text.matches('✅').count(), stages.len(), "{}", told.text);
    assert!(!told.edits.is_empty() && told.edits.len() < stages.len(), "{} changes", told.edits.len());
    let moments: Vec<_> = std::iter::once(told.at).chain(told.edits).collect();
    for pair in moments.windows(2) {
        assert!(pair[1] - pair[0] >= every, "in {chat} after {:?}", pair[1] - pair[0]);
    }
    telegram.assert_content();
}

#[test]
fn much_that_happens_at_once_is_told_in_few_changes_the_last_of_which_is_how_it_stands() {
    const EVERY: Duration = Duration::from_millis(400);
    // What holds for chats of the other sort is no help.
    let (none, usual) = (Duration::ZERO, Patience::default());
    is_told_in_few_changes(8, EVERY, Patience { between_edits: EVERY, between_group_edits: none, ..usual });
    is_told_in_few_changes(-77, EVERY, Patience { between_edits: none, between_group_edits: EVERY, ..usual });
    // As people run it: forty changes a minute, and fewer in a group than Telegram takes.
    let a_minute = |every: Duration| Duration::from_mins(1).as_millis() / every.as_millis();
    assert!(a_minute(usual.between_edits) <= 40 && a_minute(usual.between_group_edits) < 20, "{usual:?}");
}

#[test]
fn several_runs_in_a_group_share_its_pace_and_each_has_its_turn() {
    const GROUP: i64 = -77;
    const EVERY: Duration = Duration::from_millis(200);
    let kinds = ["notes", "books", "films"];
    let stages = ["product_owner", "brainstorm", "zavhoz", "architect"];
    let house = House::new();
    house.admit(8, "Bo", Role::Member);
    let telegram = house.telegram.clone();
    let _bot = house.open_with(|settings| {
        let between_edits = Duration::ZERO;
        settings.patience = Patience { between_edits, between_group_edits: EVERY, ..settings.patience };
    });
    // Waits until the messages of all runs are so.
    let all = |what: &str, done: usize| {
        telegram.wait(what, |world| {
            let shows = |sent: &&Sent| sent.chat == GROUP && sent.text.starts_with("🛠");
            let shown: Vec<Sent> = world.messages.iter().filter(shows).cloned().collect();
            let are = shown.iter().all(|sent| sent.text.matches('✅').count() == done);
            (shown.len() == kinds.len() && are).then_some(shown)
        })
    };
    for kind in kinds {
        telegram.say_in(GROUP, 8, &format!("/new a {kind} API with title"));
    }
    all("a message of each run", 0);
    house.settled();
    let begun: Vec<RunId> = house.with(async |app| {
        let all = runs::list(&app.context, 10).await.unwrap();
        all.into_iter().map(|view| view.run.id).collect()
    });
    let each = |events: &[Event], status| begun.iter().for_each(|run| house.works(run, events, status));
    let taken = Event::TakenUp { by: "a test".to_owned() };
    each(&[taken, Event::Routed { to: vec![node(stages[0])] }, begins(1, stages[0], None)], RunStatus::Running);
    for (visit, pair) in (1..).zip(stages.windows(2)) {
        let on = [ends(visit, pair[0], &[pair[1]]), begins(visit + 1, pair[1], Some(pair[0]))];
        each(&on, RunStatus::Running);
        all(&format!("{} everywhere", pair[1]), usize::try_from(visit).expect("it is small"));
    }
    each(&[ends(4, stages[3], &[]), Event::Succeeded], RunStatus::Succeeded);
    let told = all("the end of all", stages.len());
    let mut changed: Vec<_> = told.into_iter().flat_map(|sent| sent.edits).collect();
    changed.sort();
    let count = u32::try_from(changed.len()).expect("there are few");
    assert!(count >= 12, "each is told of at each stage: {count} changes");
    // One may have been slow to arrive, but no more of them come in this time.
    let span = changed[changed.len() - 1] - changed[0];
    assert!(span >= EVERY * (count - 2), "{count} changes within {span:?}");
    telegram.assert_content();
}
