//! Secrets reach no model and nothing that is kept: canaries are planted, told and printed, and then looked for in every
//! request, file and word.

use std::path::PathBuf;

use cgo::domain::provider::Wire;
use cgo::llm::Reply;
use serde_json::{Value, json};

use super::models::pipeline::{asked, at_home, offline, run, spoken};
use super::models::server::{Answer, KEY, Server};
use super::support::canary::{absent, absent_below, base64, written};
use super::support::env::{Ran, TestEnv, tools_are_here};
use crate::cassettes::{newest, project};

/// In the environment, under a name that says so.
const TOKEN: &str = "tok-canary/9+f\"k1Zä?x";
/// In the environment, in an address.
const PASSWORD: &str = "pw-canary-4c7d2e91";
/// In the project's `.env`.
const STRIPE: &str = "sk_live_canary+51/Hq2";
/// In the project's `.env` under a name that says nothing, called a secret by the service's contract.
const WORD: &str = "opensesame-canary";

/// The developer gives the work back once, so that a person can do something.
fn think(question: &Value) -> Answer {
    let (_, request) = asked(question);
    let task: Value = serde_json::from_str(request.task()).unwrap_or_default();
    let calls = request.results().count();
    let first = request.agent.as_str() == "developer" && task["state"]["engineering_status"] == "idle" && calls == 1;
    spoken(&if first {
        Reply::call("call_2", "report_blocked", &json!({ "reason": "a person has to put the key in" }))
    } else {
        offline(&request)
    })
}

struct Lab {
    env: TestEnv,
    server: Server,
    said: Vec<Ran>,
}

impl Lab {
    async fn new(strict: bool) -> Self {
        let server = Server::thinking(Wire::Openai, think).await;
        let mut env = at_home(TestEnv::new(), &server, true);
        env.set("DEPLOY_TOKEN", TOKEN);
        env.set("MIRROR", format!("https://ada:{PASSWORD}@mirror.example.org/simple"));
        if strict {
            env.set("CGO_STRICT_SECRETS", "true");
        }
        Self { env, server, said: Vec::new() }
    }

    async fn run(&mut self, arguments: &[&str], code: i32) -> &Ran {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let ran = run(&self.env, &arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        self.said.push(ran);
        self.said.last().expect("it was just added")
    }

    /// Looks everywhere but where the values belong.
    fn look(&self, values: &[&str], allowed: &[PathBuf]) {
        for request in self.server.requests() {
            absent("a request to the model", request.to_string().as_bytes(), values);
        }
        for ran in &self.said {
            absent("standard output", ran.stdout.as_bytes(), values);
            absent("standard error", ran.stderr.as_bytes(), values);
        }
        let allowed: Vec<_> = allowed.iter().map(PathBuf::as_path).collect();
        let files = absent_below(self.env.home(), values, &allowed);
        assert!(files > 1, "only {files} files were looked at");
    }
}

/// Every spelling of the values, as a text a person might paste.
fn pasted(values: &[&str]) -> String {
    let all = values.iter().flat_map(|value| written(value));
    let coded = values.iter().map(|value| base64(format!("user:{value}").as_bytes()));
    all.chain(coded).collect::<Vec<_>>().join(" ; ")
}

#[tokio::test]
async fn canaries_are_found_nowhere_but_where_they_belong() {
    if !tools_are_here() {
        return;
    }
    let mut lab = Lab::new(false).await;
    let all = [TOKEN, PASSWORD, STRIPE, WORD, KEY];
    lab.run(
        &[
            "project",
            "new",
            "make me something nice",
            "--no-deploy",
            "--provider",
            "mine",
            "--record",
            "../one.cassette",
        ],
        4,
    )
    .await;
    let id = newest(&lab.env);
    // A person pastes what they should not; it goes into messages, the journal, the spec and the cassette.
    let pasted_early = pasted(&[TOKEN, PASSWORD, KEY]);
    lab.run(&["run", "answer", &id, "products with name, price and stock", &format!("over HTTP, {pasted_early}")], 4)
        .await;

    // The project gets its environment, and a test that prints it and fails: models are told what it said.
    let folder = project(&lab.env);
    let (env_file, own) = (folder.join(".env"), folder.join("services/backend/.env"));
    std::fs::write(&env_file, format!("LOG_LEVEL=info\nSTRIPE_API_KEY='{STRIPE}'\n")).unwrap();
    std::fs::write(&own, format!("DOOR={WORD}\n")).unwrap();
    let contract = folder.join("services/backend/env.contract.yaml");
    let text = std::fs::read_to_string(&contract).unwrap();
    let entry = "  DOOR:\n    source: user_secret\n    environments: [local]\n    consumers: [backend]\n    required: true\n    description: The word.\n";
    std::fs::write(&contract, text + entry).unwrap();
    let test = folder.join("services/backend/tests/test_leak.py");
    let leaking = "\"\"\"Prints what it should not.\"\"\"\n\nimport base64\nimport json\nfrom pathlib import Path\nfrom urllib.parse import quote\n\n\n\
         def test_leak() -> None:\n    here = Path(__file__).parent.parent\n    text = (here.parent.parent / \".env\").read_text() + (here / \".env\").read_text()\n\
         \x20   for line in text.splitlines():\n        value = line.split(\"=\", 1)[1].strip(\"'\")\n        data = value.encode()\n\
         \x20       print(value, quote(value), json.dumps(value), data.hex(), base64.b64encode(b\"k:\" + data).decode())\n\
         \x20   assert text == \"\"\n";
    std::fs::write(&test, leaking).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "Print it"]);
    lab.run(&["run", "approve", &id], 4).await;
    let failed = lab.env.json(["run", "show", &id]).to_string();
    assert!(failed.contains("secret://products/STRIPE_API_KEY"), "the test's output was not kept: {failed}");

    std::fs::remove_file(&test).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "Do not print it"]);
    lab.run(&["run", "approve", &id], 0).await;
    lab.run(&["run", "show", &id], 0).await;
    lab.run(&["explain", &id, "--json"], 0).await;
    lab.run(&["--show-settings"], 0).await;

    lab.look(&all, &[env_file, own]);
    // Something did stand there, or nothing was proven.
    let requests = lab.server.requests().iter().map(Value::to_string).collect::<String>();
    let cassette = std::fs::read_to_string(lab.env.home().join("one.cassette")).unwrap();
    for handle in
        ["operator/DEPLOY_TOKEN", "operator/MIRROR", "operator/MINE_KEY", "products/STRIPE_API_KEY", "products/DOOR"]
    {
        assert!(requests.contains(&format!("secret://{handle}")), "{handle} is in no request");
        assert!(cassette.contains(&format!("secret://{handle}")), "{handle} is not on the cassette");
        assert!(failed.contains(&format!("secret://{handle}")), "{handle} is not in the journal");
    }
}

fn git(folder: &std::path::Path, words: &[&str]) {
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(folder).args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(words);
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn in_strict_mode_the_run_fails_with_the_name_of_the_secret_and_its_place() {
    let mut lab = Lab::new(true).await;
    let text = format!("a notes API with title and body, my token is {}", base64(format!("t={TOKEN}").as_bytes()));
    let stderr = lab.run(&["project", "new", &text, "--no-deploy", "--provider", "mine"], 1).await.stderr.clone();
    assert!(stderr.contains("secret://operator/DEPLOY_TOKEN"), "{stderr}");
    assert!(stderr.contains("stands in what is asked for"), "{stderr}");
    assert_eq!(lab.env.json(["run", "list"])["runs"], json!([]));
    assert_eq!(lab.server.requests().len(), 0);
    lab.look(&[TOKEN, PASSWORD, KEY], &[]);
}

#[tokio::test]
async fn an_offline_run_keeps_no_secret_either() {
    let mut lab = Lab::new(false).await;
    let text = format!("a notes API with title and body, key {}", pasted(&[TOKEN, PASSWORD]));
    lab.run(&["project", "new", &text, "--until", "brainstorm", "--record", "../one.cassette"], 0).await;
    let id = newest(&lab.env);
    lab.run(&["run", "show", &id, "--json"], 0).await;
    lab.look(&[TOKEN, PASSWORD, KEY], &[]);
    assert!(lab.said[1].stdout.contains("secret://operator/DEPLOY_TOKEN"), "{}", lab.said[1].stdout);
}
