//! Images for releases that run in containers: built on a host, or here and sent there without a registry.
//!
//! An image is named `localhost/cgo/APP:RELEASE`, so that no engine ever asks a registry for it, and labelled with the
//! application, its environment and the release. [`build`] makes one, [`send`] brings one that was built here to a host
//! and sends only layers the host lacks, [`Engine::remove`] takes away those that release manifests name, and nothing else: no
//! pruning, ever.

mod archive;
pub mod build;
mod error;
pub mod platform;
pub mod send;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::elevate::elevated;
use super::host::{Answer, Host, Script, failed};
use crate::domain::host::Rights;
use crate::domain::ids::ReleaseId;
use crate::domain::names::ProjectName;
pub use error::Error;

const INSPECT: &str = include_str!("inspect.sh");
const GC: &str = include_str!("gc.sh");

/// What the scripts end with; see their text.
mod code {
    pub const NO_ENGINE: i32 = 64;
    pub const SILENT: i32 = 65;
    pub const NOT_BUILT: i32 = 70;
    pub const REJECTED: i32 = 71;
    pub const NOT_IN_TIME: i32 = 72;
}

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Docker Engine.
    Docker,
    /// Podman.
    Podman,
}

impl Sort {
    /// Its program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// The container engine of a host.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    /// The host.
    pub host: &'a dyn Host,
    /// Which engine it is.
    pub sort: Sort,
    /// What the account may do there; with sudo the engine is asked as root.
    pub rights: Rights,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name.
    pub reference: String,
    /// Its id, `sha256:…`.
    pub id: String,
    /// What machines it is for, as engines spell it: `amd64`, `arm64`.
    pub arch: String,
    /// Its size in bytes, shared layers included.
    pub size: u64,
    /// Its layers, lowest first, by the checksums of their unpacked content.
    pub layers: Vec<String>,
}

/// The name of a release's image.
#[must_use]
pub fn reference(app: &ProjectName, release: &ReleaseId) -> String {
    format!("localhost/cgo/{app}:{release}")
}

/// Whether an image is for a host: `image` is its architecture as engines spell it, `kernel` the host's as kernels do.
///
/// # Errors
/// [`Error::Architecture`].
pub fn check_arch(image: &str, kernel: &str, host: &str) -> Result<(), Error> {
    let server = engine_arch(kernel);
    if image == server {
        return Ok(());
    }
    Err(Error::Architecture { image: image.to_owned(), server: server.to_owned(), host: host.to_owned() })
}

/// A kernel's word for an architecture as engines spell it.
#[must_use]
pub fn engine_arch(kernel: &str) -> &str {
    match kernel {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm",
        other => other,
    }
}

/// An image that a release manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// The images without a name that its build left on the host ([`build::Built::made`]).
    pub made: Vec<String>,
}

/// What became of an image that was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It is gone.
    Removed,
    /// It was not there.
    Absent,
    /// Its name means another image by now; that one stays.
    Other,
    /// A container uses it; it stays.
    Used,
}

impl Engine<'_> {
    /// The image of that name; none where there is none.
    ///
    /// # Errors
    /// [`Error::NoEngine`], and what a host fails with.
    pub async fn inspect(&self, reference: &str, cancel: &CancellationToken) -> Result<Option<Image>, Error> {
        const WHAT: &str = "look at an image";
        let script = self.script(WHAT, INSPECT).arg(reference).harmless();
        let answer = self.host.run(&script, cancel).await?;
        if answer.code != 0 {
            return Err(self.error(WHAT, &answer));
        }
        Ok(read_image(reference, &answer.text()))
    }

    /// Removes images that release manifests name. One that is in use stays, as does whatever is not named. May be
    /// repeated. What became of each, in order.
    ///
    /// # Errors
    /// [`Error::NoEngine`], and what a host fails with.
    pub async fn remove(&self, listed: &[Listed], cancel: &CancellationToken) -> Result<Vec<Gone>, Error> {
        const WHAT: &str = "remove images";
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let args = listed.iter().flat_map(|one| [one.reference.clone(), one.id.clone(), one.made.join(" ")]);
        let script = elevated(self.rights, WHAT, &[GC, "forget_images \"$@\""])
            .arg(self.sort.program())
            .args(args)
            .deadline(Duration::from_mins(10))
            .harmless();
        let answer = self.host.run(&script, cancel).await?;
        if answer.code != 0 {
            return Err(self.error(WHAT, &answer));
        }
        let text = answer.text();
        let said = |one: &Listed| {
            text.lines().find_map(|line| line.split_once(' ').filter(|(_, name)| *name == one.reference))
        };
        listed
            .iter()
            .map(|one| match said(one).map(|(word, _)| word) {
                Some("removed") => Ok(Gone::Removed),
                Some("absent") => Ok(Gone::Absent),
                Some("other") => Ok(Gone::Other),
                Some("used") => Ok(Gone::Used),
                _ => {
                    let reason = format!("nothing about `{}`", one.reference);
                    Err(super::host::Error::Strange { host: self.host.name().to_owned(), what: WHAT, reason }.into())
                }
            })
            .collect()
    }

    /// A script whose first argument is the engine.
    fn script(&self, what: &'static str, text: &'static str) -> Script {
        elevated(self.rights, what, &[text]).arg(self.sort.program())
    }

    fn error(&self, what: &'static str, answer: &Answer) -> Error {
        let (host, engine) = (self.host.name().to_owned(), self.sort.program());
        match answer.code {
            code::NO_ENGINE => Error::NoEngine { host, engine, evidence: Vec::new() },
            code::SILENT => {
                let mut evidence = answer.stderr.last_lines(5);
                if evidence.is_empty() {
                    evidence.push("it says nothing".to_owned());
                }
                Error::NoEngine { host, engine, evidence }
            }
            code => match failed(&host, what, code, &answer.stderr) {
                super::host::Error::Failed { evidence, .. } if code == code::REJECTED => {
                    Error::Rejected { host, engine, evidence }
                }
                other => other.into(),
            },
        }
    }
}

/// Reads `ID ARCH SIZE LAYER…`.
fn read_image(reference: &str, line: &str) -> Option<Image> {
    let mut words = line.split_whitespace();
    let id = words.next()?;
    let (arch, size) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
    let id = if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") };
    Some(Image { reference: reference.to_owned(), id, arch, size, layers: words.map(str::to_owned).collect() })
}
