//! JSON as providers send it, read where it lies: no text is copied that has no escapes, and an object is a list.

pub use serde_json_borrow::Value as Json;

/// What an object has by that name, the last time it says it; none where there is no object.
#[must_use]
pub fn member<'v, 'a>(value: &'v Json<'a>, name: &str) -> Option<&'v Json<'a>> {
    value.as_object()?.iter().filter(|(known, _)| *known == name).map(|(_, value)| value).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_said_twice_has_its_last_value_however_it_is_read() {
        let read: Json<'_> = serde_json::from_str(r#"{"a":1,"\u0062":[],"a":2}"#).unwrap();
        assert_eq!(member(&read, "a").and_then(Json::as_u64), Some(2));
        assert_eq!(serde_json::Value::from(&read)["a"], 2);
        assert!(member(&read, "b").is_some_and(Json::is_array));
        assert!(member(&read, "c").is_none() && member(&Json::Null, "a").is_none());
    }
}
