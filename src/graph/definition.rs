//! The graph as data: which node follows which, under which condition, and how often at most.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::names::AgentName;
use crate::domain::run::RequestKind;
use crate::domain::sharing::Stands;
use crate::domain::state::{EngineeringStatus, Intent, ProjectState};
use crate::domain::task::Work;

/// A graph file, `agents/graph.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "cgo graph")]
pub struct Definition {
    /// Limits that end a loop.
    pub bounds: Bounds,
    /// The rules that pick the first node.
    pub start: Vec<Rule>,
    /// The nodes, by name.
    pub nodes: BTreeMap<AgentName, Node>,
}

/// Limits that end a loop; past one, a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The most node visits of one run.
    pub steps_per_run: u32,
    /// The most passages over one edge in one run.
    pub visits_per_edge: u32,
    /// A hand-over with the same reason as before: this one is one too many.
    #[serde(default = "three")]
    pub same_reason: u32,
    /// A node that begins again, by the same way, with nothing changed: this time is one too many.
    #[serde(default = "two")]
    pub same_state: u32,
    /// The most steps in a row that bring nothing new.
    #[serde(default = "five")]
    pub without_evidence: u32,
}

fn two() -> u32 {
    2
}
fn three() -> u32 {
    3
}
fn five() -> u32 {
    5
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The agent that works here; absent for a node where a person decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// One line: what happens here.
    pub label: String,
    /// Starts only when no branch that can still reach it is at work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub join: bool,
    /// What follows: the first rule that fits. No rule: the branch ends here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Rule>,
}

/// "Under this condition, go there."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All of it has to hold; absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// The nodes that start, side by side when there are several.
    pub to: Vec<AgentName>,
    /// The most passages over these edges in one run; absent: `bounds.visits_per_edge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
}

/// A condition on the state; every field that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The intent is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub po_intent: Option<Vec<Intent>>,
    /// Engineering stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engineering_status: Option<EngineeringStatus>,
    /// What of the planned tasks is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// A person has to approve first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_human_approval: Option<bool>,
    /// Whether the project is to be shared with others, or that came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Stands>,
    /// The run was asked for by one of these commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Vec<RequestKind>>,
}

impl When {
    fn holds(&self, request: RequestKind, state: &ProjectState) -> bool {
        self.po_intent.as_ref().is_none_or(|intents| state.po_intent.is_some_and(|intent| intents.contains(&intent)))
            && self.engineering_status.is_none_or(|status| state.engineering_status == status)
            && self.work.is_none_or(|work| Work::of(&state.tasks) == work)
            && self.needs_human_approval.is_none_or(|needed| state.needs_human_approval == needed)
            && self.sharing.is_none_or(|stands| stands.holds(state.sharing.as_ref()))
            && self.request.as_ref().is_none_or(|requests| requests.contains(&request))
    }

    /// The condition in words, for drawings: `po_intent = deploy`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(intents) = &self.po_intent {
            let names: Vec<String> = intents.iter().map(spelled).collect();
            parts.push(format!("intent: {}", names.join(" or ")));
        }
        if let Some(status) = &self.engineering_status {
            parts.push(format!("engineering {}", spelled(status)));
        }
        if let Some(work) = &self.work {
            parts.push(format!("work {}", spelled(work)));
        }
        if let Some(needed) = self.needs_human_approval {
            parts.push(if needed { "a person is needed" } else { "no person is needed" }.to_owned());
        }
        if let Some(stands) = &self.sharing {
            parts.push(format!("sharing {}", spelled(stands)));
        }
        if let Some(requests) = &self.request {
            let names: Vec<String> = requests.iter().map(spelled).collect();
            parts.push(format!("request: {}", names.join(" or ")));
        }
        parts.join(", ")
    }
}

fn spelled(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not a graph.
    #[error("the graph cannot be read: {0}")]
    Syntax(String),
    /// An edge leads nowhere.
    #[error("node `{from}` goes to `{to}`, which is not a node")]
    UnknownNode {
        /// Where the edge begins; `start` for the first.
        from: String,
        /// Where it would end.
        to: AgentName,
    },
    /// A node nobody gets to.
    #[error("node `{0}` cannot be reached from the start")]
    Unreachable(AgentName),
    /// A node names an agent there is no file for.
    #[error("node `{node}` names agent `{agent}`, which does not exist")]
    UnknownAgent {
        /// The node.
        node: AgentName,
        /// The agent.
        agent: AgentName,
    },
    /// The last rule has a condition, so a state could fit none.
    #[error("the last rule of `{0}` has a condition: a state that fits none would be stuck")]
    NoOtherwise(String),
    /// A bound that bounds nothing.
    #[error("`{0}` must be at least 1")]
    NoBound(&'static str),
    /// No rule fits the state.
    #[error("no rule of `{0}` fits the state")]
    Stuck(String),
}

/// A checked graph.
#[derive(Debug, Clone)]
pub struct Graph {
    definition: Definition,
    /// For each node, all nodes that can come after it.
    reach: BTreeMap<AgentName, BTreeSet<AgentName>>,
}

impl Graph {
    /// Reads and checks a graph file.
    ///
    /// # Errors
    /// The first [`Error`] found.
    pub fn parse(text: &str, agents: &BTreeSet<AgentName>) -> Result<Self, Error> {
        let definition: Definition = serde_yaml::from_str(text).map_err(|error| Error::Syntax(error.to_string()))?;
        Self::check(definition, agents)
    }

    /// Checks that every edge resolves, every node is reached, every loop is bounded and no state gets stuck.
    ///
    /// # Errors
    /// The first [`Error`] found.
    pub fn check(definition: Definition, agents: &BTreeSet<AgentName>) -> Result<Self, Error> {
        for (name, bound) in [
            ("bounds.steps_per_run", definition.bounds.steps_per_run),
            ("bounds.visits_per_edge", definition.bounds.visits_per_edge),
            ("bounds.same_reason", definition.bounds.same_reason),
            ("bounds.same_state", definition.bounds.same_state),
            ("bounds.without_evidence", definition.bounds.without_evidence),
        ] {
            if bound == 0 {
                return Err(Error::NoBound(name));
            }
        }
        let rules = std::iter::once(("start".to_owned(), &definition.start))
            .chain(definition.nodes.iter().map(|(name, node)| (name.to_string(), &node.next)));
        for (from, rules) in rules {
            if rules.iter().any(|rule| rule.at_most == Some(0)) {
                return Err(Error::NoBound("at_most"));
            }
            for to in rules.iter().flat_map(|rule| &rule.to) {
                if !definition.nodes.contains_key(to) {
                    return Err(Error::UnknownNode { from, to: to.clone() });
                }
            }
            if rules.last().is_some_and(|rule| rule.when.is_some()) {
                return Err(Error::NoOtherwise(from));
            }
        }
        for (name, node) in &definition.nodes {
            if let Some(agent) = node.agent.as_ref().filter(|agent| !agents.contains(*agent)) {
                return Err(Error::UnknownAgent { node: name.clone(), agent: agent.clone() });
            }
        }
        let reach: BTreeMap<_, _> = definition
            .nodes
            .keys()
            .map(|name| (name.clone(), reachable(&definition, &definition.nodes[name].next)))
            .collect();
        let from_start = reachable(&definition, &definition.start);
        if let Some(lost) = definition.nodes.keys().find(|name| !from_start.contains(*name)) {
            return Err(Error::Unreachable(lost.clone()));
        }
        Ok(Self { definition, reach })
    }

    /// The graph as data.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &AgentName) -> Option<&Node> {
        self.definition.nodes.get(name)
    }

    /// Whether work at `from` can still lead to `to`.
    #[must_use]
    pub fn reaches(&self, from: &AgentName, to: &AgentName) -> bool {
        self.reach.get(from).is_some_and(|nodes| nodes.contains(to))
    }

    /// The most passages from `from` (none: the start) to `to` in one run.
    #[must_use]
    pub fn bound(&self, from: Option<&AgentName>, to: &AgentName) -> u32 {
        let rules = from.and_then(|from| self.definition.nodes.get(from)).map(|node| &node.next);
        let own = rules.into_iter().flatten().filter(|rule| rule.to.contains(to)).filter_map(|rule| rule.at_most);
        own.max().unwrap_or(self.definition.bounds.visits_per_edge)
    }

    /// The nodes that follow `from` (none: the start) in that state.
    ///
    /// # Errors
    /// [`Error::Stuck`] when there are rules and none fits.
    pub fn route(
        &self,
        from: Option<&AgentName>,
        request: RequestKind,
        state: &ProjectState,
    ) -> Result<Vec<AgentName>, Error> {
        let rules = match from {
            None => &self.definition.start,
            Some(name) => match self.definition.nodes.get(name) {
                Some(node) => &node.next,
                None => return Err(Error::Stuck(name.to_string())),
            },
        };
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        rules
            .iter()
            .find(|rule| rule.when.as_ref().is_none_or(|when| when.holds(request, state)))
            .map(|rule| rule.to.clone())
            .ok_or_else(|| Error::Stuck(from.map_or_else(|| "start".to_owned(), ToString::to_string)))
    }
}

fn reachable(definition: &Definition, rules: &[Rule]) -> BTreeSet<AgentName> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&AgentName> = rules.iter().flat_map(|rule| &rule.to).collect();
    while let Some(name) = open.pop() {
        if found.insert(name.clone())
            && let Some(node) = definition.nodes.get(name)
        {
            open.extend(node.next.iter().flat_map(|rule| &rule.to));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(nodes: &str) -> Result<Graph, Error> {
        let agents = ["a", "b", "c"].iter().map(|name| AgentName::parse(name).unwrap()).collect();
        Graph::parse(&format!("bounds: {{steps_per_run: 9, visits_per_edge: 3}}\n{nodes}"), &agents)
    }

    #[test]
    fn an_edge_to_nowhere_is_refused() {
        let error = parse("start: [{to: [a]}]\nnodes:\n  a: {agent: a, label: x, next: [{to: [z]}]}").unwrap_err();
        assert_eq!(error.to_string(), "node `a` goes to `z`, which is not a node");
    }

    #[test]
    fn a_node_nobody_reaches_is_refused() {
        let error =
            parse("start: [{to: [a]}]\nnodes:\n  a: {agent: a, label: x}\n  b: {agent: b, label: y}").unwrap_err();
        assert_eq!(error, Error::Unreachable(AgentName::parse("b").unwrap()));
    }

    #[test]
    fn a_graph_that_can_get_stuck_or_never_ends_is_refused() {
        let conditional = "start: [{to: [a]}]\nnodes:\n  a: {agent: a, label: x, next: [{when: {needs_human_approval: true}, to: [a]}]}";
        assert_eq!(parse(conditional).unwrap_err(), Error::NoOtherwise("a".to_owned()));
        let unbounded = "bounds: {steps_per_run: 0, visits_per_edge: 3}\nstart: []\nnodes: {}";
        assert!(matches!(Graph::parse(unbounded, &BTreeSet::new()), Err(Error::NoBound(_))));
    }

    #[test]
    fn an_unknown_agent_or_key_is_refused() {
        assert!(matches!(
            parse("start: [{to: [a]}]\nnodes:\n  a: {agent: z, label: x}"),
            Err(Error::UnknownAgent { .. })
        ));
        assert!(matches!(parse("start: []\nnodes: {}\nedges: []"), Err(Error::Syntax(_))));
    }
}
