//! Files that are whole or not there, and locks that end with their holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;

/// Whether a write is on disk when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// It survives a power cut.
    Yes,
    /// It survives the end of this process.
    No,
}

/// The error for a file.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Makes a folder and its parents, for the owner only.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make the folder", path))
}

/// Replaces a file, for the owner only: a reader sees the old content or the new one.
pub fn replace(path: &Path, content: &[u8], durable: Durable) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(content)?;
        if durable == Durable::Yes {
            file.sync_all()?;
        }
        fs::rename(&fresh, path)?;
        match (durable, path.parent()) {
            (Durable::Yes, Some(folder)) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        failed("write", path)(error)
    })
}

/// Replaces a file by a value as JSON.
pub fn replace_json<T: Serialize>(path: &Path, value: &T, durable: Durable) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).expect("our own types have string keys and no custom serializer");
    text.push(b'\n');
    replace(path, &text, durable)
}

/// Reads a value from JSON; `None` when there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    // The reason names a place and an expectation; the only file with secrets holds strings, of which it echoes none.
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| Error::Damaged { path: path.to_owned(), reason: error.to_string() })
}

/// Takes the lock on a file, unless somebody has it. It ends when the last copy of the descriptor is closed, also in
/// processes that inherited it.
pub fn try_lock(path: &Path) -> Result<Option<File>, Error> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// Whether somebody has the lock on a file.
pub fn is_locked(path: &Path) -> Result<bool, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}
