//! The tool as tests run it from outside: its program, and the folder of the repository.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

use std::path::Path;
use std::process::{Command, Output};

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-sts");

/// Where the repository lies.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program in the repository's folder, without the user's cluster and colours.
pub fn run(program: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).current_dir(root());
    command.env("KUBECONFIG", "/nonexistent").env_remove("NO_COLOR");
    command.env_remove("CLICOLOR_FORCE").output().unwrap()
}
