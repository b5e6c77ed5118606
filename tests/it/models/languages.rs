//! The language models answer in: that of the person, whichever it is, and not one of the two cgo has words in.

use cgo::domain::agent::Engine;
use cgo::llm::Message;
use cgo::ops::agents;
use serde_json::json;

use super::conversation::{new, scripted};
use super::pipeline::{asked, home};

#[tokio::test]
async fn models_are_told_to_answer_in_the_language_the_person_writes_in_whatever_it_is() {
    const GERMAN: &str = "Ich brauche einen Dienst für Notizen mit Titel und Text";
    let server = scripted(|task, _| {
        let stop = task["node"] == "brainstorm";
        stop.then(|| {
            let question = json!({ "id": "q", "text": "Wer liest sie?", "choices": [], "assumption": "alle" });
            cgo::llm::Reply::call("c".to_owned(), "ask_user", &json!({ "questions": [question] }))
        })
    })
    .await;
    let env = home(&server, true);
    let ran = new(&env, GERMAN, &["--until", "brainstorm"]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("Wer liest sie?"), "what the model asks is asked as it is: {}", ran.stderr);
    let mut told = Vec::new();
    for request in server.requests() {
        let (task, request) = asked(&request);
        let Some(Message::System { content }) = request.messages.first() else { panic!("no prompt: {task}") };
        let prompt = content.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(prompt.contains("in the language the person writes in, whatever language that is"), "{content}");
        assert_eq!(task["state"]["messages"][0]["content"], GERMAN, "it sees how they write");
        told.push(task["node"].as_str().unwrap().to_owned());
    }
    told.dedup();
    assert_eq!(told, ["product_owner", "brainstorm"]);
}

#[test]
fn every_agent_that_is_a_model_and_says_something_to_the_person_is_told_so() {
    // There is none that says nothing to a person; one that comes is named here, or told.
    const SILENT: [&str; 0] = [];
    let mut silent = Vec::new();
    let mut models = 0;
    for (name, text) in agents::built_in() {
        let agent = agents::parse(&name, &text).expect("a built-in agent is right");
        if agent.engine == Engine::Model {
            models += 1;
            let words = agent.system_prompt.split_whitespace().collect::<Vec<_>>().join(" ");
            if !words.contains("in the language the person writes in") {
                silent.push(name.as_str().to_owned());
            }
        }
    }
    assert_eq!(silent, SILENT);
    assert!(models > 5, "{models} agents are models");
}
