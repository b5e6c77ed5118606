//! Agents' files in the store, version by version.

use super::engine::{Row, Tx, args, transaction};
use super::{Error, Store};
use crate::domain::agent::AgentVersion;
use crate::domain::names::AgentName;
use crate::domain::time::Timestamp;

/// What can be done with the agents of a store.
pub trait Agents {
    /// The newest version of an agent.
    fn agent(&self, agent: &AgentName) -> impl Future<Output = Result<Option<AgentVersion>, Error>> + Send;
    /// The newest version of every agent, by name.
    fn agents(&self) -> impl Future<Output = Result<Vec<AgentVersion>, Error>> + Send;
    /// One version of an agent.
    fn agent_version(
        &self,
        agent: &AgentName,
        version: u32,
    ) -> impl Future<Output = Result<Option<AgentVersion>, Error>> + Send;
    /// Every version of an agent, newest first.
    fn agent_history(&self, agent: &AgentName) -> impl Future<Output = Result<Vec<AgentVersion>, Error>> + Send;
    /// Stores the next version of an agent. `expected` is the version its author saw, none for a new agent.
    ///
    /// # Errors
    /// [`Error::Conflict`] when that is not the newest any more.
    fn add_agent_version(
        &self,
        agent: &AgentName,
        expected: Option<u32>,
        text: &str,
        origin: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<AgentVersion, Error>> + Send;
    /// Stores the files that come with cgo as version 1 of the agents that have none; returns how many had none.
    fn seed_agents(
        &self,
        files: &[(AgentName, &str)],
        at: Timestamp,
    ) -> impl Future<Output = Result<u32, Error>> + Send;
}

fn decode(row: &Row) -> Result<AgentVersion, Error> {
    let row = row.of("agent_version");
    Ok(AgentVersion {
        agent: row.parsed(0, |text| AgentName::parse(text).ok())?,
        version: row.number(1)?,
        text: row.text(2)?,
        origin: row.text(3)?,
        created_at: row.time(4)?,
    })
}

async fn insert(tx: &mut Tx, version: &AgentVersion) -> Result<(), Error> {
    tx.execute(
        "insert into agent_version (agent, version, body, origin, created_at) values ($1, $2, $3, $4, $5)",
        args![version.agent.as_str(), version.version, &version.text, &version.origin, version.created_at],
    )
    .await
    .map(drop)
}

async fn newest(tx: &mut Tx, agent: &AgentName) -> Result<Option<u32>, Error> {
    let row = tx
        .row("select version from agent_version where agent = $1 order by version desc limit 1", args![agent.as_str()])
        .await?;
    row.map(|row| row.of("agent_version").number(0)).transpose()
}

fn version(number: Option<u32>) -> String {
    number.map_or_else(|| "no version".to_owned(), |number| format!("version {number}"))
}

impl Agents for Store {
    async fn agent(&self, agent: &AgentName) -> Result<Option<AgentVersion>, Error> {
        self.find(
            "select agent, version, body, origin, created_at from agent_version \
             where agent = $1 order by version desc limit 1",
            args![agent.as_str()],
            decode,
        )
        .await
    }

    async fn agents(&self) -> Result<Vec<AgentVersion>, Error> {
        self.list(
            "select agent, version, body, origin, created_at from agent_version newest \
             where version = (select max(version) from agent_version where agent = newest.agent) order by agent",
            args![],
            decode,
        )
        .await
    }

    async fn agent_version(&self, agent: &AgentName, version: u32) -> Result<Option<AgentVersion>, Error> {
        self.find(
            "select agent, version, body, origin, created_at from agent_version where agent = $1 and version = $2",
            args![agent.as_str(), version],
            decode,
        )
        .await
    }

    async fn agent_history(&self, agent: &AgentName) -> Result<Vec<AgentVersion>, Error> {
        self.list(
            "select agent, version, body, origin, created_at from agent_version \
             where agent = $1 order by version desc",
            args![agent.as_str()],
            decode,
        )
        .await
    }

    async fn add_agent_version(
        &self,
        agent: &AgentName,
        expected: Option<u32>,
        text: &str,
        origin: &str,
        at: Timestamp,
    ) -> Result<AgentVersion, Error> {
        let next = AgentVersion {
            agent: agent.clone(),
            version: expected.unwrap_or(0) + 1,
            text: text.to_owned(),
            origin: origin.to_owned(),
            created_at: at,
        };
        let conflict = |found| Error::Conflict {
            what: format!("agent `{agent}`"),
            expected: version(expected),
            found: version(found),
        };
        let added = transaction!(self, |tx| {
            let found = newest(tx, agent).await?;
            if found != expected {
                return Err(conflict(found));
            }
            insert(tx, &next).await
        });
        match added {
            Ok(()) => Ok(next),
            // Two authors saw the same version at the same moment (PostgreSQL): the key let one of them win.
            Err(error) if error.breaks_unique() => Err(conflict(Some(next.version))),
            Err(error) => Err(error),
        }
    }

    async fn seed_agents(&self, files: &[(AgentName, &str)], at: Timestamp) -> Result<u32, Error> {
        // Nearly always there is nothing to do, and a read takes no lock.
        let mut known = std::collections::BTreeSet::new();
        for version in self.agents().await? {
            known.insert(version.agent);
        }
        let missing: Vec<_> = files.iter().filter(|(agent, _)| !known.contains(agent)).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        transaction!(self, |tx| {
            let mut seeded = 0;
            for (agent, text) in &missing {
                let added = tx
                    .execute(
                        "insert into agent_version (agent, version, body, origin, created_at) \
                         values ($1, 1, $2, 'built-in', $3) on conflict (agent, version) do nothing",
                        args![agent.as_str(), *text, at],
                    )
                    .await?;
                seeded += u32::from(added > 0);
            }
            Ok(seeded)
        })
    }
}
