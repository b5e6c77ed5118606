//! Deploying again, going back, failing, stopping, removing: with a real project and real processes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::support::env::{TestEnv, get, request, tools_are_here};

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Asks without pause until told to stop; counts what was not answered well.
pub struct Visitors {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    lost: Arc<AtomicU32>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Visitors {
    pub fn of(url: &str) -> Self {
        let (stop, asked, lost) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let threads = (0..4)
            .map(|_| {
                let (url, stop, asked, lost) =
                    (url.to_owned(), Arc::clone(&stop), Arc::clone(&asked), Arc::clone(&lost));
                std::thread::spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        asked.fetch_add(1, Ordering::SeqCst);
                        if get(&url).0 != 200 {
                            lost.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        Self { stop, asked, lost, threads }
    }

    pub fn leave(self) -> (u32, u32) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (self.asked.load(Ordering::SeqCst), self.lost.load(Ordering::SeqCst))
    }
}

#[test]
fn the_life_of_a_project() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let made = env.json(["project", "new", "a notes API with title and body"]);
    let url = made["url"].as_str().unwrap().to_owned();
    let folder = env.work().join("notes-api");
    assert!(made["tests"]["passed"].as_u64().unwrap() > 5 && made["tests"]["failed"] == 0, "{made}");
    assert_eq!(made["commits"].as_array().unwrap().len(), 2);
    let (status, note) =
        request("POST", &format!("{url}/notes"), Some(r#"{"title": "kept", "body": "over releases"}"#));
    assert_eq!(status, 201, "{note}");

    // A second release beside the first: nobody notices, and the data is there.
    // Words about such a line are not one.
    std::fs::write(folder.join("NOTES.md"), "# cgo: irreversible: this only tells of it\n").unwrap();
    let dirty = env.run(["deploy", "notes-api"]);
    assert_eq!(dirty.code, Some(1), "{}", dirty.stderr);
    assert!(dirty.stderr.contains("NOTES.md") && dirty.stderr.contains("commit"), "{}", dirty.stderr);
    let drop = "-- cgo: irreversible: the column `mood` is dropped\nalter table notes drop column mood;\n";
    std::fs::write(folder.join("services/backend/tidy.sql"), drop).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Change something"]);
    let visitors = Visitors::of(&format!("{url}/notes"));
    let second = env.json(["deploy", "notes-api"]);
    let (asked, lost) = visitors.leave();
    assert_eq!(lost, 0, "{lost} of {asked} requests were lost");
    assert!(asked > 20, "only {asked} requests were made");
    assert!(get(&format!("{url}/notes")).1.contains("over releases"));
    let ready = get(&format!("{url}/ready")).1;
    assert!(ready.contains(second["release"].as_str().unwrap()), "{ready}");

    // A release that does not come up: the old one serves on, with the cause and the last lines.
    let main = folder.join("services/backend/app/main.py");
    let good = std::fs::read_to_string(&main).unwrap();
    let breaks = "    if os.environ.get(\"RELEASE\", \"\").startswith(\"rel-\"):\n        raise RuntimeError(\"the wheels came off\")\n";
    let broken = good.replacen("\nfrom collections", "\nimport os\nfrom collections", 1).replacen(
        "    app = ",
        &format!("{breaks}    app = "),
        1,
    );
    assert!(broken.contains("import os") && broken.contains("wheels"), "{broken}");
    std::fs::write(&main, broken).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Break it"]);
    let visitors = Visitors::of(&format!("{url}/notes"));
    let failed = env.run(["deploy", "notes-api"]);
    let (_, lost) = visitors.leave();
    assert_eq!(lost, 0, "requests were lost while a release failed");
    assert_eq!(failed.code, Some(6), "{}\n{}", failed.stdout, failed.stderr);
    assert!(
        failed.stderr.contains("the wheels came off") && failed.stderr.contains("health gate"),
        "{}",
        failed.stderr
    );
    assert!(get(&format!("{url}/ready")).1.contains(second["release"].as_str().unwrap()));

    // Back to the first release, without a build, across what cannot be undone; then forward by name.
    for words in [&["deploy", "notes-api", "--rollback"][..], &["deploy", "notes-api", "--rollback", "--dry-run"]] {
        let refused = env.run(words);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        for said in ["`services/backend/tidy.sql`: the column `mood` is dropped", "--force"] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
        assert!(!refused.stderr.contains("NOTES.md"), "{}", refused.stderr);
    }
    assert!(get(&format!("{url}/ready")).1.contains(second["release"].as_str().unwrap()));
    let back = env.json(["deploy", "notes-api", "--rollback", "--force"]);
    let run = env.json(["run", "show", back["run"].as_str().unwrap()]);
    assert_eq!(run["run"]["request"]["rollback"]["rollout"]["force"], true, "{run}");
    assert_eq!(back["commit"], made["commits"][1], "{back}");
    assert!(back["ms"].as_u64().unwrap() < 30_000);
    let named = env.json(["deploy", "notes-api", "--rollback", second["release"].as_str().unwrap()]);
    assert_eq!(named["release"], second["release"]);
    let none = env.run(["deploy", "notes-api", "--rollback", second["release"].as_str().unwrap()]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    assert!(none.stderr.contains("serves now"), "{}", none.stderr);

    // The service's words, stopping, starting, a death that is noticed.
    let logs = env.ok(["project", "logs", "notes-api"]);
    assert!(!logs.stdout.trim().is_empty());
    let script = "import os, sys; print(sys.stdin.read(), os.environ['RELEASE'], sys.prefix); sys.exit(7)";
    let asked = env.run_with_input(["project", "exec", "notes-api", "--", "python", "-c", script], b"given");
    let said: Vec<&str> = asked.stdout.split_whitespace().collect();
    assert_eq!((said[..2].to_vec(), asked.code), (vec!["given", second["release"].as_str().unwrap()], Some(7)));
    assert!(said[2].contains("releases"), "{}", asked.stdout);
    let refused = env.run(["project", "maintenance", "notes-api", "on"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("cgo project stop"), "{}", refused.stderr);
    env.ok(["project", "stop", "notes-api"]);
    assert_eq!(get(&url).0, 0, "a stopped project answers");
    assert_eq!(env.json(["project", "list"])["projects"][0]["live"]["words"], "stopped");
    env.ok(["project", "start", "notes-api"]);
    assert!(get(&format!("{url}/notes")).1.contains("over releases"), "one that was started answers");
    breaks_and_is_started(&env, second["release"].as_str().unwrap());

    // Removing asks first, and takes only what is its own.
    let unasked = env.run(["project", "remove", "notes-api"]);
    assert_eq!(unasked.code, Some(4), "{}", unasked.stderr);
    env.ok(["project", "remove", "notes-api", "--yes"]);
    assert_eq!(get(&url).0, 0);
    assert!(folder.join("services").is_dir(), "the folder was taken too");
    assert!(!env.data().join("servers/local/apps/notes-api/production").exists());
    assert_eq!(env.json(["project", "list"])["projects"].as_array().unwrap().len(), 0);
}

/// One that cannot come up is not said to be started.
fn breaks_and_is_started(env: &TestEnv, release: &str) {
    env.ok(["project", "stop", "notes-api"]);
    let releases = env.data().join("servers/local/apps/notes-api/production/releases");
    let main = releases.join(release).join("source/services/backend/app/main.py");
    let works = std::fs::read(&main).unwrap();
    std::fs::write(&main, "raise SystemExit(3)\n").unwrap();
    let broken = env.run(["project", "start", "notes-api"]);
    assert_eq!(broken.code, Some(6), "{}", broken.stderr);
    assert!(broken.stderr.contains("`notes-api` was started and does not answer: "), "{}", broken.stderr);
    assert!(broken.stderr.contains("cgo project logs notes-api"), "{}", broken.stderr);
    let seen = &env.json(["project", "list"])["projects"][0]["live"];
    assert_eq!((&seen["serves"], &seen["standing"]), (&false.into(), &"failed".into()), "{seen}");
    std::fs::write(&main, works).unwrap();
    env.ok(["project", "start", "notes-api"]);
}

#[test]
fn two_commands_on_one_project_do_not_collide() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.json(["project", "new", "a notes API with title"]);
    let folder = env.work().join("notes-api");
    std::fs::write(folder.join("x.md"), "x\n").unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "x"]);
    let start = || {
        let mut command = env.command(["deploy", "notes-api", "--json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let children = [start(), start()];
    let mut codes = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.code() == Some(5) {
            assert!(text.contains("project:notes-api") && text.contains("held by process"), "{text}");
        }
        codes.push(output.status.code().unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 5], "exactly one goes on, and the other is told who holds the project");
    let shown = env.json(["project", "show", "notes-api"]);
    let active = shown["releases"].as_array().unwrap().iter().filter(|release| release["status"] == "active").count();
    assert_eq!(active, 1, "{shown}");
}

#[test]
fn a_second_project_gets_the_next_port_and_its_own_data() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let first = env.json(["project", "new", "a notes API with title"]);
    let second = env.json(["project", "new", "a notes API with title"]);
    assert_ne!(first["url"], second["url"]);
    assert_eq!(second["project"], "notes-api-2");
    assert!(second["assumptions"].to_string().contains("notes-api-2"), "{second}");
    let (first, second) = (first["url"].as_str().unwrap(), second["url"].as_str().unwrap());
    assert_eq!(request("POST", &format!("{first}/notes"), Some(r#"{"title": "mine"}"#)).0, 201);
    assert!(!get(&format!("{second}/notes")).1.contains("mine"), "two projects share their data");
}

#[test]
fn generated_code_follows_from_the_spec_and_written_code_is_not_touched() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.json(["project", "new", "books with title and year", "--no-deploy", "--name", "books"]);
    let folder = env.work().join("books");
    let same = env.json(["project", "generate", "books"]);
    assert_eq!(same["changes"].as_array().unwrap().len(), 0, "{same}");
    let main = folder.join("services/backend/app/main.py");
    let mine = std::fs::read_to_string(&main).unwrap() + "\n\n# mine\n";
    std::fs::write(&main, &mine).unwrap();
    let models = folder.join("shared/spec/models.yaml");
    let text = std::fs::read_to_string(&models).unwrap();
    std::fs::write(
        &models,
        text.replace("      title:", "      subtitle: {type: string, optional: true}\n      title:"),
    )
    .unwrap();
    let dry = env.run(["project", "generate", "books", "--dry-run", "--detailed-exit-code"]);
    assert_eq!(dry.code, Some(3), "{}\n{}", dry.stdout, dry.stderr);
    let changed = env.json(["project", "generate", "books"]);
    let changes = changed["changes"].to_string();
    assert!(changes.contains("migrations/versions/0002"), "{changes}");
    assert_eq!(std::fs::read_to_string(&main).unwrap(), mine, "written code was touched");
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "Add a subtitle"]);
    let deployed = env.json(["deploy", "books"]);
    let url = deployed["url"].as_str().unwrap();
    let (status, book) =
        request("POST", &format!("{url}/books"), Some(r#"{"title": "a", "year": 2001, "subtitle": "b"}"#));
    assert_eq!(status, 201, "{book}");
    assert!(book.contains("\"subtitle\":\"b\""), "{book}");
}

#[test]
fn a_commit_that_was_tested_and_deployed_is_not_tested_once_more() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    let ran = env.home().join("ran");
    let test = folder.join("services/backend/tests/test_once.py");
    let path = ran.display().to_string();
    let counts =
        format!("def test_once() -> None:\n    with open({path:?}, \"a\") as file:\n        file.write(\"x\")\n");
    let commit = |text: &str| {
        std::fs::write(&test, text).unwrap();
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", "Count"]);
    };
    let times = || std::fs::read(&ran).unwrap_or_default().len();
    commit(&counts);
    let first = env.json(["deploy", "notes-api"]);
    assert_eq!(times(), 1);
    // The same once more, also where what was installed for the tests is gone.
    std::fs::remove_dir_all(folder.join("services/backend/.venv")).unwrap();
    let second = env.json(["deploy", "notes-api"]);
    assert_eq!((times(), &second["tests"]), (1, &first["tests"]));
    assert_ne!(second["release"], first["release"]);
    // Another commit is another matter, and one that failed is tested as often as it is deployed.
    commit(&format!("{counts}    assert file.closed\n"));
    env.ok(["deploy", "notes-api"]);
    assert_eq!(times(), 2);
    commit(&format!("{counts}    assert not file.closed\n"));
    for ran in [3, 4] {
        assert_eq!(env.run(["deploy", "notes-api"]).code, Some(1));
        assert_eq!(times(), ran);
    }
    env.ok(["project", "remove", "notes-api", "--yes"]);
}
