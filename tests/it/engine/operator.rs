//! What an operator does with an application as it runs: commands in its place, maintenance, the audit.

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::remote::engine::audit::Trail;
use cgo::remote::engine::operate::Work;
use cgo::remote::host::{Payload, Stream};
use tokio_util::sync::CancellationToken;

use super::{Stage, never};
use crate::hosts::on_both;
use crate::support::env::until_async;

/// What a command wrote on each stream, and its exit code.
pub(super) async fn exec(stage: &Stage<'_>, words: &[&str], input: &str) -> (String, String, Option<i32>) {
    let command: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut pass = |stream, bytes: &[u8]| match stream {
        Stream::Stdout => out.extend_from_slice(bytes),
        Stream::Stderr => err.extend_from_slice(bytes),
    };
    let input = Payload::Bytes(input.as_bytes().to_vec());
    let code = stage.app().exec(&command, input, &mut pass, &never()).await.unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), code)
}

/// Begins a command that would go on for long, and leaves it as soon as it has said which process it is.
pub(super) async fn leave(stage: &Stage<'_>) -> String {
    let cancel = CancellationToken::new();
    let mut said = String::new();
    let command = ["sh", "-c", "echo $$; exec sleep 1000"].map(str::to_owned);
    let mut pass = |_, bytes: &[u8]| {
        said.push_str(&String::from_utf8_lossy(bytes));
        if said.ends_with('\n') {
            cancel.cancel();
        }
    };
    let left = stage.app().exec(&command, Payload::None, &mut pass, &cancel).await.unwrap_err();
    assert_eq!(left.kind(), Kind::Interrupted, "{left}");
    said.trim().to_owned()
}

#[test]
fn a_command_runs_in_the_place_of_the_release_and_ends_with_who_asked_for_it() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        assert_eq!(exec(&stage, &["true"], "").await.2, None, "nothing ever served");
        let plan = stage.deploy("ok").await.unwrap();
        let text = "cat; echo \"$RELEASE $VALUE\"; pwd; echo told >&2; exit 7";
        let (out, err, code) = exec(&stage, &["sh", "-c", text], "given\n").await;
        let source = format!("{}/releases/{}/source/services/web", stage.app().folder(), plan.release);
        assert_eq!(out, format!("given\n{} it's $HOME \\ \"all\"\n{source}\n", plan.release));
        assert_eq!((err.as_str(), code), ("told\n", Some(7)));

        let words = ["printf", "%s|", "a b", "$HOME", "it's", "", "-n", "two\nlines\n", "`id`"];
        let (out, err, code) = exec(&stage, &words, "").await;
        let wanted = words[2..].iter().map(|word| format!("{word}|")).collect::<Vec<_>>().concat();
        assert_eq!((out, err.as_str(), code), (wanted, "", Some(0)), "no shell has a word in it");
        let (out, _, _) = exec(&stage, &["python", "-c", "import sys; print(sys.prefix)"], "").await;
        assert!(out.ends_with("/environment\n"), "{out}");
        assert_eq!(exec(&stage, &["sh", "-c", "kill -9 $$"], "").await.2, Some(137));
        let (_, err, code) = exec(&stage, &["no-such-program"], "").await;
        assert!(code == Some(127) && err.contains("no-such-program"), "{code:?}: {err}");

        let pid = leave(&stage).await;
        let look = format!("tr '\\0' ' ' </proc/{pid}/cmdline || true");
        until_async("its end", async || !stage.shell(&look).await.contains("sleep")).await;
        assert!(stage.answers().await.unwrap().starts_with(plan.release.as_str()), "the release runs on");
        stage.end().await;
    });
}

#[test]
fn what_a_newer_cgo_keeps_is_read_and_left_alone() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let plan = stage.deploy("ok").await.unwrap();
        assert_eq!(stage.shell("cat format").await, "1");
        stage.shell("echo 2 >format").await;
        let refused = stage.deploy("ok").await.unwrap_err();
        assert_eq!(refused.kind().exit_code(), 9);
        let words = "a newer cgo keeps it there, in format 2; this one knows format 1";
        assert_eq!(refused.to_string(), format!("`{}` cannot take the release: {words}", host.name()));
        assert_eq!(refused.advice().unwrap().words(), "install the newest cgo here");
        for work in [Work::Stop, Work::Remove, Work::Hold, Work::Maintain] {
            let refused = stage.app().operate(work, "anna", "", &never()).await.unwrap_err();
            assert!(refused.to_string().contains(words), "{refused}");
        }
        assert_eq!(stage.survey().await.held, None);
        assert!(stage.answers().await.unwrap().starts_with(plan.release.as_str()));
        assert_eq!(stage.app().log(5, &never()).await.unwrap(), ["started as ok"]);
        assert_eq!(stage.app().audit(&never()).await.unwrap().entries.len(), 2);
        stage.shell("echo 1 >format").await;
        stage.deploy("ok").await.unwrap();
        stage.end().await;
    });
}

#[test]
fn who_did_what_is_written_down_and_what_was_changed_in_it_is_noticed() {
    on_both(&async |host, folder| {
        let stage = Stage::new(host, folder);
        let app = stage.app();
        assert_eq!(app.audit(&never()).await.unwrap(), Trail::default());
        assert!(!app.operate(Work::Maintain, "anna", "", &never()).await.unwrap(), "nothing serves yet");
        stage.deploy("ok").await.unwrap();
        for (work, stands) in
            [(Work::Maintain, true), (Work::Maintain, true), (Work::Admit, false), (Work::Admit, false)]
        {
            assert!(app.operate(work, "anna \"a\"", "", &never()).await.unwrap());
            assert_eq!(stage.survey().await.maintenance, stands);
        }
        let trail = app.audit(&never()).await.unwrap();
        let actions: Vec<&str> = trail.entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!((actions.as_slice(), trail.broken), (["lease", "flip", "maintain", "admit"].as_slice(), None));
        assert_eq!(trail.entries[2].actor, "anna \"a\"");

        // A power cut in the midst of a line; then somebody edits an older one.
        stage.shell("printf '{\"ts\":\"2026' >>audit.jsonl").await;
        assert!(app.operate(Work::Stop, "anna", "", &never()).await.unwrap());
        let trail = app.audit(&never()).await.unwrap();
        assert_eq!((trail.entries.len(), trail.cut, trail.broken), (5, vec![5], None));
        stage.shell("sed -i '3s/anna/ben/' audit.jsonl").await;
        let broken = app.audit(&never()).await.unwrap().broken.expect("it was changed");
        assert!(broken.line == 4 && broken.reason.contains("line 3"), "{broken:?}");
        stage.end().await;
    });
}
