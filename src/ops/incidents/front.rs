//! What stands between visitors and services of servers over SSH: Caddy, and the certificates it shows.

use tokio_util::sync::CancellationToken;

use super::super::deploy::front::{as_wanted, refusal};
use super::super::deploy::remote;
use super::super::servers::place;
use super::super::{Context, servers};
use super::check::{Finding, Subject};
use crate::domain::domain_name::DomainName;
use crate::domain::incident::IncidentKind;
use crate::domain::project::Project;
use crate::domain::server::Server;
use crate::remote::caddy::Caddy;
use crate::remote::caddy::certificate::{self, Roots};

/// Days before its end at which a certificate should long have been made anew: Caddy does so at a third of its life.
const LEAST_DAYS: i64 = 14;

/// Whether the Caddy of a server answers.
pub(super) async fn of_caddy(context: &Context, server: &Server, cancel: &CancellationToken) -> Subject {
    let asked = async {
        let place = place::of_server(context, server.clone(), cancel).await?;
        let caddy = Caddy::of(place.host.as_ref(), &place.root, place.rights).map_err(servers::Error::from)?;
        // Any port does: it is the answer that counts.
        Ok::<_, super::super::Error>(caddy.in_flight(0, cancel).await.map_err(servers::Error::from)?)
    };
    let finding = match asked.await {
        Ok(Some(_)) => Finding::Good,
        Ok(None) => Finding::Broken {
            title: format!("Caddy on `{}` does not answer", server.handle),
            details: vec!["visitors may be served still; nothing about them can be changed".to_owned()],
        },
        Err(error) => Finding::Unknown(format!("Caddy on `{}`: {error}", server.handle)),
    };
    let service = Some("caddy".to_owned());
    Subject { kind: IncidentKind::ServiceDown, project: None, server: Some(server.id.clone()), service, finding }
}

/// Whether the certificate of a project's domain is good, and for how long; read from what is shown to visitors.
pub(super) async fn of_certificate(
    context: &Context,
    project: &Project,
    server: &Server,
    domain: &DomainName,
    cancel: &CancellationToken,
) -> Subject {
    // Why there is no better one.
    let broken = async |title: String, detail: String| {
        let refused = match place::of_server(context, server.clone(), cancel).await {
            Ok(place) => refusal(&place, domain, cancel).await,
            Err(_) => None,
        };
        let refused = refused.map(|said| format!("the authority said: {said}"));
        Finding::Broken { title, details: std::iter::once(detail).chain(refused).collect() }
    };
    let finding = match remote::addresses(server).await.as_deref() {
        Err(error) => Finding::Unknown(format!("`{domain}`: {error}")),
        Ok([]) => Finding::Unknown(format!("`{domain}`: its server has no address")),
        Ok([address, ..]) => {
            let read = certificate::read((*address, remote::HTTPS).into(), domain, Roots::System).await;
            match as_wanted(context, server, read) {
                Ok(shown) => match shown.days_left(context.now()) {
                    left if left < LEAST_DAYS => {
                        let shown = format!("it is signed by {}", shown.issuer);
                        broken(format!("the certificate of `{domain}` ends in {left} days"), shown).await
                    }
                    _ => Finding::Good,
                },
                // That nobody answers there is the service's own incident.
                Err(error @ certificate::Error::Connect { .. }) => Finding::Unknown(error.to_string()),
                Err(error) => broken(format!("the certificate of `{domain}` is no good"), error.to_string()).await,
            }
        }
    };
    let project = Some(project.id.clone());
    let service = Some(super::CERTIFICATE.to_owned());
    Subject { kind: IncidentKind::Certificate, project, server: None, service, finding }
}
