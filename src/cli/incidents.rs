//! `cgo incidents`: what is broken, since when, and what was tried.

use schemars::JsonSchema;
use serde::Serialize;

use super::Session;
use super::args::Incidents as Args;
use super::outcome::{Answer, Failure, Outcome};
use super::run::drive;
use super::run_answers::when;
use super::ui::{Tone, Ui, table};
use crate::domain::incident::{Incident, IncidentEvent, IncidentStatus};
use crate::domain::request::Rollout;
use crate::domain::run::Request;
use crate::ops::incidents;
use crate::ops::incidents::check::{self, Round};
use crate::ops::incidents::recover::{self, Recovery};
use crate::pipeline::runner;

/// `cgo incidents …`.
///
/// # Errors
/// [`Failure`].
pub async fn run(session: &Session<'_>, args: Args) -> Result<Outcome, Failure> {
    let app = session.app().await?;
    let context = &app.context;
    let ui = session.ui;
    match args {
        Args::List { all, limit } => {
            let incidents =
                if all { incidents::newest(context, limit).await } else { incidents::active(context).await };
            Ok(Outcome::of(ui, &Listed { incidents: incidents? }))
        }
        Args::Show { incident } => {
            let (incident, events) = incidents::show(context, &incident).await?;
            Ok(Outcome::of(ui, &Shown { incident, events }))
        }
        Args::Check => {
            let round = check::check(context, &session.cancel).await?;
            Ok(Outcome::of(ui, &Checked(round)))
        }
        Args::Resolve { incident, resolution } => {
            let incident = incidents::resolve(context, &incident, &resolution).await?;
            Ok(Outcome::of(ui, &Resolved { incident }))
        }
        Args::Recover { incident } => {
            let recovery = match recover::recover(context, &incident, &session.cancel).await? {
                Recovery::Revert { project, release, .. } => {
                    ui.say(&format!("restarts did not help; going back to release {release}"));
                    // A release that is not well is nothing to fall back to.
                    let rollout = Rollout { bake: Some(0), ..Rollout::default() };
                    let request = Request::Rollback { project, release: Some(release), rollout };
                    let run = runner::begin(context, request).await?;
                    drive(session, &app, &run.id).await?;
                    recover::reverted(context, &incident, &session.cancel).await?
                }
                other => other,
            };
            Ok(Outcome::of(ui, &Recovered::of(recovery)))
        }
    }
}

fn rows<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> String {
    let rows = incidents.into_iter().map(|incident| {
        vec![
            incident.title.clone(),
            when(incident.created_at),
            match incident.status {
                IncidentStatus::Open => format!("seen {}×", incident.reports),
                IncidentStatus::Resolved => incident.resolution.clone().unwrap_or_else(|| "resolved".to_owned()),
            },
            incident.id.to_string(),
        ]
    });
    table(&["what", "since", "status", "incident"], rows.collect())
}

/// What `cgo incidents list` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    incidents: Vec<Incident>,
}

impl Answer for Listed {
    const NAME: &'static str = "incidents.list";

    fn text(&self, _: &Ui) -> String {
        if self.incidents.is_empty() {
            return "no incidents; `cgo incidents check` looks".to_owned();
        }
        rows(&self.incidents)
    }
}

/// What `cgo incidents show` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    incident: Incident,
    /// What was seen and tried, in order.
    events: Vec<IncidentEvent>,
}

impl Answer for Shown {
    const NAME: &'static str = "incidents.show";

    fn text(&self, _: &Ui) -> String {
        let incident = &self.incident;
        let mut out = format!("{}: {}\n", incident.id, incident.title);
        out.push_str(&format!(
            "  since {}, {}\n",
            when(incident.created_at),
            match incident.status {
                IncidentStatus::Open => format!("seen {}×", incident.reports),
                IncidentStatus::Resolved => incident.resolution.clone().unwrap_or_else(|| "resolved".to_owned()),
            }
        ));
        for line in incident.details.lines() {
            out.push_str(&format!("  {line}\n"));
        }
        for event in &self.events {
            out.push_str(&format!("  {}  {}: {}\n", when(event.at), event.kind.as_str(), event.words));
        }
        if incident.status == IncidentStatus::Open {
            out.push_str(&format!("next: cgo incidents recover {}\n", incident.id));
        }
        out
    }
}

/// What `cgo incidents check` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked(Round);

impl Answer for Checked {
    const NAME: &'static str = "incidents.check";

    fn text(&self, ui: &Ui) -> String {
        let Round { looked_at, opened, standing, closed, unknown } = &self.0;
        let mut out = String::new();
        for incident in opened.iter().chain(standing) {
            let how = if opened.contains(incident) { "new" } else { "still" };
            out.push_str(&format!("{} {how}: {}  {}\n", ui.tone(Tone::Bad, "✗"), incident.title, incident.id));
            out.push_str(&format!("  cgo incidents recover {}\n", incident.id));
        }
        for incident in closed {
            out.push_str(&format!("{} over: {}  {}\n", ui.tone(Tone::Good, "✓"), incident.title, incident.id));
        }
        for why in unknown {
            out.push_str(&format!("{} not known: {why}\n", ui.tone(Tone::Notice, "?")));
        }
        if out.is_empty() {
            out = format!("{} {looked_at} servers and services are as they should be\n", ui.tone(Tone::Good, "✓"));
        }
        out
    }

    fn exit(&self) -> u8 {
        if self.0.opened.is_empty() && self.0.standing.is_empty() { 0 } else { 8 }
    }
}

/// What `cgo incidents resolve` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Resolved {
    incident: Incident,
}

impl Answer for Resolved {
    const NAME: &'static str = "incidents.resolve";

    fn text(&self, ui: &Ui) -> String {
        format!("{} {} is over: {}\n", ui.tone(Tone::Good, "✓"), self.incident.id, self.incident.title)
    }
}

/// What `cgo incidents recover` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recovered {
    incident: Incident,
    /// What is still wrong.
    problem: Option<String>,
    /// What a person has to do.
    next: Option<String>,
}

impl Recovered {
    fn of(recovery: Recovery) -> Self {
        match recovery {
            Recovery::Over(incident) | Recovery::Restarted { incident, problem: None } => {
                Self { incident, problem: None, next: None }
            }
            Recovery::Restarted { incident, problem } => {
                let next = Some(format!("run `cgo incidents recover {}` again", incident.id));
                Self { incident, problem, next }
            }
            Recovery::Revert { incident, project, .. } => {
                let next = Some(format!("run `cgo deploy {project} --rollback`"));
                Self { incident, problem: None, next }
            }
            Recovery::Person { incident, what } => {
                Self { problem: Some("it needs a person".to_owned()), next: Some(what), incident }
            }
        }
    }
}

impl Answer for Recovered {
    const NAME: &'static str = "incidents.recover";

    fn text(&self, ui: &Ui) -> String {
        let incident = &self.incident;
        let mut out = match (&self.problem, incident.status) {
            (None, IncidentStatus::Resolved) => {
                let how = incident.resolution.as_deref().unwrap_or("resolved");
                format!("{} {} is over: {how}\n", ui.tone(Tone::Good, "✓"), incident.id)
            }
            (problem, _) => {
                let problem = problem.as_deref().unwrap_or("it is open");
                format!("{} {}: {problem}\n", ui.tone(Tone::Bad, "✗"), incident.title)
            }
        };
        out.extend(self.next.iter().map(|next| format!("next: {next}\n")));
        out
    }

    /// A person is needed, or the next try.
    fn exit(&self) -> u8 {
        if self.problem.is_none() && self.next.is_none() { 0 } else { 4 }
    }
}
