//! What a repository holds: one file or folder, and the names of all files.

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::exchange::Question;
use super::{Client, Error, FullName};

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Entry {
    /// A file.
    File {
        /// Its bytes.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// How long it is, in bytes.
        size: u64,
    },
    /// A file that is too long to be read this way.
    TooLong {
        /// How long it is, in bytes.
        size: u64,
    },
    /// A folder.
    Folder {
        /// The names in it; those of folders end in `/`.
        entries: Vec<String>,
    },
    /// Something else: a link, another repository.
    Other {
        /// GitHub's word for it.
        called: String,
    },
}

/// The files of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// The paths of all files, in order.
    pub files: Vec<String>,
    /// GitHub left some out.
    pub truncated: bool,
}

impl Client {
    /// What stands at a path, at a branch, tag or commit, or at the branch people see first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn contents(
        &self,
        name: &FullName,
        path: &str,
        at: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Entry, Error> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(rename = "type", default)]
            called: String,
            #[serde(default)]
            size: u64,
            #[serde(default)]
            encoding: String,
            #[serde(default)]
            content: String,
            #[serde(default)]
            entries: Vec<Row>,
        }
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "type")]
            called: String,
            name: String,
        }
        let mut segments = vec!["repos", name.owner.as_str(), name.name.as_str(), "contents"];
        segments.extend(path.split('/').filter(|part| !part.is_empty()));
        let at = at.map(|at| [("ref", at)]);
        let what = format!("file `{path}` in `{name}`");
        let question = Question {
            query: at.as_ref().map_or(&[], |at| at.as_slice()),
            // A folder comes as an object, too.
            accept: Some("application/vnd.github.object+json"),
            ..Question::get(&segments, "read files", &what)
        };
        let found: Found = self.ask(&question, cancel).await?.read(self)?;
        Ok(match (found.called.as_str(), found.encoding.as_str()) {
            ("file", "base64") => {
                let bytes = base64(&found.content).ok_or_else(|| Error::NotGitHub {
                    said: format!("the content of `{}` is not base64", self.clean(path)),
                })?;
                Entry::File { bytes, size: found.size }
            }
            ("file", _) => Entry::TooLong { size: found.size },
            ("dir", _) => {
                let row = |row: Row| if row.called == "dir" { row.name + "/" } else { row.name };
                Entry::Folder { entries: found.entries.into_iter().map(row).collect() }
            }
            (called, _) => Entry::Other { called: self.clean(called) },
        })
    }

    /// The names of all files at a branch, tag or commit.
    ///
    /// # Errors
    /// [`Error::Empty`] when the repository has no commit yet; other [`Error`]s.
    pub async fn tree(&self, name: &FullName, at: &str, cancel: &CancellationToken) -> Result<Tree, Error> {
        #[derive(Deserialize)]
        struct Found {
            tree: Vec<Row>,
            #[serde(default)]
            truncated: bool,
        }
        #[derive(Deserialize)]
        struct Row {
            path: String,
            #[serde(rename = "type")]
            called: String,
        }
        let path = ["repos", name.owner.as_str(), name.name.as_str(), "git", "trees", at];
        let what = format!("`{at}` in `{name}`");
        let question = Question { query: &[("recursive", "1")], ..Question::get(&path, "list files", &what) };
        let found: Found = match self.ask(&question, cancel).await {
            Err(Error::Refused { status: 409, .. }) => return Err(Error::Empty { full_name: name.to_string() }),
            answer => answer?.read(self)?,
        };
        let files = found.tree.into_iter().filter(|row| row.called != "tree").map(|row| row.path).collect();
        Ok(Tree { files, truncated: found.truncated })
    }
}

/// Bytes from base64, broken into lines or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits, mut padding) = (0_u32, 0_u32, 0_u32);
    for character in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    // What is left over is never a whole character.
    (bits < 6 && padding <= 2).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_lines_and_refused_when_broken() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\nYmFy\n", "foobar"), ("0LbRiw==", "жы")]
        {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for bad in ["Z", "Zg==Zg==", "Zm9*", "====", "Zm9vY"] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }
}
