//! A map of the repository for the model: what matters for the task with its signatures, the rest by name, as much as
//! there is room for.
//!
//! A file matters when the task speaks of it or of what it defines, when many others use what it defines, and when
//! files of the first kind do. Tests and generated code matter less than the code by hand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use super::outline::{Symbol, is_code, outline};
use super::root::{Kind, Root, size};
use super::rules::{self, Rules};
use crate::llm::wire::text::tokens;

/// The largest file that is read, in bytes, and how many of them.
const LARGEST: u64 = 300_000;
const MOST: usize = 3000;
/// How many symbols of one file are told.
const SYMBOLS: usize = 60;

/// A file with what it defines and what it names.
struct Known {
    path: String,
    size: u64,
    symbols: Vec<Symbol>,
    names: HashSet<String>,
    generated: bool,
    score: f64,
}

fn is_private(name: &str) -> bool {
    name.starts_with('_') && !name.starts_with("__")
}

/// A map of about so many tokens at most. `about` is the text of the task.
pub(super) fn map(root: &Root, rules: &Rules, files: &[String], about: &str, budget: u64) -> String {
    let mut known = read(root, rules, files);
    rank(&mut known, rules, about);
    known.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.path.cmp(&other.path)));
    // The signatures of what matters, then the names of as many as fit.
    let mut left = budget.saturating_sub(60);
    let mut told: BTreeMap<&str, String> = BTreeMap::new();
    let for_names = (left / 3).min(known.iter().map(|file| tokens(&file.path) + 4).sum());
    let mut room = left - for_names;
    for file in known.iter().filter(|file| !file.symbols.is_empty()) {
        let text = signatures(file);
        let cost = tokens(&text);
        if cost <= room {
            room -= cost;
            told.insert(&file.path, text);
        }
    }
    left = for_names + room;
    for file in &known {
        if !told.contains_key(file.path.as_str()) {
            let text = heading(file);
            let cost = tokens(&text);
            if cost <= left {
                left -= cost;
                told.insert(&file.path, text);
            }
        }
    }
    let missing = files.len() - told.len();
    let mut map: String = told.into_values().collect();
    if missing > 0 {
        let _ = writeln!(map, "… and {missing} more files; `list` tells them");
    }
    map
}

fn read(root: &Root, rules: &Rules, files: &[String]) -> Vec<Known> {
    let mut code = 0;
    files
        .iter()
        .filter_map(|path| {
            let Kind::File(size) = root.kind(path) else { return None };
            let mut known = Known {
                path: path.clone(),
                size,
                symbols: Vec::new(),
                names: HashSet::new(),
                generated: false,
                score: 0.0,
            };
            if is_code(path) && size <= LARGEST && code < MOST && !rules::is_secret(path) {
                code += 1;
                if let Ok(text) = root.text(path) {
                    known.symbols = outline(path, &text);
                    if rules.is_generated(path) {
                        // Only what code by hand can use.
                        known.generated = true;
                        known.symbols.retain(|it| !it.name.starts_with("test_") && !is_private(&it.name));
                    }
                    known.names = words(&text).map(str::to_owned).collect();
                }
            }
            Some(known)
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| word.len() >= 3)
}

fn rank(known: &mut [Known], rules: &Rules, about: &str) {
    let asked: HashSet<&str> = words(about).collect();
    let mut used: HashMap<&str, usize> = HashMap::new();
    for file in known.iter() {
        for name in &file.names {
            *used.entry(name).or_default() += 1;
        }
    }
    let mut defined: HashMap<&str, usize> = HashMap::new();
    for file in known.iter() {
        for name in file.symbols.iter().map(|symbol| symbol.name.as_str()).collect::<BTreeSet<_>>() {
            *defined.entry(name).or_default() += 1;
        }
    }
    let worth_a_name = |name: &str| name.len() >= 4 && !name.starts_with('_');
    let mut scores = Vec::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for file in known.iter() {
        let names: BTreeSet<&str> =
            file.symbols.iter().map(|symbol| symbol.name.as_str()).filter(|name| worth_a_name(name)).collect();
        // A name that many files define says little about any of them.
        let users = |name: &&str| {
            let definers = defined.get(name).copied().unwrap_or(1);
            let users = used.get(name).copied().unwrap_or(0).saturating_sub(definers);
            f64::from(u32::try_from(users).unwrap_or(0)) / f64::from(u32::try_from(definers).unwrap_or(1).max(1))
        };
        let share = f64::from(u32::try_from(names.len()).unwrap_or(u32::MAX)).sqrt().max(1.0);
        let mut score = 1.0 + names.iter().map(|name| users(name).ln_1p()).sum::<f64>() / share;
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let stem = name.split('.').next().unwrap_or(name);
        let spoken = about.contains(&file.path) || (name.len() > 4 && name != "__init__.py" && about.contains(name));
        let of_it = names.iter().filter(|name| asked.contains(*name)).count();
        if spoken {
            score += 50.0;
        } else if stem.len() >= 4 && asked.contains(stem) {
            score += 10.0;
        }
        score += 6.0 * f64::from(u32::try_from(of_it.min(5)).unwrap_or(0));
        if spoken || of_it > 0 {
            wanted.extend(file.names.iter().filter(|name| worth_a_name(name)).cloned());
        }
        let is_test = file.path.split('/').any(|part| part == "tests" || part.starts_with("test_"));
        let factor = if rules.is_generated(&file.path) { 0.4 } else { 1.0 } * if is_test { 0.6 } else { 1.0 };
        scores.push(score * factor);
    }
    for (file, score) in known.iter_mut().zip(scores) {
        // What is used where the task points to is looked at next.
        let used = file.symbols.iter().filter(|symbol| symbol.depth == 0 && wanted.contains(&symbol.name)).count();
        file.score = score + 2.0 * f64::from(u32::try_from(used.min(4)).unwrap_or(0));
    }
}

fn heading(file: &Known) -> String {
    let generated = if file.generated { ", generated" } else { "" };
    format!("{}  {}{generated}\n", file.path, size(file.size))
}

fn signatures(file: &Known) -> String {
    let mut text = heading(file);
    for symbol in file.symbols.iter().take(SYMBOLS) {
        let _ = writeln!(text, "{}{}", "  ".repeat(symbol.depth + 1), symbol.signature);
    }
    if file.symbols.len() > SYMBOLS {
        let _ = writeln!(text, "  … {} more", file.symbols.len() - SYMBOLS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)]) -> (tempfile::TempDir, Root, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let mut paths = Vec::new();
        for (path, text) in files {
            root.write(path, text).unwrap();
            paths.push((*path).to_owned());
        }
        paths.sort();
        (folder, root, paths)
    }

    #[test]
    fn a_small_repository_is_told_whole() {
        let (_folder, root, files) =
            place(&[("app/notes.py", "class Notes:\n    def create(self): ...\n"), ("README.md", "read me\n")]);
        let map = map(&root, &Rules::default(), &files, "do", 4000);
        assert_eq!(map, "README.md  8 B\napp/notes.py  39 B\n  class Notes\n    def create(self)\n");
    }

    #[test]
    fn where_there_is_little_room_what_the_task_speaks_of_comes_first() {
        let mut files: Vec<(String, String)> = (0..60)
            .map(|number| {
                (format!("pkg/filler_{number}.py"), format!("class Filler{number}:\n    def method_of_it(self): ...\n"))
            })
            .collect();
        files.push(("pkg/orders.py".into(), "from pkg.money import Amount\ndef total(lines) -> Amount: ...\n".into()));
        files.push(("pkg/money.py".into(), "class Amount:\n    def rounded(self): ...\n".into()));
        files.push(("pkg/base.py".into(), "class CommonBase: ...\n".into()));
        for (_, text) in files.iter_mut().take(30) {
            text.push_str("from pkg.base import CommonBase\n");
        }
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let (_folder, root, paths) = place(&pairs);
        let told = map(&root, &Rules::default(), &paths, "The total in pkg/orders.py is wrong.", 400);
        for wanted in
            ["def total(lines) -> Amount", "class Amount", "class CommonBase", "more files; `list` tells them"]
        {
            assert!(told.contains(wanted), "{wanted} is not in\n{told}");
        }
        assert!(tokens(&told) <= 400, "{}", tokens(&told));
        assert_eq!(told, map(&root, &Rules::default(), &paths, "The total in pkg/orders.py is wrong.", 400));
    }
}
