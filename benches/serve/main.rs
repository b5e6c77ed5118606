//! What `cgo serve` takes while nothing happens, and how soon it reacts.
//!
//! `cargo bench --bench serve`, against the Bot API server of the tests, which holds every question for updates for as long
//! as it is asked to.
//!
//! - [`idle`]: two processes, one after the other, each on a store of its own: `cgo serve`, and `cgo serve --telegram`.
//!   After a few seconds to come to rest, thirty are looked at: the processor time in them (user and system), the memory at
//!   their end (resident, and what no other process shares), and how often Telegram was asked. Wanted: under 30 MB and
//!   0.5 % of one core.
//! - [`reaction`]: fifty people write at the same moment, in rounds; how long until each chat sees that something happens
//!   (typing, or a message). Wanted: within 200 ms, by the median of the rounds' 95th percentiles.
//!
//! It fails when one of them takes more.

mod idle;
mod reaction;
#[expect(dead_code, reason = "the tests say and press more than this")]
#[path = "../../tests/it/telegram/server/mod.rs"]
mod telegram;

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

/// A process that is ended when it was looked at.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    fn start(home: &Path, api: Option<&str>) -> Self {
        let mut command = cgo(home);
        command.args(["serve", "--health", "127.0.0.1:0"]).args(api.map(|_| "--telegram"));
        command.envs(api.map(|api| ("CGO_TELEGRAM_API", api)));
        command.envs(api.map(|_| ("CGO_TELEGRAM_TOKEN", telegram::TOKEN)));
        Self(command.spawn().expect("the program starts"))
    }
}

/// The program, with a home of its own.
fn cgo(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cgo"));
    command.env_clear().env("HOME", home).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn main() -> ExitCode {
    let reacts = reaction::look();
    let rests = idle::look();
    if reacts && rests { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
