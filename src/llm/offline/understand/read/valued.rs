//! Lists of values: `status: new, done`, `stage can be lead, won or lost`.

use serde_json::json;

use super::super::draft::Id;
use super::super::phrases::{Chunk, Item, Joint};
use super::super::{props, qualify, values};
use super::listed::values_know;
use super::walk::Walk;
use super::words::{is_marker, is_noise};
use super::{Mode, Reader, ability};
use crate::domain::spec::{Bounds, FieldType};

impl Reader {
    /// `status: new, done`, `stage can be lead, won or lost`.
    pub(super) fn begin_values(&mut self, walk: &Walk<'_>, tail: &[Chunk]) {
        let Some(np) = &walk.prop else { return };
        let owner = walk.subject.or(match self.mode {
            Mode::Props => self.owner.or(self.current),
            _ => self.current,
        });
        let Some(mut prop) = props::prop(np) else { return };
        if qualify::only_qualifies(tail) {
            qualify::qualify(&mut prop, tail);
            self.draft.prop(owner, prop);
            self.mode = if self.top { self.mode } else { Mode::Props };
            self.owner = owner;
            return;
        }
        qualify::qualify(&mut prop, tail);
        let at = self.draft.prop(owner, prop);
        self.owner = owner;
        self.mode = Mode::Values { at };
        self.first_value(owner, at, tail);
    }

    pub(super) fn first_value(&mut self, owner: Option<Id>, at: usize, chunks: &[Chunk]) {
        if let Some(choice) = values::choice(chunks) {
            self.add_value(owner, at, true, &choice);
        }
    }

    /// One entry of a list of values. False when it is none, and the list is over.
    pub(super) fn value_item(&mut self, at: usize, item: &Item, chunks: &[Chunk]) -> bool {
        let owner = self.owner;
        self.slash |= item.joint == Joint::Slash;
        if self.slash && item.joint == Joint::Comma {
            // `status open/closed, assignee`: the comma ends it.
            self.slash = false;
            self.finish_values();
            return false;
        }
        let head = chunks.iter().find(|c| !is_noise(c));
        let over = chunks.iter().any(|c| c.punct(':') || c.punct('=') || is_marker(c) && c.senses.value.is_none())
            || head.or(chunks.first()).is_none_or(|head| {
                let value = head.senses.value.is_some() || values_know(chunks);
                let prop_only = head.senses.field.is_some() && head.senses.entity.is_none();
                let thing_of_list = self.top && head.plural && head.senses.entity.is_some();
                !value
                    && (prop_only
                        || thing_of_list
                        || ability(chunks).is_some()
                        || (head.is_plain_verb() && chunks.len() > 1))
            });
        if over {
            self.finish_values();
            return false;
        }
        if qualify::only_qualifies(chunks) && chunks.iter().all(|c| c.senses.value.is_none()) {
            if let Some(prop) = self.draft.prop_mut(owner, at) {
                qualify::qualify(prop, chunks);
            }
            return true;
        }
        let Some(choice) = values::choice(chunks) else {
            self.finish_values();
            return false;
        };
        self.add_value(owner, at, false, &choice);
        if item.joint == Joint::And || !item.groups.is_empty() {
            self.finish_values();
        }
        true
    }

    pub(super) fn add_value(&mut self, owner: Option<Id>, at: usize, fresh: bool, choice: &values::Choice) {
        let Some(prop) = self.draft.prop_mut(owner, at) else { return };
        if fresh {
            prop.default = None;
            prop.spoken = true;
            prop.thing = None;
            prop.bounds = Bounds::default();
            prop.description =
                prop.description.take().map(|text| text.split(':').next().unwrap_or_default().to_owned());
        }
        if values::add(&mut prop.ty, fresh, &choice.value) {
            let first = matches!(&prop.ty, Some(FieldType::Enum(values)) if values.len() == 1);
            if let Some(label) = &choice.label {
                let shown = format!("{} — {label}", choice.value);
                prop.description = Some(match prop.description.take() {
                    Some(text) if first => format!("{text}: {shown}"),
                    Some(text) => format!("{text}, {shown}"),
                    None => shown,
                });
            }
            if first && prop.listed.is_some_and(|name| matches!(name, "status" | "stage")) {
                prop.default = Some(json!(choice.value));
            }
        }
    }

    /// The list of values is over.
    pub(super) fn finish_values(&mut self) {
        self.mode = if self.top && self.closed { Mode::Things } else { Mode::Props };
    }
}
