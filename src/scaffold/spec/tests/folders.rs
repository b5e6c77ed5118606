//! Whole folders: what is found, what is refused, what absence means, and what formatting does.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use super::super::{EnvSource, Environment, SpecFiles, files, format, read_dir, read_path, single_file};
use super::{BOOKS, GOOD, MODELS, SERVICES, check, good, lines};
use crate::domain::names::ProjectName;
use crate::domain::spec::{Action, Feature, FieldType, Module, ParamSource};

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in GOOD {
        put(folder.path(), path, text);
    }
    folder
}

fn refused(root: &Path) -> Vec<String> {
    lines(&read_dir(root).unwrap_err())
}

#[test]
fn a_folder_reads_as_its_texts_do() {
    let folder = folder();
    let (one, other) = (read_dir(folder.path()).unwrap(), check(good()).unwrap());
    assert_eq!(one.spec, other.spec);
    assert_eq!(one.contract, other.contract);
    let spec = one.spec;
    assert_eq!(spec.modules, [Module::Backend, Module::TelegramBot]);
    assert!(matches!(&spec.features[..], [Feature::Redirect(_)]));
    assert_eq!(spec.domains[0].operations[3].params[1].source, ParamSource::Query);
    assert!(!spec.domains[0].operations[3].params[1].required);
    assert!(matches!(&spec.domains[0].operations[4].action, Some(Action::Redirect(_))));
    assert_eq!(spec.domains[0].operations[4].rest.status, 307);
    assert!(matches!(spec.models[1].field("status").unwrap().ty, FieldType::Enum(_)));
    assert_eq!(one.contract.entries["DEBUG"].environments, [Environment::Development, Environment::Test]);
    assert!(one.contract.entries["KEY"].sensitive && !one.contract.entries["IMAGE"].sensitive);
    assert!(matches!(one.contract.entries["PORT"].source, EnvSource::Allocation { .. }));
}

#[test]
fn links_are_refused_and_not_followed() {
    let outside = TempDir::new().unwrap();
    put(outside.path(), "secret.yaml", "password: hunter2\n");
    let root = folder();
    fs::remove_file(root.path().join(MODELS)).unwrap();
    symlink(outside.path().join("secret.yaml"), root.path().join(MODELS)).unwrap();
    fs::remove_dir_all(root.path().join("infra")).unwrap();
    symlink(outside.path(), root.path().join("infra")).unwrap();
    let found = refused(root.path());
    assert!(found.contains(&format!("{MODELS}:1:1: a symbolic link, which is not followed")), "{found:?}");
    assert!(found.contains(&"infra:1:1: a symbolic link, which is not followed".to_owned()), "{found:?}");
    assert!(!found.iter().any(|line| line.contains("hunter2")));
}

#[test]
fn files_that_would_be_overlooked_are_named() {
    let root = folder();
    put(root.path(), "services.yaml", "");
    put(root.path(), "shared/spec/extra.yaml", "");
    put(root.path(), "services/backend/spec/notes.yml", "");
    put(root.path(), "infra/env.contract.yml", "");
    put(root.path(), "services/backend/spec/my-books.yaml", "operations: {}\n");
    let found = refused(root.path()).join("\n");
    for expected in [
        "services.yaml:1:1: it is not read; rename it to `services.yml`",
        "shared/spec/extra.yaml:1:1: no spec file: shared/spec holds `models.yaml` and `events.yaml`",
        "services/backend/spec/notes.yml:1:1: spec files end in .yaml; rename it to `notes.yaml`",
        "infra/env.contract.yml:1:1: it is not read; rename it to `env.contract.yaml`",
        "services/backend/spec/my-books.yaml:1:1: the file's name becomes a module's: `my-books` is not a name: `-` is not one of a-z, 0-9, _",
    ] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn large_binary_and_special_files_are_refused() {
    let root = folder();
    put(root.path(), BOOKS, &"#".repeat(1024 * 1024 + 1));
    fs::write(root.path().join(MODELS), b"models:\n  \xff: 1\n").unwrap();
    fs::remove_file(root.path().join(SERVICES)).unwrap();
    fs::create_dir(root.path().join(SERVICES)).unwrap();
    let found = refused(root.path()).join("\n");
    for expected in [
        "services/backend/spec/books.yaml:1:1: the file is larger than 1 MiB",
        "shared/spec/models.yaml:1:1: not UTF-8 text in line 2",
        "services.yml:1:1: not a regular file",
    ] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn absence_has_a_meaning() {
    let parent = TempDir::new().unwrap();
    let root = parent.path().join("small-shop");
    fs::create_dir(&root).unwrap();
    assert_eq!(
        refused(&root),
        ["services.yml:1:1: no spec files here: neither `services.yml` nor `shared/spec/models.yaml`"]
    );
    put(&root, MODELS, "models: {Book: {fields: {title: string}}}\n");
    let spec = read_dir(&root).unwrap().spec;
    assert_eq!((spec.project.name.as_str(), &spec.modules[..]), ("small-shop", &[Module::Backend][..]));
    assert!(spec.domains.is_empty());
    let texts = [(MODELS.to_owned(), "models: {}\n".to_owned())];
    let found = lines(&SpecFiles::from_texts(texts).check().unwrap_err());
    assert_eq!(
        found,
        ["services.yml:1:1: nothing names the project; write something like `project: {name: notes-api}`"]
    );
}

#[test]
fn the_files_of_service_template_pass() {
    let texts = [
        (
            SERVICES,
            "version: 2\nservices:\n  - name: backend\n    type: python-fastapi\n    description: >\n      FastAPI backend that exposes\n      endpoints.\n    dev_template: true\n    depends_on:\n      redis: service_healthy\n  - name: tg_bot\n    type: python\n    depends_on:\n      backend: service_started\n    profiles:\n      - tg\nproject: {name: template}\n",
        ),
        (
            MODELS,
            "models:\n  User:\n    fields:\n      id:\n        type: int\n        readonly: true\n      telegram_id:\n        type: int\n        ge: 0\n      is_admin:\n        type: bool\n        default: false\n      created_at:\n        type: datetime\n        readonly: true\n    variants:\n      Create: {}\n      Update:\n        optional: [telegram_id, is_admin]\n      Read: {}\n  CommandReceived:\n    fields:\n      args:\n        type: list[string]\n      level: {type: {type: optional, of: {type: int}}}\n      names: {type: {type: dict, key: {type: string}, value: {type: int}}}\n      kind: {type: {type: enum, values: [a, b], default: a}}\n    variants:\n      Create:\n",
        ),
        (
            "shared/spec/events.yaml",
            "events:\n  user_registered:\n    message: UserRead\n    publish: true\n    subscribe: false\n",
        ),
        (
            "services/backend/spec/users.yaml",
            "domain: users\nconfig:\n  rest:\n    prefix: \"/users\"\n    tags: [\"users\"]\n\noperations:\n  list_users:\n    output: list[UserRead]\n    rest:\n      method: GET\n      path: \"\"\n\n  # Dual-transport\n  create_user:\n    input: UserCreate\n    output: UserRead\n    rest:\n      method: POST\n      path: \"\"\n      status: 201\n    events:\n      publish_on_success: user_registered  # Published\n  delete_user:\n    params:\n      - name: user_id\n        type: int\n    rest:\n      method: DELETE\n      path: \"/{user_id}\"\n",
        ),
        (
            "services/notifications_worker/spec/notifications.yaml",
            "domain: notifications\n\noperations:\n  on_user_registered:\n    input: UserRead\n    events:\n      subscribe: user_registered\n",
        ),
        (
            "services/tg_bot/spec/manifest.yaml",
            "consumes:\n  - service: backend\n    domain: users\n    operations:\n      - create_user\n",
        ),
    ];
    let files = SpecFiles::from_texts(texts.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let checked = files.check().unwrap_or_else(|error| panic!("{error}"));
    let user = &checked.spec.models[0];
    assert_eq!(user.fields.len(), 2);
    let command = &checked.spec.models[1];
    assert!(command.field("level").unwrap().optional);
    assert_eq!(command.field("kind").unwrap().default, Some("a".into()));
    assert_eq!(checked.notes.len(), 2, "{:?}", checked.notes);
    let formatted = format(&files).unwrap();
    assert_eq!(formatted.changed.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [MODELS]);
    assert_eq!(
        formatted.kept,
        [
            (
                "services.yml".to_owned(),
                "not reformatted: `services.0.description` is not part of cgo's spec and would be lost".to_owned()
            ),
            ("services/backend/spec/users.yaml".to_owned(), "not reformatted: it has comments".to_owned()),
        ]
    );
}

#[test]
fn formatting_keeps_comments_and_what_it_cannot_write() {
    let mut files = good();
    files.insert(MODELS.to_owned(), format!("# mine\n{}", files[MODELS]));
    let formatted = format(&SpecFiles::from_texts(files)).unwrap();
    let kept: Vec<String> = formatted.kept.iter().map(|(path, why)| format!("{path}: {why}")).collect();
    assert_eq!(
        kept,
        [
            "services.yml: not reformatted: `services.1.depends_on` is not part of cgo's spec and would be lost",
            "services/backend/spec/books.yaml: not reformatted: `domains.books.operations.add_book.events` is not part of cgo's spec and would be lost",
            "shared/spec/models.yaml: not reformatted: it has comments",
        ]
    );
    assert_eq!(formatted.changed, []);
}

#[test]
fn one_file_is_enough() {
    let text = "project: {name: notes}\nmodels:\n  Note:\n    fields: {text: text}\n";
    let spec = single_file("spec.yaml", text).unwrap().spec;
    assert_eq!(spec.domains.len(), 1);
    assert_eq!(spec.domains, spec.standard_domains().unwrap());
    assert_eq!(spec.modules, [Module::Backend]);
    let folder = TempDir::new().unwrap();
    put(folder.path(), "notes.yaml", text);
    assert_eq!(read_path(&folder.path().join("notes.yaml")).unwrap().spec, spec);
    for (path, text) in files(&spec) {
        put(folder.path(), &path, &text);
    }
    assert_eq!(read_path(folder.path()).unwrap().spec, spec);
    let missing = read_path(&folder.path().join("absent.yaml")).unwrap_err();
    assert_eq!(lines(&missing), ["absent.yaml:1:1: cannot be read: entity not found"]);
}

#[test]
fn written_files_look_like_this() {
    let text = "project: {name: notes, title: \"Notes: mine\", description: \"Keeps notes.\\nAll of them.\"}\nmodels:\n  Note:\n    fields: {text: text, on: {type: enum, values: [\"yes\", soon]}, by: {ref: Person, optional: true, on_delete: set_null}}\n  Person: {fields: {name: string}}\ndomains:\n  notes:\n    config: {rest: {prefix: /notes}}\n    operations:\n      find: {output: \"list[Note]\", params: [word], rest: {method: GET, path: \"/{word}\"}}\n";
    let spec = single_file("spec.yaml", text).unwrap().spec;
    assert_eq!(spec.project.name, ProjectName::parse("notes").unwrap());
    let all: Vec<String> = files(&spec).into_iter().map(|(path, text)| format!("--- {path}\n{text}")).collect();
    assert_eq!(all.concat(), include_str!("written.txt"));
}

#[test]
fn hostile_files_are_refused_quickly() {
    let lines = |count: usize, line: fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().join("\n");
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n";
    let hostile = [
        bomb.to_owned(),
        "[".repeat(5000),
        "{a: ".repeat(5000),
        "- ".repeat(5000),
        lines(5000, |depth| format!("{}a:", " ".repeat(depth.min(200)))),
        "[*a,".repeat(200_000),
        "a,".repeat(200_000).replace("a,", "? a\n"),
        format!("models: {{{}}}", "A: {}, ".repeat(100_000)),
        lines(60_000, |n| format!("k{n}: 1")),
        format!("models:\n{}", lines(20_000, |n| format!("  M{n}: {{fields: {{a: int}}}}"))),
    ];
    for text in hostile {
        let start = Instant::now();
        let error = single_file("spec.yaml", &text).unwrap_err();
        assert!(error.problems.len() <= 201);
        assert!(start.elapsed().as_secs() < 20, "{:?} took {:?}", &text[..20], start.elapsed());
    }
}
