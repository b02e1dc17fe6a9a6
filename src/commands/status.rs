//! `status`: every set in a row, or one set's ledger of ordinals.

use anyhow::Result;

use super::target::{FailOn, Output, Target, names};
use crate::diagnose::SetReport;
use crate::diagnose::diagnose;
use crate::diagnose::ledger::{Ledger, ledger};
use crate::exit::Exit;
use crate::model::link::link;
use crate::model::objects::StatefulSet;
use crate::model::rounds::DIAGNOSIS;
use crate::render::envelope::{StatusSet, envelope};
use crate::render::ledger::{Detail, ledger as draw};
use crate::render::overview::{OverviewRow, overview};
use crate::session::Session;

/// Show sets, or one set's ledger: ordinals, verdict, and what the controller does next
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Show every ordinal, also where many healthy ones fold into ranges
    #[arg(long)]
    rows: bool,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let snapshot = session.read(&DIAGNOSIS, &args.target.names).await?;
    let chosen = args.target.choose(session, &snapshot)?;
    let linked = link(&snapshot);
    let mut sets: Vec<(&StatefulSet, SetReport, Ledger)> = Vec::with_capacity(chosen.sets.len());
    for &set in &chosen.sets {
        let (cx, report) = diagnose(&linked, set);
        sets.push((set, report, ledger(&cx)));
    }
    let now = snapshot.taken_at;
    let wide = args.target.output == Some(Output::Wide);
    let text = if let Some(format) = args.target.format() {
        let sets = sets
            .iter()
            .map(|(_, report, ledger)| StatusSet { report, ledger })
            .collect();
        envelope("Status", &snapshot, sets, format)?
    } else if args.target.output == Some(Output::Name) {
        names(&chosen.sets)
    } else if args.target.names.is_empty() {
        // Worst first; among equals the one that serves least.
        let missing = |report: &SetReport| {
            report
                .serving
                .ready
                .map(|ready| i64::from(report.serving.wanted) - ready.cast_signed() as i64)
        };
        sets.sort_by_key(|(_, report, _)| std::cmp::Reverse((report.verdict, missing(report))));
        let rows: Vec<_> = sets
            .iter()
            .map(|(set, report, ledger)| OverviewRow {
                report,
                ledger,
                images: set
                    .spec
                    .template
                    .images()
                    .iter()
                    .map(|(_, image)| (*image).to_owned())
                    .collect(),
            })
            .collect();
        match rows.is_empty() {
            true => String::new(),
            false => overview(
                &rows,
                now,
                session.namespace(&snapshot).is_none(),
                wide,
                session.layout(),
            ),
        }
    } else {
        let detail = Detail { wide, rows: args.rows };
        let drawn = sets
            .iter()
            .map(|(_, report, ledger)| draw(&snapshot.origin, report, ledger, now, detail, session.layout()));
        drawn.collect::<Vec<_>>().join("\n")
    };
    session.print(&text)?;
    let reports: Vec<_> = sets.iter().map(|(_, report, _)| report).collect();
    Ok(chosen.exit.max(match args.target.fail_on {
        Some(_) => args.target.judge(&reports, FailOn::Never),
        None => Exit::Fine,
    }))
}
