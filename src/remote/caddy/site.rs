//! What Caddy is told about one application: a fragment of its configuration that a deploy never changes.
//!
//! Which slot serves is decided by files that Caddy looks for at each request ([DEPLOY.md section 3]): a change of the
//! configuration closes the connections of clients, a file does not.
//!
//! [DEPLOY.md section 3]: crate::remote::caddy

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::snippet::Snippet;
use crate::domain::domain_name::DomainName;
use crate::domain::names::ProjectName;
use crate::remote::runtime::PerSlot;

/// How long clients are told to wait while an application is under maintenance, in seconds.
const RETRY_AFTER: u32 = 30;
/// How many requests in five seconds have to come to nothing in a slot before visitors are sent to the other one. Caddy
/// counts what a visitor is to blame for, too: a body beyond the limit, or one that breaks off.
const FAILURES: u32 = 3;
/// Where a site says which it is, to this machine only.
const CHECK: &str = "/.well-known/cgo-site";

/// One application, as visitors reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub app: ProjectName,
    /// Where it is.
    pub at: At,
    /// The ports of its slots, at 127.0.0.1.
    pub ports: PerSlot<u16>,
    /// The path that says how it does; answered by the application also under maintenance. Begins with `/`.
    pub health: String,
    /// The path that says whether it can work; answered likewise, so that it can be seen before visitors are let in again.
    pub ready: String,
    /// The largest body of a request, in megabytes (10^6 bytes); none for any.
    pub max_body_mb: Option<u32>,
    /// What the project adds.
    pub snippet: Option<Snippet>,
}

/// Where visitors reach a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// Under these names, with certificates; the first is the one it calls itself.
    Domains(DomainName, Vec<DomainName>),
    /// At this port of the host's address, in the clear.
    Port(u16),
}

impl At {
    /// Under names; none when there are none.
    #[must_use]
    pub fn domains(names: impl IntoIterator<Item = DomainName>) -> Option<Self> {
        let mut names = names.into_iter();
        Some(Self::Domains(names.next()?, names.collect()))
    }
}

/// A fragment, and which of its lines are the project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    pub text: String,
    /// The line of the fragment before the first of the snippet, counted from 1.
    pub snippet_after: u32,
    /// How many lines the snippet has.
    pub snippet_lines: u32,
}

impl Site {
    /// The fragment `<root>/caddy/sites.d/<app>.caddy`.
    #[must_use]
    pub fn render(&self, root: &str) -> String {
        self.fragment(root).text
    }

    /// The folder of the flags.
    #[must_use]
    pub fn flags(root: &str, app: &ProjectName) -> String {
        format!("{root}/apps/{app}/production/active")
    }

    pub(super) fn fragment(&self, root: &str) -> Fragment {
        let body = self.body(root);
        let sum = Sha256::digest(body.as_bytes());
        let mark = sum[..8].iter().fold(format!("{}-", self.app), |mut mark, byte| {
            write!(mark, "{byte:02x}").expect("a string takes any text");
            mark
        });
        let mut text = String::new();
        match &self.at {
            At::Domains(first, others) => {
                for name in std::iter::once(first).chain(others) {
                    writeln!(text, "# probe 0 {name} {mark}").expect("a string takes any text");
                }
            }
            At::Port(port) => writeln!(text, "# probe {port} 127.0.0.1 {mark}").expect("a string takes any text"),
        }
        text.push_str("# Written by cgo. What the project adds comes from its own file; all else is overwritten.\n");
        text.push_str(&body.replace("@mark@", &mark));
        let line = text.lines().position(|line| line.trim() == SNIPPET).unwrap_or_default();
        Fragment {
            snippet_after: u32::try_from(line + 1).unwrap_or(u32::MAX),
            snippet_lines: self.snippet.as_ref().map_or(0, Snippet::lines),
            text,
        }
    }

    fn body(&self, root: &str) -> String {
        let check = format!(
            "\t@cgo_check {{\n\t\tpath {CHECK}\n\t\tremote_ip 127.0.0.0/8 ::1\n\t}}\n\thandle @cgo_check {{\n\t\trespond \
             \"@mark@\"\n\t}}\n"
        );
        let inner = self.inner(&Self::flags(root, &self.app));
        match &self.at {
            At::Port(port) => format!("http://:{port} {{\n{check}{inner}}}\n"),
            At::Domains(first, others) => {
                let names: Vec<&str> = std::iter::once(first).chain(others).map(DomainName::as_str).collect();
                let plain: Vec<String> = names.iter().map(|name| format!("http://{name}")).collect();
                format!(
                    "{} {{\n{check}\thandle {{\n\t\tredir https://{{host}}{{uri}} 308\n\t}}\n}}\n{} {{\n{check}{inner}}}\n",
                    plain.join(", "),
                    names.join(", "),
                )
            }
        }
    }

    /// What is done with a request.
    fn inner(&self, flags: &str) -> String {
        let flag = |name: &str| format!("file {{\n\t\t\troot \"{flags}\"\n\t\t\ttry_files {name}\n\t\t}}");
        let limit = self.max_body_mb.map(|size| format!("\t\trequest_body {{\n\t\t\tmax_size {size}MB\n\t\t}}\n"));
        // A body that says how large it is is refused before it is read; some versions of Caddy call one that is cut off
        // a failure of the application.
        let too_large = self.max_body_mb.map(|size| {
            const SAYS: &str = "{http.request.header.Content-Length}";
            format!(
                "\t@cgo_large expression \"{SAYS} != '' && int({SAYS}) > {size}000000\"\n\thandle @cgo_large {{\n\t\trespond \
                 \"Larger than {size} MB.\" 413\n\t}}\n"
            )
        });
        let snippet = self.snippet.as_ref().map_or("", Snippet::text);
        let (blue, green) = (self.ports.blue, self.ports.green);
        let slot = |port: u16, other: u16| {
            format!(
                "\t\t\t\thandle @cgo_bake {{\n\t\t\t\t\treverse_proxy 127.0.0.1:{port} 127.0.0.1:{other} {{\n\
                 \t\t\t\t\t\tlb_policy first\n\t\t\t\t\t\tlb_try_duration 5s\n\t\t\t\t\t\tlb_try_interval 50ms\n\
                 \t\t\t\t\t\tfail_duration 5s\n\
                 \t\t\t\t\t\tmax_fails {FAILURES}\n\t\t\t\t\t}}\n\t\t\t\t}}\n\t\t\t\thandle {{\n\
                 \t\t\t\t\treverse_proxy 127.0.0.1:{port}\n\t\t\t\t}}\n"
            )
        };
        format!(
            "\t@cgo_maintenance {{\n\t\tnot path {health} {ready}\n\t\t{maintenance}\n\t}}\n\
             \t@cgo_green {{\n\t\t{is_green}\n\t}}\n\
             \t@cgo_bake {{\n\t\t{bake}\n\t}}\n\
             \thandle @cgo_maintenance {{\n\t\theader Retry-After {RETRY_AFTER}\n\t\theader Cache-Control no-store\n\
             \t\trespond \"Under maintenance, back soon.\" 503\n\t}}\n{too_large}\
             \thandle {{\n{limit}{SNIPPET_INDENT}{SNIPPET}\n{snippet}{SNIPPET_INDENT}# The slot that serves.\n\
             \t\troute {{\n\t\t\thandle @cgo_green {{\n{green_route}\t\t\t}}\n\t\t\thandle {{\n{blue_route}\t\t\t}}\n\t\t}}\n\t}}\n",
            health = quoted(&self.health),
            ready = quoted(&self.ready),
            maintenance = flag("maintenance"),
            is_green = flag("green"),
            bake = flag("bake"),
            limit = limit.unwrap_or_default(),
            too_large = too_large.unwrap_or_default(),
            green_route = slot(green, blue),
            blue_route = slot(blue, green),
        )
    }
}

/// The line before what the project adds.
const SNIPPET: &str = "# What the project adds.";
const SNIPPET_INDENT: &str = "\t\t";

/// A word of the configuration that holds nothing but itself.
fn quoted(word: &str) -> String {
    let plain: String =
        word.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '{' | '}' | '*')).collect();
    format!("\"{plain}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(at: At) -> Site {
        Site {
            app: ProjectName::parse("notes").unwrap(),
            at,
            ports: PerSlot { blue: 9001, green: 9002 },
            health: "/health".to_owned(),
            ready: "/ready".to_owned(),
            max_body_mb: Some(10),
            snippet: Some(Snippet::parse("encode gzip\nheader X-A b\n").unwrap()),
        }
    }

    #[test]
    fn the_lines_of_a_snippet_are_found_again() {
        let fragment = site(At::Port(8080)).fragment("/var/lib/cgo");
        let lines: Vec<&str> = fragment.text.lines().collect();
        let first = fragment.snippet_after as usize;
        assert_eq!(&lines[first..first + fragment.snippet_lines as usize], ["encode gzip", "header X-A b"]);
    }

    #[test]
    fn a_site_says_where_each_of_its_names_is_probed_and_what_it_then_says() {
        let names = ["a.example.com", "b.example.com"].map(|name| DomainName::parse(name).unwrap());
        let text = site(At::domains(names).unwrap()).render("/srv");
        let probes: Vec<Vec<&str>> = text.lines().take(2).map(|line| line.split(' ').collect()).collect();
        assert_eq!(probes[0][..4], ["#", "probe", "0", "a.example.com"]);
        assert_eq!(probes[1][3], "b.example.com");
        assert_eq!(probes[0][4], probes[1][4]);
        assert_eq!(text.matches(&format!("respond \"{}\"", probes[0][4])).count(), 2);
        let mut other = site(At::Port(8080));
        other.ports.green = 9003;
        let mark = |text: &str| text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
        assert_ne!(mark(&other.render("/srv")), mark(&site(At::Port(8080)).render("/srv")));
    }
}
