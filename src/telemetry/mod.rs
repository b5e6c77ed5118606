//! Spans for OpenTelemetry, sent over OTLP/HTTP as JSON. Off unless an endpoint is set with the standard variables.
//!
//! Our own few lines instead of the SDK: a span here is ids, times and a handful of attributes, and nothing of it may
//! delay or fail a run. The queue is bounded, what does not fit is dropped, a batch is sent once, and the
//! end waits at most [`LAST`]. What a span says is decided in [`crate::pipeline::traced`]; [`settings`] reads the
//! variables.

pub mod settings;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use settings::Settings;

/// How long the end of the program waits for the last spans.
pub const LAST: Duration = Duration::from_secs(1);
/// The most spans that wait to be sent: those of a run of about 500 steps.
const QUEUE: usize = 2048;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others.
const EVERY: Duration = Duration::from_secs(5);

/// A value of an attribute. There are no long ones: what people or models wrote has no place in a span.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A name or an id.
    Text(String),
    /// A count.
    Int(u64),
    /// An amount.
    Float(f64),
    /// A fact.
    Bool(bool),
}

/// What a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work in this process.
    Internal,
    /// A question to another.
    Client,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing is said about it.
    Unset,
    /// Well.
    Ok,
    /// Not well.
    Error,
}

/// One span, begun and ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Names the whole.
    pub trace: [u8; 16],
    /// Names the span.
    pub id: [u8; 8],
    /// The span it is part of.
    pub parent: Option<[u8; 8]>,
    /// What happened, in few words that are the same each time.
    pub name: String,
    /// What it is about.
    pub kind: SpanKind,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// How it ended.
    pub status: Status,
}

#[derive(Default)]
struct Queue {
    spans: Vec<Span>,
    /// Why spans are lost, in words; told once.
    trouble: Option<String>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// It is time to send.
    due: Notify,
    /// Nothing comes after what waits now.
    closing: AtomicBool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what waits, in batches. Each is sent once: a collector that is gone gets no second chance.
    async fn send(&self, sender: &wire::Sender) {
        loop {
            let batch: Vec<Span> = {
                let mut queue = self.queue();
                let count = queue.spans.len().min(BATCH);
                queue.spans.drain(..count).collect()
            };
            if batch.is_empty() {
                return;
            }
            if let Err(trouble) = sender.send(&batch).await {
                self.queue().trouble.get_or_insert(trouble);
                return;
            }
        }
    }
}

/// Takes spans and sends them beside the work.
pub struct Exporter {
    shared: Arc<Shared>,
    shown: String,
    task: JoinHandle<()>,
}

impl Exporter {
    /// An exporter to the endpoint of the settings. Needs a tokio runtime.
    ///
    /// # Errors
    /// In words, when the settings cannot be used.
    pub fn start(settings: &Settings) -> Result<Self, String> {
        let sender = wire::Sender::new(settings)?;
        let shown = sender.shown();
        let shared = Arc::new(Shared { queue: Mutex::default(), due: Notify::new(), closing: AtomicBool::new(false) });
        let theirs = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                // Either way it is time.
                let _ = tokio::time::timeout(EVERY, theirs.due.notified()).await;
                let last = theirs.closing.load(Ordering::Acquire);
                theirs.send(&sender).await;
                if last {
                    return;
                }
            }
        });
        Ok(Self { shared, shown, task })
    }

    /// Takes a span. Never waits.
    pub fn take(&self, span: Span) {
        let mut queue = self.shared.queue();
        if queue.spans.len() >= QUEUE {
            queue.trouble.get_or_insert_with(|| "there were too many at once".to_owned());
            return;
        }
        queue.spans.push(span);
        if queue.spans.len() >= BATCH {
            self.shared.due.notify_one();
        }
    }

    /// Sends the rest, for [`LAST`] at most. What was lost, in words, if anything was.
    pub async fn finish(mut self) -> Option<String> {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.due.notify_one();
        let late = tokio::time::timeout(LAST, &mut self.task).await.is_err();
        self.task.abort();
        let mut queue = self.shared.queue();
        if late {
            queue.trouble.get_or_insert_with(|| format!("it did not answer within {} s", LAST.as_secs()));
        }
        let trouble = queue.trouble.take()?;
        Some(format!("spans were not delivered to {}: {trouble}", self.shown))
    }
}
