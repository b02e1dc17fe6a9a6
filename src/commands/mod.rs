//! One file a command: its arguments, and what it does with them.

mod asking;
pub mod capture;
pub mod check;
pub mod diagnose;
pub mod diff;
pub mod dns;
pub mod explain;
pub mod history;
pub mod plan;
pub mod status;
pub mod target;
pub mod wait;
