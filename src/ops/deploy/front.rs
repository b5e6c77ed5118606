//! What stands between visitors and a project on a server: its Caddy, and of whom that asks certificates.

use std::path::Path;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::super::servers::place::Place;
use super::super::{Context, Error, servers};
use super::remote::HTTPS;
use super::{manifest, remote};
use crate::domain::acme::{Acme, Authority, STAGING};
use crate::domain::diagnose::Advice;
use crate::domain::domain_name::DomainName;
use crate::domain::host::Rights;
use crate::domain::manifest::Manifest;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::server::{LOCAL, Server};
use crate::remote::caddy::certificate::{self, Certificate};
use crate::remote::caddy::{self, Base, Caddy, Site, Snippet, dns, trial};
use crate::remote::engine;
use crate::remote::engine::survey::Survey;
use crate::remote::host::files::{self, Source};

/// The port of plain HTTP, where an authority asks for its proof.
const HTTP: u16 = 80;

/// Has visitors' requests come to a site. What is so already is left alone; true when something was changed.
///
/// # Errors
/// When Caddy, or the file of an authority, cannot be had there.
pub(super) async fn publish(
    context: &Context,
    place: &Place,
    site: &Site,
    cancel: &CancellationToken,
) -> Result<bool, Error> {
    let told = Told::of(context, place).await?;
    let work = async {
        let mut caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights)?;
        if told.matters {
            caddy = caddy.expecting(&told.base);
        }
        match caddy.apply(site, cancel).await {
            Err(caddy::Error::NotSetUp { .. } | caddy::Error::NotRunning { .. }) => {
                told.ensure(place, &caddy, cancel).await?;
                caddy.apply(site, cancel).await
            }
            other => other,
        }
    };
    Ok(work.await.map_err(servers::Error::from)?.changed)
}

/// Has the Caddy of a server run, where it was set up for projects and has ended.
///
/// # Errors
/// When it does not come up.
pub(in crate::ops) async fn wake(context: &Context, place: &Place, cancel: &CancellationToken) -> Result<(), Error> {
    let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights).map_err(servers::Error::from)?;
    match caddy.running(cancel).await {
        Err(caddy::Error::NotRunning { .. }) => {
            let told = Told::of(context, place).await?;
            Ok(told.ensure(place, &caddy, cancel).await.map_err(servers::Error::from)?)
        }
        Err(caddy::Error::NoCaddy { .. } | caddy::Error::NotSetUp { .. }) => Ok(()),
        other => Ok(other.map_err(servers::Error::from)?),
    }
}

/// What the Caddy of a server is told beside its sites.
struct Told {
    base: Base,
    /// The settings say something of it; else whatever it was told stays.
    matters: bool,
    /// The certificate of an authority, and where it goes.
    root: Option<(Source, String)>,
}

impl Told {
    async fn of(context: &Context, place: &Place) -> Result<Self, Error> {
        let Acme { email, ca, ca_root, trial: _ } = context.acme.of(&place.server.handle);
        let matters = email.is_some() || ca.is_some() || ca_root.is_some();
        let mut base = Base {
            acme_email: email.as_ref().map(ToString::to_string),
            acme_ca: ca.as_ref().and_then(Authority::directory).map(str::to_owned),
            ..Base::default()
        };
        let mut root = None;
        if let Some(path) = ca_root {
            let bytes = tokio::fs::read(&path).await;
            let source = Source::Bytes(bytes.map_err(|source| Error::Path { action: "read", path, source })?);
            let (sum, _) = source.digest().await.map_err(servers::Error::from)?;
            // Another certificate has another name: then Caddy's configuration is another one.
            let to = format!("{}/acme-root-{}.pem", place.root, &sum[..16]);
            base.acme_ca_root = Some(to.clone());
            root = Some((source, to));
        }
        Ok(Self { base, matters, root })
    }

    async fn ensure(&self, place: &Place, caddy: &Caddy<'_>, cancel: &CancellationToken) -> Result<(), caddy::Error> {
        if let Some((source, to)) = &self.root {
            files::put(place.host.as_ref(), source, to, "0644", cancel).await?;
        }
        caddy.ensure(&self.base, cancel).await.map(drop)
    }
}

/// Has visitors of a project that is gone be told nothing in its name any more: no site, no open port, no certificate
/// that is renewed. May be repeated.
///
/// # Errors
/// When Caddy stands there and does not do as it is told.
pub(in crate::ops) async fn withdraw(
    place: &Place,
    project: &ProjectName,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights).map_err(servers::Error::from)?;
    match caddy.remove(project, cancel).await {
        Ok(_) | Err(caddy::Error::NoCaddy { .. } | caddy::Error::NotSetUp { .. }) => Ok(()),
        Err(error) => Err(servers::Error::from(error).into()),
    }
}

/// What a server shows for a domain, where it is what was asked for: of an authority whom visitors do not trust, as the one
/// for trials, a certificate that nobody vouches for is.
pub(in crate::ops) fn as_wanted(
    context: &Context,
    server: &Server,
    read: Result<Certificate, certificate::Error>,
) -> Result<Certificate, certificate::Error> {
    match read {
        Err(certificate::Error::Untrusted { shown, .. }) if !context.acme.of(&server.handle).is_trusted() => Ok(shown),
        other => other,
    }
}

/// What the authority said when it last refused a certificate for a domain; none when it did not, or that cannot be asked.
pub(in crate::ops) async fn refusal(place: &Place, domain: &DomainName, cancel: &CancellationToken) -> Option<String> {
    let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights).ok()?;
    caddy.refusal(domain, cancel).await.ok()?
}

/// What a project adds to its site; none where it adds nothing.
///
/// # Errors
/// When its file cannot be read, or has what has no place there.
pub(super) fn snippet(source: &Path, manifest: &Manifest) -> Result<Option<Snippet>, Error> {
    let Some(file) = &manifest.caddy_snippet else { return Ok(None) };
    let path = source.join(file.as_str());
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Path { action: "read", path, source })?;
    let refused = |cause| servers::Error::from(caddy::Error::Snippet { app: manifest.name.clone(), cause });
    Ok(Snippet::parse(&text).map(Some).map_err(refused)?)
}

/// Whether visitors under these names, and the authority, come to the servers: where each leads; and where names are new,
/// whether the ports can be reached, before a certificate is asked for.
///
/// # Errors
/// The first name that leads elsewhere, or port that is closed.
pub(super) async fn lead_here(names: &[DomainName], are_new: bool, there: &[(&Place, Survey)]) -> Result<(), Error> {
    if let Some((place, _)) = there.iter().find(|(place, _)| place.rights == Rights::Plain) {
        return Err(servers::Error::Deploy(engine::Error::Preflight {
            host: place.server.handle.clone(),
            cause: "its account cannot become root, and a domain takes the ports 80 and 443".to_owned(),
            mend: Some(Advice::Do(
                "leave `domain` out of `cgo.yaml`, or add the server with an account that has sudo".to_owned(),
            )),
        })
        .into());
    }
    // Of several servers each may answer to them.
    let addresses = try_join_all(there.iter().map(async |(place, _)| remote::addresses(&place.server).await)).await?;
    let wanted = addresses.concat();
    for name in names {
        dns::check(name, &wanted, None).await.map_err(servers::Error::from)?;
    }
    if !are_new {
        return Ok(());
    }
    for ((place, seen), addresses) in there.iter().zip(addresses) {
        for address in addresses {
            let host = place.server.handle.as_str();
            dns::reachable(host, address, &[HTTP, HTTPS], &seen.listening).await.map_err(servers::Error::from)?;
        }
    }
    Ok(())
}

/// Asks an authority for trials for a certificate of names that are new, with the servers answering for them, and throws
/// it away: in words how that went, also where it could not be tried.
///
/// # Errors
/// The authority looked, and refuses: the one that visitors trust would, too.
pub(super) async fn try_certificate(
    context: &Context,
    names: &[DomainName],
    there: &[(&Place, Survey)],
    cancel: &CancellationToken,
) -> Result<String, trial::Error> {
    let Some((first, _)) = there.first() else { return Ok("no certificate was tried: there is no server".to_owned()) };
    let acme = context.acme.of(&first.server.handle);
    let Some(directory) = acme.for_trials() else {
        return Ok(
            "no certificate was tried: `trial` under `acme` names no authority beside the one that is set".to_owned()
        );
    };
    let authority = trial::Authority {
        directory: directory.to_owned(),
        root: acme.ca_root.clone(),
        served: acme.ca.as_ref().and_then(Authority::directory).map(str::to_owned),
    };
    let tried = async {
        let servers: Result<Vec<_>, caddy::Error> = there
            .iter()
            .map(|(place, seen)| {
                let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights)?;
                Ok(trial::Answering { caddy, listens: seen.listening.contains(&HTTP) })
            })
            .collect();
        trial::order(&authority, names, &servers?, cancel).await
    };
    match tried.await {
        Ok(()) => {
            Ok(format!("`{directory}` gave a certificate for trials of {}, which was thrown away", listed(names)))
        }
        Err(error) if error.is_verdict() => Err(error),
        Err(error) => Ok(format!("no certificate was tried: {error}")),
    }
}

/// Names, in words.
fn listed<'n>(names: impl IntoIterator<Item = &'n DomainName>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

/// What a deployment would do for the names of a project on servers, in words; none without one.
///
/// # Errors
/// When `cgo.yaml` cannot be read.
pub(super) fn preview(context: &Context, project: &Project, there: &[Server]) -> Result<Option<String>, Error> {
    let manifest = manifest(Path::new(&project.folder))?;
    let there: Vec<&Server> = there.iter().filter(|server| server.handle != LOCAL).collect();
    let (Some(domain), Some(first)) = (&manifest.domain, there.first()) else { return Ok(None) };
    let whom = match context.acme.of(&first.handle).ca {
        None | Some(Authority::Production) => {
            format!("an authority that visitors trust (for a trial set `ca: staging` under `acme`: {STAGING})")
        }
        Some(Authority::Staging) => format!("the authority for trials, whom no visitor trusts: {STAGING}"),
        Some(Authority::Directory(address)) => address,
    };
    let shared = remote::of_shared(domain, there.len()).map_or_else(String::new, |text| format!("; {text}"));
    let lead = if manifest.names().count() == 1 { "leads" } else { "lead" };
    Ok(Some(format!(
        "ask for a certificate of {}, which {lead} to the server, unless it has one: {whom}{shared}",
        listed(manifest.names())
    )))
}
