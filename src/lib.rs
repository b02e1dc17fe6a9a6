//! Why a StatefulSet does not move, what its controller does next, and what is safe to type.
//!
//! Import rule: `model` ← `controller`, `dns` ← `diagnose` ← `operate`, `check`; `render` sees these; `cluster` sees `model`
//! only; `commands` sees all. Everything below `commands`, `cluster` and `render` is pure: no I/O, clock, colour or command line.

pub mod check;
pub mod cli;
pub mod cluster;
pub mod codes;
pub mod commands;
pub mod controller;
pub mod diagnose;
pub mod dns;
pub mod exit;
pub mod global;
pub mod model;
pub mod operate;
pub mod render;
pub mod session;
