//! opencode.

use serde_json::{Value, json};

use super::{Adapter, KEY, Launch, Say, Session, Setup, string};
use crate::coder::event::CoderEvent;

pub(super) struct Opencode;

impl Adapter for Opencode {
    fn name(&self) -> &'static str {
        "opencode"
    }

    fn checked_against(&self) -> &'static str {
        "1.18.33"
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let model = format!("cgo/{}", setup.model);
        // Without a small model the title of the session asks a model that is not there.
        let settings = json!({
            "autoupdate": false,
            "share": "disabled",
            "model": model,
            "small_model": model,
            "provider": {"cgo": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "cgo",
                "options": {"baseURL": setup.base, "apiKey": format!("{{env:{KEY}}}")},
                "models": {setup.model: {"name": setup.model}},
            }},
        });
        let launch = Launch::default().args(["run", "--format", "json", "--auto", "-m", &model, "--dir"]);
        let launch = launch.args([setup.workspace]);
        let launch = match setup.session {
            Session::New(_) => launch,
            Session::Resume(id) => launch.args(["-s", id]),
        };
        launch
            .args([setup.prompt])
            .env(KEY, setup.key)
            .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
            .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
            .file(".config/opencode/opencode.json", &settings)
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        if let Some(id) = event["sessionID"].as_str() {
            say(CoderEvent::Session { id: id.to_owned() });
        }
        let part = &event["part"];
        match string(event, "type") {
            "text" => say(CoderEvent::text(string(part, "text"))),
            "tool_use" => {
                say(CoderEvent::Tool { name: string(part, "tool").to_owned() });
                let error = string(&part["state"], "error");
                if error.contains("rejected permission") || error.contains("permission denied by") {
                    say(CoderEvent::Denied { what: string(part, "tool").to_owned() });
                }
            }
            "step_finish" if string(part, "reason") == "stop" => say(CoderEvent::Finished),
            "error" => {
                let error = &event["error"];
                let message = error["data"]["message"].as_str().unwrap_or_else(|| string(error, "name"));
                say(CoderEvent::failed(message));
            }
            _ => {}
        }
    }

    /// A refusal is told beside the stream only.
    fn plain(&self, line: &str, say: Say<'_>) {
        if line.contains("permission requested:") && line.contains("auto-rejecting") {
            say(CoderEvent::Denied { what: line.to_owned() });
        }
    }
}
