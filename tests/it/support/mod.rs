//! Surroundings for tests: a home of their own, a database server, and nothing left behind.

pub mod env;
pub mod postgres;
