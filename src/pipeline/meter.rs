//! Money: what a call may cost is reserved before it, what it did cost is written after it, and past a limit a person
//! is asked. A failed or cut call is charged too.

use std::cell::{Cell, RefCell};

use crate::domain::ledger::{Entry, Standing};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::provider::{AT_ONCE, DEFAULT_BUDGET, Endpoint, Price, Wire};
use crate::domain::spec::Language;
use crate::graph::recorder::{Journal, Recorder};
use crate::llm::{Error, OnText, Provider, Reply, ReplyFuture, Request, Usage, price};

/// What calls may cost, and where that comes from.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// The endpoint, whose settings may name a price.
    pub endpoint: Endpoint,
    /// The most a run may spend before a person is asked.
    pub run_limit: Usd,
    /// Whether models without a known price may be asked.
    pub allow_unpriced: bool,
}

impl Tariff {
    /// Of answers that were paid for before.
    #[must_use]
    pub fn free(model: &str) -> Self {
        let endpoint = Endpoint {
            wire: Wire::Openai,
            url: String::new(),
            key_env: None,
            model: model.to_owned(),
            fallback: None,
            stream: false,
            at_once: AT_ONCE,
            price: Some(Price::default()),
        };
        Self { endpoint, run_limit: DEFAULT_BUDGET, allow_unpriced: true }
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.endpoint.price.or_else(|| price::listed(model))
    }
}

/// A limit that the next call could break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// The agent whose limit it is; none for the run's.
    pub whose: Option<AgentName>,
    /// The limit.
    pub limit: Usd,
    /// What is spent.
    pub spent: Usd,
    /// What is set aside beside that, for work under way.
    pub reserved: Usd,
    /// What the next call may cost.
    pub next: Usd,
}

impl OverLimit {
    /// In words, for the person who decides.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let Self { whose, limit, spent, reserved, next } = self;
        let none = *reserved == Usd::ZERO;
        if language == Language::Ru {
            let whose = whose.as_ref().map_or_else(|| "запуск".to_owned(), |agent| format!("агент `{agent}`"));
            let aside = if none {
                String::new()
            } else {
                format!(", {reserved} отложено на работу, которая идёт")
            };
            return format!(
                "{whose}: потрачено {spent} из {limit}{aside}, следующий вызов может стоить {next}; одобрение разрешит ещё столько же"
            );
        }
        let whose = whose.as_ref().map_or_else(|| "the run".to_owned(), |agent| format!("agent `{agent}`"));
        let aside = if none { String::new() } else { format!(", {reserved} is set aside for work under way") };
        format!(
            "{whose} has spent {spent} of {limit}{aside}, and the next call may cost {next}; approve to allow as much again"
        )
    }

    /// What one of so many who are at work at once may have: an equal part, as far as it is still there.
    fn part(&self, among: u64) -> Usd {
        let all = self.limit.less(self.spent);
        let part = Usd::from_billionths(all.billionths() / among.max(1)).max(LEAST);
        part.min(all.less(self.reserved))
    }
}

/// Why no call was made, when it was not the provider's fault.
#[derive(Debug)]
pub enum Stopped {
    /// A limit.
    Limit(OverLimit),
    /// Nobody knows what the model costs.
    Unpriced(String),
}

/// Less than this is not worth starting an agent for: a cent.
const LEAST: Usd = Usd::from_billionths(10_000_000);

/// Money put aside for an agent that is a program of its own.
#[derive(Debug, Clone)]
pub struct Reserved {
    /// Its entry in the ledger.
    pub key: String,
    /// The model it is for.
    pub model: String,
    /// How much.
    pub amount: Usd,
    /// What the model costs; none where nobody knows.
    pub price: Option<Price>,
}

/// A provider whose calls are paid for.
pub struct Metered<'a, J> {
    /// Who is asked.
    pub provider: &'a dyn Provider,
    /// What it costs.
    pub tariff: &'a Tariff,
    /// The run's durable side, with what it has spent.
    pub recorder: &'a Recorder<J>,
    /// The agent.
    pub agent: &'a AgentName,
    /// The most the visit may spend.
    pub visit_limit: Option<Usd>,
    /// The visit.
    pub visit: u32,
    /// Why the last call was not made.
    pub stopped: RefCell<Option<Stopped>>,
    /// What the calls have cost so far.
    pub cost: Cell<Usd>,
}

impl<J: Journal> Metered<'_, J> {
    fn entry(&self, key: &str, model: &str, usage: &Usage, cost: Usd, standing: Standing) -> Entry {
        Entry {
            key: key.to_owned(),
            run: self.recorder.run().clone(),
            visit: self.visit,
            agent: self.agent.clone(),
            provider: self.provider.name().to_owned(),
            model: model.to_owned(),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cached_tokens: usage.cached_tokens,
            cost,
            standing,
            at: self.recorder.source().moment(format_args!("call {key} {}", standing.as_str())),
        }
    }

    /// The limits, as the next call finds them. Each approval allows as much again.
    fn limits(&self, next: Usd) -> impl Iterator<Item = OverLimit> {
        let times = u64::from(self.recorder.look(|progress| progress.allowed)) + 1;
        let run = (Some(self.tariff.run_limit), None, None);
        let visit = (self.visit_limit, Some(self.visit), Some(self.agent.clone()));
        [run, visit].into_iter().filter_map(move |(limit, visit, whose)| {
            let limit = Usd::from_billionths(limit?.billionths().saturating_mul(times));
            let (spent, reserved) = self.recorder.spent(visit);
            Some(OverLimit { whose, limit, spent, reserved, next })
        })
    }

    /// The limit the next call could break.
    fn over(&self, next: Usd) -> Option<OverLimit> {
        self.limits(next).find(|found| found.spent + found.reserved + next > found.limit)
    }

    /// Reserves what an agent that is a program of its own may spend: at most `most`, at least something, and no more
    /// than its part when `among` of them are at work at once. It is on disk after the next flush.
    ///
    /// # Errors
    /// [`Stopped`] when there is nothing left or the model's price is not known.
    pub fn reserve(&self, name: &str, most: Usd, among: u64) -> Result<Reserved, Stopped> {
        let model = self.tariff.endpoint.model.clone();
        let model = Some(name).filter(|name| !name.is_empty()).map_or(model, str::to_owned);
        let price = self.tariff.price(&model);
        if price.is_none() && !self.tariff.allow_unpriced {
            return Err(Stopped::Unpriced(model));
        }
        if let Some(over) = self.over(LEAST) {
            return Err(Stopped::Limit(over));
        }
        let amount = self.limits(most).map(|limit| limit.part(among)).fold(most, Usd::min);
        let key = self.recorder.fresh_call(self.visit);
        self.recorder.charge(self.entry(&key, &model, &Usage::default(), amount, Standing::Reserved));
        Ok(Reserved { key, model, amount, price })
    }

    /// Writes what a reservation came to.
    pub fn settle(&self, reserved: &Reserved, usage: &Usage, cost: Usd) {
        let standing = match reserved.price {
            None => Standing::Unpriced,
            Some(_) if usage.estimated => Standing::Estimated,
            Some(_) => Standing::Settled,
        };
        self.recorder.charge(self.entry(&reserved.key, &reserved.model, usage, cost, standing));
    }

    /// Writes down what an agent that is a program of its own used when the run was recorded: nobody is paid again.
    pub fn replayed(&self, model: &str, usage: &Usage) {
        let key = self.recorder.fresh_call(self.visit);
        self.recorder.charge(self.entry(&key, model, usage, Usd::ZERO, Standing::Replayed));
    }

    async fn ask(&self, request: &Request, on_text: OnText<'_>) -> Result<Reply, Error> {
        let model = if request.model.is_empty() { &self.tariff.endpoint.model } else { &request.model };
        if self.provider.replays() {
            return self.ask_cassette(request, model, on_text).await;
        }
        let price = self.tariff.price(model);
        if price.is_none() && !self.tariff.allow_unpriced {
            return Err(self.stop(Stopped::Unpriced(model.clone())));
        }
        let most = price.map(|price| price::most(&price, request)).unwrap_or_default();
        if let Some(over) = self.over(most) {
            return Err(self.stop(Stopped::Limit(over)));
        }
        let key = self.recorder.fresh_call(self.visit);
        self.recorder.charge(self.entry(&key, model, &Usage::default(), most, Standing::Reserved));
        // The reservation, and what was answered and charged before it, go to disk while the model thinks.
        self.recorder.write_soon();
        let answered = self.provider.complete(request, on_text).await;
        let usage = match &answered {
            Ok(reply) => reply.usage,
            Err(error) => error.usage(),
        };
        let (cost, standing) = match (usage.cost, price) {
            (Some(cost), _) => (cost, Standing::Settled),
            (None, Some(price)) if usage.estimated => (price::cost(&price, &usage), Standing::Estimated),
            (None, Some(price)) => (price::cost(&price, &usage), Standing::Settled),
            (None, None) => (Usd::ZERO, Standing::Unpriced),
        };
        self.cost.set(self.cost.get() + cost);
        self.recorder.charge(self.entry(&key, model, &usage, cost, standing));
        answered
    }

    /// A call that a cassette answers: nobody is paid.
    async fn ask_cassette(&self, request: &Request, model: &str, on_text: OnText<'_>) -> Result<Reply, Error> {
        let key = self.recorder.fresh_call(self.visit);
        let answered = self.provider.complete(request, on_text).await;
        let usage = match &answered {
            Ok(reply) => reply.usage,
            Err(error) => error.usage(),
        };
        self.recorder.charge(self.entry(&key, model, &usage, Usd::ZERO, Standing::Replayed));
        answered
    }

    /// Keeps the reason; the owner of retries must not ask again.
    fn stop(&self, why: Stopped) -> Error {
        *self.stopped.borrow_mut() = Some(why);
        Error::Cancelled
    }
}

impl<J: Journal> Provider for Metered<'_, J> {
    fn name(&self) -> &str {
        self.provider.name()
    }

    fn fallback(&self) -> Option<&str> {
        self.provider.fallback()
    }

    fn replays(&self) -> bool {
        self.provider.replays()
    }

    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(self.ask(request, on_text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RunId;
    use crate::domain::run::Batch;
    use crate::domain::state::ProjectState;
    use crate::graph::loaded::Loaded;
    use crate::graph::progress::Progress;
    use crate::graph::recorder::{JournalError, Written};
    use crate::llm::offline::Offline;
    use crate::ops;

    /// A journal that nobody reads.
    struct Nowhere;

    impl Journal for Nowhere {
        async fn write(&self, _: &Batch) -> Result<Written, JournalError> {
            Ok(Written { cancel_wanted_by: None })
        }
    }

    fn dollars(amount: f64) -> Usd {
        Usd::from_dollars(amount).expect("an amount")
    }

    /// Money of a run that may spend two dollars, where one is still put aside by a process that is gone, if any.
    fn with_two_dollars(before: Option<f64>, visit_limit: Option<f64>, look: impl FnOnce(&Metered<'_, Nowhere>)) {
        let progress = Progress::created(ProjectState::default());
        let calls = before.map(|amount| ("1-1".to_owned(), 1, dollars(amount))).into_iter().collect();
        let loaded = Loaded { progress, seq: 0, snapshot_at: 0, effects: Vec::new(), calls };
        let recorder = Recorder::new(RunId::new(ops::now(), ops::random()), Nowhere, ops::real(), loaded);
        let tariff = Tariff { run_limit: dollars(2.0), ..Tariff::free("m-1") };
        let agent = AgentName::parse("developer").expect("a name");
        look(&Metered {
            provider: &Offline,
            tariff: &tariff,
            recorder: &recorder,
            agent: &agent,
            visit_limit: visit_limit.map(dollars),
            visit: 1,
            stopped: RefCell::default(),
            cost: Cell::default(),
        });
    }

    fn over(reserved: Result<Reserved, Stopped>) -> OverLimit {
        match reserved {
            Err(Stopped::Limit(over)) => over,
            other => panic!("no limit: {other:?}"),
        }
    }

    #[test]
    fn what_is_left_is_divided_among_those_at_work_at_once() {
        with_two_dollars(None, None, |metered| {
            let reserve = |among| metered.reserve("m-1", dollars(3.0), among);
            let (first, second) = (reserve(2).unwrap(), reserve(2).unwrap());
            assert_eq!((first.amount, second.amount), (dollars(1.0), dollars(1.0)));
            metered.settle(&first, &Usage::default(), dollars(0.1));
            assert_eq!(reserve(2).unwrap().amount, dollars(0.9), "no more than is left");
            metered.settle(&second, &Usage::default(), dollars(0.5));
        });
        with_two_dollars(None, None, |metered| {
            let alone = metered.reserve("m-1", dollars(3.0), 1).unwrap();
            assert_eq!(alone.amount, dollars(2.0), "who is alone has all of it");
        });
        with_two_dollars(None, Some(0.5), |metered| {
            let part = metered.reserve("m-1", dollars(3.0), 2).unwrap();
            assert_eq!(part.amount, dollars(0.25), "the agent's own limit is divided, too");
        });
    }

    #[test]
    fn what_is_spent_and_what_is_set_aside_are_told_apart() {
        with_two_dollars(None, None, |metered| {
            let first = metered.reserve("m-1", dollars(3.0), 2).unwrap();
            metered.settle(&first, &Usage::default(), dollars(0.1));
            metered.reserve("m-1", dollars(3.0), 1).unwrap();
            let over = over(metered.reserve("m-1", dollars(3.0), 1));
            let said = over.words(Language::En);
            assert!(said.contains("has spent $0.10 of $2.00, $1.90 is set aside for work under way,"), "{said}");
            let said = over.words(Language::Ru);
            assert!(said.contains("потрачено $0.10 из $2.00, $1.90 отложено на работу, которая идёт,"), "{said}");
        });
    }

    #[test]
    fn what_a_process_that_is_gone_put_aside_counts_as_spent() {
        with_two_dollars(Some(2.0), None, |metered| {
            let said = over(metered.reserve("m-1", dollars(3.0), 2)).words(Language::En);
            assert!(said.contains("the run has spent $2.00 of $2.00, and the next call"), "{said}");
        });
    }
}
