//! Tests of redaction as a whole.

use super::*;

const VALUE: &str = "tk/9+q\"Zä 77?canary";

fn secrets(values: &[&str]) -> Secrets {
    let secrets = Secrets::default();
    for (number, value) in values.iter().enumerate() {
        assert!(secrets.add(&Handle::new("notes", &format!("S{number}")), value));
    }
    secrets
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number =
            chunk.iter().chain([0, 0].iter()).take(3).fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = char::from(ALPHABET[number >> (18 - 6 * place) & 63]);
            out.push(if place > chunk.len() { '=' } else { letter });
        }
    }
    out
}

#[test]
fn every_spelling_is_replaced_by_the_handle() {
    let secrets = secrets(&[VALUE]);
    let mut spellings = vec![VALUE.to_owned(), serde_json::to_string(VALUE).unwrap()];
    spellings.push(serde_json::to_string(&serde_json::to_string(VALUE).unwrap()).unwrap());
    for before in ["", "a", "ab", "abc"] {
        let code = base64(format!("{before}{VALUE} and more").as_bytes());
        spellings.extend([code.replace('+', "-").replace('/', "_"), code.trim_end_matches('=').to_owned(), code]);
    }
    for spelling in spellings {
        let text = format!("see {spelling} here");
        let clean = secrets.clean(&text);
        assert!(clean.contains("secret://notes/S0"), "{text} became {clean}");
        assert!(!clean.contains("canary") && !clean.contains("Y2FuYX"), "{clean}");
    }
}

#[test]
fn json_stays_json_also_where_a_secret_looks_like_an_escape() {
    let secrets = secrets(&["nsecretn"]);
    let text = serde_json::json!({ "a": "line\nsecretn", "b": ["xnsecretnx"], "nsecretn": 1 }).to_string();
    let clean: Value = serde_json::from_str(&secrets.clean(&text)).unwrap();
    let handle = "secret://notes/S0";
    assert_eq!(clean, serde_json::json!({ "a": "line\nsecretn", "b": [format!("x{handle}x")], handle: 1 }));
}

#[test]
fn a_value_split_over_pieces_is_found_at_every_place() {
    let secrets = secrets(&[VALUE, "another-secret"]);
    let text = format!("begin {VALUE}{VALUE} middle another-secret end {}", base64(VALUE.as_bytes()));
    let whole = secrets.redactor().bytes(text.as_bytes()).into_owned();
    for size in [1, 2, 3, 5, 7, 11, 64, 1000] {
        let mut stream = Stream::new(secrets.clone());
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            out.extend(stream.push(piece));
        }
        out.extend(stream.end());
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole), "in pieces of {size}");
    }
}

#[test]
fn short_values_are_refused_and_said_to_be() {
    let secrets = Secrets::default();
    assert!(!secrets.add(&Handle::new("notes", "PIN"), " 1234 "));
    assert_eq!(secrets.clean("call 1234"), "call 1234");
}

#[test]
fn a_secret_that_comes_later_is_known_from_then_on() {
    let secrets = secrets(&["first-secret"]);
    assert_eq!(secrets.clean("second-secret"), "second-secret");
    secrets.add_variables("notes", [("API_KEY", "second-secret"), ("LOG_LEVEL", "second")]);
    assert_eq!(secrets.clone().clean("second-secret second"), "secret://notes/API_KEY second");
    assert!(!format!("{secrets:?} {:?}", secrets.redactor()).contains("second-secret"));
}

#[test]
fn the_lines_of_a_key_are_secrets_of_their_own() {
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----";
    let secrets = secrets(&[key]);
    assert_eq!(secrets.clean("x QEFAASCBKcwggSjAgEAAoIB x"), "x secret://notes/S0 x");
    assert_eq!(secrets.clean("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
}
