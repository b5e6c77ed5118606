//! A program to run: argv, folder, environment, input and limits.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Variables of cgo's own environment that a program gets.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Whom a request to end reaches first; SIGKILL goes to the whole group in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The process group.
    Group,
    /// What descends from the program, in whatever group, but not the program: it is a shell around the work that
    /// would take the work with it when it ends.
    Descendants,
}

/// A program to run.
#[derive(Clone)]
pub struct Command {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) directory: Option<PathBuf>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) stdin: Option<Vec<u8>>,
    pub(super) then_file: Option<(PathBuf, u64)>,
    pub(super) then_input: bool,
    pub(super) deadline: Duration,
    pub(super) keep: usize,
    pub(super) grace: Duration,
    pub(super) reach: Reach,
    pub(super) leaves_daemon: bool,
}

impl Command {
    /// The program by name (searched in PATH) or path, without arguments; ten minutes, 256 KiB kept of each stream.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            directory: None,
            env: inherited_env(),
            stdin: None,
            then_file: None,
            then_input: false,
            deadline: Duration::from_mins(10),
            keep: 256 * 1024,
            grace: super::GRACE,
            reach: Reach::Group,
            leaves_daemon: false,
        }
    }

    /// Takes every variable away, also those that every program gets otherwise.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.env.clear();
        self
    }

    /// How long it has between SIGTERM and SIGKILL.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Whom SIGTERM reaches.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// It goes into the background to stay there: what is left of it after it ended well is not killed.
    #[must_use]
    pub fn leaves_daemon(mut self) -> Self {
        self.leaves_daemon = true;
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The folder it runs in; cgo's own where none is set.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets a variable beside the allow-listed ones.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// What it reads on its standard input; nothing where none is given.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// A file whose bytes from an offset on follow what was given to [`Self::stdin`]. One that cannot be read ends the
    /// input early.
    #[must_use]
    pub fn then_file(mut self, path: impl AsRef<Path>, from: u64) -> Self {
        self.then_file = Some((path.as_ref().to_owned(), from));
        self
    }

    /// What this process is given on its own standard input follows what was given to [`Self::stdin`], as it comes.
    #[must_use]
    pub fn then_input(mut self) -> Self {
        self.then_input = true;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many bytes of each stream are kept, half from its beginning and half from its end.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// The program, its arguments and its variables, for one that runs it elsewhere.
    #[must_use]
    pub fn parts(&self) -> (&OsStr, &[OsString], &BTreeMap<OsString, OsString>) {
        (&self.program, &self.args, &self.env)
    }

    /// The folder it runs in, where one is set.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// How long it may take, as set.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.deadline
    }

    /// The program's name for messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Command {
    /// Names the variables but not their values, and not what goes to standard input.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("directory", &self.directory)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("stdin_bytes", &self.stdin.as_ref().map(Vec::len))
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The part of cgo's own environment that every program gets: PATH, HOME, LANG, LC_*, TZ, TMPDIR.
#[must_use]
pub fn inherited_env() -> BTreeMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_")))
        .collect()
}
