//! `capture`: a recording of what the other commands would read, for later or for somebody else.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::cluster::collect::Keep;
use crate::cluster::files::write_recording;
use crate::exit::Exit;
use crate::model::recording::RecordedList;
use crate::model::rounds::{DIAGNOSIS, Needs, RECORDED_BESIDES};
use crate::session::Session;

/// Write a recording that --from reads; values that can hold secrets are masked
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File to write, compressed when it ends in .gz; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Keep environment values, arguments and commands as they are
    #[arg(long)]
    unmasked: bool,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    if session.global.from.is_some() {
        bail!("capture reads a cluster; --from has no meaning here");
    }
    let keep = if args.unmasked { Keep::Everything } else { Keep::Masked };
    let kinds: Vec<_> = DIAGNOSIS.into_iter().chain(RECORDED_BESIDES).collect();
    let needs = Needs {
        resources: &kinds,
        cluster_dns: true,
    };
    let collected = session.collect(needs, &[], keep).await?;
    let recording = collected.recording.context("nothing was recorded")?;
    write_recording(&args.output, &recording)?;
    let objects: usize = recording.lists.iter().map(|list| list.items.len()).sum();
    let missing = recording
        .lists
        .iter()
        .filter(|list| !list.gaps.is_empty())
        .map(RecordedList::what);
    let mut missing: Vec<_> = missing.collect();
    missing.dedup();
    let without = if missing.is_empty() {
        String::new()
    } else {
        format!(", without {}", missing.join(", "))
    };
    let masked = if recording.masked {
        "values that can hold secrets are masked"
    } else {
        "nothing is masked"
    };
    session.remark(&format!("{objects} objects{without}; {masked}"));
    Ok(Exit::Fine)
}
