//! The template's files, embedded, and the engine that fills them; built once.
//!
//! Texts are never escaped by guess: each place asks for the filter of its own language. An undefined name is an error.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use rust_embed::RustEmbed;

use super::Error;
use super::python::{constant, is_invisible, one_line, wrap_heads};

const SUFFIX: &str = ".jinja";

#[derive(RustEmbed)]
#[folder = "src/scaffold/template"]
struct Files;

/// The text of an embedded file, filled where its name ends with `.jinja`.
///
/// `path` is the path in the template without that ending.
pub fn fill(path: &str, context: &serde_json::Value) -> Result<String, Error> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let name = format!("{path}{SUFFIX}");
    if Files::get(&name).is_none() {
        return verbatim(path);
    }
    ENVIRONMENT
        .get_or_init(environment)
        .get_template(&name)
        .and_then(|template| template.render(value(context)))
        .map(|text| if Path::new(path).extension().is_some_and(|end| end == "py") { wrap_heads(&text) } else { text })
        .map_err(|source| Error::Template { path: path.to_owned(), source })
}

/// The text of an embedded file as it is.
fn verbatim(path: &str) -> Result<String, Error> {
    Files::get(path)
        .and_then(|file| String::from_utf8(file.data.into_owned()).ok())
        .ok_or_else(|| Error::NoTemplate { path: path.to_owned() })
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder().keep_trailing_newline(true).build().expect("the default delimiters are valid"),
    );
    environment.set_loader(|name| Ok(Files::get(name).and_then(|file| String::from_utf8(file.data.into_owned()).ok())));
    environment.add_filter("constant", |text: String, name: &str| constant(name, &text));
    environment.add_filter("toml", |text: String| quoted(&text));
    environment.add_filter("yaml", |text: String| quoted(&text));
    environment.add_filter("md", |text: String| markdown(&text));
    environment.add_filter("docline", |text: String| docline(&text));
    environment
}

/// JSON as a value of the engine.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::from)
            .or_else(|| number.as_f64().map(Value::from))
            .unwrap_or_else(|| Value::from(number.to_string())),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(items) => {
            Value::from(items.iter().map(|(name, item)| (name.clone(), value(item))).collect::<BTreeMap<_, _>>())
        }
    }
}

/// A double-quoted text that TOML and YAML read alike.
fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter if is_invisible(letter) => {
                let code = u32::from(letter);
                let _ = if code > 0xffff { write!(out, "\\U{code:08X}") } else { write!(out, "\\u{code:04X}") };
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Text on one line inside a docstring of several.
fn docline(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace("\"\"\"", "'''")
}

/// Text on one line that Markdown shows as it is.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    for letter in one_line(text).chars() {
        if matches!(
            letter,
            '\\' | '`'
                | '*'
                | '_'
                | '{'
                | '}'
                | '['
                | ']'
                | '<'
                | '>'
                | '('
                | ')'
                | '#'
                | '+'
                | '-'
                | '!'
                | '|'
                | '~'
                | '&'
                | '$'
        ) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_read_back_by_yaml() {
        for text in ["plain", "a \"b\" \\ c", "{{ x }} # $y", "two\nlines\ttab", "имя", "\u{202e}\u{7f}\u{1f600}"] {
            let read: String = serde_yaml::from_str(&quoted(text)).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn markdown_shows_marks_instead_of_obeying_them() {
        assert_eq!(markdown("a *b*\n<script>"), "a \\*b\\* \\<script\\>");
    }
}
