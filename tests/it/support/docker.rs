//! The Docker engine of this machine, and a base image with Python made from Debian's packages: no image registry is
//! asked.
//!
//! Where no engine answers, tests that need one say so and are skipped; with `CGO_TEST_REQUIRE_ALL=1` they fail. The
//! base image stays in the engine, tagged, so that only the first run makes it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use super::base::{self, SUITE, done};

/// What the machine's builds may need to reach packages. Docker takes the values from its environment.
const PASSED_ON: [&str; 4] = ["PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// An engine that answers, with the base image in it.
pub struct Docker {
    base: String,
}

/// A container, or a volume, which goes with its owner.
pub struct Owned {
    kind: &'static str,
    pub name: String,
}

impl Docker {
    /// The engine that the tests of this process share; none where none answers, or where the base image cannot be
    /// made.
    ///
    /// # Panics
    /// When something is missing and `CGO_TEST_REQUIRE_ALL=1`, or the base image cannot be built.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Docker, String>> = OnceLock::new();
        match SHARED.get_or_init(Self::find) {
            Ok(docker) => Some(docker),
            Err(missing) => {
                let why = format!("skipped: {missing}");
                assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none_or(|value| value != "1"), "{why}");
                // Straight to the terminal: the test harness keeps back what a passing test prints.
                let _ = writeln!(std::io::stderr(), "{why}");
                None
            }
        }
    }

    fn find() -> Result<Self, String> {
        let answers = |arguments: &[&str]| {
            let ran = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
            ran.is_ok_and(|output| output.status.success())
        };
        if !answers(&["version"]) {
            return Err("no Docker engine answers (Debian: apt-get install docker.io)".to_owned());
        }
        let base = format!("cgo-test-base:{SUITE}");
        if !answers(&["image", "inspect", &base]) {
            make_base(&base::archive()?, &base);
        }
        Ok(Self { base })
    }

    /// The name of the base image.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Builds an image from a project's folder by its own Dockerfile, tags it, and returns its id.
    pub fn build(&self, project: &Path, release: &str, tag: &str) -> String {
        let mut command = Command::new("docker");
        command.args(["build", "--quiet", "--file"]).arg(project.join("services/backend/Dockerfile"));
        command.args(["--build-arg", &format!("BASE_IMAGE={}", self.base), "--tag", tag]);
        command.args(["--build-arg", &format!("RELEASE={release}")]);
        for name in PASSED_ON.iter().filter(|name| std::env::var_os(name).is_some()) {
            command.args(["--build-arg", name]);
        }
        done(command.arg(project))
    }

    /// Runs a command of the client to its end; it must succeed. What it printed, without the last newline.
    #[expect(clippy::unused_self, reason = "that there is one says that an engine answers")]
    pub fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        done(Command::new("docker").args(arguments))
    }

    /// Runs a command of the client to its end.
    #[expect(clippy::unused_self, reason = "that there is one says that an engine answers")]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("the client starts")
    }

    /// An empty volume.
    pub fn volume(&self) -> Owned {
        Owned { kind: "volume", name: self.ok(["volume", "create"]) }
    }

    /// Starts a container in the background with these arguments of `docker run`.
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Owned {
        let head = ["run", "--detach"].map(|word| AsRef::<OsStr>::as_ref(word).to_owned());
        let rest = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
        Owned { kind: "container", name: self.ok(head.into_iter().chain(rest)) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = Command::new("docker").args([self.kind, "rm", "--force", &self.name]).output();
    }
}

/// Makes the base image: Debian's smallest system, Python, and the authorities this machine trusts.
fn make_base(archive: &Path, tag: &str) {
    done(Command::new("docker").arg("import").arg(archive).arg(tag));
}
