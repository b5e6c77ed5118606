//! What is checked in and made from the code: schemas and completions are current, agents fit their schema.
//!
//! `CGO_UPDATE=1 cargo test --test it published` writes them anew.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn update() -> bool {
    std::env::var_os("CGO_UPDATE").is_some()
}

/// Compares a folder with what it should hold, or writes it.
fn compare(folder: &str, wanted: &[(String, String)]) {
    let folder = root().join(folder);
    if update() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in wanted {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in wanted {
        let found = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            found == *text,
            "{} is not current; run: CGO_UPDATE=1 cargo test --test it published",
            folder.join(name).display()
        );
    }
    let present = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(present, wanted.len(), "{} holds files that nothing makes", folder.display());
}

#[test]
fn schemas_are_current() {
    let wanted: Vec<(String, String)> = cgo::cli::schema::all()
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_string_pretty(&schema).unwrap() + "\n"))
        .collect();
    compare("schemas", &wanted);
}

#[test]
fn completions_are_current() {
    use clap_complete::Shell;
    let shells = [(Shell::Bash, "cgo.bash"), (Shell::Zsh, "_cgo"), (Shell::Fish, "cgo.fish")];
    let wanted: Vec<(String, String)> =
        shells.into_iter().map(|(shell, name)| (name.to_owned(), cgo::cli::setup::completions(shell))).collect();
    compare("completions", &wanted);
}

#[test]
fn every_schema_is_a_schema() {
    for (name, schema) in cgo::cli::schema::all() {
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn yaml(path: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_agent_file_fits_its_schema() {
    let schemas = cgo::cli::schema::all();
    let schema = |name: &str| {
        let (_, schema) = schemas.iter().find(|(other, _)| other == name).unwrap();
        jsonschema::validator_for(schema).unwrap()
    };
    let (agent, graph) = (schema("agent.schema.json"), schema("graph.schema.json"));
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("agents")).unwrap() {
        let path = entry.unwrap().path();
        let validator = if path.file_stem().is_some_and(|stem| stem == "graph") { &graph } else { &agent };
        let value = yaml(&path);
        let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
        count += 1;
    }
    assert_eq!(count, 10);
    let mut broken = yaml(&root().join("agents/tester.yaml"));
    broken["temprature"] = Value::from(1);
    assert!(!agent.is_valid(&broken), "a misspelt key fits the schema");
}

#[test]
fn every_tool_an_agent_names_exists_and_the_graph_is_right() {
    let tools = cgo::pipeline::trial::tool_names();
    for (name, text) in cgo::ops::agents::built_in() {
        let agent = cgo::ops::agents::parse(&name, &text).unwrap();
        cgo::ops::agents::check_tools(&agent, &text, &tools).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    }
    let graph = cgo::pipeline::runner::graph().unwrap();
    for drawing in [
        cgo::graph::render::mermaid(graph.definition()),
        cgo::graph::render::dot(graph.definition()),
        cgo::graph::render::svg(graph.definition()),
    ] {
        for node in graph.definition().nodes.keys() {
            assert!(drawing.contains(node.as_str()), "`{node}` is missing in:\n{drawing}");
        }
    }
}
