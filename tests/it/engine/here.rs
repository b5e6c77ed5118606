//! A release's image that is built on the machine that deploys, by the command line: only what changed goes to the server.

use std::path::Path;

use cgo::remote::image::Sort;

use super::whole::{can_deploy, git, server};
use crate::support::docker::Docker;
use crate::support::env::{TestEnv, figure, get};
use crate::support::service::SERVICE;
use crate::support::sshd::Sshd;

/// A service without packages, above a layer that stays and one that changes.
const DOCKERFILE: &str = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY image/stays /app/\nCOPY image/changes /app/\n\
                          COPY image/main.py /app/\n";
/// How large the layers are; they cannot be packed.
const SIZE: usize = 8_000_000;

/// Removes what was built of the project in the engine of this machine.
struct Built(&'static Docker, String);

impl Drop for Built {
    fn drop(&mut self) {
        let ids = self.0.run(["image", "ls", "--quiet", "--filter", &format!("label=cgo.app={}", self.1)]);
        for id in String::from_utf8_lossy(&ids.stdout).lines() {
            self.0.run(["image", "rm", "--force", id]);
        }
    }
}

fn fill(folder: &Path, name: &str) {
    let content: Vec<u8> = (0..SIZE).map(|_| rand::random()).collect();
    std::fs::write(folder.join("image").join(name), content).unwrap();
}

/// One like the deployment before takes no more than this to a server, whichever machine builds its image.
const TRIPS: usize = 8;

/// The same built on the server: its source goes there, and what it is built from is there already.
fn built_there(docker: &Docker, env: &TestEnv, sshd: &Sshd, name: &str, url: &str) {
    let folder = env.work().join(name);
    let base = sshd.folder().join("base.tar").display().to_string();
    docker.ok(["save", "--output", &base, docker.base()]);
    sshd.root(&format!("docker load --input '{base}'"));
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), manifest.replace("build: here", "build: host")).unwrap();
    git(&folder, &["commit", "-qam", "Build it there"]);
    let before = sshd.commands();
    let made = env.json(["deploy", name, "--bake", "0"]);
    let trips = sshd.commands() - before;
    figure(&format!("a deployment of an image that is built on the server took {trips} round trips"));
    assert!(trips <= TRIPS, "a deployment of an image that is built on the server took {trips} round trips");
    assert!(get(&format!("{url}/ready")).1.contains(made["release"].as_str().unwrap()));
}

/// An image that says it is for other machines is not even built.
fn for_other_machines(env: &TestEnv, sshd: &Sshd, name: &str) {
    let folder = env.work().join(name);
    let recipe = DOCKERFILE.replace("FROM", "FROM --platform=linux/riscv64");
    std::fs::write(folder.join("image/Dockerfile"), recipe).unwrap();
    git(&folder, &["commit", "-qam", "Be for other machines"]);
    let images = || sshd.root("docker image ls --all --quiet --no-trunc | sort");
    let before = images();
    let refused = env.run(["deploy", name, "--bake", "0"]);
    assert_eq!(refused.code, Some(9), "{}", refused.stderr);
    assert!(refused.stderr.contains("the image is for riscv64, and `web` is "), "{}", refused.stderr);
    assert_eq!(images(), before);
    git(&folder, &["reset", "-q", "--hard", "HEAD~1"]);
}

#[test]
fn of_an_image_built_here_only_the_layers_that_changed_go_to_the_server() {
    let Some(docker) = Docker::shared() else { return };
    if !can_deploy() {
        return;
    }
    let Some((sshd, _linked)) = crate::images::host(Sort::Docker) else { return };
    let env = TestEnv::deploying();
    // The engine is everybody's: the name is this test's alone.
    let name = format!("notes-{:08x}", rand::random::<u32>());
    let name = name.as_str();
    let _built = Built(docker, name.to_owned());
    server(&env, &sshd, "web");
    env.ok(["project", "new", "a notes API with title and body", "--name", name, "--no-deploy"]);
    let folder = env.work().join(name);
    std::fs::create_dir(folder.join("image")).unwrap();
    std::fs::write(folder.join("image/Dockerfile"), DOCKERFILE).unwrap();
    std::fs::write(folder.join("image/main.py"), SERVICE).unwrap();
    fill(&folder, "stays");
    fill(&folder, "changes");
    let ignored = std::fs::read_to_string(folder.join(".dockerignore")).unwrap();
    std::fs::write(folder.join(".dockerignore"), ignored + "!image\n").unwrap();
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    let (head, rest) = manifest.split_once("    migrate:").unwrap();
    let (_, tail) = rest.split_once("    # The variable that carries the port.").unwrap();
    let image = format!(
        "    command: [python3, -u, main.py]\n    driver: container\n    image:\n      dockerfile: image/Dockerfile\n      \
         build: here\n      base: {}\n",
        docker.base()
    );
    std::fs::write(folder.join("cgo.yaml"), format!("{head}{image}{tail}")).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Run it in a container"]);

    // What is left in this machine's engine of an earlier deployment, of another application, and by somebody's own name.
    let image = |reference: &str, app: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM {}\n", docker.base())).unwrap();
        let label = format!("cgo.app={app}");
        let text = folder.path().to_str().unwrap();
        docker.ok(["build", "--quiet", "--label", &label, "--tag", reference, text]);
    };
    let old = format!("localhost/cgo/{name}:rel-000000000001");
    let (others, mine) = (format!("localhost/cgo/{name}-2:rel-000000000001"), format!("localhost/mine/{name}:1"));
    for (reference, app) in [(&old, name.to_owned()), (&others, format!("{name}-2")), (&mine, name.to_owned())] {
        image(reference, &app);
    }
    let here = |reference: &str| docker.run(["image", "inspect", reference]).status.success();

    let made = env.json(["deploy", name, "--server", "web", "--bake", "0"]);
    let url = made["url"].as_str().unwrap().to_owned();
    let first = made["release"].as_str().unwrap().to_owned();
    assert!(get(&format!("{url}/ready")).1.contains(&first));
    let labels = sshd.root("docker image ls --format '{{.Repository}}:{{.Tag}}'");
    assert!(labels.contains(&format!("localhost/cgo/{name}:{first}")), "{labels}");

    fill(&folder, "changes");
    git(&folder, &["commit", "-qam", "Change a layer"]);
    let (before, commands) = (sshd.received(), sshd.commands());
    assert!(here(&old), "of two that were built here both stay");
    let again = env.ok(["deploy", name, "--bake", "0"]);
    let trips = sshd.commands() - commands;
    figure(&format!("a deployment of an image that is built here took {trips} round trips"));
    assert!(trips <= TRIPS, "a deployment of an image that is built here took {trips} round trips");
    assert!(!here(&old), "the newest two stay here, and no more");
    assert!(here(&format!("localhost/cgo/{name}:{first}")) && here(&others) && here(&mine));
    docker.ok(["image", "rm", &others]);
    let sent = sshd.received() - before;
    #[expect(clippy::cast_precision_loss, reason = "it is shown, and compared with a margin")]
    let ratio = sent as f64 / SIZE as f64;
    println!("{sent} bytes for a layer of {SIZE}: {ratio:.3}");
    assert!(ratio <= 1.1, "{sent} bytes went to the server for a layer of {SIZE}");
    assert!(sent > SIZE as u64, "the layer itself went there: {sent}");
    let (status, ready) = get(&format!("{url}/ready"));
    assert!(status == 200 && !ready.contains(&first) && again.stdout.contains("serves release"), "{ready}");

    // Back without a build, and nothing is sent.
    let before = sshd.received();
    let back = env.json(["deploy", name, "--rollback", "--bake", "0"]);
    assert_eq!(back["release"], first.as_str());
    assert!(sshd.received() - before < 1_000_000);
    assert!(get(&format!("{url}/ready")).1.contains(&first));
    for_other_machines(&env, &sshd, name);
    built_there(docker, &env, &sshd, name, &url);
    env.ok(["project", "remove", name, "--yes"]);
    assert_eq!(
        sshd.root(&format!("docker ps --all --quiet; docker image ls --quiet --filter label=cgo.app={name}")),
        ""
    );
}
