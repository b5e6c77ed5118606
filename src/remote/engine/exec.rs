//! A command of an operator in the place of the release that serves: its folder, its variables, its account or container.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::report::fields;
use super::{App, Error};
use crate::domain::diagnose::Advice;
use crate::remote::host::{self, Payload, Stream};

const EXEC: &str = include_str!("sh/exec.sh");
/// How long a command may take; it is the operator's to end it.
const LIMIT: Duration = Duration::from_hours(30 * 24);
/// The longest first line of the script.
const LINE: usize = 256;

impl App<'_> {
    /// Runs a command where the release that serves runs, and passes on what it writes as it comes. Its exit code, 128
    /// and the signal for one that was killed; none where no release ever served. Cancelled, the command is ended, too.
    ///
    /// # Errors
    /// [`Error::Preflight`] for a container that does not run; what the host fails with, and then the command may go on.
    pub async fn exec(
        &self,
        command: &[String],
        input: Payload,
        pass: &mut (dyn FnMut(Stream, &[u8]) + Send),
        cancel: &CancellationToken,
    ) -> Result<Option<i32>, Error> {
        let mark = format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        let script = self
            .script("run a command", EXEC, &[], "operator", "exec")
            .arg(mark.clone())
            .args(command.iter().cloned())
            .payload(input)
            .deadline(LIMIT);
        let mut head = Head::default();
        let ended = self
            .host
            .exchange(
                &script,
                &mut |stream, bytes| match stream {
                    Stream::Stdout => {
                        let rest = head.take(bytes);
                        if !rest.is_empty() {
                            pass(stream, rest);
                        }
                    }
                    Stream::Stderr => pass(stream, bytes),
                },
                cancel,
            )
            .await;
        match ended {
            Ok(ended) => match head.word() {
                Some("begun") => Ok(Some(ended.code)),
                Some("nothing") => Ok(None),
                Some("stopped") => Err(Error::Preflight {
                    host: self.host.name().to_owned(),
                    cause: "its container does not run".to_owned(),
                    mend: Some(Advice::Run(format!("cgo project start {}", self.name))),
                }),
                _ => Err(host::failed(self.host.name(), "run a command", ended.code, &ended.stderr).into()),
            },
            Err(error @ host::Error::Cancelled { .. }) => {
                let script = self.script("end a command", EXEC, &[], "operator", "exec-end").arg(mark).harmless();
                self.host.run_ok(&script, &CancellationToken::new()).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The first line of what a script writes.
#[derive(Default)]
struct Head {
    line: String,
    whole: bool,
}

impl Head {
    /// Takes what belongs to the line; what comes after it.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.whole {
            return bytes;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        self.line.push_str(&String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]));
        self.whole = end.is_some() || self.line.len() > LINE;
        end.map_or(&[], |end| &bytes[end + 1..])
    }

    fn word(&self) -> Option<&str> {
        fields(&self.line).map(|(word, _)| word)
    }
}
