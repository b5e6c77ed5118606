//! Names that come from a person, a file or a model, parsed before anything else sees them.
//!
//! Each type holds only values that are safe as a path segment, a Python identifier or an argument,
//! as its name says. The rules are total: `parse` explains what is wrong and, where it can, what would do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not a name of the wanted sort. The text itself is shown with control characters escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not {} {sort}: {reason}", article(sort))]
pub struct InvalidName {
    /// The refused text, shortened and escaped.
    pub shown: String,
    /// The sort of name that was wanted, such as "project name".
    pub sort: &'static str,
    /// The rule that was broken.
    pub reason: String,
}

fn article(sort: &str) -> &'static str {
    if sort.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn invalid(text: &str, sort: &'static str, reason: impl Into<String>) -> InvalidName {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    InvalidName { shown, sort, reason: reason.into() }
}

/// Python's hard keywords, and the two names every method uses.
pub const PYTHON_KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "self", "cls",
];

/// Builtins that a generated function or module must not hide.
pub const PYTHON_BUILTINS: &[&str] = &[
    "print", "list", "dict", "set", "tuple", "str", "int", "float", "bool", "bytes", "object", "id", "input", "filter",
    "map", "max", "min", "sum", "len", "range", "sorted", "super", "property", "type", "match", "case",
];

/// Field names that SQLAlchemy, Pydantic or the generated code use for themselves.
pub const FIELD_RESERVED: &[&str] = &[
    "metadata",
    "registry",
    "query",
    "session",
    "schema",
    "schema_json",
    "json",
    "copy",
    "construct",
    "validate",
    "fields",
    "limit",
    "offset",
    "sort",
    "items",
    "total",
    "created_at",
    "updated_at",
    "id",
];

fn snake(text: &str, sort: &'static str) -> Result<(), InvalidName> {
    let mut characters = text.chars();
    match characters.next() {
        None => return Err(invalid(text, sort, "it is empty")),
        Some(first) if !first.is_ascii_lowercase() => {
            return Err(invalid(text, sort, "it starts with something other than a-z"));
        }
        Some(_) => {}
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')) {
        return Err(invalid(text, sort, format!("`{}` is not one of a-z, 0-9, _", bad.escape_debug())));
    }
    if text.len() > 50 {
        return Err(invalid(text, sort, "it is longer than 50 characters"));
    }
    if text.contains("__") || text.ends_with('_') {
        return Err(invalid(text, sort, "underscores stand alone and between words"));
    }
    Ok(())
}

fn check_project(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "project name";
    let mut characters = text.chars();
    match characters.next() {
        None => return Err(invalid(text, SORT, "it is empty")),
        Some(first) if !first.is_ascii_lowercase() => {
            return Err(invalid(text, SORT, "it must start with a letter a-z, like `notes-api`"));
        }
        Some(_) => {}
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        return Err(invalid(
            text,
            SORT,
            format!("`{}` is not one of a-z, 0-9, -; try something like `notes-api`", bad.escape_debug()),
        ));
    }
    if text.len() < 2 || text.len() > 40 {
        return Err(invalid(text, SORT, "it must have 2 to 40 characters"));
    }
    if text.ends_with('-') || text.contains("--") {
        return Err(invalid(text, SORT, "hyphens stand alone and between words"));
    }
    Ok(())
}

/// Class names the generated code uses itself.
const MODEL_RESERVED: &[&str] = &[
    "None",
    "True",
    "False",
    "Base",
    "BaseModel",
    "Enum",
    "Decimal",
    "Any",
    "List",
    "Dict",
    "Optional",
    "Literal",
    "Annotated",
    "Field",
    "Page",
    "Session",
    "Exception",
    "String",
    "Text",
    "Integer",
    "Boolean",
    "Column",
    "Table",
    "Date",
    "DateTime",
    "Time",
    "Numeric",
    "Float",
    "Uuid",
    "ForeignKey",
    "Mapped",
    "Router",
    "Depends",
    "Query",
    "Path",
    "Request",
    "Response",
    "Settings",
    "JSON",
    "Timestamps",
    "Problem",
];

fn check_model(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "model name";
    if text.is_empty() {
        return Err(invalid(text, SORT, "it is empty"));
    }
    if !text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Err(invalid(text, SORT, "it must start with a capital letter, like `Book`"));
    }
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric()) {
        return Err(invalid(text, SORT, format!("`{}` is not a letter or a digit", bad.escape_debug())));
    }
    if text.len() > 50 {
        return Err(invalid(text, SORT, "it is longer than 50 characters"));
    }
    if MODEL_RESERVED.contains(&text) {
        return Err(invalid(text, SORT, format!("the generated code uses that word itself; try `{text}Entry`")));
    }
    Ok(())
}

fn check_field(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "field name";
    snake(text, SORT)?;
    if PYTHON_KEYWORDS.contains(&text) || FIELD_RESERVED.contains(&text) {
        return Err(invalid(text, SORT, format!("it is a reserved word; try `{text}_value`")));
    }
    if text.starts_with("model_") {
        return Err(invalid(text, SORT, "names that begin with `model_` belong to Pydantic"));
    }
    Ok(())
}

fn check_identifier(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "name";
    snake(text, SORT)?;
    if PYTHON_KEYWORDS.contains(&text) || PYTHON_BUILTINS.contains(&text) {
        return Err(invalid(
            text,
            SORT,
            format!("Python or the generated code uses that word itself; try `{text}_item`"),
        ));
    }
    Ok(())
}

fn check_agent(text: &str) -> Result<(), InvalidName> {
    snake(text, "agent name")
}

fn check_server(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "server name";
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        let reason = format!("`{}` is not one of a-z, 0-9, -; try something like `web-1`", bad.escape_debug());
        return Err(invalid(text, SORT, reason));
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(invalid(text, SORT, "it must start with a letter a-z, like `web-1`"));
    }
    if text == "auto" {
        return Err(invalid(text, SORT, "`auto` stands for any server"));
    }
    if text.len() > 40 {
        return Err(invalid(text, SORT, "it is longer than 40 characters"));
    }
    if text.ends_with('-') || text.contains("--") {
        return Err(invalid(text, SORT, "hyphens stand alone and between words"));
    }
    Ok(())
}

fn check_enum_value(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "enum value";
    if text.is_empty() || text.len() > 60 {
        return Err(invalid(text, SORT, "it must have 1 to 60 characters"));
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '/'))) {
        return Err(invalid(
            text,
            SORT,
            format!("`{}` is not a letter, a digit or one of _-./ and space", bad.escape_debug()),
        ));
    }
    if text.trim() != text {
        return Err(invalid(text, SORT, "it begins or ends with a space"));
    }
    Ok(())
}

fn check_owner(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "owner of repositories";
    if text.is_empty() || text.len() > 39 {
        return Err(invalid(text, SORT, "it must have 1 to 39 characters"));
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        return Err(invalid(text, SORT, format!("`{}` is not a letter, a digit or `-`", bad.escape_debug())));
    }
    if text.starts_with('-') {
        return Err(invalid(text, SORT, "it starts with `-`"));
    }
    Ok(())
}

fn check_repository(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "repository name";
    if text.is_empty() || text.len() > 100 {
        return Err(invalid(text, SORT, "it must have 1 to 100 characters"));
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        return Err(invalid(text, SORT, format!("`{}` is not a letter, a digit or one of -_.", bad.escape_debug())));
    }
    let ending = text.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    if text.starts_with('-') || matches!(text, "." | "..") || matches!(ending.as_deref(), Some("git" | "wiki")) {
        return Err(invalid(text, SORT, "that name has another meaning"));
    }
    Ok(())
}

fn check_branch(text: &str) -> Result<(), InvalidName> {
    const SORT: &str = "branch name";
    if text.is_empty() || text.len() > 200 {
        return Err(invalid(text, SORT, "it must have 1 to 200 characters"));
    }
    let wrong = |c: &char| c.is_whitespace() || c.is_control() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    if let Some(bad) = text.chars().find(wrong) {
        return Err(invalid(text, SORT, format!("`{}` has a meaning of its own in git", bad.escape_debug())));
    }
    let parts_stand = text.split('/').all(|part| {
        let lock = part.rsplit_once('.').is_some_and(|(_, ending)| ending == "lock");
        !part.is_empty() && !part.starts_with('.') && !lock
    });
    if !parts_stand || text.starts_with('-') || text.ends_with('.') || text.contains("..") || text.contains("@{") {
        return Err(invalid(text, SORT, "git takes no such name"));
    }
    if text == "@" || text == "HEAD" {
        return Err(invalid(text, SORT, "that name has another meaning"));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:ident, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Parses a name, or says which rule it breaks.
            ///
            /// # Errors
            /// [`InvalidName`] with the rule.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

name!(
    /// A project's name: also its folder, its host account and part of its container names.
    ProjectName, check_project, "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
);
name!(
    /// A server's name.
    ServerName, check_server, "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
);
name!(
    /// A model of the spec, in PascalCase: also a Python class.
    ModelName, check_model, "^[A-Z][A-Za-z0-9]*$"
);
name!(
    /// A field of a model, in snake_case: also a Python attribute and a column.
    FieldName, check_field, "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
);
name!(
    /// A domain, operation, service variable or parameter, in snake_case.
    Identifier, check_identifier, "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
);
name!(
    /// An agent or a node of the graph, in snake_case.
    AgentName, check_agent, "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
);
name!(
    /// One value of an enumeration.
    EnumValue, check_enum_value, "^[A-Za-z0-9_./-]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$"
);

name!(
    /// A person or an organization that owns repositories at a forge.
    OwnerName, check_owner, "^[A-Za-z0-9_][A-Za-z0-9_-]{0,38}$"
);
name!(
    /// A repository's name at a forge, without its owner.
    RepositoryName, check_repository, "^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}$"
);
name!(
    /// A branch of a git repository, without `refs/heads/`.
    BranchName, check_branch, "^[^-\\s~^:?*\\[\\\\][^\\s~^:?*\\[\\\\]{0,199}$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_that_could_leave_their_folder_are_refused() {
        for bad in ["", "../x", "a;b", "--help", "-x", "A", "a b", "a/b", "a\n", "x", "a--b", "a-", "ж", "."] {
            assert!(ProjectName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["notes", "notes-api", "a1", "x-2-y"] {
            assert_eq!(ProjectName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn server_names_are_words() {
        for bad in ["", "-x", "A", "a b", "a/b", "a\n", "a'b", "a\"", "$(id)", "1a", "a--b", "a-"] {
            assert!(ServerName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["a", "web-1", "fra1"] {
            assert!(ServerName::parse(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn fields_do_not_collide_with_what_python_and_the_libraries_own() {
        for bad in ["class", "metadata", "model_config", "id", "created_at", "Title", "a__b", "a-b", "_x", "1a"] {
            assert!(FieldName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(FieldName::parse("due_date").is_ok());
    }

    #[test]
    fn a_refusal_shows_control_characters_escaped() {
        let error = ProjectName::parse("a\u{1b}[31m").unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    #[test]
    fn names_at_a_forge_cannot_leave_their_place_in_an_address_or_become_an_option() {
        for bad in ["", "-a", "a/b", "..", "a b", "ж", "a\n", "a.git", "a.wiki", "?", "a%2f"] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad:?} was accepted");
            assert!(OwnerName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["notes-api", ".github", "a_b.c", "0"] {
            assert!(RepositoryName::parse(good).is_ok(), "{good:?} was refused");
        }
        assert!(OwnerName::parse("octo-org").is_ok() && OwnerName::parse("mona_acme").is_ok());
        for bad in
            ["", "-f", "a..b", "a:b", "+a b", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "@{u}", "HEAD", "a.", "*"]
        {
            assert!(BranchName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["main", "feature/заметки", "v1.2", "cgo/run-1"] {
            assert!(BranchName::parse(good).is_ok(), "{good:?} was refused");
        }
    }
}
