//! goose.

use serde_json::Value;

use super::{Adapter, Launch, Say, Session, Setup, string};
use crate::coder::event::{CoderEvent, cut};

pub(super) struct Goose;

impl Adapter for Goose {
    fn name(&self) -> &'static str {
        "goose"
    }

    fn checked_against(&self) -> &'static str {
        "1.34.0"
    }

    fn launch(&self, setup: &Setup<'_>) -> Launch {
        let turns = setup.turns.to_string();
        let launch = Launch::default()
            .args(["run", "-q", "--output-format", "stream-json", "--no-profile", "--with-builtin", "developer"])
            .args(["--max-turns", &turns, "--max-tool-repetitions", "5"]);
        let launch = match setup.session {
            Session::New(id) => launch.args(["--name", id]),
            Session::Resume(id) => launch.args(["--resume", "--name", id]),
        };
        launch
            .args(["-t", setup.prompt])
            .env("GOOSE_PROVIDER", "openai")
            .env("GOOSE_MODEL", setup.model)
            .env("OPENAI_HOST", setup.base.trim_end_matches("/v1"))
            .env("OPENAI_BASE_PATH", "v1/chat/completions")
            .env("OPENAI_API_KEY", setup.key)
            .env("GOOSE_PATH_ROOT", setup.home.join(".goose"))
            .env("GOOSE_MODE", "auto")
            .env("GOOSE_DISABLE_KEYRING", "1")
            .env("GOOSE_DISABLE_SESSION_NAMING", "1")
    }

    fn json(&self, event: &Value, say: Say<'_>) {
        match string(event, "type") {
            "message" => {
                for part in event["message"]["content"].as_array().into_iter().flatten() {
                    match string(part, "type") {
                        "text" if string(&event["message"], "role") == "assistant" => {
                            let text = string(part, "text");
                            // Failures of the model and the end of its turns are told as words of the assistant.
                            if text.starts_with("Ran into this error") {
                                say(CoderEvent::failed(text));
                            } else if text.contains("maximum number of actions") {
                                say(CoderEvent::TurnLimit);
                            } else {
                                say(CoderEvent::text(text));
                            }
                        }
                        "toolRequest" => {
                            let call = &part["toolCall"];
                            let name = call["value"]["name"].as_str().or(call["name"].as_str()).unwrap_or_default();
                            say(CoderEvent::Tool { name: name.to_owned() });
                        }
                        // What its rules do not allow is told to its model as the result of the call.
                        "toolResponse"
                            if part["toolResult"].to_string().contains("user has declined to run this tool") =>
                        {
                            say(CoderEvent::Denied { what: "a tool".to_owned() });
                        }
                        _ => {}
                    }
                }
            }
            "error" => say(CoderEvent::Failed { message: cut(string(event, "error")) }),
            "complete" => say(CoderEvent::Finished),
            _ => {}
        }
    }
}
