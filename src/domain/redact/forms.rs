//! The spellings a secret may have in a text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// How many more characters before and after it hold bits of the secret.
    pub(super) edges: (usize, usize),
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Whether a byte may stand in a text in base64.
pub(super) fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Every spelling of a value that is at least so many bytes long.
pub(super) fn of(value: &str, least: usize) -> BTreeSet<Form> {
    let mut plain: BTreeSet<Vec<u8>> = BTreeSet::from([value.as_bytes().to_vec()]);
    // A text in JSON in JSON: a tool's arguments are.
    let mut escaped: BTreeSet<String> = BTreeSet::from([value.to_owned()]);
    for _ in 0..3 {
        escaped = escaped.iter().flat_map(|text| [text.clone(), json(text, false), json(text, true)]).collect();
    }
    plain.extend(escaped.iter().flat_map(|text| [text.clone(), text.replace('/', "\\/")]).map(String::into_bytes));
    for upper in [true, false] {
        // As a component of an address, as a whole address, as a form, everything but letters and digits, and every byte.
        plain.insert(percent(value, upper, |byte| byte.is_ascii_alphanumeric()));
        plain.insert(percent(value, upper, |byte| byte.is_ascii_alphanumeric() || b"@*_+-./".contains(&byte)));
        plain.insert(percent(value, upper, |byte| is_unreserved(byte) || b"!'()*".contains(&byte)));
        plain.insert(percent(value, upper, is_unreserved));
        plain.insert(percent(value, upper, |byte| is_unreserved(byte) || b"!#$&'()*+,/:;=?@[]".contains(&byte)));
        plain.insert(percent(value, upper, |byte| is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)));
        let form = percent(value, upper, |byte| is_unreserved(byte) && byte != b'~' || b"* ".contains(&byte));
        plain.insert(form.into_iter().map(|byte| if byte == b' ' { b'+' } else { byte }).collect());
        plain.insert(percent(value, upper, |_| false));
        plain.insert(hex(value.as_bytes(), upper));
    }
    let mut forms: BTreeSet<Form> = plain.into_iter().map(|bytes| Form { bytes, edges: (0, 0) }).collect();
    // What is put in base64 is the text itself or the same in JSON.
    for bytes in [value.to_owned(), json(value, false)] {
        for alphabet in [STANDARD, URL_SAFE] {
            forms.extend((0..3).map(|shift| base64(bytes.as_bytes(), shift, alphabet)));
        }
    }
    forms.retain(|form| form.bytes.len() >= least);
    forms
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn percent(value: &str, upper: bool, stays: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 3);
    for byte in value.bytes() {
        if stays(byte) {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend(hex(&[byte], upper));
        }
    }
    out
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let text = bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let written = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        written.expect("a string takes any text");
        text
    });
    text.into_bytes()
}

/// The value within a string of JSON; `ascii` writes other characters as `\u…`.
fn json(value: &str, ascii: bool) -> String {
    let quoted = serde_json::to_string(value).expect("a text is JSON");
    let inside = &quoted[1..quoted.len() - 1];
    if !ascii {
        return inside.to_owned();
    }
    let mut out = String::with_capacity(inside.len());
    for character in inside.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a string takes any text");
            }
        }
    }
    out
}

/// The characters of base64 that the bytes decide alone when `shift` bytes stand before them. The first and the last
/// byte may reach into one character more, which others have a part in.
fn base64(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> Form {
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let (first, last) = ((shift * 8).div_ceil(6), (shift + bytes.len()) * 8 / 6);
    let sextet = |index: usize| (0..6).fold(0, |value, offset| value << 1 | bit(index * 6 + offset - shift * 8));
    let edges = (usize::from(shift > 0), usize::from(!((shift + bytes.len()) * 8).is_multiple_of(6)));
    Form { bytes: (first..last).map(|index| alphabet[sextet(index)]).collect(), edges }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_known_at_every_alignment() {
        // Of `xSECRET!y`, with none to two bytes before.
        let at = |shift| String::from_utf8(base64(b"SECRET!", shift, STANDARD).bytes).unwrap();
        assert!("U0VDUkVUIXk=".starts_with(&at(0)));
        assert!("eFNFQ1JFVCF5".contains(&at(1)));
        assert!("eHhTRUNSRVQheQ==".contains(&at(2)));
        assert_eq!((at(0).len(), at(1).len(), at(2).len()), (9, 8, 9));
    }

    #[test]
    fn addresses_and_json_are_known() {
        let forms = of("pä/s \"1", 6);
        let known = |text: &str| forms.iter().any(|form| form.bytes == text.as_bytes());
        for text in [
            "p%C3%A4%2Fs%20%221",
            "p%c3%a4%2fs%20%221",
            "p%C3%A4%2Fs+%221",
            "p%C3%A4/s%20%221",
            r#"pä/s \"1"#,
            r#"p\u00e4/s \"1"#,
            r#"pä\/s \"1"#,
            r#"pä/s \\\"1"#,
            "70c3a42f73202231",
            "70C3A42F73202231",
        ] {
            assert!(known(text), "{text}");
        }
    }
}
