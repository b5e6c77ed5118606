//! Finding the spec files of a folder. Symbolic links are not followed; nothing outside of the folder is read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::problem::{Place, Problem, shown};

/// The most bytes one spec file may have.
const MAX_BYTES: u64 = 1024 * 1024;
/// The most entries looked at in one folder.
const MAX_ENTRIES: usize = 1000;

pub(super) const SERVICES: &str = "services.yml";
pub(super) const MODELS: &str = "shared/spec/models.yaml";
pub(super) const EVENTS: &str = "shared/spec/events.yaml";
pub(super) const CONTRACT: &str = "env.contract.yaml";

/// The texts of a project's spec files, by path relative to the project with `/` between the parts.
#[derive(Debug, Clone, Default)]
pub struct SpecFiles {
    pub(super) texts: BTreeMap<String, String>,
    /// The folder's own name, which names the project where `services.yml` does not.
    pub(super) folder: Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl SpecFiles {
    /// Texts that are already in memory. Paths that are no spec files are ignored.
    #[must_use]
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files = Self::default();
        for (path, text) in texts {
            if text.len() as u64 > MAX_BYTES {
                files.refuse(&path, TOO_LARGE);
            } else {
                files.texts.insert(path, text);
            }
        }
        files
    }

    /// Collects the spec files below a folder. What cannot be read becomes a problem of the check.
    #[must_use]
    pub fn collect(root: &Path) -> Self {
        let full = root.canonicalize();
        let folder = full.ok().and_then(|path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        let mut files = Self { folder, ..Self::default() };
        files.file(root, SERVICES);
        files.misnamed(root, "services.yaml", SERVICES);
        if files.folder_at(root, "shared") && files.folder_at(root, "shared/spec") {
            for name in files.names(root, "shared/spec") {
                let path = format!("shared/spec/{name}");
                if path == MODELS || path == EVENTS {
                    files.file(root, &path);
                } else if is_yaml(&name) {
                    files.refuse(&path, "no spec file: shared/spec holds `models.yaml` and `events.yaml`");
                }
            }
        }
        if files.folder_at(root, "infra") {
            files.contract(root, "infra");
        }
        if files.folder_at(root, "services") {
            for service in files.names(root, "services") {
                let service = format!("services/{service}");
                if files.folder_at(root, &service) {
                    files.contract(root, &service);
                    files.domains(root, &format!("{service}/spec"));
                }
            }
        }
        files
    }

    /// The paths that were found.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    fn contract(&mut self, root: &Path, folder: &str) {
        self.file(root, &format!("{folder}/{CONTRACT}"));
        self.misnamed(root, &format!("{folder}/env.contract.yml"), CONTRACT);
    }

    fn domains(&mut self, root: &Path, folder: &str) {
        if !self.folder_at(root, folder) {
            return;
        }
        for name in self.names(root, folder) {
            let path = format!("{folder}/{name}");
            match name.rsplit_once('.') {
                Some((_, "yaml")) => self.file(root, &path),
                Some((stem, "yml")) => {
                    self.refuse(&path, &format!("spec files end in .yaml; rename it to `{stem}.yaml`"));
                }
                _ => {}
            }
        }
    }

    fn misnamed(&mut self, root: &Path, path: &str, right: &str) {
        if fs::symlink_metadata(root.join(path)).is_ok() {
            self.refuse(path, &format!("it is not read; rename it to `{right}`"));
        }
    }

    fn refuse(&mut self, path: &str, reason: &str) {
        self.problems.push(Problem {
            place: Some(Place { file: path.to_owned(), line: 1, column: 1 }),
            path: String::new(),
            reason: reason.to_owned(),
            suggestion: None,
        });
    }

    /// Whether a folder is there. A symbolic link in its place is a problem.
    fn folder_at(&mut self, root: &Path, path: &str) -> bool {
        match fs::symlink_metadata(root.join(path)) {
            Ok(meta) if meta.is_symlink() => {
                self.refuse(path, LINK);
                false
            }
            Ok(meta) => meta.is_dir(),
            Err(error) => {
                self.unless_missing(path, &error);
                false
            }
        }
    }

    fn unless_missing(&mut self, path: &str, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            self.refuse(path, &format!("cannot be read: {}", error.kind()));
        }
    }

    /// The names in a folder, in order.
    fn names(&mut self, root: &Path, path: &str) -> Vec<String> {
        let entries = match fs::read_dir(root.join(path)) {
            Ok(entries) => entries,
            Err(error) => {
                self.unless_missing(path, &error);
                return Vec::new();
            }
        };
        let mut names = Vec::new();
        for entry in entries.take(MAX_ENTRIES + 1) {
            match entry.map(|entry| entry.file_name().into_string()) {
                Ok(Ok(name)) => names.push(name),
                Ok(Err(name)) => {
                    self.refuse(path, &format!("the name `{}` is not UTF-8", shown(&name.to_string_lossy())));
                }
                Err(error) => self.unless_missing(path, &error),
            }
        }
        if names.len() > MAX_ENTRIES {
            self.refuse(path, &format!("more than {MAX_ENTRIES} entries in one folder"));
        }
        names.sort_unstable();
        names
    }

    fn file(&mut self, root: &Path, path: &str) {
        match read_file(&root.join(path)) {
            Ok(None) => {}
            Ok(Some(Ok(text))) => {
                self.texts.insert(path.to_owned(), text);
            }
            Ok(Some(Err(reason))) => self.refuse(path, &reason),
            Err(error) => self.unless_missing(path, &error),
        }
    }
}

const LINK: &str = "a symbolic link, which is not followed";
const TOO_LARGE: &str = "the file is larger than 1 MiB";

/// A regular file's text, a reason why it has none, or nothing where there is no file.
pub(super) fn read_file(path: &Path) -> io::Result<Option<Result<String, String>>> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if meta.is_symlink() {
        return Ok(Some(Err(LINK.to_owned())));
    }
    if !meta.is_file() {
        return Ok(Some(Err("not a regular file".to_owned())));
    }
    let mut bytes = Vec::new();
    open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(Some(Err(TOO_LARGE.to_owned())));
    }
    Ok(Some(String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        format!("not UTF-8 text in line {line}")
    })))
}

/// Opens a file without following a link that took its place, and without waiting for a pipe.
fn open(path: &Path) -> io::Result<fs::File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn is_yaml(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml")))
}
