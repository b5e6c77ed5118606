//! The report pytest writes: how many tests there were, and which failed.
//!
//! A small, strict reader of the XML that pytest writes: elements, attributes, character data, comments. What it does
//! not understand is an error, because a report that was read halfway would hide failures. No document types, no
//! entities but the predefined ones, so nothing expands.

use super::{Counts, FailedTest};

/// Failed tests that are named; the others are only counted.
const NAMED: usize = 20;
/// The longest message kept of one, in characters.
const MESSAGE: usize = 300;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Report {
    pub counts: Counts,
    pub failed: Vec<FailedTest>,
}

/// A report that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the test report cannot be read at byte {at}: {reason}")]
pub(super) struct Malformed {
    pub at: usize,
    pub reason: &'static str,
}

/// Reads a whole report.
pub(super) fn parse(text: &str) -> Result<Report, Malformed> {
    let mut reader = Reader { text, at: 0 };
    let mut report = Report::default();
    let mut open: Vec<&str> = Vec::new();
    let mut case: Option<Case> = None;
    let mut root_seen = false;
    while let Some(event) = reader.next()? {
        match event {
            Event::Start { name, attributes, empty } => {
                if open.is_empty() {
                    if root_seen {
                        return Err(reader.error("there is more than one root element"));
                    }
                    if !matches!(name, "testsuites" | "testsuite") {
                        return Err(reader.error("it is not a report of tests"));
                    }
                    root_seen = true;
                }
                match (name, &mut case) {
                    ("testcase", None) => case = Some(Case::from(&attributes)),
                    ("testcase", Some(_)) => return Err(reader.error("a test case is inside another")),
                    ("failure" | "error" | "skipped", Some(case)) if open.last() == Some(&"testcase") => {
                        case.outcome(name, &attributes);
                    }
                    _ => {}
                }
                if !empty {
                    open.push(name);
                } else if name == "testcase" {
                    report.add(case.take());
                }
            }
            Event::End { name } => {
                if open.pop() != Some(name) {
                    return Err(reader.error("an end tag does not fit"));
                }
                if name == "testcase" {
                    report.add(case.take());
                }
            }
            Event::Text { blank } if open.is_empty() && !blank => return Err(reader.error("there is text outside")),
            Event::Text { .. } => {}
        }
    }
    if !open.is_empty() || !root_seen {
        return Err(reader.error("it ends too early"));
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, case: Option<Case>) {
        let Some(case) = case else { return };
        match case.worst {
            Worst::Passed => self.counts.passed += 1,
            Worst::Skipped => self.counts.skipped += 1,
            Worst::Failed => self.counts.failed += 1,
            Worst::Error => self.counts.errors += 1,
        }
        if case.worst >= Worst::Error && self.failed.len() < NAMED {
            self.failed.push(FailedTest { name: case.name, message: case.message });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    Passed,
    Skipped,
    /// Something around the test broke: its import, its set-up, its tear-down.
    Error,
    Failed,
}

struct Case {
    name: String,
    worst: Worst,
    message: String,
}

impl Case {
    fn from(attributes: &[(&str, String)]) -> Self {
        let get = |wanted| attributes.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value.as_str());
        let name = match (get("classname"), get("name")) {
            ("", name) => name.to_owned(),
            (class, name) => format!("{class}::{name}"),
        };
        Self { name, worst: Worst::Passed, message: String::new() }
    }

    fn outcome(&mut self, element: &str, attributes: &[(&str, String)]) {
        let worst = match element {
            "failure" => Worst::Failed,
            "error" => Worst::Error,
            _ => Worst::Skipped,
        };
        if worst > self.worst {
            self.worst = worst;
            let message = attributes.iter().find(|(name, _)| *name == "message").map_or("", |(_, value)| value);
            let first = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            self.message = crate::exec::capture::clean_line(first).chars().take(MESSAGE).collect();
        }
    }
}

enum Event<'a> {
    Start { name: &'a str, attributes: Vec<(&'a str, String)>, empty: bool },
    End { name: &'a str },
    Text { blank: bool },
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, reason: &'static str) -> Malformed {
        Malformed { at: self.at, reason }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Takes everything up to `end`, and `end`.
    fn until(&mut self, end: &str) -> Result<&'a str, Malformed> {
        let length = self.rest().find(end).ok_or_else(|| self.error("something is not closed"))?;
        let found = &self.rest()[..length];
        self.at += length + end.len();
        Ok(found)
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn name(&mut self) -> Result<&'a str, Malformed> {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || "_:.-".contains(c))).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.error("a name is missing"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn next(&mut self) -> Result<Option<Event<'a>>, Malformed> {
        loop {
            if self.rest().is_empty() {
                return Ok(None);
            } else if self.take("<?") {
                self.until("?>")?;
            } else if self.take("<!--") {
                self.until("-->")?;
            } else if self.take("<![CDATA[") {
                let blank = self.until("]]>")?.trim().is_empty();
                return Ok(Some(Event::Text { blank }));
            } else if self.take("<!") {
                return Err(self.error("document types are not read"));
            } else if self.take("</") {
                let name = self.name()?;
                self.blanks();
                return if self.take(">") {
                    Ok(Some(Event::End { name }))
                } else {
                    Err(self.error("a tag is not closed"))
                };
            } else if self.take("<") {
                return self.start().map(Some);
            } else {
                let length = self.rest().find('<').unwrap_or(self.rest().len());
                let text = &self.rest()[..length];
                self.at += length;
                return Ok(Some(Event::Text { blank: text.trim().is_empty() }));
            }
        }
    }

    fn start(&mut self) -> Result<Event<'a>, Malformed> {
        let name = self.name()?;
        let mut attributes = Vec::new();
        loop {
            self.blanks();
            if self.take("/>") {
                return Ok(Event::Start { name, attributes, empty: true });
            }
            if self.take(">") {
                return Ok(Event::Start { name, attributes, empty: false });
            }
            let key = self.name()?;
            self.blanks();
            if !self.take("=") {
                return Err(self.error("an attribute has no value"));
            }
            self.blanks();
            let quote = if self.take("\"") {
                "\""
            } else if self.take("'") {
                "'"
            } else {
                return Err(self.error("an attribute's value has no quotes"));
            };
            let raw = self.until(quote)?;
            let value = decode(raw).ok_or_else(|| self.error("an entity is unknown"))?;
            attributes.push((key, value));
        }
    }
}

fn decode(raw: &str) -> Option<String> {
    let mut parts = raw.split('&');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';')?;
        let number = entity.strip_prefix('#').map(|number| match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        });
        text.push(match (entity, number) {
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("amp", _) => '&',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            (_, Some(Ok(number))) => char::from_u32(number)?,
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.05" timestamp="2026-01-01T00:00:00" hostname="host"><testcase classname="tests.test_a" name="test_ok" time="0.001" /><testcase classname="tests.test_a" name="test_bad[&lt;x&gt;]" time="0.001"><failure message="AssertionError: a &amp; b&#10;assert 1 == 2">def test_bad():
&gt;       assert 1 == 2</failure></testcase><testcase classname="tests.test_a" name="test_later" time="0.0"><skipped type="pytest.skip" message="no">x</skipped></testcase><testcase classname="" name="tests.test_b" time="0.000"><error message="collection failure">E   ModuleNotFoundError</error></testcase></testsuite></testsuites>"#;

    #[test]
    fn a_real_report_is_counted_and_its_failures_are_named() {
        let report = parse(REAL).unwrap();
        assert_eq!(report.counts, Counts { passed: 1, failed: 1, skipped: 1, errors: 1 });
        assert_eq!(report.failed[0].name, "tests.test_a::test_bad[<x>]");
        assert_eq!(report.failed[0].message, "AssertionError: a & b");
        assert_eq!(report.failed[1].name, "tests.test_b");
    }

    #[test]
    fn a_test_that_fails_and_breaks_its_tear_down_is_counted_once() {
        let text = "<testsuites><testsuite><testcase name='x'><error message='e'/><failure message='f'/></testcase></testsuite></testsuites>";
        let report = parse(text).unwrap();
        assert_eq!(report.counts, Counts { failed: 1, ..Counts::default() });
        assert_eq!(report.failed[0].message, "f");
    }

    #[test]
    fn every_cut_of_a_report_is_refused() {
        for length in (0..REAL.len()).filter(|length| REAL.is_char_boundary(*length)) {
            assert!(parse(&REAL[..length]).is_err(), "the first {length} bytes were accepted");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for text in [
            "",
            "hello",
            "<html></html>",
            "<testsuites/><testsuites/>",
            "<!DOCTYPE x><testsuites/>",
            "<testsuites a='&x;'/>",
        ] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
        assert_eq!(parse("<testsuites/>").unwrap(), Report::default());
    }
}
