//! Turns what happens in a run into spans: run → visit → model call, tool call → effect.
//!
//! A span holds ids, names from files and code, counts and outcomes. What a person or a model wrote has no way in:
//! neither texts nor arguments, results or reasons are passed on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::activity::Activity;
use super::runner::Watch;
use super::{Ended, NodeEnd, Observer};
use crate::domain::ids::RunId;
use crate::domain::names::AgentName;
use crate::telemetry::{Exporter, Span, SpanKind, Status, Value};

/// A watcher that makes spans and tells another watcher everything.
pub struct Traced<'a> {
    inner: &'a dyn Watch,
    exporter: &'a Exporter,
    run: RunId,
    root: Span,
    visits: RefCell<BTreeMap<u32, Visit>>,
}

/// A visit with what is under way in it, innermost last.
struct Visit {
    span: Span,
    open: Vec<Span>,
}

fn id() -> [u8; 8] {
    // All zeros would be no id.
    std::array::from_fn(|at| if at == 0 { rand::random_range(1..=u8::MAX) } else { rand::random() })
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

impl<'a> Traced<'a> {
    /// Begins the span of a passage of a run. All passages of a run are in one trace.
    #[must_use]
    pub fn begin(inner: &'a dyn Watch, exporter: &'a Exporter, run: &RunId) -> Self {
        let digest = Sha256::digest(run.as_str().as_bytes());
        let mut trace = [0; 16];
        trace.copy_from_slice(&digest[..16]);
        let now = SystemTime::now();
        let root = Span {
            trace,
            id: id(),
            parent: None,
            name: "run".to_owned(),
            kind: SpanKind::Internal,
            began: now,
            ended: now,
            attributes: vec![("cgo.run.id", text(run.as_str()))],
            status: Status::Unset,
        };
        Self { inner, exporter, run: run.clone(), root, visits: RefCell::default() }
    }

    /// Ends it with what the passage came to; an error is none of the outcomes.
    pub fn end<E>(mut self, ended: &Result<Ended, E>) {
        let (outcome, status) = match ended {
            Ok(Ended::Succeeded) => ("succeeded", Status::Ok),
            Ok(Ended::Failed(_)) => ("failed", Status::Error),
            Ok(Ended::Waiting(_)) => ("waiting", Status::Unset),
            Ok(Ended::Blocked(_)) => ("blocked", Status::Error),
            Ok(Ended::Interrupted) => ("interrupted", Status::Unset),
            Ok(Ended::Cancelled { .. }) => ("cancelled", Status::Unset),
            Err(_) => ("error", Status::Error),
        };
        for (_, visit) in std::mem::take(self.visits.get_mut()) {
            self.close(visit, "interrupted", Status::Unset);
        }
        self.root.attributes.push(("cgo.outcome", text(outcome)));
        self.root.status = status;
        self.root.ended = SystemTime::now();
        self.exporter.take(self.root);
    }

    fn child(&self, parent: [u8; 8], name: String, kind: SpanKind, visit: u32, agent: &AgentName) -> Span {
        let now = SystemTime::now();
        let attributes = vec![
            ("cgo.run.id", text(self.run.as_str())),
            ("cgo.step", Value::Int(visit.into())),
            ("gen_ai.agent.name", text(agent.as_str())),
        ];
        let trace = self.root.trace;
        Span {
            trace,
            id: id(),
            parent: Some(parent),
            name,
            kind,
            began: now,
            ended: now,
            attributes,
            status: Status::Unset,
        }
    }

    fn finish(&self, mut span: Span, outcome: &'static str, status: Status) {
        span.attributes.push(("cgo.outcome", text(outcome)));
        span.status = status;
        span.ended = SystemTime::now();
        self.exporter.take(span);
    }

    fn close(&self, mut visit: Visit, outcome: &'static str, status: Status) {
        while let Some(span) = visit.open.pop() {
            self.finish(span, "interrupted", Status::Unset);
        }
        self.finish(visit.span, outcome, status);
    }
}

impl Observer for Traced<'_> {
    fn node_started(&self, visit: u32, node: &AgentName, label: &str) {
        let mut span = self.child(self.root.id, format!("visit {node}"), SpanKind::Internal, visit, node);
        span.attributes.push(("cgo.node", text(node.as_str())));
        self.visits.borrow_mut().insert(visit, Visit { span, open: Vec::new() });
        self.inner.node_started(visit, node, label);
    }

    fn node_finished(&self, visit: u32, node: &AgentName, ended: NodeEnd) {
        let closed = self.visits.borrow_mut().remove(&visit);
        if let Some(closed) = closed {
            let (outcome, status) = match ended {
                NodeEnd::Done => ("done", Status::Ok),
                NodeEnd::Asks => ("asks", Status::Unset),
                NodeEnd::Failed => ("failed", Status::Error),
            };
            self.close(closed, outcome, status);
        }
        self.inner.node_finished(visit, node, ended);
    }
}

impl Watch for Traced<'_> {
    fn note(&self, node: &AgentName, text: &str) {
        self.inner.note(node, text);
    }

    fn activity(&self, number: u32, node: &AgentName, agent: &AgentName, activity: &Activity<'_>) {
        self.spans(number, agent, activity);
        self.inner.activity(number, node, agent, activity);
    }
}

impl Traced<'_> {
    fn spans(&self, number: u32, agent: &AgentName, activity: &Activity<'_>) {
        let mut visits = self.visits.borrow_mut();
        let Some(visit) = visits.get_mut(&number) else { return };
        let parent = visit.open.last().map_or(visit.span.id, |span| span.id);
        let good = |good: bool| if good { Status::Ok } else { Status::Error };
        match *activity {
            Activity::Asked { turn, provider, model } => {
                let name = if model.is_empty() { "chat".to_owned() } else { format!("chat {model}") };
                let mut span = self.child(parent, name, SpanKind::Client, number, agent);
                span.attributes.extend([
                    ("gen_ai.operation.name", text("chat")),
                    ("gen_ai.provider.name", text(provider)),
                    ("gen_ai.request.model", text(model)),
                    ("cgo.turn", Value::Int(turn.into())),
                ]);
                visit.open.push(span);
            }
            Activity::Failed { attempt, class, .. } => {
                if let Some(span) = visit.open.last_mut() {
                    span.attributes.retain(|(name, _)| !matches!(*name, "cgo.failed_attempts" | "error.type"));
                    span.attributes.push(("cgo.failed_attempts", Value::Int(attempt.into())));
                    span.attributes.push(("error.type", text(class)));
                }
            }
            Activity::Answered { usage, cost, outcome, .. } => {
                if let Some(mut span) = visit.open.pop() {
                    #[expect(clippy::cast_precision_loss, reason = "an amount for a chart")]
                    let dollars = cost.billionths() as f64 / 1e9;
                    span.attributes.extend([
                        ("gen_ai.usage.input_tokens", Value::Int(usage.input_tokens)),
                        ("gen_ai.usage.output_tokens", Value::Int(usage.output_tokens)),
                        ("gen_ai.usage.cached_tokens", Value::Int(usage.cached_tokens)),
                        ("cgo.usage.estimated", Value::Bool(usage.estimated)),
                        ("cgo.cost.usd", Value::Float(dollars)),
                    ]);
                    self.finish(span, outcome, good(outcome == "answered"));
                }
            }
            Activity::Called { tool } => {
                let tool = tool.unwrap_or("unknown");
                let mut span = self.child(parent, format!("execute_tool {tool}"), SpanKind::Internal, number, agent);
                span.attributes.push(("gen_ai.operation.name", text("execute_tool")));
                span.attributes.push(("gen_ai.tool.name", text(tool)));
                visit.open.push(span);
            }
            Activity::Acts { effect } => {
                let mut span = self.child(parent, format!("effect {effect}"), SpanKind::Internal, number, agent);
                span.attributes.push(("cgo.effect.kind", text(effect)));
                visit.open.push(span);
            }
            Activity::Returned { outcome, good: well } => {
                if let Some(span) = visit.open.pop() {
                    self.finish(span, outcome, good(well));
                }
            }
            Activity::Acted { good: well } => {
                if let Some(span) = visit.open.pop() {
                    self.finish(span, if well { "done" } else { "failed" }, good(well));
                }
            }
            Activity::Said(_) => {}
        }
    }
}
