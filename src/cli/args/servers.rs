//! What `cgo servers` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::domain::host::{Destination, Fingerprint};
use crate::domain::names::ServerName;
use crate::domain::setup::{EngineChoice, SetupStep};

/// Add, list and check the servers projects run on
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Servers {
    /// List the servers
    List,
    /// Add a server that is reached over SSH
    Add(Box<ServersAdd>),
    /// Show one server: how it is reached, what was found on it
    Show {
        /// The server
        name: ServerName,
    },
    /// Look at servers now, at all of them side by side when none is named
    Check {
        /// The servers
        names: Vec<ServerName>,
    },
    /// Pin the host key a server has now, after it was set up anew
    Trust {
        /// The server
        name: ServerName,
        /// The fingerprint it must have, instead of asking
        #[arg(long, value_name = "SHA256:…")]
        fingerprint: Option<Fingerprint>,
    },
    /// Set a server up: deploy account, SSH, firewall, updates, container engine, Caddy
    Provision(Box<ServersProvision>),
    /// Take a server out of use for a while, or put it into use again: `on`, `off`
    ///
    /// No project is placed on it or deployed to it meanwhile, and nobody is called to it. What runs there runs on.
    Maintenance {
        /// The server
        name: ServerName,
        /// What is wanted
        #[arg(value_enum)]
        wanted: Switch,
    },
    /// Keep a server free that carries no project, or give it to projects again: `on`, `off`
    Reserve {
        /// The server
        name: ServerName,
        /// What is wanted
        #[arg(value_enum)]
        wanted: Switch,
    },
    /// Tell Ansible of the servers, as a dynamic inventory
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Inventory {
        /// All servers, in groups by state
        #[arg(long, group = "what")]
        list: bool,
        /// The variables of one server
        #[arg(long, group = "what", value_name = "NAME")]
        host: Option<ServerName>,
    },
    /// Remove a server that carries no project; nothing changes on it
    Remove {
        /// The server
        name: ServerName,
    },
}

/// What is wanted of something that is or is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// It is to be so
    On,
    /// It is not to be so
    Off,
}

/// Add a server that is reached over SSH
#[derive(Debug, Args)]
pub struct ServersAdd {
    /// Its name for cgo, like `web-1`
    pub name: ServerName,
    /// Who logs in where; without a port at the one the SSH configuration says, or 22
    #[arg(value_name = "USER@HOST[:PORT]")]
    pub destination: Destination,
    /// Log in with this private key; without it with those of the SSH agent and configuration
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The fingerprint its host key must have, instead of asking
    #[arg(long, value_name = "SHA256:…")]
    pub fingerprint: Option<Fingerprint>,
    /// Take an account that can become root by no means, for projects that need no root
    #[arg(long)]
    pub rootless: bool,
}

/// Set a server up
#[derive(Debug, Args)]
pub struct ServersProvision {
    /// The server
    pub name: ServerName,
    /// Show what would be done, and end
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run, end with exit code 3 when something would be done
    #[arg(long, requires = "dry_run")]
    pub detailed_exit_code: bool,
    /// Do this step only; may be given several times
    #[arg(long = "step", value_name = "STEP", conflicts_with = "playbook")]
    pub steps: Vec<SetupStep>,
    /// The container engine: docker, podman or none; without it the one that is there, or else Docker
    #[arg(
        long,
        value_name = "ENGINE",
        default_value = "present",
        hide_default_value = true,
        conflicts_with = "playbook"
    )]
    pub engine: EngineChoice,
    /// Try again after it failed too often: somebody has looked
    #[arg(long)]
    pub again: bool,
    /// Run this playbook with the installed Ansible instead
    #[arg(long, value_name = "FILE")]
    pub playbook: Option<PathBuf>,
    /// Variables for the playbook, as YAML or JSON; they are taken for secrets
    #[arg(long, value_name = "FILE", requires = "playbook")]
    pub vars: Option<PathBuf>,
}
