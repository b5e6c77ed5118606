//! droid.

use serde_json::{Value, json};

use super::{Adapter, Launch, Say, Session, Setup, string};
use crate::coder::event::CoderEvent;

pub(super) struct Droid;

impl Adapter for Droid {
    fn name(&self) -> &'static str {
        "droid"
    }

    fn checked_against(&self) -> &'static str {
        "0.215.0"
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let settings = json!({"customModels": [{
            "model": setup.model,
            "displayName": "cgo",
            "baseUrl": setup.base,
            "apiKey": setup.key,
            "provider": "generic-chat-completion-api",
        }]});
        let launch = Launch::default().args(["exec", "-o", "stream-json", "--auto", "medium", "-m", "custom:cgo-0"]);
        let launch = launch.args(["--cwd"]).args([setup.workspace]);
        let launch = match setup.session {
            Session::New(_) => launch,
            Session::Resume(id) => launch.args(["-s", id]),
        };
        // With a model of one's own any value does.
        launch.args([setup.prompt]).env("FACTORY_API_KEY", "fk-none").file(".factory/settings.json", &settings)
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        if let Some(id) = event["session_id"].as_str() {
            say(CoderEvent::Session { id: id.to_owned() });
        }
        match string(event, "type") {
            "message" if string(event, "role") == "assistant" => say(CoderEvent::text(string(event, "text"))),
            "tool_call" => say(CoderEvent::Tool { name: string(event, "toolName").to_owned() }),
            "tool_result" if string(event, "error").contains("not permitted") => {
                say(CoderEvent::Denied { what: string(event, "toolName").to_owned() });
            }
            "error" => say(CoderEvent::failed(string(event, "message"))),
            // It also ends so after an answer that held nothing.
            "completion" if event["numTurns"] == 0 => say(CoderEvent::failed("it made no turn")),
            "completion" => say(CoderEvent::Finished),
            "result" if event["is_error"] == true => say(CoderEvent::failed(string(event, "result"))),
            _ => {}
        }
    }
}
