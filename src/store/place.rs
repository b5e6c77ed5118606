//! Where a store is: parsing the URL people write, and showing it without its password.
//!
//! Nothing is opened here; see [`super::sqlite`] and [`super::postgres`].

use std::fmt;
use std::path::{Path, PathBuf};

use super::Error;

/// A parsed store URL. `Display` never shows a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A SQLite file, as an absolute path.
    File(PathBuf),
    /// A SQLite store that lives as long as the process.
    Memory,
    /// A PostgreSQL database.
    Server {
        /// The URL as given; holds the password.
        url: String,
        /// The URL to show.
        shown: String,
    },
}

impl Place {
    /// Reads `sqlite:PATH`, `sqlite::memory:`, `postgres://…` or a bare path.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] and [`Error::InvalidUrl`].
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::InvalidUrl { url: masked(text), reason: reason.to_owned() };
        if text.contains('\0') {
            return Err(invalid("it has a NUL character"));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::from("sqlite"), text),
        };
        match scheme.as_str() {
            "sqlite" if rest == ":memory:" => Ok(Self::Memory),
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() {
                    return Err(invalid("it names no file"));
                }
                let path = std::path::absolute(path).map_err(|error| invalid(&error.to_string()))?;
                Ok(Self::File(path))
            }
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Server { url: text.to_owned(), shown: masked(text) })
            }
            "postgres" | "postgresql" => Err(invalid("it should look like `postgres://user@host/database`")),
            _ => Err(Error::UnknownScheme { scheme }),
        }
    }

    /// The file, where there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory | Self::Server { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Server { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// The URL with every part that can hold a password replaced. A password may itself hold `/`, `?`, `#` or `@`
/// (people forget to encode them), so everything from the first colon to the *last* `@` goes, and a URL in which
/// a password may follow the colon without any `@` shows nothing behind it but a port.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.chars().flat_map(char::escape_debug).collect();
    };
    let (user, host) = match rest.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:***@"), host),
            None => (format!("{credentials}@"), host),
        },
        None => (String::new(), rest),
    };
    let (address, query) = host.split_once('?').map_or((host, None), |(address, query)| (address, Some(query)));
    let (name, path) = address.split_once('/').map_or((address, None), |(name, path)| (name, Some(path)));
    let name = match name.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_err() && !name.ends_with(']') => format!("{host}:***"),
        _ => name.to_owned(),
    };
    let mut shown = format!("{scheme}://{user}{name}");
    if let Some(path) = path {
        shown.push('/');
        shown.push_str(path);
    }
    for (at, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if at == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("pass") || key.contains('%') => {
                shown.push_str(key);
                shown.push_str("=***");
            }
            _ => shown.push_str(pair),
        }
    }
    shown.chars().flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_of_files_mean_the_same_place() {
        for text in ["/a/cgo.db", "sqlite:/a/cgo.db", "sqlite:///a/cgo.db", "SQLite:/a/cgo.db"] {
            assert_eq!(Place::parse(text).unwrap(), Place::File("/a/cgo.db".into()), "{text}");
        }
        assert_eq!(Place::parse("sqlite::memory:").unwrap(), Place::Memory);
        assert!(Place::parse("./odd:name.db").unwrap().file().unwrap().ends_with("odd:name.db"));
    }

    #[test]
    fn other_schemes_and_empty_places_are_refused_by_name() {
        let error = Place::parse("mysql://root:hunter2@db/x").unwrap_err();
        assert_eq!(error.to_string(), "`mysql` is not a sort of store");
        for text in ["", "sqlite:", "sqlite://", "postgres:db", "/a\0b"] {
            assert!(matches!(Place::parse(text), Err(Error::InvalidUrl { .. })), "{text:?}");
        }
    }

    #[test]
    fn no_form_of_a_password_is_shown() {
        for (url, shown) in [
            ("postgres://me:hunter2@db:5432/cgo", "postgres://me:***@db:5432/cgo"),
            ("postgres://me:hun/ter2@db/cgo?sslmode=require", "postgres://me:***@db/cgo?sslmode=require"),
            ("postgres://me:hun@ter?2#@db/cgo", "postgres://me:***@db/cgo"),
            ("postgres://me:hunter2", "postgres://me:***"),
            ("postgres://me@db/cgo?password=hunter2&port=1", "postgres://me@db/cgo?password=***&port=1"),
            ("postgres://me@db/cgo?p%61ssword=hunter2", "postgres://me@db/cgo?p%61ssword=***"),
            ("postgres://[::1]:5432/cgo", "postgres://[::1]:5432/cgo"),
            ("postgres://[::1]/cgo", "postgres://[::1]/cgo"),
        ] {
            let place = Place::parse(url).unwrap();
            assert_eq!(place.to_string(), shown);
            assert!(!format!("{place:?}").contains("hunter2"));
        }
    }
}
