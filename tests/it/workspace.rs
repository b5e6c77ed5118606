//! The project folder against the real programs: git, Python, pip, uv, pytest, a hostile machine and `kill -9`.
//!
//! A test that needs another environment, or is to be killed, runs [`child`] in a process of its own. Packages come from
//! the index that pip is configured for: pytest and what it needs, once per installer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cgo::workspace::checks::{self, Bare, Check, Counts, Verdict};
use cgo::workspace::git::{self, Origin, Repository};
use cgo::workspace::python::error::Network;
use cgo::workspace::python::{Cache, Error, Installer, Limits, Provided, Search, Source, Toolchain};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const LOCK: &str = "\
exceptiongroup==1.3.1 ; python_full_version < '3.11' \\
    --hash=sha256:8b412432c6055b0b7d14c310000ae93352ed6754f70fa8f7c34141f91c4e3219 \\
    --hash=sha256:a7a39a3bd276781e98394987d3a5701d0c4edffb633bb7a5144577f82c773598
iniconfig==2.3.1 \\
    --hash=sha256:67f4b9c50da0dedf52af349e7749a80a9057a5031199791b906c3bb3ae878960 \\
    --hash=sha256:9121e2c1fdb355232495be3194c8dfe87ccc2d5dee45947b78e68f499790d7a7
packaging==26.3 \\
    --hash=sha256:94edc256424af38762eb31306eed28beb9f0efc50a8837492c9d6fd6004aed79 \\
    --hash=sha256:d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c
pluggy==1.7.0 \\
    --hash=sha256:7dd7b0d8832ba3cb632c306926ded123429211b83641b35dc5c41ad2d34f9bec \\
    --hash=sha256:d1eaa46ebb595891b860ab086b4d09c8588af65ebd4361b8e8f4bb8920b90ba8
pygments==2.21.0 \\
    --hash=sha256:2363c69b61c4a97c838da3b130dcd6468f4848992b21a82f2a63ec34377137d9 \\
    --hash=sha256:610ca751c9bc2492b38eb9a38a7fbc93edbbb2d7182edaf34e66ae493dee5c8c
pytest==8.4.2 \\
    --hash=sha256:86c0d0b93306b961d58d62a4db4879f27fe25513d4b969df351abdddb3c30e01 \\
    --hash=sha256:872f880de3fc3a5bdc88a11b39c9710c3497a547cfa9320bc3c5e62fbf272e79
tomli==2.5.0 ; python_full_version < '3.11' \\
    --hash=sha256:32a7b79ac57a2e83670ce329ccf675798bc5a2094783a63676866b70503f2e2b
typing-extensions==4.16.0 ; python_full_version < '3.11' \\
    --hash=sha256:481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8 \\
    --hash=sha256:dc983d19a509c94dba722ee6abd33940f7c05a89e243c47e907eb4db6f1a43e5
";

/// Three packages of [`LOCK`], pinned alike.
fn base_lock() -> String {
    let names = ["iniconfig", "packaging", "pluggy"];
    let wanted = |package: &&str| names.iter().any(|name| package.starts_with(&format!("{name}==")));
    let lines = LOCK.replace("\\\n    ", " ");
    lines.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

fn go() -> CancellationToken {
    CancellationToken::new()
}

/// Says that a program is missing; where everything is required, that is a failure.
fn skip(what: &str) {
    assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "{what} is missing, and CGO_TEST_REQUIRE_ALL is set");
    println!("skipped: {what} is missing");
}

async fn toolchain(installer: &str) -> Option<Toolchain> {
    let mut found = match Toolchain::find(&Search::from_env(), &go()).await {
        Ok(found) => found,
        Err(error) => {
            skip(&error.to_string());
            return None;
        }
    };
    match (installer, &found.installer) {
        ("uv", Installer::Uv(_)) => {}
        ("uv", Installer::Pip) => {
            skip("uv");
            return None;
        }
        _ if found.interpreter.makes_environments => found.installer = Installer::Pip,
        _ => {
            skip("the module `venv`");
            return None;
        }
    }
    Some(found)
}

/// This test binary again, doing only what `role` says.
fn spawn(role: &str, folder: &Path, env: &[(&str, &str)]) -> Child {
    let name = format!("{}::child", module_path!().split_once("::").expect("a module of the test binary").1);
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env("CGO_TEST_ROLE", role)
        .env("CGO_TEST_FOLDER", folder)
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finished(child: Child) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{text}\n{}", String::from_utf8_lossy(&stderr));
    text
}

/// Not a test by itself: what the other tests have a process of its own do.
#[tokio::test]
async fn child() {
    let Ok(role) = std::env::var("CGO_TEST_ROLE") else { return };
    let folder = PathBuf::from(std::env::var_os("CGO_TEST_FOLDER").unwrap());
    match role.as_str() {
        "commit" => {
            let repository = Repository::init_or_open(&folder.join("project"), &go()).await.unwrap();
            let key = std::env::var("CGO_TEST_KEY").unwrap_or_else(|_| "k".to_owned());
            let commit = repository.commit_all("begin", &key, None, &go()).await.unwrap();
            repository.export(&commit.sha, &folder.join("export"), &go()).await.unwrap();
            assert!(repository.is_clean(&go()).await.unwrap());
            println!("{} {:?}", commit.sha, commit.origin);
        }
        "git" => {
            let error = Repository::init_or_open(&folder.join("project"), &go()).await.unwrap_err();
            println!("{error} | {:?}", cgo::domain::diagnose::Diagnose::advice(&error));
        }
        "provide" => {
            let target = folder.join(std::env::var("CGO_TEST_TARGET").unwrap());
            let toolchain = toolchain("pip").await.unwrap();
            println!("{:?}", provide(&folder, &toolchain, &target).await.unwrap().source);
        }
        "layers" => {
            let target = folder.join(std::env::var("CGO_TEST_TARGET").unwrap());
            let toolchain = toolchain("pip").await.unwrap();
            println!("{:?}", provide_layers(&folder, &toolchain, &target).await.source);
        }
        other => panic!("no such role: {other}"),
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn count(folder: &Path) -> String {
    let arguments = ["-c", "safe.directory=*", "rev-list", "--count", "--all"];
    let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_hostile_machine_changes_nothing_about_a_commit() {
    let home = tempfile::tempdir().unwrap();
    let trap = home.path().join("hooks/trap");
    write(&trap, "#!/bin/sh\necho \"$0\" >> \"$HOME/witness\"\nexit 1\n");
    fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for hook in ["pre-commit", "commit-msg", "post-checkout", "reference-transaction"] {
        fs::copy(&trap, home.path().join("hooks").join(hook)).unwrap();
    }
    write(&home.path().join("template/hooks/pre-commit"), "#!/bin/sh\nexit 1\n");
    write(&home.path().join("template/info/exclude"), "*\n");
    write(&home.path().join(".config/git/ignore"), "*\n");
    write(&home.path().join(".config/git/attributes"), "* filter=bad eol=crlf\n");
    let shown = home.path().display();
    let config = format!(
        "[user]\n\tname = Ада\n\temail = ada@example.org\n[core]\n\thooksPath = {shown}/hooks\n\tautocrlf = true\n\
         \texcludesFile = {shown}/.config/git/ignore\n\tfsmonitor = {shown}/hooks/trap\n[commit]\n\tgpgSign = true\n\
         [gpg]\n\tprogram = {shown}/hooks/trap\n[init]\n\ttemplateDir = {shown}/template\n\tdefaultBranch = trunk\n\
         [safe]\n\tdirectory =\n[filter \"bad\"]\n\tclean = {shown}/hooks/trap\n\tsmudge = {shown}/hooks/trap\n\trequired\n\
         [alias]\n\tcommit = !false\n[status]\n\tshort = true\n[include]\n\tpath = /nonexistent\n"
    );
    write(&home.path().join(".gitconfig"), &config);
    let folder = home.path().join("w");
    write(&folder.join("project/a.txt"), "1\n");
    let env = [
        ("HOME", home.path().to_str().unwrap()),
        ("GIT_DIR", "/nonexistent"),
        ("GIT_WORK_TREE", "/nonexistent"),
        ("GIT_INDEX_FILE", "/nonexistent"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.bare"),
        ("GIT_CONFIG_VALUE_0", "true"),
        ("GIT_AUTHOR_DATE", "never"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("LC_ALL", "ru_RU.UTF-8"),
    ];
    let said = finished(spawn("commit", &folder, &env));
    assert!(said.contains("Made"), "{said}");
    assert!(!home.path().join("witness").exists(), "a hook or filter ran");
    let project = folder.join("project");
    let log = Command::new("git")
        .args(["log", "--format=%an <%ae> %D", "--name-only"])
        .env("HOME", "/nonexistent")
        .current_dir(&project)
        .output()
        .unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    assert_eq!(log, "Ада <ada@example.org> HEAD -> main\n\na.txt\n");
    assert_eq!(fs::read_to_string(folder.join("export/a.txt")).unwrap(), "1\n");
}

#[test]
fn an_empty_home_and_a_broken_configuration_are_no_obstacle() {
    for config in [None, Some("[user\nname = ")] {
        let home = tempfile::tempdir().unwrap();
        if let Some(config) = config {
            write(&home.path().join(".gitconfig"), config);
        }
        write(&home.path().join("project/a"), "1");
        let said = finished(spawn("commit", home.path(), &[("HOME", home.path().to_str().unwrap())]));
        assert!(said.contains("Made"), "{said}");
    }
}

#[test]
fn a_missing_git_is_named_with_what_installs_it() {
    let home = tempfile::tempdir().unwrap();
    let said = finished(spawn("git", home.path(), &[("PATH", "/nonexistent")]));
    assert!(said.contains("cannot find the program `git`") && said.contains("install"), "{said}");
}

#[test]
fn a_commit_that_is_killed_anywhere_and_repeated_is_one_commit() {
    let whole = {
        let home = tempfile::tempdir().unwrap();
        write(&home.path().join("project/a"), "1");
        let begun = Instant::now();
        finished(spawn("commit", home.path(), &[]));
        begun.elapsed()
    };
    for step in 0..24 {
        let home = tempfile::tempdir().unwrap();
        for number in 0..40 {
            write(&home.path().join(format!("project/f{number}")), &"x".repeat(2000));
        }
        let mut child = spawn("commit", home.path(), &[]);
        std::thread::sleep(whole * step / 20);
        child.kill().unwrap();
        child.wait().unwrap();
        let said = finished(spawn("commit", home.path(), &[]));
        assert!(said.contains("Made") || said.contains("Found"), "step {step}: {said}");
        assert_eq!(count(&home.path().join("project")), "1", "step {step}");
        assert_eq!(fs::read_dir(home.path().join("export")).unwrap().count(), 40, "step {step}");
        let beside = fs::read_dir(home.path()).unwrap().count();
        assert_eq!(beside, 2, "step {step}: something stayed beside the project and the export");
    }
}

#[tokio::test]
async fn a_lock_that_a_killed_git_left_beside_an_export_is_no_obstacle() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init_or_open(&home.path().join("project"), &go()).await.unwrap();
    write(&home.path().join("project/a"), "1");
    let commit = repository.commit_all("begin", "k", None, &go()).await.unwrap();
    write(&home.path().join(".export.cgo-index.lock"), "");
    repository.export(&commit.sha, &home.path().join("export"), &go()).await.unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "something stayed beside the project and the export");
}

#[tokio::test]
async fn what_is_committed_by_hand_is_found_by_its_trailer() {
    let home = tempfile::tempdir().unwrap();
    let repository = Repository::init_or_open(home.path(), &go()).await.unwrap();
    write(&home.path().join("a"), "1");
    let made = repository.commit_all("begin", "run-1/developer", None, &go()).await.unwrap();
    let amended = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=b", "commit", "--amend", "--quiet", "--no-edit", "--date=now"])
        .args(["--author=Other <o@example.org>"])
        .current_dir(home.path())
        .status()
        .unwrap();
    assert!(amended.success());
    let again = repository.commit_all("begin", "run-1/developer", None, &go()).await.unwrap();
    assert_eq!(again.origin, Origin::Found);
    assert_ne!(again.sha, made.sha);
    assert!(git::Sha::parse(again.sha.as_str()).is_ok());
}

async fn provide(folder: &Path, toolchain: &Toolchain, target: &Path) -> Result<Provided, Error> {
    let lock = folder.join("lock.txt");
    if !lock.exists() {
        fs::write(&lock, LOCK).unwrap();
    }
    Cache::new(folder.join("cache")).provide(toolchain, &[lock], target, &mut |_| (), &go()).await
}

/// [`LOCK`] upon [`base_lock`].
async fn provide_layers(folder: &Path, toolchain: &Toolchain, target: &Path) -> Provided {
    let locks = ["lock.txt", "dev.txt"].map(|name| folder.join(name));
    for (lock, text) in locks.iter().zip([base_lock().as_str(), LOCK]) {
        if !lock.exists() {
            fs::write(lock, text).unwrap();
        }
    }
    Cache::new(folder.join("cache")).provide(toolchain, &locks, target, &mut |_| (), &go()).await.unwrap()
}

/// The packages of an environment as `name==version`, without pip.
fn packages(python: &Path) -> Vec<String> {
    let list = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'].lower() + '==' + d.version)";
    let text = succeeds(Command::new(python).args(["-c", list]));
    let mut found: Vec<_> = text.lines().filter(|line| !line.starts_with("pip==")).map(str::to_owned).collect();
    found.sort();
    found
}

/// Every file of an environment with its content's hash, for comparison.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                folders.push(path);
            } else if path.symlink_metadata().unwrap().is_file() {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// One story, because an installation takes seconds.
async fn environments_are_real(installer: &str) {
    let Some(toolchain) = toolchain(installer).await else { return };
    let home = tempfile::tempdir().unwrap();
    let first = provide(home.path(), &toolchain, &home.path().join("one/.venv")).await.unwrap();
    assert_eq!(first.source, Source::Installed);
    let target = home.path().join("two ü 'quoted'/.venv");
    let second = provide(home.path(), &toolchain, &target).await.unwrap();
    assert_eq!(second.source, Source::Cache);
    println!("{installer}: first {:?}, second {:?}, {} files", first.took, second.took, second.files);
    // Without the network there is nothing slow in it; uv has a cache of its own and may be as quick.
    assert!(installer == "uv" || second.took * 3 < first.took, "{:?} after {:?}", second.took, first.took);

    let cached = home.path().join("cache/envs").join(&second.key);
    let before = snapshot(&cached);
    let prefix = succeeds(Command::new(&second.python).args(["-c", "import pytest, sys; print(sys.prefix)"]));
    assert_eq!(Path::new(prefix.trim()), target);
    succeeds(Command::new(target.join("bin/pytest")).arg("--version"));
    let activated =
        format!(". '{}/bin/activate' && command -v pytest", target.display().to_string().replace('\'', "'\\''"));
    let found = succeeds(Command::new("sh").args(["-c", &activated]));
    assert_eq!(Path::new(found.trim()), target.join("bin/pytest"));

    checks_are_told_apart(home.path(), &target).await;

    // Whatever is done to a copy stays in the copy.
    if installer == "pip" {
        succeeds(Command::new(target.join("bin/pip")).args(["uninstall", "--yes", "pytest", "pluggy"]));
        let lock = home.path().join("lock.txt");
        let install = ["install", "--quiet", "--require-hashes", "--disable-pip-version-check", "-r"];
        succeeds(Command::new(target.join("bin/pip")).args(install).arg(lock));
        succeeds(Command::new(target.join("bin/pytest")).arg("--version"));
    }
    for name in snapshot(&target).keys().filter(|name| name.extension().is_some_and(|end| end == "py")) {
        fs::write(target.join(name), "edited = True\n").unwrap();
    }
    succeeds(Command::new(&second.python).args(["-m", "compileall", "-q", "-f"]).arg(target.join("lib")));
    assert!(snapshot(&cached) == before, "the cache changed with a copy");
    fs::remove_dir_all(home.path().join("cache")).unwrap();
    succeeds(Command::new(home.path().join("one/.venv/bin/pytest")).arg("--version"));
}

async fn checks_are_told_apart(home: &Path, environment: &Path) {
    let cases: [(&str, &str, &str, Counts); 8] = [
        ("right", "t/test_a.py", "def test_a(): pass", Counts { passed: 1, ..Counts::default() }),
        (
            "wrong",
            "t/test_a.py",
            "def test_a(): pass\ndef test_b(): assert 1 == 2",
            Counts { passed: 1, failed: 1, ..Counts::default() },
        ),
        (
            "wrong",
            "t/test_a.py",
            "import missing_module\ndef test_a(): pass",
            Counts { errors: 1, ..Counts::default() },
        ),
        ("wrong", "t/conftest.py", "import missing_module", Counts::default()),
        ("wrong", "t/test_a.py", "def test_a(missing_fixture): pass", Counts { errors: 1, ..Counts::default() }),
        (
            "nothing",
            "t/test_a.py",
            "import pytest\n@pytest.mark.skip\ndef test_a(): pass",
            Counts { skipped: 1, ..Counts::default() },
        ),
        ("nothing", "t/readme.md", "", Counts::default()),
        ("could not", "pytest.ini", "[pytest]\naddopts = --no-such-option", Counts::default()),
    ];
    for (number, (expected, file, text, counts)) in cases.into_iter().enumerate() {
        let project = home.join(format!("project {number}"));
        fs::create_dir_all(project.join("t")).unwrap();
        write(&project.join(file), text);
        for argv in [vec!["pytest", "-q", "t"], vec!["python", "-m", "pytest", "t"]] {
            let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
            let check =
                Check { folder: &project, environment, argv: &argv, deadline: Duration::from_mins(1), ground: &Bare };
            let report = checks::run_tests(&check, &go()).await.unwrap();
            let verdict = match report.verdict {
                Verdict::Passed => "right",
                Verdict::ProductWrong { .. } => "wrong",
                Verdict::NothingVerified { .. } => "nothing",
                Verdict::CouldNotTest { .. } => "could not",
            };
            assert_eq!((verdict, report.counts), (expected, counts), "{text}: {report:?}");
            assert_eq!(report.failed.len(), (counts.failed + counts.errors) as usize, "{report:?}");
        }
        assert!(!project.join(".pytest_cache").exists());
    }
}

#[tokio::test]
async fn an_environment_of_pip_is_installed_once_and_copied_whole() {
    environments_are_real("pip").await;
}

#[tokio::test]
async fn an_environment_of_uv_is_installed_once_and_copied_whole() {
    environments_are_real("uv").await;
}

#[tokio::test]
async fn a_killed_installation_is_repeated_and_two_processes_install_once() {
    if toolchain("pip").await.is_none() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("lock.txt"), LOCK).unwrap();
    let envs = home.path().join("cache/envs");
    let unfinished = |name: &str| {
        let entries = fs::read_dir(&envs).into_iter().flatten();
        entries.filter_map(Result::ok).find(|entry| entry.file_name().to_string_lossy().contains(name))
    };
    let wait = |what: &str, ready: &dyn Fn() -> bool| {
        let until = Instant::now() + Duration::from_mins(1);
        while !ready() {
            assert!(Instant::now() < until, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    // Killed while `venv` works, and while `pip` does.
    for begun in ["pyvenv.cfg", "bin/pip"] {
        let mut child = spawn("provide", home.path(), &[("CGO_TEST_TARGET", "a/.venv")]);
        wait(begun, &|| unfinished(".new-").is_some_and(|entry| entry.path().join(begun).exists()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!home.path().join("a/.venv").exists());
    }
    let first = spawn("provide", home.path(), &[("CGO_TEST_TARGET", "a/.venv")]);
    let second = spawn("provide", home.path(), &[("CGO_TEST_TARGET", "b/.venv")]);
    let said = [finished(first), finished(second)].concat();
    assert_eq!((said.matches("Installed").count(), said.matches("Cache").count()), (1, 1), "{said}");
    assert!(unfinished(".new-").is_none(), "an unfinished environment stayed");
    for name in ["a", "b"] {
        succeeds(Command::new(home.path().join(name).join(".venv/bin/pytest")).arg("--version"));
    }
}

async fn layers_are_real(installer: &str) {
    let Some(toolchain) = toolchain(installer).await else { return };
    let home = tempfile::tempdir().unwrap();
    let layered = provide_layers(home.path(), &toolchain, &home.path().join("dev/.venv")).await;
    assert_eq!(layered.source, Source::Installed);
    let release = provide(home.path(), &toolchain, &home.path().join("release/.venv")).await.unwrap();
    assert_eq!(release.source, Source::Cache);
    println!("{installer}: layers {:?}, release {:?}", layered.took, release.took);
    let base = ["iniconfig==2.3.1", "packaging==26.3", "pluggy==1.7.0"];
    assert_eq!(packages(&release.python), base);

    // From nothing, for comparison: the very same packages.
    fs::rename(home.path().join("lock.txt"), home.path().join("base.txt")).unwrap();
    let whole = provide(home.path(), &toolchain, &home.path().join("whole/.venv")).await.unwrap();
    assert_eq!(whole.source, Source::Installed);
    assert_eq!(packages(&layered.python), packages(&whole.python));
    succeeds(Command::new(home.path().join("dev/.venv/bin/pytest")).arg("--version"));
    if installer == "pip" {
        succeeds(Command::new(home.path().join("dev/.venv/bin/pip")).arg("check"));
    }

    // Another version in the upper lock holds there, and nothing below changes.
    let kept = home.path().join("cache/envs").join(&release.key);
    let before = snapshot(&kept);
    fs::rename(home.path().join("base.txt"), home.path().join("lock.txt")).unwrap();
    let other = LOCK.replace("iniconfig==2.3.1", "iniconfig==2.1.0").replace(
        "67f4b9c50da0dedf52af349e7749a80a9057a5031199791b906c3bb3ae878960",
        "9deba5723312380e77435581c6bf4935c94cbfab9b1ed33ef8d238ea168eb760",
    );
    fs::write(home.path().join("dev.txt"), other).unwrap();
    let other = provide_layers(home.path(), &toolchain, &home.path().join("other/.venv")).await;
    let expected: Vec<_> =
        packages(&whole.python).iter().map(|name| name.replace("iniconfig==2.3.1", "iniconfig==2.1.0")).collect();
    assert_eq!(packages(&other.python), expected);
    assert!(snapshot(&kept) == before, "a layer changed what is below");
}

#[tokio::test]
async fn a_layer_of_pip_has_exactly_what_its_lock_says() {
    layers_are_real("pip").await;
}

#[tokio::test]
async fn a_layer_of_uv_has_exactly_what_its_lock_says() {
    layers_are_real("uv").await;
}

#[tokio::test]
async fn a_layer_that_is_killed_is_repeated_and_its_base_is_kept() {
    let Some(toolchain) = toolchain("pip").await else { return };
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("lock.txt"), base_lock()).unwrap();
    let base = provide(home.path(), &toolchain, &home.path().join("release/.venv")).await.unwrap();
    let unfinished = || {
        let entries = fs::read_dir(home.path().join("cache/envs")).unwrap();
        entries.filter_map(Result::ok).find(|entry| entry.file_name().to_string_lossy().contains(".new-"))
    };
    // Killed while the base is copied, and while `pip` adds to the copy.
    for (begun, pause) in [("lib", 0), ("pyvenv.cfg", 400)] {
        let mut child = spawn("layers", home.path(), &[("CGO_TEST_TARGET", "a/.venv")]);
        let until = Instant::now() + Duration::from_mins(1);
        while !unfinished().is_some_and(|entry| entry.path().join(begun).exists()) {
            assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "there is no copy of the base");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!home.path().join("a/.venv").exists());
    }
    let both = ["a/.venv", "b/.venv"].map(|target| spawn("layers", home.path(), &[("CGO_TEST_TARGET", target)]));
    let said: String = both.map(finished).concat();
    assert_eq!((said.matches("Installed").count(), said.matches("Cache").count()), (1, 1), "{said}");
    assert!(unfinished().is_none(), "an unfinished environment stayed");
    assert_eq!(packages(&home.path().join("b/.venv/bin/python")), packages(&home.path().join("a/.venv/bin/python")));
    assert_eq!(packages(&base.python).len(), 3);
}

#[tokio::test]
async fn real_failures_of_an_installation_are_told_apart() {
    for installer in ["pip", "uv"] {
        let Some(toolchain) = toolchain(installer).await else { continue };
        let home = TempDir::new().unwrap();
        let limits = Limits { pause: Duration::from_millis(10), tries: 2, ..Limits::default() };
        let cache = |index: &str| {
            Cache::new(home.path().join("cache"))
                .with_limits(limits.clone())
                .with_env("PIP_INDEX_URL", index)
                .with_env("UV_INDEX_URL", index)
                .with_env("PIP_FIND_LINKS", "")
                .with_env("PIP_NO_CACHE_DIR", "1")
                .with_env("UV_NO_CACHE", "1")
        };
        let target = home.path().join(".venv");
        let lock = home.path().join("lock.txt");
        fs::write(&lock, LOCK).unwrap();
        let locks = [lock.clone()];
        let mut heard = String::new();
        let mut say = |line: &str| heard.push_str(line);
        for (index, expected) in [
            ("http://bob:hunter22@127.0.0.1:9/simple", Network::Refused),
            ("https://bob:hunter22@nowhere.invalid/simple", Network::Dns),
        ] {
            let error = cache(index).provide(&toolchain, &locks, &target, &mut say, &go()).await.unwrap_err();
            let Error::NoNetwork { cause, tries: 2 } = error else { panic!("{installer}: {error:?}") };
            assert_eq!(cause, expected, "{installer}");
        }
        assert!(!heard.contains("hunter22"), "{installer} showed a password: {heard}");
        assert!(!target.exists());
    }
}

#[tokio::test]
async fn a_wrong_hash_and_a_missing_version_name_their_package() {
    for installer in ["pip", "uv"] {
        let Some(toolchain) = toolchain(installer).await else { continue };
        let home = TempDir::new().unwrap();
        let lock = home.path().join("lock.txt");
        let hash = "0".repeat(64);
        fs::write(&lock, format!("iniconfig==2.3.1 --hash=sha256:{hash}\n")).unwrap();
        let target = home.path().join(".venv");
        let error = provide(home.path(), &toolchain, &target).await.unwrap_err();
        assert!(matches!(&error, Error::HashMismatch { package } if package == "iniconfig==2.3.1"), "{error:?}");
        fs::write(&lock, format!("iniconfig==99.9 --hash=sha256:{hash}\n")).unwrap();
        let error = provide(home.path(), &toolchain, &target).await.unwrap_err();
        assert!(matches!(&error, Error::NoMatch { package, .. } if package == "iniconfig==99.9"), "{error:?}");
    }
}
