//! Rewriting the files of an environment that name the place it was made in.
//!
//! These are the scripts in `bin` (their first line), the `activate` scripts and `pyvenv.cfg`; everything else in an
//! environment is found relative to `bin/python`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::build::PROMPT;

/// The longest first line a kernel is sure to understand, with its `#!`.
const LONGEST_SHEBANG: usize = 127;

/// What a copy has in common with the environment it is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// What nobody edits in place is there once, under several names.
    #[default]
    Links,
    /// Nothing: whoever writes in the copy, and means it, reaches no other.
    Nothing,
}

/// From where to where an environment moves.
pub(super) struct Move<'a> {
    /// The folder it was made in.
    pub from: &'a Path,
    /// The folder it will be in.
    pub to: &'a Path,
    /// What its prompt shows.
    pub prompt: &'a str,
    /// The interpreter it is for.
    pub interpreter: &'a Path,
    /// What both have in common.
    pub sharing: Sharing,
}

impl Move<'_> {
    /// A file of `bin`, as it must be in the new place; `None` where it can stay as it is.
    pub(super) fn script(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        find(bytes, self.from.as_os_str().as_bytes())?;
        Some(self.shebang(bytes).unwrap_or_else(|| self.paths(bytes)))
    }

    /// `pyvenv.cfg`, with the interpreter's present place.
    pub(super) fn config(&self, bytes: &[u8]) -> Vec<u8> {
        let mut new = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let key = line.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
            let value: Option<Vec<u8>> = match key {
                b"home" => self.interpreter.parent().map(|folder| folder.as_os_str().as_bytes().to_vec()),
                b"executable" => Some(self.interpreter.as_os_str().as_bytes().to_vec()),
                b"prompt" => Some(self.prompt.as_bytes().to_vec()),
                b"command" => Some(
                    [self.interpreter.as_os_str(), OsStr::new(" -m venv "), self.to.as_os_str()]
                        .map(OsStr::as_bytes)
                        .concat(),
                ),
                _ => None,
            };
            match value {
                Some(value) => new.extend([key, b" = ", &value, b"\n"].concat()),
                None => new.extend_from_slice(line),
            }
        }
        new
    }

    /// The script with a first line for the new place, when its first line names the old one. A path that is too long
    /// for a first line, or has blanks, is given to `sh`, in a line that Python takes for a string.
    fn shebang(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let from = self.from.as_os_str().as_bytes();
        let (interpreter, body) = if let Some(rest) = bytes.strip_prefix(b"#!/bin/sh\n'''exec' ") {
            let end = find(rest, b"\n' '''\n")?;
            let command = &rest[..end];
            let name = &command[find(command, from)? + from.len()..];
            (name.split(|byte| b"\"' \t".contains(byte)).next()?, &rest[end + b"\n' '''\n".len()..])
        } else {
            let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
            (line.strip_prefix(from)?, bytes.get(2 + line.len() + 1..)?)
        };
        let mut path = self.to.as_os_str().as_bytes().to_vec();
        path.extend_from_slice(interpreter);
        let plain = path.len() + 2 <= LONGEST_SHEBANG && !path.iter().any(u8::is_ascii_whitespace);
        let mut script = if plain {
            [b"#!", &path[..], b"\n"].concat()
        } else {
            [b"#!/bin/sh\n'''exec' ", &in_quotes(&path)[..], b" \"$0\" \"$@\"\n' '''\n"].concat()
        };
        script.extend_from_slice(body);
        Some(script)
    }

    /// A script for a shell, with every path and the prompt replaced. A path that is a whole word of the shell gets the quotes
    /// it needs.
    fn paths(&self, bytes: &[u8]) -> Vec<u8> {
        let (from, to) = (self.from.as_os_str().as_bytes(), self.to.as_os_str().as_bytes());
        let mut new = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(at) = find(rest, from) {
            let (before, after) = (&rest[..at], &rest[at + from.len()..]);
            let quote = before.last().copied().filter(|byte| b"'\"".contains(byte));
            match quote {
                Some(quote) if after.first() == Some(&quote) => {
                    new.extend_from_slice(&before[..before.len() - 1]);
                    new.extend_from_slice(&in_single_quotes(to));
                    rest = &after[1..];
                }
                None if !is_plain(to) => {
                    new.extend_from_slice(before);
                    new.extend_from_slice(&in_single_quotes(to));
                    rest = after;
                }
                Some(_) | None => {
                    new.extend_from_slice(before);
                    new.extend_from_slice(to);
                    rest = after;
                }
            }
        }
        new.extend_from_slice(rest);
        replace(&new, PROMPT.as_bytes(), self.prompt.as_bytes())
    }
}

/// A name that can stand in any shell's script as it is.
pub(super) fn prompt_for(target: &Path) -> String {
    let name = target.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let plain = |name: &String| !name.is_empty() && is_plain(name.as_bytes());
    name.filter(plain).unwrap_or_else(|| "venv".to_owned())
}

fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte))
}

fn in_single_quotes(text: &[u8]) -> Vec<u8> {
    [b"'", &replace(text, b"'", b"'\\''")[..], b"'"].concat()
}

fn in_quotes(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in text {
        if b"\"\\$`".contains(&byte) {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn replace(text: &[u8], wanted: &[u8], by: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, wanted) {
        new.extend_from_slice(&rest[..at]);
        new.extend_from_slice(by);
        rest = &rest[at + wanted.len()..];
    }
    new.extend_from_slice(rest);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(target: &str) -> Move<'_> {
        Move {
            from: Path::new("/old/e"),
            to: Path::new(target),
            prompt: "shop",
            interpreter: Path::new("/usr/bin/python3"),
            sharing: Sharing::Links,
        }
    }

    fn script(target: &str, text: &str) -> String {
        String::from_utf8(to(target).script(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_first_line_names_the_new_place() {
        assert_eq!(script("/new/e", "#!/old/e/bin/python3\nimport x\n"), "#!/new/e/bin/python3\nimport x\n");
        let long = "#!/bin/sh\n'''exec' \"/old/e/bin/python\" \"$0\" \"$@\"\n' '''\nimport x\n";
        assert_eq!(script("/new/e", long), "#!/new/e/bin/python\nimport x\n");
    }

    #[test]
    fn a_path_with_blanks_goes_through_sh() {
        let expected = "#!/bin/sh\n'''exec' \"/a b/é$x/bin/python\" \"$0\" \"$@\"\n' '''\nx\n".replace("$x", "\\$x");
        assert_eq!(script("/a b/é$x", "#!/old/e/bin/python\nx\n"), expected);
        let uv = "#!/bin/sh\n'''exec' '/old/e/bin/python' \"$0\" \"$@\"\n' '''\nx\n";
        assert_eq!(script("/a b/é$x", uv), expected);
        let deep = format!("/{}", "d".repeat(130));
        assert!(script(&deep, "#!/old/e/bin/python\nx\n").starts_with("#!/bin/sh\n"));
    }

    #[test]
    fn activate_scripts_get_the_quotes_they_need() {
        assert_eq!(script("/n", "VIRTUAL_ENV=\"/old/e\"\n"), "VIRTUAL_ENV='/n'\n");
        assert_eq!(script("/n n", "VIRTUAL_ENV=/old/e\nexport X\n"), "VIRTUAL_ENV='/n n'\nexport X\n");
        assert_eq!(script("/n'n", "setenv VIRTUAL_ENV '/old/e'\n"), "setenv VIRTUAL_ENV '/n'\\''n'\n");
        assert_eq!(script("/n n", "P=\"/old/e/bin:$P\"; (cgo-environment)"), "P=\"/n n/bin:$P\"; (shop)");
    }

    #[test]
    fn a_file_that_names_no_place_stays() {
        assert!(to("/n").script(b"#!/bin/sh\necho").is_none());
    }

    #[test]
    fn the_configuration_points_to_the_present_interpreter() {
        let text = b"home = /gone\nversion = 3.11.7\nexecutable = /gone/python3\ncommand = /gone/python3 -m venv /old/e\nprompt = 'cgo-environment'\n";
        let new = String::from_utf8(to("/new").config(text)).unwrap();
        assert_eq!(
            new,
            "home = /usr/bin\nversion = 3.11.7\nexecutable = /usr/bin/python3\ncommand = /usr/bin/python3 -m venv /new\nprompt = shop\n"
        );
    }
}
