//! Caddy in front of the applications of a host: their names, their certificates, and which slot serves.
//!
//! Layout below the root folder of projects:
//!
//! ```text
//! caddy/Caddyfile          ours: admin socket, certificates, limits; imports all sites
//! caddy/sites.d/APP.caddy  one application ([`Site`]); changes with its domains, ports and limits, never with a deploy
//! caddy/last-good/         the configuration that was last loaded and answered
//! caddy/run/admin.sock     Caddy's own; reachable for root and Caddy alone
//! caddy/data/              certificates and Caddy's log
//! apps/APP/production/active/{green,bake,maintenance}
//! ```
//!
//! Which slot serves is decided by the files in `active`, which Caddy looks for at each request: flipping, baking and
//! maintenance are renames on the disk, they need no Caddy and outlive it. A change of the configuration is parsed and
//! set up beside the running one, loaded, every site is asked whether it answers, and only then the file is replaced;
//! one change at a time on a host. It closes idle connections of clients, which is why a deploy needs none.
//!
//! Functions in shell for scripts of other modules are in [`FUNCTIONS`]. Names are resolved by [`dns`], and what a
//! visitor gets for a certificate is read by [`certificate`]; [`trial`] asks for one
//! that is thrown away.

pub mod certificate;
pub mod dns;
mod error;
mod site;
pub mod snippet;
pub mod trial;

use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::elevate::elevated;
use super::host::files::hex;
use super::host::{Answer, Host, Payload, Script, failed};
use crate::domain::domain_name::DomainName;
use crate::domain::host::Rights;
use crate::domain::last_words::tell_full_disk;
use crate::domain::names::ProjectName;
pub use error::Error;
pub use site::{At, Site};
pub use snippet::Snippet;

/// Functions of POSIX shell, for root or whoever Caddy runs as: `caddy_in_flight ROOT PORT` prints how many requests are
/// passed on to that port right now, open websockets included, or `unknown` when Caddy cannot be asked;
/// `caddy_flag ACTIVE NAME on|off` raises or lowers a flag, on the disk.
pub const FUNCTIONS: &str = include_str!("admin.sh");

const COMMON: &str = include_str!("common.sh");
const APPLY: &str = include_str!("apply.sh");
const DOORS: &str = include_str!("doors.sh");
const ENSURE: &str = include_str!("ensure.sh");
const SUPERVISE: &str = include_str!("supervise.sh");
/// `$1` the root folder, `$2` the port.
const IN_FLIGHT: &str = r#"caddy_in_flight "$1" "$2""#;
/// `$1` the root folder. One that nothing here can ask is taken to run.
const RUNNING: &str = r#"command -v caddy >/dev/null || exit 64
[ -f "$caddy/Caddyfile" ] || exit 65
answers || exit 71"#;
/// `$1` the root folder, `$2` the application.
const PORT: &str = r#"sed -n 's/^# probe \([0-9]*\) .*/\1/p;q' "$1/caddy/sites.d/$2.caddy" 2>/dev/null || true"#;
/// `$1` the root folder, `$2` the domain: the last of its lines in Caddy's log that says how asking for its certificate went,
/// if that was an error.
const REFUSAL: &str = r#"tail -n 5000 "$1/caddy/data/caddy.log" 2>/dev/null |
grep -F "\"identifier\":\"$2\"" | grep -E '"error":|certificate (obtained|renewed) successfully' | tail -n 1 | grep -F '"error":' || true"#;
/// How long a change may take: a minute of waiting for another, and the requests that are being answered.
const LIMIT: Duration = Duration::from_mins(3);

/// What the scripts end with; see their text.
mod code {
    pub const NO_CADDY: i32 = 64;
    pub const NOT_SET_UP: i32 = 65;
    pub const FOREIGN: i32 = 66;
    pub const REFUSED: i32 = 70;
    pub const NOT_RUNNING: i32 = 71;
    pub const NOT_LOADED: i32 = 72;
    pub const UNANSWERED: i32 = 73;
    pub const NO_START: i32 = 74;
    pub const BUSY: i32 = 75;
    pub const TAKEN: i32 = 76;
    pub const SHORT: i32 = 77;
    pub const UNPROVED: i32 = 78;
}

/// What Caddy is told beside the sites.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// The address the authority writes to when a certificate is about to expire.
    pub acme_email: Option<String>,
    /// The directory of the authority that signs certificates; none for Caddy's own choice.
    pub acme_ca: Option<String>,
    /// A file on the host with the certificate the authority itself proves who it is with, where the system's do not.
    pub acme_ca_root: Option<String>,
    /// The port of plain HTTP; none for 80.
    pub http_port: Option<u16>,
    /// The port of HTTPS; none for 443.
    pub https_port: Option<u16>,
}

impl Base {
    /// The file `<root>/caddy/Caddyfile`, without the newline at its end.
    #[must_use]
    pub fn render(&self, root: &str) -> String {
        let mut text = format!(
            "# Written by cgo. Sites are in sites.d.\n# http_port {}\n{{\n\tadmin unix/{root}/caddy/run/admin.sock\n\
             \tstorage file_system \"{root}/caddy/data\"\n\tgrace_period 15s\n\tlog {{\n\t\toutput file \
             \"{root}/caddy/data/caddy.log\" {{\n\t\t\troll_size 10MiB\n\t\t\troll_keep 3\n\t\t}}\n\t}}\n",
            self.http_port.unwrap_or(80)
        );
        let mut option = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                let value: String = value.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
                writeln!(text, "\t{name} \"{value}\"").expect("a string takes any text");
            }
        };
        option("email", self.acme_email.as_deref());
        option("acme_ca", self.acme_ca.as_deref());
        option("acme_ca_root", self.acme_ca_root.as_deref());
        option("http_port", self.http_port.map(|port| port.to_string()).as_deref());
        option("https_port", self.https_port.map(|port| port.to_string()).as_deref());
        text.push_str("}\nimport sites.d/*.caddy");
        text
    }
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Something was changed; then connections of clients that were idle have been closed.
    pub changed: bool,
}

/// The Caddy of a host.
pub struct Caddy<'a> {
    host: &'a dyn Host,
    root: &'a str,
    rights: Rights,
    expected: String,
}

impl<'a> Caddy<'a> {
    /// That of a host whose projects live in a folder, for an account with these rights.
    ///
    /// # Errors
    /// [`Error::Root`] for a folder whose path cannot stand in a configuration.
    pub fn of(host: &'a dyn Host, root: &'a str, rights: Rights) -> Result<Self, Error> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | ',' | '=');
        if root.starts_with('/') && root.chars().all(plain) && !root.ends_with('/') {
            Ok(Self { host, root, rights, expected: String::new() })
        } else {
            Err(Error::Root { root: root.chars().flat_map(char::escape_debug).collect() })
        }
    }

    /// One that is told all this beside the sites: a Caddy that is told something else is [`Error::NotSetUp`] for
    /// [`Self::apply`].
    #[must_use]
    pub fn expecting(mut self, base: &Base) -> Self {
        let file = base.render(self.root) + "\n";
        self.expected = hex(&Sha256::digest(file));
        self
    }

    /// Has Caddy run by our configuration, now and after the machine starts: by systemd where it runs the machine, else
    /// by a supervisor of ours. May be repeated. What it changed, in words; nothing the second time.
    ///
    /// # Errors
    /// [`Error::NoCaddy`], [`Error::Foreign`], [`Error::Refused`], [`Error::NoStart`], and what a host fails with.
    pub async fn ensure(&self, base: &Base, cancel: &CancellationToken) -> Result<Vec<String>, Error> {
        const WHAT: &str = "set up Caddy";
        let script = self
            .script(
                WHAT,
                &[COMMON, FUNCTIONS, ENSURE],
                [self.root.to_owned(), base.render(self.root), SUPERVISE.trim_end().to_owned()],
            )
            .deadline(LIMIT)
            .harmless();
        let answer = self.host.run(&script, cancel).await?;
        if answer.code != 0 {
            let host = self.host.name().to_owned();
            return Err(match answer.code {
                code::FOREIGN => Error::Foreign { host },
                _ => self.error(WHAT, &answer, None),
            });
        }
        Ok(answer.text().lines().filter_map(|line| line.strip_prefix("changed ")).map(str::to_owned).collect())
    }

    /// Puts a site in place; one that is so already costs a look. May be repeated. When it fails, whatever was served
    /// before is served still.
    ///
    /// # Errors
    /// [`Error::Refused`] with Caddy's reason and the line, [`Error::Unanswered`], [`Error::NotRunning`],
    /// [`Error::NotSetUp`], [`Error::Busy`], and what a host fails with.
    pub async fn apply(&self, site: &Site, cancel: &CancellationToken) -> Result<Applied, Error> {
        let fragment = site.fragment(self.root).text.into_bytes();
        self.change(&site.app, Some(site), fragment, cancel).await
    }

    /// Takes a site away. May be repeated.
    ///
    /// # Errors
    /// Like [`Self::apply`].
    pub async fn remove(&self, app: &ProjectName, cancel: &CancellationToken) -> Result<Applied, Error> {
        self.change(app, None, Vec::new(), cancel).await
    }

    async fn change(
        &self,
        app: &ProjectName,
        site: Option<&Site>,
        fragment: Vec<u8>,
        cancel: &CancellationToken,
    ) -> Result<Applied, Error> {
        const WHAT: &str = "take a site's configuration";
        let size = site.map(|_| fragment.len().to_string()).unwrap_or_default();
        let script = self
            .script(
                WHAT,
                &[COMMON, FUNCTIONS, DOORS, APPLY],
                [self.root.to_owned(), app.as_str().to_owned(), size, self.expected.clone()],
            )
            .payload(Payload::Bytes(fragment))
            .deadline(LIMIT)
            .harmless();
        let answer = self.host.run(&script, cancel).await?;
        if answer.code == 0 {
            return Ok(Applied { changed: answer.text().lines().any(|line| line == format!("changed {app}")) });
        }
        Err(self.error(WHAT, &answer, Some((app, site))))
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`Error::NoCaddy`], [`Error::NotSetUp`], [`Error::NotRunning`], and what a host fails with.
    pub async fn running(&self, cancel: &CancellationToken) -> Result<(), Error> {
        const WHAT: &str = "ask Caddy whether it runs";
        let script = self.script(WHAT, &[COMMON, FUNCTIONS, RUNNING], [self.root.to_owned()]).harmless();
        let answer = self.host.run(&script, cancel).await?;
        if answer.code == 0 { Ok(()) } else { Err(self.error(WHAT, &answer, None)) }
    }

    /// The port that visitors reach an application at; none where it has none, or is reached by a name.
    ///
    /// # Errors
    /// What a host fails with.
    pub async fn port_of(&self, app: &ProjectName, cancel: &CancellationToken) -> Result<Option<u16>, Error> {
        let args = [self.root.to_owned(), app.to_string()];
        let script = self.script("say where a site is", &[PORT], args).harmless();
        let port = self.host.run_ok(&script, cancel).await?.text().parse().ok();
        Ok(port.filter(|port| *port != 0))
    }

    /// How many requests are passed on to a port of the host right now, open websockets included; none when Caddy cannot
    /// be asked.
    ///
    /// # Errors
    /// What a host fails with.
    pub async fn in_flight(&self, port: u16, cancel: &CancellationToken) -> Result<Option<u64>, Error> {
        let args = [self.root.to_owned(), port.to_string()];
        let script = self.script("count requests", &[FUNCTIONS, IN_FLIGHT], args).harmless();
        Ok(self.host.run_ok(&script, cancel).await?.text().parse().ok())
    }

    /// What the authority said when it last refused this Caddy a certificate for a domain; none when it did not, or one
    /// was had since.
    ///
    /// # Errors
    /// What a host fails with.
    pub async fn refusal(&self, domain: &DomainName, cancel: &CancellationToken) -> Result<Option<String>, Error> {
        let args = [self.root.to_owned(), domain.to_string()];
        let script = self.script("say why there is no certificate", &[REFUSAL], args).harmless();
        Ok(refused(&self.host.run_ok(&script, cancel).await?.text()))
    }

    /// A script that runs as root where the account may.
    fn script<const N: usize>(&self, what: &'static str, texts: &[&'static str], args: [String; N]) -> Script {
        elevated(self.rights, what, texts).args(args)
    }

    fn error(&self, what: &'static str, answer: &Answer, about: Option<(&ProjectName, Option<&Site>)>) -> Error {
        let host = self.host.name().to_owned();
        let subject = about.map_or("all sites".to_owned(), |(app, _)| app.to_string());
        let evidence = answer.stderr.last_lines(10);
        let said = evidence.last().map(String::as_str).unwrap_or_default();
        match answer.code {
            code::NO_CADDY => Error::NoCaddy { host, rootless: self.rights == Rights::Plain },
            code::NOT_SET_UP => Error::NotSetUp { host },
            code::REFUSED | code::NOT_LOADED => {
                if tell_full_disk(&evidence) {
                    return failed(&host, what, answer.code, &answer.stderr).into();
                }
                let reason = reason(said, self.root);
                if let Some((app, Some(site))) = about
                    && let Some(cause) = line_of(site, self.root, &reason)
                {
                    return Error::Snippet { app: app.clone(), cause };
                }
                Error::Refused { host, subject, reason }
            }
            code::NOT_RUNNING => Error::NotRunning { host },
            code::UNANSWERED => Error::Unanswered { host, subject, reason: said.to_owned() },
            code::NO_START => Error::NoStart { host, evidence },
            code::BUSY => Error::Busy { host },
            code::SHORT => super::host::Error::Lost { host, what }.into(),
            code => failed(&host, what, code, &answer.stderr).into(),
        }
    }
}

/// What a line of Caddy's log says of an authority's refusal.
fn refused(line: &str) -> Option<String> {
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let error = said.get("error")?.as_str()?;
    // It comes as often as it was tried, and with the address it was asked at.
    Some(error.split(" - last error: ").last().unwrap_or(error).chars().take(300).collect())
}

/// Caddy's reason without what stands around it: `sites.d/notes.caddy:12 - wrong argument count`.
fn reason(said: &str, root: &str) -> String {
    let text = said.strip_prefix("Error: ").unwrap_or(said);
    text.replace(&format!("{root}/caddy/next/"), "").replace("Error during parsing: ", "")
}

/// The line of a snippet that a reason names: `sites.d/notes.caddy:12`.
fn line_of(site: &Site, root: &str, reason: &str) -> Option<snippet::Refused> {
    let place = format!("sites.d/{}.caddy:", site.app);
    // A directive inside of others is told by all of them; the innermost is the one.
    let (before, after) = reason.rsplit_once(&place)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let fragment = site.fragment(root);
    let line = digits.parse::<u32>().ok()?.checked_sub(fragment.snippet_after)?;
    let rest = after[digits.len()..].trim_start_matches([':', ' ', '-']);
    let before = before.rsplit_once(" - ").map_or(before, |(_, inner)| inner).trim_end().trim_end_matches(':');
    let reason = if before.is_empty() { rest.to_owned() } else { format!("{before}: {rest}") };
    (1..=fragment.snippet_lines).contains(&line).then_some(snippet::Refused { line, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::runtime::PerSlot;

    #[test]
    fn a_reason_that_names_a_line_of_the_snippet_is_told_by_its_own_line() {
        let site = Site {
            app: ProjectName::parse("notes").unwrap(),
            at: At::Port(8080),
            ports: PerSlot { blue: 1, green: 2 },
            health: "/".to_owned(),
            ready: "/".to_owned(),
            max_body_mb: None,
            snippet: Some(Snippet::parse("\nencode bogus\n").unwrap()),
        };
        let line = site.render("/r").lines().position(|line| line == "encode bogus").unwrap() + 1;
        let said = format!(
            "Error: parsing caddyfile tokens for 'encode': /r/caddy/next/sites.d/notes.caddy:{line} - Error during \
             parsing: no such encoder"
        );
        let refused = line_of(&site, "/r", &reason(&said, "/r")).unwrap();
        assert_eq!(refused.to_string(), "line 2: parsing caddyfile tokens for 'encode': no such encoder");
        assert!(line_of(&site, "/r", "sites.d/notes.caddy:1 - x").is_none());
    }
}
