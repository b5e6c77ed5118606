use crate::domain::ids::ProjectId;
use crate::domain::manifest::Manifest;
use crate::domain::names::ProjectName;
use crate::domain::project::ProjectStatus;
use crate::domain::time::Timestamp;

use super::*;

/// What shells, YAML, environment files and formats change.
const ODD: &str = " canary $HOME ${x} \\n\\ 'a\" `b` #c %s \n\n\tёж 👩‍👧 = ";

const MANIFEST: &str = r"
version: 1
name: shop
server: local
services:
  api:
    workdir: services/backend
    python: { requires: '3.10', lock: a.lock, dev_lock: b.lock }
    command: [python, -m, app, --port, '${PORT}']
    port_env: PORT
    health: /health
    ready: /ready
    stop_after: 5
    env_contract: env.contract.yaml
";

struct Lab {
    folder: tempfile::TempDir,
    project: Project,
    allocation: Allocation,
}

impl Lab {
    fn new(env: &str, entries: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("services/backend")).unwrap();
        std::fs::create_dir_all(folder.path().join("infra")).unwrap();
        let lab = Self {
            project: Project {
                id: ProjectId::new(Timestamp(0), 1),
                name: ProjectName::parse("shop").unwrap(),
                title: String::new(),
                description: String::new(),
                folder: folder.path().display().to_string(),
                modules: Vec::new(),
                status: ProjectStatus::Built,
                owner: None,
                created_at: Timestamp(0),
                updated_at: Timestamp(0),
            },
            allocation: Allocation {
                release: ReleaseId::new(Timestamp(0), 1),
                bind: "127.0.0.1".parse().unwrap(),
                port: 8001,
                public_url: "https://shop.example.org".to_owned(),
                domain: Some("shop.example.org".to_owned()),
                server: "web-1".to_owned(),
                server_address: "203.0.113.7".to_owned(),
                shared: PathBuf::from("/srv/shared"),
                services: BTreeMap::from([("worker".to_owned(), Address { host: "127.0.0.1".to_owned(), port: 9 })]),
            },
            folder,
        };
        lab.put(
            "cgo.yaml",
            &format!("{MANIFEST}{}", if env.is_empty() { String::new() } else { format!("    env:\n{env}") }),
        );
        lab.contract("services/backend", "backend", entries);
        lab
    }

    fn put(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join(path), text).unwrap();
    }

    fn contract(&self, folder: &str, owner: &str, entries: &str) {
        let text = format!("version: \"1\"\nowner: {owner}\nentries:\n{entries}");
        self.put(&format!("{folder}/env.contract.yaml"), &text);
    }

    fn assemble(&self, kept: &[(&str, &str)]) -> Result<BTreeMap<String, Secret>, super::super::Error> {
        let manifest: Manifest = deploy::manifest(self.folder.path())?;
        let (service_name, service) = deploy::service(&manifest);
        let declared = contract::of_manifest(self.folder.path(), &manifest)?;
        let names = Names::new(service_name, service.workdir.as_str());
        let told = Told {
            project: &self.project,
            service_name,
            service,
            names: &names,
            declared: &declared,
            allocation: &self.allocation,
        };
        let kept = kept.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())));
        told.assemble(&kept.collect())
    }

    fn error(&self, kept: &[(&str, &str)]) -> String {
        let error = self.assemble(kept).unwrap_err();
        match &error {
            super::super::Error::Spec { problems } => problems.join("\n"),
            other => super::super::explain(other),
        }
    }
}

fn entry(name: &str, source: &str, more: &str) -> String {
    format!(
        "  {name}:\n    source: {source}\n    environments: [production]\n    consumers: [backend]\n    required: true\n    description: For tests.\n{more}"
    )
}

#[test]
fn every_source_gives_its_variable_and_values_are_not_changed() {
    let entries = [
        entry("MAIL_KEY", "user_secret", ""),
        entry("SESSION_KEY", "generated_secret", ""),
        entry("PORT", "allocation", "    service: backend\n"),
        entry("WORKER_URL", "allocation", "    service: worker\n"),
        entry("RELEASE", "derived", ""),
        entry("PUBLIC_URL", "derived", ""),
        entry("DOMAIN", "derived", ""),
        entry("DATABASE_URL", "derived", ""),
        entry("LOG_LEVEL", "literal", "    value: info\n"),
        entry("WORKERS", "literal", "    value: 4\n"),
        entry("DEBUG", "literal", "    value: false\n"),
    ];
    let lab = Lab::new("      DATABASE_URL: postgres://app:${SESSION_KEY}@h/${RELEASE}\n", &entries.concat());
    // The services that are named in an allocation have to be in `cgo.yaml`; the contract says so itself.
    assert!(lab.error(&[]).contains("there is no service `worker`"), "{}", lab.error(&[]));
    let known: Vec<String> = entries.iter().filter(|entry| !entry.contains("WORKER_URL")).cloned().collect();
    lab.contract("services/backend", "backend", &known.concat());
    let env = lab.assemble(&[("MAIL_KEY", ODD), ("SESSION_KEY", "s$1{x}")]).unwrap();
    let release = lab.allocation.release.to_string();
    for (name, value) in [
        ("MAIL_KEY", ODD),
        ("SESSION_KEY", "s$1{x}"),
        ("PORT", "8001"),
        ("HOST", "127.0.0.1"),
        ("SHARED", "/srv/shared"),
        ("RELEASE", &release),
        ("PUBLIC_URL", "https://shop.example.org"),
        ("DOMAIN", "shop.example.org"),
        ("LOG_LEVEL", "info"),
        ("WORKERS", "4"),
        ("DEBUG", "false"),
        ("DATABASE_URL", &format!("postgres://app:s$1{{x}}@h/{release}")),
    ] {
        assert_eq!(env.get(name).map(Secret::reveal), Some(value), "{name}");
    }
}

#[test]
fn two_files_that_disagree_are_an_error_with_the_key_and_both_places() {
    let lab = Lab::new("", &entry("MAIL_KEY", "user_secret", ""));
    lab.contract("infra", "infra", &entry("MAIL_KEY", "generated_secret", ""));
    let error = lab.error(&[("MAIL_KEY", ODD)]);
    for words in
        ["`MAIL_KEY` is declared differently", "infra/env.contract.yaml:4", "services/backend/env.contract.yaml:4"]
    {
        assert!(error.contains(words), "`{words}` is missing in: {error}");
    }

    for (source, more, value, agrees) in [
        ("user_secret", "", "other", false),
        ("user_secret", "", "'${KEY}'", true),
        ("generated_secret", "", "canary", false),
        ("literal", "    value: info\n", "debug", false),
        ("literal", "    value: info\n", "info", true),
        ("allocation", "    service: backend\n", "'9'", false),
        ("allocation", "    service: backend\n", "'${PORT}'", true),
        ("derived", "", "anything", true),
    ] {
        let lab = Lab::new(&format!("      KEY: {value}\n"), &entry("KEY", source, more));
        let made = lab.assemble(&[("KEY", "canary")]);
        assert_eq!(made.is_ok(), agrees, "{source} {value}: {made:?}");
        if !agrees {
            let error = lab.error(&[("KEY", "canary")]);
            assert!(error.contains("`KEY`") && error.contains("services/backend/env.contract.yaml:4"), "{error}");
            assert!(error.contains("cgo.yaml") && !error.contains("canary"), "{error}");
        }
    }
}

#[test]
fn what_nothing_gives_is_told_with_its_place() {
    for (source, more, why) in [
        ("derived", "", "cgo derives nothing of that name"),
        ("allocation", "    resource: postgres\n", "cgo allocates no `postgres`"),
    ] {
        let error = Lab::new("", &entry("KEY", source, more)).error(&[]);
        assert!(error.contains(why) && error.contains("services/backend/env.contract.yaml:4"), "{error}");
        let given = Lab::new("      KEY: here\n", &entry("KEY", source, more));
        assert_eq!(given.assemble(&[]).unwrap()["KEY"].reveal(), "here");
    }
    let mut lab = Lab::new("", &entry("DOMAIN", "derived", ""));
    lab.allocation.domain = None;
    assert!(lab.error(&[]).contains("the project has no domain"), "{}", lab.error(&[]));
}

#[test]
fn variables_of_others_and_of_other_environments_are_not_given() {
    let test = entry("A", "user_secret", "").replace("[production]", "[test]");
    let lab = Lab::new("", &test);
    assert!(!lab.assemble(&[("A", ODD)]).unwrap().contains_key("A"));
}

#[test]
fn a_secret_does_not_come_among_the_arguments_of_a_program() {
    let secret = entry("MAIL_KEY", "user_secret", "");
    let lab = Lab::new("", &secret);
    let with = |argument: &str, env: &str| {
        let text = MANIFEST.replace("'${PORT}'", &format!("'{argument}'"));
        lab.put("cgo.yaml", &format!("{text}{env}"));
        lab.assemble(&[("MAIL_KEY", "canary")])
    };
    assert!(with("${HOST}", "").is_ok());
    let error = with("--key=${MAIL_KEY}", "").unwrap_err().to_string();
    assert!(
        error.contains("`command` of `api`") && error.contains("`MAIL_KEY`") && !error.contains("canary"),
        "{error}"
    );
    let around = with("${MAIL_URL}", "    env:\n      MAIL_URL: smtp://me:${MAIL_KEY}@h\n").unwrap_err().to_string();
    assert!(around.contains("`MAIL_URL`"), "{around}");
}
