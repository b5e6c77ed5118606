//! The secrets of a project's services: what persons give them, and what is made up for them once.
//!
//! Values stand in the store, encrypted for the operator's identity ([`crate::vault`]); they are decrypted at the last
//! moment and handed to the service whose environment contract names them ([`super::environment`]). Nothing else sees
//! them: a model, the journal and every text hold names. There is no other place: a variable of cgo's own environment is
//! the operator's, and a contract may be written by a model.

mod format;
pub mod links;
pub mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::Rng as _;
use schemars::JsonSchema;
use serde::Serialize;

use super::environment::contract::{self, Declared, Names};
use super::{Context, Error, deploy, operator, projects, runs, users};
use crate::domain::ids::{ProjectId, RunId};
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::redact::Handle;
use crate::domain::run::RunStatus;
use crate::domain::secret::{Exposure, Kept, Origin};
use crate::domain::time::Timestamp;
use crate::domain::user::Right;
use crate::scaffold::spec::EnvSource;
use crate::store::{ProjectSecrets as _, Projects as _};
use crate::vault::{self, Sealed};

pub use crate::domain::secret::Secret;
pub use format::{Format, FormatKind};

/// Characters of a secret that is made up: more than 256 bits, and nothing that a shell, an address or YAML would change.
const MADE_LENGTH: usize = 48;

/// One variable of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where its value comes from: `user_secret`, `generated_secret`, `allocation`, `derived` or `literal`.
    pub source: &'static str,
    /// The service does not start without it.
    pub required: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Whether there is a value; cgo itself sees to all but those of persons.
    pub set: bool,
}

impl Variable {
    /// A person has to give it, and has not.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.required && !self.set && self.source == "user_secret"
    }
}

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SecretView {
    /// The project.
    pub project: ProjectName,
    /// The variable.
    pub name: String,
    /// What the contract says of it: `user_secret` or `generated_secret`; none when it does not name it.
    pub source: Option<&'static str>,
    /// The service does not start without it.
    pub required: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Whether there is a value.
    pub set: bool,
    /// Who the value comes from.
    pub origin: Option<Origin>,
    /// The key it is encrypted for.
    pub key: Option<String>,
    /// When the value was given or made.
    pub updated_at: Option<Timestamp>,
    /// When and how others saw it; until it is set anew.
    pub exposed: Option<Exposure>,
}

/// The secrets of projects, and contracts that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Listing {
    /// By project and name.
    pub secrets: Vec<SecretView>,
    /// Why it is not known what a project's contract asks for.
    pub problems: Vec<String>,
}

/// What setting a value came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Set {
    /// The project.
    pub project: ProjectName,
    /// The variable.
    pub name: String,
    /// There was no value before.
    pub created: bool,
    /// The key it is encrypted for.
    pub key: String,
    /// Whether a contract names it: no service gets it otherwise. None when the contract could not be read.
    pub declared: Option<bool>,
    /// Runs of the project that wait for a secret.
    pub waiting: Vec<RunId>,
}

fn label(project: &ProjectId, name: &EnvName) -> String {
    format!("{project} {name}")
}

/// Names the secret as people do in what the vault has to say about it.
fn named(project: &ProjectName, name: &EnvName, error: vault::Error) -> Error {
    let what = format!("{name} of {project}");
    Error::Vault(match error {
        vault::Error::OtherKey { key, own, path, .. } => vault::Error::OtherKey { what, key, own, path },
        vault::Error::Damaged { .. } => vault::Error::Damaged { what },
        other => other,
    })
}

fn opened(context: &Context, project: &ProjectName, kept: &Kept) -> Result<Secret, Error> {
    let sealed = Sealed { key: kept.key.clone(), text: kept.sealed.clone() };
    context.vault.open(&label(&kept.project, &kept.name), &sealed).map_err(|error| named(project, &kept.name, error))
}

/// The same, and this process knows it as a secret from then on.
fn learned(context: &Context, project: &ProjectName, kept: &Kept) -> Result<Secret, Error> {
    let value = opened(context, project, kept)?;
    // One that is too short is not looked for, as `redact` says.
    let _ = context.secrets.add(&Handle::new(project.as_str(), kept.name.as_str()), value.reveal());
    Ok(value)
}

/// Encrypts a value for a place in the store.
async fn sealed(
    context: &Context,
    project: &Project,
    name: &EnvName,
    value: &Secret,
    origin: Origin,
) -> Result<Kept, Error> {
    operator::prepare_vault(context).await?;
    let Sealed { key, text } = context.vault.seal(&label(&project.id, name), value)?;
    let now = context.now();
    Ok(Kept {
        project: project.id.clone(),
        name: name.clone(),
        origin,
        key,
        sealed: text,
        exposed: None,
        created_at: now,
        updated_at: now,
    })
}

/// Sets a value that a person gives, over one that is there. One that others saw is one no more.
///
/// # Errors
/// [`Error::NoSuchProject`], [`Error::Vault`].
pub async fn set(context: &Context, project: &ProjectName, name: &EnvName, value: &Secret) -> Result<Set, Error> {
    put(context, project, name, value, None).await
}

async fn put(
    context: &Context,
    project: &ProjectName,
    name: &EnvName,
    value: &Secret,
    exposed: Option<Exposure>,
) -> Result<Set, Error> {
    let project = projects::by_name(context, project).await?;
    users::require(context, Right::Operate, Some(&project))?;
    let kept = Kept { exposed, ..sealed(context, &project, name, value, Origin::Given).await? };
    let created = context.store.put_secret(&kept).await?;
    let declared = contract::read(Path::new(&project.folder)).ok().map(|declared| {
        declared
            .get(name.as_str())
            .is_some_and(|declared| matches!(declared.entry.source, EnvSource::UserSecret | EnvSource::GeneratedSecret))
    });
    let unfinished = runs::unfinished(context, &project.id).await?;
    let waiting = unfinished.into_iter().filter(|run| run.status == RunStatus::WaitingSecret).map(|run| run.id);
    Ok(Set {
        project: project.name,
        name: name.to_string(),
        created,
        key: kept.key,
        declared,
        waiting: waiting.collect(),
    })
}

/// Takes a value out. It needs no identity: what cannot be read any more can be given up.
///
/// # Errors
/// [`Error::NoSuchSecret`].
pub async fn remove(context: &Context, project: &ProjectName, name: &EnvName) -> Result<(), Error> {
    let project = projects::by_name(context, project).await?;
    users::require(context, Right::Operate, Some(&project))?;
    if context.store.remove_secret(&project.id, name).await? {
        return Ok(());
    }
    Err(no_such(context, &project, name).await?)
}

async fn no_such(context: &Context, project: &Project, name: &EnvName) -> Result<Error, Error> {
    let known = context.store.secrets(&project.id).await?;
    let known = known.into_iter().map(|kept| kept.name.to_string()).collect();
    Ok(Error::NoSuchSecret { project: project.name.clone(), name: name.to_string(), known })
}

/// Makes up a new value for a secret that cgo makes. Services that run keep the old one until the next deployment.
///
/// # Errors
/// [`Error::Usage`] for a secret that a person gives; [`Error::NoSuchSecret`].
pub async fn rotate(context: &Context, project: &ProjectName, name: &EnvName) -> Result<SecretView, Error> {
    let project = projects::by_name(context, project).await?;
    users::require(context, Right::Operate, Some(&project))?;
    let declared = contract::read(Path::new(&project.folder))?;
    let declared = declared.get(name.as_str());
    let present = context.store.secret(&project.id, name).await?;
    let made = match declared.map(|declared| &declared.entry.source) {
        Some(EnvSource::GeneratedSecret) => true,
        Some(EnvSource::UserSecret) => false,
        _ => match &present {
            Some(kept) => kept.origin == Origin::Generated,
            None => return Err(no_such(context, &project, name).await?),
        },
    };
    if !made {
        return Err(Error::Usage {
            what: format!("`{name}` of `{}` is not made up by cgo: a person gives it", project.name),
            hint: format!("run `cgo secrets set {} {name}`", project.name),
        });
    }
    let kept = sealed(context, &project, name, &make_up(), Origin::Generated).await?;
    context.store.put_secret(&kept).await?;
    Ok(view(&project.name, name.as_str(), declared, Some(&kept)))
}

fn make_up() -> Secret {
    let letters = rand::rng().sample_iter(rand::distr::Alphanumeric).take(MADE_LENGTH);
    Secret::new(letters.map(char::from).collect())
}

fn view(project: &ProjectName, name: &str, declared: Option<&Declared>, kept: Option<&Kept>) -> SecretView {
    SecretView {
        project: project.clone(),
        name: name.to_owned(),
        source: declared.map(Declared::source),
        required: declared.is_some_and(|declared| declared.entry.required),
        description: declared.and_then(|declared| declared.entry.description.clone()),
        set: kept.is_some(),
        origin: kept.map(|kept| kept.origin),
        key: kept.map(|kept| kept.key.clone()),
        updated_at: kept.map(|kept| kept.updated_at),
        exposed: kept.and_then(|kept| kept.exposed),
    }
}

/// Every secret that is kept or that a contract asks for, of one project or of all.
///
/// # Errors
/// [`Error::NoSuchProject`].
pub async fn list(context: &Context, project: Option<&ProjectName>) -> Result<Listing, Error> {
    let projects = match project {
        Some(name) => vec![projects::by_name(context, name).await?],
        None => projects::list(context).await?,
    };
    let mut listing = Listing::default();
    for project in projects {
        let declared = contract::read(Path::new(&project.folder)).unwrap_or_else(|error| {
            let why = super::explain(&error);
            listing.problems.push(format!("the contract of `{}` was not read: {why}", project.name));
            BTreeMap::new()
        });
        let kept = context.store.secrets(&project.id).await?;
        let is_secret = |declared: &Declared| {
            declared.entry.sensitive && !matches!(declared.entry.source, EnvSource::Allocation { .. })
        };
        let asked = declared.iter().filter(|(_, declared)| is_secret(declared)).map(|(name, _)| name.as_str());
        let names: BTreeSet<&str> = asked.chain(kept.iter().map(|kept| kept.name.as_str())).collect();
        for name in names {
            let kept = kept.iter().find(|kept| kept.name.as_str() == name);
            listing.secrets.push(view(&project.name, name, declared.get(name), kept));
        }
    }
    Ok(listing)
}

/// One secret, and its value when it is asked for. This process does not take it for a secret that must be hidden: it
/// was asked for.
///
/// # Errors
/// [`Error::NoSuchSecret`] when there is no value to show; [`Error::Vault`] when it cannot be decrypted.
pub async fn get(
    context: &Context,
    project: &ProjectName,
    name: &EnvName,
    reveal: bool,
) -> Result<(SecretView, Option<Secret>), Error> {
    let project = projects::by_name(context, project).await?;
    users::require(context, Right::Operate, Some(&project))?;
    let kept = context.store.secret(&project.id, name).await?;
    let declared = contract::read(Path::new(&project.folder)).unwrap_or_default();
    let declared = declared.get(name.as_str());
    let value = match &kept {
        Some(kept) if reveal => Some(opened(context, &project.name, kept)?),
        None if reveal || declared.is_none() => return Err(no_such(context, &project, name).await?),
        Some(_) | None => None,
    };
    Ok((view(&project.name, name.as_str(), declared, kept.as_ref()), value))
}

/// The value of a variable. From then on this process knows it as a secret, and it stands nowhere else.
///
/// # Errors
/// [`Error::Vault`] when it cannot be decrypted.
pub async fn value(context: &Context, project: &Project, name: &EnvName) -> Result<Option<Secret>, Error> {
    let kept = context.store.secret(&project.id, name).await?;
    kept.map(|kept| learned(context, &project.name, &kept)).transpose()
}

/// Makes every secret of a project known to this process. One that cannot be read is told where its value is wanted.
pub(super) async fn learn(context: &Context, project: &ProjectId, name: &ProjectName) {
    for kept in context.store.secrets(project).await.unwrap_or_default() {
        let _ = learned(context, name, &kept);
    }
}

/// The names that have a value.
async fn names(context: &Context, project: &ProjectName) -> Result<BTreeSet<String>, Error> {
    let Some(project) = context.store.project_by_name(project).await? else { return Ok(BTreeSet::new()) };
    Ok(context.store.secrets(&project.id).await?.into_iter().map(|kept| kept.name.to_string()).collect())
}

/// Every variable of a folder's services, by name, and whether it is set. The folder need not be a project's yet.
///
/// # Errors
/// When the contract or the store cannot be read.
pub async fn variables(context: &Context, project: &ProjectName, folder: &Path) -> Result<Vec<Variable>, Error> {
    let manifest = deploy::manifest(folder)?;
    let (name, service) = deploy::service(&manifest);
    let reader = Names::new(name, service.workdir.as_str());
    let declared = contract::of_manifest(folder, &manifest)?;
    let set = if declared.is_empty() { BTreeSet::new() } else { names(context, project).await? };
    let variables = declared.into_iter().map(|(name, declared)| Variable {
        source: declared.source(),
        required: declared.entry.required && declared.is_for(&reader),
        set: declared.entry.source != EnvSource::UserSecret || set.contains(&name),
        description: declared.entry.description,
        name,
    });
    Ok(variables.collect())
}

/// The variables a person has to give before a folder's service can start.
///
/// # Errors
/// When the contract or the store cannot be read.
pub async fn missing(context: &Context, project: &Project) -> Result<Vec<Variable>, Error> {
    let all = variables(context, &project.name, Path::new(&project.folder)).await?;
    Ok(all.into_iter().filter(Variable::is_missing).collect())
}

/// The secrets of a service, by name. Those that are to be made up are made when they are not there; one that a person
/// has set in such a place stays.
///
/// # Errors
/// [`Error::MissingSecrets`] naming those that are required of a person and not set; [`Error::Vault`].
pub(super) async fn for_service(
    context: &Context,
    project: &Project,
    declared: &BTreeMap<String, Declared>,
    service: &Names<'_>,
) -> Result<BTreeMap<String, Secret>, Error> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, declared) in declared.iter().filter(|(_, declared)| declared.is_for(service)) {
        let made = match declared.entry.source {
            EnvSource::UserSecret => false,
            EnvSource::GeneratedSecret => true,
            EnvSource::Allocation { .. } | EnvSource::Derived | EnvSource::Literal { .. } => continue,
        };
        let Ok(variable) = EnvName::try_from(name.clone()) else { continue };
        let value = match context.store.secret(&project.id, &variable).await? {
            Some(kept) => learned(context, &project.name, &kept)?,
            None if made => {
                let new = sealed(context, project, &variable, &make_up(), Origin::Generated).await?;
                // Another process may have made one at this moment: the first one stays.
                learned(context, &project.name, &context.store.keep_secret(&new).await?)?
            }
            None => {
                missing.extend(declared.entry.required.then(|| name.clone()));
                continue;
            }
        };
        found.insert(name.clone(), value);
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Error::MissingSecrets { project: project.name.clone(), names: missing })
    }
}

/// How many secrets of persons a folder's service has; all that are required can be read.
///
/// # Errors
/// As `for_service`, but nothing is made up.
pub async fn check(context: &Context, project: &Project, folder: &Path) -> Result<usize, Error> {
    let manifest = deploy::manifest(folder)?;
    let (name, service) = deploy::service(&manifest);
    let mut declared = contract::of_manifest(folder, &manifest)?;
    declared.retain(|_, declared| declared.entry.source == EnvSource::UserSecret);
    let names = Names::new(name, service.workdir.as_str());
    Ok(for_service(context, project, &declared, &names).await?.len())
}
