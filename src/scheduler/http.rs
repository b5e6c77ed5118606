//! What is told over HTTP: how it stands, and the page that takes secrets. On this machine alone unless it is told
//! otherwise.
//!
//! `GET /health` answers JSON, with status 503 and the reasons when nothing can be worked on; `/secret/TOKEN` is
//! [`super::links`]. Requests are never logged: their paths are keys.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::{Error, Standing, Wake, links};
use crate::app::App;
use crate::domain::diagnose::told;
use crate::domain::secret::LONGEST;
use crate::domain::time::Timestamp;
use crate::ops;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// How long a connection may last.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the store may take to answer when health is asked for.
const STORE: Duration = Duration::from_secs(3);
/// How long ago it was last looked for something to do when something is wrong: it is done every second.
const STALE: Duration = Duration::from_mins(1);
/// The largest form: a few values, with every byte written as three.
const FORM: usize = 8 * LONGEST;

/// A listener, and the address under which others reach it.
#[derive(Debug)]
pub struct Page {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// The beginning of its addresses, such as `https://cgo.example.com`.
    pub base: String,
    hosts: Vec<String>,
}

impl Page {
    /// Listens. Others reach it under `public`, or not at all.
    ///
    /// # Errors
    /// [`Error::Listen`]; when `public` is no address.
    pub async fn listen(address: SocketAddr, public: Option<&str>) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address, source };
        let public = public.map(authority).transpose()?;
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut hosts = vec![address.to_string()];
        if address.ip().is_loopback() {
            hosts.push(format!("localhost:{}", address.port()));
        }
        let base = match public {
            Some((base, host)) => {
                hosts.push(host);
                base
            }
            None => format!("http://{address}"),
        };
        Ok(Self { listener, address, base, hosts })
    }

    /// The address of the page that takes secrets for a token.
    #[must_use]
    pub fn link(base: &str, token: &str) -> String {
        format!("{base}/secret/{token}")
    }

    /// Whether a request is meant for this page: a name that leads here by somebody else's doing is refused.
    fn is_meant(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether a form comes from this page itself.
    fn is_own_form(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let scheme = self.base.split("://").next().unwrap_or_default();
        match text(ORIGIN) {
            Some(origin) => self.hosts.iter().any(|host| origin == format!("{scheme}://{}", host.to_ascii_lowercase())),
            None => text(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| site == "same-origin"),
        }
    }
}

/// The beginning of a public address, and its host.
fn authority(text: &str) -> Result<(String, String), Error> {
    let uri: Option<Uri> = text.trim_end_matches('/').parse().ok();
    let uri = uri.filter(|uri| uri.query().is_none());
    let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?, uri.path())));
    match parts {
        Some((scheme @ ("http" | "https"), authority, "" | "/")) if !authority.as_str().contains('@') => {
            Ok((format!("{scheme}://{authority}"), authority.to_string()))
        }
        _ => Err(Error::Ops(ops::Error::Usage {
            what: format!("`{text}` is not a public address"),
            hint: "give it as https://cgo.example.com, without a path".to_owned(),
        })),
    }
}

/// Answers for ever.
pub(super) async fn serve(app: &App, page: Page, standing: &Rc<RefCell<Standing>>, wake: &Wake) -> Infallible {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = page.listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => open.push(connection(app, &page, standing, wake, stream)),
                // No more files: some will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(()) = open.next() => {}
        }
    }
}

async fn connection(app: &App, page: &Page, standing: &RefCell<Standing>, wake: &Wake, stream: TcpStream) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(app, page, standing, wake, request).await) });
    let served =
        hyper::server::conn::http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
    // One that breaks off or takes too long is the other side's affair.
    let _ = tokio::time::timeout(LIMIT, served).await;
}

type Reply = Response<Full<Bytes>>;

async fn answer(
    app: &App,
    page: &Page,
    standing: &RefCell<Standing>,
    wake: &Wake,
    request: Request<Incoming>,
) -> Reply {
    let path = request.uri().path().to_owned();
    if path == "/health" {
        return match *request.method() {
            Method::GET | Method::HEAD => health(app, standing).await,
            _ => not_allowed("GET, HEAD"),
        };
    }
    let Some(token) = path.strip_prefix("/secret/").filter(|token| !token.is_empty() && token.len() <= 128) else {
        return plain(StatusCode::NOT_FOUND, "there is nothing here");
    };
    if !page.is_meant(request.headers()) {
        return plain(StatusCode::MISDIRECTED_REQUEST, "this is not the page of that host");
    }
    match *request.method() {
        Method::GET | Method::HEAD => html(links::form(app, token).await),
        Method::POST => {
            if !page.is_own_form(request.headers()) {
                return plain(StatusCode::FORBIDDEN, "the form does not come from this page");
            }
            let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if !kind.starts_with("application/x-www-form-urlencoded") {
                return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "this is not the form of this page");
            }
            let Ok(body) = Limited::new(request.into_body(), FORM).collect().await else {
                return plain(StatusCode::PAYLOAD_TOO_LARGE, "that is too much");
            };
            html(links::taken(app, token, &body.to_bytes(), wake).await)
        }
        _ => not_allowed("GET, HEAD, POST"),
    }
}

async fn health(app: &App, standing: &RefCell<Standing>) -> Reply {
    let store = match tokio::time::timeout(STORE, super::who(app)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(app.context.secrets.clean(&told(&error)).into_owned()),
        Err(_) => Some(format!("it did not answer within {} s", STORE.as_secs())),
    };
    let (standing, now) = (standing.borrow(), app.context.now());
    let reasons = reasons(store, standing.last_tick_at, now);
    let mut shown = json!(*standing);
    shown["ok"] = json!(reasons.is_empty());
    shown["uptime_seconds"] = json!(now.since(standing.started_at).max(0) / 1000);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        shown["reasons"] = json!(reasons);
        StatusCode::SERVICE_UNAVAILABLE
    };
    respond(status, "application/json", shown.to_string())
}

/// Why nothing can be worked on; none when it can.
fn reasons(store: Option<String>, last_tick_at: Timestamp, now: Timestamp) -> Vec<String> {
    let idle = Duration::from_millis(now.since(last_tick_at).max(0).unsigned_abs());
    let stale = (idle > STALE).then(|| format!("nothing was looked for in {} s", idle.as_secs()));
    store.map(|why| format!("the store cannot be asked: {why}")).into_iter().chain(stale).collect()
}

fn not_allowed(methods: &'static str) -> Reply {
    let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

fn plain(status: StatusCode, text: &str) -> Reply {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn html((status, text): (StatusCode, String)) -> Reply {
    respond(status, "text/html; charset=utf-8", text)
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // Same-origin: with none at all, a browser does not say where a form comes from.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&links::policy()) {
        headers.insert(HeaderName::from_static("content-security-policy"), policy);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_bad_without_a_store_and_when_nobody_has_looked_for_a_minute() {
        let at = |seconds: i64| Timestamp(1_800_000_000_000 + seconds * 1000);
        assert_eq!(reasons(None, at(0), at(60)), Vec::<String>::new());
        assert_eq!(reasons(None, at(0), at(-5)), Vec::<String>::new(), "a clock that was set back");
        assert_eq!(reasons(None, at(0), at(61)), ["nothing was looked for in 61 s"]);
        let both = reasons(Some("no such table".to_owned()), at(0), at(3600));
        assert_eq!(both[0], "the store cannot be asked: no such table");
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn a_public_address_is_a_host_and_nothing_more() {
        for (text, base) in [
            ("https://cgo.example.com", "https://cgo.example.com"),
            ("http://cgo.example.com:8080/", "http://cgo.example.com:8080"),
        ] {
            assert_eq!(authority(text).unwrap().0, base);
        }
        for bad in ["", "cgo.example.com", "ftp://x", "https://x/path", "https://u:p@x", "https://x?y=1"] {
            assert!(authority(bad).is_err(), "{bad}");
        }
    }
}
