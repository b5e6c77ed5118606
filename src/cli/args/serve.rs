//! What `cgo serve` takes.

use std::net::SocketAddr;

use clap::Args;

/// Stay, and work on what front ends ask for
///
/// Takes queued runs, goes on with those that were interrupted or answered, looks for what is broken and tells people.
/// One serves a store at a time. SIGTERM stops it within ten seconds; what was being worked on goes on with the next start.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Serve {
    /// How many runs are worked on at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Where health is told and the page for secrets is; off for nowhere
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7717", value_parser = address)]
    pub health: Listen,
    /// The address under which others reach that page, such as `https://cgo.example.com`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Seconds between two looks at servers and services; 0 for never
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub check_every: u32,
    /// Talk with people over the Telegram bot of CGO_TELEGRAM_TOKEN
    #[arg(long, conflicts_with = "once")]
    pub telegram: bool,
    /// Keep the bot's token in the store, encrypted, once Telegram accepts it, and end: later it is found there
    #[arg(long, requires = "telegram")]
    pub keep_token: bool,
    /// Take the bot's updates away from a webhook they go to, before it is looked for other programs
    #[arg(long, requires = "telegram")]
    pub drop_webhook: bool,
    /// Do what there is to do now, and end
    #[arg(long)]
    pub once: bool,
    /// Print a unit for systemd that serves this store, and end
    #[arg(long, conflicts_with = "once")]
    pub systemd: bool,
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

fn address(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse().map(Listen::At).map_err(|_| "it looks like 127.0.0.1:7717, or is off".to_owned())
}
