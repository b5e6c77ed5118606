//! The certificate visitors get, read by a real handshake and truly verified: its name, its chain and its dates.
//!
//! What is wrong with one is told from the certificate itself, which is read also when it does not verify.

mod der;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::Serialize;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::domain_name::DomainName;
use crate::domain::time::Timestamp;

/// How long connecting, and each step of the handshake, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a certificate has to come from.
#[derive(Debug, Clone)]
pub enum Roots {
    /// Whom this machine trusts.
    System,
    /// The authorities in this text (PEM), and nobody else.
    Pem(String),
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The names it is for.
    pub names: Vec<String>,
    /// Who signed it, by the name it gives itself.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// How many certificates the server showed, this one included.
    pub chain: usize,
}

impl Certificate {
    /// Whole days until it ends; negative when it has.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.0 - now.0).div_euclid(86_400_000)
    }
}

/// Why a certificate is no good, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is there.
    #[error("no secure connection to `{domain}` at {address}")]
    Connect {
        /// The name.
        domain: DomainName,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody is there, and shows no certificate that can be read: none was made yet, for instance.
    #[error("`{domain}` shows no certificate at {address}: {reason}")]
    None {
        /// The name.
        domain: DomainName,
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// It has ended.
    #[error("the certificate of `{domain}` has expired: it was valid until {}", day(shown.not_after))]
    Expired {
        /// The name.
        domain: DomainName,
        /// The certificate.
        shown: Certificate,
    },
    /// It has not begun.
    #[error("the certificate of `{domain}` is not valid before {}", day(shown.not_before))]
    Early {
        /// The name.
        domain: DomainName,
        /// The certificate.
        shown: Certificate,
    },
    /// It is for somebody else.
    #[error("the certificate of `{domain}` is for {}", shown.names.join(", "))]
    OtherName {
        /// The name.
        domain: DomainName,
        /// The certificate.
        shown: Certificate,
    },
    /// Nobody who is trusted vouches for it.
    #[error("the certificate of `{domain}` is signed by `{}`, whom nobody vouches for", shown.issuer)]
    Untrusted {
        /// The name.
        domain: DomainName,
        /// The certificate.
        shown: Certificate,
    },
    /// It is wrong in another way.
    #[error("the certificate of `{domain}` does not verify: {reason}")]
    Bad {
        /// The name.
        domain: DomainName,
        /// The certificate.
        shown: Certificate,
        /// Why.
        reason: String,
    },
    /// Whom to trust is not known.
    #[error("cannot read which authorities are trusted{}: {reason}", path.as_ref().map(|path| format!(", `{}`", path.display())).unwrap_or_default())]
    Roots {
        /// The file.
        path: Option<PathBuf>,
        /// Why.
        reason: String,
    },
}

/// A moment as people read it.
fn day(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.strftime("%F %T UTC").to_string())
}

impl Error {
    /// The certificate that is no good.
    #[must_use]
    pub fn shown(&self) -> Option<&Certificate> {
        match self {
            Self::Expired { shown, .. }
            | Self::Early { shown, .. }
            | Self::OtherName { shown, .. }
            | Self::Untrusted { shown, .. }
            | Self::Bad { shown, .. } => Some(shown),
            Self::Connect { .. } | Self::None { .. } | Self::Roots { .. } => None,
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Roots { .. } => Kind::Preflight,
            _ => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let text = match self {
            Self::Connect { .. } => "see that Caddy runs there and that no firewall stands between",
            Self::None { .. } | Self::Expired { .. } | Self::OtherName { .. } => {
                "read Caddy's log there (caddy/data/caddy.log): it says why it could not get one"
            }
            Self::Early { .. } => "compare the clock of this machine with the server's",
            Self::Untrusted { .. } => {
                "name an authority that visitors trust, or the one this one is to be checked with"
            }
            Self::Bad { .. } => return None,
            Self::Roots { .. } => "install the authorities of the system (Debian: apt-get install ca-certificates)",
        };
        Some(Advice::Do(text.to_owned()))
    }
}

/// Reads the certificate that is shown for a domain at an address, and verifies it.
///
/// # Errors
/// When there is none, or it is no good for that name, today, by those authorities.
pub async fn read(address: SocketAddr, domain: &DomainName, roots: Roots) -> Result<Certificate, Error> {
    let name = domain.clone();
    let read = tokio::task::spawn_blocking(move || shake(address, &name, &roots)).await;
    read.unwrap_or_else(|lost| Err(Error::Connect { domain: domain.clone(), address, source: io::Error::other(lost) }))
}

/// Verifies as always, and keeps what was shown.
#[derive(Debug)]
struct Keeping {
    inner: Arc<WebPkiServerVerifier>,
    shown: Mutex<Option<(Vec<u8>, usize)>>,
}

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut shown) = self.shown.lock() {
            *shown = Some((end_entity.to_vec(), intermediates.len() + 1));
        }
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn shake(address: SocketAddr, domain: &DomainName, roots: &Roots) -> Result<Certificate, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: &dyn std::fmt::Display| Error::Roots { path: None, reason: error.to_string() };
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted(roots)?), Arc::clone(&provider))
        .build()
        .map_err(|error| unusable(&error))?;
    let keeping = Arc::new(Keeping { inner, shown: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&keeping) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let failed = |source| Error::Connect { domain: domain.clone(), address, source };
    let name = ServerName::try_from(domain.as_str().to_owned()).map_err(|error| failed(io::Error::other(error)))?;
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| failed(io::Error::other(error)))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(failed)?;
    let mut verdict = Ok(());
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            verdict = Err(error);
            break;
        }
    }
    let shown = keeping.shown.lock().ok().and_then(|mut shown| shown.take());
    let Some((bytes, chain)) = shown else {
        let error = verdict.err().unwrap_or_else(|| io::Error::other("none was shown"));
        return Err(match tls_error(&error) {
            Some(alert) => Error::None { domain: domain.clone(), address, reason: alert.to_string() },
            None => failed(error),
        });
    };
    let Some(shown) = der::read(&bytes, chain) else {
        let reason = "what it shows cannot be read as a certificate".to_owned();
        return Err(Error::None { domain: domain.clone(), address, reason });
    };
    let Err(error) = verdict else { return Ok(shown) };
    let domain = domain.clone();
    Err(match tls_error(&error) {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Error::Expired { domain, shown },
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Error::Early { domain, shown }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Error::OtherName { domain, shown }
            }
            CertificateError::UnknownIssuer => Error::Untrusted { domain, shown },
            other => Error::Bad { domain, shown, reason: other.to_string() },
        },
        Some(other) => Error::Bad { domain, shown, reason: other.to_string() },
        None => Error::Connect { domain, address, source: error },
    })
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn trusted(roots: &Roots) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let (found, problem) = match roots {
        Roots::System => {
            let loaded = rustls_native_certs::load_native_certs();
            let problem = loaded.errors.first().map(ToString::to_string);
            (loaded.certs, problem)
        }
        Roots::Pem(text) => {
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
            match read {
                Ok(found) => (found, None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            }
        }
    };
    // One that cannot be read does not keep the others from being trusted.
    store.add_parsable_certificates(found);
    if store.is_empty() {
        return Err(Error::Roots { path: None, reason: problem.unwrap_or_else(|| "there is none".to_owned()) });
    }
    Ok(store)
}
