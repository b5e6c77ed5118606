//! The layers: a module names only those to its right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// For each module at the top of the crate, the modules it may name.
const ALLOWED: &[(&str, &[&str])] = &[
    ("cli", &["scheduler", "telegram", "app", "pipeline", "ops", "config", "domain"]),
    ("scheduler", &["app", "pipeline", "ops", "exec", "net", "domain"]),
    ("telegram", &["app", "pipeline", "ops", "net", "domain"]),
    (
        "app",
        &[
            "pipeline",
            "ops",
            "config",
            "github",
            "store",
            "remote",
            "scaffold",
            "vault",
            "workspace",
            "coder",
            "telemetry",
            "llm",
            "exec",
            "net",
            "domain",
        ],
    ),
    ("pipeline", &["graph", "ops", "coder", "telemetry", "llm", "exec", "domain"]),
    ("ops", &["github", "store", "remote", "scaffold", "vault", "workspace", "exec", "net", "domain"]),
    ("graph", &["domain"]),
    ("coder", &["llm", "exec", "net", "domain"]),
    ("telemetry", &["llm", "net", "domain"]),
    ("llm", &["net", "domain"]),
    ("github", &["net", "domain"]),
    ("store", &["domain"]),
    ("remote", &["exec", "net", "domain"]),
    ("scaffold", &["domain"]),
    ("vault", &["domain"]),
    ("workspace", &["exec", "net", "domain"]),
    ("config", &["domain"]),
    ("exec", &["domain"]),
    ("net", &["domain"]),
    ("domain", &[]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The modules that `crate::…` paths in a text name, grouped imports included.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(group) = part.strip_prefix('{') {
                let inside = group.split('}').next().unwrap_or_default();
                names.extend(
                    inside.split(',').map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()),
                );
            } else {
                names.push(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_module_names_only_modules_to_its_right() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut broken = Vec::new();
    let mut looked_at = 0;
    for file in files {
        let inside = file.strip_prefix(&root).expect("below the sources");
        let module = inside.components().next().expect("a path").as_os_str().to_string_lossy().replace(".rs", "");
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let may =
            allowed.get(module.as_str()).unwrap_or_else(|| panic!("module `{module}` has no place in the layers"));
        looked_at += 1;
        let text = std::fs::read_to_string(&file).expect("sources are text");
        for name in named(&text) {
            if name != module && !may.contains(&name.as_str()) && allowed.contains_key(name.as_str()) {
                broken.push(format!("{} names `{name}`", inside.display()));
            }
        }
    }
    assert!(looked_at > 50, "only {looked_at} files were looked at");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_layers_have_no_cycle() {
    for (at, (module, may)) in ALLOWED.iter().enumerate() {
        for name in *may {
            let other =
                ALLOWED.iter().position(|(other, _)| other == name).unwrap_or_else(|| panic!("`{name}` is no module"));
            let back = ALLOWED[other].1.contains(module);
            assert!(!back, "`{module}` and `{name}` name each other");
            assert!(other > at, "`{name}` stands left of `{module}`");
        }
    }
}

#[test]
fn imports_are_seen_alone_and_in_groups() {
    assert_eq!(
        named("use crate::ops::{self};\nuse crate::{exec, store::Store};\n// crate::cli"),
        ["ops", "exec", "store"]
    );
}
