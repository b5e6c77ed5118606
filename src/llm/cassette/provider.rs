//! Who stands in the place of a model: one who writes down what it says, or one who says it again.

use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Tape;
use crate::llm::{Error, OnText, Provider, Refusal, ReplyFuture, Request, Usage};

/// Who answered for an agent when a cassette was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    /// The provider's name.
    pub provider: String,
    /// The model; empty for the provider's own.
    pub model: String,
    /// The model that was asked where that one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Its calls were paid for.
    pub priced: bool,
}

/// Asks, and writes down what comes of it.
pub struct Recorded {
    /// Who is asked.
    pub inner: Rc<dyn Provider>,
    /// Where it is written down.
    pub tape: Arc<Tape>,
}

impl Provider for Recorded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn fallback(&self) -> Option<&str> {
        self.inner.fallback()
    }

    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move {
            // A recording that cannot be completed is not paid for.
            self.tape.check_written().map_err(|error| Error::Permanent {
                refusal: Refusal::Unrecorded,
                reason: crate::domain::diagnose::told(&error),
                hint: Some("make room for the cassette and run the command again".to_owned()),
                usage: Usage::default(),
            })?;
            let outcome = self.inner.complete(request, on_text).await;
            self.tape.note_call(self.inner.name(), request, &outcome);
            outcome
        })
    }
}

/// Says again what was said.
pub struct Replayed {
    /// Who said it.
    pub cast: Cast,
    /// Where it is written down.
    pub tape: Arc<Tape>,
}

impl Provider for Replayed {
    fn name(&self) -> &str {
        &self.cast.provider
    }

    fn fallback(&self) -> Option<&str> {
        self.cast.fallback.as_deref()
    }

    fn replays(&self) -> bool {
        true
    }

    fn complete<'a>(&'a self, request: &'a Request, on_text: OnText<'a>) -> ReplyFuture<'a> {
        Box::pin(async move {
            let reply = self.tape.told(&self.cast.provider, request)?;
            if let Some(text) = &reply.content {
                on_text(text);
            }
            Ok(reply)
        })
    }
}
