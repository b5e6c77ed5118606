//! Everything that can go wrong with a store, as data a caller can decide on.
//!
//! No message shows a password: places are shown by `place::Place`, and drivers are only quoted
//! where their text cannot hold the URL. `fault` tells engines' errors apart.

use std::path::PathBuf;

use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::ids::RunId;
use crate::domain::names::ProjectName;
use crate::domain::run::{Holder, IllegalMove, Lease};
use crate::domain::server;
use crate::domain::time::Timestamp;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL's scheme is neither SQLite's nor PostgreSQL's.
    #[error("`{scheme}` is not a sort of store")]
    UnknownScheme {
        /// The scheme as given.
        scheme: String,
    },
    /// The URL cannot be read.
    #[error("`{url}` is not the URL of a store: {reason}")]
    InvalidUrl {
        /// The URL without its password.
        url: String,
        /// The rule it breaks.
        reason: String,
    },
    /// The file cannot be opened or made.
    #[error("cannot open the store `{}`: {reason}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// The file is there and is not a whole SQLite file. Nothing was written to it.
    #[error("the store `{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        reason: String,
    },
    /// The file is the database of another program. Nothing was written to it.
    #[error("`{}` is a database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer cgo made the store. Nothing was written to it.
    #[error("the store `{store}` has schema {found}; this cgo knows schemas up to {known}")]
    Newer {
        /// The store.
        store: String,
        /// Its schema.
        found: i64,
        /// The newest schema this cgo knows.
        known: i64,
    },
    /// The store may be read but not written.
    #[error("the store `{store}` cannot be written: {reason}")]
    ReadOnly {
        /// The store.
        store: String,
        /// What the engine says.
        reason: String,
    },
    /// There is no room left where the store is.
    #[error("no room is left for the store `{store}`")]
    DiskFull {
        /// The store.
        store: String,
    },
    /// Others kept the store locked for longer than it is waited for.
    #[error("the store `{store}` is locked by another process")]
    Busy {
        /// The store.
        store: String,
    },
    /// The database server cannot be reached, or the connection to it was lost.
    #[error("cannot reach the store `{store}`")]
    Unreachable {
        /// The store.
        store: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database server refuses the user, the password or the database's name.
    #[error("the store `{store}` refuses to be opened: {reason}")]
    Refused {
        /// The store.
        store: String,
        /// What the server says.
        reason: String,
    },
    /// The connection was lost while a change was being committed.
    #[error("it is not known whether the last change reached the store `{store}`")]
    OutcomeUnknown {
        /// The store.
        store: String,
        /// What happened to the connection.
        #[source]
        source: sqlx::Error,
    },
    /// The engine failed in a way that should not happen.
    #[error("the store `{store}` failed")]
    Engine {
        /// The store.
        store: String,
        /// What it says.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of the store `{store}` cannot be brought up to date")]
    Migration {
        /// The store.
        store: String,
        /// What failed.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A stored value is none that cgo writes.
    #[error("the store holds `{value}` in `{table}.{column}`, which cgo does not know")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// The value, shortened and escaped.
        value: String,
    },
    /// PostgreSQL has no NUL characters in texts, so no store of cgo takes them.
    #[error("a text with a NUL character cannot be stored: `{shown}`")]
    NulCharacter {
        /// The text around the character, escaped.
        shown: String,
    },
    /// There is no such thing in the store.
    #[error("there is no {what} `{id}` in the store")]
    NotFound {
        /// The sort of thing.
        what: &'static str,
        /// The id or name that was asked for.
        id: String,
    },
    /// Another project has that name.
    #[error("a project named `{name}` exists already")]
    NameTaken {
        /// The name.
        name: ProjectName,
    },
    /// Another server has that name.
    #[error("a server named `{name}` exists already")]
    ServerTaken {
        /// The name.
        name: String,
    },
    /// Somebody else has the name, or is that already.
    #[error("the {what} `{by}` is somebody's already")]
    PersonTaken {
        /// `name` or `identity`.
        what: &'static str,
        /// The name or identity.
        by: String,
    },
    /// Nobody would be left to give rights.
    #[error("`{name}` is the last admin")]
    LastAdmin {
        /// Their name.
        name: String,
    },
    /// Projects have places on the server.
    #[error("server `{name}` carries {projects} project{}", if *projects == 1 { "" } else { "s" })]
    ServerInUse {
        /// The name.
        name: String,
        /// How many.
        projects: u32,
    },
    /// Another record has that id; whoever made it up makes up another.
    #[error("the {what} `{id}` exists already")]
    IdTaken {
        /// The sort of thing.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// Someone else changed the thing first.
    #[error("{what} changed meanwhile: expected {expected}, found {found}")]
    Conflict {
        /// The thing.
        what: String,
        /// What the caller saw before.
        expected: String,
        /// What is there now.
        found: String,
    },
    /// No port of the range is free.
    #[error(
        "no port from {first} to {last} is free on server `{server}`: {reserved} reserved, {listening} in use by others"
    )]
    PortsExhausted {
        /// The server's handle.
        server: String,
        /// The range's first port.
        first: u16,
        /// The range's last port.
        last: u16,
        /// Ports of the range that projects have reserved.
        reserved: u32,
        /// Ports of the range that are not reserved, but listened on.
        listening: u32,
    },
    /// Someone else holds the lease.
    #[error("`{}` is held by process {} on {} for {}", lease.resource, lease.holder.pid, lease.holder.host, lease.purpose)]
    LeaseHeld {
        /// The lease as it is held.
        lease: Box<Lease>,
    },
    /// The lease was lost: nothing was written.
    #[error("`{resource}` is no longer ours: {}", present(holder.as_deref()))]
    FenceLost {
        /// What the lease was on.
        resource: String,
        /// Who holds it now, if anyone.
        holder: Option<Box<Holder>>,
    },
    /// Someone answered before.
    #[error("the question was answered already by {by}")]
    AlreadyAnswered {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The run's status does not allow it.
    #[error(transparent)]
    IllegalMove(#[from] IllegalMove),
    /// A server cannot be moved on like that.
    #[error("`{name}` cannot be moved on")]
    ServerMove {
        /// The server's name.
        name: String,
        /// Why, with what is allowed.
        #[source]
        source: server::IllegalMove,
    },
    /// A server could not be set up, too often.
    #[error("`{name}` could not be set up {attempts} times in a row; the last time: {problem}")]
    AttemptsUsed {
        /// The server's name.
        name: String,
        /// How often.
        attempts: u32,
        /// Why the last time.
        problem: String,
    },
    /// A later attempt to set the server up has taken the place of this one.
    #[error("a later attempt to set up `{name}` has taken the place of this one")]
    Superseded {
        /// The server's name.
        name: String,
    },
    /// Events have to follow the newest one without a gap.
    #[error("an event numbered {found} cannot follow event {newest} of run `{run}`")]
    OutOfOrder {
        /// The run.
        run: RunId,
        /// The run's newest event.
        newest: u64,
        /// The number of the refused event.
        found: u64,
    },
    /// The run has as many events as fit; see the migration of `run_event`.
    #[error("the journal of run `{run}` is full")]
    JournalFull {
        /// The run.
        run: RunId,
    },
}

fn present(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("process {} on {} took it over", holder.pid, holder.host),
        None => "it was released".to_owned(),
    }
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownScheme { .. } | Self::InvalidUrl { .. } => Kind::Usage,
            Self::CannotOpen { .. }
            | Self::ReadOnly { .. }
            | Self::DiskFull { .. }
            | Self::Unreachable { .. }
            | Self::PortsExhausted { .. } => Kind::Preflight,
            Self::Busy { .. } | Self::LeaseHeld { .. } | Self::FenceLost { .. } | Self::Superseded { .. } => {
                Kind::Locked
            }
            Self::OutcomeUnknown { .. } => Kind::Unknown,
            Self::Damaged { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Refused { .. }
            | Self::Corrupt { .. }
            | Self::NulCharacter { .. }
            | Self::NotFound { .. }
            | Self::NameTaken { .. }
            | Self::ServerTaken { .. }
            | Self::PersonTaken { .. }
            | Self::LastAdmin { .. }
            | Self::ServerInUse { .. }
            | Self::Conflict { .. }
            | Self::AlreadyAnswered { .. }
            | Self::ServerMove { .. }
            | Self::IllegalMove(_) => Kind::User,
            Self::AttemptsUsed { .. } => Kind::Person,
            Self::Engine { .. }
            | Self::Migration { .. }
            | Self::IdTaken { .. }
            | Self::OutOfOrder { .. }
            | Self::JournalFull { .. } => Kind::Internal,
        }
    }

    fn advice(&self) -> Option<Advice> {
        let advice = match self {
            Self::UnknownScheme { .. } | Self::InvalidUrl { .. } => {
                "use `sqlite:/path/to/cgo.db` or `postgres://user@host/database` with `--store`".to_owned()
            }
            Self::CannotOpen { .. } | Self::ReadOnly { .. } => {
                "make it a file that you may write, or name another with `--store`".to_owned()
            }
            Self::Damaged { path, .. } => format!(
                "restore a copy of `{0}`, or move it away (`mv {0} {0}.damaged`) and begin with an empty store",
                path.display()
            ),
            Self::Foreign { .. } => "name another file with `--store`".to_owned(),
            Self::Newer { .. } => "update cgo".to_owned(),
            Self::DiskFull { .. } => "free some room there".to_owned(),
            Self::Busy { .. } => "wait for the other process and run the command again".to_owned(),
            Self::Unreachable { .. } => "check that PostgreSQL runs and that the host and port are right".to_owned(),
            Self::Refused { .. } => "check the user, the password and the database in the URL".to_owned(),
            Self::OutcomeUnknown { .. } => "run the command again: it finds out what was done".to_owned(),
            Self::Corrupt { .. } => "restore a copy of the store, or update cgo if a newer one wrote it".to_owned(),
            Self::NulCharacter { .. } => "take the NUL character out of the text".to_owned(),
            Self::NameTaken { .. } => "choose another name with `--name`".to_owned(),
            Self::ServerTaken { name } => format!("choose another name, or remove it: `cgo servers remove {name}`"),
            Self::ServerInUse { .. } => "move or remove them first".to_owned(),
            Self::PersonTaken { .. } => return Some(Advice::Run("cgo users list".to_owned())),
            Self::LastAdmin { .. } => "make somebody else an admin first: `cgo users role NAME admin`".to_owned(),
            Self::PortsExhausted { .. } => "remove a project from the server with `cgo project remove NAME`".to_owned(),
            Self::LeaseHeld { lease } if RunId::parse(&lease.purpose).is_ok() => {
                return Some(Advice::Run(format!("cgo run watch {}", lease.purpose)));
            }
            Self::LeaseHeld { .. } | Self::FenceLost { .. } => "wait until the other process is done".to_owned(),
            Self::AttemptsUsed { name, .. } => {
                format!("put it right, and run `cgo servers provision {name} --again`")
            }
            Self::ServerMove { name, source } => return Some(Advice::Run(source.status.next_command(name))),
            Self::Superseded { name } => return Some(Advice::Run(format!("cgo servers show {name}"))),
            Self::Conflict { .. } => "look at what is there now and run the command again".to_owned(),
            Self::NotFound { what: "project", .. } => return Some(Advice::Run("cgo project list".to_owned())),
            Self::NotFound { what: "run", .. } => return Some(Advice::Run("cgo run list".to_owned())),
            Self::NotFound { what: "server", .. } => return Some(Advice::Run("cgo servers list".to_owned())),
            Self::NotFound { .. }
            | Self::Engine { .. }
            | Self::Migration { .. }
            | Self::IdTaken { .. }
            | Self::AlreadyAnswered { .. }
            | Self::IllegalMove(_)
            | Self::OutOfOrder { .. }
            | Self::JournalFull { .. } => return None,
        };
        Some(Advice::Do(advice))
    }
}
