//! Names inside the database, kept under PostgreSQL's limit of 63 bytes.

use sha2::{Digest, Sha256};

const LONGEST: usize = 60;

/// The name itself, or its beginning with a digest when it is too long for a database.
#[must_use]
pub fn short(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let digest = digest(name.as_bytes());
    format!("{}_{}", name[..LONGEST - 9].trim_end_matches('_'), &digest[..8])
}

/// SHA-256 in lowercase hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let (one, other) = ("a".repeat(70), format!("{}b", "a".repeat(69)));
        assert_eq!(short("fk_books_author_id"), "fk_books_author_id");
        assert!(short(&one).len() <= LONGEST && short(&other).len() <= LONGEST);
        assert_ne!(short(&one), short(&other));
    }
}
