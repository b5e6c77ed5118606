//! How an attempt ends that does not get there: each has its verdict, and the tree is clean.

use cgo::coder::native::{AskError, CheckFuture, Checks, Error, Task};
use cgo::coder::verdict::{Branch, Class, Limit, Verdict};
use cgo::llm::{Finish, Message, Reply};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::super::support::env::until;
use super::{Bench, CALC, Script, Tests, done, edit, git, mend};

#[test]
fn a_model_that_never_changes_anything_has_done_no_work() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[done()]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::NoWork, "{:?}", finished.evidence);
    assert_eq!(finished.turns, 4);
    assert!(script.results()[0].contains("nothing has changed, so nothing is done"));
}

#[test]
fn a_model_that_only_talks_is_reminded_and_then_given_up() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|_, _| Ok(Reply::text("I would change the sign.")));
    let finished = bench.run(&script);
    assert_eq!((finished.verdict, finished.turns), (Verdict::Limit(Limit::Progress), 5));
    assert_eq!(finished.last_words, "I would change the sign.");
    let asked = script.asked.borrow();
    let last = asked.last().unwrap().messages.last().unwrap();
    assert!(
        matches!(last, Message::User { content } if content.contains("call `finish`") && content.contains("[cgo] Your last turns"))
    );
}

#[test]
fn a_task_that_may_change_nothing_is_done_with_a_commit_that_says_so() {
    let Some(bench) = Bench::new() else { return };
    std::fs::write(bench.main().join("calc.py"), CALC.replace("a - b", "a + b")).unwrap();
    git(&bench.main(), &["commit", "-qam", "mended"]);
    git(&bench.tree(), &["reset", "-q", "--hard", "main"]);
    let task = Task { may_change_nothing: true, ..bench.task() };
    let finished = bench.run_task(&task, &Script::calls(&[done()]), &Tests::new(&bench));
    assert_eq!(finished.verdict, Verdict::Success(bench.tip()), "{:?}", finished.evidence);
    assert!(matches!(finished.evidence.branch, Branch::Empty(_)));
}

#[test]
fn the_same_call_again_and_again_is_told_and_then_ended() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[mend(), ("read", json!({ "path": "calc.py" }))]);
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Limit(Limit::Progress));
    assert_eq!(finished.turns, 6);
    let told = script.results();
    assert!(told[3].contains("[cgo] You have made this call of `read` 3 times with the same result"), "{}", told[3]);
    // What it had done passes, so it is kept.
    assert_eq!((finished.commits, finished.evidence.checks), (vec![bench.tip()], Some(true)));
    assert!(bench.read("calc.py").contains("a + b"));
}

#[test]
fn going_round_in_circles_is_noticed_although_every_turn_changes_something() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| {
        let (search, replace) = if turn % 2 == 0 { ("a - b", "a * b") } else { ("a * b", "a - b") };
        Ok(Reply::call(format!("call_{turn}"), "edit", &edit("calc.py", search, replace)))
    });
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Limit(Limit::Progress));
    assert!(finished.turns < 12, "{}", finished.turns);
    assert!(script.results().iter().any(|result| result.contains("round in circles")));
    assert_eq!((bench.tip(), bench.read("calc.py").as_str()), (bench.base(), CALC));
}

#[test]
fn the_number_of_turns_is_a_limit_that_is_announced() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| {
        let pattern = json!({ "pattern": format!("word{turn}") });
        Ok(Reply::call(format!("call_{turn}"), "search", &pattern))
    });
    let finished = bench.run_task(&Task { max_turns: 9, ..bench.task() }, &script, &Tests::new(&bench));
    assert_eq!((finished.verdict, finished.turns), (Verdict::Limit(Limit::Turns), 9));
    assert!(script.results()[3].contains("[cgo] 5 answers are left"), "{:?}", script.results());
}

#[test]
fn tests_that_never_pass_fail_the_attempt_with_their_output_and_leave_the_branch_alone() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| {
        let change = edit("calc.py", if turn == 0 { "a - b" } else { "a * " }, "a * ");
        let content = format!("value = {turn}\n");
        Ok(match turn {
            0 => Reply::call("c0", "edit", &change),
            turn if turn % 2 == 0 => {
                Reply::call(format!("c{turn}"), "write", &json!({ "path": format!("n{turn}.py"), "content": content }))
            }
            turn => Reply::call(format!("c{turn}"), done().0, &done().1),
        })
    });
    let checks = Tests::new(&bench);
    let finished = bench.run_task(&bench.task(), &script, &checks);
    assert_eq!(finished.verdict, Verdict::Failed(Class::Checks), "{:?}", finished.evidence);
    assert_eq!((checks.ran.get(), finished.turns), (4, 8));
    let result = finished.checks.unwrap();
    assert!(!result.passed && result.output.contains("SyntaxError"), "{}", result.output);
    assert_eq!((bench.tip(), bench.read("calc.py").as_str()), (bench.base(), CALC));
    assert!(finished.commits.is_empty() && !bench.tree().join("n2.py").exists());
}

#[test]
fn arguments_that_are_cut_off_are_never_executed() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| {
        let mut reply = Reply::call(format!("c{turn}"), "run", &json!({}));
        reply.tool_calls[0].arguments = "{\"command\": \"touch done; touch calc".to_owned();
        Ok(reply)
    });
    let finished = bench.run(&script);
    assert_eq!(finished.verdict, Verdict::Failed(Class::Agent));
    assert_eq!(finished.turns, 3);
    assert!(finished.evidence.failed.unwrap().contains("are not JSON, nothing was done: EOF while parsing a string"));
    assert!(!bench.tree().join("done").exists());

    // What looks whole is not when the answer broke off at the limit.
    let script = Script::new(|turn, _| {
        if turn == 0 {
            let mut reply = Reply::call("c0", "run", &json!({ "command": "touch done" }));
            reply.finish = Finish::Length;
            return Ok(reply);
        }
        Ok(Reply::call(format!("c{turn}"), "run", &json!({ "command": "ls done 2>&1" })))
    });
    let finished = bench.run_task(&Task { max_turns: 2, ..bench.task() }, &script, &Tests::new(&bench));
    assert_eq!(finished.verdict, Verdict::Limit(Limit::Turns));
    let asked = script.asked.borrow();
    let told = asked[1].messages.last().unwrap();
    assert!(matches!(told, Message::User { content } if content.contains("broke off at the limit of 4096 tokens")));
    assert_eq!(asked[1].messages.len(), 3, "nothing of the answer is kept");
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_a_few_times() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|_, _| Err(AskError::CutOff { reason: "it broke off".to_owned() }));
    let finished = bench.run(&script);
    assert_eq!((finished.verdict, finished.turns), (Verdict::Failed(Class::Agent), 3));
    assert_eq!(finished.evidence.failed.as_deref(), Some("it broke off"));
}

#[test]
fn a_conversation_that_is_too_long_is_made_shorter_once() {
    let Some(bench) = Bench::new() else { return };
    std::fs::write(bench.tree().join("long.txt"), "words and words\n".repeat(2000)).unwrap();
    git(&bench.tree(), &["add", "-A"]);
    git(&bench.tree(), &["commit", "-qm", "long"]);
    let script = Script::new(|turn, _| {
        Ok(match turn {
            0..6 => Reply::call(format!("c{turn}"), "read", &json!({ "path": "long.txt", "offset": 1 + 200 * turn })),
            6 => return Err(AskError::TooLong { reason: "too long".to_owned() }),
            7 => Reply::call("c7", mend().0, &mend().1),
            _ => Reply::call("c8", done().0, &done().1),
        })
    });
    let finished = bench.run(&script);
    assert!(matches!(finished.verdict, Verdict::Success(_)), "{:?}", finished.evidence);
    let asked = script.asked.borrow();
    let size = |at: usize| serde_json::to_string(&asked[at].messages).unwrap().len();
    assert!(size(7) < size(6) * 2 / 3, "{} and {}", size(6), size(7));
    assert_eq!(asked[7].task(), asked[0].task(), "the task stays");

    let script = Script::new(|_, _| Err(AskError::TooLong { reason: "too long".to_owned() }));
    let finished = bench.run(&script);
    assert_eq!(
        (finished.verdict, finished.evidence.failed.as_deref()),
        (Verdict::Failed(Class::Agent), Some("too long"))
    );
}

#[test]
fn a_cancelled_attempt_ends_at_once_and_leaves_a_clean_tree() {
    let Some(bench) = Bench::new() else { return };
    let script =
        Script::calls(&[mend(), ("run", json!({ "command": "mkdir -p deep/er && touch deep/er/begun && sleep 600" }))]);
    let cancel = CancellationToken::new();
    let (begun, stop) = (bench.tree().join("deep/er/begun"), cancel.clone());
    let watcher = std::thread::spawn(move || {
        until("the command", || begun.exists());
        stop.cancel();
    });
    let finished = bench.try_run(&bench.task(), &script, &Tests::new(&bench), &cancel, &mut |_| ()).unwrap();
    watcher.join().unwrap();
    assert_eq!(finished.verdict, Verdict::Cancelled, "{:?}", finished.evidence);
    bench.is_settled();
    assert_eq!((bench.tip(), bench.read("calc.py").as_str()), (bench.base(), CALC));
    assert!(!bench.tree().join("deep").exists());
}

#[test]
fn what_the_caller_stops_for_comes_back_to_it_and_the_tree_is_clean() {
    let Some(bench) = Bench::new() else { return };
    let script = Script::new(|turn, _| match turn {
        0 => Ok(Reply::call("c0", mend().0, &mend().1)),
        _ => Err(AskError::Stop("the budget is spent".to_owned())),
    });
    let cancel = CancellationToken::new();
    let ended = bench.try_run(&bench.task(), &script, &Tests::new(&bench), &cancel, &mut |_| ());
    assert!(matches!(ended, Err(Error::Stopped(reason)) if reason == "the budget is spent"));
    bench.is_settled();
    assert_eq!(bench.read("calc.py"), CALC);
}

#[test]
fn a_bug_in_a_tool_is_a_result_and_not_the_end() {
    struct Broken;
    impl Checks<String> for Broken {
        fn check(&self) -> CheckFuture<'_, String> {
            Box::pin(async { panic!("a bug of the test") })
        }
    }
    let Some(bench) = Bench::new() else { return };
    let script = Script::calls(&[mend(), ("check", json!({})), ("blocked", json!({ "reason": "no checks" }))]);
    let finished = bench.run_task(&bench.task(), &script, &Broken);
    assert_eq!(finished.verdict, Verdict::Blocked("no checks".to_owned()));
    assert_eq!(script.results()[1], "error: `check` failed inside cgo; try another way");
}

#[test]
fn what_a_killed_attempt_left_is_gone_when_the_next_begins_and_another_branch_is_refused() {
    let Some(bench) = Bench::new() else { return };
    std::fs::write(bench.tree().join("calc.py"), "half a th").unwrap();
    std::fs::write(bench.tree().join("left.txt"), "left").unwrap();
    let script = Script::calls(&[mend(), done()]);
    assert!(matches!(bench.run(&script).verdict, Verdict::Success(_)));
    assert!(!bench.tree().join("left.txt").exists());

    git(&bench.tree(), &["checkout", "-q", "-b", "cgo/run/other"]);
    let cancel = CancellationToken::new();
    let ended = bench.try_run(&bench.task(), &script, &Tests::new(&bench), &cancel, &mut |_| ());
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("cannot work on branch `cgo/run/task`") && error.contains("on another branch"), "{error}");
}
