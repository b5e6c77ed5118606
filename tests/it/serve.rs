//! `cgo serve` as people run it: queued runs are worked on, whatever kills it; one serves a store; it stops when it is
//! told; its page takes secrets once.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use cgo::app::App;
use cgo::config::{Flags, Settings};
use cgo::domain::ids::RunId;
use cgo::domain::names::AgentName;
use cgo::domain::project::Project;
use cgo::domain::run::{NewProject, Request, Wait};
use cgo::ops::secrets::links;
use cgo::ops::{projects, runs};
use cgo::pipeline::runner;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::canary;
use crate::support::env::{TestEnv, get, missing, tools_are_here, until};
use crate::support::projects::built;
use crate::users::{new_project, waiting};

/// The parts behind the commands, on the store of a test.
pub async fn app(env: &TestEnv) -> App {
    let home = env.home().display().to_string();
    let variable = move |name: &str| (name == "HOME").then(|| home.clone());
    let settings = Settings::resolve(&Flags::default(), &variable).expect("an empty home has settings");
    App::open(&settings).await.expect("the store opens")
}

/// Does something in a runtime of its own.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// A description to a spec or further, put into the queue as a front end does.
pub fn enqueue(env: &TestEnv, text: &str, until: &str) -> RunId {
    block(async {
        let app = app(env).await;
        let Request::NewProject(new) = new_project(&app.context, text) else { unreachable!("it is one") };
        let until = Some(AgentName::parse(until).expect("a node"));
        let new = NewProject { parent: env.work().display().to_string(), until, ..*new };
        runner::enqueue(&app.context, Request::NewProject(Box::new(new)), None).await.expect("it is queued").id
    })
}

/// How long something is waited for that has to come.
const LONG: Duration = Duration::from_mins(3);

/// A process that serves, and what it says.
pub struct Serving {
    child: Child,
    lines: Receiver<std::io::Result<String>>,
    pub address: String,
}

impl Serving {
    pub fn start(env: &TestEnv, more: &[&str]) -> Self {
        let arguments = ["serve", "--json", "--health", "127.0.0.1:0", "--check-every", "0"];
        let mut command = env.signalled(arguments.iter().chain(more));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (says, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        // In a thread of its own, so that nobody waits forever for a line that does not come.
        std::thread::spawn(move || out.lines().try_for_each(|line| says.send(line)));
        let mut serving = Self { child, lines, address: String::new() };
        let started = serving.wait("started", |_| true);
        started["health"].as_str().expect("it listens").clone_into(&mut serving.address);
        serving
    }

    /// The next event; none when it has ended.
    fn next(&mut self) -> Option<Value> {
        let line = match self.lines.recv_timeout(LONG) {
            Ok(line) => line.expect("an answer is text"),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing for {LONG:?}"),
        };
        let value: Value = serde_json::from_str(&line).expect("a line is JSON");
        assert!(value["at"].is_string(), "{value}");
        Some(value)
    }

    /// The next event of that sort that is as wanted.
    pub fn wait(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut before = Vec::new();
        loop {
            let Some(value) = self.next() else {
                let mut said = String::new();
                let _ = self.child.stderr.as_mut().expect("it is piped").read_to_string(&mut said);
                panic!("it ended before `{event}`: {before:?}\n{said}");
            };
            if value["event"] == event && wanted(&value) {
                return value;
            }
            before.push(value);
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("it ends");
    }

    /// Stops it, which must be done within ten seconds; what it said.
    pub fn stop(mut self) -> String {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        let rest: Vec<String> = self.lines.iter().map(|line| line.expect("an answer is text")).collect();
        let rest = rest.join("\n");
        let mut said = String::new();
        self.child.stderr.as_mut().expect("it is piped").read_to_string(&mut said).expect("talk is text");
        let ended = self.child.wait().expect("it ends");
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?} to stop", begun.elapsed());
        assert_eq!(ended.code(), Some(0), "{rest}\n{said}");
        rest
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stands(env: &TestEnv, run: &RunId) -> String {
    env.json(["run", "show", run.as_str()])["run"]["status"].as_str().expect("a status").to_owned()
}

#[test]
fn queued_runs_are_worked_on_and_health_tells_how_it_stands() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let before = enqueue(&env, "a notes API with title", "brainstorm");
    let mut serving = Serving::start(&env, &[]);
    let left = serving.wait("run_left", |line| line["run"] == before.as_str());
    assert_eq!(left["status"], "succeeded", "{left}");
    let meanwhile = enqueue(&env, "a books API with title", "brainstorm");
    serving.wait("run_taken", |line| line["run"] == meanwhile.as_str());
    serving.wait("run_says", |line| line["run"] == meanwhile.as_str() && line["what"] == "node_started");
    serving.wait("run_left", |line| line["run"] == meanwhile.as_str() && line["status"] == "succeeded");

    let (status, body) = get(&format!("http://{}/health", serving.address));
    let health: Value = serde_json::from_str(&body).expect("health is JSON");
    assert_eq!((status, &health["ok"], &health["queued"]), (200, &true.into(), &0.into()), "{health}");
    assert_eq!((&health["version"], &health["pid"]), (&env!("CARGO_PKG_VERSION").into(), &serving.child.id().into()));
    assert!(health["uptime_seconds"].is_u64() && health["last_tick_at"].is_i64(), "{health}");
    assert_eq!(get(&format!("http://{}/", serving.address)).0, 404);
    let rest = serving.stop();
    assert!(rest.lines().last().expect("it says so").contains("\"stopped\""), "{rest}");
}

#[test]
fn health_is_bad_while_the_store_cannot_be_asked_and_good_again_after_it() {
    let env = TestEnv::new();
    let serving = Serving::start(&env, &[]);
    let health = || {
        let (status, body) = get(&format!("http://{}/health", serving.address));
        (status, serde_json::from_str::<Value>(&body).expect("health is JSON"))
    };
    assert_eq!((health().0, &health().1["ok"]), (200, &true.into()));
    let change = |statement: &'static str| {
        block(async {
            let url = format!("sqlite:{}", env.data().join("cgo.db").display());
            let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
            let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("the store opens");
            sqlx::query(statement).execute(&mut connection).await.expect("it is changed");
        });
    };
    change("alter table lease rename to lease_elsewhere");
    let (status, bad) = health();
    assert_eq!((status, &bad["ok"]), (503, &false.into()), "{bad}");
    assert!(bad["reasons"][0].as_str().expect("a reason").starts_with("the store cannot be asked: "), "{bad}");
    change("alter table lease_elsewhere rename to lease");
    let (status, good) = health();
    assert_eq!((status, &good["ok"], &good["reasons"]), (200, &true.into(), &Value::Null), "{good}");
    serving.stop();
}

#[test]
fn a_run_of_a_command_is_left_to_its_command() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let made = env.json(["project", "new", "a notes API with title", "--until", "brainstorm"]);
    let own = made["run"].as_str().expect("an id").to_owned();
    let fork = env.json(["run", "fork", &own, "--at", "2"])["run"].as_str().expect("an id").to_owned();
    let queued = enqueue(&env, "a books API with title", "brainstorm");
    let once = env.ok(["serve", "--once", "--json", "--check-every", "0"]).stdout;
    assert!(once.contains(queued.as_str()) && !once.contains(&fork), "{once}");
    assert_eq!(env.json(["run", "show", &fork])["run"]["status"], "queued");
    assert_eq!(stands(&env, &queued), "succeeded");
}

#[test]
fn what_kill_9_interrupts_goes_on_with_the_next_start() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let run = enqueue(&env, "a notes API with title", "developer");
    for stage in ["brainstorm", "architect", "developer"] {
        let mut serving = Serving::start(&env, &[]);
        let wanted = |line: &Value| line["run"] == run.as_str() && line["node"] == stage;
        serving.wait("run_says", |line| wanted(line) && line["what"] == "node_started");
        serving.kill();
    }
    let mut serving = Serving::start(&env, &[]);
    let left = serving.wait("run_left", |line| line["run"] == run.as_str() && line["status"] != "running");
    assert_eq!(left["status"], "succeeded", "{left}");
    serving.stop();
    let shown = env.json(["run", "show", run.as_str()]);
    let done: Vec<&str> = shown["effects"]
        .as_array()
        .expect("effects")
        .iter()
        .map(|effect| effect["mark"].as_str().expect("a mark"))
        .collect();
    assert!(!done.is_empty() && done.iter().all(|mark| *mark == "done"), "{done:?}");
    let log = std::process::Command::new("git")
        .args(["log", "--format=%(trailers:key=Cgo-Effect,valueonly,separator=)"])
        .current_dir(env.work().join("notes-api"))
        .output()
        .expect("git runs");
    let log = String::from_utf8(log.stdout).expect("text");
    let mut keys: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((all, keys.len()), (2, 2), "nothing is committed twice: {log}");
}

#[test]
fn a_store_is_served_by_one_and_the_next_is_told_by_whom_and_since_when() {
    let env = TestEnv::new();
    let serving = Serving::start(&env, &[]);
    let second = env.run(["serve", "--health", "off"]);
    assert_eq!(second.code, Some(5), "{second:?}");
    let by = format!("error: the store is served by process {} on ", serving.child.id());
    assert!(second.stderr.contains(&by) && second.stderr.contains(", since 20"), "{}", second.stderr);
    // One that died holds nothing.
    serving.kill();
    let third = Serving::start(&env, &[]);
    third.stop();
    let fourth = Serving::start(&env, &[]);
    fourth.stop();
}

#[test]
fn sigterm_puts_a_run_down_that_would_never_end_and_it_goes_on_later() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    // A model that takes every question and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", silent.local_addr().expect("it listens"));
    let settings = format!(
        "provider: mine\nproviders:\n  mine: {{ wire: openai, url: \"{url}\", model: m-1, price: {{ input: 0, output: 0 }} }}\n"
    );
    let file = env.home().join("settings.yaml");
    std::fs::write(&file, settings).expect("a file");
    env.set("CGO_CONFIG", file.display().to_string());
    let run = enqueue(&env, "a notes API with title", "brainstorm");
    let mut serving = Serving::start(&env, &[]);
    serving.wait("run_says", |line| line["what"] == "node_started");
    let (mut asked, _) = silent.accept().expect("the model is asked");
    asked.read_exact(&mut [0]).expect("it is asked something");
    let said = serving.stop();
    assert!(said.contains("\"stopping\"") && said.contains("\"running\":1"), "{said}");
    assert!(["queued", "running"].contains(&stands(&env, &run).as_str()), "it can go on: {}", stands(&env, &run));
    assert_eq!(env.json(["run", "show", run.as_str()])["run"]["worked_on_by"], Value::Null);

    let mut again = Serving::start(&env, &[]);
    let taken = again.wait("run_taken", |line| line["run"] == run.as_str());
    assert_eq!(taken["attempt"], 1, "what was stopped on purpose is no failed attempt: {taken}");
    again.stop();
}

#[test]
fn a_run_that_was_answered_goes_on_by_itself() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let run = enqueue(&env, "need a bot like the competitor's but better, cheap, by Friday", "brainstorm");
    let mut serving = Serving::start(&env, &[]);
    let left = serving.wait("run_left", |line| line["run"] == run.as_str());
    assert_eq!(left["status"], "waiting_input", "{left}");
    let shown = env.json(["run", "show", run.as_str()]);
    let questions = shown["run"]["ask"]["questions"].as_array().expect("questions").len();
    let answers = vec!["it keeps books with title and author"; questions];
    env.ok(["run", "answer", run.as_str(), "--no-resume"].into_iter().chain(answers));
    let left = serving.wait("run_left", |line| line["run"] == run.as_str());
    assert_eq!(left["status"], "succeeded", "{left}");
    serving.stop();
}

/// Sends a request as it is; status and the whole answer.
fn send(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a constant");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer is text");
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
}

pub fn post(address: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    send(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn a_secret_comes_over_a_link_once_and_the_run_that_waits_for_it_goes_on() {
    const VALUE: &str = "canary-$a b+&=#'\"\\ü-4711";
    let env = TestEnv::new();
    let (run, link, name) = block(async {
        let app = app(&env).await;
        let (run, ask) = waiting(&app.context, new_project(&app.context, "books"), Wait::Secret, "MAIL_KEY").await;
        let project = Project { description: "книги".to_owned(), ..built("books", "", &env.work().join("books")) };
        projects::create(&app.context, &project).await.expect("it is made");
        let url = format!("sqlite:{}", env.data().join("cgo.db").display());
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
        let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("the store opens");
        sqlx::query("update run set project_id = $1")
            .bind(project.id.as_str())
            .execute(&mut connection)
            .await
            .expect("the run has a project");
        let run = runs::find(&app.context, run.id.as_str()).await.expect("it is there");
        let link = links::for_ask(&app.context, &run, &ask).await.expect("a link").expect("it names a variable");
        (run.id, link, project.name)
    });
    let serving = Serving::start(&env, &[]);
    let (address, path) = (serving.address.as_str(), format!("/secret/{}", link.token));
    let form = |host: &str| send(address, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    for _ in 0..2 {
        let (status, page) = form(address);
        assert_eq!(status, 200, "looking does not use it: {page}");
        for header in
            ["content-security-policy: default-src 'none'", "x-frame-options: DENY", "cache-control: no-store"]
        {
            assert!(page.contains(header), "{header}: {page}");
        }
        assert!(page.contains("name=\"MAIL_KEY\"") && page.contains("Нужен секрет"), "{page}");
    }
    assert_eq!(form("evil.example").0, 421, "a name that was made to lead here");
    let unknown = path.replace(&link.token[..4], "zzzz");
    assert_eq!(send(address, &format!("GET {unknown} HTTP/1.1\r\nhost: {address}\r\n\r\n")).0, 404);

    let mut body = "MAIL_KEY=".to_owned();
    for byte in VALUE.bytes() {
        body.push_str(&format!("%{byte:02X}"));
    }
    for foreign in ["origin: https://evil.example\r\n", "origin: null\r\n", "sec-fetch-site: cross-site\r\n"] {
        assert_eq!(post(address, &path, foreign, &body).0, 403, "{foreign}");
    }
    for wrong in ["", "OTHER=x", "MAIL_KEY=", "MAIL_KEY=%00", &format!("{body}&PATH=x")] {
        let (status, page) = post(address, &path, "", wrong);
        assert_eq!(status, 400, "{wrong}: {page}");
    }
    let (status, page) = post(address, &path, &format!("origin: http://{address}\r\n"), &body);
    assert_eq!(status, 200, "{page}");
    canary::absent("the page", page.as_bytes(), &[VALUE]);
    assert_eq!(post(address, &path, "", &body).0, 410, "once");
    assert_eq!(form(address).0, 410);

    let got = env.json(["secrets", "get", name.as_str(), "MAIL_KEY", "--reveal"]);
    assert_eq!(got["value"], VALUE, "to the byte");
    until("the run to go on", || stands(&env, &run) != "waiting_secret");
    let shown = env.ok(["run", "show", run.as_str()]).stdout;
    assert!(shown.contains("answered"), "{shown}");
    let said = serving.stop();
    canary::absent("the log", said.as_bytes(), &[VALUE]);
    canary::absent("the log", said.as_bytes(), &[&link.token]);
    for file in ["cgo.db", "cgo.db-wal"] {
        let bytes = std::fs::read(env.data().join(file)).unwrap_or_default();
        canary::absent(file, &bytes, &[VALUE, &link.token]);
    }
}

/// A model that takes every question and says nothing: a run that is taken up stays at work.
pub fn with_silent_model(env: &mut TestEnv) -> TcpListener {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let settings = format!(
        "provider: mine\nproviders:\n  mine: {{ wire: openai, url: \"http://{}/v1\", model: m-1, price: {{ input: 0, output: 0 }} }}\n",
        silent.local_addr().expect("it listens")
    );
    let file = env.home().join("settings.yaml");
    std::fs::write(&file, settings).expect("a file");
    env.set("CGO_CONFIG", file.display().to_string());
    silent
}

#[test]
fn no_more_runs_are_worked_on_at_once_than_it_was_told() {
    const JOBS: usize = 2;
    const RUNS: usize = 5;
    let mut env = TestEnv::new();
    let _silent = with_silent_model(&mut env);
    for _ in 0..RUNS {
        enqueue(&env, "a notes API with title", "brainstorm");
    }
    // All of them can be taken up at once; each of them stays at work until it is cancelled.
    let mut serving = Serving::start(&env, &["--jobs", &JOBS.to_string()]);
    let (mut at_work, mut cancelled, mut most) = (BTreeSet::new(), BTreeSet::new(), 0);
    let (mut left, begun) = (0, Instant::now());
    while left < RUNS {
        let line = serving.next().expect("it goes on serving");
        assert!(begun.elapsed() < LONG, "{left} of {RUNS} were left");
        let run = line["run"].as_str().unwrap_or_default().to_owned();
        match line["event"].as_str() {
            Some("run_taken") => {
                assert!(at_work.insert(run), "it was taken twice: {line}");
                assert!(at_work.len() <= JOBS, "{at_work:?} are at work at once");
            }
            Some("run_left") => {
                assert_eq!(line["status"], "cancelled", "{line}");
                assert!(at_work.remove(&run), "it was never taken: {line}");
                left += 1;
            }
            _ => {}
        }
        most = most.max(at_work.len());
        if at_work.len() >= JOBS.min(RUNS - left)
            && let Some(first) = at_work.iter().find(|run| !cancelled.contains(*run)).cloned()
            && cancelled.len() == left
        {
            env.ok(["run", "cancel", first.as_str()]);
            cancelled.insert(first);
        }
    }
    assert_eq!(most, JOBS, "so many were worked on at once");
    serving.stop();
}

#[test]
fn the_unit_for_systemd_names_this_store_and_no_password() {
    let env = TestEnv::new();
    let unit = env.ok(["serve", "--systemd", "--jobs", "4", "--public-url", "https://cgo.example.com"]).stdout;
    let exec =
        format!("ExecStart={} serve --json --jobs 4 --public-url https://cgo.example.com", env!("CARGO_BIN_EXE_cgo"));
    assert!(unit.lines().any(|line| line == exec), "{unit}");
    assert!(unit.lines().any(|line| line == "RestartPreventExitStatus=1 2 4"), "{unit}");
    assert!(unit.contains(&format!("-{}", env.data().display())) && unit.contains("NoNewPrivileges=yes"), "{unit}");
    let home = env.home().display().to_string();
    let writes = unit.lines().find_map(|line| line.strip_prefix("ReadWritePaths=")).expect("it writes somewhere");
    let whole = [format!("-{home}"), format!("-{home}/"), "-/".to_owned()];
    assert!(!writes.split(' ').any(|path| whole.iter().any(|of| path == of)), "the whole home is open: {writes}");
    assert!(writes.contains(&format!("-{home}/.config/cgo")), "{writes}");
    let file = env.home().join("mine.yaml");
    std::fs::write(&file, "provider: offline\n").expect("a file");
    let config = file.display().to_string();
    let own = env.ok(["serve", "--systemd", "--config", config.as_str()]).stdout;
    let writes = own.lines().find_map(|line| line.strip_prefix("ReadWritePaths=")).expect("it writes somewhere");
    assert!(!writes.split(' ').any(|path| path == whole[0]), "a file in the home opens the home: {writes}");
    let postgres = env.ok(["serve", "--systemd", "--store", "postgres://cgo:hunter2@db/cgo"]).stdout;
    assert!(!postgres.contains("hunter2"), "{postgres}");
    assert_eq!(env.run(["serve", "--health", "somewhere"]).code, Some(2));
    assert_eq!(env.run(["serve", "--public-url", "https://x/y", "--health", "127.0.0.1:0"]).code, Some(2));
}

#[test]
fn the_unit_carries_what_was_set_by_variables_and_none_of_their_secrets() {
    let mut env = TestEnv::new();
    let carried = [
        ("CGO_IDENTITY", "/srv/cgo/identity.txt"),
        ("CGO_TELEGRAM_TOKEN_FILE", "/srv/cgo/token"),
        ("CGO_TELEGRAM_API", "https://bots.example.com"),
    ];
    for (name, value) in carried {
        env.set(name, value);
    }
    env.set("CGO_TELEGRAM_TOKEN", "700700:AAE-canary");
    env.set("CGO_WEBHOOK", "https://hooks.example.com/canary");
    env.set("CGO_WEBHOOK_SECRET", "canary");
    let unit = env.ok(["serve", "--systemd", "--telegram"]).stdout;
    for (name, value) in carried {
        let line = format!("Environment={name}={value}");
        assert!(unit.lines().any(|other| other == line), "{line}\n{unit}");
    }
    assert!(!unit.contains("canary"), "{unit}");
    env.set("CGO_TELEGRAM_API", "https://bot:canary@bots.example.com");
    let unit = env.ok(["serve", "--systemd", "--telegram"]).stdout;
    assert!(!unit.contains("canary"), "{unit}");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let env = TestEnv::new();
    let file = env.home().join("cgo.service");
    std::fs::write(&file, env.ok(["serve", "--systemd", "--telegram", "--health", "off"]).stdout).expect("a file");
    let verify = std::process::Command::new("systemd-analyze").arg("verify").arg(&file).output();
    let Ok(verified) = verify else { return missing("systemd-analyze") };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("cgo.service:"), "{said}");
    // It does look: a word that systemd does not know is told of with its line.
    std::fs::write(&file, "[Service]\nExecStart=/bin/true\nProtectHme=yes\n").expect("a file");
    let wrong = std::process::Command::new("systemd-analyze").arg("verify").arg(&file).output().expect("it is here");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("cgo.service:3"));
}
