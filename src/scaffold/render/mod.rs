//! The built-in template: from a spec to the files of a project.
//!
//! [`render`] says what a new project consists of; [`plan_generate`] compares that with a folder on the disk, and
//! [`Plan::apply`] puts the folder in step. A file has one of two owners. **Generated** files live in folders of
//! their own (`app/generated`, `tests/generated`); they follow from the spec byte for byte and are replaced when it
//! changes. **Written** files are made once, when they are missing, and belong to people from then on. Migrations
//! are written files, too: a changed spec adds one, which is computed from `migrations/schema.json`.
//!
//! It installs nothing, starts nothing and knows nothing of git. The spec's own files come from `scaffold::spec`.
//!
//! Reading order: `facts` (what the spec means), `tables`, `shapes`, `queries`, `operations`, `checks` (how that
//! looks in Python), `project` (which files there are), `generate` (the disk).

mod actions;
mod answers;
mod checks;
mod ddl;
mod disk;
mod factories;
mod facts;
mod generate;
mod migration;
mod names;
mod operations;
mod pattern;
mod project;
mod python;
mod queries;
mod sample;
mod schema;
mod shapes;
mod tables;
mod templates;
#[cfg(test)]
mod tests;
mod typing;

use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::InvalidName;
use crate::domain::spec::{Module, Spec};

pub use facts::wire_name;
pub use generate::{Action, Applied, Overwrite, Plan, Step, plan_generate};
pub use migration::Note;

/// Everything a new project consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The files, ordered by path.
    pub files: Vec<File>,
}

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path below the project's folder, with `/` between the parts.
    pub path: String,
    /// The whole text.
    pub contents: String,
    /// May be run as a program.
    pub executable: bool,
    /// Who changes it after it was made.
    pub owner: Owner,
}

/// Who changes a file after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The generator: it follows from the spec.
    Generated,
    /// People: it is made once.
    Written,
}

/// Why a project cannot be rendered or brought in step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A module that this version does not build.
    #[error("module `{module}` is not built by this version")]
    Module {
        /// The module.
        module: Module,
    },
    /// A name of the spec makes no name in code.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Two things would have one name.
    #[error("the name `{name}` would stand for two things in {place}")]
    Collision {
        /// The name.
        name: String,
        /// Where both would stand.
        place: String,
    },
    /// A model that the spec does not have.
    #[error("there is no model `{model}`")]
    UnknownModel {
        /// The missing model.
        model: String,
    },
    /// Models that require each other.
    #[error("no record could ever be made: {path} require one another")]
    RequiredCycle {
        /// The models, in order.
        path: String,
    },
    /// A default that is not a value of its field's type.
    #[error("the default {value} is not a value of type {ty}")]
    Default {
        /// The default.
        value: String,
        /// The field's type.
        ty: String,
    },
    /// An operation that cannot be made.
    #[error("operation `{operation}`: {reason}")]
    Operation {
        /// Domain and operation.
        operation: String,
        /// What is wrong.
        reason: String,
    },
    /// A template file is broken: a mistake in cgo.
    #[error("cannot fill the template `{path}`")]
    Template {
        /// The template.
        path: String,
        /// What the engine says.
        source: minijinja::Error,
    },
    /// A template file is missing: a mistake in cgo.
    #[error("the template `{path}` is missing")]
    NoTemplate {
        /// The template.
        path: String,
    },
    /// A part of a path is a symbolic link, or no folder.
    #[error("`{path}` is a symbolic link or not a folder; files are written only below the project's own folders")]
    NotInside {
        /// The refused part, below the project's folder.
        path: String,
    },
    /// A file of the generator's own is broken.
    #[error("cannot read `{path}`: {reason}")]
    Record {
        /// The file, below the project's folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The migrations have no single end to go on from.
    #[error("the migrations in `{path}` have {count} ends; a new one needs one to follow")]
    Heads {
        /// The folder, below the project's.
        path: String,
        /// How many migrations nothing follows.
        count: usize,
    },
    /// The disk refused.
    #[error("cannot {deed} `{path}`")]
    Disk {
        /// What was tried: read, write, remove.
        deed: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Template { .. } | Self::NoTemplate { .. } => Kind::Internal,
            Self::Module { .. }
            | Self::Name(_)
            | Self::Collision { .. }
            | Self::UnknownModel { .. }
            | Self::RequiredCycle { .. }
            | Self::Default { .. }
            | Self::Operation { .. } => Kind::Usage,
            Self::NotInside { .. } | Self::Record { .. } | Self::Heads { .. } | Self::Disk { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::Module { .. } => {
                Advice::Do("leave the module out; the backend is what can be built today".to_owned())
            }
            Self::Collision { .. } => Advice::Do("rename one of the two in the spec".to_owned()),
            Self::RequiredCycle { .. } => Advice::Do("make one of the relations optional".to_owned()),
            Self::UnknownModel { .. } | Self::Default { .. } | Self::Name(_) | Self::Operation { .. } => {
                Advice::Run("cgo spec check".to_owned())
            }
            Self::NotInside { path } => Advice::Do(format!("put a real folder in the place of `{path}`")),
            Self::Record { path, .. } => Advice::Do(format!("restore `{path}` from git")),
            Self::Heads { .. } => Advice::Do("join them with `alembic merge heads`".to_owned()),
            Self::Disk { path, .. } => {
                Advice::Do(format!("check the permissions of `{}` and the room on its disk", path.display()))
            }
            Self::Template { .. } | Self::NoTemplate { .. } => return None,
        })
    }
}

/// Renders the project of a spec, as it is when it is new.
///
/// The result depends on the spec alone. `.cgo/generated.json` is not among the files: [`Plan::apply`] writes it.
///
/// # Errors
/// What the spec asks for cannot be built, or two of its names meet in code. A spec that `scaffold::spec` accepted
/// has neither problem.
pub fn render(spec: &Spec) -> Result<Rendered, Error> {
    Ok(project::Project::of(spec)?.rendered)
}

/// `OrderLine` in words: `order line`.
fn words_of(pascal: &str) -> String {
    crate::domain::inflect::snake_case(pascal).replace('_', " ")
}
