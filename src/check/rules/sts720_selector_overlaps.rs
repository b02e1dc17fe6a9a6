//! The selector also matches pods of somebody else, or another set's selector matches these pods.

use std::collections::BTreeSet;

use crate::check::{Context, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::model::objects::{LabelSelector, Pod};
use crate::model::ordinal::numbered;
use serde_json::json;

pub(super) const RULE: Rule = Rule {
    code: "STS720",
    name: "selector-overlaps",
    explain: "\
## What it means
The set's selector matches pods of another workload, or another set's selector matches the pods of this one. Owner references
keep the controllers from taking each other's pods as long as every pod has its owner. But Services, disruption budgets and
autoscalers that select by the same labels mix both; and a pod that loses its owner, as it does when a set is made again
with `--cascade=orphan`, can be adopted by a ReplicaSet whose selector matches it, and deleted as one too many.
## How it is detected
The selector is applied to the template labels of the other sets of the namespace and to its pods that others own; the
other sets' selectors to this template's labels.
## What to do
Give each workload a label of its own, in its template and in its selector. The selector of a set that exists is fixed: then
it is the other one that has to change.
## When it is fine
Where both belong together and nothing selects by these labels alone.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-selector
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let selector = &cx.set.spec.selector;
    // The server refuses it; nothing else is of interest then.
    if *selector == LabelSelector::default() {
        return Ok(Vec::new().into());
    }
    let snapshot = cx.after;
    let name = cx.manifest.name();
    let labels = cx.set.spec.template.labels();
    let mut findings = Vec::new();
    for other in cx
        .here(&snapshot.stateful_sets)
        .filter(|other| other.metadata.name != name)
    {
        let theirs = other.spec.template.labels();
        let (takes, taken) = (selector.matches(&theirs), other.spec.selector.matches(&labels));
        if takes || taken {
            let summary = match (takes, taken) {
                (true, true) => "its pods and those of this set match both selectors",
                (true, false) => "its pods match this set's selector too",
                _ => "its selector matches the pods of this set too",
            };
            let object = ObjectRef::of("StatefulSet", &other.metadata);
            findings.push(finding(cx, object, summary, json!(theirs)));
        }
    }
    let sets: BTreeSet<_> = cx
        .here(&snapshot.stateful_sets)
        .map(|set| set.metadata.name.as_str())
        .collect();
    let mut owners = BTreeSet::new();
    for pod in cx
        .here(&snapshot.pods)
        .filter(|pod| selector.matches(&pod.metadata.labels))
    {
        let object = match whose(pod, name, &sets) {
            Some(object) => object,
            None => continue,
        };
        if owners.insert(object.clone()) {
            findings.push(finding(
                cx,
                object,
                "pods of it match this set's selector too",
                json!(pod.metadata.labels),
            ));
        }
    }
    let mut outcome = crate::diagnose::Outcome::from(findings);
    outcome.not_checked.extend(snapshot.stateful_sets.complete().err());
    outcome.not_checked.extend(snapshot.pods.complete().err());
    Ok(outcome)
}

/// Who has a pod that is neither this set's nor another set's: its owner, by the name of the Deployment where that makes
/// ReplicaSets; the pod itself where nobody owns it.
fn whose(pod: &Pod, set: &str, sets: &BTreeSet<&str>) -> Option<ObjectRef> {
    let meta = &pod.metadata;
    let Some(owner) = meta.controller() else {
        let own = numbered(&meta.name).is_some_and(|(parent, _)| parent == set);
        return (!own).then(|| ObjectRef::of("Pod", meta));
    };
    let replicas = meta
        .labels
        .get("pod-template-hash")
        .and_then(|hash| owner.name.strip_suffix(&format!("-{hash}")));
    match (owner.kind.as_str(), replicas) {
        ("StatefulSet", _) if owner.name == set || sets.contains(owner.name.as_str()) => None,
        ("ReplicaSet", Some(deployment)) => Some(ObjectRef::named("Deployment", &meta.namespace, deployment)),
        (kind, _) => Some(ObjectRef::named(kind, &meta.namespace, &owner.name)),
    }
}

fn finding(cx: &Context<'_>, other: ObjectRef, summary: &str, labels: serde_json::Value) -> Finding {
    Finding::new(Role::Risk, Severity::Warning, other.clone(), summary)
        .evidence(Evidence::field(other, "labels", labels))
        .evidence(Evidence::field(
            cx.object(),
            "spec.selector",
            cx.manifest
                .object
                .pointer("/spec/selector")
                .cloned()
                .unwrap_or_default(),
        ))
        .remedy(Remedy::new(
            "give each workload a label of its own, in template and selector",
            Safety::ReadOnly,
        ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::fresh;
    use crate::model::resource::Resource;

    fn other(selector: Value, labels: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"selector": selector, "template": {"metadata": {"labels": labels}}}})
    }

    fn pod(owner: Value, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop",
            "labels": {"app": "web", "pod-template-hash": "7d9f"}, "ownerReferences": owner}})
    }

    #[test]
    fn another_set_is_named_either_way_round() {
        let both = other(json!({"matchLabels": {"app": "web"}}), json!({"app": "web"}));
        let found = fresh().with(|case| case.beside.push(both)).findings(&RULE);
        assert_eq!(found[0].summary, "its pods and those of this set match both selectors");
        let theirs = other(
            json!({"matchLabels": {"tier": "db"}}),
            json!({"app": "web", "tier": "db"}),
        );
        let found = fresh().with(|case| case.beside.push(theirs)).findings(&RULE);
        assert_eq!(found[0].summary, "its pods match this set's selector too");
    }

    #[test]
    fn a_deployment_s_pods_are_named_by_the_deployment_and_once() {
        let owner = json!([{"kind": "ReplicaSet", "name": "front-7d9f", "uid": "1", "controller": true}]);
        let found = fresh().with(|case| {
            case.beside
                .extend([pod(owner.clone(), "front-7d9f-a"), pod(owner, "front-7d9f-b")]);
        });
        let found = found.findings(&RULE);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject, ObjectRef::named("Deployment", "shop", "front"));
    }

    #[test]
    fn silent_on_own_pods_and_on_others_that_differ() {
        let own = json!([{"kind": "StatefulSet", "name": "web", "uid": "1", "controller": true}]);
        let apart = other(json!({"matchLabels": {"app": "db"}}), json!({"app": "db"}));
        let case = fresh().with(|case| case.beside.extend([pod(own, "web-0"), pod(json!([]), "web-1"), apart]));
        assert!(case.findings(&RULE).is_empty());
    }

    #[test]
    fn refused_lists_are_named() {
        assert_eq!(fresh().refused(Resource::Pods).gaps(&RULE), ["pods"]);
    }
}
