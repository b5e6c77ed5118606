//! Notices in the store: owed with the change they are about, handed out, delivered.

use super::engine::{Row, Tx, args, transaction};
use super::{Error, Store};
use crate::domain::ids::{AskId, IncidentId, ProjectId, RunId, UserId};
use crate::domain::notice::{Notice, NoticeKind, Urgency};
use crate::domain::time::Timestamp;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// To be delivered.
    Owed,
    /// It is there.
    Delivered,
    /// It will not be delivered: nobody needs it any more, or it was refused.
    Dropped,
}

impl DeliveryStatus {
    const ALL: [Self; 3] = [Self::Owed, Self::Delivered, Self::Dropped];

    /// The status as the store spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
        }
    }
}

/// A notice on its way to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The notice.
    pub notice: Notice,
    /// The channel, such as `telegram`.
    pub channel: String,
    /// Where to on the channel.
    pub address: String,
    /// To whom; none when it goes to nobody in particular.
    pub person: Option<UserId>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// The message's id, once it is there.
    pub message: Option<String>,
    /// Why the last try failed, or it was dropped.
    pub problem: Option<String>,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// Somebody a notice is handed out to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// The channel.
    pub channel: String,
    /// Where to on it.
    pub address: String,
    /// Who; none for nobody in particular.
    pub person: Option<UserId>,
}

/// What can be done with the notices of a store.
pub trait Notices {
    /// Owes a notice that is about no change in the store. Owing it twice is owing it once.
    fn owe(&self, notice: &Notice) -> impl Future<Output = Result<(), Error>> + Send;
    /// Notices nobody has been handed yet, oldest first.
    fn owed_notices(&self) -> impl Future<Output = Result<Vec<Notice>, Error>> + Send;
    /// Hands a notice out: each recipient gets a delivery. Done twice, nothing more happens.
    fn hand_out(
        &self,
        notice: &Notice,
        to: &[Recipient],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Deliveries of a channel that are owed and due, in the order of their notices; critical ones first.
    fn due_deliveries(
        &self,
        channel: &str,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send;
    /// The newest delivery of a subject that has arrived at an address.
    fn last_delivered(
        &self,
        channel: &str,
        address: &str,
        subject: &str,
    ) -> impl Future<Output = Result<Option<Delivery>, Error>> + Send;
    /// Every delivery of a notice, for tests and explanations.
    fn deliveries(&self, notice: &str) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send;
    /// Writes where a delivery has come to: status, attempts, when it is due, message, problem.
    fn put_delivery(&self, delivery: &Delivery) -> impl Future<Output = Result<(), Error>> + Send;
    /// Forgets notices from before a moment that nobody is owed any more; returns how many. What is critical stays until
    /// somebody was told.
    fn forget_notices(&self, before: Timestamp) -> impl Future<Output = Result<u64, Error>> + Send;
}

fn kind(text: &str) -> Option<NoticeKind> {
    NoticeKind::ALL.into_iter().find(|kind| kind.as_str() == text)
}

fn urgency(text: &str) -> Option<Urgency> {
    [Urgency::Normal, Urgency::Critical].into_iter().find(|urgency| urgency.as_str() == text)
}

fn decode(row: &Row) -> Result<Notice, Error> {
    let row = row.of("notice");
    Ok(Notice {
        id: row.text(0)?,
        kind: row.parsed(1, kind)?,
        urgency: row.parsed(2, urgency)?,
        subject: row.text(3)?,
        run: row.maybe_parsed(4, |text| RunId::parse(text).ok())?,
        ask: row.maybe_parsed(5, |text| AskId::parse(text).ok())?,
        incident: row.maybe_parsed(6, |text| IncidentId::parse(text).ok())?,
        project: row.maybe_parsed(7, |text| ProjectId::parse(text).ok())?,
        at: row.time(8)?,
    })
}

fn delivery(row: &Row) -> Result<Delivery, Error> {
    let notice = decode(row)?;
    let row = row.of("delivery");
    Ok(Delivery {
        notice,
        channel: row.text(9)?,
        address: row.text(10)?,
        person: row.maybe_parsed(11, |text| UserId::parse(text).ok())?,
        status: row.parsed(12, |text| DeliveryStatus::ALL.into_iter().find(|status| status.as_str() == text))?,
        attempts: row.number(13)?,
        due_at: row.time(14)?,
        message: row.maybe_text(15)?,
        problem: row.maybe_text(16)?,
        updated_at: row.time(17)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select n.id, n.kind, n.urgency, n.subject, n.run_id, n.ask_id, n.incident_id, n.project_id, n.created_at, \
             d.channel, d.address, d.person_id, d.status, d.attempts, d.due_at, d.message, d.problem, d.updated_at \
             from delivery d join notice n on n.id = d.notice_id ",
            $rest
        )
    };
}

/// Owes a notice as part of the transaction that makes the change it is about.
pub(super) async fn owe(tx: &mut Tx, notice: &Notice) -> Result<(), Error> {
    tx.execute(
        "insert into notice (id, kind, urgency, subject, run_id, ask_id, incident_id, project_id, handed_out, \
         created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, false, $9, $9) on conflict (id) do nothing",
        args![
            &notice.id,
            notice.kind.as_str(),
            notice.urgency.as_str(),
            &notice.subject,
            notice.run.as_ref().map(RunId::as_str),
            notice.ask.as_ref().map(AskId::as_str),
            notice.incident.as_ref().map(IncidentId::as_str),
            notice.project.as_ref().map(ProjectId::as_str),
            notice.at,
        ],
    )
    .await
    .map(drop)
}

impl Notices for Store {
    async fn owe(&self, notice: &Notice) -> Result<(), Error> {
        transaction!(self, |tx| { owe(tx, notice).await })
    }

    async fn owed_notices(&self) -> Result<Vec<Notice>, Error> {
        self.list(
            "select id, kind, urgency, subject, run_id, ask_id, incident_id, project_id, created_at from notice \
             where handed_out = false order by created_at, id",
            args![],
            decode,
        )
        .await
    }

    async fn hand_out(&self, notice: &Notice, to: &[Recipient], now: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            for recipient in to {
                tx.execute(
                    "insert into delivery (notice_id, channel, address, person_id, urgency, subject, status, attempts, \
                     due_at, created_at, updated_at) \
                     values ($1, $2, $3, (select id from person where id = $4), $5, $6, 'owed', 0, $7, $7, $7) \
                     on conflict (notice_id, channel, address) do nothing",
                    args![
                        &notice.id,
                        &recipient.channel,
                        &recipient.address,
                        recipient.person.as_ref().map(UserId::as_str),
                        notice.urgency.as_str(),
                        &notice.subject,
                        now,
                    ],
                )
                .await?;
            }
            tx.execute("update notice set handed_out = true, updated_at = $2 where id = $1", args![&notice.id, now])
                .await?;
            Ok(())
        })
    }

    async fn due_deliveries(&self, channel: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.list(
            select!(
                "where d.status = 'owed' and d.due_at <= $1 and d.channel = $3 \
                 order by case when d.urgency = 'critical' then 0 else 1 end, n.created_at, n.id, d.address limit $2"
            ),
            args![now, limit, channel],
            delivery,
        )
        .await
    }

    async fn last_delivered(&self, channel: &str, address: &str, subject: &str) -> Result<Option<Delivery>, Error> {
        self.find(
            select!(
                "where d.channel = $1 and d.address = $2 and d.subject = $3 and d.status = 'delivered' \
                 and d.message is not null order by d.updated_at desc, n.id desc limit 1"
            ),
            args![channel, address, subject],
            delivery,
        )
        .await
    }

    async fn deliveries(&self, notice: &str) -> Result<Vec<Delivery>, Error> {
        self.list(select!("where n.id = $1 order by d.channel, d.address"), args![notice], delivery).await
    }

    async fn put_delivery(&self, delivery: &Delivery) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "update delivery set status = $4, attempts = $5, due_at = $6, message = $7, problem = $8, \
                 updated_at = $9 where notice_id = $1 and channel = $2 and address = $3",
                args![
                    &delivery.notice.id,
                    &delivery.channel,
                    &delivery.address,
                    delivery.status.as_str(),
                    delivery.attempts,
                    delivery.due_at,
                    delivery.message.as_deref(),
                    delivery.problem.as_deref(),
                    delivery.updated_at,
                ],
            )
            .await?;
            Ok(())
        })
    }

    async fn forget_notices(&self, before: Timestamp) -> Result<u64, Error> {
        transaction!(self, |tx| {
            tx.execute(
                "delete from notice where created_at < $1 and (handed_out = true or urgency <> 'critical') \
                 and not exists (select 1 from delivery d where d.notice_id = notice.id and d.status = 'owed')",
                args![before],
            )
            .await
        })
    }
}
