//! The image of a generated project, built by its own Dockerfile and run by a real engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

use crate::support::docker::{Docker, Owned};
use crate::support::env::{TestEnv, get, request, tools_are_here, until};
use crate::support::postgres::{PASSWORD, Postgres, USER};

const SECRET: &str = "a-password-of-the-folder";
/// As the compose file confines the backend.
const CONFINED: [&str; 6] =
    ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m", "--init"];
const MIGRATE: [&str; 5] = ["python", "-m", "alembic", "upgrade", "head"];

/// A project in whose folder somebody works, and its image.
struct Built {
    docker: &'static Docker,
    project: PathBuf,
    image: String,
}

/// The image that the tests share; none where there is no engine.
fn built() -> Option<&'static Built> {
    static BUILT: OnceLock<Built> = OnceLock::new();
    if !tools_are_here() {
        return None;
    }
    let docker = Docker::shared()?;
    Some(BUILT.get_or_init(|| {
        let home = TestEnv::new();
        // Beside the build's other things, as nothing ends that all tests of a process share.
        let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("container/notes-api");
        if project.exists() {
            fs::remove_dir_all(&project).unwrap();
        }
        let text = "a notes API with title and body; notes have many tags";
        let folder = project.to_str().unwrap();
        home.ok(["project", "new", text, "--dir", folder, "--until", "developer", "--yes"]);
        let backend = project.join("services/backend");
        fs::write(project.join(".env"), format!("POSTGRES_PASSWORD={SECRET}\n")).unwrap();
        fs::write(backend.join("app.db"), SECRET).unwrap();
        fs::create_dir_all(backend.join("app/__pycache__")).unwrap();
        fs::write(backend.join("app/__pycache__/old.cpython-311.pyc"), SECRET).unwrap();
        let image = docker.build(&project, "r1", "cgo-test-notes:r1");
        Built { docker, project, image }
    }))
}

fn address(docker: &Docker, container: &Owned) -> String {
    let bound = docker.ok(["port", &container.name, "8000/tcp"]);
    format!("http://{}", bound.lines().next().expect("the port is published"))
}

fn wait_until_it_can_work(docker: &Docker, container: &Owned, url: &str) {
    let begun = Instant::now();
    while get(&format!("{url}/ready")).0 != 200 {
        let running = docker.ok(["container", "inspect", "--format", "{{.State.Running}}", &container.name]);
        let output = docker.run(["logs", &container.name]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(running == "true" && begun.elapsed() < Duration::from_mins(1), "it does not come up: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn answer((status, body): (u16, String), wanted: u16) -> Value {
    assert_eq!(status, wanted, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn the_image_serves_keeps_its_data_in_a_volume_and_stops_when_told() {
    let Some(Built { docker, image, .. }) = built() else { return };
    let volume = docker.volume();
    let mount = format!("--volume={}:/data", volume.name);
    let options = [&CONFINED[..], &[mount.as_str()]].concat();
    docker.ok([&["run", "--rm"], &options[..], &[image.as_str()], &MIGRATE].concat());

    let health = ["--health-interval=500ms", "--publish=127.0.0.1::8000", image.as_str()];
    let container = docker.start([&options[..], &health].concat());
    let url = address(docker, &container);
    wait_until_it_can_work(docker, &container, &url);
    assert_eq!(answer(get(&format!("{url}/health")), 200), json!({"status": "ok", "release": "r1"}));
    let tag = answer(request("POST", &format!("{url}/tags"), Some(r#"{"name": "red"}"#)), 201);
    let note = json!({"title": "Ёлка", "body": "b", "tag_ids": [tag["id"]]}).to_string();
    let note = answer(request("POST", &format!("{url}/notes"), Some(&note)), 201);
    until("the health check of the image", || {
        docker.ok(["container", "inspect", "--format", "{{.State.Health.Status}}", &container.name]) == "healthy"
    });

    let begun = Instant::now();
    docker.ok(["stop", "--time=10", &container.name]);
    assert!(begun.elapsed() < Duration::from_secs(10), "stopping took {:?}", begun.elapsed());
    let ended = docker.ok(["container", "inspect", "--format", "{{.State.ExitCode}}", &container.name]);
    assert!(["0", "143"].contains(&ended.as_str()), "it was killed or failed: {ended}");
    drop(container);

    let container = docker.start([&options[..], &health].concat());
    let url = address(docker, &container);
    wait_until_it_can_work(docker, &container, &url);
    assert_eq!(answer(get(&format!("{url}/notes/{}", note["id"])), 200), note);
}

#[test]
fn the_image_holds_the_service_and_nothing_else() {
    let Some(Built { docker, image, .. }) = built() else { return };
    let inside = |script: &str| docker.ok(["run", "--rm", "--entrypoint=sh", image, "-c", script]);
    assert_eq!(inside("id -u; id -g; touch /app/x /venv/x app/x 2>/dev/null || echo refused"), "10001\n10001\nrefused");

    let files = inside("cd /app/services/backend && find /app -type f -not -name '*.pyc' | sort");
    let wanted = ["app/", "migrations/", "alembic.ini", "requirements.lock"];
    for file in files.lines() {
        let file = file.strip_prefix("/app/services/backend/").unwrap_or(file);
        assert!(wanted.iter().any(|start| file.starts_with(start)), "{file} is in the image");
    }
    assert!(files.contains("/app/main.py") && files.contains("/versions/0001_"), "{files}");
    assert_eq!(inside(&format!("grep -rlF {SECRET} /app /data /venv /etc || true")), "");

    let unwanted =
        "import importlib.util as u; print([m for m in ('pip', 'pytest', 'ruff', 'httpx2') if u.find_spec(m)])";
    assert_eq!(docker.ok(["run", "--rm", image, "python", "-c", unwanted]), "[]");
    let history = docker.ok(["history", "--no-trunc", "--format={{.CreatedBy}}", image]);
    assert!(!history.contains("PIP_INDEX_URL"), "{history}");
}

#[test]
fn a_change_of_the_code_leaves_the_layers_with_the_packages() {
    let Some(Built { docker, project, image, .. }) = built() else { return };
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(project).arg(copy.path().join("p")).status().unwrap();
    assert!(copied.success());
    let main = copy.path().join("p/services/backend/app/main.py");
    fs::write(&main, fs::read_to_string(&main).unwrap() + "\nCHANGED = True\n").unwrap();
    let changed = docker.build(&copy.path().join("p"), "r2", "cgo-test-notes:r2");
    let layers = |image: &str| -> Vec<String> {
        let listed = docker.ok(["image", "inspect", "--format={{json .RootFS.Layers}}", image]);
        serde_json::from_str(&listed).unwrap()
    };
    let (before, after) = (layers(image), layers(&changed));
    docker.ok(["image", "rm", "cgo-test-notes:r2"]);
    assert_eq!(before.len(), after.len());
    let same = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    assert_eq!(same, before.len() - 2, "all but the code and what is compiled of it: {before:?} {after:?}");
}

#[tokio::test]
async fn the_image_works_with_postgresql_and_its_password_apart_from_the_url() {
    let Some(Built { docker, image, .. }) = built() else { return };
    let Some(postgres) = Postgres::shared() else { return };
    postgres.user().await;
    let database = postgres.database().await;
    let mut admin = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
    let give = format!("alter database {database} owner to {USER}");
    admin.execute(sqlx::AssertSqlSafe(give)).await.unwrap();

    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let environment = [
        format!("--env=DATABASE_URL=postgresql://{USER}@127.0.0.1:{}/{database}", postgres.port()),
        format!("--env=PGPASSWORD={PASSWORD}"),
        format!("--env=PORT={port}"),
    ];
    let mut options = [&CONFINED[..], &["--network=host"]].concat();
    options.extend(environment.iter().map(String::as_str));
    docker.ok([&["run", "--rm"], &options[..], &[image.as_str()], &MIGRATE].concat());
    let container = docker.start([&options[..], &[image.as_str()]].concat());
    let url = format!("http://127.0.0.1:{port}");
    wait_until_it_can_work(docker, &container, &url);
    let made = answer(request("POST", &format!("{url}/notes"), Some(r#"{"title": "t", "body": "b"}"#)), 201);
    assert_eq!(answer(get(&format!("{url}/notes/{}", made["id"])), 200), made);
    let removed = request("DELETE", &format!("{url}/notes/{}", made["id"]), None);
    assert_eq!(removed.0, 204, "{}", removed.1);
}
