//! What the benches share: medians. No figure is a test; nothing here fails because something was slow.

use std::time::Duration;

/// The middle one; of an even number the upper middle.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
