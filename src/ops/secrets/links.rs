//! Secrets taken over a page: a link that is good once and for a short time, for one person and certain variables.
//!
//! The token stands in the link alone; the store has its hash. Values go from the form into the encrypted store, and
//! from the moment they are read this process knows them as secrets.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::environment::contract;
use super::super::{Context, Error, projects, users};
use super::set;
use crate::domain::ids::RunId;
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::redact::Handle;
use crate::domain::run::{Ask, Run};
use crate::domain::secret::{Secret, Unfit};
use crate::domain::spec::Language;
use crate::domain::time::Timestamp;
use crate::domain::user::{Person, Right};
use crate::store::{SecretLink, SecretLinks as _, Users as _};

/// How long a link is good, in milliseconds: a quarter of an hour.
pub const GOOD_FOR_MS: i64 = 15 * 60 * 1000;

/// A link that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What follows `/secret/` in its address; whoever has it may use it.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// One value that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The variable.
    pub name: EnvName,
    /// What it is for, as the project's contract says.
    pub purpose: Option<String>,
}

/// What the page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The project.
    pub project: ProjectName,
    /// The values.
    pub fields: Vec<Field>,
    /// The language of whoever was given the link.
    pub language: Language,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The project.
    pub project: ProjectName,
    /// The variables that were set.
    pub names: Vec<EnvName>,
    /// The run that waits for them.
    pub run: Option<RunId>,
    /// Who gave them.
    pub person: Person,
}

/// Why a link does not do.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such link.
    #[error("there is no such link")]
    Unknown,
    /// Its time is over.
    #[error("the link has ended")]
    Over,
    /// It was used.
    #[error("the link was used already")]
    Used,
    /// Not every value was given, or something else was.
    #[error("the values do not fit what is asked for")]
    Incomplete,
    /// A value cannot be taken; it is not told.
    #[error("the value of `{name}` cannot be taken")]
    Unfit {
        /// The variable.
        name: EnvName,
        /// Why.
        #[source]
        source: Unfit,
    },
    /// A use case failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<crate::store::Error> for Refused {
    fn from(error: crate::store::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes a link for whoever is worked for.
///
/// # Errors
/// [`users::Error::Forbidden`]; when there is no such project.
pub async fn issue(
    context: &Context,
    project: &ProjectName,
    names: &[EnvName],
    run: Option<&RunId>,
) -> Result<Link, Error> {
    let project = projects::by_name(context, project).await?;
    users::require(context, Right::Operate, Some(&project))?;
    let token = users::code();
    let now = context.now();
    let expires_at = now.plus_ms(GOOD_FOR_MS);
    let link = SecretLink {
        token_hash: users::hash(&token),
        project: project.id,
        run: run.cloned(),
        person: context.person.user.clone(),
        names: names.to_vec(),
        expires_at,
        used_at: None,
        created_at: now,
    };
    context.store.put_link(&link).await?;
    Ok(Link { token, expires_at })
}

/// Makes a link for what a run waits for; none when its question names no variable, or it has no project yet.
///
/// # Errors
/// As [`issue`].
pub async fn for_ask(context: &Context, run: &Run, ask: &Ask) -> Result<Option<Link>, Error> {
    let names: Vec<EnvName> =
        ask.questions.iter().filter_map(|question| EnvName::try_from(question.id.clone()).ok()).collect();
    let Some(project) = run.project.as_ref().filter(|_| !names.is_empty()) else { return Ok(None) };
    let project = projects::by_id(context, project).await?;
    Ok(Some(issue(context, &project.name, &names, Some(&run.id)).await?))
}

async fn good(context: &Context, token: &str) -> Result<SecretLink, Refused> {
    let found = context.store.secret_link(&users::hash(token)).await?;
    let link = found.ok_or(Refused::Unknown)?;
    if link.used_at.is_some() {
        return Err(Refused::Used);
    }
    if link.expires_at <= context.now() {
        return Err(Refused::Over);
    }
    Ok(link)
}

/// What a link asks for. Looking does not use it: programs that show where links lead do so.
///
/// # Errors
/// [`Refused`].
pub async fn look(context: &Context, token: &str) -> Result<Form, Refused> {
    let link = good(context, token).await?;
    let project = projects::by_id(context, &link.project).await?;
    let declared = contract::read(Path::new(&project.folder)).unwrap_or_default();
    let fields = link.names.into_iter().map(|name| Field {
        purpose: declared.get(name.as_str()).and_then(|declared| declared.entry.description.clone()),
        name,
    });
    let language = match &link.person {
        Some(id) => context.store.user(id).await?.and_then(|user| user.language),
        None => None,
    };
    Ok(Form {
        fields: fields.collect(),
        language: language.unwrap_or_else(|| Language::of(&project.description)),
        project: project.name,
    })
}

/// Takes the values and uses the link up. All of them are looked at before one is kept; a link whose values could not
/// be kept is good again.
///
/// # Errors
/// [`Refused`]; no value stands in it.
pub async fn submit(context: &Context, token: &str, mut values: BTreeMap<String, Vec<u8>>) -> Result<Taken, Refused> {
    let link = good(context, token).await?;
    let project = projects::by_id(context, &link.project).await?;
    let person = match &link.person {
        Some(id) => Person::of(&context.store.user(id).await?.ok_or(Refused::Unknown)?),
        None => Person::operator(&context.user),
    };
    let mut secrets = Vec::new();
    for name in &link.names {
        let bytes = values.remove(name.as_str()).ok_or(Refused::Incomplete)?;
        let value = Secret::given(bytes).map_err(|source| Refused::Unfit { name: name.clone(), source })?;
        // From here on it stands in no log, whatever happens.
        let _ = context.secrets.add(&Handle::new(project.name.as_str(), name.as_str()), value.reveal());
        secrets.push((name, value));
    }
    if !values.is_empty() {
        return Err(Refused::Incomplete);
    }
    if !context.store.use_link(&link.token_hash, context.now()).await? {
        return Err(Refused::Used);
    }
    let theirs = context.acting_as(person.clone());
    for (name, value) in &secrets {
        if let Err(error) = set(&theirs, &project.name, name, value).await {
            context.store.free_link(&link.token_hash, context.now()).await?;
            return Err(error.into());
        }
    }
    Ok(Taken { project: project.name, names: link.names, run: link.run, person })
}
