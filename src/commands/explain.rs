//! `explain`: what a code means, without a cluster.

use anyhow::{Result, bail};

use crate::diagnose::rules;
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
        None => rules::ALL
            .iter()
            .map(|rule| format!("{}  {}\n", rule.code, rule.name))
            .collect(),
        Some(code) => match rules::find(code) {
            Some(rule) => format!("# {} {}\n\n{}", rule.code, rule.name, rule.explain),
            None if rules::RETIRED.iter().any(|retired| retired.eq_ignore_ascii_case(code)) => {
                bail!("{code} is no longer used")
            }
            None => bail!("no finding has the code {code:?}; 'kubectl sts explain' lists them"),
        },
    };
    session.print(&text)?;
    Ok(Exit::Fine)
}
