//! What the value of a secret has to look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::secret::Secret;
use crate::domain::spec::Language;

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
    /// What is wrong with a value, in a language, without showing any of it.
    #[must_use]
    pub fn problem(&self, value: &Secret, language: Language) -> Option<String> {
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
            return Some(self.unlike(language));
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !value.starts_with(prefix.as_str())) {
            return Some(match language {
                Language::En => format!("it does not begin with `{prefix}`"),
                Language::Ru => format!("значение не начинается с `{prefix}`"),
            });
        }
        let fewest = self.min_length.unwrap_or(1);
        (value.chars().count() < fewest as usize).then(|| match language {
            Language::En => format!("it has fewer than {fewest} characters"),
            Language::Ru => format!("в значении слишком мало знаков, нужно не меньше {fewest}"),
        })
    }

    /// That a value is not of its sort.
    fn unlike(&self, language: Language) -> String {
        let kind = match (self.kind, language) {
            (Some(FormatKind::Url), Language::En) => "an address like `https://…`",
            (Some(FormatKind::Url), Language::Ru) => "адрес вроде `https://…`",
            (Some(FormatKind::Email), Language::En) => "an e-mail address",
            (Some(FormatKind::Email), Language::Ru) => "адрес электронной почты",
            (Some(FormatKind::Integer), Language::En) => "a whole number",
            (Some(FormatKind::Integer), Language::Ru) => "целое число",
            (Some(FormatKind::Token) | None, Language::En) => "one word without spaces",
            (Some(FormatKind::Token) | None, Language::Ru) => "одно слово без пробелов",
        };
        match language {
            Language::En => format!("it is not {kind}"),
            Language::Ru => format!("это не {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(format: &Format, value: &str) -> Option<String> {
        format.problem(&Secret::new(value.to_owned()), Language::En)
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

    #[test]
    fn what_is_wrong_is_said_in_the_language_of_whoever_set_it() {
        let format = Format { kind: Some(FormatKind::Token), prefix: Some("sk-".to_owned()), min_length: Some(8) };
        for (value, english, russian) in [
            ("sk 1", "it is not one word without spaces", "это не одно слово без пробелов"),
            ("pk-1", "it does not begin with `sk-`", "значение не начинается с `sk-`"),
            ("sk-1", "it has fewer than 8 characters", "в значении слишком мало знаков, нужно не меньше 8"),
        ] {
            let said = |language| format.problem(&Secret::new(value.to_owned()), language);
            assert_eq!(said(Language::En).as_deref(), Some(english));
            assert_eq!(said(Language::Ru).as_deref(), Some(russian));
        }
    }
}
