//! Questions of runs: put to a chat one at a time, answered by a button, by a reply or in plain words.
//!
//! An answer to several questions is put together from several messages; what was said is kept with the question and with
//! the number of the update that said it, so that the same update says it once. Whether an answer counts is
//! [`crate::ops::approvals`]'s and [`crate::ops::runs`]'s.

use serde::{Deserialize, Serialize};

use super::api::{Callback, ChatKind, Error, Message, Sound};
use super::buttons::Pressed;
use super::cards::{self, refused};
use super::desk::{Desk, Talk};
use super::markup::Text;
use super::sender::Outgoing;
use super::words::{self, fill};
use crate::domain::chat::{Card, Followed};
use crate::domain::guard::{QUESTION, Ruling};
use crate::domain::ids::AskId;
use crate::domain::names::ProjectName;
use crate::domain::run::{Ask, Question, Run, RunStatus, Wait};
use crate::domain::spec::Language;
use crate::domain::user::Right;
use crate::ops::approvals::{self, Counts, Refusal};
use crate::ops::runs::{self, Reply};
use crate::ops::users;
use crate::pipeline::{runner, tape};

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    /// The update that said it.
    update: i64,
    text: String,
}

/// What a reply to a message means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Prompt {
    /// An answer to this question.
    Answer(AskId),
    /// A change of this project.
    Update(ProjectName),
}

impl Prompt {
    pub fn spelled(&self) -> String {
        serde_json::to_string(self).expect("a prompt has text keys only")
    }
}

fn said(card: &Card) -> Vec<Said> {
    serde_json::from_str(&card.said).unwrap_or_default()
}

/// Whether an update has answered the question, or a part of it.
fn is_of(card: &Card, update: i64) -> bool {
    said(card).iter().any(|one| one.update == update)
}

fn spelled(said: &[Said]) -> String {
    serde_json::to_string(said).expect("what was said has text keys only")
}

impl Desk<'_> {
    /// Puts what a run asks to the chat that follows it; what was put already is put once more when it has not arrived.
    /// What Telegram does not take is noted, and not put again. False when the chat takes no messages.
    pub async fn put(&self, followed: &Followed, run: &Run, ask: &Ask, sound: Sound) -> Result<bool, Error> {
        let (ask_id, run_id, chat) = (ask.id.clone(), run.id.clone(), followed.chat);
        let card = Card { ask: ask_id, run: run_id, chat, message: None, said: spelled(&[]), closed: false };
        let card = self.chats.card(card).await?;
        match self.show(card, followed.language, run, ask, sound).await {
            // The notice of it says it in other words.
            Err(error @ Error::Refused { .. }) => {
                self.trouble(followed.into(), &error.to_string());
                Ok(true)
            }
            shown => shown,
        }
    }

    /// Shows the question that is to be answered next. False when the chat takes no messages.
    async fn show(
        &self,
        mut card: Card,
        language: Language,
        run: &Run,
        ask: &Ask,
        sound: Sound,
    ) -> Result<bool, Error> {
        let press = approvals::press(&self.app.context, &ask.id).await?;
        let at = said(&card).len();
        let message = match ask.wait {
            Wait::Input => cards::question(language, ask, at, &press, 0),
            Wait::Approval => cards::approval(language, ask, &press),
            Wait::Secret => self.secret(&card, language, run, ask, &press).await?,
            Wait::Capacity => cards::capacity(language, ask, &press),
        };
        let message = Outgoing { sound, ..message };
        let Some(number) = self.sender.post(card.chat, &message).await? else { return Ok(false) };
        self.chats.put_prompt(card.chat, number, &Prompt::Answer(ask.id.clone()).spelled()).await?;
        card.message = Some(number);
        while !self.chats.note_card(&card, &card.said).await? {
            // Somebody said something to it while it was on its way.
            let Some(known) = self.chats.card_of(&card.ask).await? else { break };
            if ask.wait == Wait::Input && said(&known).len() > at {
                // That answers it: what is asked next has a message of its own.
                self.sender.take_buttons(card.chat, number).await;
                return Ok(true);
            }
            card = Card { message: Some(number), ..known };
        }
        if self.open_ask(&card).await?.is_none() {
            // It was answered in words before it was known which message has the buttons.
            self.close(card).await?;
        }
        Ok(true)
    }

    /// Takes a message as what was asked for by the one it replies to, if that asked for something.
    pub async fn is_reply(&self, talk: &Talk, message: &Message, text: &str) -> Result<bool, Error> {
        let Some(replied) = message.reply_to.filter(|_| message.reply_to_bot) else { return Ok(false) };
        let prompt = self.chats.prompt(talk.place(), replied).await?;
        match prompt.as_deref().and_then(|prompt| serde_json::from_str(prompt).ok()) {
            Some(Prompt::Update(project)) => {
                if !self.keeps_out(talk, message, text).await? {
                    self.begin_update(talk, &project, text).await?;
                }
            }
            Some(Prompt::Answer(ask)) => match self.chats.card_of(&ask).await? {
                Some(card) => self.answer_in_words(talk, message, card, text).await?,
                None => self.say(talk, Text::of(talk.words().answered_already)).await?,
            },
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Takes a message as an answer, if it can be meant as one.
    pub async fn is_answer(&self, talk: &Talk, message: &Message, text: &str) -> Result<bool, Error> {
        if self.is_reply(talk, message, text).await? {
            return Ok(true);
        }
        if talk.chat.kind != ChatKind::Private {
            return Ok(false);
        }
        // What this update has answered already is still its, also when the run went on and nothing is to be said to it.
        if let Some(card) = self.chats.answered_by(talk.place(), talk.update).await? {
            self.answer_in_words(talk, message, card, text).await?;
            return Ok(true);
        }
        let open = self.chats.open_cards(talk.place()).await?;
        let (mut waiting, mut wants_secret) = (Vec::<Card>::new(), false);
        for card in open {
            match self.open_ask(&card).await? {
                // Words bring no room: they are about something else.
                Some(ask) if ask.wait == Wait::Capacity => {}
                Some(ask) => {
                    wants_secret |= ask.wait == Wait::Secret;
                    waiting.push(card);
                }
                None => self.close(card).await?,
            }
        }
        // All other words of whoever is asked by a copy are about something of their own.
        if approves(text).is_some() {
            for (run, ask) in self.copied(talk).await? {
                if waiting.iter().all(|card| card.ask != ask.id) {
                    waiting.push(self.card_here(talk, &run, &ask).await?);
                }
            }
        }
        match waiting.len() {
            0 => Ok(false),
            1 => {
                let card = waiting.remove(0);
                self.answer_in_words(talk, message, card, text).await?;
                Ok(true)
            }
            _ if wants_secret && !is_word_for_set(text) => {
                self.refuse_secret(talk, message, talk.words().secret_which).await?;
                Ok(true)
            }
            _ => {
                self.say(talk, Text::of(talk.words().which_question)).await?;
                Ok(true)
            }
        }
    }

    /// The question of a card, while its run waits for it.
    pub async fn open_ask(&self, card: &Card) -> Result<Option<Ask>, Error> {
        let run = runs::find(&self.app.context, card.run.as_str()).await?;
        Ok(runs::waits_for(&self.app.context, &run).await?.filter(|ask| ask.id == card.ask))
    }

    /// The approvals that are asked for here beside the chat that follows their run, and still wait.
    pub async fn copied(&self, talk: &Talk) -> Result<Vec<(Run, Ask)>, Error> {
        let mut waiting = Vec::new();
        for copy in self.chats.copies_in(talk.place()).await? {
            let run = match runs::find(&talk.context, copy.run.as_str()).await {
                Ok(run) => run,
                Err(crate::ops::Error::NoSuchRun(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(ask) = runs::waits_for(&talk.context, &run).await?.filter(|ask| ask.id == copy.ask) {
                waiting.push((run, ask));
            }
        }
        Ok(waiting)
    }

    /// The card of a question; one that was put nowhere yet is this chat's.
    pub async fn card_here(&self, talk: &Talk, run: &Run, ask: &Ask) -> Result<Card, Error> {
        let (ask, run, chat) = (ask.id.clone(), run.id.clone(), talk.place());
        Ok(self.chats.card(Card { ask, run, chat, message: None, said: spelled(&[]), closed: false }).await?)
    }

    /// A card as it stands now: it may have been sent since it was read.
    async fn known(&self, card: Card) -> Result<Card, Error> {
        Ok(self.chats.card_of(&card.ask).await?.unwrap_or(card))
    }

    /// Nothing more is to be said to a question.
    pub async fn close(&self, card: Card) -> Result<(), Error> {
        let closed = Card { closed: true, ..self.known(card).await? };
        self.chats.note_card(&closed, &closed.said).await?;
        if let Some(message) = closed.message {
            self.sender.take_buttons(closed.chat, message).await;
        }
        Ok(())
    }

    async fn answer_in_words(&self, talk: &Talk, message: &Message, card: Card, text: &str) -> Result<(), Error> {
        let words = talk.words();
        let again = is_of(&card, talk.update);
        let run = runs::find(&talk.context, card.run.as_str()).await?;
        let open = runs::waits_for(&talk.context, &run).await?.filter(|ask| ask.id == card.ask);
        let Some(ask) = open else {
            if again {
                return self.follows(talk, card).await;
            }
            self.close(card).await?;
            if self.gives_away(talk, message, text).await? {
                return Ok(());
            }
            return self.say(talk, Text::of(words.answered_already)).await;
        };
        match ask.wait {
            Wait::Input if again => self.go_on_with(talk, card).await,
            Wait::Input if self.gives_away(talk, message, text).await? => Ok(()),
            Wait::Input => self.take(talk, card, &run, &ask, text).await,
            Wait::Approval => match approves(text) {
                Some(approved) => {
                    let card = self.marked(talk, card).await?;
                    self.rule(talk, card, &run, &ask, approved, None).await
                }
                None => self.say(talk, Text::of(words.by_button)).await,
            },
            Wait::Secret if !is_word_for_set(text) => self.take_secret(talk, message, card, &run, &ask, text).await,
            Wait::Secret | Wait::Capacity => {
                let card = self.marked(talk, card).await?;
                self.give(talk, card, &run, &ask, Vec::new()).await
            }
        }
    }

    /// Notes an answer to the question that is next, and goes on.
    async fn take(&self, talk: &Talk, card: Card, run: &Run, ask: &Ask, text: &str) -> Result<(), Error> {
        users::require_run(&talk.context, Right::Operate, run).await?;
        let mut so_far = said(&card);
        let Some(question) = ask.questions.get(so_far.len()) else { return self.go_on_with(talk, card).await };
        if question.id == QUESTION && Ruling::parse(text).is_none() {
            let asks = Outgoing { wants_reply: true, ..Outgoing::of(Text::of(talk.words().what_different)) };
            if let Some(number) = self.send(talk, &asks).await? {
                self.chats.put_prompt(talk.place(), number, &Prompt::Answer(ask.id.clone()).spelled()).await?;
            }
            return Ok(());
        }
        talk.context.secrets.check("an answer", text).map_err(runner::Error::from)?;
        so_far.push(Said { update: talk.update, text: text.to_owned() });
        let noted = Card { said: spelled(&so_far), ..card.clone() };
        if !self.chats.note_card(&noted, &card.said).await? {
            return self.say(talk, Text::of(talk.words().answered_already)).await;
        }
        let noted = self.known(noted).await?;
        if let Some(message) = noted.message {
            self.sender.take_buttons(noted.chat, message).await;
        }
        self.go_on_with(talk, noted).await
    }

    /// Asks the next question, or gives the run its answer when there is none left.
    async fn go_on_with(&self, talk: &Talk, card: Card) -> Result<(), Error> {
        let run = runs::find(&talk.context, card.run.as_str()).await?;
        let open = runs::waits_for(&talk.context, &run).await?.filter(|ask| ask.id == card.ask);
        // An update that comes here once more has been told, or is told by the run going on.
        let Some(ask) = open else { return self.close(card).await };
        let texts: Vec<String> = said(&card).into_iter().map(|one| one.text).collect();
        if texts.len() < ask.questions.len() {
            return self.show(card, talk.language, &run, &ask, Sound::On).await.map(drop);
        }
        self.give(talk, card, &run, &ask, texts).await
    }

    /// Notes that an update answers, before it does: done once more, it is not told that somebody else was first.
    pub async fn marked(&self, talk: &Talk, card: Card) -> Result<Card, Error> {
        let mut so_far = said(&card);
        if !is_of(&card, talk.update) {
            so_far.push(Said { update: talk.update, text: String::new() });
        }
        let marked = Card { said: spelled(&so_far), ..card.clone() };
        self.chats.note_card(&marked, &card.said).await?;
        Ok(marked)
    }

    /// Answers a question of a run, which is in the queue before: a process that dies right after the answer leaves a run
    /// that goes on.
    async fn answer(&self, talk: &Talk, run: &Run, ask: &Ask, reply: Reply) -> Result<(), runner::Error> {
        runs::queue(&talk.context, run).await?;
        tape::answer(&talk.context, run, ask, reply, &self.cancel).await
    }

    /// Does what follows from an answer that this very update has given before the process was killed: it may be missing.
    /// What somebody else has answered is theirs.
    pub async fn follows(&self, talk: &Talk, card: Card) -> Result<(), Error> {
        let run = runs::find(&talk.context, card.run.as_str()).await?;
        let ask = runs::ask(&talk.context, &card.ask).await?;
        let answered = ask.and_then(|ask| ask.answer.map(|answer| (ask.wait, ask.questions, answer)));
        match answered.filter(|(.., answer)| answer.by == talk.context.person.name) {
            Some((Wait::Approval, _, answer)) => self.ruled(talk, card, &run, answer.approved).await,
            Some((_, questions, answer)) => self.given(talk, card, &run, ends(&questions, &answer.texts)).await,
            None => self.close(card).await,
        }
    }

    pub async fn give(&self, talk: &Talk, card: Card, run: &Run, ask: &Ask, texts: Vec<String>) -> Result<(), Error> {
        let ends = ends(&ask.questions, &texts);
        let reply = Reply { approved: true, texts, by: None };
        match self.answer(talk, run, ask, reply).await {
            Ok(()) => {}
            Err(runner::Error::Ops(error)) if error.is_answered() => return self.close(card).await,
            Err(runner::Error::Ops(error @ crate::ops::Error::MissingSecrets { .. })) => {
                self.say(talk, self.explained(talk.language, talk.about(), &error.into())).await?;
                let anew = Card { said: spelled(&[]), ..card.clone() };
                self.chats.note_card(&anew, &card.said).await?;
                return self.show(anew, talk.language, run, ask, Sound::On).await.map(drop);
            }
            Err(error) => {
                let error = Error::from(error);
                // What was said does not do: it is asked again from the beginning.
                if !error.may_pass() {
                    let anew = Card { said: spelled(&[]), ..card.clone() };
                    self.chats.note_card(&anew, &card.said).await?;
                }
                return Err(error);
            }
        }
        self.given(talk, card, run, ends).await
    }

    /// An answer was accepted: what follows from it.
    async fn given(&self, talk: &Talk, card: Card, run: &Run, ends: bool) -> Result<(), Error> {
        if ends {
            self.end(talk, run).await?;
        } else {
            self.goes_on(talk, run).await?;
        }
        self.close(card).await
    }

    /// Approves, or rejects and ends the run.
    pub async fn rule(
        &self,
        talk: &Talk,
        card: Card,
        run: &Run,
        ask: &Ask,
        approved: bool,
        why: Option<String>,
    ) -> Result<(), Error> {
        let reply = Reply { approved, texts: why.into_iter().collect(), by: None };
        self.answer(talk, run, ask, reply).await?;
        self.ruled(talk, card, run, approved).await
    }

    /// An approval or a rejection was accepted: what follows from it.
    async fn ruled(&self, talk: &Talk, card: Card, run: &Run, approved: bool) -> Result<(), Error> {
        if approved {
            self.goes_on(talk, run).await?;
        } else {
            self.end(talk, run).await?;
        }
        self.close(card).await?;
        let words = talk.words();
        let done = if approved { words.approved } else { words.rejected };
        self.say(talk, Text::of(if approved { "✅ " } else { "🚫 " }).bold(done).plain(": ").plain(subject(run))).await
    }

    /// Approves or rejects by a press, which hears of it when it was accepted, and not before.
    async fn rule_by_button(
        &self,
        talk: &Talk,
        card: Card,
        counts: &Counts,
        approved: bool,
        id: &str,
    ) -> Result<(), Error> {
        let words = talk.words();
        let card = self.marked(talk, card).await?;
        let reply = Reply { approved, texts: Vec::new(), by: None };
        if let Err(error) = self.answer(talk, &counts.run, &counts.ask, reply).await {
            let refusal = match error {
                runner::Error::Ops(error) => Refusal::from(error),
                error => return Err(error.into()),
            };
            return match refusal {
                Refusal::Failed(error) => Err(error.into()),
                refusal => self.answer_press(talk, id, Some(&refused(words, talk.language, &refusal)), true).await,
            };
        }
        let done = if approved { words.approved } else { words.rejected };
        self.answer_press(talk, id, Some(done), false).await?;
        self.ruled(talk, card, &counts.run, approved).await
    }

    /// Has the other chats in which an approval was asked for say that it was answered, or that nobody needs it any more.
    pub async fn settle_copies(&self, run: &Run) -> Result<(), Error> {
        let context = &self.app.context;
        let copies = self.chats.copies(&run.id).await?;
        if copies.is_empty() {
            return Ok(());
        }
        let open = runs::waits_for(context, run).await?;
        for copy in copies.iter().filter(|copy| open.as_ref().is_none_or(|open| open.id != copy.ask)) {
            let words = words::of(copy.language);
            let ask = runs::ask(context, &copy.ask).await?;
            let stands = match ask.as_ref().and_then(|ask| ask.answer.as_ref()) {
                Some(answer) if answer.approved => format!("✅ {}", fill(words.approved_by, &[&answer.by])),
                Some(answer) => format!("🚫 {}", fill(words.rejected_by, &[&answer.by])),
                None => fill(words.late, &[words::status(run.status, copy.language)]),
            };
            let mut text = Text::of("✋ ").bold(words.approval).plain(": ").plain(subject(run));
            for question in ask.iter().flat_map(|ask| &ask.questions) {
                text = text.line().plain(context.secrets.clean(&question.text));
            }
            self.sender.edit(copy.chat, copy.message, &Outgoing::of(text.line().plain(stands))).await?;
            self.chats.forget_copy(copy).await?;
        }
        Ok(())
    }

    /// A run has what it waited for: it is taken up, also one that was begun at a terminal.
    async fn goes_on(&self, talk: &Talk, run: &Run) -> Result<(), Error> {
        runs::queue(&talk.context, run).await?;
        self.look.notify_one();
        (self.wake)();
        Ok(())
    }

    /// Ends a run in the name of the person.
    pub async fn end(&self, talk: &Talk, run: &Run) -> Result<RunStatus, Error> {
        let run = runs::find(&talk.context, run.id.as_str()).await?;
        if run.status == RunStatus::Cancelled {
            return Ok(run.status);
        }
        let status = runs::cancel(&talk.context, &run, runner::cancelled(&talk.context.person.name)).await?;
        self.look.notify_one();
        Ok(status)
    }

    /// A button under a question was pressed.
    pub async fn answer_by_button(&self, talk: &Talk, pressed: &Pressed, callback: &Callback) -> Result<(), Error> {
        let (words, id) = (talk.words(), callback.id.as_str());
        let (Pressed::Choice { press, .. }
        | Pressed::Choices { press, .. }
        | Pressed::Rule { press, .. }
        | Pressed::GoOn { press }) = pressed
        else {
            return self.answer_press(talk, id, Some(words.button_unknown), true).await;
        };
        let card = self.chats.card_of(&press.ask).await?;
        // It may be pressed before it is noted that it arrived.
        let under = Some(callback.message).filter(|_| card.as_ref().is_some_and(|card| card.chat == talk.place()));
        let card = card.map(|card| Card { message: card.message.or(under), ..card });
        let again = card.as_ref().is_some_and(|card| is_of(card, talk.update));
        let counts = match approvals::check(&self.app.context, &talk.actor(), press).await {
            Ok(counts) => counts,
            Err(Refusal::Failed(error)) => return Err(error.into()),
            Err(_) if again => {
                let Some(card) = card else { return Ok(()) };
                return self.follows(talk, card).await;
            }
            Err(refusal) => {
                return self.answer_press(talk, id, Some(&refused(words, talk.language, &refusal)), true).await;
            }
        };
        // An approval is put to several chats, everything else to the one that follows the run.
        let is_here = |card: &Card| card.chat == talk.place() || counts.ask.wait == Wait::Approval;
        let Some(card) = card.filter(is_here) else {
            return self.answer_press(talk, id, Some(words.button_unknown), true).await;
        };
        match pressed {
            Pressed::Choice { question, choice, .. } => {
                let so_far = said(&card).len();
                if so_far >= counts.ask.questions.len() && counts.ask.wait == Wait::Input && !again {
                    // All of it was said, and could not be handed over until it was given up.
                    self.answer_press(talk, id, Some(words.answered_already), true).await?;
                    return self.go_on_with(talk, card).await;
                }
                let asked = counts.ask.questions.get(*question).filter(|_| *question == so_far || again);
                let Some(asked) = asked else {
                    return self.answer_press(talk, id, Some(words.answered_already), true).await;
                };
                let text = match choice {
                    Some(at) => asked.choices.get(*at).cloned(),
                    None => asked.assumption.clone(),
                };
                let Some(text) = text else {
                    return self.answer_press(talk, id, Some(words.button_unknown), true).await;
                };
                self.answer_press(talk, id, Some(&text), false).await?;
                if again {
                    return self.go_on_with(talk, card).await;
                }
                self.take(talk, card, &counts.run, &counts.ask, &text).await
            }
            Pressed::Choices { question, page, .. } if counts.ask.wait == Wait::Input => {
                if *question != said(&card).len() {
                    return self.answer_press(talk, id, Some(words.answered_already), true).await;
                }
                self.answer_press(talk, id, None, false).await?;
                let shown = cards::question(talk.language, &counts.ask, *question, press, *page);
                // The text of a long question does not fit into the one message that has the buttons.
                self.sender.edit_buttons(talk.place(), callback.message, &shown).await.map(drop)
            }
            Pressed::Rule { approved, .. } if counts.ask.wait == Wait::Approval => {
                self.rule_by_button(talk, card, &counts, *approved, id).await
            }
            Pressed::GoOn { .. } if matches!(counts.ask.wait, Wait::Secret | Wait::Capacity) => {
                self.answer_press(talk, id, None, false).await?;
                let card = self.marked(talk, card).await?;
                self.give(talk, card, &counts.run, &counts.ask, Vec::new()).await
            }
            _ => self.answer_press(talk, id, Some(words.button_unknown), true).await,
        }
    }
}

/// What a run is about, as short as it can be said.
pub(super) fn subject(run: &Run) -> String {
    run.request.project().map_or_else(|| run.id.to_string(), ToString::to_string)
}

/// Whether an answer to these questions ends the run.
fn ends(questions: &[Question], texts: &[String]) -> bool {
    questions.iter().any(|question| question.id == QUESTION)
        && texts.first().is_some_and(|text| Ruling::parse(text) == Some(Ruling::Stop))
}

/// An approval in words; none for anything that could mean something else.
fn approves(text: &str) -> Option<bool> {
    match text.trim().trim_end_matches(['.', '!']).to_lowercase().as_str() {
        "approve" | "approved" | "одобряю" | "одобрить" => Some(true),
        "reject" | "rejected" | "отклоняю" | "отклонить" => Some(false),
        _ => None,
    }
}

fn is_word_for_set(text: &str) -> bool {
    matches!(text.trim().to_lowercase().as_str(), "set" | "done" | "ok" | "готово" | "задано" | "задан")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_approve() {
        assert_eq!(
            (approves("Approve"), approves("Отклоняю."), approves("yes please, a shop")),
            (Some(true), Some(false), None)
        );
    }
}
