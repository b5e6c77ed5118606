//! The one owner of trying again: class by attempt, then the fallback model, then the error.
//!
//! Providers ask once and know nothing of this. Every attempt that failed is told to an observer before anything else
//! happens, because it is shown and paid for.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Error, OnText, Provider, Reply, Request, Trouble};

/// How often and how patiently one kind of trouble is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// How often the model is asked in all while this is the trouble.
    pub attempts: u32,
    /// The wait after the first; it doubles.
    pub wait: Duration,
    /// The longest wait, unless the provider names one.
    pub longest: Duration,
}

/// The table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// [`Trouble::RateLimited`].
    pub rate_limited: Row,
    /// [`Trouble::Overloaded`].
    pub overloaded: Row,
    /// [`Trouble::Upstream`].
    pub upstream: Row,
    /// [`Trouble::Network`].
    pub network: Row,
    /// [`Trouble::Timeout`].
    pub timeout: Row,
    /// How often a model is asked in all, whatever the troubles.
    pub attempts: u32,
    /// The longest the whole may take, waits and the fallback model included.
    pub deadline: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let row = |attempts, wait, longest| Row {
            attempts,
            wait: Duration::from_millis(wait),
            longest: Duration::from_secs(longest),
        };
        Self {
            rate_limited: row(6, 2000, 60),
            overloaded: row(5, 4000, 60),
            upstream: row(4, 1000, 20),
            network: row(4, 500, 10),
            timeout: row(2, 1000, 10),
            attempts: 8,
            deadline: Duration::from_mins(15),
        }
    }
}

impl Policy {
    /// The row for a trouble.
    #[must_use]
    pub fn row(&self, trouble: Trouble) -> Row {
        match trouble {
            Trouble::RateLimited => self.rate_limited,
            Trouble::Overloaded => self.overloaded,
            Trouble::Upstream => self.upstream,
            Trouble::Network => self.network,
            Trouble::Timeout => self.timeout,
        }
    }

    /// How long to wait before asking again; none when it has been asked often enough. `met` is how often this
    /// trouble has come, `asked` how often the model was asked, `chance` from 0 to 1.
    #[must_use]
    pub fn wait(
        &self,
        trouble: Trouble,
        after: Option<Duration>,
        met: u32,
        asked: u32,
        chance: f64,
    ) -> Option<Duration> {
        let row = self.row(trouble);
        if met >= row.attempts || asked >= self.attempts {
            return None;
        }
        let own = row.wait.saturating_mul(2_u32.saturating_pow(met.saturating_sub(1))).min(row.longest);
        Some(match after {
            // Never sooner than told; a little later, so that not everybody comes back at once.
            Some(after) => after + row.wait.min(after / 10).mul_f64(chance),
            None => own / 2 + (own / 2).mul_f64(chance),
        })
    }
}

/// Time and chance, so that tests need neither.
pub trait World {
    /// How much time has gone by since some moment in the past.
    fn elapsed(&self) -> Duration;
    /// Lets time go by.
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>>;
    /// A number from 0 to 1.
    fn chance(&self) -> f64;
}

/// The real ones.
#[derive(Debug, Clone, Copy)]
pub struct Real(Instant);

impl Default for Real {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl World for Real {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
    fn chance(&self) -> f64 {
        rand::random()
    }
}

/// A world for answers that are there already: no time goes by, and nothing is left to chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told;

impl World for Told {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(std::future::ready(()))
    }
    fn chance(&self) -> f64 {
        0.5
    }
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Counts from 1, over all models.
    pub number: u32,
    /// The model; empty for the provider's default.
    pub model: &'a str,
    /// Why, and what it used all the same.
    pub error: &'a Error,
    /// What follows.
    pub next: Next<'a>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// The same is asked again after a while.
    Again(Duration),
    /// Another model is asked at once.
    Fallback(&'a str),
    /// Nobody is asked again.
    GivenUp,
}

/// Whoever asks, with everything it takes.
pub struct Owner<'a> {
    /// Who is asked.
    pub provider: &'a dyn Provider,
    /// The table.
    pub policy: Policy,
    /// Time and chance.
    pub world: &'a dyn World,
    /// Told of each attempt that failed.
    pub observer: &'a dyn Fn(&Attempt<'_>),
    /// Cancelled when nobody wants the answer any more.
    pub cancel: &'a CancellationToken,
}

impl Owner<'_> {
    /// Asks until there is an answer or no sense in asking. May be dropped at any time.
    ///
    /// # Errors
    /// The last error; [`Error::Cancelled`]; [`Trouble::Timeout`] when the deadline passed first.
    pub async fn ask(&self, request: &Request, on_text: OnText<'_>) -> Result<Reply, Error> {
        let end = self.world.elapsed() + self.policy.deadline;
        let fallback = self.provider.fallback().filter(|fallback| *fallback != request.model);
        let mut number = 0;
        match self.ask_one(request, fallback, on_text, end, &mut number).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(error),
            None => {
                let other = Request { model: fallback.unwrap_or_default().to_owned(), ..request.clone() };
                let answered = self.ask_one(&other, None, on_text, end, &mut number).await;
                answered.expect("without a fallback the outcome is an answer or an error")
            }
        }
    }

    /// Asks one model; none when the fallback is to be asked.
    async fn ask_one(
        &self,
        request: &Request,
        fallback: Option<&str>,
        on_text: OnText<'_>,
        end: Duration,
        number: &mut u32,
    ) -> Option<Result<Reply, Error>> {
        let mut met: Vec<Trouble> = Vec::new();
        loop {
            *number += 1;
            let error = match self.attempt(request, on_text, end).await {
                Ok(reply) => return Some(Ok(reply)),
                Err(error) => error,
            };
            let left = end.saturating_sub(self.world.elapsed());
            let next = match &error {
                Error::Retry { trouble, after, .. } => {
                    met.push(*trouble);
                    let same = met.iter().filter(|before| *before == trouble).count();
                    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
                    let wait = self.policy.wait(*trouble, *after, count(same), count(met.len()), self.world.chance());
                    match (wait.filter(|wait| *wait < left), fallback) {
                        (Some(wait), _) => Next::Again(wait),
                        (None, Some(fallback)) if !left.is_zero() => Next::Fallback(fallback),
                        (None, _) => Next::GivenUp,
                    }
                }
                Error::Permanent { .. } | Error::Incomplete { .. } | Error::Unanswerable { .. } | Error::Cancelled => {
                    Next::GivenUp
                }
            };
            (self.observer)(&Attempt { number: *number, model: &request.model, error: &error, next });
            match next {
                Next::GivenUp => return Some(Err(error)),
                Next::Fallback(_) => return None,
                Next::Again(wait) => {
                    tokio::select! {
                        () = self.world.sleep(wait) => {}
                        () = self.cancel.cancelled() => return Some(Err(Error::Cancelled)),
                    }
                }
            }
        }
    }

    async fn attempt(&self, request: &Request, on_text: OnText<'_>, end: Duration) -> Result<Reply, Error> {
        let left = end.saturating_sub(self.world.elapsed());
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Cancelled),
            answer = self.provider.complete(request, on_text) => answer,
            () = self.world.sleep(left) => {
                let input_tokens = super::wire::text::request_tokens(request);
                Err(Error::Retry {
                    trouble: Trouble::Timeout,
                    after: None,
                    reason: format!("`{}` had no answer after {} s in all", self.provider.name(), self.policy.deadline.as_secs()),
                    usage: super::Usage { input_tokens, estimated: true, ..super::Usage::default() },
                })
            }
        }
    }
}
