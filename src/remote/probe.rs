//! Asking a URL as a visitor would, once, with the time it took.

use std::time::{Duration, Instant};

use hyper::Uri;
use hyper::header::{ACCEPT, LOCATION};
use serde::{Deserialize, Serialize};

use super::http::{self, NoAnswer};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec::capture::clean_line;
use crate::net;

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
    /// Somebody listens there, and has no certificate to show.
    #[error("{url} shows no certificate")]
    NoCertificate {
        /// The URL.
        url: String,
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
            Self::NoAddress { .. }
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::NoCertificate { .. }
            | Self::Broken { .. } => Kind::User,
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
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return secure(url, timeout).await,
        _ => return Err(unusable("only http and https are probed")),
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

/// The same over a secure connection. Whoever vouches for the certificate: that is looked at, with its dates, by
/// [`super::caddy::certificate`].
async fn secure(url: &str, timeout: Duration) -> Result<Probe, Error> {
    let begun = Instant::now();
    let unusable = |reason| Error::Unusable { url: url.to_owned(), reason };
    let client = net::builder()
        .user_agent(concat!("cgo/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .tls_danger_accept_invalid_certs(true)
        .timeout(timeout)
        .build()
        .map_err(|_| unusable("no secure connection can be set up here"))?;
    let failed = |error: &reqwest::Error| {
        let url = url.to_owned();
        match net::cause(error) {
            _ if error.is_timeout() => Error::Timeout { url, after: timeout },
            _ if net::speaks_no_tls(error) => Error::NoCertificate { url },
            reason if error.is_connect() && reason.contains("refused") => Error::Refused { url },
            reason => Error::Broken { url, reason },
        }
    };
    let mut response = client.get(url).header(ACCEPT, "*/*").send().await.map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    while bytes.len() < http::BODY_LIMIT
        && let Some(more) = response.chunk().await.map_err(|error| failed(&error))?
    {
        bytes.extend_from_slice(&more[..more.len().min(http::BODY_LIMIT - bytes.len())]);
    }
    let location = response.headers().get(LOCATION);
    Ok(Probe {
        status: response.status().as_u16(),
        location: location.map(|value| clean_line(&String::from_utf8_lossy(value.as_bytes()))),
        body: http::shown(&bytes),
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    /// A listener whose first visitor is told `words`, or is left waiting.
    async fn told(words: Option<&'static str>) -> (String, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            match words {
                Some(words) => stream.write_all(words.as_bytes()).await.unwrap(),
                None => std::future::pending().await,
            }
        });
        (url, task)
    }

    #[tokio::test]
    async fn a_status_and_a_redirect_are_answers() {
        let (url, _task) = told(Some("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nok")).await;
        let probe = get(&url, SOON).await.unwrap();
        assert_eq!((probe.status, probe.location.as_deref(), probe.body.as_str()), (302, Some("/x"), "ok"));
        assert!(!probe.is_good());
    }

    #[tokio::test]
    async fn no_answer_is_told_from_a_late_and_from_a_strange_one() {
        let (url, task) = told(None).await;
        assert!(matches!(get(&url, SOON).await, Err(Error::Timeout { .. })));
        task.abort();
        let _ = task.await;
        assert!(matches!(get(&url, SOON).await, Err(Error::Refused { .. })));
        let (url, _task) = told(Some("SSH-2.0-OpenSSH\r\n")).await;
        assert!(matches!(get(&url, SOON).await, Err(Error::Broken { .. })));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_refused() {
        for url in ["", "/health", "ftp://example.org/", "http://"] {
            assert!(matches!(get(url, SOON).await, Err(Error::Unusable { .. })), "{url:?}");
        }
    }
}
