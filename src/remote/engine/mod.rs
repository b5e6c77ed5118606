//! The deploy engine: a release on a host beside the one that serves, and visitors sent to it without losing any.
//!
//! The work is done on the host, by shell scripts (`sh/`) that run detached: whatever becomes of cgo or the connection,
//! a [`phase`] that was begun ends, in success or undone, and says how. [`plan`] is what it is given, [`survey`] a look
//! at how things stand, [`operate`] the short works of an operator, [`mod@exec`] a command of theirs, [`audit`] what the
//! host wrote down of all that. What runs a release is the driver's business.
//!
//! Who may change an application is decided on its host: a lease with a fence, by the host's own clock. What serves is
//! decided by files on its disk, which Caddy looks at for each request, so that a reboot changes nothing about it.

pub mod audit;
mod error;
pub mod exec;
pub mod operate;
pub mod phase;
pub mod plan;
mod report;
mod shell;
pub mod survey;

use super::drivers;
use super::host::{Host, Script, WITHIN};
use crate::domain::deployment::Driver;
use crate::domain::names::ProjectName;
pub use error::Error;
pub use report::{Gate, Held, Report};

/// What every script begins with.
const HEAD: &str = "root=$1 app=$2 op=$3 KEEPER=$5 wanted=$6\n";
const BASE: &str = include_str!("sh/base.sh");

/// One application on one host.
#[derive(Clone, Copy)]
pub struct App<'a> {
    /// The host.
    pub host: &'a dyn Host,
    /// The folder of cgo on the host, absolute.
    pub root: &'a str,
    /// The project.
    pub name: &'a ProjectName,
    /// What is to run its releases; none for what it was deployed with, else for what the host has.
    pub driver: Option<Driver>,
}

impl App<'_> {
    /// A script of the engine: `main` after everything it may call. Its arguments are the root, the application, the
    /// operation, `word`, what keeps a process, and the driver.
    fn script(&self, what: &'static str, main: &'static str, parts: &[&'static str], op: &str, word: &str) -> Script {
        let mut script = Script::new(what, main);
        for part in parts.iter().rev() {
            script = script.with(part);
        }
        script.with(drivers::FUNCTIONS).with(WITHIN).with(BASE).with(HEAD).args([
            self.root.to_owned(),
            self.name.to_string(),
            op.to_owned(),
            word.to_owned(),
            drivers::KEEPER.to_owned(),
            self.driver.map_or(String::new(), |driver| driver.as_str().to_owned()),
        ])
    }

    /// The application's folder on the host.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}/apps/{}/production", self.root, self.name)
    }
}
