//! `cgo secrets`: what a project's services are told that nobody else may see.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Secrets as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::prompt::{self, Said};
use super::run_answers::when;
use super::ui::{Tone, Ui, table};
use crate::domain::diagnose::Kind;
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::secret::{LONGEST, Leak, Secret};
use crate::ops;
use crate::ops::secrets::{self, Listing, SecretView, Set};

/// `cgo secrets …`.
///
/// # Errors
/// [`Failure`]; nothing of a value stands in it.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let ui = session.ui;
    match args {
        Args::Set { project, name, file, value } => {
            if !value.is_empty() {
                let hint = format!(
                    "run `cgo secrets set {project} {name}` and type it when asked; it stands in the history of your \
                     shell by now, so take another one"
                );
                return Err(Failure::usage("a secret's value does not belong on the command line", hint));
            }
            let app = session.app().await?;
            // Before anything is typed: the project is there.
            ops::projects::by_name(&app.context, &project).await?;
            let value = given(session, &project, &name, file.as_deref()).await?;
            let done = secrets::set(&app.context, &project, &name, &value).await?;
            Ok(Outcome::of(ui, &Done(done)))
        }
        Args::List { project } => {
            let app = session.app().await?;
            let listing = secrets::list(&app.context, project.as_ref()).await?;
            Ok(Outcome::of(ui, &Listed(listing)))
        }
        Args::Get { project, name, reveal } => {
            let app = session.app().await?;
            let (secret, value) = secrets::get(&app.context, &project, &name, reveal).await?;
            let value = value.map(|value| value.reveal().to_owned());
            let is_revealed = value.is_some();
            let outcome = Outcome::of(ui, &Got { secret, value });
            Ok(if is_revealed { outcome.revealed() } else { outcome })
        }
        Args::Rm { project, name } => {
            let app = session.app().await?;
            secrets::get(&app.context, &project, &name, false).await?;
            allowed(session, &project, &name).await?;
            secrets::remove(&app.context, &project, &name).await?;
            Ok(Outcome::of(ui, &Removed { project, name: name.to_string() }))
        }
        Args::Rotate { project, name } => {
            let app = session.app().await?;
            let secret = secrets::rotate(&app.context, &project, &name).await?;
            Ok(Outcome::of(ui, &Rotated { secret }))
        }
    }
}

/// The value, from a file, standard input or a person.
async fn given(
    session: &Session<'_>,
    project: &ProjectName,
    name: &EnvName,
    file: Option<&Path>,
) -> Result<Secret, Failure> {
    let bytes = match file {
        Some(path) => std::fs::File::open(path)
            .and_then(read)
            .map_err(|source| Failure::from(ops::Error::Path { action: "read", path: path.to_owned(), source }))?,
        None if !std::io::stdin().is_terminal() => {
            let mut bytes = read(std::io::stdin().lock()).map_err(|error| {
                Failure::usage(format!("standard input cannot be read: {error}"), "name a file with --file")
            })?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            bytes
        }
        None if session.ui.interactive => typed(session, project, name).await?,
        None => {
            let hint = "pipe the value in, or name a file with --file";
            return Err(Failure::usage("there is nobody to ask for the value", hint));
        }
    };
    Secret::given(bytes).map_err(|source| ops::Error::UnfitSecret { name: name.to_string(), source }.into())
}

/// Everything, or a byte more than a value may have.
fn read(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A newline at the end may come on top.
    from.take(LONGEST as u64 + 2).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn typed(session: &Session<'_>, project: &ProjectName, name: &EnvName) -> Result<Vec<u8>, Failure> {
    let question = format!("Value of {name} for {project} (not shown)");
    let said = prompt::ask(&session.cancel, move || {
        dialoguer::Password::new().with_prompt(question).allow_empty_password(true).interact().map(Some)
    });
    match said.await {
        Said::Answer(text) => Ok(text.into_bytes()),
        Said::Nothing => Ok(Vec::new()),
        Said::Interrupted => Err(Failure::new(Kind::Interrupted, "interrupted, nothing changed", None)),
    }
}

async fn allowed(session: &Session<'_>, project: &ProjectName, name: &EnvName) -> Result<(), Failure> {
    let again = || Some(format!("run `cgo secrets rm {project} {name} --yes`"));
    match prompt::confirm(session, format!("Remove `{name}` of `{project}`? Its value is nowhere else")).await {
        Some(Said::Answer(true)) => Ok(()),
        Some(Said::Answer(false) | Said::Nothing) => Err(Failure::new(Kind::User, "nothing was removed", again())),
        Some(Said::Interrupted) => Err(Failure::new(Kind::Interrupted, "interrupted, nothing was removed", again())),
        None => Err(Failure::new(
            Kind::Person,
            format!("removing `{name}` of `{project}` would destroy its value"),
            again(),
        )),
    }
}

/// What `cgo secrets set` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done(Set);

impl Answer for Done {
    const NAME: &'static str = "secrets.set";

    fn text(&self, ui: &Ui) -> String {
        let Set { project, name, created, declared, waiting, .. } = &self.0;
        let how = if *created { "set" } else { "set anew" };
        let mut out = format!("{} `{name}` of `{project}` is {how}\n", ui.tone(Tone::Good, "✓"));
        if *declared == Some(false) {
            out.push_str("  no contract names it as a secret, so no service gets it\n");
        }
        match &waiting[..] {
            [] if *declared == Some(false) => {}
            [] => out.push_str(&format!("  the next deployment brings it to the service: cgo deploy {project}\n")),
            runs => runs.iter().for_each(|run| out.push_str(&format!("next: cgo run resume {run}\n"))),
        }
        out
    }
}

/// What `cgo secrets list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed(Listing);

/// How a secret stands, in words.
fn stands(secret: &SecretView) -> String {
    if secret.exposed.is_some_and(|exposed| exposed.how == Leak::Message) {
        return "exposed in a message, set it anew".to_owned();
    }
    match (secret.set, secret.source, secret.required) {
        (true, None, _) => "set, no contract names it".to_owned(),
        (true, Some(_), _) => "set".to_owned(),
        (false, Some("generated_secret"), _) => "made at the next deployment".to_owned(),
        (false, _, true) => "missing".to_owned(),
        (false, _, false) => "not set".to_owned(),
    }
}

impl Answer for Listed {
    const NAME: &'static str = "secrets.list";

    fn text(&self, ui: &Ui) -> String {
        let mut out = String::new();
        for problem in &self.0.problems {
            out.push_str(&format!("{} {problem}\n", ui.tone(Tone::Notice, "!")));
        }
        if self.0.secrets.is_empty() {
            return out + "no secrets: no contract asks for one, and none is set";
        }
        let rows = self.0.secrets.iter().map(|secret| {
            let is_bad = secret.exposed.is_some() || (secret.required && stands(secret) == "missing");
            let tone = if is_bad { Tone::Bad } else { Tone::Good };
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            vec![
                secret.project.to_string(),
                secret.name.clone(),
                ui.tone(tone, &stands(secret)),
                or_dash(secret.updated_at.map(when)),
                or_dash(secret.description.clone()),
            ]
        });
        out + &table(&["project", "name", "status", "since", "what it is for"], rows.collect())
    }
}

/// What `cgo secrets get` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Got {
    #[serde(flatten)]
    secret: SecretView,
    /// The value, with `--reveal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl Answer for Got {
    const NAME: &'static str = "secrets.get";

    fn text(&self, _: &Ui) -> String {
        if let Some(value) = &self.value {
            return value.clone();
        }
        let SecretView { project, name, .. } = &self.secret;
        let mut lines = vec![format!("{name} of {project}: {}", stands(&self.secret))];
        lines.extend(self.secret.description.iter().map(|text| format!("  what it is for  {text}")));
        lines.extend(self.secret.updated_at.map(|at| format!("  since           {}", when(at))));
        lines.extend(self.secret.key.iter().map(|key| format!("  key             {key}")));
        lines.join("\n") + "\n"
    }
}

/// What `cgo secrets rm` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    /// The project.
    project: ProjectName,
    /// The variable.
    name: String,
}

impl Answer for Removed {
    const NAME: &'static str = "secrets.rm";

    fn text(&self, ui: &Ui) -> String {
        format!("{} `{}` of `{}` is removed\n", ui.tone(Tone::Good, "✓"), self.name, self.project)
    }
}

/// What `cgo secrets rotate` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rotated {
    #[serde(flatten)]
    secret: SecretView,
}

impl Answer for Rotated {
    const NAME: &'static str = "secrets.rotate";

    fn text(&self, ui: &Ui) -> String {
        let SecretView { project, name, .. } = &self.secret;
        let mark = ui.tone(Tone::Good, "✓");
        format!(
            "{mark} `{name}` of `{project}` has a new value\n  the service has it after the next deployment: cgo deploy {project}\n"
        )
    }
}

/// Writes a value that was asked for: to the byte where a program reads it, on a line of its own for a person.
pub(super) fn write_revealed(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away is no error.
    let _ = out.write_all(text.as_bytes());
    if std::io::stdout().is_terminal() && !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}
