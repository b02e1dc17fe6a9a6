//! What a change of a set would do, worked out before anything is done. Pure.

pub mod change;
mod claims;
mod interference;
mod manifest;
pub mod plan;
mod steps;
mod today;

pub use plan::{Plan, plan};
