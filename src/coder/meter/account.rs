//! What one attempt may use, has used and is using.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::usage::Usage;
use super::{Cap, Outcome, Price, Record, Terms};
use crate::domain::money::Usd;
use crate::domain::time::Timestamp;

/// Tokens an answer is taken to have at most, when the request does not say.
const USUAL_ANSWER: u64 = 8192;

/// What an attempt has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Standing {
    /// Requests that were passed on.
    pub requests: u64,
    /// Requests that were not.
    pub refused: u64,
    /// Tokens, of all answered, failed and cut requests.
    pub usage: Usage,
    /// Money, in billionths of a dollar.
    pub cost: u64,
    /// How the last request that was passed on ended, and with which status.
    pub last: Option<(Outcome, u16)>,
    /// The cap it ran into.
    pub cap: Option<Cap>,
}

#[derive(Default)]
struct State {
    standing: Standing,
    running: u32,
    reserved_tokens: u64,
    reserved_cost: u64,
    seen: HashMap<[u8; 32], u32>,
}

pub(super) struct Account {
    pub(super) terms: Terms,
    opened: Instant,
    tripped: CancellationToken,
    closed: CancellationToken,
    state: Mutex<State>,
}

/// Why a request is not passed on.
pub(super) enum Refusal {
    Cap(Cap),
    Busy,
    UnknownModel,
}

impl Account {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            opened: Instant::now(),
            tripped: CancellationToken::new(),
            closed: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn standing(&self) -> Standing {
        self.state().standing
    }

    pub(super) async fn tripped(&self) -> Cap {
        self.tripped.cancelled().await;
        self.standing().cap.expect("the token is cancelled after the cap is set")
    }

    /// Ends what is under way.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Resolves when nothing more may come through: the time is over or the attempt is.
    pub(super) async fn over(&self) {
        tokio::select! {
            () = tokio::time::sleep_until(self.opened + self.terms.caps.wall) => self.trip(Cap::Wall),
            () = self.closed.cancelled() => {}
        }
    }

    pub(super) fn trip(&self, cap: Cap) {
        self.state().standing.cap.get_or_insert(cap);
        self.tripped.cancel();
    }

    fn price(&self, model: &str) -> Option<Price> {
        self.terms.models.iter().find(|(name, _)| name == model).map(|(_, price)| *price)
    }

    /// Admits a request and reserves the most it is likely to use; the reservation is settled or, when it is dropped,
    /// charged as cut.
    pub(super) fn admit(self: &Arc<Self>, model: &str, body: &[u8], most: Option<u64>) -> Result<Pending, Refusal> {
        let Some(price) = self.price(model) else { return Err(Refusal::UnknownModel) };
        let caps = &self.terms.caps;
        let input = super::usage::estimate(body.len() as u64);
        let worst = Usage { input, output: most.unwrap_or(USUAL_ANSWER), ..Usage::default() };
        let cost = cost(price, worst);
        let mut state = self.state();
        let hash: [u8; 32] = Sha256::digest(body).into();
        let seen = state.seen.entry(hash).or_default();
        *seen += 1;
        let repeated = *seen > caps.repeats;
        let cap = if let Some(cap) = state.standing.cap {
            Some(cap)
        } else if self.opened.elapsed() >= caps.wall {
            Some(Cap::Wall)
        } else if repeated {
            Some(Cap::NoProgress)
        } else if state.standing.requests >= caps.requests {
            Some(Cap::Requests)
        } else if state.standing.usage.tokens() + state.reserved_tokens + worst.tokens() > caps.tokens {
            Some(Cap::Tokens)
        } else if state.standing.cost + state.reserved_cost + cost > caps.cost {
            Some(Cap::Cost)
        } else {
            None
        };
        if let Some(cap) = cap {
            state.standing.refused += 1;
            let first = state.standing.refused == 1 || state.standing.cap.is_none();
            drop(state);
            self.trip(cap);
            if first {
                (self.terms.observer)(&Record {
                    at: now(),
                    model: model.to_owned(),
                    outcome: Outcome::Refused(cap),
                    status: super::reply::CAP_STATUS.as_u16(),
                    usage: Usage::default(),
                    cost: 0,
                    took: Duration::ZERO,
                });
            }
            return Err(Refusal::Cap(cap));
        }
        if state.running >= caps.concurrent {
            // It comes again, and that is no repetition.
            state.seen.entry(hash).and_modify(|seen| *seen -= 1);
            return Err(Refusal::Busy);
        }
        state.running += 1;
        state.standing.requests += 1;
        state.reserved_tokens += worst.tokens();
        state.reserved_cost += cost;
        drop(state);
        Ok(Pending {
            account: Arc::clone(self),
            model: model.to_owned(),
            price,
            reserved: (worst.tokens(), cost),
            input,
            began: (now(), Instant::now()),
            sent: false,
            settled: false,
        })
    }
}

/// A request under way.
pub(super) struct Pending {
    account: Arc<Account>,
    model: String,
    price: Price,
    reserved: (u64, u64),
    /// Tokens of the request, estimated.
    pub(super) input: u64,
    began: (Timestamp, Instant),
    /// It went out: from here on it may cost.
    pub(super) sent: bool,
    settled: bool,
}

impl Pending {
    /// Charges it. What the endpoint itself says it costs comes before the price.
    pub(super) fn settle(&mut self, outcome: Outcome, status: u16, usage: Usage, told: Option<Usd>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let cost = told.map_or_else(|| cost(self.price, usage), Usd::billionths);
        let mut state = self.account.state();
        state.running -= 1;
        state.reserved_tokens -= self.reserved.0;
        state.reserved_cost -= self.reserved.1;
        state.standing.usage.add(usage);
        state.standing.cost += cost;
        state.standing.last = Some((outcome, status));
        drop(state);
        let (at, began) = self.began;
        let took = began.elapsed();
        (self.account.terms.observer)(&Record { at, model: self.model.clone(), outcome, status, usage, cost, took });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let input = if self.sent { self.input } else { 0 };
        self.settle(Outcome::Cut, 0, Usage { input, estimated: self.sent, ..Usage::default() }, None);
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// Billionths of a dollar, rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "estimates")]
fn cost(price: Price, usage: Usage) -> u64 {
    let plain = usage.input.saturating_sub(usage.cached + usage.cache_write) as f64;
    let dollars_a_million = plain * price.input
        + usage.cached as f64 * price.cached
        + usage.cache_write as f64 * price.cache_write
        + usage.output as f64 * price.output;
    // Millionths of a dollar times a thousand.
    (dollars_a_million * 1000.0).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_counts_each_kind_of_token_once() {
        let price = Price { input: 3.0, cached: 0.3, cache_write: 3.75, output: 15.0 };
        let usage = Usage { input: 1000, cached: 600, cache_write: 300, output: 10, estimated: false };
        // 100 × 3 + 600 × 0.3 + 300 × 3.75 + 10 × 15 millionths.
        assert_eq!(cost(price, usage), 1_755_000);
        assert_eq!(cost(price, Usage::default()), 0);
    }
}
