//! What the value of a secret has to look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::secret::Secret;

/// What a value has to look like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// The sort of value; absent: any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FormatKind>,
    /// What it begins with, such as `sk-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
}

/// A sort of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatKind {
    /// An address: `scheme://…`.
    Url,
    /// An e-mail address.
    Email,
    /// A whole number.
    Integer,
    /// One word without spaces.
    Token,
}

impl Format {
    /// What is wrong with a value, without showing any of it.
    #[must_use]
    pub fn problem(&self, value: &Secret) -> Option<String> {
        let value = value.reveal();
        let fits = match self.kind {
            None => true,
            Some(FormatKind::Url) => value.split_once("://").is_some_and(|(scheme, rest)| {
                !rest.is_empty() && !scheme.is_empty() && !value.contains(char::is_whitespace)
            }),
            Some(FormatKind::Email) => value
                .split_once('@')
                .is_some_and(|(who, at)| !who.is_empty() && at.contains('.') && !value.contains(char::is_whitespace)),
            Some(FormatKind::Integer) => value.parse::<i64>().is_ok(),
            Some(FormatKind::Token) => !value.contains(char::is_whitespace),
        };
        if !fits {
            let kind = match self.kind {
                Some(FormatKind::Url) => "an address like `https://…`",
                Some(FormatKind::Email) => "an e-mail address",
                Some(FormatKind::Integer) => "a whole number",
                Some(FormatKind::Token) | None => "one word without spaces",
            };
            return Some(format!("it is not {kind}"));
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !value.starts_with(prefix.as_str())) {
            return Some(format!("it does not begin with `{prefix}`"));
        }
        let fewest = self.min_length.unwrap_or(1);
        (value.chars().count() < fewest as usize).then(|| format!("it has fewer than {fewest} characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(format: &Format, value: &str) -> Option<String> {
        format.problem(&Secret::new(value.to_owned()))
    }

    #[test]
    fn a_format_says_what_is_wrong_and_shows_nothing_of_the_value() {
        let format = Format { kind: Some(FormatKind::Token), prefix: Some("sk-".to_owned()), min_length: Some(8) };
        assert_eq!(problem(&format, "sk-12345"), None);
        for bad in ["sk 12345678", "pk-canary99", "sk-1"] {
            let said = problem(&format, bad).unwrap();
            assert!(!said.contains(bad) && !said.contains("canary"), "{said}");
        }
        for (kind, good, bad) in [
            (FormatKind::Url, "postgres://u@h/d", "h/d"),
            (FormatKind::Email, "a@b.c", "a@b"),
            (FormatKind::Integer, "-12", "1.5"),
        ] {
            let format = Format { kind: Some(kind), ..Format::default() };
            assert_eq!(problem(&format, good), None, "{good}");
            assert!(problem(&format, bad).is_some(), "{bad}");
        }
        assert!(problem(&Format::default(), "").is_some());
    }
}
