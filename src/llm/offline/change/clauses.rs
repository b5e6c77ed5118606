//! A wish cut into clauses, each with what it wants done: `add`, `remove`, `rename`, `make`, or a plain statement.

/// What a clause wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Something new.
    Add,
    /// Something less.
    Remove,
    /// Another name.
    Rename,
    /// Another property: required, optional, unique.
    Make,
    /// Nothing of that: it says how things are to be.
    State,
}

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// What it wants done.
    pub verb: Verb,
    /// What stands before the verb, such as `to tasks`.
    pub before: String,
    /// What follows the verb.
    pub rest: String,
    /// The clause as it was written.
    pub whole: String,
}

const VERBS: &[(Verb, &[&str])] = &[
    (
        Verb::Add,
        &[
            "add",
            "create",
            "introduce",
            "include",
            "append",
            "добавь",
            "добавьте",
            "добавить",
            "добавим",
            "добавляем",
            "создай",
            "создайте",
            "создать",
            "введи",
            "введите",
            "ввести",
            "заведи",
            "заведите",
            "завести",
        ],
    ),
    (
        Verb::Remove,
        &[
            "remove",
            "delete",
            "drop",
            "удали",
            "удалите",
            "удалить",
            "убери",
            "уберите",
            "убрать",
            "выкинь",
            "выкинуть",
        ],
    ),
    (Verb::Rename, &["rename", "переименуй", "переименуйте", "переименовать"]),
    (Verb::Make, &["make", "mark", "сделай", "сделайте", "сделать"]),
];

/// Words that may stand before a verb and mean nothing here.
const POLITE: &[&str] = &[
    "please",
    "also",
    "and",
    "then",
    "now",
    "just",
    "can",
    "could",
    "would",
    "you",
    "we",
    "i",
    "to",
    "need",
    "want",
    "should",
    "let's",
    "lets",
    "пожалуйста",
    "также",
    "ещё",
    "еще",
    "и",
    "а",
    "потом",
    "затем",
    "теперь",
    "нужно",
    "надо",
    "хочу",
    "хотим",
    "можешь",
    "можно",
    "давай",
    "давайте",
    "мне",
    "нам",
];

/// Words before what a clause is about.
pub(super) const PLACES: &[&str] =
    &["to", "for", "in", "into", "on", "of", "from", "к", "ко", "в", "во", "для", "у", "из", "на"];

fn is(word: &str, words: &[&str]) -> bool {
    words.contains(&bare(word).as_str())
}

pub(super) fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase()
}

fn verb(word: &str) -> Option<Verb> {
    let word = bare(word);
    VERBS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(verb, _)| *verb)
}

/// Whether a text opens as a wish for a change, after words of politeness.
pub(super) fn opens_with_verb(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.find(|word| !is(word, POLITE)).is_some_and(|word| verb(word).is_some())
}

/// The clauses of a wish: cut at full stops, line ends, and wherever another verb follows a comma or an `and`.
pub(super) fn clauses(text: &str) -> Vec<Clause> {
    let sentences = text.split(['\n', ';', '!', '?']).flat_map(sentences);
    sentences.flat_map(|sentence| parts(&sentence)).filter_map(|part| clause(&part)).collect()
}

/// Cut at full stops that end a sentence.
fn sentences(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    for word in text.split_whitespace() {
        let last = out.last_mut().expect("there is one");
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word.strip_suffix('.').unwrap_or(word));
        if word.ends_with('.') {
            out.push(String::new());
        }
    }
    out
}

fn parts(sentence: &str) -> Vec<String> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let mut out: Vec<Vec<&str>> = vec![Vec::new()];
    let joins = |word: &str| matches!(bare(word).as_str(), "and" | "then" | "also" | "и" | "а" | "затем" | "потом");
    for (at, word) in words.iter().enumerate() {
        let current = out.last_mut().expect("there is one");
        let after_joint = at > 0 && (words[at - 1].ends_with(',') || joins(words[at - 1]));
        if after_joint && verb(word).is_some() && current.iter().any(|word| verb(word).is_some()) {
            while current.last().is_some_and(|word| joins(word)) {
                current.pop();
            }
            out.push(Vec::new());
        }
        out.last_mut().expect("there is one").push(word);
    }
    out.iter().map(|words| words.join(" ").trim_end_matches(',').to_owned()).collect()
}

fn clause(part: &str) -> Option<Clause> {
    let words: Vec<&str> = part.split_whitespace().collect();
    if words.is_empty() {
        return None;
    }
    // A verb further on belongs to what is described: `users can delete notes`.
    let at = words.iter().take(8).position(|word| verb(word).is_some());
    let placed = at.and_then(|at| {
        let polite = words[..at].iter().take_while(|word| is(word, POLITE) && !is(word, PLACES)).count();
        let opens = polite == at || is(words[polite], PLACES);
        let wants_to = words[polite..at].iter().all(|word| is(word, POLITE));
        opens.then_some((if wants_to { at } else { polite }, at))
    });
    Some(match placed {
        Some((place, at)) => Clause {
            verb: verb(words[at]).expect("found above"),
            before: words[place..at].join(" "),
            rest: words[at + 1..].join(" "),
            whole: part.to_owned(),
        },
        None => Clause { verb: Verb::State, before: String::new(), rest: part.to_owned(), whole: part.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(Verb, String)> {
        clauses(text).into_iter().map(|clause| (clause.verb, clause.rest)).collect()
    }

    #[test]
    fn a_wish_is_cut_where_another_verb_begins() {
        assert_eq!(
            cut("Please add a due date and priority to tasks, and remove body from notes. Rename title to name"),
            [
                (Verb::Add, "a due date and priority to tasks".to_owned()),
                (Verb::Remove, "body from notes".to_owned()),
                (Verb::Rename, "title to name".to_owned()),
            ]
        );
        assert_eq!(
            cut("добавь задачам срок и убери описание"),
            [(Verb::Add, "задачам срок".to_owned()), (Verb::Remove, "описание".to_owned())]
        );
    }

    #[test]
    fn what_only_says_how_things_are_is_no_command() {
        assert_eq!(cut("Users can delete their notes"), [(Verb::State, "Users can delete their notes".to_owned())]);
        assert!(opens_with_verb("could you please add tags"));
        assert!(!opens_with_verb("a notes API with title and add button"));
    }

    #[test]
    fn a_place_may_stand_before_the_verb() {
        let [clause] = &clauses("К задачам добавь срок")[..] else { panic!("one clause") };
        assert_eq!((clause.verb, clause.before.as_str(), clause.rest.as_str()), (Verb::Add, "К задачам", "срок"));
    }
}
