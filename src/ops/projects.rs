//! Projects: begun, found, looked at, stopped, started, removed, and kept in step with their spec.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Context, Error, leases, random, repository, servers};
use crate::domain::deployment::Slot;
use crate::domain::ids::{ProjectId, RunId};
use crate::domain::names::ProjectName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::run::NewProject;
use crate::domain::server::PortPurpose;
use crate::domain::spec::{Language, Module, Spec};
use crate::domain::state::NotBuilt;
use crate::exec::{self, Command};
use crate::remote::ports;
use crate::remote::process::ProcessRuntime;
use crate::remote::runtime::{AppStatus, Runtime, SlotState, Supervision, Which};
use crate::scaffold::{render, spec as spec_files};
use crate::store::{Ports as _, Projects as _, Servers as _};
use crate::workspace::python::{Search, Toolchain};

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
    let now = context.now();
    let project = Project {
        id: ProjectId::new(now, random()),
        name,
        title: spec.project.title.clone(),
        description: spec.project.description.clone(),
        folder: folder.display().to_string(),
        modules: spec.modules.clone(),
        status: ProjectStatus::Building,
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
    Toolchain::find(&Search::from_env(), &cancel).await?;
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

/// Puts a project in the store.
///
/// # Errors
/// When its name is taken.
pub async fn create(context: &Context, project: &Project) -> Result<(), Error> {
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
    match context.store.project_by_name(name).await? {
        Some(project) => Ok(project),
        None => Err(no_such(context, name.as_str()).await?),
    }
}

async fn no_such(context: &Context, name: &str) -> Result<Error, Error> {
    let known = context.store.projects().await?.into_iter().map(|project| project.name.to_string()).collect();
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
    let known = context.store.projects().await?;
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

/// Every project, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<Project>, Error> {
    Ok(context.store.projects().await?)
}

/// Notes where a project stands.
///
/// # Errors
/// When the store fails.
pub async fn set_status(context: &Context, id: &ProjectId, status: ProjectStatus) -> Result<(), Error> {
    Ok(context.store.set_project_status(id, status, context.now()).await?)
}

/// The spec in a project's folder.
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn spec(project: &Project) -> Result<Spec, Error> {
    read_spec(Path::new(&project.folder))
}

/// The spec in a folder or a single file, with its operations.
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn read_spec(path: &Path) -> Result<Spec, Error> {
    let mut spec = spec_files::read_path(path).map_err(|invalid| problems_of(&invalid))?.spec;
    if spec.domains.is_empty() {
        spec.domains = spec.standard_domains()?;
    }
    Ok(spec)
}

fn problems_of(invalid: &spec_files::Invalid) -> Error {
    Error::Spec { problems: invalid.problems.iter().map(ToString::to_string).collect() }
}

/// Everything that is wrong with a spec that came from an agent, one line each.
#[must_use]
pub fn problems(spec: &Spec) -> Vec<String> {
    spec_files::check(spec).iter().map(ToString::to_string).collect()
}

/// The files a project of this spec consists of, by path.
///
/// # Errors
/// When the spec cannot be rendered.
pub fn files(spec: &Spec) -> Result<Vec<String>, Error> {
    Ok(render::render(spec)?.files.into_iter().map(|file| file.path).collect())
}

/// The spec's own files, as (path, text).
#[must_use]
pub fn spec_texts(spec: &Spec) -> Vec<(String, String)> {
    spec_files::files(spec)
}

/// Writes a folder's spec files in their standard form, or only says which would change: (changed, kept with why).
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn format_spec(folder: &Path, write: bool) -> Result<(Vec<String>, Vec<String>), Error> {
    let formatted =
        spec_files::format(&spec_files::SpecFiles::collect(folder)).map_err(|invalid| problems_of(&invalid))?;
    let mut changed = Vec::new();
    for (path, text) in formatted.changed {
        if write {
            let file = folder.join(&path);
            let beside = file.with_extension("yaml.part");
            std::fs::write(&beside, &text)
                .and_then(|()| std::fs::rename(&beside, &file))
                .map_err(|source| Error::Path { action: "write to", path: file.clone(), source })?;
        }
        changed.push(path);
    }
    let kept = formatted.kept.into_iter().map(|(path, why)| format!("{path}: {why}")).collect();
    Ok((changed, kept))
}

/// What bringing a project in step with its spec changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Generated {
    /// The changes, one a line: `create services/…`.
    pub changes: Vec<String>,
    /// What to know: files edited by hand, migrations that lose data.
    pub notes: Vec<String>,
}

/// Writes a project's generated code again from its spec. Hand-written files are never touched.
///
/// # Errors
/// [`Error::Spec`] with every problem, or when the files cannot be written.
pub fn generate(folder: &Path, force: bool, dry_run: bool) -> Result<Generated, Error> {
    let spec = read_spec(folder)?;
    let overwrite = if force { render::Overwrite::Yes } else { render::Overwrite::No };
    let plan = render::plan_generate(&spec, folder, overwrite)?;
    let changes = plan
        .steps
        .iter()
        .map(|step| {
            let verb = match step.action {
                render::Action::Create => "create",
                render::Action::Update => "update",
                render::Action::Remove => "remove",
            };
            format!("{verb} {}", step.path)
        })
        .collect();
    let mut notes: Vec<String> = plan.notes.iter().map(|note| note.text.clone()).collect();
    if !force {
        notes.extend(
            plan.edited
                .iter()
                .map(|path| format!("`{path}` was edited by hand and is left as it is; --force overwrites it")),
        );
    }
    notes.extend(plan.orphans.iter().map(|path| format!("`{path}` belongs to nothing in the spec any more")));
    if !dry_run {
        plan.apply()?;
    }
    Ok(Generated { changes, notes })
}

/// How a project stands on its server, asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Live {
    /// Visitors reach a release.
    pub serves: bool,
    /// In words.
    pub words: String,
    /// The address, once a port is reserved.
    pub url: Option<String>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// The port people open, once it is reserved.
///
/// # Errors
/// When the store fails.
pub async fn public_port(context: &Context, project: &Project) -> Result<Option<u16>, Error> {
    let ports = context.store.project_ports(&project.id).await?;
    Ok(ports.iter().find(|port| port.purpose == PortPurpose::Public).map(|port| port.port))
}

/// The application of a project on the `local` server; none before a port is reserved.
///
/// # Errors
/// When the store fails.
pub async fn runtime(context: &Context, project: &Project) -> Result<Option<ProcessRuntime>, Error> {
    let port = public_port(context, project).await?;
    Ok(port.map(|port| runtime_at(context, project, port)))
}

/// The application of a project, reached at a port of this machine.
#[must_use]
pub fn runtime_at(context: &Context, project: &Project, port: u16) -> ProcessRuntime {
    let address = SocketAddr::new(servers::LOCAL_ADDRESS.parse().expect("a constant address"), port);
    ProcessRuntime::new(&context.app_folder(&project.name), address).supervised_by(context.supervisor.iter().cloned())
}

/// The address people open.
#[must_use]
pub fn url(port: u16) -> String {
    format!("http://{}:{port}", servers::LOCAL_ADDRESS)
}

/// How a project stands, asked of its processes.
///
/// # Errors
/// When that cannot be found out.
pub async fn live(context: &Context, project: &Project) -> Result<Live, Error> {
    let public = public_port(context, project).await?;
    let status = match public {
        Some(port) => runtime_at(context, project, port).inspect().await?,
        None => None,
    };
    let url = public.map(url);
    Ok(match status {
        None => Live {
            serves: false,
            words: match project.status {
                ProjectStatus::Building => "not finished".to_owned(),
                _ => "not deployed".to_owned(),
            },
            url: None,
            problem: None,
        },
        Some(status) => Live { serves: status.serves(), words: words(&status), url, problem: problem(&status) },
    })
}

fn words(status: &AppStatus) -> String {
    let slot = status.active.map(|slot| status.slots.get(slot));
    match (&status.supervisor, slot) {
        _ if status.serves() => "running".to_owned(),
        (Supervision::Stopped, _) => "stopped".to_owned(),
        (Supervision::Dead, Some(slot)) if slot.state == SlotState::Unsupervised => {
            "not reachable: its supervisor has died".to_owned()
        }
        (Supervision::Dead, _) => "died".to_owned(),
        (Supervision::Running(_), Some(slot)) => match slot.state {
            SlotState::Failed => "failed: its process ended too often".to_owned(),
            SlotState::BackingOff => "restarting".to_owned(),
            state => state.as_str().replace('_', " "),
        },
        (Supervision::Running(_), None) => "no release serves".to_owned(),
    }
}

fn problem(status: &AppStatus) -> Option<String> {
    let slot = status.active.and_then(|slot| status.slots.get(slot).problem.clone());
    status.problem.clone().or(slot)
}

/// The port a project placed now would most likely get.
///
/// # Errors
/// When the store fails.
pub async fn likely_port(context: &Context) -> Result<Option<u16>, Error> {
    let listening = ports::listening()?;
    let reserved = match context.store.server_by_handle(crate::domain::server::LOCAL).await? {
        Some(server) => context.store.ports(&server.id).await?.into_iter().map(|port| port.port).collect(),
        None => Vec::new(),
    };
    Ok(PortPurpose::Public.range().find(|port| !listening.contains(port) && !reserved.contains(port)))
}

async fn deployed(context: &Context, project: &Project) -> Result<ProcessRuntime, Error> {
    runtime(context, project).await?.ok_or_else(|| Error::Usage {
        what: format!("project `{}` is not deployed", project.name),
        hint: format!("run `cgo deploy {}`", project.name),
    })
}

/// The resource no two commands change at once: the project, for the time of one command.
async fn locked<T>(
    context: &Context,
    project: &Project,
    work: impl AsyncFnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let leases = leases::Leases::new(context);
    let purpose = RunId::new(context.now(), random());
    leases.take_project(&project.name, &purpose).await?;
    let done = work().await;
    leases.release().await?;
    done
}

/// Stops a project's service. Its data stays, and it can be started again.
///
/// # Errors
/// When it is not deployed, or something still runs.
pub async fn stop(context: &Context, project: &Project) -> Result<(), Error> {
    let runtime = deployed(context, project).await?;
    locked(context, project, async || {
        runtime.stop_all().await?;
        set_status(context, &project.id, ProjectStatus::Stopped).await
    })
    .await
}

/// Starts a project's service again: after a stop, a crash or a reboot.
///
/// # Errors
/// When it was never deployed, or its port is taken.
pub async fn start(context: &Context, project: &Project) -> Result<(), Error> {
    let runtime = deployed(context, project).await?;
    locked(context, project, async || {
        runtime.start_all().await?;
        set_status(context, &project.id, ProjectStatus::Deployed).await
    })
    .await
}

/// The last lines of a project's service.
///
/// # Errors
/// When it is not deployed.
pub async fn logs(context: &Context, project: &Project, lines: usize) -> Result<Vec<String>, Error> {
    Ok(deployed(context, project).await?.tail(Which::Active, lines).await?)
}

/// Passes on the lines of a project's service as they come, until cancelled.
///
/// # Errors
/// When it is not deployed.
pub async fn follow_logs(
    context: &Context,
    project: &Project,
    lines: usize,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Error> {
    Ok(deployed(context, project).await?.follow(Which::Active, lines, cancel, on_line).await?)
}

/// What removing a project destroys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Removal {
    /// The application's folder, with releases, logs and data.
    pub application: Option<String>,
    /// The project's own folder, when that is asked for.
    pub folder: Option<String>,
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
pub async fn plan_removal(context: &Context, project: &Project, folder: bool) -> Result<Removal, Error> {
    let application = context.app_folder(&project.name);
    let own = Path::new(&project.folder);
    if folder && own.exists() && !repository::is_begun(project)? {
        return Err(Error::FolderNotOurs { folder: own.to_owned() });
    }
    let ports = context.store.project_ports(&project.id).await?;
    Ok(Removal {
        application: application.exists().then(|| application.display().to_string()),
        folder: (folder && own.exists()).then(|| project.folder.clone()),
        ports: ports.iter().filter(|port| port.purpose == PortPurpose::Public).map(|port| port.port).collect(),
    })
}

/// Takes a project off its server and out of the store. May be repeated after it was cut short.
///
/// # Errors
/// When something still runs or a file cannot be removed; then the record stays.
pub async fn remove(context: &Context, project: &Project, removal: &Removal) -> Result<(), Error> {
    locked(context, project, async || {
        if let Some(runtime) = runtime(context, project).await?
            && removal.application.is_some()
        {
            runtime.remove().await?;
        }
        if let Some(folder) = &removal.folder {
            std::fs::remove_dir_all(folder).map_err(|source| Error::Path {
                action: "remove",
                path: PathBuf::from(folder),
                source,
            })?;
        }
        context.store.remove_project(&project.id).await?;
        Ok(())
    })
    .await
}

/// The slot a new release goes to: the one that does not serve.
#[must_use]
pub fn idle_slot(status: Option<&AppStatus>) -> Slot {
    status.and_then(|status| status.active).map_or(Slot::Blue, Slot::other)
}
