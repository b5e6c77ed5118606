//! Where what was said is dealt with: who says it, whether they may, and which part of the conversation it belongs to.
//!
//! Whoever is not known is refused before anything else is looked at. What is done is done in the name and with the rights
//! of the sender, in a group too; what is decided stands in `ops`.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Note;
use super::api::{Chat, ChatKind, Error, Incoming, Me, Message, Sound, User};
use super::faults;
use super::markup::Text;
use super::sender::{Outgoing, Sender};
use super::settings::Settings;
use super::words::{self, Words, fill};
use crate::app::App;
use crate::domain::chat::{About, ChatId, Followed, Noted, PersonId, Queued};
use crate::domain::coder::CoderChoice;
use crate::domain::diagnose::{Advice, Diagnose, Kind, told};
use crate::domain::ids::RunId;
use crate::domain::provider::ModelChoice;
use crate::domain::run::Request;
use crate::domain::spec::Language;
use crate::domain::user::{Actor, Identity};
use crate::ops::chats::Chats;
use crate::ops::{self, Context, notify, runs, users};
use crate::pipeline::runner;

/// How often a stranger is answered; after that they are counted only.
const STRANGER_ANSWERS: u64 = 3;

/// The desk of one bot.
pub(super) struct Desk<'a> {
    pub app: &'a App,
    pub me: Me,
    pub chats: Chats,
    pub sender: Arc<Sender>,
    pub settings: &'a Settings,
    /// Told when a run is to be looked at.
    pub look: Arc<Notify>,
    pub cancel: CancellationToken,
    pub told: Note<'a>,
    /// Has runs taken up that can go on.
    pub wake: &'a dyn Fn(),
    /// The beginning of the addresses of the page that takes secrets, where there is one.
    pub page: Option<&'a str>,
}

/// One turn of a conversation: who says something, where, and with which rights.
pub(super) struct Talk {
    pub chat: Chat,
    pub user: User,
    /// Acts in the name of the person.
    pub context: Context,
    /// The language the person has chosen, if they have.
    pub chosen: Option<Language>,
    pub language: Language,
    pub update: i64,
}

impl Talk {
    pub fn words(&self) -> &'static Words {
        words::of(self.language)
    }

    /// The language of what follows from a text of the person: theirs by choice, else the one they plainly speak in it.
    fn language_after(&self, text: Option<&str>) -> Language {
        self.chosen.or_else(|| text.and_then(Language::spoken)).unwrap_or(self.language)
    }

    pub fn place(&self) -> ChatId {
        ChatId(self.chat.id)
    }

    pub fn actor(&self) -> Actor {
        Actor::Somebody { identity: Identity::Telegram(self.user.id), called: self.user.name.clone() }
    }

    pub fn about(&self) -> About {
        About { update: Some(self.update), chat: Some(self.chat.id), run: None }
    }

    pub fn person(&self) -> PersonId {
        PersonId(self.user.id)
    }
}

/// A stranger.
pub(super) struct Unknown;

/// A command: its name and what follows it.
struct Command<'t> {
    name: String,
    rest: &'t str,
    /// It names another bot.
    foreign: bool,
}

impl Desk<'_> {
    pub fn note(&self, about: About, noted: Noted) {
        (self.told)(about, noted);
    }

    /// Notes what did not work.
    pub fn trouble(&self, about: About, why: &str) {
        self.note(about, Noted::Trouble(self.app.context.secrets.clean(why).into_owned()));
    }

    /// Deals with something that was said. May be done again when it was cut short.
    pub async fn deal_with(&self, update: &Queued) -> Result<(), Error> {
        let said = self.chats.said(update)?;
        let Ok(incoming) = serde_json::from_str::<Incoming>(said.reveal()) else {
            self.trouble(update.into(), "the update is of a form this cgo does not know");
            return Ok(());
        };
        if self.chats.unreachable(update.chat).await?.is_some() {
            self.chats.set_unreachable(update.chat, None).await?;
        }
        match incoming {
            Incoming::Message(message) => self.message(update, &message).await,
            Incoming::Edited(message) => self.edited(update, &message).await,
            Incoming::Callback(callback) => self.pressed(update, &callback).await,
            Incoming::Opened(_) => {
                self.look.notify_one();
                Ok(())
            }
            Incoming::Moved { chat, to } => {
                self.chats.moved(ChatId(chat.id), ChatId(to)).await?;
                self.look.notify_one();
                Ok(())
            }
        }
    }

    /// How loud somebody is told what they do not wait for at this moment: in their quiet hours it makes no sound.
    pub async fn sound(&self, person: PersonId) -> Result<Sound, Error> {
        let quiet = notify::is_quiet(&self.app.context, &Identity::Telegram(person.0)).await?;
        Ok(if quiet { Sound::Off } else { Sound::On })
    }

    /// Says that something could not be dealt with.
    pub async fn apologise(&self, update: &Queued) -> Result<(), Error> {
        let trouble = |code: Option<&str>| fill(words::of(words::language(code)).trouble, &[&update.id.to_string()]);
        let Ok(said) = self.chats.said(update) else {
            // Who said it is not known, but where: whoever waits there for an answer hears that none comes.
            return self.sender.send(update.chat, &Outgoing::of(Text::of(trouble(None)))).await.map(drop);
        };
        let Ok(incoming) = serde_json::from_str::<Incoming>(said.reveal()) else { return Ok(()) };
        let trouble = |from: &User| trouble(from.language.as_deref());
        match &incoming {
            Incoming::Callback(callback) => {
                self.sender.answer_press(update.chat, &callback.id, Some(&trouble(&callback.from)), true).await
            }
            Incoming::Message(message) | Incoming::Edited(message) => {
                self.sender.send(update.chat, &Outgoing::of(Text::of(trouble(&message.from)))).await.map(drop)
            }
            // Nobody said it.
            Incoming::Opened(_) | Incoming::Moved { .. } => Ok(()),
        }
    }

    /// Who somebody is, with their rights, and the language to talk in: the one they have chosen; the one they plainly
    /// speak in what they say now; the one of what they last had begun in this chat; that of their program.
    pub async fn admit(
        &self,
        update: &Queued,
        user: &User,
        chat: Chat,
        said: &str,
    ) -> Result<Result<Talk, Unknown>, Error> {
        let actor = Actor::Somebody { identity: Identity::Telegram(user.id), called: user.name.clone() };
        let person = match users::identify(&self.app.context, &actor).await {
            Ok(person) => person,
            Err(users::Error::Stranger { .. }) => return Ok(Err(Unknown)),
            Err(error) => return Err(Error::Ops(error.into())),
        };
        let context = self.app.context.acting_as(person);
        let chosen = users::me(&context).await?.and_then(|user| user.language);
        let language = if let Some(plain) = chosen.or_else(|| Language::spoken(said)) {
            plain
        } else {
            let last = self.chats.last_language(ChatId(chat.id), PersonId(user.id)).await?;
            last.unwrap_or_else(|| words::language(user.language.as_deref()))
        };
        Ok(Ok(Talk { chat, user: user.clone(), context, chosen, language, update: update.id }))
    }

    async fn message(&self, update: &Queued, message: &Message) -> Result<(), Error> {
        let text = message.text.as_deref().unwrap_or_default().trim();
        let command = command(text, &self.me.username);
        if command.as_ref().is_some_and(|command| command.foreign) {
            return Ok(());
        }
        let (text, mentioned) = without_mention(text, &self.me.username);
        let addressed =
            message.chat.kind == ChatKind::Private || message.reply_to_bot || mentioned || command.is_some();
        if !addressed {
            return Ok(());
        }
        let said = command.as_ref().map_or(text.as_ref(), |command| command.rest);
        let talk = match self.admit(update, &message.from, message.chat, said).await? {
            Ok(talk) => talk,
            Err(Unknown) => return self.stranger(update, message, command.as_ref()).await,
        };
        let done = {
            let typing = self.sender.typing(talk.place());
            let work = Box::pin(self.understand(&talk, message, &text, command));
            tokio::pin!(typing, work);
            let mut seen = false;
            loop {
                tokio::select! {
                    // Something is seen to happen before anything that takes time, and nothing waits for it.
                    biased;
                    () = &mut typing, if !seen => seen = true,
                    done = &mut work => break done,
                }
            }
        };
        self.settle(&talk, done).await
    }

    async fn understand(
        &self,
        talk: &Talk,
        message: &Message,
        text: &str,
        command: Option<Command<'_>>,
    ) -> Result<(), Error> {
        if message.document.is_some() && self.awaits_secret(talk).await? {
            return self.refuse_secret(talk, message, talk.words().secret_file).await;
        }
        if let Some(command) = command {
            let kept_out = match command.name.as_str() {
                "new" => self.keeps_out(talk, message, command.rest).await?,
                _ => self.gives_away(talk, message, command.rest).await?,
            };
            if kept_out {
                return Ok(());
            }
            return self.command(talk, &command.name, command.rest).await;
        }
        if let Some(document) = &message.document {
            if self.gives_away(talk, message, text).await? {
                return Ok(());
            }
            return self.file(talk, message, document, text).await;
        }
        if text.is_empty() {
            return self.say(talk, Text::of(talk.words().text_only)).await;
        }
        if self.is_answer(talk, message, text).await? || self.keeps_out(talk, message, text).await? {
            return Ok(());
        }
        self.begin_from_chat(talk, text).await
    }

    /// Tells the person what went wrong, unless it may pass.
    pub async fn settle(&self, talk: &Talk, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(error) if error.may_pass() => Err(error),
            Err(error) => self.say(talk, self.explained(talk.language, talk.about(), &error)).await,
            Ok(()) => Ok(()),
        }
    }

    /// An error as the person reads it: without the inner workings, and with what to do next.
    pub fn explained(&self, language: Language, about: About, error: &Error) -> Text {
        let words = words::of(language);
        if let Error::Ops(of) | Error::Run(runner::Error::Ops(of)) = error {
            match of {
                ops::Error::User(refused) if refused.is_refusal() => return Text::of(words.refused),
                ops::Error::NotAllowed { approvers, .. } => {
                    return Text::of(fill(words.not_approver, &[&approvers.join(", ")]));
                }
                of if of.is_answered() => return Text::of(words.answered_already),
                _ => {}
            }
        }
        if error.kind() == Kind::Internal {
            self.trouble(about.clone(), &told(error));
            let run = about.run.map(|run| run.to_string());
            let under = about.update.map(|update| update.to_string()).or(run).unwrap_or_default();
            return Text::of(fill(words.trouble, &[&under]));
        }
        if language == Language::Ru {
            return faults::shown(&faults::in_russian(error), words, &self.app.context.secrets);
        }
        let text = Text::of(self.app.context.secrets.clean(&told(error)));
        match error.advice() {
            Some(Advice::Run(command)) => text.line().bold(words.hint).plain(": ").code(command),
            Some(Advice::Do(what)) => text.line().bold(words.hint).plain(": ").plain(what),
            None => text,
        }
    }

    async fn edited(&self, update: &Queued, message: &Message) -> Result<(), Error> {
        if message.chat.kind != ChatKind::Private {
            return Ok(());
        }
        let text = message.text.as_deref().unwrap_or_default();
        match self.admit(update, &message.from, message.chat, text).await? {
            Ok(talk) => {
                if self.keeps_out(&talk, message, text).await? {
                    return Ok(());
                }
                let told = Outgoing { reply_to: Some(message.id), ..Outgoing::of(Text::of(talk.words().edited)) };
                self.sender.send(talk.place(), &told).await.map(drop)
            }
            Err(_) => Ok(()),
        }
    }

    /// Somebody nobody knows: let in with an invitation, else told what is wrong with it, their id and nothing more.
    async fn stranger(&self, update: &Queued, message: &Message, command: Option<&Command<'_>>) -> Result<(), Error> {
        let said = message.text.as_deref().and_then(Language::spoken);
        let words = words::of(said.unwrap_or_else(|| words::language(message.from.language.as_deref())));
        let chat = ChatId(message.chat.id);
        let code = command.filter(|command| command.name == "start" && !command.rest.is_empty());
        let mut text = Text::new();
        if let Some(code) = code.filter(|_| message.chat.kind == ChatKind::Private) {
            let identity = Identity::Telegram(message.from.id);
            match users::redeem(&self.app.context, code.rest, &identity, &message.from.name).await {
                Ok(user) => {
                    let text = Text::of(fill(words.welcome, &[user.name.as_str()]));
                    return self.sender.send(chat, &Outgoing::of(text)).await.map(drop);
                }
                Err(ops::Error::User(refused)) => {
                    let why = match refused {
                        users::Error::InvitationOver => words.invitation_over,
                        users::Error::InvitationUsed => words.invitation_used,
                        _ => words.invitation_unknown,
                    };
                    text = text.plain(why).line();
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Answers are counted, not attempts: what is dealt with again was not answered yet.
        let identity = Identity::Telegram(message.from.id);
        if users::stranger_answers(&self.app.context, &identity).await? >= STRANGER_ANSWERS {
            return Ok(());
        }
        self.trouble(update.into(), &format!("refused telegram:{}", message.from.id));
        let text = text.plain(words.stranger).code(message.from.id.to_string()).plain(".").line();
        let text = text.plain(words.stranger_how);
        self.sender.send(chat, &Outgoing::of(text)).await?;
        Ok(users::note_stranger_answer(&self.app.context, &identity).await?)
    }

    pub async fn say(&self, talk: &Talk, text: Text) -> Result<(), Error> {
        self.send(talk, &Outgoing::of(text)).await.map(drop)
    }

    /// Ends the waiting of a button that was pressed.
    pub async fn answer_press(&self, talk: &Talk, id: &str, words: Option<&str>, window: bool) -> Result<(), Error> {
        Box::pin(self.sender.answer_press(talk.place(), id, words, window)).await
    }

    pub async fn send(&self, talk: &Talk, message: &Outgoing) -> Result<Option<i64>, Error> {
        self.sender.send(talk.place(), message).await
    }

    /// The key of the run that an update begins.
    fn key(&self, talk: &Talk) -> String {
        format!("telegram {} {}", self.me.id, talk.update)
    }

    /// Whether this very update has begun its run before it was cut short, from such a text; the chat follows that run.
    pub async fn is_begun(&self, talk: &Talk, text: Option<&str>) -> Result<bool, Error> {
        let Some(run) = runs::begun_with(&talk.context, &self.key(talk)).await? else { return Ok(false) };
        self.attend(talk, run, text).await?;
        Ok(true)
    }

    /// Has the chat follow a run that was begun from such a text.
    async fn attend(&self, talk: &Talk, run: RunId, text: Option<&str>) -> Result<(), Error> {
        self.note(About { run: Some(run.clone()), ..talk.about() }, Noted::RunAsked);
        let followed = Followed::begun(run, talk.place(), talk.person(), talk.language_after(text));
        self.chats.follow(&followed).await?;
        self.look.notify_one();
        (self.wake)();
        Ok(())
    }

    /// Begins a run in the name of an update: however often that is dealt with, there is one.
    pub async fn begin(&self, talk: &Talk, request: Request) -> Result<(), Error> {
        if matches!(request, Request::NewProject(_) | Request::Update(_)) {
            let choice = (&ModelChoice::default(), CoderChoice::default());
            runner::check(&talk.context, &self.app.models, &self.app.coders, choice, &self.cancel).await?;
        }
        let text = request.text().map(str::to_owned);
        let run = runner::enqueue(&talk.context, request, Some(&self.key(talk))).await?;
        self.attend(talk, run.id, text.as_deref()).await
    }
}

/// The command a text is, if it is one.
fn command<'t>(text: &'t str, me: &str) -> Option<Command<'t>> {
    let rest = text.strip_prefix('/')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    let (name, bot) = word.split_once('@').unwrap_or((word, me));
    let known = !name.is_empty() && name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    known.then(|| Command {
        name: name.to_ascii_lowercase(),
        rest: rest.trim(),
        foreign: !bot.eq_ignore_ascii_case(me),
    })
}

/// The text without the bot's name, and whether it was in it. The rest stays as it is, line by line.
fn without_mention<'t>(text: &'t str, me: &str) -> (Cow<'t, str>, bool) {
    let mention = format!("@{me}");
    let is_mention = |word: &str| word.trim_end_matches([',', ':', '.', '!', '?']).eq_ignore_ascii_case(&mention);
    if !text.split_whitespace().any(is_mention) {
        return (Cow::Borrowed(text), false);
    }
    let mut rest = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        if !is_mention(piece.trim_end()) {
            rest.push_str(piece);
        } else if piece.ends_with('\n') {
            rest.truncate(rest.trim_end_matches(' ').len());
            rest.push('\n');
        }
    }
    (Cow::Owned(rest.trim().to_owned()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_those_of_other_bots_are_told() {
        let read = |text: &'static str| {
            command(text, "CgoBot").map(|command| (command.name, command.rest.to_owned(), command.foreign))
        };
        assert_eq!(read("/new  a  b"), Some(("new".to_owned(), "a  b".to_owned(), false)));
        assert_eq!(read("/Help@cgobot"), Some(("help".to_owned(), String::new(), false)));
        assert_eq!(read("/stop@other x").map(|(_, _, foreign)| foreign), Some(true));
        for text in ["help", "/", "/etc/passwd", "//x", "/\u{202e}x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_mention_is_taken_out() {
        let lines = "a notes API\n\n- title\n  - unique\n";
        assert_eq!(without_mention(lines, "cgobot"), (Cow::Borrowed(lines), false));
        for (text, rest) in [
            ("@CgoBot, a notes API", "a notes API"),
            ("make @cgobot: a  notes API", "make a  notes API"),
            ("a notes API, @CgoBot!", "a notes API,"),
            ("@CgoBot\na notes API:\n- title\n\n- text", "a notes API:\n- title\n\n- text"),
            ("a notes API: @CgoBot\n- title\n  - unique", "a notes API:\n- title\n  - unique"),
            ("a notes API\n@CgoBot\n- title", "a notes API\n\n- title"),
            ("@CgoBot @CgoBot", ""),
        ] {
            assert_eq!(without_mention(text, "cgobot"), (Cow::Owned(rest.to_owned()), true), "{text}");
        }
    }
}
