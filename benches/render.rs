//! What cgo computes by itself: understanding a description, rendering a project, folding a journal.
//!
//! `cargo bench --bench render`. Each step runs thirty times in this process; the median and the first time, which
//! pays for the tables that are read once, are shown. Rendering is from the spec in memory to the texts of all files;
//! `generate` compares a project on disk with its spec (new: writes it; again: finds nothing to do). The journal
//! has 2,000 steps, each a start and an end with a patch of 200 bytes, and is folded from its stored text, without and
//! with the snapshot the store would have kept.

mod support;

use std::time::{Duration, Instant};

use cgo::domain::names::AgentName;
use cgo::domain::run::EventRow;
use cgo::domain::spec::Spec;
use cgo::domain::state::{Change, ProjectState};
use cgo::domain::time::Timestamp;
use cgo::graph::loaded::Loaded;
use cgo::graph::progress::Event;
use cgo::llm::offline::understand::understand;
use cgo::scaffold::render::{Overwrite, plan_generate, render};
use support::{median, milliseconds};

const TIMES: usize = 30;
const STEPS: u32 = 2000;
/// A snapshot is taken every 200 events; in the worst case that many events follow the newest.
const AFTER_SNAPSHOT: usize = 200;

const SPECS: [(&str, &str); 3] = [
    ("notes", include_str!("../src/scaffold/render/fixtures/notes.json")),
    ("relations", include_str!("../src/scaffold/render/fixtures/relations.json")),
    ("fifteen", include_str!("../src/scaffold/render/fixtures/fifteen.json")),
];

const DESCRIPTIONS: [(&str, &str); 4] = [
    ("notes", "A notes API with title and body"),
    ("CRM", "Small CRM: clients, deals with amount and stage, reminders."),
    ("учёт", "Учёт личных финансов: доходы, расходы, категории, выгрузка в CSV."),
    ("касса", "Касса: товары, корзина, скидки, чек, отчёт за день."),
];

fn show(what: &str, goal: &str, mut run: impl FnMut()) {
    let times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    let first = times[0];
    println!(
        "  {what:<52} {:>8.2} ms median  {:>8.2} ms first  {goal}",
        milliseconds(median(times)),
        milliseconds(first)
    );
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).expect("a constant name")
}

/// A journal that goes round between two nodes.
fn journal() -> Vec<EventRow> {
    let mut events = vec![
        Event::Created { state: Box::new(ProjectState::default()) },
        Event::TakenUp { by: "process 1 on here".to_owned() },
        Event::Routed { to: vec![agent("tester")] },
    ];
    let (mut node, mut next, mut from) = (agent("tester"), agent("developer"), None);
    for visit in 1..=STEPS {
        events.push(Event::NodeStarted { visit, node: node.clone(), from });
        events.push(Event::NodeFinished {
            visit,
            agent: node.clone(),
            patch: vec![Change::ReviewFeedback(Some(format!("{visit:0200}")))],
            to: vec![next.clone()],
            why: None,
        });
        from = Some(node.clone());
        std::mem::swap(&mut node, &mut next);
    }
    let row = |(seq, event): (u64, &Event)| EventRow {
        seq,
        at: Timestamp(0),
        kind: event.kind().to_owned(),
        body: serde_json::to_string(event).expect("an event has text keys only"),
    };
    (1..).zip(&events).map(row).collect()
}

fn main() {
    println!("understanding, {TIMES} times each");
    for (name, text) in DESCRIPTIONS {
        show(name, "", || assert!(understand(text, &[]).spec.is_some()));
    }
    println!("rendering, {TIMES} times each");
    for (name, text) in SPECS {
        let mut spec: Spec = serde_json::from_str(text).expect("a fixture is a spec");
        if spec.domains.is_empty() {
            spec.domains = spec.standard_domains().expect("a fixture has standard operations");
        }
        let rendered = render(&spec).expect("a fixture can be rendered");
        let bytes: usize = rendered.files.iter().map(|file| file.contents.len()).sum();
        let what = format!("{name}: {} models, {} files, {} KB", spec.models.len(), rendered.files.len(), bytes / 1000);
        show(&what, "goal: under 50 ms", || drop(render(&spec)));
        let folder = tempfile::tempdir().expect("a folder");
        let mut number = 0;
        show(&format!("{name}: generate, new"), "", || {
            number += 1;
            let root = folder.path().join(number.to_string());
            let plan = plan_generate(&spec, &root, Overwrite::No).expect("an empty folder");
            plan.apply().expect("the folder takes it");
        });
        show(&format!("{name}: generate, nothing to do"), "", || {
            let plan = plan_generate(&spec, &folder.path().join("1"), Overwrite::No).expect("its own project");
            assert!(plan.is_empty(), "{plan:?}");
        });
    }
    println!("journal of {STEPS} steps");
    let rows = journal();
    show("fold from the beginning", "", || drop(Loaded::fold(None, &rows, Vec::new()).expect("it fits")));
    let (before, after) = rows.split_at(rows.len() - AFTER_SNAPSHOT);
    let loaded = Loaded::fold(None, before, Vec::new()).expect("it fits");
    let snapshot = serde_json::to_string(&loaded.progress).expect("progress has text keys only");
    show("fold from the newest snapshot", "", || {
        drop(Loaded::fold(Some((loaded.seq, snapshot.clone())), after, Vec::new()).expect("it fits"));
    });
}
