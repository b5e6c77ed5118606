//! The logs of releases: bounded on disk, read from the end, followed.
//!
//! A release writes to its log by itself, so that it needs nobody to read a pipe and outlives its supervisor. The
//! price: a log that grows too large is copied and emptied under its writer, and a line written in that moment may
//! be lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::exec::capture::{Lines, clean_line};

/// The size at which a log is put aside, in bytes. Two such parts are kept for the release that runs, and the last
/// part of the one before.
pub const LIMIT: u64 = 8 * 1024 * 1024;
/// How much is read to find the last lines.
const LOOK_BACK: u64 = 1024 * 1024;

fn beside(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a log for a writer.
pub fn open(log: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(log)
}

/// Begins a new log for a new release; the one before stays beside it as `log.before`.
pub fn begin(log: &Path) -> io::Result<()> {
    let ignore_missing = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    ignore_missing(fs::remove_file(beside(log, ".1")))?;
    ignore_missing(fs::rename(log, beside(log, ".before")))
}

/// Puts the end of a log that grew beyond `limit` aside as `log.1` and empties it. Says whether it did.
pub fn rotate(log: &Path, limit: u64) -> io::Result<bool> {
    let size = match fs::metadata(log) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if size <= limit {
        return Ok(false);
    }
    let mut source = OpenOptions::new().read(true).write(true).open(log)?;
    source.seek(SeekFrom::Start(size.saturating_sub(limit)))?;
    let aside = beside(log, ".1");
    let mut target = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    let copied = io::copy(&mut source, &mut target);
    // Emptied even when the disk is too full for the copy: the log is what fills it.
    source.set_len(0)?;
    copied.map(|_| true)
}

/// The last lines of a log, oldest first, without control characters; none where there is no log.
pub fn tail(log: &Path, count: usize) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    for part in [beside(log, ".1"), log.to_owned()] {
        match File::open(&part) {
            Ok(mut file) => {
                let size = file.metadata()?.len();
                file.seek(SeekFrom::Start(size.saturating_sub(LOOK_BACK)))?;
                file.take(LOOK_BACK).read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(|line| clean_line(line)).collect())
}

/// Reads what is added to a log.
#[derive(Debug)]
pub struct Follower {
    log: PathBuf,
    open: Option<(File, u64)>,
    lines: Lines,
}

impl Follower {
    /// Follows from the log's present end.
    pub fn from_end(log: PathBuf) -> io::Result<Self> {
        let mut follower = Self { log, open: None, lines: Lines::default() };
        follower.reopen()?;
        if let Some((file, _)) = &mut follower.open {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(follower)
    }

    /// The log it follows.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.open = match File::open(&self.log) {
            Ok(file) => {
                let inode = file.metadata()?.ino();
                Some((file, inode))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// Passes on the lines that were added since the last call.
    pub fn read(&mut self, on_line: &mut dyn FnMut(&str)) -> io::Result<()> {
        self.read_open(on_line)?;
        let present = fs::metadata(&self.log).ok().map(|metadata| metadata.ino());
        if present.is_some() && present != self.open.as_ref().map(|(_, inode)| *inode) {
            self.lines.finish(&mut |line| on_line(&clean_line(line)));
            self.reopen()?;
            self.read_open(on_line)?;
        }
        Ok(())
    }

    fn read_open(&mut self, on_line: &mut dyn FnMut(&str)) -> io::Result<()> {
        let Some((file, _)) = &mut self.open else { return Ok(()) };
        if file.stream_position()? > file.metadata()?.len() {
            file.rewind()?;
        }
        let mut buffer = [0_u8; 16 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.lines.push(&buffer[..count], &mut |line| on_line(&clean_line(line))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_log_that_grows_too_large_is_put_aside_while_its_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut writer = open(&log).unwrap();
        for number in 0..100 {
            writeln!(writer, "line {number:03}").unwrap();
        }
        assert!(!rotate(&log, 900).unwrap(), "900 bytes are not more than 900");
        assert!(rotate(&log, 450).unwrap());
        writeln!(writer, "line 100").unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "line 100\n");
        assert_eq!(fs::metadata(beside(&log, ".1")).unwrap().len(), 450);
        assert_eq!(tail(&log, 2).unwrap(), ["line 099", "line 100"]);
        begin(&log).unwrap();
        assert!(tail(&log, 2).unwrap().is_empty(), "a new release begins with an empty log");
    }

    #[test]
    fn a_follower_sees_lines_across_emptying_and_replacing() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut seen = Vec::new();
        let mut follower = Follower::from_end(log.clone()).unwrap();
        let mut writer = open(&log).unwrap();
        write!(writer, "one\ntw").unwrap();
        follower.read(&mut |line| seen.push(line.to_owned())).unwrap();
        writeln!(writer, "o\u{1b}[0m").unwrap();
        follower.read(&mut |line| seen.push(line.to_owned())).unwrap();
        assert!(rotate(&log, 1).unwrap());
        writeln!(writer, "3").unwrap();
        follower.read(&mut |line| seen.push(line.to_owned())).unwrap();
        begin(&log).unwrap();
        writeln!(open(&log).unwrap(), "four").unwrap();
        follower.read(&mut |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two", "3", "four"]);
    }
}
