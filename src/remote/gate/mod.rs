//! Whether a release that was started may serve: asked directly, several times, of one and the same process.
//!
//! Says no with the cause, as data, and with the last lines the release wrote. Works with every driver; starting and
//! stopping the release is the caller's work.

mod cause;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

pub use cause::{Cause, GateFailure, GateReport};

use super::error;
use super::http::{self, Answer, NoAnswer};
use super::ports;
use super::runtime::{Runtime, SlotState, SlotStatus, Which};
use crate::domain::deployment::Slot;
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec::identity::Identity;

/// How often the process is looked at while an answer is waited for.
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// Lines of the release's output a failure carries.
const EVIDENCE_LINES: usize = 20;
/// Redirects in a row after which waiting longer is pointless: they are configured, not a matter of booting.
const MAX_REDIRECTS: u32 = 3;

/// How a release is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateOptions {
    /// The path, beginning with `/`.
    pub path: String,
    /// The `Host` header: the name visitors will use.
    pub host: String,
    /// Good answers in a row that are needed.
    pub good: u32,
    /// The pause between two good answers.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How long all may take.
    pub deadline: Duration,
}

impl GateOptions {
    /// Three good answers, 200 ms apart, each within 5 s, all within a minute.
    #[must_use]
    pub fn new(host: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            host: host.into(),
            good: 3,
            interval: Duration::from_millis(200),
            timeout: Duration::from_secs(5),
            deadline: Duration::from_mins(1),
        }
    }
}

/// Why a gate did not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The release is not fit to serve.
    #[error("the release in slot {} did not pass its health gate: {}", slot.as_str(), failure.cause)]
    Unhealthy {
        /// Its slot.
        slot: Slot,
        /// What was seen.
        failure: Box<GateFailure>,
    },
    /// cgo was asked to stop.
    #[error("the health gate was interrupted")]
    Cancelled,
    /// It could not be found out.
    #[error(transparent)]
    Runtime(#[from] error::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unhealthy { .. } => Kind::Gate,
            Self::Cancelled => Kind::Interrupted,
            Self::Runtime(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Unhealthy { .. } | Self::Cancelled => None,
            Self::Runtime(error) => error.advice(),
        }
    }
}

/// What one look came to.
enum Seen {
    Good(Answer),
    Bad(Cause),
    Final(Cause),
}

/// Asks the release in a slot until it has answered well often enough in a row, or fails.
///
/// Fails at once when its process ends; changes nothing, so it can be cancelled and repeated.
///
/// # Errors
/// [`Error`].
pub async fn wait_healthy<R: Runtime>(
    runtime: &R,
    slot: Slot,
    options: &GateOptions,
    cancel: &CancellationToken,
) -> Result<GateReport, Error> {
    let gate = Gate { runtime, slot, options, begun: Instant::now() };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::Cancelled),
        outcome = gate.wait() => outcome,
    }
}

struct Gate<'a, R> {
    runtime: &'a R,
    slot: Slot,
    options: &'a GateOptions,
    begun: Instant,
}

impl<R: Runtime> Gate<'_, R> {
    async fn wait(&self) -> Result<GateReport, Error> {
        let (mut asked, mut in_a_row, mut in_all, mut redirects) = (0, 0, 0, 0);
        let mut bad = None;
        let first = self.look().await?;
        let Some(instance) = first.process.clone().filter(|_| first.state == SlotState::Running) else {
            return self.fail(ended(&first), asked).await;
        };
        let port = first.port.unwrap_or(0);
        loop {
            asked += 1;
            let seen = tokio::select! {
                seen = self.ask(port) => seen,
                end = self.watch(&instance, &first) => Seen::Final(end?),
            };
            // An answer counts only when it is still the same process.
            let seen = match self.changed(&instance, &first).await? {
                Some(cause) => Seen::Final(cause),
                None => seen,
            };
            match seen {
                Seen::Final(cause) => return self.fail(cause, asked).await,
                Seen::Good(answer) => {
                    in_a_row += 1;
                    in_all += 1;
                    redirects = 0;
                    if in_a_row >= self.options.good {
                        if let Some(cause) = self.foreign(port).await? {
                            return self.fail(cause, asked).await;
                        }
                        let (took_ms, answer_ms) = (milliseconds(self.begun.elapsed()), milliseconds(answer.took));
                        return Ok(GateReport { instance, asked, took_ms, answer_ms });
                    }
                }
                Seen::Bad(cause) => {
                    in_a_row = 0;
                    redirects = if matches!(cause, Cause::Redirect { .. }) { redirects + 1 } else { 0 };
                    // An answer that the deadline cut short says less than one before it.
                    let cut = matches!(cause, Cause::Timeout { .. }) && self.is_over();
                    if !cut || matches!(bad, None | Some(Cause::NeverListened { .. })) {
                        bad = Some(cause);
                    }
                }
            }
            if self.is_over() || redirects >= MAX_REDIRECTS {
                let cause = match bad {
                    Some(bad) if in_all > 0 => Cause::Flapped { good: in_all, bad: bad.to_string() },
                    Some(bad) => self.explain(bad, port).await?,
                    // Well so far, and too late to tell whether it stays so.
                    None => Cause::Timeout { after_ms: milliseconds(self.options.deadline) },
                };
                return self.fail(cause, asked).await;
            }
            self.pause(in_a_row > 0, &instance, &first).await;
        }
    }

    /// Between good answers the set pause; before the first good one often at first, then more seldom.
    async fn pause(&self, good: bool, instance: &Identity, first: &SlotStatus) {
        let waited = self.begun.elapsed();
        let pause = if good {
            self.options.interval
        } else if waited < Duration::from_secs(5) {
            WATCH_EVERY
        } else {
            Duration::from_millis(500)
        };
        tokio::select! {
            () = tokio::time::sleep(pause.min(self.options.deadline.saturating_sub(waited))) => {}
            // The next question finds out what it was.
            _ = self.watch(instance, first) => {}
        }
    }

    fn is_over(&self) -> bool {
        self.begun.elapsed() >= self.options.deadline
    }

    async fn ask(&self, port: u16) -> Seen {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let left = self.options.deadline.saturating_sub(self.begun.elapsed()).max(Duration::from_millis(1));
        let timeout = self.options.timeout.min(left);
        match http::get(address, &self.options.host, &self.options.path, timeout).await {
            Ok(answer) if (200..300).contains(&answer.status) => Seen::Good(answer),
            Ok(Answer { status, location: Some(location), .. }) if (300..400).contains(&status) => {
                Seen::Bad(Cause::Redirect { status, location })
            }
            Ok(Answer { status, body, .. }) => Seen::Bad(Cause::BadStatus { status, body }),
            Err(NoAnswer::Refused) => Seen::Bad(Cause::NeverListened { port }),
            Err(NoAnswer::Timeout) => Seen::Bad(Cause::Timeout { after_ms: milliseconds(timeout) }),
            Err(NoAnswer::Broken(reason)) => Seen::Bad(Cause::Broken { reason }),
        }
    }

    async fn look(&self) -> Result<SlotStatus, Error> {
        let status = self.runtime.inspect().await?;
        Ok(status.map(|status| status.slots.get(self.slot).clone()).unwrap_or_default())
    }

    /// Why this is not the process any more that was asked first.
    async fn changed(&self, instance: &Identity, first: &SlotStatus) -> Result<Option<Cause>, Error> {
        let now = self.look().await?;
        let same = now.process.as_ref() == Some(instance)
            && now.generation == first.generation
            && matches!(now.state, SlotState::Running | SlotState::Unsupervised);
        Ok((!same).then(|| ended(&now)))
    }

    /// Waits until the process is not the same any more.
    async fn watch(&self, instance: &Identity, first: &SlotStatus) -> Result<Cause, Error> {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            if let Some(cause) = self.changed(instance, first).await? {
                return Ok(cause);
            }
        }
    }

    /// Who gives the answers, when it is not the release.
    async fn foreign(&self, port: u16) -> Result<Option<Cause>, Error> {
        let listeners = self.runtime.listeners(self.slot).await?;
        if listeners.iter().any(|address| address.port() == port) {
            return Ok(None);
        }
        match ports::holder(port)? {
            // Sockets that may not be looked at prove nothing.
            None => Ok(None),
            by => Ok(Some(Cause::ForeignListener { port, by })),
        }
    }

    /// A better word for a connection that was refused to the end.
    async fn explain(&self, cause: Cause, port: u16) -> Result<Cause, Error> {
        if !matches!(cause, Cause::NeverListened { .. }) {
            return Ok(cause);
        }
        let listens_on = self.runtime.listeners(self.slot).await?;
        let on_port: Vec<SocketAddr> = listens_on.iter().copied().filter(|address| address.port() == port).collect();
        let asked_at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(if on_port.iter().any(|address| address.ip().is_unspecified() || *address == asked_at) {
            // It began to listen a moment ago.
            Cause::Timeout { after_ms: milliseconds(self.options.deadline) }
        } else if !on_port.is_empty() {
            Cause::WrongAddress { asked_at, listens_on: on_port }
        } else if listens_on.is_empty() {
            cause
        } else {
            Cause::WrongPort { port, listens_on }
        })
    }

    async fn fail(&self, cause: Cause, asked: u32) -> Result<GateReport, Error> {
        // Not being able to show the lines does not change the verdict.
        let evidence = self.runtime.tail(Which::Slot(self.slot), EVIDENCE_LINES).await;
        let evidence = evidence.unwrap_or_else(|error| vec![format!("(its log cannot be read: {error})")]);
        let evidence = evidence.into_iter().filter(|line| !line.trim().is_empty()).collect();
        let failure = GateFailure { cause, evidence, asked, took_ms: milliseconds(self.begun.elapsed()) };
        Err(Error::Unhealthy { slot: self.slot, failure: Box::new(failure) })
    }
}

/// Why a slot's process does not run, from what its driver says.
fn ended(status: &SlotStatus) -> Cause {
    match (&status.problem, &status.last_exit) {
        (Some(reason), _) => Cause::NotStarted { reason: reason.clone() },
        (None, Some(last)) if last.generation == status.generation && !last.asked => Cause::Crashed { exit: last.exit },
        _ => Cause::Replaced,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
