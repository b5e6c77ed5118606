//! The one owner of asking GitHub again: what passes by itself is waited for, within limits.

use std::time::Duration;

use super::Error;

/// How often and how patiently GitHub is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How often in all.
    pub attempts: u32,
    /// The wait after the first; it doubles.
    pub wait: Duration,
    /// The longest wait that GitHub does not ask for itself.
    pub longest: Duration,
    /// The wait when GitHub says that there were too many at once and not how long to wait.
    pub secondary: Duration,
    /// The longest the whole may take. A limit that ends later is an error at once.
    pub deadline: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 4,
            wait: Duration::from_secs(1),
            longest: Duration::from_secs(20),
            secondary: Duration::from_mins(1),
            deadline: Duration::from_mins(3),
        }
    }
}

/// Whether a question may arrive twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It only looks.
    Freely,
    /// It changes something: it is asked again only when it did not arrive or was turned away.
    UnlessDone,
}

impl Policy {
    /// How long to wait before asking again; none when asking again is of no use. `asked` is how often it was,
    /// `left` what remains of the time for all of it, `chance` from 0 to 1.
    #[must_use]
    pub fn next(&self, error: &Error, repeat: Repeat, asked: u32, left: Duration, chance: f64) -> Option<Duration> {
        if !error.may_pass() || asked >= self.attempts {
            return None;
        }
        if repeat == Repeat::UnlessDone && error.may_have_happened() {
            return None;
        }
        let doubled = |first: Duration| first.saturating_mul(2_u32.saturating_pow(asked.saturating_sub(1)));
        let wait = match error {
            // Never sooner than told; a little later, so that not everybody comes back at once.
            Error::RateLimited { after: Some(after), .. } => *after + self.wait.mul_f64(chance),
            Error::RateLimited { after: None, .. } => doubled(self.secondary) + self.wait.mul_f64(chance),
            _ => {
                let own = doubled(self.wait).min(self.longest);
                own / 2 + (own / 2).mul_f64(chance)
            }
        };
        (wait < left).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(after: Option<u64>) -> Error {
        Error::RateLimited { secondary: true, after: after.map(Duration::from_secs), said: String::new() }
    }

    fn network(sent: bool) -> Error {
        Error::Network { said: String::new(), sent }
    }

    #[test]
    fn a_wait_is_at_least_what_github_asks_for_and_ends_within_the_time_for_all() {
        let policy = Policy::default();
        let left = policy.deadline;
        let next = |error: &Error, asked, chance| policy.next(error, Repeat::Freely, asked, left, chance);
        assert_eq!(next(&limited(Some(30)), 1, 0.0), Some(Duration::from_secs(30)));
        assert_eq!(next(&limited(Some(30)), 1, 1.0), Some(Duration::from_secs(31)));
        assert_eq!(next(&limited(None), 1, 0.0), Some(Duration::from_mins(1)));
        assert_eq!(next(&limited(None), 2, 0.0), Some(Duration::from_mins(2)));
        assert_eq!(next(&limited(None), 3, 0.0), None, "it would end too late");
        assert_eq!(next(&limited(Some(3600)), 1, 0.0), None);
        assert_eq!(next(&network(true), 1, 0.0), Some(Duration::from_millis(500)));
        assert_eq!(next(&network(true), 3, 1.0), Some(Duration::from_secs(4)));
        assert_eq!(next(&network(true), 4, 1.0), None, "it was asked often enough");
        assert_eq!(next(&Error::TokenRefused { variable: "GH_TOKEN", said: String::new() }, 1, 0.0), None);
    }

    #[test]
    fn what_may_have_been_done_is_not_asked_for_again() {
        let policy = Policy::default();
        let next = |error: &Error| policy.next(error, Repeat::UnlessDone, 1, policy.deadline, 0.0);
        assert!(next(&network(false)).is_some() && next(&limited(Some(1))).is_some());
        assert_eq!(next(&network(true)), None);
        assert_eq!(next(&Error::Upstream { status: 502, said: String::new() }), None);
        assert_eq!(next(&Error::Timeout { said: String::new() }), None);
    }
}
