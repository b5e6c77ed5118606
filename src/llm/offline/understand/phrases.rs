//! From tokens to chunks with senses, and from chunks to statements and their items.
//!
//! A chunk is the longest listed phrase at its place, or one unlisted word. A statement is what stands between
//! full stops, line ends and bullets; its items are what commas and `and` separate, with groups in parentheses
//! kept aside. What an item says is the business of `read`.

use std::borrow::Cow;

use super::lexicon::{Class, Classes, MAX_PHRASE, Senses, lexicon};
use super::stem::{is_english_plural, is_russian_plural};
use super::tokens::{Kind, Token};

/// A word or phrase with its senses, or a mark.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Chunk {
    /// What it is.
    pub kind: Kind,
    /// As it was written.
    pub surface: String,
    /// In lower case.
    pub lower: String,
    /// The key of the phrase.
    pub key: String,
    /// Its senses; none for an unlisted word.
    pub senses: Senses,
    /// In Cyrillic.
    pub cyrillic: bool,
    /// Looks like a plural.
    pub plural: bool,
    /// How many words it has.
    pub words: usize,
    /// Written as one identifier, alone or as its first part.
    pub ident: Option<String>,
    /// Written together with the chunk before it.
    pub joined: bool,
    /// With `'s` or `s'`.
    pub possessive: bool,
    /// Where it stands in the text, in characters.
    pub span: (usize, usize),
}

/// Classes that end a noun phrase.
const HARD: Classes = Classes::of(&[
    Class::With,
    Class::Have,
    Class::Belong,
    Class::Assigned,
    Class::Enrol,
    Class::Modal,
    Class::Pron,
    Class::To,
    Class::Of,
    Class::For,
    Class::By,
    Class::In,
    Class::AtU,
    Class::Be,
    Class::Conj,
    Class::And,
    Class::Or,
    Class::Neg,
    Class::Wish,
    Class::Fields,
    Class::Entities,
]);
/// Words for fields and models that may be fields themselves: `model`.
const NAMING: Classes = Classes::of(&[Class::Fields, Class::Entities]);
/// Classes that a noun phrase passes over.
const LIGHT: Classes = Classes::of(&[Class::Det, Class::Filler, Class::Each, Class::Many, Class::One, Class::All]);
/// Words before limits and values.
const LIMITS: Classes = Classes::of(&[Class::Values, Class::UpTo, Class::AtLeast]);
/// Classes that qualify a field.
pub(super) const ATTRIBUTES: Classes =
    Classes::of(&[Class::Optional, Class::Required, Class::Unique, Class::Readonly, Class::Default]);
/// Names of types.
pub(super) const TYPES: Classes = Classes::of(&[
    Class::TypeInt,
    Class::TypeFloat,
    Class::TypeDecimal,
    Class::TypeString,
    Class::TypeText,
    Class::TypeBool,
    Class::TypeDate,
    Class::TypeTime,
    Class::TypeDatetime,
    Class::TypeMoney,
    Class::TypeEmail,
    Class::TypeUrl,
    Class::TypeUuid,
    Class::TypeEnum,
    Class::TypeList,
    Class::TypeJson,
]);
/// Verbs.
pub(super) const VERBS: Classes = Classes::of(&[Class::Make, Class::Use, Class::Assign]);

impl Chunk {
    /// Whether it is of that class.
    pub(super) fn is(&self, class: Class) -> bool {
        self.kind == Kind::Word && self.senses.classes.has(class)
    }

    /// Whether it is of one of those classes.
    pub(super) fn is_any(&self, classes: Classes) -> bool {
        self.kind == Kind::Word && self.senses.classes.any(classes)
    }

    /// Whether it is that mark.
    pub(super) fn punct(&self, c: char) -> bool {
        self.kind == Kind::Punct(c)
    }

    /// Whether it names a thing, a property or a project.
    pub(super) fn has_noun_sense(&self) -> bool {
        self.senses.entity.is_some() || self.senses.field.is_some() || self.senses.app.is_some()
    }

    /// Whether it can stand in a noun phrase.
    pub(super) fn is_noun_like(&self) -> bool {
        let named = self.has_noun_sense();
        let stops = self.is_any(HARD) && !(named && (self.words > 1 || self.is_any(NAMING)));
        let qualifies = self.is_any(VERBS) || self.is_any(ATTRIBUTES) || self.is_any(LIMITS);
        self.kind == Kind::Word && !stops && !self.is_any(LIGHT) && (named || !qualifies)
    }

    /// Whether a noun phrase passes over it.
    pub(super) fn is_light(&self) -> bool {
        self.is_any(LIGHT) && !(self.has_noun_sense() && self.words > 1)
    }

    /// A verb, and nothing that could be a noun.
    pub(super) fn is_plain_verb(&self) -> bool {
        self.is_any(VERBS) && !self.has_noun_sense()
    }

    /// Nothing is known about it.
    pub(super) fn is_unknown(&self) -> bool {
        self.kind == Kind::Word && self.senses.classes.is_empty() && !self.has_noun_sense()
    }
}

/// Groups tokens into chunks: the longest listed phrase at each place.
#[must_use]
pub(super) fn chunks(tokens: &[Token]) -> Vec<Chunk> {
    let tables = lexicon();
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.kind != Kind::Word {
            out.push(single(token, Senses::default()));
            at += 1;
            continue;
        }
        let run =
            tokens[at..].iter().take(MAX_PHRASE).take_while(|t| matches!(t.kind, Kind::Word | Kind::Number)).count();
        let mut keys: Vec<String> = Vec::with_capacity(run);
        let mut key = String::new();
        for token in &tokens[at..at + run] {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(&token.key);
            keys.push(key.clone());
        }
        let found = (1..=run).rev().find_map(|width| {
            let senses = tables.get(&keys[width - 1]).copied();
            // The exact form of a single word may be listed where its key is not: `has`, `is`.
            senses.map(|senses| (width, senses))
        });
        let (width, senses) = found.unwrap_or_else(|| {
            let verb = tables.verb(&token.lower).filter(|_| token.cyrillic).copied();
            (1, verb.unwrap_or_default())
        });
        let mut senses = senses;
        let noun = ["ние", "ния", "ний", "нию", "нием"].iter().any(|end| token.lower.ends_with(end));
        if width == 1 && noun && senses.entity.is_some() {
            // `поручение` shares its key with `поручен`, and is no participle.
            senses.classes = Classes::default();
        }
        let group = &tokens[at..at + width];
        let mut chunk = single(token, senses);
        if width > 1 {
            chunk.surface = joined(group, |t| &t.surface);
            chunk.lower = joined(group, |t| &t.lower);
            chunk.key.clone_from(&keys[width - 1]);
            chunk.words = width;
            chunk.possessive = group.last().is_some_and(|last| last.possessive);
            chunk.span.1 = group.last().map_or(token.span.1, |last| last.span.1);
            chunk.plural = group.iter().any(|t| !t.cyrillic && is_english_plural(&t.lower))
                && !group.last().is_some_and(|t| t.cyrillic)
                || (token.cyrillic && is_russian_plural(&token.lower));
        }
        out.push(chunk);
        at += width;
    }
    settle_verbs(&mut out);
    out
}

/// `many tracks`, `Track: title`, `a show has`: a verb's form in the place of a noun is a noun nobody listed.
fn settle_verbs(chunks: &mut [Chunk]) {
    for at in 0..chunks.len() {
        if chunks[at].cyrillic || chunks[at].words > 1 || !chunks[at].is_plain_verb() {
            continue;
        }
        let before = at.checked_sub(1).map(|before| &chunks[before]);
        let after = chunks.get(at + 1);
        let counted = before.is_some_and(|c| c.is(Class::Many) || c.is(Class::Each)) && chunks[at].lower.len() > 3;
        let listed = |c: &Chunk| chunks[at].plural && (c.is(Class::With) || c.punct('('));
        let opens = before.is_none_or(|c| c.kind != Kind::Word || c.is(Class::Of))
            && after.is_some_and(|c| c.punct(':') || listed(c));
        let article = before.is_some_and(|c| matches!(c.lower.as_str(), "a" | "an" | "the"))
            && after.is_some_and(|c| c.is(Class::Have) || c.is(Class::With) || c.is(Class::Belong));
        let own = !chunks[at].is(Class::Wish) && !chunks[at].is(Class::Have) && !chunks[at].is(Class::With);
        if (counted || opens || article) && own {
            chunks[at].senses = Senses { gap: chunks[at].senses.gap, ..Senses::default() };
        }
    }
}

fn joined(group: &[Token], part: impl Fn(&Token) -> &String) -> String {
    group.iter().map(|t| part(t).as_str()).collect::<Vec<_>>().join(" ")
}

fn single(token: &Token, senses: Senses) -> Chunk {
    Chunk {
        kind: token.kind,
        surface: token.surface.clone(),
        lower: token.lower.clone(),
        key: token.key.clone(),
        senses,
        cyrillic: token.cyrillic,
        plural: if token.cyrillic { is_russian_plural(&token.lower) } else { is_english_plural(&token.lower) },
        words: 1,
        ident: token.ident.clone(),
        joined: token.joined,
        possessive: token.possessive,
        span: token.span,
    }
}

/// What stood before an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// Nothing: it opens its statement.
    Start,
    /// A comma.
    Comma,
    /// `and`, `or`.
    And,
    /// A slash.
    Slash,
}

/// What stands between two commas.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// What stood before it.
    pub joint: Joint,
    /// Its chunks, without those in parentheses.
    pub chunks: Vec<Chunk>,
    /// Its groups in parentheses, each with the number of chunks before it.
    pub groups: Vec<(usize, Vec<Chunk>)>,
}

/// What stands between two full stops or line ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    /// It is an entry of a list with bullets, that far from the start of its line.
    pub bullet: Option<usize>,
    /// An empty line stands before it.
    pub after_blank: bool,
    /// A line break or bullet, not a full stop, stands before it.
    pub new_line: bool,
    /// A semicolon stands before it.
    pub after_semicolon: bool,
    /// Its chunks.
    pub chunks: Vec<Chunk>,
}

/// Cuts chunks into statements.
#[must_use]
pub(super) fn statements(chunks: Vec<Chunk>) -> Vec<Statement> {
    let mut out: Vec<Statement> = Vec::new();
    let mut current = Statement::default();
    let mut depth = 0_usize;
    let mut goes_on = false;
    for chunk in chunks {
        let ends = match chunk.kind {
            Kind::Punct('(') => {
                depth += 1;
                false
            }
            Kind::Punct(')') => {
                depth = depth.saturating_sub(1);
                false
            }
            Kind::Punct('.') | Kind::Blank | Kind::Bullet => true,
            Kind::Punct(';') => depth == 0,
            // A line that ends in the middle of a list goes on in the next one.
            Kind::Break => depth == 0 && !goes_on,
            Kind::Word | Kind::Number | Kind::Punct(_) => false,
        };
        if !matches!(chunk.kind, Kind::Break) {
            goes_on = chunk.punct(',') || chunk.is(Class::And);
        }
        if ends {
            let next = Statement {
                bullet: (chunk.kind == Kind::Bullet).then_some(chunk.span.0),
                after_blank: chunk.kind == Kind::Blank || (current.chunks.is_empty() && current.after_blank),
                after_semicolon: chunk.punct(';'),
                new_line: matches!(chunk.kind, Kind::Bullet | Kind::Blank | Kind::Break),
                chunks: Vec::new(),
            };
            let done = std::mem::replace(&mut current, next);
            if !done.chunks.is_empty() {
                out.push(done);
            }
            depth = 0;
        } else if depth > 0 && matches!(chunk.kind, Kind::Break | Kind::Punct(';')) {
            let mut comma = chunk;
            comma.kind = Kind::Punct(',');
            current.chunks.push(comma);
        } else if !matches!(chunk.kind, Kind::Break) {
            current.chunks.push(chunk);
        }
    }
    if !current.chunks.is_empty() {
        out.push(current);
    }
    out
}

/// `status new/done` reads as `status (new, done)`: single words around slashes, after a word, that end their item.
fn with_grouped_slashes(chunks: &[Chunk]) -> Cow<'_, [Chunk]> {
    const NO_VALUES: Classes =
        Classes::of(&[Class::And, Class::Or, Class::To, Class::In, Class::For, Class::By, Class::Of, Class::With]);
    let choice = |at: usize| {
        chunks.get(at).is_some_and(|c| {
            matches!(c.kind, Kind::Word | Kind::Number) && (!c.is_any(NO_VALUES) || c.senses.value.is_some())
        })
    };
    let slash = |at: usize| chunks.get(at).is_some_and(|c| c.punct('/'));
    let mut out: Vec<Chunk> = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while at < chunks.len() {
        let told = chunks[..at]
            .iter()
            .rev()
            .take_while(|c| !matches!(c.kind, Kind::Punct(',' | '(')))
            .any(|c| matches!(c.kind, Kind::Punct(':' | '/' | '=' | '-')));
        let opens = at > 0 && !told && chunks[at - 1].is_noun_like() && choice(at) && slash(at + 1) && !slash(at - 1);
        let mut end = at + 1;
        while opens && slash(end) && choice(end + 1) {
            end += 2;
        }
        let over = chunks.get(end).is_none_or(|c| {
            matches!(c.kind, Kind::Punct(',' | ')' | ';' | '.')) || c.is(Class::And) || c.is(Class::Default)
        });
        if !opens || end == at + 1 || !over {
            at += 1;
            continue;
        }
        out.extend_from_slice(&chunks[copied..at]);
        let mark =
            |c: char, of: &Chunk| Chunk { kind: Kind::Punct(c), senses: Senses::default(), words: 1, ..of.clone() };
        out.push(mark('(', &chunks[at]));
        for (nth, chunk) in chunks[at..end].iter().enumerate() {
            out.push(if nth % 2 == 1 { mark(',', chunk) } else { chunk.clone() });
        }
        out.push(mark(')', &chunks[end - 1]));
        (at, copied) = (end, end);
    }
    if copied == 0 {
        return Cow::Borrowed(chunks);
    }
    out.extend_from_slice(&chunks[copied..]);
    Cow::Owned(out)
}

/// Cuts chunks into items at commas, `and`, `or` and slashes outside parentheses.
#[must_use]
pub(super) fn items(chunks: &[Chunk]) -> Vec<Item> {
    let mut out = Vec::new();
    let mut item = Item { joint: Joint::Start, chunks: Vec::new(), groups: Vec::new() };
    let mut depth = 0_usize;
    for chunk in with_grouped_slashes(chunks).iter() {
        match chunk.kind {
            Kind::Punct('(') => {
                depth += 1;
                if depth == 1 {
                    item.groups.push((item.chunks.len(), Vec::new()));
                }
                continue;
            }
            Kind::Punct(')') => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ => {}
        }
        if depth > 0 {
            if let Some((_, group)) = item.groups.last_mut() {
                group.push(chunk.clone());
            }
            continue;
        }
        let joint = match chunk.kind {
            Kind::Punct(',') => Some(Joint::Comma),
            Kind::Punct('/') => Some(Joint::Slash),
            _ if (chunk.is(Class::And) || chunk.is(Class::Or)) && !chunk.has_noun_sense() => Some(Joint::And),
            _ => None,
        };
        if let Some(joint) = joint {
            if item.chunks.is_empty() && item.groups.is_empty() {
                // `, and` is an `and`.
                item.joint = if item.joint == Joint::Start { Joint::Start } else { joint };
            } else {
                out.push(std::mem::replace(&mut item, Item { joint, chunks: Vec::new(), groups: Vec::new() }));
            }
        } else {
            item.chunks.push(chunk.clone());
        }
    }
    if !item.chunks.is_empty() || !item.groups.is_empty() {
        out.push(item);
    }
    out
}
