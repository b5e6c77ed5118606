//! What is secret about a project: learned from its own files and from what persons have given it ([`super::secrets`]),
//! before agents and journals come to see any of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Context, secrets};
use crate::domain::redact::{Handle, dotenv};
use crate::domain::state::CurrentProject;

/// The longest file of variables that is read, in bytes.
const LIMIT: u64 = 256 * 1024;
/// The folder of a project's services.
const SERVICES: &str = "services";
/// The file that says where a service's variables come from.
const CONTRACT: &str = "env.contract.yaml";

/// Adds the secrets of a project to those this process knows: the values persons have given it, and in its `.env` files
/// what its contract calls a secret, and what has the name or the looks of one. What an example shows is none.
pub async fn learn(context: &Context, project: Option<&CurrentProject>) {
    if let Some(project) = project {
        Box::pin(learn_of(context, project)).await;
    }
}

async fn learn_of(context: &Context, project: &CurrentProject) {
    secrets::learn(context, &project.id, &project.name).await;
    let root = Path::new(&project.folder);
    let services = std::fs::read_dir(root.join(SERVICES)).into_iter().flatten().flatten().map(|entry| entry.path());
    for folder in std::iter::once(root.to_owned()).chain(services) {
        let (files, examples) = environments(&folder);
        if files.is_empty() {
            continue;
        }
        let shown: Vec<String> = examples.iter().filter_map(|path| read(path)).collect();
        let shown: BTreeSet<&str> =
            shown.iter().flat_map(|text| text.split(['\n', '=', '\'', '"'])).map(str::trim).collect();
        let declared = declared(&folder.join(CONTRACT));
        for text in files.iter().filter_map(|path| read(path)) {
            for (name, value) in dotenv::variables(&text) {
                if shown.contains(value.as_str()) {
                    continue;
                }
                let handle = Handle::new(project.name.as_str(), name);
                if declared.contains(name) {
                    // One that is too short to be looked for stays in its file like any other.
                    let _ = context.secrets.add(&handle, &value);
                }
                for secret in dotenv::secrets_of(name, &value) {
                    let _ = context.secrets.add(&handle, secret);
                }
            }
        }
    }
}

/// The files of variables in a folder, and those that only show how one looks.
fn environments(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let ends = path.extension().is_some_and(|ending| ending == "env");
        (name == ".env" || name.starts_with(".env.") || ends) && path.is_file()
    });
    named.partition(|path| {
        let name = path.to_string_lossy();
        !["example", "sample", "template", "dist"].iter().any(|ending| name.ends_with(ending))
    })
}

fn read(path: &Path) -> Option<String> {
    let small = std::fs::metadata(path).is_ok_and(|about| about.len() <= LIMIT);
    small.then(|| std::fs::read(path).ok()).flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The variables a contract calls secrets.
fn declared(contract: &Path) -> BTreeSet<String> {
    let contract = read(contract).and_then(|text| serde_yaml::from_str::<Value>(&text).ok()).unwrap_or_default();
    let entries = contract["entries"].as_object().into_iter().flatten();
    entries
        .filter(|(_, entry)| matches!(entry["source"].as_str(), Some("user_secret" | "generated_secret")))
        .map(|(name, _)| name.clone())
        .collect()
}
