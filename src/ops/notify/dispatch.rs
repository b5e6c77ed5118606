//! Who is told, when, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::words::{self, About};
use super::{Channel, Letter, Receipt, Undelivered};
use crate::domain::ids::UserId;
use crate::domain::notice::{Notice, NoticeKind, Urgency};
use crate::domain::run::{Ask, Run, TapeMode};
use crate::domain::spec::Language;
use crate::domain::time::Timestamp;
use crate::domain::user::{Identity, Owner, Person, QuietHours, Right, Role, User};
use crate::ops::{Context, Error};
use crate::store::{
    Delivery, DeliveryStatus, Incidents as _, Notices as _, Projects as _, Recipient, Runs as _, Users as _,
};

/// How many are looked at in one round; what is left over is for the next one.
const ROUND: usize = 200;
/// Notices of one subject that come within this time are one message, in milliseconds.
const WINDOW_MS: i64 = 30_000;
/// What is not critical and could not be told for so long is told no more, in milliseconds: a day.
const STALE_MS: i64 = 24 * 60 * 60 * 1000;
/// How many addresses are told at once: one that is slow keeps few others waiting.
const AT_ONCE: usize = 16;
/// How long a channel may take for one letter.
const LIMIT: Duration = Duration::from_secs(20);
/// The waits between tries, in milliseconds; the last one for every further try.
const BACKOFF_MS: [i64; 6] = [2_000, 10_000, 60_000, 5 * 60_000, 20 * 60_000, 60 * 60_000];
/// How often a letter is tried that is not critical.
const TRIES: u32 = 8;
/// What was told stays for so long, in milliseconds: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What handing out has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandedOut {
    /// Notices that were handed out.
    pub notices: usize,
    /// Critical ones that stay owed, because nobody who has to hear of them is reached.
    pub unheard: usize,
}

/// What a round has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Letters that have arrived.
    pub arrived: usize,
    /// Why others have not, a line each.
    pub problems: Vec<String>,
}

/// The notice that a run was tried so often that only a person can help; one for where the run stands.
#[must_use]
pub fn stuck(run: &Run, at: Timestamp) -> Notice {
    let notice = Notice::of_run(NoticeKind::RunStuck, &run.id, run.seq, at);
    Notice { id: format!("{}:stuck", notice.id), project: run.project.clone(), ..notice }
}

/// Hands owed notices out to whoever is told over these channels. Without any channel they stay owed; what is critical does
/// until somebody is reached.
///
/// # Errors
/// When the store fails; what was handed out stays so.
pub async fn hand_out(context: &Context, channels: &[&dyn Channel]) -> Result<HandedOut, Error> {
    let mut handed_out = HandedOut::default();
    if channels.is_empty() {
        return Ok(handed_out);
    }
    let owed = context.store.owed_notices().await?;
    if owed.is_empty() {
        return Ok(handed_out);
    }
    let users = context.store.users().await?;
    for notice in &owed {
        if handed_out.notices == ROUND {
            break;
        }
        let now = context.now();
        let stale = notice.urgency == Urgency::Normal && now.since(notice.at) > STALE_MS;
        let wanted = if stale { None } else { recipients(context, notice, &users, channels).await? };
        if notice.urgency == Urgency::Critical && wanted.as_ref().is_some_and(BTreeSet::is_empty) {
            handed_out.unheard += 1;
            continue;
        }
        let to: Vec<Recipient> = wanted.into_iter().flatten().collect();
        context.store.hand_out(notice, &to, now).await?;
        handed_out.notices += 1;
    }
    Ok(handed_out)
}

/// None when nobody is to be told.
async fn recipients(
    context: &Context,
    notice: &Notice,
    users: &[User],
    channels: &[&dyn Channel],
) -> Result<Option<BTreeSet<Recipient>>, Error> {
    let run = match &notice.run {
        Some(id) => context.store.run(id).await?,
        None => None,
    };
    // What is told again from a cassette was told when it happened.
    let replayed =
        run.as_ref().and_then(|run| run.request.cassette()).is_some_and(|tape| tape.mode != TapeMode::Record);
    if replayed || (notice.run.is_some() && run.is_none()) {
        return Ok(None);
    }
    let project = match notice.project.as_ref().or(run.as_ref().and_then(|run| run.project.as_ref())) {
        Some(id) => context.store.project(id).await?,
        None => None,
    };
    let mut told: BTreeSet<UserId> = BTreeSet::new();
    let owner = project
        .as_ref()
        .map_or_else(|| run.as_ref().and_then(|run| run.asked_by.clone()), |project| project.owner.clone());
    told.extend(run.and_then(|run| run.asked_by));
    told.extend(project.and_then(|project| project.owner));
    // What is nobody's is everybody's who has to see to it; so is what is broken.
    if told.is_empty() || notice.incident.is_some() {
        told.extend(users.iter().filter(|user| user.role == Role::Admin).map(|user| user.id.clone()));
    }
    // Who asked may not be among those who approve.
    if notice.kind == NoticeKind::Approval {
        let may = |user: &&User| {
            context.approvers.iter().any(|approver| approver == user.name.as_str())
                && Person::of(user).may(Right::Approve, Owner::of(owner.as_ref()))
        };
        told.extend(users.iter().filter(may).map(|user| user.id.clone()));
    }
    let mut recipients = BTreeSet::new();
    for channel in channels {
        let at =
            |address: String, person: Option<UserId>| Recipient { channel: channel.name().to_owned(), address, person };
        for user in users.iter().filter(|user| told.contains(&user.id)) {
            recipients.extend(channel.reaches(user).map(|address| at(address, Some(user.id.clone()))));
        }
        recipients.extend(channel.common().map(|address| at(address, None)));
    }
    Ok(Some(recipients))
}

/// Delivers what is due over a channel: to different addresses side by side, to one address one letter after the other,
/// each within a limit. What does not arrive is tried again later.
///
/// # Errors
/// When the store fails; what has arrived may then come once more.
pub async fn deliver(context: &Context, channel: &dyn Channel) -> Result<Delivered, Error> {
    let limit = u32::try_from(ROUND).expect("it is small");
    let due = context.store.due_deliveries(channel.name(), context.now(), limit).await?;
    let mut addresses: Vec<Vec<Vec<Delivery>>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in due {
        let at = *places.entry(delivery.address.clone()).or_insert_with(|| {
            addresses.push(Vec::new());
            addresses.len() - 1
        });
        let groups = &mut addresses[at];
        match groups.iter().position(|group| group[0].notice.subject == delivery.notice.subject) {
            Some(at) => groups[at].push(delivery),
            None => groups.push(vec![delivery]),
        }
    }
    let told = stream::iter(addresses).map(|groups| deliver_to_address(context, channel, groups));
    let told: Vec<Result<Delivered, Error>> = told.buffer_unordered(AT_ONCE).collect().await;
    let mut delivered = Delivered::default();
    for there in told {
        let there = there?;
        delivered.arrived += there.arrived;
        delivered.problems.extend(there.problems);
    }
    Ok(delivered)
}

/// The letters to one address, in the order in which they are due.
async fn deliver_to_address(
    context: &Context,
    channel: &dyn Channel,
    groups: Vec<Vec<Delivery>>,
) -> Result<Delivered, Error> {
    let mut delivered = Delivered::default();
    for mut group in groups {
        // Critical ones come first out of the store; what happened last is told.
        group.sort_by(|a, b| order(&a.notice).cmp(&order(&b.notice)));
        match deliver_group(context, channel, &group).await? {
            Came::Arrived => delivered.arrived += 1,
            Came::Failed(why) => delivered.problems.push(why),
            Came::Later => {}
        }
    }
    Ok(delivered)
}

/// The order in which things happened, also within a millisecond: events of a run are numbered, and what closes was open
/// before.
fn order(notice: &Notice) -> (Timestamp, usize, Option<&str>, NoticeKind) {
    (notice.at, notice.id.len(), notice.run.as_ref().map(|_| notice.id.as_str()), notice.kind)
}

/// What a letter has come to.
enum Came {
    Arrived,
    Failed(String),
    /// It is put off, or nobody needs it.
    Later,
}

/// One letter for notices of one subject to one address.
async fn deliver_group(context: &Context, channel: &dyn Channel, group: &[Delivery]) -> Result<Came, Error> {
    let Some(newest) = group.last() else { return Ok(Came::Later) };
    let critical = group.iter().any(|delivery| delivery.notice.urgency == Urgency::Critical);
    let now = context.now();
    let person = match &newest.person {
        Some(id) => context.store.user(id).await?,
        None => None,
    };
    if !critical
        && let Some(until) = person.as_ref().and_then(|user| user.quiet.as_ref()).and_then(|quiet| end(quiet, now))
    {
        put(context, group, |delivery| delivery.due_at = until).await?;
        return Ok(Came::Later);
    }
    let last = context.store.last_delivered(&newest.channel, &newest.address, &newest.notice.subject).await?;
    let last = last.filter(|last| now.since(last.updated_at) < WINDOW_MS);
    if let Some(last) = &last
        && !channel.edits()
        && !critical
    {
        let until = last.updated_at.plus_ms(WINDOW_MS);
        put(context, group, |delivery| delivery.due_at = until).await?;
        return Ok(Came::Later);
    }
    // A message that is edited rings nowhere.
    let previous = if channel.edits() && !critical { last.and_then(|last| last.message) } else { None };
    let Some(letter) = letter(context, group, person, previous).await? else {
        put(context, group, |delivery| {
            delivery.status = DeliveryStatus::Dropped;
            delivery.problem = Some("nobody needs it any more".to_owned());
        })
        .await?;
        return Ok(Came::Later);
    };
    let sent = tokio::time::timeout(LIMIT, channel.deliver(&letter)).await.unwrap_or_else(|_| {
        Err(Undelivered::Later { why: format!("{} did not answer in time", channel.name()), after: None })
    });
    let (why, after, never) = match sent {
        Ok(Receipt { message }) => {
            put(context, group, |delivery| {
                delivery.status = DeliveryStatus::Delivered;
                delivery.attempts += 1;
                delivery.message.clone_from(&message);
                delivery.problem = None;
            })
            .await?;
            return Ok(Came::Arrived);
        }
        Err(Undelivered::Elsewhere) => {
            let now = context.now();
            put(context, group, |delivery| {
                delivery.attempts += 1;
                delivery.due_at = now.plus_ms(pause(delivery.attempts));
            })
            .await?;
            return Ok(Came::Later);
        }
        Err(Undelivered::Later { why, after }) => (why, after, false),
        Err(Undelivered::Never { why }) => (why, None, true),
    };
    let after = after.map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
    let words = context.secrets.clean(&why).into_owned();
    let now = context.now();
    put(context, group, |delivery| {
        // Whoever says when to come again has refused nothing: that uses up no try. What is critical is never given up,
        // and waits longer each time.
        delivery.attempts += u32::from(critical || after.is_none());
        delivery.problem = Some(words.clone());
        let pause = pause(if never { u32::MAX } else { delivery.attempts });
        delivery.due_at = now.plus_ms(pause.max(after.unwrap_or(0)));
        let put_off = after.is_some() && now.since(delivery.notice.at) > STALE_MS;
        if !critical && (never || put_off || delivery.attempts >= TRIES) {
            delivery.status = DeliveryStatus::Dropped;
        }
    })
    .await?;
    Ok(Came::Failed(format!("{} about {}: {words}", newest.channel, newest.notice.subject)))
}

/// The wait after so many tries, in milliseconds.
fn pause(attempts: u32) -> i64 {
    BACKOFF_MS[(attempts as usize).clamp(1, BACKOFF_MS.len()) - 1]
}

async fn put(context: &Context, group: &[Delivery], change: impl Fn(&mut Delivery)) -> Result<(), Error> {
    for delivery in group {
        let mut delivery = delivery.clone();
        change(&mut delivery);
        delivery.updated_at = context.now();
        context.store.put_delivery(&delivery).await?;
    }
    Ok(())
}

/// Whether somebody is in their quiet hours. Who is not known has none.
///
/// # Errors
/// When the store fails.
pub async fn is_quiet(context: &Context, identity: &Identity) -> Result<bool, Error> {
    let user = context.store.user_by_identity(identity).await?;
    Ok(user.and_then(|user| user.quiet).is_some_and(|quiet| end(&quiet, context.now()).is_some()))
}

/// The end of the quiet hours somebody is in.
fn end(quiet: &QuietHours, now: Timestamp) -> Option<Timestamp> {
    let zone = jiff::tz::TimeZone::get(&quiet.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let local = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(zone);
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
    quiet.left(minute).map(|left| now.plus_ms(i64::from(left) * 60_000 - i64::from(local.second()) * 1000))
}

/// What is told; none when it is about a question that was answered meanwhile, or about nothing that is left.
async fn letter(
    context: &Context,
    group: &[Delivery],
    person: Option<User>,
    previous: Option<String>,
) -> Result<Option<Letter>, Error> {
    let Some(newest) = group.last() else { return Ok(None) };
    let notice = newest.notice.clone();
    let run = match &notice.run {
        Some(id) => context.store.run(id).await?,
        None => None,
    };
    let ask: Option<Ask> = match &notice.ask {
        Some(id) => context.store.ask(id).await?,
        None => None,
    };
    let waits = run.as_ref().is_some_and(|run| run.status.is_waiting());
    if notice.ask.is_some() && (!waits || ask.as_ref().is_none_or(|ask| ask.answer.is_some())) {
        return Ok(None);
    }
    let incident = match &notice.incident {
        Some(id) => context.store.incident(id).await?,
        None => None,
    };
    if run.is_none() && incident.is_none() {
        return Ok(None);
    }
    let project = match notice.project.as_ref().or(run.as_ref().and_then(|run| run.project.as_ref())) {
        Some(id) => context.store.project(id).await?,
        None => None,
    };
    let language = person.as_ref().and_then(|user| user.language).unwrap_or_else(|| spoken(run.as_ref()));
    let before: Vec<NoticeKind> = group[..group.len() - 1].iter().map(|delivery| delivery.notice.kind).collect();
    let about = About {
        kind: notice.kind,
        before: &before,
        run: run.as_ref(),
        ask: ask.as_ref(),
        project: project.as_ref(),
        incident: incident.as_ref(),
    };
    let (title, lines) = words::of(context, &about, language);
    let address = newest.address.clone();
    let count = group.len();
    let urgency = group.iter().map(|delivery| delivery.notice.urgency).max().unwrap_or(notice.urgency);
    let tried = group.iter().map(|delivery| delivery.attempts).max().unwrap_or(0);
    Ok(Some(Letter {
        notice,
        count,
        urgency,
        tried,
        address,
        person,
        language,
        title,
        lines,
        run,
        ask,
        project,
        incident,
        previous,
    }))
}

/// The language a run was asked for in.
fn spoken(run: Option<&Run>) -> Language {
    run.and_then(|run| run.request.text()).map_or(Language::En, Language::of)
}

/// Forgets what was told long ago.
///
/// # Errors
/// When the store fails.
pub async fn forget_old(context: &Context) -> Result<u64, Error> {
    Ok(context.store.forget_notices(context.now().plus_ms(-KEPT_MS)).await?)
}
