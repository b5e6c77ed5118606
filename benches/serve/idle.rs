//! What `cgo serve` takes while nothing happens, with and without a bot.

use std::time::Duration;

use super::Serving;
use super::telegram::Telegram;

const REST: Duration = Duration::from_secs(5);
const LOOKED_AT: Duration = Duration::from_secs(30);
/// The most memory, in MB.
const MEMORY: f64 = 30.0;
/// The most of one core, in percent.
const SHARE: f64 = 0.5;

impl Serving {
    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).expect("it runs")
    }

    /// User and system time until now.
    fn processor(&self) -> Duration {
        let stat = self.read("stat");
        // What stands before it may have any letters in its name.
        let (_, fields) = stat.rsplit_once(") ").expect("it has a name");
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).expect("it is small")
    }

    /// A line of its memory, in MB.
    fn memory(&self, file: &str, name: &str) -> f64 {
        let text = self.read(file);
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
        let kb: f64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number");
        kb / 1024.0
    }
}

/// Whether both took little enough.
pub fn look() -> bool {
    let server = Telegram::start();
    let mut holds = true;
    let api = server.api();
    for (name, api) in [("cgo serve", None), ("cgo serve --telegram", Some(api.as_str()))] {
        let home = tempfile::tempdir().expect("a folder");
        let serving = Serving::start(home.path(), api);
        if api.is_some() {
            server.wait("the bot to ask for updates", |world| {
                world.asked.iter().any(|asked| asked.method == "getUpdates").then_some(())
            });
        }
        std::thread::sleep(REST);
        let (before, asked) = (serving.processor(), server.world().asked.len());
        std::thread::sleep(LOOKED_AT);
        let took = serving.processor().saturating_sub(before);
        let share = took.as_secs_f64() / LOOKED_AT.as_secs_f64() * 100.0;
        let (resident, own) = (serving.memory("status", "VmRSS"), serving.memory("smaps_rollup", "Private_Dirty"));
        let asked = server.world().asked.len() - asked;
        let processor = took.as_millis();
        println!(
            "{name:<21} {resident:5.1} MB resident, {own:4.1} MB its own, {processor:4} ms of {} s ({share:.2} % of a core), {asked} questions to Telegram",
            LOOKED_AT.as_secs()
        );
        if resident >= MEMORY || share >= SHARE {
            eprintln!("error: `{name}` takes more than {MEMORY} MB or {SHARE} % of a core");
            holds = false;
        }
    }
    holds
}
