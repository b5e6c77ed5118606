//! A machine as a provider hands it over: a bare Debian with an SSH server that lets root in, and nothing else.
//!
//! It runs in namespaces like the hosts of [`super::sshd`], in a root of its own in memory, with the service scripts of
//! Debian instead of systemd, and reaches its mirrors through `slirp4netns`. All of it is gone with its owner.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::base::{self, privileged};
use super::env::{missing, until};
use super::sshd::{Keeper, client_key, linked};

/// The first process. `$1` the folder, `$2` the archive of the bare system.
const KEEPER: &str = r#"
read -r pid rest </proc/self/stat
root=$1/root
mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs -o mode=755,size=3g none "$root" || exit 1
tar -C "$root" -xpf "$2" || exit 1
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs none "$root/run" || exit 1
mount -t sysfs none "$root/sys" && mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
hostname bare; ip link set lo up
echo "$pid"
while IFS= read -r line; do
    printf '%s\n' "$line" >"$1/line"
    chroot "$root" /bin/sh -s <"$1/line" >"$1/said" 2>&1
    echo "done $?"
done
"#;

/// A bare machine.
pub struct Machine {
    folder: TempDir,
    keeper: Mutex<Keeper>,
    /// Its way to the mirrors; ends with the end of its input.
    way: Child,
    /// Its address; its SSH server is at port 22.
    pub address: String,
}

impl Machine {
    /// A machine that lets root in with the client's key, and with a password too.
    pub fn start() -> Option<Self> {
        let archive = base::found()?;
        if !super::sshd::done(privileged("slirp4netns").arg("--version")) {
            missing("slirp4netns (Debian: apt-get install slirp4netns)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("root")).expect("a folder");
        let script = folder.path().join("keeper");
        std::fs::write(&script, KEEPER).expect("a file");
        let (mut keeper, pid) = Keeper::start(&script, &[folder.path(), &archive])?;
        let address = linked(pid);
        let net = |arguments: &str| {
            let mut enter = privileged("nsenter");
            enter.args(["-n", "-t", &pid.to_string(), "ip"]).args(arguments.split(' '));
            assert!(super::sshd::done(&mut enter), "ip {arguments}");
        };
        net(&format!("addr add {address}/30 dev eth0"));
        net("link set eth0 up");
        let mut way = privileged("slirp4netns")
            .args(["--configure", "--mtu=65520", "--disable-host-loopback", "-e", "0", "-r", "1"])
            .args([&pid.to_string(), "tap0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is there");
        let mut ready = [0; 1];
        let is_ready = way.stdout.as_mut().expect("it is piped").read_exact(&mut ready);
        if is_ready.is_err() {
            keeper.end();
            let _ = way.wait();
            missing("the right to use /dev/net/tun");
            return None;
        }
        let machine = Self { folder, keeper: Mutex::new(keeper), way, address };
        let key = std::fs::read_to_string(client_key().with_extension("pub")).expect("it was made");
        machine.root(&format!("mkdir -p -m 700 /root/.ssh && echo '{}' >/root/.ssh/authorized_keys", key.trim()));
        // Its name server is the one of this machine, through the way out.
        machine.root("rm -f /etc/resolv.conf; echo nameserver 10.0.2.3 >/etc/resolv.conf; echo 127.0.0.1 localhost bare >/etc/hosts");
        for file in ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"] {
            machine.copy(Path::new(file));
        }
        // What is not there on every machine.
        machine.root("dpkg --purge curl");
        machine.root("printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >>/etc/ssh/sshd_config");
        machine.root("mkdir -p /run/sshd && : >/var/log/auth.log && /usr/sbin/sshd -E /var/log/auth.log");
        until("an SSH server that answers", || std::net::TcpStream::connect((machine.address.as_str(), 22)).is_ok());
        Some(machine)
    }

    /// Gives it a list of mirrors that this machine has, where it is for the same release.
    fn copy(&self, path: &Path) {
        let text = std::fs::read_to_string(path).ok().filter(|text| text.contains(base::SUITE));
        if let Some(text) = text {
            let text = text.replace('\'', "'\\''").replace('\n', "\\n").replace('%', "%%");
            self.root(&format!("rm -f '{0}'; printf '{text}' >'{0}'", path.display()));
        }
    }

    /// Runs a line of shell as root on it; it must succeed. What it printed.
    pub fn root(&self, line: &str) -> String {
        let (code, said) = self.try_root(line);
        assert_eq!(code, "done 0", "{line}\n{said}");
        said
    }

    /// Runs a line of shell as root on it: `done` with its exit code, and what it printed.
    pub fn try_root(&self, line: &str) -> (String, String) {
        let answer = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).ask(line);
        let said = std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        (answer.trim().to_owned(), said)
    }

    /// The line of its public key.
    pub fn host_key(&self) -> String {
        let text = self.root("cat /etc/ssh/ssh_host_ed25519_key.pub");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Where an account logs in.
    pub fn at(&self, user: &str) -> String {
        format!("{user}@{}", self.address)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.way.stdin.take());
        self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner).end();
        let _ = self.way.wait();
        super::sshd::done(privileged("rm").arg("-rf").arg(self.folder.path()));
    }
}
