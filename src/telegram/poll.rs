//! What people say, into the store: asked for from Telegram, taken with the number to ask for next in one transaction.
//!
//! Telegram sends an update again until a later one is asked for, so what was not written down is not lost.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Note;
use super::api::{Client, Error, Received};
use super::settings::Patience;
use crate::domain::chat::{About, ChatId, Noted, Queued};
use crate::domain::diagnose::told;
use crate::domain::time::Timestamp;
use crate::ops;
use crate::ops::chats::Chats;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// For how long no other program has to be noticed until those before are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(5);

/// Other programs that ask for the same updates, as far as they were noticed lately. Of two that ask, each gets some of
/// what is said and is refused in between: that it gets some says nothing against the other.
#[derive(Debug, Default)]
struct Competitors {
    times: u32,
    last: Option<Instant>,
}

impl Competitors {
    /// One is noticed; how often that was so lately.
    fn noticed(&mut self) -> u32 {
        self.forget();
        self.times += 1;
        self.last = Some(Instant::now());
        self.times
    }

    /// Forgets them when none was noticed for so long; whether there were some to forget.
    fn forget(&mut self) -> bool {
        let gone = self.last.is_some_and(|last| last.elapsed() >= FORGOTTEN_AFTER);
        if gone {
            *self = Self::default();
        }
        gone
    }

    fn are_there(&self) -> bool {
        self.times > 0
    }
}

/// Asks for updates for as long as it is polled; ends only with what nobody but a person can mend. Nothing is
/// taken while it cannot be encrypted; that ends nothing. Another program that asks for them, too, is noted at once.
///
/// # Errors
/// [`Error::TokenRefused`], [`Error::WebhookSet`], [`Error::OtherPoller`] when it does not go away; when the store fails.
pub(super) async fn poll(
    client: &Client,
    bot: i64,
    chats: &Chats,
    patience: Patience,
    came: &Notify,
    note: Note<'_>,
) -> Result<Infallible, Error> {
    let (mut failed, mut shut, mut competitors) = (0_u32, 0_u32, Competitors::default());
    let competes = || note(About::default(), Noted::OutOfReach(told(&Error::OtherPoller)));
    loop {
        let turn = async {
            let from = chats.next_update().await?;
            let received = client.updates(from, bot, client.timers().poll).await?;
            take(chats, &received).await?;
            Ok(!received.is_empty())
        };
        match turn.await {
            Ok(some) => {
                let gone = competitors.forget();
                if failed > 0 && competitors.are_there() {
                    competes();
                } else if failed > 0 || gone {
                    note(About::default(), Noted::InReach);
                }
                (failed, shut) = (0, 0);
                if some {
                    came.notify_one();
                }
            }
            Err(Error::OtherPoller) => {
                let times = competitors.noticed();
                if failed > 0 || times == 1 {
                    competes();
                }
                failed = 0;
                // One that has just been killed is still waited for by Telegram; one that lives comes again.
                if times > patience.competitors {
                    return Err(Error::OtherPoller);
                }
                tokio::time::sleep(patience.between_competitors).await;
            }
            Err(Error::Flood { after }) => tokio::time::sleep(after).await,
            // What was said stays with Telegram until the operator has put the identity right.
            Err(error @ Error::Ops(ops::Error::Vault(_))) => {
                if shut == 0 {
                    note(About::default(), Noted::Trouble(told(&error)));
                }
                shut += 1;
                tokio::time::sleep(pause(shut)).await;
            }
            Err(error) if error.may_pass() => {
                if failed == 0 {
                    note(About::default(), Noted::OutOfReach(told(&error)));
                }
                failed += 1;
                tokio::time::sleep(pause(failed)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause(failed: u32) -> Duration {
    let wait = Duration::from_millis(250 << failed.min(7)).min(LONGEST_WAIT);
    wait.mul_f64(rand::random_range(0.75..1.0))
}

async fn take(chats: &Chats, received: &[Received]) -> Result<(), Error> {
    let Some(next) = received.iter().map(|update| update.id + 1).max() else { return Ok(()) };
    let said = received.iter().filter_map(|update| {
        let what = update.what.as_ref()?;
        let body = serde_json::to_string(what).expect("it has text keys only");
        Some(Queued { id: update.id, chat: ChatId(what.chat().id), body, at: Timestamp(0) })
    });
    let said: Vec<Queued> = said.collect();
    Ok(chats.receive(next, &said).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_is_forgotten_when_it_was_not_noticed_for_minutes_and_not_before() {
        let mut competitors = Competitors::default();
        assert!(!competitors.forget() && !competitors.are_there(), "there was none");
        assert_eq!((competitors.noticed(), competitors.noticed()), (1, 2));
        assert!(!competitors.forget() && competitors.are_there());
        competitors.last = Instant::now().checked_sub(FORGOTTEN_AFTER);
        assert_eq!(competitors.noticed(), 1, "it begins anew");
        competitors.last = Instant::now().checked_sub(FORGOTTEN_AFTER);
        assert!(competitors.forget() && !competitors.are_there());
        assert!(!competitors.forget(), "once");
    }
}
