//! What endpoints and models take otherwise: known from their names, or learned from a refusal, once for each model.

use std::collections::BTreeSet;

use super::super::wire::fault::Fault;

/// Parameters a refusal may be about.
const PARAMETERS: [&str; 6] =
    ["max_completion_tokens", "max_tokens", "reasoning_content", "stream_options", "stream", "temperature"];

/// How one model at one endpoint is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The limit of tokens is called `max_completion_tokens`.
    pub completion_tokens: bool,
    /// What the model thought before its calls has to be sent back.
    pub wants_reasoning: bool,
    /// It says what a call costs when it is asked to.
    pub tells_cost: bool,
    refused: BTreeSet<&'static str>,
}

impl Dialect {
    /// What is known from the names.
    #[must_use]
    pub fn of(host: &str, model: &str) -> Self {
        let thinks = is_reasoning(model);
        let mut refused = BTreeSet::new();
        if thinks {
            refused.insert("temperature");
        }
        Self {
            completion_tokens: thinks || host == "api.openai.com",
            wants_reasoning: false,
            tells_cost: host == "openrouter.ai" || host.ends_with(".openrouter.ai"),
            refused,
        }
    }

    /// The model takes the parameter, as far as is known.
    #[must_use]
    pub fn takes(&self, parameter: &str) -> bool {
        !self.refused.contains(parameter)
    }

    /// Learns from a refusal of a question; whether there is something new to try. `sent` tells whether a parameter
    /// was in the question.
    pub fn adapt(&mut self, fault: &Fault, sent: &dyn Fn(&str) -> bool) -> bool {
        let Some(parameter) = fault.unsupported(&PARAMETERS) else { return false };
        match parameter {
            "reasoning_content" => !std::mem::replace(&mut self.wants_reasoning, true),
            _ if !sent(parameter) => false,
            "max_tokens" | "max_completion_tokens" => {
                // The other name is tried once; then there is no limit to send.
                let other = if parameter == "max_tokens" { "max_completion_tokens" } else { "max_tokens" };
                self.completion_tokens = other == "max_completion_tokens" && self.takes(other);
                self.refused.insert(parameter)
            }
            other => self.refused.insert(other),
        }
    }
}

/// The models of OpenAI that think before they answer, also with a vendor before the name.
fn is_reasoning(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let mut characters = name.chars();
    let o_series = characters.next() == Some('o')
        && characters.next().is_some_and(|digit| digit.is_ascii_digit())
        && characters.next().is_none_or(|next| next == '-');
    o_series || (name.starts_with("gpt-5") && !name.contains("chat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_models_are_known_by_their_names() {
        for (model, thinks) in [
            ("o1", true),
            ("o3-mini", true),
            ("openai/o4-mini-high", true),
            ("gpt-5", true),
            ("openai/gpt-5.1-codex", true),
            ("gpt-5-chat-latest", false),
            ("gpt-4o", false),
            ("olmo-2", false),
            ("openchat", false),
        ] {
            assert_eq!(is_reasoning(model), thinks, "{model}");
        }
        assert!(Dialect::of("api.openai.com", "gpt-4o").completion_tokens);
        assert!(!Dialect::of("127.0.0.1", "llama3").completion_tokens);
    }

    #[test]
    fn a_refusal_is_learned_from_once() {
        let mut dialect = Dialect::of("x", "m");
        let refused = |name: &str| Fault {
            status: 400,
            code: "unsupported_parameter".to_owned(),
            param: name.to_owned(),
            ..Fault::default()
        };
        let sent = |parameter: &str| ["max_tokens", "temperature"].contains(&parameter);
        assert!(dialect.adapt(&refused("temperature"), &sent));
        assert!(!dialect.adapt(&refused("temperature"), &sent));
        assert!(dialect.adapt(&refused("max_tokens"), &sent));
        assert!(dialect.completion_tokens);
        assert!(dialect.adapt(&refused("max_completion_tokens"), &|parameter| parameter == "max_completion_tokens"));
        assert!(!dialect.completion_tokens && !dialect.takes("max_tokens"));
        assert!(!dialect.adapt(&refused("stream_options"), &sent), "it was not sent");
        assert!(!dialect.adapt(&refused("tools"), &|parameter| parameter == "tools"));
    }
}
