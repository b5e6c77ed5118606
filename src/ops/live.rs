//! How a project's service stands, asked of where it runs.

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::deploy::remote;
use super::servers::place;
use super::services::{public_port, public_port_on, runtime_at, url};
use super::{Context, Error, placement};
use crate::domain::diagnose::told;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::server::{LOCAL, Server};
use crate::domain::spec::Language;
use crate::domain::standing::Standing;
use crate::remote::engine::survey::Survey;
use crate::remote::runtime::{AppStatus, Runtime as _, SlotState, Supervision};

/// How a project stands on its server, asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Live {
    /// Visitors reach a release.
    pub serves: bool,
    /// How it stands; of several servers, where it stands alike on all.
    pub standing: Option<Standing>,
    /// The same in words, of several servers of each; see [`Live::told`] for other languages.
    pub words: String,
    /// The address, once a port is reserved.
    pub url: Option<String>,
    /// What stands in the way.
    pub problem: Option<String>,
    /// Where it lives on several servers: how it stands on each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<OnServer>,
}

/// How a project stands on one of its servers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OnServer {
    /// The server.
    pub server: String,
    /// The release that serves there.
    pub release: Option<String>,
    /// Visitors reach it.
    pub serves: bool,
    /// How it stands.
    pub standing: Standing,
    /// The same in words.
    pub words: &'static str,
    /// The address, once a port is reserved.
    pub url: Option<String>,
    /// What stands in the way.
    pub problem: Option<String>,
}

impl Live {
    fn of_one(standing: Standing, serves: bool, url: Option<String>, problem: Option<String>) -> Self {
        let words = standing.words(Language::En).to_owned();
        Self { serves, standing: Some(standing), words, url, problem, servers: Vec::new() }
    }

    fn of_several(servers: Vec<OnServer>) -> Self {
        let problem = servers.iter().find_map(|seen| Some(format!("{}: {}", seen.server, seen.problem.as_ref()?)));
        let standing = servers.first().map(|first| first.standing);
        Self {
            serves: servers.iter().all(|seen| seen.serves),
            standing: standing.filter(|first| servers.iter().all(|seen| seen.standing == *first)),
            words: together(&servers, Language::En),
            url: servers.iter().find_map(|seen| seen.url.clone()),
            problem,
            servers,
        }
    }

    /// How it stands, as people read it.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match self.standing {
            Some(standing) if self.servers.is_empty() => standing.words(language).to_owned(),
            _ => together(&self.servers, language),
        }
    }
}

/// How a project stands on several servers at once.
fn together(servers: &[OnServer], language: Language) -> String {
    let (differ, none) = match language {
        Language::En => ("different releases: ", "none"),
        Language::Ru => ("разные выпуски: ", "нет"),
    };
    let each = |of: &dyn Fn(&OnServer) -> String| {
        servers.iter().map(|seen| format!("{} {}", seen.server, of(seen))).collect::<Vec<_>>().join(", ")
    };
    let Some(first) = servers.first() else { return Standing::NotDeployed.words(language).to_owned() };
    if servers.iter().any(|seen| seen.standing != first.standing) {
        return each(&|seen| seen.standing.words(language).to_owned());
    }
    if servers.iter().any(|seen| seen.release != first.release) {
        return differ.to_owned() + &each(&|seen| seen.release.clone().unwrap_or_else(|| none.to_owned()));
    }
    let words = first.standing.words(language);
    match language {
        Language::En => format!("{words} on {} servers", servers.len()),
        Language::Ru => format!("{words} (серверов: {})", servers.len()),
    }
}

/// How a project stands, asked of its processes. A server that cannot be asked is no error: then it is not known.
///
/// # Errors
/// When the store fails, or this machine cannot be asked.
pub async fn live(context: &Context, project: &Project) -> Result<Live, Error> {
    let servers = placement::of_project(context, project).await?;
    let nothing = || Live::of_one(before(project), false, None, None);
    if servers.iter().all(|server| server.handle == LOCAL) {
        let Some(public) = public_port(context, project).await? else { return Ok(nothing()) };
        let status = runtime_at(context, project, public).inspect().await?;
        return Ok(status.map_or_else(nothing, |status| {
            Live::of_one(here(&status), status.serves(), Some(url(public)), problem(&status))
        }));
    }
    let seen = join_all(servers.into_iter().map(|server| on_server(context, project, server))).await;
    let mut seen = seen.into_iter().collect::<Result<Vec<_>, _>>()?;
    if seen.len() == 1 {
        let OnServer { serves, standing, url, problem, .. } = seen.remove(0);
        return Ok(Live::of_one(standing, serves, url, problem));
    }
    Ok(Live::of_several(seen))
}

/// How a project stands on one server.
async fn on_server(context: &Context, project: &Project, server: Server) -> Result<OnServer, Error> {
    let cancel = CancellationToken::new();
    let public = public_port_on(context, project, &server.id).await?;
    let handle = server.handle.clone();
    let url = public.map(|port| remote::url(&server, port, remote::domain_of(project).as_ref()));
    let seen = match place::of_server(context, server, &cancel).await {
        Ok(place) => place.app(&project.name, None).survey("none", &cancel).await.map_err(|error| told(&error)),
        Err(error) => Err(told(&error)),
    };
    Ok(match seen {
        Ok(seen) => there(project, handle, &seen, url),
        Err(problem) => OnServer {
            server: handle,
            release: None,
            serves: false,
            standing: Standing::Unknown,
            words: Standing::Unknown.words(Language::En),
            url,
            problem: Some(problem),
        },
    })
}

/// How a project stands that was not deployed yet.
fn before(project: &Project) -> Standing {
    match project.status {
        ProjectStatus::Building => Standing::NotFinished,
        _ => Standing::NotDeployed,
    }
}

/// How a service on another machine stands.
fn there(project: &Project, server: String, seen: &Survey, url: Option<String>) -> OnServer {
    let Some(active) = seen.active() else {
        let standing = before(project);
        let words = standing.words(Language::En);
        return OnServer { server, release: None, serves: false, standing, words, url: None, problem: None };
    };
    let runs = active.state == "running";
    let standing = match active.state.as_str() {
        "running" if seen.maintenance => Standing::InMaintenance,
        "running" => Standing::Running,
        _ if seen.stopped => Standing::Stopped,
        "unknown" => Standing::EngineSilent,
        "exited" => Standing::Restarting,
        "failed" => Standing::Failed,
        _ => Standing::Died,
    };
    let problem = (!runs && !seen.stopped && !active.detail.is_empty()).then(|| active.detail.clone());
    let release = seen.serving.as_ref().map(|(_, release)| release.clone());
    let words = standing.words(Language::En);
    OnServer { server, release, serves: runs && !seen.maintenance, standing, words, url, problem }
}

/// How a service on this machine stands.
fn here(status: &AppStatus) -> Standing {
    let slot = status.active.map(|slot| status.slots.get(slot));
    match (&status.supervisor, slot) {
        _ if status.serves() => Standing::Running,
        (Supervision::Stopped, _) => Standing::Stopped,
        (Supervision::Dead, Some(slot)) if slot.state == SlotState::Unsupervised => Standing::Unsupervised,
        (Supervision::Dead, _) => Standing::Died,
        (Supervision::Running(_), None) => Standing::NoRelease,
        (Supervision::Running(_), Some(slot)) => match slot.state {
            SlotState::Stopped => Standing::Stopped,
            SlotState::Starting => Standing::Starting,
            SlotState::Running => Standing::Running,
            SlotState::Draining | SlotState::Stopping => Standing::Stopping,
            SlotState::BackingOff => Standing::Restarting,
            SlotState::Failed => Standing::Failed,
            SlotState::Unsupervised => Standing::Unsupervised,
        },
    }
}

fn problem(status: &AppStatus) -> Option<String> {
    let slot = status.active.and_then(|slot| status.slots.get(slot).problem.clone());
    status.problem.clone().or(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::Slot;
    use crate::domain::ids::ProjectId;
    use crate::domain::names::ProjectName;
    use crate::domain::time::Timestamp;
    use crate::remote::engine::survey::SlotSeen;

    fn on(server: &str, state: &str, stopped: bool) -> OnServer {
        let project = Project {
            id: ProjectId::new(Timestamp(0), 1),
            name: ProjectName::parse("shop").unwrap(),
            title: String::new(),
            description: String::new(),
            folder: String::new(),
            modules: Vec::new(),
            status: ProjectStatus::Deployed,
            owner: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let slot = SlotSeen {
            slot: Slot::Blue,
            release: "rel-1".to_owned(),
            port: Some(21_000),
            state: state.to_owned(),
            detail: "exit code 3".to_owned(),
        };
        let serving = Some((Slot::Blue, "rel-1".to_owned()));
        let seen = Survey { serving, stopped, slots: vec![slot], ..Survey::default() };
        there(&project, server.to_owned(), &seen, None)
    }

    #[test]
    fn a_service_that_cannot_be_seen_or_ended_is_told_and_does_not_serve() {
        for (state, standing) in [
            ("unknown", Standing::EngineSilent),
            ("exited", Standing::Restarting),
            ("failed", Standing::Failed),
            ("dead", Standing::Died),
        ] {
            let seen = on("web", state, false);
            assert_eq!((seen.serves, seen.standing), (false, standing));
            assert_eq!(seen.problem.as_deref(), Some("exit code 3"), "{state}");
        }
        let stopped = on("web", "exited", true);
        assert_eq!((stopped.serves, stopped.standing, stopped.problem), (false, Standing::Stopped, None));
        assert!(on("web", "running", false).serves);
    }

    #[test]
    fn of_several_servers_the_one_that_is_not_well_is_named() {
        let live = Live::of_several(vec![on("east", "running", false), on("west", "unknown", false)]);
        assert!(!live.serves);
        assert_eq!(live.words, "east running, west degraded: its container engine does not answer");
        let russian = "east работает, west работает с перебоями: контейнерный движок не отвечает";
        assert_eq!(live.told(Language::Ru), russian);
        assert_eq!(live.problem.as_deref(), Some("west: exit code 3"));
        let live = Live::of_several(vec![on("east", "running", false), on("west", "running", false)]);
        assert_eq!((live.serves, live.words.as_str()), (true, "running on 2 servers"));
        assert_eq!(live.told(Language::Ru), "работает (серверов: 2)");
        let newer = OnServer { release: Some("rel-2".to_owned()), ..on("west", "running", false) };
        let live = Live::of_several(vec![on("east", "running", false), newer]);
        assert_eq!(live.words, "different releases: east rel-1, west rel-2");
    }
}
