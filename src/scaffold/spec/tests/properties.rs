//! What holds for every spec and every text: the round trip, and that nothing makes the reader panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::super::{canonical, check as rules, derive_features, files, format, one_file, single_file};
use super::{GOOD, check, good};
use crate::domain::names::{EnumValue, FieldName, Identifier, ModelName, ProjectName};
use crate::domain::spec::{
    Bounds, Domain, Feature, Field, FieldType, Language, Method, Model, Module, OnDelete, Operation, Param,
    ParamSource, ProjectMeta, RedirectFields, Reference, RelationKind, Rest, Shape, Spec, Variant,
};
use crate::scaffold::spec::SpecFiles;
use serde_json::{Number, Value as Json, json};

const MODELS: [&str; 7] = ["Author", "Book", "Category", "OrderLine", "Person", "Tag", "Day"];
const FIELDS: [&str; 12] =
    ["title", "on", "yes", "note", "amount", "state", "born_at", "code", "null", "weight", "labels", "extra"];

fn prose() -> impl Strategy<Value = String> {
    "[ -~а-яё€\u{1f600}\u{a0}]{1,40}"
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("empty", |text| !text.is_empty())
}

fn description() -> impl Strategy<Value = String> {
    vec(prop_oneof![prose(), Just(String::new())], 0..4).prop_map(|lines| lines.join("\n").trim().to_owned())
}

fn number(value: f64) -> Number {
    Number::from_f64(value).expect("finite")
}

/// A type with bounds and a default that fit it.
fn typed() -> impl Strategy<Value = (FieldType, Bounds, Option<Json>)> {
    let none = Bounds::default;
    prop_oneof![
        (any::<i32>(), 0..1000_i64, any::<bool>()).prop_map(move |(low, span, given)| {
            let low = i64::from(low);
            let bounds = Bounds { ge: Some(low.into()), lt: Some((low + span + 1).into()), ..none() };
            (FieldType::Int, bounds, given.then(|| json!(low + span)))
        }),
        (-1e12..1e12_f64).prop_map(move |low| (FieldType::Float, Bounds { gt: Some(number(low)), ..none() }, None)),
        (1e-300..1e300_f64).prop_map(move |low| (FieldType::Float, none(), Some(json!(low)))),
        (0..999_999_i64).prop_map(move |n| {
            let default = json!(format!("{}.{:02}", n / 100, n % 100));
            (FieldType::Money, Bounds { ge: Some(0.into()), ..none() }, Some(default))
        }),
        Just((FieldType::Decimal, none(), Some(json!(1.5)))),
        (prose(), 40..100_u32).prop_map(move |(text, most)| (
            FieldType::String,
            Bounds { max_length: Some(most), ..none() },
            Some(json!(text))
        )),
        Just((FieldType::String, Bounds { pattern: Some("^[a-z]+: \\d{2}#\"'$".to_owned()), ..none() }, None)),
        description().prop_map(move |text| (FieldType::Text, none(), Some(json!(text)))),
        any::<bool>().prop_map(move |value| (FieldType::Bool, none(), Some(json!(value)))),
        Just((FieldType::Date, none(), Some(json!("2026-01-31")))),
        Just((FieldType::Time, none(), Some(json!("18:30")))),
        Just((FieldType::Datetime, none(), Some(json!("2026-01-31T18:30:00Z")))),
        Just((FieldType::Uuid, none(), None)),
        Just((FieldType::Email, none(), Some(json!("a@example.org")))),
        Just((FieldType::Url, none(), Some(json!("https://example.org/a?b=c#d")))),
        subsequence(vec!["draft", "in work", "no", "1", "a/b", "null", "3.5", "x-y"], 1..=8).prop_map(move |values| {
            let default = json!(values[0]);
            let values = values.into_iter().map(|value| EnumValue::parse(value).unwrap()).collect();
            (FieldType::Enum(values), none(), Some(default))
        }),
        vec(prose(), 0..3).prop_map(move |items| {
            let bounds = Bounds { min_length: Some(0), max_length: Some(5), ..none() };
            (FieldType::List(Box::new(FieldType::String)), bounds, Some(json!(items)))
        }),
        Just((FieldType::List(Box::new(FieldType::Enum(vec![EnumValue::parse("a").unwrap()]))), none(), None)),
        (prose(), any::<i32>()).prop_map(move |(key, value)| {
            (FieldType::Dict(Box::new(FieldType::Int)), none(), Some(json!({ key: value })))
        }),
    ]
}

fn field(name: &'static str) -> impl Strategy<Value = Field> {
    (typed(), any::<[bool; 4]>(), proptest::option::of(prose())).prop_map(
        move |((ty, bounds, default), [optional, unique, index, readonly], description)| {
            let column = !matches!(ty, FieldType::List(_) | FieldType::Dict(_));
            Field {
                optional,
                unique: unique && column && default.is_none(),
                index: index && column,
                readonly: readonly && (optional || default.is_some()),
                default,
                bounds,
                description,
                ..Field::new(FieldName::parse(name).unwrap(), ty)
            }
        },
    )
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    subsequence(FIELDS.to_vec(), 1..=6)
        .prop_shuffle()
        .prop_flat_map(|names| names.into_iter().map(field).collect::<Vec<_>>())
}

/// References point to models before their own, so none is needed in a circle.
fn relation(models: &[Model], kind: u8, target: Index) -> Option<Field> {
    let target = models.get(target.index(models.len().max(1)))?;
    let (kind, on_delete, optional) = match kind {
        0 => (RelationKind::ManyToOne, OnDelete::Cascade, false),
        1 => (RelationKind::ManyToOne, OnDelete::SetNull, true),
        2 => (RelationKind::OneToOne, OnDelete::Restrict, false),
        3 => (RelationKind::ManyToMany, OnDelete::Restrict, false),
        _ => return None,
    };
    let ty = FieldType::Ref(Reference { model: target.name.clone(), kind, on_delete });
    Some(Field { optional, ..Field::new(FieldName::parse("other").unwrap(), ty) })
}

fn models() -> impl Strategy<Value = Vec<Model>> {
    let model = (fields(), 0..6_u8, any::<Index>(), proptest::option::of(prose()), any::<bool>());
    (subsequence(MODELS.to_vec(), 0..=5).prop_shuffle(), vec(model, 5)).prop_map(|(names, parts)| {
        let mut models: Vec<Model> = Vec::new();
        for (name, (mut fields, kind, target, description, short)) in names.into_iter().zip(parts) {
            let variants = Variant {
                name: ModelName::parse("Short").unwrap(),
                exclude: vec![fields[0].name.clone()],
                optional: fields.iter().skip(1).map(|field| field.name.clone()).collect(),
            };
            fields.extend(relation(&models, kind, target));
            let variants = if short { vec![variants] } else { Vec::new() };
            models.push(Model { name: ModelName::parse(name).unwrap(), description, fields, variants });
        }
        models
    })
}

fn link() -> Model {
    let field = |name: &str, ty| Field::new(FieldName::parse(name).unwrap(), ty);
    let key = Field { unique: true, ..field("code", FieldType::String) };
    let until = Field { optional: true, ..field("until", FieldType::Datetime) };
    let fields = vec![key, field("address", FieldType::Url), until];
    Model { name: ModelName::parse("Link").unwrap(), description: None, fields, variants: Vec::new() }
}

fn param(index: usize, ty: (FieldType, Bounds, Option<Json>), required: bool) -> Option<Param> {
    let (ty, _, default) = ty;
    if matches!(ty, FieldType::List(_) | FieldType::Dict(_)) {
        return None;
    }
    let required = required && default.is_none();
    let name = Identifier::parse(&format!("part{index}")).unwrap();
    Some(Param { name, ty, required, source: ParamSource::Query, default })
}

fn stubs(models: &[Model], parts: Vec<(FieldType, Bounds, Option<Json>)>, required: bool, tag: String) -> Domain {
    let mut params: Vec<Param> =
        parts.into_iter().enumerate().filter_map(|(index, ty)| param(index, ty, required)).collect();
    let path = |ty| Param {
        name: Identifier::parse("place").unwrap(),
        ty,
        required: true,
        source: ParamSource::Path,
        default: None,
    };
    params.push(path(if required { FieldType::String } else { FieldType::Uuid }));
    let operation = |name: &str, method, path: &str, status| Operation {
        name: Identifier::parse(name).unwrap(),
        action: None,
        model: None,
        description: None,
        input: None,
        output: models.first().map(|model| Shape::List(model.name.clone())),
        params: Vec::new(),
        rest: Rest { method, path: path.to_owned(), status },
    };
    let one = Operation { params, description: Some(tag.clone()), ..operation("visit", Method::Put, "/{place}/", 202) };
    let two = Operation { output: None, ..operation("ping", Method::Delete, "/ping", 204) };
    let name = Identifier::parse("aaa_extra").unwrap();
    Domain { name, prefix: "/extra/v1".to_owned(), tags: vec![tag], operations: vec![two, one] }
}

prop_compose! {
    fn specs()(
        models in models(),
        modules in subsequence(vec![Module::TelegramBot, Module::Notifications, Module::Frontend], 0..=3),
        title in prose(),
        description in description(),
        language in select(vec![Language::En, Language::Ru]),
        flags in any::<[bool; 5]>(),
        parts in vec(typed(), 0..4),
    ) -> Spec {
        let [export, summary, short_links, extra, required] = flags;
        let mut models = models;
        let mut features = Vec::new();
        if short_links {
            models.push(link());
            features.push(Feature::Redirect(RedirectFields {
                model: ModelName::parse("Link").unwrap(),
                key: FieldName::parse("code").unwrap(),
                target: FieldName::parse("address").unwrap(),
                counter: None,
                expires: required.then(|| FieldName::parse("until").unwrap()),
            }));
        }
        if let Some(model) = models.first().map(|model| model.name.clone()) {
            features.extend(summary.then(|| Feature::Summary { model: model.clone() }));
            features.extend(export.then_some(Feature::ExportCsv { model }));
        }
        let modules = std::iter::once(Module::Backend).chain(modules).collect();
        let name = ProjectName::parse("some-project").unwrap();
        let project = ProjectMeta { name, title, description, language };
        let mut spec = Spec { project, modules, models, domains: Vec::new(), features };
        spec.domains = spec.standard_domains().unwrap();
        if extra {
            spec.domains.insert(0, stubs(&spec.models, parts, required, "Extra: things".to_owned()));
        }
        if spec.domains.is_empty() {
            spec.features.clear();
        }
        canonical(&mut spec);
        spec
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_the_same_spec(spec in specs()) {
        prop_assert_eq!(rules(&spec), Vec::new());
        let written = files(&spec);
        let checked = check(written.iter().cloned().collect()).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&checked.spec, &spec);
        prop_assert_eq!(&files(&checked.spec), &written);
        let again = format(&SpecFiles::from_texts(written)).unwrap();
        prop_assert_eq!((again.changed.len(), again.kept.len()), (0, 0));
        let checked = single_file("spec.yaml", &one_file(&spec)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&checked.spec, &spec);
        prop_assert_eq!(derive_features(&spec.domains), spec.features);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s)[ -~\n\t:{}\\[\\]&*!|>'\"%@`#,?-]{0,200}|\\PC{0,80}") {
        let _ = single_file("spec.yaml", &text);
        for (path, _) in GOOD {
            let mut files = good();
            files.insert(path.to_owned(), text.clone());
            let _ = check(files);
        }
    }

    #[test]
    fn no_change_of_a_good_spec_makes_the_reader_panic_or_pass_what_it_cannot_write(
        edits in vec((0..GOOD.len(), any::<Index>(), 0..30_usize, "[ -~\n]{0,8}|: |- |\\[\\]|\\{\\}|null|~|-1|999|\n  "), 1..4),
    ) {
        let mut files_now = good();
        for (file, at, length, text) in edits {
            let old = files_now.get_mut(GOOD[file].0).unwrap();
            let start = at.index(old.len() + 1);
            let end = (start + length).min(old.len());
            old.replace_range(start..end, &text);
        }
        if let Ok(checked) = check(files_now) {
            prop_assert_eq!(rules(&checked.spec), Vec::new());
            let again = check(files(&checked.spec).into_iter().collect()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.spec, checked.spec);
        }
    }
}
