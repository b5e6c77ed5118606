//! Hosts that are reached over SSH: an OpenSSH server each, in namespaces of its own for network, processes, mounts and
//! name, with its own accounts, host key and disk. Several stand side by side; each ends with its owner, and everything
//! that runs in it ends with it.
//!
//! Needs root, or sudo without a password, and says so where there is neither; with `CGO_TEST_REQUIRE_ALL=1` it fails.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use tempfile::TempDir;

use super::base::privileged;
use super::env::{missing, until};

/// Runs as the first process of the host: takes commands from its input and answers each with a line. `$1` the folder.
const KEEPER: &str = r#"
read -r pid rest </proc/self/stat
mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs -o mode=755 none /run && mkdir /run/sshd || exit 1
mount -t tmpfs -o mode=755,size=64m none /var/lib && mount -t tmpfs none /dev/shm || exit 1
for file in passwd shadow group; do mount --bind "$1/$file" "/etc/$file" || exit 1; done
hostname web; ip link set lo up
echo "$pid"
while IFS= read -r line; do
    eval "$line" </dev/null >"$1/said" 2>&1
    echo "done $?"
done
"#;

/// A host.
pub struct Sshd {
    folder: TempDir,
    keeper: Mutex<Keeper>,
    /// Its address.
    pub address: String,
    /// The port of its SSH server.
    pub port: u16,
}

/// The first process of a host.
pub(super) struct Keeper {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

pub(super) fn done(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|ended| ended.success())
}

/// A key pair of a client, made once: the file of the private half.
pub fn client_key() -> &'static Path {
    static KEY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &KEY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("id");
        make_key(&path, "");
        (folder, path)
    })
    .1
}

/// Makes a key pair.
pub fn make_key(path: &Path, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"]).arg(path);
    assert!(done(&mut command), "ssh-keygen makes a key");
}

impl Sshd {
    /// A host with the accounts `root` and `deploy` (bash, no sudo) that take the client's key.
    pub fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/sshd").exists() {
            missing("sshd (Debian: apt-get install openssh-server openssh-client)");
            return None;
        }
        if !done(privileged("ip").args(["link", "show", "lo"])) {
            missing("ip, or the right to use it (Debian: apt-get install iproute2)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        };
        open(folder.path(), 0o755);
        for account in ["root", "deploy"] {
            std::fs::create_dir(at(account)).expect("a home");
            std::fs::copy(client_key().with_extension("pub"), at(&format!("{account}.keys"))).expect("a key");
        }
        let home = folder.path().display().to_string();
        let nobody = "sshd:x:6000:6000::/run/sshd:/usr/sbin/nologin\ncaddy:x:6003:6003::/nonexistent:/usr/sbin/nologin\n\
             nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin";
        let accounts = format!(
            "root:x:0:0::{home}/root:/bin/bash\ndeploy:x:6001:6001::{home}/deploy:/bin/bash\n\
             closed:x:6002:6002::{home}/deploy:/usr/sbin/nologin\n{nobody}\n"
        );
        std::fs::write(at("passwd"), accounts).expect("a file");
        std::fs::copy(at("root.keys"), at("closed.keys")).expect("a key");
        let locked: String = ["root", "deploy", "closed", "sshd", "caddy", "nobody"]
            .map(|name| format!("{name}:*:19000:0:99999:7:::\n"))
            .concat();
        std::fs::write(at("shadow"), locked).expect("a file");
        std::fs::write(
            at("group"),
            "root:x:0:\nsshd:x:6000:\ndeploy:x:6001:\nclosed:x:6002:\ncaddy:x:6003:\nnogroup:x:65534:\n",
        )
        .expect("a file");
        make_key(&at("host_key"), "");
        std::fs::write(at("keeper"), KEEPER).expect("a file");

        let (keeper, pid) = Keeper::start(&at("keeper"), &[folder.path()])?;
        let address = linked(pid);
        let host = Self { keeper: Mutex::new(keeper), address, port: 2222, folder };
        host.root(&format!("ip addr add {}/30 dev eth0 && ip link set eth0 up", host.address));
        host.root(&format!("chown -R 6001:6001 '{home}/deploy'"));
        host.serve("");
        Some(host)
    }

    /// The host's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the SSH server, with more lines of configuration; one that runs is ended first.
    pub fn serve(&self, more: &str) {
        let home = self.folder().display();
        let text = format!(
            "ListenAddress {}\nPort {}\nHostKey {home}/host_key\nAuthorizedKeysFile {home}/%u.keys\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nMaxStartups 100\n\
             LogLevel VERBOSE\nPrintMotd no\nPidFile {home}/sshd.pid\n{more}\n",
            self.address, self.port
        );
        std::fs::write(self.folder().join("sshd_config"), text).expect("a file");
        self.root(&format!(
            "if [ -f {home}/sshd.pid ]; then old=$(cat {home}/sshd.pid); kill \"$old\"; \
             while kill -0 \"$old\" 2>/dev/null; do sleep 0.05; done; fi; \
             /usr/sbin/sshd -f {home}/sshd_config -E {home}/sshd.log"
        ));
        until("an SSH server that answers", || {
            let Ok(mut stream) = std::net::TcpStream::connect((self.address.as_str(), self.port)) else { return false };
            stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("a constant");
            let mut banner = [0; 4];
            stream.read_exact(&mut banner).is_ok() && &banner == b"SSH-"
        });
    }

    /// Runs a line of shell as root on the host; it must succeed. What it printed.
    pub fn root(&self, line: &str) -> String {
        let answer = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).ask(line);
        let said = std::fs::read_to_string(self.folder().join("said")).unwrap_or_default();
        assert_eq!(answer, "done 0\n", "{line}\n{said}");
        said
    }

    /// Lets an account become root without a password. False where there is no sudo.
    pub fn allow_sudo(&self, user: &str) -> bool {
        if !Path::new("/usr/bin/sudo").exists() {
            missing("sudo (Debian: apt-get install sudo)");
            return false;
        }
        let rules = self.folder().join("sudoers").display().to_string();
        self.root(&format!(
            "umask 077; echo '{user} ALL=(ALL) NOPASSWD: ALL' >{rules} && chmod 440 {rules} && \
             mount --bind {rules} /etc/sudoers"
        ));
        true
    }

    /// Takes a program away, wherever a shell would find it.
    pub fn hide(&self, program: &str) {
        self.root(&format!(
            "touch /run/nothing && (for at in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do \
             [ ! -e $at/{program} ] || mount --bind /run/nothing $at/{program} || exit 1; done)"
        ));
    }

    /// Writes a file of the host's folder.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder().join(name), content).expect("a file of ours");
    }

    /// Gives the host another key, as when it is set up anew: every connection ends.
    pub fn change_key(&self) {
        self.root(
            "for at in /proc/[0-9]*; do read -r name <$at/comm || continue; \
             case $name in sshd*) kill ${at#/proc/} ;; esac; done; true",
        );
        for name in ["host_key", "host_key.pub"] {
            std::fs::remove_file(self.folder().join(name)).expect("it was made");
        }
        make_key(&self.folder().join("host_key"), "");
        self.serve("");
    }

    /// Cuts its power and lets it boot again: every process is gone, the boot has another id, and `boot` is run as what
    /// it starts by itself.
    pub fn power_cycle(&self, boot: &str) {
        let id = self.folder().join("boot_id");
        let first = !id.exists();
        let random = rand::random::<u64>();
        std::fs::write(&id, format!("{random:08x}-0000-4000-8000-{random:012x}\n")).expect("a file of ours");
        let mount = format!("mount --bind '{}' /proc/sys/kernel/random/boot_id;", id.display());
        self.root(&format!("kill -9 -1; {} {boot}", if first { mount.as_str() } else { "" }));
        self.serve("");
    }

    /// The line of its public key.
    pub fn host_key(&self) -> String {
        let text = std::fs::read_to_string(self.folder().join("host_key.pub")).expect("it was made");
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Where an account logs in.
    pub fn at(&self, user: &str) -> String {
        format!("{user}@{}:{}", self.address, self.port)
    }

    /// How many commands its server was given.
    pub fn commands(&self) -> usize {
        let log = std::fs::read_to_string(self.folder().join("sshd.log")).unwrap_or_default();
        log.matches("Starting session: command").count()
    }

    /// How many bytes came over its cable.
    pub fn received(&self) -> u64 {
        let shown = self.root("ip -s -j link show eth0");
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("ip speaks JSON");
        shown[0]["stats64"]["rx"]["bytes"].as_u64().expect("it counts")
    }

    /// How many logins its server has taken.
    pub fn logins(&self) -> usize {
        let log = std::fs::read_to_string(self.folder().join("sshd.log")).unwrap_or_default();
        log.matches("Accepted publickey").count()
    }
}

/// Gives the network of a process one end of a cable, and this machine the other. The address of the far end, which is
/// called `eth0` there and is not up yet.
pub(super) fn linked(pid: u32) -> String {
    // The name of the interface is what reserves the addresses.
    let free = (0..16_000_u32).map(|at| (at + std::process::id() * 37) % 16_000).find(|number| {
        let mut add = privileged("ip");
        add.args(["link", "add", &format!("cgot{number}"), "type", "veth", "peer", "name", "eth0", "netns"]);
        done(add.arg(pid.to_string()))
    });
    let number = free.expect("an interface can be made");
    let interface = format!("cgot{number}");
    let base = number * 4;
    let address = |last: u32| format!("198.18.{}.{}", (base + last) / 256 % 256, (base + last) % 256);
    assert!(done(privileged("ip").args(["addr", "add", &format!("{}/30", address(1)), "dev", &interface])));
    assert!(done(privileged("ip").args(["link", "set", &interface, "up"])));
    address(2)
}

impl Keeper {
    /// Starts the first process of a host in namespaces of its own; its number on this machine.
    pub(super) fn start(script: &Path, arguments: &[&Path]) -> Option<(Self, u32)> {
        let mut unshare = privileged("unshare");
        unshare.args(["--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "sh"]).arg(script);
        let mut process = unshare
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare is everywhere");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut keeper = Self { process, input, output };
        let Ok(pid) = keeper.line().trim().parse::<u32>() else {
            missing("the right to make namespaces");
            return None;
        };
        Some((keeper, pid))
    }

    /// Has it run a line of shell; what it answers.
    pub(super) fn ask(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{line}").expect("the keeper runs");
        self.line()
    }

    /// Ends it, and with it all that runs on the host.
    pub(super) fn end(&mut self) {
        // The end of its input ends the first process, and with it all others of the host.
        self.input = None;
        let _ = self.process.wait();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.output.read_line(&mut line);
        line
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner).end();
        // Files of other accounts, which a user who may not remove them leaves to root.
        done(privileged("rm").arg("-rf").arg(self.folder.path()));
    }
}
