//! Deployments on cassettes: recorded where a project is, told again where the same project was made again.

use std::path::Path;

use super::{Made, has_lost_its_port};
use crate::support::env::{TestEnv, get, tools_are_here};

fn words<'a>(words: &[&'a str], file: &'a Path) -> Vec<&'a str> {
    [words, &[file.to_str().expect("a path of text")]].concat()
}

/// Makes the project again from its cassette and deploys it again from the other; none when its port was lost.
fn told_again(project: &Path, deployment: &Path, deploy: &[&str]) -> Option<Made> {
    let mut env = TestEnv::deploying();
    env.set("USER", "somebody-else");
    env.ok(words(&["run", "replay"], project));
    let ran = env.run(words(deploy, deployment));
    if has_lost_its_port(&ran) {
        return None;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let url = env.json(["deploy", "notes-api", "--status"])["url"].as_str().expect("it is deployed").to_owned();
    assert_eq!(get(&format!("{url}/notes")).0, 200, "what was deployed again serves");
    assert_eq!(env.json(["cost"])["total"], 0.0);
    Some(Made::of(&env))
}

#[test]
fn a_deployment_is_recorded_and_told_again_where_its_project_was_made_again() {
    const TRIES: u32 = 5;
    if !tools_are_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let recorded = (0..TRIES).find_map(|number| {
        let project = folder.path().join(format!("project-{number}.cassette"));
        let deployment = folder.path().join(format!("deploy-{number}.cassette"));
        let mut env = TestEnv::deploying();
        env.set("USER", "ada");
        env.ok(words(&["project", "new", "a notes API with title and body", "--no-deploy", "--record"], &project));
        let ran = env.run(words(&["deploy", "notes-api", "--record"], &deployment));
        if has_lost_its_port(&ran) {
            return None;
        }
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        // A cassette of one is none of the other, and another project has none.
        let ran = env.run(words(&["deploy", "notes-api", "--replay"], &project));
        assert!(ran.code == Some(2) && ran.stderr.contains("not recorded from a deployment"), "{}", ran.stderr);
        let ran = env.run(words(&["project", "new", "--replay"], &deployment));
        assert!(ran.code == Some(2) && ran.stderr.contains("cgo deploy notes-api --replay"), "{}", ran.stderr);
        let ran = env.run(words(&["deploy", "notes-api", "--replay"], &deployment));
        assert!(ran.code == Some(1) && ran.stderr.contains("is in this store already"), "{}", ran.stderr);
        Some((Made::of(&env), project, deployment))
    });
    let (recorded, project, deployment) = recorded.expect("some port is free");
    assert!(recorded.state.contains("\"deployed_url\":\"http://127.0.0.1:PORT\""), "{}", recorded.state);
    for deploy in [["deploy", "--replay"], ["run", "replay"]] {
        let again = (0..TRIES).find_map(|_| told_again(&project, &deployment, &deploy)).expect("some port is free");
        recorded.is(&again, "the deployment and its replay");
    }
}
