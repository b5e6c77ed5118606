//! `cgo servers provision`: the plan as a table, a question, and the steps as they go.

use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::ServersProvision as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::progress::duration;
use super::prompt::{Said, confirm};
use super::ui::{Tone, Ui, table};
use crate::domain::diagnose::Kind;
use crate::domain::server::ServerStatus;
use crate::domain::setup::{Stand, Standing};
use crate::ops::servers::provision::apply::{self, Applied};
use crate::ops::servers::provision::playbook::{self, Play, Played};
use crate::ops::servers::provision::{self, Planned, Prepared, Progress, Wish};
use crate::ops::{self, Context, servers};

/// The columns of a step's name.
const LABEL: usize = 28;

/// `cgo servers provision`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn run(session: &Session<'_>, context: &Context, args: Args) -> Result<Outcome, Failure> {
    if let Some(playbook) = args.playbook.clone() {
        return Box::pin(play(session, context, args, playbook)).await;
    }
    let ui = session.ui;
    let wish = Wish { name: args.name, engine: args.engine, steps: args.steps, again: args.again };
    let name = wish.name.clone();
    let mut prepared = provision::prepare(context, wish, &session.cancel).await?;
    if args.dry_run {
        return Ok(Outcome::of(ui, &ProvisionPlan::of(&prepared, args.detailed_exit_code)));
    }
    if prepared.is_settled() {
        let view = servers::view(context, name.as_str()).await?;
        return Ok(Outcome::of(ui, &Provisioned::nothing(&prepared, view.server.status)));
    }
    if prepared.changes() {
        if !ui.json {
            ui.say(&plan_table(ui, &prepared.planned(), prepared.busy()));
        }
        agreed(session, &format!("Set up `{name}` like this?"), || format!("cgo servers provision {name} --yes"))
            .await?;
    }
    let mut lines = Lines::new(ui);
    let mut watch = |progress| lines.take(progress);
    let done = Box::pin(apply::apply(context, &mut prepared, &mut watch, &session.cancel)).await;
    lines.clear();
    let done = done.map_err(failure)?;
    Ok(Outcome::of(
        ui,
        &Provisioned {
            server: name.to_string(),
            changed: !done.steps.is_empty(),
            steps: done.steps,
            skipped: done.skipped,
            status: done.status,
            destination: Some(done.destination.to_string()),
            playbook: None,
        },
    ))
}

/// With a playbook instead of our own steps.
async fn play(
    session: &Session<'_>,
    context: &Context,
    args: Args,
    playbook: std::path::PathBuf,
) -> Result<Outcome, Failure> {
    let ui = session.ui;
    let play = Play { name: args.name, playbook, variables: args.vars, check: args.dry_run, again: args.again };
    if !play.check {
        let (name, file) = (&play.name, play.playbook.display());
        agreed(session, &format!("Run `{file}` on `{name}`?"), || {
            format!("cgo servers provision {name} --playbook {file} --yes")
        })
        .await?;
    }
    let mut lines = Lines::new(ui);
    let mut watch = |progress| lines.take(progress);
    let played = Box::pin(playbook::play(context, &play, &mut watch, &session.cancel)).await;
    lines.clear();
    let (played, status) = played?;
    let answer = Provisioned {
        server: play.name.to_string(),
        changed: played.changed > 0 && !play.check,
        steps: Vec::new(),
        skipped: Vec::new(),
        status,
        destination: None,
        playbook: Some(PlayedOut { played, check: play.check, detailed: args.detailed_exit_code }),
    };
    Ok(Outcome::of(ui, &answer))
}

/// Asks; without a terminal the flag that says yes is named.
async fn agreed(session: &Session<'_>, question: &str, command: impl Fn() -> String) -> Result<(), Failure> {
    match confirm(session, question.to_owned()).await {
        Some(Said::Answer(true)) => Ok(()),
        Some(Said::Answer(false) | Said::Nothing) => {
            Err(Failure::new(Kind::User, "nothing was changed", Some(format!("run `{}`", command()))))
        }
        Some(Said::Interrupted) => Err(Failure::new(Kind::Interrupted, "interrupted, nothing was changed", None)),
        None => Err(Failure::new(
            Kind::Person,
            "there is no terminal to ask whether the server may be changed",
            Some(format!("run `{}`, or look first with --dry-run", command())),
        )),
    }
}

/// What was changed and taken back has an exit code of its own, and so has a server that went out of reach meanwhile.
fn failure(error: ops::Error) -> Failure {
    let exit = match &error {
        ops::Error::Server(servers::Error::Provision(provision::Error::LockedOut { .. })) => Some(7),
        open if apply::is_open(open) => Some(Kind::Unknown.exit_code()),
        _ => None,
    };
    let mut failure = Failure::from(error);
    failure.exit = exit;
    failure
}

/// What `cgo servers provision --dry-run` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProvisionPlan {
    /// The server.
    server: String,
    /// Each step, and who deploys from then on.
    plan: Vec<Planned>,
    /// Something would be changed.
    changes: bool,
    /// Steps of an earlier attempt that are at work there.
    busy: usize,
    #[serde(skip)]
    detailed: bool,
}

impl ProvisionPlan {
    fn of(prepared: &Prepared, detailed: bool) -> Self {
        Self {
            server: prepared.server().to_owned(),
            plan: prepared.planned(),
            changes: prepared.changes(),
            busy: prepared.busy(),
            detailed,
        }
    }
}

fn plan_table(ui: &Ui, plan: &[Planned], busy: usize) -> String {
    let rows = plan
        .iter()
        .map(|line| {
            let state = match line.state {
                Stand::Needed if line.chosen => "will be done".to_owned(),
                Stand::Needed => "left out".to_owned(),
                other => other.words().to_owned(),
            };
            vec![line.step.clone(), state, Ui::fitted(&line.why, 30)]
        })
        .collect();
    let mut text = table(&["step", "state", "why"], rows);
    if busy > 0 {
        let words = if busy == 1 { "1 step is".to_owned() } else { format!("{busy} steps are") };
        text.push_str(&format!("\n{} {words} at work there still, and waited for", ui.tone(Tone::Notice, "!")));
    }
    text
}

impl Answer for ProvisionPlan {
    const NAME: &'static str = "servers.provision.plan";

    fn text(&self, ui: &Ui) -> String {
        let end = if self.changes { "Nothing was changed." } else { "Nothing to do." };
        format!("{}\n{end}\n", plan_table(ui, &self.plan, self.busy))
    }

    fn exit(&self) -> u8 {
        if self.detailed && self.changes { 3 } else { 0 }
    }
}

/// What `cgo servers provision` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Provisioned {
    /// The server.
    server: String,
    /// Something was changed there.
    changed: bool,
    /// The steps that were done.
    steps: Vec<Applied>,
    /// Steps that do not apply to the machine, with the reason.
    skipped: Vec<Standing>,
    /// Where the server stands.
    status: ServerStatus,
    /// Who logs in from now on; none where that was left to a playbook.
    destination: Option<String>,
    /// What the playbook came to.
    playbook: Option<PlayedOut>,
}

/// What a playbook came to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlayedOut {
    #[serde(flatten)]
    played: Played,
    /// It was only asked what it would change.
    check: bool,
    #[serde(skip)]
    detailed: bool,
}

impl Provisioned {
    fn nothing(prepared: &Prepared, status: ServerStatus) -> Self {
        let skipped = prepared.planned().into_iter().filter(|line| line.state == Stand::Skipped);
        Self {
            server: prepared.server().to_owned(),
            changed: false,
            steps: Vec::new(),
            skipped: skipped
                .filter_map(|line| Some(Standing { step: line.step.parse().ok()?, state: line.state, why: line.why }))
                .collect(),
            status,
            destination: None,
            playbook: None,
        }
    }
}

impl Answer for Provisioned {
    const NAME: &'static str = "servers.provision";

    fn text(&self, ui: &Ui) -> String {
        let (good, name) = (ui.tone(Tone::Good, "✓"), &self.server);
        if let Some(PlayedOut { played: Played { ok, changed, skipped }, check, .. }) = &self.playbook {
            let did = if *check { "would change" } else { "changed" };
            return format!("{good} the playbook {did} {changed} of {ok} tasks on {name}, {skipped} did not apply\n");
        }
        let status = self.status.as_str().replace('_', " ");
        let mut text = match (self.steps.len(), &self.destination) {
            (0, None) => format!("{good} nothing to do: {name} is {status}\n"),
            (0, Some(destination)) => {
                format!("{good} nothing to do on {name}: it is {status}, reached as {destination}\n")
            }
            (1, _) => format!("{good} 1 step was done; {name} is {status}"),
            (count, _) => format!("{good} {count} steps were done; {name} is {status}"),
        };
        if let (1.., Some(destination)) = (self.steps.len(), &self.destination) {
            text.push_str(&format!(", reached as {destination}\n"));
        }
        for standing in &self.skipped {
            let mark = ui.tone(Tone::Notice, "-");
            text.push_str(&format!("{mark} {} was skipped: {}\n", standing.step, standing.why));
        }
        text
    }

    fn exit(&self) -> u8 {
        match &self.playbook {
            Some(PlayedOut { played, check: true, detailed: true }) if played.changed > 0 => 3,
            _ => 0,
        }
    }
}

/// The steps as they go: a living line on a terminal, plain ones in a pipe.
struct Lines<'a> {
    ui: &'a Ui,
    label: String,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl<'a> Lines<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self { ui, label: String::new(), began: Instant::now(), bar: None }
    }

    fn fitted(line: &str) -> String {
        let width = Term::stderr().size_checked().map(|(_, columns)| usize::from(columns));
        width.map_or_else(|| line.to_owned(), |width| truncate_str(line, width, "…").into_owned())
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Began { words } => {
                self.label = words.chars().filter(|c| !c.is_control()).collect();
                self.began = Instant::now();
                if self.ui.live {
                    let style = ProgressStyle::with_template("{spinner:.cyan} {msg}").expect("a constant template");
                    let target = ProgressDrawTarget::stderr_with_hz(12);
                    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
                    bar.set_message(self.label.clone());
                    bar.enable_steady_tick(Duration::from_millis(90));
                    self.bar = Some(bar);
                }
            }
            Progress::Said { line } => {
                if let Some(bar) = &self.bar {
                    let line = format!("{:<LABEL$} {}", self.label, self.ui.tone_err(Tone::Faint, &line));
                    bar.set_message(Self::fitted(&line));
                }
            }
            Progress::Ended { state, why } => {
                self.clear();
                let mark = match state {
                    Some(Stand::Done) => self.ui.tone_err(Tone::Good, "✓"),
                    Some(_) => self.ui.tone_err(Tone::Notice, "-"),
                    None => self.ui.tone_err(Tone::Bad, "✗"),
                };
                let took = format!("{:>8}", duration(self.began.elapsed()));
                let took = self.ui.tone_err(Tone::Faint, &took);
                let line = format!("{mark} {:<LABEL$} {took}  {why}", self.label);
                self.ui.say(Self::fitted(&line).trim_end());
            }
        }
    }
}
