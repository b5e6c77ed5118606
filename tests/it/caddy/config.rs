//! How the configuration changes, and that it does not when it cannot.

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::domain_name::DomainName;
use cgo::domain::host::Rights;
use cgo::remote::caddy::{At, Caddy, Error, Snippet};
use cgo::remote::host;
use futures_util::future::join_all;

use super::{Client, Ground, get, never, on_both, over_ssh};
use crate::hosts::Linked;
use crate::support::env::until_async;

#[test]
fn what_is_set_up_is_said_once_and_others_can_read_none_of_it() {
    on_both(&async |ground| {
        let caddy = ground.caddy();
        let changed = caddy.ensure(&ground.base, &never()).await.unwrap();
        assert!(changed.iter().any(|line| line == "started Caddy"), "{changed:?}");
        assert_eq!(caddy.ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());
        let site = ground.site("notes");
        assert!(caddy.apply(&site, &never()).await.unwrap().changed);
        assert_eq!(caddy.ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());

        let mut base = ground.base.clone();
        base.acme_email = Some("ops@example.com".to_owned());
        let changed = caddy.ensure(&base, &never()).await.unwrap();
        assert_eq!(changed, [format!("wrote {}/caddy/Caddyfile", ground.root)]);
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().status, 502);

        if ground.rights == Rights::Root {
            let others = "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'for file in \"$@\"; do \
                          test -e \"$file\" && echo \"$file\"; done; true' sh \"$@\"";
            let files = ["caddy/Caddyfile", "caddy/sites.d/notes.caddy", "caddy/run/admin.sock", "apps/notes"]
                .map(|file| format!("{}/{file}", ground.root));
            assert_eq!(ground.sh(others, &files.each_ref().map(String::as_str)).await, "");
        }
    });
}

#[test]
fn a_site_that_is_so_already_is_not_loaded_again() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let mut idle = Client::to(ground.reach(&site)).await.unwrap();
        assert_eq!(idle.get("/").await.unwrap().text(), "blue");
        assert!(!ground.caddy().apply(&site, &never()).await.unwrap().changed);
        assert_eq!(idle.get("/").await.unwrap().text(), "blue", "no connection was closed");
        // A change that was loaded and broke off before it was on the disk: what is on the disk is loaded again.
        ground.sh(": >\"$1/caddy/pending\"", &[&ground.root]).await;
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
        assert!(!ground.caddy().apply(&site, &never()).await.unwrap().changed);
    });
}

#[test]
fn a_snippet_that_caddy_does_not_take_is_refused_with_its_line_and_the_last_good_one_serves() {
    on_both(&async |ground| {
        let mut site = ground.served("notes").await;
        let other = ground.site("other");
        ground.caddy().apply(&other, &never()).await.unwrap();
        ground.app("blue", site.ports.blue).await;
        site.snippet = Some(Snippet::parse("# ours\nheader X-Ours \"yes, {host}\"\nencode gzip\n").unwrap());
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
        let at = ground.reach(&site);
        assert!(get(at, "/").await.unwrap().headers["x-ours"].starts_with("yes, "));
        let file = format!("{}/caddy/sites.d/notes.caddy", ground.root);
        let before = ground.sh("cat \"$1\"", &[&file]).await;

        let good = site.snippet.replace(Snippet::parse("header X-Ours no\n\nencode bogus\n").unwrap());
        let error = ground.caddy().apply(&site, &never()).await.unwrap_err();
        assert_eq!(error.kind().exit_code(), 1);
        let Error::Snippet { cause, .. } = &error else { panic!("{error}") };
        assert!(cause.line == 3 && cause.reason.contains("bogus"), "{cause}");
        assert!(get(at, "/").await.unwrap().headers["x-ours"].starts_with("yes, "));
        assert_eq!(ground.sh("cat \"$1\"", &[&file]).await, before);
        assert_eq!(
            ground.sh("ls \"$1\"", &[&format!("{}/caddy/sites.d", ground.root)]).await,
            "notes.caddy\nother.caddy"
        );

        // It does not stand in the way of anybody else.
        assert!(ground.caddy().remove(&other.app, &never()).await.unwrap().changed);
        assert!(!ground.caddy().remove(&other.app, &never()).await.unwrap().changed);
        assert!(get(ground.reach(&other), "/").await.is_err(), "nobody listens there any more");
        site.snippet = good;
        assert!(!ground.caddy().apply(&site, &never()).await.unwrap().changed);
    });
}

#[test]
fn a_port_that_is_taken_and_a_name_that_another_site_has_are_refused_with_the_reason() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let mut other = ground.site("other");
        other.at = At::Port(site.ports.blue);
        // On this port of one address somebody listens already, so not on all.
        let error = ground.caddy().apply(&other, &never()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reason, .. } if reason.contains("address already in use")),
            "{error}"
        );

        let names = || At::domains([DomainName::parse("app.example.com").unwrap()]).unwrap();
        other.at = names();
        assert!(ground.caddy().apply(&other, &never()).await.unwrap().changed);
        let mut third = ground.site("third");
        third.at = names();
        let error = ground.caddy().apply(&third, &never()).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("app.example.com")), "{error}");
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "blue");
        let plain = format!("{}:{}", ground.address, ground.base.http_port.unwrap()).parse().unwrap();
        let mut visitor = Client::to(plain).await.unwrap();
        visitor.name = "app.example.com".to_owned();
        let got = visitor.get("/a?b=c").await.unwrap();
        assert_eq!((got.status, got.headers["location"].as_str()), (308, "https://app.example.com/a?b=c"));
    });
}

#[test]
fn sites_that_are_put_in_place_at_once_are_all_there() {
    on_both(&async |ground| {
        ground.caddy().ensure(&ground.base, &never()).await.unwrap();
        let sites: Vec<_> = (0..5).map(|at| ground.site(&format!("app-{at}"))).collect();
        let (caddy, cancel) = (ground.caddy(), never());
        for applied in join_all(sites.iter().map(|site| caddy.apply(site, &cancel))).await {
            assert!(applied.unwrap().changed);
        }
        for site in &sites {
            ground.app(site.app.as_str(), site.ports.blue).await;
            assert_eq!(get(ground.reach(site), "/").await.unwrap().text(), site.app.as_str());
        }
    });
}

#[test]
fn a_full_disk_changes_nothing_and_the_same_works_when_there_is_room() {
    over_ssh(&async |sshd, ground| {
        let ground =
            Ground { root: "/var/lib/cgo".to_owned(), ..Ground::new(ground.host, &ground.folder, &sshd.address) };
        let ground = Ground { rights: Rights::Root, ..ground };
        let mut site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        let before = sshd.root("cat /var/lib/cgo/caddy/sites.d/notes.caddy");
        sshd.root("cat /dev/zero >/var/lib/filler; test -s /var/lib/filler");
        site.max_body_mb = None;
        let error = ground.caddy().apply(&site, &never()).await.unwrap_err();
        assert!(matches!(error, Error::Host(host::Error::Full { .. })), "{error}");
        assert_eq!(error.kind().exit_code(), 9);
        assert_eq!(sshd.root("cat /var/lib/cgo/caddy/sites.d/notes.caddy"), before);
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "blue");
        // Also where Caddy starts anew while there is none.
        sshd.root("read -r pid rest </var/lib/cgo/caddy/caddy.pid && kill -9 $pid");
        let serves = async || get(ground.reach(&site), "/").await.is_ok_and(|got| got.text() == "blue");
        until_async("Caddy that is back on a full disk", serves).await;
        sshd.root("rm /var/lib/filler");
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
        assert_eq!(sshd.root("ls /var/lib/cgo/caddy/sites.d"), "notes.caddy\n");
    });
}

#[test]
fn accounts_with_sudo_and_accounts_without_any_rights_have_a_caddy_too() {
    over_ssh(&async |sshd, ground| {
        let linked = Linked::to(sshd, "deploy");
        let home = sshd.folder().join("deploy").display().to_string();
        let plain = Ground {
            root: format!("{home}/cgo"),
            rights: Rights::Plain,
            ..Ground::new(linked.host(), &ground.folder, &sshd.address)
        };
        sshd.root(&format!("chmod 777 {}", ground.folder.display()));
        let site = plain.served("notes").await;
        plain.app("blue", site.ports.blue).await;
        assert_eq!(get(plain.reach(&site), "/").await.unwrap().text(), "blue");
        plain.app("green", site.ports.green).await;
        plain.flag(&site, "green", true).await;
        assert_eq!(get(plain.reach(&site), "/").await.unwrap().text(), "green");

        if !sshd.allow_sudo("deploy") {
            return;
        }
        let host = linked.host();
        let base = Ground::new(host, &ground.folder, &sshd.address).base;
        let caddy = Caddy::of(host, "/var/lib/cgo", Rights::Sudo).unwrap();
        caddy.ensure(&base, &never()).await.unwrap();
        let mut site = ground.site("tasks");
        site.ports = plain.site("tasks").ports;
        assert!(caddy.apply(&site, &never()).await.unwrap().changed);
        assert_eq!(caddy.ensure(&base, &never()).await.unwrap(), Vec::<String>::new());
        assert_eq!(caddy.in_flight(site.ports.blue, &never()).await.unwrap(), Some(0));
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().status, 502);
        assert_eq!(sshd.root("stat -c %U:%G:%a /var/lib/cgo/caddy/run"), "caddy:caddy:700\n");
        let caddys = sshd.root(
            "for at in /proc/[0-9]*; do if [ \"$(cat $at/comm)\" = caddy ]; then stat -c %U $at; fi; done | sort -u",
        );
        assert_eq!(caddys, "caddy\ndeploy\n", "none of them runs as root");
    });
}

/// Passes on to the real one, but for sites while a file is there.
const CURL: &str = r#"#!/bin/sh
[ -e /run/wrong ] && case "$*" in *cgo-site*) echo wrong; exit ;; esac
exec /run/curl.real "$@"
"#;

#[test]
fn when_a_site_does_not_answer_what_was_good_is_loaded_again() {
    over_ssh(&async |sshd, ground| {
        let mut site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        ground.app("green", site.ports.green).await;
        sshd.write("curl", CURL);
        let folder = sshd.folder().display();
        sshd.root(&format!(
            "at=$(command -v curl) && cp \"$at\" /run/curl.real && chmod 755 {folder}/curl && mount --bind {folder}/curl \"$at\""
        ));
        let before = sshd.root(&format!("cat {}/caddy/sites.d/notes.caddy", ground.root));
        // The slots change places: which one serves says which configuration is loaded.
        std::mem::swap(&mut site.ports.blue, &mut site.ports.green);
        sshd.root("touch /run/wrong");
        let error = ground.caddy().apply(&site, &never()).await.unwrap_err();
        assert!(matches!(&error, Error::Unanswered { reason, .. } if reason.contains("`wrong`")), "{error}");
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "blue");
        assert_eq!(sshd.root(&format!("cat {}/caddy/sites.d/notes.caddy", ground.root)), before);
        sshd.root("rm /run/wrong");
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "green");
    });
}

#[test]
fn a_host_without_curl_is_asked_with_perl_and_one_without_either_is_not_asked() {
    over_ssh(&async |sshd, ground| {
        sshd.hide("curl");
        let mut site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        assert_eq!(ground.caddy().in_flight(site.ports.blue, &never()).await.unwrap(), Some(0));
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "blue");
        sshd.hide("perl");
        assert_eq!(ground.caddy().in_flight(site.ports.blue, &never()).await.unwrap(), None);
        site.max_body_mb = None;
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
    });
}
