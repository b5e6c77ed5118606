//! What holds for every host, with and without a connection.

use std::time::Duration;

use cgo::remote::host::files::{self, Source};
use cgo::remote::host::steps::{self, Begun, Step, StepState};
use cgo::remote::host::{Error, Payload, Script, facts};
use tokio_util::sync::CancellationToken;

use super::on_both;

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[test]
fn arguments_arrive_byte_for_byte_and_run_nothing() {
    on_both(&async |host, folder| {
        let witness = folder.join("witness");
        let witness = witness.display();
        let hostile = [
            String::new(),
            " two  spaces ".to_owned(),
            "it's \"quoted\" `here`".to_owned(),
            format!("$(touch {witness})"),
            format!("`touch {witness}`"),
            format!("'; touch {witness}; '"),
            format!("\"; touch {witness}; \""),
            format!("\n touch {witness}\n\n"),
            "\\n\\\\ \\' %s %n $HOME ${HOME} * ? ~ !! # & | < > ( )".to_owned(),
            "-n".to_owned(),
            "ключ=значение \u{1f600}\t\r".to_owned(),
            "\n".to_owned(),
            "ends with a newline\n".to_owned(),
        ];
        let script = Script::new("echo", "for a; do printf '%s\\0' \"$a\"; done").args(hostile.clone());
        let answer = host.run_ok(&script, &never()).await.unwrap();
        let wanted: Vec<u8> = hostile.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        assert_eq!(String::from_utf8_lossy(&answer.stdout.bytes()), String::from_utf8_lossy(&wanted));
        assert!(!folder.join("witness").exists(), "an argument was run");
        let refused = host.run(&Script::new("echo", "true").arg("a\0b"), &never()).await.unwrap_err();
        assert!(matches!(refused, Error::Argument { .. }), "{refused}");
    });
}

#[test]
fn a_script_has_its_input_its_exit_code_and_both_its_streams() {
    on_both(&async |host, _| {
        let input: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let script = Script::new("copy", "cat; echo to the side >&2; exit 3")
            .payload(Payload::Bytes(input.clone()))
            .keep(1_000_000);
        let answer = host.run(&script, &never()).await.unwrap();
        assert_eq!(answer.code, 3);
        assert!(answer.stdout.bytes() == input, "{} bytes came back", answer.stdout.bytes().len());
        assert_eq!(answer.stderr.text(), "to the side\n");
        let failed = host.run_ok(&script, &never()).await.unwrap_err();
        assert_eq!(failed.evidence(), ["to the side"]);
        // A script that reads nothing of it, one that kills itself, and one that is no shell.
        let deaf = Script::new("be deaf", "exit 0").payload(Payload::Bytes(input));
        assert_eq!(host.run(&deaf, &never()).await.unwrap().code, 0);
        let wrong = Script::new("be wrong", "if then fi (");
        assert_ne!(host.run(&wrong, &never()).await.unwrap().code, 0);
    });
}

#[test]
fn a_script_that_takes_too_long_or_is_not_wanted_any_more_is_left() {
    on_both(&async |host, _| {
        let slow = Script::new("sleep", "sleep 60").deadline(Duration::from_millis(300));
        let error = host.run(&slow, &never()).await.unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
        let cancel = never();
        let waits = Script::new("sleep", "sleep 60");
        let (error, ()) = tokio::join!(host.run(&waits, &cancel), async { cancel.cancel() });
        assert!(matches!(error, Err(Error::Cancelled { .. })), "{error:?}");
        assert_eq!(host.run(&Script::new("answer", "echo yes"), &never()).await.unwrap().text(), "yes");
    });
}

#[test]
fn a_file_is_put_whole_with_its_mode_and_sent_once() {
    use std::os::unix::fs::PermissionsExt as _;
    on_both(&async |host, folder| {
        let here = folder.join("here");
        let bytes: Vec<u8> = (0..10_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        std::fs::write(&here, &bytes).unwrap();
        let to = folder.join("blobs/sha256/there");
        let to = to.to_str().unwrap();
        let source = Source::File(here.clone());
        let put = files::put(host, &source, to, "0640", &never()).await.unwrap();
        assert_eq!((put.size, put.sent), (10_000_000, 10_000_000));
        assert!(std::fs::read(to).unwrap() == bytes);
        assert_eq!(std::fs::metadata(to).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(files::put(host, &source, to, "0640", &never()).await.unwrap().sent, 0);
        let names: Vec<_> =
            std::fs::read_dir(folder.join("blobs/sha256")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["there"]);

        let back = folder.join("back");
        let got = files::get(host, to, &back, &never()).await.unwrap();
        assert_eq!(got.sha256, put.sha256);
        assert!(std::fs::read(&back).unwrap() == bytes);
        let none = files::get(host, "/no/such/file", &back, &never()).await.unwrap_err();
        assert!(matches!(none, Error::NoFile { .. }), "{none}");
        assert!(std::fs::read(&back).unwrap() == bytes, "a file that cannot be had leaves the old one");
    });
}

#[test]
fn an_upload_that_broke_off_goes_on_where_it_was_and_a_spoilt_one_is_done_anew() {
    on_both(&async |host, folder| {
        let bytes = vec![7_u8; 3_000_000];
        let source = Source::Bytes(bytes.clone());
        let (sha256, _) = source.digest().await.unwrap();
        let to = folder.join("file");
        let part = folder.join(format!("file.{sha256}.part"));
        std::fs::write(&part, &bytes[..2_000_000]).unwrap();
        let put = files::put(host, &source, to.to_str().unwrap(), "0600", &never()).await.unwrap();
        assert_eq!(put.sent, 1_000_000);
        assert!(std::fs::read(&to).unwrap() == bytes && !part.exists());

        std::fs::remove_file(&to).unwrap();
        std::fs::write(&part, vec![8_u8; 2_000_000]).unwrap();
        files::put(host, &source, to.to_str().unwrap(), "0600", &never()).await.unwrap();
        assert!(std::fs::read(&to).unwrap() == bytes && !part.exists());

        std::fs::remove_file(&to).unwrap();
        std::fs::write(&part, vec![7_u8; 4_000_000]).unwrap();
        files::put(host, &source, to.to_str().unwrap(), "0600", &never()).await.unwrap();
        assert!(std::fs::read(&to).unwrap() == bytes && !part.exists());
    });
}

#[test]
fn two_that_send_the_same_file_at_once_both_succeed() {
    on_both(&async |host, folder| {
        let source = Source::Bytes(vec![1_u8; 2_000_000]);
        let to = folder.join("file");
        let to = to.to_str().unwrap();
        let cancel = never();
        let sent = futures_util::future::join_all((0..4).map(|_| files::put(host, &source, to, "0600", &cancel))).await;
        for put in sent {
            put.unwrap();
        }
        assert_eq!(std::fs::read(to).unwrap().len(), 2_000_000);
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    });
}

#[test]
fn names_of_files_are_names_and_nothing_else() {
    on_both(&async |host, folder| {
        let odd = folder.join("a 'b' \"c\" $(touch d) ; -n\nx");
        let source = Source::Bytes(b"text".to_vec());
        files::put(host, &source, odd.to_str().unwrap(), "0600", &never()).await.unwrap();
        assert_eq!(std::fs::read(&odd).unwrap(), b"text");
        let back = folder.join("back");
        files::get(host, odd.to_str().unwrap(), &back, &never()).await.unwrap();
        assert_eq!(std::fs::read(back).unwrap(), b"text");
    });
}

fn step(folder: &std::path::Path, script: Script) -> Step {
    Step { folder: folder.join("ops/op-1/steps/1").display().to_string(), script }
}

#[test]
fn a_step_runs_once_and_its_outcome_is_its_rc_file() {
    on_both(&async |host, folder| {
        let text = "echo began; echo \"$1\" >>\"$2\"; cat >>\"$2\"; echo problem >&2; exit 5";
        let script = Script::new("do the work", text)
            .arg("se'cret\nvalue")
            .arg(folder.join("effect").display().to_string())
            .payload(Payload::Bytes(b"and input\n".to_vec()));
        let step = step(folder, script);
        let absent = steps::look(host, &step.folder, 0, Duration::ZERO, &never()).await.unwrap();
        assert_eq!(absent.state, StepState::Absent);

        let mut log = Vec::new();
        let mut pass = |bytes: &[u8]| log.extend_from_slice(bytes);
        let outcome = steps::run(host, &step, Duration::from_secs(30), &mut pass, &never()).await.unwrap();
        assert_eq!((outcome.code, outcome.evidence), (Some(5), vec!["began".to_owned(), "problem".to_owned()]));
        assert_eq!(log, b"began\nproblem\n");
        for _ in 0..2 {
            assert_eq!(steps::start(host, &step, Duration::ZERO, &never()).await.unwrap().0, Begun::Before);
        }
        assert_eq!(std::fs::read(folder.join("effect")).unwrap(), b"se'cret\nvalue\nand input\n");
        let kept = std::path::Path::new(&step.folder);
        let outcome = std::fs::read_to_string(kept.join("rc")).unwrap();
        assert_eq!(outcome.lines().next(), Some("5"), "the rest is room that was taken for it");
        let mut names: Vec<_> =
            std::fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["lock", "log", "pid", "rc"], "the input may hold secrets");
    });
}

#[test]
fn a_step_begun_many_times_at_once_runs_once() {
    on_both(&async |host, folder| {
        let effect = folder.join("effect");
        let script = Script::new("do the work", "echo once >>\"$1\"").arg(effect.display().to_string());
        let step = step(folder, script);
        let cancel = never();
        let begun =
            futures_util::future::join_all((0..6).map(|_| steps::start(host, &step, Duration::ZERO, &cancel))).await;
        let now = begun.into_iter().filter(|begun| begun.as_ref().unwrap().0 == Begun::Now).count();
        assert_eq!(now, 1);
        let outcome = steps::follow(host, &step, Duration::from_secs(30), &mut |_| (), &never()).await.unwrap();
        assert_eq!(outcome.code, Some(0));
        assert_eq!(std::fs::read(effect).unwrap(), b"once\n");
    });
}

#[test]
fn a_step_that_is_killed_is_lost_and_one_whose_work_is_killed_says_so() {
    on_both(&async |host, folder| {
        let killed = step(folder, Script::new("wait", "echo $$ began; sleep 1000"));
        steps::start(host, &killed, Duration::ZERO, &never()).await.unwrap();
        let look = steps::look(host, &killed.folder, 0, Duration::from_secs(5), &never()).await.unwrap();
        let StepState::Running { pid } = look.state else { panic!("{look:?}") };
        let kill = Script::new("kill", "kill -9 \"-$1\"").arg(pid.to_string());
        host.run_ok(&kill, &never()).await.unwrap();
        let outcome = steps::follow(host, &killed, Duration::from_secs(30), &mut |_| (), &never()).await.unwrap();
        assert_eq!(outcome.code, None);

        let ended = Step { folder: format!("{}-b", killed.folder), script: Script::new("die", "sh -c 'kill -9 $$'") };
        let outcome = steps::run(host, &ended, Duration::from_secs(30), &mut |_| (), &never()).await.unwrap();
        assert_eq!(outcome.code, Some(137));
    });
}

#[test]
fn a_long_log_arrives_whole_and_in_order() {
    on_both(&async |host, folder| {
        let text = "i=0; while [ $i -lt 60000 ]; do echo \"line $i of the log\"; i=$((i+1)); done";
        let step = step(folder, Script::new("talk", text));
        let mut log = Vec::new();
        let mut pass = |bytes: &[u8]| log.extend_from_slice(bytes);
        steps::run(host, &step, Duration::from_secs(30), &mut pass, &never()).await.unwrap();
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log.lines().count(), 60_000);
        assert!(log.lines().enumerate().all(|(at, line)| line == format!("line {at} of the log")));
    });
}

#[test]
fn a_look_watches_for_what_is_new_as_long_as_it_is_told_to() {
    on_both(&async |host, folder| {
        let go = folder.join("go");
        let script = Script::new("wait", "while [ ! -e \"$1\" ]; do sleep 0.05; done; echo new; sleep 1000")
            .arg(go.display().to_string());
        let step = step(folder, script);
        steps::start(host, &step, Duration::ZERO, &never()).await.unwrap();
        let nothing = steps::look(host, &step.folder, 0, Duration::from_millis(200), &never()).await.unwrap();
        assert!(matches!(nothing.state, StepState::Running { .. }) && nothing.log.is_empty());
        let cancel = never();
        let look = steps::look(host, &step.folder, 0, Duration::from_secs(3), &cancel);
        let (look, ()) = tokio::join!(look, async { std::fs::write(&go, "").unwrap() });
        assert_eq!(look.unwrap().log, b"new\n");
        let StepState::Running { pid } = nothing.state else { unreachable!() };
        let kill = Script::new("kill", "kill -9 \"-$1\"").arg(pid.to_string());
        host.run_ok(&kill, &never()).await.unwrap();
    });
}

#[test]
fn a_machine_is_looked_at_in_one_script() {
    on_both(&async |host, _| {
        let look = facts::look(host, &never()).await.unwrap();
        let facts = look.facts;
        assert_eq!(facts.arch, std::env::consts::ARCH);
        assert!(facts.cpus > 0 && facts.memory_mb > facts.memory_available_mb && facts.disk_mb > 0, "{facts:?}");
        assert!(facts.skew_ms.abs() < 5_000, "{}", facts.skew_ms);
        assert_eq!(look.unwritable, None);
    });
}
