//! Projects that are on record alone: nothing was made of them but their row.

use std::path::Path;

use cgo::domain::ids::ProjectId;
use cgo::domain::names::ProjectName;
use cgo::domain::project::{Project, ProjectStatus};
use cgo::domain::spec::Module;
use cgo::ops;
use cgo::store::{Projects as _, Store};

use super::env::TestEnv;

/// A project that is built and was never deployed, of nobody.
pub fn built(name: &str, title: &str, folder: &Path) -> Project {
    let now = ops::now();
    Project {
        id: ProjectId::new(now, ops::random()),
        name: ProjectName::parse(name).unwrap(),
        title: title.to_owned(),
        description: String::new(),
        folder: folder.display().to_string(),
        modules: vec![Module::Backend],
        status: ProjectStatus::Built,
        owner: None,
        created_at: now,
        updated_at: now,
    }
}

/// Puts one into the store of a test.
pub fn on_record(env: &TestEnv, name: &str, title: &str, folder: &Path) {
    let url = format!("sqlite:{}", env.data().join("cgo.db").display());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&url).await.unwrap();
        store.create_project(&built(name, title, folder)).await.unwrap();
        store.close().await;
    });
}
