//! systemd: the unit that serves a store, and what it is told while it runs.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

use crate::domain::diagnose::Kind;

/// What a unit is written for.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables it needs, without secrets.
    pub variables: Vec<(String, String)>,
    /// The account it runs as.
    pub account: String,
    /// Folders it writes to.
    pub writes: Vec<PathBuf>,
}

/// An argument as systemd reads it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // A percent sign begins a specifier, a dollar sign a variable.
            '%' | '$' => out.extend([c, c]),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

impl Unit {
    /// The unit's text. It may write where cgo keeps things and nowhere else in its account's home; it gets no new rights,
    /// and what it deploys to this machine outlives it.
    ///
    /// Some walls are left out, because what it starts builds its own. The sandbox of coders mounts a `/proc` in a
    /// namespace of its own, which the kernel allows only where nothing of `/proc` is hidden or made read-only: so no
    /// `ProtectKernelTunables`, `ProtectKernelLogs`, `ProtectProc` or `ProcSubset`, and no `ProtectHostname`, which would
    /// also keep the sandbox from naming itself. It unshares and mounts: so no `RestrictNamespaces` or `PrivateUsers`, and
    /// no `SystemCallFilter` without `@mount`. It makes a control group for each run where it may: so no
    /// `ProtectControlGroups`. Coders and projects run programs that translate themselves while they run, as Node does: so
    /// no `MemoryDenyWriteExecute`. Projects go on when this ends: so no `RemoveIPC`.
    #[must_use]
    pub fn text(&self) -> String {
        let words: Vec<String> = std::iter::once(self.program.display().to_string())
            .chain(self.arguments.iter().cloned())
            .map(|word| quoted(&word))
            .collect();
        let mut variables = String::new();
        for (name, value) in &self.variables {
            variables.push_str(&format!("Environment={}\n", quoted(&format!("{name}={value}"))));
        }
        let writes: Vec<String> = self.writes.iter().map(|path| quoted(&format!("-{}", path.display()))).collect();
        format!(
            "# /etc/systemd/system/cgo.service: `systemctl daemon-reload`, then `systemctl enable --now cgo`.\n\
             # Keys and tokens go into a file only root reads, named by EnvironmentFile.\n\
             [Unit]\n\
             Description=cgo serve\n\
             Documentation=https://github.com/vladmesh/codegen_orchestrator\n\
             Wants=network-online.target\n\
             After=network-online.target\n\
             \n\
             [Service]\n\
             Type=notify\n\
             NotifyAccess=main\n\
             ExecStart={exec}\n\
             User={user}\n\
             {variables}\
             EnvironmentFile=-/etc/cgo/serve.env\n\
             Restart=on-failure\n\
             RestartSec=2\n\
             # What a person has to mend is not mended by another start.\n\
             RestartPreventExitStatus={mended}\n\
             TimeoutStopSec=15\n\
             # Projects that run on this machine were started from here and go on without it.\n\
             KillMode=process\n\
             UMask=0077\n\
             NoNewPrivileges=yes\n\
             PrivateTmp=yes\n\
             PrivateDevices=yes\n\
             ProtectSystem=strict\n\
             ProtectHome=read-only\n\
             # A project in another folder that is changed from a chat needs its folder here too, in a drop-in.\n\
             ReadWritePaths={writes}\n\
             ProtectClock=yes\n\
             ProtectKernelModules=yes\n\
             RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n\
             RestrictRealtime=yes\n\
             RestrictSUIDSGID=yes\n\
             LockPersonality=yes\n\
             SystemCallArchitectures=native\n\
             CapabilityBoundingSet=\n\
             AmbientCapabilities=\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n",
            exec = words.join(" "),
            user = self.account,
            mended = [Kind::User, Kind::Usage, Kind::Person].map(|kind| kind.exit_code().to_string()).join(" "),
            writes = writes.join(" "),
        )
    }
}

/// Tells systemd something, where it is systemd that waits for it: `READY=1`, `STOPPING=1`.
pub fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(hidden) => SocketAddr::from_abstract_name(hidden),
        None => SocketAddr::from_pathname(Path::new(&name)),
    };
    // Whoever does not listen is not told.
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(state.as_bytes(), &address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_names_program_account_and_folders_and_gives_no_new_rights() {
        let unit = Unit {
            program: "/usr/local/bin/cgo".into(),
            arguments: vec!["serve".into(), "--public-url".into(), "https://x.example/a b%".into()],
            variables: vec![("CGO_STORE".into(), "sqlite:/var/lib/c go/cgo.db".into())],
            account: "cgo".into(),
            writes: vec!["/var/lib/c go".into(), "/home/cgo".into()],
        };
        let text = unit.text();
        for line in [
            "ExecStart=/usr/local/bin/cgo serve --public-url \"https://x.example/a b%%\"",
            "Environment=\"CGO_STORE=sqlite:/var/lib/c go/cgo.db\"",
            "ReadWritePaths=\"-/var/lib/c go\" -/home/cgo",
            "User=cgo",
            "NoNewPrivileges=yes",
            "KillMode=process",
            "RestartPreventExitStatus=1 2 4",
            "CapabilityBoundingSet=",
            "ProtectHome=read-only",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
            "RestrictRealtime=yes",
            "RestrictSUIDSGID=yes",
            "LockPersonality=yes",
            "PrivateDevices=yes",
            "ProtectClock=yes",
            "ProtectKernelModules=yes",
            "SystemCallArchitectures=native",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        for wall in [
            "ProtectKernelTunables",
            "ProtectKernelLogs",
            "ProtectProc",
            "ProcSubset",
            "ProtectHostname",
            "RestrictNamespaces",
            "PrivateUsers",
            "SystemCallFilter",
            "ProtectControlGroups",
            "MemoryDenyWriteExecute",
        ] {
            assert!(!text.contains(wall), "no sandbox of a coder can be built, or nothing run, behind {wall}");
        }
    }
}
