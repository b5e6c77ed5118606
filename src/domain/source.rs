//! Where a run's time and chance come from, and what of this machine shows in what it makes.
//!
//! A run reads all of it through one [`Source`]. [`Real`] is the system's; a cassette writes it down, or gives it back,
//! so that the same run makes the same bytes elsewhere. Leases, timeouts and how long something took are not a run's
//! time: they belong to the process and are measured where they are needed.

use std::borrow::Cow;
use std::fmt;

use super::state::ProjectState;
use super::time::Timestamp;

/// A run's time, chance and surroundings. `what` names the place in the run that asks: it has to be the same whenever
/// the same run comes there, and no other place's.
pub trait Source: fmt::Debug + Send + Sync {
    /// The moment something happens.
    fn moment(&self, what: fmt::Arguments<'_>) -> Timestamp;
    /// A number by chance.
    fn chance(&self, what: fmt::Arguments<'_>) -> u32;
    /// Something that is as it is on this machine, such as the name of the person.
    fn fact(&self, what: &str, here: &str) -> String;
    /// What a cassette holds of that already, or of an answer from outside; nothing where there is none.
    fn recorded(&self, what: &str) -> Option<String>;
    /// The text as it would be on any machine: folders by what they are for.
    fn portable<'t>(&self, text: &'t str) -> Cow<'t, str>;
    /// Takes note of what the run has come to know of its surroundings.
    fn learn(&self, state: &ProjectState);
    /// The run is on a cassette: branches take turns, commits carry the run's time.
    fn is_taped(&self) -> bool;
    /// The run is told again from a cassette: nobody outside is asked.
    fn replays(&self) -> bool;
}

/// The system's clock and chance.
#[derive(Debug, Clone, Copy)]
pub struct Real {
    /// Reads the clock.
    pub clock: fn() -> Timestamp,
    /// Draws a number.
    pub chance: fn() -> u32,
}

impl Source for Real {
    fn moment(&self, _: fmt::Arguments<'_>) -> Timestamp {
        (self.clock)()
    }

    fn chance(&self, _: fmt::Arguments<'_>) -> u32 {
        (self.chance)()
    }

    fn fact(&self, _: &str, here: &str) -> String {
        here.to_owned()
    }

    fn recorded(&self, _: &str) -> Option<String> {
        None
    }

    fn portable<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    fn learn(&self, _: &ProjectState) {}

    fn is_taped(&self) -> bool {
        false
    }

    fn replays(&self) -> bool {
        false
    }
}
