//! Makes a conversation about half as long when a model takes no more of it.
//!
//! What the model is, its task and its last turns stay; old results, old long texts and at last old turns give way to
//! short notes, the oldest first. A call and its result stay or go together. Nothing is asked of a model.

use serde_json::Value;

use super::Message;
use super::wire::text::{message_tokens, tokens};

/// Texts of so many tokens are left as they are.
const SHORT: u64 = 150;
/// How many characters of a text that gives way are kept, at its beginning and at its end.
const KEPT: usize = 200;
/// How many answers of the model, with what followed each, are its last turns.
const LAST_TURNS: usize = 2;

/// The conversation at about half its size; none when there is nothing to leave out.
#[must_use]
pub fn compact(messages: &[Message]) -> Option<Vec<Message>> {
    let before = size(messages);
    let goal = before / 2;
    let mut messages = messages.to_vec();
    let task = messages.iter().position(|message| matches!(message, Message::User { .. }));
    let answers: Vec<usize> = (0..messages.len()).filter(|&at| is_answer(&messages[at])).collect();
    let tail = answers
        .len()
        .checked_sub(LAST_TURNS)
        .map_or_else(|| answers.first().copied().unwrap_or(messages.len()), |first| answers[first]);
    let is_old = |at: usize| at < tail && Some(at) != task;
    for pass in [shorten_result, shorten_said, shorten_called] {
        for at in (0..tail).filter(|&at| is_old(at)) {
            if size(&messages) <= goal {
                break;
            }
            pass(&mut messages[at]);
        }
    }
    if size(&messages) > goal {
        messages = without_old_turns(messages, tail, task, goal);
    }
    // The last results are what the model works with, so they go last, the largest ones alone.
    let large = (goal / 4).max(SHORT);
    for message in messages.iter_mut().rev() {
        if size_of_result(message) > large {
            shorten_result(message);
        }
    }
    (size(&messages) < before - before / 10).then_some(messages)
}

fn size(messages: &[Message]) -> u64 {
    messages.iter().map(message_tokens).sum()
}

fn is_answer(message: &Message) -> bool {
    matches!(message, Message::Assistant { .. })
}

fn size_of_result(message: &Message) -> u64 {
    match message {
        Message::Tool { content, .. } => tokens(content),
        Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => 0,
    }
}

fn shorten_result(message: &mut Message) {
    if let Message::Tool { content, .. } = message {
        shorten(content);
    }
}

fn shorten_said(message: &mut Message) {
    match message {
        Message::User { content } => {
            shorten(content);
        }
        Message::Assistant { content: Some(content), replay, .. } => {
            if shorten(content) {
                *replay = None;
            }
        }
        Message::System { .. } | Message::Tool { .. } | Message::Assistant { content: None, .. } => {}
    }
}

/// Shortens the texts in the arguments of old calls, which stay the JSON they were; thoughts that came with them go.
fn shorten_called(message: &mut Message) {
    let Message::Assistant { tool_calls, replay, .. } = message else { return };
    *replay = None;
    for call in tool_calls {
        if tokens(&call.arguments) <= SHORT {
            continue;
        }
        match serde_json::from_str::<Value>(&call.arguments) {
            Ok(mut arguments) => {
                shorten_texts(&mut arguments);
                call.arguments = arguments.to_string();
            }
            Err(_) => {
                shorten(&mut call.arguments);
            }
        }
    }
}

fn shorten_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            shorten(text);
        }
        Value::Array(list) => list.iter_mut().for_each(shorten_texts),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| shorten_texts(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Leaves the middle of a long text out; whether it was long.
fn shorten(text: &mut String) -> bool {
    if tokens(text) <= SHORT {
        return false;
    }
    let count = text.chars().count();
    if count <= 3 * KEPT {
        return false;
    }
    let head: String = text.chars().take(KEPT).collect();
    let end: String = text.chars().skip(count - KEPT).collect();
    *text = format!("{head}\n[{} characters left out here to save space]\n{end}", count - 2 * KEPT);
    true
}

/// Leaves old turns out, the oldest first: an answer goes with everything up to the next one.
fn without_old_turns(messages: Vec<Message>, tail: usize, task: Option<usize>, goal: u64) -> Vec<Message> {
    let mut left = size(&messages);
    let mut kept = Vec::new();
    let mut gone = 0_usize;
    let mut going = false;
    let mut note_at = None;
    for (at, message) in messages.into_iter().enumerate() {
        if at < tail && is_answer(&message) {
            going = left > goal;
            gone += usize::from(going);
        }
        let stays = at >= tail || Some(at) == task || matches!(message, Message::System { .. });
        if going && !stays {
            left -= message_tokens(&message);
            note_at = note_at.or(Some(kept.len()));
        } else {
            kept.push(message);
        }
    }
    if let Some(at) = note_at {
        let turns = if gone == 1 { "turn was" } else { "turns were" };
        let content = format!("[{gone} earlier {turns} left out here to save space; look again at what you need]");
        kept.insert(at, Message::User { content });
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ToolCall;
    use super::super::wire::transcript::{Turn, transcript};
    use super::*;

    fn call(id: usize, arguments: &str) -> Message {
        let call = ToolCall { id: format!("call_{id}"), name: "read".to_owned(), arguments: arguments.to_owned() };
        Message::Assistant { content: None, tool_calls: vec![call], replay: Some(json!({ "thought": "signed" })) }
    }

    fn result(id: usize, content: &str) -> Message {
        Message::Tool { call_id: format!("call_{id}"), name: "read".to_owned(), content: content.to_owned() }
    }

    fn talk(turns: usize, words: usize) -> Vec<Message> {
        let mut messages = vec![
            Message::System { content: "You are careful.".to_owned() },
            Message::User { content: format!("the task {}", "long ".repeat(400)) },
        ];
        for turn in 0..turns {
            messages.push(call(turn, "{\"path\":\"a\"}"));
            messages.push(result(turn, &format!("turn {turn} {}", "text ".repeat(words))));
        }
        messages
    }

    #[test]
    fn old_results_give_way_first_and_the_last_turns_stay() {
        let messages = talk(10, 1000);
        let shorter = compact(&messages).unwrap();
        assert!(size(&shorter) <= size(&messages) / 2 + 200, "{} of {}", size(&shorter), size(&messages));
        assert_eq!(shorter.len(), messages.len(), "no turn has to go");
        assert_eq!(shorter[..2], messages[..2]);
        assert_eq!(shorter[shorter.len() - 4..], messages[messages.len() - 4..]);
        assert!(matches!(&shorter[3], Message::Tool { content, .. } if content.contains("characters left out")));
    }

    #[test]
    fn many_short_turns_give_way_whole() {
        let messages = talk(200, 20);
        let shorter = compact(&messages).unwrap();
        assert!(size(&shorter) <= size(&messages) / 2 + 300);
        let told = transcript(&shorter);
        for pair in told.turns.windows(2) {
            if let Turn::Assistant(answer) = &pair[0] {
                let Turn::Results(results) = &pair[1] else { panic!("a call without its result") };
                assert_eq!(answer.calls.len(), results.len());
                assert!(results.iter().all(|result| result.content.starts_with("turn ")), "{results:?}");
            }
        }
        assert!(matches!(&shorter[2], Message::User { content } if content.contains("earlier turns were left out")));
        assert_eq!(shorter.last(), messages.last());
    }

    #[test]
    fn arguments_stay_json_and_thoughts_that_no_longer_fit_go() {
        let mut messages = talk(0, 0);
        let written = json!({ "path": "a.py", "text": "x = 1\n".repeat(3000) }).to_string();
        for turn in 0..6 {
            messages.push(call(turn, &written));
            messages.push(result(turn, "ok"));
        }
        let shorter = compact(&messages).unwrap();
        let Message::Assistant { tool_calls, replay, .. } = &shorter[2] else { panic!() };
        let arguments: Value = serde_json::from_str(&tool_calls[0].arguments).unwrap();
        assert_eq!(arguments["path"], "a.py");
        assert!(tool_calls[0].arguments.len() < 1000);
        assert_eq!(*replay, None);
        let Message::Assistant { replay, .. } = &shorter[shorter.len() - 2] else { panic!() };
        assert!(replay.is_some());
    }

    #[test]
    fn one_huge_last_result_is_shortened_and_a_short_talk_is_left_alone() {
        let messages = talk(1, 50_000);
        let shorter = compact(&messages).unwrap();
        assert!(size(&shorter) < size(&messages) / 2);
        assert_eq!(shorter[1], messages[1], "the task stays");
        assert_eq!(compact(&talk(1, 5)), None);
        assert_eq!(compact(&[]), None);
    }
}
