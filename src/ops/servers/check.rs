//! Looking at servers: all of them at once, each in one round trip once there is a connection.

use std::path::PathBuf;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Context, Error};
use crate::domain::diagnose::{Advice, Diagnose as _, told};
use crate::domain::host::{Access, Destination, Facts, Rights};
use crate::domain::names::ServerName;
use crate::domain::server::Server;
use crate::domain::user::Right;
use crate::ops::{self, users};
use crate::remote::host::facts::{self, Look, Unwritable};
use crate::remote::host::local::Local;
use crate::remote::host::ssh::{Login, Ssh};
use crate::remote::host::{self, Host};
use crate::store::{Seen, Servers as _};

/// Who logs in where; the user's own SSH configuration may say how the host is reached.
pub(super) fn login(destination: Destination, key: Option<PathBuf>) -> Login {
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh/config"));
    Login { destination, key, configuration: own.filter(|path| path.is_file()) }
}

/// A server as a host: this machine, or another over SSH. Nothing is connected before it is asked for something.
///
/// # Errors
/// When the store fails.
pub async fn host(context: &Context, server: &Server) -> Result<Box<dyn Host>, ops::Error> {
    let access = context.store.accesses().await?.into_iter().find(|access| access.server == server.id);
    Ok(host_of(server, access.as_ref()))
}

pub(super) fn host_of(server: &Server, access: Option<&Access>) -> Box<dyn Host> {
    match access {
        None => Box::new(Local),
        Some(access) => Box::new(Ssh::new(
            &server.handle,
            server.id.as_str(),
            login(access.destination.clone(), access.key.clone()),
            access.host_key.clone(),
        )),
    }
}

/// Whether a machine can carry projects.
pub(super) fn judge(name: &str, look: &Look, rootless: bool) -> Result<(), Error> {
    let facts = &look.facts;
    if facts.rights == Rights::Plain && !rootless {
        return Err(Error::NoSudo { name: name.to_owned(), user: facts.user.clone() });
    }
    let reason = match &look.unwritable {
        None => return Ok(()),
        Some(Unwritable::Full) => "the disk is full".to_owned(),
        Some(Unwritable::ReadOnly) => "the disk is mounted read-only".to_owned(),
        Some(Unwritable::Other(said)) => said.clone(),
    };
    Err(Error::Unwritable { name: name.to_owned(), path: facts.data.clone(), reason })
}

/// How a look at a server ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Looked {
    /// The server.
    pub server: String,
    /// It is as it should be.
    pub ok: bool,
    /// What is wrong.
    pub problem: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code that the problem has by itself.
    pub exit: u8,
    /// What was found, where anything was.
    pub facts: Option<Facts>,
}

/// Looks at servers, at all of them when none is named, side by side. What was found is written down. One look that
/// failed changes nothing about where a server stands; after several in a row that found nothing it is unreachable.
///
/// # Errors
/// When a name is no server's, whoever is worked for does not look after servers, or the store fails. A server that fails
/// is an answer.
pub async fn check(
    context: &Context,
    names: &[ServerName],
    cancel: &CancellationToken,
) -> Result<Vec<Looked>, ops::Error> {
    users::require(context, Right::Administer, None)?;
    let mut servers: Vec<Server> = super::list(context).await?.into_iter().map(|view| view.server).collect();
    for name in names {
        if !servers.iter().any(|server| server.handle == name.as_str()) {
            super::by_handle(context, name.as_str()).await?;
        }
    }
    servers.retain(|server| names.is_empty() || names.iter().any(|name| name.as_str() == server.handle));
    let accesses = context.store.accesses().await?;
    let looks = servers.iter().map(async |server| {
        let access = accesses.iter().find(|access| access.server == server.id);
        let host = host_of(server, access);
        let look = facts::look(host.as_ref(), cancel).await;
        let rootless = access.is_none_or(|access| access.rootless);
        let (facts, problem) = match look {
            Ok(look) => {
                let judged = judge(&server.handle, &look, rootless);
                (Some(look.facts), judged.err())
            }
            Err(error) => (None, Some(Error::from(error))),
        };
        (facts, problem)
    });
    let looks = join_all(looks).await;
    if cancel.is_cancelled() {
        let host = servers.first().map(|server| server.handle.clone()).unwrap_or_default();
        return Err(Error::from(host::Error::Cancelled { host, what: "look at its system" }).into());
    }
    let at = context.now();
    let looked: Vec<(Seen, Looked)> = servers
        .into_iter()
        .zip(looks)
        .map(|(server, (facts, problem))| {
            let words = problem.as_ref().map(|problem| told(problem));
            let seen = Seen { server: server.id, at, problem: words.clone(), facts: facts.clone() };
            let looked = Looked {
                server: server.handle,
                ok: problem.is_none(),
                hint: problem.as_ref().and_then(|problem| problem.advice().map(Advice::words)),
                exit: problem.as_ref().map_or(0, |problem| problem.kind().exit_code()),
                problem: words,
                facts,
            };
            (seen, looked)
        })
        .collect();
    let (seen, looked): (Vec<Seen>, Vec<Looked>) = looked.into_iter().unzip();
    context.store.note_checks(&seen).await?;
    Ok(looked)
}
