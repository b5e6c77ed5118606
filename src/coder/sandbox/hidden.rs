//! Files of secrets that were in a workspace before anybody worked there: inside they are empty.
//!
//! They are known by their places and by what is in them, so that one whose folder was renamed meanwhile is hidden all
//! the same. What a program writes for itself under such a name is its own. The repository's history can be read inside:
//! what such files hold there is for the filter that every question to a model passes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Error;
use crate::domain::secret_files;

/// The largest file that is known by what is in it, in bytes.
const LARGEST: u64 = 1 << 20;
/// The most files that are hidden: each is a mount of its own.
const MOST: usize = 500;

/// What is hidden in a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Below the workspace.
    places: BTreeSet<PathBuf>,
    contents: BTreeSet<Vec<u8>>,
}

impl Hidden {
    /// These files, below a workspace in which nobody has worked yet.
    #[must_use]
    pub fn of(workspace: &Path, files: &[String]) -> Self {
        let contents = files.iter().filter_map(|file| read(&workspace.join(file)));
        let contents = contents.filter(|bytes| !bytes.trim_ascii().is_empty()).collect();
        Self { places: files.iter().map(PathBuf::from).collect(), contents }
    }

    /// Where they are now: ordinary files. What is behind a link is either in the workspace under its own name, or not
    /// there at all.
    ///
    /// # Errors
    /// [`Error::Path`] when there are too many.
    pub(super) fn find(&self, workspace: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        if self.places.is_empty() {
            return Ok(found);
        }
        let mut next = vec![workspace.to_owned()];
        while let Some(folder) = next.pop() {
            // A folder that cannot be read shows nothing inside, either.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let (name, path) = (entry.file_name(), entry.path());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && name != ".git" {
                    next.push(path);
                } else if kind.is_file() && secret_files::is_hidden(&name.to_string_lossy()) {
                    let known = path.strip_prefix(workspace).is_ok_and(|below| self.places.contains(below))
                        || read(&path).is_some_and(|bytes| self.contents.contains(&bytes));
                    found.extend(known.then_some(path));
                }
            }
        }
        if found.len() > MOST {
            let reason = "it has more files of secrets than can be hidden";
            return Err(Error::Path { path: workspace.to_owned(), reason });
        }
        found.sort();
        Ok(found)
    }
}

/// The bytes of an ordinary file that is not too large.
fn read(path: &Path) -> Option<Vec<u8>> {
    let about = std::fs::symlink_metadata(path).ok()?;
    (about.is_file() && about.len() <= LARGEST).then(|| std::fs::read(path).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_found_wherever_it_went_and_what_is_new_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
            std::fs::write(at.join(path), text).unwrap();
        };
        let files = ["a/b/.env", ".env.production", "empty.env"].map(str::to_owned);
        write(&files[0], "A=1\n");
        write(&files[1], "B=1\n");
        write(&files[2], "");
        let hidden = Hidden::of(at, &files);
        assert_eq!(hidden.find(at).unwrap(), [at.join(".env.production"), at.join("a/b/.env"), at.join("empty.env")]);
        std::fs::rename(at.join("a"), at.join("c")).unwrap();
        write("a/b/.env", "another");
        write("own.env", "O=1\n");
        write("own/.env", "");
        std::os::unix::fs::symlink("own.env", at.join("c/.env")).unwrap();
        let now = [".env.production", "a/b/.env", "c/b/.env", "empty.env"].map(|path| at.join(path));
        assert_eq!(hidden.find(at).unwrap(), now);
        assert_eq!(Hidden::default().find(at).unwrap(), Vec::<PathBuf>::new());
        for number in 0..=MOST {
            write(&format!("{number}.env"), "A=1\n");
        }
        assert!(hidden.find(at).unwrap_err().to_string().contains("more files of secrets"));
    }
}
