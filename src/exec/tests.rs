use super::*;
use crate::domain::diagnose::{Diagnose as _, Kind};

fn sh(script: &str) -> Command {
    Command::new("sh").arg("-c").arg(script)
}

fn on_one_thread<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn run_now(command: &Command) -> Result<Output, Error> {
    on_one_thread(run(command, &CancellationToken::new()))
}

/// Waits until the process with that number is gone.
fn wait_gone(pid: u32) {
    let until = Instant::now() + Duration::from_secs(5);
    while identity::Stat::of(pid).is_some_and(|stat| stat.lives()) {
        assert!(Instant::now() < until, "process {pid} still lives");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn output_exit_code_and_stdin_arrive() {
    let output = run_now(&sh("cat; echo warned >&2; exit 3").stdin("given")).unwrap();
    assert_eq!(
        (output.exit, output.stdout.text(), output.stderr.text()),
        (Exit::Code(3), "given".into(), "warned\n".into())
    );
    assert_eq!(output.evidence(), ["warned"]);
}

#[test]
fn more_stdin_than_a_pipe_holds_does_not_block() {
    let output = run_now(&sh("cat").stdin(vec![b'x'; 1_000_000]).keep(4_000_000)).unwrap();
    assert_eq!(output.stdout.bytes().len(), 1_000_000);
    assert_eq!(run_now(&sh("exit 0").stdin(vec![b'x'; 1_000_000])).unwrap().exit, Exit::Code(0));
}

#[test]
fn only_the_allow_listed_environment_arrives() {
    let output = run_now(&Command::new("env").env("ADDED", "a $b 'c'\n#d")).unwrap().stdout.text();
    assert!(output.contains("ADDED=a $b 'c'\n#d\n"), "{output}");
    assert!(output.contains("PATH="), "{output}");
    assert!(!output.contains("CARGO"), "{output}");
}

#[test]
fn arguments_are_never_read_by_a_shell() {
    let output = run_now(&Command::new("printf").args(["%s", "$(id) ; `id` 'x' \"y\""])).unwrap();
    assert_eq!(output.stdout.text(), "$(id) ; `id` 'x' \"y\"");
}

#[test]
fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let error = run_now(&Command::new("no-such-program-here")).unwrap_err();
    assert_eq!(error.to_string(), "cannot find the program `no-such-program-here`");
    assert_eq!(error.kind(), Kind::Preflight);
    let error = run_now(&Command::new("true").directory("/no/such/folder")).unwrap_err();
    assert_eq!(error.to_string(), "cannot run `true` in `/no/such/folder`: there is no such folder");
}

#[test]
fn a_failure_carries_its_last_lines() {
    let command = sh("for i in $(seq 100); do echo line $i >&2; done; exit 4");
    match on_one_thread(run_ok(&command, &CancellationToken::new())).unwrap_err() {
        Error::Failed { exit, evidence, .. } => {
            assert_eq!(exit, Exit::Code(4));
            assert_eq!((evidence.len(), evidence.last().unwrap().as_str()), (EVIDENCE_LINES, "line 100"));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn lines_come_as_they_are_written() {
    let mut seen = Vec::new();
    let command = sh("printf 'one\\ntwo'; printf 'three\\n' >&2");
    let mut on_line = |stream, line: &str| seen.push((stream, line.to_owned()));
    on_one_thread(run_with(&command, &CancellationToken::new(), &mut on_line)).unwrap();
    seen.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    let expected = [(Stream::Stdout, "one"), (Stream::Stdout, "two"), (Stream::Stderr, "three")];
    assert_eq!(seen, expected.map(|(stream, line)| (stream, line.to_owned())));
}

#[test]
fn a_deadline_stops_the_whole_group() {
    let mut grandchild = 0;
    let command = sh("sleep 60 & echo $!; wait").deadline(Duration::from_millis(300));
    let mut on_line = |_, line: &str| grandchild = line.parse().unwrap();
    let error = on_one_thread(run_with(&command, &CancellationToken::new(), &mut on_line)).unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    wait_gone(grandchild);
}

#[test]
fn a_cancelled_program_that_ignores_sigterm_is_killed() {
    let cancel = CancellationToken::new();
    let mut pid = 0;
    let begun = Instant::now();
    let command = sh("trap '' TERM; echo $$; while :; do sleep 1; done");
    let error = {
        let mut on_line = |_, line: &str| {
            pid = line.parse().unwrap();
            cancel.cancel();
        };
        on_one_thread(run_with(&command, &cancel, &mut on_line)).unwrap_err()
    };
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(begun.elapsed() >= GRACE, "it had less than its grace");
    wait_gone(pid);
}

#[test]
fn what_is_left_in_the_background_ends_with_the_program() {
    let output = run_now(&sh("sleep 60 & echo $!")).unwrap();
    assert!(output.took < Duration::from_secs(5), "waited for the background: {:?}", output.took);
    wait_gone(output.stdout.text().trim().parse().unwrap());
}

#[test]
fn a_dropped_run_kills_its_group() {
    let (tx, rx) = std::sync::mpsc::channel();
    on_one_thread(async {
        let command = sh("echo $$; sleep 60");
        let cancel = CancellationToken::new();
        let (started, mut is_started) = tokio::sync::mpsc::unbounded_channel();
        let mut on_line = |_, line: &str| {
            tx.send(line.parse::<u32>().unwrap()).unwrap();
            started.send(()).unwrap();
        };
        tokio::select! {
            _ = run_with(&command, &cancel, &mut on_line) => panic!("it ended by itself"),
            _ = is_started.recv() => {}
        }
    });
    wait_gone(rx.recv().unwrap());
}

#[test]
fn a_signal_is_named() {
    let output = run_now(&sh("kill -9 $$")).unwrap();
    assert_eq!(output.exit.to_string(), "SIGKILL");
}

/// Tells this test binary to stand in for a cgo that runs a program.
const ORDER: &str = "CGO_TEST_EXEC_ORDER";

#[test]
fn stands_in_for_a_cgo_that_is_killed() {
    if std::env::var_os(ORDER).is_some() {
        let mut on_line = |_, line: &str| println!("child {line}");
        let _ = on_one_thread(run_with(&sh("echo $$; exec sleep 60"), &CancellationToken::new(), &mut on_line));
    }
}

#[test]
fn a_program_dies_with_a_cgo_that_is_killed() {
    use std::io::{BufRead as _, BufReader};
    let mut cgo = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["exec::tests::stands_in_for_a_cgo_that_is_killed", "--exact", "--nocapture"])
        .env(ORDER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(cgo.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("child ")?.1.to_owned()));
    let child: u32 = said.next().unwrap().parse().unwrap();
    assert!(identity::Stat::of(child).is_some_and(|stat| stat.lives()));
    cgo.kill().unwrap();
    cgo.wait().unwrap();
    wait_gone(child);
}
