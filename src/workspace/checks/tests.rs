use super::*;

fn counts(passed: u32, failed: u32, skipped: u32, errors: u32) -> Counts {
    Counts { passed, failed, skipped, errors }
}

#[test]
fn the_exit_code_and_the_report_make_one_verdict() {
    let judge = |code, counts, tail: &str| verdict(Exit::Code(code), counts, &[tail.to_owned()]);
    assert_eq!(judge(0, Some(counts(3, 0, 1, 0)), ""), Verdict::Passed);
    let wrong = |reason: &str| Verdict::ProductWrong { reason: reason.to_owned() };
    assert_eq!(judge(1, Some(counts(1, 2, 0, 0)), ""), wrong("2 of 3 tests failed"));
    assert_eq!(judge(2, Some(counts(0, 0, 0, 1)), ""), wrong("1 of 1 tests could not be run"));
    // A plugin that turns a failure into exit code 0 does not turn it into a pass.
    assert_eq!(judge(0, Some(counts(1, 1, 0, 1)), ""), wrong("1 of 3 tests failed, 1 could not be run"));
    assert!(matches!(
        judge(4, None, "ImportError while loading conftest '/x/conftest.py'."),
        Verdict::ProductWrong { .. }
    ));
    for (code, counts) in [
        (0, Some(counts(0, 0, 2, 0))),
        (5, Some(counts(0, 0, 0, 0))),
        (0, None),
        (0, Some(counts(0, 0, 0, 0))),
        (5, None),
    ] {
        assert!(matches!(judge(code, counts, ""), Verdict::NothingVerified { .. }), "{code} {counts:?}");
    }
    for (code, counts) in [
        (2, Some(counts(5, 0, 0, 0))),
        (3, Some(counts(1, 0, 0, 0))),
        (4, None),
        (1, None),
        (137, None),
        (1, Some(counts(1, 0, 0, 0))),
    ] {
        assert!(matches!(judge(code, counts, ""), Verdict::CouldNotTest { .. }), "{code} {counts:?}");
    }
    let killed = verdict(Exit::Signal(9), Some(counts(1, 1, 0, 0)), &[]);
    assert!(matches!(killed, Verdict::CouldNotTest { .. }), "{killed:?}");
}

/// A project whose tests are a shell script, which stands for pytest.
struct Project(tempfile::TempDir);

impl Project {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join(".venv/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("checker"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join("checker"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self(folder)
    }

    async fn test(&self, deadline: Duration) -> TestReport {
        let argv = ["checker".to_owned(), "-q".to_owned()];
        let environment = self.0.path().join(".venv");
        let check = Check { folder: self.0.path(), environment: &environment, argv: &argv, deadline, ground: &Bare };
        run_tests(&check, &CancellationToken::new()).await.unwrap()
    }

    async fn lint(&self) -> LintReport {
        let argv = ["checker".to_owned()];
        let environment = self.0.path().join(".venv");
        let deadline = Duration::from_secs(20);
        let check = Check { folder: self.0.path(), environment: &environment, argv: &argv, deadline, ground: &Bare };
        run_linter(&check, &CancellationToken::new()).await.unwrap()
    }
}

/// Writes a report where pytest's variable says.
const REPORT: &str =
    "eval set -- $PYTEST_ADDOPTS; for option; do case $option in --junitxml=*) report=${option#*=};; esac; done";

#[tokio::test]
async fn the_report_is_found_and_the_tail_is_bounded() {
    let project = Project::new(&format!(
        "{REPORT}\nseq 1 500\nprintf \"<testsuites><testsuite><testcase name='a'/></testsuite></testsuites>\" > \"$report\""
    ));
    let report = project.test(Duration::from_secs(20)).await;
    assert_eq!((&report.verdict, report.counts.passed), (&Verdict::Passed, 1));
    assert_eq!((report.tail.len(), report.tail.last().map(String::as_str)), (TAIL_LINES, Some("500")));
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_not_a_pass() {
    let project = Project::new(&format!("{REPORT}\nprintf '<testsuites><testsuite>' > \"$report\""));
    let report = project.test(Duration::from_secs(20)).await;
    assert!(matches!(report.verdict, Verdict::CouldNotTest { .. }), "{report:?}");
}

#[tokio::test]
async fn tests_see_neither_the_users_home_nor_the_users_variables() {
    let project = Project::new("echo \"$HOME\"; env | cut -d= -f1");
    let report = project.test(Duration::from_secs(20)).await;
    let home = PathBuf::from(&report.tail[0]);
    assert_ne!(std::env::var_os("HOME").map(PathBuf::from), Some(home.clone()));
    assert!(!home.exists(), "the home of the tests stayed");
    let allowed = [
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        "VIRTUAL_ENV",
        "PYTHONUNBUFFERED",
        "PYTHONNOUSERSITE",
        "NO_COLOR",
        "PYTEST_ADDOPTS",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    for name in &report.tail[1..] {
        assert!(allowed.contains(&name.as_str()) || name.starts_with("LC_"), "the tests saw {name}");
    }
}

#[tokio::test]
async fn tests_that_do_not_end_could_not_test() {
    let project = Project::new("echo begun; exec sleep 60");
    let report = project.test(Duration::from_millis(300)).await;
    assert!(matches!(report.verdict, Verdict::CouldNotTest { .. }), "{report:?}");
    assert_eq!(report.tail, ["begun"]);
}

#[tokio::test]
async fn a_linter_that_finds_faults_differs_from_one_that_does_not_work() {
    assert_eq!(Project::new("exit 0").lint().await.verdict, Verdict::Passed);
    assert!(matches!(Project::new("exit 1").lint().await.verdict, Verdict::ProductWrong { .. }));
    assert!(matches!(Project::new("exit 2").lint().await.verdict, Verdict::CouldNotTest { .. }));
}

#[tokio::test]
async fn a_missing_program_could_not_test_and_an_empty_argv_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let argv = ["no-such-checker".to_owned()];
    let check = Check {
        folder: folder.path(),
        environment: folder.path(),
        argv: &argv,
        deadline: Duration::from_secs(5),
        ground: &Bare,
    };
    let report = run_tests(&check, &CancellationToken::new()).await.unwrap();
    assert!(matches!(&report.verdict, Verdict::CouldNotTest { reason } if reason.contains("no-such-checker")));
    let error = run_tests(&Check { argv: &[], ..check }, &CancellationToken::new()).await;
    assert!(matches!(error, Err(Error::NoProgram)));
}
