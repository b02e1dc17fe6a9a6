//! `plan`: what a change of one set would lead to, before anybody makes it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::target::{Machine, choose};
use crate::cluster::manifests;
use crate::diagnose::context::Context;
use crate::exit::Exit;
use crate::model::link::link;
use crate::model::manifest::Manifest;
use crate::model::objects::StatefulSet;
use crate::model::rounds::{DIAGNOSIS, INTERFERENCE};
use crate::operate::change::{Change, image};
use crate::operate::plan;
use crate::render::envelope::envelope;
use crate::render::plan::plan as draw;
use crate::session::Session;

/// Show what a change would do, without making it: the controller's steps, claims, what stays Ready, where it gets stuck
///
/// Steps are what the controller does, in its order, if every new pod becomes Ready; "If" says what comes of it when the
/// first one never does. Today's pods are taken as they are: one that is broken stays so until it is replaced. Nothing is
/// written and nothing is asked of the API server beyond reading.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The set, also as sts/NAME
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    change: Asked,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    output: Option<Machine>,
}

/// Exactly one kind of change.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Asked {
    /// So many pods
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    replicas: Option<i32>,
    /// Pods from this one on are updated, counted from the set's first ordinal
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Another image for a container; can be repeated
    #[arg(long, value_name = "CONTAINER=IMAGE", value_parser = image)]
    image: Vec<(String, String)>,
    /// The same template again, as kubectl rollout restart
    #[arg(long)]
    restart: bool,
    /// A manifest of the set, as kubectl apply would lay it over
    #[arg(short, long, value_name = "FILE")]
    filename: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    let names = [args.name.clone()];
    let manifests = match &args.change.filename {
        Some(file) => manifests::read(std::slice::from_ref(file))?,
        None => Vec::new(),
    };
    let snapshot = session
        .read([&DIAGNOSIS[..], &INTERFERENCE].concat().as_slice(), &names)
        .await?;
    let chosen = choose(session, &snapshot, &names)?;
    let mut asked = Vec::with_capacity(chosen.sets.len());
    for &set in &chosen.sets {
        let change = args.change.of(set, &manifests)?;
        asked.push((set, change.apply(set)?, change.command(set, &args.change.file())));
    }
    // The index lives as long as what it points to: the changed sets are made before it.
    let linked = link(&snapshot);
    let mut plans = Vec::with_capacity(asked.len());
    for (set, changed, command) in &asked {
        let (before, after) = (Context::new(&linked, set), Context::new(&linked, &changed.set));
        match plan(&before, &after, changed, command.clone()) {
            Ok(plan) => plans.push(plan),
            Err(gap) => bail!("{} could not be read: {}", gap.what(), gap.why()),
        }
    }
    let text = match args.output {
        Some(form) => envelope("Plan", &snapshot, plans, form.into())?,
        None => {
            let drawn = plans
                .iter()
                .map(|plan| draw(&snapshot.origin, plan, snapshot.taken_at, session.layout()));
            drawn.collect::<Vec<_>>().join("\n")
        }
    };
    session.print(&text)?;
    Ok(chosen.exit)
}

impl Asked {
    /// The change of this set; clap has seen to it that there is one.
    fn of(&self, set: &StatefulSet, manifests: &[Manifest]) -> Result<Change> {
        if let Some(replicas) = self.replicas {
            return Ok(Change::Replicas(replicas));
        }
        if let Some(partition) = self.partition {
            return Ok(Change::Partition(partition));
        }
        if self.filename.is_some() {
            let named = |manifest: &&Manifest| manifest.is_set() && manifest.name() == set.metadata.name;
            return match manifests.iter().find(named) {
                Some(manifest) => Ok(Change::Manifest(manifest.object.clone())),
                None => bail!("{} holds no StatefulSet {:?}", self.file(), set.metadata.name),
            };
        }
        Ok(match self.image.is_empty() {
            false => Change::Images(self.image.clone()),
            true => Change::Restart,
        })
    }

    fn file(&self) -> String {
        self.filename
            .as_deref()
            .map(Path::display)
            .map(|file| file.to_string())
            .unwrap_or_default()
    }
}
