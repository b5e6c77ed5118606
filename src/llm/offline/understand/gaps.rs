//! What was asked for and is not built.

use super::Gap;
use super::draft::Draft;
use super::features::negated;
use super::lexicon::lexicon;
use super::phrases::Chunk;
use super::wording::{gap_words, say};
use crate::domain::spec::{Language, Model};

/// Models that make a plain `payments` mean taking money rather than writing it down.
const COMMERCE: &[&str] =
    &["Order", "Cart", "Product", "Reservation", "Subscription", "EventTicket", "Appointment", "Rental"];

/// Every ability the text asks for that is not built, each once.
pub(super) fn gaps(chunks: &[Chunk], draft: &Draft, models: &[Model], language: Language) -> Vec<Gap> {
    let tables = lexicon();
    let mut found: Vec<(&'static str, Gap)> = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let Some(entry) = chunk.senses.gap.map(|gap| &tables.gaps[usize::from(gap)]) else { continue };
        if found.iter().any(|(id, _)| *id == entry.id) || negated(chunks, at) {
            continue;
        }
        if draft.plain.contains(&chunk.span) {
            // Only the name of a property.
            continue;
        }
        if chunk.has_noun_sense() && entry.id != "secrets" {
            let kept = draft.find("Payment").is_some_and(|id| draft.things[id].props.iter().any(|prop| !prop.implied));
            let sells = models.iter().any(|model| COMMERCE.contains(&model.name.as_str()));
            let names_it = matches!(entry.id, "payments") && sells && !kept && chunk.senses.entity.is_some();
            if !names_it {
                continue;
            }
        }
        let words = gap_words(language, entry.id);
        let said = chunk.surface.trim();
        let general = say(language, entry.en, entry.ru);
        let what = if said.to_lowercase() == general.to_lowercase() { general } else { format!("{general} ({said})") };
        found.push((entry.id, Gap { what, why: words.why, model_would_add: words.adds }));
    }
    found.into_iter().map(|(_, gap)| gap).collect()
}
