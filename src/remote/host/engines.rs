//! Asking the container engines of a machine whether they work: not only what they are called, as a look at the machine
//! does, but whether they would run something for the account that is logged in.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, Host, Script};

/// Answers with a line for each engine: its name, and why it does not work, in its own last words. An engine that is
/// reached through sudo only is asked so, as a deployment would.
const ASK: &str = r#"
for engine in docker podman; do
    command -v "$engine" >/dev/null || continue
    case $engine in
    docker) format='{{.ServerVersion}}'; set -- '' 'sudo -n' ;;
    # That of root outlives the sessions of an account.
    *) format='{{.Version.Version}}'; set -- 'sudo -n' '' ;;
    esac
    why=
    for as in "$@"; do
        [ -z "$as" ] || { [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; } || continue
        # Some say what is wrong and end as if all were well: one that works says its version.
        if said=$(timeout 10 $as "$engine" info --format "$format" 2>&1); then code=0; else code=$?; fi
        case $code.$said in 0.[0-9]*) why=; break ;; esac
        [ $code != 124 ] || said="it did not answer within 10 s"
        why=$(printf '%s' "$said" | sed '/^[[:space:]]*$/d' | tail -n 1)
        why=${why:-it ended with exit code $code and said nothing}
    done
    printf '%s %s\n' "$engine" "$why"
done
"#;

/// How an engine does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `docker` or `podman`.
    pub name: String,
    /// Why it does not work; none when it does.
    pub problem: Option<String>,
}

/// Asks each engine of a machine, in one round trip.
///
/// # Errors
/// When the machine cannot be asked.
pub async fn ask(host: &dyn Host, cancel: &CancellationToken) -> Result<Vec<Asked>, Error> {
    let script = Script::new("ask its container engines", ASK).deadline(Duration::from_secs(50)).harmless();
    let answer = host.run_ok(&script, cancel).await?;
    let text = answer.stdout.text();
    let asked = text.lines().filter_map(|line| line.split_once(' ')).map(|(name, why)| Asked {
        name: name.to_owned(),
        problem: Some(why.trim().to_owned()).filter(|why| !why.is_empty()),
    });
    Ok(asked.collect())
}
