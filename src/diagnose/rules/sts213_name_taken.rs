//! A pod that the set does not own has the name of one it should make.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::Pod;

pub(super) const RULE: Rule = Rule {
    code: "STS213",
    name: "name-taken",
    explain: "\
## What it means
A pod of the name that the set would give exists already, and is not the set's. The controller tries to make its own, is told
that the name is taken, and fails in silence: there is no event. Under OrderedReady no later pod is made either.
## How it is detected
An ordinal has no pod of the set, and a pod of its name has another owner, or none and labels that the set's selector does not
match.
## What to do
Find out what it is. If it once was the set's (somebody changed its labels), put the labels back: the set adopts it. If it
belongs to a set of the same name that was deleted, it goes by itself. Otherwise it has to go, and only its owner knows when.
## When it is fine
For a moment, while a set is deleted and made anew.
## Source
`pkg/controller/statefulset/stateful_pod_control.go` (CreateStatefulPod), https://github.com/kubernetes/kubernetes/issues/111778
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let rows = cx.model.ordinals.iter();
    let taken = rows.filter_map(|row| Some((row, row.foreign?)).filter(|_| row.pod.is_none()));
    // One that is on its way out makes room by itself.
    let stays = taken.filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none_or(|end| end < cx.now()));
    Ok(stays
        .map(|(row, pod)| finding(cx, row.ordinal, pod))
        .collect::<Vec<_>>()
        .into())
}

fn finding(cx: &Context<'_>, ordinal: i64, pod: &Pod) -> Finding {
    let object = ObjectRef::of("Pod", &pod.metadata);
    let set = &cx.set().metadata;
    let (whose, evidence, text) = match pod.metadata.controller() {
        Some(owner) => {
            let namesake = owner.kind == "StatefulSet" && owner.name == set.name;
            let whose = match namesake {
                true => "belongs to an earlier set of the same name".to_owned(),
                false => format!("belongs to {} {}", owner.kind.to_lowercase(), owner.name),
            };
            let text = match namesake {
                true => "see why it was not collected with its set",
                false => "find out what it is: it has to go, or to get another name",
            };
            let value = format!("{} {} {}", owner.kind, owner.name, owner.uid);
            (
                whose,
                Evidence::field(object.clone(), "metadata.ownerReferences", value),
                text,
            )
        }
        None => {
            let labels: Vec<_> = pod
                .metadata
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let text = "find out what it is: with the set's labels it is adopted, otherwise it has to go";
            let evidence = Evidence::field(object.clone(), "metadata.labels", labels.join(","));
            ("has no owner, and lacks the set's labels".to_owned(), evidence, text)
        }
    };
    let selector = cx.set().spec.selector.match_labels.iter();
    let selector: Vec<_> = selector.map(|(key, value)| format!("{key}={value}")).collect();
    let summary = format!("takes the name of the set's own pod, and {whose}; the controller fails in silence");
    let remedy = Remedy::new(text, Safety::ReadOnly)
        .command(&[
            "kubectl",
            "get",
            "pod",
            &pod.metadata.name,
            "-n",
            &pod.metadata.namespace,
            "-o",
            "yaml",
        ])
        .avoid(format!(
            "deleting pod {} before you know whose it is",
            pod.metadata.name
        ));
    Finding::new(Role::Root, Severity::Error, object, summary)
        .ordinals([ordinal])
        .since(pod.metadata.creation_timestamp)
        .evidence(evidence)
        .evidence(Evidence::field(
            ObjectRef::of("StatefulSet", set),
            "spec.selector.matchLabels",
            selector.join(","),
        ))
        .remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::objects::OwnerReference;
    use crate::model::resource::Resource;

    #[test]
    fn a_stranger_of_that_name_is_the_root() {
        let found = findings(&RULE, "name-taken");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].subject.name.as_str(), found[0].ordinals.as_slice()),
            ("web-1", [1].as_slice())
        );
        assert!(found[0].summary.contains("has no owner"));
    }

    #[test]
    fn the_owner_is_said() {
        let owned = |kind: &str, name: &str| {
            findings_after(&RULE, "name-taken", |snapshot| {
                let pod = snapshot
                    .pods
                    .items
                    .iter_mut()
                    .find(|pod| pod.metadata.name == "web-1")
                    .unwrap();
                pod.metadata.owner_references = vec![OwnerReference {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    uid: "another".to_owned(),
                    controller: true,
                    ..OwnerReference::default()
                }];
            })
        };
        assert!(
            owned("StatefulSet", "web")[0]
                .summary
                .contains("an earlier set of the same name")
        );
        assert!(owned("ReplicaSet", "x")[0].summary.contains("belongs to replicaset x"));
    }

    #[test]
    fn what_the_set_adopts_or_what_leaves_is_no_stranger() {
        let adopted = findings_after(&RULE, "name-taken", |snapshot| {
            for pod in &mut snapshot.pods.items {
                pod.metadata.labels.insert("app".to_owned(), "web".to_owned());
            }
        });
        assert!(adopted.is_empty());
        let leaving = findings_after(&RULE, "name-taken", |snapshot| {
            let now = snapshot.taken_at;
            let pod = snapshot
                .pods
                .items
                .iter_mut()
                .find(|pod| pod.metadata.name == "web-1")
                .unwrap();
            pod.metadata.deletion_timestamp = Some(now + jiff::SignedDuration::from_secs(20));
        });
        assert!(leaving.is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(refused(&RULE, "name-taken", Resource::Pods)[0].resource, Resource::Pods);
    }
}
