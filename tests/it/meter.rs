//! The metering proxy, between a stand-in agent and a strict stand-in endpoint.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cgo::coder::meter::{Cap, Caps, Grant, Key, Meter, Outcome, Price, Record, Terms, Upstream, Usage, egress};
use cgo::domain::provider::Wire;
use cgo::domain::redact::{Handle, Mode, Secrets};
use serde_json::{Value, json};

use super::support::env::until;
use super::support::model::{Answer, KEY, Model, data};

const PRICE: Price = Price { input: 2.0, cached: 0.5, cache_write: 2.5, output: 10.0 };

/// A meter before an endpoint, with one attempt let in.
struct Metered {
    model: Model,
    grant: Grant,
    records: Arc<Mutex<Vec<Record>>>,
    meter: Meter,
    runtime: Aside,
}

/// A runtime on a thread of its own, since the stand-in agents block theirs. It ends with the value.
struct Aside {
    handle: tokio::runtime::Handle,
    _stop: tokio_util::sync::DropGuard,
}

impl Aside {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (handle, stop) = (runtime.handle().clone(), tokio_util::sync::CancellationToken::new());
        let stopped = stop.clone();
        std::thread::spawn(move || runtime.block_on(stopped.cancelled()));
        Self { handle, _stop: stop.drop_guard() }
    }
}

impl Metered {
    fn new(wire: Wire, caps: Caps, model: Model) -> Self {
        Self::with(wire, caps, model, |_| ())
    }

    fn with(wire: Wire, caps: Caps, model: Model, change: impl FnOnce(&mut Terms)) -> Self {
        let runtime = Aside::new();
        let records = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&records);
        let mut terms = Terms {
            upstream: Upstream { wire, base: format!("{}/v1", model.base()), key: Key::new(KEY) },
            models: vec![("m-1".to_owned(), PRICE)],
            caps,
            observer: Arc::new(move |record| kept.lock().unwrap().push(record.clone())),
            filter: None,
        };
        change(&mut terms);
        let meter = runtime.handle.block_on(Meter::start()).unwrap();
        let grant = meter.open(terms);
        Self { model, grant, records, meter, runtime }
    }

    /// Sends a request as an agent does: status and body, and whether the body was whole.
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, bool) {
        let address = self.meter.address();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = if headers.contains("host:") { String::new() } else { format!("host: {address}\r\n") };
        let head = format!("{method} {path} HTTP/1.1\r\n{host}{headers}content-length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut seen) = (None, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            seen += &line;
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse::<usize>().ok();
            }
        }
        assert!(!seen.contains(KEY), "the key is among the headers: {seen}");
        let mut text = Vec::new();
        let whole = if let Some(length) = length {
            text.resize(length, 0);
            reader.read_exact(&mut text).is_ok()
        } else {
            loop {
                let mut size = String::new();
                if reader.read_line(&mut size).unwrap_or(0) == 0 {
                    break false;
                }
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                if reader.read_exact(&mut chunk).is_err() {
                    break false;
                }
                text.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break true;
                }
            }
        };
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains(KEY), "the key came through: {text}");
        (status, text, whole)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, String, bool) {
        let headers = format!("authorization: Bearer {}\r\n", self.grant.key().reveal());
        self.send("POST", path, &headers, &body.to_string())
    }

    fn last(&self) -> Record {
        self.records.lock().unwrap().last().unwrap().clone()
    }

    fn recorded(&self, count: usize) {
        until("the record", || self.records.lock().unwrap().len() >= count);
    }
}

fn chat(content: &str) -> Value {
    json!({"model": "m-1", "stream": true, "max_tokens": 100, "messages": [{"role": "user", "content": content}]})
}

fn delta(text: &str) -> String {
    data(&json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
}

#[test]
fn a_stream_passes_untouched_and_its_usage_is_recorded() {
    let events = vec![
        delta("hel"),
        delta("lo"),
        data(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]})),
        data(&json!({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 400}}})),
        "data: [DONE]\n\n".to_owned(),
    ];
    let sent = events.concat();
    let at = Metered::new(Wire::Openai, Caps::default(), Model::new(move |_, _| Answer::Events(events.clone())));
    let (status, text, whole) = at.post("/v1/chat/completions", &chat("hi"));
    assert_eq!((status, text, whole), (200, sent, true));
    let record = at.last();
    assert_eq!(record.usage, Usage { input: 1000, cached: 400, output: 20, ..Usage::default() });
    assert_eq!((record.outcome, record.status, record.model.as_str()), (Outcome::Served, 200, "m-1"));
    // 600 × 2 + 400 × 0.5 + 20 × 10 millionths.
    assert_eq!(record.cost, 1_600_000);
    assert_eq!((at.grant.standing().cost, at.grant.standing().requests), (1_600_000, 1));
    // What the agent sent went on whole, with the real key instead of its own.
    let asked = &at.model.asked()[0];
    assert_eq!((asked.path.as_str(), &asked.body), ("/v1/chat/completions", &chat("hi")));
    assert!(!format!("{asked:?}").contains(at.grant.key().reveal()), "the attempt's key went out");
}

#[test]
fn every_wire_is_metered() {
    let responses = Model::new(|asked, _| {
        assert_eq!(asked.path, "/v1/responses");
        let usage = json!({"input_tokens": 70, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 60}});
        Answer::Events(vec![
            data(&json!({"type": "response.output_text.delta", "delta": "hello"})),
            data(&json!({"type": "response.completed", "response": {"usage": usage}})),
        ])
    });
    let at = Metered::new(Wire::Openai, Caps::default(), responses);
    assert_eq!(at.post("/v1/responses", &json!({"model": "m-1", "stream": true, "input": "hi"})).0, 200);
    assert_eq!(at.last().usage, Usage { input: 70, cached: 60, output: 5, ..Usage::default() });

    let messages = Model::new(|asked, _| {
        assert_eq!(asked.path, "/v1/messages");
        assert!(asked.headers.contains(&("anthropic-version".to_owned(), "2023-06-01".to_owned())));
        assert!(!asked.headers.iter().any(|(name, _)| name == "authorization"));
        Answer::Json(
            200,
            json!({"content": [{"type": "text", "text": "hello"}],
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 5, "output_tokens": 4}}),
        )
    });
    let at = Metered::new(Wire::Anthropic, Caps::default(), messages);
    let headers = format!("x-api-key: {}\r\n", at.grant.key().reveal());
    let body = json!({"model": "m-1", "max_tokens": 50, "messages": []}).to_string();
    assert_eq!(at.send("POST", "/v1/messages", &headers, &body).0, 200);
    assert_eq!(at.last().usage, Usage { input: 75, cached: 60, cache_write: 5, output: 4, estimated: false });
    // The key as part of the address.
    let path = format!("/{}/v1/messages", at.grant.key().reveal());
    assert_eq!(at.send("POST", &path, "", &body).0, 200);
    assert!(at.grant.base_with_key().contains(at.grant.key().reveal()));
}

#[test]
fn an_answer_without_usage_is_estimated_and_a_cut_one_is_charged() {
    let at = Metered::new(
        Wire::Openai,
        Caps::default(),
        Model::new(|_, number| match number {
            0 => Answer::Events(vec![delta(&"x".repeat(400)), "data: [DONE]\n\n".to_owned()]),
            1 => Answer::Cut(vec![delta(&"x".repeat(800))]),
            _ => Answer::Events(vec![delta("no end in sight")]),
        }),
    );
    at.post("/v1/chat/completions", &chat("one"));
    let first = at.last();
    assert_eq!((first.outcome, first.usage.output, first.usage.estimated), (Outcome::Served, 100, true));
    assert!(first.usage.input > 10 && first.cost > 0);
    let (status, text, whole) = at.post("/v1/chat/completions", &chat("two"));
    assert_eq!((status, whole), (200, false), "{text}");
    at.recorded(2);
    let second = at.last();
    assert_eq!((second.outcome, second.usage.output, second.usage.estimated), (Outcome::Cut, 200, true));
    // An end that says nothing of being the end is a cut too.
    at.post("/v1/chat/completions", &chat("three"));
    at.recorded(3);
    assert_eq!(at.last().outcome, Outcome::Cut);
    assert_eq!(at.grant.standing().cost, at.records.lock().unwrap().iter().map(|record| record.cost).sum::<u64>());
}

#[test]
fn an_agent_that_sends_the_same_request_after_every_cut_is_ended() {
    let at = Metered::new(
        Wire::Openai,
        Caps { repeats: 5, ..Caps::default() },
        Model::new(|_, _| Answer::Cut(vec![delta("thinking")])),
    );
    // It would go on for ever.
    let mut refusals = 0;
    for _ in 0..40 {
        let (status, text, _) = at.post("/v1/chat/completions", &chat("do the task"));
        if status == 402 {
            let error: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(error["error"]["code"], "cgo_no_progress");
            assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string());
            refusals += 1;
        }
    }
    assert_eq!((refusals, at.model.asked().len()), (35, 5));
    assert_eq!(at.runtime.handle.block_on(at.grant.tripped()), Cap::NoProgress);
    let standing = at.grant.standing();
    assert_eq!((standing.requests, standing.refused, standing.cap), (5, 35, Some(Cap::NoProgress)));
    assert!(standing.cost > 0, "the cut answers cost nothing");
    // The ledger hears of the refusal once.
    assert_eq!(at.records.lock().unwrap().len(), 6);
    assert_eq!(at.last().outcome, Outcome::Refused(Cap::NoProgress));
}

#[test]
fn an_agent_that_asks_for_more_after_every_length_is_ended() {
    let answer = || {
        let end = json!({"choices": [{"delta": {}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 500, "completion_tokens": 100}});
        Answer::Events(vec![delta("and "), data(&end), "data: [DONE]\n\n".to_owned()])
    };
    for (caps, wanted, code, passed) in [
        (Caps { requests: 12, ..Caps::default() }, Cap::Requests, "cgo_request_cap", 12),
        // 600 tokens each; the request that might pass the cap is not sent.
        (Caps { tokens: 3_100, ..Caps::default() }, Cap::Tokens, "cgo_token_cap", 5),
        // 2 million billionths each: the worst case of the sixth does not fit.
        (Caps { cost: 11_000_000, ..Caps::default() }, Cap::Cost, "cgo_cost_cap", 5),
    ] {
        let at = Metered::new(Wire::Openai, caps.clone(), Model::new(move |_, _| answer()));
        let mut last = String::new();
        for round in 0..60 {
            last = at.post("/v1/chat/completions", &chat(&format!("go on {round}"))).1;
        }
        assert_eq!(at.grant.standing().cap, Some(wanted));
        assert_eq!(at.model.asked().len(), passed, "{wanted:?}");
        assert!(last.contains(code), "{last}");
        let standing = at.grant.standing();
        assert!(standing.cost <= caps.cost && standing.usage.tokens() <= caps.tokens, "{standing:?}");
    }
}

#[test]
fn a_silent_endpoint_and_the_end_of_time_are_answered() {
    let silent = |caps| Metered::new(Wire::Anthropic, caps, Model::new(|_, _| Answer::Silence));
    let body = json!({"model": "m-1", "max_tokens": 5, "messages": []});
    let at = silent(Caps { silence: Duration::from_millis(300), ..Caps::default() });
    let (status, text, _) = at.post("/v1/messages", &body);
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &error["type"], &error["error"]["type"]), (504, &json!("error"), &json!("api_error")));
    assert!(at.last().usage.input > 0 && at.last().outcome == Outcome::Failed);
    let at = silent(Caps { wall: Duration::from_millis(300), ..Caps::default() });
    let (status, text, _) = at.post("/v1/messages", &body);
    assert_eq!((status, text.contains("cgo_time_cap")), (402, true), "{text}");
    assert_eq!(at.grant.standing().cap, Some(Cap::Wall));
}

#[test]
fn more_requests_at_once_than_allowed_are_asked_to_wait() {
    let at = Metered::new(
        Wire::Openai,
        Caps { concurrent: 1, repeats: 2, silence: Duration::from_secs(3), ..Caps::default() },
        Model::new(|_, _| Answer::Silence),
    );
    std::thread::scope(|scope| {
        let first = scope.spawn(|| at.post("/v1/chat/completions", &chat("one")));
        until("the first request", || at.grant.standing().requests == 1);
        for _ in 0..5 {
            let (status, text, _) = at.post("/v1/chat/completions", &chat("two"));
            assert_eq!((status, text.contains("cgo_concurrency")), (429, true), "{text}");
        }
        assert_eq!(first.join().unwrap().0, 504);
    });
    assert_eq!(at.grant.standing().cap, None);
}

#[test]
fn whoever_has_no_key_or_wants_something_else_is_refused() {
    let at = Metered::new(Wire::Openai, Caps::default(), Model::new(|_, _| Answer::Json(200, json!({"data": []}))));
    let good = format!("authorization: Bearer {}\r\n", at.grant.key().reveal());
    let body = chat("hi").to_string();
    let path = "/v1/chat/completions";
    for (method, path, headers, body, wanted) in [
        ("POST", path, "", body.as_str(), (401, "cgo_key")),
        ("POST", path, "authorization: Bearer cgo-0123\r\n", &body, (401, "cgo_key")),
        ("POST", path, &format!("authorization: Bearer {KEY}\r\n"), &body, (401, "cgo_key")),
        ("POST", "/v1/files", &good, &body, (404, "cgo_path")),
        ("GET", path, &good, &body, (404, "cgo_path")),
        ("POST", "/v1/messages", &good, &body, (404, "cgo_path")),
        ("POST", path, &format!("host: example.com\r\n{good}"), &body, (421, "cgo_host")),
        ("GET", "http://example.com/v1/models", &good, "", (404, "cgo_path")),
        ("POST", path, &good, "no json", (400, "cgo_json")),
        ("POST", path, &good, "{\"model\": \"m-2\"}", (404, "cgo_model")),
    ] {
        let (status, text, _) = at.send(method, path, headers, body);
        // An address of another host names a host of its own; either way nothing goes there.
        if path.starts_with("http:") {
            assert!(status != 502, "{text}");
            continue;
        }
        assert_eq!((status, text.contains(wanted.1)), (wanted.0, true), "{method} {path} {text}");
    }
    let before = at.model.asked().len();
    assert_eq!(at.send("GET", "/v1/models", &good, "").0, 200);
    assert_eq!(at.model.asked().len(), before + 1);
    // The right ends with the attempt.
    let Metered { grant, meter, runtime, model, records } = at;
    drop(grant);
    let at = Metered::new(Wire::Openai, Caps::default(), Model::new(|_, _| Answer::Silence));
    let old = Metered { grant: at.grant, records, meter, runtime, model };
    assert_eq!(old.send("POST", path, &good, &body).0, 401);
}

#[test]
fn the_endpoints_own_errors_come_through_without_the_key() {
    let at = Metered::with(
        Wire::Openai,
        Caps::default(),
        Model::new(|_, number| match number {
            0 => Answer::Json(429, json!({"error": {"message": format!("slow down {KEY}")}})),
            _ => Answer::Text(503, "content-type: text/html\r\n", "<html>busy</html>".to_owned()),
        }),
        |_| (),
    );
    let (status, text, _) = at.post("/v1/chat/completions", &chat("one"));
    assert_eq!((status, text.contains("slow down ***")), (429, true), "{text}");
    assert_eq!((at.last().outcome, at.last().cost, at.last().status), (Outcome::Failed, 0, 429));
    assert_eq!(at.post("/v1/chat/completions", &chat("two")).0, 503);
    // A key that is refused is refused for good.
    let at = Metered::with(Wire::Openai, Caps::default(), Model::new(|_, _| Answer::Silence), |terms| {
        terms.upstream.key = Key::new("sk-wrong");
    });
    let (status, text, _) = at.post("/v1/chat/completions", &chat("one"));
    assert_eq!((status, text.contains("cgo_upstream_key")), (401, true), "{text}");
    assert_eq!(at.post("/v1/chat/completions", &chat("two")).0, 402);
    assert_eq!((at.grant.standing().cap, at.model.asked().len()), (Some(Cap::Unauthorized), 1));
    // Nobody listens there, and that is no address.
    for base in ["http://127.0.0.1:1/v1", "no address"] {
        let at = Metered::with(Wire::Openai, Caps::default(), Model::new(|_, _| Answer::Silence), |terms| {
            base.clone_into(&mut terms.upstream.base);
        });
        assert_eq!(at.post("/v1/chat/completions", &chat("one")).0, 502);
    }
}

#[test]
fn a_refusal_means_what_it_means_to_cgo_itself_whatever_its_status() {
    let moderated =
        "{\"error\": {\"code\": 403, \"message\": \"flagged\", \"metadata\": {\"reasons\": [\"violence\"]}}}";
    let flagged = "{\"error\": {\"type\": \"moderation_error\", \"message\": \"flagged\"}}";
    let no = "{\"error\": {\"message\": \"no\"}}";
    let wrong = "{\"error\": {\"message\": \"API key not valid. Please pass a valid API key.\"}}";
    let unauthorized = Some(Cap::Unauthorized);
    for (status, headers, body, told, cap) in [
        (403, "", moderated, 403, None),
        (403, "", flagged, 403, None),
        (403, "retry-after: 7\r\n", no, 429, None),
        (401, "retry-after: 7\r\n", no, 429, None),
        (403, "content-type: text/html\r\n", "<html><title>Blocked</title>", 403, None),
        (401, "", no, 401, unauthorized),
        (403, "", no, 403, unauthorized),
        (400, "", wrong, 400, unauthorized),
    ] {
        let model = Model::new(move |_, _| Answer::Text(status, headers, body.to_owned()));
        let at = Metered::new(Wire::Openai, Caps::default(), model);
        let (seen, text, _) = at.post("/v1/chat/completions", &chat("one"));
        assert_eq!((seen, at.grant.standing().cap), (told, cap), "{status} {headers}{body}");
        assert_eq!(text == body, cap.is_none(), "{text}");
        assert_eq!((at.last().outcome, at.last().status, at.last().cost), (Outcome::Failed, told, 0));
        let again = if cap.is_some() { 402 } else { told };
        assert_eq!(at.post("/v1/chat/completions", &chat("two")).0, again, "{status} {headers}{body}");
        assert_eq!(at.model.asked().len(), if cap.is_some() { 1 } else { 2 });
    }
}

#[test]
fn addresses_are_taken_as_settings_have_them() {
    for (wire, base, path, wanted) in [
        (
            Wire::Openai,
            "/v1/chat/completions?api-version=1",
            "/v1/chat/completions",
            "/v1/chat/completions?api-version=1",
        ),
        (Wire::Openai, "/v1/chat/completions?api-version=1", "/v1/responses", "/v1/responses?api-version=1"),
        (Wire::Openai, "/v1/", "/v1/responses", "/v1/responses"),
        (Wire::Anthropic, "/v1/messages", "/v1/messages", "/v1/messages"),
        (Wire::Anthropic, "/v1/messages", "/v1/messages/count_tokens", "/v1/messages/count_tokens"),
    ] {
        let model = Model::new(|_, _| Answer::Json(200, json!({"content": [], "choices": [], "output": []})));
        let base = model.base() + base;
        let at = Metered::with(wire, Caps::default(), model, |terms| terms.upstream.base = base);
        assert_eq!(at.post(path, &json!({"model": "m-1", "max_tokens": 5})).0, 200, "{path}");
        assert_eq!(at.model.asked()[0].path, wanted);
    }
}

#[test]
fn what_an_endpoint_says_an_answer_costs_comes_before_the_price() {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.0025});
    let whole = json!({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "usage": usage});
    let model = Model::new(move |_, number| match number {
        // Whole, although a stream was asked for.
        0 => Answer::Json(200, whole.clone()),
        _ => Answer::Events(vec![data(&whole), "data: [DONE]\n\n".to_owned()]),
    });
    let nothing = Price { input: 0.0, cached: 0.0, cache_write: 0.0, output: 0.0 };
    let unknown = |terms: &mut Terms| terms.models = vec![("m-1".to_owned(), nothing)];
    let at = Metered::with(Wire::Openai, Caps { cost: 6_000_000, ..Caps::default() }, model, unknown);
    for round in 1..=3 {
        assert_eq!(at.post("/v1/chat/completions", &chat(&format!("round {round}"))).0, 200);
        at.recorded(round);
        let record = at.last();
        assert_eq!((record.outcome, record.usage.input, record.cost), (Outcome::Served, 1000, 2_500_000));
    }
    // More than that is not to be spent.
    assert_eq!(at.post("/v1/chat/completions", &chat("round 4")).0, 402);
    assert_eq!((at.grant.standing().cost, at.grant.standing().cap), (7_500_000, Some(Cap::Cost)));
}

#[test]
fn the_egress_filter_changes_or_stops_what_goes_out() {
    let at = Metered::with(
        Wire::Openai,
        Caps::default(),
        Model::new(|_, _| {
            Answer::Json(200, json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
        }),
        |terms| {
            terms.filter = Some(Arc::new(|body| {
                let text = String::from_utf8(body).map_err(|_| "not text".to_owned())?;
                if text.contains("canary") {
                    Err("a secret was about to leave".to_owned())
                } else {
                    Ok(text.replace("hunter2", "secret://x").into())
                }
            }));
        },
    );
    assert_eq!(at.post("/v1/chat/completions", &chat("my hunter2")).0, 200);
    assert_eq!(at.model.asked()[0].body["messages"][0]["content"], "my secret://x");
    let (status, text, _) = at.post("/v1/chat/completions", &chat("a canary"));
    assert_eq!((status, text.contains("cgo_egress")), (403, true), "{text}");
    assert_eq!(at.model.asked().len(), 1);
}

#[test]
fn a_header_that_holds_a_secret_stays_here() {
    let usage = json!({"input_tokens": 1, "output_tokens": 1});
    for mode in [Mode::Replace, Mode::Strict] {
        let answer = json!({"content": [], "usage": usage});
        let model = Model::new(move |_, _| Answer::Json(200, answer.clone()));
        let at = Metered::with(Wire::Anthropic, Caps::default(), model, |terms| {
            let secrets = Secrets::new(mode);
            assert!(secrets.add(&Handle::new("shop", "STRIPE_KEY"), "sk_live_canary_51Ab"));
            terms.filter = Some(egress(&secrets));
        });
        let headers = format!(
            "x-api-key: {}\r\naccept: text/plain; q=sk_live_canary_51Ab\r\nanthropic-beta: tools-2024\r\n\
             anthropic-version: sk_live_canary_51Ab\r\ncontent-type: application/json\r\n",
            at.grant.key().reveal()
        );
        let body = json!({"model": "m-1", "max_tokens": 5, "messages": []}).to_string();
        assert_eq!(at.send("POST", "/v1/messages", &headers, &body).0, 200);
        let asked = &at.model.asked()[0].headers;
        assert!(!format!("{asked:?}").contains("canary"), "{asked:?}");
        for (name, value) in [
            ("anthropic-beta", "tools-2024"),
            ("anthropic-version", "2023-06-01"),
            ("content-type", "application/json"),
        ] {
            assert!(asked.contains(&(name.to_owned(), value.to_owned())), "{asked:?}");
        }
    }
}

#[test]
fn an_agent_that_leaves_is_charged_for_what_came() {
    let at = Metered::new(
        Wire::Openai,
        Caps { silence: Duration::from_mins(1), ..Caps::default() },
        Model::new(|_, _| Answer::Silence),
    );
    let mut stream = TcpStream::connect(at.meter.address()).unwrap();
    let body = chat("hi").to_string();
    let head = format!(
        "POST /{}/v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        at.grant.key().reveal(),
        at.meter.address(),
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    until("the request", || at.model.asked().len() == 1);
    drop(stream);
    at.recorded(1);
    assert_eq!(at.last().outcome, Outcome::Cut);
    assert!(at.last().cost > 0);
}
