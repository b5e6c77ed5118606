//! `cgo agent`: agents looked at, edited, compared and moved.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Session;
use super::agent_answers::{Diff, Exported, File, History, Imported, Listed, Row, Stored, Tested, Version, diff};
use super::args::{Agent as Args, GraphFormat};
use super::outcome::{Failure, Outcome};
use super::prompt::{self, Said};
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::names::AgentName;
use crate::domain::provider::ModelChoice;
use crate::ops::{self, agents};
use crate::pipeline::{drawing, runner, trial};

/// `cgo agent …`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    if let Args::Graph { format } = args {
        let graph = runner::graph().map_err(runner::Error::from)?;
        let definition = graph.definition();
        return Ok(Outcome::raw(match format {
            GraphFormat::Mermaid => drawing::mermaid(definition),
            GraphFormat::Dot => drawing::dot(definition),
            GraphFormat::Svg => drawing::svg(definition),
        }));
    }
    let app = session.app().await?;
    let context = &app.context;
    let ui = session.ui;
    match args {
        Args::List => {
            let versions = agents::list(context).await?;
            Ok(Outcome::of(
                ui,
                &Listed {
                    agents: versions.iter().map(|version| Row::of(version, &session.settings.provider.value)).collect(),
                },
            ))
        }
        Args::Show { agent, version } => {
            let version = match version {
                Some(number) => agents::version(context, &agent, number).await?,
                None => agents::newest(context, &agent).await?,
            };
            Ok(Outcome::of(ui, &File(version)))
        }
        Args::Edit { agent } => edit(session, &app, &agent).await,
        Args::Set { agent, key, value } => {
            let newest = agents::newest(context, &agent).await?;
            let text = agents::with_value(&newest.text, &key, &value)?;
            check(&app, &agent, &text)?;
            let stored = agents::save(context, &agent, newest.version, &text, "set").await?;
            Ok(Outcome::of(ui, &Stored::of(&stored, newest.version)))
        }
        Args::Diff { agent, from, to } => {
            let newest = agents::newest(context, &agent).await?;
            let to = to.unwrap_or(newest.version);
            let from = from.unwrap_or_else(|| to.saturating_sub(1).max(1));
            let older = agents::version(context, &agent, from).await?;
            let newer = agents::version(context, &agent, to).await?;
            Ok(Outcome::of(ui, &Diff { agent, from, to, diff: diff(&older, &newer) }))
        }
        Args::History { agent } => {
            let versions = agents::history(context, &agent).await?;
            Ok(Outcome::of(ui, &History { versions: versions.iter().map(Version::of).collect(), agent }))
        }
        Args::Rollback { agent, version } => {
            let newest = agents::newest(context, &agent).await?;
            let number = match version {
                Some(number) => number,
                None if newest.version > 1 => newest.version - 1,
                None => {
                    return Err(Failure::new(
                        Kind::User,
                        format!("agent `{agent}` has one version only; there is nothing to go back to"),
                        Some(format!("run `cgo agent history {agent}`")),
                    ));
                }
            };
            let older = agents::version(context, &agent, number).await?;
            check(&app, &agent, &older.text)?;
            let origin = format!("rollback to {number}");
            let stored = agents::save(context, &agent, newest.version, &older.text, &origin).await?;
            Ok(Outcome::of(ui, &Stored::of(&stored, newest.version)))
        }
        Args::Export { folder, agents: names } => export(session, &app, &folder, &names).await,
        Args::Import { paths, dry_run } => import(session, &app, &paths, dry_run).await,
        Args::Test { agent, input, provider, model, budget, allow_unpriced } => {
            let choice = ModelChoice { provider, model, budget, allow_unpriced };
            test(session, &app, &agent, &input, &choice).await
        }
        Args::Graph { .. } => unreachable!("drawn above, without a store"),
    }
}

/// The checks of the front end's own: the file, and that its tools and its provider exist.
fn check(app: &App, agent: &AgentName, text: &str) -> Result<(), Failure> {
    let broken = |problem| Failure::from(ops::Error::BrokenAgent { name: agent.clone(), problem });
    let parsed = agents::parse(agent, text).map_err(broken)?;
    agents::check_tools(&parsed, text, &trial::tool_names()).map_err(broken)?;
    agents::check_provider(&parsed, &app.models.names()).map_err(broken)
}

/// The editor's argv from `VISUAL` or `EDITOR`; both may hold arguments.
fn editor() -> Result<Vec<String>, Failure> {
    let command =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()));
    let words: Vec<String> = command.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return Err(Failure::usage(
            "no editor is set",
            "set VISUAL or EDITOR, for instance `EDITOR=nano`, or use `cgo agent set` or `cgo agent import`",
        ));
    }
    Ok(words)
}

async fn edit(session: &Session<'_>, app: &App, agent: &AgentName) -> Result<Outcome, Failure> {
    let argv = editor()?;
    let newest = agents::newest(&app.context, agent).await?;
    let path = draft(app, agent, &newest.text)?;
    loop {
        let status = std::process::Command::new(&argv[0]).args(&argv[1..]).arg(&path).status().map_err(|error| {
            Failure::usage(
                format!("cannot start the editor `{}`: {error}", argv[0]),
                "set VISUAL or EDITOR to an editor that is installed",
            )
        })?;
        if !status.success() {
            return Err(kept(&path, format!("the editor `{}` ended with {status}; nothing was stored", argv[0])));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| kept(&path, format!("the edited file cannot be read: {error}")))?;
        if text == newest.text {
            let _ = std::fs::remove_file(&path);
            return Ok(Outcome::of(session.ui, &Stored::of(&newest, newest.version)));
        }
        let saved = match check(app, agent, &text) {
            Ok(()) => agents::save(&app.context, agent, newest.version, &text, "edit").await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match saved {
            Ok(stored) => {
                let _ = std::fs::remove_file(&path);
                return Ok(Outcome::of(session.ui, &Stored::of(&stored, newest.version)));
            }
            Err(mut failure) => {
                let again = if session.ui.interactive && !session.ui.yes {
                    failure.hint = None;
                    let _ = failure.finish(session.ui);
                    matches!(prompt::confirm(session, "Edit again?".to_owned()).await, Some(Said::Answer(true)))
                } else {
                    false
                };
                if !again {
                    failure.hint = Some(format!(
                        "your text is kept in `{}`; mend it and run `cgo agent import {0}`",
                        path.display()
                    ));
                    return Err(failure);
                }
            }
        }
    }
}

fn kept(path: &Path, message: String) -> Failure {
    Failure::new(
        Kind::User,
        message,
        Some(format!("your text is kept in `{}`; run `cgo agent import {0}`", path.display())),
    )
}

/// The file that is edited: kept when anything goes wrong. A draft left by an earlier try is not overwritten.
fn draft(app: &App, agent: &AgentName, text: &str) -> Result<PathBuf, Failure> {
    let folder = app.context.data.join("drafts");
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::new(
            Kind::User,
            format!("cannot write `{}`: {error}", path.display()),
            Some("free some room or change its rights".to_owned()),
        )
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    for number in 0..1000 {
        let own = if number == 0 { folder.clone() } else { folder.join(number.to_string()) };
        std::fs::create_dir_all(&own).map_err(|error| failed(&own, &error))?;
        let path = own.join(format!("{agent}.yaml"));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(|error| failed(&path, &error))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    Err(Failure::new(
        Kind::User,
        format!("`{}` is full of drafts", folder.display()),
        Some("remove the ones you do not need".to_owned()),
    ))
}

async fn export(session: &Session<'_>, app: &App, folder: &Path, names: &[AgentName]) -> Result<Outcome, Failure> {
    let mut written = Vec::new();
    for version in agents::list(&app.context).await? {
        if !names.is_empty() && !names.contains(&version.agent) {
            continue;
        }
        let path = folder.join(format!("{}.yaml", version.agent));
        let write = || {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&path, &version.text)
        };
        write().map_err(|error: std::io::Error| {
            Failure::new(
                Kind::User,
                format!("cannot write `{}`: {error}", path.display()),
                Some("name another folder".to_owned()),
            )
        })?;
        written.push(path.display().to_string());
    }
    if let Some(stranger) =
        names.iter().find(|name| !written.iter().any(|path| path.ends_with(&format!("{name}.yaml"))))
    {
        return Err(agents::newest(&app.context, stranger).await.err().map_or_else(
            || Failure::new(Kind::Internal, format!("agent `{stranger}` was not written"), None),
            Failure::from,
        ));
    }
    Ok(Outcome::of(session.ui, &Exported { files: written }))
}

async fn import(session: &Session<'_>, app: &App, paths: &[PathBuf], dry_run: bool) -> Result<Outcome, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
            let mut inside: Vec<PathBuf> = entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
                .collect();
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    let mut read = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = AgentName::parse(stem).map_err(ops::Error::from)?;
        let newest = agents::newest(&app.context, &name).await?;
        check(app, &name, &text).map_err(|mut failure| {
            failure.hint = Some(format!("mend `{}`; nothing was stored", file.display()));
            failure
        })?;
        read.push((name, newest, text));
    }
    let mut rows = Vec::new();
    for (name, newest, text) in read {
        if newest.text == text {
            rows.push(Stored::of(&newest, newest.version));
        } else if dry_run {
            rows.push(Stored { agent: name, version: newest.version + 1, changed: true });
        } else {
            let stored = agents::save(&app.context, &name, newest.version, &text, "import").await?;
            rows.push(Stored::of(&stored, newest.version));
        }
    }
    Ok(Outcome::of(session.ui, &Imported { dry_run, agents: rows }))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read `{}`: {error}", path.display()), "name a file written by `cgo agent export`")
}

async fn test(
    session: &Session<'_>,
    app: &App,
    agent: &AgentName,
    input: &str,
    choice: &ModelChoice,
) -> Result<Outcome, Failure> {
    let input = if input == "-" {
        std::io::read_to_string(std::io::stdin().lock()).map_err(|error| {
            Failure::usage(format!("cannot read standard input: {error}"), "pass the text with --input")
        })?
    } else {
        input.to_owned()
    };
    let trial = trial::run(&app.context, &app.models, agent, &input, choice, &session.cancel).await?;
    Ok(Outcome::of(session.ui, &Tested { agent: agent.clone(), trial }))
}
