//! What the tests of rules share: a rule run on a recorded cluster, as it is or with one thing changed.

use std::collections::BTreeSet;

use super::context::Context;
use super::finding::Finding;
use super::{Outcome as RuleOutcome, Rule};
use crate::dns::Row;
use crate::dns::domain::ASSUMED;
use crate::model::answer::{Answer, Authority, Outcome, Served, Way};
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
pub fn run(rule: &Rule, snapshot: &Snapshot) -> Result<RuleOutcome, Gap> {
    let linked = link(snapshot);
    (rule.check)(&Context::new(&linked, linked.sets().first().unwrap()))
}

/// The same where names are asked about.
pub fn run_of_names(rule: &Rule, snapshot: &Snapshot) -> Result<RuleOutcome, Gap> {
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

/// What a rule says of the first set of a snapshot when these DNS pods were asked for all of its records, and said so.
pub fn heard(rule: &Rule, snapshot: &Snapshot, pods: &[&str], says: impl Fn(&str, &Row) -> Answer) -> Vec<Finding> {
    let linked = link(snapshot);
    let set = linked.sets().first().unwrap();
    let plain = Context::new(&linked, set);
    let rows = &plain.records().rows;
    let served = pods.iter().map(|pod| Served {
        server: format!("kube-system/{pod}"),
        way: Way::PortForward,
        answers: rows.iter().map(|row| (row.question.clone(), says(pod, row))).collect(),
    });
    let served: Vec<_> = served.collect();
    let cx = Context::new(&linked, set).resolved(&ASSUMED, &served);
    (rule.check)(&cx).unwrap().findings
}

/// The published answer to a record's question, as a server gives it that keeps nothing in a cache.
pub fn right(row: &Row) -> Answer {
    Answer {
        records: row.published.clone().unwrap(),
        ttl: Some(30),
        ..ended(Outcome::Answered, None)
    }
}

/// An answer without records, and with the seconds that are left of the cluster's SOA record.
pub fn ended(outcome: Outcome, left: Option<u32>) -> Answer {
    Answer {
        outcome,
        records: BTreeSet::new(),
        aliases: Vec::new(),
        ttl: None,
        authoritative: true,
        authority: left.map(|ttl| Authority {
            zone: "cluster.local".to_owned(),
            ttl,
            minimum: 30,
        }),
    }
}

/// The same cluster with DNS servers that keep answers, for 30 seconds at most, and one of their pods.
pub fn caching(mut snapshot: Snapshot) -> (Snapshot, String) {
    let config = &mut snapshot.cluster_dns.config_maps.items[0].data.0;
    let corefile = ".:53 {\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    ttl 30\n  }\n  cache 30\n}\n";
    config.insert("Corefile".to_owned(), corefile.to_owned());
    let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
    (snapshot, pod)
}
