use super::*;
use crate::domain::spec::Feature;

fn spec(description: &str) -> Spec {
    let mut spec = understand(description, &[]).spec.expect("it describes something");
    spec.domains = spec.standard_domains().expect("it has operations");
    spec
}

/// The changes, each in a word: `+Task.due_date:date?`.
fn short(changes: &Changes) -> Vec<String> {
    let kind = |ty: &FieldType| match ty {
        FieldType::Enum(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
        FieldType::Ref(reference) => format!("->{}", reference.model),
        other => serde_json::to_value(other).unwrap().as_str().unwrap_or("list").to_owned(),
    };
    let shown = |field: &Field| format!("{}:{}{}", field.name, kind(&field.ty), if field.optional { "?" } else { "" });
    let edit = |edit: &Edit| match edit {
        Edit::AddField { model, field } => format!("+{model}.{}", shown(field)),
        Edit::SetField { model, field } => {
            format!("={model}.{}{}", shown(field), if field.unique { " unique" } else { "" })
        }
        Edit::RemoveField { model, field } => format!("-{model}.{field}"),
        Edit::RenameField { model, field, to } => format!("{model}.{field}>{to}"),
        Edit::AddModel { model } => {
            format!("+{}({})", model.name, model.fields.iter().map(shown).collect::<Vec<_>>().join(" "))
        }
        Edit::RemoveModel { model } => format!("-{model}"),
        Edit::AddFeature { feature: Feature::ExportCsv { model } } => format!("+csv {model}"),
        Edit::AddFeature { feature: Feature::Summary { model } } => format!("+summary {model}"),
        other => format!("{other:?}"),
    };
    changes.edits.iter().map(edit).collect()
}

fn check(description: &str, wishes: &[(&str, &[&str])]) {
    let spec = spec(description);
    let mut wrong = Vec::new();
    for (wish, wanted) in wishes {
        let got = changes(&spec, wish);
        if short(&got) != *wanted || !got.unclear.is_empty() {
            wrong.push(format!("{wish}\n  wanted {wanted:?}\n  got    {:?}\n  unclear {:?}", short(&got), got.unclear));
        }
        let after = spec.edited(&got.edits).expect("the changes can be made");
        assert!(after.standard_domains().is_ok(), "{wish}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wishes_in_english_become_changes() {
    check(
        "a task tracker: tasks with title, done, status (new, active). notes with title and body",
        &[
            ("add a due date to tasks", &["+Task.due_date:date?"]),
            (
                "Please add due date and priority (low, medium, high) to tasks.",
                &["+Task.due_date:date?", "+Task.priority:low|medium|high?"],
            ),
            ("add tasks a due date", &["+Task.due_date:date?"]),
            ("add an optional price to notes", &["+Note.price:money?"]),
            ("add archived to status", &["=Task.status:new|active|archived"]),
            ("add csv export for notes", &["+csv Note"]),
            ("remove body from notes", &["-Note.body"]),
            ("remove body", &["-Note.body"]),
            ("delete notes", &["-Note"]),
            ("rename body to text", &["Note.body>text"]),
            ("rename title to name in notes", &["Note.title>name"]),
            ("make the title of notes unique", &["=Note.title:string unique"]),
            ("make body optional", &["=Note.body:text?"]),
            ("every task has a due date", &["+Task.due_date:date?"]),
            ("add a due date to tasks and remove body from notes", &["+Task.due_date:date?", "-Note.body"]),
        ],
    );
}

#[test]
fn a_thing_that_is_added_to_another_belongs_to_it() {
    check(
        "a task tracker: tasks with title and done",
        &[
            ("add comments with author and text to tasks", &["+Comment(author:string text:text task:->Task)"]),
            (
                "add a priority (low, high) and comments with author and text",
                &["+Task.priority:low|high?", "+Comment(author:string text:text task:->Task)"],
            ),
            ("add a priority (low, high)", &["+Task.priority:low|high?"]),
        ],
    );
}

#[test]
fn one_model_needs_not_be_named() {
    check(
        "a notes API with title and body",
        &[("add tags", &["+Tag(name:string)", "+Note.tags:->Tag"]), ("add a rating", &["+Note.rating:int?"])],
    );
}

#[test]
fn wishes_in_russian_become_changes() {
    check(
        "трекер задач: задача: название, выполнена. заметка: заголовок, текст",
        &[
            ("добавь срок к задачам", &["+Task.due_date:date?"]),
            (
                "добавь задачам срок и приоритет (низкий, высокий)",
                &["+Task.due_date:date?", "+Task.priority:low|high?"],
            ),
            ("к задачам добавь срок", &["+Task.due_date:date?"]),
            ("убери текст из заметок", &["-Note.text"]),
            ("удали заметки", &["-Note"]),
            ("сделай заголовок в заметках уникальным", &["=Note.title:string unique"]),
        ],
    );
}

#[test]
fn what_is_not_understood_is_said_and_changes_nothing() {
    let spec = spec("a task tracker: tasks with title and done. notes with title and body");
    for wish in [
        "make it faster",
        "fix the bug in the list",
        "add a due date",
        "rename title to name",
        "remove the dragon",
        "add to notes",
        "add title to notes",
        "почини поиск",
        "",
        "    ",
    ] {
        let got = changes(&spec, wish);
        assert_eq!(short(&got), Vec::<String>::new(), "{wish}");
        assert_eq!(got.unclear.is_empty(), wish.trim().is_empty(), "{wish}: {got:?}");
    }
}

#[test]
fn what_cannot_be_built_is_a_gap() {
    let spec = spec("a task tracker: tasks with title and done");
    let got = changes(&spec, "add payments with stripe");
    assert!(got.gaps.iter().any(|gap| gap.what.contains("payments")), "{got:?}");
}
