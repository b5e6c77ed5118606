//! What of a repository is let in with a workspace, so that an agent can commit and can set no trap and do no harm.
//!
//! Whoever may write a repository's settings or hooks runs programs as the operator the next time the operator, or
//! cgo, runs git there; whoever may write its objects can take its history away, or put another in its place. So of
//! the repository of a linked worktree nothing can be written: where git writes (objects, the refs beside the
//! worktree's own branch, what belongs to the worktree), a folder apart stands over the true one. Its objects build on
//! the true ones, which are elsewhere inside; [`super::Sandbox::take_in`] brings commits from there into the
//! repository. A clone has all of it in the workspace, and only its settings, what leads to them and its hooks stay as
//! they are. The names that lead to what is read-only are mount points, which nothing inside can rename or remove.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Error;

/// Where the true objects stand inside.
const OBJECTS: &str = "/run/cgo/objects";
/// The largest file that says where a worktree is, in bytes.
const SAID: u64 = 4096;
/// What `commondir` says in a folder that git is to look in itself.
const HERE: &str = ".\n";

/// A file or folder that is let in.
#[derive(Debug)]
pub(super) struct Mount {
    /// How bubblewrap calls it.
    pub(super) how: &'static str,
    pub(super) outside: PathBuf,
    pub(super) inside: PathBuf,
}

impl Mount {
    fn read_only(outside: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { how: "--ro-bind", outside: outside.into(), inside: inside.into() }
    }

    fn writable(outside: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { how: "--bind", outside: outside.into(), inside: inside.into() }
    }
}

/// What is let in, in its order.
#[derive(Debug, Default)]
pub(super) struct Access {
    /// Before the workspace.
    pub(super) before: Vec<Mount>,
    /// After it.
    pub(super) after: Vec<Mount>,
    /// The files that say which branch is checked out and where it is, each with the one that stands over it.
    places: Vec<[PathBuf; 2]>,
}

impl Access {
    /// What a workspace needs; none when it is no checkout. What git writes in a linked worktree goes to the folder
    /// `apart`, which is made when it is not there.
    ///
    /// # Errors
    /// When it is a checkout and cannot be let in safely.
    pub(super) fn of(workspace: &Path, apart: &Path) -> Result<Option<Self>, Error> {
        let entry = workspace.join(".git");
        let Ok(about) = std::fs::symlink_metadata(&entry) else { return Ok(None) };
        if about.is_dir() {
            return clone(&entry).map(Some);
        }
        if about.is_file() {
            return Worktree::read(&entry)?.access(&entry, apart).map(Some);
        }
        Err(Error::Path { path: entry, reason: "it is neither a folder nor a file" })
    }

    /// Whether what ran has moved the branch or checked out another one, which only the folder apart knows.
    pub(super) fn strayed(&self) -> bool {
        self.places.iter().any(|[outside, inside]| said(outside) != said(inside))
    }
}

/// What an ordinary small file holds. A link is none: whoever wrote it may have written what is not theirs to read.
fn said(path: &Path) -> Option<Vec<u8>> {
    let about = std::fs::symlink_metadata(path).ok()?;
    (about.is_file() && about.len() <= SAID).then(|| std::fs::read(path).ok()).flatten()
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
    let mut access = Access { before: bases(&folder.join("objects")), ..Access::default() };
    access.after.push(Mount::writable(folder, folder));
    for folder in [folder.join("hooks"), folder.join("info"), folder.join("objects/info")] {
        make(&folder)?;
        access.after.push(Mount::read_only(&folder, &folder));
    }
    // Whoever could make these would lead git to settings of their own; and what is mounted has to be there. As they
    // are made they change nothing, and they stay.
    let (leads, more) = (folder.join("commondir"), folder.join("config.worktree"));
    place(&leads, HERE)?;
    place(&more, "")?;
    if said(&leads).is_none_or(|said| said.trim_ascii() != HERE.trim().as_bytes()) {
        return Err(Error::Path { path: leads, reason: "it leads to the settings of another repository" });
    }
    if !std::fs::symlink_metadata(&more).is_ok_and(|about| about.is_file()) {
        return Err(Error::Path { path: more, reason: "it is no ordinary file" });
    }
    for file in [folder.join("config"), leads, more] {
        access.after.push(Mount::read_only(&file, &file));
    }
    // The operator's worktrees have such files, too.
    let worktrees = folder.join("worktrees");
    if std::fs::symlink_metadata(&worktrees).is_ok_and(|about| about.is_dir()) {
        access.after.push(Mount::read_only(&worktrees, &worktrees));
    }
    Ok(access)
}

/// Makes a file that is not there.
fn place(file: &Path, text: &str) -> Result<(), Error> {
    match File::create_new(file).and_then(|mut made| made.write_all(text.as_bytes())) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(prepare(source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Objects of other repositories that these build on.
fn bases(objects: &Path) -> Vec<Mount> {
    let alternates = std::fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    let elsewhere = alternates.lines().map(Path::new).filter(|path| path.is_absolute() && path.is_dir());
    elsewhere.map(|path| Mount::read_only(path, path)).collect()
}

/// A linked worktree on a branch.
pub(super) struct Worktree {
    /// Its own folder in the repository: HEAD and the index.
    pub(super) own: PathBuf,
    /// The repository.
    pub(super) common: PathBuf,
    /// The branch, like `cgo/NAME`.
    pub(super) branch: String,
    /// The branch's name without its last part.
    family: PathBuf,
}

impl Worktree {
    /// By the file in the workspace that names it.
    ///
    /// # Errors
    /// When it is none, or on no branch that may be let in.
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
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
        Ok(Self { common, branch: branch.to_owned(), family: family.to_owned(), own })
    }

    fn access(&self, file: &Path, apart: &Path) -> Result<Access, Error> {
        let Self { own, common, branch, family } = self;
        let objects = common.join("objects");
        let (refs, logs) = (common.join("refs/heads").join(family), common.join("logs/refs/heads").join(family));
        // What something is mounted on has to be there.
        make(&refs)?;
        make(&logs)?;
        let made = match std::fs::create_dir(apart) {
            Ok(()) => fill(apart, own, &refs),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(source),
        };
        made.map_err(prepare)?;
        let apart = apart.canonicalize().map_err(prepare)?;
        let mut access = Access { before: bases(&objects), ..Access::default() };
        access.before.extend([Mount::read_only(common, common), Mount::read_only(&objects, OBJECTS)]);
        for (name, over) in [("objects", &objects), ("refs", &refs), ("logs", &logs), ("own", own)] {
            access.after.push(Mount::writable(apart.join(name), over));
        }
        access.after.push(Mount::read_only(apart.join("objects/info"), objects.join("info")));
        for name in ["commondir", "gitdir", "config.worktree"] {
            access.after.push(Mount::read_only(apart.join("own").join(name), own.join(name)));
        }
        access.after.push(Mount::read_only(file, file));
        let leaf = Path::new(branch).file_name().unwrap_or_default();
        access.places = vec![
            [own.join("HEAD"), apart.join("own/HEAD")],
            [common.join("refs/heads").join(branch), apart.join("refs").join(leaf)],
        ];
        Ok(access)
    }
}

/// Fills the folder for what git writes: what the worktree and the refs are now, and no objects.
fn fill(apart: &Path, own: &Path, refs: &Path) -> io::Result<()> {
    for folder in ["objects/info", "objects/pack", "logs"] {
        std::fs::create_dir_all(apart.join(folder))?;
    }
    std::fs::write(apart.join("objects/info/alternates"), format!("{OBJECTS}\n"))?;
    copy(refs, &apart.join("refs"))?;
    copy(own, &apart.join("own"))?;
    // Whoever could make it would make settings; and what is mounted has to be there.
    std::fs::OpenOptions::new().create(true).append(true).open(apart.join("own/config.worktree")).map(drop)
}

/// Copies a folder's ordinary files and folders.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(prepare)
}

fn prepare(source: io::Error) -> Error {
    Error::System { action: "prepare the repository", source }
}
