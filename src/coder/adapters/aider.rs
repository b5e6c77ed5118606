//! aider: no JSON, no session, no tools; it edits files and commits.

use serde_json::Value;

use super::{Adapter, Launch, Say, Setup};
use crate::coder::event::CoderEvent;

pub(super) struct Aider;

impl Adapter for Aider {
    fn name(&self) -> &'static str {
        "aider"
    }

    fn checked_against(&self) -> &'static str {
        "0.86.2"
    }

    fn can_report(&self) -> bool {
        false
    }

    fn litter(&self) -> &'static [&'static str] {
        &["--exclude=/.aider*"]
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let model = format!("openai/{}", setup.model);
        Launch::default()
            .args(["--message", setup.prompt, "--model", &model, "--yes-always", "--no-check-update"])
            .args(["--analytics-disable", "--no-pretty", "--no-stream", "--auto-commits", "--no-gitignore"])
            .args(["--no-show-model-warnings", "--no-show-release-notes", "--no-suggest-shell-commands"])
            .args(["--no-detect-urls", "--no-auto-lint", "--input-history-file", "/dev/null"])
            .args(["--chat-history-file", "/dev/null"])
            .env("OPENAI_API_BASE", setup.base)
            .env("OPENAI_API_KEY", setup.key)
            // The list of prices would come from the network.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        say(CoderEvent::text(&event.to_string()));
    }

    fn plain(&self, line: &str, say: Say<'_>) {
        // It ends with 0 whatever happens; the meter knows better, this is for the reader.
        if line.starts_with("litellm.") {
            say(CoderEvent::Problem { message: line.to_owned() });
        } else {
            say(CoderEvent::text(line));
        }
    }
}
