//! What every client of a foreign service shares: how one is set up, a key that prints as stars, foreign text made
//! readable, and how long a service wants to be left alone.
//!
//! It asks nobody anything: see [`crate::llm::wire`] and [`crate::github`] for who does.

pub mod key;
pub mod text;
pub mod wait;

use std::time::Duration;

use reqwest::Url;

pub use key::Key;

/// The beginning of a client. Secure connections are made with ring: reqwest is built without a choice of its own.
pub fn builder() -> reqwest::ClientBuilder {
    // Whoever was first has chosen, and chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// A client for one address: it follows no redirect, tells nobody where it comes from, and takes no detour over a
/// proxy to this machine itself.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn client(address: &Url, connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    client_that_trusts(address, connect, Vec::new())
}

/// The same, which trusts these authorities beside those of the system.
///
/// # Errors
/// When the system's certificates cannot be read.
pub fn client_that_trusts(
    address: &Url,
    connect: Duration,
    roots: Vec<reqwest::Certificate>,
) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = builder()
        .user_agent(concat!("cgo/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // Whoever asks decides about asking again; without this a copy of each question is kept for it.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .referer(false)
        .connect_timeout(connect)
        .pool_idle_timeout(Duration::from_secs(30));
    if is_loopback(address) {
        builder = builder.no_proxy();
    }
    if address.scheme() == "http" {
        // Certificates are not read where none is checked: it takes time, and a bare machine has none.
        builder = builder.tls_certs_only([]);
    } else if !roots.is_empty() {
        builder = builder.tls_certs_merge(roots);
    }
    builder.build()
}

/// The address is one of this machine.
#[must_use]
pub fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The other side speaks something else, or shows a certificate nobody vouches for: both come as data that makes no
/// sense to the secure connection.
#[must_use]
pub fn speaks_no_tls(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        // The source of such an error is that of what it holds, so it is looked into first.
        let held = io.and_then(std::io::Error::get_ref).map(|held| held as &(dyn std::error::Error + 'static));
        source = held.or_else(|| error.source());
    }
    false
}

/// The innermost reason, which is the one that says something.
#[must_use]
pub fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_every_name() {
        for (url, loopback) in [
            ("http://localhost:1/v1", true),
            ("http://127.9.0.1/v1", true),
            ("http://[::1]:8000/v1", true),
            ("http://ollama.localhost/v1", true),
            ("http://localhost.example.com/v1", false),
            ("http://10.0.0.1/v1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
