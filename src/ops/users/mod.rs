//! People and their rights. [`authorize`] is what every front end asks before it does anything for somebody;
//! [`require`] is what use cases ask about whoever they work for, [`Context::person`].
//!
//! Who is not on the list is refused and counted, so an empty list admits nobody; an error on the way is a refusal.

pub mod error;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Context, Error as OpsError, random, runs};
use crate::domain::ids::{InvitationId, UserId};
use crate::domain::project::Project;
use crate::domain::run::Run;
use crate::domain::spec::Language;
use crate::domain::user::{
    Actor, Identity, Invitation, Owner, Person, QuietHours, Right, Role, Stranger, User, UserName,
};
use crate::store::{self, Invited, Projects as _, Runs as _, Users as _};

pub use error::Error;

/// How long an invitation is good when nobody says otherwise, in milliseconds: a day.
pub const INVITED_FOR_MS: i64 = 24 * 60 * 60 * 1000;
/// Characters of a code: 130 bits, so that nobody finds one by trying.
const CODE_LENGTH: usize = 26;
/// What a code is made of: nothing that is mistaken for something else.
const CODE_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Context {
    /// The same, for somebody: what is done is done with their rights and in their name.
    #[must_use]
    pub fn acting_as(&self, person: Person) -> Self {
        Self { person, ..self.clone() }
    }
}

/// A code that nobody guesses: of invitations, links and questions.
pub(super) fn code() -> String {
    (0..CODE_LENGTH).map(|_| char::from(CODE_LETTERS[random() as usize % CODE_LETTERS.len()])).collect()
}

/// What is kept of a code.
pub(super) fn hash(code: &str) -> String {
    format!("{:x}", Sha256::digest(code.as_bytes()))
}

/// Who somebody is. A stranger is refused and counted.
///
/// # Errors
/// [`Error::Stranger`]; [`Error::Lookup`].
pub async fn identify(context: &Context, actor: &Actor) -> Result<Person, Error> {
    let (identity, called) = match actor {
        Actor::Operator => return Ok(Person::operator(&context.user)),
        Actor::Somebody { identity, called } => (identity, called),
    };
    let failed = |source| Error::Lookup { identity: identity.clone(), source };
    if let Some(user) = context.store.user_by_identity(identity).await.map_err(failed)? {
        return Ok(Person::of(&user));
    }
    let called = UserName::of_foreign(called).map(|name| name.to_string()).unwrap_or_default();
    // That it cannot be counted makes nobody welcome.
    let attempts = context.store.count_stranger(identity, &called, context.now()).await.unwrap_or(1);
    Err(Error::Stranger { identity: identity.clone(), attempts })
}

/// How often a stranger was told that they are not known.
///
/// # Errors
/// When the store fails.
pub async fn stranger_answers(context: &Context, identity: &Identity) -> Result<u64, OpsError> {
    Ok(context.store.stranger_answers(identity).await?)
}

/// Notes that a stranger was told so.
///
/// # Errors
/// When the store fails.
pub async fn note_stranger_answer(context: &Context, identity: &Identity) -> Result<(), OpsError> {
    Ok(context.store.note_stranger_answer(identity).await?)
}

/// Who somebody is, when they may do that: with a project, or without one.
///
/// # Errors
/// As [`identify`]; [`Error::Forbidden`].
pub async fn authorize(
    context: &Context,
    actor: &Actor,
    right: Right,
    project: Option<&Project>,
) -> Result<Person, Error> {
    let person = identify(context, actor).await?;
    let owner = project.map_or(Owner::Common, Project::owner);
    permit(&person, right, owner, project.map(|project| project.name.as_str()))?;
    Ok(person)
}

/// The same with a run: whose its project is, or, while it has none, who asked for it.
///
/// # Errors
/// As [`authorize`], and when the store fails.
pub async fn authorize_run(context: &Context, actor: &Actor, right: Right, run: &Run) -> Result<Person, OpsError> {
    let person = identify(context, actor).await?;
    let owner = owner_of(context, run).await?;
    permit(&person, right, Owner::of(owner.as_ref()), Some(run.id.as_str()))?;
    Ok(person)
}

fn permit(person: &Person, right: Right, owner: Owner<'_>, about: Option<&str>) -> Result<(), Error> {
    if person.may(right, owner) {
        return Ok(());
    }
    Err(Error::Forbidden { who: person.name.clone(), right, about: about.map(str::to_owned) })
}

/// Refuses what whoever is worked for may not do, with a project or without one.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn require(context: &Context, right: Right, project: Option<&Project>) -> Result<(), OpsError> {
    let owner = project.map_or(Owner::Common, Project::owner);
    Ok(permit(&context.person, right, owner, project.map(|project| project.name.as_str()))?)
}

/// The same with a run.
///
/// # Errors
/// [`Error::Forbidden`]; when the store fails.
pub async fn require_run(context: &Context, right: Right, run: &Run) -> Result<(), OpsError> {
    // Whoever may do everything needs no look at whose it is.
    if context.person.role == Role::Admin {
        return Ok(());
    }
    let owner = owner_of(context, run).await?;
    Ok(permit(&context.person, right, Owner::of(owner.as_ref()), Some(run.id.as_str()))?)
}

/// What a run is worked on with: the rights of whoever asked for it. One of nobody's that is to end has none: whoever
/// asked for it may have been removed, and nothing of it is done with the operator's rights.
///
/// # Errors
/// When the store fails.
pub async fn worker<'a>(context: &'a Context, run: &Run) -> Result<Cow<'a, Context>, OpsError> {
    let asked = match &run.asked_by {
        Some(id) => context.store.user(id).await?,
        None => None,
    };
    if let Some(user) = asked {
        return Ok(Cow::Owned(context.acting_as(Person::of(&user))));
    }
    let ends = context.store.cancel_wanted_by(&run.id).await?;
    let nobody = |name| Person { user: None, name, role: Role::Member };
    Ok(ends.map_or(Cow::Borrowed(context), |by| Cow::Owned(context.acting_as(nobody(by)))))
}

/// Whose a run is.
async fn owner_of(context: &Context, run: &Run) -> Result<Option<UserId>, OpsError> {
    let project = match &run.project {
        Some(id) => context.store.project(id).await?,
        None => None,
    };
    Ok(project.map_or_else(|| run.asked_by.clone(), |project| project.owner))
}

/// Everybody, invitations and strangers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listing {
    /// Who works at this terminal: an admin without a record.
    pub operator: String,
    /// The users, by name.
    pub users: Vec<User>,
    /// Invitations that can be used.
    pub invitations: Vec<Invitation>,
    /// Who was refused, newest first.
    pub strangers: Vec<Stranger>,
}

/// Everybody, for admins.
///
/// # Errors
/// [`Error::Forbidden`]; when the store fails.
pub async fn list(context: &Context) -> Result<Listing, OpsError> {
    require(context, Right::Administer, None)?;
    Ok(Listing {
        operator: context.user.clone(),
        users: context.store.users().await?,
        invitations: context.store.invitations(context.now()).await?,
        strangers: context.store.strangers().await?,
    })
}

/// The user of that name.
///
/// # Errors
/// [`Error::NoSuchUser`].
pub async fn by_name(context: &Context, name: &str) -> Result<User, OpsError> {
    let parsed = UserName::parse(name).ok();
    let found = match &parsed {
        Some(name) => context.store.user_by_name(name).await?,
        None => None,
    };
    if let Some(user) = found {
        return Ok(user);
    }
    let known = context.store.users().await?.into_iter().map(|user| user.name.to_string()).collect();
    Err(Error::NoSuchUser { name: name.chars().take(64).flat_map(char::escape_debug).collect(), known }.into())
}

/// Whoever is worked for, with their record; none for the operator.
///
/// # Errors
/// When the store fails.
pub async fn me(context: &Context) -> Result<Option<User>, OpsError> {
    match &context.person.user {
        Some(id) => Ok(context.store.user(id).await?),
        None => Ok(None),
    }
}

fn fresh(context: &Context, name: UserName, role: Role, identities: Vec<Identity>) -> User {
    let now = context.now();
    // A user of Telegram is told in the chat with them, which has their number.
    let chat = identities.iter().map(|Identity::Telegram(id)| *id).next();
    User {
        id: UserId::new(now, random()),
        name,
        role,
        language: None,
        chat,
        quiet: None,
        identities,
        created_at: now,
        updated_at: now,
    }
}

/// Whether people read one name as the other.
fn is_same(name: &UserName, other: &str) -> bool {
    name.as_str().to_lowercase() == other.trim().to_lowercase()
}

/// Adds a user, who is not called as the operator is.
///
/// # Errors
/// [`Error::Forbidden`]; when the name or an identity is somebody's.
pub async fn add(
    context: &Context,
    name: UserName,
    role: Role,
    identities: Vec<Identity>,
    language: Option<Language>,
) -> Result<User, OpsError> {
    require(context, Right::Administer, None)?;
    if is_same(&name, &context.user) {
        return Err(store::Error::PersonTaken { what: "name", by: name.to_string() }.into());
    }
    let user = User { language, ..fresh(context, name, role, identities) };
    context.store.create_user(&user).await?;
    Ok(user)
}

/// Makes an invitation. Its code is told once, here: only a hash of it is kept.
///
/// # Errors
/// [`Error::Forbidden`]; when the store fails.
pub async fn invite(
    context: &Context,
    role: Role,
    name: Option<UserName>,
    for_ms: i64,
) -> Result<(Invitation, String), OpsError> {
    require(context, Right::Administer, None)?;
    let now = context.now();
    let invitation = Invitation {
        id: InvitationId::new(now, random()),
        role,
        name,
        by: context.person.name.clone(),
        expires_at: now.plus_ms(for_ms),
        created_at: now,
    };
    let code = code();
    context.store.invite(&invitation, &hash(&code)).await?;
    Ok((invitation, code))
}

/// Takes an invitation up for somebody at a front end: from then on they are a user, called as the invitation says or
/// else as they call themselves. The operator's name, and those that may approve, are given by an invitation alone. Who
/// brings a code that is none is counted as the stranger they are.
///
/// # Errors
/// [`Error::NotInvited`], [`Error::InvitationOver`], [`Error::InvitationUsed`]; when they are somebody already.
pub async fn redeem(context: &Context, code: &str, identity: &Identity, called: &str) -> Result<User, OpsError> {
    let named = UserName::of_foreign(called);
    let base = match named {
        Some(name) => name,
        None => UserName::parse(&identity.to_string()).map_err(Error::from)?,
    };
    let hash = hash(code.trim());
    // Such a name has rights by itself: what somebody calls themselves is believed by nobody.
    let is_kept =
        |name: &UserName| std::iter::once(&context.user).chain(&context.approvers).any(|kept| is_same(name, kept));
    // Two people may be called the same.
    for number in 1..=99_u32 {
        let name = if number == 1 { base.clone() } else { numbered(&base, number)? };
        if is_kept(&name) {
            continue;
        }
        let user = fresh(context, name, Role::Member, vec![identity.clone()]);
        let refused = match context.store.redeem(&hash, &user, context.now()).await {
            Ok(Ok(user)) => return Ok(user),
            Ok(Err(refused)) => refused,
            Err(store::Error::PersonTaken { what: "name", by }) if by == user.name.as_str() => continue,
            Err(error) => return Err(error.into()),
        };
        let stranger = context.store.user_by_identity(identity).await?.is_none();
        if stranger {
            context.store.count_stranger(identity, base.as_str(), context.now()).await?;
        }
        return Err(match refused {
            Invited::Unknown => Error::NotInvited,
            Invited::Expired => Error::InvitationOver,
            Invited::Used => Error::InvitationUsed,
        }
        .into());
    }
    Err(store::Error::PersonTaken { what: "name", by: base.to_string() }.into())
}

fn numbered(base: &UserName, number: u32) -> Result<UserName, Error> {
    let stem: String = base.as_str().chars().take(60).collect();
    Ok(UserName::parse(&format!("{stem} {number}"))?)
}

/// Removes a user. What was theirs is the operator's; their unfinished runs get the event `cancelled`. Cut short at any
/// moment, it leaves none that goes on with other rights than it was begun with.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NoSuchUser`]; for the last admin; when a run could not be cancelled: it is to end all
/// the same.
pub async fn remove(context: &Context, name: &str, cancelled: &(String, String)) -> Result<User, OpsError> {
    require(context, Right::Administer, None)?;
    let user = by_name(context, name).await?;
    let mut failed = None;
    // One that gives trouble keeps none of the others going.
    for run in context.store.remove_user(&user.id).await? {
        match runs::cancel(context, &run, cancelled.clone()).await {
            // It has ended meanwhile.
            Ok(_) | Err(OpsError::Store(store::Error::IllegalMove(_))) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(user), Err)
}

/// Gives a user another role.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::NoSuchUser`]; for the last admin.
pub async fn set_role(context: &Context, name: &str, role: Role) -> Result<User, OpsError> {
    require(context, Right::Administer, None)?;
    let user = by_name(context, name).await?;
    let user = User { role, updated_at: context.now(), ..user };
    context.store.update_user(&user).await?;
    Ok(user)
}

/// What a user may choose for themselves; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The language.
    pub language: Option<Language>,
    /// The chat they are told in.
    pub chat: Option<Option<i64>>,
    /// When they are not disturbed.
    pub quiet: Option<Option<QuietHours>>,
}

/// Notes what a user wishes: their own, or anybody's for an admin.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Zone`]; when the store fails.
pub async fn set(context: &Context, user: &User, wishes: Wishes) -> Result<User, OpsError> {
    if context.person.user.as_ref() != Some(&user.id) {
        require(context, Right::Administer, None)?;
    }
    if let Some(Some(quiet)) = &wishes.quiet
        && jiff::tz::TimeZone::get(&quiet.zone).is_err()
    {
        return Err(Error::Zone(quiet.zone.clone()).into());
    }
    let user = User {
        language: wishes.language.or(user.language),
        chat: wishes.chat.unwrap_or(user.chat),
        quiet: wishes.quiet.unwrap_or_else(|| user.quiet.clone()),
        updated_at: context.now(),
        ..user.clone()
    };
    context.store.update_user(&user).await?;
    Ok(user)
}
