//! A machine that systemd runs: a bare Debian in a root of its own in memory, with systemd as its first process, in
//! namespaces and control groups of its own, and an SSH server that lets root in. Gone with its owner.

use std::path::Path;
use std::sync::Mutex;

use tempfile::TempDir;

use super::base::{self, privileged};
use super::env::until;
use super::sshd::{Keeper, client_key, done, linked};

/// Becomes the first process. `$1` the folder, `$2` the archive of the bare system, `$3` the name of its control groups.
const KEEPER: &str = r#"
read -r pid rest </proc/self/stat
root=$1/root
mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs -o mode=755,size=3g none "$root" || exit 1
tar -C "$root" -xpf "$2" || exit 1
mkdir -p -m 700 "$root/root/.ssh" && cat "$1/key" >"$root/root/.ssh/authorized_keys"
echo "PermitRootLogin yes" >>"$root/etc/ssh/sshd_config"
groups=/sys/fs/cgroup
if [ -e $groups/cgroup.controllers ]; then sorts=.; else sorts="systemd memory pids cpu"; fi
for sort in $sorts; do mkdir -p "$groups/$sort/$3" && echo 0 >"$groups/$sort/$3/cgroup.procs" || exit 1; done
cat >"$1/boot" <<'BOOT'
cd "$1" && mount -t proc proc proc && mount -t sysfs -o ro none sys && mount -t tmpfs -o mode=755 none run || exit 1
mount -t tmpfs none tmp && mount -t tmpfs -o mode=755 none dev && mkdir dev/pts dev/shm || exit 1
for one in null zero full random urandom tty; do : >dev/$one && mount --bind /dev/$one dev/$one || exit 1; done
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts && ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd
if [ "$2" = . ]; then mount -t cgroup2 none sys/fs/cgroup || exit 1
else
    mount -t tmpfs -o mode=755 none sys/fs/cgroup || exit 1
    for sort in $2; do
        mkdir sys/fs/cgroup/$sort
        case $sort in systemd) options=none,name=systemd ;; *) options=$sort ;; esac
        mount -t cgroup -o $options cgroup sys/fs/cgroup/$sort || exit 1
    done
fi
hostname booted; ip link set lo up
mkdir -p .old && pivot_root . .old && umount -l /.old && mount --make-rshared / || exit 1
exec env -i container=cgo-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd </dev/null >/dev/null 2>&1
BOOT
echo "$pid"
exec unshare --ipc --cgroup sh "$1/boot" "$root" "$sorts"
"#;

/// A machine with systemd.
pub struct Booted {
    folder: TempDir,
    keeper: Mutex<Keeper>,
    /// Its first process, as this machine counts.
    pid: u32,
    groups: String,
    /// Its address; its SSH server is at port 22.
    pub address: String,
}

impl Booted {
    /// A machine that has started and lets root in with the client's key.
    pub fn start() -> Option<Self> {
        let archive = base::found()?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("root")).expect("a folder");
        std::fs::copy(client_key().with_extension("pub"), folder.path().join("key")).expect("a key");
        let script = folder.path().join("keeper");
        std::fs::write(&script, KEEPER).expect("a file");
        let groups = format!("cgo-test-{:08x}", rand::random::<u32>());
        let (keeper, pid) = Keeper::start(&script, &[folder.path(), &archive, Path::new(&groups)])?;
        let address = linked(pid);
        let machine = Self { folder, keeper: Mutex::new(keeper), pid, groups, address };
        for arguments in [format!("addr add {}/30 dev eth0", machine.address), "link set eth0 up".to_owned()] {
            let mut enter = privileged("nsenter");
            enter.args(["-n", "-t", &pid.to_string(), "ip"]).args(arguments.split(' '));
            assert!(done(&mut enter), "ip {arguments}");
        }
        until("systemd that has started", || {
            let state = machine.run("systemctl is-system-running");
            ["running", "degraded"].contains(&state.trim())
        });
        until("an SSH server", || std::net::TcpStream::connect((machine.address.as_str(), 22)).is_ok());
        Some(machine)
    }

    /// Runs a line of shell as root there; what it printed.
    pub fn run(&self, line: &str) -> String {
        let mut enter = privileged("nsenter");
        enter.args(["-t", &self.pid.to_string(), "-m", "-n", "-p", "-u", "-i", "-C", "sh", "-c", line]);
        let output = enter.stdin(std::process::Stdio::null()).output().expect("nsenter is everywhere");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The line of its public key.
    pub fn host_key(&self) -> String {
        let text = self.run("cat /etc/ssh/ssh_host_ed25519_key.pub");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // It takes no other signal from outside.
        done(privileged("kill").args(["-9", &self.pid.to_string()]));
        self.keeper.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).end();
        let text = "for at in /sys/fs/cgroup/$1 /sys/fs/cgroup/*/$1; do \
                    [ ! -d $at ] || find $at -depth -type d -exec rmdir {} +; done";
        done(privileged("sh").args(["-c", text, "sh", &self.groups]));
        done(privileged("rm").args(["-rf", "--one-file-system"]).arg(self.folder.path()));
    }
}
