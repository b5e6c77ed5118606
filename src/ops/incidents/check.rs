//! Looking at everything that can break: servers and deployed services, side by side.
//!
//! What is found broken opens an incident, once; what is found good ends the one that was open for it. What could not be
//! found out changes nothing. A single bad answer is no incident: it is asked again first.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::super::answering::answers;
use super::super::deploy::{self, remote};
use super::super::servers::check::{Looked, check as look_at};
use super::super::{Context, Error, explain, live, placement, projects, random, secrets, servers, services};
use super::{close, front, note};
use crate::domain::deployment::Deployment;
use crate::domain::diagnose::told;
use crate::domain::ids::{IncidentId, ProjectId, ServerId};
use crate::domain::incident::{Incident, IncidentEventKind, IncidentKind, IncidentStatus, cause};
use crate::domain::names::ServerName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::server::{LOCAL, Server, ServerStatus};
use crate::remote::host::engines;
use crate::store::Incidents as _;

/// How often a service is asked before it is taken for broken.
const TRIES: u32 = 3;
/// How long is waited between two questions.
const BETWEEN: Duration = Duration::from_secs(1);
/// Less than this part in a hundred of a disk or of memory is no room, and less than this many megabytes.
const LEAST_PERCENT: u64 = 5;
const LEAST_DISK_MB: u64 = 1024;
const LEAST_MEMORY_MB: u64 = 64;
/// Log lines that are kept with an incident.
const LINES: usize = 5;

/// What a round of looking came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Round {
    /// How many servers and services were looked at.
    pub looked_at: usize,
    /// Incidents that are new.
    pub opened: Vec<Incident>,
    /// Incidents that were open and still are.
    pub standing: Vec<Incident>,
    /// Incidents whose cause is gone.
    pub closed: Vec<Incident>,
    /// What could not be found out.
    pub unknown: Vec<String>,
}

/// What can break.
pub(super) struct Subject {
    pub(super) kind: IncidentKind,
    pub(super) project: Option<ProjectId>,
    pub(super) server: Option<ServerId>,
    pub(super) service: Option<String>,
    pub(super) finding: Finding,
}

/// How it was found.
pub(super) enum Finding {
    Good,
    Broken { title: String, details: Vec<String> },
    Unknown(String),
}

impl Subject {
    fn cause(&self) -> String {
        let title = match &self.finding {
            Finding::Broken { title, .. } => title.as_str(),
            Finding::Good | Finding::Unknown(_) => "",
        };
        cause(self.kind, self.project.as_ref(), self.server.as_ref(), self.service.as_deref(), title)
    }
}

/// Looks at every server and every deployed service.
///
/// # Errors
/// When the store fails, or it was interrupted.
pub async fn check(context: &Context, cancel: &CancellationToken) -> Result<Round, Error> {
    let servers: Vec<Server> = servers::list(context).await?.into_iter().map(|view| view.server).collect();
    let (subjects, silent) = of_servers(context, &servers, cancel).await?;
    let resting: BTreeSet<&ServerId> =
        servers.iter().filter(|server| server.status == ServerStatus::Maintenance).map(|server| &server.id).collect();
    let silent: BTreeSet<&ServerId> =
        servers.iter().filter(|server| silent.contains(&server.handle)).map(|server| &server.id).collect();
    let mut deployed = Vec::new();
    for project in projects::list(context).await? {
        // One that is stopped, archived or worked on is not broken, nor is one whose server is.
        if project.status == ProjectStatus::Deployed
            && let Some(active) = deploy::active(context, &project).await?
        {
            let lives = placement::of_project(context, &project).await?.into_iter().map(|server| server.id);
            let lives: Vec<ServerId> = lives.collect();
            if !lives.iter().any(|server| resting.contains(server)) {
                deployed.push(Deployed { project, active, lives });
            }
        }
    }
    let services = join_all(deployed.iter().map(async |Deployed { project, active, lives }| {
        let silent = lives.iter().any(|server| silent.contains(server));
        of_service(context, project, active, silent, cancel).await
    }))
    .await;
    let looked_at = servers.len() + services.len();
    let front = of_front(context, &servers, &deployed, &silent, cancel).await;
    let subjects: Vec<Subject> = subjects.into_iter().chain(services).chain(front).collect();
    let mut round = settle(context, subjects).await?;
    round.looked_at = looked_at;
    Ok(round)
}

/// A project that serves.
struct Deployed {
    project: Project,
    active: Deployment,
    /// Where.
    lives: Vec<ServerId>,
}

/// Caddy and certificates, on servers that answer and carry a project.
async fn of_front(
    context: &Context,
    servers: &[Server],
    deployed: &[Deployed],
    silent: &BTreeSet<&ServerId>,
    cancel: &CancellationToken,
) -> Vec<Subject> {
    let mut domains = Vec::new();
    let mut carrying: BTreeSet<&ServerId> = BTreeSet::new();
    for Deployed { project, lives, .. } in deployed {
        let lives = servers.iter().filter(|server| lives.contains(&server.id) && server.handle != LOCAL);
        for server in lives.filter(|server| !silent.contains(&server.id)) {
            carrying.insert(&server.id);
            if let Some(domain) = remote::domain_of(project) {
                domains.push((project, server, domain));
            }
        }
    }
    let carrying = servers.iter().filter(|server| carrying.contains(&server.id));
    let caddies = join_all(carrying.map(async |server| front::of_caddy(context, server, cancel).await)).await;
    let certificates =
        join_all(domains.iter().map(async |(project, server, domain)| {
            front::of_certificate(context, project, server, domain, cancel).await
        }));
    caddies.into_iter().chain(certificates.await).collect()
}

/// Opens and ends incidents by what was found.
async fn settle(context: &Context, subjects: Vec<Subject>) -> Result<Round, Error> {
    let before = context.store.open_incidents().await?;
    let mut round = Round::default();
    for subject in subjects {
        let cause = subject.cause();
        let open = before.iter().find(|incident| incident.cause == cause);
        match subject.finding {
            Finding::Unknown(why) => round.unknown.push(why),
            Finding::Good => {
                // A service that works ends what was reported of any part of it.
                let is_of = |incident: &&Incident| {
                    let whole = subject.project.is_some() && incident.project == subject.project;
                    incident.cause == cause || (whole && incident.kind == subject.kind)
                };
                for open in before.iter().filter(is_of) {
                    round.closed.push(close(context, &open.id, "it was looked at, and is as it should be").await?);
                }
            }
            Finding::Broken { title, details } => {
                let now = context.now();
                let report = Incident {
                    id: IncidentId::new(now, random()),
                    cause,
                    kind: subject.kind,
                    project: subject.project,
                    server: subject.server,
                    service: subject.service,
                    title,
                    details: details.join("\n"),
                    status: IncidentStatus::Open,
                    reports: 1,
                    run: None,
                    resolution: None,
                    created_at: now,
                    updated_at: now,
                };
                let stored = context.store.open_incident(&report).await?;
                if open.is_some() {
                    round.standing.push(stored);
                } else {
                    note(context, &stored.id, IncidentEventKind::Seen, &report.title).await?;
                    round.opened.push(stored);
                }
            }
        }
    }
    // What nobody looks at, or nothing was found out about, stays as it is.
    let named: BTreeSet<IncidentId> =
        round.closed.iter().chain(&round.standing).map(|incident| incident.id.clone()).collect();
    round.standing.extend(before.into_iter().filter(|incident| !named.contains(&incident.id)));
    Ok(round)
}

/// Servers that are meant to work, and the handles of those that do not answer.
async fn of_servers(
    context: &Context,
    servers: &[Server],
    cancel: &CancellationToken,
) -> Result<(Vec<Subject>, BTreeSet<String>), Error> {
    let meant = |server: &&Server| {
        matches!(
            server.status,
            ServerStatus::Ready | ServerStatus::InUse | ServerStatus::Error | ServerStatus::Unreachable
        )
    };
    let names: Vec<ServerName> =
        servers.iter().filter(meant).filter_map(|server| ServerName::parse(&server.handle).ok()).collect();
    if names.is_empty() {
        return Ok((Vec::new(), BTreeSet::new()));
    }
    let mut looks = look_at(context, &names, cancel).await?;
    let again: Vec<ServerName> = looks
        .iter()
        .filter(|looked| looked.facts.is_none())
        .filter_map(|looked| ServerName::parse(&looked.server).ok())
        .collect();
    if !again.is_empty() {
        for second in look_at(context, &again, cancel).await? {
            if let Some(first) = looks.iter_mut().find(|looked| looked.server == second.server) {
                *first = second;
            }
        }
    }
    let (mut subjects, mut answering) = (Vec::new(), Vec::new());
    let mut silent = BTreeSet::new();
    for looked in looks {
        let Some(server) = servers.iter().find(|server| server.handle == looked.server) else { continue };
        if looked.facts.is_none() {
            silent.insert(looked.server.clone());
        }
        subjects.extend(of_look(server, &looked));
        if let Some(facts) = &looked.facts {
            answering.push((server, !facts.engines.is_empty()));
        }
    }
    let engines = answering.iter().map(async |(server, has)| of_engines(context, server, *has, cancel).await);
    subjects.extend(join_all(engines).await);
    Ok((subjects, silent))
}

/// Whether the container engines of a server that answers work. This machine asks its own when one is wanted.
async fn of_engines(context: &Context, server: &Server, has_any: bool, cancel: &CancellationToken) -> Subject {
    let finding = async {
        if !has_any || server.handle == LOCAL {
            return Finding::Good;
        }
        let asked = match servers::check::host(context, server).await {
            Ok(host) => engines::ask(host.as_ref(), cancel).await.map_err(|error| told(&error)),
            Err(error) => Err(explain(&error)),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Finding::Unknown(format!("the container engines of `{}`: {why}", server.handle)),
        };
        let broken: Vec<(String, String)> = asked.into_iter().filter_map(|it| Some((it.name, it.problem?))).collect();
        if broken.is_empty() {
            return Finding::Good;
        }
        let names: Vec<String> = broken.iter().map(|(name, _)| format!("`{name}`")).collect();
        let what = if names.len() == 1 { "engine" } else { "engines" };
        let title = format!("the container {what} {} of `{}` cannot be worked with", names.join(", "), server.handle);
        Finding::Broken { title, details: broken.into_iter().map(|(name, why)| format!("{name}: {why}")).collect() }
    };
    Subject {
        kind: IncidentKind::ServiceDown,
        project: None,
        server: Some(server.id.clone()),
        service: Some("container-engine".to_owned()),
        finding: finding.await,
    }
}

/// What a look says about a server: whether it answers, and if so, what it has.
fn of_look(server: &Server, looked: &Looked) -> Vec<Subject> {
    let subject = |kind, service: Option<&str>, finding| Subject {
        kind,
        project: None,
        server: Some(server.id.clone()),
        service: service.map(str::to_owned),
        finding,
    };
    let name = &server.handle;
    let Some(facts) = &looked.facts else {
        let problem = looked.problem.clone().unwrap_or_else(|| "nothing was found".to_owned());
        let title = format!("`{name}` does not answer, asked twice");
        return vec![subject(IncidentKind::ServerUnreachable, None, Finding::Broken { title, details: vec![problem] })];
    };
    let short = |what: &str, available: u64, total: u64, least: u64| {
        if available >= least.min(total * LEAST_PERCENT / 100) {
            return Finding::Good;
        }
        let title = format!("`{name}` has {available} MB of {what} left");
        Finding::Broken { title, details: vec![format!("{available} of {total} MB")] }
    };
    let disk = match &looked.problem {
        // It answers, and cannot be worked with: nothing can be written there.
        Some(problem) => {
            Finding::Broken { title: format!("`{name}` cannot be worked with"), details: vec![problem.clone()] }
        }
        None => short("disk", facts.disk_available_mb, facts.disk_mb, LEAST_DISK_MB),
    };
    let memory = short("memory", facts.memory_available_mb, facts.memory_mb, LEAST_MEMORY_MB);
    vec![
        subject(IncidentKind::ServerUnreachable, None, Finding::Good),
        subject(IncidentKind::NoRoom, Some("disk"), disk),
        subject(IncidentKind::NoRoom, Some("memory"), memory),
    ]
}

/// How a deployed service stands, as a visitor sees it.
async fn of_service(
    context: &Context,
    project: &Project,
    active: &Deployment,
    silent: bool,
    cancel: &CancellationToken,
) -> Subject {
    let mut found = Err(String::new());
    for attempt in 1..=TRIES {
        found = answers(context, project, active, cancel).await;
        if found.is_ok() || attempt == TRIES {
            break;
        }
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(BETWEEN) => {}
        }
    }
    let finding = match found {
        Ok(()) => Finding::Good,
        Err(_) if cancel.is_cancelled() => Finding::Unknown(format!("`{}`: it was interrupted", project.name)),
        Err(seen) if silent => {
            // Its server does not answer either: that is an incident of its own, and nobody can look closer.
            Finding::Unknown(format!("`{}`: {seen}, and its server does not answer", project.name))
        }
        Err(seen) => broken(context, project, seen, cancel).await,
    };
    Subject { kind: IncidentKind::ServiceDown, project: Some(project.id.clone()), server: None, service: None, finding }
}

/// What is known of a service that does not answer: its processes, and its last lines.
async fn broken(context: &Context, project: &Project, seen: String, cancel: &CancellationToken) -> Finding {
    let mut details = vec![seen.clone()];
    match live::live(context, project).await {
        Ok(live) => {
            details.push(format!("its processes: {}", live.words));
            details.extend(live.problem);
        }
        Err(error) => details.push(format!("its processes are not known: {}", explain(&error))),
    }
    // What the service writes may hold what it was told; the store leaves out what this process knows.
    secrets::learn(context, &project.id, &project.name).await;
    match services::logs(context, project, LINES, cancel).await {
        Ok(lines) => details.extend(lines.into_iter().map(|line| format!("| {line}"))),
        Err(error) => details.push(format!("its log is not known: {}", explain(&error))),
    }
    Finding::Broken { title: format!("`{}` does not work: {seen}", project.name), details }
}
