//! Surroundings for tests: a home of their own, a disk that can be full, a database server, hosts with an
//! SSH server, and nothing left behind.

pub mod base;
pub mod booted;
pub mod canary;
pub mod disk;
pub mod docker;
pub mod env;
pub mod git;
pub mod machine;
pub mod model;
pub mod postgres;
pub mod projects;
pub mod repo;
pub mod service;
pub mod sshd;
