//! Three whole projects, each told once by a model over the wire and by a person, and recorded.

use std::path::Path;
use std::process::Command;

use cgo::domain::provider::Wire;
use cgo::llm::{Message, Reply, Request};
use serde_json::{Value, json};

use crate::models::pipeline::{asked, at_home, offline, run, spoken};
use crate::models::server::{Answer, Server, one_call};
use crate::support::env::TestEnv;

/// One project.
pub struct Story {
    /// The file of its cassette.
    pub file: &'static str,
    /// What is asked for.
    pub text: &'static str,
    /// What else stands on the command line.
    pub arguments: &'static [&'static str],
    /// It ends with a deployment.
    pub deploys: bool,
    /// What the model says; none where the usual answer will do.
    pub model: fn(&Request) -> Option<Reply>,
    /// What it says to cgo's own coder, after so many results.
    pub coder: fn(usize) -> (&'static str, Value),
    /// What the person does each time the run waits.
    pub person: &'static [Person],
}

/// What a person does when a run waits.
#[derive(Clone, Copy)]
pub enum Person {
    /// Answers.
    Answers(&'static [&'static str]),
    /// Commits a file, if any, and approves.
    Approves(Option<(&'static str, &'static str)>),
}

pub const RUSSIAN: Story = Story {
    file: "russian.cassette",
    text: "Журнал обращений: завести звонок, назначить сотрудника, статус (новый, в работе, закрыт)",
    arguments: &[],
    deploys: true,
    model: |_| None,
    coder: nobody_codes,
    person: &[],
};

pub const QUESTION_AND_APPROVAL: Story = Story {
    file: "question-and-approval.cassette",
    text: "make me something nice",
    arguments: &["--no-deploy"],
    deploys: false,
    model: |request| blocks_once(request, "the shop's prices are nobody's to make up"),
    coder: nobody_codes,
    person: &[Person::Answers(&["products with name, price and stock", "over HTTP"]), Person::Approves(None)],
};

pub const FAILING_TEST: Story = Story {
    file: "failing-test.cassette",
    text: "a notes API with title and body",
    arguments: &[],
    deploys: true,
    model: |request| {
        blocks_once(request, "somebody has to say how long a title may be").or_else(|| has_it_mended(request))
    },
    coder: mends_the_title,
    person: &[Person::Approves(Some((RULE, THE_RULE)))],
};

const RULE: &str = "services/backend/tests/test_rule.py";
/// What the person wants of the project, and what it does not do yet.
const THE_RULE: &str = "\
\"\"\"A rule that a person wrote.\"\"\"

from fastapi.testclient import TestClient


def test_a_title_has_at_most_eighty_characters(client: TestClient) -> None:
    for length, status in ((80, 201), (81, 422)):
        answer = client.post(\"/notes\", json={\"title\": \"x\" * length, \"body\": \"b\"})
        assert answer.status_code == status
";
const CONTROLLER: &str = "services/backend/app/controllers/notes.py";

fn nobody_codes(_: usize) -> (&'static str, Value) {
    panic!("nobody writes code in this story")
}

/// Reads the test and what it tests, adds the rule, lets the test run, and ends.
fn mends_the_title(results: usize) -> (&'static str, Value) {
    let edit = |search: &str, replace: &str| json!({ "search": search, "replace": replace });
    match results {
        0 => ("read", json!({ "path": RULE })),
        1 => ("read", json!({ "path": CONTROLLER })),
        2 => (
            "edit",
            json!({ "path": CONTROLLER, "edits": [
                edit(
                    "from app.generated.controllers.notes import NotesOperations as Generated\n",
                    "from app.generated.controllers.notes import NotesOperations as Generated\n\
                     from app.generated.core import problems\n\
                     from app.generated.models.notes import Note\n\
                     from app.generated.schemas.notes import NoteCreate\n\n\
                     LONGEST_TITLE = 80\n",
                ),
                edit(
                    "    \"\"\"The operations of notes; override a method to change what it does.\"\"\"\n",
                    "    \"\"\"The operations of notes; override a method to change what it does.\"\"\"\n\n    \
                     def create_note(self, data: NoteCreate) -> Note:\n        \
                     \"\"\"Add a note whose title is not too long.\"\"\"\n        \
                     if len(data.title) > LONGEST_TITLE:\n            \
                     raise problems.Problem(422, f\"a title has at most {LONGEST_TITLE} characters\")\n        \
                     return super().create_note(data)\n",
                ),
            ] }),
        ),
        3 => ("run", json!({ "command": "cd services/backend && python -m pytest -q tests/test_rule.py" })),
        _ => ("finish", json!({ "summary": "Refuse titles of more than 80 characters." })),
    }
}

/// How many results cgo's own coder has, where it is the one that asks.
pub fn coders_turn(question: &Value) -> Option<usize> {
    let tools = question["tools"].as_array()?;
    let asks = tools.iter().any(|tool| tool["function"]["name"] == "finish");
    asks.then(|| question["messages"].as_array().into_iter().flatten().filter(|said| said["role"] == "tool").count())
}

/// The developer has a coder do what the tests ask for.
fn has_it_mended(request: &Request) -> Option<Reply> {
    let task: Value = serde_json::from_str(request.task()).ok()?;
    let asked = request.agent.as_str() == "developer" && task["state"]["review_feedback"].is_string();
    let calls = request.messages.iter().filter(|message| matches!(message, Message::Tool { .. })).count();
    asked.then(|| match calls {
        0 => Reply::call("call_1", "write_code", &json!({})),
        _ => Reply::text("A coder has mended it."),
    })
}

/// The developer generates the project, and gives the work back once.
fn blocks_once(request: &Request, reason: &str) -> Option<Reply> {
    let generated = request.results().any(|(_, content)| content.contains("\"commit\""));
    let task: Value = serde_json::from_str(request.task()).ok()?;
    let first = task["state"]["review_feedback"].is_null() && task["state"]["engineering_status"] == "idle";
    let calls = request.messages.iter().filter(|message| matches!(message, Message::Tool { .. })).count();
    (request.agent.as_str() == "developer" && first && generated && calls == 1)
        .then(|| Reply::call("call_2", "report_blocked", &json!({ "reason": reason })))
}

impl Story {
    /// A home for it.
    pub fn home(&self) -> TestEnv {
        let mut env = if self.deploys { TestEnv::deploying() } else { TestEnv::new() };
        env.set("USER", "ada");
        env
    }

    /// Lets it happen, and be recorded.
    pub async fn record(&self, cassette: &Path) -> TestEnv {
        let (model, coder) = (self.model, self.coder);
        let think = move |question: &Value| -> Answer {
            if let Some(results) = coders_turn(question) {
                let (name, arguments) = coder(results);
                return one_call(&format!("n{results}"), name, &arguments);
            }
            let (_, request) = asked(question);
            spoken(&model(&request).unwrap_or_else(|| offline(&request)))
        };
        let server = Server::thinking(Wire::Openai, think).await;
        let env = at_home(self.home(), &server, true);
        let mut arguments = vec!["project", "new", self.text, "--provider", "mine", "--record"];
        let file = cassette.display().to_string();
        arguments.push(&file);
        arguments.extend(self.arguments);
        let words = |arguments: &[&str]| arguments.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut ran = run(&env, &words(&arguments)).await;
        for step in self.person {
            assert_eq!(ran.code, Some(4), "{}: {}", self.file, ran.stderr);
            let id = newest(&env);
            ran = match step {
                Person::Answers(texts) => run(&env, &words(&[&["run", "answer", &id], *texts].concat())).await,
                Person::Approves(work) => {
                    if let Some((path, text)) = work {
                        commit(&project(&env), path, text);
                    }
                    run(&env, &words(&["run", "approve", &id])).await
                }
            };
        }
        assert_eq!(ran.code, Some(0), "{}: {}", self.file, ran.stderr);
        assert!(!server.requests().is_empty(), "no model was asked");
        env
    }
}

/// The newest run of a home.
pub fn newest(env: &TestEnv) -> String {
    env.json(["run", "list"])["runs"][0]["id"].as_str().expect("there is a run").to_owned()
}

/// The folder of a home's only project.
pub fn project(env: &TestEnv) -> std::path::PathBuf {
    env.json(["project", "list"])["projects"][0]["folder"].as_str().expect("there is a project").into()
}

fn commit(folder: &Path, path: &str, text: &str) {
    std::fs::write(folder.join(path), text).expect("the project has tests");
    for words in [&["add", "-A"][..], &["commit", "-q", "-m", "Write a rule down"]] {
        let git = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(words)
            .output()
            .expect("git runs");
        assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    }
}
