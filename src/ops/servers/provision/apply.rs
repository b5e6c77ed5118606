//! Bringing about what a plan says.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{ATTEMPTS, Error, Prepared, Progress, Watch, refused, unreached};
use crate::domain::diagnose::{Diagnose as _, Kind, told};
use crate::domain::host::{Access, Destination};
use crate::domain::ids::{ServerId, SetupId};
use crate::domain::incident::IncidentKind;
use crate::domain::server::{Server, ServerStatus};
use crate::domain::setup::{ACCOUNT, SetupStep, Stand, Standing};
use crate::exec::capture::{Lines, clean_line};
use crate::ops::incidents::{self, Report};
use crate::ops::leases::Leases;
use crate::ops::servers::check::{host_of, login};
use crate::ops::{self, Context};
use crate::remote::host::ssh::{self, Ssh};
use crate::remote::host::steps::{self, Outcome, StepState};
use crate::remote::host::{self, Host, Refusal, Script, facts};
use crate::remote::provision::{self, Verdict};
use crate::store::{Seen, Servers as _, SetupEnd, Setups as _};

/// How long a host may be out of reach while a step runs on it.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a guard waits to be told that somebody got in, in seconds.
const GUARDED: u32 = 60;
/// How long an SSH server may take to listen again after its configuration was changed.
const RESTART: Duration = Duration::from_secs(15);
/// How long a guard has to put back what was there.
const REVERT: Duration = Duration::from_secs(30);

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Applied {
    /// The step.
    pub step: SetupStep,
    /// How it stands now.
    pub state: Stand,
    /// Why, in one line.
    pub why: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// What setting up a server came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The steps that were done.
    pub steps: Vec<Applied>,
    /// Steps that do not apply to the machine, with the reason.
    pub skipped: Vec<Standing>,
    /// Where the server stands.
    pub status: ServerStatus,
    /// Who logs in from now on.
    pub destination: Destination,
}

/// Does what a plan says. Nobody else sets up the same server meanwhile. May be cancelled and repeated: steps that were
/// begun run on there, and are found again.
///
/// # Errors
/// [`Error`] for a step that failed: the attempt is counted, the server stands in `error`, and an incident is open. Where
/// it is not known how a step ended, the attempt stays open for the next call to go on with.
pub async fn apply(
    context: &Context,
    prepared: &mut Prepared,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Done, ops::Error> {
    let name = prepared.name().to_owned();
    let wish = prepared.wish.clone();
    let whole = async {
        settle(prepared, watch, cancel).await?;
        let attempt = Attempt::begin(context, prepared, wish.again).await?;
        let worked = work(prepared, &attempt, watch, cancel).await;
        attempt.end(context, prepared, worked, cancel).await
    };
    exclusively(context, &name, "a set-up", Box::pin(whole)).await
}

/// Does something to a server that only one process may do at a time. The purpose is told to others meanwhile.
pub(in crate::ops::servers) async fn exclusively<T>(
    context: &Context,
    name: &str,
    purpose: &str,
    work: impl Future<Output = Result<T, ops::Error>>,
) -> Result<T, ops::Error> {
    let leases = Leases::new(context);
    leases.take_server(name, purpose).await?;
    let worked = tokio::select! {
        worked = work => worked,
        lost = leases.keep() => Err(lost),
    };
    let released = leases.release().await;
    let done = worked?;
    released?;
    Ok(done)
}

/// Waits for what an earlier attempt left at work, and looks anew. Its guards are told to put back what they keep: nobody
/// proved that we get in.
async fn settle(prepared: &mut Prepared, watch: Watch<'_>, cancel: &CancellationToken) -> Result<(), ops::Error> {
    if prepared.busy.is_empty() {
        return Ok(());
    }
    for folder in std::mem::take(&mut prepared.busy) {
        let step = folder.rsplit('/').next().unwrap_or_default();
        watch(Progress::Began { words: format!("Earlier: {step}") });
        if let Some(step) = step.strip_suffix("-guard").and_then(|step| step.parse().ok()) {
            let host = prepared.host.as_ref();
            prepared.setup.decide(host, step, Verdict::Reverted, cancel).await.map_err(unreached)?;
        }
        let left = steps::Step { folder, script: Script::new("be set up", "") };
        let outcome = followed(prepared.host.as_ref(), &left, watch, cancel).await?;
        let why = outcome.evidence.last().cloned().unwrap_or_default();
        watch(Progress::Ended { state: provision::outcome(outcome.code), why });
    }
    prepared.plan = prepared.setup.plan(prepared.host.as_ref(), cancel).await.map_err(unreached)?;
    prepared.check()
}

/// Waits for a step's end, and passes on what it writes line by line.
async fn followed(
    host: &dyn Host,
    step: &steps::Step,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Outcome, ops::Error> {
    let mut lines = Lines::default();
    let mut pass = |bytes: &[u8]| lines.push(bytes, &mut |line| watch(Progress::Said { line: clean_line(line) }));
    steps::follow(host, step, PATIENCE, &mut pass, cancel).await.map_err(unreached)
}

/// One attempt, counted.
pub(super) struct Attempt {
    pub(super) id: SetupId,
}

impl Attempt {
    async fn begin(context: &Context, prepared: &Prepared, again: bool) -> Result<Self, ops::Error> {
        Self::of(context, &prepared.server.id, again).await
    }

    pub(super) async fn of(context: &Context, server: &ServerId, again: bool) -> Result<Self, ops::Error> {
        let now = context.now();
        let id = SetupId::new(now, ops::random());
        context.store.begin_setup(server, &id, ATTEMPTS, again, now).await?;
        Ok(Self { id })
    }

    /// Writes down how it ended.
    async fn end(
        &self,
        context: &Context,
        prepared: &Prepared,
        worked: Result<Vec<Applied>, ops::Error>,
        cancel: &CancellationToken,
    ) -> Result<Done, ops::Error> {
        let steps = match worked {
            Ok(steps) => steps,
            Err(error) => return Err(self.failed(context, &prepared.server, error).await?),
        };
        let standing: Vec<Standing> = prepared
            .plan
            .steps
            .iter()
            .map(|before| match steps.iter().find(|applied| applied.step == before.step) {
                Some(applied) => Standing { step: applied.step, state: applied.state, why: applied.why.clone() },
                None => before.clone(),
            })
            .collect();
        let whole = standing.iter().all(|standing| matches!(standing.state, Stand::Done | Stand::Skipped));
        let switches = whole && prepared.access.destination.user != ACCOUNT;
        let mut destination = prepared.access.destination.clone();
        if switches {
            destination = prepared.deploys();
            if let Err(cause) = proven(prepared, &destination, cancel).await {
                let name = prepared.name().to_owned();
                let error = refused(Error::Account { name, cause: Box::new(cause) });
                return Err(self.failed(context, &prepared.server, error).await?);
            }
        }
        let end = if whole { SetupEnd::Done { access: switches.then(|| destination.clone()) } } else { SetupEnd::Left };
        let status = context.store.end_setup(&prepared.server.id, &self.id, &end, context.now()).await?;
        if whole {
            mended(context, &prepared.server.handle).await?;
        }
        let _ = provision::tidy(prepared.host.as_ref(), cancel).await;
        if switches {
            ssh::forget(prepared.server.id.as_str());
        }
        // What was found before is out of date; one look more, as the account that deploys.
        let access = Access { destination: destination.clone(), ..prepared.access.clone() };
        let host = host_of(&prepared.server, Some(&access));
        if let Ok(look) = facts::look(host.as_ref(), cancel).await {
            let (server, at) = (prepared.server.id.clone(), context.now());
            context.store.note_checks(&[Seen { server, at, problem: None, facts: Some(look.facts) }]).await?;
        }
        let skipped = standing.into_iter().filter(|standing| standing.state == Stand::Skipped).collect();
        Ok(Done { steps, skipped, status, destination })
    }

    /// Writes down that it failed, and opens an incident. Where it is not known how it ended, it stays open.
    pub(super) async fn failed(
        &self,
        context: &Context,
        server: &Server,
        error: ops::Error,
    ) -> Result<ops::Error, ops::Error> {
        if matches!(error.kind(), Kind::Unknown | Kind::Interrupted) || error.is_lost() || is_open(&error) {
            return Ok(error);
        }
        let problem = told(&error);
        context.store.end_setup(&server.id, &self.id, &SetupEnd::Failed(problem.clone()), context.now()).await?;
        let mut details = problem;
        for line in error.evidence() {
            details.push('\n');
            details.push_str(line);
        }
        let incident = incidents::prepare(context, report(&server.handle, details)).await?;
        incidents::open(context, &incident).await?;
        Ok(error)
    }

    /// Ends it well.
    pub(super) async fn succeeded(&self, context: &Context, server: &Server) -> Result<ServerStatus, ops::Error> {
        let end = SetupEnd::Done { access: None };
        let status = context.store.end_setup(&server.id, &self.id, &end, context.now()).await?;
        mended(context, &server.handle).await?;
        Ok(status)
    }
}

/// Whether a step may be at work there still: the server went out of reach.
#[must_use]
pub fn is_open(error: &ops::Error) -> bool {
    matches!(error, ops::Error::Server(ops::servers::Error::Host(error)) if error.is_connection())
}

fn report(server: &str, details: String) -> Report {
    Report {
        kind: IncidentKind::Other,
        project: None,
        server: Some(server.to_owned()),
        service: None,
        title: "a server cannot be set up".to_owned(),
        details,
        run: None,
    }
}

/// Ends the incident of a server that could not be set up before.
async fn mended(context: &Context, server: &str) -> Result<(), ops::Error> {
    let told = incidents::prepare(context, report(server, String::new())).await?;
    for open in incidents::active(context).await? {
        if open.cause == told.cause {
            incidents::resolve(context, &open.id, "the server was set up").await?;
        }
    }
    Ok(())
}

/// Does the steps, in order.
async fn work(
    prepared: &Prepared,
    attempt: &Attempt,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Vec<Applied>, ops::Error> {
    let mut applied = Vec::new();
    for step in prepared.needed() {
        let begun = Instant::now();
        watch(Progress::Began { words: step.words().to_owned() });
        let ended = if step.is_guarded() {
            guarded(prepared, attempt, step, watch, cancel).await
        } else {
            run(prepared, attempt, step, watch, cancel).await
        };
        let standing = match ended {
            Ok(standing) => standing,
            Err(error) => {
                watch(Progress::Ended { state: None, why: error.to_string() });
                return Err(error);
            }
        };
        watch(Progress::Ended { state: Some(standing.state), why: standing.why.clone() });
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        applied.push(Applied { step, state: standing.state, why: standing.why, ms });
    }
    Ok(applied)
}

/// Has a step run on the host, detached, and waits for its end.
async fn run(
    prepared: &Prepared,
    attempt: &Attempt,
    step: SetupStep,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Standing, ops::Error> {
    let folder = prepared.survey.folder(attempt.id.as_str(), step.as_str());
    let detached = prepared.setup.apply(step, folder);
    let mut lines = Lines::default();
    let mut pass = |bytes: &[u8]| lines.push(bytes, &mut |line| watch(Progress::Said { line: clean_line(line) }));
    let ran = steps::run(prepared.host.as_ref(), &detached, PATIENCE, &mut pass, cancel).await;
    let Outcome { code, evidence, .. } = ran.map_err(unreached)?;
    match provision::outcome(code) {
        Some(state) => Ok(Standing { step, state, why: evidence.last().cloned().unwrap_or_default() }),
        None => Err(refused(Error::Step { name: prepared.name().to_owned(), step, code, evidence })),
    }
}

/// Does a step that could lock us out: under a guard, which puts back what was there unless a new connection proves that
/// we get in.
async fn guarded(
    prepared: &Prepared,
    attempt: &Attempt,
    step: SetupStep,
    watch: Watch<'_>,
    cancel: &CancellationToken,
) -> Result<Standing, ops::Error> {
    let host = prepared.host.as_ref();
    let folder = prepared.survey.folder(attempt.id.as_str(), &format!("{step}-guard"));
    let guard = prepared.setup.guard(step, folder, GUARDED);
    steps::start(host, &guard, Duration::ZERO, cancel).await.map_err(unreached)?;
    armed(prepared, step, &guard, cancel).await?;
    let applied = run(prepared, attempt, step, watch, cancel).await;
    let account =
        matches!(prepared.state(SetupStep::User), Some(Stand::Done)) || prepared.needed().contains(&SetupStep::User);
    let destination = if account { prepared.deploys() } else { prepared.access.destination.clone() };
    let proof = match &applied {
        Ok(_) => proven(prepared, &destination, cancel).await.map_err(Some),
        Err(_) => Err(None),
    };
    // An interrupt does not keep the guard from being told.
    let calm = CancellationToken::new();
    let wanted = if proof.is_ok() { Verdict::Kept } else { Verdict::Reverted };
    let decided = prepared.setup.decide(host, step, wanted, &calm).await;
    let name = prepared.name().to_owned();
    match (decided, proof) {
        (Ok(Verdict::Kept), Ok(())) => applied,
        (Ok(_), Err(cause)) => {
            let reverted = reverted(host, &guard, &calm).await;
            match cause {
                _ if !reverted => Err(refused(Error::Unguarded { name, step })),
                None | Some(host::Error::Cancelled { .. }) if applied.is_err() => applied,
                Some(cause @ host::Error::Cancelled { .. }) => Err(unreached(cause)),
                Some(cause) => {
                    Err(refused(Error::LockedOut { name, step, user: destination.user, cause: Box::new(cause) }))
                }
                None => applied,
            }
        }
        // Told too late, or not told: it puts back by itself what it keeps.
        (Ok(Verdict::Reverted), Ok(())) | (Err(_), _) => Err(refused(Error::Unguarded { name, step })),
    }
}

/// Waits until a guard has what it may have to put back.
async fn armed(
    prepared: &Prepared,
    step: SetupStep,
    guard: &steps::Step,
    cancel: &CancellationToken,
) -> Result<(), ops::Error> {
    let (mut offset, mut log) = (0, Vec::new());
    loop {
        // A look lasts that long; it has it at once.
        let patience = Duration::from_millis(500);
        let look = steps::look(prepared.host.as_ref(), &guard.folder, offset, patience, cancel).await;
        let look = look.map_err(unreached)?;
        log.extend_from_slice(&look.log);
        offset = look.next;
        let text = String::from_utf8_lossy(&log);
        if text.lines().any(|line| line == "armed") {
            return Ok(());
        }
        if !matches!(look.state, StepState::Running { .. }) && !look.more {
            let code = if let StepState::Ended { code } = look.state { Some(code) } else { None };
            let evidence = text.lines().map(clean_line).collect();
            return Err(refused(Error::Step { name: prepared.name().to_owned(), step, code, evidence }));
        }
    }
}

/// Whether a guard has put back what was there.
async fn reverted(host: &dyn Host, guard: &steps::Step, cancel: &CancellationToken) -> bool {
    let mut ignored = |_: &[u8]| ();
    let ended = steps::follow(host, guard, REVERT, &mut ignored, cancel);
    let ended = tokio::time::timeout(REVERT, ended).await;
    matches!(ended, Ok(Ok(outcome)) if provision::is_reverted(outcome.code))
}

/// Logs in anew, and becomes root. The connection is one of its own, and ends here.
async fn proven(prepared: &Prepared, destination: &Destination, cancel: &CancellationToken) -> Result<(), host::Error> {
    let id = format!("{}-p", prepared.server.id);
    // Whatever an earlier proof left would prove nothing now.
    ssh::forget(&id);
    let login = login(destination.clone(), prepared.access.key.clone());
    let host = Ssh::new(prepared.name(), &id, login, prepared.access.host_key.clone());
    let script = Script::new("become root", "[ \"$(id -u)\" = 0 ] || sudo -n true").harmless();
    let begun = Instant::now();
    let proven = loop {
        let proven = (&host as &dyn Host).run_ok(&script, cancel).await;
        // A server that reads its configuration anew listens to nobody for a moment.
        let passing = matches!(&proven, Err(host::Error::Connect { cause: Refusal::Port | Refusal::Closed(_), .. }));
        if !passing || begun.elapsed() >= RESTART {
            break proven;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    ssh::forget(&id);
    proven.map(|_| ())
}
