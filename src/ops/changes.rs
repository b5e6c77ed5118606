//! Changing a project that exists: what has to hold before a run begins to.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Context, Error, deploy, projects, specs, users};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::spec::Spec;
use crate::domain::user::Right;

/// The project of that name with its spec, when whoever is worked for may change it and its folder is as it was
/// committed.
///
/// # Errors
/// [`Error::NoSuchProject`], [`Error::User`], [`Error::Uncommitted`], [`Error::NotGenerated`], [`Error::Spec`], and
/// [`Error::Usage`] for a project without a spec.
pub async fn changeable(
    context: &Context,
    name: &ProjectName,
    cancel: &CancellationToken,
) -> Result<(Project, Spec), Error> {
    let project = projects::by_name(context, name).await?;
    users::require(context, Right::Operate, Some(&project))?;
    deploy::check_folder(&project, cancel).await?;
    if !specs::is_here(Path::new(&project.folder)) {
        return Err(Error::Usage {
            what: format!("`{name}` has no spec, so there is nothing cgo could change it by"),
            hint: format!("change its files in {}, commit, and run `cgo deploy {name}`", project.folder),
        });
    }
    let spec = specs::of_project(&project)?;
    Ok((project, spec))
}
