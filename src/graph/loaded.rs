//! Taking a run up: its journal, folded.

use super::progress::{self, Event, Progress};
use super::recorder::JournalError;
use crate::domain::ledger::Entry;
use crate::domain::run::{EffectRow, EventRow};

/// What a run's journal holds when a process takes it up.
pub struct Loaded {
    /// Where it stands.
    pub progress: Progress,
    /// The number of its newest event.
    pub seq: u64,
    /// The event its snapshot was taken after; 0 without one.
    pub snapshot_at: u64,
    /// Its effects.
    pub effects: Vec<EffectRow>,
    /// Its calls of models.
    pub calls: Vec<Entry>,
}

impl Loaded {
    /// Folds a journal: the newest snapshot, if any, and the events after it.
    ///
    /// # Errors
    /// [`JournalError`] when an event cannot be read or does not fit.
    pub fn fold(
        snapshot: Option<(u64, String)>,
        events: &[EventRow],
        effects: Vec<EffectRow>,
    ) -> Result<Self, JournalError> {
        let read = |kind: &str, source| JournalError::Result { kind: kind.to_owned(), source };
        let mut rest = events.iter();
        let (mut progress, snapshot_at) = if let Some((at, text)) = snapshot {
            (serde_json::from_str::<Progress>(&text).map_err(|source| read("snapshot", source))?, at)
        } else {
            let first = rest.next().ok_or(JournalError::Event(progress::Error::Creation))?;
            let Ok(Event::Created { state }) = serde_json::from_str::<Event>(&first.body) else {
                return Err(JournalError::Event(progress::Error::Creation));
            };
            (Progress::created(*state), 0)
        };
        let mut seq = snapshot_at.max(events.first().map_or(0, |row| row.seq));
        for row in rest {
            let event: Event = serde_json::from_str(&row.body).map_err(|source| read(&row.kind, source))?;
            progress.apply(&event)?;
            seq = row.seq;
        }
        Ok(Self { progress, seq, snapshot_at, effects, calls: Vec::new() })
    }
}
