//! What a run knows: one typed state, changed only by patches.
//!
//! A node returns a [`Patch`]. [`ProjectState::check_owner`] asks whether its agent may write those fields;
//! [`ProjectState::apply`] makes the next state if it makes sense, or leaves it as it was. Live runs and replay both go through it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::ProjectId;
use super::names::{AgentName, ProjectName};
pub use super::patch::{Change, Field, Patch};
use super::sharing::Sharing;
use super::spec::Spec;
use super::task::{self, Task};

/// The state of one run. Field names are those of the system cgo replaces; unknown ones are refused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "cgo run state")]
pub struct ProjectState {
    /// What was said: the description, questions, answers and the agents' closing words.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// The project the run works on, once there is one.
    #[serde(default)]
    pub current_project: Option<CurrentProject>,
    /// What is to be built.
    #[serde(default)]
    pub project_spec: Option<Spec>,
    /// What the person wants of the project, in words.
    #[serde(default)]
    pub project_intent: Option<ProjectIntent>,
    /// What the person wants done.
    #[serde(default)]
    pub po_intent: Option<Intent>,
    /// What was reserved for the project, by `SERVICE` key.
    #[serde(default)]
    pub allocated_resources: BTreeMap<String, Allocation>,
    /// The repository the code is in.
    #[serde(default)]
    pub repo_info: Option<RepoInfo>,
    /// That the project is to be shared with others, and what came of it; none when it stays on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// How big the architect takes the work to be.
    #[serde(default)]
    pub project_complexity: Option<Complexity>,
    /// The architect is done.
    #[serde(default)]
    pub architect_complete: bool,
    /// The code to be written beside what is generated, in the order of the plan.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// Where engineering stands.
    #[serde(default)]
    pub engineering_status: EngineeringStatus,
    /// What the last review or test asked to be changed.
    #[serde(default)]
    pub review_feedback: Option<String>,
    /// How often engineering went round.
    #[serde(default)]
    pub engineering_iterations: u32,
    /// What the project's own tests said.
    #[serde(default)]
    pub test_results: Option<TestResults>,
    /// A person has to approve before the run goes on.
    #[serde(default)]
    pub needs_human_approval: bool,
    /// Why.
    #[serde(default)]
    pub human_approval_reason: Option<String>,
    /// The server that has to be provisioned first.
    #[serde(default)]
    pub server_to_provision: Option<String>,
    /// The run repairs something that broke.
    #[serde(default)]
    pub is_incident_recovery: bool,
    /// How provisioning ended.
    #[serde(default)]
    pub provisioning_result: Option<ProvisioningResult>,
    /// The agent that worked last.
    #[serde(default)]
    pub current_agent: Option<AgentName>,
    /// What went wrong, oldest first.
    #[serde(default)]
    pub errors: Vec<String>,
    /// The address a probe got an answer from.
    #[serde(default)]
    pub deployed_url: Option<String>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// The agent, when one said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// What was said.
    pub content: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// An agent.
    Assistant,
}

/// The project a run works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentProject {
    /// Its id in the store.
    pub id: ProjectId,
    /// Its name.
    pub name: ProjectName,
    /// The absolute path of its folder.
    pub folder: String,
}

/// What the person wants of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectIntent {
    /// In one line.
    pub summary: String,
    /// What was assumed because the description does not say it.
    #[serde(default)]
    pub assumptions: Vec<String>,
    /// What was asked for and is not built.
    #[serde(default)]
    pub not_built: Vec<NotBuilt>,
}

/// Something asked for that this run does not build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotBuilt {
    /// What, as the person would recognise it.
    pub what: String,
    /// Why not.
    pub why: String,
    /// What a model would add.
    pub model_would_add: String,
}

/// What the person wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A new project.
    NewProject,
    /// A change of a living project.
    UpdateProject,
    /// A release of what is there.
    Deploy,
    /// A service is to be stopped.
    Stop,
    /// A service that was stopped is to be started.
    Start,
    /// The release before is to serve again.
    Rollback,
    /// The newest lines of a service's log.
    Logs,
    /// Care of a living project.
    Maintenance,
    /// An existing repository is taken over.
    Activate,
    /// Only a question about how things are.
    Status,
}

impl Intent {
    /// Something that the front end does with a project that is there, as its own command would: the run only finds out
    /// what is meant.
    #[must_use]
    pub fn operates(self) -> bool {
        match self {
            Self::Stop | Self::Start | Self::Rollback | Self::Logs => true,
            Self::NewProject
            | Self::UpdateProject
            | Self::Deploy
            | Self::Maintenance
            | Self::Activate
            | Self::Status => false,
        }
    }
}

/// A place reserved for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// The server's handle.
    pub server_handle: String,
    /// The server's address.
    pub server_ip: String,
    /// The port people open.
    pub port: u16,
    /// The service.
    pub service_name: String,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepoInfo {
    /// `owner/name` at a forge; the project's name when it is only on this machine.
    pub full_name: String,
    /// The page people open; the folder when it is only on this machine.
    pub html_url: String,
    /// What `git clone` takes.
    pub clone_url: String,
    /// The commits this run made, oldest first, in full.
    #[serde(default)]
    pub commits: Vec<String>,
}

/// How big the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// Generated code is enough.
    Simple,
    /// There is business logic to write.
    Complex,
}

/// Where engineering stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineeringStatus {
    /// Not begun.
    #[default]
    Idle,
    /// At work.
    Working,
    /// Done: the tests pass on the pinned commit.
    Done,
    /// Cannot go on without a person.
    Blocked,
}

/// What the project's own tests said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestResults {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were skipped.
    pub skipped: u32,
    /// The last lines of the output when something failed, else empty.
    pub output: String,
    /// The commit that was tested, in full.
    pub commit: String,
}

/// How provisioning ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningResult {
    /// It worked.
    pub ok: bool,
    /// In one line.
    pub detail: String,
}

/// Why a patch was refused. The state is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The agent's file does not list the field under `writes`.
    #[error("agent `{agent}` may not write `{field}`; its file allows: {allowed}")]
    NotOwner {
        /// The agent.
        agent: AgentName,
        /// The field.
        field: &'static str,
        /// What it may write.
        allowed: String,
    },
    /// The result would make no sense.
    #[error("`{field}` would break a rule: {rule}")]
    Invariant {
        /// The field.
        field: &'static str,
        /// The rule.
        rule: String,
    },
}

fn broken(field: Field, rule: impl Into<String>) -> Refused {
    Refused::Invariant { field: field.as_str(), rule: rule.into() }
}

/// The longest single message kept in the state, in bytes.
pub const MESSAGE_LIMIT: usize = 256 * 1024;

impl ProjectState {
    /// Checks that the agent's file lets it write every field of the patch.
    ///
    /// # Errors
    /// [`Refused::NotOwner`] with the first field it may not write.
    pub fn check_owner(agent: &AgentName, writes: &BTreeSet<Field>, patch: &Patch) -> Result<(), Refused> {
        match patch.iter().find(|change| !writes.contains(&change.field())) {
            None => Ok(()),
            Some(change) => Err(Refused::NotOwner {
                agent: agent.clone(),
                field: change.field().as_str(),
                allowed: writes.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Applies a patch that `agent` made, all of it or nothing.
    ///
    /// # Errors
    /// [`Refused::Invariant`] when a rule would break.
    pub fn apply(&self, agent: &AgentName, patch: &Patch) -> Result<Self, Refused> {
        let mut next = self.clone();
        next.current_agent = Some(agent.clone());
        for change in patch {
            next.set(change.clone())?;
        }
        next.validate()?;
        Ok(next)
    }

    fn set(&mut self, change: Change) -> Result<(), Refused> {
        match change {
            Change::Messages(message) => {
                if message.content.len() > MESSAGE_LIMIT {
                    return Err(broken(Field::Messages, "a message is longer than 256 KiB"));
                }
                self.messages.push(message);
            }
            Change::CurrentProject(project) => {
                if self.current_project.as_ref().is_some_and(|current| current.id != project.id) {
                    return Err(broken(Field::CurrentProject, "a run works on one project only"));
                }
                self.current_project = Some(project);
            }
            Change::ProjectSpec(spec) => self.project_spec = Some(*spec),
            Change::ProjectSpecDomains(domains) => match &mut self.project_spec {
                Some(spec) => spec.domains = domains,
                None => return Err(broken(Field::ProjectSpec, "operations need a spec first")),
            },
            Change::ProjectIntent(intent) => self.project_intent = Some(intent),
            Change::PoIntent(intent) => self.po_intent = Some(intent),
            Change::AllocatedResources { key, allocation } => {
                self.allocated_resources.insert(key, allocation);
            }
            Change::RepoInfo(repo) => self.repo_info = Some(repo),
            Change::RepoCommit(commit) => match &mut self.repo_info {
                Some(repo) if repo.commits.last() != Some(&commit) => repo.commits.push(commit),
                Some(_) => {}
                None => return Err(broken(Field::RepoInfo, "a commit needs a repository first")),
            },
            Change::Sharing(outcome) => match &mut self.sharing {
                Some(sharing) => sharing.outcome = Some(outcome),
                None => return Err(broken(Field::Sharing, "nobody asked for the project to be shared")),
            },
            Change::ProjectComplexity(complexity) => self.project_complexity = Some(complexity),
            Change::ArchitectComplete(done) => self.architect_complete = done,
            Change::Tasks(task) => match self.tasks.iter_mut().find(|known| known.id == task.id) {
                Some(known) => *known = task,
                None => self.tasks.push(task),
            },
            Change::EngineeringStatus(status) => self.engineering_status = status,
            Change::ReviewFeedback(feedback) => self.review_feedback = feedback,
            Change::EngineeringIterations(count) => self.engineering_iterations = count,
            Change::TestResults(results) => self.test_results = Some(results),
            Change::NeedsHumanApproval(reason) => {
                self.needs_human_approval = reason.is_some();
                self.human_approval_reason = reason;
            }
            Change::ServerToProvision(server) => self.server_to_provision = server,
            Change::IsIncidentRecovery(recovery) => self.is_incident_recovery = recovery,
            Change::ProvisioningResult(result) => self.provisioning_result = Some(result),
            Change::Errors(error) => self.errors.push(error),
            Change::DeployedUrl(url) => {
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    return Err(broken(Field::DeployedUrl, "an address begins with http:// or https://"));
                }
                self.deployed_url = Some(url);
            }
        }
        Ok(())
    }

    /// Checks the rules that span fields.
    ///
    /// # Errors
    /// [`Refused::Invariant`] with the first rule that is broken.
    pub fn validate(&self) -> Result<(), Refused> {
        if self.needs_human_approval != self.human_approval_reason.is_some() {
            return Err(broken(Field::NeedsHumanApproval, "an approval has a reason, and only then"));
        }
        if self.architect_complete && self.project_spec.is_none() {
            return Err(broken(Field::ArchitectComplete, "an architect is not done without a spec"));
        }
        if self.engineering_status == EngineeringStatus::Done {
            let Some(results) = &self.test_results else {
                return Err(broken(Field::EngineeringStatus, "engineering is not done without test results"));
            };
            if results.failed > 0 || results.passed == 0 {
                return Err(broken(
                    Field::EngineeringStatus,
                    format!(
                        "engineering is not done with {} tests passed and {} failed",
                        results.passed, results.failed
                    ),
                ));
            }
            let head = self.repo_info.as_ref().and_then(|repo| repo.commits.last());
            if head.is_some_and(|head| *head != results.commit) {
                return Err(broken(Field::EngineeringStatus, "the tested commit is not the newest one"));
            }
        }
        if let Some(fault) = task::fault(&self.tasks) {
            return Err(broken(Field::Tasks, fault));
        }
        if let Some((key, _)) = self.allocated_resources.iter().find(|(_, allocation)| allocation.port == 0) {
            return Err(broken(Field::AllocatedResources, format!("`{key}` has port 0")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str) -> AgentName {
        AgentName::parse(name).unwrap()
    }

    #[test]
    fn a_field_the_agent_does_not_own_is_refused() {
        let patch = vec![Change::PoIntent(Intent::Deploy), Change::DeployedUrl("http://x".to_owned())];
        let error =
            ProjectState::check_owner(&agent("tester"), &BTreeSet::from([Field::PoIntent]), &patch).unwrap_err();
        assert_eq!(error.to_string(), "agent `tester` may not write `deployed_url`; its file allows: po_intent");
    }

    #[test]
    fn engineering_is_not_done_without_passing_tests_of_the_newest_commit() {
        let results = |passed, failed, commit: &str| {
            Change::TestResults(TestResults {
                passed,
                failed,
                skipped: 0,
                output: String::new(),
                commit: commit.to_owned(),
            })
        };
        let repo = Change::RepoInfo(RepoInfo {
            full_name: "x".to_owned(),
            html_url: "x".to_owned(),
            clone_url: "x".to_owned(),
            commits: vec!["b".to_owned()],
        });
        let done = Change::EngineeringStatus(EngineeringStatus::Done);
        let apply = |patch: &Patch| ProjectState::default().apply(&agent("tester"), patch);
        assert!(apply(&vec![done.clone()]).is_err());
        assert!(apply(&vec![results(0, 0, "b"), repo.clone(), done.clone()]).is_err());
        assert!(apply(&vec![results(3, 1, "b"), repo.clone(), done.clone()]).is_err());
        assert!(apply(&vec![results(3, 0, "a"), repo.clone(), done.clone()]).is_err());
        assert!(apply(&vec![results(3, 0, "b"), repo, done]).is_ok());
    }

    #[test]
    fn unknown_fields_of_a_stored_state_are_refused() {
        let error = serde_json::from_str::<ProjectState>(r#"{"mesages": []}"#).unwrap_err();
        assert!(error.to_string().contains("mesages"), "{error}");
    }
}
