//! JSON as providers send it, read where it lies: no text is copied that has no escapes, and an object is a list.

pub use serde_json_borrow::Value as Json;

/// What an object has by that name; none where there is no object.
#[must_use]
pub fn member<'v, 'a>(value: &'v Json<'a>, name: &str) -> Option<&'v Json<'a>> {
    value.as_object()?.get(name)
}
