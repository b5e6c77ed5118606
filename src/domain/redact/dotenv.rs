//! Variables and `.env` files: which of their values are secrets.

/// Parts of a name that say that the value is a secret.
const TELLING_WORDS: [&str; 18] = [
    "KEY",
    "KEYS",
    "APIKEY",
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "PRIVATE",
    "SALT",
    "PAT",
];
/// A value without a telling name that is as long and as mixed is one all the same.
const RANDOM: usize = 24;

/// The secrets in a variable's value: all of it when its name says so or it looks like chance itself, else the
/// password in an address, with and without its spelling for addresses. Paths and plain words are none.
#[must_use]
pub fn secrets_of<'v>(name: &str, value: &'v str) -> Vec<&'v str> {
    let value = value.trim();
    let mut found = Vec::new();
    if let Some(password) = password(value) {
        found.push(password);
    } else if (says_so(name) && !is_place(value) && !is_word(value)) || looks_random(value) {
        found.push(value);
    }
    found
}

/// Whether a name is one that secrets have.
#[must_use]
pub fn says_so(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.split(['_', '-', '.']).any(|word| TELLING_WORDS.contains(&word)) && !upper.ends_with("_FILE")
}

/// The password in an address such as `postgres://user:password@host/name`.
#[must_use]
pub fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    // A password may hold a slash or an at sign that nobody escaped: the host begins after the last one.
    let (user, _) = rest.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    // `http://host:80/a@b` names a port, not a password.
    let is_port = password.split_once('/').is_some_and(|(port, _)| port.bytes().all(|byte| byte.is_ascii_digit()));
    (!password.is_empty() && !is_port).then_some(password)
}

/// A plain word would be found everywhere: `password`, `postgres`, `disabled`.
#[must_use]
pub fn is_word(value: &str) -> bool {
    value.len() <= 12 && value.chars().all(|character| character.is_ascii_lowercase() || "-_".contains(character))
}

fn is_place(value: &str) -> bool {
    value.starts_with('/') || value.starts_with("./") || value.starts_with('~') || value.contains("://")
}

fn looks_random(value: &str) -> bool {
    let plain =
        value.len() >= RANDOM && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte));
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    plain
        && !value.starts_with('/')
        && count(u8::is_ascii_digit) >= 4
        && count(u8::is_ascii_alphabetic) >= 8
        && value.bytes().collect::<std::collections::BTreeSet<u8>>().len() >= 12
}

/// The variables of a `.env` file, as most programs read it: quotes around a value are not part of it.
#[must_use]
pub fn variables(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (name, value) = (name.trim(), value.trim());
        let value = match value.as_bytes().first() {
            Some(b'\'') => value[1..].split('\'').next().unwrap_or_default().to_owned(),
            Some(b'"') => unquoted(&value[1..]),
            _ => value.split_once(" #").map_or(value, |(value, _)| value).trim_end().to_owned(),
        };
        if !name.is_empty() && !value.is_empty() {
            found.push((name, value));
        }
    }
    found
}

fn unquoted(rest: &str) -> String {
    let mut out = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_tell_what_is_secret() {
        for (name, value, secret) in [
            ("STRIPE_API_KEY", "sk_live_1", Some("sk_live_1")),
            ("DATABASE_URL", "postgresql://me:p@ss/w0rd@host:5432/db", Some("p@ss/w0rd")),
            ("DATABASE_URL", "sqlite:///app.db", None),
            ("PAGE_URL", "http://host:80/a@b", None),
            ("LOG_LEVEL", "production-level", None),
            ("KEY_FILE", "/etc/keys/one", None),
            ("PRIVATE_KEY", "/etc/keys/one", None),
            ("BOT", "7312345678AAHfkz-9wQm_Lk3jX2vB1nT5", Some("7312345678AAHfkz-9wQm_Lk3jX2vB1nT5")),
            ("KEYBOARD", "us-international", None),
            ("MODULES", "backend-notifications-frontend", None),
        ] {
            assert_eq!(secrets_of(name, value).first().copied(), secret, "{name}");
        }
    }

    #[test]
    fn quotes_comments_and_exports_are_read() {
        let text = "# A=1\nexport A='x y'\nB=\"a\\\"b\\n\" # c\nC=plain # note\nD=\n";
        let read = variables(text);
        assert_eq!(read, [("A", "x y".to_owned()), ("B", "a\"b\n".to_owned()), ("C", "plain".to_owned())]);
    }
}
