//! A deployment to servers that are reached over SSH. The work is done there, by [`crate::remote::engine`]; here it is
//! decided what ([`plan()`]), done step by step on one ([`Steps`]) or on several that are to serve the same ([`Fleet`]), and
//! noted what came of it. Each step may be repeated.

mod fleet;
mod plan;
pub(super) mod serving;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::super::incidents::release;
use super::super::servers::place::{self, Place};
use super::super::{Context, Error, environment, explain, projects, repository, servers, users};
use super::{front, here, irreversible, manifest, platform, service};
use crate::domain::deployment::{Deployment, DeploymentStatus, Driver};
use crate::domain::diagnose::{Diagnose as _, Kind, told};
use crate::domain::domain_name::{self, DomainName};
use crate::domain::host::Rights;
use crate::domain::ids::{ReleaseId, ServerId};
use crate::domain::manifest::{BuiltAt, Service};
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::secret::Secret;
use crate::domain::server::Server;
use crate::domain::user::Right;
use crate::exec::{self, Command};
use crate::remote::caddy::certificate::{self, Roots};
use crate::remote::caddy::{At, Site};
use crate::remote::engine::phase::Given;
pub use crate::remote::engine::phase::Phase;
use crate::remote::engine::plan::{Build, Launch};
use crate::remote::engine::{self, Report};
use crate::remote::host::files::{self, Source};
use crate::remote::image::build::Recipe;
use crate::remote::image::platform::Platform;
use crate::remote::image::{self, Engine, Sort};
use crate::store::Deployments as _;
pub use fleet::{AT_ONCE, Fleet, Rolled};
pub(super) use plan::preflight;
pub use plan::{Left, Plan, Planned, plan};

/// How long a server may take to go back from a release.
const RECALL: Duration = Duration::from_secs(20);
/// The port of HTTPS.
pub(in crate::ops) const HTTPS: u16 = 443;
/// How long the first try to get a certificate takes; before that, what is known of a refusal is old.
const FIRST_TRY: Duration = Duration::from_secs(5);
/// How long a certificate is waited for.
const CERTIFICATE: Duration = Duration::from_mins(1);

/// What the steps work with.
pub struct Steps<'a> {
    context: &'a Context,
    project: &'a Project,
    place: &'a Place,
    plan: &'a Plan,
    /// Of several servers the first, on which a common database is migrated.
    is_first: bool,
    cancel: &'a CancellationToken,
}

/// The files of a commit, in a folder of the cache.
async fn exported(
    context: &Context,
    project: &Project,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<PathBuf, Error> {
    let folder = context.cache.join("commits").join(project.id.as_str()).join(commit);
    if !folder.exists() {
        repository::export(project, commit, &folder, cancel).await?;
    }
    Ok(folder)
}

/// Removes all that a folder holds but the entry of that name.
fn keep_only(folder: &Path, name: &str) -> Result<(), Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| Error::Path { action: "read", path: folder.to_owned(), source })?,
    };
    for entry in entries {
        let entry = entry.map_err(|source| Error::Path { action: "read", path: folder.to_owned(), source })?;
        if entry.file_name() != name {
            let path = entry.path();
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(|source| Error::Path { action: "remove", path, source })?;
        }
    }
    Ok(())
}

impl<'a> Steps<'a> {
    /// The steps of a plan.
    #[must_use]
    pub fn new(
        context: &'a Context,
        project: &'a Project,
        place: &'a Place,
        plan: &'a Plan,
        is_first: bool,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self { context, project, place, plan, is_first, cancel }
    }

    /// The server's name.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.place.server.handle
    }

    /// Keeps the lease while other servers are worked on. Whether that succeeded shows when it is used.
    async fn keep(&self) {
        let app = self.place.app(&self.project.name, Some(self.plan.driver));
        let _ = app.keep(self.plan.host.op.as_str(), self.cancel).await;
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
                self.image(service, &source, engine, rights, say).await
            }
            _ => self.upload(service, &source).await,
        }
    }

    async fn upload(&self, service: &Service, source: &Path) -> Result<Build, Error> {
        // Other servers may be sent theirs at the same time.
        let archive = source.with_extension(format!("{}.tar", self.handle()));
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

    async fn image(
        &self,
        service: &Service,
        source: &Path,
        sort: Sort,
        rights: Rights,
        say: &dyn Fn(&str),
    ) -> Result<Build, Error> {
        if let Some(Platform::Arch(arch)) = platform(source, service) {
            image::check_arch(&arch, &self.place.arch, self.handle()).map_err(servers::Error::from)?;
        }
        let image = service.image.as_ref();
        let dockerfile = service.dockerfile();
        let mut args = BTreeMap::from([("RELEASE".to_owned(), self.plan.host.release.to_string())]);
        args.extend(image.and_then(|image| image.base.clone()).map(|base| ("BASE_IMAGE".to_owned(), base)));
        let recipe = Recipe {
            context: source,
            dockerfile: &dockerfile,
            args,
            app: &self.project.name,
            environment: "production",
            release: &self.plan.host.release,
            within: self.plan.host.build_within,
        };
        let engine = Engine { host: self.place.host.as_ref(), sort, rights };
        if image.is_some_and(|image| image.build == BuiltAt::Here) {
            return here::image(self.context, self.project, self.place, &engine, &recipe, say, self.cancel).await;
        }
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
        let migrates = !self.plan.is_built && (self.is_first || self.keeps_data(&source, allocation, &env).await?);
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
                Some(command) if migrates => Some(expand(command)?),
                _ => None,
            },
            env,
        };
        Ok(launch)
    }

    /// Whether the service keeps its data on its server, each a database of its own: one that has it elsewhere has been
    /// migrated on the first server.
    async fn keeps_data(
        &self,
        source: &Path,
        allocation: environment::Allocation,
        env: &BTreeMap<String, Secret>,
    ) -> Result<bool, Error> {
        let elsewhere = environment::Allocation { shared: PathBuf::from("/nowhere"), ..allocation };
        Ok(environment::resolve(self.context, self.project, source, &elsewhere).await? != *env)
    }

    /// Has a phase done on the host.
    ///
    /// # Errors
    /// [`servers::Error::Deploy`].
    pub async fn phase(&self, phase: Phase, build: Option<&Build>, say: &dyn Fn(&str)) -> Result<Report, Error> {
        let launch = self.launch().await?;
        let given = Given { launch: Some(&launch), build };
        let app = self.place.app(&self.project.name, Some(self.plan.driver));
        let unhurried = CancellationToken::new();
        let cancel = if phase == Phase::Back { &unhurried } else { self.cancel };
        Ok(app.phase(&self.plan.host, phase, given, say, cancel).await.map_err(servers::Error::from)?)
    }

    /// Notes that the release did not come to serve, where that is its own fault.
    async fn note_failed(&self, error: &Error) -> Result<(), Error> {
        if !matches!(error.kind(), Kind::Gate | Kind::Reverted | Kind::User) || self.plan.is_built {
            return Ok(());
        }
        let (id, now) = (&self.plan.host.release, self.context.now());
        let why = explain(error);
        self.context.store.set_deployment_status(id, DeploymentStatus::Failed, Some(&why), now).await?;
        if matches!(error, Error::Server(error) if error.was_unwell()) {
            release::gone_back(self.context, self.project, &self.plan.host.op, error).await?;
        }
        Ok(())
    }

    /// The address people open.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.place.server, self.plan.public_port, self.plan.domain.as_ref())
    }

    /// Waits a while for the certificates of its names; why one cannot be trusted yet, when it cannot. That is no failure
    /// of the release: an authority that takes its time, or refuses for a while, is asked again by the server.
    ///
    /// # Errors
    /// When the server's address cannot be found out.
    pub async fn certified(&self) -> Result<Option<String>, Error> {
        if self.plan.domain.is_none() {
            return Ok(None);
        }
        let addresses = addresses(&self.place.server).await?;
        let Some(address) = addresses.first() else { return Ok(None) };
        let begun = std::time::Instant::now();
        for name in domain_name::names(self.plan.domain.as_ref(), &self.plan.aliases) {
            if let Some(why) = self.untrusted(name, *address, begun).await {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    async fn untrusted(&self, domain: &DomainName, address: IpAddr, begun: std::time::Instant) -> Option<String> {
        loop {
            let read = certificate::read(SocketAddr::new(address, HTTPS), domain, Roots::System).await;
            let error = front::as_wanted(self.context, &self.place.server, read).err()?;
            let refused =
                if begun.elapsed() >= FIRST_TRY { front::refusal(self.place, domain, self.cancel).await } else { None };
            // One that has had enough of it is asked again by the server, hours later.
            let is_limited = refused.as_ref().is_some_and(|said| said.contains("rateLimited"));
            if is_limited || begun.elapsed() >= CERTIFICATE {
                let said = refused.map_or_else(String::new, |said| format!("; the authority said: {said}"));
                return Some(told(&error) + &said);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                () = self.cancel.cancelled() => return None,
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
        let site = Site {
            app: self.project.name.clone(),
            at: match &self.plan.domain {
                Some(domain) => At::Domains(domain.clone(), self.plan.aliases.clone()),
                None => At::Port(self.plan.public_port),
            },
            ports: self.plan.ports.clone(),
            health: service.health.as_str().to_owned(),
            ready: service.ready.as_str().to_owned(),
            max_body_mb: manifest.max_body_mb.map(NonZeroU32::get),
            snippet: front::snippet(&source, &manifest)?,
        };
        front::publish(self.context, self.place, &site, self.cancel).await
    }

    /// Notes that the release serves on these servers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn activate(&self, servers: &[ServerId]) -> Result<(), Error> {
        self.context.store.activate_deployment(&self.plan.host.release, servers, self.context.now()).await?;
        projects::set_status(self.context, &self.project.id, ProjectStatus::Deployed).await?;
        release::serves(self.context, self.project).await?;
        // What serves is read again: for its addresses, and by the next deployment.
        keep_only(&self.context.cache.join("commits").join(self.project.id.as_str()), &self.plan.host.commit)
    }
}

/// Goes back from a release that serves while the one before is still kept running: one switch, no run; of several
/// servers the deployment sees to the others. Nothing is put in place for it: a server in maintenance is no reason to let
/// visitors have what does not work. The release that serves then; none when there is nothing to call back.
///
/// # Errors
/// When a server cannot be asked, or does not do it in time.
pub async fn recall(
    context: &Context,
    project: &Project,
    force: bool,
    cancel: &CancellationToken,
) -> Result<Option<String>, Error> {
    users::require(context, Right::Operate, Some(project))?;
    let places = place::of_project(context, project, cancel).await?;
    // Until its deployment is over, the release before is the one that is noted to serve.
    let noted = context.store.active_deployment(&project.id).await?;
    let noted = noted.as_ref();
    let called = places.iter().map(async |place| {
        let app = place.app(&project.name, None);
        let survey = async |op: &str| app.survey(op, cancel).await.map_err(servers::Error::from);
        let Some(held) = survey("none").await?.held else { return Ok(None) };
        let before = survey(&held.op).await?;
        if !(before.working && before.flipped) {
            return Ok(None);
        }
        let serving = before.serving.as_ref().and_then(|(_, release)| ReleaseId::parse(release).ok());
        let serving = match serving {
            Some(release) => context.store.deployment(&release).await?,
            None => None,
        };
        let crossed = match (&serving, noted) {
            (Some(serving), Some(to)) => irreversible::between(project, &serving.commit, &to.commit).await,
            _ => Vec::new(),
        };
        irreversible::allow(noted.map(|to| &to.release), &crossed, force)?;
        let forced = (!crossed.is_empty()).then(|| crossed.join("; "));
        app.recall(&held.op, &context.owner(), forced.as_deref(), cancel).await.map_err(servers::Error::from)?;
        let begun = std::time::Instant::now();
        loop {
            let now = survey(&held.op).await?;
            if now.serving != before.serving {
                return Ok::<_, Error>(now.serving.map(|(_, release)| release));
            }
            if begun.elapsed() >= RECALL {
                let (host, step) = (place.server.handle.clone(), Some("recall".to_owned()));
                return Err(servers::Error::from(engine::Error::Unknown { host, step, evidence: Vec::new() }).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    Ok(try_join_all(called).await?.into_iter().flatten().next())
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

/// What has to be known where several servers answer to one domain; nothing of one server.
#[must_use]
pub fn of_shared(domain: &DomainName, servers: usize) -> Option<String> {
    (servers > 1).then(|| {
        format!(
            "`{domain}` leads to {servers} servers, each of which asks for a certificate of its own: an authority that asks \
             another one of them for the proof refuses; a load balancer with the certificate before them avoids that"
        )
    })
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
