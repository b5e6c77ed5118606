//! A service while it serves: its visitors over a deployment and a way back, its log, and what becomes of it when it is
//! not well.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::shop::{BASE, Shop};
use crate::caddy::Client;
use crate::support::env::{figure, get, until};

/// What visitors saw who keep their connections and never ask twice.
#[derive(Default)]
struct Visits {
    answered: Cell<usize>,
    lost: RefCell<Vec<String>>,
    over: Cell<bool>,
    news: Notify,
}

impl Visits {
    async fn client(&self, at: SocketAddr, think: Duration) {
        let mut client = Client::to(at).await.unwrap();
        while !self.over.get() {
            match client.get("/").await {
                Ok(got) if got.status == 200 => self.answered.set(self.answered.get() + 1),
                Ok(got) => self.lost.borrow_mut().push(format!("status {}", got.status)),
                Err(error) => {
                    self.lost.borrow_mut().push(error.to_string());
                    return;
                }
            }
            self.news.notify_one();
            tokio::time::sleep(think).await;
        }
    }

    /// Waits for so many more answers.
    async fn more(&self, count: usize) {
        let wanted = self.answered.get() + count;
        while self.answered.get() < wanted && self.lost.borrow().is_empty() {
            tokio::time::timeout(Duration::from_mins(1), self.news.notified()).await.expect("clients are answered");
        }
    }
}

/// A websocket, held open over what follows.
async fn socket(at: SocketAddr) -> Client {
    let mut socket = Client::to(at).await.unwrap();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.send("GET /ws", upgrade).await.unwrap();
    assert_eq!(socket.head().await.unwrap().status, 101);
    socket
}

async fn echoes(socket: &mut Client, release: &str, word: &str) {
    let mut said = vec![0; release.len() + 1 + word.len()];
    let exchange = async {
        socket.stream.get_mut().write_all(word.as_bytes()).await.unwrap();
        socket.stream.read_exact(&mut said).await.unwrap();
    };
    tokio::time::timeout(Duration::from_mins(1), exchange).await.expect("a websocket that is open is answered");
    assert_eq!(String::from_utf8(said).unwrap(), format!("{release}:{word}"));
}

#[test]
fn sixty_four_clients_lose_no_request_over_a_deployment_and_a_way_back_and_a_websocket_lives_through_the_switch() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    shop.commit("The second");
    let at: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let visits = Visits::default();
        let clients = join_all((0..64_u64).map(|number| visits.client(at, Duration::from_millis(20 + number % 8))));
        // A switch to another release with visitors, and a websocket that was opened before it.
        let switch = async |arguments: &'static [&'static str], before: &str| {
            let mut held = socket(at).await;
            echoes(&mut held, before, "before").await;
            visits.more(200).await;
            let command = shop.env.start(arguments);
            let ended = tokio::task::spawn_blocking(move || command.end());
            // From the switch on everybody new is sent to the other one.
            let mut now = before.to_owned();
            while now == before {
                let is_over = ended.is_finished();
                visits.more(10).await;
                assert_eq!(*visits.lost.borrow(), Vec::<String>::new(), "after {} answers", visits.answered.get());
                now = Client::to(at).await.unwrap().get("/").await.unwrap().text();
                if is_over && now == before {
                    let ended = ended.await.unwrap();
                    panic!("it ended, and {before} answers still: {ended:?}");
                }
            }
            echoes(&mut held, before, "after").await;
            drop(held);
            let ended = ended.await.unwrap();
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            visits.more(200).await;
            now
        };
        let work = async {
            let second = switch(&["deploy", "shop", "--bake", "0"], &first).await;
            let back = switch(&["deploy", "shop", "--rollback", "--bake", "0"], &second).await;
            assert_eq!(back, first);
            visits.over.set(true);
        };
        tokio::join!(clients, work);
        assert_eq!(*visits.lost.borrow(), Vec::<String>::new());
        figure(&format!("{} requests over a deployment and a way back, none lost", visits.answered.get()));
    });
    assert_eq!(shop.whole(&url), Ok(first));
}

#[test]
fn a_log_is_followed_over_the_connection_into_the_next_release() {
    let Some(shop) = Shop::open() else { return };
    let (url, _) = shop.deploy();
    let mut following = shop.env.start(["project", "logs", "shop", "-f"]);
    let mut seen = |wanted: &str| {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.contains(wanted)) {
            let line = following.line();
            assert!(!line.is_empty(), "it ended before `{wanted}`: {lines:?}");
            lines.push(line);
        }
        lines
    };
    seen("started");
    get(&format!("{url}/say/one"));
    seen("asked for /say/one");
    shop.commit("The second");
    let (_, second) = shop.deploy();
    let mut lines = seen(&format!("started {second}"));
    get(&format!("{url}/say/two"));
    lines.extend(seen("asked for /say/two"));
    assert!(!lines.iter().any(|line| line.contains("/say/one")), "a line came twice: {lines:?}");
    following.signal(Signal::INT);
    let ended = following.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = shop.env.ok(["project", "logs", "shop", "--lines", "1"]).stdout;
    assert!(last.contains("/say/two"), "{last}");
}

fn opened(checked: &Value) -> Vec<&Value> {
    checked["opened"].as_array().unwrap().iter().filter(|it| it["project"].is_string()).collect()
}

/// What a round of looking found, whatever it found.
fn check(shop: &Shop) -> Value {
    let ran = shop.env.run(["incidents", "check", "--json"]);
    let mut answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    answer["data"].take()
}

#[test]
fn a_service_that_is_not_well_is_restarted_a_few_times_then_gone_back_from_and_then_a_person_is_told() {
    let Some(shop) = Shop::open() else { return };
    let (url, first) = shop.deploy();
    shop.commit("One that falls ill");
    let (_, second) = shop.deploy();
    let falls_ill = || {
        shop.host.root(&format!(": >{BASE}/shared/sick"));
        let status = shop.env.json(["deploy", "shop", "--status"]);
        assert_eq!(status["words"], "running", "its process runs: {status}");
        let checked = check(&shop);
        let opened = opened(&checked);
        assert_eq!(opened.len(), 1, "{checked}");
        assert!(opened[0]["title"].as_str().unwrap().contains("answered with status 503"), "{checked}");
        assert!(opened[0]["details"].as_str().unwrap().contains("| started "), "its last lines: {checked}");
        opened[0]["id"].as_str().unwrap().to_owned()
    };
    for number in 1..=3 {
        let incident = falls_ill();
        let recovered = shop.env.json(["incidents", "recover", &incident]);
        assert_eq!(recovered["incident"]["status"], "resolved", "{number}: {recovered}");
        assert_eq!(get(&format!("{url}/")), (200, second.clone()), "restart {number}");
    }
    let incident = falls_ill();
    let recovered = shop.env.ok(["incidents", "recover", &incident]);
    assert!(
        recovered.stderr.contains(&format!("restarts did not help; going back to release {first}")),
        "{recovered:?}"
    );
    assert_eq!(get(&format!("{url}/")), (200, first.clone()));
    let incident = falls_ill();
    let person = shop.env.run(["incidents", "recover", &incident]);
    assert_eq!(person.code, Some(4), "{person:?}");
    assert!(person.stdout.contains("cgo project logs shop"), "{person:?}");
    let shown = shop.env.json(["incidents", "show", &incident]);
    assert_eq!(shown["incident"]["status"], "open", "{shown}");

    // Mended, it is over by itself.
    shop.host.root(&format!("rm {BASE}/shared/sick"));
    let checked = check(&shop);
    assert!(checked["closed"].as_array().unwrap().iter().any(|it| it["id"] == incident.as_str()), "{checked}");

    // One whose processes are gone says so, and does not serve.
    shop.host.root(&format!(
        "cat {BASE}/slots/*/keeper {BASE}/slots/*/child | while read -r pid _; do kill -9 $pid; done; :"
    ));
    until("it is seen", || shop.env.json(["deploy", "shop", "--status"])["serves"] == false);
    let status = shop.env.json(["deploy", "shop", "--status"]);
    assert_eq!(status["words"], "died", "{status}");
}
