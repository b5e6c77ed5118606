//! What a file of code defines: its classes and functions with their signatures, read without running anything.

use std::sync::LazyLock;

use regex_lite::Regex;

/// How long a signature may be, in characters.
const SIGNATURE: usize = 160;
/// How many lines one may take.
const SIGNATURE_LINES: usize = 30;

/// Something a file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Its name.
    pub(super) name: String,
    /// Its signature on one line.
    pub(super) signature: String,
    /// How deep it stands in others.
    pub(super) depth: usize,
}

/// What a file defines, in order; nothing for a kind of file that is not known.
pub(super) fn outline(path: &str, text: &str) -> Vec<Symbol> {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "py" | "pyi" => python(text),
        "js" | "jsx" | "ts" | "tsx" | "mjs" => by_pattern(text, &SCRIPT),
        "rs" => by_pattern(text, &RUST),
        "go" => by_pattern(text, &GO),
        "sql" => by_pattern(text, &SQL),
        _ => Vec::new(),
    }
}

/// Whether a file may define something.
pub(super) fn is_code(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "py" | "pyi" | "js" | "jsx" | "ts" | "tsx" | "mjs" | "rs" | "go" | "sql")
}

static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s{0,2}(?:export\s+)?(?:default\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|class|interface|type|enum|const)\s+([A-Za-z_$][\w$]*)")
        .expect("a constant that is tested")
});
static RUST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s{0,4}(?:pub(?:\([a-z]+\))?\s+)?(?:async\s+|const\s+|unsafe\s+)*(?:fn|struct|enum|trait|type|mod|macro_rules!)\s+([A-Za-z_]\w*)")
        .expect("a constant that is tested")
});
static GO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:func(?:\s+\([^)]*\))?|type)\s+([A-Za-z_]\w*)").expect("a constant that is tested")
});
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)^\s*create\s+(?:or\s+replace\s+)?(?:table|view|function|index|trigger)\s+(?:if\s+not\s+exists\s+)?"?([\w.]+)"#)
        .expect("a constant that is tested")
});

fn by_pattern(text: &str, pattern: &Regex) -> Vec<Symbol> {
    text.lines()
        .filter(|line| line.len() < 2000)
        .filter_map(|line| {
            let name = pattern.captures(line)?.get(1)?.as_str().to_owned();
            let words = line.trim().trim_end_matches(['{', ' ', '(', ',']);
            let depth = usize::from(line.starts_with([' ', '\t']));
            Some(Symbol { name, signature: words.chars().take(SIGNATURE).collect(), depth })
        })
        .collect()
}

fn python(text: &str) -> Vec<Symbol> {
    let mut found = Vec::new();
    // The blocks around a line: their indentation, and whether they are classes.
    let mut around: Vec<(usize, bool)> = Vec::new();
    let mut quoted: Option<&str> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        let at = next;
        next += 1;
        if let Some(mark) = quoted {
            if line.contains(mark) {
                quoted = None;
            }
            continue;
        }
        let words = line.trim_start();
        quoted = opened(words);
        if words.is_empty() || words.starts_with(['#', ')', ']', '}']) {
            continue;
        }
        let indent = line.len() - words.len();
        around.retain(|(outer, _)| *outer < indent);
        let class = words.starts_with("class ");
        if !class && !words.starts_with("def ") && !words.starts_with("async def ") {
            continue;
        }
        let local = around.iter().any(|(_, class)| !class);
        let depth = around.len();
        around.push((indent, class));
        let (signature, taken) = signature(&lines[at..]);
        next = at + taken;
        if local {
            continue;
        }
        let after = words.trim_start_matches("async ").trim_start_matches("def ").trim_start_matches("class ");
        let name: String = after.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        found.push(Symbol { name, signature, depth });
    }
    found
}

/// The quotes of a text over several lines that begins here.
fn opened(words: &str) -> Option<&'static str> {
    for mark in ["\"\"\"", "'''"] {
        let count = words.matches(mark).count();
        let commented = words.find('#').is_some_and(|hash| words.find(mark).is_some_and(|at| hash < at));
        if count % 2 == 1 && !commented {
            return Some(mark);
        }
    }
    None
}

/// A definition from its first line to the colon that ends it, on one line, and how many lines it takes.
fn signature(lines: &[&str]) -> (String, usize) {
    let mut depth = 0_i32;
    let mut said = String::new();
    let mut taken = 0;
    'lines: for line in lines.iter().take(SIGNATURE_LINES) {
        taken += 1;
        let mut quote = None;
        for letter in line.trim().chars() {
            match letter {
                '"' | '\'' if quote == Some(letter) => quote = None,
                '"' | '\'' if quote.is_none() => quote = Some(letter),
                _ if quote.is_some() => {}
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                ':' if depth == 0 => break 'lines,
                '#' => break,
                _ => {}
            }
            said.push(letter);
        }
        if depth == 0 {
            break;
        }
        said.truncate(said.trim_end().len());
        if !said.ends_with(['(', '[', '{']) {
            said.push(' ');
        }
    }
    let said = said.trim_end().replace(", )", ")");
    match said.char_indices().nth(SIGNATURE) {
        Some((at, _)) => (format!("{}…", &said[..at]), taken),
        None => (said, taken),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        outline(path, text).iter().map(|symbol| format!("{}{}", "  ".repeat(symbol.depth), symbol.signature)).collect()
    }

    #[test]
    fn python_is_told_by_its_classes_and_functions() {
        let text = r#"
"""Text with
def no_function(): in it
"""
import os

class Notes(Base, metaclass=Meta):
    """One line."""
    def create(
        self,
        body: dict[str, int] = {"a:b": 1},  # the body
        *, late: bool = False,
    ) -> "Note":
        def helper(): ...
        return helper()

    class Config:
        x = 1

async def main(args: list[str]) -> int:
    if True:
        def inner(): pass

if os.name:
    def conditional(): pass
"#;
        assert_eq!(
            told("a.py", text),
            [
                "class Notes(Base, metaclass=Meta)",
                "  def create(self, body: dict[str, int] = {\"a:b\": 1}, *, late: bool = False) -> \"Note\"",
                "  class Config",
                "async def main(args: list[str]) -> int",
                "def conditional()",
            ]
        );
        assert_eq!(outline("a.py", text)[1].name, "create");
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_it_is_read_to_its_end(
            text in prop_oneof![".*", "((async )?(def|class) |\"\"\"|'''|[ \t]{0,6}|[(){}\\[\\]:#,]|é|x|\n){0,40}"],
        ) {
            for path in ["a.py", "a.ts", "a.rs", "a.go", "a.sql"] {
                for symbol in outline(path, &text) {
                    prop_assert!(!symbol.signature.contains('\n'));
                }
            }
            super::super::spoken::calls(&text);
            super::super::secrets::added(&text);
        }
    }

    #[test]
    fn other_languages_are_told_line_by_line() {
        let text = "export default class App {\n  const x = 1;\nexport async function load(a) {\nlet y;\n";
        assert_eq!(told("a.ts", text), ["export default class App", "  const x = 1;", "export async function load(a)"]);
        assert_eq!(told("a.rs", "pub(crate) async fn go(x: u8) {\nlet y;\n"), ["pub(crate) async fn go(x: u8)"]);
        assert_eq!(told("a.go", "func (s *S) Do(x int) error {\n"), ["func (s *S) Do(x int) error"]);
        assert_eq!(
            told("a.sql", "CREATE TABLE IF NOT EXISTS notes (\n id int\n);"),
            ["CREATE TABLE IF NOT EXISTS notes"]
        );
        assert!(told("a.txt", "class X:").is_empty());
    }
}
