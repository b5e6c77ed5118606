//! Codex.

use serde_json::Value;

use super::{Adapter, KEY, Launch, Say, Session, Setup, string};
use crate::coder::event::{CoderEvent, cut};

pub(super) struct Codex;

impl Adapter for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn checked_against(&self) -> &'static str {
        "0.169.0"
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let settings = [
            "model_provider=\"cgo\"".to_owned(),
            format!("model=\"{}\"", setup.model),
            "model_providers.cgo.name=\"cgo\"".to_owned(),
            format!("model_providers.cgo.base_url=\"{}\"", setup.base),
            format!("model_providers.cgo.env_key=\"{KEY}\""),
            "model_providers.cgo.wire_api=\"responses\"".to_owned(),
            "model_providers.cgo.request_max_retries=1".to_owned(),
            "model_providers.cgo.stream_max_retries=1".to_owned(),
            "shell_environment_policy.inherit=\"core\"".to_owned(),
        ];
        // The sandbox is cgo's; codex' own cannot work inside it.
        let launch = Launch::default().args(["exec", "--json", "-s", "danger-full-access"]);
        let launch = launch.args(["--skip-git-repo-check", "--ignore-user-config", "-C"]).args([setup.workspace]);
        let launch = launch.args(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let launch = match setup.session {
            Session::New(_) => launch.args([setup.prompt]),
            Session::Resume(id) => launch.args(["resume", id, setup.prompt]),
        };
        launch.env(KEY, setup.key).env("CODEX_HOME", setup.home)
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        match string(event, "type") {
            "thread.started" => say(CoderEvent::Session { id: string(event, "thread_id").to_owned() }),
            "item.started" | "item.completed" => {
                let item = &event["item"];
                let done = string(event, "type") == "item.completed";
                match string(item, "type") {
                    "agent_message" if done => say(CoderEvent::text(string(item, "text"))),
                    _ if string(item, "status") == "declined" => {
                        say(CoderEvent::Denied { what: string(item, "type").to_owned() });
                    }
                    "error" => say(CoderEvent::Problem { message: cut(string(item, "message")) }),
                    kind @ ("command_execution" | "file_change" | "mcp_tool_call" | "web_search") if !done => {
                        say(CoderEvent::Tool { name: kind.to_owned() });
                    }
                    _ => {}
                }
            }
            "turn.failed" => say(CoderEvent::failed(string(&event["error"], "message"))),
            "turn.completed" => say(CoderEvent::Finished),
            // It reconnects, or a turn.failed follows.
            "error" => say(CoderEvent::Problem { message: cut(string(event, "message")) }),
            _ => {}
        }
    }
}
