//! What a host wrote down of everything that was done to an application: a line for each action, bound to the line before
//! by its sum, so that one that was changed, taken out or put in is noticed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{App, Error};
use crate::remote::host;
use crate::remote::host::files::hex;

const READ: &str = r#"[ ! -e "$base/audit.jsonl" ] || cat "$base/audit.jsonl""#;
const WHAT: &str = "read its audit";
/// The most that is read; a line has some three hundred bytes.
const LIMIT: usize = 64 * 1024 * 1024;

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When, by the host's clock.
    pub ts: String,
    /// Who: an account and its machine.
    pub actor: String,
    /// The run, or `operator`.
    pub op: String,
    /// What: `lease`, `flip`, `revert`, `undo`, `stop`, `start`, `hold`, `unhold`, `maintain`, `admit`, `recall`.
    pub action: String,
    /// What was so before.
    pub from: String,
    /// What was so after.
    pub to: String,
    /// `ok`, or why it was done.
    pub result: String,
}

/// The first line that does not follow from the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Broken {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// What was written down, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trail {
    /// The actions.
    pub entries: Vec<Entry>,
    /// Where the chain is broken: what stands there was changed by somebody else, or something was taken out before it.
    pub broken: Option<Broken>,
    /// Lines that were cut off while they were written, by a full disk or a power cut; the chain goes on after them.
    pub cut: Vec<usize>,
}

impl App<'_> {
    /// Reads what the host wrote down, and checks that it hangs together.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn audit(&self, cancel: &CancellationToken) -> Result<Trail, Error> {
        let script = self.script(WHAT, READ, &[], "operator", "audit").keep(2 * LIMIT).harmless();
        let answer = self.host.run_ok(&script, cancel).await?;
        let bytes = answer.stdout.bytes();
        if bytes.len() > LIMIT {
            let reason = format!("it has more than {} MB", LIMIT / 1024 / 1024);
            return Err(host::Error::Strange { host: self.host.name().to_owned(), what: WHAT, reason }.into());
        }
        Ok(Trail::read(&bytes))
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    before: String,
}

fn sum(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Trail {
    /// Reads a file of such lines.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut trail = Self::default();
        let mut before = sum(b"");
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match serde_json::from_slice::<Line>(line) {
                Ok(read) => {
                    if read.before != before && trail.broken.is_none() {
                        let reason = if at == 0 {
                            "it is not the first line that was written".to_owned()
                        } else {
                            format!(
                                "it does not follow from line {at}, which was changed, or lines between them were taken out"
                            )
                        };
                        trail.broken = Some(Broken { line: at + 1, reason });
                    }
                    trail.entries.push(read.entry);
                }
                Err(_) => trail.cut.push(at + 1),
            }
            before = sum(line);
        }
        trail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chained(actions: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for action in actions {
            let before = sum(lines.last().map_or(&b""[..], |line| line.as_bytes()));
            lines.push(format!(
                "{{\"ts\":\"2026-01-01T00:00:00Z\",\"actor\":\"a\",\"op\":\"o\",\"action\":\"{action}\",\"from\":\"\",\"to\":\"\",\
                 \"result\":\"ok\",\"before\":\"{before}\"}}\n"
            ));
        }
        lines
    }

    #[test]
    fn what_was_changed_taken_out_or_put_in_is_noticed() {
        let lines = chained(&["lease", "flip", "stop", "start"]);
        let whole = Trail::read(lines.concat().as_bytes());
        assert_eq!((whole.entries.len(), whole.broken, whole.cut), (4, None, vec![]));
        let line = |lines: &[String]| Trail::read(lines.concat().as_bytes()).broken.map(|broken| broken.line);
        let mut changed = lines.clone();
        changed[1] = changed[1].replace("flip", "flop");
        assert_eq!(line(&changed), Some(3));
        assert_eq!(line(&[&lines[..1], &lines[2..]].concat()), Some(2));
        assert_eq!(line(&lines[1..]), Some(1));
        let mut more = lines.clone();
        more.insert(2, chained(&["hold"]).remove(0));
        assert_eq!(line(&more), Some(3));
        assert_eq!(Trail::read(b""), Trail::default());
    }

    #[test]
    fn a_line_that_was_cut_off_is_told_and_breaks_nothing() {
        let mut lines = chained(&["lease", "flip"]);
        let torn = "{\"ts\":\"2026-01-01T00:0\n".to_owned();
        let after = chained(&["stop"]).remove(0).replace(&sum(b""), &sum(torn.as_bytes()));
        lines.extend([torn, after]);
        let read = Trail::read(lines.concat().as_bytes());
        assert_eq!((read.entries.len(), read.broken, read.cut), (3, None, vec![3]));
    }
}
