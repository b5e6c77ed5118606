//! Environments that were installed once, ready to be copied.
//!
//! `ROOT/envs/KEY` is an environment; the key is a hash of the lock files and of what the interpreter is. One process
//! at a time builds or copies a key (a file lock); an environment appears there whole, by a rename, with a
//! manifest that says how much is in it, and what does not agree with its manifest is thrown away. Copies do not
//! need the cache, so that it may be removed at any time.
//!
//! Several lock files are layers: each is built upon a copy of the one below it. A process that holds a layer's lock
//! may wait for the lock of the layer below, never the other way round, so that nobody waits in a circle.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::build::{Build, installer_env};
use super::clone::{Size, remove};
use super::kept::{FORMAT, Kept, MANIFEST, Manifest, list};
use super::lock::Locks;
use super::relocate::Sharing;
use super::{Error, Toolchain};
use crate::workspace::turn::{self, Missed};

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
    sharing: Sharing,
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

/// What is to be made.
struct Job<'a> {
    toolchain: &'a Toolchain,
    locks: Locks,
    envs: PathBuf,
    cancel: &'a CancellationToken,
}

impl Job<'_> {
    fn key(&self, layer: usize) -> String {
        self.locks.key(layer, FORMAT, self.toolchain)
    }
}

/// Hears the installer's lines.
type Say<'a> = dyn FnMut(&str) + Send + 'a;

impl Cache {
    /// The cache in that folder, which is made when it is needed. Mirrors, proxies and certificates are taken from
    /// this process's environment.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), limits: Limits::default(), env: installer_env(), sharing: Sharing::default() }
    }

    /// The same cache with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same cache, whose copies have this in common with it.
    #[must_use]
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// The same cache; installers see this variable too.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Puts an environment with exactly the packages of the last of `locks` (requirements with hashes) at `target`, in
    /// place of the environment that may be there. The locks before it name environments that are wanted too,
    /// smallest first: they are cached on the way, and where the next lock only adds to one, only what it adds is
    /// installed. `say` hears the installer's lines, without credentials. May be repeated, also after a crash: what is
    /// there already is kept. May run in several processes at once; one of them installs.
    ///
    /// # Errors
    /// Every [`Error`] but those of finding a toolchain.
    ///
    /// # Panics
    /// Without any lock.
    pub async fn provide(
        &self,
        toolchain: &Toolchain,
        locks: &[PathBuf],
        target: &Path,
        say: &mut (dyn FnMut(&str) + Send),
        cancel: &CancellationToken,
    ) -> Result<Provided, Error> {
        let begun = Instant::now();
        let target = std::path::absolute(target).map_err(|source| Error::io("find", target, source))?;
        let job = Job { toolchain, locks: Locks::read(locks)?, envs: self.root.join("envs"), cancel };
        let top = job.locks.len().checked_sub(1).expect("there is a lock file to install from");
        let key = job.key(top);
        let provided = |source, files| Provided {
            python: target.join("bin/python"),
            source,
            key: key.clone(),
            files,
            took: begun.elapsed(),
        };
        if let Some(present) = Manifest::read(&target)
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
        let held = self.hold(&job, &key).await?;
        let cached = job.envs.join(&key);
        let mut source = Source::Cache;
        let mut size = copy_cached(&job, &key, &target, self.sharing).await?;
        if size.is_none() {
            source = Source::Installed;
            self.install(&job, top, say).await?;
            size = copy_cached(&job, &key, &target, self.sharing).await?;
        }
        drop(held);
        let size = size
            .ok_or_else(|| Error::io("keep", &cached, io::Error::other("it disappeared while it was being copied")))?;
        Ok(provided(source, size.files))
    }

    /// Waits until no other process works on this key.
    async fn hold(&self, job: &Job<'_>, key: &str) -> Result<File, Error> {
        fs::create_dir_all(&job.envs).map_err(|source| Error::io("make the folder", &job.envs, source))?;
        let path = job.envs.join(format!("{key}.lock"));
        let file = File::create(&path).map_err(|source| Error::io("make", &path, source))?;
        // The other process has the same deadline for each of its own installations.
        let layers = u32::try_from(job.locks.len()).unwrap_or(u32::MAX);
        let patience = self.limits.deadline.saturating_mul(layers).saturating_add(Duration::from_secs(30));
        match turn::hold(&file, patience, job.cancel).await {
            Ok(()) => Ok(file),
            Err(Missed::TimedOut) => Err(Error::TimedOut { after: patience }),
            Err(Missed::Interrupted) => Err(Error::Interrupted),
            Err(Missed::Io(source)) => Err(Error::io("lock", &path, source)),
        }
    }

    /// Makes the environment of a layer, and of those below where they are missing. The caller holds its key.
    async fn install(&self, job: &Job<'_>, layer: usize, say: &mut Say<'_>) -> Result<(), Error> {
        let key = job.key(layer);
        // We hold the key, so that whatever bears its name is left behind.
        remove(&job.envs.join(&key))?;
        let prefix = format!("{key}.new-");
        for path in entries(&job.envs) {
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
                // What a killed process left may still be written to for a moment; then the next one removes it.
                let _ = remove(&path);
            }
        }
        // An installer may outlive a killed cgo for a moment: it must not write into the next attempt.
        let folder = job.envs.join(format!("{prefix}{:08x}", rand::random::<u32>()));
        if let Some(base) = job.locks.base(layer) {
            self.begin_with(job, base, &folder, say).await?;
        }
        let Job { toolchain, cancel, .. } = *job;
        let lock = job.locks.path(layer);
        let build = Build { toolchain, lock, folder: &folder, env: &self.env, limits: &self.limits, cancel };
        if let Err(error) = build.run(say).await {
            // The error that is reported is the installation's; what stays is removed by the next one.
            let _ = remove(&folder);
            return Err(error);
        }
        let manifest = Manifest {
            format: FORMAT,
            key: key.clone(),
            place: folder.clone(),
            size: list(&folder)?.size,
            installer: toolchain.installer.name().to_owned(),
            python: toolchain.interpreter.version.to_string(),
        };
        manifest.write(&folder)?;
        let cached = job.envs.join(&key);
        match fs::rename(&folder, &cached) {
            Ok(()) => Ok(()),
            // Somebody removed the cache, lock and all, and another process was quicker.
            Err(_) if Manifest::read(&cached).is_some() => remove(&folder),
            Err(source) => Err(Error::io("move the environment to", &cached, source)),
        }
    }

    /// Begins an environment with a copy of a lower layer, which is installed first when it is missing. When it
    /// disappears meanwhile nothing is copied, and everything will be installed.
    fn begin_with<'a>(
        &'a self,
        job: &'a Job<'_>,
        base: usize,
        folder: &'a Path,
        say: &'a mut Say<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
        Box::pin(async move {
            let key = job.key(base);
            let _held = self.hold(job, &key).await?;
            if !extend_cached(job, &key, folder).await? {
                self.install(job, base, say).await?;
                extend_cached(job, &key, folder).await?;
            }
            Ok(())
        })
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

/// Copies the environment from the cache to the target; `None` when there is none that is whole.
async fn copy_cached(job: &Job<'_>, key: &str, target: &Path, sharing: Sharing) -> Result<Option<Size>, Error> {
    let target = target.to_owned();
    let copy = move |kept: Kept, interpreter: &Path| kept.copy_to(&target, interpreter, sharing);
    Ok(with_cached(job, key, copy).await?.flatten())
}

/// Copies the environment from the cache to a new folder of the cache; false when there is none that is whole.
async fn extend_cached(job: &Job<'_>, key: &str, folder: &Path) -> Result<bool, Error> {
    let folder = folder.to_owned();
    let extend = move |kept: Kept, interpreter: &Path| kept.extend_in(&folder, interpreter);
    Ok(with_cached(job, key, extend).await?.unwrap_or_default())
}

async fn with_cached<T: Send + 'static>(
    job: &Job<'_>,
    key: &str,
    copy: impl FnOnce(Kept, &Path) -> Result<T, Error> + Send + 'static,
) -> Result<Option<T>, Error> {
    let (cached, key) = (job.envs.join(key), key.to_owned());
    let interpreter = job.toolchain.interpreter.executable.clone();
    let copying = move || Kept::open(&cached, &key).map(|kept| copy(kept, &interpreter)).transpose();
    tokio::task::spawn_blocking(copying).await.expect("a copying thread does not panic")
}

#[cfg(test)]
mod tests;
