//! Secure connections against a real server: OpenSSL's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use cgo::domain::provider::Endpoint;
use cgo::llm::Provider as _;
use cgo::llm::openai::Openai;
use cgo::llm::wire::Key;

use super::server::{KEY, outcome, question, timers};

/// Where the asking process finds the server.
const URL: &str = "CGO_TEST_SECURE_URL";

fn openssl(folder: &Path, args: &[&str]) {
    let ran = Command::new("openssl").args(args).current_dir(folder).output().expect("openssl runs");
    assert!(ran.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A server that gives one answer, and what it heard before.
struct Server {
    process: Child,
    url: String,
    heard: JoinHandle<String>,
}

impl Server {
    /// The answer follows the question: one that came first would be no answer, and the client hangs up.
    fn start(folder: &Path) -> Self {
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "leaf.pem", "-key", "leaf.key", "-naccept", "1"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let mut input = process.stdin.take().expect("a pipe");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("a line"), 0, "the server says where it listens");
            if let Some(address) = line.trim_end().strip_prefix("ACCEPT ") {
                break address.to_owned();
            }
        };
        let heard = std::thread::spawn(move || {
            let body = r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}\n", body.len());
            let (mut heard, mut answered, mut piece) = (Vec::new(), false, [0; 4096]);
            while let Some(count) = output.read(&mut piece).ok().filter(|count| *count > 0) {
                heard.extend_from_slice(&piece[..count]);
                if !answered && String::from_utf8_lossy(&heard).contains("\r\n\r\n") {
                    answered = true;
                    input.write_all(answer.as_bytes()).expect("the server takes its answer");
                }
            }
            String::from_utf8_lossy(&heard).into_owned()
        });
        Self { process, url: format!("https://{address}/v1"), heard }
    }

    fn heard(mut self) -> String {
        self.process.kill().expect("the server ends");
        self.process.wait().expect("the server ends");
        self.heard.join().expect("the server is listened to")
    }
}

fn ask(url: &str, vouching: Option<&Path>) -> String {
    let mut asking = Command::new(std::env::current_exe().expect("this program"));
    asking.args(["--exact", "models::tls::a_secure_question_is_asked", "--nocapture"]).env(URL, url);
    asking.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
    if let Some(file) = vouching {
        asking.env("SSL_CERT_FILE", file);
    }
    let ran = asking.output().expect("this program runs");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// The process that asks: which certificates are trusted is read from its environment. On its own it has nobody to
/// ask; the test below looks at what it says.
#[tokio::test]
async fn a_secure_question_is_asked() {
    let Ok(url) = std::env::var(URL) else { return };
    let endpoint = Endpoint { url, stream: false, ..Endpoint::preset("openai").expect("a preset") };
    let provider = Openai::new("test", &endpoint, Some(Key::new(KEY)), timers()).expect("a provider");
    let answered = provider.complete(&question(), &|_| {}).await;
    println!("outcome: {:?} {answered:?}", outcome(&answered));
}

#[test]
fn a_server_is_trusted_when_somebody_vouches_for_it_and_gets_no_key_otherwise() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "openssl is missing");
        println!("skipped: openssl is missing");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("leaf.cnf"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").expect("a file");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let signer = ["-x509", "-days", "2", "-subj", "/CN=signer", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(at, &[&["req"], &key[..], &signer[..]].concat());
    openssl(at, &[&["req"], &key[..], &["-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr"]].concat());
    let sign =
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.cnf -out leaf.pem";
    openssl(at, &sign.split(' ').collect::<Vec<_>>());

    for (vouching, wanted) in [(Some(at.join("ca.pem")), "outcome: Ok "), (None, "outcome: Permanent(Endpoint) ")] {
        let server = Server::start(at);
        let said = ask(&server.url, vouching.as_deref());
        assert!(said.contains(wanted), "{said}");
        let heard = server.heard().contains(KEY);
        assert_eq!(heard, vouching.is_some(), "the key was heard: {heard}");
        assert!(!said.contains(KEY), "{said}");
    }
}
