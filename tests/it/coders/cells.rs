//! What befalls every agent: signals from outside, calls that make no sense, a model that does not answer, and an input
//! that nobody writes to.

use std::time::Duration;

use cgo::coder::sandbox::Stopped;
use cgo::coder::verdict::{Class, Limit, Verdict};
use serde_json::{Value, json};

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
fn an_agent_that_ends_itself_on_a_signal_is_judged_by_its_code_and_what_it_left() {
    let Some(bench) = Bench::new() else { return };
    let (failed, nothing) = (Verdict::Failed(Class::Agent), Verdict::NoWork);
    for (agent, signal, code, wanted) in [
        ("claude", "TERM", 143, &failed),
        ("claude", "INT", 0, &nothing),
        ("codex", "TERM", 143, &failed),
        ("codex", "TERM", 0, &nothing),
        ("codex", "INT", 1, &failed),
        ("opencode", "TERM", 0, &nothing),
        ("aider", "TERM", 0, &nothing),
        ("goose", "INT", 0, &nothing),
        ("droid", "INT", 0, &nothing),
        ("droid", "TERM", 0, &nothing),
    ] {
        let mut steps = vec![json!(["exit on", [signal, code]]), json!(["ask", 1])];
        if code != 0 {
            steps.extend([json!(["commit", 1]), json!(["report", "done"])]);
        }
        steps.extend([json!(["shell", format!("kill -{signal} $PPID")]), json!(["hang", 1])]);
        let finished = bench.verdict(agent, Endpoint::Good, &json!([steps]));
        assert_eq!(&finished.verdict, wanted, "{agent}, {signal}: {:?}", finished.evidence);
    }
}

/// What each agent that calls tools says of a call: the event before it, what it makes of the call, and its end.
fn of_a_call(agent: &str, tool: &str, refusal: &str) -> [Value; 3] {
    let words = match agent {
        "claude" => [
            json!({"type": "system", "subtype": "init", "session_id": "s-1"}),
            json!({"type": "user", "message": {"content": [{"type": "tool_result", "is_error": true, "content": refusal}]}}),
            json!({"type": "result", "subtype": "success", "is_error": false, "result": "", "permission_denials": []}),
        ],
        "codex" => [
            json!({"type": "thread.started", "thread_id": "t-1"}),
            json!({"type": "item.completed", "item": {"type": "error", "message": refusal}}),
            json!({"type": "turn.completed", "usage": {"input": 1}}),
        ],
        "opencode" => [
            json!({"type": "step_start", "sessionID": "ses_1", "part": {}}),
            json!({"type": "tool_use", "sessionID": "ses_1",
                "part": {"tool": "invalid", "state": {"status": "completed", "output": refusal}}}),
            json!({"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "stop", "cost": 0}}),
        ],
        "goose" => [
            json!({"type": "message", "message": {"role": "assistant", "content": [{"type": "toolRequest", "id": "c1",
                "toolCall": {"status": "success", "value": {"name": tool, "arguments": {}}}}]}}),
            json!({"type": "message", "message": {"role": "user", "content": [{"type": "toolResponse", "id": "c1",
                "toolResult": {"status": "error", "error": refusal}}]}}),
            json!({"type": "complete", "total_tokens": 40}),
        ],
        _ => [
            json!({"type": "system", "subtype": "init", "session_id": "d-1"}),
            json!({"type": "tool_result", "toolName": tool, "error": refusal}),
            json!({"type": "completion", "finalText": "", "numTurns": 2}),
        ],
    };
    words.map(|words| json!(["say", words]))
}

/// The agents that call tools, each with the name of the one that runs commands.
const CALLING: [(&str, &str); 5] =
    [("claude", "Bash"), ("codex", "shell"), ("opencode", "bash"), ("goose", "developer__shell"), ("droid", "Execute")];

#[test]
fn a_call_whose_arguments_are_cut_off_is_no_work_whether_or_not_the_agent_runs_it() {
    const CUT: &str = "{\"command\": \"echo half";
    let Some(bench) = Bench::new() else { return };
    for (agent, tool) in CALLING {
        let refusal = if agent == "droid" { "command: required field is missing" } else { "the arguments are no JSON" };
        let [before, refused, after] = of_a_call(agent, tool, refusal);
        let plan = json!([[before, ["ask", 1], refused, ["tell", refusal], after]]);
        bench.table(agent, vec![("arguments cut off", Endpoint::Calls(tool, CUT), plan, Verdict::NoWork)]);
    }
    // It closes the string and runs what there is of the command.
    let (agent, tool) = CALLING[3];
    let [before, _, after] = of_a_call(agent, tool, "");
    let plan = json!([[["ask", 1], before, ["shell", "echo half"], ["tell", "half"], after]]);
    bench.table(agent, vec![("arguments cut off and run", Endpoint::Calls(tool, CUT), plan, Verdict::NoWork)]);
}

#[test]
fn a_call_of_a_tool_that_is_not_there_is_told_to_the_model_and_is_no_failure() {
    const TOOL: &str = "no_such_tool";
    let Some(bench) = Bench::new() else { return };
    let work = [json!(["commit", 1]), json!(["report", "done"])];
    for (agent, _) in CALLING {
        let [before, refused, after] = of_a_call(agent, TOOL, "there is no such tool");
        let steps = [before, json!(["ask", 1]), refused, json!(["tell", "there is no such tool"])];
        let nothing = [steps.as_slice(), std::slice::from_ref(&after)].concat();
        bench.table(agent, vec![("unknown tool", Endpoint::Calls(TOOL, "{}"), json!([nothing]), Verdict::NoWork)]);
        let done = [steps.as_slice(), &work, &[after]].concat();
        let finished = bench.verdict(agent, Endpoint::Calls(TOOL, "{}"), &json!([done]));
        assert!(matches!(finished.verdict, Verdict::Unverified(_)), "{agent}: {:?}", finished.evidence);
    }
}

#[test]
fn an_agent_that_is_silent_while_its_model_does_not_answer_is_stopped() {
    let Some(bench) = Bench::new() else { return };
    let codex = json!(["say", {"type": "thread.started", "thread_id": "t-1"}]);
    let droid = json!(["say", {"type": "system", "subtype": "init", "session_id": "d-1"}]);
    for (agent, endpoint, begun) in [
        ("codex", Endpoint::Silent, &codex),
        ("droid", Endpoint::Status(429), &droid),
        ("droid", Endpoint::Status(500), &droid),
    ] {
        let mut attempt = bench.stand_in(agent, &json!([[begun, ["ask", 1], ["hang", 1]]]));
        attempt.limits.idle = Some(Duration::from_secs(5));
        let model = endpoint.model();
        let finished = bench.run(adapters::by_name(agent).unwrap(), &attempt, &model, false);
        let wanted = Verdict::Limit(Limit::Sandbox(Stopped::Idle));
        assert_eq!(finished.verdict, wanted, "{agent}: {:?}", finished.evidence);
        assert_eq!(model.asked().len(), 1, "{agent}");
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
