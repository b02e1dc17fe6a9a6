//! `check`: what the API server, and then the pods, would make of a manifest. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::target::{FailOn, Machine};
use crate::check::{Answer, CheckReport, Context, Current, apply, check, wants};
use crate::cluster::collect::collect_only;
use crate::cluster::connect::{Connection, connect};
use crate::cluster::dry_run::rehearse;
use crate::cluster::error::Failure;
use crate::cluster::files::read_snapshot_with;
use crate::cluster::manifests;
use crate::exit::Exit;
use crate::model::gap::{Gap, GapReason};
use crate::model::manifest::{Manifest, Told};
use crate::model::place;
use crate::model::resource::Resource;
use crate::model::rounds::{CHECK, READ_BY_NAME};
use crate::model::snapshot::{Scope, Snapshot};
use crate::render::check::check as draw;
use crate::render::envelope::envelope;
use crate::session::Session;

/// Say what the API server and then the pods would make of a manifest; nothing is changed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifest, folder of manifests, or - for standard input; can be repeated
    #[arg(short, long = "filename", value_name = "FILE|FOLDER|-", required = true)]
    filename: Vec<PathBuf>,
    /// Ask no cluster: judge the manifest alone
    #[arg(long, conflicts_with = "from")]
    local: bool,
    /// Ask whether Secrets that the pods name are there; what they hold is never asked for
    #[arg(long)]
    secret_names: bool,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    output: Option<Machine>,
    /// Exit with 3 on a finding of at least this severity
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
}

/// What is known of one namespace, and of the sets in it.
struct Known {
    /// As it will be when the other manifests are applied.
    snapshot: Snapshot,
    /// By name.
    sets: BTreeMap<String, (Current, Told, Option<Told>)>,
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    if session.global.all_namespaces {
        bail!("a manifest belongs to one namespace; --all-namespaces has no meaning here");
    }
    let manifests = manifests::read(&args.filename)?;
    let mut place = Place::find(session, args).await?;
    let manifests = within(manifests, session.global.namespace.as_deref(), place.namespace())?;
    let sets: Vec<_> = manifests.iter().filter(|manifest| manifest.is_set()).collect();
    if sets.is_empty() {
        let kinds: BTreeSet<_> = manifests.iter().map(|manifest| manifest.text("/kind")).collect();
        match kinds.is_empty() {
            true => bail!("there is no object in the files"),
            false => bail!(
                "there is no StatefulSet in the files, only {}",
                Vec::from_iter(kinds).join(", ")
            ),
        }
    }
    refuse_unclear(&sets)?;
    let mut reports: Vec<(CheckReport, String)> = Vec::new();
    let mut first = None;
    let namespaces: BTreeSet<_> = sets.iter().map(|set| set.namespace().to_owned()).collect();
    for namespace in namespaces {
        let of = |manifest: &&Manifest| manifest.namespace() == namespace;
        let inside = manifests
            .iter()
            .filter(|manifest| of(manifest) || manifest.namespace().is_empty());
        let sets: Vec<_> = sets.iter().copied().filter(of).collect();
        let mut known = place.look(&namespace, &sets, args.secret_names).await?;
        apply(&mut known.snapshot, inside);
        for &set in &sets {
            let (current, mut told, anew) = known.sets.remove(set.name()).unwrap_or_else(|| unasked(set));
            let made_first = manifests
                .iter()
                .any(|other| other.text("/kind") == "Namespace" && other.name() == namespace);
            if matches!(&told, Told::Refused(said) if made_first && said.ends_with(&format!("namespaces {namespace:?} not found")))
            {
                told = Told::NotAsked(format!("namespace {namespace} is made by these manifests"));
            }
            let cx = Context::new(set, current, told, anew, &known.snapshot);
            reports.push((check(&cx), known.snapshot.origin.clone()));
        }
        first.get_or_insert(known.snapshot);
    }
    let Some(snapshot) = first else {
        bail!("there is nothing to check")
    };
    session.print(&text(session, args, &snapshot, &reports)?)?;
    let no = reports.iter().any(|(report, _)| {
        let refused = matches!(report.answer, Answer::Refused | Answer::Unknown);
        refused || args.fail_on.fails(false, &report.findings)
    });
    Ok(if no { Exit::No } else { Exit::Fine })
}

/// Where the cluster cannot be asked, the manifest still can be judged.
fn hinted(error: anyhow::Error) -> anyhow::Error {
    anyhow!("{error:#}\nhint: --local judges the manifest alone, without a cluster")
}

fn text(session: &Session, args: &Args, snapshot: &Snapshot, reports: &[(CheckReport, String)]) -> Result<String> {
    if let Some(format) = args.output {
        let reports = reports.iter().map(|(report, _)| report).collect();
        return envelope("Check", snapshot, reports, format.into());
    }
    let blocks = reports
        .iter()
        .map(|(report, origin)| draw(report, origin, snapshot.taken_at, session.layout()));
    Ok(blocks.collect::<Vec<_>>().join("\n"))
}

/// Puts manifests that name no namespace into the one that is meant.
fn within(manifests: Vec<Manifest>, asked: Option<&str>, default: &str) -> Result<Vec<Manifest>> {
    let manifests: Vec<_> = manifests.into_iter().map(|manifest| manifest.within(default)).collect();
    let other = manifests.iter().find(|manifest| {
        let namespace = manifest.namespace();
        !namespace.is_empty() && asked.is_some_and(|asked| asked != namespace)
    });
    if let (Some(other), Some(asked)) = (other, asked) {
        bail!(
            "{} {} in {} is of namespace {:?}, and --namespace says {asked:?}",
            other.text("/kind"),
            other.name(),
            other.file,
            other.namespace()
        );
    }
    Ok(manifests)
}

/// Sets without a name, and two of one name, cannot be judged.
fn refuse_unclear(sets: &[&Manifest]) -> Result<()> {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for set in sets {
        if set.name().is_empty() {
            bail!("a StatefulSet in {} has no metadata.name", set.file);
        }
        if let Some(file) = seen.insert((set.namespace(), set.name()), &set.file) {
            bail!(
                "two manifests describe StatefulSet {}: one in {file}, one in {}",
                set.name(),
                set.file
            );
        }
    }
    Ok(())
}

/// What nobody was asked about.
fn unasked(set: &Manifest) -> (Current, Told, Option<Told>) {
    let why = match set.text("/apiVersion") {
        "apps/v1" => "not asked for (--local)".to_owned(),
        version => format!("{version} is not served"),
    };
    (Current::Unknown(nobody_asked(set)), Told::NotAsked(why), None)
}

/// Where to look.
enum Place {
    /// A server, which is asked.
    Cluster(Box<Connection>),
    /// A file in the place of a cluster.
    File(Box<Recorded>),
    /// Nowhere; the namespace of manifests that name none.
    Nowhere(String),
}

/// A file in the place of a cluster.
struct Recorded {
    path: PathBuf,
    /// Of manifests that name none.
    namespace: String,
    /// As read; gone when it was taken for one namespace.
    read: Option<(Snapshot, Vec<Value>)>,
}

impl Place {
    async fn find(session: &Session, args: &Args) -> Result<Self> {
        let global = &session.global;
        if let Some(path) = &global.from {
            let read = read_snapshot_with(path, Resource::StatefulSets)?;
            let recorded = read.0.scope.namespace().map(str::to_owned);
            return Ok(Self::File(Box::new(Recorded {
                path: path.clone(),
                namespace: global
                    .namespace
                    .clone()
                    .or(recorded)
                    .unwrap_or_else(|| "default".to_owned()),
                read: Some(read),
            })));
        }
        if args.local {
            let namespace = global.namespace.clone().unwrap_or_else(|| "default".to_owned());
            return Ok(Self::Nowhere(namespace));
        }
        Ok(Self::Cluster(Box::new(
            connect(&global.connect_args()).await.map_err(hinted)?,
        )))
    }

    /// The namespace of manifests that name none.
    fn namespace(&self) -> &str {
        match self {
            Self::Cluster(connection) => &connection.namespace,
            Self::File(recorded) => &recorded.namespace,
            Self::Nowhere(namespace) => namespace,
        }
    }

    /// What there is to know of these sets and of their namespace.
    async fn look(&mut self, namespace: &str, sets: &[&Manifest], secret_names: bool) -> Result<Known> {
        match self {
            Self::Nowhere(_) => Ok(Known {
                snapshot: manifests::unasked(namespace),
                sets: BTreeMap::new(),
            }),
            Self::File(recorded) => recorded.look(namespace, sets),
            Self::Cluster(connection) => {
                let Connection { client, context, .. } = connection.as_ref();
                let wants = wants(sets.iter().copied(), secret_names);
                let scope = Scope::Namespace(namespace.to_owned());
                let snapshot = collect_only(client, context, scope, &CHECK, &wants).await;
                let snapshot = snapshot.map_err(|failure| hinted(failure.into()))?;
                let mut known = BTreeMap::new();
                for set in sets.iter().filter(|set| set.text("/apiVersion") == "apps/v1") {
                    let rehearsal = rehearse(client, namespace, set.name(), &set.object).await;
                    let current = match rehearsal.current {
                        Ok(Some(object)) => Current::There(object),
                        Ok(None) => Current::Absent,
                        Err(failure) => Current::Unknown(unread(set, &failure)),
                    };
                    known.insert(set.name().to_owned(), (current, rehearsal.told, rehearsal.told_anew));
                }
                Ok(Known { snapshot, sets: known })
            }
        }
    }
}

impl Recorded {
    fn look(&mut self, namespace: &str, sets: &[&Manifest]) -> Result<Known> {
        let (mut snapshot, objects) = match self.read.take() {
            Some(read) => read,
            None => read_snapshot_with(&self.path, Resource::StatefulSets)?,
        };
        if let Some(only) = snapshot.scope.namespace().filter(|only| *only != namespace) {
            bail!("the recording holds namespace {only} only, and a manifest is of {namespace}");
        }
        // A recording does not hold what only manifests ask for; a dump may.
        for resource in READ_BY_NAME {
            if let Some(sink) = snapshot
                .sink(resource, place::Place::Scope)
                .filter(|sink| !sink.was_read())
            {
                sink.gap(Gap::list(resource, None, GapReason::AbsentFromDump));
            }
        }
        let mut known = BTreeMap::new();
        for set in sets {
            let is = |object: &&Value| {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                text("/metadata/name") == set.name() && text("/metadata/namespace") == namespace
            };
            let current = match (objects.iter().find(is), snapshot.stateful_sets.complete()) {
                (Some(object), _) => Current::There(object.clone()),
                (None, Ok(_)) => Current::Absent,
                (None, Err(gap)) => Current::Unknown(gap),
            };
            let told = Told::NotAsked("a file cannot be asked".to_owned());
            known.insert(set.name().to_owned(), (current, told, None));
        }
        Ok(Known { snapshot, sets: known })
    }
}

/// Why a set could not be read.
fn unread(set: &Manifest, failure: &Failure) -> Gap {
    let reason = match failure {
        Failure::Forbidden(_) => GapReason::Forbidden,
        Failure::Timeout(_) => GapReason::Timeout,
        other => GapReason::Failed(other.to_string()),
    };
    Gap {
        reason,
        ..nobody_asked(set)
    }
}

fn nobody_asked(set: &Manifest) -> Gap {
    let namespace = Some(set.namespace());
    Gap::one(Resource::StatefulSets, namespace, set.name(), GapReason::NotRequested)
}
