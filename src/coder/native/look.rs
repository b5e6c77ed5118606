//! Looking around: list, search, read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use regex_lite::{Regex, RegexBuilder};

use super::calls::{List, Read, Search};
use super::glob::Glob;
use super::root::{Kind, Root, size};
use super::rules;

/// How many files are listed one by one.
const LISTED: usize = 250;
/// How many lines of a file are shown at once, unless more are asked for.
const LINES: usize = 500;
/// How much of a file is shown at once, in bytes.
const SHOWN: usize = 40_000;
/// How much of a line is shown, in characters.
const LINE: usize = 1000;
/// How many matches are shown.
const MATCHES: usize = 80;
/// How much of the line of a match is shown, in characters.
const MATCH_LINE: usize = 300;
/// The largest file that is searched, in bytes.
const SEARCHED: u64 = 2 << 20;
/// How long a search may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files that are meant.
fn meant<'f>(root: &Root, files: &'f [String], path: Option<&str>) -> Result<(Vec<&'f str>, Glob), String> {
    let path = root.parse(path.unwrap_or_default())?;
    let glob = Glob::parse(&path)?;
    let found: Vec<&str> = files.iter().map(String::as_str).filter(|file| glob.matches(file)).collect();
    if found.is_empty() {
        return Err(match root.kind(&path) {
            Kind::Nothing if matches!(glob, Glob::Below(_)) => format!("there is no `{path}`{}", like(&path, files)),
            Kind::Nothing => format!("no file fits `{path}`"),
            _ => format!("`{path}` holds no files, or git ignores them"),
        });
    }
    Ok((found, glob))
}

/// Files that may have been meant by a path that does not exist.
pub(super) fn like(path: &str, files: &[String]) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let same: Vec<String> = files
        .iter()
        .filter(|file| file.rsplit('/').next() == Some(name) || file.ends_with(&format!("/{path}")))
        .take(5)
        .map(|file| format!("`{file}`"))
        .collect();
    if same.is_empty() { String::new() } else { format!("; there is {}", same.join(", ")) }
}

pub(super) fn list(root: &Root, files: &[String], args: &List) -> Result<String, String> {
    let (found, _) = meant(root, files, args.path.as_deref())?;
    let mut said = String::new();
    if found.len() <= LISTED {
        for file in found {
            if let Kind::File(bytes) = root.kind(file) {
                let _ = writeln!(said, "{file}  {}", size(bytes));
            }
        }
        return Ok(said);
    }
    // Folder by folder, as deep as there is room for.
    let mut depth = 8;
    loop {
        let mut folders: BTreeMap<String, usize> = BTreeMap::new();
        for file in &found {
            let parts: Vec<&str> = file.split('/').collect();
            let kept = parts.len().min(depth);
            let whole = if kept < parts.len() { format!("{}/", parts[..kept].join("/")) } else { (*file).to_owned() };
            *folders.entry(whole).or_default() += 1;
        }
        if folders.len() <= LISTED || depth == 1 {
            let _ = writeln!(said, "{} files, with what lies deeper counted; list a folder to see more", found.len());
            for (name, count) in folders.iter().take(LISTED) {
                let _ = if name.ends_with('/') {
                    writeln!(said, "{name}  {count} files")
                } else {
                    writeln!(said, "{name}")
                };
            }
            if folders.len() > LISTED {
                let _ = writeln!(said, "… and {} more", folders.len() - LISTED);
            }
            return Ok(said);
        }
        depth -= 1;
    }
}

pub(super) fn read(root: &Root, files: &[String], args: &Read) -> Result<(String, String), String> {
    let path = root.parse(&args.path)?;
    rules::may_read(&path)?;
    let text = root.text(&path).map_err(|error| match root.kind(&path) {
        Kind::Nothing => format!("{error}{}", like(&path, files)),
        _ => error,
    })?;
    let total = text.lines().count();
    if total == 0 {
        return Ok((path.clone(), format!("{path} is empty")));
    }
    let first = args.offset.unwrap_or(1).max(1);
    if first > total {
        return Err(format!("`{path}` has {total} lines only"));
    }
    let mut shown = String::new();
    let mut last = first - 1;
    for (index, line) in text.lines().enumerate().skip(first - 1).take(args.limit.unwrap_or(LINES).max(1)) {
        if shown.len() > SHOWN {
            break;
        }
        let _ = writeln!(shown, "{:>5}\t{}", index + 1, cut(line, LINE));
        last = index + 1;
    }
    let mut said = format!("{path}, lines {first} to {last} of {total}, {}\n{shown}", size(text.len() as u64));
    if last < total {
        let _ = writeln!(said, "… {} more lines; read on with `offset`: {}", total - last, last + 1);
    }
    Ok((path, said))
}

pub(super) fn cut(line: &str, limit: usize) -> String {
    match line.char_indices().nth(limit) {
        Some((at, _)) => format!("{}… [{} bytes more]", &line[..at], line.len() - at),
        None => line.to_owned(),
    }
}

pub(super) fn search(root: &Root, files: &[String], args: &Search) -> Result<String, String> {
    if args.pattern.is_empty() {
        return Err("an empty pattern is everywhere".to_owned());
    }
    let build = |pattern: &str| {
        RegexBuilder::new(pattern).case_insensitive(args.ignore_case.unwrap_or(false)).size_limit(1 << 20).build()
    };
    let mut said = String::new();
    let regex = match build(&args.pattern) {
        Ok(regex) => regex,
        Err(error) => {
            let _ = writeln!(said, "(the pattern is no regular expression, so it was taken as plain text: {error})");
            build(&regex_lite::escape(&args.pattern)).map_err(|error| error.to_string())?
        }
    };
    let (found, _) = meant(root, files, args.path.as_deref())?;
    let context = args.context.unwrap_or(0).min(10);
    let until = Instant::now() + PATIENCE;
    let mut matches = 0;
    let mut in_files = 0;
    let mut left = 0;
    for (index, file) in found.iter().enumerate() {
        if Instant::now() > until {
            let _ = writeln!(said, "(stopped after {} of {} files: narrow `path`)", index, found.len());
            break;
        }
        if rules::is_secret(file) || !matches!(root.kind(file), Kind::File(bytes) if bytes <= SEARCHED) {
            continue;
        }
        let Ok(text) = root.text(file) else { continue };
        let hits = hits(&regex, &text);
        if hits.is_empty() {
            continue;
        }
        matches += hits.len();
        in_files += 1;
        let room = MATCHES.saturating_sub(matches - hits.len()).min(hits.len());
        left += hits.len() - room;
        show(&mut said, file, &text, &hits[..room], context);
    }
    if matches == 0 {
        let _ = write!(said, "no match in {} files", found.len());
    } else {
        let plural = if matches == 1 { "match" } else { "matches" };
        let _ = write!(said, "{matches} {plural} in {in_files} of {} files", found.len());
        if left > 0 {
            let _ = write!(said, "; {left} are not shown: narrow `pattern` or `path`");
        }
    }
    Ok(said)
}

fn hits(regex: &Regex, text: &str) -> Vec<usize> {
    let short = |line: &str| line.len() <= 20_000;
    text.lines().enumerate().filter(|(_, line)| short(line) && regex.is_match(line)).map(|(index, _)| index).collect()
}

/// Matches with `:` after the line number, lines around them with `-`.
fn show(said: &mut String, file: &str, text: &str, hits: &[usize], context: usize) {
    let lines: Vec<&str> = text.lines().collect();
    let mut next = 0;
    for (index, hit) in hits.iter().enumerate() {
        let end = (hit + context).min(hits.get(index + 1).map_or(usize::MAX, |after| after - 1)).min(lines.len() - 1);
        let begin = hit.saturating_sub(context).max(next);
        if context > 0 && next > 0 && begin > next {
            said.push_str("--\n");
        }
        for (at, line) in lines.iter().enumerate().take(end + 1).skip(begin) {
            let mark = if at == *hit { ':' } else { '-' };
            let _ = writeln!(said, "{file}{mark}{}{mark} {}", at + 1, cut(line, MATCH_LINE));
        }
        next = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)]) -> (tempfile::TempDir, Root, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        for (path, text) in files {
            root.write(path, text).unwrap();
        }
        (folder, root, files.iter().map(|(path, _)| (*path).to_owned()).collect())
    }

    fn numbered(lines: usize) -> String {
        (1..=lines).fold(String::new(), |text, number| text + &format!("line {number}\n"))
    }

    fn find(pattern: &str, path: Option<&str>, context: usize) -> Search {
        Search { pattern: pattern.into(), path: path.map(Into::into), context: Some(context), ignore_case: None }
    }

    #[test]
    fn a_search_shows_matches_with_their_surroundings_and_leaves_secrets_out() {
        let text = numbered(12);
        let (_folder, root, files) = place(&[("a/x.py", &text), ("b.md", "line 3\n"), (".env", "line 3=secret\n")]);
        let said = search(&root, &files, &find(r"line (3|4|9)$", Some("a"), 1)).unwrap();
        assert_eq!(
            said,
            "a/x.py-2- line 2\na/x.py:3: line 3\na/x.py:4: line 4\na/x.py-5- line 5\n--\na/x.py-8- line 8\n\
             a/x.py:9: line 9\na/x.py-10- line 10\n3 matches in 1 of 1 files"
        );
        let said = search(&root, &files, &find("line 3", None, 0)).unwrap();
        assert!(said.ends_with("2 matches in 2 of 3 files") && !said.contains("secret"), "{said}");
        assert_eq!(search(&root, &files, &find("LINE 1", None, 0)).unwrap(), "no match in 3 files");
    }

    #[test]
    fn a_wrong_pattern_is_plain_text_and_said_to_be() {
        let (_folder, root, files) = place(&[("x.py", "call(one, [two\n")]);
        let said = search(&root, &files, &find("call(one, [", None, 0)).unwrap();
        assert!(
            said.starts_with("(the pattern is no regular expression") && said.contains("x.py:1: call(one"),
            "{said}"
        );
    }

    #[test]
    fn many_matches_and_many_files_are_bounded() {
        let many = "hit\n".repeat(500);
        let (_folder, root, files) = place(&[("x.txt", &many), ("y.txt", "hit\n")]);
        let said = search(&root, &files, &find("hit", None, 0)).unwrap();
        assert!(said.ends_with("501 matches in 2 of 2 files; 421 are not shown: narrow `pattern` or `path`"), "{said}");
        let files: Vec<String> = (0..600).map(|number| format!("src/{}/f{number}.py", number % 3)).collect();
        let said = list(&root, &files, &List { path: None }).unwrap();
        assert!(said.contains("600 files") && said.contains("src/1/  200 files") && said.len() < 400, "{said}");
    }

    #[test]
    fn a_file_is_read_with_line_numbers_part_by_part() {
        let text = numbered(1200);
        let (_folder, root, files) = place(&[("a/x.py", &text), ("e.txt", ""), (".env", "A=1")]);
        let ask = |path: &str, offset, limit| read(&root, &files, &Read { path: path.into(), offset, limit });
        let (_, said) = ask("a/x.py", None, None).unwrap();
        assert!(said.starts_with("a/x.py, lines 1 to 500 of 1200, 10.8 kB\n    1\tline 1\n"), "{}", &said[..100]);
        assert!(said.ends_with("… 700 more lines; read on with `offset`: 501\n"), "{said}");
        let (_, said) = ask("a/x.py", Some(1199), Some(5)).unwrap();
        assert!(said.ends_with(" 1199\tline 1199\n 1200\tline 1200\n"), "{said}");
        assert!(ask("a/x.py", Some(1300), None).unwrap_err().contains("1200 lines only"));
        assert!(ask("x.py", None, None).unwrap_err().contains("there is `a/x.py`"));
        assert!(ask(".env", None, None).unwrap_err().contains("secrets"));
        assert_eq!(ask("e.txt", None, None).unwrap().1, "e.txt is empty");
    }
}
