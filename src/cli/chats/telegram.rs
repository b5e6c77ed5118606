//! The bot of Telegram whose token the environment, a file or the store holds.

use super::Around;
use crate::app::App;
use crate::cli::Session;
use crate::cli::outcome::Failure;
use crate::domain::diagnose::Kind;
use crate::ops::notify::Channel;
use crate::telegram::{self, Settings, Token};

/// Keeps the token of the environment or of a file in the store, if a bot can be used with it: Telegram is asked first.
pub(in crate::cli) async fn keep_token(session: &Session<'_>, app: &App, drop_webhook: bool) -> Result<(), Failure> {
    let settings = settings(session, app, drop_webhook).await?;
    tokio::select! {
        checked = telegram::check(&settings) => drop(checked?),
        () = session.cancel.cancelled() => {
            return Err(Failure::new(Kind::Interrupted, "interrupted, nothing was kept", None));
        }
    }
    Ok(settings.token.keep(&app.context).await?)
}

async fn settings(session: &Session<'_>, app: &App, drop_webhook: bool) -> Result<Settings, Failure> {
    let token = Token::find(&app.context, |name| std::env::var(name).ok()).await?;
    let projects = app.context.data.join("projects");
    let api = session.settings.telegram_api.value.clone();
    Ok(Settings { api, drop_webhook, ..Settings::new(token, projects) })
}

/// The bot.
pub(in crate::cli) struct Bot(telegram::Bot);

impl Bot {
    /// Nobody is asked yet.
    pub async fn open(session: &Session<'_>, app: &App, drop_webhook: bool) -> Result<Self, Failure> {
        let settings = settings(session, app, drop_webhook).await?;
        Ok(Self(telegram::Bot::new(&app.context, settings)?))
    }

    pub fn channel(&self) -> Box<dyn Channel> {
        Box::new(self.0.notifier())
    }

    /// Talks with people until the session is cancelled.
    pub async fn run(&self, session: &Session<'_>, app: &App, around: Around<'_>) -> Result<(), Failure> {
        let Around { note, ready, wake, page } = around;
        Ok(self.0.run(app, &telegram::Around { note, ready, wake, page }, &session.cancel).await?)
    }
}

impl From<telegram::Error> for Failure {
    fn from(error: telegram::Error) -> Self {
        match error {
            telegram::Error::Ops(error) => error.into(),
            telegram::Error::Run(error) => error.into(),
            other => Self::from_error(&other, std::error::Error::source(&other)),
        }
    }
}
