//! A text that a person gives: as an argument, in a file, on standard input, or typed when asked.

use std::io::{IsTerminal, Read};
use std::path::Path;

use super::Session;
use super::outcome::Failure;
use super::prompt::{self, Said};
use crate::domain::diagnose::Kind;

/// The longest text, in bytes.
const LIMIT: u64 = 64 * 1024;

/// How a text is asked for and spoken of.
pub struct Wanted {
    /// What it is: `the description`.
    pub what: &'static str,
    /// That there is none.
    pub no: &'static str,
    /// The question, on a terminal.
    pub question: &'static str,
    /// What to give.
    pub hint: &'static str,
    /// What to do about one that is too long.
    pub shorten: &'static str,
}

/// The text: the argument, the file, standard input, or what a person types.
///
/// # Errors
/// [`Failure`] when there is none, or it is none that can be read.
pub async fn text(
    session: &Session<'_>,
    wanted: &Wanted,
    argument: Option<&str>,
    file: Option<&Path>,
) -> Result<String, Failure> {
    let what = wanted.what;
    let (bytes, named) = match (argument, file) {
        (Some(text), _) if text != "-" => (text.as_bytes().to_vec(), what.to_owned()),
        (None, Some(file)) => (read_file(file, wanted)?, format!("{what} in `{}`", file.display())),
        (None, None) if session.ui.interactive => (typed(session, wanted).await?.into_bytes(), what.to_owned()),
        _ if std::io::stdin().is_terminal() => return Err(Failure::usage(wanted.no, wanted.hint)),
        _ => (read(std::io::stdin().lock(), "standard input", wanted)?, format!("{what} on standard input")),
    };
    if bytes.len() as u64 > LIMIT {
        let message = format!("{named} is too long: the most is {LIMIT} bytes");
        return Err(Failure::usage(message, wanted.shorten));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let message = format!("{named} is not UTF-8 text: byte {} is not", error.utf8_error().valid_up_to() + 1);
        Failure::usage(message, wanted.hint)
    })?;
    if let Some((line, bad)) = text.lines().enumerate().find_map(|(line, content)| {
        content.chars().find(|c| c.is_control() && *c != '\t' && *c != '\r').map(|bad| (line + 1, bad))
    }) {
        return Err(Failure::usage(
            format!("{named} has a control character in line {line}: `{}`", bad.escape_default()),
            "remove it and run the command again",
        ));
    }
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{named} is empty"), wanted.hint));
    }
    Ok(text.trim().to_owned())
}

async fn typed(session: &Session<'_>, wanted: &Wanted) -> Result<String, Failure> {
    match prompt::text(session, wanted.question, None).await {
        Said::Answer(text) => Ok(text),
        Said::Nothing | Said::Interrupted => {
            Err(Failure::new(Kind::Interrupted, "interrupted, nothing was made", Some(wanted.hint.to_owned())))
        }
    }
}

fn read_file(path: &Path, wanted: &Wanted) -> Result<Vec<u8>, Failure> {
    let file = std::fs::File::open(path).map_err(|error| {
        let hint = format!("name a text file with {}", wanted.what);
        Failure::usage(format!("cannot read `{}`: {error}", path.display()), hint)
    })?;
    read(file, &format!("`{}`", path.display()), wanted)
}

fn read(source: impl Read, name: &str, wanted: &Wanted) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| {
        let hint = format!("name a text file with {}", wanted.what);
        Failure::usage(format!("cannot read {name}: {error}"), hint)
    })?;
    Ok(bytes)
}
