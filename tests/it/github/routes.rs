//! The part of GitHub's REST API that cgo asks. Files and branches are those of the real repositories behind it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::server::{Asked, Reply, World};

/// Whose token it is.
pub const LOGIN: &str = "mona";
/// An organization the account is a member of.
pub const ORGANIZATION: &str = "octo-org";

/// Answers a request whose token is good.
pub fn answer(world: &mut World, root: &Path, port: u16, asked: &Asked) -> Reply {
    let segments: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    match (asked.method.as_str(), segments.as_slice()) {
        ("GET", ["user"]) => {
            let reply = Reply::json(200, &json!({ "login": LOGIN, "id": 1, "type": "User" }));
            match &world.scopes {
                Some(scopes) => reply.header("x-oauth-scopes", scopes),
                None => reply.header("github-authentication-token-expiration", "2027-01-31 00:00:00 UTC"),
            }
        }
        ("POST", ["user", "repos"]) => create(world, root, port, LOGIN, asked),
        ("POST", ["orgs", owner, "repos"]) if *owner == ORGANIZATION => create(world, root, port, owner, asked),
        ("GET", ["user", "repos"]) => {
            let own = asked.parameter("affiliation").is_some_and(|value| value == "owner");
            pages(world, port, asked, |name| !own || name.starts_with(&format!("{LOGIN}/")))
        }
        ("GET", ["orgs", owner, "repos"]) if *owner == ORGANIZATION => {
            pages(world, port, asked, |name| name.starts_with(&format!("{owner}/")))
        }
        ("GET", ["users", owner, "repos"]) => pages(world, port, asked, |name| name.starts_with(&format!("{owner}/"))),
        ("GET", ["repositories", id]) => {
            let found = world.repositories.values().find(|repository| repository["id"].as_u64() == id.parse().ok());
            found.map_or_else(not_found, |found| Reply::json(200, found))
        }
        ("GET", ["repos", owner, name, rest @ ..]) => {
            let full_name = format!("{owner}/{name}").to_lowercase();
            if let Some(id) = world.moved.get(&full_name) {
                let to = format!("http://127.0.0.1:{port}/repositories/{id}");
                return Reply::json(301, &json!({ "message": "Moved Permanently", "url": to })).header("location", &to);
            }
            let Some(repository) = world.repositories.get(&full_name) else { return not_found() };
            of_repository(world, repository, &root.join(format!("{full_name}.git")), asked, rest)
        }
        _ => not_found(),
    }
}

fn not_found() -> Reply {
    Reply::refusal(404, "Not Found")
}

/// Makes a repository and its home on the disk.
pub fn make(world: &mut World, root: &Path, port: u16, full_name: &str, description: &str, private: bool) -> Value {
    let key = full_name.to_lowercase();
    let bare = root.join(format!("{key}.git"));
    std::fs::create_dir_all(&bare).expect("a folder of the test");
    let git = |arguments: &[&str]| {
        let ran = git_in(&bare, arguments);
        assert!(ran.is_some(), "git {arguments:?}");
    };
    git(&["init", "--quiet", "--bare", "--initial-branch=main", "."]);
    git(&["config", "http.receivepack", "true"]);
    let address = format!("http://127.0.0.1:{port}/{full_name}");
    let repository = json!({
        "id": 1000 + world.repositories.len(),
        "name": full_name.split('/').nth(1),
        "full_name": full_name,
        "private": private,
        "html_url": address,
        "clone_url": format!("{address}.git"),
        "description": description,
        "default_branch": "main",
        "archived": false,
        "pushed_at": null,
        "permissions": { "admin": true, "push": true, "pull": true },
    });
    world.repositories.insert(key, repository.clone());
    repository
}

fn git_in(bare: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    git.env_clear().env("PATH", std::env::var_os("PATH")?).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", "/nonexistent");
    let output = git.arg("-C").arg(bare).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn create(world: &mut World, root: &Path, port: u16, owner: &str, asked: &Asked) -> Reply {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let known = ["name", "description", "private", "auto_init"];
    let strange = body.as_object().is_none_or(|body| body.keys().any(|key| !known.contains(&key.as_str())));
    let wrong = |field: &str, message: &str| {
        let errors = json!([{ "resource": "Repository", "code": "custom", "field": field, "message": message }]);
        Reply::json(
            422,
            &json!({ "message": "Repository creation failed.", "errors": errors, "documentation_url": "https://docs.github.com/rest/repos/repos#create-a-repository-for-the-authenticated-user", "status": "422" }),
        )
    };
    let (Some(name), Some(private), false) = (body["name"].as_str(), body["private"].as_bool(), strange) else {
        return Reply::refusal(400, "Problems parsing JSON");
    };
    let description = body["description"].as_str().unwrap_or_default();
    if description.chars().any(char::is_control) || description.chars().count() > 350 {
        return wrong("description", "description control characters are not allowed");
    }
    let full_name = format!("{owner}/{name}");
    if world.repositories.contains_key(&full_name.to_lowercase()) {
        return wrong("name", "name already exists on this account");
    }
    world.moved.remove(&full_name.to_lowercase());
    Reply::json(201, &make(world, root, port, &full_name, description, private))
}

/// A page of the repositories that fit.
fn pages(world: &World, port: u16, asked: &Asked, fits: impl Fn(&str) -> bool) -> Reply {
    let number = |name: &str, usual: usize| asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (page, per_page) = (number("page", 1), number("per_page", 30));
    let all: Vec<&Value> = world.repositories.iter().filter(|(name, _)| fits(name)).map(|(_, found)| found).collect();
    let some: Vec<&&Value> = all.iter().skip((page - 1) * per_page).take(per_page).collect();
    let reply = Reply::json(200, &json!(some));
    let last = all.len().div_ceil(per_page);
    if page >= last {
        return reply;
    }
    let rest: Vec<&str> = asked.query.split('&').filter(|pair| !pair.starts_with("page=")).collect();
    let at = |page: usize| format!("<http://127.0.0.1:{port}{}?{}&page={page}>", asked.path, rest.join("&"));
    reply.header("link", &format!("{}; rel=\"next\", {}; rel=\"last\"", at(page + 1), at(last)))
}

fn of_repository(world: &World, repository: &Value, bare: &Path, asked: &Asked, rest: &[&str]) -> Reply {
    let git = |arguments: &[&str]| git_in(bare, arguments);
    let text = |arguments: &[&str]| git(arguments).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    match rest {
        [] => Reply::json(200, repository),
        ["branches"] => {
            let listed = text(&["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"]);
            let row = |line: &str| {
                let (name, sha) = line.split_once(' ').expect("a name and a commit");
                json!({ "name": name, "commit": { "sha": sha, "url": "" }, "protected": false })
            };
            Reply::json(200, &listed.unwrap_or_default().lines().map(row).collect())
        }
        ["git", "ref", "heads", branch @ ..] => {
            let branch = branch.join("/");
            match text(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]) {
                Some(sha) => Reply::json(200, &json!({ "ref": branch, "object": { "type": "commit", "sha": sha } })),
                None => not_found(),
            }
        }
        ["git", "trees", at] => {
            let at = at.replace("%2F", "/");
            if text(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_none() {
                return Reply::refusal(409, "Git Repository is empty.");
            }
            let Some(listed) = text(&["ls-tree", "-r", "-t", "--format=%(objecttype) %(path)", &at]) else {
                return not_found();
            };
            let row = |line: &str| {
                let (kind, path) = line.split_once(' ').expect("a kind and a path");
                json!({ "path": path, "type": kind, "sha": "" })
            };
            let rows: Vec<Value> = listed.lines().map(row).collect();
            Reply::json(200, &json!({ "sha": at, "tree": rows, "truncated": false }))
        }
        ["contents", path @ ..] => {
            let at = asked.parameter("ref").unwrap_or_else(|| "HEAD".to_owned());
            contents(bare, &at, &path.join("/"))
        }
        ["actions", "runs"] => {
            let sha = asked.parameter("head_sha").unwrap_or_default();
            let runs: Vec<&Value> = world.runs.iter().filter(|run| run["head_sha"] == sha).collect();
            Reply::json(200, &json!({ "total_count": runs.len(), "workflow_runs": runs }))
        }
        _ => not_found(),
    }
}

fn contents(bare: &Path, at: &str, path: &str) -> Reply {
    let spec = format!("{at}:{path}");
    let kind = git_in(bare, &["cat-file", "-t", &spec]).map(|kind| String::from_utf8_lossy(&kind).trim().to_owned());
    match kind.as_deref() {
        Some("blob") => {
            let bytes = git_in(bare, &["cat-file", "blob", &spec]).expect("it was found");
            let long = bytes.len() > 1024 * 1024;
            let (encoding, content) = if long { ("none", String::new()) } else { ("base64", base64(&bytes)) };
            Reply::json(
                200,
                &json!({ "type": "file", "size": bytes.len(), "path": path, "encoding": encoding, "content": content }),
            )
        }
        Some("tree") => {
            let listed = git_in(bare, &["ls-tree", "--format=%(objecttype) %(path)", &spec]).expect("it was found");
            let row = |line: &str| {
                let (kind, name) = line.split_once(' ').expect("a kind and a name");
                json!({ "type": if kind == "tree" { "dir" } else { "file" }, "name": name, "path": name })
            };
            let rows: Vec<Value> = String::from_utf8_lossy(&listed).lines().map(row).collect();
            Reply::json(200, &json!({ "type": "dir", "size": 0, "path": path, "entries": rows }))
        }
        _ => not_found(),
    }
}

/// base64 in lines of 60, as GitHub writes it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (index, three) in bytes.chunks(3).enumerate() {
        if index > 0 && index % 15 == 0 {
            out.push('\n');
        }
        let held = three.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(held >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out + "\n"
}
