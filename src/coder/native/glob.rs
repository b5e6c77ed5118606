//! Which files a model means: a folder, a file, or a pattern with `*`, `**`, `?`, `[…]` and `{a,b}`.

use regex_lite::Regex;

/// What is meant.
pub(super) enum Glob {
    /// Everything.
    All,
    /// This file, or everything in this folder.
    Below(String),
    /// What fits; a pattern without `/` is one for the last part of a path.
    Pattern { regex: Regex, whole: bool },
}

impl Glob {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_start_matches("./").trim_end_matches('/');
        if matches!(text, "" | "." | "*" | "**" | "**/*") {
            return Ok(Self::All);
        }
        if !text.contains(['*', '?', '[', '{']) {
            return Ok(Self::Below(text.to_owned()));
        }
        let regex = Regex::new(&translated(text)).map_err(|_| format!("`{text}` is no pattern of paths"))?;
        Ok(Self::Pattern { regex, whole: text.contains('/') })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(folder) => {
                path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Self::Pattern { regex, whole: true } => regex.is_match(path),
            Self::Pattern { regex, whole: false } => regex.is_match(path.rsplit('/').next().unwrap_or(path)),
        }
    }
}

fn translated(glob: &str) -> String {
    let mut regex = String::from("^");
    let mut rest = glob;
    let mut choices = 0;
    while let Some(character) = rest.chars().next() {
        let taken = if let Some(after) = rest.strip_prefix("**/") {
            regex.push_str("(?:.*/)?");
            rest.len() - after.len()
        } else if rest.starts_with("**") {
            regex.push_str(".*");
            2
        } else {
            match character {
                '*' => regex.push_str("[^/]*"),
                '?' => regex.push_str("[^/]"),
                '{' => {
                    choices += 1;
                    regex.push_str("(?:");
                }
                '}' if choices > 0 => {
                    choices -= 1;
                    regex.push(')');
                }
                ',' if choices > 0 => regex.push('|'),
                '[' | ']' | '-' => regex.push(character),
                other => regex.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
            }
            character.len_utf8()
        };
        rest = &rest[taken..];
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_a_shell() {
        let fits = |glob: &str, path: &str| Glob::parse(glob).unwrap().matches(path);
        for (glob, path) in [
            ("", "a/b.py"),
            ("a", "a/b.py"),
            ("a/", "a/b.py"),
            ("*.py", "a/b/c.py"),
            ("a/*.py", "a/c.py"),
            ("a/**/*.py", "a/c.py"),
            ("a/**/*.py", "a/b/c.py"),
            ("**/*.{py,md}", "x.md"),
            ("test_?.py", "t/test_1.py"),
            ("[ab]*.py", "x/bc.py"),
            ("a/**", "a/b/c"),
            ("a.b", "a.b"),
            ("./a/b.py", "a/b.py"),
        ] {
            assert!(fits(glob, path), "{glob} {path}");
        }
        for (glob, path) in [
            ("a", "ab/c"),
            ("*.py", "a.pyc"),
            ("a/*.py", "a/b/c.py"),
            ("a.b*", "axb"),
            ("**/*.{py,md}", "x.txt"),
            ("(*", "x"),
        ] {
            assert!(!fits(glob, path), "{glob} {path}");
        }
        assert!(Glob::parse("[*").is_err());
    }
}
