//! What a project adds to its own site: headers, redirects, compression.
//!
//! It comes from the project's repository, which agents write to, and is run by a program that serves other projects
//! too. So only directives are taken that change requests and answers of this site; whatever reads files, opens
//! addresses, or reaches beyond the site is refused, with its line. Whether a directive is well-formed is Caddy's to say.

/// Directives a project may use.
const DIRECTIVES: [&str; 19] = [
    "basic_auth",
    "basicauth",
    "encode",
    "error",
    "handle",
    "handle_path",
    "header",
    "map",
    "method",
    "redir",
    "request_body",
    "request_header",
    "respond",
    "rewrite",
    "route",
    "skip_log",
    "log_skip",
    "uri",
    "vars",
];
/// Those with directives in their block.
const NESTING: [&str; 3] = ["handle", "handle_path", "route"];
/// Matchers that look at more than the request.
const REFUSED_MATCHERS: [&str; 2] = ["file", "expression"];

/// A snippet whose lines are directives of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    text: String,
}

/// Why a snippet is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Refused {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub reason: String,
}

/// What stands in a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Directives,
    Matcher,
    Options,
}

impl Snippet {
    /// Reads a snippet.
    ///
    /// # Errors
    /// [`Refused`] for the first line that has no place in it.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let mut blocks = vec![Block::Directives];
        let mut last = 1;
        for (at, line) in text.lines().enumerate() {
            last = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let refused = |reason: String| Refused { line: last, reason };
            if let Some(bad) = line.chars().find(|c| c.is_control() && *c != '\t') {
                return Err(refused(format!("it holds the character `{}`", bad.escape_debug())));
            }
            for (sign, why) in
                [("`", "backquotes"), ("<<", "texts of several lines (`<<`)"), ("{$", "variables of the environment")]
            {
                if line.contains(sign) {
                    return Err(refused(format!("{why} have no place here")));
                }
            }
            if let Some(name) =
                ["{env.", "{file.", "{system.", "{http.vars.root"].iter().find(|name| line.contains(*name))
            {
                return Err(refused(format!("`{name}…}}` reaches beyond the site")));
            }
            let words = words(line).map_err(refused)?;
            let (Some(first), Some(end)) = (words.first(), words.last()) else { continue };
            let inside = *blocks.last().expect("the outermost is never left");
            if first == "}" {
                if words.len() > 1 {
                    return Err(refused("`}` stands on a line of its own".to_owned()));
                }
                blocks.pop();
                if blocks.is_empty() {
                    return Err(refused("`}` closes nothing".to_owned()));
                }
                continue;
            }
            if words.iter().any(|word| word == "}") {
                return Err(refused("`}` stands on a line of its own".to_owned()));
            }
            let opens = end == "{";
            if words.iter().filter(|word| *word == "{").count() > usize::from(opens) {
                return Err(refused("`{` stands at the end of a line".to_owned()));
            }
            let opened = match inside {
                Block::Directives => directive(first, &words).map_err(refused)?,
                Block::Matcher => {
                    matcher(&words).map_err(refused)?;
                    Block::Matcher
                }
                Block::Options => Block::Options,
            };
            if opens {
                blocks.push(opened);
            }
        }
        if blocks.len() > 1 {
            return Err(Refused { line: last, reason: "a block is not closed".to_owned() });
        }
        let mut text = text.trim_end().to_owned();
        text.push('\n');
        Ok(Self { text })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn lines(&self) -> u32 {
        u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX)
    }
}

/// Whether a directive may stand here, and what its block holds.
fn directive(first: &str, words: &[String]) -> Result<Block, String> {
    if let Some(name) = first.strip_prefix('@') {
        if name.starts_with("cgo_") {
            return Err(format!("`{first}` is cgo's own name"));
        }
        matcher(&words[1..])?;
        return Ok(Block::Matcher);
    }
    if !DIRECTIVES.contains(&first) {
        let shown: String = first.chars().take(40).flat_map(char::escape_debug).collect();
        return Err(format!("`{shown}` has no place here; a project may use {}", DIRECTIVES.join(", ")));
    }
    Ok(if NESTING.contains(&first) { Block::Directives } else { Block::Options })
}

/// Whether these words, the beginning of a matcher, look at the request alone.
fn matcher(words: &[String]) -> Result<(), String> {
    let sort = words.iter().map(String::as_str).find(|word| *word != "not" && *word != "{");
    match sort {
        Some(sort) if REFUSED_MATCHERS.contains(&sort) => Err(format!("the matcher `{sort}` has no place here")),
        // A matcher of one word in quotes is an expression, too.
        Some(sort) if sort.contains(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '}')) => {
            Err("a matcher begins with its sort, such as `path` or `method`".to_owned())
        }
        _ => Ok(()),
    }
}

/// The words of a line, as Caddy splits them: quotes keep a word together, `#` at a word's beginning ends the line.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        match characters.peek() {
            None | Some('#') => return Ok(words),
            Some('"') => {
                characters.next();
                let mut word = String::from("\"");
                loop {
                    match characters.next() {
                        None => return Err("a quote is not closed".to_owned()),
                        Some('"') => break,
                        Some('\\') => word.extend(characters.next()),
                        Some(other) => word.push(other),
                    }
                }
                if characters.peek().is_some_and(|c| !c.is_whitespace()) {
                    return Err("a word goes on after its quote".to_owned());
                }
                words.push(word);
            }
            Some(_) => {
                let mut word = String::new();
                while let Some(next) = characters.next_if(|c| !c.is_whitespace()) {
                    if next == '\\' {
                        return Err("a backslash stands outside of quotes".to_owned());
                    }
                    word.push(next);
                }
                words.push(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_requests_and_answers_of_the_site_is_taken() {
        let text = "# ours\nencode gzip zstd\nheader {\n\tX-Frame-Options \"DENY {now}\"\n\t-Server\n}\n\
                    @old path /old/* /older\nredir @old /new 301\n@both {\n\tmethod GET\n\tnot path /a\n}\n\
                    handle @both {\n\trespond \"}\" 200\n}\nhandle_path /x/* {\n\trewrite * /y{uri}\n}\n";
        assert_eq!(Snippet::parse(text).unwrap().text(), text);
    }

    #[test]
    fn what_reaches_beyond_the_site_is_refused_with_its_line() {
        for (text, line, reason) in [
            ("encode gzip\nreverse_proxy unix//run/admin.sock", 2, "reverse_proxy"),
            ("file_server browse", 1, "file_server"),
            ("root * /", 1, "root"),
            ("import /etc/passwd", 1, "import"),
            ("handle {\n\tphp_fastcgi x:1\n}", 2, "php_fastcgi"),
            ("}\nevil.example.com {", 1, "closes nothing"),
            ("header {\n", 1, "not closed"),
            ("handle { respond x }", 1, "on a line of its own"),
            ("header X {env.HOME}", 1, "{env."),
            ("respond {file./etc/shadow}", 1, "{file."),
            ("header X {$HOME}", 1, "environment"),
            ("respond `a`", 1, "backquotes"),
            ("respond <<X", 1, "<<"),
            ("@x file /etc/passwd", 1, "`file`"),
            ("@x {\n\tnot file /etc/passwd\n}", 2, "`file`"),
            ("@x not {\n\tfile /etc/passwd\n}", 2, "`file`"),
            ("@x `file('/x')`", 1, "backquotes"),
            ("@x \"file('/x')\"", 1, "its sort"),
            ("@cgo_green path /", 1, "cgo's own"),
            ("respond \"a", 1, "not closed"),
            ("respond \"a\"b", 1, "after its quote"),
            ("respond a\\\nfile_server", 1, "backslash"),
            ("respond a\u{0}", 1, "\\0"),
            ("tls internal", 1, "`tls`"),
            ("\"file_server\"", 1, "file_server"),
            ("&(x) {\n}", 1, "no place"),
        ] {
            let refused = Snippet::parse(text).unwrap_err();
            assert!(refused.line == line && refused.reason.contains(reason), "{text:?}: {refused}");
        }
    }
}
