//! Brings what was committed inside into the repository.
//!
//! git outside reads none of the files that something inside has written. git inside makes a bundle of the branch, and
//! git outside makes objects of that: each gets the name that its content has, and a branch that is not whole stays
//! out. What the commits hold is looked at elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::evidence::Git;
use super::git::Worktree;
use super::{Error, Hidden, Job, Limits, Mode, Network, Sandbox};
use crate::exec::{self, Exit, Stream};

/// How long git inside may take.
const DEADLINE: Duration = Duration::from_mins(2);
/// The largest bundle, in bytes.
const BUNDLE: u64 = 256 << 20;
/// The script's exit code where nothing was committed.
const UNMOVED: i32 = 4;
/// Writes the branch `$1` beyond the commit `$2`.
const SCRIPT: &str = "tip=$(git rev-parse --verify --quiet \"$1^{commit}\") || exit 3
[ \"$tip\" = \"$2\" ] && exit 4
exec git bundle create --quiet - \"$1\" \"^$2\"";
/// Settings for git outside, beside those of every git on the repository.
const SETTINGS: [&str; 8] = [
    "fetch.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.fsync=loose-object,pack,reference",
    "core.fsyncMethod=batch",
];

/// What became of a branch that was worked on inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The repository has it as it was left inside.
    Whole,
    /// It is gone or broken, and the repository has it as it was before.
    Not,
}

impl Sandbox {
    /// Brings the branch of the job's workspace to where the job's programs have left it, and the index of the
    /// workspace with it. `base` is the commit the branch is at outside, in full; `scratch` a folder that nothing
    /// inside can write. Where programs write the repository itself, there is nothing to do.
    ///
    /// # Errors
    /// When git cannot be run, inside or outside.
    pub async fn take_in(&self, job: &Job, base: &str, scratch: &Path) -> Result<Taken, Error> {
        let file = job.workspace.join(".git");
        if self.mode == Mode::Off || !file.is_file() || !job.git.as_ref().is_some_and(|apart| apart.is_dir()) {
            return Ok(Taken::Whole);
        }
        let tree = Worktree::read(&file)?;
        let branch = format!("refs/heads/{}", tree.branch);
        let bundle = scratch.join("commits.bundle");
        match self.bundle(job, &tree.common, [&branch, base], &bundle).await? {
            Some(Exit::Code(UNMOVED)) => return Ok(Taken::Whole),
            Some(Exit::Code(0)) => {}
            _ => return Ok(Taken::Not),
        }
        // What an attempt came to is looked at also when it was cancelled.
        let cancel = CancellationToken::new();
        let index = tree.own.join("index");
        let git = Git { directory: tree.own, workspace: &job.workspace, index, cancel: &cancel };
        let settings: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["-c", *setting]).collect();
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--update-head-ok"];
        let fetch =
            git.command(&[settings.as_slice(), &fetch].concat()).arg(&bundle).arg(format!("+{branch}:{branch}"));
        let fetch = fetch.env("GIT_REFLOG_ACTION", "cgo").env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
        let fetched = exec::run(&fetch, &cancel).await.map_err(Error::Exec)?;
        if !fetched.exit.success() {
            return Ok(Taken::Not);
        }
        // What the index calls unchanged it goes on to call so.
        let read = git.command(&["read-tree", "--reset", "-i", &branch]);
        exec::run_ok(&read, &cancel).await.map_err(Error::Exec)?;
        // Says no when a file differs.
        exec::run(&git.command(&["update-index", "-q", "--refresh"]), &cancel).await.map_err(Error::Exec)?;
        Ok(Taken::Whole)
    }

    /// Has git inside write a branch beyond a commit into a file outside; how that ended.
    async fn bundle(&self, job: &Job, common: &Path, range: [&str; 2], to: &Path) -> Result<Option<Exit>, Error> {
        let kept = |source| Error::System { action: "keep what was committed", source };
        let none = OsStr::new("/dev/null");
        // What belongs to the worktree may be broken inside, which takes nothing from the branch.
        let env = [
            ("GIT_DIR", common.as_os_str()),
            ("GIT_CONFIG_GLOBAL", none),
            ("GIT_CONFIG_SYSTEM", none),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
        ];
        let mut file = File::create(to).map_err(kept)?;
        let mut wrote = Ok(());
        let ran = {
            let mut on_bytes = |stream: Stream, bytes: &[u8]| {
                if stream == Stream::Stdout && wrote.is_ok() {
                    wrote = file.write_all(bytes);
                }
            };
            let job = Job {
                program: "sh".into(),
                args: ["-c", SCRIPT, "sh"].into_iter().chain(range).map(OsString::from).collect(),
                read_only: Vec::new(),
                hidden: Hidden::default(),
                path: Vec::new(),
                env: env.map(|(name, value)| (OsString::from(name), value.to_owned())).into(),
                network: Network::None,
                limits: Limits { wall: DEADLINE, idle: None, output: BUNDLE, keep: 0, ..job.limits.clone() },
                ..job.clone()
            };
            self.run(&job, &CancellationToken::new(), &mut on_bytes).await?
        };
        wrote.map_err(kept)?;
        Ok(ran.exit)
    }
}
