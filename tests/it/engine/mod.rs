//! The deploy engine with real releases on a host: on this machine, and over SSH.

mod container;
mod domain;
mod faults;
mod front;
mod here;
mod kill;
mod life;
mod operator;
mod own_docker;
mod race;
mod scenarios;
mod serving;
mod several;
mod shop;
mod systemd;
mod taken_up;
mod values;
mod whole;
mod within;

pub use whole::taken_as_ready;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cgo::domain::deployment::{Driver, Slot};
use cgo::domain::host::Rights;
use cgo::domain::ids::{ReleaseId, RunId};
use cgo::domain::names::ProjectName;
use cgo::domain::time::Timestamp;
use cgo::remote::engine::operate::Work;
use cgo::remote::engine::phase::{Given, Phase};
use cgo::remote::engine::plan::{AWAY, Build, Health, Launch, Plan};
use cgo::remote::engine::survey::Survey;
use cgo::remote::engine::{App, Error, Report};
use cgo::remote::host::Host;
use cgo::remote::host::files::{self, Source};
use cgo::remote::image::build::Recipe;
use cgo::remote::image::{self, Engine, Sort};
use tokio_util::sync::CancellationToken;

/// A service that behaves as `MODE` says.
const SERVICE: &str = r#"
import http.server, json, os, signal, socket, sys, time
mode, port, asked = os.environ.get("MODE", "ok"), int(os.environ["PORT"]), 0
print("started as", mode, flush=True)
if mode == "exits":
    print("the database is gone", flush=True)
    sys.exit(3)
if mode == "lacks":
    os.environ["SMTP_PASSWORD"]
if mode == "slow":
    time.sleep(60)
if mode == "eats":
    kept = [bytearray(b"x" * 8_000_000) for _ in range(1000)]
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def answer(self, status, body="", **headers):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self):
        global asked
        asked += 1
        if mode == "redirects": return self.answer(301, Location="https://" + self.headers["Host"] + "/")
        if mode == "refuses": return self.answer(400, "Invalid Host header")
        if mode == "flaps" and asked > 1: return self.answer(500, "no longer")
        if mode == "hangs": time.sleep(60)
        if mode == "deaf": return self.connection.shutdown(socket.SHUT_RDWR)
        if mode == "dies" and os.path.exists(os.environ["SHARED"] + "/die"): os._exit(9)
        if self.path == "/env": return self.answer(200, json.dumps(dict(os.environ)))
        self.answer(200, os.environ["RELEASE"] + " " + os.environ.get("VALUE", ""))

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if mode == "six" else socket.AF_INET
    daemon_threads = True

if mode == "elsewhere": port += 1000
Server(({"six": "::1", "inside": "127.0.0.1"}.get(mode, os.environ["HOST"]), port), Handler).serve_forever()
"#;

/// A value that nobody but the release may see.
const CANARY: &str = "canary-5e1f0b7c";

/// An application on a host, and what a deployment of it needs.
struct Stage<'a> {
    host: &'a dyn Host,
    root: String,
    name: ProjectName,
    ports: [u16; 2],
    made: std::cell::Cell<u32>,
    bake: Duration,
    /// How long a release has to pass its gate.
    deadline: Duration,
    /// How long the host may be out of reach.
    patience: Duration,
    driver: Driver,
    /// What runs containers there.
    sort: Sort,
    /// Images are built on this machine and sent.
    here: bool,
    /// Variables beside the usual ones.
    more: BTreeMap<String, String>,
    /// What migrates, with its arguments.
    migrate: Vec<String>,
    /// How long a migration may take.
    migrate_within: Duration,
    /// How long a build may take.
    build_within: Duration,
    /// What its image does beside holding the service.
    recipe: &'static str,
    /// Its lock file.
    lock: String,
}

fn free_port() -> u16 {
    // Kept apart from the range sockets of this machine get by themselves.
    loop {
        let port = rand::random_range(20_000..31_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl<'a> Stage<'a> {
    fn new(host: &'a dyn Host, folder: &Path) -> Self {
        Self {
            host,
            root: folder.join("cgo").display().to_string(),
            name: ProjectName::parse("shop").unwrap(),
            ports: [free_port(), free_port()],
            made: std::cell::Cell::new(0),
            bake: Duration::ZERO,
            deadline: Duration::from_secs(6),
            patience: AWAY,
            driver: Driver::Process,
            sort: Sort::Docker,
            here: false,
            more: BTreeMap::new(),
            migrate: ["sh", "-c", "echo migrated >>\"$SHARED/migrations\""].map(str::to_owned).to_vec(),
            migrate_within: Duration::from_mins(1),
            build_within: Duration::from_mins(1),
            recipe: "",
            lock: "# nothing\n".to_owned(),
        }
    }

    fn app(&self) -> App<'_> {
        App { host: self.host, root: &self.root, name: &self.name, driver: Some(self.driver) }
    }

    fn port(&self, slot: Slot) -> u16 {
        match slot {
            Slot::Blue => self.ports[0],
            Slot::Green => self.ports[1],
        }
    }

    /// A deployment of a new release, to the slot that is idle.
    async fn plan(&self) -> Plan {
        let number = self.made.get() + 1;
        self.made.set(number);
        let at = Timestamp(1_800_000_000_000 + 1000 * i64::from(number));
        let release = ReleaseId::new(at, rand::random());
        self.plan_of(release).await
    }

    async fn plan_of(&self, release: ReleaseId) -> Plan {
        let slot = self.survey().await.idle_slot();
        let at = Timestamp(1_800_000_000_000 + i64::from(self.made.get()));
        Plan {
            op: RunId::new(at, rand::random()),
            owner: "anna on laptop".to_owned(),
            release,
            commit: "0123456789abcdef".to_owned(),
            slot,
            port: self.port(slot),
            health: Health { path: "/health".to_owned(), host: "shop.example.org".to_owned(), deadline: self.deadline },
            drain: Duration::from_secs(1),
            bake: self.bake,
            stop_after: Duration::from_secs(2),
            migrate_within: self.migrate_within,
            build_within: self.build_within,
            keep: 3,
            memory_mb: 256,
            patience: self.patience,
            forced: None,
        }
    }

    fn launch(&self, plan: &Plan, mode: &str) -> Launch {
        let (host, shared) = match self.driver {
            Driver::Container => ("0.0.0.0", "/data".to_owned()),
            Driver::Process | Driver::Systemd => ("127.0.0.1", format!("{}/shared", self.app().folder())),
        };
        let env = [
            ("HOST", host.to_owned()),
            ("PORT", plan.port.to_string()),
            ("RELEASE", plan.release.to_string()),
            ("MODE", mode.to_owned()),
            ("SHARED", shared),
            ("SECRET", CANARY.to_owned()),
            ("VALUE", "it's $HOME \\ \"all\"".to_owned()),
        ];
        Launch {
            workdir: "services/web".to_owned(),
            argv: vec!["python3".to_owned(), "-u".to_owned(), "main.py".to_owned()],
            migrate: Some(self.migrate.clone()),
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(self.more.clone()).collect(),
        }
    }

    /// Has the release's image built on the host.
    async fn image(&self, plan: &Plan) -> Build {
        self.try_image(plan).await.unwrap()
    }

    async fn try_image(&self, plan: &Plan) -> Result<Build, image::Error> {
        let base = crate::support::docker::Docker::shared().expect("it was asked for before").base().to_owned();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.py"), SERVICE).unwrap();
        let text = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY main.py ./\n";
        std::fs::write(folder.path().join("Dockerfile"), format!("{text}{}", self.recipe)).unwrap();
        let recipe = Recipe {
            context: folder.path(),
            dockerfile: "Dockerfile",
            args: BTreeMap::from([("BASE_IMAGE".to_owned(), base)]),
            app: &self.name,
            environment: "production",
            release: &plan.release,
            within: self.build_within,
        };
        let engine = Engine { host: self.host, sort: self.sort, rights: Rights::Root };
        if self.here {
            let built = image::build::here(&recipe, &mut |_, _| (), &never()).await?;
            let blobs = format!("{}/blobs", self.root);
            let arch = std::env::consts::ARCH;
            let sent = image::send::send(&engine, &built, arch, &blobs, &[], &never()).await?;
            return Ok(Build::Image { name: sent.image.reference, id: sent.image.id, made: Vec::new() });
        }
        let step = format!("{}/ops/{}/steps/image", self.app().folder(), plan.op);
        let built = image::build::on_host(&engine, &recipe, &step, &mut |_| (), &never()).await?;
        Ok(Build::Image { name: built.image.reference, id: built.image.id, made: built.made })
    }

    /// Puts the release's archive on the host, and says how it is built.
    async fn archive(&self) -> Build {
        let folder = tempfile::tempdir().unwrap();
        let web = folder.path().join("services/web");
        std::fs::create_dir_all(&web).unwrap();
        std::fs::write(web.join("main.py"), SERVICE).unwrap();
        std::fs::write(web.join("requirements.lock"), &self.lock).unwrap();
        let archive = folder.path().join("release.tar");
        let mut tar = std::process::Command::new("tar");
        tar.arg("-cf").arg(&archive).arg("-C").arg(folder.path()).arg("services");
        assert!(tar.status().unwrap().success());
        let to = format!("{}/blobs/release.tar", self.root);
        files::put(self.host, &Source::File(archive), &to, "0640", &never()).await.unwrap();
        Build::Files { archive: to, lock: "services/web/requirements.lock".to_owned(), python: "3.8".to_owned() }
    }

    async fn phase(&self, plan: &Plan, phase: Phase, mode: &str) -> Result<Report, Error> {
        let build = match (phase, self.driver) {
            (Phase::Build, Driver::Container) => Some(self.image(plan).await),
            (Phase::Build, Driver::Process | Driver::Systemd) => Some(self.archive().await),
            _ => None,
        };
        let launch = self.launch(plan, mode);
        let given = Given { launch: Some(&launch), build: build.as_ref() };
        self.app().phase(plan, phase, given, &|_| (), &never()).await
    }

    /// All phases of a deployment.
    async fn deploy(&self, mode: &str) -> Result<Plan, Error> {
        let plan = self.plan().await;
        for phase in [Phase::Build, Phase::Stage, Phase::Switch, Phase::Finish] {
            self.phase(&plan, phase, mode).await?;
        }
        Ok(plan)
    }

    async fn survey(&self) -> Survey {
        self.app().survey("none", &never()).await.unwrap()
    }

    /// The release that answers at the port of the slot that serves.
    async fn answers(&self) -> Option<String> {
        let seen = self.survey().await;
        let port = seen.active()?.port?;
        self.ask(port).await
    }

    /// What answers at a port of the host.
    async fn ask(&self, port: u16) -> Option<String> {
        let text = "curl -sS -m 5 --noproxy '*' \"http://127.0.0.1:$1/\"";
        let script = cgo::remote::host::Script::new("ask", text).arg(port.to_string());
        let answer = self.host.run(&script, &never()).await.unwrap();
        (answer.code == 0).then(|| answer.text())
    }

    /// Runs a line of shell on the host, in the application's folder.
    async fn shell(&self, line: &str) -> String {
        let script =
            cgo::remote::host::Script::new("do it", "cd \"$1\" && eval \"$2\"").arg(self.app().folder()).arg(line);
        self.host.run_ok(&script, &never()).await.unwrap().text()
    }

    async fn end(&self) {
        self.app().operate(Work::Remove, "a test", "its end", &never()).await.unwrap();
        let look = cgo::remote::host::Script::new("look", "ls -A \"$1/apps\"").arg(&self.root);
        assert_eq!(self.host.run(&look, &never()).await.unwrap().text(), "");
    }
}

fn never() -> CancellationToken {
    CancellationToken::new()
}
