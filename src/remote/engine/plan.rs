//! What a deployment does on one host, as data, and the words in which its scripts are told.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::shell::{as_json, command, exports, quoted};
use crate::domain::deployment::Slot;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::manifest::{BUILD_WITHIN, MIGRATE_WITHIN};

/// How long a host may be out of reach where nothing else is said.
pub const AWAY: Duration = Duration::from_mins(2);

/// A deployment on one host. Kept in the journal, so that a resumed run does the same; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The run, which is the operation on the host, too.
    pub op: RunId,
    /// Who deploys, for those who have to wait: `anna on laptop`.
    pub owner: String,
    /// The release.
    pub release: ReleaseId,
    /// The commit, in full.
    pub commit: String,
    /// The slot it starts in.
    pub slot: Slot,
    /// The port of the slot, at 127.0.0.1.
    pub port: u16,
    /// How it is asked whether it is well.
    pub health: Health,
    /// How long the old release may finish its requests.
    pub drain: Duration,
    /// How long the old release runs on after the switch, to go back to.
    pub bake: Duration,
    /// How long a release has between SIGTERM and SIGKILL.
    pub stop_after: Duration,
    /// How long its migration may take.
    #[serde(default = "migrate_within")]
    pub migrate_within: Duration,
    /// How long its build may take.
    #[serde(default = "build_within")]
    pub build_within: Duration,
    /// How many good releases are kept besides the one that serves.
    pub keep: usize,
    /// How much memory a release may take, where its driver can see to that, in megabytes.
    pub memory_mb: u32,
    /// How long the host may be out of reach, at a time, before nothing more is waited for.
    #[serde(default = "away")]
    pub patience: Duration,
    /// What cannot be undone and is gone back across all the same: for the record of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// Two minutes, as it was before the plan said so.
fn away() -> Duration {
    AWAY
}

fn migrate_within() -> Duration {
    MIGRATE_WITHIN
}

fn build_within() -> Duration {
    BUILD_WITHIN
}

/// How a release is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The path, beginning with `/`.
    pub path: String,
    /// The `Host` header: the name visitors will use.
    pub host: String,
    /// How long all may take.
    pub deadline: Duration,
}

/// What runs: read anew for each try, and kept on the host only, in files of their owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// The folder it runs in, below the release's files.
    pub workdir: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The program that brings the database up to date before the release starts, and its arguments.
    pub migrate: Option<Vec<String>>,
    /// Its variables; may hold secrets.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Launch {
    /// Names the variables, not their values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("workdir", &self.workdir)
            .field("argv", &self.argv)
            .field("migrate", &self.migrate)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What a release is made from, on the host already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// The commit's files, and an environment of its locked dependencies.
    Files {
        /// Their archive.
        archive: String,
        /// The lock file, below the release's files.
        lock: String,
        /// The lowest Python that does: `3.10`.
        python: String,
    },
    /// An image.
    Image {
        /// Its name.
        name: String,
        /// Its id.
        id: String,
        /// The images without a name that its build left.
        made: Vec<String>,
    },
}

fn set(out: &mut String, name: &str, value: &str) {
    writeln!(out, "p_{name}={}", quoted(value)).expect("a string takes any text");
}

impl Plan {
    /// What the host keeps of it.
    fn kept(&self) -> String {
        let mut out = String::new();
        set(&mut out, "owner", &self.owner);
        set(&mut out, "purpose", &format!("deployment of {}", self.release));
        set(&mut out, "release", self.release.as_str());
        set(&mut out, "commit", &self.commit);
        set(&mut out, "slot", self.slot.as_str());
        set(&mut out, "port", &self.port.to_string());
        set(&mut out, "health", &self.health.path);
        set(&mut out, "host", &self.health.host);
        set(&mut out, "expect", "2??");
        set(&mut out, "deadline", &self.health.deadline.as_secs().to_string());
        set(&mut out, "drain", &self.drain.as_secs().to_string());
        set(&mut out, "bake", &self.bake.as_secs().to_string());
        set(&mut out, "stop_after", &self.stop_after.as_secs().to_string());
        set(&mut out, "migrate_within", &self.migrate_within.as_secs().to_string());
        set(&mut out, "build_within", &self.build_within.as_secs().to_string());
        set(&mut out, "keep", &self.keep.to_string());
        set(&mut out, "memory_mb", &self.memory_mb.to_string());
        if let Some(forced) = &self.forced {
            set(&mut out, "forced", &format!("forced: {forced}"));
        }
        out
    }

    /// Everything the scripts are told; goes over standard input.
    pub(super) fn told(&self, folder: &str, launch: Option<&Launch>, build: Option<&Build>) -> String {
        let kept = self.kept();
        let mut out = kept.clone();
        set(&mut out, "plan", &kept);
        let source = format!("{folder}/releases/{}/source", self.release);
        if let Some(launch) = launch {
            let directory = if launch.workdir.is_empty() { source } else { format!("{source}/{}", launch.workdir) };
            let (env, run) = (exports(&launch.env), command(&directory, &launch.argv));
            let migrate = launch.migrate.as_ref().map_or_else(String::new, |argv| command(&directory, argv));
            // The same launch is not started anew.
            let mut sum = Sha256::new();
            for part in [self.release.as_str(), &self.port.to_string(), &env, &run] {
                sum.update(part.len().to_le_bytes());
                sum.update(part);
            }
            let generation = sum.finalize().iter().take(12).fold(String::new(), |mut out, byte| {
                write!(out, "{byte:02x}").expect("a string takes any text");
                out
            });
            set(&mut out, "generation", &generation);
            set(&mut out, "env", &env);
            set(&mut out, "env_json", &as_json(&launch.env));
            set(&mut out, "launch", &run);
            set(&mut out, "migrate", &migrate);
        }
        if let Some(build) = build {
            match build {
                Build::Files { archive, lock, python } => {
                    set(&mut out, "blob", archive);
                    set(&mut out, "lock", lock);
                    set(&mut out, "python", python);
                }
                Build::Image { name, id, made } => {
                    set(&mut out, "image", id);
                    set(&mut out, "image_name", name);
                    set(&mut out, "image_made", &made.join(" "));
                }
            }
            let manifest = serde_json::json!({ "release": self.release, "commit": self.commit, "op": self.op });
            set(&mut out, "manifest", &manifest.to_string());
        }
        out
    }
}
