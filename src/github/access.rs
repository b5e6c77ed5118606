//! Where GitHub is and with which token it is asked.

use crate::net::Key;

/// The variables a token is looked for in, the first one first: the order of GitHub's own program.
pub const VARIABLES: [&str; 2] = ["GH_TOKEN", "GITHUB_TOKEN"];

/// A token and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token; prints as stars.
    pub key: Key,
    /// The variable it came from.
    pub variable: &'static str,
}

/// Where GitHub is and with which token it is asked. Making one asks nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The address of the API.
    pub api: String,
    /// The token, where there is one.
    pub token: Option<Token>,
}

impl Access {
    /// The API at an address, with the token of an environment.
    #[must_use]
    pub fn from_env(api: impl Into<String>, env: impl Fn(&str) -> Option<String>) -> Self {
        let token = VARIABLES.into_iter().find_map(|variable| {
            let key = Key::new(env(variable)?);
            (!key.is_empty()).then_some(Token { key, variable })
        });
        Self { api: api.into(), token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.github.com";

    #[test]
    fn the_token_is_taken_from_the_first_variable_that_holds_one() {
        let access = |pairs: &'static [(&str, &str)]| {
            Access::from_env(API, |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(access(&[]).token, None);
        assert_eq!(access(&[("GH_TOKEN", " "), ("GITHUB_TOKEN", "")]).token, None);
        let both = access(&[("GITHUB_TOKEN", "second"), ("GH_TOKEN", "first")]);
        assert_eq!(both.token.as_ref().map(|token| token.variable), Some("GH_TOKEN"));
        assert!(!format!("{both:?}").contains("first"), "{both:?}");
        assert_eq!(access(&[("GITHUB_TOKEN", "second")]).token.map(|token| token.variable), Some("GITHUB_TOKEN"));
    }
}
