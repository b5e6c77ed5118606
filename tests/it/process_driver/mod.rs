//! The process driver against real processes: supervisors, applications, sockets, signals.

mod crashes;
mod gate;
mod harness;
mod lifecycle;
mod traffic;
