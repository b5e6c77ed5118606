//! The spec in a project's folder, and the code that follows from it.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use crate::domain::project::Project;
use crate::domain::spec::Spec;
use crate::scaffold::{render, spec as spec_files};

/// Files one of which every spec has.
const SPECS: [&str; 2] = ["services.yml", "shared/spec/models.yaml"];

/// The spec in a project's folder.
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn of_project(project: &Project) -> Result<Spec, Error> {
    read(Path::new(&project.folder))
}

/// The spec in a folder or a single file, with its operations.
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn read(path: &Path) -> Result<Spec, Error> {
    let mut spec = spec_files::read_path(path).map_err(|invalid| problems_of(&invalid))?.spec;
    if spec.domains.is_empty() {
        spec.domains = spec.standard_domains()?;
    }
    Ok(spec)
}

fn problems_of(invalid: &spec_files::Invalid) -> Error {
    Error::Spec { problems: invalid.problems.iter().map(ToString::to_string).collect() }
}

/// Everything that is wrong with a spec that came from an agent, one line each.
#[must_use]
pub fn problems(spec: &Spec) -> Vec<String> {
    spec_files::check(spec).iter().map(ToString::to_string).collect()
}

/// The files a project of this spec consists of, by path.
///
/// # Errors
/// When the spec cannot be rendered.
pub fn files(spec: &Spec) -> Result<Vec<String>, Error> {
    Ok(render::render(spec)?.files.into_iter().map(|file| file.path).collect())
}

/// The spec's own files, as (path, text).
#[must_use]
pub fn texts(spec: &Spec) -> Vec<(String, String)> {
    spec_files::files(spec)
}

/// Writes a folder's spec files in their standard form, or only says which would change: (changed, kept with why).
///
/// # Errors
/// [`Error::Spec`] with every problem.
pub fn format(folder: &Path, write: bool) -> Result<(Vec<String>, Vec<String>), Error> {
    let formatted =
        spec_files::format(&spec_files::SpecFiles::collect(folder)).map_err(|invalid| problems_of(&invalid))?;
    let mut changed = Vec::new();
    for (path, text) in formatted.changed {
        if write {
            let file = folder.join(&path);
            let beside = file.with_extension("yaml.part");
            std::fs::write(&beside, &text)
                .and_then(|()| std::fs::rename(&beside, &file))
                .map_err(|source| Error::Path { action: "write to", path: file.clone(), source })?;
        }
        changed.push(path);
    }
    let kept = formatted.kept.into_iter().map(|(path, why)| format!("{path}: {why}")).collect();
    Ok((changed, kept))
}

/// What bringing a project in step with its spec changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Generated {
    /// The changes, one a line: `create services/…`.
    pub changes: Vec<String>,
    /// What to know: files edited by hand, migrations that lose data.
    pub notes: Vec<String>,
}

/// Whether a folder has a spec: without one nothing in it is generated.
#[must_use]
pub fn is_here(folder: &Path) -> bool {
    SPECS.iter().any(|file| folder.join(file).is_file())
}

/// Writes a project's generated code again from its spec. Hand-written files are never touched.
///
/// # Errors
/// [`Error::Spec`] with every problem, or when the files cannot be written.
pub fn generate(folder: &Path, force: bool, dry_run: bool) -> Result<Generated, Error> {
    let spec = read(folder)?;
    let overwrite = if force { render::Overwrite::Yes } else { render::Overwrite::No };
    let plan = render::plan_generate(&spec, folder, overwrite)?;
    let changes = plan
        .steps
        .iter()
        .map(|step| {
            let verb = match step.action {
                render::Action::Create => "create",
                render::Action::Update => "update",
                render::Action::Remove => "remove",
            };
            format!("{verb} {}", step.path)
        })
        .collect();
    let mut notes: Vec<String> = plan.notes.iter().map(|note| note.text.clone()).collect();
    if !force {
        notes.extend(
            plan.edited
                .iter()
                .map(|path| format!("`{path}` was edited by hand and is left as it is; --force overwrites it")),
        );
    }
    notes.extend(plan.orphans.iter().map(|path| format!("`{path}` belongs to nothing in the spec any more")));
    if !dry_run {
        plan.apply()?;
    }
    Ok(Generated { changes, notes })
}
