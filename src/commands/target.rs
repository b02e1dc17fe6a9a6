//! Which sets a command is about, and what it prints them as: shared by the commands that read.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::diagnose::finding::{Finding, Severity};
use crate::diagnose::{SetReport, Verdict, owner::resource};
use crate::exit::Exit;
use crate::model::gap::GapReason;
use crate::model::named::Named;
use crate::model::objects::{Object as _, Pod, StatefulSet};
use crate::model::ordinal::numbered;
use crate::model::resource::Resource;
use crate::model::selector;
use crate::model::snapshot::Snapshot;
use crate::render::cell::cell;
use crate::render::envelope::Format;
use crate::session::Session;

/// Which sets, and in which form.
#[derive(Debug, Args)]
pub struct Target {
    /// Sets by name, also as sts/NAME; none means all of the namespace
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only sets with these labels
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    pub selector: Option<String>,
    /// Output form
    #[arg(short, long, value_name = "FORM")]
    pub output: Option<Output>,
    /// Exit with 3 on a finding of at least this severity
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
}

/// Output forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// More columns
    Wide,
    /// Names only
    Name,
}

/// Output forms of commands that print nothing wide, and no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Machine {
    /// JSON
    Json,
    /// YAML
    Yaml,
}

impl From<Machine> for Format {
    fn from(machine: Machine) -> Self {
        match machine {
            Machine::Json => Self::Json,
            Machine::Yaml => Self::Yaml,
        }
    }
}

/// Which severity makes the answer no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Any finding
    Info,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
    /// None
    Never,
}

/// The sets that were asked for, and how the search for them ended.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// In the API's order, or in the order of the names.
    pub sets: Vec<&'a StatefulSet>,
    /// `Fine`, or `Failed` where a name was not found.
    pub exit: Exit,
}

impl Target {
    /// The sets that are meant. What was not found is said, and the rest is answered.
    ///
    /// # Errors
    /// When sets could not be read, or a selector is none.
    pub fn choose<'a>(&self, session: &Session, snapshot: &'a Snapshot) -> Result<Chosen<'a>> {
        if self.names.is_empty() {
            let namespace = session.namespace(snapshot);
            let sets = self.selected(&here(namespace, snapshot)?)?;
            if sets.is_empty() {
                let place = namespace.map_or("any namespace".to_owned(), |namespace| format!("namespace {namespace}"));
                session.remark(&format!("No StatefulSets found in {place}."));
            }
            return Ok(Chosen { sets, exit: Exit::Fine });
        }
        choose(session, snapshot, &self.names)
    }

    fn selected<'a>(&self, sets: &[&'a StatefulSet]) -> Result<Vec<&'a StatefulSet>> {
        let Some(text) = &self.selector else {
            return Ok(sets.to_vec());
        };
        let selector = match selector::parse(text) {
            Ok(selector) => selector,
            Err(part) => bail!("{part:?} is no label requirement such as app=db, app!=db, tier in (a,b) or !zone"),
        };
        Ok(sets
            .iter()
            .copied()
            .filter(|set| selector.matches(&set.metadata.labels))
            .collect())
    }

    /// The machine format, when one was asked for.
    pub fn format(&self) -> Option<Format> {
        match self.output? {
            Output::Json => Some(Format::Json),
            Output::Yaml => Some(Format::Yaml),
            Output::Wide | Output::Name => None,
        }
    }

    /// Whether the answer is no. `default`: what counts when the flag was not given.
    pub fn judge(&self, reports: &[&SetReport], default: FailOn) -> Exit {
        let fail_on = self.fail_on.unwrap_or(default);
        let no = |report: &&SetReport| fail_on.fails(report.verdict == Verdict::Unknown, &report.findings);
        if reports.iter().any(no) { Exit::No } else { Exit::Fine }
    }
}

impl FailOn {
    /// Whether findings make the answer no; `no`: whether it is no without them.
    pub fn fails(self, no: bool, findings: &[Finding]) -> bool {
        let least = match self {
            Self::Never => return false,
            Self::Info => Severity::Info,
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
        };
        no || findings.iter().any(|finding| finding.severity >= least)
    }
}

/// The sets of the namespaces that are looked at.
fn here<'a>(namespace: Option<&str>, snapshot: &'a Snapshot) -> Result<Vec<&'a StatefulSet>> {
    let listing = &snapshot.stateful_sets;
    if let (Err(gap), true) = (listing.complete(), listing.items.is_empty()) {
        let next = match gap.reason {
            GapReason::Forbidden => "; 'kubectl auth can-i --list' shows what you may read",
            _ => "",
        };
        bail!("statefulsets could not be read: {}{next}", cell(&gap.why()));
    }
    let inside = |set: &&StatefulSet| namespace.is_none_or(|namespace| set.metadata.namespace == namespace);
    Ok(listing.items.iter().filter(inside).collect())
}

/// The sets that names mean, each once. What was not found is said, and the rest is answered.
///
/// # Errors
/// When sets could not be read, or a name is of another kind.
pub fn choose<'a>(session: &Session, snapshot: &'a Snapshot, names: &[String]) -> Result<Chosen<'a>> {
    let namespace = session.namespace(snapshot);
    let here = here(namespace, snapshot)?;
    let mut chosen = Chosen {
        sets: Vec::new(),
        exit: Exit::Fine,
    };
    for name in names {
        let meant = Named::parse(name)?;
        let found: Vec<_> = here.iter().copied().filter(|set| meant.means(set)).collect();
        if found.is_empty() {
            let (error, hint) = unknown(name, namespace, &here, snapshot);
            session.remark(&format!("error: {error}"));
            if let Some(hint) = hint {
                session.remark(&format!("hint: {hint}"));
            }
            chosen.exit = Exit::Failed;
        }
        for set in found {
            if !chosen.sets.iter().any(|known| known.metadata.uid == set.metadata.uid) {
                chosen.sets.push(set);
            }
        }
    }
    Ok(chosen)
}

/// What to say of a name that is no set, and the next step where one is known: whose pods carry it, else the nearest set,
/// where one is near.
fn unknown(
    name: &str,
    namespace: Option<&str>,
    sets: &[&StatefulSet],
    snapshot: &Snapshot,
) -> (String, Option<String>) {
    let plain = name.rsplit('/').next().unwrap_or(name);
    let place = namespace.map_or(String::new(), |namespace| format!(" in namespace {namespace}"));
    let missing = format!("{} {plain:?} not found{place}", Resource::StatefulSets.info().plural);
    if let Some((whose, look)) = whose_pods(plain, namespace, snapshot) {
        return (format!("{missing}; {whose}"), Some(look));
    }
    let near = sets
        .iter()
        .map(|set| (strsim::levenshtein(&set.metadata.name, plain), &set.metadata.name))
        .min();
    match near {
        Some((distance, near)) if distance <= plain.len().div_ceil(2) => {
            (format!("{missing}; did you mean {near:?}?"), None)
        }
        _ => (missing, None),
    }
}

/// Whose pods are called by this name, or are of an owner of this name, when that is no StatefulSet: some operators run
/// numbered pods themselves. With the command that shows the owner.
fn whose_pods(name: &str, namespace: Option<&str>, snapshot: &Snapshot) -> Option<(String, String)> {
    let of_place = |pod: &&Pod| namespace.is_none_or(|namespace| pod.metadata.namespace == namespace);
    let mut owned = snapshot.pods.items.iter().filter(of_place).filter_map(|pod| {
        let owner = pod.metadata.controller().filter(|owner| owner.kind != "StatefulSet")?;
        let numbered = numbered(&pod.metadata.name).is_some_and(|(parent, _)| parent == name);
        (numbered || pod.metadata.name == name || owner.name == name).then_some((pod, owner))
    });
    let (first, owner) = owned.next()?;
    let same = owned.filter(|(_, other)| other.uid == owner.uid).map(|(pod, _)| pod);
    let pods: Vec<_> = std::iter::once(first)
        .chain(same)
        .map(|pod| pod.metadata.name.as_str())
        .collect();
    let (pods, belong) = match pods.as_slice() {
        [one] => (format!("pod {one}"), "belongs"),
        [one, two] => (format!("pods {one} and {two}"), "belong"),
        [one, .., last] => (format!("{} pods, {one} to {last},", pods.len()), "belong"),
        [] => return None,
    };
    let (kind, of) = (&owner.kind, &owner.name);
    Some((
        format!(
            "{pods} {belong} to {kind} {of} ({}), not to a StatefulSet",
            owner.api_version
        ),
        format!(
            "kubectl get {} {of} -n {} -o yaml",
            resource(owner),
            first.metadata.namespace
        ),
    ))
}

/// Names as kubectl prints them with `-o name`.
pub fn names(sets: &[&StatefulSet]) -> String {
    sets.iter()
        .map(|set| format!("statefulset.apps/{}\n", cell(&set.meta().name)))
        .collect()
}
