//! What went wrong, as people read it who are talked with in Russian: the text, and what to do now. English is what the
//! errors say themselves.
//!
//! The errors of the use cases are worded in [`crate::ops::notify::faults`]; here are Telegram's and those of runs.

use super::api::Error;
use super::markup::Text;
use super::words::{self, Words};
use crate::domain::diagnose::{Advice, Diagnose as _, Kind, told};
use crate::domain::redact::Secrets;
use crate::domain::spec::Language;
use crate::ops::notify::faults::{self, Worded, by_kind, quoted};
use crate::pipeline::{coding, models, runner};

/// An error in Russian.
pub(super) fn in_russian(error: &Error) -> Worded {
    match error {
        Error::Ops(error) => faults::in_russian(error),
        Error::Run(error) => of_run(error),
        Error::Unread(error) => quoted("Сказанное не прочитать", error).tell("скажите это ещё раз"),
        Error::TooLarge { limit } => {
            Worded::of(format!("Файл слишком велик: больше {limit} байт.")).tell("пришлите файл короче")
        }
        Error::Refused { method, code, said } => {
            Worded::of(format!("Telegram отказывает (`{method}`, {code}): {said}"))
        }
        Error::Gone { said } => Worded::of(format!("Этого в Telegram уже нет: {said}")),
        Error::Blocked { said } | Error::NoChat { said } => Worded::of(format!("В этот чат не написать: {said}")),
        Error::NoToken
        | Error::TokenFile { .. }
        | Error::BadToken { .. }
        | Error::BadAddress { .. }
        | Error::TokenRefused { .. }
        | Error::WebhookSet { .. }
        | Error::OtherPoller
        | Error::LocalFile { .. }
        | Error::NotTelegram { .. } => quoted("С ботом непорядок, позовите администратора", error),
        Error::Flood { .. } | Error::Upstream { .. } | Error::Network { .. } => quoted("Нет связи с Telegram", error),
        Error::Moved { .. } | Error::Entities { .. } | Error::Same | Error::SendsNoFiles { .. } => by_kind(error),
    }
}

/// Of runs that are begun, answered or taken up.
fn of_run(error: &runner::Error) -> Worded {
    match error {
        runner::Error::Ops(error) => faults::in_russian(error),
        runner::Error::Engine { run, .. } if error.kind() == Kind::Preflight => {
            Worded::of(format!("На диске нет места, запуск `{run}` дальше не идёт."))
                .tell(format!("освободите там место, затем выполните `cgo run resume {run}`"))
        }
        runner::Error::Engine { run, source } => {
            Worded::of(format!("Запуск `{run}` дальше не идёт: {}", told(source))).like(error)
        }
        runner::Error::Models(error) => of_models(error),
        runner::Error::Coders(error) => of_coders(error),
        runner::Error::Cassette(error) => quoted("С записью запуска не вышло", error),
        runner::Error::Leak(leak) => {
            Worded::of(format!("В сказанном стоит значение `{}`, а моделям секретов не говорят.", leak.handle))
                .tell("скажите то же без него, а его задайте: `cgo secrets set`")
        }
        runner::Error::There { run } => Worded::of(format!("Запуск `{run}` в этом хранилище уже есть."))
            .tell("повторите его в другом хранилище, например с --store replay.db"),
        runner::Error::Over { run, status } => {
            Worded::of(format!("Запуск `{run}` уже закончен: {}.", words::status(*status, Language::Ru))).like(error)
        }
        runner::Error::Waits { run, status, reason } => {
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Worded::of(format!("Запуск `{run}` {}{why}", words::status(*status, Language::Ru))).like(error)
        }
        runner::Error::Graph(_) => by_kind(error),
    }
}

/// Of models: nobody can decide for an agent.
fn of_models(error: &models::Error) -> Worded {
    match error {
        models::Error::Unknown { name, known } => Worded::of(format!("Провайдера `{name}` нет."))
            .tell(format!("выберите из этих: {} — или добавьте его в `providers` файла настроек", known.join(", "))),
        models::Error::NoKey { provider, variable } => {
            Worded::of(format!("Провайдеру `{provider}` нужен ключ, а переменная {variable} не задана."))
                .tell(format!("задайте ключ в {variable} или выберите --provider offline"))
        }
        models::Error::NoModel { provider, agent } => {
            Worded::of(format!("Для агента `{agent}` не названа модель, а у провайдера `{provider}` своей нет."))
                .tell("назовите её: --model, в файле агента или в настройках")
        }
        models::Error::NotOnCassette { agent } => {
            Worded::of(format!("В записи нет ничего об агенте `{agent}`.")).tell("запишите заново: --record")
        }
        models::Error::Refused { provider, source } => {
            quoted(&format!("Провайдером `{provider}` нельзя пользоваться"), source)
        }
    }
}

/// Of those who write code.
fn of_coders(error: &coding::Error) -> Worded {
    match error {
        coding::Error::NotInstalled { coder, program } => {
            Worded::of(format!("Кодирующий агент `{coder}` не установлен: нет программы `{program}`.")).like(error)
        }
        coding::Error::Broken { coder, source } => {
            Worded::of(format!("Кодирующий агент `{coder}` не запускается: {}", told(source))).like(error)
        }
        coding::Error::NoModel { coder, provider } => {
            Worded::of(format!("Кодирующему агенту `{coder}` нужна модель, а у провайдера `{provider}` её нет."))
                .tell("выберите её: --provider (и --model) или --coder none")
        }
        coding::Error::Protocol { coder, provider, speaks } => {
            Worded::of(format!("Кодирующий агент `{coder}` не может работать с `{provider}`: он говорит на {speaks}."))
                .tell("выберите другого провайдера: --provider (и --model) — или другого агента: --coder")
        }
        coding::Error::Sandbox(error) => quoted("Кодирующему агенту негде работать", error),
    }
}

/// As it is shown in a chat: without secrets, and what stands in backticks as code.
pub(super) fn shown(worded: &Worded, words: &Words, secrets: &Secrets) -> Text {
    let text = coded(Text::new(), &secrets.clean(&worded.text));
    match &worded.advice {
        Some(Advice::Run(command)) => text.line().bold(words.hint).plain(": ").code(secrets.clean(command)),
        Some(Advice::Do(what)) => coded(text.line().bold(words.hint).plain(": "), &secrets.clean(what)),
        None => text,
    }
}

fn coded(text: Text, words: &str) -> Text {
    let parts = words.split('`').enumerate();
    parts.fold(text, |text, (at, part)| if at % 2 == 1 { text.code(part) } else { text.plain(part) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coder::Coder;
    use crate::domain::ids::RunId;
    use crate::domain::names::{AgentName, ProjectName};
    use crate::domain::redact::Handle;
    use crate::domain::run::{RunStatus, Wait};
    use crate::domain::time::Timestamp;
    use crate::domain::user::{Identity, Right};
    use crate::ops::{self, users};

    fn run() -> RunId {
        RunId::new(Timestamp(1_800_000_000_000), 1)
    }

    fn agent() -> AgentName {
        AgentName::parse("tester").unwrap()
    }

    fn notes() -> ProjectName {
        ProjectName::parse("notes").unwrap()
    }

    /// Errors as a chat meets them, with what is read there.
    fn table() -> Vec<(Error, &'static str)> {
        let over = runner::Error::Over { run: run(), status: RunStatus::Failed };
        let (status, reason) = (RunStatus::WaitingApproval, Some("spend $5?".to_owned()));
        let waits = runner::Error::Waits { run: run(), status, reason };
        let forbidden = users::Error::Forbidden { who: "Bo".to_owned(), right: Right::Destroy, about: None };
        let stranger = users::Error::Stranger { identity: Identity::Telegram(7), attempts: 1 };
        let no_key = models::Error::NoKey { provider: "openai".to_owned(), variable: "OPENAI_API_KEY".to_owned() };
        let no_model = models::Error::NoModel { provider: "mine".to_owned(), agent: agent() };
        let no_coder = coding::Error::NotInstalled { coder: Coder::Codex, program: "codex" };
        vec![
            (
                ops::Error::NoSuchProject { name: "shelf".to_owned(), known: vec!["notes".to_owned()] }.into(),
                "Проекта shelf нет.\nДальше: выберите из этих: notes",
            ),
            (
                ops::Error::from(ProjectName::parse("полка").unwrap_err()).into(),
                "полка — не имя проекта: оно начинается с буквы a-z, например notes-api\nДальше: исправьте его",
            ),
            (ops::Error::NoSuchRun("run-x".to_owned()).into(), "Запуска run-x нет.\nДальше: cgo run list"),
            (
                ops::Error::NoRelease { project: notes() }.into(),
                "У проекта notes нет версии, к которой можно вернуться.\nДальше: cgo deploy notes",
            ),
            (
                ops::Error::NotWaiting { run: run(), status: RunStatus::Queued, wanted: Wait::Secret }.into(),
                "Запуск RUN не ждёт секрета.\nДальше: cgo run show RUN",
            ),
            (
                ops::Error::MissingSecrets { project: notes(), names: vec!["A".to_owned()] }.into(),
                "Проекту notes не хватает секретов: A\nДальше: выполните cgo secrets set notes A",
            ),
            (
                ops::Error::from(forbidden).into(),
                "Bo не может это удалять.\nДальше: попросите владельца или администратора",
            ),
            (
                ops::Error::from(stranger).into(),
                "Здесь не знают, кто такой telegram:7.\nДальше: попросите администратора: cgo users invite или \
                 cgo users add NAME --identity telegram:7",
            ),
            (over.into(), "Запуск RUN уже закончен: не удалось.\nДальше: cgo run show RUN"),
            (waits.into(), "Запуск RUN ждёт одобрения: spend $5?\nДальше: cgo run approve RUN"),
            (
                runner::Error::from(no_key).into(),
                "Провайдеру openai нужен ключ, а переменная OPENAI_API_KEY не задана.\nДальше: задайте ключ в \
                 OPENAI_API_KEY или выберите --provider offline",
            ),
            (
                runner::Error::from(no_model).into(),
                "Для агента tester не названа модель, а у провайдера mine своей нет.\nДальше: назовите её: --model, в \
                 файле агента или в настройках",
            ),
            (
                runner::Error::from(no_coder).into(),
                "Кодирующий агент codex не установлен: нет программы codex.\nДальше: выполните \
                 npm install -g @openai/codex или выберите другого: --coder (native программы не требует)",
            ),
            (Error::TooLarge { limit: 10 }, "Файл слишком велик: больше 10 байт.\nДальше: пришлите файл короче"),
            (
                ops::Error::Usage { what: "the moon is full".to_owned(), hint: "wait".to_owned() }.into(),
                "Так не получится: the moon is full\nДальше: «wait»",
            ),
        ]
    }

    #[test]
    fn what_a_chat_meets_is_said_in_russian_with_what_to_do() {
        for (error, wanted) in table() {
            let read = shown(&in_russian(&error), words::of(Language::Ru), &Secrets::default()).words();
            assert_eq!(read.replace(run().as_str(), "RUN"), wanted);
        }
    }

    #[test]
    fn no_error_of_telegram_itself_is_said_in_english_alone() {
        let said = || "said".to_owned();
        for error in [
            Error::NoToken,
            Error::TokenFile { path: "token".into(), source: std::io::Error::other("no") },
            Error::BadToken { from: said(), why: "it is short" },
            Error::BadAddress { address: said(), why: said() },
            Error::TokenRefused { from: said(), said: said() },
            Error::WebhookSet { host: None },
            Error::OtherPoller,
            Error::NotTelegram { said: said() },
            Error::Flood { after: std::time::Duration::from_secs(1) },
            Error::Blocked { said: said() },
            Error::NoChat { said: said() },
            Error::Moved { to: 1 },
            Error::Entities { said: said() },
            Error::Same,
            Error::Gone { said: said() },
            Error::Refused { method: said(), code: 400, said: said() },
            Error::Upstream { code: 500, said: said() },
            Error::Network { said: said(), sent: false },
            Error::TooLarge { limit: 1 },
            Error::LocalFile { path: said(), source: std::io::Error::other("no") },
            Error::SendsNoFiles { method: said() },
        ] {
            let read = in_russian(&error).text;
            assert!(read.contains(|c: char| ('\u{400}'..='\u{4ff}').contains(&c)), "{error}: {read}");
        }
    }

    #[test]
    fn commands_are_code_and_secrets_are_not_shown() {
        let secrets = Secrets::default();
        assert!(secrets.add(&Handle::new("notes", "KEY"), "canary-value-4711"));
        let worded =
            Worded::of("Не вышло с `a_b`: canary-value-4711").tell("выполните `cgo run list canary-value-4711`");
        let text = shown(&worded, words::of(Language::Ru), &secrets);
        assert!(!text.words().contains("canary") && text.words().contains("secret://notes/KEY"), "{}", text.words());
        let marked = &text.pages()[0].marked;
        assert!(marked.contains("`a_b`") && marked.contains("`cgo run list "), "{marked}");
        let command = Worded { text: "Нет".to_owned(), advice: Some(Advice::Run("cgo run list".to_owned())) };
        let text = shown(&command, words::of(Language::Ru), &secrets);
        assert!(text.pages()[0].marked.contains("`cgo run list`"));
    }
}
