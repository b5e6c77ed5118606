//! Money, exact: what models cost, in US dollars.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of US dollars in billionths: a token may cost less than a millionth. Never negative; sums stop at the
/// largest amount instead of wrapping. In files and JSON it is a number of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(u64);

const BILLION: u64 = 1_000_000_000;

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in billionths of a dollar.
    #[must_use]
    pub const fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    /// The amount in billionths of a dollar.
    #[must_use]
    pub fn billionths(self) -> u64 {
        self.0
    }

    /// The nearest amount to a number of dollars; none for what is no amount of money.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let billionths = dollars * 1e9;
        (dollars.is_finite() && (0.0..1e18).contains(&billionths)).then(|| Self(billionths.round() as u64))
    }

    /// The amount as a number of dollars, for JSON and charts.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact below nine million dollars")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// What so many things cost when a million of them cost this much, rounded up.
    #[must_use]
    pub fn per_million(self, count: u64) -> Self {
        let billionths = (u128::from(self.0) * u128::from(count)).div_ceil(1_000_000);
        Self(u64::try_from(billionths).unwrap_or(u64::MAX))
    }

    /// What is left after spending; nothing when more was spent.
    #[must_use]
    pub fn less(self, spent: Self) -> Self {
        Self(self.0.saturating_sub(spent.0))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    /// `$1.20`, and more places for less than a dime: `$0.0031`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = if self.0 == 0 || self.0 >= BILLION / 10 { 2 } else { 4 };
        if self.0 > 0 && self.0 < 50_000 {
            return f.pad("<$0.0001");
        }
        let step = BILLION / 10_u64.pow(places);
        let rounded = self.0.saturating_add(step / 2) / step;
        let unit = 10_u64.pow(places);
        f.pad(&format!("${}.{:0width$}", rounded / unit, rounded % unit, width = places as usize))
    }
}

/// A text that is no amount of dollars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount of US dollars such as `2.50`")]
pub struct NotMoney(String);

impl FromStr for Usd {
    type Err = NotMoney;
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let number = text.trim().trim_start_matches('$').parse().ok();
        number.and_then(Self::from_dollars).ok_or_else(|| NotMoney(text.chars().take(40).collect()))
    }
}

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Self::from_dollars(dollars).ok_or_else(|| serde::de::Error::custom(NotMoney(dollars.to_string())))
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "description": "US dollars" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_people_write_them() {
        for (billionths, shown) in [
            (0, "$0.00"),
            (1, "<$0.0001"),
            (3_100_000, "$0.0031"),
            (99_960_000, "$0.1000"),
            (100_000_000, "$0.10"),
            (1_195_000_000, "$1.20"),
            (2_000_000_000_000, "$2000.00"),
        ] {
            assert_eq!(Usd::from_billionths(billionths).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_money_is_refused() {
        for text in ["", "-1", "NaN", "inf", "1e30", "two", "1,5"] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
        assert_eq!("$2.50".parse(), Ok(Usd::from_billionths(2_500_000_000)));
        assert!(serde_json::from_str::<Usd>("-0.5").is_err());
    }

    #[test]
    fn prices_a_million_round_up_and_sums_do_not_wrap() {
        let price: Usd = "0.15".parse().unwrap();
        assert_eq!(price.per_million(1), Usd::from_billionths(150));
        assert_eq!(Usd::from_billionths(1).per_million(1), Usd::from_billionths(1));
        assert_eq!(Usd::from_billionths(u64::MAX) + price, Usd::from_billionths(u64::MAX));
        assert_eq!(price.less("1".parse().unwrap()), Usd::ZERO);
    }
}
