use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::migration::between;
use super::project::Project;
use super::schema::Schema;
use super::*;
use crate::domain::manifest::Manifest;
use crate::domain::spec::FieldType;

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("fixtures/", $name, ".json")))),*]
    };
}

const FIXTURES: &[(&str, &str)] =
    fixtures!("notes", "empty", "types", "names", "relations", "links", "custom", "fifteen", "before", "after",);

fn spec(name: &str) -> Spec {
    let (_, text) = FIXTURES.iter().find(|(known, _)| *known == name).unwrap();
    serde_json::from_str(text).unwrap()
}

fn schema(spec: &Spec) -> Schema {
    Project::of(spec).unwrap().schema
}

fn text<'r>(rendered: &'r Rendered, path: &str) -> &'r str {
    &rendered.files.iter().find(|file| file.path.ends_with(path)).unwrap_or_else(|| panic!("no {path}")).contents
}

fn step(spec: &Spec, root: &Path) -> Applied {
    plan_generate(spec, root, Overwrite::No).unwrap().apply().unwrap()
}

#[test]
fn a_spec_renders_to_the_same_bytes_every_time() {
    for (name, _) in FIXTURES {
        assert_eq!(render(&spec(name)).unwrap(), render(&spec(name)).unwrap(), "{name}");
    }
}

#[test]
fn nothing_of_the_template_language_is_left() {
    for (name, _) in FIXTURES.iter().filter(|(name, _)| !["types", "custom"].contains(name)) {
        for file in render(&spec(name)).unwrap().files {
            for mark in ["{{", "{%", "{#", "%}"] {
                assert!(!file.contents.contains(mark), "{name}: {} has {mark}", file.path);
            }
        }
    }
}

#[test]
fn every_path_is_relative_plain_and_there_once() {
    for (name, _) in FIXTURES {
        let rendered = render(&spec(name)).unwrap();
        let mut seen = BTreeSet::new();
        for file in &rendered.files {
            assert!(seen.insert(&file.path), "{name}: {} twice", file.path);
            let parts: Vec<&str> = file.path.split('/').collect();
            assert!(!parts.iter().any(|part| part.is_empty() || part.starts_with("..") || part.contains('\\')));
            let generated = file.path.contains("/generated/");
            assert_eq!(file.owner == Owner::Generated, generated, "{name}: {}", file.path);
        }
    }
}

#[test]
fn text_files_end_with_one_newline_and_have_no_trailing_spaces() {
    for (name, _) in FIXTURES {
        for file in render(&spec(name)).unwrap().files.iter().filter(|file| !file.contents.is_empty()) {
            assert!(file.contents.ends_with('\n') && !file.contents.ends_with("\n\n"), "{name}: {}", file.path);
            let loose = file.contents.lines().find(|line| line.ends_with([' ', '\t']));
            assert_eq!(loose, None, "{name}: {}", file.path);
        }
    }
}

#[test]
fn a_small_project_has_these_files() {
    let files: Vec<String> = render(&spec("notes")).unwrap().files.into_iter().map(|file| file.path).collect();
    let wanted = include_str!("fixtures/notes.files");
    let wanted: Vec<&str> = wanted.lines().collect();
    assert_eq!(files, wanted);
}

#[test]
fn hostile_texts_stay_texts_in_every_language() {
    let rendered = render(&spec("types")).unwrap();
    let manifest: Manifest = serde_yaml::from_str(text(&rendered, "cgo.yaml")).unwrap();
    assert_eq!(manifest.name.as_str(), "every-type");
    let toml = text(&rendered, "pyproject.toml");
    assert!(toml.contains("description = \"Every \\\"type\\\" \\\\ of {{ field }} # $HOME `x` '''\"\n"), "{toml}");
    let main = text(&rendered, "app/main.py");
    assert!(main.contains(r#"TITLE = "Every \"type\" \\ of {{ field }} # $HOME `x` '''"#), "{main}");
    assert!(main.contains("\\u2028<script>\\u202eевил"), "{main}");
    let readme = text(&rendered, "README.md");
    assert!(readme.contains("\\<script\\>") && !readme.contains('\u{202e}'), "{readme}");
}

#[test]
fn the_manifest_says_how_to_run_the_project() {
    let manifest: Manifest = serde_yaml::from_str(text(&render(&spec("notes")).unwrap(), "cgo.yaml")).unwrap();
    let (name, backend) = manifest.services.iter().next().unwrap();
    assert_eq!((name.as_str(), manifest.server.as_str()), ("backend", "local"));
    let lookup = |name: &str| match name {
        "HOST" => Some("127.0.0.1".to_owned()),
        "PORT" => Some("8017".to_owned()),
        "SHARED" => Some("/srv/notes/shared".to_owned()),
        _ => None,
    };
    let command = backend.command.expanded(lookup).unwrap();
    assert_eq!(command[..2], ["python", "-m"]);
    assert!(command.windows(2).any(|pair| pair == ["--port", "8017"]), "{command:?}");
    let url = backend.env.values().next().unwrap();
    assert_eq!(crate::domain::manifest::expand(url, lookup).unwrap(), "sqlite:////srv/notes/shared/app.db");
    let names: Vec<&str> = backend.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["lint", "format", "tests"]);
}

#[test]
fn the_image_the_containers_and_the_workflow_agree_on_versions() {
    let rendered = render(&spec("notes")).unwrap();
    let [image, compose, workflow] = ["Dockerfile", "compose.yaml", "ci.yml"].map(|name| text(&rendered, name));
    let after = |text: &str, mark: &str| {
        let rest = text.split_once(mark).unwrap_or_else(|| panic!("no {mark}")).1;
        rest.split(['\n', '}', '"']).next().unwrap().to_owned()
    };
    let base = after(image, "ARG BASE_IMAGE=");
    assert_eq!(after(compose, "${BASE_IMAGE:-"), base);
    assert_eq!(format!("python:{}-slim", after(workflow, "python-version: \"")), base);
    assert_eq!(after(workflow, "image: "), after(compose, "${POSTGRES_IMAGE:-"));
}

#[test]
fn locks_carry_hashes_and_no_address() {
    let rendered = render(&spec("notes")).unwrap();
    for name in ["requirements.lock", "requirements-dev.lock"] {
        let lock = text(&rendered, name);
        assert!(lock.lines().filter(|line| line.contains("==")).all(|line| line.ends_with('\\')), "{name}");
        for word in ["://", "--index", "--extra-index", "--find-links", "--trusted-host"] {
            assert!(!lock.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn names_that_collide_in_code_are_refused() {
    let mut twice = spec("notes");
    twice.models.push(twice.models[0].clone());
    assert!(matches!(render(&twice), Err(Error::Collision { .. })));

    let both = r#"{"project": {"name": "ab", "title": "t", "description": "d"}, "modules": ["backend"], "models": [
        {"name": "A2", "fields": [{"name": "b_id", "type": "int"}, {"name": "b", "type": {"ref": {"model": "B2"}}}]},
        {"name": "B2", "fields": []}]}"#;
    let error = render(&serde_json::from_str(both).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the name `b_id` would stand for two things in model A2");
}

#[test]
fn records_that_require_each_other_are_refused() {
    let mut spec = spec("relations");
    for model in &mut spec.models {
        model.fields.iter_mut().for_each(|field| field.optional = false);
    }
    assert!(matches!(render(&spec), Err(Error::RequiredCycle { .. })));
}

#[test]
fn modules_that_come_later_are_refused() {
    let mut spec = spec("notes");
    spec.modules.push(Module::TelegramBot);
    assert_eq!(render(&spec).unwrap_err().to_string(), "module `telegram_bot` is not built by this version");
}

#[test]
fn the_second_run_has_nothing_to_do() {
    for (name, _) in FIXTURES {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        let made = step(&spec(name), &root);
        assert_eq!(made.created.len(), render(&spec(name)).unwrap().files.len(), "{name}");
        let plan = plan_generate(&spec(name), &root, Overwrite::No).unwrap();
        assert!(plan.is_empty() && plan.edited.is_empty() && plan.orphans.is_empty(), "{name}: {:?}", plan.steps);
    }
}

#[test]
fn a_made_project_reads_back_as_the_spec_it_was_made_from() {
    for (name, _) in FIXTURES.iter().filter(|(name, _)| *name != "custom") {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(spec(name).project.name.as_str());
        step(&spec(name), &root);
        let read = crate::scaffold::spec::read_dir(&root).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.contract.entries.len(), 5, "{name}");
        let plan = plan_generate(&read.spec, &root, Overwrite::No).unwrap();
        assert!(plan.is_empty(), "{name}: {:?}", plan.steps);
    }
}

#[test]
fn written_files_are_never_touched_and_generated_ones_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    step(&spec("notes"), root);
    let readme = root.join("README.md");
    let model = root.join("services/backend/app/generated/models/notes.py");
    let before = fs::read_to_string(&model).unwrap();
    fs::write(&readme, "mine").unwrap();
    fs::remove_file(&model).unwrap();
    let applied = step(&spec("notes"), root);
    assert_eq!(applied.created, ["services/backend/app/generated/models/notes.py"]);
    assert_eq!(fs::read_to_string(&model).unwrap(), before);
    assert_eq!(fs::read_to_string(&readme).unwrap(), "mine");
}

#[test]
fn an_edited_generated_file_is_reported_and_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    step(&spec("notes"), root);
    let path = "services/backend/app/generated/models/notes.py";
    fs::write(root.join(path), "edited").unwrap();
    for _ in 0..2 {
        let applied = step(&spec("notes"), root);
        assert_eq!((applied.edited.as_slice(), applied.updated.len()), ([path.to_owned()].as_slice(), 0));
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), "edited");
    }
    let plan = plan_generate(&spec("notes"), root, Overwrite::Yes).unwrap();
    assert_eq!(plan.edited, [path]);
    assert_eq!(plan.apply().unwrap().updated, [path]);
    assert!(plan_generate(&spec("notes"), root, Overwrite::No).unwrap().is_empty());
}

#[test]
fn what_a_removed_domain_generated_goes_and_its_controller_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    step(&spec("before"), root);
    let unknown = root.join("services/backend/app/generated/models/mine.py");
    fs::write(&unknown, "").unwrap();
    let plan = plan_generate(&spec("after"), root, Overwrite::No).unwrap();
    assert_eq!(plan.orphans, ["services/backend/app/controllers/shelves.py"]);
    assert!(plan.notes.iter().any(|note| note.destructive && note.text.contains("`shelves`")), "{:?}", plan.notes);
    let applied = plan.apply().unwrap();
    assert!(applied.removed.contains(&"services/backend/app/generated/routers/shelves.py".to_owned()));
    assert!(applied.created.contains(&"services/backend/migrations/versions/0002_changes.py".to_owned()));
    assert!(!root.join("services/backend/app/generated/models/shelves.py").exists());
    assert!(root.join("services/backend/app/controllers/shelves.py").exists());
    assert!(unknown.exists(), "a file that is not in the list was removed");
    let again = plan_generate(&spec("after"), root, Overwrite::No).unwrap();
    assert!(again.is_empty(), "{:?}", again.steps);
}

#[test]
fn a_run_that_was_cut_short_is_finished_without_a_second_migration() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    step(&spec("before"), root);
    let saved: Vec<(std::path::PathBuf, Vec<u8>)> = ["services/backend/migrations/schema.json", ".cgo/generated.json"]
        .iter()
        .map(|path| (root.join(path), fs::read(root.join(path)).unwrap()))
        .collect();
    step(&spec("after"), root);
    for (path, bytes) in &saved {
        fs::write(path, bytes).unwrap();
    }
    let applied = step(&spec("after"), root);
    assert_eq!(applied.updated, ["services/backend/migrations/schema.json"]);
    assert_eq!(applied.created, Vec::<String>::new());
    for (path, _) in &saved {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(step(&spec("after"), root).created, ["services/backend/migrations/schema.json"]);
    assert!(plan_generate(&spec("after"), root, Overwrite::No).unwrap().is_empty());
}

#[test]
fn migrations_go_on_from_the_head_whoever_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    step(&spec("before"), root);
    let versions = root.join("services/backend/migrations/versions");
    fs::write(versions.join("ab12_own.py"), "revision: str = 'ab12'\ndown_revision: str | None = \"0001\"\n").unwrap();
    step(&spec("after"), root);
    let text = fs::read_to_string(versions.join("0002_changes.py")).unwrap();
    assert!(text.contains("down_revision: str | None = \"ab12\""), "{text}");

    fs::write(versions.join("cd34_other.py"), "revision = 'cd34'\ndown_revision = '0001'\n").unwrap();
    let error = plan_generate(&spec("before"), root, Overwrite::No).unwrap_err();
    assert!(matches!(error, Error::Heads { count: 2, .. }), "{error}");
}

#[test]
fn links_that_lead_out_of_the_project_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    for (name, link) in [("a", "services"), ("b", "services/backend/app/generated"), ("c", "README.md"), ("d", ".cgo")]
    {
        let root = folder.path().join(name);
        fs::create_dir_all(root.join(link).parent().unwrap()).unwrap();
        symlink(&outside, root.join(link)).unwrap();
        let error = plan_generate(&spec("notes"), &root, Overwrite::Yes).unwrap_err();
        assert!(matches!(&error, Error::NotInside { .. }), "{link}: {error}");
    }
    let root = folder.path().join("late");
    let plan = plan_generate(&spec("notes"), &root, Overwrite::No).unwrap();
    fs::create_dir(&root).unwrap();
    symlink(&outside, root.join("services")).unwrap();
    assert!(matches!(plan.apply(), Err(Error::NotInside { .. })));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_list_with_paths_that_lead_out_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    step(&spec("notes"), &root);
    fs::write(folder.path().join("precious"), "").unwrap();
    let empty = super::names::digest(b"");
    let list = format!("{{\"version\": 1, \"files\": {{\"../precious\": \"{empty}\"}}}}");
    fs::write(root.join(".cgo/generated.json"), list).unwrap();
    assert!(matches!(plan_generate(&spec("notes"), &root, Overwrite::Yes), Err(Error::NotInside { .. })));
    fs::write(root.join(".cgo/generated.json"), "nonsense").unwrap();
    assert!(matches!(plan_generate(&spec("notes"), &root, Overwrite::Yes), Err(Error::Record { .. })));
}

#[test]
fn a_disk_that_refuses_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = plan_generate(&spec("notes"), &file, Overwrite::No).unwrap_err();
    assert!(matches!(&error, Error::Disk { path, .. } if *path == file), "{error}");
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let probe = fs::write(locked.join("probe"), "");
    let result = plan_generate(&spec("notes"), &locked, Overwrite::No).unwrap().apply();
    assert_eq!(result.is_err(), probe.is_err(), "the superuser may write anywhere, nobody else");
}

#[test]
fn equal_schemas_need_no_migration_and_order_is_no_difference() {
    let before = schema(&spec("before"));
    assert_eq!(between(&before, &before), None);
    let mut turned = before.clone();
    turned.tables.reverse();
    assert_eq!(between(&before, &turned), None);
}

fn changed(change: impl Fn(&mut Spec)) -> super::migration::Steps {
    let before = spec("before");
    let mut after = before.clone();
    change(&mut after);
    between(&schema(&before), &schema(&after)).unwrap()
}

fn product_field(spec: &mut Spec, name: &str) -> usize {
    spec.models[2].fields.iter().position(|field| field.name.as_str() == name).unwrap()
}

#[test]
fn each_sort_of_change_is_written_and_its_danger_named() {
    let steps = changed(|spec| {
        let at = product_field(spec, "note");
        spec.models[2].fields.remove(at);
    });
    assert!(steps.upgrade[0].contains("batch.drop_column(\"note\")"), "{:?}", steps.upgrade);
    assert!(steps.downgrade.concat().contains("batch.add_column(sa.Column(\"note\""), "{:?}", steps.downgrade);
    assert!(steps.notes[0].destructive);
    assert_eq!(steps.slug, "drop_products_note");

    let steps = changed(|spec| {
        let at = product_field(spec, "maybe");
        spec.models[2].fields[at].optional = false;
    });
    assert_eq!(steps.slug, "make_products_maybe_required");
    assert_eq!(steps.upgrade[0], "_fill(\"products\", \"maybe\", \"''\")");
    assert!(steps.upgrade[1].contains("nullable=False"));

    let steps = changed(|spec| {
        let at = product_field(spec, "note");
        spec.models[2].fields[at].unique = true;
    });
    assert!(steps.upgrade[0].contains("create_unique_constraint(\"uq_products_note\", [\"note\"])"));
    assert!(steps.notes[0].text.contains("share"), "{:?}", steps.notes);

    let steps = changed(|spec| {
        let at = product_field(spec, "status");
        spec.models[2].fields[at].ty = FieldType::Enum(vec!["new".parse().unwrap()]);
    });
    assert!(steps.notes[0].text.contains("`old`"), "{:?}", steps.notes);
    assert!(steps.upgrade[0].contains("batch.drop_constraint(\"ck_products_status\", type_=\"check\")"));

    let steps = changed(|spec| {
        let at = product_field(spec, "count");
        spec.models[2].fields[at].index = false;
    });
    assert!(steps.upgrade.concat().contains("batch.drop_index(\"ix_products_count\")"));
    assert_eq!(steps.notes, []);
}

#[test]
fn a_required_relation_for_rows_that_are_there_needs_a_person() {
    let steps = changed(|spec| {
        let at = product_field(spec, "shelf");
        spec.models[2].fields[at].optional = false;
    });
    assert!(steps.notes[0].text.contains("give them one first"), "{:?}", steps.notes);
}

#[test]
fn tables_come_after_those_they_point_to_even_in_a_cycle() {
    let relations = spec("relations");
    let made = schema(&relations);
    let nothing = Schema { version: 1, tables: Vec::new() };
    let steps = between(&nothing, &made).unwrap();
    let text = steps.upgrade.join("\n");
    let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("no {needle} in {text}"));
    assert!(at("\"people\",") < at("\"teams\","));
    assert!(at("\"teams\",") < at("\"fk_people_favourite_team_id\","));
    assert!(steps.downgrade.iter().any(|step| step.contains("op.drop_table(\"people\")")));
}
