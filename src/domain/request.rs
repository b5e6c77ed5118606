//! What a run is asked to do: by which command, with which choices. It never changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coder::{CoderChoice, Walls};
use super::ids::ReleaseId;
use super::names::{AgentName, ProjectName};
use super::placement::Wish;
use super::provider::ModelChoice;
use super::sharing::Place;

/// What a run was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// From a description or a spec to a running project.
    NewProject(Box<NewProject>),
    /// From a wish to a change of a project that exists.
    Update(Box<Update>),
    /// A new release of a project.
    Deploy {
        /// The project.
        project: ProjectName,
        /// What keeps code that a coder wrote from the rest of the machine while it is tested.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sandbox: Option<Walls>,
        /// Where it is to be; none for where the project is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<Wish>,
        /// How it is switched.
        #[serde(default, skip_serializing_if = "Rollout::is_usual")]
        rollout: Rollout,
        /// The cassette it is recorded on, or replayed from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cassette: Option<Cassette>,
    },
    /// Back to a release that served before.
    Rollback {
        /// The project.
        project: ProjectName,
        /// The release; none for the one before the active one.
        release: Option<ReleaseId>,
        /// How it is switched.
        #[serde(default, skip_serializing_if = "Rollout::is_usual")]
        rollout: Rollout,
    },
}

/// How servers are switched to a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Seconds the old release runs on after the switch; none for a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<u16>,
    /// How many servers are switched at once after the first; none for four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u16>,
    /// A server that cannot take the release is left as it is, and the others serve it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_partial: bool,
    /// The release before is gone back to although a migration since cannot be undone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

impl Rollout {
    /// Nothing was said about it.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// The cassette a run is recorded on, or replayed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// What is done with it.
    pub mode: TapeMode,
    /// The absolute path of its file.
    pub file: String,
}

/// What is done with a cassette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TapeMode {
    /// What happens is written down.
    Record,
    /// What was written down happens again; a question that nobody asked before ends the run.
    Strict,
    /// The same, but such a question gets the next answer that the agent was given.
    Loose,
}

/// Which command asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// `cgo project new`.
    NewProject,
    /// `cgo project update`.
    Update,
    /// `cgo deploy`.
    Deploy,
    /// `cgo deploy --rollback`.
    Rollback,
}

impl RequestKind {
    /// The kind as JSON spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewProject => "new_project",
            Self::Update => "update",
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
        }
    }
}

impl Request {
    /// Which command asked.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::NewProject(_) => RequestKind::NewProject,
            Self::Update(_) => RequestKind::Update,
            Self::Deploy { .. } => RequestKind::Deploy,
            Self::Rollback { .. } => RequestKind::Rollback,
        }
    }

    /// Who answers for the agents, where the command says so.
    #[must_use]
    pub fn models(&self) -> ModelChoice {
        match self {
            Self::NewProject(new) => new.models.clone(),
            Self::Update(update) => update.models.clone(),
            Self::Deploy { .. } | Self::Rollback { .. } => ModelChoice::default(),
        }
    }

    /// Who writes code, where the command says so.
    #[must_use]
    pub fn coders(&self) -> CoderChoice {
        match self {
            Self::NewProject(new) => new.coders,
            Self::Update(update) => update.coders,
            Self::Deploy { sandbox, .. } => CoderChoice { coder: None, sandbox: *sandbox },
            Self::Rollback { .. } => CoderChoice::default(),
        }
    }

    /// Where the project is to be, if the command says so.
    #[must_use]
    pub fn wish(&self) -> Option<&Wish> {
        match self {
            Self::NewProject(new) => new.server.as_ref(),
            Self::Deploy { server, .. } => server.as_ref(),
            Self::Update(_) | Self::Rollback { .. } => None,
        }
    }

    /// The cassette it is recorded on, or replayed from.
    #[must_use]
    pub fn cassette(&self) -> Option<&Cassette> {
        match self {
            Self::NewProject(new) => new.cassette.as_ref(),
            Self::Update(update) => update.cassette.as_ref(),
            Self::Deploy { cassette, .. } => cassette.as_ref(),
            Self::Rollback { .. } => None,
        }
    }

    /// The same with another cassette; going back to a release has none.
    #[must_use]
    pub fn with_cassette(mut self, wanted: Option<Cassette>) -> Self {
        match &mut self {
            Self::NewProject(new) => new.cassette = wanted,
            Self::Update(update) => update.cassette = wanted,
            Self::Deploy { cassette, .. } => *cassette = wanted,
            Self::Rollback { .. } => {}
        }
        self
    }

    /// How servers are switched.
    #[must_use]
    pub fn rollout(&self) -> Rollout {
        match self {
            Self::NewProject(_) | Self::Update(_) => Rollout::default(),
            Self::Deploy { rollout, .. } | Self::Rollback { rollout, .. } => *rollout,
        }
    }

    /// The project, where the command named one.
    #[must_use]
    pub fn project(&self) -> Option<&ProjectName> {
        match self {
            Self::NewProject(new) => new.name.as_ref(),
            Self::Update(update) => Some(&update.project),
            Self::Deploy { project, .. } | Self::Rollback { project, .. } => Some(project),
        }
    }
}

impl Request {
    /// What the person wrote, where the command takes a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let text = match self {
            Self::NewProject(new) => &new.text,
            Self::Update(update) => &update.text,
            Self::Deploy { .. } | Self::Rollback { .. } => return None,
        };
        Some(text.as_str()).filter(|text| !text.is_empty())
    }

    /// Whether questions get their stated assumptions instead of an answer.
    #[must_use]
    pub fn assumes(&self) -> bool {
        match self {
            Self::NewProject(new) => new.assume,
            Self::Update(update) => update.assume,
            Self::Deploy { .. } | Self::Rollback { .. } => false,
        }
    }

    /// What was said in the conversation before, oldest first.
    #[must_use]
    pub fn earlier(&self) -> &[Earlier] {
        match self {
            Self::NewProject(new) => &new.earlier,
            Self::Update(_) | Self::Deploy { .. } | Self::Rollback { .. } => &[],
        }
    }
}

/// Something that was said, or came to be, in a conversation before a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// What the person wrote.
    pub said: String,
    /// What came of it, in a line.
    pub outcome: String,
    /// The project it was about, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// What `cgo project update` was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The project.
    pub project: ProjectName,
    /// What is to be different.
    pub text: String,
    /// The last node to visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<AgentName>,
    /// Whether the run ends with a deployment.
    pub deploy: bool,
    /// Whether questions get their stated assumptions instead of an answer.
    pub assume: bool,
    /// Who answers for the agents.
    #[serde(default)]
    pub models: ModelChoice,
    /// Who writes code.
    #[serde(default)]
    pub coders: CoderChoice,
    /// The cassette it is recorded on, or replayed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<Cassette>,
}

/// What `cgo project new` was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The description; empty when a spec was given.
    pub text: String,
    /// The name the person chose.
    pub name: Option<ProjectName>,
    /// The absolute path of the folder the person chose; else `parent` and the name.
    pub folder: Option<String>,
    /// The absolute path of the folder a folder of the project's name is made in.
    pub parent: String,
    /// The spec the person gave, as JSON of `domain::spec::Spec`.
    pub spec: Option<String>,
    /// The last node to visit.
    pub until: Option<AgentName>,
    /// Whether the run ends with a deployment.
    pub deploy: bool,
    /// Where it is to be deployed; none for this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Wish>,
    /// The repository at GitHub it is to be in; none when it stays on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<Place>,
    /// Whether questions get their stated assumptions instead of an answer.
    pub assume: bool,
    /// It came without a command: it may as well be a change, a question or an operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// What was said in the conversation before, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// Who answers for the agents.
    #[serde(default)]
    pub models: ModelChoice,
    /// Who writes code.
    #[serde(default)]
    pub coders: CoderChoice,
    /// The cassette it is recorded on, or replayed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<Cassette>,
}
