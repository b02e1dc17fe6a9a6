//! The command line: global flags as kubectl spells them, and one variant a command.

use std::ffi::OsString;
use std::io::Write as _;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::commands::{capture, check, diagnose, diff, dns, explain, history, plan, status, wait};
use crate::exit::Exit;
use crate::global::Global;
use crate::render::cell::cell;
use crate::session::{Session, is_broken_pipe};

/// Why a StatefulSet does not move, what its controller does next, and what is safe to type.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-sts",
    bin_name = "kubectl sts",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 fine · 1 could not do it · 2 wrong usage · 3 the answer is no"
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Diagnose(diagnose::Args),
    History(history::Args),
    Diff(diff::Args),
    Dns(dns::Args),
    Wait(wait::Args),
    Plan(plan::Args),
    Check(check::Args),
    Explain(explain::Args),
    Capture(capture::Args),
}

/// Parses the words, runs the command, prints an error.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(help) => {
            // A closed pipe is no error, here as elsewhere.
            let _ = help.print();
            let asked = matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Fine } else { Exit::Usage };
        }
    };
    let session = Session::new(cli.global);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = match (runtime, cli.command) {
        (Err(error), _) => Err(error.into()),
        (Ok(_), Command::Explain(args)) => explain::run(&session, &args),
        (Ok(runtime), Command::Status(args)) => runtime.block_on(status::run(&session, &args)),
        (Ok(runtime), Command::Diagnose(args)) => runtime.block_on(diagnose::run(&session, &args)),
        (Ok(runtime), Command::History(args)) => runtime.block_on(history::run(&session, &args)),
        (Ok(runtime), Command::Diff(args)) => runtime.block_on(diff::run(&session, &args)),
        (Ok(runtime), Command::Dns(args)) => runtime.block_on(dns::run(&session, &args)),
        (Ok(runtime), Command::Wait(args)) => runtime.block_on(wait::run(&session, &args)),
        (Ok(runtime), Command::Plan(args)) => runtime.block_on(plan::run(&session, &args)),
        (Ok(runtime), Command::Check(args)) => runtime.block_on(check::run(&session, &args)),
        (Ok(runtime), Command::Capture(args)) => runtime.block_on(capture::run(&session, &args)),
    };
    ran.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Fine;
        }
        // Some errors have lines of their own; what they quote may not do more than that.
        let lines: Vec<_> = format!("{error:#}").lines().map(cell).collect();
        let _ = writeln!(std::io::stderr(), "error: {}", lines.join("\n"));
        Exit::Failed
    })
}
