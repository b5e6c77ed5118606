//! What a node does to the state of its run: a closed set of changes, each of one field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sharing::Shared;
use super::spec::{Domain, Spec};
use super::state::{
    Allocation, Complexity, CurrentProject, EngineeringStatus, Intent, Message, ProjectIntent, ProvisioningResult,
    RepoInfo, TestResults,
};
use super::task::Task;

/// One change of one field: the closed set of things a node can do to the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Appends something that was said.
    Messages(Message),
    /// Sets the project, once.
    CurrentProject(CurrentProject),
    /// Sets what is to be built.
    ProjectSpec(Box<Spec>),
    /// Sets the operations of what is to be built.
    ProjectSpecDomains(Vec<Domain>),
    /// Sets what the person wants of the project.
    ProjectIntent(ProjectIntent),
    /// Sets what the person wants done.
    PoIntent(Intent),
    /// Adds or replaces one allocation.
    AllocatedResources {
        /// The key.
        key: String,
        /// The place.
        allocation: Allocation,
    },
    /// Sets the repository.
    RepoInfo(RepoInfo),
    /// Appends a commit to the repository's.
    RepoCommit(String),
    /// Sets what came of sharing the project.
    Sharing(Shared),
    /// Sets the size of the work.
    ProjectComplexity(Complexity),
    /// Marks the architect's part.
    ArchitectComplete(bool),
    /// Adds a task, or sets one of that name.
    Tasks(Task),
    /// Moves engineering.
    EngineeringStatus(EngineeringStatus),
    /// Sets or clears what is to be changed.
    ReviewFeedback(Option<String>),
    /// Counts one more round of engineering.
    EngineeringIterations(u32),
    /// Sets what the tests said.
    TestResults(TestResults),
    /// Asks for an approval, with its reason, or clears it.
    NeedsHumanApproval(Option<String>),
    /// Sets or clears the server to provision.
    ServerToProvision(Option<String>),
    /// Marks a recovery.
    IsIncidentRecovery(bool),
    /// Sets how provisioning ended.
    ProvisioningResult(ProvisioningResult),
    /// Appends something that went wrong.
    Errors(String),
    /// Sets the address a probe got an answer from.
    DeployedUrl(String),
}

/// The fields of the state, as agent files name them in `reads` and `writes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// See `ProjectState::messages`.
    Messages,
    /// See `ProjectState::current_project`.
    CurrentProject,
    /// See `ProjectState::project_spec`.
    ProjectSpec,
    /// See `ProjectState::project_intent`.
    ProjectIntent,
    /// See `ProjectState::po_intent`.
    PoIntent,
    /// See `ProjectState::allocated_resources`.
    AllocatedResources,
    /// See `ProjectState::repo_info`.
    RepoInfo,
    /// See `ProjectState::sharing`.
    Sharing,
    /// See `ProjectState::project_complexity`.
    ProjectComplexity,
    /// See `ProjectState::architect_complete`.
    ArchitectComplete,
    /// See `ProjectState::tasks`.
    Tasks,
    /// See `ProjectState::engineering_status`.
    EngineeringStatus,
    /// See `ProjectState::review_feedback`.
    ReviewFeedback,
    /// See `ProjectState::engineering_iterations`.
    EngineeringIterations,
    /// See `ProjectState::test_results`.
    TestResults,
    /// See `ProjectState::needs_human_approval`; the reason belongs to it.
    NeedsHumanApproval,
    /// See `ProjectState::server_to_provision`.
    ServerToProvision,
    /// See `ProjectState::is_incident_recovery`.
    IsIncidentRecovery,
    /// See `ProjectState::provisioning_result`.
    ProvisioningResult,
    /// See `ProjectState::errors`.
    Errors,
    /// See `ProjectState::deployed_url`.
    DeployedUrl,
}

impl Field {
    /// The field's name in JSON and in agent files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::CurrentProject => "current_project",
            Self::ProjectSpec => "project_spec",
            Self::ProjectIntent => "project_intent",
            Self::PoIntent => "po_intent",
            Self::AllocatedResources => "allocated_resources",
            Self::RepoInfo => "repo_info",
            Self::Sharing => "sharing",
            Self::ProjectComplexity => "project_complexity",
            Self::ArchitectComplete => "architect_complete",
            Self::Tasks => "tasks",
            Self::EngineeringStatus => "engineering_status",
            Self::ReviewFeedback => "review_feedback",
            Self::EngineeringIterations => "engineering_iterations",
            Self::TestResults => "test_results",
            Self::NeedsHumanApproval => "needs_human_approval",
            Self::ServerToProvision => "server_to_provision",
            Self::IsIncidentRecovery => "is_incident_recovery",
            Self::ProvisioningResult => "provisioning_result",
            Self::Errors => "errors",
            Self::DeployedUrl => "deployed_url",
        }
    }
}

impl Change {
    /// The field it changes.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Messages(_) => Field::Messages,
            Self::CurrentProject(_) => Field::CurrentProject,
            Self::ProjectSpec(_) | Self::ProjectSpecDomains(_) => Field::ProjectSpec,
            Self::ProjectIntent(_) => Field::ProjectIntent,
            Self::PoIntent(_) => Field::PoIntent,
            Self::AllocatedResources { .. } => Field::AllocatedResources,
            Self::RepoInfo(_) | Self::RepoCommit(_) => Field::RepoInfo,
            Self::Sharing(_) => Field::Sharing,
            Self::ProjectComplexity(_) => Field::ProjectComplexity,
            Self::ArchitectComplete(_) => Field::ArchitectComplete,
            Self::Tasks(_) => Field::Tasks,
            Self::EngineeringStatus(_) => Field::EngineeringStatus,
            Self::ReviewFeedback(_) => Field::ReviewFeedback,
            Self::EngineeringIterations(_) => Field::EngineeringIterations,
            Self::TestResults(_) => Field::TestResults,
            Self::NeedsHumanApproval(_) => Field::NeedsHumanApproval,
            Self::ServerToProvision(_) => Field::ServerToProvision,
            Self::IsIncidentRecovery(_) => Field::IsIncidentRecovery,
            Self::ProvisioningResult(_) => Field::ProvisioningResult,
            Self::Errors(_) => Field::Errors,
            Self::DeployedUrl(_) => Field::DeployedUrl,
        }
    }
}

/// What a node did to the state, in order.
pub type Patch = Vec<Change>;
