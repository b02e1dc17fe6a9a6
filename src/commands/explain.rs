//! `explain`: what a code means, without a cluster.

use anyhow::{Result, bail};

use crate::codes;
use crate::exit::Exit;
use crate::session::Session;

/// Explain a code of a finding, such as STS112, without a cluster; all of them when none is given
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A code or its name
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Runs the command.
pub fn run(session: &Session, args: &Args) -> Result<Exit> {
    let text = match &args.code {
        None => codes::all()
            .iter()
            .map(|code| format!("{}  {}\n", code.code, code.name))
            .collect(),
        Some(code) => match codes::find(code) {
            Some(found) => format!("# {} {}\n\n{}", found.code, found.name, found.explain),
            None if codes::RETIRED.iter().any(|retired| retired.eq_ignore_ascii_case(code)) => {
                bail!("{code} is no longer used")
            }
            None => bail!("no finding has the code {code:?}; 'kubectl sts explain' lists them"),
        },
    };
    session.print(&text)?;
    Ok(Exit::Fine)
}
