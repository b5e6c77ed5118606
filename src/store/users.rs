//! People in the store: users with their identities, invitations, strangers.

use super::engine::{Row, Sql, Tx, args, locking, transaction};
use super::runs::decode as decode_run;
use super::{Error, Store};
use crate::domain::ids::{InvitationId, UserId};
use crate::domain::run::Run;
use crate::domain::spec::Language;
use crate::domain::time::Timestamp;
use crate::domain::user::{Identity, Invitation, QuietHours, Role, Stranger, User, UserName};

/// So many strangers are remembered; the one that has not come for longest is forgotten first.
const STRANGERS: u32 = 500;

/// Why an invitation is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// There is none with that code.
    Unknown,
    /// It has ended.
    Expired,
    /// Somebody has used it.
    Used,
}

/// What can be done with the people of a store.
pub trait Users {
    /// Adds a user with their identities.
    ///
    /// # Errors
    /// [`Error::PersonTaken`] when the name or an identity is somebody's; [`Error::IdTaken`].
    fn create_user(&self, user: &User) -> impl Future<Output = Result<(), Error>> + Send;
    /// The user with that id.
    fn user(&self, id: &UserId) -> impl Future<Output = Result<Option<User>, Error>> + Send;
    /// The user of that name.
    fn user_by_name(&self, name: &UserName) -> impl Future<Output = Result<Option<User>, Error>> + Send;
    /// The user somebody at a front end is.
    fn user_by_identity(&self, identity: &Identity) -> impl Future<Output = Result<Option<User>, Error>> + Send;
    /// Every user, by name.
    fn users(&self) -> impl Future<Output = Result<Vec<User>, Error>> + Send;
    /// Replaces a user's role, language, chat and quiet hours.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`].
    fn update_user(&self, user: &User) -> impl Future<Output = Result<(), Error>> + Send;
    /// Removes a user with their identities; what was theirs is the operator's. The runs they had asked for that are not
    /// over are asked to end with that; returns these.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`].
    fn remove_user(&self, id: &UserId) -> impl Future<Output = Result<Vec<Run>, Error>> + Send;
    /// Adds an invitation, by the hash of its code.
    ///
    /// # Errors
    /// [`Error::IdTaken`].
    fn invite(&self, invitation: &Invitation, code_hash: &str) -> impl Future<Output = Result<(), Error>> + Send;
    /// Invitations that can be used at a moment, oldest first.
    fn invitations(&self, now: Timestamp) -> impl Future<Output = Result<Vec<Invitation>, Error>> + Send;
    /// Uses an invitation up and adds the user, whose role it says and whose name, where it says one. The first wins.
    ///
    /// # Errors
    /// As [`Users::create_user`].
    fn redeem(
        &self,
        code_hash: &str,
        user: &User,
        now: Timestamp,
    ) -> impl Future<Output = Result<Result<User, Invited>, Error>> + Send;
    /// Counts a stranger; returns how often they have come.
    fn count_stranger(
        &self,
        identity: &Identity,
        called: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
    /// How often a stranger was answered.
    fn stranger_answers(&self, identity: &Identity) -> impl Future<Output = Result<u64, Error>> + Send;
    /// Notes that a stranger was answered.
    fn note_stranger_answer(&self, identity: &Identity) -> impl Future<Output = Result<(), Error>> + Send;
    /// The strangers that came, newest first.
    fn strangers(&self) -> impl Future<Output = Result<Vec<Stranger>, Error>> + Send;
}

fn role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.as_str() == text)
}

fn language_name(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Ru => "ru",
    }
}

fn decode(row: &Row) -> Result<User, Error> {
    let row = row.of("person");
    Ok(User {
        id: row.parsed(0, |text| UserId::parse(text).ok())?,
        name: row.parsed(1, |text| UserName::parse(text).ok())?,
        role: row.parsed(2, role)?,
        language: row.maybe_parsed(3, |text| {
            [Language::En, Language::Ru].into_iter().find(|language| language_name(*language) == text)
        })?,
        chat: row.maybe_int(4)?,
        quiet: row.maybe_parsed(5, |text| serde_json::from_str(text).ok())?,
        identities: Vec::new(),
        created_at: row.time(6)?,
        updated_at: row.time(7)?,
    })
}

fn identity(row: &Row) -> Result<(String, Identity), Error> {
    let row = row.of("person_identity");
    let (provider, subject) = (row.text(0)?, row.text(1)?);
    let identity = Identity::of_parts(&provider, &subject);
    let identity =
        identity.ok_or(Error::Corrupt { table: "person_identity", column: "subject".to_owned(), value: subject })?;
    Ok((row.text(2)?, identity))
}

fn invitation(row: &Row) -> Result<Invitation, Error> {
    let row = row.of("invitation");
    Ok(Invitation {
        id: row.parsed(0, |text| InvitationId::parse(text).ok())?,
        role: row.parsed(1, role)?,
        name: row.maybe_parsed(2, |text| UserName::parse(text).ok())?,
        by: row.text(3)?,
        expires_at: row.time(4)?,
        created_at: row.time(5)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select p.id, p.name, p.role, p.language, p.chat, p.quiet, p.created_at, p.updated_at from person p ",
            $rest
        )
    };
}

impl Store {
    /// The same users with who they are at the front ends.
    async fn identified(&self, mut users: Vec<User>) -> Result<Vec<User>, Error> {
        if users.is_empty() {
            return Ok(users);
        }
        let one = if let [only] = users.as_slice() { Some(only.id.to_string()) } else { None };
        let sql = "select provider, subject, person_id from person_identity \
                   where cast($1 as text) is null or person_id = $1 order by provider, subject";
        for (person, identity) in self.list(sql, args![one.as_deref()], identity).await? {
            if let Some(user) = users.iter_mut().find(|user| user.id.as_str() == person) {
                user.identities.push(identity);
            }
        }
        Ok(users)
    }

    async fn one_user(&self, found: Option<User>) -> Result<Option<User>, Error> {
        Ok(self.identified(found.into_iter().collect()).await?.pop())
    }
}

async fn insert(tx: &mut Tx, user: &User) -> Result<(), Error> {
    let taken = |what: &'static str, by: String| Error::PersonTaken { what, by };
    let id = user.id.as_str();
    if tx.row("select 1 from person where id = $1", args![id]).await?.is_some() {
        return Err(Error::IdTaken { what: "user", id: id.to_owned() });
    }
    if tx.row("select 1 from person where name = $1", args![user.name.as_str()]).await?.is_some() {
        return Err(taken("name", user.name.to_string()));
    }
    let quiet = user.quiet.as_ref().map(spelled);
    let inserted = tx
        .execute(
            "insert into person (id, name, role, language, chat, quiet, created_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                id,
                user.name.as_str(),
                user.role.as_str(),
                user.language.map(language_name),
                user.chat,
                quiet.as_deref(),
                user.created_at,
                user.updated_at,
            ],
        )
        .await;
    match inserted {
        Err(error) if error.breaks_unique() => return Err(taken("name", user.name.to_string())),
        inserted => inserted?,
    };
    for identity in &user.identities {
        let (provider, subject) = identity.parts();
        let inserted = tx
            .execute(
                "insert into person_identity (provider, subject, person_id, created_at) values ($1, $2, $3, $4) \
                 on conflict (provider, subject) do nothing",
                args![provider, &subject, id, user.created_at],
            )
            .await?;
        if inserted == 0 {
            return Err(taken("identity", identity.to_string()));
        }
        // Nobody is a stranger any more.
        tx.execute("delete from stranger where provider = $1 and subject = $2", args![provider, &subject]).await?;
    }
    Ok(())
}

fn spelled(quiet: &QuietHours) -> String {
    serde_json::to_string(quiet).expect("quiet hours are JSON")
}

/// Refuses to go on when no admin would be left. The admins stay as they are until the transaction ends.
async fn keep_an_admin(tx: &mut Tx, id: &UserId) -> Result<(), Error> {
    let rows = tx.rows(locking!("select id, name from person where role = 'admin' order by id"), args![]).await?;
    if let [only] = rows.as_slice()
        && only.of("person").text(0)? == id.as_str()
    {
        return Err(Error::LastAdmin { name: only.of("person").text(1)? });
    }
    Ok(())
}

fn missing(id: &UserId) -> Error {
    Error::NotFound { what: "user", id: id.to_string() }
}

impl Users for Store {
    async fn create_user(&self, user: &User) -> Result<(), Error> {
        transaction!(self, |tx| { insert(tx, user).await })
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, Error> {
        let found = self.find(select!("where p.id = $1"), args![id.as_str()], decode).await?;
        self.one_user(found).await
    }

    async fn user_by_name(&self, name: &UserName) -> Result<Option<User>, Error> {
        let found = self.find(select!("where p.name = $1"), args![name.as_str()], decode).await?;
        self.one_user(found).await
    }

    async fn user_by_identity(&self, identity: &Identity) -> Result<Option<User>, Error> {
        let (provider, subject) = identity.parts();
        let found = self
            .find(
                select!("join person_identity i on i.person_id = p.id where i.provider = $1 and i.subject = $2"),
                args![provider, &subject],
                decode,
            )
            .await?;
        self.one_user(found).await
    }

    async fn users(&self) -> Result<Vec<User>, Error> {
        let users = self.list(select!("order by p.name"), args![], decode).await?;
        self.identified(users).await
    }

    async fn update_user(&self, user: &User) -> Result<(), Error> {
        let quiet = user.quiet.as_ref().map(spelled);
        transaction!(self, |tx| {
            if user.role != Role::Admin {
                keep_an_admin(tx, &user.id).await?;
            }
            let changed = tx
                .execute(
                    "update person set role = $2, language = $3, chat = $4, quiet = $5, updated_at = $6 where id = $1",
                    args![
                        user.id.as_str(),
                        user.role.as_str(),
                        user.language.map(language_name),
                        user.chat,
                        quiet.as_deref(),
                        user.updated_at,
                    ],
                )
                .await?;
            if changed == 0 { Err(missing(&user.id)) } else { Ok(()) }
        })
    }

    async fn remove_user(&self, id: &UserId) -> Result<Vec<Run>, Error> {
        // Whoever begins a run in their name at this moment waits, and finds nobody of that name.
        let alone = Sql {
            sqlite: "select id from person where id = $1",
            postgres: "select id from person where id = $1 for update",
        };
        transaction!(self, |tx| {
            keep_an_admin(tx, id).await?;
            if tx.row(alone, args![id.as_str()]).await?.is_none() {
                return Err(missing(id));
            }
            let unfinished = tx
                .rows(
                    "update run set cancel_requested = true where asked_by = $1 \
                     and status not in ('succeeded', 'failed', 'cancelled') \
                     returning id, project_id, request, status, reason, forked_from, forked_at, seq, asked_by, \
                     created_at, updated_at",
                    args![id.as_str()],
                )
                .await?;
            let unfinished = unfinished.iter().map(decode_run).collect::<Result<Vec<Run>, Error>>()?;
            tx.execute("delete from person where id = $1", args![id.as_str()]).await?;
            Ok(unfinished)
        })
    }

    async fn invite(&self, invitation: &Invitation, code_hash: &str) -> Result<(), Error> {
        transaction!(self, |tx| {
            tx.execute(
                "insert into invitation (id, code_hash, role, name, invited_by, expires_at, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $7)",
                args![
                    invitation.id.as_str(),
                    code_hash,
                    invitation.role.as_str(),
                    invitation.name.as_ref().map(UserName::as_str),
                    &invitation.by,
                    invitation.expires_at,
                    invitation.created_at,
                ],
            )
            .await?;
            Ok(())
        })
        .map_err(|error: Error| {
            let taken = || Error::IdTaken { what: "invitation", id: invitation.id.to_string() };
            if error.breaks_unique() { taken() } else { error }
        })
    }

    async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, Error> {
        self.list(
            "select id, role, name, invited_by, expires_at, created_at from invitation \
             where used_at is null and expires_at > $1 order by created_at, id",
            args![now],
            invitation,
        )
        .await
    }

    async fn redeem(&self, code_hash: &str, user: &User, now: Timestamp) -> Result<Result<User, Invited>, Error> {
        transaction!(self, |tx| {
            let row = tx
                .row(
                    locking!(
                        "select id, role, name, invited_by, expires_at, created_at, used_at from invitation \
                         where code_hash = $1"
                    ),
                    args![code_hash],
                )
                .await?;
            let Some(row) = row else { return Ok(Err(Invited::Unknown)) };
            if row.of("invitation").maybe_int(6)?.is_some() {
                return Ok(Err(Invited::Used));
            }
            let found = invitation(&row)?;
            if found.expires_at <= now {
                return Ok(Err(Invited::Expired));
            }
            let name = found.name.unwrap_or_else(|| user.name.clone());
            let user = User { role: found.role, name, ..user.clone() };
            insert(tx, &user).await?;
            tx.execute(
                "update invitation set used_at = $2, used_by = $3, updated_at = $2 where id = $1",
                args![found.id.as_str(), now, user.id.as_str()],
            )
            .await?;
            Ok(Ok(user))
        })
    }

    async fn count_stranger(&self, identity: &Identity, called: &str, now: Timestamp) -> Result<u64, Error> {
        let (provider, subject) = identity.parts();
        transaction!(self, |tx| {
            let row = tx
                .row(
                    "insert into stranger (provider, subject, called, attempts, created_at, updated_at) \
                     values ($1, $2, $3, 1, $4, $4) on conflict (provider, subject) do update set \
                     attempts = stranger.attempts + 1, called = excluded.called, updated_at = excluded.updated_at \
                     returning attempts",
                    args![provider, &subject, called, now],
                )
                .await?;
            let attempts = row.map_or(Ok(1), |row| row.of("stranger").number(0))?;
            if attempts == 1 {
                tx.execute(
                    "delete from stranger where updated_at < (select min(updated_at) from (select updated_at from \
                     stranger order by updated_at desc limit $1) as kept)",
                    args![STRANGERS],
                )
                .await?;
            }
            Ok(attempts)
        })
    }

    async fn stranger_answers(&self, identity: &Identity) -> Result<u64, Error> {
        let (provider, subject) = identity.parts();
        let answers = self
            .find(
                "select answers from stranger where provider = $1 and subject = $2",
                args![provider, &subject],
                |row| row.of("stranger").number(0),
            )
            .await?;
        Ok(answers.unwrap_or(0))
    }

    async fn note_stranger_answer(&self, identity: &Identity) -> Result<(), Error> {
        let (provider, subject) = identity.parts();
        transaction!(self, |tx| {
            tx.execute(
                "update stranger set answers = answers + 1 where provider = $1 and subject = $2",
                args![provider, &subject],
            )
            .await
            .map(drop)
        })
    }

    async fn strangers(&self) -> Result<Vec<Stranger>, Error> {
        self.list(
            "select provider, subject, called, attempts, created_at, updated_at from stranger \
             order by updated_at desc, provider, subject",
            args![],
            |row| {
                let row = row.of("stranger");
                let (provider, subject) = (row.text(0)?, row.text(1)?);
                let identity = Identity::of_parts(&provider, &subject);
                let corrupt = Error::Corrupt { table: "stranger", column: "subject".to_owned(), value: subject };
                Ok(Stranger {
                    identity: identity.ok_or(corrupt)?,
                    called: row.text(2)?,
                    attempts: row.number(3)?,
                    created_at: row.time(4)?,
                    updated_at: row.time(5)?,
                })
            },
        )
        .await
    }
}
