//! What keeps Caddy running, and what is said when it does not.

use std::net::SocketAddr;

use cgo::domain::diagnose::Diagnose as _;
use cgo::domain::host::Rights;
use cgo::remote::caddy::{Caddy, Error};

use super::{get, never, on_both, over_ssh};
use crate::support::env::until;

/// The routes that Caddy has, in its own words.
const ROUTES: &str = r#"curl -fsS --unix-socket "$1/caddy/run/admin.sock" -H 'Host;' http://caddy/config/"#;
/// The process of Caddy.
const PID: &str = r#"read -r pid _ <"$1/caddy/caddy.pid"; echo "$pid""#;

/// Waits until another process listens. That blocks, which is fine: nobody is asked meanwhile.
fn back(root: &str, killed: &str, at: SocketAddr) {
    until("Caddy that is back", || {
        let pid = std::fs::read_to_string(format!("{root}/caddy/caddy.pid")).unwrap();
        pid.split(' ').next() != Some(killed) && std::net::TcpStream::connect(at).is_ok()
    });
}

#[test]
fn a_caddy_that_is_killed_is_back_with_the_same_routes() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        ground.app("green", site.ports.green).await;
        ground.flag(&site, "green", true).await;
        let root = ground.root.as_str();
        let routes = ground.sh(ROUTES, &[root]).await;
        let mut killed = Vec::new();
        for _ in 0..2 {
            let pid = ground.sh(PID, &[root]).await;
            ground.sh("kill -9 \"$1\"", &[&pid]).await;
            killed.push(pid);
            let at = ground.reach(&site);
            back(root, killed.last().unwrap(), at);
            assert_eq!(get(at, "/").await.unwrap().text(), "green", "the flag outlives it");
            assert_eq!(ground.sh(ROUTES, &[root]).await, routes);
        }
        assert_ne!(killed[0], killed[1]);
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());

        // Without its supervisor it serves on, and gets another.
        let pid = ground.sh(PID, &[root]).await;
        let find = "for at in /proc/[0-9]*; do if tr '\\0' ' ' <\"$at/cmdline\" 2>/dev/null | grep -q \"^sh $1/caddy/supervise \"; \
                    then echo \"${at#/proc/}\"; fi; done";
        let supervisor = ground.sh(find, &[root]).await;
        ground.sh("kill -9 \"$1\"", &[&supervisor]).await;
        until("the lock is free", || {
            let lock = std::fs::File::open(format!("{root}/caddy/supervisor.lock")).unwrap();
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
        });
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "green");
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), ["started Caddy"]);
        assert_eq!(ground.sh(PID, &[root]).await, pid, "the same process serves on");
        ground.sh("kill -9 \"$1\"", &[&pid]).await;
        back(root, &pid, ground.reach(&site));
    });
}

/// Who does not know it would start another one beside it.
#[test]
fn a_caddy_that_is_back_is_known_also_where_no_file_can_be_made() {
    on_both(&async |ground| {
        let site = ground.served("notes").await;
        let root = ground.root.as_str();
        let killed = ground.sh(PID, &[root]).await;
        ground.sh("mkdir \"$1/caddy/caddy.pid.new\" && kill -9 \"$2\"", &[root, &killed]).await;
        back(root, &killed, ground.reach(&site));
        let pid = ground.sh(PID, &[root]).await;
        ground.sh("grep -qz caddy \"/proc/$1/cmdline\"", &[&pid]).await;
        ground.sh("rmdir \"$1/caddy/caddy.pid.new\"", &[root]).await;
    });
}

#[test]
fn without_the_admin_socket_flags_work_and_changes_are_refused() {
    on_both(&async |ground| {
        let mut site = ground.served("notes").await;
        ground.app("blue", site.ports.blue).await;
        ground.app("green", site.ports.green).await;
        ground.sh("rm \"$1/caddy/run/admin.sock\"", &[&ground.root]).await;
        assert!(!ground.caddy().apply(&site, &never()).await.unwrap().changed);
        assert_eq!(ground.caddy().in_flight(site.ports.blue, &never()).await.unwrap(), None);
        ground.flag(&site, "green", true).await;
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "green");
        site.max_body_mb = None;
        let error = ground.caddy().apply(&site, &never()).await.unwrap_err();
        assert!(matches!(error, Error::NotRunning { .. }), "{error}");
        assert_eq!(error.kind().exit_code(), 9);
        assert!(error.advice().unwrap().words().starts_with("run `cgo servers provision "));
        assert_eq!(get(ground.reach(&site), "/").await.unwrap().text(), "green");
    });
}

#[test]
fn a_host_that_has_no_caddy_or_was_not_set_up_is_told_how_to_be() {
    over_ssh(&async |sshd, ground| {
        let site = ground.site("notes");
        let error = ground.caddy().apply(&site, &never()).await.unwrap_err();
        assert!(matches!(error, Error::NotSetUp { .. }), "{error}");
        assert_eq!(error.advice().unwrap().words(), "run `cgo servers provision web`");
        sshd.hide("caddy");
        let error = ground.caddy().ensure(&ground.base, &never()).await.unwrap_err();
        assert!(matches!(error, Error::NoCaddy { .. }), "{error}");
        assert_eq!(error.kind().exit_code(), 9);
    });
}

#[test]
fn a_caddy_that_cannot_start_says_why() {
    on_both(&async |ground| {
        let port = ground.base.http_port.unwrap();
        ground.app("in-the-way", port).await;
        let caddy = ground.caddy();
        caddy.ensure(&ground.base, &never()).await.unwrap();
        let mut site = ground.site("notes");
        site.at = cgo::remote::caddy::At::Port(port);
        let error = caddy.apply(&site, &never()).await.unwrap_err();
        assert!(error.to_string().contains("address already in use"), "{error}");
        for root in ["relative", "/a b", "/a\"", "/a{b}", "/a\n", "/a/"] {
            assert!(matches!(Caddy::of(ground.host, root, Rights::Root), Err(Error::Root { .. })), "{root:?}");
        }
    });
}

/// Does what the tests need of systemd, and writes down what it was told.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >>/run/asked
case "$*" in
    *show*) echo loaded ;;
    *is-active*) [ -e /run/active ] ;;
    restart*|start*)
        : >/run/active
        line=$(sed -n 's/^ExecStart=\(..*\)/\1/p' /etc/systemd/system/caddy.service.d/cgo.conf)
        HOME=/run setsid $line </dev/null >/run/caddy.log 2>&1 & ;;
esac
"#;

#[test]
fn where_systemd_runs_the_machine_it_keeps_caddy() {
    over_ssh(&async |sshd, ground| {
        sshd.write("systemctl", SYSTEMCTL);
        sshd.root(&format!(
            "mkdir -p /run/systemd/system && mount -t tmpfs none /etc/systemd/system && cd {} && chmod 755 systemctl && \
             mount --bind systemctl \"$(command -v systemctl)\"",
            sshd.folder().display()
        ));
        let changed = ground.caddy().ensure(&ground.base, &never()).await.unwrap();
        assert_eq!(changed.last().map(String::as_str), Some("restarted caddy.service"));
        let asked = sshd.root("cat /run/asked");
        let order: Vec<_> =
            ["daemon-reload", "enable", "restart"].iter().map(|word| asked.find(word).unwrap()).collect();
        assert!(order.is_sorted(), "{asked}");
        let unit = sshd.root("cat /etc/systemd/system/caddy.service.d/cgo.conf");
        assert!(unit.contains("\nExecStart=\n") && unit.contains("Restart=always"), "{unit}");
        let site = ground.site("notes");
        assert!(ground.caddy().apply(&site, &never()).await.unwrap().changed);
        sshd.root("rm /run/asked");
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());
        assert!(!sshd.root("cat /run/asked").contains("daemon-reload"));
        assert_eq!(sshd.root(&format!("ls {}/caddy", ground.root)).matches("supervise").count(), 0);
        sshd.root("rm /run/active; for at in /proc/[0-9]*; do if [ \"$(cat $at/comm)\" = caddy ]; then kill -9 ${at#/proc/}; fi; done");
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), ["started caddy.service"]);
    });
}

#[test]
fn a_caddy_that_serves_other_sites_is_left_alone() {
    over_ssh(&async |sshd, ground| {
        if !std::path::Path::new("/etc/caddy/Caddyfile").exists() {
            return crate::support::env::missing("the Caddyfile of Debian's package");
        }
        sshd.write("systemctl", SYSTEMCTL);
        sshd.write("Caddyfile", "example.com\nrespond hello\n");
        // What the packages of the machine came with is written down where the host has a disk of its own.
        sshd.write("status", &std::fs::read_to_string("/var/lib/dpkg/status").unwrap());
        sshd.root(&format!("mkdir -p /var/lib/dpkg/info && cp {}/status /var/lib/dpkg/", sshd.folder().display()));
        sshd.root(&format!(
            "mkdir -p /run/systemd/system && mount -t tmpfs none /etc/systemd/system && cd {} && chmod 755 systemctl && \
             mount --bind systemctl \"$(command -v systemctl)\" && mount --bind Caddyfile /etc/caddy/Caddyfile && touch /run/active",
            sshd.folder().display()
        ));
        let error = ground.caddy().ensure(&ground.base, &never()).await.unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert_eq!(error.kind().exit_code(), 9);
        assert_eq!(sshd.root("ls /etc/systemd/system"), "");
    });
}

/// Keeps one table, as cron's does.
const CRONTAB: &str = r"#!/bin/sh
case $1 in -l) cat /run/table ;; -) cat >/run/table.new && mv /run/table.new /run/table ;; esac
";

#[test]
fn where_there_is_cron_caddy_comes_back_with_the_machine() {
    over_ssh(&async |sshd, ground| {
        let at = std::path::Path::new("/usr/bin/crontab");
        sshd.write("crontab", CRONTAB);
        // Where the machine has none, the host has one in a folder of its own.
        let place = if at.exists() { "/usr/bin" } else { "/usr/local/sbin" };
        sshd.root(&format!(
            "cd {} && chmod 755 crontab && echo '@daily theirs' >/run/table && if [ -e {place}/crontab ]; then \
             mount --bind crontab {place}/crontab; else mount -t tmpfs none {place} && cp crontab {place}/; fi",
            sshd.folder().display()
        ));
        ground.caddy().ensure(&ground.base, &never()).await.unwrap();
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());
        let table = sshd.root("cat /run/table");
        let line = table.strip_prefix("@daily theirs\n@reboot ").expect("theirs stays, and ours is there once");
        // What the line says starts it.
        let site = ground.site("notes");
        ground.caddy().apply(&site, &never()).await.unwrap();
        sshd.root("for at in /proc/[0-9]*; do if grep -q caddy/supervise $at/cmdline; then kill -9 ${at#/proc/}; fi; done; true");
        sshd.root(
            "for at in /proc/[0-9]*; do if [ \"$(cat $at/comm)\" = caddy ]; then kill -9 ${at#/proc/}; fi; done; true",
        );
        sshd.root(&format!("setsid {} >/dev/null 2>&1 &", line.trim()));
        let at = ground.reach(&site);
        until("Caddy that is back", || std::net::TcpStream::connect(at).is_ok());
        assert_eq!(ground.caddy().ensure(&ground.base, &never()).await.unwrap(), Vec::<String>::new());
    });
}
