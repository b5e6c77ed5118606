//! What to do about each error of the use cases.

use super::Error;
use crate::domain::diagnose::{Advice, Diagnose as _};
use crate::domain::ids::ReleaseId;
use crate::domain::names::ProjectName;
use crate::domain::server::ServerStatus;

fn setting(project: &ProjectName, names: &[String]) -> String {
    let commands: Vec<String> = names.iter().map(|name| format!("`cgo secrets set {project} {name}`")).collect();
    format!("run {}", commands.join(" and "))
}

/// What to do next, where something can be done.
pub(super) fn of(error: &Error) -> Option<Advice> {
    let run = |command: String| Some(Advice::Run(command));
    let say = |text: String| Some(Advice::Do(text));
    match error {
        full if full.is_full_disk() => say("free some room there".to_owned()),
        Error::Store(error) => error.advice(),
        Error::Git(error) => error.advice(),
        Error::GitHub(error) => error.advice(),
        Error::Python(error) => error.advice(),
        Error::Checks(error) => error.advice(),
        Error::Exec(error) => error.advice(),
        Error::GateUnknown(error) => error.advice(),
        Error::NoAnswer(_) | Error::Probe { .. } | Error::OtherRelease { .. } => {
            say("look at the service's last lines with `cgo project logs`".to_owned())
        }
        Error::Manifest { path, .. } => say(format!("mend `{}`", path.display())),
        Error::NotGenerated { project, .. } => run(format!("cgo project generate {project}")),
        Error::Superseded { .. } => say("deploy again if you want this version to serve".to_owned()),
        Error::FolderNotOurs { .. } => say("remove the folder yourself, and the project without --folder".to_owned()),
        Error::Server(error) => error.advice(),
        Error::User(error) => error.advice(),
        Error::Remote(error) => error.advice(),
        Error::Render(error) => error.advice(),
        Error::Vault(error) => error.advice(),
        Error::Environment(error) => error.advice(),
        Error::Name(_) => say("choose another name".to_owned()),
        Error::Usage { hint, .. } => say(hint.clone()),
        Error::Spec { .. } => say("mend the places above and run the command again".to_owned()),
        Error::NoSuchProject { known, .. } if known.is_empty() => {
            run("cgo project new \"a notes API with title and body\"".to_owned())
        }
        Error::NoSuchProject { known, .. } => say(format!("the projects are {}", known.join(", "))),
        Error::FolderNotEmpty { .. } => say("choose another folder with --dir, or another name with --name".to_owned()),
        Error::Path { .. } => say("choose another folder, or change the rights of this one".to_owned()),
        Error::NoRoom { .. } => say("free some room, or choose another folder with --dir".to_owned()),
        Error::Uncommitted { folder, .. } => {
            run(format!("git -C {} add -A && git -C {0} commit -m \"…\"", folder.display()))
        }
        Error::NoRelease { project } => run(format!("cgo deploy {project}")),
        Error::BadRelease { good, .. } if good.is_empty() => say("there is none to go back to".to_owned()),
        Error::BadRelease { good, .. } => {
            say(format!("choose one of {}", good.iter().map(ReleaseId::as_str).collect::<Vec<_>>().join(", ")))
        }
        Error::Irreversible { release, .. } => say(format!(
            "mend what is wrong and deploy again; `cgo deploy --rollback {release} --force` goes back all the same, to a \
             database that release may not understand"
        )),
        Error::Gate { .. } | Error::Migration { .. } => {
            say("mend the cause in the project, commit, and deploy again".to_owned())
        }
        Error::NotAnswering { project, .. } => run(format!("cgo project logs {project}")),
        Error::NoServer { .. } => run("cgo servers list".to_owned()),
        Error::NoCapacity { .. } => say("remove a project there, or add a server with `cgo servers add`".to_owned()),
        Error::InMaintenance { server, .. } => run(ServerStatus::Maintenance.next_command(server)),
        Error::LivesElsewhere { project, .. } => {
            say(format!("leave --server out, or remove it there first with `cgo project remove {project}`"))
        }
        Error::NoSuchRun(_) | Error::AmbiguousRun { .. } | Error::NothingToResume | Error::NoSuchAsk(_) => {
            run("cgo run list".to_owned())
        }
        Error::NoRuns => run("cgo project new \"a notes API with title and body\"".to_owned()),
        Error::NoSuchEvent { run: id, .. } | Error::NotWaiting { run: id, .. } => run(format!("cgo run show {id}")),
        Error::TooLate { run: id, .. } => run(format!("cgo run resume {id}")),
        Error::WrongAnswers { run: id, questions, .. } => {
            let texts: Vec<String> = questions.iter().map(|question| format!("{:?}", question.text)).collect();
            run(format!("cgo run answer {id} {}", texts.join(" ")))
        }
        Error::MissingSecrets { project, names } => say(setting(project, names)),
        Error::SecretInAnswer { run: id, project, names } => {
            say(format!("{}, and then `cgo run resume {id}`", setting(project, names)))
        }
        Error::NoSuchSecret { project, known, .. } if known.is_empty() => run(format!("cgo secrets list {project}")),
        Error::NoSuchSecret { known, .. } => say(format!("those that are set are {}", known.join(", "))),
        Error::UnfitSecret { .. } => {
            say("pipe the value in, name a file with --file, or type it when asked".to_owned())
        }
        Error::NotAllowed { .. } => {
            say("ask one of them; the names stand under `approvers` in the settings file".to_owned())
        }
        Error::NoSuchServer { known, .. } => say(format!("the servers are {}", known.join(", "))),
        Error::NotLookedAt { server, .. } => run(format!("cgo servers check {server}")),
        Error::NoSuchAgent { known, .. } => say(format!("the agents are {}", known.join(", "))),
        Error::NoSuchVersion { name, .. } => run(format!("cgo agent history {name}")),
        Error::BrokenAgent { name, .. } => run(format!("cgo agent edit {name}")),
        Error::Recorded(recorded) => recorded.hint.clone().and_then(say),
        Error::Internal(_) => say("report it with the command and what it printed".to_owned()),
    }
}
