//! Reads what a certificate says of itself ([RFC 5280]): names, issuer and dates. It proves nothing; that is done with
//! the same bytes by those who verify.
//!
//! [RFC 5280]: https://www.rfc-editor.org/rfc/rfc5280

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Certificate;
use crate::domain::time::Timestamp;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
/// The object identifiers of `commonName`, `organizationName` and `subjectAltName`.
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const ORGANIZATION: [u8; 3] = [0x55, 4, 10];
const ALT_NAME: [u8; 3] = [0x55, 29, 17];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// Values one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, which has to be of that sort.
    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(content)
    }

    /// Leaves out the next value when it is of that sort.
    fn skip(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            let _ = self.next();
        }
    }
}

/// Reads a certificate; none when it is none.
pub(super) fn read(bytes: &[u8], chain: usize) -> Option<Certificate> {
    let mut whole = Reader(Reader(bytes).take(SEQUENCE)?);
    let mut body = Reader(whole.take(SEQUENCE)?);
    body.skip(VERSION);
    body.take(INTEGER)?;
    body.take(SEQUENCE)?;
    let issuer = body.take(SEQUENCE)?;
    let mut validity = Reader(body.take(SEQUENCE)?);
    let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
    let subject = body.take(SEQUENCE)?;
    body.take(SEQUENCE)?;
    let mut names = Vec::new();
    while let Some((tag, content)) = body.next() {
        if tag == EXTENSIONS {
            names = alternatives(content)?;
        }
    }
    if names.is_empty() {
        names.extend(part(subject, COMMON_NAME));
    }
    let issuer = part(issuer, COMMON_NAME).or_else(|| part(issuer, ORGANIZATION)).unwrap_or_default();
    Some(Certificate { names, issuer, not_before, not_after, chain })
}

/// The text of one part of a name.
fn part(name: &[u8], wanted: [u8; 3]) -> Option<String> {
    let mut parts = Reader(name);
    while let Some(set) = parts.take(SET) {
        let mut pair = Reader(Reader(set).take(SEQUENCE)?);
        if pair.take(OID)? == wanted {
            return Some(text(pair.next()?.1));
        }
    }
    None
}

/// Foreign text: without control characters.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
}

/// The names in the extension for them.
fn alternatives(extensions: &[u8]) -> Option<Vec<String>> {
    let mut all = Reader(Reader(extensions).take(SEQUENCE)?);
    while let Some(extension) = all.take(SEQUENCE) {
        let mut extension = Reader(extension);
        if extension.take(OID)? != ALT_NAME {
            continue;
        }
        extension.skip(BOOLEAN);
        let mut found = Reader(Reader(extension.take(OCTETS)?).take(SEQUENCE)?);
        let mut names = Vec::new();
        while let Some((tag, content)) = found.next() {
            match tag {
                DNS_NAME => names.push(text(content)),
                IP_ADDRESS => names.extend(address(content)),
                _ => {}
            }
        }
        return Some(names);
    }
    Some(Vec::new())
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).to_string())
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`, the only forms a certificate may have.
fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let civil = jiff::civil::DateTime::new(year, pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_a_certificate_are_in_this_century_or_say_which() {
        let shown = |tag, text: &str| time((tag, text.as_bytes()));
        assert_eq!(shown(UTC_TIME, "260102030405Z"), Some(Timestamp(1_767_323_045_000)));
        assert_eq!(shown(GENERALIZED_TIME, "20260102030405Z"), shown(UTC_TIME, "260102030405Z"));
        for bad in ["", "260102030405", "2601020304Z", "261302030405Z", "2601020304+5Z"] {
            assert_eq!(shown(UTC_TIME, bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_cut_is_no_certificate() {
        for bytes in [&b""[..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 2, 0x30, 5], &[0x30, 0x80, 0]] {
            assert!(read(bytes, 1).is_none(), "{bytes:?}");
        }
    }
}
