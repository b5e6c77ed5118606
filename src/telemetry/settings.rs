//! The standard variables of OpenTelemetry, as far as they say something about spans.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::time::Duration;

/// Where all signals go; `/v1/traces` is added.
pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where spans go, in full.
pub const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// Headers for all signals: `name=value,name=value`.
pub const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// Headers for spans; they take the place of the others.
pub const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
/// How long a batch may take, in milliseconds.
pub const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
/// The name of the service.
pub const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// More about the service: `key=value,key=value`.
pub const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// `true` switches everything off.
pub const DISABLED: &str = "OTEL_SDK_DISABLED";
/// `none` switches spans off.
pub const TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// Where spans go, and as whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address spans are posted to.
    pub endpoint: String,
    /// Headers of each post; their values may be keys.
    pub headers: Vec<(String, String)>,
    /// How long a batch may take.
    pub timeout: Duration,
    /// What is said of this program.
    pub resource: Vec<(String, String)>,
}

impl Settings {
    /// What the variables say; none when spans are off.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        if set(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set(TRACES_EXPORTER).is_some_and(|value| value.eq_ignore_ascii_case("none"))
        {
            return None;
        }
        let of_all = || set(ENDPOINT).map(|address| format!("{}/v1/traces", address.trim_end_matches('/')));
        let endpoint = set(TRACES_ENDPOINT).or_else(of_all)?;
        let mut resource = pairs(&set(RESOURCE_ATTRIBUTES).unwrap_or_default());
        resource.retain(|(name, _)| name != "service.name" || set(SERVICE_NAME).is_none());
        if !resource.iter().any(|(name, _)| name == "service.name") {
            resource.push(("service.name".to_owned(), set(SERVICE_NAME).unwrap_or_else(|| "cgo".to_owned())));
        }
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Some(Self {
            endpoint,
            headers: pairs(&set(TRACES_HEADERS).or_else(|| set(HEADERS)).unwrap_or_default()),
            timeout: Duration::from_millis(set(TIMEOUT).and_then(|text| text.parse().ok()).unwrap_or(10_000)),
            resource,
        })
    }
}

/// `a=b,c=d%20e`; what is none of that is left out.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), unescaped(value.trim())))
    };
    text.split(',').filter_map(pair).collect()
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = hex.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Settings> {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(|wanted| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()))
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_set_and_nothing_switches_it_off() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[(ENDPOINT, " "), (SERVICE_NAME, "x")]), None);
        assert_eq!(read(&[(ENDPOINT, "http://c:4318"), (DISABLED, "True")]), None);
        assert_eq!(read(&[(ENDPOINT, "http://c:4318"), (TRACES_EXPORTER, "none")]), None);
        assert!(read(&[(ENDPOINT, "http://c:4318"), (DISABLED, "no")]).is_some());
    }

    #[test]
    fn the_address_of_spans_is_taken_as_it_is_and_the_general_one_gets_its_path() {
        assert_eq!(read(&[(ENDPOINT, "http://c:4318/")]).unwrap().endpoint, "http://c:4318/v1/traces");
        let both = read(&[(ENDPOINT, "http://c:4318"), (TRACES_ENDPOINT, "https://t/x")]).unwrap();
        assert_eq!(both.endpoint, "https://t/x");
    }

    #[test]
    fn headers_and_resources_are_pairs_and_the_name_of_the_service_wins() {
        let settings = read(&[
            (ENDPOINT, "http://c"),
            (HEADERS, "authorization=Bearer%20k=1, x-a = b,broken"),
            (RESOURCE_ATTRIBUTES, "service.name=other,team=blue"),
            (SERVICE_NAME, "mine"),
            (TIMEOUT, "250"),
        ])
        .unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings.headers, [pair("authorization", "Bearer k=1"), pair("x-a", "b")]);
        assert_eq!(settings.resource[..2], [pair("team", "blue"), pair("service.name", "mine")]);
        assert_eq!(settings.timeout, Duration::from_millis(250));
    }
}
