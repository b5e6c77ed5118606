//! `cgo run`: runs listed, shown, watched, and moved on.

use std::path::{Path, PathBuf};

use super::Session;
use super::args::{Run as Args, Tape};
use super::outcome::{Failure, Outcome};
use super::progress::Progress;
use super::project_new::{Created, Updated};
use super::prompt::{self, Said};
use super::run_answers::{Forked, Moved, Runs, open_until, shown};
use super::ui::Ui;
use crate::app::App;
use crate::domain::diagnose::Kind;
use crate::domain::guard::{self, Ruling};
use crate::domain::ids::RunId;
use crate::domain::run::{Ask, Cassette, NewProject, Question, Request, RequestKind, Run, RunStatus, TapeMode, Wait};
use crate::ops::runs::{self, Reply};
use crate::ops::{Context, placement, projects};
use crate::pipeline::report::{self, Summary};
use crate::pipeline::runner;
use crate::pipeline::tape::{self, Told};
use crate::pipeline::{self, Ended};

/// `cgo run …`.
///
/// # Errors
/// [`Failure`] with the next command.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let context = &app.context;
    match args {
        Args::List { limit } => {
            let runs = runs::list(context, limit).await?;
            Ok(Outcome::of(session.ui, &Runs { runs }))
        }
        Args::Show { run } => {
            let run = found(context, run.as_deref()).await?;
            Ok(Outcome::of(session.ui, &shown(&app, run).await?))
        }
        Args::Watch { run } => super::watch::watch(session, &app, &found(context, run.as_deref()).await?).await,
        Args::Resume { run } => {
            let run = match run {
                Some(text) => runs::find(context, &text).await?,
                None => runs::resumable(context).await?,
            };
            if let Some(ask) = runs::waits_for(context, &run).await?
                && let Told::Refused { by } = tape::time_is_up(context, &ask, &session.cancel).await?
            {
                return Err(cancelled_by(&app, &run.id, &by).await?);
            }
            if run.status == RunStatus::WaitingSecret {
                // Somebody set it meanwhile, or is told what is still missing.
                let ask = runs::open_ask(context, &run, Wait::Secret).await?;
                let set = Reply { approved: true, texts: Vec::new(), by: None };
                return reply(session, &app, &run, &ask, set, false).await;
            }
            if run.status == RunStatus::WaitingCapacity {
                let ask = runs::open_ask(context, &run, Wait::Capacity).await?;
                // Told at once when there is still none, without another visit.
                if let Some(project) = &run.project {
                    let project = projects::by_id(context, project).await?;
                    placement::find(context, &project, run.request.wish(), &session.cancel).await?;
                }
                let come = Reply { approved: true, texts: Vec::new(), by: None };
                return reply(session, &app, &run, &ask, come, false).await;
            }
            go_on(session, &app, &run.id).await
        }
        Args::Answer { run, answers, no_resume } => {
            let run = runs::find_asking(context, &run).await?;
            let wait = if run.status == RunStatus::WaitingSecret { Wait::Secret } else { Wait::Input };
            let ask = runs::open_ask(context, &run, wait).await?;
            let ends = ask.questions.iter().any(|question| question.id == guard::QUESTION)
                && answers.first().is_some_and(|text| Ruling::parse(text) == Some(Ruling::Stop));
            let given = Reply { approved: true, texts: answers, by: None };
            if ends {
                tape::answer(context, &run, &ask, given, &session.cancel).await?;
                let run = runs::find(context, run.id.as_str()).await?;
                return cancelled(session, &app, &run).await;
            }
            reply(session, &app, &run, &ask, given, no_resume).await
        }
        Args::Approve { run, no_resume } => {
            let run = runs::find_asking(context, &run).await?;
            let ask = runs::open_ask(context, &run, Wait::Approval).await?;
            reply(session, &app, &run, &ask, Reply { approved: true, texts: Vec::new(), by: None }, no_resume).await
        }
        Args::Reject { run, reason } => {
            let run = runs::find_asking(context, &run).await?;
            let ask = runs::open_ask(context, &run, Wait::Approval).await?;
            let texts = reason.into_iter().collect();
            let reply = Reply { approved: false, texts, by: None };
            tape::answer(context, &run, &ask, reply, &session.cancel).await?;
            let run = runs::find(context, run.id.as_str()).await?;
            cancelled(session, &app, &run).await
        }
        Args::Cancel { run } => {
            let run = runs::find(context, &run).await?;
            cancelled(session, &app, &run).await
        }
        Args::Replay { cassette, dir, loose } => replay(session, &app, &cassette, dir, loose).await,
        Args::Fork { run, at } => {
            let run = runs::find(context, &run).await?;
            let new = runs::fork(context, &run, at).await?;
            Ok(Outcome::of(session.ui, &Forked { from: run.id, at, run: new.id }))
        }
    }
}

/// The run of that id, or the newest.
async fn found(context: &Context, run: Option<&str>) -> Result<Run, Failure> {
    match run {
        Some(text) => Ok(runs::find(context, text).await?),
        None => Ok(runs::newest(context).await?),
    }
}

async fn reply(
    session: &Session<'_>,
    app: &App,
    run: &Run,
    ask: &Ask,
    reply: Reply,
    no_resume: bool,
) -> Result<Outcome, Failure> {
    if no_resume {
        // Where `cgo serve` runs, it goes on; noted before, so that a process that dies here leaves a run that does.
        runs::queue(&app.context, run).await?;
    }
    tape::answer(&app.context, run, ask, reply, &session.cancel).await?;
    if no_resume {
        // Once more, so that it does so at once.
        runs::queue(&app.context, run).await?;
        let run = runs::find(&app.context, run.id.as_str()).await?;
        return Ok(Outcome::of(session.ui, &Moved { run: run.id, status: run.status }));
    }
    go_on(session, app, &run.id).await
}

/// The cassette the flags name.
pub(super) fn tape(args: &Tape) -> Option<Cassette> {
    let mode = if args.loose { TapeMode::Loose } else { TapeMode::Strict };
    let record = args.record.as_deref().map(|file| tape::cassette(TapeMode::Record, file));
    record.or_else(|| args.replay.as_deref().map(|file| tape::cassette(mode, file)))
}

/// The project that was asked for when a cassette was recorded.
pub(super) async fn recorded(
    session: &Session<'_>,
    file: &Path,
    parent: &Path,
    folder: Option<PathBuf>,
    cassette: Option<Cassette>,
) -> Result<NewProject, Failure> {
    let app = session.app().await?;
    match tape::request(&app.context, file, parent)? {
        Request::NewProject(new) => {
            let folder = folder.map(|folder| folder.display().to_string());
            Ok(NewProject { folder, cassette, ..*new })
        }
        Request::Update(update) => Err(Failure::usage(
            format!("`{}` was recorded from a change of `{}`", file.display(), update.project),
            format!("run `cgo project update {} --replay {}`", update.project, file.display()),
        )),
        Request::Deploy { project, .. } | Request::Rollback { project, .. } => Err(Failure::usage(
            format!("`{}` was recorded from a deployment", file.display()),
            format!("run `cgo deploy {project} --replay {}`", file.display()),
        )),
    }
}

async fn replay(
    session: &Session<'_>,
    app: &App,
    named: &str,
    folder: Option<PathBuf>,
    loose: bool,
) -> Result<Outcome, Failure> {
    let file = if Path::new(named).exists() || named.contains(['/', '.']) {
        PathBuf::from(named)
    } else {
        let run = runs::find(&app.context, named).await?;
        run.request.cassette().map(|cassette| PathBuf::from(&cassette.file)).ok_or_else(|| {
            let message = format!("run `{}` was not recorded", run.id);
            Failure::usage(message, "record one with `cgo project new --record FILE`")
        })?
    };
    let here = std::env::current_dir().map_err(|error| {
        Failure::usage(format!("the current folder is not there: {error}"), "change to another folder")
    })?;
    let mode = if loose { TapeMode::Loose } else { TapeMode::Strict };
    let folder = folder.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    let cassette = Some(tape::cassette(mode, &file));
    let request = match tape::request(&app.context, &file, &here)? {
        request @ (Request::Deploy { .. } | Request::Update(_)) => request.with_cassette(cassette),
        _ => Request::NewProject(Box::new(recorded(session, &file, &here, folder, cassette).await?)),
    };
    let run = runner::begin(&app.context, request).await?;
    go_on(session, app, &run.id).await
}

async fn cancelled(session: &Session<'_>, app: &App, run: &Run) -> Result<Outcome, Failure> {
    let status = runs::cancel(&app.context, run, runner::cancelled(&app.context.person.name)).await?;
    Ok(Outcome::of(session.ui, &Moved { run: run.id.clone(), status }))
}

async fn go_on(session: &Session<'_>, app: &App, run: &RunId) -> Result<Outcome, Failure> {
    let summary = drive(session, app, run).await?;
    summary_outcome(session, app, summary).await
}

async fn summary_outcome(session: &Session<'_>, app: &App, summary: Summary) -> Result<Outcome, Failure> {
    let run = runs::find(&app.context, summary.run.as_str()).await?;
    match run.request.kind() {
        RequestKind::NewProject => Ok(Outcome::of(session.ui, &Created(summary))),
        RequestKind::Update => Ok(Outcome::of(session.ui, &Updated(summary))),
        RequestKind::Deploy | RequestKind::Rollback => super::deploy::deployed(session, app, &summary).await,
    }
}

/// Drives a run to its end, asking the person what it asks where there is one to ask.
///
/// # Errors
/// [`Failure`] when it fails, stops or waits.
pub async fn drive(session: &Session<'_>, app: &App, id: &RunId) -> Result<Summary, Failure> {
    let ui = session.ui;
    loop {
        let progress = Progress::new(ui);
        let (ended, lost) = {
            let mut driven = Box::pin(app.drive(id, &progress, &session.cancel));
            tokio::select! {
                ended = &mut driven => ended,
                () = session.cancel.cancelled() => {
                    ui.say("stopping after this step; interrupt again to end at once");
                    driven.await
                }
            }
        };
        progress.clear();
        if let Some(lost) = lost {
            ui.tell(&format!("warning: {lost}"));
        }
        let ended = ended?;
        if matches!(ended, Ended::Waiting(_)) {
            match tape::answer_again(&app.context, id, &session.cancel).await? {
                Told::Nothing => {}
                Told::Answered => continue,
                Told::Refused { by } => return Err(cancelled_by(app, id, &by).await?),
            }
        }
        match ended {
            Ended::Succeeded => {
                let run = runs::find(&app.context, id.as_str()).await?;
                return Ok(report::summary(&app.context, &run).await?);
            }
            Ended::Waiting(ask) if ask.wait == Wait::Input => match answers(session, &ask.questions).await {
                Said::Answer(texts) => note_answers(session, app, &ask, texts).await?,
                Said::Nothing => return Err(waits(ui, &ask)),
                Said::Interrupted => {
                    return Err(Failure { kind: Kind::Interrupted, ..waits(ui, &ask) });
                }
            },
            Ended::Waiting(ask) => return Err(waits_for(&ask)),
            Ended::Failed(failure) => return Err(failed(app, id, failure).await?),
            Ended::Blocked(failure) => return Err(failed(app, id, later(id, failure)).await?),
            Ended::Interrupted => {
                let message = format!("run `{id}` was stopped between two steps");
                return Err(Failure::new(Kind::Interrupted, message, Some(resume(id))));
            }
            Ended::Cancelled { by } => return Err(cancelled_by(app, id, &by).await?),
        }
    }
}

async fn note_answers(session: &Session<'_>, app: &App, ask: &Ask, texts: Vec<String>) -> Result<(), Failure> {
    let run = runs::find(&app.context, ask.run.as_str()).await?;
    let open = runs::open_ask(&app.context, &run, Wait::Input).await?;
    debug_assert_eq!(open.id, ask.id);
    let reply = Reply { approved: true, texts, by: None };
    Ok(tape::answer(&app.context, &run, &open, reply, &session.cancel).await?)
}

pub(super) fn resume(id: &RunId) -> String {
    format!("run `cgo run resume {id}`")
}

/// What is in the way, with the command that goes on once it is gone.
fn later(id: &RunId, failure: pipeline::Failure) -> pipeline::Failure {
    let hint = match &failure.hint {
        Some(hint) => format!("{hint}, then {}", resume(id)),
        None => resume(id),
    };
    pipeline::Failure { hint: Some(hint), ..failure }
}

/// A cancelled run leaves what it has made: that is for the person to keep or to remove.
async fn cancelled_by(app: &App, id: &RunId, by: &str) -> Result<Failure, Failure> {
    let state = runner::progress(&app.context, id).await?.state;
    let kind = runs::find(&app.context, id.as_str()).await?.request.kind();
    let commits = state.repo_info.map(|info| info.commits).unwrap_or_default();
    let hint = match (kind, state.current_project, commits.first()) {
        (RequestKind::NewProject, Some(project), _) => {
            format!("run `cgo project remove {}` to remove what was made", project.name)
        }
        (RequestKind::Update, Some(project), Some(first)) => {
            format!("run `git -C {} reset --keep {first}^` to take its commits back", project.folder)
        }
        _ => format!("run `cgo run show {id}`"),
    };
    Ok(Failure::new(Kind::User, format!("run `{id}` was cancelled by {by}"), Some(hint)))
}

/// The answers: the stated assumptions with `--yes` where all questions have one, a person's on a terminal.
async fn answers(session: &Session<'_>, questions: &[Question]) -> Said<Vec<String>> {
    if session.ui.yes {
        let assumed: Option<Vec<String>> = questions.iter().map(|question| question.assumption.clone()).collect();
        return assumed.map_or(Said::Nothing, Said::Answer);
    }
    if !session.ui.interactive {
        return Said::Nothing;
    }
    let mut texts = Vec::new();
    for question in questions {
        match ask(session, question.clone()).await {
            Said::Answer(text) => texts.push(text),
            Said::Nothing => return Said::Nothing,
            Said::Interrupted => return Said::Interrupted,
        }
    }
    Said::Answer(texts)
}

async fn ask(session: &Session<'_>, question: Question) -> Said<String> {
    if question.choices.is_empty() {
        // The question may be longer than a line, which prompts do not redraw well.
        session.ui.tell(&question.text);
        return prompt::text(session, "Answer", question.assumption).await;
    }
    let is_guard = question.id == guard::QUESTION;
    let said = prompt::ask(&session.cancel, move || {
        let select = dialoguer::Select::new().with_prompt(&question.text).items(&question.choices).default(0);
        Ok(select.interact_opt()?.map(|index| question.choices[index].clone()))
    })
    .await;
    match said {
        Said::Answer(choice) if is_guard && Ruling::parse(&choice).is_none() => {
            prompt::text(session, "What should be different", None).await
        }
        said => said,
    }
}

fn waits(ui: &Ui, ask: &Ask) -> Failure {
    let (id, questions) = (&ask.run, &ask.questions);
    let mut failure = waits_for(ask);
    if questions.iter().any(|question| question.id == guard::QUESTION) {
        let choices: Vec<String> = questions[0].choices.iter().map(|choice| format!("\"{choice}\"")).collect();
        failure.hint = Some(format!("run `cgo run answer {id}` with {}", choices.join(" or ")));
        return failure;
    }
    failure.hint = Some(if ui.yes {
        format!("nothing can be assumed; run `cgo run answer {id} \"…\"` with one answer for each question")
    } else {
        format!("run `cgo run answer {id} \"…\"` with one answer for each question")
    });
    failure
}

pub(super) fn waits_for(ask: &Ask) -> Failure {
    let id = &ask.run;
    let (what, command) = match ask.wait {
        Wait::Input => ("an answer", format!("run `cgo run answer {id} \"…\"`")),
        Wait::Approval => ("an approval", format!("run `cgo run approve {id}` or `cgo run reject {id}`")),
        Wait::Secret => ("a secret", format!("set it as said, then run `cgo run resume {id}`")),
        Wait::Capacity => ("room on a server", format!("run `cgo run resume {id}` later")),
    };
    let mut failure = Failure::new(Kind::Person, format!("run `{id}` waits for {what}"), Some(command));
    failure.evidence = ask.questions.iter().flat_map(|question| question.text.lines()).map(str::to_owned).collect();
    failure.evidence.extend(open_until(ask));
    failure
}

/// A failure of the run, with the node it happened at and what its project said.
async fn failed(app: &App, id: &RunId, over: pipeline::Failure) -> Result<Failure, Failure> {
    let progress = runner::progress(&app.context, id).await?;
    let hint = over.hint.unwrap_or_else(|| format!("run `cgo run show {id}`"));
    let mut failure = Failure::new(kind_of(over.exit), over.reason, Some(hint));
    failure.exit = Some(over.exit);
    failure.step = progress.active.values().next().map(|visit| visit.node.to_string());
    failure.evidence = over.evidence;
    Ok(failure)
}

/// The kind of error an exit code stands for.
pub(super) fn kind_of(exit: u8) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.exit_code() == exit).unwrap_or(Kind::User)
}
