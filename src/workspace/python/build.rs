//! Installing what a lock file pins into a new environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::failure::{Attempt, classify};
use super::redact::{redact, secrets};
use super::{Error, Installer, Limits, Toolchain};
use crate::exec::{self, Command, Output, Stream};

/// The name of every environment in the cache; a copy gets the name of its project.
pub(super) const PROMPT: &str = "cgo-environment";
/// The longest log of pip that is read, in bytes, from its end.
const LOG_LIMIT: usize = 1024 * 1024;

/// Has the interpreter's own pip (22.3 or newer) unpack the pip of `ensurepip` into the environment at `argv[1]`. Its
/// modules are compiled when they are used.
const PUT_PIP: &str = r#"
import ensurepip, os, runpy, sys, sysconfig
bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
folders = [folder for folder in (sysconfig.get_config_var("WHEEL_PKG_DIR"), bundled) if folder and os.path.isdir(folder)]
sys.argv = ["pip", "--isolated", "--disable-pip-version-check", "--python", sys.argv[1], "install", "--quiet"]
sys.argv += ["--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--no-input"]
for folder in folders:
    sys.argv += ["--find-links", folder]
sys.argv += ["pip"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"#;

/// Variables that belong to installers, mirrors, proxies and certificates.
const PREFIXES: [&str; 2] = ["PIP_", "UV_"];
const NAMES: [&str; 16] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSL_CLIENT_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
];
/// Variables that would put the packages somewhere else, install others, or change what the installer says.
const REFUSED: [&str; 24] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_PYTHON",
    "PIP_DRY_RUN",
    "PIP_REQUIREMENT",
    "PIP_EDITABLE",
    "PIP_NO_DEPS",
    "PIP_NO_COMPILE",
    "PIP_LOG",
    "PIP_LOG_FILE",
    "PIP_QUIET",
    "PIP_VERBOSE",
    "PIP_REPORT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_WORKING_DIRECTORY",
    "UV_LINK_MODE",
    "UV_NO_VERIFY_HASHES",
    "UV_LOG_CONTEXT",
];

/// The part of cgo's own environment that an installer gets beside the usual.
#[must_use]
pub(super) fn installer_env() -> BTreeMap<OsString, OsString> {
    let fits = |name: &str| {
        NAMES.contains(&name) || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !REFUSED.contains(&name))
    };
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(fits)).collect()
}

/// One installation.
pub(super) struct Build<'a> {
    pub toolchain: &'a Toolchain,
    /// What is installed, unless it is there already.
    pub lock: &'a Path,
    /// The environment to be made, or to be added to.
    pub folder: &'a Path,
    pub env: &'a BTreeMap<OsString, OsString>,
    pub limits: &'a Limits,
    pub cancel: &'a CancellationToken,
}

impl Build<'_> {
    /// Makes the environment and installs into it, again after a passing failure of the network.
    pub(super) async fn run(&self, say: &mut (dyn FnMut(&str) + Send)) -> Result<(), Error> {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let left = self.limits.deadline.saturating_sub(begun.elapsed());
            let error = match self.attempt(left, say).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let error = match error {
                Error::NoNetwork { cause, .. } => Error::NoNetwork { cause, tries },
                other => other,
            };
            if !error.is_passing() || tries >= self.limits.tries {
                return Err(error);
            }
            let pause = self.limits.pause * 2_u32.saturating_pow(tries - 1);
            let pause = pause.mul_f64(rand::Rng::random_range(&mut rand::rng(), 0.5..1.5));
            if begun.elapsed() + pause >= self.limits.deadline {
                return Err(error);
            }
            say(&format!("{error}; trying again in {:.0} s", pause.as_secs_f32().ceil()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => return Err(Error::Interrupted),
            }
        }
    }

    async fn attempt(&self, left: Duration, say: &mut (dyn FnMut(&str) + Send)) -> Result<(), Error> {
        let begun = Instant::now();
        let python = self.folder.join("bin/python");
        let exists = python.exists();
        let interpreter = &self.toolchain.interpreter.executable;
        match &self.toolchain.installer {
            Installer::Uv(uv) => {
                if !exists {
                    let venv = self.command(uv, left).arg("venv").args(["--no-project", "--quiet", "--allow-existing"]);
                    let venv = venv.args(["--no-python-downloads", "--prompt", PROMPT, "--python"]);
                    self.finish("uv", &venv.arg(interpreter).arg(self.folder), None, say).await?;
                }
                let install = self
                    .command(uv, left.saturating_sub(begun.elapsed()))
                    .args(["pip", "install", "--require-hashes", "--verify-hashes", "--compile-bytecode"])
                    .args(["--no-progress", "--color", "never", "--link-mode", "hardlink", "--no-python-downloads"])
                    .arg("--python")
                    .arg(&python);
                self.finish("uv", &install.arg("-r").arg(self.lock), None, say).await
            }
            Installer::Pip => {
                if !exists {
                    self.environment_with_pip(interpreter, left, say).await?;
                }
                let install = || {
                    self.command(&python, left.saturating_sub(begun.elapsed()))
                        .args(["-m", "pip", "install", "--require-hashes", "--no-input", "--disable-pip-version-check"])
                        .args(["--no-color", "--progress-bar", "off", "-r"])
                        .arg(self.lock)
                };
                match self.finish("pip", &install(), None, say).await {
                    // Only its log tells an index that cannot be reached from a package that is not there; but a log
                    // has a line for every file of the index, and to write it takes a third of the time.
                    Err(Error::NoMatch { .. } | Error::Installer { .. }) => {}
                    other => return other,
                }
                let log = self.folder.join("cgo-pip.log");
                let result = self.finish("pip", &install().arg("--log").arg(&log), Some(&log), say).await;
                let removed = fs::remove_file(&log);
                result.and_then(|()| removed.map_err(|source| Error::io("remove", &log, source)))
            }
        }
    }

    /// Makes an environment that has pip. Where the interpreter has a pip of its own, that one unpacks the pip which
    /// comes with `ensurepip`; to have `ensurepip` do it takes five times as long.
    async fn environment_with_pip(
        &self,
        interpreter: &Path,
        left: Duration,
        say: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let begun = Instant::now();
        let venv = |left| self.command(interpreter, left).args(["-m", "venv", "--prompt", PROMPT]).arg(self.folder);
        self.finish("venv", &venv(left).arg("--without-pip"), None, say).await?;
        let pip =
            self.command(interpreter, left.saturating_sub(begun.elapsed())).args(["-c", PUT_PIP]).arg(self.folder);
        match self.finish("pip", &pip, None, &mut |_| ()).await {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Ok(()) if self.folder.join("bin/pip").exists() => return Ok(()),
            // There is no pip, an old one, or one without its wheel: that is what `ensurepip` is for.
            Ok(()) | Err(_) => {}
        }
        self.finish("venv", &venv(left.saturating_sub(begun.elapsed())), None, say).await
    }

    fn command(&self, program: &Path, left: Duration) -> Command {
        // cgo tries again itself, and visibly; the installers need not be patient too.
        let mut command =
            Command::new(program).directory("/").deadline(left).env("PIP_RETRIES", "1").env("UV_HTTP_RETRIES", "1");
        for (name, value) in self.env {
            command = command.env(name, value);
        }
        command.env("PYTHONNOUSERSITE", "1").env("NO_COLOR", "1")
    }

    async fn finish(
        &self,
        installer: &'static str,
        command: &Command,
        log: Option<&Path>,
        say: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let secrets = secrets(self.env);
        let mut on_line = |_: Stream, line: &str| say(&redact(line, &secrets));
        let output: Output = match exec::run_with(command, self.cancel, &mut on_line).await {
            Ok(output) if output.exit.success() => return Ok(()),
            Ok(output) => output,
            Err(exec::Error::Cancelled { .. }) => return Err(Error::Interrupted),
            Err(exec::Error::Deadline { .. }) => return Err(Error::TimedOut { after: self.limits.deadline }),
            Err(source) => return Err(Error::Exec { program: installer, source }),
        };
        let log = log.and_then(|log| fs::read(log).ok()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_LIMIT)..]).into_owned();
        // Standard error comes last, because the evidence of an unknown failure is taken from the end.
        let words = format!("{log}\n{}\n{}", output.stdout.text(), output.stderr.text());
        let attempt =
            Attempt { installer, exit: output.exit, interpreter: &self.toolchain.interpreter, folder: self.folder };
        Err(classify(&redact(&words, &secrets), &attempt))
    }
}
