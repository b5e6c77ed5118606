//! The project's checks, run behind the walls its code was written behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::coder::sandbox::{Hidden, Job, Limits, Network, Sandbox};
use crate::exec::{Command, OnLine, Stream};
use crate::ops::checks::{Ground, Running};

/// The longest line that is looked for, in bytes.
const LINE: usize = 64 << 10;

/// A sandbox around one worktree.
pub struct Walled<'a> {
    /// The sandbox.
    pub sandbox: &'a Sandbox,
    /// The worktree; the only place that can be written.
    pub workspace: &'a Path,
    /// What may be read beside it.
    pub read_only: &'a [PathBuf],
    /// What of it may be read and not written.
    pub sealed: &'a Path,
    /// What of it is empty inside.
    pub hidden: &'a Hidden,
}

impl Walled<'_> {
    fn job(&self, command: &Command, home: &Path) -> Job {
        let (program, args, env) = command.parts();
        let own = ["HOME", "LANG", "TMPDIR", "TERM", "USER"];
        let env: BTreeMap<_, _> = env
            .iter()
            .filter(|(name, _)| !own.iter().any(|own| *name == own))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let searched = env.get(std::ffi::OsStr::new("PATH")).map(std::env::split_paths);
        let within = searched.into_iter().flatten().filter(|path| path.starts_with(self.workspace)).collect();
        let env = env.into_iter().filter(|(name, _)| name != "PATH").collect();
        Job {
            program: "sh".into(),
            args: ["-c".into(), "cd \"$1\" && shift && exec \"$@\"".into(), "sh".into()]
                .into_iter()
                .chain([command.folder().unwrap_or(self.workspace).into(), program.to_owned()])
                .chain(args.iter().cloned())
                .collect(),
            workspace: self.workspace.to_owned(),
            home: home.to_owned(),
            git: None,
            read_only: self.read_only.to_owned(),
            sealed: vec![self.sealed.to_owned()],
            hidden: self.hidden.clone(),
            path: within,
            env,
            network: Network::None,
            limits: Limits { wall: command.limit(), idle: None, ..Limits::default() },
        }
    }
}

impl Ground for Walled<'_> {
    fn home<'a>(&self, folder: &'a Path) -> &'a Path {
        self.sandbox.home_of(folder)
    }

    fn run<'a>(
        &'a self,
        command: &'a Command,
        home: &'a Path,
        cancel: &'a CancellationToken,
        on_line: OnLine<'a>,
    ) -> Running<'a> {
        Box::pin(async move {
            let mut lines = Lines { pending: [Vec::new(), Vec::new()], on_line };
            let ran = {
                let mut on_bytes = |stream: Stream, bytes: &[u8]| lines.push(stream, bytes);
                let ran = self.sandbox.run(&self.job(command, home), cancel, &mut on_bytes).await;
                ran.map_err(|error| error.to_string())?
            };
            lines.end();
            match (ran.exit, ran.stopped) {
                (_, Some(stopped)) => Err(format!("it was stopped: {}", stopped.words())),
                (Some(exit), None) => Ok(exit),
                (None, None) => Err("nobody knows how it ended".to_owned()),
            }
        })
    }
}

/// Bytes as they come, as lines.
struct Lines<'a> {
    pending: [Vec<u8>; 2],
    on_line: OnLine<'a>,
}

impl Lines<'_> {
    fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let pending = &mut self.pending[stream as usize];
        pending.extend_from_slice(bytes);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n').or((pending.len() > LINE).then_some(LINE))
        {
            let line: Vec<u8> = pending.drain(..=end).collect();
            (self.on_line)(stream, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        }
    }

    fn end(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.pending[stream as usize]);
            if !rest.is_empty() {
                (self.on_line)(stream, &String::from_utf8_lossy(&rest));
            }
        }
    }
}
