//! A deployment to several servers at once, which are to serve the same release: on one first, then on the others a few at
//! a time. When it comes to nothing on one of them, all go back, unless a part of them will do.
//!
//! What was done on a server is known there: each of these works may be done again, by a run that is taken up.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::super::super::servers::place::Place;
use super::super::super::{Context, Error, servers};
use super::{Left, Phase, Plan, Steps};
use crate::domain::diagnose::{Diagnose as _, Kind};
use crate::domain::ids::ServerId;
use crate::domain::project::Project;
use crate::domain::request::Rollout;

/// How many servers are switched at once, where nobody says.
pub const AT_ONCE: u16 = 4;
/// How often the servers that wait are kept; their leases last for a minute.
const KEEP: Duration = Duration::from_secs(15);

/// The servers of a deployment.
pub struct Fleet<'a> {
    hosts: Vec<Steps<'a>>,
    rollout: Rollout,
    cancel: &'a CancellationToken,
}

/// What came of a part of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rolled {
    /// The servers it was done on.
    pub servers: Vec<ServerId>,
    /// Their handles.
    pub handles: Vec<String>,
    /// Servers that are left as they were.
    pub left: Vec<Left>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// Releases that were removed.
    pub pruned: usize,
}

impl<'a> Fleet<'a> {
    /// The servers of a plan; `places` holds each of them.
    #[must_use]
    pub fn new(
        context: &'a Context,
        project: &'a Project,
        places: &'a [Place],
        plans: &'a [Plan],
        rollout: Rollout,
        cancel: &'a CancellationToken,
    ) -> Self {
        let steps = plans.iter().enumerate().filter_map(|(number, plan)| {
            let place = places.iter().find(|place| place.server.id == plan.server)?;
            Some(Steps::new(context, project, place, plan, number == 0, cancel))
        });
        Self { hosts: steps.collect(), rollout, cancel }
    }

    /// The steps on each server; those on the first stand for what is the same on all.
    #[must_use]
    pub fn hosts(&self) -> &[Steps<'a>] {
        &self.hosts
    }

    /// A server that failed is left as it is, where that is allowed.
    fn leave(&self, host: &Steps<'_>, error: Error, left: &mut Vec<Left>) -> Result<(), Error> {
        if self.hosts.len() == 1 || !self.rollout.allow_partial || self.cancel.is_cancelled() {
            return Err(error);
        }
        left.push(Left::of(host.place, &error));
        Ok(())
    }

    /// Something done on each of these servers at once.
    async fn each<'h, T>(
        hosts: impl IntoIterator<Item = &'h Steps<'a>>,
        say: &dyn Fn(&str),
        one: bool,
        work: impl AsyncFn(&'h Steps<'a>, &dyn Fn(&str)) -> Result<T, Error>,
    ) -> Vec<(&'h Steps<'a>, Result<T, Error>)>
    where
        'a: 'h,
    {
        let work = &work;
        join_all(hosts.into_iter().map(async |host| {
            let tell = |text: &str| {
                if one { say(text) } else { say(&format!("{}: {text}", host.handle())) }
            };
            (host, work(host, &tell).await)
        }))
        .await
    }

    /// Brings to the servers what the release is made from, and has it made there. Nothing that serves is touched.
    ///
    /// # Errors
    /// What a server fails with.
    pub async fn build(&self, say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        self.noted(Box::pin(self.build_on_each(say)).await).await
    }

    async fn noted(&self, done: Result<Rolled, Error>) -> Result<Rolled, Error> {
        if let (Err(error), Some(first)) = (&done, self.hosts.first()) {
            first.note_failed(error).await?;
        }
        done
    }

    async fn build_on_each(&self, say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        let one = self.hosts.len() == 1;
        let built = Self::each(&self.hosts, say, one, async |host, say| {
            let brought = host.bring(say).await?;
            host.phase(Phase::Build, Some(&brought), say).await
        });
        let mut rolled = Rolled::default();
        for (host, built) in built.await {
            match built {
                Ok(_) => rolled.note(host),
                Err(error) => self.leave(host, error, &mut rolled.left)?,
            }
        }
        rolled.none_is_left(&self.hosts)?;
        Ok(rolled)
    }

    /// Has the release started and visitors sent to it, on all of these servers or on none; on those where it can be,
    /// where a part will do. What served before is still kept running where it was replaced.
    ///
    /// # Errors
    /// What the server fails with, or [`servers::Error::Fleet`] with what became of the others.
    pub async fn roll(&self, on: &[ServerId], say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        self.noted(Box::pin(self.roll_over(on, say)).await).await
    }

    async fn roll_over(&self, on: &[ServerId], say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        let hosts: Vec<&Steps<'a>> = self.hosts.iter().filter(|host| on.contains(&host.plan.server)).collect();
        if let ([only], 1) = (&hosts[..], self.hosts.len()) {
            let mut rolled = Rolled { warnings: serve(only, say).await?, ..Rolled::default() };
            rolled.note(only);
            return Ok(rolled);
        }
        let mut taken: Vec<&Steps<'a>> = Vec::new();
        let mut rolled = Rolled::default();
        // In one order everywhere, so that of two who come at once one gets all of them.
        for host in hosts {
            match host.phase(Phase::Lease, None, say).await {
                Ok(_) => taken.push(host),
                Err(error) => {
                    if let Err(error) = self.leave(host, error, &mut rolled.left) {
                        return Err(self.back(&taken, error, say).await);
                    }
                }
            }
        }
        let keep = async {
            loop {
                tokio::time::sleep(KEEP).await;
                // One that cannot be reached is told of by its own work.
                join_all(taken.iter().map(|host| host.keep())).await;
            }
        };
        tokio::select! {
            done = self.switch(&taken, rolled, say) => done,
            () = keep => unreachable!("it goes on until the work is done"),
        }
    }

    async fn switch(&self, taken: &[&Steps<'a>], mut rolled: Rolled, say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        let at_once = usize::from(self.rollout.parallel.unwrap_or(AT_ONCE).max(1));
        let (first, others) = taken.split_at(taken.len().min(1));
        let mut failed = None;
        for group in std::iter::once(first).chain(others.chunks(at_once)) {
            for (host, served) in Self::each(group.iter().copied(), say, false, serve).await {
                match served {
                    Ok(warnings) => {
                        rolled.note(host);
                        rolled.warnings.extend(warnings.into_iter().map(|text| format!("{}: {text}", host.handle())));
                    }
                    // What is not fit on the first is not tried on the others.
                    Err(error) if rolled.servers.is_empty() && first.iter().any(|it| it.handle() == host.handle()) => {
                        failed = Some(error);
                    }
                    Err(error) => {
                        if let Err(error) = self.leave(host, error, &mut rolled.left) {
                            failed.get_or_insert(error);
                        }
                    }
                }
            }
            if let Some(error) = failed {
                return Err(self.back(taken, error, say).await);
            }
        }
        rolled.none_is_left(&self.hosts)?;
        Ok(rolled)
    }

    /// Has every server go back to what served there, and says what became of them.
    async fn back(&self, taken: &[&Steps<'a>], cause: Error, say: &dyn Fn(&str)) -> Error {
        if taken.is_empty() {
            return cause;
        }
        // What one of them came to is found out anew.
        let cause = match cause {
            Error::Server(servers::Error::Fleet { cause, .. }) => *cause,
            other => other,
        };
        say("going back on every server");
        let gone =
            Self::each(taken.iter().copied(), say, false, async |host, say| host.phase(Phase::Back, None, say).await);
        let (mut back, mut differ) = (Vec::new(), Vec::new());
        for (host, gone) in gone.await {
            match gone {
                Ok(_) => back.push(host.handle().to_owned()),
                // Somebody else has taken it, and settled what was begun.
                Err(error) if error.kind() == Kind::Locked => {}
                Err(error) => differ.push(Left::of(host.place, &error)),
            }
        }
        servers::Error::Fleet { cause: Box::new(cause), back, differ }.into()
    }

    /// Waits a while for the certificates of the servers where the release serves; which cannot be trusted yet, and why.
    ///
    /// # Errors
    /// When the address of a server cannot be found out.
    pub async fn certified(&self, on: &[ServerId]) -> Result<Option<String>, Error> {
        let hosts = self.hosts.iter().filter(|host| on.contains(&host.plan.server));
        let seen = join_all(hosts.map(async |host| (host, host.certified().await))).await;
        let mut untrusted = Vec::new();
        for (host, why) in seen {
            match why? {
                Some(why) if self.hosts.len() > 1 => untrusted.push(format!("{}: {why}", host.handle())),
                why => untrusted.extend(why),
            }
        }
        Ok((!untrusted.is_empty()).then(|| untrusted.join("; ")))
    }

    /// Ends what served before, on servers where the release serves, and gives them free.
    ///
    /// # Errors
    /// What a server fails with; the release serves all the same.
    pub async fn finish(&self, on: &[ServerId], say: &dyn Fn(&str)) -> Result<Rolled, Error> {
        let hosts = self.hosts.iter().filter(|host| on.contains(&host.plan.server));
        let one = self.hosts.len() == 1;
        let mut rolled = Rolled::default();
        let mut failed = None;
        for (host, finished) in
            Self::each(hosts, say, one, async |host, say| host.phase(Phase::Finish, None, say).await).await
        {
            match finished {
                Ok(report) => {
                    rolled.note(host);
                    rolled.pruned += report.pruned.len();
                    rolled.warnings.extend(report.warnings);
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(rolled), Err)
    }
}

/// The release is started on a server, asked whether it is well, and visitors are sent to it.
async fn serve(host: &Steps<'_>, say: &dyn Fn(&str)) -> Result<Vec<String>, Error> {
    let staged = host.phase(Phase::Stage, None, say).await?;
    // After its gate: nothing that was not asked is ever reached by visitors.
    if let Err(cause) = host.publish().await {
        return Err(match host.phase(Phase::Back, None, say).await {
            Ok(_) => cause,
            // Somebody else has taken it, and settled what was begun.
            Err(error) if error.kind() == Kind::Locked => cause,
            Err(error) => {
                let differ = vec![Left::of(host.place, &error)];
                servers::Error::Fleet { cause: Box::new(cause), back: Vec::new(), differ }.into()
            }
        });
    }
    let switched = host.phase(Phase::Switch, None, say).await?;
    let cut = (switched.cut > 0)
        .then(|| format!("{} requests of the old release were cut off at the drain limit", switched.cut));
    Ok(staged.warnings.into_iter().chain(switched.warnings).chain(cut).collect())
}

impl Rolled {
    fn note(&mut self, host: &Steps<'_>) {
        self.servers.push(host.plan.server.clone());
        self.handles.push(host.handle().to_owned());
    }

    /// Where a part will do, it is not nothing.
    fn none_is_left(&self, hosts: &[Steps<'_>]) -> Result<(), Error> {
        if !self.servers.is_empty() {
            return Ok(());
        }
        let release = hosts.first().map(|host| host.plan.host.release.to_string()).unwrap_or_default();
        Err(servers::Error::Partial { release, serves: Vec::new(), left: self.left.clone() }.into())
    }
}
