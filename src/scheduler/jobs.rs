//! Runs, each worked on by a process of its own.
//!
//! A run is taken up when it is in the queue, nobody works on it and it is due. Attempts are counted in the store before
//! they begin: a run that comes to nothing again and again is left to a person, whichever process tried.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{BEAT, Event, Shared, Wake};
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::exec::{self, Command, Stream};
use crate::ops::queue::{self, Queued};
use crate::ops::runs;

/// How long a worker has between SIGTERM and SIGKILL; then everything about its run stands in the store all the same.
const GRACE: Duration = Duration::from_secs(7);
/// A run may take long: models and people are slow, and a deadline of its own has every step in it.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// Lines of workers that may wait to be told; what is more is lost for watchers, and for nobody else.
const LINES: usize = 256;
/// How much of a worker's output is kept, in bytes.
const KEPT: usize = 16 * 1024;

/// What a worker says.
struct Said {
    run: RunId,
    line: Value,
}

/// A worker at work; ends with the run it worked on, and why it failed, if it did.
type Working<'a> = Pin<Box<dyn Future<Output = (RunId, Option<String>)> + 'a>>;

/// The workers.
pub(super) struct Jobs<'a> {
    shared: &'a Shared<'a>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        Self { shared }
    }

    /// Works until it is told to stop; then the workers are, and what they leave goes on with the next start.
    pub(super) async fn run(&self, wake: &Wake, cancel: &CancellationToken) {
        self.drive(wake, cancel, false).await;
    }

    /// Works on what there is, until nothing is left that could be worked on.
    pub(super) async fn until_done(&self, wake: &Wake, cancel: &CancellationToken) {
        self.drive(wake, cancel, true).await;
    }

    async fn drive(&self, wake: &Wake, cancel: &CancellationToken, once: bool) {
        let (tell, mut told) = mpsc::channel::<Said>(LINES);
        let stop = CancellationToken::new();
        let mut working: FuturesUnordered<Working<'_>> = FuturesUnordered::new();
        let mut at_work: BTreeMap<RunId, Queued> = BTreeMap::new();
        let mut ends: BTreeMap<RunId, String> = BTreeMap::new();
        loop {
            // A store that does not answer keeps nobody from stopping.
            let due = tokio::select! {
                biased;
                () = cancel.cancelled() => Vec::new(),
                due = self.due(&at_work) => due,
            };
            for queued in due.into_iter().take(self.shared.options.jobs.saturating_sub(at_work.len())) {
                let taken = tokio::select! {
                    biased;
                    () = cancel.cancelled() => break,
                    taken = self.take(queued) => taken,
                };
                if let Some(taken) = taken {
                    working.push(Box::pin(self.work(taken.run.clone(), tell.clone(), stop.clone())));
                    at_work.insert(taken.run.id.clone(), taken);
                }
            }
            self.stands(at_work.len());
            if cancel.is_cancelled() || (once && at_work.is_empty()) {
                break;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = wake.woken() => {}
                () = tokio::time::sleep(BEAT) => {}
                Some(said) = told.recv() => self.says(said, &mut ends),
                Some((run, problem)) = working.next() => {
                    while let Ok(said) = told.try_recv() {
                        self.says(said, &mut ends);
                    }
                    if let Some(queued) = at_work.remove(&run) {
                        self.left(queued, ends.remove(&run).or(problem), false).await;
                    }
                }
            }
        }
        self.shared.observer.event(&Event::Stopping { running: at_work.len() });
        stop.cancel();
        while let Some((run, problem)) = working.next().await {
            while let Ok(said) = told.try_recv() {
                self.says(said, &mut ends);
            }
            if let Some(queued) = at_work.remove(&run) {
                self.left(queued, ends.remove(&run).or(problem), true).await;
            }
        }
        self.stands(0);
    }

    fn stands(&self, running: usize) {
        self.shared.standing.borrow_mut().running = running;
        self.shared.observer.standing(&self.shared.standing.borrow());
    }

    /// The runs that can be taken up now.
    async fn due(&self, at_work: &BTreeMap<RunId, Queued>) -> Vec<Queued> {
        let context = &self.shared.app.context;
        let all = match queue::list(context).await {
            Ok(all) => {
                self.shared.fine("reading the queue");
                all
            }
            Err(error) => {
                self.shared.trouble("reading the queue", &error);
                return Vec::new();
            }
        };
        let now = context.now();
        let waiting = all.iter().filter(|queued| queued.run.status.is_waiting()).count();
        let since = self.shared.standing.borrow().started_at;
        let mut due = Vec::new();
        let mut queued_now = 0;
        for queued in all {
            if at_work.contains_key(&queued.run.id) || queued.run.status.is_waiting() {
                continue;
            }
            queued_now += 1;
            let spent = queue::is_spent(&queued, now);
            if !spent && !queue::is_due(&queued, now, since) {
                continue;
            }
            match queue::is_free(context, &queued.run).await {
                Ok(true) if spent => self.give_up(queued).await,
                Ok(true) => due.push(queued),
                Ok(false) => {}
                Err(error) => self.shared.trouble("looking at a run", &error),
            }
        }
        let mut standing = self.shared.standing.borrow_mut();
        standing.last_tick_at = now;
        standing.queued = queued_now;
        standing.waiting = waiting;
        due
    }

    async fn give_up(&self, queued: Queued) {
        match queue::give_up(&self.shared.app.context, &queued).await {
            Ok(()) => self.shared.observer.event(&Event::RunStuck { run: queued.run.id, text: queued.problem }),
            Err(error) => self.shared.trouble("leaving a run to a person", &error),
        }
    }

    async fn take(&self, queued: Queued) -> Option<Queued> {
        match queue::take(&self.shared.app.context, queued).await {
            Ok(taken) => {
                let project = taken.run.request.project().map(ToString::to_string);
                let run = taken.run.id.clone();
                self.shared.observer.event(&Event::RunTaken { run, project, attempt: taken.attempts });
                Some(taken)
            }
            Err(error) => {
                self.shared.trouble("taking a run up", &error);
                None
            }
        }
    }

    /// One worker, until it ends.
    async fn work(&self, run: Run, tell: mpsc::Sender<Said>, stop: CancellationToken) -> (RunId, Option<String>) {
        let options = self.shared.options;
        let id = run.id;
        let Some((program, arguments)) = options.worker.split_first() else {
            return (id, Some("there is no program to work on runs".to_owned()));
        };
        let mut command = Command::new(program).args(arguments).arg(id.as_str());
        // It is this program again: it gets what this process got.
        for (name, value) in std::env::vars_os().filter(|(name, _)| name != "NOTIFY_SOCKET") {
            command = command.env(name, value);
        }
        for (name, value) in &options.variables {
            command = command.env(name, value);
        }
        let command = command.grace(GRACE).deadline(LONGEST).keep(KEPT);
        let whose = id.clone();
        let mut on_line = move |stream: Stream, line: &str| {
            if stream == Stream::Stdout
                && let Ok(line) = serde_json::from_str(line)
            {
                // A watcher that is too slow misses a line.
                let _ = tell.try_send(Said { run: whose.clone(), line });
            }
        };
        let problem = match exec::run_with(&command, &stop, &mut on_line).await {
            Ok(output) if output.exit.success() => None,
            Ok(output) => {
                let last = output.stderr.last_lines(1).pop().unwrap_or_default();
                Some(format!("its worker ended with {}: {last}", output.exit))
            }
            Err(exec::Error::Cancelled { .. }) => Some("stopped with cgo serve".to_owned()),
            Err(error) => Some(crate::domain::diagnose::told(&error)),
        };
        (id, problem)
    }

    fn says(&self, said: Said, ends: &mut BTreeMap<RunId, String>) {
        let text = |name: &str| said.line.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(what) = text("event") else { return };
        if what == "ended" {
            ends.extend(text("text").map(|text| (said.run, text)));
            return;
        }
        let words = text("label").or_else(|| text("text")).or_else(|| text("outcome"));
        self.shared.observer.event(&Event::RunSays { run: said.run, what, node: text("node"), text: words });
    }

    /// A worker has ended: what that means for its run.
    async fn left(&self, queued: Queued, problem: Option<String>, stopping: bool) {
        let context = &self.shared.app.context;
        let run = match runs::find(context, queued.run.id.as_str()).await {
            Ok(run) => run,
            Err(error) => {
                self.shared.trouble("looking at a run", &error);
                return;
            }
        };
        let text = problem.or_else(|| run.reason.clone());
        let text = text.map(|text| context.secrets.clean(&text).into_owned());
        let (id, status) = (run.id.clone(), run.status.as_str());
        self.shared.observer.event(&Event::RunLeft { run: id.clone(), status, text: text.clone() });
        match queue::put_down(context, &Queued { run, ..queued }, text.clone(), stopping).await {
            Ok(true) => self.shared.observer.event(&Event::RunStuck { run: id, text }),
            Ok(false) => {}
            Err(error) => self.shared.trouble("putting a run down", &error),
        }
    }
}
