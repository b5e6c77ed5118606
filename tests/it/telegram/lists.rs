//! What a list adds up to: what was spent for no project counts, too, each for whoever may see it.

use cgo::domain::ledger::{Entry, Standing};
use cgo::domain::money::Usd;
use cgo::domain::names::AgentName;
use cgo::domain::run::Batch;
use cgo::domain::user::Role;
use cgo::graph::progress::Event;
use cgo::ops::Context;
use cgo::pipeline::runner;

use super::commands::{append, release};
use super::house::House;
use crate::users::new_project;

/// A run of somebody that has cost something: a release of a project, or a new one that has none yet.
pub async fn spent(theirs: &Context, project: Option<&str>, cost: Usd) {
    let run = match project {
        Some(name) => release(theirs, name).await,
        None => runner::create(theirs, new_project(theirs, "how are things?")).await.unwrap().id,
    };
    let call = Entry {
        key: "1".to_owned(),
        run: run.clone(),
        visit: 1,
        agent: AgentName::parse("tester").unwrap(),
        provider: "mine".to_owned(),
        model: "m-1".to_owned(),
        input_tokens: 10,
        output_tokens: 1,
        cached_tokens: 0,
        cost,
        standing: Standing::Settled,
        at: theirs.now(),
    };
    let taken = [Event::TakenUp { by: "a test".to_owned() }];
    append(theirs, &run, &taken, Batch { calls: vec![call], ..Batch::default() }).await;
}

fn dollars(amount: u64) -> Usd {
    Usd::from_billionths(amount * 1_000_000_000)
}

#[test]
fn what_was_spent_for_no_project_is_in_what_all_has_cost() {
    let house = House::new();
    house.admit(7, "Анна", Role::Admin);
    house.admit(8, "Bo", Role::Member);
    house.admit(10, "Cy", Role::Member);
    house.admit(12, "Di", Role::Member);
    house.project(8, "notes");
    house.with(async |app| {
        let (bo, cy) = (House::person(&app.context, 8).await, House::person(&app.context, 10).await);
        spent(&bo, Some("notes"), dollars(2)).await;
        spent(&bo, None, dollars(3)).await;
        spent(&bo, None, dollars(4)).await;
        spent(&cy, None, dollars(5)).await;
    });
    let telegram = house.telegram.clone();
    let _bot = house.open();
    for (person, lines) in [
        (7, "Всего: $14.00\n• notes: $2.00\n• без проекта: $12.00"),
        (8, "In all: $9.00\n• notes: $2.00\n• without a project: $7.00"),
        (10, "In all: $5.00\n• without a project: $5.00"),
        (12, "Nothing was spent."),
    ] {
        telegram.say(person, "/cost");
        telegram.hear(person, lines);
    }
    telegram.assert_content();
}
