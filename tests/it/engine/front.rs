//! What a project says of its site is so once it is deployed, and a plan says what would stop a deployment.

use std::path::Path;
use std::process::Command;

use super::whole::{declare, git, ground, packages, server};
use crate::support::env::{TestEnv, get};
use crate::support::sshd::Sshd;

/// What a visitor gets who sends that many bytes.
fn send(url: &str, bytes: usize) -> String {
    let body = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(body.path(), vec![b' '; bytes]).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "10", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "-H"]);
    curl.args(["Content-Type: application/json", "--data-binary"]).arg(format!("@{}", body.path().display()));
    String::from_utf8(curl.arg(format!("{url}/notes")).output().expect("curl starts").stdout).unwrap()
}

/// The headers of an answer.
fn headers(url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "10", "--noproxy", "*", "-o", "/dev/null", "-D", "-"]);
    String::from_utf8(curl.arg(format!("{url}/ready")).output().expect("curl starts").stdout).unwrap()
}

/// All that a host has of cgo, but what time alone changes.
fn all(sshd: &Sshd) -> String {
    sshd.root(
        "if cd /var/lib/cgo 2>/dev/null; then \
         find . -type f ! -name log ! -name lock ! -path './caddy/*' -exec sha256sum {} + | sort; \
         find . -type d | sort; sha256sum caddy/sites.d/* caddy/last-good/* 2>/dev/null || true; else echo nothing; fi",
    )
}

/// An image that would be for other machines than the server's is told by a look alone.
fn an_image_for_other_machines(env: &TestEnv, folder: &Path) {
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    let image = "    driver: container\n    image: { dockerfile: image.Dockerfile }\n    migrate:";
    std::fs::write(folder.join("cgo.yaml"), manifest.replacen("    migrate:", image, 1)).unwrap();
    for (platform, code) in [("--platform=linux/riscv64 ", 9), ("", 0)] {
        std::fs::write(folder.join("image.Dockerfile"), format!("FROM {platform}debian\n")).unwrap();
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-qm", "Run it in a container"]);
        let plan = env.run(["deploy", "notes-api", "--server", "web", "--dry-run"]);
        assert_eq!(plan.code, Some(code), "{}{}", plan.stdout, plan.stderr);
        assert!(plan.stdout.contains("build its image on the server, for machines like it"), "{}", plan.stdout);
        assert_eq!(plan.stdout.contains("the image is for riscv64, and `web` is "), code == 9, "{}", plan.stdout);
    }
    git(folder, &["reset", "-q", "--hard", "HEAD~2"]);
}

#[test]
fn a_site_is_as_its_project_says_and_a_plan_says_what_would_stop_a_deployment() {
    let Some((sshd, env)) = ground() else { return };
    server(&env, &sshd, "web");
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    let folder = env.work().join("notes-api");
    packages(&sshd, &folder.join("services/backend/requirements.lock"));
    let manifest = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    let commit = |more: &str, snippet: &str| {
        std::fs::write(folder.join("cgo.yaml"), format!("{manifest}{more}")).unwrap();
        std::fs::write(folder.join("site.caddy"), snippet).unwrap();
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-qm", "Change the site"]);
    };

    // All that stands in the way is told at once, with what to do, and nothing is changed.
    assert_eq!(all(&sshd), "nothing\n");
    declare(&folder, "MAIL_KEY", "user_secret");
    commit("caddy_snippet: site.caddy\n", "encode gzip\nfile_server browse\n");
    let plan = env.run(["deploy", "notes-api", "--server", "web", "--dry-run"]);
    assert_eq!(plan.code, Some(4), "{}{}", plan.stdout, plan.stderr);
    for words in
        ["start it in slot blue", "It would be stopped:", "cgo secrets set notes-api MAIL_KEY", "line 2: `file_server`"]
    {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.stdout);
    }
    assert_eq!(all(&sshd), "nothing\n", "a look changes nothing");
    git(&folder, &["reset", "-q", "--hard", "HEAD~1"]);
    for (names, words) in [
        ("aliases: [a.example.com]\n", "`aliases` are further names"),
        ("domain: a.example.com\naliases: [a.example.com]\n", "`a.example.com` is named twice"),
    ] {
        commit(names, "");
        let refused = env.run(["deploy", "notes-api", "--server", "web"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
        git(&folder, &["reset", "-q", "--hard", "HEAD~1"]);
    }
    let plan = env.json(["deploy", "notes-api", "--server", "web", "--dry-run"]);
    assert_eq!(plan["obstacles"], serde_json::json!([]));

    an_image_for_other_machines(&env, &folder);
    commit("max_body_mb: 1\ncaddy_snippet: site.caddy\n", "header X-Shop open\nheader -Server\n");
    let made = env.json(["deploy", "notes-api", "--server", "web", "--bake", "0"]);
    let url = made["url"].as_str().unwrap().to_owned();
    let release = made["release"].as_str().unwrap().to_owned();
    let shows = |what: &str| headers(&url).to_lowercase().contains(what);
    assert!(shows("x-shop: open"), "{}", headers(&url));
    assert_eq!((send(&url, 1_000_001).as_str(), send(&url, 900_000).as_str()), ("413", "422"));

    // What reaches beyond the site, and what Caddy does not take: its line is named, and what was loaded last stays.
    let before = all(&sshd);
    commit("caddy_snippet: site.caddy\n", "header X-Shop closed\nreverse_proxy 127.0.0.1:1\n");
    let refused = env.run(["deploy", "notes-api", "--bake", "0"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("line 2: `reverse_proxy` has no place here"), "{}", refused.stderr);
    assert_eq!(all(&sshd), before, "nothing was begun there");
    commit("caddy_snippet: site.caddy\n", "header X-Shop closed\nredir\n");
    let refused = env.run(["deploy", "notes-api", "--bake", "0"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("line 2: ") && refused.stderr.contains("redir"), "{}", refused.stderr);
    assert!(shows("x-shop: open") && get(&format!("{url}/ready")).1.contains(&release));
    assert_eq!(send(&url, 1_000_001), "413");

    // Who has it, and until when.
    env.ok(["lock", "hold", "notes-api", "-m", "the fair is on"]);
    let before = all(&sshd);
    let plan = env.run(["deploy", "notes-api", "--dry-run"]);
    assert!(plan.code == Some(5) && plan.stdout.contains("the fair is on"), "{}{}", plan.stdout, plan.stderr);
    assert_eq!(all(&sshd), before);
    env.ok(["lock", "release", "notes-api"]);
    commit("", "");
    env.ok(["deploy", "notes-api", "--bake", "0"]);
    assert!(!shows("x-shop"), "what is not said any more is not so any more");
    assert_eq!(send(&url, 1_000_001), "422");
    env.ok(["project", "remove", "notes-api", "--yes"]);
}
