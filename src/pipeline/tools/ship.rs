//! Deploying the tested commit and probing it as a visitor would.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::build::short;
use super::{Context, Output, Tool, ToolError, WorldEffect};
use crate::domain::project::Project;
use crate::domain::run::RequestKind;
use crate::domain::server::{LOCAL, Server};
use crate::domain::state::Change;
use crate::ops::deploy::remote::{self, Phase};
use crate::ops::deploy::steps::{self, Steps};
use crate::ops::servers::place;
use crate::ops::{self, deploy, projects, services};

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
    if let Some(server) = place::server_of(context.ops, &project).await.map_err(failed)?
        && server.handle != LOCAL
    {
        return deploy_there(context, &project, server, &commit).await;
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

/// Deploys to a server that is reached over SSH. What its host did is known there; each step may be repeated.
async fn deploy_there(
    context: &Context<'_>,
    project: &Project,
    server: Server,
    commit: &str,
) -> Result<Output, ToolError> {
    let failed = |error: ops::Error| ToolError::of(&error);
    let place = place::of_server(context.ops, server, context.cancel).await.map_err(failed)?;
    let plan = context
        .remember("plan_deployment", json!({ "commit": commit }), async || {
            remote::plan(context.ops, project, &place, context.run, commit, context.cancel).await
        })
        .await?;
    let steps = remote::Steps::new(context.ops, project, &place, &plan, context.cancel);
    let release = json!({ "release": plan.host.release });
    let say = |text: &str| (context.notes)(text);
    let phase = async |name: &'static str, phase: Phase| {
        context.repeat(name, release.clone(), async |_| steps.phase(phase, None, &say).await).await
    };
    if !plan.is_built {
        context.repeat("note_deployment", release.clone(), async |_| steps.note().await).await?;
        say(&format!("sending {} to {}", short(&plan.host.commit), place.server.handle));
        let brought = context.repeat("send_release", release.clone(), async |_| steps.bring(&say).await).await?;
        context
            .repeat("build_release", release.clone(), async |_| steps.phase(Phase::Build, Some(&brought), &say).await)
            .await?;
    }
    let staged = phase("start_release", Phase::Stage).await?;
    // After its gate: nothing that was not asked is ever reached by visitors.
    context.repeat("publish", release.clone(), async |_| steps.publish().await).await?;
    let switched = phase("flip", Phase::Switch).await?;
    let finished = phase("retire_old", Phase::Finish).await?;
    context.repeat("note_active", release.clone(), async |_| steps.activate().await).await?;
    for warning in [&staged, &switched, &finished].into_iter().flat_map(|report| &report.warnings) {
        context.change(Change::Errors(warning.clone()));
    }
    if switched.cut > 0 {
        context.change(Change::Errors(format!(
            "{} requests of the old release were cut off at the drain limit",
            switched.cut
        )));
    }
    say(&format!("release {} serves on {}", plan.host.release, place.server.handle));
    if let Some(why) = context.remember("certificate", release.clone(), async || steps.certified().await).await? {
        context.change(Change::Errors(format!("its certificate cannot be trusted yet: {why}")));
    }
    Ok(json!({ "release": plan.host.release, "url": steps.url(), "pruned": finished.pruned.len() }).into())
}

async fn probe_service(context: &Context<'_>, _: Nothing) -> Result<Output, ToolError> {
    let failed = |error: ops::Error| ToolError::of(&error);
    let project = projects::by_id(context.ops, &context.project()?.id).await.map_err(failed)?;
    let active = deploy::active(context.ops, &project).await.map_err(failed)?;
    let Some(active) = active else {
        return Err(ToolError::refused("no release serves, so there is nothing to probe"));
    };
    let Some(port) = services::public_port(context.ops, &project).await.map_err(failed)? else {
        return Err(ToolError::refused("the project has no public port"));
    };
    let server = place::server_of(context.ops, &project).await.map_err(failed)?;
    let (ready, url) = if let Some(server) = server.filter(|server| server.handle != LOCAL) {
        remote::ready_url(context.ops, &project, &server, port, &active.commit, context.cancel).await.map_err(failed)?
    } else {
        let folder = deploy::release_folder(context.ops, &project, &active.release).join(steps::SOURCE);
        steps::ready_url(Path::new(&folder), port).map_err(failed)?
    };
    let seen = context
        .remember("live_probe", json!({ "url": ready }), async || {
            steps::probe_live(&ready, &url, &active.release).await
        })
        .await?;
    (context.notes)(&format!("{url} answered {} in {} ms", seen.status, seen.took_ms));
    context.change(Change::DeployedUrl(url.clone()));
    Ok(json!({ "url": url, "status": seen.status, "release": active.release }).into())
}
