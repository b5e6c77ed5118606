//! What is done every so often beside the runs: telling people, looking for what is broken, going on with runs whose
//! secret or room has come.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{BEAT, Event, Shared, Wake};
use crate::domain::chat::About;
use crate::domain::ids::RunId;
use crate::domain::run::{Ask, Run, RunStatus};
use crate::domain::time::Timestamp;
use crate::ops::incidents::check as look;
use crate::ops::notify::{self, Channel};
use crate::ops::runs::Reply;
use crate::ops::{Error, placement, projects, queue, runs};
use crate::pipeline::tape::Told;
use crate::pipeline::{runner, tape};

/// How often is looked whether a secret has been set.
const SECRETS_EVERY: Duration = Duration::from_secs(5);
/// How often is looked whether there is room again, in milliseconds: a server may have to be asked.
const ROOM_EVERY_MS: i64 = 60_000;
/// How often what was told long ago is forgotten, in milliseconds.
const FORGET_EVERY_MS: i64 = 24 * 60 * 60 * 1000;
/// Who goes on with a run, for its journal.
const SERVE: &str = "cgo serve";

/// Tells people what is owed to them, for as long as it is polled. A channel that takes long keeps no other waiting.
pub(super) async fn tell(shared: &Shared<'_>, channels: &[&dyn Channel]) -> Infallible {
    let (beat, beats) = watch::channel(());
    let handing_out = async {
        let mut forgotten = Timestamp(0);
        loop {
            hand_out(shared, channels).await;
            let now = shared.app.context.now();
            if now.since(forgotten) > FORGET_EVERY_MS {
                forgotten = now;
                match notify::forget_old(&shared.app.context).await {
                    Ok(_) => shared.fine("forgetting old notices"),
                    Err(error) => shared.trouble("forgetting old notices", &error),
                }
            }
            beat.send_replace(());
            tokio::time::sleep(BEAT).await;
        }
    };
    let delivering = join_all(channels.iter().map(|channel| {
        let mut beats = beats.clone();
        async move {
            loop {
                deliver(shared, *channel).await;
                if beats.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }));
    tokio::select! {
        never = handing_out => never,
        _ = delivering, if !channels.is_empty() => std::future::pending().await,
    }
}

async fn hand_out(shared: &Shared<'_>, channels: &[&dyn Channel]) {
    const CRITICAL: &str = "telling what is critical";
    match notify::hand_out(&shared.app.context, channels).await {
        Ok(handed_out) => {
            shared.fine("handing out notices");
            if handed_out.unheard == 0 {
                shared.fine(CRITICAL);
            } else {
                let text = "nobody who has to hear of it is reached: add an administrator with a chat";
                shared.say_once(CRITICAL, text.to_owned());
            }
        }
        Err(error) => shared.trouble("handing out notices", &error),
    }
}

async fn deliver(shared: &Shared<'_>, channel: &dyn Channel) {
    match notify::deliver(&shared.app.context, channel).await {
        Ok(delivered) => {
            if delivered.arrived > 0 {
                let (channel, letters) = (channel.name(), delivered.arrived);
                shared.observer.event(&Event::Told { channel, letters });
                if delivered.problems.is_empty() {
                    shared.fine("telling people");
                }
            }
            for text in delivered.problems {
                shared.observer.event(&Event::Trouble { what: "telling people", text, about: About::default() });
            }
        }
        Err(error) => shared.trouble("telling people", &error),
    }
}

/// Looks at servers and services, for as long as it is polled.
pub(super) async fn check(shared: &Shared<'_>, cancel: &CancellationToken) -> Infallible {
    let Some(every) = shared.options.check_every else { return std::future::pending().await };
    loop {
        check_once(shared, cancel).await;
        tokio::time::sleep(every).await;
    }
}

async fn check_once(shared: &Shared<'_>, cancel: &CancellationToken) {
    const WHAT: &str = "looking at servers and services";
    match look::check(&shared.app.context, cancel).await {
        Ok(round) => {
            shared.fine(WHAT);
            for incident in round.opened {
                let event = Event::IncidentOpened { incident: incident.id.to_string(), title: incident.title };
                shared.observer.event(&event);
            }
            for incident in round.closed {
                let event = Event::IncidentClosed { incident: incident.id.to_string(), title: incident.title };
                shared.observer.event(&event);
            }
        }
        Err(error) => shared.trouble(WHAT, &error),
    }
}

/// Goes on with runs of the queue whose secret or room has come, for as long as it is polled.
pub(super) async fn continue_waiting(shared: &Shared<'_>, wake: &Wake, cancel: &CancellationToken) -> Infallible {
    let mut asked_for_room: BTreeMap<RunId, Timestamp> = BTreeMap::new();
    loop {
        let decided = decide_overdue(shared, cancel).await;
        if decided + continue_once(shared, &mut asked_for_room, cancel).await > 0 {
            wake.now();
        }
        tokio::time::sleep(SECRETS_EVERY).await;
    }
}

/// Decides what nobody answered before its deadline; how many runs go on with that.
pub(super) async fn decide_overdue(shared: &Shared<'_>, cancel: &CancellationToken) -> usize {
    const WHAT: &str = "deciding what nobody answered";
    let context = &shared.app.context;
    let overdue = match runs::overdue(context).await {
        Ok(overdue) => overdue,
        Err(error) => {
            shared.trouble(WHAT, &error);
            return 0;
        }
    };
    let mut ready = 0;
    for ask in overdue {
        let decided = async {
            let run = runs::find(context, ask.run.as_str()).await?;
            if ask.assumed().is_some() {
                // Before: cut off after the answer, nobody finds it overdue any more.
                runs::queue(context, &run).await?;
            }
            let told = tape::time_is_up(context, &ask, cancel).await?;
            if told == Told::Answered {
                // After: it was not moved by somebody who goes on with it.
                runs::queue(context, &run).await?;
            }
            Ok::<_, runner::Error>(told)
        };
        match decided.await {
            Ok(Told::Answered) => {
                ready += 1;
                shared.fine(WHAT);
                shared.observer.event(&Event::RunReady { run: ask.run });
            }
            Ok(Told::Refused { .. }) => {
                shared.fine(WHAT);
                let text = Some("nobody answered in time".to_owned());
                shared.observer.event(&Event::RunLeft { run: ask.run, status: "cancelled", text });
            }
            Ok(Told::Nothing) => {}
            Err(error) => shared.trouble(WHAT, &error),
        }
    }
    ready
}

async fn continue_once(
    shared: &Shared<'_>,
    asked_for_room: &mut BTreeMap<RunId, Timestamp>,
    cancel: &CancellationToken,
) -> usize {
    const WHAT: &str = "going on with runs that wait";
    let context = &shared.app.context;
    let all = match queue::list(context).await {
        Ok(all) => all,
        Err(error) => {
            shared.trouble(WHAT, &error);
            return 0;
        }
    };
    asked_for_room.retain(|run, _| all.iter().any(|queued| queued.run.id == *run));
    let mut ready = 0;
    for run in all.into_iter().map(|queued| queued.run) {
        let came = match run.status {
            RunStatus::WaitingSecret => true,
            RunStatus::WaitingCapacity => {
                let now = context.now();
                let before = asked_for_room.get(&run.id).copied();
                if before.is_some_and(|at| now.since(at) < ROOM_EVERY_MS) {
                    continue;
                }
                asked_for_room.insert(run.id.clone(), now);
                match has_room(shared, &run, cancel).await {
                    Ok(has) => has,
                    Err(error) => {
                        shared.trouble(WHAT, &error);
                        continue;
                    }
                }
            }
            _ => false,
        };
        if !came {
            continue;
        }
        match go_on(shared, &run, cancel).await {
            Ok(true) => {
                ready += 1;
                shared.fine(WHAT);
                shared.observer.event(&Event::RunReady { run: run.id });
            }
            Ok(false) => {}
            Err(error) => shared.trouble(WHAT, &error),
        }
    }
    ready
}

async fn has_room(shared: &Shared<'_>, run: &Run, cancel: &CancellationToken) -> Result<bool, Error> {
    let context = &shared.app.context;
    let Some(project) = &run.project else { return Ok(true) };
    let project = projects::by_id(context, project).await?;
    match placement::find(context, &project, run.request.wish(), cancel).await {
        Ok(_) => Ok(true),
        Err(Error::NoCapacity { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Answers for whoever has set what the run waits for. False when something is still missing.
async fn go_on(shared: &Shared<'_>, run: &Run, cancel: &CancellationToken) -> Result<bool, runner::Error> {
    let context = &shared.app.context;
    let Some(ask) = runs::waits_for(context, run).await? else { return Ok(false) };
    answer(shared, run, &ask, SERVE, cancel).await
}

/// Says that what a run waits for has come. False when something is still missing.
pub(super) async fn answer(
    shared: &Shared<'_>,
    run: &Run,
    ask: &Ask,
    by: &str,
    cancel: &CancellationToken,
) -> Result<bool, runner::Error> {
    let context = &shared.app.context;
    let come = Reply { approved: true, texts: Vec::new(), by: Some(by.to_owned()) };
    match tape::answer(context, run, ask, come, cancel).await {
        Ok(()) => {
            runs::queue(context, run).await?;
            Ok(true)
        }
        Err(runner::Error::Ops(Error::MissingSecrets { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// One round of everything, for `--once`.
pub(super) async fn once(shared: &Shared<'_>, channels: &[&dyn Channel], cancel: &CancellationToken) {
    if shared.options.check_every.is_some() && !cancel.is_cancelled() {
        check_once(shared, cancel).await;
    }
    hand_out(shared, channels).await;
    for channel in channels {
        tokio::select! {
            () = deliver(shared, *channel) => {}
            // What was not delivered is owed still.
            () = cancel.cancelled() => return,
        }
    }
}
