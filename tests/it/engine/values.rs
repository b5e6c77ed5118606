//! The variables of a release reach the release, each byte as it is, and nothing else on the host: not what starts it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cgo::domain::deployment::Driver;
use cgo::domain::names::ProjectName;
use cgo::remote::host::local::Local;
use cgo::remote::image::Sort;

use super::{Stage, never};
use crate::support::docker::Docker;

/// What shells, JSON, environment files and formats change.
const ODD: &str = " \tit's $HOME ${x} $(id) \\n\\ \"a\" `b` #c %s \n\nPATH=/x\n{\"a\":1}\u{1} ёж 👩‍👧 = \n ";

/// Names that shells have for themselves, with values that they change or refuse; the last four also those who run
/// containers.
pub(super) static SPECIAL: [(&str, &str); 14] = [
    ("OPTIND", "abc"),
    ("OPTARG", "x y"),
    ("PS4", "$(id)"),
    ("LINENO", "none"),
    ("PPID", "1x"),
    ("UID", "u"),
    ("EUID", "e"),
    ("SHELLOPTS", "s"),
    ("RANDOM", "r"),
    ("SECONDS", "s"),
    ("PWD", "/not/here"),
    ("OLDPWD", "/nor/here"),
    ("HOME", "/h'h"),
    ("_", "under"),
];

/// A migration that asks no shell: one that is begun with such variables may not even start.
pub(super) fn migrate() -> Vec<String> {
    let text = "import os; open(os.environ['SHARED'] + '/migrations', 'a').write(os.environ['OPTIND'] + '\\n')";
    ["/usr/bin/python3", "-c", text].map(str::to_owned).to_vec()
}

/// What the release that serves sees of its variables.
pub(super) async fn seen(stage: &Stage<'_>) -> serde_json::Value {
    let port = stage.survey().await.active().unwrap().port.unwrap();
    let seen = stage.shell(&format!("curl -sS --noproxy '*' http://127.0.0.1:{port}/env")).await;
    serde_json::from_str(&seen).unwrap()
}

/// Programs that scripts of ours run.
const PROGRAMS: [&str; 16] = [
    "awk",
    "cat",
    "curl",
    "date",
    "docker",
    "env",
    "flock",
    "mv",
    "podman",
    "sed",
    "setsid",
    "sh",
    "sudo",
    "sync",
    "systemctl",
    "timeout",
];

/// Puts a program of each of these names into a folder, that writes down that it was run.
fn traps(folder: &Path) {
    std::fs::create_dir(folder.join("evil")).unwrap();
    for name in PROGRAMS {
        let path = folder.join("evil").join(name);
        let text = format!("#!/bin/sh\necho {name} >>'{}/sprung'\nexec /usr/bin/{name} \"$@\"\n", folder.display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Deploys twice with variables that would have programs of the host do something else, and looks at what the release sees.
async fn arrive(stage: &mut Stage<'_>, folder: &Path) {
    traps(folder);
    let here = folder.display();
    let special = if stage.driver == Driver::Process { &SPECIAL[..] } else { &SPECIAL[..SPECIAL.len() - 4] };
    let mut hostile: Vec<(&str, String)> = special.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    hostile.extend([
        ("PATH", format!("{here}/evil:/usr/local/bin:/usr/bin:/bin")),
        ("DOCKER_HOST", "tcp://127.0.0.1:1".to_owned()),
        ("CONTAINER_HOST", "tcp://127.0.0.1:1".to_owned()),
        ("DOCKER_CONFIG", format!("{here}/none")),
        ("LD_PRELOAD", format!("{here}/none.so")),
        ("BASH_ENV", format!("{here}/none")),
        ("ENV", format!("{here}/none")),
        ("IFS", "/e".to_owned()),
        ("TMPDIR", format!("{here}/none")),
        ("ODD", ODD.to_owned()),
        ("EMPTY", String::new()),
        ("LONG", "x".repeat(100_000)),
    ]);
    stage.more = hostile.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    stage.migrate = migrate();
    stage.deploy("ok").await.unwrap();
    stage.deploy("ok").await.unwrap();
    let seen = seen(stage).await;
    for (name, value) in &hostile {
        assert_eq!(seen[name].as_str(), Some(value.as_str()), "{name}");
    }
    let sprung = std::fs::read_to_string(folder.join("sprung")).unwrap_or_default();
    // What the release itself is started with is its own affair: a shell of its own, and nothing before it.
    assert_eq!(sprung, "", "no program of the host was run for another");
}

#[test]
fn of_a_container_of_docker() {
    if Docker::shared().is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Local, folder.path());
        stage.driver = Driver::Container;
        stage.name = ProjectName::parse(&format!("shop-{:08x}", rand::random::<u32>())).unwrap();
        arrive(&mut stage, folder.path()).await;
        // Nobody else on the host can read them.
        let mode = stage.shell("stat -c %a slots/blue/env slots/blue/env.json").await;
        assert_eq!(mode.trim(), "600\n600");
        stage.end().await;
    });
}

#[test]
fn of_a_container_of_podman() {
    let Some(docker) = Docker::shared() else { return };
    let Some((sshd, linked)) = crate::images::host(Sort::Podman) else { return };
    let folder = sshd.folder().to_owned();
    docker.ok(["save", "--output", folder.join("base.tar").to_str().unwrap(), docker.base()]);
    sshd.root(&format!("podman load --input '{}/base.tar'", folder.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(linked.host(), &folder);
        (stage.driver, stage.sort) = (Driver::Container, Sort::Podman);
        stage.deadline = std::time::Duration::from_mins(1);
        arrive(&mut stage, &folder).await;
        stage.end().await;
    });
}

#[test]
fn of_a_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(&Local, folder.path());
        arrive(&mut stage, folder.path()).await;
        // One that was prepared goes on after its keeper, and a command of an operator sees the same.
        let (out, _, code) = super::operator::exec(&stage, &["/usr/bin/printenv", "ODD"], "").await;
        assert_eq!((out, code), (format!("{ODD}\n"), Some(0)));
        for (name, value) in SPECIAL {
            let (out, _, code) = super::operator::exec(&stage, &["/usr/bin/printenv", name], "").await;
            assert_eq!((out, code), (format!("{value}\n"), Some(0)), "{name}");
        }
        assert_eq!(stage.shell("cat shared/migrations").await, "abc\nabc", "a migration sees them, too");
        stage.app().operate(cgo::remote::engine::operate::Work::Stop, "anna", "", &never()).await.unwrap();
        stage.end().await;
    });
}
