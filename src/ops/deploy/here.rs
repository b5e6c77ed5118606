//! A release's image that is built on this machine and sent to its server.

use tokio_util::sync::CancellationToken;

use super::super::servers::place::Place;
use super::super::{Context, Error, explain, servers};
use crate::domain::deployment::DeploymentStatus;
use crate::domain::project::Project;
use crate::remote::engine::plan::Build;
use crate::remote::image::build::Recipe;
use crate::remote::image::{self, Engine};
use crate::store::Deployments as _;

/// How many images of a project stay in the engine of this machine, so that the next one shares their layers.
const KEPT_HERE: usize = 2;

/// Builds an image with the engine of this machine, and sends the layers the server lacks. May be repeated: what was built
/// and what arrived is not built and not sent again.
///
/// # Errors
/// When it cannot be built here, is for another sort of machine, or there is no room for it.
pub(super) async fn image(
    context: &Context,
    project: &Project,
    place: &Place,
    engine: &Engine<'_>,
    recipe: &Recipe<'_>,
    say: &dyn Fn(&str),
    cancel: &CancellationToken,
) -> Result<Build, Error> {
    // What could go, should there be no room.
    let before = context.store.deployments(&project.id).await?.into_iter();
    let old: Vec<String> = before
        .filter(|release| matches!(release.status, DeploymentStatus::Retired | DeploymentStatus::Failed))
        .map(|release| image::reference(&project.name, &release.release))
        .collect();
    let blobs = format!("{}/blobs", place.root);
    let work = async {
        let built = image::build::here(recipe, &mut |_, _| (), cancel).await?;
        say("sending the image");
        image::send::send(engine, &built, &place.arch, &blobs, &old, cancel).await
    };
    let sent = work.await.map_err(servers::Error::from)?;
    // Where nothing had to be sent, the engines may be one, which keeps what the server's releases need.
    if sent.bytes > 0 {
        match image::build::forget_here(&project.name, KEPT_HERE, cancel).await {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => say(&format!("removed {} older images from this machine's engine", gone.len())),
            // What was sent is sent.
            Err(error) => say(&format!("older images stay in this machine's engine: {}", explain(&error))),
        }
    }
    say(&format!(
        "sent {} KB; {} of {} layers were there",
        sent.bytes.div_ceil(1000),
        sent.had.min(sent.image.layers.len()),
        sent.image.layers.len()
    ));
    // It was built elsewhere: on the server no build has left anything.
    Ok(Build::Image { name: sent.image.reference, id: sent.image.id, made: Vec::new() })
}
