//! Setting up servers: a bare machine for real ([`bare`], [`doors`]), containers of Podman ([`engine`]), what stands in the
//! way of it ([`refused`]), and Ansible instead ([`ansible`]).

mod ansible;
mod bare;
mod doors;
mod engine;
mod refused;

use cgo::domain::host::HostKey;
use cgo::domain::incident::Incident;
use cgo::store::{Incidents as _, Store};
use serde_json::Value;

use crate::support::env::{Ran, TestEnv};
use crate::support::sshd::client_key;

/// Adds a server with its right key.
fn added(env: &TestEnv, name: &str, destination: &str, host_key: &str) {
    let fingerprint = HostKey::parse(host_key).unwrap().fingerprint().to_string();
    let key = client_key().to_str().unwrap();
    env.ok(["servers", "add", name, destination, "--key", key, "--fingerprint", &fingerprint]);
}

/// The answer of a command, which has to fit its schema.
fn valid(name: &str, ran: &Ran) -> Value {
    let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
    let (_, schema) = cgo::cli::schema::all().into_iter().find(|(file, _)| *file == format!("{name}.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{name}: {problems:?}\n{}", ran.stdout);
    value["data"].clone()
}

/// Where a server stands.
fn status(env: &TestEnv, name: &str) -> String {
    env.json(["servers", "show", name])["server"]["status"].as_str().unwrap().to_owned()
}

/// A step and how it stands.
fn standing(value: &Value) -> (&str, &str) {
    (value["step"].as_str().unwrap(), value["state"].as_str().unwrap())
}

/// The incidents that are open.
fn incidents(env: &TestEnv) -> Vec<Incident> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(env.data().join("cgo.db").to_str().unwrap()).await.unwrap();
        let open = store.open_incidents().await.unwrap();
        store.close().await;
        open
    })
}
