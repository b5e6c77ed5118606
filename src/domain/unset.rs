//! A variable that a program misses, found in its last words.

/// Words one of which a line has that tells of a variable that is not set.
const TELLS: [&str; 8] = ["keyerror", "environ", "getenv", "not set", "missing", "required", "undefined", "unset"];

/// The first variable that a line says is missing and that is not set; none when no line says so. A name counts when it
/// is spelled in capitals with an underscore, as in `SMTP_PASSWORD`, and its line has a word that speaks of absence.
#[must_use]
pub fn unset_variable(lines: &[String], is_set: impl Fn(&str) -> bool) -> Option<&str> {
    // The last words are nearest to the end.
    lines.iter().rev().find_map(|line| {
        let low = line.to_lowercase();
        if !TELLS.iter().any(|tell| low.contains(tell)) {
            return None;
        }
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| is_name(word) && !is_set(word))
    })
}

/// What is added to the cause of an end that a variable explains.
#[must_use]
pub fn unset_text(name: &str) -> String {
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
    fn nothing_is_said_of_what_is_set_or_is_no_variable() {
        assert_eq!(found(&["DATABASE_URL is required to be a URL"]), None);
        assert_eq!(found(&["SSL_ERROR_SYSCALL while reading"]), None);
        assert_eq!(found(&["KeyError: 'title'", "HOST not set"]), None);
        assert_eq!(found(&["DATABASE_URL is set, and API_KEY is missing"]).as_deref(), Some("API_KEY"));
    }
}
