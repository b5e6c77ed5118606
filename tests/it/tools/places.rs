//! Tools that know of servers, ports and folders.

use std::path::Path;

use cgo::llm::Reply;
use cgo::ops;
use cgo::store::Ports as _;
use serde_json::json;

use super::{Desk, call, said, spec, work};
use crate::support::env::tools_are_here;

#[tokio::test]
async fn servers_ports_and_resources_are_told_and_reserved_once() {
    if !tools_are_here() {
        return;
    }
    let desk = Desk::new().await;
    let before = said("books");
    let state = work(&desk, &before, vec![call("propose_spec", json!({ "spec": spec() }))]).await.state(&before);
    let calls = vec![
        call("find_suitable_server", json!({})),
        call("get_server_info", json!({ "server": "local" })),
        call("get_server_info", json!({ "server": "fra1" })),
        call("get_next_available_port", json!({})),
        call("allocate_port", json!({ "service": "backend" })),
        call("create_service_deployment", json!({ "service": "backend" })),
        call("create_service_deployment", json!({ "service": "frontend" })),
        call("list_resource_inventory", json!({ "project": "books" })),
        call("get_services_on_server", json!({ "server": "local" })),
        call("list_managed_servers", json!({})),
    ];
    let came = work(&desk, &state, calls).await;
    assert_eq!(came.results[0]["server"], "local");
    assert!(came.results[1]["measured"]["memory_mb"].as_u64().is_some_and(|memory| memory > 0), "{}", came.results[1]);
    assert!(came.error(2).contains("no server `fra1`"));
    assert_eq!(came.results[3]["reserved"], false);
    assert_eq!(came.results[5]["port"], came.results[4]["port"], "a place is kept");
    assert!(came.error(6).contains("no service `frontend`; it has backend"), "{}", came.error(6));
    let inventory = &came.results[7]["projects"][0];
    assert_eq!(inventory["ports"].as_array().unwrap().len(), 3, "{inventory}");
    let placed = &came.results[8]["services"];
    assert_eq!((&placed[0]["project"], &placed[0]["live"]["serves"]), (&json!("books"), &json!(false)), "{placed}");
    assert_eq!(came.results[9]["servers"][0]["projects"], 1);
    assert_eq!(came.state(&state).allocated_resources.len(), 1);
}

#[tokio::test]
async fn a_port_is_reserved_for_the_service_as_the_project_calls_it() {
    if !tools_are_here() {
        return;
    }
    let desk = Desk::new().await;
    let before = said("books");
    let state = work(&desk, &before, vec![call("propose_spec", json!({ "spec": spec() }))]).await.state(&before);
    let project = ops::projects::list(&desk.context).await.unwrap().remove(0);
    crate::placement::manifest(&project, "local", 64);
    let came = work(&desk, &state, vec![call("allocate_port", json!({ "service": "backend" }))]).await;
    assert_eq!(came.results[0]["service"], "api", "{:?}", came.results);
    let reserved = desk.context.store.project_ports(&project.id).await.unwrap();
    assert_eq!(reserved.iter().map(|port| port.service.as_str()).collect::<Vec<_>>(), ["api"]);
    let kept = came.state(&state).allocated_resources;
    assert_eq!(kept.values().map(|place| place.service_name.as_str()).collect::<Vec<_>>(), ["api"]);
}

#[tokio::test]
async fn without_room_on_any_server_the_run_waits_and_names_each_reason() {
    let desk = Desk::wishing(Some("web-1")).await;
    crate::placement::small_server(&desk.context.store, "web-1").await;
    let before = said("books");
    let state = work(&desk, &before, vec![call("propose_spec", json!({ "spec": spec() }))]).await.state(&before);
    for tool in [call("find_suitable_server", json!({})), call("allocate_port", json!({ "service": "backend" }))] {
        let came = work(&desk, &state, vec![tool]).await;
        let (wait, questions) = came.outcome.unwrap().ask.expect("it waits");
        assert_eq!(wait, cgo::domain::run::Wait::Capacity);
        let text = &questions[0].text;
        assert!(text.contains("`web-1`: 512 MB of memory are needed, 100 MB are free"), "{text}");
        assert!(text.contains(&format!("cgo run resume {}", desk.run.id)), "{text}");
    }
}

#[tokio::test]
async fn a_folder_that_nobody_named_is_not_looked_at_and_what_could_not_be_read_is_said() {
    let desk = Desk::new().await;
    let folder = desk.work().join("odd");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("cgo.yaml"), "version: 1\n").unwrap();
    let look = |path: &Path| call("inspect_repository", json!({ "folder": path }));
    let told = said(&format!("take over {}", folder.display()));
    let came = work(&desk, &told, vec![look(Path::new("/etc")), look(&folder), look(&desk.work())]).await;
    assert!(came.error(0).contains("only a folder that the person named"), "{}", came.error(0));
    let problems = came.results[1]["problems"].to_string();
    assert!(problems.contains("git repository") && problems.contains("cgo.yaml"), "{problems}");
    assert_eq!(came.results[1]["files"], json!(["cgo.yaml"]));
    let takes = json!({ "folder": folder });
    let came = work(&desk, &told, vec![call("activate_project", takes), Reply::text("no"), Reply::text("no")]).await;
    assert!(came.error(0).contains("cgo.yaml"), "{}", came.error(0));
}
