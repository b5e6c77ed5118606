//! The fields of a model: those that were named, and those its kind usually has.

use serde_json::{Value, json};

use super::draft::{Prop, Thing};
use super::lexicon::lexicon;
use super::props::apply_type;
use crate::domain::inflect::{plural, snake_case};
use crate::domain::names::{FieldName, ModelName};
use crate::domain::spec::{Bounds, Field, FieldType, OnDelete, Reference, RelationKind};

/// The most fields of a model.
const MAX_FIELDS: usize = 40;

/// A relation that a kind of thing usually has.
#[derive(Debug, Clone)]
pub(super) struct Usual {
    /// The field.
    pub name: String,
    /// The model it points to.
    pub model: String,
    /// Must be given.
    pub required: bool,
    /// How many on each side.
    pub kind: RelationKind,
}

/// The fields of one model while it is made.
#[derive(Debug, Default)]
pub(super) struct FieldSet {
    /// The fields so far.
    pub fields: Vec<Field>,
    /// Relations it usually has.
    pub relations: Vec<Usual>,
    /// Fields that become relations if that model is there.
    pub wishes: Vec<(String, String)>,
}

impl FieldSet {
    fn push(&mut self, field: Field) {
        if self.fields.len() < MAX_FIELDS && !self.fields.iter().any(|known| known.name == field.name) {
            self.fields.push(field);
        }
    }

    /// Whether a field points to that model.
    pub(super) fn refers_to(&self, model: &str) -> bool {
        self.fields
            .iter()
            .any(|field| matches!(&field.ty, FieldType::Ref(reference) if reference.model.as_str() == model))
    }

    /// Adds a relation.
    pub(super) fn refer(
        &mut self,
        model: &str,
        name: Option<String>,
        kind: RelationKind,
        optional: bool,
        on_delete: OnDelete,
    ) {
        let own = snake_case(model);
        let name = match kind {
            RelationKind::ManyToMany => plural(&own),
            RelationKind::ManyToOne | RelationKind::OneToOne => name.unwrap_or(own),
        };
        let (Ok(name), Ok(model)) = (field_name(&name), ModelName::parse(model)) else { return };
        // A plain field of that name, or of its key, said the same with less.
        let key = format!("{name}_id");
        self.fields.retain(|field| {
            (field.name != name && field.name.as_str() != key) || matches!(field.ty, FieldType::Ref(_))
        });
        // Where many stand on both sides, only the pairs go.
        let on_delete = if kind == RelationKind::ManyToMany { OnDelete::default() } else { on_delete };
        let mut field = Field::new(name, FieldType::Ref(Reference { model, kind, on_delete }));
        field.optional = optional;
        self.push(field);
    }
}

/// A valid field name as near to that one as can be.
pub(super) fn field_name(name: &str) -> Result<FieldName, crate::domain::names::InvalidName> {
    let mut clean = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' => clean.push(c),
            'A'..='Z' => clean.push(c.to_ascii_lowercase()),
            _ if clean.ends_with('_') || clean.is_empty() => {}
            _ => clean.push('_'),
        }
    }
    clean.truncate(36);
    let clean = clean.trim_end_matches('_');
    let clean = clean.strip_prefix("model_").unwrap_or(clean);
    let clean = if clean.starts_with(|c: char| c.is_ascii_digit()) { format!("n{clean}") } else { clean.to_owned() };
    FieldName::parse(&clean).or_else(|_| {
        let other = match clean.as_str() {
            "class" => "class_name".to_owned(),
            "from" => "from_place".to_owned(),
            other => format!("{other}_value"),
        };
        FieldName::parse(&other)
    })
}

/// The fields of a thing: what was said of it, completed by what such things have.
pub(super) fn usual_fields(thing: &Thing, models: &[String]) -> FieldSet {
    let tables = lexicon();
    let entry = thing.entry.map(|at| tables.entity(at));
    let usual = entry.map_or("name", |entry| entry.fields);
    let said = thing.props.iter().filter(|prop| !prop.implied).count();
    // Flags, choices and lists alone do not describe a thing.
    let tells = |prop: &Prop| {
        !prop.implied && !matches!(prop.ty, Some(FieldType::Bool | FieldType::Enum(_) | FieldType::List(_)))
    };
    let described = thing.described && thing.props.iter().any(tells);
    let mut set = FieldSet::default();
    let mut extra: Vec<(bool, Field)> = Vec::new();
    for item in usual.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match usual_relation(item) {
            Some(relation) => set.relations.push(relation),
            None => extra.extend(usual_field(item)),
        }
    }
    let has = |names: &[&str]| thing.props.iter().any(|prop| names.contains(&prop.name.as_str()));
    let is_user = entry.is_some_and(super::lexicon::EntityEntry::is_role);
    let stands_for_it = |prop: &Prop| {
        let of = prop.thing.as_ref().filter(|model| prop.listed.is_none() && !models.contains(model));
        of.and_then(|model| tables.model(model)).is_some_and(|at| !tables.entity(at).is_person())
    };
    let has_label = thing.props.iter().any(|prop| {
        is_label(prop, is_user) || (!entry.is_some_and(super::lexicon::EntityEntry::is_person) && stands_for_it(prop))
    });
    let labels = |(required, field): &(bool, Field)| {
        *required && matches!(field.ty, FieldType::String | FieldType::Text | FieldType::Url)
    };
    let label_at = extra.iter().position(labels);
    // An address tells one house from another though it is no name.
    let has_label =
        has_label || extra.iter().filter(|field| labels(field)).any(|(_, field)| has(&[field.name.as_str()]));
    let progress = has(&["done", "completed", "status", "stage", "is_done", "finished"])
        || thing.props.iter().any(|p| p.listed.is_some_and(|l| matches!(l, "done" | "status" | "stage")));
    for (nth, (required, field)) in extra.iter().cloned().enumerate() {
        let name = field.name.to_string();
        let is_progress = matches!(name.as_str(), "done" | "status" | "stage");
        let label = label_at == Some(nth);
        let wanted = match said {
            0 => true,
            _ if described => false,
            1 => required || !has_label,
            _ => false,
        } && !(is_progress && progress)
            || (label && !has_label && !described);
        // The usual fields stand aside for another word for the same.
        let covered = thing.props.iter().any(|prop| {
            prop.name == name
                || (prop.listed == Some(name.as_str()))
                || (label && has_label)
                || (prop.ty.as_ref() == Some(&field.ty) && matches!(field.ty, FieldType::Money | FieldType::Date))
                || (required && is_day(prop.ty.as_ref()) && is_day(Some(&field.ty)))
        });
        if wanted && !covered {
            set.push(field);
        }
    }
    let dated =
        thing.props.iter().any(|prop| matches!(prop.ty, Some(FieldType::Date | FieldType::Time | FieldType::Datetime)));
    if entry.is_none() && dated && said > 1 {
        set.fields.clear();
    } else if entry.is_none() && said > 0 && !described && !has_label && set.fields.is_empty() {
        set.fields.extend(usual_field("name").map(|(_, field)| field));
    }
    for prop in &thing.props {
        if let Some(model) = prop.thing.as_ref().filter(|model| models.contains(model) && **model != thing.model)
            && let Ok(name) = field_name(&prop.name)
        {
            set.wishes.push((name.to_string(), model.clone()));
        } else if prop.listed.is_none() && prop.ty.is_none() {
            // `animals with enclosure`, and enclosures are kept too.
            let model = crate::domain::inflect::pascal_case(&prop.name);
            if model != thing.model
                && models.contains(&model)
                && let Ok(name) = field_name(&prop.name)
            {
                set.wishes.push((name.to_string(), model));
            }
        }
        let Some(mut field) = field_of(prop) else { continue };
        // A record of what happens names the number of another thing; it may do so twice.
        let happens = entry.is_some_and(|entry| entry.is_dated() || entry.is_part());
        let account = prop.listed == Some("username") && !is_user;
        field.unique &= prop.unique_said || !(happens || account);
        if prop.listed == Some("level")
            && !prop.spoken
            && prop.name.ends_with("level")
            && entry.is_some_and(super::lexicon::EntityEntry::is_person)
        {
            // The level of a player is a number.
            field.ty = FieldType::Int;
        }
        // A status without values has those of its kind of thing.
        let vague = !prop.spoken && (prop.listed.is_none() || matches!(field.ty, FieldType::Enum(_)));
        if let Some((_, usual)) =
            extra.iter().find(|(_, usual)| vague && field.bounds.is_empty() && usual.name == field.name)
        {
            field.ty.clone_from(&usual.ty);
            field.bounds.clone_from(&usual.bounds);
            field.default.clone_from(&usual.default);
            field.optional &= field.default.is_none();
        }
        set.push(field);
    }
    set
}

/// Whether a property tells one record from another to a person.
fn is_label(prop: &Prop, is_user: bool) -> bool {
    const NOT: &[&str] = &[
        "isbn",
        "phone",
        "sku",
        "barcode",
        "code",
        "unit",
        "color",
        "size",
        "location",
        "address",
        "description",
        "position",
        "brand",
        "model",
        "comment",
        "note",
        "notes",
        "source",
        "reason",
        "result",
        "category",
        "kind",
        "author",
        "city",
        "country",
        "duration",
        "serial_number",
        "inventory_number",
        "specialization",
        "genre",
        "language",
        "currency",
        "department_name",
        "company_name",
        "breed",
        "owner_name",
        "bio",
        "instructions",
        "platform",
        "destination",
        "answer",
        "contacts",
        "website",
        "condition",
        "dosage",
        "publisher_name",
        "artist_name",
        "customer_name",
        "client_name",
        "diagnosis",
        "symptoms",
        "treatment",
        "mood",
        "tax_number",
        "passport_number",
        "bank_details",
        "vin",
        "plate_number",
        "insurance_number",
        "assignee",
        "responsible",
        "position",
        "sender",
        "recipient",
        "contact_person",
        "zip_code",
        "ip_address",
    ];
    let text = matches!(prop.ty, None | Some(FieldType::String | FieldType::Text))
        || (is_user && prop.ty == Some(FieldType::Email));
    text && !prop.optional
        && (prop.thing.is_none() || prop.listed.is_some())
        && prop.listed.is_none_or(|name| !NOT.contains(&name) && !name.ends_with("_url"))
}

fn is_day(ty: Option<&FieldType>) -> bool {
    matches!(ty, Some(FieldType::Date | FieldType::Datetime))
}

fn usual_relation(item: &str) -> Option<Usual> {
    let (name, model, required, kind) = if let Some((name, model)) = item.split_once(">>") {
        (name, model, true, RelationKind::ManyToOne)
    } else if let Some((name, model)) = item.split_once('*') {
        (name, model, false, RelationKind::ManyToMany)
    } else {
        let (name, model) =
            item.split_once('>').filter(|(_, model)| model.starts_with(|c: char| c.is_ascii_uppercase()))?;
        (name, model, false, RelationKind::ManyToOne)
    };
    Some(Usual { name: name.to_owned(), model: model.to_owned(), required, kind })
}

/// A field in the table's notation, and whether it is required.
fn usual_field(item: &str) -> Option<(bool, Field)> {
    let (item, optional) = match item.split_once('?') {
        Some((before, after)) => (format!("{before}{after}"), true),
        None => (item.to_owned(), false),
    };
    let cut = item.find([':', '=']).unwrap_or(item.len());
    let (name, notation) = item.split_at(cut);
    let mut prop = Prop { name: name.to_owned(), ..Prop::default() };
    if let Some(values) = notation.strip_prefix('=') {
        apply_type(&mut prop, &format!("={values}"));
    } else if let Some(ty) = notation.strip_prefix(':') {
        let base = ty.find(['>', '=']).map_or(ty, |at| &ty[..at]);
        apply_type(&mut prop, base);
        if let Some(rest) = ty[base.len()..].strip_prefix(">=") {
            let digits = rest.find('=').map_or(rest, |at| &rest[..at]);
            prop.bounds.ge = digits.parse::<i64>().ok().map(Into::into);
            prop.default = rest[digits.len()..].strip_prefix('=').and_then(|value| serde_json::from_str(value).ok());
        } else if let Some(value) = ty[base.len()..].strip_prefix('=') {
            prop.default = serde_json::from_str(value).ok();
        }
    } else if let Some(entry) = lexicon().field(name) {
        apply_type(&mut prop, entry.ty);
    }
    // `unique` is for those who ask; a usual code may repeat.
    prop.unique = false;
    prop.optional |= optional;
    let required = !prop.optional;
    field_of(&prop).map(|field| (required, field))
}

/// A valid field of a property.
pub(super) fn field_of(prop: &Prop) -> Option<Field> {
    let name = field_name(&prop.name).ok()?;
    let ty = match prop.ty.clone().unwrap_or(FieldType::String) {
        FieldType::Enum(values) if values.len() < 2 => match lexicon().field(prop.listed.unwrap_or_default()) {
            Some(entry) => {
                let mut usual = Prop::default();
                apply_type(&mut usual, entry.ty);
                usual.ty.unwrap_or(FieldType::String)
            }
            None => FieldType::String,
        },
        other => other,
    };
    let mut field = Field::new(name, ty);
    field.unique =
        prop.unique && !matches!(field.ty, FieldType::Text | FieldType::List(_) | FieldType::Dict(_) | FieldType::Bool);
    field.readonly = prop.readonly;
    field.description.clone_from(&prop.description);
    field.bounds = bounds(&field.ty, &prop.bounds);
    field.default = prop.default.clone().filter(|value| fits(&field, value));
    if field.default.is_none()
        && prop.listed.is_some_and(|name| matches!(name, "status" | "stage"))
        && let FieldType::Enum(values) = &field.ty
    {
        field.default = values.first().map(|value| json!(value.as_str()));
    }
    let list = matches!(field.ty, FieldType::List(_) | FieldType::Dict(_));
    field.optional = (prop.optional || list) && !prop.required && field.default.is_none();
    field.readonly &= field.default.is_some() || field.optional;
    Some(field)
}

/// The limits that make sense for a type.
fn bounds(ty: &FieldType, bounds: &Bounds) -> Bounds {
    let mut out = Bounds::default();
    match ty {
        FieldType::Int | FieldType::Float | FieldType::Decimal | FieldType::Money => {
            out.ge.clone_from(&bounds.ge);
            out.gt.clone_from(&bounds.gt);
            out.le.clone_from(&bounds.le);
            out.lt.clone_from(&bounds.lt);
            let low = out.ge.as_ref().or(out.gt.as_ref()).and_then(serde_json::Number::as_f64);
            let high = out.le.as_ref().and_then(serde_json::Number::as_f64);
            if let (Some(low), Some(high)) = (low, high)
                && low > high
            {
                (out.ge, out.gt, out.le) = (None, None, None);
            }
        }
        FieldType::String | FieldType::Text => {
            out.min_length = bounds.min_length;
            out.max_length =
                bounds.max_length.filter(|most| *most > 0 && bounds.min_length.is_none_or(|least| least <= *most));
            if bounds.min_length.is_some() && bounds.max_length.is_some() && out.max_length.is_none() {
                out.min_length = None;
            }
            let most = out.max_length.unwrap_or(200);
            if matches!(ty, FieldType::String) {
                out.pattern.clone_from(&bounds.pattern);
                out.min_length = out.min_length.filter(|least| *least <= most);
            }
        }
        _ => {}
    }
    out
}

/// Whether a default is a value of the field's type and within its limits.
fn fits(field: &Field, value: &Value) -> bool {
    match &field.ty {
        FieldType::Bool => value.is_boolean(),
        FieldType::Int => value.as_i64().is_some_and(|number| {
            let within = |limit: Option<&serde_json::Number>, test: fn(i64, i64) -> bool| {
                limit.and_then(serde_json::Number::as_i64).is_none_or(|limit| test(number, limit))
            };
            within(field.bounds.ge.as_ref(), |n, l| n >= l) && within(field.bounds.le.as_ref(), |n, l| n <= l)
        }),
        FieldType::Enum(values) => value.as_str().is_some_and(|text| values.iter().any(|known| known.as_str() == text)),
        FieldType::String => value.as_str().is_some_and(|text| {
            let most = field.bounds.max_length.unwrap_or(200) as usize;
            let least = field.bounds.min_length.unwrap_or(0) as usize;
            (least..=most).contains(&text.chars().count()) && field.bounds.pattern.is_none() && !field.unique
        }),
        FieldType::Decimal => value.is_number() && field.bounds.is_empty() || value.as_i64() == Some(0),
        _ => false,
    }
}
