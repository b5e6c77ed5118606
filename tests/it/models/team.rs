//! Several tasks at once: an architect plans them, coders work side by side in worktrees, the reviewer merges, and what
//! does not fit goes back.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cgo::domain::provider::Wire;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::pipeline::{at_home, run, thought};
use super::server::{Answer, Server, one_call, words};
use crate::support::env::{Ran, TestEnv, tools_are_here};
use crate::support::repo::{coders_can_work, git};

/// Stands in for codex: does what the file named after its task says, with the attempt's number, and reports.
const CODER: &str = r#"#!/usr/bin/python3
import json, os, re, subprocess, sys, urllib.request
if '--version' in sys.argv:
    print('codex-cli 0.169.0')
    sys.exit()
prompt = sys.argv[-1]
here = os.path.dirname(os.path.realpath(__file__))
task = re.search(r'Task (\w+)', prompt)[1]
plan = json.load(open(here + '/plan.json'))[task]
again = 'What came of the work before' in prompt
step = plan[1] if again and len(plan) > 1 else plan[0]
tests = 'services/backend/tests/'
if step.get('asks'):
    base = re.search(r'base_url="([^"]+)"', ' '.join(sys.argv))[1]
    body = json.dumps({'model': 'm-1', 'stream': True, 'input': 'Task ' + task}).encode()
    key = {'authorization': 'Bearer ' + os.environ['CGO_MODEL_KEY'], 'content-type': 'application/json'}
    urllib.request.urlopen(urllib.request.Request(base + '/responses', body, key), timeout=300).read()
for name, text in step.get('files', {}).items():
    open(tests + name, 'w').write(text)
if step.get('commit', True):
    subprocess.run(['git', 'add', '-A'], check=True)
    subprocess.run(['git', 'commit', '-qm', 'Task ' + task], check=True)
if step.get('report', True):
    nonce = re.search(r'"nonce": "([0-9a-f]+)"', prompt)[1]
    json.dump({'nonce': nonce, 'status': 'done', 'summary': 'did ' + task}, open('.cgo/report.json', 'w'))
print(json.dumps({'type': 'thread.started', 'thread_id': 't-1'}))
print(json.dumps({'type': 'turn.completed', 'usage': {}}))
"#;

/// A test that passes, with one fact in it.
pub fn passing(fact: &str) -> String {
    format!("def test_it() -> None:\n    fact = \"{fact}\"\n    assert fact\n")
}

/// One that does not.
pub const FAILING: &str = "def test_it() -> None:\n    assert 1 + 1 == 3\n";

/// Answers as the offline provider, but plans those tasks and has them written.
pub fn planning(tasks: Value) -> impl FnMut(&Value) -> Answer + Send + 'static {
    move |question: &Value| {
        let messages = question["messages"].as_array().expect("the question was checked");
        let task = messages.iter().find_map(|message| serde_json::from_str::<Value>(message["content"].as_str()?).ok());
        let task = task.expect("the task is JSON");
        let results = messages.iter().filter(|message| message["role"] == "tool").count();
        match (task["node"].as_str().expect("a node"), results) {
            ("architect", 2) => one_call("c2", "plan", &json!({ "complexity": "complex", "tasks": tasks })),
            ("developer", 0)
                if task["state"]["tasks"]
                    .as_array()
                    .is_some_and(|tasks| tasks.iter().all(|task| task["attempts"] == 0)) =>
            {
                one_call("c0", "generate_project", &json!({}))
            }
            ("developer", 0) => one_call("c0", "write_code", &json!({})),
            ("developer", 1) if called(messages, "generate_project") => one_call("c1", "write_code", &json!({})),
            ("developer", _) => words("done"),
            _ => thought(question),
        }
    }
}

fn called(messages: &[Value], tool: &str) -> bool {
    let calls = messages.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
    calls.into_iter().any(|call| call["function"]["name"] == tool)
}

/// A home with a model that plans and a coder that does as it is told.
pub struct Team {
    pub env: TestEnv,
    server: Server,
}

impl Team {
    /// None where something is missing.
    pub async fn new(tasks: Value, plan: &Value) -> Option<Self> {
        Self::at(TestEnv::new(), tasks, plan).await
    }

    /// The same in that home.
    async fn at(env: TestEnv, tasks: Value, plan: &Value) -> Option<Self> {
        if !coders_can_work() {
            return None;
        }
        let server = Server::thinking(Wire::Openai, planning(tasks)).await;
        let mut env = at_home(env, &server, true);
        let tools = env.home().join("tools/bin");
        std::fs::create_dir_all(&tools).unwrap();
        std::fs::write(tools.join("codex"), CODER).unwrap();
        std::fs::set_permissions(tools.join("codex"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(tools.join("plan.json"), plan.to_string()).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        env.set("PATH", format!("{}:{path}", tools.display()));
        Some(Self { env, server })
    }

    pub async fn project(&self, more: &[&str]) -> Ran {
        let all = [
            "project",
            "new",
            "a notes API with title and body",
            "--no-deploy",
            "--provider",
            "mine",
            "--coder",
            "codex",
        ];
        let all: Vec<String> = all.iter().chain(more).map(|argument| (*argument).to_owned()).collect();
        let ran = run(&self.env, &all).await;
        assert_eq!(self.server.violations(), Vec::<String>::new());
        ran
    }

    /// The tasks as the newest run knows them.
    fn tasks(&self) -> Vec<Value> {
        let runs = self.env.json(["run", "list"]);
        let id = runs["runs"][0]["id"].as_str().unwrap().to_owned();
        let shown = self.env.json(["run", "show", &id]);
        shown["state"]["tasks"].as_array().unwrap_or_else(|| panic!("no tasks in {shown}")).clone()
    }

    fn project_folder(&self) -> std::path::PathBuf {
        self.env.work().join("notes-api")
    }

    /// The newest run.
    fn newest(&self) -> String {
        self.env.json(["run", "list"])["runs"][0]["id"].as_str().expect("a run").to_owned()
    }

    /// What a run has beside the project.
    fn beside(&self, run: &str) -> std::path::PathBuf {
        self.env.data().join("worktrees").join(run)
    }

    /// A file of tests that a person writes and commits.
    fn commit_by_hand(&self, name: &str, text: &str) {
        let folder = self.project_folder();
        std::fs::write(folder.join("services/backend/tests").join(name), text).expect("the project has tests");
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", "By hand"]);
    }

    /// Lets the program find only what a run without coders needs: no bubblewrap.
    fn take_bubblewrap_away(&mut self) {
        let tools = self.env.home().join("only");
        std::fs::create_dir_all(&tools).unwrap();
        // The interpreter itself: what leads to it may be a script that needs more.
        let interpreter = "python3 -c 'import sys; print(sys.executable)'";
        for (name, find) in [("git", "command -v git"), ("python3", interpreter), ("uv", "command -v uv")] {
            let found = std::process::Command::new("sh").args(["-c", find]).output().unwrap();
            let found = String::from_utf8(found.stdout).unwrap();
            if !found.trim().is_empty() {
                std::os::unix::fs::symlink(found.trim(), tools.join(name)).unwrap();
            }
        }
        self.env.set("PATH", tools.display().to_string());
    }
}

/// A task that a plan lists.
pub fn task(id: &str, after: &[&str]) -> Value {
    json!({ "id": id, "title": format!("Task {id}"), "done_when": "its test passes", "after": after })
}

#[tokio::test]
async fn independent_tasks_are_done_side_by_side_and_merged_before_what_builds_on_them() {
    let tasks = json!([task("one", &[]), task("two", &[]), task("three", &["one", "two"])]);
    let file = |name: &str, fact: &str| json!([{ "files": { name: passing(fact) } }]);
    let plan = json!({ "one": file("test_one.py", "1"), "two": file("test_two.py", "2"), "three": file("test_three.py", "3") });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let folder = team.project_folder();
    for name in ["one", "two", "three"] {
        assert!(folder.join(format!("services/backend/tests/test_{name}.py")).is_file(), "{}", ran.stderr);
    }
    assert!(ran.stdout.contains("38 passed"), "{}", ran.stdout);
    let log = git(&folder, &["log", "--format=%s"]);
    assert_eq!(log.matches("Task ").count(), 4, "three tasks and one merge:\n{log}");
    // The project is as it was but for the commits: no branch, no worktree, nothing uncommitted.
    assert_eq!(git(&folder, &["branch", "--format=%(refname:short)"]), "main");
    assert_eq!(git(&folder, &["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");
    let models = team.env.json(["cost", "--by", "agent"]);
    assert!(models["totals"].as_array().unwrap().iter().any(|total| total["of"] == "developer"), "{models}");
}

#[tokio::test]
async fn a_conflict_goes_back_with_the_change_and_is_done_again_on_top() {
    let tasks = json!([task("one", &[]), task("two", &[])]);
    let plan = json!({
        "one": [{ "files": { "test_shared.py": passing("one") } }],
        "two": [
            { "files": { "test_shared.py": passing("two") } },
            { "files": { "test_shared.py": passing("one and two") } },
        ],
    });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let attempts: Vec<u64> = team.tasks().iter().map(|task| task["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2]);
    let text = std::fs::read_to_string(team.project_folder().join("services/backend/tests/test_shared.py")).unwrap();
    assert!(text.contains("one and two"), "{text}");
}

#[tokio::test]
async fn work_that_never_passes_is_tried_three_times_and_a_person_gets_the_output() {
    let tasks = json!([task("one", &[])]);
    let plan = json!({ "one": [{ "files": { "test_one.py": FAILING } }, { "files": { "test_one.py": format!("{FAILING}\n\n# again\n") } }] });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(team.tasks()[0]["attempts"], 3);
    assert!(ran.stderr.contains("assert (1 + 1) == 3") && ran.stderr.contains("test_one.py"), "{}", ran.stderr);
    // What failed is not in the project; a person writes it, and the run goes on.
    let folder = team.project_folder();
    assert!(!folder.join("services/backend/tests/test_one.py").exists());
    team.commit_by_hand("test_one.py", &passing("by hand"));
    let id = team.newest();
    assert!(team.beside(&id).exists(), "what the coder said is kept while the run waits");
    let ran = run(&team.env, &["run".to_owned(), "approve".to_owned(), id.clone()]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("36 passed"), "{}", ran.stdout);
    assert!(!team.beside(&id).exists(), "nobody needs it any more");
    assert_eq!(git(&folder, &["branch", "--format=%(refname:short)"]), "main");
}

/// A test that looks for what it should not reach.
fn curious(team: &Team) -> String {
    let key = team.env.home().join(".ssh/id_ed25519");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    std::fs::write(&key, "of the operator").unwrap();
    let (host, port) = team.server.address.rsplit_once(':').unwrap();
    format!(
        r#"import os
import socket
from contextlib import suppress
from pathlib import Path


def test_it() -> None:
    found = [name for name in os.environ if name == "MINE_KEY"]
    if Path("{key}").exists():
        found.append("the key")
    for process in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            found += ["a process"] if b"MINE_KEY=" in process.read_bytes() else []
    with suppress(OSError):
        socket.create_connection(("{host}", {port}), 5).close()
        found.append("the network")
    with suppress(OSError):
        Path("{project}/evil").write_text("evil")
    assert not found, found
"#,
        key = key.display(),
        project = team.project_folder().display(),
    )
}

#[tokio::test]
async fn what_a_coder_had_a_part_in_is_tested_behind_walls_for_as_long_as_it_lives() {
    let tasks = json!([task("one", &[])]);
    let plan = json!({ "one": [{ "files": { "test_one.py": passing("1") } }] });
    let Some(mut team) = Team::at(TestEnv::deploying(), tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    team.commit_by_hand("test_curious.py", &curious(&team));
    let deploy = |more: &[&str]| ["deploy", "notes-api"].iter().chain(more).map(|word| (*word).to_owned()).collect();
    let words: Vec<String> = deploy(&["--sandbox", "off"]);
    let ran = run(&team.env, &words).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("the key") && ran.stderr.contains("the network"), "{}", ran.stderr);
    assert!(!team.beside(&team.newest()).exists(), "a place to test in is left");
    let evil = team.project_folder().join("evil");
    std::fs::remove_file(&evil).expect("without walls it was written");
    let words: Vec<String> = deploy(&[]);
    let ran = run(&team.env, &words).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("37 tests passed"), "{}", ran.stdout);
    assert!(!team.beside(&team.newest()).exists(), "a place to test in is left");
    let folder = team.project_folder();
    assert!(!evil.exists());
    assert_eq!(git(&folder, &["branch", "--format=%(refname:short)"]), "main");
    team.commit_by_hand("test_two.py", &passing("2"));
    team.take_bubblewrap_away();
    let ran = run(&team.env, &words).await;
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert!(ran.stderr.contains("--sandbox off") && ran.stderr.contains("bubblewrap"), "{}", ran.stderr);
}

#[test]
fn what_a_failed_run_left_beside_a_project_goes_with_it() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    env.ok(["project", "new", "a notes API with title", "--until", "developer"]);
    let id = env.json(["run", "list"])["runs"][0]["id"].as_str().expect("a run").to_owned();
    let left = env.data().join("worktrees").join(&id);
    let folder = env.work().join("notes-api");
    git(&folder, &["worktree", "add", "-q", "-b", &format!("cgo/{id}/one/work"), left.join("one").to_str().unwrap()]);
    std::fs::create_dir(left.join("one.attempt-1")).unwrap();
    let another = env.data().join("worktrees/run-another");
    std::fs::create_dir(&another).unwrap();
    let told = env.json(["project", "remove", "notes-api", "--dry-run"]);
    assert_eq!(told["work"], json!([left.display().to_string()]), "{told}");
    assert!(left.exists());
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert!(!left.exists() && another.exists() && folder.exists());
    assert_eq!(git(&folder, &["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
}

#[tokio::test]
async fn an_agent_that_does_nothing_or_edits_generated_code_has_not_done_its_task() {
    let tasks = json!([task("one", &[])]);
    let plan = json!({ "one": [
        { "commit": false },
        { "files": { "generated/test_notes.py": "def test_it() -> None:\n    assert True\n", "test_one.py": passing("1") } },
    ] });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(team.tasks()[0]["attempts"], 3);
    assert!(ran.stderr.contains("generated files are not as the spec makes them"), "{}", ran.stderr);
    // A run that is cancelled leaves nothing but its branches.
    let id = team.newest();
    assert!(team.beside(&id).exists());
    team.env.ok(["run", "cancel", &id]);
    assert!(!team.beside(&id).exists());
    assert!(git(&team.project_folder(), &["branch", "--format=%(refname:short)"]).contains(&format!("cgo/{id}/one")));
}

#[tokio::test]
async fn with_no_coder_nobody_writes_what_the_spec_does_not_generate() {
    let Some(team) = Team::new(json!([task("one", &[])]), &json!({})).await else { return };
    let ran = run(&team.env, &super::pipeline::new(&["--coder", "none"])).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody writes code here: the run has --coder none"), "{}", ran.stderr);
    assert_eq!(git(&team.project_folder(), &["log", "--format=%s", "--grep", "one"]), "", "no task was done");
}

#[tokio::test]
async fn a_coder_that_is_not_there_or_has_no_model_or_no_walls_is_refused_before_anything_is_made() {
    let tasks = json!([task("one", &[])]);
    let Some(mut team) = Team::new(tasks, &json!({})).await else { return };
    let ran = team.project(&["--coder", "goose"]).await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    std::fs::remove_file(team.env.home().join("tools/bin/codex")).unwrap();
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert!(ran.stderr.contains("npm install -g @openai/codex"), "{}", ran.stderr);
    let offline = ["project", "new", "a notes API with title", "--coder", "aider"].map(str::to_owned);
    let ran = run(&team.env, &offline).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("--provider"), "{}", ran.stderr);
    team.take_bubblewrap_away();
    let native = ["project", "new", "a notes API", "--provider", "mine"].map(str::to_owned);
    let ran = run(&team.env, &native).await;
    assert!(ran.stderr.contains("--sandbox off") && ran.stderr.contains("bubblewrap"), "{}", ran.stderr);
    assert_ne!(ran.code, Some(0));
    assert_eq!(std::fs::read_dir(team.env.work()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_coder_that_commits_a_key_or_rewrites_its_checks_has_not_done_its_task_and_nothing_of_it_is_merged() {
    let key = format!("{}{}", "AKIA", "IOSFODNN7ABCDEFG");
    let tasks = json!([task("one", &[])]);
    let plan = json!({ "one": [
        { "files": { "test_one.py": passing(&key) } },
        { "files": { "test_one.py": passing("1"), "../../../cgo.yaml": "services: {}\n" } },
    ] });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(team.tasks()[0]["attempts"], 3);
    // The last attempt is told to people, and each to the one after it.
    let last = "`codex` failed: it committed what must not be in the project: how the project is checked";
    assert!(ran.stderr.contains(last), "{}", ran.stderr);
    let kept = ["cgo.db", "cgo.db-wal"].map(|name| std::fs::read(team.env.data().join(name)).unwrap_or_default());
    let kept = String::from_utf8_lossy(&kept.concat()).into_owned();
    for words in [
        "`codex` failed: it committed what looks like a secret",
        "services/backend/tests/test_one.py:2: an AWS access key",
        "how the project is checked, in `cgo.yaml`, is not yours to change",
    ] {
        assert!(kept.contains(words), "{words}");
    }
    assert!(!kept.contains(&key), "the key is kept");
    assert!(!ran.stderr.contains(&key) && !ran.stdout.contains(&key), "the key is told: {}", ran.stderr);
    let folder = team.project_folder();
    assert!(!folder.join("services/backend/tests/test_one.py").exists());
    assert!(!git(&folder, &["log", "-p", "main"]).contains(&key), "it was merged");
    assert_ne!(std::fs::read_to_string(folder.join("cgo.yaml")).unwrap(), "services: {}\n");
}

#[tokio::test]
async fn tasks_at_once_divide_what_is_left_of_the_budget() {
    let tasks = json!([task("one", &[]), task("two", &[])]);
    let file = |name: &str, fact: &str| json!([{ "files": { name: passing(fact) } }]);
    let plan = json!({ "one": file("test_one.py", "1"), "two": file("test_two.py", "2") });
    let Some(team) = Team::new(tasks, &plan).await else { return };
    let ran = team.project(&["--budget", "2"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("37 passed"), "{}", ran.stdout);
}

/// Stands before a server and answers what coders ask itself, when two questions are open at once or one has waited
/// long enough. It is gone with this value.
struct Gate {
    address: String,
    /// How many questions were open at once, at most.
    most: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    async fn before(server: String, patience: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (now, most) = (watch::Sender::new(0), watch::Sender::new(0));
        let seen = most.subscribe();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(pass(stream, server.clone(), now.clone(), most.clone(), patience));
            }
        });
        Self { address, most: seen, task }
    }
}

/// Serves one connection.
async fn pass(
    mut near: TcpStream,
    server: String,
    now: watch::Sender<usize>,
    most: watch::Sender<usize>,
    patience: Duration,
) {
    const PATH: &[u8] = b"POST /v1/responses ";
    let mut begun = vec![0; PATH.len()];
    if near.read_exact(&mut begun).await.is_err() {
        return;
    }
    if begun != PATH {
        let mut far = TcpStream::connect(server).await.expect("the server is there");
        far.write_all(&begun).await.expect("the server reads");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        return;
    }
    now.send_modify(|now| *now += 1);
    most.send_modify(|most| *most = (*most).max(*now.borrow()));
    let mut seen = most.subscribe();
    let two = async { while *seen.borrow_and_update() < 2 && seen.changed().await.is_ok() {} };
    let _ = tokio::time::timeout(patience, two).await;
    let usage = json!({ "input_tokens": 30, "output_tokens": 10 });
    let body = format!("data: {}\n\n", json!({ "type": "response.completed", "response": { "usage": usage } }));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
    let _ = near.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    now.send_modify(|now| *now -= 1);
    // What is not read of the question would break the answer off.
    let _ = near.read_to_end(&mut Vec::new()).await;
}

/// How many of two coders ask their model at once, each once, where a question waits that long for another.
async fn asking_at_once(at_once: Option<&str>, patience: Duration) -> Option<usize> {
    let tasks = json!([task("one", &[]), task("two", &[])]);
    let step = |name: &str, fact: &str| json!([{ "asks": true, "files": { name: passing(fact) } }]);
    let plan = json!({ "one": step("test_one.py", "1"), "two": step("test_two.py", "2") });
    let mut team = Team::new(tasks, &plan).await?;
    let gate = Gate::before(team.server.address.clone(), patience).await;
    let settings = team.env.home().join(".config/cgo/config.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace(&team.server.address, &gate.address)).unwrap();
    if let Some(at_once) = at_once {
        team.env.set("CGO_TASKS_AT_ONCE", at_once);
    }
    let ran = team.project(&[]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("37 passed"), "{}", ran.stdout);
    let most = *gate.most.borrow();
    Some(most)
}

#[tokio::test]
async fn tasks_that_wait_for_nothing_are_worked_on_at_once() {
    let Some(most) = asking_at_once(None, Duration::from_mins(2)).await else { return };
    assert_eq!(most, 2);
}

#[tokio::test]
async fn with_one_task_at_once_no_two_are_worked_on_together() {
    let Some(most) = asking_at_once(Some("1"), Duration::from_secs(3)).await else { return };
    assert_eq!(most, 1);
}
