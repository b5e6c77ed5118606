//! cgo's own coding loop: a scripted model, a real worktree, real checks, the real sandbox.

mod bounds;
mod ends;
mod wire;

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use cgo::coder::event::CoderEvent;
use cgo::coder::native::{self, Ask, AskError, AskFuture, CheckFuture, CheckResult, Checks, Error, Finished, Task};
use cgo::coder::sandbox::{Hidden, Limits, Sandbox};
use cgo::coder::verdict::Verdict;
use cgo::domain::names::AgentName;
use cgo::llm::{Message, Reply, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::repo::{begin, git, sandbox, worktree};

const AGENTS: &str = "# Rules\n- Amounts are whole numbers of cents.\n";
const CALC: &str = "\"\"\"Arithmetic.\"\"\"\n\n\ndef add(a: int, b: int) -> int:\n    return a - b\n\n\ndef double(a: int) -> int:\n    return add(a, a)\n";
const TEST: &str = "\
import unittest
from calc import add, double


class TestCalc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_double(self):
        self.assertEqual(double(2), 4)
";
const GENERATED: &str = r#"{"version": 1, "files": {"app/generated/base.py": "0"}}"#;

/// A repository with a fault in it, and the sandbox.
struct Bench {
    folder: TempDir,
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Option<Self> {
        let (runtime, sandbox) = sandbox()?;
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main");
        let files = [
            ("AGENTS.md", AGENTS),
            ("calc.py", CALC),
            ("tests/__init__.py", ""),
            ("tests/test_calc.py", TEST),
            (".gitignore", "__pycache__/\nignored/\n"),
            (".cgo/generated.json", GENERATED),
            ("app/generated/base.py", "class Base: ...\n"),
            ("app/controllers/notes.py", "from app.generated.base import Base\n"),
            (".env.example", "KEY=name\n"),
        ];
        begin(&main, &files);
        let bench = Self { folder, sandbox, runtime };
        worktree(&main, &bench.tree(), "cgo/run/task");
        Some(bench)
    }

    fn main(&self) -> PathBuf {
        self.folder.path().join("main")
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tree().join(path)).unwrap()
    }

    fn tip(&self) -> String {
        git(&self.main(), &["rev-parse", "cgo/run/task"])
    }

    fn base(&self) -> String {
        git(&self.main(), &["rev-parse", "main"])
    }

    fn task(&self) -> Task {
        Task {
            workspace: self.tree(),
            branch: "cgo/run/task".to_owned(),
            base: self.base(),
            text: "Mend the sum in calc.py.\n\nIt is done when tests/test_calc.py passes.".to_owned(),
            spec: None,
            feedback: None,
            agent: AgentName::parse("developer").unwrap(),
            model: "m-1".to_owned(),
            temperature: 0.0,
            max_tokens: 4096,
            max_turns: 30,
            may_change_nothing: false,
            at: None,
            effect: Some("run-1/developer/1".to_owned()),
            folder: self.folder.path().join("attempt"),
            read_only: vec![],
            sealed: vec![],
            hidden: Hidden::default(),
            path: vec![],
            env: std::collections::BTreeMap::default(),
            limits: Limits { wall: Duration::from_mins(2), grace: Duration::from_secs(1), ..Limits::default() },
        }
    }

    fn run(&self, script: &Script) -> Finished {
        self.run_task(&self.task(), script, &Tests::new(self))
    }

    fn run_task(&self, task: &Task, script: &dyn Ask<String>, checks: &dyn Checks<String>) -> Finished {
        let finished = self.try_run(task, script, checks, &CancellationToken::new(), &mut |_| ()).unwrap();
        self.is_settled();
        finished
    }

    fn try_run(
        &self,
        task: &Task,
        script: &dyn Ask<String>,
        checks: &dyn Checks<String>,
        cancel: &CancellationToken,
        on_event: &mut (dyn FnMut(&CoderEvent) + Send),
    ) -> Result<Finished, Error<String>> {
        self.runtime.block_on(native::run(task, script, checks, &self.sandbox, cancel, on_event))
    }

    /// The worktree is on its branch and holds nothing else, as anybody's git sees it.
    fn is_settled(&self) {
        assert_eq!(git(&self.tree(), &["status", "--porcelain"]), "");
        assert_eq!(git(&self.tree(), &["symbolic-ref", "HEAD"]), "refs/heads/cgo/run/task");
        assert_eq!(git(&self.main(), &["status", "--porcelain"]), "");
    }
}

type Answer = Result<Reply, AskError<String>>;
type Answers = dyn FnMut(u32, &Request) -> Answer;

/// A model that answers by a script, and what it was asked.
struct Script {
    answer: RefCell<Box<Answers>>,
    asked: RefCell<Vec<Request>>,
}

impl Script {
    fn new(answer: impl FnMut(u32, &Request) -> Answer + 'static) -> Self {
        Self { answer: RefCell::new(Box::new(answer)), asked: RefCell::default() }
    }

    /// One call an answer; the last one again and again.
    fn calls(calls: &[(&str, Value)]) -> Self {
        let calls: Vec<(String, Value)> =
            calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone())).collect();
        Self::new(move |turn, _| {
            let (name, arguments) = &calls[(turn as usize).min(calls.len() - 1)];
            Ok(Reply::call(format!("call_{turn}"), name, arguments))
        })
    }

    /// What the calls came to, in order.
    fn results(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let last = asked.last().expect("it was asked");
        last.results().map(|(_, result)| result.to_owned()).collect()
    }
}

impl Ask<String> for Script {
    fn ask<'a>(&'a self, turn: u32, request: &'a Request) -> AskFuture<'a, String> {
        self.asked.borrow_mut().push(request.clone());
        let answer = (self.answer.borrow_mut())(turn, request);
        Box::pin(ready(answer))
    }
}

/// The project's own tests, which leave a file behind.
struct Tests {
    tree: PathBuf,
    ran: Cell<u32>,
}

impl Tests {
    fn new(bench: &Bench) -> Self {
        Self { tree: bench.tree(), ran: Cell::new(0) }
    }
}

impl Checks<String> for Tests {
    fn check(&self) -> CheckFuture<'_, String> {
        self.ran.set(self.ran.get() + 1);
        std::fs::write(self.tree.join("left.db"), "by the tests").unwrap();
        let output =
            Command::new("python3").args(["-B", "-m", "unittest", "-v"]).current_dir(&self.tree).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let summary = text.lines().last().unwrap_or_default().to_owned();
        Box::pin(ready(Ok(CheckResult { passed: output.status.success(), summary, output: text })))
    }
}

fn edit(path: &str, search: &str, replace: &str) -> Value {
    json!({ "path": path, "edits": [{ "search": search, "replace": replace }] })
}

fn mend() -> (&'static str, Value) {
    ("edit", edit("calc.py", "return a - b", "return a + b"))
}

fn done() -> (&'static str, Value) {
    ("finish", json!({ "summary": "Add instead of subtracting.\n\nThe tests were right." }))
}

#[test]
fn a_task_is_looked_at_edited_tested_repaired_and_committed() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[
        ("search", json!({ "pattern": r"def add\b", "context": 1 })),
        ("read", json!({ "path": "calc.py" })),
        ("edit", edit("calc.py", "    return a - b\n", "    return a * b\n")),
        done(),
        ("edit", edit("calc.py", "return a * b", "return a + b")),
        done(),
    ]);
    let task = Task {
        spec: Some("The sum of two amounts.".to_owned()),
        feedback: Some(format!("FAILED {}/tests/test_calc.py", bench.tree().display())),
        ..bench.task()
    };
    let checks = Tests::new(&bench);
    let mut events = Vec::new();
    let finished = bench
        .try_run(&task, &script, &checks, &CancellationToken::new(), &mut |event| events.push(event.clone()))
        .unwrap();
    bench.is_settled();
    let commit = bench.tip();
    assert_eq!(finished.verdict, Verdict::Success(commit.clone()), "{:?}", finished.evidence);
    assert_eq!((finished.commits, finished.turns, checks.ran.get()), (vec![commit], 6, 2));
    assert!(finished.last_words.starts_with("Add instead"));
    assert_eq!(bench.read("calc.py"), CALC.replace("a - b", "a + b"));
    let about = git(&bench.tree(), &["log", "-1", "--format=%an <%ae>|%cn|%B", "--stat"]);
    assert!(
        about.starts_with("cgo <cgo@localhost>|cgo|Mend the sum in calc.py\n\nAdd instead of subtracting."),
        "{about}"
    );
    assert!(about.contains("Cgo-Effect: run-1/developer/1") && about.contains("1 file changed"), "{about}");
    assert_eq!(git(&bench.tree(), &["rev-parse", "HEAD~1"]), bench.base());

    let results = script.results();
    assert!(results[0].contains("calc.py:4: def add(a: int, b: int) -> int:"), "{}", results[0]);
    assert!(results[1].contains("    5\t    return a - b"), "{}", results[1]);
    assert!(results[2].contains("-    return a - b\n+    return a * b"), "{}", results[2]);
    assert!(results[3].starts_with("The checks do not pass: FAILED (failures=1)"), "{}", results[3]);
    assert!(results[3].contains("AssertionError: 6 != 5") && results[3].ends_with("(round 1 of 3)"), "{}", results[3]);
    let tree = bench.tree().display().to_string();
    for request in script.asked.borrow().iter() {
        let told = serde_json::to_string(request).unwrap();
        assert!(!told.contains(&tree), "the model is told of this machine: {told}");
    }
    let asked = script.asked.borrow();
    let told = asked[0].task();
    for part in [
        AGENTS.trim(),
        "The sum of two amounts.",
        "  def add(a: int, b: int) -> int",
        "Mend the sum",
        "FAILED tests/test_calc.py",
        "    5\t    return a - b\n",
    ] {
        assert!(told.contains(part), "`{part}` is not in {told}");
    }
    assert!(
        matches!(&asked[0].messages[0], Message::System { content } if content.contains("Commits are made for you"))
    );
    assert!(events.contains(&CoderEvent::Tool { name: "edit".to_owned() }) && events.contains(&CoderEvent::Finished));
    assert!(
        events.iter().any(|event| matches!(event, CoderEvent::Problem { message } if message.contains("failures=1")))
    );
}

#[test]
fn every_time_the_checks_pass_there_is_a_commit_and_what_comes_later_is_in_the_next_or_in_none() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[
        mend(),
        ("check", json!({})),
        ("write", json!({ "path": "docs/notes.md", "content": "# Notes\n" })),
        ("check", json!({})),
        ("check", json!({})),
        ("edit", edit("calc.py", "return a + b", "return 0")),
        ("blocked", json!({ "reason": "The rest needs a decision." })),
    ]);
    let checks = Tests::new(&bench);
    let finished = bench.run_task(&bench.task(), &script, &checks);
    assert_eq!(finished.verdict, Verdict::Blocked("The rest needs a decision.".to_owned()));
    assert_eq!((finished.commits.len(), checks.ran.get()), (2, 2), "what has passed is not checked again");
    assert_eq!(finished.commits[1], bench.tip());
    assert_eq!(git(&bench.tree(), &["show", "--name-only", "--format="]), "docs/notes.md");
    let results = script.results();
    assert_eq!(results[1], "The checks pass: OK. Your work is committed.");
    assert_eq!(results[4], "The checks pass: OK. There was nothing to commit.");
    assert!(bench.read("calc.py").contains("a + b") && bench.read("docs/notes.md") == "# Notes\n");
}

#[test]
fn a_command_runs_in_the_sandbox_and_tells_what_it_changed() {
    let Some(bench) = Bench::new() else { return };
    let outside = bench.folder.path().join("outside");
    std::fs::write(&outside, "of the operator").unwrap();
    let script = Script::calls(&[
        ("run", json!({ "command": "python3 -B -m unittest 2>&1 | tail -1; echo err >&2; pwd; exit 3" })),
        (
            "run",
            json!({ "command": format!("cat {} || python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 22), 2)' 2>&1 | tail -1", outside.display()) }),
        ),
        ("run", json!({ "command": "sed -i 's/a - b/a + b/' calc.py && mkdir -p ignored && touch ignored/x new.txt" })),
        ("run", json!({ "command": "seq 1 100000" })),
        ("run", json!({ "command": "sleep 600 & echo begun; wait", "timeout": 1 })),
        ("run", json!({ "command": "rm new.txt" })),
        done(),
    ]);
    let finished = bench.run(&script);
    assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?}", finished.evidence);
    let results = script.results();
    assert_eq!(results[0], "exit code 3\nFAILED (failures=2)\nerr\n.");
    assert!(!results[1].contains("of the operator") && results[1].contains("Error"), "{}", results[1]);
    assert_eq!(results[2], "exit code 0, no output\nFiles changed by it: calc.py, new.txt");
    assert!(
        results[3].starts_with("exit code 0\n1\n2\n") && results[3].ends_with("99999\n100000"),
        "{}",
        &results[3][..80]
    );
    assert!(results[3].contains("bytes left out") && results[3].len() < 20_000);
    // Whether it got as far as to say something is not certain.
    assert!(results[4].starts_with("stopped after 1 s: it takes too long"), "{}", results[4]);
    assert_eq!(results[5], "exit code 0, no output\nFiles changed by it: new.txt");
    assert_eq!(git(&bench.tree(), &["show", "--name-only", "--format="]), "calc.py");
}

#[test]
fn a_tracked_file_of_secrets_is_kept_from_every_tool_and_from_commands() {
    let Some(bench) = Bench::new() else { return };
    let secrets = [(".env", "TOKEN=of-the-operator\n"), ("a/.env.production", "TOKEN=of-the-operator\n")];
    for (path, text) in secrets {
        std::fs::create_dir_all(bench.tree().join(path).parent().unwrap()).unwrap();
        std::fs::write(bench.tree().join(path), text).unwrap();
    }
    git(&bench.tree(), &["add", "-A"]);
    git(&bench.tree(), &["commit", "-qm", "as some projects have it"]);
    let base = bench.tip();
    let script = Script::calls(&[
        ("read", json!({ "path": ".env" })),
        ("read", json!({ "path": "a/.env.production" })),
        ("search", json!({ "pattern": "TOKEN" })),
        ("search", json!({ "pattern": "TOKEN", "path": ".env" })),
        ("edit", edit(".env", "TOKEN=", "TOKEN=mine")),
        ("run", json!({ "command": "cat .env a/.env.production; cp .env b; cat b; rm b; cat .env.example" })),
        ("run", json!({ "command": "python3 -c 'print(open(\".env\").read())'; grep -r of-the . ; rm -f .env" })),
        mend(),
        done(),
    ]);
    let hidden = Hidden::of(&bench.tree(), &secrets.map(|(path, _)| path.to_owned()));
    let finished = bench.run_task(&Task { base: base.clone(), hidden, ..bench.task() }, &script, &Tests::new(&bench));
    assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?}", finished.evidence);
    let results = script.results();
    for refused in [&results[0], &results[1], &results[4]] {
        assert!(refused.contains("looks like a file of secrets"), "{refused}");
    }
    assert!(results[5].contains("KEY=name"), "{}", results[5]);
    assert!(!results.concat().contains("of-the-operator"), "{results:?}");
    for (path, text) in secrets {
        assert_eq!(bench.read(path), text);
    }
    assert_eq!(git(&bench.tree(), &["diff", "--name-only", &base, "HEAD"]), "calc.py");
}

#[test]
fn a_file_that_can_no_longer_be_read_is_said_to_be_so_at_once() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[
        ("edit", edit("calc.py", "return a - b", "return (a + b")),
        ("write", json!({ "path": "x.json", "content": "{\"a\": 1,}" })),
        ("edit", edit("calc.py", "return (a + b", "return a + b")),
        ("remove", json!({ "path": "x.json" })),
        done(),
    ]);
    assert!(matches!(bench.run(&script).verdict, Verdict::Success(_)));
    let results = script.results();
    assert!(results[0].contains("The file is not valid now: line "), "{}", results[0]);
    assert!(results[1].contains("not valid now: key must be a string"), "{}", results[1]);
    assert!(!results[2].contains("not valid"), "{}", results[2]);
}

#[test]
fn several_calls_of_one_answer_are_carried_out_in_order_and_each_has_its_result() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| {
        let mut reply = Reply::call("a", "edit", &edit("calc.py", "return a - b", "return a"));
        if turn > 0 {
            return Ok(Reply::call("z", done().0, &done().1));
        }
        for (id, name, arguments) in [
            ("b", "edit", edit("calc.py", "return a\n", "return a + b\n")),
            ("c", "no_such_tool", json!({})),
            ("d", "read", json!({ "path": "calc.py", "offset": 4, "limit": 2 })),
        ] {
            reply.tool_calls.extend(Reply::call(id, name, &arguments).tool_calls);
        }
        Ok(reply)
    });
    assert!(matches!(bench.run(&script).verdict, Verdict::Success(_)));
    let asked = script.asked.borrow();
    let ids: Vec<&str> = asked[1]
        .messages
        .iter()
        .filter_map(|message| if let Message::Tool { call_id, .. } = message { Some(call_id.as_str()) } else { None })
        .collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    let results = script.results();
    assert!(results[2].starts_with("error: there is no tool `no_such_tool`"), "{}", results[2]);
    assert!(
        results[3].ends_with("    5\t    return a + b\n… 4 more lines; read on with `offset`: 6\n"),
        "{}",
        results[3]
    );
}

#[test]
fn a_model_that_writes_its_edits_as_text_is_understood() {
    let Some(bench) = Bench::new() else { return };
    let block =
        "calc.py\n```python\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```\n";
    let script = Script::new(move |turn, _| {
        Ok(Reply::text(match turn {
            0 => format!("This is the change:\n\n{block}"),
            _ => "<tool_call>{\"name\": \"finish\", \"arguments\": {\"summary\": \"Add.\"}}</tool_call>".to_owned(),
        }))
    });
    let finished = bench.run(&script);
    assert_eq!((finished.verdict, finished.turns), (Verdict::Success(bench.tip()), 2));
    let asked = script.asked.borrow();
    let told = asked[1].messages.last().unwrap();
    assert!(matches!(told, Message::User { content } if content.contains("`edit`: edited calc.py")), "{told:?}");
}
