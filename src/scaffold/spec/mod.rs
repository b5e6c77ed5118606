//! The spec files of a project: reading, checking, formatting and writing them.
//!
//! The format is a superset of service-template's: `services.yml`, `shared/spec/{models,events}.yaml`,
//! `services/<service>/spec/<domain>.yaml` with `manifest.yaml`, and `env.contract.yaml`. Every problem is
//! reported at once, with its file, line and column, and what passes generates code that starts. Nothing is
//! generated here; that is `scaffold`'s work. Start with [`read_dir`], then [`files`]; the rules are in `check`.
//!
//! What absence means: without `services.yml`, a backend named after its folder; without `models.yaml`, no
//! models; without a domain's file, no operations; without `events.yaml`, no events; without a contract, no
//! variables. A folder without any of them is no project.

mod check;
mod contract;
mod decode;
mod format;
mod problem;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod tree;
mod write;
mod yaml;

pub use check::derive_features;
pub use contract::{EnvContract, EnvEntry, EnvSource, Environment};
pub use format::{Formatted, format};
pub use problem::{Invalid, Place, Problem};
pub use read::{Checked, Fragment, canonical, check, contracts, read_dir, read_path, single_file};
pub use source::SpecFiles;
pub use write::{files, one_file};
