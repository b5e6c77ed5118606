//! What cgo needs on this machine, and the command that mends what is missing.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Context, Error, explain, live, projects, servers, services};
use crate::domain::diagnose::{Advice, Diagnose};
use crate::exec::{self, Command};
use crate::remote::host;
use crate::store::Servers as _;
use crate::workspace::git;
use crate::workspace::install_advice;
use crate::workspace::python::{Search, Toolchain};

/// The name of the check of the store.
pub const STORE: &str = "store";
/// Room below which a project cannot be made, in megabytes.
const ROOM_MB: u64 = 300;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// It is as it should be.
    pub ok: bool,
    /// A project cannot be made and run without it.
    pub needed: bool,
    /// What was found.
    pub found: String,
    /// The command or act that mends it.
    pub mend: Option<String>,
}

impl Check {
    /// Something a project can do without.
    #[must_use]
    pub fn optional(name: &str, ok: bool, found: impl Into<String>, advice: Option<Advice>) -> Self {
        Self { name: name.to_owned(), ok, needed: false, found: found.into(), mend: mend(advice) }
    }
}

pub(super) fn mend(advice: Option<Advice>) -> Option<String> {
    advice.map(|advice| match advice {
        Advice::Run(command) => command,
        Advice::Do(text) => text,
    })
}

fn good(name: &str, found: impl Into<String>) -> Check {
    Check { name: name.to_owned(), ok: true, needed: true, found: found.into(), mend: None }
}

fn bad(name: &str, error: &Error) -> Check {
    Check { name: name.to_owned(), ok: false, needed: true, found: explain(error), mend: mend(error.advice()) }
}

/// Looks at everything. Takes as long as the programs asked for their versions.
pub async fn check(context: &Context, cancel: &CancellationToken) -> Vec<Check> {
    let mut checks = vec![git_check(cancel).await];
    checks.extend(python_checks(cancel).await);
    checks.push(good(STORE, context.store.url()));
    checks.push(folder("data", &context.data));
    checks.push(folder("cache", &context.cache));
    checks.push(match services::likely_port(context).await {
        Ok(Some(port)) => good("ports", format!("the next project gets {port} on {}", servers::LOCAL_ADDRESS)),
        Ok(None) => Check {
            name: "ports".to_owned(),
            ok: false,
            needed: true,
            found: format!("no public port of {} is free", context.ports),
            mend: Some("cgo project list".to_owned()),
        },
        Err(error) => bad("ports", &error),
    });
    checks.push(projects_check(context).await);
    checks.push(ssh_check(context, cancel).await);
    checks.extend(super::github::check_token(context, cancel).await);
    checks
}

async fn git_check(cancel: &CancellationToken) -> Check {
    match exec::run_ok(&Command::new("git").arg("--version"), cancel).await {
        Ok(output) => good("git", output.stdout.text().trim().to_owned()),
        Err(exec::Error::NotFound { .. }) => bad("git", &Error::Git(git::Error::NoGit)),
        Err(other) => bad("git", &Error::Exec(other)),
    }
}

/// The SSH client; without servers that are reached over SSH nobody needs it.
async fn ssh_check(context: &Context, cancel: &CancellationToken) -> Check {
    let servers = context.store.accesses().await.map_or(0, |accesses| accesses.len());
    let check = match exec::run_ok(&Command::new("ssh").arg("-V"), cancel).await {
        // It says its version on standard error.
        Ok(output) => Check::optional("ssh", true, output.stderr.text().trim(), None),
        Err(exec::Error::NotFound { .. }) => {
            let missing = host::Error::NoClient { program: "ssh" };
            Check::optional("ssh", false, missing.to_string(), missing.advice())
        }
        Err(other) => Check::optional("ssh", false, explain(&other), other.advice()),
    };
    Check { needed: servers > 0, ..check }
}

async fn python_checks(cancel: &CancellationToken) -> Vec<Check> {
    let search = Search::from_env();
    let python = match Toolchain::find(&search, cancel).await {
        Ok(toolchain) => {
            let interpreter = &toolchain.interpreter;
            good("python", format!("{} at {}", interpreter.version, interpreter.executable.display()))
        }
        Err(error) => bad("python", &Error::Python(error)),
    };
    let uv = match search.program(Path::new("uv")) {
        Some(path) => good("uv", path.display().to_string()),
        None => Check::optional(
            "uv",
            false,
            "not installed; pip is used, which is slower the first time",
            Some(install_advice("pipx && pipx install uv", "uv", "uv")),
        ),
    };
    vec![python, uv]
}

fn folder(name: &str, path: &Path) -> Check {
    let present = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let refused = |found: String, mend: &str| Check {
        name: name.to_owned(),
        ok: false,
        needed: true,
        found,
        mend: Some(mend.to_owned()),
    };
    if rustix::fs::access(present, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        return refused(
            format!("`{}` may not be written to", present.display()),
            "change its rights, or name another folder in the settings (cgo --show-settings)",
        );
    }
    match rustix::fs::statvfs(present) {
        Ok(disk) => {
            let free_mb = disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000;
            if free_mb < ROOM_MB {
                return refused(format!("{free_mb} MB left at {}", path.display()), "free some room");
            }
            good(name, format!("{} ({} GB left)", path.display(), free_mb / 1000))
        }
        Err(error) => refused(format!("`{}` cannot be looked at: {error}", present.display()), "look at the disk"),
    }
}

/// Whether what should run, runs.
async fn projects_check(context: &Context) -> Check {
    let look = async {
        let mut ailing = Vec::new();
        let projects = projects::list(context).await?;
        for project in &projects {
            let live = live::live(context, project).await?;
            if !live.serves && project.status == crate::domain::project::ProjectStatus::Deployed {
                ailing.push(format!("{} ({})", project.name, live.words));
            }
        }
        Ok::<_, Error>((projects.len(), ailing))
    };
    match look.await {
        Ok((count, ailing)) if ailing.is_empty() => good("projects", format!("{count}, all as they should be")),
        Ok((_, ailing)) => Check {
            name: "projects".to_owned(),
            ok: false,
            needed: true,
            mend: Some(format!("cgo project start {}", ailing[0].split(' ').next().unwrap_or_default())),
            found: format!("not running: {}", ailing.join(", ")),
        },
        Err(error) => bad("projects", &error),
    }
}
