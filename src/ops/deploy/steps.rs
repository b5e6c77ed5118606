//! The steps of a deployment. Each may be repeated; each that changes the world can say whether it has happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::environment::{self, Allocation};
use super::super::{Context, Error, projects, repository, services};
use super::plan::Plan;
use super::{KEEP_GOOD, manifest, release_folder, service};
use crate::domain::deployment::{Deployment, DeploymentStatus};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::last_words::missing_variable;
use crate::domain::manifest::{Command as Argv, Manifest};
use crate::domain::project::{Project, ProjectStatus};
use crate::exec::{self, Command};
use crate::remote::gate::{self, Cause, GateOptions, GateReport, wait_healthy};
use crate::remote::probe;
use crate::remote::process::ProcessRuntime;
use crate::remote::runtime::{Launch, Runtime};
use crate::store::Deployments as _;
use crate::workspace::python::{Limits, Toolchain};

/// The files of the commit, within a release's folder.
pub const SOURCE: &str = "source";
/// The release's own Python environment, within its folder.
const ENVIRONMENT: &str = "environment";
/// Written last when a release is built; without it the release does not count.
pub const COMPLETE: &str = "complete";
/// How long the old release may finish its requests.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long the live probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How long who stands before the service may be away.
const COMES_BACK: Duration = Duration::from_secs(30);

/// What the steps work with.
pub struct Steps<'a> {
    context: &'a Context,
    project: &'a Project,
    plan: &'a Plan,
    cancel: &'a CancellationToken,
}

impl<'a> Steps<'a> {
    /// The steps of a plan.
    #[must_use]
    pub fn new(context: &'a Context, project: &'a Project, plan: &'a Plan, cancel: &'a CancellationToken) -> Self {
        Self { context, project, plan, cancel }
    }

    fn runtime(&self) -> ProcessRuntime {
        services::runtime_at(self.context, self.project, self.plan.public_port)
    }

    fn source(&self) -> PathBuf {
        self.plan.folder.join(SOURCE)
    }

    fn manifest(&self) -> Result<Manifest, Error> {
        manifest(&self.source())
    }

    /// Notes the deployment, so that it is seen even when nothing comes of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&self, run: &RunId) -> Result<(), Error> {
        let deployment = Deployment {
            release: self.plan.release.clone(),
            project: self.project.id.clone(),
            server: self.plan.server.clone(),
            run: run.clone(),
            commit: self.plan.commit.clone(),
            slot: self.plan.slot,
            status: DeploymentStatus::Pending,
            reason: None,
            created_at: self.plan.created_at,
            updated_at: self.context.now(),
        };
        Ok(self.context.store.create_deployment(&deployment).await?)
    }

    /// The release is built already.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.plan.folder.join(COMPLETE).exists()
    }

    /// Builds the release: the commit's files and an environment with its locked dependencies.
    ///
    /// # Errors
    /// When git, Python or the disk refuses.
    pub async fn build(&self, note: &(dyn Fn(&str) + Sync)) -> Result<(), Error> {
        let source = self.source();
        if !source.exists() {
            std::fs::create_dir_all(&self.plan.folder)
                .map_err(|error| path_error("create", &self.plan.folder, error))?;
            repository::export(self.project, &self.plan.commit, &source, self.cancel).await?;
        }
        let manifest = self.manifest()?;
        let (_, service) = service(&manifest);
        let lock = source.join(service.workdir.as_str()).join(service.python.lock.as_str());
        let toolchain = Toolchain::of_machine(self.cancel).await?;
        let mut say = |line: &str| note(line);
        self.context
            .environments()
            .with_limits(Limits { deadline: service.build_within(), ..Limits::default() })
            .provide(&toolchain, &[lock], &self.plan.folder.join(ENVIRONMENT), &mut say, self.cancel)
            .await?;
        let mark = self.plan.folder.join(COMPLETE);
        std::fs::write(&mark, format!("{}\n", self.plan.commit)).map_err(|error| path_error("write to", &mark, error))
    }

    /// What the service and its migration see besides PATH, HOME and the language.
    async fn environment(&self) -> Result<BTreeMap<String, String>, Error> {
        let shared = self.runtime().shared();
        std::fs::create_dir_all(&shared).map_err(|error| path_error("create", &shared, error))?;
        let allocation = Allocation {
            release: self.plan.release.clone(),
            bind: std::net::Ipv4Addr::LOCALHOST.into(),
            port: self.plan.port,
            public_url: services::url(self.plan.public_port),
            domain: None,
            server: crate::domain::server::LOCAL.to_owned(),
            server_address: std::net::Ipv4Addr::LOCALHOST.to_string(),
            shared,
            services: BTreeMap::new(),
        };
        let env = environment::resolve(self.context, self.project, &self.source(), &allocation).await?;
        Ok(env.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect())
    }

    fn manifest_error(&self, reason: &str) -> Error {
        Error::Manifest { path: self.source().join(super::MANIFEST_FILE), reason: reason.to_owned() }
    }

    /// The arguments with variables in their place; `python` and programs of the environment are its own.
    fn argv(&self, command: &Argv, env: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
        let mut argv =
            command.expanded(|name| env.get(name).cloned()).map_err(|error| self.manifest_error(&error.to_string()))?;
        let own = self.plan.folder.join(ENVIRONMENT).join("bin").join(&argv[0]);
        if !argv[0].contains('/') && own.exists() {
            argv[0] = own.display().to_string();
        }
        Ok(argv)
    }

    /// Brings the database up to date for this release. Repeating it changes nothing. False when there is nothing
    /// to do.
    ///
    /// # Errors
    /// [`Error::Migration`] with the last lines.
    pub async fn migrate(&self) -> Result<bool, Error> {
        let manifest = self.manifest()?;
        let (_, service) = service(&manifest);
        let Some(command) = &service.migrate else { return Ok(false) };
        let env = self.environment().await?;
        let argv = self.argv(command, &env)?;
        let mut command = Command::new(&argv[0])
            .args(&argv[1..])
            .directory(self.source().join(service.workdir.as_str()))
            .deadline(service.migrate_within());
        for (name, value) in &env {
            command = command.env(name, value);
        }
        match exec::run_ok(&command, self.cancel).await {
            Ok(_) => Ok(true),
            Err(exec::Error::Failed { evidence, .. }) => self.not_migrated("failed".to_owned(), evidence).await,
            Err(exec::Error::Deadline { after, evidence, .. }) => {
                self.not_migrated(format!("did not end within {} s, and was ended", after.as_secs()), evidence).await
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn not_migrated(&self, outcome: String, evidence: Vec<String>) -> Result<bool, Error> {
        self.mark_failed(&format!("its migration {outcome}")).await?;
        Err(Error::Migration { release: self.plan.release.clone(), outcome, evidence })
    }

    /// Starts the release in its slot, beside what serves.
    ///
    /// # Errors
    /// When a port is taken or the process cannot be started.
    pub async fn start(&self) -> Result<(), Error> {
        let manifest = self.manifest()?;
        let (_, service) = service(&manifest);
        let env = self.environment().await?;
        let launch = Launch {
            release: self.plan.release.clone(),
            directory: self.source().join(service.workdir.as_str()),
            argv: self.argv(&service.command, &env)?,
            env,
            port: self.plan.port,
            stop_timeout: Duration::from_secs(u64::from(service.stop_after)),
        };
        self.runtime().start(self.plan.slot, &launch).await?;
        Ok(())
    }

    /// Asks the release until it has answered well often enough. When it does not, it is stopped and marked; what
    /// served before serves on.
    ///
    /// # Errors
    /// [`Error::Gate`] with cause and last log lines.
    pub async fn gate(&self) -> Result<GateReport, Error> {
        let manifest = self.manifest()?;
        let (_, service) = service(&manifest);
        let runtime = self.runtime();
        let host = format!("127.0.0.1:{}", self.plan.public_port);
        let options = GateOptions::new(host, service.health.as_str());
        match wait_healthy(&runtime, self.plan.slot, &options, self.cancel).await {
            Ok(report) => Ok(report),
            Err(gate::Error::Unhealthy { failure, .. }) => {
                let mut cause = failure.cause.to_string();
                if matches!(failure.cause, Cause::Crashed { .. }) {
                    let env = self.environment().await?;
                    cause += &missing_variable(&failure.evidence, |name| env.contains_key(name));
                }
                runtime.stop(self.plan.slot).await?;
                self.mark_failed(&cause).await?;
                let old_serves = self.plan.serving.is_some();
                let release = self.plan.release.clone();
                Err(Error::Gate { release, cause, evidence: failure.evidence, old_serves })
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn mark_failed(&self, reason: &str) -> Result<(), Error> {
        if self.plan.is_built {
            return Ok(());
        }
        let (id, now) = (&self.plan.release, self.context.now());
        Ok(self.context.store.set_deployment_status(id, DeploymentStatus::Failed, Some(reason), now).await?)
    }

    /// Visitors are sent to the release already.
    ///
    /// # Errors
    /// When the application cannot be asked.
    pub async fn is_flipped(&self) -> Result<bool, Error> {
        Ok(self.runtime().inspect().await?.is_some_and(|status| status.active == Some(self.plan.slot)))
    }

    /// Sends visitors to the release: the commit point. Refused when a newer release has come to serve meanwhile.
    ///
    /// # Errors
    /// [`Error::Superseded`].
    pub async fn flip(&self) -> Result<(), Error> {
        if let Some(active) = self.context.store.active_deployment(&self.project.id).await?
            && !self.plan.is_built
            && active.created_at > self.plan.created_at
        {
            return Err(Error::Superseded { release: self.plan.release.clone(), by: active.release });
        }
        Ok(self.runtime().flip(self.plan.slot).await?)
    }

    /// Lets the old release finish, stops it, and notes which one serves.
    ///
    /// # Errors
    /// When the application or the store refuses.
    pub async fn retire(&self) -> Result<Retired, Error> {
        let runtime = self.runtime();
        let mut retired = Retired::default();
        if let Some(old) = self.plan.serving.filter(|old| *old != self.plan.slot) {
            let drained = runtime.drain(old, DRAIN_LIMIT).await?;
            retired = Retired { cut_requests: drained.in_flight, cut_tunnels: drained.tunnels };
            runtime.stop(old).await?;
        }
        let now = self.context.now();
        self.context
            .store
            .activate_deployment(&self.plan.release, std::slice::from_ref(&self.plan.server), now)
            .await?;
        projects::set_status(self.context, &self.project.id, ProjectStatus::Deployed).await?;
        Ok(retired)
    }

    /// Removes the files of releases nobody goes back to: failed ones, and good ones beyond the newest few. Only
    /// releases of our own records are touched. Returns how many.
    ///
    /// # Errors
    /// When a folder cannot be removed.
    pub async fn prune(&self) -> Result<usize, Error> {
        let mut good = 0;
        let mut removed = 0;
        for release in self.context.store.deployments(&self.project.id).await? {
            let keep = match release.status {
                DeploymentStatus::Active | DeploymentStatus::Pending => true,
                DeploymentStatus::Failed => false,
                DeploymentStatus::Retired => {
                    good += 1;
                    good <= KEEP_GOOD
                }
            };
            let folder = release_folder(self.context, self.project, &release.release);
            if keep || release.release == self.plan.release || !folder.exists() {
                continue;
            }
            let mark = folder.join(COMPLETE);
            if mark.exists() {
                std::fs::remove_file(&mark).map_err(|error| path_error("remove", &mark, error))?;
            }
            std::fs::remove_dir_all(&folder).map_err(|error| path_error("remove", &folder, error))?;
            removed += 1;
        }
        Ok(removed)
    }
}

fn path_error(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Path { action, path: path.to_owned(), source }
}

/// What retiring the old release cut off at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retired {
    /// Requests that had not ended.
    pub cut_requests: u64,
    /// Upgraded connections that were still open.
    pub cut_tunnels: u64,
}

/// The address of a project's service, and the path that says it can work.
///
/// # Errors
/// When `cgo.yaml` cannot be read.
pub fn ready_url(folder: &Path, port: u16) -> Result<(String, String), Error> {
    let manifest = manifest(folder)?;
    let (_, service) = service(&manifest);
    let url = services::url(port);
    Ok((format!("{url}{}", service.ready), url))
}

/// Asks the live service as a visitor would: whether it can work, and whether the release that was deployed answers.
///
/// # Errors
/// [`Error::Probe`] when it does not answer well, [`Error::OtherRelease`] when another release does.
pub async fn probe_live(ready: &str, url: &str, release: &ReleaseId) -> Result<probe::Probe, Error> {
    let seen = probe::get(ready, PROBE_LIMIT).await?;
    if !seen.is_good() {
        return Err(Error::Probe { url: ready.to_owned(), status: seen.status, body: seen.body });
    }
    let says: Option<String> = serde_json::from_str::<serde_json::Value>(&seen.body)
        .ok()
        .and_then(|body| body.get("release").and_then(|value| value.as_str().map(str::to_owned)));
    match says {
        Some(says) if says != release.as_str() => {
            Err(Error::OtherRelease { url: url.to_owned(), wanted: release.clone(), says })
        }
        _ => Ok(seen),
    }
}

/// The same; none where no certificate is shown yet, so that it cannot be asked as visitors ask it. Who stands before the
/// service may be started anew just then: where nobody listens, or it breaks off, it is asked again for half a minute.
///
/// # Errors
/// Those of [`probe_live`].
pub async fn probe_shown(ready: &str, url: &str, release: &ReleaseId) -> Result<Option<probe::Probe>, Error> {
    let begun = tokio::time::Instant::now();
    loop {
        match probe_live(ready, url, release).await {
            Err(Error::NoAnswer(probe::Error::NoCertificate { .. })) => return Ok(None),
            Err(Error::NoAnswer(probe::Error::Refused { .. } | probe::Error::Broken { .. }))
                if begun.elapsed() < COMES_BACK =>
            {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            other => return other.map(Some),
        }
    }
}
