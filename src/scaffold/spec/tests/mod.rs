//! The rules, each with an input that breaks it; the round trip; and what no input may do.

mod bad;
mod folders;
mod json;
mod properties;

use std::collections::BTreeMap;

use super::{Checked, Invalid, SpecFiles};

const SERVICES: &str = "services.yml";
const MODELS: &str = "shared/spec/models.yaml";
const EVENTS: &str = "shared/spec/events.yaml";
const BOOKS: &str = "services/backend/spec/books.yaml";
const MANIFEST: &str = "services/tg_bot/spec/manifest.yaml";
const CONTRACT: &str = "services/backend/env.contract.yaml";
const INFRA: &str = "infra/env.contract.yaml";

/// A set of files that passes, with something of everything.
const GOOD: [(&str, &str); 7] = [
    (
        SERVICES,
        "version: 2
project:
  name: library
  title: Library
  language: en
services:
  - name: backend
    type: python-fastapi
  - name: tg_bot
    type: python-faststream
    depends_on: {redis: service_healthy}
",
    ),
    (
        MODELS,
        "models:
  Author:
    fields:
      full_name: string
      mentor: {ref: Author, optional: true}
  Book:
    fields:
      title: {type: string, max_length: 50}
      pages: {type: int, ge: 1, le: 9}
      price: {type: money, optional: true}
      status: {type: {type: enum, values: [draft, done]}, default: draft}
      author: {ref: Author, on_delete: cascade}
      tags: {ref: Tag, relation: many_to_many}
    variants:
      Short: {exclude: [pages]}
  Tag:
    fields:
      word: {type: string, unique: true, pattern: \"^[a-z]+$\"}
  Link:
    fields:
      code: {type: string, unique: true}
      address: url
      visits: {type: int, default: 0, readonly: true}
      until: {type: datetime, optional: true}
",
    ),
    (
        EVENTS,
        "events:
  book_added: {message: Book, publish: true}
  book_wanted: {message: Book, subscribe: true}
",
    ),
    (
        BOOKS,
        "config:
  rest: {prefix: /books, tags: [books]}
operations:
  list_books:
    action: list
    model: Book
    output: page[BookShort]
    rest: {method: GET}
  add_book:
    action: create
    model: Book
    input: BookCreate
    output: Book
    rest: {method: POST, path: \"\"}
    events: {publish_on_success: book_added}
  get_book:
    action: get
    model: Book
    output: Book
    rest: {method: GET, path: \"/{book_id}\"}
  lend_book:
    input: BookShort
    output: list[Book]
    params: [{name: book_id, type: int}, {name: days, type: int, source: query, default: 7}]
    rest: {method: POST, path: \"/{book_id}/lend\", status: 200}
  open_link:
    action: redirect
    model: Link
    redirect: {key: code, target: address, counter: visits, expires: until}
    rest: {method: GET, path: \"/{code}/open\"}
",
    ),
    (
        MANIFEST,
        "consumes:
  - service: backend
    domain: books
    operations: [list_books]
",
    ),
    (
        CONTRACT,
        "version: \"1\"
owner: backend
entries:
  API_TOKEN:
    source: user_secret
    environments: [production]
    consumers: [backend]
    required: true
    description: Token of the API
  PORT: {source: allocation, environments: [production], required: true, service: backend}
  DEBUG: {source: literal, environments: [development, test], required: false, value: true}
",
    ),
    (
        INFRA,
        "version: 1
owner: infra
entries:
  DEBUG: {source: literal, environments: [test, development], required: false, value: true}
  IMAGE: {source: derived, environments: [production], required: true}
  KEY: {source: generated_secret, environments: [production], required: true}
",
    ),
];

fn good() -> BTreeMap<String, String> {
    GOOD.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

fn check(files: BTreeMap<String, String>) -> Result<Checked, Invalid> {
    SpecFiles::from_texts(files).check()
}

fn lines(error: &Invalid) -> Vec<String> {
    error.problems.iter().map(ToString::to_string).collect()
}
