//! From what a person writes or sends to a run: the same requests that `cgo project new` and `cgo deploy` make.

use super::api::{Document, Error, Message};
use super::commands::operated;
use super::desk::{Desk, Talk};
use super::markup::Text;
use super::questions::subject;
use super::words::fill;
use crate::domain::coder::CoderChoice;
use crate::domain::ids::ReleaseId;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::provider::ModelChoice;
use crate::domain::request::Rollout;
use crate::domain::run::{Earlier, NewProject, Request, Update};
use crate::ops::{changes, deploy, placement, projects, runs, specs};

/// The longest description and the longest spec, in bytes.
const LONGEST: usize = 64 * 1024;

/// How many runs of a chat are remembered in it, and how much of each text, in characters.
const EARLIER: u32 = 6;
const SAID: usize = 400;

/// What is wrong with a text that was to be a description.
enum Wrong {
    Empty,
    Long,
    Control(usize),
}

fn check(text: &str) -> Result<&str, Wrong> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Wrong::Empty);
    }
    if text.len() > LONGEST {
        return Err(Wrong::Long);
    }
    let bad = |line: &str| line.chars().any(|c| c.is_control() && c != '\t' && c != '\r');
    match text.lines().position(bad) {
        Some(line) => Err(Wrong::Control(line + 1)),
        None => Ok(text),
    }
}

impl Desk<'_> {
    async fn refuse_text(&self, talk: &Talk, wrong: Wrong) -> Result<(), Error> {
        let words = talk.words();
        let text = match wrong {
            Wrong::Empty => words.empty.to_owned(),
            Wrong::Long => fill(words.too_long, &[&(LONGEST / 1024).to_string()]),
            Wrong::Control(line) => fill(words.control, &[&line.to_string()]),
        };
        self.say(talk, Text::of(text)).await
    }

    fn new_project(&self, text: String, spec: Option<String>, earlier: Option<Vec<Earlier>>) -> Request {
        Request::NewProject(Box::new(NewProject {
            text,
            open: earlier.is_some(),
            earlier: earlier.unwrap_or_default(),
            name: None,
            folder: None,
            parent: self.settings.projects.display().to_string(),
            spec,
            until: None,
            deploy: true,
            server: None,
            github: None,
            assume: false,
            models: ModelChoice::default(),
            coders: CoderChoice::default(),
            cassette: None,
        }))
    }

    /// Begins a run from a description.
    pub async fn begin_from_text(&self, talk: &Talk, text: &str) -> Result<(), Error> {
        match check(text) {
            Ok(text) => self.begin(talk, self.new_project(text.to_owned(), None, None)).await,
            Err(wrong) => self.refuse_text(talk, wrong).await,
        }
    }

    /// Begins a run from something a person just wrote: the product owner finds out what is wanted, in the light of what
    /// was said here before.
    pub async fn begin_from_chat(&self, talk: &Talk, text: &str) -> Result<(), Error> {
        match check(text) {
            Ok(text) => {
                let earlier = self.earlier(talk).await?;
                self.begin(talk, self.new_project(text.to_owned(), None, Some(earlier))).await
            }
            Err(wrong) => self.refuse_text(talk, wrong).await,
        }
    }

    /// What this person had done in this chat before, oldest first.
    async fn earlier(&self, talk: &Talk) -> Result<Vec<Earlier>, Error> {
        let mut earlier = Vec::new();
        for id in self.chats.last_runs(talk.place(), talk.person(), EARLIER).await? {
            // One that was removed meanwhile, or is no longer this person's to see, is not told of.
            let Ok(run) = runs::find(&talk.context, id.as_str()).await else { continue };
            let project = match &run.project {
                Some(id) => projects::by_id(&talk.context, id).await.ok().map(|project| project.name),
                None => None,
            };
            let said = run.request.text().map_or_else(|| subject(&run), str::to_owned);
            let said: String = said.chars().take(SAID).collect();
            let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let outcome = format!("{}{reason}", run.status.as_str());
            let outcome: String = self.app.context.secrets.clean(&outcome).chars().take(SAID).collect();
            earlier.push(Earlier { said, outcome, project });
        }
        earlier.reverse();
        Ok(earlier)
    }

    /// Takes a file as a spec, as what the message it replies to asked for, or as a description.
    pub async fn file(&self, talk: &Talk, message: &Message, document: &Document, caption: &str) -> Result<(), Error> {
        let words = talk.words();
        let ending = document.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        let is_spec = matches!(ending.as_str(), "yaml" | "yml");
        if !is_spec && !matches!(ending.as_str(), "txt" | "md") {
            let shown: String = document.name.chars().take(60).collect();
            let shown = if shown.is_empty() { "?" } else { shown.as_str() };
            return self.say(talk, Text::of(fill(words.file_kind, &[shown]))).await;
        }
        if document.size.is_some_and(|size| size > LONGEST as u64) {
            return self.refuse_text(talk, Wrong::Long).await;
        }
        let bytes = match self.sender.file(talk.place(), &document.id, LONGEST).await {
            Ok(bytes) => bytes,
            Err(Error::TooLarge { .. }) => return self.refuse_text(talk, Wrong::Long).await,
            Err(error) => return Err(error),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return self.say(talk, Text::of(words.file_text)).await;
        };
        let text = text.trim_start_matches('\u{feff}');
        if self.gives_away(talk, message, text).await? {
            return Ok(());
        }
        if is_spec {
            return self.begin_from_spec(talk, text).await;
        }
        let whole = if caption.is_empty() { text.to_owned() } else { format!("{caption}\n\n{text}") };
        match check(&whole) {
            Ok(text) if self.is_reply(talk, message, text).await? => Ok(()),
            Ok(text) => self.begin_from_chat(talk, text).await,
            Err(wrong) => self.refuse_text(talk, wrong).await,
        }
    }

    async fn begin_from_spec(&self, talk: &Talk, text: &str) -> Result<(), Error> {
        if text.trim().is_empty() {
            return self.refuse_text(talk, Wrong::Empty).await;
        }
        let folder = talk.context.data.join("telegram");
        let file = folder.join(format!("{}-{}.yaml", self.me.id, talk.update));
        let fail = |source| Error::Ops(crate::ops::Error::Path { action: "write", path: file.clone(), source });
        std::fs::create_dir_all(&folder).map_err(fail)?;
        std::fs::write(&file, text).map_err(fail)?;
        let read = specs::read(&file);
        // A file that stays is written over when its number comes again.
        let _ = std::fs::remove_file(&file);
        let problems = match read {
            Ok(spec) => {
                let spec = serde_json::to_string(&spec).expect("a spec has text keys only");
                return self.begin(talk, self.new_project(String::new(), Some(spec), None)).await;
            }
            Err(crate::ops::Error::Spec { problems }) => problems,
            Err(error) => return Err(error.into()),
        };
        // The person knows nothing of the place it was read from.
        let place = format!("{}/", folder.display());
        let shown: Vec<String> = problems.iter().take(10).map(|problem| problem.replace(&place, "")).collect();
        self.say(talk, Text::new().bold("spec").plain(": ").plain(problems.len().to_string()).block(shown.join("\n")))
            .await
    }

    /// A change of a living project.
    pub async fn begin_update(&self, talk: &Talk, project: &ProjectName, change: &str) -> Result<(), Error> {
        let project = operated(&talk.context, project).await?;
        let text = match check(change) {
            Ok(change) => change.to_owned(),
            Err(wrong) => return self.refuse_text(talk, wrong).await,
        };
        if self.is_begun(talk, Some(&text)).await? || self.is_busy(talk, &project).await? {
            return Ok(());
        }
        changes::changeable(&talk.context, &project.name, &self.cancel).await?;
        let (models, coders) = (ModelChoice::default(), CoderChoice::default());
        let (project, until, cassette) = (project.name, None, None);
        let update = Update { project, text, until, deploy: true, assume: false, models, coders, cassette };
        self.begin(talk, Request::Update(Box::new(update))).await
    }

    /// Says so when a run is at work on a project already.
    async fn is_busy(&self, talk: &Talk, project: &Project) -> Result<bool, Error> {
        let unfinished = runs::unfinished(&talk.context, &project.id).await?;
        let Some(run) = unfinished.first() else { return Ok(false) };
        let text = fill(talk.words().at_work, &[run.id.as_str(), project.name.as_str()]);
        self.say(talk, Text::of(text)).await?;
        Ok(true)
    }

    /// A new release.
    pub async fn begin_deploy(&self, talk: &Talk, name: &ProjectName) -> Result<(), Error> {
        let project = operated(&talk.context, name).await?;
        if self.is_begun(talk, None).await? || self.is_busy(talk, &project).await? {
            return Ok(());
        }
        deploy::check_folder(&project, &self.cancel).await?;
        placement::check(&talk.context, &project, None).await?;
        let project = project.name;
        self.begin(
            talk,
            Request::Deploy { project, sandbox: None, server: None, rollout: Rollout::default(), cassette: None },
        )
        .await
    }

    /// Back to a release that served before; asked for twice by now.
    pub async fn begin_rollback(&self, talk: &Talk, name: &ProjectName, release: ReleaseId) -> Result<(), Error> {
        let project = operated(&talk.context, name).await?;
        if self.is_begun(talk, None).await? || self.is_busy(talk, &project).await? {
            return Ok(());
        }
        deploy::check_rollback_of(&talk.context, &project, Some(&release), false).await?;
        let (project, release) = (project.name, Some(release));
        self.begin(talk, Request::Rollback { project, release, rollout: Rollout::default() }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_looked_at_before_anybody_reads_it() {
        assert!(matches!(check(" \n"), Err(Wrong::Empty)));
        assert!(matches!(check(&"x".repeat(LONGEST + 1)), Err(Wrong::Long)));
        assert!(matches!(check("a\nb\u{1b}[2J"), Err(Wrong::Control(2))));
        assert!(matches!(check("a\u{0}"), Err(Wrong::Control(1))));
        assert!(matches!(check("\n заметки\tс текстом\r\n"), Ok("заметки\tс текстом")));
    }
}
