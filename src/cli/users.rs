//! `cgo users`: who may use the store through a front end, and how they are told.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Users as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::prompt::{self, Said};
use super::run_answers::when;
use super::ui::{Tone, Ui, table};
use crate::domain::diagnose::Kind;
use crate::domain::ids::InvitationId;
use crate::domain::time::Timestamp;
use crate::domain::user::{QuietHours, Role, User, UserName};
use crate::ops::users::{self, Listing, Wishes};
use crate::ops::{self, chats};
use crate::pipeline::runner;

/// `cgo users …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let context = &app.context;
    let ui = session.ui;
    let parsed = |name: &str| UserName::parse(name).map_err(|error| ops::Error::from(users::Error::from(error)));
    match args {
        Args::List => Ok(Outcome::of(ui, &Listed(users::list(context).await?))),
        Args::Add { name, identity, role, language } => {
            let language = language.map(Into::into);
            let user = users::add(context, parsed(&name)?, role.into(), identity, language).await?;
            Ok(Outcome::of(ui, &Changed { what: What::Added, user }))
        }
        Args::Invite { role, name, expires } => {
            let name = name.as_deref().map(parsed).transpose()?;
            let for_ms = i64::from(expires) * 60 * 60 * 1000;
            let (invitation, code) = users::invite(context, role.into(), name, for_ms).await?;
            let (role, expires_at) = (invitation.role, invitation.expires_at);
            let (link, bot) = chats::invitation_link(context, &code).await?.map(|link| (link.url, link.bot)).unzip();
            Ok(Outcome::of(ui, &Invited { invitation: invitation.id, role, expires_at, code, link, bot }))
        }
        Args::Remove { name } => {
            let user = users::by_name(context, &name).await?;
            allowed(session, &user).await?;
            let user = users::remove(context, &name, &runner::cancelled(&context.user)).await?;
            Ok(Outcome::of(ui, &Changed { what: What::Removed, user }))
        }
        Args::Role { name, role } => {
            let user = users::set_role(context, &name, role.into()).await?;
            Ok(Outcome::of(ui, &Changed { what: What::Changed, user }))
        }
        Args::Set { name, language, chat, quiet_hours, time_zone } => {
            let user = users::by_name(context, &name).await?;
            let chat = match chat.as_deref() {
                None => None,
                Some("off") => Some(None),
                Some(id) => Some(Some(id.parse().map_err(|_| {
                    Failure::usage(format!("`{id}` is not the id of a chat"), "give its number, or off")
                })?)),
            };
            let quiet = match quiet_hours.as_deref() {
                None => None,
                Some("off") => Some(None),
                Some(text) => Some(Some(QuietHours::parse(text, &time_zone).ok_or_else(|| {
                    Failure::usage(format!("`{text}` is not a time of day"), "give it as 22:00-08:00, or off")
                })?)),
            };
            let wishes = Wishes { language: language.map(Into::into), chat, quiet };
            let user = users::set(context, &user, wishes).await?;
            Ok(Outcome::of(ui, &Changed { what: What::Changed, user }))
        }
    }
}

async fn allowed(session: &Session<'_>, user: &User) -> Result<(), Failure> {
    let again = || Some(format!("run `cgo users remove {:?} --yes`", user.name.as_str()));
    let question = format!("Remove {}? What is theirs becomes the operator's", user.name);
    match prompt::confirm(session, question).await {
        Some(Said::Answer(true)) => Ok(()),
        Some(Said::Answer(false) | Said::Nothing) => Err(Failure::new(Kind::User, "nobody was removed", again())),
        Some(Said::Interrupted) => Err(Failure::new(Kind::Interrupted, "interrupted, nobody was removed", again())),
        None => Err(Failure::new(Kind::Person, format!("removing `{}` has to be confirmed", user.name), again())),
    }
}

/// What `cgo users list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed(Listing);

impl Answer for Listed {
    const NAME: &'static str = "users.list";

    fn text(&self, _: &Ui) -> String {
        let Listing { operator, users, invitations, strangers } = &self.0;
        let mut rows = vec![vec![operator.clone(), Role::Admin.as_str().to_owned(), "this terminal".to_owned()]];
        rows.extend(users.iter().map(|user| {
            let identities: Vec<String> = user.identities.iter().map(ToString::to_string).collect();
            let mut how = identities.join(", ");
            how.extend(user.quiet.as_ref().map(|quiet| format!(", quiet {quiet}")));
            vec![user.name.to_string(), user.role.as_str().to_owned(), how]
        }));
        let mut out = table(&["name", "role", "who"], rows);
        for invitation in invitations {
            let name = invitation.name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
            let (role, until) = (invitation.role.as_str(), when(invitation.expires_at));
            out.push_str(&format!("\ninvited by {}: one {role}{name}, until {until}", invitation.by));
        }
        for stranger in strangers {
            let called = if stranger.called.is_empty() { String::new() } else { format!(" ({})", stranger.called) };
            let (attempts, last) = (stranger.attempts, when(stranger.updated_at));
            out.push_str(&format!("\nrefused: {}{called}, {attempts}×, last {last}", stranger.identity));
        }
        out
    }
}

/// What was done with somebody.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum What {
    Added,
    Removed,
    Changed,
}

/// What `cgo users add`, `remove`, `role` and `set` answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Changed {
    what: What,
    user: User,
}

impl Answer for Changed {
    const NAME: &'static str = "users.changed";

    fn text(&self, ui: &Ui) -> String {
        let (mark, user) = (ui.tone(Tone::Good, "✓"), &self.user);
        let (name, role) = (&user.name, user.role.as_str());
        match self.what {
            What::Added => format!("{mark} {name} may come in as {role}\n"),
            What::Removed => format!("{mark} {name} may not come in any more\n"),
            What::Changed => {
                let quiet = user.quiet.as_ref().map(|quiet| format!(", quiet {quiet}")).unwrap_or_default();
                format!("{mark} {name} is {role}{quiet}\n")
            }
        }
    }
}

/// What `cgo users invite` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Invited {
    /// The invitation.
    invitation: InvitationId,
    /// What whoever comes may do.
    role: Role,
    /// When it ends.
    expires_at: Timestamp,
    /// The code; it is kept nowhere.
    code: String,
    /// Opens the chat with the bot, with the code; none while no bot was talked over.
    link: Option<String>,
    /// The bot whose chat that is; the link names it.
    #[serde(skip)]
    bot: Option<String>,
}

impl Answer for Invited {
    const NAME: &'static str = "users.invite";

    fn text(&self, _: &Ui) -> String {
        let (code, role, until) = (&self.code, self.role.as_str(), when(self.expires_at));
        let lets = format!("lets one person in as {role}, until {until}");
        match self.link.as_ref().zip(self.bot.as_ref()) {
            Some((link, bot)) => {
                format!("{link}\n{lets}: they open this link, which opens @{bot}, or send the bot `/start {code}`\n")
            }
            None => format!("{code}\n{lets}: they send the bot `/start {code}`\n"),
        }
    }
}
