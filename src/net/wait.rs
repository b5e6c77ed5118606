//! How long a provider wants to be left alone, in each way it says so.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long the provider wants to be left alone: milliseconds, seconds, or a date by its own clock.
#[must_use]
pub fn of_headers(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = |seconds: f64| Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(LONGEST_WAIT));
    if let Some(milliseconds) = header("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return wait(milliseconds / 1000.0);
    }
    let value = header("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return wait(seconds);
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let now = header("date").and_then(date).unwrap_or_else(jiff::Timestamp::now);
    wait(date(value)?.duration_since(now).as_secs_f64().max(0.0))
}

/// The wait a sentence names: `Please try again in 1m12.5s.`
#[must_use]
pub fn of_sentence(message: &str) -> Option<Duration> {
    let said = message.to_lowercase();
    let (_, rest) = said.split_once("try again in ")?;
    span(rest)
}

/// A span as `7s`, `1m12.5s`, `20ms` at the beginning of a text.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    let mut any = false;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let Ok(number) = rest[..end].trim_end_matches('.').parse::<f64>() else { break };
        let after = rest[end..].trim_start();
        let unit: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
        let seconds = match unit.as_str() {
            "ms" | "milliseconds" => number / 1000.0,
            "s" | "sec" | "second" | "seconds" => number,
            "m" | "min" | "minute" | "minutes" => number * 60.0,
            "h" | "hour" | "hours" => number * 3600.0,
            _ => break,
        };
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        any = true;
        rest = &after[unit.len()..];
    }
    any.then_some(total)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn waits_are_read_in_every_spelling() {
        let read = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
            });
            of_headers(&pairs.collect())
        };
        assert_eq!(read(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(read(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(read(&[("retry-after-ms", "250"), ("retry-after", "9")]), Some(Duration::from_millis(250)));
        let now = ("date", "Sun, 06 Nov 1994 08:49:00 GMT");
        assert_eq!(read(&[now, ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(Duration::from_secs(37)));
        assert_eq!(read(&[now, ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(read(&[("retry-after", "-1")]), None);
        assert_eq!(read(&[("retry-after", "soon")]), None);
        assert_eq!(read(&[("retry-after", "1e300")]), None);
        assert_eq!(read(&[("retry-after", "999999999")]), Some(LONGEST_WAIT));
    }

    #[test]
    fn waits_are_read_from_sentences() {
        assert_eq!(
            of_sentence("Rate limit reached. Please try again in 1m12.5s."),
            Some(Duration::from_millis(72_500))
        );
        assert_eq!(of_sentence("try again in 20ms"), Some(Duration::from_millis(20)));
        assert_eq!(of_sentence("try again in a while"), None);
    }
}
