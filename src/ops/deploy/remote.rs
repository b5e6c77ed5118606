//! The steps of a deployment to a server that is reached over SSH. The work is done there, by [`crate::remote::engine`];
//! here it is decided what, and noted what came of it. Each step may be repeated.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::servers::place::{self, Place};
use super::super::{Context, Error, environment, projects, repository, servers};
use super::{KEEP_GOOD, check_rollback, manifest, service};
use crate::domain::deployment::{Deployment, DeploymentStatus, Driver};
use crate::domain::diagnose::{Advice, Diagnose as _, Kind, told};
use crate::domain::domain_name::DomainName;
use crate::domain::host::Rights;
use crate::domain::ids::{ReleaseId, ServerId};
use crate::domain::manifest::Service;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::run::{Request, Run};
use crate::domain::server::{LOCAL, PortPurpose, Server};
use crate::domain::time::Timestamp;
use crate::exec::{self, Command};
use crate::remote::caddy::certificate::{self, Roots};
use crate::remote::caddy::{self, At, Base, Caddy, Site, dns};
use crate::remote::engine::phase::Given;
pub use crate::remote::engine::phase::Phase;
use crate::remote::engine::plan::{Build, Health, Launch, Plan as OnHost};
use crate::remote::engine::{self, Report};
use crate::remote::host::files::{self, Source};
use crate::remote::image::build::Recipe;
use crate::remote::image::{self, Engine, Sort};
use crate::remote::runtime::PerSlot;
use crate::store::{Deployments as _, Ports as _};

/// How long all questions of the health gate may take.
const GATE: Duration = Duration::from_mins(1);
/// How long the old release runs on beside the one that serves, to go back to.
const BAKE: Duration = Duration::from_mins(1);
/// How long the old release may finish its requests.
const DRAIN: Duration = Duration::from_secs(30);
/// Megabytes of memory a release may take that says nothing of it.
const MEMORY_MB: u32 = 512;
/// How long a server may take to go back from a release.
const RECALL: Duration = Duration::from_secs(20);
/// The port of HTTPS.
pub(in crate::ops) const HTTPS: u16 = 443;
/// How long a certificate is waited for.
const CERTIFICATE: Duration = Duration::from_mins(1);
/// Kilobytes a release with its dependencies takes beside its own files.
const ROOM_KB: u64 = 300 * 1024;
/// Files a release with its dependencies has.
const FILES: u64 = 20_000;

/// A deployment to a server as it is going to be. Kept in the journal, so that a resumed run does the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is done on the host.
    pub host: OnHost,
    /// When the release was begun.
    pub created_at: Timestamp,
    /// The server.
    pub server: ServerId,
    /// The port people open, where the project has no domain.
    pub public_port: u16,
    /// The name people open it by, where it has one.
    pub domain: Option<DomainName>,
    /// What runs it.
    pub driver: Driver,
    /// The container engine there, and the rights it takes, for a release that runs in a container.
    pub engine: Option<(Sort, Rights)>,
    /// The ports of its slots.
    pub ports: PerSlot<u16>,
    /// It was built and migrated before: a rollback.
    pub is_built: bool,
    /// Visitors have something to be sent away from.
    pub replaces: bool,
}

/// What the steps work with.
pub struct Steps<'a> {
    context: &'a Context,
    project: &'a Project,
    place: &'a Place,
    plan: &'a Plan,
    cancel: &'a CancellationToken,
}

/// Looks at the server, refuses what cannot come to anything, reserves ports, and says what is going to be done.
///
/// # Errors
/// [`engine::Error::Preflight`], [`engine::Error::Held`]; when the server cannot be reached.
pub async fn plan(
    context: &Context,
    project: &Project,
    place: &Place,
    run: &Run,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Plan, Error> {
    // What the commit says of it is read below; an application that runs keeps the driver it has.
    let wanted = manifest(Path::new(&project.folder)).ok().and_then(|manifest| service(&manifest).1.driver);
    let seen = place.app(&project.name, wanted).survey("none", cancel).await.map_err(servers::Error::from)?;
    let is_there = |id: &ReleaseId| seen.releases.iter().any(|seen| seen.id == id.as_str() && seen.built);
    let known = match &run.request {
        Request::Rollback { release, .. } => Some(check_rollback(context, project, release.as_ref(), &is_there).await?),
        Request::NewProject(_) | Request::Deploy { .. } => None,
    };
    let commit = known.as_ref().map_or_else(|| commit.to_owned(), |release| release.commit.clone());
    let folder = exported(context, project, &commit, cancel).await?;
    let manifest = manifest(&folder)?;
    let (name, service) = service(&manifest);
    check(place, project, &seen, known.is_none())?;
    let reserve = async |purpose| {
        let listening: std::collections::BTreeSet<u16> = seen.listening.iter().copied().collect();
        let now = context.now();
        context.store.reserve_port(&place.server.id, &project.id, name, purpose, &listening, now).await
    };
    let public = reserve(PortPurpose::Public).await?;
    let ports =
        PerSlot { blue: reserve(PortPurpose::Blue).await?.port, green: reserve(PortPurpose::Green).await?.port };
    let domain = manifest.domain.clone();
    if let Some(domain) = &domain {
        let addresses = addresses(&place.server).await?;
        dns::check(domain, &addresses, None).await.map_err(servers::Error::from)?;
    }
    let slot = seen.idle_slot();
    let before = context.store.deployments(&project.id).await?.len();
    let now = context.source.moment(format_args!("release {}", before + 1));
    let chance = context.source.chance(format_args!("release {}", before + 1));
    let release = known.as_ref().map_or_else(|| ReleaseId::new(now, chance), |release| release.release.clone());
    let host = OnHost {
        op: run.id.clone(),
        owner: context.owner(),
        release,
        commit,
        slot,
        port: *ports.get(slot),
        health: Health {
            path: service.health.as_str().to_owned(),
            host: domain
                .as_ref()
                .map_or_else(|| format!("{}:{}", place.server.address, public.port), ToString::to_string),
            deadline: GATE,
        },
        drain: DRAIN,
        bake: run.request.bake().map_or(BAKE, |seconds| Duration::from_secs(seconds.into())),
        stop_after: Duration::from_secs(u64::from(service.stop_after)),
        keep: KEEP_GOOD,
        memory_mb: service.memory_mb.unwrap_or(MEMORY_MB),
    };
    Ok(Plan {
        host,
        created_at: known.as_ref().map_or(now, |release| release.created_at),
        server: place.server.id.clone(),
        public_port: public.port,
        ports,
        domain,
        driver: seen.driver.unwrap_or(Driver::Process),
        engine: seen.engine,
        is_built: known.is_some(),
        replaces: seen.serving.is_some(),
    })
}

/// Refuses what cannot come to anything, before anything is changed.
fn check(place: &Place, project: &Project, seen: &engine::survey::Survey, is_new: bool) -> Result<(), Error> {
    let host = place.server.handle.clone();
    let refuse = |cause: String, mend| {
        Err(servers::Error::from(engine::Error::Preflight { host: host.clone(), cause, mend }).into())
    };
    if let Some(held) = &seen.held {
        return Err(servers::Error::from(engine::Error::Held { host, held: held.clone() }).into());
    }
    if let Some(said) = &seen.unwritable {
        return refuse(format!("`{}` cannot be written to: {said}", place.root), None);
    }
    if !seen.missing.is_empty() {
        let mend = Advice::Run(format!("cgo servers provision {}", place.server.handle));
        return refuse(format!("it has no {}", seen.missing.join(", ")), Some(mend));
    }
    if is_new && seen.disk_kb < ROOM_KB {
        let (has, needs, old) = (seen.disk_kb / 1024, ROOM_KB / 1024, seen.releases_kb / 1024);
        let cause = format!(
            "its disk has {has} MB left and the release needs {needs} MB; releases of `{}` take {old} MB",
            project.name
        );
        return refuse(cause, Some(Advice::Do("make room on its disk and deploy again".to_owned())));
    }
    if is_new && seen.inodes.is_some_and(|left| left < FILES) {
        return refuse(format!("its file system has no room for {FILES} files (inodes)"), None);
    }
    Ok(())
}

/// The files of a commit, in a folder of the cache.
async fn exported(
    context: &Context,
    project: &Project,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<PathBuf, Error> {
    let folder = context.cache.join("commits").join(project.name.as_str()).join(commit);
    if !folder.exists() {
        repository::export(project, commit, &folder, cancel).await?;
    }
    Ok(folder)
}

impl<'a> Steps<'a> {
    /// The steps of a plan.
    #[must_use]
    pub fn new(
        context: &'a Context,
        project: &'a Project,
        place: &'a Place,
        plan: &'a Plan,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self { context, project, place, plan, cancel }
    }

    async fn source(&self) -> Result<PathBuf, Error> {
        exported(self.context, self.project, &self.plan.host.commit, self.cancel).await
    }

    /// Notes the deployment, so that it is seen even when nothing comes of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self) -> Result<(), Error> {
        let deployment = Deployment {
            release: self.plan.host.release.clone(),
            project: self.project.id.clone(),
            server: self.plan.server.clone(),
            run: self.plan.host.op.clone(),
            commit: self.plan.host.commit.clone(),
            slot: self.plan.host.slot,
            status: DeploymentStatus::Pending,
            reason: None,
            created_at: self.plan.created_at,
            updated_at: self.context.now(),
        };
        Ok(self.context.store.create_deployment(&deployment).await?)
    }

    /// Brings to the host what the release is made from. What arrived before is not sent again.
    ///
    /// # Errors
    /// When the disk of either side is full, the connection is lost for good, or the image cannot be built.
    pub async fn bring(&self, say: &dyn Fn(&str)) -> Result<Build, Error> {
        let source = self.source().await?;
        let manifest = manifest(&source)?;
        let (_, service) = service(&manifest);
        match self.plan.engine {
            Some((engine, rights)) if self.plan.driver == Driver::Container => {
                say("building the image");
                self.image(service, &source, engine, rights).await
            }
            _ => self.upload(service, &source).await,
        }
    }

    async fn upload(&self, service: &Service, source: &Path) -> Result<Build, Error> {
        let archive = source.with_extension("tar");
        // The same files are the same bytes, so that what was sent before counts.
        let tar = Command::new("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(source)
            .arg(".");
        exec::run_ok(&tar, self.cancel).await?;
        let to = format!("{}/blobs/{}-{}.tar", self.place.root, self.project.name, self.plan.host.commit);
        let host = self.place.host.as_ref();
        let put = files::put(host, &Source::File(archive.clone()), &to, "0640", self.cancel).await;
        let removed = std::fs::remove_file(&archive);
        put.map_err(servers::Error::from)?;
        removed.map_err(|source| Error::Path { action: "remove", path: archive, source })?;
        Ok(Build::Files {
            archive: to,
            lock: format!("{}/{}", service.workdir, service.python.lock),
            python: service.python.requires.clone(),
        })
    }

    async fn image(&self, service: &Service, source: &Path, sort: Sort, rights: Rights) -> Result<Build, Error> {
        let image = service.image.as_ref();
        let dockerfile = image
            .and_then(|image| image.dockerfile.as_ref())
            .map_or_else(|| format!("{}/Dockerfile", service.workdir), ToString::to_string);
        let mut args = BTreeMap::from([("RELEASE".to_owned(), self.plan.host.release.to_string())]);
        args.extend(image.and_then(|image| image.base.clone()).map(|base| ("BASE_IMAGE".to_owned(), base)));
        let recipe = Recipe {
            context: source,
            dockerfile: &dockerfile,
            args,
            app: &self.project.name,
            environment: "production",
            release: &self.plan.host.release,
        };
        let engine = Engine { host: self.place.host.as_ref(), sort, rights };
        let app = self.place.app(&self.project.name, Some(self.plan.driver));
        let folder = format!("{}/ops/{}/steps/image", app.folder(), self.plan.host.op);
        let built = image::build::on_host(&engine, &recipe, &folder, &mut |_| (), self.cancel).await;
        let built = built.map_err(servers::Error::from)?;
        Ok(Build::Image { name: built.image.reference, id: built.image.id, made: built.made })
    }

    /// What runs, with every value in its place.
    async fn launch(&self) -> Result<Launch, Error> {
        let source = self.source().await?;
        let manifest = manifest(&source)?;
        let (_, service) = service(&manifest);
        let app = self.place.app(&self.project.name, Some(self.plan.driver));
        let allocation = environment::Allocation {
            release: self.plan.host.release.clone(),
            bind: match self.plan.driver {
                // In a network of its own, of which this machine publishes one port at 127.0.0.1.
                Driver::Container => std::net::Ipv4Addr::UNSPECIFIED.into(),
                Driver::Process | Driver::Systemd => std::net::Ipv4Addr::LOCALHOST.into(),
            },
            port: self.plan.host.port,
            public_url: self.url(),
            domain: self.plan.domain.as_ref().map(ToString::to_string),
            server: self.place.server.handle.clone(),
            server_address: self.place.server.address.clone(),
            shared: match self.plan.driver {
                Driver::Container => PathBuf::from("/data"),
                Driver::Process | Driver::Systemd => PathBuf::from(format!("{}/shared", app.folder())),
            },
            services: BTreeMap::new(),
        };
        let env = environment::resolve(self.context, self.project, &source, &allocation).await?;
        let env: BTreeMap<String, String> =
            env.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect();
        let expand = |command: &crate::domain::manifest::Command| {
            command
                .expanded(|name| env.get(name).cloned())
                .map_err(|error| Error::Manifest { path: source.join(super::MANIFEST_FILE), reason: error.to_string() })
        };
        let launch = Launch {
            workdir: service.workdir.as_str().to_owned(),
            argv: expand(&service.command)?,
            migrate: match &service.migrate {
                Some(command) if !self.plan.is_built => Some(expand(command)?),
                _ => None,
            },
            env,
        };
        Ok(launch)
    }

    /// Has a phase done on the host, and notes what came of it.
    ///
    /// # Errors
    /// [`servers::Error::Deploy`].
    pub async fn phase(&self, phase: Phase, build: Option<&Build>, say: &dyn Fn(&str)) -> Result<Report, Error> {
        let launch = self.launch().await?;
        let given = Given { launch: Some(&launch), build };
        let app = self.place.app(&self.project.name, Some(self.plan.driver));
        match app.phase(&self.plan.host, phase, given, say, self.cancel).await {
            Ok(report) => Ok(report),
            Err(error) => {
                if matches!(error.kind(), Kind::Gate | Kind::Reverted | Kind::User) && !self.plan.is_built {
                    let (id, now) = (&self.plan.host.release, self.context.now());
                    let failed = DeploymentStatus::Failed;
                    self.context.store.set_deployment_status(id, failed, Some(&told(&error)), now).await?;
                }
                Err(servers::Error::from(error).into())
            }
        }
    }

    /// The address people open.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.place.server, self.plan.public_port, self.plan.domain.as_ref())
    }

    /// Waits a while for the domain's certificate; why it cannot be trusted yet, when it cannot. That is no failure of
    /// the release: an authority that takes its time, or refuses for a while, is asked again by the server.
    ///
    /// # Errors
    /// When the server's address cannot be found out.
    pub async fn certified(&self) -> Result<Option<String>, Error> {
        let Some(domain) = &self.plan.domain else { return Ok(None) };
        let addresses = addresses(&self.place.server).await?;
        let Some(address) = addresses.first() else { return Ok(None) };
        let begun = std::time::Instant::now();
        loop {
            match certificate::read(SocketAddr::new(*address, HTTPS), domain, Roots::System).await {
                Ok(_) => return Ok(None),
                Err(error) if begun.elapsed() >= CERTIFICATE => return Ok(Some(told(&error))),
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                () = self.cancel.cancelled() => return Ok(None),
            }
        }
    }

    /// Has visitors' requests come to the slots. Only what is not so yet is changed: a deployment like the one before
    /// changes nothing here.
    ///
    /// # Errors
    /// [`servers::Error::Caddy`].
    pub async fn publish(&self) -> Result<bool, Error> {
        let source = self.source().await?;
        let manifest = manifest(&source)?;
        let (_, service) = service(&manifest);
        let place = self.place;
        let site = Site {
            app: self.project.name.clone(),
            at: match &self.plan.domain {
                Some(domain) => At::Domains(domain.clone(), Vec::new()),
                None => At::Port(self.plan.public_port),
            },
            ports: self.plan.ports.clone(),
            health: service.health.as_str().to_owned(),
            max_body_mb: None,
            snippet: None,
        };
        let work = async {
            let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights)?;
            match caddy.apply(&site, self.cancel).await {
                Err(caddy::Error::NotSetUp { .. } | caddy::Error::NotRunning { .. }) => {
                    caddy.ensure(&Base::default(), self.cancel).await?;
                    caddy.apply(&site, self.cancel).await
                }
                other => other,
            }
        };
        Ok(work.await.map_err(servers::Error::from)?.changed)
    }

    /// Notes that the release serves.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn activate(&self) -> Result<(), Error> {
        self.context.store.activate_deployment(&self.plan.host.release, self.context.now()).await?;
        projects::set_status(self.context, &self.project.id, ProjectStatus::Deployed).await?;
        // The next deployment has another commit.
        let folder = self.context.cache.join("commits").join(self.project.name.as_str());
        match std::fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Path { action: "remove", path: folder, source })
            }
            _ => Ok(()),
        }
    }
}

/// Goes back from a release that serves while the one before is still kept running: one switch, no run. The release that
/// serves then; none when there is nothing to call back.
///
/// # Errors
/// When the server cannot be asked, or does not do it in time.
pub async fn recall(context: &Context, project: &Project, cancel: &CancellationToken) -> Result<Option<String>, Error> {
    let Some(server) = place::server_of(context, project).await?.filter(|server| server.handle != LOCAL) else {
        return Ok(None);
    };
    let place = place::of_server(context, server, cancel).await?;
    let app = place.app(&project.name, None);
    let survey = async |op: &str| app.survey(op, cancel).await.map_err(servers::Error::from);
    let Some(held) = survey("none").await?.held else { return Ok(None) };
    let before = survey(&held.op).await?;
    if !(before.working && before.flipped) {
        return Ok(None);
    }
    app.recall(&held.op, &context.owner(), cancel).await.map_err(servers::Error::from)?;
    let begun = std::time::Instant::now();
    loop {
        let now = survey(&held.op).await?;
        if now.serving != before.serving {
            return Ok(now.serving.map(|(_, release)| release));
        }
        if begun.elapsed() >= RECALL {
            let (host, step) = (place.server.handle.clone(), Some("recall".to_owned()));
            return Err(servers::Error::from(engine::Error::Unknown { host, step, evidence: Vec::new() }).into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The addresses of a server.
pub(in crate::ops) async fn addresses(server: &Server) -> Result<Vec<IpAddr>, Error> {
    let found = tokio::net::lookup_host((server.address.as_str(), HTTPS)).await;
    let found = found.map_err(|source| Error::Path {
        action: "find the address of",
        path: PathBuf::from(&server.address),
        source,
    })?;
    Ok(found.map(|address| address.ip()).collect())
}

/// The address people open: by the project's domain, else by a port of the server.
#[must_use]
pub fn url(server: &Server, port: u16, domain: Option<&DomainName>) -> String {
    match domain {
        Some(domain) => format!("https://{domain}"),
        None if server.address.contains(':') => format!("http://[{}]:{port}", server.address),
        None => format!("http://{}:{port}", server.address),
    }
}

/// The domain that a project's folder names; none where it cannot be read.
#[must_use]
pub fn domain_of(project: &Project) -> Option<DomainName> {
    manifest(Path::new(&project.folder)).ok()?.domain
}

/// The address of a commit's service, and the one that says whether it can work.
///
/// # Errors
/// When the commit or its `cgo.yaml` cannot be read.
pub async fn ready_url(
    context: &Context,
    project: &Project,
    server: &Server,
    port: u16,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<(String, String), Error> {
    let folder = exported(context, project, commit, cancel).await?;
    let manifest = manifest(&folder)?;
    let url = url(server, port, manifest.domain.as_ref());
    Ok((format!("{url}{}", service(&manifest).1.ready), url))
}
