//! A machine that does as it is told: this one, or another over SSH.
//!
//! [`Host`] is what both have in common: a POSIX shell that reads a [`Script`] from its standard input. All else is made
//! of that and is the same for both: [`files`] puts and gets files, [`steps`] runs work that outlives the connection,
//! [`facts`] looks at the machine. [`local`] and [`ssh`] are the two implementations. What to do on a host, and what to
//! make of the answer, is decided above.

pub mod engines;
pub mod error;
pub mod facts;
pub mod files;
mod frame;
pub mod local;
mod script;
pub mod ssh;
pub mod steps;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::domain::last_words::tell_full_disk;
pub use crate::exec::Stream;
use crate::exec::capture::Captured;
pub use error::{Error, Refusal};
pub use script::{Again, Payload, Script};

/// Functions of a script: the time since the machine was started, and commands that may take only so long.
pub(super) const WITHIN: &str = include_str!("within.sh");

/// How often a harmless script is begun when the connection is lost under it.
const TRIES: u32 = 3;
/// Lines of output an error carries.
const EVIDENCE_LINES: usize = 20;

/// A machine with a POSIX shell.
pub trait Host: Send + Sync {
    /// The server's name, for messages.
    fn name(&self) -> &str;

    /// Has a script run once, and passes on what it writes on each stream as it comes. An exit code other than 0 is no
    /// error.
    ///
    /// Never runs a script twice. After [`Error::Lost`], [`Error::Deadline`] or [`Error::Cancelled`] it may have run, run
    /// in part, or run still; work for which that matters is a [step](steps).
    fn exchange<'a>(
        &'a self,
        script: &'a Script,
        pass: &'a mut (dyn FnMut(Stream, &[u8]) + Send),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Ended, Error>>;
}

/// How a script that ran to its end ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it wrote on standard error.
    pub stderr: Captured,
}

/// What a script that ran to its end left behind.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// What it wrote on standard output.
    pub stdout: Captured,
    /// What it wrote on standard error.
    pub stderr: Captured,
}

impl Answer {
    /// Standard output as text, without what is white at its end.
    #[must_use]
    pub fn text(&self) -> String {
        self.stdout.text().trim_end().to_owned()
    }
}

impl dyn Host + '_ {
    /// Runs a script to its end, whatever its exit code. A harmless one is run anew when the connection is lost.
    ///
    /// # Errors
    /// When it is not known to have run to its end.
    pub async fn run(&self, script: &Script, cancel: &CancellationToken) -> Result<Answer, Error> {
        let mut tried = 1;
        loop {
            let mut stdout = Captured::new(script.keep);
            let mut keep = |stream: Stream, bytes: &[u8]| {
                if stream == Stream::Stdout {
                    stdout.push(bytes);
                }
            };
            match self.exchange(script, &mut keep, cancel).await {
                Ok(Ended { code, stderr }) => return Ok(Answer { code, stdout, stderr }),
                Err(Error::Lost { .. }) if script.again == Again::Harmless && tried < TRIES => tried += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Like `run`; an exit code other than 0 is an error.
    ///
    /// # Errors
    /// Beside those of `run`: [`Error::Full`], [`Error::ReadOnly`] or [`Error::Failed`], by what it wrote.
    pub async fn run_ok(&self, script: &Script, cancel: &CancellationToken) -> Result<Answer, Error> {
        let answer = self.run(script, cancel).await?;
        if answer.code == 0 {
            return Ok(answer);
        }
        Err(failed(self.name(), script.what, answer.code, &answer.stderr))
    }
}

/// The error for a script that ended badly.
pub(in crate::remote) fn failed(host: &str, what: &'static str, code: i32, stderr: &Captured) -> Error {
    let (host, evidence) = (host.to_owned(), stderr.last_lines(EVIDENCE_LINES));
    // `LC_ALL=C` is part of the bootstrap: these are the words.
    let says = |words: &str| evidence.iter().any(|line| line.contains(words));
    if tell_full_disk(&evidence) {
        Error::Full { host, what, evidence }
    } else if says("Read-only file system") {
        Error::ReadOnly { host, what, evidence }
    } else {
        Error::Failed { host, what, code, evidence }
    }
}
