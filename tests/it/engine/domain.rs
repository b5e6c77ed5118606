//! A project with a domain on a server, by the command line, and an authority that has had enough of it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::whole::{git, ground, packages, server};
use crate::caddy::acme::{AUTHORITY, Pebble, Running, done, there};
use crate::caddy::free_port;
use crate::support::env::{TestEnv, until};
use crate::support::sshd::Sshd;

/// Stands before the authority: as long as there is a file `limited`, nobody gets a certificate.
const LIMITS: &str = r#"{
	admin off
	auto_https off
	storage file_system "FOLDER/limits"
}
https://HERE:PORT {
	tls "FOLDER/pebble.pem" "FOLDER/pebble.key"
	@limited {
		path /order-plz
		file {
			root "FOLDER"
			try_files /limited
		}
	}
	handle @limited {
		header Content-Type application/problem+json
		respond `{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates for this name", "status": 429}` 429
	}
	handle {
		reverse_proxy https://AUTHORITY {
			transport http {
				tls_insecure_skip_verify
			}
		}
	}
}
"#;

/// What a visitor of a domain gets, whoever vouches for its certificate; none without one.
fn visit(domain: &str, address: &str) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["-fsSk", "-m", "10", "--noproxy", "*", "--resolve", &format!("{domain}:443:{address}")]);
    let output = curl.arg(format!("https://{domain}/ready")).output().expect("curl starts");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is wrong with certificates, as it is known.
fn certificates(env: &TestEnv) -> Vec<Value> {
    let open = env.json(["incidents", "list"])["incidents"].as_array().cloned().unwrap_or_default();
    open.into_iter().filter(|incident| incident["kind"] == "certificate" && incident["status"] == "open").collect()
}

/// Who wants a trial is told whom that asks.
fn the_authority_for_trials_is_named(env: &TestEnv) {
    let trial =
        env.command(["deploy", "notes-api", "--server", "web", "--dry-run"]).env("CGO_ACME_CA", "staging").output();
    let trial = String::from_utf8(trial.unwrap().stdout).unwrap();
    assert!(trial.contains("the authority for trials, whom no visitor trusts: https://acme-staging-v02"), "{trial}");
}

/// A plan has a certificate made for trials, with the server answering for the names as it will; nothing of it stays there.
fn a_certificate_is_tried(env: &TestEnv, sshd: &Sshd, names: &str) {
    let told = "find /var/lib/cgo/caddy -path '*/data' -prune -o -type f -exec sha256sum {} + 2>/dev/null | sort";
    let before = sshd.root(told);
    let plan = env.ok(["deploy", "notes-api", "--server", "web", "--dry-run"]).stdout;
    assert!(plan.contains(&format!("gave a certificate for trials of {names}, which was thrown away")), "{plan}");
    assert_eq!(before, sshd.root(told));
    let left = "find /tmp -maxdepth 1 -name 'cgo-trial.*'; find /var/lib/cgo/caddy/data -path '*challenge_tokens/*' 2>/dev/null || true";
    assert_eq!(sshd.root(left).trim(), "");
}

/// What an authority says of a name stands in the plan, with what to do about it.
fn a_name_that_the_authority_cannot_follow_is_told(env: &TestEnv, sshd: &Sshd, pebble: &Pebble, named: &dyn Fn(&str)) {
    named("three");
    pebble.believes("three.cgo-test.example", "127.0.0.1");
    let plan = env.run(["deploy", "notes-api", "--server", "web", "--dry-run"]);
    assert_eq!(plan.code, Some(9), "{}{}", plan.stdout, plan.stderr);
    for words in ["refuses a certificate for trials of `three.cgo-test.example`", "port 80 is open to everybody"] {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.stdout);
    }
    assert_eq!(sshd.root("find /tmp -maxdepth 1 -name 'cgo-trial.*'").trim(), "");
    named("one");
}

/// A port that nobody comes through is told before the authority is asked; one that nothing listens on yet is not.
fn a_port_that_is_closed_is_told_first(env: &TestEnv, sshd: &Sshd) {
    sshd.root("/usr/sbin/iptables -I INPUT -p tcp --dport 443 -j DROP");
    let plan = env.run(["deploy", "notes-api", "--server", "web", "--dry-run"]);
    assert_eq!(plan.code, Some(9), "{}{}", plan.stdout, plan.stderr);
    for words in ["port 443 of `web`", "a firewall drops", "cgo servers provision web"] {
        assert!(plan.stdout.contains(words), "{words}: {}", plan.stdout);
    }
    let refused = env.run(["deploy", "notes-api", "--server", "web", "--bake", "0"]);
    assert!(refused.code == Some(9) && refused.stderr.contains("port 443 of `web`"), "{}", refused.stderr);
    assert_eq!(sshd.root("ls /var/lib/cgo/caddy 2>/dev/null | wc -l").trim(), "0", "nobody was asked for anything");
    sshd.root("/usr/sbin/iptables -D INPUT -p tcp --dport 443 -j DROP");
}

/// A further name beside the domain, with a certificate of its own.
fn a_further_name_is_served_too(env: &TestEnv, sshd: &Sshd, folder: &Path) {
    let one = std::fs::read_to_string(folder.join("cgo.yaml")).unwrap();
    std::fs::write(folder.join("cgo.yaml"), format!("{one}aliases: [also.cgo-test.example]\n")).unwrap();
    git(folder, &["commit", "-qam", "Give it another name"]);
    a_certificate_is_tried(env, sshd, "`also.cgo-test.example`");
    let also = env.json(["deploy", "notes-api", "--bake", "0"]);
    let release = also["release"].as_str().unwrap();
    for name in ["one.cgo-test.example", "also.cgo-test.example"] {
        assert!(visit(name, &sshd.address).is_some_and(|said| said.contains(release)), "{name}");
    }
}

/// Has the host's Caddy show a certificate of a domain that was made long ago and ends in a few days.
fn grow_old(sshd: &Sshd, folder: &Path, domain: &str) {
    let openssl = |line: &str| done(Command::new("openssl").args(line.split(' ')).current_dir(folder));
    let date = |text: &str| done(Command::new("date").args(["-u", "+%Y%m%d%H%M%SZ", "-d", text])).trim().to_owned();
    std::fs::write(folder.join("index.txt"), "").unwrap();
    std::fs::write(folder.join("ca.cnf"), AUTHORITY).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -days 30 -subj /CN=test-authority -keyout ca.key -out ca.pem"));
    openssl(&format!("req {key} -subj /CN=x -addext subjectAltName=DNS:{domain} -keyout old.key -out old.csr"));
    let (from, to) = (date("-85 days"), date("+5 days +1 hour"));
    openssl(&format!("ca -batch -notext -config ca.cnf -in old.csr -out old.crt -startdate {from} -enddate {to}"));
    let from = folder.display();
    sshd.root(&format!(
        "cd /var/lib/cgo/caddy/data && for file in $(find . -name {domain}.crt -o -name {domain}.key); do \
         cat {from}/old.${{file##*.}} >$file; done"
    ));
    // Started anew, it takes what it finds on its disk.
    sshd.root("read -r pid rest </var/lib/cgo/caddy/caddy.pid && kill $pid");
}

#[test]
fn an_authority_that_refuses_for_a_while_fails_no_deployment_and_the_certificates_stay() {
    if !there("pebble", "pebble") || !there("pebble-challtestsrv", "pebble") {
        return;
    }
    let Some((sshd, mut env)) = ground() else { return };
    if !env.mount("names") {
        return;
    }
    // The machine sees the names as the world would, and the authority one address before the host's own.
    let names = env.home().join("hosts");
    // Names are asked for with the dot at their end, too.
    let of = |name: &str| format!("{} {name}.cgo-test.example {name}.cgo-test.example.\n", sshd.address);
    std::fs::write(&names, format!("127.0.0.1 localhost\n{}{}{}{}", of("one"), of("two"), of("three"), of("also")))
        .unwrap();
    env.disk().cover("/etc/hosts", &names);
    let address: Ipv4Addr = sshd.address.parse().unwrap();
    let here = Ipv4Addr::from(u32::from(address) - 1).to_string();
    let folder = tempfile::tempdir().unwrap();
    let pebble = Pebble::start(folder.path(), &here, &sshd.address, 80, 443);
    let port = free_port();
    let authority = pebble.directory.trim_start_matches("https://").trim_end_matches("/dir").to_owned();
    let limits = LIMITS
        .replace("FOLDER", folder.path().to_str().unwrap())
        .replace("AUTHORITY", &authority)
        .replace("HERE", &here)
        .replace("PORT", &port.to_string());
    std::fs::write(folder.path().join("Limits"), limits).unwrap();
    let _limits = Running::start(
        Command::new("caddy").args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.path().join("Limits")),
    );
    until("what stands before the authority", || std::net::TcpStream::connect((here.as_str(), port)).is_ok());

    server(&env, &sshd, "web");
    let config = env.home().join(".config/cgo");
    std::fs::create_dir_all(&config).unwrap();
    let acme = format!("ca: \"https://{here}:{port}/dir\", ca_root: \"{}\"", pebble.certificate.display());
    std::fs::write(config.join("config.yaml"), format!("acme: {{ {acme} }}\n")).unwrap();
    env.ok(["project", "new", "a notes API with title and body", "--no-deploy"]);
    let folder_of = env.work().join("notes-api");
    packages(&sshd, &folder_of.join("services/backend/requirements.lock"));
    let manifest = std::fs::read_to_string(folder_of.join("cgo.yaml")).unwrap();
    let named = |name: &str| {
        std::fs::write(folder_of.join("cgo.yaml"), format!("{manifest}domain: {name}.cgo-test.example\n")).unwrap();
        git(&folder_of, &["commit", "-qam", &format!("Call it {name}")]);
    };
    let kept = || sshd.root("cd /var/lib/cgo/caddy/data && find . -name 'one.*.crt' -exec sha256sum {} +");

    named("one");
    // A plan says whom it would ask, and asks nobody.
    let plan = env.ok(["deploy", "notes-api", "--server", "web", "--dry-run"]).stdout;
    let asked = format!(
        "ask for a certificate of `one.cgo-test.example`, which leads to the server, unless it has one: https://{here}:{port}/dir"
    );
    assert!(plan.contains(&asked), "{plan}");
    assert!(plan.contains("no certificate was tried: `trial` under `acme` names no authority"), "{plan}");
    let acme = format!("acme: {{ {acme}, trial: \"{}\" }}\n", pebble.directory);
    std::fs::write(config.join("config.yaml"), acme).unwrap();
    a_certificate_is_tried(&env, &sshd, "`one.cgo-test.example`");
    a_name_that_the_authority_cannot_follow_is_told(&env, &sshd, &pebble, &named);
    the_authority_for_trials_is_named(&env);
    assert_eq!(sshd.root("ls /var/lib/cgo/apps /var/lib/cgo/caddy 2>&1 | grep -vc 'No such file' || true").trim(), "0");
    a_port_that_is_closed_is_told_first(&env, &sshd);
    let made = env.json(["deploy", "notes-api", "--server", "web", "--bake", "0"]);
    assert_eq!(made["url"], "https://one.cgo-test.example");
    let first = made["release"].as_str().unwrap().to_owned();
    assert!(visit("one.cgo-test.example", &sshd.address).unwrap().contains(&first));
    assert!(certificates(&env).is_empty());
    let certificate = kept();
    assert!(!certificate.is_empty());

    a_further_name_is_served_too(&env, &sshd, &folder_of);
    assert_eq!(kept(), certificate);

    // The authority refuses. A name that has its certificate does not notice.
    std::fs::write(folder.path().join("limited"), "").unwrap();
    let back = env.json(["deploy", "notes-api", "--bake", "0"]);
    assert_ne!(back["release"], first.as_str());
    assert!(certificates(&env).is_empty());
    // Another one has none: the release serves, and what is missing is told, with the authority's own words.
    named("two");
    let told = env.ok(["deploy", "notes-api", "--bake", "0"]);
    assert!(
        told.stderr.contains("rateLimited") || told.stdout.contains("rateLimited"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    assert_eq!(visit("two.cgo-test.example", &sshd.address), None);
    let checked = env.run(["incidents", "check", "--json"]);
    assert_eq!(checked.code, Some(8), "{}", checked.stderr);
    let open = certificates(&env);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0]["details"].as_str().unwrap().contains("too many certificates for this name"), "{open:?}");

    // The name from before is served with the certificate that was kept, and the incident is over.
    named("one");
    let again = env.json(["deploy", "notes-api", "--bake", "0"]);
    assert!(visit("one.cgo-test.example", &sshd.address).unwrap().contains(again["release"].as_str().unwrap()));
    assert_eq!(kept(), certificate);
    env.run(["incidents", "check"]);
    assert!(certificates(&env).is_empty());

    // It comes to its end, and the authority refuses still: it serves on, and is told of in time.
    grow_old(&sshd, folder.path(), "one.cgo-test.example");
    until("it is told with the days that are left", || {
        env.run(["incidents", "check"]);
        let told = certificates(&env);
        told.len() == 1
            && told[0]["title"] == "the certificate of `one.cgo-test.example` ends in 5 days"
            && told[0]["details"].as_str().unwrap().contains("too many certificates for this name")
    });
    assert!(visit("one.cgo-test.example", &sshd.address).unwrap().contains(again["release"].as_str().unwrap()));
    env.ok(["project", "remove", "notes-api", "--yes"]);
}
