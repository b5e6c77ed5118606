//! The page that takes secrets: a form, and what comes of it. It has no script, loads nothing, and shows no value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::Wake;
use crate::app::App;
use crate::domain::diagnose::{Diagnose as _, Kind};
use crate::domain::run::Wait;
use crate::domain::spec::Language;
use crate::ops::notify::faults::unfit;
use crate::ops::runs::{self, Reply};
use crate::ops::secrets::links::{self, Form, Refused, Taken};
use crate::pipeline::{runner, tape};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}\
label{display:block;margin:1.2rem 0 .3rem;font-weight:600}small{display:block;font-weight:400}\
textarea{width:100%;box-sizing:border-box;font:14px monospace;-webkit-text-security:disc}\
button{margin-top:1.5rem;font:inherit;padding:.5rem 1.5rem}";

/// What the browser may do with the page.
pub(super) fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The form of a link.
pub(super) async fn form(app: &App, token: &str) -> (StatusCode, String) {
    match links::look(&app.context, token).await {
        Ok(form) => (StatusCode::OK, drawn(&form)),
        Err(refused) => no(&refused, None),
    }
}

/// Takes what the form sends, and goes on with the run that waits for it.
pub(super) async fn taken(app: &App, token: &str, body: &[u8], wake: &Wake) -> (StatusCode, String) {
    let language = links::look(&app.context, token).await.ok().map(|form| form.language);
    let Some(values) = fields(body) else { return no(&Refused::Incomplete, language) };
    let taken = match links::submit(&app.context, token, values).await {
        Ok(taken) => taken,
        Err(refused) => return no(&refused, language),
    };
    let language = language.unwrap_or(Language::En);
    // What stands in the way now is told by the run itself; the values are kept.
    let goes_on = go_on(app, &taken).await.unwrap_or(false);
    wake.now();
    let names: Vec<String> = taken.names.iter().map(|name| format!("<code>{name}</code>")).collect();
    let (title, kept, next) = match language {
        Language::En => ("Kept", "is kept, encrypted. You may close this page.", "The work goes on."),
        Language::Ru => {
            ("Сохранено", "— сохранено в зашифрованном виде. Страницу можно закрыть.", "Работа продолжается.")
        }
    };
    let next = if goes_on { next } else { "" };
    (StatusCode::OK, page(language, title, &format!("<p>{} {kept} {next}</p>", names.join(", "))))
}

/// Answers the run that waits for these secrets, in the name of who gave them. False when it waits for more, or for
/// nothing.
async fn go_on(app: &App, taken: &Taken) -> Result<bool, runner::Error> {
    let Some(id) = &taken.run else { return Ok(false) };
    let context = app.context.acting_as(taken.person.clone());
    let run = runs::find(&context, id.as_str()).await?;
    let Ok(ask) = runs::open_ask(&context, &run, Wait::Secret).await else { return Ok(false) };
    // Before: a process that dies after the answer leaves a run that goes on.
    runs::queue(&context, &run).await?;
    let set = Reply { approved: true, texts: Vec::new(), by: None };
    tape::answer(&context, &run, &ask, set, &CancellationToken::new()).await?;
    runs::queue(&context, &run).await?;
    Ok(true)
}

/// The fields of a form, decoded; none when it is not one. A browser ends lines as no other program does.
fn fields(body: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut fields = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8(decoded(&pair[..at])?).ok()?;
        let value = decoded(&pair[at + 1..])?;
        let mut lines = Vec::with_capacity(value.len());
        for (at, byte) in value.iter().enumerate() {
            if !(*byte == b'\r' && value.get(at + 1) == Some(&b'\n')) {
                lines.push(*byte);
            }
        }
        if fields.insert(name, lines).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (code, after) = rest.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()?
            }
            other => *other,
        });
    }
    Some(out)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn page(language: Language, title: &str, body: &str) -> String {
    let code = match language {
        Language::En => "en",
        Language::Ru => "ru",
    };
    format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>cgo: {title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
}

fn drawn(form: &Form) -> String {
    let (title, lead, send) = match form.language {
        Language::En => (
            "A secret is needed",
            "What you enter goes encrypted into the store of cgo; no model and no log sees it. The link is good once.",
            "Keep it",
        ),
        Language::Ru => (
            "Нужен секрет",
            "Введённое попадёт в хранилище cgo в зашифрованном виде; ни модель, ни журнал его не увидят. Ссылка одноразовая.",
            "Сохранить",
        ),
    };
    let mut body = format!("<p><b>{}</b>. {lead}</p><form method=\"post\" autocomplete=\"off\">", form.project);
    for field in &form.fields {
        let purpose =
            field.purpose.as_ref().map(|text| format!("<small>{}</small>", escaped(text))).unwrap_or_default();
        let name = &field.name;
        // Writing to a text does not fail.
        let _ = write!(
            body,
            "<label for=\"{name}\">{name}{purpose}</label><textarea id=\"{name}\" name=\"{name}\" rows=\"2\" required \
             autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\"></textarea>"
        );
    }
    let _ = write!(body, "<button>{send}</button></form>");
    page(form.language, title, &body)
}

/// A refusal, which tells nothing but itself: in the language of the form where that is known, else in both.
fn no(refused: &Refused, language: Option<Language>) -> (StatusCode, String) {
    let status = match refused {
        Refused::Unknown => StatusCode::NOT_FOUND,
        Refused::Over | Refused::Used => StatusCode::GONE,
        Refused::Incomplete | Refused::Unfit { .. } => StatusCode::BAD_REQUEST,
        Refused::Failed(error) if may_not(error) => StatusCode::FORBIDDEN,
        Refused::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let (english, russian) = (escaped(&in_english(refused)), escaped(&in_russian(refused)));
    let page = match language {
        Some(Language::En) => page(Language::En, "Not taken", &format!("<p>{english}</p>")),
        Some(Language::Ru) => page(Language::Ru, "Не принято", &format!("<p>{russian}</p>")),
        None => {
            let both = format!("<p>{english}</p><p lang=\"ru\">{russian}</p>");
            page(Language::En, "Not taken · Не принято", &both)
        }
    };
    (status, page)
}

/// Whoever the link is from may not, or there is nothing to be set: no trying again mends it.
fn may_not(error: &crate::ops::Error) -> bool {
    matches!(error.kind(), Kind::User | Kind::Usage)
}

fn in_english(refused: &Refused) -> String {
    match refused {
        Refused::Unknown | Refused::Incomplete => refused.to_string(),
        Refused::Over | Refused::Used => format!("{refused}; ask for a new one"),
        Refused::Unfit { source, .. } => format!("{refused}: {source}"),
        Refused::Failed(error) if may_not(error) => "that may not be set over this link".to_owned(),
        Refused::Failed(_) => "it could not be kept now; the link is still good".to_owned(),
    }
}

fn in_russian(refused: &Refused) -> String {
    match refused {
        Refused::Unknown => "такой ссылки нет".to_owned(),
        Refused::Over => "срок ссылки прошёл; попросите новую".to_owned(),
        Refused::Used => "этой ссылкой уже воспользовались; попросите новую".to_owned(),
        Refused::Incomplete => "значения не подходят к тому, о чём спрошено".to_owned(),
        Refused::Unfit { name, source } => format!("значение `{name}` не годится: {}", unfit(*source)),
        Refused::Failed(error) if may_not(error) => "по этой ссылке это задать нельзя".to_owned(),
        Refused::Failed(_) => "сейчас сохранить не удалось; ссылка ещё действует".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_to_the_byte_and_line_ends_are_those_of_a_file() {
        let read = fields(b"A=%24a+b%2B%26%3D%23%27&B=one%0D%0Atwo%0D&C=").unwrap();
        assert_eq!(read["A"], b"$a b+&=#'");
        assert_eq!(read["B"], b"one\ntwo\r", "a line's end is a newline, a lone return stays");
        assert_eq!(read["C"], b"");
        for bad in [&b"A"[..], b"A=%2", b"A=%zz", b"A=1&A=2", b"%ff=1"] {
            assert_eq!(fields(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_refusal_is_read_in_the_language_of_its_form_and_in_both_where_none_is_known() {
        let (status, both) = no(&Refused::Used, None);
        assert_eq!(status, StatusCode::GONE);
        assert!(both.contains("the link was used already; ask for a new one"), "{both}");
        assert!(both.contains("<p lang=\"ru\">этой ссылкой уже воспользовались; попросите новую</p>"), "{both}");
        let (status, russian) = no(&Refused::Incomplete, Some(Language::Ru));
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(russian.contains("lang=\"ru\"") && russian.contains("не подходят"), "{russian}");
        assert!(!russian.contains("the values"), "{russian}");
        let (_, english) = no(&Refused::Unknown, Some(Language::En));
        assert!(english.contains("<p>there is no such link</p>") && !english.contains("ссылки"), "{english}");
    }

    #[test]
    fn nothing_of_a_contract_becomes_markup() {
        assert_eq!(escaped("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
        assert!(policy().starts_with("default-src 'none'") && policy().contains("form-action 'self'"));
    }
}
