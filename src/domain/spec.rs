//! What a project is: modules, models, relations, operations. The single source generated code comes from.
//!
//! The files under `shared/spec/` and `services/*/spec/` are one spelling of these types; the JSON
//! that agents exchange is the other. Reading, checking and writing the files is in `scaffold::spec`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{EnumValue, FieldName, Identifier, ModelName, ProjectName};

/// A whole project, as its spec files say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name, title and language.
    pub project: ProjectMeta,
    /// The modules the project is made of, without repetition, backend first.
    pub modules: Vec<Module>,
    /// The models, in the order in which they were described.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Operations over the models, one domain a file; empty until the architect has written them.
    #[serde(default)]
    pub domains: Vec<Domain>,
    /// Abilities beyond create, read, update and delete that the domains are expanded from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
}

/// What a project is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectMeta {
    /// The name used for folders and hosts.
    pub name: ProjectName,
    /// The name people read, one line.
    pub title: String,
    /// What it is for: the description it was made from.
    pub description: String,
    /// The language of the description, which reports answer in.
    #[serde(default)]
    pub language: Language,
}

/// A language cgo answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl Language {
    /// The language a text is written in: Russian when more of its letters are Cyrillic than not.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let letters = text.chars().filter(|c| c.is_alphabetic());
        let (russian, other): (Vec<char>, Vec<char>) = letters.partition(|c| ('\u{400}'..='\u{4ff}').contains(c));
        if russian.len() > other.len() { Self::Ru } else { Self::En }
    }

    /// The language somebody plainly speaks in what they wrote: Russian as of its first word, however long the names and
    /// addresses in it are, another one as of a sentence. None for what could be said in any, such as a name. Who speaks a
    /// language cgo has no words in is answered in English.
    #[must_use]
    pub fn spoken(text: &str) -> Option<Self> {
        /// With fewer words it may be a name or a term.
        const SENTENCE: usize = 3;
        let bare = |word: &'_ str| word.trim_matches(|c: char| c.is_ascii_punctuation()).to_owned();
        let is_word = |word: &String| word.chars().count() > 1 && word.chars().all(char::is_alphabetic);
        let words = text.split_whitespace().map(bare).filter(is_word);
        let (russian, other): (Vec<String>, Vec<String>) = words.partition(|word| Self::of(word) == Self::Ru);
        if Self::of(text) == Self::Ru || (!russian.is_empty() && russian.len() >= other.len()) {
            Some(Self::Ru)
        } else {
            (other.len() >= SENTENCE).then_some(Self::En)
        }
    }

    /// The language as files and JSON spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }
}

/// A part of a project that runs on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// The HTTP API with its database.
    Backend,
    /// A Telegram bot in front of the backend.
    TelegramBot,
    /// A worker that sends notifications.
    Notifications,
    /// A web page in front of the backend.
    Frontend,
}

impl Module {
    /// Every module, backend first.
    pub const ALL: [Self; 4] = [Self::Backend, Self::TelegramBot, Self::Notifications, Self::Frontend];

    /// The module's name in files and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::TelegramBot => "telegram_bot",
            Self::Notifications => "notifications",
            Self::Frontend => "frontend",
        }
    }

    /// Whether this version of cgo can build the module.
    #[must_use]
    pub fn is_built(self) -> bool {
        matches!(self, Self::Backend)
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A kind of thing the project keeps. `id`, `created_at` and `updated_at` are part of every model and never listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The class, in the singular: `Book`.
    pub name: ModelName,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The fields, relations among them.
    pub fields: Vec<Field>,
    /// Variants beside the usual Create and Update, such as a short form for lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

impl Model {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.as_str() == name)
    }
}

/// A narrowed form of a model; its name is appended to the model's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The suffix: `Create` makes `BookCreate`.
    pub name: ModelName,
    /// Fields left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<FieldName>,
    /// Fields that may be absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<FieldName>,
}

/// One field of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property that the spec names")]
pub struct Field {
    /// The attribute and the column. For a relation to one, the name without `_id`.
    pub name: FieldName,
    /// What it holds.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// May be absent (null).
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// No two records share the value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unique: bool,
    /// Has an index.
    #[serde(default, skip_serializing_if = "is_false")]
    pub index: bool,
    /// Set by the service, not by its callers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub readonly: bool,
    /// The value when none is given; of the field's own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Limits on the value.
    #[serde(default, skip_serializing_if = "Bounds::is_empty")]
    pub bounds: Bounds,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Field {
    /// A required field of that type, without limits.
    #[must_use]
    pub fn new(name: FieldName, ty: FieldType) -> Self {
        Self {
            name,
            ty,
            optional: false,
            unique: false,
            index: false,
            readonly: false,
            default: None,
            bounds: Bounds::default(),
            description: None,
        }
    }
}

/// Limits on a value. Which of them make sense depends on the type; `scaffold::spec` refuses the others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// At least, for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ge: Option<serde_json::Number>,
    /// More than, for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<serde_json::Number>,
    /// At most, for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub le: Option<serde_json::Number>,
    /// Less than, for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<serde_json::Number>,
    /// Fewest characters or items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters or items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression the whole text matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

impl Bounds {
    /// No limit is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A whole number, 64 bits.
    Int,
    /// A binary floating-point number.
    Float,
    /// An exact decimal number, 18 digits with 6 after the point.
    Decimal,
    /// An amount of money: exact, 14 digits with 2 after the point, never negative unless bounds say so.
    Money,
    /// A short text, one line, 200 characters unless bounds say otherwise.
    String,
    /// A long text.
    Text,
    /// Yes or no.
    Bool,
    /// A calendar day.
    Date,
    /// A time of day.
    Time,
    /// A moment, with its time zone.
    Datetime,
    /// A UUID.
    Uuid,
    /// An e-mail address.
    Email,
    /// An http or https address.
    Url,
    /// One of a fixed set of values.
    Enum(Vec<EnumValue>),
    /// A list of simple values.
    List(Box<FieldType>),
    /// A map from text to simple values.
    Dict(Box<FieldType>),
    /// Another model.
    Ref(Reference),
}

/// A relation to another model, declared on one side only; the other side gets its view by generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The model it points to.
    pub model: ModelName,
    /// How many on each side.
    #[serde(default)]
    pub kind: RelationKind,
    /// What happens to this record when the other is deleted. Ignored for many-to-many.
    #[serde(default)]
    pub on_delete: OnDelete,
}

/// How many records stand on each side of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// Many of this model point to one of the other: a column `NAME_id`.
    #[default]
    ManyToOne,
    /// One to one: a unique column `NAME_id`.
    OneToOne,
    /// Many to many: an association table; the field is a list on input, the name in the
    /// singular with `_ids`: `tag_ids` for `tags`.
    ManyToMany,
}

/// What happens to a record when the one it points to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Deleting is refused with 409 while records point here.
    #[default]
    Restrict,
    /// The records that point here go too.
    Cascade,
    /// The pointer becomes empty; needs an optional field.
    SetNull,
}

/// An ability beyond create, read, update and delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The list as a CSV file.
    ExportCsv {
        /// The model that is exported.
        model: ModelName,
    },
    /// Counts and sums by day, week or month, or by a field.
    Summary {
        /// The model that is counted.
        model: ModelName,
    },
    /// A short link: a public address that counts and redirects.
    Redirect(RedirectFields),
}

impl Feature {
    /// The model it is about.
    #[must_use]
    pub fn model(&self) -> &ModelName {
        match self {
            Self::ExportCsv { model } | Self::Summary { model } => model,
            Self::Redirect(fields) => &fields.model,
        }
    }
}

/// The fields a short link works with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectFields {
    /// The model of the link.
    pub model: ModelName,
    /// The unique text in the address; made up when none is given.
    pub key: FieldName,
    /// The address redirected to.
    pub target: FieldName,
    /// A whole number that grows with each visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<FieldName>,
    /// The moment after which the link answers 410.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<FieldName>,
}

/// A group of operations under one prefix; one file of the spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The file's stem and the router's name: `books`.
    pub name: Identifier,
    /// The path before every operation's own: `/books`. Empty for none.
    pub prefix: String,
    /// Tags in the API's documentation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What can be done.
    pub operations: Vec<Operation>,
}

/// One operation of a domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The function's name: `list_books`.
    pub name: Identifier,
    /// What the generated code does; without one, the operation is a stub in the hand-written controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The model an action works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the caller sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Shape>,
    /// What the caller gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Shape>,
    /// Path and query parameters of operations without an action; actions bring their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Where it is reached over HTTP.
    pub rest: Rest,
}

/// What the generated code does for an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A page of records, with filters, search and order.
    List,
    /// A new record.
    Create,
    /// One record by id.
    Get,
    /// Some fields of one record.
    Update,
    /// Removes one record.
    Delete,
    /// The filtered list as CSV.
    ExportCsv,
    /// Counts and sums in groups.
    Summary,
    /// Counts a visit and redirects.
    Redirect(RedirectFields),
}

/// A model, one of its variants, or several of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One.
    One(ModelName),
    /// A plain list.
    List(ModelName),
    /// A page: items, total, limit, offset.
    Page(ModelName),
}

/// A parameter of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name.
    pub name: Identifier,
    /// A simple type: no list, map or relation.
    #[serde(rename = "type")]
    pub ty: FieldType,
    /// Must be given.
    pub required: bool,
    /// Where it stands.
    pub source: ParamSource,
    /// The value when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamSource {
    /// In the path, in braces.
    Path,
    /// After the question mark.
    Query,
}

/// Where an operation is reached over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// The method.
    pub method: Method,
    /// The path after the domain's prefix; empty or starting with `/`.
    pub path: String,
    /// The status of success.
    pub status: u16,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes parts.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method in capitals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The status an operation answers when its spec names none.
    #[must_use]
    pub fn default_status(self) -> u16 {
        match self {
            Self::Post => 201,
            Self::Delete => 204,
            Self::Get | Self::Put | Self::Patch => 200,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
