//! Finds what looks like a secret in what is to be committed.

use std::sync::LazyLock;

use regex_lite::Regex;

/// What is looked for: what it is, and how it looks.
static SHAPES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    [
        ("a private key", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY( BLOCK)?-----"),
        ("an AWS access key", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{30,})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("an API key", r"\bsk-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
        ("a Telegram bot token", r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{32,33}\b"),
    ]
    .into_iter()
    .map(|(what, shape)| (what, Regex::new(shape).expect("a constant that is tested")))
    .collect()
});

/// What looks like a secret among the lines a difference adds: where, and what. The secret itself is not repeated.
pub(in crate::coder) fn added(difference: &str) -> Vec<String> {
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
pub(in crate::coder) fn secret(line: &str) -> Option<&'static str> {
    SHAPES.iter().find_map(|(what, shape)| {
        let real = |found: &str| {
            // Documentation is full of these.
            let fake = found.contains("EXAMPLE") || found.contains("example") || found.contains("xxxx");
            let varied = found.bytes().any(|byte| byte.is_ascii_digit()) || what.contains("private");
            !fake && varied
        };
        shape.find_iter(line).any(|found| real(found.as_str())).then_some(*what)
    })
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
