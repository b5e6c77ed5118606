//! What a call used, as endpoints tell it; counted from the texts where they do not.

use super::super::Usage;
use super::super::wire::json::{Json, member};
use crate::domain::money::Usd;

/// What an endpoint says; none when it says nothing of use.
#[must_use]
pub fn told(usage: &Json<'_>) -> Option<Usage> {
    let count = |value: Option<&Json<'_>>| value.and_then(whole);
    let detail = |list: &str, name: &str| count(member(usage, list).and_then(|details| member(details, name)));
    let input = count(member(usage, "prompt_tokens")).or_else(|| count(member(usage, "input_tokens")));
    let output = count(member(usage, "completion_tokens")).or_else(|| count(member(usage, "output_tokens")));
    let cost = member(usage, "cost").and_then(Json::as_f64).and_then(Usd::from_dollars);
    if input.is_none() && output.is_none() && cost.is_none() {
        return None;
    }
    let input_tokens = input.unwrap_or_default();
    // Some leave the tokens a model thinks with out of the answer's and count them in the total alone.
    let rest = count(member(usage, "total_tokens")).unwrap_or_default().saturating_sub(input_tokens);
    let output_tokens = output.unwrap_or_default();
    Some(Usage {
        input_tokens,
        output_tokens: if input.is_some() { output_tokens.max(rest) } else { output_tokens },
        cached_tokens: detail("prompt_tokens_details", "cached_tokens")
            .or_else(|| count(member(usage, "prompt_cache_hit_tokens")))
            .unwrap_or_default()
            .min(input_tokens),
        cache_write_tokens: detail("prompt_tokens_details", "cache_write_tokens").unwrap_or_default().min(input_tokens),
        cost,
        estimated: false,
    })
}

/// A count, however it is written.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(value: &Json<'_>) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (0.0..1e15).contains(&number).then(|| number.round() as u64)
    })
}

/// Fills in what was not told: nothing is free. `output` is what the answer's texts come to.
#[must_use]
pub fn complete(told: Option<Usage>, input: u64, output: u64) -> Usage {
    let mut usage = told.unwrap_or_default();
    if usage.input_tokens == 0 {
        usage.input_tokens = input.max(1);
        usage.estimated = true;
    }
    if usage.output_tokens == 0 && output > 0 {
        usage.output_tokens = output;
        usage.estimated = true;
    }
    usage
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(usage: &serde_json::Value) -> Option<Usage> {
        super::told(&Json::from(usage))
    }

    #[test]
    fn counts_are_read_in_every_spelling() {
        let read = told(&json!({
            "prompt_tokens": 10.0, "completion_tokens": 5, "total_tokens": 40, "cost": 0.002,
            "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens_details": null,
        }));
        let read = read.unwrap();
        assert_eq!((read.input_tokens, read.output_tokens, read.cached_tokens), (10, 30, 4));
        assert_eq!(read.cost, Usd::from_dollars(0.002));
        assert_eq!(told(&json!({ "prompt_tokens": null })), None);
        assert_eq!(told(&json!({ "prompt_tokens": -5 })), None);
        assert_eq!(told(&json!({ "completion_tokens": 7, "total_tokens": 40 })).unwrap().output_tokens, 7);
    }

    #[test]
    fn nothing_is_free() {
        let usage = complete(None, 12, 3);
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.estimated), (12, 3, true));
        let zero = told(&json!({ "prompt_tokens": 0, "completion_tokens": 0 }));
        assert!(complete(zero, 12, 3).estimated);
        let whole = told(&json!({ "prompt_tokens": 9, "completion_tokens": 2 }));
        assert!(!complete(whole, 12, 3).estimated);
    }
}
