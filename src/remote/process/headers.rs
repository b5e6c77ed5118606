//! What a proxy does to the head of a request and of a response.

use std::net::SocketAddr;

use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Uri, Version};

/// Headers that concern one connection only.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What only a proxy may say; a client's own version would be believed by the application.
const FORWARDING: [&str; 7] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Why a request cannot be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARequest;

/// The protocol a message wants to change to.
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let wanted = wanted.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| wanted).cloned()
}

/// Removes what concerns one connection only, and what the message itself declares to be so. `Content-Length` stays
/// even then: without it the end of the body would be read elsewhere than the sender meant.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|token| token.trim().parse().ok())
        .filter(|name| *name != CONTENT_LENGTH && *name != HOST)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Turns a client's request head into the one the application gets.
pub fn forward(parts: &mut Parts, peer: SocketAddr) -> Result<(), NotARequest> {
    let upgrade = upgrade(&parts.headers);
    strip(&mut parts.headers);
    // The body is asked for by the proxy itself when the application reads it.
    parts.headers.remove("expect");
    for name in FORWARDING {
        parts.headers.remove(name);
    }
    let authority = parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        parts.headers.insert(HOST, host);
    }
    let path = parts.uri.path_and_query().ok_or(NotARequest)?;
    parts.uri = Uri::from(path.clone());
    parts.version = Version::HTTP_11;

    let headers = &mut parts.headers;
    let address = HeaderValue::from_str(&peer.ip().to_canonical().to_string()).map_err(|_| NotARequest)?;
    headers.insert("x-forwarded-for", address);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert("x-forwarded-host", host);
    } else {
        // Allowed in HTTP/1.0 only; the application is spoken to in 1.1, which demands one.
        headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    } else {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn forwarded(request: Request<()>) -> Parts {
        let (mut parts, ()) = request.into_parts();
        forward(&mut parts, "192.0.2.7:999".parse().unwrap()).unwrap();
        parts
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let request = Request::get("/a?b=c")
            .header("host", "example.org")
            .header("connection", "keep-alive, x-mine, content-length, host")
            .header("x-mine", "1")
            .header("content-length", "4")
            .header("keep-alive", "timeout=5")
            .header("te", "trailers")
            .header("upgrade", "h2c")
            .header("x-other", "2");
        let parts = forwarded(request.body(()).unwrap());
        let mut names: Vec<&str> = parts.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "connection",
            "content-length",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-other",
        ];
        assert_eq!(names, expected);
        assert_eq!(parts.headers["connection"], "close");
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let request = Request::get("/")
            .header("host", "example.org")
            .header("x-forwarded-for", "127.0.0.1")
            .header("forwarded", "for=127.0.0.1")
            .header("x-real-ip", "127.0.0.1")
            .header("x-forwarded-proto", "https");
        let parts = forwarded(request.body(()).unwrap());
        assert_eq!(parts.headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(parts.headers["x-forwarded-proto"], "http");
        assert_eq!(parts.headers["x-forwarded-host"], "example.org");
        assert!(!parts.headers.contains_key("forwarded") && !parts.headers.contains_key("x-real-ip"));
    }

    #[test]
    fn an_absolute_target_becomes_a_path_and_a_host() {
        let request = Request::get("http://right.example/x?y").header("host", "wrong.example");
        let parts = forwarded(request.body(()).unwrap());
        assert_eq!(
            (parts.uri.to_string().as_str(), &parts.headers["host"]),
            ("/x?y", &"right.example".parse().unwrap())
        );
        let (mut parts, ()) = Request::connect("host.example:443").body(()).unwrap().into_parts();
        assert_eq!(forward(&mut parts, "192.0.2.7:9".parse().unwrap()), Err(NotARequest));
    }

    #[test]
    fn an_upgrade_is_passed_on_only_when_it_is_one() {
        let request = Request::get("/").header("connection", "Upgrade").header("upgrade", "websocket");
        let parts = forwarded(request.body(()).unwrap());
        assert_eq!(
            (&parts.headers["connection"], &parts.headers["upgrade"]),
            (&"upgrade".parse::<HeaderValue>().unwrap(), &"websocket".parse::<HeaderValue>().unwrap())
        );
        let parts = forwarded(Request::get("/").header("upgrade", "websocket").body(()).unwrap());
        assert!(!parts.headers.contains_key("upgrade"));
    }
}
