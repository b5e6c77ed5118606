//! What an attempt came to, decided from evidence alone.

use serde::{Deserialize, Serialize};

use super::meter::{Cap, Outcome};
use super::sandbox::Stopped;
use crate::exec::Exit;

/// What the branch holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// It is gone.
    Missing,
    /// It is where it was.
    Unmoved,
    /// Its tip does not descend from the base.
    Elsewhere,
    /// A commit that changes nothing.
    Empty(String),
    /// A commit with changes.
    Moved(String),
}

/// What the agent left on the side channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// It says that the task is done; otherwise that it cannot be.
    pub done: bool,
    /// In its words.
    pub summary: String,
}

/// What is known about an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How the program ended.
    pub exit: Option<Exit>,
    /// Why it was stopped.
    pub stopped: Option<Stopped>,
    /// The cap of the meter it ran into.
    pub cap: Option<Cap>,
    /// How its last request to a model ended, and with which status.
    pub last_request: Option<(Outcome, u16)>,
    /// The agent has a way to report.
    pub can_report: bool,
    /// The report.
    pub report: Option<Report>,
    /// The branch.
    pub branch: Branch,
    /// Nothing is uncommitted.
    pub clean: bool,
    /// The task may be done without a change.
    pub may_change_nothing: bool,
    /// What it was not allowed to do.
    pub denied: Vec<String>,
    /// It said that it failed.
    pub failed: Option<String>,
    /// A limit of its own that it says it ran into.
    pub own_limit: Option<Limit>,
    /// Whether cgo's own lint and tests passed on the commit; none before they ran.
    pub checks: Option<bool>,
    /// Why the commits are kept out, whatever the checks say.
    #[serde(default)]
    pub objection: Option<Objection>,
}

/// What was found in the commits of an attempt that must not be in the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Which rule it breaks.
    pub class: Class,
    /// In words, with the file; never with a secret.
    pub words: String,
}

impl Objection {
    pub(crate) fn new(class: Class, words: impl Into<String>) -> Self {
        Self { class, words: words.into() }
    }
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// One of the meter's.
    Meter(Cap),
    /// One of the sandbox's.
    Sandbox(Stopped),
    /// The agent's own number of turns.
    Turns,
    /// The agent's own money.
    Budget,
    /// The agent did the same again and again, or nothing.
    Progress,
}

impl Limit {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Meter(Cap::Requests) => "too many requests to its model",
            Self::Meter(Cap::Tokens) => "too many tokens",
            Self::Meter(Cap::Cost) => "the money put aside for it is spent",
            Self::Meter(Cap::Wall) | Self::Sandbox(Stopped::Wall) => "it took too long",
            Self::Meter(Cap::NoProgress) => "it sent the same request again and again",
            Self::Meter(Cap::Unauthorized) => "its model does not accept the key",
            Self::Sandbox(stopped) => stopped.words(),
            Self::Turns => "it made all the turns it may make",
            Self::Budget => "it spent what it may spend",
            Self::Progress => "it did the same again and again, or nothing",
        }
    }
}

/// Why the model did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// The key is not accepted.
    Unauthorized,
    /// The request is not accepted: too long, or wrong for the model.
    Rejected,
    /// Too many requests.
    RateLimited,
    /// The endpoint failed.
    Broken,
    /// The answer broke off.
    Cut,
    /// The agent gave no report, also when it was asked for one.
    NoReport,
}

/// Why the attempt failed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The program could not be started.
    NotStarted,
    /// The agent says so, or its exit code does.
    Agent,
    /// The branch is gone, is not whole, or was moved to another line of commits.
    Branch,
    /// There is work that is not committed.
    Uncommitted,
    /// cgo's own checks do not pass.
    Checks,
    /// Its commits seem to hold a secret.
    Secrets,
    /// Its commits hold what is no code, or change what is not the agent's to change.
    Forbidden,
    /// Its commits take tests away, or have them skipped.
    Tests,
}

impl Class {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotStarted => "it could not be started",
            Self::Agent => "it says so itself",
            Self::Branch => "its branch is gone, broken or was moved elsewhere",
            Self::Uncommitted => "it left work that is not committed",
            Self::Checks => "the project's checks do not pass",
            Self::Secrets => "it committed what looks like a secret",
            Self::Forbidden => "it committed what must not be in the project",
            Self::Tests => "it took tests away",
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "detail")]
pub enum Verdict {
    /// A commit that passes cgo's checks.
    Success(String),
    /// A commit that has everything but cgo's checks, which did not run yet.
    Unverified(String),
    /// It ended well and did nothing.
    NoWork,
    /// The agent says that the task cannot be done.
    Blocked(String),
    /// It failed.
    Failed(Class),
    /// It was to end.
    Cancelled,
    /// It ran into a limit.
    Limit(Limit),
    /// It was not allowed to do what it needed.
    Denied,
    /// The model did not answer.
    UpstreamError(Upstream),
}

/// Judges. Complete work counts even when the agent stumbled before; anything less is named by what stopped it, the
/// deepest cause first.
#[must_use]
pub fn verdict(evidence: &Evidence) -> Verdict {
    if evidence.cap.is_none() && evidence.stopped == Some(Stopped::Cancelled) {
        return Verdict::Cancelled;
    }
    let upstream = upstream(evidence);
    let unhindered = evidence.cap.is_none()
        && evidence.stopped.is_none()
        && evidence.exit.is_some_and(Exit::success)
        && evidence.failed.is_none()
        && evidence.denied.is_empty()
        && evidence.own_limit.is_none()
        && evidence.clean
        && evidence.report.as_ref().map_or(!evidence.can_report && upstream.is_none(), |report| report.done);
    match &evidence.branch {
        Branch::Moved(commit) if unhindered => return checked(commit, evidence),
        Branch::Empty(commit) if unhindered && evidence.may_change_nothing => return checked(commit, evidence),
        _ => {}
    }
    if let Some(limit) = limit(evidence) {
        return match limit {
            Limit::Meter(Cap::Unauthorized) => Verdict::UpstreamError(Upstream::Unauthorized),
            limit => Verdict::Limit(limit),
        };
    }
    if matches!(evidence.exit, Some(Exit::Code(126 | 127))) && evidence.last_request.is_none() {
        return Verdict::Failed(Class::NotStarted);
    }
    if let Some(upstream) = upstream {
        return Verdict::UpstreamError(upstream);
    }
    if !evidence.denied.is_empty() {
        return Verdict::Denied;
    }
    if evidence.failed.is_some() || !evidence.exit.is_some_and(Exit::success) {
        return Verdict::Failed(Class::Agent);
    }
    if let Some(Report { done: false, summary }) = &evidence.report {
        return Verdict::Blocked(summary.clone());
    }
    match evidence.branch {
        Branch::Missing | Branch::Elsewhere => return Verdict::Failed(Class::Branch),
        _ if !evidence.clean => return Verdict::Failed(Class::Uncommitted),
        // Work that did not pass may have been put away.
        _ if evidence.checks == Some(false) => return Verdict::Failed(Class::Checks),
        Branch::Empty(_) | Branch::Unmoved => return Verdict::NoWork,
        Branch::Moved(_) => {}
    }
    Verdict::UpstreamError(Upstream::NoReport)
}

fn checked(commit: &str, evidence: &Evidence) -> Verdict {
    if let Some(objection) = &evidence.objection {
        return Verdict::Failed(objection.class);
    }
    match evidence.checks {
        Some(true) => Verdict::Success(commit.to_owned()),
        Some(false) => Verdict::Failed(Class::Checks),
        None => Verdict::Unverified(commit.to_owned()),
    }
}

fn limit(evidence: &Evidence) -> Option<Limit> {
    let meter = evidence.cap.map(Limit::Meter);
    let sandbox = evidence.stopped.map(Limit::Sandbox);
    meter.or(sandbox).or(evidence.own_limit)
}

/// What the meter saw last: agents that end well after it are common.
fn upstream(evidence: &Evidence) -> Option<Upstream> {
    match evidence.last_request? {
        (Outcome::Served | Outcome::Refused(_), _) => None,
        (Outcome::Cut, _) => Some(Upstream::Cut),
        // A key that is not accepted is a cap.
        (Outcome::Failed, 429) => Some(Upstream::RateLimited),
        (Outcome::Failed, 400..=499) => Some(Upstream::Rejected),
        (Outcome::Failed, _) => Some(Upstream::Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            exit: Some(Exit::Code(0)),
            stopped: None,
            cap: None,
            last_request: Some((Outcome::Served, 200)),
            can_report: true,
            report: Some(Report { done: true, summary: "done".to_owned() }),
            branch: Branch::Moved("c0ffee".to_owned()),
            clean: true,
            may_change_nothing: false,
            denied: vec![],
            failed: None,
            own_limit: None,
            checks: Some(true),
            objection: None,
        }
    }

    fn secret() -> Objection {
        Objection::new(Class::Secrets, "a.py:1: an API key")
    }

    #[test]
    fn success_needs_every_part() {
        assert_eq!(verdict(&good()), Verdict::Success("c0ffee".to_owned()));
        assert_eq!(verdict(&Evidence { checks: None, ..good() }), Verdict::Unverified("c0ffee".to_owned()));
        let cases: Vec<(Evidence, Verdict)> = vec![
            (Evidence { checks: Some(false), ..good() }, Verdict::Failed(Class::Checks)),
            (Evidence { report: None, ..good() }, Verdict::UpstreamError(Upstream::NoReport)),
            (Evidence { clean: false, ..good() }, Verdict::Failed(Class::Uncommitted)),
            (Evidence { branch: Branch::Unmoved, ..good() }, Verdict::NoWork),
            (
                Evidence { branch: Branch::Unmoved, checks: Some(false), report: None, ..good() },
                Verdict::Failed(Class::Checks),
            ),
            (Evidence { branch: Branch::Empty("c0ffee".into()), ..good() }, Verdict::NoWork),
            (Evidence { branch: Branch::Elsewhere, ..good() }, Verdict::Failed(Class::Branch)),
            (Evidence { denied: vec!["Bash".into()], ..good() }, Verdict::Denied),
            (Evidence { failed: Some("no".into()), ..good() }, Verdict::Failed(Class::Agent)),
            (Evidence { exit: Some(Exit::Code(1)), ..good() }, Verdict::Failed(Class::Agent)),
            (Evidence { own_limit: Some(Limit::Turns), ..good() }, Verdict::Limit(Limit::Turns)),
            (Evidence { cap: Some(Cap::Cost), ..good() }, Verdict::Limit(Limit::Meter(Cap::Cost))),
            (Evidence { cap: Some(Cap::Unauthorized), ..good() }, Verdict::UpstreamError(Upstream::Unauthorized)),
            // Moderation, for one: a key that is not accepted is a cap.
            (
                Evidence { exit: Some(Exit::Code(1)), last_request: Some((Outcome::Failed, 403)), ..good() },
                Verdict::UpstreamError(Upstream::Rejected),
            ),
            (
                Evidence { stopped: Some(Stopped::Idle), exit: None, ..good() },
                Verdict::Limit(Limit::Sandbox(Stopped::Idle)),
            ),
            (Evidence { stopped: Some(Stopped::Cancelled), ..good() }, Verdict::Cancelled),
            (Evidence { objection: Some(secret()), ..good() }, Verdict::Failed(Class::Secrets)),
            (Evidence { objection: Some(secret()), checks: None, ..good() }, Verdict::Failed(Class::Secrets)),
            (
                Evidence { objection: Some(secret()), own_limit: Some(Limit::Turns), ..good() },
                Verdict::Limit(Limit::Turns),
            ),
        ];
        for (evidence, wanted) in cases {
            assert_eq!(verdict(&evidence), wanted, "{evidence:?}");
        }
        let nothing = Evidence { branch: Branch::Empty("c0ffee".into()), may_change_nothing: true, ..good() };
        assert_eq!(verdict(&nothing), Verdict::Success("c0ffee".to_owned()));
    }
}
