//! One story of the store, told on SQLite and on PostgreSQL: every function of every trait, and the races and
//! broken inputs that have to end well.
//!
//! A story is an async function of a [`Place`]; [`on_both`] makes a test of it for each engine.

mod calls;
mod incidents;
mod journal;
mod leases;
mod notices;
mod opening;
mod people;
mod placements;
mod queue;
mod records;
mod secrets;
mod setups;
mod standing;
mod statements;
mod telegram;
mod waiting;

use cgo::domain::ids::{AskId, ProjectId, ReleaseId, RunId, ServerId};
use cgo::domain::names::ProjectName;
use cgo::domain::project::{Project, ProjectStatus};
use cgo::domain::request::Rollout;
use cgo::domain::run::{EventRow, Holder, Lease, Request, Run, RunStatus};
use cgo::domain::server::{LOCAL, Server, ServerStatus};
use cgo::domain::spec::Module;
use cgo::domain::time::Timestamp;
use cgo::store::{Leases, Projects, Runs, Servers, Store};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::postgres::Postgres;

/// Makes a test of each story on each engine.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::store_story::Place::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $story() {
                if let Some(place) = $crate::store_story::Place::postgres().await {
                    super::$story(&place).await;
                }
            })*
        }
    };
}
use on_both;

/// An empty place for a store, gone when dropped.
struct Place {
    url: String,
    /// The folder of a SQLite store.
    _folder: Option<tempfile::TempDir>,
    server: Option<&'static Postgres>,
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("home/cgo.db").display());
        Self { url, _folder: Some(folder), server: None }
    }

    async fn postgres() -> Option<Self> {
        let server = Postgres::shared()?;
        let url = server.url(&server.database().await);
        Some(Self { url, _folder: None, server: Some(server) })
    }

    async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    async fn meddle(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.server.is_some() {
            let options: sqlx::postgres::PgConnectOptions = self.url.parse().unwrap();
            let mut connection = options.connect().await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let options: sqlx::sqlite::SqliteConnectOptions = self.url.parse().unwrap();
            let mut connection = options.connect().await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// A text with everything a store has to keep: quotes, control characters, a line end of each sort, an emoji of
/// several code points, an unassigned character, a placeholder.
const ODD: &str = "it's \"odd\" \\ $1 ? :x %_ \t\r\n\u{1}\u{7f}\u{85}\u{2028} ёж 👩‍👩‍👧 \u{10ffff} ";

fn at(ms: i64) -> Timestamp {
    Timestamp(1_800_000_000_000 + ms)
}

fn project(number: u32, name: &str) -> Project {
    Project {
        id: ProjectId::new(at(0), number),
        name: ProjectName::parse(name).unwrap(),
        title: ODD.to_owned(),
        description: String::new(),
        folder: "/srv/notes".to_owned(),
        modules: vec![Module::Backend],
        status: ProjectStatus::Building,
        owner: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn local(number: u32) -> Server {
    Server {
        id: ServerId::new(at(0), number),
        handle: LOCAL.to_owned(),
        address: "127.0.0.1".to_owned(),
        status: ServerStatus::Ready,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn run(number: u32) -> Run {
    Run {
        id: run_id(number),
        project: None,
        request: Request::Deploy {
            project: ProjectName::parse("notes").unwrap(),
            sandbox: None,
            server: None,
            rollout: Rollout::default(),
            cassette: None,
        },
        status: RunStatus::Queued,
        reason: None,
        asked_by: None,
        forked_from: None,
        seq: 0,
        created_at: at(i64::from(number)),
        updated_at: at(i64::from(number)),
    }
}

fn run_id(number: u32) -> RunId {
    RunId::new(at(0), number)
}

fn ask_id(number: u32) -> AskId {
    AskId::new(at(0), number)
}

fn release_id(number: u32) -> ReleaseId {
    ReleaseId::new(at(0), number)
}

fn event(seq: u64) -> EventRow {
    EventRow { seq, at: at(seq.cast_signed()), kind: "noted".to_owned(), body: format!("{{\"n\":{seq}}}") }
}

fn holder(pid: u32) -> Holder {
    Holder { host: "fra1".to_owned(), boot_id: "b".to_owned(), pid, started: u64::from(pid) * 10 }
}

fn alive(_: &Holder) -> bool {
    false
}

/// A run in the store and the lease to write to it.
async fn leased_run(store: &Store, number: u32) -> (Run, Lease) {
    let run = run(number);
    store.create_run(&run).await.unwrap();
    let lease =
        store.acquire(&format!("run:{}", run.id), &holder(number), run.id.as_str(), 1000, at(0), &alive).await.unwrap();
    (run, lease)
}

/// A project and the local server, both in the store.
async fn placed_project(store: &Store, number: u32, name: &str) -> (Project, Server) {
    let project = project(number, name);
    store.create_project(&project).await.unwrap();
    (project, store.ensure_server(&local(number)).await.unwrap())
}
