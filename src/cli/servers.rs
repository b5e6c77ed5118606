//! `cgo servers`: where projects run.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::{Servers as Args, ServersAdd, Switch};
use super::outcome::{Answer, Failure, Outcome};
use super::prompt::{Said, confirm};
use super::ui::{Tone, Ui, table};
use crate::domain::diagnose::Kind;
use crate::domain::host::{Facts, Fingerprint, HostKey};
use crate::domain::server::Server;
use crate::ops::servers::add::{self, Offer};
use crate::ops::servers::check::{self, Looked};
use crate::ops::servers::provision::LastSetup;
use crate::ops::servers::{self, ServerView};

/// `cgo servers …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let context = &app.context;
    let ui = session.ui;
    match args {
        Args::List => {
            let servers = servers::list(context).await?;
            Ok(Outcome::of(ui, &Servers { servers }))
        }
        Args::Add(args) => {
            let ServersAdd { name, destination, key, fingerprint, rootless } = *args;
            let offer = add::offered(context, &name, &destination, key.as_deref(), &session.cancel).await?;
            if let Err(failure) = confirmed(session, &offer, fingerprint.as_ref()).await {
                add::decline(&offer);
                return Err(failure);
            }
            let server = add::add(context, &offer, rootless, &session.cancel).await?;
            Ok(Outcome::of(ui, &Added { server }))
        }
        Args::Show { name } => {
            let server = servers::view(context, name.as_str()).await?;
            let setup = servers::provision::last(context, &server.server).await?;
            Ok(Outcome::of(ui, &Shown { server, setup }))
        }
        Args::Check { names } => {
            let servers = check::check(context, &names, &session.cancel).await?;
            Ok(Outcome::of(ui, &Checked { servers }))
        }
        Args::Trust { name, fingerprint } => {
            let offer = add::offered_again(context, &name, &session.cancel).await?;
            if offer.pinned.as_ref() != Some(&offer.host_key) {
                confirmed(session, &offer, fingerprint.as_ref()).await?;
            }
            let was = offer.pinned.as_ref().map(HostKey::fingerprint);
            let server = add::trust(context, &offer).await?;
            Ok(Outcome::of(
                ui,
                &Trusted { fingerprint: offer.host_key.fingerprint(), was, server: server.server.handle },
            ))
        }
        Args::Provision(args) => Box::pin(super::provision::run(session, context, *args)).await,
        Args::Maintenance { name, wanted } => {
            let (server, changed) = servers::standing::maintenance(context, &name, wanted == Switch::On).await?;
            Ok(Outcome::of(ui, &Moved { server, changed }))
        }
        Args::Reserve { name, wanted } => {
            let (server, changed) = servers::standing::reserve(context, &name, wanted == Switch::On).await?;
            Ok(Outcome::of(ui, &Moved { server, changed }))
        }
        Args::Inventory { host, .. } => {
            let inventory = match host {
                Some(name) => servers::inventory::host(context, &name).await?,
                None => servers::inventory::list(context).await?,
            };
            let text = serde_json::to_string_pretty(&inventory).expect("an inventory has text keys only");
            Ok(Outcome::raw(text + "\n"))
        }
        Args::Remove { name } => {
            let server = add::remove(context, &name).await?;
            Ok(Outcome::of(ui, &Removed { server: server.handle, destination: server.address }))
        }
    }
}

/// Whether the key a host offers is the right one: it is the one that was named, or a person says so.
async fn confirmed(session: &Session<'_>, offer: &Offer, wanted: Option<&Fingerprint>) -> Result<(), Failure> {
    if let Some(wanted) = wanted {
        return Ok(offer.is(wanted)?);
    }
    if session.ui.interactive && !session.ui.yes {
        let (sort, key) = (offer.host_key.sort(), offer.host_key.fingerprint());
        match &offer.pinned {
            None => session.ui.tell(&format!("`{}` proves itself with the {sort} key\n  {key}", offer.destination)),
            Some(pinned) => session.ui.tell(&format!(
                "`{}` has proved itself with\n  {}\nand now offers the {sort} key\n  {key}",
                offer.destination,
                pinned.fingerprint()
            )),
        }
    }
    // A key that has changed is never taken by a flag that says yes to everything.
    let asked = if offer.pinned.is_some() && session.ui.yes {
        None
    } else {
        confirm(session, "Is it the server's own?".to_owned()).await
    };
    match asked {
        Some(Said::Answer(true)) => Ok(()),
        Some(Said::Interrupted) => Err(Failure::new(Kind::Interrupted, "interrupted, nothing changed", None)),
        Some(Said::Answer(false) | Said::Nothing) => {
            let hint = "compare the fingerprint with `ssh-keygen -lf` on the server".to_owned();
            Err(Failure::new(Kind::User, "the host key was not confirmed, nothing changed", Some(hint)))
        }
        None => Err(offer.unconfirmed().into()),
    }
}

/// What `cgo servers list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Servers {
    /// `local` first.
    pub servers: Vec<ServerView>,
}

/// How a server was when it was last looked at.
fn last_look(view: &ServerView) -> String {
    match &view.check {
        None => "-".to_owned(),
        Some(check) if check.problem.is_none() => "ok".to_owned(),
        Some(check) if check.failures == 1 => "failed".to_owned(),
        Some(check) => format!("failed {}×", check.failures),
    }
}

impl Answer for Servers {
    const NAME: &'static str = "servers.list";

    fn text(&self, _: &Ui) -> String {
        let rows = self
            .servers
            .iter()
            .map(|view| {
                let ports: Vec<String> = view.ports.iter().map(ToString::to_string).collect();
                let address = view.access.as_ref().map_or(&view.server.address, |access| &access.destination);
                vec![
                    view.server.handle.clone(),
                    view.server.status.words().to_owned(),
                    address.clone(),
                    last_look(view),
                    view.projects.to_string(),
                    if ports.is_empty() { "-".to_owned() } else { ports.join(" ") },
                ]
            })
            .collect();
        table(&["server", "status", "address", "last look", "projects", "ports"], rows)
    }
}

/// What was found on a machine, as lines with a heading each.
fn found(facts: &Facts) -> Vec<(&'static str, String)> {
    let gigabytes = |megabytes: u64| format!("{}.{} GB", megabytes / 1024, megabytes % 1024 * 10 / 1024);
    let engines: Vec<String> = facts
        .engines
        .iter()
        .map(|engine| format!("{} {}", engine.name, engine.version.as_deref().unwrap_or("(does not answer)")))
        .collect();
    let ports: Vec<String> = facts.listening.iter().map(ToString::to_string).collect();
    let or_none =
        |list: Vec<String>, between: &str| if list.is_empty() { "none".to_owned() } else { list.join(between) };
    let mut lines = vec![
        ("system", format!("{}, {}, Linux {}", facts.os, facts.arch, facts.kernel)),
        ("processors", facts.cpus.to_string()),
        ("memory", format!("{}, {} free", gigabytes(facts.memory_mb), gigabytes(facts.memory_available_mb))),
        (
            "disk",
            format!("{}, {} free at {}", gigabytes(facts.disk_mb), gigabytes(facts.disk_available_mb), facts.data),
        ),
        ("rights", format!("{}: {}", facts.user, facts.rights.words())),
        ("containers", or_none(engines, ", ")),
        ("systemd", if facts.systemd { "yes" } else { "no" }.to_owned()),
        ("listening", or_none(ports, " ")),
    ];
    if facts.skew_ms.abs() >= 1000 {
        let way = if facts.skew_ms > 0 { "ahead" } else { "behind" };
        lines.push(("clock", format!("{} s {way}", facts.skew_ms.abs() / 1000)));
    }
    lines
}

fn lines(view: &ServerView) -> String {
    let mut lines = vec![("status", view.server.status.words().to_owned())];
    if let Some(access) = &view.access {
        lines.push(("address", access.destination.clone()));
        lines.push(("key", access.key.clone().unwrap_or_else(|| "as the SSH client chooses".to_owned())));
        lines.push(("host key", access.fingerprint.to_string()));
    } else {
        lines.push(("address", view.server.address.clone()));
    }
    if let Some(check) = &view.check {
        if let Some(problem) = &check.problem {
            lines.push((
                "problem",
                format!("{problem} (the last {} looks)", check.failures).replace("last 1 looks", "last look"),
            ));
        }
        lines.extend(check.facts.as_ref().map(found).unwrap_or_default());
    }
    lines.push(("projects", view.projects.to_string()));
    let text: Vec<String> = lines.iter().map(|(name, value)| format!("  {name:<11} {value}")).collect();
    format!("{}\n{}\n", view.server.handle, text.join("\n"))
}

/// What `cgo servers show` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The server.
    pub server: ServerView,
    /// How the last attempt to set it up went.
    pub setup: Option<LastSetup>,
}

impl Answer for Shown {
    const NAME: &'static str = "servers.show";

    fn text(&self, _: &Ui) -> String {
        let mut text = lines(&self.server);
        match &self.setup {
            Some(LastSetup { problem: Some(problem), attempts, .. }) => {
                text.push_str(&format!("  {:<11} failed {attempts}×: {problem}\n", "set-up"));
            }
            Some(LastSetup { open: true, .. }) => {
                text.push_str(&format!("  {:<11} begun, and not known to have ended\n", "set-up"));
            }
            _ => {}
        }
        text
    }
}

/// What `cgo servers add` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    /// The server.
    pub server: ServerView,
}

impl Answer for Added {
    const NAME: &'static str = "servers.add";

    fn text(&self, ui: &Ui) -> String {
        format!("{} added {}", ui.tone(Tone::Good, "✓"), lines(&self.server))
    }
}

/// What `cgo servers check` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// Each server that was looked at.
    pub servers: Vec<Looked>,
}

impl Answer for Checked {
    const NAME: &'static str = "servers.check";

    fn text(&self, ui: &Ui) -> String {
        let mut out = String::new();
        for looked in &self.servers {
            match (&looked.problem, &looked.facts) {
                (None, Some(facts)) => {
                    let mark = ui.tone(Tone::Good, "✓");
                    let (free, disk) = (facts.memory_available_mb, facts.disk_available_mb / 1024);
                    out.push_str(&format!(
                        "{mark} {}  {}, {free} MB of memory and {disk} GB of disk free\n",
                        looked.server, facts.os
                    ));
                }
                (problem, _) => {
                    let (mark, said) = (ui.tone(Tone::Bad, "✗"), problem.as_deref().unwrap_or("nothing was found"));
                    out.push_str(&format!("{mark} {}  {said}\n", looked.server));
                    if let Some(hint) = &looked.hint {
                        out.push_str(&format!("  {hint}\n"));
                    }
                }
            }
        }
        out
    }

    /// The problem's own code where one server was looked at; for several, whether all of them failed or some.
    fn exit(&self) -> u8 {
        match &self.servers[..] {
            [looked] => looked.exit,
            all if all.iter().all(|looked| looked.ok) => 0,
            all if all.iter().any(|looked| looked.ok) => 8,
            _ => 1,
        }
    }
}

/// What `cgo servers trust` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Trusted {
    /// The server.
    pub server: String,
    /// The fingerprint that is pinned now.
    pub fingerprint: Fingerprint,
    /// The one that was pinned before.
    pub was: Option<Fingerprint>,
}

impl Answer for Trusted {
    const NAME: &'static str = "servers.trust";

    fn text(&self, ui: &Ui) -> String {
        if self.was.as_ref() == Some(&self.fingerprint) {
            return format!("the host key of `{}` is the one that is pinned: {}\n", self.server, self.fingerprint);
        }
        format!("{} the host key of `{}` is now {}\n", ui.tone(Tone::Good, "✓"), self.server, self.fingerprint)
    }
}

/// What `cgo servers maintenance` and `cgo servers reserve` answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Moved {
    /// The server, as it stands now.
    pub server: Server,
    /// The command changed that.
    pub changed: bool,
}

impl Answer for Moved {
    const NAME: &'static str = "servers.moved";

    fn text(&self, ui: &Ui) -> String {
        let mark = if self.changed { ui.tone(Tone::Good, "✓") } else { "·".to_owned() };
        let nothing = if self.changed { "" } else { ", as it was" };
        format!("{mark} `{}` is {}{nothing}\n", self.server.handle, self.server.status.words())
    }
}

/// What `cgo servers remove` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    /// The server.
    pub server: String,
    /// Where it is.
    pub destination: String,
}

impl Answer for Removed {
    const NAME: &'static str = "servers.remove";

    fn text(&self, ui: &Ui) -> String {
        format!("{} removed `{}`; nothing was changed on {}\n", ui.tone(Tone::Good, "✓"), self.server, self.destination)
    }
}
