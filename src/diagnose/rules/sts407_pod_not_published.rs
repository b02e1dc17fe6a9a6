//! Pods are Ready and selected, and no slice of the governing Service holds them: nobody keeps its slices.

use std::collections::BTreeSet;

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule, names};
use crate::dns::hostname;
use crate::model::answer::RecordType;
use crate::model::objects::{EndpointSlice, Pod, Service};

pub(super) const RULE: Rule = Rule {
    code: "STS407",
    name: "pod-not-published",
    explain: "\
## What it means
A pod is Ready, the governing Service selects it, and still none of the Service's EndpointSlices holds it as ready: its name does
not resolve, and traffic through the Service does not reach it. The control plane's endpoint slice controller, which writes
slices within a second, does not work, fails, or is far behind.
## How it is detected
The pod has been Ready for more than ten seconds, has an address of the Service's families and the right hostname and
subdomain, and the Service's slices, all of which were read, lack it. The controller's own event at the Service
(FailedToUpdateEndpointSlices) says why, where there is one. A pod whose Node object is gone is left out of slices, too.
## What to do
Look at the Service's events and at the controller manager. Pods need no restart: records appear with the slices.
## When it is fine
Never, unless it is over in a moment.
## Source
https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let snapshot = cx.linked.snapshot;
    cx.need(&snapshot.services)?;
    let selecting = cx
        .model
        .service
        .filter(|service| !service.external() && !service.spec.selector.is_empty());
    let Some(service) = selecting else {
        return Ok(Outcome::default());
    };
    cx.need(&snapshot.pods)?;
    cx.need(&snapshot.slices)?;
    let missing: Vec<(i64, &Pod)> = missing(cx, service);
    if missing.is_empty() {
        return Ok(Outcome::default());
    }
    let ordinals: Vec<i64> = missing.iter().map(|(ordinal, _)| *ordinal).collect();
    let name = service.metadata.name.as_str();
    let severity = match names::need(cx, name).any() {
        true => Severity::Error,
        false => Severity::Warning,
    };
    let failed = cx.events(&service.metadata.uid, "FailedToUpdateEndpointSlices").next();
    let nodes = cx.need(&snapshot.nodes).ok();
    let gone = missing.iter().find_map(|(_, pod)| {
        let node = pod.spec.node_name.as_str();
        let is_gone = nodes.is_some_and(|nodes| nodes.iter().all(|known| known.metadata.name != node));
        is_gone.then(|| ObjectRef::named("Node", "", node))
    });
    let why = match (&failed, &gone) {
        (Some(_), _) => "its controller fails to write them",
        (None, Some(_)) => "pods whose node does not exist are left out",
        (None, None) => "nobody writes them",
    };
    let (object, first) = (ObjectRef::of("Service", &service.metadata), missing[0].1);
    let summary = format!("its slices lack {}: {why}", pod_names(&cx.model, &ordinals));
    let count = cx.linked.slices(service).len();
    let mut finding = Finding::new(Role::Root, severity, object.clone(), summary)
        .ordinals(ordinals)
        .since(first.condition("Ready").and_then(|ready| ready.last_transition_time))
        .evidence(Evidence::field(
            ObjectRef::of("Pod", &first.metadata),
            "status.conditions[Ready].status",
            "True",
        ))
        .evidence(Evidence::search(object, &format!("{count} EndpointSlices of {name}")))
        .remedy(remedy(cx, name));
    finding.evidence.extend(failed.map(Evidence::event));
    finding
        .evidence
        .extend(gone.map(|node| Evidence::search(node, "nodes")));
    Ok(Outcome {
        findings: vec![finding],
        not_checked: cx.need(&snapshot.events).err().into_iter().collect(),
    })
}

/// The set's pods that should be published under their names and are not at all.
fn missing<'a>(cx: &Context<'a>, service: &Service) -> Vec<(i64, &'a Pod)> {
    let address = |kind| [RecordType::A, RecordType::Aaaa].contains(&kind);
    let empty = |records: &Option<BTreeSet<String>>| records.as_ref().is_none_or(BTreeSet::is_empty);
    let unpublished: BTreeSet<i64> = cx
        .records()
        .rows
        .iter()
        .filter(|row| address(row.question.kind) && !empty(&row.expected) && empty(&row.published))
        .filter_map(|row| row.ordinal)
        .collect();
    let rows = cx
        .model
        .ordinals
        .iter()
        .filter(|row| unpublished.contains(&row.ordinal));
    let pods = rows.filter_map(|row| Some((row.ordinal, row.pod?)));
    let rightly = |(_, pod): &(i64, &Pod)| {
        service.selects(&pod.metadata.labels)
            && hostname(pod, &service.metadata.name) == Some(pod.metadata.name.as_str())
            && pod.ready()
            && names::settled(cx, pod)
    };
    pods.filter(rightly).collect()
}

fn remedy(cx: &Context<'_>, service: &str) -> Remedy {
    let namespace = cx.namespace();
    let of_service = format!("{}={service}", EndpointSlice::SERVICE_NAME);
    let text = "look at the endpoint slice controller, a part of kube-controller-manager; records appear once it works";
    Remedy::new(text, Safety::ReadOnly)
        .command(&["kubectl", "describe", "service", service, "-n", namespace])
        .command(&[
            "kubectl",
            "get",
            "endpointslices",
            "-n",
            namespace,
            "-l",
            &of_service,
            "-o",
            "yaml",
        ])
        .avoid("deleting the pods: those that follow them are not published either")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, governing, recorded, refused, run};
    use crate::model::objects::Event;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn unpublished(snapshot: &mut Snapshot) {
        for slice in &mut snapshot.slices.items {
            slice
                .endpoints
                .as_mut()
                .unwrap()
                .retain(|endpoint| endpoint.hostname.as_deref() != Some("web-2"));
        }
        snapshot.taken_at += jiff::SignedDuration::from_secs(30);
    }

    #[test]
    fn a_pod_that_no_slice_holds_is_named() {
        let found = findings_after(&RULE, "healthy-ordered", unpublished);
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Warning));
        assert_eq!(found[0].summary, "its slices lack web-2: nobody writes them");
        assert_eq!(found[0].ordinals, [2]);
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn the_controller_s_own_words_say_why() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            unpublished(snapshot);
            let mut event = Event {
                reason: "FailedToUpdateEndpointSlices".to_owned(),
                kind: "Warning".to_owned(),
                ..Event::default()
            };
            event.involved_object.uid = governing(snapshot).metadata.uid.clone();
            snapshot.events.items.push(event);
        });
        assert_eq!(
            found[0].summary,
            "its slices lack web-2: its controller fails to write them"
        );
        assert!(
            found[0]
                .evidence
                .iter()
                .any(|fact| fact.path == "event/FailedToUpdateEndpointSlices")
        );
    }

    #[test]
    fn a_pod_whose_node_is_gone_is_left_out() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            unpublished(snapshot);
            snapshot.nodes.items.retain(|node| node.metadata.name != "node-c");
        });
        assert_eq!(
            found[0].summary,
            "its slices lack web-2: pods whose node does not exist are left out"
        );
    }

    #[test]
    fn a_pod_that_was_not_ready_a_moment_ago_need_not_be_published() {
        let mut snapshot = recorded("healthy-ordered");
        unpublished(&mut snapshot);
        let pod = snapshot
            .pods
            .items
            .iter_mut()
            .find(|pod| pod.metadata.name == "web-2")
            .unwrap();
        for condition in &mut pod.status.conditions {
            condition.last_transition_time = Some(snapshot.taken_at - jiff::SignedDuration::from_secs(5));
        }
        assert!(run(&RULE, &snapshot).unwrap().findings.is_empty());
    }

    #[test]
    fn what_the_selector_leaves_out_is_another_matter() {
        assert!(findings(&RULE, "service-selects-no-pod").is_empty());
        assert!(findings(&RULE, "service-missing").is_empty());
        assert!(findings(&RULE, "readiness-fails").is_empty());
    }

    #[test]
    fn refused_slices_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::EndpointSlices)[0].what(),
            "endpointslices"
        );
    }
}
