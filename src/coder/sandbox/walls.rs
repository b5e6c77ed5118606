//! What bubblewrap is told: the file system inside, and the namespaces.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rand::Rng as _;

use super::git::Access;
use super::{Error, HOME, Job, Network};

/// Where the helper stands inside.
pub(super) const HELPER: &str = "/run/cgo/cgo";
/// Where the way to the meter begins inside.
pub(super) const SOCKET: &str = "/run/cgo/meter.sock";
/// What of /etc programs need: names, time, certificates, alternatives, libraries.
const ETC: [&str; 21] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "gai.conf",
    "host.conf",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld-musl-x86_64.path",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki/ca-trust",
    "pki/tls",
    "protocols",
    "services",
    "ssl/certs",
];
/// Places that are never let in whole, nor anything that holds them.
const CLOSED: [&str; 13] = [
    "/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/tmp", "/usr", "/var/lib", "/var/run",
    "/var/tmp",
];
/// Places below which nothing is let in.
const SEALED: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/var/run"];

/// What is inside beside the job's own.
pub(super) struct Inside<'a> {
    pub(super) helper: &'a Path,
    /// Files that are empty inside.
    pub(super) hidden: &'a [PathBuf],
    pub(super) linked: bool,
    pub(super) disable_userns: bool,
}

/// A folder of this run for what is let in and belongs to nobody; gone with the value.
pub(super) struct Scratch {
    folder: PathBuf,
    name: String,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!("cgo-sandbox-{:016x}", rand::rng().random::<u64>());
        let folder = std::env::temp_dir().join(&name);
        let system = |source| Error::System { action: "make a folder for the sandbox", source };
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(system)?;
        let scratch = Self { folder, name };
        let passwd = format!("root:x:0:0::/:/bin/false\nagent:x:1000:1000::{HOME}:/bin/sh\n");
        std::fs::write(scratch.folder.join("passwd"), passwd).map_err(system)?;
        std::fs::write(scratch.empty(), "").map_err(system)?;
        std::fs::write(scratch.folder.join("group"), "root:x:0:\nagent:x:1000:\n").map_err(system)?;
        Ok(scratch)
    }

    /// Names the run.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("meter.sock")
    }

    /// What git writes in a linked worktree, where nobody asks for it later.
    pub(super) fn git(&self) -> PathBuf {
        self.folder.join("git")
    }

    fn empty(&self) -> PathBuf {
        self.folder.join("empty")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The job with its folders as they really are.
///
/// # Errors
/// When a folder is missing, or letting it in would let in what must stay out.
pub(super) fn checked(job: &Job) -> Result<Job, Error> {
    let mut job = job.clone();
    for folder in [&mut job.workspace, &mut job.home] {
        let real = std::fs::canonicalize(&folder)
            .map_err(|_| Error::Path { path: folder.clone(), reason: "there is no such folder" })?;
        if !real.is_dir() {
            return Err(Error::Path { path: folder.clone(), reason: "it is no folder" });
        }
        admitted(&real)?;
        *folder = real;
    }
    let (workspace, home) = (&job.workspace, &job.home);
    if workspace.starts_with(home) || home.starts_with(workspace) {
        return Err(Error::Path { path: home.clone(), reason: "the home and the workspace lie in each other" });
    }
    for path in &job.read_only {
        let real = std::fs::canonicalize(path)
            .map_err(|_| Error::Path { path: path.clone(), reason: "there is no such file or folder" })?;
        admitted(path)?;
        admitted(&real)?;
    }
    let given = job.sealed.iter().filter_map(|path| std::fs::canonicalize(path).ok().map(|real| (path, real)));
    // What was put in the place of such a folder leads nowhere: a link is not followed.
    let own = given.filter(|(path, real)| {
        let parent = path.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
        let plain = parent.zip(path.file_name()).is_some_and(|(parent, name)| parent.join(name) == *real);
        plain && real.starts_with(&job.workspace) && *real != job.workspace
    });
    job.sealed = own.map(|(_, real)| real).collect();
    Ok(job)
}

fn admitted(path: &Path) -> Result<(), Error> {
    let refuse = |reason| Err(Error::Path { path: path.to_owned(), reason });
    if !path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir) {
        return refuse("it is not an absolute path without `..`");
    }
    if CLOSED.iter().any(|closed| Path::new(closed).starts_with(path)) {
        return refuse("it holds what must stay outside");
    }
    if SEALED.iter().any(|sealed| path.starts_with(sealed)) {
        return refuse("nothing of there may be let in");
    }
    if std::env::home_dir().is_some_and(|home| home.starts_with(path)) {
        return refuse("it holds your home");
    }
    Ok(())
}

/// An empty sandbox, to see whether one can be made.
pub(super) fn empty(disable_userns: bool) -> Vec<OsString> {
    let mut walls = Walls::default();
    walls.namespaces(Network::None, disable_userns);
    walls.system();
    walls.kernel(1 << 20);
    walls.words(["--remount-ro", "/"]);
    walls.0
}

/// Everything before the program.
pub(super) fn arguments(job: &Job, git: Option<&Access>, scratch: &Scratch, inside: &Inside<'_>) -> Vec<OsString> {
    let mut walls = Walls::default();
    walls.namespaces(job.network, inside.disable_userns);
    walls.system();
    for part in ETC {
        walls.try_read_only(&Path::new("/etc").join(part));
    }
    if job.network == Network::Full {
        walls.try_read_only(Path::new("/etc/resolv.conf"));
    }
    walls.bind("--ro-bind", &scratch.folder.join("passwd"), Path::new("/etc/passwd"));
    walls.bind("--ro-bind", &scratch.folder.join("group"), Path::new("/etc/group"));
    walls.kernel(job.limits.scratch);
    walls.words(["--dir", "/var", "--symlink", "/tmp", "/var/tmp"]);
    walls.bind("--ro-bind", inside.helper, Path::new(HELPER));
    if inside.linked {
        walls.bind("--ro-bind", &scratch.socket(), Path::new(SOCKET));
    }
    for path in &job.read_only {
        walls.bind("--ro-bind", path, path);
    }
    let none = Access::default();
    let git = git.unwrap_or(&none);
    for mount in &git.before {
        walls.bind(mount.how, &mount.outside, &mount.inside);
    }
    walls.bind("--bind", &job.workspace, &job.workspace);
    for mount in &git.after {
        walls.bind(mount.how, &mount.outside, &mount.inside);
    }
    for path in &job.sealed {
        walls.bind("--ro-bind", path, path);
    }
    for path in inside.hidden {
        walls.bind("--ro-bind", &scratch.empty(), path);
    }
    walls.bind("--bind", &job.home, Path::new(HOME));
    walls.words(["--remount-ro", "/", "--chdir"]);
    walls.0.push(job.workspace.clone().into());
    walls.0
}

#[derive(Default)]
struct Walls(Vec<OsString>);

impl Walls {
    fn words<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn bind(&mut self, how: &str, outside: &Path, inside: &Path) {
        self.0.extend([how.into(), outside.into(), inside.into()]);
    }

    fn try_read_only(&mut self, path: &Path) {
        self.bind("--ro-bind-try", path, path);
    }

    fn namespaces(&mut self, network: Network, disable_userns: bool) {
        self.words(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]);
        if network != Network::Full {
            self.words(["--unshare-net"]);
        }
        if disable_userns {
            self.words(["--disable-userns"]);
        }
        self.words(["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]);
        self.words(["--new-session", "--die-with-parent", "--cap-drop", "ALL"]);
    }

    /// The system's programs and libraries.
    fn system(&mut self) {
        self.words(["--ro-bind", "/usr", "/usr"]);
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            if let Ok(target) = std::fs::read_link(&path) {
                self.0.extend(["--symlink".into(), target.into(), path.into()]);
            } else {
                self.try_read_only(&path);
            }
        }
    }

    /// Processes, devices and files in memory. All of /proc is read-only: root outside owns /proc/sys inside, whatever
    /// number it has there, and would set the machine's own parameters.
    fn kernel(&mut self, scratch: u64) {
        self.words(["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]);
        let size = scratch.to_string();
        self.words(["--size", &size, "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
        self.words(["--size", &size, "--perms", "1777", "--tmpfs", "/tmp"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_hold_what_must_stay_out_are_refused() {
        let home = std::env::home_dir().unwrap_or_else(|| "/home/somebody".into());
        for path in [
            "/",
            "/etc",
            "/home",
            "/var",
            "/proc/1/root",
            "/run/docker.sock",
            "/var/run/docker.sock",
            "a",
            "/srv/../etc",
        ] {
            assert!(admitted(Path::new(path)).is_err(), "{path}");
        }
        assert!(admitted(&home).is_err());
        assert!(admitted(&home.join(".local/share/venv")).is_ok());
        assert!(admitted(Path::new("/opt/node")).is_ok());
    }
}
