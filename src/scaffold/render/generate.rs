//! Bringing a folder in step with its spec: what would be done, and doing it.
//!
//! `.cgo/generated.json` lists the generated files with their digests; it is committed with the project. Only files
//! in that list are ever replaced or removed. A generated file that somebody edited is reported and left alone, unless
//! [`Overwrite::Yes`] is asked for; everything else goes on. Written files are only made where they are missing.
//! Running twice changes nothing the second time, and a run that was cut short is finished by the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::{Replace, Root, is_missing};
use super::migration::{self, Note};
use super::names::digest;
use super::project::{self, Project, SCHEMA, VERSIONS, migration_text, schema_digest, schema_text};
use super::schema::Schema;
use super::{Error, File, Owner};
use crate::domain::spec::Spec;

/// The list of generated files.
const MANIFEST: &str = ".cgo/generated.json";

/// What to do with generated files that somebody edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// They stay, and are reported.
    No,
    /// They are replaced or removed like the others; the edits are lost.
    Yes,
}

/// What is to be done to bring a folder in step with its spec.
#[derive(Debug)]
pub struct Plan {
    root: PathBuf,
    /// The changes, in the order in which they are made.
    pub steps: Vec<Step>,
    /// Generated files that were edited by hand: paths. They are in `steps` only with [`Overwrite::Yes`].
    pub edited: Vec<String>,
    /// What to know before the new migration runs.
    pub notes: Vec<Note>,
    /// Controllers whose domain is no longer in the spec; nothing uses them.
    pub orphans: Vec<String>,
    manifest: Manifest,
    writes_manifest: bool,
}

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// The path below the project's folder.
    pub path: String,
    #[serde(skip)]
    contents: String,
    #[serde(skip)]
    executable: bool,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// Its text is replaced.
    Update,
    /// It is removed.
    Remove,
}

/// What [`Plan::apply`] did: paths below the project's folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Applied {
    /// New files.
    pub created: Vec<String>,
    /// Replaced files.
    pub updated: Vec<String>,
    /// Removed files.
    pub removed: Vec<String>,
    /// Generated files left alone because somebody edited them.
    pub edited: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    /// Path and SHA-256 of every generated file.
    files: BTreeMap<String, String>,
}

/// Compares a project's folder with its spec. The folder need not exist. Nothing is changed.
///
/// # Errors
/// The spec cannot be rendered, a symbolic link stands in a path, the disk cannot be read, or the generator's own
/// files in the project are broken.
pub fn plan_generate(spec: &Spec, root: &Path, overwrite: Overwrite) -> Result<Plan, Error> {
    let wanted = Project::of(spec)?;
    let disk = match Root::open(root) {
        Ok(disk) => Some(disk),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(error),
    };
    let on_disk = Disk { root: disk };
    let manifest = on_disk.manifest()?;
    let mut plan = Plan {
        root: root.to_owned(),
        steps: Vec::new(),
        edited: Vec::new(),
        notes: Vec::new(),
        orphans: Vec::new(),
        manifest: Manifest { version: 1, files: BTreeMap::new() },
        writes_manifest: false,
    };
    let is_new = on_disk.is_new()?;
    for file in &wanted.rendered.files {
        match file.owner {
            Owner::Generated => plan.generated(file, &on_disk, &manifest, overwrite)?,
            Owner::Written if file.path == SCHEMA || file.path.starts_with(VERSIONS) => {
                if is_new && on_disk.read(&file.path)?.as_ref() != Some(&file.contents) {
                    let action = if on_disk.has(&file.path)? { Action::Update } else { Action::Create };
                    plan.step(action, file);
                }
            }
            Owner::Written => {
                if !on_disk.has(&file.path)? {
                    plan.step(Action::Create, file);
                }
            }
        }
    }
    if !is_new {
        plan.migrate(&wanted.schema, &on_disk)?;
    }
    plan.remove_left_over(&wanted, &on_disk, &manifest, overwrite)?;
    plan.find_orphans(&wanted, &on_disk)?;
    plan.writes_manifest = plan.manifest != manifest;
    Ok(plan)
}

impl Plan {
    /// Whether the folder is in step: nothing to write, nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && !self.writes_manifest
    }

    /// Makes the changes, each file whole or not at all; the list of generated files last.
    ///
    /// It may be repeated after it was cut short: plan again and apply.
    ///
    /// # Errors
    /// The disk refuses, or a symbolic link or a new file has appeared in a path. What was written before stays.
    ///
    /// # Panics
    /// Never: a map of texts always makes JSON.
    pub fn apply(&self) -> Result<Applied, Error> {
        let mut applied = Applied { edited: self.edited.clone(), ..Applied::default() };
        if self.is_empty() {
            return Ok(applied);
        }
        std::fs::create_dir_all(&self.root).map_err(|source| Error::Disk {
            deed: "write",
            path: self.root.clone(),
            source,
        })?;
        let disk = Root::open(&self.root)?;
        for step in &self.steps {
            match step.action {
                Action::Create => {
                    disk.write(&step.path, &step.contents, step.executable, Replace::No)?;
                    applied.created.push(step.path.clone());
                }
                Action::Update => {
                    disk.write(&step.path, &step.contents, step.executable, Replace::Yes)?;
                    applied.updated.push(step.path.clone());
                }
                Action::Remove => {
                    disk.remove(&step.path)?;
                    applied.removed.push(step.path.clone());
                }
            }
        }
        if self.writes_manifest {
            let mut text = serde_json::to_string_pretty(&self.manifest).expect("the manifest has only text keys");
            text.push('\n');
            disk.write(MANIFEST, &text, false, Replace::Yes)?;
        }
        applied.edited.retain(|path| !self.steps.iter().any(|step| step.path == *path));
        Ok(applied)
    }

    fn step(&mut self, action: Action, file: &File) {
        self.steps.push(Step {
            action,
            path: file.path.clone(),
            contents: file.contents.clone(),
            executable: file.executable,
        });
    }

    fn generated(&mut self, file: &File, disk: &Disk, known: &Manifest, overwrite: Overwrite) -> Result<(), Error> {
        let new = digest(file.contents.as_bytes());
        let before = known.files.get(&file.path);
        let (action, edited) = match disk.read(&file.path)? {
            None => (Some(Action::Create), false),
            Some(text) if text == file.contents => (None, false),
            Some(text) => (Some(Action::Update), before != Some(&digest(text.as_bytes()))),
        };
        if edited {
            self.edited.push(file.path.clone());
            if overwrite == Overwrite::No {
                if let Some(before) = before {
                    self.manifest.files.insert(file.path.clone(), before.clone());
                }
                return Ok(());
            }
        }
        self.manifest.files.insert(file.path.clone(), new);
        if let Some(action) = action {
            self.step(action, file);
        }
        Ok(())
    }

    fn remove_left_over(
        &mut self,
        wanted: &Project,
        disk: &Disk,
        known: &Manifest,
        overwrite: Overwrite,
    ) -> Result<(), Error> {
        for (path, before) in &known.files {
            let still = wanted.rendered.files.iter().any(|file| file.path == *path && file.owner == Owner::Generated);
            if still {
                continue;
            }
            let Some(text) = disk.read(path)? else { continue };
            if digest(text.as_bytes()) != *before {
                self.edited.push(path.clone());
                if overwrite == Overwrite::No {
                    self.manifest.files.insert(path.clone(), before.clone());
                    continue;
                }
            }
            self.steps.push(Step {
                action: Action::Remove,
                path: path.clone(),
                contents: String::new(),
                executable: false,
            });
        }
        Ok(())
    }

    /// Adds a migration when the schema that the last one left is not the one the spec asks for.
    fn migrate(&mut self, wanted: &Schema, disk: &Disk) -> Result<(), Error> {
        let last: Option<Schema> = match disk.read(SCHEMA)? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| Error::Record { path: SCHEMA.to_owned(), reason: error.to_string() })?,
            None => None,
        };
        if last.as_ref() == Some(wanted) {
            return Ok(());
        }
        let history = History::read(disk)?;
        // A run that was cut short has left the migration without the schema.
        let is_there = history.leads_to.as_deref() == Some(schema_digest(wanted).as_str());
        let Some(last) = last.or_else(|| is_there.then(|| wanted.clone())) else {
            let reason = "it is missing, and there are migrations already".to_owned();
            return Err(Error::Record { path: SCHEMA.to_owned(), reason });
        };
        if !is_there && let Some(steps) = migration::between(&last, wanted) {
            let revision = format!("{:04}", history.highest + 1);
            let text = migration_text(&revision, history.head.as_deref(), &steps.slug, wanted, &steps)?;
            let slug: String = steps.slug.chars().take(60).collect();
            self.steps.push(Step {
                action: Action::Create,
                path: format!("{VERSIONS}/{revision}_{slug}.py"),
                contents: text,
                executable: false,
            });
            self.notes = steps.notes;
        }
        let action = if disk.has(SCHEMA)? { Action::Update } else { Action::Create };
        self.steps.push(Step { action, path: SCHEMA.to_owned(), contents: schema_text(wanted), executable: false });
        Ok(())
    }

    fn find_orphans(&mut self, wanted: &Project, disk: &Disk) -> Result<(), Error> {
        let folder = format!("{}/app/controllers", project::BACKEND);
        for name in disk.names(&folder)? {
            let path = format!("{folder}/{name}");
            let module = name.strip_suffix(".py").filter(|module| *module != "__init__");
            if module.is_some() && !wanted.rendered.files.iter().any(|file| file.path == path) {
                let domain = name.trim_end_matches(".py");
                let text = disk.read(&path)?.unwrap_or_default();
                if text.contains(&format!("app.generated.controllers.{domain} ")) {
                    self.orphans.push(path);
                }
            }
        }
        Ok(())
    }
}

/// A project's folder, which may not be there yet.
struct Disk {
    root: Option<Root>,
}

impl Disk {
    fn read(&self, path: &str) -> Result<Option<String>, Error> {
        self.root.as_ref().map_or(Ok(None), |root| root.read(path))
    }

    fn has(&self, path: &str) -> Result<bool, Error> {
        self.root.as_ref().map_or(Ok(false), |root| root.has(path))
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Error> {
        self.root.as_ref().map_or(Ok(Vec::new()), |root| root.names(path))
    }

    /// Whether the database of this project has no migration yet.
    fn is_new(&self) -> Result<bool, Error> {
        Ok(!self.names(VERSIONS)?.iter().any(|name| is_module(name)))
    }

    fn manifest(&self) -> Result<Manifest, Error> {
        let Some(text) = self.read(MANIFEST)? else { return Ok(Manifest::default()) };
        serde_json::from_str(&text)
            .map_err(|error| Error::Record { path: MANIFEST.to_owned(), reason: error.to_string() })
    }
}

/// Whether a file is a Python module.
fn is_module(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "py")
}

/// The migrations that are there.
struct History {
    /// The revision that nothing follows yet.
    head: Option<String>,
    /// The schema the head says it leads to.
    leads_to: Option<String>,
    /// The highest number that a file's name begins with.
    highest: u32,
}

impl History {
    fn read(disk: &Disk) -> Result<Self, Error> {
        let mut found: Vec<(String, Vec<String>, Option<String>)> = Vec::new();
        let mut highest = 0;
        for name in disk.names(VERSIONS)? {
            if !is_module(&name) {
                continue;
            }
            let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
            if digits.len() <= 6 {
                highest = highest.max(digits.parse().unwrap_or(0));
            }
            let text = disk.read(&format!("{VERSIONS}/{name}"))?.unwrap_or_default();
            let Some(revision) = assigned(&text, "revision").into_iter().next() else { continue };
            found.push((revision, assigned(&text, "down_revision"), assigned(&text, "schema").into_iter().next()));
        }
        let mut heads = found.iter().filter(|(revision, ..)| !found.iter().any(|(_, down, _)| down.contains(revision)));
        let count = heads.clone().count();
        if count > 1 {
            return Err(Error::Heads { path: VERSIONS.to_owned(), count });
        }
        let head = heads.next();
        Ok(Self {
            head: head.map(|(revision, ..)| revision.clone()),
            leads_to: head.and_then(|(.., schema)| schema.clone()),
            highest,
        })
    }
}

/// The texts in quotes that a module assigns to a name at its top level.
fn assigned(text: &str, name: &str) -> Vec<String> {
    let Some(line) = text.lines().find(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':', '=']) && rest.contains('='))
    }) else {
        return Vec::new();
    };
    let value = line.split_once('=').map_or("", |(_, value)| value);
    value.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned).collect()
}
