//! Reading and writing in the workspace and nowhere else.
//!
//! Paths come from a model: they are parsed before they are used, and opened part by part without following symbolic
//! links, so that neither a link that is there nor one that appears meanwhile leads outside. Files appear whole.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 8 << 20;

/// The workspace.
pub(super) struct Root {
    folder: OwnedFd,
    path: PathBuf,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    File(u64),
    Folder,
    Other,
}

/// What to do about a folder on the way that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Leave,
    Make,
}

impl Root {
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { folder: rustix::fs::open(path, flags, Mode::empty())?, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A path below the workspace, as a model wrote it; the refusal is for the model. The workspace itself is empty.
    pub(super) fn parse(&self, text: &str) -> Result<String, String> {
        let shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
        let refuse = |reason: &str| Err(format!("`{shown}` is refused: {reason}"));
        let own = self.path.to_string_lossy();
        let text = match text.strip_prefix(&*own) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
            _ if text.starts_with('/') || text.starts_with('~') => {
                return refuse("paths are relative to the root of the repository, and nothing outside can be reached");
            }
            _ => text,
        };
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return refuse("a path must not contain `..`");
        }
        if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
            return refuse("the repository's own data is cgo's; commits are made for you");
        }
        if text.len() > 1000 || text.chars().any(char::is_control) || text.contains('\\') {
            return refuse("it is no path of a file here");
        }
        Ok(parts.join("/"))
    }

    /// What stands at a path. What is behind a link is something else.
    pub(super) fn kind(&self, path: &str) -> Kind {
        if path.is_empty() {
            return Kind::Folder;
        }
        let Ok(Some((folder, name))) = self.parent(path, Missing::Leave) else { return Kind::Nothing };
        match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) => match FileType::from_raw_mode(about.st_mode) {
                FileType::RegularFile => Kind::File(u64::try_from(about.st_size).unwrap_or(0)),
                FileType::Directory => Kind::Folder,
                _ => Kind::Other,
            },
            Err(_) => Kind::Nothing,
        }
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let missing = || format!("there is no file `{path}`");
        let (folder, name) = self.parent(path, Missing::Leave)?.ok_or_else(missing)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Err(missing()),
            Err(Errno::LOOP | Errno::MLINK) => return Err(linked(path)),
            Err(errno) => return Err(failed("read", path, errno)),
        };
        let about = file.metadata().map_err(|error| failed("read", path, error))?;
        if about.is_dir() {
            return Err(format!("`{path}` is a folder; use `list`"));
        }
        if !about.is_file() {
            return Err(format!("`{path}` is no ordinary file"));
        }
        if about.len() > LARGEST {
            return Err(format!("`{path}` is too large to be read: {}", size(about.len())));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed("read", path, error))?;
        Ok(bytes)
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let bytes = self.bytes(path)?;
        let binary = |count| format!("`{path}` is no text but {} of binary data", size(count));
        if bytes.iter().take(8192).any(|byte| *byte == 0) {
            return Err(binary(bytes.len() as u64));
        }
        String::from_utf8(bytes).map_err(|error| binary(error.as_bytes().len() as u64))
    }

    /// Writes a file, whole or not at all; what may be done with one that is there stays as it was.
    pub(super) fn write(&self, path: &str, contents: &str) -> Result<(), String> {
        let (folder, name) = self.parent(path, Missing::Make)?.ok_or_else(|| format!("`{path}` cannot be written"))?;
        let mode = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(about) => match FileType::from_raw_mode(about.st_mode) {
                FileType::RegularFile => Mode::from_raw_mode(about.st_mode & 0o777),
                FileType::Symlink => return Err(linked(path)),
                _ => return Err(format!("`{path}` is no file")),
            },
            Err(_) => Mode::from_raw_mode(0o644),
        };
        let temporary = format!(".{}.cgo-new", name.chars().take(60).collect::<String>());
        let _ = unlinkat(&folder, &temporary, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, &temporary, flags, mode).map_err(|errno| failed("write", path, errno))?;
        let mut file = File::from(file);
        let written = file
            .write_all(contents.as_bytes())
            .and_then(|()| renameat(&folder, &temporary, &folder, name).map_err(std::io::Error::from));
        written.map_err(|error| {
            let _ = unlinkat(&folder, &temporary, AtFlags::empty());
            failed("write", path, error)
        })
    }

    /// Removes a file, and the folders that are empty without it.
    pub(super) fn remove(&self, path: &str) -> Result<(), String> {
        let missing = || format!("there is no file `{path}`");
        let (folder, name) = self.parent(path, Missing::Leave)?.ok_or_else(missing)?;
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Err(missing()),
            Err(Errno::ISDIR | Errno::PERM) => return Err(format!("`{path}` is a folder; remove its files")),
            Err(errno) => return Err(failed("remove", path, errno)),
        }
        let mut path = path;
        while let Some((parent, _)) = path.rsplit_once('/') {
            let Ok(Some((folder, name))) = self.parent(parent, Missing::Leave) else { break };
            if unlinkat(&folder, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            path = parent;
        }
        Ok(())
    }

    /// The folder that holds a path's last part, opened part by part.
    fn parent<'p>(&self, path: &'p str, missing: Missing) -> Result<Option<(OwnedFd, &'p str)>, String> {
        let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
        if name.is_empty() {
            return Err("the root of the repository is no file".to_owned());
        }
        let mut folder = self.folder.try_clone().map_err(|error| failed("read", path, error))?;
        for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let open = |folder: &OwnedFd| openat(folder, part, flags, Mode::empty());
            let opened = match open(&folder) {
                Err(Errno::NOENT) if missing == Missing::Leave => return Ok(None),
                Err(Errno::NOENT) => match mkdirat(&folder, part, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => open(&folder),
                    Err(errno) => return Err(failed("write", path, errno)),
                },
                other => other,
            };
            folder = match opened {
                Ok(folder) => folder,
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => return Err(linked(path)),
                Err(errno) => return Err(failed("reach", path, errno)),
            };
        }
        Ok(Some((folder, name)))
    }
}

fn linked(path: &str) -> String {
    format!("`{path}` is refused: a symbolic link or a file stands where a folder or a file should be")
}

fn failed(deed: &str, path: &str, error: impl Into<std::io::Error>) -> String {
    format!("cannot {deed} `{path}`: {}", error.into())
}

/// A size for people.
pub(in crate::coder) fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        let root = Root::open(&folder.path().join("work")).unwrap();
        (folder, root)
    }

    #[test]
    fn paths_are_below_the_workspace_or_refused() {
        let (folder, root) = root();
        assert_eq!(root.parse("./a//b/").unwrap(), "a/b");
        assert_eq!(root.parse(".").unwrap(), "");
        let inside = folder.path().join("work/a.py").display().to_string();
        assert_eq!(root.parse(&inside).unwrap(), "a.py");
        let beside = format!("{}2/a.py", folder.path().join("work").display());
        for bad in [
            "/etc/passwd",
            "~/x",
            "../a",
            "a/../../b",
            ".git/config",
            "a/.GIT/hooks/x",
            "a\0b",
            "a\nb",
            "a\\b",
            &beside,
        ] {
            assert!(root.parse(bad).unwrap_err().contains("is refused"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_for_a_path_stays_below_the_workspace(
            text in prop_oneof![".*", "[./~a-g]{0,12}", "(/|\\./|\\.\\./|\\.git/|a/|é/|\\.){0,6}[a-z.]{0,4}"],
        ) {
            let (_folder, root) = root();
            if let Ok(path) = root.parse(&text) {
                prop_assert!(!path.starts_with('/') && !path.ends_with('/'));
                let hidden = |part: &str| part == ".." || part == "." || part.eq_ignore_ascii_case(".git");
                prop_assert!(path.is_empty() || path.split('/').all(|part| !part.is_empty() && !hidden(part)), "{}", path);
                prop_assert!(root.kind(&path) == Kind::Nothing || path.is_empty());
            }
        }
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let (folder, root) = root();
        std::fs::write(folder.path().join("outside"), "secret").unwrap();
        for (link, target) in [("work/file", "../outside"), ("work/folder", "..")] {
            std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
        }
        for path in ["file", "folder/outside"] {
            assert!(root.text(path).unwrap_err().contains("symbolic link"), "{path}");
            assert!(root.write(path, "mine").unwrap_err().contains("symbolic link"), "{path}");
        }
        assert!(root.remove("folder/outside").is_err());
        assert_eq!(root.kind("file"), Kind::Other);
        assert_eq!(std::fs::read_to_string(folder.path().join("outside")).unwrap(), "secret");
    }

    #[test]
    fn files_are_written_whole_with_their_mode_and_empty_folders_go_with_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, root) = root();
        root.write("a/b/c.sh", "1").unwrap();
        let path = folder.path().join("work/a/b/c.sh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        root.write("a/b/c.sh", "2").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!((root.text("a/b/c.sh").unwrap().as_str(), root.kind("a/b")), ("2", Kind::Folder));
        assert!(root.text("a").unwrap_err().contains("use `list`") && root.write("a", "x").is_err());
        assert!(root.remove("a/b").unwrap_err().contains("is a folder"));
        root.remove("a/b/c.sh").unwrap();
        assert_eq!(root.kind("a"), Kind::Nothing);
        std::fs::write(folder.path().join("work/x.bin"), b"\x00\x01").unwrap();
        assert!(root.text("x.bin").unwrap_err().contains("binary"));
        assert_eq!(size(1_234_567), "1.2 MB");
    }
}
