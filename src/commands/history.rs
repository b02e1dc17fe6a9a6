//! `history`: the revisions of sets, and the pods on each.

use anyhow::{Result, bail};

use super::target::{Machine, choose};
use crate::diagnose::context::Context;
use crate::diagnose::history::history;
use crate::exit::Exit;
use crate::model::link::link;
use crate::model::rounds::HISTORY;
use crate::render::envelope::envelope;
use crate::render::history::history as draw;
use crate::session::Session;

/// Show a set's revisions, newest first: age, pods on each, and what changed against the one before
///
/// PODS are ordinals; "old" and "new" mark pods that should be on another revision. STANDING: wanted is what every pod
/// should be on, current where the last completed update ended, update what the template asks for, withdrawn what pods
/// are on and nobody asks for any more. AGE counts from when a revision became the newest, which a rollback makes it
/// again. BY is the field manager that wrote the newest template, and unknown where its times leave a doubt.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sets by name, also as sts/NAME
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    output: Option<Machine>,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let snapshot = session.read(&HISTORY, &args.names).await?;
    let chosen = choose(session, &snapshot, &args.names)?;
    let linked = link(&snapshot);
    let mut sets = Vec::with_capacity(chosen.sets.len());
    for &set in &chosen.sets {
        match history(&Context::new(&linked, set)) {
            Ok(history) => sets.push(history),
            Err(gap) => bail!("{} could not be read: {}", gap.what(), gap.why()),
        }
    }
    let text = match args.output {
        Some(form) => envelope("History", &snapshot, sets, form.into())?,
        None => {
            let drawn = sets
                .iter()
                .map(|history| draw(&snapshot.origin, history, snapshot.taken_at, session.layout()));
            drawn.collect::<Vec<_>>().join("\n")
        }
    };
    session.print(&text)?;
    Ok(chosen.exit)
}
