//! One environment that is kept: its manifest, and copying it where it is wanted.
//!
//! What does not agree with its manifest is not copied. Who may work on it is [`super::cache`]'s business.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Error;
use super::build::PROMPT;
use super::clone::{self, Contents, Size, beside, remove};
use super::relocate::{Move, Sharing, prompt_for};

/// The manifest's name, at the top of an environment.
pub(super) const MANIFEST: &str = "cgo-environment.json";
/// Changes when environments are made in another way.
pub(super) const FORMAT: u32 = 2;
/// Git is to look into no environment, also not into an unfinished one.
const IGNORE: &str = ".gitignore";

/// What an environment says about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub key: String,
    /// The place its files name.
    pub place: PathBuf,
    pub size: Size,
    pub installer: String,
    pub python: String,
}

impl Manifest {
    pub(super) fn read(environment: &Path) -> Option<Self> {
        let text = fs::read(environment.join(MANIFEST)).ok()?;
        serde_json::from_slice::<Self>(&text).ok().filter(|manifest| manifest.format == FORMAT)
    }

    pub(super) fn write(&self, environment: &Path) -> Result<(), Error> {
        let path = environment.join(MANIFEST);
        // Only a path that is not UTF-8 is refused.
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::io("write", &path, error.into()))?;
        fs::write(&path, text).map_err(|source| Error::io("write", &path, source))
    }
}

/// Lists what belongs to an environment.
pub(super) fn list(environment: &Path) -> Result<Contents, Error> {
    clone::list(environment, &[MANIFEST, IGNORE])
}

/// An environment in the cache that is whole, as far as its manifest tells.
pub(super) struct Kept {
    place: PathBuf,
    manifest: Manifest,
    contents: Contents,
}

impl Kept {
    /// The environment of this key, when it is there and whole.
    pub(super) fn open(place: &Path, key: &str) -> Option<Self> {
        let manifest = Manifest::read(place).filter(|manifest| manifest.key == key)?;
        let contents = list(place).ok().filter(|contents| contents.size == manifest.size)?;
        Some(Self { place: place.to_owned(), manifest, contents })
    }

    /// Puts a copy in place of what is at the target: made beside it, then renamed. `None` when the environment is
    /// gone meanwhile.
    pub(super) fn copy_to(self, target: &Path, interpreter: &Path, sharing: Sharing) -> Result<Option<Size>, Error> {
        let parent = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(|source| Error::io("make the folder", parent, source))?;
        // Two processes must not copy to the same place at once. The lock is on the folder itself and leaves nothing;
        // a network's file system may refuse it, and there the lease on the project is what keeps them apart.
        let guard = File::open(parent).map_err(|source| Error::io("open", parent, source))?;
        let _ = guard.lock();
        let (new, old) = (beside(target, ".cgo-new"), beside(target, ".cgo-old"));
        remove(&new)?;
        remove(&old)?;
        if !self.lay(&new, (target, sharing), &prompt_for(target), interpreter)? {
            return Ok(None);
        }
        let size = self.contents.size;
        Manifest { place: target.to_owned(), ..self.manifest }.write(&new)?;
        if target.symlink_metadata().is_ok() {
            fs::rename(target, &old).map_err(|source| Error::io("move away", target, source))?;
        }
        fs::rename(&new, target).map_err(|source| Error::io("move the environment to", target, source))?;
        remove(&old)?;
        Ok(Some(size))
    }

    /// Puts a copy at `folder`, for more to be installed into it. False when the environment is gone meanwhile.
    pub(super) fn extend_in(&self, folder: &Path, interpreter: &Path) -> Result<bool, Error> {
        self.lay(folder, (folder, Sharing::Links), PROMPT, interpreter)
    }

    /// Copies into the new folder `new`, whose files will name `to`.
    fn lay(
        &self,
        new: &Path,
        (to, sharing): (&Path, Sharing),
        prompt: &str,
        interpreter: &Path,
    ) -> Result<bool, Error> {
        fs::create_dir(new).map_err(|source| Error::io("make the folder", new, source))?;
        let ignore = new.join(IGNORE);
        fs::write(&ignore, "*\n").map_err(|source| Error::io("write", &ignore, source))?;
        let moved = Move { from: &self.manifest.place, to, prompt, interpreter, sharing };
        match clone::copy(&self.place, &self.contents, new, &moved) {
            Ok(()) => {}
            // Somebody removed the cache meanwhile.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                remove(new)?;
                return Ok(false);
            }
            Err(error) => {
                // The error that is reported is the copy's; what stays is removed by the next one.
                let _ = remove(new);
                return Err(error);
            }
        }
        // Says when it was used last; a cache that cannot be written to is merely pruned too early.
        let _ = File::options()
            .append(true)
            .open(self.place.join(MANIFEST))
            .and_then(|file| file.set_modified(SystemTime::now()));
        Ok(true)
    }
}
