//! Reading and writing below one folder, and nowhere else.
//!
//! Every part of a path is opened from its parent without following symbolic links, so neither a link that is there
//! nor one that appears meanwhile leads outside. Files appear whole: written beside, then renamed.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, linkat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::Error;

/// The folder of a project.
pub struct Root {
    path: PathBuf,
    folder: OwnedFd,
}

impl Root {
    /// Opens a folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let folder = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| failed("read", path, errno))?;
        Ok(Self { path: path.to_owned(), folder })
    }

    /// The text of a file; none when it is not there. Text that is not UTF-8 is read with replacements.
    pub fn read(&self, path: &str) -> Result<Option<String>, Error> {
        let Some((folder, name)) = self.parent(path, Missing::Leave)? else { return Ok(None) };
        match openat(
            &folder,
            name,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(file) => {
                let mut bytes = Vec::new();
                let mut file = File::from(file);
                if !file.metadata().is_ok_and(|about| about.is_file()) {
                    return Err(Error::NotInside { path: path.to_owned() });
                }
                file.read_to_end(&mut bytes).map_err(|source| self.failed_io("read", path, source))?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::MLINK) => Err(Error::NotInside { path: path.to_owned() }),
            Err(errno) => Err(failed("read", &self.path.join(path), errno)),
        }
    }

    /// Whether something stands at a path.
    pub fn has(&self, path: &str) -> Result<bool, Error> {
        let Some((folder, name)) = self.parent(path, Missing::Leave)? else { return Ok(false) };
        match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) if FileType::from_raw_mode(about.st_mode) == FileType::RegularFile => Ok(true),
            Ok(_) => Err(Error::NotInside { path: path.to_owned() }),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed("read", &self.path.join(path), errno)),
        }
    }

    /// The names of the files in a folder, in order; none when it is not there.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        let Some((folder, _)) = self.parent(&format!("{path}/x"), Missing::Leave)? else { return Ok(Vec::new()) };
        let entries =
            rustix::fs::Dir::read_from(&folder).map_err(|errno| failed("read", &self.path.join(path), errno))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|errno| failed("read", &self.path.join(path), errno))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Writes a file: whole or not at all. With [`Replace::No`], one that has appeared meanwhile is an error.
    pub fn write(&self, path: &str, contents: &str, executable: bool, replace: Replace) -> Result<(), Error> {
        let (folder, name) =
            self.parent(path, Missing::Make)?.ok_or_else(|| Error::NotInside { path: path.to_owned() })?;
        let temporary = format!(".{name}.cgo-new");
        match unlinkat(&folder, &temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("write", &self.path.join(path), errno)),
        }
        let mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(&folder, &temporary, flags, mode).map_err(|errno| failed("write", &self.path.join(path), errno))?;
        let written = File::from(file)
            .write_all(contents.as_bytes())
            .and_then(|()| put(&folder, &temporary, name, replace).map_err(std::io::Error::from));
        written.map_err(|source| {
            // The half-written file is not worth a second error.
            let _ = unlinkat(&folder, &temporary, AtFlags::empty());
            self.failed_io("write", path, source)
        })
    }

    /// Removes a file and the folders that are empty without it; one that is not there is as good as removed.
    pub fn remove(&self, path: &str) -> Result<(), Error> {
        let Some((folder, name)) = self.parent(path, Missing::Leave)? else { return Ok(()) };
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("remove", &self.path.join(path), errno)),
        }
        let mut path = path;
        while let Some((parent, _)) = path.rsplit_once('/') {
            let Some((folder, name)) = self.parent(parent, Missing::Leave)? else { break };
            if unlinkat(&folder, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            path = parent;
        }
        Ok(())
    }

    /// The folder that holds a path's last part, opened part by part.
    fn parent<'p>(&self, path: &'p str, missing: Missing) -> Result<Option<(OwnedFd, &'p str)>, Error> {
        let mut parts: Vec<&str> = path.split('/').collect();
        let bad = |part: &&str| part.is_empty() || *part == "." || *part == ".." || part.contains('\0');
        let Some(name) = parts.pop().filter(|name| !bad(name) && !parts.iter().any(bad)) else {
            return Err(Error::NotInside { path: path.to_owned() });
        };
        let mut folder = self.folder.try_clone().map_err(|source| self.failed_io("read", path, source))?;
        let mut shown = String::new();
        for part in parts {
            if !shown.is_empty() {
                shown.push('/');
            }
            shown.push_str(part);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = |folder: &OwnedFd| openat(folder, part, flags, Mode::empty());
            let opened = match open(&folder) {
                Err(Errno::NOENT) if missing == Missing::Leave => return Ok(None),
                Err(Errno::NOENT) => match mkdirat(&folder, part, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => open(&folder),
                    Err(errno) => return Err(failed("write", &self.path.join(&shown), errno)),
                },
                other => other,
            };
            folder = match opened {
                Ok(folder) => folder,
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => return Err(Error::NotInside { path: shown }),
                Err(errno) => return Err(failed("read", &self.path.join(&shown), errno)),
            };
        }
        Ok(Some((folder, name)))
    }

    fn failed_io(&self, deed: &'static str, path: &str, source: std::io::Error) -> Error {
        Error::Disk { deed, path: self.path.join(path), source }
    }
}

/// Whether a file may take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Yes,
    /// It must be new.
    No,
}

/// Gives a finished file its name.
fn put(folder: &OwnedFd, temporary: &str, name: &str, replace: Replace) -> Result<(), Errno> {
    if replace == Replace::Yes {
        return renameat(folder, temporary, folder, name);
    }
    linkat(folder, temporary, folder, name, AtFlags::empty())?;
    unlinkat(folder, temporary, AtFlags::empty())
}

/// What to do about a folder on the way that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Leave,
    Make,
}

fn failed(deed: &'static str, path: &Path, errno: Errno) -> Error {
    Error::Disk { deed, path: path.to_owned(), source: errno.into() }
}

/// Whether an error says that nothing is there.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Disk { source, .. } if source.kind() == ErrorKind::NotFound)
}
