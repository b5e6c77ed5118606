//! The JSON Schema of a tool's arguments, spelled once: it goes out with every question.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A schema as endpoints take it: an object, without what only editors read. Copies share one text.
#[derive(Clone)]
pub struct Schema(Arc<Spelled>);

struct Spelled {
    value: Value,
    text: Box<RawValue>,
}

impl Schema {
    /// The schema of a value of JSON; what is no object allows everything.
    ///
    /// # Panics
    /// Never: a value has text keys only.
    #[must_use]
    pub fn new(value: Value) -> Self {
        let Value::Object(mut schema) = value else { return Self::new(json!({})) };
        schema.remove("$schema");
        schema.remove("title");
        schema.entry("type").or_insert_with(|| json!("object"));
        schema.entry("properties").or_insert_with(|| json!({}));
        let value = Value::Object(schema);
        let text = RawValue::from_string(value.to_string()).expect("a value is spelled as JSON");
        Self(Arc::new(Spelled { value, text }))
    }

    /// The schema.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// The schema as JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text.get()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.text() == other.text()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_objects_without_what_only_editors_read() {
        let empty = json!({ "type": "object", "properties": {} });
        assert_eq!(*Schema::new(json!({ "$schema": "x", "title": "T" })).value(), empty);
        assert_eq!(*Schema::new(Value::Null).value(), empty);
    }

    #[test]
    fn a_schema_is_spelled_as_it_is_and_reads_back() {
        let schema = Schema::new(json!({ "type": "object", "properties": { "a": { "type": "string" } } }));
        let text = serde_json::to_string(&schema).unwrap();
        assert_eq!(text, schema.text());
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), schema);
        assert_eq!(serde_json::to_value(&schema).unwrap(), *schema.value());
    }
}
