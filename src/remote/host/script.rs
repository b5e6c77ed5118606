//! What is said to the shell of a host: a fixed bootstrap, and a document on its standard input.
//!
//! The only command a host is ever given is [`COMMAND`], the same text each time. Script, arguments and payload follow
//! on standard input, counted, so nothing in them is quoted and nothing in them can be taken for a command.
//! A login shell only has to start `sh -c '…'`: the text holds no quote, no backslash and no exclamation mark that any
//! shell reads in its own way.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Error;

/// Reads script and arguments from standard input.
macro_rules! read_document {
    () => {
        concat!(
            "LC_ALL=C; export LC_ALL; ",
            "cgo_e=$(printf \"%b\" \"x\\\\012x\"); cgo_e=${cgo_e#x}; cgo_e=${cgo_e%x}; ",
            "read -r cgo_n cgo_l cgo_a || exit 97; ",
            // A shell reads byte by byte, for a long script as long as a round trip; this takes exactly so many at once.
            "cgo_s=$(dd bs=$cgo_l count=1 iflag=fullblock 2>/dev/null); [ ${#cgo_s} -eq $cgo_l ] || exit 97; ",
            "set --; ",
            "while [ \"$cgo_a\" -gt 0 ]; do read -r cgo_l || exit 97; cgo_v=; ",
            "while [ \"$cgo_l\" -gt 0 ]; do IFS= read -r cgo_x || exit 97; cgo_v=$cgo_v$cgo_x; cgo_l=$((cgo_l-1)); ",
            "[ \"$cgo_l\" -eq 0 ] || cgo_v=$cgo_v$cgo_e; done; ",
            "set -- \"$@\" \"$cgo_v\"; cgo_a=$((cgo_a-1)); done; ",
        )
    };
}

/// Reads the document and runs its script. What the script writes stands between two lines that carry the nonce, so
/// that whatever else is printed, by a login shell for instance, is no part of it. The script cannot end the frame: it
/// runs in a subshell.
pub(super) const COMMAND: &str = concat!(
    "exec sh -c '",
    read_document!(),
    "echo; echo \"$cgo_n begins\"; { echo; echo \"$cgo_n begins\"; } >&2; ",
    "(eval \"$cgo_s\"); cgo_x=$?; ",
    "echo \"$cgo_n ends $cgo_x\"'",
);

/// Keeps a detached step: says which process it is, reads the document of the step, runs it, and says how it ended.
/// The input is removed first: it may hold secrets. The lock on descriptor 9 tells whoever started it that it runs; the
/// one on descriptor 5, which the script itself does not have, that it has not ended.
pub(super) const RUNNER: &str = concat!(
    "cgo_d=$0; read -r cgo_x </proc/$$/stat || exit 1; cgo_x=${cgo_x##*) }; set -- $cgo_x; ",
    "read -r cgo_v </proc/sys/kernel/random/boot_id || exit 1; ",
    // The room its outcome takes is taken first: a disk that is full by then cannot keep it back.
    "echo \"        \" >\"$cgo_d/rc.new\" || exit 1; ",
    "echo \"$$ ${20} $cgo_v\" >\"$cgo_d/pid.new\" && mv -f \"$cgo_d/pid.new\" \"$cgo_d/pid\" || exit 1; ",
    "exec 5<\"$cgo_d/pid\"; flock 5; ",
    "rm -f \"$cgo_d/input\"; exec 9>&-; trap : TERM HUP INT; ",
    "(exec 5<&-; ",
    read_document!(),
    "eval \"$cgo_s\"); cgo_x=$?; ",
    "echo \"$cgo_x\" 1<>\"$cgo_d/rc.new\" || exit 1; ",
    "sync \"$cgo_d/rc.new\" 2>/dev/null || sync; ",
    "mv -f \"$cgo_d/rc.new\" \"$cgo_d/rc\"; sync \"$cgo_d\" 2>/dev/null || sync",
);

/// What follows the script on its standard input.
#[derive(Debug, Clone, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    None,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file of this machine, from an offset on.
    File {
        /// The file.
        path: PathBuf,
        /// How many bytes are left out at its beginning.
        from: u64,
    },
    /// What this process is given on its own standard input, as it comes.
    Input,
}

/// Whether a script may be run a second time when it is not known how the first one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It only looks, or comes to the same twice.
    Harmless,
    /// It must not.
    Never,
}

/// A POSIX shell script with what it is given. Its text is a constant of the program: what varies is an argument.
#[derive(Clone)]
pub struct Script {
    /// What it does, for messages: `look at the system`.
    pub(super) what: &'static str,
    text: Vec<&'static str>,
    args: Vec<String>,
    pub(super) payload: Payload,
    pub(super) deadline: Duration,
    pub(super) keep: usize,
    pub(super) again: Again,
}

impl Script {
    /// A script; it may take thirty seconds, must not be repeated, and 256 KiB of each stream are kept.
    #[must_use]
    pub fn new(what: &'static str, text: &'static str) -> Self {
        Self {
            what,
            text: vec![text],
            args: Vec::new(),
            payload: Payload::None,
            deadline: Duration::from_secs(30),
            keep: 256 * 1024,
            again: Again::Never,
        }
    }

    /// Puts functions before it.
    #[must_use]
    pub fn with(mut self, functions: &'static str) -> Self {
        self.text.insert(0, functions);
        self
    }

    /// Adds an argument: `$1`, `$2`, …
    #[must_use]
    pub fn arg(mut self, value: impl Into<String>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.args.extend(values);
        self
    }

    /// What it reads on its standard input.
    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// How long it may take, from the first try to its last byte.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many bytes of each stream are kept, half from its beginning and half from its end.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// It may be run again when the connection was lost while it ran.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.again = Again::Harmless;
        self
    }

    /// The document for the bootstrap; the payload follows it.
    ///
    /// # Errors
    /// When an argument holds a NUL, which no shell can pass on.
    pub(super) fn document(&self, nonce: &str) -> Result<Vec<u8>, Error> {
        // Line ends at its end would be lost on the way.
        let text = self.text.join("\n");
        let text = text.trim_end_matches('\n');
        let mut document = format!("{nonce} {} {}\n{text}", text.len(), self.args.len());
        for arg in &self.args {
            if arg.contains('\0') {
                return Err(Error::Argument { what: self.what });
            }
            let lines = if arg.is_empty() { 0 } else { arg.split('\n').count() };
            writeln!(document, "{lines}").expect("a string takes any text");
            if lines > 0 {
                document.push_str(arg);
                document.push('\n');
            }
        }
        Ok(document.into_bytes())
    }
}

impl std::fmt::Debug for Script {
    /// Arguments and payload may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script")
            .field("what", &self.what)
            .field("args", &self.args.len())
            .field("deadline", &self.deadline)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

/// A word nothing else prints by accident.
pub(super) fn nonce() -> String {
    format!("cgo-{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_line_without_a_quote_inside() {
        let inside = COMMAND.strip_prefix("exec sh -c '").unwrap().strip_suffix('\'').unwrap();
        assert!(!inside.contains(['\'', '\n', '!']));
    }

    #[test]
    fn a_document_counts_what_it_holds() {
        let script = Script::new("test", "a\nb\n").with("f").arg("").arg("x\ny\n").arg("-n");
        let document = String::from_utf8(script.document("N").unwrap()).unwrap();
        assert_eq!(document, "N 5 3\nf\na\nb0\n3\nx\ny\n\n1\n-n\n");
        assert!(matches!(script.arg("\0").document("N"), Err(Error::Argument { .. })));
    }

    #[test]
    fn what_a_script_is_given_is_not_shown() {
        let script = Script::new("test", "true").arg("hunter2").payload(Payload::Bytes(b"hunter2".to_vec()));
        assert!(!format!("{script:?}").contains("hunter2"));
    }
}
