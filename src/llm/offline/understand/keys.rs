//! The keys of all listed phrases, with their senses: thousands of short texts, written once and looked up often.
//!
//! The texts stand one after another in one string and are found by their hash, so that filling the table makes no
//! small allocations; filling it is most of what understanding a short description costs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// As many keys as the tables have, rounded up.
const KEYS: usize = 20_000;

/// A table from keys to values.
#[derive(Debug, Default)]
pub(super) struct Keys<V> {
    places: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    entries: Vec<(u32, u32, V)>,
    text: String,
}

impl<V: Copy + Default> Keys<V> {
    /// An empty table with room for all keys.
    pub(super) fn with_room() -> Self {
        Self {
            places: HashMap::with_capacity_and_hasher(KEYS, BuildHasherDefault::default()),
            entries: Vec::with_capacity(KEYS),
            text: String::with_capacity(KEYS * 20),
        }
    }

    /// The value of a key, for reading.
    pub(super) fn get(&self, key: &str) -> Option<&V> {
        let place = *self.places.get(&hash(key))?;
        let (start, end, value) = self.entries.get(place as usize)?;
        (&self.text[*start as usize..*end as usize] == key).then_some(value)
    }

    /// The value of a key, made if it is new. A test proves that no two keys share a hash.
    pub(super) fn entry(&mut self, key: &str) -> &mut V {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(hash(key)).or_insert(next);
        if place == next {
            let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            self.text.push_str(key);
            self.entries.push((start, u32::try_from(self.text.len()).unwrap_or(u32::MAX), V::default()));
        }
        &mut self.entries[place as usize].2
    }

    /// All keys with their values, in the order in which they were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(start, end, value)| (&self.text[*start as usize..*end as usize], value))
    }
}

/// FNV-1a, eight bytes at a time where it can.
fn hash(key: &str) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut chunks = key.as_bytes().chunks_exact(8);
    let mut out = 0xcbf2_9ce4_8422_2325_u64 ^ key.len() as u64;
    for chunk in &mut chunks {
        let word = chunk.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
        out = (out ^ word).wrapping_mul(PRIME);
        out ^= out >> 29;
    }
    for byte in chunks.remainder() {
        out = (out ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
    (out ^ (out >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A hash is its own hash.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |out, byte| (out << 8) | u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_and_its_neighbour_is_not() {
        let mut keys: Keys<u32> = Keys::with_room();
        for (nth, key) in ["заметк", "note", "due date", "notes and more"].into_iter().enumerate() {
            *keys.entry(key) += u32::try_from(nth).unwrap() + 1;
            *keys.entry(key) += 10;
        }
        assert_eq!(keys.get("due date"), Some(&13));
        assert_eq!(keys.get("due"), None);
        assert_eq!(
            keys.iter().map(|(key, _)| key).collect::<Vec<_>>(),
            ["заметк", "note", "due date", "notes and more"]
        );
    }
}
