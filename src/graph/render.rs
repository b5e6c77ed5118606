//! Draws a graph: mermaid for Markdown, dot for Graphviz, SVG for everything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::definition::{Definition, When};
use crate::domain::names::AgentName;

/// One edge as it is drawn.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    words: String,
}

fn edges(definition: &Definition) -> Vec<Edge<'_>> {
    std::iter::once(("start", &definition.start))
        .chain(definition.nodes.iter().map(|(name, node)| (name.as_str(), &node.next)))
        .flat_map(|(from, rules)| {
            rules.iter().flat_map(move |rule| {
                let words = rule.when.as_ref().map(When::words).unwrap_or_default();
                rule.to.iter().map(move |to| Edge { from, to: to.as_str(), words: words.clone() })
            })
        })
        .collect()
}

fn title(definition: &Definition, name: &AgentName) -> String {
    let node = &definition.nodes[name];
    match &node.agent {
        Some(agent) if agent != name => format!("{name} ({agent})"),
        Some(_) => name.to_string(),
        None => format!("{name} (a person)"),
    }
}

/// The graph as a mermaid flowchart.
#[must_use]
pub fn mermaid(definition: &Definition) -> String {
    let mut out = String::from("flowchart TD\n    start([start])\n");
    for (name, node) in &definition.nodes {
        let (open, close) = match (&node.agent, node.join) {
            (None, _) => ("{{", "}}"),
            (Some(_), true) => ("[[", "]]"),
            (Some(_), false) => ("[", "]"),
        };
        let _ = writeln!(out, "    {name}{open}\"{}<br/>{}\"{close}", title(definition, name), node.label);
    }
    for edge in edges(definition) {
        if edge.words.is_empty() {
            let _ = writeln!(out, "    {} --> {}", edge.from, edge.to);
        } else {
            let _ = writeln!(out, "    {} -->|\"{}\"| {}", edge.from, edge.words, edge.to);
        }
    }
    out
}

/// The graph in Graphviz's language.
#[must_use]
pub fn dot(definition: &Definition) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = String::from(
        "digraph cgo {\n    rankdir=TB;\n    node [shape=box, fontname=\"sans-serif\"];\n    start [shape=oval];\n",
    );
    for (name, node) in &definition.nodes {
        let shape = match (&node.agent, node.join) {
            (None, _) => ", shape=hexagon",
            (Some(_), true) => ", peripheries=2",
            (Some(_), false) => "",
        };
        let label = quoted(&format!("{}\n{}", title(definition, name), node.label));
        let _ = writeln!(out, "    {name} [label={label}{shape}];");
    }
    for edge in edges(definition) {
        let label = if edge.words.is_empty() { String::new() } else { format!(" [label={}]", quoted(&edge.words)) };
        let _ = writeln!(out, "    {} -> {}{label};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

/// Width and height of a box, and the room between boxes, in pixels.
const BOX: (i32, i32) = (230, 54);
const GAP: (i32, i32) = (70, 62);

/// The graph as a picture: nodes in rows by their distance from the start, edges as curves.
#[must_use]
pub fn svg(definition: &Definition) -> String {
    let edges = edges(definition);
    let rows = rows(definition, &edges);
    let columns = i32::try_from(rows.iter().map(Vec::len).max().unwrap_or(1)).unwrap_or(1);
    let width = columns * (BOX.0 + GAP.0) + GAP.0 * 3;
    let height = i32::try_from(rows.len()).unwrap_or(1) * (BOX.1 + GAP.1) + GAP.1;
    let mut places: BTreeMap<&str, (i32, i32)> = BTreeMap::new();
    for (row, names) in (0_i32..).zip(&rows) {
        let count = i32::try_from(names.len()).unwrap_or(1);
        let left = (width - count * BOX.0 - (count - 1) * GAP.0) / 2;
        for (column, name) in (0_i32..).zip(names) {
            places.insert(name, (left + column * (BOX.0 + GAP.0), GAP.1 / 2 + row * (BOX.1 + GAP.1)));
        }
    }
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"#475569\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut back = 0;
    for edge in &edges {
        let ((fx, fy), (tx, ty)) = (places[edge.from], places[edge.to]);
        let (path, at) = if ty > fy {
            let (x1, y1, x2, y2) = (fx + BOX.0 / 2, fy + BOX.1, tx + BOX.0 / 2, ty);
            let mid = y1.midpoint(y2);
            (format!("M{x1} {y1}C{x1} {mid} {x2} {mid} {x2} {y2}"), (x1.midpoint(x2), mid))
        } else {
            back += 1;
            let side = width - GAP.0 * 2 + back * 14;
            let (x1, y1, x2, y2) = (fx + BOX.0, fy + BOX.1 / 2, tx + BOX.0, ty + BOX.1 / 2);
            (format!("M{x1} {y1}C{side} {y1} {side} {y2} {x2} {y2}"), (side - 30, y1.midpoint(y2)))
        };
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#475569\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"/>"
        );
        if !edge.words.is_empty() {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" font-size=\"10\" text-anchor=\"middle\" fill=\"#0f766e\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
                at.0,
                at.1,
                escaped(&edge.words)
            );
        }
    }
    for (name, (x, y)) in &places {
        let (heading, label, fill) =
            match AgentName::parse(name).ok().filter(|name| definition.nodes.contains_key(name)) {
                Some(node) => {
                    let fill = if definition.nodes[&node].agent.is_none() { "#fef3c7" } else { "#e0f2fe" };
                    (title(definition, &node), definition.nodes[&node].label.clone(), fill)
                }
                None => ((*name).to_owned(), String::new(), "#dcfce7"),
            };
        let thick =
            if AgentName::parse(name).is_ok_and(|name| definition.nodes.get(&name).is_some_and(|node| node.join)) {
                3
            } else {
                1
            };
        let centre = x + BOX.0 / 2;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{fill}\" stroke=\"#334155\" stroke-width=\"{thick}\"/>\n\
             <text x=\"{centre}\" y=\"{}\" font-size=\"13\" font-weight=\"bold\" text-anchor=\"middle\" fill=\"#0f172a\">{}</text>\n\
             <text x=\"{centre}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#334155\">{}</text>",
            BOX.0,
            BOX.1,
            y + 23,
            escaped(&heading),
            y + 41,
            escaped(&label),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The nodes by their longest way from the start, loops not counted.
fn rows<'a>(definition: &'a Definition, edges: &[Edge<'a>]) -> Vec<Vec<&'a str>> {
    let mut order: Vec<&str> = vec!["start"];
    let mut at = 0;
    while at < order.len() {
        let from = order[at];
        for edge in edges.iter().filter(|edge| edge.from == from) {
            if !order.contains(&edge.to) {
                order.push(edge.to);
            }
        }
        at += 1;
    }
    let mut depth: BTreeMap<&str, usize> = BTreeMap::from([("start", 0)]);
    for _ in 0..order.len() {
        for edge in edges {
            let forward =
                !leads_back(edges, edge.to, edge.from) || first_seen(&order, edge.from) < first_seen(&order, edge.to);
            if forward && let Some(from) = depth.get(edge.from).copied() {
                let to = depth.entry(edge.to).or_insert(0);
                *to = (*to).max(from + 1).min(order.len());
            }
        }
    }
    let mut rows: Vec<Vec<&str>> = Vec::new();
    for name in
        order.iter().filter(|name| **name == "start" || definition.nodes.keys().any(|node| node.as_str() == **name))
    {
        let row = depth.get(name).copied().unwrap_or(0);
        if rows.len() <= row {
            rows.resize(row + 1, Vec::new());
        }
        rows[row].push(name);
    }
    rows.retain(|row| !row.is_empty());
    rows
}

fn first_seen(order: &[&str], name: &str) -> usize {
    order.iter().position(|other| *other == name).unwrap_or(usize::MAX)
}

fn leads_back(edges: &[Edge<'_>], from: &str, to: &str) -> bool {
    let mut open = vec![from];
    let mut seen = Vec::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            open.extend(edges.iter().filter(|edge| edge.from == name).map(|edge| edge.to));
        }
    }
    false
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
