//! What the bot says, in English and Russian, in one place. `{}` stands for what is filled in.

use crate::domain::run::RunStatus;
use crate::domain::spec::Language;

/// The bot's words in one language.
#[derive(Debug)]
pub struct Words {
    pub stranger: &'static str,
    pub stranger_how: &'static str,
    pub refused: &'static str,
    pub welcome: &'static str,
    pub welcome_again: &'static str,
    pub help: &'static str,
    pub text_only: &'static str,
    pub edited: &'static str,
    pub too_long: &'static str,
    pub control: &'static str,
    pub file_kind: &'static str,
    pub file_text: &'static str,
    pub empty: &'static str,
    pub say_what: &'static str,
    pub unknown_command: &'static str,
    pub name_project: &'static str,
    pub name_run: &'static str,
    pub no_projects: &'static str,
    pub no_runs: &'static str,
    pub no_servers: &'static str,
    pub no_incidents: &'static str,
    pub no_costs: &'static str,
    pub projects: &'static str,
    pub runs: &'static str,
    pub servers: &'static str,
    pub incidents: &'static str,
    pub agents: &'static str,
    pub costs: &'static str,
    pub in_all: &'static str,
    pub page: &'static str,
    pub asks: &'static str,
    pub asks_of: &'static str,
    pub assume: &'static str,
    pub which_question: &'static str,
    pub answered_already: &'static str,
    pub what_different: &'static str,
    pub approval: &'static str,
    pub approve: &'static str,
    pub reject: &'static str,
    pub approved: &'static str,
    pub rejected: &'static str,
    pub by_button: &'static str,
    pub nothing_to_approve: &'static str,
    pub secret: &'static str,
    pub secret_link: &'static str,
    pub secret_how: &'static str,
    pub secret_set: &'static str,
    pub secret_exposed: &'static str,
    pub capacity: &'static str,
    pub go_on: &'static str,
    pub button_unknown: &'static str,
    pub button_foreign: &'static str,
    pub button_used: &'static str,
    pub button_late: &'static str,
    pub sure_stop: &'static str,
    pub sure_rollback: &'static str,
    pub sure_cancel: &'static str,
    pub yes: &'static str,
    pub no: &'static str,
    pub left_alone: &'static str,
    pub stopped: &'static str,
    pub started: &'static str,
    pub cancelled: &'static str,
    pub cancels: &'static str,
    pub nothing_to_cancel: &'static str,
    pub at_work: &'static str,
    pub what_change: &'static str,
    pub language: &'static str,
    pub language_set: &'static str,
    pub live: &'static str,
    pub docs: &'static str,
    pub built: &'static str,
    pub done: &'static str,
    pub tests: &'static str,
    pub passed: &'static str,
    pub failed_tests: &'static str,
    pub took: &'static str,
    pub assumed: &'static str,
    pub not_built: &'static str,
    pub not_verified: &'static str,
    pub failed: &'static str,
    pub was_cancelled: &'static str,
    pub hint: &'static str,
    pub open: &'static str,
    pub logs: &'static str,
    pub update: &'static str,
    pub redeploy: &'static str,
    pub rollback: &'static str,
    pub stop: &'static str,
    pub cancel: &'static str,
    pub no_logs: &'static str,
    pub trouble: &'static str,
    pub changed: &'static str,
    pub models: &'static str,
    pub commands: &'static [(&'static str, &'static str)],
}

/// The words of a language.
#[must_use]
pub fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}

/// The language of a person's program, where it is one of ours.
#[must_use]
pub fn language(code: Option<&str>) -> Language {
    let code = code.unwrap_or_default().split(['-', '_']).next().unwrap_or_default();
    // Who speaks these reads Russian more likely than English.
    if matches!(code.to_ascii_lowercase().as_str(), "ru" | "be" | "uk" | "kk" | "ky") {
        Language::Ru
    } else {
        Language::En
    }
}

/// A sentence with what stands in its gaps.
#[must_use]
pub fn fill(sentence: &str, gaps: &[&str]) -> String {
    let mut out = String::with_capacity(sentence.len() + 32);
    let mut gaps = gaps.iter();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once("{}") {
        out.push_str(before);
        out.push_str(gaps.next().copied().unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Where a run stands, in words.
#[must_use]
pub fn status(status: RunStatus, language: Language) -> &'static str {
    match (status, language) {
        (RunStatus::Queued, Language::En) => "waits for its turn",
        (RunStatus::Queued, Language::Ru) => "ждёт очереди",
        (RunStatus::Running, Language::En) => "at work",
        (RunStatus::Running, Language::Ru) => "в работе",
        (RunStatus::WaitingInput, Language::En) => "waits for your answer",
        (RunStatus::WaitingInput, Language::Ru) => "ждёт вашего ответа",
        (RunStatus::WaitingApproval, Language::En) => "waits for an approval",
        (RunStatus::WaitingApproval, Language::Ru) => "ждёт одобрения",
        (RunStatus::WaitingSecret, Language::En) => "waits for a secret",
        (RunStatus::WaitingSecret, Language::Ru) => "ждёт секрета",
        (RunStatus::WaitingCapacity, Language::En) => "waits for room on a server",
        (RunStatus::WaitingCapacity, Language::Ru) => "ждёт места на сервере",
        (RunStatus::Succeeded, Language::En) => "done",
        (RunStatus::Succeeded, Language::Ru) => "готово",
        (RunStatus::Failed, Language::En) => "failed",
        (RunStatus::Failed, Language::Ru) => "не удалось",
        (RunStatus::Cancelled, Language::En) => "cancelled",
        (RunStatus::Cancelled, Language::Ru) => "отменён",
    }
}

/// A stage of a run in Russian; the graph names them in English.
#[must_use]
pub fn stage<'a>(node: &str, label: &'a str, language: Language) -> &'a str {
    if language == Language::En {
        return label;
    }
    match node {
        "product_owner" => "Понять, что нужно",
        "brainstorm" => "Написать спецификацию",
        "zavhoz" => "Найти место",
        "architect" => "Составить план",
        "developer" => "Написать код",
        "reviewer" => "Свести работу",
        "tester" => "Установить и проверить",
        "approval" => "Решает человек",
        "devops" => "Развернуть",
        "probe" => "Проверить на ходу",
        "publish" | "publish_again" => "Выложить на GitHub",
        "documenter" => "Отчёт",
        _ => label,
    }
}

const EN: Words = Words {
    stranger: "I do not know you. Your id is ",
    stranger_how: "Ask an admin for an invitation: cgo users invite",
    refused: "You may not do that",
    welcome: "Welcome, {}. Say what you want built, in your own words: “a notes API with title and body”. /help shows the rest.",
    welcome_again: "Say what you want built, in your own words: “a notes API with title and body”. /help shows the rest.",
    help: "Write what a project should do, and I build it, test it and put it on a server. I ask when something is unclear; answer with a button or in words.\nA .txt or .md file is a description, a .yaml file is a spec.\n\n",
    text_only: "I read text and files (.txt, .md, .yaml). Write it in words, please.",
    edited: "I read messages as they are first sent. Send what you want once more.",
    too_long: "That is too long: the most is {} KB. Shorten it, or send a spec as a .yaml file.",
    control: "There is a character in it that cannot be shown (line {}). Send it without.",
    file_kind: "I take .txt and .md files as descriptions and .yaml files as specs, not {}.",
    file_text: "That file is not text in UTF-8.",
    empty: "There is nothing in it.",
    say_what: "What should the project do? For instance: /new a notes API with title and body",
    unknown_command: "I do not know that command. /help lists those I know.",
    name_project: "Which project?",
    name_run: "Which run?",
    no_projects: "There are no projects yet. Write what one should do.",
    no_runs: "There are no runs yet.",
    no_servers: "There are no servers yet.",
    no_incidents: "Nothing is broken.",
    no_costs: "Nothing was spent.",
    projects: "Projects",
    runs: "Runs",
    servers: "Servers",
    incidents: "Incidents",
    agents: "Agents",
    costs: "Costs of models",
    in_all: "In all",
    page: "{} of {}",
    asks: "A question",
    asks_of: "Question {} of {}",
    assume: "Take: {}",
    which_question: "There are several questions. Reply to the one you answer.",
    answered_already: "That was answered already.",
    what_different: "What should be different? Reply to this message.",
    approval: "An approval is needed",
    approve: "Approve",
    reject: "Reject",
    approved: "Approved",
    rejected: "Rejected",
    by_button: "Press a button under the question, or send /approve or /reject.",
    nothing_to_approve: "Nothing waits for an approval.",
    secret: "A secret is needed",
    secret_link: "Open this page within 15 minutes; it works once:",
    secret_how: "Never send it here. Set it where cgo runs, and press the button:",
    secret_set: "It is set",
    secret_exposed: "A secret was expected, so I deleted your message at once. If it was one, it has been in a chat: take it as exposed, get a new one, and set that where cgo runs.",
    capacity: "There is no room on a server",
    go_on: "Try again",
    button_unknown: "That button is not one of mine here, or is long over.",
    button_foreign: "That is for somebody else to press.",
    button_used: "That was pressed already.",
    button_late: "That was too long ago. Ask again.",
    sure_stop: "Stop {}? Visitors will not reach it; its data stays.",
    sure_rollback: "Go back to the release before in {}? Visitors get the older one.",
    sure_cancel: "Cancel {}?",
    yes: "Yes: {}",
    no: "No",
    left_alone: "Nothing was changed.",
    stopped: "{} is stopped. Its data stays.",
    started: "{} is started.",
    cancelled: "{} is cancelled.",
    cancels: "{} ends as soon as what is under way is done or cut off.",
    nothing_to_cancel: "Nothing of yours is at work here.",
    at_work: "{} is at work on {} already.",
    what_change: "What should change in {}? Reply to this message.",
    language: "Which language?",
    language_set: "English it is.",
    live: "Live at",
    docs: "API docs",
    built: "Built and tested, not deployed",
    done: "Done",
    tests: "Tests",
    passed: "passed",
    failed_tests: "failed",
    took: "Took",
    assumed: "Assumed",
    not_built: "Not built",
    not_verified: "Not verified",
    failed: "That came to nothing",
    was_cancelled: "Cancelled",
    hint: "Next",
    open: "Open",
    logs: "Logs",
    update: "Change",
    redeploy: "Redeploy",
    rollback: "Go back",
    stop: "Stop",
    cancel: "Cancel",
    no_logs: "It has written nothing yet.",
    trouble: "Something went wrong on my side; it is on record under {}.",
    changed: "Changed",
    models: "Data",
    commands: &[
        ("new", "make a project from a description"),
        ("projects", "your projects"),
        ("project", "how a project stands"),
        ("update", "change a project"),
        ("deploy", "put a new release on its server"),
        ("rollback", "go back to the release before"),
        ("stop", "stop a project's service"),
        ("runs", "what was and is being worked on"),
        ("cancel", "cancel what is being worked on"),
        ("approve", "approve what a run asks for"),
        ("reject", "refuse what a run asks for"),
        ("servers", "the servers"),
        ("incidents", "what is broken"),
        ("agents", "who works here"),
        ("cost", "what models have cost"),
        ("language", "English or Russian"),
        ("help", "what I can do"),
        ("start", "begin"),
    ],
};

const RU: Words = Words {
    stranger: "Я вас не знаю. Ваш id: ",
    stranger_how: "Попросите у администратора приглашение: cgo users invite",
    refused: "Вам это нельзя",
    welcome: "Добро пожаловать, {}. Напишите своими словами, что нужно: «API для заметок с заголовком и текстом». Остальное — /help.",
    welcome_again: "Напишите своими словами, что нужно: «API для заметок с заголовком и текстом». Остальное — /help.",
    help: "Напишите, что должен делать проект: я его соберу, проверю и размещу на сервере. Если что-то неясно, спрошу; отвечайте кнопкой или словами.\nФайл .txt или .md — описание, файл .yaml — спецификация.\n\n",
    text_only: "Я читаю текст и файлы (.txt, .md, .yaml). Напишите, пожалуйста, словами.",
    edited: "Я читаю сообщения такими, какими они пришли впервые. Пришлите, что нужно, ещё раз.",
    too_long: "Это слишком длинно: не больше {} КБ. Сократите или пришлите спецификацию файлом .yaml.",
    control: "В тексте есть символ, который нельзя показать (строка {}). Пришлите без него.",
    file_kind: "Файлы .txt и .md я беру как описание, .yaml — как спецификацию, но не {}.",
    file_text: "В этом файле не текст в UTF-8.",
    empty: "Там ничего нет.",
    say_what: "Что должен делать проект? Например: /new API для заметок с заголовком и текстом",
    unknown_command: "Такой команды я не знаю. Все команды — /help.",
    name_project: "Какой проект?",
    name_run: "Какой запуск?",
    no_projects: "Проектов пока нет. Напишите, что должен делать первый.",
    no_runs: "Запусков пока нет.",
    no_servers: "Серверов пока нет.",
    no_incidents: "Ничего не сломано.",
    no_costs: "Ничего не потрачено.",
    projects: "Проекты",
    runs: "Запуски",
    servers: "Серверы",
    incidents: "Происшествия",
    agents: "Агенты",
    costs: "Расходы на модели",
    in_all: "Всего",
    page: "{} из {}",
    asks: "Вопрос",
    asks_of: "Вопрос {} из {}",
    assume: "Взять: {}",
    which_question: "Вопросов несколько. Ответьте на тот, о котором речь.",
    answered_already: "На это уже ответили.",
    what_different: "Что сделать иначе? Ответьте на это сообщение.",
    approval: "Нужно одобрение",
    approve: "Одобрить",
    reject: "Отклонить",
    approved: "Одобрено",
    rejected: "Отклонено",
    by_button: "Нажмите кнопку под вопросом или пришлите /approve или /reject.",
    nothing_to_approve: "Ничто не ждёт одобрения.",
    secret: "Нужен секрет",
    secret_link: "Откройте эту страницу в течение 15 минут; она сработает один раз:",
    secret_how: "Никогда не присылайте его сюда. Задайте его там, где работает cgo, и нажмите кнопку:",
    secret_set: "Задан",
    secret_exposed: "Ожидался секрет, поэтому я сразу удалил ваше сообщение. Если это был он, считайте его раскрытым: получите новый и задайте его там, где работает cgo.",
    capacity: "На сервере нет места",
    go_on: "Попробовать ещё раз",
    button_unknown: "Такой кнопки у меня здесь нет, или она давно не действует.",
    button_foreign: "Эта кнопка для другого человека.",
    button_used: "Её уже нажали.",
    button_late: "Прошло слишком много времени. Спросите ещё раз.",
    sure_stop: "Остановить {}? Посетители его не увидят; данные останутся.",
    sure_rollback: "Вернуть предыдущую версию в {}? Посетители увидят её.",
    sure_cancel: "Отменить {}?",
    yes: "Да: {}",
    no: "Нет",
    left_alone: "Ничего не изменено.",
    stopped: "{} остановлен. Данные остались.",
    started: "{} запущен.",
    cancelled: "{} отменён.",
    cancels: "{} закончится, как только начатое будет сделано или прервано.",
    nothing_to_cancel: "Здесь ничего вашего не в работе.",
    at_work: "{} уже работает над {}.",
    what_change: "Что изменить в {}? Ответьте на это сообщение.",
    language: "На каком языке?",
    language_set: "Буду отвечать по-русски.",
    live: "Работает",
    docs: "Описание API",
    built: "Собрано и проверено, не развёрнуто",
    done: "Готово",
    tests: "Тесты",
    passed: "прошло",
    failed_tests: "не прошло",
    took: "Заняло",
    assumed: "Принято без вопроса",
    not_built: "Не сделано",
    not_verified: "Не проверено",
    failed: "Не получилось",
    was_cancelled: "Отменено",
    hint: "Дальше",
    open: "Открыть",
    logs: "Журнал",
    update: "Изменить",
    redeploy: "Развернуть снова",
    rollback: "Вернуть прежнее",
    stop: "Остановить",
    cancel: "Отменить",
    no_logs: "Он ещё ничего не написал.",
    trouble: "Что-то пошло не так с моей стороны; это записано под {}.",
    changed: "Изменено",
    models: "Данные",
    commands: &[
        ("new", "сделать проект по описанию"),
        ("projects", "ваши проекты"),
        ("project", "как дела у проекта"),
        ("update", "изменить проект"),
        ("deploy", "развернуть новую версию"),
        ("rollback", "вернуть предыдущую версию"),
        ("stop", "остановить проект"),
        ("runs", "что делалось и делается"),
        ("cancel", "отменить то, что делается"),
        ("approve", "одобрить"),
        ("reject", "отклонить"),
        ("servers", "серверы"),
        ("incidents", "что сломано"),
        ("agents", "кто здесь работает"),
        ("cost", "сколько стоили модели"),
        ("language", "русский или английский"),
        ("help", "что я умею"),
        ("start", "начать"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_commands_and_gaps() {
        let names = |words: &Words| words.commands.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(&EN), names(&RU));
        for (en, ru) in [
            (EN.welcome, RU.welcome),
            (EN.asks_of, RU.asks_of),
            (EN.at_work, RU.at_work),
            (EN.page, RU.page),
            (EN.trouble, RU.trouble),
            (EN.sure_stop, RU.sure_stop),
        ] {
            assert_eq!(en.matches("{}").count(), ru.matches("{}").count(), "{en}");
        }
        for words in [&EN, &RU] {
            assert!(words.commands.iter().all(|(_, about)| (3..=256).contains(&about.chars().count())));
        }
    }

    #[test]
    fn the_language_is_that_of_the_program_and_gaps_are_filled_in_order() {
        assert_eq!(language(Some("ru-RU")), Language::Ru);
        assert_eq!((language(Some("de")), language(None)), (Language::En, Language::En));
        assert_eq!(fill("{} of {}", &["1", "{}"]), "1 of {}");
    }
}
