//! A private PostgreSQL server for tests, from Debian's binaries: a data folder of its own, a free port, no fsync,
//! gone with the test process.
//!
//! PostgreSQL refuses to run as root, so as root it is started as `postgres` (or `nobody`). Where it is not
//! installed, tests that need it say so and are skipped; with `CGO_TEST_REQUIRE_ALL=1` they fail.

use std::io::{BufRead as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

/// The superuser; it may log in without a password.
const ADMIN: &str = "cgo";
/// A user who needs [`PASSWORD`].
pub const USER: &str = "locked";
/// That user's password; no message may ever show it.
pub const PASSWORD: &str = "hunter2-correct";

/// Runs the server until its input ends, which it does with the process that holds the other end, even when that
/// is killed; then the server goes and its folders with it.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$1; shift
"$@" 2>"$folder/log" &
read -r _
kill -INT $!
wait
rm -rf "$folder"
"#;

/// A running server.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// Held for as long as the server should live.
    _input: ChildStdin,
}

/// Whoever runs the server's programs.
struct Account {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// The server that the tests of this process share, started by the first of them; none where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// When it is missing and `CGO_TEST_REQUIRE_ALL=1`, or does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        let Some(programs) = programs() else {
            let why = "skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)";
            assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none_or(|value| value != "1"), "{why}");
            // Straight to the terminal: the test harness keeps back what a passing test prints.
            let _ = writeln!(std::io::stderr(), "{why}");
            return None;
        };
        Some(SHARED.get_or_init(|| Self::start(&programs)))
    }

    fn start(programs: &Path) -> Self {
        let account = account();
        let mut log = String::new();
        for _ in 0..5 {
            let folder = folder(account.as_ref());
            let data = folder.join("data");
            let mut initdb = program(Command::new("setpriv"), &programs.join("initdb"), account.as_ref());
            initdb.args(["--username", ADMIN, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]);
            let made = initdb.arg("-D").arg(&data).output().expect("initdb runs");
            assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
            let rules = format!("local all {USER} scram-sha-256\nhost all {USER} all scram-sha-256\n");
            std::fs::write(data.join("pg_hba.conf"), rules + "local all all trust\nhost all all 127.0.0.1/32 trust\n")
                .expect("the data folder is there");

            let port = free_port();
            let mut keeper = Command::new("sh");
            keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).arg("setpriv");
            let mut keeper = program(keeper, &programs.join("postgres"), account.as_ref());
            keeper.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-p", &port.to_string()]);
            for setting in ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "max_connections=200"] {
                keeper.args(["-c", setting]);
            }
            let mut keeper = keeper
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a shell starts");
            let input = keeper.stdin.take().expect("it was asked for");
            if is_up(&mut keeper, &folder) {
                return Self { folder, port, databases: AtomicU32::new(0), _input: input };
            }
            log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        }
        panic!("PostgreSQL did not start: {log}");
    }

    /// The port it listens on at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database and returns its name.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut admin = self.admin().await;
        admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.expect("a new database");
        admin.close().await.expect("the connection closes");
        name
    }

    /// Makes the user who needs a password, unless it is there.
    pub async fn user(&self) {
        let mut admin = self.admin().await;
        let made = admin.execute(sqlx::AssertSqlSafe(format!("create role {USER} login password '{PASSWORD}'"))).await;
        if let Err(error) = made {
            let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            assert_eq!(code.as_deref(), Some("42710"), "{error}");
        }
        admin.close().await.expect("the connection closes");
    }

    /// The URL of a database, through the socket.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ADMIN}@localhost:{}/{database}?host={}", self.port, self.folder.display())
    }

    /// Whether a text stands in the files of a database, also in versions of rows nobody sees any more, in the server's
    /// log, or in what it has written ahead. The latter two are those of all databases: a text is to be one test's alone.
    pub async fn holds(&self, database: &str, text: &str) -> bool {
        let mut admin = self.admin().await;
        admin.execute("checkpoint").await.expect("everything is written");
        let number: String = sqlx::query_scalar("select oid::text from pg_database where datname = $1")
            .bind(database)
            .fetch_one(&mut admin)
            .await
            .expect("the database is there");
        admin.close().await.expect("the connection closes");
        let data = self.folder.join("data");
        let folders = [data.join("base").join(number), data.join("pg_wal")];
        let files =
            folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder of the server").flatten());
        let mut files = files.map(|entry| entry.path()).chain([self.folder.join("log")]);
        // The server takes away what it wrote ahead and needs no more, also while this looks.
        files.any(|file| std::fs::read(file).is_ok_and(|bytes| stands_in(&bytes, text.as_bytes())))
    }

    async fn admin(&self) -> PgConnection {
        let options: PgConnectOptions = self.url("postgres").parse().expect("the URL is whole");
        options.connect().await.expect("the server is up")
    }
}

/// Whether a text stands in some bytes, of which there may be a great many.
fn stands_in(mut bytes: &[u8], text: &[u8]) -> bool {
    let (first, rest) = text.split_first().expect("a text is not empty");
    while bytes.skip_until(*first).expect("memory can be read") > 0 {
        if bytes.starts_with(rest) {
            return true;
        }
    }
    false
}

/// The folder of the newest installed server programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path))?.join("bin");
    newest.join("postgres").exists().then_some(newest)
}

/// Whom to run as; none unless this process is root.
fn account() -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the list of users is readable");
    ["postgres", "nobody"].into_iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

/// Adds a program that runs under the account to `setpriv`'s arguments.
fn program(mut setpriv: Command, path: &Path, account: Option<&Account>) -> Command {
    if let Some(account) = account {
        setpriv.args(["--reuid", &account.uid.to_string(), "--regid", &account.gid.to_string(), "--clear-groups"]);
    }
    setpriv.arg(path);
    setpriv.env_remove("PGDATA").env_remove("PGHOST").env_remove("PGPORT").current_dir("/").stdin(Stdio::null());
    setpriv
}

/// A folder for the account alone; the keeper removes it.
fn folder(account: Option<&Account>) -> PathBuf {
    let folder = tempfile::Builder::new().prefix("cgo-pg-").tempdir().expect("a folder for temporary files").keep();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("the folder is ours");
    if let Some(account) = account {
        chown(&folder, Some(account.uid), Some(account.gid)).expect("root may give a folder away");
    }
    folder
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until the server takes connections; false when it gave up (its port was taken meanwhile).
fn is_up(keeper: &mut Child, folder: &Path) -> bool {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        // The last line of this file says `ready` once the server takes connections.
        let ready = std::fs::read_to_string(folder.join("data/postmaster.pid"))
            .is_ok_and(|text| text.lines().last().is_some_and(|line| line.trim() == "ready"));
        if ready {
            return true;
        }
        let failed = std::fs::read_to_string(folder.join("log")).is_ok_and(|log| log.contains("FATAL"));
        if failed || !matches!(keeper.try_wait(), Ok(None)) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
