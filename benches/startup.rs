//! How long a command takes from its start to its end, beside a program that does nothing else.
//!
//! `cargo bench --bench startup`. Four programs take turns, forty rounds after three that are not counted: a hello
//! world and `cgo --version`; a program that opens the store's file as cgo does (same settings, one connection of
//! sqlx), reads the servers and prints how many there are, and `cgo servers list`. Wall time from before the start to
//! after the wait, standard output thrown away. The two small programs are this one with an argument: it names
//! nothing of cgo's library, so the linker leaves the library out of it.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use support::{median, milliseconds};

const ROUNDS: usize = 40;
const NOT_COUNTED: usize = 3;
const HELLO: &str = "hello";
const HELLO_STORE: &str = "hello-store";

async fn open_and_read(path: &str) -> Result<usize, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await?;
    let servers = connection.fetch_all("select * from server order by handle").await?.len();
    connection.close().await?;
    Ok(servers)
}

fn hello_store(path: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let servers = runtime.block_on(open_and_read(path)).expect("cgo made the store");
    println!("hello, {servers} servers");
}

fn time(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let status = command.status().expect("it starts");
    let took = begun.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    took
}

fn command(program: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", home).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [HELLO] => println!("hello"),
        [HELLO_STORE, path] => hello_store(path),
        _ => compare(),
    }
}

fn compare() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let cgo = Path::new(env!("CARGO_BIN_EXE_cgo"));
    let bare = std::env::current_exe().expect("this program has a path");
    time(&mut command(cgo, home, &["servers", "list"]));
    let store = home.join(".local/share/cgo/cgo.db").display().to_string();
    let mut programs = [
        ("hello", command(&bare, home, &[HELLO]), Vec::new()),
        ("cgo --version", command(cgo, home, &["--version"]), Vec::new()),
        ("hello with the store", command(&bare, home, &[HELLO_STORE, &store]), Vec::new()),
        ("cgo servers list", command(cgo, home, &["servers", "list"]), Vec::new()),
    ];
    for round in 0..ROUNDS + NOT_COUNTED {
        for (_, command, times) in &mut programs {
            let took = time(command);
            if round >= NOT_COUNTED {
                times.push(took);
            }
        }
    }
    let medians = programs.map(|(name, _, times)| (name, median(times)));
    let megabytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len() / 100_000);
    let (size, bare_size) = (megabytes(cgo), megabytes(&bare));
    println!(
        "startup: {ROUNDS} rounds; cgo is {}.{} MB, the hello {}.{} MB",
        size / 10,
        size % 10,
        bare_size / 10,
        bare_size % 10
    );
    for pair in medians.chunks(2) {
        let [(bare, floor), (ours, took)] = pair else { continue };
        println!("  {bare:<22} {:>8.2} ms median", milliseconds(*floor));
        println!("  {ours:<22} {:>8.2} ms median", milliseconds(*took));
        println!("  ratio                  {:>8.2}    goal: 2 at most", took.as_secs_f64() / floor.as_secs_f64());
    }
}
