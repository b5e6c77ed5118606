//! What befalls every agent: signals from outside, and an input that nobody writes to.

use cgo::coder::verdict::{Class, Verdict};
use serde_json::json;

use super::{Bench, Endpoint, adapters};

#[test]
fn an_agent_that_a_signal_ends_has_failed_whatever_it_left() {
    let Some(bench) = Bench::new() else { return };
    for agent in ["codex", "aider", "opencode"] {
        for signal in ["TERM", "INT", "KILL"] {
            let mut steps = vec![json!(["ask", 1]), json!(["commit", 1])];
            if adapters::by_name(agent).unwrap().can_report() {
                steps.push(json!(["report", "done"]));
            }
            // The default of the signal, as a program without a handler has it.
            steps.extend([
                json!(["by default", signal]),
                json!(["shell", format!("kill -{signal} $PPID")]),
                json!(["hang", 1]),
            ]);
            let finished = bench.verdict(agent, Endpoint::Good, &json!([steps]));
            let wanted = Verdict::Failed(Class::Agent);
            assert_eq!(finished.verdict, wanted, "{agent}, {signal}: {:?}", finished.evidence);
        }
    }
}

#[test]
fn an_agent_that_a_signal_ends_with_code_0_and_without_work_did_nothing() {
    let Some(bench) = Bench::new() else { return };
    for agent in ["codex", "aider", "opencode"] {
        let plan = json!([[["exit 0 on term", 1], ["ask", 1], ["shell", "kill -TERM $PPID"], ["hang", 1]]]);
        let finished = bench.verdict(agent, Endpoint::Good, &plan);
        assert_eq!(finished.verdict, Verdict::NoWork, "{agent}: {:?}", finished.evidence);
    }
}

#[test]
fn an_agent_that_reads_its_input_finds_the_end_at_once() {
    let Some(bench) = Bench::new() else { return };
    for adapter in adapters::all() {
        let mut steps = vec![json!(["ask", 1]), json!(["read all input", 1]), json!(["commit", 1])];
        if adapter.can_report() {
            steps.push(json!(["report", "done"]));
        }
        let finished = bench.verdict(adapter.name(), Endpoint::Good, &json!([steps]));
        assert!(matches!(finished.verdict, Verdict::Unverified(_)), "{}: {:?}", adapter.name(), finished.evidence);
    }
}
