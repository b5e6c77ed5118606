//! A certificate for a trial: asked of an authority whom no visitor trusts, from here, while the servers answer for the
//! names as they will when the real one is asked. Nothing of it stays: not the certificate, not its key, not the proofs.

mod wire;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error as Asked, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    Problem, RetryPolicy,
};
use tokio_util::sync::CancellationToken;

use super::{COMMON, Caddy, Error as Untold, FUNCTIONS, code};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::domain_name::DomainName;

const TAKE: &str = include_str!("take.sh");
const PUT: &str = include_str!("put.sh");
/// `$1` the root folder, `$2` what [`PUT`] printed.
const TAKE_AWAY: &str = r#"trial_ends "$2""#;
/// How long an authority may take to look, and to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(45));
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(100);
/// Where Caddy keeps what it has to show an authority that it was never told of by name.
const OF_ITS_OWN: &str = "acme-v02.api.letsencrypt.org-directory";

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The address of its directory.
    pub directory: String,
    /// A file of this machine with the certificate it proves itself with, where the system does not know it.
    pub root: Option<PathBuf>,
    /// The directory that the servers' Caddy is told to ask; none for Caddy's own choice.
    pub served: Option<String>,
}

/// A server that the names lead to.
pub struct Answering<'a> {
    /// Its Caddy.
    pub caddy: Caddy<'a>,
    /// Something listens on its port of plain HTTP.
    pub listens: bool,
}

/// Why a trial gave no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority looked, and would sign nothing.
    #[error("`{directory}` refuses a certificate for trials of {subject}: {reason}")]
    Refused {
        /// Its directory.
        directory: String,
        /// The name, or all of them.
        subject: String,
        /// Why, in its words.
        reason: String,
    },
    /// It could not be asked, or did not say anything: that tells nothing about the names.
    #[error("`{directory}` cannot be asked: {reason}")]
    Unasked {
        /// Its directory.
        directory: String,
        /// Why.
        reason: String,
    },
    /// A server cannot answer it now.
    #[error(transparent)]
    Server(#[from] Untold),
    /// Somebody ended it.
    #[error("the trial was cancelled")]
    Cancelled,
}

impl Error {
    /// Whether it tells that the real certificate would be refused, too.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } => Kind::Preflight,
            Self::Unasked { .. } => Kind::User,
            Self::Server(error) => error.kind(),
            Self::Cancelled => Kind::Interrupted,
        }
    }

    fn advice(&self) -> Option<Advice> {
        match self {
            Self::Refused { .. } => Some(Advice::Do(
                "see that the name leads to the server for the whole internet, that port 80 is open to everybody, and that \
                 no CAA record of the name forbids the authority"
                    .to_owned(),
            )),
            Self::Unasked { .. } | Self::Cancelled => None,
            Self::Server(error) => error.advice(),
        }
    }
}

/// What a server shows for a name.
struct Proof {
    name: String,
    token: String,
    text: String,
}

/// Orders a certificate of names, has the servers answer for them, and throws it away.
///
/// # Errors
/// [`Error`]; whichever, nothing is left on the servers.
pub async fn order(
    authority: &Authority,
    names: &[DomainName],
    servers: &[Answering<'_>],
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let mut put = Vec::new();
    let work = async {
        let unasked = |error: Asked| unasked(authority, &error);
        let http = wire::Wire::new(authority)?;
        let account = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let (account, _) = Account::builder_with_http(Box::new(http))
            .create(&account, authority.directory.clone(), None)
            .await
            .map_err(unasked)?;
        let wanted: Vec<Identifier> = names.iter().map(|name| Identifier::Dns(name.to_string())).collect();
        let mut order =
            account.new_order(&NewOrder::new(&wanted)).await.map_err(|error| told(authority, names, error))?;
        let proofs = proofs(&mut order).await.map_err(unasked)?;
        if !proofs.is_empty() {
            let tried = join_all(servers.iter().map(|server| server.put(authority, &proofs, cancel))).await;
            // Each that was put is known before the first that was not ends this.
            for (at, folder) in tried.into_iter().enumerate() {
                put.push((at, folder));
            }
            if let Some(at) = put.iter().position(|(_, folder)| folder.is_err()) {
                let (_, folder) = put.swap_remove(at);
                folder?;
            }
            ready(&mut order).await.map_err(unasked)?;
        }
        let looked = order.poll_ready(&PATIENCE).await;
        if !matches!(looked, Ok(OrderStatus::Ready)) {
            let reason = refusal(&mut order).await.map_err(unasked)?;
            return Err(match (reason, looked) {
                (Some((name, problem)), _) => refused(authority, format!("`{name}`"), &problem),
                (None, Err(error)) => told(authority, names, error),
                (None, Ok(status)) => Error::Unasked {
                    directory: authority.directory.clone(),
                    reason: format!("the order stands at `{status:?}`"),
                },
            });
        }
        order.finalize().await.map_err(|error| told(authority, names, error))?;
        order.poll_certificate(&PATIENCE).await.map_err(|error| told(authority, names, error))?;
        Ok(())
    };
    let done = tokio::select! {
        done = tokio::time::timeout(LIMIT, work) => done.unwrap_or_else(|_| Err(Error::Unasked {
            directory: authority.directory.clone(),
            reason: format!("nothing is decided after {} s", LIMIT.as_secs()),
        })),
        () = cancel.cancelled() => Err(Error::Cancelled),
    };
    // Also what a cancelled trial put is taken away; if that cannot be done it goes by itself.
    let never = CancellationToken::new();
    join_all(put.iter().filter_map(|(at, folder)| Some(servers[*at].take(folder.as_ref().ok()?, &never)))).await;
    done
}

/// What is to be shown for the names of an order that are not proven.
async fn proofs(order: &mut Order) -> Result<Vec<Proof>, Asked> {
    let mut proofs = Vec::new();
    let mut each = order.authorizations();
    while let Some(one) = each.next().await {
        let mut one = one?;
        if one.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = one.challenge(ChallengeType::Http01).ok_or(Asked::Unsupported("proof over HTTP"))?;
        proofs.push(Proof {
            name: challenge.identifier().to_string(),
            token: challenge.token.clone(),
            text: challenge.key_authorization().as_str().to_owned(),
        });
    }
    Ok(proofs)
}

/// Tells the authority that it may look.
async fn ready(order: &mut Order) -> Result<(), Asked> {
    let mut each = order.authorizations();
    while let Some(one) = each.next().await {
        let mut one = one?;
        if let Some(mut challenge) = one.challenge(ChallengeType::Http01) {
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// The first name of an order that was not found to be proven, and why.
async fn refusal(order: &mut Order) -> Result<Option<(String, Problem)>, Asked> {
    let mut each = order.authorizations();
    while let Some(one) = each.next().await {
        let mut one = one?;
        let state = one.refresh().await?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return Ok(Some((state.identifier().to_string(), problem)));
        }
    }
    Ok(None)
}

fn unasked(authority: &Authority, error: &Asked) -> Error {
    Error::Unasked { directory: authority.directory.clone(), reason: crate::net::cause(error) }
}

/// What an authority says to an order as a whole.
fn told(authority: &Authority, names: &[DomainName], error: Asked) -> Error {
    // That it is busy, or has had enough of whoever asks, says nothing about the names.
    const OF_ITSELF: [&str; 3] = ["rateLimited", "serverInternal", "badNonce"];
    match error {
        Asked::Api(problem)
            if !problem.r#type.as_deref().is_some_and(|sort| OF_ITSELF.iter().any(|word| sort.ends_with(word))) =>
        {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            refused(authority, names.join(" and "), &problem)
        }
        error => unasked(authority, &error),
    }
}

fn refused(authority: &Authority, subject: String, problem: &Problem) -> Error {
    let detail = problem.detail.clone().unwrap_or_else(|| problem.to_string());
    let inner = problem.subproblems.iter().filter_map(|one| one.detail.clone());
    let reason = std::iter::once(detail).chain(inner).collect::<Vec<_>>().join("; ");
    Error::Refused { directory: authority.directory.clone(), subject, reason: crate::net::text::line(&reason) }
}

impl Answering<'_> {
    /// Has the server show proofs, for two minutes at the most. The folder that says what to take away.
    async fn put(&self, authority: &Authority, proofs: &[Proof], cancel: &CancellationToken) -> Result<String, Untold> {
        const WHAT: &str = "answer an authority for a trial";
        let listens = if self.listens { "yes" } else { "no" };
        let mut authorities = vec![OF_ITS_OWN.to_owned()];
        authorities.extend(authority.served.as_deref().map(folder_of).filter(|folder| folder != OF_ITS_OWN));
        let lines: Vec<String> =
            proofs.iter().map(|proof| format!("{} {} {}", proof.name, proof.token, proof.text)).collect();
        let args = [self.caddy.root.to_owned(), listens.to_owned(), authorities.join(" "), lines.join("\n")];
        let script = self.caddy.script(WHAT, &[COMMON, FUNCTIONS, TAKE, PUT], args);
        let answer = self.caddy.host.run(&script, cancel).await?;
        match answer.code {
            0 => Ok(answer.text().trim().to_owned()),
            code::TAKEN => Err(Untold::Taken { host: self.caddy.host.name().to_owned() }),
            code::UNPROVED => {
                Err(Untold::NoStart { host: self.caddy.host.name().to_owned(), evidence: answer.stderr.last_lines(3) })
            }
            _ => Err(self.caddy.error(WHAT, &answer, None)),
        }
    }

    async fn take(&self, folder: &str, cancel: &CancellationToken) {
        const WHAT: &str = "end a trial";
        let args = [self.caddy.root.to_owned(), folder.to_owned()];
        let script = self.caddy.script(WHAT, &[TAKE, TAKE_AWAY], args).harmless();
        // What is not taken away goes by itself.
        let _ = self.caddy.host.run(&script, cancel).await;
    }
}

/// The folder of Caddy's storage for an authority: host and path of its directory, in letters that any disk takes.
fn folder_of(directory: &str) -> String {
    let address = directory.split_once("://").map_or(directory, |(_, rest)| rest);
    let address = address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let joined = address.replace(['/', '\\', ':'], "-").to_lowercase();
    joined.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '.' | '-')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storage_of_an_authority_is_named_as_caddy_names_it() {
        assert_eq!(folder_of("https://acme-v02.api.letsencrypt.org/directory"), OF_ITS_OWN);
        assert_eq!(folder_of("https://127.0.0.1:14000/dir/"), "127.0.0.1-14000-dir");
    }

    #[test]
    fn only_a_word_about_the_names_is_a_verdict() {
        let authority = Authority { directory: "https://ca.example/dir".to_owned(), root: None, served: None };
        let names = [DomainName::parse("a.example.com").unwrap()];
        let says = |sort: &str| {
            let problem = Problem {
                r#type: Some(format!("urn:ietf:params:acme:error:{sort}")),
                detail: Some("no".to_owned()),
                status: Some(403),
                subproblems: Vec::new(),
            };
            told(&authority, &names, Asked::Api(problem))
        };
        assert!(says("caa").is_verdict() && says("rejectedIdentifier").is_verdict());
        assert!(says("caa").to_string().contains("of `a.example.com`: no"));
        assert!(!says("rateLimited").is_verdict() && !says("serverInternal").is_verdict());
        assert!(!told(&authority, &names, Asked::Timeout(None)).is_verdict());
    }
}
