//! Where a project is placed: what it needs, what servers have, and which one takes it.
//!
//! [`choose`] and, where the servers are named, [`choose_all`] are the whole decision, without IO. Room counts twice, and both counts have to suffice: what was measured,
//! less what projects may still take that are not running yet; and what the machine has in all, less everything that is
//! reserved on it, whether it is used at this moment or not. On `local`, somebody's own machine, only what is measured
//! counts. What was not measured lately is unknown, not free.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::host::{Facts, Rights};
use super::ids::{ProjectId, ServerId};
use super::names::{InvalidName, ServerName};
use super::server::{LOCAL, Server, ServerStatus};
use super::time::Timestamp;

/// How long what was found on a server is trusted, in milliseconds.
pub const FRESH_MS: i64 = 5 * 60 * 1000;
/// Memory a service may take that says nothing, in megabytes: what is reserved for it, and what it is limited to.
pub const MEMORY_MB: u32 = 512;
/// Disk a project may take when it says nothing, in megabytes: a few releases with their dependencies.
pub const DISK_MB: u64 = 1024;
/// Of a machine's memory and disk, the part in a hundred that is left to the system.
const SYSTEM_PERCENT: u64 = 10;

/// The word for [`Wish::Any`].
const AUTO: &str = "auto";

/// Where somebody wants a project to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Wish {
    /// On the server with the most room, on this machine only when there is no other.
    Any,
    /// On each of these: at least one, in the order of their names, none twice.
    On(Vec<ServerName>),
}

impl Wish {
    /// On this machine.
    #[must_use]
    pub fn local() -> Self {
        Self::On(vec![ServerName::parse(LOCAL).expect("`local` is a name")])
    }
}

impl FromStr for Wish {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == AUTO {
            return Ok(Self::Any);
        }
        let mut names = text.split(',').map(ServerName::parse).collect::<Result<Vec<_>, _>>()?;
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Ok(Self::On(names))
    }
}

impl TryFrom<String> for Wish {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Wish> for String {
    fn from(wish: Wish) -> Self {
        wish.to_string()
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad(AUTO),
            Self::On(names) => f.pad(&names.iter().map(ServerName::as_str).collect::<Vec<_>>().join(",")),
        }
    }
}

/// What a project needs of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Memory, in megabytes.
    pub memory_mb: u64,
    /// Disk, in megabytes.
    pub disk_mb: u64,
    /// The architecture its images are built for, as the kernel spells it; none when any will do.
    pub arch: Option<String>,
    /// It runs in containers.
    pub engine: bool,
    /// It needs root's rights: its processes are units of the system.
    pub root: bool,
}

impl Default for Need {
    fn default() -> Self {
        Self { memory_mb: u64::from(MEMORY_MB), disk_mb: DISK_MB, arch: None, engine: false, root: false }
    }
}

/// What is known of a server's room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// It was measured lately.
    Measured(Measured),
    /// It was asked just now and did not answer, or not well.
    Failing {
        /// Why.
        problem: String,
    },
    /// Nobody asked it lately.
    Unknown,
}

/// What was found on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its architecture.
    pub arch: String,
    /// Memory in all, in megabytes.
    pub memory_mb: u64,
    /// Memory that programs can still get, in megabytes.
    pub memory_available_mb: u64,
    /// The size of the disk, in megabytes.
    pub disk_mb: u64,
    /// What is left of it, in megabytes.
    pub disk_available_mb: u64,
    /// A container engine answers.
    pub engine: bool,
    /// The account is root, or can become it.
    pub root: bool,
}

impl From<&Facts> for Measured {
    fn from(facts: &Facts) -> Self {
        Self {
            arch: facts.arch.clone(),
            memory_mb: facts.memory_mb,
            memory_available_mb: facts.memory_available_mb,
            disk_mb: facts.disk_mb,
            disk_available_mb: facts.disk_available_mb,
            engine: facts.engines.iter().any(|engine| engine.version.is_some()),
            root: facts.rights != Rights::Plain,
        }
    }
}

/// A server that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The server.
    pub server: Server,
    /// What is known of its room.
    pub room: Room,
}

/// What a project has on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reservation {
    /// The project.
    pub project: ProjectId,
    /// The server.
    pub server: ServerId,
    /// Memory, in megabytes.
    pub memory_mb: u64,
    /// Disk, in megabytes.
    pub disk_mb: u64,
    /// A release of it serves: what it takes of memory and disk is in what is measured.
    pub is_serving: bool,
    /// When it was placed.
    pub created_at: Timestamp,
}

/// Why a server does not take a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Its status says so.
    #[error("it is {}", status.words())]
    NotReady {
        /// Where it stands.
        status: ServerStatus,
    },
    /// It was asked just now and did not answer, or not well.
    #[error("the last look at it failed: {problem}")]
    Failing {
        /// What was seen.
        problem: String,
    },
    /// What it has is not known.
    #[error("it was not measured lately")]
    Unknown,
    /// No room in memory now.
    #[error("{needed_mb} MB of memory are needed, {available_mb} MB are free")]
    Memory {
        /// What is needed.
        needed_mb: u64,
        /// What is neither used nor reserved.
        available_mb: u64,
    },
    /// No room on the disk now.
    #[error("{needed_mb} MB of disk are needed, {available_mb} MB are free")]
    Disk {
        /// What is needed.
        needed_mb: u64,
        /// What is neither used nor reserved.
        available_mb: u64,
    },
    /// It will never have enough.
    #[error("{needed_mb} MB of {what} are more than it has for projects in all, {total_mb} MB")]
    TooSmall {
        /// `memory` or `disk`.
        what: &'static str,
        /// What is needed.
        needed_mb: u64,
        /// What it has in all, without the system's part.
        total_mb: u64,
    },
    /// It runs other programs.
    #[error("its architecture is {found}, and {needed} is needed")]
    Architecture {
        /// What is needed.
        needed: String,
        /// What it is.
        found: String,
    },
    /// It has no containers.
    #[error("no container engine answers there")]
    NoEngine,
    /// Its account has no root's rights.
    #[error("its account cannot become root")]
    Rootless,
}

impl Reason {
    /// Waiting changes it: what is in the way may go away by itself, or when another project goes.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Failing { .. } | Self::Unknown | Self::Memory { .. } | Self::Disk { .. } => true,
            Self::NotReady { status } => {
                matches!(status, ServerStatus::Provisioning | ServerStatus::Unreachable | ServerStatus::Maintenance)
            }
            Self::TooSmall { .. } | Self::Architecture { .. } | Self::NoEngine | Self::Rootless => false,
        }
    }
}

/// A server that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{server}`: {reason}")]
pub struct Refusal {
    /// Its handle.
    pub server: String,
    /// Why.
    pub reason: Reason,
}

/// Why a server does not take a project now; none when it does. What the project itself has there does not count
/// against it.
#[must_use]
pub fn refusal(candidate: &Candidate, reserved: &[Reservation], need: &Need, project: &ProjectId) -> Option<Reason> {
    let status = candidate.server.status;
    if !status.takes_projects() {
        return Some(Reason::NotReady { status });
    }
    let found = match &candidate.room {
        Room::Measured(found) => found,
        Room::Failing { problem } => return Some(Reason::Failing { problem: problem.clone() }),
        Room::Unknown => return Some(Reason::Unknown),
    };
    if let Some(needed) = need.arch.as_ref().filter(|needed| **needed != found.arch) {
        return Some(Reason::Architecture { needed: needed.clone(), found: found.arch.clone() });
    }
    if need.engine && !found.engine {
        return Some(Reason::NoEngine);
    }
    if need.root && !found.root {
        return Some(Reason::Rootless);
    }
    let others =
        || reserved.iter().filter(|reserved| reserved.server == candidate.server.id && reserved.project != *project);
    let own = reserved.iter().find(|reserved| reserved.server == candidate.server.id && reserved.project == *project);
    // What it takes already, while it serves, it does not need again.
    let used = |of: fn(&Reservation) -> u64| own.filter(|own| own.is_serving).map_or(0, of);
    let free = |total: u64, available: u64, of: fn(&Reservation) -> u64| {
        let for_projects = total - total * SYSTEM_PERCENT / 100;
        let all: u64 = others().map(of).sum();
        let waiting: u64 = others().filter(|other| !other.is_serving).map(of).sum();
        let measured = available.saturating_add(used(of));
        if candidate.server.handle == LOCAL {
            // This machine does other things besides: only what is measured counts.
            return (for_projects, measured);
        }
        (for_projects, for_projects.saturating_sub(all).min(measured.saturating_sub(waiting)))
    };
    let (total_mb, available_mb) = free(found.memory_mb, found.memory_available_mb, |reserved| reserved.memory_mb);
    if need.memory_mb > total_mb {
        return Some(Reason::TooSmall { what: "memory", needed_mb: need.memory_mb, total_mb });
    }
    if need.memory_mb > available_mb {
        return Some(Reason::Memory { needed_mb: need.memory_mb, available_mb });
    }
    let (total_mb, available_mb) = free(found.disk_mb, found.disk_available_mb, |reserved| reserved.disk_mb);
    if need.disk_mb > total_mb {
        return Some(Reason::TooSmall { what: "disk", needed_mb: need.disk_mb, total_mb });
    }
    (need.disk_mb > available_mb).then_some(Reason::Disk { needed_mb: need.disk_mb, available_mb })
}

/// The server a project is placed on: the one it has, while that takes it; else the one with the most memory to spare.
///
/// # Errors
/// Every refusal, in the order of the candidates.
pub fn choose<'c>(
    candidates: &'c [Candidate],
    reserved: &[Reservation],
    need: &Need,
    project: &ProjectId,
) -> Result<&'c Candidate, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut taking: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        match refusal(candidate, reserved, need, project) {
            None => taking.push(candidate),
            Some(reason) => refusals.push(Refusal { server: candidate.server.handle.clone(), reason }),
        }
    }
    let has = |server: &ServerId| reserved.iter().any(|own| own.project == *project && own.server == *server);
    let spare = |candidate: &Candidate| match &candidate.room {
        Room::Measured(found) => {
            let here = reserved.iter().filter(|reserved| reserved.server == candidate.server.id);
            let taken: u64 = here.filter(|reserved| !reserved.is_serving).map(|reserved| reserved.memory_mb).sum();
            found.memory_available_mb.saturating_sub(taken)
        }
        Room::Failing { .. } | Room::Unknown => 0,
    };
    let best = taking.into_iter().max_by(|one, other| {
        let rank =
            |candidate: &Candidate| (has(&candidate.server.id), candidate.server.handle != LOCAL, spare(candidate));
        // Of equal ones the first by name, on every machine alike.
        rank(one).cmp(&rank(other)).then_with(|| other.server.handle.cmp(&one.server.handle))
    });
    best.ok_or(refusals)
}

/// Whether every one of these servers takes a project.
///
/// # Errors
/// Every refusal, in the order of the candidates.
pub fn choose_all(
    candidates: &[Candidate],
    reserved: &[Reservation],
    need: &Need,
    project: &ProjectId,
) -> Result<Vec<ServerId>, Vec<Refusal>> {
    let refused = |candidate: &Candidate| {
        let reason = refusal(candidate, reserved, need, project)?;
        Some(Refusal { server: candidate.server.handle.clone(), reason })
    };
    let refusals: Vec<Refusal> = candidates.iter().filter_map(refused).collect();
    if refusals.is_empty() {
        Ok(candidates.iter().map(|candidate| candidate.server.id.clone()).collect())
    } else {
        Err(refusals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(number: u32, handle: &str, status: ServerStatus) -> Server {
        Server {
            id: ServerId::new(Timestamp(0), number),
            handle: handle.to_owned(),
            address: String::new(),
            status,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    fn measured(memory: u64, available: u64) -> Measured {
        Measured {
            arch: "x86_64".to_owned(),
            memory_mb: memory,
            memory_available_mb: available,
            disk_mb: 40_000,
            disk_available_mb: 30_000,
            engine: false,
            root: true,
        }
    }

    fn candidate(number: u32, handle: &str, available: u64) -> Candidate {
        Candidate {
            server: server(number, handle, ServerStatus::Ready),
            room: Room::Measured(measured(4000, available)),
        }
    }

    fn project(number: u32) -> ProjectId {
        ProjectId::new(Timestamp(1), number)
    }

    fn reserved(number: u32, on: &Candidate, memory_mb: u64, is_serving: bool) -> Reservation {
        Reservation {
            project: project(number),
            server: on.server.id.clone(),
            memory_mb,
            disk_mb: 1000,
            is_serving,
            created_at: Timestamp(0),
        }
    }

    fn need(memory_mb: u64) -> Need {
        Need { memory_mb, ..Need::default() }
    }

    #[test]
    fn the_most_room_is_chosen_and_this_machine_last() {
        let all = [candidate(1, LOCAL, 3500), candidate(2, "web-1", 1000), candidate(3, "web-2", 2000)];
        assert_eq!(choose(&all, &[], &need(500), &project(1)).unwrap().server.handle, "web-2");
        // What is reserved and does not run yet is not free although it is not used.
        let waiting = [reserved(2, &all[2], 1500, false)];
        assert_eq!(choose(&all, &waiting, &need(500), &project(1)).unwrap().server.handle, "web-1");
        assert_eq!(choose(&all[..1], &[], &need(500), &project(1)).unwrap().server.handle, LOCAL);
        let equal = [candidate(1, "b", 1000), candidate(2, "a", 1000)];
        assert_eq!(choose(&equal, &[], &need(1), &project(1)).unwrap().server.handle, "a");
    }

    #[test]
    fn a_project_keeps_its_place_and_needs_no_second_budget() {
        let all = [candidate(1, "web-1", 100), candidate(2, "web-2", 3000)];
        let own = [reserved(1, &all[0], 400, true)];
        assert_eq!(choose(&all, &own, &need(400), &project(1)).unwrap().server.handle, "web-1");
        assert!(refusal(&all[0], &own, &need(400), &project(2)).is_some(), "another one has no room there");
        let more = refusal(&all[0], &own, &need(600), &project(1));
        assert_eq!(more, Some(Reason::Memory { needed_mb: 600, available_mb: 500 }));
    }

    #[test]
    fn every_refusal_has_its_reason_and_says_whether_waiting_helps() {
        let good = candidate(1, "web-1", 2000);
        let with = |room: Room| Candidate { room, ..good.clone() };
        let full_disk = Measured { disk_available_mb: 10, ..measured(4000, 2000) };
        let cases = [
            (
                Candidate { server: server(1, "web-1", ServerStatus::PendingSetup), ..good.clone() },
                need(1),
                "it is pending setup",
                false,
            ),
            (
                Candidate { server: server(1, "web-1", ServerStatus::Maintenance), ..good.clone() },
                need(1),
                "it is in maintenance",
                true,
            ),
            (with(Room::Unknown), need(1), "it was not measured lately", true),
            (
                with(Room::Failing { problem: "refused".to_owned() }),
                need(1),
                "the last look at it failed: refused",
                true,
            ),
            (good.clone(), need(2001), "2001 MB of memory are needed, 2000 MB are free", true),
            (good.clone(), need(3601), "3601 MB of memory are more than it has for projects in all, 3600 MB", false),
            (with(Room::Measured(full_disk)), need(1), "1024 MB of disk are needed, 10 MB are free", true),
            (
                good.clone(),
                Need { disk_mb: 50_000, ..need(1) },
                "50000 MB of disk are more than it has for projects in all, 36000 MB",
                false,
            ),
            (
                good.clone(),
                Need { arch: Some("aarch64".to_owned()), ..need(1) },
                "its architecture is x86_64, and aarch64 is needed",
                false,
            ),
            (good.clone(), Need { engine: true, ..need(1) }, "no container engine answers there", false),
            (
                with(Room::Measured(Measured { root: false, ..measured(4000, 2000) })),
                Need { root: true, ..need(1) },
                "its account cannot become root",
                false,
            ),
        ];
        for (candidate, need, words, may_pass) in cases {
            let refusals = choose(std::slice::from_ref(&candidate), &[], &need, &project(1)).unwrap_err();
            assert_eq!(refusals[0].to_string(), format!("`web-1`: {words}"));
            assert_eq!(refusals[0].reason.may_pass(), may_pass, "{words}");
        }
    }

    #[test]
    fn what_is_reserved_counts_although_nobody_uses_it_now() {
        let one = candidate(1, "web-1", 3900);
        let many: Vec<Reservation> = (2..8).map(|number| reserved(number, &one, 500, true)).collect();
        let refused = refusal(&one, &many, &need(700), &project(1));
        assert_eq!(refused, Some(Reason::Memory { needed_mb: 700, available_mb: 600 }));
    }

    #[test]
    fn a_wish_is_names_or_any() {
        assert_eq!("auto".parse::<Wish>().unwrap(), Wish::Any);
        assert_eq!("web-1".parse::<Wish>().unwrap().to_string(), "web-1");
        assert_eq!("web-2,web-1,web-2".parse::<Wish>().unwrap().to_string(), "web-1,web-2");
        assert!("web-1,".parse::<Wish>().is_err());
        assert!("we b".parse::<Wish>().is_err());
    }
}
