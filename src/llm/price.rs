//! What a call costs. The endpoint's own word comes first, then the settings, then the list here; an unknown price is
//! unknown, never nothing.

use super::{Request, Usage};
use crate::domain::money::Usd;
use crate::domain::provider::Price;

/// List prices in hundredths of a dollar per million tokens, as their makers published them in 2025: question, answer,
/// question from the cache, question into the cache. A model's dated names cost the same.
const LIST: &[(&str, u64, u64, u64, u64)] = &[
    ("gpt-5", 125, 1000, 13, 125),
    ("gpt-5-mini", 25, 200, 3, 25),
    ("gpt-5-nano", 5, 40, 1, 5),
    ("gpt-4.1", 200, 800, 50, 200),
    ("gpt-4.1-mini", 40, 160, 10, 40),
    ("gpt-4.1-nano", 10, 40, 3, 10),
    ("gpt-4o", 250, 1000, 125, 250),
    ("gpt-4o-mini", 15, 60, 8, 15),
    ("o3", 200, 800, 50, 200),
    ("o4-mini", 110, 440, 28, 110),
    ("claude-opus-4-5", 500, 2500, 50, 625),
    ("claude-opus-4-1", 1500, 7500, 150, 1875),
    ("claude-opus-4", 1500, 7500, 150, 1875),
    ("claude-sonnet-4-5", 300, 1500, 30, 375),
    ("claude-sonnet-4", 300, 1500, 30, 375),
    ("claude-haiku-4-5", 100, 500, 10, 125),
    ("claude-3-5-haiku", 80, 400, 8, 100),
];
/// The fewest digits of a date in a model's name.
const DATE: usize = 8;

/// The list price of a model, by its name at its maker or at a reseller (`openai/gpt-4o`).
#[must_use]
pub fn listed(model: &str) -> Option<Price> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_date = |text: &str| {
        text.chars().all(|c| c.is_ascii_digit() || c == '-')
            && text.matches(|c: char| c.is_ascii_digit()).count() >= DATE
    };
    let (_, input, output, cached, cache_write) = *LIST.iter().find(|(listed, ..)| {
        let rest = name.strip_prefix(listed);
        rest.is_some_and(|rest| rest.is_empty() || rest == "-latest" || (rest.starts_with('-') && is_date(rest)))
    })?;
    let cents = |cents: u64| Usd::from_billionths(cents * 10_000_000);
    Some(Price {
        input: cents(input),
        output: cents(output),
        cached: Some(cents(cached)),
        cache_write: Some(cents(cache_write)),
    })
}

/// What a call cost at that price.
#[must_use]
pub fn cost(price: &Price, usage: &Usage) -> Usd {
    let cached = usage.cached_tokens.min(usage.input_tokens);
    let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
    let plain = usage.input_tokens - cached - written;
    price.input.per_million(plain)
        + price.cached.unwrap_or(price.input).per_million(cached)
        + price.cache_write.unwrap_or(price.input).per_million(written)
        + price.output.per_million(usage.output_tokens)
}

/// The most a call may cost at that price: the question counted generously, and the longest answer.
#[must_use]
pub fn most(price: &Price, request: &Request) -> Usd {
    let input = price.input.max(price.cache_write.unwrap_or_default());
    let question = super::wire::text::request_tokens(request);
    input.per_million(question + question / 4) + price.output.per_million(request.max_tokens.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn names_with_dates_and_resellers_are_found_and_others_are_not_guessed() {
        assert_eq!(listed("gpt-4o-2024-11-20").unwrap().input, usd("2.50"));
        assert_eq!(listed("openai/gpt-4o-mini").unwrap().output, usd("0.60"));
        assert_eq!(listed("claude-opus-4-1").unwrap().input, usd("15"));
        assert_eq!(listed("claude-opus-4-5").unwrap().input, usd("5"));
        assert_eq!(listed("anthropic/claude-sonnet-4-5-20250929").unwrap().input, usd("3"));
        assert!(listed("claude-opus-4-9").is_none());
        assert!(listed("gpt-4o-audio-preview").is_none());
        assert!(listed("qwen3").is_none());
    }

    #[test]
    fn tokens_of_the_cache_are_counted_once() {
        let price = Price { input: usd("3"), output: usd("15"), cached: Some(usd("0.3")), cache_write: None };
        let usage = Usage {
            input_tokens: 1_000_000,
            output_tokens: 100_000,
            cached_tokens: 600_000,
            cache_write_tokens: 100_000,
            ..Usage::default()
        };
        assert_eq!(cost(&price, &usage), usd("2.88"));
        let odd = Usage { input_tokens: 10, cached_tokens: 500, cache_write_tokens: 500, ..Usage::default() };
        assert_eq!(cost(&price, &odd), price.cached.unwrap().per_million(10));
    }
}
