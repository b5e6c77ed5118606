//! Copying an environment to the place where it is wanted.
//!
//! What nobody edits in place — compiled files, extension modules, native programs — is shared by hard links; the rest
//! is copied, so that an edit in one environment never reaches another or the cache. Across file systems, and
//! where whoever writes in the copy is not trusted, everything is copied. The new environment appears whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::Error;
use super::relocate::{Move, Sharing};

/// Scripts larger than this name no place; native programs are.
const LARGEST_SCRIPT: u64 = 256 * 1024;
/// More threads than this only wait for the file system.
const THREADS: usize = 4;

/// How much is in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Size {
    /// Files, symbolic links with them.
    pub files: u64,
    /// Bytes in files.
    pub bytes: u64,
}

/// What is in an environment: folders in an order in which they can be made, then files.
pub(super) struct Contents {
    folders: Vec<PathBuf>,
    files: Vec<File>,
    pub size: Size,
}

struct File {
    path: PathBuf,
    link: bool,
    length: u64,
    modified: Timespec,
}

/// Lists an environment, without the names in `except` at its top.
pub(super) fn list(root: &Path, except: &[&str]) -> Result<Contents, Error> {
    let mut contents = Contents { folders: Vec::new(), files: Vec::new(), size: Size::default() };
    let mut pending = vec![PathBuf::new()];
    while let Some(folder) = pending.pop() {
        let at = root.join(&folder);
        for entry in fs::read_dir(&at).map_err(|source| Error::io("read", &at, source))? {
            let entry = entry.map_err(|source| Error::io("read", &at, source))?;
            let name = entry.file_name();
            if folder.as_os_str().is_empty() && except.iter().any(|except| name == *except) {
                continue;
            }
            let path = folder.join(name);
            let found = entry.metadata().map_err(|source| Error::io("look at", &root.join(&path), source))?;
            if found.is_dir() {
                pending.push(path.clone());
                contents.folders.push(path);
                continue;
            }
            contents.size.files += 1;
            let link = found.is_symlink();
            let length = if link { 0 } else { found.len() };
            contents.size.bytes += length;
            let modified = Timespec { tv_sec: found.mtime(), tv_nsec: found.mtime_nsec() };
            contents.files.push(File { path, link, length, modified });
        }
    }
    // A folder comes before what is in it.
    contents.folders.sort();
    Ok(contents)
}

/// Makes `to` from `from`; `to` must not exist. The place the files will name is that of `moved`.
pub(super) fn copy(from: &Path, contents: &Contents, to: &Path, moved: &Move<'_>) -> Result<(), Error> {
    for folder in &contents.folders {
        let made = to.join(folder);
        fs::create_dir(&made).map_err(|source| Error::io("make the folder", &made, source))?;
    }
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let work = || -> Result<(), Error> {
        // Taken in small parts, so that no thread is left with all the large files.
        loop {
            let first = next.fetch_add(64, Ordering::Relaxed);
            let Some(part) = contents.files.get(first..contents.files.len().min(first + 64)) else { return Ok(()) };
            if part.is_empty() {
                return Ok(());
            }
            for file in part {
                let made = to.join(&file.path);
                place(&from.join(&file.path), file, &made, moved)
                    .map_err(|source| Error::io("copy the environment's", &made, source))?;
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for other in others {
            result = result.and(other.join().expect("a copying thread does not panic"));
        }
        result
    })
}

fn place(from: &Path, file: &File, to: &Path, moved: &Move<'_>) -> io::Result<()> {
    let in_bin = file.path.parent() == Some(Path::new("bin"));
    if file.link {
        let target = fs::read_link(from)?;
        let is_python = in_bin && target.is_absolute();
        return symlink(if is_python { moved.interpreter } else { &target }, to);
    }
    if file.path == Path::new("pyvenv.cfg") {
        return fs::write(to, moved.config(&fs::read(from)?));
    }
    if in_bin
        && file.length <= LARGEST_SCRIPT
        && let Some(script) = moved.script(&fs::read(from)?)
    {
        fs::write(to, script)?;
        return fs::set_permissions(to, from.metadata()?.permissions());
    }
    let shared = moved.sharing == Sharing::Links;
    if shared && (is_never_edited(&file.path) || (in_bin && is_native(from)?)) {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // Another file system, too many links, or a file that is not ours to link.
            Err(_) => {}
        }
    }
    fs::copy(from, to)?;
    // A compiled file is used only while it names the time of its source.
    let times = Timestamps { last_access: file.modified, last_modification: file.modified };
    rustix::fs::utimensat(CWD, to, &times, AtFlags::empty())?;
    Ok(())
}

/// Python replaces compiled files, installers replace extension modules; neither writes into them.
fn is_never_edited(path: &Path) -> bool {
    let shared_library = |name: &OsStr| name.to_str().is_some_and(|name| name.contains(".so."));
    path.extension().is_some_and(|ending| ending == "pyc" || ending == "so")
        || path.file_name().is_some_and(shared_library)
}

fn is_native(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    fs::File::open(path)?.take(4).read_to_end(&mut beginning)?;
    Ok(beginning == b"\x7fELF")
}

/// A temporary folder beside the place it is for.
pub(super) fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(ending);
    target.with_file_name(name)
}

/// Removes a folder, a file or nothing.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let result = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    match result {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, source)),
        _ => Ok(()),
    }
}
