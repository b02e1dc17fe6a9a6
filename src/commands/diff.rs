//! `diff`: what differs between two pod templates of a set.

use anyhow::{Result, anyhow};

use super::target::{Machine, choose};
use crate::diagnose::comparison::compare;
use crate::diagnose::context::Context;
use crate::exit::Exit;
use crate::model::link::link;
use crate::model::rounds::HISTORY;
use crate::render::diff::{diff, machine, remarks};
use crate::render::envelope::envelope;
use crate::session::Session;

/// Show what differs between two revisions of a set's pod template, as a unified diff of YAML
///
/// A and B are a revision's number, hash or full name, current, update, live (the set's template as it is now), or a
/// pod, which stands for the revision it was made from. Without both: from current to update, and when no update is
/// under way from the revision before to the newest. With A only: from A to live. Exits with 0 whether there is a
/// difference or not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A set by name, also as sts/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// From this template
    #[arg(value_name = "A")]
    first: Option<String>,
    /// To this template
    #[arg(value_name = "B")]
    second: Option<String>,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    output: Option<Machine>,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let snapshot = session.read(&HISTORY, std::slice::from_ref(&args.name)).await?;
    let chosen = choose(session, &snapshot, std::slice::from_ref(&args.name))?;
    let linked = link(&snapshot);
    let words: Vec<_> = args.first.iter().chain(&args.second).cloned().collect();
    let compared = |&set| compare(&Context::new(&linked, set), &words).map_err(|error| anyhow!(error));
    let sets = chosen.sets.iter().map(compared).collect::<Result<Vec<_>>>()?;
    let text = match args.output {
        Some(form) => {
            let sets = sets.iter().map(machine).collect::<Result<_>>()?;
            envelope("Diff", &snapshot, sets, form.into())?
        }
        None => sets
            .iter()
            .map(|set| diff(set, session.layout()))
            .collect::<Result<String>>()?,
    };
    session.print(&text)?;
    for remark in sets.iter().flat_map(remarks) {
        session.remark(&remark);
    }
    Ok(chosen.exit)
}
