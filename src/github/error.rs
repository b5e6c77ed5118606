//! What can go wrong with GitHub, by who acts next.

use std::time::Duration;

use super::access::VARIABLES;
use crate::domain::diagnose::{Advice, Diagnose, Kind};

/// Why GitHub was not asked, did not answer, or refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no token.
    #[error("GitHub needs a token and there is none: {} and {} are not set", VARIABLES[0], VARIABLES[1])]
    NoToken,
    /// The token cannot be sent.
    #[error("the token in {variable} holds characters that no token has")]
    BadToken {
        /// The variable.
        variable: &'static str,
    },
    /// The address of the API makes no sense.
    #[error("the address of GitHub's API `{address}` {why}")]
    BadAddress {
        /// The address, without a password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// GitHub does not know the token.
    #[error("GitHub refuses the token in {variable}: {said}")]
    TokenRefused {
        /// The variable.
        variable: &'static str,
        /// GitHub's words.
        said: String,
    },
    /// The token is good, and not for this.
    #[error("the token in {variable} may not {doing}: {said}")]
    Forbidden {
        /// The variable.
        variable: &'static str,
        /// What was asked for.
        doing: String,
        /// GitHub's words.
        said: String,
        /// What the token needs, where GitHub says it: `administration=write`, `repo`, or an address to open.
        needs: Option<String>,
    },
    /// Too many requests.
    #[error("GitHub limits the rate ({}): {said}", limit(*secondary))]
    RateLimited {
        /// Many at once, rather than many an hour.
        secondary: bool,
        /// How long it wants to be left alone, where it says so.
        after: Option<Duration>,
        /// GitHub's words.
        said: String,
    },
    /// It is not there, or the token may not see it: GitHub does not tell which.
    #[error("there is no {what} at GitHub, or the token has no access to it")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A repository of that name is there and was not made for this project.
    #[error("the name `{full_name}` is taken at GitHub")]
    NameTaken {
        /// Owner and name.
        full_name: String,
    },
    /// The repository is there and takes no changes.
    #[error("the repository `{full_name}` is archived")]
    Archived {
        /// Owner and name.
        full_name: String,
    },
    /// GitHub finds the request wrong.
    #[error("GitHub cannot {doing}: {said}")]
    Invalid {
        /// What was asked for.
        doing: String,
        /// GitHub's words.
        said: String,
        /// What is wrong is that the name is taken.
        name_taken: bool,
    },
    /// The repository has no commit yet.
    #[error("the repository `{full_name}` is empty")]
    Empty {
        /// Owner and name.
        full_name: String,
    },
    /// A redirect leads to another machine, where the token must not go.
    #[error("GitHub redirects to `{to}`, where the token must not go")]
    Elsewhere {
        /// The machine, or the address.
        to: String,
    },
    /// GitHub refuses for another reason.
    #[error("GitHub refuses to {doing} with status {status}: {said}")]
    Refused {
        /// What was asked for.
        doing: String,
        /// The status.
        status: u16,
        /// GitHub's words.
        said: String,
    },
    /// GitHub failed.
    #[error("GitHub failed with status {status}: {said}")]
    Upstream {
        /// The status.
        status: u16,
        /// GitHub's words.
        said: String,
    },
    /// No connection, or one that broke.
    #[error("no connection to GitHub: {said}")]
    Network {
        /// What happened.
        said: String,
        /// The request may have arrived.
        sent: bool,
    },
    /// Nothing came in time.
    #[error("GitHub did not answer in time: {said}")]
    Timeout {
        /// What was waited for.
        said: String,
    },
    /// What came is no answer of GitHub's.
    #[error("this is no answer of GitHub's: {said}")]
    NotGitHub {
        /// What came instead.
        said: String,
    },
    /// It is not known whether it happened.
    #[error("it is not known whether GitHub did {doing}")]
    Unknown {
        /// What was asked for.
        doing: String,
        /// What happened.
        #[source]
        source: Box<Error>,
    },
    /// Nobody wants the answer any more.
    #[error("the question to GitHub was withdrawn")]
    Cancelled,
}

fn limit(secondary: bool) -> &'static str {
    if secondary { "too many at once" } else { "too many an hour" }
}

impl Error {
    /// Asking again later may help, without anything being changed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Upstream { .. } | Self::Network { .. } | Self::Timeout { .. } => true,
            Self::NoToken
            | Self::BadToken { .. }
            | Self::BadAddress { .. }
            | Self::TokenRefused { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::Archived { .. }
            | Self::Invalid { .. }
            | Self::Empty { .. }
            | Self::Elsewhere { .. }
            | Self::Refused { .. }
            | Self::NotGitHub { .. }
            | Self::Unknown { .. }
            | Self::Cancelled => false,
        }
    }

    /// A request that changes something may have arrived and been done all the same.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Upstream { .. } | Self::Timeout { .. } | Self::NotGitHub { .. } | Self::Unknown { .. } => true,
            Self::Network { sent, .. } => *sent,
            _ => false,
        }
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::BadAddress { .. } => Kind::Usage,
            Self::Unknown { .. } => Kind::Unknown,
            Self::Cancelled => Kind::Interrupted,
            Self::NoToken
            | Self::BadToken { .. }
            | Self::TokenRefused { .. }
            | Self::Forbidden { .. }
            | Self::RateLimited { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::Archived { .. }
            | Self::Invalid { .. }
            | Self::Empty { .. }
            | Self::Elsewhere { .. }
            | Self::Refused { .. }
            | Self::Upstream { .. }
            | Self::Network { .. }
            | Self::Timeout { .. }
            | Self::NotGitHub { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let run = |command: &str| Some(Advice::Run(command.to_owned()));
        let say = |text: String| Some(Advice::Do(text));
        match self {
            Self::NoToken => run("export GITHUB_TOKEN=$(gh auth token)"),
            Self::BadToken { variable } => say(format!("set {variable} again, without line breaks or quotes")),
            Self::BadAddress { .. } | Self::NotGitHub { .. } => {
                say("set CGO_GITHUB_API to an address such as https://github.example.com/api/v3".to_owned())
            }
            Self::TokenRefused { variable, .. } => {
                say(format!("make a new token at GitHub (Settings, Developer settings) and set {variable} to it"))
            }
            Self::Forbidden { needs: Some(needs), .. } if needs.starts_with("https://") => {
                say(format!("allow the token at {needs}"))
            }
            Self::Forbidden { needs: Some(needs), variable, .. } => {
                say(format!("give the token in {variable} {needs}"))
            }
            Self::Forbidden { needs: None, variable, .. } => {
                say(format!("see with `cgo doctor` what the token in {variable} may do"))
            }
            Self::RateLimited { after: Some(after), .. } => {
                say(format!("wait {} s and run the command again", after.as_secs().max(1)))
            }
            Self::RateLimited { after: None, .. }
            | Self::Upstream { .. }
            | Self::Network { .. }
            | Self::Timeout { .. }
            | Self::Unknown { .. } => say("run `cgo run resume` when GitHub answers again".to_owned()),
            Self::NotFound { .. } => say("see with `cgo doctor` whose token it is and what it may do".to_owned()),
            Self::NameTaken { .. } => say("choose another name or owner".to_owned()),
            Self::Archived { .. } => say("unarchive it at GitHub, or choose another name".to_owned()),
            Self::Elsewhere { .. } => {
                say("set CGO_GITHUB_API to the address it redirects to, if you trust it".to_owned())
            }
            Self::Invalid { .. } | Self::Empty { .. } | Self::Refused { .. } | Self::Cancelled => None,
        }
    }
}
