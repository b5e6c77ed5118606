//! Where models are asked: the providers a person has set up, as data.

use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::money::Usd;

/// The provider that needs no account.
pub const OFFLINE: &str = "offline";

/// What a run may spend before a person is asked, unless they say otherwise: five dollars.
pub const DEFAULT_BUDGET: Usd = Usd::from_billionths(5_000_000_000);

/// Which provider and model are wanted, and what they may cost; what is absent is left to whoever is asked next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// The provider's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model's name at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The most a run may spend before a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Usd>,
    /// Whether models without a known price may be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unpriced: bool,
}

/// The language an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Chat completions, as OpenAI and everyone compatible speak them.
    Openai,
    /// The Messages API of Anthropic.
    Anthropic,
}

impl Wire {
    /// As people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Openai => "the OpenAI protocol",
            Self::Anthropic => "the Anthropic protocol",
        }
    }
}

/// One endpoint that answers for models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What it speaks.
    pub wire: Wire,
    /// The address, up to and without `/chat/completions` or `/messages`.
    pub url: String,
    /// The variable that holds the key; absent for an endpoint without keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The model of agents that name none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The model that is asked when the wanted one is overloaded or keeps failing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether answers are taken as they come.
    #[serde(default = "yes")]
    pub stream: bool,
    /// The most questions this process has under way there at once; the others wait their turn, first come, first served.
    /// Each takes a connection.
    #[serde(default = "many", skip_serializing_if = "is_many")]
    pub at_once: NonZeroU16,
    /// What every model of this endpoint costs; absent where the built-in prices, or the endpoint itself, say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

fn yes() -> bool {
    true
}

/// What endpoints are asked at once unless their settings say otherwise.
pub const AT_ONCE: NonZeroU16 = NonZeroU16::new(128).expect("it is not zero");

fn many() -> NonZeroU16 {
    AT_ONCE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_many(at_once: &NonZeroU16) -> bool {
    *at_once == AT_ONCE
}

/// What a model costs, per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Tokens of the question.
    pub input: Usd,
    /// Tokens of the answer.
    pub output: Usd,
    /// Tokens of the question that were read from the provider's cache; `input` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<Usd>,
    /// Tokens of the question that were written to the provider's cache; `input` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
}

impl Endpoint {
    /// The endpoints cgo knows by name.
    pub const PRESETS: [&'static str; 6] = ["openai", "openrouter", "anthropic", "ollama", "vllm", "litellm"];

    /// The endpoint cgo knows by that name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let free = Some(Price::default());
        let (wire, url, key_env, price) = match name {
            "openai" => (Wire::Openai, "https://api.openai.com/v1", Some("OPENAI_API_KEY"), None),
            "openrouter" => (Wire::Openai, "https://openrouter.ai/api/v1", Some("OPENROUTER_API_KEY"), None),
            "anthropic" => (Wire::Anthropic, "https://api.anthropic.com/v1", Some("ANTHROPIC_API_KEY"), None),
            "ollama" => (Wire::Openai, "http://127.0.0.1:11434/v1", None, free),
            "vllm" => (Wire::Openai, "http://127.0.0.1:8000/v1", None, free),
            "litellm" => (Wire::Openai, "http://127.0.0.1:4000/v1", Some("LITELLM_API_KEY"), None),
            _ => return None,
        };
        Some(Self {
            wire,
            url: url.to_owned(),
            key_env: key_env.map(str::to_owned),
            model: String::new(),
            fallback: None,
            stream: true,
            at_once: AT_ONCE,
            price,
        })
    }
}
