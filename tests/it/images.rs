//! Images on their way to a host: with the Docker Engine of this machine, and engines of their own on hosts over SSH.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::host::Rights;
use cgo::domain::ids::ReleaseId;
use cgo::domain::names::ProjectName;
use cgo::domain::time::Timestamp;
use cgo::remote::host::Host;
use cgo::remote::host::files::{self, Sending, Source, Then};
use cgo::remote::host::local::Local;
use cgo::remote::image::build::{self, Recipe};
use cgo::remote::image::send::{Sent, send};
use cgo::remote::image::{Engine, Error, Gone, Image, Listed, Sort};
use tokio_util::sync::CancellationToken;

use crate::hosts::Linked;
use crate::support::docker::Docker;
use crate::support::env::{missing, until};
use crate::support::sshd::Sshd;

fn never() -> CancellationToken {
    CancellationToken::new()
}

/// The size of what is below all releases of these tests; it cannot be packed.
const BASE: usize = 3_000_000;

/// Releases of an application, with a base of their own, in the engine of this machine.
struct Releases {
    docker: &'static Docker,
    app: ProjectName,
    folder: tempfile::TempDir,
    base: String,
}

impl Releases {
    fn new() -> Option<Self> {
        let docker = Docker::shared()?;
        let folder = tempfile::tempdir().unwrap();
        let app = ProjectName::parse(&format!("images-{:08x}", rand::random::<u32>())).unwrap();
        let content: Vec<u8> = (0..BASE).map(|_| rand::random()).collect();
        std::fs::write(folder.path().join("random"), content).unwrap();
        let tar = folder.path().join("base.tar");
        let packed =
            std::process::Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(folder.path()).arg("random").status();
        assert!(packed.unwrap().success());
        let base = format!("cgo-test-{app}:base");
        docker.ok(["import", tar.to_str().unwrap(), &base]);
        Some(Self { docker, app, folder, base })
    }

    /// The source of a release, whose file says which it is.
    fn source(&self, content: &str) -> PathBuf {
        let source = self.folder.path().join(format!("source-{content}"));
        std::fs::create_dir_all(source.join(".git")).unwrap();
        std::fs::create_dir_all(source.join("services/web")).unwrap();
        std::fs::write(source.join(".git/index"), rand::random::<u64>().to_string()).unwrap();
        std::fs::write(source.join("services/web/release"), content).unwrap();
        let text = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nENV A=b\nCOPY services/web/ /web/\nCMD [\"/none\"]\n";
        std::fs::write(source.join("services/web/Dockerfile"), text).unwrap();
        source
    }

    fn recipe<'a>(&'a self, source: &'a std::path::Path, release: &'a ReleaseId, base: &str) -> Recipe<'a> {
        Recipe {
            context: source,
            dockerfile: "services/web/Dockerfile",
            args: BTreeMap::from([("BASE_IMAGE".to_owned(), base.to_owned())]),
            app: &self.app,
            environment: "production",
            release,
            within: Duration::from_mins(5),
        }
    }

    /// A release that is built here.
    async fn built(&self, content: &str) -> Image {
        let (source, release) = (self.source(content), release());
        build::here(&self.recipe(&source, &release, &self.base), &mut |_, _| (), &never()).await.unwrap()
    }
}

impl Drop for Releases {
    fn drop(&mut self) {
        let names = self.docker.run(["image", "ls", "--quiet", "--filter", &format!("label=cgo.app={}", self.app)]);
        let ids = String::from_utf8_lossy(&names.stdout).into_owned();
        for id in ids.lines() {
            self.docker.run(["image", "rm", "--force", id]);
        }
        self.docker.run(["image", "rm", "--force", &self.base]);
    }
}

fn release() -> ReleaseId {
    ReleaseId::new(Timestamp(1_767_225_600_000), rand::random())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Starts an engine of its own on a host whose folder is FOLDER.
const DOCKERD: &str = "mkdir -p FOLDER/docker && (setsid dockerd --data-root FOLDER/docker --exec-root /run/docker-own \
                       --pidfile /run/docker-own.pid --iptables=false --bridge=none --storage-driver=overlay2 \
                       --host unix:///run/docker.sock </dev/null >/run/dockerd.log 2>&1 &)";

/// What starts the engine of a host of its own.
pub fn dockerd(sshd: &Sshd) -> String {
    DOCKERD.replace("FOLDER", &sshd.folder().display().to_string())
}

/// A host with an engine of its own.
pub fn host(sort: Sort) -> Option<(Sshd, Linked)> {
    let sshd = Sshd::start()?;
    let folder = sshd.folder().display().to_string();
    match sort {
        Sort::Docker => {
            sshd.root(&dockerd(&sshd));
            until("an engine of its own", || sshd.root("docker version >/dev/null 2>&1; echo $?") == "0\n");
        }
        Sort::Podman => {
            if sshd.root("command -v podman || true").is_empty() {
                missing("podman (Debian: apt-get install podman)");
                return None;
            }
            sshd.root(&format!(
                "mkdir -p {folder}/containers /var/lib/containers /etc/containers && cp -r /etc/containers {folder}/etc && \
                 mount --bind {folder}/containers /var/lib/containers && mount --bind {folder}/etc /etc/containers && \
                 if [ -d /etc/cni ]; then cp -r /etc/cni {folder}/cni && mount --bind {folder}/cni /etc/cni; fi"
            ));
            // What Podman runs by itself refuses a machine with both versions of control groups.
            let runtime = "[engine]\nruntime = \"runc\"\n\
                           [containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\n";
            sshd.write("etc/containers.conf", runtime);
        }
    }
    let linked = Linked::to(&sshd, "root");
    Some((sshd, linked))
}

fn on_both_engines(test: &impl AsyncFn(&Releases, &Sshd, &Engine<'_>)) {
    let Some(releases) = Releases::new() else { return };
    for sort in [Sort::Docker, Sort::Podman] {
        let Some((sshd, linked)) = host(sort) else { return };
        let engine = Engine { host: linked.host(), sort, rights: Rights::Root };
        runtime().block_on(test(&releases, &sshd, &engine));
    }
}

async fn sent(engine: &Engine<'_>, sshd: &Sshd, image: &Image) -> Result<Sent, Error> {
    let blobs = sshd.folder().join("blobs").display().to_string();
    send(engine, image, std::env::consts::ARCH, &blobs, &[], &never()).await
}

#[test]
fn only_layers_that_a_host_lacks_are_sent_and_the_image_is_the_same_there() {
    on_both_engines(&async |releases, sshd, engine| {
        let program = engine.sort.program();
        let (one, two) = (releases.built("one").await, releases.built("two").await);
        let first = sent(engine, sshd, &one).await.unwrap();
        assert!(first.bytes > BASE as u64 && first.had == 0, "{first:?}");
        assert_eq!((first.image.id.as_str(), &first.image.layers), (one.id.as_str(), &one.layers));
        let before = sshd.commands();
        let second = sent(engine, sshd, &two).await.unwrap();
        assert_eq!(sshd.commands() - before, 2, "one to look, one to send it and have it taken");
        assert!(second.bytes < 20_000 && second.had == 1, "{second:?}");
        assert_eq!(second.image.id, two.id);
        let again = sent(engine, sshd, &two).await.unwrap();
        assert_eq!((again.bytes, again.had), (0, two.layers.len()));
        for (image, content) in [(&one, "one"), (&two, "two")] {
            let reference = &image.reference;
            let held = sshd.root(&format!(
                "id=$({program} create {reference}) && {program} cp $id:/web/release /run/release && {program} rm $id >/dev/null && \
                 cat /run/release"
            ));
            assert_eq!(held, content);
            let labels = "{{index .Config.Labels \"cgo.release\"}}";
            let label = sshd.root(&format!("{program} image inspect --format '{labels}' {reference}"));
            assert!(reference.ends_with(label.trim()), "{label}");
        }
        assert_eq!(sshd.root(&format!("ls {}/blobs", sshd.folder().display())), "", "nothing is left over");
        let names = sshd.root(&format!("{program} image ls --format '{{{{.Repository}}}}' | sort -u"));
        assert_eq!(names, format!("localhost/cgo/{}\n", releases.app));
    });
}

#[test]
fn images_that_manifests_name_are_removed_and_nothing_else_is() {
    on_both_engines(&async |releases, sshd, engine| {
        let program = engine.sort.program();
        let foreign = sshd
            .root(&format!("echo x >/run/x; tar -cf - -C /run x | {program} import - 2>/dev/null"))
            .trim()
            .to_owned();
        let images = [releases.built("one").await, releases.built("two").await, releases.built("three").await];
        // Without the better one, another packer does.
        sshd.hide("zstd");
        for image in &images {
            sent(engine, sshd, image).await.unwrap();
        }
        let listed = |image: &Image, id: &str| Listed {
            reference: image.reference.clone(),
            id: id.to_owned(),
            made: Vec::new(),
        };
        sshd.root(&format!("{program} create {} >/run/used", images[1].reference));
        let wanted = [
            listed(&images[0], &images[0].id),
            listed(&images[1], &images[1].id),
            listed(&images[2], &images[0].id),
            Listed { reference: "localhost/cgo/never:was".to_owned(), id: images[0].id.clone(), made: Vec::new() },
        ];
        let gone = engine.remove(&wanted, &never()).await.unwrap();
        assert_eq!(gone, [Gone::Removed, Gone::Used, Gone::Other, Gone::Absent]);
        assert_eq!(engine.inspect(&images[0].reference, &never()).await.unwrap(), None);
        for image in &images[1..] {
            assert!(engine.inspect(&image.reference, &never()).await.unwrap().is_some());
        }
        assert!(engine.inspect(&foreign, &never()).await.unwrap().is_some(), "an image without a name is not ours");
        let gone = engine.remove(&wanted[..1], &never()).await.unwrap();
        assert_eq!(gone, [Gone::Absent]);
    });
}

#[test]
fn what_cannot_run_or_has_no_room_is_refused_before_anything_is_sent() {
    on_both_engines(&async |releases, sshd, engine| {
        let image = releases.built("one").await;
        let small = sshd.folder().join("small").display().to_string();
        sshd.root(&format!("mkdir {small} && mount -t tmpfs -o size=1m none {small}"));
        let other = send(engine, &image, "riscv64", &small, &[], &never()).await.unwrap_err();
        assert_eq!(other.kind().exit_code(), 9);
        assert!(other.to_string().ends_with("and `web` is riscv64"), "{other}");
        assert!(other.advice().unwrap().words().contains("--platform linux/riscv64"));
        let full = send(engine, &image, std::env::consts::ARCH, &small, &[], &never()).await.unwrap_err();
        let Error::NoRoom { needed_mb, available_mb, freeable_mb, .. } = full else { panic!("{full}") };
        assert!(needed_mb > 6 && available_mb <= 1 && freeable_mb == 0, "{needed_mb} {available_mb} {freeable_mb}");
        assert_eq!(full.kind().exit_code(), 9);
        assert_eq!(engine.inspect(&image.reference, &never()).await.unwrap(), None);
        assert_eq!(sshd.root(&format!("ls {small}")), "");

        sent(engine, sshd, &image).await.unwrap();
        let next = releases.built("next").await;
        let old = [image.reference.clone()];
        sshd.root(&format!("head -c 1000000 /dev/zero >{small}/filler"));
        let full = send(engine, &next, std::env::consts::ARCH, &small, &old, &never()).await.unwrap_err();
        assert!(matches!(full, Error::NoRoom { freeable_mb, .. } if freeable_mb >= 3), "{full}");
        assert!(full.to_string().contains("old releases could give back up to 3 MB"), "{full}");
    });
}

#[test]
fn an_image_is_built_on_a_host_once_and_its_leftovers_are_known() {
    let Some(releases) = Releases::new() else { return };
    let Some((sshd, linked)) = host(Sort::Docker) else { return };
    let engine = Engine { host: linked.host(), sort: Sort::Docker, rights: Rights::Root };
    runtime().block_on(async {
        let base = sent(&engine, &sshd, &releases.built("base").await).await.unwrap().image;
        let before = sshd.root("docker image ls --all --quiet --no-trunc | sort");
        let folder = sshd.folder().join("ops/1/steps/build").display().to_string();
        let (source, id) = (releases.source("three"), release());
        let recipe = releases.recipe(&source, &id, &base.reference);
        let mut log = Vec::new();
        let trips = sshd.commands();
        let built = build::on_host(&engine, &recipe, &folder, &mut |bytes| log.extend_from_slice(bytes), &never())
            .await
            .unwrap();
        assert_eq!(sshd.commands() - trips, 2, "one to send its source, one to build");
        assert!(String::from_utf8_lossy(&log).contains("COPY services/web/"), "{}", String::from_utf8_lossy(&log));
        assert!(built.sent > 0 && built.sent < 50_000, "{}", built.sent);
        assert_eq!(built.image.layers[..2], base.layers[..2]);
        assert!(!built.made.is_empty());
        let labels =
            sshd.root(&format!("docker image inspect --format '{{{{json .Config.Labels}}}}' {}", recipe.reference()));
        assert!(labels.contains("\"cgo.env\":\"production\"") && labels.contains(releases.app.as_str()), "{labels}");
        // The same step again is the same build.
        let again = build::on_host(&engine, &recipe, &folder, &mut |_| (), &never()).await.unwrap();
        assert_eq!((&again.image, &again.made, again.sent), (&built.image, &built.made, 0));
        let listed = Listed { reference: recipe.reference(), id: built.image.id.clone(), made: built.made };
        assert_eq!(engine.remove(&[listed], &never()).await.unwrap(), [Gone::Removed]);
        assert_eq!(
            sshd.root("docker image ls --all --quiet --no-trunc | sort"),
            before,
            "a build leaves what was there"
        );

        std::fs::write(source.join("services/web/Dockerfile"), format!("FROM {}\nCOPY nothing /\n", base.reference))
            .unwrap();
        let error = build::on_host(&engine, &recipe, &format!("{folder}-2"), &mut |_| (), &never()).await.unwrap_err();
        assert!(matches!(error, Error::Build { .. }) && error.kind().exit_code() == 1, "{error}");
        assert!(error.evidence().iter().any(|line| line.contains("nothing")), "{:?}", error.evidence());
        assert_eq!(
            sshd.root(&format!("ls {}/ops/1/steps/build-2", sshd.folder().display())).matches("context").count(),
            0
        );
    });
}

#[test]
fn an_engine_that_does_not_run_is_told_from_one_that_is_not_there() {
    let Some(releases) = Releases::new() else { return };
    let Some(sshd) = Sshd::start() else { return };
    let linked = Linked::to(&sshd, "root");
    let engine = Engine { host: linked.host(), sort: Sort::Docker, rights: Rights::Root };
    runtime().block_on(async {
        let image = releases.built("one").await;
        let error = sent(&engine, &sshd, &image).await.unwrap_err();
        assert_eq!(error.kind().exit_code(), 9);
        assert!(error.evidence().iter().any(|line| line.contains("Cannot connect to the Docker daemon")), "{error:?}");
        assert!(error.advice().unwrap().words().contains("systemctl status docker"));
        sshd.hide("docker");
        let error = sent(&engine, &sshd, &image).await.unwrap_err();
        assert!(matches!(&error, Error::NoEngine { evidence, .. } if evidence.is_empty()), "{error:?}");
        assert_eq!(error.advice().unwrap().words(), "run `cgo servers provision web`");
    });
}

#[test]
fn an_image_that_is_built_here_for_here_is_not_sent() {
    let Some(releases) = Releases::new() else { return };
    let engine = Engine { host: &Local as &dyn Host, sort: Sort::Docker, rights: Rights::Root };
    runtime().block_on(async {
        let image = releases.built("one").await;
        let blobs = releases.folder.path().join("blobs").display().to_string();
        let sent = send(&engine, &image, std::env::consts::ARCH, &blobs, &[], &never()).await.unwrap();
        assert_eq!((sent.bytes, sent.image.id), (0, image.id));
    });
}

#[test]
fn a_file_is_sent_and_used_in_one_go_and_what_is_there_of_it_is_not_sent_again() {
    crate::hosts::on_both(&async |host, folder| {
        let source = Source::Bytes(vec![7_u8; 3_000_000]);
        let (sha256, _) = source.digest().await.unwrap();
        let to = folder.join("file").display().to_string();
        let then = |text: &'static str| Then {
            what: "use a file",
            rights: Rights::Root,
            text,
            args: vec![to.clone()],
            limit: Duration::from_secs(30),
        };
        let sending = |there| Sending { source: &source, to: &to, mode: "0600", there, until: None };
        std::fs::write(format!("{to}.{sha256}.part"), vec![7_u8; 2_000_000]).unwrap();
        let count = then("wc -c <\"$1\"; exit 71");
        let (put, answer) = files::put_then(host, &sending(Some(2_000_000)), &count, &never()).await.unwrap();
        assert_eq!((put.sent, answer.code, answer.text()), (1_000_000, 71, "3000000".to_owned()));
        let remove = then("rm \"$1\"");
        let (put, answer) = files::put_then(host, &sending(None), &remove, &never()).await.unwrap();
        assert_eq!((put.sent, answer.code), (0, 0));
        // What was said to be there is not: then it is asked.
        let (put, answer) = files::put_then(host, &sending(Some(5)), &count, &never()).await.unwrap();
        assert_eq!((put.sent, answer.code, answer.text()), (3_000_000, 71, "3000000".to_owned()));

        // Whoever has taken it is not sent it again.
        let step = folder.join("step");
        let other = folder.join("other");
        std::fs::create_dir(&step).unwrap();
        std::fs::write(step.join("pid"), "1 2 3\n").unwrap();
        let sending = Sending { to: other.to_str().unwrap(), until: step.to_str(), ..sending(Some(0)) };
        assert_eq!(files::put_at(host, &sending, &never()).await.unwrap().sent, 0);
        assert!(!other.exists());
        std::fs::remove_file(step.join("pid")).unwrap();
        assert_eq!(files::put_at(host, &sending, &never()).await.unwrap().sent, 3_000_000);
    });
}

#[test]
fn what_is_done_with_a_file_is_done_as_root_and_the_file_is_its_sender_s() {
    let Some(sshd) = Sshd::start() else { return };
    if !sshd.allow_sudo("deploy") {
        return;
    }
    let linked = Linked::to(&sshd, "deploy");
    let to = sshd.folder().join("deploy/blobs/file").display().to_string();
    let source = Source::Bytes(b"text".to_vec());
    let sending = Sending { source: &source, to: &to, mode: "0600", there: None, until: None };
    let text = "id -un; stat -c %U:%a \"$1\" \"${1%/*}\"; echo \"$2\"";
    let args = vec![to.clone(), "it's \"$2\"\n".to_owned()];
    let then = Then { what: "use a file", rights: Rights::Sudo, text, args, limit: Duration::from_secs(30) };
    runtime().block_on(async {
        let (put, answer) = files::put_then(linked.host(), &sending, &then, &never()).await.unwrap();
        assert_eq!((put.sent, answer.code), (4, 0), "{}", answer.stderr.text());
        assert_eq!(answer.text(), "root\ndeploy:600\ndeploy:700\nit's \"$2\"");
    });
}
