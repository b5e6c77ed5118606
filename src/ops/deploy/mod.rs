//! Deploying a release: what is to be done, as data, and each step of it.
//!
//! [`plan`] decides; [`steps`] acts, each step idempotent and able to say whether it has happened; the pipeline puts
//! each in the journal. [`remote`] is both for a server that is reached over SSH. The commit point is the flip: before it the old release serves whatever happens.

pub mod ci;
pub(in crate::ops) mod front;
mod here;
mod irreversible;
pub mod plan;
pub mod remote;
pub mod steps;

use std::collections::BTreeSet;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Context, Error, placement, repository, services};
use crate::domain::deployment::{Deployment, DeploymentStatus, Driver};
use crate::domain::ids::ReleaseId;
use crate::domain::manifest::{BuiltAt, MANIFEST_VERSION, Manifest, Service};
use crate::domain::project::Project;
use crate::domain::run::Request;
use crate::domain::server::LOCAL;
use crate::domain::time::Timestamp;
use crate::remote::image::platform::Platform;
use crate::store::Deployments as _;

pub use plan::{Plan, Preview, preview};

/// Good releases that are kept besides the active one, so that one can go back.
pub const KEEP_GOOD: usize = 3;

/// The name of the project's file.
pub const MANIFEST_FILE: &str = "cgo.yaml";

/// Reads `cgo.yaml` in a folder.
///
/// # Errors
/// [`Error::Manifest`] with line and column.
pub fn manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST_FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|source| Error::Path { action: "read", path: path.clone(), source })?;
    let manifest: Manifest = serde_yaml::from_str(&text)
        .map_err(|error| Error::Manifest { path: path.clone(), reason: error.without_snippet().to_string() })?;
    if manifest.version != MANIFEST_VERSION {
        let reason = format!("`version` is {}; this cgo reads version {MANIFEST_VERSION}", manifest.version);
        return Err(Error::Manifest { path, reason });
    }
    if manifest.services.is_empty() {
        return Err(Error::Manifest { path, reason: "it names no service".to_owned() });
    }
    if manifest.services.len() > 1 {
        let reason = "it names several services; this version runs one".to_owned();
        return Err(Error::Manifest { path, reason });
    }
    if manifest.domain.is_none() && !manifest.aliases.is_empty() {
        let reason = "`aliases` are further names beside `domain`, which it does not give".to_owned();
        return Err(Error::Manifest { path, reason });
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = manifest.names().find(|name| !names.insert(*name)) {
        let reason = format!("`{twice}` is named twice by `domain` and `aliases`");
        return Err(Error::Manifest { path, reason });
    }
    Ok(manifest)
}

/// The service people open: with its name.
#[must_use]
pub fn service(manifest: &Manifest) -> (&str, &Service) {
    let (name, service) = manifest.services.iter().next().expect("a manifest that was read has a service");
    (name.as_str(), service)
}

/// The service of a project that is meant by a name: that of its `cgo.yaml` which has it, else the one people open there.
/// Before there is such a file, the one of that name that is to come.
#[must_use]
pub fn service_meant(project: &Project, name: &str) -> String {
    match manifest(Path::new(&project.folder)) {
        Ok(manifest) if !manifest.services.keys().any(|service| service.as_str() == name) => {
            service(&manifest).0.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// Whether a service's image is built on this machine and for machines like it.
pub(super) fn is_for_machines_like_this(folder: &Path, service: &Service) -> bool {
    is_built_here(service) && platform(folder, service) == Some(Platform::Builder)
}

/// Whether a service's image is built on this machine.
fn is_built_here(service: &Service) -> bool {
    service.driver == Some(Driver::Container)
        && service.image.as_ref().is_some_and(|image| image.build == BuiltAt::Here)
}

/// For which machines a service's image is going to be, by its recipe; none where it needs no image.
fn platform(folder: &Path, service: &Service) -> Option<Platform> {
    // Where there is none yet, nothing is said in it.
    let recipe = || std::fs::read_to_string(folder.join(service.dockerfile())).unwrap_or_default();
    (service.driver == Some(Driver::Container)).then(|| Platform::of(&recipe()))
}

/// The release that a request goes back to; none for one that makes a release.
///
/// # Errors
/// Those of [`check_rollback`].
async fn gone_back_to(
    context: &Context,
    project: &Project,
    request: &Request,
    is_there: &(dyn Fn(&ReleaseId) -> bool + Sync),
) -> Result<Option<Deployment>, Error> {
    match request {
        Request::Rollback { release, rollout, .. } => {
            check_rollback(context, project, release.as_ref(), rollout.force, is_there).await.map(Some)
        }
        Request::NewProject(_) | Request::Update(_) | Request::Deploy { .. } => Ok(None),
    }
}

/// The id of the release that is put in place, and when it was begun: of one that is gone back to its own, else new ones.
///
/// # Errors
/// When the store fails.
async fn identity(
    context: &Context,
    project: &Project,
    known: Option<&Deployment>,
) -> Result<(ReleaseId, Timestamp), Error> {
    let before = context.store.deployments(&project.id).await?.len();
    let now = context.source.moment(format_args!("release {}", before + 1));
    let chance = context.source.chance(format_args!("release {}", before + 1));
    Ok(known.map_or_else(|| (ReleaseId::new(now, chance), now), |known| (known.release.clone(), known.created_at)))
}

/// Every release of a project, newest first.
///
/// # Errors
/// When the store fails.
pub async fn releases(context: &Context, project: &Project) -> Result<Vec<Deployment>, Error> {
    Ok(context.store.deployments(&project.id).await?)
}

/// The release that serves.
///
/// # Errors
/// When the store fails.
pub async fn active(context: &Context, project: &Project) -> Result<Option<Deployment>, Error> {
    Ok(context.store.active_deployment(&project.id).await?)
}

/// One release.
///
/// # Errors
/// [`crate::store::Error::NotFound`].
pub async fn release(context: &Context, id: &ReleaseId) -> Result<Deployment, Error> {
    context
        .store
        .deployment(id)
        .await?
        .ok_or_else(|| crate::store::Error::NotFound { what: "release", id: id.to_string() }.into())
}

/// Checks that what would be deployed is what is in the folder: committed, and generated from its spec.
///
/// # Errors
/// [`Error::Uncommitted`], [`Error::NotGenerated`].
pub async fn check_folder(project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    let folder = Path::new(&project.folder);
    if !folder.is_dir() {
        return Err(Error::Path {
            action: "find the project's folder",
            path: folder.to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        });
    }
    let mut files = repository::changes(project, cancel).await?;
    if !files.is_empty() {
        let more = files.len().saturating_sub(5);
        files.truncate(5);
        if more > 0 {
            files.push(format!("and {more} more"));
        }
        return Err(Error::Uncommitted { folder: folder.to_owned(), files });
    }
    if !super::specs::is_here(folder) {
        return Ok(());
    }
    let generated = super::specs::generate(folder, false, true)?;
    if generated.changes.is_empty() {
        Ok(())
    } else {
        Err(Error::NotGenerated { project: project.name.clone(), changes: generated.changes.len() })
    }
}

/// The release a rollback goes to: the named one, or the newest good one before the active. `is_there` says whether a
/// release's files are still there, `force` that migrations since that cannot be undone are no hindrance.
///
/// # Errors
/// [`Error::NoRelease`], [`Error::BadRelease`], [`Error::Irreversible`].
pub async fn check_rollback(
    context: &Context,
    project: &Project,
    wanted: Option<&ReleaseId>,
    force: bool,
    is_there: &(dyn Fn(&ReleaseId) -> bool + Sync),
) -> Result<Deployment, Error> {
    let found = find_rollback(context, project, wanted, is_there).await?;
    if !force {
        irreversible::allow(Some(&found.release), &irreversible::since(context, project, &found).await?, false)?;
    }
    Ok(found)
}

async fn find_rollback(
    context: &Context,
    project: &Project,
    wanted: Option<&ReleaseId>,
    is_there: &(dyn Fn(&ReleaseId) -> bool + Sync),
) -> Result<Deployment, Error> {
    let releases = releases(context, project).await?;
    let active = releases.iter().find(|release| release.status == DeploymentStatus::Active);
    let good: Vec<&Deployment> =
        releases.iter().filter(|it| it.status == DeploymentStatus::Retired && is_there(&it.release)).collect();
    match wanted {
        None => {
            // Retired releases newest first; those made after the active one were gone back from.
            let before = good.iter().find(|release| active.is_none_or(|active| release.created_at < active.created_at));
            before.map(|release| (*release).clone()).ok_or_else(|| Error::NoRelease { project: project.name.clone() })
        }
        Some(id) => {
            good.iter().find(|release| release.release == *id).map(|release| (*release).clone()).ok_or_else(|| {
                let reason = match releases.iter().find(|release| release.release == *id) {
                    None => "the project has no such release",
                    Some(release) => match release.status {
                        DeploymentStatus::Active => "it serves now",
                        DeploymentStatus::Failed => "it never passed its health gate",
                        DeploymentStatus::Pending => "its deployment was not finished",
                        DeploymentStatus::Retired => "its files were pruned",
                    },
                };
                Error::BadRelease {
                    release: id.clone(),
                    reason: reason.to_owned(),
                    good: good.iter().map(|release| release.release.clone()).collect(),
                }
            })
        }
    }
}

/// Whether there is a release to go back to, and its servers are in use, as far as that is known here: what is left of it
/// on another machine is looked at when the rollback is planned. Which release serves is asked there where that is not
/// known.
///
/// # Errors
/// Those of [`check_rollback`], [`Error::InMaintenance`].
pub async fn check_rollback_of(
    context: &Context,
    project: &Project,
    wanted: Option<&ReleaseId>,
    force: bool,
) -> Result<Deployment, Error> {
    let elsewhere = placement::open_to(context, project).await?.iter().any(|server| server.handle != LOCAL);
    remote::serving::ask(context, project).await?;
    check_rollback(context, project, wanted, force, &|id| elsewhere || is_here(context, project, id)).await
}

/// Whether a release's files are on this machine.
#[must_use]
pub fn is_here(context: &Context, project: &Project, release: &ReleaseId) -> bool {
    release_folder(context, project, release).join(steps::COMPLETE).exists()
}

/// The folder of a release.
#[must_use]
pub fn release_folder(context: &Context, project: &Project, release: &ReleaseId) -> std::path::PathBuf {
    context.app_folder(&project.name).join("releases").join(release.as_str())
}

/// Where a release is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// By visitors.
    pub url: String,
    /// To be asked whether it can work.
    pub ready: String,
}

/// Where a release that serves is reached: a domain, else a port of each of its servers. None before a port is reserved.
///
/// # Errors
/// When the release's `cgo.yaml` cannot be read.
pub async fn addresses(
    context: &Context,
    project: &Project,
    active: &Deployment,
    cancel: &CancellationToken,
) -> Result<Vec<Address>, Error> {
    let mut addresses: Vec<Address> = Vec::new();
    for server in placement::of_project(context, project).await? {
        let Some(port) = services::public_port_on(context, project, &server.id).await? else { continue };
        let (ready, url) = if server.handle == LOCAL {
            steps::ready_url(&release_folder(context, project, &active.release).join(steps::SOURCE), port)?
        } else {
            remote::ready_url(context, project, &server, port, &active.commit, cancel).await?
        };
        if !addresses.iter().any(|known| known.url == url) {
            addresses.push(Address { url, ready });
        }
    }
    Ok(addresses)
}
