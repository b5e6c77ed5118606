//! Secrets in chats: how one is asked for, what becomes of a message that holds one, and what is kept from models.
//!
//! A message that may hold a secret is deleted before anything else is done with it, and what is said of that is what
//! happened. Whether a value is taken is [`crate::ops::secrets::message`]'s.

use super::api::{ChatKind, Error, Message};
use super::buttons;
use super::desk::{Desk, Talk};
use super::markup::Text;
use super::sender::{Button, Outgoing};
use super::words::{self, Words, fill};
use crate::domain::chat::Card;
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::run::{Ask, Run, RunStatus};
use crate::domain::secret_shape::{self, Shape};
use crate::domain::spec::Language;
use crate::domain::user::{Actor, Identity};
use crate::ops::approvals::Press;
use crate::ops::secrets::{self, links, message};
use crate::ops::{projects, runs, users};

impl Desk<'_> {
    /// What is missing and for what, and how it is set: never in words, here or anywhere.
    pub async fn secret(
        &self,
        card: &Card,
        language: Language,
        run: &Run,
        ask: &Ask,
        press: &Press,
    ) -> Result<Outgoing, Error> {
        let words = words::of(language);
        let mut text = Text::of("🔑 ").bold(words.secret).line();
        for question in &ask.questions {
            text = text.plain(self.app.context.secrets.clean(&question.text)).line();
        }
        if let Some(link) = self.secret_link(card, run, ask).await? {
            text = text.plain(self.before_link(words)).line().plain(link).line();
        }
        text = text.plain(words.secret_how);
        if let Some(id) = &run.project {
            let project = projects::by_id(&self.app.context, id).await?;
            let names: Vec<&str> = ask.questions.iter().map(|question| question.id.as_str()).collect();
            text = text.block(commands(&project.name, &names));
        }
        Ok(Outgoing::of(text).row([Button::tell(words.secret_set, buttons::go_on(press))]))
    }

    /// What is said before a link: one to this machine itself opens nowhere else.
    fn before_link(&self, words: &Words) -> &'static str {
        let page = self.page.and_then(|page| reqwest::Url::parse(page).ok());
        if page.is_some_and(|page| crate::net::is_loopback(&page)) { words.secret_link_here } else { words.secret_link }
    }

    /// A link that takes the value once, for whoever the chat is with: in a group others would use it.
    async fn secret_link(&self, card: &Card, run: &Run, ask: &Ask) -> Result<Option<String>, Error> {
        let Some(page) = self.page.filter(|_| card.chat.0 > 0) else { return Ok(None) };
        let actor = Actor::Somebody { identity: Identity::Telegram(card.chat.0), called: String::new() };
        let Ok(person) = users::identify(&self.app.context, &actor).await else { return Ok(None) };
        let context = self.app.context.acting_as(person);
        match links::for_ask(&context, run, ask).await {
            Ok(link) => Ok(link.map(|link| format!("{page}/secret/{}", link.token))),
            Err(crate::ops::Error::User(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a message that may hold a secret; what is to be said of that.
    async fn take_away(&self, talk: &Talk, message: &Message) -> &'static str {
        let words = talk.words();
        if self.sender.delete(talk.place(), message.id).await { words.deleted } else { words.not_deleted }
    }

    /// Deletes a message that may hold a secret of which nothing is taken, and says why.
    pub async fn refuse_secret(&self, talk: &Talk, message: &Message, why: &str) -> Result<(), Error> {
        let gone = self.take_away(talk, message).await;
        self.say(talk, Text::of("⚠️ ").plain(gone).plain(" ").plain(why)).await
    }

    /// Takes the secret a run waits for from a message, which goes at once, and lets the run go on.
    pub async fn take_secret(
        &self,
        talk: &Talk,
        message: &Message,
        card: Card,
        run: &Run,
        ask: &Ask,
        text: &str,
    ) -> Result<(), Error> {
        let words = talk.words();
        let gone = self.take_away(talk, message).await;
        let taken = match message::take(&talk.context, run, ask, text).await {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                let text = Text::of("⚠️ ").plain(gone).plain(" ").plain(words.secret_exposed);
                return self.say(talk, text).await;
            }
            Err(error) => {
                self.say(talk, Text::of("⚠️ ").plain(gone)).await?;
                return Err(error.into());
            }
        };
        let names: Vec<&str> = taken.names.iter().map(EnvName::as_str).collect();
        let text = Text::of("🔑 ").plain(fill(words.secret_taken, &[&names.join(", ")])).plain(" ").plain(gone);
        let mut text = text.line().plain(words.secret_rotate).block(commands(&taken.project, &names));
        if let Some(page) = self.page.filter(|_| talk.chat.kind == ChatKind::Private) {
            let link = links::issue(&talk.context, &taken.project, &taken.names, None).await?;
            text = text.plain(self.before_link(words)).line().plain(format!("{page}/secret/{}", link.token));
        }
        // Before the run goes on: what is told again after a kill is better than a leak nobody heard of.
        self.say(talk, text).await?;
        let card = self.marked(talk, card).await?;
        self.give(talk, card, run, ask, Vec::new()).await
    }

    /// Whether a text plainly holds a secret. Then its message is deleted, the person is told, and nobody else reads it.
    pub async fn gives_away(&self, talk: &Talk, message: &Message, text: &str) -> Result<bool, Error> {
        let Some(shape) = Shape::of(text) else { return Ok(false) };
        let why = fill(talk.words().secret_looks, &[shape.words(talk.language)]);
        self.refuse_secret(talk, message, &why).await?;
        Ok(true)
    }

    /// The same for what would begin something: while a secret is awaited it may be one word that could be a value, too.
    pub async fn keeps_out(&self, talk: &Talk, message: &Message, text: &str) -> Result<bool, Error> {
        if self.gives_away(talk, message, text).await? {
            return Ok(true);
        }
        if !secret_shape::is_value(text) || !self.awaits_secret(talk).await? {
            return Ok(false);
        }
        self.refuse_secret(talk, message, talk.words().secret_unasked).await?;
        Ok(true)
    }

    /// Whether a run of this chat, or of this person in any chat, waits for a secret.
    pub async fn awaits_secret(&self, talk: &Talk) -> Result<bool, Error> {
        let theirs = self.chats.followed().await?;
        for followed in theirs.iter().filter(|one| one.chat == talk.place() || one.person == talk.person()) {
            match runs::find(&self.app.context, followed.run.as_str()).await {
                Ok(run) if run.status == RunStatus::WaitingSecret => return Ok(true),
                Ok(_) | Err(crate::ops::Error::NoSuchRun(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// The secrets of a project that others saw, and how they are set anew; nothing when there are none.
    pub async fn exposed(&self, talk: &Talk, project: &ProjectName) -> Result<Text, Error> {
        let listing = secrets::list(&talk.context, Some(project)).await?;
        let exposed = listing.secrets.iter().filter(|secret| secret.exposed.is_some());
        let names: Vec<&str> = exposed.map(|secret| secret.name.as_str()).collect();
        if names.is_empty() {
            return Ok(Text::new());
        }
        Ok(Text::new().line().plain("⚠️ ").plain(talk.words().secrets_exposed).block(commands(project, &names)))
    }
}

/// The commands with which secrets are set.
fn commands(project: &ProjectName, names: &[&str]) -> String {
    names.iter().map(|name| format!("cgo secrets set {project} {name}")).collect::<Vec<_>>().join("\n")
}
