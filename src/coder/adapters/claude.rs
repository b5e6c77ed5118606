//! Claude Code.

use serde_json::Value;

use super::{Adapter, Launch, Say, Session, Setup, string};
use crate::coder::event::CoderEvent;
use crate::domain::provider::Wire;

pub(super) struct Claude;

impl Adapter for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn checked_against(&self) -> &'static str {
        "2.1.329"
    }

    fn wire(&self) -> Wire {
        Wire::Anthropic
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let turns = setup.turns.to_string();
        let session = match setup.session {
            Session::New(id) => ["--session-id", id],
            Session::Resume(id) => ["--resume", id],
        };
        Launch::default()
            .args(["-p", setup.prompt, "--output-format", "stream-json", "--verbose", "--bare"])
            .args(["--permission-mode", "acceptEdits", "--permission-prompts", "none"])
            .args(["--allowedTools", "Bash,Read,Edit,Write,Glob,Grep", "--max-turns", &turns, "--strict-mcp-config"])
            .args(["--model", setup.model])
            .args(session)
            .env("ANTHROPIC_BASE_URL", setup.base)
            .env("ANTHROPIC_API_KEY", setup.key)
            .env("ANTHROPIC_SMALL_FAST_MODEL", setup.model)
            .env("CLAUDE_CONFIG_DIR", setup.home.join(".claude"))
            .env("CLAUDE_CODE_MAX_RETRIES", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        match (string(event, "type"), string(event, "subtype")) {
            ("system", "init") => say(CoderEvent::Session { id: string(event, "session_id").to_owned() }),
            ("system", "api_retry") => say(CoderEvent::Retry),
            ("system", "permission_denied") => say(CoderEvent::Denied { what: string(event, "tool_name").to_owned() }),
            ("assistant", _) => {
                for part in event["message"]["content"].as_array().into_iter().flatten() {
                    match string(part, "type") {
                        "text" => say(CoderEvent::text(string(part, "text"))),
                        "tool_use" => say(CoderEvent::Tool { name: string(part, "name").to_owned() }),
                        _ => {}
                    }
                }
            }
            // The subtype says "success" of failures too.
            ("result", kind) => {
                for denial in event["permission_denials"].as_array().into_iter().flatten() {
                    say(CoderEvent::Denied { what: string(denial, "tool_name").to_owned() });
                }
                match kind {
                    "error_max_turns" => say(CoderEvent::TurnLimit),
                    "error_max_budget_usd" => say(CoderEvent::Budget),
                    _ if event["is_error"] == true || kind.starts_with("error") => {
                        say(CoderEvent::failed(event["result"].as_str().unwrap_or(kind)));
                    }
                    _ => say(CoderEvent::Finished),
                }
            }
            _ => {}
        }
    }
}
