//! Finding a place for a project: which servers may be chosen, what room they have, and reserving it.
//!
//! The decision is [`crate::domain::placement::choose`]. What a server has is asked of it now, or taken from a look that is
//! a few minutes old at most. A project that has a place, or several, keeps it, without a second budget, and is not moved.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::servers::{self, check};
use super::{Context, Error, deploy};
use crate::domain::deployment::Driver;
use crate::domain::host::Destination;
use crate::domain::ids::{ProjectId, ServerId};
use crate::domain::names::ServerName;
use crate::domain::placement::{
    Candidate, DISK_MB, FRESH_MS, MEMORY_MB, Measured, Need, Reason, Refusal, Reservation, Room, Wish, choose,
    choose_all, refusal,
};
use crate::domain::project::Project;
use crate::domain::server::{LOCAL, Server, ServerStatus};
use crate::store::{Placements as _, Servers as _};

/// What a project needs, by its `cgo.yaml`; what is usual while there is none.
///
/// # Errors
/// When `cgo.yaml` is there and wrong.
pub fn need(folder: &Path) -> Result<Need, Error> {
    let manifest = match deploy::manifest(folder) {
        Ok(manifest) => manifest,
        Err(Error::Path { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Need::default()),
        Err(error) => return Err(error),
    };
    let sum = |of: fn(&crate::domain::manifest::Service) -> Option<u32>, usual: u64| {
        manifest.services.values().map(|service| of(service).map_or(usual, u64::from)).sum()
    };
    let services = || manifest.services.values();
    let is_kept_by = |driver: Driver| services().any(|service| service.driver == Some(driver));
    let is_for_this_arch = services().any(|service| deploy::is_for_machines_like_this(folder, service));
    Ok(Need {
        memory_mb: sum(|service| service.memory_mb, MEMORY_MB.into()),
        disk_mb: sum(|service| service.disk_mb, DISK_MB),
        arch: is_for_this_arch.then(|| std::env::consts::ARCH.to_owned()),
        engine: is_kept_by(Driver::Container),
        root: is_kept_by(Driver::Systemd),
    })
}

/// Where a project is to be looked for.
enum Where {
    /// It has these places, and they suffice.
    Kept(Vec<Server>),
    /// One of these takes it, or none.
    OneOf(Vec<Server>),
    /// All of these take it, or none.
    All(Vec<Server>),
}

/// The servers a wish leaves to choose from.
async fn among(context: &Context, project: &Project, wish: Option<&Wish>, need: &Need) -> Result<Where, Error> {
    let present = context.store.placements_of(&project.id).await?;
    let mut servers = Vec::new();
    for placed in &present {
        servers.push(by_id(context, &placed.server).await?);
    }
    let written = if wish.is_none() && present.is_empty() { written(context, project).await? } else { None };
    let wish = wish.or(written.as_ref());
    let suffices = |placed: &Reservation| need.memory_mb <= placed.memory_mb && need.disk_mb <= placed.disk_mb;
    let Some(Wish::On(names)) = wish else {
        return Ok(match wish {
            _ if !present.is_empty() && present.iter().all(suffices) => Where::Kept(servers),
            _ if !present.is_empty() => Where::All(servers),
            None => Where::OneOf(vec![servers::local(context).await?]),
            Some(_) => Where::OneOf(servers::list(context).await?.into_iter().map(|view| view.server).collect()),
        });
    };
    let is_named = |server: &Server| names.iter().any(|name| name.as_str() == server.handle);
    let left = servers.iter().zip(&present).find(|(server, placed)| placed.is_serving && !is_named(server));
    if let Some((server, _)) = left {
        let (project, server) = (project.name.clone(), server.handle.clone());
        return Err(Error::LivesElsewhere { project, server, wanted: Wish::On(names.clone()).to_string() });
    }
    if names.len() > 1 && names.iter().any(|name| name.as_str() == LOCAL) {
        return Err(Error::Usage {
            what: format!("`{LOCAL}` is this machine, which cannot be one of several servers"),
            hint: "name servers that are reached over SSH; `cgo servers list` shows them".to_owned(),
        });
    }
    if servers.len() == names.len() && servers.iter().all(is_named) && present.iter().all(suffices) {
        return Ok(Where::Kept(servers));
    }
    let mut named = Vec::new();
    for name in names {
        named.push(servers::by_handle(context, name.as_str()).await?);
    }
    Ok(Where::All(named))
}

/// Where a project without a place goes, by its `cgo.yaml`; nothing where that names this machine, or is not there yet.
async fn written(context: &Context, project: &Project) -> Result<Option<Wish>, Error> {
    let folder = Path::new(&project.folder);
    let Ok(manifest) = deploy::manifest(folder) else { return Ok(None) };
    let text = manifest.server.as_str();
    if text == LOCAL {
        return Ok(None);
    }
    let wrong = |reason: String| Error::Manifest { path: folder.join(deploy::MANIFEST_FILE), reason };
    let known = context.store.accesses().await?;
    let wish = if text.contains('@') {
        let at = Destination::parse(text).map_err(|error| wrong(format!("`server`: {error}")))?;
        match known.iter().find(|access| access.destination == at) {
            Some(access) => by_id(context, &access.server).await?.handle.parse().ok(),
            None => None,
        }
    } else {
        let named: Wish = text.parse().map_err(|error| wrong(format!("`server`: {error}")))?;
        let handles: Vec<String> = servers::list(context).await?.into_iter().map(|view| view.server.handle).collect();
        let is_known = match &named {
            Wish::Any => true,
            Wish::On(names) => names.iter().all(|name| handles.iter().any(|handle| handle == name.as_str())),
        };
        is_known.then_some(named)
    };
    wish.map(Some).ok_or_else(|| wrong(format!("`server` is `{text}`, which was not added with `cgo servers add`")))
}

async fn by_id(context: &Context, id: &ServerId) -> Result<Server, Error> {
    let missing = || crate::store::Error::NotFound { what: "server", id: id.to_string() };
    Ok(context.store.server(id).await?.ok_or_else(missing)?)
}

/// What is known of the room of servers: what a look of the last minutes found, else what is found now.
async fn rooms(context: &Context, servers: Vec<Server>, cancel: &CancellationToken) -> Result<Vec<Candidate>, Error> {
    let now = context.now();
    let checks = context.store.checks().await?;
    let fresh = |server: &Server| {
        let (_, checked) = checks.iter().find(|(id, _)| *id == server.id)?;
        let is_fresh = checked.problem.is_none() && (0..=FRESH_MS).contains(&now.since(checked.at));
        checked.facts.as_ref().filter(|_| is_fresh).map(|facts| Room::Measured(Measured::from(facts)))
    };
    let mut rooms: Vec<(Server, Option<Room>)> = servers
        .into_iter()
        .map(|server| {
            let room = if server.handle == LOCAL { here(context) } else { fresh(&server) };
            (server, room)
        })
        .collect();
    let asked: Vec<ServerName> = rooms
        .iter()
        // One that takes no projects is refused whatever it has.
        .filter(|(server, room)| room.is_none() && server.handle != LOCAL && server.status.takes_projects())
        .filter_map(|(server, _)| ServerName::parse(&server.handle).ok())
        .collect();
    if !asked.is_empty() {
        for looked in check::check(context, &asked, cancel).await? {
            let room = match (looked.problem, looked.facts) {
                (None, Some(facts)) => Room::Measured(Measured::from(&facts)),
                (problem, _) => Room::Failing { problem: problem.unwrap_or_else(|| "nothing was found".to_owned()) },
            };
            if let Some(known) = rooms.iter_mut().find(|(server, _)| server.handle == looked.server) {
                known.1 = Some(room);
            }
        }
    }
    Ok(rooms.into_iter().map(|(server, room)| Candidate { server, room: room.unwrap_or(Room::Unknown) }).collect())
}

/// The room of this machine, measured now.
fn here(context: &Context) -> Option<Room> {
    let measured = servers::measure_here(context);
    Some(Room::Measured(Measured {
        arch: std::env::consts::ARCH.to_owned(),
        memory_mb: measured.memory_mb?,
        memory_available_mb: measured.memory_available_mb?,
        disk_mb: measured.disk_mb?,
        disk_available_mb: measured.disk_available_mb?,
        // The engine says so itself when it is asked for a container.
        engine: true,
        root: rustix::process::geteuid().is_root(),
    }))
}

/// The refusals as an error: one to wait for, or one that no waiting mends.
fn refused(project: &Project, refusals: &[Refusal]) -> Error {
    let words = refusals.iter().map(ToString::to_string).collect();
    if refusals.iter().any(|refusal| refusal.reason.may_pass()) {
        Error::NoCapacity { project: project.name.clone(), refusals: words }
    } else {
        Error::NoServer { refusals: words }
    }
}

/// A project without a wish goes to this machine, as long as that takes projects at all.
fn is_usual(servers: &[Server], wish: Option<&Wish>) -> bool {
    wish.is_none() && matches!(servers, [only] if only.handle == LOCAL)
}

fn usual(project: &Project, server: Server) -> Result<Server, Error> {
    if server.status.takes_projects() { Ok(server) } else { Err(refused(project, &[not_ready(&server)])) }
}

fn not_ready(server: &Server) -> Refusal {
    Refusal { server: server.handle.clone(), reason: Reason::NotReady { status: server.status } }
}

/// What may be chosen, with what is known of its room, and how it is chosen by what is reserved.
struct Options {
    candidates: Vec<Candidate>,
    /// All of them, not one.
    all: bool,
    /// This machine, whose room nobody counts.
    usual: bool,
}

/// Where a project goes.
enum Found {
    /// It stays on these.
    Kept(Vec<Server>),
    /// It is chosen by what is reserved.
    Among(Options),
}

async fn look(
    context: &Context,
    project: &Project,
    wish: Option<&Wish>,
    need: &Need,
    cancel: &CancellationToken,
) -> Result<Found, Error> {
    let (servers, all) = match among(context, project, wish, need).await? {
        Where::Kept(servers) => {
            // What does not answer is seen when it is asked; what somebody works on is not even asked.
            let out = servers.iter().filter(|server| server.status == ServerStatus::Maintenance);
            let out: Vec<Refusal> = out.map(not_ready).collect();
            return if out.is_empty() { Ok(Found::Kept(servers)) } else { Err(refused(project, &out)) };
        }
        Where::OneOf(servers) => (servers, false),
        Where::All(servers) => (servers, true),
    };
    if is_usual(&servers, wish) {
        let server = usual(project, servers.into_iter().next().expect("there is one"))?;
        let candidates = vec![Candidate { server, room: Room::Unknown }];
        return Ok(Found::Among(Options { candidates, all, usual: true }));
    }
    Ok(Found::Among(Options { candidates: rooms(context, servers, cancel).await?, all, usual: false }))
}

impl Options {
    fn choose(
        &self,
        reserved: &[Reservation],
        need: &Need,
        project: &ProjectId,
    ) -> Result<Vec<ServerId>, Vec<Refusal>> {
        if self.usual {
            return Ok(self.candidates.iter().map(|candidate| candidate.server.id.clone()).collect());
        }
        if self.all {
            return choose_all(&self.candidates, reserved, need, project);
        }
        choose(&self.candidates, reserved, need, project).map(|candidate| vec![candidate.server.id.clone()])
    }
}

/// Finds the servers a project would be placed on. Nothing is reserved.
///
/// # Errors
/// As [`place`].
pub async fn find(
    context: &Context,
    project: &Project,
    wish: Option<&Wish>,
    cancel: &CancellationToken,
) -> Result<Vec<Server>, Error> {
    let need = need(Path::new(&project.folder))?;
    let options = match look(context, project, wish, &need, cancel).await? {
        Found::Kept(servers) => return Ok(servers),
        Found::Among(options) => options,
    };
    let reserved = context.store.placements().await?;
    let chosen = options.choose(&reserved, &need, &project.id).map_err(|refusals| refused(project, &refusals))?;
    let candidates = options.candidates.into_iter().map(|candidate| candidate.server);
    Ok(candidates.filter(|server| chosen.contains(&server.id)).collect())
}

/// Places a project: the choice, and the room it gets, are written in one transaction. A project that has a place keeps
/// it; when it needs more than it has there, that is looked for on its servers. The servers, by their handles.
///
/// # Errors
/// [`Error::NoCapacity`] when there is no room now, [`Error::NoServer`] when no waiting mends it, both with every refusal;
/// [`Error::LivesElsewhere`] when it serves on another server than is wished; [`Error::NoSuchServer`].
pub async fn place(
    context: &Context,
    project: &Project,
    wish: Option<&Wish>,
    cancel: &CancellationToken,
) -> Result<Vec<Server>, Error> {
    let need = need(Path::new(&project.folder))?;
    let options = match look(context, project, wish, &need, cancel).await? {
        Found::Kept(servers) => return Ok(servers),
        Found::Among(options) => options,
    };
    let ids: Vec<ServerId> = options.candidates.iter().map(|candidate| candidate.server.id.clone()).collect();
    let choice = |reserved: &[Reservation]| options.choose(reserved, &need, &project.id);
    let placed = context.store.place(&project.id, &ids, need.memory_mb, need.disk_mb, &choice, context.now()).await?;
    placed.map_err(|refusals| refused(project, &refusals))?;
    of_project(context, project).await
}

/// The servers a project lives on, by their handles; none before it was placed.
///
/// # Errors
/// When the store fails.
pub async fn of_project(context: &Context, project: &Project) -> Result<Vec<Server>, Error> {
    let mut servers = Vec::new();
    for placed in context.store.placements_of(&project.id).await? {
        servers.push(by_id(context, &placed.server).await?);
    }
    Ok(servers)
}

/// Whether a wish can be thought of at all: there is such a server, the project does not serve on another one, and nobody
/// has taken it out of use.
///
/// # Errors
/// [`Error::NoSuchServer`], [`Error::LivesElsewhere`], [`Error::InMaintenance`].
pub async fn check(context: &Context, project: &Project, wish: Option<&Wish>) -> Result<(), Error> {
    match among(context, project, wish, &need(Path::new(&project.folder))?).await? {
        Where::Kept(servers) | Where::All(servers) => in_use(project, servers).map(drop),
        Where::OneOf(_) => Ok(()),
    }
}

/// The servers a project lives on, where a release of it may be put in place: a new one, and one that is gone back to,
/// alike.
///
/// # Errors
/// [`Error::InMaintenance`].
pub async fn open_to(context: &Context, project: &Project) -> Result<Vec<Server>, Error> {
    in_use(project, of_project(context, project).await?)
}

/// What somebody works on is left alone, and not even asked.
fn in_use(project: &Project, servers: Vec<Server>) -> Result<Vec<Server>, Error> {
    match servers.iter().find(|server| server.status == ServerStatus::Maintenance) {
        Some(server) => Err(Error::InMaintenance { project: project.name.clone(), server: server.handle.clone() }),
        None => Ok(servers),
    }
}

/// Why a server takes no further project of usual size now, asked of it now; none when it does.
///
/// # Errors
/// When the store fails.
pub async fn why_not(context: &Context, server: &Server, cancel: &CancellationToken) -> Result<Option<Reason>, Error> {
    let candidates = rooms(context, vec![server.clone()], cancel).await?;
    let reserved = context.store.placements().await?;
    // Of a project that is not there: everything counts.
    let nobody = ProjectId::new(crate::domain::time::Timestamp(0), 0);
    Ok(candidates.first().and_then(|candidate| refusal(candidate, &reserved, &Need::default(), &nobody)))
}
