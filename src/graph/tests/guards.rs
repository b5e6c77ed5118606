//! Circles: which are noticed, and what a person rules.

use super::*;

fn learns<'a>(visit: u32, _: &AgentName) -> NodeFuture<'a> {
    Box::pin(async move {
        Ok(Outcome { patch: vec![Change::DeployedUrl(format!("http://x/{visit}"))], ..Outcome::default() })
    })
}

/// Answers what a run waits for, as another process would.
async fn answer(memory: &Memory, text: &str) {
    let recorder = memory.recorder();
    let (ask, _, _) = recorder.progress().asked.unwrap();
    let texts = vec![text.to_owned()];
    recorder.record(&Event::Answered { ask, approved: true, texts, by: "me".to_owned() }).unwrap();
    recorder.flush().await.unwrap();
}

fn tripped(ended: &Ended) -> &str {
    let Ended::Waiting(ask) = ended else { panic!("{ended:?}") };
    assert_eq!((ask.wait, ask.questions[0].choices.len()), (Wait::Input, 3), "{ask:?}");
    &ask.questions[0].text
}

#[tokio::test]
async fn a_loop_meets_its_bound_and_a_person_is_asked() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let ended = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` has handed over to `left` 3 times"), "{ended:?}");
    assert!(tripped(&ended).contains("`continue` allows 3 more times"), "{ended:?}");
    let progress = memory.recorder().progress();
    assert_eq!((progress.status, progress.visits), (RunStatus::WaitingInput, 4));
    assert_eq!(memory.kinds().last().unwrap(), "guarded");
    answer(&memory, "continue").await;
    let again = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert!(tripped(&again).contains("6 times"), "a grant is for a while, not for ever: {again:?}");
    assert_eq!(memory.recorder().progress().visits, 7);
    answer(&memory, "stop").await;
    let over = drive(&graph, &memory.recorder(), &Script(&learns), &seen).await.unwrap();
    assert_eq!(over, Ended::Cancelled { by: "me".to_owned() });
    assert_eq!(memory.recorder().progress().status, RunStatus::Cancelled);
}

#[tokio::test]
async fn agents_that_hand_over_to_each_other_for_the_same_reason_are_stopped_the_third_time() {
    let (graph, memory, seen) = (graph(PAIR), Memory::begun(), Seen::default());
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let to = if node.as_str() == "left" { "right" } else { "left" };
        // The words differ in numbers and signs only.
        let handoff = Some((name(to), format!("Yours,  no. {visit}: the tests fail!")));
        let patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        Box::pin(async move { Ok(Outcome { patch, handoff, ..Outcome::default() }) })
    };
    let ended = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` has handed over to `right` 3 times for the same reason"), "{ended:?}");
    let progress = memory.recorder().progress();
    assert_eq!(progress.visits, 5, "left, right, left, right, left");
    assert_eq!(progress.pending[0].node, name("right"), "what was to begin is still to begin");
    answer(&memory, "change input: share the file").await;
    let said = memory.recorder().progress().state.messages;
    assert_eq!(said.last().unwrap().content, "share the file");
    let again = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert!(tripped(&again).contains("same reason"), "{again:?}");
}

#[tokio::test]
async fn a_cycle_that_leaves_everything_as_it_was_is_stopped_at_once() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let ended = drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap();
    assert!(tripped(&ended).contains("`left` is to begin again, and nothing has changed"), "{ended:?}");
    assert_eq!(memory.recorder().progress().visits, 2);
}

#[tokio::test]
async fn steps_that_bring_nothing_new_are_stopped_and_talk_is_nothing_new() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let mut graph = graph.definition().clone();
    graph.bounds.visits_per_edge = 20;
    let graph = Graph::check(graph, &["left", "right", "both"].map(name).into()).unwrap();
    let talks = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let patch = vec![Change::Errors(format!("try {visit}"))];
        Box::pin(async move { Ok(Outcome { patch, ..Outcome::default() }) })
    };
    let ended = drive(&graph, &memory.recorder(), &Script(&talks), &seen).await.unwrap();
    assert!(tripped(&ended).contains("5 steps in a row have brought nothing new"), "{ended:?}");
    assert_eq!(memory.recorder().progress().visits, 5);
}

#[tokio::test]
async fn an_answered_question_passes_no_edge_and_does_not_look_like_a_circle() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let asks = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let question = Question { id: "q".to_owned(), text: "?".to_owned(), choices: Vec::new(), assumption: None };
        let ask = (visit <= 4).then(|| (Wait::Input, vec![question]));
        let patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        Box::pin(async move { Ok(Outcome { patch, ask, ..Outcome::default() }) })
    };
    for _ in 0..4 {
        let ended = drive(&graph, &memory.recorder(), &Script(&asks), &seen).await.unwrap();
        assert!(matches!(&ended, Ended::Waiting(ask) if ask.questions[0].id == "q"), "{ended:?}");
        answer(&memory, "yes").await;
    }
    assert_eq!(memory.recorder().progress().edges[&"start>left".to_owned()], 1);
    let ended = drive(&graph, &memory.recorder(), &Script(&asks), &seen).await.unwrap();
    assert!(tripped(&ended).contains("3 times"), "{ended:?}");
}

/// A maker and a checker; the checker sends work back once.
const CHECKED: &str = "
bounds: {steps_per_run: 9, visits_per_edge: 3}
start: [{to: [left]}]
nodes:
  left: {agent: left, label: x, next: [{to: [right]}]}
  right: {agent: right, label: x, next: [{when: {needs_human_approval: false}, to: [left]}, {to: [both]}]}
  both: {agent: both, label: x}
";

#[tokio::test]
async fn a_run_that_ends_at_a_node_goes_back_from_it_until_the_node_is_done() {
    let (graph, memory, seen) = (graph(CHECKED), Memory::begun(), Seen::default());
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let mut patch = vec![Change::DeployedUrl(format!("http://x/{visit}"))];
        if node.as_str() == "right" && visit > 2 {
            patch.push(Change::NeedsHumanApproval(Some("enough".to_owned())));
        }
        Box::pin(async move { Ok(Outcome { patch, ..Outcome::default() }) })
    };
    for (until, order) in [("left", "+left -left"), ("right", "+left -left +right -right +left -left +right -right")] {
        let (memory, seen) = (Memory::begun(), Seen::default());
        let ended = drive_until(&graph, &memory.recorder(), &Script(&script), &seen, Some(name(until))).await.unwrap();
        assert_eq!((ended, seen.0.borrow().join(" ").as_str()), (Ended::Succeeded, order));
    }
    let ended = drive(&graph, &memory.recorder(), &Script(&script), &seen).await.unwrap();
    assert_eq!((ended, seen.0.borrow().last().unwrap().as_str()), (Ended::Succeeded, "-both"));
}

#[tokio::test]
async fn a_guard_within_a_visit_leaves_it_at_work_and_tells_it_what_was_ruled() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let stuck = |_: u32, node: &AgentName| -> NodeFuture<'_> {
        let stuck = node.as_str() == "right";
        let guard = Guard::Refusals { agent: node.clone(), times: 3, last: "no".to_owned() };
        Box::pin(async move { if stuck { Err(NodeError::Guarded(guard)) } else { Ok(Outcome::default()) } })
    };
    let ended = drive(&graph, &recorder, &Script(&stuck), &seen).await.unwrap();
    assert!(tripped(&ended).contains("3 calls of agent `right`"), "{ended:?}");
    let state = memory.recorder().progress().state;
    answer(&memory, "take the other one").await;
    let progress = memory.recorder().progress();
    let visit = *progress.active.keys().next().unwrap();
    assert_eq!(progress.rulings[&visit], [Some("take the other one".to_owned())]);
    assert_eq!(progress.state, state, "what the visit was told at its beginning has changed");
    assert_eq!(drive(&graph, &memory.recorder(), &Script(&done), &seen).await.unwrap(), Ended::Succeeded);
    assert!(memory.recorder().progress().rulings.is_empty());
}
