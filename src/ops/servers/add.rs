//! Adding a server that is reached over SSH, pinning another key of it, and removing it.
//!
//! A server is added in two steps, between which whoever asked for it says whether the host key is the right one. Nothing
//! is kept before the last look has succeeded.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::check::{judge, login};
use super::provision::apply::exclusively;
use super::{Context, Error, ServerView, view};
use crate::domain::host::{Access, Destination, Fingerprint, HostKey, Rights};
use crate::domain::ids::ServerId;
use crate::domain::names::ServerName;
use crate::domain::server::{LOCAL, Server, ServerStatus};
use crate::domain::user::Right;
use crate::ops::{self, users};
use crate::remote::host::facts;
use crate::remote::host::ssh::{self, Ssh};
use crate::store::Servers as _;

/// A host that says who it is; nobody has logged in yet.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The name the server is to have, or has.
    pub name: ServerName,
    /// Where it is.
    pub destination: Destination,
    /// The key it offers.
    pub host_key: HostKey,
    /// The key that is pinned, for a server that was added before.
    pub pinned: Option<HostKey>,
    id: ServerId,
    key: Option<PathBuf>,
}

impl Offer {
    /// Whether the key is the one that was named.
    ///
    /// # Errors
    /// [`Error::OtherKey`].
    pub fn is(&self, wanted: &Fingerprint) -> Result<(), ops::Error> {
        let offered = self.host_key.fingerprint();
        if *wanted == offered {
            return Ok(());
        }
        let destination = self.destination.clone();
        Err(Error::OtherKey { destination, wanted: wanted.clone(), offered }.into())
    }

    /// The error for a key that nobody was there to confirm.
    #[must_use]
    pub fn unconfirmed(&self) -> ops::Error {
        let fingerprint = self.host_key.fingerprint();
        let command = if self.pinned.is_some() {
            format!("cgo servers trust {} --fingerprint {fingerprint}", self.name)
        } else {
            let key = self.key.as_ref().map(|key| format!(" --key {}", key.display())).unwrap_or_default();
            format!("cgo servers add {} {}{key} --fingerprint {fingerprint}", self.name, self.destination)
        };
        let (name, destination) = (self.name.to_string(), self.destination.clone());
        Error::UnknownKey { name, destination, fingerprint, command }.into()
    }
}

/// Asks a host who it is.
///
/// # Errors
/// When the name is taken, the key file is of no use, or the host cannot be reached.
pub async fn offered(
    context: &Context,
    name: &ServerName,
    destination: &Destination,
    key: Option<&Path>,
    cancel: &CancellationToken,
) -> Result<Offer, ops::Error> {
    if name.as_str() == LOCAL {
        return Err(Error::Local.into());
    }
    if context.store.server_by_handle(name.as_str()).await?.is_some() {
        return Err(crate::store::Error::ServerTaken { name: name.to_string() }.into());
    }
    let key = match key {
        None => None,
        Some(path) => Some(std::path::absolute(path).map_err(|source| ops::Error::Path {
            action: "use the key",
            path: path.to_owned(),
            source,
        })?),
    };
    ssh::usable(key.as_deref()).map_err(Error::from)?;
    let id = ServerId::new(context.now(), ops::random());
    let login = login(destination.clone(), key.clone());
    let told = ssh::offered_key(name.as_str(), id.as_str(), &login, cancel).await;
    let host_key = told.map_err(|error| {
        ssh::forget(id.as_str());
        Error::from(error)
    })?;
    Ok(Offer { name: name.clone(), destination: destination.clone(), host_key, pinned: None, id, key })
}

/// Logs in, looks at the machine, and adds the server with the key it offered.
///
/// # Errors
/// When it cannot be logged in to, its account has too few rights (unless `rootless`), or its disk takes nothing. Then
/// nothing is kept.
pub async fn add(
    context: &Context,
    offer: &Offer,
    rootless: bool,
    cancel: &CancellationToken,
) -> Result<ServerView, ops::Error> {
    users::require(context, Right::Administer, None)?;
    let added = try_add(context, offer, rootless, cancel).await;
    if added.is_err() {
        ssh::forget(offer.id.as_str());
    }
    added
}

async fn try_add(
    context: &Context,
    offer: &Offer,
    rootless: bool,
    cancel: &CancellationToken,
) -> Result<ServerView, ops::Error> {
    let access = Access {
        server: offer.id.clone(),
        destination: offer.destination.clone(),
        key: offer.key.clone(),
        host_key: offer.host_key.clone(),
        rootless,
    };
    let host = Ssh::new(
        offer.name.as_str(),
        offer.id.as_str(),
        login(access.destination.clone(), access.key.clone()),
        access.host_key.clone(),
    );
    let look = facts::look(&host, cancel).await.map_err(Error::from)?;
    judge(offer.name.as_str(), &look, rootless)?;
    let now = context.now();
    let server = Server {
        id: offer.id.clone(),
        handle: offer.name.to_string(),
        address: offer.destination.host.clone(),
        // There is nothing that could be set up without root.
        status: if look.facts.rights == Rights::Plain { ServerStatus::Ready } else { ServerStatus::PendingSetup },
        created_at: now,
        updated_at: now,
    };
    context.store.add_server(&server, &access, &look.facts).await?;
    view(context, offer.name.as_str()).await
}

/// Leaves an offer that was not taken without a trace on this machine.
pub fn decline(offer: &Offer) {
    if offer.pinned.is_none() {
        ssh::forget(offer.id.as_str());
    }
}

/// Asks a server that was added before who it is now.
///
/// # Errors
/// When there is no such server, or it cannot be reached.
pub async fn offered_again(
    context: &Context,
    name: &ServerName,
    cancel: &CancellationToken,
) -> Result<Offer, ops::Error> {
    let server = super::by_handle(context, name.as_str()).await?;
    let accesses = context.store.accesses().await?;
    let Some(access) = accesses.into_iter().find(|access| access.server == server.id) else {
        return Err(Error::Local.into());
    };
    let login = login(access.destination.clone(), access.key.clone());
    // Beside what is there for its connections: they go on with the pinned key.
    let told = ssh::offered_key(name.as_str(), access.server.as_str(), &login, cancel).await;
    Ok(Offer {
        name: name.clone(),
        destination: access.destination,
        host_key: told.map_err(Error::from)?,
        pinned: Some(access.host_key),
        id: access.server,
        key: access.key,
    })
}

/// Pins the key a server offered. Connections of the old one end.
///
/// # Errors
/// When the store fails.
pub async fn trust(context: &Context, offer: &Offer) -> Result<ServerView, ops::Error> {
    users::require(context, Right::Administer, None)?;
    if offer.pinned.as_ref() != Some(&offer.host_key) {
        context.store.pin_host_key(&offer.id, &offer.host_key, context.now()).await?;
        ssh::forget(offer.id.as_str());
    }
    view(context, offer.name.as_str()).await
}

/// Removes a server that carries no project, and ends the connections to it. Nothing changes on the server itself.
///
/// # Errors
/// [`Error::Local`]; when there is no such server, projects are on it, or another process sets it up.
pub async fn remove(context: &Context, name: &ServerName) -> Result<Server, ops::Error> {
    users::require(context, Right::Administer, None)?;
    if name.as_str() == LOCAL {
        return Err(Error::Local.into());
    }
    let server = super::by_handle(context, name.as_str()).await?;
    // A set-up that is at work has the server; one that was cut off does not.
    let removed = async { Ok(context.store.remove_server(&server.id, context.now()).await?) };
    exclusively(context, &server.handle, "a removal", removed).await?;
    ssh::forget(server.id.as_str());
    Ok(server)
}
