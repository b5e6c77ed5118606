//! What an answer that is a refusal means.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::Error;
use crate::net::{text, wait};

/// A refusal as GitHub words it.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

/// One thing that is wrong with a request: an object, or only words.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Detail {
    Words(String),
    Field {
        #[serde(default)]
        code: String,
        #[serde(default)]
        field: String,
        #[serde(default)]
        message: Option<String>,
    },
}

/// What was asked, for the words of an error.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `create repository`.
    pub doing: &'a str,
    /// `` repository `octo/notes` ``.
    pub what: &'a str,
    /// Where the token came from.
    pub variable: &'static str,
}

/// Reads a refusal. `body` is already without the token.
pub fn read(status: u16, headers: &HeaderMap, body: &str, asked: Asked<'_>) -> Error {
    let parsed: Option<Said> = serde_json::from_str(body).ok();
    let said = said(status, body, parsed.as_ref());
    let Asked { doing, what, variable } = asked;
    let (doing, what) = (doing.to_owned(), what.to_owned());
    match status {
        401 => Error::TokenRefused { variable, said },
        403 | 429 => match limit(status, headers, &said) {
            Some((secondary, after)) => Error::RateLimited { secondary, after, said },
            None => Error::Forbidden { variable, doing, said, needs: needs(headers) },
        },
        404 if parsed.is_some() => Error::NotFound { what },
        422 => {
            let name_taken = parsed.is_some_and(|said| said.errors.iter().any(Detail::says_name_taken));
            Error::Invalid { doing, said, name_taken }
        }
        500..=599 => Error::Upstream { status, said },
        _ if parsed.is_none() => Error::NotGitHub { said },
        _ => Error::Refused { doing, status, said },
    }
}

impl Detail {
    fn says_name_taken(&self) -> bool {
        match self {
            Self::Words(words) => words.contains("name already exists"),
            Self::Field { code, field, message } => {
                let worded = message.as_ref().is_some_and(|message| message.contains("already exists"));
                field == "name" && (code == "already_exists" || worded)
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Words(words) | Self::Field { message: Some(words), .. } => words.clone(),
            Self::Field { code, field, message: None } => format!("{field} {code}"),
        }
    }
}

fn said(status: u16, body: &str, parsed: Option<&Said>) -> String {
    let Some(parsed) = parsed.filter(|parsed| !parsed.message.is_empty()) else {
        let words = if text::is_page(body) { text::page(body) } else { text::line(body) };
        return if words.is_empty() { format!("status {status} without a word") } else { words };
    };
    let mut words = parsed.message.trim_end_matches('.').to_owned();
    for detail in &parsed.errors {
        words.push_str(": ");
        words.push_str(&detail.words());
    }
    text::line(&words)
}

/// Whether the rate is limited, by many at once, and for how long.
fn limit(status: u16, headers: &HeaderMap, said: &str) -> Option<(bool, Option<Duration>)> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let used_up = number("x-ratelimit-remaining") == Some(0);
    let worded = said.to_ascii_lowercase();
    let secondary = worded.contains("secondary rate limit") || worded.contains("abuse detection");
    let named = wait::of_headers(headers);
    if !(used_up || secondary || named.is_some() || status == 429) {
        return None;
    }
    let reset = number("x-ratelimit-reset").filter(|_| used_up).map(|reset| {
        let date = headers.get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
        let now = date.unwrap_or_else(jiff::Timestamp::now).as_second();
        // The moment itself still belongs to the hour before.
        Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or(0) + 1)
    });
    Some((secondary || !used_up, named.or(reset)))
}

/// What the token needs, in GitHub's own headers.
fn needs(headers: &HeaderMap) -> Option<String> {
    let header = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then(|| text::line(value))
    };
    if let Some(sso) = header("x-github-sso") {
        let address = sso.split("url=").nth(1).unwrap_or_default().trim();
        if address.starts_with("https://") {
            return Some(address.to_owned());
        }
    }
    let permissions = header("x-accepted-github-permissions").map(|needed| format!("the permission {needed}"));
    permissions.or_else(|| header("x-accepted-oauth-scopes").map(|scopes| format!("one of the scopes {scopes}")))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn reads(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        read(status, &headers, body, Asked { doing: "look", what: "repository `o/r`", variable: "GH_TOKEN" })
    }

    #[test]
    fn limits_are_told_from_a_lack_of_rights() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let reset = ("x-ratelimit-reset", "784111777");
        let used_up = reads(
            403,
            &[date, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111797")],
            r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"x"}"#,
        );
        let said = "API rate limit exceeded for user ID 1".to_owned();
        assert_eq!(used_up, Error::RateLimited { secondary: false, after: Some(Duration::from_secs(21)), said });
        for (status, headers) in [(403, vec![("retry-after", "60"), reset]), (429, vec![reset])] {
            let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
            let error = reads(status, &headers, body);
            let after = (headers.len() == 2).then_some(Duration::from_mins(1));
            assert!(
                matches!(&error, Error::RateLimited { secondary: true, after: found, .. } if *found == after),
                "{error:?}"
            );
        }
        let lacking = reads(
            403,
            &[("x-ratelimit-remaining", "4999"), reset, ("x-accepted-github-permissions", "administration=write")],
            r#"{"message":"Resource not accessible by personal access token"}"#,
        );
        assert!(
            matches!(&lacking, Error::Forbidden { needs: Some(needs), .. } if needs.contains("administration=write")),
            "{lacking:?}"
        );
        let sso = reads(
            403,
            &[("x-github-sso", "required; url=https://github.com/orgs/o/sso?authorization_request=A")],
            r#"{"message":"Resource protected by organization SAML enforcement."}"#,
        );
        assert!(matches!(&sso, Error::Forbidden { needs: Some(at), .. } if at.ends_with("request=A")), "{sso:?}");
    }

    #[test]
    fn a_taken_name_is_told_from_other_mistakes() {
        let taken = |error: Error| matches!(error, Error::Invalid { name_taken: true, .. });
        assert!(taken(reads(
            422,
            &[],
            r#"{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}],"status":"422"}"#,
        )));
        let other = r#"{"message":"Validation Failed","errors":[{"resource":"Repository","code":"custom","field":"description","message":"description control characters are not allowed"}]}"#;
        let error = reads(422, &[], other);
        assert_eq!(
            error.to_string(),
            "GitHub cannot look: Validation Failed: description control characters are not allowed"
        );
        assert!(!taken(error) && !taken(reads(422, &[], r#"{"message":"Invalid","errors":["no"]}"#)));
    }

    #[test]
    fn what_is_not_of_github_is_not_taken_for_its_answer() {
        let page = "<html><title>404 Not Found</title></html>";
        assert!(matches!(reads(404, &[], page), Error::NotGitHub { .. }));
        assert!(matches!(reads(404, &[], r#"{"message":"Not Found"}"#), Error::NotFound { .. }));
        assert!(matches!(reads(502, &[], page), Error::Upstream { status: 502, .. }));
        let error = reads(500, &[], "");
        assert_eq!(error.to_string(), "GitHub failed with status 500: status 500 without a word");
    }
}
