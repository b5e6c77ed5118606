//! A project's repository at GitHub: found, made, read, pushed to, and what its workflows say.
//!
//! Without a token each of these refuses, naming the variable; nothing else of a run needs them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::build::short;
use super::report::report;
use super::{Context, Nothing, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::{BranchName, OwnerName, RepositoryName};
use crate::domain::project::Project;
use crate::domain::sharing::{Place, Shared, Stands, Visibility};
use crate::domain::state::{Change, RepoInfo};
use crate::graph::definition::Rule;
use crate::graph::engine::NodeError;
use crate::graph::progress::Failure;
use crate::ops::github::{Entry, FullName};
use crate::ops::{self, github, projects, repository};
use crate::pipeline::runner;

/// How much of a file a model is shown, in bytes.
const TEXT_LIMIT: usize = 64 * 1024;
/// The longest making a repository and pushing to it may take: a big project on a slow line.
const PUSH_LIMIT: Duration = Duration::from_mins(15);
/// How many names of files a model is shown.
const NAMES_LIMIT: usize = 1000;

/// Names a repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetRepository {
    /// `owner/name`; absent for the project's own.
    #[serde(default)]
    repository: Option<String>,
}

/// Lists repositories.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListRepositories {
    /// A person or an organization; absent for everything the token reaches.
    #[serde(default)]
    owner: Option<OwnerName>,
    /// How many at most; 30 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

impl ListRepositories {
    fn most(&self) -> usize {
        self.limit.unwrap_or(30).clamp(1, 200)
    }
}

/// Makes a repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateRepository {
    /// A person or an organization; absent for the token's own account.
    #[serde(default)]
    owner: Option<OwnerName>,
    /// Absent for the project's name.
    #[serde(default)]
    name: Option<RepositoryName>,
    /// Who sees it; private unless the person wants it public.
    #[serde(default)]
    visibility: Visibility,
}

/// Reads a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadFile {
    /// `owner/name`; absent for the project's own.
    #[serde(default)]
    repository: Option<String>,
    /// The path of a file or folder; absent for the names of all files.
    #[serde(default)]
    path: Option<String>,
    /// A branch, tag or commit; absent for the branch people see first.
    #[serde(default, rename = "ref")]
    at: Option<String>,
}

impl ReadFile {
    /// The path; empty for the names of all files.
    fn place(&self) -> &str {
        self.path.as_deref().unwrap_or_default().trim_matches('/')
    }
}

/// Pushes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Push {
    /// The branch at GitHub; absent for `main`.
    #[serde(default)]
    branch: Option<BranchName>,
}

/// Asks for workflow runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetChecks {
    /// `owner/name`; absent for the project's own.
    #[serde(default)]
    repository: Option<String>,
    /// The full id of a commit; absent for the one that was tested, or the newest.
    #[serde(default)]
    commit: Option<String>,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "get_github_repository",
            "Look at a repository on GitHub: its addresses, whether it is private or archived, its branches.",
            WorldEffect::Reads,
            |context, args| Box::pin(get_repository(context, args)),
        )
        .looks(|ops, args, cancel| Box::pin(look_at_repository(ops, args, cancel))),
        Tool::new(
            "list_github_repositories",
            "List the repositories on GitHub of a person or organization, or all that the token reaches.",
            WorldEffect::Reads,
            |context, args| Box::pin(list_repositories(context, args)),
        )
        .looks(|ops, args, cancel| Box::pin(look_for_repositories(ops, args, cancel))),
        Tool::new(
            "create_github_repository",
            "Make a repository on GitHub for the project and push its newest commit. Only when the person wants the project on GitHub, and after create_repository. One that was made for this project before is found again.",
            WorldEffect::Changes,
            |context, args| Box::pin(create_repository(context, args)),
        ),
        Tool::new(
            "publish_project",
            "Put the project on GitHub, where the person wants it: make its repository, or find the one that was made for it, and push the tested commit. What stands in the way is noted, and does not stop what goes on beside it.",
            WorldEffect::Changes,
            |context, args| Box::pin(publish(context, args)),
        )
        .within(PUSH_LIMIT),
        Tool::new(
            "read_github_file",
            "Read a file or folder of a repository on GitHub, or the names of all its files.",
            WorldEffect::Reads,
            |context, args| Box::pin(read_file(context, args)),
        )
        .looks(|ops, args, cancel| Box::pin(look_at_file(ops, args, cancel))),
        Tool::new(
            "push_to_github",
            "Push the tested commit, or the newest when none was tested, to the project's repository on GitHub. Never overwrites what is there.",
            WorldEffect::Changes,
            |context, args| Box::pin(push(context, args)),
        ),
        Tool::new(
            "get_github_checks",
            "Ask how the workflows on GitHub ended for a commit. A verdict `not_verified` is not a pass.",
            WorldEffect::Reads,
            |context, args| Box::pin(get_checks(context, args)),
        )
        .looks(|ops, args, cancel| Box::pin(look_at_checks(ops, args, cancel))),
    ]
}

/// The repository that is meant: the one that is named, else the project's own.
fn meant(context: &Context<'_>, named: Option<&String>) -> Result<FullName, ToolError> {
    match named {
        Some(name) => {
            name.parse().map_err(|error: crate::domain::names::InvalidName| ToolError::refused(error.to_string()))
        }
        None => own(context).and_then(|info| {
            github::place_of(info).ok_or_else(|| ToolError::refused("the project has no repository on GitHub"))
        }),
    }
}

/// The project's repository at GitHub.
fn own<'a>(context: &'a Context<'_>) -> Result<&'a RepoInfo, ToolError> {
    let info = context.state.repo_info.as_ref().filter(|info| github::place_of(info).is_some());
    info.ok_or_else(|| {
        ToolError::refused(
            "the project has no repository on GitHub; create_github_repository makes one, or finds it again",
        )
    })
}

/// What has to be named where there is no run that it could come from.
fn unnamed(what: &str, name: &str) -> ops::Error {
    ops::Error::Usage { what: format!("there is no run here that has {what}"), hint: format!("name it: `{name}`") }
}

/// The repository that is named, where there is no run with one of its own.
fn named(name: Option<&String>) -> Result<FullName, ops::Error> {
    let name = name.ok_or_else(|| unnamed("a repository of its own", "repository"))?;
    Ok(name.parse::<FullName>()?)
}

async fn get_repository(context: &Context<'_>, args: GetRepository) -> Result<Output, ToolError> {
    let name = meant(context, args.repository.as_ref())?;
    let found: Value = context
        .asked("github_repository", json!({ "repository": name.to_string() }), async || {
            repository_of(context.ops, &name, context.cancel).await
        })
        .await?;
    Ok(found.into())
}

async fn look_at_repository(
    ops: &ops::Context,
    args: GetRepository,
    cancel: &CancellationToken,
) -> Result<Value, ops::Error> {
    repository_of(ops, &named(args.repository.as_ref())?, cancel).await
}

async fn repository_of(ops: &ops::Context, name: &FullName, cancel: &CancellationToken) -> Result<Value, ops::Error> {
    let (repository, branches) = github::repository(ops, name, cancel).await?;
    Ok(json!({ "repository": repository, "branches": branches }))
}

async fn list_repositories(context: &Context<'_>, args: ListRepositories) -> Result<Output, ToolError> {
    let asked = json!({ "owner": args.owner, "limit": args.most() });
    let found: Value = context
        .asked("github_repositories", asked, async || look_for_repositories(context.ops, args, context.cancel).await)
        .await?;
    Ok(found.into())
}

async fn look_for_repositories(
    ops: &ops::Context,
    args: ListRepositories,
    cancel: &CancellationToken,
) -> Result<Value, ops::Error> {
    let listed = github::repositories(ops, args.owner.as_ref(), args.most(), cancel).await?;
    Ok(json!({ "repositories": listed.items, "more": listed.more }))
}

async fn read_file(context: &Context<'_>, args: ReadFile) -> Result<Output, ToolError> {
    let name = meant(context, args.repository.as_ref())?;
    let asked = json!({ "repository": name.to_string(), "path": args.place(), "ref": args.at });
    let found: Value =
        context.asked("github_file", asked, async || file_of(context.ops, &name, &args, context.cancel).await).await?;
    Ok(found.into())
}

async fn look_at_file(ops: &ops::Context, args: ReadFile, cancel: &CancellationToken) -> Result<Value, ops::Error> {
    file_of(ops, &named(args.repository.as_ref())?, &args, cancel).await
}

async fn file_of(
    ops: &ops::Context,
    name: &FullName,
    args: &ReadFile,
    cancel: &CancellationToken,
) -> Result<Value, ops::Error> {
    let (path, at) = (args.place(), args.at.as_deref());
    if path.is_empty() {
        let (mut files, mut more) = github::files(ops, name, at, cancel).await?;
        more |= files.len() > NAMES_LIMIT;
        files.truncate(NAMES_LIMIT);
        return Ok(json!({ "files": files, "more": more }));
    }
    Ok(shown(github::contents(ops, name, path, at, cancel).await?))
}

/// What stands at a path, as a model may read it.
fn shown(entry: Entry) -> Value {
    let (bytes, size) = match entry {
        Entry::File { bytes, size } => (bytes, size),
        other => return json!(other),
    };
    let cut = bytes.len() > TEXT_LIMIT;
    let mut text = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        Ok(_) | Err(_) => return json!({ "kind": "file", "size": size, "text": null, "why": "it is not text" }),
    };
    if cut {
        let end = (0..=TEXT_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    json!({ "kind": "file", "size": size, "text": text, "cut": cut })
}

async fn create_repository(context: &Context<'_>, args: CreateRepository) -> Result<Output, ToolError> {
    let CreateRepository { owner, name, visibility } = args;
    let (info, commit) = bring(context, Place { owner, name, visibility }).await?;
    let answer = json!({ "full_name": info.full_name, "html_url": info.html_url, "pushed": commit });
    context.change(Change::RepoInfo(info));
    Ok(answer.into())
}

async fn publish(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let Some(sharing) = &context.state.sharing else {
        return Err(ToolError::refused("nobody asked for the project to be shared"));
    };
    let failure = match bring(context, sharing.place.clone()).await {
        Ok((info, commit)) => {
            let answer = json!({ "full_name": info.full_name, "html_url": info.html_url, "pushed": commit });
            context.change(Change::RepoInfo(info));
            context.change(Change::Sharing(Shared::Pushed(commit)));
            return Ok(answer.into());
        }
        Err(
            ToolError::Refused(_, failure) | ToolError::Node(NodeError::Blocked(failure) | NodeError::Failed(failure)),
        ) => failure,
        Err(other) => return Err(other),
    };
    if !comes_back(context) {
        // What is there all the same.
        let told = report(context.state);
        let works = context.state.deployed_url.as_ref().and_then(|_| told.lines().next());
        let evidence = works.map(str::to_owned).into_iter().collect();
        return Err(ToolError::Node(NodeError::Blocked(Failure { evidence, ..failure })));
    }
    (context.notes)(&format!("not shared: {}", failure.reason));
    context.change(Change::Sharing(Shared::Failed(failure.reason.clone())));
    Ok(json!({ "published": false, "why": failure.reason }).into())
}

/// Whether the pipeline comes back to sharing later in this run, so that nothing has to wait for it now.
fn comes_back(context: &Context<'_>) -> bool {
    let minds = |rule: &Rule| rule.when.as_ref().is_some_and(|when| when.sharing == Some(Stands::Failed));
    let mut nodes = context.graph.definition().nodes.iter();
    runner::last(&context.run.request).is_none()
        && nodes.any(|(name, node)| context.graph.reaches(context.node, name) && node.next.iter().any(minds))
}

/// Makes the project's repository, or finds it again, and pushes to it. Says what it is and which commit is there.
async fn bring(context: &Context<'_>, place: Place) -> Result<(RepoInfo, String), ToolError> {
    let project = project(context).await?;
    let Some(local) = &context.state.repo_info else {
        return Err(ToolError::refused("the project has no repository yet; create_repository makes one"));
    };
    let Place { owner, name, visibility } = place;
    let asked = json!({ "project": project.id, "owner": owner, "name": name, "visibility": visibility });
    // Making looks for the project's mark first, so that doing it again makes no second one.
    let made = context
        .repeat("github_repository_made", asked, async |_| {
            let make =
                async || github::make_repository(context.ops, &project, owner, name, visibility, context.cancel).await;
            context.outside("github_repository_made", make).await
        })
        .await?;
    let info = RepoInfo { commits: local.commits.clone(), ..made };
    (context.notes)(&info.html_url);
    let commit = push_commit(context, &project, &info, &github::branch()).await?;
    Ok((info, commit))
}

async fn push(context: &Context<'_>, args: Push) -> Result<Output, ToolError> {
    let info = own(context)?;
    let project = project(context).await?;
    let branch = args.branch.unwrap_or_else(github::branch);
    let commit = push_commit(context, &project, info, &branch).await?;
    Ok(json!({ "full_name": info.full_name, "branch": branch, "pushed": commit }).into())
}

async fn project(context: &Context<'_>) -> Result<Project, ToolError> {
    projects::by_id(context.ops, &context.project()?.id).await.map_err(|error| ToolError::of(&error))
}

/// Pushes the commit that was tested, or the newest one, and says which.
async fn push_commit(
    context: &Context<'_>,
    project: &Project,
    info: &RepoInfo,
    branch: &BranchName,
) -> Result<String, ToolError> {
    let commit = match tested(context) {
        Some(commit) => commit,
        None => {
            context
                .remember("newest_commit", json!({ "folder": project.folder }), async || {
                    repository::head(project, context.cancel).await.map(|sha| sha.as_str().to_owned())
                })
                .await?
        }
    };
    let to = json!({ "to": info.clone_url, "branch": branch, "commit": commit });
    context
        .effect(
            "git_push",
            to,
            async |_| {
                if context.recorder.source().replays() {
                    return Ok(None);
                }
                let pushed = github::is_pushed(context.ops, project, info, &commit, branch, context.cancel).await?;
                Ok(pushed.then_some(()))
            },
            async |_| {
                let push = async || github::push(context.ops, project, info, &commit, branch, context.cancel).await;
                context.outside("git_push", push).await
            },
        )
        .await?;
    (context.notes)(&format!("{} is on branch {branch} of {}", short(&commit), info.full_name));
    Ok(commit)
}

/// The commit whose tests passed.
fn tested(context: &Context<'_>) -> Option<String> {
    let results = context.state.test_results.as_ref()?;
    (results.failed == 0 && results.passed > 0).then(|| results.commit.clone())
}

async fn get_checks(context: &Context<'_>, args: GetChecks) -> Result<Output, ToolError> {
    let name = meant(context, args.repository.as_ref())?;
    let newest = || context.state.repo_info.as_ref().and_then(|info| info.commits.last().cloned());
    let commit = args.commit.or_else(|| tested(context)).or_else(newest);
    let commit = commit.ok_or_else(|| ToolError::refused("there is no commit to ask about"))?;
    let found: Value = context
        .asked("github_checks", json!({ "repository": name.to_string(), "commit": commit }), async || {
            checks_of(context.ops, &name, &commit, context.cancel).await
        })
        .await?;
    Ok(found.into())
}

async fn look_at_checks(ops: &ops::Context, args: GetChecks, cancel: &CancellationToken) -> Result<Value, ops::Error> {
    let name = named(args.repository.as_ref())?;
    let commit = args.commit.ok_or_else(|| unnamed("a commit of its own", "commit"))?;
    checks_of(ops, &name, &commit, cancel).await
}

async fn checks_of(
    ops: &ops::Context,
    name: &FullName,
    commit: &str,
    cancel: &CancellationToken,
) -> Result<Value, ops::Error> {
    Ok(json!(github::checks(ops, name, commit, cancel).await?))
}
