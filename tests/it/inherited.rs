//! What somebody who inherits a generated project does first, by the commands its README and AGENTS.md name.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::env::{TestEnv, tools_are_here};

const TABLE: &str = r#""""Tables of our own."""

import datetime as dt

from sqlalchemy.orm import Mapped, mapped_column

from app.generated.core.columns import UtcDateTime
from app.generated.core.database import Base


class AuditEntry(Base):
    """One thing that was done."""

    __tablename__ = "audit_entries"

    text: Mapped[str]
    happened_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
"#;

/// Runs `make` in the project, with the environment that the program is tested with.
fn make(env: &TestEnv, project: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("make");
    command.args(arguments).current_dir(project).env_clear();
    for (name, value) in env.command(["--version"]).get_envs() {
        command.env(name, value.expect("it was set"));
    }
    let output = command.output().expect("make starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// Has a module import the table, which is its only use there.
fn import_table(module: &Path, before: &str) {
    let text = fs::read_to_string(module).unwrap();
    assert!(text.contains(before), "{text}");
    fs::write(module, text.replace(before, &format!("from app import audit  # noqa: F401\n{before}"))).unwrap();
}

#[test]
fn a_table_of_ones_own_gets_a_migration_that_passes_every_check() {
    if !tools_are_here() {
        return;
    }
    if Command::new("make").arg("--version").output().is_err() {
        assert!(std::env::var_os("CGO_TEST_REQUIRE_ALL").is_none(), "make is missing");
        println!("skipped: make is missing");
        return;
    }
    let env = TestEnv::new();
    env.ok(["project", "new", "a notes API with title and body", "--until", "developer", "--yes"]);
    let project = env.work().join("notes-api");
    let backend = project.join("services/backend");
    make(&env, &project, &["lint", "test"]).unwrap();

    fs::write(backend.join("app/audit.py"), TABLE).unwrap();
    import_table(&backend.join("app/main.py"), "from app.generated.core import");
    import_table(&backend.join("migrations/env.py"), "from app.generated import models");
    let nameless = make(&env, &project, &["migration"]).unwrap_err();
    assert!(nameless.contains("make migration NAME=add_something"), "{nameless}");
    make(&env, &project, &["migration", "NAME=add audit"]).unwrap();
    make(&env, &project, &["lint", "test", "migrate"]).unwrap();

    let migrations = || -> Vec<_> {
        let listed = fs::read_dir(backend.join("migrations/versions")).unwrap().flatten().map(|entry| entry.path());
        listed.filter(|path| path.extension().is_some_and(|end| end == "py")).collect()
    };
    let written = migrations().into_iter().find(|path| path.to_string_lossy().ends_with("_add_audit.py"));
    let text = fs::read_to_string(written.expect("a migration was written")).unwrap();
    assert!(text.contains(r#"sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False)"#), "{text}");
    env.ok(["project", "generate", project.to_str().unwrap()]);
    assert_eq!(migrations().len(), 2, "the generator took the table for a change of the spec");
}
