//! Finds what looks like a secret in what is to be committed.

use crate::domain::secret_shape::Shape;
use crate::domain::spec::Language;

/// What looks like a secret among the lines a difference adds: where, and what. The secret itself is not repeated.
pub(in crate::coder) fn added(difference: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut file = "";
    let mut line = 0_usize;
    // Lines of the hunk that are still to come: what they hold is no header, whatever it looks like.
    let (mut old, mut new) = (0_usize, 0_usize);
    for row in difference.lines() {
        if old + new > 0 {
            match row.as_bytes().first() {
                Some(b'\\') => {}
                Some(b'-') => old = old.saturating_sub(1),
                Some(b'+') => {
                    if let Some(what) = secret(&row[1..]) {
                        found.push(format!("{file}:{line}: {what}"));
                    }
                    (line, new) = (line + 1, new.saturating_sub(1));
                }
                _ => (line, old, new) = (line + 1, old.saturating_sub(1), new.saturating_sub(1)),
            }
        } else if let Some(path) = row.strip_prefix("+++ ") {
            file = path.strip_prefix("b/").unwrap_or(path).trim_matches('"');
        } else if let Some(hunk) = row.strip_prefix("@@ ") {
            let mut ranges = hunk.split(' ').map(|range| range.get(1..).unwrap_or_default());
            (_, old) = span(ranges.next().unwrap_or_default());
            (line, new) = span(ranges.next().unwrap_or_default());
        }
    }
    found
}

/// Where a range of a hunk begins and how many lines it has: `3,2`, or `3` for one.
fn span(range: &str) -> (usize, usize) {
    let (first, count) = range.split_once(',').unwrap_or((range, "1"));
    (first.parse().unwrap_or(0), count.parse().unwrap_or(0))
}

/// What kind of secret a line seems to hold.
pub(in crate::coder) fn secret(line: &str) -> Option<&'static str> {
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
            "--- a/x.py\n+++ b/x.py\n@@ -3 +3,2 @@ def f\n-old = '{token}'\n+a = 1\n+b = '{key}'\n\
             +++ b/y.txt\n@@ -0,0 +1,2 @@\n+-----BEGIN RSA PRIVATE KEY-----\n+t: {token}\n"
        );
        let found = added(&difference);
        assert_eq!(found, ["x.py:4: an AWS access key", "y.txt:1: a private key", "y.txt:2: a GitHub token"]);
        assert!(found.iter().all(|line| !line.contains(&key) && !line.contains(&token)));
    }

    #[test]
    fn what_is_added_is_no_header_however_it_looks() {
        let key = format!("{}{}", "AKIA", "IOSFODNN7ABCDEFG");
        let difference =
            format!("--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n same\n--- old\n+++ {key}\n+{key}\n--- a/y\n+++ b/y\n");
        assert_eq!(added(&difference), ["x:2: an AWS access key", "x:3: an AWS access key"]);
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
