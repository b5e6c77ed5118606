//! What an operator decides of where a server stands: out of use for a while, or kept free. Placement refuses such a server
//! by its name; nothing is done on the server itself.

use super::{Context, by_handle};
use crate::domain::names::ServerName;
use crate::domain::server::{Footing, Server, ServerEvent, ServerStatus};
use crate::domain::user::Right;
use crate::ops::{self, users};
use crate::store::Servers as _;

/// Takes a server out of use for a while, or puts it into use again: then it is ready, in use or to be set up, by whether
/// it was set up before and what it carries now. The server, and whether that changed anything.
///
/// # Errors
/// [`crate::store::Error::ServerMove`] before it is set up and while it is, and when it is reserved or not ours; when there
/// is no such server, or whoever is worked for does not look after servers.
pub async fn maintenance(context: &Context, name: &ServerName, on: bool) -> Result<(Server, bool), ops::Error> {
    let event: fn(Footing) -> ServerEvent = if on { |_| ServerEvent::Withdrawn } else { ServerEvent::Returned };
    switch(context, name, ServerStatus::Maintenance, on, event).await
}

/// Keeps a server free that carries nothing, or gives it to projects again. The server, and whether that changed anything.
///
/// # Errors
/// As [`maintenance`]; a server that carries projects is not kept free.
pub async fn reserve(context: &Context, name: &ServerName, on: bool) -> Result<(Server, bool), ops::Error> {
    let event: fn(Footing) -> ServerEvent = if on { |_| ServerEvent::Kept } else { |_| ServerEvent::Freed };
    switch(context, name, ServerStatus::Reserved, on, event).await
}

async fn switch(
    context: &Context,
    name: &ServerName,
    wanted: ServerStatus,
    on: bool,
    event: fn(Footing) -> ServerEvent,
) -> Result<(Server, bool), ops::Error> {
    users::require(context, Right::Administer, None)?;
    let mut server = by_handle(context, name.as_str()).await?;
    if (server.status == wanted) == on {
        return Ok((server, false));
    }
    server.updated_at = context.now();
    server.status = context.store.move_server(&server.id, event, server.updated_at).await?;
    Ok((server, true))
}
