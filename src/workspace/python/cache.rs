//! Environments that were installed once, ready to be copied.
//!
//! `ROOT/envs/KEY` is an environment; the key is a hash of the lock files and of what the interpreter is. One process
//! at a time builds or copies a key (a file lock); an environment appears there whole, by a rename, with a
//! manifest that says how much is in it, and what does not agree with its manifest is thrown away. Copies do not
//! need the cache, so that it may be removed at any time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::build::{Build, installer_env};
use super::clone::{self, Size, beside, remove};
use super::relocate::{Move, prompt_for};
use super::{Error, Toolchain};

/// The manifest's name, at the top of an environment.
const MANIFEST: &str = "cgo-environment.json";
/// Changes when environments are made in another way.
const FORMAT: u32 = 1;
/// Git is to look into no environment, also not into an unfinished one.
const IGNORE: &str = ".gitignore";
/// How often a lock that another process holds is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Environments [`Cache::prune`] keeps however old they are.
const KEEP: usize = 5;
/// How long an environment is kept that nobody uses.
const KEEP_FOR: Duration = Duration::from_hours(30 * 24);
/// How old something unfinished must be before it is taken for left behind.
const LEFT_BEHIND_AFTER: Duration = Duration::from_hours(24);

/// The cache of environments.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    limits: Limits,
    env: BTreeMap<OsString, OsString>,
}

/// How long and how often an installation is tried.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long all of it may take.
    pub deadline: Duration,
    /// How often it is tried when the network fails.
    pub tries: u32,
    /// The mean pause after the first failure; it doubles with each.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_mins(10), tries: 3, pause: Duration::from_secs(1) }
    }
}

/// An environment that is where it was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// Its interpreter, inside of it.
    pub python: PathBuf,
    /// Where it came from.
    pub source: Source,
    /// Names the pinned packages and the interpreter's sort.
    pub key: String,
    /// How many files it has.
    pub files: u64,
    /// How long it took.
    pub took: Duration,
}

/// Where an environment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It was there, with these packages.
    Present,
    /// It was copied from the cache.
    Cache,
    /// It was installed, for the cache and for this place.
    Installed,
}

/// What [`Cache::prune`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Environments that were removed.
    pub removed: usize,
    /// Environments that stay.
    pub kept: usize,
}

/// What an environment says about itself.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    key: String,
    /// The place its files name.
    place: PathBuf,
    size: Size,
    installer: String,
    python: String,
}

impl Cache {
    /// The cache in that folder, which is made when it is needed. Mirrors, proxies and certificates are taken from
    /// this process's environment.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), limits: Limits::default(), env: installer_env() }
    }

    /// The same cache with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same cache; installers see this variable too.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Puts an environment with exactly the packages of `locks` (requirements with hashes) at `target`, in place of the
    /// environment that may be there. `say` hears the installer's lines, without credentials. May be repeated, also after a
    /// crash: what is there already is kept. May run in several processes at once; one of them installs.
    ///
    /// # Errors
    /// Every [`Error`] but those of finding a toolchain.
    pub async fn provide(
        &self,
        toolchain: &Toolchain,
        locks: &[PathBuf],
        target: &Path,
        say: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
    ) -> Result<Provided, Error> {
        let begun = Instant::now();
        let absolute = |path: &Path| std::path::absolute(path).map_err(|source| Error::io("find", path, source));
        let target = absolute(target)?;
        let locks = locks.iter().map(|lock| absolute(lock)).collect::<Result<Vec<_>, _>>()?;
        let key = key(toolchain, &locks)?;
        let provided = |source, files| Provided {
            python: target.join("bin/python"),
            source,
            key: key.clone(),
            files,
            took: begun.elapsed(),
        };
        if let Some(present) = read_manifest(&target)
            && present.key == key
            && present.place == target
            && target.join("bin/python").exists()
        {
            return Ok(provided(Source::Present, present.size.files));
        }
        let is_environment = target.join("pyvenv.cfg").exists();
        let is_empty = || fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
        if target.symlink_metadata().is_ok() && !is_environment && !is_empty() {
            return Err(Error::Occupied { target });
        }
        let envs = self.root.join("envs");
        let held = self.hold(&envs, &key, cancel).await?;
        let cached = envs.join(&key);
        let mut source = Source::Cache;
        let mut size = self.copy_cached(&cached, &key, &target, toolchain).await?;
        if size.is_none() {
            source = Source::Installed;
            self.install(toolchain, &locks, &envs, &key, say, cancel).await?;
            size = self.copy_cached(&cached, &key, &target, toolchain).await?;
        }
        drop(held);
        let size = size
            .ok_or_else(|| Error::io("keep", &cached, io::Error::other("it disappeared while it was being copied")))?;
        Ok(provided(source, size.files))
    }

    /// Waits until no other process works on this key.
    async fn hold(&self, envs: &Path, key: &str, cancel: &CancellationToken) -> Result<File, Error> {
        fs::create_dir_all(envs).map_err(|source| Error::io("make the folder", envs, source))?;
        let path = envs.join(format!("{key}.lock"));
        let file = File::create(&path).map_err(|source| Error::io("make", &path, source))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path, source)),
            }
            // The other process has the same deadline for its own installation.
            if begun.elapsed() > self.limits.deadline + Duration::from_secs(30) {
                return Err(Error::TimedOut { after: self.limits.deadline });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = cancel.cancelled() => return Err(Error::Interrupted),
            }
        }
    }

    async fn install(
        &self,
        toolchain: &Toolchain,
        locks: &[PathBuf],
        envs: &Path,
        key: &str,
        say: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        // We hold the key, so that whatever bears its name is left behind.
        remove(&envs.join(key))?;
        let prefix = format!("{key}.new-");
        for path in entries(envs) {
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
                // What a killed process left may still be written to for a moment; then the next one removes it.
                let _ = remove(&path);
            }
        }
        // An installer may outlive a killed cgo for a moment: it must not write into the next attempt.
        let folder = envs.join(format!("{prefix}{:08x}", rand::random::<u32>()));
        let build = Build { toolchain, locks, folder: &folder, env: &self.env, limits: &self.limits, cancel };
        if let Err(error) = build.run(say).await {
            // The error that is reported is the installation's; what stays is removed by the next one.
            let _ = remove(&folder);
            return Err(error);
        }
        let manifest = Manifest {
            format: FORMAT,
            key: key.to_owned(),
            place: folder.clone(),
            size: clone::list(&folder, &[MANIFEST, IGNORE])?.size,
            installer: toolchain.installer.name().to_owned(),
            python: toolchain.interpreter.version.to_string(),
        };
        write_manifest(&folder, &manifest)?;
        let cached = envs.join(key);
        match fs::rename(&folder, &cached) {
            Ok(()) => Ok(()),
            // Somebody removed the cache, lock and all, and another process was quicker.
            Err(_) if read_manifest(&cached).is_some() => remove(&folder),
            Err(source) => Err(Error::io("move the environment to", &cached, source)),
        }
    }

    /// Copies the environment from the cache; `None` when there is none that is whole.
    async fn copy_cached(
        &self,
        cached: &Path,
        key: &str,
        target: &Path,
        toolchain: &Toolchain,
    ) -> Result<Option<Size>, Error> {
        let Some(manifest) = read_manifest(cached).filter(|manifest| manifest.key == key) else { return Ok(None) };
        let (cached, target) = (cached.to_owned(), target.to_owned());
        let interpreter = toolchain.interpreter.executable.clone();
        let copying = tokio::task::spawn_blocking(move || copy_whole(&cached, manifest, &target, &interpreter));
        copying.await.expect("a copying thread does not panic")
    }

    /// Removes environments that nobody used for 30 days, but never the five used last, and what killed processes left
    /// behind.
    ///
    /// # Errors
    /// [`Error::Io`] when something cannot be removed.
    pub fn prune(&self, now: SystemTime) -> Result<Pruned, Error> {
        let envs = self.root.join("envs");
        let age = |path: &Path| {
            let used = path.metadata().and_then(|found| found.modified()).ok()?;
            now.duration_since(used).ok()
        };
        let mut whole = Vec::new();
        for path in entries(&envs) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.contains(".new-") {
                let key = name.split('.').next().unwrap_or_default();
                if age(&path).is_some_and(|age| age > LEFT_BEHIND_AFTER) && free(&envs, key).is_some() {
                    remove(&path)?;
                }
            } else if path.is_dir() {
                whole.push((age(&path.join(MANIFEST)).unwrap_or_default(), name, path));
            }
        }
        whole.sort();
        let mut pruned = Pruned::default();
        for (index, (age, key, path)) in whole.into_iter().enumerate() {
            match free(&envs, &key).filter(|_| index >= KEEP && age > KEEP_FOR) {
                Some(_held) => {
                    remove(&path)?;
                    remove(&envs.join(format!("{key}.lock")))?;
                    pruned.removed += 1;
                }
                None => pruned.kept += 1,
            }
        }
        Ok(pruned)
    }
}

/// The lock of a key that nobody works on.
fn free(envs: &Path, key: &str) -> Option<File> {
    let file = File::create(envs.join(format!("{key}.lock"))).ok()?;
    file.try_lock().ok().map(|()| file)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default()
}

/// Copies beside the target, then renames.
fn copy_whole(cached: &Path, manifest: Manifest, target: &Path, interpreter: &Path) -> Result<Option<Size>, Error> {
    let Ok(contents) = clone::list(cached, &[MANIFEST, IGNORE]) else { return Ok(None) };
    if contents.size != manifest.size {
        return Ok(None);
    }
    let parent = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(|source| Error::io("make the folder", parent, source))?;
    // Two processes must not copy to the same place at once. The lock is on the folder itself and leaves nothing; a
    // network's file system may refuse it, and there the lease on the project is what keeps them apart.
    let guard = File::open(parent).map_err(|source| Error::io("open", parent, source))?;
    let _ = guard.lock();
    let (new, old) = (beside(target, ".cgo-new"), beside(target, ".cgo-old"));
    remove(&new)?;
    remove(&old)?;
    fs::create_dir(&new).map_err(|source| Error::io("make the folder", &new, source))?;
    let ignore = new.join(IGNORE);
    fs::write(&ignore, "*\n").map_err(|source| Error::io("write", &ignore, source))?;
    let prompt = prompt_for(target);
    let moved = Move { from: &manifest.place, to: target, prompt: &prompt, interpreter };
    match clone::copy(cached, &contents, &new, &moved) {
        Ok(()) => {}
        // Somebody removed the cache meanwhile.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            remove(&new)?;
            return Ok(None);
        }
        Err(error) => {
            // The error that is reported is the copy's; what stays is removed by the next one.
            let _ = remove(&new);
            return Err(error);
        }
    }
    write_manifest(&new, &Manifest { place: target.to_owned(), ..manifest })?;
    if target.symlink_metadata().is_ok() {
        fs::rename(target, &old).map_err(|source| Error::io("move away", target, source))?;
    }
    fs::rename(&new, target).map_err(|source| Error::io("move the environment to", target, source))?;
    remove(&old)?;
    // Says when it was used last; a cache that cannot be written to is merely pruned too early.
    let _ =
        File::options().append(true).open(cached.join(MANIFEST)).and_then(|file| file.set_modified(SystemTime::now()));
    Ok(Some(contents.size))
}

fn read_manifest(environment: &Path) -> Option<Manifest> {
    let text = fs::read(environment.join(MANIFEST)).ok()?;
    serde_json::from_slice::<Manifest>(&text).ok().filter(|manifest| manifest.format == FORMAT)
}

fn write_manifest(environment: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = environment.join(MANIFEST);
    // Only a path that is not UTF-8 is refused.
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| Error::io("write", &path, error.into()))?;
    fs::write(&path, text).map_err(|source| Error::io("write", &path, source))
}

/// Names the environment: the same key, the same files wherever it is made.
fn key(toolchain: &Toolchain, locks: &[PathBuf]) -> Result<String, Error> {
    let interpreter = &toolchain.interpreter;
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(&FORMAT.to_le_bytes());
    add(interpreter.implementation.as_bytes());
    add(interpreter.version.to_string().as_bytes());
    add(interpreter.tag.as_bytes());
    add(interpreter.platform.as_bytes());
    for lock in locks {
        add(&fs::read(lock).map_err(|source| Error::io("read the lock file", lock, source))?);
    }
    Ok(format!("{:x}", hash.finalize())[..32].to_owned())
}

#[cfg(test)]
mod tests;
