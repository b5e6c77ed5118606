//! Projects in the store.

use super::engine::{Row, args, transaction};
use super::standing::lock_with_project;
use super::{Error, Store};
use crate::domain::ids::{ProjectId, UserId};
use crate::domain::names::ProjectName;
use crate::domain::project::{Project, ProjectStatus};
use crate::domain::time::Timestamp;

/// What can be done with the projects of a store.
pub trait Projects {
    /// Adds a project.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::IdTaken`].
    fn create_project(&self, project: &Project) -> impl Future<Output = Result<(), Error>> + Send;
    /// The project with that id.
    fn project(&self, id: &ProjectId) -> impl Future<Output = Result<Option<Project>, Error>> + Send;
    /// The project of that name.
    fn project_by_name(&self, name: &ProjectName) -> impl Future<Output = Result<Option<Project>, Error>> + Send;
    /// Every project, by name.
    fn projects(&self) -> impl Future<Output = Result<Vec<Project>, Error>> + Send;
    /// Moves a project to a status.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn set_project_status(
        &self,
        id: &ProjectId,
        status: ProjectStatus,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Error>> + Send;
    /// Replaces everything but the id and the moment of creation.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NameTaken`].
    fn update_project(&self, project: &Project) -> impl Future<Output = Result<(), Error>> + Send;
    /// Removes a project with its ports, places and deployments; its runs stay, without a project. Removing one that is
    /// not there is no error.
    fn remove_project(&self, id: &ProjectId, at: Timestamp) -> impl Future<Output = Result<(), Error>> + Send;
}

fn modules(project: &Project) -> String {
    serde_json::to_string(&project.modules).expect("a list of module names is JSON")
}

fn name_taken(error: Error, project: &Project) -> Error {
    if error.breaks_unique() { Error::NameTaken { name: project.name.clone() } } else { error }
}

fn decode(row: &Row) -> Result<Project, Error> {
    let row = row.of("project");
    Ok(Project {
        id: row.parsed(0, |text| ProjectId::parse(text).ok())?,
        name: row.parsed(1, |text| ProjectName::parse(text).ok())?,
        title: row.text(2)?,
        description: row.text(3)?,
        folder: row.text(4)?,
        modules: row.parsed(5, |text| serde_json::from_str(text).ok())?,
        status: row.parsed(6, |text| ProjectStatus::ALL.into_iter().find(|status| status.as_str() == text))?,
        owner: row.maybe_parsed(7, |text| UserId::parse(text).ok())?,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
    })
}

impl Projects for Store {
    async fn create_project(&self, project: &Project) -> Result<(), Error> {
        let modules = modules(project);
        transaction!(self, |tx| {
            // The insert can break two rules, and SQLite does not tell which one; after this only the name is left.
            let id = project.id.as_str();
            if tx.row("select 1 from project where id = $1", args![id]).await?.is_some() {
                return Err(Error::IdTaken { what: "project", id: id.to_owned() });
            }
            tx.execute(
                "insert into project (id, name, title, description, folder, modules, status, owner_id, created_at, updated_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, (select id from person where id = $8), $9, $10)",
                args![
                    id,
                    project.name.as_str(),
                    &project.title,
                    &project.description,
                    &project.folder,
                    &modules,
                    project.status.as_str(),
                    // Somebody who was removed meanwhile leaves it to the operator.
                    project.owner.as_ref().map(UserId::as_str),
                    project.created_at,
                    project.updated_at,
                ],
            )
            .await?;
            Ok(())
        })
        .map_err(|error| name_taken(error, project))
    }

    async fn project(&self, id: &ProjectId) -> Result<Option<Project>, Error> {
        self.find(
            "select id, name, title, description, folder, modules, status, owner_id, created_at, updated_at \
             from project where id = $1",
            args![id.as_str()],
            decode,
        )
        .await
    }

    async fn project_by_name(&self, name: &ProjectName) -> Result<Option<Project>, Error> {
        self.find(
            "select id, name, title, description, folder, modules, status, owner_id, created_at, updated_at \
             from project where name = $1",
            args![name.as_str()],
            decode,
        )
        .await
    }

    async fn projects(&self) -> Result<Vec<Project>, Error> {
        self.list(
            "select id, name, title, description, folder, modules, status, owner_id, created_at, updated_at \
             from project order by name",
            args![],
            decode,
        )
        .await
    }

    async fn set_project_status(&self, id: &ProjectId, status: ProjectStatus, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update project set status = $2, updated_at = $3 where id = $1",
                    args![id.as_str(), status.as_str(), at],
                )
                .await?;
            if changed == 0 {
                return Err(Error::NotFound { what: "project", id: id.to_string() });
            }
            Ok(())
        })
    }

    async fn update_project(&self, project: &Project) -> Result<(), Error> {
        let modules = modules(project);
        transaction!(self, |tx| {
            let changed = tx
                .execute(
                    "update project set name = $2, title = $3, description = $4, folder = $5, modules = $6, \
                     status = $7, updated_at = $8, owner_id = (select id from person where id = $9) where id = $1",
                    args![
                        project.id.as_str(),
                        project.name.as_str(),
                        &project.title,
                        &project.description,
                        &project.folder,
                        &modules,
                        project.status.as_str(),
                        project.updated_at,
                        project.owner.as_ref().map(UserId::as_str),
                    ],
                )
                .await?;
            if changed == 0 {
                return Err(Error::NotFound { what: "project", id: project.id.to_string() });
            }
            Ok(())
        })
        .map_err(|error| name_taken(error, project))
    }

    async fn remove_project(&self, id: &ProjectId, at: Timestamp) -> Result<(), Error> {
        transaction!(self, |tx| {
            let Some(mut servers) = lock_with_project(tx, id, &[]).await? else { return Ok(()) };
            tx.execute("delete from project where id = $1", args![id.as_str()]).await?;
            for server in &mut servers {
                server.settle(tx, at).await?;
            }
            Ok(())
        })
    }
}
