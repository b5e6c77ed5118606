//! Asking a URL as a visitor would, once, with the time it took.

use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Serialize};

use super::http::{self, NoAnswer};
use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// What a URL answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The status code.
    pub status: u16,
    /// Where it sends the visitor instead.
    pub location: Option<String>,
    /// The beginning of the body on one line, without control characters.
    pub body: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Probe {
    /// A status from 200 to 299.
    #[must_use]
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why a URL did not answer. It is not known to be broken for everybody: a probe sees one moment from one place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be asked.
    #[error("cannot probe `{url}`: {reason}")]
    Unusable {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name has no address.
    #[error("cannot find the address of `{host}`")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// Nobody listens there.
    #[error("nobody listens at {url}")]
    Refused {
        /// The URL.
        url: String,
    },
    /// It took too long.
    #[error("{url} did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// The URL.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// Something answered, and not in HTTP.
    #[error("{url} broke off: {reason}")]
    Broken {
        /// The URL.
        url: String,
        /// How.
        reason: String,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unusable { .. } => Kind::Usage,
            Self::NoAddress { .. } | Self::Refused { .. } | Self::Timeout { .. } | Self::Broken { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        None
    }
}

/// Asks a URL. Redirects are reported, not followed.
///
/// # Errors
/// [`Error`]; a status that is not good is an answer, not an error.
pub async fn get(url: &str, timeout: Duration) -> Result<Probe, Error> {
    let unusable = |reason| Error::Unusable { url: url.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|_| unusable("it is no URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(unusable("only http is probed"));
    }
    let authority = uri.authority().ok_or_else(|| unusable("it names no host"))?;
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let no_address = || Error::NoAddress { host: host.to_owned() };
    let mut addresses =
        tokio::net::lookup_host((bare, authority.port_u16().unwrap_or(80))).await.map_err(|_| no_address())?;
    let address = addresses.next().ok_or_else(no_address)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    match http::get(address, authority.as_str(), path, timeout).await {
        Ok(answer) => Ok(Probe {
            status: answer.status,
            location: answer.location,
            body: answer.body,
            took_ms: u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        }),
        Err(NoAnswer::Refused) => Err(Error::Refused { url: url.to_owned() }),
        Err(NoAnswer::Timeout) => Err(Error::Timeout { url: url.to_owned(), after: timeout }),
        Err(NoAnswer::Broken(reason)) => Err(Error::Broken { url: url.to_owned(), reason }),
    }
}
