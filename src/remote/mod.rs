//! Where projects run: starting releases, asking how they do, moving traffic from one to the next.
//!
//! [`runtime::Runtime`] is what every driver does; [`process`] is the one that needs neither containers nor root.
//! [`gate`] decides whether a started release may serve, [`probe`] asks a URL as a visitor would, [`ports`] knows
//! which ports of this machine are taken. [`host::Host`] is a machine that takes scripts and files: this one, or one
//! reached over SSH. [`engine`] deploys on such a host, with a release run by one of the `drivers` and visitors sent
//! to it by [`caddy`]. What to deploy, when, and in which order is decided above, in `ops`.

pub mod caddy;
mod drivers;
mod elevate;
pub mod engine;
pub mod error;
mod files;
pub mod gate;
pub mod host;
mod http;
pub mod image;
pub mod ports;
pub mod probe;
pub mod process;
pub mod provision;
pub mod runtime;
mod socket_diag;
