//! The projects on record: chosen, made, found. Their spec is in `specs`, their running side in `services`.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{Context, Error, random, repository, users};
use crate::domain::ids::ProjectId;
use crate::domain::names::ProjectName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::run::NewProject;
use crate::domain::spec::{Language, Module, Spec};
use crate::domain::state::NotBuilt;
use crate::domain::user::Right;
use crate::exec::{self, Command};
use crate::store::Projects as _;
use crate::workspace::python::Toolchain;

/// Room a project, its environment and its first releases need, in megabytes.
const ROOM_MB: u64 = 300;

/// What is told about a module that this version does not build.
#[must_use]
pub fn module_comes_later(module: Module, language: Language) -> NotBuilt {
    let (what, why, add) = match (language, module) {
        (Language::En, Module::TelegramBot) => (
            "Telegram bot",
            "the bot module comes in a later version; its API is built now",
            "the bot's dialogues on top of this API",
        ),
        (Language::En, Module::Notifications) => (
            "notifications",
            "the notifications module comes in a later version",
            "sending them from the stored records",
        ),
        (Language::En, Module::Frontend) => (
            "web page",
            "the web page module comes in a later version; its API is built now",
            "pages on top of this API",
        ),
        (Language::En, Module::Backend) => ("backend", "it is built", "nothing"),
        (Language::Ru, Module::TelegramBot) => (
            "бот в Telegram",
            "модуль бота появится в следующей версии; API для него сделан",
            "диалоги бота поверх этого API",
        ),
        (Language::Ru, Module::Notifications) => {
            ("уведомления", "модуль уведомлений появится в следующей версии", "отправку по сохранённым записям")
        }
        (Language::Ru, Module::Frontend) => (
            "веб-страница",
            "модуль веб-страницы появится в следующей версии; API для неё сделан",
            "страницы поверх этого API",
        ),
        (Language::Ru, Module::Backend) => ("бэкенд", "он сделан", "ничего"),
    };
    NotBuilt { what: what.to_owned(), why: why.to_owned(), model_would_add: add.to_owned() }
}

/// Chooses name and folder of a new project and checks everything that would stop it later: rights, room, git and
/// Python. Returns the project and, when the name had to be changed, a remark. Nothing is made.
///
/// # Errors
/// When a chosen name or folder is taken, or something is missing on this machine.
pub async fn choose(context: &Context, new: &NewProject, spec: &Spec) -> Result<(Project, Option<String>), Error> {
    let base = new.name.clone().unwrap_or_else(|| spec.project.name.clone());
    let (name, folder) = free_place(context, new, &base).await?;
    let note = (name != base).then(|| match spec.project.language {
        Language::En => format!("the name `{base}` is taken here, so the project is called `{name}`"),
        Language::Ru => format!("имя `{base}` здесь занято, поэтому проект назван `{name}`"),
    });
    preflight(context, &folder).await?;
    let now = context.source.moment(format_args!("project {name}"));
    let project = Project {
        id: ProjectId::new(now, context.source.chance(format_args!("project {name}"))),
        name,
        title: spec.project.title.clone(),
        description: spec.project.description.clone(),
        folder: folder.display().to_string(),
        modules: spec.modules.clone(),
        status: ProjectStatus::Building,
        owner: None,
        created_at: now,
        updated_at: now,
    };
    Ok((project, note))
}

async fn free_place(context: &Context, new: &NewProject, base: &ProjectName) -> Result<(ProjectName, PathBuf), Error> {
    const TRIES: u32 = 99;
    let place = |name: &ProjectName| {
        new.folder.as_ref().map_or_else(|| Path::new(&new.parent).join(name.as_str()), PathBuf::from)
    };
    for number in 1..=TRIES {
        let name = if number == 1 { base.clone() } else { numbered(base, number)? };
        let folder = place(&name);
        let name_taken = context.store.project_by_name(&name).await?.is_some();
        let folder_taken = !repository::is_free(&folder)?;
        match (name_taken, folder_taken) {
            (false, false) => return Ok((name, folder)),
            (true, _) if new.name.is_some() => return Err(crate::store::Error::NameTaken { name }.into()),
            (_, true) if new.name.is_some() || new.folder.is_some() => return Err(Error::FolderNotEmpty { folder }),
            _ => {}
        }
    }
    Err(crate::store::Error::NameTaken { name: base.clone() }.into())
}

fn numbered(base: &ProjectName, number: u32) -> Result<ProjectName, Error> {
    let ending = format!("-{number}");
    let stem: String = base.as_str().chars().take(40 - ending.len()).collect();
    Ok(ProjectName::parse(&format!("{}{ending}", stem.trim_end_matches('-')))?)
}

async fn preflight(context: &Context, folder: &Path) -> Result<(), Error> {
    let parent = folder.ancestors().skip(1).find(|path| path.is_dir()).unwrap_or(Path::new("/"));
    try_folder(parent).map_err(|source| Error::Path { action: "write to", path: parent.to_owned(), source })?;
    for place in [parent, existing(&context.data), existing(&context.cache)] {
        if let Ok(disk) = rustix::fs::statvfs(place) {
            // File systems without blocks, such as /proc, say nothing about room.
            let available_mb =
                if disk.f_blocks == 0 { ROOM_MB } else { disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000 };
            if available_mb < ROOM_MB {
                return Err(Error::NoRoom { path: place.to_owned(), available_mb, needed_mb: ROOM_MB });
            }
        }
    }
    let cancel = CancellationToken::new();
    exec::run_ok(&Command::new("git").arg("--version"), &cancel).await.map_err(|error| match error {
        exec::Error::NotFound { .. } => Error::Git(crate::workspace::git::Error::NoGit),
        other => Error::Exec(other),
    })?;
    Toolchain::of_machine(&cancel).await?;
    Ok(())
}

/// Makes a folder there and removes it again: rights, read-only file systems and special ones show only so.
fn try_folder(parent: &Path) -> std::io::Result<()> {
    let folder = parent.join(format!(".cgo-{:08x}", random()));
    std::fs::create_dir(&folder)?;
    std::fs::remove_dir(&folder)
}

fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// Puts a project in the store: whoever is worked for makes it for themselves, an admin for anybody.
///
/// # Errors
/// [`users::Error::Forbidden`]; when its name is taken.
pub async fn create(context: &Context, project: &Project) -> Result<(), Error> {
    users::require(context, Right::Create, None)?;
    users::require(context, Right::Operate, Some(project))?;
    Ok(context.store.create_project(project).await?)
}

/// The project of that id.
///
/// # Errors
/// When the store fails.
pub async fn find(context: &Context, id: &ProjectId) -> Result<Option<Project>, Error> {
    Ok(context.store.project(id).await?)
}

/// The project of that id, which the store must have.
///
/// # Errors
/// [`Error::NoSuchProject`].
pub async fn by_id(context: &Context, id: &ProjectId) -> Result<Project, Error> {
    match context.store.project(id).await? {
        Some(project) => Ok(project),
        None => Err(no_such(context, id.as_str()).await?),
    }
}

/// The project of that name.
///
/// # Errors
/// [`Error::NoSuchProject`] with the names there are.
pub async fn by_name(context: &Context, name: &ProjectName) -> Result<Project, Error> {
    match context.store.project_by_name(name).await?.filter(|project| is_seen(context, project)) {
        Some(project) => Ok(project),
        None => Err(no_such(context, name.as_str()).await?),
    }
}

/// Whether whoever is worked for may see a project: of others it is not even told that they are there.
fn is_seen(context: &Context, project: &Project) -> bool {
    context.person.may(Right::See, project.owner())
}

async fn no_such(context: &Context, name: &str) -> Result<Error, Error> {
    let known = list(context).await?.into_iter().map(|project| project.name.to_string()).collect();
    Ok(Error::NoSuchProject { name: name.to_owned(), known })
}

/// The project a folder, or the current one, belongs to.
///
/// # Errors
/// [`Error::Usage`] when it belongs to none.
pub async fn of_folder(context: &Context, folder: Option<&Path>) -> Result<Project, Error> {
    let here = folder.map_or_else(std::env::current_dir, std::path::absolute).map_err(|source| Error::Path {
        action: "find",
        path: PathBuf::from("."),
        source,
    })?;
    let here = here.canonicalize().unwrap_or(here);
    let known = list(context).await?;
    let canonical = |project: &Project| {
        Path::new(&project.folder).canonicalize().unwrap_or_else(|_| PathBuf::from(&project.folder))
    };
    let found = here.ancestors().find_map(|path| known.iter().find(|project| canonical(project) == path));
    found.cloned().ok_or_else(|| Error::Usage {
        what: format!("`{}` is not the folder of a project", here.display()),
        hint: if known.is_empty() {
            "make one with `cgo project new`".to_owned()
        } else {
            format!(
                "name the project: {}",
                known.iter().map(|project| project.name.as_str()).collect::<Vec<_>>().join(", ")
            )
        },
    })
}

/// Every project that whoever is worked for may see, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<Project>, Error> {
    let all = context.store.projects().await?;
    Ok(all.into_iter().filter(|project| is_seen(context, project)).collect())
}

/// Notes where a project stands. What has brought it there was allowed or refused: nothing is asked here.
///
/// # Errors
/// When the store fails.
pub async fn set_status(context: &Context, id: &ProjectId, status: ProjectStatus) -> Result<(), Error> {
    Ok(context.store.set_project_status(id, status, context.now()).await?)
}

/// Replaces what a project is called, what it is for and what it is made of.
///
/// # Errors
/// [`users::Error::Forbidden`]; when the store fails.
pub async fn describe(context: &Context, id: &ProjectId, spec: &Spec) -> Result<(), Error> {
    let project = by_id(context, id).await?;
    users::require(context, Right::Operate, Some(&project))?;
    let described = Project {
        title: spec.project.title.clone(),
        description: spec.project.description.clone(),
        modules: spec.modules.clone(),
        updated_at: context.now(),
        ..project
    };
    Ok(context.store.update_project(&described).await?)
}

/// Marks a project as being changed on purpose, or ends that: then it stands where its releases say. Returns where it
/// stands now.
///
/// # Errors
/// [`users::Error::Forbidden`]; when the store fails.
pub async fn set_maintenance(context: &Context, project: &Project, on: bool) -> Result<ProjectStatus, Error> {
    users::require(context, Right::Operate, Some(project))?;
    let status = match (on, project.status) {
        (true, _) => ProjectStatus::Maintenance,
        (false, ProjectStatus::Maintenance) => match super::deploy::active(context, project).await? {
            Some(_) => ProjectStatus::Deployed,
            None => ProjectStatus::Built,
        },
        (false, status) => status,
    };
    set_status(context, &project.id, status).await?;
    Ok(status)
}
