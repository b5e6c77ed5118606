//! Saying how a question differs from the nearest one on a cassette.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// The most lines of a difference that are shown.
const LINES: usize = 40;
/// The longest line that is shown, in characters.
const WIDTH: usize = 160;

/// How alike two questions are: the more, the nearer.
#[must_use]
pub fn likeness(asked: &Value, recorded: &Value) -> usize {
    let same = |field: &str| usize::from(asked[field] == recorded[field]);
    let list = |value: &Value| value["messages"].as_array().cloned().unwrap_or_default();
    let (ours, theirs) = (list(asked), list(recorded));
    let alike = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let length = usize::from(ours.len() == theirs.len());
    // The agent says most: two agents have nothing to say to each other.
    same("agent") * 1000 + alike * 10 + length * 4 + same("tools") * 2 + same("model") + same("provider")
}

/// The first thing that differs, in a few words, and how.
#[must_use]
pub fn describe(asked: &Value, recorded: &Value) -> (String, Vec<String>) {
    for field in ["agent", "provider", "model", "temperature", "max_tokens"] {
        if asked[field] != recorded[field] {
            let what = format!("`{field}` is {}, and was {}", asked[field], recorded[field]);
            return (what, Vec::new());
        }
    }
    let list = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
    let (ours, theirs) = (list(asked, "tools"), list(recorded, "tools"));
    if ours != theirs {
        let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
        let find = |tools: &[Value], wanted: &Value| tools.iter().find(|tool| tool["name"] == wanted["name"]).cloned();
        if let Some(new) = ours.iter().find(|tool| find(&theirs, tool).is_none()) {
            return (format!("tool `{}` is offered, and was not", name(new)), Vec::new());
        }
        if let Some(gone) = theirs.iter().find(|tool| find(&ours, tool).is_none()) {
            return (format!("tool `{}` was offered, and is not", name(gone)), Vec::new());
        }
        for tool in &ours {
            if let Some(before) = find(&theirs, tool).filter(|before| before != tool) {
                return (format!("tool `{}` is described in another way", name(tool)), lines(&before, tool));
            }
        }
        return ("the tools are offered in another order".to_owned(), Vec::new());
    }
    let (ours, theirs) = (list(asked, "messages"), list(recorded, "messages"));
    for (number, (new, old)) in ours.iter().zip(&theirs).enumerate() {
        if new != old {
            let what = format!("message {} ({}) is another one", number + 1, about(new, &ours));
            return (what, lines(old, new));
        }
    }
    let what = match ours.get(theirs.len()).or_else(|| theirs.get(ours.len())) {
        Some(more) if ours.len() > theirs.len() => {
            format!("the conversation goes on with message {} ({})", theirs.len() + 1, about(more, &ours))
        }
        Some(more) => format!("the conversation ends before message {} ({})", ours.len() + 1, about(more, &theirs)),
        None => "it was asked less often".to_owned(),
    };
    (what, Vec::new())
}

/// Who says a message.
fn about(message: &Value, all: &[Value]) -> String {
    match message["role"].as_str() {
        Some("tool") => format!("the result of `{}`", message["name"].as_str().unwrap_or_default()),
        Some("user")
            if all.iter().position(|other| other["role"] == "user") == all.iter().position(|m| m == message) =>
        {
            "the task".to_owned()
        }
        Some("system") => "the agent's prompt".to_owned(),
        role => role.unwrap_or("unknown").to_owned(),
    }
}

/// A value spread over lines; texts that are JSON themselves, too.
fn spread(value: &Value) -> String {
    fn open(value: &Value) -> Value {
        match value {
            Value::String(text) if text.starts_with(['{', '[']) => {
                serde_json::from_str::<Value>(text).map_or_else(|_| value.clone(), |inner| open(&inner))
            }
            Value::String(text) if text.contains('\n') => Value::Array(text.lines().map(Value::from).collect()),
            Value::Array(items) => items.iter().map(open).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), open(value))).collect())
            }
            other => other.clone(),
        }
    }
    serde_json::to_string_pretty(&open(value)).unwrap_or_default()
}

fn lines(old: &Value, new: &Value) -> Vec<String> {
    let (old, new) = (spread(old), spread(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut shown = Vec::new();
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            shown.push("…".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            shown.push(cut(&format!("{sign} {}", change.value().trim_end())));
        }
    }
    let more = shown.len().saturating_sub(LINES);
    shown.truncate(LINES);
    if more > 0 {
        shown.push(format!("… and {more} lines more"));
    }
    shown
}

/// The line, or both ends of it.
fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let head: String = line.chars().take(WIDTH).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(task: &str, tools: &Value) -> Value {
        json!({
            "agent": "tester", "provider": "p", "model": "m", "temperature": 0.0, "max_tokens": 9, "tools": tools,
            "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": task }],
        })
    }

    #[test]
    fn the_first_difference_is_named_and_shown() {
        let tools = json!([{ "name": "look", "description": "d" }]);
        let old = asked(r#"{"node":"tester","state":{"a":1,"b":2}}"#, &tools);
        let new = asked(r#"{"node":"tester","state":{"a":1,"b":3}}"#, &tools);
        let (what, lines) = describe(&new, &old);
        assert_eq!(what, "message 2 (the task) is another one");
        assert!(
            lines.contains(&"-       \"b\": 2".to_owned()) && lines.contains(&"+       \"b\": 3".to_owned()),
            "{lines:?}"
        );
        let more = json!([{ "name": "look", "description": "d" }, { "name": "leap" }]);
        assert_eq!(describe(&asked("x", &more), &asked("x", &tools)).0, "tool `leap` is offered, and was not");
        let mut other = new.clone();
        other["model"] = json!("n");
        assert_eq!(describe(&other, &new).0, "`model` is \"n\", and was \"m\"");
    }

    #[test]
    fn the_nearest_shares_the_agent_and_the_beginning() {
        let tools = json!([]);
        let (one, two) = (asked("one", &tools), asked("two", &tools));
        assert!(likeness(&one, &one) > likeness(&one, &two));
        let mut stranger = one.clone();
        stranger["agent"] = json!("devops");
        assert!(likeness(&one, &two) > likeness(&one, &stranger));
    }
}
