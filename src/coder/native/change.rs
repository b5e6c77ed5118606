//! Changing files: edit, write, remove.

use similar::TextDiff;

use super::calls::{EditFile, Remove, Write};
use super::look::{cut, like};
use super::matching::{self, Edit, How};
use super::root::{Kind, Root, size};
use super::rules::{self, Rules};

/// How much of a difference is shown, in lines.
const SHOWN: usize = 120;
/// How many lines of both texts are compared.
const COMPARED: usize = 20_000;
/// The largest text that is written, in bytes.
const LARGEST: usize = 2 << 20;

/// A change that was made.
pub(super) struct Changed {
    /// The file.
    pub(super) path: String,
    /// Its text; none when it is gone.
    pub(super) text: Option<String>,
    /// For the model.
    pub(super) said: String,
}

pub(super) fn edit(root: &Root, rules: &Rules, files: &[String], args: EditFile) -> Result<Changed, String> {
    let path = root.parse(&args.path)?;
    rules.may_change(&path)?;
    let text = root.text(&path).map_err(|error| match root.kind(&path) {
        Kind::Nothing => format!("{error}{}; `write` makes new files", like(&path, files)),
        _ => error,
    })?;
    if args.edits.is_empty() {
        return Err("there are no edits".to_owned());
    }
    let edits: Vec<Edit> = args.edits.into_iter().map(Edit::from).collect();
    for edit in &edits {
        whole(&edit.replace, &edit.search)?;
    }
    let applied = matching::apply(&text, &edits).map_err(|misfit| {
        let none = if edits.len() > 1 { "; none of the edits was made" } else { "" };
        format!("`{path}` is as it was: {misfit}{none}")
    })?;
    if applied.text == text {
        return Err(format!("`{path}` is as it was: the edits undo each other"));
    }
    root.write(&path, &applied.text)?;
    let guessed: Vec<String> = applied
        .places
        .iter()
        .enumerate()
        .filter(|(_, places)| places.iter().any(|place| place.how == How::Nearly))
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    let mut said = format!("edited {path}\n{}", difference(&text, &applied.text));
    if !guessed.is_empty() {
        said.push_str("\nNo place was quite what edit ");
        said.push_str(&guessed.join(", "));
        said.push_str(
            " searched for; the only one that is nearly so was taken. See that the difference is what you want.",
        );
    }
    Ok(Changed { path, text: Some(applied.text), said })
}

pub(super) fn write(root: &Root, rules: &Rules, known: bool, args: Write) -> Result<Changed, String> {
    let path = root.parse(&args.path)?;
    rules.may_change(&path)?;
    if args.content.len() > LARGEST {
        return Err(format!("that is too much for a file of code: {}", size(args.content.len() as u64)));
    }
    let before = match root.kind(&path) {
        Kind::Nothing => None,
        Kind::File(_) if !known => {
            return Err(format!("`{path}` is there already; read it before you replace it, or use `edit`"));
        }
        Kind::File(_) => Some(root.text(&path)?),
        Kind::Folder => return Err(format!("`{path}` is a folder")),
        Kind::Other => return Err(format!("`{path}` is a symbolic link or something else that is no file")),
    };
    whole(&args.content, before.as_deref().unwrap_or_default())?;
    if before.as_ref() == Some(&args.content) {
        return Err(format!("`{path}` holds exactly that already"));
    }
    root.write(&path, &args.content)?;
    let said = match before {
        Some(before) => format!("replaced {path}\n{}", difference(&before, &args.content)),
        None => format!("made {path}, {} lines", args.content.lines().count()),
    };
    Ok(Changed { path, text: Some(args.content), said })
}

pub(super) fn remove(root: &Root, rules: &Rules, args: &Remove) -> Result<Changed, String> {
    let path = root.parse(&args.path)?;
    rules.may_change(&path)?;
    rules::may_read(&path)?;
    root.remove(&path)?;
    Ok(Changed { said: format!("removed {path}"), path, text: None })
}

/// Refuses a text that leaves out what was there.
fn whole(text: &str, before: &str) -> Result<(), String> {
    let left_out = text.lines().find(|line| {
        let words = line.trim().to_lowercase();
        let comment = ["#", "//", "--", "/*", "<!--"].iter().find_map(|mark| words.strip_prefix(mark));
        let told = comment.map(|words| words.trim_start().trim_start_matches(['.', '…', ' '])).is_some_and(|rest| {
            let dots = words.contains("...") || words.contains('…');
            let kept =
                ["existing", "rest of", "remaining", "unchanged", "other code", "same as before", "previous code"];
            dots && kept.iter().any(|kept| rest.contains(kept))
        });
        told && !before.contains(line.trim())
    });
    match left_out {
        Some(line) => {
            let line = cut(line.trim(), 80);
            Err(format!(
                "nothing was changed: `{line}` leaves code out. Give the text as it is to be, or a smaller edit"
            ))
        }
        None => Ok(()),
    }
}

/// The difference between two texts, bounded.
fn difference(before: &str, after: &str) -> String {
    if before.lines().count() + after.lines().count() > COMPARED {
        return format!("{} lines where there were {}", after.lines().count(), before.lines().count());
    }
    let diff = TextDiff::from_lines(before, after);
    let unified = diff.unified_diff().context_radius(2).missing_newline_hint(false).to_string();
    let mut lines: Vec<String> = unified.lines().take(SHOWN).map(|line| cut(line, 300)).collect();
    let more = unified.lines().count().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(format!("… {more} more lines of difference"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::calls::Replacement;
    use super::*;

    fn place() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        root.write("a.py", "x = 1\ny = 2\nz = 3\n").unwrap();
        (folder, root)
    }

    fn replace(search: &str, replace: &str) -> Replacement {
        Replacement { search: search.into(), replace: replace.into(), all: None }
    }

    #[test]
    fn an_edit_tells_its_difference_and_a_misfit_leaves_the_file_as_it_was() {
        let (_folder, root) = place();
        let rules = Rules::default();
        let args = EditFile { path: "a.py".into(), edits: vec![replace("y = 2", "y = 5")] };
        let changed = edit(&root, &rules, &[], args).unwrap();
        assert!(
            changed.said.starts_with("edited a.py\n@@ -1,3 +1,3 @@\n x = 1\n-y = 2\n+y = 5\n z = 3"),
            "{}",
            changed.said
        );
        let args = EditFile { path: "a.py".into(), edits: vec![replace("x = 1", "x = 7"), replace("q = 1", "q = 2")] };
        let error = edit(&root, &rules, &[], args).err().unwrap();
        assert!(
            error.contains("is as it was: edit 2 matches nothing") && error.ends_with("none of the edits was made"),
            "{error}"
        );
        assert_eq!(root.text("a.py").unwrap(), "x = 1\ny = 5\nz = 3\n");
        let args = EditFile { path: "b.py".into(), edits: vec![replace("x", "y")] };
        assert!(edit(&root, &rules, &[], args).err().unwrap().contains("`write` makes new files"));
    }

    #[test]
    fn a_file_is_replaced_only_by_one_who_has_read_it_and_never_by_a_part_of_it() {
        let (_folder, root) = place();
        let rules = Rules::default();
        let write = |path: &str, known, content: &str| {
            write(&root, &rules, known, Write { path: path.into(), content: content.into() })
                .map(|changed| changed.said)
        };
        assert!(write("a.py", false, "x = 2\n").unwrap_err().contains("read it before"));
        assert!(
            write("a.py", true, "x = 2\n# ... rest of the code unchanged ...\n")
                .unwrap_err()
                .contains("leaves code out")
        );
        assert!(write("a.py", true, "x = 1\ny = 2\nz = 3\n").unwrap_err().contains("exactly that"));
        assert!(write("a.py", true, "x = 2\n").unwrap().starts_with("replaced a.py\n"));
        assert_eq!(write("new/b.py", false, "1\n2\n").unwrap(), "made new/b.py, 2 lines");
        assert!(write(".env", false, "A=1").is_err());
        assert_eq!(remove(&root, &rules, &Remove { path: "new/b.py".into() }).unwrap().said, "removed new/b.py");
    }
}
