//! Operations that were asked for in words: once a run has understood which one is meant, its chat gets exactly what the
//! command gives, with the rights of whoever asked.

use super::api::Error;
use super::commands::{operated, rollback, stop};
use super::desk::Desk;
use super::markup::Text;
use super::sender::Outgoing;
use super::words::{self, fill};
use crate::domain::chat::{About, Followed};
use crate::domain::names::ProjectName;
use crate::domain::run::{Run, RunStatus};
use crate::domain::state::Intent;
use crate::domain::user::{Actor, Identity};
use crate::ops::{Context, services, users};
use crate::pipeline::runner;

impl Desk<'_> {
    /// What a run that understood an operation leads to; none when it was about something else.
    pub async fn operation(&self, followed: &Followed, run: &Run) -> Result<Option<Outgoing>, Error> {
        if run.status != RunStatus::Succeeded {
            return Ok(None);
        }
        let state = runner::progress(&self.app.context, &run.id).await?.state;
        let (Some(intent), Some(project)) = (state.po_intent.filter(|intent| intent.operates()), state.current_project)
        else {
            return Ok(None);
        };
        let actor = Actor::Somebody { identity: Identity::Telegram(followed.person.0), called: String::new() };
        let done = match users::identify(&self.app.context, &actor).await {
            Ok(person) => self.operate(followed, &self.app.context.acting_as(person), intent, &project.name).await,
            Err(error) => Err(Error::Ops(error.into())),
        };
        match done {
            Err(error) if error.may_pass() => Err(error),
            Err(error) => Ok(Some(Outgoing::of(self.explained(followed.language, About::from(followed), &error)))),
            Ok(message) => Ok(message),
        }
    }

    async fn operate(
        &self,
        followed: &Followed,
        context: &Context,
        intent: Intent,
        name: &ProjectName,
    ) -> Result<Option<Outgoing>, Error> {
        let language = followed.language;
        let deed = match intent {
            Intent::Stop => stop(context, name).await?,
            Intent::Rollback => rollback(context, name, None).await?,
            Intent::Start => {
                let project = operated(context, name).await?;
                services::start(context, &project, &self.cancel).await?;
                let text = fill(words::of(language).started, &[name.as_str()]);
                return Ok(Some(Outgoing::of(Text::of(text))));
            }
            Intent::Logs => return Ok(Some(Outgoing::of(self.log(context, language, name).await?))),
            Intent::NewProject
            | Intent::UpdateProject
            | Intent::Deploy
            | Intent::Maintenance
            | Intent::Activate
            | Intent::Status => return Ok(None),
        };
        self.sure(followed.chat, followed.person, language, name.as_str(), &deed).await.map(Some)
    }
}
