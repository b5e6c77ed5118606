//! A phase of a deployment: a few steps that are done on the host in one go, detached.

use tokio_util::sync::CancellationToken;

use super::plan::{Build, Launch, Plan};
use super::report::{Held, Report};
use super::{App, Error};
use crate::domain::diagnose::Advice;
use crate::domain::last_words::{missing_variable, tell_full_disk};
use crate::remote::caddy;
use crate::remote::host::steps::{self, Begun, Step};
use crate::remote::host::{self, Payload};

const GATE: &str = include_str!("sh/gate.sh");
const BUILD: &str = include_str!("sh/build.sh");
const PHASE: &str = include_str!("sh/phase.sh");

/// How often a phase that was cut off on the host itself is begun anew.
const TRIES: u32 = 4;

/// A few steps of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The application is taken, where other hosts are, too, before anything is begun.
    Lease,
    /// The release's files and what they need. Takes no lease.
    Build,
    /// Lease, migration, start, health gate.
    Stage,
    /// Visitors are sent to the release; the old one finishes its requests, and stays until the release is baked.
    Switch,
    /// It came to nothing on another host: what served before serves again, and the lease is given back.
    Back,
    /// The old release ends, what nobody goes back to is removed, the lease is given back.
    Finish,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Build => "build",
            Self::Stage => "stage",
            Self::Switch => "switch",
            Self::Back => "back",
            Self::Finish => "finish",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Lease => "take the application",
            Self::Build => "build the release",
            Self::Stage => "start the release",
            Self::Switch => "switch to the release",
            Self::Back => "go back to the release before",
            Self::Finish => "finish the deployment",
        }
    }
}

/// What a phase is given beside the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// What runs; for `stage` and `switch`.
    pub launch: Option<&'a Launch>,
    /// What the release is made from; for `build`.
    pub build: Option<&'a Build>,
}

impl App<'_> {
    /// Has a phase done, and waits for its end. One that was done before is not done again;
    /// one that was cut off on the host is taken up where it was. Cancelled, it is told to the host and waited for:
    /// before visitors are sent to the release everything is undone, after it the work goes on. A host that is out of
    /// reach then is left to itself.
    ///
    /// # Errors
    /// [`Error`], by how it ended.
    pub async fn phase(
        &self,
        plan: &Plan,
        phase: Phase,
        given: Given<'_>,
        say: &dyn Fn(&str),
        cancel: &CancellationToken,
    ) -> Result<Report, Error> {
        let op = plan.op.as_str();
        let told = plan.told(&self.folder(), given.launch, given.build);
        let (mut tried, mut cut) = (0, 0);
        loop {
            let name = format!("{}-{tried}", phase.word());
            let script = self
                .script(phase.what(), PHASE, &[GATE, caddy::FUNCTIONS, BUILD], op, phase.word())
                .payload(Payload::Bytes(format!("{told}p_step={name}\n").into_bytes()));
            let step = Step { folder: format!("{}/ops/{op}/steps/{name}", self.folder()), script };
            let mut report = Report::default();
            let mut line = Vec::new();
            let outcome = {
                // What is said comes from where the host is listened to.
                let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
                let mut pass = |bytes: &[u8]| {
                    for byte in bytes {
                        if *byte == b'\n' {
                            if let Some(text) = report.take(&String::from_utf8_lossy(&line)) {
                                // Nobody listens any more: then nobody misses it.
                                let _ = tell.send(text);
                            }
                            line.clear();
                        } else {
                            line.push(*byte);
                        }
                    }
                };
                // Interrupted, the host is told, and its answer waited for: nothing is left half done. It is told while it
                // is listened to: whoever makes a new connection keeps the other one waiting.
                let unhurried = CancellationToken::new();
                let running = steps::run(self.host, &step, plan.patience, &mut pass, &unhurried);
                let interrupted = async {
                    cancel.cancelled().await;
                    say("interrupted: taking back what was begun");
                    self.cancel(op, &name).await
                };
                tokio::pin!(running, interrupted);
                let mut may_end = !matches!(phase, Phase::Finish | Phase::Back);
                loop {
                    tokio::select! {
                        biased;
                        Some(text) = told.recv() => say(&text),
                        outcome = &mut running => {
                            while let Ok(text) = told.try_recv() {
                                say(&text);
                            }
                            break outcome;
                        }
                        sent = &mut interrupted, if may_end => {
                            may_end = false;
                            // Out of reach, it goes on by itself; where it only cannot be told, its end is waited for.
                            if let Err(error) = sent && error.is_connection() {
                                break Err(error);
                            }
                        }
                    }
                }
            };
            let outcome = outcome.map_err(|error| Self::unheard(phase, error, &report))?;
            let was_before = outcome.begun == Begun::Before;
            let again = match outcome.code {
                None => {
                    cut += u32::from(!was_before);
                    cut < TRIES
                }
                // Somebody had it, something was in the way, or it was interrupted, when it was tried before.
                Some(5 | 9 | 10 | 21 | 130) => was_before && !cancel.is_cancelled(),
                Some(_) => false,
            };
            if again {
                tried += 1;
                continue;
            }
            return self.judge(outcome.code, report, outcome.evidence, given.launch);
        }
    }

    /// Why nothing was heard of a phase's end. Not begun for want of room, it has changed nothing before its last one, and
    /// after the switch the release serves all the same; a host out of reach may have gone on by itself.
    fn unheard(phase: Phase, error: host::Error, report: &Report) -> Error {
        match (phase, &error) {
            (Phase::Finish, host::Error::Full { host, .. }) => {
                Error::Unfinished { host: host.clone(), cause: "its disk is full".to_owned() }
            }
            (Phase::Finish, host::Error::ReadOnly { host, .. }) => {
                Error::Unfinished { host: host.clone(), cause: "its file system is read-only".to_owned() }
            }
            _ if error.is_connection() => {
                let host = error.host().unwrap_or_default().to_owned();
                Error::Unknown { host, step: report.step.clone(), evidence: vec![error.to_string()] }
            }
            _ => error.into(),
        }
    }

    fn judge(
        &self,
        code: Option<i32>,
        mut report: Report,
        lines: Vec<String>,
        launch: Option<&Launch>,
    ) -> Result<Report, Error> {
        let host = self.host.name().to_owned();
        let (sort, cause) = report.cause.take().unwrap_or_default();
        let plain = || lines.into_iter().filter(|line| !line.starts_with('@')).collect::<Vec<_>>();
        let evidence = if report.evidence.is_empty() { plain() } else { report.evidence };
        let room = Some(Advice::Do("free some room there, and deploy again".to_owned()));
        Err(match (code, sort.as_str()) {
            (Some(0), _) => {
                report.evidence = Vec::new();
                return Ok(report);
            }
            (Some(5), _) => Error::Held { host, held: report.held.unwrap_or_default() },
            (Some(20), _) => {
                let by = report.held.unwrap_or_else(|| Held { purpose: cause, ..Held::default() });
                Error::Superseded { host, by }
            }
            (Some(1), "build") if tell_full_disk(&evidence) => {
                Error::Preflight { host, cause: format!("its disk is full: {cause}"), mend: room }
            }
            (Some(1), "migration") => Error::Migration { host, cause, evidence },
            (Some(1), _) => Error::Build { host, cause, evidence },
            (Some(6), "crashed") => {
                let is_set = |name: &str| launch.is_none_or(|launch| launch.env.contains_key(name));
                Error::Gate { host, sort, cause: cause + &missing_variable(&evidence, is_set), evidence }
            }
            (Some(6), _) => Error::Gate { host, sort, cause, evidence },
            (Some(7), sort) => Error::Reverted { host, recalled: sort == "recalled", cause, evidence },
            (Some(9), "newer") => Error::newer(&host, cause),
            (Some(9), "taken") => {
                Error::Preflight { host, cause, mend: Some(Advice::Do("free the port and deploy again".to_owned())) }
            }
            (Some(9), "disk") => Error::Preflight { host, cause, mend: room },
            (Some(9), _) => {
                let cause = if cause.is_empty() { evidence.join("; ") } else { cause };
                // Where not a word could be kept there is no room.
                let (cause, mend) =
                    if cause.is_empty() { ("its disk takes nothing".to_owned(), room) } else { (cause, None) };
                Error::Preflight { host, cause, mend }
            }
            (Some(10), "disk" | "driver") => Error::Unfinished { host, cause },
            (Some(130), _) => Error::Interrupted { host },
            _ => {
                let cause = Some(cause).filter(|cause| !cause.is_empty());
                Error::Unknown { host, step: report.step, evidence: cause.into_iter().chain(evidence).collect() }
            }
        })
    }

    /// Tells a try of a phase that goes on that it is not wanted any more.
    ///
    /// # Errors
    /// When the host cannot be told.
    async fn cancel(&self, op: &str, step: &str) -> Result<(), host::Error> {
        let script = self.script("be interrupted", "echo \"$4\" >\"$ops/$op/cancel\"", &[], op, step).harmless();
        self.host.run_ok(&script, &CancellationToken::new()).await?;
        Ok(())
    }
}
