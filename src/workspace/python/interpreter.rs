//! Finding a Python that can make environments, and something to install packages with.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{self, Command};

/// The names tried, in this order, after the one the user chose.
const CANDIDATES: [&str; 7] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
/// How long an interpreter may take to say what it is.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long an answer stands.
const STANDS: Duration = Duration::from_mins(1);
/// Runs on every Python since 2.6, so that one that is too old can say so.
const QUESTION: &str = r#"
import sys
lines = ["cgo", "%d.%d.%d" % tuple(sys.version_info[:3]), getattr(sys, "_base_executable", None) or sys.executable or ""]
if sys.version_info >= (3, 10):
    import sysconfig
    from importlib.util import find_spec
    lines += [
        sys.implementation.name,
        sys.implementation.cache_tag or "none",
        str(sysconfig.get_config_var("SOABI")),
        sysconfig.get_platform(),
        str(find_spec("venv") is not None and find_spec("ensurepip") is not None),
    ]
sys.stdout.write("\n".join(lines) + "\n")
"#;

/// A version of Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The oldest that generated projects run on.
    pub const NEEDED: Self = Self(3, 10, 0);

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let version = Self(parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A Python that was asked what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The program itself: not a shim, not the one of an environment.
    pub executable: PathBuf,
    /// Its version.
    pub version: Version,
    /// `cpython`, `pypy`, …
    pub implementation: String,
    /// What compiled files and extension modules are tagged with; together with the version it says which packages
    /// fit, wherever the interpreter is.
    pub tag: String,
    /// Operating system and machine, such as `linux-x86_64`.
    pub platform: String,
    /// Whether its `venv` module can make an environment with pip in it.
    pub makes_environments: bool,
}

/// What installs packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Installer {
    /// The `uv` program at this path.
    Uv(PathBuf),
    /// The interpreter's own `venv` and `pip`.
    Pip,
}

impl Installer {
    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uv(_) => "uv",
            Self::Pip => "pip",
        }
    }
}

/// Where to look for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Folders, separated by `:`.
    pub path: OsString,
    /// The interpreter the user chose, by name or path; then no other is taken.
    pub chosen: Option<OsString>,
}

impl Search {
    /// The variables `PATH` and `CGO_PYTHON`.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            chosen: std::env::var_os("CGO_PYTHON").filter(|value| !value.is_empty()),
        }
    }

    /// The program of that name, or at that path.
    #[must_use]
    pub fn program(&self, name: &Path) -> Option<PathBuf> {
        let executable = |path: &PathBuf| {
            path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        if name.components().count() > 1 {
            return Some(name.to_owned()).filter(executable);
        }
        std::env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(executable)
    }
}

/// An interpreter and what installs packages for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The interpreter.
    pub interpreter: Interpreter,
    /// The installer.
    pub installer: Installer,
}

impl Toolchain {
    /// The machine's, as [`Search::from_env`] finds it. What was found within the last minute stands: a shim takes a
    /// quarter of a second to answer, and a run asks three times.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub async fn of_machine(cancel: &CancellationToken) -> Result<Self, Error> {
        static FOUND: Mutex<Option<(Instant, Search, Toolchain)>> = Mutex::new(None);
        let search = Search::from_env();
        let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, how, toolchain)) = found
            && at.elapsed() < STANDS
            && how == search
        {
            return Ok(toolchain);
        }
        let toolchain = Self::find(&search, cancel).await?;
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), search, toolchain.clone()));
        Ok(toolchain)
    }

    /// Finds the first interpreter that is new enough and can make environments.
    ///
    /// # Errors
    /// [`Error::NoInterpreter`], [`Error::TooOld`], [`Error::NoVenv`], [`Error::Chosen`], [`Error::Interrupted`].
    pub async fn find(search: &Search, cancel: &CancellationToken) -> Result<Self, Error> {
        let installer = search.program(Path::new("uv")).map_or(Installer::Pip, Installer::Uv);
        let fits = |interpreter: &Interpreter| interpreter.makes_environments || installer != Installer::Pip;
        if let Some(chosen) = &search.chosen {
            let refused = |reason| Error::Chosen { chosen: chosen.to_string_lossy().into_owned(), reason };
            let path =
                search.program(Path::new(chosen)).ok_or_else(|| refused("there is no such program".to_owned()))?;
            return match ask(&path, &search.path, cancel).await? {
                Answer::Fits(interpreter) if fits(&interpreter) => Ok(Self { interpreter, installer }),
                Answer::Fits(interpreter) => {
                    Err(Error::NoVenv { executable: interpreter.executable, version: interpreter.version })
                }
                Answer::TooOld(version) => Err(Error::TooOld { found: vec![(path, version)] }),
                Answer::Broken(reason) => Err(refused(reason)),
            };
        }
        let (mut seen, mut without_venv, mut too_old) = (BTreeSet::new(), None, Vec::new());
        for name in CANDIDATES {
            let Some(path) = search.program(Path::new(name)) else { continue };
            if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) && !is_shim(&path) {
                continue;
            }
            match ask(&path, &search.path, cancel).await? {
                Answer::Fits(interpreter) if fits(&interpreter) => return Ok(Self { interpreter, installer }),
                Answer::Fits(interpreter) => {
                    without_venv.get_or_insert((interpreter.executable, interpreter.version));
                }
                Answer::TooOld(version) => too_old.push((path, version)),
                Answer::Broken(_) => {}
            }
        }
        match without_venv {
            Some((executable, version)) => Err(Error::NoVenv { executable, version }),
            None if too_old.is_empty() => Err(Error::NoInterpreter),
            None => Err(Error::TooOld { found: too_old }),
        }
    }
}

/// One script may stand under many names and start another interpreter for each.
fn is_shim(path: &Path) -> bool {
    use std::io::Read as _;
    let mut beginning = [0_u8; 2];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok() && &beginning == b"#!"
}

enum Answer {
    Fits(Interpreter),
    TooOld(Version),
    Broken(String),
}

async fn ask(path: &Path, search_path: &OsString, cancel: &CancellationToken) -> Result<Answer, Error> {
    let command = Command::new(path)
        .args(["-E", "-s", "-B", "-c", QUESTION])
        .directory("/")
        .env("PATH", search_path)
        .deadline(DEADLINE);
    let output = match exec::run_ok(&command, cancel).await {
        Ok(output) => output,
        Err(exec::Error::Cancelled { .. }) => return Err(Error::Interrupted),
        Err(exec::Error::Failed { exit, evidence, .. }) => {
            let last = evidence.last().map_or_else(|| exit.to_string(), Clone::clone);
            return Ok(Answer::Broken(last));
        }
        Err(error) => return Ok(Answer::Broken(error.to_string())),
    };
    let text = output.stdout.text();
    Ok(parse(&text).unwrap_or_else(|| Answer::Broken("it does not answer like a Python".to_owned())))
}

fn parse(text: &str) -> Option<Answer> {
    // A wrapper may greet before the interpreter speaks.
    let mut lines = text.lines().skip_while(|line| *line != "cgo").skip(1);
    let version = Version::parse(lines.next()?)?;
    let executable = PathBuf::from(lines.next()?);
    if version < Version::NEEDED {
        return Some(Answer::TooOld(version));
    }
    if !executable.is_absolute() {
        return Some(Answer::Broken("it does not know where it is".to_owned()));
    }
    let implementation = lines.next()?.to_owned();
    let tag = format!("{}+{}", lines.next()?, lines.next()?);
    let platform = lines.next()?.to_owned();
    let makes_environments = lines.next()? == "True";
    Some(Answer::Fits(Interpreter { executable, version, implementation, tag, platform, makes_environments }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Path, name: &str, body: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that answers as a Python of that version would.
    fn fake(folder: &Path, name: &str, version: &str, venv: &str) {
        let says =
            format!("cgo\\n{version}\\n/opt/{name}/bin/python\\ncpython\\ncpython-3\\nabi\\nlinux-x86_64\\n{venv}\\n");
        script(folder, name, &format!("printf '{says}'"));
    }

    async fn find(folder: &Path, chosen: Option<&str>) -> Result<Toolchain, Error> {
        let search = Search { path: folder.into(), chosen: chosen.map(Into::into) };
        Toolchain::find(&search, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn an_empty_path_holds_no_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(find(folder.path(), None).await, Err(Error::NoInterpreter)));
    }

    #[tokio::test]
    async fn old_interpreters_are_passed_over_and_named_when_there_is_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.9.18", "True");
        fake(folder.path(), "python", "2.7.18", "True");
        let error = find(folder.path(), None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("3.9.18") && text.contains("2.7.18") && text.contains("/python3"), "{text}");
        fake(folder.path(), "python3.12", "3.12.1", "True");
        let found = find(folder.path(), None).await.unwrap();
        assert_eq!(found.interpreter.version, Version(3, 12, 1));
        assert_eq!(found.installer, Installer::Pip);
    }

    #[tokio::test]
    async fn an_interpreter_without_venv_will_do_only_beside_uv() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.11.2", "False");
        assert!(matches!(find(folder.path(), None).await, Err(Error::NoVenv { .. })));
        script(folder.path(), "uv", "exit 0");
        let found = find(folder.path(), None).await.unwrap();
        assert_eq!(found.installer, Installer::Uv(folder.path().join("uv")));
    }

    #[tokio::test]
    async fn the_chosen_one_is_taken_or_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "python3", "3.12.0", "True");
        fake(folder.path(), "mine", "3.10.4", "True");
        script(folder.path(), "broken", "echo 'cannot load library' >&2; exit 3");
        assert_eq!(find(folder.path(), Some("mine")).await.unwrap().interpreter.version, Version(3, 10, 4));
        let broken = find(folder.path(), Some("broken")).await.unwrap_err().to_string();
        assert!(broken.contains("cannot load library"), "{broken}");
        let missing = find(folder.path(), Some("/nowhere/python")).await.unwrap_err().to_string();
        assert!(missing.contains("/nowhere/python"), "{missing}");
    }

    #[tokio::test]
    async fn a_real_python_says_what_it_is() {
        let found = Toolchain::find(&Search::from_env(), &CancellationToken::new()).await;
        let Ok(found) = found else {
            assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "no Python: {found:?}");
            println!("skipped: no suitable Python on this machine");
            return;
        };
        assert!(found.interpreter.executable.is_file());
        assert!(found.interpreter.version >= Version::NEEDED);
    }
}
