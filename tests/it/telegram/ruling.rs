//! An approval by button with `cgo serve` as people run it, which is killed while it deals with the press.

use cgo::domain::chat::{BotId, ChatId, Followed, PersonId};
use cgo::domain::run::{RunStatus, Wait};
use cgo::domain::spec::Language;
use cgo::domain::user::{Identity, Role, UserName};
use cgo::ops::chats::Chats;
use cgo::ops::{runs, users};

use super::house::House;
use super::server::{BOT, Telegram};
use super::whole::{Serving, environment};
use crate::serve::{app, block};
use crate::support::env::{tools_are_here, until};
use crate::users::{new_project, waiting};

#[test]
fn an_approval_that_kill_9_cuts_off_counts_once_and_the_run_goes_on() {
    if !tools_are_here() {
        return;
    }
    let telegram = Telegram::start();
    let env = environment(&telegram);
    let folder = env.home().join(".config/cgo");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.yaml"), "approvers: [Cy]\n").expect("a file");
    telegram.change(|world| world.chats.extend([8, 10]));
    let run = block(async {
        let app = app(&env).await;
        for (person, name, role) in [(8, "Bo", Role::Member), (10, "Cy", Role::Admin)] {
            let name = UserName::parse(name).unwrap();
            users::add(&app.context, name, role, vec![Identity::Telegram(person)], None).await.unwrap();
        }
        let theirs = House::person(&app.context, 8).await;
        let request = new_project(&theirs, "a notes API with title");
        let (run, _) = waiting(&theirs, request, Wait::Approval, "approve").await;
        runs::queue(&app.context, &run).await.unwrap();
        let followed = Followed::begun(run.id.clone(), ChatId(8), PersonId(8), Language::En);
        Chats::of(&app.context, BotId(BOT)).follow(&followed).await.unwrap();
        app.context.store.clone().close().await;
        run.id
    });
    let serving = Serving::start(&env, "first.log");
    let (own, copy) = (telegram.hear(8, "May it?"), telegram.hear(10, "May it?"));
    let press = telegram.press(8, &own, "Approve");
    let refused = telegram.shown(&press).text.unwrap_or_default();
    assert!(refused.contains("These may: Cy"), "{refused}");
    let press = telegram.press(10, &copy, "Approve");
    telegram.wait("the press to be dealt with", |world| {
        let answers = |asked: &super::server::Asked| {
            asked.method == "answerCallbackQuery" && asked.body["callback_query_id"] == press.as_str()
        };
        world.asked.iter().any(answers).then_some(())
    });
    serving.kill();
    let serving = Serving::start(&env, "second.log");
    until("the run to go on, and all that was said to be dealt with", || {
        block(async {
            let app = app(&env).await;
            let waits = Chats::of(&app.context, BotId(BOT)).waiting().await.unwrap();
            let status = runs::find(&app.context, run.as_str()).await.unwrap().status;
            app.context.store.clone().close().await;
            waits == 0 && !matches!(status, RunStatus::WaitingApproval | RunStatus::Queued)
        })
    });
    telegram.wait("the copy to say who approved", |world| {
        world.messages.iter().any(|sent| sent.id == copy.id && sent.text.contains("Approved by Cy")).then_some(())
    });
    telegram.taken();
    serving.stop();
    let answered = block(async {
        let app = app(&env).await;
        let events = runs::events(&app.context, &run, 0).await.unwrap();
        app.context.store.clone().close().await;
        events.into_iter().filter(|event| event.kind == "answered").map(|event| event.body).collect::<Vec<_>>()
    });
    assert!(answered.len() == 1 && answered[0].contains("\"Cy\""), "{answered:?}");
    let world = telegram.world();
    let shown = world.presses.values().flatten().filter_map(|shown| shown.text.as_deref());
    let said = world.messages.iter().map(|sent| sent.text.as_str());
    assert!(!shown.chain(said).any(|text| text.contains("answered already")), "they hear that it came to nothing");
    drop(world);
    telegram.assert_content();
}
