//! What the journal costs: bytes and time per step, beside a bare append with `fdatasync` on the same disk.
//!
//! `cargo bench --bench journal [-- FOLDER]`. A step is what a node leaves behind: `node_started` (60 bytes) and
//! `node_finished` (260 bytes, with a patch of 200), in one batch. The store and the bare file take turns, so both
//! see the same disk at the same moment; medians are compared, because an `fsync` now and then takes ten times as
//! long. Durability is what cgo always uses: every append is on disk when it returns.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cgo::domain::ids::RunId;
use cgo::domain::names::ProjectName;
use cgo::domain::request::Rollout;
use cgo::domain::run::{Batch, EventRow, Holder, Request, Run, RunStatus};
use cgo::domain::time::Timestamp;
use cgo::store::{Leases, Runs, Servers, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

const STEPS: u64 = 2000;
const OPENS: usize = 200;

fn now() -> Timestamp {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp(i64::try_from(elapsed.as_millis()).expect("before the year 292 million"))
}

fn step(number: u64) -> Batch {
    let event = |seq, kind: &str, bytes: usize| EventRow {
        seq,
        at: now(),
        kind: kind.to_owned(),
        body: format!("{{\"step\":{number:06},\"patch\":\"{}\"}}", "x".repeat(bytes - 26)),
    };
    let events = vec![event(2 * number - 1, "node_started", 60), event(2 * number, "node_finished", 260)];
    Batch { events, status: Some((RunStatus::Running, None)), ..Batch::default() }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn bare(file: &mut File, batch: &Batch) {
    let mut line = Vec::new();
    for event in &batch.events {
        writeln!(line, "{} {} {} {}", event.seq, event.at.0, event.kind, event.body).expect("memory takes it");
    }
    file.write_all(&line).expect("the disk takes it");
    file.sync_data().expect("the disk keeps it");
}

async fn appends(store: &Store, folder: &Path) -> (Duration, Duration) {
    let run = Run {
        id: RunId::new(now(), 1),
        project: None,
        request: Request::Deploy {
            project: ProjectName::parse("notes").expect("a name"),
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
        created_at: now(),
        updated_at: now(),
    };
    store.create_run(&run).await.expect("a fresh store");
    let holder = Holder { host: "bench".to_owned(), boot_id: "b".to_owned(), pid: 1, started: 1 };
    let resource = format!("run:{}", run.id);
    let lease = store.acquire(&resource, &holder, "bench", 60_000, now(), &|_| false).await.expect("nobody has it");
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("bare.log")).expect("a new file");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 1..=STEPS {
        let batch = step(number);
        let started = Instant::now();
        store.append(&lease, &run.id, &batch, now()).await.expect("the lease holds");
        ours.push(started.elapsed());
        let started = Instant::now();
        bare(&mut file, &batch);
        theirs.push(started.elapsed());
    }
    (median(ours), median(theirs))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = folder.unwrap_or_else(std::env::temp_dir).join(format!("cgo-journal-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join("cgo.db");
    let url = format!("sqlite:{}", path.display());

    let started = Instant::now();
    Store::open(&url).await.expect("a new store").close().await;
    let created = started.elapsed();
    let empty = std::fs::metadata(&path).expect("it was made").len();

    let store = Store::open(&url).await.expect("the store is there");
    let (ours, theirs) = appends(&store, &folder).await;
    store.close().await;
    let full = std::fs::metadata(&path).expect("it is there").len();

    let (mut opens, mut lists, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..OPENS {
        let started = Instant::now();
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.expect("a SQLite file");
        connection.fetch_all("select handle from server order by handle").await.expect("no servers");
        connection.close().await.expect("it closes");
        plain.push(started.elapsed());
        let started = Instant::now();
        let store = Store::open(&url).await.expect("the store is there");
        opens.push(started.elapsed());
        store.servers().await.expect("no servers");
        store.close().await;
        lists.push(started.elapsed());
    }

    println!("journal: {STEPS} steps of 2 events and 320 bytes of JSON, each on disk before the next");
    let (stored, steps) = (u32::try_from(full - empty), u32::try_from(STEPS));
    let each = f64::from(stored.expect("a few MB")) / f64::from(steps.expect("a few thousand"));
    println!("  stored                 {each:>9.1} bytes a step ({full} in all, {empty} empty)");
    println!("  append, store          {:>9.1} us median", microseconds(ours));
    println!("  append, bare fdatasync {:>9.1} us median", microseconds(theirs));
    println!("  ratio                  {:>9.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    let (lists, plain) = (median(lists), median(plain));
    println!("open: {OPENS} times, the store as left by the journal");
    println!("  first open (makes it)  {:>9.1} us", microseconds(created));
    println!("  open                   {:>9.1} us median", microseconds(median(opens)));
    println!("  open, list, close      {:>9.1} us median", microseconds(lists));
    println!("  the same, bare sqlx    {:>9.1} us median", microseconds(plain));
    println!("  ratio                  {:>9.2}", lists.as_secs_f64() / plain.as_secs_f64());
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}
