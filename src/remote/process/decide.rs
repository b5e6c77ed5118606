//! What to do next about one slot: a plain function of what runs, what should run, and the time.

use std::time::{Duration, Instant};

/// Restarts within [`WINDOW`] before a launch is left alone.
pub const MAX_RESTARTS: usize = 3;
/// The time in which restarts count.
pub const WINDOW: Duration = Duration::from_mins(10);

/// What is known about a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The generation of the process that runs.
    pub running: Option<u64>,
    /// The process was asked to end, and is killed then.
    pub kill_at: Option<Instant>,
    /// Requests or upgraded connections are open.
    pub busy: bool,
    /// Until when it may finish them once it is not wanted any more.
    pub drain_until: Instant,
    /// The generation that ended by itself too often.
    pub failed: Option<u64>,
    /// No start before that.
    pub not_before: Option<Instant>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing until something happens.
    Rest,
    /// Nothing until then.
    Wait(Instant),
    /// Start what is wanted.
    Start,
    /// Ask the process to end.
    Ask,
    /// Kill the process.
    Kill,
}

/// The next step towards running `wanted`.
pub fn decide(view: &View, wanted: Option<u64>, now: Instant) -> Step {
    match (view.running, wanted) {
        (Some(_), _) if view.kill_at.is_some_and(|at| at <= now) => Step::Kill,
        (Some(_), _) if view.kill_at.is_some() => Step::Wait(view.kill_at.unwrap_or(now)),
        (Some(running), Some(wanted)) if running == wanted => Step::Rest,
        (Some(_), _) if view.busy && view.drain_until > now => Step::Wait(view.drain_until),
        (Some(_), _) => Step::Ask,
        (None, None) => Step::Rest,
        (None, wanted) if view.failed == wanted => Step::Rest,
        (None, Some(_)) => match view.not_before {
            Some(at) if at > now => Step::Wait(at),
            _ => Step::Start,
        },
    }
}

/// How long to wait before the restart after so many: a quarter of a second, one, four.
pub fn backoff(restarts: usize) -> Duration {
    Duration::from_millis(250) * 4_u32.pow(u32::try_from(restarts.min(4)).unwrap_or(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(now: Instant) -> View {
        View { running: None, kill_at: None, busy: false, drain_until: now, failed: None, not_before: None }
    }

    #[test]
    fn what_is_wanted_is_started_once_and_then_left_alone() {
        let now = Instant::now();
        assert_eq!(decide(&view(now), Some(1), now), Step::Start);
        assert_eq!(decide(&View { running: Some(1), ..view(now) }, Some(1), now), Step::Rest);
        assert_eq!(decide(&view(now), None, now), Step::Rest);
    }

    #[test]
    fn another_generation_waits_for_the_end_of_the_old_one() {
        let now = Instant::now();
        let old = View { running: Some(1), ..view(now) };
        assert_eq!(decide(&old, Some(2), now), Step::Ask);
        let kill_at = now + Duration::from_secs(1);
        let asked = View { kill_at: Some(kill_at), ..old };
        assert_eq!(decide(&asked, Some(2), now), Step::Wait(kill_at));
        assert_eq!(decide(&asked, Some(1), now), Step::Wait(kill_at), "a process that was asked to end still ends");
        assert_eq!(decide(&asked, Some(2), kill_at), Step::Kill);
    }

    #[test]
    fn requests_are_finished_first_but_not_for_ever() {
        let now = Instant::now();
        let drain_until = now + Duration::from_secs(30);
        let busy = View { running: Some(1), busy: true, drain_until, ..view(now) };
        assert_eq!(decide(&busy, None, now), Step::Wait(drain_until));
        assert_eq!(decide(&busy, None, drain_until), Step::Ask);
        assert_eq!(decide(&View { busy: false, ..busy }, None, now), Step::Ask);
    }

    #[test]
    fn a_failed_launch_rests_until_there_is_another() {
        let now = Instant::now();
        let failed = View { failed: Some(1), ..view(now) };
        assert_eq!(decide(&failed, Some(1), now), Step::Rest);
        assert_eq!(decide(&failed, Some(2), now), Step::Start);
        assert_eq!(decide(&failed, None, now), Step::Rest);
    }

    #[test]
    fn a_restart_waits_longer_each_time() {
        let now = Instant::now();
        let at = now + backoff(1);
        assert_eq!(decide(&View { not_before: Some(at), ..view(now) }, Some(1), now), Step::Wait(at));
        assert_eq!([0, 1, 2].map(|count| backoff(count).as_millis()), [250, 1000, 4000]);
    }
}
