//! The tables of one sync that are worth reading; the rest is proved by `tests/differential.rs`.
use super::*;
