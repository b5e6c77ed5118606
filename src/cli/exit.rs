//! The one list of exit codes.

/// Every exit code with its meaning, as `cgo help exit-codes` prints it.
pub const CODES: &[(u8, &str)] = &[
    (0, "done"),
    (1, "failed, nothing changed, the user can fix it"),
    (2, "wrong usage: an argument, a flag or a settings file"),
    (3, "the plan has changes (--detailed-exit-code)"),
    (4, "a person is needed: an answer, an approval or a secret"),
    (5, "the lease is held by another process"),
    (6, "the health gate failed, the old version serves"),
    (7, "reverted after the switch"),
    (8, "partial: hosts differ"),
    (9, "pre-flight failed: disk, DNS, architecture, port or missing program"),
    (10, "outcome unknown, resume"),
    (70, "a bug in cgo"),
    (130, "interrupted"),
];

/// The list as help shows it.
#[must_use]
pub fn listing() -> String {
    let lines: Vec<String> = CODES.iter().map(|(code, meaning)| format!("{code:>4}  {meaning}")).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::diagnose::Kind;

    #[test]
    fn every_kind_of_error_has_its_code_in_the_list() {
        for kind in Kind::ALL {
            assert!(CODES.iter().any(|(code, _)| *code == kind.exit_code()), "{kind:?}");
        }
    }
}
