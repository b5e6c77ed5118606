//! A control group for one run, where cgo may make one.
//!
//! Version 2 is asked first, then the `pids` and `memory` hierarchies of version 1. A group that cannot be made is no
//! error: then something else holds the limits, see [`super::limits`].

use std::fs;
use std::path::{Path, PathBuf};

use super::Limits;
use crate::exec::identity::{self, Identity};

const ROOT: &str = "/sys/fs/cgroup";

/// The folders of one run's group; none, one or two. Removed when dropped.
#[derive(Debug, Default)]
pub(super) struct Group {
    folders: Vec<PathBuf>,
    processes: bool,
    memory: bool,
}

impl Group {
    /// A group of that name with these limits, as far as it can be had.
    pub(super) fn make(name: &str, limits: &Limits) -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let processes = limits.processes.to_string();
        let memory = limits.memory.to_string();
        let mut group = Self::default();
        for parent in unified_parents(&own) {
            let folder = parent.join(name);
            if !joinable(&parent) || fs::create_dir(&folder).is_err() {
                continue;
            }
            group.folders.push(folder.clone());
            group.processes = fs::write(folder.join("pids.max"), &processes).is_ok();
            group.memory = fs::write(folder.join("memory.max"), &memory).is_ok();
            if group.processes && group.memory {
                // Kernels without swap accounting or group kill do without.
                let _ = fs::write(folder.join("memory.swap.max"), "0");
                let _ = fs::write(folder.join("memory.oom.group"), "1");
                return group;
            }
            group = Self::default();
        }
        if let Some(folder) = old_folder(&own, "pids", name) {
            group.processes = fs::write(folder.join("pids.max"), &processes).is_ok();
            group.folders.push(folder);
        }
        if let Some(folder) = old_folder(&own, "memory", name) {
            group.memory = fs::write(folder.join("memory.limit_in_bytes"), &memory).is_ok();
            let _ = fs::write(folder.join("memory.memsw.limit_in_bytes"), &memory);
            group.folders.push(folder);
        }
        group
    }

    /// What a group would hold; it is gone with the value.
    pub(super) fn probe() -> Self {
        Self::make(&format!("cgo-probe-{}", std::process::id()), &Limits::default())
    }

    pub(super) fn holds_processes(&self) -> bool {
        self.processes
    }

    pub(super) fn holds_memory(&self) -> bool {
        self.memory
    }

    /// The files into which a process writes its number to be in the group.
    pub(super) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs"))
    }

    /// A process of the group was killed, or is about to be, for want of memory.
    pub(super) fn memory_ran_out(&self) -> bool {
        self.counted(&["memory.events", "memory.oom_control"], "oom_kill")
    }

    /// A process could not be made for want of room.
    pub(super) fn processes_ran_out(&self) -> bool {
        self.counted(&["pids.events"], "max")
    }

    fn counted(&self, files: &[&str], name: &str) -> bool {
        self.folders.iter().flat_map(|folder| files.iter().map(move |file| folder.join(file))).any(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| {
                let value = line.split_once(' ').filter(|(key, _)| *key == name).map(|(_, value)| value);
                value.is_some_and(|value| value != "0")
            })
        })
    }

    /// The processes in it.
    pub(super) fn members(&self) -> Vec<u32> {
        let lists = self.entrances().map(|file| fs::read_to_string(file).unwrap_or_default());
        lists.flat_map(|list| list.lines().filter_map(|line| line.parse().ok()).collect::<Vec<u32>>()).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = fs::write(folder.join("cgroup.kill"), "1");
        }
        for pid in self.members() {
            if let Some(identity) = Identity::of(pid) {
                let _ = identity.signal(rustix::process::Signal::KILL);
            }
        }
        for folder in &self.folders {
            // What was killed a moment ago may still be leaving; a group that stays is empty and costs nothing.
            for _ in 0..200 {
                if fs::remove_dir(folder).is_ok() || !folder.exists() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
}

/// Where a group of version 2 may be made: beside cgo's own, then at the top.
fn unified_parents(own: &str) -> Vec<PathBuf> {
    if !Path::new(ROOT).join("cgroup.controllers").exists() {
        return Vec::new();
    }
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let beside = Path::new(ROOT).join(own).parent().filter(|parent| parent.starts_with(ROOT)).map(Path::to_owned);
    let mut parents: Vec<PathBuf> = beside.into_iter().chain([PathBuf::from(ROOT)]).collect();
    parents.dedup();
    parents
}

/// A group below has the controllers, and cgo's processes may move there.
fn joinable(parent: &Path) -> bool {
    let controllers = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
    let has = |wanted| controllers.split_ascii_whitespace().any(|name| name == wanted);
    has("pids")
        && has("memory")
        && rustix::fs::access(parent.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok()
}

/// A folder below cgo's own group in a hierarchy of version 1.
fn old_folder(own: &str, controller: &str, name: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then(|| path.trim_start_matches('/'))
    })?;
    let parent = Path::new(ROOT).join(controller);
    // In a container the path may be the host's.
    let own = parent.join(path);
    let folder = if own.join("cgroup.procs").exists() { own } else { parent }.join(name);
    fs::create_dir(&folder).ok().map(|()| folder)
}

/// The processes whose environment bears a mark. Those of other users cannot be seen and are none of ours.
pub(super) fn marked(mark: &str) -> Vec<u32> {
    let wanted = format!("{}={mark}", super::MARK);
    let has_mark = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()))
    };
    identity::pids().into_iter().filter(has_mark).collect()
}
