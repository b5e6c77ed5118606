//! Taking credentials out of an installer's words.

use std::ffi::OsString;

/// The text with `***` in place of the user and password of every URL, and of each of these secrets.
#[must_use]
pub fn redact(text: &str, secrets: &[String]) -> String {
    let mut clean = without_user_info(text);
    for secret in secrets {
        clean = clean.replace(secret.as_str(), "***");
    }
    clean
}

/// What must not be shown of an installer's environment: passwords, tokens and the user-info of URLs, longest first.
pub(super) fn secrets<'a>(env: impl IntoIterator<Item = (&'a OsString, &'a OsString)>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in env {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if ["PASSWORD", "TOKEN", "SECRET"].iter().any(|word| name.to_ascii_uppercase().contains(word)) {
            found.push(value.clone().into_owned());
        }
        for (start, end) in user_infos(&value) {
            let info = &value[start..end];
            found.push(info.to_owned());
            if let Some((_, password)) = info.split_once(':') {
                found.push(password.to_owned());
            }
        }
    }
    found.retain(|secret| secret.len() >= 4);
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.dedup();
    found
}

fn without_user_info(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for (start, end) in user_infos(text) {
        clean.push_str(&text[copied..start]);
        clean.push_str("***");
        copied = end;
    }
    clean.push_str(&text[copied..]);
    clean
}

/// Where the user-info of each URL begins and ends, without its `@`.
fn user_infos(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(scheme) = text[from..].find("://") {
        let start = from + scheme + 3;
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>`,)".contains(c)).unwrap_or(rest.len());
        if let Some(at) = rest[..end].rfind('@') {
            found.push((start, start + at));
        }
        from = start + end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_of_every_url_is_hidden() {
        let text = "from https://bob:s3c@ret@host/simple and ftp://t0ken@other, http://plain/ a@b";
        assert_eq!(redact(text, &[]), "from https://***@host/simple and ftp://***@other, http://plain/ a@b");
        assert_eq!(redact("http://", &[]), "http://");
        assert_eq!(redact("http://ключ:пароль@хост", &[]), "http://***@хост");
    }

    #[test]
    fn a_password_is_hidden_also_outside_of_its_url() {
        let env = [
            (OsString::from("PIP_INDEX_URL"), OsString::from("https://bob:hunter22@host/simple")),
            (OsString::from("UV_INDEX_MAIN_PASSWORD"), OsString::from("tr0ub4dor")),
        ];
        let secrets = secrets(env.iter().map(|(name, value)| (name, value)));
        assert_eq!(redact("login hunter22 and tr0ub4dor failed", &secrets), "login *** and *** failed");
    }
}
