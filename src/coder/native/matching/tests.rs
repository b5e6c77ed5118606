use proptest::prelude::*;

use super::*;

const FILE: &str = "\
class Notes:
    def create(self, title):
        note = Note(title=title)
        self.db.add(note)
        return note

    def remove(self, number):
        note = self.db.get(Note, number)
        self.db.delete(note)
        return None
";

fn edit(search: &str, replace: &str) -> Edit {
    Edit { search: search.to_owned(), replace: replace.to_owned(), all: false }
}

fn one(text: &str, search: &str, replace: &str) -> Result<(String, How), Misfit> {
    apply(text, &[edit(search, replace)]).map(|applied| (applied.text, applied.places[0][0].how))
}

#[test]
fn an_exact_match_is_replaced_byte_by_byte_also_within_a_line() {
    let (text, how) = one(FILE, "Note(title=title)", "Note(title=title.strip())").unwrap();
    assert_eq!((text, how), (FILE.replace("title=title)", "title=title.strip())"), How::Exact));
    let (text, _) = one("a\r\nb\r\n", "b", "c").unwrap();
    assert_eq!(text, "a\r\nc\r\n");
    let (text, _) = one("a\r\nb\r\n", "b", "c\nd").unwrap();
    assert_eq!(text, "a\r\nc\r\nd\r\n", "new lines end as the others do");
}

#[test]
fn white_space_at_the_ends_of_lines_does_not_matter_and_ends_stay_what_they_are() {
    let (text, how) = one("a = 1  \r\nb = 2\r\nc = 3\r\n", "a = 1\nb = 2\n", "a = 2\nx = 0\nb = 3\n").unwrap();
    assert_eq!((text.as_str(), how), ("a = 2\r\nx = 0\r\nb = 3\r\nc = 3\r\n", How::LineEnds));
    let (text, how) = one("a = 1\nb = 2", "a = 1 \nb = 2\n", "b = 3\n").unwrap();
    assert_eq!((text.as_str(), how), ("b = 3", How::LineEnds), "a file without a last line end keeps none");
    let (text, _) = one("a = 1\nb = 2\nc\n", "a = 1 \nb = 2", "").unwrap();
    assert_eq!(text, "c\n");
}

#[test]
fn empty_lines_around_a_search_do_not_add_up() {
    let (text, _) = one("a = 1\nb = 2\nc = 3\n", "\nb = 2 \n\n", "\nb = 4\n\n").unwrap();
    assert_eq!(text, "a = 1\nb = 4\nc = 3\n");
}

#[test]
fn a_shifted_indentation_shifts_the_replacement() {
    let (text, how) = one(
        FILE,
        "note = self.db.get(Note, number)\nself.db.delete(note)\n",
        "note = self.db.get(Note, number)\nif note is None:\n    raise Missing()\nself.db.delete(note)\n",
    )
    .unwrap();
    assert_eq!(how, How::Indentation);
    assert!(
        text.contains("        if note is None:\n            raise Missing()\n        self.db.delete(note)\n"),
        "{text}"
    );
    // Too much of it is taken away again.
    let (text, how) = one("x = 1\nif x:\n  y = 2\n", "    if x:\n      y = 2\n", "    if x:\n      y = 3\n").unwrap();
    assert_eq!((text.as_str(), how), ("x = 1\nif x:\n  y = 3\n", How::Indentation));
    // A replacement that has less than is to be taken away does not fit.
    assert!(one("if x:\n  y = 2\n", "    if x:\n      y = 2\n", "if x: pass\n").is_err());
    // Lines that are shifted each in its own way are another block.
    assert!(one("if x:\n        y = 2\n", " if x:\n     y = 2\n", " if x:\n     y = 3\n").is_err());
}

#[test]
fn spaces_meant_for_tabs_are_tabs() {
    let text = "all:\n\tcargo test\n\tcargo doc\n";
    let (text, _) = one(text, "all:\n    cargo test\n", "all:\n    cargo test --all\n").unwrap();
    assert_eq!(text, "all:\n\tcargo test --all\n\tcargo doc\n");
}

#[test]
fn line_numbers_that_were_copied_are_no_part_of_the_text() {
    let (text, _) = one(FILE, "  4\t        self.db.add(note)\n", "  4\t        self.db.add(note.clean())\n").unwrap();
    assert!(text.contains("\n        self.db.add(note.clean())\n"), "{text}");
}

#[test]
fn nearly_the_same_is_meant_only_where_it_says_enough_and_is_the_only_one() {
    let (text, how) = one(
        FILE,
        "    def remove(self, num):\n        note = self.db.get(Note, number)\n        self.db.delete(note)\n",
        "    def remove(self, number):\n        self.db.delete(self.find(number))\n",
    )
    .unwrap();
    assert_eq!(how, How::Nearly);
    assert!(text.starts_with(FILE.split("    def remove").next().unwrap()) && text.ends_with("        return None\n"));
    assert!(one("value = 11\n", "value = 12\n", "value = 13\n").is_err(), "too short to be sure");
    let twice = "    total = compute(first, second, 1)\n    x\n    total = compute(first, second, 2)\n";
    let misfit = one(twice, "    total = compute(first, second, 3)\n", "pass\n").unwrap_err();
    assert!(matches!(misfit, Misfit::Ambiguous { count: 2, .. }), "{misfit}");
    // One line of several that is something else altogether is not a slip.
    let misfit = one(
        FILE,
        "        note = Note(title=title)\n        print()\n        return note\n",
        "        note = Note(title=title)\n        return note\n",
    );
    assert!(misfit.is_err());
}

#[test]
fn an_ambiguous_edit_names_the_places_and_all_means_all_of_them() {
    let misfit = one("x = 1\ny\nx = 1\nz\nx = 1\n", "x = 1", "x = 2").unwrap_err();
    assert!(misfit.to_string().contains("matches 3 places, at lines 1, 3, 5"), "{misfit}");
    let all = Edit { all: true, ..edit("x = 1", "x = 22") };
    let applied = apply("x = 1\ny\nx = 1\n", &[all]).unwrap();
    assert_eq!(applied.text, "x = 22\ny\nx = 22\n");
    // The same words in another indentation are several places, too.
    let misfit = one("if a:\n  return 1\nelse:\n    return 1\n", "return 1 \n", "return 2\n").unwrap_err();
    assert!(matches!(misfit, Misfit::Ambiguous { count: 2, .. }), "{misfit}");
}

#[test]
fn what_is_not_found_is_said_with_what_is_nearest() {
    let misfit = one(FILE, "        note = self.store.fetch(Note, number)\n        self.store.drop(note)\n", "pass\n");
    let said = misfit.unwrap_err().to_string();
    assert!(said.contains("matches nothing; the nearest lines are\n"), "{said}");
    assert!(said.contains("\n8\t        note = self.db.get(Note, number)\n"), "{said}");
    let said = one(FILE, "import os, sys, json, re", "        note = Note(title=title)").unwrap_err().to_string();
    assert!(said.contains("its replacement is there already"), "{said}");
    assert!(matches!(one(FILE, " \n", "x"), Err(Misfit::Empty { edit: 1 })));
    assert!(matches!(one(FILE, "class", "class"), Err(Misfit::Same { edit: 1 })));
}

#[test]
fn several_edits_are_made_in_turn_or_not_at_all() {
    let edits = [edit("title", "name"), edit("x", "y")];
    assert!(matches!(apply(FILE, &edits), Err(Misfit::Ambiguous { edit: 1, .. })));
    let edits = [edit("def create(self, title)", "def create(self, name)"), edit("no such thing here at all", "y")];
    assert!(matches!(apply(FILE, &edits), Err(Misfit::NotFound { edit: 2, .. })));
    let edits = [edit("a", "b b"), edit("b b", "c")];
    assert_eq!(apply("1 a 2", &edits).unwrap().text, "1 c 2", "the second sees what the first left");
}

/// Lines of a few kinds, alike enough to be taken for each other.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ ]{0,8}[a-c]{1,3} = [0-9]{1,2}[ ]{0,2}",
        "[\t]{0,2}return self\\.[a-d]{1,12}\\([a-z]{0,3}\\)",
        "[ ]{0,4}[абв]{1,3}[ ]?",
        Just(String::new()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    (prop::collection::vec((line(), prop_oneof![Just("\n"), Just("\r\n")]), 0..14), any::<bool>()).prop_map(
        |(lines, ended)| {
            let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            if ended { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }
        },
    )
}

/// A piece of the text, a little off, or something else.
fn search(text: &str, from: usize, count: usize, shift: usize, flaw: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = if lines.is_empty() { 0 } else { from % lines.len() };
    let mut found = String::new();
    for line in lines.iter().skip(from).take(count) {
        let line = match flaw {
            0 => (*line).to_owned(),
            1 => format!("{line} "),
            2 => format!("{}{line}", " ".repeat(shift)),
            3 => line.trim_start().to_owned(),
            _ => line.replacen('a', "aa", 1),
        };
        found.push_str(&line);
        found.push('\n');
    }
    found
}

proptest! {
    #[test]
    fn an_edit_that_applies_changes_only_the_place_it_matched(
        text in text(), from in 0_usize..14, count in 1_usize..5, shift in 0_usize..5, flaw in 0_usize..5,
        replace in prop::collection::vec(line(), 0..4), all in any::<bool>(),
    ) {
        let search = search(&text, from, count, shift, flaw);
        let wanted = Edit { search: search.clone(), replace: replace.join("\n"), all };
        let Ok(applied) = apply(&text, std::slice::from_ref(&wanted)) else { return Ok(()) };
        let places = &applied.places[0];
        prop_assert!(!places.is_empty() && (all || places.len() == 1));
        // The places come last first, so what stands before each is as it was.
        let mut now = applied.text.as_str();
        let mut was = text.as_str();
        for place in places.iter().rev() {
            prop_assert!(place.was.end <= text.len() && place.was.start < place.was.end);
        }
        for pair in places.windows(2) {
            prop_assert!(pair[1].was.end <= pair[0].was.start, "places do not overlap");
        }
        for place in places {
            let tail = &was[place.was.end..];
            prop_assert!(now.ends_with(tail), "what follows is as it was");
            now = &now[..now.len() - tail.len()];
            let before = now.len() - place.length;
            now = &now[..before];
            was = &was[..place.was.start];
        }
        prop_assert_eq!(now, was, "what stands before is as it was");
        // What was found says the same as what was searched for, white space aside, unless it was nearly so.
        for place in places.iter().filter(|place| place.how != How::Nearly) {
            let there = &text[place.was.clone()];
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(there), words(&search));
        }
    }

    #[test]
    fn a_place_that_is_the_only_one_is_found_whatever_its_white_space(
        before in prop::collection::vec("[ ]{0,4}[a-f]{2,6}", 0..6), after in prop::collection::vec("[ ]{0,4}[a-f]{2,6}", 0..6),
        indent in 0_usize..8, shift in 0_usize..8,
    ) {
        let block = |by: usize| format!("{0}if wanted:\n{0}    return 7\n", " ".repeat(by));
        let lines = |lines: &[String]| lines.iter().fold(String::new(), |all, line| all + line + "\n");
        let text = format!("{}{}{}", lines(&before), block(indent), lines(&after));
        let replace = block(shift).replace('7', "8");
        let applied = apply(&text, &[edit(&block(shift), &replace)]).unwrap();
        prop_assert_eq!(applied.text, text.replace('7', "8"));
    }
}
