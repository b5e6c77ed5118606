//! What went wrong, read from an installer's words.
//!
//! Neither `pip` nor `uv` says it by an exit code. `pip` in particular calls a package "not found" when the network
//! is down; only its log tells the difference, so the log is part of what is read here. The texts in
//! `recorded/` are what the programs really wrote.

use super::error::{Error, Network};
use super::{Interpreter, Version};
use crate::domain::last_words::tell_full_disk;
use crate::exec::Exit;

/// Lines of an unknown failure that are passed on.
const EVIDENCE: usize = 20;

/// What the reader of a failure must know about the attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// `pip`, `uv` or `venv`.
    pub installer: &'static str,
    /// How it ended.
    pub exit: Exit,
    /// For which interpreter it installed.
    pub interpreter: &'a Interpreter,
    /// Where it installed.
    pub folder: &'a std::path::Path,
}

/// The error behind the words, which must be free of credentials: standard output, standard error and log. A network
/// error counts one try.
#[must_use]
pub fn classify(words: &str, attempt: &Attempt<'_>) -> Error {
    let lines: Vec<&str> = words.lines().map(without_time).collect();
    disk_full(&lines, attempt)
        .or_else(|| pinned(&lines))
        .or_else(|| unreachable_index(&lines))
        .or_else(|| {
            let ignored = "is not a trusted or secure host and is being ignored";
            lines.iter().any(|line| line.contains(ignored)).then_some(Error::InsecureIndex)
        })
        .or_else(|| no_match(&lines, attempt.interpreter))
        .unwrap_or_else(|| Error::Installer {
            installer: attempt.installer,
            exit: attempt.exit,
            evidence: evidence(words),
        })
}

/// The last lines that a person should see.
fn evidence(words: &str) -> Vec<String> {
    let lines: Vec<String> = words
        .lines()
        .map(crate::exec::capture::clean_line)
        .filter(|line| !line.trim().is_empty() && !line.starts_with("[notice]"))
        .collect();
    lines[lines.len().saturating_sub(EVIDENCE)..].to_vec()
}

/// pip's log puts the moment before each line.
fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if time.len() == 23 && time.as_bytes()[10] == b'T' && time.as_bytes()[19] == b',' => rest,
        _ => line,
    }
}

fn any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| line.contains(word))
}

fn disk_full(lines: &[&str], attempt: &Attempt<'_>) -> Option<Error> {
    tell_full_disk(lines).then(|| Error::DiskFull { folder: attempt.folder.to_owned() })
}

/// What is wrong with the lock file, or with a package that does not match it.
fn pinned(lines: &[&str]) -> Option<Error> {
    for (index, line) in lines.iter().enumerate() {
        let next_word = || first_word(lines.get(index + 1).copied().unwrap_or_default());
        if line.contains("DO NOT MATCH THE HASHES") {
            return Some(Error::HashMismatch { package: next_word() });
        }
        if let Some(package) = between(line, "Hash mismatch for `", "`") {
            return Some(Error::HashMismatch { package });
        }
        if any(line, &["Hashes are required in --require-hashes mode", "must have their versions pinned with =="]) {
            return Some(Error::NoHash { package: next_word() });
        }
        if let Some((_, rest)) = line.split_once("none were provided for: ") {
            return Some(Error::NoHash { package: first_word(rest) });
        }
        if let Some((_, rest)) = line.split_once("requirements must have their versions pinned with `==`, but found: ")
        {
            return Some(Error::NoHash { package: first_word(rest) });
        }
        if any(line, &["ERROR: Invalid requirement:", "Couldn't parse requirement", "Unsupported requirement"]) {
            let line = crate::exec::capture::clean_line(line.trim_start_matches("ERROR: "));
            return Some(Error::BadLock { line: line.trim_start_matches("error: ").to_owned() });
        }
    }
    None
}

fn unreachable_index(lines: &[&str]) -> Option<Error> {
    // Only what was said about a request; a package may be called `timeout`.
    let about_requests = [
        "Could not fetch URL",
        "due to an OSError",
        "exceptions.",
        "cause: ",
        "error: ",
        "hint: ",
        "× ",
        "╰─> ",
        "HTTPError",
    ];
    let requests = || lines.iter().filter(|line| any(line, &about_requests));
    let refused = requests().find_map(|line| match status(line) {
        Some(status @ (401 | 403 | 407)) => Some(Error::IndexRefused { status }),
        _ => None,
    });
    // The line that names the cause may follow one that only names the failure.
    refused.or_else(|| {
        let cause = requests().find_map(|line| network(line)).or_else(|| requests().find_map(|line| vaguely(line)))?;
        Some(Error::NoNetwork { cause, tries: 1 })
    })
}

/// The network failed, and nobody says how.
fn vaguely(line: &str) -> Option<Network> {
    let words = ["Failed to connect to ", "error sending request", "connection error", "client error (Connect)"];
    any(line, &words).then_some(Network::Broken)
}

fn network(line: &str) -> Option<Network> {
    let table: [(&[&str], Network); 6] = [
        (&["ProxyError", "onnect to proxy", "tunnel error"], Network::Proxy),
        (
            &["SSLError", "CERTIFICATE_VERIFY_FAILED", "invalid peer certificate", "[SSL:", "a secure connection"],
            Network::Tls,
        ),
        (
            &[
                "Name or service not known",
                "Temporary failure in name resolution",
                "No address associated with hostname",
                "NameResolutionError",
                "getaddrinfo failed",
                "dns error",
                "failed to lookup address",
                "Failed to resolve",
            ],
            Network::Dns,
        ),
        (&["Read timed out", "ReadTimeoutError", "ConnectTimeout", "timed out", "respond within"], Network::Slow),
        (&["Connection refused", "Network is unreachable", "No route to host", "tcp connect error"], Network::Refused),
        (
            &[
                "Connection reset",
                "Connection aborted",
                "RemoteDisconnected",
                "IncompleteRead",
                "ProtocolError",
                "connection closed",
                "closed without a reply",
                "not enough bytes were received",
            ],
            Network::Broken,
        ),
    ];
    let named = table.iter().find(|(words, _)| any(line, words)).map(|(_, cause)| *cause);
    named.or_else(|| status(line).filter(|status| *status == 429 || *status >= 500).map(Network::Status))
}

/// The HTTP status an installer names in a line.
fn status(line: &str) -> Option<u16> {
    let number = |text: &str| text.get(..3).and_then(|digits| digits.parse().ok());
    for before in
        ["HTTP status client error (", "HTTP status server error (", "HTTP error ", "Tunnel connection failed: "]
    {
        if let Some((_, rest)) = line.split_once(before) {
            return number(rest);
        }
    }
    for after in [" Client Error", " Server Error", " Unauthorized)", " Forbidden error", " Unauthorized error"] {
        if let Some((rest, _)) = line.split_once(after) {
            return rest.get(rest.len().checked_sub(3)?..).and_then(number);
        }
    }
    between(line, "too many ", " error").and_then(|text| number(&text))
}

fn no_match(lines: &[&str], interpreter: &Interpreter) -> Option<Error> {
    let package = lines.iter().find_map(|line| {
        if let Some((_, rest)) = line.split_once("No matching distribution found for ") {
            return Some(first_word(rest));
        }
        if line.contains("is not a supported wheel on this platform") {
            return Some(first_word(line.trim_start_matches("ERROR: ")));
        }
        let because = line.split_once("Because ").map(|(_, rest)| rest)?;
        let required = because.split_once("you require ").map_or(because, |(_, rest)| rest);
        Some(first_word(required))
    })?;
    let Interpreter { version, platform, .. } = interpreter;
    Some(Error::NoMatch { package, version: Version::clone(version), platform: platform.clone() })
}

fn first_word(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or("a package");
    word.trim_end_matches([',', ';', '.', ':']).trim_matches('`').chars().take(100).collect()
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

#[cfg(test)]
mod tests;
