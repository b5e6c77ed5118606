//! Where a project lives, or is to: a server as a host, with the folder cgo has there.

use tokio_util::sync::CancellationToken;

use super::{Context, check};
use crate::domain::deployment::Driver;
use crate::domain::host::{Facts, Rights};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::server::{LOCAL, Server};
use crate::ops;
use crate::remote::engine::App;
use crate::remote::host::{Host, facts};
use crate::store::Servers as _;

/// A server that is reached over SSH, as a place of projects.
pub struct Place {
    /// The server.
    pub server: Server,
    /// How it is told what to do.
    pub host: Box<dyn Host>,
    /// The folder of cgo there.
    pub root: String,
    /// What the account may do there.
    pub rights: Rights,
    /// Its architecture as its kernel spells it: `x86_64`.
    pub arch: String,
}

impl Place {
    /// The application of a project there, run by a driver; none for the one it was deployed with.
    #[must_use]
    pub fn app<'a>(&'a self, project: &'a ProjectName, driver: Option<Driver>) -> App<'a> {
        App { host: self.host.as_ref(), root: &self.root, name: project, driver }
    }
}

/// The folder of cgo on a machine.
fn root(facts: &Facts) -> String {
    match facts.rights {
        Rights::Root | Rights::Sudo => "/var/lib/cgo".to_owned(),
        Rights::Plain => format!("{}/.local/share/cgo", facts.home.trim_end_matches('/')),
    }
}

/// A server as a place. What is known of it from the last look is enough; one that was never looked at is looked at.
///
/// # Errors
/// When the server cannot be reached.
pub async fn of_server(context: &Context, server: Server, cancel: &CancellationToken) -> Result<Place, ops::Error> {
    let host = check::host(context, &server).await?;
    let known = context.store.checks().await?.into_iter().find(|(id, _)| *id == server.id);
    let facts = match known.and_then(|(_, checked)| checked.facts) {
        Some(facts) => facts,
        None => facts::look(host.as_ref(), cancel).await.map_err(super::Error::from)?.facts,
    };
    Ok(Place { server, host, root: root(&facts), rights: facts.rights, arch: facts.arch })
}

/// The servers a project lives on as places, by their handles: none when it lives on this machine, or nowhere yet.
///
/// # Errors
/// When the store fails, or a server was never looked at and cannot be reached.
pub async fn of_project(
    context: &Context,
    project: &Project,
    cancel: &CancellationToken,
) -> Result<Vec<Place>, ops::Error> {
    let mut places = Vec::new();
    for server in ops::placement::of_project(context, project).await? {
        if server.handle != LOCAL {
            places.push(of_server(context, server, cancel).await?);
        }
    }
    Ok(places)
}
