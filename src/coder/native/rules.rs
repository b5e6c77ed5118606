//! What must not be read and what must not be changed: secrets, generated files, the spec.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::root::{Kind, Root};
pub(in crate::coder) use crate::domain::secret_files::is_secret;

/// Lists the generated files of a project.
pub(in crate::coder) const MANIFEST: &str = ".cgo/generated.json";
/// Says how a project is run and checked.
pub(in crate::coder) const SETTINGS: &str = "cgo.yaml";
/// The part of the list that counts here.
#[derive(Deserialize)]
struct Manifest {
    files: serde_json::Map<String, Value>,
}

/// The rules of a workspace, as they were when the attempt began.
#[derive(Debug, Default)]
pub(in crate::coder) struct Rules {
    files: BTreeSet<String>,
    /// Folders that hold nothing else.
    folders: BTreeSet<String>,
    /// For each of them where code by hand goes.
    instead: BTreeMap<String, String>,
    /// How the project is checked.
    checks: Option<Value>,
}

impl Rules {
    pub(super) fn of(root: &Root) -> Self {
        let text = |path| root.text(path).unwrap_or_default();
        Self::read(&text(MANIFEST), &text(SETTINGS), |folder| root.kind(folder) == Kind::Folder)
    }

    /// The rules that follow from a project's list of generated files and from its settings.
    pub(in crate::coder) fn read(list: &str, settings: &str, is_folder: impl Fn(&str) -> bool) -> Self {
        let mut rules = Self { checks: checks(settings), ..Self::default() };
        let Ok(manifest) = serde_json::from_str::<Manifest>(list) else { return rules };
        rules.files = manifest.files.into_iter().map(|(path, _)| path).collect();
        for file in &rules.files {
            let Some((parent, _)) = file.split_once("/generated/") else { continue };
            let controllers = format!("{parent}/controllers");
            let instead = if is_folder(&controllers) {
                format!(
                    "code by hand goes into `{controllers}/`, where each class inherits the generated operations and \
                     overrides them, or into a new module in `{parent}/`"
                )
            } else {
                format!("code by hand goes into files of its own in `{parent}/`")
            };
            let folder = format!("{parent}/generated");
            rules.instead.insert(folder.clone(), instead);
            rules.folders.insert(folder);
        }
        rules
    }

    /// Whether the project is checked as it was.
    pub(super) fn checks_as_they_were(&self, root: &Root) -> bool {
        self.same_checks(&root.text(SETTINGS).unwrap_or_default())
    }

    /// Whether these settings have the project checked as it was.
    pub(in crate::coder) fn same_checks(&self, settings: &str) -> bool {
        self.checks.is_none() || self.checks == checks(settings)
    }

    /// Whether a file is made from the spec.
    pub(in crate::coder) fn is_generated(&self, path: &str) -> bool {
        self.files.contains(path) || self.folder_of(path).is_some()
    }

    fn folder_of(&self, path: &str) -> Option<&str> {
        self.folders
            .iter()
            .map(String::as_str)
            .find(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Refuses a change, with the reason and the way to go.
    pub(super) fn may_change(&self, path: &str) -> Result<(), String> {
        may_read(path)?;
        self.is_open(path)
    }

    /// Refuses a change of what belongs to cgo, whatever made it.
    pub(in crate::coder) fn is_open(&self, path: &str) -> Result<(), String> {
        if self.files.is_empty() {
            return Ok(());
        }
        if path == ".cgo" || path.starts_with(".cgo/") {
            return Err(format!("`{path}` is refused: cgo keeps its own records there"));
        }
        if self.is_generated(path) {
            let instead = self.folder_of(path).and_then(|folder| self.instead.get(folder));
            let instead = instead.map_or("change what uses it instead", String::as_str);
            return Err(format!("`{path}` is refused: it is generated from the spec and edits are lost; {instead}"));
        }
        if is_spec(path) {
            return Err(format!(
                "`{path}` is refused: the spec is the architect's, and code is generated from it; when the task cannot \
                 be done with the spec as it is, call `blocked` and say what it lacks"
            ));
        }
        Ok(())
    }
}

/// The checks of every service; none where nothing can be read.
fn checks(settings: &str) -> Option<Value> {
    let settings: Value = serde_yaml::from_str(settings).ok()?;
    let services = settings.get("services")?.as_object()?;
    let of =
        |(name, service): (&String, &Value)| (name.clone(), json!([service.get("workdir"), service.get("checks")]));
    Some(Value::Object(services.iter().map(of).collect()))
}

/// Whether a file is part of a spec.
pub(in crate::coder) fn is_spec(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts.as_slice(), ["services.yml"] | ["shared", "spec", ..] | ["services", _, "spec", ..])
}

/// Refuses to show what looks like secrets.
pub(super) fn may_read(path: &str) -> Result<(), String> {
    if is_secret(path) {
        return Err(format!("`{path}` is refused: it looks like a file of secrets; names stand in `.env.example`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> (tempfile::TempDir, Rules) {
        let folder = tempfile::tempdir().unwrap();
        for path in [".cgo", "services/backend/app/generated", "services/backend/app/controllers"] {
            std::fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let list = r#"{"version": 1, "files": {"services/backend/app/generated/core/crud.py": "0", "Makefile.inc": "0",
            "services/backend/tests/generated/test_x.py": "0"}}"#;
        std::fs::write(folder.path().join(MANIFEST), list).unwrap();
        let rules = Rules::of(&Root::open(folder.path()).unwrap());
        (folder, rules)
    }

    #[test]
    fn generated_files_and_the_spec_are_refused_with_the_way_to_go() {
        let (_folder, rules) = rules();
        let said = rules.may_change("services/backend/app/generated/core/crud.py").unwrap_err();
        assert!(
            said.contains("generated from the spec") && said.contains("`services/backend/app/controllers/`"),
            "{said}"
        );
        let said = rules.may_change("services/backend/tests/generated/new.py").unwrap_err();
        assert!(said.contains("files of its own in `services/backend/tests/`"), "{said}");
        for path in
            ["Makefile.inc", ".cgo/generated.json", "services.yml", "shared/spec/models.yaml", "services/a/spec/b.yaml"]
        {
            assert!(rules.may_change(path).is_err(), "{path}");
        }
        for path in
            ["services/backend/app/controllers/notes.py", "services/backend/app/generated_things.py", "Makefile"]
        {
            assert!(rules.may_change(path).is_ok(), "{path}");
        }
        assert!(
            Rules::default().may_change("shared/spec/models.yaml").is_ok(),
            "a project of another make has no such spec"
        );
    }

    #[test]
    fn settings_may_change_but_not_how_the_project_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let settings =
            "services:\n  backend:\n    workdir: a\n    checks:\n      - { name: tests, command: [pytest] }\n";
        root.write(SETTINGS, settings).unwrap();
        let rules = Rules::of(&root);
        root.write(SETTINGS, &format!("{settings}    env:\n      A: b\n")).unwrap();
        assert!(rules.checks_as_they_were(&root));
        for other in
            [settings.replace("[pytest]", "[\"true\"]"), settings.replace("workdir: a", "workdir: b"), "[".into()]
        {
            root.write(SETTINGS, &other).unwrap();
            assert!(!rules.checks_as_they_were(&root), "{other}");
        }
    }
}
