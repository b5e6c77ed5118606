//! The tools as a model sees them: names, descriptions, typed arguments.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::matching;
use crate::llm::{Schema, ToolCall, ToolSpec};

/// Takes no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Lists files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// A folder like `services/backend`, or a pattern like `**/*.py`; everything when absent.
    #[serde(default)]
    pub(super) path: Option<String>,
}

/// Searches files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// A regular expression, matched line by line. Neither look-around nor back-references.
    pub(super) pattern: String,
    /// A folder, a file, or a pattern of paths like `**/*.py`; everything when absent.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// Lines shown before and after each match, 0 to 10.
    #[serde(default)]
    pub(super) context: Option<usize>,
    /// Upper and lower case are the same.
    #[serde(default)]
    pub(super) ignore_case: Option<bool>,
}

/// Reads a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// The file.
    pub(super) path: String,
    /// The first line, from 1.
    #[serde(default)]
    pub(super) offset: Option<usize>,
    /// How many lines.
    #[serde(default)]
    pub(super) limit: Option<usize>,
}

/// Changes a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    /// The file.
    pub(super) path: String,
    /// The replacements, made in this order; all of them or none.
    pub(super) edits: Vec<Replacement>,
}

/// One replacement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Replacement {
    /// The text that is there, copied from the file without line numbers, with enough lines to mean one place only.
    pub(super) search: String,
    /// The text that is to be there instead.
    pub(super) replace: String,
    /// Replace at every place.
    #[serde(default)]
    pub(super) all: Option<bool>,
}

impl From<Replacement> for matching::Edit {
    fn from(one: Replacement) -> Self {
        Self { search: one.search, replace: one.replace, all: one.all.unwrap_or(false) }
    }
}

/// Writes a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    /// The file; folders are made.
    pub(super) path: String,
    /// All of its text.
    pub(super) content: String,
}

/// Removes a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    /// The file.
    pub(super) path: String,
}

/// Runs a command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// For the shell, in the root of the repository.
    pub(super) command: String,
    /// Seconds it may take; 120 when absent.
    #[serde(default)]
    pub(super) timeout: Option<u64>,
}

/// Says that the task is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// What was done and why so, for the commit and the reviewer: a line, then details where they matter.
    pub(super) summary: String,
}

/// Says that the task cannot be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Blocked {
    /// What stops you and what would have to change.
    pub(super) reason: String,
}

/// A call that makes sense.
#[derive(Debug)]
pub(super) enum Call {
    List(List),
    Search(Search),
    Read(Read),
    Edit(EditFile),
    Write(Write),
    Remove(Remove),
    Run(Run),
    Check,
    Finish(Finish),
    Blocked(Blocked),
}

/// What a model is told of the tools.
pub(super) fn specs() -> Vec<ToolSpec> {
    vec![
        spec::<List>("list", "List the files of the repository with their sizes. What git ignores is left out."),
        spec::<Search>("search", "Search the files of the repository by a regular expression."),
        spec::<Read>("read", "Read a text file, with line numbers. Small files come whole."),
        spec::<EditFile>(
            "edit",
            "Change a file by search and replace. The difference that was made is the result. To add something, search \
             for the lines beside it and give them back with what is new.",
        ),
        spec::<Write>("write", "Make a new file, or replace the whole of one that you have read."),
        spec::<Remove>("remove", "Remove a file."),
        spec::<Run>(
            "run",
            "Run a shell command in a sandbox: the repository is writable, there is no network, nothing can be \
             installed, and nothing stays running.",
        ),
        spec::<Nothing>("check", "Run the project's own lint and tests now. When they pass, your work is committed."),
        spec::<Finish>("finish", "Say that the task is done. Lint and tests have to pass for it to be accepted."),
        spec::<Blocked>("blocked", "Give the task back because it cannot be done. What is not committed is lost."),
    ]
}

fn spec<A: JsonSchema>(name: &str, description: &str) -> ToolSpec {
    let parameters = Schema::new(schemars::schema_for!(A).to_value());
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters }
}

/// Reads a call; the refusal is for the model. Arguments that are no JSON are never mended.
pub(super) fn parse(call: &ToolCall) -> Result<Call, String> {
    Ok(match call.name.as_str() {
        "list" => Call::List(arguments(call)?),
        "search" => Call::Search(arguments(call)?),
        "read" => Call::Read(arguments(call)?),
        "edit" => Call::Edit(arguments(call)?),
        "write" => Call::Write(arguments(call)?),
        "remove" => Call::Remove(arguments(call)?),
        "run" => Call::Run(arguments(call)?),
        "check" => {
            let Nothing {} = arguments(call)?;
            Call::Check
        }
        "finish" => Call::Finish(arguments(call)?),
        "blocked" => Call::Blocked(arguments(call)?),
        other => {
            let names: Vec<String> = specs().into_iter().map(|tool| tool.name).collect();
            let other: String = other.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(format!("there is no tool `{other}`; there are {}", names.join(", ")));
        }
    })
}

fn arguments<A: DeserializeOwned>(call: &ToolCall) -> Result<A, String> {
    let name = &call.name;
    let value =
        call.parsed().map_err(|error| format!("the arguments of `{name}` are not JSON, nothing was done: {error}"))?;
    A::deserialize(&value).map_err(|error| format!("the arguments of `{name}` do not fit, nothing was done: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> Result<Call, String> {
        parse(&ToolCall { id: "1".to_owned(), name: name.to_owned(), arguments: arguments.to_owned() })
    }

    #[test]
    fn every_tool_that_is_told_of_can_be_called_and_no_other() {
        for tool in specs() {
            let error = call(&tool.name, "{\"no such\": 1}").unwrap_err();
            assert!(error.contains("do not fit"), "{error}");
            assert!(!tool.parameters.text().contains("$ref"), "{:?}", tool.parameters);
        }
        let error = call("bash", "{}").unwrap_err();
        assert!(error.contains("there is no tool `bash`; there are list, search, read"), "{error}");
    }

    #[test]
    fn arguments_that_are_cut_off_are_never_taken_for_whole_ones() {
        for arguments in ["{\"command\": \"rm -r build", "{\"command\": \"rm -r build\"", "[]", "\"x\""] {
            let error = call("run", arguments).unwrap_err();
            assert!(error.contains("nothing was done"), "{error}");
        }
        assert!(matches!(call("check", ""), Ok(Call::Check)));
        assert!(matches!(call("run", "{\"command\":\"ls\"}"), Ok(Call::Run(_))));
    }
}
