//! Several tasks at once: an architect plans them, coders work side by side in worktrees, the reviewer merges, and what
//! does not fit goes back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cgo::domain::provider::Wire;
use serde_json::{Value, json};

use super::pipeline::{home, run, thought};
use super::server::{Answer, Server, stream};
use crate::support::env::{Ran, TestEnv, missing, tools_are_here};

/// Stands in for codex: does what the file named after its task says, with the attempt's number, and reports.
const CODER: &str = r#"#!/usr/bin/python3
import json, os, re, subprocess, sys
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
if step.get('waits'):
    # Both are at work at once, or neither ends.
    open(os.environ['HOME'] + '/x', 'w').close()
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
        let call = |number: usize, name: &str, arguments: &Value| {
            let function = json!({ "name": name, "arguments": arguments.to_string() });
            let call = json!({ "index": 0, "id": format!("c{number}"), "type": "function", "function": function });
            stream(&[
                json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "tool_calls": [call] } }] }),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
            ])
        };
        let done = || {
            stream(&[
                json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "done" } }] }),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
            ])
        };
        match (task["node"].as_str().expect("a node"), results) {
            ("architect", 2) => call(2, "plan", &json!({ "complexity": "complex", "tasks": tasks })),
            ("developer", 0)
                if task["state"]["tasks"]
                    .as_array()
                    .is_some_and(|tasks| tasks.iter().all(|task| task["attempts"] == 0)) =>
            {
                call(0, "generate_project", &json!({}))
            }
            ("developer", 0) => call(0, "write_code", &json!({})),
            ("developer", 1) if called(messages, "generate_project") => call(1, "write_code", &json!({})),
            ("developer", _) => done(),
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
        if !tools_are_here() {
            return None;
        }
        if std::process::Command::new("bwrap").arg("--version").output().is_err() {
            missing("bubblewrap");
            return None;
        }
        let server = Server::thinking(Wire::Openai, planning(tasks)).await;
        let mut env = home(&server, true);
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
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git").args(arguments).current_dir(folder).output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
    std::fs::write(folder.join("services/backend/tests/test_one.py"), passing("by hand")).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["-c", "user.name=p", "-c", "user.email=p@localhost", "commit", "-qm", "By hand"]);
    let runs = team.env.json(["run", "list"]);
    let id = runs["runs"][0]["id"].as_str().unwrap().to_owned();
    let ran = run(&team.env, &["run".to_owned(), "approve".to_owned(), id]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("36 passed"), "{}", ran.stdout);
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
    // Only what the run itself needs is found: no bubblewrap.
    let tools = team.env.home().join("only");
    std::fs::create_dir_all(&tools).unwrap();
    for name in ["git", "python3", "uv"] {
        let found = std::process::Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
        std::os::unix::fs::symlink(String::from_utf8(found.stdout).unwrap().trim(), tools.join(name)).unwrap();
    }
    team.env.set("PATH", tools.display().to_string());
    let native = ["project", "new", "a notes API", "--provider", "mine"].map(str::to_owned);
    let ran = run(&team.env, &native).await;
    assert!(ran.stderr.contains("--sandbox off") && ran.stderr.contains("bubblewrap"), "{}", ran.stderr);
    assert_ne!(ran.code, Some(0));
    assert_eq!(std::fs::read_dir(team.env.work()).unwrap().count(), 0);
}
