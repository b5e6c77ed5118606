//! Whether an attempt gets anywhere: the same again, round in circles, or nothing at all.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher as _};

/// How often the same is tolerated before it is said, and before it is the end.
const TOLD_AT: u32 = 3;
const OVER_AT: u32 = 5;
/// How many turns may go by without a change before it is said.
const LOOKING: u32 = 20;

/// What is to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mood {
    Fine,
    /// The model is to be told.
    Tell(String),
    /// The attempt is over.
    Over(String),
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Calls with their results since the last change, and how often.
    calls: HashMap<u64, u32>,
    /// What the changed files hold.
    files: BTreeMap<String, u64>,
    /// States the files were in, and how often they came to them.
    states: HashMap<u64, u32>,
    /// Turns in a row that brought nothing new.
    idle: u32,
    /// Turns since the last change.
    looking: u32,
    /// Something new came in this turn.
    fresh: bool,
    pending: Vec<Mood>,
}

fn digest(parts: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Progress {
    /// A call and what it came to.
    pub(super) fn called(&mut self, name: &str, arguments: &str, result: &str) {
        let count = self.calls.entry(digest((name, arguments, result))).or_default();
        *count += 1;
        let count = *count;
        if count == 1 {
            self.fresh = true;
        } else if count >= OVER_AT {
            self.pending.push(Mood::Over(format!("`{name}` was called {count} times alike, with the same result")));
        } else if count >= TOLD_AT {
            let words = format!(
                "You have made this call of `{name}` {count} times with the same result. It will not change: do \
                 something else, or call `blocked`."
            );
            self.pending.push(Mood::Tell(words));
        }
    }

    /// A file was changed by a tool.
    pub(super) fn changed(&mut self, path: &str, text: Option<&str>) {
        self.files.insert(path.to_owned(), digest(text));
        self.moved();
        let visits = self.states.entry(digest(&self.files)).or_default();
        *visits += 1;
        if *visits >= OVER_AT {
            self.pending.push(Mood::Over("the same changes were made and undone again and again".to_owned()));
        } else if *visits >= TOLD_AT {
            let words = "You have brought the files into this state before: you go round in circles. Look at what the \
                         checks say, and try another way.";
            self.pending.push(Mood::Tell(words.to_owned()));
        }
    }

    /// Something in the workspace changed.
    pub(super) fn moved(&mut self) {
        self.fresh = true;
        self.looking = 0;
        self.calls.clear();
    }

    /// A turn is over.
    pub(super) fn turn(&mut self) -> Mood {
        self.looking += 1;
        self.idle = if std::mem::take(&mut self.fresh) { 0 } else { self.idle + 1 };
        let mut moods = std::mem::take(&mut self.pending);
        if self.idle >= OVER_AT {
            moods.push(Mood::Over(format!("{} turns in a row brought nothing new", self.idle)));
        } else if self.idle >= TOLD_AT {
            let words = "Your last turns brought nothing new. Make the change, call `finish`, or call `blocked`.";
            moods.push(Mood::Tell(words.to_owned()));
        } else if self.looking.is_multiple_of(LOOKING) {
            let words = format!("{} turns went by without a change. Make it now, or call `blocked`.", self.looking);
            moods.push(Mood::Tell(words));
        }
        if let Some(over) = moods.iter().position(|mood| matches!(mood, Mood::Over(_))) {
            return moods.swap_remove(over);
        }
        let told: Vec<String> = moods
            .into_iter()
            .filter_map(|mood| if let Mood::Tell(words) = mood { Some(words) } else { None })
            .collect();
        if told.is_empty() { Mood::Fine } else { Mood::Tell(told.join(" ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_again_and_again_is_told_and_then_the_end() {
        let mut progress = Progress::default();
        let mut moods = Vec::new();
        for _ in 0..5 {
            progress.called("read", "{}", "text");
            moods.push(progress.turn());
        }
        assert_eq!(moods[..2], [Mood::Fine, Mood::Fine]);
        assert!(matches!(&moods[2], Mood::Tell(words) if words.contains("3 times")), "{:?}", moods[2]);
        assert!(
            matches!(&moods[4], Mood::Over(words) if words.contains("`read` was called 5 times")),
            "{:?}",
            moods[4]
        );
    }

    #[test]
    fn a_call_after_a_change_is_a_new_one_and_going_round_is_noticed() {
        let mut progress = Progress::default();
        for round in 0..8 {
            progress.changed("a.py", Some(&format!("{round}")));
            progress.called("check", "{}", "failed");
            assert_eq!(progress.turn(), Mood::Fine);
        }
        let mut moods = Vec::new();
        for round in 0..12 {
            progress.changed("b.py", Some(if round % 2 == 0 { "one" } else { "two" }));
            moods.push(progress.turn());
        }
        assert!(moods.iter().any(|mood| matches!(mood, Mood::Tell(words) if words.contains("in circles"))));
        assert!(matches!(&moods[11], Mood::Over(words) if words.contains("again and again")), "{moods:?}");
    }

    #[test]
    fn turns_that_bring_nothing_and_long_looking_are_told() {
        let mut progress = Progress::default();
        let moods: Vec<Mood> = (0..5).map(|_| progress.turn()).collect();
        assert!(matches!(&moods[2], Mood::Tell(_)) && matches!(&moods[4], Mood::Over(_)), "{moods:?}");
        let mut progress = Progress::default();
        let moods: Vec<Mood> = (0..40)
            .map(|number| {
                progress.called("read", &number.to_string(), "text");
                progress.turn()
            })
            .collect();
        let told =
            moods.iter().filter(|mood| matches!(mood, Mood::Tell(words) if words.contains("without a change"))).count();
        assert_eq!(told, 2);
        assert!(!moods.iter().any(|mood| matches!(mood, Mood::Over(_))));
    }
}
