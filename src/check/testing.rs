//! What the tests of these rules share: a manifest against a recorded cluster.

use serde_json::{Value, json};

use super::context::{Context, Current};
use super::{Rule, apply};
use crate::diagnose::Outcome;
use crate::diagnose::finding::Finding;
use crate::diagnose::testing::recorded;
use crate::model::gap::{Gap, GapReason};
use crate::model::manifest::{Manifest, Told};
use crate::model::place::Place;
use crate::model::resource::Resource;
use crate::model::snapshot::Snapshot;

/// A case: a manifest of the set `web` in `shop`, and what is known of the cluster.
pub struct Case {
    pub manifest: Value,
    pub current: Current,
    pub told: Told,
    pub told_anew: Option<Told>,
    pub snapshot: Snapshot,
    pub beside: Vec<Value>,
}

/// A good manifest of a new set, checked against the recording `healthy-ordered` with the set and its pods taken out.
pub fn fresh() -> Case {
    let mut snapshot = recorded("healthy-ordered");
    snapshot.stateful_sets.items.clear();
    snapshot.pods.items.clear();
    Case {
        manifest: json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"serviceName": "web", "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "app", "image": "app:1.9"}]}}}}),
        current: Current::Absent,
        told: Told::NotAsked("a test".to_owned()),
        told_anew: None,
        snapshot,
        beside: Vec::new(),
    }
}

impl Case {
    /// The same after a change.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A field of the manifest's spec.
    pub fn spec(self, field: &str, value: Value) -> Self {
        self.with(|case| case.manifest["spec"][field] = value)
    }

    /// A field of the template's pod spec.
    pub fn pods(self, field: &str, value: Value) -> Self {
        self.with(|case| case.manifest["spec"]["template"]["spec"][field] = value)
    }

    /// A set that exists.
    pub fn replaces(self, current: Value) -> Self {
        self.with(|case| case.current = Current::There(current))
    }

    /// A list that the user may not read.
    pub fn refused(self, resource: Resource) -> Self {
        self.with(|case| {
            let sink = case.snapshot.sink(resource, Place::Scope).unwrap();
            sink.clear();
            sink.gap(Gap::list(resource, None, GapReason::Forbidden));
        })
    }

    pub fn run(mut self, rule: &Rule) -> Result<Outcome, Gap> {
        let manifest = |object| Manifest {
            file: "web.yaml".to_owned(),
            object,
        };
        let beside: Vec<_> = self.beside.into_iter().map(manifest).collect();
        apply(&mut self.snapshot, &beside);
        let manifest = manifest(self.manifest);
        let cx = Context::new(&manifest, self.current, self.told, self.told_anew, &self.snapshot);
        (rule.check)(&cx)
    }

    pub fn findings(self, rule: &Rule) -> Vec<Finding> {
        self.run(rule).unwrap().findings
    }

    /// What it names as not checked.
    pub fn gaps(self, rule: &Rule) -> Vec<String> {
        match self.run(rule) {
            Ok(outcome) => outcome.not_checked.iter().map(Gap::what).collect(),
            Err(gap) => vec![gap.what()],
        }
    }
}
