//! One file a command: its arguments, and what it does with them.

pub mod capture;
pub mod diagnose;
pub mod explain;
pub mod status;
pub mod target;
