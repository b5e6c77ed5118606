//! Why somebody is refused, or people cannot be changed.

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::user::{BadName, Identity, Right};
use crate::store;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody here knows them. The attempt was counted.
    #[error("`{identity}` is not known here")]
    Stranger {
        /// Who, so that they can ask an admin to be let in.
        identity: Identity,
        /// How often they have come.
        attempts: u64,
    },
    /// It could not be found out who they are: that is a refusal, too.
    #[error("it cannot be found out who `{identity}` is")]
    Lookup {
        /// Who.
        identity: Identity,
        /// Why.
        #[source]
        source: store::Error,
    },
    /// They are known, and may not do that.
    #[error("`{who}` may not {}{}", right.words(), about.as_ref().map(|about| format!(" (`{about}`)")).unwrap_or_default())]
    Forbidden {
        /// Their name.
        who: String,
        /// What they tried.
        right: Right,
        /// With what: the name of a project, the id of a run.
        about: Option<String>,
    },
    /// There is no user of that name.
    #[error("there is no user `{name}`")]
    NoSuchUser {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A text is no name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// There is no invitation with that code.
    #[error("there is no such invitation")]
    NotInvited,
    /// The invitation has ended.
    #[error("the invitation has ended")]
    InvitationOver,
    /// Somebody has used the invitation.
    #[error("the invitation was used already")]
    InvitationUsed,
    /// The machine knows no such time zone.
    #[error("`{0}` is not a time zone")]
    Zone(String),
}

impl Error {
    /// Why somebody is refused, where that is what it says.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Stranger { .. } | Self::Lookup { .. } | Self::Forbidden { .. })
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Stranger { .. }
            | Self::Forbidden { .. }
            | Self::NoSuchUser { .. }
            | Self::NotInvited
            | Self::InvitationOver
            | Self::InvitationUsed => Kind::User,
            Self::Lookup { source, .. } => source.kind(),
            Self::Name(_) | Self::Zone(_) => Kind::Usage,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let say = |text: String| Some(Advice::Do(text));
        match self {
            Self::Stranger { identity, .. } => say(format!(
                "an admin lets you in with `cgo users invite`, or `cgo users add NAME --identity {identity}`"
            )),
            Self::Lookup { source, .. } => source.advice(),
            Self::Forbidden { .. } => say("ask its owner, or an admin".to_owned()),
            Self::NoSuchUser { known, .. } if known.is_empty() => Some(Advice::Run("cgo users invite".to_owned())),
            Self::NoSuchUser { known, .. } => say(format!("the users are {}", known.join(", "))),
            Self::Name(_) => say("choose another name".to_owned()),
            Self::NotInvited | Self::InvitationOver | Self::InvitationUsed => {
                say("ask an admin for a new one: `cgo users invite`".to_owned())
            }
            Self::Zone(_) => say("name one as `Europe/Berlin`".to_owned()),
        }
    }
}
