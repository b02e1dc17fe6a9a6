//! The governing Service's selector leaves pods of the set out: they have no DNS name.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Safety};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule, endpoints, names};
use crate::model::objects::{Service, pairs};

pub(super) const RULE: Rule = Rule {
    code: "STS403",
    name: "service-misses-pods",
    explain: "\
## What it means
The Service that `spec.serviceName` names selects other labels than the pods have, so it publishes none of them, or only some:
the others' names do not resolve. Pods start all the same.
## How it is detected
The Service's selector does not match the labels of a pod that the set has (without pods: of its template); or it has none, and
nobody wrote slices for it by hand. An error where the template uses such names, or a pod that runs is not Ready; for information while all is Ready and nothing
shows that the names are needed. The ledger's DNS column says what is published.
## What to do
Set the Service's selector to labels that all pods have: the records appear at once, without a restart. Not where the Service
selects other pods as well: whoever uses it means those.
## When it is fine
When nobody uses the pods' names.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    cx.need(&cx.linked.snapshot.pods)?;
    let Some(service) = cx.model.service.filter(|service| !service.external()) else {
        return Ok(Outcome::default());
    };
    // Without a selector somebody makes the slices by hand.
    if service.spec.selector.is_empty() && !endpoints::served(cx)?.is_empty() {
        return Ok(Outcome::default());
    }
    let pods: Vec<_> = cx
        .model
        .ordinals
        .iter()
        .filter_map(|row| Some((row.ordinal, row.pod?)))
        .collect();
    let missed = pods.iter().filter(|(_, pod)| !service.selects(&pod.metadata.labels));
    let missed: Vec<i64> = missed.map(|(ordinal, _)| *ordinal).collect();
    let template = || cx.set().spec.template.labels();
    let (whom, have) = match (missed.len(), pods.len()) {
        (0, 0) if service.selects(&template()) => return Ok(Outcome::default()),
        (0, 1..) => return Ok(Outcome::default()),
        (few, all) if few < all => (pod_names(&cx.model, &missed), "no DNS name leads there"),
        _ => ("any pod of the set".to_owned(), "none has a DNS name"),
    };
    let name = service.metadata.name.as_str();
    let need = names::need(cx, name);
    let (role, severity) = need.weight();
    let consequence = need.consequence();
    let object = ObjectRef::of("Service", &service.metadata);
    let labels = pods.iter().find(|(ordinal, _)| missed.contains(ordinal));
    let (whose, labels) = match labels {
        Some((_, pod)) => (ObjectRef::of("Pod", &pod.metadata), pod.metadata.labels.clone()),
        None => (ObjectRef::of("StatefulSet", &cx.set().metadata), template()),
    };
    let finding = Finding::new(
        role,
        severity,
        object.clone(),
        format!("does not select {whom}: {have}{consequence}"),
    )
    .ordinals(missed)
    .evidence(Evidence::field(object, "spec.selector", pairs(&service.spec.selector)))
    .evidence(Evidence::field(whose, "metadata.labels", pairs(&labels)))
    .remedy(remedy(cx, service));
    Ok(vec![finding].into())
}

fn remedy(cx: &Context<'_>, service: &Service) -> Remedy {
    let (name, namespace) = (service.metadata.name.as_str(), cx.namespace());
    let own = |pod: &str| {
        cx.model
            .rows()
            .any(|row| row.pod.is_some_and(|known| known.metadata.name == pod))
    };
    let mut pods = cx
        .linked
        .snapshot
        .pods
        .items
        .iter()
        .filter(|pod| pod.metadata.namespace == namespace);
    let stranger = pods.find(|pod| service.selects(&pod.metadata.labels) && !own(&pod.metadata.name));
    let selector = &cx.set().spec.selector;
    match stranger {
        Some(stranger) => {
            let text = format!(
                "give the set a Service of its own: {name} selects other pods too, {} for one",
                stranger.metadata.name
            );
            Remedy::new(text, Safety::ReadOnly)
                .command(&["kubectl", "get", "service", name, "-n", namespace, "-o", "yaml"])
        }
        None if selector.match_labels.is_empty() => {
            let text = format!("have Service {name} select a label that all pods have");
            Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "get", "pods", "-n", namespace, "--show-labels"])
        }
        None => {
            let text = format!("have Service {name} select the set's pods; records appear without a restart");
            let labels = pairs(&selector.match_labels);
            Remedy::new(text, Safety::Reversible)
                .command(&["kubectl", "set", "selector", "service", name, &labels, "-n", namespace])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::{Role, Severity};
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn names_that_are_used_make_it_an_error() {
        let found = findings(&RULE, "service-selects-no-pod");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Error));
        assert!(found[0].summary.starts_with("does not select any pod of the set"));
    }

    #[test]
    fn the_pods_that_are_left_out_are_named() {
        let found = findings(&RULE, "service-selects-some-pods");
        assert_eq!(found[0].ordinals, [0, 1]);
        assert!(found[0].summary.starts_with("does not select web-0 and web-1"));
    }

    #[test]
    fn names_that_nobody_uses_are_no_fault() {
        let found = findings(&RULE, "healthy-service-selects-no-pod");
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn a_pod_that_runs_and_is_not_ready_may_need_them() {
        let found = findings_after(&RULE, "crash-loop-oom", |snapshot| {
            for service in &mut snapshot.services.items {
                service.spec.selector.insert("app".to_owned(), "other".to_owned());
            }
        });
        assert_eq!(found[0].severity, Severity::Error);
    }

    #[test]
    fn a_service_of_others_is_left_as_it_is() {
        let found = findings_after(&RULE, "service-selects-no-pod", |snapshot| {
            let mut stranger = snapshot.pods.items[0].clone();
            stranger.metadata.name = "website-0".to_owned();
            stranger.metadata.labels.insert("app".to_owned(), "website".to_owned());
            snapshot.pods.items.push(stranger);
        });
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.safety, Safety::ReadOnly);
        assert!(remedy.text.contains("website-0"));
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "service-selects-no-pod", Resource::Services)[0].resource,
            Resource::Services
        );
    }
}
