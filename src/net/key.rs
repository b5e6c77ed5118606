//! The key of an endpoint: a text that prints as stars and is read where it is sent, nowhere else.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};

/// A key. `Debug` prints stars, there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// Shorter keys are not looked for in texts: they would be found everywhere.
const TELLING: usize = 6;

impl Key {
    /// A key as a person or a variable gave it; surrounding white space is no part of it.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        let value: String = value.into();
        Self(value.trim().to_owned())
    }

    /// There is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a header that carries it, marked so that nobody logs it.
    ///
    /// # Errors
    /// When a header cannot carry it.
    pub fn header(&self, prefix: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The key itself, for a program that has to be given it. It goes to its environment or its input, never to an
    /// argument, an address or a file.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with stars wherever the key stands in it, also as it is written in addresses.
    #[must_use]
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.len() < TELLING {
            return text.to_owned();
        }
        let mut hidden = text.replace(&self.0, "***");
        let in_address: String = reqwest::Url::parse_with_params("http://x", [("k", &self.0)])
            .map(|url| url.query().unwrap_or_default().trim_start_matches("k=").to_owned())
            .unwrap_or_default();
        if in_address.len() >= TELLING {
            hidden = hidden.replace(&in_address, "***");
        }
        hidden
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_prints_as_stars_and_is_hidden_in_texts_in_both_spellings() {
        let key = Key::new(" sk-a/b+c==canary\n");
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(key.hide_in("bad key sk-a/b+c==canary."), "bad key ***.");
        assert_eq!(key.hide_in("?key=sk-a%2Fb%2Bc%3D%3Dcanary&x"), "?key=***&x");
        assert_eq!(Key::new("ab").hide_in("about"), "about");
    }

    #[test]
    fn a_key_with_a_line_break_is_refused_without_showing_it() {
        let error = Key::new("sk-one\nsk-two").header("Bearer ").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("sk-"), "{error:?}");
    }
}
