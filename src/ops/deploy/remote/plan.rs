//! What a deployment to servers is going to do, decided before anything is done: each is looked at first.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::super::servers::place::{self, Place};
use super::super::super::{Context, Error, explain, placement, secrets, servers};
use super::super::{
    KEEP_GOOD, front, gone_back_to, identity, irreversible, is_built_here, manifest, platform, service,
};
use super::{exported, serving};
use crate::domain::deployment::Driver;
use crate::domain::diagnose::Advice;
use crate::domain::domain_name::DomainName;
use crate::domain::host::Rights;
use crate::domain::ids::{ReleaseId, ServerId};
use crate::domain::manifest::Manifest;
use crate::domain::placement::MEMORY_MB;
use crate::domain::project::Project;
use crate::domain::run::{Request, Run};
use crate::domain::server::{LOCAL, PortPurpose, Server};
use crate::domain::time::Timestamp;
use crate::remote::caddy::trial;
use crate::remote::engine;
use crate::remote::engine::plan::{AWAY, Health, Plan as OnHost};
use crate::remote::engine::survey::Survey;
use crate::remote::image::platform::Platform;
use crate::remote::image::{self, Sort};
use crate::remote::runtime::PerSlot;
use crate::store::{Deployments as _, Ports as _};

/// How long all questions of the health gate may take.
const GATE: Duration = Duration::from_mins(1);
/// How long the old release runs on beside the one that serves, to go back to.
const BAKE: Duration = Duration::from_mins(1);
/// How long the old release may finish its requests.
const DRAIN: Duration = Duration::from_secs(30);
/// Kilobytes a release with its dependencies takes beside its own files.
const ROOM_KB: u64 = 300 * 1024;
/// Files a release with its dependencies has.
const FILES: u64 = 20_000;

/// A deployment to a server as it is going to be. Kept in the journal, so that a resumed run does the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is done on the host.
    pub host: OnHost,
    /// When the release was begun.
    pub created_at: Timestamp,
    /// The server.
    pub server: ServerId,
    /// The port people open, where the project has no domain.
    pub public_port: u16,
    /// The name people open it by, where it has one.
    pub domain: Option<DomainName>,
    /// Further names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<DomainName>,
    /// What runs it.
    pub driver: Driver,
    /// The container engine there, and the rights it takes, for a release that runs in a container.
    pub engine: Option<(Sort, Rights)>,
    /// The ports of its slots.
    pub ports: PerSlot<u16>,
    /// It was built and migrated before: a rollback.
    pub is_built: bool,
    /// Visitors have something to be sent away from.
    pub replaces: bool,
}

/// A deployment to one server, or to several, as it is going to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// What is done on each server; the first is tried before the others.
    pub plans: Vec<Plan>,
    /// Servers that are left as they are.
    pub left: Vec<Left>,
}

/// A server that was left as it was, or that nothing is known of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The server.
    pub server: String,
    /// Why.
    pub why: String,
}

impl Left {
    pub(super) fn of(place: &Place, error: &Error) -> Self {
        Self { server: place.server.handle.clone(), why: explain(error) }
    }
}

/// What is deployed: the same on every server.
struct Wanted {
    release: ReleaseId,
    commit: String,
    created_at: Timestamp,
    /// It was built before.
    is_built: bool,
    manifest: Manifest,
    /// What cannot be undone and is gone back across all the same.
    forced: Option<String>,
}

/// Looks at the servers, refuses what cannot come to anything, reserves ports, and says what is going to be done.
///
/// # Errors
/// [`Error::InMaintenance`], [`engine::Error::Preflight`], [`engine::Error::Held`]; when a server cannot be reached. Where a
/// part of the servers will do, when none is left.
pub async fn plan(
    context: &Context,
    project: &Project,
    places: &[Place],
    run: &Run,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Planned, Error> {
    // Somebody may have begun to work on one since the deployment was begun.
    placement::open_to(context, project).await?;
    let mut seen: Vec<(&Place, Survey)> = Vec::new();
    let mut left = Vec::new();
    let is_new = !matches!(run.request, Request::Rollback { .. });
    // What the commit says of it is read below.
    let written = manifest(Path::new(&project.folder)).ok();
    for (place, looked) in look_at(places, project, written.as_ref(), Look::Prepare, is_new, cancel).await {
        let checked = looked.and_then(|(survey, found)| found.into_iter().next().map_or(Ok(survey), Err));
        match checked {
            Ok(survey) => seen.push((place, survey)),
            Err(error) if !run.request.rollout().allow_partial || places.len() == 1 || cancel.is_cancelled() => {
                return Err(error);
            }
            Err(error) => left.push(Left::of(place, &error)),
        }
    }
    if seen.is_empty() {
        let serves = Vec::new();
        return Err(servers::Error::Partial { release: "the release".to_owned(), serves, left }.into());
    }
    let wanted = wanted(context, project, run, commit, &seen, cancel).await?;
    has_its_names(context, project, &wanted.manifest, &seen, cancel).await?;
    let mut plans = Vec::new();
    for (place, survey) in seen {
        plans.push(on(context, project, place, run, &wanted, survey).await?);
    }
    Ok(Planned { plans, left })
}

/// How a server is looked at.
#[derive(Clone, Copy)]
enum Look {
    /// Nothing is changed there.
    Only,
    /// The folder of cgo is made where it is missing.
    Prepare,
}

/// What was seen of a server, and what stands in the way there.
type Looked = Result<(Survey, Vec<Error>), Error>;

/// Looks at all servers at once, for a service as `cgo.yaml` says.
async fn look_at<'p>(
    places: &'p [Place],
    project: &Project,
    written: Option<&Manifest>,
    look: Look,
    is_new: bool,
    cancel: &CancellationToken,
) -> Vec<(&'p Place, Looked)> {
    let driver = written.and_then(|manifest| service(manifest).1.driver);
    let looked = join_all(places.iter().map(async |place| {
        let app = place.app(&project.name, driver);
        let seen = match look {
            Look::Only => app.survey("none", cancel).await,
            Look::Prepare => app.prepare(cancel).await,
        };
        let survey = seen.map_err(servers::Error::from)?;
        let found = obstacles(place, project, &survey, driver.filter(|_| is_new), is_new);
        Ok::<_, Error>((survey, found))
    }));
    places.iter().zip(looked.await).collect()
}

/// Whether the names of a project lead to its servers; those that no release of it was served by can be reached there, too.
/// The latter.
async fn has_its_names(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    seen: &[(&Place, Survey)],
    cancel: &CancellationToken,
) -> Result<Vec<DomainName>, Error> {
    let names: Vec<DomainName> = manifest.names().cloned().collect();
    if names.is_empty() {
        return Ok(names);
    }
    let before = match context.store.active_deployment(&project.id).await? {
        Some(active) => super::super::manifest(&exported(context, project, &active.commit, cancel).await?).ok(),
        None => None,
    };
    let is_known = |name: &DomainName| before.as_ref().is_some_and(|before| before.names().any(|it| it == name));
    let new: Vec<DomainName> = names.iter().filter(|name| !is_known(name)).cloned().collect();
    front::lead_here(&names, !new.is_empty(), seen).await?;
    Ok(new)
}

/// What a look before a deployment found.
#[derive(Default)]
pub struct Found {
    /// What would stop it.
    pub obstacles: Vec<Error>,
    /// How asking for a certificate went, in words; none where no name is new.
    pub certificate: Option<Result<String, trial::Error>>,
}

/// Looks at all that a deployment looks at before it begins, and changes nothing: what would stop it.
pub async fn preflight(
    context: &Context,
    project: &Project,
    servers: &[Server],
    is_new: bool,
    cancel: &CancellationToken,
) -> Found {
    let mut found = Vec::new();
    let mut certificate = None;
    let mut places = Vec::new();
    for server in servers.iter().filter(|server| server.handle != LOCAL) {
        match place::of_server(context, server.clone(), cancel).await {
            Ok(place) => places.push(place),
            Err(error) => found.push(error),
        }
    }
    let folder = Path::new(&project.folder);
    let manifest = manifest(folder);
    let mut seen = Vec::new();
    for (place, looked) in look_at(&places, project, manifest.as_ref().ok(), Look::Only, is_new, cancel).await {
        match looked {
            Ok((survey, obstacles)) => {
                found.extend(obstacles);
                seen.push((place, survey));
            }
            Err(error) => found.push(error),
        }
    }
    // What goes back to a release was looked at when that was deployed.
    if is_new {
        match manifest {
            Ok(manifest) => {
                found.extend(secrets::check(context, project, folder).await.err());
                if !seen.is_empty() {
                    found.extend(front::snippet(folder, &manifest).err());
                    match has_its_names(context, project, &manifest, &seen, cancel).await {
                        Ok(new) if new.is_empty() => {}
                        Ok(new) => certificate = Some(front::try_certificate(context, &new, &seen, cancel).await),
                        Err(error) => found.push(error),
                    }
                    found.extend(for_its_machines(folder, &manifest, &seen, cancel).await.err());
                }
            }
            Err(error) => found.push(error),
        }
    }
    Found { obstacles: found, certificate }
}

/// Whether an image is going to be for the servers.
async fn for_its_machines(
    folder: &Path,
    manifest: &Manifest,
    seen: &[(&Place, Survey)],
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let (_, service) = service(manifest);
    let arch = match platform(folder, service) {
        Some(Platform::Builder) if is_built_here(service) => {
            image::build::arch_here(cancel).await.map_err(servers::Error::from)?
        }
        Some(Platform::Arch(arch)) => arch,
        Some(Platform::Builder | Platform::Open) | None => return Ok(()),
    };
    for (place, _) in seen {
        image::check_arch(&arch, &place.arch, place.host.name()).map_err(servers::Error::from)?;
    }
    Ok(())
}

/// What is to be deployed.
async fn wanted(
    context: &Context,
    project: &Project,
    run: &Run,
    commit: &str,
    seen: &[(&Place, Survey)],
    cancel: &CancellationToken,
) -> Result<Wanted, Error> {
    // What is gone back from is what serves, whatever became of who sent visitors to it.
    serving::note(context, project, seen).await?;
    // One that was not fit is gone back to when it is named.
    let named = matches!(&run.request, Request::Rollback { release: Some(_), .. });
    let fit = |status: &str| named || status != "bad";
    let has = |survey: &Survey, id: &ReleaseId| {
        survey.releases.iter().any(|it| it.id == id.as_str() && it.built && fit(&it.status))
    };
    let is_there = |id: &ReleaseId| seen.iter().all(|(_, survey)| has(survey, id));
    let known = gone_back_to(context, project, &run.request, &is_there).await?;
    // What was gone back across is written down on the servers.
    let forced = match &known {
        Some(release) if run.request.rollout().force => irreversible::since(context, project, release).await?,
        _ => Vec::new(),
    };
    let (release, created_at) = identity(context, project, known.as_ref()).await?;
    let is_built = known.is_some();
    let commit = known.map_or_else(|| commit.to_owned(), |release| release.commit);
    let source = exported(context, project, &commit, cancel).await?;
    let manifest = manifest(&source)?;
    front::snippet(&source, &manifest)?;
    let forced = (!forced.is_empty()).then(|| forced.join("; "));
    Ok(Wanted { release, commit, created_at, is_built, manifest, forced })
}

/// What is done on one server, with its ports reserved.
async fn on(
    context: &Context,
    project: &Project,
    place: &Place,
    run: &Run,
    wanted: &Wanted,
    seen: Survey,
) -> Result<Plan, Error> {
    let (name, service) = service(&wanted.manifest);
    let listening: std::collections::BTreeSet<u16> = seen.listening.iter().copied().collect();
    let reserve = async |purpose| {
        let now = context.now();
        context.store.reserve_port(&place.server.id, &project.id, name, context.wish(purpose), &listening, now).await
    };
    let public = reserve(PortPurpose::Public).await?;
    let ports =
        PerSlot { blue: reserve(PortPurpose::Blue).await?.port, green: reserve(PortPurpose::Green).await?.port };
    let slot = seen.idle_slot();
    let visitors = wanted.manifest.domain.as_ref();
    let host = OnHost {
        op: run.id.clone(),
        owner: context.owner(),
        release: wanted.release.clone(),
        commit: wanted.commit.clone(),
        slot,
        port: *ports.get(slot),
        health: Health {
            path: service.health.as_str().to_owned(),
            host: visitors.map_or_else(|| format!("{}:{}", place.server.address, public.port), ToString::to_string),
            deadline: GATE,
        },
        drain: DRAIN,
        bake: run.request.rollout().bake.map_or(BAKE, |seconds| Duration::from_secs(seconds.into())),
        stop_after: Duration::from_secs(u64::from(service.stop_after)),
        migrate_within: service.migrate_within(),
        build_within: service.build_within(),
        keep: KEEP_GOOD,
        memory_mb: service.memory_mb.unwrap_or(MEMORY_MB),
        patience: AWAY,
        forced: wanted.forced.clone(),
    };
    Ok(Plan {
        host,
        created_at: wanted.created_at,
        server: place.server.id.clone(),
        public_port: public.port,
        ports,
        domain: wanted.manifest.domain.clone(),
        aliases: wanted.manifest.aliases.clone(),
        driver: seen.driver.unwrap_or(Driver::Process),
        engine: seen.engine,
        is_built: wanted.is_built,
        replaces: seen.serving.is_some(),
    })
}

/// What stands in the way on a server, before anything is changed there; also that it runs there by another driver than
/// the one that is wanted.
fn obstacles(place: &Place, project: &Project, seen: &Survey, wanted: Option<Driver>, is_new: bool) -> Vec<Error> {
    let host = place.server.handle.clone();
    let held = |held: &engine::Held| {
        servers::Error::from(engine::Error::Held { host: host.clone(), held: held.clone() }).into()
    };
    let mut found: Vec<Error> = seen.held.iter().map(held).collect();
    let mut refuse = |cause: String, mend| {
        found.push(servers::Error::from(engine::Error::Preflight { host: host.clone(), cause, mend }).into());
    };
    if let Some(said) = &seen.unwritable {
        refuse(format!("`{}` cannot be written to: {said}", place.root), None);
    }
    if !seen.missing.is_empty() {
        let mend = match place.rights {
            Rights::Root | Rights::Sudo => Advice::Run(format!("cgo servers provision {}", place.server.handle)),
            Rights::Plain => Advice::Do("have somebody who is root there install it, and deploy again".to_owned()),
        };
        refuse(format!("it has no {}", seen.missing.join(", ")), Some(mend));
    }
    if let (Some(wanted), Some(there)) = (wanted, seen.driver)
        && wanted != there
    {
        let (there, wanted) = (there.as_str(), wanted.as_str());
        let cause = format!("`{}` runs there by the driver `{there}`, and `cgo.yaml` says `{wanted}`", project.name);
        let mend = format!("leave it at `{there}`, or take the project off with `cgo project remove {}`", project.name);
        refuse(cause, Some(Advice::Do(mend)));
    }
    if is_new && seen.disk_kb < ROOM_KB {
        let (has, needs, old) = (seen.disk_kb / 1024, ROOM_KB / 1024, seen.releases_kb / 1024);
        let cause = format!(
            "its disk has {has} MB left and the release needs {needs} MB; releases of `{}` take {old} MB",
            project.name
        );
        refuse(cause, Some(Advice::Do("make room on its disk and deploy again".to_owned())));
    }
    if is_new && seen.inodes.is_some_and(|left| left < FILES) {
        refuse(format!("its file system has no room for {FILES} files (inodes)"), None);
    }
    found
}
