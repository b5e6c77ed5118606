//! Lock files: naming the environment they stand for, and whether one contains another.
//!
//! Nothing here understands versions or markers; lines are compared as text, and what differs in its text differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Error, Toolchain};

/// Lock files that were read. The last one says what is to be installed.
pub(super) struct Locks {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Locks {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let read = |path: &PathBuf| {
            let path = std::path::absolute(path).map_err(|source| Error::io("find", path, source))?;
            let bytes = fs::read(&path).map_err(|source| Error::io("read the lock file", &path, source))?;
            Ok((path, bytes))
        };
        Ok(Self { files: paths.iter().map(read).collect::<Result<_, Error>>()? })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The file of the layer, counted from the bottom.
    pub(super) fn path(&self, layer: usize) -> &Path {
        &self.files[layer].0
    }

    /// The layer below, when everything that is pinned there is pinned in the same way here. Otherwise the layer
    /// is installed from nothing, so that it has exactly what its own file says.
    pub(super) fn base(&self, layer: usize) -> Option<usize> {
        let below = layer.checked_sub(1)?;
        let lines = |layer: usize| requirements(&String::from_utf8_lossy(&self.files[layer].1));
        lines(below).is_subset(&lines(layer)).then_some(below)
    }

    /// Names the environment of a layer: the same key, the same files wherever it is made.
    pub(super) fn key(&self, layer: usize, format: u32, toolchain: &Toolchain) -> String {
        let interpreter = &toolchain.interpreter;
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(&format.to_le_bytes());
        add(interpreter.implementation.as_bytes());
        add(interpreter.version.to_string().as_bytes());
        add(interpreter.tag.as_bytes());
        add(interpreter.platform.as_bytes());
        for (_, bytes) in &self.files[..=layer] {
            add(bytes);
        }
        format!("{:x}", hash.finalize())[..32].to_owned()
    }
}

/// What each line asks for, without comments, and the hashes that will do.
fn requirements(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
    let mut found: BTreeMap<usize, (String, BTreeSet<String>)> = BTreeMap::new();
    let (mut number, mut goes_on) = (0, false);
    for line in text.lines() {
        let code = line.split_once('#').filter(|(before, _)| before.trim_end() != *before || before.is_empty());
        let (code, is_comment) = code.map_or((line, false), |(code, _)| (code, code.trim().is_empty()));
        if !goes_on {
            number += 1;
        }
        let (code, ends_open) = code.trim_end().strip_suffix('\\').map_or((code, false), |code| (code, true));
        for word in code.split_whitespace() {
            let (asked, hashes) = found.entry(number).or_default();
            if word.starts_with("--hash=") {
                hashes.insert(word.to_owned());
            } else {
                asked.push_str(word);
                asked.push(' ');
            }
        }
        goes_on = ends_open && !is_comment;
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(below: &str, above: &str) -> Option<usize> {
        let file = |text: &str| (PathBuf::new(), text.as_bytes().to_vec());
        Locks { files: vec![file(below), file(above)] }.base(1)
    }

    #[test]
    fn comments_order_and_folding_do_not_matter() {
        let below = "# made by hand\na==1 ; python_version < '3.11' \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via b\n";
        let above =
            "b==2 --hash=sha256:3 # the new one\na==1 ; python_version < '3.11' --hash=sha256:2 --hash=sha256:1";
        assert_eq!(base(below, above), Some(0));
        assert_eq!(base(above, below), None);
        assert_eq!(base("", below), Some(0));
    }

    #[test]
    fn another_version_hash_or_marker_is_another_requirement() {
        for above in ["a==2 --hash=x:1", "a==1 --hash=x:1 --hash=x:2", "a==1 ; os_name == 'nt' --hash=x:1", "a==1"] {
            assert_eq!(base("a==1 --hash=x:1", above), None, "{above}");
        }
    }

    #[test]
    fn a_fragment_is_no_comment() {
        assert_eq!(base("a @ https://host/a.whl#sha256=1", "a @ https://host/a.whl#sha256=2"), None);
    }
}
