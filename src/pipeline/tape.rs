//! Runs on cassettes: a run that is recorded, or one that was, told again.
//!
//! A run remembers its cassette in its request, so whichever process takes it up goes on with it. Everything the run
//! reads from outside goes through the tape: models through [`Models::on`], clock and chance as the
//! [`Source`](crate::domain::source::Source) of the context, and what a person said through [`answer`].

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::executor::MODEL_CALL;
use super::models::Models;
use super::runner::{self, Error};
use crate::domain::ids::RunId;
use crate::domain::run::{Ask, Cassette, EffectMark, NOBODY, Request, Run, TapeMode};
use crate::domain::source::Source as _;
use crate::domain::user::{Actor, Person as Whom};
use crate::graph::loaded::Loaded;
use crate::llm::cassette::line::Person;
use crate::llm::cassette::portable::Portable;
use crate::llm::cassette::{Surroundings, Tape};
use crate::ops::approvals::{self, Counts, Press, Refusal};
use crate::ops::runs::{self, Reply};
use crate::ops::{self, Context, projects, repository};

/// A run's surroundings: the tape is in its context and its models where it is on one.
pub struct Setting<'a> {
    /// What use cases work with.
    pub context: Cow<'a, Context>,
    /// Who answers for agents; none where nobody is asked.
    pub models: Option<Models>,
    /// The cassette at work.
    pub tape: Option<Arc<Tape>>,
}

impl<'a> Setting<'a> {
    fn new(context: &'a Context, tape: Option<Tape>) -> Self {
        match tape {
            None => Self { context: Cow::Borrowed(context), models: None, tape: None },
            Some(tape) => {
                let tape = Arc::new(tape);
                let context = Context { source: tape.clone(), ..context.clone() };
                Self { context: Cow::Owned(context), models: None, tape: Some(tape) }
            }
        }
    }

    /// The setting of a run that is asked for.
    ///
    /// # Errors
    /// When its cassette cannot be begun or read.
    pub fn begin(context: &'a Context, request: &Request) -> Result<Self, Error> {
        let Some(cassette) = request.cassette() else { return Ok(Self::new(context, None)) };
        let path = Path::new(&cassette.file);
        let around = surroundings(context, request);
        let tape = match cassette.mode {
            TapeMode::Record => {
                let asked = serde_json::to_value(request.clone().with_cassette(None)).expect("a request is JSON");
                Tape::record(path, &asked, rand_seed(), around)?
            }
            mode @ (TapeMode::Strict | TapeMode::Loose) => Tape::open(path, mode, around)?,
        };
        Ok(Self::new(context, Some(tape)))
    }

    /// The setting of a run that is taken up again.
    ///
    /// # Errors
    /// When its cassette cannot be read.
    pub fn of(context: &'a Context, models: Option<&Models>, run: &Run) -> Result<Self, Error> {
        let Some(cassette) = run.request.cassette() else { return Ok(Self::new(context, None)) };
        let tape = Tape::open(Path::new(&cassette.file), cassette.mode, surroundings(context, &run.request))?;
        let mut setting = Self::new(context, Some(tape));
        setting.models = models.zip(setting.tape.clone()).map(|(models, tape)| models.on(tape));
        Ok(setting)
    }

    /// Goes on with a run where its journal ends: what a loose replay told it before is not told again.
    pub fn go_on(&self, loaded: &Loaded) {
        let Some(tape) = self.tape.as_ref().filter(|tape| tape.mode() == TapeMode::Loose) else { return };
        let asked = loaded.effects.iter().filter(|effect| effect.kind == MODEL_CALL && effect.mark == EffectMark::Done);
        for effect in asked {
            let args: Value = serde_json::from_str(&effect.args).unwrap_or_default();
            tape.was_told(args["agent"].as_str().unwrap_or_default());
        }
    }

    /// Whether the recording is complete so far.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn check(&self) -> Result<(), Error> {
        Ok(self.tape.as_ref().map_or(Ok(()), |tape| tape.check_written())?)
    }
}

fn rand_seed() -> u128 {
    (0..4).fold(0, |seed, _| seed << 32 | u128::from(ops::random()))
}

fn surroundings(context: &Context, request: &Request) -> Surroundings {
    let mut folders =
        vec![("data", context.data.display().to_string()), ("cache", context.cache.display().to_string())];
    if let Request::NewProject(new) = request {
        folders.push(("parent", new.parent.clone()));
        folders.extend(new.folder.clone().map(|folder| ("project", folder)));
    }
    if let Some(home) = std::env::var_os("HOME") {
        folders.push(("home", home.to_string_lossy().into_owned()));
    }
    Surroundings { portable: Portable::new(folders), secrets: context.secrets.clone(), clock: ops::now }
}

/// What a cassette was recorded from: the request, without folders of the machine it was recorded on.
///
/// # Errors
/// When it cannot be read, or is of a request this version does not know.
pub fn request(context: &Context, file: &Path, parent: &Path) -> Result<Request, Error> {
    let portable = Portable::new([("parent", parent.display().to_string())]);
    let around = Surroundings { portable, secrets: context.secrets.clone(), clock: ops::now };
    let mut asked = Tape::open(file, TapeMode::Strict, around)?.request();
    if let Some(new) = asked.get_mut("new_project") {
        new["parent"] = Value::String(parent.display().to_string());
        new["folder"] = Value::Null;
    }
    Request::deserialize(&asked).map_err(|error| {
        Error::Ops(ops::Error::Usage {
            what: format!("`{}` was recorded from a request this cgo does not know: {error}", file.display()),
            hint: "record it again with --record".to_owned(),
        })
    })
}

/// What a cassette does in a run, as its request says it.
#[must_use]
pub fn cassette(mode: TapeMode, file: &Path) -> Cassette {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    Cassette { mode, file: file.display().to_string() }
}

/// Answers a question of a run, and writes it down where the run is recorded.
///
/// # Errors
/// As [`runs::answer`], and when the cassette cannot be written.
pub async fn answer(
    context: &Context,
    run: &Run,
    ask: &Ask,
    reply: Reply,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    for text in &reply.texts {
        context.secrets.check("an answer", text)?;
    }
    let setting = Setting::of(context, None, run)?;
    let said = Person {
        ask: ask.id.to_string(),
        approved: reply.approved,
        texts: reply.texts.clone(),
        by: reply.by.clone().unwrap_or_else(|| context.person.name.clone()),
        commits: String::new(),
    };
    runs::answer(&setting.context, run, ask, reply, runner::answered).await?;
    note(context, &setting, run, said, cancel).await
}

/// Writes down what was answered, where the run is recorded.
async fn note(
    context: &Context,
    setting: &Setting<'_>,
    run: &Run,
    said: Person,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    if let Some(tape) = setting.tape.as_ref().filter(|tape| !tape.replays()) {
        let commits = commits_of_person(&setting.context, &run.id, cancel).await?;
        if let Some(handle) = context.secrets.redactor().find(commits.as_bytes()) {
            return Err(Error::Ops(ops::Error::Usage {
                what: format!("the value of `{handle}` is committed, so what was committed is not recorded"),
                hint: "take it out of the commits; this cassette cannot be replayed past here".to_owned(),
            }));
        }
        tape.note_person(Person { commits, ..said });
    }
    setting.check()
}

/// Decides a question that nobody answered before its deadline: what it assumes is taken, and the run can go on; where it
/// assumes nothing, and of an approval, the run is over. Nothing where the run waits for something else by now.
///
/// # Errors
/// As [`runs::assume`], and when the cassette cannot be written.
pub async fn time_is_up(context: &Context, ask: &Ask, cancel: &CancellationToken) -> Result<Told, Error> {
    let run = runs::find(context, ask.run.as_str()).await?;
    let open = runs::waits_for(context, &run).await?.filter(|open| open.id == ask.id && open.is_over(context.now()));
    let Some(ask) = open else { return Ok(Told::Nothing) };
    let setting = Setting::of(context, None, &run)?;
    let assumed = ask.assumed();
    let said = Person {
        ask: ask.id.to_string(),
        approved: assumed.is_some(),
        texts: assumed.clone().unwrap_or_default(),
        by: NOBODY.to_owned(),
        commits: String::new(),
    };
    let told = nobody(&setting.context, &run, &ask, assumed).await?;
    note(context, &setting, &run, said, cancel).await?;
    Ok(told)
}

async fn nobody(context: &Context, run: &Run, ask: &Ask, assumed: Option<Vec<String>>) -> Result<Told, Error> {
    if let Some(texts) = assumed {
        runs::assume(context, run, ask, texts, runner::answered).await?;
        return Ok(Told::Answered);
    }
    runs::cancel(&context.acting_as(Whom::operator(NOBODY)), run, runner::cancelled(NOBODY)).await?;
    Ok(Told::Refused { by: NOBODY.to_owned() })
}

/// Answers the question a button belongs to, for whoever pressed it, when the press counts. `cgo serve` goes on with the
/// run; what is refused ends it.
///
/// # Errors
/// [`Unanswered`]: it does not count, or the answer cannot be taken.
pub async fn press(
    context: &Context,
    actor: &Actor,
    press: &Press,
    reply: Reply,
    cancel: &CancellationToken,
) -> Result<Counts, Unanswered> {
    let counts = approvals::check(context, actor, press).await?;
    let theirs = context.acting_as(counts.person.clone());
    let approved = reply.approved;
    // Before: a process that dies after the answer leaves a run that goes on.
    runs::queue(&theirs, &counts.run).await.map_err(Refusal::from)?;
    match answer(&theirs, &counts.run, &counts.ask, reply, cancel).await {
        Ok(()) => {
            // And after, so that it goes on at once.
            runs::queue(&theirs, &counts.run).await.map_err(Refusal::from)?;
            if !approved {
                let run = runs::find(&theirs, counts.run.id.as_str()).await.map_err(Refusal::from)?;
                let event = runner::cancelled(&theirs.person.name);
                // One that has ended meanwhile has read the answer itself.
                if !run.status.is_terminal() {
                    runs::cancel(&theirs, &run, event).await.map_err(Refusal::from)?;
                }
            }
            Ok(counts)
        }
        // Somebody was faster, or the right was taken away meanwhile.
        Err(Error::Ops(error)) => match Refusal::from(error) {
            Refusal::Failed(error) => Err(Unanswered::Failed(Error::Ops(error))),
            refusal => Err(Unanswered::Refused(refusal)),
        },
        Err(error) => Err(Unanswered::Failed(error)),
    }
}

/// Why a button has answered nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The press does not count.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer cannot be taken.
    #[error(transparent)]
    Failed(Error),
}

/// What the person has committed since the run's own newest commit.
async fn commits_of_person(context: &Context, run: &RunId, cancel: &CancellationToken) -> Result<String, Error> {
    let state = runner::progress(context, run).await?.state;
    let newest = state.repo_info.as_ref().and_then(|repo| repo.commits.last());
    let (Some(project), Some(newest)) = (&state.current_project, newest) else { return Ok(String::new()) };
    let project = projects::by_id(context, &project.id).await?;
    Ok(repository::commits_since(&project, newest, cancel).await?)
}

/// What the cassette of a run that waits holds for its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing, or it is none that is replayed.
    Nothing,
    /// The answer; the run can go on.
    Answered,
    /// A refusal, and the run is over.
    Refused {
        /// Who refused.
        by: String,
    },
}

/// Answers the question a replayed run waits for as it was answered when it was recorded, with everything the person
/// had committed meanwhile.
///
/// # Errors
/// When the cassette cannot be read, or git or the store fails.
pub async fn answer_again(context: &Context, run: &RunId, cancel: &CancellationToken) -> Result<Told, Error> {
    let run = runs::find(context, run.as_str()).await?;
    let setting = Setting::of(context, None, &run)?;
    let Some(tape) = setting.tape.as_ref().filter(|tape| tape.replays()) else { return Ok(Told::Nothing) };
    let Some(ask) = runs::waits_for(context, &run).await? else { return Ok(Told::Nothing) };
    let Some(person) = tape.said(ask.id.as_str()) else { return Ok(Told::Nothing) };
    if !person.commits.is_empty()
        && let Some(project) = &run.project
    {
        let project = projects::by_id(context, project).await?;
        repository::commit_again(&project, &person.commits, cancel).await?;
    }
    if person.by == NOBODY {
        return nobody(&setting.context, &run, &ask, person.approved.then_some(person.texts)).await;
    }
    let reply = Reply { approved: person.approved, texts: person.texts, by: Some(person.by.clone()) };
    runs::answer(&setting.context, &run, &ask, reply, runner::answered).await?;
    if person.approved {
        return Ok(Told::Answered);
    }
    let run = runs::find(context, run.id.as_str()).await?;
    runs::cancel(context, &run, runner::cancelled(&person.by)).await?;
    Ok(Told::Refused { by: person.by })
}
