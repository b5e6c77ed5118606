//! Questions on a terminal. An interrupt ends a question and leaves the terminal as it was before.

use std::io::{ErrorKind, Write};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio_util::sync::CancellationToken;

use super::{Session, restore_cursor};

/// What a person says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// An answer.
    Answer(T),
    /// Nothing: the question was left with Escape, or the terminal is gone.
    Nothing,
    /// Ctrl-C, or a signal that asks the program to stop.
    Interrupted,
}

/// Asks one question. The prompt has a thread of its own: it waits for a key, and signals are to be heard meanwhile.
pub async fn ask<T: Send + 'static>(
    cancel: &CancellationToken,
    prompt: impl FnOnce() -> dialoguer::Result<Option<T>> + Send + 'static,
) -> Said<T> {
    let modes = tcgetattr(std::io::stdin());
    let said = tokio::select! {
        () = cancel.cancelled() => Said::Interrupted,
        answered = tokio::task::spawn_blocking(prompt) => match answered {
            Ok(Ok(Some(answer))) => Said::Answer(answer),
            Ok(Err(dialoguer::Error::IO(error))) if error.kind() == ErrorKind::Interrupted => Said::Interrupted,
            _ => Said::Nothing,
        },
    };
    if let Ok(modes) = modes {
        // A terminal that is gone needs no modes.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &modes);
    }
    restore_cursor();
    if matches!(said, Said::Interrupted) {
        // What is said next begins on a line of its own.
        let _ = std::io::stderr().write_all(b"\n");
    }
    said
}

/// Asks for a text.
pub async fn text(session: &Session<'_>, question: &'static str, default: Option<String>) -> Said<String> {
    ask(&session.cancel, move || {
        let mut input = dialoguer::Input::<String>::new().with_prompt(question);
        if let Some(default) = default {
            input = input.default(default);
        }
        input.interact_text().map(Some)
    })
    .await
}

/// Asks yes or no. With `--yes` the answer is yes; without a terminal there is nobody to ask, and none.
pub async fn confirm(session: &Session<'_>, question: String) -> Option<Said<bool>> {
    if session.ui.yes {
        return Some(Said::Answer(true));
    }
    if !session.ui.interactive {
        return None;
    }
    let prompt = || dialoguer::Confirm::new().with_prompt(question).default(false).interact_opt();
    Some(ask(&session.cancel, prompt).await)
}
