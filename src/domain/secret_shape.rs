//! What secrets look like: the shapes of well-known sorts, and how a value is told from a word of a language.
//!
//! It recognises what plainly is one; a password that looks like anything else passes.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::spec::Language;

/// The fewest characters of what is taken for a value.
const SHORTEST: usize = 6;
/// A word of so many characters is a value whatever it is made of.
const LONG: usize = 24;

/// A sort of secret that is known by its looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A private key in its text form.
    PrivateKey,
    /// An access key of AWS.
    Aws,
    /// A token of GitHub.
    Github,
    /// A token of GitLab.
    Gitlab,
    /// A key of OpenAI and others who begin theirs with `sk-`.
    ApiKey,
    /// A token of Slack.
    Slack,
    /// A key of Google.
    Google,
    /// A live key of Stripe.
    Stripe,
    /// The token of a bot of Telegram.
    TelegramBot,
}

/// What is looked for, and how it looks.
static SHAPES: LazyLock<Vec<(Shape, Regex)>> = LazyLock::new(|| {
    [
        (Shape::PrivateKey, r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY( BLOCK)?-----"),
        (Shape::Aws, r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
        (Shape::Github, r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{30,})"),
        (Shape::Gitlab, r"\bglpat-[A-Za-z0-9_-]{20,}"),
        (Shape::ApiKey, r"\bsk-[A-Za-z0-9_-]{20,}"),
        (Shape::Slack, r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        (Shape::Google, r"\bAIza[0-9A-Za-z_-]{35}"),
        (Shape::Stripe, r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
        (Shape::TelegramBot, r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{32,33}\b"),
    ]
    .into_iter()
    .map(|(what, shape)| (what, Regex::new(shape).expect("a constant that is tested")))
    .collect()
});

impl Shape {
    /// The first sort that something in a text looks like.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        SHAPES.iter().find_map(|(what, shape)| {
            let real = |found: &str| {
                // Documentation is full of these.
                let fake = found.contains("EXAMPLE") || found.contains("example") || found.contains("xxxx");
                let varied = *what == Self::PrivateKey || found.bytes().any(|byte| byte.is_ascii_digit());
                !fake && varied
            };
            shape.find_iter(text).any(|found| real(found.as_str())).then_some(*what)
        })
    }

    /// What it is called, with its article.
    #[must_use]
    pub fn words(self, language: Language) -> &'static str {
        let (en, ru) = match self {
            Self::PrivateKey => ("a private key", "закрытый ключ"),
            Self::Aws => ("an AWS access key", "ключ доступа AWS"),
            Self::Github => ("a GitHub token", "токен GitHub"),
            Self::Gitlab => ("a GitLab token", "токен GitLab"),
            Self::ApiKey => ("an API key", "ключ API"),
            Self::Slack => ("a Slack token", "токен Slack"),
            Self::Google => ("a Google API key", "ключ API Google"),
            Self::Stripe => ("a Stripe key", "ключ Stripe"),
            Self::TelegramBot => ("a Telegram bot token", "токен бота Telegram"),
        };
        match language {
            Language::En => en,
            Language::Ru => ru,
        }
    }
}

/// Whether a text is one value and no words: a private key, or one word with more in it than letters.
#[must_use]
pub fn is_value(text: &str) -> bool {
    let text = text.trim();
    if text.contains(char::is_whitespace) {
        return text.starts_with("-----BEGIN ") && Shape::of(text) == Some(Shape::PrivateKey);
    }
    let length = text.chars().count();
    let word = text.trim_end_matches(['.', ',', ':', ';', '!', '?', '…', ')']);
    let is_word = word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'));
    length >= LONG || (length >= SHORTEST && !is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plainly_is_a_secret_is_found_in_a_sentence_and_named_in_the_language() {
        let token = format!("ghp_{}", "a1".repeat(18));
        let shape = Shape::of(&format!("push it with {token}, please")).unwrap();
        assert_eq!((shape.words(Language::En), shape.words(Language::Ru)), ("a GitHub token", "токен GitHub"));
        let bot = format!("12345678:AA{}", "b2".repeat(16));
        assert_eq!(Shape::of(&bot), Some(Shape::TelegramBot));
        for text in ["a notes API with title", "AKIAIOSFODNN7EXAMPLE", "task-123", ""] {
            assert_eq!(Shape::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_told_from_words() {
        for value in ["hunter2", "123456:canary", "p@ssword", "correcthorsebatterystaple", " x1y2z3 \n"] {
            assert!(is_value(value), "{value}");
        }
        assert!(is_value("-----BEGIN PRIVATE KEY-----\nMIIx\n-----END PRIVATE KEY-----"));
        for words in ["", "why?", "готово", "почему?!", "what is it for", "a-b", "v1.2", "don't", "12 34 56 78"]
        {
            assert!(!is_value(words), "{words}");
        }
    }
}
