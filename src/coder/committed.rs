//! A look at what was committed, before anybody uses it and whoever made it: files of secrets and what looks like one,
//! what is no code, what judges the work or says what it has to be, and tests that are gone.
//!
//! All commits since the base are looked at, also those whose changes a later one takes back: a history is pushed as a
//! whole. Nothing that stands in the workspace has a say: git shows every file as text, and rules are those of the base.
//! Whether the project's own checks pass is asked elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use super::evidence::Git;
use super::native::root::size;
use super::native::rules::{self, Rules};
use super::native::secrets as shapes;
use super::verdict::{Class, Objection};
use crate::exec::{self, Exit, Output};

/// The most files that are changed, and the largest of them, in bytes.
const FILES: usize = 1000;
const LARGEST: u64 = 5 << 20;
/// How many offending files are named.
const NAMED: usize = 10;
/// What git says is kept up to here, in bytes; what it says beyond cannot be looked at.
const ANSWER: usize = 64 << 20;
/// What the mode of a file begins with.
const FILE: u32 = 0o100_000;
/// The mode of a link.
pub(super) const LINK: u32 = 0o120_000;
/// The mode of a repository within another.
const REPOSITORY: u32 = 0o160_000;
/// A line that begins a test.
const TEST: &str = "^[[:space:]]*(async[[:space:]]+)?def[[:space:]]+test";
/// A line that has tests skipped, or expected to fail.
const SKIP: &str = "(pytest|mark|unittest)\\.(skip|xfail|importorskip|SkipTest)|__test__ *= *False|collect_ignore";

/// A change of a file.
pub(super) struct Changed {
    /// Below the workspace.
    pub(super) path: String,
    /// The mode it has now; 0 when it is gone.
    pub(super) mode: u32,
    /// How large it is, for a file.
    pub(super) bytes: u64,
    /// Where it leads, for a link.
    pub(super) target: Option<PathBuf>,
}

/// Why files must not be committed, whatever is in them.
pub(super) fn files(changes: &[Changed]) -> Option<Objection> {
    let all = |wrong: &dyn Fn(&Changed) -> bool| {
        let there = changes.iter().filter(|change| change.mode != 0 && wrong(change));
        let paths: BTreeSet<&str> = there.map(|change| change.path.as_str()).collect();
        let paths: Vec<&str> = paths.into_iter().take(NAMED).collect();
        (!paths.is_empty()).then(|| paths.join(", "))
    };
    if let Some(paths) = all(&|change| rules::is_secret(&change.path)) {
        let words = format!("{paths} looks like a file of secrets; take it away, or have git ignore it");
        return Some(Objection::new(Class::Secrets, words));
    }
    let forbidden = |words: String| Some(Objection::new(Class::Forbidden, words));
    if let Some(paths) = all(&|change| change.mode == REPOSITORY) {
        return forbidden(format!("{paths} is a git repository of its own; take it away"));
    }
    let leads_out = |change: &Changed| change.target.as_ref().is_some_and(|target| leads_out(&change.path, target));
    if let Some(paths) = all(&leads_out) {
        return forbidden(format!("{paths} is a link that leads out of the repository"));
    }
    let count = changes.iter().map(|change| &change.path).collect::<BTreeSet<_>>().len();
    if count > FILES {
        return forbidden(format!("{count} files have changed; have git ignore what is not code"));
    }
    let paths = all(&|change| change.bytes > LARGEST)?;
    forbidden(format!("{paths} is larger than {}; have git ignore it", size(LARGEST)))
}

/// Why what was found among added lines must not be committed.
pub(super) fn secrets(found: &[String]) -> Option<Objection> {
    if found.is_empty() {
        return None;
    }
    let found = found[..found.len().min(NAMED)].join(", ");
    let words =
        format!("it seems to hold secrets: {found}. Use a name from the environment, or a value that is plainly fake");
    Some(Objection::new(Class::Secrets, words))
}

fn leads_out(link: &str, target: &Path) -> bool {
    let mut depth = Path::new(link).components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(name) if name == ".git" => return true,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

/// Why the commits after `base`, up to `tip`, must be kept out.
///
/// # Errors
/// When git cannot be run.
pub(super) async fn look(git: &Git<'_>, base: &str, tip: &str) -> Result<Option<Objection>, exec::Error> {
    found(Look { git, base, tip }.all().await)
}

/// Which tests of `base` a tree takes away.
///
/// # Errors
/// When git cannot be run.
pub(super) async fn tests(git: &Git<'_>, base: &str, tree: &str) -> Result<Option<Objection>, exec::Error> {
    let look = Look { git, base, tip: tree };
    let looked = async { look.tests(&look.rules().await?).await };
    found(looked.await)
}

fn found(looked: Result<(), Ended>) -> Result<Option<Objection>, exec::Error> {
    match looked {
        Ok(()) => Ok(None),
        Err(Ended::Objection(objection)) => Ok(Some(objection)),
        Err(Ended::Git(error)) => Err(error),
    }
}

/// What ends a look early.
enum Ended {
    Objection(Objection),
    Git(exec::Error),
}

impl From<exec::Error> for Ended {
    fn from(error: exec::Error) -> Self {
        Self::Git(error)
    }
}

fn object(objection: Option<Objection>) -> Result<(), Ended> {
    objection.map_or(Ok(()), |objection| Err(Ended::Objection(objection)))
}

fn refuse<T>(class: Class, words: impl Into<String>) -> Result<T, Ended> {
    Err(Ended::Objection(Objection::new(class, words)))
}

struct Look<'a> {
    git: &'a Git<'a>,
    base: &'a str,
    tip: &'a str,
}

impl Look<'_> {
    async fn all(&self) -> Result<(), Ended> {
        object(files(&self.changes().await?))?;
        let rules = self.rules().await?;
        self.judges(&rules).await?;
        object(secrets(&self.secrets().await?))?;
        self.tests(&rules).await
    }

    async fn run(&self, args: &[&str], stdin: Option<String>) -> Result<Output, Ended> {
        let settings = ["-c", "core.quotePath=false", "-c", "core.attributesFile=/dev/null"];
        let command = self.git.command(&[settings.as_slice(), args].concat()).keep(ANSWER);
        let command = command.env("GIT_ATTR_NOSYSTEM", "1").env("GIT_NO_REPLACE_OBJECTS", "1");
        let command = command.env("GIT_NO_LAZY_FETCH", "1");
        let command = if let Some(text) = stdin { command.stdin(text) } else { command };
        Ok(exec::run(&command, self.git.cancel).await?)
    }

    /// What git says; what it does not show is kept out.
    async fn ask(&self, args: &[&str], stdin: Option<String>) -> Result<String, Ended> {
        let output = self.run(args, stdin).await?;
        if !output.exit.success() || output.stdout.left_out() > 0 {
            return refuse(Class::Forbidden, "the change is too large to be looked at, or git cannot show it");
        }
        Ok(output.stdout.text())
    }

    fn range(&self) -> String {
        format!("{}..{}", self.base, self.tip)
    }

    /// A file as a commit has it; none when it has no such file.
    async fn file(&self, commit: &str, path: &str) -> Result<Option<String>, Ended> {
        let output = self.run(&["cat-file", "blob", &format!("{commit}:{path}")], None).await?;
        Ok(output.exit.success().then(|| output.stdout.text()))
    }

    /// The rules as the base has them.
    async fn rules(&self) -> Result<Rules, Ended> {
        let list = self.file(self.base, rules::MANIFEST).await?.unwrap_or_default();
        let settings = self.file(self.base, rules::SETTINGS).await?.unwrap_or_default();
        Ok(Rules::read(&list, &settings, |_| false))
    }

    /// Every change of every commit; of a merge, those from each of its parents.
    async fn changes(&self) -> Result<Vec<Changed>, Ended> {
        let list = ["log", "--raw", "-z", "-m", "--no-renames", "--no-abbrev", "--format=", &self.range()];
        let raw = self.ask(&list, None).await?;
        let mut records = raw.split('\0').filter(|record| !record.is_empty());
        let mut found = Vec::new();
        while let (Some(about), Some(path)) = (records.next(), records.next()) {
            let mut about = about.split(' ').skip(1);
            let mode = about.next().and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(0);
            let id = about.nth(1).unwrap_or_default();
            found.push((Changed { path: path.to_owned(), mode, bytes: 0, target: None }, id));
        }
        let files = found.iter().filter(|(change, _)| change.mode & LINK == FILE);
        let sizes = self.sizes(files.map(|(_, id)| *id)).await?;
        // More than that are too many anyway.
        let mut links = 0..FILES;
        let mut changes = Vec::new();
        for (mut change, id) in found {
            change.bytes = sizes.get(id).copied().unwrap_or(0);
            if change.mode == LINK && links.next().is_some() {
                change.target = Some(self.ask(&["cat-file", "blob", id], None).await?.into());
            }
            changes.push(change);
        }
        Ok(changes)
    }

    async fn sizes<'c>(&self, ids: impl Iterator<Item = &'c str>) -> Result<HashMap<&'c str, u64>, Ended> {
        let ids: Vec<&str> = ids.collect();
        let asked = ids.iter().flat_map(|id| [*id, "\n"]).collect();
        let told = self.ask(&["cat-file", "--batch-check=%(objectsize)"], Some(asked)).await?;
        // What git does not have is larger than anything.
        Ok(ids.into_iter().zip(told.lines().map(|bytes| bytes.parse().unwrap_or(u64::MAX))).collect())
    }

    /// What says how the work is judged, and what it has to be, stays as it was. Generated files are compared with the
    /// spec by the project's checks.
    async fn judges(&self, rules: &Rules) -> Result<(), Ended> {
        let list = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", self.base, self.tip];
        let changed = self.ask(&list, None).await?;
        for path in changed.split('\0').filter(|path| !path.is_empty()) {
            if rules::is_spec(path) && rules.is_open(path).is_err() {
                let words = format!(
                    "`{path}` is not yours to change: the spec is the architect's, and code is generated from it; \
                     report the task as blocked when it cannot be done with the spec as it is"
                );
                return refuse(Class::Forbidden, words);
            }
            if !rules.is_generated(path) && rules.is_open(path).is_err() {
                let words = format!("`{path}` is not yours to change: cgo keeps its own records there");
                return refuse(Class::Forbidden, words);
            }
            if path == rules::SETTINGS
                && !rules.same_checks(&self.file(self.tip, rules::SETTINGS).await?.unwrap_or_default())
            {
                let words = format!("how the project is checked, in `{path}`, is not yours to change");
                return refuse(Class::Forbidden, words);
            }
        }
        Ok(())
    }

    /// What looks like a secret in a line that any commit adds, or in what it says of itself.
    async fn secrets(&self) -> Result<Vec<String>, Ended> {
        let range = self.range();
        let show = ["log", "-p", "-U0", "-m", "--text", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
        let same = ["--src-prefix=a/", "--dst-prefix=b/", "--format=", &range];
        let mut found = shapes::added(&self.ask(&[show.as_slice(), &same].concat(), None).await?);
        let messages = self.ask(&["log", "-z", "--format=%h%n%B", &range], None).await?;
        for (commit, message) in messages.split('\0').filter_map(|message| message.split_once('\n')) {
            found.extend(message.lines().find_map(shapes::secret).map(|what| format!("message of {commit}: {what}")));
        }
        let mut seen = BTreeSet::new();
        found.retain(|one| seen.insert(one.clone()));
        Ok(found)
    }

    /// Files of tests that were there are there, hold tests, and have none skipped that ran. Which tests they are is
    /// not asked.
    async fn tests(&self, rules: &Rules) -> Result<(), Ended> {
        let list = ["diff", "--name-status", "-z", "-M", "--diff-filter=DR", "--no-ext-diff", self.base, self.tip];
        let moved = self.ask(&list, None).await?;
        let mut records = moved.split('\0').filter(|record| !record.is_empty());
        let mut gone = Vec::new();
        let mut renamed = BTreeSet::new();
        while let (Some(status), Some(path)) = (records.next(), records.next()) {
            if status.starts_with('R') && records.next().is_some_and(is_test) {
                renamed.insert(path);
            } else if is_test(path) && !rules.is_generated(path) {
                gone.push(path);
            }
        }
        let (before, after) = (self.count(self.base, TEST).await?, self.count(self.tip, TEST).await?);
        let (skipped, skips) = (self.count(self.base, SKIP).await?, self.count(self.tip, SKIP).await?);
        let known = before.keys().map(String::as_str).filter(|path| !rules.is_generated(path));
        let known: Vec<&str> = known.filter(|path| !renamed.contains(path)).collect();
        gone.extend(known.iter().filter(|path| !after.contains_key(**path)));
        gone.sort_unstable();
        gone.dedup();
        if !gone.is_empty() {
            let paths = gone[..gone.len().min(NAMED)].join(", ");
            let words = format!("{paths} held tests and holds none any more; change tests, but do not take them away");
            return refuse(Class::Tests, words);
        }
        let many = |counts: &BTreeMap<String, u64>, path: &str| counts.get(path).copied().unwrap_or(0);
        let now: Vec<&str> = known.into_iter().filter(|path| many(&skips, path) > many(&skipped, path)).collect();
        if now.is_empty() {
            return Ok(());
        }
        let paths = now[..now.len().min(NAMED)].join(", ");
        refuse(Class::Tests, format!("tests in {paths} are skipped, or expected to fail, that were not before"))
    }

    /// In how many lines of each file of tests something stands; files without one are left out.
    async fn count(&self, tree: &str, what: &str) -> Result<BTreeMap<String, u64>, Ended> {
        let about = ["grep", "-c", "-z", "--text", "-E", "--no-color", "--full-name", "--no-textconv"];
        let args = [about.as_slice(), &["-e", what, tree, "--", "*.py"]].concat();
        let output = self.run(&args, None).await?;
        if output.exit == Exit::Code(1) {
            return Ok(BTreeMap::new());
        }
        if !output.exit.success() || output.stdout.left_out() > 0 {
            return refuse(Class::Forbidden, "the tests cannot be looked at: git cannot show them");
        }
        let text = output.stdout.text();
        let counted = text.lines().filter_map(|line| {
            let (path, count) = line.split_once('\0')?;
            let path = path.strip_prefix(tree)?.strip_prefix(':')?;
            let count = count.parse().ok().filter(|_| is_test(path))?;
            Some((path.to_owned(), count))
        });
        Ok(counted.collect())
    }
}

/// Whether a file is one of those that tests are looked for in.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(path: &str, mode: u32, bytes: u64, target: Option<&str>) -> Changed {
        Changed { path: path.to_owned(), mode, bytes, target: target.map(PathBuf::from) }
    }

    #[test]
    fn files_are_refused_for_what_they_are() {
        let file = |path, bytes| changed(path, 0o100_644, bytes, None);
        let of = |change| files(&[file("app.py", 10), change]).map(|objection| (objection.class, objection.words));
        let says = |change, class, words: &str| {
            let (found, said) = of(change).unwrap_or_else(|| panic!("{words}: nothing is said"));
            assert!(found == class && said.contains(words), "{found:?}: {said}");
        };
        says(file("a/.env", 1), Class::Secrets, "a/.env looks like a file of secrets");
        says(changed("x", 0o160_000, 0, None), Class::Forbidden, "x is a git repository of its own");
        says(changed("a/l", LINK, 3, Some("../../x")), Class::Forbidden, "a/l is a link that leads out");
        says(changed("l", LINK, 3, Some("/etc/passwd")), Class::Forbidden, "leads out");
        says(file("a.bin", LARGEST + 1), Class::Forbidden, "a.bin is larger than");
        assert!(of(file("b.py", LARGEST)).is_none() && of(changed("a/l", LINK, 3, Some("../app.py"))).is_none());
        assert!(of(changed(".env", 0, 0, None)).is_none(), "a file of secrets may go");
        let many: Vec<Changed> =
            (0..=FILES).map(|number| changed(&format!("{number}.py"), 0o100_644, 1, None)).collect();
        assert!(files(&many).is_some_and(|objection| objection.words.starts_with("1001 files")));
    }

    #[test]
    fn files_of_tests_are_known_by_their_names() {
        assert!(is_test("a/tests/test_x.py") && is_test("x_test.py"));
        assert!(!is_test("tests/helpers.py") && !is_test("a/test_x.txt") && !is_test("contest.py"));
    }
}
