//! Hosts: what both sorts have in common ([`alike`]), what only a connection can do to one ([`connection`]), and the
//! commands that manage them ([`servers`]).

mod alike;
mod connection;
mod servers;

use std::path::Path;

use cgo::domain::host::{Destination, HostKey};
use cgo::remote::host::Host;
use cgo::remote::host::local::Local;
use cgo::remote::host::ssh::{self, Login, Ssh};

use crate::support::sshd::{Sshd, client_key};

/// A connection of this test alone, which ends with it.
pub struct Linked {
    ssh: Ssh,
    id: String,
}

impl Linked {
    pub fn to(host: &Sshd, user: &str) -> Self {
        let id = format!("test-{:08x}", rand::random::<u32>());
        Self { ssh: again(host, user, &id), id }
    }

    pub fn host(&self) -> &dyn Host {
        &self.ssh
    }

    pub fn master(&self) -> rustix::process::Pid {
        let pid = self.ssh.master().expect("there is a connection");
        rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        ssh::forget(&self.id);
    }
}

/// What another process knows of the same server.
pub fn again(host: &Sshd, user: &str, id: &str) -> Ssh {
    let destination = Destination::parse(&host.at(user)).unwrap();
    let login = Login { destination, key: Some(client_key().to_owned()), configuration: None };
    Ssh::new("web", id, login, HostKey::parse(&host.host_key()).unwrap())
}

/// Runs a test on this machine, and on a host over SSH; both see the folder it works in.
pub fn on_both(test: &impl AsyncFn(&dyn Host, &Path)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(test(&Local, folder.path()));
    let Some(sshd) = Sshd::start() else { return };
    let linked = Linked::to(&sshd, "root");
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(test(linked.host(), folder.path()));
}

/// Runs a test on a host over SSH.
pub fn over_ssh(test: &impl AsyncFn(&Sshd, &Linked)) {
    let Some(sshd) = Sshd::start() else { return };
    let linked = Linked::to(&sshd, "root");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(&sshd, &linked));
}
