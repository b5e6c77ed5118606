//! How traffic moves from one release to the next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use cgo::remote::caddy::{At, Site};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::{Client, Ground, get, never, on_both};

/// What many clients saw.
#[derive(Default)]
struct Load {
    answered: Cell<usize>,
    bad: RefCell<Vec<String>>,
    by: RefCell<BTreeMap<String, usize>>,
    over: Cell<bool>,
    news: Notify,
}

impl Load {
    /// One client: one request after the other on one connection, until it is over or lost.
    async fn client(&self, ground: &Ground<'_>, site: &Site, think: Duration) {
        let mut client = Client::to(ground.reach(site)).await.unwrap();
        while !self.over.get() {
            match client.get("/").await {
                Ok(got) if got.status == 200 => {
                    *self.by.borrow_mut().entry(got.text()).or_default() += 1;
                    self.answered.set(self.answered.get() + 1);
                }
                Ok(got) => self.bad.borrow_mut().push(format!("status {}", got.status)),
                Err(error) => {
                    self.bad.borrow_mut().push(error.to_string());
                    self.news.notify_one();
                    return;
                }
            }
            self.news.notify_one();
            tokio::time::sleep(think).await;
        }
    }

    /// Waits for as many more answers.
    async fn more(&self, count: usize) {
        let wanted = self.answered.get() + count;
        while self.answered.get() < wanted && self.bad.borrow().is_empty() {
            tokio::time::timeout(Duration::from_mins(1), self.news.notified()).await.expect("clients are answered");
        }
    }
}

#[test]
fn sixty_four_clients_lose_no_request_over_twenty_flips_and_a_websocket_and_a_download_go_on() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        ground.app("green", site.ports.green).await;
        let at = ground.reach(&site);

        let mut socket = Client::to(at).await.unwrap();
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        socket.send("GET /ws", upgrade).await.unwrap();
        assert_eq!(socket.head().await.unwrap().status, 101);
        let mut download = Client::to(at).await.unwrap();
        download.send("GET /long", "").await.unwrap();
        assert_eq!(download.head().await.unwrap().status, 200);
        assert_eq!(ground.caddy().in_flight(site.ports.blue, &never()).await.unwrap(), Some(2));
        assert_eq!(ground.caddy().in_flight(site.ports.green, &never()).await.unwrap(), Some(0));

        let load = Load::default();
        let clients = join_all((0..64_u64).map(|at| load.client(ground, &site, Duration::from_millis(at % 8))));
        let flips = async {
            load.more(100).await;
            for flip in 0..20 {
                let green = flip % 2 == 0;
                ground.flag(&site, "green", green).await;
                // From now on, nobody new is sent to the old one.
                let new = get(at, "/").await.unwrap().text();
                assert_eq!(new, if green { "green" } else { "blue" });
                load.more(100).await;
            }
            load.over.set(true);
        };
        tokio::join!(clients, flips);
        assert_eq!(*load.bad.borrow(), Vec::<String>::new(), "after {} answers", load.answered.get());
        assert!(load.by.borrow().values().all(|count| *count > 100), "{:?}", load.by.borrow());

        ground.flag(&site, "green", true).await;
        assert_eq!(ground.caddy().in_flight(site.ports.blue, &never()).await.unwrap(), Some(2), "a drain sees both");
        socket.stream.get_mut().write_all(b"still").await.unwrap();
        let mut said = [0; 10];
        socket.stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"blue:still");
        std::fs::write(ground.folder.join("go"), "").unwrap();
        let mut body = vec![0; 2_000_000];
        download.stream.read_exact(&mut body).await.unwrap();
        assert!(
            body[..1_000_000].iter().all(|byte| *byte == b'a') && body[1_000_000..].iter().all(|byte| *byte == b'b')
        );
    });
}

#[test]
fn in_the_bake_window_a_release_that_is_killed_costs_no_request() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let green = ground.app("green", site.ports.green).await;
        ground.flag(&site, "bake", true).await;
        ground.flag(&site, "green", true).await;
        let load = Load::default();
        let clients = join_all((0..64_u64).map(|at| load.client(ground, &site, Duration::from_millis(at % 8))));
        let kill = async {
            load.more(300).await;
            assert!(!load.by.borrow().contains_key("blue"), "the new release serves alone while it can");
            ground.kill(&green).await;
            load.more(300).await;
            load.over.set(true);
        };
        tokio::join!(clients, kill);
        assert_eq!(*load.bad.borrow(), Vec::<String>::new());
        assert!(load.by.borrow()["blue"] > 100);

        // Outside of the window nobody is sent to the other slot.
        ground.flag(&site, "bake", false).await;
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().status, 502);
    });
}

#[test]
fn a_body_that_does_not_say_how_large_it_is_ends_at_the_limit_and_costs_nobody_else_anything() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        ground.app("green", site.ports.green).await;
        let at = ground.reach(&site);
        let filling = vec![b'x'; 100_000];
        let chunk = [&b"186a0\r\n"[..], &filling[..], b"\r\n"].concat();
        let post = async |chunks: usize| {
            let mut client = Client::to(at).await.unwrap();
            client.send("POST /", "Transfer-Encoding: chunked\r\n").await.unwrap();
            let body = [chunk.repeat(chunks), b"0\r\n\r\n".to_vec()].concat();
            // It need not be taken to its end.
            let _ = client.stream.get_mut().write_all(&body).await;
            client.rest().await.unwrap()
        };
        for (bake, name) in [(false, "blue"), (true, "green")] {
            ground.flag(&site, "bake", bake).await;
            ground.flag(&site, "green", bake).await;
            let got = post(9).await;
            assert_eq!((got.status, got.text().as_str()), (200, name), "0.9 of 1 MB");
            for _ in 0..2 {
                assert_eq!(post(11).await.status, 413, "{name}");
                // That says nothing about the release.
                assert_eq!(get(at, "/").await.unwrap().text(), name);
            }
        }
    });
}

#[test]
fn under_maintenance_visitors_are_told_to_come_back_and_the_health_path_is_answered() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let at = ground.reach(&site);
        ground.maintenance(&site, "on").await;
        let mut client = Client::to(at).await.unwrap();
        for path in ["/", "/some/folder/", "/healthy", "/health/x"] {
            let got = client.get(path).await.unwrap();
            assert_eq!((got.status, got.headers["retry-after"].as_str()), (503, "30"), "{path}");
        }
        for path in ["/health", "/ready"] {
            assert_eq!(client.get(path).await.unwrap().text(), "blue", "{path}");
        }
        for flag in ["on", "off", "off"] {
            ground.maintenance(&site, flag).await;
        }
        assert_eq!(client.get("/some/folder/").await.unwrap().text(), "blue");
        let active = std::path::PathBuf::from(Site::flags(&ground.root, &site.app));
        assert_eq!(std::fs::read_dir(active).unwrap().count(), 0, "nothing is left behind");
    });
}

#[test]
fn the_application_sees_who_asked_for_what_and_nobody_can_pretend() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let mut client = Client::to(ground.reach(&site)).await.unwrap();
        let visitor = client.stream.get_ref().local_addr().unwrap().ip().to_string();
        client.name = "app.example.com".to_owned();
        client.send("GET /asked", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n").await.unwrap();
        let asked: serde_json::Value = serde_json::from_slice(&client.rest().await.unwrap().body).unwrap();
        assert_eq!(asked["host"], "app.example.com");
        assert_eq!(asked["x-forwarded-for"], visitor.as_str());
        assert_eq!(asked["x-forwarded-proto"], "http");
        assert_eq!(asked["x-forwarded-host"], "app.example.com");

        client.send("POST /", &format!("Content-Length: {}\r\n", 1_500_000)).await.unwrap();
        let _ = client.stream.get_mut().write_all(&vec![0; 1_500_000]).await;
        assert!(client.rest().await.is_ok_and(|got| got.status >= 400), "a body that is too large is refused");
        let At::Port(_) = site.at else { unreachable!() };
    });
}
