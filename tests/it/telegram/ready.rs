//! When systemd is told that `cgo serve --telegram` is ready: once the bot's token is accepted, or when nobody can say.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use super::server::{BOT, Reply, TOKEN, Telegram, Turn};
use super::whole::Serving;
use crate::support::env::TestEnv;

/// Listens where systemd would.
struct Systemd(UnixDatagram);

impl Systemd {
    fn of(env: &mut TestEnv) -> Self {
        let path = env.home().join("run/notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_mins(2))).expect("a constant");
        env.set("NOTIFY_SOCKET", path.display().to_string());
        Self(socket)
    }

    /// The next thing it is told; none when nothing comes.
    fn told(&self) -> Option<String> {
        let mut bytes = [0; 64];
        let length = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

fn environment(api: String, token: &str) -> (TestEnv, Systemd) {
    let mut env = TestEnv::new();
    env.set("CGO_TELEGRAM_API", api);
    env.set("CGO_TELEGRAM_TOKEN", token);
    let systemd = Systemd::of(&mut env);
    (env, systemd)
}

#[test]
fn it_is_ready_once_the_token_is_accepted() {
    let telegram = Telegram::start();
    let (env, systemd) = environment(telegram.api(), TOKEN);
    telegram.turn("getMe", Turn::Says(Reply::bad(502, "Bad Gateway")));
    let serving = Serving::start(&env, "serve.log");
    assert_eq!(systemd.told().as_deref(), Some("READY=1"));
    let asked = (telegram.count("getMe"), telegram.count("getWebhookInfo"));
    assert_eq!(asked, (2, 1), "it said so before Telegram had");
    serving.stop();
    assert_eq!(systemd.told().as_deref(), Some("STOPPING=1"));
    telegram.assert_content();
}

#[test]
fn with_a_token_that_is_refused_it_never_is() {
    let telegram = Telegram::start();
    let (env, systemd) = environment(telegram.api(), &format!("{BOT}:AAE-canary_of_somebody_else_entirely_____"));
    let ran = env.run(["serve", "--telegram", "--health", "off", "--check-every", "0"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    systemd.0.set_nonblocking(true).expect("a constant");
    let told: Vec<String> = std::iter::from_fn(|| systemd.told()).collect();
    assert_eq!(told, ["STOPPING=1"]);
}

#[test]
fn where_telegram_cannot_be_reached_it_is_ready_all_the_same_a_little_later() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let (env, systemd) = environment(format!("http://{nobody}"), TOKEN);
    let begun = Instant::now();
    let serving = Serving::start(&env, "serve.log");
    assert_eq!(systemd.told().as_deref(), Some("READY=1"));
    assert!(begun.elapsed() > Duration::from_secs(8), "it did not wait for Telegram: {:?}", begun.elapsed());
    serving.stop();
    let said = std::fs::read_to_string(env.home().join("serve.log")).expect("it is text");
    assert!(said.contains("talking over Telegram") && !said.contains("\"talking\""), "{said}");
}
