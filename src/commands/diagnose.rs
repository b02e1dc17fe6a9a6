//! `diagnose`: the verdict, and the chain from the set to the root cause.

use anyhow::Result;

use super::target::{FailOn, Output, Target, names};
use crate::diagnose::next::next;
use crate::diagnose::{SetReport, diagnose};
use crate::exit::Exit;
use crate::model::link::link;
use crate::model::rounds::DIAGNOSIS;
use crate::render::diagnosis::{diagnosis, header, several};
use crate::render::envelope::envelope;
use crate::session::Session;

/// Say why a set does not move: verdict, cause, evidence, and what to do
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let snapshot = session.read(&DIAGNOSIS, &args.target.names).await?;
    let chosen = args.target.choose(session, &snapshot)?;
    let linked = link(&snapshot);
    let mut reports: Vec<(SetReport, String)> = Vec::with_capacity(chosen.sets.len());
    for &set in &chosen.sets {
        let (cx, report) = diagnose(&linked, set);
        reports.push((report, next(&cx)));
    }
    let (now, layout) = (snapshot.taken_at, session.layout());
    let text = if let Some(format) = args.target.format() {
        envelope(
            "Diagnosis",
            &snapshot,
            reports.iter().map(|(report, _)| report).collect(),
            format,
        )?
    } else if args.target.output == Some(Output::Name) {
        names(&chosen.sets)
    } else if let ([(report, next)], false) = (reports.as_slice(), args.target.names.is_empty()) {
        header(&snapshot.origin, report, "", now, layout) + &diagnosis(report, next, now, layout)
    } else {
        several(&reports, &snapshot.origin, now, layout)
    };
    session.print(&text)?;
    let reports: Vec<_> = reports.iter().map(|(report, _)| report).collect();
    Ok(chosen.exit.max(args.target.judge(&reports, FailOn::Error)))
}
