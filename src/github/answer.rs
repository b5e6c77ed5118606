//! An answer of success, read into what was asked for.

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde::de::DeserializeOwned;

use super::{Client, Error};

/// An answer: its head and its whole body.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    /// The body as what it should be.
    ///
    /// # Errors
    /// [`Error::NotGitHub`] when it is something else.
    pub fn read<T: DeserializeOwned>(&self, client: &Client) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let begins: String = String::from_utf8_lossy(&self.body).chars().take(80).collect();
            Error::NotGitHub { said: client.clean(&format!("{error}: {begins}")) }
        })
    }

    /// The address of the next page, where there is one.
    pub fn next(&self) -> Option<Url> {
        let links = self.headers.get(LINK)?.to_str().ok()?;
        links.split(',').find_map(|link| {
            let (target, parameters) = link.split_once(';')?;
            let is_next = parameters.split(';').any(|parameter| {
                parameter.trim().split_once('=').is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("rel") && value.trim_matches('"').split(' ').any(|rel| rel == "next")
                })
            });
            let target = target.trim().strip_prefix('<')?.strip_suffix('>')?;
            Url::parse(target).ok().filter(|_| is_next)
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let next = |links: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_str(links).unwrap());
            Answer { status: 200, headers, body: Vec::new() }.next().map(|url| url.to_string())
        };
        let links = r#"<https://api.github.com/user/repos?page=1>; rel="prev", <https://api.github.com/user/repos?page=3>; rel="next", <https://api.github.com/user/repos?page=9>; rel="last""#;
        assert_eq!(next(links).as_deref(), Some("https://api.github.com/user/repos?page=3"));
        assert_eq!(next(r#"<https://api.github.com/x?page=1>; rel="first""#), None);
        assert_eq!(next("rubbish"), None);
    }
}
