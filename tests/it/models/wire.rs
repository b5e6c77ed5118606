//! What goes wrong around an answer: addresses, keys, times, sizes.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::provider::{Endpoint, Wire};
use cgo::llm::anthropic::Anthropic;
use cgo::llm::openai::Openai;
use cgo::llm::wire::{Key, Timers};
use cgo::llm::{Error, Provider as _, Refusal, Trouble};
use futures_util::FutureExt as _;
use serde_json::json;

use super::server::{Answer, Ending, KEY, Outcome, Server, answer, outcome, question, raw_stream, timers, whole};

const BOTH: [Wire; 2] = [Wire::Openai, Wire::Anthropic];

fn said(wire: Wire) -> Answer {
    whole(&match wire {
        Wire::Openai => json!({ "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] }),
        Wire::Anthropic => json!({ "content": [{ "type": "text", "text": "hi" }], "stop_reason": "end_turn" }),
    })
}

#[tokio::test]
async fn an_answer_comes() {
    for wire in BOTH {
        let server = Server::start(wire, vec![said(wire)]).await;
        let reply = server.provider(true).complete(&question(), &|_| {}).await.unwrap();
        assert_eq!(reply.content.as_deref(), Some("hi"));
    }
}

#[test]
fn a_proxy_of_the_environment_is_not_used_for_this_machine() {
    let nobody = "http://127.0.0.1:9";
    let ran = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "models::wire::an_answer_comes"])
        .envs([("HTTP_PROXY", nobody), ("http_proxy", nobody), ("ALL_PROXY", nobody), ("all_proxy", nobody)])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_wrong_key_says_which_variable_and_is_never_shown() {
    for (wire, variable) in BOTH.into_iter().zip(["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]) {
        let wrong = "sk-wrong-5e2a9d41";
        let server = Server::start(wire, vec![said(wire)]).await;
        let provider = server.provider_with(&server.endpoint(true), wrong, timers());
        let error = provider.complete(&question(), &|_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Permanent { refusal: Refusal::Key, .. }), "{error:?}");
        let advice = error.advice().unwrap().words();
        assert!(advice.contains(variable), "{advice}");
        let shown = format!("{error} {error:?} {advice}");
        assert!(shown.contains("***") && !shown.contains(wrong), "{shown}");
    }
}

#[tokio::test]
async fn questions_past_what_an_endpoint_takes_at_once_wait_their_turn() {
    for wire in BOTH {
        let server = Server::start(wire, vec![said(wire).ending(Ending::Silent), said(wire)]).await;
        let narrow = Endpoint { at_once: NonZeroU16::MIN, ..server.endpoint(true) };
        let narrow = server.provider_with(&narrow, KEY, Timers::default());
        let (question, unheard) = (question(), |_: &str| {});
        let mut first = narrow.complete(&question, &unheard);
        let mut second = narrow.complete(&question, &unheard);
        while server.requests().is_empty() {
            assert!((&mut first).now_or_never().is_none(), "nobody answers the first");
            tokio::task::yield_now().await;
        }
        assert!((&mut second).now_or_never().is_none());
        server.provider(true).complete(&question, &unheard).await.unwrap();
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(server.requests().len(), 2, "the first, and the one of another provider");
        drop(first);
        second.await.unwrap();
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn a_provider_prints_without_its_key() {
    let key = || Some(Key::new(KEY));
    let endpoint = |name: &str| Endpoint::preset(name).unwrap();
    let openai = Openai::new("openai", &endpoint("openai"), key(), timers()).unwrap();
    let anthropic = Anthropic::new("anthropic", &endpoint("anthropic"), key(), timers()).unwrap();
    let shown = format!("{openai:?} {openai:#?} {anthropic:?} {anthropic:#?}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn a_missing_key_is_said_without_asking_anybody() {
    let endpoint = Endpoint { model: "m".to_owned(), ..Endpoint::preset("openai").unwrap() };
    let provider = Openai::new("openai", &endpoint, None, timers()).unwrap();
    let error = provider.complete(&question(), &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the provider refuses the key: `openai` needs a key and there is none");
    assert!(error.advice().unwrap().words().contains("OPENAI_API_KEY"));
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_no_connection() {
    for wire in BOTH {
        let server = Server::start(wire, vec![said(wire)]).await;
        let (endpoint, provider) = (server.endpoint(true), server.provider(true));
        drop(server);
        // The server's task ends with its next step.
        while tokio::net::TcpStream::connect(endpoint.url["http://".len()..].trim_end_matches("/v1")).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let answered = provider.complete(&question(), &|_| {}).await;
        assert_eq!(outcome(&answered), Outcome::Retry(Trouble::Network, None), "{answered:?}");
        let error = answered.unwrap_err();
        assert_eq!(error.usage().input_tokens, 0, "nothing was asked, so nothing is paid");
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn addresses_of_something_else_are_called_so() {
    let server = Server::start(Wire::Openai, vec![said(Wire::Openai)]).await;
    let with_url = |url: String| Endpoint { url, ..server.endpoint(true) };
    let elsewhere = server.provider_with(&with_url(format!("http://{}/api", server.address)), KEY, timers());
    let secure = server.provider_with(&with_url(format!("https://{}/v1", server.address)), KEY, timers());
    for provider in [elsewhere, secure] {
        let answered = provider.complete(&question(), &|_| {}).await;
        assert_eq!(outcome(&answered), Outcome::Permanent(Refusal::Endpoint), "{answered:?}");
    }
    let none = Openai::new("x", &with_url("api.example.com/v1".to_owned()), None, timers()).unwrap_err();
    assert!(none.to_string().contains("the url of `x`"), "{none}");
}

#[tokio::test]
async fn no_redirect_takes_the_key_elsewhere() {
    for wire in BOTH {
        let other = Server::start(wire, vec![said(wire)]).await;
        for status in [301, 302, 307, 308] {
            let to = format!("http://{}/v1/chat/completions", other.address);
            let server = Server::start(wire, vec![answer(status, "").header("location", &to)]).await;
            let error = server.provider(true).complete(&question(), &|_| {}).await.unwrap_err();
            assert!(matches!(error, Error::Permanent { refusal: Refusal::Endpoint, .. }), "{error:?}");
            assert!(error.to_string().contains(&to), "{error}");
        }
        assert!(other.requests().is_empty());
    }
}

#[tokio::test]
async fn an_unknown_model_and_no_model_are_refusals_of_the_model() {
    let missing = answer(
        404,
        &json!({ "error": { "message": "The model `m-1` does not exist", "code": "model_not_found" } }).to_string(),
    );
    let server = Server::start(Wire::Openai, vec![missing]).await;
    let answered = server.provider(true).complete(&question(), &|_| {}).await;
    assert_eq!(outcome(&answered), Outcome::Permanent(Refusal::Model));
    let nameless = Endpoint { model: String::new(), ..server.endpoint(true) };
    let mut request = question();
    request.model = String::new();
    let answered = server.provider_with(&nameless, KEY, timers()).complete(&request, &|_| {}).await;
    assert_eq!(outcome(&answered), Outcome::Permanent(Refusal::Model));
    assert_eq!(server.requests().len(), 1);
}

/// How long a test waits for nothing.
const SHORT: Duration = Duration::from_millis(150);

async fn timed_out(answer: Answer, timers: Timers, because: &str) {
    for wire in BOTH {
        let server = Server::start(wire, vec![answer.clone()]).await;
        let provider = server.provider_with(&server.endpoint(true), KEY, timers);
        let begun = Instant::now();
        let answered = provider.complete(&question(), &|_| {}).await;
        assert_eq!(outcome(&answered), Outcome::Retry(Trouble::Timeout, None), "{answered:?}");
        let error = answered.unwrap_err();
        assert!(error.to_string().contains(because), "{error}");
        assert!(error.usage().input_tokens > 0, "what was asked may have to be paid");
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_server_that_never_sends_a_head_is_given_up() {
    let silent = answer(200, "").ending(Ending::Silent);
    timed_out(silent, Timers { first_byte: SHORT, ..timers() }, "sent nothing within 150 ms").await;
}

#[tokio::test]
async fn an_answer_that_pauses_for_good_is_given_up() {
    let timers = Timers { idle: SHORT, ..timers() };
    timed_out(answer(200, "").ending(Ending::Hangs), timers, "paused for 150 ms").await;
    timed_out(raw_stream(": hello\n\n").ending(Ending::Hangs), timers, "paused for 150 ms").await;
    timed_out(answer(200, "{\"choices\"").ending(Ending::Hangs), timers, "paused for 150 ms").await;
}

#[tokio::test]
async fn signs_of_life_alone_are_not_waited_for_for_ever() {
    let timers = Timers { progress: SHORT, ..timers() };
    timed_out(raw_stream(": PROCESSING\n\n").ending(Ending::Repeats), timers, "signs of life").await;
    timed_out(answer(200, "\n").ending(Ending::Repeats), timers, "signs of life").await;
    let empty = "data: {\"type\":\"ping\",\"choices\":[{\"delta\":{},\"finish_reason\":null}]}\n\n";
    timed_out(raw_stream(empty).ending(Ending::Repeats), timers, "signs of life").await;
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_cut() {
    let flood = |body: &str| {
        let piece = format!("{body}{}", "x".repeat(1024 * 1024));
        Answer { pieces: vec![piece.into_bytes()], ..answer(200, "") }.ending(Ending::Repeats)
    };
    for wire in BOTH {
        for (body, wanted) in [("{", Outcome::Incomplete), ("data: ", Outcome::Retry(Trouble::Upstream, None))] {
            let server = Server::start(wire, vec![flood(body)]).await;
            let answered = server.provider(true).complete(&question(), &|_| {}).await;
            assert_eq!(outcome(&answered), wanted, "{body}: {answered:?}");
        }
        let page = Answer { status: 500, ..flood("<html>") };
        let server = Server::start(wire, vec![page]).await;
        let error = server.provider(true).complete(&question(), &|_| {}).await.unwrap_err();
        assert!(error.to_string().chars().count() < 400, "{error}");
        assert_eq!(outcome(&Err(error)), Outcome::Retry(Trouble::Upstream, None));
    }
}

#[tokio::test]
async fn what_a_cut_answer_used_is_told() {
    let text = "word ".repeat(100);
    let event = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    let server = Server::start(Wire::Openai, vec![raw_stream(&format!("data: {event}\n\n"))]).await;
    let error = server.provider(true).complete(&question(), &|_| {}).await.unwrap_err();
    let usage = error.usage();
    assert!(usage.estimated && usage.input_tokens > 10 && usage.output_tokens > 100, "{usage:?}");
}
