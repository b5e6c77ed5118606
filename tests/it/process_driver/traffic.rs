//! What visitors see: nothing lost at a switch, and nothing that one visitor can do to the others.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cgo::domain::deployment::Slot;
use cgo::domain::deployment::Slot::{Blue, Green};
use cgo::remote::runtime::Runtime as _;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;

use super::harness::{App, PATIENCE, get, name, python_is_here, until};

const CLIENTS: usize = 64;
const FLIPS: u32 = 12;

fn connect(app: &App) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, app.public)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[tokio::test]
async fn no_request_of_64_keep_alive_clients_is_lost_over_12_switches() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 0).await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered: Arc<[AtomicU64]> = (0..=FLIPS).map(|_| AtomicU64::new(0)).collect();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (stop, answered, public) = (Arc::clone(&stop), Arc::clone(&answered), app.public);
        clients.spawn(async move {
            // One connection for all: when it is closed, the next request fails and the test with it.
            let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, public)).await.unwrap();
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            let connection = tokio::spawn(connection);
            let mut asked = 0_u64;
            while !stop.load(Ordering::SeqCst) {
                let request = if asked.is_multiple_of(3) { Request::post("/") } else { Request::get("/") };
                let request = request.header("host", "app.example").body(Full::new(Bytes::from("x".repeat(100))));
                sender.ready().await.unwrap_or_else(|error| panic!("closed after {asked} requests: {error}"));
                let response = sender.send_request(request.unwrap()).await;
                let response = response.unwrap_or_else(|error| panic!("lost request {asked}: {error}"));
                assert_eq!(response.status(), 200);
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let number: usize =
                    std::str::from_utf8(&body).unwrap().strip_prefix("release-").unwrap().parse().unwrap();
                answered[number].fetch_add(1, Ordering::SeqCst);
                asked += 1;
                tokio::time::sleep(Duration::from_millis([2, 20, 100][client % 3])).await;
            }
            drop(sender);
            connection.await.unwrap().unwrap();
            asked
        });
    }
    for number in 1..=FLIPS {
        let slot = if number % 2 == 1 { Green } else { Blue };
        app.deploy(slot, number).await;
        until("every kind of client has met the new release", || {
            let met = answered[number as usize].load(Ordering::SeqCst) >= 2 * CLIENTS as u64;
            async move { met }
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut total = 0;
    while let Some(asked) = clients.join_next().await {
        total += asked.unwrap();
    }
    let counted: u64 = answered.iter().map(|count| count.load(Ordering::SeqCst)).sum();
    assert_eq!(total, counted);
    crate::support::env::figure(&format!("{total} requests over {FLIPS} switches, none lost"));
}

#[tokio::test]
async fn a_request_in_flight_over_the_switch_is_finished_by_the_old_release() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let mut stream = connect(&app);
    write!(stream, "GET /slow?2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    until("the request is counted", || async {
        app.start(Blue, 1, "graceful").await;
        app.slot(Blue).await.in_flight == 1
    })
    .await;
    app.start(Green, 2, "graceful").await;
    app.gate(Green).await.unwrap();
    app.runtime.flip(Green).await.unwrap();
    assert_eq!(app.get("/"), name(2));
    // The slot is stopped at once; the supervisor itself waits for the request.
    app.runtime.stop(Blue).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&name(1)), "{answer}");
    app.assert_runs(&[Green]).await;
}

#[tokio::test]
async fn an_upgraded_connection_lives_until_the_drain_limit() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let mut stream = connect(&app);
    write!(stream, "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut line = || lines.next().map(Result::unwrap);
    assert_eq!(line().unwrap(), "HTTP/1.1 101 Switching Protocols");
    while line().unwrap() != "" {}
    writeln!(stream, "one").unwrap();
    assert_eq!(line().unwrap(), "release-1 one");
    app.start(Green, 2, "graceful").await;
    app.gate(Green).await.unwrap();
    app.runtime.flip(Green).await.unwrap();
    writeln!(stream, "two").unwrap();
    assert_eq!(line().unwrap(), "release-1 two", "the connection did not outlive the switch");
    let drained = app.runtime.drain(Blue, Duration::from_millis(100)).await.unwrap();
    assert_eq!((drained.in_flight, drained.tunnels), (0, 1));
    let begun = std::time::Instant::now();
    app.runtime.stop(Blue).await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(1), "it was stopped before the drain limit");
    assert!(line().is_none(), "the connection outlived its release");
}

#[tokio::test]
async fn heads_are_rewritten_and_bodies_are_streamed() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let mut stream = connect(&app);
    let head = "GET /headers HTTP/1.1\r\nhost: shop.example\r\nx-forwarded-for: 1.2.3.4\r\nx-mine: 1\r\n\
                connection: close, x-mine\r\nx-forwarded-proto: https\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let mut seen: Vec<(String, String)> = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    seen.sort();
    let expected = [
        ("connection", "close"),
        ("host", "shop.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-proto", "http"),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    let mut stream = connect(&app);
    let body = "y".repeat(3_000_000);
    write!(stream, "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len())
        .unwrap();
    let mut reader = stream.try_clone().unwrap();
    let echoed = std::thread::spawn(move || {
        let mut answer = String::new();
        reader.read_to_string(&mut answer).map(|_| answer)
    });
    stream.write_all(body.as_bytes()).unwrap();
    assert!(echoed.join().unwrap().unwrap().ends_with(&format!("\r\n\r\n{body}")));

    // The first part arrives although the second is not sent before somebody asks for it.
    let mut stream = connect(&app);
    write!(stream, "GET /stream?wait HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(5).any(|window| window == b"part0") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    drop(stream);
    until("the abandoned request is not counted any more", || async {
        app.start(Blue, 1, "graceful").await;
        app.slot(Blue).await.in_flight == 0
    })
    .await;
}

#[tokio::test]
async fn slow_and_huge_heads_do_not_keep_others_out() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.deploy(Blue, 1).await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&app);
        write!(stream, "GET / HTTP/1.1\r\nx-slow: ").unwrap();
        slow.push(stream);
    }
    let mut huge = connect(&app);
    // It may be refused while it is still being written.
    let _ = write!(huge, "GET / HTTP/1.1\r\nhost: a\r\nx-huge: {}\r\n\r\n", "z".repeat(200_000));
    let mut answer = String::new();
    let _ = huge.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    for garbage in
        ["\0\0\0\r\n\r\n", "GET\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n"]
    {
        let mut stream = connect(&app);
        stream.write_all(garbage.as_bytes()).unwrap();
        let mut byte = [0; 12];
        let _ = stream.read(&mut byte);
        assert!(!byte.starts_with(b"HTTP/1.1 200"), "{garbage:?} was answered well");
    }
    let two_lengths = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde";
    let mut stream = connect(&app);
    stream.write_all(two_lengths.as_bytes()).unwrap();
    let mut byte = [0; 12];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"HTTP/1.1 400");
    assert_eq!(app.get("/"), name(1));
    app.assert_runs(&[Blue]).await;
    drop(slow);
}

#[tokio::test]
async fn a_visitor_is_told_when_nothing_serves() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.start(Blue, 1, "normal").await;
    let (head, body) = get(app.public, "/").unwrap();
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after"), "{head}");
    assert_eq!(body, "no release serves yet\n");
    app.gate(Blue).await.unwrap();
    app.runtime.flip(Blue).await.unwrap();
    // A crash in the midst of a request loses that one; those after it wait for the restart.
    let (head, _) = get(app.public, "/crash").unwrap();
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    until("it is back", || async { get(app.public, "/").is_ok_and(|(head, _)| head.starts_with("HTTP/1.1 200")) })
        .await;
}

#[tokio::test]
async fn the_slot_that_serves_is_the_one_that_was_switched_to_last() {
    if !python_is_here() {
        return;
    }
    let app = App::new();
    app.start(Blue, 1, "normal").await;
    app.start(Green, 2, "normal").await;
    for slot in Slot::ALL {
        app.gate(slot).await.unwrap();
    }
    for (slot, number) in [(Blue, 1), (Green, 2), (Blue, 1), (Green, 2)] {
        app.runtime.flip(slot).await.unwrap();
        assert_eq!(app.get("/"), name(number));
    }
}
