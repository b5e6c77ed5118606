//! What buttons carry, in no more than 64 bytes, and what a press means. A press can be forged: what it says is read into
//! types, and the rights of whoever presses are asked each time.

use crate::domain::ids::{IncidentId, RunId};
use crate::domain::names::ProjectName;
use crate::domain::spec::Language;
use crate::ops::approvals::Press;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Projects,
    Runs,
    Servers,
    Incidents,
    Agents,
    /// What models have cost, by project.
    Costs,
    /// Projects, to choose the one something is done with.
    Choose(Verb),
    /// The unfinished runs of a chat, to choose the one that is cancelled.
    Unfinished,
}

impl List {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Projects, "projects"),
        (Self::Runs, "runs"),
        (Self::Servers, "servers"),
        (Self::Incidents, "incidents"),
        (Self::Agents, "agents"),
        (Self::Costs, "costs"),
        (Self::Choose(Verb::Show), "show"),
        (Self::Choose(Verb::Logs), "logs"),
        (Self::Choose(Verb::Update), "update"),
        (Self::Choose(Verb::Deploy), "deploy"),
        (Self::Choose(Verb::Rollback), "rollback"),
        (Self::Choose(Verb::Stop), "stop"),
        (Self::Unfinished, "cancel"),
    ];
}

/// What is done with a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Show,
    Logs,
    Update,
    Deploy,
    Rollback,
    Stop,
}

impl Verb {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Show, "p"),
        (Self::Logs, "g"),
        (Self::Update, "u"),
        (Self::Deploy, "d"),
        (Self::Rollback, "b"),
        (Self::Stop, "s"),
    ];
}

/// What a press means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pressed {
    /// One of a question's choices; none for what it assumes.
    Choice { press: Press, question: usize, choice: Option<usize> },
    /// A page of a question's choices.
    Choices { press: Press, question: usize, page: usize },
    /// An approval is given, or refused.
    Rule { press: Press, approved: bool },
    /// What a run waited for is there.
    GoOn { press: Press },
    /// Yes or no to something that is asked for twice.
    Once { nonce: String, yes: bool },
    /// A page of a list.
    Page { list: List, page: usize },
    /// Something is done with a project.
    Project { verb: Verb, project: ProjectName },
    /// How a run stands.
    Run(RunId),
    /// A run is to be cancelled.
    Cancel(RunId),
    /// What is known of an incident.
    Incident(IncidentId),
    /// A language is chosen.
    Speak(Language),
}

pub(super) fn choice(press: &Press, question: usize, choice: Option<usize>) -> String {
    format!("a:{press}:{question}:{}", choice.map_or_else(|| "-".to_owned(), |at| at.to_string()))
}

pub(super) fn choices(press: &Press, question: usize, page: usize) -> String {
    format!("q:{press}:{question}:{page}")
}

pub(super) fn rule(press: &Press, approved: bool) -> String {
    format!("v:{press}:{}", if approved { "y" } else { "n" })
}

pub(super) fn go_on(press: &Press) -> String {
    format!("w:{press}")
}

pub(super) fn once(nonce: &str, yes: bool) -> String {
    format!("{}:{nonce}", if yes { "x" } else { "n" })
}

pub(super) fn page(list: List, page: usize) -> String {
    let word = List::ALL.iter().find(|(one, _)| *one == list).map_or("", |(_, word)| *word);
    format!("l:{word}:{page}")
}

pub(super) fn project(verb: Verb, project: &ProjectName) -> String {
    let word = Verb::ALL.iter().find(|(one, _)| *one == verb).map_or("", |(_, word)| *word);
    format!("{word}:{project}")
}

pub(super) fn run(run: &RunId) -> String {
    format!("r:{run}")
}

pub(super) fn cancel(run: &RunId) -> String {
    format!("c:{run}")
}

pub(super) fn incident(incident: &IncidentId) -> String {
    format!("i:{incident}")
}

pub(super) fn speak(language: Language) -> String {
    format!("y:{}", language.as_str())
}

impl Pressed {
    /// Reads what a button carried; none for what none of ours does.
    pub fn parse(data: &str) -> Option<Self> {
        let (word, rest) = data.split_once(':')?;
        if let Some((verb, _)) = Verb::ALL.iter().find(|(_, letter)| *letter == word) {
            return Some(Self::Project { verb: *verb, project: ProjectName::parse(rest).ok()? });
        }
        Some(match word {
            "a" => {
                let (rest, choice) = rest.rsplit_once(':')?;
                let (press, question) = rest.rsplit_once(':')?;
                let choice = if choice == "-" { None } else { Some(small(choice)?) };
                Self::Choice { press: Press::parse(press)?, question: small(question)?, choice }
            }
            "q" => {
                let (rest, page) = rest.rsplit_once(':')?;
                let (press, question) = rest.rsplit_once(':')?;
                Self::Choices { press: Press::parse(press)?, question: small(question)?, page: small(page)? }
            }
            "v" => {
                let (press, answer) = rest.rsplit_once(':')?;
                let approved = match answer {
                    "y" => true,
                    "n" => false,
                    _ => return None,
                };
                Self::Rule { press: Press::parse(press)?, approved }
            }
            "w" => Self::GoOn { press: Press::parse(rest)? },
            "x" | "n" => {
                let plain = (16..=40).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
                plain.then(|| Self::Once { nonce: rest.to_owned(), yes: word == "x" })?
            }
            "l" => {
                let (list, page) = rest.split_once(':')?;
                let (list, _) = List::ALL.into_iter().find(|(_, word)| *word == list)?;
                Self::Page { list, page: small(page)? }
            }
            "r" => Self::Run(RunId::parse(rest).ok()?),
            "c" => Self::Cancel(RunId::parse(rest).ok()?),
            "i" => Self::Incident(IncidentId::parse(rest).ok()?),
            "y" => Self::Speak([Language::En, Language::Ru].into_iter().find(|one| one.as_str() == rest)?),
            _ => return None,
        })
    }
}

/// A number that a button of ours may carry.
fn small(text: &str) -> Option<usize> {
    (text.len() <= 4).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::super::sender::CARRIED;
    use super::*;

    #[test]
    fn every_button_is_read_back_and_fits() {
        let press = Press::parse("ask-3k8d0xq7m2v1:0123456789abcdef").unwrap();
        let name = ProjectName::parse(&"a".repeat(40)).unwrap();
        let id = RunId::parse("run-3k8d0xq7m2v1").unwrap();
        let mut all = vec![
            (choice(&press, 2, Some(9)), Pressed::Choice { press: press.clone(), question: 2, choice: Some(9) }),
            (choice(&press, 0, None), Pressed::Choice { press: press.clone(), question: 0, choice: None }),
            (choices(&press, 2, 12), Pressed::Choices { press: press.clone(), question: 2, page: 12 }),
            (rule(&press, true), Pressed::Rule { press: press.clone(), approved: true }),
            (rule(&press, false), Pressed::Rule { press: press.clone(), approved: false }),
            (go_on(&press), Pressed::GoOn { press }),
            (run(&id), Pressed::Run(id.clone())),
            (cancel(&id), Pressed::Cancel(id)),
            (speak(Language::Ru), Pressed::Speak(Language::Ru)),
        ];
        let nonce = "0123456789abcdefghjkmnpqrs".to_owned();
        all.extend([true, false].map(|yes| (once(&nonce, yes), Pressed::Once { nonce: nonce.clone(), yes })));
        all.extend(List::ALL.map(|(list, _)| (page(list, 12), Pressed::Page { list, page: 12 })));
        let verbs = Verb::ALL.map(|(verb, _)| (project(verb, &name), Pressed::Project { verb, project: name.clone() }));
        all.extend(verbs);
        for (data, meaning) in all {
            assert!(data.len() <= CARRIED, "{data}");
            assert_eq!(Pressed::parse(&data), Some(meaning), "{data}");
        }
    }

    #[test]
    fn what_no_button_of_ours_carries_means_nothing() {
        for data in [
            "",
            "p",
            "p:../../etc",
            "p:a b",
            "l:secrets:0",
            "l:runs:-1",
            "l:destroy:0",
            "q:ask-3k8d0xq7m2v1:0123456789abcdef:0",
            "l:runs:99999999999999999999",
            "a:ask-3k8d0xq7m2v1:0123456789abcdef:0",
            "v:ask-3k8d0xq7m2v1:0123456789abcdef:maybe",
            "x:' or 1=1 --------",
            "r:run-../../x",
            "z:1",
            "\u{0}",
        ] {
            assert_eq!(Pressed::parse(data), None, "{data:?}");
        }
    }
}
