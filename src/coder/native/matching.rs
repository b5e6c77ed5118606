//! Finds the place an edit means, although the model copied it a little wrong, and never guesses between two.
//!
//! An exact match counts first; then one whose lines differ in white space at their ends; then one whose indentation is
//! shifted as a whole, which shifts the replacement, too; at last the only place that is nearly the same. Outside the
//! place that was found not a byte changes.

use std::fmt::Write as _;
use std::ops::Range;

use similar::TextDiff;

/// How much alike a place must be to be meant, from 0 to 1.
const ALIKE: f64 = 0.9;
/// How much alike each of its lines must be.
const LINE_ALIKE: f64 = 0.6;
/// How much an approximate search must say, in characters without white space around.
const SAYS_ENOUGH: usize = 24;
/// How much alike a place must be to be shown as what was perhaps meant.
const NEAR: f64 = 0.5;
/// How many lines and places a message shows.
const SHOWN: usize = 12;
/// How many lines of a text are compared approximately; a longer one is searched only for what is written alike.
const COMPARED: usize = 10_000;
/// The longest line that is compared approximately, in bytes.
const LONGEST: usize = 300;

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is there.
    pub search: String,
    /// What is to be there.
    pub replace: String,
    /// At every place instead of the only one.
    pub all: bool,
}

/// How alike a place was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The same, byte by byte.
    Exact,
    /// The same but for white space at the ends of lines.
    LineEnds,
    /// The same with another indentation.
    Indentation,
    /// Nearly the same.
    Nearly,
}

/// Where an edit was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the text as it was before this edit.
    pub was: Range<usize>,
    /// How many bytes stand there now.
    pub length: usize,
    /// How it was found.
    pub how: How,
}

/// A text after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The text.
    pub text: String,
    /// For each edit its places, the last one first: each describes the text as the ones before it left it.
    pub places: Vec<Vec<Place>>,
}

/// Why an edit was not made; nothing was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Misfit {
    /// It does not say where.
    #[error(
        "edit {edit} has nothing in `search`; give the lines that are to be replaced, or use `write` for a whole file"
    )]
    Empty {
        /// Which, from 1.
        edit: usize,
    },
    /// It changes nothing.
    #[error("edit {edit} replaces its `search` by the same text")]
    Same {
        /// Which, from 1.
        edit: usize,
    },
    /// There are several such places.
    #[error(
        "edit {edit} matches {count} places, at lines {lines}; add lines around it until one is meant, or set `all`"
    )]
    Ambiguous {
        /// Which, from 1.
        edit: usize,
        /// How many.
        count: usize,
        /// The lines they begin at, the first ones.
        lines: String,
    },
    /// There is no such place.
    #[error("edit {edit} matches nothing{}{nearest}", if *already { "; its replacement is there already" } else { "" })]
    NotFound {
        /// Which, from 1.
        edit: usize,
        /// The replacement is there.
        already: bool,
        /// What was perhaps meant, with line numbers.
        nearest: String,
    },
}

/// A line of a text: where it begins, where its words end, where the next one begins.
#[derive(Debug, Clone, Copy)]
struct Line {
    begin: usize,
    end: usize,
    next: usize,
}

/// A place with what is to stand there.
struct Found {
    was: Range<usize>,
    new: String,
    how: How,
}

/// Makes all edits, each on what the one before it left, or none.
///
/// # Errors
/// [`Misfit`], for the first edit that does not fit.
pub fn apply(text: &str, edits: &[Edit]) -> Result<Applied, Misfit> {
    let mut text = text.to_owned();
    let mut places = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        let mut found = locate(&text, edit, index + 1)?;
        found.sort_by_key(|place| std::cmp::Reverse(place.was.start));
        let mut made = Vec::new();
        for place in found {
            text.replace_range(place.was.clone(), &place.new);
            made.push(Place { was: place.was, length: place.new.len(), how: place.how });
        }
        places.push(made);
    }
    Ok(Applied { text, places })
}

fn locate(text: &str, edit: &Edit, number: usize) -> Result<Vec<Found>, Misfit> {
    if edit.search.trim().is_empty() {
        return Err(Misfit::Empty { edit: number });
    }
    if edit.search == edit.replace {
        return Err(Misfit::Same { edit: number });
    }
    let lines = lines_of(text);
    for (search, replace) in wordings(text, edit) {
        for how in [How::Exact, How::LineEnds, How::Indentation] {
            let found = match how {
                How::Exact => exact(text, &search, &replace),
                _ => by_lines(text, &lines, &search, &replace, how),
            };
            if !found.is_empty() {
                return only(found, edit.all, text, number);
            }
        }
    }
    let nearly = nearly(text, &lines, edit);
    if !nearly.is_empty() {
        return only(nearly, false, text, number);
    }
    let already = edit.replace.trim().len() >= SAYS_ENOUGH && text.contains(edit.replace.trim_end());
    Err(Misfit::NotFound { edit: number, already, nearest: nearest(text, &lines, &edit.search) })
}

fn only(found: Vec<Found>, all: bool, text: &str, edit: usize) -> Result<Vec<Found>, Misfit> {
    if found.len() == 1 || all {
        return Ok(found);
    }
    let line = |place: &Found| (text[..place.was.start].matches('\n').count() + 1).to_string();
    let lines: Vec<String> = found.iter().take(SHOWN).map(line).collect();
    Err(Misfit::Ambiguous { edit, count: found.len(), lines: lines.join(", ") })
}

/// The edit as it is, then without line numbers that were copied with it, then with the tabs the text has.
fn wordings(text: &str, edit: &Edit) -> Vec<(String, String)> {
    let mut wordings = vec![(edit.search.clone(), edit.replace.clone())];
    if let Some(search) = without_numbers(&edit.search) {
        let replace = without_numbers(&edit.replace).unwrap_or_else(|| edit.replace.clone());
        wordings.push((search, replace));
    }
    if text.lines().any(|line| line.starts_with('\t')) && !edit.search.contains('\t') {
        for width in [4, 2, 8] {
            wordings.push((with_tabs(&edit.search, width), with_tabs(&edit.replace, width)));
        }
    }
    wordings
}

fn without_numbers(text: &str) -> Option<String> {
    let mut plain = String::new();
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            plain.push_str(line);
            continue;
        }
        let (number, rest) = line.split_once('\t')?;
        let number = number.trim();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        plain.push_str(rest);
    }
    Some(plain)
}

fn with_tabs(text: &str, width: usize) -> String {
    let tabbed = |line: &str| {
        let words = line.trim_start_matches(' ');
        let spaces = line.len() - words.len();
        format!("{}{}{words}", "\t".repeat(spaces / width), " ".repeat(spaces % width))
    };
    text.split_inclusive('\n').map(tabbed).collect()
}

fn exact(text: &str, search: &str, replace: &str) -> Vec<Found> {
    // New lines end as the others do.
    let foreign = replace.contains('\n') && !replace.contains('\r') && text.contains("\r\n");
    let new = if foreign && text.matches('\n').count() == text.matches("\r\n").count() {
        replace.replace('\n', "\r\n")
    } else {
        replace.to_owned()
    };
    text.match_indices(search)
        .map(|(at, _)| Found { was: at..at + search.len(), new: new.clone(), how: How::Exact })
        .collect()
}

fn lines_of(text: &str) -> Vec<Line> {
    let mut begin = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let words = line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
            let found = Line { begin, end: begin + words.len(), next: begin + line.len() };
            begin = found.next;
            found
        })
        .collect()
}

/// The lines of a search without empty ones around it, and the replacement without as many.
fn bare<'a>(search: &'a str, replace: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let blank = |line: &&str| line.trim().is_empty();
    let search: Vec<&str> = search.lines().collect();
    let mut replace: Vec<&str> = replace.lines().collect();
    let before = search.iter().take_while(|line| blank(line)).count();
    let after = search.iter().rev().take_while(|line| blank(line)).count();
    for _ in 0..before.min(replace.iter().take_while(|line| blank(line)).count()) {
        replace.remove(0);
    }
    for _ in 0..after.min(replace.iter().rev().take_while(|line| blank(line)).count()) {
        replace.pop();
    }
    (search[before..search.len() - after].to_vec(), replace)
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// How the indentation of a text differs from that of a search, for all of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shift {
    Add(String),
    Remove(String),
}

impl Shift {
    fn between(search: &str, there: &str) -> Option<Self> {
        let (search, there) = (indentation(search), indentation(there));
        match (there.strip_suffix(search), search.strip_suffix(there)) {
            (Some(more), _) => Some(Self::Add(more.to_owned())),
            (None, Some(less)) => Some(Self::Remove(less.to_owned())),
            (None, None) => None,
        }
    }

    /// The line shifted; none when it has not enough to take away.
    fn of(&self, line: &str) -> Option<String> {
        if line.trim().is_empty() {
            return Some(line.to_owned());
        }
        match self {
            Self::Add(more) => Some(format!("{more}{line}")),
            Self::Remove(less) => line.strip_prefix(less.as_str()).map(str::to_owned),
        }
    }
}

fn by_lines(text: &str, lines: &[Line], search: &str, replace: &str, how: How) -> Vec<Found> {
    let (search, replace) = bare(search, replace);
    let mut found = Vec::new();
    let mut at = 0;
    while at + search.len() <= lines.len() {
        let window = &lines[at..at + search.len()];
        if let Some(new) = fits(text, window, &search, &replace, how) {
            found.push(Found { was: window[0].begin..window[window.len() - 1].next, new, how });
            at += search.len();
        } else {
            at += 1;
        }
    }
    found
}

/// What is to stand in the place of these lines, if they are the ones.
fn fits(text: &str, window: &[Line], search: &[&str], replace: &[&str], how: How) -> Option<String> {
    let there = |line: &Line| &text[line.begin..line.end];
    let pairs = || window.iter().map(there).zip(search.iter().copied());
    if how == How::LineEnds {
        let same = pairs().all(|(there, wanted)| there.trim_end() == wanted.trim_end());
        return same.then(|| joined(text, window, replace.iter().map(|line| (*line).to_owned())));
    }
    if !pairs().all(|(there, wanted)| there.trim() == wanted.trim()) {
        return None;
    }
    let mut shift = None;
    for (there, wanted) in pairs().filter(|(_, wanted)| !wanted.trim().is_empty()) {
        let this = Shift::between(wanted, there)?;
        if shift.get_or_insert_with(|| this.clone()) != &this {
            return None;
        }
    }
    let shift = shift?;
    let shifted: Option<Vec<String>> = replace.iter().map(|line| shift.of(line)).collect();
    Some(joined(text, window, shifted?.into_iter()))
}

/// Lines with the ends the replaced ones have.
fn joined(text: &str, window: &[Line], lines: impl Iterator<Item = String>) -> String {
    let last = window[window.len() - 1];
    let end = |line: &Line| &text[line.end..line.next];
    let between = window.iter().map(end).find(|end| !end.is_empty()).unwrap_or("\n");
    let mut new: String = lines.flat_map(|line| [line, between.to_owned()]).collect();
    if end(&last).is_empty() {
        new.truncate(new.len().saturating_sub(between.len()));
    }
    new
}

/// How much alike two lines are, white space around aside.
fn likeness(one: &str, other: &str) -> f64 {
    let (one, other) = (one.trim(), other.trim());
    if one == other {
        return 1.0;
    }
    let (short, long) = (one.len().min(other.len()), one.len().max(other.len()));
    if short * 2 < long || long > LONGEST {
        return 0.0;
    }
    f64::from(TextDiff::from_chars(one, other).ratio())
}

/// How much a line counts.
fn weight(line: &str) -> usize {
    line.trim().len()
}

/// A measure between 0 and 1.
fn share(part: f64, whole: usize) -> f64 {
    part / f64::from(u32::try_from(whole).unwrap_or(u32::MAX).max(1))
}

fn size(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The places that are nearly what is searched for.
fn nearly(text: &str, lines: &[Line], edit: &Edit) -> Vec<Found> {
    let (search, replace) = bare(&edit.search, &edit.replace);
    let whole: usize = search.iter().map(|line| weight(line)).sum();
    if whole < SAYS_ENOUGH || lines.len() > COMPARED {
        return Vec::new();
    }
    let mut found: Vec<(f64, Found)> = Vec::new();
    for window in lines.windows(search.len()) {
        let pairs = || window.iter().map(|line| &text[line.begin..line.end]).zip(search.iter().copied());
        // The most of a longer place must be there as it is before the rest is looked at.
        let same: usize =
            pairs().filter(|(there, wanted)| there.trim() == wanted.trim()).map(|(_, line)| weight(line)).sum();
        if search.len() > 3 && same * 2 < whole {
            continue;
        }
        let mut alike = 0.0;
        let mut every = true;
        for (there, wanted) in pairs() {
            let line = likeness(there, wanted);
            every &= line >= LINE_ALIKE;
            alike += line * size(weight(wanted));
        }
        let alike = share(alike, whole);
        if !every || alike < ALIKE {
            continue;
        }
        let Some((there, wanted)) = pairs().find(|(_, wanted)| !wanted.trim().is_empty()) else { continue };
        let Some(shift) = Shift::between(wanted, there) else { continue };
        let Some(shifted) = replace.iter().map(|line| shift.of(line)).collect::<Option<Vec<_>>>() else { continue };
        let was = window[0].begin..window[window.len() - 1].next;
        let place = Found { was, new: joined(text, window, shifted.into_iter()), how: How::Nearly };
        match found.last_mut() {
            // Of places that overlap the better one is meant.
            Some((best, last)) if last.was.end > place.was.start => {
                if alike > *best {
                    (*best, *last) = (alike, place);
                }
            }
            _ => found.push((alike, place)),
        }
    }
    found.into_iter().map(|(_, place)| place).collect()
}

/// What was perhaps meant, as a message ends.
fn nearest(text: &str, lines: &[Line], search: &str) -> String {
    let (search, _) = bare(search, "");
    let longest = search.iter().enumerate().max_by_key(|(_, line)| weight(line));
    let Some((offset, longest)) = longest.filter(|_| lines.len() <= COMPARED) else { return String::new() };
    let mut best: Option<(f64, usize)> = None;
    for (at, line) in lines.iter().enumerate() {
        let mut alike = likeness(&text[line.begin..line.end], longest);
        if alike < NEAR {
            continue;
        }
        // Among places alike, the one whose surroundings are alike.
        for (other, wanted) in search.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let there = (at + other).checked_sub(offset).and_then(|at| lines.get(at));
            alike += there.map_or(0.0, |there| share(likeness(&text[there.begin..there.end], wanted), search.len()));
        }
        if best.is_none_or(|(before, _)| alike > before) {
            best = Some((alike, at.saturating_sub(offset)));
        }
    }
    let Some((_, at)) = best else { return "; read the file again".to_owned() };
    let mut shown = "; the nearest lines are\n".to_owned();
    for (index, line) in lines.iter().enumerate().skip(at.saturating_sub(1)).take((search.len() + 2).min(SHOWN)) {
        let words: String = text[line.begin..line.end].chars().take(200).collect();
        let _ = writeln!(shown, "{}\t{words}", index + 1);
    }
    shown.truncate(shown.trim_end_matches('\n').len());
    shown
}

#[cfg(test)]
mod tests;
