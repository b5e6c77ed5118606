//! Guards against going round in circles, and what a person rules when one trips.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::AgentName;
use super::run::Question;
use super::spec::Language;

/// A guard that tripped, with its figures. `more` is what a person may grant: as much again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Guard {
    /// The run has visited many nodes.
    Steps {
        /// How many.
        taken: u32,
        /// How many more are granted.
        more: u32,
    },
    /// One edge was passed often.
    Edge {
        /// Where it begins; none for the start.
        from: Option<AgentName>,
        /// Where it ends.
        to: AgentName,
        /// How often.
        passed: u32,
        /// How many more passages are granted.
        more: u32,
    },
    /// One agent hands over to another for the same reason again and again.
    SameReason {
        /// Who hands over.
        from: AgentName,
        /// To whom.
        to: AgentName,
        /// The reason.
        reason: String,
        /// How often.
        times: u32,
    },
    /// A node would begin again, by the same way, with nothing changed.
    SameState {
        /// The node.
        node: AgentName,
    },
    /// Step after step brought nothing new.
    NoEvidence {
        /// How many steps.
        steps: u32,
    },
    /// An agent's calls were refused one after the other.
    Refusals {
        /// The agent.
        agent: AgentName,
        /// How many.
        times: u32,
        /// Why the last one was.
        last: String,
    },
    /// An agent took all its turns without coming to an end.
    Turns {
        /// The agent.
        agent: AgentName,
        /// How many.
        taken: u32,
        /// How many more are granted.
        more: u32,
    },
    /// An agent makes the same calls with the same results again and again.
    Repeats {
        /// The agent.
        agent: AgentName,
        /// The tool of the last call.
        tool: String,
        /// How many calls.
        times: u32,
    },
}

/// The id of a guard's question.
pub const QUESTION: &str = "guard";

impl Guard {
    /// What happened, in one line.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let ru = language == Language::Ru;
        match self {
            Self::Steps { taken, .. } if ru => format!("шагов сделано: {taken}"),
            Self::Steps { taken, .. } => format!("the run has taken {taken} steps"),
            Self::Edge { from, to, passed, .. } => {
                let from = from.as_ref().map_or("start", AgentName::as_str);
                if ru {
                    format!("`{from}` передаёт работу `{to}`, раз: {passed}")
                } else {
                    format!("`{from}` has handed over to `{to}` {passed} times")
                }
            }
            Self::SameReason { from, to, reason, times } if ru => {
                format!("`{from}` передаёт работу `{to}` по одной и той же причине, раз: {times} ({reason})")
            }
            Self::SameReason { from, to, reason, times } => {
                format!("`{from}` has handed over to `{to}` {times} times for the same reason: {reason}")
            }
            Self::SameState { node } if ru => {
                format!("`{node}` начинает снова, а с прошлого раза ничего не изменилось")
            }
            Self::SameState { node } => {
                format!("`{node}` is to begin again, and nothing has changed since the last time")
            }
            Self::NoEvidence { steps } if ru => format!("шагов подряд без нового результата: {steps}"),
            Self::NoEvidence { steps } => format!("{steps} steps in a row have brought nothing new"),
            Self::Refusals { agent, times, last } if ru => {
                format!("вызовы агента `{agent}` отклонены подряд, раз: {times}; последний: {last}")
            }
            Self::Refusals { agent, times, last } => {
                format!("{times} calls of agent `{agent}` in a row were refused, the last one because {last}")
            }
            Self::Turns { agent, taken, .. } if ru => format!("агент `{agent}` не закончил за {taken} ходов"),
            Self::Turns { agent, taken, .. } => {
                format!("agent `{agent}` took its {taken} turns without coming to an end")
            }
            Self::Repeats { agent, tool, times } if ru => {
                format!(
                    "агент `{agent}` повторяет одни и те же вызовы с тем же итогом, раз: {times}; последний: `{tool}`"
                )
            }
            Self::Repeats { agent, tool, times } => {
                format!(
                    "agent `{agent}` has made the same calls with the same results {times} times, the last `{tool}`"
                )
            }
        }
    }

    /// What a person may grant, in words.
    fn grant(&self, language: Language) -> String {
        let ru = language == Language::Ru;
        match self {
            Self::Steps { more, .. } if ru => format!("ещё шагов: {more}"),
            Self::Steps { more, .. } => format!("{more} more steps"),
            Self::Edge { more, .. } if ru => format!("ещё передач: {more}"),
            Self::Edge { more, .. } => format!("{more} more times"),
            Self::Turns { more, .. } if ru => format!("ещё ходов: {more}"),
            Self::Turns { more, .. } => format!("{more} more turns"),
            Self::SameReason { times, .. } | Self::Refusals { times, .. } | Self::Repeats { times, .. } => {
                if ru {
                    format!("ещё попыток: {times}")
                } else {
                    format!("{times} more tries")
                }
            }
            Self::NoEvidence { steps } if ru => format!("ещё шагов: {steps}"),
            Self::NoEvidence { steps } => format!("{steps} more steps"),
            Self::SameState { .. } if ru => "ещё один раз".to_owned(),
            Self::SameState { .. } => "one more time".to_owned(),
        }
    }

    /// The question a person is asked, with three ways to go on.
    #[must_use]
    pub fn question(&self, language: Language) -> Question {
        let (what, grant) = (self.words(language), self.grant(language));
        let (text, choices) = match language {
            Language::En => (
                format!(
                    "{what}; `continue` allows {grant}, `change input: …` tells the agents what to do differently, `stop` ends the run"
                ),
                ["continue", "change input", "stop"],
            ),
            Language::Ru => (
                format!(
                    "{what}; `продолжить` — {grant}, `изменить ввод: …` — сказать агентам, что сделать иначе, `остановить` — закончить"
                ),
                ["продолжить", "изменить ввод", "остановить"],
            ),
        };
        Question { id: QUESTION.to_owned(), text, choices: choices.map(str::to_owned).to_vec(), assumption: None }
    }
}

/// What a person rules when a guard has tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Go on, as much again.
    Continue,
    /// Go on with something new to go by.
    Change(String),
    /// End the run.
    Stop,
}

impl Ruling {
    /// Reads an answer. Everything that is none of the other two is something new to go by; none when it was
    /// announced and not said.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let word = text.to_lowercase();
        match word.as_str() {
            "" | "2" | "change" | "change input" | "изменить" | "изменить ввод" => return None,
            "1" | "continue" | "go on" | "продолжить" | "продолжай" => return Some(Self::Continue),
            "3" | "stop" | "остановить" | "стоп" => return Some(Self::Stop),
            _ => {}
        }
        let said = match text.split_once(':') {
            Some((head, said)) if Self::parse(head).is_none() => said.trim(),
            _ => text,
        };
        (!said.is_empty()).then(|| Self::Change(said.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ruling_is_read_in_both_languages_and_by_number() {
        for text in ["continue", " Continue ", "1", "продолжить"] {
            assert_eq!(Ruling::parse(text), Some(Ruling::Continue), "{text}");
        }
        for text in ["stop", "STOP", "3", "остановить"] {
            assert_eq!(Ruling::parse(text), Some(Ruling::Stop), "{text}");
        }
        for text in ["change input: use one table", "изменить ввод: use one table", "2: use one table", "use one table"]
        {
            assert_eq!(Ruling::parse(text), Some(Ruling::Change("use one table".to_owned())), "{text}");
        }
        assert_eq!(Ruling::parse("stop asking"), Some(Ruling::Change("stop asking".to_owned())));
        assert_eq!(Ruling::parse("note: a b"), Some(Ruling::Change("note: a b".to_owned())));
        for text in ["", "  ", "2", "change input", "change input: ", "изменить ввод"] {
            assert_eq!(Ruling::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_words_follow_the_language_and_the_choices_are_rulings() {
        let guard = Guard::NoEvidence { steps: 5 };
        let (en, ru) = (guard.question(Language::En), guard.question(Language::Ru));
        assert!(en.text.starts_with("5 steps in a row") && ru.text.starts_with("шагов подряд"), "{en:?} {ru:?}");
        for question in [en, ru] {
            let rulings: Vec<_> = question.choices.iter().map(|choice| Ruling::parse(choice)).collect();
            assert_eq!(rulings, [Some(Ruling::Continue), None, Some(Ruling::Stop)]);
        }
    }
}
