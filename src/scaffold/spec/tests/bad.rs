//! Each case of `bad.txt` changes one of the good files and names the problem that must be reported.

use super::{check, good, lines};

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n")
}

#[test]
fn the_good_files_are_good() {
    if let Err(error) = check(good()) {
        panic!("{error}");
    }
}

#[test]
fn each_rule_refuses_what_breaks_it_and_says_where() {
    let cases: Vec<&str> = include_str!("bad.txt").split("\n\n").skip(1).collect();
    assert!(cases.len() > 200, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let parts: Vec<&str> = case.trim_end_matches('\n').split('\n').collect();
        let [file, from, to, expected] = parts[..] else { panic!("not a case: {case}") };
        let from = unescaped(from.strip_prefix("- ").expect("a line with `- `"));
        let to = unescaped(to.strip_prefix("+ ").unwrap_or_default());
        let expected = expected.strip_prefix("= ").expect("a line with `= `");
        let mut files = good();
        let text = &files[file];
        assert!(text.contains(&from), "{file} has no {from:?}");
        files.insert(file.to_owned(), text.replacen(&from, &to, 1));
        let found = check(files).map_err(|error| lines(&error)).err().unwrap_or_default();
        if !found.iter().any(|line| line == expected) {
            wrong.push(format!("{case}\n! {}", found.join("\n! ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
