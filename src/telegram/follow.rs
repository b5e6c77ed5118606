//! Runs that chats follow: one message that shows how far a run is, the questions it asks, and what came of it.
//!
//! Everything is told from the store, so whoever drives the run, here or in another process, needs to know nothing of
//! chats; and what was not told when a process was killed is told by the next one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use super::api::Error;
use super::buttons::{self, Verb};
use super::desk::Desk;
use super::markup::Text;
use super::questions::subject;
use super::sender::{Button, Outgoing};
use super::settings::Patience;
use super::words::{self, Words, fill};
use super::work::beside;
use crate::domain::chat::{About, ChatId, Followed};
use crate::domain::diagnose::told;
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunStatus};
use crate::domain::spec::Language;
use crate::ops::notify::faults;
use crate::ops::{self, runs};
use crate::pipeline::report::{self, Summary};
use crate::pipeline::runner;

/// How many runs are told of at once.
const AT_ONCE: usize = 64;
/// How often runs are looked at in which nothing happens.
const QUIET: Duration = Duration::from_secs(3);
/// For how long nothing has to happen until they are.
const QUIET_AFTER: Duration = Duration::from_secs(20);
/// How often it is looked for runs to follow while there are none.
const IDLE: Duration = Duration::from_mins(1);
/// The most assumptions, and the like, that are told.
const REMARKS: usize = 12;
/// The most characters of what a failed run has to show.
const EVIDENCE: usize = 1500;
/// For how long the result of a run is kept for a chat that takes no messages, in milliseconds: a week.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What is remembered of a run between two looks; all that matters is in the store.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The newest event that was told, where the run stood, and the chat that was told.
    told: Option<(u64, RunStatus, ChatId)>,
    edited_at: Option<Instant>,
    /// From when on it may be shown in its group, once it has waited for that.
    turn: Option<Instant>,
}

/// The next free turn in each group. Telegram limits the group, however many runs it follows: who has to wait has a turn
/// of its own, so that each gets one.
#[derive(Debug, Default)]
struct Turns(RefCell<HashMap<ChatId, Instant>>);

impl Turns {
    /// The next free turn in a group, which is free no more.
    fn take(&self, group: ChatId, every: Duration) -> Instant {
        let (now, mut groups) = (Instant::now(), self.0.borrow_mut());
        groups.retain(|_, next| *next > now);
        let turn = groups.get(&group).copied().unwrap_or(now);
        groups.insert(group, turn + every);
        turn
    }

    /// A change has arrived in a group just now: one that was slow is followed by no quick one.
    fn arrived(&self, group: ChatId, every: Duration) {
        let next = Instant::now() + every;
        let mut groups = self.0.borrow_mut();
        let free = groups.entry(group).or_insert(next);
        *free = next.max(*free);
    }
}

impl Seen {
    /// Whether so little time has passed since the last change that this one has to wait.
    fn has_to_wait(&mut self, chat: ChatId, patience: Patience, turns: &Turns) -> bool {
        if !is_group(chat) {
            return self.edited_at.is_some_and(|at| at.elapsed() < patience.between_edits);
        }
        let turn = *self.turn.get_or_insert_with(|| turns.take(chat, patience.between_group_edits));
        Instant::now() < turn
    }

    /// The chat was shown this run just now.
    fn shown(&mut self, chat: ChatId, patience: Patience, turns: &Turns) {
        (self.edited_at, self.turn) = (Some(Instant::now()), None);
        if is_group(chat) {
            turns.arrived(chat, patience.between_group_edits);
        }
    }
}

fn is_group(chat: ChatId) -> bool {
    chat.0 < 0
}

/// Tells of runs for as long as it is polled.
pub(super) async fn follow(desk: &Desk<'_>) -> Infallible {
    let mut seen: HashMap<RunId, Option<Seen>> = HashMap::new();
    let turns = Turns::default();
    let mut at_work = FuturesUnordered::new();
    let mut last_change = Instant::now();
    loop {
        // How these stood when they were looked at is not how they stand now: their turn comes with the next look.
        let mut ended = Vec::new();
        let found = beside(&mut at_work, desk.chats.followed(), |end| ended.push(end)).await;
        let open = match found {
            Ok(open) => open,
            Err(error) => {
                desk.trouble(About::default(), &told(&error));
                Vec::new()
            }
        };
        seen.retain(|run, state| state.is_none() || open.iter().any(|followed| followed.run == *run));
        let pause = if open.is_empty() {
            IDLE
        } else if last_change.elapsed() > QUIET_AFTER {
            QUIET
        } else {
            desk.settings.patience.between_looks
        };
        for followed in open {
            // None stands for one that is being told of.
            let state = seen.entry(followed.run.clone()).or_insert_with(|| Some(Seen::default()));
            if at_work.len() < AT_ONCE
                && let Some(state) = state.take()
            {
                at_work.push(one(desk, followed, state, &turns));
            }
        }
        let pause = if ended.is_empty() { pause } else { Duration::ZERO };
        for (run, state, changed) in ended {
            seen.insert(run, Some(state));
            if changed {
                last_change = Instant::now();
            }
        }
        let look_again = tokio::time::sleep(pause);
        tokio::pin!(look_again);
        loop {
            tokio::select! {
                Some((run, state, changed)) = at_work.next(), if !at_work.is_empty() => {
                    seen.insert(run, Some(state));
                    if changed {
                        last_change = Instant::now();
                    }
                }
                () = desk.look.notified() => {
                    last_change = Instant::now();
                    break;
                }
                () = &mut look_again => break,
            }
        }
    }
}

/// Tells of one run what is new.
async fn one(desk: &Desk<'_>, followed: Followed, state: Seen, turns: &Turns) -> (RunId, Seen, bool) {
    let (run, about) = (followed.run.clone(), About::from(&followed));
    let before = state.clone();
    let mut state = state;
    match tell(desk, followed, &mut state, turns).await {
        // Where a group has gone is noted: the next look finds it there.
        Ok(()) | Err(Error::Flood { .. } | Error::Moved { .. }) => {}
        Err(error) => {
            desk.trouble(about, &told(&error));
            // Not again at once, whatever is wrong.
            tokio::time::sleep(desk.settings.patience.between_edits).await;
        }
    }
    let changed = state.told != before.told;
    (run, state, changed)
}

/// Tells what is new. What does not arrive is left for the next look.
async fn tell(desk: &Desk<'_>, mut followed: Followed, state: &mut Seen, turns: &Turns) -> Result<(), Error> {
    let context = &desk.app.context;
    let run = match runs::find(context, followed.run.as_str()).await {
        Ok(run) => run,
        Err(ops::Error::NoSuchRun(_)) => {
            followed.over = true;
            return Ok(desk.chats.note_followed(&followed).await?);
        }
        Err(error) => return Err(error.into()),
    };
    let stands = (run.seq, run.status, followed.chat);
    if state.told == Some(stands) {
        return Ok(());
    }
    let early = state.has_to_wait(followed.chat, desk.settings.patience, turns);
    if early && followed.message.is_some() {
        // It is told with what comes next; the next look is soon.
        return Ok(());
    }
    desk.settle_copies(&run).await?;
    if desk.chats.unreachable(followed.chat).await?.is_some() {
        if run.status.is_terminal() && context.now().since(run.updated_at) > KEPT_MS {
            (followed.message, followed.over) = (None, true);
            desk.chats.note_followed(&followed).await?;
        }
        return Ok(());
    }
    let summary = report::summary(context, &run).await?;
    let sound = desk.sound(followed.person).await?;
    let message = Outgoing { sound, ..progress(desk, &run, &summary, followed.language).await? };
    if !show(desk, &mut followed, &message, state, turns).await? {
        return Ok(());
    }
    if run.status.is_waiting()
        && let Some(ask) = runs::waits_for(context, &run).await?
        && followed.asked.as_ref() != Some(&ask.id)
    {
        if !desk.put(&followed, &run, &ask, sound).await? {
            return Ok(());
        }
        followed.asked = Some(ask.id);
        desk.chats.note_followed(&followed).await?;
    }
    if run.status.is_terminal() {
        let told = match desk.operation(&followed, &run).await? {
            Some(asked) => asked,
            None => result(desk, &run, &summary, followed.language).await?,
        };
        followed.message = match desk.sender.post(followed.chat, &Outgoing { sound, ..told }).await {
            // The notice of it says it in other words.
            Err(error @ Error::Refused { .. }) => {
                desk.trouble((&followed).into(), &error.to_string());
                None
            }
            sent => match sent? {
                None => return Ok(()),
                number => number,
            },
        };
        followed.over = true;
        desk.chats.note_followed(&followed).await?;
        for card in desk.chats.open_cards(followed.chat).await?.into_iter().filter(|card| card.run == run.id) {
            desk.close(card).await?;
        }
    }
    state.told = Some(stands);
    Ok(())
}

/// Shows how far a run is in its one message. False when the chat takes no messages.
async fn show(
    desk: &Desk<'_>,
    followed: &mut Followed,
    message: &Outgoing,
    state: &mut Seen,
    turns: &Turns,
) -> Result<bool, Error> {
    let (words, patience) = (message.text.words(), desk.settings.patience);
    if let Some(number) = followed.message {
        if followed.shown.as_deref() == Some(words.as_str()) {
            return Ok(true);
        }
        let edited = desk.sender.edit(followed.chat, number, message).await;
        // From when it has arrived: a slow one is followed by no quick one.
        state.shown(followed.chat, patience, turns);
        let edited = match edited {
            // What Telegram does not take keeps the question and the result from nobody.
            Err(error @ Error::Refused { .. }) => {
                desk.trouble((&*followed).into(), &error.to_string());
                true
            }
            edited => edited?,
        };
        if edited {
            followed.shown = Some(words);
            desk.chats.note_followed(followed).await?;
            return Ok(true);
        }
    }
    let sent = desk.sender.post(followed.chat, message).await;
    state.shown(followed.chat, patience, turns);
    let number = match sent {
        // Nor does it here, and what comes next is tried anew.
        Err(error @ Error::Refused { .. }) => {
            desk.trouble((&*followed).into(), &error.to_string());
            return Ok(true);
        }
        sent => match sent? {
            None => return Ok(false),
            Some(number) => number,
        },
    };
    followed.message = Some(number);
    followed.shown = Some(words);
    desk.chats.note_followed(followed).await?;
    Ok(true)
}

/// The stages of a run, and where it stands.
async fn progress(desk: &Desk<'_>, run: &Run, summary: &Summary, language: Language) -> Result<Outgoing, Error> {
    let said = words::of(language);
    let mut text = Text::of("🛠 ").bold(title(run, summary));
    let progress = runner::progress(&desk.app.context, &run.id).await?;
    let active: Vec<&str> = progress.active.values().map(|visit| visit.node.as_str()).collect();
    for stage in &summary.stages {
        let mark = match run.status {
            _ if !active.contains(&stage.node.as_str()) => "✅",
            RunStatus::Failed | RunStatus::Cancelled => "❌",
            status if status.is_waiting() => "❓",
            _ => "⏳",
        };
        text = text.line().plain(format!("{mark} {}", words::stage(&stage.node, &stage.label, language)));
    }
    let mut stands = words::status(run.status, language).to_owned();
    if let (RunStatus::Queued, Some(reason)) = (run.status, &run.reason) {
        stands = format!("{stands}: {}", desk.app.context.secrets.clean(&faults::reason(run.status, reason, language)));
    }
    text = text.line().italic(stands);
    let mut message = Outgoing::of(text);
    if !run.status.is_terminal() {
        message = message.row([Button::tell(said.cancel, buttons::cancel(&run.id))]);
    }
    Ok(message)
}

/// What a run is called: the project's name once there is one, until then what was asked for.
fn title(run: &Run, summary: &Summary) -> String {
    if let Some(name) = &summary.project {
        return name.to_string();
    }
    let Some(asked) = run.request.text() else { return subject(run) };
    let line = asked.lines().next().unwrap_or_default();
    let short: String = line.chars().take(60).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

/// What came of a run.
async fn result(desk: &Desk<'_>, run: &Run, summary: &Summary, language: Language) -> Result<Outgoing, Error> {
    let said = words::of(language);
    let clean = |text: &str| desk.app.context.secrets.clean(text).into_owned();
    let heading = match run.status {
        RunStatus::Succeeded if summary.url.is_some() => ("🎉", said.live),
        RunStatus::Succeeded if summary.tests.is_some() => ("✅", said.built),
        RunStatus::Cancelled => ("🚫", said.was_cancelled),
        RunStatus::Failed => ("❌", said.failed),
        _ => ("✅", said.done),
    };
    if let Some(answer) = summary.answer.as_deref().filter(|_| run.status == RunStatus::Succeeded) {
        return Ok(Outgoing::of(Text::of(clean(answer))));
    }
    let mut text = Text::of(format!("{} ", heading.0)).bold(title(run, summary)).plain(" — ").plain(heading.1);
    if run.status == RunStatus::Succeeded {
        if let Some(url) = &summary.url {
            text = text.plain(" ").plain(url);
        }
        if let Some(docs) = &summary.docs_url {
            text = text.line().plain(format!("{}: {docs}", said.docs));
        }
        if !summary.changes.is_empty() {
            let changes: Vec<String> = summary.changes.iter().map(|change| change.replace('`', "")).collect();
            text = listed(text.line().bold(said.changed), &changes, run, said);
        } else if !summary.models.is_empty() {
            text = listed(text.line().bold(said.models), &summary.models, run, said);
        }
        if let Some(tests) = &summary.tests {
            let failed =
                if tests.failed > 0 { format!(", {} {}", tests.failed, said.failed_tests) } else { String::new() };
            text = text.line().plain(format!("{}: {} {}{failed}", said.tests, tests.passed, said.passed));
        }
        text = text.line().plain(format!("{}: {}", said.took, duration(summary.ms, language)));
    } else if let Some(reason) = &run.reason {
        text = text.line().plain(clean(&faults::reason(run.status, reason, language)));
        if run.status == RunStatus::Failed {
            text = text.and(evidence(desk, run, language).await?);
        }
    }
    let remarks = |text: Text, heading: &str, lines: Vec<String>| {
        if lines.is_empty() { text } else { listed(text.line().line().bold(heading), &lines, run, said) }
    };
    text = remarks(text, said.assumed, summary.assumptions.iter().map(|one| clean(one)).collect());
    let not_built = summary.not_built.iter().map(|one| clean(&format!("{}: {}", one.what, one.why)));
    text = remarks(text, said.not_built, not_built.collect());
    if run.status == RunStatus::Succeeded {
        text = remarks(text, said.not_verified, summary.not_verified.iter().map(|one| clean(one)).collect());
    }
    let mut message = Outgoing::of(text);
    if let Some(name) = &summary.project {
        let key = |label: &str, verb| Button::tell(label, buttons::project(verb, name));
        let open = summary.url.as_deref().and_then(|url| Button::open(said.open, url));
        message = message
            .row(open.into_iter().chain([key(said.logs, Verb::Logs), key(said.update, Verb::Update)]))
            .row([key(said.redeploy, Verb::Deploy), key(said.rollback, Verb::Rollback)]);
    }
    Ok(message)
}

/// The lines of a list: as many as are told, and where the rest is.
fn listed(text: Text, lines: &[String], run: &Run, said: &Words) -> Text {
    let text = lines.iter().take(REMARKS).fold(text, |text, line| text.line().plain(format!("• {line}")));
    match lines.len().saturating_sub(REMARKS) {
        0 => text,
        left => text.line().plain(fill(said.more, &[&left.to_string(), run.id.as_str()])),
    }
}

/// What a failed run has to show, and what to do next.
async fn evidence(desk: &Desk<'_>, run: &Run, language: Language) -> Result<Text, Error> {
    let context = &desk.app.context;
    let events = runs::events(context, &run.id, run.seq.saturating_sub(1)).await?;
    let body: serde_json::Value =
        events.last().and_then(|last| serde_json::from_str(&last.body).ok()).unwrap_or_default();
    let failure = &body["failed"];
    let lines: Vec<&str> =
        failure["evidence"].as_array().into_iter().flatten().filter_map(|line| line.as_str()).collect();
    let all = context.secrets.clean(&lines.join("\n")).into_owned();
    let skipped = all.chars().count().saturating_sub(EVIDENCE);
    let shown: String = all.chars().skip(skipped).collect();
    let mut text = Text::new();
    if !shown.trim().is_empty() {
        text = text.block(shown);
    }
    if let Some(hint) = failure["hint"].as_str() {
        let hint = faults::hint(hint, language);
        text = text.line().bold(words::of(language).hint).plain(": ").plain(context.secrets.clean(&hint));
    }
    Ok(text)
}

fn duration(ms: i64, language: Language) -> String {
    let seconds = ms / 1000;
    let (s, min) = match language {
        Language::En => ("s", "min"),
        Language::Ru => ("с", "мин"),
    };
    if seconds < 60 {
        format!("{}.{} {s}", seconds, ms % 1000 / 100)
    } else {
        format!("{} {min} {} {s}", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_short_and_in_the_language() {
        assert_eq!(duration(3_240, Language::En), "3.2 s");
        assert_eq!(duration(125_000, Language::Ru), "2 мин 5 с");
    }

    #[test]
    fn runs_of_one_group_have_their_turns_one_after_the_other_and_each_keeps_its_own() {
        let (group, every) = (ChatId(-1), Duration::from_mins(1));
        let turns = Turns::default();
        let patience = Patience { between_edits: Duration::ZERO, between_group_edits: every, ..Patience::default() };
        let mut seen = [Seen::default(), Seen::default(), Seen::default()];
        // However often somebody who waits is asked about, that takes no further turn.
        for _ in 0..3 {
            let waits = seen.each_mut().map(|one| one.has_to_wait(group, patience, &turns));
            assert_eq!(waits, [false, true, true]);
        }
        let [first, second, third] = seen.each_ref().map(|one| one.turn.expect("each has one"));
        assert_eq!((second - first, third - second), (every, every));
        seen[0].shown(group, patience, &turns);
        assert!(seen[0].has_to_wait(group, patience, &turns), "it was shown just now");
        assert_eq!(seen[0].turn, Some(third + every), "after all who wait");
        assert!(!Seen::default().has_to_wait(ChatId(-2), patience, &turns), "another group has turns of its own");
        assert!(!Seen::default().has_to_wait(ChatId(1), patience, &turns), "so has a person");
    }

    #[test]
    fn a_change_that_was_slow_is_followed_by_no_quick_one() {
        let (turns, every) = (Turns::default(), Duration::from_mins(1));
        let began = turns.take(ChatId(-1), Duration::ZERO);
        turns.arrived(ChatId(-1), every);
        assert!(turns.take(ChatId(-1), every) >= began + every);
    }
}
