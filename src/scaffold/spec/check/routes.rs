//! Rules for paths: their form, their parameters, and routes that hide each other.

use std::collections::BTreeMap;

use super::Check;
use crate::domain::names::Identifier;
use crate::domain::spec::{Domain, Method, Operation};
use crate::scaffold::spec::problem::shown;

/// Paths that every generated service answers itself.
const OWN_PATHS: [&str; 6] = ["/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json"];
const MAX_PATH: usize = 200;

/// A path without what its parameters are called: `/books/{}`.
fn outline(path: &str) -> String {
    let segments = path.trim_end_matches('/').split('/');
    segments.map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

/// Whether every path of the second outline is one of the first as well.
fn covers(general: &str, special: &str) -> bool {
    general.split('/').count() == special.split('/').count()
        && general.split('/').zip(special.split('/')).all(|(g, s)| g == "{}" || g == s)
}

/// The names in braces.
pub(super) fn placeholders(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
}

impl Check<'_> {
    /// Whether a prefix or a path is well formed; what is not, is reported.
    pub(super) fn path_form(&mut self, at: &str, path: &str, prefix: bool) -> bool {
        let before = self.found.len();
        if path.is_empty() {
            return true;
        }
        let at = at.to_owned();
        if !path.starts_with('/') {
            let hint = format!("write `/{}`", shown(path));
            self.hint(at, format!("the path `{}` does not begin with `/`", shown(path)), hint);
            return false;
        }
        if path.len() > MAX_PATH {
            self.add(at, format!("the path is longer than {MAX_PATH} characters"));
            return false;
        }
        if prefix && path.ends_with('/') {
            self.add(at.clone(), "a prefix does not end with `/`");
        }
        let inner = path[1..].strip_suffix('/').unwrap_or(&path[1..]);
        if path.len() > 1 {
            for segment in inner.split('/') {
                self.segment(&at, path, segment);
            }
        }
        self.found.len() == before
    }

    fn segment(&mut self, at: &str, path: &str, segment: &str) {
        let at = at.to_owned();
        if segment.is_empty() {
            self.add(at, format!("the path `{}` has an empty part", shown(path)));
        } else if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            if let Err(error) = Identifier::parse(name) {
                self.add(at, error.to_string());
            }
        } else if segment.contains(['{', '}']) {
            let hint = "write something like `/{book_id}`".to_owned();
            self.hint(at, format!("`{}` is neither a plain part nor one parameter", shown(segment)), hint);
        } else if let Some(bad) =
            segment.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')))
        {
            self.add(at, format!("`{}` in the path is not one of a-z, A-Z, 0-9, - _ . ~", bad.escape_debug()));
        } else if segment.chars().all(|c| c == '.') {
            self.add(at, "a part of a path is not `.` or `..`");
        }
    }

    /// Routes that are the same, hidden by an earlier one, or the service's own.
    pub(super) fn routes(&mut self, path: &str, domains: &[Domain]) {
        let mut taken: BTreeMap<(&'static str, String), String> = BTreeMap::new();
        for domain in domains {
            let mut earlier: Vec<(&'static str, String, &Operation)> = Vec::new();
            for operation in &domain.operations {
                let at = format!("{path}.{}.operations.{}.rest.path", domain.name, operation.name);
                let full = format!("{}{}", domain.prefix, operation.rest.path);
                if full.is_empty() {
                    self.hint(at, "prefix and path are both empty", "write `path: /`".to_owned());
                    continue;
                }
                let method = operation.rest.method.as_str();
                let route = outline(&full);
                if operation.rest.method == Method::Get && OWN_PATHS.contains(&route.as_str()) {
                    self.add(at.clone(), format!("`{route}` is answered by every service itself"));
                }
                let name = format!("{}.{}", domain.name, operation.name);
                if let Some(other) = taken.get(&(method, route.clone())) {
                    self.add(at, format!("`{method} {full}` is the same route as `{other}`"));
                    continue;
                }
                if let Some((_, _, hiding)) = earlier.iter().find(|(m, r, _)| *m == method && covers(r, &route)) {
                    self.hint(
                        at,
                        format!("`{method} {full}` is never reached: `{}` stands before it", hiding.name),
                        format!("put `{}` before `{}`", operation.name, hiding.name),
                    );
                }
                earlier.push((method, route.clone(), operation));
                taken.insert((method, route), name);
            }
        }
    }
}
