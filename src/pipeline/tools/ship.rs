//! Deploying the tested commit and probing it as a visitor would.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::build::short;
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::ids::ServerId;
use crate::domain::incident::IncidentKind;
use crate::domain::project::Project;
use crate::domain::run::RequestKind;
use crate::domain::state::Change;
use crate::ops::deploy::Address;
use crate::ops::deploy::remote::{self, Fleet, Planned};
use crate::ops::deploy::steps::{self, Steps};
use crate::ops::servers::place::{self, Place};
use crate::ops::{self, deploy, incidents, projects, servers, services};

/// Takes no arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The tools of this file.
#[must_use]
pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "deploy_service",
            "Deploy the tested commit: build a release, start it beside the old one, wait for its health gate, switch, drain, retire.",
            WorldEffect::Changes,
            |context, args| Box::pin(deploy_service(context, args)),
        ),
        Tool::new(
            "probe_service",
            "Ask the live service whether it works, and which release answers.",
            WorldEffect::Reads,
            |context, args| Box::pin(probe_service(context, args)),
        ),
    ]
}

async fn deploy_service(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let failed = |error: ops::Error| ToolError::of(&error);
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(failed)?;
    let commit = match (&context.state.test_results, context.run.request.kind()) {
        (Some(results), _) if results.failed == 0 && results.passed > 0 => results.commit.clone(),
        (_, RequestKind::Rollback) => String::new(),
        _ => return Err(ToolError::refused("no commit was tested, so there is nothing to deploy")),
    };
    if context.run.request.kind() != RequestKind::Rollback
        && let Some(waits) = super::activation::wait_for_secrets(context, &project).await?
    {
        return Ok(waits);
    }
    let places = place::of_project(context.ops, &project, context.cancel).await.map_err(failed)?;
    if !places.is_empty() {
        return Box::pin(deploy_there(context, &project, &places, &commit)).await;
    }
    let plan = context
        .remember("plan_deployment", json!({ "commit": commit }), async || {
            deploy::plan::plan(context.ops, &project, &context.run.request, &commit).await
        })
        .await?;
    let steps = Steps::new(context.ops, &project, &plan, context.cancel);
    let release = json!({ "release": plan.release });
    let say = |text: &str| (context.notes)(text);
    if !plan.is_built {
        // An effect, so that the plan with its release id is on disk before the store knows of the release.
        context.repeat("note_deployment", release.clone(), async |_| steps.note(&context.run.id).await).await?;
        say(&format!("building {} of {}", plan.release, short(&plan.commit)));
        context
            .effect(
                "build_release",
                release.clone(),
                async |_| Ok(steps.is_built().then_some(())),
                async |_| steps.build(&|_| ()).await,
            )
            .await?;
        say("migrating the database");
        // Repeating a migration that ran changes nothing, so a killed one is simply run again.
        context.repeat("migrate", release.clone(), async |_| steps.migrate().await).await?;
    }
    say(&format!("starting in slot {}", plan.slot.as_str()));
    // Starting is idempotent in the driver: the same launch twice is one process.
    context.repeat("start_release", release.clone(), async |_| steps.start().await).await?;
    say("waiting for its health gate");
    let gate = context.remember("health_gate", release.clone(), async || steps.gate().await).await?;
    context
        .effect(
            "flip",
            release.clone(),
            async |_| Ok(steps.is_flipped().await?.then_some(())),
            async |_| steps.flip().await,
        )
        .await?;
    if plan.serving.is_some() {
        say("the new release serves; the old one finishes its requests");
    }
    let retired = context.repeat("retire_old", release.clone(), async |_| steps.retire().await).await?;
    let pruned = context.repeat("prune_releases", release, async |_| steps.prune().await).await?;
    if retired.cut_requests + retired.cut_tunnels > 0 {
        context.change(Change::Errors(format!(
            "{} requests and {} open connections of the old release were cut off at the drain limit",
            retired.cut_requests, retired.cut_tunnels
        )));
    }
    say(&format!("release {} passed its gate in {} ms", plan.release, gate.took_ms));
    Ok(json!({ "release": plan.release, "url": services::url(plan.public_port), "pruned": pruned }).into())
}

/// Deploys to servers that are reached over SSH. What they did is known there; each step may be repeated.
async fn deploy_there(
    context: &Context<'_>,
    project: &Project,
    places: &[Place],
    commit: &str,
) -> Result<Output, ToolError> {
    let Planned { plans, mut left } = context
        .remember("plan_deployment", json!({ "commit": commit }), async || {
            remote::plan(context.ops, project, places, context.run, commit, context.cancel).await
        })
        .await?;
    let rollout = context.run.request.rollout();
    let fleet = Fleet::new(context.ops, project, places, &plans, rollout, context.cancel);
    let first = fleet.hosts().first().ok_or_else(|| ToolError::refused("the servers of the plan are gone"))?;
    let plan = &plans[0];
    let release = json!({ "release": plan.host.release });
    let say = |text: &str| (context.notes)(text);
    let mut on: Vec<ServerId> = plans.iter().map(|plan| plan.server.clone()).collect();
    if !plan.is_built {
        context.repeat("note_deployment", release.clone(), async |_| first.note().await).await?;
        let names: Vec<&str> = fleet.hosts().iter().map(remote::Steps::handle).collect();
        say(&format!("sending {} to {}", short(&plan.host.commit), names.join(", ")));
        let built = context.repeat("build_release", release.clone(), async |_| fleet.build(&say).await).await?;
        on = built.servers;
        left.extend(built.left);
    }
    let switched = context.repeat("flip", release.clone(), async |_| fleet.roll(&on, &say).await).await?;
    left.extend(switched.left);
    let on = switched.servers;
    let finished = context.repeat("retire_old", release.clone(), async |_| fleet.finish(&on, &say).await).await?;
    context.repeat("note_active", release.clone(), async |_| first.activate(&on).await).await?;
    let shared = plan.domain.as_ref().and_then(|domain| remote::of_shared(domain, plans.len()));
    for warning in switched.warnings.into_iter().chain(finished.warnings).chain(shared) {
        context.change(Change::Errors(warning));
    }
    say(&format!("release {} serves on {}", plan.host.release, switched.handles.join(", ")));
    if !left.is_empty() {
        let partial =
            servers::Error::Partial { release: plan.host.release.to_string(), serves: switched.handles, left };
        return Err(ToolError::of(&partial.into()));
    }
    if let Some(why) = context.remember("certificate", release.clone(), async || fleet.certified(&on).await).await? {
        let report = incidents::Report {
            kind: IncidentKind::Certificate,
            project: Some(project.name.clone()),
            server: None,
            service: Some(incidents::CERTIFICATE.to_owned()),
            title: format!("the certificate of `{}` is no good", first.url().trim_start_matches("https://")),
            details: why.clone(),
            run: Some(context.run.id.clone()),
        };
        context
            .repeat("certificate_incident", release.clone(), async |_| {
                let incident = incidents::prepare(context.ops, report).await?;
                Ok(incidents::open(context.ops, &incident).await?.id)
            })
            .await?;
        context.change(Change::Errors(format!("its certificate cannot be trusted yet: {why}")));
    }
    Ok(json!({
        "release": plan.host.release, "url": first.url(), "servers": switched.handles, "pruned": finished.pruned,
    })
    .into())
}

async fn probe_service(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let failed = |error: ops::Error| ToolError::of(&error);
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(failed)?;
    let active = deploy::active(context.ops, &project).await.map_err(failed)?;
    let Some(active) = active else {
        return Err(ToolError::refused("no release serves, so there is nothing to probe"));
    };
    let addresses = deploy::addresses(context.ops, &project, &active, context.cancel).await.map_err(failed)?;
    let Some(first) = addresses.first() else {
        return Err(ToolError::refused("the project has no public port"));
    };
    let mut status = 0;
    for Address { url, ready } in &addresses {
        let seen = context
            .remember("live_probe", json!({ "url": ready }), async || {
                steps::probe_shown(ready, url, &active.release).await
            })
            .await?;
        // That is told with the deployment: the authority's refusal is no fault of the release.
        let Some(seen) = seen else {
            (context.notes)(&format!("{url} shows no certificate yet, so that it was not asked as visitors ask it"));
            continue;
        };
        (context.notes)(&format!("{url} answered {} in {} ms", seen.status, seen.took_ms));
        status = seen.status;
    }
    context.change(Change::DeployedUrl(first.url.clone()));
    Ok(json!({ "url": first.url, "status": status, "release": active.release }).into())
}
