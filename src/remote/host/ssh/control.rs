//! The folder of a server's connections on this machine: configuration, pinned key, sockets of masters.
//!
//! It is short-lived and made anew from the store whenever a connection is: `$XDG_RUNTIME_DIR/cgo/ID`, or
//! `/tmp/cgo-UID/ID`, for the owner alone. Paths of others (the key, the user's SSH configuration) appear in the
//! configuration as links in this folder, because SSH's language has no safe way to spell every path.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::Login;

/// The longest path of a folder of masters that leaves room for a socket's name in 108 bytes, with what SSH adds to it.
const LONGEST: usize = 60;
/// The link to the folder of the master in use.
const CURRENT: &str = "current";
/// What the folders of masters begin with.
const MASTER: &str = "m-";
/// The name a host's key is pinned under, whatever its address.
const ALIAS: &str = "cgo-pinned";

/// A server's folder.
#[derive(Debug, Clone)]
pub(super) struct Control {
    folder: PathBuf,
}

/// Where folders of servers are.
fn base() -> PathBuf {
    let plain = |path: &Path| {
        let text = path.as_os_str().as_encoded_bytes();
        path.is_absolute()
            && text.len() <= LONGEST - 20
            && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
    };
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(path) if plain(&path) && path.is_dir() => path.join("cgo"),
        _ => PathBuf::from(format!("/tmp/cgo-{}", rustix::process::geteuid().as_raw())),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Makes a folder that is ours alone, or sees that it is.
fn private(path: &Path) -> Result<(), Error> {
    if let Err(error) = fs::DirBuilder::new().mode(0o700).create(path)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(failed("make the folder", path)(error));
    }
    let found = fs::symlink_metadata(path).map_err(failed("look at", path))?;
    // No rights for the group and for others.
    let ours =
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode().trailing_zeros() >= 6;
    if ours { Ok(()) } else { Err(Error::Folder { path: path.to_owned() }) }
}

impl Control {
    /// The folder of a server, by its id; made where it is missing.
    pub(super) fn of(id: &str) -> Result<Self, Error> {
        let base = base();
        private(&base)?;
        let folder = base.join(id);
        private(&folder)?;
        Ok(Self { folder })
    }

    /// The folder of a server, if there is one.
    pub(super) fn present(id: &str) -> Option<Self> {
        let folder = base().join(id);
        folder.is_dir().then_some(Self { folder })
    }

    /// Removes it with all that is in it.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let fresh = self.folder.join(format!("{name}.{}", std::process::id()));
        let written = (|| {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            io::Write::write_all(&mut file, content.as_bytes())?;
            fs::rename(&fresh, &path)
        })();
        written.map_err(failed("write", &path))?;
        Ok(path)
    }

    fn link(&self, name: &str, to: &Path) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let fresh = self.folder.join(format!("{name}.{}", std::process::id()));
        let linked = (|| {
            let _ = fs::remove_file(&fresh);
            std::os::unix::fs::symlink(to, &fresh)?;
            fs::rename(&fresh, &path)
        })();
        linked.map_err(failed("link", &path))?;
        Ok(path)
    }

    /// Writes the configuration for a login, and returns its path.
    ///
    /// What is safe for every host comes first and for all of them, so that it holds for jump hosts too; what names this
    /// server holds for it alone; then the user's own configuration, which may say how the host is reached.
    pub(super) fn configure(&self, login: &Login, known: &Known<'_>) -> Result<PathBuf, Error> {
        let (known_hosts, strict, methods) = match known {
            Known::Pinned(line) => (self.write("known_hosts", &format!("{ALIAS} {line}\n"))?, "yes", "publickey"),
            Known::Learn(path) => ((*path).to_owned(), "accept-new", "none"),
        };
        let mut text = String::from(
            "BatchMode yes\nConnectTimeout 10\nConnectionAttempts 1\nServerAliveInterval 15\nServerAliveCountMax 3\n\
             ForwardAgent no\nForwardX11 no\nPermitLocalCommand no\nEscapeChar none\nLogLevel ERROR\n",
        );
        text.push_str(&format!(
            "Host {}\n  HostKeyAlias {ALIAS}\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  \
             StrictHostKeyChecking {strict}\n  CheckHostIP no\n  UpdateHostKeys no\n  VerifyHostKeyDNS no\n  \
             ControlPersist 600\n  PreferredAuthentications {methods}\n  ClearAllForwardings yes\n  RequestTTY no\n  \
             RemoteCommand none\n  Tunnel no\n",
            login.destination.host,
            known_hosts.display(),
        ));
        if let Some(key) = &login.key {
            let mut certificate = key.as_os_str().to_owned();
            certificate.push("-cert.pub");
            let mut public = key.as_os_str().to_owned();
            public.push(".pub");
            let link = self.link("key", key)?;
            self.link("key.pub", Path::new(&public))?;
            self.link("key-cert.pub", Path::new(&certificate))?;
            text.push_str(&format!("  IdentitiesOnly yes\n  IdentityFile {}\n", link.display()));
        }
        if let Some(own) = &login.configuration {
            let link = self.link("user_config", own)?;
            text.push_str(&format!("Match all\n  Include {}\n", link.display()));
        }
        self.write(if matches!(known, Known::Learn(_)) { "config.learn" } else { "config" }, &text)
    }

    /// A new folder for a master; it is not in use yet.
    pub(super) fn fresh(&self) -> Result<PathBuf, Error> {
        self.sweep();
        let path = self.folder.join(format!("{MASTER}{:08x}", rand::random::<u32>()));
        private(&path)?;
        Ok(path)
    }

    /// Makes a master the one that the next command uses, in this process or another.
    pub(super) fn use_master(&self, folder: &Path) -> Result<(), Error> {
        self.link(CURRENT, folder).map(|_| ())
    }

    /// The folder of the master in use.
    pub(super) fn current(&self) -> Option<PathBuf> {
        let folder = fs::read_link(self.folder.join(CURRENT)).ok()?;
        (folder.parent() == Some(&self.folder) && socket(&folder).exists()).then_some(folder)
    }

    /// That master is not to be used any more.
    pub(super) fn forget(&self, folder: &Path) {
        let link = self.folder.join(CURRENT);
        if fs::read_link(&link).is_ok_and(|target| target == folder) {
            let _ = fs::remove_file(link);
        }
    }

    /// The folders of all masters.
    pub(super) fn masters(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(MASTER.as_bytes()))
            .map(|e| e.path())
            .collect()
    }

    /// Removes what masters that ended by themselves left: a folder without a socket that is not being made just now.
    fn sweep(&self) {
        for folder in self.masters() {
            let old = fs::metadata(&folder).and_then(|found| found.modified()).ok();
            let old = old.and_then(|at| at.elapsed().ok()).is_some_and(|age| age.as_secs() > 120);
            if old && !socket(&folder).exists() {
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

/// What is known of the host's key.
pub(super) enum Known<'a> {
    /// This line, without a name.
    Pinned(&'a str),
    /// Nothing: what it offers is written to this file, and nobody logs in.
    Learn(&'a Path),
}

/// The socket of a master.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("s")
}
