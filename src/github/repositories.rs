//! Whose token it is, and the repositories it reaches: found, listed, made once.
//!
//! A repository that cgo makes carries a mark in its description from the first moment on, because the description is
//! the one thing that is there together with the repository: whoever looks for it after a crash knows whether it is
//! the one.

use std::fmt;
use std::str::FromStr;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::exchange::Question;
use super::{Client, Error};
use crate::domain::names::{BranchName, InvalidName, OwnerName, RepositoryName};
use crate::domain::sharing::Visibility;
use crate::net::text;

/// How many entries of a list one page has; the most GitHub gives.
pub(super) const PER_PAGE: &str = "100";
/// The longest description GitHub takes, in characters.
const DESCRIPTION_LIMIT: usize = 350;

/// Owner and name of a repository: `octo/notes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FullName {
    /// The owner.
    pub owner: OwnerName,
    /// The name.
    pub name: RepositoryName,
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for FullName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (owner, name) = text.split_once('/').ok_or_else(|| InvalidName {
            shown: text.chars().take(60).flat_map(char::escape_debug).collect(),
            sort: "repository with its owner",
            reason: "it is written as `owner/name`".to_owned(),
        })?;
        Ok(Self { owner: OwnerName::parse(owner)?, name: RepositoryName::parse(name)? })
    }
}

impl FullName {
    /// GitHub's names differ by more than the case of their letters.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        self.to_string().eq_ignore_ascii_case(other)
    }

    fn what(&self) -> String {
        format!("repository `{self}`")
    }
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Me {
    /// The account.
    pub login: String,
    /// What a classic token may do; none for tokens whose rights GitHub does not tell.
    pub scopes: Option<Vec<String>>,
    /// When the token ends, in GitHub's words.
    pub expires_at: Option<String>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repository {
    /// Owner and name.
    pub full_name: String,
    /// The page people open.
    pub html_url: String,
    /// What `git clone` takes.
    pub clone_url: String,
    /// Only some may see it.
    pub private: bool,
    /// It takes no changes.
    #[serde(default)]
    pub archived: bool,
    /// The branch people see first.
    #[serde(default)]
    pub default_branch: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// When something was last pushed.
    #[serde(default)]
    pub pushed_at: Option<String>,
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its newest commit, in full.
    pub sha: String,
    /// Not everybody may push to it.
    pub protected: bool,
}

/// A list that may be cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// The entries.
    pub items: Vec<T>,
    /// There are more.
    pub more: bool,
}

/// A repository to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose it will be; the token's own account where none is given.
    pub owner: Option<OwnerName>,
    /// Its name.
    pub name: RepositoryName,
    /// What it is for; put on one line.
    pub description: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// What tells it from another one of that name: a word nobody else writes.
    pub mark: String,
}

impl Wanted {
    fn description(&self) -> String {
        let mark = format!("(cgo {})", self.mark);
        let room = DESCRIPTION_LIMIT - mark.chars().count().min(DESCRIPTION_LIMIT) - 1;
        let about: String = text::line(&self.description).chars().take(room).collect();
        format!("{about} {mark}").trim().to_owned()
    }

    fn is_made(&self, repository: &Repository) -> bool {
        let words = repository.description.as_deref().unwrap_or_default();
        words.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).any(|word| word == self.mark)
    }
}

impl Client {
    /// Whose token it is, and what it may do.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Forbidden`] for tokens that belong to no account, as those of a workflow.
    pub async fn me(&self, cancel: &CancellationToken) -> Result<Me, Error> {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        let answer = self.ask(&Question::get(&["user"], "say whose it is", "account"), cancel).await?;
        let scopes = answer.header("x-oauth-scopes").map(|scopes| {
            scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        });
        let expires_at = answer.header("github-authentication-token-expiration").map(text::line);
        Ok(Me { login: answer.read::<User>(self)?.login, scopes, expires_at })
    }

    /// The account of the token; none for one that belongs to no account, which may still work for an organization.
    ///
    /// # Errors
    /// [`Error`].
    async fn account(&self, cancel: &CancellationToken) -> Result<Option<String>, Error> {
        match self.me(cancel).await {
            Ok(me) => Ok(Some(me.login)),
            Err(Error::Forbidden { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A repository; one that was renamed or moved is found under its old name, too.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn repository(&self, name: &FullName, cancel: &CancellationToken) -> Result<Repository, Error> {
        let path = ["repos", name.owner.as_str(), name.name.as_str()];
        let answer = self.ask(&Question::get(&path, "look at repositories", &name.what()), cancel).await?;
        self.checked(answer.read(self)?)
    }

    /// The repositories of an owner, or all that the token reaches, newest change first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn repositories(
        &self,
        owner: Option<&OwnerName>,
        limit: usize,
        cancel: &CancellationToken,
    ) -> Result<Listed<Repository>, Error> {
        let query = [("per_page", PER_PAGE), ("sort", "pushed"), ("direction", "desc")];
        let Some(owner) = owner else {
            let question =
                Question { query: &query, ..Question::get(&["user", "repos"], "list repositories", "account") };
            return self.list(&question, limit, cancel).await.and_then(|found| self.all_checked(found));
        };
        let own = self.account(cancel).await?;
        if own.is_some_and(|own| own.eq_ignore_ascii_case(owner.as_str())) {
            let query = [query[0], query[1], query[2], ("affiliation", "owner")];
            let question =
                Question { query: &query, ..Question::get(&["user", "repos"], "list repositories", "account") };
            return self.list(&question, limit, cancel).await.and_then(|found| self.all_checked(found));
        }
        // The list of an account that is no person's own answers for organizations, too, without what is private.
        let what = format!("account `{owner}`");
        let of = |kind| [kind, owner.as_str(), "repos"];
        let question = |path| Question { query: &query, ..Question::get(path, "list repositories", &what) };
        let found = match self.list(&question(&of("orgs")), limit, cancel).await {
            Err(Error::NotFound { .. }) => self.list(&question(&of("users")), limit, cancel).await?,
            found => found?,
        };
        self.all_checked(found)
    }

    fn all_checked(&self, found: Listed<Repository>) -> Result<Listed<Repository>, Error> {
        let items = found.items.into_iter().map(|repository| self.checked(repository)).collect::<Result<_, _>>()?;
        Ok(Listed { items, more: found.more })
    }

    /// The branches of a repository.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn branches(
        &self,
        name: &FullName,
        limit: usize,
        cancel: &CancellationToken,
    ) -> Result<Listed<Branch>, Error> {
        #[derive(Deserialize)]
        struct Row {
            name: String,
            commit: Commit,
            #[serde(default)]
            protected: bool,
        }
        #[derive(Deserialize)]
        struct Commit {
            sha: String,
        }
        let path = ["repos", name.owner.as_str(), name.name.as_str(), "branches"];
        let what = name.what();
        let question = Question { query: &[("per_page", PER_PAGE)], ..Question::get(&path, "list branches", &what) };
        let rows: Listed<Row> = self.list(&question, limit, cancel).await?;
        let branch = |row: Row| Branch { name: row.name, sha: row.commit.sha, protected: row.protected };
        Ok(Listed { items: rows.items.into_iter().map(branch).collect(), more: rows.more })
    }

    /// The newest commit of a branch; none where there is no such branch.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn branch(
        &self,
        name: &FullName,
        branch: &BranchName,
        cancel: &CancellationToken,
    ) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Ref {
            object: Object,
        }
        #[derive(Deserialize)]
        struct Object {
            sha: String,
        }
        let mut path = vec!["repos", name.owner.as_str(), name.name.as_str(), "git", "ref", "heads"];
        path.extend(branch.as_str().split('/'));
        match self.ask(&Question::get(&path, "look at branches", "branch"), cancel).await {
            Ok(answer) => Ok(Some(answer.read::<Ref>(self)?.object.sha)),
            // An empty repository is a conflict.
            Err(Error::NotFound { .. } | Error::Refused { status: 409, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All pages of a list, up to a limit.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        question: &Question<'_>,
        limit: usize,
        cancel: &CancellationToken,
    ) -> Result<Listed<T>, Error> {
        let mut items: Vec<T> = Vec::new();
        let mut answer = self.ask(question, cancel).await?;
        loop {
            let page: Vec<T> = answer.read(self)?;
            let ended = page.is_empty();
            items.extend(page);
            let next = answer.next().filter(|_| !ended);
            if items.len() >= limit {
                let more = items.len() > limit || next.is_some();
                items.truncate(limit);
                return Ok(Listed { items, more });
            }
            let Some(next) = next else { return Ok(Listed { items, more: false }) };
            answer = self.ask_at(next, question, cancel).await?;
        }
    }

    /// Makes a repository, or finds the one an earlier attempt made.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when one of that name was not made for the same; [`Error::Unknown`] when it cannot be told
    /// whether it was made; other [`Error`]s, after which nothing was made.
    pub async fn make_repository(&self, wanted: &Wanted, cancel: &CancellationToken) -> Result<Repository, Error> {
        let (owner, is_own) = if let Some(owner) = &wanted.owner {
            let own = self.account(cancel).await?;
            (owner.clone(), own.is_some_and(|own| own.eq_ignore_ascii_case(owner.as_str())))
        } else {
            let own = OwnerName::parse(&self.me(cancel).await?.login);
            (own.map_err(|error| Error::NotGitHub { said: self.clean(&error.to_string()) })?, true)
        };
        let name = FullName { owner, name: wanted.name.clone() };
        if let Some(found) = self.made(wanted, &name, cancel).await? {
            return Ok(found);
        }
        let error = match self.post_repository(wanted, &name, is_own, cancel).await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        let taken = matches!(error, Error::Invalid { name_taken: true, .. });
        if !taken && !error.may_have_happened() {
            return Err(error);
        }
        // Somebody made it between the two questions, or our own did arrive.
        match self.made(wanted, &name, cancel).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) if taken => Err(Error::NameTaken { full_name: name.to_string() }),
            Err(taken @ Error::NameTaken { .. }) => Err(taken),
            Ok(None) | Err(_) => {
                Err(Error::Unknown { doing: format!("create repository `{name}`"), source: Box::new(error) })
            }
        }
    }

    /// The repository an earlier attempt made; none when there is none of that name.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::Archived`], others.
    pub async fn made(
        &self,
        wanted: &Wanted,
        name: &FullName,
        cancel: &CancellationToken,
    ) -> Result<Option<Repository>, Error> {
        match self.repository(name, cancel).await {
            Ok(found) if wanted.is_made(&found) && found.archived => {
                Err(Error::Archived { full_name: found.full_name })
            }
            Ok(found) if wanted.is_made(&found) => Ok(Some(found)),
            // The old name of another one may be given again.
            Ok(found) if !name.is(&found.full_name) => Ok(None),
            Ok(found) => Err(Error::NameTaken { full_name: found.full_name }),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn post_repository(
        &self,
        wanted: &Wanted,
        name: &FullName,
        is_own: bool,
        cancel: &CancellationToken,
    ) -> Result<Repository, Error> {
        let of_organization = ["orgs", name.owner.as_str(), "repos"];
        let path: &[&str] = if is_own { &["user", "repos"] } else { &of_organization };
        let body = json!({
            "name": wanted.name,
            "description": wanted.description(),
            "private": wanted.visibility == Visibility::Private,
            "auto_init": false,
        });
        let doing = format!("create repository `{name}`");
        let what = format!("organization `{}`", name.owner);
        let question = Question {
            method: Method::POST,
            path,
            query: &[],
            body: Some(body),
            doing: &doing,
            what: &what,
            accept: None,
        };
        let answer = self.ask(&question, cancel).await?;
        self.checked(answer.read(self)?)
    }

    /// Addresses that lead to another machine are not GitHub's.
    fn checked(&self, repository: Repository) -> Result<Repository, Error> {
        let stranger = [&repository.clone_url, &repository.html_url].into_iter().find(|url| !self.is_of_web_host(url));
        match stranger {
            Some(url) => Err(Error::Elsewhere { to: self.clean(url.split('?').next().unwrap_or_default()) }),
            None => Ok(repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(description: &str) -> Wanted {
        Wanted {
            owner: None,
            name: RepositoryName::parse("notes").unwrap(),
            description: description.to_owned(),
            visibility: Visibility::Private,
            mark: "prj-0abc".to_owned(),
        }
    }

    fn repository(description: &str) -> Repository {
        Repository {
            full_name: "o/notes".to_owned(),
            html_url: String::new(),
            clone_url: String::new(),
            private: true,
            archived: false,
            default_branch: "main".to_owned(),
            description: Some(description.to_owned()),
            pushed_at: None,
        }
    }

    #[test]
    fn the_mark_is_found_as_a_whole_word_and_only_then() {
        let wanted = wanted("Notes\nof mine");
        assert_eq!(wanted.description(), "Notes of mine (cgo prj-0abc)");
        assert!(wanted.is_made(&repository(&wanted.description())));
        for other in ["", "Notes (cgo prj-0abcd)", "xprj-0abc", "prj-0ab c"] {
            assert!(!wanted.is_made(&repository(other)), "{other}");
        }
    }

    #[test]
    fn a_long_description_leaves_room_for_the_mark() {
        let long = wanted(&"ж ".repeat(1000));
        assert!(long.description().chars().count() <= DESCRIPTION_LIMIT);
        assert!(long.is_made(&repository(&long.description())));
    }

    #[test]
    fn a_full_name_has_two_good_parts() {
        assert_eq!("octo/notes".parse::<FullName>().unwrap().to_string(), "octo/notes");
        for bad in ["octo", "octo/a/b", "../x", "/x", "o/", "o/..", "o/x?y"] {
            assert!(bad.parse::<FullName>().is_err(), "{bad}");
        }
    }
}
