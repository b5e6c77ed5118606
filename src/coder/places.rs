//! The folders of an attempt, and the stream that is kept in one of them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::evidence;
use super::fault::Error;
use super::runner::Attempt;
use crate::domain::redact::{Secrets, Stream as Cleaner};
use crate::exec::Stream;

/// The folders of an attempt.
pub(super) struct Places {
    pub(super) home: PathBuf,
    /// What git writes for the agent, out of its own reach.
    pub(super) git: PathBuf,
    /// cgo's own, out of the agent's reach.
    pub(super) own: PathBuf,
}

impl Places {
    pub(super) fn make(attempt: &Attempt) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        let [home, git, own] = ["home", "git", "cgo"].map(|name| attempt.folder.join(name));
        let places = Self { home, git, own };
        for folder in [&places.home, &places.own] {
            // A home that is there already may hold settings of another attempt.
            std::fs::create_dir(folder).map_err(failed(folder))?;
        }
        let side = attempt.workspace.join(evidence::FOLDER);
        match std::fs::symlink_metadata(&side) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return Err(failed(&side)(io::ErrorKind::NotADirectory.into())),
            Err(_) => std::fs::create_dir(&side).map_err(failed(&side))?,
        }
        let ignore = side.join(".gitignore");
        if std::fs::symlink_metadata(&ignore).is_err() {
            std::fs::write(&ignore, "*\n").map_err(failed(&ignore))?;
        }
        let _ = std::fs::remove_file(attempt.workspace.join(evidence::REPORT));
        Ok(places)
    }

    pub(super) fn raw_file(&self) -> PathBuf {
        self.own.join("stream.log")
    }

    /// The file for everything the agent writes, without the attempt's key and the secrets this process knows.
    pub(super) fn raw(&self, key: &str, secrets: &Secrets) -> Result<Raw, Error> {
        let path = self.raw_file();
        let file = File::create(&path).map_err(|source| Error::Folder { path, source })?;
        let stream = || Cleaner::new(secrets.clone());
        Ok(Raw { file, key: key.to_owned(), clean: [stream(), stream()], pending: [Vec::new(), Vec::new()] })
    }
}

/// Everything the agent writes, on the disk, line by line, without the attempt's key and without secrets.
pub(super) struct Raw {
    file: File,
    key: String,
    clean: [Cleaner; 2],
    pending: [Vec<u8>; 2],
}

impl Raw {
    /// The longest piece that is held back to find its end.
    const LINE: usize = 1 << 20;

    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let clean = self.clean[stream as usize].push(bytes);
        self.take(stream as usize, &clean);
    }

    fn take(&mut self, stream: usize, bytes: &[u8]) {
        let pending = &mut self.pending[stream];
        pending.extend_from_slice(bytes);
        let end = match pending.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            // What may be the beginning of the key stays.
            None if pending.len() > Self::LINE => pending.len() - self.key.len(),
            None => return,
        };
        let whole: Vec<u8> = pending.drain(..end).collect();
        self.write(&whole);
    }

    pub(super) fn flush(&mut self) {
        for stream in 0..2 {
            let rest = self.clean[stream].end();
            self.take(stream, &rest);
        }
        for pending in std::mem::take(&mut self.pending) {
            self.write(&pending);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).replace(&self.key, "***");
        // The stream is for the reader; an attempt does not fail for it.
        let _ = self.file.write_all(text.as_bytes());
    }
}
