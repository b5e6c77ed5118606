use std::path::Path;

use super::*;

fn interpreter() -> Interpreter {
    Interpreter {
        executable: "/usr/bin/python3".into(),
        version: Version(3, 13, 0),
        implementation: "cpython".to_owned(),
        tag: "cpython-313".to_owned(),
        platform: "linux-x86_64".to_owned(),
        makes_environments: true,
    }
}

fn read(words: &str) -> Error {
    let attempt =
        Attempt { installer: "pip", exit: Exit::Code(1), interpreter: &interpreter(), folder: Path::new("/cache") };
    classify(words, &attempt)
}

/// What pip of early 2023, pip of 2026 and uv really wrote.
macro_rules! recorded {
    ($case:literal) => {
        [
            ("old pip", include_str!(concat!("../recorded/", $case, ".pip-23.txt"))),
            ("new pip", include_str!(concat!("../recorded/", $case, ".pip-new.txt"))),
            ("uv", include_str!(concat!("../recorded/", $case, ".uv.txt"))),
        ]
    };
}

fn all_say(recorded: [(&str, &str); 3], expected: &str) {
    for (program, words) in recorded {
        assert_eq!(read(words).to_string(), expected, "said by the {program}:\n{words}");
    }
}

#[test]
fn an_unreachable_index_is_told_from_a_missing_package() {
    let unreachable = |cause: &str| format!("cannot reach the package index: {cause} (tried once)");
    all_say(recorded!("dns"), &unreachable("its name cannot be resolved"));
    all_say(recorded!("refused"), &unreachable("the connection was refused"));
    all_say(recorded!("slow"), &unreachable("it does not answer in time"));
    all_say(recorded!("reset"), &unreachable("the connection broke"));
    all_say(recorded!("download_refused"), &unreachable("the connection was refused"));
    all_say(recorded!("download_reset"), &unreachable("the connection broke"));
    let cut = include_str!("../recorded/download_cut.pip-new.txt");
    assert_eq!(read(cut).to_string(), unreachable("the connection broke"));
    all_say(recorded!("tls"), &unreachable("its certificate is not trusted"));
    all_say(recorded!("proxy"), &unreachable("the proxy cannot be reached"));
    all_say(recorded!("http_503"), &unreachable("it answers with HTTP 503"));
    all_say(recorded!("http_429"), &unreachable("it answers with HTTP 429"));
}

#[test]
fn an_index_that_refuses_is_not_tried_again() {
    all_say(recorded!("http_401"), "the package index refused to answer (HTTP 401)");
    all_say(recorded!("http_403"), "the package index refused to answer (HTTP 403)");
    all_say(recorded!("http_407"), "the package index refused to answer (HTTP 407)");
    assert!(!read(recorded!("http_401")[0].1).is_passing());
    assert!(!read(recorded!("tls")[0].1).is_passing());
    for cause in [recorded!("tls")[0].1, recorded!("http_401")[0].1, recorded!("dns")[0].1] {
        assert!(read(cause).is_outside());
    }
    assert!(read(recorded!("dns")[0].1).is_passing());
}

#[test]
fn an_index_that_pip_ignores_is_not_a_missing_package() {
    assert!(matches!(read(include_str!("../recorded/insecure.pip-23.txt")), Error::InsecureIndex));
}

#[test]
fn a_missing_version_names_the_package_and_the_machine() {
    let missing = |package: &str| format!("the package index has no `{package}` for Python 3.13.0 on linux-x86_64");
    all_say(recorded!("no_version"), &missing("iniconfig==99.0.0"));
    all_say(recorded!("no_package"), &missing("no-such-package-zzqq==1.0"));
    all_say(recorded!("other_platform"), &missing("pywin32==306"));
    all_say(recorded!("http_404"), &missing("iniconfig==2.0.0"));
}

#[test]
fn what_is_wrong_with_a_lock_file_is_named() {
    let differs = "the downloaded `iniconfig==2.0.0` is not the one the lock file pins (its hash differs)";
    all_say(recorded!("bad_hash"), differs);
    all_say(recorded!("no_hash"), "the lock file pins `iniconfig==2.0.0` without a hash");
    for words in [include_str!("../recorded/unpinned.pip-23.txt"), include_str!("../recorded/unpinned.uv.txt")] {
        assert_eq!(read(words).to_string(), "the lock file pins `iniconfig>=2.0` without a hash");
    }
    for (program, words) in recorded!("garbage") {
        assert!(matches!(read(words), Error::BadLock { .. }), "said by the {program}:\n{words}");
    }
}

#[test]
fn a_full_disk_is_a_full_disk_whatever_else_was_said() {
    for words in [include_str!("../recorded/disk_full.pip-23.txt"), include_str!("../recorded/disk_full.uv.txt")] {
        assert!(matches!(read(words), Error::DiskFull { .. }), "{words}");
    }
}

#[test]
fn a_request_that_succeeded_in_the_end_is_not_the_reason() {
    let words = "WARNING: Retrying (Retry(total=0)) after connection broken by 'ReadTimeoutError(\"Read timed out.\")': /x/\n\
                 ERROR: No matching distribution found for timeout-decorator==9\n";
    assert!(matches!(read(words), Error::NoMatch { package, .. } if package == "timeout-decorator==9"));
}

#[test]
fn an_unknown_failure_keeps_its_last_words() {
    let error = read("Collecting x\nsomething\nERROR: the moon is full\n[notice] upgrade pip\n");
    assert_eq!(error.to_string(), "pip failed: exit code 1: ERROR: the moon is full");
}
