//! What `cgo users` takes.

use clap::{Subcommand, ValueEnum};

use crate::domain::spec::Language;
use crate::domain::user::{Identity, Role};

/// People beside the operator, and what they may do
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Users {
    /// List people, invitations, and strangers that were refused
    List,
    /// Add somebody whose id at a front end is known
    Add {
        /// What they are called
        name: String,
        /// Who they are at a front end: telegram:ID
        #[arg(long, required = true, value_name = "SERVICE:ID", value_parser = identity)]
        identity: Vec<Identity>,
        /// What they may do
        #[arg(long, value_enum, default_value = "member")]
        role: RoleArg,
        /// The language they are answered in; that of what they write if not given
        #[arg(long, value_enum)]
        language: Option<LanguageArg>,
    },
    /// Make a link that lets one person in, once
    Invite {
        /// What they may do
        #[arg(long, value_enum, default_value = "member")]
        role: RoleArg,
        /// What they are called; as the front end's service says if not given
        #[arg(long)]
        name: Option<String>,
        /// How many hours it is good
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=720))]
        expires: u16,
    },
    /// Remove somebody; what was theirs is the operator's
    Remove {
        /// Their name
        name: String,
    },
    /// Change what somebody may do
    Role {
        /// Their name
        name: String,
        /// What they may do from now on
        #[arg(value_enum)]
        role: RoleArg,
    },
    /// Change how somebody is answered and told
    Set {
        /// Their name
        name: String,
        /// The language they are answered in
        #[arg(long, value_enum)]
        language: Option<LanguageArg>,
        /// The chat they are told in: its id, or off
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        chat: Option<String>,
        /// When they are told only what is critical, such as 22:00-08:00; or off
        #[arg(long, value_name = "FROM-TO")]
        quiet_hours: Option<String>,
        /// The time zone of the quiet hours
        #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "quiet_hours")]
        time_zone: String,
    },
}

fn identity(text: &str) -> Result<Identity, String> {
    let read = text.split_once(':').and_then(|(service, id)| Identity::of_parts(service, id));
    read.ok_or_else(|| "it looks like telegram:123456789".to_owned())
}

/// What somebody may do
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Everything, people included
    Admin,
    /// Their own projects
    Member,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Self::Admin,
            RoleArg::Member => Self::Member,
        }
    }
}

/// A language
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LanguageArg {
    /// English
    En,
    /// Russian
    Ru,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::En => Self::En,
            LanguageArg::Ru => Self::Ru,
        }
    }
}
