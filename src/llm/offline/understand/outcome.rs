//! The whole way from a text to an [`Understanding`].

use super::build::{self, Built};
use super::draft::{Draft, Id};
use super::features::{self, Ability};
use super::fields::field_name;
use super::lexicon::lexicon;
use super::phrases::{Chunk, chunks, statements};
use super::read::Reader;
use super::things::app_of;
use super::tokens::{self, Kind, MAX_CHARS, tokenize};
use super::wording::say;
use super::{Answer, Understanding, gaps, naming, own_words, questions, spelling};
use crate::domain::names::ModelName;
use crate::domain::spec::{
    Feature, FieldType, Language, Model, Module, ProjectMeta, RedirectFields, RelationKind, Spec,
};

/// The longest description kept in the spec, in characters.
const MAX_DESCRIPTION: usize = 2_000;

/// Understands a text with its answers.
pub(super) fn of(text: &str, answers: &[Answer]) -> Understanding {
    let (read, cut) = tokens::bounded(text);
    let mut whole = read.to_owned();
    for answer in answers {
        whole.push_str("\n\n");
        whole.push_str(tokens::bounded(&answer.text).0);
    }
    let (whole, still_cut) = tokens::bounded(&whole);
    let tables = lexicon();
    let explicit = naming::explicit(whole);
    // A name says nothing about what is kept; blanks of the same length keep every place where it is.
    let readable = explicit.as_ref().map_or_else(
        || whole.to_owned(),
        |(_, span)| {
            let blank = " ".repeat(whole[span.clone()].chars().count());
            format!("{}{blank}{}", &whole[..span.start], &whole[span.end..])
        },
    );
    let explicit = explicit.map(|(name, _)| name);
    let mut tokens = tokenize(&readable, &|word| tables.knows(word));
    let slips = spelling::correct(&mut tokens);
    let all = chunks(&tokens);
    let language = language(&all);
    let mut assumptions = Vec::new();
    if cut || still_cut {
        assumptions.push(say(
            language,
            format!("only the first {MAX_CHARS} characters of the description were read"),
            format!("прочитаны только первые {MAX_CHARS} знаков описания"),
        ));
    }
    assumptions.extend(slips.iter().map(|(written, meant)| {
        let ru = format!("«{written}» прочитано как «{meant}»");
        say(language, format!("`{written}` was read as `{meant}`"), ru)
    }));
    let mut reader = Reader::new();
    reader.read(&statements(all.clone()));
    let mut draft = reader.draft;
    let website_is_a_field =
        draft.things.iter().flat_map(|thing| &thing.props).any(|prop| prop.listed == Some("website"));
    let (wanted, implied_telegram) = features::modules(&all, website_is_a_field);
    let built = build::models(&mut draft, language);
    let modules_wanted: Vec<Module> = [Module::Backend].into_iter().chain(wanted.iter().copied()).collect();
    if implied_telegram {
        assumptions.push(say(language, "the bot is a Telegram bot", "бот — это бот в Telegram"));
    }
    let Some(Built { models, assumptions: chosen }) = built else {
        let gaps = gaps::gaps(&all, &draft, &[], language);
        return Understanding {
            language,
            spec: None,
            modules_wanted,
            assumptions,
            questions: questions::questions(answers, &wanted, language),
            intent: questions::intent(text, &all, !gaps.is_empty() || !wanted.is_empty()),
            gaps,
        };
    };
    assumptions.extend(chosen);
    let mut models = models;
    let features = features_of(&draft, &mut models, &all, language, &mut assumptions);
    if models.iter().any(|model| model.name.as_str() == "Reminder") && !wanted.contains(&Module::Notifications) {
        assumptions.push(say(
            language,
            "reminders are kept with their time; sending them needs the notifications module",
            "напоминания хранятся с временем; чтобы их отправлять, нужен модуль уведомлений",
        ));
    }
    let gaps = gaps::gaps(&all, &draft, &models, language);
    let renames = own_words::renames(&draft, &models);
    let name = explicit
        .as_deref()
        .and_then(naming::project_name)
        .or_else(|| naming::derived(&draft, &models, &renames, &wanted))
        .or_else(|| naming::project_name("new project"));
    let assumptions = assumptions.iter().map(|said| own_words::in_text(&renames, said)).collect();
    let mut features = features;
    let spec = name.map(|name| {
        let title = explicit
            .unwrap_or_else(|| spelling::in_title(&slips, naming::title(whole, &all, &name, &models, language)));
        own_words::apply(&renames, &mut models, &mut features);
        Spec {
            project: ProjectMeta { title, description: description(whole), language, name },
            modules: modules_wanted.clone(),
            models,
            domains: Vec::new(),
            features,
        }
    });
    Understanding {
        language,
        intent: questions::intent(text, &all, spec.is_some()),
        spec,
        modules_wanted,
        assumptions,
        gaps,
        questions: Vec::new(),
    }
}

/// Russian as soon as a fair part of the words is: English terms are common in Russian text, not the reverse.
fn language(chunks: &[Chunk]) -> Language {
    let (mut russian, mut other) = (0_usize, 0_usize);
    for chunk in chunks.iter().filter(|chunk| chunk.kind == Kind::Word) {
        if chunk.cyrillic {
            russian += chunk.words;
        } else {
            other += chunk.words;
        }
    }
    if russian > 0 && russian * 3 >= other { Language::Ru } else { Language::En }
}

/// The description in one piece, without control characters.
fn description(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = out.char_indices().nth(MAX_DESCRIPTION) {
        out.truncate(at);
        out.push('…');
    }
    out
}

fn is_dated(model: &Model) -> bool {
    lexicon().model(model.name.as_str()).is_some_and(|at| lexicon().entity(at).is_dated())
}

fn features_of(
    draft: &Draft,
    models: &mut [Model],
    chunks: &[Chunk],
    language: Language,
    assumptions: &mut Vec<String>,
) -> Vec<Feature> {
    let mut out: Vec<Feature> = Vec::new();
    let named = |id: Option<Id>| {
        id.and_then(|id| models.iter().find(|model| model.name.as_str() == draft.things[id].model))
            .map(|model| model.name.clone())
    };
    for target in &draft.exports {
        let targets = match named(*target) {
            Some(model) => vec![model],
            None => records(models, usize::MAX),
        };
        for model in targets {
            let feature = Feature::ExportCsv { model };
            if !out.contains(&feature) {
                out.push(feature);
            }
        }
    }
    for target in &draft.summaries {
        let told = named(*target)
            .filter(|model| models.iter().any(|m| m.name == *model && (is_dated(m) || target_is_only(models, m))));
        let targets = match told {
            Some(model) => vec![model],
            None => records(models, 2),
        };
        for model in targets {
            let has_date = models.iter().any(|m| {
                m.name == model
                    && m.fields.iter().any(|f| matches!(f.ty, FieldType::Date | FieldType::Datetime) && !f.optional)
            });
            let feature = Feature::Summary { model: model.clone() };
            if !out.contains(&feature) {
                out.push(feature);
                if !has_date {
                    assumptions.push(say(
                        language,
                        format!("the report counts each {model} by the day it was created"),
                        format!("отчёт считает {model} по дню создания"),
                    ));
                }
            }
        }
    }
    if let Some(redirect) = redirect(draft, models, chunks) {
        out.push(redirect);
    }
    out
}

fn target_is_only(models: &[Model], model: &Model) -> bool {
    !models.iter().any(is_dated)
        || models.len() == 1
        || model.fields.iter().any(|f| matches!(f.ty, FieldType::Date | FieldType::Datetime))
}

/// The models a report or an export without a name is about: what happens, before what there is.
fn records(models: &[Model], most: usize) -> Vec<ModelName> {
    let tables = lexicon();
    let minor = |model: &Model| {
        tables.model(model.name.as_str()).is_some_and(|at| {
            let entry = tables.entity(at);
            entry.is_classifier() || entry.is_shared() || entry.is_part() || entry.is_role()
        })
    };
    let money = |model: &Model| model.fields.iter().any(|field| matches!(field.ty, FieldType::Money));
    let mut dated: Vec<&Model> = models.iter().filter(|model| is_dated(model) && !minor(model)).collect();
    if most < usize::MAX && dated.iter().any(|model| money(model)) {
        dated.retain(|model| money(model));
    }
    let chosen =
        if dated.is_empty() { models.iter().filter(|model| !minor(model)).take(most.min(3)).collect() } else { dated };
    let mut names: Vec<ModelName> = chosen.into_iter().take(most).map(|model| model.name.clone()).collect();
    if names.is_empty() {
        names.extend(models.first().map(|model| model.name.clone()));
    }
    names
}

/// Short links: the fields a visit works with, made where they are missing.
fn redirect(draft: &Draft, models: &mut [Model], chunks: &[Chunk]) -> Option<Feature> {
    let short =
        draft.heads.iter().flat_map(|(np, _)| np.nouns.iter()).filter_map(app_of).any(|app| app.name == "short-links")
            || chunks.iter().any(|chunk| {
                let words = chunk.lower.as_str();
                matches!(features::ability(std::slice::from_ref(chunk)), Some((Ability::Redirect, _)))
                    || (words.contains("short") && (words.contains("link") || words.contains("url")))
                    || (words.contains("корот") && (words.contains("ссыл") || words.contains("адрес")))
            });
    let model = models.iter_mut().find(|model| model.name.as_str() == "Link").filter(|_| short)?;
    let expires_said =
        model.fields.iter().any(|field| matches!(field.ty, FieldType::Datetime | FieldType::Date) && !field.readonly);
    let expires = model
        .fields
        .iter()
        .find(|field| matches!(field.ty, FieldType::Datetime | FieldType::Date))
        .filter(|_| expires_said)
        .map(|field| field.name.clone());
    if let Some(field) = expires.as_ref().and_then(|name| model.fields.iter_mut().find(|field| field.name == *name)) {
        field.ty = FieldType::Datetime;
        field.optional = true;
    }
    let by_type = |model: &Model, ty: &FieldType| {
        model.fields.iter().find(|field| field.ty == *ty).map(|field| field.name.clone())
    };
    let target = by_type(model, &FieldType::Url).or_else(|| add(model, "url", "url"))?;
    let code = model
        .fields
        .iter()
        .find(|field| field.name.as_str() == "code" || field.name.as_str() == "slug" || field.name.as_str() == "alias")
        .map(|field| field.name.clone());
    let key = code.or_else(|| add(model, "code", "string"))?;
    let counter = model
        .fields
        .iter()
        .find(|field| field.ty == FieldType::Int && (field.readonly || field.name.as_str() == "visits"))
        .map(|field| field.name.clone())
        .or_else(|| add(model, "clicks", "counter"))?;
    for field in &mut model.fields {
        if field.name == key {
            field.ty = FieldType::String;
            field.unique = true;
            field.optional = false;
            field.default = None;
            field.bounds.max_length = Some(50);
            field.bounds.pattern = Some("^[A-Za-z0-9_-]+$".to_owned());
        } else if field.name == target {
            field.optional = false;
        }
    }
    Some(Feature::Redirect(RedirectFields { model: model.name.clone(), key, target, counter: Some(counter), expires }))
}

fn add(model: &mut Model, name: &str, ty: &str) -> Option<crate::domain::names::FieldName> {
    let mut prop = super::draft::Prop { name: name.to_owned(), ..Default::default() };
    super::props::apply_type(&mut prop, ty);
    let field = super::fields::field_of(&prop)?;
    let name = field_name(name).ok()?;
    let taken = model.fields.iter().any(|field| {
        field.name == name && !matches!(&field.ty, FieldType::Ref(r) if r.kind == RelationKind::ManyToMany)
    });
    if !taken {
        let place = model.fields.iter().take_while(|field| field.ty == FieldType::Url || field.unique).count();
        model.fields.insert(if field.readonly { model.fields.len() } else { place }, field);
    }
    Some(name)
}
