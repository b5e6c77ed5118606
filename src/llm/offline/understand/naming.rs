//! What the project is called: for folders in Latin letters, for people in their language.

use super::draft::Draft;
use super::lexicon::{Class, lexicon};
use super::noun::{NounPhrase, is_adjective};
use super::phrases::Chunk;
use super::props::capitalized;
use super::read::words::{is_marker, is_noise};
use super::stem::{lower, nominative, transliterate};
use super::things::app_of;
use super::tokens::Kind;
use crate::domain::inflect::plural;
use crate::domain::names::{ModelName, ProjectName};
use crate::domain::spec::{Language, Model, Module};

/// The longest title.
const MAX_TITLE: usize = 60;

/// The name that the text gives explicitly: `called Foo`, `под названием «…»`.
pub(super) fn explicit(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    const APPS: &[&str] = &[
        "app",
        "api",
        "service",
        "project",
        "bot",
        "site",
        "website",
        "tool",
        "system",
        "сервис",
        "проект",
        "приложение",
        "бот",
        "сайт",
    ];
    const BEFORE: &[&str] = &[
        "called",
        "named",
        "name it",
        "call it",
        "titled",
        "project name:",
        "project name is",
        "the name is",
        "под названием",
        "с названием",
        "называется",
        "назови его",
        "назови",
        "назвать",
        "по имени",
        "имя проекта",
        "название проекта",
        "название:",
        "project:",
        "проект:",
    ];
    let low = lower(text);
    // Lower case may change the length of exotic letters; such a text is taken as it is.
    let low = if low.len() == text.len() { low } else { text.to_owned() };
    let (start, at) = BEFORE
        .iter()
        .filter_map(|word| {
            let found = low.find(word)?;
            let before = low[..found].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            let after = low[found + word.len()..].chars().next().is_some_and(|c| !c.is_alphanumeric());
            (before && after).then_some((found, found + word.len()))
        })
        .min()?;
    let rest = text.get(at..)?.trim_start_matches([' ', ':', '-', '—', '–']);
    let from = text.len() - rest.len();
    let quoted =
        [('"', '"'), ('«', '»'), ('“', '”'), ('\'', '\''), ('„', '“'), ('`', '`')].iter().find_map(|(open, close)| {
            rest.strip_prefix(*open).and_then(|rest| rest.split_once(*close)).map(|(name, _)| name)
        });
    if let Some(name) = quoted {
        let end = from + rest.chars().next().map_or(0, char::len_utf8) + name.len();
        let end = end + text[end..].chars().next().map_or(0, char::len_utf8);
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        return (!name.is_empty() && name.chars().count() <= MAX_TITLE && !name.chars().any(char::is_control))
            .then_some((name, start..end));
    }
    let mut words = rest.split_whitespace();
    let first = words.next()?;
    // `a column called price` names no project: without quotes or a capital, the project itself must be called so.
    let sure = [
        "name it",
        "call it",
        "project name:",
        "project name is",
        "назови",
        "назови его",
        "имя проекта",
        "название проекта",
        "project:",
        "проект:",
    ];
    let told = sure.contains(&low[start..at].trim())
        || low[..start].split_whitespace().next_back().is_some_and(|word| APPS.contains(&word));
    if !told && !first.starts_with(char::is_uppercase) {
        return None;
    }
    let clean = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let mut name = clean(first);
    let mut end = from + first.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
    let capital = |word: &str| word.starts_with(char::is_uppercase);
    if capital(first) && first.ends_with(|c: char| c.is_alphanumeric()) {
        for word in words.take(2).take_while(|word| capital(word)) {
            name.push(' ');
            name.push_str(&clean(word));
            end = text[end..].find(&clean(word)).map_or(end, |found| end + found + clean(word).len());
            if !word.ends_with(|c: char| c.is_alphanumeric()) {
                break;
            }
        }
    }
    let fits = name.chars().any(char::is_alphabetic)
        && name.chars().count() <= MAX_TITLE
        && !name.chars().any(char::is_control);
    fits.then_some((name, start..end))
}

/// A valid project name as near to the text as can be.
pub(super) fn project_name(text: &str) -> Option<ProjectName> {
    let latin = transliterate(text);
    let mut out = String::new();
    for word in latin.split('_').filter(|word| !word.is_empty()) {
        if out.len() + word.len() + 1 > 40 {
            break;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(word);
    }
    ProjectName::parse(&out).or_else(|_| ProjectName::parse(&format!("{out}-app"))).ok()
}

/// The name that what the project is about gives it.
pub(super) fn derived(
    draft: &Draft,
    models: &[Model],
    renames: &[(String, String)],
    modules: &[Module],
) -> Option<ProjectName> {
    let own = |model: &Model| {
        let new = renames.iter().find(|(from, _)| from == model.name.as_str());
        new.and_then(|(_, to)| ModelName::parse(to).ok()).unwrap_or_else(|| model.name.clone())
    };
    let by_head = draft.heads.iter().enumerate().find_map(|(nth, (np, _))| {
        // `API for a reading list`: what follows says more than the API alone.
        let bare = nth == 0 && np.nouns.iter().all(|noun| app_of(noun).is_some_and(|app| app.models.is_empty()));
        let next = draft.heads.get(1).filter(|(next, _)| bare && next.nouns.len() + usize::from(is_domain(next)) > 1);
        let suffix = np.head().and_then(app_of).map_or("", |app| app.suffix);
        let further = next.and_then(|(next, _)| head_name(next, models, &own, false));
        match further {
            Some(name) if matches!(suffix, "api" | "bot") => Some(format!("{name}_{suffix}")),
            Some(name) => Some(name),
            None => head_name(np, models, &own, nth == 0),
        }
    });
    let bot = modules.contains(&Module::TelegramBot);
    let name = by_head.unwrap_or_else(|| {
        let main = models.iter().find(|model| !is_minor(model.name.as_str())).or(models.first());
        let base = main.map_or_else(|| "project".to_owned(), |model| own(model).plural_snake());
        if bot { format!("{base}_bot") } else { base }
    });
    project_name(&name)
}

/// Whether a phrase names a domain that says what a project keeps.
fn is_domain(np: &NounPhrase) -> bool {
    np.nouns.iter().filter_map(app_of).any(|app| !app.models.is_empty())
}

fn is_minor(model: &str) -> bool {
    lexicon().model(model).is_some_and(|at| {
        let entry = lexicon().entity(at);
        entry.is_classifier() || entry.is_role() || entry.is_part()
    })
}

/// `notes API` → `notes_api`, `учёт личных финансов` → `personal-finance`.
fn head_name(np: &NounPhrase, models: &[Model], own: &dyn Fn(&Model) -> ModelName, first: bool) -> Option<String> {
    let apps: Vec<_> = np.nouns.iter().filter_map(app_of).collect();
    let suffix = apps.iter().filter(|app| app.models.is_empty() || app.name == "booking").map(|app| app.suffix);
    let suffix = suffix.into_iter().find(|suffix| !suffix.is_empty()).unwrap_or_default();
    let domain =
        np.nouns.iter().find(|noun| app_of(noun).is_some_and(|app| !app.models.is_empty() && app.name != "booking"));
    let latin =
        np.nouns.iter().all(|noun| !noun.cyrillic && (noun.senses.field.is_none() || noun.senses.entity.is_some()));
    let canonical = domain.is_some_and(|noun| match app_of(noun).map(|app| app.name) {
        Some("todo-list") => noun.lower.contains("do"),
        name => matches!(name, Some("short-links" | "crm")),
    });
    if latin && !canonical && np.nouns.iter().map(|noun| noun.words).sum::<usize>() <= 4 {
        let words: Vec<String> = np
            .nouns
            .iter()
            .filter(|noun| app_of(noun).is_none_or(|app| !app.models.is_empty() || !app.suffix.is_empty()))
            .map(|noun| noun.lower.replace(' ', "_"))
            .collect();
        let alone = suffix.is_empty() && domain.is_none();
        if words.len() > usize::from(!suffix.is_empty()) {
            let name = words.join("_");
            return Some(if alone && !name.ends_with("ing") {
                plural(&crate::domain::inflect::singular(&name))
            } else {
                name
            });
        }
    }
    if let Some(noun) = domain {
        let app = app_of(noun)?;
        let base = if app.suffix.is_empty() { app.name } else { app.suffix };
        let rest = np.nouns.iter().any(|other| other.surface != noun.surface && app_of(other).is_some());
        return Some(match suffix {
            end @ ("bot" | "api") if rest && !base.ends_with(end) => format!("{base}-{end}"),
            _ => base.to_owned(),
        });
    }
    let tables = lexicon();
    let mut words: Vec<String> = Vec::new();
    for noun in np.nouns.iter().filter(|noun| app_of(noun).is_none()) {
        let latin = !noun.cyrillic;
        if latin {
            words.push(noun.lower.replace(' ', "_"));
        } else if let Some(at) = noun.senses.gloss {
            words.push(tables.gloss[usize::from(at)].to_owned());
        } else if let Some(at) = noun.senses.entity {
            words.push(crate::domain::inflect::snake_case(tables.entity(at).model));
        } else if !is_adjective(noun) {
            words.push(tables.english(&noun.key, &nominative(&noun.lower)));
        }
    }
    let russian = np.nouns.iter().any(|noun| noun.cyrillic);
    // `учёт посещаемости студентов`: what follows in Russian goes before in English; an adjective stands before in both.
    if russian && np.nouns.iter().filter(|noun| app_of(noun).is_none()).all(|noun| noun.senses.entity.is_some()) {
        words.reverse();
    }
    if words.is_empty() {
        let thing = models.iter().find(|model| !is_minor(model.name.as_str()))?;
        if suffix.is_empty() || !first {
            return None;
        }
        let name = own(thing);
        return Some(format!(
            "{}_{suffix}",
            if matches!(suffix, "api" | "bot") { name.plural_snake() } else { name.snake() }
        ));
    }
    words.truncate(3);
    let mut base = words.join("_");
    if suffix.is_empty() || (russian && matches!(suffix, "api" | "bot")) {
        base = plural(&crate::domain::inflect::singular(&base));
    } else if !matches!(suffix, "api" | "bot") {
        base = crate::domain::inflect::singular(&base);
    }
    Some(if suffix.is_empty() || base.ends_with(suffix) { base } else { format!("{base}_{suffix}") })
}

/// The title for people: how the text itself names the project, or what it keeps.
pub(super) fn title(text: &str, chunks: &[Chunk], name: &ProjectName, models: &[Model], language: Language) -> String {
    let skip = chunks
        .iter()
        .take_while(|chunk| {
            !matches!(chunk.kind, Kind::Word | Kind::Number)
                || ((is_noise(chunk)
                    || chunk.is_light()
                    || chunk.is_plain_verb()
                    || chunk.is(Class::To)
                    || chunk.is(Class::For)
                    || chunk.is(Class::Entities))
                    && !chunk.has_noun_sense())
        })
        .count();
    let mut body: Vec<&Chunk> = chunks[skip..]
        .iter()
        .take_while(|chunk| {
            matches!(chunk.kind, Kind::Word | Kind::Number)
                && !is_marker(chunk)
                && !chunk.is(Class::Conj)
                && !chunk.is(Class::Pron)
                && !chunk.is(Class::Modal)
        })
        .collect();
    // Emoji and the like end a title; quotes and blanks do not.
    let letters: Vec<char> = text.chars().collect();
    let apart = |pair: &[&Chunk]| {
        let between = letters.get(pair[0].span.1..pair[1].span.0).unwrap_or_default();
        between.iter().any(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && !"«»“”„—–’".contains(*c))
    };
    if let Some(cut) = body.windows(2).position(apart) {
        body.truncate(cut + 1);
    }
    while body.last().is_some_and(|last| !last.is_noun_like()) {
        body.pop();
    }
    let generic = |chunk: &Chunk| app_of(chunk).is_some_and(|app| app.models.is_empty());
    let role = |chunk: &Chunk| chunk.senses.entity.is_some_and(|at| lexicon().entity(at).is_role());
    let nouns: Vec<&&Chunk> = body.iter().filter(|chunk| chunk.is_noun_like()).collect();
    let told = nouns.iter().any(|chunk| chunk.has_noun_sense()) && !nouns.iter().all(|c| generic(c) || role(c));
    if let (true, Some(first), Some(last)) = (told, body.first(), body.last()) {
        let title: String = text.chars().skip(first.span.0).take(last.span.1.saturating_sub(first.span.0)).collect();
        let quotes = |c: char| matches!(c, '"' | '`' | '*' | '_' | '«' | '»' | '“' | '”' | '„');
        let title = title.replace(quotes, " ").split_whitespace().collect::<Vec<_>>().join(" ");
        if (3..=MAX_TITLE).contains(&title.chars().count()) && !title.chars().any(char::is_control) {
            return capitalized(
                title.strip_prefix("бота ").map_or(title.clone(), |rest| format!("бот {rest}")).as_str(),
            );
        }
    }
    let main = models.iter().find(|model| !is_minor(model.name.as_str())).or(models.first());
    match (language, main.and_then(|model| model.description.clone())) {
        (Language::Ru, Some(description)) => description,
        _ => capitalized(&name.as_str().replace('-', " ")),
    }
}
