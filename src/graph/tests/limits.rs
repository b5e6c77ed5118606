//! Limits of money: what counts for which, and whose limit an approval raises, also in what was written before that was
//! said.

use super::*;
use crate::domain::ids::AskId;
use crate::domain::ledger::{Entry, Standing};
use crate::domain::money::Usd;
use crate::graph::limit::{self, Whose};

/// A run that was held by a question with that id, and what a person said to it.
fn held(progress: &mut Progress, id: &str, approved: bool) {
    let ask = AskId::new(clock(), 1);
    let question = Question { id: id.to_owned(), text: "?".to_owned(), choices: Vec::new(), assumption: None };
    let answered = Event::Answered { ask: ask.clone(), approved, texts: Vec::new(), by: "me".to_owned() };
    for event in [Event::TakenUp { by: "me".to_owned() }, Event::Held { ask, questions: vec![question] }, answered] {
        progress.apply(&event).unwrap();
    }
}

fn times(progress: &Progress) -> [u32; 4] {
    let day = Whose::Day(limit::day_of(clock()));
    [Whose::Run, Whose::Agent(name("left")), Whose::Project, day].map(|whose| progress.times_allowed(&whose))
}

#[test]
fn an_approval_raises_the_limit_that_was_asked_about_and_no_other() {
    let mut progress = Progress::created(ProjectState::default());
    held(&mut progress, "budget:agent:left", true);
    assert_eq!(times(&progress), [0, 1, 0, 0]);
    held(&mut progress, "budget:agent:right", true);
    held(&mut progress, "budget:day:2027-01-14", true);
    assert_eq!(times(&progress), [0, 1, 0, 0], "another agent, another day");
    held(&mut progress, "budget:run", true);
    held(&mut progress, "budget:run", false);
    held(&mut progress, "budget:project", true);
    held(&mut progress, "budget:project", true);
    held(&mut progress, "budget:day:2027-01-15", true);
    assert_eq!(times(&progress), [1, 1, 2, 1]);
    let text = serde_json::to_string(&progress).unwrap();
    assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), progress, "as a snapshot has it");
}

#[test]
fn approvals_from_before_limits_were_told_apart_count_for_the_run_and_its_agents() {
    let mut progress = Progress::created(ProjectState::default());
    held(&mut progress, "budget", true);
    assert_eq!(times(&progress), [1, 1, 0, 0]);
    let mut snapshot = serde_json::to_value(&progress).unwrap();
    for new in ["raised", "held"] {
        snapshot.as_object_mut().unwrap().remove(new).unwrap();
    }
    let mut progress: Progress = serde_json::from_value(snapshot).unwrap();
    held(&mut progress, "budget:agent:left", true);
    assert_eq!(times(&progress), [1, 2, 0, 0]);
}

#[test]
fn calls_are_counted_by_agent_and_by_the_day_they_were_begun_on() {
    let recorder = Memory::begun().recorder();
    let day_ms = 86_400_000;
    let charge = |key: &str, agent: &str, visit, cost, standing, at| {
        recorder.charge(Entry {
            key: key.to_owned(),
            run: recorder.run().clone(),
            visit,
            agent: name(agent),
            provider: "mine".to_owned(),
            model: "m-1".to_owned(),
            input_tokens: 0,
            output_tokens: 0,
            cached_tokens: 0,
            cost: Usd::from_billionths(cost),
            standing,
            at,
        });
    };
    let (today, tomorrow) = (clock(), clock().plus_ms(day_ms));
    charge("1-1", "left", 1, 1, Standing::Settled, today);
    charge("2-2", "right", 2, 10, Standing::Settled, today);
    charge("3-3", "left", 3, 100, Standing::Settled, tomorrow);
    charge("3-4", "left", 3, 5000, Standing::Reserved, today);
    let spent = |whose: &Whose| {
        let (spent, aside) = recorder.spent(whose);
        (spent.billionths(), aside.billionths())
    };
    let day = |at| Whose::Day(limit::day_of(at));
    assert_eq!(spent(&Whose::Agent(name("left"))), (101, 5000), "in both of its visits");
    // It was begun today, whenever it is known what it cost.
    charge("3-4", "left", 3, 1000, Standing::Settled, tomorrow);
    assert_eq!((spent(&day(today)), spent(&day(tomorrow))), ((1011, 0), (100, 0)));
    assert_eq!((spent(&Whose::Run), spent(&Whose::Project)), ((1111, 0), (1111, 0)));
    assert_eq!(spent(&Whose::Agent(name("right"))), (10, 0));
}
