//! Identifiers that cgo makes: short, sortable by time, safe in a path and easy to type.
//!
//! An id is a prefix and twelve characters: six of time in seconds, six of chance. They are unique in a
//! store by its primary keys, not by the chance alone: whoever inserts one retries with another.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::InvalidName;
use super::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Seconds from the Unix epoch to the beginning of 2026, when ids begin to count.
const EPOCH_SECONDS: i64 = 1_767_225_600;

fn encode(mut number: u64, out: &mut [u8]) {
    for place in out.iter_mut().rev() {
        *place = ALPHABET[(number % 32) as usize];
        number /= 32;
    }
}

/// The twelve characters for that moment and that chance; only the low 30 bits of `random` are used.
fn body(at: Timestamp, random: u32) -> String {
    let seconds = u64::try_from(at.0 / 1000 - EPOCH_SECONDS).unwrap_or(0);
    let mut characters = [0_u8; 12];
    encode(seconds, &mut characters[..6]);
    encode(u64::from(random), &mut characters[6..]);
    characters.iter().map(|byte| char::from(*byte)).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $type:ident, $prefix:literal, $sort:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// What every id of this sort begins with.
            pub const PREFIX: &str = $prefix;

            /// A new id from a moment and a random number.
            #[must_use]
            pub fn new(at: Timestamp, random: u32) -> Self {
                Self(format!("{}{}", $prefix, body(at, random)).into())
            }

            /// Parses a whole id.
            ///
            /// # Errors
            /// [`InvalidName`] when the prefix, the length or a character is wrong.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let ok = text.strip_prefix($prefix).is_some_and(|rest| {
                    rest.len() == 12 && rest.bytes().all(|byte| ALPHABET.contains(&byte))
                });
                if ok {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName {
                        shown: text.chars().take(40).flat_map(char::escape_debug).collect(),
                        sort: $sort,
                        reason: concat!("it looks like `", $prefix, "3k8d0xq7m2v1`").to_owned(),
                    })
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "[0-9a-hjkmnp-tv-z]{12}$") })
            }
        }
    };
}

id!(
    /// A project in the store.
    ProjectId, "prj-", "project id"
);
id!(
    /// A server in the store.
    ServerId, "srv-", "server id"
);
id!(
    /// One passage through the pipeline.
    RunId, "run-", "run id"
);
id!(
    /// One version of a project, built to be started.
    ReleaseId, "rel-", "release id"
);
id!(
    /// A question or an approval a run waits for.
    AskId, "ask-", "question id"
);

id!(
    /// An agent tried alone, without a run.
    TrialId, "trial-", "trial id"
);

id!(
    /// Something that broke.
    IncidentId, "inc-", "incident id"
);

id!(
    /// One attempt to set up a server.
    SetupId, "set-", "set-up id"
);

id!(
    /// Somebody who may use the store through a front end.
    UserId, "usr-", "user id"
);

id!(
    /// An invitation to become a user.
    InvitationId, "inv-", "invitation id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_parse_back() {
        let early = RunId::new(Timestamp(1_800_000_000_000), u32::MAX);
        let late = RunId::new(Timestamp(1_800_000_001_000), 0);
        assert!(early < late);
        assert_eq!(RunId::parse(early.as_str()).unwrap(), early);
    }

    #[test]
    fn other_texts_are_not_ids() {
        for bad in ["", "run-", "run-../../etc/p", "prj-000000000000", "run-00000000000l", "run-0000000000000"] {
            assert!(RunId::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
