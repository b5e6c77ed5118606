//! The templates of descriptions in both languages.

use super::words::{AMBIGUOUS, EN_WORDS};
use super::{Case, Dice, Expected, Fill, plain};

pub(super) const ENGLISH: &[&str] = &[
    "with",
    "parentheses",
    "colon",
    "have",
    "each has",
    "two with",
    "two with and",
    "semicolons",
    "title with",
    "title parentheses",
    "title bare",
    "have many",
    "have with",
    "chain",
    "belong",
    "each belongs",
    "their",
    "and their",
    "of",
    "possessive",
    "status colon",
    "status bar",
    "status parentheses",
    "optional",
    "optional before",
    "api for",
    "wish",
    "bullets",
    "lines",
    "sentences",
    "actions",
];
pub(super) const RUSSIAN: &[&str] = &[
    "with",
    "parentheses",
    "colon",
    "have",
    "two with",
    "semicolons",
    "title with",
    "title parentheses",
    "title bare",
    "have many",
    "their",
    "status",
    "status parentheses",
    "optional",
    "api for",
    "wish",
    "bullets",
    "lines",
    "sentences",
];

/// A description by one of the English templates.
#[expect(clippy::too_many_lines, clippy::many_single_char_names, reason = "one arm for each template")]
pub(super) fn english(kind: &str, fill: &Fill, dice: &mut Dice) -> Case {
    let (a, b, c) = (fill.many(0), fill.many(1), fill.many(2));
    let (one, other) = (fill.one(0), fill.one(1));
    let wish =
        dice.one(&["I need to keep", "I want to track", "We need to store", "Track", "Store", "I'd like to record"]);
    match kind {
        "with" => fill.case(format!("{a} {}", fill.with(0)), 1, &[]),
        "parentheses" => fill.case(format!("{a} ({})", fill.list(0)), 1, &[]),
        "colon" => {
            let name = if one == "project" || AMBIGUOUS.contains(&a) { a } else { dice.one(&[a, one]) };
            fill.case(format!("{}: {}", Fill::upper(name), fill.list(0)), 1, &[])
        }
        "have" => fill.case(format!("{} have {}.", Fill::upper(a), fill.listed(0)), 1, &[]),
        "each has" => fill.case(format!("Each {one} has {}.", fill.listed(0)), 1, &[]),
        "two with" => fill.case(format!("{a} {}, {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "two with and" => fill.case(format!("{a} {}, and {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "semicolons" => {
            let mut case = fill.case(format!("{a} {}; {b} {}; {c}", fill.with(0), fill.with(1)), 2, &[]);
            case.wants.push(fill.bare(2));
            case
        }
        "title with" => fill.case(
            format!("{}: {a} {}, {b} {}, {c} {}", fill.title, fill.with(0), fill.with(1), fill.with(2)),
            3,
            &[],
        ),
        "title parentheses" => fill.case(
            format!("{}: {a} ({}), {b} ({}), {c} ({})", fill.title, fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[],
        ),
        "title bare" => {
            let text = format!("{}: {a} {}, {b}, {c}", fill.title, fill.with(0));
            let mut case = fill.case(text, 1, &[]);
            case.wants.extend([fill.bare(1), fill.bare(2)]);
            case
        }
        "have many" => fill.case(
            format!(
                "{} {}. {} have many {b}. {} have {}.",
                Fill::upper(a),
                fill.with(0),
                Fill::upper(a),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "have with" => {
            let mut case = fill.case(format!("{a} have {b} {}", fill.with(1)), 2, &[(1, 0)]);
            case.wants[0] = fill.bare(0);
            case
        }
        "chain" => {
            let mut case =
                fill.case(format!("{}: {a} have {b}, {b} have {c} {}", fill.title, fill.with(2)), 3, &[(1, 0), (2, 1)]);
            case.wants[0] = fill.bare(0);
            case.wants[1] = fill.bare(1);
            case
        }
        "belong" => fill.case(format!("{a} {}; {b} {}; {b} belong to {a}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "each belongs" => fill.case(
            format!(
                "There are {a} and {b}. Each {one} has {}. Each {other} has {} and belongs to a {one}.",
                fill.listed(0),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "their" => fill.case(
            format!(
                "I run a small place. {wish} {a} ({}), their {b} ({}) and {c} {}",
                fill.list(0),
                fill.list(1),
                fill.with(2)
            ),
            3,
            &[(1, 0)],
        ),
        "and their" => fill.case(
            format!(
                "API for {a} and their {b}. {} have {}. {} have {}.",
                Fill::upper(a),
                fill.listed(0),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[(1, 0)],
        ),
        "of" => fill.case(format!("{a} {}; {b} of {a} {}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "possessive" => fill.case(format!("{a} {}; {one}'s {b} {}", fill.with(0), fill.with(1)), 2, &[(1, 0)]),
        "status colon" => fill.status(
            format!("{a} {} and status: new, active, done", fill.with(0).replace(" and ", ", ")),
            "new|active|done",
        ),
        "status bar" => fill
            .status(format!("{a} {} and status (low|mid|high)", fill.with(0).replace(" and ", ", ")), "low|mid|high"),
        "status parentheses" => fill.status(
            format!("{}: {a} ({}, status: open, paused, closed)", fill.title, fill.list(0)),
            "open|paused|closed",
        ),
        "optional" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{a} with {}, {} (optional) and {} (unique)", words[0].0, "alias", "tail number"),
                1,
                &[],
            );
            case.wants[0].fields = Some(plain(&words[..1]));
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "alias".into(), ty: "-".into(), optional: true, unique: false });
                fields.push(Expected { name: "tail_number".into(), ty: "-".into(), optional: false, unique: true });
            }
            case
        }
        "optional before" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{wish} {a} with {}, unique {} and optional {}", words[0].0, "code", "nickname"),
                1,
                &[],
            );
            case.wants[0].fields = Some(plain(&words[..1]));
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "code".into(), ty: "-".into(), optional: false, unique: true });
                fields.push(Expected { name: "nickname".into(), ty: "-".into(), optional: true, unique: false });
            }
            case
        }
        "api for" => fill.case(format!("API for {a} {}", fill.with(0)), 1, &[]),
        "wish" => fill.case(format!("{wish} {a} {}, and {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "bullets" => {
            let (x, y) = if dice.roll(2) == 0 {
                (format!("{}: {}", Fill::upper(a), fill.list(0)), format!("{}: {}", Fill::upper(b), fill.list(1)))
            } else {
                (format!("{a} {}", fill.with(0)), format!("{b} ({})", fill.list(1)))
            };
            let marks = dice.one(&[["- ", "- "], ["* ", "* "], ["1. ", "2. "]]);
            fill.case(format!("{}:\n{}{x}\n{}{y}\n", fill.title, marks[0], marks[1]), 2, &[])
        }
        "lines" => {
            let [one, other] = [(one, a), (other, b)].map(|(one, many)| if one == "apiary" { many } else { one });
            let lines = |at: usize| format!("- {}\n", fill.alone(at).join("\n- "));
            fill.case(format!("{}:\n{}\n{}:\n{}", Fill::upper(one), lines(0), Fill::upper(other), lines(1)), 2, &[])
        }
        "sentences" => fill.case(
            format!(
                "{}. {} have {}. {} have {}.",
                fill.title,
                Fill::upper(a),
                fill.listed(0),
                Fill::upper(b),
                fill.listed(1)
            ),
            2,
            &[],
        ),
        _ => {
            let last = dice.one(&[
                "Export to CSV.",
                "Search by name.",
                "Weekly report.",
                "I want to export everything to CSV.",
            ]);
            let mut words = fill.words[0].clone();
            words.retain(|word| word.0 != "name");
            words.insert(0, EN_WORDS[0]);
            let fill = Fill { words: vec![words, fill.words[1].clone()], nouns: fill.nouns.clone(), ..*fill };
            fill.case(format!("{} {}, {b} {}. {last}", Fill::upper(a), fill.with(0), fill.with(1)), 2, &[])
        }
    }
}

/// A description by one of the Russian templates.
#[expect(clippy::too_many_lines, reason = "one arm for each template")]
pub(super) fn russian(kind: &str, fill: &Fill, dice: &mut Dice) -> Case {
    let (a, b, c) = (fill.many(0), fill.many(1), fill.many(2));
    let (one, other) = (fill.one(0), fill.one(1));
    let wish = dice.one(&["Нужно хранить", "Хочу вести", "Надо учитывать", "Нужен сервис, чтобы хранить"]);
    match kind {
        "with" => fill.case(format!("{a} {}", fill.with(0)), 1, &[]),
        "parentheses" => fill.case(format!("{a} ({})", fill.list(0)), 1, &[]),
        "colon" => {
            let name = if one == "проект" { a } else { dice.one(&[a, one]) };
            fill.case(format!("{}: {}", Fill::upper(name), fill.list(0)), 1, &[])
        }
        "have" => fill.case(format!("У {} есть {}.", fill.of(0), fill.listed(0)), 1, &[]),
        "two with" => fill.case(format!("{a} {}, {b} {}", fill.with(0), fill.with(1)), 2, &[]),
        "semicolons" => {
            let mut case = fill.case(format!("{a} {}; {b} {}; {c}", fill.with(0), fill.with(1)), 2, &[]);
            case.wants.push(fill.bare(2));
            case
        }
        "title with" => fill.case(
            format!("{}: {a} {}, {b} {}, {c} {}", fill.title, fill.with(0), fill.with(1), fill.with(2)),
            3,
            &[],
        ),
        "title parentheses" => fill.case(
            format!("{}: {a} ({}), {b} ({}), {c} ({})", fill.title, fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[],
        ),
        "title bare" => {
            let mut case = fill.case(format!("{}: {a} {}, {b}, {c}", fill.title, fill.with(0)), 1, &[]);
            case.wants.extend([fill.bare(1), fill.bare(2)]);
            case
        }
        "have many" => fill.case(
            format!(
                "{} ({}), {b} ({}). У {} много {}.",
                Fill::upper(a),
                fill.list(0),
                fill.list(1),
                fill.of(0),
                fill.nouns[1].0[3]
            ),
            2,
            &[(1, 0)],
        ),
        "their" => fill.case(
            format!("{wish} {a} ({}), их {b} ({}) и {c} ({})", fill.list(0), fill.list(1), fill.list(2)),
            3,
            &[(1, 0)],
        ),
        "status" => fill.status(
            format!("{a} {}, статус: новый, в работе, готов", fill.with(0).replace(" и ", ", ")),
            "new|in_progress|done",
        ),
        "status parentheses" => fill.status(
            format!("{}: {a} ({}, статус: новый, в работе, готов)", fill.title, fill.list(0)),
            "new|in_progress|done",
        ),
        "optional" => {
            let words = &fill.words[0];
            let mut case = fill.case(
                format!("{}: {}, почта (необязательно), код (уникальный)", Fill::upper(a), words[0].0),
                1,
                &[],
            );
            case.wants[0].fields = Some(plain(&words[..1]));
            if let Some(fields) = &mut case.wants[0].fields {
                fields.push(Expected { name: "email".into(), ty: "email".into(), optional: true, unique: false });
                fields.push(Expected { name: "code".into(), ty: "-".into(), optional: false, unique: true });
            }
            case
        }
        "api for" => fill.case(format!("API для {}: {}", fill.nouns[0].0[3], fill.list(0)), 1, &[]),
        "wish" => fill.case(format!("{wish} {a} ({}) и {b} ({})", fill.list(0), fill.list(1)), 2, &[]),
        "bullets" => {
            let marks = dice.one(&[["- ", "- "], ["* ", "* "], ["1. ", "2. "]]);
            fill.case(
                format!(
                    "{}:\n{}{}: {}\n{}{b} ({})\n",
                    fill.title,
                    marks[0],
                    Fill::upper(a),
                    fill.list(0),
                    marks[1],
                    fill.list(1)
                ),
                2,
                &[],
            )
        }
        "lines" => {
            let lines = |at: usize| format!("- {}\n", fill.alone(at).join("\n- "));
            fill.case(format!("{}:\n{}\n{}:\n{}", Fill::upper(one), lines(0), Fill::upper(other), lines(1)), 2, &[])
        }
        _ => fill.case(
            format!(
                "{}. У {} есть {}. У {} есть {}. Выгрузка в CSV.",
                fill.title,
                fill.of(0),
                fill.listed(0),
                fill.of(1),
                fill.listed(1)
            ),
            2,
            &[],
        ),
    }
}
