//! Scripts that root has to run: as they are where the account is root, else through sudo.

use super::host::Script;
use crate::domain::host::Rights;

/// Runs its first argument as root, with the others.
const ELEVATE: &str = r#"text=$1; shift; exec sudo -n env LC_ALL=C sh -c "$text" sh "$@""#;

/// A script of several texts, the last of which does the work, with the most rights the account can have.
pub(super) fn elevated(rights: Rights, what: &'static str, texts: &[&'static str]) -> Script {
    match (rights, texts.split_last()) {
        (Rights::Sudo, _) => Script::new(what, ELEVATE).arg(texts.join("\n")),
        (Rights::Root | Rights::Plain, Some((last, functions))) => {
            functions.iter().rev().fold(Script::new(what, last), |script, text| script.with(text))
        }
        (Rights::Root | Rights::Plain, None) => Script::new(what, ""),
    }
}
