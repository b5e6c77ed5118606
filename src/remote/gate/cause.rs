//! What a health gate found: the report of a release that passed, or the cause why one did not.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::exec::Exit;
use crate::exec::identity::Identity;
use crate::remote::ports::PortHolder;

/// A release that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// The process that gave every good answer.
    pub instance: Identity,
    /// Times it was asked.
    pub asked: u32,
    /// From the first question to the last answer, in milliseconds.
    pub took_ms: u64,
    /// How long the last answer took, in milliseconds.
    pub answer_ms: u64,
}

/// A release that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateFailure {
    /// Why.
    pub cause: Cause,
    /// The last lines it wrote, without control characters.
    pub evidence: Vec<String>,
    /// Times it was asked.
    pub asked: u32,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
}

/// Why a release may not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It could not be started at all.
    NotStarted {
        /// Why.
        reason: String,
    },
    /// Its process ended.
    Crashed {
        /// How, where that is known.
        exit: Option<Exit>,
    },
    /// It was restarted, or stopped, while it was asked.
    Replaced,
    /// It runs and listens nowhere.
    NeverListened {
        /// Where it should.
        port: u16,
    },
    /// It listens, but on other ports.
    WrongPort {
        /// Where it should.
        port: u16,
        /// Where it does.
        listens_on: Vec<SocketAddr>,
    },
    /// It listens on the right port of an address it is not asked at.
    WrongAddress {
        /// Where it should.
        asked_at: SocketAddr,
        /// Where it does.
        listens_on: Vec<SocketAddr>,
    },
    /// Somebody else listens on its port.
    ForeignListener {
        /// The port.
        port: u16,
        /// Who, where that can be seen.
        by: Option<PortHolder>,
    },
    /// It answers, and not well.
    BadStatus {
        /// The status code.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// It sends the visitor elsewhere.
    Redirect {
        /// The status code.
        status: u16,
        /// Where to.
        location: String,
    },
    /// It accepts connections and does not answer in time.
    Timeout {
        /// The time it had for each answer, in milliseconds.
        after_ms: u64,
    },
    /// It ends the connection, or does not speak HTTP.
    Broken {
        /// How.
        reason: String,
    },
    /// It answers well and badly by turns.
    Flapped {
        /// Good answers in all.
        good: u32,
        /// The last bad one.
        bad: String,
    },
}

impl fmt::Display for Cause {
    /// One line that says what was seen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::NotStarted { reason } => write!(f, "it could not be started: {reason}"),
            Self::Crashed { exit: Some(exit) } => write!(f, "its process ended with {exit}"),
            Self::Crashed { exit: None } => f.write_str("its process ended"),
            Self::Replaced => f.write_str("its process was replaced while it was asked"),
            Self::NeverListened { port } => write!(
                f,
                "it runs, and did not begin to listen on port {port}: it boots slowly, or waits for something"
            ),
            Self::WrongPort { port, listens_on } => {
                write!(f, "it listens on {} instead of port {port}", list(listens_on))
            }
            Self::WrongAddress { asked_at, listens_on } => {
                write!(f, "it listens on {} only and cannot be reached at {asked_at}", list(listens_on))
            }
            Self::ForeignListener { port, by: Some(by) } => write!(f, "its port {port} is taken by {by}"),
            Self::ForeignListener { port, by: None } => write!(f, "its port {port} is taken by another process"),
            Self::BadStatus { status, body } if body.is_empty() => write!(f, "it answered with status {status}"),
            Self::BadStatus { status, body } => write!(f, "it answered with status {status}: {body}"),
            Self::Redirect { status, location } => write!(f, "it answered with a redirect ({status}) to {location}"),
            Self::Timeout { after_ms } => write!(f, "it accepted a connection and did not answer within {after_ms} ms"),
            Self::Broken { reason } => write!(f, "it broke the connection off: {reason}"),
            Self::Flapped { good, bad } => {
                write!(f, "it gave {good} good answer(s), but not in a row; the last bad one: {bad}")
            }
        }
    }
}
