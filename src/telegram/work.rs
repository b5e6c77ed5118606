//! What was said is dealt with: in each chat one thing after the other, in different chats at once.
//!
//! An update is in the store until it is dealt with, so a process that is killed in the middle is followed by one that
//! does it again; what it changes is keyed by its number and happens once. Nothing that is said can end the front end.

use std::collections::HashSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;

use super::api::Error;
use super::desk::Desk;
use crate::domain::chat::{About, ChatId, Noted, Queued};
use crate::domain::diagnose::{Diagnose as _, told};

/// How many chats are dealt with at once. A chat that waits for Telegram takes a place, so there are many.
const CHATS: usize = 256;
/// How much of one chat is dealt with before another has its turn.
const TURN: u32 = 20;
/// How often something is tried that fails for reasons that may pass: for about three minutes.
const TRIES: u32 = 12;
/// The shortest wait where Telegram wants to be left alone, whatever it says.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often it is looked whether old updates can be forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// Waits for something while others are at work, and tells of those that end meanwhile. What is not polled may hold what
/// others wait for, a connection to the database for instance.
pub(super) async fn beside<F: Future, T>(
    at_work: &mut FuturesUnordered<F>,
    awaited: impl Future<Output = T>,
    mut ended: impl FnMut(F::Output),
) -> T {
    tokio::pin!(awaited);
    loop {
        tokio::select! {
            done = &mut awaited => return done,
            Some(end) = at_work.next(), if !at_work.is_empty() => ended(end),
        }
    }
}

/// Deals with what is said for as long as it is polled.
pub(super) async fn work(desk: &Desk<'_>, came: &Notify) -> Infallible {
    let mut busy: HashSet<ChatId> = HashSet::new();
    let mut at_work = FuturesUnordered::new();
    let mut forget = tokio::time::interval(FORGET_EVERY);
    loop {
        // A chat that is free by the time it is looked at may have been busy when it was found.
        let mut free = Vec::new();
        let heads = beside(&mut at_work, desk.chats.heads(), |chat| free.push(chat)).await;
        match heads {
            Ok(heads) => {
                for head in heads {
                    if at_work.len() < CHATS && busy.insert(head.chat) {
                        at_work.push(chat(desk, head));
                    }
                }
            }
            Err(error) => {
                desk.trouble(About::default(), &told(&error));
                beside(&mut at_work, tokio::time::sleep(Duration::from_secs(1)), |chat| free.push(chat)).await;
                came.notify_one();
            }
        }
        if !free.is_empty() {
            busy.retain(|chat| !free.contains(chat));
            continue;
        }
        let forgets = tokio::select! {
            () = came.notified() => false,
            Some(free) = at_work.next(), if !at_work.is_empty() => {
                busy.remove(&free);
                false
            }
            _ = forget.tick() => true,
        };
        if forgets {
            // What could not be forgotten now is forgotten later.
            let _ = beside(&mut at_work, desk.chats.forget(), |chat| {
                busy.remove(&chat);
            })
            .await;
        }
    }
}

/// Deals with what waits in one chat.
async fn chat(desk: &Desk<'_>, first: Queued) -> ChatId {
    let chat = first.chat;
    let mut next = Some(first);
    for _ in 0..TURN {
        let Some(update) = next else { break };
        deal(desk, &update).await;
        next = desk.chats.head(chat).await.unwrap_or(None);
    }
    chat
}

/// An error in one line, with what can be done about it.
fn hinted(error: &Error) -> String {
    let hint = error.advice().map(|advice| format!("; {}", advice.words())).unwrap_or_default();
    told(error) + &hint
}

async fn deal(desk: &Desk<'_>, update: &Queued) {
    let (mut tried, mut waited) = (0, Duration::ZERO);
    loop {
        tried += 1;
        let error = match AssertUnwindSafe(desk.deal_with(update)).catch_unwind().await {
            Ok(Ok(())) => {
                desk.note(update.into(), Noted::DealtWith);
                break;
            }
            // Telegram says itself when to come again: that uses up no try, but not for ever.
            Ok(Err(Error::Flood { after })) => {
                let wait = after.max(SHORTEST_WAIT);
                waited += wait;
                if waited <= desk.settings.patience.put_off {
                    tried -= 1;
                    tokio::time::sleep(wait).await;
                    continue;
                }
                Error::Flood { after }
            }
            Ok(Err(error)) if error.may_pass() && tried < TRIES => {
                if tried == 1 && matches!(error, Error::Unread(_)) {
                    // It passes when the operator puts the identity right, who has to hear of it meanwhile.
                    desk.trouble(update.into(), &hinted(&error));
                }
                let wait = Duration::from_millis(250 << tried.min(7)).min(LONGEST_WAIT);
                tokio::time::sleep(wait).await;
                continue;
            }
            Ok(Err(error)) => error,
            Err(_) => Error::Ops(crate::ops::Error::Internal("the update could not be dealt with".to_owned())),
        };
        desk.trouble(update.into(), &hinted(&error));
        // What a button was pressed for was not done: whoever pressed it may press again.
        if let Err(error) = desk.chats.release(update.id).await {
            desk.trouble(update.into(), &told(&error));
        }
        // That it could not even be said is noted above.
        let _ = desk.apologise(update).await;
        break;
    }
    // Until that is written down it would be done again, which nothing may be after it.
    while let Err(error) = desk.chats.dealt_with(update.id).await {
        desk.trouble(update.into(), &told(&error));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
