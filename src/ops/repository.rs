//! A project's folder as cgo makes it: begun once, committed step by step, each step findable by its effect.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{Context, Error};
use crate::domain::project::Project;
use crate::domain::spec::Spec;
use crate::domain::state::RepoInfo;
use crate::scaffold::{render, spec};
use crate::workspace::git::{Author, BRANCH, Repository, Sha, Stamp};

/// The file in `.git` that says which project the folder was made for.
const MARK: &str = "cgo-project";
/// The file in `.git` that says where the project was pushed to.
const PUSHED: &str = "cgo-pushed";
/// The file in `.git` that says that a coder wrote some of the project.
const CODED: &str = "cgo-coded";

fn path_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Path { action, path, source }
}

/// A project's repository as the state tells it: where it was last pushed to, else on this machine only.
#[must_use]
pub fn info(project: &Project) -> RepoInfo {
    let pushed = std::fs::read_to_string(Path::new(&project.folder).join(".git").join(PUSHED));
    let pushed: Option<RepoInfo> = pushed.ok().and_then(|text| serde_json::from_str(&text).ok());
    pushed.unwrap_or_else(|| RepoInfo {
        full_name: project.name.to_string(),
        html_url: project.folder.clone(),
        clone_url: project.folder.clone(),
        commits: Vec::new(),
    })
}

/// Remembers where a project was pushed to, for later runs.
///
/// # Errors
/// When the file cannot be written.
pub fn note_pushed(project: &Project, info: &RepoInfo) -> Result<(), Error> {
    let file = Path::new(&project.folder).join(".git").join(PUSHED);
    let place = RepoInfo { commits: Vec::new(), ..info.clone() };
    let text = serde_json::to_string(&place).expect("a repository has text keys only");
    std::fs::write(&file, text + "\n").map_err(path_error("write to", &file))
}

/// Remembers that a coder wrote some of what the project's branch holds, or is about to.
///
/// # Errors
/// When the file cannot be written.
pub fn note_coded(project: &Project) -> Result<(), Error> {
    let file = Path::new(&project.folder).join(".git").join(CODED);
    std::fs::write(&file, "A coder wrote some of this: its tests run in the sandbox.\n")
        .map_err(path_error("write to", &file))
}

/// Whether a coder wrote some of what the project's branch holds.
#[must_use]
pub fn is_coded(project: &Project) -> bool {
    Path::new(&project.folder).join(".git").join(CODED).exists()
}

/// Whether the folder was begun for this project.
///
/// # Errors
/// When the folder cannot be read.
pub fn is_begun(project: &Project) -> Result<bool, Error> {
    let mark = Path::new(&project.folder).join(".git").join(MARK);
    match std::fs::read_to_string(&mark) {
        Ok(text) => Ok(text.trim() == project.id.as_str()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(path_error("read", &mark)(error)),
    }
}

/// Makes the folder and its repository, marked as this project's. May be repeated, also after a crash in the middle.
///
/// # Errors
/// [`Error::FolderNotEmpty`] when the folder holds anything else.
pub async fn begin(project: &Project, cancel: &CancellationToken) -> Result<(), Error> {
    let folder = Path::new(&project.folder);
    if !is_free(folder)? && !is_begun(project)? {
        return Err(Error::FolderNotEmpty { folder: folder.to_owned() });
    }
    std::fs::create_dir_all(folder).map_err(path_error("create", folder))?;
    Repository::init_or_open(folder, cancel).await?;
    let mark = folder.join(".git").join(MARK);
    std::fs::write(&mark, format!("{}\n", project.id)).map_err(path_error("write to", &mark))
}

/// A folder a project can be made in: not there, empty, or holding nothing but a repository that was just begun.
///
/// # Errors
/// When the folder cannot be read.
pub fn is_free(folder: &Path) -> Result<bool, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(path_error("read", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(path_error("read", folder))?;
        let just_begun = entry.file_name() == ".git" && !entry.path().join("refs/heads/main").exists();
        if !just_begun {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The commit an effect made, if it did.
///
/// # Errors
/// When git fails.
pub async fn commit_of(project: &Project, key: &str, cancel: &CancellationToken) -> Result<Option<String>, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    let found = repository.find_commit_by_effect(key, cancel).await?;
    Ok(found.map(|sha| sha.as_str().to_owned()))
}

async fn commit(
    context: &Context,
    project: &Project,
    message: &str,
    key: &str,
    cancel: &CancellationToken,
) -> Result<String, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    let stamp = stamp(context, &repository, key, cancel).await?;
    let commit = repository.commit_all(message, key, stamp.as_ref(), cancel).await?;
    Ok(commit.sha.as_str().to_owned())
}

/// Whose name and which moment the commits of a run on a cassette carry; none for any other run.
///
/// # Errors
/// When git fails.
pub async fn stamp(
    context: &Context,
    repository: &Repository,
    key: &str,
    cancel: &CancellationToken,
) -> Result<Option<Stamp>, Error> {
    if !context.source.is_taped() {
        return Ok(None);
    }
    let user = repository.user(cancel).await?;
    let author = Author {
        name: context.source.fact("the name in commits", &user.name),
        email: context.source.fact("the address in commits", &user.email),
    };
    Ok(Some(Stamp { author, at: context.source.moment(format_args!("commit {key}")).0.div_euclid(1000) }))
}

/// What a person committed after that commit, as a stream of commits.
///
/// # Errors
/// When git fails.
pub async fn commits_since(project: &Project, commit: &str, cancel: &CancellationToken) -> Result<String, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    Ok(repository.export_since(&Sha::parse(commit)?, BRANCH, cancel).await?)
}

/// Makes such commits again.
///
/// # Errors
/// When git fails.
pub async fn commit_again(project: &Project, stream: &str, cancel: &CancellationToken) -> Result<(), Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    Ok(repository.import(stream, BRANCH, cancel).await?)
}

/// Writes the spec's files and commits them.
///
/// # Errors
/// When a file cannot be written or git fails.
pub async fn commit_spec(
    context: &Context,
    project: &Project,
    content: &Spec,
    key: &str,
    cancel: &CancellationToken,
) -> Result<String, Error> {
    let root = PathBuf::from(&project.folder);
    for (path, text) in spec::files(content) {
        let file = root.join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(path_error("create", folder))?;
        }
        std::fs::write(&file, text).map_err(path_error("write to", &file))?;
    }
    commit(context, project, "Add the spec", key, cancel).await
}

/// Generates the project from its spec and commits it. Returns the commit and how many files were written.
///
/// # Errors
/// When the spec cannot be rendered, a file cannot be written, or git fails.
pub async fn commit_generated(
    context: &Context,
    project: &Project,
    content: &Spec,
    key: &str,
    cancel: &CancellationToken,
) -> Result<(String, usize), Error> {
    let plan = render::plan_generate(content, Path::new(&project.folder), render::Overwrite::No)?;
    let applied = plan.apply()?;
    let written = applied.created.len() + applied.updated.len();
    Ok((commit(context, project, "Generate the project from its spec", key, cancel).await?, written))
}

/// The newest commit, in full.
///
/// # Errors
/// When the folder has no repository or no commit.
pub async fn head(project: &Project, cancel: &CancellationToken) -> Result<Sha, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    repository.head(cancel).await?.ok_or_else(|| Error::Usage {
        what: format!("`{}` has no commit yet", project.folder),
        hint: format!("run `git -C {} add -A && git -C {0} commit`", project.folder),
    })
}

/// The files that differ from the newest commit.
///
/// # Errors
/// When git fails.
pub async fn changes(project: &Project, cancel: &CancellationToken) -> Result<Vec<String>, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    let files = repository.changed_files(cancel).await?;
    Ok(files.into_iter().map(|file| file.path.display().to_string()).collect())
}

/// The files of a commit that say of themselves that they cannot be undone, with their reason.
///
/// # Errors
/// When git fails, or has no such commit.
pub async fn irreversible(
    project: &Project,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Vec<(String, String)>, Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    Ok(repository.irreversible(&Sha::parse(commit)?, cancel).await?)
}

/// Puts a commit's files in a folder, whole or not at all.
///
/// # Errors
/// When git fails or the folder cannot be written.
pub async fn export(project: &Project, commit: &str, into: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let repository = Repository::open(Path::new(&project.folder))?;
    repository.export(&Sha::parse(commit)?, into, cancel).await?;
    Ok(())
}

impl Context {
    /// The folder dependencies are kept in.
    #[must_use]
    pub fn environments(&self) -> crate::workspace::python::Cache {
        crate::workspace::python::Cache::new(&self.cache)
    }
}
