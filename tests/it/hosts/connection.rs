//! What a connection can do to a host's work, and may not.

use std::time::{Duration, Instant};

use cgo::domain::host::{Destination, HostKey};
use cgo::remote::host::files::{self, Source};
use cgo::remote::host::ssh::{Login, Ssh};
use cgo::remote::host::steps::{self, Step, StepState};
use cgo::remote::host::{Error, Host, Payload, Refusal, Script};
use rustix::process::{Signal, kill_process};
use tokio_util::sync::CancellationToken;

use super::{Linked, again, over_ssh};
use crate::support::env::until;
use crate::support::sshd::{Sshd, client_key, make_key};

fn never() -> CancellationToken {
    CancellationToken::new()
}

fn echo() -> Script {
    Script::new("answer", "echo yes").harmless()
}

#[test]
fn many_commands_share_one_login_also_with_the_next_process() {
    over_ssh(&async |sshd, linked| {
        let script = Script::new("answer", "sleep 0.3; echo \"$1\"");
        let cancel = never();
        let scripts: Vec<Script> = (0..14).map(|at| script.clone().arg(at.to_string())).collect();
        let answers =
            futures_util::future::join_all(scripts.iter().map(|script| linked.host().run_ok(script, &cancel)));
        for (at, answer) in answers.await.into_iter().enumerate() {
            assert_eq!(answer.unwrap().text(), at.to_string());
        }
        let other = again(sshd, "root", &linked.id);
        assert_eq!((&other as &dyn Host).run_ok(&echo(), &never()).await.unwrap().text(), "yes");
        assert_eq!(sshd.logins(), 1);
    });
}

#[test]
fn processes_that_share_a_connection_wait_for_room_on_it() {
    over_ssh(&async |sshd, linked| {
        sshd.serve("MaxSessions 2");
        let script = Script::new("answer", "sleep 0.2; echo yes");
        let others: Vec<Ssh> = (0..3).map(|_| again(sshd, "root", &linked.id)).collect();
        linked.host().run_ok(&echo(), &never()).await.unwrap();
        let cancel = never();
        let asked = others.iter().flat_map(|other| (0..4).map(|_| (other as &dyn Host).run_ok(&script, &cancel)));
        for answer in futures_util::future::join_all(asked).await {
            assert_eq!(answer.unwrap().text(), "yes");
        }
        assert_eq!(sshd.logins(), 1);
    });
}

#[test]
fn a_step_outlives_the_connection_and_its_outcome_is_read_over_the_next() {
    over_ssh(&async |sshd, linked| {
        let folder = sshd.folder().join("work");
        let go = folder.join("go");
        let text = "echo began; while [ ! -e \"$1\" ]; do sleep 0.05; done; echo ended; exit 7";
        let script = Script::new("do the work", text).arg(go.display().to_string());
        let step = Step { folder: folder.join("step").display().to_string(), script };
        let mut log = Vec::new();
        let cancel = never();
        let mut killed = false;
        let mut pass = |bytes: &[u8]| {
            log.extend_from_slice(bytes);
            if !killed && !bytes.is_empty() {
                killed = true;
                kill_process(linked.master(), Signal::KILL).unwrap();
                std::fs::write(&go, "").unwrap();
            }
        };
        let outcome = steps::run(linked.host(), &step, Duration::from_mins(1), &mut pass, &cancel).await.unwrap();
        assert_eq!(outcome.code, Some(7));
        assert_eq!(log, b"began\nended\n");
        assert_eq!(sshd.logins(), 2);
    });
}

#[test]
fn a_script_under_which_the_connection_is_lost_is_not_known_to_have_run_and_is_not_run_again() {
    over_ssh(&async |sshd, linked| {
        let effect = sshd.folder().join("effect");
        let text = "echo once >>\"$1\"; sleep 1000";
        let script = Script::new("do the work", text).arg(effect.display().to_string());
        let cancel = never();
        let run = linked.host().run(&script, &cancel);
        let kill = async {
            while !effect.exists() {
                tokio::task::yield_now().await;
            }
            kill_process(linked.master(), Signal::KILL).unwrap();
        };
        let (lost, ()) = tokio::join!(run, kill);
        assert!(matches!(lost, Err(Error::Lost { .. })), "{lost:?}");
        assert_eq!(linked.host().run_ok(&echo(), &never()).await.unwrap().text(), "yes");
        assert_eq!(std::fs::read(effect).unwrap(), b"once\n");
        // One that is harmless is run anew by itself.
        let gate = sshd.folder().join("gate");
        let text = "[ -e \"$1\" ] && echo second && exit; : >\"$1\"; sleep 1000";
        let script = Script::new("look", text).arg(gate.display().to_string()).harmless();
        let run = linked.host().run(&script, &cancel);
        let kill = async {
            while !gate.exists() {
                tokio::task::yield_now().await;
            }
            kill_process(linked.master(), Signal::KILL).unwrap();
        };
        let (answer, ()) = tokio::join!(run, kill);
        assert_eq!(answer.unwrap().text(), "second");
    });
}

#[test]
fn a_master_that_does_not_answer_is_replaced_within_the_call() {
    over_ssh(&async |sshd, linked| {
        let Some(other) = Sshd::start() else { return };
        let apart = Linked::to(&other, "root");
        for host in [linked.host(), apart.host()] {
            host.run_ok(&echo(), &never()).await.unwrap();
        }
        let wedged = linked.master();
        kill_process(wedged, Signal::STOP).unwrap();
        let ask = async |host: &dyn Host| (host.run_ok(&echo(), &never()).await.unwrap().text(), Instant::now());
        let ((here, late), (there, early)) = tokio::join!(ask(linked.host()), ask(apart.host()));
        assert_eq!((here.as_str(), there.as_str()), ("yes", "yes"));
        assert!(early < late, "another host waits for nobody");
        assert_ne!(linked.master(), wedged);
        assert_eq!(sshd.logins(), 2);
        until("the end of the master that did not answer", || {
            cgo::exec::identity::Stat::of(wedged.as_raw_nonzero().get().unsigned_abs()).is_none_or(|stat| !stat.lives())
        });
    });
}

#[test]
fn an_upload_whose_connection_is_lost_leaves_no_half_file_and_goes_on() {
    over_ssh(&async |sshd, linked| {
        let to = sshd.folder().join("there");
        let bytes: Vec<u8> = (0..30_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let source = Source::Bytes(bytes.clone());
        let (sha256, _) = source.digest().await.unwrap();
        let part = sshd.folder().join(format!("there.{sha256}.part"));
        let cancel = never();
        let put = files::put(linked.host(), &source, to.to_str().unwrap(), "0600", &cancel);
        let kill = async {
            while std::fs::metadata(&part).map_or(0, |part| part.len()) < 1_000_000 && !to.exists() {
                tokio::task::yield_now().await;
            }
            assert!(!to.exists(), "a file appears whole");
            kill_process(linked.master(), Signal::KILL).unwrap();
        };
        let (put, ()) = tokio::join!(put, kill);
        put.unwrap();
        assert!(std::fs::read(&to).unwrap() == bytes && !part.exists());
    });
}

#[test]
fn what_a_login_shell_prints_is_no_part_of_an_answer() {
    over_ssh(&async |sshd, _| {
        let noise = "echo welcome; printf 'no newline'; echo to the side >&2; cgo_n=x; alias echo=false\n";
        sshd.write("deploy/.bashrc", noise);
        let linked = Linked::to(sshd, "deploy");
        let script = Script::new("answer", "printf 'a\\nb'; printf side >&2");
        let answer = linked.host().run_ok(&script, &never()).await.unwrap();
        assert_eq!(answer.stdout.bytes(), b"a\nb");
        assert_eq!(answer.stderr.text(), "side");
        let step = Step {
            folder: sshd.folder().join("deploy/step").display().to_string(),
            script: Script::new("work", "echo worked").payload(Payload::None),
        };
        let mut log = Vec::new();
        let mut pass = |bytes: &[u8]| log.extend_from_slice(bytes);
        let outcome = steps::run(linked.host(), &step, Duration::from_secs(30), &mut pass, &never()).await.unwrap();
        assert_eq!((outcome.code, log), (Some(0), b"worked\n".to_vec()));
    });
}

#[test]
fn an_account_that_runs_no_commands_is_told_by_what_it_says() {
    over_ssh(&async |sshd, _| {
        let linked = Linked::to(sshd, "closed");
        let error = linked.host().run(&echo(), &never()).await.unwrap_err();
        assert!(matches!(error, Error::NoShell { .. }), "{error}");
        assert!(error.evidence().concat().contains("not available"), "{:?}", error.evidence());
    });
}

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints() {
    over_ssh(&async |sshd, linked| {
        let pinned = HostKey::parse(&sshd.host_key()).unwrap().fingerprint();
        sshd.change_key();
        let offered = HostKey::parse(&sshd.host_key()).unwrap().fingerprint();
        let error = linked.host().run(&echo(), &never()).await.unwrap_err().to_string();
        assert!(error.contains(&pinned.to_string()) && error.contains(&offered.to_string()), "{error}");
        assert_eq!(sshd.logins(), 0);
    });
}

#[test]
fn each_way_in_that_is_closed_is_told_by_name() {
    over_ssh(&async |sshd, linked| {
        let refusal = async |text: String, key: &std::path::Path| {
            let login =
                Login { destination: Destination::parse(&text).unwrap(), key: Some(key.into()), configuration: None };
            let id = format!("{}-x", linked.id);
            let ssh = Ssh::new("web", &id, login, HostKey::parse(&sshd.host_key()).unwrap());
            let error = (&ssh as &dyn Host).run(&echo(), &never()).await.unwrap_err();
            cgo::remote::host::ssh::forget(&id);
            error
        };
        let cause = |error: Error| match error {
            Error::Connect { cause, .. } => cause,
            other => panic!("{other}"),
        };
        let error = refusal(format!("root@{}:2223", sshd.address), client_key()).await;
        assert_eq!(cause(error), Refusal::Port);
        let error = refusal("root@no-such-host.invalid".to_owned(), client_key()).await;
        assert!(matches!(cause(error), Refusal::Name(_)));
        let error = refusal(sshd.at("nobody-here"), client_key()).await;
        assert!(matches!(cause(error), Refusal::Login { .. }));
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        make_key(&other, "");
        let error = refusal(sshd.at("root"), &other).await;
        assert!(matches!(cause(error), Refusal::Login { .. }));
        let locked = folder.path().join("locked");
        make_key(&locked, "a passphrase");
        let error = refusal(sshd.at("root"), &locked).await;
        assert_eq!(cause(error), Refusal::Locked(locked));
        for bad in ["none", "other.pub", ""] {
            let error = refusal(sshd.at("root"), &folder.path().join(bad)).await;
            assert!(matches!(error, Error::Key { .. }), "{bad}: {error}");
        }
    });
}

#[test]
fn a_link_that_is_cut_ends_in_an_error_and_works_again_when_it_is_back() {
    over_ssh(&async |sshd, linked| {
        linked.host().run_ok(&echo(), &never()).await.unwrap();
        sshd.root("ip link set eth0 down");
        let error = linked.host().run(&echo(), &never()).await.unwrap_err();
        assert!(error.is_connection(), "{error}");
        sshd.root("ip link set eth0 up");
        assert_eq!(linked.host().run_ok(&echo(), &never()).await.unwrap().text(), "yes");
    });
}

#[test]
fn a_step_of_a_host_that_went_down_is_lost() {
    over_ssh(&async |sshd, linked| {
        let folder = sshd.folder().join("step");
        let step = Step { folder: folder.display().to_string(), script: Script::new("work", "sleep 1000") };
        steps::start(linked.host(), &step, Duration::ZERO, &never()).await.unwrap();
        // Another boot: the number of the process may mean any process now.
        let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
        let mut words: Vec<&str> = pid.split_whitespace().collect();
        words[2] = "00000000-0000-0000-0000-000000000000";
        std::fs::write(folder.join("pid"), words.join(" ") + "\n").unwrap();
        let look = steps::look(linked.host(), &step.folder, 0, Duration::ZERO, &never()).await.unwrap();
        assert_eq!(look.state, StepState::Lost);
    });
}

#[test]
fn full_and_read_only_disks_are_told_by_name() {
    over_ssh(&async |sshd, linked| {
        let host = linked.host();
        let to = "/var/lib/cgo/x";
        let put = async |size| files::put(host, &Source::Bytes(vec![1; size]), to, "0600", &never()).await;
        put(1000).await.unwrap();
        let full = put(100_000_000).await.unwrap_err();
        assert!(matches!(full, Error::Full { .. }), "{full}");
        assert_eq!(sshd.root("ls /var/lib/cgo"), "x\n", "what did not fit is gone");
        sshd.root("mount -o remount,ro /var/lib");
        let refused = put(2000).await.unwrap_err();
        assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
        let step = Step { folder: "/var/lib/cgo/step".to_owned(), script: Script::new("work", "true") };
        let refused = steps::start(host, &step, Duration::ZERO, &never()).await.unwrap_err();
        assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
        assert_eq!(sshd.root("stat -c %s /var/lib/cgo/x"), "1000\n");
    });
}
