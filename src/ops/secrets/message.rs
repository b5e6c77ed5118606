//! Secrets that a person sends in a message: kept as one from the page is, and marked as seen by others.
//!
//! Only what is plainly a value is taken, and only where it is known of which variable; nobody wants a question to be the
//! password of a service. That the message goes is the front end's to see to.

use super::super::{Context, Error, projects, users};
use super::put;
use crate::domain::manifest::EnvName;
use crate::domain::names::ProjectName;
use crate::domain::project::Project;
use crate::domain::redact::Handle;
use crate::domain::run::{Ask, Run};
use crate::domain::secret::{Exposure, Leak, Secret};
use crate::domain::secret_shape;
use crate::domain::user::Right;
use crate::store::ProjectSecrets as _;

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The project.
    pub project: ProjectName,
    /// The variables that were set.
    pub names: Vec<EnvName>,
}

/// Takes what a person sent while a run waits for secrets: `NAME=value`, each on a line of its own, or the value alone where
/// one is missing. None when it is no value, or not known of what.
///
/// # Errors
/// [`users::Error::Forbidden`]; [`Error::UnfitSecret`]; when it cannot be kept. No value stands in it.
pub async fn take(context: &Context, run: &Run, ask: &Ask, text: &str) -> Result<Option<Taken>, Error> {
    users::require_run(context, Right::Operate, run).await?;
    let Some(project) = &run.project else { return Ok(None) };
    let project = projects::by_id(context, project).await?;
    let names: Vec<EnvName> =
        ask.questions.iter().filter_map(|question| EnvName::try_from(question.id.clone()).ok()).collect();
    let only = only(context, &project, &names).await?;
    let Some(given) = given(text, &names, only) else { return Ok(None) };
    let mut values = Vec::new();
    for (name, text) in given {
        let value = Secret::given(text.to_owned().into_bytes())
            .map_err(|source| Error::UnfitSecret { name: name.to_string(), source })?;
        // From here on it stands in no log, whatever happens.
        let _ = context.secrets.add(&Handle::new(project.name.as_str(), name.as_str()), value.reveal());
        values.push((name.clone(), value));
    }
    let exposed = Exposure { at: context.now(), how: Leak::Message };
    for (name, value) in &values {
        put(context, &project.name, name, value, Some(exposed)).await?;
    }
    Ok(Some(Taken { project: project.name, names: values.into_iter().map(|(name, _)| name).collect() }))
}

/// The variable a value alone is of: the only one that is asked for, or the only one that is not set.
async fn only<'n>(context: &Context, project: &Project, names: &'n [EnvName]) -> Result<Option<&'n EnvName>, Error> {
    if let [name] = names {
        return Ok(Some(name));
    }
    let kept = context.store.secrets(&project.id).await?;
    let mut missing = names.iter().filter(|name| kept.iter().all(|kept| kept.name != **name));
    Ok(missing.next().filter(|_| missing.next().is_none()))
}

fn given<'t, 'n>(
    text: &'t str,
    names: &'n [EnvName],
    only: Option<&'n EnvName>,
) -> Option<Vec<(&'n EnvName, &'t str)>> {
    let text = text.trim();
    let named = text.lines().map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = names.iter().find(|known| known.as_str() == name.trim())?;
        Some((name, value.trim())).filter(|(_, value)| !value.is_empty())
    });
    if let Some(named) = named.collect::<Option<Vec<_>>>().filter(|named| !named.is_empty()) {
        return Some(named);
    }
    only.filter(|_| secret_shape::is_value(text)).map(|name| vec![(name, text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_where_it_is_known_of_what_and_words_are_not() {
        let name = |name: &str| EnvName::try_from(name.to_owned()).unwrap();
        let names = [name("MAIL_KEY"), name("PAY_KEY")];
        let read = |text, only: Option<usize>| {
            let found = given(text, &names, only.map(|at| &names[at]));
            found.map(|found| found.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>())
        };
        assert_eq!(read(" s3cr3t= ", Some(0)), Some(vec!["MAIL_KEY: s3cr3t=".to_owned()]));
        let both = vec!["PAY_KEY: two words".to_owned(), "MAIL_KEY: a=b".to_owned()];
        assert_eq!(read("PAY_KEY = two words\nMAIL_KEY=a=b", None), Some(both));
        for (text, only) in [("s3cr3t", None), ("where do I get it?", Some(0)), ("MAIL_KEY=", None), ("", Some(0))] {
            assert_eq!(read(text, only), None, "{text}");
        }
    }
}
