//! What cgo writes, read by the server's own reader: whatever a person or a model wrote, no mark of it is taken for ours,
//! and nothing that can be seen is lost.

use cgo::telegram::markup::{LONGEST, Text};
use proptest::prelude::*;

use super::server::markdown::read;

#[derive(Debug, Clone)]
enum Part {
    Plain(String),
    Bold(String),
    Italic(String),
    Code(String),
    Block(String),
    Link(String, String),
}

fn wild() -> impl Strategy<Value = String> {
    let marks = "[_*\\[\\]()~`>#+\\-=|{}.!\\\\ \n]{0,12}";
    let words = "[a-zа-яё0-9 .,!\n]{0,80}";
    let any = proptest::collection::vec(any::<char>(), 0..30).prop_map(|all| all.into_iter().collect::<String>());
    let long = (1..6000_usize, prop_oneof![Just('.'), Just('x'), Just('🦀'), Just('\n'), Just('`'), Just(' ')])
        .prop_map(|(count, what)| what.to_string().repeat(count));
    prop_oneof![4 => marks, 4 => words, 3 => any, 1 => long]
}

/// An address stands behind few words: behind more than a message of them it stands beside them.
fn label() -> impl Strategy<Value = String> {
    wild().prop_map(|words| ['l'].into_iter().chain(words.chars().take(200)).collect())
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        wild().prop_map(Part::Plain),
        wild().prop_map(Part::Bold),
        wild().prop_map(Part::Italic),
        wild().prop_map(Part::Code),
        wild().prop_map(Part::Block),
        (label(), "https?://[a-z]{1,9}\\.[a-z]{2,3}/[a-z)(\\\\?&=%._-]{0,40}")
            .prop_map(|(label, url)| Part::Link(label, url)),
    ]
}

fn built(parts: &[Part]) -> Text {
    parts.iter().fold(Text::new(), |text, part| match part {
        Part::Plain(words) => text.plain(words),
        Part::Bold(words) => text.bold(words),
        Part::Italic(words) => text.italic(words),
        Part::Code(words) => text.code(words),
        Part::Block(words) => text.block(words),
        Part::Link(label, url) => text.link(label, url),
    })
}

/// What of a text can be seen, whatever the spaces.
fn seen(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_page_is_read_as_it_was_meant(parts in proptest::collection::vec(part(), 0..12)) {
        let text = built(&parts);
        let pages = text.pages();
        let mut said = String::new();
        for page in &pages {
            prop_assert!(page.marked.encode_utf16().count() <= LONGEST);
            prop_assert!(page.plain.encode_utf16().count() <= LONGEST, "{}", page.plain.encode_utf16().count());
            let read = read(&page.marked).map_err(|why| TestCaseError::fail(format!("{why}: {:?}", page.marked)))?;
            prop_assert!(!read.text.trim().is_empty());
            said.push_str(&read.text);
        }
        // Addresses of links are under their words, and the words alone are read.
        let bare: Vec<Part> = parts.into_iter().map(|part| match part {
            Part::Link(label, _) => Part::Plain(label),
            other => other,
        }).collect();
        prop_assert_eq!(seen(&said), seen(&built(&bare).words()));
    }
}
