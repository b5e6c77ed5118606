//! The classes of function words and verbs, and sets of them.
//!
//! A class says how a word works in a sentence; which words are in it stands in `lexicon/words.txt` and
//! `lexicon/verbs.txt`.

/// A closed class of function words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Det,
    Each,
    Many,
    One,
    All,
    Filler,
    Wish,
    With,
    Have,
    Fields,
    Entities,
    Belong,
    Assigned,
    Enrol,
    M2m,
    Modal,
    Pron,
    To,
    Of,
    For,
    By,
    In,
    AtU,
    Be,
    Conj,
    And,
    Or,
    Neg,
    Optional,
    Required,
    Unique,
    Readonly,
    Default,
    Values,
    UpTo,
    AtLeast,
    Chars,
    TypeInt,
    TypeFloat,
    TypeDecimal,
    TypeString,
    TypeText,
    TypeBool,
    TypeDate,
    TypeTime,
    TypeDatetime,
    TypeMoney,
    TypeEmail,
    TypeUrl,
    TypeUuid,
    TypeEnum,
    TypeList,
    TypeJson,
    Make,
    Use,
    Assign,
    Own,
}

/// The names of the classes in the tables.
pub(super) const CLASSES: &[(&str, Class)] = &[
    ("det", Class::Det),
    ("each", Class::Each),
    ("many", Class::Many),
    ("one", Class::One),
    ("all", Class::All),
    ("filler", Class::Filler),
    ("wish", Class::Wish),
    ("with", Class::With),
    ("have", Class::Have),
    ("fieldsword", Class::Fields),
    ("entitiesword", Class::Entities),
    ("belong", Class::Belong),
    ("assigned", Class::Assigned),
    ("enrol", Class::Enrol),
    ("m2m", Class::M2m),
    ("modal", Class::Modal),
    ("pron", Class::Pron),
    ("to", Class::To),
    ("of", Class::Of),
    ("for", Class::For),
    ("by", Class::By),
    ("in", Class::In),
    ("at_u", Class::AtU),
    ("be", Class::Be),
    ("conj", Class::Conj),
    ("and", Class::And),
    ("or", Class::Or),
    ("neg", Class::Neg),
    ("optional", Class::Optional),
    ("required", Class::Required),
    ("unique", Class::Unique),
    ("readonly", Class::Readonly),
    ("defaultword", Class::Default),
    ("values", Class::Values),
    ("upto", Class::UpTo),
    ("atleast", Class::AtLeast),
    ("chars", Class::Chars),
    ("typeint", Class::TypeInt),
    ("typefloat", Class::TypeFloat),
    ("typedecimal", Class::TypeDecimal),
    ("typestring", Class::TypeString),
    ("typetext", Class::TypeText),
    ("typebool", Class::TypeBool),
    ("typedate", Class::TypeDate),
    ("typetime", Class::TypeTime),
    ("typedatetime", Class::TypeDatetime),
    ("typemoney", Class::TypeMoney),
    ("typeemail", Class::TypeEmail),
    ("typeurl", Class::TypeUrl),
    ("typeuuid", Class::TypeUuid),
    ("typeenum", Class::TypeEnum),
    ("typelist", Class::TypeList),
    ("typejson", Class::TypeJson),
    ("make", Class::Make),
    ("use", Class::Use),
    ("assign", Class::Assign),
    ("own", Class::Own),
];

/// A set of classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Classes(u64);

impl Classes {
    /// A set of those.
    pub(super) const fn of(classes: &[Class]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < classes.len() {
            bits |= 1 << classes[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the class is in the set.
    pub(super) fn has(self, class: Class) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    /// Whether the sets share a class.
    pub(super) fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a class.
    pub(super) fn insert(&mut self, class: Class) {
        self.0 |= 1 << class as u8;
    }
}
