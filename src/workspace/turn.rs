//! Turns: one at a time works on a place, in this process and in others.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How often a lock that somebody else holds is tried again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why it is not our turn.
pub(super) enum Missed {
    /// Somebody else held it for too long.
    TimedOut,
    /// The wait was cancelled.
    Interrupted,
    /// The file cannot be locked.
    Io(io::Error),
}

/// Waits until nobody else holds the lock of a file or folder. It is held for as long as the file stays open.
pub(super) async fn hold(file: &File, patience: Duration, cancel: &CancellationToken) -> Result<(), Missed> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(Missed::Io(source)),
        }
        if begun.elapsed() > patience {
            return Err(Missed::TimedOut);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = cancel.cancelled() => return Err(Missed::Interrupted),
        }
    }
}
