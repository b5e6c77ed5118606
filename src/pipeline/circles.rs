//! Notices an agent that goes round in circles within one visit: the same calls with the same results.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

/// The same call with the same result so often is a circle.
const SAME: usize = 4;
/// Two calls that take turns are a circle after so many of both.
const TURNS: usize = 6;

/// The newest calls of a visit, as hashes.
#[derive(Debug, Default)]
pub struct Circles {
    newest: VecDeque<[u8; 32]>,
}

impl Circles {
    /// Notes a call with its result; how many calls make the circle, if they do.
    pub fn note(&mut self, tool: &str, arguments: &str, result: &str) -> Option<u32> {
        let mut hash = Sha256::new();
        for part in [tool, arguments, result] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        self.newest.push_front(hash.finalize().into());
        self.newest.truncate(SAME.max(TURNS));
        let newest = &self.newest;
        let same = newest.len() >= SAME && newest.iter().take(SAME).all(|call| *call == newest[0]);
        let turns = newest.len() >= TURNS && (0..TURNS - 2).all(|at| newest[at] == newest[at + 2]);
        let length = if same { SAME } else { TURNS };
        (same || turns).then(|| u32::try_from(length).expect("a small constant"))
    }

    /// Begins anew, after a person has ruled.
    pub fn clear(&mut self) {
        self.newest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_with_the_same_result_is_a_circle_the_fourth_time() {
        let mut circles = Circles::default();
        let noted: Vec<_> = (0..4).map(|_| circles.note("look", "{}", "nothing")).collect();
        assert_eq!(noted, [None, None, None, Some(4)]);
        circles.clear();
        assert_eq!(circles.note("look", "{}", "nothing"), None);
    }

    #[test]
    fn two_calls_that_take_turns_are_a_circle_and_progress_is_none() {
        let mut circles = Circles::default();
        let noted: Vec<_> =
            (0..6).map(|turn| circles.note("look", if turn % 2 == 0 { "a" } else { "b" }, "x")).collect();
        assert_eq!(noted.last(), Some(&Some(6)));
        assert!(noted[..5].iter().all(Option::is_none), "{noted:?}");
        let mut circles = Circles::default();
        for turn in 0..20 {
            assert_eq!(circles.note("look", "{}", &turn.to_string()), None);
        }
    }
}
