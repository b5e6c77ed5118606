//! Tool calls, whole or in pieces that endpoints number in their own ways, or not at all.

use serde_json::Value;

use super::super::ToolCall;
use super::super::wire::json::{Json, member};
use super::super::wire::text::tokens;

/// Calls as they come together.
#[derive(Debug, Default)]
pub struct Calls(Vec<Part>);

#[derive(Debug, Default)]
struct Part {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    extra: Value,
}

/// One piece, read.
struct Piece {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    extra: Value,
}

impl Calls {
    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how many tokens they have.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.0.iter().map(|part| tokens(&part.name) + tokens(&part.arguments)).sum()
    }

    /// Takes a whole call.
    pub fn take_whole(&mut self, call: &Json<'_>) {
        let piece = read(call);
        self.begin(piece);
    }

    /// Takes a piece of a call; whether it said anything.
    pub fn take_piece(&mut self, call: &Json<'_>) -> bool {
        let piece = read(call);
        let says = !(piece.id.is_empty() && piece.name.is_empty() && piece.arguments.is_empty());
        let begun = match piece.index {
            Some(index) => self.0.iter().rposition(|part| part.index == Some(index)),
            None if piece.id.is_empty() => self.0.len().checked_sub(1),
            None => self.0.iter().rposition(|part| part.id == piece.id),
        };
        let begun = begun.filter(|&at| continues(&self.0[at], &piece));
        let Some(part) = begun.and_then(|at| self.0.get_mut(at)) else {
            // A piece that says nothing and belongs to nothing begins no call.
            if says || piece.index.is_some() {
                self.begin(piece);
            }
            return says;
        };
        if part.id.is_empty() {
            part.id = piece.id;
        }
        if part.name.is_empty() || (piece.name.starts_with(&part.name) && part.arguments.is_empty()) {
            if !piece.name.is_empty() {
                part.name = piece.name;
            }
        } else if part.arguments.is_empty() && piece.name != part.name {
            part.name.push_str(&piece.name);
        }
        part.arguments.push_str(&piece.arguments);
        if !piece.extra.is_null() {
            part.extra = piece.extra;
        }
        says
    }

    fn begin(&mut self, piece: Piece) {
        let Piece { index, id, name, arguments, extra } = piece;
        self.0.push(Part { index, id, name, arguments, extra });
    }

    /// The calls, and what is to be sent back with each.
    #[must_use]
    pub fn finish(self) -> (Vec<ToolCall>, Vec<Value>) {
        self.0
            .into_iter()
            .map(|part| (ToolCall { id: part.id, name: part.name, arguments: part.arguments }, part.extra))
            .unzip()
    }
}

/// Whether a piece goes on with a call. Servers that give every call the same number, or none, are told by what the
/// pieces hold: another id, another name after arguments, or more after arguments that were whole.
fn continues(part: &Part, piece: &Piece) -> bool {
    if !piece.id.is_empty() && !part.id.is_empty() {
        return piece.id == part.id;
    }
    if piece.name.is_empty() || part.name.is_empty() || part.arguments.trim().is_empty() {
        return true;
    }
    let whole = || serde_json::from_str::<serde::de::IgnoredAny>(&part.arguments).is_ok();
    piece.name == part.name && (piece.arguments.trim().is_empty() || !whole())
}

fn read(call: &Json<'_>) -> Piece {
    let text = |value: Option<&Json<'_>>| match value {
        Some(Json::Str(text)) => text.to_string(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let kind = text(member(call, "type"));
    let empty = Json::Null;
    let function = member(call, "function").or_else(|| member(call, "custom")).unwrap_or(&empty);
    let mut name = text(member(function, "name").or_else(|| member(call, "name")));
    let arguments =
        match member(function, "arguments").or_else(|| member(function, "input")).or_else(|| member(call, "arguments"))
        {
            None | Some(Json::Null) => String::new(),
            Some(Json::Str(text)) => text.to_string(),
            Some(other) => other.to_string(),
        };
    if !matches!(kind.as_str(), "" | "function") {
        // What is no function must not be taken for the tool of that name: no tool's name has a colon.
        name = format!("{kind}:{name}");
    }
    Piece {
        index: member(call, "index").and_then(Json::as_u64),
        id: text(member(call, "id")).trim().to_owned(),
        name,
        arguments,
        extra: member(call, "extra_content").map(Value::from).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assembled(pieces: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for piece in pieces {
            calls.take_piece(&Json::from(piece));
        }
        calls.finish().0.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn f(name: &str, arguments: &str) -> Value {
        json!({ "name": name, "arguments": arguments })
    }

    #[test]
    fn calls_without_ids_and_numbers_are_told_apart() {
        let two = assembled(&[
            json!({ "function": f("a", "{}") }),
            json!({ "function": f("a", "{}") }),
            json!({ "index": 0, "function": f("b", "{}") }),
            json!({ "index": 0, "function": f("b", "{}") }),
        ]);
        assert_eq!(two.len(), 4, "{two:?}");
        let one = assembled(&[
            json!({ "index": 0, "function": f("a", "") }),
            json!({ "index": 0, "function": f("a", "{\"x\":") }),
            json!({ "index": 0, "function": f("a", "1}") }),
            json!({ "index": 0, "function": f("a", "") }),
        ]);
        assert_eq!(one, [(String::new(), "a".to_owned(), "{\"x\":1}".to_owned())]);
    }

    #[test]
    fn names_in_pieces_and_names_that_grow_come_out_once() {
        let piece = |name: &str| json!({ "index": 0, "id": "i", "function": { "name": name } });
        assert_eq!(assembled(&[piece("get_"), piece("weather")])[0].1, "get_weather");
        assert_eq!(assembled(&[piece("get_"), piece("get_weather")])[0].1, "get_weather");
        assert_eq!(assembled(&[piece("get"), piece("get"), piece("")])[0].1, "get");
    }

    #[test]
    fn what_is_no_function_never_has_the_name_of_a_tool() {
        let calls = assembled(&[json!({ "id": "1", "type": "builtin_function", "function": f("run", "{}") })]);
        assert_eq!(calls[0].1, "builtin_function:run");
    }
}
