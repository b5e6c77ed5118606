//! cgo's side, in processes of its own. One JSON line on standard output for what was asked.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use super::workload::{KILL, Party};

/// Runs that are not counted.
const WARM: usize = 3;

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().expect("no process began before it"),
        time.tv_nsec.try_into().expect("less than a second"),
    )
    .as_secs_f64()
}

/// The most memory there was, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn stored(store: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(store)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

async fn timed(party: &Party) -> f64 {
    let begun = Instant::now();
    party.run().await;
    begun.elapsed().as_secs_f64() * 1e3
}

/// For each number on standard input, so many runs one after the other.
async fn serve(stub: &str, store: &Path) {
    let party = Party::open(stub, store).await;
    for _ in 0..WARM {
        party.run().await;
    }
    println!("ready");
    std::io::stdout().flush().expect("somebody listens");
    for line in std::io::stdin().lock().lines() {
        let count: u32 = line.expect("a line").trim().parse().expect("a number");
        let (cpu_before, begun, mut times) = (cpu(), Instant::now(), Vec::new());
        for _ in 0..count {
            times.push(timed(&party).await);
        }
        let each = (cpu() - cpu_before) * 1e3 / f64::from(count);
        println!(
            "{}",
            json!({ "lat_med_ms": middle(times), "wall_s": begun.elapsed().as_secs_f64(), "cpu_ms_per_run": each })
        );
        std::io::stdout().flush().expect("somebody listens");
    }
}

/// So many runs, so many of them at once.
async fn bench(stub: &str, store: &Path, runs: usize, at_once: usize) {
    let party = Party::open(stub, store).await;
    let party = Rc::new(party);
    let warm = if runs > 1 { WARM } else { 0 };
    for _ in 0..warm {
        party.run().await;
    }
    let left = Rc::new(AtomicUsize::new(runs));
    let (cpu_before, begun) = (cpu(), Instant::now());
    let workers = (0..at_once).map(|_| {
        let (party, left) = (Rc::clone(&party), Rc::clone(&left));
        async move {
            let mut times = Vec::new();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                times.push(timed(&party).await);
            }
            times
        }
    });
    let times: Vec<f64> = futures_util::future::join_all(workers).await.concat();
    let (wall, spent) = (begun.elapsed().as_secs_f64(), cpu() - cpu_before);
    let counted = f64::from(u32::try_from(runs).expect("a few thousand"));
    let peak = peak();
    Rc::into_inner(party).expect("all are done").close().await;
    println!(
        "{}",
        json!({
            "runs_per_s": counted / wall,
            "cpu_ms_per_run": spent * 1e3 / counted,
            "lat_med_ms": middle(times),
            "peak_kb": peak,
            "store_bytes": stored(store),
            "runs": runs + warm,
        })
    );
}

/// Does what the arguments say; false when they are not for this side.
pub fn main(arguments: &[&str]) -> bool {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let number = |text: &str| text.parse().expect("a number");
    match *arguments {
        ["cgo-prepare", stub, store] => {
            runtime().block_on(async { Party::open(stub, Path::new(store)).await.close().await });
        }
        ["cgo-serve", stub, store] => runtime().block_on(serve(stub, Path::new(store))),
        ["cgo-bench", stub, store, runs, at_once] => {
            runtime().block_on(bench(stub, Path::new(store), number(runs), number(at_once)));
        }
        ["cgo-kill", stub, store] => {
            KILL.store(true, Ordering::Relaxed);
            runtime().block_on(async { Party::open(stub, Path::new(store)).await.run().await });
        }
        ["cgo-resume", stub, store] => {
            runtime().block_on(async {
                let party = Party::open(stub, Path::new(store)).await;
                party.resume().await;
                party.close().await;
            });
        }
        _ => return false,
    }
    true
}
