//! A bare Debian, made once by debootstrap and kept as an archive: what containers are built on, and what machines are
//! made of that have to be set up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::env::missing;

/// The release of Debian.
pub const SUITE: &str = "bookworm";
/// What a Python project needs, what makes a machine one that is reached, and what runs one that is set up.
const PACKAGES: &str = "--include=ca-certificates,curl,openssh-server,python3,python3-venv,systemd";
/// Whom this machine trusts; what runs inside must trust the same.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The archive of the bare system. Made by the first test of the first run that asks; processes wait for each other.
///
/// # Errors
/// What is missing to make it.
pub fn archive() -> Result<PathBuf, String> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = kept.join(format!("{SUITE}-with-systemd.tar"));
    let lock = File::create(kept.join(format!("{SUITE}.lock"))).expect("a file beside the build's");
    lock.lock().expect("a file can be locked");
    if path.exists() {
        return Ok(path);
    }
    let made = privileged("debootstrap").arg("--version").stdin(Stdio::null()).output();
    if !made.is_ok_and(|output| output.status.success()) {
        return Err("debootstrap is not installed, or may not be run (Debian: apt-get install debootstrap)".into());
    }
    let folder = tempfile::tempdir_in(kept).expect("a folder for the test");
    let root = folder.path().join("root");
    done(privileged("debootstrap").args(["--variant=minbase", PACKAGES, SUITE]).arg(&root));
    let authorities = Path::new("/").join(AUTHORITIES);
    if authorities.exists() {
        done(privileged("cp").arg(authorities).arg(root.join(AUTHORITIES)));
    }
    let fresh = folder.path().join("packed");
    let mut packed = privileged("tar");
    packed.arg("-C").arg(&root).args(["--exclude=./var/cache/apt/archives/*.deb", "-c", "."]);
    let output = File::create(&fresh).expect("a file of ours");
    let ended = packed.stdin(Stdio::null()).stdout(output).status().expect("tar is everywhere");
    assert!(ended.success(), "tar could not read the bare system");
    fs::rename(fresh, &path).expect("both are beside the build's");
    // What root made in there, only root may remove.
    done(privileged("rm").arg("-rf").arg(&root));
    Ok(path)
}

/// The archive of the bare system; a test without it is skipped, or fails where nothing is.
pub fn found() -> Option<PathBuf> {
    archive().map_err(|what| missing(&what)).ok()
}

/// A program that root has to run: as we are, or through sudo where it asks for no password.
pub fn privileged(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// Runs a command to its end; it must succeed. What it printed, without the last newline.
pub fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout
}
