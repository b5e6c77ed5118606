//! GitHub, as a server on this machine that checks every request as the real one would, with git's own server behind
//! its repositories.

mod api;
mod pipeline;
mod publish;
mod pushing;
mod reading;
mod routes;
mod server;
