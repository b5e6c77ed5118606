//! Stores that cannot be used: one clear error with the next command, and the file stays as it is.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use insta::assert_snapshot;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::env::{Ran, TestEnv, copy_program};

/// Somebody who is neither root nor the one who runs the tests.
const STRANGER: u32 = 65_534;

fn said(env: &TestEnv, ran: &Ran) -> String {
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    env.stable(&format!("{}exit {}", ran.stderr, ran.code.unwrap()))
}

/// Every command that needs the store says the same; its file is left as it is, and nothing is put beside it.
fn refused(env: &TestEnv, store: &Path) -> String {
    let content = || {
        let folder = store.parent().unwrap();
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (std::fs::read(&path).ok(), path))
            .collect();
        files.sort_by(|one, other| one.1.cmp(&other.1));
        files
    };
    let before = content();
    let listed = said(env, &env.run(["project", "list"]));
    for command in [&["run", "list"][..], &["project", "new", "notes with title"], &["agent", "list"]] {
        assert_eq!(said(env, &env.run(command)), listed, "{command:?}");
    }
    let doctor = env.run(["doctor"]);
    assert_eq!(doctor.code, Some(9), "{doctor:?}");
    assert!(doctor.stdout.lines().any(|line| line.starts_with("missing   store")), "{}", doctor.stdout);
    assert!(content() == before, "the store was touched");
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
    listed
}

#[test]
fn a_store_of_a_newer_cgo_is_left_alone() {
    let env = TestEnv::new();
    env.ok(["project", "list"]);
    let store = env.data().join("cgo.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&store);
        let mut connection = options.connect().await.unwrap();
        connection.execute("pragma user_version = 2099010101").await.unwrap();
        connection.close().await.unwrap();
    });
    assert_snapshot!(refused(&env, &store), @r##"
    error: the store `sqlite:HOME/.local/share/cgo/cgo.db` has schema COMMIT; this cgo knows schemas up to COMMIT
    hint: update cgo
    exit 1
    "##);
}

#[test]
fn a_damaged_store_is_left_alone() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.data()).unwrap();
    let store = env.data().join("cgo.db");
    std::fs::write(&store, b"this is not a database, it is a letter to my aunt. ".repeat(200)).unwrap();
    assert_snapshot!(refused(&env, &store), @r##"
    error: the store `HOME/.local/share/cgo/cgo.db` is damaged: file is not a database
    hint: restore a copy of `HOME/.local/share/cgo/cgo.db`, or move it away (`mv HOME/.local/share/cgo/cgo.db HOME/.local/share/cgo/cgo.db.damaged`) and begin with an empty store
    exit 1
    "##);
}

#[test]
fn a_store_that_is_a_folder_is_left_alone() {
    let env = TestEnv::new();
    let store = env.data().join("cgo.db");
    std::fs::create_dir_all(store.join("within")).unwrap();
    assert_snapshot!(refused(&env, &store), @r##"
    error: cannot open the store `HOME/.local/share/cgo/cgo.db`: it is not a file
    hint: make it a file that you may write, or name another with `--store`
    exit 9
    "##);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.data()).unwrap();
    let store = env.data().join("cgo.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&store).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        connection.execute("create table bookmarks (url text)").await.unwrap();
        connection.close().await.unwrap();
    });
    assert_snapshot!(refused(&env, &store), @r##"
    error: `HOME/.local/share/cgo/cgo.db` is a database of another program
    hint: name another file with `--store`
    exit 1
    "##);
}

/// The program as somebody whom the rights of files bind: root starts it as a stranger to whom the home belongs.
struct Bound {
    env: TestEnv,
    is_root: bool,
}

impl Bound {
    fn new() -> Self {
        let env = TestEnv::new();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            // The folder that the program was built in may be closed to strangers.
            let program = env.home().join("cgo");
            copy_program(env!("CARGO_BIN_EXE_cgo"), &program);
            for path in [env.home().to_owned(), env.work(), program] {
                chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
            }
        }
        Self { env, is_root }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.env.command(arguments);
        if self.is_root {
            let mut stranger = std::process::Command::new(self.env.home().join("cgo"));
            stranger.args(command.get_args()).current_dir(self.env.work()).env_clear().uid(STRANGER).gid(STRANGER);
            stranger.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command = stranger;
        }
        Ran::of(&command.output().expect("the program starts"))
    }

    /// Gives a file to another user, with these rights for everybody.
    fn give_away(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        if self.is_root {
            chown(path, Some(0), Some(0)).unwrap();
        }
    }
}

#[test]
fn a_store_that_another_user_keeps_from_us_says_so() {
    let bound = Bound::new();
    let env = &bound.env;
    let made = bound.run(&["servers", "list"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let store = env.data().join("cgo.db");
    let before = std::fs::read(&store).unwrap();

    bound.give_away(&store, 0o000);
    assert_snapshot!(said(env, &bound.run(&["project", "list"])), @r##"
    error: cannot open the store `HOME/.local/share/cgo/cgo.db`: Permission denied (os error 13)
    hint: make it a file that you may write, or name another with `--store`
    exit 9
    "##);
    bound.give_away(&store, 0o444);
    assert_snapshot!(said(env, &bound.run(&["agent", "set", "tester", "max_turns", "7"])), @r##"
    error: the store `sqlite:HOME/.local/share/cgo/cgo.db` cannot be written: attempt to write a readonly database
    hint: make it a file that you may write, or name another with `--store`
    exit 9
    "##);
    let new = bound.run(&["project", "new", "notes with title"]);
    assert_eq!(new.code, Some(9), "{new:?}");
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
    bound.give_away(&store, 0o666);
    assert_eq!(std::fs::read(&store).unwrap(), before, "the store was written to");
    assert_eq!(bound.run(&["project", "list"]).code, Some(0), "with the rights back it works again");

    // A folder that is closed hides the file in it.
    bound.give_away(&env.data(), 0o000);
    assert_snapshot!(said(env, &bound.run(&["project", "list"])), @r##"
    error: cannot open the store `HOME/.local/share/cgo/cgo.db`: Permission denied (os error 13)
    hint: make it a file that you may write, or name another with `--store`
    exit 9
    "##);
    bound.give_away(&env.data(), 0o755);
}

#[test]
fn a_folder_of_another_user_is_refused_before_anything_is_made() {
    if !crate::support::env::tools_are_here() {
        return;
    }
    let bound = Bound::new();
    let env = &bound.env;
    let theirs = env.work().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    bound.give_away(&theirs, 0o555);
    let ran = bound.run(&["project", "new", "notes with title", "--dir", "theirs/notes"]);
    let at = ran.stderr.find("error: ").unwrap_or_else(|| panic!("{ran:?}"));
    assert_snapshot!(env.stable(&format!("{}exit {}", &ran.stderr[at..], ran.code.unwrap())), @r##"
    error: cannot write to `HOME/work/theirs`: Permission denied (os error 13)
    hint: choose another folder, or change the rights of this one
    exit 1
    "##);
    assert_eq!(std::fs::read_dir(&theirs).unwrap().count(), 0);
    bound.give_away(&theirs, 0o755);
}
