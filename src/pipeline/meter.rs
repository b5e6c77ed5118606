//! Money: what a call may cost is reserved before it, what it did cost is written after it, and past a limit a person
//! is asked. A failed or cut call is charged too.
//!
//! Limits are nested: a day, a project, a run, an agent in its run. An agent's file has none for a single step: there
//! what is reserved for the call is the limit, its question and its longest answer (`max_tokens`).

use std::cell::{Cell, RefCell};

use jiff::civil::Date;

use crate::domain::ids::ProjectId;
use crate::domain::ledger::{Entry, Standing};
use crate::domain::money::Usd;
use crate::domain::names::AgentName;
use crate::domain::provider::{AT_ONCE, DEFAULT_BUDGET, Endpoint, Price, Wire};
use crate::domain::spec::Language;
use crate::graph::limit::{self, Whose};
use crate::graph::recorder::{Journal, Recorder};
use crate::llm::wire::text;
use crate::llm::{Error, OnText, Provider, Reply, ReplyFuture, Request, Usage, price};
use crate::ops::{self, Context, costs};

/// Limits that count more than one run; none where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budgets {
    /// The most a project may spend in all its runs.
    pub project: Option<Usd>,
    /// The most all runs and trials may spend in a day of UTC.
    pub day: Option<Usd>,
}

/// What others have spent of [`Budgets`], as it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Others {
    /// The project's other runs.
    pub project: Usd,
    /// Other runs and trials, on that day.
    pub today: Usd,
    /// The day.
    pub day: Date,
}

/// What calls may cost, and where that comes from.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// The endpoint, whose settings may name a price.
    pub endpoint: Endpoint,
    /// The most a run may spend before a person is asked.
    pub run_limit: Usd,
    /// Whether models without a known price may be asked.
    pub allow_unpriced: bool,
    /// What more than one run may spend.
    pub budgets: Budgets,
    /// What others have spent of that.
    pub others: Cell<Others>,
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
        Self {
            endpoint,
            run_limit: DEFAULT_BUDGET,
            allow_unpriced: true,
            budgets: Budgets::default(),
            others: Cell::default(),
        }
    }

    /// Reads what others than one run or trial have spent, where a limit counts it: whenever a visit begins or goes on,
    /// and before each question. Between two readings nobody sees what others spend, so runs at once may pass a limit
    /// together: by about one question each, and by what others spend meanwhile where a coding agent is a program of
    /// its own. A trial reads it once.
    ///
    /// # Errors
    /// [`Stopped::Uncounted`]; nobody may be asked then.
    pub async fn count(&self, context: &Context, whose: &str, project: Option<&ProjectId>) -> Result<(), Stopped> {
        let uncounted = |error| Stopped::Uncounted(Box::new(error));
        let now = context.now();
        let mut others = Others { day: limit::day_of(now), ..Others::default() };
        if let (Some(_), Some(project)) = (self.budgets.project, project) {
            others.project = costs::project_without(context, project, whose).await.map_err(uncounted)?;
        }
        if self.budgets.day.is_some() {
            others.today = costs::day_without(context, now, whose).await.map_err(uncounted)?;
        }
        self.others.set(others);
        Ok(())
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.endpoint.price.or_else(|| price::listed(model))
    }
}

/// A limit that the next call could break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// Whose limit it is.
    pub whose: Whose,
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
        // Whoever shares the limit, an approval is for the run that asks.
        let shared = matches!(whose, Whose::Project | Whose::Day(_));
        if language == Language::Ru {
            let whose = match whose {
                Whose::Run => "запуск".to_owned(),
                Whose::Agent(agent) => format!("агент `{agent}`"),
                Whose::Project => "проект (все его запуски)".to_owned(),
                Whose::Day(day) => format!("все запуски и пробы агентов за {day} (UTC)"),
            };
            let run = if shared { " этому запуску" } else { "" };
            let aside = if none {
                String::new()
            } else {
                format!(", ещё {reserved} отложено на начатую работу")
            };
            return format!(
                "{whose}: потрачено {spent} из {limit}{aside}; следующий вызов может стоить до {next}; одобрение разрешит{run} потратить ещё столько же"
            );
        }
        let whose = match whose {
            Whose::Run => "the run has".to_owned(),
            Whose::Agent(agent) => format!("agent `{agent}` has"),
            Whose::Project => "the project has".to_owned(),
            Whose::Day(day) => format!("all runs and trials of {day} (UTC) have"),
        };
        let run = if shared { " this run" } else { "" };
        let aside = if none { String::new() } else { format!(", {reserved} is set aside for work under way") };
        format!(
            "{whose} spent {spent} of {limit}{aside}, and the next call may cost {next}; approve to allow{run} as much again"
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
    /// What others have spent could not be read.
    Uncounted(Box<ops::Error>),
}

/// A limit after a person has allowed as much again so often: as much beyond what is there, also where others have
/// spent more than the limit already.
fn raised(limit: Usd, others: Usd, times: u32) -> Usd {
    if times == 0 {
        return limit;
    }
    limit.max(others) + Usd::from_billionths(limit.billionths().saturating_mul(times.into()))
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
    /// The most the agent may spend in the run, over all its visits.
    pub agent_limit: Option<Usd>,
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

    /// The limits, as the next call finds them. Each approval allows as much again of the one it was asked for.
    fn limits(&self, next: Usd) -> impl Iterator<Item = OverLimit> {
        let Tariff { run_limit, budgets, others, .. } = self.tariff;
        let (others, day) = (others.get(), limit::day_of(ops::now()));
        // Of a day that has only begun, others are counted from the next question on.
        let today = if others.day == day { others.today } else { Usd::ZERO };
        let limits = [
            (Whose::Run, Some(*run_limit), Usd::ZERO),
            (Whose::Agent(self.agent.clone()), self.agent_limit, Usd::ZERO),
            (Whose::Project, budgets.project, others.project),
            (Whose::Day(day), budgets.day, today),
        ];
        limits.into_iter().filter_map(move |(whose, limit, others)| {
            let times = self.recorder.look(|progress| progress.times_allowed(&whose));
            let limit = raised(limit?, others, times);
            let (own, reserved) = self.recorder.spent(&whose);
            Some(OverLimit { whose, limit, spent: own + others, reserved, next })
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
        let call = UnderWay::begin(self, request, model, price, most);
        // The reservation, and what was answered and charged before it, go to disk while the model thinks.
        self.recorder.write_soon();
        let on_text = |piece: &str| {
            call.said.borrow_mut().push_str(piece);
            on_text(piece);
        };
        let answered = self.provider.complete(request, &on_text).await;
        let usage = match &answered {
            Ok(reply) => reply.usage,
            Err(error) => error.usage(),
        };
        call.end(&usage);
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
    pub fn stop(&self, why: Stopped) -> Error {
        *self.stopped.borrow_mut() = Some(why);
        Error::Cancelled
    }
}

/// A call that money is set aside for. When nobody waits for its end any longer (the deadline of all attempts has
/// passed, the visit was cancelled) it is dropped, and charged by what was asked and said till then.
struct UnderWay<'a, 'm, J: Journal> {
    metered: &'a Metered<'m, J>,
    request: &'a Request,
    model: &'a str,
    price: Option<Price>,
    /// Its entry in the ledger.
    key: String,
    /// What the model has said so far.
    said: RefCell<String>,
    has_ended: bool,
}

impl<'a, 'm, J: Journal> UnderWay<'a, 'm, J> {
    /// Sets the most aside that the call may cost.
    fn begin(
        metered: &'a Metered<'m, J>,
        request: &'a Request,
        model: &'a str,
        price: Option<Price>,
        most: Usd,
    ) -> Self {
        let key = metered.recorder.fresh_call(metered.visit);
        metered.recorder.charge(metered.entry(&key, model, &Usage::default(), most, Standing::Reserved));
        Self { metered, request, model, price, key, said: RefCell::default(), has_ended: false }
    }

    /// Charges what it has used.
    fn end(mut self, usage: &Usage) {
        self.has_ended = true;
        self.charge(usage);
    }

    fn charge(&self, usage: &Usage) {
        let (cost, standing) = match (usage.cost, self.price) {
            (Some(cost), _) => (cost, Standing::Settled),
            (None, Some(price)) if usage.estimated => (price::cost(&price, usage), Standing::Estimated),
            (None, Some(price)) => (price::cost(&price, usage), Standing::Settled),
            (None, None) => (Usd::ZERO, Standing::Unpriced),
        };
        let Metered { recorder, cost: spent, .. } = self.metered;
        spent.set(spent.get() + cost);
        recorder.charge(self.metered.entry(&self.key, self.model, usage, cost, standing));
    }
}

impl<J: Journal> Drop for UnderWay<'_, '_, J> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let said = self.said.borrow();
        let output_tokens = if said.is_empty() { 0 } else { text::tokens(&said) };
        let input_tokens = text::request_tokens(self.request);
        self.charge(&Usage { input_tokens, output_tokens, estimated: true, ..Usage::default() });
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
mod tests;
