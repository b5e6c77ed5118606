//! A deployment that stands on nothing but a repository, an SSH key and secrets in the environment: what other deployments
//! left is asked of the server. The store is a new one, which nobody sees again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::environment::contract::{self, Names};
use super::super::servers::{self, add, place};
use super::super::{Context, Error, activation, projects, secrets};
use super::{manifest, service};
use crate::domain::deployment::Slot;
use crate::domain::host::{Destination, Fingerprint, HostKey};
use crate::domain::manifest::{EnvName, Manifest};
use crate::domain::names::ServerName;
use crate::domain::project::Project;
use crate::domain::secret::Secret;
use crate::domain::server::{LOCAL, PortPurpose, PortWish, ServerEvent, ServerStatus};
use crate::domain::time::Timestamp;
use crate::remote::caddy::Caddy;
use crate::remote::host::ssh;
use crate::scaffold::spec::EnvSource;
use crate::store::{Ports as _, Servers as _};

/// What a server is called that nothing names.
const SERVER: &str = "server";
/// What the names of variables begin with that are for cgo, not for projects.
const OWN: &str = "CGO_";
/// The variable that says which host key is the right one.
const HOST_KEY: &str = "CGO_SSH_HOST_KEY";

/// What a deployment is told beside the repository.
pub struct Told<'a> {
    /// Where the server is; none for what `cgo.yaml` says.
    pub server: Option<&'a Destination>,
    /// The file of the private key; none for what the agent and the SSH configuration offer.
    pub key: Option<&'a Path>,
    /// The server's host key: a line as in `known_hosts`, with or without names, or a fingerprint.
    pub host_key: Option<&'a str>,
    /// The value of a variable.
    pub variable: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// A project that is ready to be deployed, and where.
#[derive(Debug)]
pub struct Prepared {
    /// The project.
    pub project: Project,
    /// The server.
    pub server: ServerName,
}

/// Takes over the project of a folder and the server it is to run on. Nothing is changed there.
///
/// # Errors
/// When something is missing, or the server cannot be reached or is another one than it should be.
pub async fn prepare(
    context: &Context,
    folder: &Path,
    told: &Told<'_>,
    cancel: &CancellationToken,
) -> Result<Prepared, Error> {
    let manifest = manifest(folder)?;
    let destination = destination(&manifest, told)?;
    let project = activation::prepare(context, folder).await?;
    projects::create(context, &project).await?;
    let made_up = take_secrets(context, &project, &manifest, folder, told).await?;
    let name = handle(&manifest);
    add_server(context, &name, &destination, told, cancel).await?;
    adopt(context, &project, &manifest, &name, &made_up, cancel).await?;
    Ok(Prepared { project, server: name })
}

fn destination(manifest: &Manifest, told: &Told<'_>) -> Result<Destination, Error> {
    if let Some(destination) = told.server {
        return Ok(destination.clone());
    }
    if manifest.server.contains('@') {
        return Ok(Destination::parse(&manifest.server)?);
    }
    Err(Error::Usage {
        what: format!("nothing says where the server is: `server` in cgo.yaml is `{}`", manifest.server),
        hint: "give --server USER@HOST[:PORT], or write that as `server` into cgo.yaml".to_owned(),
    })
}

/// What the server is called: as `cgo.yaml` calls it, so that a service that is told its name is always told the same.
fn handle(manifest: &Manifest) -> ServerName {
    let named = ServerName::parse(&manifest.server).ok().filter(|name| name.as_str() != LOCAL);
    named.unwrap_or_else(|| ServerName::parse(SERVER).expect("a constant name"))
}

/// Keeps the secrets that the environment gives. The names of those that were made up once, and are not given.
async fn take_secrets(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    folder: &Path,
    told: &Told<'_>,
) -> Result<BTreeSet<String>, Error> {
    let (name, service) = service(manifest);
    let names = Names::new(name, service.workdir.as_str());
    let mut made_up = BTreeSet::new();
    for (name, declared) in contract::of_manifest(folder, manifest)? {
        let secret = matches!(declared.entry.source, EnvSource::UserSecret | EnvSource::GeneratedSecret);
        if !secret || !declared.is_for(&names) {
            continue;
        }
        let given = if name.starts_with(OWN) { None } else { (told.variable)(&name) };
        match (given, EnvName::try_from(name.clone())) {
            (Some(value), Ok(variable)) => {
                secrets::set(context, &project.name, &variable, &Secret::new(value)).await?;
            }
            _ if declared.entry.source == EnvSource::GeneratedSecret => {
                made_up.insert(name);
            }
            _ => {}
        }
    }
    // Before anything is begun anywhere.
    secrets::check(context, project, folder).await?;
    Ok(made_up)
}

async fn add_server(
    context: &Context,
    name: &ServerName,
    destination: &Destination,
    told: &Told<'_>,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let offer = add::offered(context, name, destination, told.key, cancel).await?;
    let known = async {
        match told.host_key.map(str::trim) {
            None => Err(Error::Usage {
                what: format!(
                    "nothing says which host key of `{destination}` is the right one; it offers {}",
                    offer.host_key.fingerprint()
                ),
                hint: format!("compare that with `ssh-keygen -lf` on the server, and set {HOST_KEY} to it"),
            }),
            Some(text) if text.starts_with("SHA256:") => offer.is(&Fingerprint::parse(text)?),
            Some(text) => offer.is(&host_key(text)?.fingerprint()),
        }
    };
    if let Err(error) = known.await {
        add::decline(&offer);
        return Err(error);
    }
    // Whether its account may do what is needed is seen when it is.
    let server = add::add(context, &offer, true, cancel).await?.server;
    if server.status == ServerStatus::Ready {
        return Ok(());
    }
    // Who deploys to it has set it up; what is missing is told before anything is begun.
    let later = Timestamp(server.updated_at.0 + 1);
    context.store.move_server(&server.id, |_| ServerEvent::TakenAsReady, later).await?;
    Ok(())
}

/// The host key in a line as in `known_hosts`, with or without names before it.
fn host_key(text: &str) -> Result<HostKey, Error> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let found = words.windows(2).find_map(|pair| HostKey::parse(&pair.join(" ")));
    found.ok_or_else(|| Error::Usage {
        what: format!("{HOST_KEY} is no host key"),
        hint: "set it to a line of `ssh-keyscan`, or to the fingerprint `SHA256:…` that `ssh-keygen -lf` shows"
            .to_owned(),
    })
}

/// Takes over what a server has of the project: its ports, so that its address stays, and the secrets that were made up for
/// it once.
async fn adopt(
    context: &Context,
    project: &Project,
    manifest: &Manifest,
    name: &ServerName,
    made_up: &BTreeSet<String>,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let server = servers::by_handle(context, name.as_str()).await?;
    let place = place::of_server(context, server, cancel).await?;
    let app = place.app(&project.name, None);
    let seen = app.survey("none", cancel).await.map_err(servers::Error::from)?;
    if seen.slots.is_empty() {
        return Ok(());
    }
    let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights).map_err(servers::Error::from)?;
    let public = caddy.port_of(&project.name, cancel).await.map_err(servers::Error::from)?;
    let mut ports: Vec<(PortPurpose, u16)> = public.map(|port| (PortPurpose::Public, port)).into_iter().collect();
    for slot in &seen.slots {
        let purpose = match slot.slot {
            Slot::Blue => PortPurpose::Blue,
            Slot::Green => PortPurpose::Green,
        };
        ports.extend(slot.port.map(|port| (purpose, port)));
    }
    let (service, _) = service(manifest);
    for (purpose, port) in ports {
        // All others are taken, as far as this choice goes.
        // Whatever the range is here: it was chosen before.
        let wish = PortWish::from(purpose);
        let others = wish.range.of(purpose).filter(|other| *other != port).collect();
        let (server, now) = (&place.server.id, context.now());
        context.store.reserve_port(server, &project.id, service, wish, &others, now).await?;
    }
    if made_up.is_empty() {
        return Ok(());
    }
    let variables = app.variables(cancel).await.map_err(servers::Error::from)?;
    for (name, value) in variables.into_iter().filter(|(name, _)| made_up.contains(name)) {
        if let Ok(variable) = EnvName::try_from(name) {
            secrets::set(context, &project.name, &variable, &Secret::new(value)).await?;
        }
    }
    Ok(())
}

/// Ends the connections to servers, and what this machine keeps for them.
///
/// # Errors
/// When the store fails.
pub async fn leave(context: &Context) -> Result<(), Error> {
    for access in context.store.accesses().await? {
        ssh::forget(access.server.as_str());
    }
    Ok(())
}

/// The file of a private key that a variable holds, or names: a key is written into a folder, for its owner alone.
///
/// # Errors
/// When it cannot be written.
pub fn key_file(text: &str, folder: &Path) -> Result<PathBuf, Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if !text.trim_start().starts_with("-----BEGIN") {
        return Ok(PathBuf::from(text.trim()));
    }
    let path = folder.join("key");
    // As it is pasted, its last line has no end, or ends of another system; SSH takes neither.
    let text = text.trim().replace("\r\n", "\n") + "\n";
    let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::Path { action: "write", path: path.clone(), source })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_key_is_read_with_and_without_names() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG0Nn0bBCzWkkdjxZ3XxVbGXVh3MAlJQZiyE2lHnb1ZC";
        let plain = host_key(key).unwrap();
        for line in
            [format!("[198.51.100.7]:2222 {key}"), format!("{key} root@web"), format!("web,198.51.100.7 {key}\n")]
        {
            assert_eq!(host_key(&line).unwrap(), plain, "{line}");
        }
        assert!(host_key("ssh-ed25519").is_err() && host_key("ssh-ed25519 AAAA").is_err());
    }

    #[test]
    fn a_key_is_a_path_or_is_written_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(key_file("keys/deploy\n", folder.path()).unwrap(), Path::new("keys/deploy"));
        let path = key_file("-----BEGIN KEY-----\r\nabc\r\n-----END KEY-----", folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-----BEGIN KEY-----\nabc\n-----END KEY-----\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
