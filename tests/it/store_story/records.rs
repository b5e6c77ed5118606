//! Projects, servers, ports, agents and deployments.

use std::collections::BTreeSet;

use cgo::domain::deployment::{Deployment, DeploymentStatus, Slot};
use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::host::{Access, Checked, Destination, Engine, Facts, HostKey, Rights};
use cgo::domain::names::{AgentName, ProjectName};
use cgo::domain::project::ProjectStatus;
use cgo::domain::server::{PortPurpose, PortWish, Server, ServerEvent, ServerStatus};
use cgo::domain::spec::Module;
use cgo::store::{Agents, Deployments, Error, Ports, Projects, Runs, Seen, Servers};

use super::{ODD, Place, at, local, on_both, placed_project, project, release_id, run};
use crate::placement::facts;

on_both!(
    projects_are_kept_as_given_and_found_by_id_and_name,
    removing_a_project_takes_its_ports_and_deployments_and_leaves_its_runs,
    servers_are_made_once_for_a_handle,
    servers_over_ssh_are_kept_with_their_access_and_looks,
    ports_are_the_first_gap_and_the_same_again,
    an_exhausted_range_says_what_is_in_the_way,
    agents_gain_versions_and_a_stale_author_is_told,
    one_release_is_active_and_the_one_before_retires,
    a_text_with_a_nul_character_is_refused_whatever_the_engine,
    an_unknown_value_in_a_row_is_named,
);

async fn projects_are_kept_as_given_and_found_by_id_and_name(place: &Place) {
    let store = place.open().await;
    let mut notes = project(1, "notes");
    notes.description = ODD.repeat(500);
    notes.modules = Module::ALL.to_vec();
    store.create_project(&notes).await.unwrap();
    let books = project(2, "books");
    store.create_project(&books).await.unwrap();

    assert_eq!(store.project(&notes.id).await.unwrap().as_ref(), Some(&notes));
    assert_eq!(store.project_by_name(&books.name).await.unwrap().as_ref(), Some(&books));
    assert_eq!(store.projects().await.unwrap(), [books.clone(), notes.clone()]);
    assert_eq!(store.project(&project(3, "no").id).await.unwrap(), None);
    assert_eq!(store.project_by_name(&ProjectName::parse("no").unwrap()).await.unwrap(), None);

    let error = store.create_project(&project(3, "notes")).await.unwrap_err();
    assert_eq!(error.to_string(), "a project named `notes` exists already");
    let error = store.create_project(&project(1, "other")).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { what: "project", .. }), "{error}");

    for status in ProjectStatus::ALL {
        store.set_project_status(&notes.id, status, at(5)).await.unwrap();
        let stored = store.project(&notes.id).await.unwrap().unwrap();
        assert_eq!((stored.status, stored.updated_at, stored.created_at), (status, at(5), at(0)));
    }
    let error = store.set_project_status(&project(3, "no").id, ProjectStatus::Built, at(1)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");

    notes.title = "Notes".into();
    notes.folder = "/elsewhere".into();
    notes.modules = vec![];
    notes.status = ProjectStatus::Deployed;
    notes.updated_at = at(9);
    store.update_project(&notes).await.unwrap();
    assert_eq!(store.project(&notes.id).await.unwrap().as_ref(), Some(&notes));
    notes.name = books.name.clone();
    let error = store.update_project(&notes).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    let error = store.update_project(&project(3, "no")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    store.close().await;
}

async fn removing_a_project_takes_its_ports_and_deployments_and_leaves_its_runs(place: &Place) {
    let store = place.open().await;
    let (notes, server) = placed_project(&store, 1, "notes").await;
    let mut work = run(1);
    work.project = Some(notes.id.clone());
    store.create_run(&work).await.unwrap();
    store
        .reserve_port(&server.id, &notes.id, "web", PortPurpose::Public.into(), &BTreeSet::new(), at(0))
        .await
        .unwrap();
    store.create_deployment(&deployment(1, &notes.id, &server.id)).await.unwrap();

    store.remove_project(&notes.id, at(9)).await.unwrap();
    store.remove_project(&notes.id, at(9)).await.unwrap();
    assert_eq!(store.projects().await.unwrap(), []);
    assert_eq!(store.ports(&server.id).await.unwrap(), []);
    assert_eq!(store.deployments(&notes.id).await.unwrap(), []);
    assert_eq!(store.run(&work.id).await.unwrap().unwrap().project, None);

    work.id = super::run_id(2);
    let error = store.create_run(&work).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");
}

async fn servers_are_made_once_for_a_handle(place: &Place) {
    let store = place.open().await;
    let first = store.ensure_server(&local(1)).await.unwrap();
    assert_eq!(first, local(1));
    assert_eq!(store.ensure_server(&local(2)).await.unwrap(), first);
    let mut other = local(1);
    other.handle = "fra1".into();
    let error = store.ensure_server(&other).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { what: "server", .. }), "{error}");
    other.id = local(2).id;
    store.ensure_server(&other).await.unwrap();
    assert_eq!(store.servers().await.unwrap(), [other.clone(), first.clone()]);
    assert_eq!(store.server_by_handle("fra1").await.unwrap().as_ref(), Some(&other));
    assert_eq!(store.server_by_handle("fra2").await.unwrap(), None);
    let error = store.move_server(&local(3).id, |_| ServerEvent::Kept, at(0)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "server", .. }), "{error}");
    for (number, status) in (10..).zip(ServerStatus::ALL) {
        let wanted = Server { handle: format!("web-{number}"), status, ..local(number) };
        assert_eq!(store.ensure_server(&wanted).await.unwrap(), wanted);
        assert_eq!(store.server(&wanted.id).await.unwrap().as_ref(), Some(&wanted));
    }
}

async fn servers_over_ssh_are_kept_with_their_access_and_looks(place: &Place) {
    let store = place.open().await;
    let mut web = local(1);
    web.handle = "web".into();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKtXJaEtmyIHGLiyzPoBhnKsOzwKXtNSE1pLhqji6MDW";
    let access = Access {
        server: web.id.clone(),
        destination: Destination::parse("deploy@[2001:db8::7]:2222").unwrap(),
        key: Some("/home/o'neil/my key".into()),
        host_key: HostKey::parse(key).unwrap(),
        rootless: true,
    };
    let facts = Facts {
        hostname: ODD.to_owned(),
        engines: vec![Engine { name: "docker".to_owned(), version: None }],
        rights: Rights::Sudo,
        skew_ms: -7,
        user: "deploy".to_owned(),
        home: "/home/deploy".to_owned(),
        ..facts(1000)
    };
    store.add_server(&web, &access, &facts).await.unwrap();
    let mut other = local(2);
    other.handle = "web".into();
    let error = store.add_server(&other, &access, &facts).await.unwrap_err();
    assert!(matches!(error, Error::ServerTaken { .. }), "{error}");
    other.handle = "other".into();
    other.id = web.id.clone();
    let error = store.add_server(&other, &access, &facts).await.unwrap_err();
    assert!(matches!(error, Error::IdTaken { .. }), "{error}");
    assert_eq!(store.accesses().await.unwrap(), std::slice::from_ref(&access));

    let seen = |second, problem: Option<&str>, facts: Option<&Facts>| Seen {
        server: web.id.clone(),
        at: at(second),
        problem: problem.map(str::to_owned),
        facts: facts.cloned(),
    };
    store.note_checks(&[seen(5, Some("down"), None)]).await.unwrap();
    store
        .note_checks(&[seen(6, Some("down"), None), Seen { server: local(3).id, ..seen(6, None, None) }])
        .await
        .unwrap();
    let checked = |checks: Vec<(_, Checked)>| checks.into_iter().map(|(_, check)| check).collect::<Vec<_>>();
    let failed = Checked { at: at(6), failures: 2, problem: Some("down".to_owned()), facts: Some(facts.clone()) };
    assert_eq!(checked(store.checks().await.unwrap()), [failed]);
    store.note_checks(&[seen(7, None, Some(&facts))]).await.unwrap();
    let well = Checked { at: at(7), failures: 0, problem: None, facts: Some(facts) };
    assert_eq!(checked(store.checks().await.unwrap()), [well]);

    let new =
        HostKey::parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    store.pin_host_key(&web.id, &new, at(8)).await.unwrap();
    assert_eq!(store.accesses().await.unwrap()[0].host_key, new);
    assert!(matches!(store.pin_host_key(&local(3).id, &new, at(8)).await, Err(Error::NotFound { .. })));

    store.create_project(&project(1, "notes")).await.unwrap();
    let none = BTreeSet::new();
    let id = project(1, "notes").id;
    store.reserve_port(&web.id, &id, "backend", PortPurpose::Public.into(), &none, at(1)).await.unwrap();
    let error = store.remove_server(&web.id, at(9)).await.unwrap_err();
    assert!(matches!(error, Error::ServerInUse { projects: 1, .. }), "{error}");
    assert_eq!(store.accesses().await.unwrap().len(), 1, "a refusal changes nothing");
    store.remove_project(&id, at(9)).await.unwrap();
    store.remove_server(&web.id, at(9)).await.unwrap();
    assert!(store.accesses().await.unwrap().is_empty() && store.checks().await.unwrap().is_empty());
    assert_eq!(store.server_by_handle("web").await.unwrap(), None);
    assert!(matches!(store.remove_server(&web.id, at(9)).await, Err(Error::NotFound { .. })));
}

async fn ports_are_the_first_gap_and_the_same_again(place: &Place) {
    let store = place.open().await;
    let (notes, server) = placed_project(&store, 1, "notes").await;
    let (books, _) = placed_project(&store, 2, "books").await;
    let listening = BTreeSet::from([8001, 8003]);
    let reserve = async |project: &cgo::domain::project::Project, service: &str, purpose| {
        store.reserve_port(&server.id, &project.id, service, PortWish::from(purpose), &listening, at(3)).await
    };
    assert_eq!(reserve(&notes, "web", PortPurpose::Public).await.unwrap().port, 8000);
    assert_eq!(reserve(&notes, "api", PortPurpose::Public).await.unwrap().port, 8002);
    assert_eq!(reserve(&books, "web", PortPurpose::Public).await.unwrap().port, 8004);
    assert_eq!(reserve(&books, "web", PortPurpose::Blue).await.unwrap().port, 21_000);
    assert_eq!(reserve(&books, "web", PortPurpose::Green).await.unwrap().port, 21_001);
    let again = reserve(&notes, "web", PortPurpose::Public).await.unwrap();
    assert_eq!((again.port, again.service.as_str(), again.created_at), (8000, "web", at(3)));

    let full = async || match store.remove_server(&server.id, at(4)).await {
        Err(Error::ServerInUse { projects, .. }) => projects,
        other => panic!("{other:?}"),
    };
    assert_eq!(full().await, 2);
    assert_eq!(
        store.ports(&server.id).await.unwrap().iter().map(|port| port.port).collect::<Vec<_>>(),
        [8000, 8002, 8004, 21_000, 21_001]
    );
    let of_books = store.project_ports(&books.id).await.unwrap();
    assert_eq!(of_books.iter().map(|port| port.purpose).collect::<Vec<_>>(), PortPurpose::ALL);
    store.remove_project(&notes.id, at(4)).await.unwrap();
    assert_eq!(reserve(&books, "api", PortPurpose::Public).await.unwrap().port, 8000);
    assert_eq!(full().await, 1);

    let stranger = project(9, "stranger");
    let error = reserve(&stranger, "web", PortPurpose::Public).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "project", .. }), "{error}");
    let nowhere = store
        .reserve_port(&local(9).id, &books.id, "x", PortPurpose::Public.into(), &listening, at(0))
        .await
        .unwrap_err();
    assert!(matches!(nowhere, Error::NotFound { what: "server", .. }), "{nowhere}");
}

async fn an_exhausted_range_says_what_is_in_the_way(place: &Place) {
    let store = place.open().await;
    let (notes, server) = placed_project(&store, 1, "notes").await;
    let listening: BTreeSet<u16> = (8001..=9999).collect();
    let reserve = async |service: &str| {
        store.reserve_port(&server.id, &notes.id, service, PortPurpose::Public.into(), &listening, at(0)).await
    };
    assert_eq!(reserve("a").await.unwrap().port, 8000);
    let error = reserve("b").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no port from 8000 to 9999 is free on server `local`: 1 reserved, 1999 in use by others"
    );
    assert_eq!(error.kind(), Kind::Preflight);
    assert_eq!(reserve("a").await.unwrap().port, 8000);
}

async fn agents_gain_versions_and_a_stale_author_is_told(place: &Place) {
    let store = place.open().await;
    let (tester, architect) = (AgentName::parse("tester").unwrap(), AgentName::parse("architect").unwrap());
    let files = [(tester.clone(), "id: tester\n"), (architect.clone(), ODD)];
    assert_eq!(store.seed_agents(&files, at(1)).await.unwrap(), 2);
    assert_eq!(store.seed_agents(&files, at(2)).await.unwrap(), 0);

    let second = store.add_agent_version(&tester, Some(1), ODD, "edit", at(3)).await.unwrap();
    assert_eq!((second.version, second.text.as_str(), second.created_at), (2, ODD, at(3)));
    let error = store.add_agent_version(&tester, Some(1), "late", "edit", at(4)).await.unwrap_err();
    assert_eq!(error.to_string(), "agent `tester` changed meanwhile: expected version 1, found version 2");
    let error = store.add_agent_version(&tester, None, "late", "import", at(4)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let fresh = AgentName::parse("critic").unwrap();
    let error = store.add_agent_version(&fresh, Some(1), "x", "edit", at(4)).await.unwrap_err();
    assert_eq!(error.to_string(), "agent `critic` changed meanwhile: expected version 1, found no version");
    store.add_agent_version(&fresh, None, "x", "import", at(5)).await.unwrap();

    assert_eq!(store.agent(&tester).await.unwrap().as_ref(), Some(&second));
    assert_eq!(store.agent(&AgentName::parse("nobody").unwrap()).await.unwrap(), None);
    let newest = store.agents().await.unwrap();
    let newest: Vec<_> = newest.iter().map(|agent| (agent.agent.as_str(), agent.version)).collect();
    assert_eq!(newest, [("architect", 1), ("critic", 1), ("tester", 2)]);
    assert_eq!(store.agent_version(&tester, 1).await.unwrap().unwrap().text, "id: tester\n");
    assert_eq!(store.agent_version(&architect, 1).await.unwrap().unwrap().text, ODD);
    assert_eq!(store.agent_version(&tester, 3).await.unwrap(), None);
    let history = store.agent_history(&tester).await.unwrap();
    assert_eq!(history.iter().map(|agent| agent.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(history[1].origin, "built-in");
}

fn deployment(number: u32, project: &cgo::domain::ids::ProjectId, server: &cgo::domain::ids::ServerId) -> Deployment {
    Deployment {
        release: release_id(number),
        project: project.clone(),
        server: server.clone(),
        run: super::run_id(1),
        commit: "0".repeat(40),
        slot: if number.is_multiple_of(2) { Slot::Blue } else { Slot::Green },
        status: DeploymentStatus::Pending,
        reason: None,
        created_at: at(i64::from(number)),
        updated_at: at(i64::from(number)),
    }
}

async fn one_release_is_active_and_the_one_before_retires(place: &Place) {
    let store = place.open().await;
    let (notes, server) = placed_project(&store, 1, "notes").await;
    let (books, _) = placed_project(&store, 2, "books").await;
    let first = deployment(1, &notes.id, &server.id);
    let error = store.create_deployment(&first).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "run", .. }), "{error}");
    store.create_run(&run(1)).await.unwrap();
    store.create_deployment(&first).await.unwrap();
    store.create_deployment(&Deployment { commit: "1".repeat(40), ..first.clone() }).await.unwrap();
    assert_eq!(store.deployment(&first.release).await.unwrap(), Some(first.clone()));
    assert_eq!(store.deployment(&release_id(7)).await.unwrap(), None);
    assert_eq!(store.active_deployment(&notes.id).await.unwrap(), None);
    let other = deployment(5, &books.id, &server.id);
    store.create_deployment(&other).await.unwrap();
    store.activate_deployment(&other.release, std::slice::from_ref(&server.id), at(10)).await.unwrap();

    store.activate_deployment(&first.release, std::slice::from_ref(&server.id), at(10)).await.unwrap();
    store.activate_deployment(&first.release, std::slice::from_ref(&server.id), at(11)).await.unwrap();
    let active = store.active_deployment(&notes.id).await.unwrap().unwrap();
    assert_eq!((active.release, active.updated_at), (first.release.clone(), at(10)));

    let second = deployment(2, &notes.id, &server.id);
    store.create_deployment(&second).await.unwrap();
    let error = store.set_deployment_status(&second.release, DeploymentStatus::Active, None, at(12)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    store.activate_deployment(&second.release, std::slice::from_ref(&server.id), at(13)).await.unwrap();
    let statuses = async || {
        let deployments = store.deployments(&notes.id).await.unwrap();
        deployments.iter().map(|one| (one.release.clone(), one.status)).collect::<Vec<_>>()
    };
    assert_eq!(
        statuses().await,
        [(second.release.clone(), DeploymentStatus::Active), (first.release.clone(), DeploymentStatus::Retired)]
    );
    // Back to the one before.
    store.activate_deployment(&first.release, std::slice::from_ref(&server.id), at(14)).await.unwrap();
    assert_eq!(store.active_deployment(&notes.id).await.unwrap().unwrap().release, first.release);
    assert_eq!(store.active_deployment(&books.id).await.unwrap().unwrap().release, other.release);

    let third = deployment(3, &notes.id, &server.id);
    store.create_deployment(&third).await.unwrap();
    store.set_deployment_status(&third.release, DeploymentStatus::Failed, Some(ODD), at(15)).await.unwrap();
    let failed = store.deployment(&third.release).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.reason.as_deref()), (DeploymentStatus::Failed, Some(ODD)));
    let error = store.activate_deployment(&third.release, std::slice::from_ref(&server.id), at(16)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let error = store.activate_deployment(&release_id(9), std::slice::from_ref(&server.id), at(16)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "release", .. }), "{error}");
    let error = store.set_deployment_status(&release_id(9), DeploymentStatus::Failed, None, at(16)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: "release", .. }), "{error}");
}

async fn a_text_with_a_nul_character_is_refused_whatever_the_engine(place: &Place) {
    let store = place.open().await;
    let mut notes = project(1, "notes");
    notes.description = "before\0after".into();
    let error = store.create_project(&notes).await.unwrap_err();
    assert_eq!(error.to_string(), "a text with a NUL character cannot be stored: `before\\0after`");
    assert_eq!(store.projects().await.unwrap(), []);
    assert!(store.server_by_handle("a\0b").await.is_err());
}

async fn an_unknown_value_in_a_row_is_named(place: &Place) {
    let store = place.open().await;
    let (notes, _) = placed_project(&store, 1, "notes").await;
    place.meddle("update project set status = 'half \n built'").await;
    let error = store.project(&notes.id).await.unwrap_err();
    assert_eq!(error.to_string(), "the store holds `half \\n built` in `project.status`, which cgo does not know");
    assert_eq!(error.kind(), Kind::User);
    place.meddle("update project set status = 'built', modules = '[\"moon\"]'").await;
    let error = store.projects().await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { table: "project", column, .. } if column == "modules"), "{error}");
    place.meddle("update server set id = 'srv-x'").await;
    let error = store.servers().await.unwrap_err();
    assert!(matches!(&error, Error::Corrupt { table: "server", column, .. } if column == "id"), "{error}");
}
