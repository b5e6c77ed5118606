//! Limits of money, and what becomes of money that was set aside.

use std::rc::Rc;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::ids::RunId;
use crate::domain::run::Batch;
use crate::domain::state::ProjectState;
use crate::graph::loaded::Loaded;
use crate::graph::progress::Progress;
use crate::graph::recorder::{JournalError, Written};
use crate::llm::Message;
use crate::llm::offline::Offline;
use crate::llm::retry::{Owner, Policy, Told};

/// A journal that keeps what calls cost, as it was last written.
#[derive(Clone, Default)]
struct Books(Rc<RefCell<Vec<Entry>>>);

impl Journal for Books {
    async fn write(&self, batch: &Batch) -> Result<Written, JournalError> {
        let mut kept = self.0.borrow_mut();
        kept.retain(|entry| batch.calls.iter().all(|newer| newer.key != entry.key));
        kept.extend(batch.calls.iter().cloned());
        Ok(Written { cancel_wanted_by: None })
    }
}

/// Says something and comes to no end.
struct Endless;

impl Provider for Endless {
    fn name(&self) -> &'static str {
        "endless"
    }

    fn complete<'a>(&'a self, _: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move {
            on_text("eight ch");
            on_text("aracters");
            std::future::pending().await
        })
    }
}

fn dollars(amount: f64) -> Usd {
    Usd::from_dollars(amount).expect("an amount")
}

fn developer() -> AgentName {
    AgentName::parse("developer").expect("a name")
}

/// What a process that is gone has put aside.
fn put_aside(amount: f64) -> Entry {
    Entry {
        key: "1-1".to_owned(),
        run: RunId::new(ops::now(), 1),
        visit: 1,
        agent: developer(),
        provider: "mine".to_owned(),
        model: "m-1".to_owned(),
        input_tokens: 0,
        output_tokens: 0,
        cached_tokens: 0,
        cost: dollars(amount),
        standing: Standing::Reserved,
        at: ops::now(),
    }
}

/// Money of a run that may spend two dollars.
#[derive(Default)]
struct Money {
    /// What a process that is gone has put aside.
    before: Option<f64>,
    agent_limit: Option<f64>,
    budgets: Budgets,
    others: Others,
    /// Of which limits a person has allowed as much again.
    allowed: Vec<Whose>,
    /// Where it is written down what calls cost.
    books: Books,
}

impl Money {
    fn look(self, look: impl FnOnce(&Metered<'_, Books>)) {
        let mut progress = Progress::created(ProjectState::default());
        progress.raised = self.allowed.into_iter().map(|whose| (whose, 1)).collect();
        let calls = self.before.map(put_aside).into_iter().collect();
        let loaded = Loaded { progress, seq: 0, snapshot_at: 0, effects: Vec::new(), calls };
        let recorder = Recorder::new(RunId::new(ops::now(), ops::random()), self.books, ops::real(), loaded);
        let tariff = Tariff {
            run_limit: dollars(2.0),
            budgets: self.budgets,
            others: Cell::new(self.others),
            ..Tariff::free("m-1")
        };
        let agent = developer();
        look(&Metered {
            provider: &Offline,
            tariff: &tariff,
            recorder: &recorder,
            agent: &agent,
            agent_limit: self.agent_limit.map(dollars),
            visit: 2,
            stopped: RefCell::default(),
            cost: Cell::default(),
        });
    }
}

fn over(reserved: Result<Reserved, Stopped>) -> OverLimit {
    match reserved {
        Err(Stopped::Limit(over)) => over,
        other => panic!("no limit: {other:?}"),
    }
}

#[test]
fn what_is_left_is_divided_among_those_at_work_at_once() {
    Money::default().look(|metered| {
        let reserve = |among| metered.reserve("m-1", dollars(3.0), among);
        let (first, second) = (reserve(2).unwrap(), reserve(2).unwrap());
        assert_eq!((first.amount, second.amount), (dollars(1.0), dollars(1.0)));
        metered.settle(&first, &Usage::default(), dollars(0.1));
        assert_eq!(reserve(2).unwrap().amount, dollars(0.9), "no more than is left");
        metered.settle(&second, &Usage::default(), dollars(0.5));
    });
    Money::default().look(|metered| {
        let alone = metered.reserve("m-1", dollars(3.0), 1).unwrap();
        assert_eq!(alone.amount, dollars(2.0), "who is alone has all of it");
    });
    Money { agent_limit: Some(0.5), ..Money::default() }.look(|metered| {
        let part = metered.reserve("m-1", dollars(3.0), 2).unwrap();
        assert_eq!(part.amount, dollars(0.25), "the agent's own limit is divided, too");
    });
}

#[test]
fn what_is_spent_and_what_is_set_aside_are_told_apart() {
    Money::default().look(|metered| {
        let first = metered.reserve("m-1", dollars(3.0), 2).unwrap();
        metered.settle(&first, &Usage::default(), dollars(0.1));
        metered.reserve("m-1", dollars(3.0), 1).unwrap();
        let over = over(metered.reserve("m-1", dollars(3.0), 1));
        let said = over.words(Language::En);
        assert!(said.contains("has spent $0.10 of $2.00, $1.90 is set aside for work under way,"), "{said}");
        let said = over.words(Language::Ru);
        assert!(said.contains("потрачено $0.10 из $2.00, ещё $1.90 отложено на начатую работу;"), "{said}");
    });
}

#[test]
fn what_a_process_that_is_gone_put_aside_counts_as_spent() {
    Money { before: Some(2.0), ..Money::default() }.look(|metered| {
        let said = over(metered.reserve("m-1", dollars(3.0), 2)).words(Language::En);
        assert!(said.contains("the run has spent $2.00 of $2.00, and the next call"), "{said}");
    });
}

#[test]
fn an_agents_limit_counts_its_earlier_visits() {
    Money { before: Some(0.4), agent_limit: Some(0.5), ..Money::default() }.look(|metered| {
        let rest = metered.reserve("m-1", dollars(3.0), 1).unwrap();
        assert_eq!(rest.amount, dollars(0.1));
        let over = over(metered.reserve("m-1", dollars(3.0), 1));
        assert_eq!(over.whose, Whose::Agent(developer()));
        let said = over.words(Language::En);
        assert!(said.contains("agent `developer` has spent $0.40 of $0.50, $0.10 is set aside"), "{said}");
    });
}

#[test]
fn what_others_have_spent_counts_for_the_project_and_for_its_day() {
    let day = limit::day_of(ops::now());
    let others = Others { project: dollars(0.7), today: dollars(1.2), day };
    let project = Budgets { project: Some(dollars(1.0)), day: None };
    Money { budgets: project, others, ..Money::default() }.look(|metered| {
        assert_eq!(metered.reserve("m-1", dollars(3.0), 1).unwrap().amount, dollars(0.3));
        let over = over(metered.reserve("m-1", dollars(3.0), 1));
        assert_eq!(over.whose, Whose::Project);
        let said = over.words(Language::En);
        assert!(said.contains("the project has spent $0.70 of $1.00, $0.30 is set aside"), "{said}");
        assert!(said.ends_with("approve to allow this run as much again"), "{said}");
        let said = over.words(Language::Ru);
        assert!(said.contains("проект (все его запуски): потрачено $0.70 из $1.00"), "{said}");
    });
    let of_day = Budgets { project: None, day: Some(dollars(1.0)) };
    Money { budgets: of_day, others, ..Money::default() }.look(|metered| {
        let over = over(metered.reserve("m-1", dollars(3.0), 1));
        assert_eq!(over.whose.question(), format!("budget:day:{day}"));
        let said = over.words(Language::En);
        assert!(said.contains(&format!("all runs and trials of {day} (UTC) have spent $1.20 of $1.00")), "{said}");
    });
    let yesterday = Others { day: day.yesterday().unwrap(), ..others };
    Money { budgets: of_day, others: yesterday, ..Money::default() }.look(|metered| {
        assert_eq!(metered.reserve("m-1", dollars(3.0), 1).unwrap().amount, dollars(1.0), "it is another day");
    });
}

#[test]
fn an_approval_raises_its_own_limit_and_is_worth_something_when_others_have_spent_more() {
    let others = Others { project: dollars(5.0), ..Others::default() };
    let budgets = Budgets { project: Some(dollars(1.0)), day: None };
    let allowed = vec![Whose::Project];
    Money { budgets, others, allowed, ..Money::default() }.look(|metered| {
        assert_eq!(metered.reserve("m-1", dollars(3.0), 1).unwrap().amount, dollars(1.0));
        let over = over(metered.reserve("m-1", dollars(3.0), 1));
        assert_eq!((over.whose, over.limit), (Whose::Project, dollars(6.0)));
    });
    let allowed = vec![Whose::Agent(developer())];
    Money { agent_limit: Some(1.5), allowed, ..Money::default() }.look(|metered| {
        assert_eq!(metered.reserve("m-1", dollars(9.0), 1).unwrap().amount, dollars(2.0), "the run's is as it was");
        assert_eq!(over(metered.reserve("m-1", dollars(9.0), 1)).whose, Whose::Run);
    });
}

#[test]
fn a_call_that_nobody_waits_for_any_longer_is_charged_by_what_was_said() {
    let request = Request {
        agent: developer(),
        model: "m-1".to_owned(),
        temperature: 0.0,
        max_tokens: 100_000,
        messages: vec![Message::User { content: "write a book".to_owned() }],
        tools: Vec::new(),
    };
    let price = Price { input: dollars(1.0), output: dollars(2.0), ..Price::default() };
    let mut tariff = Tariff { run_limit: dollars(2.0), ..Tariff::free("m-1") };
    tariff.endpoint.price = Some(price);
    let used = Usage { input_tokens: text::request_tokens(&request), output_tokens: 4, ..Usage::default() };
    let one = price::cost(&price, &used);

    let books = Books::default();
    Money { books: books.clone(), ..Money::default() }.look(|metered| {
        let (stopped, cost) = (RefCell::default(), Cell::default());
        let metered = Metered { provider: &Endless, tariff: &tariff, stopped, cost, ..*metered };
        let cancel = CancellationToken::new();
        let (policy, world) = (Policy::default(), Told);
        let owner = Owner { provider: &metered, policy, world: &world, observer: &|_| {}, cancel: &cancel };
        // In this world the deadline comes at once.
        let answered = owner.ask(&request, &|_| {}).now_or_never().expect("no time goes by");
        assert!(matches!(answered, Err(Error::Retry { .. })), "{answered:?}");
        let twice = one + one;
        assert_eq!(metered.recorder.spent(&Whose::Run), (twice, Usd::ZERO), "something is still set aside");
        assert_eq!(metered.cost.get(), twice);
        metered.recorder.flush().now_or_never().expect("it is written at once").expect("it is written");
    });
    let kept = books.0.borrow();
    assert_eq!(kept.len(), 2, "each attempt has its entry: {kept:?}");
    for entry in kept.iter() {
        assert_eq!((entry.standing, entry.cost), (Standing::Estimated, one));
        assert_eq!((entry.input_tokens, entry.output_tokens), (used.input_tokens, used.output_tokens));
    }
}
