//! What orchestration costs: cgo, LangGraph and the floor, interleaved, against one server that thinks for no time.
//!
//! `cargo bench --bench orchestration -- --kit FOLDER [--python PYTHON] [--seconds N] [--store FOLDER]`, or with
//! `CGO_BENCH_KIT` and `CGO_BENCH_PYTHON`. The kit is the folder with `perfkit/` (built) and `lg_bench.py`; without a
//! Python that has LangGraph, name none and it is left out.
//!
//! The workload: product_owner → (zavhoz ∥ architect → developer ⇄ tester, which fails once) → devops → documenter;
//! 9 visits, 18 requests, 16 of them one after the other; prompts of 2 kB, 4 tools, results of 300 bytes. cgo runs it on
//! its own engine, journal, ledger (with a price and a budget) and wire; everything is on disk before a tool changes
//! the world outside, and at the end. Each party has a process that stays, on one core; samples take turns, and a
//! sample counts as quiet when the rest of the machine took less than 8 % of it. CPU time is the process's own.

mod kit;
mod ours;
mod workload;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kit::{Kit, Serving, Stub, number, told};
use serde_json::Value;

/// Runs in one sample: of a slow party, and of a fast one.
const FEW: usize = 5;
const MANY: usize = 40;
/// The most of the machine others may take in a quiet sample.
const QUIET: f64 = 0.08;
/// How often the start of a process is timed.
const STARTS: usize = 15;
/// How often many at once are timed.
const TURNS: usize = 3;

/// What one sample said: latency and CPU time a run in milliseconds, and the share of others.
type Sample = (f64, f64, f64);

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The busy time of all cores, in ticks of a hundredth of a second.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").expect("Linux");
    let fields: Vec<f64> = text
        .lines()
        .next()
        .expect("a line")
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    fields.iter().take(8).sum::<f64>() - fields[3] - fields[4]
}

/// The time a process and, with `children`, those it has waited for were at work.
fn worked(pid: u32, children: bool) -> f64 {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    let rest = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    fields[11..if children { 15 } else { 13 }].iter().sum()
}

/// Takes a sample and watches what others do meanwhile.
fn sample(stub: &Stub, pid: Option<u32>, take: impl FnOnce() -> (f64, f64)) -> Sample {
    let ours =
        || worked(stub.pid(), false) + worked(std::process::id(), true) + pid.map_or(0.0, |pid| worked(pid, false));
    let (busy_before, ours_before, begun) = (busy(), ours(), Instant::now());
    let (latency, cpu) = take();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ticks = begun.elapsed().as_secs_f64() * 100.0 * f64::from(u32::try_from(cores).expect("a few cores"));
    let others = (busy() - busy_before - (ours() - ours_before)).max(0.0) / ticks;
    (latency, cpu, others)
}

struct Settings {
    kit: Kit,
    seconds: u64,
    folder: PathBuf,
}

fn settings() -> Result<Settings, String> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str, variable: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1).cloned()).or_else(|| std::env::var(variable).ok())
    };
    let folder = given("--kit", "CGO_BENCH_KIT")
        .ok_or("name the folder of the bench kit with `--kit FOLDER` or CGO_BENCH_KIT; nothing was measured")?;
    let python = given("--python", "CGO_BENCH_PYTHON").map(PathBuf::from);
    let seconds = given("--seconds", "CGO_BENCH_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(60);
    let store = given("--store", "CGO_BENCH_STORE").map_or_else(std::env::temp_dir, PathBuf::from);
    Ok(Settings { kit: Kit::find(Path::new(&folder), python)?, seconds, folder: store })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if ours::main(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        return;
    }
    match settings() {
        Ok(settings) => compare(&settings),
        Err(missing) => println!("orchestration: {missing}"),
    }
}

fn compare(settings: &Settings) {
    let Settings { kit, seconds, folder } = settings;
    let folder = tempfile::tempdir_in(folder).expect("the folder can be written");
    let folder = folder.path();
    let stub = kit.stub();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("orchestration: 9 visits, 18 requests a run; load before: {}", load.trim());
    one_at_a_time(kit, &stub, folder, Duration::from_secs(*seconds));
    many_at_once(kit, &stub, folder);
    starts(kit, &stub, folder);
}

fn one_at_a_time(kit: &Kit, stub: &Stub, folder: &Path, time: Duration) {
    let store = folder.join("serve.db");
    let mut cgo = Serving::start(Kit::cgo("cgo-serve", stub, &store));
    let react = format!("sqlite:{}", folder.join("react.db").display());
    let mut langgraph = kit.langgraph(stub, "serve", "react", &react).map(Serving::start);
    let mut samples: [Vec<Sample>; 4] = Default::default();
    let end = Instant::now() + time;
    let mut round = 0;
    while Instant::now() < end {
        round += 1;
        samples[0].push(sample(stub, Some(cgo.pid()), || cgo.runs(MANY)));
        if let Some(langgraph) = &mut langgraph {
            samples[1].push(sample(stub, Some(langgraph.pid()), || langgraph.runs(FEW)));
        }
        for (at, place) in
            [(2, "none".to_owned()), (3, format!("{}", folder.join(format!("floor{round}.db")).display()))]
        {
            samples[at].push(sample(stub, None, || {
                let said = kit.floor(stub, MANY, 1, &place, "barrier");
                (number(&said, "lat_med_ms"), number(&said, "cpu_us_per_unit") / 1e3)
            }));
        }
    }
    println!("\none run at a time, {round} rounds: medians of quiet samples, of all in brackets");
    println!("  {:<28} {:>16} {:>20} {:>20} {:>8} {:>8}", "", "quiet of all", "latency ms", "CPU ms", "x lat", "x CPU");
    let names = ["cgo", "LangGraph react + SQLite", "floor, no store", "floor, SQLite, barrier"];
    let figures = samples.map(|samples| {
        let quiet: Vec<&Sample> = samples.iter().filter(|sample| sample.2 < QUIET).collect();
        let of = |pick: fn(&Sample) -> f64| {
            (middle(quiet.iter().map(|sample| pick(sample)).collect()), middle(samples.iter().map(pick).collect()))
        };
        (quiet.len(), samples.len(), of(|sample| sample.0), of(|sample| sample.1))
    });
    let best = |(quiet, all): (f64, f64)| if quiet.is_nan() { all } else { quiet };
    let (ours_latency, ours_cpu) = (best(figures[0].2), best(figures[0].3));
    for (name, (quiet, all, latency, cpu)) in names.iter().zip(figures) {
        if all == 0 {
            println!("  {name:<28} left out: no Python was named with --python");
            continue;
        }
        println!(
            "  {name:<28} {:>16} {:>11.2} ({:.2}) {:>11.2} ({:.2}) {:>8.2} {:>8.2}",
            format!("{quiet}/{all}"),
            latency.0,
            latency.1,
            cpu.0,
            cpu.1,
            best(latency) / ours_latency,
            best(cpu) / ours_cpu,
        );
    }
    println!("  goals: 5 ms and 2.6 ms; 30 and 55 times less than LangGraph");
}

/// Makes a store with the agents in it.
fn prepare(stub: &Stub, store: &Path) {
    let status = Kit::cgo("cgo-prepare", stub, store).status().expect("it starts");
    assert!(status.success(), "the store cannot be prepared: {status}");
}

/// What many runs at once came to: runs a second, CPU time a run in milliseconds, the most memory in MB.
#[derive(Default)]
struct Many {
    pace: Vec<f64>,
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

impl Many {
    fn of_cgo(&mut self, said: &Value) {
        self.pace.push(number(said, "runs_per_s"));
        self.cpu.push(number(said, "cpu_ms_per_run"));
        self.memory.push(number(said, "peak_kb") / 1024.0);
    }

    fn of_floor(&mut self, said: &Value) {
        self.pace.push(number(said, "units") / number(said, "wall_s"));
        self.cpu.push(number(said, "cpu_us_per_unit") / 1e3);
        self.memory.push(number(said, "maxrss_kb") / 1024.0);
    }

    fn print(&self, name: &str, goal: &str) {
        let of = |values: &Vec<f64>| middle(values.clone());
        let (pace, cpu, memory) = (of(&self.pace), of(&self.cpu), of(&self.memory));
        println!("  {name:<34} {pace:>8.1} runs/s {cpu:>7.2} ms CPU a run {memory:>7.1} MB{goal}");
    }
}

fn many_at_once(kit: &Kit, stub: &Stub, folder: &Path) {
    println!("\nmany at once, one core, {TURNS} turns: medians");
    let run = |name: &str, runs: usize, at_once: usize| {
        let store = folder.join(name);
        prepare(stub, &store);
        told(Kit::cgo("cgo-bench", stub, &store).args([runs.to_string(), at_once.to_string()]))
    };
    let sizes = [(1, 1, "    goal: 10 MB"), (1000, 100, "    goal: 450 runs/s"), (500, 500, "    goal: 45 MB")];
    let mut figures: [(Many, Many); 3] = Default::default();
    for turn in 0..TURNS {
        for ((runs, at_once, _), (cgo, floor)) in sizes.iter().zip(&mut figures) {
            cgo.of_cgo(&run(&format!("cgo-{at_once}-{turn}.db"), *runs, *at_once));
            let place = folder.join(format!("floor-{at_once}-{turn}.db")).display().to_string();
            floor.of_floor(&kit.floor(stub, *runs, *at_once, &place, "barrier"));
        }
    }
    for ((_, at_once, goal), (cgo, floor)) in sizes.iter().zip(&figures) {
        cgo.print(&format!("cgo, {at_once} at once"), goal);
        floor.print(&format!("floor, SQLite, barrier, {at_once} at once"), "");
    }
    let react = format!("sqlite:{}", folder.join("react-hundred.db").display());
    if let Some(mut langgraph) = kit.langgraph(stub, "bench", "react", &react) {
        let said = told(langgraph.args(["--runs", "100", "--conc", "100", "--warm", "1"]));
        println!(
            "  {:<34} {:>8.1} runs/s {:>7.2} ms CPU a run",
            "LangGraph react + SQLite, 100 at once",
            number(&said, "runs_per_s"),
            number(&said, "cpu_ms_per_run")
        );
    }
    let size = run("size.db", 200, 1);
    let empty = folder.join("empty.db");
    prepare(stub, &empty);
    let empty = std::fs::metadata(&empty).map_or(0, |file| file.len());
    let bytes = number(&size, "store_bytes") - f64::from(u32::try_from(empty).unwrap_or(0));
    println!("  store: {:.1} kB a run    goal: 30 kB", bytes / number(&size, "runs") / 1e3);
}

fn starts(kit: &Kit, stub: &Stub, folder: &Path) {
    println!("\nfrom the start of a process, {STARTS} times: medians");
    let store = folder.join("starts.db");
    prepare(stub, &store);
    let (mut first, mut again, mut end, mut floor) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for turn in 0..STARTS {
        first.push(stub.first_request(&mut Kit::cgo("cgo-kill", stub, &store)).0);
        let (request, done) = stub.first_request(&mut Kit::cgo("cgo-resume", stub, &store));
        again.push(request);
        end.push(done);
        let place = folder.join(format!("floor-start{turn}.db")).display().to_string();
        floor.push(stub.first_request(&mut kit.floor_command(stub, 1, 1, &place, "barrier")).0);
    }
    println!("  cgo: first request           {:>8.2} ms    goal: 10 ms", middle(first));
    println!(
        "  cgo: resume after SIGKILL    {:>8.2} ms    goal: 10 ms (to the end of the run {:.2} ms)",
        middle(again),
        middle(end)
    );
    println!("  floor: first request         {:>8.2} ms", middle(floor));
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let checkpoints = format!("sqlite:{}", folder.join(format!("start{round}.db")).display());
        let Some(mut killed) = kit.langgraph(stub, "kill", "react", &checkpoints) else { return };
        let Some(mut resumed) = kit.langgraph(stub, "resume", "react", &checkpoints) else { return };
        first.push(stub.first_request(killed.args(["--thread", "t"])).0);
        again.push(stub.first_request(resumed.args(["--thread", "t"])).0);
    }
    println!("  LangGraph: first request     {:>8.2} ms", middle(first));
    println!("  LangGraph: resume            {:>8.2} ms", middle(again));
}
