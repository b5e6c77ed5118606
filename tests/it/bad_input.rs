//! Wrong input: one clear error that names the input and the next command, the right exit code, nothing half made.

use crate::support::env::{Ran, TestEnv, tools_are_here};

/// The command fails with that code, names these things, gives a hint, and leaves the working folder as it was.
fn refused(env: &TestEnv, arguments: &[&str], code: i32, names: &[&str]) -> Ran {
    let before = listing(env);
    let ran = env.run(arguments);
    check(&ran, code, names, &format!("{arguments:?}"));
    assert_eq!(listing(env), before, "{arguments:?} left something behind");
    ran
}

fn check(ran: &Ran, code: i32, names: &[&str], what: &str) {
    assert_eq!(ran.code, Some(code), "{what}\nstdout: {}\nstderr: {}", ran.stdout, ran.stderr);
    assert!(ran.stdout.is_empty(), "{what} answered: {}", ran.stdout);
    for name in names {
        assert!(ran.stderr.contains(name), "{what} does not name `{name}`:\n{}", ran.stderr);
    }
    assert!(ran.stderr.contains("error:"), "{what}:\n{}", ran.stderr);
    assert!(
        ran.stderr.contains("hint:") || ran.stderr.contains("--help"),
        "{what} gives no next step:\n{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains('\u{1b}'), "{what} lets control characters through:\n{:?}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{what}:\n{}", ran.stderr);
}

fn listing(env: &TestEnv) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(env.work())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn descriptions_that_are_empty_or_not_text_are_refused() {
    let env = TestEnv::new();
    refused(&env, &["project", "new", ""], 2, &["the description is empty"]);
    refused(&env, &["project", "new", "  \n\t "], 2, &["the description is empty"]);
    refused(&env, &["project", "new", "notes\u{1b}[31m with title"], 2, &["control character", "line 1"]);
    refused(&env, &["project", "new", "notes\u{7}"], 2, &["control character"]);
    refused(&env, &["project", "new", "--file", "missing.txt"], 2, &["missing.txt"]);
    let long = "a".repeat(1024 * 1024);
    std::fs::write(env.work().join("long.txt"), &long).unwrap();
    refused(&env, &["project", "new", "--file", "long.txt"], 2, &["long.txt", "65536 bytes"]);
    std::fs::write(env.work().join("latin.txt"), b"caf\xe9 with menu").unwrap();
    refused(&env, &["project", "new", "--file", "latin.txt"], 2, &["latin.txt", "UTF-8", "byte 4"]);
    let piped = env.run_with_input(["project", "new"], long.as_bytes());
    check(&piped, 2, &["standard input", "too long"], "1 MB on standard input");
    let nothing = env.run_with_input(["project", "new", "-"], b"");
    check(&nothing, 2, &["standard input", "is empty"], "nothing on standard input");
}

#[test]
fn names_that_are_no_names_are_refused() {
    let env = TestEnv::new();
    for name in ["../x", "a;b", "--help", "", "Ноты", "a b", "x/y", "-rf"] {
        let flag = format!("--name={name}");
        refused(&env, &["project", "new", "notes with title", &flag], 2, &["--name"]);
    }
    refused(&env, &["project", "show", "../../etc"], 2, &["../../etc"]);
    refused(&env, &["deploy", "a;b"], 2, &["a;b"]);
    refused(&env, &["project", "new", "notes with title", "--until", "nowhere"], 2, &["nowhere", "brainstorm"]);
    refused(&env, &["project", "new", "notes with title", "--file", "x"], 2, &["cannot be used"]);
    refused(&env, &["run", "show", "run-../../etc/passwd"], 1, &["no run"]);
    refused(&env, &["agent", "show", "nobody"], 1, &["nobody", "product_owner"]);
    refused(&env, &["explain", "nothing"], 1, &["nothing"]);
}

#[test]
fn a_folder_that_holds_something_is_not_touched() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    let folder = env.work().join("mine");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("diary.txt"), "mine").unwrap();
    let ran = refused(&env, &["project", "new", "notes with title", "--dir", "mine"], 1, &["mine", "not empty"]);
    assert!(ran.stderr.contains("--dir"), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(folder.join("diary.txt")).unwrap(), "mine");
    let file = env.work().join("file");
    std::fs::write(&file, "").unwrap();
    refused(&env, &["project", "new", "notes with title", "--dir", "file"], 1, &["file"]);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused_before_anything_is_made() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::new();
    // Not even root may make folders there.
    refused(&env, &["project", "new", "notes with title", "--dir", "/proc/notes"], 1, &["/proc"]);
    let projects = env.json(["project", "list"]);
    assert_eq!(projects["projects"].as_array().unwrap().len(), 0);
}

#[test]
fn without_python_or_git_nothing_is_made_and_the_command_that_installs_it_is_named() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::new();
    let bin = env.home().join("bin");
    std::fs::create_dir(&bin).unwrap();
    env.set("PATH", bin.display().to_string());
    refused(&env, &["project", "new", "notes with title"], 9, &["git"]);
    let git =
        String::from_utf8(std::process::Command::new("sh").args(["-c", "command -v git"]).output().unwrap().stdout)
            .unwrap();
    std::os::unix::fs::symlink(git.trim(), bin.join("git")).unwrap();
    refused(&env, &["project", "new", "notes with title"], 9, &["Python"]);
    let doctor = env.run(["doctor"]);
    assert_eq!(doctor.code, Some(9), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("missing") && doctor.stdout.contains("python"), "{}", doctor.stdout);
    env.unset("PATH");
    env.set("CGO_PYTHON", "/nowhere/python");
    refused(&env, &["project", "new", "notes with title"], 2, &["/nowhere/python", "CGO_PYTHON"]);
}

#[test]
fn without_a_network_the_code_is_kept_and_the_run_goes_on_later() {
    if !tools_are_here() {
        return;
    }
    let mut env = TestEnv::deploying();
    env.set("CGO_CACHE", env.home().join("empty-cache").display().to_string());
    for (name, value) in [
        ("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),
        ("UV_INDEX_URL", "http://127.0.0.1:9/simple"),
        ("PIP_RETRIES", "0"),
        ("PIP_CACHE_DIR", "/nonexistent"),
        ("PIP_FIND_LINKS", ""),
    ] {
        env.set(name, value);
    }
    env.set("UV_CACHE_DIR", env.home().join("uv-cache").display().to_string());
    let ran = env.run(["project", "new", "notes with title"]);
    check(&ran, 9, &["the package index", "cgo run resume"], "no network");
    let project = env.json(["project", "list"]);
    assert_eq!(project["projects"][0]["name"], "notes", "{project}");
    let status = std::process::Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(env.work().join("notes"))
        .output()
        .unwrap();
    assert!(status.stdout.is_empty(), "the folder is half made");
    for name in
        ["CGO_CACHE", "PIP_INDEX_URL", "UV_INDEX_URL", "PIP_RETRIES", "PIP_CACHE_DIR", "PIP_FIND_LINKS", "UV_CACHE_DIR"]
    {
        env.unset(name);
    }
    let resumed = env.json(["run", "resume"]);
    assert!(resumed["url"].as_str().is_some(), "{resumed}");
}

#[test]
fn stores_that_are_damaged_or_newer_are_left_alone() {
    let mut env = TestEnv::new();
    let store = env.home().join("broken.db");
    std::fs::write(&store, "this is no database, and it is longer than a header of one hundred bytes would have to be for SQLite to look further").unwrap();
    let before = std::fs::read(&store).unwrap();
    env.set("CGO_STORE", format!("sqlite:{}", store.display()));
    refused(&env, &["project", "list"], 1, &["broken.db"]);
    assert_eq!(std::fs::read(&store).unwrap(), before, "the damaged store was written to");
    env.set("CGO_STORE", "mysql://user:hunter2@host/db");
    let ran = refused(&env, &["project", "list"], 2, &["mysql"]);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    env.set("CGO_STORE", "postgres://user:hunter2@127.0.0.1:9/db");
    let ran = env.run(["project", "list"]);
    assert_ne!(ran.code, Some(0));
    assert!(!ran.stderr.contains("hunter2") && ran.stderr.contains("127.0.0.1"), "{}", ran.stderr);
}

const SPEC: &str = "project: {name: books, title: Books}\nmodels:\n";

#[test]
fn specs_show_every_problem_with_its_place() {
    let env = TestEnv::new();
    let cases = [
        ("  Book:\n    fields:\n      isbn: strng\n", "unknown type"),
        ("  Book:\n    fields:\n      isbn: string\n      isbn: int\n", "isbn"),
        ("  Book:\n    fields:\n      class: string\n", "class"),
        ("  A:\n    fields:\n      b: {ref: B}\n  B:\n    fields:\n      a: {ref: A}\n", "A"),
        ("  - Book\n", "models"),
        ("  Book: [\n", "spec.yaml"),
    ];
    for (models, names) in cases {
        std::fs::write(env.work().join("spec.yaml"), format!("{SPEC}{models}")).unwrap();
        for command in [&["spec", "check", "spec.yaml"][..], &["project", "new", "--spec", "spec.yaml"]] {
            refused(&env, command, 1, &[names, "spec.yaml:"]);
        }
    }
    refused(&env, &["spec", "check", "missing.yaml"], 1, &["missing.yaml"]);
}

#[test]
fn errors_are_json_when_json_is_asked_for() {
    let env = TestEnv::new();
    for arguments in [
        &["project", "show", "nothing", "--json"][..],
        &["project", "new", "", "--json"],
        &["run", "--nonsense", "--json"],
    ] {
        let ran = env.run(arguments);
        assert_ne!(ran.code, Some(0));
        let envelope: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout));
        assert_eq!((&envelope["ok"], &envelope["schema"]), (&false.into(), &"cgo.error/1".into()));
        assert!(envelope["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
        let schemas = cgo::cli::schema::all();
        let (_, schema) = schemas.iter().find(|(name, _)| name == "error.json").unwrap();
        jsonschema::validate(schema, &envelope).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
}

#[test]
fn vague_descriptions_end_with_the_questions_and_wait_without_a_process() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let vague = "need a bot like the competitor's but better, cheap, by Friday";
    for arguments in [&["project", "new", vague][..], &["project", "new", vague, "--yes"]] {
        let ran = env.run(arguments);
        check(&ran, 4, &["cgo run answer", "?"], &format!("{arguments:?}"));
    }
    let runs = env.json(["run", "list"]);
    let run = &runs["runs"][0];
    assert_eq!((&run["status"], &run["worked_on_by"]), (&"waiting_input".into(), &serde_json::Value::Null));
    assert_eq!(listing(&env), Vec::<String>::new());
    let id = run["id"].as_str().unwrap();
    let questions = run["ask"]["questions"].as_array().unwrap().len();
    let ran = env.run(["run", "answer", id, "one", "two", "three", "four"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let answers = vec!["it keeps books with title and author"; questions];
    let made = env.json(["run", "answer", id].into_iter().chain(answers));
    assert!(made["models"].to_string().contains("Book"), "{made}");
    assert!(made["url"].as_str().is_some());
    let again = env.run(["run", "answer", id, "late"]);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
}
