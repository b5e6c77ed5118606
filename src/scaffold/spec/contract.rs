//! The environment contract: which variables a project's services read, and where each value comes from.
//!
//! Values themselves are never here, except literals, which are committed and not secret.

use std::collections::BTreeMap;

use serde::Serialize;

/// The merged contract of a project: every variable once.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct EnvContract {
    /// By the variable's name.
    pub entries: BTreeMap<String, EnvEntry>,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvEntry {
    /// Where the value comes from.
    #[serde(flatten)]
    pub source: EnvSource,
    /// Where the variable exists, without repetition, at least one.
    pub environments: Vec<Environment>,
    /// The services that read it, by their names in `services.yml`.
    pub consumers: Vec<String>,
    /// Whether the services refuse to start without it.
    pub required: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the value must never be shown.
    pub sensitive: bool,
}

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum EnvSource {
    /// A secret that a person gives.
    UserSecret,
    /// A secret made up once and kept.
    GeneratedSecret,
    /// A port or another resource that is given to the project; at least one of the two is named.
    Allocation {
        /// The service it is for.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// The kind of resource.
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
    },
    /// Follows from the deployment: names, addresses, images.
    Derived,
    /// A value that stands in the contract.
    Literal {
        /// A text, a number, or true or false.
        value: serde_json::Value,
    },
}

/// Where a project runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On the developer's machine, without published images; service-template's word.
    Local,
    /// On the developer's machine.
    Development,
    /// Under test.
    Test,
    /// Before production.
    Staging,
    /// For its users.
    Production,
}
