//! Setting up a server: looking how it stands, showing that, and bringing about what is missing.
//!
//! [`prepare`] asks in one round trip and changes nothing; [`apply::apply`] does what [`Prepared`] says, one detached step
//! on the host at a time, so that neither a lost connection nor a killed cgo leaves half a step. Attempts are counted in
//! the store; one that fails opens an incident. [`playbook`] has Ansible do it instead.

pub mod apply;
mod error;
mod keys;
pub mod playbook;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::check::{host_of, judge};
use super::{Context, by_handle};
use crate::domain::host::{Access, Destination, Facts};
use crate::domain::names::ServerName;
use crate::domain::server::{LOCAL, Server, ServerStatus};
use crate::domain::setup::{ACCOUNT, EngineChoice, SetupStep, Stand, Standing};
use crate::domain::user::Right;
use crate::ops::{self, users};
use crate::remote::host::{Host, facts};
use crate::remote::provision::{self, Plan, Setup, Survey};
use crate::store::{Servers as _, Setups as _};
pub use error::Error;

/// How often a server may fail to be set up in a row before a person has to look.
pub const ATTEMPTS: u32 = 3;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The server.
    pub name: ServerName,
    /// The container engine.
    pub engine: EngineChoice,
    /// The steps; none for all.
    pub steps: Vec<SetupStep>,
    /// A person has looked: attempts are counted anew.
    pub again: bool,
}

/// A server that was looked at, and what is to be done there.
pub struct Prepared {
    server: Server,
    access: Access,
    host: Box<dyn Host>,
    facts: Facts,
    setup: Setup,
    survey: Survey,
    plan: Plan,
    busy: Vec<String>,
    wish: Wish,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Planned {
    /// The step, or `access`: who deploys from now on.
    pub step: String,
    /// How it stands.
    pub state: Stand,
    /// Why, in one line.
    pub why: String,
    /// It is done when the plan is applied.
    pub chosen: bool,
}

/// Something that happens while a server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step, or a playbook's task, was begun.
    Began {
        /// Its name for people.
        words: String,
    },
    /// It wrote a line.
    Said {
        /// The line.
        line: String,
    },
    /// It ended.
    Ended {
        /// How it stands now; none when it failed.
        state: Option<Stand>,
        /// Why, in one line.
        why: String,
    },
}

/// Sees what happens.
pub type Watch<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// How the last attempt to set a server up went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastSetup {
    /// Attempts in a row that did not end well.
    pub attempts: u32,
    /// It is not known to have ended: it is under way, or was killed.
    pub open: bool,
    /// Why it failed, when it did.
    pub problem: Option<String>,
}

/// How the last attempt to set a server up went; none where there was none.
///
/// # Errors
/// When the store fails.
pub async fn last(context: &Context, server: &Server) -> Result<Option<LastSetup>, ops::Error> {
    let setup = context.store.setup_of(&server.id).await?;
    Ok(setup.map(|setup| LastSetup { attempts: setup.attempts, open: !setup.ended, problem: setup.problem }))
}

/// The server and how it is reached.
pub(super) async fn reached(context: &Context, name: &ServerName) -> Result<(Server, Access), ops::Error> {
    if name.as_str() == LOCAL {
        return Err(refused(Error::Local));
    }
    let server = by_handle(context, name.as_str()).await?;
    let access = context.store.accesses().await?.into_iter().find(|access| access.server == server.id);
    match access {
        Some(access) => Ok((server, access)),
        None => Err(refused(Error::Local)),
    }
}

fn refused(error: Error) -> ops::Error {
    super::Error::from(error).into()
}

fn unreached(error: crate::remote::host::Error) -> ops::Error {
    super::Error::from(error).into()
}

/// Looks at a server, side by side: at the machine, at each step, and at what earlier attempts left. Changes nothing.
///
/// # Errors
/// When the server is not there or not reached, its account may not become root, its disk takes nothing, its system is
/// another than Debian or Ubuntu, or something that was chosen cannot be brought about.
pub async fn prepare(context: &Context, wish: Wish, cancel: &CancellationToken) -> Result<Prepared, ops::Error> {
    users::require(context, Right::Administer, None)?;
    let (server, access) = reached(context, &wish.name).await?;
    let name = server.handle.clone();
    let host = host_of(&server, Some(&access));
    let mut setup = Setup { engine: wish.engine, keys: Vec::new() };
    if access.key.is_some() {
        setup.keys = keys::public(&name, &access, &[], cancel).await.map_err(refused)?;
    }
    let (look, survey, plan) = tokio::join!(
        facts::look(host.as_ref(), cancel),
        provision::survey(host.as_ref(), cancel),
        setup.plan(host.as_ref(), cancel),
    );
    let look = look.map_err(unreached)?;
    judge(&name, &look, false)?;
    let survey = survey.map_err(unreached)?;
    let mut plan = plan.map_err(unreached)?;
    if !plan.known {
        return Err(refused(Error::Unsupported { name, os: look.facts.os }));
    }
    if setup.keys.is_empty() {
        setup.keys = keys::public(&name, &access, &survey.keys, cancel).await.map_err(refused)?;
        plan = setup.plan(host.as_ref(), cancel).await.map_err(unreached)?;
    }
    let busy = provision::at_work(host.as_ref(), &survey.begun, cancel).await.map_err(unreached)?;
    let prepared = Prepared { server, access, host, facts: look.facts, setup, survey, plan, busy, wish };
    prepared.check()?;
    Ok(prepared)
}

impl Prepared {
    fn name(&self) -> &str {
        &self.server.handle
    }

    fn chooses(&self, step: SetupStep) -> bool {
        self.wish.steps.is_empty() || self.wish.steps.contains(&step)
    }

    fn state(&self, step: SetupStep) -> Option<Stand> {
        self.plan.steps.iter().find(|standing| standing.step == step).map(|standing| standing.state)
    }

    /// Steps that are to be done.
    fn needed(&self) -> Vec<SetupStep> {
        let needed = self.plan.steps.iter().filter(|standing| standing.state == Stand::Needed);
        needed.map(|standing| standing.step).filter(|step| self.chooses(*step)).collect()
    }

    /// Refuses what cannot be brought about before anything is.
    fn check(&self) -> Result<(), ops::Error> {
        for Standing { step, state, why } in &self.plan.steps {
            if *state == Stand::Blocked && self.chooses(*step) {
                return Err(refused(Error::Blocked { name: self.name().to_owned(), step: *step, why: why.clone() }));
            }
        }
        let needed = self.needed();
        let account = self.state(SetupStep::User) == Some(Stand::Done) || needed.contains(&SetupStep::User);
        if needed.contains(&SetupStep::Ssh) && !account {
            return Err(refused(Error::NeedsUser { name: self.name().to_owned() }));
        }
        Ok(())
    }

    /// Who is to log in once all is set up.
    fn deploys(&self) -> Destination {
        Destination { user: ACCOUNT.to_owned(), ..self.access.destination.clone() }
    }

    fn switches(&self) -> bool {
        self.access.destination.user != ACCOUNT && self.wish.steps.is_empty()
    }

    /// Applying it would change something on the server, or who logs in to it.
    #[must_use]
    pub fn changes(&self) -> bool {
        !self.needed().is_empty() || self.switches() || !self.busy.is_empty()
    }

    /// There is nothing to do on the server, and nothing to write down about it either.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let set_up = matches!(self.server.status, ServerStatus::Ready | ServerStatus::InUse);
        !self.changes() && (set_up || !self.wish.steps.is_empty())
    }

    /// The server's name.
    #[must_use]
    pub fn server(&self) -> &str {
        self.name()
    }

    /// What was found on the machine.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Steps of an earlier attempt that are at work there still.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// The plan, for people and for JSON.
    #[must_use]
    pub fn planned(&self) -> Vec<Planned> {
        let line = |Standing { step, state, why }: &Standing| Planned {
            step: step.to_string(),
            state: *state,
            why: why.clone(),
            chosen: *state == Stand::Needed && self.chooses(*step),
        };
        let mut lines: Vec<Planned> = self.plan.steps.iter().map(line).collect();
        let here = self.access.destination.user == ACCOUNT;
        lines.push(Planned {
            step: "access".to_owned(),
            state: if here { Stand::Done } else { Stand::Needed },
            why: if here {
                format!("{}", self.deploys())
            } else {
                format!("{} becomes {}", self.access.destination, self.deploys())
            },
            chosen: self.switches(),
        });
        lines
    }
}
