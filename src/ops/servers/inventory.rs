//! The servers as Ansible's dynamic inventory: groups by state, and for each host how it is reached with its key pinned.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Context;
use crate::domain::host::Access;
use crate::domain::names::ServerName;
use crate::domain::server::{Server, ServerStatus};
use crate::domain::user::Right;
use crate::ops::{self, users};
use crate::store::Servers as _;

/// The group of all servers.
const ALL: &str = "cgo";

/// The whole inventory, as `--list` of an inventory script answers. `local` is no part of it: a playbook for all servers
/// must not change the machine it is run from.
///
/// # Errors
/// When the store or the file of host keys fails.
pub async fn list(context: &Context) -> Result<Value, ops::Error> {
    users::require(context, Right::Administer, None)?;
    Ok(render(&hosts(context).await?, &known_hosts(context)))
}

/// The variables of one host, as `--host NAME` of an inventory script answers.
///
/// # Errors
/// [`ops::Error::NoSuchServer`].
pub async fn host(context: &Context, name: &ServerName) -> Result<Value, ops::Error> {
    users::require(context, Right::Administer, None)?;
    super::by_handle(context, name.as_str()).await?;
    let known = known_hosts(context);
    let hosts = hosts(context).await?;
    let found = hosts.iter().find(|(server, _)| server.handle == name.as_str());
    Ok(found.map_or_else(|| json!({}), |(server, access)| variables(server, access, &known)))
}

/// Every server that is reached over SSH. Writes the file of their host keys.
async fn hosts(context: &Context) -> Result<Vec<(Server, Access)>, ops::Error> {
    let accesses = context.store.accesses().await?;
    let servers = context.store.servers().await?;
    let hosts: Vec<(Server, Access)> = servers
        .into_iter()
        .filter(|server| server.status != ServerStatus::Decommissioned)
        .filter_map(|server| {
            let access = accesses.iter().find(|access| access.server == server.id)?.clone();
            Some((server, access))
        })
        .collect();
    let path = known_hosts(context);
    let accesses: Vec<&Access> = hosts.iter().map(|(_, access)| access).collect();
    pin(&path, &accesses)?;
    Ok(hosts)
}

fn known_hosts(context: &Context) -> PathBuf {
    context.data.join("ansible").join("known_hosts")
}

/// Writes the keys that hosts have to prove themselves with, each under a name of its own. Others never see half a file.
fn pin(path: &Path, accesses: &[&Access]) -> Result<(), ops::Error> {
    let lines: Vec<String> = accesses.iter().map(|access| format!("{} {}", alias(access), access.host_key)).collect();
    let text = lines.join("\n") + "\n";
    let fresh = path.with_extension(std::process::id().to_string());
    let written = (|| {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    })();
    written.map_err(|source| ops::Error::Path { action: "write", path: path.to_owned(), source })
}

fn alias(access: &Access) -> String {
    format!("cgo-{}", access.server)
}

/// Groups by state, and `_meta.hostvars`, so that no host is asked about by itself.
fn render(hosts: &[(Server, Access)], known: &Path) -> Value {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut variables_of = Map::new();
    for (server, access) in hosts {
        groups.entry(ALL).or_default().push(&server.handle);
        groups.entry(server.status.as_str()).or_default().push(&server.handle);
        variables_of.insert(server.handle.clone(), variables(server, access, known));
    }
    let mut inventory = Map::new();
    for (group, hosts) in groups {
        inventory.insert(group.to_owned(), json!({ "hosts": hosts }));
    }
    inventory.insert("_meta".to_owned(), json!({ "hostvars": variables_of }));
    Value::Object(inventory)
}

fn variables(server: &Server, access: &Access, known: &Path) -> Value {
    let mut variables = json!({
        "ansible_host": access.destination.host,
        "ansible_user": access.destination.user,
        "ansible_ssh_common_args": arguments(access, known),
        "cgo_id": server.id,
        "cgo_state": server.status.as_str(),
    });
    if let Some(port) = access.destination.port {
        variables["ansible_port"] = port.into();
    }
    if let Some(key) = &access.key {
        variables["ansible_ssh_private_key_file"] = key.display().to_string().into();
    }
    variables
}

/// What has the SSH client take the pinned key and no other. Ansible splits this like a shell; then the client reads
/// each option, in which a quoted path may hold spaces and `%` stands for itself when it is doubled.
fn arguments(access: &Access, known: &Path) -> String {
    let path = known.display().to_string().replace('%', "%%");
    let options = [
        "StrictHostKeyChecking=yes".to_owned(),
        format!("HostKeyAlias={}", alias(access)),
        format!("UserKnownHostsFile=\"{path}\""),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "CheckHostIP=no".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "ForwardAgent=no".to_owned(),
        "BatchMode=yes".to_owned(),
    ];
    let words: Vec<String> = options.iter().map(|option| format!("-o '{}'", option.replace('\'', "'\"'\"'"))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::host::{Destination, HostKey};
    use crate::domain::ids::ServerId;
    use crate::domain::time::Timestamp;

    #[test]
    fn hosts_are_grouped_by_state_and_pinned_also_below_a_strange_folder() {
        let at = Timestamp(1_800_000_000_000);
        let id = ServerId::new(at, 1);
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtXJaEtmyIHGLiyzPoBhnKsOzwKXtNSE1pLhqji6MDW";
        let server = Server {
            id: id.clone(),
            handle: "web".to_owned(),
            address: "web.example.com".to_owned(),
            status: ServerStatus::PendingSetup,
            created_at: at,
            updated_at: at,
        };
        let access = Access {
            server: id.clone(),
            destination: Destination::parse("root@web.example.com:2222").unwrap(),
            key: Some("/keys/a key".into()),
            host_key: HostKey::parse(key).unwrap(),
            rootless: false,
        };
        let inventory = render(&[(server, access)], Path::new("/home/it's 100%/known"));
        assert_eq!(inventory["pending_setup"], json!({ "hosts": ["web"] }));
        assert_eq!(inventory["cgo"], json!({ "hosts": ["web"] }));
        let variables = &inventory["_meta"]["hostvars"]["web"];
        assert_eq!((&variables["ansible_port"], &variables["ansible_user"]), (&json!(2222), &json!("root")));
        assert_eq!(variables["ansible_ssh_private_key_file"], "/keys/a key");
        let arguments = variables["ansible_ssh_common_args"].as_str().unwrap();
        assert!(arguments.contains(&format!("-o 'HostKeyAlias=cgo-{id}'")), "{arguments}");
        assert!(arguments.contains(r#"-o 'UserKnownHostsFile="/home/it'"'"'s 100%%/known"'"#), "{arguments}");
    }
}
