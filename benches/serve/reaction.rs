//! How soon people who write at the same moment see that something happens.

use std::time::{Duration, Instant};

use super::telegram::Telegram;
use super::{Serving, cgo};

const CHATS: i64 = 50;
const ROUNDS: usize = 7;
/// The longest that 95 of 100 may wait.
const WITHIN: Duration = Duration::from_millis(200);

/// Whether all saw it soon enough.
pub fn look() -> bool {
    let server = Telegram::start();
    let home = tempfile::tempdir().expect("a folder");
    for chat in 1..=CHATS {
        let mut add = cgo(home.path());
        add.args(["users", "add", &format!("person-{chat}"), "--identity", &format!("telegram:{}", chat * 2)]);
        assert!(add.status().expect("the program starts").success(), "person {chat} is not added");
    }
    let _serving = Serving::start(home.path(), Some(&server.api()));
    server.say(2, "/help");
    server.hear(2, "/new");
    let mut rounds: Vec<[Duration; 3]> = (0..ROUNDS).map(|_| round(&server)).collect();
    rounds.sort_unstable_by_key(|[_, most, _]| *most);
    let [median, most, last] = rounds[ROUNDS / 2].map(|took| took.as_millis());
    println!(
        "first reaction in {CHATS} chats at once: median {median} ms, p95 {most} ms, last {last} ms (of {ROUNDS} rounds)"
    );
    let holds = rounds[ROUNDS / 2][1] <= WITHIN;
    if !holds {
        eprintln!("error: the first reaction takes longer than {} ms", WITHIN.as_millis());
    }
    holds
}

/// How long it took when all write at once: in the middle, for 95 of 100, and at the most.
fn round(server: &Telegram) -> [Duration; 3] {
    // What was said before has been answered, and Telegram's limits are at rest.
    std::thread::sleep(Duration::from_secs(5));
    let said: Vec<(i64, Instant)> = (1..=CHATS)
        .map(|chat| {
            let at = Instant::now();
            server.say(chat * 2, "/projects");
            (chat * 2, at)
        })
        .collect();
    let mut took = server.wait("a reaction in each chat", |world| {
        said.iter()
            .map(|(chat, at)| {
                let first = world.asked.iter().find(|asked| asked.at >= *at && asked.body["chat_id"] == *chat)?;
                Some(first.at - *at)
            })
            .collect::<Option<Vec<_>>>()
    });
    took.sort_unstable();
    [50, 95, 100].map(|share| took[(took.len() - 1) * share / 100])
}
