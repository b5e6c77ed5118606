//! What a deployment would do, decided before anything is done.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::{Context, Error, explain, placement, repository, servers, services};
use super::{
    check_rollback_of, gone_back_to, identity, is_built_here, is_here, manifest, release_folder, remote, service,
};
use crate::domain::deployment::{Driver, Slot};
use crate::domain::diagnose::{Advice, Diagnose};
use crate::domain::ids::{ReleaseId, ServerId};
use crate::domain::manifest::Service;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::run::Request;
use crate::domain::server::PortPurpose;
use crate::domain::time::Timestamp;
use crate::remote::runtime::Runtime;

/// A deployment as it is going to be. Kept in the journal, so that a resumed run does the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The release.
    pub release: ReleaseId,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The commit, in full.
    pub commit: String,
    /// The server.
    pub server: ServerId,
    /// The slot it starts in.
    pub slot: Slot,
    /// The slot that serves now and is retired after the flip.
    pub serving: Option<Slot>,
    /// The port people open.
    pub public_port: u16,
    /// The port of the slot.
    pub port: u16,
    /// The release's folder.
    pub folder: PathBuf,
    /// It was built and migrated before: a rollback.
    pub is_built: bool,
}

/// Plans a deployment of a commit, or of a release that was built before, and reserves its ports.
///
/// # Errors
/// [`Error::InMaintenance`]; when a port cannot be reserved or the server cannot be asked.
pub async fn plan(context: &Context, project: &Project, request: &Request, commit: &str) -> Result<Plan, Error> {
    placement::open_to(context, project).await?;
    let server = servers::local(context).await?;
    let manifest_folder = Path::new(&project.folder);
    let known = gone_back_to(context, project, request, &|id| is_here(context, project, id)).await?;
    let manifest = match &known {
        None => manifest(manifest_folder)?,
        Some(release) => manifest(&release_folder(context, project, &release.release).join(super::steps::SOURCE))?,
    };
    let (name, _) = service(&manifest);
    let reserve = async |purpose| servers::reserve_port(context, &server, &project.id, name, purpose).await;
    let public = reserve(PortPurpose::Public).await?;
    let blue = reserve(PortPurpose::Blue).await?;
    let green = reserve(PortPurpose::Green).await?;
    let status = services::runtime_at(context, project, public.port).inspect().await?;
    let slot = services::idle_slot(status.as_ref());
    let (release, created_at) = identity(context, project, known.as_ref()).await?;
    Ok(Plan {
        folder: release_folder(context, project, &release),
        created_at,
        is_built: known.is_some(),
        release,
        commit: known.map_or_else(|| commit.to_owned(), |known| known.commit),
        server: server.id,
        slot,
        serving: status.and_then(|status| status.active),
        public_port: public.port,
        port: match slot {
            Slot::Blue => blue.port,
            Slot::Green => green.port,
        },
    })
}

/// What `cgo deploy --dry-run` shows. Nothing is reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Preview {
    /// The project.
    pub project: ProjectName,
    /// The commit, in full.
    pub commit: String,
    /// The steps, in order.
    pub steps: Vec<String>,
    /// What would stop it, by a look at its servers; empty when nothing would.
    pub obstacles: Vec<Obstacle>,
    /// How an authority for trials answered to the names that are new, in words; none without such names, and where it
    /// refused, which is an obstacle.
    pub certificate: Option<String>,
}

/// What would stop a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Obstacle {
    /// What, in one line.
    pub what: String,
    /// What to do about it, where something can be done.
    pub mend: Option<String>,
    /// What the deployment would exit with.
    pub exit_code: u8,
}

impl Obstacle {
    fn of(error: &impl Diagnose, what: String) -> Self {
        Self { what, mend: error.advice().map(Advice::words), exit_code: error.kind().exit_code() }
    }
}

/// How a release is made, in words.
fn built(service: &Service) -> &'static str {
    if is_built_here(service) {
        "build its image here, for machines like the server's, and send the layers that are not there"
    } else if service.driver == Some(Driver::Container) {
        "build its image on the server, for machines like it"
    } else {
        "build a release: the commit's files and its dependencies"
    }
}

/// Says what a deployment would do.
///
/// # Errors
/// When what would be deployed cannot be read.
pub async fn preview(
    context: &Context,
    project: &Project,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<Preview, Error> {
    let is_new = !matches!(request, Request::Rollback { .. });
    let servers = if is_new {
        placement::find(context, project, request.wish(), cancel).await?
    } else {
        placement::open_to(context, project).await?
    };
    let standing = services::standing(context, project, cancel).await?;
    let slot = standing.map_or(Slot::Blue, Slot::other).as_str();
    let (commit, mut steps) = match request {
        Request::Rollback { release, .. } => {
            let release = check_rollback_of(context, project, release.as_ref(), request.rollout().force).await?;
            (release.commit.clone(), vec![format!("take release {} as it was built", release.release)])
        }
        Request::NewProject(_) | Request::Update(_) | Request::Deploy { .. } => {
            let manifest = manifest(Path::new(&project.folder))?;
            let (_, service) = service(&manifest);
            let checks: Vec<&str> = service.checks.iter().map(|check| check.name.as_str()).collect();
            let mut steps = vec![format!("run the checks: {}", checks.join(", ")), built(service).to_owned()];
            if service.migrate.is_some() {
                steps.push("migrate the database".to_owned());
            }
            steps.extend(super::front::preview(context, project, &servers)?);
            (repository::head(project, cancel).await?.as_str().to_owned(), steps)
        }
    };
    steps.push(format!("start it in slot {slot}, beside what serves"));
    steps.push("ask it until it has answered well three times in a row".to_owned());
    steps.push(format!("send visitors to slot {slot}"));
    if let Some(serving) = standing {
        steps.push(format!("let slot {} finish its requests, and stop it", serving.as_str()));
    }
    if let [first, others @ ..] = &servers[..]
        && !others.is_empty()
    {
        let others: Vec<&str> = others.iter().map(|server| server.handle.as_str()).collect();
        let rollout = request.rollout();
        steps.push(format!(
            "all this on {} first, then on {}, {} at once; {}",
            first.handle,
            others.join(", "),
            rollout.parallel.unwrap_or(remote::AT_ONCE),
            if rollout.allow_partial {
                "a server that cannot take it is left as it is"
            } else {
                "when it comes to nothing on one, all go back"
            },
        ));
    }
    steps.push("probe the live service".to_owned());
    let found = remote::preflight(context, project, &servers, is_new, cancel).await;
    let mut obstacles: Vec<_> = found.obstacles.iter().map(|error| Obstacle::of(error, explain(error))).collect();
    let certificate = found
        .certificate
        .and_then(|tried| tried.map_err(|refused| obstacles.push(Obstacle::of(&refused, refused.to_string()))).ok());
    Ok(Preview { project: project.name.clone(), commit, steps, obstacles, certificate })
}
