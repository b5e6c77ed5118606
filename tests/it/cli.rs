//! What the program says: standard output, standard error and exit code together.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;

use crate::support::env::{Ran, TestEnv};

fn shown(env: &TestEnv, ran: &Ran) -> String {
    let code = ran.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
    env.stable(&format!("{}--- stderr\n{}--- exit {code}", ran.stdout, ran.stderr))
}

#[test]
fn the_version_is_the_same_however_it_is_asked_for() {
    let env = TestEnv::new();
    let by_the_grammar = env.run(["--quiet", "--version"]);
    assert_eq!(by_the_grammar.stdout, format!("cgo {}\n", env!("CARGO_PKG_VERSION")));
    for alone in ["--version", "-V"] {
        let ran = env.run([alone]);
        assert_eq!((ran.code, &ran.stdout, ran.stderr.as_str()), (Some(0), &by_the_grammar.stdout, ""));
    }
}

#[test]
fn servers_over_ssh_have_verbs_of_their_own() {
    let env = TestEnv::new();
    assert_snapshot!(shown(&env, &env.run(["servers", "--help"])), @r##"
    Add, list and check the servers projects run on

    Usage: cgo servers [OPTIONS] <COMMAND>

    Commands:
      list         List the servers
      add          Add a server that is reached over SSH
      show         Show one server: how it is reached, what was found on it
      check        Look at servers now, at all of them side by side when none is named
      trust        Pin the host key a server has now, after it was set up anew
      provision    Set a server up: deploy account, SSH, firewall, updates, container engine, Caddy
      maintenance  Take a server out of use for a while, or put it into use again: `on`, `off`
      reserve      Keep a server free that carries no project, or give it to projects again: `on`, `off`
      inventory    Tell Ansible of the servers, as a dynamic inventory
      remove       Remove a server that carries no project; nothing changes on it
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Global options:
          --json           Print the answer as JSON
      -q, --quiet          Print the answer only, no progress
          --no-color       Use no colours
      -y, --yes            Take the stated assumptions and confirmations instead of asking
          --config <FILE>  Read settings from this file
          --store <URL>    Use this store: a file, sqlite:PATH or postgres://…
          --show-settings  Print every setting with its source, and end
    --- stderr
    --- exit 0
    "##);
}

#[test]
fn the_first_commands_of_an_empty_home() {
    let env = TestEnv::new();
    assert_snapshot!(shown(&env, &env.run(["project", "list"])), @r##"
    no projects yet; begin with `cgo project new "a notes API with title and body"`
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["servers", "list"])), @r##"
    SERVER  STATUS  ADDRESS    LAST LOOK  PROJECTS  PORTS
    local   ready   127.0.0.1  -          0         -
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["run", "list"])), @r##"
    no runs yet; begin with `cgo project new`
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["run", "resume"])), @r##"
    --- stderr
    error: no run can be resumed
    hint: run `cgo run list`
    --- exit 1
    "##);
    assert_snapshot!(shown(&env, &env.run(["deploy"])), @r##"
    --- stderr
    error: `HOME/work` is not the folder of a project
    hint: make one with `cgo project new`
    --- exit 2
    "##);
    assert_snapshot!(shown(&env, &env.run(["project", "show", "notes"])), @r##"
    --- stderr
    error: there is no project `notes`
    hint: run `cgo project new "a notes API with title and body"`
    --- exit 1
    "##);
    assert_snapshot!(shown(&env, &env.run(["help", "exit-codes"])), @r##"
    The exit codes of every command:

       0  done
       1  failed, nothing changed, the user can fix it
       2  wrong usage: an argument, a flag or a settings file
       3  the plan has changes (--detailed-exit-code)
       4  a person is needed: an answer, an approval or a secret
       5  the lease is held by another process
       6  the health gate failed, the old version serves
       7  reverted after the switch
       8  partial: hosts differ
       9  pre-flight failed: disk, DNS, architecture, port or missing program
      10  outcome unknown, resume
      70  a bug in cgo
     130  interrupted

    Usage: cgo exit-codes [OPTIONS]

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Global options:
          --json
              Print the answer as JSON

      -q, --quiet
              Print the answer only, no progress

          --no-color
              Use no colours

      -y, --yes
              Take the stated assumptions and confirmations instead of asking

          --config <FILE>
              Read settings from this file

          --store <URL>
              Use this store: a file, sqlite:PATH or postgres://…

          --show-settings
              Print every setting with its source, and end
    --- stderr
    --- exit 0
    "##);
}

#[test]
fn settings_name_their_sources() {
    let mut env = TestEnv::new();
    env.set("CGO_AGENT_CACHE_SECONDS", "5");
    let file = env.home().join("my.yaml");
    std::fs::write(&file, "data: /srv/cgo\nacme: { ca: staging, servers: { web-1: { email: ops@example.com } } }\n")
        .unwrap();
    let shown = env.stable(&env.ok(["--show-settings", "--config", file.to_str().unwrap()]).stdout);
    let rows: Vec<String> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "config HOME/my.yaml flag --config",
        "store sqlite:/srv/cgo/cgo.db default",
        "data /srv/cgo file HOME/my.yaml",
        "cache CACHE variable CGO_CACHE",
        "agent_cache_seconds 5 variable CGO_AGENT_CACHE_SECONDS",
        "provider offline default",
        "budget $5.00 default",
        "acme_ca staging file HOME/my.yaml",
        "acme_servers web-1 flag --config",
    ] {
        assert!(rows.iter().any(|other| other == row), "`{row}` is missing in:\n{shown}");
    }
    std::fs::write(&file, "date: /srv/cgo\n").unwrap();
    let wrong = env.run(["--show-settings", "--config", file.to_str().unwrap()]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("my.yaml") && wrong.stderr.contains("date"), "{}", wrong.stderr);
}

#[test]
fn agents_are_listed_shown_set_compared_and_rolled_back() {
    let env = TestEnv::new();
    assert_snapshot!(shown(&env, &env.run(["agent", "list"])), @r##"
    AGENT          VERSION  ENGINE           ACTIVE  WHAT IT DOES
    architect      1        model (offline)  yes     Writes the operations of the spec, makes the repository and plans the work
    brainstorm     1        model (offline)  yes     Turns the description into a spec, with at most three rounds of questions
    developer      1        model (offline)  yes     Generates the project from the spec and has the business logic written
    devops         1        rules            yes     Deploys the tested commit and shares the project
    documenter     1        model (offline)  yes     Reports what was done, what was assumed and what was not built
    product_owner  1        model (offline)  yes     Finds out what a person wants done
    reviewer       1        rules            yes     Merges the work of developers who worked side by side
    tester         1        model (offline)  yes     Runs the project's own tests before a deployment and probes the live service after it
    zavhoz         1        rules            yes     Finds a server with room and reserves ports
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["agent", "set", "tester", "max_turns", "7"])), @r##"
    tester: version 2 stored
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["agent", "diff", "tester"])), @r##"
    --- tester 1
    +++ tester 2
    @@ -3,7 +3,7 @@
     description: Runs the project's own tests before a deployment and probes the live service after it
     engine: model
     max_tokens: 2048
    -max_turns: 12
    +max_turns: 7
     tools: [install_dependencies, run_tests, probe_service, create_incident, handoff]
     handoffs: [developer]
     reads: [messages, current_project, project_spec, po_intent, repo_info, engineering_status, engineering_iterations, allocated_resources, deployed_url]
    --- stderr
    --- exit 0
    "##);
    assert_snapshot!(shown(&env, &env.run(["agent", "set", "tester", "max_turns", "many"])), @r##"
    --- stderr
    error: the file of agent `tester` is wrong at line 6, column 12: invalid u32
      | 6 | max_turns: many
      |                ^
    hint: run `cgo agent edit tester`
    --- exit 1
    "##);
    let fly = env.run(["agent", "set", "tester", "tools", "[fly]"]);
    assert_eq!(fly.code, Some(1), "{}", fly.stderr);
    let start = "error: the file of agent `tester` is wrong at line 7, column 9: there is no tool `fly`; the tools are activate_project, allocate_port,";
    assert!(fly.stderr.starts_with(start), "{}", fly.stderr);
    for words in ["| 7 | tools: [fly]", "|             ^", "hint: run `cgo agent edit tester`"] {
        assert!(fly.stderr.contains(words), "`{words}` is missing in: {}", fly.stderr);
    }
    let near = env.run(["agent", "set", "tester", "tools", "[run_test]"]);
    assert!(near.stderr.contains("no tool `run_test`; did you mean `run_tests`? The tools are"), "{}", near.stderr);
    let refused = env.run(["agent", "set", "tester", "provider", "opnai"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("there is no provider `opnai`; there are anthropic,"), "{}", refused.stderr);
    env.ok(["agent", "rollback", "tester"]);
    let history = env.json(["agent", "history", "tester"]);
    let origins: Vec<&str> =
        history["versions"].as_array().unwrap().iter().map(|version| version["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["rollback to 1", "set", "built-in"]);
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/agents/tester.yaml")).unwrap();
    assert_eq!(env.ok(["agent", "show", "tester"]).stdout, file);
    env.ok(["agent", "export", "out"]);
    assert_eq!(std::fs::read_dir(env.work().join("out")).unwrap().count(), 9);
    let other = TestEnv::new();
    env.ok(["agent", "set", "tester", "max_turns", "9"]);
    env.ok(["agent", "export", "out"]);
    other.ok([std::ffi::OsString::from("agent"), "import".into(), env.work().join("out").into()]);
    assert!(other.ok(["agent", "show", "tester"]).stdout.contains("max_turns: 9"));
}

/// An editor that puts a text in place of another.
fn editor(env: &TestEnv, from: &str, to: &str) -> String {
    let path = env.home().join("editor");
    std::fs::write(&path, format!("#!/bin/sh\nsed -i 's/{from}/{to}/' \"$1\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_broken_edit_shows_its_place_and_the_text_is_never_lost() {
    let mut env = TestEnv::new();
    let none = env.run(["agent", "edit", "tester"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("EDITOR"), "{}", none.stderr);
    let path = editor(&env, "max_turns: 12", "max_turns: dozen");
    env.set("EDITOR", path);
    let broken = env.run(["agent", "edit", "tester"]);
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    assert!(broken.stderr.contains("line 6, column 12"), "{}", broken.stderr);
    let kept = env.data().join("drafts/tester.yaml");
    assert!(broken.stderr.contains(&kept.display().to_string()), "{}", broken.stderr);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("max_turns: dozen"));
    let again = env.run(["agent", "edit", "tester"]);
    assert_eq!(again.code, Some(1));
    assert!(std::fs::read_to_string(&kept).unwrap().contains("max_turns: dozen"), "the first text was overwritten");
    let path = editor(&env, "max_turns: 12", "max_turns: 13");
    env.set("VISUAL", path);
    let stored = env.ok(["agent", "edit", "tester"]);
    assert!(stored.stdout.contains("version 2 stored"), "{}", stored.stdout);
    env.set("VISUAL", "true");
    assert!(env.ok(["agent", "edit", "tester"]).stdout.contains("unchanged, version 2"));
}

#[test]
fn an_agent_is_tried_alone_and_changes_nothing() {
    let env = TestEnv::new();
    assert_snapshot!(shown(&env, &env.run(["agent", "test", "product_owner", "--input", "a notes API with title"])), @r##"
    turn 1
      set_intent
        {
          "intent": "new_project",
          "summary": "a notes API with title"
        }
    says: {"ok":true}
    2 turns, 1 calls, asked of offline; nothing was changed
    --- stderr
    --- exit 0
    "##);
    let tried = env.json(["agent", "test", "brainstorm", "--input", "books with title and author"]);
    assert_eq!(tried["calls"][0]["tool"], "propose_spec", "{tried}");
    assert!(tried["calls"][0]["arguments"]["spec"]["models"].to_string().contains("Book"));
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
}

#[test]
fn a_plan_changes_nothing() {
    let env = TestEnv::new();
    let plan = env.json(["project", "new", "a notes API with title and body", "--dry-run"]);
    assert_eq!(plan["project"], "notes-api");
    assert!(plan["files"].as_array().unwrap().len() > 30, "{plan}");
    assert_eq!(std::fs::read_dir(env.work()).unwrap().count(), 0);
    assert_eq!(env.json(["project", "list"])["projects"].as_array().unwrap().len(), 0);
    assert_eq!(env.json(["run", "list"])["runs"].as_array().unwrap().len(), 0);
}

#[test]
fn the_graph_is_drawn_three_ways() {
    let env = TestEnv::new();
    assert!(env.ok(["agent", "graph"]).stdout.starts_with("flowchart TD"));
    assert!(env.ok(["agent", "graph", "--format", "dot"]).stdout.starts_with("digraph"));
    assert!(env.ok(["agent", "graph", "--format", "svg"]).stdout.starts_with("<svg"));
}

#[test]
fn every_answer_fits_its_schema() {
    let env = TestEnv::new();
    let schemas = cgo::cli::schema::all();
    for arguments in [
        &["project", "list"][..],
        &["servers", "list"],
        &["run", "list"],
        &["agent", "list"],
        &["agent", "show", "tester"],
        &["agent", "history", "tester"],
        &["agent", "set", "tester", "max_turns", "9"],
        &["agent", "diff", "tester"],
        &["agent", "export", "out"],
        &["agent", "import", "out"],
        &["agent", "test", "product_owner", "--input", "notes"],
        &["init"],
        &["doctor"],
        &["--show-settings"],
        &["exit-codes"],
        &["project", "new", "notes with title", "--dry-run"],
    ] {
        let mut command = arguments.to_vec();
        command.push("--json");
        let ran = env.run(&command);
        let envelope: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}\n{ran:?}"));
        let name =
            envelope["schema"].as_str().unwrap().trim_start_matches("cgo.").trim_end_matches("/1").to_owned() + ".json";
        let (_, schema) = schemas
            .iter()
            .find(|(other, _)| *other == name)
            .unwrap_or_else(|| panic!("{command:?}: there is no schema {name}"));
        jsonschema::validate(schema, &envelope).unwrap_or_else(|error| panic!("{command:?}: {error}\n{envelope:#}"));
    }
}

#[test]
fn completions_and_manual_pages_come_without_a_store() {
    let mut env = TestEnv::new();
    env.set("CGO_STORE", "nonsense://");
    for shell in ["bash", "zsh", "fish"] {
        assert!(env.ok(["completions", shell]).stdout.contains("cgo"));
    }
    assert!(env.ok(["man"]).stdout.contains(".TH cgo"));
    assert!(env.ok(["man", "project", "new"]).stdout.contains("description"));
    assert_eq!(env.run(["man", "nothing"]).code, Some(2));
}
