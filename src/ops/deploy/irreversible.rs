//! Migrations that cannot be undone, between a release that serves and one that is to serve again.
//!
//! A migration says so itself, in a comment on a line of its own: `# cgo: irreversible: the table is dropped`. The
//! generated ones that lose data carry it; any other file of a project may (`#`, `--` and `//` begin a comment). What
//! counts are the files that the serving commit has and the other one does not.

use tokio_util::sync::CancellationToken;

use super::super::{Context, Error, explain, repository};
use crate::domain::deployment::Deployment;
use crate::domain::ids::ReleaseId;
use crate::domain::project::Project;
use crate::store::Deployments as _;

/// What would be gone back across on the way from the release that serves to that one.
///
/// # Errors
/// When the store fails.
pub(super) async fn since(context: &Context, project: &Project, to: &Deployment) -> Result<Vec<String>, Error> {
    match context.store.active_deployment(&project.id).await? {
        Some(serving) => Ok(between(project, &serving.commit, &to.commit).await),
        None => Ok(Vec::new()),
    }
}

/// What would be gone back across on the way from one commit to another: each with its file and its own words. What
/// cannot be found out counts as one.
pub(super) async fn between(project: &Project, from: &str, to: &str) -> Vec<String> {
    if from == to {
        return Vec::new();
    }
    let never = CancellationToken::new();
    let marks = async {
        let (from, to) =
            (repository::irreversible(project, from, &never), repository::irreversible(project, to, &never));
        Ok::<_, Error>((from.await?, to.await?))
    };
    match marks.await {
        Ok((from, to)) => {
            let is_new = |(path, _): &&(String, String)| !to.iter().any(|(known, _)| known == path);
            from.iter().filter(is_new).map(|(path, words)| format!("`{path}`: {words}")).collect()
        }
        Err(error) => vec![format!("whether a migration lies between cannot be found out: {}", explain(&error))],
    }
}

/// Refuses what cannot be undone, unless it is forced.
///
/// # Errors
/// [`Error::Irreversible`].
pub(super) fn allow(release: Option<&ReleaseId>, crossed: &[String], force: bool) -> Result<(), Error> {
    match release {
        Some(release) if !crossed.is_empty() && !force => {
            Err(Error::Irreversible { release: release.clone(), crossed: crossed.to_vec() })
        }
        _ => Ok(()),
    }
}
