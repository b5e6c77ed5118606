//! An environment in the forms that programs take it in, each to the byte or not at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::domain::secret::Secret;

/// Why an environment does not fit a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{name}` has {what}, which {form} cannot hold")]
pub struct Unfit {
    /// The variable.
    pub name: String,
    /// What is in the way.
    pub what: &'static str,
    /// The form.
    pub form: &'static str,
}

/// A file that a POSIX shell reads with `. FILE` and that exports every value to the byte.
#[must_use]
pub fn shell(env: &BTreeMap<String, Secret>) -> String {
    let mut out = String::new();
    for (name, value) in env {
        let quoted = value.reveal().replace('\'', "'\\''");
        let _ = writeln!(out, "export {name}='{quoted}'");
    }
    out
}

/// A file for systemd's `EnvironmentFile=`: in double quotes, where it takes newlines and everything else after a
/// backslash.
///
/// # Errors
/// [`Unfit`] for control characters other than tab and newline, which systemd drops or refuses.
pub fn systemd(env: &BTreeMap<String, Secret>) -> Result<String, Unfit> {
    let mut out = String::new();
    for (name, value) in env {
        if value.reveal().contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(Unfit {
                name: name.clone(),
                what: "a control character",
                form: "an environment file of systemd",
            });
        }
        let _ = write!(out, "{name}=\"");
        for letter in value.reveal().chars() {
            if matches!(letter, '"' | '\\' | '`' | '$') {
                out.push('\\');
            }
            out.push(letter);
        }
        out.push_str("\"\n");
    }
    Ok(out)
}

/// Variables one after the other, each ended by a zero byte, as `/proc/PID/environ` has them: for whatever can be told
/// an environment to the byte.
#[must_use]
pub fn zero_separated(env: &BTreeMap<String, Secret>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in env {
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.reveal().as_bytes());
        out.push(0);
    }
    out
}

/// For `docker create --env NAME …` and Podman's: the names for its arguments. The values stand in the environment of
/// that client, which hands them over to the byte; its `--env-file` knows neither newlines nor quotes.
#[must_use]
pub fn client_arguments(env: &BTreeMap<String, Secret>) -> Vec<String> {
    env.keys().flat_map(|name| ["--env".to_owned(), name.clone()]).collect()
}
