//! The queue of `cgo serve`: which runs it works on, when, and how often it tries.

use super::leases::{self, run_resource};
use super::{Context, Error, notify};
use crate::domain::run::{Run, RunStatus};
use crate::domain::time::Timestamp;
use crate::store::Queue as _;

pub use crate::store::Queued;

/// How often a run is taken up without coming further, before it is left to a person.
pub const ATTEMPTS: u32 = 8;
/// What stands for its attempts when it is left to a person, who is owed the notice of that.
const GIVEN_UP: u32 = ATTEMPTS + 1;
/// The waits between attempts, in milliseconds; the last one for every further attempt.
const BACKOFF_MS: [i64; 6] = [3_000, 10_000, 60_000, 5 * 60_000, 20 * 60_000, 60 * 60_000];
/// A run that somebody else moves, such as a command that answers and then goes on with it, is theirs for so long, in
/// milliseconds.
const THEIRS_MS: i64 = 3_000;

/// The runs in the queue that are not over, in the order in which they are due.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<Queued>, Error> {
    Ok(context.store.queued_runs().await?)
}

/// Whether a run may be taken up at a moment, as far as the queue knows, by who has served since another. What an earlier
/// one was working on when it was killed need not wait.
#[must_use]
pub fn is_due(queued: &Queued, now: Timestamp, served_since: Timestamp) -> bool {
    let settled = queued.updated_at >= queued.run.updated_at || now.since(queued.run.updated_at) >= THEIRS_MS;
    let left_behind = queued.run.status == RunStatus::Running && queued.updated_at < served_since;
    is_live(&queued.run) && queued.attempts < ATTEMPTS && (left_behind || (queued.due_at <= now && settled))
}

/// Whether the last attempt at a run was cut off, so that nobody was told of it, as far as the queue knows.
#[must_use]
pub fn is_spent(queued: &Queued, now: Timestamp) -> bool {
    let settled = now.since(queued.updated_at.max(queued.run.updated_at)) >= THEIRS_MS;
    is_live(&queued.run) && queued.attempts == ATTEMPTS && settled
}

fn is_live(run: &Run) -> bool {
    matches!(run.status, RunStatus::Queued | RunStatus::Running)
}

/// Whether no process works on a run.
///
/// # Errors
/// When the store fails.
pub async fn is_free(context: &Context, run: &Run) -> Result<bool, Error> {
    Ok(leases::holder(context, &run_resource(&run.id)).await?.is_none())
}

/// Counts an attempt that is about to begin, and says when the next one may.
///
/// # Errors
/// When the store fails.
pub async fn take(context: &Context, queued: Queued) -> Result<Queued, Error> {
    let now = context.now();
    let pause = BACKOFF_MS[(queued.attempts as usize).min(BACKOFF_MS.len() - 1)];
    let taken = Queued { attempts: queued.attempts + 1, due_at: now.plus_ms(pause), updated_at: now, ..queued };
    context.store.put_queued(&taken, None).await?;
    Ok(taken)
}

/// An attempt has ended, and left the run where it stands. One that was stopped on purpose does not count; one that has
/// brought the run to a question, or to its end, begins the count anew. True when it was the last one: the run is then
/// given up.
///
/// # Errors
/// When the store fails.
pub async fn put_down(
    context: &Context,
    queued: &Queued,
    problem: Option<String>,
    stopped: bool,
) -> Result<bool, Error> {
    let now = context.now();
    let live = is_live(&queued.run);
    if live && !stopped && queued.attempts >= ATTEMPTS {
        give_up(context, &Queued { problem, ..queued.clone() }).await?;
        return Ok(true);
    }
    let down = match (live, stopped) {
        (true, true) => Queued {
            attempts: queued.attempts.saturating_sub(1),
            due_at: now,
            problem: None,
            updated_at: now,
            ..queued.clone()
        },
        (true, false) => Queued { problem, updated_at: now, ..queued.clone() },
        (false, _) => Queued { attempts: 0, due_at: now, problem: None, updated_at: now, ..queued.clone() },
    };
    context.store.put_queued(&down, None).await?;
    Ok(false)
}

/// Leaves a run to a person, who is owed the notice of it with that.
///
/// # Errors
/// When the store fails.
pub async fn give_up(context: &Context, queued: &Queued) -> Result<(), Error> {
    let now = context.now();
    let given_up = Queued { attempts: GIVEN_UP, updated_at: now, ..queued.clone() };
    Ok(context.store.put_queued(&given_up, Some(&notify::stuck(&queued.run, now))).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RunId;
    use crate::domain::names::ProjectName;
    use crate::domain::run::Request;

    fn queued(status: RunStatus, attempts: u32, due: i64, moved: i64, touched: i64) -> Queued {
        let project = ProjectName::parse("notes").unwrap();
        let run = Run {
            id: RunId::new(Timestamp(0), 1),
            project: None,
            request: Request::Rollback { project, release: None, rollout: crate::domain::request::Rollout::default() },
            status,
            reason: None,
            asked_by: None,
            forked_from: None,
            seq: 1,
            created_at: Timestamp(0),
            updated_at: Timestamp(moved),
        };
        Queued { run, attempts, due_at: Timestamp(due), problem: None, updated_at: Timestamp(touched) }
    }

    #[test]
    fn a_run_is_taken_when_it_is_live_due_and_nobody_elses() {
        let (now, since) = (Timestamp(10_000), Timestamp(0));
        let is_due = |queued: &Queued, now| super::is_due(queued, now, since);
        assert!(is_due(&queued(RunStatus::Queued, 0, 10_000, 9_999, 9_999), now));
        assert!(is_due(&queued(RunStatus::Running, 7, 0, 7_000, 0), now), "left by a process that died");
        assert!(!is_due(&queued(RunStatus::Queued, 0, 10_001, 0, 0), now), "not yet");
        assert!(!is_due(&queued(RunStatus::Queued, 8, 0, 0, 0), now), "too often");
        assert!(!is_due(&queued(RunStatus::Queued, 0, 0, 9_000, 8_999), now), "a command has just answered it");
        for status in RunStatus::ALL {
            let live = matches!(status, RunStatus::Queued | RunStatus::Running);
            assert_eq!(is_due(&queued(status, 0, 0, 0, 0), now), live, "{}", status.as_str());
        }
        let killed = queued(RunStatus::Running, 3, 99_999, 9_999, 9_000);
        assert!(super::is_due(&killed, now, Timestamp(9_500)), "what an earlier one left behind does not wait");
        assert!(!super::is_due(&killed, now, Timestamp(8_000)), "this one's own does");
        assert!(!super::is_due(&queued(RunStatus::Running, 8, 0, 0, 0), now, Timestamp(1)), "but not for ever");
    }

    #[test]
    fn a_run_is_given_up_once_when_its_last_attempt_was_cut_off() {
        let now = Timestamp(10_000);
        assert!(is_spent(&queued(RunStatus::Running, 8, 99_999, 7_000, 7_000), now), "whenever the next one was due");
        assert!(!is_spent(&queued(RunStatus::Running, 8, 0, 0, 7_001), now), "whoever took it may be about to begin");
        assert!(!is_spent(&queued(RunStatus::Running, 8, 0, 7_001, 0), now), "somebody has just moved it");
        assert!(!is_spent(&queued(RunStatus::Running, 7, 0, 0, 0), now), "there is one more attempt");
        assert!(!is_spent(&queued(RunStatus::Running, GIVEN_UP, 0, 0, 0), now), "it was told");
        assert!(!is_spent(&queued(RunStatus::WaitingInput, 8, 0, 0, 0), now), "it waits for somebody");
    }
}
