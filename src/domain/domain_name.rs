//! The name of a site on the internet, as a certificate is made for it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::InvalidName;

/// A domain name in lower case, without a dot at its end: `app.example.com`. Never an address, never a wildcard; one in
/// other letters is written in the ASCII form that DNS knows (`xn--…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DomainName(String);

/// The names a project is opened by, its domain first; none without a domain.
pub fn names<'n>(domain: Option<&'n DomainName>, aliases: &'n [DomainName]) -> impl Iterator<Item = &'n DomainName> {
    domain.into_iter().chain(aliases)
}

impl DomainName {
    /// Parses a name, or says which rule it breaks.
    ///
    /// # Errors
    /// [`InvalidName`] with the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        match refusal(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(InvalidName {
                shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
                sort: "domain",
                reason,
            }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn refusal(name: &str) -> Option<String> {
    if name.contains("://") || name.contains('/') {
        return Some("it is an address; the domain is the part between `://` and the next `/`".to_owned());
    }
    if name.starts_with("*.") {
        return Some("a wildcard needs a certificate that this version cannot have made; name each domain".to_owned());
    }
    if !name.is_ascii() {
        return Some("write it in its ASCII form, which begins with `xn--` (`idn NAME` prints it)".to_owned());
    }
    if name.len() > 253 {
        return Some("it has more than 253 characters".to_owned());
    }
    if name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[') {
        return Some("it is an IP address; certificates are for names".to_owned());
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))) {
        return Some(format!("`{}` is not a letter, a digit, `-` or `.`", bad.escape_debug()));
    }
    if !name.contains('.') {
        return Some("it has no dot: it looks like `app.example.com`".to_owned());
    }
    let wrong = |label: &str| label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-');
    if name.split('.').any(wrong) {
        return Some("each part has 1 to 63 characters and no `-` at an end".to_owned());
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit()).then(|| "its last part is a number".to_owned())
}

impl FromStr for DomainName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for DomainName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DomainName".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+\\.?$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_kept_as_dns_compares_them() {
        for (text, name) in [
            ("app.example.com", "app.example.com"),
            ("App.Example.COM.", "app.example.com"),
            ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
            ("a-b.c1.io", "a-b.c1.io"),
        ] {
            assert_eq!(DomainName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_is_no_name_of_one_site_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no dot"),
            ("localhost", "no dot"),
            ("*.example.com", "wildcard"),
            ("пример.рф", "xn--"),
            ("https://example.com/x", "is an address"),
            ("192.0.2.7", "IP address"),
            ("2001:db8::1", "IP address"),
            ("1.2.3", "number"),
            ("a..b", "1 to 63"),
            ("-a.com", "1 to 63"),
            ("a.com {", "` `"),
            ("a.com\nb", "\\n"),
            ("a_b.com", "`_`"),
            ("a,b.com", "`,`"),
        ] {
            let refused = DomainName::parse(text).unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
