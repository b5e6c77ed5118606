//! The HTTP client every part of the program that speaks to models is made from.

/// The beginning of a client. Secure connections are made with ring: reqwest is built without a choice of its own.
#[must_use]
pub fn client() -> reqwest::ClientBuilder {
    // Whoever was first has chosen, and chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
