//! A project's repository at GitHub: made once, pushed to, and what GitHub says about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::doctor::{Check, mend};
use super::{Context, Error, explain};
use crate::domain::diagnose::Diagnose;
use crate::domain::names::{BranchName, OwnerName, RepositoryName};
use crate::domain::project::Project;
use crate::domain::sharing::{Place, Visibility};
use crate::domain::state::RepoInfo;
use crate::github::repositories::{Branch, Listed, Wanted};
use crate::github::retry::Policy;
use crate::github::{self, Client, Timers};
use crate::workspace::git::push::Remote;
use crate::workspace::git::{BRANCH, Repository, Sha};

pub use crate::github::contents::Entry;
pub use crate::github::repositories::FullName;
pub use crate::github::runs::Checks;

/// The name of the check of the token.
pub const CHECK: &str = "github";

fn client(context: &Context) -> Result<Client, Error> {
    Ok(Client::new(&context.github)?.without(context.secrets.clone()))
}

/// The branch a project's commits go to.
#[must_use]
pub fn branch() -> BranchName {
    BranchName::parse(BRANCH).expect("a constant name")
}

/// Where a project's repository is at GitHub; none when it is only on this machine.
#[must_use]
pub fn place_of(info: &RepoInfo) -> Option<FullName> {
    let is_address = info.clone_url.starts_with("https://") || info.clone_url.starts_with("http://");
    info.full_name.parse().ok().filter(|_| is_address)
}

/// Whether a new project can be shared there, as far as it can be told before it is made; and whose it would be, where
/// GitHub says it. Whether GitHub can be reached is seen when it is time.
///
/// # Errors
/// [`Error::GitHub`]: no token, one that is refused or may do too little, a name that is taken.
pub async fn check(context: &Context, place: &Place, cancel: &CancellationToken) -> Result<Option<OwnerName>, Error> {
    let client = client(context)?;
    let me = match client.me(cancel).await {
        Ok(me) => me,
        // The tokens of workflows belong to nobody.
        Err(github::Error::Forbidden { .. }) => return Ok(place.owner.clone()),
        Err(error) if error.may_pass() => return Ok(place.owner.clone()),
        Err(error) => return Err(error.into()),
    };
    let lacks = me.scopes.as_ref().map(|scopes| lacking(scopes, place.visibility)).unwrap_or_default();
    if !lacks.is_empty() {
        return Err(github::Error::Forbidden {
            variable: client.token().variable,
            doing: "make repositories with workflows".to_owned(),
            said: format!("it has {}", scopes_in_words(&me.scopes.unwrap_or_default())),
            needs: Some(format!("the scopes {}", lacks.join(" and "))),
        }
        .into());
    }
    let owner = place.owner.clone().or_else(|| OwnerName::parse(&me.login).ok());
    if let (Some(owner), Some(name)) = (&owner, &place.name) {
        let wanted = FullName { owner: owner.clone(), name: name.clone() };
        match client.repository(&wanted, cancel).await {
            Ok(there) if wanted.is(&there.full_name) => {
                return Err(github::Error::NameTaken { full_name: there.full_name }.into());
            }
            // Another one had the name before, or there is none.
            Ok(_) | Err(github::Error::NotFound { .. } | github::Error::Forbidden { .. }) => {}
            Err(error) if error.may_pass() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(owner)
}

/// The scopes that making a repository and pushing workflows to it need, and that are not there.
fn lacking(scopes: &[String], visibility: Visibility) -> Vec<&'static str> {
    let has = |wanted: &str| scopes.iter().any(|scope| scope == wanted);
    let makes = has("repo") || (visibility == Visibility::Public && has("public_repo"));
    let needed = [("repo", makes), ("workflow", has("workflow"))];
    needed.into_iter().filter(|(_, has)| !has).map(|(scope, _)| scope).collect()
}

fn scopes_in_words(scopes: &[String]) -> String {
    if scopes.is_empty() { "no scope".to_owned() } else { scopes.join(", ") }
}

/// Makes a repository for a project, or finds the one that was made for it before, whatever it is called now. May be
/// repeated.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn make_repository(
    context: &Context,
    project: &Project,
    owner: Option<OwnerName>,
    name: Option<RepositoryName>,
    visibility: Visibility,
    cancel: &CancellationToken,
) -> Result<RepoInfo, Error> {
    let name = match name {
        Some(name) => name,
        None => RepositoryName::parse(project.name.as_str())?,
    };
    let wanted =
        Wanted { owner, name, description: project.title.clone(), visibility, mark: project.id.as_str().to_owned() };
    let made = client(context)?.make_repository(&wanted, cancel).await?;
    Ok(RepoInfo { full_name: made.full_name, html_url: made.html_url, clone_url: made.clone_url, commits: Vec::new() })
}

/// A project's folder, its remote, and where git may work.
fn parts(context: &Context, project: &Project, info: &RepoInfo) -> Result<(Repository, Remote, PathBuf), Error> {
    let client = client(context)?;
    if !client.is_of_web_host(&info.clone_url) {
        return Err(github::Error::Elsewhere { to: info.clone_url.clone() }.into());
    }
    let repository = Repository::open(Path::new(&project.folder))?;
    let remote = Remote::new(&info.clone_url, client.token().key.clone())?;
    Ok((repository, remote, context.data.join("push").join(project.id.as_str())))
}

/// Whether a branch at GitHub stands at a commit.
///
/// # Errors
/// [`Error::GitHub`], [`Error::Git`].
pub async fn is_pushed(
    context: &Context,
    project: &Project,
    info: &RepoInfo,
    commit: &str,
    branch: &BranchName,
    cancel: &CancellationToken,
) -> Result<bool, Error> {
    let (repository, remote, scratch) = parts(context, project, info)?;
    let stands = repository.remote_branch(&remote, branch, &scratch, cancel).await?;
    Ok(stands.is_some_and(|sha| sha.as_str() == commit))
}

/// Brings a commit of a project to a branch at GitHub; the branch stands there afterwards. Nothing is overwritten: a
/// branch that has other commits stays as it is.
///
/// # Errors
/// [`Error::GitHub`], [`Error::Git`].
pub async fn push(
    context: &Context,
    project: &Project,
    info: &RepoInfo,
    commit: &str,
    branch: &BranchName,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let (repository, remote, scratch) = parts(context, project, info)?;
    repository.push(&remote, &Sha::parse(commit)?, branch, &scratch, cancel).await?;
    repository.set_origin(&remote, cancel).await?;
    super::repository::note_pushed(project, info)
}

/// A repository with its first branches.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn repository(
    context: &Context,
    name: &FullName,
    cancel: &CancellationToken,
) -> Result<(github::Repository, Listed<Branch>), Error> {
    /// More are of no use to whoever asks.
    const BRANCHES: usize = 50;
    let client = client(context)?;
    let repository = client.repository(name, cancel).await?;
    Ok((repository, client.branches(name, BRANCHES, cancel).await?))
}

/// The repositories of an owner, or all that the token reaches, newest change first.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn repositories(
    context: &Context,
    owner: Option<&OwnerName>,
    limit: usize,
    cancel: &CancellationToken,
) -> Result<Listed<github::Repository>, Error> {
    Ok(client(context)?.repositories(owner, limit, cancel).await?)
}

/// What stands at a path of a repository.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn contents(
    context: &Context,
    name: &FullName,
    path: &str,
    at: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Entry, Error> {
    Ok(client(context)?.contents(name, path, at, cancel).await?)
}

/// The names of all files of a repository, and whether there are more. At the branch people see first unless told.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn files(
    context: &Context,
    name: &FullName,
    at: Option<&str>,
    cancel: &CancellationToken,
) -> Result<(Vec<String>, bool), Error> {
    let tree = client(context)?.tree(name, at.unwrap_or("HEAD"), cancel).await?;
    Ok((tree.files, tree.truncated))
}

/// What the workflows say about a commit.
///
/// # Errors
/// [`Error::GitHub`].
pub async fn checks(
    context: &Context,
    name: &FullName,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Checks, Error> {
    Ok(client(context)?.checks(name, Sha::parse(commit)?.as_str(), cancel).await?)
}

/// Whether the token, where there is one, is good, whose it is and what it may do.
pub async fn check_token(context: &Context, cancel: &CancellationToken) -> Option<Check> {
    let variable = context.github.token.as_ref()?.variable;
    let check = |ok, found, mend| Some(Check { name: CHECK.to_owned(), ok, needed: false, found, mend });
    // Whoever looks at this machine does not want to wait for another.
    let short = Duration::from_secs(5);
    let policy = Policy { attempts: 1, deadline: short, ..Policy::default() };
    let timers = Timers { connect: short, head: short, body: short };
    let me = match Client::with(&context.github, timers, policy) {
        Ok(client) => client.me(cancel).await,
        Err(error) => Err(error),
    };
    match me {
        Ok(me) => {
            let expires = me.expires_at.map(|at| format!(", until {at}")).unwrap_or_default();
            let Some(scopes) = me.scopes else {
                return check(true, format!("{} by {variable}, with rights of its own{expires}", me.login), None);
            };
            let lacks = lacking(&scopes, Visibility::Private);
            let found = format!("{} by {variable}, with {}{expires}", me.login, scopes_in_words(&scopes));
            let mend = (!lacks.is_empty()).then(|| format!("give the token the scopes {}", lacks.join(" and ")));
            check(mend.is_none(), found, mend)
        }
        // The tokens of workflows belong to nobody.
        Err(github::Error::Forbidden { .. }) => {
            check(true, format!("the token in {variable} belongs to no account"), None)
        }
        Err(error) => check(false, explain(&error), mend(error.advice())),
    }
}
