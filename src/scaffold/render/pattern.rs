//! Texts that match a regular expression, for the generated tests.
//!
//! It reads the common part of the language: literals, classes, groups, alternatives, counts. Anything else
//! (look-around, back-references, flags) yields no sample, and the caller does without.

/// How far an open-ended count goes beyond its least.
const MORE: usize = 1;

#[derive(Debug, Clone)]
enum Node {
    OneOf(Vec<char>),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat(Box<Node>, usize, usize),
}

/// Up to `count` different texts that match the whole pattern, open-ended parts long enough for `least` characters
/// where one of them stands alone. Empty when the pattern is beyond this module.
#[must_use]
pub fn samples(pattern: &str, least: usize, count: usize) -> Vec<String> {
    let text: Vec<char> = pattern.chars().collect();
    let mut parser = Parser { text: &text, at: 0, depth: 0 };
    let Some(node) = parser.alternatives() else { return Vec::new() };
    if parser.at != text.len() {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    for seed in 0..count * 3 {
        for stretch in [0, least] {
            let mut out = String::new();
            let mut state = seed;
            write(&node, &mut state, stretch, &mut out);
            if out.chars().count() >= least && out.len() < 2000 && !found.contains(&out) {
                found.push(out);
                break;
            }
        }
        if found.len() == count {
            break;
        }
    }
    found
}

/// Writes one text; `state` is spent as mixed digits over the choices, so that other seeds give other texts.
fn write(node: &Node, state: &mut usize, stretch: usize, out: &mut String) {
    match node {
        Node::OneOf(letters) => {
            out.push(letters[*state % letters.len()]);
            *state /= letters.len();
        }
        Node::Sequence(nodes) => nodes.iter().for_each(|node| write(node, state, stretch, out)),
        Node::Either(nodes) => {
            let chosen = *state % nodes.len();
            *state /= nodes.len();
            write(&nodes[chosen], state, stretch, out);
        }
        Node::Repeat(node, least, most) => {
            let times = (*least).max(stretch.min(*most)).max(usize::from(*most > 0 && *least == 0));
            (0..times.min(500)).for_each(|_| write(node, state, stretch, out));
        }
    }
}

struct Parser<'t> {
    text: &'t [char],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Option<Node> {
        let mut nodes = vec![self.sequence()?];
        while self.take('|') {
            nodes.push(self.sequence()?);
        }
        Some(if nodes.len() == 1 { nodes.remove(0) } else { Node::Either(nodes) })
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while let Some(letter) = self.peek() {
            if letter == '|' || letter == ')' {
                break;
            }
            self.at += 1;
            if letter == '^' || letter == '$' {
                continue;
            }
            let node = self.single(letter)?;
            nodes.push(self.counted(node)?);
        }
        Some(Node::Sequence(nodes))
    }

    fn single(&mut self, letter: char) -> Option<Node> {
        match letter {
            '(' => {
                if self.take('?') && !self.take(':') {
                    return None;
                }
                self.depth += 1;
                if self.depth > 50 {
                    return None;
                }
                let node = self.alternatives()?;
                self.depth -= 1;
                self.take(')').then_some(node)
            }
            '[' => self.class().map(Node::OneOf),
            '.' => Some(Node::OneOf(('a'..='z').collect())),
            '\\' => {
                let next = self.peek()?;
                self.at += 1;
                escaped(next).map(Node::OneOf)
            }
            '*' | '+' | '?' | '{' | ')' => None,
            letter => Some(Node::OneOf(vec![letter])),
        }
    }

    fn counted(&mut self, node: Node) -> Option<Node> {
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let end = self.text[self.at..].iter().position(|letter| *letter == '}')? + self.at;
                let inside: String = self.text[self.at + 1..end].iter().collect();
                self.at = end;
                match inside.split_once(',') {
                    None => (inside.parse().ok()?, inside.parse().ok()?),
                    Some((least, "")) => (least.parse().ok()?, usize::MAX),
                    Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
                }
            }
            _ => return Some(node),
        };
        self.at += 1;
        self.take('?');
        Some(Node::Repeat(Box::new(node), least, if most == usize::MAX { least.max(500) + MORE } else { most }))
    }

    fn class(&mut self) -> Option<Vec<char>> {
        let negated = self.take('^');
        let mut letters: Vec<char> = Vec::new();
        loop {
            let letter = self.peek()?;
            self.at += 1;
            match letter {
                ']' if !letters.is_empty() => break,
                '[' => return None,
                '\\' => {
                    let next = self.peek()?;
                    self.at += 1;
                    letters.extend(escaped(next)?);
                }
                from if self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|end| *end != ']') => {
                    let to = *self.text.get(self.at + 1)?;
                    if to == '\\' || to < from {
                        return None;
                    }
                    self.at += 2;
                    letters.extend((from..=to).take(200));
                }
                letter => letters.push(letter),
            }
        }
        if negated {
            let others: Vec<char> =
                ('a'..='z').chain('0'..='9').chain('A'..='Z').filter(|letter| !letters.contains(letter)).collect();
            return (!others.is_empty()).then_some(others);
        }
        Some(letters)
    }
}

fn escaped(letter: char) -> Option<Vec<char>> {
    match letter {
        'd' => Some(('0'..='9').collect()),
        's' => Some(vec![' ']),
        'w' | 'D' | 'S' => Some(('a'..='z').collect()),
        'W' => Some(vec!['-']),
        letter if !letter.is_ascii_alphanumeric() => Some(vec![letter]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::samples;

    #[test]
    fn common_patterns_yield_different_texts() {
        assert_eq!(samples(r"\d{3}", 0, 3), ["000", "100", "200"]);
        assert_eq!(samples("(?:ab|cd)-[A-C]+", 0, 2), ["ab-A", "cd-A"]);
        assert_eq!(samples("^[a-z]{2,5}$", 4, 1), ["aaaa"]);
        assert_eq!(samples(r"97[89]-?\d", 0, 1).len(), 1);
    }

    #[test]
    fn patterns_beyond_the_module_yield_nothing() {
        for pattern in ["(?=a)b", r"(a)\1", "[", "a{", "(", "*a", "[[:alpha:]]"] {
            assert!(samples(pattern, 0, 1).is_empty(), "{pattern}");
        }
    }
}
