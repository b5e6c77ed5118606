//! Work on a project beside its folder: a place for each task, and the way back into the project.
//!
//! A place is a linked worktree in cgo's own data folder, on the branch `cgo/RUN/TASK/work`. The project's own branch
//! moves only forward, only to a commit that was tested, and only while nothing in its folder is uncommitted.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{Context, Error, repository};
use crate::domain::ids::RunId;
use crate::domain::names::AgentName;
use crate::domain::project::Project;
use crate::domain::secret_files;
pub use crate::workspace::git::worktree::Merged;
use crate::workspace::git::{Repository, Sha};

/// A place to work in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its folder.
    pub folder: PathBuf,
    /// Its branch.
    pub branch: String,
    /// The commit it begins at, in full.
    pub base: String,
}

/// The folder of everything a run has outside its project.
#[must_use]
pub fn folder(context: &Context, run: &RunId) -> PathBuf {
    context.data.join("worktrees").join(run.as_str())
}

fn branches(run: &RunId) -> String {
    format!("cgo/{run}")
}

fn open(project: &Project) -> Result<Repository, Error> {
    Ok(Repository::open(Path::new(&project.folder))?)
}

/// A fresh place for a task, at a commit. What an earlier attempt left is dropped.
///
/// # Errors
/// When git fails or the folder cannot be made.
pub async fn make(
    context: &Context,
    project: &Project,
    run: &RunId,
    task: &AgentName,
    base: &str,
    cancel: &CancellationToken,
) -> Result<Place, Error> {
    let folder = folder(context, run).join(task.as_str());
    let branch = format!("{}/{task}/work", branches(run));
    open(project)?.add_worktree(&folder, &branch, &Sha::parse(base)?, cancel).await?;
    Ok(Place { folder, branch, base: base.to_owned() })
}

/// The files of secrets that a fresh place holds. Whoever works there sees them empty, and git in the place is told to
/// call them unchanged all the same.
///
/// # Errors
/// When git fails.
pub async fn veil(place: &Place, cancel: &CancellationToken) -> Result<Vec<String>, Error> {
    Ok(Repository::open(&place.folder)?.overlook(secret_files::is_hidden, cancel).await?)
}

/// Removes a place; its branch, and so the work, stays in the project's repository.
///
/// # Errors
/// When git fails or the folder cannot be removed.
pub async fn remove(project: &Project, place: &Place, cancel: &CancellationToken) -> Result<(), Error> {
    Ok(open(project)?.remove_worktree(&place.folder, cancel).await?)
}

/// Removes a place with its branch: nothing in it was to be kept.
///
/// # Errors
/// When git fails or the folder cannot be removed.
pub async fn discard(project: &Project, place: &Place, cancel: &CancellationToken) -> Result<(), Error> {
    let repository = open(project)?;
    repository.remove_worktree(&place.folder, cancel).await?;
    // Others of the run may be there.
    let _ = place.folder.parent().map(std::fs::remove_dir);
    let below = place.branch.rsplit_once('/').map_or(&*place.branch, |(below, _)| below);
    Ok(repository.drop_branches(below, cancel).await?)
}

/// Merges a commit in a place.
///
/// # Errors
/// When git fails.
pub async fn merge(
    context: &Context,
    place: &Place,
    commit: &str,
    message: &str,
    key: &str,
    cancel: &CancellationToken,
) -> Result<Merged, Error> {
    let repository = Repository::open(&place.folder)?;
    let stamp = repository::stamp(context, &repository, key, cancel).await?;
    Ok(repository.merge(&Sha::parse(commit)?, message, key, stamp.as_ref(), cancel).await?)
}

/// The commits of a place after those it began at, as a stream for [`commit_again`].
///
/// # Errors
/// When git fails, or a commit holds a file that is no text.
pub async fn commits_of(place: &Place, cancel: &CancellationToken) -> Result<String, Error> {
    let repository = Repository::open(&place.folder)?;
    Ok(repository.export_since(&Sha::parse(&place.base)?, &place.branch, cancel).await?)
}

/// Makes such commits again in a place, and brings its folder to them.
///
/// # Errors
/// When git fails.
pub async fn commit_again(place: &Place, stream: &str, cancel: &CancellationToken) -> Result<(), Error> {
    Ok(Repository::open(&place.folder)?.import(stream, &place.branch, cancel).await?)
}

/// Whether the project's own branch holds a commit.
///
/// # Errors
/// When git fails.
pub async fn holds(project: &Project, commit: &str, cancel: &CancellationToken) -> Result<bool, Error> {
    Ok(open(project)?.holds(&Sha::parse(commit)?, cancel).await?)
}

/// Moves the project's own branch and its folder forward to a commit.
///
/// # Errors
/// When something in the folder is not committed, the branch has gone elsewhere meanwhile, or git fails.
pub async fn advance(project: &Project, commit: &str, cancel: &CancellationToken) -> Result<(), Error> {
    if let Some(file) = repository::changes(project, cancel).await?.first() {
        return Err(Error::Usage {
            what: format!("`{file}` in `{}` is not committed, so the work cannot be merged there", project.folder),
            hint: format!("commit it or put it away (`git -C {} stash -u`), then resume the run", project.folder),
        });
    }
    repository::note_coded(project)?;
    if open(project)?.fast_forward(&Sha::parse(commit)?, cancel).await? {
        return Ok(());
    }
    Err(Error::Usage {
        what: format!("the branch of `{}` has moved while the work was tested", project.folder),
        hint: "resume the run: the work is merged on top of it".to_owned(),
    })
}

/// What a branch changed, as a patch of at most so many bytes.
///
/// # Errors
/// When git fails.
pub async fn difference(
    project: &Project,
    from: &str,
    to: &str,
    most: usize,
    cancel: &CancellationToken,
) -> Result<String, Error> {
    let mut text = open(project)?.difference(&Sha::parse(from)?, &Sha::parse(to)?, cancel).await?;
    if text.len() > most {
        let end = text.floor_char_boundary(most);
        text.truncate(end);
        text.push_str("\n… (cut)\n");
    }
    Ok(text)
}

/// Removes what a run left outside its project; its branches, and so the work, stay in the project's repository. May
/// be repeated, also when the project's folder is gone.
///
/// # Errors
/// When git fails or a folder cannot be removed.
pub async fn forget(
    context: &Context,
    project: Option<&Project>,
    run: &RunId,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let folder = folder(context, run);
    if !folder.exists() {
        return Ok(());
    }
    if let Some(repository) = project.and_then(|project| open(project).ok()) {
        return Ok(repository.remove_worktree(&folder, cancel).await?);
    }
    std::fs::remove_dir_all(&folder).map_err(|source| Error::Path { action: "remove", path: folder, source })
}

/// Drops what a run left outside its project, and its branches. May be repeated.
///
/// # Errors
/// When git fails or a folder cannot be removed.
pub async fn clear(context: &Context, project: &Project, run: &RunId, cancel: &CancellationToken) -> Result<(), Error> {
    let repository = open(project)?;
    repository.remove_worktree(&folder(context, run), cancel).await?;
    Ok(repository.drop_branches(&branches(run), cancel).await?)
}
