//! People: let in, refused and counted, each with what is theirs; the same for every front end, because use cases ask.

use cgo::domain::diagnose::{Diagnose as _, Kind};
use cgo::domain::ids::{AskId, UserId};
use cgo::domain::names::{AgentName, ProjectName};
use cgo::domain::project::{Project, ProjectStatus};
use cgo::domain::request::Rollout;
use cgo::domain::run::{Ask, Batch, EventRow, NewProject, Question, Request, Run, RunStatus, Wait};
use cgo::domain::secret::Secret;
use cgo::domain::server::PortPurpose;
use cgo::domain::spec::{Language, Module, ProjectMeta, Spec};
use cgo::domain::state::Patch;
use cgo::domain::user::{Actor, Identity, Owner, Person, Right, Role, User, UserName};
use cgo::graph::progress::Event;
use cgo::ops::approvals::{self, Press, Refusal};
use cgo::ops::runs::{self, Reply};
use cgo::ops::users::{self, Error as Refused};
use cgo::ops::{self, Context, Error, leases, projects, servers};
use cgo::pipeline::{runner, tape};
use cgo::store::{self, Leases, Projects, Queue, Runs, Store, Users};
use sqlx::ConnectOptions as _;
use tokio_util::sync::CancellationToken;

use crate::placement::Desk;
use crate::support::env::TestEnv;
use crate::support::projects::built;

pub fn somebody(id: i64, called: &str) -> Actor {
    Actor::Somebody { identity: Identity::Telegram(id), called: called.to_owned() }
}

pub async fn user(context: &Context, name: &str, role: Role, id: i64) -> User {
    let name = UserName::parse(name).unwrap();
    users::add(context, name, role, vec![Identity::Telegram(id)], None).await.unwrap()
}

pub async fn owned(desk: &Desk, name: &str, owner: &User) -> Project {
    let project = desk.project(name).await;
    let project = Project { owner: Some(owner.id.clone()), ..project };
    desk.context.store.update_project(&project).await.unwrap();
    project
}

pub fn new_project(context: &Context, text: &str) -> Request {
    Request::NewProject(Box::new(NewProject {
        text: text.to_owned(),
        name: None,
        folder: None,
        parent: context.data.display().to_string(),
        spec: None,
        until: Some(AgentName::parse("product_owner").unwrap()),
        deploy: false,
        server: None,
        github: None,
        assume: false,
        open: false,
        earlier: Vec::new(),
        models: cgo::domain::provider::ModelChoice::default(),
        coders: cgo::domain::coder::CoderChoice::default(),
        cassette: None,
    }))
}

/// A run that waits for something, as a worker leaves it.
pub async fn waiting(context: &Context, request: Request, wait: Wait, question: &str) -> (Run, Ask) {
    let question = Question { id: question.to_owned(), text: "May it?".to_owned(), choices: vec![], assumption: None };
    waiting_for(context, request, wait, question).await
}

/// A run that waits for an answer to this question.
pub async fn waiting_for(context: &Context, request: Request, wait: Wait, question: Question) -> (Run, Ask) {
    let run = runner::create(context, request).await.unwrap();
    let now = context.now();
    let resource = leases::run_resource(&run.id);
    let (holder, is_dead) = (&context.holder, &leases::is_dead);
    let lease = context.store.acquire(&resource, holder, run.id.as_str(), 60_000, now, is_dead).await.unwrap();
    let ask = Ask {
        id: AskId::new(now, ops::random()),
        run: run.id.clone(),
        wait,
        questions: vec![question],
        answer: None,
        created_at: now,
        deadline: None,
    };
    let status = match wait {
        Wait::Input => RunStatus::WaitingInput,
        Wait::Approval => RunStatus::WaitingApproval,
        Wait::Secret => RunStatus::WaitingSecret,
        Wait::Capacity => RunStatus::WaitingCapacity,
    };
    let node = AgentName::parse("product_owner").unwrap();
    let (asked, questions) = (ask.id.clone(), ask.questions.clone());
    let told = [
        Event::TakenUp { by: "a worker".to_owned() },
        Event::Routed { to: vec![node.clone()] },
        Event::NodeStarted { visit: 1, node: node.clone(), from: None },
        Event::Asked { visit: 1, agent: node, patch: Patch::default(), ask: asked, wait, questions },
    ];
    let rows = (run.seq + 1..).zip(&told).map(|(seq, event)| {
        let body = serde_json::to_string(event).unwrap();
        EventRow { seq, at: now, kind: event.kind().to_owned(), body }
    });
    let events = rows.collect();
    let batch = Batch { events, status: Some((status, None)), ask: Some(ask.clone()), ..Batch::default() };
    context.store.append(&lease, &run.id, &batch, now).await.unwrap();
    context.store.release(&lease).await.unwrap();
    (runs::find(context, run.id.as_str()).await.unwrap(), ask)
}

#[test]
fn people_are_added_listed_changed_and_removed_and_the_last_admin_stays() {
    let env = TestEnv::new();
    let list = env.json(["users", "list"]);
    assert_eq!((&list["users"], &list["operator"]), (&serde_json::json!([]), &cgo::app::user().into()));

    env.ok(["users", "add", "Anna", "--identity", "telegram:42", "--role", "admin", "--language", "ru"]);
    env.ok(["users", "add", "Bob", "--identity", "telegram:43"]);
    let twice = env.run(["users", "add", "Carl", "--identity", "telegram:43"]);
    assert_eq!(twice.code, Some(1), "{}", twice.stderr);
    assert!(twice.stderr.contains("the identity `telegram:43` is somebody's already"), "{}", twice.stderr);
    for bad in ["telegram:-100200", "telegram:x", "mail:a@b", "42"] {
        assert_eq!(env.run(["users", "add", "Carl", "--identity", bad]).code, Some(2), "{bad}: a chat is no person");
    }
    env.ok(["users", "set", "Bob", "--quiet-hours", "22:00-08:00", "--time-zone", "Europe/Berlin", "--chat", "-5"]);
    for (flag, bad) in [("--quiet-hours", "25:00-1:00"), ("--chat", "here")] {
        assert_eq!(env.run(["users", "set", "Bob", flag, bad]).code, Some(2), "{flag} {bad}");
    }
    let nowhere = env.run(["users", "set", "Bob", "--quiet-hours", "22-8", "--time-zone", "Middle/Earth"]);
    assert!(nowhere.stderr.contains("`Middle/Earth` is not a time zone"), "{}", nowhere.stderr);
    let list = env.json(["users", "list"]);
    assert_eq!(list["users"][1]["quiet"]["from"], 22 * 60, "{list}");
    assert_eq!((&list["users"][0]["chat"], &list["users"][1]["chat"]), (&42.into(), &(-5).into()), "{list}");

    for last in [&["users", "remove", "Anna", "--yes"][..], &["users", "role", "Anna", "member"]] {
        let refused = env.run(last);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("`Anna` is the last admin"), "{}", refused.stderr);
    }
    assert_eq!(env.run(["users", "remove", "Bob"]).code, Some(4), "a person has to confirm");
    env.ok(["users", "role", "Bob", "admin"]);
    env.ok(["users", "remove", "Anna", "--yes"]);
    let gone = env.run(["users", "role", "Anna", "member"]);
    assert!(gone.stderr.contains("there is no user `Anna`\nhint: the users are Bob"), "{}", gone.stderr);
}

#[tokio::test]
async fn an_invitation_lets_one_person_in_once_and_its_code_is_not_kept() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let (_, code) = users::invite(context, Role::Member, None, users::INVITED_FOR_MS).await.unwrap();
    assert!(code.len() >= 26 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "it fits a link: {code}");
    let listed = format!("{:?}", users::list(context).await.unwrap());
    assert!(!listed.contains(&code), "the code is told once");

    let wrong = users::redeem(context, "0123456789abcdefghjkmnpqrs", &Identity::Telegram(7), "Eve").await.unwrap_err();
    assert!(matches!(wrong, Error::User(Refused::NotInvited)), "{wrong}");
    assert_eq!(users::list(context).await.unwrap().strangers[0].attempts, 1, "who tries codes is counted");

    let anna = users::redeem(context, &code, &Identity::Telegram(42), "Anna\u{202e}").await.unwrap();
    assert_eq!((anna.name.as_str(), anna.role, anna.chat), ("Anna", Role::Member, Some(42)));
    let again = users::redeem(context, &code, &Identity::Telegram(8), "Bob").await.unwrap_err();
    assert!(matches!(again, Error::User(Refused::InvitationUsed)), "{again}");

    let (_, second) = users::invite(context, Role::Member, None, users::INVITED_FOR_MS).await.unwrap();
    let namesake = users::redeem(context, &second, &Identity::Telegram(9), "Anna").await.unwrap();
    assert_eq!(namesake.name.as_str(), "Anna 2", "two people may be called the same");
    let (_, over) = users::invite(context, Role::Admin, None, 0).await.unwrap();
    let late = users::redeem(context, &over, &Identity::Telegram(10), "Eve").await.unwrap_err();
    assert!(matches!(late, Error::User(Refused::InvitationOver)), "{late}");
}

#[tokio::test]
async fn nobody_comes_to_a_name_that_has_rights_by_calling_themselves_so() {
    let desk = Desk::new().await;
    let approvers = vec!["Root".to_owned(), "Tester 2".to_owned()];
    let context = &Context { approvers, ..desk.context.clone() };
    let join = async |name: Option<&str>, id: i64, called: &str| {
        let name = name.map(|name| UserName::parse(name).unwrap());
        let (_, code) = users::invite(context, Role::Member, name, users::INVITED_FOR_MS).await.unwrap();
        users::redeem(context, &code, &Identity::Telegram(id), called).await.unwrap()
    };
    let eve = join(None, 1, "Root").await;
    assert_eq!(eve.name.as_str(), "Root 2", "the settings name `Root`");
    assert_eq!(join(None, 2, "tester").await.name.as_str(), "tester 3", "so the operator is called, and an approver");
    let as_eve = context.acting_as(Person::of(&eve));
    let (_, ask) = waiting(&as_eve, new_project(context, "books"), Wait::Approval, "approve").await;
    let press = approvals::press(context, &ask.id).await.unwrap();
    let reply = || Reply { approved: true, texts: Vec::new(), by: None };
    let (who, cancel) = (somebody(1, "Root"), CancellationToken::new());
    let refused = tape::press(context, &who, &press, reply(), &cancel).await.unwrap_err();
    assert!(matches!(refused, tape::Unanswered::Refused(Refusal::NotAllowed { .. })), "{refused:?}");

    assert_eq!(join(Some("Root"), 3, "Eve").await.name.as_str(), "Root", "who invites them may say so");
    let operator = UserName::parse("TESTER").unwrap();
    let taken = users::add(context, operator, Role::Admin, Vec::new(), None).await.unwrap_err();
    assert!(matches!(taken, Error::Store(store::Error::PersonTaken { what: "name", .. })), "{taken}");
}

#[tokio::test]
async fn strangers_are_refused_and_counted_and_an_empty_list_admits_nobody() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let eve = somebody(666, "Eve\n[admin](x)");
    for times in 1..=3 {
        let refused = users::authorize(context, &eve, Right::Create, None).await.unwrap_err();
        let Refused::Stranger { identity, attempts } = &refused else { panic!("{refused}") };
        assert_eq!((identity.to_string().as_str(), *attempts), ("telegram:666", times), "their id is shown");
        assert_eq!((refused.kind(), refused.is_refusal()), (Kind::User, true));
    }
    let seen = users::list(context).await.unwrap().strangers;
    assert_eq!((seen.len(), seen[0].attempts, seen[0].called.as_str()), (1, 3, "Eve[admin](x)"));
    let operator = users::authorize(context, &Actor::Operator, Right::Administer, None).await.unwrap();
    assert_eq!(operator, Person::operator("tester"));

    user(context, "Eve", Role::Member, 666).await;
    users::authorize(context, &eve, Right::Create, None).await.unwrap();
    assert_eq!(users::list(context).await.unwrap().strangers, [], "who is let in is a stranger no more");
}

#[tokio::test]
async fn an_identity_that_cannot_be_looked_up_is_refused() {
    let desk = Desk::new().await;
    let context = &desk.context;
    user(context, "Anna", Role::Admin, 42).await;
    context.store.clone().close().await;
    let refused = users::authorize(context, &somebody(42, "Anna"), Right::See, None).await.unwrap_err();
    assert!(matches!(refused, Refused::Lookup { .. }) && refused.is_refusal(), "{refused:?}");
}

#[tokio::test]
async fn a_member_sees_and_changes_what_is_theirs_and_learns_nothing_of_others() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let bob = user(context, "Bob", Role::Member, 43).await;
    let (hers, his) = (owned(&desk, "hers", &anna).await, owned(&desk, "his", &bob).await);
    desk.project("operators").await;
    let as_anna = context.acting_as(Person::of(&anna));

    let seen: Vec<String> = projects::list(&as_anna).await.unwrap().iter().map(|p| p.name.to_string()).collect();
    assert_eq!(seen, ["hers"]);
    let hidden = projects::by_name(&as_anna, &his.name).await.unwrap_err();
    let missing = projects::by_name(&as_anna, &ProjectName::parse("nothing").unwrap()).await.unwrap_err();
    assert_eq!(hidden.to_string().replace("his", "X"), missing.to_string().replace("nothing", "X"));
    let Error::NoSuchProject { known, .. } = &hidden else { panic!("{hidden}") };
    assert_eq!(known, &["hers"], "no names of others are told");

    let rollback = |project: &Project| Request::Rollback {
        project: project.name.clone(),
        release: None,
        rollout: Rollout::default(),
    };
    let own = runner::create(&as_anna, rollback(&hers)).await.unwrap();
    assert_eq!(own.asked_by, Some(anna.id.clone()));
    let foreign = runner::create(context, rollback(&his)).await.unwrap();
    runner::create(&as_anna, rollback(&his)).await.unwrap_err();
    let listed: Vec<_> = runs::list(&as_anna, 9).await.unwrap().into_iter().map(|view| view.run.id).collect();
    assert_eq!(listed, std::slice::from_ref(&own.id));
    let hidden = runs::find(&as_anna, foreign.id.as_str()).await.unwrap_err();
    assert!(matches!(hidden, Error::NoSuchRun(_)), "{hidden}");

    let cancel = CancellationToken::new();
    let event = || runner::cancelled("Anna");
    let forbidden = |error: Error| assert!(matches!(error, Error::User(Refused::Forbidden { .. })), "{error}");
    forbidden(runs::cancel(&as_anna, &foreign, event()).await.unwrap_err());
    forbidden(runs::fork(&as_anna, &foreign, 1).await.unwrap_err());
    forbidden(ops::services::stop(&as_anna, &his, &cancel).await.unwrap_err());
    forbidden(ops::services::start(&as_anna, &his, &cancel).await.unwrap_err());
    forbidden(ops::services::logs(&as_anna, &his, 5, &cancel).await.unwrap_err());
    let removal = ops::removal::plan(context, &his, false).await.unwrap();
    forbidden(ops::removal::remove(&as_anna, &his, &removal, &event()).await.unwrap_err());
    forbidden(users::list(&as_anna).await.unwrap_err());
    forbidden(users::set_role(&as_anna, "Anna", Role::Admin).await.unwrap_err());
    forbidden(users::invite(&as_anna, Role::Admin, None, 1).await.unwrap_err());
    forbidden(users::set(&as_anna, &bob, users::Wishes::default()).await.unwrap_err());
    let everything = ops::costs::Of::default();
    forbidden(ops::costs::totals(&as_anna, cgo::domain::ledger::Dimension::Project, everything).await.unwrap_err());
    let agent = cgo::domain::names::AgentName::parse("developer").unwrap();
    forbidden(ops::agents::save(&as_anna, &agent, 0, "", "x").await.unwrap_err());

    users::set(&as_anna, &anna, users::Wishes { chat: Some(Some(5)), ..Default::default() }).await.unwrap();
    runs::cancel(&as_anna, &own, event()).await.unwrap();
    let over = runs::find(context, own.id.as_str()).await.unwrap();
    assert_eq!(over.reason.as_deref(), Some("cancelled by Anna"), "in the name of who did it");
    let worker = users::worker(context, &over).await.unwrap();
    assert_eq!(worker.person.user, Some(anna.id.clone()), "agents have the rights of who asked");
}

#[tokio::test]
async fn a_member_sees_of_servers_where_their_own_projects_are_and_looks_after_none() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let bob = user(context, "Bob", Role::Member, 43).await;
    let (hers, his) = (owned(&desk, "hers", &anna).await, owned(&desk, "his", &bob).await);
    let local = servers::local(context).await.unwrap();
    for project in [&hers, &his] {
        servers::reserve_port(context, &local, &project.id, "api", PortPurpose::Public).await.unwrap();
    }
    let as_anna = context.acting_as(Person::of(&anna));
    let seen = servers::list(&as_anna).await.unwrap();
    let all = servers::list(context).await.unwrap();
    assert_eq!((seen[0].projects, seen[0].ports.len()), (1, 1));
    assert_eq!((all[0].projects, all[0].ports.len()), (2, 2));

    let cancel = CancellationToken::new();
    let forbidden = |error: Error| assert!(matches!(error, Error::User(Refused::Forbidden { .. })), "{error}");
    forbidden(servers::check::check(&as_anna, &[], &cancel).await.unwrap_err());
    forbidden(servers::inventory::list(&as_anna).await.unwrap_err());
    forbidden(servers::inventory::host(&as_anna, &"web-1".parse().unwrap()).await.unwrap_err());
}

#[tokio::test]
async fn a_member_reads_and_sets_nothing_of_cgos_own_and_runs_of_theirs_have_their_agents_all_the_same() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let as_anna = context.acting_as(Person::of(&anna));
    let forbidden = |error: Error| assert!(matches!(error, Error::User(Refused::Forbidden { .. })), "{error}");

    let agent = AgentName::parse("developer").unwrap();
    forbidden(ops::agents::list(&as_anna).await.unwrap_err());
    forbidden(ops::agents::newest(&as_anna, &agent).await.unwrap_err());
    forbidden(ops::agents::version(&as_anna, &agent, 1).await.unwrap_err());
    forbidden(ops::agents::history(&as_anna, &agent).await.unwrap_err());
    assert_eq!(ops::agents::newest(context, &agent).await.unwrap().version, 1, "the operator has every right");
    let tools = cgo::pipeline::trial::tool_names();
    assert_eq!(ops::agents::ready(&as_anna, &agent, &tools).await.unwrap().id, agent);

    let (name, value) = ("TELEGRAM_TOKEN", Secret::new("canary".to_owned()));
    forbidden(ops::operator::set_secret(&as_anna, name, &value).await.unwrap_err());
    assert_eq!(ops::operator::secret(context, name).await.unwrap().map(|kept| kept.reveal().to_owned()), None);
    ops::operator::set_secret(context, name, &value).await.unwrap();
    forbidden(ops::operator::secret(&as_anna, name).await.unwrap_err());
    let kept = ops::operator::secret(context, name).await.unwrap().expect("it was set");
    assert_eq!(kept.reveal(), "canary");
}

#[tokio::test]
async fn a_project_is_made_and_described_by_whose_it_is_and_by_no_other_member() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let bob = user(context, "Bob", Role::Member, 43).await;
    let (hers, his) = (owned(&desk, "hers", &anna).await, owned(&desk, "his", &bob).await);
    let as_anna = context.acting_as(Person::of(&anna));
    let forbidden = |error: Error| assert!(matches!(error, Error::User(Refused::Forbidden { .. })), "{error}");
    let spec = Spec {
        project: ProjectMeta {
            name: hers.name.clone(),
            title: "Jam".to_owned(),
            description: "jars".to_owned(),
            language: Language::En,
        },
        modules: vec![Module::Backend],
        models: Vec::new(),
        domains: Vec::new(),
        features: Vec::new(),
    };

    forbidden(projects::describe(&as_anna, &his.id, &spec).await.unwrap_err());
    forbidden(projects::set_maintenance(&as_anna, &his, true).await.unwrap_err());
    let mine = Project { owner: Some(anna.id.clone()), ..built("mine", "", &context.data.join("mine")) };
    for owner in [None, Some(bob.id.clone())] {
        forbidden(projects::create(&as_anna, &Project { owner, ..mine.clone() }).await.unwrap_err());
    }
    let untouched = projects::by_id(context, &his.id).await.unwrap();
    assert_eq!((untouched.title.as_str(), untouched.status), ("", ProjectStatus::Built));

    projects::create(&as_anna, &mine).await.unwrap();
    projects::describe(&as_anna, &hers.id, &spec).await.unwrap();
    assert_eq!(projects::set_maintenance(&as_anna, &hers, true).await.unwrap(), ProjectStatus::Maintenance);
    projects::describe(context, &his.id, &spec).await.unwrap();
    for (id, title) in [(&mine.id, ""), (&hers.id, "Jam"), (&his.id, "Jam")] {
        assert_eq!(projects::by_id(context, id).await.unwrap().title, title);
    }
}

#[tokio::test]
async fn what_somebody_has_begun_ends_when_they_are_removed() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let hers = owned(&desk, "hers", &anna).await;
    let rollback = || Request::Rollback { project: hers.name.clone(), release: None, rollout: Rollout::default() };
    let own = runner::create(&context.acting_as(Person::of(&anna)), rollback()).await.unwrap();
    let other = runner::create(context, rollback()).await.unwrap();
    users::remove(context, "Anna", &runner::cancelled("Root")).await.unwrap();
    let status = async |run: &Run| runs::find(context, run.id.as_str()).await.unwrap().status;
    assert_eq!(status(&own).await, RunStatus::Cancelled, "it would go on with the operator's rights");
    assert_eq!(status(&other).await, RunStatus::Queued);
}

#[tokio::test]
async fn a_run_that_ends_while_its_person_is_removed_keeps_none_of_the_others_going() {
    let desk = Desk::new().await;
    std::fs::create_dir_all(&desk.context.data).unwrap();
    let url = format!("sqlite:{}", desk.context.data.join("cgo.db").display());
    let context = &Context { store: Store::open(&url).await.unwrap(), ..desk.context.clone() };
    let anna = user(context, "Anna", Role::Member, 42).await;
    let as_anna = context.acting_as(Person::of(&anna));
    let mut begun = Vec::new();
    for text in ["books", "films", "songs"] {
        begun.push(runner::create(&as_anna, new_project(context, text)).await.unwrap());
    }
    // The first one ends after it was looked for what has to be cancelled.
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let ends = "create trigger ends after delete on person begin update run set status = 'succeeded' \
                where number = (select min(number) from run); end";
    sqlx::query(ends).execute(&mut connection).await.unwrap();
    users::remove(context, "Anna", &runner::cancelled("Root")).await.unwrap();
    let mut stand = Vec::new();
    for run in &begun {
        stand.push(runs::find(context, run.id.as_str()).await.unwrap().status);
    }
    assert_eq!(stand, [RunStatus::Succeeded, RunStatus::Cancelled, RunStatus::Cancelled]);
}

#[tokio::test]
async fn a_removal_that_is_cut_short_leaves_no_run_that_goes_on_with_the_operators_rights() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let hers = owned(&desk, "hers", &anna).await;
    let as_anna = context.acting_as(Person::of(&anna));
    let rollback = Request::Rollback { project: hers.name.clone(), release: None, rollout: Rollout::default() };
    let queued = runner::create(&as_anna, rollback).await.unwrap();
    let (waits, _) = waiting(&as_anna, new_project(context, "books"), Wait::Input, "what").await;
    let over = runner::create(&as_anna, new_project(context, "films")).await.unwrap();
    runs::cancel(&as_anna, &over, runner::cancelled("Anna")).await.unwrap();
    let own = runner::create(context, new_project(context, "songs")).await.unwrap();
    // The process is killed once she is gone, before anything else is done.
    let unfinished = context.store.remove_user(&anna.id).await.unwrap();
    assert_eq!(unfinished.len(), 2, "{unfinished:?}");
    for run in [&queued, &waits] {
        let left = runs::find(context, run.id.as_str()).await.unwrap();
        assert_eq!((&left.asked_by, left.status), (&None, run.status));
        assert!(runs::cancel_wanted_by(context, &run.id).await.unwrap().is_some(), "nobody asked it to end");
        let worker = users::worker(context, &left).await.unwrap();
        assert!(!worker.person.may(Right::Operate, Owner::Operator), "{:?}", worker.person);
    }
    assert_eq!(runs::cancel_wanted_by(context, &own.id).await.unwrap(), None);
    assert_eq!(users::worker(context, &own).await.unwrap().person, Person::operator("tester"));
}

#[tokio::test]
async fn a_button_counts_for_those_who_were_asked_once_and_no_other() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    user(context, "Bob", Role::Member, 43).await;
    user(context, "Root", Role::Admin, 44).await;
    let as_anna = context.acting_as(Person::of(&anna));
    let (run, ask) = waiting(&as_anna, new_project(context, "books"), Wait::Approval, "approve").await;
    let (_, other) = waiting(&as_anna, new_project(context, "films"), Wait::Approval, "approve").await;
    let cancel = CancellationToken::new();
    let approve = || Reply { approved: true, texts: Vec::new(), by: None };
    let pressed = async |who: &Actor, press: &Press| tape::press(context, who, press, approve(), &cancel).await;
    let refusal = |error: tape::Unanswered| match error {
        tape::Unanswered::Refused(refusal) => refusal,
        failed @ tape::Unanswered::Failed(_) => panic!("{failed}"),
    };
    let (owner, colleague, stranger) = (somebody(42, "Anna"), somebody(43, "Bob"), somebody(666, "Anna"));

    let guessed = Press::parse(&format!("{}:0123456789abcdef", ask.id)).unwrap();
    let forged = refusal(pressed(&owner, &guessed).await.unwrap_err());
    assert!(matches!(forged, Refusal::Forged), "no button was shown yet: {forged}");
    let press = approvals::press(context, &ask.id).await.unwrap();
    assert_eq!(approvals::press(context, &ask.id).await.unwrap(), press, "everybody is shown the same");
    assert!(matches!(refusal(pressed(&owner, &guessed).await.unwrap_err()), Refusal::Forged));
    let elsewhere = Press::parse(&press.to_string().replace(ask.id.as_str(), other.id.as_str())).unwrap();
    assert!(matches!(refusal(pressed(&owner, &elsewhere).await.unwrap_err()), Refusal::Forged), "of another question");

    for (who, known) in [(&stranger, false), (&colleague, true)] {
        let refused = refusal(pressed(who, &press).await.unwrap_err());
        let Refusal::Stranger(why) = &refused else { panic!("{refused}") };
        assert_eq!(matches!(why, Refused::Forbidden { .. }), known, "{why}");
    }
    assert_eq!(context.store.ask(&ask.id).await.unwrap().unwrap().answer, None, "nothing was answered so far");

    let counts = pressed(&owner, &press).await.unwrap();
    assert_eq!((counts.run.id, counts.person.name.as_str()), (run.id.clone(), "Anna"));
    let answer = context.store.ask(&ask.id).await.unwrap().unwrap().answer.unwrap();
    assert_eq!((answer.approved, answer.by.as_str()), (true, "Anna"));
    let events = runs::events(context, &run.id, 0).await.unwrap();
    let journal = events.last().unwrap();
    assert!(journal.kind == "answered" && journal.body.contains("\"Anna\""), "{journal:?}");
    let queued = context.store.queued_runs().await.unwrap();
    assert!(queued.iter().any(|queued| queued.run.id == run.id), "cgo serve goes on with it");

    let repeated = refusal(pressed(&somebody(44, "Root"), &press).await.unwrap_err());
    assert!(matches!(&repeated, Refusal::Repeated { by, .. } if by == "Anna"), "{repeated}");

    let second = approvals::press(context, &other.id).await.unwrap();
    let film = runs::find(context, other.run.as_str()).await.unwrap();
    runs::cancel(context, &film, runner::cancelled("tester")).await.unwrap();
    let late = refusal(pressed(&owner, &second).await.unwrap_err());
    assert!(matches!(late, Refusal::Late { status: RunStatus::Cancelled, .. }), "{late}");
}

#[tokio::test]
async fn a_refusal_by_button_ends_the_run_in_the_name_of_who_refused() {
    let desk = Desk::new().await;
    let context = &desk.context;
    let anna = user(context, "Anna", Role::Member, 42).await;
    let as_anna = context.acting_as(Person::of(&anna));
    let (run, ask) = waiting(&as_anna, new_project(context, "books"), Wait::Approval, "approve").await;
    let press = approvals::press(context, &ask.id).await.unwrap();
    let reply = Reply { approved: false, texts: Vec::new(), by: None };
    tape::press(context, &somebody(42, "Anna"), &press, reply, &CancellationToken::new()).await.unwrap();
    let over = runs::find(context, run.id.as_str()).await.unwrap();
    assert_eq!((over.status, over.reason.as_deref()), (RunStatus::Cancelled, Some("cancelled by Anna")));
}

#[tokio::test]
async fn approvers_named_in_the_settings_are_the_only_ones_even_among_owners() {
    let desk = Desk::new().await;
    let anna = user(&desk.context, "Anna", Role::Admin, 42).await;
    let context = Context { approvers: vec!["Root".to_owned()], ..desk.context.clone() };
    let (_, ask) = waiting(&context, new_project(&context, "books"), Wait::Approval, "approve").await;
    let press = approvals::press(&context, &ask.id).await.unwrap();
    let reply = || Reply { approved: true, texts: Vec::new(), by: None };
    let (who, cancel) = (somebody(42, "Root"), CancellationToken::new());
    let refused = tape::press(&context, &who, &press, reply(), &cancel).await.unwrap_err();
    let tape::Unanswered::Refused(Refusal::NotAllowed { user, approvers }) = refused else { panic!("{refused}") };
    assert_eq!(user, "Anna", "what somebody calls themselves is believed by nobody");
    assert_eq!(approvers, ["Root"]);
    let named = Context { approvers: vec!["Anna".to_owned()], ..context };
    tape::press(&named, &who, &press, reply(), &cancel).await.unwrap();
    assert_eq!(named.store.user(&anna.id).await.unwrap().unwrap().name.as_str(), "Anna");
    assert_eq!(UserId::parse(anna.id.as_str()).unwrap(), anna.id);
}
