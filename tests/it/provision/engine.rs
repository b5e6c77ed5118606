//! Podman on a server: who runs its containers, and what has them outlive the sessions of the account that deploys, and a
//! restart of the machine.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cgo::domain::deployment::Driver;
use cgo::domain::host::{Destination, HostKey, Rights};
use cgo::domain::names::ProjectName;
use cgo::domain::setup::{EngineChoice, SetupStep, Stand};
use cgo::remote::engine::App;
use cgo::remote::host::Host;
use cgo::remote::host::ssh::{self, Login, Ssh};
use cgo::remote::host::steps;
use cgo::remote::image::Sort;
use cgo::remote::provision::{self, Setup};
use tokio_util::sync::CancellationToken;

use crate::hosts::Linked;
use crate::support::booted::Booted;
use crate::support::sshd::{Sshd, client_key};

/// Podman as far as it is asked: it says its version, and keeps what else it was told.
const PODMAN: &str = r#"#!/bin/sh
case $1 in
--version) echo "podman version 4.3.1" ;;
*) echo "$*" >>/var/log/podman.told ;;
esac
"#;

/// Has an account linger as systemd takes it: its own needs a bus, which a bare machine does not have.
const LOGINCTL: &str = r#"#!/bin/sh
[ "$1" = enable-linger ] && mkdir -p /var/lib/systemd/linger && : >"/var/lib/systemd/linger/$2"
"#;

fn never() -> CancellationToken {
    CancellationToken::new()
}

/// Puts a program on a machine.
fn program(machine: &Booted, at: &str, text: &str) {
    machine.run(&format!("cat >{at} <<'END' && chmod 755 {at}\n{text}END\n"));
}

/// How the engine stands: its state, and why.
async fn stands(setup: &Setup, host: &dyn Host) -> (Stand, String) {
    let plan = setup.plan(host, &never()).await.unwrap();
    let engine = plan.steps.into_iter().find(|standing| standing.step == SetupStep::Engine).unwrap();
    (engine.state, engine.why)
}

/// Brings it about; `attempt` is a number that none before had.
async fn apply(setup: &Setup, host: &dyn Host, attempt: u32) {
    let survey = provision::survey(host, &never()).await.unwrap();
    let step = setup.apply(SetupStep::Engine, survey.folder(&format!("set-{attempt}"), "engine"));
    let ended = steps::run(host, &step, Duration::from_secs(30), &mut |_| (), &never()).await.unwrap();
    assert_eq!(provision::outcome(ended.code), Some(Stand::Done), "{ended:?}");
}

#[test]
fn what_serves_in_podman_starts_with_the_machine_and_outlives_the_sessions_of_its_account() {
    let Some(machine) = Booted::start() else { return };
    let id = format!("test-{:08x}", rand::random::<u32>());
    let destination = Destination::parse(&format!("root@{}:22", machine.address)).unwrap();
    let login = Login { destination, key: Some(client_key().to_owned()), configuration: None };
    let host = Ssh::new("box", &id, login, HostKey::parse(&machine.host_key()).unwrap());
    let host: &dyn Host = &host;
    program(&machine, "/usr/bin/podman", PODMAN);
    let setup = Setup { engine: EngineChoice::Podman, keys: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let needed = |why: &str| (Stand::Needed, why.to_owned());
        let done = |why: &str| (Stand::Done, why.to_owned());
        assert_eq!(stands(&setup, host).await, needed("containers of podman will not start with the machine"));
        apply(&setup, host, 1).await;
        let by = done("podman 4.3.1; cgo-podman.service starts its containers with the machine");
        assert_eq!(stands(&setup, host).await, by);
        assert_eq!(machine.run("systemctl is-enabled cgo-podman.service").trim(), "enabled");

        // A second time nothing is done.
        machine.run("touch /stamp");
        apply(&setup, host, 2).await;
        assert_eq!(machine.run("find /etc/systemd -newer /stamp"), "");

        // With the machine: what serves, in the slot that does, of Podman, unless somebody stopped it.
        for (app, extra) in [
            ("blue", "true"),
            ("green", ": >active/green"),
            ("stopped", ": >stopped"),
            ("other", "echo docker >engine"),
            ("never", "rm serving"),
        ] {
            machine.run(&format!(
                "mkdir -p /var/lib/cgo/apps/{app}/production/active && cd /var/lib/cgo/apps/{app}/production && \
                 echo podman >engine && echo rel-1 >serving && {extra}"
            ));
        }
        machine.run("systemctl start cgo-podman.service");
        let told = machine.run("cat /var/log/podman.told");
        assert_eq!(told, "start cgo-blue-production-blue\nstart cgo-green-production-green\n");

        // An account that may not become root has containers of its own.
        machine.run("useradd --create-home cgo");
        assert_eq!(stands(&setup, host).await, needed("containers of podman end with the last session of `cgo`"));
        program(&machine, "/usr/local/bin/loginctl", LOGINCTL);
        apply(&setup, host, 3).await;
        let by = done("podman 4.3.1; `cgo` lingers, and nothing starts its containers with the machine");
        assert_eq!(stands(&setup, host).await, by);
    });
    ssh::forget(&id);
}

#[test]
fn an_account_that_may_become_root_has_podman_of_root_but_for_what_is_its_own() {
    let Some(sshd) = Sshd::start() else { return };
    let folder = sshd.folder().to_owned();
    let here = folder.display();
    std::fs::create_dir(folder.join("bin")).unwrap();
    for (name, text) in [("docker", "#!/bin/sh\nexit 1\n"), ("podman", "#!/bin/sh\n[ \"$1\" = version ]\n")] {
        sshd.write(&format!("bin/{name}"), text);
        std::fs::set_permissions(folder.join("bin").join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Where sudo looks, too.
    sshd.root(&format!("mount --bind '{here}/bin' /usr/local/bin"));
    sshd.serve("SetEnv PATH=/usr/local/bin:/usr/bin:/bin");
    let linked = Linked::to(&sshd, "deploy");
    let root = format!("{here}/deploy/cgo");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let engine = |name: &str| {
        let name = ProjectName::parse(name).unwrap();
        let app = App { host: linked.host(), root: &root, name: &name, driver: Some(Driver::Container) };
        runtime.block_on(app.survey("none", &never())).unwrap().engine
    };
    assert_eq!(engine("shop"), Some((Sort::Podman, Rights::Plain)));
    if !sshd.allow_sudo("deploy") {
        return;
    }
    assert_eq!(engine("shop"), Some((Sort::Podman, Rights::Sudo)));
    // Its data is where it was deployed to before.
    let volume = format!("{here}/deploy/.local/share/containers/storage/volumes/cgo-shop-production");
    sshd.root(&format!("mkdir -p '{volume}' && chown -R 6001:6001 '{here}/deploy/.local'"));
    assert_eq!(engine("shop"), Some((Sort::Podman, Rights::Plain)));
    assert_eq!(engine("other"), Some((Sort::Podman, Rights::Sudo)));
}
