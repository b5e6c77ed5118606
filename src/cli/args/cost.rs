//! What `cgo cost` takes.

use clap::{Args, ValueEnum};

use crate::domain::names::ProjectName;

/// What `cgo cost` takes
#[derive(Debug, Args)]
pub struct Cost {
    /// What the cost is added up by
    #[arg(long, value_enum, default_value_t = CostBy::Project)]
    pub by: CostBy,
    /// Only of this project
    #[arg(long)]
    pub project: Option<ProjectName>,
    /// Only of this run: its id or its beginning
    #[arg(long)]
    pub run: Option<String>,
    /// Only of the last so many days, today included
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
}

/// What cost is added up by
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CostBy {
    /// The project
    Project,
    /// The run
    Run,
    /// The agent
    Agent,
    /// The model
    Model,
    /// The day, in UTC
    Day,
}
