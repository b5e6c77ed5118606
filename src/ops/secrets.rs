//! What a project's services are told by persons: which variables its environment contract asks for, and whether each
//! is set.
//!
//! Values stand in a file of this machine that belongs to the operator, one for each project, or in the environment of
//! cgo itself; they are read at the last moment and handed to the service. Nothing else sees them: a model, the
//! journal and every text hold names. An encrypted store takes the file's place later.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Error, deploy};
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::redact::Handle;
use crate::scaffold::spec::{self, EnvContract, EnvSource};

/// A value nobody may see by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the service it is meant for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One variable of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where its value comes from: `user_secret`, `generated_secret`, `allocation`, `derived` or `literal`.
    pub source: &'static str,
    /// The service does not start without it.
    pub required: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Whether there is a value; cgo itself sees to all but those of persons.
    pub set: bool,
}

impl Variable {
    /// A person has to give it, and has not.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.required && !self.set
    }
}

/// What a value has to look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// The sort of value; absent: any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FormatKind>,
    /// What it begins with, such as `sk-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
}

/// A sort of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatKind {
    /// An address: `scheme://…`.
    Url,
    /// An e-mail address.
    Email,
    /// A whole number.
    Integer,
    /// One word without spaces.
    Token,
}

impl Format {
    /// What is wrong with a value, without showing any of it.
    #[must_use]
    pub fn problem(&self, value: &Secret) -> Option<String> {
        let value = value.reveal();
        let fits = match self.kind {
            None => true,
            Some(FormatKind::Url) => value.split_once("://").is_some_and(|(scheme, rest)| {
                !rest.is_empty() && !scheme.is_empty() && !value.contains(char::is_whitespace)
            }),
            Some(FormatKind::Email) => value
                .split_once('@')
                .is_some_and(|(who, at)| !who.is_empty() && at.contains('.') && !value.contains(char::is_whitespace)),
            Some(FormatKind::Integer) => value.parse::<i64>().is_ok(),
            Some(FormatKind::Token) => !value.contains(char::is_whitespace),
        };
        if !fits {
            let kind = match self.kind {
                Some(FormatKind::Url) => "an address like `https://…`",
                Some(FormatKind::Email) => "an e-mail address",
                Some(FormatKind::Integer) => "a whole number",
                Some(FormatKind::Token) | None => "one word without spaces",
            };
            return Some(format!("it is not {kind}"));
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !value.starts_with(prefix.as_str())) {
            return Some(format!("it does not begin with `{prefix}`"));
        }
        let fewest = self.min_length.unwrap_or(1);
        (value.chars().count() < fewest as usize).then(|| format!("it has fewer than {fewest} characters"))
    }
}

/// The file a project's values stand in on this machine: `NAME=value`, one a line, taken to the letter.
#[must_use]
pub fn file(context: &Context, project: &ProjectName) -> PathBuf {
    context.data.join("secrets").join(format!("{project}.env"))
}

/// Makes the file, empty and for its owner only, so that a person can write to it.
///
/// # Errors
/// When it cannot be made.
pub fn make_file(context: &Context, project: &ProjectName) -> Result<PathBuf, Error> {
    let path = file(context, project);
    let made = || -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut new) => new.write_all(b"# NAME=value, one a line; everything after the = is the value\n"),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    made().map_err(|source| Error::Path { action: "write to", path: path.clone(), source })?;
    Ok(path)
}

/// The values of a project's file. No file: none. A file that cannot be read is an error, not an empty one.
///
/// # Errors
/// [`Error::Path`]; [`Error::OpenSecrets`] when others may read the file.
pub(super) fn stored(context: &Context, project: &ProjectName) -> Result<BTreeMap<String, Secret>, Error> {
    let path = file(context, project);
    let unreadable = |source| Error::Path { action: "read", path: path.clone(), source };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = std::fs::metadata(&path).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::OpenSecrets { path });
    }
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.trim().to_owned(), Secret(value.to_owned()))).collect())
}

/// The value of a variable: from the project's file, else from cgo's own environment. An empty one is none. From then
/// on this process knows it as a secret, and it stands nowhere else.
///
/// # Errors
/// When the file cannot be read.
pub fn value(context: &Context, project: &ProjectName, name: &EnvName) -> Result<Option<Secret>, Error> {
    let stored = stored(context, project)?.remove(name.as_str());
    let value = stored.or_else(|| std::env::var(name.as_str()).ok().map(Secret));
    let value = value.filter(|value| !value.0.is_empty());
    if let Some(value) = &value {
        // One that is too short is not looked for, as `redact` says.
        let _ = context.secrets.add(&Handle::new(project.as_str(), name.as_str()), value.reveal());
    }
    Ok(value)
}

/// The environment contract of a folder's service; none where `cgo.yaml` names none.
///
/// # Errors
/// When `cgo.yaml` or the contract is wrong: that is not "nothing is asked for".
pub fn contract(folder: &Path) -> Result<Option<EnvContract>, Error> {
    let manifest = deploy::manifest(folder)?;
    let (name, service) = deploy::service(&manifest);
    let Some(contract) = &service.env_contract else { return Ok(None) };
    let below = format!("{}/{contract}", service.workdir);
    let path = folder.join(&below);
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Path { action: "read", path, source })?;
    let owner = service.workdir.as_str().rsplit('/').next().unwrap_or(name);
    let contract = spec::contract_file(&below, &text, owner, &[name, owner])
        .map_err(|invalid| Error::Spec { problems: invalid.problems.iter().map(ToString::to_string).collect() })?;
    Ok(Some(contract))
}

/// Every variable of a folder's service, by name, and whether it is set.
///
/// # Errors
/// When the contract or the values cannot be read.
pub fn variables(context: &Context, project: &ProjectName, folder: &Path) -> Result<Vec<Variable>, Error> {
    let Some(contract) = contract(folder)? else { return Ok(Vec::new()) };
    let mut variables = Vec::new();
    for (name, entry) in contract.entries {
        let set = match (&entry.source, EnvName::try_from(name.clone())) {
            (EnvSource::UserSecret, Ok(name)) => value(context, project, &name)?.is_some(),
            (EnvSource::UserSecret | EnvSource::GeneratedSecret, _) => false,
            (EnvSource::Allocation { .. } | EnvSource::Derived | EnvSource::Literal { .. }, _) => true,
        };
        let source = match entry.source {
            EnvSource::UserSecret => "user_secret",
            EnvSource::GeneratedSecret => "generated_secret",
            EnvSource::Allocation { .. } => "allocation",
            EnvSource::Derived => "derived",
            EnvSource::Literal { .. } => "literal",
        };
        variables.push(Variable { name, source, required: entry.required, description: entry.description, set });
    }
    Ok(variables)
}

/// The variables a person has to give before a folder's service can start.
///
/// # Errors
/// When the contract or the values cannot be read.
pub fn missing(context: &Context, project: &Project) -> Result<Vec<Variable>, Error> {
    let all = variables(context, &project.name, Path::new(&project.folder))?;
    Ok(all.into_iter().filter(|variable| variable.source == "user_secret" && variable.is_missing()).collect())
}

/// The values of persons that a folder's service is given.
///
/// # Errors
/// [`Error::MissingSecrets`] naming those that are required and not set.
pub fn of_service(context: &Context, project: &Project, folder: &Path) -> Result<BTreeMap<String, Secret>, Error> {
    let mut given = BTreeMap::new();
    let mut missing = Vec::new();
    for variable in variables(context, &project.name, folder)? {
        let Ok(name) = EnvName::try_from(variable.name.clone()) else { continue };
        if variable.source != "user_secret" {
            continue;
        }
        match value(context, &project.name, &name)? {
            Some(value) => drop(given.insert(variable.name, value)),
            None if variable.required => missing.push(variable.name),
            None => {}
        }
    }
    if missing.is_empty() {
        return Ok(given);
    }
    Err(Error::MissingSecrets { project: project.name.clone(), names: missing, file: file(context, &project.name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(format: &Format, value: &str) -> Option<String> {
        format.problem(&Secret(value.to_owned()))
    }

    #[test]
    fn a_format_says_what_is_wrong_and_shows_nothing_of_the_value() {
        let format = Format { kind: Some(FormatKind::Token), prefix: Some("sk-".to_owned()), min_length: Some(8) };
        assert_eq!(problem(&format, "sk-12345"), None);
        for bad in ["sk 12345678", "pk-canary99", "sk-1"] {
            let said = problem(&format, bad).unwrap();
            assert!(!said.contains(bad) && !said.contains("canary"), "{said}");
        }
        for (kind, good, bad) in [
            (FormatKind::Url, "postgres://u@h/d", "h/d"),
            (FormatKind::Email, "a@b.c", "a@b"),
            (FormatKind::Integer, "-12", "1.5"),
        ] {
            let format = Format { kind: Some(kind), ..Format::default() };
            assert_eq!(problem(&format, good), None, "{good}");
            assert!(problem(&format, bad).is_some(), "{bad}");
        }
        assert!(problem(&Format::default(), "").is_some());
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Some(Secret("canary".to_owned()))), "Some(***)");
    }
}
