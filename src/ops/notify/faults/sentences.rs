//! Sentences that errors carry as text, in Russian: each by its English shape, with gaps for names and numbers. One
//! that is not here is quoted as it is; nothing is decided by what they say.

use crate::domain::server::ServerStatus;
use crate::domain::spec::Language;

/// English and Russian, with the same gaps in the same order.
const SENTENCES: &[(&str, &str)] = &[
    // What was asked for makes no sense now.
    ("project `{}` is not deployed", "проект `{}` не развёрнут"),
    ("no release of `{}` ever served on {}", "ни одна версия `{}` ещё не работала на {}"),
    (
        "`{}` has no spec, so there is nothing cgo could change it by",
        "у `{}` нет спецификации, изменить его cgo не может",
    ),
    (
        "change its files in {}, commit, and run `cgo deploy {}`",
        "измените его файлы в {}, сделайте коммит и выполните `cgo deploy {}`",
    ),
    ("`{}` has no commit yet", "в `{}` ещё нет ни одного коммита"),
    ("it is not said what is to change", "не сказано, что изменить"),
    (
        "`{}` is this machine, which cannot be one of several servers",
        "`{}` — сама эта машина, а она не может быть одним из нескольких серверов",
    ),
    (
        "name servers that are reached over SSH; `cgo servers list` shows them",
        "назовите серверы, доступные по SSH; их покажет `cgo servers list`",
    ),
    (
        "`{}` has been changed since this was asked for, and going on would undo that",
        "`{}` с тех пор изменили, и продолжение это отменило бы",
    ),
    (
        "ask for it once more: it is then done to the project as it is now",
        "попросите ещё раз: тогда меняться будет проект, какой он сейчас",
    ),
    ("and {} more", "и ещё {}"),
    // Why a release is none to go back to.
    ("the project has no such release", "такой версии у проекта нет"),
    ("it serves now", "она и так работает"),
    ("it never passed its health gate", "она так и не прошла проверку"),
    ("its deployment was not finished", "её развёртывание не закончено"),
    ("its files were pruned", "её файлы удалены"),
    // What asking a service came to.
    ("it has no public port", "у него нет открытого порта"),
    ("{} answered with status {}", "{} отвечает статусом {}"),
    ("nobody listens at {}", "по адресу {} никто не отвечает"),
    ("{} did not answer within {} s", "{} не отвечает дольше {} с"),
    ("{} broke off: {}", "{}: связь прервалась: {}"),
    ("cannot find the address of `{}`", "у `{}` не находится адрес"),
    ("{} shows no certificate", "{} не показывает сертификата"),
    // What a migration came to.
    ("failed", "не удалась"),
    ("did not end within {} s, and was ended", "не закончилась за {} с и прервана"),
    // Why a server takes no project.
    ("the last look at it failed: {}", "последний осмотр не удался: {}"),
    ("it was not measured lately", "его давно не осматривали"),
    ("{} MB of memory are needed, {} MB are free", "нужно {} МБ памяти, свободно {} МБ"),
    ("{} MB of disk are needed, {} MB are free", "нужно {} МБ на диске, свободно {} МБ"),
    (
        "{} MB of memory are more than it has for projects in all, {} MB",
        "нужно {} МБ памяти, а всего для проектов там {} МБ",
    ),
    (
        "{} MB of disk are more than it has for projects in all, {} MB",
        "нужно {} МБ на диске, а всего для проектов там {} МБ",
    ),
    ("its architecture is {}, and {} is needed", "там архитектура {}, а нужна {}"),
    ("no container engine answers there", "там нечем запускать контейнеры"),
    ("its account cannot become root", "учётная запись там не может стать root"),
    // Why a text is no name.
    ("it is empty", "в нём ничего нет"),
    ("it must start with a letter a-z, like `{}`", "оно начинается с буквы a-z, например `{}`"),
    ("it starts with something other than a-z", "оно начинается с буквы a-z"),
    ("`{}` is not one of a-z, 0-9, -; try something like `{}`", "`{}` — не из a-z, 0-9 и -; годится, например, `{}`"),
    ("`{}` is not one of a-z, 0-9, _", "`{}` — не из a-z, 0-9 и _"),
    ("it must have 2 to 40 characters", "в нём от 2 до 40 знаков"),
    ("it is longer than {} characters", "оно длиннее {} знаков"),
    ("it has more than {} characters", "оно длиннее {} знаков"),
    ("it has characters that cannot be shown", "в нём есть знаки, которых не видно"),
    ("it begins with a dash", "оно начинается с дефиса"),
    ("hyphens stand alone and between words", "дефисы ставятся по одному и между словами"),
    ("underscores stand alone and between words", "подчёркивания ставятся по одному и между словами"),
    ("`auto` stands for any server", "`auto` означает любой сервер"),
    ("it looks like `{}`", "он выглядит так: `{}`"),
    // What another process does.
    ("a stop", "остановка"),
    ("a start", "запуск"),
    ("a set-up", "настройка"),
    // Why a model was not asked, or did not answer.
    ("the provider limits the rate: {}", "провайдер ограничивает частоту запросов: {}"),
    ("the model is overloaded: {}", "модель перегружена: {}"),
    ("the provider failed: {}", "у провайдера сбой: {}"),
    ("no connection to the provider: {}", "нет связи с провайдером: {}"),
    ("the provider did not answer in time: {}", "провайдер не ответил вовремя: {}"),
    ("the provider refuses the key: {}", "провайдер не принимает ключ: {}"),
    ("the provider's account has nothing left: {}", "на счёте у провайдера ничего не осталось: {}"),
    ("the provider has no such model: {}", "у провайдера нет такой модели: {}"),
    ("the conversation is longer than the model takes: {}", "разговор длиннее, чем берёт модель: {}"),
    ("the provider's filter refuses the content: {}", "фильтр провайдера не пропускает содержание: {}"),
    ("this is no endpoint for models: {}", "по этому адресу моделей нет: {}"),
    ("the provider refuses the request: {}", "провайдер не принимает запрос: {}"),
    ("the request was not sent: {}", "запрос не отправлен: {}"),
    ("the answer is incomplete: {}", "ответ неполон: {}"),
    ("the question was withdrawn", "вопрос отозван"),
    // Why a run stands where it does.
    ("cancelled by {}", "отменил(а) {}"),
    (
        "`{}` is in maintenance: no release of `{}` is put in place there, new or old",
        "`{}` на обслуживании: версии `{}` туда не ставят, ни новые, ни прежние",
    ),
    ("interrupted", "работа прервана"),
    ("forked from {} at event {}", "ответвление от {} с события {}"),
    ("the project could not be tested: {}", "проект не удалось проверить: {}"),
    ("node `{}` has no agent", "у узла `{}` нет агента"),
    ("agent `{}` is switched off", "агент `{}` выключен"),
    (
        "nobody knows what model `{}` costs, so it was not asked",
        "неизвестно, сколько стоит модель `{}`, поэтому её не спрашивали",
    ),
    // What to do.
    ("wait until the other process is done", "подождите, пока другой процесс закончит"),
    ("run `cgo run resume` when it answers again", "выполните `cgo run resume`, когда модель снова ответит"),
    ("raise `max_tokens` of the agent", "увеличьте `max_tokens` агента"),
    ("store the key again, without line breaks or quotes", "задайте ключ заново, без переводов строк и кавычек"),
    ("install `{}` with this machine's package manager", "установите `{}` менеджером пакетов этой машины"),
    (
        "run `{}`, or choose another with --coder (native needs no program)",
        "выполните `{}` или выберите другого: --coder (native программы не требует)",
    ),
    ("leave the module out; the backend is what can be built today", "уберите модуль: сегодня можно построить backend"),
    ("rename one of the two in the spec", "переименуйте в спецификации одно из двух"),
    ("make one of the relations optional", "сделайте одну из связей необязательной"),
    ("restore `{}` from git", "восстановите `{}` из git"),
    ("mend that line, and deploy again", "исправьте эту строку и разверните снова"),
];

/// A sentence in Russian, where it is one of those.
pub(super) fn in_russian(english: &str) -> Option<String> {
    SENTENCES.iter().find_map(|(shape, russian)| Some(filled(russian, &gaps(english, shape)?)))
}

/// A sentence in Russian, or as it is.
pub(super) fn or_quoted(english: &str) -> String {
    in_russian(english).unwrap_or_else(|| english.to_owned())
}

/// Why each server does not take a project.
pub(super) fn refusals(english: &[String]) -> String {
    let each = |refusal: &String| match refusal.split_once("`: ") {
        Some((server, reason)) => format!("{server}`: {}", standing(reason).unwrap_or_else(|| or_quoted(reason))),
        None => refusal.clone(),
    };
    english.iter().map(each).collect::<Vec<_>>().join("; ")
}

/// That a server is in no state to take projects.
fn standing(reason: &str) -> Option<String> {
    let words = reason.strip_prefix("it is ")?;
    let status = ServerStatus::ALL.into_iter().find(|status| status.words() == words)?;
    Some(format!("сервер {}", status.told(Language::Ru)))
}

/// What stands in the gaps of a shape; none when the text is no such sentence.
fn gaps<'t>(text: &'t str, shape: &str) -> Option<Vec<&'t str>> {
    let Some((begins, mut ends)) = shape.split_once("{}") else { return (text == shape).then(Vec::new) };
    let mut rest = text.strip_prefix(begins)?;
    let mut gaps = Vec::new();
    while let Some((between, after)) = ends.split_once("{}") {
        let (gap, left) = rest.split_once(between)?;
        gaps.push(gap);
        (rest, ends) = (left, after);
    }
    gaps.push(rest.strip_suffix(ends)?);
    Some(gaps)
}

/// A sentence with what stands in its gaps.
fn filled(sentence: &str, gaps: &[&str]) -> String {
    let mut parts = sentence.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        out.push_str(gaps.get(at).copied().unwrap_or_default());
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{ProjectId, ReleaseId};
    use crate::domain::names::{ProjectName, ServerName};
    use crate::domain::placement::{Reason, Refusal};
    use crate::domain::project::{Project, ProjectStatus};
    use crate::domain::time::Timestamp;
    use crate::domain::user::UserName;
    use crate::ops::Error;
    use crate::ops::operating::not_deployed;

    #[test]
    fn both_languages_have_the_same_gaps_and_no_sentence_stands_before_one_it_hides() {
        for (at, (english, russian)) in SENTENCES.iter().enumerate() {
            assert_eq!(english.matches("{}").count(), russian.matches("{}").count(), "{english}");
            assert_eq!(english.matches('`').count(), russian.matches('`').count(), "{english}");
            let hidden = SENTENCES[..at].iter().find(|(before, _)| gaps(english, before).is_some());
            assert_eq!(hidden, None, "{english}");
        }
    }

    #[test]
    fn gaps_are_read_in_their_order_and_only_out_of_the_whole_sentence() {
        assert_eq!(gaps("a 1 b 2", "a {} b {}"), Some(vec!["1", "2"]));
        assert_eq!(gaps("a 1 b 2 c", "a {} b {} c"), Some(vec!["1", "2"]));
        assert_eq!(gaps("same", "same"), Some(Vec::new()));
        for (text, shape) in [("a 1", "a {} b"), ("x a 1 b", "a {} b"), ("a 1 b 2", "a {} b"), ("same!", "same")] {
            assert_eq!(gaps(text, shape), None, "{text}");
        }
        assert_eq!(filled("{} и {}", &["1", "{}"]), "1 и {}");
    }

    /// What is said by the code itself is found here: a sentence that is worded anew there is missed here.
    #[test]
    fn the_sentences_are_those_that_are_said() {
        let names = [
            ProjectName::parse("").unwrap_err(),
            ProjectName::parse("9a").unwrap_err(),
            ProjectName::parse("notes_api").unwrap_err(),
            ProjectName::parse("n").unwrap_err(),
            ProjectName::parse("notes-").unwrap_err(),
            ServerName::parse("web 1").unwrap_err(),
            ServerName::parse("auto").unwrap_err(),
            ServerName::parse(&"w".repeat(41)).unwrap_err(),
            ReleaseId::parse("x").unwrap_err(),
        ];
        for name in names {
            assert!(in_russian(&name.reason).is_some(), "{}", name.reason);
        }
        for name in ["", &"x".repeat(65), "a\u{202e}b", "-x"] {
            let reason = UserName::parse(name).unwrap_err().reason;
            assert!(in_russian(reason).is_some(), "{reason}");
        }
        for reason in [
            Reason::NotReady { status: ServerStatus::Maintenance },
            Reason::Failing { problem: "no route".to_owned() },
            Reason::Unknown,
            Reason::Memory { needed_mb: 2, available_mb: 1 },
            Reason::Disk { needed_mb: 2, available_mb: 1 },
            Reason::TooSmall { what: "memory", needed_mb: 2, total_mb: 1 },
            Reason::TooSmall { what: "disk", needed_mb: 2, total_mb: 1 },
            Reason::Architecture { needed: "x86_64".to_owned(), found: "aarch64".to_owned() },
            Reason::NoEngine,
            Reason::Rootless,
        ] {
            let english = Refusal { server: "web-1".to_owned(), reason }.to_string();
            let russian = refusals(std::slice::from_ref(&english));
            assert!(russian.starts_with("`web-1`: ") && russian.contains(is_cyrillic), "{english}: {russian}");
        }
        let project = Project {
            id: ProjectId::new(Timestamp(1_800_000_000_000), 1),
            name: ProjectName::parse("notes").unwrap(),
            title: String::new(),
            description: String::new(),
            folder: "/srv/notes".to_owned(),
            modules: Vec::new(),
            status: ProjectStatus::Built,
            owner: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let Error::Usage { what, .. } = not_deployed(&project) else { panic!("another error") };
        assert_eq!(in_russian(&what).as_deref(), Some("проект `notes` не развёрнут"));
    }

    fn is_cyrillic(c: char) -> bool {
        ('\u{400}'..='\u{4ff}').contains(&c)
    }
}
