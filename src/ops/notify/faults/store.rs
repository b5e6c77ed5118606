//! Of the store.

use super::{Worded, by_kind, quoted, sentences};
use crate::domain::run::Lease;
use crate::store::Error;

/// What helps when the file cannot be used.
const WRITABLE: &str = "сделайте его файлом, в который можно писать, или назовите другой в `--store`";

/// What the store did not do.
pub(super) fn of(error: &Error) -> Worded {
    of_itself(error).or_else(|| of_records(error)).or_else(|| of_order(error)).unwrap_or_else(|| by_kind(error))
}

/// The store cannot be opened, read or written.
fn of_itself(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::UnknownScheme { .. } | Error::InvalidUrl { .. } => quoted("Хранилище названо неверно", error)
            .tell("назовите его так: `sqlite:/path/to/cgo.db` или `postgres://user@host/database` в `--store`"),
        Error::CannotOpen { path, reason } => {
            Worded::of(format!("Хранилище `{}` не открывается: {reason}", path.display())).tell(WRITABLE)
        }
        Error::ReadOnly { store, reason } => {
            Worded::of(format!("В хранилище `{store}` нельзя писать: {reason}")).tell(WRITABLE)
        }
        Error::Damaged { path, reason } => {
            let path = path.display();
            Worded::of(format!("Хранилище `{path}` повреждено: {reason}"))
                .tell(format!("верните его из копии или уберите (`mv {path} {path}.damaged`) и начните с пустого"))
        }
        Error::Foreign { path } => Worded::of(format!("`{}` — база другой программы.", path.display()))
            .tell("назовите другой файл в `--store`"),
        Error::Newer { store, found, known } => {
            Worded::of(format!("У хранилища `{store}` схема {found}, а этот cgo знает схемы до {known}."))
                .tell("обновите cgo")
        }
        Error::DiskFull { store } => {
            Worded::of(format!("Для хранилища `{store}` не осталось места.")).tell("освободите там место")
        }
        Error::Busy { store } => {
            Worded::of(format!("Хранилище `{store}` занято другим процессом.")).tell("подождите его и повторите")
        }
        Error::Unreachable { store, source } => Worded::of(format!("Нет связи с хранилищем `{store}`: {source}"))
            .tell("проверьте, что PostgreSQL работает, а адрес и порт верны"),
        Error::Refused { store, reason } => Worded::of(format!("Хранилище `{store}` не пускает: {reason}"))
            .tell("проверьте в адресе имя, пароль и базу"),
        Error::OutcomeUnknown { store, .. } => {
            Worded::of(format!("Неизвестно, дошло ли последнее изменение до хранилища `{store}`."))
                .tell("повторите: cgo выяснит, что было сделано")
        }
        Error::Corrupt { table, column, value } => {
            Worded::of(format!("В хранилище в `{table}.{column}` стоит `{value}`, а такого cgo не знает."))
                .tell("верните хранилище из копии или обновите cgo, если в него писал более новый")
        }
        _ => return None,
    })
}

/// Something is there already, or is not.
fn of_records(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::NulCharacter { shown } => {
            Worded::of(format!("Текст с нулевым знаком не сохранить: `{shown}`")).tell("уберите этот знак")
        }
        Error::NotFound { what, id } => {
            let what = match *what {
                "project" => "проекта",
                "run" => "запуска",
                "server" => "сервера",
                "release" => "версии",
                _ => "записи",
            };
            Worded::of(format!("В хранилище нет {what} `{id}`.")).like(error)
        }
        Error::NameTaken { name } => {
            Worded::of(format!("Проект `{name}` уже есть.")).tell("выберите другое имя (`--name`)")
        }
        Error::ServerTaken { name } => Worded::of(format!("Сервер `{name}` уже есть."))
            .tell(format!("выберите другое имя или удалите его: `cgo servers remove {name}`")),
        Error::PersonTaken { by, .. } => Worded::of(format!("`{by}` уже принадлежит кому-то другому.")).like(error),
        Error::LastAdmin { name } => Worded::of(format!("`{name}` — последний администратор."))
            .tell("сначала сделайте администратором кого-то ещё: `cgo users role NAME admin`"),
        Error::ServerInUse { name, projects } => Worded::of(format!("На сервере `{name}` есть проекты: {projects}."))
            .tell("сначала перенесите или удалите их"),
        Error::PortsExhausted { server, first, last, reserved, listening } => Worded::of(format!(
            "На сервере `{server}` нет свободного порта от {first} до {last}: за проектами {reserved}, заняты другими \
             {listening}."
        ))
        .tell("удалите с сервера какой-нибудь проект: `cgo project remove NAME`"),
        _ => return None,
    })
}

/// Somebody else was first, or it is not the time for it.
fn of_order(error: &Error) -> Option<Worded> {
    Some(match error {
        Error::Conflict { what, .. } => {
            Worded::of(format!("Это уже изменил кто-то другой: {what}")).tell("посмотрите, что там теперь, и повторите")
        }
        Error::LeaseHeld { lease } => Worded::of(held(lease)).like(error),
        Error::FenceLost { resource, .. } => {
            Worded::of(format!("Этим занялся другой процесс: `{resource}`")).like(error)
        }
        Error::AlreadyAnswered { by, .. } => Worded::of(format!("На этот вопрос уже ответили: {by}.")),
        Error::IllegalMove(illegal) if illegal.status.is_terminal() => Worded::of("Этот запуск уже закончен."),
        Error::IllegalMove(_) => quoted("Сейчас с этим запуском так нельзя", error),
        Error::ServerMove { name, source } => {
            Worded::of(format!("С сервером `{name}` сейчас так нельзя: {source}")).like(error)
        }
        Error::AttemptsUsed { name, attempts, problem } => Worded::of(format!(
            "Сервер `{name}` не удалось настроить, попыток подряд: {attempts}. Последняя: {problem}"
        ))
        .tell(format!("исправьте это и выполните `cgo servers provision {name} --again`")),
        Error::Superseded { name } => {
            Worded::of(format!("Сервер `{name}` настраивает уже другая, более поздняя попытка.")).like(error)
        }
        _ => return None,
    })
}

/// Who works on what.
fn held(lease: &Lease) -> String {
    let what = match lease.resource.split_once(':') {
        Some(("project", name)) => format!("проект `{name}`"),
        Some(("run", id)) => format!("запуск `{id}`"),
        Some(("server", name)) => format!("сервер `{name}`"),
        _ => format!("`{}`", lease.resource),
    };
    let purpose = sentences::or_quoted(&lease.purpose);
    format!("Сейчас {what} занят другим делом: {purpose} (процесс {} на {}).", lease.holder.pid, lease.holder.host)
}
