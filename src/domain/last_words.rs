//! What a program's last words tell about its end: a disk that was full, a variable that it misses.

/// Words one of which a line has that tells of a disk that takes nothing more: those of the system, of Python, of Rust,
/// of git, of SQLite.
const FULL: [&str; 7] = [
    "No space left on device",
    "Disk quota exceeded",
    "Out of diskspace",
    "database or disk is full",
    "[Errno 28]",
    "(os error 28)",
    "(os error 122)",
];

/// Some of the lines say that a disk was full.
#[must_use]
pub fn tell_full_disk<'a>(lines: impl IntoIterator<Item = &'a (impl AsRef<str> + 'a)>) -> bool {
    lines.into_iter().any(|line| FULL.iter().any(|words| line.as_ref().contains(words)))
}

/// Words one of which a line has that tells of a variable that is not set.
const TELLS: [&str; 8] = ["keyerror", "environ", "getenv", "not set", "missing", "required", "undefined", "unset"];

/// The first variable that a line says is missing and that is not set; none when no line says so. A name counts when it
/// is spelled in capitals with an underscore, as in `SMTP_PASSWORD`, and its line has a word that speaks of absence.
fn unset_variable(lines: &[String], is_set: impl Fn(&str) -> bool) -> Option<&str> {
    // The last words are nearest to the end.
    lines.iter().rev().find_map(|line| {
        let low = line.to_lowercase();
        if !TELLS.iter().any(|tell| low.contains(tell)) {
            return None;
        }
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| is_name(word) && !is_set(word))
    })
}

/// What is added to the cause of an end: the variable that the program misses, where its last words name one that is
/// not set for it; nothing otherwise.
#[must_use]
pub fn missing_variable(lines: &[String], is_set: impl Fn(&str) -> bool) -> String {
    let Some(name) = unset_variable(lines, is_set) else { return String::new() };
    format!(
        "; it misses `{name}`, which is not set for it: give it under `env` in cgo.yaml, or, when it is a secret, as \
         a user_secret of the project's contract"
    )
}

fn is_name(word: &str) -> bool {
    word.contains('_')
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        unset_variable(&lines, |name| name == "DATABASE_URL").map(str::to_owned)
    }

    #[test]
    fn what_is_missing_is_named_as_programs_say_it() {
        for line in [
            "KeyError: 'SMTP_PASSWORD'",
            "Error: environment variable SMTP_PASSWORD is not set",
            "Missing required env var: SMTP_PASSWORD",
            "process.env.SMTP_PASSWORD is undefined",
            "sh: 1: SMTP_PASSWORD: parameter not set",
        ] {
            assert_eq!(found(&["Traceback (most recent call last):", line, "bye"]).as_deref(), Some("SMTP_PASSWORD"));
        }
    }

    #[test]
    fn a_full_disk_is_known_by_what_programs_say_of_it() {
        let full = |line: &str| tell_full_disk(&["begin", line]);
        for line in [
            "tee: /x: No space left on device",
            "OSError: [Errno 28] No space left",
            "error: failed to write (os error 28)",
            "error: unable to write file: Disk quota exceeded",
            "sqlite3.OperationalError: database or disk is full",
        ] {
            assert!(full(line), "{line}");
        }
        assert!(!full("No space between the words"));
        assert!(!full("[Errno 2] No such file or directory"));
    }

    #[test]
    fn nothing_is_said_of_what_is_set_or_is_no_variable() {
        assert_eq!(found(&["DATABASE_URL is required to be a URL"]), None);
        assert_eq!(found(&["SSL_ERROR_SYSCALL while reading"]), None);
        assert_eq!(found(&["KeyError: 'title'", "HOST not set"]), None);
        assert_eq!(found(&["DATABASE_URL is set, and API_KEY is missing"]).as_deref(), Some("API_KEY"));
    }
}
