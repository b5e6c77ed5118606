//! How a service stands, as its server tells it.

use schemars::JsonSchema;
use serde::Serialize;

use super::spec::Language;

/// How a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its release runs.
    Running,
    /// Its release runs, and visitors are told to come back later.
    InMaintenance,
    /// About to run.
    Starting,
    /// Ended by itself, and is started again in a moment.
    Restarting,
    /// Finishes what it is at before it ends.
    Stopping,
    /// Stopped by somebody.
    Stopped,
    /// Ended by itself too often, and is left alone.
    Failed,
    /// Ended, and nobody starts it again.
    Died,
    /// Its process runs, and nobody watches over it.
    Unsupervised,
    /// What it runs in does not answer.
    EngineSilent,
    /// Its server cannot be asked.
    Unknown,
    /// It was set up, and no release serves.
    NoRelease,
    /// The project is being made.
    NotFinished,
    /// The project was never deployed.
    NotDeployed,
}

impl Standing {
    /// As people read it.
    #[must_use]
    pub fn words(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::Running) => "running",
            (Language::En, Self::InMaintenance) => "in maintenance",
            (Language::En, Self::Starting) => "starting",
            (Language::En, Self::Restarting) => "restarting",
            (Language::En, Self::Stopping) => "stopping",
            (Language::En, Self::Stopped) => "stopped",
            (Language::En, Self::Failed) => "failed: its process ended too often",
            (Language::En, Self::Died) => "died",
            (Language::En, Self::Unsupervised) => "not reachable: its supervisor has died",
            (Language::En, Self::EngineSilent) => "degraded: its container engine does not answer",
            (Language::En, Self::Unknown) => "not known: its server cannot be asked",
            (Language::En, Self::NoRelease) => "no release serves",
            (Language::En, Self::NotFinished) => "not finished",
            (Language::En, Self::NotDeployed) => "not deployed",
            (Language::Ru, Self::Running) => "работает",
            (Language::Ru, Self::InMaintenance) => "на обслуживании",
            (Language::Ru, Self::Starting) => "запускается",
            (Language::Ru, Self::Restarting) => "перезапускается",
            (Language::Ru, Self::Stopping) => "останавливается",
            (Language::Ru, Self::Stopped) => "остановлен",
            (Language::Ru, Self::Failed) => "не работает: процесс завершался слишком часто",
            (Language::Ru, Self::Died) => "не работает: процесс завершился",
            (Language::Ru, Self::Unsupervised) => "недоступен: за процессом никто не следит",
            (Language::Ru, Self::EngineSilent) => "работает с перебоями: контейнерный движок не отвечает",
            (Language::Ru, Self::Unknown) => "неизвестно: сервер не отвечает",
            (Language::Ru, Self::NoRelease) => "ни один выпуск не работает",
            (Language::Ru, Self::NotFinished) => "ещё не готов",
            (Language::Ru, Self::NotDeployed) => "не развёрнут",
        }
    }
}
