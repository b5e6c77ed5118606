//! What a call of a tool comes to.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::time::SystemTime;

use super::super::event::CoderEvent;
use super::super::verdict::Report;
use super::calls::{self, Call, Run};
use super::change::{self, Changed};
use super::session::{End, Session, Step};
use super::shell::{middle_out, steady};
use super::tree::Moved;
use super::verify::Verified;
use super::{CheckResult, Error, look};
use crate::llm::ToolCall;

/// How often a model may be told that it is not done yet.
const ROUNDS: u32 = 3;
/// How much of the output of checks is told, in bytes.
const OUTPUT: usize = 16_000;
/// How many changed files are named.
const NAMED: usize = 20;

impl<E: Debug> Session<'_, E> {
    /// Carries out one call. Everything the model can mend is a result for it.
    pub(super) async fn carry_out(&mut self, call: &ToolCall) -> Result<Step, Error<E>> {
        let call = match calls::parse(call) {
            Ok(call) => call,
            Err(reason) => return Ok(Step::Malformed(format!("error: {reason}"))),
        };
        let said = match call {
            Call::List(args) => look::list(&self.root, &self.tree.files().await?, &args),
            Call::Search(args) => look::search(&self.root, &self.tree.files().await?, &args),
            Call::Read(args) => look::read(&self.root, &self.tree.files().await?, &args).map(|(path, said)| {
                self.known.insert(path);
                said
            }),
            Call::Edit(args) => {
                let changed = change::edit(&self.root, &self.rules, &self.tree.files().await?, args);
                self.changed(changed).await?
            }
            Call::Write(args) => {
                let known = self.root.parse(&args.path).is_ok_and(|path| self.known.contains(&path));
                let changed = change::write(&self.root, &self.rules, known, args);
                self.changed(changed).await?
            }
            Call::Remove(args) => {
                let changed = change::remove(&self.root, &self.rules, &args);
                self.changed(changed).await?
            }
            Call::Run(args) => Ok(self.ran(&args).await?),
            Call::Check => Ok(self.check().await?),
            Call::Finish(args) => return self.done(args.summary).await,
            Call::Blocked(args) => {
                self.last_words.clone_from(&args.reason);
                let report = Report { done: false, summary: args.reason };
                return Ok(Step::Over(End { report: Some(report), ..End::default() }));
            }
        };
        Ok(Step::Said(said.unwrap_or_else(|reason| format!("error: {reason}"))))
    }

    /// Takes note of a change and looks whether the file can still be read.
    async fn changed(&mut self, changed: Result<Changed, String>) -> Result<Result<String, String>, Error<E>> {
        let Changed { path, text, mut said } = match changed {
            Ok(changed) => changed,
            Err(reason) => return Ok(Err(reason)),
        };
        self.progress.changed(&path, text.as_deref());
        if let Some(text) = text {
            if let Some(fault) = self.shell.syntax(&path, &text, self.cancel).await? {
                let _ = write!(said, "\nThe file is not valid now: {fault}");
            }
            self.known.insert(path);
        }
        Ok(Ok(said))
    }

    /// Files that differ from the last commit, with what tells a change of them.
    async fn fingerprint(&self) -> Result<BTreeMap<String, Option<(u64, SystemTime)>>, Error<E>> {
        let about = |path: &str| {
            let about = std::fs::symlink_metadata(self.tree.workspace().join(path)).ok()?;
            Some((about.len(), about.modified().ok()?))
        };
        let paths = self.tree.changed().await?;
        Ok(paths.into_iter().map(|path| (about(&path), path)).map(|(about, path)| (path, about)).collect())
    }

    async fn ran(&mut self, args: &Run) -> Result<String, Error<E>> {
        let before = self.fingerprint().await?;
        let (mut said, moved) = self.shell.run(args, self.cancel).await?;
        // Without walls it is the branch itself.
        if self.tree.guard().await? == Moved::Yes || moved == Moved::Yes {
            said.push_str("\nThe branch was put back: commits are made for you, by cgo, when the checks pass.");
        }
        for note in self.put_back().await? {
            let _ = write!(said, "\n{note}");
        }
        let after = self.fingerprint().await?;
        let paths = after.keys().chain(before.keys().filter(|path| !after.contains_key(*path)));
        let changed: Vec<&str> =
            paths.filter(|path| before.get(*path) != after.get(*path)).map(String::as_str).collect();
        if !changed.is_empty() {
            let more = changed.len().saturating_sub(NAMED);
            let _ = write!(said, "\nFiles changed by it: {}", changed[..changed.len() - more].join(", "));
            if more > 0 {
                let _ = write!(said, " and {more} more");
            }
            self.progress.moved();
        }
        Ok(said)
    }

    async fn check(&mut self) -> Result<String, Error<E>> {
        let (verified, notes) = self.verify(None, false).await?;
        Ok(noted(notes, &self.told(&verified)))
    }

    fn told(&self, verified: &Verified) -> String {
        match verified {
            Verified::Committed => format!("The checks pass{}. Your work is committed.", self.summary()),
            Verified::Unchanged => format!("The checks pass{}. There was nothing to commit.", self.summary()),
            Verified::Refused(reason) => format!("error: it cannot be committed: {reason}"),
            Verified::Failed(result) => format!("The checks do not pass: {}", self.output(result)),
        }
    }

    fn summary(&self) -> String {
        let summary = self.checked.as_ref().map(|result| steady(&result.summary, self.tree.workspace()));
        summary.filter(|summary| !summary.is_empty()).map_or_else(String::new, |summary| format!(": {summary}"))
    }

    fn output(&self, result: &CheckResult) -> String {
        let text = steady(&format!("{}\n{}", result.summary, result.output), self.tree.workspace());
        middle_out(text.trim(), OUTPUT)
    }

    /// The model says that it is done.
    async fn done(&mut self, summary: String) -> Result<Step, Error<E>> {
        self.last_words.clone_from(&summary);
        let report = Report { done: true, summary: summary.clone() };
        let untouched = self.tree.tip() == self.task.base && self.tree.changed().await?.is_empty();
        if untouched && !self.task.may_change_nothing {
            self.not_done += 1;
            if self.not_done > ROUNDS {
                return Ok(Step::Over(End { report: Some(report), ..End::default() }));
            }
            let said = "error: nothing has changed, so nothing is done. Do the task, or call `blocked` and say why it \
                        cannot be done.";
            return Ok(Step::Said(said.to_owned()));
        }
        let (verified, notes) = self.verify(Some(&summary), untouched).await?;
        match verified {
            Verified::Committed | Verified::Unchanged => {
                (self.on_event)(&CoderEvent::Finished);
                Ok(Step::Over(End { report: Some(report), checks: Some(true), ..End::default() }))
            }
            Verified::Refused(_) | Verified::Failed(_) => {
                self.not_done += 1;
                if self.not_done > ROUNDS {
                    let (failed, checks) = match &verified {
                        Verified::Refused(reason) => (Some(format!("the work cannot be committed: {reason}")), None),
                        _ => (None, Some(false)),
                    };
                    return Ok(Step::Over(End { failed, checks, ..End::default() }));
                }
                let said = format!("{}\n(round {} of {ROUNDS})", self.told(&verified), self.not_done);
                Ok(Step::Said(noted(notes, &said)))
            }
        }
    }
}

fn noted(mut notes: Vec<String>, said: &str) -> String {
    notes.push(said.to_owned());
    notes.join("\n")
}
