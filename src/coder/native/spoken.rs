//! Calls that a model writes into its text because it, or who serves it, does not know better.
//!
//! Two ways are understood: `<tool_call>{"name": …, "arguments": …}</tool_call>`, which servers fail to read out of some
//! models' answers, and the blocks of search and replace that models write of their own accord. What has no end is no
//! call.

use serde_json::{Value, json};

use crate::llm::ToolCall;

const BEGIN: &str = "<tool_call>";
const END: &str = "</tool_call>";

/// The calls in a text, in order.
pub(super) fn calls(text: &str) -> Vec<ToolCall> {
    let mut found = tagged(text);
    if found.is_empty() {
        found = blocks(text);
    }
    found
        .into_iter()
        .enumerate()
        .map(|(index, (name, arguments))| ToolCall { id: format!("spoken_{index}"), name, arguments })
        .collect()
}

fn tagged(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split(BEGIN).skip(1) {
        let Some((inside, _)) = part.split_once(END) else { continue };
        let Ok(Value::Object(call)) = serde_json::from_str(inside.trim()) else { continue };
        let Some(name) = call.get("name").and_then(Value::as_str) else { continue };
        let arguments = match call.get("arguments").or_else(|| call.get("parameters")) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "{}".to_owned(),
        };
        found.push((name.to_owned(), arguments));
    }
    found
}

/// Where in a block of search and replace a line stands.
enum At {
    Outside,
    Search { path: String, search: String },
    Replace { path: String, search: String, replace: String },
}

fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut at = At::Outside;
    // The last line that could be a path; further blocks of a file do not repeat it.
    let mut path = String::new();
    for line in text.split_inclusive('\n') {
        let mark = line.trim();
        at = match at {
            At::Outside if mark.starts_with("<<<<<<<") && mark.ends_with("SEARCH") => {
                At::Search { path: path.clone(), search: String::new() }
            }
            At::Outside => {
                let name = mark.trim_matches(|letter: char| "`*#: ".contains(letter));
                if !mark.starts_with("```") && !mark.starts_with(">>>>>>>") && is_path(name) {
                    name.clone_into(&mut path);
                }
                At::Outside
            }
            At::Search { path, search } if mark == "=======" => At::Replace { path, search, replace: String::new() },
            At::Search { path, search } => At::Search { path, search: search + line },
            At::Replace { path, search, replace } if mark.starts_with(">>>>>>>") && mark.ends_with("REPLACE") => {
                if search.trim().is_empty() {
                    found.push(("write".to_owned(), json!({ "path": path, "content": replace }).to_string()));
                } else {
                    let edits = json!([{ "search": search, "replace": replace }]);
                    found.push(("edit".to_owned(), json!({ "path": path, "edits": edits }).to_string()));
                }
                At::Outside
            }
            At::Replace { path, search, replace } => At::Replace { path, search, replace: replace + line },
        };
    }
    found
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.len() < 200 && !text.contains(char::is_whitespace) && text.contains(['.', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_calls_are_read_and_what_has_no_end_is_none() {
        let text = "I look.\n<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a.py\"}}\n</tool_call>\n\
                    <tool_call>{\"name\": \"check\"}</tool_call><tool_call>{\"name\": \"run\", \"arguments\": {\"command\": \"rm\"}}";
        let found = calls(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].arguments.as_str()), ("read", "{\"path\":\"a.py\"}"));
        assert_eq!((found[1].name.as_str(), found[1].id.as_str()), ("check", "spoken_1"));
    }

    #[test]
    fn blocks_of_search_and_replace_are_edits_of_the_file_named_before() {
        let text = "Change it:\n\n**app/a.py**\n```python\n<<<<<<< SEARCH\n    x = 1\n=======\n    x = 2\n>>>>>>> REPLACE\n```\n\
                    and\n<<<<<<< SEARCH\ny\n=======\nz\n>>>>>>> REPLACE\nnew.md\n<<<<<<< SEARCH\n=======\n# New\n>>>>>>> REPLACE\n\
                    b.py\n<<<<<<< SEARCH\ncut\n=======\noff\n";
        let found: Vec<(String, Value)> =
            calls(text).into_iter().map(|call| (call.name, serde_json::from_str(&call.arguments).unwrap())).collect();
        let edit = |search: &str, replace: &str| {
            ("edit".to_owned(), json!({ "path": "app/a.py", "edits": [{ "search": search, "replace": replace }] }))
        };
        assert_eq!(found[..2], [edit("    x = 1\n", "    x = 2\n"), edit("y\n", "z\n")]);
        assert_eq!(found[2..], [("write".to_owned(), json!({ "path": "new.md", "content": "# New\n" }))]);
        assert!(calls("no calls here, e.g. a.py").is_empty());
    }
}
