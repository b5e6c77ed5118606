//! Effects: done once, whatever happens in between, and on disk before the world is touched.

use super::*;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl crate::graph::recorder::Outcome for Broken {
    fn nothing_happened(&self) -> bool {
        self.nothing_happened
    }
}

/// One effect at the first place of visit 1: whether it was probed, whether it acted, and what came of it.
async fn once(
    memory: &Memory,
    found: Option<u32>,
    act: Result<u32, Broken>,
) -> (bool, bool, Result<u32, Failed<Broken>>) {
    let (probed, acted) = (Cell::new(false), Cell::new(false));
    let recorder = memory.recorder();
    let effect = Effect::new("write", &json!({ "a": 1 }));
    let result = recorder
        .effect(
            &Place::new(1),
            effect,
            async |_| {
                probed.set(true);
                Ok(found)
            },
            async |_| {
                acted.set(true);
                assert!(
                    memory.effects.borrow().values().any(|row| row.mark == EffectMark::Intended),
                    "no intent on disk"
                );
                act
            },
        )
        .await;
    if recorder.flush().await.is_err() {
        assert!(memory.fail.get());
    }
    (probed.get(), acted.get(), result)
}

#[tokio::test]
async fn an_effect_that_is_done_is_neither_probed_nor_repeated() {
    let memory = Memory::begun();
    let (probed, acted, result) = once(&memory, None, Ok(5)).await;
    assert!(!probed && acted && matches!(result, Ok(5)));
    let (probed, acted, result) = once(&memory, Some(9), Ok(9)).await;
    assert!(!probed && !acted && matches!(result, Ok(5)));
}

#[tokio::test]
async fn an_effect_of_unknown_outcome_is_probed_before_it_is_repeated() {
    for (found, repeats) in [(Some(3), false), (None, true)] {
        let memory = Memory::begun();
        let unknown = Err(Broken { nothing_happened: false });
        assert!(once(&memory, None, unknown).await.2.is_err());
        let (probed, acted, result) = once(&memory, found, Ok(4)).await;
        assert!(probed);
        assert_eq!(acted, repeats);
        assert!(matches!(result, Ok(3 | 4)));
    }
}

#[tokio::test]
async fn an_effect_known_not_to_have_happened_is_tried_anew_without_a_probe() {
    let memory = Memory::begun();
    assert!(once(&memory, None, Err(Broken { nothing_happened: true })).await.2.is_err());
    let (probed, acted, _) = once(&memory, Some(1), Ok(2)).await;
    assert!(!probed && acted);
}

#[tokio::test]
async fn nothing_is_done_when_the_intent_cannot_be_recorded() {
    let memory = Memory::begun();
    memory.fail.set(true);
    let (probed, acted, result) = once(&memory, None, Ok(1)).await;
    assert!(!probed && !acted && matches!(result, Err(Failed::Journal(JournalError::Lost(_)))));
}

#[tokio::test]
async fn events_between_two_effects_share_one_write() {
    let memory = Memory::begun();
    let recorder = memory.recorder();
    for _ in 0..50 {
        recorder.record(&Event::Routed { to: Vec::new() }).unwrap();
    }
    recorder.flush().await.unwrap();
    assert_eq!((memory.writes.get(), memory.events.borrow().len()), (1, 51));
}

/// Keeps a value without changing the world, as the answer of a model is kept.
async fn answered(recorder: &Recorder<Memory>, place: &Place, answer: u32) -> u32 {
    let effect = Effect::new("model_call", &json!({ "answer": answer }));
    recorder.remember(place, effect, async || Ok::<u32, Broken>(answer)).await.unwrap_or_default()
}

#[tokio::test]
async fn what_should_be_written_soon_is_on_disk_while_the_work_goes_on() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    let script = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
        let (recorder, memory) = (&recorder, &memory);
        Box::pin(async move {
            answered(recorder, &Place::new(visit), 1).await;
            let written = memory.written.notified();
            recorder.write_soon();
            // The next answer takes as long as the disk: nothing here waits for the disk itself.
            written.await;
            assert!(memory.effects.borrow().values().any(|row| row.mark == EffectMark::Done));
            Ok(Outcome { handoff: Some((name("both"), "enough".to_owned())), ..Outcome::default() })
        })
    };
    let Ended::Failed(failure) = drive(&graph, &recorder, &Script(&script), &seen).await.unwrap() else {
        panic!("`both` is no node of this graph");
    };
    assert!(failure.reason.contains("may not hand over"), "{failure:?}");
}

#[tokio::test]
async fn nobody_waits_for_the_disk_but_effects_and_the_end() {
    let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    memory.stuck.set(true);
    let script = |visit: u32, node: &AgentName| -> NodeFuture<'_> {
        let (recorder, memory, last) = (&recorder, &memory, node.as_str() == "both");
        Box::pin(async move {
            let place = Place::new(visit);
            recorder.write_soon();
            answered(recorder, &place, 1).await;
            // Long enough for the write to have begun.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            if last {
                assert_eq!(memory.writes.get(), 0, "four visits without a write");
                memory.stuck.set(false);
            }
            Ok(Outcome::default())
        })
    };
    assert_eq!(drive(&graph, &recorder, &Script(&script), &seen).await.unwrap(), Ended::Succeeded);
    assert_eq!(memory.recorder().progress(), recorder.progress());
}

#[tokio::test]
async fn everything_before_an_effect_is_on_disk_when_it_acts() {
    for behind in [false, true] {
        let (graph, memory, seen) = (graph(DIAMOND), Memory::begun(), Seen::default());
        let recorder = memory.recorder();
        let acted = Cell::new(0);
        let script = |visit: u32, _: &AgentName| -> NodeFuture<'_> {
            let (recorder, memory, acted) = (&recorder, &memory, &acted);
            Box::pin(async move {
                let place = Place::new(visit);
                if behind {
                    // An earlier write is under way, without what comes now.
                    recorder.write_soon();
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
                answered(recorder, &place, visit).await;
                let effect = Effect::new("write", &json!({}));
                let done: Result<u32, Failed<Broken>> = recorder
                    .effect(
                        &place,
                        effect,
                        async |_| Ok(None),
                        async |key| {
                            let effects = memory.effects.borrow();
                            assert_eq!(effects[key].mark, EffectMark::Intended);
                            let answer = json!({ "answer": visit }).to_string();
                            assert!(
                                effects.values().any(|row| row.args == answer),
                                "the answer that asked for it is lost"
                            );
                            let begun = memory.events.borrow().iter().filter(|row| row.kind == "node_started").count();
                            assert!(begun >= visit as usize, "the visit that does it is not on record");
                            acted.set(acted.get() + 1);
                            Ok(1)
                        },
                    )
                    .await;
                assert!(done.is_ok());
                Ok(Outcome::default())
            })
        };
        assert_eq!(drive(&graph, &recorder, &Script(&script), &seen).await.unwrap(), Ended::Succeeded);
        assert_eq!(acted.get(), 4);
    }
}

#[tokio::test]
async fn a_journal_that_fails_beside_the_work_ends_it() {
    let (graph, memory, seen) = (graph(LOOP), Memory::begun(), Seen::default());
    let recorder = memory.recorder();
    memory.fail.set(true);
    let script = |_: u32, _: &AgentName| -> NodeFuture<'_> {
        recorder.write_soon();
        Box::pin(std::future::pending())
    };
    let failed = drive(&graph, &recorder, &Script(&script), &seen).await.unwrap_err();
    assert!(matches!(failed, crate::graph::engine::Error::Journal(JournalError::Lost(_))), "{failed}");
}
