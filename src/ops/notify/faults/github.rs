//! Of GitHub and git.

use super::{Worded, by_kind, quoted};
use crate::github::Error;
use crate::workspace::git;
use crate::workspace::git::push::Refusal;

const RESUME: &str = "выполните `cgo run resume`, когда GitHub снова ответит";
const ADDRESS: &str = "задайте в CGO_GITHUB_API адрес вроде https://github.example.com/api/v3";
const WHOSE: &str = "посмотрите, чей это токен и что он может: `cgo doctor`";

/// What GitHub did not do.
pub(super) fn of(error: &Error) -> Worded {
    match error {
        Error::NoToken
        | Error::BadToken { .. }
        | Error::TokenRefused { .. }
        | Error::Forbidden { .. }
        | Error::NotFound { .. } => of_token(error),
        Error::BadAddress { address, why } => {
            Worded::of(format!("Адрес API GitHub `{address}` не годится: {why}")).tell(ADDRESS)
        }
        Error::NotGitHub { said } => Worded::of(format!("Отвечает не GitHub: {said}")).tell(ADDRESS),
        Error::RateLimited { after: Some(after), said, .. } => {
            Worded::of(format!("GitHub ограничивает частоту запросов: {said}"))
                .tell(format!("подождите {} с и повторите", after.as_secs().max(1)))
        }
        Error::RateLimited { after: None, said, .. } => {
            Worded::of(format!("GitHub ограничивает частоту запросов: {said}")).tell(RESUME)
        }
        Error::NameTaken { full_name } => {
            Worded::of(format!("Имя `{full_name}` на GitHub занято.")).tell("выберите другое имя или владельца")
        }
        Error::Archived { full_name } => Worded::of(format!("Репозиторий `{full_name}` в архиве."))
            .tell("верните его из архива на GitHub или выберите другое имя"),
        Error::Invalid { doing, said, .. } => Worded::of(format!("GitHub не может этого ({doing}): {said}")),
        Error::Empty { full_name } => Worded::of(format!("Репозиторий `{full_name}` пуст.")),
        Error::Elsewhere { to } => {
            Worded::of(format!("GitHub перенаправляет на `{to}`, а токен туда отправлять нельзя."))
                .tell("задайте в CGO_GITHUB_API адрес, куда он перенаправляет, если доверяете ему")
        }
        Error::Refused { doing, status, said } => {
            Worded::of(format!("GitHub отказывает ({doing}), статус {status}: {said}"))
        }
        Error::Upstream { status, said } => Worded::of(format!("На GitHub сбой, статус {status}: {said}")).tell(RESUME),
        Error::Network { said, .. } => Worded::of(format!("Нет связи с GitHub: {said}")).tell(RESUME),
        Error::Timeout { said } => Worded::of(format!("GitHub не ответил вовремя: {said}")).tell(RESUME),
        Error::Unknown { doing, source } => {
            Worded::of(format!("Неизвестно, сделал ли это GitHub ({doing}): {source}")).tell(RESUME)
        }
        Error::Cancelled => Worded::of("Вопрос к GitHub отозван."),
    }
}

/// What the token is not good for.
fn of_token(error: &Error) -> Worded {
    match error {
        Error::NoToken => Worded::of("Для GitHub нужен токен, а его нет.").like(error),
        Error::BadToken { variable } => {
            Worded::of(format!("В токене из {variable} есть знаки, которых в токенах не бывает."))
                .tell(format!("задайте {variable} заново, без переводов строк и кавычек"))
        }
        Error::TokenRefused { variable, said } => Worded::of(format!(
            "GitHub не принимает токен из {variable}: {said}"
        ))
        .tell(format!("создайте на GitHub новый токен (Settings, Developer settings) и задайте его в {variable}")),
        Error::Forbidden { variable, doing, said, needs } => {
            let how = match needs {
                Some(needs) if needs.starts_with("https://") => format!("разрешите это токену: {needs}"),
                Some(needs) => format!("дайте токену из {variable} права {needs}"),
                None => format!("посмотрите, что может токен из {variable}: `cgo doctor`"),
            };
            Worded::of(format!("Токену из {variable} это нельзя ({doing}): {said}")).tell(how)
        }
        Error::NotFound { what } => {
            Worded::of(format!("Этого нет на GitHub, или токену туда нельзя: {what}")).tell(WHOSE)
        }
        other => by_kind(other),
    }
}

/// What git did not do.
pub(super) fn of_git(error: &git::Error) -> Worded {
    match error {
        git::Error::NoGit => Worded::of("На машине нет программы `git`.").like(error),
        git::Error::GitTooOld { found } => {
            Worded::of(format!("Программа `git` слишком старая ({found}): нужна 2.28 или новее.")).like(error)
        }
        git::Error::NotARepository { folder } => {
            Worded::of(format!("В `{}` нет репозитория git.", folder.display())).like(error)
        }
        git::Error::BadSha { text } => Worded::of(format!("`{text}` — не полный номер коммита.")),
        git::Error::NoCommit { folder, sha } => Worded::of(format!("В `{}` нет коммита {sha}.", folder.display())),
        git::Error::Busy { folder, pid } => {
            Worded::of(format!("В `{}` работает другой git (процесс {pid}).", folder.display()))
                .tell("дайте ему закончить")
        }
        git::Error::ForeignLock { lock } => {
            let lock = lock.display();
            Worded::of(format!("Другая программа оставила `{lock}`."))
                .tell(format!("проверьте, что там не работает редактор или git, и удалите `{lock}`"))
        }
        git::Error::LinkLeaves { link, target } => {
            Worded::of(format!("Ссылка `{link}` ведёт из проекта наружу, в `{target}`."))
                .tell(format!("сделайте `{link}` относительной ссылкой внутри проекта или файлом"))
        }
        git::Error::ExportExists { into, sha } => {
            let into = into.display();
            Worded::of(format!("`{into}` уже есть, и там не коммит {sha}.")).tell(format!("уберите `{into}`"))
        }
        git::Error::DiskFull { folder } => {
            Worded::of(format!("На диске `{}` нет места.", folder.display())).tell("освободите там место")
        }
        git::Error::BadRemote { url } => {
            Worded::of(format!("По адресу `{url}` коммит не отправить: нужен https:// без имени и ключа в нём."))
        }
        git::Error::Remote { url, branch, why, said, .. } => {
            let worded = Worded::of(format!("С веткой `{branch}` на {url} не вышло, {}: {said}", refusal(*why)));
            match way_out(*why) {
                Some(how) => worded.tell(how),
                None => worded,
            }
        }
        git::Error::Git { .. } => quoted("Программа git не справилась", error),
        git::Error::Io { .. } => quoted("Не удаётся работать с файлами репозитория", error),
        git::Error::BadKey { .. } | git::Error::Answer { .. } => by_kind(error),
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::NotFastForward => "там есть коммиты, которых нет здесь",
        Refusal::Protected => "ветка защищена",
        Refusal::WorkflowScope => "токену нельзя менять файлы workflow",
        Refusal::Secret => "в коммите найден секрет",
        Refusal::TooLarge => "файл слишком велик",
        Refusal::Declined => "отказано",
        Refusal::Key => "токен не принят",
        Refusal::Forbidden => "токену нельзя отправлять",
        Refusal::NotFound => "репозитория нет, или токену туда нельзя",
        Refusal::Moved => "репозиторий переехал",
        Refusal::Unreachable => "туда нет связи",
        Refusal::Unknown => "дошло ли, неизвестно",
    }
}

fn way_out(why: Refusal) -> Option<&'static str> {
    match why {
        Refusal::NotFastForward => Some("заберите эти коммиты в папку проекта через git и отправьте снова"),
        Refusal::Protected => Some("отправьте в другую ветку и откройте pull request или измените правило"),
        Refusal::WorkflowScope => Some("дайте токену право `workflow` (у fine-grained: Workflows, read and write)"),
        Refusal::Secret => Some("уберите секрет из коммитов и получите новый: этот уже известен"),
        Refusal::TooLarge => Some("уберите большой файл из коммитов"),
        Refusal::Key | Refusal::Forbidden | Refusal::NotFound => Some(WHOSE),
        Refusal::Moved => Some("отправьте по новому адресу"),
        Refusal::Unreachable | Refusal::Unknown => Some("выполните `cgo run resume`, когда связь появится"),
        Refusal::Declined => None,
    }
}
