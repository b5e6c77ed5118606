//! What is said to people, in the language of their description.

use crate::domain::spec::Language;

/// Picks the wording of a language.
pub(super) fn say(language: Language, en: impl Into<String>, ru: impl Into<String>) -> String {
    match language {
        Language::En => en.into(),
        Language::Ru => ru.into(),
    }
}

/// The name with its English article: `a Book`, `an Order`.
pub(super) fn with_article(name: &str) -> String {
    // By sound: `a User`, `an Hour`.
    let low = name.to_lowercase();
    let sounds_open = match low.as_bytes().first() {
        Some(b'a' | b'e' | b'i' | b'o') => !low.starts_with("one") && !low.starts_with("eu"),
        Some(b'u') => !["uni", "use", "usa", "uti", "uri", "url"].iter().any(|start| low.starts_with(start)),
        Some(b'h') => ["hour", "honor", "honest", "heir"].iter().any(|start| low.starts_with(start)),
        _ => false,
    };
    format!("{} {name}", if sounds_open { "an" } else { "a" })
}

/// Words in a row: `a, b and c`.
pub(super) fn list(language: Language, words: &[String]) -> String {
    let and = match language {
        Language::En => " and ",
        Language::Ru => " и ",
    };
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{}{and}{last}", head.join(", ")),
    }
}

/// Why something is not built, and what a model would add.
pub(super) struct GapWords {
    /// Why it is not built.
    pub why: String,
    /// What a model would add.
    pub adds: String,
}

/// The reasons behind a gap of `lexicon/gaps.txt`.
#[expect(clippy::too_many_lines, reason = "a table of sentences")]
pub(super) fn gap_words(language: Language, id: &str) -> GapWords {
    let (why, adds) = match id {
        "payments" => (
            (
                "taking money needs a provider's account, its keys and its callbacks; records of payments can be kept",
                "приём денег требует договора с провайдером, его ключей и обратных вызовов; вести записи об оплатах можно",
            ),
            (
                "the calls to a payment provider you choose, in the hand-written part",
                "вызовы выбранного платёжного провайдера в рукописной части",
            ),
        ),
        "external_api" => (
            (
                "the generated service talks to its own database only, not to other services",
                "созданный сервис работает только со своей базой, а не с чужими сервисами",
            ),
            (
                "a client of that service, with its key, retries and tests",
                "клиента этого сервиса с ключом, повторами и тестами",
            ),
        ),
        "auth" => (
            (
                "the API is open to whoever reaches it; there are no accounts, passwords or roles",
                "API открыт всем, кто до него достучится: учётных записей, паролей и ролей нет",
            ),
            (
                "accounts, tokens and a check of rights before each operation",
                "учётные записи, токены и проверку прав перед каждой операцией",
            ),
        ),
        "upload" => (
            (
                "records are kept in a database, files are not; an address of a file can be kept",
                "хранятся записи, а не файлы; можно хранить адрес файла",
            ),
            ("storage for files, limits on their size and kind", "хранилище файлов с ограничением размера и вида"),
        ),
        "sending" => (
            (
                "nothing is sent by e-mail, SMS or push; the notifications module will send it when it is there",
                "ничего не отправляется по почте, SMS или push; этим займётся модуль уведомлений, когда появится",
            ),
            (
                "a sender with an account of a mail or SMS provider",
                "отправку через учётную запись почтового или SMS-провайдера",
            ),
        ),
        "realtime" => (
            (
                "the API answers requests; it does not push changes",
                "API отвечает на запросы, сам изменений не рассылает",
            ),
            ("a channel that pushes changes to those who listen", "канал, который рассылает изменения подписчикам"),
        ),
        "ai" => (
            (
                "the generated service follows fixed rules; it learns and guesses nothing",
                "созданный сервис работает по твёрдым правилам: не учится и не угадывает",
            ),
            (
                "that logic, or a call to a model, in the hand-written part",
                "эту логику или вызов модели в рукописной части",
            ),
        ),
        "scheduled" => (
            (
                "nothing runs by itself at a given time; every action is a request",
                "само по времени ничего не запускается: каждое действие — это запрос",
            ),
            ("a worker with a timetable", "фоновый процесс с расписанием"),
        ),
        "pdf" => (
            ("data leave as JSON, or as CSV where asked for", "данные отдаются в JSON или, если просили, в CSV"),
            ("documents laid out by a library for that format", "документы, собранные библиотекой этого формата"),
        ),
        "import" => (
            ("records are created one by one through the API", "записи создаются по одной через API"),
            (
                "an operation that reads the file, checks each row and reports what was refused",
                "операцию, которая читает файл, проверяет строки и сообщает об отклонённых",
            ),
        ),
        "mobile" => (
            (
                "only a service with an HTTP API is made; an app can use it",
                "создаётся только сервис с HTTP API; приложение может им пользоваться",
            ),
            (
                "an app is beyond it too: the API is described by OpenAPI, which app tools read",
                "приложение останется отдельной работой: API описан в OpenAPI, его читают инструменты",
            ),
        ),
        "i18n" => (
            ("texts are kept as they are given, in one language", "тексты хранятся как есть, на одном языке"),
            ("a text for each language and the choice between them", "текст для каждого языка и выбор между ними"),
        ),
        "multitenant" => (
            ("all data belong to one owner", "все данные принадлежат одному владельцу"),
            (
                "an owner on every record and a check in every query",
                "владельца у каждой записи и проверку в каждом запросе",
            ),
        ),
        "barcode_scan" => (
            (
                "a code is kept as text; it is neither scanned nor drawn",
                "код хранится как текст: не сканируется и не рисуется",
            ),
            ("drawing of codes; scanning stays with the device", "рисование кодов; сканирует само устройство"),
        ),
        "secrets" => (
            (
                "what the API keeps is readable to whoever reaches it: nothing is encrypted or hashed, so no field for a secret is made",
                "всё, что хранит API, видно каждому, кто до него достучится: шифрования и хеширования нет, поэтому поля для секрета не создаётся",
            ),
            (
                "encryption with a key kept apart from the data, and hashing where the secret need not be read again",
                "шифрование ключом, который хранится отдельно от данных, и хеширование там, где секрет не нужно читать",
            ),
        ),
        _ => (
            ("it is beyond keeping records and answering for them", "это больше, чем хранить записи и отвечать по ним"),
            ("code for it in the hand-written part", "код для этого в рукописной части"),
        ),
    };
    GapWords { why: say(language, why.0, why.1), adds: say(language, adds.0, adds.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_follow_the_sound() {
        for (name, said) in [
            ("Album", "an Album"),
            ("Book", "a Book"),
            ("User", "a User"),
            ("Unit", "a Unit"),
            ("Umbrella", "an Umbrella"),
            ("Hour", "an Hour"),
            ("House", "a House"),
            ("OneTimeCode", "a OneTimeCode"),
        ] {
            assert_eq!(with_article(name), said);
        }
    }
}
