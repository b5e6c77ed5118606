//! Places for projects: measured rooms, refusals with reasons, waiting for room, ports that are free where they are used.

use std::sync::Arc;
use std::time::Duration;

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::host::{Access, Engine, Facts, HostKey, Rights};
use cgo::domain::ids::{ReleaseId, RunId, ServerId};
use cgo::domain::placement::{FRESH_MS, MEMORY_MB, Reason, Wish};
use cgo::domain::project::Project;
use cgo::domain::redact::Secrets;
use cgo::domain::request::Rollout;
use cgo::domain::run::{Request, Run, RunStatus};
use cgo::domain::server::{PortPurpose, PortRange, Server, ServerStatus};
use cgo::domain::time::Timestamp;
use cgo::exec::identity;
use cgo::ops::servers::place::Place;
use cgo::ops::{self, Context, Error, agents, deploy, placement, servers};
use cgo::remote::host::local::Local;
use cgo::store::{Placements, Projects, Seen, Servers, Store};
use tokio_util::sync::CancellationToken;

use crate::support::env::{TestEnv, shared_cache, tools_are_here};
use crate::support::projects::built;
use crate::support::repo::git;

/// A key nobody has; what it is for is not asked.
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmkGvnYqeWZrBvqZQ2cCwEZQ8bYQ4NwHcQH1oV2o1rX";

pub struct Desk {
    home: tempfile::TempDir,
    pub context: Context,
}

pub fn facts(memory_available_mb: u64) -> Facts {
    Facts {
        hostname: "web".to_owned(),
        os: "Debian".to_owned(),
        os_id: "debian".to_owned(),
        os_version: "12".to_owned(),
        kernel: "6.1".to_owned(),
        arch: "x86_64".to_owned(),
        cpus: 2,
        memory_mb: 4000,
        memory_available_mb,
        data: "/var/lib/cgo".to_owned(),
        disk_mb: 40_000,
        disk_available_mb: 30_000,
        listening: vec![22, 8000, 8001],
        engines: Vec::new(),
        rights: Rights::Root,
        systemd: true,
        skew_ms: 0,
        user: "root".to_owned(),
        home: "/root".to_owned(),
    }
}

impl Desk {
    pub async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let context = Context {
            store: Store::open("sqlite::memory:").await.unwrap(),
            data: home.path().join("data"),
            cache: shared_cache(),
            holder: identity::me(),
            supervisor: Vec::new(),
            user: "tester".to_owned(),
            person: cgo::domain::user::Person::operator("tester"),
            approvers: Vec::new(),
            answer_within: None,
            github: cgo::github::Access::from_env("http://127.0.0.1:9", |_| None),
            source: ops::real(),
            secrets: Secrets::default(),
            vault: cgo::vault::Vault::at(home.path().join("identity.txt")),
            ports: PortRange::ALL,
            acme: cgo::domain::acme::Authorities::default(),
            agents: Arc::new(agents::Cache::new(Duration::ZERO)),
        };
        Self { home, context }
    }

    pub async fn server(&self, handle: &str, status: ServerStatus, facts: &Facts) -> ServerId {
        server(&self.context.store, handle, status, facts).await
    }

    pub async fn project(&self, name: &str) -> Project {
        let project = built(name, "", &self.home.path().join(name));
        self.context.store.create_project(&project).await.unwrap();
        project
    }

    async fn place(&self, project: &Project, wish: &str) -> Result<String, Error> {
        let wish: Option<Wish> = (!wish.is_empty()).then(|| wish.parse().unwrap());
        let placed = placement::place(&self.context, project, wish.as_ref(), &CancellationToken::new()).await;
        placed.map(|servers| servers.into_iter().map(|server| server.handle).collect::<Vec<_>>().join(","))
    }

    async fn seen(&self, server: &ServerId, ago_ms: i64, facts: &Facts) {
        let at = self.context.now().plus_ms(-ago_ms);
        let seen = Seen { server: server.clone(), at, problem: None, facts: Some(facts.clone()) };
        self.context.store.note_checks(&[seen]).await.unwrap();
    }
}

/// A server in the store whose port nobody listens at.
async fn server(store: &Store, handle: &str, status: ServerStatus, facts: &Facts) -> ServerId {
    let now = ops::now();
    let id = ServerId::new(now, ops::random());
    let server = Server {
        id: id.clone(),
        handle: handle.to_owned(),
        address: "127.0.0.1".to_owned(),
        status,
        created_at: now,
        updated_at: now,
    };
    let access = Access {
        server: id.clone(),
        destination: "root@127.0.0.1:1".parse().unwrap(),
        key: None,
        host_key: HostKey::parse(HOST_KEY).unwrap(),
        rootless: false,
    };
    store.add_server(&server, &access, facts).await.unwrap();
    id
}

/// A server with 100 MB of memory left.
pub async fn small_server(store: &Store, handle: &str) {
    server(store, handle, ServerStatus::Ready, &facts(100)).await;
}

#[tokio::test]
async fn without_a_wish_a_project_is_on_this_machine_and_with_one_where_there_is_room() {
    let desk = Desk::new().await;
    desk.server("web-1", ServerStatus::Ready, &facts(1000)).await;
    desk.server("web-2", ServerStatus::InUse, &facts(3000)).await;
    let (a, b, c) = (desk.project("aa").await, desk.project("bb").await, desk.project("cc").await);
    assert_eq!(desk.place(&a, "").await.unwrap(), "local");
    assert_eq!(desk.place(&b, "auto").await.unwrap(), "web-2");
    assert_eq!(desk.place(&c, "web-1").await.unwrap(), "web-1");
    for (project, on) in [(&a, "local"), (&b, "web-2"), (&c, "web-1")] {
        let placed = placement::of_project(&desk.context, project).await.unwrap();
        assert_eq!(placed.iter().map(|server| server.handle.as_str()).collect::<Vec<_>>(), [on]);
        assert_eq!(desk.place(project, "").await.unwrap(), on, "a redeploy moved it");
        assert_eq!(desk.place(project, "auto").await.unwrap(), on, "a redeploy moved it");
    }
    let unknown = desk.place(&a, "web-9").await.unwrap_err();
    assert!(matches!(&unknown, Error::NoSuchServer { .. }), "{unknown}");
}

/// Writes the `cgo.yaml` of a project.
pub fn manifest(project: &Project, server: &str, memory_mb: u32) {
    let text = format!(
        "version: 1\nname: {}\nserver: {server}\nservices:\n  api:\n    workdir: a\n    memory_mb: {memory_mb}\n    \
         python: {{ requires: '3.10', lock: a, dev_lock: b }}\n    command: [a]\n    port_env: PORT\n    health: /h\n    \
         ready: /r\n    stop_after: 1\n",
        project.name
    );
    std::fs::create_dir_all(&project.folder).unwrap();
    std::fs::write(std::path::Path::new(&project.folder).join("cgo.yaml"), text).unwrap();
}

#[tokio::test]
async fn a_project_without_a_place_goes_where_its_cgo_yaml_says() {
    let desk = Desk::new().await;
    desk.server("web-1", ServerStatus::Ready, &facts(1000)).await;
    let by_address = desk.project("ee").await;
    manifest(&by_address, "root@127.0.0.1:1", 64);
    assert_eq!(desk.place(&by_address, "").await.unwrap(), "web-1");
    desk.server("web-2", ServerStatus::Ready, &facts(3000)).await;
    for (name, server, on) in [
        ("aa", "web-1", "web-1"),
        ("bb", "\"web-2,web-1\"", "web-1,web-2"),
        ("cc", "auto", "web-2"),
        ("dd", "local", "local"),
    ] {
        let project = desk.project(name).await;
        manifest(&project, server, 64);
        placement::check(&desk.context, &project, None).await.unwrap();
        assert_eq!(desk.place(&project, "").await.unwrap(), on, "{server}");
        // What is said comes before it, and a place it has, too.
        manifest(&project, "web-9", 64);
        assert_eq!(desk.place(&project, "").await.unwrap(), on, "a redeploy moved it");
    }
    let project = desk.project("ff").await;
    for server in ["web-9", "root@192.0.2.7"] {
        manifest(&project, server, 64);
        let unknown = placement::check(&desk.context, &project, None).await.unwrap_err();
        assert!(unknown.to_string().contains(&format!("`server` is `{server}`, which was not added")), "{unknown}");
    }
    manifest(&project, "a b", 64);
    assert!(placement::check(&desk.context, &project, None).await.unwrap_err().to_string().contains("`server`: "));
    assert_eq!(desk.place(&project, "web-1").await.unwrap(), "web-1");
}

#[tokio::test]
async fn no_room_now_is_waited_for_and_what_will_never_fit_is_told_at_once() {
    let desk = Desk::new().await;
    desk.server("web-1", ServerStatus::Ready, &facts(600)).await;
    let (a, b) = (desk.project("aa").await, desk.project("bb").await);
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
    let full = desk.place(&b, "web-1").await.unwrap_err();
    assert!(matches!(&full, Error::NoCapacity { .. }), "{full}");
    assert!(full.to_string().contains("`web-1`: 512 MB of memory are needed, 88 MB are free"), "{full}");
    assert_eq!(desk.context.store.placements().await.unwrap().len(), 1, "a refusal reserved something");
    desk.context.store.remove_project(&a.id, ops::now()).await.unwrap();
    assert_eq!(desk.place(&b, "web-1").await.unwrap(), "web-1");

    let big = desk.project("big").await;
    manifest(&big, "local", 9000);
    let never = desk.place(&big, "web-1").await.unwrap_err();
    assert!(matches!(&never, Error::NoServer { .. }), "{never}");
    assert!(never.to_string().contains("9000 MB of memory are more than it has"), "{never}");
    desk.server("web-2", ServerStatus::Error, &facts(3000)).await;
    let error = desk.place(&desk.project("cc").await, "web-2").await.unwrap_err();
    assert!(matches!(&error, Error::NoServer { .. }) && error.to_string().contains("it is error"), "{error}");
}

/// What keeps a service is asked of a server before anything is begun there, by name.
#[tokio::test]
async fn a_server_that_lacks_what_keeps_the_service_is_refused_by_name() {
    let desk = Desk::new().await;
    let plain = Facts { rights: Rights::Plain, arch: "riscv64".to_owned(), ..facts(3000) };
    desk.server("web-1", ServerStatus::Ready, &plain).await;
    let dead = Engine { name: "podman".to_owned(), version: None };
    desk.server("web-2", ServerStatus::Ready, &Facts { engines: vec![dead], ..facts(3000) }).await;
    let engine = Engine { name: "docker".to_owned(), version: Some("28".to_owned()) };
    desk.server("web-3", ServerStatus::Ready, &Facts { engines: vec![engine], ..facts(2000) }).await;
    for (name, extra, refused) in [
        (
            "aa",
            "driver: container",
            vec!["`web-1`: no container engine answers", "`web-2`: no container engine answers"],
        ),
        ("bb", "driver: systemd", vec!["`web-1`: its account cannot become root"]),
        ("cc", "driver: container\n    image: { build: here }", vec!["`web-1`: its architecture is riscv64, and "]),
        ("dd", "driver: process", vec![]),
    ] {
        let project = desk.project(name).await;
        manifest(&project, "local", 64);
        let file = std::path::Path::new(&project.folder).join("cgo.yaml");
        let text =
            std::fs::read_to_string(&file).unwrap().replace("stop_after: 1", &format!("stop_after: 1\n    {extra}"));
        std::fs::write(&file, text).unwrap();
        for refused in &refused {
            let on = &refused[1..6];
            let error = desk.place(&project, on).await.unwrap_err();
            assert!(matches!(&error, Error::NoServer { .. }) && error.to_string().contains(refused), "{error}");
        }
        assert_eq!(desk.context.store.placements_of(&project.id).await.unwrap(), []);
        // Of all there are, one that has it is chosen.
        let took = desk.place(&project, "auto").await.unwrap();
        assert!(refused.iter().all(|refused| refused[1..6] != took), "{name} is on {took}");
    }
}

/// What a release of a project may take on a server: as it is planned, with this machine in the server's place.
async fn limit(desk: &Desk, project: &Project, server: &ServerId) -> u32 {
    let folder = std::path::Path::new(&project.folder);
    for words in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-q", "-m", "base"]] {
        git(folder, words);
    }
    let request = Request::Deploy {
        project: project.name.clone(),
        sandbox: None,
        server: None,
        rollout: Rollout::default(),
        cassette: None,
    };
    let place = Place {
        server: desk.context.store.server(server).await.unwrap().unwrap(),
        host: Box::new(Local),
        root: desk.home.path().join("root").display().to_string(),
        rights: Rights::Plain,
        arch: std::env::consts::ARCH.to_owned(),
    };
    let (run, commit) = (queued(request, ops::now(), 1), git(folder, &["rev-parse", "HEAD"]));
    let planned =
        deploy::remote::plan(&desk.context, project, &[place], &run, &commit, &CancellationToken::new()).await;
    planned.unwrap().plans[0].host.memory_mb
}

/// What is reserved for a service, also for one that says nothing, is what it is limited to.
#[tokio::test]
async fn what_is_reserved_is_what_a_service_may_take() {
    if !tools_are_here() {
        return;
    }
    let mut desk = Desk::new().await;
    desk.context.cache = desk.home.path().join("cache");
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    for (name, says, megabytes) in [("aa", "", MEMORY_MB), ("bb", "    memory_mb: 64\n", 64)] {
        let project = desk.project(name).await;
        manifest(&project, "local", 64);
        let file = std::path::Path::new(&project.folder).join("cgo.yaml");
        let text = std::fs::read_to_string(&file).unwrap().replace("    memory_mb: 64\n", says);
        std::fs::write(&file, text).unwrap();
        desk.place(&project, "web-1").await.unwrap();
        let reserved = desk.context.store.placements_of(&project.id).await.unwrap()[0].memory_mb;
        assert_eq!((reserved, limit(&desk, &project, &web).await), (u64::from(megabytes), megabytes), "{name}");
    }
}

/// A run that nobody has begun.
fn queued(request: Request, at: Timestamp, number: u32) -> Run {
    Run {
        id: RunId::new(at, number),
        project: None,
        request,
        status: RunStatus::Queued,
        reason: None,
        asked_by: None,
        forked_from: None,
        seq: 0,
        created_at: at,
        updated_at: at,
    }
}

#[tokio::test]
async fn a_project_on_a_server_in_maintenance_is_not_deployed_and_waits() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let a = desk.project("aa").await;
    let name = cgo::domain::names::ServerName::parse("web-1").unwrap();
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
    let status = async || desk.context.store.server(&web).await.unwrap().unwrap().status;
    assert_eq!(status().await, ServerStatus::InUse);
    assert!(servers::standing::maintenance(&desk.context, &name, true).await.unwrap().1);
    assert!(!servers::standing::maintenance(&desk.context, &name, true).await.unwrap().1, "it was so already");
    for wish in ["", "web-1"] {
        let refused = desk.place(&a, wish).await.unwrap_err();
        assert!(matches!(&refused, Error::NoCapacity { .. }), "{refused}");
        assert!(refused.to_string().contains("`web-1`: it is in maintenance"), "{refused}");
    }
    assert!(servers::standing::reserve(&desk.context, &name, true).await.is_err());
    servers::standing::maintenance(&desk.context, &name, false).await.unwrap();
    assert_eq!((desk.place(&a, "").await.unwrap().as_str(), status().await), ("web-1", ServerStatus::InUse));
}

#[tokio::test]
async fn on_a_server_in_maintenance_a_new_release_and_a_way_back_are_refused_alike() {
    let desk = Desk::new().await;
    let (context, never) = (&desk.context, CancellationToken::new());
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let a = desk.project("aa").await;
    let name = cgo::domain::names::ServerName::parse("web-1").unwrap();
    desk.place(&a, "web-1").await.unwrap();
    for number in 1..=2 {
        release(context, &a, &web, number).await;
    }
    servers::standing::maintenance(context, &name, true).await.unwrap();
    let rollout = Rollout::default();
    let deploy = Request::Deploy { project: a.name.clone(), sandbox: None, server: None, rollout, cassette: None };
    let back = Request::Rollback { project: a.name.clone(), release: None, rollout };
    let planned = async |request: &Request| {
        let run = queued(request.clone(), ops::now(), 9);
        deploy::remote::plan(context, &a, &[], &run, "", &never).await.map(drop)
    };
    for refused in [
        // Before a run is made of it,
        placement::check(context, &a, None).await,
        deploy::check_rollback_of(context, &a, None, false).await.map(drop),
        // when somebody began to work on the server after that,
        planned(&deploy).await,
        planned(&back).await,
        // and when it is only shown.
        deploy::preview(context, &a, &back, &never).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, Error::InMaintenance { server, .. } if server == "web-1"), "{refused:?}");
        assert_eq!(refused.kind().exit_code(), 9);
        assert_eq!(refused.advice().unwrap().words(), "run `cgo servers maintenance web-1 off`");
    }
    servers::standing::maintenance(context, &name, false).await.unwrap();
    placement::check(context, &a, None).await.unwrap();
    deploy::check_rollback_of(context, &a, None, false).await.unwrap();
}

#[tokio::test]
async fn what_was_found_long_ago_is_asked_again_and_no_answer_is_no_room() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    desk.seen(&web, FRESH_MS + 60_000, &facts(3000)).await;
    let a = desk.project("aa").await;
    let silent = desk.place(&a, "web-1").await.unwrap_err();
    assert!(matches!(&silent, Error::NoCapacity { .. }), "{silent}");
    assert!(silent.to_string().contains("`web-1`: the last look at it failed"), "{silent}");
    let status = desk.context.store.server(&web).await.unwrap().unwrap().status;
    assert_eq!(status, ServerStatus::Ready, "one failed look made it a dead server");
    let server = desk.context.store.server(&web).await.unwrap().unwrap();
    let why = placement::why_not(&desk.context, &server, &CancellationToken::new()).await.unwrap();
    assert!(matches!(why, Some(Reason::Failing { .. })), "{why:?}");
    desk.seen(&web, 1000, &facts(3000)).await;
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
}

#[tokio::test]
async fn a_project_that_serves_is_not_moved_and_needs_no_second_budget() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(600)).await;
    desk.server("web-2", ServerStatus::Ready, &facts(3000)).await;
    let a = desk.project("aa").await;
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
    assert_eq!(desk.place(&a, "web-2").await.unwrap(), "web-2", "nothing serves yet: it may go elsewhere");
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
    release(&desk.context, &a, &web, 1).await;
    // Its own release takes the memory now.
    desk.seen(&web, 0, &facts(20)).await;
    assert_eq!(desk.place(&a, "web-1").await.unwrap(), "web-1");
    let moved = desk.place(&a, "web-2").await.unwrap_err();
    assert!(matches!(&moved, Error::LivesElsewhere { .. }), "{moved}");
    assert!(moved.to_string().contains("`aa` lives on `web-1` and is not moved to `web-2`"), "{moved}");
}

/// A release of a project that serves from now on, at least in the store.
pub async fn release(context: &Context, project: &Project, server: &ServerId, number: u32) -> ReleaseId {
    release_at(context, project, server, number, ops::now()).await
}

/// The same from a moment on.
pub async fn release_at(
    context: &Context,
    project: &Project,
    server: &ServerId,
    number: u32,
    at: Timestamp,
) -> ReleaseId {
    use cgo::domain::deployment::{Deployment, DeploymentStatus, Slot};
    use cgo::store::{Deployments as _, Runs as _};

    let now = at.plus_ms(i64::from(number));
    let request = Request::Rollback { project: project.name.clone(), release: None, rollout: Rollout::default() };
    let (store, release) = (&context.store, ReleaseId::new(now, number));
    let run = queued(request, now, number);
    store.create_run(&run).await.unwrap();
    let deployment = Deployment {
        release: release.clone(),
        project: project.id.clone(),
        server: server.clone(),
        run: run.id,
        commit: "0".repeat(40),
        slot: Slot::Blue,
        status: DeploymentStatus::Pending,
        reason: None,
        created_at: now,
        updated_at: now,
    };
    store.create_deployment(&deployment).await.unwrap();
    store.activate_deployment(&release, std::slice::from_ref(server), now).await.unwrap();
    release
}

#[tokio::test]
async fn a_port_is_free_on_the_server_it_is_used_on() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let a = desk.project("aa").await;
    let server = desk.context.store.server(&web).await.unwrap().unwrap();
    // The ports of this machine say nothing about another one, which does not answer.
    let silent = servers::reserve_port(&desk.context, &server, &a.id, "api", PortPurpose::Public).await.unwrap_err();
    assert!(matches!(&silent, Error::NotLookedAt { .. }), "{silent}");
    assert_eq!(servers::ports_of(&desk.context, &a.id).await.unwrap(), []);
}

#[test]
fn the_command_line_takes_a_wish_and_explains_a_server() {
    let env = TestEnv::new();
    let url = format!("sqlite:{}", env.data().join("cgo.db").display());
    let folder = env.work().join("shop");
    std::fs::create_dir(&folder).unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&url).await.unwrap();
        server(&store, "web-1", ServerStatus::PendingSetup, &facts(3000)).await;
        server(&store, "web-2", ServerStatus::Ready, &facts(600)).await;
        store.close().await;
    });
    let setup = env.ok(["explain", "web-1"]).stdout;
    assert!(setup.contains("server web-1: takes no project: it is pending setup"), "{setup}");
    assert!(env.ok(["explain", "web-2"]).stdout.contains("server web-2: takes projects"));
    env.ok(["servers", "maintenance", "web-2", "on"]);
    let out = env.ok(["explain", "web-2"]).stdout;
    assert!(out.contains("server web-2: takes no project: it is in maintenance"), "{out}");
    assert!(env.ok(["servers", "list"]).stdout.contains("in maintenance"));
    assert!(env.ok(["servers", "show", "web-2"]).stdout.contains("in maintenance"));
    assert_eq!(env.json(["servers", "show", "web-2"])["server"]["status"], "maintenance");
    let refused = env.run(["servers", "reserve", "web-2", "on"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("a server that is in maintenance cannot be reserved"), "{}", refused.stderr);
    assert_eq!(env.json(["servers", "maintenance", "web-2", "off"])["server"]["status"], "ready");
    assert!(env.ok(["servers", "reserve", "web-2", "on"]).stdout.contains("`web-2` is reserved"));
    assert!(env.ok(["explain", "web-2"]).stdout.contains("takes no project: it is reserved"));
    assert_eq!(env.json(["servers", "reserve", "web-2", "off"])["changed"], true);
    let unknown = env.run(["project", "new", "a notes API with title", "--server", "web-9"]);
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("there is no server `web-9`"), "{}", unknown.stderr);
    assert_eq!(env.json(["run", "list"])["runs"].as_array().map(Vec::len), Some(0), "a run was made for nothing");
    let wrong = env.run(["project", "new", "a notes API with title", "--server", "Web 1"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}
