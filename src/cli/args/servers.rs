//! What `cgo servers` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::domain::host::{Destination, Fingerprint};
use crate::domain::names::ServerName;

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
    /// Remove a server that carries no project; nothing changes on it
    Remove {
        /// The server
        name: ServerName,
    },
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
