//! What a service sees in its environment: each variable once, from the source its contract names.
//!
//! [`resolve`] fetches what is kept, `assemble` decides. Values are texts that arrive to the byte: how drivers hand them
//! over is told in [`crate::remote::engine`]. Nothing of a value stands in an error.

pub mod contract;
mod error;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::{Context, deploy, secrets};
use crate::domain::ids::ReleaseId;
use crate::domain::manifest::{Command as Argv, EnvName, Service, UnknownVariable, expand};
use crate::domain::project::Project;
use crate::domain::secret::Secret;
use crate::scaffold::spec::EnvSource;
use contract::{Declared, Names};
pub use error::Error;

/// Where a service of the project can be reached by the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What a deployment has given to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The release that is started.
    pub release: ReleaseId,
    /// The address the service listens on: `127.0.0.1`, or `0.0.0.0` in a network of its own.
    pub bind: IpAddr,
    /// The port the service listens on.
    pub port: u16,
    /// The address people open.
    pub public_url: String,
    /// The domain, where the project has one.
    pub domain: Option<String>,
    /// The server's name for cgo.
    pub server: String,
    /// The address of the server.
    pub server_address: String,
    /// The folder that outlives releases, as the service sees it.
    pub shared: PathBuf,
    /// The project's other services, by their names in `cgo.yaml`.
    pub services: BTreeMap<String, Address>,
}

/// Everything the service of a folder sees, beside `PATH`, `HOME` and the language. Secrets that are to be made up are
/// made now, once for all releases. From then on this process knows every secret among them as one.
///
/// # Errors
/// [`super::Error::MissingSecrets`] naming those a person has to give, [`Error`] when the contract asks for what is not
/// there or is contradicted, [`super::Error::Vault`] when what is kept cannot be read.
pub async fn resolve(
    context: &Context,
    project: &Project,
    folder: &Path,
    allocation: &Allocation,
) -> Result<BTreeMap<String, Secret>, super::Error> {
    let manifest = deploy::manifest(folder)?;
    let (name, service) = deploy::service(&manifest);
    let declared = contract::of_manifest(folder, &manifest)?;
    let names = Names::new(name, service.workdir.as_str());
    let kept = secrets::for_service(context, project, &declared, &names).await?;
    let told = Told { project, service_name: name, service, names: &names, declared: &declared, allocation };
    let made = told.assemble(&kept)?;
    let variables = made.iter().map(|(name, value)| (name.as_str(), value.reveal()));
    context.secrets.add_variables(project.name.as_str(), variables);
    Ok(made)
}

/// Everything that decides about an environment but the secrets.
struct Told<'a> {
    project: &'a Project,
    service_name: &'a str,
    service: &'a Service,
    names: &'a Names<'a>,
    declared: &'a BTreeMap<String, Declared>,
    allocation: &'a Allocation,
}

impl Told<'_> {
    /// The environment: what cgo sets, then the contract, then `cgo.yaml`, whose values may name the others.
    fn assemble(&self, kept: &BTreeMap<String, Secret>) -> Result<BTreeMap<String, Secret>, super::Error> {
        let mut env = self.own();
        let mut sensitive: BTreeSet<String> = BTreeSet::new();
        let mine = || self.declared.iter().filter(|(_, declared)| declared.is_for(self.names));
        for (name, declared) in mine() {
            let value = match &declared.entry.source {
                EnvSource::UserSecret | EnvSource::GeneratedSecret => {
                    kept.get(name).map(|value| value.reveal().to_owned())
                }
                EnvSource::Literal { value } => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
                EnvSource::Allocation { service, resource } => {
                    self.allocated(name, service.as_deref(), resource.as_deref())
                }
                EnvSource::Derived => self.derived(name),
            };
            if declared.entry.sensitive {
                sensitive.insert(name.clone());
            }
            if let Some(value) = value {
                env.entry(name.clone()).or_insert(value);
            }
        }
        let before = env.clone();
        for (name, text) in &self.service.env {
            let value = expand(text, |name| before.get(name).cloned()).map_err(|error| self.unknown(&error))?;
            if let Some(declared) = self.declared.get(name.as_str()).filter(|declared| declared.is_for(self.names)) {
                self.check_agreement(name, text, &value, before.get(name.as_str()), declared)?;
            }
            if references(text).iter().any(|name| sensitive.contains(name)) {
                sensitive.insert(name.as_str().to_owned());
            }
            env.insert(name.as_str().to_owned(), value);
        }
        for (name, declared) in mine() {
            if declared.entry.required && !env.contains_key(name) {
                return Err(self.nothing(name, declared).into());
            }
        }
        self.check_arguments(&sensitive)?;
        Ok(env.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// What cgo itself sets.
    fn own(&self) -> BTreeMap<String, String> {
        let at = self.allocation;
        BTreeMap::from([
            ("HOST".to_owned(), at.bind.to_string()),
            ("RELEASE".to_owned(), at.release.to_string()),
            ("SHARED".to_owned(), at.shared.display().to_string()),
            (self.service.port_env.as_str().to_owned(), at.port.to_string()),
            // What a service says last, before it dies, must reach its log.
            ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        ])
    }

    /// What follows from the deployment, by the variable's name.
    fn derived(&self, name: &str) -> Option<String> {
        let at = self.allocation;
        match name {
            "RELEASE" => Some(at.release.to_string()),
            "SHARED" => Some(at.shared.display().to_string()),
            "PUBLIC_URL" | "BASE_URL" | "URL" => Some(at.public_url.clone()),
            "DOMAIN" => at.domain.clone(),
            "SERVER" => Some(at.server.clone()),
            "SERVER_ADDRESS" | "SERVER_IP" => Some(at.server_address.clone()),
            "PROJECT" | "PROJECT_NAME" => Some(self.project.name.to_string()),
            "ENVIRONMENT" | "APP_ENV" => Some("production".to_owned()),
            _ => None,
        }
    }

    /// A port or an address: the resource says which, else the end of the variable's name, else it is the port.
    fn allocated(&self, name: &str, service: Option<&str>, resource: Option<&str>) -> Option<String> {
        let own = Address { host: self.allocation.bind.to_string(), port: self.allocation.port };
        let at = match service {
            Some(service) if !self.names.has(service) => self.allocation.services.get(service)?.clone(),
            Some(_) | None => own,
        };
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match resource {
            Some("port") => Some(at.port.to_string()),
            Some("host" | "address") => Some(at.host),
            Some("url") => Some(format!("http://{}:{}", at.host, at.port)),
            Some("domain") => self.allocation.domain.clone(),
            Some("folder" | "volume") => Some(self.allocation.shared.display().to_string()),
            Some(_) => None,
            None if ends(&["_URL"]) => Some(format!("http://{}:{}", at.host, at.port)),
            None if ends(&["_HOST", "_ADDRESS"]) => Some(at.host),
            None => Some(at.port.to_string()),
        }
    }

    /// What `cgo.yaml` says of a variable must not be something else than its contract says.
    fn check_agreement(
        &self,
        name: &EnvName,
        text: &str,
        value: &str,
        present: Option<&String>,
        declared: &Declared,
    ) -> Result<(), Error> {
        let itself = text == format!("${{{name}}}");
        let agrees = match declared.entry.source {
            EnvSource::Derived => true,
            EnvSource::UserSecret | EnvSource::GeneratedSecret => itself,
            EnvSource::Literal { .. } | EnvSource::Allocation { .. } => {
                itself || present.is_none_or(|present| present == value)
            }
        };
        if agrees {
            return Ok(());
        }
        Err(Error::Disagreement {
            name: name.to_string(),
            one: format!("a `{}` in {}", declared.source(), declared.place),
            other: format!("has another value under `env` of `{}` in cgo.yaml", self.service_name),
        })
    }

    fn nothing(&self, name: &str, declared: &Declared) -> Error {
        let why = match &declared.entry.source {
            EnvSource::Allocation { service: Some(service), .. } if !self.names.has(service) => {
                format!("the project has no service `{service}` that runs")
            }
            EnvSource::Allocation { resource, .. } => {
                format!("cgo allocates no `{}`", resource.as_deref().unwrap_or_default())
            }
            EnvSource::Derived if name == "DOMAIN" => "the project has no domain".to_owned(),
            EnvSource::Derived => "cgo derives nothing of that name".to_owned(),
            EnvSource::UserSecret | EnvSource::GeneratedSecret | EnvSource::Literal { .. } => {
                "it has no value".to_owned()
            }
        };
        let says = format!("`{}`", declared.source());
        Error::Nothing { name: name.to_owned(), says, place: declared.place.clone(), why }
    }

    /// Arguments stand in `/proc` for everybody to read.
    fn check_arguments(&self, sensitive: &BTreeSet<String>) -> Result<(), Error> {
        let commands = [("command", Some(&self.service.command)), ("migrate", self.service.migrate.as_ref())];
        for (command, argv) in commands {
            let names = argv.into_iter().flat_map(Argv::arguments).flat_map(|argument| references(argument));
            if let Some(name) = names.into_iter().find(|name| sensitive.contains(name)) {
                return Err(Error::InArguments { name, service: self.service_name.to_owned(), command });
            }
        }
        Ok(())
    }

    fn unknown(&self, error: &UnknownVariable) -> super::Error {
        let reason = format!("under `env` of `{}`: {error}", self.service_name);
        super::Error::Manifest { path: PathBuf::from(deploy::MANIFEST_FILE), reason }
    }
}

/// The variables a text names as `${NAME}`.
fn references(text: &str) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let note = |name: &str| {
        found.borrow_mut().push(name.to_owned());
        Some(String::new())
    };
    // Every name is known to it.
    let _ = expand(text, note);
    found.into_inner()
}
