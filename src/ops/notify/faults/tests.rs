use super::*;
use crate::domain::names::AgentName;
use crate::domain::time::Timestamp;
use crate::domain::user::{Identity, Right};
use crate::ops::{agents, servers, users};
use crate::remote::{engine, host};
use crate::workspace::git;
use crate::workspace::git::push::Refusal;
use crate::{exec, github, store};

fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

fn release() -> ReleaseId {
    ReleaseId::new(Timestamp(1_800_000_000_000), 1)
}

fn run() -> RunId {
    RunId::new(Timestamp(1_800_000_000_000), 1)
}

fn is_cyrillic(c: char) -> bool {
    ('\u{400}'..='\u{4ff}').contains(&c)
}

/// A command, or words.
fn advised(advice: Option<Advice>) -> String {
    match advice {
        Some(Advice::Run(command)) => format!("$ {command}"),
        Some(Advice::Do(words)) => words,
        None => String::new(),
    }
}

#[test]
fn what_people_meet_is_said_in_russian_with_what_to_do() {
    let some = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let table: Vec<(Error, &str, &str)> = vec![
        (
            Error::NoSuchProject { name: "shelf".to_owned(), known: some(&["notes", "books"]) },
            "Проекта `shelf` нет.",
            "выберите из этих: notes, books",
        ),
        (
            Error::Usage {
                what: "project `notes` is not deployed".to_owned(),
                hint: "run `cgo deploy notes`".to_owned(),
            },
            "Так не получится: проект `notes` не развёрнут",
            "$ cgo deploy notes",
        ),
        (
            ProjectName::parse("Полка").unwrap_err().into(),
            "`Полка` — не имя проекта: оно начинается с буквы a-z, например `notes-api`",
            "исправьте его",
        ),
        (
            Error::Uncommitted { folder: "/srv/notes".into(), files: some(&["a.py", "and 2 more"]) },
            "В папке `/srv/notes` есть изменения без коммита: a.py, и ещё 2",
            "$ git -C /srv/notes add -A && git -C /srv/notes commit -m \"…\"",
        ),
        (
            Error::NoRelease { project: project("notes") },
            "У проекта `notes` нет версии, к которой можно вернуться.",
            "$ cgo deploy notes",
        ),
        (
            Error::MissingSecrets { project: project("notes"), names: some(&["A", "B"]) },
            "Проекту `notes` не хватает секретов: `A`, `B`",
            "выполните `cgo secrets set notes A` и `cgo secrets set notes B`",
        ),
        (
            Error::NoCapacity {
                project: project("notes"),
                refusals: some(&["`web-1`: it was not measured lately", "`web-2`: it is in maintenance"]),
            },
            "Сейчас нигде нет места для `notes`: `web-1`: его давно не осматривали; `web-2`: сервер на обслуживании",
            "удалите там какой-нибудь проект или добавьте сервер: `cgo servers add`",
        ),
        (
            Error::InMaintenance { project: project("notes"), server: "web-1".to_owned() },
            "Сервер `web-1` на обслуживании: версии `notes` туда не ставят, ни новые, ни прежние.",
            "$ cgo servers maintenance web-1 off",
        ),
        (
            users::Error::Forbidden { who: "Bo".to_owned(), right: Right::Operate, about: Some("notes".to_owned()) }
                .into(),
            "`Bo` не может это менять (`notes`).",
            "попросите владельца или администратора",
        ),
        (
            servers::Error::Host(host::Error::Full { host: "web-1".to_owned(), what: "look", evidence: Vec::new() })
                .into(),
            "На диске сервера `web-1` нет места.",
            "освободите там место и повторите",
        ),
        (
            github::Error::TokenRefused { variable: "GITHUB_TOKEN", said: "Bad credentials".to_owned() }.into(),
            "GitHub не принимает токен из GITHUB_TOKEN: Bad credentials",
            "создайте на GitHub новый токен (Settings, Developer settings) и задайте его в GITHUB_TOKEN",
        ),
        (
            store::Error::NameTaken { name: project("notes") }.into(),
            "Проект `notes` уже есть.",
            "выберите другое имя (`--name`)",
        ),
        (git::Error::DiskFull { folder: "/work".into() }.into(), "На диске `/work` нет места.", "освободите там место"),
        (
            exec::Error::NotFound { program: "uv".to_owned() }.into(),
            "На машине нет программы `uv`.",
            "установите `uv` и проверьте PATH",
        ),
        (
            Error::NotWaiting { run: run(), status: RunStatus::Running, wanted: Wait::Approval },
            "Запуск `RUN` не ждёт одобрения.",
            "$ cgo run show RUN",
        ),
        (
            Error::TooLate { run: run(), deadline: Timestamp(86_400_000) },
            "Срок ответа запуску `RUN` прошёл: 1970-01-02 00:00 (UTC).",
            "$ cgo run resume RUN",
        ),
        (
            Error::UnfitSecret { name: "API_KEY".to_owned(), source: Unfit::Empty },
            "Значение `API_KEY` не годится: оно пустое",
            "передайте его через stdin, назовите файл (--file) или введите, когда спросят",
        ),
    ];
    for (error, text, advice) in table {
        let worded = in_russian(&error);
        let named = |said: &str| said.replace(run().as_str(), "RUN");
        assert_eq!((named(&worded.text).as_str(), named(&advised(worded.advice)).as_str()), (text, advice));
    }
}

/// Errors of every kind, those without words of their own too.
fn errors() -> Vec<Error> {
    let said = || "it said so".to_owned();
    let problem = agents::parse(&AgentName::parse("tester").unwrap(), "id: [").unwrap_err();
    vec![
        Error::Usage { what: said(), hint: said() },
        Error::Spec { problems: vec![said()] },
        Error::Manifest { path: "cgo.yaml".into(), reason: said() },
        Error::BadRelease { release: release(), reason: said(), good: vec![release()] },
        Error::Irreversible { release: release(), crossed: vec![said()] },
        Error::NoSuchRun("x".to_owned()),
        Error::AmbiguousRun { text: String::new(), ids: vec![run()] },
        Error::NoSuchAsk("x".to_owned()),
        Error::BrokenAgent { name: AgentName::parse("tester").unwrap(), problem },
        Error::SecretInAnswer { run: run(), project: project("notes"), names: vec!["A".to_owned()] },
        Error::Gate { release: release(), cause: said(), evidence: Vec::new(), old_serves: true },
        Error::NotAnswering { project: project("notes"), seen: said() },
        Error::NoServer { refusals: vec![said()] },
        Error::NotLookedAt { server: "web-1".to_owned(), problem: said() },
        Error::Recorded(crate::ops::recorded::Recorded::missing("x")),
        Error::Internal(said()),
        users::Error::Stranger { identity: Identity::Telegram(7), attempts: 1 }.into(),
        users::Error::Lookup { identity: Identity::Telegram(7), source: store::Error::Busy { store: said() } }.into(),
        store::Error::Busy { store: said() }.into(),
        store::Error::IdTaken { what: "run", id: said() }.into(),
        store::Error::NotFound { what: "project", id: said() }.into(),
        github::Error::NoToken.into(),
        github::Error::Cancelled.into(),
        github::Error::Unknown { doing: said(), source: Box::new(github::Error::Timeout { said: said() }) }.into(),
        git::Error::Remote { command: "push", url: said(), branch: said(), why: Refusal::Unknown, said: said() }.into(),
        exec::Error::Cancelled { program: "git".to_owned() }.into(),
        vault::Error::Missing { path: "identity".into(), key: None }.into(),
        environment::Error::Disagreement { name: "A".to_owned(), one: said(), other: said() }.into(),
        servers::Error::Partial { release: said(), serves: vec!["web-1".to_owned()], left: Vec::new() }.into(),
        servers::Error::Fleet {
            cause: Box::new(Error::Internal(said())),
            back: vec!["web-1".to_owned()],
            differ: Vec::new(),
        }
        .into(),
        servers::Error::Deploy(engine::Error::Reverted {
            host: "web-1".to_owned(),
            recalled: false,
            cause: said(),
            evidence: Vec::new(),
        })
        .into(),
        servers::Error::Host(host::Error::Argument { what: "look" }).into(),
    ]
}

#[test]
fn an_error_of_any_kind_is_said_in_russian_and_so_is_what_to_do() {
    let errors = errors();
    for kind in Kind::ALL {
        assert!(errors.iter().any(|error| error.kind() == kind), "no error is {kind:?}");
    }
    for error in &errors {
        let worded = in_russian(error);
        assert!(worded.text.contains(is_cyrillic), "{error}: {}", worded.text);
        assert_eq!(worded.advice.is_some(), error.advice().is_some(), "{error}: {:?}", worded.advice);
        if let Some(Advice::Do(words)) = &worded.advice {
            assert!(words.contains(is_cyrillic) || words.starts_with('«'), "{error}: {words}");
        }
        let bare = by_kind(error);
        assert!(bare.text.contains(is_cyrillic) && bare.text.ends_with(&sentences::or_quoted(&told(error))), "{error}");
    }
}

#[test]
fn why_a_run_stands_where_it_does_is_said_in_russian_or_quoted() {
    let said = |status, text: &str| reason(status, text, Language::Ru);
    assert_eq!(said(RunStatus::Cancelled, "cancelled by Анна"), "отменил(а) Анна");
    assert_eq!(said(RunStatus::Queued, "interrupted"), "работа прервана");
    assert_eq!(said(RunStatus::Failed, "agent `tester` is switched off"), "Причина: агент `tester` выключен");
    assert_eq!(said(RunStatus::Failed, "the moon is full"), "Причина: «the moon is full»");
    assert_eq!(said(RunStatus::WaitingInput, "Что в нём хранить?"), "Что в нём хранить?");
    assert_eq!(reason(RunStatus::Failed, "the moon is full", Language::En), "the moon is full");
    assert_eq!(hint("run `cgo run list`", Language::Ru), "выполните `cgo run list`");
    assert_eq!(hint("restore `a.py` from git", Language::Ru), "восстановите `a.py` из git");
    assert_eq!(hint("look at the moon", Language::Ru), "«look at the moon»");
    assert_eq!(hint("run `cgo run list`", Language::En), "run `cgo run list`");
}

#[test]
fn a_text_that_is_a_command_and_nothing_else_is_one() {
    assert_eq!(command("run `cgo run list`"), Some("cgo run list"));
    for text in ["run it", "`cgo run list`", "run `a` and `b`", "run `a`, then b"] {
        assert_eq!(command(text), None, "{text}");
    }
}
