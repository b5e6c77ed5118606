//! One commit into the project: tested where it is merged, beside the folder, before the project's branch moves.

use serde::{Deserialize, Serialize};

use super::attempt::{Work, failed};
use crate::domain::names::AgentName;
use crate::graph::engine::NodeError;
use crate::ops::checks::Checked;
use crate::ops::repository;
use crate::ops::worktrees::{self, Merged};

/// How much of a change its developer is given back, in bytes.
const GIVEN_BACK: usize = 20_000;

/// What a merge came to, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joined {
    /// The project's branch holds it, at this commit.
    At(String),
    /// It stays out; the developer is told why.
    Back(String),
}

impl Work<'_> {
    /// Whether the project's branch holds a commit already, and where it is then.
    ///
    /// # Errors
    /// [`NodeError`] when git fails.
    pub async fn joined(&self, commit: &str) -> Result<Option<Joined>, NodeError> {
        if !worktrees::holds(self.project, commit, self.cancel).await.map_err(|error| failed(&error))? {
            return Ok(None);
        }
        let head = repository::head(self.project, self.cancel).await.map_err(|error| failed(&error))?;
        Ok(Some(Joined::At(head.as_str().to_owned())))
    }

    /// Merges a task's commit into the project when the result passes its checks.
    ///
    /// # Errors
    /// [`NodeError`] when it could not be tried.
    pub async fn join(
        &self,
        task: &AgentName,
        title: &str,
        commit: &str,
        key: &str,
        note: &dyn Fn(&str),
    ) -> Result<Joined, NodeError> {
        if let Some(joined) = self.joined(commit).await? {
            return Ok(joined);
        }
        let of = |error| failed(&error);
        let head = repository::head(self.project, self.cancel).await.map_err(of)?;
        let (context, run) = (self.visit.ops, &self.visit.run.id);
        let name = AgentName::parse("merge").expect("a constant name");
        let at = worktrees::make(context, self.project, run, &name, head.as_str(), self.cancel).await.map_err(of)?;
        let message = format!("Merge {task}: {title}");
        let merged = worktrees::merge(context, &at, commit, &message, key, self.cancel).await.map_err(of)?;
        let joined = match merged {
            // Nothing else was merged meanwhile: this very commit was tested already.
            Merged::At(sha) if sha.as_str() == commit => Joined::At(commit.to_owned()),
            Merged::Conflict(files) => {
                let reason = format!("it conflicts with what was merged meanwhile, in {}", files.join(", "));
                self.back(&reason, head.as_str(), commit).await?
            }
            Merged::At(sha) => {
                let sandbox = self.sandbox().await?;
                let site = self.site(at.clone(), key, &sandbox, note).await?;
                match site.examine(sha.as_str(), note, self.cancel).await? {
                    Checked::Verified(_) => Joined::At(sha.as_str().to_owned()),
                    Checked::Wrong { results, what } => {
                        let reason = format!("merged with the rest, it fails: {what}\n{}", results.output);
                        self.back(&reason, head.as_str(), commit).await?
                    }
                    Checked::CouldNotTest { reason, tail } => {
                        let reason =
                            format!("merged with the rest, it cannot be tested: {reason}\n{}", tail.join("\n"));
                        self.back(&reason, head.as_str(), commit).await?
                    }
                }
            }
        };
        worktrees::remove(self.project, &at, self.cancel).await.map_err(of)?;
        if let Joined::At(sha) = &joined {
            worktrees::advance(self.project, sha, self.cancel).await.map_err(of)?;
        }
        Ok(joined)
    }

    /// What the developer is told, with the change that stays out.
    async fn back(&self, reason: &str, head: &str, commit: &str) -> Result<Joined, NodeError> {
        let change = worktrees::difference(self.project, head, commit, GIVEN_BACK, self.cancel).await;
        let change = change.map_err(|error| failed(&error))?;
        Ok(Joined::Back(format!(
            "{reason}\n\nDo the task again on top of what is there now. The change that stays out was:\n{change}"
        )))
    }
}
