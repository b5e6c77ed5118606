//! The file of a cassette: whole lines, each written at once, for its owner's eyes only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::line::{Line, VERSION};
use super::{CassetteError, Tape};

/// The longest cassette that is read, in bytes.
const LIMIT: u64 = 256 << 20;

/// A cassette that is being written.
#[derive(Debug)]
pub(super) struct Recording {
    file: File,
    /// The first failure; nothing is written after it.
    pub(super) failed: Option<io::Error>,
    broken: bool,
}

impl Recording {
    /// A new file. One that is there stays as it is.
    pub(super) fn begin(path: &Path) -> Result<Self, CassetteError> {
        match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => Ok(Self { file, failed: None, broken: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(CassetteError::There { path: path.to_owned() })
            }
            Err(source) => Err(CassetteError::Io { doing: "make", path: path.to_owned(), source }),
        }
    }

    /// The file again, without what a power cut left of a line.
    pub(super) fn go_on(path: &Path, whole: u64) -> Result<Self, CassetteError> {
        let failed = |source| CassetteError::Io { doing: "write to", path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        file.set_len(whole).map_err(failed)?;
        Ok(Self { file, failed: None, broken: false })
    }

    /// Adds a line. It is there whole, or not at all, when the process is killed.
    pub(super) fn write(&mut self, line: &str) {
        if self.broken {
            return;
        }
        if let Err(error) = self.file.write_all(format!("{line}\n").as_bytes()) {
            self.failed = Some(error);
            self.broken = true;
        }
    }
}

/// What a file says.
pub(super) struct ReadBack {
    pub(super) seed: String,
    pub(super) request: Value,
    pub(super) lines: Vec<Line>,
    /// How many bytes its whole lines take.
    pub(super) whole: u64,
}

pub(super) fn read(path: &Path) -> Result<ReadBack, CassetteError> {
    let failed = |source| CassetteError::Io { doing: "read", path: path.to_owned(), source };
    let wrong = |line: usize, reason: String| CassetteError::Format { path: path.to_owned(), line, reason };
    let mut text = Vec::new();
    File::open(path).map_err(failed)?.take(LIMIT + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > LIMIT {
        return Err(wrong(1, format!("is one of more than {} MB", LIMIT >> 20)));
    }
    // A line without an end was being written when the power went.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&text[..whole]).map_err(|_| wrong(1, "is no text".to_owned()))?;
    let mut lines = text.lines().enumerate();
    let first = lines.next().map(|(_, line)| line).unwrap_or_default();
    let version = serde_json::from_str::<Value>(first).ok().and_then(|line| line["cassette"]["version"].as_u64());
    match version {
        None => return Err(wrong(1, "does not say that it is one".to_owned())),
        Some(version) if version != u64::from(VERSION) => {
            let found = u32::try_from(version).unwrap_or(u32::MAX);
            return Err(CassetteError::Version { path: path.to_owned(), found });
        }
        Some(_) => {}
    }
    let decode = |number: usize, line: &str| {
        serde_json::from_str::<Line>(line).map_err(|error| wrong(number + 1, format!("cannot be read: {error}")))
    };
    let Line::Cassette { seed, request, .. } = decode(0, first)? else {
        return Err(wrong(1, "does not say that it is one".to_owned()));
    };
    let lines = lines.map(|(number, line)| decode(number, line)).collect::<Result<Vec<Line>, CassetteError>>()?;
    Ok(ReadBack { seed, request, lines, whole: whole as u64 })
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Some(recording) = &mut self.inner().recording {
            // The last lines outlive a power cut where that can be had; a recording is no journal.
            let _ = recording.file.sync_data();
        }
    }
}
