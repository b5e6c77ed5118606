//! Incidents: found, opened once, mended within bounds, and over when their cause is gone.

use cgo::domain::ids::{IncidentId, ProjectId};
use cgo::domain::incident::{IncidentEventKind, IncidentKind, IncidentStatus};
use cgo::domain::server::{PortPurpose, SILENT_FOR_MS, ServerStatus};
use cgo::ops::incidents::check::check;
use cgo::ops::incidents::recover::{NEW_MS, RESTARTS, Recovery, recover};
use cgo::ops::incidents::{self, Report};
use cgo::ops::{leases, servers};
use cgo::store::{Leases as _, Placements as _, Ports as _, Projects as _, Seen, Servers as _};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

use crate::placement::{Desk, facts, release, release_at};
use crate::support::env::{TestEnv, get, tools_are_here};

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_one_incident_and_is_left_alone() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let setup = desk.server("web-2", ServerStatus::PendingSetup, &facts(3000)).await;
    let round = check(&desk.context, &never()).await.unwrap();
    assert_eq!(round.opened.len(), 1, "{round:?}");
    let incident = &round.opened[0];
    assert_eq!((incident.kind, incident.server.as_ref()), (IncidentKind::ServerUnreachable, Some(&web)));
    assert!(incident.title.contains("`web-1` does not answer, asked twice"), "{}", incident.title);
    assert!(incident.details.contains("connection refused"), "{}", incident.details);
    let status = async |id| desk.context.store.server(id).await.unwrap().unwrap().status;
    assert_eq!(status(&web).await, ServerStatus::Ready, "one round is no dead server");
    let again = check(&desk.context, &never()).await.unwrap();
    assert_eq!((again.opened.len(), again.standing.len(), again.standing[0].reports), (0, 1, 2), "{again:?}");
    assert_eq!(again.standing[0].id, incident.id);
    assert_eq!(status(&web).await, ServerStatus::Ready, "looks within seconds are one short outage");
    let later = desk.context.now().plus_ms(SILENT_FOR_MS);
    let seen = Seen { server: web.clone(), at: later, problem: Some("no route".to_owned()), facts: None };
    desk.context.store.note_checks(&[seen]).await.unwrap();
    assert_eq!((status(&web).await, status(&setup).await), (ServerStatus::Unreachable, ServerStatus::PendingSetup));
    let (shop, wish, cancel) = (desk.project("shop").await, "web-1".parse().unwrap(), never());
    let refused = cgo::ops::placement::place(&desk.context, &shop, Some(&wish), &cancel).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("`web-1`: it is unreachable"), "{refused}");
    let person = recover(&desk.context, &incident.id, &never()).await.unwrap();
    assert!(matches!(&person, Recovery::Person { what, .. } if what.contains("at its provider")), "{person:?}");
    incidents::resolve(&desk.context, &incident.id, "moved").await.unwrap();
    let over = recover(&desk.context, &incident.id, &never()).await.unwrap();
    assert!(matches!(over, Recovery::Over(_)), "{over:?}");
}

#[tokio::test]
async fn what_stands_on_a_server_in_maintenance_is_not_looked_at() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let project = desk.project("shop").await;
    let now = desk.context.now();
    let placed =
        desk.context.store.place(&project.id, std::slice::from_ref(&web), 1, 1, &|_| Ok(vec![web.clone()]), now).await;
    placed.unwrap().unwrap();
    release(&desk.context, &project, &web, 1).await;
    let deployed = cgo::domain::project::ProjectStatus::Deployed;
    desk.context.store.set_project_status(&project.id, deployed, desk.context.now()).await.unwrap();
    let name = cgo::domain::names::ServerName::parse("web-1").unwrap();
    servers::standing::maintenance(&desk.context, &name, true).await.unwrap();
    let round = check(&desk.context, &never()).await.unwrap();
    assert_eq!((round.opened.len(), round.unknown.len()), (0, 0), "{round:?}");
    servers::standing::maintenance(&desk.context, &name, false).await.unwrap();
    let round = check(&desk.context, &never()).await.unwrap();
    assert_eq!(round.opened.len(), 1, "{round:?}");
}

#[tokio::test]
async fn a_service_whose_server_is_silent_is_not_known_and_opens_nothing() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Ready, &facts(3000)).await;
    let project = desk.project("shop").await;
    let now = desk.context.now();
    let placed =
        desk.context.store.place(&project.id, std::slice::from_ref(&web), 1, 1, &|_| Ok(vec![web.clone()]), now).await;
    placed.unwrap().unwrap();
    release(&desk.context, &project, &web, 1).await;
    desk.context
        .store
        .reserve_port(&web, &project.id, "api", PortPurpose::Public.into(), &[].into(), desk.context.now())
        .await
        .unwrap();
    desk.context
        .store
        .set_project_status(&project.id, cgo::domain::project::ProjectStatus::Deployed, desk.context.now())
        .await
        .unwrap();
    let round = check(&desk.context, &never()).await.unwrap();
    let kinds: Vec<IncidentKind> = round.opened.iter().map(|incident| incident.kind).collect();
    assert_eq!(kinds, [IncidentKind::ServerUnreachable], "{round:?}");
    assert!(round.unknown.iter().any(|why| why.contains("`shop`")), "{round:?}");
}

async fn down(desk: &Desk, project: &ProjectId) -> IncidentId {
    let name = desk.context.store.project(project).await.unwrap().unwrap().name;
    let report = Report {
        kind: IncidentKind::ServiceDown,
        project: Some(name),
        server: None,
        service: None,
        title: "down".to_owned(),
        details: String::new(),
        run: None,
    };
    let incident = incidents::prepare(&desk.context, report).await.unwrap();
    incidents::open(&desk.context, &incident).await.unwrap().id
}

#[tokio::test]
async fn restarts_are_few_and_counted_for_the_cause_and_then_comes_the_release_before_once() {
    let desk = Desk::new().await;
    let local = servers::local(&desk.context).await.unwrap().id;
    let project = desk.project("shop").await;
    let first = release(&desk.context, &project, &local, 1).await;
    release(&desk.context, &project, &local, 2).await;
    // Its files are there to go back to.
    let folder = cgo::ops::deploy::release_folder(&desk.context, &project, &first);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(cgo::ops::deploy::steps::COMPLETE), "").unwrap();

    let mut id = down(&desk, &project.id).await;
    for number in 1..=RESTARTS {
        // The service has no port: it cannot be restarted.
        let came = recover(&desk.context, &id, &never()).await.unwrap();
        assert!(matches!(&came, Recovery::Restarted { problem: Some(_), .. }), "{number}: {came:?}");
        if number == 2 {
            // Ended and reported anew, it is the same cause, and its restarts count.
            incidents::resolve(&desk.context, &id, "hoped").await.unwrap();
            id = down(&desk, &project.id).await;
        }
    }
    let back = recover(&desk.context, &id, &never()).await.unwrap();
    assert!(matches!(&back, Recovery::Revert { release, .. } if *release == first), "{back:?}");
    let person = recover(&desk.context, &id, &never()).await.unwrap();
    assert!(matches!(&person, Recovery::Person { what, .. } if what.contains("cgo project logs shop")), "{person:?}");
    let (incident, events) = incidents::show(&desk.context, &id).await.unwrap();
    assert_eq!(incident.status, IncidentStatus::Open);
    let kinds: Vec<IncidentEventKind> = events.iter().map(|event| event.kind).collect();
    let wanted = [IncidentEventKind::Restart, IncidentEventKind::Outcome, IncidentEventKind::Revert];
    assert_eq!(kinds, wanted);
}

#[tokio::test]
async fn a_release_that_served_for_long_is_not_gone_back_from() {
    let desk = Desk::new().await;
    let local = servers::local(&desk.context).await.unwrap().id;
    let project = desk.project("shop").await;
    let long_ago = desk.context.now().plus_ms(-NEW_MS - 60_000);
    let old = release_at(&desk.context, &project, &local, 1, long_ago).await;
    release_at(&desk.context, &project, &local, 2, long_ago).await;
    let folder = cgo::ops::deploy::release_folder(&desk.context, &project, &old);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(cgo::ops::deploy::steps::COMPLETE), "").unwrap();
    let id = down(&desk, &project.id).await;
    for _ in 0..RESTARTS {
        recover(&desk.context, &id, &never()).await.unwrap();
    }
    let person = recover(&desk.context, &id, &never()).await.unwrap();
    assert!(matches!(person, Recovery::Person { .. }), "{person:?}");
}

#[test]
fn a_service_that_died_is_found_restarted_and_the_incident_ends_by_itself() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    let made = env.json(["project", "new", "a notes API with title"]);
    let url = made["url"].as_str().unwrap().to_owned();
    let good = env.json(["incidents", "check"]);
    assert_eq!(good["opened"].as_array().map(Vec::len), Some(0), "{good}");

    strike(&env);
    let found = env.run(["incidents", "check", "--json"]);
    assert_eq!(found.code, Some(8), "{}", found.stderr);
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let incident = &found["data"]["opened"][0];
    assert_eq!(incident["kind"], "service_down", "{found}");
    assert!(incident["details"].as_str().unwrap().contains("its processes: "), "{incident}");
    let id = incident["id"].as_str().unwrap().to_owned();
    assert_eq!(env.json(["incidents", "list"])["incidents"][0]["id"], id.as_str());

    let mended = env.json(["incidents", "recover", &id]);
    assert_eq!(mended["incident"]["status"], "resolved", "{mended}");
    assert_eq!(get(&format!("{url}/health")).0, 200);
    let shown = env.ok(["incidents", "show", &id]).stdout;
    assert!(shown.contains("restart: restart of `notes-api`") && shown.contains("closed: "), "{shown}");

    // What comes back by itself ends its incident at the next look.
    strike(&env);
    assert_eq!(env.run(["incidents", "check"]).code, Some(8));
    env.ok(["project", "start", "notes-api"]);
    let over = env.json(["incidents", "check"]);
    assert_eq!(over["closed"].as_array().map(Vec::len), Some(1), "{over}");
    // One that a person stopped is not broken.
    env.ok(["project", "stop", "notes-api"]);
    assert_eq!(env.json(["incidents", "check"])["opened"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_service_whose_restart_fails_is_still_meant_to_run_and_found_broken() {
    if !tools_are_here() {
        return;
    }
    let env = TestEnv::deploying();
    env.json(["project", "new", "a notes API with title"]);
    strike(&env);
    let found = |sort: &str| {
        let ran = env.run(["incidents", "check", "--json"]);
        assert_eq!(ran.code, Some(8), "{}", ran.stderr);
        let round: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        round["data"][sort][0]["id"].as_str().unwrap_or_else(|| panic!("{round}")).to_owned()
    };
    let id = found("opened");

    // What it needs is out of the way: it cannot be started.
    let releases = env.data().join("servers/local/apps/notes-api/production/releases");
    let release = std::fs::read_dir(&releases).unwrap().next().unwrap().unwrap().path();
    std::fs::rename(release.join("environment"), release.join("aside")).unwrap();
    let failed = env.run(["incidents", "recover", &id, "--json"]);
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
    assert!(failed.stdout.contains("does not answer"), "{}", failed.stdout);
    let project = env.json(["project", "list"])["projects"][0].clone();
    assert_eq!(project["status"], "deployed", "{project}");
    assert_eq!(found("standing"), id);

    std::fs::rename(release.join("aside"), release.join("environment")).unwrap();
    let mended = env.json(["incidents", "recover", &id]);
    assert_eq!(mended["incident"]["status"], "resolved", "{mended}");
}

/// Kills everything that keeps this test's application running, the supervisor first.
fn strike(env: &TestEnv) {
    let apps = env.data().join("servers").display().to_string();
    let told = |pid: u32, what: &str| std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let ours =
        |pid: u32| ["cmdline", "environ"].iter().any(|what| String::from_utf8_lossy(&told(pid, what)).contains(&apps));
    let mut pids: Vec<u32> = cgo::exec::identity::pids().into_iter().filter(|pid| ours(*pid)).collect();
    pids.sort_by_key(|pid| !String::from_utf8_lossy(&told(*pid, "cmdline")).contains("supervise"));
    assert!(!pids.is_empty(), "nothing runs");
    for pid in pids {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // One that ended meanwhile is gone already.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[tokio::test]
async fn a_server_that_another_process_sets_up_is_not_removed() {
    let desk = Desk::new().await;
    let web = desk.server("web-1", ServerStatus::Provisioning, &facts(3000)).await;
    let name = cgo::domain::names::ServerName::parse("web-1").unwrap();
    let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let started = cgo::exec::identity::Identity::of(other.id()).unwrap().started;
    let holder = cgo::domain::run::Holder { pid: other.id(), started, ..desk.context.holder.clone() };
    let (resource, now) = (leases::server_resource("web-1"), desk.context.now());
    desk.context.store.acquire(&resource, &holder, "a set-up", 60_000, now, &leases::is_dead).await.unwrap();
    let removed = servers::add::remove(&desk.context, &name).await;
    let refused = removed.unwrap_err().to_string();
    assert!(refused.contains("a set-up"), "{refused}");
    assert!(desk.context.store.server(&web).await.unwrap().is_some());
    // It was killed, and its machine knows.
    other.kill().unwrap();
    other.wait().unwrap();
    servers::add::remove(&desk.context, &name).await.unwrap();
    assert_eq!(desk.context.store.server(&web).await.unwrap(), None);
}
