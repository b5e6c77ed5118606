//! The environment contract of a folder: what every service's file says, as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::{Error, deploy};
use crate::domain::manifest::Manifest;
use crate::scaffold::spec::{self, EnvEntry, EnvSource, Environment, Fragment};

/// The file in the folder of what services share.
const SHARED: &str = "infra/env.contract.yaml";

/// One variable, as a contract declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// What is said of it.
    pub entry: EnvEntry,
    /// Where, as `file:line`.
    pub place: String,
}

impl Declared {
    /// Whether a service reads it where projects are deployed. A variable that names no consumers is everybody's.
    #[must_use]
    pub fn is_for(&self, service: &Names<'_>) -> bool {
        let consumers = &self.entry.consumers;
        let read = consumers.is_empty() || consumers.iter().any(|name| service.0.contains(name.as_str()));
        read && self.entry.environments.contains(&Environment::Production)
    }

    /// The word of its source.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.entry.source {
            EnvSource::UserSecret => "user_secret",
            EnvSource::GeneratedSecret => "generated_secret",
            EnvSource::Allocation { .. } => "allocation",
            EnvSource::Derived => "derived",
            EnvSource::Literal { .. } => "literal",
        }
    }
}

/// What a service is called: its name in `cgo.yaml` and that of its folder.
#[derive(Debug, Clone)]
pub struct Names<'a>(BTreeSet<&'a str>);

impl<'a> Names<'a> {
    /// Of a service with that name in `cgo.yaml` and that folder.
    #[must_use]
    pub fn new(name: &'a str, workdir: &'a str) -> Self {
        Self(BTreeSet::from([name, owner(workdir)]))
    }

    /// Whether it is called that.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

fn owner(workdir: &str) -> &str {
    workdir.rsplit('/').next().unwrap_or(workdir)
}

/// Every variable of a folder's services, by name: from the files that `cgo.yaml` names and the one they share. Without
/// such files, none.
///
/// # Errors
/// When `cgo.yaml` or a contract is wrong, or two declare a variable differently, with both places: that is not
/// "nothing is asked for".
pub fn read(folder: &Path) -> Result<BTreeMap<String, Declared>, Error> {
    of_manifest(folder, &deploy::manifest(folder)?)
}

/// The same for a `cgo.yaml` that was read.
///
/// # Errors
/// As [`read`].
pub fn of_manifest(folder: &Path, manifest: &Manifest) -> Result<BTreeMap<String, Declared>, Error> {
    let mut fragments = Vec::new();
    let mut add = |file: String, owner: &str, must_exist: bool| {
        let path = folder.join(&file);
        match std::fs::read_to_string(&path) {
            Ok(text) => fragments.push(Fragment { file, text, owner: owner.to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
            Err(source) => return Err(Error::Path { action: "read", path, source }),
        }
        Ok(())
    };
    add(SHARED.to_owned(), "infra", false)?;
    let mut names = BTreeSet::new();
    for (name, service) in &manifest.services {
        names.extend([name.as_str(), owner(service.workdir.as_str())]);
        if let Some(contract) = &service.env_contract {
            add(format!("{}/{contract}", service.workdir), owner(service.workdir.as_str()), true)?;
        }
    }
    let names: Vec<&str> = names.into_iter().collect();
    let (contract, mut places) = spec::contracts(&fragments, &names)
        .map_err(|invalid| Error::Spec { problems: invalid.problems.iter().map(ToString::to_string).collect() })?;
    let declared = contract.entries.into_iter().map(|(name, entry)| {
        let place = places.remove(&name).unwrap_or_default();
        (name, Declared { entry, place })
    });
    Ok(declared.collect())
}
