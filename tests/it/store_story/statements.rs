//! Every statement of the store is prepared on both engines: `sqlx::query!` checks one engine only, so this does.
//!
//! The statements are taken from the sources, so none can be forgotten.

use std::path::Path;

use sqlx::{ConnectOptions as _, Executor as _};

use super::{Place, on_both};

on_both!(every_statement_prepares);

/// The string literals of a source file that are statements; those in `locking!` as each engine gets them.
fn statements(source: &str, postgres: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find('"') {
        let (before, literal) = rest.split_at(start);
        let (mut text, mut characters, mut end) = (String::new(), literal.char_indices().skip(1), literal.len());
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, '\n')) => {
                        // A line end after a backslash takes the indentation of the next line with it.
                        let mut ahead = characters.clone();
                        while matches!(ahead.next(), Some((_, next)) if next.is_whitespace()) {
                            characters.next();
                        }
                    }
                    Some((_, escaped)) => text.push(escaped),
                    None => {}
                },
                other => text.push(other),
            }
        }
        let first = text.split(' ').next().unwrap_or_default();
        if matches!(first, "select" | "insert" | "update" | "delete") && text.contains(' ') {
            if postgres && before.trim_end().ends_with("locking!(") {
                text.push_str(" for update");
            }
            found.push(text);
        }
        rest = &literal[end..];
    }
    found
}

async fn every_statement_prepares(place: &Place) {
    place.open().await.close().await;
    let postgres = place.server.is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = [
        "agents",
        "deployments",
        "leases",
        "ports",
        "projects",
        "servers",
        "setups",
        "operator",
        "conversations",
        "updates",
        "placements",
        "runs/mod",
        "runs/journal",
        "runs/moves",
    ];
    let mut prepared = 0;
    for file in files {
        let source = std::fs::read_to_string(folder.join(file).with_extension("rs")).unwrap();
        let found = statements(&source, postgres);
        assert!(!found.is_empty(), "{file} has no statement");
        for statement in found {
            let sql = sqlx::AssertSqlSafe(statement.clone());
            let outcome = if postgres {
                let options: sqlx::postgres::PgConnectOptions = place.url.parse().unwrap();
                let mut connection = options.connect().await.unwrap();
                connection.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.map(drop)
            } else {
                let options: sqlx::sqlite::SqliteConnectOptions = place.url.parse().unwrap();
                let mut connection = options.connect().await.unwrap();
                connection.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.map(drop)
            };
            assert!(outcome.is_ok(), "{file}: {statement}\n{outcome:?}");
            prepared += 1;
        }
    }
    assert!(prepared >= 60, "only {prepared} statements were found");
}

#[test]
fn statements_are_found_with_their_continuations_and_locks() {
    let source = "x(\"select 1 \\\n      from a\", locking!(\n \"select b\"), \"selected\", \"not \\\"sql\\\"\")";
    assert_eq!(statements(source, true), ["select 1 from a", "select b for update"]);
    assert_eq!(statements(source, false), ["select 1 from a", "select b"]);
}
