//! Of servers, of this machine, and of programs.

use std::net::IpAddr;

use super::{Worded, by_kind, in_russian, quoted};
use crate::domain::host::Destination;
use crate::exec;
use crate::ops::deploy::remote::Left;
use crate::ops::servers::Error;
use crate::remote::caddy::dns;
use crate::remote::host::Refusal;
use crate::remote::{self, caddy, engine, host, image};

/// What helps when a release is not on all of its servers.
const FLEET: &str = "выполните `cgo servers check`, а когда ответят все — снова `cgo deploy`";
/// What helps when there is no room.
const ROOM: &str = "освободите там место и повторите";

/// What a server did not do, or was not told to.
pub(super) fn of(error: &Error) -> Worded {
    match error {
        Error::Host(error) | Error::Caddy(caddy::Error::Host(error)) | Error::Image(image::Error::Host(error)) => {
            of_host(error)
        }
        Error::Provision(error) => quoted("Сервер не удалось настроить", error),
        Error::Domain(error) => of_domain(error),
        Error::Deploy(error) => of_deployment(error),
        Error::Caddy(error) => quoted("Caddy на сервере этого не сделал", error),
        Error::Image(error) => quoted("С образом проекта не вышло", error),
        Error::Fleet { cause, back, differ } => {
            let Worded { mut text, advice } = in_russian(cause);
            if !back.is_empty() {
                text.push_str(&format!("\nНа {} работает прежнее.", back.join(", ")));
            }
            if differ.is_empty() {
                return Worded { text, advice };
            }
            text.push_str(&format!("\nЧто работает на других, неизвестно: {}", left(differ)));
            Worded::of(text).tell(FLEET)
        }
        Error::Partial { release, serves, left: others } if serves.is_empty() => {
            Worded::of(format!("Версия `{release}` не работает нигде: {}", left(others))).tell(FLEET)
        }
        Error::Partial { release, serves, left: others } => {
            let text = format!("Версия `{release}` работает на {}, но не везде: {}", serves.join(", "), left(others));
            Worded::of(text).tell(FLEET)
        }
        Error::Local => Worded::of("`local` — это сама эта машина: её не добавить и не удалить.").like(error),
        Error::UnknownKey { destination, fingerprint, command, .. } => {
            Worded::of(format!("Ключ сервера `{destination}` неизвестен: {fingerprint}"))
                .tell(format!("сравните его с `ssh-keygen -lf` на сервере и выполните `{command}`"))
        }
        Error::OtherKey { destination, wanted, offered } => {
            Worded::of(format!("`{destination}` предлагает ключ {offered}, а назван {wanted}."))
                .tell("сначала спросите того, кто ведёт сервер, какой ключ верный")
        }
        Error::NoSudo { name, user } => Worded::of(format!(
            "На `{name}` учётная запись `{user}` не может стать root: `sudo -n` ей отказано."
        ))
        .tell(format!(
            "разрешите это (строка `{user} ALL=(ALL) NOPASSWD: ALL` в /etc/sudoers.d/cgo там) или добавьте сервер с \
                     --rootless, для проектов, которым root не нужен"
        )),
        Error::Unwritable { name, path, reason } => {
            Worded::of(format!("На `{name}` нельзя писать в `{path}`: {reason}"))
                .tell("освободите там место или почините диск и повторите")
        }
    }
}

/// Servers, each with why.
fn left(others: &[Left]) -> String {
    others.iter().map(|other| format!("{} ({})", other.server, other.why)).collect::<Vec<_>>().join(", ")
}

/// What a host did not do.
fn of_host(error: &host::Error) -> Worded {
    match error {
        host::Error::NoClient { program } => {
            Worded::of(format!("На этой машине нет клиента SSH: программы `{program}`."))
                .tell("установите OpenSSH (Debian: `apt-get install openssh-client`)")
        }
        host::Error::Connect { host, to, cause } => {
            let worded = Worded::of(format!("До сервера `{host}` ({to}) не достучаться: {}", refusal(cause)));
            match way_in(cause, to) {
                Some(how) => worded.tell(how),
                None => worded.like(error),
            }
        }
        host::Error::HostKeyChanged { host, pinned, offered } => Worded::of(format!(
            "Ключ сервера `{host}` изменился: предложен {offered}, закреплён {pinned}."
        ))
        .tell(format!(
            "спросите того, кто ведёт сервер; если его настроили заново, выполните `cgo servers trust {host} \
                 --fingerprint {offered}`"
        )),
        host::Error::Key { path, reason, .. } => {
            Worded::of(format!("Ключ `{}` не годится: {reason}", path.display())).like(error)
        }
        host::Error::NoShell { host, user, .. } => {
            Worded::of(format!("На `{host}` для `{user}` команды не выполняются: оболочка сразу завершается."))
                .tell(format!("дайте `{user}` оболочку, которая выполняет команды, или назовите другого пользователя"))
        }
        host::Error::Lost { host, what } => {
            Worded::of(format!("Связь с `{host}` прервалась; удалось ли это ({what}), неизвестно.")).like(error)
        }
        host::Error::Deadline { host, what, after } => {
            Worded::of(format!("Сервер `{host}` не успел за {} с ({what}).", after.as_secs_f32())).like(error)
        }
        host::Error::Failed { host, what, code, .. } => {
            Worded::of(format!("Сервер `{host}` этого не смог ({what}): код выхода {code}."))
        }
        host::Error::Full { host, .. } => Worded::of(format!("На диске сервера `{host}` нет места.")).tell(ROOM),
        host::Error::ReadOnly { host, .. } => Worded::of(format!("Диск сервера `{host}` — только для чтения."))
            .tell("узнайте почему (об этом часто говорит `dmesg` там) и повторите"),
        host::Error::NoFile { host, path } => Worded::of(format!("На сервере `{host}` нет файла `{path}`.")),
        host::Error::Mismatch { path } => Worded::of(format!("Файл `{path}` каждый раз доходит не целым.")),
        host::Error::Busy { host, path } => {
            Worded::of(format!("Файл `{path}` уже отправляет на `{host}` другой процесс."))
        }
        host::Error::Strange { host, what, reason } => {
            Worded::of(format!("Сервер `{host}` отвечает непонятно ({what}): {reason}"))
        }
        host::Error::Folder { path } => {
            let path = path.display();
            Worded::of(format!("Папка соединений `{path}` принадлежит не только нам."))
                .tell(format!("удалите `{path}` и повторите"))
        }
        host::Error::Cancelled { host, what } => Worded::of(format!("Работа с `{host}` прервана ({what}).")),
        host::Error::File { .. } => quoted("Не удаётся работать с файлом", error),
        host::Error::Argument { .. } => by_kind(error),
        host::Error::Exec(error) => of_program(error),
    }
}

/// Why a connection did not come to be.
fn refusal(cause: &Refusal) -> String {
    match cause {
        Refusal::Name(said) => format!("имя не находится: {said}"),
        Refusal::Port => "в соединении отказано: этот порт никто не слушает".to_owned(),
        Refusal::Silence(said) => format!("ответа нет: {said}"),
        Refusal::Route(said) => format!("туда нет пути: {said}"),
        Refusal::Closed(said) => format!("соединение закрылось до входа: {said}"),
        Refusal::Login { user, said, .. } => format!("вход для `{user}` не разрешён: {said}"),
        Refusal::Locked(key) => format!("ключ `{}` зашифрован, а у агента SSH его нет", key.display()),
        Refusal::Other(said) => said.clone(),
    }
}

/// What lets one in, in words; none where a command does.
fn way_in(cause: &Refusal, to: &Destination) -> Option<String> {
    match cause {
        Refusal::Name(_) => Some(format!("проверьте имя `{}` или назовите адрес", to.host)),
        Refusal::Port => {
            Some(format!("проверьте, что там слушает sshd, или назовите его порт: {}@{}:PORT", to.user, to.host))
        }
        Refusal::Silence(_) | Refusal::Route(_) => {
            Some(format!("проверьте, что `{}` включён и что не мешает межсетевой экран", to.host))
        }
        Refusal::Closed(_) => Some("проверьте, что это порт sshd, и прочитайте его журнал там".to_owned()),
        Refusal::Login { user, key, port, .. } => {
            let port = port.map(|port| format!("-p {port} ")).unwrap_or_default();
            let key = key.as_ref().map(|key| format!("-i {} ", key.display())).unwrap_or_default();
            Some(format!("проверьте имя и ключ; ключ там заведёт `ssh-copy-id {key}{port}{user}@{}`", to.host))
        }
        Refusal::Locked(_) | Refusal::Other(_) => None,
    }
}

/// Why a deployment on a server came to nothing.
fn of_deployment(error: &engine::Error) -> Worded {
    match error {
        engine::Error::Host(error) => of_host(error),
        engine::Error::Held { host, held } => {
            let text = format!("Сервер `{host}` занят: {} ({}).", held.owner, held.purpose);
            match held.seconds_left {
                Some(left) => Worded::of(format!("{text} Освободится через {left} с, если там не продолжат.")),
                None => Worded::of(text)
                    .tell("попросите освободить его: `cgo lock release PROJECT`; с `--force` это могут и другие"),
            }
        }
        engine::Error::Superseded { host, by } => {
            let purpose = if by.purpose.is_empty() { String::new() } else { format!(" ({})", by.purpose) };
            Worded::of(format!("На `{host}` этим проектом занялся кто-то другой{purpose}.")).tell("разверните снова")
        }
        engine::Error::Build { host, cause, .. } => {
            Worded::of(format!("Версия не собирается на `{host}`: {cause}")).tell(super::MEND)
        }
        engine::Error::Migration { host, cause, .. } => {
            Worded::of(format!("Миграция на `{host}` не удалась: {cause}")).tell(super::MEND)
        }
        engine::Error::Preflight { host, cause, .. } => {
            Worded::of(format!("Сервер `{host}` не может принять версию: {cause}")).like(error)
        }
        engine::Error::Gate { host, cause, .. } => {
            Worded::of(format!("Версия не прошла проверку на `{host}`: {cause}")).tell(super::MEND)
        }
        engine::Error::Reverted { host, cause, .. } => {
            Worded::of(format!("Версия на `{host}` не удержалась, снова работает прежняя: {cause}")).tell(super::MEND)
        }
        engine::Error::Unfinished { host, cause } => {
            Worded::of(format!("Версия работает на `{host}`, но развёртывание не закончено: {cause}"))
                .tell("исправьте это и выполните `cgo run resume`")
        }
        engine::Error::Interrupted { host } => Worded::of(format!("Развёртывание на `{host}` прервано.")),
        engine::Error::Unknown { host, step, .. } => {
            let step = step.as_ref().map(|step| format!(": последним начат шаг `{step}`")).unwrap_or_default();
            Worded::of(format!("Неизвестно, чем закончилось развёртывание на `{host}`{step}")).like(error)
        }
    }
}

/// Why a domain leads nowhere.
fn of_domain(error: &dns::Error) -> Worded {
    let record = |wanted: &[IpAddr]| {
        let kind = |address: &IpAddr| if address.is_ipv4() { "A" } else { "AAAA" };
        let records = wanted.iter().map(|address| format!("{} {address}", kind(address)));
        records.collect::<Vec<_>>().join(" или ")
    };
    match error {
        dns::Error::NoAddress { domain, wanted } => Worded::of(format!("У домена `{domain}` нет адреса.")).tell(
            format!("добавьте `{domain}` запись {} там, где ведётся его DNS, дождитесь её и повторите", record(wanted)),
        ),
        dns::Error::Elsewhere { domain, found, wanted } => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Worded::of(format!("Домен `{domain}` ведёт не на этот сервер, а на {}.", found.join(", "))).tell(format!(
                "оставьте у `{domain}` только запись {} там, где ведётся его DNS, дождитесь её и повторите",
                record(wanted)
            ))
        }
        dns::Error::Unknown { domain, source } => {
            Worded::of(format!("Куда ведёт домен `{domain}`, узнать не удалось: {source}"))
                .tell("проверьте, что имена здесь находятся, и повторите")
        }
        dns::Error::Closed { host, address, reason } => {
            let port = address.port();
            Worded::of(format!("До порта {port} сервера `{host}` отсюда не достучаться: {reason}")).tell(format!(
                "откройте порт {port} для всех: на самом сервере это сделает `cgo servers provision {host}`, а перед \
                 ним может стоять ещё один межсетевой экран"
            ))
        }
    }
}

/// What this machine, which runs projects itself, did not do.
pub(super) fn of_this(error: &remote::error::Error) -> Worded {
    use remote::error::Error;
    match error {
        Error::File { path, source, .. } => Worded::of(format!("Не удаётся работать с `{}`: {source}", path.display())),
        Error::Damaged { path, reason } => {
            let path = path.display();
            Worded::of(format!("Файл `{path}` повреждён: {reason}"))
                .tell(format!("уберите `{path}` и разверните проект снова"))
        }
        Error::Busy { app, after } => {
            Worded::of(format!("Другой cgo меняет `{}` уже {} с.", app.display(), after.as_secs()))
        }
        Error::PortTaken { port, by } => {
            let by = by.as_ref().map(|by| format!(", его держит {by}")).unwrap_or_default();
            Worded::of(format!("Порт {port} занят{by}.")).tell(format!("освободите порт {port} и повторите"))
        }
        Error::CannotListen { address, reason } => Worded::of(format!("Адрес {address} не занять: {reason}")),
        Error::Nothing { app } => Worded::of(format!("В `{}` ничего не развёрнуто.", app.display())),
        Error::NotRunning { .. } => quoted("Эта версия не запущена", error),
        Error::Supervisor { app, reason } => {
            let log = app.join("supervisor.log");
            Worded::of(format!("Программа, которая следит за `{}`, не работает: {reason}", app.display()))
                .tell(format!("прочитайте `{}`", log.display()))
        }
        Error::Slow { app, after, .. } => {
            let (log, seconds) = (app.join("supervisor.log"), after.as_secs());
            Worded::of(format!("Программа, которая следит за `{}`, не успела за {seconds} с.", app.display()))
                .tell(format!("прочитайте `{}`", log.display()))
        }
        Error::System { .. } | Error::Launch { .. } | Error::Serves { .. } => by_kind(error),
    }
}

/// How a program ended.
pub(super) fn of_program(error: &exec::Error) -> Worded {
    match error {
        exec::Error::NotFound { program } => Worded::of(format!("На машине нет программы `{program}`."))
            .tell(format!("установите `{program}` и проверьте PATH")),
        exec::Error::NoDirectory { program, directory } => {
            Worded::of(format!("Программу `{program}` негде запустить: нет папки `{}`.", directory.display()))
        }
        exec::Error::Start { program, source } => Worded::of(format!("Программа `{program}` не запускается: {source}")),
        exec::Error::Lost { program, source } => {
            Worded::of(format!("Чем закончилась программа `{program}`, неизвестно: {source}"))
        }
        exec::Error::Deadline { program, after, .. } => {
            Worded::of(format!("Программа `{program}` не закончила за {} с.", after.as_secs_f32()))
        }
        exec::Error::Cancelled { program } => Worded::of(format!("Программа `{program}` прервана.")),
        exec::Error::Failed { program, exit, .. } => {
            Worded::of(format!("Программа `{program}` завершилась плохо: {exit}"))
        }
    }
}
