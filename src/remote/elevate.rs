//! Scripts that root has to run: as they are where the account is root, else through sudo.

use super::host::Script;
use crate::domain::host::Rights;

/// Runs its first argument as root, with the others.
const ELEVATE: &str = r#"text=$1; shift; exec sudo -n env LC_ALL=C sh -c "$text" sh "$@""#;

/// A script of several texts, the last of which does the work, with the most rights the account can have.
pub(super) fn elevated(rights: Rights, what: &'static str, texts: &[&'static str]) -> Script {
    elevated_after(&[], [], rights, what, texts)
}

/// The same after a work that the account does as itself: the texts `first`, which shift away what they are `given`.
pub(super) fn elevated_after(
    first: &[&'static str],
    given: impl IntoIterator<Item = String>,
    rights: Rights,
    what: &'static str,
    texts: &[&'static str],
) -> Script {
    let (then, text) = match rights {
        Rights::Sudo => (&[ELEVATE][..], Some(texts.join("\n"))),
        Rights::Root | Rights::Plain => (texts, None),
    };
    let all = [first, then].concat();
    let (last, functions) = all.split_last().map_or(("", &[][..]), |(last, functions)| (*last, functions));
    let script = functions.iter().copied().rev().fold(Script::new(what, last), Script::with);
    script.args(given).args(text)
}
