//! Moments and spans in the one unit the store keeps.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, Default)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `milliseconds` later; saturates at the end of time.
    #[must_use]
    pub fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The date and minute in UTC, for people.
    #[must_use]
    pub fn utc(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.0.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M").to_string())
    }
}

/// How long something may take, as people write it: `90s`, `30m`, `12h`, `3d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: u32,
}

/// A text that is no [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is a whole number above 0 with a unit: 90s, 30m, 12h or 3d, ten years at most")]
pub struct NoSpan;

const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// Ten years, in seconds.
const LONGEST: u32 = 3_650 * 86_400;

impl Span {
    /// In milliseconds.
    #[must_use]
    pub fn milliseconds(self) -> i64 {
        i64::from(self.seconds) * 1_000
    }
}

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let text = text.trim();
        let unit = UNITS.iter().find_map(|(unit, length)| Some((text.strip_suffix(*unit)?, *length)));
        let (number, length) = unit.ok_or(NoSpan)?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = number.parse().ok().filter(|_| plain).ok_or(NoSpan)?;
        let seconds = number.checked_mul(length).filter(|seconds| (1..=LONGEST).contains(seconds)).ok_or(NoSpan)?;
        Ok(Self { seconds })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, length)| self.seconds.is_multiple_of(*length));
        let (unit, length) = whole.expect("seconds are whole");
        write!(f, "{}{unit}", self.seconds / length)
    }
}

impl TryFrom<String> for Span {
    type Error = NoSpan;

    fn try_from(text: String) -> Result<Self, NoSpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_a_unit_and_is_shown_in_the_largest_that_fits() {
        for (text, shown, milliseconds) in [
            ("90s", "90s", 90_000),
            ("60m", "1h", 3_600_000),
            (" 36h ", "36h", 129_600_000),
            ("3d", "3d", 259_200_000),
            ("3650d", "3650d", 315_360_000_000),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.to_string().as_str(), span.milliseconds()), (shown, milliseconds), "{text}");
        }
        for bad in ["", "3", "d", "0s", "-1d", "+1d", "1.5h", "1w", "3 d", "3651d", "99999999999s", "1d1h"] {
            assert_eq!(bad.parse::<Span>(), Err(NoSpan), "{bad}");
        }
    }
}
