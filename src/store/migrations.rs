//! The schema's migrations: dated, append-only, one purpose each, embedded in the binary.
//!
//! A migration's version is `YYYYMMDDNN`, which fits SQLite's `user_version`: that number, or the newest row of
//! the migrations table on PostgreSQL, tells at once whether there is anything to do. Texts that both engines
//! take stand in `migrations/`, the others in a folder of each engine.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The table in which the migrator keeps what it did; other users of a shared database have their own.
pub(super) const TABLE: &str = "_cgo_migrations";

struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($version:literal, $name:literal, same) => {
        step!(
            $version,
            $name,
            concat!("migrations/", $version, "_", $name, ".sql"),
            concat!("migrations/", $version, "_", $name, ".sql")
        )
    };
    ($version:literal, $name:literal, differs) => {
        step!(
            $version,
            $name,
            concat!("migrations/sqlite/", $version, "_", $name, ".sql"),
            concat!("migrations/postgres/", $version, "_", $name, ".sql")
        )
    };
    ($version:literal, $name:literal, $sqlite:expr, $postgres:expr) => {
        Step { version: $version, name: $name, sqlite: include_str!($sqlite), postgres: include_str!($postgres) }
    };
}

#[expect(clippy::unreadable_literal, reason = "a version is spelled like its file's name")]
const STEPS: [Step; 34] = [
    step!(2026112101, "projects", same),
    step!(2026112102, "servers", same),
    step!(2026112103, "runs", differs),
    step!(2026112104, "asks", same),
    step!(2026112105, "leases", same),
    step!(2026112106, "agents", same),
    step!(2026112107, "deployments", same),
    step!(2026112108, "model_calls", same),
    step!(2026112111, "incidents", same),
    step!(2026112112, "effect_index", differs),
    step!(2026112115, "trial_calls", same),
    step!(2026112121, "hosts", same),
    step!(2026112131, "server_setups", same),
    step!(2026112141, "project_secrets", same),
    step!(2026112142, "placements", same),
    step!(2026112143, "incident_events", same),
    step!(2026112151, "telegram_updates", same),
    step!(2026112152, "telegram_chats", same),
    step!(2026112153, "telegram_runs", same),
    step!(2026112154, "telegram_buttons", same),
    step!(2026112155, "operator_secrets", same),
    step!(2026112161, "people", same),
    step!(2026112162, "owners", same),
    step!(2026112163, "notices", same),
    step!(2026112164, "queue", same),
    step!(2026112165, "secret_links", same),
    step!(2026112181, "placement_servers", same),
    step!(2026112201, "model_call_rows", differs),
    step!(2026112221, "exposed_secrets", same),
    step!(2026112222, "telegram_copies", same),
    step!(2026112223, "server_standing", same),
    step!(2026112251, "telegram_names", same),
    step!(2026112261, "server_silence", same),
    step!(2026112301, "ask_deadline", same),
];

/// The version of the schema this cgo works with.
pub(super) const NEWEST: i64 = STEPS[STEPS.len() - 1].version;

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = STEPS.iter().map(|step| {
        Migration::new(step.version, step.name.into(), MigrationType::Simple, text(step).into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator
}

pub(super) fn sqlite() -> Migrator {
    migrator(|step| step.sqlite)
}

pub(super) fn postgres() -> Migrator {
    migrator(|step| step.postgres)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_opens_with_a_comment_that_says_why() {
        for step in &STEPS {
            for text in [step.sqlite, step.postgres] {
                assert!(text.starts_with("-- "), "{}", step.name);
            }
        }
    }

    #[test]
    fn versions_grow_and_fit_the_number_sqlite_keeps() {
        assert!(STEPS.is_sorted_by_key(|step| step.version));
        assert!(i32::try_from(NEWEST).is_ok());
    }
}
