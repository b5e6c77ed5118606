//! The metering proxy: the only way of an external agent to a model.
//!
//! It listens on this machine's loopback. Each attempt gets a key of its own, which stands for the upstream endpoint,
//! the real key and the caps; the real key never leaves this process except towards the upstream. Streams pass as they
//! come while their usage is read; what gives no usage is estimated, what breaks is charged. Past a cap every request
//! is refused and [`Grant::tripped`] resolves, which ends the loops that agents do not end themselves. Bodies and keys
//! are never logged. It does not retry, translate between wires, or choose models.

mod account;
mod reply;
mod serve;
mod usage;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use account::Account;
pub use account::Standing;
pub use usage::Usage;

use crate::domain::diagnose::{Diagnose, Kind};
use crate::domain::provider::Wire;
use crate::domain::redact::Secrets;
use crate::domain::time::Timestamp;
use crate::llm::guard;

/// A value that is not shown.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Takes a key in.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// How it is spoken to: `/chat/completions`, `/responses` and `/models`, or `/messages`.
    pub wire: Wire,
    /// The endpoint's address, as settings have it: with `/v1` where the endpoint has it, with or without
    /// `/chat/completions` or `/messages`.
    pub base: String,
    /// The real key.
    pub key: Key,
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Of the request.
    pub input: f64,
    /// Of the request, read from the provider's cache.
    pub cached: f64,
    /// Of the request, written to the provider's cache.
    pub cache_write: f64,
    /// Of the answer.
    pub output: f64,
}

/// What an attempt may use. Money is in billionths of a dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Requests that are passed on.
    pub requests: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// Money.
    pub cost: u64,
    /// Requests at once; more are asked to come again.
    pub concurrent: u32,
    /// From the opening to the last byte.
    pub wall: Duration,
    /// How often the same request may be sent.
    pub repeats: u32,
    /// The longest silence of the upstream.
    pub silence: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            requests: 300,
            tokens: 20_000_000,
            cost: 3_000_000_000,
            concurrent: 8,
            wall: Duration::from_mins(45),
            repeats: 8,
            silence: Duration::from_mins(5),
        }
    }
}

/// The cap an attempt ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// Too many requests.
    Requests,
    /// Too many tokens.
    Tokens,
    /// Too much money.
    Cost,
    /// Too long.
    Wall,
    /// The same request again and again.
    NoProgress,
    /// The upstream does not accept cgo's own key: no further request can succeed.
    Unauthorized,
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered in full.
    Served,
    /// Answered with an error, or not at all.
    Failed,
    /// The answer broke off, or the agent left.
    Cut,
    /// Not passed on.
    Refused(Cap),
}

/// One request, for the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// When it came.
    pub at: Timestamp,
    /// The model it asked for.
    pub model: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The status the agent saw.
    pub status: u16,
    /// What it used.
    pub usage: Usage,
    /// What it cost, in billionths of a dollar.
    pub cost: u64,
    /// From its first byte to the last of its answer.
    pub took: Duration,
}

/// Gets every record.
pub type Observer = Arc<dyn Fn(&Record) + Send + Sync>;
/// Sees every outbound body; what it returns is sent instead, what it refuses is not sent.
pub type Filter = Arc<dyn Fn(Vec<u8>) -> Result<Vec<u8>, String> + Send + Sync>;

/// The egress filter for these secrets: their handles are sent in their place, or, in strict mode, nothing is.
#[must_use]
pub fn egress(secrets: &Secrets) -> Filter {
    let secrets = secrets.clone();
    Arc::new(move |bytes| guard::body(&secrets, bytes))
}

/// Under which conditions an attempt reaches a model.
#[derive(Clone)]
pub struct Terms {
    /// Where its requests go.
    pub upstream: Upstream,
    /// The models it may ask for; another one is refused.
    pub models: Vec<(String, Price)>,
    /// What it may use.
    pub caps: Caps,
    /// Gets every record.
    pub observer: Observer,
    /// The egress filter.
    pub filter: Option<Filter>,
}

/// Why there is no meter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address to listen on.
    #[error("cannot open the metering proxy on the loopback interface")]
    Listen(#[source] io::Error),
    /// No client for upstreams.
    #[error("cannot prepare the connection to the model")]
    Client(#[source] reqwest::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Listen(_) => Kind::User,
            Self::Client(_) => Kind::Internal,
        }
    }
}

/// The accounts, by key.
struct Shared {
    address: SocketAddr,
    client: reqwest::Client,
    accounts: RwLock<HashMap<String, Arc<Account>>>,
}

/// The proxy. It ends with the value, and every connection with it.
pub struct Meter {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Meter {
    /// Listens on a free port of the loopback interface. Needs a tokio runtime.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let client = crate::net::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(20))
            .build()
            .map_err(Error::Client)?;
        let shared = Arc::new(Shared { address, client, accounts: RwLock::default() });
        let task = tokio::spawn(serve::serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Lets an attempt in.
    #[must_use]
    pub fn open(&self, terms: Terms) -> Grant {
        let key = format!("cgo-{:032x}", rand::rng().random::<u128>());
        let account = Arc::new(Account::new(terms));
        let mut accounts = self.shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(key.clone(), Arc::clone(&account));
        drop(accounts);
        Grant { shared: Arc::clone(&self.shared), key: Key::new(key), account }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The right of one attempt to reach a model; it ends with the value.
pub struct Grant {
    shared: Arc<Shared>,
    key: Key,
    account: Arc<Account>,
}

impl Grant {
    /// What the agent shows instead of a real key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Where the meter listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The wire of the upstream.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.account.terms.upstream.wire
    }

    /// The base address for agents that send the key: with `/v1` for the OpenAI wire, without for Anthropic's.
    #[must_use]
    pub fn base(&self) -> String {
        let end = if self.wire() == Wire::Openai { "/v1" } else { "" };
        format!("http://{}{end}", self.shared.address)
    }

    /// The base address for agents that send no key: the key is part of it.
    #[must_use]
    pub fn base_with_key(&self) -> String {
        let end = if self.wire() == Wire::Openai { "/v1" } else { "" };
        format!("http://{}/{}{end}", self.shared.address, self.key.reveal())
    }

    /// What was used so far.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.account.standing()
    }

    /// Resolves when the attempt has run into a cap. Can be dropped and repeated.
    pub async fn tripped(&self) -> Cap {
        self.account.tripped().await
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let mut accounts = self.shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.remove(self.key.reveal());
        drop(accounts);
        self.account.close();
    }
}
