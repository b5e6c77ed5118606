//! Which provider answers for which agent: the flags of the run first, then the agent's file, then the settings.
//!
//! A provider is made when it is first asked, so that a run without models needs neither keys nor certificates.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::meter::{Budgets, Tariff};
use super::rules::Rules;
use crate::domain::agent::{Agent, Engine};
use crate::domain::diagnose::{Advice, Diagnose, Kind};
use crate::domain::names::AgentName;
use crate::domain::provider::{DEFAULT_BUDGET, Endpoint, ModelChoice, OFFLINE, Wire};
use crate::domain::redact::{Handle, Secrets};
use crate::domain::source::Source as _;
use crate::llm;
use crate::llm::Provider;
use crate::llm::anthropic::Anthropic;
use crate::llm::cassette::Tape;
use crate::llm::cassette::provider::{Cast, Recorded, Replayed};
use crate::llm::guard::Guarded;
use crate::llm::offline::Offline;
use crate::llm::openai::Openai;
use crate::llm::wire::{Key, Timers};

/// Reads a variable of the environment.
pub type Variable = fn(&str) -> Option<String>;

/// The providers there are, and the choice of the settings.
pub struct Models {
    endpoints: BTreeMap<String, Endpoint>,
    settings: ModelChoice,
    budgets: Budgets,
    variable: Variable,
    secrets: Secrets,
    tape: Option<Arc<Tape>>,
    made: RefCell<BTreeMap<String, Rc<dyn Provider>>>,
}

/// Who decides for an agent.
#[derive(Clone)]
pub struct Chosen {
    /// Asked in the agent's name.
    pub provider: Rc<dyn Provider>,
    /// The model; empty for the provider's own choice.
    pub model: String,
    /// What it costs; none for what costs nothing.
    pub tariff: Option<Tariff>,
}

/// Why nobody can decide for an agent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no provider of that name.
    #[error("there is no provider `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The variable with the key is not set.
    #[error("provider `{provider}` needs a key, and the variable {variable} is not set")]
    NoKey {
        /// The provider.
        provider: String,
        /// The variable.
        variable: String,
    },
    /// Nobody said which model.
    #[error("no model is named for agent `{agent}`, and provider `{provider}` has none of its own")]
    NoModel {
        /// The provider.
        provider: String,
        /// The agent.
        agent: AgentName,
    },
    /// The cassette does not say who answered for an agent.
    #[error("the cassette says nothing of agent `{agent}`: the recorded run did not come to it")]
    NotOnCassette {
        /// The agent.
        agent: AgentName,
    },
    /// The provider cannot be set up.
    #[error("provider `{provider}` cannot be used")]
    Refused {
        /// The provider.
        provider: String,
        /// Why.
        #[source]
        source: llm::Error,
    },
}

impl Diagnose for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } | Self::NoModel { .. } => Kind::Usage,
            Self::NoKey { .. } | Self::NotOnCassette { .. } | Self::Refused { .. } => Kind::User,
        }
    }

    fn advice(&self) -> Option<Advice> {
        Some(Advice::Do(match self {
            Self::Unknown { known, .. } => {
                format!("choose one of {}, or add it under `providers` in the settings file", known.join(", "))
            }
            Self::NoKey { variable, .. } => format!("set {variable} to the key, or choose --provider offline"),
            Self::NoModel { .. } => "name one with --model, in the agent's file, or in the settings".to_owned(),
            Self::NotOnCassette { .. } => "record it again with --record".to_owned(),
            Self::Refused { source, .. } => return source.advice(),
        }))
    }
}

impl Models {
    /// The endpoints of the settings beside those cgo knows by name.
    #[must_use]
    pub fn new(
        endpoints: &BTreeMap<String, Endpoint>,
        settings: ModelChoice,
        variable: Variable,
        secrets: Secrets,
    ) -> Self {
        let presets = Endpoint::PRESETS.iter().filter_map(|name| Some(((*name).to_owned(), Endpoint::preset(name)?)));
        let mut all: BTreeMap<String, Endpoint> = presets.collect();
        all.extend(endpoints.iter().map(|(name, endpoint)| (name.clone(), endpoint.clone())));
        for name in all.values().filter_map(|endpoint| endpoint.key_env.as_deref()) {
            if let Some(key) = variable(name) {
                // One that is too short to be looked for is no key either.
                let _ = secrets.add(&Handle::of_operator(name), &key);
            }
        }
        let budgets = Budgets::default();
        Self { endpoints: all, settings, budgets, variable, secrets, tape: None, made: RefCell::default() }
    }

    /// The same within limits of more than one run.
    #[must_use]
    pub fn within(self, budgets: Budgets) -> Self {
        Self { budgets, ..self }
    }

    /// The same for a run on a cassette: what is asked is written down, or was.
    #[must_use]
    pub fn on(&self, tape: Arc<Tape>) -> Self {
        Self {
            endpoints: self.endpoints.clone(),
            settings: self.settings.clone(),
            budgets: self.budgets,
            variable: self.variable,
            secrets: self.secrets.clone(),
            tape: Some(tape),
            made: RefCell::default(),
        }
    }

    /// The names of all providers.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.endpoints.keys().cloned().chain([OFFLINE.to_owned()]).collect()
    }

    /// Who decides for an agent of a run with that choice.
    ///
    /// # Errors
    /// [`Error`] naming the provider, and the variable that is missing.
    pub fn of(&self, agent: &Agent, run: &ModelChoice) -> Result<Chosen, Error> {
        if agent.engine == Engine::Rules {
            return Ok(Chosen { provider: Rc::new(Rules), model: String::new(), tariff: None });
        }
        if let Some(tape) = self.tape.as_ref().filter(|tape| tape.replays()) {
            return self.replayed(agent, tape);
        }
        let in_file = ModelChoice {
            provider: agent.provider.clone(),
            model: Some(agent.model.clone()).filter(|model| !model.is_empty()),
            ..ModelChoice::default()
        };
        let choices = [run, &in_file, &self.settings];
        let at = choices.iter().position(|choice| choice.provider.is_some());
        let name = at.and_then(|at| choices[at].provider.clone()).unwrap_or_else(|| OFFLINE.to_owned());
        // A model that was named for another provider means nothing to this one.
        let meant = &choices[..=at.unwrap_or(choices.len() - 1)];
        let model = meant.iter().find_map(|choice| choice.model.clone()).unwrap_or_default();
        let provider = self.provider(&name)?;
        let needs_model = self.endpoints.get(&name).is_some_and(|endpoint| endpoint.model.is_empty());
        if needs_model && model.is_empty() {
            return Err(Error::NoModel { provider: name, agent: agent.id.clone() });
        }
        let tariff = self.endpoints.get(&name).map(|endpoint| Tariff {
            endpoint: endpoint.clone(),
            run_limit: run.budget.or(self.settings.budget).unwrap_or(DEFAULT_BUDGET),
            allow_unpriced: run.allow_unpriced || self.settings.allow_unpriced,
            budgets: self.budgets,
            others: Cell::default(),
        });
        let chosen = Chosen { provider, model, tariff };
        if let Some(tape) = &self.tape {
            let cast = Cast {
                provider: name,
                model: chosen.model.clone(),
                fallback: chosen.provider.fallback().map(str::to_owned),
                priced: chosen.tariff.is_some(),
            };
            tape.fact(&who_answers_for(agent), &serde_json::to_string(&cast).expect("a cast has text keys only"));
        }
        Ok(chosen)
    }

    /// Who answered for an agent when the cassette was recorded.
    fn replayed(&self, agent: &Agent, tape: &Arc<Tape>) -> Result<Chosen, Error> {
        let fact = tape.fact(&who_answers_for(agent), "");
        let cast: Cast = serde_json::from_str(&fact).map_err(|_| Error::NotOnCassette { agent: agent.id.clone() })?;
        let tariff = cast.priced.then(|| Tariff::free(&cast.model));
        let model = cast.model.clone();
        let told = Rc::new(Replayed { cast, tape: Arc::clone(tape) });
        Ok(Chosen { provider: Rc::new(Guarded { inner: told, secrets: self.secrets.clone() }), model, tariff })
    }

    /// The provider as it is asked: secrets are taken out first, then it is written down.
    fn dressed(&self, provider: Rc<dyn Provider>) -> Rc<dyn Provider> {
        let inner = match &self.tape {
            None => provider,
            Some(tape) => Rc::new(Recorded { inner: provider, tape: Arc::clone(tape) }),
        };
        Rc::new(Guarded { inner, secrets: self.secrets.clone() })
    }

    fn provider(&self, name: &str) -> Result<Rc<dyn Provider>, Error> {
        if name == OFFLINE {
            // It is asked nothing that leaves this process, unless it is written down.
            return Ok(if self.tape.is_some() { self.dressed(Rc::new(Offline)) } else { Rc::new(Offline) });
        }
        if let Some(made) = self.made.borrow().get(name) {
            return Ok(made.clone());
        }
        let endpoint = self
            .endpoints
            .get(name)
            .ok_or_else(|| Error::Unknown { name: name.to_owned(), known: self.names().into_iter().collect() })?;
        let key = match &endpoint.key_env {
            None => None,
            Some(variable) => {
                let value = (self.variable)(variable).map(Key::new).filter(|key| !key.is_empty());
                Some(value.ok_or_else(|| Error::NoKey { provider: name.to_owned(), variable: variable.clone() })?)
            }
        };
        let refused = |source| Error::Refused { provider: name.to_owned(), source };
        let made: Rc<dyn Provider> = match endpoint.wire {
            Wire::Openai => Rc::new(Openai::new(name, endpoint, key, Timers::default()).map_err(refused)?),
            Wire::Anthropic => Rc::new(Anthropic::new(name, endpoint, key, Timers::default()).map_err(refused)?),
        };
        let made = self.dressed(made);
        self.made.borrow_mut().insert(name.to_owned(), made.clone());
        Ok(made)
    }
}

/// The place of a cassette that says who answered for an agent.
fn who_answers_for(agent: &Agent) -> String {
    format!("who answers for {}", agent.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(provider: Option<&str>, model: &str) -> Agent {
        let text = "id: tester\nname: T\ndescription: d\nengine: model\nsystem_prompt: s\n";
        let mut agent: Agent = serde_yaml::from_str(text).unwrap();
        agent.provider = provider.map(str::to_owned);
        model.clone_into(&mut agent.model);
        agent
    }

    fn choice(provider: &str, model: &str) -> ModelChoice {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        ModelChoice { provider: some(provider), model: some(model), ..ModelChoice::default() }
    }

    fn models(settings: ModelChoice) -> Models {
        Models::new(
            &BTreeMap::new(),
            settings,
            |name| (name == "OPENAI_API_KEY").then(|| "k".to_owned()),
            Secrets::default(),
        )
    }

    #[test]
    fn the_run_beats_the_file_and_the_file_beats_the_settings() {
        let models = models(choice("ollama", "settings"));
        let asked = |agent: &Agent, run: &ModelChoice| {
            models.of(agent, run).map(|chosen| (chosen.provider.name().to_owned(), chosen.model)).unwrap()
        };
        let of = |provider: &str, model: &str| (provider.to_owned(), model.to_owned());
        assert_eq!(asked(&agent(None, ""), &choice("", "")), of("ollama", "settings"));
        assert_eq!(asked(&agent(None, "file"), &choice("", "")), of("ollama", "file"));
        assert_eq!(asked(&agent(Some("vllm"), "file"), &choice("", "")), of("vllm", "file"));
        assert_eq!(asked(&agent(Some("vllm"), "file"), &choice("", "run")), of("vllm", "run"));
        assert_eq!(asked(&agent(Some("vllm"), "file"), &choice("openai", "run")), of("openai", "run"));
        assert_eq!(asked(&agent(Some("offline"), ""), &choice("", "")), of("offline", ""));
    }

    #[test]
    fn a_model_named_for_one_provider_is_not_asked_of_another() {
        let models = models(choice("ollama", "settings"));
        let error = models.of(&agent(None, "file"), &choice("openai", "")).err().unwrap();
        assert!(matches!(error, Error::NoModel { .. }), "{error}");
    }

    #[test]
    fn a_missing_key_names_its_variable_and_a_stranger_the_known_ones() {
        let models = models(ModelChoice::default());
        let error = models.of(&agent(None, ""), &choice("anthropic", "m")).err().unwrap();
        assert!(error.to_string().contains("ANTHROPIC_API_KEY"), "{error}");
        let error = models.of(&agent(None, ""), &choice("opnai", "m")).err().unwrap();
        assert!(error.advice().unwrap().words().contains("openai"));
    }
}
