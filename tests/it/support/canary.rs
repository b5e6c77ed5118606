//! Values that must not be found anywhere, in any spelling.

use std::path::Path;

/// The value in every spelling this test can think of but base64, made by its own means.
fn plain(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let percent = |lower: bool, all: bool| -> String {
        bytes
            .iter()
            .map(|byte| match (all || !byte.is_ascii_alphanumeric(), lower) {
                (false, _) => char::from(*byte).to_string(),
                (true, true) => format!("%{byte:02x}"),
                (true, false) => format!("%{byte:02X}"),
            })
            .collect()
    };
    let hex = |lower: bool| -> String {
        bytes.iter().map(|byte| if lower { format!("{byte:02x}") } else { format!("{byte:02X}") }).collect()
    };
    let json = serde_json::to_string(value).expect("a text is JSON").trim_matches('"').to_owned();
    vec![
        value.to_owned(),
        json.replace('\\', "\\\\").replace('"', "\\\""),
        json,
        percent(false, false),
        percent(true, false),
        percent(false, true),
        hex(true),
        hex(false),
    ]
}

/// The value as programs and people write it: base64 alone, after something, and for addresses.
pub fn written(value: &str) -> Vec<String> {
    let coded = ["", "x", "xy"].into_iter().flat_map(|before| {
        let code = base64(format!("{before}{value}").as_bytes());
        [code.replace('+', "-").replace('/', "_"), code.trim_end_matches('=').to_owned(), code]
    });
    plain(value).into_iter().chain(coded).collect()
}

/// What is found of a value however it was written: in base64 only the letters that its neighbours have no part in.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let mut all = plain(value);
    for before in ["", "x", "xy"] {
        let code = base64(format!("{before}{value}").as_bytes());
        let from = usize::from(!before.is_empty()) * 4;
        let inner = code.trim_end_matches('=');
        let inner = inner[from..inner.len() - 2].to_owned();
        all.extend([inner.replace('+', "-").replace('/', "_"), inner]);
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// Base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        for place in 0..4 {
            let letter = char::from(ALPHABET[number >> (18 - 6 * place) & 63]);
            out.push(if place > chunk.len() { '=' } else { letter });
        }
    }
    out
}

/// Fails when one of the values stands in some bytes.
pub fn absent(place: &str, bytes: &[u8], values: &[&str]) {
    for value in values {
        for spelling in spellings(value) {
            let at = bytes.windows(spelling.len()).position(|window| window == spelling);
            if let Some(at) = at {
                let around = &bytes[at.saturating_sub(80)..(at + spelling.len() + 40).min(bytes.len())];
                panic!("a canary stands in {place}: …{}…", String::from_utf8_lossy(around));
            }
        }
    }
}

/// Fails when one of the values stands in a file below a folder, or in its name; these files may hold them.
pub fn absent_below(folder: &Path, values: &[&str], allowed: &[&Path]) -> usize {
    let mut looked_at = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        absent("the name of a file", path.as_os_str().as_encoded_bytes(), values);
        let kind = entry.file_type().expect("it has a type");
        if kind.is_dir() && !path.ends_with(".venv") {
            looked_at += absent_below(&path, values, allowed);
        } else if kind.is_file() && !allowed.contains(&path.as_path()) {
            absent(&path.display().to_string(), &std::fs::read(&path).expect("it can be read"), values);
            looked_at += 1;
        }
    }
    looked_at
}
