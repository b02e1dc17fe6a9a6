//! What the tests of rules share: a rule run on a recorded cluster, as it is or with one thing changed.

use super::context::Context;
use super::finding::Finding;
use super::{Outcome, Rule};
use crate::dns::domain::ASSUMED;
use crate::model::gap::{Gap, GapReason};
use crate::model::link::link;
use crate::model::objects::Service;
use crate::model::place::Place;
use crate::model::recording::Recording;
use crate::model::resource::Resource;
use crate::model::snapshot::Snapshot;

/// A recorded cluster of `tests/clusters`.
pub fn recorded(scenario: &str) -> Snapshot {
    let path = format!("{}/tests/clusters/{scenario}/cluster.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice::<Recording>(&text).unwrap().into_snapshot()
}

/// The governing Service of the first set.
pub fn governing(snapshot: &mut Snapshot) -> &mut Service {
    let set = &snapshot.stateful_sets.items[0];
    let (namespace, name) = (&set.metadata.namespace, &set.spec.service_name);
    let mut services = snapshot.services.items.iter_mut();
    services
        .find(|service| service.metadata.namespace == *namespace && service.metadata.name == *name)
        .unwrap()
}

/// What a rule says of the first set of a snapshot.
pub fn run(rule: &Rule, snapshot: &Snapshot) -> Result<Outcome, Gap> {
    let linked = link(snapshot);
    (rule.check)(&Context::new(&linked, linked.sets().first().unwrap()))
}

/// The same where names are asked about.
pub fn run_of_names(rule: &Rule, snapshot: &Snapshot) -> Result<Outcome, Gap> {
    let linked = link(snapshot);
    let cx = Context::new(&linked, linked.sets().first().unwrap());
    (rule.check)(&cx.resolved(&ASSUMED, &[]))
}

/// Its findings on a recording.
pub fn findings(rule: &Rule, scenario: &str) -> Vec<Finding> {
    run(rule, &recorded(scenario)).unwrap().findings
}

/// Its findings on a recording in which something was changed.
pub fn findings_after(rule: &Rule, scenario: &str, change: impl FnOnce(&mut Snapshot)) -> Vec<Finding> {
    let mut snapshot = recorded(scenario);
    change(&mut snapshot);
    run(rule, &snapshot).unwrap().findings
}

/// What it names as not checked when a list was refused.
pub fn refused(rule: &Rule, scenario: &str, resource: Resource) -> Vec<Gap> {
    let mut snapshot = recorded(scenario);
    let sink = snapshot.sink(resource, Place::Scope).unwrap();
    sink.clear();
    sink.gap(Gap::list(resource, None, GapReason::Forbidden));
    match run(rule, &snapshot) {
        Ok(outcome) => outcome.not_checked,
        Err(gap) => vec![gap],
    }
}
