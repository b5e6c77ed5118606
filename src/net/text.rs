//! Foreign text as a person may read it.

/// How many characters of a foreign text are shown.
const SHOWN: usize = 300;

/// The text on one line: no control characters, no escape sequences, white space as single spaces, cut.
#[must_use]
pub fn line(text: &str) -> String {
    let mut clean = String::new();
    let mut count = 0;
    let mut characters = text.chars().peekable();
    let mut space = false;
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // A sequence ends at its first letter.
                while characters.next().is_some_and(|next| !next.is_ascii_alphabetic()) {}
            }
            other if other.is_whitespace() => space = true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            other if other.is_control() => {}
            other => {
                if count >= SHOWN {
                    clean.push('…');
                    break;
                }
                if space && !clean.is_empty() {
                    clean.push(' ');
                    count += 1;
                }
                space = false;
                clean.push(other);
                count += 1;
            }
        }
    }
    clean
}

/// What a page of HTML says: its title, else its text without tags.
#[must_use]
pub fn page(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let begin = at + lower[at..].find('>')? + 1;
        let end = begin + lower[begin..].find("</title")?;
        Some(line(&html[begin..end]))
    });
    title.filter(|title| !title.is_empty()).unwrap_or_else(|| {
        let mut inside = false;
        let bare: String = html
            .chars()
            .map(|character| match character {
                '<' => {
                    inside = true;
                    ' '
                }
                '>' => {
                    inside = false;
                    ' '
                }
                _ if inside => ' ',
                other => other,
            })
            .collect();
        line(&bare)
    })
}

/// Whether a body is a page for people rather than an answer for programs.
#[must_use]
pub fn is_page(body: &str) -> bool {
    body.trim_start_matches('\u{feff}').trim_start().starts_with('<')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_becomes_one_clean_line() {
        assert_eq!(line("\u{1b}[31mred\u{1b}[0m\r\n\t line\u{7} \u{202e}two"), "red line two");
        assert_eq!(line(&"x".repeat(1000)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_page_is_named_by_its_title_or_its_words() {
        assert_eq!(page("<html><head><TITLE>502 Bad\nGateway</TITLE></head>"), "502 Bad Gateway");
        assert_eq!(page("<html><body><h1>Not  found</h1></body>"), "Not found");
        assert!(is_page("\u{feff}\n<!doctype html>") && !is_page("{\"a\":\"<\"}"));
    }
}
