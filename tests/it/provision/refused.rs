//! What keeps a server from being set up: told by name, with exit code and next command, and nothing is changed.

use super::{added, incidents, status, valid};
use crate::support::env::{Ran, TestEnv};
use crate::support::sshd::{Sshd, client_key};

#[test]
fn what_stands_in_the_way_is_told_before_anything_is_changed() {
    // The host shares its disk with this machine: it is only ever looked at.
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    added(&env, "web", &sshd.at("root"), &sshd.host_key());
    let refused = |arguments: &[&str], code, wanted: &[&str]| {
        let ran = env.run([&["servers", "provision"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
        for words in wanted {
            assert!(ran.stderr.contains(words), "{words:?} is missing: {}", ran.stderr);
        }
        assert_eq!(status(&env, "web"), "pending_setup", "{arguments:?}");
        assert!(incidents(&env).is_empty());
    };
    refused(&["we'b", "--yes"], 2, &["is not a server name"]);
    refused(&["\"web\"", "--yes"], 2, &[]);
    refused(&["web-9", "--yes"], 1, &["there is no server `web-9`", "the servers are local, web"]);
    refused(&["local", "--yes"], 2, &["`local` is this machine"]);
    refused(&["web", "--step", "shh"], 2, &["packages, user, folders"]);
    refused(&["web", "--engine", "lxc"], 2, &["docker, podman, none"]);
    refused(&["web", "--vars", "x"], 2, &["--playbook"]);
    refused(&["web", "--playbook", "none.yml", "--yes"], 1, &["`none.yml` cannot be used: No such file"]);

    // Another system than those that the steps are written for.
    sshd.write("os-release", "ID=alpine\nPRETTY_NAME=\"Alpine Linux v3.21\"\nVERSION_ID=3.21\n");
    let system = sshd.folder().join("os-release").display().to_string();
    sshd.root(&format!("mount --bind {system} $(readlink -f /etc/os-release)"));
    refused(&["web", "--dry-run"], 9, &["runs Alpine Linux v3.21", "hint: set it up with Ansible", "--playbook"]);
    sshd.root("umount $(readlink -f /etc/os-release)");

    sshd.root("cat /dev/zero >/var/lib/full 2>/dev/null; true");
    refused(&["web", "--dry-run"], 9, &["the disk is full", "hint: free some room"]);
    sshd.root("rm -f /var/lib/full");

    let root = sshd.at("deploy");
    let key = client_key().to_str().unwrap();
    env.ok(["servers", "add", "plain", &root, "--key", key, "--yes", "--rootless"]);
    refused(&["plain", "--dry-run"], 9, &["may not become root on `plain`", "hint: let it"]);

    sshd.root("ip link set eth0 down");
    env.ok(["servers", "remove", "plain"]);
    // The connection that is there is found out to be dead, and a new one does not come to be.
    let mut unreached = env.command(["servers", "provision", "web", "--dry-run"]);
    let ran = Ran::of(&unreached.output().unwrap());
    assert!([Some(1), Some(10)].contains(&ran.code), "{:?} {}", ran.code, ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(status(&env, "web"), "pending_setup");
    sshd.root("ip link set eth0 up");
}

#[test]
fn the_key_of_an_account_that_nobody_named_is_not_guessed() {
    let Some(sshd) = Sshd::start() else { return };
    let env = TestEnv::new();
    // The SSH configuration names the key, and neither an agent nor a usual file has its public half.
    let folder = env.home().join(".ssh");
    std::fs::create_dir(&folder).unwrap();
    let configuration = format!("Host {}\n  IdentityFile {}\n", sshd.address, client_key().display());
    std::fs::write(folder.join("config"), configuration).unwrap();
    env.ok(["servers", "add", "web", &sshd.at("root"), "--yes"]);
    let ran = env.run(["servers", "provision", "web", "--dry-run"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("public half of the key") && ran.stderr.contains("--key"), "{}", ran.stderr);
    assert_eq!(status(&env, "web"), "pending_setup");
    // With it, in a usual file, and where the account keeps what opens it, it is found.
    std::fs::copy(client_key().with_extension("pub"), folder.join("id_ed25519.pub")).unwrap();
    let home = sshd.folder().join("root");
    std::fs::create_dir(home.join(".ssh")).unwrap();
    std::fs::copy(client_key().with_extension("pub"), home.join(".ssh/authorized_keys")).unwrap();
    let planned = env.run(["servers", "provision", "web", "--dry-run", "--json"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert_eq!(valid("servers.provision.plan", &planned)["changes"], true);
    // Looking at all of it took one login.
    assert_eq!(sshd.logins(), 1);
}
