//! `dns`: the records that a set should have, beside those that are published and served.

use std::collections::BTreeSet;

use anyhow::Result;

use super::asking::Query;
use super::target::{Machine, choose};
use crate::cluster::collect::Keep;
use crate::diagnose::context::Context;
use crate::diagnose::records::records;
use crate::dns::configured::cluster_corefile;
use crate::dns::domain::{Domain, searches};
use crate::exit::Exit;
use crate::model::answer::Question;
use crate::model::link::link;
use crate::model::rounds::DNS;
use crate::render::dns::dns as draw;
use crate::render::envelope::envelope;
use crate::session::Session;

/// Show the DNS records a set should have, beside what its Service publishes and what DNS servers answer
///
/// EXPECTED follows from the pods and the Service, PUBLISHED is what the Service's endpoint slices hold, SERVED is what a
/// server answers: nobody is asked without --query. Exits with 3 when a record that should be there is not published or
/// not served, where that could not be found out, and on a finding of severity error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sets by name, also as sts/NAME
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// The cluster domain; found in the cluster's DNS configuration, else "cluster.local"
    #[arg(long, value_name = "DOMAIN")]
    cluster_domain: Option<String>,
    /// Show every record, also where those of an ordinal agree
    #[arg(long)]
    rows: bool,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    output: Option<Machine>,
    #[command(flatten)]
    query: Query,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let connection = match args.query.wanted(session.global.from.is_some())? {
        true => Some(session.connect().await?),
        false => None,
    };
    let snapshot = match &connection {
        Some(connection) => {
            let read = session.collect_over(connection, DNS, &args.names, Keep::Nothing);
            read.await?.snapshot
        }
        None => session.read(DNS, &args.names).await?,
    };
    let chosen = choose(session, &snapshot, &args.names)?;
    let linked = link(&snapshot);
    // Why the Corefile was not read is among the gaps.
    let configured = cluster_corefile(&snapshot).ok().flatten();
    let searches = chosen.sets.iter().flat_map(|&set| searches(&linked, set));
    let domain = Domain::conclude(args.cluster_domain.as_deref(), configured.as_ref(), searches);
    let mut served = Vec::new();
    if let Some(connection) = &connection {
        let mut questions: BTreeSet<Question> = BTreeSet::new();
        for &set in &chosen.sets {
            let cx = Context::new(&linked, set).resolved(&domain, &[]);
            questions.extend(cx.records().questions());
        }
        served = args.query.ask(connection, &snapshot, &Vec::from_iter(questions)).await;
    }
    for served in &served {
        if let Some(why) = served.never_reached() {
            session.remark(&format!("{} was not reached: {why}", served.server));
        }
    }
    let sets = chosen.sets.iter();
    let sets: Vec<_> = sets
        .map(|&set| records(&Context::new(&linked, set).resolved(&domain, &served)))
        .collect();
    let fails = sets.iter().any(|set| set.fails());
    let text = match args.output {
        Some(form) => envelope("Dns", &snapshot, sets, form.into())?,
        None => {
            let drawn = sets
                .iter()
                .map(|set| draw(&snapshot.origin, set, args.rows, session.layout()));
            drawn.collect::<Vec<_>>().join("\n")
        }
    };
    session.print(&text)?;
    Ok(chosen.exit.max(if fails { Exit::No } else { Exit::Fine }))
}
