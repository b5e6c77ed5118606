//! Of people and their rights.

use super::{Worded, one_of, sentences, store};
use crate::domain::user::Right;
use crate::ops::users::Error;

/// What cannot be done with people, or not by them.
pub(super) fn of(error: &Error) -> Worded {
    match error {
        Error::Stranger { identity, .. } => Worded::of(format!("Здесь не знают, кто такой `{identity}`.")).tell(
            format!("попросите администратора: `cgo users invite` или `cgo users add NAME --identity {identity}`"),
        ),
        Error::Lookup { identity, source } => {
            let Worded { text, advice } = store::of(source);
            Worded { text: format!("Не удалось узнать, кто такой `{identity}`. {text}"), advice }
        }
        Error::Forbidden { who, right, about } => {
            let about = about.as_ref().map(|about| format!(" (`{about}`)")).unwrap_or_default();
            Worded::of(format!("`{who}` не может {}{about}.", tried(*right)))
                .tell("попросите владельца или администратора")
        }
        Error::NoSuchUser { name, known } => {
            let worded = Worded::of(format!("Пользователя `{name}` нет."));
            if known.is_empty() { worded.like(error) } else { worded.tell(one_of(known)) }
        }
        Error::Name(bad) => {
            let shown = bad.shown.replace('`', "'");
            Worded::of(format!("`{shown}` — не имя: {}", sentences::or_quoted(bad.reason))).tell("напишите другое")
        }
        Error::NotInvited => anew("Такого приглашения нет."),
        Error::InvitationOver => anew("Срок этого приглашения прошёл."),
        Error::InvitationUsed => anew("Этим приглашением уже воспользовались."),
        Error::Zone(zone) => {
            Worded::of(format!("`{zone}` — не часовой пояс.")).tell("назовите его так: `Europe/Berlin`")
        }
    }
}

fn anew(text: &str) -> Worded {
    Worded::of(text).tell("попросите у администратора новое: `cgo users invite`")
}

/// What somebody tried, after "не может".
fn tried(right: Right) -> &'static str {
    match right {
        Right::Create => "начинать проекты",
        Right::See => "на это смотреть",
        Right::Operate => "это менять",
        Right::Approve => "одобрять и отклонять",
        Right::Destroy => "это удалять",
        Right::Administer => "делать то, что делают администраторы",
    }
}
