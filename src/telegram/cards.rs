//! How questions look in a chat: their words and buttons. What an answer means is in `questions`.

use super::buttons;
use super::lists::turning;
use super::markup::Text;
use super::sender::{Button, Outgoing};
use super::words::{self, Words, fill};
use crate::domain::run::{Ask, Question, is_blank};
use crate::domain::spec::Language;
use crate::ops::approvals::{Press, Refusal};

/// The most buttons under a question; more choices come in pages.
const CHOICES: usize = 10;
/// How many choices are on a page, where there are several.
const PAGE: usize = 8;
/// Choices of up to so many characters stand side by side.
const SHORT: usize = 14;

/// Why a press does not count, in the words of a window.
pub(super) fn refused(words: &Words, language: Language, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Stranger(_) => words.refused.to_owned(),
        Refusal::NotAllowed { approvers, .. } => fill(words.not_approver, &[&approvers.join(", ")]),
        Refusal::Repeated { .. } => words.answered_already.to_owned(),
        Refusal::Overdue { deadline, .. } => fill(words.overdue, &[&deadline.utc()]),
        Refusal::Late { status, .. } => fill(words.late, &[words::status(*status, language)]),
        Refusal::Forged | Refusal::Failed(_) => words.button_unknown.to_owned(),
    }
}

/// The question that is to be answered next, with a page of its choices as buttons.
pub(super) fn question(language: Language, ask: &Ask, at: usize, press: &Press, page: usize) -> Outgoing {
    let words = words::of(language);
    let Some(question) = ask.questions.get(at) else { return Outgoing::default() };
    let head = if ask.questions.len() > 1 {
        fill(words.asks_of, &[&(at + 1).to_string(), &ask.questions.len().to_string()])
    } else {
        words.asks.to_owned()
    };
    let text = Text::of("❓ ").bold(head).line().plain(&question.text);
    let mut message = Outgoing::of(until(words, ask, text));
    message.rows = choices(words, question, at, press, page);
    let assumed = |text: &&String| !question.choices.contains(text) && !is_blank(text);
    if let Some(assumption) = question.assumption.as_ref().filter(assumed) {
        let label = fill(words.assume, &[assumption]);
        message.rows.push(vec![Button::tell(label, buttons::choice(press, at, None))]);
    }
    message.wants_reply = message.rows.is_empty();
    message
}

fn choices(words: &Words, question: &Question, at: usize, press: &Press, page: usize) -> Vec<Vec<Button>> {
    // Telegram takes no button without words.
    let offered = question.choices.iter().enumerate().filter(|(_, choice)| !is_blank(choice));
    let offered: Vec<(usize, &String)> = offered.collect();
    let fits = if offered.len() > CHOICES { PAGE } else { CHOICES };
    let pages = offered.len().div_ceil(fits).max(1);
    let page = page.min(pages - 1);
    let button = |(number, choice): &(usize, &String)| Button::tell(choice, buttons::choice(press, at, Some(*number)));
    let shown: Vec<Button> = offered.iter().skip(page * fits).take(fits).map(button).collect();
    let wide = offered.iter().any(|(_, choice)| choice.chars().count() > SHORT);
    let mut rows: Vec<_> = shown.chunks(if wide { 1 } else { 3 }).map(<[Button]>::to_vec).collect();
    rows.extend(
        Some(turning(words, page, pages, |page| buttons::choices(press, at, page))).filter(|row| !row.is_empty()),
    );
    rows
}

pub(super) fn approval(language: Language, ask: &Ask, press: &Press) -> Outgoing {
    let words = words::of(language);
    let mut text = Text::of("✋ ").bold(words.approval);
    for question in &ask.questions {
        text = text.line().plain(&question.text);
    }
    Outgoing::of(until(words, ask, text)).row(ruling(language, press))
}

/// Adds until when an answer is waited for, and what is done then.
fn until(words: &Words, ask: &Ask, text: Text) -> Text {
    let Some(deadline) = ask.deadline else { return text };
    let then = if ask.assumed().is_some() { words.assumed_after } else { words.ends_after };
    text.line().italic(fill(then, &[&deadline.utc()]))
}

/// The buttons of an approval.
pub(super) fn ruling(language: Language, press: &Press) -> [Button; 2] {
    let words = words::of(language);
    [Button::tell(words.approve, buttons::rule(press, true)), Button::tell(words.reject, buttons::rule(press, false))]
}

pub(super) fn capacity(language: Language, ask: &Ask, press: &Press) -> Outgoing {
    let words = words::of(language);
    let mut text = Text::of("⏸ ").bold(words.capacity);
    for question in &ask.questions {
        text = text.line().plain(&question.text);
    }
    Outgoing::of(text).row([Button::tell(words.go_on, buttons::go_on(press))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AskId;
    use crate::domain::run::Wait;

    fn asked(choices: &[&str], assumption: Option<&str>) -> (Ask, Press) {
        let question = Question {
            id: "who".to_owned(),
            text: "Who?".to_owned(),
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            assumption: assumption.map(str::to_owned),
        };
        let id = AskId::parse("ask-3k8d0xq7m2v1").unwrap();
        let run = crate::domain::ids::RunId::parse("run-3k8d0xq7m2v1").unwrap();
        let created_at = crate::domain::time::Timestamp(0);
        let ask =
            Ask { id, run, wait: Wait::Input, questions: vec![question], answer: None, created_at, deadline: None };
        (ask, Press::parse("ask-3k8d0xq7m2v1:0123456789abcdef").unwrap())
    }

    #[test]
    fn choices_are_buttons_in_pages_and_an_assumption_is_one_more_button() {
        let rows = |choices: &[&str], assumption| {
            let (ask, press) = asked(choices, assumption);
            let message = question(Language::En, &ask, 0, &press, 0);
            (message.rows.iter().map(Vec::len).collect::<Vec<_>>(), message.wants_reply)
        };
        assert_eq!(rows(&["me", "all", "nobody", "x"], None), (vec![3, 1], false));
        assert_eq!(rows(&["everybody who comes", "me"], Some("me")), (vec![1, 1], false));
        assert_eq!(rows(&[], Some("everybody")), (vec![1], false));
        assert_eq!(rows(&[], None), (vec![], true));
        assert_eq!(rows(&["a"; 30], None), (vec![3, 3, 2, 2], false));
    }

    #[test]
    fn until_when_an_answer_is_waited_for_is_said_with_what_is_done_then() {
        let text = |language, assumption, wait| {
            let (mut ask, press) = asked(&[], assumption);
            (ask.deadline, ask.wait) = (Some(crate::domain::time::Timestamp(86_400_000)), wait);
            let message = match wait {
                Wait::Approval => approval(language, &ask, &press),
                _ => question(language, &ask, 0, &press, 0),
            };
            message.text.words()
        };
        let assumed = text(Language::En, Some("all"), Wait::Input);
        assert!(
            assumed.ends_with("\nWithout an answer by 1970-01-02 00:00 UTC, what is assumed is taken."),
            "{assumed}"
        );
        let ends = text(Language::Ru, None, Wait::Input);
        assert!(ends.ends_with("\nБез ответа до 1970-01-02 00:00 UTC запуск закончится."), "{ends}");
        let refused = text(Language::En, Some("all"), Wait::Approval);
        assert!(refused.ends_with("\nWithout an answer by 1970-01-02 00:00 UTC the run ends."), "{refused}");
    }

    #[test]
    fn a_choice_of_which_nothing_can_be_seen_is_no_button_and_the_others_keep_their_numbers() {
        let (ask, press) = asked(&["", "me", " \u{200b}\n", "all"], Some("\u{feff}"));
        let message = question(Language::En, &ask, 0, &press, 0);
        let own = |number| buttons::choice(&press, 0, Some(number));
        let buttons: Vec<Button> = message.rows.into_iter().flatten().collect();
        assert_eq!(buttons, [Button::tell("me", own(1)), Button::tell("all", own(3))]);
        let (ask, press) = asked(&["\t"], None);
        let message = question(Language::En, &ask, 0, &press, 0);
        assert!(message.rows.is_empty() && message.wants_reply, "it is answered in words");
    }

    #[test]
    fn every_choice_is_on_one_page_and_a_page_that_is_gone_is_the_last_one() {
        let names: Vec<String> = (0..60).map(|number| format!("project-number-{number}")).collect();
        let (ask, press) = asked(&names.iter().map(String::as_str).collect::<Vec<_>>(), None);
        let labels = |page| {
            let message = question(Language::En, &ask, 0, &press, page);
            message.rows.into_iter().flatten().map(|button| button.label).collect::<Vec<_>>()
        };
        let all: Vec<String> = (0..8).flat_map(labels).filter(|label| label.starts_with("project")).collect();
        assert_eq!(all, names);
        assert_eq!(labels(0)[8..], ["1 of 8", "›"]);
        assert_eq!(labels(7)[4..], ["‹", "8 of 8"]);
        assert_eq!(labels(99), labels(7));
    }
}
