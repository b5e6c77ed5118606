//! `cgo deploy --ci`: from a repository, a key and secrets in the environment alone. Never asks, and keeps nothing.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use super::Session;
use super::args::{Deploy as Args, Goal};
use super::deploy;
use super::outcome::{Failure, Outcome};
use crate::app::App;
use crate::config::env;
use crate::domain::diagnose::Kind;
use crate::ops::deploy::ci::{self, Told};
use crate::ops::random;

/// A folder of this machine that goes with its owner.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("cgo-ci-{:08x}{:08x}", random(), random()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            let message = format!("cannot make the folder `{}`: {error}", path.display());
            Failure::new(Kind::Preflight, message, Some("set TMPDIR to a folder cgo may write to".to_owned()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Deploys the project of the current folder.
///
/// # Errors
/// [`Failure`]; with `--json` it is the last line of the answer.
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let ended = Box::pin(deployed(session, args)).await.map_err(without_store);
    if !session.ui.json {
        return ended;
    }
    match ended {
        Ok(outcome) => Ok(outcome.on_one_line()),
        Err(failure) => {
            session.ui.answer(&failure.envelope().to_string());
            Ok(Outcome::streamed(failure.exit_code()))
        }
    }
}

async fn deployed(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let folder = Temporary::new()?;
    let mut settings = session.settings.clone();
    settings.store.value = format!("sqlite:{}", folder.0.join("cgo.db").display());
    settings.data.value = folder.0.join("data");
    settings.identity.value = folder.0.join("identity.txt");
    let app = App::open(&settings).await?;
    session.ui.hide(&app.context.secrets);
    let mut ui = session.ui.clone();
    ui.interactive = false;
    let session = Session { ui: &ui, settings: &settings, cancel: session.cancel.clone() };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = variable(env::SSH_KEY).map(|text| ci::key_file(&text, &folder.0)).transpose()?;
    let host_key = variable(env::SSH_HOST_KEY);
    let told = Told {
        server: args.server.as_ref().and_then(Goal::at),
        key: key.as_deref(),
        host_key: host_key.as_deref(),
        variable: &variable,
    };
    let here = std::env::current_dir().map_err(|error| {
        let message = format!("the current folder is not known: {error}");
        Failure::new(Kind::Preflight, message, Some("go to the project's folder".to_owned()))
    })?;
    let work = async {
        let prepared = ci::prepare(&app.context, &here, &told, &session.cancel).await?;
        if let Some(wanted) = args.project.as_ref().filter(|wanted| **wanted != prepared.project.name) {
            let message = format!("the project of this folder is `{}`, not `{wanted}`", prepared.project.name);
            return Err(Failure::usage(message, format!("go to the folder of `{wanted}`")));
        }
        let wish = Goal::Wish(prepared.server.as_str().parse().expect("the name of a server is a wish"));
        let args = Args { project: Some(prepared.project.name), server: Some(wish), ..args };
        Box::pin(deploy::with(&session, &app, args)).await
    };
    let ended = work.await;
    ci::leave(&app.context).await?;
    ended
}

/// A failure whose next command needs no store: this one is gone.
fn without_store(mut failure: Failure) -> Failure {
    let hint = failure.hint.take().unwrap_or_default();
    failure.hint = Some(if failure.kind == Kind::Person || hint.contains("cgo secrets") {
        "set it as a variable of the same name where this runs, and run it again".to_owned()
    } else if hint.is_empty() || hint.contains("cgo run ") {
        "run it again: what was begun on the server is taken up there".to_owned()
    } else {
        hint
    });
    failure
}
