//! Finding many byte strings at once, as Wu and Manber do: the last bytes of a window tell how far it may move.
//!
//! A text without a secret is passed at a few bytes a step, so that everything that is written can be looked through.

use super::forms::{Form, in_base64};

/// How many bytes tell how far the window may move. With two, a third of all pairs stand in some form of thirty secrets,
/// and it hardly moves.
const BLOCK: usize = 3;

/// Something that was found: where it begins and ends, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) owner: usize,
}

/// The strings that are looked for.
#[derive(Debug)]
pub(super) struct Search {
    /// Longest first, so that the longest that begins somewhere is found.
    forms: Vec<(Form, usize)>,
    /// How far the window may move, by its last bytes. Empty where nothing is looked for.
    shift: Vec<u8>,
    window: usize,
    /// The forms whose window ends with these bytes, sorted.
    by_end: Vec<(u16, u32)>,
    pub(super) longest: usize,
}

fn block(bytes: &[u8], end: usize) -> u16 {
    let number = u32::from_le_bytes([bytes[end - 3], bytes[end - 2], bytes[end - 1], 0]);
    // The upper half of a product depends on all of it.
    let [_, _, low, high] = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
    u16::from_le_bytes([low, high])
}

impl Search {
    pub(super) fn new(mut forms: Vec<(Form, usize)>) -> Self {
        forms.sort_by(|(a, _), (b, _)| b.bytes.len().cmp(&a.bytes.len()).then_with(|| a.cmp(b)));
        forms.dedup_by(|(a, _), (b, _)| a.bytes == b.bytes);
        let Some(window) = forms.last().map(|(form, _)| form.bytes.len()).filter(|window| *window >= BLOCK) else {
            return Self { forms: Vec::new(), shift: Vec::new(), window: BLOCK, by_end: Vec::new(), longest: 0 };
        };
        let furthest = u8::try_from(window - BLOCK + 1).unwrap_or(u8::MAX);
        let mut shift = vec![furthest; 1 << 16];
        let mut by_end = Vec::new();
        for (number, (form, _)) in forms.iter().enumerate() {
            for end in BLOCK..=window {
                let entry = &mut shift[usize::from(block(&form.bytes, end))];
                *entry = (*entry).min(u8::try_from(window - end).unwrap_or(u8::MAX));
            }
            by_end.push((block(&form.bytes, window), u32::try_from(number).unwrap_or(u32::MAX)));
        }
        by_end.sort_unstable();
        let edge = forms.iter().map(|(form, _)| form.edges.0 + form.edges.1).max().unwrap_or(0);
        let longest = forms.first().map_or(0, |(form, _)| form.bytes.len()) + edge;
        Self { forms, shift, window, by_end, longest }
    }

    /// The first string at or after a place; the longest of those that begin there.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<Found> {
        if self.shift.is_empty() {
            return None;
        }
        let mut end = from + self.window;
        while end <= text.len() {
            let key = block(text, end);
            let far = usize::from(self.shift[usize::from(key)]);
            if far > 0 {
                end += far;
                continue;
            }
            let start = end - self.window;
            let first = self.by_end.partition_point(|(other, _)| *other < key);
            let candidates = self.by_end[first..].iter().take_while(|(other, _)| *other == key);
            for (_, number) in candidates {
                let (form, owner) = &self.forms[*number as usize];
                if text[start..].starts_with(&form.bytes) {
                    let whole = start + form.bytes.len();
                    let before = usize::from(form.edges.0 > 0 && start > from && in_base64(text[start - 1]));
                    let after = usize::from(form.edges.1 > 0 && text.get(whole).is_some_and(|byte| in_base64(*byte)));
                    return Some(Found { from: start - before, to: whole + after, owner: *owner });
                }
            }
            end += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(texts: &[&str]) -> Search {
        let form = |text: &str| Form { bytes: text.as_bytes().to_vec(), edges: (0, 0) };
        Search::new(texts.iter().enumerate().map(|(owner, text)| (form(text), owner)).collect())
    }

    #[test]
    fn the_first_and_longest_is_found_wherever_it_stands() {
        let search = search(&["abcdef", "abcdefgh", "cdefghij", "zzzzzz"]);
        let find = |text: &str| search.next(text.as_bytes(), 0).map(|found| (found.from, found.to, found.owner));
        assert_eq!(find("abcdef"), Some((0, 6, 0)));
        assert_eq!(find("..abcdefgh"), Some((2, 10, 1)));
        assert_eq!(find("xbcdefghij"), Some((2, 10, 2)));
        assert_eq!(find("zzzzzzz"), Some((0, 6, 3)));
        assert_eq!(find("zzzzz"), None);
        assert_eq!(find(""), None);
        for pad in 0..40 {
            assert_eq!(find(&format!("{}abcdef", "a".repeat(pad))), Some((pad, pad + 6, 0)));
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is_looked_for() {
        assert_eq!(search(&[]).next(b"anything at all", 0), None);
    }

    #[test]
    fn it_finds_what_a_naive_search_finds() {
        let words = ["aababb", "bbaaba", "abababab", "aaaaaaa"];
        let search = search(&words);
        let mut state = 12345_u32;
        for _ in 0..2000 {
            let text: String = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if state >> 30 & 1 == 0 { 'a' } else { 'b' }
                })
                .collect();
            let naive = (0..text.len()).find_map(|from| {
                words
                    .iter()
                    .filter(|word| text[from..].starts_with(**word))
                    .map(|word| word.len())
                    .max()
                    .map(|len| (from, from + len))
            });
            assert_eq!(search.next(text.as_bytes(), 0).map(|found| (found.from, found.to)), naive, "{text}");
        }
    }
}
