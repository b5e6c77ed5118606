//! Running a project's own checks: its tests and its linter.
//!
//! The verdict says who has to act. A product that is wrong goes back to the one who wrote it; checks that could not
//! run do not; and checks that looked at nothing did not pass. Counts come from the report pytest writes, not
//! from what it prints. A project's code is not trusted: it sees neither the user's home nor the user's variables.

mod junit;

use std::collections::VecDeque;
use std::fs;
use std::future::Future;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::exec::{self, Command, Exit, OnLine, Stream};

/// Lines of output kept for the reader.
pub const TAIL_LINES: usize = 60;
/// The name of pytest's report.
const REPORT: &str = "report.xml";
/// The largest report that is read, in bytes.
const REPORT_LIMIT: u64 = 16 * 1024 * 1024;

/// One check of a project.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The folder it runs in.
    pub folder: &'a Path,
    /// The Python environment whose programs it finds first.
    pub environment: &'a Path,
    /// The program and its arguments, as `cgo.yaml` lists them.
    pub argv: &'a [String],
    /// How long it may take.
    pub deadline: Duration,
    /// Where it runs.
    pub ground: &'a dyn Ground,
}

/// A program that ends, or the reason why nobody knows how.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Exit, String>> + 'a>>;

/// Where programs of a project run.
pub trait Ground {
    /// How a folder that becomes the program's home is called there.
    fn home<'a>(&self, folder: &'a Path) -> &'a Path;
    /// Runs a program with that home. Nothing of it is left running.
    fn run<'a>(
        &'a self,
        command: &'a Command,
        home: &'a Path,
        cancel: &'a CancellationToken,
        on_line: OnLine<'a>,
    ) -> Running<'a>;
}

/// This machine as the operator has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bare;

impl Ground for Bare {
    fn home<'a>(&self, folder: &'a Path) -> &'a Path {
        folder
    }

    fn run<'a>(
        &'a self,
        command: &'a Command,
        _: &'a Path,
        cancel: &'a CancellationToken,
        on_line: OnLine<'a>,
    ) -> Running<'a> {
        Box::pin(async move {
            exec::run_with(command, cancel, on_line).await.map(|output| output.exit).map_err(|error| error.to_string())
        })
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Something was verified, and it is right.
    Passed,
    /// The product is wrong: for its developer.
    ProductWrong {
        /// In one line.
        reason: String,
    },
    /// The check looked at nothing. That is not a pass.
    NothingVerified {
        /// In one line.
        reason: String,
    },
    /// The check itself could not be done: nothing is known about the product.
    CouldNotTest {
        /// In one line.
        reason: String,
    },
}

/// How many tests there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
    /// Skipped, or expected to fail.
    pub skipped: u32,
    /// Could not be collected, set up or torn down.
    pub errors: u32,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u32 {
        self.passed + self.failed + self.skipped + self.errors
    }
}

/// One test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTest {
    /// `tests.test_notes::test_create`.
    pub name: String,
    /// The first line of why.
    pub message: String,
}

/// What a run of the tests left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// What it came to.
    pub verdict: Verdict,
    /// How many tests.
    pub counts: Counts,
    /// The first of those that failed.
    pub failed: Vec<FailedTest>,
    /// The last lines of output, without control characters.
    pub tail: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// What a run of the linter left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintReport {
    /// What it came to.
    pub verdict: Verdict,
    /// The last lines of output, without control characters.
    pub tail: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Why a check has no report at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `cgo.yaml` names no program.
    #[error("the check names no program")]
    NoProgram,
    /// cgo was asked to stop.
    #[error("the check was interrupted")]
    Interrupted,
    /// The folder for the report cannot be made or removed.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoProgram => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => Kind::Preflight,
            Self::Io { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::NoProgram => {
                Some(Advice::Do("name the program and its arguments under `checks` in cgo.yaml".to_owned()))
            }
            Self::Interrupted | Self::Io { .. } => None,
        }
    }
}

/// Runs the project's tests. The program may be anything that runs pytest in the end: pytest is told by its variable
/// where to write its report.
///
/// # Errors
/// [`Error`]; everything about the tests themselves is a [`Verdict`].
pub async fn run_tests(check: &Check<'_>, cancel: &CancellationToken) -> Result<TestReport, Error> {
    let scratch = Scratch::new()?;
    let path = scratch.0.join(REPORT);
    let seen = check.ground.home(&scratch.0).join(REPORT);
    let options = format!(
        "-p no:cacheprovider -o junit_family=xunit2 --junitxml={}",
        format_args!("'{}'", seen.display().to_string().replace('\'', "'\"'\"'"))
    );
    let command = command(check, &scratch)?.env("PYTEST_ADDOPTS", options);
    let ran = run(check.ground, &command, &scratch, cancel).await?;
    let report = read_report(&path);
    let (counts, failed) = match &report {
        Ok(Some(report)) => (report.counts, report.failed.clone()),
        Ok(None) | Err(_) => (Counts::default(), Vec::new()),
    };
    let verdict = match (&ran.ended, report) {
        (Err(reason), _) => Verdict::CouldNotTest { reason: reason.clone() },
        (Ok(_), Err(reason)) => Verdict::CouldNotTest { reason },
        (Ok(exit), Ok(report)) => verdict(*exit, report.map(|report| report.counts), &ran.tail),
    };
    Ok(TestReport { verdict, counts, failed, tail: ran.tail, took: ran.took })
}

/// Runs the project's linter: exit code 0 is a pass, 1 is a product that is wrong, anything else a linter that did not
/// work.
///
/// # Errors
/// [`Error`]; everything about the linter itself is a [`Verdict`].
pub async fn run_linter(check: &Check<'_>, cancel: &CancellationToken) -> Result<LintReport, Error> {
    let scratch = Scratch::new()?;
    let ran = run(check.ground, &command(check, &scratch)?, &scratch, cancel).await?;
    let verdict = match &ran.ended {
        Ok(Exit::Code(0)) => Verdict::Passed,
        Ok(Exit::Code(1)) => Verdict::ProductWrong { reason: "the linter found faults".to_owned() },
        Ok(exit) => Verdict::CouldNotTest { reason: format!("the linter ended with {exit}") },
        Err(reason) => Verdict::CouldNotTest { reason: reason.clone() },
    };
    Ok(LintReport { verdict, tail: ran.tail, took: ran.took })
}

/// What pytest's exit code and report come to together: 0 all passed, 1 some failed, 2 stopped early, 3 its own bug,
/// 4 not understood, 5 no tests.
fn verdict(exit: Exit, counts: Option<Counts>, tail: &[String]) -> Verdict {
    let could_not = |reason: String| Verdict::CouldNotTest { reason };
    let nothing = |reason: &str| Verdict::NothingVerified { reason: reason.to_owned() };
    let wrong = |counts: Counts| Verdict::ProductWrong {
        reason: match (counts.failed, counts.errors) {
            (failed, 0) => format!("{failed} of {} tests failed", counts.total()),
            (0, errors) => format!("{errors} of {} tests could not be run", counts.total()),
            (failed, errors) => format!("{failed} of {} tests failed, {errors} could not be run", counts.total()),
        },
    };
    match (exit, counts) {
        // A file that cannot be imported stops pytest early, and is the product's fault all the same.
        (Exit::Code(0..=2), Some(counts)) if counts.failed + counts.errors > 0 => wrong(counts),
        (Exit::Code(0), Some(counts)) if counts.passed > 0 => Verdict::Passed,
        (Exit::Code(0), Some(counts)) if counts.skipped > 0 => nothing("every test was skipped"),
        (Exit::Code(0 | 5), Some(_)) | (Exit::Code(5), None) => nothing("there are no tests"),
        (Exit::Code(0), None) => nothing("the tests left no report; does the command run pytest?"),
        // The usual usage error is a conftest.py that does not import, and that belongs to the product.
        (Exit::Code(4), _) if tail.iter().any(|line| line.contains("while loading conftest")) => {
            Verdict::ProductWrong { reason: "conftest.py cannot be imported".to_owned() }
        }
        (Exit::Code(2), Some(_)) => could_not("the tests were stopped before their end".to_owned()),
        (Exit::Code(3), Some(_)) => could_not("pytest itself failed".to_owned()),
        (Exit::Code(4), _) => could_not("pytest did not understand its options".to_owned()),
        (exit, _) => could_not(format!("the tests ended with {exit}")),
    }
}

fn read_report(path: &Path) -> Result<Option<junit::Report>, String> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the test report cannot be opened: {error}")),
    };
    let mut text = String::new();
    match file.take(REPORT_LIMIT + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > REPORT_LIMIT => Err("the test report is too large".to_owned()),
        Ok(_) => junit::parse(&text).map(Some).map_err(|error| error.to_string()),
        Err(error) => Err(format!("the test report cannot be read: {error}")),
    }
}

fn command(check: &Check<'_>, scratch: &Scratch) -> Result<Command, Error> {
    let (program, args) = check.argv.split_first().filter(|(name, _)| !name.is_empty()).ok_or(Error::NoProgram)?;
    let mut path = check.environment.join("bin").into_os_string();
    if let Some(inherited) = std::env::var_os("PATH").filter(|path| !path.is_empty()) {
        path.push(":");
        path.push(inherited);
    }
    Ok(Command::new(program)
        .args(args)
        .directory(check.folder)
        .deadline(check.deadline)
        .env("PATH", path)
        .env("VIRTUAL_ENV", check.environment)
        .env("HOME", check.ground.home(&scratch.0))
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONNOUSERSITE", "1")
        .env("NO_COLOR", "1"))
}

struct Ran {
    /// How it ended, or why nobody knows.
    ended: Result<Exit, String>,
    tail: Vec<String>,
    took: Duration,
}

async fn run(
    ground: &dyn Ground,
    command: &Command,
    scratch: &Scratch,
    cancel: &CancellationToken,
) -> Result<Ran, Error> {
    let begun = Instant::now();
    let home = ground.home(&scratch.0).display().to_string();
    let mut tail = VecDeque::with_capacity(TAIL_LINES);
    let mut on_line = |_: Stream, line: &str| {
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(exec::capture::lasting(&exec::capture::clean_line(line).replace(&home, "~")));
    };
    let ended = match ground.run(command, &scratch.0, cancel, &mut on_line).await {
        Ok(exit) => Ok(exit),
        Err(_) if cancel.is_cancelled() => return Err(Error::Interrupted),
        Err(reason) => Err(reason),
    };
    Ok(Ran { ended, tail: tail.into(), took: begun.elapsed() })
}

/// A folder for one check: its home, and its report.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = std::env::temp_dir().join(format!("cgo-check-{:016x}", rand::random::<u64>()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(Error::Io { doing: "make the folder", path, source }),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is in the folder for temporary files; the system cleans what we could not.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
