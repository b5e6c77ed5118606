//! Finds what looks like a secret in what is to be committed.

use crate::domain::secret_shape::Shape;
use crate::domain::spec::Language;

/// What looks like a secret among the lines a difference adds: where, and what. The secret itself is not repeated.
pub(super) fn added(difference: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut file = "";
    let mut line = 0_usize;
    for row in difference.lines() {
        if let Some(path) = row.strip_prefix("+++ ") {
            file = path.strip_prefix("b/").unwrap_or(path).trim_matches('"');
        } else if let Some(hunk) = row.strip_prefix("@@ ") {
            let new = hunk.split('+').nth(1).unwrap_or_default();
            line = new.split([',', ' ']).next().and_then(|number| number.parse().ok()).unwrap_or(0);
        } else if let Some(text) = row.strip_prefix('+') {
            if let Some(what) = secret(text) {
                found.push(format!("{file}:{line}: {what}"));
            }
            line += 1;
        }
    }
    found
}

/// What kind of secret a line seems to hold.
pub(super) fn secret(line: &str) -> Option<&'static str> {
    Shape::of(line).map(|shape| shape.words(Language::En))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_looked_at_and_named_by_file_and_line() {
        let key = format!("{}{}", "AKIA", "IOSFODNN7ABCDEFG");
        let token = format!("ghp_{}", "a1".repeat(18));
        let difference = format!(
            "--- a/x.py\n+++ b/x.py\n@@ -3,2 +3,3 @@ def f\n-old = '{token}'\n+a = 1\n+b = '{key}'\n\
             +++ b/y.txt\n@@ -0,0 +1,2 @@\n+-----BEGIN RSA PRIVATE KEY-----\n+t: {token}\n"
        );
        let found = added(&difference);
        assert_eq!(found, ["x.py:4: an AWS access key", "y.txt:1: a private key", "y.txt:2: a GitHub token"]);
        assert!(found.iter().all(|line| !line.contains(&key) && !line.contains(&token)));
    }

    #[test]
    fn ordinary_code_is_no_secret() {
        for line in
            ["AKIAIOSFODNN7EXAMPLE", "risk-assessment-of-all-the-things", "sk-your-own-key-goes-right-here", "task-123"]
        {
            assert_eq!(secret(line), None, "{line}");
        }
        assert_eq!(secret("OPENAI = 'sk-proj-abc123def456ghi789jkl'"), Some("an API key"));
    }
}
