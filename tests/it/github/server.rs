//! A GitHub on this machine: its REST API, which is strict about what it is asked, and git's smart HTTP by the real
//! `git http-backend`. Whoever asks for git is looked at meanwhile: the token must be in no argument of any process.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

use cgo::github::Access;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::routes;

/// The token the server takes; nothing but a header and git's environment may hold it.
pub const TOKEN: &str = "ghp_canary5f1c0b7e2a94d83611";
/// `x-access-token:TOKEN` in base64, as git sends it.
pub const BASIC: &str = "eC1hY2Nlc3MtdG9rZW46Z2hwX2NhbmFyeTVmMWMwYjdlMmE5NGQ4MzYxMQ==";

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Without what follows the question mark.
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter of the query; the tests need no escapes but those of a slash.
    pub fn parameter(&self, wanted: &str) -> Option<String> {
        let pair = self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == wanted));
        pair.map(|(_, value)| value.replace("%2F", "/"))
    }

    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string().into_bytes() }
            .header("content-type", "application/json; charset=utf-8")
    }

    /// A refusal as GitHub words it.
    pub fn refusal(status: u16, message: &str) -> Self {
        let documentation = "https://docs.github.com/rest";
        Self::json(
            status,
            &json!({ "message": message, "documentation_url": documentation, "status": status.to_string() }),
        )
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }.header("content-type", "text/html")
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What happens instead of the usual.
#[derive(Debug, Clone)]
pub enum Turn {
    /// This is answered, and nothing is done.
    Says(Reply),
    /// Nothing is done, and the connection breaks.
    Breaks,
    /// It is done, and the connection breaks.
    DoesAndBreaks,
    /// Nothing comes until the other side gives up.
    Waits,
}

/// What the server knows.
#[derive(Default)]
pub struct World {
    /// By name in lower case.
    pub repositories: BTreeMap<String, Value>,
    /// Old names in lower case, and the ids they lead to.
    pub moved: BTreeMap<String, u64>,
    /// What the workflows did.
    pub runs: Vec<Value>,
    /// The scopes of the token; none for one that is fine-grained.
    pub scopes: Option<String>,
    pub asked: Vec<Asked>,
    pub violations: Vec<String>,
    /// By `METHOD /path`.
    pub turns: BTreeMap<String, VecDeque<Turn>>,
    /// How many processes git was seen with while it asked.
    pub gits: usize,
}

/// The server. Its threads end with the process.
pub struct GitHub {
    port: u16,
    world: Arc<Mutex<World>>,
    root: Arc<TempDir>,
}

impl GitHub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let world = World { scopes: Some("repo, workflow".to_owned()), ..World::default() };
        let github = Self { port, world: Arc::new(Mutex::new(world)), root: Arc::new(tempfile::tempdir().unwrap()) };
        let (world, root) = (Arc::clone(&github.world), Arc::clone(&github.root));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shop = Shop { port, world: Arc::clone(&world), root: root.path().to_owned() };
                std::thread::spawn(move || while shop.serve(&stream).is_some() {});
            }
        });
        github
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn access(&self) -> Access {
        self.access_with(TOKEN)
    }

    pub fn access_with(&self, token: &str) -> Access {
        Access::from_env(self.base(), |name| (name == "GITHUB_TOKEN").then(|| token.to_owned()))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it looks")
    }

    /// What happens instead, the next time this is asked.
    pub fn turn(&self, line: &str, turn: Turn) {
        self.world().turns.entry(line.to_owned()).or_default().push_back(turn);
    }

    /// A repository that is there.
    pub fn add(&self, full_name: &str, description: &str) -> PathBuf {
        routes::make(&mut self.world(), self.root.path(), self.port, full_name, description, true);
        self.bare(full_name)
    }

    pub fn bare(&self, full_name: &str) -> PathBuf {
        self.root.path().join(format!("{}.git", full_name.to_lowercase()))
    }

    /// The lines that were asked, in order.
    pub fn lines(&self) -> Vec<String> {
        self.world().asked.iter().map(Asked::line).collect()
    }

    pub fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|other| *other == line).count()
    }

    /// Nobody broke a rule.
    pub fn assert_content(&self) {
        let world = self.world();
        assert_eq!(world.violations, Vec::<String>::new(), "{:#?}", world.asked);
    }
}

/// One connection's side of the server.
struct Shop {
    port: u16,
    world: Arc<Mutex<World>>,
    root: PathBuf,
}

impl Shop {
    /// Serves one request; none when the connection is over.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let asked = read(stream)?;
        let is_git = asked.path.contains(".git/");
        let turn = {
            let mut world = self.world.lock().ok()?;
            world.asked.push(asked.clone());
            if let Some(why) = strict(&asked, is_git) {
                world.violations.push(format!("{}: {why}", asked.line()));
            }
            world.turns.get_mut(&asked.line()).and_then(VecDeque::pop_front)
        };
        let answer = match turn {
            Some(Turn::Says(reply)) => reply,
            Some(Turn::Breaks) => {
                let _ = stream.shutdown(Shutdown::Both);
                return None;
            }
            Some(Turn::Waits) => {
                let _ = (&*stream).read(&mut [0]);
                return None;
            }
            does => {
                // A client asks again by itself when a connection that it used before breaks; git gets a new one.
                let reply = if is_git { self.git(&asked)?.header("connection", "close") } else { self.api(&asked)? };
                if does.is_some() {
                    let _ = stream.shutdown(Shutdown::Both);
                    return None;
                }
                reply
            }
        };
        write(stream, &answer)
    }

    fn api(&self, asked: &Asked) -> Option<Reply> {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Some(Reply::refusal(401, "Bad credentials"));
        }
        let mut world = self.world.lock().ok()?;
        let reply = routes::answer(&mut world, &self.root, self.port, asked);
        Some(reply.header("x-ratelimit-limit", "5000").header("x-ratelimit-remaining", "4999"))
    }

    /// git's own server.
    fn git(&self, asked: &Asked) -> Option<Reply> {
        if asked.header("authorization").is_none() {
            return Some(Reply::text(401, "").header("www-authenticate", "Basic realm=\"GitHub\""));
        }
        if asked.header("authorization") != Some(&format!("Basic {BASIC}")) {
            let said = "Invalid username or token. Password authentication is not supported for Git operations.";
            return Some(Reply::text(401, said).header("www-authenticate", "Basic realm=\"GitHub\""));
        }
        self.look_at_processes();
        let (folder, rest) = asked.path.split_once(".git/")?;
        let path = format!("{}.git/{rest}", folder.to_lowercase());
        if !self.root.join(path.trim_start_matches('/').split(".git/").next()?.to_owned() + ".git").exists() {
            let mut reply = Reply::text(404, "Repository not found.");
            reply.headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
            return Some(reply);
        }
        let mut backend = Command::new("git")
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH")?)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", "/nonexistent")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", "mona")
            .env("PATH_INFO", path)
            .env("QUERY_STRING", &asked.query)
            .env("REQUEST_METHOD", &asked.method)
            .env("CONTENT_TYPE", asked.header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", asked.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", asked.header("content-encoding").unwrap_or_default())
            .env("GIT_PROTOCOL", asked.header("git-protocol").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git has its server");
        let mut input = backend.stdin.take().expect("it is piped");
        let body = asked.body.clone();
        let feeding = std::thread::spawn(move || input.write_all(&body));
        let output = backend.wait_with_output().ok()?.stdout;
        let _ = feeding.join();
        let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let mut reply = Reply { status: 200, headers: Vec::new(), body: output[end + 4..].to_vec() };
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("status") {
                reply.status = value.split(' ').next()?.parse().ok()?;
            } else {
                reply.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        Some(reply)
    }

    /// Whoever asks waits for an answer, so its processes are all there.
    fn look_at_processes(&self) {
        let address = format!("127.0.0.1:{}", self.port);
        let mut gits = 0;
        let mut leaks = Vec::new();
        for pid in cgo::exec::identity::pids() {
            let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else { continue };
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            gits += usize::from(line.contains("git") && line.contains(&address));
            if line.contains(TOKEN) || line.contains(BASIC) {
                leaks.push(format!("the token is in the arguments of process {pid}: {line}"));
            }
        }
        if let Ok(mut world) = self.world.lock() {
            world.gits = world.gits.max(gits);
            world.violations.extend(leaks);
        }
    }
}

/// The rule a request breaks.
fn strict(asked: &Asked, is_git: bool) -> Option<String> {
    if asked.path.contains(TOKEN) || asked.query.contains(TOKEN) {
        return Some("the token is in the address".to_owned());
    }
    if is_git {
        let agent = asked.header("user-agent").unwrap_or_default();
        return (!agent.starts_with("git/")).then(|| format!("`{agent}` is not git"));
    }
    let agent = asked.header("user-agent").unwrap_or_default();
    if !agent.starts_with("cgo/") {
        return Some(format!("the user agent is `{agent}`"));
    }
    if asked.header("x-github-api-version") != Some("2022-11-28") {
        return Some("the version of the API is not named".to_owned());
    }
    let accept = asked.header("accept").unwrap_or_default();
    if !matches!(accept, "application/vnd.github+json" | "application/vnd.github.object+json") {
        return Some(format!("`{accept}` is accepted"));
    }
    if asked.parameter("per_page").is_some_and(|count| count.parse::<u32>().map_or(true, |count| count > 100)) {
        return Some("a page has at most 100 entries".to_owned());
    }
    let has_body = !asked.body.is_empty();
    if has_body != (asked.method == "POST") {
        return Some("a body comes with POST, and only with it".to_owned());
    }
    if has_body && asked.header("content-type") != Some("application/json") {
        return Some("a body is JSON".to_owned());
    }
    None
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').map_or((target.as_str(), ""), |(path, query)| (path, query));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
    if asked.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        let mut out = stream;
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if asked.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut piece = vec![0; size];
            reader.read_exact(&mut piece).ok()?;
            asked.body.extend(piece);
            reader.read_line(&mut String::new()).ok()?;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        asked.body = vec![0; length];
        reader.read_exact(&mut asked.body).ok()?;
    }
    Some(asked)
}

fn write(mut stream: &TcpStream, reply: &Reply) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&reply.body).ok()
}
