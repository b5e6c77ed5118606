//! Telling people: owed with the change, delivered at least once, as few messages, at their hours; and a webhook whose
//! other side fails in every way changes nothing but when it is tried again.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cgo::domain::ids::IncidentId;
use cgo::domain::incident::{Incident, IncidentKind, IncidentStatus};
use cgo::domain::notice::{Notice, NoticeKind, Urgency};
use cgo::domain::run::{Run, RunStatus, Wait};
use cgo::domain::secret::Secret;
use cgo::domain::user::{Person, QuietHours, Role, User};
use cgo::ops::notify::webhook::Webhook;
use cgo::ops::notify::{self, Channel, Delivering, HandedOut, Letter, Receipt, Undelivered};
use cgo::ops::runs::{self, Reply};
use cgo::ops::users::Wishes;
use cgo::ops::{self, Context, queue, users};
use cgo::pipeline::{runner, tape};
use cgo::store::{Delivery, DeliveryStatus, Incidents, Notices, Recipient};
use hmac::{Hmac, Mac as _};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::placement::Desk;
use crate::users::{new_project, user, waiting};

/// A channel that keeps what it is given, and fails as it is told.
struct Kept {
    edits: bool,
    fails: RefCell<Option<Undelivered>>,
    letters: RefCell<Vec<Letter>>,
}

impl Kept {
    fn new(edits: bool) -> Self {
        Self { edits, fails: RefCell::default(), letters: RefCell::default() }
    }

    fn titles(&self) -> Vec<String> {
        self.letters.borrow().iter().map(|letter| letter.title.clone()).collect()
    }
}

impl Channel for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn reaches(&self, user: &User) -> Option<String> {
        user.chat.map(|chat| chat.to_string())
    }

    fn edits(&self) -> bool {
        self.edits
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Delivering<'a> {
        Box::pin(async {
            // No message arrives in the very millisecond another one did.
            tokio::time::sleep(Duration::from_millis(2)).await;
            if let Some(why) = self.fails.borrow().clone() {
                return Err(why);
            }
            let mut letters = self.letters.borrow_mut();
            letters.push(letter.clone());
            let id = letter.previous.clone().unwrap_or_else(|| format!("m-{}", letters.len()));
            Ok(Receipt { message: Some(id) })
        })
    }
}

async fn round(context: &Context, channel: &dyn Channel) -> notify::Delivered {
    notify::hand_out(context, &[channel]).await.unwrap();
    notify::deliver(context, channel).await.unwrap()
}

/// Makes what is put off due now.
pub async fn hurry(context: &Context, notice: &str) -> Vec<Delivery> {
    let all = context.store.deliveries(notice).await.unwrap();
    for delivery in all.iter().filter(|delivery| delivery.status == DeliveryStatus::Owed) {
        let due = Delivery { due_at: context.now(), ..delivery.clone() };
        context.store.put_delivery(&due).await.unwrap();
    }
    all
}

pub fn incident(context: &Context, cause: &str) -> Incident {
    let now = context.now();
    Incident {
        id: IncidentId::new(now, ops::random()),
        cause: cause.to_owned(),
        kind: IncidentKind::ServiceDown,
        project: None,
        server: None,
        service: None,
        title: "`notes` does not work".to_owned(),
        details: "status 500".to_owned(),
        status: IncidentStatus::Open,
        reports: 1,
        run: None,
        resolution: None,
        created_at: now,
        updated_at: now,
    }
}

async fn cancelled(context: &Context, text: &str) -> Run {
    let run = runner::create(context, new_project(context, text)).await.unwrap();
    runs::cancel(context, &run, runner::cancelled(&context.person.name)).await.unwrap();
    run
}

#[tokio::test]
async fn who_asked_is_told_in_their_language_and_nobody_else() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    user(context, "Bob", Role::Member, 43).await;
    user(context, "Root", Role::Admin, 44).await;
    let russian = Wishes { language: Some(cgo::domain::spec::Language::Ru), ..Wishes::default() };
    users::set(context, &anna, russian).await.unwrap();
    let channel = Kept::new(true);

    let (run, _) =
        waiting(&context.acting_as(Person::of(&anna)), new_project(context, "books"), Wait::Input, "q").await;
    assert_eq!(round(context, &channel).await.arrived, 1);
    let letter = channel.letters.borrow()[0].clone();
    assert_eq!((letter.address.as_str(), letter.notice.kind), ("42", NoticeKind::Question));
    assert!(letter.title.ends_with("есть вопрос") && letter.lines == ["May it?"], "{letter:?}");
    assert_eq!(letter.run.map(|run| run.id), Some(run.id));
    assert!(letter.ask.is_some(), "a front end puts buttons to it");

    cancelled(context, "what the operator asked for").await;
    round(context, &channel).await;
    assert_eq!(channel.letters.borrow()[1].address, "44", "what is nobody's is the admins'");
    assert_eq!(round(context, &channel).await.arrived, 0, "nothing is told twice");
}

#[tokio::test]
async fn notices_of_one_subject_that_come_close_together_are_one_message() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Root", Role::Admin, 44).await;
    for (edits, messages) in [(true, 2), (false, 2)] {
        let channel = Kept::new(edits);
        let broken = incident(context, if edits { "one" } else { "two" });
        context.store.open_incident(&broken).await.unwrap();
        context.store.resolve_incident(&broken.id, "over", context.now()).await.unwrap();
        assert_eq!(round(context, &channel).await.arrived, 1, "both are one letter");
        let letter = channel.letters.borrow()[0].clone();
        assert_eq!((letter.count, letter.title.as_str()), (2, "was broken, works again: `notes` does not work"));
        assert_eq!(letter.previous, None);

        let again = Incident { id: IncidentId::new(context.now(), ops::random()), ..broken.clone() };
        context.store.open_incident(&again).await.unwrap();
        round(context, &channel).await;
        let letters = channel.letters.borrow().clone();
        assert_eq!(letters.len(), messages, "what is critical waits for nothing");
        assert_eq!(letters[1].previous, None, "a message that is edited rings nowhere: what is critical is a new one");

        context.store.resolve_incident(&again.id, "over", context.now()).await.unwrap();
        let arrived = round(context, &channel).await.arrived;
        assert_eq!(arrived, usize::from(edits), "what is not critical waits where nothing can be edited");
        let over = channel.letters.borrow().get(2).map(|letter| letter.previous.clone());
        let wanted = edits.then(|| Some("m-2".to_owned()));
        assert_eq!(over, wanted, "where a message can be edited, that which told of it is");
        hurry(context, &format!("{}:incident_closed", again.id)).await;
    }
}

#[tokio::test]
async fn quiet_hours_hold_what_is_not_critical_and_nothing_else() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let root = user(context, "Root", Role::Admin, 44).await;
    // All day but a minute twelve hours from now.
    let minute = u16::try_from(context.now().0.div_euclid(60_000).rem_euclid(1440)).unwrap();
    let (from, to) = ((minute + 721) % 1440, (minute + 720) % 1440);
    let quiet = Some(Some(QuietHours { from, to, zone: "UTC".to_owned() }));
    users::set(context, &root, Wishes { quiet, ..Wishes::default() }).await.unwrap();
    let channel = Kept::new(true);
    let run = cancelled(context, "books").await;
    assert_eq!(round(context, &channel).await.arrived, 0);
    let held = hurry(context, &format!("{}:2", run.id)).await.remove(0);
    assert!(held.due_at.since(context.now()) > 10 * 60 * 60 * 1000, "until the quiet is over: {held:?}");
    assert_eq!((held.status, held.attempts), (DeliveryStatus::Owed, 0), "it was not tried, so nothing failed");

    context.store.open_incident(&incident(context, "c")).await.unwrap();
    assert_eq!(round(context, &channel).await.arrived, 1);
    assert_eq!(channel.titles(), ["broken: `notes` does not work"]);
    let awake = users::by_name(context, "Root").await.unwrap();
    users::set(context, &awake, Wishes { quiet: Some(None), ..Wishes::default() }).await.unwrap();
    hurry(context, &format!("{}:2", run.id)).await;
    assert_eq!(round(context, &channel).await.arrived, 1);
}

#[tokio::test]
async fn a_question_that_was_answered_meanwhile_is_not_asked_any_more() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Root", Role::Admin, 44).await;
    let channel = Kept::new(true);
    let (run, ask) = waiting(context, new_project(context, "books"), Wait::Approval, "approve").await;
    notify::hand_out(context, &[&channel]).await.unwrap();
    let reply = Reply { approved: true, texts: Vec::new(), by: None };
    tape::answer(context, &run, &ask, reply, &CancellationToken::new()).await.unwrap();
    assert_eq!(round(context, &channel).await.arrived, 0);
    let dropped = context.store.deliveries(&format!("{}:{}", run.id, run.seq)).await.unwrap().remove(0);
    assert_eq!(dropped.status, DeliveryStatus::Dropped);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_tried_again_and_given_up_unless_it_is_critical() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Root", Role::Admin, 44).await;
    let channel = Kept::new(false);
    let later = Undelivered::Later { why: "busy".to_owned(), after: Some(Duration::from_mins(90)) };
    *channel.fails.borrow_mut() = Some(later);
    let run = cancelled(context, "books").await;
    let broken = incident(context, "c");
    context.store.open_incident(&broken).await.unwrap();
    let (normal, critical) = (format!("{}:2", run.id), format!("{}:incident_opened", broken.id));
    let told = round(context, &channel).await;
    assert_eq!((told.arrived, told.problems.len()), (0, 2), "{told:?}");
    for _ in 0..10 {
        let first = hurry(context, &normal).await.remove(0);
        assert_eq!((first.status, first.problem.as_deref()), (DeliveryStatus::Owed, Some("busy")));
        assert_eq!(first.attempts, 0, "waiting as long as the other side says uses up no try");
        assert!(first.due_at.since(context.now()) > 80 * 60 * 1000, "as long as the other side wants: {first:?}");
        round(context, &channel).await;
    }
    // Not for ever: yesterday's is not owed any more.
    let first = context.store.deliveries(&normal).await.unwrap().remove(0);
    let yesterday = context.now().plus_ms(-25 * 60 * 60 * 1000);
    let old = Notice { id: "old".to_owned(), subject: "old".to_owned(), at: yesterday, ..first.notice };
    context.store.owe(&old).await.unwrap();
    let to = Recipient { channel: first.channel, address: first.address, person: None };
    context.store.hand_out(&old, &[to], context.now()).await.unwrap();
    round(context, &channel).await;
    let old = context.store.deliveries("old").await.unwrap().remove(0);
    assert_eq!((old.status, old.problem.as_deref()), (DeliveryStatus::Dropped, Some("busy")));

    *channel.fails.borrow_mut() = Some(Undelivered::Later { why: "busy".to_owned(), after: None });
    hurry(context, &normal).await;
    hurry(context, &critical).await;
    for _ in 0..11 {
        round(context, &channel).await;
        hurry(context, &normal).await;
        hurry(context, &critical).await;
    }
    let standing = |all: Vec<Delivery>| (all[0].status, all[0].attempts);
    assert_eq!(standing(context.store.deliveries(&normal).await.unwrap()), (DeliveryStatus::Dropped, 8));
    assert_eq!(standing(context.store.deliveries(&critical).await.unwrap()), (DeliveryStatus::Owed, 12));

    let never = Undelivered::Never { why: "blocked by the user".to_owned() };
    *channel.fails.borrow_mut() = Some(never);
    let second = cancelled(context, "films").await;
    round(context, &channel).await;
    let refused = context.store.deliveries(&format!("{}:2", second.id)).await.unwrap().remove(0);
    assert_eq!((refused.status, refused.problem.as_deref()), (DeliveryStatus::Dropped, Some("blocked by the user")));

    *channel.fails.borrow_mut() = None;
    hurry(context, &critical).await;
    assert_eq!(round(context, &channel).await.arrived, 1, "what is critical arrives in the end");
    let after = runs::find(context, run.id.as_str()).await.unwrap();
    assert_eq!(after.status, RunStatus::Cancelled, "a failing notifier changes nothing");
}

#[tokio::test]
async fn a_run_that_is_stuck_is_told_of_once_and_without_a_channel_nothing_is_lost() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Root", Role::Admin, 44).await;
    let run = runner::enqueue(context, new_project(context, "books"), Some("update-1")).await.unwrap();
    let mut queued = queue::list(context).await.unwrap().remove(0);
    assert_eq!(queued.run.id, run.id);
    for attempt in 1..=queue::ATTEMPTS {
        queued = queue::take(context, queued).await.unwrap();
        assert_eq!(queued.attempts, attempt);
        let given_up = queue::put_down(context, &queued, Some("no disk".to_owned()), false).await.unwrap();
        assert_eq!(given_up, attempt == queue::ATTEMPTS);
        assert_eq!(context.store.owed_notices().await.unwrap().len(), usize::from(given_up));
    }
    queue::give_up(context, &queued).await.unwrap();
    assert_eq!(notify::hand_out(context, &[]).await.unwrap(), HandedOut::default());
    let owed = context.store.owed_notices().await.unwrap();
    assert_eq!((owed.len(), owed[0].urgency), (1, Urgency::Normal), "it stays owed: {owed:?}");
    let channel = Kept::new(true);
    round(context, &channel).await;
    assert!(channel.titles()[0].ends_with("cannot go on by itself"), "{:?}", channel.titles());
}

#[tokio::test]
async fn what_is_critical_waits_for_somebody_to_be_told_and_says_how_it_stands_then() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let channel = Kept::new(true);
    cancelled(context, "books").await;
    let (open, over) = (incident(context, "one"), incident(context, "two"));
    for broken in [&open, &over] {
        context.store.open_incident(broken).await.unwrap();
    }
    context.store.resolve_incident(&over.id, "over", context.now()).await.unwrap();
    let handed_out = notify::hand_out(context, &[&channel]).await.unwrap();
    assert_eq!(handed_out, HandedOut { notices: 2, unheard: 2 }, "what is not critical is nobody's");
    notify::forget_old(context).await.unwrap();
    assert_eq!(context.store.forget_notices(context.now().plus_ms(1)).await.unwrap(), 2, "the other two");
    user(context, "Root", Role::Admin, 44).await;
    assert_eq!(round(context, &channel).await.arrived, 2);
    let mut titles = channel.titles();
    titles.sort();
    assert_eq!(titles, ["broken: `notes` does not work", "was broken, works again: `notes` does not work"]);
    assert_eq!(notify::hand_out(context, &[&channel]).await.unwrap(), HandedOut::default());
}

/// A channel on which one address waits for another.
struct Waits {
    told: RefCell<Vec<(String, String)>>,
    others: Semaphore,
}

impl Channel for Waits {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn reaches(&self, user: &User) -> Option<String> {
        user.chat.map(|chat| chat.to_string())
    }

    fn edits(&self) -> bool {
        false
    }

    fn deliver<'a>(&'a self, letter: &'a Letter) -> Delivering<'a> {
        Box::pin(async {
            if letter.address == "44" {
                self.others.acquire().await.unwrap().forget();
            } else {
                self.others.add_permits(1);
            }
            self.told.borrow_mut().push((letter.address.clone(), letter.notice.subject.clone()));
            Ok(Receipt { message: None })
        })
    }
}

#[tokio::test]
async fn an_address_that_is_slow_keeps_no_other_waiting_and_each_hears_things_in_their_order() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Root", Role::Admin, 44).await;
    user(context, "Sam", Role::Admin, 45).await;
    let channel = Waits { told: RefCell::default(), others: Semaphore::new(0) };
    for text in ["books", "films"] {
        cancelled(context, text).await;
    }
    assert_eq!(round(context, &channel).await.arrived, 4);
    let told = channel.told.borrow();
    let there = |address: &str| -> Vec<&String> {
        told.iter().filter(|(to, _)| to == address).map(|(_, subject)| subject).collect()
    };
    assert_eq!((there("44").len(), there("44")), (2, there("45")));
}

/// What a webhook's other side does with a request.
#[derive(Clone, Copy)]
pub enum Does {
    Answers(u16),
    Drops,
    Redirects,
}

/// A request as it came.
#[derive(Debug, Clone)]
struct Came {
    headers: Vec<(String, String)>,
    body: serde_json::Value,
    raw: String,
}

/// The other side of a webhook.
pub struct Hook {
    pub url: String,
    does: Arc<Mutex<Does>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Hook {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?token=very-secret-path", listener.local_addr().unwrap());
        let (does, came) = (Arc::new(Mutex::new(Does::Answers(204))), Arc::new(Mutex::new(Vec::new())));
        let (does_there, came_there) = (Arc::clone(&does), Arc::clone(&came));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let request = read(&stream);
                let does = *does_there.lock().unwrap();
                came_there.lock().unwrap().push(request);
                let mut stream = stream;
                let _ = match does {
                    Does::Answers(status) => {
                        write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                    }
                    Does::Drops => stream.shutdown(std::net::Shutdown::Both),
                    Does::Redirects => {
                        write!(
                            stream,
                            "HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:9/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                        )
                    }
                };
            }
        });
        Self { url, does, came }
    }

    pub fn set(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Came {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let raw = String::from_utf8(body).unwrap();
    Came { headers, body: serde_json::from_str(&raw).unwrap(), raw }
}

#[tokio::test]
async fn a_webhook_gets_everything_signed_and_its_failures_only_put_off() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let hook = Hook::new();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let webhook = Webhook::new(&hook.url, Some(Secret::new(secret.to_owned()))).unwrap();
    let run = cancelled(context, "books").await;
    let notice = format!("{}:2", run.id);
    let failures = [(Does::Answers(500), "status 500"), (Does::Answers(429), "status 429"), (Does::Drops, "")];
    for (number, (does, why)) in (1..).zip(failures) {
        hook.set(does);
        let told = round(context, &webhook).await;
        assert_eq!(told.problems.len(), 1, "{told:?}");
        assert!(told.problems[0].contains(why) && !told.problems[0].contains("very-secret"), "{told:?}");
        let put_off = hurry(context, &notice).await.remove(0);
        assert_eq!((put_off.status, put_off.attempts), (DeliveryStatus::Owed, number));
        assert!(put_off.due_at > put_off.updated_at, "not at once: {put_off:?}");
    }
    hook.set(Does::Answers(200));
    assert_eq!(round(context, &webhook).await.arrived, 1, "people without a chat are not needed for it");
    let came = hook.came();
    assert_eq!(came.len(), 4, "at least once, and no more after that");
    let last = came.last().unwrap();
    assert_eq!(last.body["schema"], "cgo.notice/1");
    assert_eq!((&last.body["kind"], &last.body["run"]), (&"run_cancelled".into(), &run.id.as_str().into()));
    let header = |name: &str| last.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    assert_eq!(header("webhook-id"), Some(notice.clone()), "the same for each try, so that a repeat is known");
    let signed = format!("{notice}.{}.{}", header("webhook-timestamp").unwrap(), last.raw);
    assert_eq!(header("webhook-signature").unwrap(), signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &signed));

    for does in [Does::Redirects, Does::Answers(410)] {
        hook.set(does);
        let refused = cancelled(context, "films").await;
        round(context, &webhook).await;
        let dropped = context.store.deliveries(&format!("{}:2", refused.id)).await.unwrap().remove(0);
        assert_eq!(dropped.status, DeliveryStatus::Dropped, "no redirect is followed, and no is no: {dropped:?}");
    }
}

fn signature(key: &str, text: &str) -> String {
    let key = STANDARD.decode(key).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(text.as_bytes());
    format!("v1,{}", crate::support::canary::base64(&mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_webhook_that_hangs_is_left_and_tried_again() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let webhook = Webhook::new(&url, None).unwrap().with_patience(Duration::from_millis(50));
    let run = cancelled(context, "books").await;
    notify::hand_out(context, &[&webhook]).await.unwrap();
    // The other side takes the connection and says nothing.
    let told = notify::deliver(context, &webhook).await.unwrap();
    assert_eq!(told.arrived, 0, "{told:?}");
    assert_eq!(told.problems.len(), 1, "{told:?}");
    let put_off = context.store.deliveries(&format!("{}:2", run.id)).await.unwrap().remove(0);
    assert_eq!((put_off.status, put_off.attempts), (DeliveryStatus::Owed, 1));
    drop(listener);
}
