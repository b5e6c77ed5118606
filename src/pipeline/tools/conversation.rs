//! Talking: the intent, questions to the person, handing over to another agent.

use schemars::JsonSchema;
use std::future::ready;

use serde::Deserialize;
use serde_json::json;

use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::names::AgentName;
use crate::domain::run::{Question, Wait};
use crate::domain::state::{Change, Intent, Message, Role};
use crate::domain::suggest::nearest;

/// The most rounds of questions in one run.
const ROUNDS: usize = 3;
/// The most questions of one round.
const QUESTIONS: usize = 3;
/// The longest reason of a hand-over, in characters.
const REASON: usize = 2000;

/// Says what the person wants done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetIntent {
    /// What is wanted.
    intent: Intent,
    /// In one line, in the person's language.
    summary: String,
}

/// Asks the person.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskUser {
    /// One to three questions.
    questions: Vec<Question>,
}

/// Hands over to another agent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Handoff {
    /// The agent.
    to: AgentName,
    /// What it is to do and why, with the facts it needs: it sees nothing else of this conversation.
    reason: String,
}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "set_intent",
            "Say what the person wants done. Call it once.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(Ok(set_intent(context, &args)))),
        ),
        Tool::new(
            "ask_user",
            "Ask the person one to three short questions and wait for the answers. At most three rounds in a run; after them, assume and say so.",
            WorldEffect::Reads,
            |context, args| Box::pin(ready(ask_user(context, &args))),
        ),
        Tool::new(
            "handoff",
            "Hand the work over to another agent, when it is not yours to do. Ends your part: call it last.",
            WorldEffect::Changes,
            |context, args| Box::pin(ready(handoff(context, args))),
        ),
    ]
}

fn set_intent(context: &Context<'_>, args: &SetIntent) -> Output {
    (context.notes)(&args.summary);
    context.change(Change::PoIntent(args.intent));
    json!({ "ok": true }).into()
}

/// How often agents have asked and a person has answered.
fn rounds(said: &[Message]) -> usize {
    let asks =
        |pair: &&[Message]| pair[0].role == Role::Assistant && pair[0].agent.is_some() && pair[1].role == Role::User;
    said.windows(2).filter(asks).count()
}

fn ask_user(context: &Context<'_>, args: &AskUser) -> Result<Output, ToolError> {
    if args.questions.is_empty() || args.questions.len() > QUESTIONS {
        return Err(ToolError::refused(format!(
            "a round has one to {QUESTIONS} questions, not {}",
            args.questions.len()
        )));
    }
    if let Some(question) = args.questions.iter().find(|question| question.has_blanks()) {
        return Err(ToolError::refused(format!(
            "question `{}` has a blank text, choice or assumption: each has words in it, or is left out",
            question.id
        )));
    }
    if rounds(&context.state.messages) >= ROUNDS {
        let asked: Vec<&str> = args.questions.iter().map(|question| question.text.as_str()).collect();
        return Err(ToolError::refused(format!(
            "after {ROUNDS} rounds of questions nobody is asked again: go on with an assumption for each open point and list it under `assumptions`; still open: {}",
            asked.join(" ")
        )));
    }
    Ok(Output { ask: Some((Wait::Input, args.questions.clone())), ..Output::default() })
}

fn handoff(context: &Context<'_>, args: Handoff) -> Result<Output, ToolError> {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(ToolError::refused("a hand-over has a reason: what is to be done, and why"));
    }
    let allowed = context.agent.handoffs.iter().filter(|to| context.graph.node(to).is_some());
    let names: Vec<&str> = allowed.map(AgentName::as_str).collect();
    if !names.contains(&args.to.as_str()) {
        let near = nearest(args.to.as_str(), names.iter().copied()).map(|near| format!(", {near}")).unwrap_or_default();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        return Err(ToolError::refused(format!(
            "`{}` may not hand over to `{}`{near}; its file allows {names}",
            context.agent.id, args.to
        )));
    }
    let reason: String = reason.chars().take(REASON).collect();
    (context.notes)(&format!("to {}: {reason}", args.to));
    Ok(Output { content: json!({ "ok": true }), handoff: Some((args.to, reason)), ..Output::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_a_question_of_an_agent_and_an_answer_however_many_questions_it_has() {
        let agent = AgentName::parse("brainstorm").unwrap();
        let said = |role, agent: Option<&AgentName>| Message { role, agent: agent.cloned(), content: String::new() };
        let (asks, answers) = (said(Role::Assistant, Some(&agent)), said(Role::User, None));
        let described = vec![answers.clone()];
        let round = vec![asks.clone(), asks, answers.clone(), answers.clone()];
        let guard = vec![said(Role::Assistant, None), answers];
        assert_eq!(rounds(&described), 0);
        assert_eq!(rounds(&[described.clone(), round.clone(), round.clone()].concat()), 2);
        assert_eq!(rounds(&[described, round, guard].concat()), 1, "a guard's question is not the agent's");
    }
}
