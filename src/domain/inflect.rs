//! English word forms for names in generated code: `OrderLine` → `order_line` → `order_lines`.

use super::names::ModelName;

/// `OrderLine` → `order_line`, `HTTPCall` → `http_call`.
#[must_use]
pub fn snake_case(pascal: &str) -> String {
    let letters: Vec<char> = pascal.chars().collect();
    let mut out = String::with_capacity(pascal.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let starts_word = letter.is_ascii_uppercase()
            && at > 0
            && (!letters[at - 1].is_ascii_uppercase() || letters.get(at + 1).is_some_and(char::is_ascii_lowercase));
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// `order_line` → `OrderLine`.
#[must_use]
pub fn pascal_case(snake: &str) -> String {
    snake
        .split('_')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}

const IRREGULAR: &[(&str, &str)] = &[
    ("person", "people"),
    ("child", "children"),
    ("man", "men"),
    ("woman", "women"),
    ("mouse", "mice"),
    ("goose", "geese"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("leaf", "leaves"),
    ("shelf", "shelves"),
    ("half", "halves"),
    ("knife", "knives"),
    ("wife", "wives"),
    ("life", "lives"),
    ("hero", "heroes"),
    ("potato", "potatoes"),
    ("tomato", "tomatoes"),
    ("echo", "echoes"),
    ("analysis", "analyses"),
    ("crisis", "crises"),
    ("datum", "data"),
    ("criterion", "criteria"),
    ("index", "indexes"),
    ("quiz", "quizzes"),
    ("movie", "movies"),
    ("cookie", "cookies"),
    ("bus", "buses"),
    ("gas", "gases"),
    ("status", "statuses"),
    ("address", "addresses"),
    ("process", "processes"),
    ("class", "classes"),
    ("pass", "passes"),
    ("business", "businesses"),
    ("axis", "axes"),
    ("lens", "lenses"),
    ("tax", "taxes"),
    ("box", "boxes"),
    ("shoe", "shoes"),
    ("cache", "caches"),
    ("course", "courses"),
    ("house", "houses"),
    ("horse", "horses"),
    ("expense", "expenses"),
    ("response", "responses"),
    ("purchase", "purchases"),
    ("warehouse", "warehouses"),
    ("exercise", "exercises"),
    ("license", "licenses"),
    ("database", "databases"),
    ("case", "cases"),
    ("phase", "phases"),
    ("base", "bases"),
    ("release", "releases"),
    ("lease", "leases"),
    ("device", "devices"),
    ("photo", "photos"),
    ("video", "videos"),
    ("piano", "pianos"),
    ("memo", "memos"),
    ("logo", "logos"),
];

const UNCOUNTED: &[&str] = &[
    "news",
    "stock",
    "money",
    "equipment",
    "information",
    "feedback",
    "series",
    "species",
    "sheep",
    "fish",
    "stuff",
    "software",
    "furniture",
    "inventory_stock",
    "staff",
];

/// The plural of a snake_case name; the last word is inflected.
#[must_use]
pub fn plural(singular: &str) -> String {
    let (head, last) = singular.rsplit_once('_').map_or(("", singular), |(head, last)| (head, last));
    let last = if let Some((_, plural)) = IRREGULAR.iter().find(|(word, _)| *word == last) {
        (*plural).to_owned()
    } else if UNCOUNTED.contains(&last) {
        format!("{last}_items")
    } else if let Some(stem) = last.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        format!("{stem}ies")
    } else if last.ends_with(['s', 'x', 'z']) || last.ends_with("ch") || last.ends_with("sh") {
        format!("{last}es")
    } else {
        format!("{last}s")
    };
    if head.is_empty() { last } else { format!("{head}_{last}") }
}

/// The singular of an English word or snake_case name; a word that is already singular stays.
#[must_use]
pub fn singular(plural: &str) -> String {
    let (head, last) = plural.rsplit_once('_').map_or(("", plural), |(head, last)| (head, last));
    let last = if let Some((word, _)) = IRREGULAR.iter().find(|(_, many)| *many == last) {
        (*word).to_owned()
    } else if IRREGULAR.iter().any(|(word, _)| *word == last) || UNCOUNTED.contains(&last) || last.len() < 3 {
        last.to_owned()
    } else if let Some(stem) = last.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if let Some(stem) = ["sses", "xes", "zes", "ches", "shes"]
        .iter()
        .find_map(|end| last.ends_with(end).then(|| last.strip_suffix("es")).flatten())
    {
        stem.to_owned()
    } else if last.ends_with("ss") || last.ends_with("us") || last.ends_with("is") {
        last.to_owned()
    } else if let Some(stem) = last.strip_suffix('s') {
        stem.to_owned()
    } else {
        last.to_owned()
    };
    if head.is_empty() { last } else { format!("{head}_{last}") }
}

impl ModelName {
    /// The name of one record in code: `OrderLine` → `order_line`.
    #[must_use]
    pub fn snake(&self) -> String {
        snake_case(self.as_str())
    }

    /// The name of many records in code and of the table: `OrderLine` → `order_lines`.
    #[must_use]
    pub fn plural_snake(&self) -> String {
        plural(&self.snake())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_go_there_and_back() {
        for (one, many) in [
            ("book", "books"),
            ("category", "categories"),
            ("box", "boxes"),
            ("person", "people"),
            ("order_line", "order_lines"),
            ("day", "days"),
            ("status", "statuses"),
            ("dish", "dishes"),
            ("expense", "expenses"),
            ("batch", "batches"),
        ] {
            assert_eq!(plural(one), many);
            assert_eq!(singular(many), one);
            assert_eq!(singular(one), one);
        }
    }

    #[test]
    fn cases_convert() {
        assert_eq!(snake_case("OrderLine"), "order_line");
        assert_eq!(snake_case("HTTPCall"), "http_call");
        assert_eq!(pascal_case("order_line"), "OrderLine");
    }
}
