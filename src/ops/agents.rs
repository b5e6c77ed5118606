//! Agents as people handle them: looked at, edited, compared, rolled back, moved between stores.
//!
//! An agent is a YAML file kept in versions. The built-in files are part of the program and seeded as version 1; every
//! change is a new version, checked before it is stored. Files are for admins to look at and to change; runs, which
//! work with the rights of whoever asked for them, take agents as they are configured ([`team`], [`ready`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rust_embed::RustEmbed;

use super::{Context, Error, users};
use crate::domain::agent::{Agent, AgentVersion};
use crate::domain::names::AgentName;
use crate::domain::suggest::nearest;
use crate::domain::user::Right;
use crate::store::Agents as _;

#[derive(RustEmbed)]
#[folder = "agents/"]
struct Files;

/// The graph's file among the agents'.
const GRAPH: &str = "graph.yaml";
/// The longest file taken, in bytes.
const LIMIT: usize = 256 * 1024;

/// The built-in graph, as text.
#[must_use]
pub fn graph_text() -> String {
    text_of(GRAPH).expect("the graph is embedded")
}

fn text_of(file: &str) -> Option<String> {
    Files::get(file).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// The built-in agents' files, by name.
#[must_use]
pub fn built_in() -> BTreeMap<AgentName, String> {
    Files::iter()
        .filter(|file| file != GRAPH)
        .filter_map(|file| {
            let name = AgentName::parse(file.strip_suffix(".yaml")?).ok()?;
            Some((name, text_of(&file)?))
        })
        .collect()
}

/// What is wrong with an agent's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Problem {
    /// Where, counted from 1, when the place is known.
    pub at: Option<(u64, u64)>,
    /// What is wrong.
    pub reason: String,
    /// The line it is in, with a mark below the place.
    pub lines: Vec<String>,
}

impl Problem {
    /// A problem at a place of a text, or of the whole.
    fn new(text: &str, at: Option<(u64, u64)>, reason: String) -> Self {
        let lines = at.and_then(|(line, column)| {
            let index = usize::try_from(line.checked_sub(1)?).ok()?;
            let number = line.to_string();
            let mark = " ".repeat(number.len() + 3 + usize::try_from(column.checked_sub(1)?).ok()?);
            Some(vec![format!("{number} | {}", text.lines().nth(index)?), format!("{mark}^")])
        });
        Self { at, reason, lines: lines.unwrap_or_default() }
    }
}

/// Reads and checks an agent's file.
///
/// # Errors
/// [`Problem`] with line, column and reason.
pub fn parse(expected: &AgentName, text: &str) -> Result<Agent, Problem> {
    let plain = |reason: String| Problem::new(text, None, reason);
    if text.len() > LIMIT {
        return Err(plain(format!("the file has {} bytes; the most is {LIMIT}", text.len())));
    }
    let agent: Agent = serde_yaml::from_str(text).map_err(|error| {
        let words = error.without_snippet().to_string();
        let at = error.location().map(|place| (place.line(), place.column()));
        let ending = at.map(|(line, column)| format!(" at line {line}, column {column}")).unwrap_or_default();
        Problem::new(text, at, words.strip_suffix(&ending).unwrap_or(&words).to_owned())
    })?;
    let at = |key: &str, reason: String| Problem::new(text, place_of(text, key), reason);
    if agent.id != *expected {
        return Err(at(
            "id",
            format!("`id` is `{}`, but this is the file of `{expected}`; ids never change", agent.id),
        ));
    }
    if !(0.0..=2.0).contains(&agent.temperature) {
        return Err(at("temperature", format!("`temperature` is {}; it must be from 0 to 2", agent.temperature)));
    }
    if agent.max_tokens == 0 || agent.max_tokens > 1_000_000 {
        return Err(at("max_tokens", format!("`max_tokens` is {}; it must be from 1 to 1000000", agent.max_tokens)));
    }
    if agent.max_turns == 0 || agent.max_turns > 200 {
        return Err(at("max_turns", format!("`max_turns` is {}; it must be from 1 to 200", agent.max_turns)));
    }
    if agent.budget.is_some_and(|budget| !(0.0..=1_000_000.0).contains(&budget)) {
        return Err(at("budget", "`budget` must be 0 or more".to_owned()));
    }
    if agent.system_prompt.trim().is_empty() {
        return Err(at("system_prompt", "`system_prompt` is empty".to_owned()));
    }
    let known = built_in();
    if let Some(stranger) = agent.handoffs.iter().find(|to| !known.contains_key(*to)) {
        let names: Vec<&str> = known.keys().map(AgentName::as_str).collect();
        return Err(at("handoffs", format!("there is no agent `{stranger}`; the agents are {}", names.join(", "))));
    }
    Ok(agent)
}

/// The line and column of a key at the beginning of a line.
fn place_of(text: &str, key: &str) -> Option<(u64, u64)> {
    let line = text.lines().position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))?;
    Some((line as u64 + 1, 1))
}

/// Agents kept in memory by a process that stays, for a while; our own writes are seen at once.
#[derive(Debug)]
pub struct Cache {
    keep: Duration,
    entries: Mutex<BTreeMap<AgentName, (Instant, Arc<Agent>)>>,
}

impl Cache {
    /// A cache that keeps an agent for so long.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        Self { keep, entries: Mutex::default() }
    }

    fn get(&self, name: &AgentName) -> Option<Arc<Agent>> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        entries.get(name).filter(|(at, _)| at.elapsed() < self.keep).map(|(_, agent)| Arc::clone(agent))
    }

    fn put(&self, agent: Arc<Agent>) {
        let mut entries = self.entries.lock().expect("no holder of this lock panics");
        entries.insert(agent.id.clone(), (Instant::now(), agent));
    }

    fn forget(&self, name: &AgentName) {
        self.entries.lock().expect("no holder of this lock panics").remove(name);
    }
}

/// What a version that nobody edited comes from.
const BUILT_IN: &str = "built-in";

/// Puts the built-in files into the store: of agents it does not know, and of those nobody has edited since an older
/// cgo put them there. Edited ones stay.
///
/// # Errors
/// When the store fails.
async fn seed(context: &Context) -> Result<(), Error> {
    let files = built_in();
    let stored = context.store.agents().await?;
    if stored.len() < files.len() {
        let seeds: Vec<(AgentName, &str)> = files.iter().map(|(name, text)| (name.clone(), text.as_str())).collect();
        context.store.seed_agents(&seeds, context.now()).await?;
    }
    for version in stored.iter().filter(|version| version.origin == BUILT_IN) {
        if let Some(text) = files.get(&version.agent).filter(|text| **text != version.text) {
            let (agent, now) = (&version.agent, context.now());
            context.store.add_agent_version(agent, Some(version.version), text, BUILT_IN, now).await?;
            context.agents.forget(agent);
        }
    }
    Ok(())
}

/// The agent as it is configured now, from memory or the store.
async fn current(context: &Context, name: &AgentName) -> Result<Arc<Agent>, Error> {
    if let Some(agent) = context.agents.get(name) {
        return Ok(agent);
    }
    let version = stored(context, name).await?;
    let agent = parse(name, &version.text).map_err(|problem| Error::BrokenAgent { name: name.clone(), problem })?;
    let agent = Arc::new(agent);
    context.agents.put(Arc::clone(&agent));
    Ok(agent)
}

/// The agents of these names as they are configured now. The built-in files are brought up to date first, unless all
/// of the agents are in memory. One that is granted a tool that is not among `tools` is refused.
///
/// # Errors
/// As [`ready`].
pub async fn team<'a>(
    context: &Context,
    names: impl Iterator<Item = &'a AgentName> + Clone,
    tools: &BTreeSet<AgentName>,
) -> Result<BTreeMap<AgentName, Arc<Agent>>, Error> {
    let kept: Option<BTreeMap<AgentName, Arc<Agent>>> =
        names.clone().map(|name| Some((name.clone(), context.agents.get(name)?))).collect();
    let granted = |agent: &Agent| agent.tools.iter().all(|tool| tools.contains(tool));
    if let Some(kept) = kept.filter(|kept| kept.values().all(|agent| granted(agent))) {
        return Ok(kept);
    }
    seed(context).await?;
    let mut team = BTreeMap::new();
    for name in names {
        if !team.contains_key(name) {
            team.insert(name.clone(), ready(context, name, tools).await?);
        }
    }
    Ok(team)
}

/// The newest stored version of an agent's file. For admins alone.
///
/// # Errors
/// [`users::Error::Forbidden`]; [`Error::NoSuchAgent`].
pub async fn newest(context: &Context, name: &AgentName) -> Result<AgentVersion, Error> {
    users::require(context, Right::Administer, None)?;
    stored(context, name).await
}

async fn stored(context: &Context, name: &AgentName) -> Result<AgentVersion, Error> {
    if let Some(version) = context.store.agent(name).await? {
        return Ok(version);
    }
    seed(context).await?;
    context.store.agent(name).await?.ok_or_else(|| no_such(name))
}

fn no_such(name: &AgentName) -> Error {
    Error::NoSuchAgent { name: name.to_string(), known: built_in().keys().map(ToString::to_string).collect() }
}

/// The newest version of every agent, by name. For admins alone.
///
/// # Errors
/// [`users::Error::Forbidden`]; when the store fails.
pub async fn list(context: &Context) -> Result<Vec<AgentVersion>, Error> {
    users::require(context, Right::Administer, None)?;
    seed(context).await?;
    Ok(context.store.agents().await?)
}

/// All versions of an agent, newest first. For admins alone.
///
/// # Errors
/// As [`newest`].
pub async fn history(context: &Context, name: &AgentName) -> Result<Vec<AgentVersion>, Error> {
    newest(context, name).await?;
    Ok(context.store.agent_history(name).await?)
}

/// One version of an agent's file. For admins alone.
///
/// # Errors
/// As [`newest`]; [`Error::NoSuchVersion`].
pub async fn version(context: &Context, name: &AgentName, number: u32) -> Result<AgentVersion, Error> {
    let newest = newest(context, name).await?;
    context.store.agent_version(name, number).await?.ok_or(Error::NoSuchVersion {
        name: name.clone(),
        number,
        newest: newest.version,
    })
}

/// Stores a new version, checked, on top of the one its author saw. The same text again changes nothing. For admins
/// alone.
///
/// # Errors
/// [`users::Error::Forbidden`]; [`Error::BrokenAgent`] with line and column; a conflict when somebody else stored a
/// version meanwhile.
pub async fn save(
    context: &Context,
    name: &AgentName,
    seen: u32,
    text: &str,
    origin: &str,
) -> Result<AgentVersion, Error> {
    users::require(context, Right::Administer, None)?;
    parse(name, text).map_err(|problem| Error::BrokenAgent { name: name.clone(), problem })?;
    let newest = stored(context, name).await?;
    if newest.text == text {
        return Ok(newest);
    }
    let stored = context.store.add_agent_version(name, Some(seen), text, origin, context.now()).await?;
    context.agents.forget(name);
    Ok(stored)
}

/// The file with one key set to a value, comments and order kept.
///
/// # Errors
/// [`Error::Usage`] when the key is not one that is set this way.
pub fn with_value(text: &str, key: &str, value: &str) -> Result<String, Error> {
    const KEYS: &[&str] = &[
        "name",
        "description",
        "engine",
        "provider",
        "model",
        "temperature",
        "max_tokens",
        "max_turns",
        "budget",
        "is_active",
        "tools",
        "handoffs",
        "reads",
        "writes",
    ];
    if !KEYS.contains(&key) {
        return Err(Error::Usage {
            what: format!("`{key}` cannot be set this way"),
            hint: format!("set one of {}, or run `cgo agent edit`", KEYS.join(", ")),
        });
    }
    if value.contains(['\n', '\r']) {
        return Err(Error::Usage {
            what: format!("the value of `{key}` has more than one line"),
            hint: "run `cgo agent edit` for longer texts".to_owned(),
        });
    }
    let wants_text = ["name", "description", "model", "provider"].contains(&key);
    let value = if wants_text { serde_json::Value::from(value).to_string() } else { value.to_owned() };
    let line = format!("{key}: {value}");
    let mut out: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut done = false;
    while let Some(present) = lines.next() {
        if !present.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')) {
            out.push(present);
            continue;
        }
        out.push(&line);
        done = true;
        while lines.peek().is_some_and(|next| next.starts_with([' ', '-'])) {
            lines.next();
        }
    }
    if !done {
        let before = out.iter().position(|line| line.starts_with("system_prompt:")).unwrap_or(out.len());
        out.insert(before, &line);
    }
    Ok(out.join("\n") + "\n")
}

/// Refuses an agent that names a provider that is not there.
///
/// # Errors
/// [`Problem`] naming the provider.
pub fn check_provider(agent: &Agent, known: &BTreeSet<String>) -> Result<(), Problem> {
    match agent.provider.as_ref().filter(|name| !known.contains(*name)) {
        Some(name) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(Problem::new("", None, format!("there is no provider `{name}`; there are {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

/// Refuses an agent that is granted a tool that is not there.
///
/// # Errors
/// [`Problem`] naming the tool, its place in the file and the nearest one there is.
pub fn check_tools(agent: &Agent, text: &str, known: &BTreeSet<AgentName>) -> Result<(), Problem> {
    let Some(stranger) = agent.tools.iter().find(|tool| !known.contains(*tool)) else { return Ok(()) };
    let names: Vec<&str> = known.iter().map(AgentName::as_str).collect();
    let near = nearest(stranger.as_str(), names.iter().copied()).map(|near| format!("; {near}")).unwrap_or_default();
    let reason = format!("there is no tool `{stranger}`{near} The tools are {}", names.join(", "));
    let reason = if near.is_empty() { reason.replacen(" The tools", "; the tools", 1) } else { reason };
    Err(Problem::new(text, place_of_word(text, stranger.as_str()).or_else(|| place_of(text, "tools")), reason))
}

/// The agent as it is configured now, refused when it is granted a tool that is not there.
///
/// # Errors
/// [`Error::NoSuchAgent`]; [`Error::BrokenAgent`] when the stored file no longer passes the checks, or naming the tool.
pub async fn ready(context: &Context, name: &AgentName, tools: &BTreeSet<AgentName>) -> Result<Arc<Agent>, Error> {
    let agent = current(context, name).await?;
    if agent.tools.iter().all(|tool| tools.contains(tool)) {
        return Ok(agent);
    }
    let text = stored(context, name).await?.text;
    match check_tools(&agent, &text, tools) {
        Ok(()) => Ok(agent),
        Err(problem) => Err(Error::BrokenAgent { name: name.clone(), problem }),
    }
}

/// The line and column of a whole word after the key `tools`.
fn place_of_word(text: &str, word: &str) -> Option<(u64, u64)> {
    let (first, _) = place_of(text, "tools")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.lines().enumerate().skip(usize::try_from(first - 1).ok()?).find_map(|(at, line)| {
        let whole = |column: &usize| {
            let (before, after) = (&line[..*column], &line[column + word.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        };
        let column = line.match_indices(word).map(|(column, _)| column).find(whole)?;
        Some((at as u64 + 1, line[..column].chars().count() as u64 + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_passes_its_own_check() {
        let files = built_in();
        assert_eq!(files.len(), 9);
        for (name, text) in files {
            parse(&name, &text).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
    }

    #[test]
    fn a_broken_file_shows_line_column_and_reason() {
        let name = AgentName::parse("tester").unwrap();
        let text = built_in()[&name].replace("temperature", "x").replace("max_tokens: 2048", "max_tokens: many");
        let problem = parse(&name, &text).unwrap_err();
        assert!(problem.at.is_some(), "{problem:?}");
        let misspelt = built_in()[&name].replace("max_tokens", "max_token");
        let problem = parse(&name, &misspelt).unwrap_err();
        assert!(problem.reason.contains("max_token"), "{problem}");
    }

    #[test]
    fn a_tool_that_is_not_there_is_named_with_its_place_and_the_nearest_one() {
        let name = AgentName::parse("tester").unwrap();
        let known: BTreeSet<AgentName> =
            ["run_tests", "deploy_service"].iter().map(|tool| AgentName::parse(tool).unwrap()).collect();
        let text = with_value(&built_in()[&name], "tools", "[run_tests, run_test]").unwrap();
        let agent = parse(&name, &text).unwrap();
        let problem = check_tools(&agent, &text, &known).unwrap_err();
        assert!(problem.reason.contains("no tool `run_test`; did you mean `run_tests`?"), "{problem}");
        let (line, column) = problem.at.unwrap();
        assert_eq!(text.lines().nth(usize::try_from(line).unwrap() - 1).unwrap(), "tools: [run_tests, run_test]");
        assert_eq!(column, 20);
        let text = with_value(&text, "tools", "[fly]").unwrap();
        let problem = check_tools(&parse(&name, &text).unwrap(), &text, &known).unwrap_err();
        assert!(problem.reason.contains("no tool `fly`; the tools are deploy_service, run_tests"), "{problem}");
    }

    #[test]
    fn setting_a_value_keeps_the_rest_of_the_file() {
        let name = AgentName::parse("tester").unwrap();
        let text = &built_in()[&name];
        let set = with_value(text, "max_tokens", "99").unwrap();
        assert_eq!(set, text.replace("max_tokens: 2048", "max_tokens: 99"));
        assert_eq!(parse(&name, &with_value(text, "budget", "1.5").unwrap()).unwrap().budget, Some(1.5));
        assert!(with_value(text, "system_prompt", "x").is_err());
    }
}
