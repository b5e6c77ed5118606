//! The short works of an operator on an application as it stands: stopping, starting, holding, its log.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::report::{Held, fields};
use super::shell::{exported, quoted};
use super::{App, Error};
use crate::remote::caddy;
use crate::remote::host::{Payload, failed};

const OPERATE: &str = include_str!("sh/operate.sh");
/// How long a host is waited for that has no new line to tell.
const FOLLOW: Duration = Duration::from_secs(50);
/// Longest stop time of a release, and then some.
const LIMIT: Duration = Duration::from_mins(3);

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Everything that runs ends; what serves is remembered.
    Stop,
    /// What should serve runs again.
    Start,
    /// What serves ends and is started anew. It is meant to run all the while, whatever cuts that off.
    Restart,
    /// All of it goes: releases, logs, data.
    Remove,
    /// Nobody may change it until it is released. Another's hold stays.
    Hold,
    /// It may be changed again, if whoever says so has held it.
    Unhold,
    /// It may be changed again, whoever has held it.
    Break,
    /// Visitors are told to come back later.
    Maintain,
    /// Visitors are let in again.
    Admit,
}

impl Work {
    fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Remove => "remove",
            Self::Hold => "hold",
            Self::Unhold => "unhold",
            Self::Break => "break",
            Self::Maintain => "maintain",
            Self::Admit => "admit",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Stop => "stop the application",
            Self::Start => "start the application",
            Self::Restart => "restart the application",
            Self::Remove => "remove the application",
            Self::Hold => "hold the application",
            Self::Unhold | Self::Break => "release the application",
            Self::Maintain | Self::Admit => "change the maintenance mode",
        }
    }
}

impl App<'_> {
    /// Does it, and waits until it is so. False when there was nothing to do it to.
    ///
    /// # Errors
    /// [`Error::Held`]; what the host fails with.
    pub async fn operate(
        &self,
        work: Work,
        owner: &str,
        purpose: &str,
        cancel: &CancellationToken,
    ) -> Result<bool, Error> {
        let told = format!("p_owner={}\np_purpose={}\n", quoted(owner), quoted(purpose));
        let script = self
            .script(work.what(), OPERATE, &[caddy::FUNCTIONS], "operator", work.word())
            .payload(Payload::Bytes(told.into_bytes()))
            .deadline(LIMIT)
            .harmless();
        let answer = self.host.run(&script, cancel).await?;
        let text = answer.stdout.text();
        let said = |word: &str| text.lines().filter_map(fields).find(|(said, _)| *said == word);
        match answer.code {
            0 => Ok(said("nothing").is_none()),
            5 => {
                let held = said("held").map(|(_, fields)| Held::parse(&fields)).unwrap_or_default();
                Err(Error::Held { host: self.host.name().to_owned(), held })
            }
            9 => {
                let cause = said("cause").and_then(|(_, fields)| fields.get(1).map(|&cause| cause.to_owned()));
                Err(Error::newer(self.host.name(), cause.unwrap_or_default()))
            }
            code => Err(failed(self.host.name(), work.what(), code, &answer.stderr).into()),
        }
    }

    /// Tells a deployment whose release serves, and whose old one still runs, to go back to that at once. `forced` is what
    /// cannot be undone and is gone back across all the same, for the record of the host.
    ///
    /// # Errors
    /// What the host fails with.
    pub async fn recall(
        &self,
        op: &str,
        owner: &str,
        forced: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let forced =
            forced.map_or_else(String::new, |forced| format!("p_purpose={}\n", quoted(&format!("forced: {forced}"))));
        let script = self
            .script("call a release back", OPERATE, &[], op, "recall")
            .payload(Payload::Bytes(format!("p_owner={}\n{forced}", quoted(owner)).into_bytes()))
            .harmless();
        self.host.run_ok(&script, cancel).await?;
        Ok(())
    }

    /// Keeps the lease of a deployment that waits for its other hosts. One that was taken by somebody else stays theirs.
    ///
    /// # Errors
    /// What the host fails with.
    pub async fn keep(&self, op: &str, cancel: &CancellationToken) -> Result<(), Error> {
        let script = self.script("keep the lease", OPERATE, &[], op, "keep").harmless();
        self.host.run_ok(&script, cancel).await?;
        Ok(())
    }

    /// The variables of the release that serves; among them are secrets. None before one serves.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn variables(&self, cancel: &CancellationToken) -> Result<BTreeMap<String, String>, Error> {
        let script = self.script("say its variables", OPERATE, &[], "operator", "variables").keep(4 * 1024 * 1024);
        let answer = self.host.run_ok(&script.harmless(), cancel).await?;
        Ok(exported(&answer.stdout.text()))
    }

    /// The last lines of the release that serves, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn log(&self, lines: usize, cancel: &CancellationToken) -> Result<Vec<String>, Error> {
        let script = self.script("show its log", OPERATE, &[], "operator", "logs").arg(lines.to_string()).harmless();
        let answer = self.host.run_ok(&script, cancel).await?;
        Ok(answer.stdout.text().lines().map(str::to_owned).collect())
    }

    /// Passes on the last lines of the release that serves and then each new one, also of the next release, until
    /// `cancel`. A connection that is lost is made again.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn follow(
        &self,
        lines: usize,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let mut at = String::new();
        while !cancel.is_cancelled() {
            let script = self
                .script("follow its log", OPERATE, &[], "operator", "follow")
                .arg(at.clone())
                .arg(lines.to_string())
                .deadline(FOLLOW)
                .harmless();
            let answer = match self.host.run_ok(&script, cancel).await {
                Ok(answer) => answer,
                Err(_) if cancel.is_cancelled() => break,
                Err(error) => return Err(error.into()),
            };
            let text = answer.stdout.text();
            let (place, new) = text.split_once('\n').unwrap_or((&text, ""));
            place.clone_into(&mut at);
            for line in new.lines() {
                on_line(line);
            }
        }
        Ok(())
    }
}
