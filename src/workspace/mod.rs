//! What happens in a project's folder: its git repository, its Python environment, its own checks.
//!
//! All of it is done by the programs people use themselves — `git`, `python`, `pip` or `uv`, `pytest` — through
//! [`crate::exec`], never by a library that re-implements them. Nothing here knows of runs, stores or
//! servers, and nothing decides what to do about an outcome: outcomes are typed, the caller decides.
//! Start with [`git::Repository`], [`python::Cache`] and [`checks::run_tests`].

pub mod checks;
pub mod git;
pub mod python;
mod turn;

use std::sync::OnceLock;

use crate::domain::diagnose::Advice;

/// How this machine's package manager installs a program; the names are Debian's, Fedora's and Alpine's packages.
#[must_use]
pub fn install_advice(debian: &str, fedora: &str, alpine: &str) -> Advice {
    static RELEASE: OnceLock<String> = OnceLock::new();
    let release = RELEASE.get_or_init(|| std::fs::read_to_string("/etc/os-release").unwrap_or_default());
    let sudo = if rustix::process::geteuid().is_root() { "" } else { "sudo " };
    advice_for(release, sudo, [debian, fedora, alpine])
}

fn advice_for(os_release: &str, sudo: &str, [debian, fedora, alpine]: [&str; 3]) -> Advice {
    let ids: Vec<String> = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split(' '))
        .map(str::to_owned)
        .collect();
    let is = |wanted: &[&str]| ids.iter().any(|id| wanted.contains(&id.as_str()));
    if is(&["debian", "ubuntu"]) {
        Advice::Run(format!("{sudo}apt-get install {debian}"))
    } else if is(&["fedora", "rhel", "centos"]) {
        Advice::Run(format!("{sudo}dnf install {fedora}"))
    } else if is(&["alpine"]) {
        Advice::Run(format!("{sudo}apk add {alpine}"))
    } else if is(&["arch"]) {
        Advice::Run(format!("{sudo}pacman -S {alpine}"))
    } else if is(&["suse", "opensuse"]) {
        Advice::Run(format!("{sudo}zypper install {fedora}"))
    } else {
        Advice::Do(format!("install `{alpine}` with this machine's package manager"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_speaks_the_machines_own_package_manager() {
        let advice = |release| advice_for(release, "sudo ", ["git-d", "git-f", "git-a"]);
        assert_eq!(
            advice("NAME=\"U\"\nID=mint\nID_LIKE=\"ubuntu debian\"\n"),
            Advice::Run("sudo apt-get install git-d".into())
        );
        assert_eq!(advice("ID=\"fedora\"\n"), Advice::Run("sudo dnf install git-f".into()));
        assert_eq!(advice("ID=alpine"), Advice::Run("sudo apk add git-a".into()));
        assert!(matches!(advice(""), Advice::Do(_)));
    }
}
