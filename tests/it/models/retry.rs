//! Trying again: how often, how long after, who is asked next, and what an observer sees.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use cgo::domain::provider::Wire;
use cgo::llm::retry::{Attempt, Next, Owner, Policy, World};
use cgo::llm::{Error, Provider, Refusal, Reply, Trouble};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::server::{Answer, Ending, Server, answer, question, timers, whole};

/// A world where waiting takes no time.
#[derive(Default)]
struct Still {
    now: Cell<Duration>,
    waits: RefCell<Vec<Duration>>,
    /// Cancelled at the first wait.
    cancels: Option<CancellationToken>,
}

/// The deadline's own wait; attempts in a still world end before it.
const DEADLINE: Duration = Duration::from_secs(50);

impl World for Still {
    fn elapsed(&self) -> Duration {
        self.now.get()
    }
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async move {
            if let Some(cancels) = &self.cancels {
                cancels.cancel();
                std::future::pending::<()>().await;
            }
            self.waits.borrow_mut().push(time);
            self.now.set(self.now.get() + time);
        })
    }
    fn chance(&self) -> f64 {
        0.0
    }
}

/// An attempt's time limit must not come before its answer in a world without time, so answers are taken at once.
struct AtOnce {
    answers: RefCell<Vec<Result<Reply, Error>>>,
    asked: RefCell<Vec<String>>,
    fallback: Option<String>,
}

impl AtOnce {
    fn new(mut answers: Vec<Result<Reply, Error>>, fallback: Option<&str>) -> Self {
        answers.reverse();
        Self { answers: RefCell::new(answers), asked: RefCell::default(), fallback: fallback.map(str::to_owned) }
    }
}

impl Provider for AtOnce {
    fn name(&self) -> &'static str {
        "at-once"
    }
    fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }
    fn complete<'a>(&'a self, request: &'a cgo::llm::Request, _: cgo::llm::OnText<'a>) -> cgo::llm::ReplyFuture<'a> {
        self.asked.borrow_mut().push(request.model.clone());
        let answer = self.answers.borrow_mut().pop().expect("an answer for every question");
        Box::pin(std::future::ready(answer))
    }
}

fn trouble(trouble: Trouble, after: Option<u64>) -> Result<Reply, Error> {
    let after = after.map(Duration::from_secs);
    Err(Error::Retry { trouble, after, reason: "no".to_owned(), usage: cgo::llm::Usage::default() })
}

fn policy() -> Policy {
    Policy { deadline: DEADLINE, ..Policy::default() }
}

async fn asked(provider: &dyn Provider, world: &Still) -> (Result<Reply, Error>, Vec<String>) {
    let log = RefCell::new(Vec::new());
    let observer = |attempt: &Attempt<'_>| {
        let next = match attempt.next {
            Next::Again(wait) => format!("again in {wait:?}"),
            Next::Fallback(model) => format!("then {model}"),
            Next::GivenUp => "given up".to_owned(),
        };
        log.borrow_mut().push(format!("{} {} {next}", attempt.number, attempt.model));
    };
    let cancel = world.cancels.clone().unwrap_or_default();
    let owner = Owner { provider, policy: policy(), world, observer: &observer, cancel: &cancel };
    let answered = owner.ask(&question(), &|_| {}).await;
    (answered, log.into_inner())
}

#[tokio::test]
async fn waits_double_and_the_answer_ends_them() {
    let network = || trouble(Trouble::Network, None);
    let provider = AtOnce::new(vec![network(), network(), network(), Ok(Reply::text("hi"))], None);
    let world = Still::default();
    let (answered, log) = asked(&provider, &world).await;
    assert_eq!(answered.unwrap().content.as_deref(), Some("hi"));
    assert_eq!(log, ["1 m-1 again in 250ms", "2 m-1 again in 500ms", "3 m-1 again in 1s"]);
}

#[tokio::test]
async fn a_wait_the_provider_names_is_kept_unless_the_deadline_comes_first() {
    let provider =
        AtOnce::new(vec![trouble(Trouble::RateLimited, Some(30)), trouble(Trouble::RateLimited, Some(30))], None);
    let world = Still::default();
    let (answered, log) = asked(&provider, &world).await;
    assert!(matches!(answered, Err(Error::Retry { trouble: Trouble::RateLimited, .. })));
    assert_eq!(log, ["1 m-1 again in 30s", "2 m-1 given up"], "a second wait would pass the deadline of 50 s");
    assert_eq!(*world.waits.borrow(), [Duration::from_secs(30)]);
}

#[tokio::test]
async fn the_fallback_is_asked_when_the_model_keeps_failing_and_then_nobody() {
    let upstream = || trouble(Trouble::Upstream, None);
    let provider = AtOnce::new((0..8).map(|_| upstream()).collect(), Some("small"));
    let (answered, log) = asked(&provider, &Still::default()).await;
    assert!(answered.is_err());
    assert_eq!(*provider.asked.borrow(), ["m-1", "m-1", "m-1", "m-1", "small", "small", "small", "small"]);
    assert_eq!((log[3].as_str(), log[7].as_str()), ("4 m-1 then small", "8 small given up"));
    let itself = AtOnce::new((0..4).map(|_| upstream()).collect(), Some("m-1"));
    assert!(asked(&itself, &Still::default()).await.0.is_err());
    assert_eq!(itself.asked.borrow().len(), 4, "a model is no fallback of itself");
}

#[tokio::test]
async fn every_kind_of_trouble_has_an_end() {
    for (kind, times) in [
        (Trouble::RateLimited, 6),
        (Trouble::Overloaded, 5),
        (Trouble::Upstream, 4),
        (Trouble::Network, 4),
        (Trouble::Timeout, 2),
    ] {
        let provider = AtOnce::new((0..10).map(|_| trouble(kind, Some(1))).collect(), None);
        assert!(asked(&provider, &Still::default()).await.0.is_err());
        assert_eq!(provider.asked.borrow().len(), times, "{kind:?}");
    }
    let mixed = [Trouble::Upstream, Trouble::Network, Trouble::RateLimited].into_iter().cycle();
    let provider = AtOnce::new(mixed.take(20).map(|kind| trouble(kind, Some(1))).collect(), None);
    assert!(asked(&provider, &Still::default()).await.0.is_err());
    assert_eq!(provider.asked.borrow().len(), 8, "whatever the troubles");
}

#[tokio::test]
async fn refusals_and_broken_off_answers_are_not_asked_again() {
    let refused =
        |refusal| Error::Permanent { refusal, reason: String::new(), hint: None, usage: cgo::llm::Usage::default() };
    let errors = [
        refused(Refusal::Key),
        refused(Refusal::Context),
        Error::Incomplete { reason: String::new(), usage: cgo::llm::Usage::default() },
    ];
    for error in errors {
        let provider = AtOnce::new(vec![Err(error.clone())], Some("small"));
        let (answered, log) = asked(&provider, &Still::default()).await;
        assert_eq!(answered.unwrap_err(), error);
        assert_eq!(log, ["1 m-1 given up"]);
    }
}

#[tokio::test]
async fn a_wait_ends_when_nobody_wants_the_answer_any_more() {
    let cancel = CancellationToken::new();
    let world = Still { cancels: Some(cancel), ..Still::default() };
    let provider = AtOnce::new(vec![trouble(Trouble::Network, None)], None);
    let (answered, _) = asked(&provider, &world).await;
    assert_eq!(answered, Err(Error::Cancelled));
}

fn real_owner<'a>(
    provider: &'a dyn Provider,
    policy: Policy,
    world: &'a dyn World,
    cancel: &'a CancellationToken,
) -> Owner<'a> {
    Owner { provider, policy, world, observer: &|_| {}, cancel }
}

#[tokio::test]
async fn a_wrong_key_is_tried_exactly_once_and_trouble_is_tried_again_for_real() {
    let busy = answer(503, "busy").header("retry-after-ms", "20");
    let said = whole(&json!({ "choices": [{ "message": { "content": "hi" }, "finish_reason": "stop" }] }));
    let server = Server::start(Wire::Openai, vec![busy.clone(), said.clone()]).await;
    let world = cgo::llm::retry::Real::default();
    let cancel = CancellationToken::new();
    let wrong = server.provider_with(&server.endpoint(true), "sk-wrong-5e2a9d41", timers());
    let answered = real_owner(&*wrong, Policy::default(), &world, &cancel).ask(&question(), &|_| {}).await;
    assert!(matches!(answered, Err(Error::Permanent { refusal: Refusal::Key, .. })), "{answered:?}");
    let again = Server::start(Wire::Openai, vec![busy, said]).await;
    let provider = again.provider(true);
    let reply = real_owner(&*provider, Policy::default(), &world, &cancel).ask(&question(), &|_| {}).await.unwrap();
    assert_eq!(reply.content.as_deref(), Some("hi"));
    assert_eq!((server.requests().len(), again.requests().len()), (1, 2));
}

#[tokio::test]
async fn the_deadline_ends_an_attempt_that_goes_on() {
    let silent: Answer = answer(200, "").ending(Ending::Silent);
    let server = Server::start(Wire::Openai, vec![silent]).await;
    let provider = server.provider(true);
    let world = cgo::llm::retry::Real::default();
    let cancel = CancellationToken::new();
    let policy = Policy { deadline: Duration::from_millis(150), ..Policy::default() };
    let answered = real_owner(&*provider, policy, &world, &cancel).ask(&question(), &|_| {}).await;
    let Err(Error::Retry { trouble: Trouble::Timeout, usage, .. }) = answered else { panic!("{answered:?}") };
    assert!(usage.input_tokens > 0);
}
