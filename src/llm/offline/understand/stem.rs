//! Word forms: one key for all forms of a word, and a dictionary form for words nobody listed.
//!
//! The Russian part strips the endings of nouns and adjectives, as Snowball does, and adds one rule for vowels that
//! come and go (`заметка` – `заметок`), so that every case and number of a word has the same key. Verbs have a key of
//! their own, for nouns such as `журнал` and `план` look like verbs. It is no dictionary: [`nominative`] guesses
//! from the ending, which is enough for a name in code.

use crate::domain::inflect::singular;

/// Whether the word is written in Cyrillic.
#[must_use]
pub(super) fn is_cyrillic(word: &str) -> bool {
    word.chars().any(|c| ('а'..='я').contains(&c) || ('А'..='Я').contains(&c) || c == 'ё' || c == 'Ё')
}

/// Lower case, with `ё` spelled `е`.
#[must_use]
pub(super) fn lower(word: &str) -> String {
    word.chars().flat_map(char::to_lowercase).map(|c| if c == 'ё' { 'е' } else { c }).collect()
}

/// The key under which all forms of a lower-case word are found.
#[must_use]
pub(super) fn key(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    push_key(word, &mut out);
    out
}

/// Appends the key of a lower-case word.
pub(super) fn push_key(word: &str, out: &mut String) {
    if word.is_ascii() {
        match word {
            "is" | "has" | "was" | "as" | "its" | "this" | "us" | "does" | "yes" | "news" | "ios" => out.push_str(word),
            // Few plurals do without an `s`; asking for them all costs most of the time.
            "people" | "children" | "men" | "women" | "mice" | "geese" | "feet" | "teeth" | "data" | "criteria" => {
                out.push_str(&singular(word));
            }
            _ if word.ends_with('s') => out.push_str(&singular(word)),
            _ => out.push_str(word),
        }
    } else if is_cyrillic(word) {
        push_stem(word, out);
    } else {
        out.push_str(word);
    }
}

/// Whether an English word looks like a plural.
#[must_use]
pub(super) fn is_english_plural(word: &str) -> bool {
    word.is_ascii() && word.len() > 2 && singular(word) != word
}

/// Whether a Russian form is certainly, or by its usual reading, a plural.
#[must_use]
pub(super) fn is_russian_plural(word: &str) -> bool {
    const SURE: &[&str] = &["ами", "ями", "ах", "ях", "ам", "ям", "ов", "ев", "ы", "ок", "ек", "ьи", "ии"];
    SURE.iter().any(|end| word.ends_with(end) && word.chars().count() > end.chars().count() + 2)
        || (word.ends_with('и') && word.chars().count() > 3)
        || (word.ends_with("ей") && word.chars().count() > 4)
        || matches!(word, "люди" | "людей" | "дети" | "детей" | "друзья" | "товара" | "слова" | "дела" | "счета")
}

const VOWELS: &str = "аеиоуыэюя";

fn is_vowel(c: char) -> bool {
    VOWELS.contains(c)
}

fn strip<'a>(word: &'a str, from: usize, endings: &[&str]) -> Option<&'a str> {
    let last = *word.as_bytes().last()?;
    let fits =
        |end: &&&str| end.as_bytes().last() == Some(&last) && word.len() >= from + end.len() && word.ends_with(**end);
    endings.iter().filter(fits).max_by_key(|end| end.len()).map(|end| &word[..word.len() - end.len()])
}

const ADJECTIVE: &[&str] = &[
    "ее", "ие", "ые", "ое", "ими", "ыми", "ей", "ий", "ый", "ой", "ем", "им", "ым", "ом", "его", "ого", "ему", "ому",
    "их", "ых", "ую", "юю", "ая", "яя", "ою", "ею",
];
const VERB: &[&str] = &[
    "ть",
    "ти",
    "л",
    "ла",
    "ло",
    "ли",
    "ю",
    "ет",
    "ют",
    "ит",
    "ят",
    "ут",
    "ат",
    "ем",
    "им",
    "ете",
    "ите",
    "ешь",
    "ишь",
    "й",
    "йте",
    "и",
    "ть",
    "ать",
    "ять",
    "ить",
    "еть",
    "ает",
    "яет",
    "ают",
    "яют",
    "ал",
    "ил",
    "ала",
    "ила",
    "али",
    "или",
    "ай",
    "айте",
    "яй",
    "яйте",
    "аю",
    "яю",
    "аем",
    "яем",
    "аешь",
    "ует",
    "уют",
    "уй",
    "ую",
    "овать",
    "уем",
];
const NOUN: &[&str] = &[
    "а", "ев", "ов", "ие", "ье", "е", "иями", "ями", "ами", "еи", "ии", "и", "ией", "ей", "ой", "ий", "й", "иям", "ям",
    "ием", "ем", "ам", "ом", "о", "у", "ах", "иях", "ях", "ы", "ь", "ию", "ью", "ю", "ия", "ья", "я",
];

/// Stems that look as if they had an ending.
const WHOLE: &[&str] = &["прием", "альбом", "диплом", "объем", "режим", "музей", "остров", "перелом", "улов"];

/// Appends the stem of a lower-case Russian noun or adjective.
fn push_stem(word: &str, out: &mut String) {
    match word {
        "имя" => return out.push_str("имен"),
        "время" => return out.push_str("времен"),
        "дня" | "дни" | "дней" | "дню" | "днем" => return out.push_str("ден"),
        _ => {}
    }
    if word.chars().take(3).count() < 3 {
        return out.push_str(word);
    }
    let whole =
        WHOLE.iter().find(|stem| word.strip_prefix(**stem).is_some_and(|end| end.is_empty() || NOUN.contains(&end)));
    if let Some(whole) = whole {
        return out.push_str(whole);
    }
    let Some((at, first)) = word.char_indices().find(|(_, c)| is_vowel(*c)) else {
        return out.push_str(word);
    };
    let rv = at + first.len_utf8();
    let mut stem = strip(word, rv, ADJECTIVE).or_else(|| strip(word, rv, NOUN)).unwrap_or(word);
    for soft in ['и', 'ь'] {
        if stem.len() > rv {
            stem = stem.strip_suffix(soft).unwrap_or(stem);
        }
    }
    if stem.ends_with("нн") {
        stem = &stem[..stem.len() - 'н'.len_utf8()];
    }
    settle(stem, out);
}

/// The key of a Russian verb: what all its usual forms begin with.
#[must_use]
pub(super) fn verb_key(word: &str) -> Option<String> {
    let word = word.strip_suffix("ся").or_else(|| word.strip_suffix("сь")).unwrap_or(word);
    let cut = strip(word, 0, VERB).filter(|cut| cut.chars().count() > 2)?;
    Some(format!("v:{}", cut.trim_end_matches(is_vowel)))
}

/// `заметок` and `заметк`, `владелец` and `владельц` meet in one spelling, which is appended.
fn settle(stem: &str, out: &mut String) {
    let mut letters = stem.chars().rev();
    let (Some(last @ ('к' | 'ц')), Some(before), Some(third)) = (letters.next(), letters.next(), letters.next())
    else {
        return out.push_str(stem);
    };
    let kept = &stem[..stem.len() - last.len_utf8()];
    let kept = match before {
        'ь' => kept.strip_suffix('ь').unwrap_or(kept),
        'о' | 'е' if !is_vowel(third) => {
            let kept = kept.strip_suffix(before).unwrap_or(kept);
            kept.strip_suffix('ь').unwrap_or(kept)
        }
        _ => kept,
    };
    out.push_str(kept);
    out.push(last);
}

/// A guess at the nominative singular of a Russian noun nobody listed.
#[must_use]
pub(super) fn nominative(word: &str) -> String {
    const RULES: &[(&str, &str)] = &[
        ("остями", "ость"),
        ("остей", "ость"),
        ("ости", "ость"),
        ("остью", "ость"),
        ("ениями", "ение"),
        ("ениях", "ение"),
        ("ениям", "ение"),
        ("ением", "ение"),
        ("ений", "ение"),
        ("ения", "ение"),
        ("ению", "ение"),
        ("ании", "ание"),
        ("аниями", "ание"),
        ("аний", "ание"),
        ("ания", "ание"),
        ("анием", "ание"),
        ("ицами", "ица"),
        ("ицы", "ица"),
        ("ицей", "ица"),
        ("ицу", "ица"),
        ("иц", "ица"),
        ("иями", "ия"),
        ("иях", "ия"),
        ("ией", "ия"),
        ("ии", "ия"),
        ("ию", "ия"),
        ("ками", "ка"),
        ("ках", "ка"),
        ("кой", "ка"),
        ("ку", "ка"),
        ("ами", ""),
        ("ями", "ь"),
        ("ках", "ка"),
        ("ов", ""),
        ("ев", "й"),
        ("ей", "ь"),
        ("ом", ""),
        ("ем", ""),
        ("ам", ""),
        ("ям", "ь"),
    ];
    let letters = word.chars().count();
    if letters < 5 {
        return word.to_owned();
    }
    let mut stem_and_end = RULES
        .iter()
        .filter(|(end, _)| word.ends_with(end) && letters > end.chars().count() + 2)
        .max_by_key(|(end, _)| end.len())
        .map(|(end, with)| format!("{}{with}", &word[..word.len() - end.len()]));
    if stem_and_end.is_none() {
        stem_and_end = word.strip_suffix('ы').map(str::to_owned).or_else(|| {
            let stem = word.strip_suffix('и')?;
            let end = stem.chars().rev().take(2).collect::<Vec<_>>();
            let vowel = match end.as_slice() {
                ['к', before] if !is_vowel(*before) => "а",
                ['к' | 'г' | 'х' | 'ч' | 'ш' | 'щ' | 'ж', ..] => "",
                _ => "ь",
            };
            Some(format!("{stem}{vowel}"))
        });
    }
    stem_and_end.unwrap_or_else(|| word.to_owned())
}

/// Russian letters in Latin ones; anything else that is no letter or digit becomes `_`.
#[must_use]
pub(super) fn transliterate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        let latin = match c {
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' => "g",
            'д' => "d",
            'е' | 'ё' | 'э' => "e",
            'ж' => "zh",
            'з' => "z",
            'и' => "i",
            'й' | 'ы' => "y",
            'к' => "k",
            'л' => "l",
            'м' => "m",
            'н' => "n",
            'о' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' => "u",
            'ф' => "f",
            'х' => "kh",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "shch",
            'ъ' | 'ь' => "",
            'ю' => "yu",
            'я' => "ya",
            c if c.is_ascii_alphanumeric() => {
                out.push(c);
                continue;
            }
            _ if out.is_empty() || out.ends_with('_') => continue,
            _ => "_",
        };
        out.push_str(latin);
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cases_of_a_word_share_a_key() {
        for forms in [
            "заметка заметки заметок заметкам заметками заметке заметку заметкой",
            "сделка сделки сделок сделкам сделками",
            "остаток остатки остатков остатками",
            "категория категории категорий категориям категориями категориях",
            "поставщик поставщики поставщиков поставщиками",
            "владелец владельца владельцы владельцев владельцами",
            "пользователь пользователи пользователей пользователями",
            "запись записи записей записями",
            "товар товары товаров товарами товарах",
            "карточка карточек карточками",
            "сотрудник сотрудника сотрудники сотрудников",
            "новый новая новое новые новым",
            "описание описания описанием описаний",
            "книга книги книг книгами",
            "приём приёмы приёма приёмом приёмов",
            "журнал журнала журналы журналов",
            "план планы планов планами",
            "отзыв отзывы отзывов",
        ] {
            let keys: Vec<String> = forms.split(' ').map(|form| key(&lower(form))).collect();
            assert!(keys.iter().all(|k| *k == keys[0]), "{forms}: {keys:?}");
        }
        assert_ne!(key("поставка"), key("поставщик"));
        assert_ne!(key("должность"), key("должны"));
        assert_ne!(key("ии"), key("и"));
        assert_eq!(verb_key("создают"), verb_key("создавать").map(|_| "v:созд".to_owned()));
    }

    #[test]
    fn unlisted_nouns_come_back_to_a_dictionary_form() {
        for (form, base) in [
            ("кроликов", "кролик"),
            ("теплицы", "теплица"),
            ("ссылками", "ссылка"),
            ("скоростью", "скорость"),
            ("наблюдения", "наблюдение"),
            ("дроны", "дрон"),
        ] {
            assert_eq!(nominative(form), base);
        }
        assert_eq!(transliterate("ёжик-щит"), "ezhik_shchit");
    }
}
