//! Removing a project: what it would destroy, told first, and then only that.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::services::{self, locked};
use super::{Context, Error, placement, repository, runs, users, worktrees};
use crate::domain::project::Project;
use crate::domain::server::{LOCAL, PortPurpose};
use crate::domain::user::Right;
use crate::store::{Ports as _, ProjectSecrets as _, Projects as _};

/// What removing a project destroys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Removal {
    /// The application's folder, with releases, logs and data.
    pub application: Option<String>,
    /// The project's own folder, when that is asked for.
    pub folder: Option<String>,
    /// The names of the project's secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Folders of work that its runs left beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<String>,
    /// Ports that become free.
    pub ports: Vec<u16>,
}

impl Removal {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.application.as_ref().map(|path| format!("the application and its data in {path}")));
        parts.extend(self.folder.as_ref().map(|path| format!("the folder {path}")));
        if !self.secrets.is_empty() {
            parts.push(format!("the secrets {}", self.secrets.join(", ")));
        }
        parts.extend(self.work.iter().map(|path| format!("the work left in {path}")));
        if !self.ports.is_empty() {
            let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
            parts.push(format!("the reservation of port {}", ports.join(", ")));
        }
        parts.push("the project's record".to_owned());
        parts.join(", ")
    }
}

/// What removing a project would destroy.
///
/// # Errors
/// [`Error::FolderNotOurs`] when the folder is to go and was not made by cgo for this project.
pub async fn plan(context: &Context, project: &Project, folder: bool) -> Result<Removal, Error> {
    let here = context.app_folder(&project.name);
    let servers = placement::of_project(context, project).await?;
    let there: Vec<String> =
        servers.iter().filter(|server| server.handle != LOCAL).map(|server| format!("`{}`", server.handle)).collect();
    let application = if there.is_empty() {
        here.exists().then(|| here.display().to_string())
    } else {
        Some(format!("{} on {}", project.name, there.join(", ")))
    };
    let own = Path::new(&project.folder);
    if folder && own.exists() && !repository::is_begun(project)? {
        return Err(Error::FolderNotOurs { folder: own.to_owned() });
    }
    let ports = context.store.project_ports(&project.id).await?;
    let secrets = context.store.secrets(&project.id).await?;
    let runs = runs::of_project(context, &project.id).await?;
    let work = runs.iter().map(|run| worktrees::folder(context, &run.id)).filter(|folder| folder.exists());
    Ok(Removal {
        application,
        folder: (folder && own.exists()).then(|| project.folder.clone()),
        secrets: secrets.iter().map(|kept| kept.name.to_string()).collect(),
        work: work.map(|folder| folder.display().to_string()).collect(),
        ports: ports.iter().filter(|port| port.purpose == PortPurpose::Public).map(|port| port.port).collect(),
    })
}

/// Takes a project off its server and out of the store, with its unfinished runs, which get the event `cancelled`.
/// May be repeated after it was cut short.
///
/// # Errors
/// When another process changes the project; when something still runs or a file cannot be removed: then the record
/// stays.
pub async fn remove(
    context: &Context,
    project: &Project,
    removal: &Removal,
    cancelled: &(String, String),
) -> Result<(), Error> {
    users::require(context, Right::Destroy, Some(project))?;
    locked(context, project, "its removal", async || {
        for run in runs::unfinished(context, &project.id).await? {
            runs::cancel(context, &run, cancelled.clone()).await?;
        }
        if removal.application.is_some() {
            services::remove(context, project, &CancellationToken::new()).await?;
        }
        if !removal.work.is_empty() {
            for run in runs::of_project(context, &project.id).await? {
                worktrees::forget(context, Some(project), &run.id, &CancellationToken::new()).await?;
            }
        }
        if let Some(folder) = &removal.folder {
            std::fs::remove_dir_all(folder).map_err(|source| Error::Path {
                action: "remove",
                path: PathBuf::from(folder),
                source,
            })?;
        }
        context.store.remove_project(&project.id, context.now()).await?;
        Ok(())
    })
    .await
}
