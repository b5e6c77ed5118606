//! Taking over what exists: a folder is inspected, becomes a project, and is asked whether it can be deployed.
//!
//! An inspection that could not look says so: nothing seen is not nothing missing. In this version a repository is a
//! folder of this machine; one at a forge has to be cloned first.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::secrets::{self, Variable};
use super::{Context, Error, deploy, explain, placement, projects, random, specs};
use crate::domain::diagnose::{Advice, Diagnose as _};
use crate::domain::ids::ProjectId;
use crate::domain::names::ProjectName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::spec::Module;
use crate::store::{self, Projects as _};
use crate::workspace::git::Repository;

/// Files that tell what a folder holds.
const TELLING: [&str; 12] = [
    "cgo.yaml",
    "services.yml",
    "shared/spec/models.yaml",
    "pyproject.toml",
    "requirements.txt",
    "package.json",
    "Cargo.toml",
    "go.mod",
    "Dockerfile",
    "compose.yaml",
    "docker-compose.yml",
    "AGENTS.md",
];

/// A service, as `cgo.yaml` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Its folder, below the project's.
    pub workdir: String,
    /// The path that answers while it lives.
    pub health: String,
    /// What has to pass before a release is made, by name.
    pub checks: Vec<String>,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Inspection {
    /// The folder.
    pub folder: String,
    /// The project's name, by its `cgo.yaml`.
    pub name: Option<ProjectName>,
    /// The newest commit, in full; none without a repository or a commit.
    pub commit: Option<String>,
    /// Files that differ from it.
    pub uncommitted: Vec<String>,
    /// What runs.
    pub services: Vec<ServiceView>,
    /// The environment contract.
    pub variables: Vec<Variable>,
    /// The names of secrets that a person has to give.
    pub missing_secrets: Vec<String>,
    /// Whether there is a spec that cgo can generate from.
    pub has_spec: bool,
    /// Files that tell what the folder holds.
    pub files: Vec<String>,
    /// What stands in the way of a deployment, or could not be looked at.
    pub problems: Vec<String>,
}

/// Looks at a folder. Contents of files other than cgo's own stay unread.
///
/// # Errors
/// When the folder is not there.
pub async fn inspect(context: &Context, folder: &Path, cancel: &CancellationToken) -> Result<Inspection, Error> {
    let folder =
        folder.canonicalize().map_err(|source| Error::Path { action: "look at", path: folder.to_owned(), source })?;
    let mut found = Inspection {
        folder: folder.display().to_string(),
        name: None,
        commit: None,
        uncommitted: Vec::new(),
        services: Vec::new(),
        variables: Vec::new(),
        missing_secrets: Vec::new(),
        has_spec: false,
        files: TELLING.into_iter().filter(|name| folder.join(name).is_file()).map(str::to_owned).collect(),
        problems: Vec::new(),
    };
    look_at_repository(&folder, cancel, &mut found).await;
    match deploy::manifest(&folder) {
        Ok(manifest) => {
            found.services = manifest
                .services
                .iter()
                .map(|(name, service)| ServiceView {
                    name: name.to_string(),
                    workdir: service.workdir.to_string(),
                    health: service.health.to_string(),
                    checks: service.checks.iter().map(|check| check.name.to_string()).collect(),
                })
                .collect();
            match secrets::variables(context, &manifest.name, &folder).await {
                Ok(variables) => {
                    let missing = |of: &&Variable| of.is_missing();
                    let (persons, ours): (Vec<_>, Vec<_>) =
                        variables.iter().filter(missing).partition(|variable| variable.source == "user_secret");
                    found.missing_secrets = persons.iter().map(|variable| variable.name.clone()).collect();
                    found.problems.extend(ours.iter().map(|variable| {
                        format!("`{}` is a {}, which this version does not make", variable.name, variable.source)
                    }));
                    found.variables = variables;
                }
                Err(error) => found.problems.push(format!("the environment contract was not read: {}", told(&error))),
            }
            found.name = Some(manifest.name);
        }
        Err(Error::Path { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            found
                .problems
                .push(format!("there is no `{}`, so nothing says how it is run and checked", deploy::MANIFEST_FILE));
        }
        Err(error) => found.problems.push(told(&error)),
    }
    if specs::is_here(&folder) {
        match specs::read(&folder) {
            Ok(_) => found.has_spec = true,
            Err(error) => found.problems.push(format!("the spec was not read: {}", told(&error))),
        }
    }
    Ok(found)
}

async fn look_at_repository(folder: &Path, cancel: &CancellationToken, found: &mut Inspection) {
    let look = async {
        let repository = Repository::open(folder)?;
        let head = repository.head(cancel).await?;
        let changed = if head.is_some() { repository.changed_files(cancel).await? } else { Vec::new() };
        Ok::<_, crate::workspace::git::Error>((head, changed))
    };
    match look.await {
        Ok((Some(head), changed)) => {
            found.commit = Some(head.as_str().to_owned());
            found.uncommitted = changed.into_iter().map(|file| file.path.display().to_string()).collect();
            if !found.uncommitted.is_empty() {
                found.problems.push(format!("{} files differ from the newest commit", found.uncommitted.len()));
            }
        }
        Ok((None, _)) => found.problems.push("its repository has no commit".to_owned()),
        Err(error) => found.problems.push(format!("it was not read as a git repository: {}", explain(&error))),
    }
}

/// An error with its evidence, in one line.
fn told(error: &Error) -> String {
    let evidence: Vec<&str> = error.evidence().iter().take(5).map(String::as_str).collect();
    if evidence.is_empty() { explain(error) } else { format!("{}: {}", explain(error), evidence.join("; ")) }
}

/// The project a folder is taken over as: the one that has the folder already, or a new one, not yet in the store.
///
/// # Errors
/// When the folder has no readable `cgo.yaml`, or its name belongs to another folder.
pub async fn prepare(context: &Context, folder: &Path) -> Result<Project, Error> {
    let folder =
        folder.canonicalize().map_err(|source| Error::Path { action: "look at", path: folder.to_owned(), source })?;
    let same = |project: &Project| PathBuf::from(&project.folder).canonicalize().is_ok_and(|path| path == folder);
    if let Some(known) = projects::list(context).await?.into_iter().find(same) {
        return Ok(known);
    }
    let manifest = deploy::manifest(&folder)?;
    if context.store.project_by_name(&manifest.name).await?.is_some() {
        return Err(store::Error::NameTaken { name: manifest.name }.into());
    }
    let spec = specs::read(&folder).ok();
    let now = context.now();
    Ok(Project {
        id: ProjectId::new(now, random()),
        title: spec.as_ref().map_or_else(|| manifest.name.to_string(), |spec| spec.project.title.clone()),
        description: spec.as_ref().map(|spec| spec.project.description.clone()).unwrap_or_default(),
        modules: spec.map_or_else(|| vec![Module::Backend], |spec| spec.modules),
        name: manifest.name,
        folder: folder.display().to_string(),
        status: ProjectStatus::Built,
        owner: None,
        created_at: now,
        updated_at: now,
    })
}

/// One thing a deployment needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Readiness {
    /// What.
    pub name: String,
    /// It is there, for certain.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What mends it.
    pub mend: Option<String>,
}

impl Readiness {
    /// A finding that is as it should be.
    #[must_use]
    pub fn good(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: true, found: found.into(), mend: None }
    }

    /// A finding that is not.
    #[must_use]
    pub fn bad(name: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: false, found: found.into(), mend: Some(mend.into()) }
    }

    fn of(name: &str, error: &Error) -> Self {
        let mend = error.advice().map(Advice::words);
        Self { name: name.to_owned(), ok: false, found: told(error), mend }
    }
}

/// Whether a project can be deployed: every answer is a positive one, or it is none.
///
/// # Errors
/// When the folder is not there.
pub async fn readiness(
    context: &Context,
    project: &Project,
    cancel: &CancellationToken,
) -> Result<Vec<Readiness>, Error> {
    let folder = Path::new(&project.folder);
    let seen = inspect(context, folder, cancel).await?;
    let mut all = Vec::new();
    all.push(match &seen.commit {
        Some(commit) if seen.uncommitted.is_empty() => Readiness::good("commit", commit.clone()),
        Some(_) => Readiness::bad("commit", "files differ from the newest commit", "commit them"),
        None => Readiness::bad("commit", seen.problems.join("; "), "commit the project"),
    });
    all.push(match deploy::manifest(folder) {
        Ok(_) => Readiness::good("manifest", deploy::MANIFEST_FILE),
        Err(error) => Readiness::of("manifest", &error),
    });
    all.push(match secrets::check(context, project, folder).await {
        Ok(given) => Readiness::good("secrets", format!("{given} of {given} set")),
        Err(error) => Readiness::of("secrets", &error),
    });
    if seen.has_spec {
        all.push(match specs::generate(folder, false, true) {
            Ok(generated) if generated.changes.is_empty() => Readiness::good("generated", "follows from the spec"),
            Ok(generated) => Readiness::bad(
                "generated",
                format!("{} files would change", generated.changes.len()),
                format!("cgo project generate {}", project.name),
            ),
            Err(error) => Readiness::of("generated", &error),
        });
    }
    all.push(match placement::find(context, project, None, cancel).await {
        Ok(servers) => {
            let names: Vec<String> = servers.into_iter().map(|server| server.handle).collect();
            Readiness::good("server", names.join(", "))
        }
        Err(error) => Readiness::of("server", &error),
    });
    Ok(all)
}
