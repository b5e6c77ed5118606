//! `cgo servers`: where projects run.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Servers as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::ui::{Ui, table};
use crate::ops::servers::{self, ServerView};

/// `cgo servers …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    match args {
        Args::List => {
            let servers = servers::list(&app.context).await?;
            Ok(Outcome::of(session.ui, &Servers { servers }))
        }
    }
}

/// What `cgo servers list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Servers {
    /// `local` first.
    pub servers: Vec<ServerView>,
}

impl Answer for Servers {
    const NAME: &'static str = "servers.list";

    fn text(&self, _: &Ui) -> String {
        let rows = self
            .servers
            .iter()
            .map(|view| {
                let ports: Vec<String> = view.ports.iter().map(ToString::to_string).collect();
                vec![
                    view.server.handle.clone(),
                    view.server.status.as_str().replace('_', " "),
                    view.server.address.clone(),
                    view.projects.to_string(),
                    if ports.is_empty() { "-".to_owned() } else { ports.join(" ") },
                ]
            })
            .collect();
        table(&["server", "status", "address", "projects", "ports"], rows)
    }
}
