//! `cgo.yaml`: how a project is run, checked and deployed.
//!
//! The file belongs to the project's people; cgo only reads it. Commands are argument lists and never pass through a
//! shell. `${NAME}` in an argument or a value stands for a variable of the service's environment; see [`expand`] for
//! the rule. A command whose first argument is `python` runs with the interpreter of the service's own environment.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deployment::Driver;
use super::domain_name::{self, DomainName};
use super::names::{Identifier, ProjectName};

/// The version of the file this program reads.
pub const MANIFEST_VERSION: u32 = 1;

/// How long a migration may take where nothing else is said.
pub const MIGRATE_WITHIN: Duration = Duration::from_mins(10);
/// How long a build may take where nothing else is said.
pub const BUILD_WITHIN: Duration = Duration::from_mins(30);

/// A whole `cgo.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format; [`MANIFEST_VERSION`].
    pub version: u32,
    /// The project's name.
    pub name: ProjectName,
    /// Where it goes when it is deployed for the first time, unless that is said: a server by its name, several
    /// (`web-1,web-2`), `auto`, or `user@host[:port]`; `local` is this machine.
    pub server: String,
    /// The name people open it by on a server that is reached over SSH; without one it has a port of the server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainName>,
    /// Further names that people open it by, beside `domain`; each leads to the server, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<DomainName>,
    /// The largest body of a request, in megabytes (10^6 bytes), on a server that is reached over SSH; any, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_mb: Option<NonZeroU32>,
    /// A file with directives of Caddy for its own site there: headers, redirects, compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caddy_snippet: Option<RelativePath>,
    /// What runs, by name.
    pub services: BTreeMap<Identifier, Service>,
}

impl Manifest {
    /// The names people open it by; none without a domain.
    pub fn names(&self) -> impl Iterator<Item = &DomainName> {
        domain_name::names(self.domain.as_ref(), &self.aliases)
    }
}

/// A process that serves HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The folder its commands run in, below the project's folder.
    pub workdir: RelativePath,
    /// The Python environment.
    pub python: Python,
    /// Brings the database up to date: once for each release, before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate: Option<Command>,
    /// Starts the service in the foreground; it stops on SIGTERM.
    pub command: Command,
    /// The variable that carries the port to listen on.
    pub port_env: EnvName,
    /// The path that answers 200 while the process lives.
    pub health: HttpPath,
    /// The path that answers 200 while the service can work.
    pub ready: HttpPath,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_after: u32,
    /// Seconds its migration may take; 600 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate_within: Option<NonZeroU32>,
    /// Seconds building its release may take; 1800 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_within: Option<NonZeroU32>,
    /// Memory it may take, in megabytes; what the server's place for it and its limits are made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Disk its releases and data may take, in megabytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_mb: Option<u32>,
    /// Variables of the environment, beside those cgo sets: `HOST`, `RELEASE`, `SHARED` and the one named by `port_env`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<EnvName, String>,
    /// The file that says where further variables come from, below `workdir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_contract: Option<RelativePath>,
    /// What keeps its processes on a server; what the server has, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// How its image is built, for the driver `container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// What has to pass before a release is made, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

impl Service {
    /// How long its migration may take: what takes longer is better done beside deployments.
    #[must_use]
    pub fn migrate_within(&self) -> Duration {
        self.migrate_within.map_or(MIGRATE_WITHIN, seconds)
    }

    /// The file its image is built by, below the project's folder.
    #[must_use]
    pub fn dockerfile(&self) -> String {
        let named = self.image.as_ref().and_then(|image| image.dockerfile.as_ref());
        named.map_or_else(|| format!("{}/Dockerfile", self.workdir), ToString::to_string)
    }

    /// How long building its release may take: a first one fetches a base image and every dependency.
    #[must_use]
    pub fn build_within(&self) -> Duration {
        self.build_within.map_or(BUILD_WITHIN, seconds)
    }
}

fn seconds(count: NonZeroU32) -> Duration {
    Duration::from_secs(u64::from(count.get()))
}

/// How an image is built, from the project's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The file it is built by; `Dockerfile` below `workdir` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<RelativePath>,
    /// Where it is built; on the server, if not given.
    #[serde(default, skip_serializing_if = "BuiltAt::is_host")]
    pub build: BuiltAt,
    /// The image it begins with, handed on as the build argument `BASE_IMAGE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// Where an image is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuiltAt {
    /// On the server.
    #[default]
    Host,
    /// With the Docker Engine of the machine that deploys; only layers that the server lacks are sent.
    Here,
}

impl BuiltAt {
    /// It is the server.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_host(&self) -> bool {
        *self == Self::Host
    }
}

/// A Python environment made from a lock file. Both files hold every package with its hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Python {
    /// The lowest version that does, such as `3.10`.
    pub requires: String,
    /// What the service needs, below `workdir`.
    pub lock: RelativePath,
    /// The same with what the checks need, below `workdir`.
    pub dev_lock: RelativePath,
}

/// A check of the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it checks: `lint`, `tests`.
    pub name: Identifier,
    /// Exits with 0 when the code is good.
    pub command: Command,
}

/// A text that is not what its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not {wanted}")]
pub struct Invalid {
    /// The text, escaped and shortened.
    pub shown: String,
    /// What was wanted, with its article.
    pub wanted: &'static str,
}

fn refuse(text: &str, wanted: &'static str) -> Invalid {
    Invalid { shown: text.chars().take(80).flat_map(char::escape_debug).collect(), wanted }
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $type:ident, $wanted:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(refuse(&text, $wanted)) }
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

checked_text!(
    /// A path below a folder, with `/` between the parts; it cannot lead out.
    RelativePath,
    "a path below the folder, like `services/backend`",
    |text| {
        !text.contains(|letter: char| letter.is_control() || letter == '\\')
            && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
    }
);
checked_text!(
    /// The name of an environment variable.
    EnvName,
    "the name of an environment variable, like `DATABASE_URL`",
    |text| {
        text.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_')
            && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    }
);
checked_text!(
    /// The path of an address, beginning with `/`.
    HttpPath,
    "a path of an address, like `/health`",
    |text| text.starts_with('/') && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace())
);

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Command(Vec<String>);

impl Command {
    /// The program, then its arguments; never empty.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.0
    }

    /// The arguments with every variable in its place.
    ///
    /// # Errors
    /// [`UnknownVariable`] names a variable that `lookup` does not have.
    pub fn expanded(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, UnknownVariable> {
        self.0.iter().map(|argument| expand(argument, &lookup)).collect()
    }
}

impl TryFrom<Vec<String>> for Command {
    type Error = Invalid;
    fn try_from(arguments: Vec<String>) -> Result<Self, Invalid> {
        let named = arguments.first().is_some_and(|program| !program.is_empty());
        if named && !arguments.iter().any(|argument| argument.contains('\0')) {
            Ok(Self(arguments))
        } else {
            Err(refuse(&arguments.join(" "), "a command: a program and its arguments"))
        }
    }
}

impl From<Command> for Vec<String> {
    fn from(command: Command) -> Self {
        command.0
    }
}

/// A variable that nothing sets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing sets the variable `{name}`")]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
}

/// Puts values in the place of `${NAME}`; a dollar sign before anything else is a dollar sign.
///
/// # Errors
/// [`UnknownVariable`] names a variable that `lookup` does not have.
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, UnknownVariable> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let inside = &rest[at + 2..];
        let name =
            inside.split_once('}').map(|(name, _)| name).filter(|name| EnvName::try_from((*name).to_owned()).is_ok());
        let Some(name) = name else {
            out.push_str(&rest[..at + 2]);
            rest = inside;
            continue;
        };
        out.push_str(&rest[..at]);
        out.push_str(&lookup(name).ok_or_else(|| UnknownVariable { name: name.to_owned() })?);
        rest = &inside[name.len() + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_their_place_once() {
        let lookup = |name: &str| (name == "A").then(|| "${B} $ x".to_owned());
        assert_eq!(expand("-${A}-", lookup).unwrap(), "-${B} $ x-");
        assert_eq!(expand("$A ${a} ${ $${A", lookup).unwrap(), "$A ${a} ${ $${A");
        assert_eq!(expand("${B}", lookup).unwrap_err().name, "B");
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for bad in ["", "/etc", "..", "a/../b", "a//b", "a\\b", "./a", "a\nb"] {
            assert!(RelativePath::try_from(bad.to_owned()).is_err(), "{bad:?} was accepted");
        }
        assert!(RelativePath::try_from("services/backend".to_owned()).is_ok());
    }

    #[test]
    fn a_limit_is_some_time() {
        let service = r#""workdir":"a","python":{"requires":"3.10","lock":"a","dev_lock":"b"},"command":["a"],"#
            .to_owned()
            + r#""port_env":"PORT","health":"/h","ready":"/r","stop_after":5"#;
        let read = |more: &str| serde_json::from_str::<Service>(&format!("{{{service}{more}}}"));
        let usual = read("").unwrap();
        assert_eq!((usual.migrate_within().as_secs(), usual.build_within().as_secs()), (600, 1800));
        let given = read(",\"migrate_within\":7,\"build_within\":8").unwrap();
        assert_eq!((given.migrate_within().as_secs(), given.build_within().as_secs()), (7, 8));
        assert!(read(",\"migrate_within\":0").is_err() && read(",\"build_within\":-1").is_err());
    }

    #[test]
    fn a_command_is_never_empty() {
        assert!(serde_json::from_str::<Command>("[]").is_err());
        assert!(serde_json::from_str::<Command>("[\"\"]").is_err());
        assert!(serde_json::from_str::<Command>("\"ls -l\"").is_err());
        assert_eq!(serde_json::from_str::<Command>("[\"ls\", \"-l\"]").unwrap().arguments(), ["ls", "-l"]);
    }
}
