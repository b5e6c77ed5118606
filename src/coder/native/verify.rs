//! What makes work a commit: it holds nothing that must not be in it, and the project's checks pass.

use std::fmt::Debug;

use super::super::committed::{self, Changed};
use super::super::event::CoderEvent;
use super::root::Kind;
use super::session::Session;
use super::tree::{Change, Staged, TRAILER};
use super::{CheckResult, Error, rules, secrets};

/// How many files that were put back are named.
const NAMED: usize = 10;
/// The longest subject of a commit, in characters.
const SUBJECT: usize = 72;
/// The longest summary in one, in characters.
const SUMMARY: usize = 4000;

/// What became of the work.
pub(super) enum Verified {
    /// A commit, whose checks passed.
    Committed,
    /// The last commit holds it already, and its checks passed.
    Unchanged,
    /// It cannot be committed.
    Refused(String),
    /// The checks do not pass.
    Failed(CheckResult),
}

impl<E: Debug> Session<'_, E> {
    /// Runs the checks on the workspace as it is and commits it when they pass, with what was put back before.
    /// `even_empty` also makes a commit that changes nothing.
    pub(super) async fn verify(
        &mut self,
        summary: Option<&str>,
        even_empty: bool,
    ) -> Result<(Verified, Vec<String>), Error<E>> {
        self.tree.guard().await?;
        let notes = self.put_back().await?;
        let staged = self.tree.stage().await?;
        if let Some(reason) = self.objection(&staged).await? {
            return Ok((Verified::Refused(reason), notes));
        }
        if let Some(what) = summary.and_then(|summary| summary.lines().find_map(secrets::secret)) {
            return Ok((Verified::Refused(format!("the summary seems to hold {what}")), notes));
        }
        if self.passed.as_deref() != Some(&staged.tree) {
            let before = self.tree.changed().await?;
            let result = self.checks.check().await.map_err(Error::Stopped)?;
            self.checked = Some(result.clone());
            // What tests leave behind is nobody's work.
            let left: Vec<String> =
                self.tree.changed().await?.into_iter().filter(|path| before.binary_search(path).is_err()).collect();
            self.tree.put_back(&left).await?;
            if !result.passed {
                let message = format!("the checks do not pass: {}", result.summary);
                (self.on_event)(&CoderEvent::Problem { message });
                return Ok((Verified::Failed(result), notes));
            }
            self.passed = Some(staged.tree.clone());
        }
        if staged.changes.is_empty() && !even_empty {
            return Ok((Verified::Unchanged, notes));
        }
        let message = message(&self.task.text, summary);
        self.tree.commit(&staged, &message, self.task.effect.as_deref(), self.task.at).await?;
        self.commits.push(self.tree.tip().to_owned());
        self.progress.moved();
        Ok((Verified::Committed, notes))
    }

    /// Keeps what has passed at the end of an attempt that ran into a limit.
    pub(super) async fn save(&mut self) -> Result<(), Error<E>> {
        if !self.cancel.is_cancelled() && !self.tree.changed().await?.is_empty() {
            self.verify(None, false).await?;
        }
        Ok(())
    }

    /// Undoes changes of what belongs to cgo, however they were made; what is to be said of them.
    pub(super) async fn put_back(&mut self) -> Result<Vec<String>, Error<E>> {
        let refused = |path: String| self.rules.is_open(&path).err().map(|reason| (path, reason));
        let (paths, reasons): (Vec<String>, Vec<String>) =
            self.tree.changed().await?.into_iter().filter_map(refused).unzip();
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        self.tree.put_back(&paths).await?;
        Ok(reasons.into_iter().take(NAMED).map(|reason| format!("Put back: {reason}")).collect())
    }

    /// Why these changes must not be committed.
    async fn objection(&self, staged: &Staged) -> Result<Option<String>, Error<E>> {
        let files: Vec<Changed> = staged.changes.iter().map(|change| self.measured(change)).collect();
        if let Some(objection) = committed::files(&files) {
            return Ok(Some(objection.words));
        }
        if staged.changes.iter().any(|change| change.path == rules::SETTINGS)
            && !self.rules.checks_as_they_were(&self.root)
        {
            let reason = format!("how the project is checked, in `{}`, is not yours to change", rules::SETTINGS);
            return Ok(Some(reason));
        }
        let Some(difference) = self.tree.difference().await? else {
            return Ok(Some("the change is too large to be looked at".to_owned()));
        };
        if let Some(objection) = committed::secrets(&secrets::added(&difference)) {
            return Ok(Some(objection.words));
        }
        Ok(self.tree.tests_gone(&self.task.base, staged).await?.map(|objection| objection.words))
    }

    /// A change, with what the rules ask of it.
    fn measured(&self, change: &Change) -> Changed {
        let bytes = if let Kind::File(bytes) = self.root.kind(&change.path) { bytes } else { 0 };
        // A link that cannot be read leads nobody knows where.
        let target = || std::fs::read_link(self.tree.workspace().join(&change.path)).unwrap_or_else(|_| "/".into());
        let target = (change.mode == committed::LINK).then(target);
        Changed { path: change.path.clone(), mode: change.mode, bytes, target }
    }
}

/// What a commit says: the task's first line, and what the model says it did.
fn message(task: &str, summary: Option<&str>) -> String {
    let first = task.lines().map(|line| line.trim_start_matches(['#', ' '])).find(|line| !line.trim().is_empty());
    let first = first.unwrap_or("Work").trim_end_matches(['.', ' ']);
    let mut message: String = first.chars().take(SUBJECT).collect();
    if first.chars().count() > SUBJECT {
        let end = message.rfind(' ').unwrap_or(message.len());
        message.truncate(end);
        message.push('…');
    }
    // Only cgo says which effect a commit is.
    let own = |line: &&str| !line.trim_start().starts_with(TRAILER);
    let summary: Vec<&str> = summary.unwrap_or_default().lines().filter(own).map(str::trim_end).collect();
    let summary: String = summary.join("\n").trim().chars().take(SUMMARY).collect();
    if !summary.is_empty() {
        message.push_str("\n\n");
        message.push_str(&summary);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_the_task_and_what_was_done() {
        assert_eq!(message("# Add search.\n\nDetails", Some(" By title. ")), "Add search\n\nBy title.");
        let long = message(&"word ".repeat(40), None);
        assert!(long.chars().count() <= SUBJECT && long.ends_with("word…"), "{long}");
        assert_eq!(message(" \n", None), "Work");
        assert_eq!(message("Do", Some("Did.\nCgo-Effect: other\n")), "Do\n\nDid.");
    }
}
