//! Who writes the code of a task: cgo's own tool loop or an agent of somebody else, each behind the same walls.
//!
//! [`Coders`] says which backend a run uses and whether this machine has it. [`attempt`] lets one work on one task in
//! a worktree and believes nothing but the commit and the project's checks; [`merge`] brings commits together, [`external`] pays for agents that are
//! programs of their own, [`native`] lends cgo's loop the developer's model, [`needs`] finds what a program is made of,
//! and [`walls`] runs the project's checks where the code was written, which nobody trusts for being merged.

pub mod attempt;
pub mod external;
pub mod merge;
pub mod native;
pub mod needs;
pub mod walls;

use tokio_util::sync::CancellationToken;

use crate::coder::adapters::{self, Adapter, Installed};
use crate::coder::sandbox::{self, Holder, Mode, Sandbox};
use crate::domain::coder::{Coder, CoderChoice, Walls};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::provider::Wire;
use crate::exec;
use crate::ops::{self, doctor::Check};

use super::models::Variable;

/// The backends, and which of them is meant when a command does not say.
#[derive(Debug, Clone, Copy)]
pub struct Coders {
    settings: CoderChoice,
    /// How many tasks are worked on at once.
    pub at_once: usize,
    /// Reads the key of an endpoint for the metering proxy.
    pub variable: Variable,
}

/// Why a backend cannot work here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its program is missing.
    #[error("coding agent `{coder}` is not installed: there is no program `{program}`")]
    NotInstalled {
        /// The backend.
        coder: Coder,
        /// Its program.
        program: &'static str,
    },
    /// Its program does not say what it is.
    #[error("coding agent `{coder}` does not start")]
    Broken {
        /// The backend.
        coder: Coder,
        /// Why.
        #[source]
        source: exec::Error,
    },
    /// It would have no model.
    #[error("coding agent `{coder}` needs a model, and provider `{provider}` has none it can reach")]
    NoModel {
        /// The backend.
        coder: Coder,
        /// The provider.
        provider: String,
    },
    /// It cannot speak to the model.
    #[error("coding agent `{coder}` cannot use provider `{provider}`: it speaks {speaks}")]
    Protocol {
        /// The backend.
        coder: Coder,
        /// The provider.
        provider: String,
        /// What the agent speaks.
        speaks: &'static str,
    },
    /// There are no walls.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotInstalled { .. } => Kind::Preflight,
            Self::Broken { .. } | Self::NoModel { .. } | Self::Protocol { .. } => Kind::User,
            Self::Sandbox(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::NotInstalled { coder, .. } => Some(Advice::Do(format!(
                "{}, or choose another with --coder (native needs no program)",
                install(*coder)
            ))),
            Self::Broken { coder, .. } => Some(Advice::Run(format!("{} --version", coder.as_str()))),
            Self::NoModel { .. } => {
                Some(Advice::Do("choose one with --provider (and --model), or --coder none".to_owned()))
            }
            Self::Protocol { .. } => Some(Advice::Do(
                "choose a provider of that protocol with --provider (and --model), or another agent with --coder"
                    .to_owned(),
            )),
            Self::Sandbox(error) => error.advice(),
        }
    }
}

/// How a backend is installed.
fn install(coder: Coder) -> &'static str {
    match coder {
        Coder::Claude => "run `npm install -g @anthropic-ai/claude-code`",
        Coder::Codex => "run `npm install -g @openai/codex`",
        Coder::Opencode => "run `npm install -g opencode-ai`",
        Coder::Aider => "run `pipx install aider-chat`",
        Coder::Goose => "install goose as its documentation says",
        Coder::Droid => "install droid as its documentation says",
        Coder::Native | Coder::None => "nothing has to be installed",
    }
}

impl Coders {
    /// The backends with the settings' choice.
    #[must_use]
    pub fn new(settings: CoderChoice, at_once: usize, variable: Variable) -> Self {
        Self { settings, at_once: at_once.max(1), variable }
    }

    /// The backend and the walls of a run with that choice.
    #[must_use]
    pub fn of(&self, run: CoderChoice) -> (Coder, Walls) {
        (
            run.coder.or(self.settings.coder).unwrap_or_default(),
            run.sandbox.or(self.settings.sandbox).unwrap_or_default(),
        )
    }

    /// Refuses a choice that could not write code on this machine. `provider` answers for the developer; what it speaks
    /// where it is asked over the network.
    ///
    /// # Errors
    /// [`Error`] with what mends it.
    pub async fn check(
        &self,
        run: CoderChoice,
        provider: &str,
        wire: Option<Wire>,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let (coder, walls) = self.of(run);
        if coder.is_external() && wire.is_none() {
            return Err(Error::NoModel { coder, provider: provider.to_owned() });
        }
        if let Some(adapter) = adapter(coder) {
            if wire.is_some_and(|wire| wire != adapter.wire()) {
                let (provider, speaks) = (provider.to_owned(), adapter.wire().title());
                return Err(Error::Protocol { coder, provider, speaks });
            }
            adapters::detect(adapter, cancel).await.map_err(|source| match source {
                exec::Error::NotFound { .. } => Error::NotInstalled { coder, program: adapter.program() },
                source => Error::Broken { coder, source },
            })?;
        }
        if wire.is_some() && coder != Coder::None {
            Sandbox::open(mode(walls), cancel).await?;
        }
        Ok(())
    }
}

/// The sandbox and the coding agents of this machine, for `cgo doctor`. A project can do without any of them.
pub async fn look(cancel: &CancellationToken) -> Vec<Check> {
    let mut checks = vec![match sandbox::check(cancel).await {
        Ok(found) => {
            let held = |holder| match holder {
                Holder::Cgroup => "a control group",
                Holder::Rlimit => "a limit of the user",
                Holder::Watched => "cgo's own look",
            };
            let limits = format!("processes held by {}, memory by {}", held(found.processes), held(found.memory));
            Check::optional("sandbox", true, format!("{}; {limits}", found.version), None)
        }
        Err(error) => Check::optional("sandbox", false, ops::explain(&error), error.advice()),
    }];
    let programs = Coder::ALL.into_iter().filter_map(|coder| adapter(coder).map(|adapter| (coder, adapter)));
    let asked = programs.map(|(coder, adapter)| async move { (coder, adapters::detect(adapter, cancel).await) });
    for (coder, found) in futures_util::future::join_all(asked).await {
        let name = format!("coder {coder}");
        checks.push(match found {
            Ok(installed) if installed.is_checked() => Check::optional(&name, true, installed.version, None),
            Ok(Installed { version, checked_against }) => {
                Check::optional(&name, true, format!("{version}; cgo was checked against {checked_against}"), None)
            }
            Err(exec::Error::NotFound { .. }) => {
                Check::optional(&name, false, "not installed", Some(Advice::Do(install(coder).to_owned())))
            }
            Err(error) => Check::optional(&name, false, ops::explain(&error), None),
        });
    }
    checks
}

/// The program behind a backend; none for those that are no program.
#[must_use]
pub fn adapter(coder: Coder) -> Option<&'static dyn Adapter> {
    coder.is_external().then(|| adapters::by_name(coder.as_str())).flatten()
}

fn mode(walls: Walls) -> Mode {
    match walls {
        Walls::Bubblewrap => Mode::Bubblewrap,
        Walls::Off => Mode::Off,
    }
}
