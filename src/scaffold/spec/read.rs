//! Reading: from texts to a checked spec.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::check::{self, Finding, derive_features, forms_of};
use super::contract::EnvContract;
use super::decode::contract::Merge;
use super::decode::domains::{Decoded, OperationEvents};
use super::decode::events::{Events, Models};
use super::decode::project::SERVICES as KNOWN_SERVICES;
use super::decode::{At, Report, contract, domains, events, join, models, project};
use super::problem::{Invalid, MAX_PROBLEMS, Place, Problem};
use super::source::{CONTRACT, EVENTS, MODELS, SERVICES, SpecFiles, read_file};
use super::tree::{self, Node, Tree, Value};
use crate::domain::names::{Identifier, InvalidName, ProjectName};
use crate::domain::spec::{Domain, Language, Model, Module, ProjectMeta, Spec};

/// A spec that passed every rule, with what else its files say.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The spec, in its canonical order.
    pub spec: Spec,
    /// The merged environment contract; empty where there is none.
    pub contract: EnvContract,
    /// What a person should know though nothing is wrong, one line each.
    pub notes: Vec<String>,
    /// For each file the paths that are accepted and no part of the spec, so that writing would lose them.
    pub(super) unwritten: BTreeMap<String, Vec<String>>,
}

/// Puts modules, domains and features into the order in which reading returns them: modules backend first,
/// domains in the order of the models they work on and then by name, features in the order of their operations.
pub fn canonical(spec: &mut Spec) {
    spec.modules.sort_unstable();
    order_domains(&spec.models, &mut spec.domains);
    if !spec.domains.is_empty() {
        spec.features = derive_features(&spec.domains);
    }
}

fn order_domains(models: &[Model], domains: &mut [Domain]) {
    let place = |domain: &Domain| {
        let names = domain.operations.iter().filter_map(|operation| operation.model.as_ref());
        names.filter_map(|name| models.iter().position(|model| model.name == *name)).min().unwrap_or(usize::MAX)
    };
    domains.sort_by(|left, right| (place(left), &left.name).cmp(&(place(right), &right.name)));
}

/// Checks a spec that came as JSON, by the rules that files have to pass. No problem has a place.
#[must_use]
pub fn check(spec: &Spec) -> Vec<Problem> {
    let found = check::spec(spec, &|_| false).into_iter().map(|finding| Problem {
        place: None,
        path: finding.path,
        reason: finding.reason,
        suggestion: finding.suggestion,
    });
    let mut problems: Vec<Problem> = found.collect();
    problems.truncate(MAX_PROBLEMS);
    problems
}

/// Reads and checks the spec files of a folder.
///
/// # Errors
/// [`Invalid`] with every problem there is.
pub fn read_dir(root: &Path) -> Result<Checked, Invalid> {
    SpecFiles::collect(root).check()
}

/// Reads a folder with spec files, or one file that holds a whole spec.
///
/// # Errors
/// [`Invalid`] with every problem there is, also where there is nothing to read.
pub fn read_path(path: &Path) -> Result<Checked, Invalid> {
    if path.is_dir() {
        return read_dir(path);
    }
    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
    let fail = |reason: String| Invalid::new(vec![whole_file(&name, reason)]);
    let resolved = path.canonicalize().map_err(|error| fail(format!("cannot be read: {}", error.kind())))?;
    let text = match read_file(&resolved) {
        Ok(Some(Ok(text))) => text,
        Ok(Some(Err(reason))) => return Err(fail(reason)),
        Ok(None) => return Err(fail("there is no such file".to_owned())),
        Err(error) => return Err(fail(format!("cannot be read: {}", error.kind()))),
    };
    single_file(&name, &text)
}

/// A contract's file: one service's part of it, or that of `infra`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its name in messages.
    pub file: String,
    /// What stands in it.
    pub text: String,
    /// The folder it stands in.
    pub owner: String,
}

/// Reads, checks and merges contracts without the rest of a spec; `services` are the names a consumer may have. Beside
/// the contract: where each variable is declared, as `file:line`.
///
/// # Errors
/// [`Invalid`] with every problem there is, variables that are declared differently in two files with both places.
pub fn contracts(
    fragments: &[Fragment],
    services: &[&str],
) -> Result<(EnvContract, BTreeMap<String, String>), Invalid> {
    let mut reading = Reading::default();
    let mut merge = Merge::default();
    for Fragment { file, text, owner } in fragments {
        let tree = tree::parse(text);
        reading.faults(file, "", &tree);
        if let Some(root) = &tree.root {
            contract::fragment(&mut reading.report, &At::root(file, "", root), owner, services, &mut merge);
        }
    }
    let problems = reading.report.problems;
    if !problems.is_empty() {
        return Err(Invalid::new(problems));
    }
    let places = merge.places.into_iter().map(|(name, (file, pos))| (name, format!("{file}:{}", pos.line)));
    Ok((merge.contract, places.collect()))
}

fn whole_file(file: &str, reason: String) -> Problem {
    let place = Place { file: file.to_owned(), line: 1, column: 1 };
    Problem { place: Some(place), path: String::new(), reason, suggestion: None }
}

/// The parts of a spec that stands in one file.
const SECTIONS: [&str; 6] = ["version", "project", "services", "modules", "models", "domains"];

/// Reads one document with `project:`, `services:` or `modules:`, `models:` and `domains:`; `file` is its name in
/// messages. Without `domains:`, every model gets the standard operations.
///
/// # Errors
/// [`Invalid`] with every problem there is.
pub fn single_file(file: &str, text: &str) -> Result<Checked, Invalid> {
    let mut reading = Reading::default();
    let tree = tree::parse(text);
    reading.faults(file, "", &tree);
    let Some(root) = &tree.root else { return Err(Invalid::new(reading.report.problems)) };
    let at = At::root(file, "", root);
    let report = &mut reading.report;
    let Some(parts) = report.fields(&at, &SECTIONS) else { return Err(Invalid::new(reading.report.problems)) };
    project::version(report, &parts, "2");
    let meta = report
        .needed(&parts, &at, "project", "write something like `project: {name: notes-api}`")
        .and_then(|at| project::project(report, at));
    let modules = match (parts.get("modules"), parts.get("services")) {
        (Some(at), Some(_)) => {
            report.key(at, "either `modules` or `services`, not both");
            vec![Module::Backend]
        }
        (Some(at), None) => project::modules(report, at),
        (None, Some(at)) => project::services(report, at),
        (None, None) => vec![Module::Backend],
    };
    let models = parts.get("models").map(|at| models::models(report, at)).unwrap_or_default();
    let mut found = Vec::new();
    let mut uses = Vec::new();
    let given = parts.get("domains").filter(|at| !at.is_null());
    if let Some(at) = given {
        for entry in report.bounded(at) {
            let name = report.key_named(&entry);
            let Decoded { domain, events, .. } = domains::domain(report, name, &entry);
            found.extend(domain);
            uses.extend(events);
        }
    }
    let mut spec = assemble(meta, modules, models, found);
    let roots = [(String::new(), file, root)];
    if given.is_none() && spec.modules.contains(&Module::Backend) {
        match spec.standard_domains() {
            Ok(domains) => spec.domains = domains,
            Err(error) => reading.bad_model_name(&roots, &error),
        }
    }
    let emptied = std::mem::take(&mut reading.report.emptied);
    reading.findings(&roots, check::spec(&spec, &|path| emptied.contains(path) || declared(&roots, path)));
    let forms = known_forms(&spec, &roots);
    for of in &uses {
        events::operation(&mut reading.report, of, &Events::new(), &Models(forms.iter().map(String::as_str).collect()));
    }
    reading.done(spec, EnvContract::default())
}

impl SpecFiles {
    /// Checks the files.
    ///
    /// # Errors
    /// [`Invalid`] with every problem there is.
    pub fn check(&self) -> Result<Checked, Invalid> {
        let mut reading = Reading::default();
        reading.report.problems.clone_from(&self.problems);
        let trees: BTreeMap<&str, Tree> =
            self.texts.iter().map(|(path, text)| (path.as_str(), tree::parse(text))).collect();
        let layout = Layout::of(trees.keys().copied());
        for (path, tree) in &trees {
            let domain = layout.domains.iter().find(|(_, _, other)| other == path);
            let prefix = domain.map(|(service, stem, _)| domains_path(service, stem)).unwrap_or_default();
            reading.faults(path, &prefix, tree);
        }
        if !layout.any {
            let reason = "no spec files here: neither `services.yml` nor `shared/spec/models.yaml`".to_owned();
            reading.report.problems.push(Problem { suggestion: None, ..whole_file(SERVICES, reason) });
            return Err(Invalid::new(reading.report.problems));
        }
        let root = |path: &str| trees.get(path).and_then(|tree| tree.root.as_ref());
        let unreadable = |path: &str| trees.get(path).is_some_and(|tree| tree.root.is_none());
        let (meta, modules) = reading.services(self.folder.as_deref(), root(SERVICES), unreadable(SERVICES));
        let models = root(MODELS).map(|root| reading.models(root)).unwrap_or_default();

        let mut roots: Vec<(String, &str, &Node)> = Vec::new();
        roots.extend([SERVICES, MODELS].iter().filter_map(|path| Some((String::new(), *path, root(path)?))));
        let mut by_service: BTreeMap<&str, Vec<Domain>> = BTreeMap::new();
        let mut operations: BTreeMap<(String, String), Option<Vec<String>>> = BTreeMap::new();
        let mut uses: Vec<OperationEvents> = Vec::new();
        for (service, stem, path) in &layout.domains {
            let name = reading.stem(stem, path);
            let names = operations.entry(((*service).to_owned(), (*stem).to_owned())).or_default();
            let Some(node) = root(path) else { continue };
            let prefix = domains_path(service, stem);
            let at = At::root(path, &prefix, node);
            roots.push((prefix, path, node));
            let decoded = domains::domain(&mut reading.report, name, &at);
            *names = decoded.operations.map(|names| names.into_iter().map(str::to_owned).collect());
            by_service.entry(*service).or_default().extend(decoded.domain);
            uses.extend(decoded.events);
        }
        let own = by_service.remove("backend").unwrap_or_default();
        let spec = assemble(meta, modules, models, own);
        if !unreadable(MODELS) && !unreadable(SERVICES) {
            let emptied = std::mem::take(&mut reading.report.emptied);
            let declared = |path: &str| emptied.contains(path) || declared(&roots, path);
            reading.findings(&roots, check::spec(&spec, &declared));
            for (service, domains) in &by_service {
                let path = format!("services.{service}.domains");
                reading.findings(&roots, check::other_domains(&spec, &declared, &path, domains));
                let text = format!("services/{service}/spec: checked; cgo generates the backend's operations only");
                reading.report.notes.push(text);
            }
            let forms = known_forms(&spec, &roots);
            let known = Models(forms.iter().map(String::as_str).collect());
            let declared = match root(EVENTS) {
                Some(node) => events::events(&mut reading.report, &At::root(EVENTS, "", node), &known),
                None => Events::new(),
            };
            for of in uses.iter().filter(|_| !unreadable(EVENTS)) {
                events::operation(&mut reading.report, of, &declared, &known);
            }
        }
        for path in &layout.manifests {
            if let Some(node) = root(path) {
                events::manifest(&mut reading.report, &At::root(path, "", node), &operations);
            }
        }
        let merge = reading.contract(&layout, root);
        reading.done(spec, merge.contract)
    }
}

fn domains_path(service: &str, stem: &str) -> String {
    if service == "backend" { format!("domains.{stem}") } else { format!("services.{service}.domains.{stem}") }
}

/// Which spec files there are, by what they hold.
#[derive(Default)]
struct Layout<'a> {
    any: bool,
    /// Service, stem and path of each domain.
    domains: Vec<(&'a str, &'a str, &'a str)>,
    manifests: Vec<&'a str>,
    /// Owner and path of each fragment.
    contracts: Vec<(&'a str, &'a str)>,
}

impl<'a> Layout<'a> {
    fn of(paths: impl Iterator<Item = &'a str>) -> Self {
        let mut layout = Self::default();
        for path in paths {
            match path.split('/').collect::<Vec<_>>()[..] {
                ["infra", CONTRACT] => layout.contracts.push(("infra", path)),
                ["services", service, CONTRACT] => layout.contracts.push((service, path)),
                ["services", _, "spec", "manifest.yaml"] => layout.manifests.push(path),
                ["services", service, "spec", file] => {
                    layout.domains.extend(file.strip_suffix(".yaml").map(|stem| (service, stem, path)));
                }
                _ => {
                    layout.any |= path == SERVICES || path == MODELS;
                    continue;
                }
            }
            layout.any = true;
        }
        layout
    }
}

#[derive(Default)]
struct Reading {
    report: Report,
}

impl Reading {
    fn faults(&mut self, file: &str, prefix: &str, tree: &Tree) {
        for (pos, path, reason) in &tree.faults {
            let path = if path.is_empty() { prefix.to_owned() } else { join(prefix, path) };
            self.report.add(file, *pos, &path, reason.clone(), None);
        }
    }

    /// `services.yml`; where it is absent, the project is a backend named after its folder.
    fn services(
        &mut self,
        folder: Option<&str>,
        root: Option<&Node>,
        unreadable: bool,
    ) -> (Option<ProjectMeta>, Vec<Module>) {
        let (mut meta, mut modules, mut named) = (None, vec![Module::Backend], unreadable);
        if let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) {
            let at = At::root(SERVICES, "", root);
            let parts = self.report.fields(&at, &["version", "project", "services"]);
            named = parts.is_none();
            if let Some(parts) = parts {
                project::version(&mut self.report, &parts, "2");
                if let Some(at) = parts.get("project") {
                    named = true;
                    meta = project::project(&mut self.report, at);
                }
                if let Some(at) = parts.get("services") {
                    modules = project::services(&mut self.report, at);
                }
            }
        }
        if !named {
            match folder.map(ProjectName::parse) {
                Some(Ok(name)) => meta = Some(unnamed(name)),
                Some(Err(_)) | None => self.report.problems.push(Problem {
                    suggestion: Some("write something like `project: {name: notes-api}`".to_owned()),
                    ..whole_file(SERVICES, "nothing names the project".to_owned())
                }),
            }
        }
        (meta, modules)
    }

    fn models(&mut self, root: &Node) -> Vec<Model> {
        if matches!(root.value, Value::Null) {
            return Vec::new();
        }
        let at = At::root(MODELS, "", root);
        let Some(parts) = self.report.fields(&at, &["version", "models"]) else { return Vec::new() };
        project::version(&mut self.report, &parts, "2");
        parts.get("models").map(|at| models::models(&mut self.report, at)).unwrap_or_default()
    }

    fn stem(&mut self, stem: &str, path: &str) -> Option<Identifier> {
        match Identifier::parse(stem) {
            Ok(name) => Some(name),
            Err(error) => {
                let reason = format!("the file's name becomes a module's: {error}");
                self.report.problems.push(whole_file(path, reason));
                None
            }
        }
    }

    fn findings(&mut self, roots: &[(String, &str, &Node)], findings: Vec<Finding>) {
        for finding in findings {
            let place = locate(roots, &finding.path, finding.key);
            let Finding { path, reason, suggestion, .. } = finding;
            self.report.problems.push(Problem { place, path, reason, suggestion });
        }
    }

    fn bad_model_name(&mut self, roots: &[(String, &str, &Node)], error: &InvalidName) {
        let place = locate(roots, "models", true);
        let reason = format!("a model's standard operations cannot be named: {error}");
        self.report.problems.push(Problem { place, path: "models".to_owned(), reason, suggestion: None });
    }

    fn contract<'a>(&mut self, layout: &Layout, root: impl Fn(&str) -> Option<&'a Node>) -> Merge {
        let services: Vec<&str> = KNOWN_SERVICES.iter().map(|service| service.name).chain(["db", "redis"]).collect();
        let mut merge = Merge::default();
        for (owner, path) in &layout.contracts {
            match root(path) {
                Some(node) if !matches!(node.value, Value::Null) => {
                    contract::fragment(&mut self.report, &At::root(path, "", node), owner, &services, &mut merge);
                }
                _ => {}
            }
        }
        merge
    }

    fn done(self, spec: Spec, contract: EnvContract) -> Result<Checked, Invalid> {
        let Report { problems, unwritten, notes, emptied: _ } = self.report;
        if problems.is_empty() { Ok(Checked { spec, contract, notes, unwritten }) } else { Err(Invalid::new(problems)) }
    }
}

/// The spec of what could be read. A project that could not be named is checked under a name of cgo's own,
/// and refused afterwards.
fn assemble(meta: Option<ProjectMeta>, modules: Vec<Module>, models: Vec<Model>, mut domains: Vec<Domain>) -> Spec {
    order_domains(&models, &mut domains);
    let features = derive_features(&domains);
    let placeholder = || unnamed(ProjectName::parse("unnamed").expect("a valid project name"));
    Spec { project: meta.unwrap_or_else(placeholder), modules, models, domains, features }
}

fn unnamed(name: ProjectName) -> ProjectMeta {
    ProjectMeta { title: name.to_string(), name, description: String::new(), language: Language::En }
}

/// The models and their forms, those that could not be read among them.
fn known_forms(spec: &Spec, roots: &[(String, &str, &Node)]) -> BTreeSet<String> {
    let mut forms: BTreeSet<String> = spec.models.iter().flat_map(forms_of).collect();
    for entry in roots.iter().filter_map(|(_, _, root)| root.entry("models")) {
        if let Value::Map { entries, .. } = &entry.node.value {
            for model in entries {
                forms.extend(["", "Create", "Update"].map(|form| format!("{}{form}", model.key)));
                if let Some(Value::Map { entries, .. }) = model.node.entry("variants").map(|entry| &entry.node.value) {
                    forms.extend(entries.iter().map(|variant| format!("{}{}", model.key, variant.key)));
                }
            }
        }
    }
    forms
}

/// How far a path leads into a tree: the number of its segments found, and where the last one stands.
fn walk(root: &Node, path: &str, on_key: bool) -> (usize, tree::Pos) {
    let (mut node, mut found, mut pos) = (root, 0, root.pos);
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let renamed = (found == 0 && segment == "modules" && root.entry("modules").is_none()).then_some("services");
        match &node.value {
            Value::Map { .. } => {
                let Some(entry) = node.entry(renamed.unwrap_or(segment)) else { break };
                pos = if on_key { entry.key_pos } else { entry.shown_pos() };
                node = &entry.node;
            }
            Value::List { items, .. } => {
                let Some(item) = segment.parse().ok().and_then(|index: usize| items.get(index)) else { break };
                (node, pos) = (item, item.pos);
            }
            _ => break,
        }
        found += 1;
    }
    (found, pos)
}

fn inside<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    match path.strip_prefix(prefix)? {
        rest if prefix.is_empty() || rest.is_empty() => Some(rest),
        rest => rest.strip_prefix('.'),
    }
}

/// The place of the longest part of a path that is written somewhere.
fn locate(roots: &[(String, &str, &Node)], path: &str, on_key: bool) -> Option<Place> {
    let depth = path.split('.').count();
    let found = roots.iter().filter_map(|(prefix, file, root)| {
        let rest = inside(path, prefix)?;
        let above = if prefix.is_empty() { 0 } else { prefix.split('.').count() };
        let exact = walk(root, rest, on_key);
        let best = if above + exact.0 == depth { exact } else { walk(root, rest, false) };
        Some((above + best.0, best.1, *file))
    });
    let (_, pos, file) = found.max_by_key(|(found, ..)| *found)?;
    Some(Place { file: file.to_owned(), line: pos.line, column: pos.column })
}

/// Whether a path is written somewhere.
fn declared(roots: &[(String, &str, &Node)], path: &str) -> bool {
    let reached =
        |rest: &str, root: &Node| walk(root, rest, false).0 == rest.split('.').filter(|s| !s.is_empty()).count();
    roots.iter().any(|(prefix, _, root)| inside(path, prefix).is_some_and(|rest| reached(rest, root)))
}
