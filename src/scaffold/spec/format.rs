//! `cgo spec fmt`: the files as cgo writes them, unless that would lose something.

use super::problem::{Invalid, shown};
use super::source::SpecFiles;
use super::tree;
use super::write::{HEADERS, files};

/// What formatting makes of a set of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The files whose text changes, as (path, new text).
    pub changed: Vec<(String, String)>,
    /// The files that stay as they are although they are not in cgo's form, as (path, why).
    pub kept: Vec<(String, String)>,
}

/// Formats the files in memory. Files that cgo does not write (events, manifests, environment contracts) stay.
///
/// # Errors
/// [`Invalid`] where the files do not pass the check: nothing is formatted then.
pub fn format(current: &SpecFiles) -> Result<Formatted, Invalid> {
    let checked = current.check()?;
    let mut formatted = Formatted { changed: Vec::new(), kept: Vec::new() };
    for (path, text) in files(&checked.spec) {
        let Some(old) = current.texts.get(&path).filter(|old| **old != text) else { continue };
        let comments = tree::parse(old).comments;
        if comments.iter().any(|comment| !HEADERS.contains(&comment.as_str())) {
            formatted.kept.push((path, "not reformatted: it has comments".to_owned()));
        } else if let Some(paths) = checked.unwritten.get(&path) {
            let first = paths.first().map(|path| shown(path)).unwrap_or_default();
            formatted
                .kept
                .push((path, format!("not reformatted: `{first}` is not part of cgo's spec and would be lost")));
        } else {
            formatted.changed.push((path, text));
        }
    }
    Ok(formatted)
}
