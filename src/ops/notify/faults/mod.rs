//! What went wrong, in Russian, for people who are told in it: what each error of the use cases says, and what to do.
//!
//! English is what errors say themselves. What a program, a server or the system said stays as it was said, after words
//! that say whose it is; so does an error that has no words here. Nothing is cleaned of secrets: whoever shows it does
//! that. Telegram's own errors and those of runs are worded in `telegram`.

mod github;
mod machines;
mod people;
mod sentences;
mod store;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;

use crate::domain::diagnose::{Advice, Diagnose, Kind, told};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::names::{InvalidName, ProjectName};
use crate::domain::run::{RunStatus, Wait};
use crate::domain::secret::Unfit;
use crate::domain::spec::Language;
use crate::ops::Error;
use crate::ops::environment;
use crate::remote::gate;
use crate::vault;

/// Where a service says why it does not answer.
const LOGS: &str = "посмотрите последние строки службы: `cgo project logs`";
/// What helps when a release is at fault.
const MEND: &str = "исправьте причину в проекте, сделайте коммит и разверните снова";

/// An error in Russian. What stands in backticks is code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worded {
    /// What went wrong.
    pub text: String,
    /// What to do now: a command, or words in Russian.
    pub advice: Option<Advice>,
}

impl Worded {
    /// Words, and nothing to be done.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), advice: None }
    }

    /// The same with something to do, in words.
    #[must_use]
    pub fn tell(self, what: impl Into<String>) -> Self {
        Self { advice: Some(Advice::Do(what.into())), ..self }
    }

    /// The same with what the error itself advises: a command as it is, words in Russian where there are some.
    #[must_use]
    pub fn like<E: Diagnose>(self, error: &E) -> Self {
        let advice = error.advice().map(|advice| match advice {
            Advice::Run(command) => Advice::Run(command),
            Advice::Do(text) => match command(&text) {
                Some(command) => Advice::Run(command.to_owned()),
                None => Advice::Do(sentences::in_russian(&text).unwrap_or_else(|| format!("«{text}»"))),
            },
        });
        Self { advice, ..self }
    }
}

/// The command, where a text says nothing else.
fn command(text: &str) -> Option<&str> {
    text.strip_prefix("run `")?.strip_suffix('`').filter(|command| !command.contains('`'))
}

/// What an error says, after words in Russian.
#[must_use]
pub fn quoted<E: Diagnose>(lead: &str, error: &E) -> Worded {
    Worded::of(format!("{lead}: {}", sentences::or_quoted(&told(error)))).like(error)
}

/// An error that has no words of its own: who has to act, and what it says.
#[must_use]
pub fn by_kind<E: Diagnose>(error: &E) -> Worded {
    let lead = match error.kind() {
        Kind::Usage => "Так не получится",
        Kind::User => "Не получилось",
        Kind::Person => "Без человека дальше нельзя",
        Kind::Locked => "Сейчас этим занят другой процесс",
        Kind::Gate => "Новая версия не прошла проверку",
        Kind::Reverted => "Новая версия не удержалась, снова работает прежняя",
        Kind::Partial => "Сделано не везде",
        Kind::Preflight => "Машина к этому не готова",
        Kind::Unknown => "Неизвестно, чем это закончилось",
        Kind::Interrupted => "Работа прервана",
        Kind::Internal => "Ошибка в самом cgo",
    };
    quoted(lead, error)
}

/// Why a run stands where it does, as its record says it, for people who read this language. In Russian, what has no
/// words here is quoted.
#[must_use]
pub fn reason(status: RunStatus, said: &str, language: Language) -> String {
    // What a run waits for is a question, in the language of the run.
    if language == Language::En || status.is_waiting() {
        return said.to_owned();
    }
    let russian = sentences::in_russian(said).unwrap_or_else(|| format!("«{said}»"));
    if status == RunStatus::Failed { format!("Причина: {russian}") } else { russian }
}

/// What to do after a run has failed, as its record says it: as [`reason`].
#[must_use]
pub fn hint(said: &str, language: Language) -> String {
    if language == Language::En {
        return said.to_owned();
    }
    let russian = || sentences::in_russian(said).unwrap_or_else(|| format!("«{said}»"));
    command(said).map_or_else(russian, |command| format!("выполните `{command}`"))
}

/// An error of the use cases in Russian.
#[must_use]
pub fn in_russian(error: &Error) -> Worded {
    let worded = wrapped(error)
        .or_else(|| of_folders(error))
        .or_else(|| of_places(error))
        .or_else(|| of_releases(error))
        .or_else(|| of_runs(error))
        .or_else(|| of_secrets(error))
        .or_else(|| of_agents(error))
        .unwrap_or_else(|| by_kind(error));
    if error.is_full_disk() { worded.tell("освободите там место") } else { worded }
}

/// What another part of cgo said.
fn wrapped(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::Store(error) => store::of(error),
        Error::Git(error) => github::of_git(error),
        Error::GitHub(error) => github::of(error),
        Error::Python(error) => quoted("Не готово окружение Python", error),
        Error::Checks(error) => quoted("Проверки проекта не запустились", error),
        Error::Exec(error) => machines::of_program(error),
        Error::GateUnknown(gate::Error::Runtime(error)) | Error::Remote(error) => machines::of_this(error),
        Error::GateUnknown(error) => quoted("Новая версия не проверена", error),
        Error::NoAnswer(error) => quoted("Служба не отвечает", error).tell(LOGS),
        Error::Server(error) => machines::of(error),
        Error::User(error) => people::of(error),
        Error::Render(error) => quoted("По этой спецификации код не получается", error),
        Error::Name(error) => name(error),
        Error::Vault(error) => of_vault(error),
        Error::Environment(error) => of_environment(error),
        _ => return None,
    })
}

/// Of a project, its folder and what is in it.
fn of_folders(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::NoSuchProject { name, known } => {
            let worded = Worded::of(format!("Проекта `{name}` нет."));
            if known.is_empty() { worded.like(error) } else { worded.tell(one_of(known)) }
        }
        Error::Uncommitted { folder, files } => {
            let files: Vec<String> = files.iter().map(|file| sentences::or_quoted(file)).collect();
            let text = format!("В папке `{}` есть изменения без коммита: {}", folder.display(), files.join(", "));
            Worded::of(text).like(error)
        }
        Error::NotGenerated { project, changes } => {
            Worded::of(format!("Код `{project}` расходится с его спецификацией, файлов: {changes}.")).like(error)
        }
        Error::Manifest { path, reason } => {
            let path = path.display();
            Worded::of(format!("В `{path}` ошибка: {reason}")).tell(format!("исправьте `{path}`"))
        }
        Error::Spec { problems } => {
            let text = format!("В спецификации есть ошибки: {}", problems.join("; "));
            Worded::of(text).tell("исправьте их и повторите")
        }
        Error::FolderNotEmpty { folder } => Worded::of(format!("Папка `{}` не пуста.", folder.display()))
            .tell("выберите другую папку (--dir) или другое имя (--name)"),
        Error::FolderNotOurs { folder } => {
            Worded::of(format!("Папку `{}` создал не cgo для этого проекта.", folder.display()))
                .tell("удалите папку сами, а проект — без --folder")
        }
        Error::Path { path, source, .. } if source.kind() == ErrorKind::NotFound => {
            Worded::of(format!("На машине, где работает cgo, нет `{}`.", path.display()))
                .tell("верните папку на место или выберите другую")
        }
        Error::Path { path, source, .. } => Worded::of(format!("Не удаётся работать с `{}`: {source}", path.display()))
            .tell("выберите другую папку или измените права на эту"),
        Error::NoRoom { path, available_mb, needed_mb } => {
            let text = format!("На диске `{}` осталось {available_mb} МБ, а нужно {needed_mb} МБ.", path.display());
            Worded::of(text).tell("освободите место или выберите другую папку (--dir)")
        }
        _ => return None,
    })
}

/// Of servers that projects are on, or are to be.
fn of_places(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::NoServer { refusals } => {
            Worded::of(format!("Проект не берёт ни один сервер: {}", sentences::refusals(refusals))).like(error)
        }
        Error::NoCapacity { project, refusals } => {
            let text = format!("Сейчас нигде нет места для `{project}`: {}", sentences::refusals(refusals));
            Worded::of(text).tell("удалите там какой-нибудь проект или добавьте сервер: `cgo servers add`")
        }
        Error::InMaintenance { project, server } => Worded::of(format!(
            "Сервер `{server}` на обслуживании: версии `{project}` туда не ставят, ни новые, ни прежние."
        ))
        .like(error),
        Error::LivesElsewhere { project, server, wanted } => {
            let text = format!("Проект `{project}` живёт на `{server}` и на `{wanted}` не переносится.");
            Worded::of(text)
                .tell(format!("не называйте --server или сначала удалите проект там: `cgo project remove {project}`"))
        }
        Error::NoSuchServer { handle, known } => Worded::of(format!("Сервера `{handle}` нет.")).tell(one_of(known)),
        Error::NotLookedAt { server, problem } => {
            Worded::of(format!("Сервер `{server}` не удалось осмотреть: {problem}")).like(error)
        }
        _ => return None,
    })
}

/// Of releases, and of services that are asked.
fn of_releases(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::NoRelease { project } => {
            Worded::of(format!("У проекта `{project}` нет версии, к которой можно вернуться.")).like(error)
        }
        Error::BadRelease { release, reason, good } => {
            let good: Vec<&str> = good.iter().map(ReleaseId::as_str).collect();
            let text = format!("Вернуться к версии `{release}` нельзя: {}", sentences::or_quoted(reason));
            let how =
                if good.is_empty() { "возвращаться не к чему".to_owned() } else { one_of(&good) };
            Worded::of(text).tell(how)
        }
        Error::Irreversible { release, crossed } => {
            let text = format!("Вернуться к версии `{release}` мешает то, чего не отменить: {}", crossed.join("; "));
            Worded::of(text).tell(format!(
                "исправьте ошибку и разверните снова; `cgo deploy --rollback {release} --force` вернёт и так, но базу \
                 эта версия может не понять"
            ))
        }
        Error::Gate { release, cause, old_serves, .. } => {
            let old = if *old_serves { ", работает прежняя" } else { "" };
            Worded::of(format!("Версия `{release}` не прошла проверку{old}: {cause}")).tell(MEND)
        }
        Error::Migration { release, outcome, .. } => {
            Worded::of(format!("Миграция версии `{release}`: {}", sentences::or_quoted(outcome))).tell(MEND)
        }
        Error::Superseded { release, by } => Worded::of(format!("Версию `{release}` обогнала `{by}`, работает она."))
            .tell("разверните снова, если нужна именно эта"),
        Error::NotAnswering { project, seen } => {
            let seen = sentences::or_quoted(seen);
            Worded::of(format!("Проект `{project}` запущен, но не отвечает: {seen}")).like(error)
        }
        Error::Probe { url, status, body } => {
            Worded::of(format!("{url} отвечает статусом {status}: {body}")).tell(LOGS)
        }
        Error::OtherRelease { url, wanted, says } => {
            Worded::of(format!("{url} отвечает как версия `{says}`, а не `{wanted}`.")).tell(LOGS)
        }
        _ => return None,
    })
}

/// Of runs and what they ask.
fn of_runs(error: &Error) -> Option<Worded> {
    let text = match error {
        Error::NoSuchRun(id) => format!("Запуска `{id}` нет."),
        Error::AmbiguousRun { text, ids } => {
            let ids = ids.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ");
            if text.is_empty() {
                format!("Продолжить можно несколько запусков: {ids}")
            } else {
                format!("Так начинаются несколько запусков (`{text}`): {ids}")
            }
        }
        Error::NoRuns => "Запусков пока нет.".to_owned(),
        Error::NothingToResume => "Продолжать нечего.".to_owned(),
        Error::NoSuchEvent { run, at, newest } => format!("В запуске `{run}` нет события {at}: есть с 1 по {newest}."),
        Error::NotWaiting { run, wanted, .. } => {
            let wanted = match wanted {
                Wait::Input => "ответа",
                Wait::Approval => "одобрения",
                Wait::Secret => "секрета",
                Wait::Capacity => "места на сервере",
            };
            format!("Запуск `{run}` не ждёт {wanted}.")
        }
        Error::TooLate { run, deadline } => {
            format!("Срок ответа запуску `{run}` прошёл: {} (UTC).", deadline.utc())
        }
        Error::WrongAnswers { run, questions, given } => {
            format!("Вопросов в запуске `{run}`: {}, ответов дано: {given}.", questions.len())
        }
        Error::NoSuchAsk(id) => format!("Вопроса `{id}` нет."),
        Error::NotAllowed { user, approvers } => {
            let text = format!("`{user}` не может одобрять и отклонять; могут: {}", approvers.join(", "));
            let how = "попросите кого-то из них; имена стоят в `approvers` файла настроек";
            return Some(Worded::of(text).tell(how));
        }
        _ => return None,
    };
    Some(Worded::of(text).like(error))
}

/// Of secrets.
fn of_secrets(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::MissingSecrets { project, names } => {
            let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let text = format!("Проекту `{project}` не хватает секретов: {}", shown.join(", "));
            Worded::of(text).tell(setting(project, names))
        }
        Error::SecretInAnswer { run, project, names } => Worded::of("Значению секрета не место в ответе.")
            .tell(format!("{}, затем `cgo run resume {run}`", setting(project, names))),
        Error::NoSuchSecret { project, name, known } => {
            let worded = Worded::of(format!("У проекта `{project}` нет секрета `{name}`."));
            if known.is_empty() { worded.like(error) } else { worded.tell(one_of(known)) }
        }
        Error::UnfitSecret { name, source } => Worded::of(format!("Значение `{name}` не годится: {}", unfit(*source)))
            .tell("передайте его через stdin, назовите файл (--file) или введите, когда спросят"),
        _ => return None,
    })
}

/// Of agents.
fn of_agents(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::NoSuchAgent { name, known } => Worded::of(format!("Агента `{name}` нет.")).tell(one_of(known)),
        Error::NoSuchVersion { name, number, newest } => {
            Worded::of(format!("У агента `{name}` нет версии {number}: есть с 1 по {newest}.")).like(error)
        }
        Error::BrokenAgent { name, problem } => {
            let at = problem.at.map(|(line, column)| format!(" (строка {line}, знак {column})")).unwrap_or_default();
            Worded::of(format!("В файле агента `{name}` ошибка{at}: {problem}")).like(error)
        }
        _ => return None,
    })
}

/// What there is to choose from.
fn one_of(known: &[impl AsRef<str>]) -> String {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    format!("выберите из этих: {}", known.join(", "))
}

/// How secrets are set.
fn setting(project: &ProjectName, names: &[String]) -> String {
    let commands: Vec<String> = names.iter().map(|name| format!("`cgo secrets set {project} {name}`")).collect();
    format!("выполните {}", commands.join(" и "))
}

/// Why a text cannot be the value of a secret, after "не годится: ".
#[must_use]
pub fn unfit(unfit: Unfit) -> String {
    match unfit {
        Unfit::Empty => "оно пустое".to_owned(),
        Unfit::Zero => "в нём есть нулевой байт".to_owned(),
        Unfit::NotText => "это не текст в UTF-8; запишите его в base64, а служба пусть раскодирует".to_owned(),
        Unfit::Long(bytes) => format!("в нём {bytes} байт, это слишком много"),
    }
}

/// A text that is no name.
fn name(error: &InvalidName) -> Worded {
    let sort = match error.sort {
        "project name" => "имя проекта",
        "server name" => "имя сервера",
        "agent name" => "имя агента",
        "run id" => "номер запуска",
        "release id" => "номер версии",
        "question id" => "номер вопроса",
        "incident id" => "номер происшествия",
        other => other,
    };
    let shown = error.shown.replace('`', "'");
    Worded::of(format!("`{shown}` — не {sort}: {}", sentences::or_quoted(&error.reason))).tell("исправьте его")
}

/// Of the file that opens secrets.
fn of_vault(error: &vault::Error) -> Worded {
    match error {
        vault::Error::Missing { path, key: Some(key) } => {
            let path = path.display();
            Worded::of(format!("Нет файла ключа `{path}`, а секреты зашифрованы для `{key}`.")).tell(format!(
                "верните файл из копии или назовите его в CGO_IDENTITY; если он потерян, удалите значения \
                 (`cgo secrets rm`) или создайте новый ключ (`age-keygen -o {path}`) и задайте их заново"
            ))
        }
        vault::Error::Missing { path, key: None } => {
            Worded::of(format!("Нет файла ключа `{}`.", path.display())).like(error)
        }
        vault::Error::OtherKey { what, key, own, path } => {
            Worded::of(format!("`{what}` зашифровано для `{key}`, а в `{}` ключ `{own}`.", path.display()))
                .tell("добавьте тот ключ в файл отдельной строкой или задайте значение заново: `cgo secrets set`")
        }
        vault::Error::Damaged { what } => {
            Worded::of(format!("То, что хранится как `{what}`, изменено или повреждено."))
                .tell("задайте значение заново: `cgo secrets set`")
        }
        vault::Error::Open { path } => {
            Worded::of(format!("Файл `{}` открывает все секреты, а прочитать его могут другие.", path.display()))
                .like(error)
        }
        vault::Error::Foreign { path } => {
            let path = path.display();
            Worded::of(format!("Файл `{path}` принадлежит другой учётной записи."))
                .tell(format!("сделайте себя владельцем `{path}`"))
        }
        vault::Error::Invalid { path, line } => {
            let path = path.display();
            Worded::of(format!("Строка {line} в `{path}` — не ключ age."))
                .tell(format!("верните ключ в `{path}`; он начинается с AGE-SECRET-KEY-1"))
        }
        vault::Error::Path { path, source, .. } => {
            let path = path.display();
            Worded::of(format!("Не удаётся работать с файлом ключа `{path}`: {source}"))
                .tell(format!("измените права на `{path}` или назовите другой файл в CGO_IDENTITY"))
        }
        vault::Error::Encrypt => Worded::of("Значение не удалось зашифровать."),
    }
}

/// Of what a service is told by its environment.
fn of_environment(error: &environment::Error) -> Worded {
    match error {
        environment::Error::Disagreement { name, one, other } => {
            Worded::of(format!("О переменной `{name}` сказано разное: {one}; {other}"))
                .tell(format!("уберите `{name}` из одного места или скажите одно и то же"))
        }
        environment::Error::Nothing { name, place, why, .. } => Worded::of(format!(
            "Переменную `{name}` из {place} неоткуда взять: {why}"
        ))
        .tell(format!("дайте `{name}` значение в `env` файла cgo.yaml или сделайте `literal` или `user_secret`")),
        environment::Error::InArguments { name, service, command } => Worded::of(format!(
            "`{command}` службы `{service}` в cgo.yaml передаёт секрет `{name}` аргументом, а их видят на машине все."
        ))
        .tell(format!("пусть служба читает `{name}` из окружения")),
    }
}
