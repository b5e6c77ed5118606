//! Coding agents under the runner: stand-ins that speak each agent's stream and end as it ends, and the verdict cgo
//! reaches. Every request goes through the real metering proxy, every program runs in the real sandbox.

mod cells;
mod committed;
mod endpoint;
mod real;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use cgo::coder::adapters::{self, Adapter};
use cgo::coder::event::CoderEvent;
use cgo::coder::meter::{Cap, Caps, Key, Meter, Price, Terms, Upstream, egress};
use cgo::coder::runner::{self, Attempt, Finished};
use cgo::coder::sandbox::{Hidden, Limits, Sandbox};
use cgo::coder::verdict::{Class, Limit, Upstream as Broken, Verdict};
use cgo::domain::redact::{Handle, Secrets};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::endpoint::{Endpoint, good};
use super::support::canary;
use super::support::model::{Answer, KEY, Model};
use super::support::repo::{begin, git, sandbox, worktree};

/// Does what its plan says, one list of steps for each start, with the settings it was given as the agent gets them.
const STAND_IN: &str = r#"#!/usr/bin/python3
import json, os, re, subprocess, sys, time, urllib.request, urllib.error, signal
here, home = os.path.dirname(os.path.realpath(__file__)), os.environ['HOME']
name = os.path.basename(sys.argv[0])
plans = json.load(open(os.path.join(here, 'plan.json')))
try: starts = int(open(home + '/starts').read())
except OSError: starts = 0
open(home + '/starts', 'w').write(str(starts + 1))
line = ' '.join(sys.argv)
env = os.environ.get
def endpoint():
    if name == 'claude': return env('ANTHROPIC_BASE_URL') + '/v1/messages', env('ANTHROPIC_API_KEY')
    if name == 'codex': return re.search(r'base_url="([^"]+)"', line)[1] + '/responses', env('CGO_MODEL_KEY')
    if name == 'opencode':
        options = json.load(open(home + '/.config/opencode/opencode.json'))['provider']['cgo']['options']
        return options['baseURL'] + '/chat/completions', env(options['apiKey'][5:-1])
    if name == 'goose': return env('OPENAI_HOST') + '/' + env('OPENAI_BASE_PATH'), env('OPENAI_API_KEY')
    if name == 'aider': return env('OPENAI_API_BASE') + '/chat/completions', env('OPENAI_API_KEY')
    model = json.load(open(home + '/.factory/settings.json'))['customModels'][0]
    return model['baseUrl'] + '/chat/completions', model['apiKey']
def ask(words):
    url, key = endpoint()
    body = {'model': 'm-1', 'max_tokens': 50, 'stream': True, 'messages': [{'role': 'user', 'content': words}]}
    request = urllib.request.Request(url, json.dumps(body).encode(), {'authorization': 'Bearer ' + key, 'x-api-key': key, 'content-type': 'application/json'})
    try: return urllib.request.urlopen(request, timeout=20).read()
    except Exception as error: return error
for step, value in plans[min(starts, len(plans) - 1)]:
    if step == 'say': print(value if isinstance(value, str) else json.dumps(value), flush=True)
    if step == 'bytes': os.write(1, bytes(value) * 1000 + b'\n')
    if step == 'ask':
        for _ in range(value): ask('the task')
    if step == 'tell': ask(value)
    if step == 'ask for ever':
        round = 0
        while True:
            round += 1
            ask('again' if value == 'same' else 'more %d' % round)
    if step == 'commit':
        open('work.txt', 'w').write('work')
        subprocess.run('git add -A && git commit -qm work', shell=True, check=True)
    if step == 'leave': open('left.txt', 'w').write('left')
    if step == 'report':
        nonce = re.search(r'"nonce": "([0-9a-f]+)"', line)[1]
        json.dump({'nonce': nonce, 'status': value, 'summary': 'so it is'}, open('.cgo/report.json', 'w'))
    if step == 'shell': subprocess.run(value, shell=True)
    if step == 'hang': time.sleep(600)
    if step == 'exit on': signal.signal(getattr(signal, 'SIG' + value[0]), lambda *_, code=value[1]: os._exit(code))
    if step == 'by default': signal.signal(getattr(signal, 'SIG' + value), signal.SIG_DFL) if value != 'KILL' else None
    if step == 'read all input': assert sys.stdin.read() == ''
    if step == 'exit': sys.exit(value)
"#;

struct Bench {
    folder: TempDir,
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    attempts: std::cell::Cell<u32>,
}

impl Bench {
    fn new() -> Option<Self> {
        Self::with(&[("README.md", "# A project\n")])
    }

    /// With a repository of these files.
    fn with(files: &[(&str, &str)]) -> Option<Self> {
        let (runtime, sandbox) = sandbox()?;
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main");
        begin(&main, files);
        Some(Self { folder, sandbox, runtime, attempts: std::cell::Cell::new(0) })
    }

    /// A fresh worktree, and an attempt in it.
    fn attempt(&self) -> Attempt {
        let number = self.attempts.get();
        self.attempts.set(number + 1);
        let (main, folder) = (self.folder.path().join("main"), self.folder.path().join(format!("attempt-{number}")));
        std::fs::create_dir(&folder).unwrap();
        let (workspace, branch) = (folder.join("tree"), format!("cgo/run{number}/task"));
        worktree(&main, &workspace, &branch);
        Attempt {
            workspace,
            branch,
            base: git(&main, &["rev-parse", "main"]),
            prompt: "Write work.txt.".to_owned(),
            model: "m-1".to_owned(),
            turns: 20,
            may_change_nothing: false,
            folder,
            read_only: vec![],
            sealed: vec![],
            hidden: Hidden::default(),
            path: vec![],
            limits: Limits {
                wall: Duration::from_mins(1),
                idle: Some(Duration::from_secs(20)),
                grace: Duration::from_secs(1),
                ..Limits::default()
            },
            secrets: cgo::domain::redact::Secrets::default(),
        }
    }

    /// An attempt whose agent is a stand-in with a plan.
    fn stand_in(&self, agent: &str, plan: &Value) -> Attempt {
        let mut attempt = self.attempt();
        let programs = attempt.folder.join("bin");
        std::fs::create_dir(&programs).unwrap();
        std::fs::write(programs.join("plan.json"), plan.to_string()).unwrap();
        let program = programs.join(agent);
        std::fs::write(&program, STAND_IN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        attempt.read_only = vec![programs.clone()];
        attempt.path = vec![programs];
        attempt
    }

    fn run(&self, agent: &dyn Adapter, attempt: &Attempt, model: &Model, wrong_key: bool) -> Finished {
        self.run_until(agent, attempt, model, wrong_key, &CancellationToken::new(), &mut |_| ())
    }

    fn run_until(
        &self,
        agent: &dyn Adapter,
        attempt: &Attempt,
        model: &Model,
        wrong_key: bool,
        cancel: &CancellationToken,
        on_event: runner::OnEvent<'_>,
    ) -> Finished {
        let (base, key) = (format!("{}/v1", model.base()), Key::new(if wrong_key { "sk-wrong" } else { KEY }));
        let price = Price { input: 1.0, cached: 0.1, cache_write: 1.0, output: 4.0 };
        let terms = Terms {
            upstream: Upstream { wire: agent.wire(), base, key },
            models: vec![("m-1".to_owned(), price)],
            caps: Caps { requests: 40, repeats: 6, ..Caps::default() },
            observer: Arc::new(|_| ()),
            filter: Some(egress(&attempt.secrets)),
        };
        self.runtime.block_on(async {
            let meter = Meter::start().await.unwrap();
            let grant = meter.open(terms);
            let finished = runner::run(agent, attempt, &self.sandbox, &grant, cancel, on_event).await.unwrap();
            let raw = std::fs::read_to_string(&finished.raw).unwrap();
            assert!(!raw.contains(KEY) && !raw.contains(grant.key().reveal()), "a key is in the stream: {raw}");
            finished
        })
    }

    /// The verdict on a stand-in that does one thing.
    fn verdict(&self, agent: &str, endpoint: Endpoint, plan: &Value) -> Finished {
        let model = endpoint.model();
        let adapter = adapters::by_name(agent).unwrap();
        let attempt = self.stand_in(agent, plan);
        self.run(adapter, &attempt, &model, matches!(endpoint, Endpoint::WrongKey))
    }

    fn table(&self, agent: &str, rows: Vec<(&str, Endpoint, Value, Verdict)>) {
        for (row, endpoint, plan, wanted) in rows {
            let finished = self.verdict(agent, endpoint, &plan);
            let raw = std::fs::read_to_string(&finished.raw).unwrap();
            assert_eq!(finished.verdict, wanted, "{agent}, {row}: {:?}\n{raw}", finished.evidence);
        }
    }
}

fn upstream(why: Broken) -> Verdict {
    Verdict::UpstreamError(why)
}

#[test]
fn a_commit_and_a_report_are_work_to_be_verified_with_every_agent() {
    let Some(bench) = Bench::new() else { return };
    for adapter in adapters::all() {
        let mut steps = vec![json!(["ask", 1]), json!(["commit", 1])];
        if adapter.can_report() {
            steps.push(json!(["report", "done"]));
        }
        let finished = bench.verdict(adapter.name(), Endpoint::Good, &json!([steps]));
        assert!(matches!(&finished.verdict, Verdict::Unverified(commit) if commit.len() == 40), "{finished:?}");
        assert_eq!((finished.standing.requests, finished.standing.usage.input), (1, 30), "{}", adapter.name());
        assert!(finished.standing.cost > 0 && !finished.resumed);
    }
}

#[test]
fn what_claude_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let init = json!(["say", {"type": "system", "subtype": "init", "session_id": "s-1"}]);
    let failed = |reason: &str| json!(["say", {"type": "result", "subtype": "success", "is_error": true, "result": reason, "permission_denials": []}]);
    let well = json!(["say", {"type": "result", "subtype": "success", "is_error": false, "result": "", "permission_denials": []}]);
    let turns = json!(["say", {"type": "result", "subtype": "error_max_turns", "is_error": true}]);
    let budget = json!(["say", {"type": "result", "subtype": "error_max_budget_usd", "is_error": true}]);
    let denied = json!(["say", {"type": "result", "subtype": "success", "is_error": false, "result": "I could not",
        "permission_denials": [{"tool_name": "Bash"}]}]);
    let exit = json!(["exit", 1]);
    bench.table(
        "claude",
        vec![
            ("401", Endpoint::WrongKey, json!([[init, ["ask for ever", "same"]]]), upstream(Broken::Unauthorized)),
            (
                "400",
                Endpoint::Status(400),
                json!([[init, ["ask", 1], failed("too long"), exit]]),
                upstream(Broken::Rejected),
            ),
            (
                "429",
                Endpoint::Status(429),
                json!([[init, ["ask", 2], failed("429"), exit]]),
                upstream(Broken::RateLimited),
            ),
            ("529", Endpoint::Status(529), json!([[init, ["ask", 2], failed("529"), exit]]), upstream(Broken::Broken)),
            ("cut", Endpoint::Cut, json!([[init, ["ask", 2], failed("cut"), exit]]), upstream(Broken::Cut)),
            (
                "length",
                Endpoint::Good,
                json!([[init, ["ask", 4], failed("length"), exit]]),
                Verdict::Failed(Class::Agent),
            ),
            ("turns", Endpoint::Good, json!([[init, ["ask", 2], turns, exit]]), Verdict::Limit(Limit::Turns)),
            ("budget", Endpoint::Good, json!([[init, ["ask", 2], budget, exit]]), Verdict::Limit(Limit::Budget)),
            (
                "denied",
                Endpoint::Good,
                json!([[init, ["ask", 1], ["commit", 1], ["report", "done"], denied]]),
                Verdict::Denied,
            ),
            ("empty", Endpoint::Good, json!([[init, ["ask", 1], well]]), Verdict::NoWork),
            ("interrupted from outside, exit 0", Endpoint::Good, json!([[init, ["ask", 1]]]), Verdict::NoWork),
            ("id in use", Endpoint::Good, json!([[["exit", 1]]]), Verdict::Failed(Class::Agent)),
        ],
    );
}

#[test]
fn what_codex_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let begun = json!(["say", {"type": "thread.started", "thread_id": "t-1"}]);
    let failed = json!(["say", {"type": "turn.failed", "error": {"message": "stream disconnected"}}]);
    let again = json!(["say", {"type": "error", "message": "Reconnecting... 1/1"}]);
    let declined =
        json!(["say", {"type": "item.completed", "item": {"type": "command_execution", "status": "declined"}}]);
    let empty = json!(["say", {"type": "item.completed", "item": {"type": "agent_message", "text": ""}}]);
    let well = json!(["say", {"type": "turn.completed", "usage": {"input": 1}}]);
    let exit = json!(["exit", 1]);
    bench.table(
        "codex",
        vec![
            ("401", Endpoint::WrongKey, json!([[begun, ["ask", 3], failed, exit]]), upstream(Broken::Unauthorized)),
            ("400", Endpoint::Status(400), json!([[begun, ["ask", 1], failed, exit]]), upstream(Broken::Rejected)),
            ("429", Endpoint::Status(429), json!([[begun, ["ask", 3], failed, exit]]), upstream(Broken::RateLimited)),
            ("500", Endpoint::Status(500), json!([[begun, ["ask", 5], failed, exit]]), upstream(Broken::Broken)),
            ("cut", Endpoint::Cut, json!([[begun, again, ["ask", 2], failed, exit]]), upstream(Broken::Cut)),
            ("declined", Endpoint::Good, json!([[begun, ["ask", 1], declined, well]]), Verdict::Denied),
            ("empty", Endpoint::Good, json!([[begun, ["ask", 1], empty, well]]), Verdict::NoWork),
        ],
    );
}

#[test]
fn what_opencode_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let begun = json!(["say", {"type": "step_start", "sessionID": "ses_1", "part": {}}]);
    let error = json!(["say", {"type": "error", "sessionID": "ses_1", "error": {"name": "APIError", "data": {"message": "no", "statusCode": 400}}}]);
    let length = json!(["say", {"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "length", "cost": 0}}]);
    let rejected = json!(["say", {"type": "tool_use", "sessionID": "ses_1", "part": {"tool": "bash",
        "state": {"status": "error", "error": "The user rejected permission to use this specific tool call."}}}]);
    let empty = json!(["say", {"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "stop", "cost": 0}}]);
    let exit = json!(["exit", 1]);
    let no_progress = Verdict::Limit(Limit::Meter(Cap::NoProgress));
    bench.table(
        "opencode",
        vec![
            ("401", Endpoint::WrongKey, json!([[begun, ["ask", 2], error, exit]]), upstream(Broken::Unauthorized)),
            ("400", Endpoint::Status(400), json!([[begun, ["ask", 1], error, exit]]), upstream(Broken::Rejected)),
            ("429", Endpoint::Status(429), json!([[begun, ["ask", 5], error, exit]]), upstream(Broken::RateLimited)),
            ("500", Endpoint::Status(500), json!([[begun, ["ask", 5], error, exit]]), upstream(Broken::Broken)),
            ("cut, for ever", Endpoint::Cut, json!([[begun, ["ask for ever", "same"]]]), no_progress),
            ("length, accepted", Endpoint::Good, json!([[begun, ["ask", 1], length]]), Verdict::NoWork),
            ("denied, no text", Endpoint::Good, json!([[begun, ["ask", 1], rejected]]), Verdict::Denied),
            ("empty", Endpoint::Good, json!([[begun, ["ask", 1], empty]]), Verdict::NoWork),
            (
                "killed by a signal",
                Endpoint::Good,
                json!([[begun, ["shell", "kill -9 $PPID"]]]),
                Verdict::Failed(Class::Agent),
            ),
        ],
    );
}

#[test]
fn what_goose_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let says = |text: &str| json!(["say", {"type": "message", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}]);
    let well = json!(["say", {"type": "complete", "total_tokens": 40}]);
    let words = says("Ran into this error: no.\n\nPlease retry if you think this is a transient or recoverable error.");
    let turns = says("I've reached the maximum number of actions I can do without user input.");
    let denied = json!(["say", {"type": "message", "message": {"role": "user", "content": [{"type": "toolResponse", "id": "c1",
        "toolResult": {"status": "success", "value": {"content": [{"type": "text",
        "text": "The user has declined to run this tool. DO NOT attempt to call this tool again."}]}}}]}}]);
    // It ends with 0 whatever happens.
    bench.table(
        "goose",
        vec![
            (
                "401",
                Endpoint::WrongKey,
                json!([[["say", "starting session"], ["ask", 1], words, well]]),
                upstream(Broken::Unauthorized),
            ),
            ("400", Endpoint::Status(400), json!([[["ask", 4], words, well]]), upstream(Broken::Rejected)),
            ("429", Endpoint::Status(429), json!([[["ask", 4], well]]), upstream(Broken::RateLimited)),
            ("500", Endpoint::Status(500), json!([[["ask", 4], well]]), upstream(Broken::Broken)),
            ("cut", Endpoint::Cut, json!([[["ask", 1], well]]), upstream(Broken::Cut)),
            ("length", Endpoint::Good, json!([[["ask", 1], well]]), Verdict::NoWork),
            ("turns", Endpoint::Good, json!([[["ask", 1], turns, well]]), Verdict::Limit(Limit::Turns)),
            ("empty", Endpoint::Good, json!([[["ask", 1], well]]), Verdict::NoWork),
            (
                "denied",
                Endpoint::Good,
                json!([[["ask", 1], ["commit", 1], ["report", "done"], denied, well]]),
                Verdict::Denied,
            ),
        ],
    );
}

#[test]
fn what_aider_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let error = json!(["say", "litellm.AuthenticationError: no"]);
    // It ends with 0 whatever happens.
    bench.table(
        "aider",
        vec![
            ("401", Endpoint::WrongKey, json!([[["ask", 1], error]]), upstream(Broken::Unauthorized)),
            ("400", Endpoint::Status(400), json!([[["ask", 1]]]), upstream(Broken::Rejected)),
            ("429, for long", Endpoint::Status(429), json!([[["ask", 5]]]), upstream(Broken::RateLimited)),
            (
                "500, for ever",
                Endpoint::Status(500),
                json!([[["ask for ever", "same"]]]),
                Verdict::Limit(Limit::Meter(Cap::NoProgress)),
            ),
            ("cut", Endpoint::Cut, json!([[["ask", 1]]]), upstream(Broken::Cut)),
            ("cut after a commit", Endpoint::Cut, json!([[["commit", 1], ["ask", 1]]]), upstream(Broken::Cut)),
            ("length", Endpoint::Good, json!([[["ask", 1]]]), Verdict::NoWork),
            (
                "empty",
                Endpoint::Good,
                json!([[["ask", 1], ["say", "Empty response received from LLM."]]]),
                Verdict::NoWork,
            ),
        ],
    );
}

#[test]
fn what_droid_does_gets_its_verdict() {
    let Some(bench) = Bench::new() else { return };
    let init = json!(["say", {"type": "system", "subtype": "init", "session_id": "d-1"}]);
    let well = json!(["say", {"type": "completion", "finalText": "done", "numTurns": 1}]);
    let none = json!(["say", {"type": "completion", "finalText": "", "numTurns": 0}]);
    let denied = json!(["say", {"type": "tool_result", "toolName": "Execute",
        "error": "exec ended early: insufficient permission to proceed; the command is not permitted"}]);
    let error = json!(["say", {"type": "error", "message": "no"}]);
    let exit = json!(["exit", 1]);
    bench.table(
        "droid",
        vec![
            ("401", Endpoint::WrongKey, json!([[init, ["ask", 1], error, exit]]), upstream(Broken::Unauthorized)),
            ("400", Endpoint::Status(400), json!([[init, ["ask", 1], error, exit]]), upstream(Broken::Rejected)),
            ("cut, called a success", Endpoint::Cut, json!([[init, ["ask", 1], well]]), upstream(Broken::Cut)),
            (
                "length, for ever",
                Endpoint::Good,
                json!([[init, ["ask for ever", "more"]]]),
                Verdict::Limit(Limit::Meter(Cap::Requests)),
            ),
            (
                "denied",
                Endpoint::Good,
                json!([[init, ["ask", 1], ["commit", 1], ["report", "done"], denied, well]]),
                Verdict::Denied,
            ),
            ("empty, six calls", Endpoint::Good, json!([[init, ["ask", 6], none]]), Verdict::Failed(Class::Agent)),
        ],
    );
}

#[test]
fn a_cancelled_attempt_is_cancelled_whatever_the_agent_says() {
    let Some(bench) = Bench::new() else { return };
    let init = json!(["say", {"type": "system", "subtype": "init", "session_id": "d-1"}]);
    let plan = json!([[["exit on", ["TERM", 0]], ["commit", 1], ["report", "done"], init, ["hang", 1]]]);
    let attempt = bench.stand_in("droid", &plan);
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let mut on_event = |_: &CoderEvent| canceller.cancel();
    let model = Model::new(|_, _| Answer::Silence);
    let finished =
        bench.run_until(adapters::by_name("droid").unwrap(), &attempt, &model, false, &cancel, &mut on_event);
    assert_eq!(finished.verdict, Verdict::Cancelled);
    assert!(finished.evidence.report.is_some(), "what it left is evidence all the same");
}

#[test]
fn an_agent_without_a_report_is_asked_once_and_then_given_up() {
    let Some(bench) = Bench::new() else { return };
    let init = json!(["say", {"type": "system", "subtype": "init", "session_id": "s-1"}]);
    let first = json!([init, ["ask", 1], ["commit", 1]]);
    let finished = bench.verdict("claude", Endpoint::Good, &json!([first, [init, ["report", "done"]]]));
    assert!(finished.resumed && matches!(finished.verdict, Verdict::Unverified(_)), "{finished:?}");
    let finished = bench.verdict("claude", Endpoint::Good, &json!([first, [init]]));
    assert!(finished.resumed && finished.verdict == upstream(Broken::NoReport), "{finished:?}");
    let finished = bench.verdict("claude", Endpoint::Good, &json!([[init, ["report", "blocked"]]]));
    assert_eq!(finished.verdict, Verdict::Blocked("so it is".to_owned()));
}

#[test]
fn a_report_or_a_branch_that_lies_does_not_pass() {
    let Some(bench) = Bench::new() else { return };
    let rows: Vec<(&str, &str, Verdict)> = vec![
        (
            "a link to a file of the agent's",
            "rm .cgo/report.json; echo x > x; ln -s ../x .cgo/report.json; rm x",
            upstream(Broken::NoReport),
        ),
        (
            "an old nonce",
            "echo '{\"nonce\": \"0\", \"status\": \"done\"}' > .cgo/report.json",
            upstream(Broken::NoReport),
        ),
        ("a device", "rm .cgo/report.json; mkfifo .cgo/report.json", upstream(Broken::NoReport)),
        ("work left uncommitted", "echo more > more.txt", Verdict::Failed(Class::Uncommitted)),
        (
            "hidden by an index flag",
            "git update-index --assume-unchanged README.md; echo more >> README.md",
            Verdict::Failed(Class::Uncommitted),
        ),
        (
            "another history",
            "git update-ref $(git symbolic-ref HEAD) $(git commit-tree -m x HEAD^{tree})",
            Verdict::Failed(Class::Branch),
        ),
    ];
    for (name, script, wanted) in rows {
        let plan = json!([[["ask", 1], ["commit", 1], ["report", "done"], ["shell", script]], []]);
        let finished = bench.verdict("goose", Endpoint::Good, &plan);
        assert_eq!(finished.verdict, wanted, "{name}: {:?}", finished.evidence);
    }
}

#[test]
fn a_stream_of_rubbish_is_survived() {
    let Some(bench) = Bench::new() else { return };
    let long = json!({"type": "message", "message": {"role": "assistant", "content": [{"type": "text", "text": "x".repeat(2_000_000)}]}});
    let plan = json!([[["say", "not json"], ["bytes", [255, 254, 0]], ["say", {"type": "of tomorrow"}], ["say", [1]],
        ["shell", "python3 -c 'print(\"y\" * 9000000)'"], ["say", "{\"type\": "], ["say", long], ["ask", 1], ["commit", 1],
        ["report", "done"]]]);
    let attempt = bench.stand_in("goose", &plan);
    let model = Model::new(|asked, _| good(&asked.path));
    let finished = bench.run(adapters::by_name("goose").unwrap(), &attempt, &model, false);
    assert!(matches!(finished.verdict, Verdict::Unverified(_)), "{:?}", finished.evidence);
    assert!(finished.last_words.len() < 20_000);
}

#[test]
fn an_agent_that_is_not_installed_is_not_started() {
    let Some(bench) = Bench::new() else { return };
    let attempt = bench.attempt();
    let finished = bench.run(adapters::by_name("droid").unwrap(), &attempt, &Model::new(|_, _| Answer::Silence), false);
    assert_eq!(finished.verdict, Verdict::Failed(Class::NotStarted));
}

#[test]
fn what_an_agent_tells_a_model_and_writes_holds_no_secret() {
    const VALUE: &str = "sk_live_canary/51+Ab\"q";
    let Some(bench) = Bench::new() else { return };
    let secrets = Secrets::default();
    assert!(secrets.add(&Handle::new("shop", "STRIPE_KEY"), VALUE));
    let words = canary::written(VALUE);
    // It comes in pieces too, as programs write it.
    let pieces = format!("import sys,time\nfor c in {VALUE:?}:\n sys.stdout.write(c); sys.stdout.flush()\nprint()");
    let split = format!("python3 -c '{pieces}'");
    let steps = json!([[
        ["tell", words.join(" ")],
        ["say", words.join("\n")],
        ["shell", split],
        ["commit", 1],
        ["report", "done"]
    ]]);
    let model = Model::new(|asked, _| good(&asked.path));
    let mut attempt = bench.stand_in("claude", &steps);
    attempt.secrets = secrets;
    let finished = bench.run(adapters::by_name("claude").unwrap(), &attempt, &model, false);
    let asked = model.asked();
    assert_eq!(asked.len(), 1);
    canary::absent("a request", asked[0].body.to_string().as_bytes(), &[VALUE]);
    assert!(asked[0].body.to_string().contains("secret://shop/STRIPE_KEY"), "{}", asked[0].body);
    let raw = std::fs::read(&finished.raw).unwrap();
    canary::absent("the raw stream", &raw, &[VALUE]);
    assert!(String::from_utf8_lossy(&raw).matches("secret://shop/STRIPE_KEY").count() > words.len(), "{words:?}");
}

#[test]
fn in_strict_mode_an_agent_that_tells_a_secret_is_refused_by_its_name() {
    const VALUE: &str = "sk_live_canary/51+Ab\"q";
    let Some(bench) = Bench::new() else { return };
    let secrets = Secrets::new(cgo::domain::redact::Mode::Strict);
    assert!(secrets.add(&Handle::new("shop", "STRIPE_KEY"), VALUE));
    let model = Model::new(|asked, _| good(&asked.path));
    let mut attempt = bench.stand_in("claude", &json!([[["tell", VALUE], ["exit", 1]]]));
    attempt.secrets = secrets;
    bench.run(adapters::by_name("claude").unwrap(), &attempt, &model, false);
    assert_eq!(model.asked().len(), 0);
}
