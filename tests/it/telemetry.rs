//! Spans as a collector gets them: the real protocol, whole, without a word of what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cgo::domain::ids::RunId;
use cgo::domain::money::Usd;
use cgo::domain::names::AgentName;
use cgo::domain::time::Timestamp;
use cgo::llm::Usage;
use cgo::pipeline::activity::Activity;
use cgo::pipeline::runner::Watch;
use cgo::pipeline::traced::Traced;
use cgo::pipeline::{Ended, NodeEnd, Observer};
use cgo::telemetry::{Exporter, Settings};
use serde_json::Value;

use crate::support::env::TestEnv;

const CANARY: &str = "canary-7f31";

/// A collector: what was posted to it, head and body.
struct Collector {
    address: String,
    posts: Receiver<(String, Value)>,
}

impl Collector {
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (tell, posts) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tell = tell.clone();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if reader.read_line(&mut head).is_ok_and(|count| count > 0) {
                                continue;
                            }
                            return;
                        }
                        let length = head
                            .lines()
                            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
                            .expect("a post has a length");
                        let mut body = vec![0; length];
                        reader.read_exact(&mut body).unwrap();
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
                        );
                        let told = tell.send((head, serde_json::from_slice(&body).expect("the body is JSON")));
                        if told.is_err() || (&stream).write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, posts }
    }

    fn settings(&self) -> Settings {
        settings(&self.address)
    }

    /// Every span that came, after the protocol was checked.
    fn spans(&self) -> Vec<Value> {
        let mut spans = Vec::new();
        for (head, body) in self.posts.try_iter() {
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert!(head.to_ascii_lowercase().contains("content-type: application/json\r\n"), "{head}");
            assert!(!body.to_string().contains(CANARY), "a payload went out: {body}");
            for resource in body["resourceSpans"].as_array().expect("a list") {
                let attributes = attributes(&resource["resource"]);
                assert_eq!(attributes["service.name"], "cgo");
                for scope in resource["scopeSpans"].as_array().expect("a list") {
                    assert_eq!(scope["scope"]["name"], "cgo");
                    spans.extend(scope["spans"].as_array().expect("a list").iter().cloned());
                }
            }
        }
        check(&spans);
        spans
    }
}

fn settings(address: &str) -> Settings {
    Settings::read(|name| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| address.to_owned())).unwrap()
}

/// The attributes of a span or resource, as text.
fn attributes(of: &Value) -> BTreeMap<String, String> {
    let pair = |attribute: &Value| {
        let value = attribute["value"].as_object().filter(|value| value.len() == 1).expect("one value");
        let (kind, value) = value.iter().next().expect("one value");
        let text = match kind.as_str() {
            // 64 bits are spelled as text.
            "stringValue" | "intValue" => value.as_str().expect("a text").to_owned(),
            "doubleValue" => value.as_f64().expect("a number").to_string(),
            "boolValue" => value.as_bool().expect("a fact").to_string(),
            other => panic!("`{other}` is no kind of value"),
        };
        (attribute["key"].as_str().expect("a key").to_owned(), text)
    };
    let list = of["attributes"].as_array().expect("a list");
    let found: BTreeMap<String, String> = list.iter().map(pair).collect();
    assert_eq!(found.len(), list.len(), "keys are unique: {of}");
    found
}

/// Ids, parents, times and numbers as the protocol has them.
fn check(spans: &[Value]) {
    let text = |span: &Value, key: &str| span[key].as_str().unwrap_or_else(|| panic!("no `{key}`: {span}")).to_owned();
    let hex = |text: &str, digits: usize| {
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            && text.bytes().any(|byte| byte != b'0')
    };
    let time = |span: &Value, key: &str| text(span, key).parse::<u64>().expect("nanoseconds");
    let by_id: BTreeMap<String, &Value> = spans.iter().map(|span| (text(span, "spanId"), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "ids are unique");
    for span in spans {
        assert!(hex(&text(span, "traceId"), 32) && hex(&text(span, "spanId"), 16), "{span}");
        assert!(matches!(span["kind"].as_u64(), Some(1 | 3)), "{span}");
        assert!(span["status"]["code"].is_null() || matches!(span["status"]["code"].as_u64(), Some(1 | 2)), "{span}");
        let (began, ended) = (time(span, "startTimeUnixNano"), time(span, "endTimeUnixNano"));
        assert!(began > 1_500_000_000_000_000_000 && began <= ended, "{span}");
        if !span["parentSpanId"].is_null() {
            let parent = by_id.get(&text(span, "parentSpanId")).unwrap_or_else(|| panic!("an orphan: {span}"));
            assert_eq!(parent["traceId"], span["traceId"]);
            assert!(time(parent, "startTimeUnixNano") <= began && ended <= time(parent, "endTimeUnixNano"), "{span}");
        }
    }
}

struct Unseen;

impl Observer for Unseen {
    fn node_started(&self, _: u32, _: &AgentName, _: &str) {}
    fn node_finished(&self, _: u32, _: &AgentName, _: NodeEnd) {}
}

impl Watch for Unseen {
    fn note(&self, _: &AgentName, _: &str) {}
}

fn name(text: &str) -> AgentName {
    AgentName::parse(text).unwrap()
}

/// A run with two visits side by side: one calls a tool that changes the world, one fails.
fn run(exporter: &Exporter) {
    let watch = Unseen;
    let traced = Traced::begin(&watch, exporter, &RunId::new(Timestamp(1), 1));
    let (one, two) = (name("developer"), name("tester"));
    let tell = |visit, agent: &AgentName, activity: Activity<'_>| traced.activity(visit, agent, agent, &activity);
    traced.node_started(1, &one, CANARY);
    traced.node_started(2, &two, CANARY);
    tell(1, &one, Activity::Asked { turn: 1, provider: "mine", model: "m-1" });
    tell(1, &one, Activity::Said(CANARY));
    tell(1, &one, Activity::Failed { attempt: 1, reason: CANARY, class: "overloaded", again: Some(Duration::ZERO) });
    tell(1, &one, Activity::Failed { attempt: 2, reason: CANARY, class: "network", again: Some(Duration::ZERO) });
    let usage = Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() };
    let cost = Usd::from_billionths(4_500_000);
    tell(1, &one, Activity::Answered { usage, cost, spent: cost, outcome: "answered" });
    tell(1, &one, Activity::Called { tool: Some("write_files") });
    tell(2, &two, Activity::Called { tool: None });
    tell(1, &one, Activity::Acts { effect: "git_commit" });
    tell(2, &two, Activity::Returned { outcome: "refused", good: false });
    tell(1, &one, Activity::Acted { good: true });
    tell(1, &one, Activity::Returned { outcome: "done", good: true });
    traced.note(&one, CANARY);
    traced.node_finished(1, &one, NodeEnd::Done);
    tell(2, &two, Activity::Asked { turn: 2, provider: "mine", model: "m-1" });
    traced.end::<()>(&Ok(Ended::Interrupted));
}

#[tokio::test]
async fn a_run_is_one_trace_of_visits_calls_tools_and_effects_without_a_word_of_them() {
    let collector = Collector::start(200);
    let exporter = Exporter::start(&collector.settings()).unwrap();
    run(&exporter);
    assert_eq!(exporter.finish().await, None);
    let spans = collector.spans();
    let names: BTreeSet<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    let expected = [
        "run",
        "visit developer",
        "visit tester",
        "chat m-1",
        "execute_tool write_files",
        "execute_tool unknown",
        "effect git_commit",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(spans.len(), 8, "the call that was interrupted is there, too");
    assert_eq!(spans.iter().map(|span| span["traceId"].as_str()).collect::<BTreeSet<_>>().len(), 1);
    let find = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    let parent = |name: &str| {
        let id = &find(name)["parentSpanId"];
        spans.iter().find(|span| span["spanId"] == *id).map(|span| span["name"].as_str().unwrap())
    };
    assert_eq!(parent("run"), None);
    assert_eq!(parent("visit developer"), Some("run"));
    assert_eq!(parent("execute_tool write_files"), Some("visit developer"));
    assert_eq!(parent("execute_tool unknown"), Some("visit tester"));
    assert_eq!(parent("effect git_commit"), Some("execute_tool write_files"));
    let calls: Vec<_> =
        spans.iter().filter(|span| span["name"] == "chat m-1").map(|span| (span, attributes(span))).collect();
    let (call, told) = calls.iter().find(|(_, told)| told["cgo.outcome"] == "answered").unwrap();
    assert_eq!((call["kind"].as_u64(), call["status"]["code"].as_u64()), (Some(3), Some(1)));
    for (key, value) in [
        ("cgo.step", "1"),
        ("gen_ai.agent.name", "developer"),
        ("gen_ai.provider.name", "mine"),
        ("gen_ai.request.model", "m-1"),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "100"),
        ("cgo.cost.usd", "0.0045"),
        ("cgo.failed_attempts", "2"),
        ("error.type", "network"),
    ] {
        assert_eq!(told[key], value, "{key}");
    }
    assert_eq!(attributes(find("run"))["cgo.outcome"], "interrupted");
    assert_eq!(find("execute_tool unknown")["status"]["code"], 2);
}

#[tokio::test]
async fn more_spans_than_fit_are_dropped_and_told_once() {
    let collector = Collector::start(200);
    let exporter = Exporter::start(&collector.settings()).unwrap();
    for _ in 0..400 {
        run(&exporter);
    }
    // Nothing was sent meanwhile: the task that sends was never polled.
    let lost = exporter.finish().await.unwrap();
    assert!(lost.ends_with("there were too many at once"), "{lost}");
}

#[tokio::test]
async fn a_collector_that_refuses_is_gone_or_silent_costs_a_warning_and_a_second_at_most() {
    let refusing = Collector::start(503);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (refusing.address.clone(), "it answered 503"),
        (format!("http://{gone}"), "there is no connection to it"),
        (format!("http://{}", silent.local_addr().unwrap()), "it did not answer within 1 s"),
    ];
    for (address, why) in cases {
        let exporter = Exporter::start(&settings(&address)).unwrap();
        run(&exporter);
        let lost = exporter.finish().await.unwrap();
        assert_eq!(lost, format!("spans were not delivered to {address}/v1/traces: {why}"));
    }
    assert!(Exporter::start(&settings("no address")).is_err());
}

#[test]
fn the_program_sends_spans_where_it_is_told_to_and_a_dead_collector_changes_nothing_else() {
    let collector = Collector::start(200);
    let vague = ["project", "new", "make me an app"];
    let mut env = TestEnv::new();
    let plain = env.run(vague);
    assert_eq!(plain.code, Some(4), "{plain:?}");
    env.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    env.set("OTEL_SDK_DISABLED", "true");
    assert_eq!(env.run(vague).code, Some(4));
    assert_eq!(collector.posts.try_iter().count(), 0, "it was switched off");
    env.unset("OTEL_SDK_DISABLED");
    let sent = env.run(vague);
    // What comes before are stages with their times.
    let error = |stderr: &str| env.stable(&stderr[stderr.find("error: ").expect("an error")..]);
    assert_eq!((sent.code, error(&sent.stderr)), (plain.code, error(&plain.stderr)));
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no `{name}`"));
    assert_eq!(attributes(named("run"))["cgo.outcome"], "waiting");
    assert_eq!(attributes(named("visit product_owner"))["cgo.outcome"], "done");
    env.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let dead = env.run(vague);
    assert_eq!(dead.code, plain.code, "{dead:?}");
    assert_eq!(dead.stderr.matches("warning: spans were not delivered").count(), 1, "{dead:?}");
}
