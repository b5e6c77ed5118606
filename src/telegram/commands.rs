//! Commands and buttons: what is asked for, in the words of a chat. Each is what a command of the terminal does, with the
//! rights of whoever asks; what destroys something is asked for twice.

use serde::{Deserialize, Serialize};

use super::api::{Callback, Error};
use super::buttons::{self, List, Pressed, Verb};
use super::desk::{Desk, Talk};
use super::markup::Text;
use super::questions::{Prompt, subject};
use super::sender::{Button, Outgoing};
use super::words::{self, Words, fill};
use crate::domain::chat::{ChatId, PersonId, Queued};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::run::{Run, RunStatus, Wait};
use crate::domain::spec::Language;
use crate::domain::user::Right;
use crate::ops::{Context, chats, deploy, projects, runs, services, users};

/// Something that is asked for twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    Stop(ProjectName),
    Rollback { project: ProjectName, release: ReleaseId },
    Cancel(RunId),
}

impl Deed {
    /// The question before it is done to what is called so.
    fn question(&self, words: &Words, about: &str) -> String {
        match self {
            Self::Stop(_) => fill(words.sure_stop, &[about]),
            Self::Rollback { release, .. } => fill(words.sure_rollback, &[release.as_str(), about]),
            Self::Cancel(_) => fill(words.sure_cancel, &[about]),
        }
    }
}

impl Desk<'_> {
    pub async fn command(&self, talk: &Talk, name: &str, rest: &str) -> Result<(), Error> {
        let words = talk.words();
        match name {
            "start" => self.say(talk, Text::of(words.welcome_again)).await,
            "help" => self.help(talk).await,
            "new" if rest.is_empty() => self.say(talk, Text::of(words.say_what)).await,
            "new" => self.begin_from_text(talk, rest).await,
            "projects" => self.list(talk, List::Projects, 0, None).await,
            "runs" => self.list(talk, List::Runs, 0, None).await,
            "servers" => self.list(talk, List::Servers, 0, None).await,
            "incidents" => self.list(talk, List::Incidents, 0, None).await,
            "agents" => self.list(talk, List::Agents, 0, None).await,
            "project" => self.with_project(talk, Verb::Show, rest).await,
            "update" => self.with_project(talk, Verb::Update, rest).await,
            "deploy" => self.with_project(talk, Verb::Deploy, rest).await,
            "rollback" => self.with_project(talk, Verb::Rollback, rest).await,
            "stop" => self.with_project(talk, Verb::Stop, rest).await,
            "cancel" => self.cancel_command(talk, rest).await,
            "approve" => self.rule_command(talk, rest, true).await,
            "reject" => self.rule_command(talk, rest, false).await,
            "cost" => self.list(talk, List::Costs, 0, None).await,
            "language" => self.language(talk, rest).await,
            _ => self.say(talk, Text::of(words.unknown_command)).await,
        }
    }

    async fn help(&self, talk: &Talk) -> Result<(), Error> {
        let words = talk.words();
        let commands = words.commands.iter().filter(|(name, _)| *name != "start");
        let text =
            commands.fold(Text::of(words.help), |text, (name, about)| text.plain(format!("/{name} — {about}\n")));
        self.say(talk, text).await
    }

    async fn language(&self, talk: &Talk, rest: &str) -> Result<(), Error> {
        let chosen = match rest.to_lowercase().as_str() {
            "ru" | "russian" | "русский" | "по-русски" => Some(Language::Ru),
            "en" | "english" | "английский" => Some(Language::En),
            _ => None,
        };
        if let Some(language) = chosen {
            return self.speak(talk, language).await;
        }
        let message = Outgoing::of(Text::of(talk.words().language)).row([
            Button::tell("English", buttons::speak(Language::En)),
            Button::tell("Русский", buttons::speak(Language::Ru)),
        ]);
        self.send(talk, &message).await.map(drop)
    }

    async fn speak(&self, talk: &Talk, language: Language) -> Result<(), Error> {
        if let Some(user) = users::me(&talk.context).await? {
            let wishes = users::Wishes { language: Some(language), ..users::Wishes::default() };
            users::set(&talk.context, &user, wishes).await?;
        }
        self.say(talk, Text::of(words::of(language).language_set)).await
    }

    /// Does something with the project a command names, or with the only one there is.
    async fn with_project(&self, talk: &Talk, verb: Verb, rest: &str) -> Result<(), Error> {
        let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !name.is_empty() {
            let name = ProjectName::parse(&name.to_lowercase()).map_err(crate::ops::Error::from)?;
            return self.with(talk, verb, &name, rest.trim()).await;
        }
        let mut all = projects::list(&talk.context).await?;
        match all.len() {
            0 => self.say(talk, Text::of(talk.words().no_projects)).await,
            1 => {
                let only = all.remove(0).name;
                self.with(talk, verb, &only, "").await
            }
            _ => self.list(talk, List::Choose(verb), 0, None).await,
        }
    }

    async fn with(&self, talk: &Talk, verb: Verb, name: &ProjectName, rest: &str) -> Result<(), Error> {
        match verb {
            Verb::Show => self.show_project(talk, name).await,
            Verb::Logs => self.show_logs(talk, name).await,
            Verb::Update if rest.is_empty() => self.ask_what_changes(talk, name).await,
            Verb::Update => self.begin_update(talk, name, rest).await,
            Verb::Deploy => self.begin_deploy(talk, name).await,
            Verb::Rollback => {
                let release = match rest {
                    "" => None,
                    text => Some(ReleaseId::parse(text).map_err(crate::ops::Error::from)?),
                };
                let deed = rollback(&talk.context, name, release).await?;
                self.ask_twice(talk, name.as_str(), &deed).await
            }
            Verb::Stop => {
                let deed = stop(&talk.context, name).await?;
                self.ask_twice(talk, name.as_str(), &deed).await
            }
        }
    }

    async fn ask_what_changes(&self, talk: &Talk, name: &ProjectName) -> Result<(), Error> {
        let project = operated(&talk.context, name).await?;
        let text = Text::of(fill(talk.words().what_change, &[project.name.as_str()]));
        let asks = Outgoing { wants_reply: true, ..Outgoing::of(text) };
        if let Some(number) = self.send(talk, &asks).await? {
            self.chats.put_prompt(talk.place(), number, &Prompt::Update(project.name).spelled()).await?;
        }
        Ok(())
    }

    /// Asks again, with the name of what it is about.
    async fn ask_twice(&self, talk: &Talk, about: &str, deed: &Deed) -> Result<(), Error> {
        let message = self.sure(talk.place(), talk.person(), talk.language, about, deed).await?;
        self.send(talk, &message).await.map(drop)
    }

    /// The question whether something is really to be done, for one person to answer.
    pub async fn sure(
        &self,
        chat: ChatId,
        person: PersonId,
        language: Language,
        about: &str,
        deed: &Deed,
    ) -> Result<Outgoing, Error> {
        let words = words::of(language);
        let action = serde_json::to_string(deed).expect("a deed has text keys only");
        let nonce = self.chats.button(chat, person, action).await?;
        Ok(Outgoing::of(Text::of("⚠️ ").plain(deed.question(words, about)))
            .row([Button::tell(fill(words.yes, &[about]), buttons::once(&nonce, true))])
            .row([Button::tell(words.no, buttons::once(&nonce, false))]))
    }

    /// Asks again before a run is ended.
    async fn ask_to_cancel(&self, talk: &Talk, run: &Run) -> Result<(), Error> {
        users::require_run(&talk.context, Right::Operate, run).await?;
        self.ask_twice(talk, &subject(run), &Deed::Cancel(run.id.clone())).await
    }

    /// The unfinished runs of this chat that the person may change, newest first.
    pub async fn own_runs(&self, talk: &Talk) -> Result<Vec<Run>, Error> {
        let mut found = Vec::new();
        for followed in self.chats.followed().await?.into_iter().rev().filter(|one| one.chat == talk.place()) {
            let run = match runs::find(&talk.context, followed.run.as_str()).await {
                Ok(run) => run,
                Err(crate::ops::Error::NoSuchRun(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if !run.status.is_terminal() {
                found.push(run);
            }
        }
        Ok(found)
    }

    async fn cancel_command(&self, talk: &Talk, rest: &str) -> Result<(), Error> {
        let words = talk.words();
        let named = rest.split_whitespace().next();
        let mut runs = match named {
            Some(id) => vec![runs::find(&talk.context, id).await?],
            None => self.own_runs(talk).await?,
        };
        match runs.len() {
            0 => self.say(talk, Text::of(words.nothing_to_cancel)).await,
            1 => {
                let run = runs.remove(0);
                self.ask_to_cancel(talk, &run).await
            }
            _ => self.list(talk, List::Unfinished, 0, None).await,
        }
    }

    async fn cancel(&self, talk: &Talk, run: &Run) -> Result<(), Error> {
        let status = self.end(talk, run).await?;
        let sentence = if status == RunStatus::Cancelled { talk.words().cancelled } else { talk.words().cancels };
        self.say(talk, Text::of(fill(sentence, &[&subject(run)]))).await
    }

    async fn rule_command(&self, talk: &Talk, rest: &str, approved: bool) -> Result<(), Error> {
        // It was this very command that answered, before the process was killed: what follows may be missing.
        if let Some(card) = self.chats.answered_by(talk.place(), talk.update).await?
            && self.open_ask(&card).await?.is_none()
        {
            return self.follows(talk, card).await;
        }
        let (id, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let run = if id.is_empty() {
            let mut waiting = self.own_runs(talk).await?;
            waiting.retain(|run| run.status == RunStatus::WaitingApproval);
            for (run, _) in self.copied(talk).await? {
                if waiting.iter().all(|known| known.id != run.id) {
                    waiting.push(run);
                }
            }
            let mut waiting = waiting.into_iter();
            match (waiting.next(), waiting.next()) {
                (Some(run), None) => run,
                (None, _) => return self.say(talk, Text::of(talk.words().nothing_to_approve)).await,
                (Some(_), Some(_)) => return self.say(talk, Text::of(talk.words().which_question)).await,
            }
        } else {
            runs::find_asking(&talk.context, id).await?
        };
        let ask = runs::open_ask(&talk.context, &run, Wait::Approval).await?;
        let card = self.card_here(talk, &run, &ask).await?;
        let card = self.marked(talk, card).await?;
        let why = Some(why.trim().to_owned()).filter(|why| !why.is_empty() && !approved);
        self.rule(talk, card, &run, &ask, approved, why).await
    }

    /// A button was pressed.
    pub async fn pressed(&self, update: &Queued, callback: &Callback) -> Result<(), Error> {
        let Ok(talk) = self.admit(update, &callback.from, callback.chat, "").await? else {
            let words = words::of(words::language(callback.from.language.as_deref()));
            let told = format!("{}{}. {}", words.stranger, callback.from.id, words.stranger_how);
            return self.sender.answer_press(ChatId(callback.chat.id), &callback.id, Some(&told), true).await;
        };
        let Some(pressed) = Pressed::parse(&callback.data) else {
            return self.answer_press(&talk, &callback.id, Some(talk.words().button_unknown), true).await;
        };
        let done = Box::pin(self.press(&talk, callback, pressed)).await;
        if done.as_ref().is_err_and(|error| !error.may_pass()) {
            // What went wrong is said in the chat; the button waits no longer. One that was answered needs no answer.
            let _ = self.answer_press(&talk, &callback.id, None, false).await;
        }
        self.settle(&talk, done).await
    }

    async fn press(&self, talk: &Talk, callback: &Callback, pressed: Pressed) -> Result<(), Error> {
        match &pressed {
            Pressed::Choice { .. } | Pressed::Choices { .. } | Pressed::Rule { .. } | Pressed::GoOn { .. } => {
                return self.answer_by_button(talk, &pressed, callback).await;
            }
            Pressed::Once { nonce, yes } => return self.press_once(talk, callback, nonce, *yes).await,
            _ => {}
        }
        // The waiting of the button ends before anything that takes time.
        self.answer_press(talk, &callback.id, None, false).await?;
        match pressed {
            Pressed::Page { list, page } => self.list(talk, list, page, Some(callback.message)).await,
            Pressed::Project { verb, project } => self.with(talk, verb, &project, "").await,
            Pressed::Run(run) => self.show_run(talk, &run).await,
            Pressed::Cancel(id) => {
                let run = runs::find(&talk.context, id.as_str()).await?;
                self.ask_to_cancel(talk, &run).await
            }
            Pressed::Incident(incident) => self.show_incident(talk, &incident).await,
            Pressed::Speak(language) => self.speak(talk, language).await,
            Pressed::Choice { .. }
            | Pressed::Choices { .. }
            | Pressed::Rule { .. }
            | Pressed::GoOn { .. }
            | Pressed::Once { .. } => Ok(()),
        }
    }

    async fn press_once(&self, talk: &Talk, callback: &Callback, nonce: &str, yes: bool) -> Result<(), Error> {
        let words = talk.words();
        let outcome = self.chats.press(nonce, talk.place(), talk.person(), talk.update).await?;
        let refusal = match outcome {
            chats::Pressed::Acts(action) => {
                self.answer_press(talk, &callback.id, None, false).await?;
                self.sender.take_buttons(talk.place(), callback.message).await;
                let deed = serde_json::from_str(&action).ok().filter(|_| yes);
                return match deed {
                    Some(deed) => self.act(talk, deed).await,
                    None => self.say(talk, Text::of(words.left_alone)).await,
                };
            }
            chats::Pressed::Unknown => words.button_unknown,
            chats::Pressed::Foreign => words.button_foreign,
            chats::Pressed::Used => words.button_used,
            chats::Pressed::Late => words.button_late,
        };
        self.answer_press(talk, &callback.id, Some(refusal), true).await
    }

    async fn act(&self, talk: &Talk, deed: Deed) -> Result<(), Error> {
        match deed {
            Deed::Rollback { project, release } => self.begin_rollback(talk, &project, release).await,
            Deed::Stop(name) => {
                let project = operated(&talk.context, &name).await?;
                services::stop(&talk.context, &project, &self.cancel).await?;
                self.say(talk, Text::of(fill(talk.words().stopped, &[name.as_str()]))).await
            }
            Deed::Cancel(run) => {
                let run = runs::find(&talk.context, run.as_str()).await?;
                self.cancel(talk, &run).await
            }
        }
    }
}

/// A project that the person may change.
pub(super) async fn operated(context: &Context, name: &ProjectName) -> Result<Project, Error> {
    let project = projects::by_name(context, name).await?;
    users::require(context, Right::Operate, Some(&project))?;
    Ok(project)
}

/// A stop that the person may ask for.
pub(super) async fn stop(context: &Context, name: &ProjectName) -> Result<Deed, Error> {
    operated(context, name).await?;
    Ok(Deed::Stop(name.clone()))
}

/// A way back that the person may ask for, and that there is. Which release it leads to is settled now: a deployment
/// before the yes changes nothing about it.
pub(super) async fn rollback(context: &Context, name: &ProjectName, release: Option<ReleaseId>) -> Result<Deed, Error> {
    let project = operated(context, name).await?;
    let back = deploy::check_rollback_of(context, &project, release.as_ref(), false).await?;
    Ok(Deed::Rollback { project: name.clone(), release: back.release })
}

/// A run in one line.
pub(super) fn run_line(talk: &Talk, run: &Run) -> String {
    format!("{}: {}", subject(run), words::status(run.status, talk.language))
}
