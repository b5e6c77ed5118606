//! A conversation in the shape the strictest endpoint takes: every call has one result right after it and every
//! result its call, ids are unique, names and arguments are well formed, people and models take turns.
//!
//! What an agent did is never changed by it, only how it is told to the endpoint.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::super::{Message, ToolCall};

/// The longest id and the longest name endpoints take.
const ID_LIMIT: usize = 40;
const NAME_LIMIT: usize = 64;
/// Said where a turn of the person is missing: some endpoints insist on turns.
const GO_ON: &str = "Go on.";
/// The result of a call that has none, because the run ended between the two.
const NO_RESULT: &str = "This call was not carried out.";
/// The result of a call that gave nothing: some endpoints take no empty text.
const NOTHING: &str = "(nothing)";

/// A conversation ready to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript<'a> {
    /// What the model is; empty when nothing is said.
    pub system: Cow<'a, str>,
    /// The turns. The first and the last are not the model's.
    pub turns: Vec<Turn<'a>>,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn<'a> {
    /// The person says something; never two in a row.
    User(Vec<Cow<'a, str>>),
    /// The model answered.
    Assistant(Answer<'a>),
    /// What its calls came to: as many as there were, in their order, right after it.
    Results(Vec<Outcome<'a>>),
}

/// An answer of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a> {
    /// The text.
    pub content: Option<&'a str>,
    /// The calls.
    pub calls: Vec<Call<'a>>,
    /// What the provider wants back, when nothing of the calls had to be told otherwise.
    pub replay: Option<&'a Value>,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    /// Its id, unique in the conversation.
    pub id: Cow<'a, str>,
    /// A name endpoints take.
    pub name: Cow<'a, str>,
    /// The text of a JSON object.
    pub arguments: Cow<'a, str>,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    /// The call.
    pub id: Cow<'a, str>,
    /// Never empty.
    pub content: &'a str,
}

/// Tells a conversation.
#[must_use]
pub fn transcript(messages: &[Message]) -> Transcript<'_> {
    let mut system: Vec<&str> = Vec::new();
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let mut ids = HashSet::new();
    let mut rest = messages.iter().enumerate().peekable();
    while let Some((position, message)) = rest.next() {
        match message {
            Message::System { content } => system.push(content),
            Message::User { content } => say(&mut turns, Cow::Borrowed(content)),
            Message::Tool { name, content, .. } => {
                say(&mut turns, Cow::Owned(format!("An earlier call of `{name}` gave: {content}")));
            }
            Message::Assistant { content, tool_calls, replay } => {
                let content = content.as_deref().filter(|content| !content.trim().is_empty());
                if content.is_none() && tool_calls.is_empty() {
                    continue;
                }
                if !matches!(turns.last(), Some(Turn::User(_) | Turn::Results(_))) {
                    say(&mut turns, Cow::Borrowed(GO_ON));
                }
                let calls: Vec<Call<'_>> = tool_calls
                    .iter()
                    .enumerate()
                    .map(|(index, call)| told(call, minted(position, index), &mut ids))
                    .collect();
                let same = calls.iter().zip(tool_calls).all(|(told, call)| {
                    told.id == call.id && told.name == call.name && !matches!(told.arguments, Cow::Owned(_))
                });
                turns.push(Turn::Assistant(Answer { content, calls, replay: replay.as_ref().filter(|_| same) }));
                if tool_calls.is_empty() {
                    continue;
                }
                let mut results = Vec::new();
                while let Some((_, Message::Tool { call_id, name, content })) =
                    rest.next_if(|(_, next)| matches!(next, Message::Tool { .. }))
                {
                    results.push(Some((call_id, name, content)));
                }
                let Some(Turn::Assistant(answer)) = turns.last() else { continue };
                let outcomes = tool_calls
                    .iter()
                    .zip(&answer.calls)
                    .map(|(call, told)| {
                        let found =
                            results.iter_mut().find(|result| matches!(result, Some((id, ..)) if **id == call.id));
                        let content = found.and_then(Option::take).map_or(NO_RESULT, |(_, _, content)| content);
                        let content = if content.trim().is_empty() { NOTHING } else { content };
                        Outcome { id: told.id.clone(), content }
                    })
                    .collect();
                turns.push(Turn::Results(outcomes));
                for (_, name, content) in results.into_iter().flatten() {
                    say(&mut turns, Cow::Owned(format!("An earlier call of `{name}` gave: {content}")));
                }
            }
        }
    }
    if !matches!(turns.last(), Some(Turn::User(_) | Turn::Results(_))) {
        say(&mut turns, Cow::Borrowed(GO_ON));
    }
    let system = if let [only] = *system { Cow::Borrowed(only) } else { Cow::Owned(system.join("\n\n")) };
    Transcript { system, turns }
}

fn say<'a>(turns: &mut Vec<Turn<'a>>, text: Cow<'a, str>) {
    if text.trim().is_empty() {
        return;
    }
    match turns.last_mut() {
        Some(Turn::User(texts)) => texts.push(text),
        Some(Turn::Assistant(_) | Turn::Results(_)) | None => turns.push(Turn::User(vec![text])),
    }
}

/// An id for a call that came without one: nine letters and digits, which every endpoint takes, and the same whenever
/// the same conversation is held again.
#[must_use]
pub fn minted(position: usize, index: usize) -> String {
    format!("c{:05}{:03}", position % 100_000, index % 1000)
}

fn told<'a>(call: &'a ToolCall, otherwise: String, ids: &mut HashSet<String>) -> Call<'a> {
    let good = is_plain(&call.id, ID_LIMIT) && !ids.contains(&call.id);
    let id = if good { Cow::Borrowed(call.id.as_str()) } else { Cow::Owned(unused(otherwise, ids)) };
    ids.insert(id.clone().into_owned());
    let name = if is_plain(&call.name, NAME_LIMIT) {
        Cow::Borrowed(call.name.as_str())
    } else {
        let plain: String =
            call.name.chars().map(|c| if is_plain_char(c) { c } else { '_' }).take(NAME_LIMIT).collect();
        Cow::Owned(if plain.is_empty() { "unknown".to_owned() } else { plain })
    };
    let written = call.arguments.trim();
    let arguments = if written.is_empty() {
        Cow::Borrowed("{}")
    } else if written.starts_with('{') && serde_json::from_str::<IgnoredAny>(written).is_ok() {
        Cow::Borrowed(call.arguments.as_str())
    } else {
        // Endpoints that parse the arguments refuse the whole conversation over one bad call.
        Cow::Owned(json!({ "invalid_json": call.arguments }).to_string())
    };
    Call { id, name, arguments }
}

fn unused(wanted: String, ids: &HashSet<String>) -> String {
    let mut id = wanted;
    let mut more = 0_u32;
    while ids.contains(&id) {
        more += 1;
        id = format!("d{more:08}");
    }
    id
}

fn is_plain(text: &str, limit: usize) -> bool {
    !text.is_empty() && text.len() <= limit && text.chars().all(is_plain_char)
}

fn is_plain_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// Unique ids for the calls of one answer: those of the provider where they name one call, minted ones elsewhere.
pub fn name_calls(calls: &mut [ToolCall], position: usize) {
    let mut ids: HashSet<String> = HashSet::new();
    for (index, call) in calls.iter_mut().enumerate() {
        if call.id.trim().is_empty() || ids.contains(&call.id) {
            call.id = unused(minted(position, index), &ids);
        }
        ids.insert(call.id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Message {
        Message::User { content: text.to_owned() }
    }

    fn calls(calls: &[(&str, &str, &str)]) -> Message {
        let tool_calls = calls
            .iter()
            .map(|(id, name, arguments)| ToolCall {
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                arguments: (*arguments).to_owned(),
            })
            .collect();
        Message::Assistant { content: None, tool_calls, replay: Some(json!({ "x": 1 })) }
    }

    fn result(id: &str, content: &str) -> Message {
        Message::Tool { call_id: id.to_owned(), name: "look".to_owned(), content: content.to_owned() }
    }

    #[test]
    fn every_call_has_its_result_and_every_result_its_call() {
        let messages = [
            user("do"),
            calls(&[("a", "look", "{}"), ("b", "look", "{}")]),
            result("b", "two"),
            result("stray", "lost"),
            calls(&[("a", "look", "{}")]),
            result("a", " "),
        ];
        let told = transcript(&messages);
        assert_eq!(
            told.turns[2],
            Turn::Results(vec![
                Outcome { id: "a".into(), content: NO_RESULT },
                Outcome { id: "b".into(), content: "two" }
            ])
        );
        assert_eq!(told.turns[3], Turn::User(vec!["An earlier call of `look` gave: lost".into()]));
        let Turn::Assistant(answer) = &told.turns[4] else { panic!("{:?}", told.turns) };
        assert_eq!(answer.calls[0].id, "c00004000", "an id that was used before names another call");
        assert_eq!(answer.replay, None, "what is told otherwise cannot be replayed untouched");
        assert_eq!(told.turns[5], Turn::Results(vec![Outcome { id: "c00004000".into(), content: NOTHING }]));
    }

    #[test]
    fn names_and_arguments_are_told_in_a_form_every_endpoint_takes() {
        let messages =
            [user("do"), calls(&[("a b", "functions.look at", "{\"a\":"), ("", "", ""), ("c", "ok", "[1]")])];
        let told = transcript(&messages);
        let Turn::Assistant(answer) = &told.turns[1] else { panic!("{:?}", told.turns) };
        let shown: Vec<_> = answer.calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
        assert_eq!(
            shown,
            [
                ("c00001000", "functions_look_at", r#"{"invalid_json":"{\"a\":"}"#),
                ("c00001001", "unknown", "{}"),
                ("c", "ok", r#"{"invalid_json":"[1]"}"#),
            ]
        );
    }

    #[test]
    fn people_and_models_take_turns() {
        let said = |text: &str| Message::Assistant { content: Some(text.to_owned()), tool_calls: vec![], replay: None };
        let messages = [
            said("early"),
            Message::System { content: "be".to_owned() },
            user("one"),
            user("two"),
            said(" "),
            user("three"),
            said("four"),
            said("five"),
        ];
        let told = transcript(&messages);
        assert_eq!(told.system, "be");
        let roles: String = told
            .turns
            .iter()
            .map(|turn| match turn {
                Turn::User(texts) => char::from_digit(u32::try_from(texts.len()).unwrap(), 10).unwrap(),
                Turn::Assistant(_) => 'a',
                Turn::Results(_) => 'r',
            })
            .collect();
        assert_eq!(roles, "1a3a1a1");
    }
}
