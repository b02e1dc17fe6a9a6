//! `dns`: the records that a set should have, beside those that are published and served.

use std::time::Duration;

use anyhow::{Result, bail};

use super::target::{Machine, choose};
use crate::diagnose::context::Context;
use crate::diagnose::records::records;
use crate::exit::Exit;
use crate::global::duration;
use crate::model::answer::Served;
use crate::model::link::link;
use crate::model::rounds::DNS;
use crate::render::dns::dns as draw;
use crate::render::envelope::envelope;
use crate::session::Session;

/// Show the DNS records a set should have, beside what its Service publishes and what DNS servers answer
///
/// EXPECTED follows from the pods and the Service, PUBLISHED is what the Service's endpoint slices hold, SERVED is what a
/// server answers: nobody is asked without --query. Exits with 3 when a record that should be there is not published or
/// not served, and where that could not be found out.
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

/// Whether and whom to ask.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Asking DNS servers")]
pub struct Query {
    /// Ask the cluster's DNS: inside a pod as this system does, elsewhere a DNS pod through a port-forward
    #[arg(long)]
    pub query: bool,
    /// Ask the server at this address
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "through")]
    pub dns_server: Option<std::net::SocketAddr>,
    /// Ask this DNS pod through a port-forward
    #[arg(long, value_name = "[NAMESPACE/]POD")]
    pub through: Option<String>,
    /// Ask each of the cluster's DNS pods
    #[arg(long, conflicts_with_all = ["dns_server", "through"])]
    pub each: bool,
    /// Limit of one question
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    pub timeout: Duration,
}

impl Query {
    /// Whether anybody is to be asked.
    pub fn wanted(&self) -> bool {
        self.query || self.each || self.dns_server.is_some() || self.through.is_some()
    }
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let snapshot = session.read(DNS, &args.names).await?;
    let chosen = choose(session, &snapshot, &args.names)?;
    let linked = link(&snapshot);
    let domain = args.cluster_domain.as_deref().unwrap_or("cluster.local");
    if args.query.wanted() {
        bail!("asking DNS servers is not built yet");
    }
    let served: Vec<Served> = Vec::new();
    let sets = chosen.sets.iter();
    let sets: Vec<_> = sets
        .map(|&set| records(&Context::new(&linked, set).resolved(domain, &served)))
        .collect();
    let lacks = sets.iter().any(|set| set.lacks());
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
    Ok(chosen.exit.max(if lacks { Exit::No } else { Exit::Fine }))
}
