//! Work the architect plans and developers do: each task on a branch of its own, merged when it holds.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::AgentName;

/// The most tasks of one run.
pub const MOST_TASKS: usize = 40;

/// How often a task is begun before a person is asked.
pub const MOST_ATTEMPTS: u32 = 3;

/// One piece of work on the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name within the run, like `send_reminders`.
    pub id: AgentName,
    /// What, in one line.
    pub title: String,
    /// What is to be done, in as many words as it needs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The check that says it is done.
    pub done_when: String,
    /// The tasks that have to be merged before it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<AgentName>,
    /// Where it stands.
    #[serde(default)]
    pub status: TaskStatus,
    /// How often it was begun.
    #[serde(default)]
    pub attempts: u32,
    /// The commit that holds it, in full, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What the next attempt has to mend: failing tests, a conflict, what stopped the coder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// To be done.
    #[default]
    Open,
    /// Done and tested on its own branch, not merged.
    Ready,
    /// Part of the project.
    Merged,
    /// A person has to look at it.
    Blocked,
}

/// What of the work is left, as the graph asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// There is a branch to merge.
    Unmerged,
    /// There is a task to be done, and nothing to merge.
    Open,
    /// Nothing can be done by an agent.
    None,
}

impl Work {
    /// What of these tasks is left.
    #[must_use]
    pub fn of(tasks: &[Task]) -> Self {
        if tasks.iter().any(|task| task.status == TaskStatus::Ready) {
            Self::Unmerged
        } else if next(tasks).next().is_some() {
            Self::Open
        } else {
            Self::None
        }
    }
}

/// The tasks that can begin now: open, with everything they come after merged.
pub fn next(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    let merged = |id: &AgentName| tasks.iter().any(|task| task.id == *id && task.status == TaskStatus::Merged);
    tasks.iter().filter(move |task| task.status == TaskStatus::Open && task.after.iter().all(merged))
}

/// The first thing wrong with a plan: too many tasks, a name twice, a task that comes after one that does not exist or
/// after itself.
#[must_use]
pub fn fault(tasks: &[Task]) -> Option<String> {
    if tasks.len() > MOST_TASKS {
        return Some(format!("{} tasks are too many: the most is {MOST_TASKS}", tasks.len()));
    }
    let mut names = BTreeSet::new();
    if let Some(task) = tasks.iter().find(|task| !names.insert(&task.id)) {
        return Some(format!("two tasks are called `{}`", task.id));
    }
    for task in tasks {
        if let Some(missing) = task.after.iter().find(|id| !names.contains(id)) {
            return Some(format!("task `{}` comes after `{missing}`, which is not a task", task.id));
        }
    }
    let mut done: BTreeSet<&AgentName> = BTreeSet::new();
    while done.len() < tasks.len() {
        let mut open = tasks.iter().filter(|task| !done.contains(&task.id));
        let next = open.clone().find(|task| task.after.iter().all(|id| done.contains(id)));
        let Some(next) = next else {
            return open.next().map(|stuck| format!("task `{}` would have to come after itself", stuck.id));
        };
        done.insert(&next.id);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, after: &[&str], status: TaskStatus) -> Task {
        let name = |text: &str| AgentName::parse(text).unwrap();
        Task {
            id: name(id),
            title: id.to_owned(),
            detail: String::new(),
            done_when: "it works".to_owned(),
            after: after.iter().map(|id| name(id)).collect(),
            status,
            attempts: 0,
            commit: None,
            feedback: None,
        }
    }

    #[test]
    fn a_task_begins_when_what_it_comes_after_is_merged() {
        let begins = |tasks: &[Task]| next(tasks).map(|task| task.id.to_string()).collect::<Vec<_>>();
        let mut tasks = [
            task("a", &[], TaskStatus::Open),
            task("b", &[], TaskStatus::Open),
            task("c", &["a", "b"], TaskStatus::Open),
        ];
        assert_eq!(begins(&tasks), ["a", "b"]);
        assert_eq!(Work::of(&tasks), Work::Open);
        tasks[0].status = TaskStatus::Merged;
        tasks[1].status = TaskStatus::Ready;
        assert_eq!(begins(&tasks), [""; 0]);
        assert_eq!(Work::of(&tasks), Work::Unmerged);
        tasks[1].status = TaskStatus::Blocked;
        assert_eq!(Work::of(&tasks), Work::None);
        tasks[1].status = TaskStatus::Merged;
        assert_eq!(begins(&tasks), ["c"]);
    }

    #[test]
    fn a_plan_without_an_order_is_refused() {
        let fault_of = |tasks: &[Task]| fault(tasks).unwrap_or_default();
        assert_eq!(fault_of(&[task("a", &[], TaskStatus::Open), task("b", &["a"], TaskStatus::Open)]), "");
        assert!(fault_of(&[task("a", &["z"], TaskStatus::Open)]).contains("`z`, which is not a task"));
        assert!(fault_of(&[task("a", &[], TaskStatus::Open), task("a", &[], TaskStatus::Open)]).contains("two tasks"));
        let round = [task("a", &["b"], TaskStatus::Open), task("b", &["a"], TaskStatus::Open)];
        assert!(fault_of(&round).contains("after itself"));
        let many: Vec<Task> = (0..=MOST_TASKS).map(|n| task(&format!("t{n}"), &[], TaskStatus::Open)).collect();
        assert!(fault_of(&many).contains("too many"));
    }
}
