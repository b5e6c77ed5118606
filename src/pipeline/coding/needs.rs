//! What a program is made of: the folders it has to read beside the system's, found from where it is installed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where a program is, and what it has to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The folders its program and its interpreter are found in.
    pub path: Vec<PathBuf>,
    /// The folders and files, below those of the system.
    pub read_only: Vec<PathBuf>,
}

/// What everybody may read in the sandbox anyway.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"];

/// Finds them, looking for the program in those folders. None when it is not there.
#[must_use]
pub fn of(program: &str, search: &OsStr, home: Option<&Path>) -> Option<Needs> {
    let mut found = Finder { search, home, path: Vec::new(), read_only: BTreeSet::new() };
    found.program(program)?;
    Some(Needs { path: found.path, read_only: found.read_only.into_iter().collect() })
}

struct Finder<'a> {
    search: &'a OsStr,
    home: Option<&'a Path>,
    path: Vec<PathBuf>,
    read_only: BTreeSet<PathBuf>,
}

impl Finder<'_> {
    /// A program by name, with whatever runs it.
    fn program(&mut self, name: &str) -> Option<()> {
        let file = std::env::split_paths(self.search).map(|folder| folder.join(name)).find(|file| file.is_file())?;
        let folder = file.parent()?.to_owned();
        if !is_system(&file) && !self.path.contains(&folder) {
            self.path.push(folder);
        }
        self.file(&file);
        let real = std::fs::canonicalize(&file).ok()?;
        if real != file {
            self.file(&real);
        }
        self.interpreter(&real);
        Some(())
    }

    /// A file of a program: the whole of what it is installed in, where that is a folder of its own.
    fn file(&mut self, file: &Path) {
        if is_system(file) {
            return;
        }
        if let Some(modules) = file.ancestors().find(|folder| folder.ends_with("node_modules")) {
            self.read_only.insert(modules.to_owned());
        }
        let prefix = file.parent().filter(|folder| folder.ends_with("bin")).and_then(Path::parent);
        match prefix.filter(|prefix| !self.is_shared(prefix)) {
            Some(prefix) => {
                self.environment(prefix);
                self.read_only.insert(prefix.to_owned());
            }
            None => {
                self.read_only.insert(file.to_owned());
            }
        }
    }

    /// A Python environment builds on a Python elsewhere.
    fn environment(&mut self, prefix: &Path) {
        let settings = std::fs::read_to_string(prefix.join("pyvenv.cfg")).unwrap_or_default();
        let homes = settings.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| name.trim() == "home");
        for (_, home) in homes {
            let home = PathBuf::from(home.trim());
            for folder in [std::fs::canonicalize(&home).ok(), Some(home)].into_iter().flatten() {
                if let Some(base) = folder.parent().filter(|base| !is_system(base) && !self.is_shared(base)) {
                    self.read_only.insert(base.to_owned());
                }
            }
        }
    }

    /// A script is run by what its first line names.
    fn interpreter(&mut self, file: &Path) {
        let mut start = [0; 256];
        let read = std::fs::File::open(file).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
        let text = String::from_utf8_lossy(&start[..read]);
        let Some(line) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) else { return };
        let mut words = line.split_whitespace();
        let (Some(program), argument) = (words.next().map(Path::new), words.find(|word| !word.starts_with('-'))) else {
            return;
        };
        match argument {
            Some(name) if program.ends_with("env") => {
                self.program(name);
            }
            _ => {
                self.file(program);
                if let Ok(real) = std::fs::canonicalize(program) {
                    self.file(&real);
                }
            }
        }
    }

    /// A folder that holds more than one program: nobody's whole home is shown for one of them.
    fn is_shared(&self, prefix: &Path) -> bool {
        let home = self.home.is_some_and(|home| home.starts_with(prefix) || prefix == home.join(".local"));
        home || prefix.parent().is_none()
    }
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn program(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn below(folder: &Path, needs: &Needs) -> Vec<String> {
        let shown = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        needs.read_only.iter().map(shown).collect()
    }

    #[test]
    fn an_environment_brings_the_python_it_builds_on() {
        let folder = tempfile::tempdir().unwrap();
        let at = std::fs::canonicalize(folder.path()).unwrap();
        program(&at.join("pythons/3.12/bin/python3.12"), "");
        program(&at.join("tools/aider/bin/aider"), &format!("#!{}/tools/aider/bin/python\n", at.display()));
        symlink(at.join("pythons/3.12/bin/python3.12"), at.join("tools/aider/bin/python")).unwrap();
        std::fs::write(at.join("tools/aider/pyvenv.cfg"), format!("home = {}/pythons/3.12/bin\n", at.display()))
            .unwrap();
        let needs = of("aider", at.join("tools/aider/bin").as_os_str(), None).unwrap();
        assert_eq!(below(&at, &needs), ["pythons/3.12", "tools/aider"]);
        assert_eq!(needs.path, [at.join("tools/aider/bin")]);
    }

    #[test]
    fn a_script_brings_what_runs_it_and_a_link_what_it_points_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = std::fs::canonicalize(folder.path()).unwrap();
        program(&at.join("node/bin/node"), "");
        program(&at.join("npm/node_modules/@x/codex/bin/codex.js"), "#!/usr/bin/env node\n");
        std::fs::create_dir_all(at.join("npm/node_modules/.bin")).unwrap();
        symlink("../@x/codex/bin/codex.js", at.join("npm/node_modules/.bin/codex")).unwrap();
        let search = std::env::join_paths([at.join("npm/node_modules/.bin"), at.join("node/bin")]).unwrap();
        let needs = of("codex", &search, None).unwrap();
        let shown = below(&at, &needs);
        assert!(shown.contains(&"npm/node_modules".to_owned()) && shown.contains(&"node".to_owned()), "{shown:?}");
    }

    #[test]
    fn nobodys_home_is_shown_for_one_program_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = std::fs::canonicalize(folder.path()).unwrap();
        program(&home.join(".local/share/claude/versions/2.1"), "\u{7f}ELF");
        std::fs::create_dir_all(home.join(".local/bin")).unwrap();
        symlink(home.join(".local/share/claude/versions/2.1"), home.join(".local/bin/claude")).unwrap();
        program(&home.join("bin/droid"), "\u{7f}ELF");
        let search = std::env::join_paths([home.join(".local/bin"), home.join("bin")]).unwrap();
        let claude = of("claude", &search, Some(&home)).unwrap();
        assert_eq!(below(&home, &claude), [".local/bin/claude", ".local/share/claude/versions/2.1"]);
        assert_eq!(below(&home, &of("droid", &search, Some(&home)).unwrap()), ["bin/droid"]);
        assert_eq!(of("goose", &search, Some(&home)), None);
    }
}
