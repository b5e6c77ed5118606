//! Setting up a machine: what it takes as shell, how it stands, and the detached steps that bring it about.
//!
//! Each step is a file of shell here with a `check`, which changes nothing, and an `apply`, which comes to the same when
//! it is done twice. All of them make one program, which root's shell reads from its standard input. Steps that could
//! lock everybody out also have a `save` and a `revert`, for a guard: a step of its own on the host, which puts back what
//! was there unless it is told in time that somebody got in. What is done, and in which order, is decided in `ops`.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::host::steps::{self, Step, StepState};
use super::host::{Error, Host, Payload, Script};
use crate::domain::setup::{EngineChoice, SetupStep, Stand, Standing};

/// The whole program; what it is asked to do stands in its arguments.
const PROGRAM: &str = concat!(
    include_str!("lib.sh"),
    include_str!("packages.sh"),
    include_str!("user.sh"),
    include_str!("folders.sh"),
    include_str!("time.sh"),
    include_str!("engine.sh"),
    include_str!("caddy.sh"),
    include_str!("fail2ban.sh"),
    include_str!("upgrades.sh"),
    include_str!("../caddy/doors.sh"),
    include_str!("firewall.sh"),
    include_str!("ssh.sh"),
    include_str!("main.sh"),
);

/// Has root's shell read the program. The port of the connection is known to this shell only.
const AS_ROOT: &str = r#"
set -- "${SSH_CONNECTION##* }" "$@"
if [ "$(id -u)" = 0 ]; then exec sh -s -- "$@"; fi
exec sudo -n sh -s -- "$@"
"#;

/// Where the folders of steps are, below the home of the account.
const FOLDER: &str = ".cgo/provision";
/// How many attempts keep their folders.
const KEPT: &str = "5";

/// Lists what earlier attempts may have left at work, and the keys that open this account.
const SURVEY: &str = r#"
for at in "$HOME/$1"/*/*; do
    if [ -e "$at/pid" ] && [ ! -e "$at/rc" ]; then echo "begun $at"; fi
done
while read -r sort blob _; do
    case $sort in ssh-* | ecdsa-* | sk-*) echo "key $sort $blob" ;; esac
done <"$HOME/.ssh/authorized_keys"
echo "home $HOME"
"#;

/// Removes the folders of all attempts but the newest `$2`.
const TIDY: &str = r#"
cd "$HOME/$1" 2>/dev/null || exit 0
ls -1 | sort -r | tail -n "+$(($2 + 1))" | while read -r at; do rm -rf "./$at"; done
"#;

/// Exit code of a step that does not apply.
const SKIPPED: i32 = 20;
/// Exit code of a guard that put back what was there.
const REVERTED: i32 = 30;

/// What a machine is to be set up with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The container engine.
    pub engine: EngineChoice,
    /// The public keys that the deploy account takes: sort and bytes.
    pub keys: Vec<String>,
}

impl Setup {
    fn script(&self, what: &'static str, mode: &'static str) -> Script {
        Script::new(what, AS_ROOT)
            .arg(self.engine.as_str())
            .arg(self.keys.join("\n"))
            .arg(mode)
            .payload(Payload::Bytes(PROGRAM.as_bytes().to_vec()))
    }

    /// Asks in one round trip how steps stand. Changes nothing.
    ///
    /// # Errors
    /// When the host cannot be asked, or answers in a way that makes no sense.
    pub async fn plan(&self, host: &dyn Host, cancel: &CancellationToken) -> Result<Plan, Error> {
        const WHAT: &str = "say how it is set up";
        let steps = SetupStep::ALL.map(|step| step.as_str().to_owned());
        let script = self.script(WHAT, "plan").args(steps).deadline(Duration::from_mins(1)).harmless();
        let text = host.run_ok(&script, cancel).await?.stdout.text();
        parse(&text).ok_or_else(|| Error::Strange {
            host: host.name().to_owned(),
            what: WHAT,
            reason: text.chars().take(200).collect(),
        })
    }

    /// The step that brings about what is not so.
    #[must_use]
    pub fn apply(&self, step: SetupStep, folder: String) -> Step {
        Step { folder, script: self.script("be set up", "apply").arg(step.as_str()) }
    }

    /// The guard of a step: keeps what is there, and puts it back after so many seconds.
    #[must_use]
    pub fn guard(&self, step: SetupStep, folder: String, seconds: u32) -> Step {
        let script = self.script("guard the way in", "guard").arg(step.as_str());
        Step { folder, script: script.arg(memory(step)).arg(seconds.to_string()) }
    }

    /// Tells a guard what to do; the first word counts. Returns which word that was.
    ///
    /// # Errors
    /// When the host cannot be asked, or there is no guard.
    pub async fn decide(
        &self,
        host: &dyn Host,
        step: SetupStep,
        verdict: Verdict,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Error> {
        const WHAT: &str = "be told whether we still get in";
        let script = self.script(WHAT, "decide").arg(memory(step)).arg(verdict.as_str()).harmless();
        match host.run_ok(&script, cancel).await?.text().as_str() {
            "kept" => Ok(Verdict::Kept),
            "reverted" => Ok(Verdict::Reverted),
            other => Err(Error::Strange { host: host.name().to_owned(), what: WHAT, reason: other.to_owned() }),
        }
    }
}

/// Where a guard keeps what was there: root's alone, and gone with a restart.
fn memory(step: SetupStep) -> String {
    format!("/run/cgo-guard-{step}")
}

/// What a guard is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// We got in: the change stays.
    Kept,
    /// What was there is put back.
    Reverted,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Reverted => "reverted",
        }
    }
}

/// How a machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every step.
    pub steps: Vec<Standing>,
    /// It is a system these steps are written for.
    pub known: bool,
}

fn parse(text: &str) -> Option<Plan> {
    let mut known = None;
    let mut steps = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next()?, words.next()) {
            ("system", Some(word)) => known = Some(word == "known"),
            ("step", Some(step)) => steps.push(Standing {
                step: step.parse().ok()?,
                state: Stand::parse(words.next()?)?,
                why: crate::exec::capture::clean_line(words.next().unwrap_or_default()),
            }),
            _ => {}
        }
    }
    let all = steps.iter().map(|standing| standing.step).eq(SetupStep::ALL);
    Some(Plan { steps, known: known? }).filter(|_| all)
}

/// How a step ended, by its exit code.
#[must_use]
pub fn outcome(code: Option<i32>) -> Option<Stand> {
    match code {
        Some(0) => Some(Stand::Done),
        Some(SKIPPED) => Some(Stand::Skipped),
        _ => None,
    }
}

/// Whether a guard put back what was there, by its exit code.
#[must_use]
pub fn is_reverted(code: Option<i32>) -> bool {
    code == Some(REVERTED)
}

/// What the account brings along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Its home.
    pub home: String,
    /// Folders of steps that were begun and have no outcome.
    pub begun: Vec<String>,
    /// The public keys that open it, as far as they stand in the usual file.
    pub keys: Vec<String>,
}

impl Survey {
    /// The folder of a step of an attempt.
    #[must_use]
    pub fn folder(&self, attempt: &str, step: &str) -> String {
        format!("{}/{FOLDER}/{attempt}/{step}", self.home)
    }
}

/// Asks what earlier attempts have left, and which keys open the account. Changes nothing.
///
/// # Errors
/// When the host cannot be asked.
pub async fn survey(host: &dyn Host, cancel: &CancellationToken) -> Result<Survey, Error> {
    const WHAT: &str = "say what was begun there";
    let text = host.run(&Script::new(WHAT, SURVEY).arg(FOLDER).harmless(), cancel).await?.stdout.text();
    let all = |key: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).map(str::to_owned).collect()
    };
    let home = all("home").pop().filter(|home| home.starts_with('/')).ok_or_else(|| Error::Strange {
        host: host.name().to_owned(),
        what: WHAT,
        reason: "the account has no home".to_owned(),
    })?;
    Ok(Survey { home, begun: all("begun"), keys: all("key") })
}

/// Which of the steps that were begun are at work still.
///
/// # Errors
/// When the host cannot be asked.
pub async fn at_work(host: &dyn Host, begun: &[String], cancel: &CancellationToken) -> Result<Vec<String>, Error> {
    let mut working = Vec::new();
    for folder in begun {
        let look = steps::look(host, folder, 0, Duration::ZERO, cancel).await?;
        if matches!(look.state, StepState::Running { .. }) {
            working.push(folder.clone());
        }
    }
    Ok(working)
}

/// Removes the folders of old attempts.
///
/// # Errors
/// When the host cannot be asked.
pub async fn tidy(host: &dyn Host, cancel: &CancellationToken) -> Result<(), Error> {
    let script = Script::new("remove what old attempts left", TIDY).arg(FOLDER).arg(KEPT).harmless();
    host.run_ok(&script, cancel).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_check_and_an_apply_and_guarded_ones_a_way_back() {
        for step in SetupStep::ALL {
            let verbs: &[&str] =
                if step.is_guarded() { &["check", "apply", "save", "revert"] } else { &["check", "apply"] };
            for verb in verbs {
                assert!(PROGRAM.contains(&format!("\n{step}_{verb}() {{")), "{step}_{verb}");
            }
        }
    }

    #[test]
    fn an_answer_that_lacks_a_step_is_none() {
        let whole: Vec<String> = std::iter::once("system known".to_owned())
            .chain(SetupStep::ALL.iter().map(|step| format!("step {step} needed it is  not so")))
            .collect();
        let plan = parse(&whole.join("\n")).unwrap();
        assert!(plan.known && plan.steps.len() == SetupStep::ALL.len());
        assert_eq!((plan.steps[0].state, plan.steps[0].why.as_str()), (Stand::Needed, "it is  not so"));
        for without in [0, 1, whole.len() - 1] {
            let mut less = whole.clone();
            less.remove(without);
            assert_eq!(parse(&less.join("\n")), None, "{}", whole[without]);
        }
        assert_eq!(parse(&whole.join("\n").replace("needed", "maybe")), None);
    }
}
