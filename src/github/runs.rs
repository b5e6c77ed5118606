//! What the workflows say about a commit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::exchange::Question;
use super::{Client, Error, FullName};

/// One run of a workflow. States and results are GitHub's words, which grow in number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: u64,
    /// The workflow.
    pub workflow_id: u64,
    /// The workflow's name.
    #[serde(default)]
    pub name: Option<String>,
    /// What began it: `push`, `pull_request`.
    #[serde(default)]
    pub event: String,
    /// `queued`, `in_progress`, `completed` and others.
    #[serde(default)]
    pub status: Option<String>,
    /// `success`, `failure` and others; none before it is completed.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// The page people open.
    #[serde(default)]
    pub html_url: String,
    /// The commit, in full.
    pub head_sha: String,
}

/// What all of them say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All of them passed.
    Passed,
    /// At least one failed.
    Failed,
    /// At least one is not over, and none has failed.
    Running,
    /// There are none, or all of them were skipped: nothing was verified.
    NotVerified,
}

/// The newest run of each workflow for a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// What they say together.
    pub verdict: Verdict,
    /// They, newest first.
    pub runs: Vec<Run>,
}

impl Checks {
    fn of(runs: Vec<Run>, sha: &str) -> Self {
        // A newer run of the same workflow for the same reason takes the place of the older one.
        let mut newest: BTreeMap<(u64, String), Run> = BTreeMap::new();
        for run in runs.into_iter().filter(|run| run.head_sha == sha) {
            let key = (run.workflow_id, run.event.clone());
            if newest.get(&key).is_none_or(|other| other.id < run.id) {
                newest.insert(key, run);
            }
        }
        let mut runs: Vec<Run> = newest.into_values().collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        let is_over = |run: &Run| run.status.as_deref() == Some("completed");
        let ended =
            |run: &Run, words: &[&str]| is_over(run) && words.contains(&run.conclusion.as_deref().unwrap_or(""));
        let verdict = if runs.iter().any(|run| is_over(run) && !ended(run, &["success", "skipped", "neutral"])) {
            Verdict::Failed
        } else if !runs.iter().all(is_over) {
            Verdict::Running
        } else if runs.iter().any(|run| ended(run, &["success"])) {
            Verdict::Passed
        } else {
            Verdict::NotVerified
        };
        Self { verdict, runs }
    }
}

impl Client {
    /// The newest run of each workflow for a commit, by its full id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn checks(&self, name: &FullName, sha: &str, cancel: &CancellationToken) -> Result<Checks, Error> {
        #[derive(Deserialize)]
        struct Found {
            workflow_runs: Vec<Run>,
        }
        let path = ["repos", name.owner.as_str(), name.name.as_str(), "actions", "runs"];
        let what = format!("repository `{name}`");
        let question = Question {
            query: &[("head_sha", sha), ("per_page", super::repositories::PER_PAGE)],
            ..Question::get(&path, "look at workflow runs", &what)
        };
        let found: Found = self.ask(&question, cancel).await?.read(self)?;
        Ok(Checks::of(found.workflow_runs, sha))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "a";

    fn run(id: u64, workflow_id: u64, status: &str, conclusion: Option<&str>) -> Run {
        Run {
            id,
            workflow_id,
            name: None,
            event: "push".to_owned(),
            status: Some(status.to_owned()),
            conclusion: conclusion.map(str::to_owned),
            html_url: String::new(),
            head_sha: SHA.to_owned(),
        }
    }

    #[test]
    fn what_was_skipped_or_never_ran_did_not_pass() {
        let verdict = |runs: &[Run]| Checks::of(runs.to_vec(), SHA).verdict;
        let done = |id, conclusion| run(id, id, "completed", Some(conclusion));
        assert_eq!(verdict(&[]), Verdict::NotVerified);
        assert_eq!(verdict(&[done(1, "skipped"), done(2, "neutral")]), Verdict::NotVerified);
        assert_eq!(verdict(&[done(1, "success"), done(2, "skipped")]), Verdict::Passed);
        assert_eq!(verdict(&[done(1, "success"), run(2, 2, "in_progress", None)]), Verdict::Running);
        for failed in ["failure", "cancelled", "timed_out", "action_required", "startup_failure", "a_new_word"] {
            assert_eq!(verdict(&[run(2, 2, "queued", None), done(1, failed)]), Verdict::Failed, "{failed}");
        }
        let other = Run { head_sha: "b".to_owned(), ..done(1, "success") };
        assert_eq!(verdict(&[other]), Verdict::NotVerified, "a run of another commit says nothing");
    }

    #[test]
    fn only_the_newest_run_of_a_workflow_counts() {
        let again =
            Checks::of(vec![run(7, 1, "completed", Some("success")), run(5, 1, "completed", Some("failure"))], SHA);
        assert_eq!((again.verdict, again.runs.len()), (Verdict::Passed, 1));
    }
}
