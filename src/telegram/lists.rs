//! What there is: lists in pages with buttons, and one thing looked at closely.

use super::api::Error;
use super::buttons::{self, List, Verb};
use super::commands::run_line;
use super::desk::{Desk, Talk};
use super::markup::Text;
use super::sender::{Button, Outgoing};
use super::words::{self, Words, fill};
use crate::domain::diagnose::told;
use crate::domain::ids::{IncidentId, RunId};
use crate::domain::incident::Incident;
use crate::domain::ledger::Dimension;
use crate::domain::money::Usd;
use crate::domain::names::ProjectName;
use crate::domain::run::Run;
use crate::domain::spec::Language;
use crate::ops::notify::faults;
use crate::ops::{Context, agents, costs, incidents, live, projects, runs, servers, services};

/// How many rows of a list fit on a phone.
const ROWS: usize = 8;
/// How many lines of a log are shown.
const LINES: usize = 40;
/// The most characters of a log that are shown.
const LOG: usize = 3000;
/// How many days of costs are shown.
const DAYS: u32 = 30;

/// One row of a list.
struct Row {
    line: String,
    button: Option<Button>,
}

/// Where in a list somebody is: the page, and how many there are.
#[derive(Debug, Clone, Copy)]
struct Place {
    page: usize,
    pages: usize,
}

impl Place {
    /// A page of so many rows; one that is gone is the last one.
    fn of(rows: usize, page: usize) -> Self {
        let pages = rows.div_ceil(ROWS).max(1);
        Self { page: page.min(pages - 1), pages }
    }
}

/// A page of a list, with buttons for its rows and for the pages around it.
fn paged(words: &Words, title: &str, list: List, rows: &[Row], page: usize) -> Outgoing {
    let place = Place::of(rows.len(), page);
    let shown = &rows[place.page * ROWS..rows.len().min((place.page + 1) * ROWS)];
    one_page(words, title, list, shown, place)
}

/// The page these rows are.
fn one_page(words: &Words, title: &str, list: List, shown: &[Row], Place { page, pages }: Place) -> Outgoing {
    let mut text = Text::new().bold(title);
    for row in shown {
        text = text.line().plain(&row.line);
    }
    let mut message = Outgoing::of(text);
    let keys: Vec<Button> = shown.iter().filter_map(|row| row.button.clone()).collect();
    for pair in keys.chunks(2) {
        message = message.row(pair.to_vec());
    }
    message.row(turning(words, page, pages, |page| buttons::page(list, page)))
}

/// The buttons that turn the pages of something; none for one page.
pub(super) fn turning(words: &Words, page: usize, pages: usize, data: impl Fn(usize) -> String) -> Vec<Button> {
    if pages < 2 {
        return Vec::new();
    }
    let here = Button::tell(fill(words.page, &[&(page + 1).to_string(), &pages.to_string()]), data(page));
    let before = (page > 0).then(|| Button::tell("‹", data(page - 1)));
    let after = (page + 1 < pages).then(|| Button::tell("›", data(page + 1)));
    before.into_iter().chain([here]).chain(after).collect()
}

impl Desk<'_> {
    /// Shows a page of a list, in the place of the one a button was pressed under.
    pub async fn list(&self, talk: &Talk, list: List, page: usize, over: Option<i64>) -> Result<(), Error> {
        let words = talk.words();
        // There may be very many runs: those of the page alone are read.
        let mut part = None;
        let (title, nothing, rows) = match list {
            List::Projects => (words.projects, words.no_projects, project_rows(talk, Verb::Show).await?),
            List::Choose(verb) => (words.name_project, words.no_projects, project_rows(talk, verb).await?),
            List::Unfinished => (words.name_run, words.nothing_to_cancel, self.unfinished_rows(talk).await?),
            List::Runs => {
                let (rows, place) = run_rows(talk, page).await?;
                part = Some(place);
                (words.runs, words.no_runs, rows)
            }
            List::Servers => (words.servers, words.no_servers, server_rows(talk).await?),
            List::Incidents => (words.incidents, words.no_incidents, incident_rows(talk).await?),
            List::Agents => (words.agents, words.agents, agent_rows(talk).await?),
            List::Costs => (words.costs, words.no_costs, cost_rows(talk).await?),
        };
        if rows.is_empty() {
            return self.say(talk, Text::of(nothing)).await;
        }
        let message = match part {
            Some(place) => one_page(words, title, list, &rows, place),
            None => paged(words, title, list, &rows, page),
        };
        if let Some(number) = over
            && self.sender.edit(talk.place(), number, &message).await?
        {
            return Ok(());
        }
        self.send(talk, &message).await.map(drop)
    }

    async fn unfinished_rows(&self, talk: &Talk) -> Result<Vec<Row>, Error> {
        let row = |run: &Run| run_row(talk, run, buttons::cancel(&run.id));
        Ok(self.own_runs(talk).await?.iter().map(row).collect())
    }

    pub async fn show_project(&self, talk: &Talk, name: &ProjectName) -> Result<(), Error> {
        let words = talk.words();
        let project = projects::by_name(&talk.context, name).await?;
        let live = live::live(&talk.context, &project).await?;
        let mut text = Text::new().bold(project.name.as_str()).plain(" — ").plain(&project.title).line();
        text = text.plain(live.told(talk.language));
        if let Some(url) = &live.url {
            text = text.line().plain(url);
        }
        if let Some(problem) = &live.problem {
            text = text.line().plain("⚠️ ").plain(self.app.context.secrets.clean(problem));
        }
        for run in runs::unfinished(&talk.context, &project.id).await?.iter().take(3) {
            text = text.line().plain("• ").plain(run_line(talk, run));
        }
        text = text.and(self.exposed(talk, &project.name).await?);
        let key = |label: &str, verb| Button::tell(label, buttons::project(verb, &project.name));
        let open = live.url.as_deref().filter(|_| live.serves).and_then(|url| Button::open(words.open, url));
        let message = Outgoing::of(text)
            .row(open.into_iter().chain([key(words.logs, Verb::Logs)]))
            .row([key(words.update, Verb::Update), key(words.redeploy, Verb::Deploy)])
            .row([key(words.rollback, Verb::Rollback), key(words.stop, Verb::Stop)]);
        self.send(talk, &message).await.map(drop)
    }

    pub async fn show_logs(&self, talk: &Talk, name: &ProjectName) -> Result<(), Error> {
        let text = self.log(&talk.context, talk.language, name).await?;
        self.say(talk, text).await
    }

    /// The newest lines of a project's log.
    pub async fn log(&self, context: &Context, language: Language, name: &ProjectName) -> Result<Text, Error> {
        let project = projects::by_name(context, name).await?;
        let lines = services::logs(context, &project, LINES, &self.cancel).await?;
        let all = self.app.context.secrets.clean(&lines.join("\n")).into_owned();
        // The newest lines say most.
        let skipped = all.chars().count().saturating_sub(LOG);
        let shown: String = all.chars().skip(skipped).collect();
        let shown = if skipped > 0 { shown.split_once('\n').map_or(shown.as_str(), |(_, rest)| rest) } else { &shown };
        if shown.trim().is_empty() {
            return Ok(Text::of(words::of(language).no_logs));
        }
        Ok(Text::new().bold(project.name.as_str()).block(shown))
    }

    pub async fn show_run(&self, talk: &Talk, id: &RunId) -> Result<(), Error> {
        let run = runs::find(&talk.context, id.as_str()).await?;
        let mut text = Text::new().bold(run_line(talk, &run)).line().code(run.id.as_str());
        if let Some(reason) = &run.reason {
            let reason = faults::reason(run.status, reason, talk.language);
            text = text.line().plain(self.app.context.secrets.clean(&reason));
        }
        let mut message = Outgoing::of(text);
        if !run.status.is_terminal() {
            message = message.row([Button::tell(talk.words().cancel, buttons::cancel(&run.id))]);
        }
        self.send(talk, &message).await.map(drop)
    }

    pub async fn show_incident(&self, talk: &Talk, id: &IncidentId) -> Result<(), Error> {
        let seen = incidents::active(&talk.context).await?;
        let Some(incident) = seen.into_iter().find(|incident| incident.id == *id) else {
            return self.say(talk, Text::of(talk.words().no_incidents)).await;
        };
        let details = self.app.context.secrets.clean(&incident.details).into_owned();
        self.say(talk, Text::new().bold(incident.told(talk.language)).line().plain(details)).await
    }
}

/// Projects, each with a button that does something with it.
async fn project_rows(talk: &Talk, verb: Verb) -> Result<Vec<Row>, Error> {
    let all = projects::list(&talk.context).await?;
    let row = |project: &crate::domain::project::Project| Row {
        line: format!("• {} — {} ({})", project.name, project.title, project.status.words(talk.language)),
        button: Some(Button::tell(project.name.as_str(), buttons::project(verb, &project.name))),
    };
    Ok(all.iter().map(row).collect())
}

/// The runs of one page, newest first, and which page that is.
async fn run_rows(talk: &Talk, page: usize) -> Result<(Vec<Row>, Place), Error> {
    let count = runs::count_seen(&talk.context).await?;
    let place = Place::of(usize::try_from(count).unwrap_or(usize::MAX), page);
    let number = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let shown = runs::seen(&talk.context, number(place.page * ROWS), number(ROWS)).await?;
    Ok((shown.iter().map(|run| run_row(talk, run, buttons::run(&run.id))).collect(), place))
}

fn run_row(talk: &Talk, run: &Run, data: String) -> Row {
    let line = run_line(talk, run);
    Row { line: format!("• {line}"), button: Some(Button::tell(line, data)) }
}

async fn server_rows(talk: &Talk) -> Result<Vec<Row>, Error> {
    let all = servers::list(&talk.context).await?;
    let row = |view: &servers::ServerView| Row {
        line: format!("• {} — {} ({})", view.server.handle, view.server.status.told(talk.language), view.projects),
        button: None,
    };
    Ok(all.iter().map(row).collect())
}

async fn incident_rows(talk: &Talk) -> Result<Vec<Row>, Error> {
    let row = |incident: &Incident| Row {
        line: format!("• {}", incident.told(talk.language)),
        // It begins with what broke: on a phone no more of it is read.
        button: Some(Button::tell(&incident.title, buttons::incident(&incident.id))),
    };
    Ok(incidents::active(&talk.context).await?.iter().map(row).collect())
}

async fn agent_rows(talk: &Talk) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for version in agents::list(&talk.context).await? {
        let line = match agents::parse(&version.agent, &version.text) {
            Ok(agent) => format!("• {} — {} (v{})", version.agent, agent.description, version.version),
            Err(problem) => format!("• {} — {}", version.agent, told(&problem)),
        };
        rows.push(Row { line, button: None });
    }
    Ok(rows)
}

/// What each project has cost and what was spent for none, after what that comes to.
async fn cost_rows(talk: &Talk) -> Result<Vec<Row>, Error> {
    let (mut all, mut rows) = (Usd::ZERO, Vec::new());
    for project in projects::list(&talk.context).await? {
        let of = costs::Of { project: Some(project.name.clone()), run: None, days: Some(DAYS) };
        for total in costs::totals(&talk.context, Dimension::Project, of).await? {
            all += total.cost;
            rows.push(Row { line: format!("• {}: {}", project.name, total.cost), button: None });
        }
    }
    let beside = costs::of_no_project(&talk.context, DAYS).await?;
    if beside > Usd::ZERO {
        all += beside;
        let what = match talk.language {
            Language::En => "without a project",
            Language::Ru => "без проекта",
        };
        rows.push(Row { line: format!("• {what}: {beside}"), button: None });
    }
    if !rows.is_empty() {
        rows.insert(0, Row { line: format!("{}: {all}", talk.words().in_all), button: None });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_paged_and_a_page_that_is_gone_is_the_last_one() {
        let rows: Vec<Row> = (0..20).map(|at| Row { line: format!("row {at}"), button: None }).collect();
        let words = words::of(Language::En);
        let page = |at| paged(words, "Runs", List::Runs, &rows, at);
        let labels = |message: &Outgoing| {
            message.rows.last().unwrap().iter().map(|button| button.label.clone()).collect::<Vec<_>>()
        };
        assert_eq!(labels(&page(0)), ["1 of 3", "›"]);
        assert_eq!(labels(&page(1)), ["‹", "2 of 3", "›"]);
        assert_eq!(labels(&page(99)), ["‹", "3 of 3"]);
        assert!(page(99).text.words().ends_with("row 19"));
        assert!(paged(words, "Runs", List::Runs, &rows[..3], 0).rows.is_empty());
    }
}
