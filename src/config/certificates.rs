//! How certificates are asked for: settings for all servers, and for single ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Env, Error, Source, Sourced, env, optional};
use crate::domain::acme::{self, Acme, Authorities, Authority, Mail, Trial};

/// How certificates are asked for, with where each setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificates {
    /// Where the authority that signs certificates writes to.
    pub email: Sourced<Option<Mail>>,
    /// Which authority signs certificates.
    pub ca: Sourced<Option<Authority>>,
    /// The file with the certificate that authority proves who it is with.
    pub ca_root: Sourced<Option<PathBuf>>,
    /// Which authority `--dry-run` asks.
    pub trial: Sourced<Option<Trial>>,
    /// The same for single servers.
    pub servers: BTreeMap<String, Acme>,
}

/// The same, as the user's file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcmeFile {
    /// See [`Acme::email`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Mail>,
    /// See [`Acme::ca`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authority>,
    /// See [`Acme::ca_root`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_root: Option<PathBuf>,
    /// See [`Acme::trial`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The same for servers by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<String, Acme>,
}

impl Certificates {
    pub(super) fn resolve(env: Env<'_>, config: &Path, file: AcmeFile) -> Result<Self, Error> {
        Ok(Self {
            email: optional(env, config, env::ACME_EMAIL, file.email, acme::MAIL)?,
            ca: optional(env, config, env::ACME_CA, file.ca, acme::AUTHORITY)?,
            ca_root: optional(env, config, env::ACME_CA_ROOT, file.ca_root, "a path")?,
            trial: optional(env, config, env::ACME_TRIAL, file.trial, acme::TRIAL)?,
            servers: file.servers,
        })
    }

    /// As (name, value, source); servers come from the file at `config`.
    pub(super) fn rows<'s>(&'s self, config: &'s Source) -> Vec<(&'static str, String, &'s Source)> {
        fn shown<T>(value: &Sourced<Option<T>>, text: impl Fn(&T) -> String) -> String {
            value.value.as_ref().map(text).unwrap_or_default()
        }
        let mut rows = vec![
            ("acme_email", shown(&self.email, Mail::to_string), &self.email.source),
            ("acme_ca", shown(&self.ca, Authority::to_string), &self.ca.source),
            ("acme_ca_root", shown(&self.ca_root, |path| path.display().to_string()), &self.ca_root.source),
            ("acme_trial", shown(&self.trial, Trial::to_string), &self.trial.source),
        ];
        if !self.servers.is_empty() {
            let names: Vec<&str> = self.servers.keys().map(String::as_str).collect();
            rows.push(("acme_servers", names.join(", "), config));
        }
        rows
    }

    /// What holds on each server.
    #[must_use]
    pub fn authorities(&self) -> Authorities {
        let all = Acme {
            email: self.email.value.clone(),
            ca: self.ca.value.clone(),
            ca_root: self.ca_root.value.clone(),
            trial: self.trial.value.clone(),
        };
        Authorities { all, servers: self.servers.clone() }
    }
}
