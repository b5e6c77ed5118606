//! What stands between visitors and a project on a server: its Caddy, and of whom that asks certificates.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::super::servers::place::Place;
use super::super::{Context, Error, placement, servers};
use super::{manifest, remote};
use crate::domain::acme::{Authority, STAGING};
use crate::domain::domain_name::DomainName;
use crate::domain::names::ProjectName;
use crate::domain::placement::Wish;
use crate::domain::project::Project;
use crate::domain::server::{LOCAL, Server};
use crate::remote::caddy::certificate::{self, Certificate};
use crate::remote::caddy::{self, Base, Caddy, Site, dns};
use crate::remote::host::files::{self, Source};

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
    let acme = context.acme.of(&place.server.handle);
    let mut base = Base {
        acme_email: acme.email.as_ref().map(ToString::to_string),
        acme_ca: acme.ca.as_ref().and_then(Authority::directory).map(str::to_owned),
        ..Base::default()
    };
    let mut root = None;
    if let Some(path) = &acme.ca_root {
        let unread = |source| Error::Path { action: "read", path: path.clone(), source };
        let bytes = tokio::fs::read(path).await.map_err(unread)?;
        let source = Source::Bytes(bytes);
        let (sum, _) = source.digest().await.map_err(servers::Error::from)?;
        // Another certificate has another name: then Caddy's configuration is another one.
        let to = format!("{}/acme-root-{}.pem", place.root, &sum[..16]);
        base.acme_ca_root = Some(to.clone());
        root = Some((source, to));
    }
    let host = place.host.as_ref();
    let work = async {
        let mut caddy = Caddy::of(host, &place.root, place.rights)?;
        if acme != crate::domain::acme::Acme::default() {
            caddy = caddy.expecting(&base);
        }
        match caddy.apply(site, cancel).await {
            Err(caddy::Error::NotSetUp { .. } | caddy::Error::NotRunning { .. }) => {
                if let Some((source, to)) = &root {
                    files::put(host, source, to, "0644", cancel).await?;
                }
                caddy.ensure(&base, cancel).await?;
                caddy.apply(site, cancel).await
            }
            other => other,
        }
    };
    Ok(work.await.map_err(servers::Error::from)?.changed)
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

/// What a deployment would do for the domain of a project, in words; none without one. Looks up where it leads.
///
/// # Errors
/// When it does not lead to the server.
pub(super) async fn preview(
    context: &Context,
    project: &Project,
    wish: Option<&Wish>,
) -> Result<Option<String>, Error> {
    let folder = PathBuf::from(&project.folder);
    let Some(domain) = manifest(&folder)?.domain else { return Ok(None) };
    let mut there = Vec::new();
    match wish {
        Some(Wish::Any) => {}
        Some(named) => {
            for name in named.to_string().split(',') {
                there.push(servers::by_handle(context, name).await?);
            }
        }
        None => there = placement::of_project(context, project).await?,
    }
    there.retain(|server| server.handle != LOCAL);
    let Some(first) = there.first() else { return Ok(None) };
    let mut wanted = Vec::new();
    for server in &there {
        wanted.extend(remote::addresses(server).await?);
    }
    dns::check(&domain, &wanted, None).await.map_err(servers::Error::from)?;
    let whom = match context.acme.of(&first.handle).ca {
        None | Some(Authority::Production) => {
            format!("an authority that visitors trust (for a trial set `ca: staging` under `acme`: {STAGING})")
        }
        Some(Authority::Staging) => format!("the authority for trials, whom no visitor trusts: {STAGING}"),
        Some(Authority::Directory(address)) => address,
    };
    let shared = remote::of_shared(&domain, there.len()).map_or_else(String::new, |text| format!("; {text}"));
    Ok(Some(format!(
        "ask for a certificate of `{domain}`, which leads to the server, unless it has one: {whom}{shared}"
    )))
}
