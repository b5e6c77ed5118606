//! A look at a host and an application before anything is done to them: one script.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::report::{Held, fields};
use super::{App, Error};
use crate::domain::deployment::{Driver, Slot};
use crate::domain::host::Rights;
use crate::remote::host;
use crate::remote::image::Sort;

const SURVEY: &str = include_str!("sh/survey.sh");
const WHAT: &str = "say how the application stands";

/// How a host and an application on it stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of the answer that is there or not")]
pub struct Survey {
    /// Kilobytes that are free where releases live.
    pub disk_kb: u64,
    /// Files that can still be made there; none where the file system does not count them.
    pub inodes: Option<u64>,
    /// Why the folder of cgo cannot be written to.
    pub unwritable: Option<String>,
    /// What runs its releases, or is to.
    pub driver: Option<Driver>,
    /// The container engine of the driver `container`, and whether it answers through sudo only.
    pub engine: Option<(Sort, Rights)>,
    /// What the driver or the engine needs and the host does not have.
    pub missing: Vec<String>,
    /// TCP ports that are listened on.
    pub listening: Vec<u16>,
    /// The slot that visitors are sent to, and the release in it.
    pub serving: Option<(Slot, String)>,
    /// It was stopped by an operator.
    pub stopped: bool,
    /// Visitors are told that it is being worked on.
    pub maintenance: bool,
    /// The slots something was ever started in.
    pub slots: Vec<SlotSeen>,
    /// Who has the application.
    pub held: Option<Held>,
    /// Who left an operation half done.
    pub left: Option<Held>,
    /// Its releases, newest first.
    pub releases: Vec<ReleaseSeen>,
    /// The operation that was asked about is worked on.
    pub working: bool,
    /// The operation that was asked about has sent visitors to its release.
    pub flipped: bool,
    /// Kilobytes its releases take.
    pub releases_kb: u64,
}

/// How a slot stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSeen {
    /// Which.
    pub slot: Slot,
    /// The release in it.
    pub release: String,
    /// Its port.
    pub port: Option<u16>,
    /// What its driver says: `running`, `exited`, `stopped`, …
    pub state: String,
    /// More about it: an exit code, a limit.
    pub detail: String,
}

/// How a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSeen {
    /// Its id.
    pub id: String,
    /// All of it is there.
    pub built: bool,
    /// `good`, `bad`, or neither.
    pub status: String,
    /// Why it is bad.
    pub reason: String,
}

impl Survey {
    /// The slot a new release goes to: the one that does not serve.
    #[must_use]
    pub fn idle_slot(&self) -> Slot {
        self.serving.as_ref().map_or(Slot::Blue, |(slot, _)| slot.other())
    }

    /// How the slot that serves stands.
    #[must_use]
    pub fn active(&self) -> Option<&SlotSeen> {
        let (slot, _) = self.serving.as_ref()?;
        self.slots.iter().find(|seen| seen.slot == *slot)
    }
}

impl App<'_> {
    /// Looks at the host and the application, in one round trip. Changes nothing.
    ///
    /// # Errors
    /// When the host cannot be asked, or its answer makes no sense.
    pub async fn survey(&self, op: &str, cancel: &CancellationToken) -> Result<Survey, Error> {
        self.look(op, "survey", cancel).await
    }

    /// The same for a deployment that is about to begin: the folder of cgo is made where it is missing.
    ///
    /// # Errors
    /// Like [`Self::survey`].
    pub async fn prepare(&self, cancel: &CancellationToken) -> Result<Survey, Error> {
        self.look("none", "prepare", cancel).await
    }

    async fn look(&self, op: &str, word: &str, cancel: &CancellationToken) -> Result<Survey, Error> {
        let script = self.script(WHAT, SURVEY, &[], op, word).deadline(Duration::from_secs(30)).harmless();
        let answer = self.host.run_ok(&script, cancel).await?;
        let text = answer.stdout.text();
        parse(&text).ok_or_else(|| {
            let reason = text.chars().take(200).collect();
            host::Error::Strange { host: self.host.name().to_owned(), what: WHAT, reason }.into()
        })
    }
}

fn slot(word: &str) -> Option<Slot> {
    Slot::ALL.into_iter().find(|slot| slot.as_str() == word)
}

fn parse(text: &str) -> Option<Survey> {
    let mut seen = Survey::default();
    let (mut whole, mut disk) = (false, false);
    for (word, fields) in text.lines().filter_map(fields) {
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        match word {
            // The first line of `df` is its heading.
            "disk" => {
                if let Ok(free) = field(0).parse() {
                    seen.disk_kb = free;
                    disk = true;
                }
            }
            "inodes" => seen.inodes = field(0).parse().ok().or(seen.inodes),
            "root" => seen.unwritable = Some(field(0)).filter(|said| *said != "yes").map(str::to_owned),
            "driver" => seen.driver = Driver::ALL.into_iter().find(|driver| driver.as_str() == field(0)),
            "engine" => {
                let sort = [Sort::Docker, Sort::Podman].into_iter().find(|sort| sort.program() == field(0));
                let rights = if field(1) == "sudo" { Rights::Sudo } else { Rights::Plain };
                seen.engine = sort.map(|sort| (sort, rights));
            }
            "missing" => seen.missing.push(field(0).to_owned()),
            "listens" => seen.listening.extend(field(0).parse::<u16>()),
            "serving" => seen.serving = slot(field(0)).map(|slot| (slot, field(1).to_owned())),
            "stopped" => seen.stopped = true,
            "maintenance" => seen.maintenance = true,
            "slot" => seen.slots.push(SlotSeen {
                slot: slot(field(0))?,
                release: field(1).to_owned(),
                port: field(2).parse().ok(),
                state: field(3).to_owned(),
                detail: field(4).to_owned(),
            }),
            "held" => seen.held = Some(Held::parse(&fields)),
            "left" => seen.left = Some(Held::parse(&fields)),
            "release" => seen.releases.push(ReleaseSeen {
                id: field(0).to_owned(),
                built: field(1) == "yes",
                status: field(2).to_owned(),
                reason: field(3).to_owned(),
            }),
            "working" => seen.working = true,
            "flipped" => seen.flipped = true,
            "reclaim" => seen.releases_kb = field(0).parse().unwrap_or(0),
            // Said last.
            "end" => whole = true,
            _ => {}
        }
    }
    // Ids begin with their time.
    seen.releases.sort_by(|one, other| other.id.cmp(&one.id));
    (whole && disk).then_some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_is_read_whole_or_not_at_all() {
        let text = "@disk\tAvailable\n@disk\t2048\n@inodes\t-\n@root\tyes\n@listens\t22\n@serving\tgreen\trel-1\n\
                    @slot\tgreen\trel-1\t8102\trunning\t0\n@left\trun-1\tanna\tdeployment\t\t\n@release\trel-1\tyes\tgood\t\n\
                    @end\n";
        let seen = parse(text).unwrap();
        assert_eq!((seen.disk_kb, seen.inodes, seen.unwritable.clone()), (2048, None, None));
        assert_eq!(seen.idle_slot(), Slot::Blue);
        assert_eq!(seen.active().unwrap().port, Some(8102));
        assert_eq!(seen.left.unwrap().owner, "anna");
        assert!(parse("@disk\t1\n").is_none());
        assert!(parse("").is_none());
    }
}
