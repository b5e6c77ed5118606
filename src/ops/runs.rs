//! Runs as people handle them: listed, looked at, answered, cancelled, forked. Driving them is the pipeline's.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::leases::{self, Leases, run_resource};
use super::{Context, Error, projects, random, secrets, users, worktrees};
use crate::domain::guard::{self, Ruling};
use crate::domain::ids::{AskId, RunId};
use crate::domain::ledger::Entry;
use crate::domain::manifest::EnvName;
use crate::domain::run::{Answer, Ask, Batch, EffectRow, EventRow, NOBODY, Request, Run, RunStatus, Wait};
use crate::domain::time::Timestamp;
use crate::domain::user::{Right, Role};
use crate::store::{self, Calls as _, Projects as _, Queue as _, RunFilter, Runs as _};

/// Why a batch was not written.
#[derive(Debug)]
pub enum AppendError {
    /// Another process has the run.
    Lost(String),
    /// The store failed.
    Store(store::Error),
}

/// Writes a batch under this process's lease on the run. Returns who asked for the run to be cancelled, if somebody did.
///
/// # Errors
/// [`AppendError`].
pub async fn append(
    context: &Context,
    leases: &Leases<'_>,
    run: &RunId,
    batch: &Batch,
) -> Result<Option<String>, AppendError> {
    let Some(lease) = leases.find(&run_resource(run)) else {
        return Err(AppendError::Lost("this process does not hold the run".to_owned()));
    };
    match context.store.append(&lease, run, batch, context.now()).await {
        Ok(appended) => Ok(appended.cancel_wanted_by),
        Err(error @ store::Error::FenceLost { .. }) => Err(AppendError::Lost(error.to_string())),
        Err(error) => Err(AppendError::Store(error)),
    }
}

/// Makes a run that no process works on yet, with its first event.
///
/// # Errors
/// When the store fails.
pub async fn create(
    context: &Context,
    request: Request,
    project: Option<crate::domain::ids::ProjectId>,
    worker: Worker<'_>,
    first_event: impl Fn(&Run) -> EventRow,
) -> Result<Run, Error> {
    match &project {
        Some(id) => users::require(context, Right::Operate, Some(&projects::by_id(context, id).await?))?,
        None => users::require(context, Right::Create, None)?,
    }
    let now = context.source.moment(format_args!("run"));
    let run = Run {
        id: RunId::new(now, context.source.chance(format_args!("run"))),
        project,
        request,
        status: RunStatus::Queued,
        reason: None,
        asked_by: context.person.user.clone(),
        forked_from: None,
        seq: 1,
        created_at: now,
        updated_at: now,
    };
    let first = first_event(&run);
    match worker {
        Worker::Caller => context.store.begin_run(&run, &first).await.map(|()| run).map_err(Error::from),
        Worker::AtOnce => context.store.start_run(&run, &first).await.map(|()| run).map_err(Error::from),
        Worker::Serve { key } => Ok(context.store.begin_queued_run(&run, &first, key).await?),
    }
}

/// Who works on a run that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker<'a> {
    /// Whoever makes it, or whom they tell of it: it is on disk.
    Caller,
    /// Whoever makes it, at once: it is on disk before anything is done outside.
    AtOnce,
    /// `cgo serve`, from its queue.
    Serve {
        /// Names what asked for it: a second run with the same key is the first one.
        key: Option<&'a str>,
    },
}

/// Puts a run into the queue of `cgo serve`, which goes on with it whenever it can.
///
/// # Errors
/// [`users::Error::Forbidden`]; when the store fails.
pub async fn queue(context: &Context, run: &Run) -> Result<(), Error> {
    users::require_run(context, Right::Operate, run).await?;
    Ok(context.store.queue_run(&run.id, context.now()).await?)
}

/// The run that was begun for `cgo serve` with a key, if one was.
///
/// # Errors
/// When the store fails.
pub async fn begun_with(context: &Context, key: &str) -> Result<Option<RunId>, Error> {
    Ok(context.store.run_of_key(key).await?)
}

/// The id the next run gets, where time and chance are those of a cassette.
#[must_use]
pub fn next_id(context: &Context) -> RunId {
    RunId::new(context.source.moment(format_args!("run")), context.source.chance(format_args!("run")))
}

/// Whether there is a run with exactly that id.
///
/// # Errors
/// When the store fails.
pub async fn is_there(context: &Context, run: &RunId) -> Result<bool, Error> {
    Ok(context.store.run(run).await?.is_some())
}

/// What a run waits for, whatever it is.
///
/// # Errors
/// When the store fails.
pub async fn waits_for(context: &Context, run: &Run) -> Result<Option<Ask>, Error> {
    Ok(if run.status.is_waiting() { context.store.open_ask(&run.id).await? } else { None })
}

/// The run an id, or the beginning of one, names.
///
/// # Errors
/// [`Error::NoSuchRun`] when there is none, [`Error::AmbiguousRun`] when there are several.
pub async fn find(context: &Context, text: &str) -> Result<Run, Error> {
    let well_formed = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !well_formed {
        return Err(Error::NoSuchRun(text.chars().take(40).flat_map(char::escape_debug).collect()));
    }
    let prefix = if text.starts_with(RunId::PREFIX) { text.to_owned() } else { format!("{}{text}", RunId::PREFIX) };
    // A whole id is looked up; the beginning of one is looked for among all.
    let found = if let Ok(id) = RunId::parse(&prefix) {
        context.store.run(&id).await?.into_iter().collect()
    } else {
        let filter = RunFilter { id_prefix: Some(prefix), limit: 10, ..RunFilter::default() };
        context.store.runs(&filter).await?
    };
    let mut found = visible(context, found).await?;
    match found.len() {
        0 => Err(Error::NoSuchRun(text.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(Error::AmbiguousRun { text: text.to_owned(), ids: found.into_iter().map(|run| run.id).collect() }),
    }
}

/// Those runs that whoever is worked for may see: of others it is not even told that they are there.
async fn visible(context: &Context, runs: Vec<Run>) -> Result<Vec<Run>, Error> {
    let mut seen = Vec::with_capacity(runs.len());
    for run in runs {
        match users::require_run(context, Right::See, &run).await {
            Ok(()) => seen.push(run),
            Err(Error::User(users::Error::Forbidden { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

/// The run an id names, or the run of a question that an id names: that question must be the open one.
///
/// # Errors
/// As [`find`]; [`Error::NoSuchAsk`]; [`store::Error::AlreadyAnswered`] when somebody was faster.
pub async fn find_asking(context: &Context, text: &str) -> Result<Run, Error> {
    let Ok(id) = AskId::parse(text) else { return find(context, text).await };
    let ask = context.store.ask(&id).await?.ok_or_else(|| Error::NoSuchAsk(id.to_string()))?;
    if let Some(first) = ask.answer {
        return Err(store::Error::AlreadyAnswered { by: first.by, at: first.at }.into());
    }
    find(context, ask.run.as_str()).await
}

/// The newest run.
///
/// # Errors
/// [`Error::NoRuns`].
pub async fn newest(context: &Context) -> Result<Run, Error> {
    list(context, 1).await?.into_iter().next().map(|view| view.run).ok_or(Error::NoRuns)
}

/// The one run that can go on now: queued, or left by a process that died. Used when no id is given.
///
/// # Errors
/// [`Error::NothingToResume`] or [`Error::AmbiguousRun`].
pub async fn resumable(context: &Context) -> Result<Run, Error> {
    let filter = RunFilter { statuses: vec![RunStatus::Queued, RunStatus::Running], limit: 50, ..RunFilter::default() };
    let mut free = Vec::new();
    for run in context.store.runs(&filter).await? {
        if leases::holder(context, &run_resource(&run.id)).await?.is_none() {
            free.push(run);
        }
    }
    match free.len() {
        0 => Err(Error::NothingToResume),
        1 => Ok(free.remove(0)),
        _ => Err(Error::AmbiguousRun { text: String::new(), ids: free.into_iter().map(|run| run.id).collect() }),
    }
}

/// A run with who works on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// The process that works on it, if one lives.
    pub worked_on_by: Option<String>,
    /// What it waits for, if it waits.
    pub ask: Option<Ask>,
}

/// Adds who works on a run and what it waits for.
///
/// # Errors
/// When the store fails.
pub async fn view(context: &Context, run: Run) -> Result<RunView, Error> {
    let lease = leases::holder(context, &run_resource(&run.id)).await?;
    let ask = if run.status.is_waiting() { context.store.open_ask(&run.id).await? } else { None };
    let worked_on_by = lease.map(|lease| format!("process {} on {}", lease.holder.pid, lease.holder.host));
    Ok(RunView { run, worked_on_by, ask })
}

/// The runs of a project that are not over.
///
/// # Errors
/// When the store fails.
pub async fn unfinished(context: &Context, project: &crate::domain::ids::ProjectId) -> Result<Vec<Run>, Error> {
    let statuses = RunStatus::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
    let filter = RunFilter { project: Some(project.clone()), statuses, limit: 1000, ..RunFilter::default() };
    Ok(context.store.runs(&filter).await?)
}

/// Every run of a project, newest first.
///
/// # Errors
/// When the store fails.
pub async fn of_project(context: &Context, project: &crate::domain::ids::ProjectId) -> Result<Vec<Run>, Error> {
    Ok(context.store.runs(&RunFilter { project: Some(project.clone()), ..RunFilter::default() }).await?)
}

/// The newest runs that whoever is worked for may see.
///
/// # Errors
/// When the store fails.
pub async fn list(context: &Context, limit: u32) -> Result<Vec<RunView>, Error> {
    let mut views = Vec::new();
    for run in seen(context, 0, limit).await? {
        views.push(view(context, run).await?);
    }
    Ok(views)
}

/// The runs that whoever is worked for may see, newest first: so many of them after so many.
///
/// # Errors
/// When the store fails.
pub async fn seen(context: &Context, skip: u32, limit: u32) -> Result<Vec<Run>, Error> {
    match theirs(context) {
        Some(theirs) => Ok(context.store.runs(&RunFilter { skip, limit, ..theirs }).await?),
        None => Ok(Vec::new()),
    }
}

/// How many runs whoever is worked for may see.
///
/// # Errors
/// When the store fails.
pub async fn count_seen(context: &Context) -> Result<u64, Error> {
    match theirs(context) {
        Some(theirs) => Ok(context.store.count_runs(&theirs).await?),
        None => Ok(0),
    }
}

/// What [`visible`] lets through, as the store is asked for it; none for somebody who sees nothing.
fn theirs(context: &Context) -> Option<RunFilter> {
    match (context.person.role, &context.person.user) {
        (Role::Admin, _) => Some(RunFilter::default()),
        (Role::Member, Some(user)) => Some(RunFilter { owner: Some(user.clone()), ..RunFilter::default() }),
        // Having no record makes nobody the operator.
        (Role::Member, None) => None,
    }
}

/// All events of a run after one, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn events(context: &Context, run: &RunId, after: u64) -> Result<Vec<EventRow>, Error> {
    const PAGE: u32 = 1000;
    let mut events: Vec<EventRow> = Vec::new();
    loop {
        let newest = events.last().map_or(after, |event| event.seq);
        let page = context.store.events(run, newest, PAGE).await?;
        let last = page.len() < PAGE as usize;
        events.extend(page);
        if last {
            return Ok(events);
        }
    }
}

/// Everything a process needs to take a run up: snapshot, the events after it, effects.
///
/// # Errors
/// When the store fails.
pub async fn journal(
    context: &Context,
    run: &RunId,
) -> Result<(Option<(u64, String)>, Vec<EventRow>, Vec<EffectRow>), Error> {
    let snapshot = context.store.snapshot(run).await?;
    let after = snapshot.as_ref().map_or(0, |(seq, _)| *seq);
    let events = events(context, run, after).await?;
    let effects = context.store.effects(run).await?;
    Ok((snapshot, events, effects))
}

/// The effects of a run, in the order of their first marks.
///
/// # Errors
/// When the store fails.
pub async fn effects(context: &Context, run: &RunId) -> Result<Vec<EffectRow>, Error> {
    Ok(context.store.effects(run).await?)
}

/// What a run did since a moment, beside its events: effects that were marked, calls of models that were written.
///
/// # Errors
/// When the store fails.
pub async fn since(context: &Context, run: &RunId, at: Timestamp) -> Result<(Vec<EffectRow>, Vec<Entry>), Error> {
    Ok((context.store.effects_since(run, at).await?, context.store.entries(run, at).await?))
}

/// What a person says to a waiting run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// An approval is given, or refused. True for answers.
    pub approved: bool,
    /// The texts, in the order of the questions.
    pub texts: Vec<String>,
    /// Who says it; the person at work when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The open question of a run, checked to be of the wanted sort.
///
/// # Errors
/// [`Error::NotWaiting`] when the run waits for nothing, or for something else.
pub async fn open_ask(context: &Context, run: &Run, wanted: Wait) -> Result<Ask, Error> {
    let ask = context.store.open_ask(&run.id).await?;
    ask.filter(|ask| ask.wait == wanted && run.status.is_waiting()).ok_or_else(|| Error::NotWaiting {
        run: run.id.clone(),
        status: run.status,
        wanted,
    })
}

/// Answers a question; the first answer wins.
///
/// # Errors
/// [`store::Error::AlreadyAnswered`], or [`Error::WrongAnswers`] when the number of texts does not fit.
pub async fn answer(
    context: &Context,
    run: &Run,
    ask: &Ask,
    reply: Reply,
    event: impl Fn(&AskId, &Answer) -> (String, String),
) -> Result<(), Error> {
    if ask.wait == Wait::Input && reply.texts.len() != ask.questions.len() {
        return Err(Error::WrongAnswers {
            run: run.id.clone(),
            questions: ask.questions.clone(),
            given: reply.texts.len(),
        });
    }
    let right = if ask.wait == Wait::Approval { Right::Approve } else { Right::Operate };
    users::require_run(context, right, run).await?;
    if ask.wait == Wait::Approval {
        require_approver(context, &context.person.name)?;
    }
    in_time(context, ask)?;
    let texts = match ask.wait {
        Wait::Secret => vec![check_secrets(context, run, ask, &reply.texts).await?],
        Wait::Input | Wait::Approval | Wait::Capacity => reply.texts.clone(),
    };
    let guard = ask.questions.iter().position(|question| question.id == guard::QUESTION);
    if guard.is_some_and(|at| Ruling::parse(&reply.texts[at]).is_none()) {
        return Err(Error::Usage {
            what: "it is not said what is to change".to_owned(),
            hint: format!("run `cgo run answer {} \"change input: …\"`", run.id),
        });
    }
    let by = reply.by.unwrap_or_else(|| context.person.name.clone());
    let answer = Answer { approved: reply.approved, texts, by, at: moment_of(context, ask) };
    put_answer(context, run, ask, &answer, event(&ask.id, &answer)).await
}

/// Refuses an answer after the deadline.
pub(super) fn in_time(context: &Context, ask: &Ask) -> Result<(), Error> {
    match ask.deadline {
        Some(deadline) if ask.is_over(context.now()) => Err(Error::TooLate { run: ask.run.clone(), deadline }),
        _ => Ok(()),
    }
}

/// Takes for an answer what the questions assume, because nobody answered in time: that is nobody's right.
///
/// # Errors
/// [`store::Error::AlreadyAnswered`] when somebody did.
pub async fn assume(
    context: &Context,
    run: &Run,
    ask: &Ask,
    texts: Vec<String>,
    event: impl Fn(&AskId, &Answer) -> (String, String),
) -> Result<(), Error> {
    let answer = Answer { approved: true, texts, by: NOBODY.to_owned(), at: moment_of(context, ask) };
    put_answer(context, run, ask, &answer, event(&ask.id, &answer)).await
}

fn moment_of(context: &Context, ask: &Ask) -> Timestamp {
    context.source.moment(format_args!("answer to {}", ask.id))
}

async fn put_answer(
    context: &Context,
    run: &Run,
    ask: &Ask,
    answer: &Answer,
    (kind, body): (String, String),
) -> Result<(), Error> {
    let row = EventRow { seq: run.seq + 1, at: answer.at, kind, body };
    Ok(context.store.answer(&ask.id, answer, &row).await?)
}

/// What runs wait for and nobody answered before the deadline, the oldest first.
///
/// # Errors
/// When the store fails.
pub async fn overdue(context: &Context) -> Result<Vec<Ask>, Error> {
    Ok(context.store.overdue_asks(context.now()).await?)
}

/// Refuses whoever the settings do not name among those who approve; where they name nobody, rights alone count.
///
/// # Errors
/// [`Error::NotAllowed`].
pub(super) fn require_approver(context: &Context, who: &str) -> Result<(), Error> {
    if context.approvers.is_empty() || context.approvers.iter().any(|approver| approver == who) {
        return Ok(());
    }
    Err(Error::NotAllowed { user: who.to_owned(), approvers: context.approvers.clone() })
}

/// The question of that id, answered or not.
///
/// # Errors
/// When the store fails.
pub async fn ask(context: &Context, id: &AskId) -> Result<Option<Ask>, Error> {
    Ok(context.store.ask(id).await?)
}

/// Words that say a secret is set; a value is none of them.
const SET: [&str; 5] = ["set", "done", "ok", "готово", "задано"];

/// Checks that the secrets an ask names are set in their place, and says so in words without any value.
async fn check_secrets(context: &Context, run: &Run, ask: &Ask, texts: &[String]) -> Result<String, Error> {
    let project = match &run.project {
        Some(id) => projects::by_id(context, id).await?,
        None => return Err(Error::NotWaiting { run: run.id.clone(), status: run.status, wanted: Wait::Secret }),
    };
    let asked = || ask.questions.iter().map(|question| question.id.clone());
    if texts.iter().any(|text| !SET.contains(&text.trim().to_lowercase().as_str())) {
        return Err(Error::SecretInAnswer { run: run.id.clone(), project: project.name, names: asked().collect() });
    }
    let mut missing = Vec::new();
    for question in &ask.questions {
        if let Ok(name) = EnvName::try_from(question.id.clone())
            && secrets::value(context, &project, &name).await?.is_none()
        {
            missing.push(question.id.clone());
        }
    }
    if !missing.is_empty() {
        return Err(Error::MissingSecrets { project: project.name, names: missing });
    }
    let names: Vec<String> = ask.questions.iter().map(|question| format!("`{}`", question.id)).collect();
    Ok(format!("{}: set", names.join(", ")))
}

/// Cancels a run: at once when no process works on it, with what it left outside its project, else as soon as that
/// process looks, which stops what is under way. A process that takes it up at this very moment is told.
///
/// # Errors
/// [`store::Error::IllegalMove`] when it is over.
pub async fn cancel(context: &Context, run: &Run, event: (String, String)) -> Result<RunStatus, Error> {
    const TRIES: u32 = 20;
    users::require_run(context, Right::Operate, run).await?;
    let mut run = run.clone();
    for _ in 1..TRIES {
        match try_cancel(context, &run, &event).await {
            Err(Error::Store(store::Error::Conflict { .. })) => run = find(context, run.id.as_str()).await?,
            done => return done,
        }
    }
    try_cancel(context, &run, &event).await
}

/// Who asked for a run to be cancelled while a process works on it, if somebody did.
///
/// # Errors
/// When the store fails.
pub async fn cancel_wanted_by(context: &Context, run: &RunId) -> Result<Option<String>, Error> {
    Ok(context.store.cancel_wanted_by(run).await?)
}

async fn try_cancel(context: &Context, run: &Run, event: &(String, String)) -> Result<RunStatus, Error> {
    let to = run.status.next(crate::domain::run::RunMove::Cancel).map_err(store::Error::from)?;
    if leases::holder(context, &run_resource(&run.id)).await?.is_some() {
        context.store.request_cancel(&run.id, &context.person.name, context.now()).await?;
        return Ok(run.status);
    }
    let now = context.now();
    let row = EventRow { seq: run.seq + 1, at: now, kind: event.0.clone(), body: event.1.clone() };
    let reason = format!("cancelled by {}", context.person.name);
    context.store.move_run(&run.id, run.status, to, Some(&reason), &row, now).await?;
    let project = match &run.project {
        Some(project) => context.store.project(project).await?,
        None => None,
    };
    worktrees::forget(context, project.as_ref(), &run.id, &CancellationToken::new()).await?;
    Ok(to)
}

/// Makes a new run that goes on from one of another run's events. The other run stays as it is.
///
/// # Errors
/// [`Error::NoSuchEvent`] when the run has no such event.
pub async fn fork(context: &Context, from: &Run, at: u64) -> Result<Run, Error> {
    users::require_run(context, Right::Operate, from).await?;
    if at == 0 || at > from.seq {
        return Err(Error::NoSuchEvent { run: from.id.clone(), at, newest: from.seq });
    }
    let now = context.now();
    let new = Run {
        id: RunId::new(now, random()),
        status: RunStatus::Queued,
        reason: Some(format!("forked from {} at event {at}", from.id)),
        asked_by: context.person.user.clone(),
        forked_from: Some((from.id.clone(), at)),
        seq: at,
        created_at: now,
        updated_at: now,
        ..from.clone()
    };
    context.store.fork_run(&from.id, at, &new).await?;
    Ok(new)
}
