//! Misspelt words: a word nobody listed that is one slip away from a listed one is read as that one, and it is said.
//!
//! Only slips that seldom make another real word count: two letters swapped, a letter missing or doubled in a long
//! word, one vowel for another in a longer one. Real words that come this near to a listed one stand in `REAL`.

use super::lexicon::lexicon;
use super::props::capitalized;
use super::tokens::{Kind, Token};
use crate::domain::inflect::plural;

/// The shortest word, by its key, that may be misspelt.
const MIN_LETTERS: usize = 5;

/// Keys of real words that are one slip away from a listed one.
const REAL: &[&str] = &[
    "backed",
    "bogging",
    "booing",
    "burrowing",
    "cation",
    "coking",
    "compete",
    "competed",
    "complain",
    "compliant",
    "conformed",
    "contrast",
    "cooing",
    "counterpart",
    "county",
    "crating",
    "dairy",
    "deportment",
    "difficult",
    "directer",
    "distract",
    "exorcise",
    "expiation",
    "faring",
    "fertilize",
    "finess",
    "framing",
    "galley",
    "grocer",
    "handing",
    "hosing",
    "inventor",
    "lading",
    "leaned",
    "leaner",
    "leaning",
    "licensee",
    "litter",
    "locution",
    "manger",
    "mediation",
    "meting",
    "minuet",
    "mortgagee",
    "organic",
    "pacing",
    "paining",
    "panning",
    "paring",
    "patent",
    "plating",
    "pointing",
    "poling",
    "posing",
    "potion",
    "potting",
    "preset",
    "proscription",
    "provide",
    "reenter",
    "responsibly",
    "saloon",
    "sighing",
    "signer",
    "singed",
    "sipping",
    "sowing",
    "specie",
    "stared",
    "suppler",
    "tacking",
    "telephony",
    "tittle",
    "tracer",
    "tracing",
    "trail",
    "tricking",
    "trucking",
    "vaccinate",
    "vocation",
    "waning",
    "warrant",
    "witting",
];

/// Reads misspelt words as the listed ones they are nearest to; returns what was read as what.
pub(super) fn correct(tokens: &mut [Token]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for at in 0..tokens.len() {
        let token = &tokens[at];
        let joined = token.joined || tokens.get(at + 1).is_some_and(|next| next.joined);
        let opens = at == 0 || tokens[at - 1].kind != Kind::Word;
        let named = token.surface.starts_with(char::is_uppercase) && !opens;
        let letters = token.key.chars().count();
        if token.kind != Kind::Word
            || joined
            || named
            || !(MIN_LETTERS..=24).contains(&letters)
            || !token.key.chars().all(char::is_alphabetic)
            || lexicon().knows_word(token)
            || REAL.contains(&token.key.as_str())
        {
            continue;
        }
        let Some(meant) = nearest(&token.key) else { continue };
        if lexicon().has_part(&token.key) || lexicon().has_part(&token.lower) {
            continue;
        }
        let word = with_ending(token, meant);
        out.push((token.surface.clone(), word.clone()));
        let token = &mut tokens[at];
        meant.clone_into(&mut token.key);
        token.surface.clone_from(&word);
        token.lower = word;
    }
    out.dedup();
    out
}

/// The one listed word that is a slip away. A swap is the surest sign; two candidates of a kind are no sign at all.
fn nearest(key: &str) -> Option<&'static str> {
    let letters: Vec<char> = key.chars().collect();
    let mut other: Vec<char> = Vec::with_capacity(32);
    let mut best: Option<(Slip, &'static str)> = None;
    let mut unsure = false;
    for candidate in lexicon().words() {
        if candidate.len().abs_diff(key.len()) > 4 || !candidate.starts_with(letters[0]) {
            continue;
        }
        other.clear();
        other.extend(candidate.chars());
        let Some(slip) = slip(&letters, &other) else { continue };
        match best {
            Some((known, _)) if known < slip => {}
            Some((known, _)) if known == slip => unsure = true,
            _ => (best, unsure) = (Some((slip, candidate)), false),
        }
    }
    best.filter(|_| !unsure).map(|(_, word)| word)
}

/// The title with its words spelt as they were read.
pub(super) fn in_title(slips: &[(String, String)], title: String) -> String {
    slips.iter().fold(title, |title, (written, meant)| {
        title.replace(&capitalized(written), &capitalized(meant)).replace(written, meant)
    })
}

/// What went wrong between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slip {
    Swap,
    Letter,
    Sound,
}

fn slip(written: &[char], meant: &[char]) -> Option<Slip> {
    let same = written.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let (rest, wanted) = (&written[same..], &meant[same..]);
    let vowel = |c: &char| "aeiouyаеиоуыэюя".contains(*c);
    match (written.len(), meant.len()) {
        (w, m) if w == m => {
            let swap = rest.len() > 1 && rest[0] == wanted[1] && rest[1] == wanted[0] && rest[2..] == wanted[2..];
            let long = |least: usize| written.len() >= least && !rest.is_empty() && rest[1..] == wanted[1..];
            let latin = rest.first().is_some_and(char::is_ascii);
            let sound = |c: char| "csz".contains(c);
            let vowels = long(if latin { 8 } else { 6 }) && vowel(&rest[0]) && vowel(&wanted[0]);
            let sounds = long(7) && sound(rest[0]) && sound(wanted[0]);
            if swap { Some(Slip::Swap) } else { (vowels || sounds).then_some(Slip::Sound) }
        }
        (w, m) if w + 1 == m && m > if meant[0].is_ascii() { 6 } else { 5 } => {
            (*rest == wanted[1..]).then_some(Slip::Letter)
        }
        (w, m) if w == m + 1 && m > 4 => {
            let doubled = same > 0 && rest[0] == written[same - 1];
            (doubled && rest[1..] == *wanted).then_some(Slip::Letter)
        }
        _ => None,
    }
}

/// The listed word in the form the person used.
fn with_ending(token: &Token, meant: &str) -> String {
    if !token.cyrillic {
        return if token.lower == token.key { meant.to_owned() } else { plural(meant) };
    }
    let last = token.key.chars().next_back().and_then(|last| token.lower.rfind(last).map(|at| at + last.len_utf8()));
    format!("{meant}{}", last.map_or("", |at| &token.lower[at..]))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokenize;
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        correct(&mut tokenize(text, &|_| false))
    }

    #[test]
    fn a_slip_is_read_as_the_listed_word_in_the_same_form() {
        for (written, meant) in [
            ("custmers", "customers"),
            ("emial", "email"),
            ("ordres", "orders"),
            ("catgory", "category"),
            ("calender", "calendar"),
            ("замтеки", "заметки"),
        ] {
            assert_eq!(read(written), [(written.to_owned(), meant.to_owned())]);
        }
    }

    #[test]
    fn real_words_and_names_are_left_alone() {
        for text in
            ["patents", "potions and paintings", "county", "vocation", "drones", "mangers", "clients", "my Emial"]
        {
            assert_eq!(read(text), [], "{text}");
        }
        let idle: Vec<&&str> = REAL.iter().filter(|word| nearest(word).is_none()).collect();
        assert!(idle.is_empty(), "near to nothing, and need not stand here: {idle:?}");
    }
}
