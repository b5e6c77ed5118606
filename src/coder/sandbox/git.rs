//! What of a repository is let in with a workspace, so that an agent can commit and can set no trap.
//!
//! Whoever may write a repository's settings or hooks runs programs as the operator the next time the operator, or
//! cgo, runs git there. So these stay read-only, and the names that lead to them are mount points, which
//! nothing inside can rename or remove. In a linked worktree the agent writes objects,
//! its own index and the refs beside its own branch.

use std::path::{Path, PathBuf};

use super::Error;

/// The paths, in the order they are let in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Read-only, below which something is let in later.
    pub(super) read_only_before: Vec<PathBuf>,
    /// Writable.
    pub(super) writable: Vec<PathBuf>,
    /// Read-only again.
    pub(super) read_only: Vec<PathBuf>,
}

impl Access {
    /// What a workspace needs; none when it is no checkout.
    ///
    /// # Errors
    /// When it is one and cannot be let in safely.
    pub fn of(workspace: &Path) -> Result<Option<Self>, Error> {
        let entry = workspace.join(".git");
        let Ok(about) = std::fs::symlink_metadata(&entry) else { return Ok(None) };
        if about.is_dir() {
            return clone(&entry).map(Some);
        }
        if about.is_file() {
            return worktree(&entry).map(Some);
        }
        Err(Error::Path { path: entry, reason: "it is neither a folder nor a file" })
    }
}

/// The repository of a workspace: its own folder, or the one it is a linked worktree of.
#[must_use]
pub fn directory(workspace: &Path) -> Option<PathBuf> {
    let entry = workspace.join(".git");
    if entry.is_dir() {
        return Some(entry);
    }
    let own = std::fs::read_to_string(&entry).ok()?;
    let own = PathBuf::from(own.trim().strip_prefix("gitdir: ")?);
    let common = std::fs::read_to_string(own.join("commondir")).ok()?;
    std::fs::canonicalize(own.join(common.trim())).ok()
}

fn clone(folder: &Path) -> Result<Access, Error> {
    let mut access = Access { writable: vec![folder.to_owned()], ..Access::default() };
    for folder in [folder.join("hooks"), folder.join("info"), folder.join("objects/info")] {
        make(&folder)?;
        access.read_only.push(folder);
    }
    access.read_only.push(folder.join("config"));
    // Objects of another repository that this one builds on.
    let alternates = std::fs::read_to_string(folder.join("objects/info/alternates")).unwrap_or_default();
    let elsewhere = alternates.lines().map(PathBuf::from).filter(|path| path.is_absolute() && path.is_dir());
    access.read_only_before.extend(elsewhere);
    Ok(access)
}

fn worktree(file: &Path) -> Result<Access, Error> {
    let wrong = |reason| Error::Path { path: file.to_owned(), reason };
    let read = |path: &Path| std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let own = read(file).ok().and_then(|text| text.strip_prefix("gitdir: ").map(PathBuf::from));
    let own = own.and_then(|own| std::fs::canonicalize(own).ok()).ok_or_else(|| wrong("it names no worktree"))?;
    let common = read(&own.join("commondir")).ok().and_then(|path| std::fs::canonicalize(own.join(path)).ok());
    let common = common.ok_or_else(|| wrong("its repository is gone"))?;
    if own.parent() != Some(common.join("worktrees").as_path()) {
        return Err(wrong("its repository does not know it"));
    }
    let head = read(&own.join("HEAD")).unwrap_or_default();
    let branch = head.strip_prefix("ref: refs/heads/").ok_or_else(|| wrong("it is on no branch"))?;
    let family = Path::new(branch).parent().filter(|family| !family.as_os_str().is_empty());
    let family = family.ok_or_else(|| wrong("its branch has no folder of its own, like `cgo/NAME`"))?;
    let mut access = Access { read_only_before: vec![common.clone()], ..Access::default() };
    let folders =
        [common.join("objects"), common.join("refs/heads").join(family), common.join("logs/refs/heads").join(family)];
    for folder in folders {
        make(&folder)?;
        access.writable.push(folder);
    }
    access.writable.push(own.clone());
    make(&common.join("objects/info"))?;
    access.read_only = vec![common.join("objects/info"), own.join("commondir"), own.join("gitdir"), file.to_owned()];
    let settings = own.join("config.worktree");
    if settings.exists() {
        access.read_only.push(settings);
    }
    Ok(access)
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::System { action: "prepare the repository", source })
}
