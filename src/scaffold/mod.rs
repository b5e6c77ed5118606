//! From a spec to a project's files: reading and writing the spec, rendering the code.
//!
//! Nothing here knows of runs, servers or models. [`spec`] reads, checks and writes the YAML files;
//! [`render`] turns a checked spec into the project and keeps an existing project in step with it.

pub mod render;
pub mod spec;
