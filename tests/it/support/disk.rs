//! A disk that can be filled: a file system in memory, in a mount namespace that only the programs of one test see.
//!
//! Filling it takes no memory: the file system is made as small as what it holds. A user who may make no namespaces
//! is told that the test is skipped; with `CGO_TEST_REQUIRE_ALL=1` it fails.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::env::{missing, until};

/// Mounts the file system and keeps its namespace until its input ends, which it does with the test.
const KEEPER: &str = r#"mount -t tmpfs -o size=2g,mode=755 none "$1" && echo mounted && read -r _"#;

/// The disk, mounted on one folder.
pub struct Disk {
    folder: PathBuf,
    keeper: Child,
    _input: ChildStdin,
}

impl Disk {
    /// A disk with room, mounted on a folder that is there. None where that cannot be done.
    pub fn on(folder: &Path) -> Option<Self> {
        let mut keeper = Command::new("unshare");
        keeper.args(if rustix::process::geteuid().is_root() { ["--mount"].as_slice() } else { &["-r", "--mount"] });
        let keeper = keeper
            .args(["sh", "-c", KEEPER, "keeper"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut keeper) = keeper else {
            missing("unshare");
            return None;
        };
        let input = keeper.stdin.take().expect("it is piped");
        let mut line = String::new();
        let _ = BufReader::new(keeper.stdout.take().expect("it is piped")).read_line(&mut line);
        if line != "mounted\n" {
            let _ = keeper.wait();
            missing("the right to mount a file system");
            return None;
        }
        Some(Self { folder: folder.to_owned(), keeper, _input: input })
    }

    /// What is put before a program so that it sees the disk, from a working folder.
    pub fn entrance(&self, work: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["nsenter".into(), format!("--target={}", self.keeper.id()).into()];
        if !rustix::process::geteuid().is_root() {
            words.extend(["--user".into(), "--preserve-credentials".into()]);
        }
        words.extend(["--mount".into(), "env".into(), "-C".into(), work.into()]);
        words
    }

    /// Puts a file in the place of another one of the machine.
    pub fn cover(&self, place: &str, with: &Path) {
        let entrance = self.entrance(Path::new("/"));
        let mut mount = Command::new(&entrance[0]);
        mount.args(&entrance[1..]).args(["mount", "--bind"]).arg(with).arg(place);
        assert!(mount.status().is_ok_and(|status| status.success()), "{place} cannot be covered");
    }

    /// Where this process sees a path of the namespace.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.keeper.id());
        Path::new(&root).join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// Leaves no room, not even for a byte.
    pub fn fill(&self) {
        // What is written between looking and shrinking makes it too small: then it is looked again.
        until("a full disk", || {
            let disk = rustix::fs::statvfs(self.seen(&self.folder)).expect("the disk is there");
            let used = (disk.f_blocks - disk.f_bfree).max(1) * disk.f_frsize;
            self.resize(&used.to_string())
        });
    }

    /// Gives room again.
    pub fn free(&self) {
        assert!(self.resize("2g"), "the disk does not grow");
    }

    fn resize(&self, size: &str) -> bool {
        let entrance = self.entrance(Path::new("/"));
        let mut mount = Command::new(&entrance[0]);
        mount.args(&entrance[1..]).args(["mount", "-o", &format!("remount,size={size}"), "none"]).arg(&self.folder);
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
