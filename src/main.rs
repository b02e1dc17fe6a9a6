//! `kubectl sts`: parses, runs, prints an error, exits. All else is in the library.

use std::process::ExitCode;

use kubectl_sts::cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os()).into()
}
