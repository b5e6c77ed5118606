//! What agents commit that must not be in a project: each is kept out by its name, whatever the agent says of its work.

use cgo::coder::runner::Finished;
use cgo::coder::verdict::{Class, Verdict};
use serde_json::json;

use super::{Bench, Endpoint, adapters, git};

/// A project of cgo's making, as far as the rules ask.
const PROJECT: &[(&str, &str)] = &[
    ("README.md", "# A project\n"),
    (".cgo/generated.json", r#"{"version": 1, "files": {"services/backend/app/generated/notes.py": "0"}}"#),
    (
        "cgo.yaml",
        "services:\n  backend:\n    workdir: services/backend\n    checks:\n      - { name: tests, command: [pytest] }\n",
    ),
    ("shared/spec/models.yaml", "models: {}\n"),
    ("services/backend/app/generated/notes.py", "A = 1\n"),
    ("services/backend/tests/test_notes.py", "def test_a():\n    assert 1\n\n\ndef test_b():\n    assert 2\n"),
];

/// A key that looks real.
fn key() -> String {
    format!("{}{}", "AKIA", "IOSFODNN7ABCDEFG")
}

/// What comes of an agent that commits what a script does, and reports that it is done.
fn after(bench: &Bench, agent: &str, script: &str) -> Finished {
    let mut steps = vec![json!(["ask", 1]), json!(["shell", script])];
    if adapters::by_name(agent).unwrap().can_report() {
        steps.push(json!(["report", "done"]));
    }
    bench.verdict(agent, Endpoint::Good, &json!([steps]))
}

/// The script's commits must be kept out for that, in those words.
fn kept_out(bench: &Bench, script: &str, class: Class, words: &str) {
    let finished = after(bench, "codex", script);
    assert_eq!(finished.verdict, Verdict::Failed(class), "{script}: {:?}", finished.evidence);
    let said = finished.evidence.objection.expect("a reason").words;
    assert!(said.contains(words) && !said.contains(&key()), "{script}: {said}");
}

/// The script's commits are work to be verified.
fn let_in(bench: &Bench, script: &str) {
    let finished = after(bench, "codex", script);
    assert!(matches!(finished.verdict, Verdict::Unverified(_)), "{script}: {:?}", finished.evidence);
}

#[test]
fn a_key_that_any_agent_commits_is_no_success_and_is_named_without_being_told() {
    let Some(bench) = Bench::new() else { return };
    let script =
        format!("echo 'a = 1' > config.py; echo \"KEY = '{}'\" >> config.py; git add -A; git commit -qm work", key());
    for adapter in adapters::all() {
        let finished = after(&bench, adapter.name(), &script);
        let who = adapter.name();
        assert_eq!(finished.verdict, Verdict::Failed(Class::Secrets), "{who}: {:?}", finished.evidence);
        let said = finished.evidence.objection.expect("a reason").words;
        assert!(said.contains("config.py:2: an AWS access key") && !said.contains(&key()), "{who}: {said}");
    }
}

#[test]
fn a_secret_that_a_later_commit_takes_away_is_still_in_the_history() {
    let Some(bench) = Bench::new() else { return };
    let key = key();
    let later = "git add -A; git commit -qm two";
    for (first, class, words) in [
        (
            format!("echo {key} > a.txt; git add -A; git commit -qm one; echo none > a.txt; {later}"),
            Class::Secrets,
            "a.txt:1: an AWS",
        ),
        (
            "echo A=1 > .env; git add -Af; git commit -qm one; rm .env; echo x > x; ".to_owned() + later,
            Class::Secrets,
            ".env looks like",
        ),
        (format!("echo x > x; git add -A; git commit -qm 'the key is {key}'"), Class::Secrets, "message of "),
        (
            format!(
                "git checkout -q --detach; echo {key} > b; git add -A; git commit -qm b; git rm -q b; git commit -qm c; \
                S=$(git rev-parse HEAD); git checkout -q -; echo x > x; git add -A; git commit -qm x; git merge -q $S -m merged"
            ),
            Class::Secrets,
            "b:1: an AWS",
        ),
    ] {
        kept_out(&bench, &first, class, words);
    }
}

#[test]
fn what_is_no_code_is_kept_out_by_its_name() {
    let Some(bench) = Bench::new() else { return };
    let commit = "git add -Af; git commit -qm work";
    let hidden = format!("echo '* -diff -text' > .gitattributes; echo {} > a.py; {commit}", key());
    for (script, class, words) in [
        (
            format!("mkdir a; echo A=1 > a/prod.env; {commit}"),
            Class::Secrets,
            "a/prod.env looks like a file of secrets",
        ),
        (hidden, Class::Secrets, "a.py:1: an AWS access key"),
        (format!("ln -s /etc/passwd users; {commit}"), Class::Forbidden, "users is a link that leads out"),
        (
            format!("git init -q inner; cd inner; git commit -q --allow-empty -m x; cd ..; {commit}"),
            Class::Forbidden,
            "inner is a git repository of its own",
        ),
        (format!("head -c 6000000 /dev/zero > data.bin; {commit}"), Class::Forbidden, "data.bin is larger than"),
        (
            "for i in $(seq 1001); do echo $i > $i.txt; done; git add -A; git commit -qm work".to_owned(),
            Class::Forbidden,
            "1001 files have changed; have git ignore what is not code",
        ),
    ] {
        kept_out(&bench, &script, class, words);
    }
    let_in(&bench, &format!("ln -s README.md link; echo AKIAIOSFODNN7EXAMPLE > .env.example; {commit}"));
}

#[test]
fn what_judges_the_work_is_not_the_agents_to_change() {
    let Some(bench) = Bench::with(PROJECT) else { return };
    let commit = "git add -A; git commit -qm work";
    let checks = "how the project is checked, in `cgo.yaml`, is not yours to change";
    for (script, words) in [
        ("sed -i 's/\\[pytest\\]/[\"true\"]/' cgo.yaml", checks),
        ("sed -i 's/workdir: .*/workdir: elsewhere/' cgo.yaml", checks),
        ("rm cgo.yaml", checks),
        ("echo 'services: [' > cgo.yaml", checks),
        (
            "echo 'models: {Tag: {}}' > shared/spec/models.yaml; echo 'B = 2' >> services/backend/app/generated/notes.py",
            "`shared/spec/models.yaml` is not yours to change",
        ),
        ("echo '{}' > .cgo/generated.json", "`.cgo/generated.json` is not yours to change"),
    ] {
        kept_out(&bench, &format!("{script}; {commit}"), Class::Forbidden, words);
    }
    let_in(&bench, &format!("printf '    env:\\n      A: b\\n' >> cgo.yaml; {commit}"));
}

#[test]
fn tests_that_people_wrote_are_not_taken_away() {
    let Some(bench) = Bench::with(PROJECT) else { return };
    let commit = "git add -A; git commit -qm work";
    let test = "services/backend/tests/test_notes.py";
    let gone = "test_notes.py held tests and holds none any more";
    for (script, words) in [
        (format!("git rm -q {test}"), gone),
        (format!("echo '# later' > {test}"), gone),
        (format!("git mv {test} services/backend/tests/notes.txt"), gone),
        (format!("sed -i 's/^def test_a/@pytest.mark.skip\\n&/' {test}"), "test_notes.py are skipped"),
    ] {
        kept_out(&bench, &format!("{script}; {commit}"), Class::Tests, words);
    }
    for script in [
        format!("git mv {test} services/backend/tests/test_all_notes.py"),
        format!("sed -i 's/assert 1/assert 3/' {test}"),
        format!("(echo '@pytest.mark.skipif(True)'; cat {test}) > services/backend/tests/test_more.py"),
    ] {
        let_in(&bench, &format!("{script}; {commit}"));
    }
}

#[test]
fn an_agent_that_destroys_its_repository_destroys_only_what_it_sees_and_its_work_arrives() {
    let Some(bench) = Bench::new() else { return };
    let main = bench.folder.path().join("main");
    let destroy = "main=$(git rev-parse --git-common-dir); rm -rf $main/objects/* $main/refs/heads/main $main/HEAD";
    let commit = "git add -A; git commit -qm work";
    for adapter in adapters::all() {
        let finished = after(&bench, adapter.name(), &format!("{destroy}; echo work > work.txt; {commit}"));
        let Verdict::Unverified(tip) = &finished.verdict else { panic!("{}: {:?}", adapter.name(), finished.evidence) };
        assert_eq!(git(&main, &["show", &format!("{tip}:work.txt")]), "work");
        assert_eq!(git(&main, &["log", "--format=%s", tip]), "work\nbase");
    }
    // What is not whole does not; it is a commit that the repository has from nobody.
    let gone = format!("echo gone > work.txt; {commit}; {destroy}");
    assert_eq!(after(&bench, "codex", &gone).verdict, Verdict::Failed(Class::Branch));
    assert_eq!(git(&main, &["fsck", "--full", "--no-dangling"]), "");
}

#[test]
fn a_link_in_the_place_of_a_file_of_cgos_leads_cgo_nowhere() {
    let Some(bench) = Bench::new() else { return };
    let outside = bench.folder.path().join("outside");
    std::fs::write(&outside, "of the operator").unwrap();
    let link = |file: &str| format!("mkdir -p $(dirname ~/{file}); ln -sf {} ~/{file}", outside.display());
    for (agent, init, file) in [
        ("claude", json!({"type": "system", "subtype": "init", "session_id": "s-1"}), ".gitconfig"),
        ("droid", json!({"type": "system", "subtype": "init", "session_id": "d-1"}), ".factory/settings.json"),
    ] {
        // Asked again for its report, it is started in the same home.
        let first = json!([["say", init], ["shell", link(file)], ["commit", 1]]);
        let finished = bench.verdict(agent, Endpoint::Good, &json!([first, [["report", "done"]]]));
        assert!(finished.resumed && matches!(finished.verdict, Verdict::Unverified(_)), "{:?}", finished.evidence);
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "of the operator", "{agent}");
    }
}
